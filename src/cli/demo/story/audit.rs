//! The record of it all, and the proof that it is whole.

use std::path::Path;

use serde_json::{Value, json};

use super::scene::{Scene, text};
use crate::{
    cli::demo::{Stopped, proof, stage::Stage},
    config::Environment,
};

/// Reads the newest records.
pub(super) async fn list(scene: &mut Scene<'_>) -> Result<(), Stopped> {
    scene.stage.step("Read the audit trail: who did what and how it ended, refusals too.");
    let listed = scene.ok("list_audit", json!({ "limit": 8 }), |_| vec![]).await?;
    let records = listed["records"].as_array().map(Vec::as_slice).unwrap_or_default();
    scene.expect(!records.is_empty(), || "the audit trail is empty".to_owned())?;
    scene.stage.answer(&records.iter().map(line).collect::<Vec<_>>());
    scene.stage.explain("No arguments and no personal data: a person appears as a keyed hash.");
    Ok(())
}

fn line(record: &Value) -> String {
    let time = text(record, "/at").split_once('T').map_or("", |(_, time)| time.get(..8).unwrap_or(time));
    let subject = record["subject"].as_str().and_then(|hash| hash.get(..8)).unwrap_or("-");
    format!(
        "{time} {subject:<8} {:<21} {:<8} {}",
        text(record, "/tool"),
        text(record, "/phase"),
        text(record, "/decision")
    )
}

/// Proves the trail that the server left, now that it has ended.
pub(in crate::cli::demo) async fn prove(stage: &mut Stage, env: &Environment, data: &Path) -> Result<(), Stopped> {
    let unexpected = |stage: &Stage, what: String| Stopped::Unexpected { step: stage.step_number(), what };
    stage.then("The server has ended. Prove the trail it left, by a command of the operator's.");
    let command = format!("customerio-mcp {} --data\u{a0}<the same>", proof::ARGUMENTS.join(" "));
    stage.command(&command);
    let report = proof::verify(env, data).await.map_err(|what| unexpected(stage, what))?;
    stage.note(json!({ "command": "audit verify", "answer": report }));
    let whole = report["faults"].as_array().is_some_and(Vec::is_empty);
    let records = report["records"].as_u64().unwrap_or_default();
    if !whole || records < stage.tally.calls {
        let what = format!("{} calls should be on the record, and nothing at fault: {report}", stage.tally.calls);
        return Err(unexpected(stage, what));
    }
    stage.answer(&[format!(
        "{records} records in {} hash chain, {} at fault: nothing was changed, removed or put in",
        report["chains"],
        report["faults"].as_array().map_or(0, Vec::len),
    )]);
    Ok(())
}
