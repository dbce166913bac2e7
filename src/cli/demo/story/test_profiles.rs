//! Somebody to test on: tagged, counted, removed at the end.

use serde_json::{Value, json};

use super::{
    Imported,
    scene::{Scene, identifiers, identify},
};
use crate::cli::demo::{Stopped, export::Person};

/// Makes a test profile: of the line that was refused as one, else of identifiers of our own.
pub(super) async fn make(scene: &mut Scene<'_>, imported: &Imported, prefix: &str) -> Result<Person, Stopped> {
    let refused = imported.refused.iter().find(|(_, answer)| answer["error"] == "test_profile_expected");
    let (person, intent) = match refused {
        Some((person, _)) => {
            (person.clone(), format!("Line {} was a test address after all: make it a test profile.", person.number))
        }
        None => (of_our_own(prefix), "Make a test profile, to try messages on.".to_owned()),
    };
    scene.stage.step(&intent);
    let mut arguments = identify(&person.id, &person.email, None);
    arguments["test"] = json!(true);
    let made = scene
        .ok("identify_customer", arguments, |answer| {
            let until = answer["test_expires_at"].as_i64().and_then(|at| jiff::Timestamp::from_second(at).ok());
            let until = until.map(|until| until.to_string()).unwrap_or_default();
            vec![
                format!("{}, {}", answer["action"].as_str().unwrap_or_default(), identifiers(&answer["customer"])),
                format!("tagged as a test, expires {until}"),
            ]
        })
        .await?;
    scene.expect(made["test_expires_at"].is_i64(), || format!("the profile does not expire: {made}"))?;
    scene.stage.tally.created += 1;
    let listed = scene
        .ok("list_test_customers", json!({}), |answer| {
            vec![format!("{} of at most {} test profiles", answer["active"], answer["quota"])]
        })
        .await?;
    scene.expect(listed["active"] == 1, || format!("there should be one test profile: {listed}"))?;
    Ok(person)
}

fn of_our_own(prefix: &str) -> Person {
    let id = format!("{prefix}demo_try");
    Person { number: 0, id, email: "terry+qa@example.com".to_owned(), attributes: serde_json::Map::new() }
}

/// Removes the test profiles again.
pub(super) async fn clean_up(scene: &mut Scene<'_>) -> Result<(), Stopped> {
    scene.stage.step("Remove the test profiles; only what ledger and tag both claim is deleted.");
    let show = |answer: &Value| vec![format!("{} deleted and read back as gone", answer["deleted"])];
    let deleted = scene.planned("delete_test_customers", json!({ "only_expired": false }), show).await?;
    scene.expect(deleted["deleted"] == 1, || format!("one test profile should be deleted: {deleted}"))?;
    let show = |answer: &Value| vec![format!("{} of at most {} test profiles", answer["active"], answer["quota"])];
    let listed = scene.ok("list_test_customers", json!({}), show).await?;
    scene.expect(listed["active"] == 0, || format!("no test profile should be left: {listed}"))
}
