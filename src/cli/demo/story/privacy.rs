//! The right to be forgotten.

use serde_json::{Value, json};

use super::{
    activity::{Segment, count},
    scene::{Scene, identify, text},
};
use crate::cli::demo::Stopped;

/// Erases one of the segment's members, and tries to bring them back.
pub(super) async fn play(scene: &mut Scene<'_>, segment: &Segment, prefix: &str) -> Result<(), Stopped> {
    let Some(person) = segment.members.iter().find(|person| !person.email.is_empty()) else {
        return scene.expect(false, || "nobody in the segment has an e-mail address".to_owned());
    };
    scene.stage.step(&format!("{} asks to be forgotten (GDPR): erase them.", person.id));
    scene.stage.explain("Gone is gone only when it is read so twice, five seconds apart.");
    let erased = scene.planned("erase_customer", json!({ "customer": person.id }), receipt).await?;
    scene.expect(erased["status"] == "erased", || format!("the person should be erased: {erased}"))?;
    scene.stage.tally.erased += 1;
    scene.stage.then("Their old address turns up in tomorrow's export, under a new id.");
    let back = identify(&format!("{prefix}88888"), &person.email, None);
    scene.refused("identify_customer", back, "customer_erased").await?;
    scene.stage.then("The segment has one member less.");
    count(scene, &segment.id, segment.members.len() - 1).await
}

fn receipt(answer: &Value) -> Vec<String> {
    let receipt = &answer["receipt"];
    let listed = |name: &str| {
        let items = receipt[name].as_array().into_iter().flatten().filter_map(Value::as_str);
        items.collect::<Vec<_>>().join("; ")
    };
    vec![
        format!("{}, receipt {}", text(answer, "/status"), text(receipt, "/erasure_id")),
        format!("requested {}, verified {}", text(receipt, "/requested_at"), text(receipt, "/verified_at")),
        format!("verified: {}", listed("verified")),
        format!("accepted, cannot be verified: {}", listed("accepted_unverifiable")),
        format!("not covered: {}", listed("not_covered")),
    ]
}
