//! The record of it all, and the proof that it is whole.

use std::path::Path;

use serde_json::{Value, json};

use super::scene::{Scene, text};
use crate::cli::demo::{Stopped, proof, stage::Stage};

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
pub(in crate::cli::demo) async fn prove(stage: &mut Stage, data: &Path) -> Result<(), Stopped> {
    let unexpected = |stage: &Stage, what: String| Stopped::Unexpected { step: stage.step_number(), what };
    stage.then("The server has ended. Prove the trail it left behind, without it.");
    stage.command("audit verify  --workspace sandbox --data <temporary directory>");
    let report = proof::verify(data).await.map_err(|what| unexpected(stage, what))?;
    let faults: Vec<String> =
        report.faults.iter().map(|fault| format!("{} {}: {}", fault.writer, fault.sequence, fault.reason)).collect();
    let answer =
        json!({ "chains": report.chains, "records": report.records, "pruned": report.pruned, "faults": faults });
    stage.note(json!({ "command": "audit verify", "answer": answer }));
    if !faults.is_empty() {
        return Err(unexpected(stage, format!("the audit trail is not whole: {}", faults.join("; "))));
    }
    if report.records < stage.tally.calls {
        return Err(unexpected(stage, format!("{} calls left {} records", stage.tally.calls, report.records)));
    }
    stage.answer(&[format!(
        "{} records in {} hash chain: nothing changed, removed or put in",
        report.records, report.chains
    )]);
    Ok(())
}
