//! Looking at an e-mail before it is sent: render, preview, review.

use serde_json::{Map, Value, json};

use super::{body, emails::find, object};
use crate::{
    clock::SharedClock,
    liquid,
    sandbox::{
        reply::{Answer, Reply},
        request::Call,
        world::World,
    },
};

/// Gmail cuts a message off here, in bytes.
const CLIPPED_BYTES: usize = 102 * 1024;
const NAMESPACES: [&str; 8] = ["customer", "event", "trigger", "journey", "objects", "campaign", "message", "content"];
const PARTS: [&str; 3] = ["subject", "preheader_text", "html"];

/// `GET /v1/design_studio/emails/{id}/render`: the markup of the draft, its Liquid as it stands.
pub(in crate::sandbox) fn render(world: &mut World, call: &Call) -> Answer {
    let email = find(world, call)?;
    let part = |key: &str| email.draft.text(key);
    Ok(Reply::ok(&json!({"node_id": email.node.id, "subject": part("subject"),
        "preheader_text": part("preheader_text"), "html": part("html")})))
}

/// `POST /v1/design_studio/emails/{id}/preview`: with Liquid evaluated against the data of the request. What cannot be
/// rendered stands in `errors` under its part.
pub(in crate::sandbox) fn preview(world: &mut World, call: &Call) -> Answer {
    let email = find(world, call)?;
    let body = body(call)?;
    let mut namespaces = Map::new();
    for name in NAMESPACES {
        namespaces.insert(name.to_owned(), Value::Object(object(&body, name)?));
    }
    namespaces.insert("delivery_id".to_owned(), json!("unsent"));
    let clock: SharedClock = world.clock.clone();
    let snippets = world.snippets.iter().map(|(name, snippet)| (name.clone(), snippet.value.clone())).collect();
    let data = liquid::Data { namespaces, snippets, links: liquid::Links::default(), clock };
    let mut answer = json!({"node_id": email.node.id});
    let mut errors = Map::new();
    for key in PARTS {
        match liquid::render(email.draft.text(key), &data) {
            Ok(text) => answer[key] = json!(text),
            Err(problem) => {
                answer[key] = json!("");
                errors.insert(key.to_owned(), json!([problem.to_string()]));
            }
        }
    }
    answer["errors"] = Value::Object(errors);
    Ok(Reply::ok(&answer))
}

/// `GET /v1/design_studio/emails/{id}/review`: the checks that need neither a browser nor the network; the others are
/// told as skipped.
pub(in crate::sandbox) fn review(world: &mut World, call: &Call) -> Answer {
    let email = find(world, call)?;
    let html = email.draft.text("html");
    let broken: Vec<_> =
        PARTS.iter().filter_map(|key| liquid::variables(email.draft.text(key)).err()).map(|e| e.to_string()).collect();
    let unsubscribes = html.contains("unsubscribe") || html.contains("manage_subscription_preferences_url");
    let preheader = email.draft.text("preheader_text");
    let outcome = |ok: bool, issue: &str| if ok { ("passed", Vec::new()) } else { ("failed", vec![issue.to_owned()]) };
    let judged = [
        ("liquid", (if broken.is_empty() { "passed" } else { "failed" }, broken)),
        ("unsubscribe", outcome(unsubscribes, "there is no unsubscribe link")),
        ("html-clip", outcome(html.len() <= CLIPPED_BYTES, "the message is longer than 102 KB")),
        ("preheader", outcome(!preheader.trim().is_empty(), "there is no preheader text")),
    ];
    let passed = judged.iter().filter(|(_, (status, _))| *status == "passed").count();
    let score = passed * 100 / judged.len();
    let skipped = ["failed-components", "source", "links", "images", "accessibility", "spam", "implied-links"];
    let checks: Vec<_> = judged
        .iter()
        .map(|(name, (status, issues))| json!({"name": name, "status": status, "issues": issues}))
        .chain(skipped.iter().map(|name| json!({"name": name, "status": "skipped", "issues": []})))
        .collect();
    Ok(Reply::ok(&json!({"node_id": email.node.id, "score": score, "checks": checks})))
}
