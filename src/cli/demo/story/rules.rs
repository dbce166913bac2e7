//! The beginning: what is allowed here, and how people are identified.

use serde_json::{Value, json};

use super::scene::{Scene, identify, text};
use crate::cli::{
    demo::{Stopped, child, export::Export, page},
    output::HEADING,
};

/// Says what is going to be watched, and who it is that answers.
pub(super) async fn open(scene: &mut Scene<'_>, export: &Export) -> Result<(), Stopped> {
    let greeting = scene.child.greeting().await;
    scene.expect(greeting.is_ok(), || "the server did not list its tools".to_owned())?;
    let Ok(greeting) = greeting else { return Ok(()) };
    let command = format!("customerio-mcp {} --data <temporary directory>", child::ARGUMENTS.join(" "));
    scene.stage.note(json!({
        "server": { "name": greeting.name, "version": greeting.version, "protocol": greeting.protocol,
                    "tools": greeting.tools, "command": command },
        "export": { "source": export.source, "lines": export.lines.len() },
    }));
    scene.stage.page(format!("{HEADING}A day's work of an agent at Customer.io, with guardrails{HEADING:#}\n\n"));
    let rows = [
        ("  server   ", command.replace("--data ", "--data\u{a0}")),
        (
            "           ",
            format!(
                "{} {}, a child process; MCP {} over stdio, {} tools",
                greeting.name, greeting.version, greeting.protocol, greeting.tools
            ),
        ),
        ("  client   ", "this process, in the agent's place: no model, a fixed plan".to_owned()),
        ("  export   ", format!("{}, {} lines of customers", export.source, export.lines.len())),
    ];
    for (name, row) in rows {
        scene.stage.page(page::paragraph(name, &row, anstyle::Style::new()));
    }
    scene.stage.page(page::paragraph(
        "  ",
        "Customer.io itself is imitated inside the server: no account, no network. Calls are marked →, answers ←, \
         refusals ✗, calls that must be confirmed ‖. What the server answered is put into words; --json shows it whole.",
        page::ASIDE,
    ));
    Ok(())
}

/// Looks at the guardrails.
pub(super) async fn look(scene: &mut Scene<'_>) -> Result<(), Stopped> {
    scene.stage.step("Look at what is allowed here, before anything else.");
    let answer = scene.ok("get_guardrails", json!({}), guardrails).await?;
    scene.expect(answer.get("identity_strategy").is_none(), || "a new sandbox has an identity strategy".to_owned())?;
    scene.expect(answer["kind"] == "sandbox", || format!("the workspace is not the sandbox: {answer}"))
}

fn guardrails(answer: &Value) -> Vec<String> {
    let strategy = if answer.get("identity_strategy").is_some() { "declared" } else { "none declared yet" };
    let by = |decision: &str| {
        let policy = answer["policy"].as_object().into_iter().flatten();
        let effects = policy.filter(|(_, decided)| *decided == decision).map(|(effect, _)| effect.replace('_', " "));
        effects.collect::<Vec<_>>().join(", ")
    };
    let budgets = answer["budgets"].as_array().into_iter().flatten().filter(|budget| budget["per"] == "day");
    let budgets: Vec<String> =
        budgets.map(|budget| format!("{} {}", budget["limit"], text(budget, "/budget").replace('_', " "))).collect();
    vec![
        format!("workspace {} ({}), identity strategy: {strategy}", text(answer, "/workspace"), text(answer, "/kind")),
        format!("allowed: {}", by("allow")),
        format!("only after a plan: {}", by("preview")),
        format!("a day: {}", budgets.join(", ")),
        format!("personal data in answers: {}", text(answer, "/personal_data")),
    ]
}

/// Tries to write before anybody has said who is who.
pub(super) async fn write_too_early(scene: &mut Scene<'_>, export: &Export) -> Result<(), Stopped> {
    let Some(first) = export.people().next() else { return Ok(()) };
    scene.stage.step("Create the export's first person at once.");
    let arguments = identify(&first.id, &first.email, None);
    scene.refused("identify_customer", arguments, "identity_strategy_required").await.map(drop)
}

/// Declares the strategy that the export's ids follow, and returns the prefix that new ids need.
pub(super) async fn declare(scene: &mut Scene<'_>, export: &Export) -> Result<String, Stopped> {
    let (form, prefix, why) = match export.id_prefix() {
        Some((prefix, count)) => {
            let all = export.people().count();
            (
                format!("prefix:{prefix}"),
                prefix.clone(),
                format!("{count} of {all} ids in the export begin with `{prefix}`"),
            )
        }
        None => ("any".to_owned(), String::new(), "the export's ids have no form in common".to_owned()),
    };
    scene.stage.step("Say how people are identified, as the user confirms it.");
    scene.stage.explain(&format!("The plan's reason: {why}."));
    let strategy = json!({ "primary": "id", "id_form": form, "source": "column id of the shop's customer export" });
    let answer = scene
        .ok("declare_identity_strategy", strategy, |answer| {
            let declared = &answer["declared"];
            vec![format!(
                "declared: primary {}, ids of form {}",
                text(declared, "/primary"),
                text(declared, "/id_form")
            )]
        })
        .await?;
    scene.expect(answer["declared"]["id_form"] == form, || format!("another strategy was declared: {answer}"))?;
    Ok(prefix)
}
