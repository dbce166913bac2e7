//! Calls as the story makes them: shown, answered, and held to what the story says of them.

use serde_json::{Value, json};

use crate::cli::demo::{Stopped, child::Child, stage::Stage};

/// A stage with a server behind it.
pub(super) struct Scene<'a> {
    pub(super) stage: &'a mut Stage,
    pub(super) child: &'a Child,
}

impl Scene<'_> {
    /// Calls a tool without showing it; JSON lines have it all the same.
    pub(super) async fn quietly(&mut self, tool: &'static str, arguments: &Value) -> Result<Value, Stopped> {
        let members = arguments.as_object().cloned().unwrap_or_default();
        let answer = self.child.call(tool, members).await.map_err(|what| self.unexpected(what))?;
        self.stage.record(tool, arguments, &answer);
        Ok(answer)
    }

    /// Calls a tool that must succeed.
    pub(super) async fn ok(
        &mut self,
        tool: &'static str,
        arguments: Value,
        show: impl FnOnce(&Value) -> Vec<String>,
    ) -> Result<Value, Stopped> {
        self.stage.call(tool, &arguments);
        let answer = self.quietly(tool, &arguments).await?;
        self.expect(answer.get("error").is_none(), || format!("{tool} was refused: {answer}"))?;
        self.stage.answer(&show(&answer));
        Ok(answer)
    }

    /// Calls a tool that must be refused with this code.
    pub(super) async fn refused(&mut self, tool: &'static str, arguments: Value, code: &str) -> Result<Value, Stopped> {
        self.stage.call(tool, &arguments);
        let answer = self.quietly(tool, &arguments).await?;
        self.expect(answer["error"] == code, || format!("{tool} should be refused with {code}: {answer}"))?;
        self.stage.refusal(&answer);
        Ok(answer)
    }

    /// Calls a tool that must answer with a plan first, and again with the plan's token.
    pub(super) async fn planned(
        &mut self,
        tool: &'static str,
        mut arguments: Value,
        show: impl FnOnce(&Value) -> Vec<String>,
    ) -> Result<Value, Stopped> {
        let plan = self.refused(tool, arguments.clone(), "preview_required").await?;
        self.stage.aside("plan: ", &plan_in_words(&plan["details"]));
        arguments["plan_token"] = plan["details"]["plan_token"].clone();
        self.ok(tool, arguments, show).await
    }

    /// Ends the demonstration unless something holds.
    pub(super) fn expect(&self, holds: bool, what: impl FnOnce() -> String) -> Result<(), Stopped> {
        if holds { Ok(()) } else { Err(self.unexpected(what())) }
    }

    fn unexpected(&self, what: String) -> Stopped {
        Stopped::Unexpected { step: self.stage.step_number(), what }
    }
}

fn plan_in_words(plan: &Value) -> String {
    let count = match plan["audience"]["count"].as_str() {
        Some("exact") => "exactly ",
        Some("at_most") => "at most ",
        Some("unknown") => "nobody knows how many, counted as ",
        _ => "",
    };
    let target = plan["target"].as_str().map(|target| format!(", {target}")).unwrap_or_default();
    format!(
        "{} in workspace {}{target}: {count}{}; good until {}",
        text(plan, "/effect"),
        text(plan, "/workspace"),
        people(plan["audience"]["people"].as_u64().unwrap_or_default()),
        text(plan, "/expires_at"),
    )
}

/// The text at a place of an answer, empty if there is none.
pub(super) fn text<'a>(answer: &'a Value, pointer: &str) -> &'a str {
    answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A number of people.
pub(super) fn people(count: u64) -> String {
    if count == 1 { "1 person".to_owned() } else { format!("{count} people") }
}

/// The identifiers a person has, as an answer shows them.
pub(super) fn identifiers(customer: &Value) -> String {
    let shown =
        ["id", "email", "cio_id"].into_iter().filter_map(|kind| Some(format!("{kind} {}", customer[kind].as_str()?)));
    shown.collect::<Vec<_>>().join(", ")
}

/// Arguments of `identify_customer`, with what there is and as it stands.
pub(super) fn identify(id: &str, email: &str, attributes: Option<Value>) -> Value {
    let mut arguments = json!({});
    for (name, value) in [("id", id), ("email", email)] {
        if !value.is_empty() {
            arguments[name] = json!(value);
        }
    }
    if let Some(attributes) = attributes {
        arguments["attributes"] = attributes;
    }
    arguments
}
