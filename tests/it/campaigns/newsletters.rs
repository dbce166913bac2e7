//! `send_newsletter`: now, later, and not after all.

use serde_json::{Value, json};

use super::{deliveries, refused, shop, told};
use crate::driver::Product;

async fn planned(product: &Product, more: Value) -> Value {
    let mut arguments = json!({ "newsletter_id": 2 });
    arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    product.planned("send_newsletter", arguments).await
}

#[tokio::test]
async fn a_draft_goes_out_to_its_audience() {
    let product = shop().await;
    let sent = planned(&product, json!({ "rate": 5, "rate_seconds": 60 })).await;
    insta::assert_snapshot!(sent, @r#"{"newsletter_id":2,"name":"Winter news","state":"sending","sent_at":1772442300,"untrusted_fields":["name"]}"#);
    product.clock.advance(std::time::Duration::from_mins(5));
    assert_eq!(deliveries(&product).await, 10);
    let again =
        told(&refused(&product, "send_newsletter", json!({ "newsletter_id": 2, "rate": 1, "rate_seconds": 60 })).await);
    insta::assert_snapshot!(again, @"conflict at newsletter_id: Newsletter 2 was sent already, and goes out once. Nothing was sent. | create_newsletter makes another; get_metrics shows how this one did.");
}

#[tokio::test]
async fn a_draft_is_scheduled_and_taken_off_again() {
    let product = shop().await;
    let at = "2026-03-03T09:00:00Z";
    let later = json!({ "scheduled_at": at, "timezone": "Europe/London", "match_timezones": true });
    insta::assert_snapshot!(planned(&product, later).await, @r#"{"newsletter_id":2,"name":"Winter news","state":"scheduled","scheduled_at":1772528400,"untrusted_fields":["name"]}"#);
    let twice = told(&refused(&product, "send_newsletter", json!({ "newsletter_id": 2 })).await);
    insta::assert_snapshot!(twice, @"conflict at newsletter_id: Newsletter 2 is scheduled already. Nothing was sent. | To send it at another time, call send_newsletter with `unschedule: true` first.");
    let off = product.ok("send_newsletter", json!({ "newsletter_id": 2, "unschedule": true })).await;
    insta::assert_snapshot!(off, @r#"{"newsletter_id":2,"name":"Winter news","state":"draft","untrusted_fields":["name"]}"#);
    product.clock.advance(std::time::Duration::from_hours(48));
    assert_eq!(deliveries(&product).await, 0);
    let (_, shown) = product.app("newsletters/2").await;
    assert_eq!(shown["newsletter"]["send_state"], "drafted");
}

#[tokio::test]
async fn a_scheduled_one_goes_out_when_its_time_has_come() {
    let product = shop().await;
    planned(&product, json!({ "scheduled_at": 1_772_500_000 })).await;
    assert_eq!(deliveries(&product).await, 0);
    product.clock.advance(std::time::Duration::from_hours(48));
    assert_eq!(deliveries(&product).await, 10);
}

#[tokio::test]
async fn a_wrong_call_is_told_what_is_right() {
    let product = shop().await;
    let mut answers = Vec::new();
    for arguments in [
        json!({ "newsletter_id": 99 }),
        json!({ "newsletter_id": 1 }),
        json!({ "newsletter_id": 99, "unschedule": true }),
        json!({ "newsletter_id": 2, "unschedule": true }),
        json!({ "newsletter_id": 2, "unschedule": true, "scheduled_at": 1_772_500_000 }),
        json!({ "newsletter_id": 2, "timezone": "Europe/London" }),
        json!({ "newsletter_id": 2, "scheduled_at": 1_772_500_000, "timezone": "Mars/Olympus" }),
        json!({ "newsletter_id": 2, "scheduled_at": 1_772_500_000, "match_timezones": true }),
        json!({ "newsletter_id": 2, "scheduled_at": 1_772_500_000_000_i64 }),
        json!({ "newsletter_id": 2, "rate": 5 }),
        json!({ "newsletter_id": 2, "rate": 5, "rate_seconds": 7 }),
        json!({ "newsletter_id": 2, "rate_seconds": 60 }),
    ] {
        answers.push(told(&refused(&product, "send_newsletter", arguments).await));
    }
    insta::assert_snapshot!(answers.join("\n"), @r#"
    not_found at newsletter_id: There is no newsletter 99. Nothing was changed. | list_campaigns shows those there are.
    conflict at newsletter_id: Newsletter 1 was sent already, and goes out once. Nothing was sent. | create_newsletter makes another; get_metrics shows how this one did.
    not_found at newsletter_id: There is no newsletter with this id. Nothing was changed. | list_campaigns with `kind: "newsletter"` shows those there are.
    conflict at newsletter_id: Newsletter 2 is not scheduled. Nothing was changed. | list_campaigns with `kind: "newsletter"` shows the state of each.
    invalid_argument at unschedule: `unschedule` goes with `newsletter_id` alone. Nothing was sent. | Take it off the schedule first, then call again with the new time.
    invalid_argument at timezone: `timezone` needs `scheduled_at`. Nothing was sent. | Give `scheduled_at` too.
    invalid_argument at timezone: `timezone` is no IANA time zone. Nothing was sent. | Give one such as `Europe/London`.
    invalid_argument at timezone: `match_timezones` needs the `timezone` meant. Nothing was sent. | Give `timezone` too.
    invalid_argument at scheduled_at: `scheduled_at`: the time looks like milliseconds; give Unix seconds, so divide by 1,000. Nothing was changed. | Correct `scheduled_at` and call again.
    invalid_argument at rate_seconds: `rate` needs `rate_seconds`. Nothing was sent. | Give 60, 3600 or 86400.
    invalid_argument at rate_seconds: `rate_seconds` is none of 60, 3600 and 86400. Nothing was sent. | Give one of these.
    invalid_argument at rate: `rate_seconds` and `rate_spread` need `rate`. Nothing was sent. | Give `rate` too.
    "#);
    let past = json!({ "newsletter_id": 2, "scheduled_at": 1_772_442_000 });
    let token = super::with_token(&product, "send_newsletter", past).await;
    let answer = told(&refused(&product, "send_newsletter", token).await);
    assert!(answer.starts_with("invalid_argument at scheduled_at: `scheduled_at` is in the past."), "{answer}");
}

#[tokio::test]
async fn what_is_not_sent_to_anybody_is_said_by_customer_io() {
    let fixture = "[[people]]\nid = 'cust_0001'\n[[newsletters]]\nid = 4\nname = 'None'\nchannel = 'email'\n\
                   recipients = { segment = { id = 9 } }\n[[newsletters.variants]]\nbody = 'Hi'\n";
    let fixture = customerio_mcp::sandbox::Fixture::from_toml(fixture).unwrap();
    let product = crate::driver::Setup::shop().with_fixture(fixture).start().await;
    product.declare_ids().await;
    let token = super::with_token(&product, "send_newsletter", json!({ "newsletter_id": 4 })).await;
    let answer = refused(&product, "send_newsletter", token).await;
    assert_eq!(answer["error"], "upstream_rejected", "{answer}");
    assert!(answer["message"].as_str().unwrap().contains("no recipients"), "{answer}");
}
