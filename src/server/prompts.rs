//! Prompts: the common jobs, as a person starts them from a menu of their client.

use rmcp::{
    ErrorData,
    model::{GetPromptResult, JsonObject, Prompt, PromptArgument, PromptMessage, Role},
};
use serde_json::Value;

use crate::tools::answer::View;

/// The most characters of an argument: a name or an id, not a text.
const MOST_CHARS: usize = 300;

/// A job, and what has to be said to begin it.
struct Job {
    name: &'static str,
    title: &'static str,
    description: &'static str,
    arguments: &'static [Argument],
    text: &'static str,
}

struct Argument {
    name: &'static str,
    description: &'static str,
}

const CUSTOMER: Argument =
    Argument { name: "customer", description: "Whoever it is about: an id, an e-mail address or a cio_id" };

const JOBS: &[Job] = &[
    Job {
        name: "welcome_customer",
        title: "Welcome a customer",
        description: "Look a customer up, preview the welcome message for them, and send it when you agree",
        arguments: &[CUSTOMER],
        text: include_str!("prompts/welcome_customer.md"),
    },
    Job {
        name: "investigate_missing_message",
        title: "Investigate a missing message",
        description: "Why did, or did not, this customer get that message?",
        arguments: &[
            CUSTOMER,
            Argument {
                name: "message",
                description: "The message: a template, campaign, newsletter or delivery, by name or id",
            },
        ],
        text: include_str!("prompts/investigate_missing_message.md"),
    },
    Job {
        name: "answer_erasure_request",
        title: "Answer an erasure request",
        description: "Erase a person for good (GDPR, CCPA), with a receipt",
        arguments: &[CUSTOMER],
        text: include_str!("prompts/answer_erasure_request.md"),
    },
    Job {
        name: "read_ab_test",
        title: "Read an A/B test",
        description: "Which variant of a newsletter is better, and can that be said yet?",
        arguments: &[Argument { name: "newsletter_id", description: "The newsletter that is tested" }],
        text: include_str!("prompts/read_ab_test.md"),
    },
];

/// Every prompt, as a client lists them.
pub(super) fn list() -> Vec<Prompt> {
    let argument = |argument: &Argument| {
        PromptArgument::new(argument.name).with_description(argument.description).with_required(true)
    };
    let prompt = |job: &Job| {
        let arguments = job.arguments.iter().map(argument).collect();
        Prompt::new(job.name, Some(job.description), Some(arguments)).with_title(job.title)
    };
    JOBS.iter().map(prompt).collect()
}

/// A prompt with its arguments filled in.
pub(super) fn get(name: &str, given: Option<&JsonObject>, view: &View) -> Result<GetPromptResult, ErrorData> {
    let job = JOBS.iter().find(|job| job.name == name).ok_or_else(|| {
        let names: Vec<&str> = JOBS.iter().map(|job| job.name).collect();
        invalid(format!("There is no such prompt. There are: {}.", names.join(", ")))
    })?;
    let unknown = given.and_then(|given| given.keys().find(|name| job.arguments.iter().all(|one| one.name != *name)));
    if let Some(unknown) = unknown {
        let names: Vec<&str> = job.arguments.iter().map(|argument| argument.name).collect();
        let unknown: String = unknown.chars().take(40).flat_map(char::escape_debug).collect();
        return Err(invalid(format!("`{unknown}` is not an argument of {name}, which takes {}.", names.join(", "))));
    }
    let mut text = job.text.trim_end().to_owned();
    for argument in job.arguments {
        let value = given.and_then(|given| given.get(argument.name)).and_then(Value::as_str).map(str::trim);
        let value = value
            .filter(|value| !value.is_empty() && value.chars().count() <= MOST_CHARS)
            .ok_or_else(|| invalid(format!("`{}` must be a text of 1 to {MOST_CHARS} characters.", argument.name)))?;
        // In quotation marks and on one line, so that what was typed or pasted does not pass for a step of the job.
        text = text.replace(&format!("{{{}}}", argument.name), &Value::from(view.argument(value)).to_string());
    }
    let message = PromptMessage::new_text(Role::User, text);
    Ok(GetPromptResult::new(vec![message]).with_description(job.description))
}

/// The arguments of a prompt by their names.
pub(super) fn takes(name: &str, argument: &str) -> bool {
    JOBS.iter().any(|job| job.name == name && job.arguments.iter().any(|one| one.name == argument))
}

fn invalid(message: String) -> ErrorData {
    ErrorData::invalid_params(message, None)
}
