//! What people did, and a segment of them.

use serde_json::{Value, json};

use super::{
    Imported,
    scene::{Scene, people, text},
};
use crate::cli::demo::{Stopped, export::Person};

/// The most people that one call puts into a segment.
const MOST_IN_ONE_CALL: usize = 100;

/// Orders that make a regular customer.
const REGULAR: i64 = 10;

/// The segment made, with its members.
pub(super) struct Segment {
    pub(super) id: Value,
    pub(super) members: Vec<Person>,
}

/// Records a few orders, one of them of nobody.
pub(super) async fn events(scene: &mut Scene<'_>, imported: &Imported, prefix: &str) -> Result<(), Stopped> {
    scene.stage.step("Record today's orders as events.");
    for (at, person) in imported.created.iter().filter(|person| !person.id.is_empty()).take(2).enumerate() {
        let data = json!({ "order_id": format!("A-{}", 2001 + at), "total": 24.5 });
        let event = json!({ "customer": person.id, "name": "order_placed", "data": data });
        let answer = scene
            .ok("track_event", event, |answer| {
                vec![format!("{}, event {}", text(answer, "/result"), text(answer, "/event_id"))]
            })
            .await?;
        scene.expect(answer["result"] == "accepted", || format!("the event was not accepted: {answer}"))?;
    }
    scene.stage.then("The third order has a misspelt customer; Customer.io would make a new one.");
    let event =
        json!({ "customer": format!("{prefix}99999"), "name": "order_placed", "data": { "order_id": "A-2003" } });
    scene.refused("track_event", event, "customer_not_found").await.map(drop)
}

/// Makes a segment of regular customers and counts it.
pub(super) async fn segment(scene: &mut Scene<'_>, imported: &Imported) -> Result<Segment, Stopped> {
    let members = regulars(imported);
    scene.stage.step(&format!("Gather the {} who ordered most in a segment.", people(members.len() as u64)));
    let made = scene
        .ok("create_segment", json!({ "name": "Regulars" }), |answer| {
            vec![format!("{}: segment {} \"{}\"", text(answer, "/result"), answer["segment_id"], text(answer, "/name"))]
        })
        .await?;
    let id = made["segment_id"].clone();
    let ids: Vec<&str> = members.iter().map(|person| person.id.as_str()).collect();
    scene
        .ok("add_to_segment", json!({ "segment_id": id, "customers": ids }), |answer| {
            vec![format!("{} for {} customers", text(answer, "/result"), answer["customers"])]
        })
        .await?;
    count(scene, &id, members.len()).await?;
    Ok(Segment { id, members })
}

/// Counts a segment, which must have that many members.
pub(super) async fn count(scene: &mut Scene<'_>, id: &Value, expected: usize) -> Result<(), Stopped> {
    let shown = scene
        .ok("get_segment", json!({ "segment_id": id }), |answer| {
            let segment = &answer["segment"];
            let kind = text(segment, "/type");
            vec![format!(
                "\"{}\", {kind}: {}",
                text(segment, "/name"),
                people(answer["customers"].as_u64().unwrap_or(0))
            )]
        })
        .await?;
    scene.expect(shown["customers"] == expected, || format!("the segment should count {expected}: {shown}"))
}

/// People with many orders, else the first three.
fn regulars(imported: &Imported) -> Vec<Person> {
    let with_id = || imported.created.iter().filter(|person| !person.id.is_empty());
    let orders = |person: &Person| person.attributes.get("orders").and_then(Value::as_i64).unwrap_or(0);
    let regulars: Vec<Person> =
        with_id().filter(|person| orders(person) >= REGULAR).take(MOST_IN_ONE_CALL).cloned().collect();
    if regulars.len() > 1 { regulars } else { with_id().take(3).cloned().collect() }
}
