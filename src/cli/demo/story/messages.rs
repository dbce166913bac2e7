//! A message: looked at first, mended, sent once.

use serde_json::{Value, json};

use super::{
    Imported,
    scene::{Scene, text},
};
use crate::cli::demo::{Stopped, export::Person, page};

/// The template: it greets by first name and has no fallback.
const TEMPLATE: &str = "welcome";

/// Previews, mends, previews, sends, sends again, and waits for the delivery.
pub(super) async fn play(scene: &mut Scene<'_>, imported: &Imported, test: &Person) -> Result<(), Stopped> {
    let nameless = |person: &&Person| {
        !person.id.is_empty() && !person.email.is_empty() && !person.attributes.contains_key("first_name")
    };
    let recipient = imported.created.iter().find(nameless).unwrap_or(test);
    preview(scene, recipient).await?;
    send(scene, recipient).await
}

async fn preview(scene: &mut Scene<'_>, recipient: &Person) -> Result<(), Stopped> {
    let message = json!({ "template": TEMPLATE, "customer": recipient.id });
    scene.stage.step(&format!("Welcome {} by e-mail, and look at the message first.", recipient.id));
    let before = scene.ok("preview_message", message.clone(), verdict).await?;
    scene.expect(before["verdict"] == "fails", || format!("the message should fail: {before}"))?;

    let name = name_in(&recipient.email);
    scene.stage.then(&format!("The name is missing. The user knows it ({name}): add it, look again."));
    let mend = json!({ "id": recipient.id, "attributes": { "first_name": name } });
    let mended = scene
        .ok("identify_customer", mend, |answer| {
            vec![format!("{}, {}", text(answer, "/action"), text(answer, "/result"))]
        })
        .await?;
    scene.expect(mended["action"] == "updated", || format!("the person should be updated: {mended}"))?;

    let after = scene.ok("preview_message", message, verdict).await?;
    scene.expect(after["verdict"] == "renders", || format!("the message should render: {after}"))?;
    let part = |name: &str| rendered(&after, name);
    scene.expect(part("body").contains(&name), || format!("the name is not in the message: {after}"))?;
    scene.stage.page(page::framed(&format!("Subject: {}", part("subject")), &page::text_of_html(&part("body"))));
    Ok(())
}

async fn send(scene: &mut Scene<'_>, recipient: &Person) -> Result<(), Stopped> {
    let message = json!({ "template": TEMPLATE, "customer": recipient.id });
    scene.stage.step("Send it.");
    let show = |answer: &Value| vec![format!("{}, delivery {}", text(answer, "/state"), text(answer, "/delivery_id"))];
    let sent = scene.ok("send_transactional", message.clone(), show).await?;
    scene.stage.then("The agent lost the answer and repeats the call, as agents do.");
    let again = scene
        .ok("send_transactional", message, |answer| {
            vec![format!(
                "delivery {}, duplicate_of {}: the first answer again, nothing was sent",
                text(answer, "/delivery_id"),
                text(answer, "/duplicate_of")
            )]
        })
        .await?;
    let same = again["delivery_id"] == sent["delivery_id"] && again.get("duplicate_of").is_some();
    scene.expect(same, || format!("the repeat should be the first answer: {again}"))?;
    arrived(scene, recipient, &sent["delivery_id"]).await
}

/// Waits for the delivery, and holds that it is the only one.
async fn arrived(scene: &mut Scene<'_>, recipient: &Person, delivery: &Value) -> Result<(), Stopped> {
    scene.stage.then("Wait until it has arrived, and count what the person was sent.");
    let arrived = scene
        .ok("get_delivery", json!({ "delivery_id": delivery, "wait_seconds": 20 }), |answer| {
            vec![format!(
                "{} to {}: {}",
                text(answer, "/state"),
                text(answer, "/to"),
                text(answer, "/subject/untrusted")
            )]
        })
        .await?;
    scene.expect(arrived["state"] == "delivered", || format!("the message should be delivered: {arrived}"))?;
    let seen = scene
        .ok("get_customer", json!({ "customer": recipient.id, "detail": "full" }), |answer| {
            vec![format!("{} e-mail in their history", sent_to(answer))]
        })
        .await?;
    scene.expect(sent_to(&seen) == 1, || format!("exactly one e-mail should have been sent: {seen}"))?;
    scene.stage.tally.delivered += 1;
    Ok(())
}

fn sent_to(answer: &Value) -> usize {
    let activity = answer["activity"].as_array().into_iter().flatten();
    activity.filter(|line| line["type"] == "sent_email").count()
}

fn verdict(answer: &Value) -> Vec<String> {
    let mut said = vec![format!("verdict: {}", text(answer, "/verdict"))];
    if answer.get("failure").is_some() {
        said.push(format!("in the {}: {}", text(answer, "/failure/part"), text(answer, "/failure/message")));
        said.extend(
            answer.pointer("/findings/0/message").and_then(Value::as_str).map(|how| format!("how to mend it: {how}")),
        );
    }
    said
}

fn rendered(answer: &Value, part: &str) -> String {
    let parts = answer.pointer("/rendered/untrusted").and_then(Value::as_array).into_iter().flatten();
    let found = parts.into_iter().find(|rendered| rendered["part"] == part);
    found.map(|rendered| text(rendered, "/text").to_owned()).unwrap_or_default()
}

/// The name that an address begins with: `thandiwe.nkosi@…` is Thandiwe.
fn name_in(email: &str) -> String {
    let letters: String = email.trim().chars().take_while(|c| c.is_alphabetic()).collect::<String>().to_lowercase();
    let mut letters = letters.chars();
    letters.next().map_or_else(|| "Friend".to_owned(), |first| first.to_uppercase().chain(letters).collect())
}
