//! `list_campaigns`.

use serde_json::json;

use super::{refused, shop, told};

#[tokio::test]
async fn each_kind_is_listed_with_the_id_that_other_tools_take() {
    let product = shop().await;
    let listed = |kind: &str| product.ok("list_campaigns", json!({ "kind": kind }));
    insta::assert_snapshot!(listed("campaign").await, @r#"{"campaigns":[{"campaign_id":1,"name":"Welcome series","state":"running","trigger":"segment"},{"campaign_id":2,"name":"Win back","state":"stopped","trigger":"segment"}],"untrusted_fields":["name"]}"#);
    insta::assert_snapshot!(listed("broadcast").await, @r#"{"campaigns":[{"broadcast_id":3,"name":"Price change","state":"running"}],"untrusted_fields":["name"]}"#);
    insta::assert_snapshot!(listed("newsletter").await, @r#"{"campaigns":[{"newsletter_id":2,"name":"Winter news","state":"draft","channel":"email"},{"newsletter_id":1,"name":"Autumn news","state":"sent","channel":"email","sent_at":1772183100}],"untrusted_fields":["name"]}"#);
    let full = product.ok("list_campaigns", json!({ "kind": "broadcast", "detail": "full" })).await;
    insta::assert_snapshot!(full, @r#"{"campaigns":[{"broadcast_id":3,"name":"Price change","state":"running","actions":[{"action_id":5,"channel":"email"}]}],"untrusted_fields":["name"]}"#);
}

#[tokio::test]
async fn a_list_is_narrowed_by_state_and_name() {
    let product = shop().await;
    let ids = async |arguments| {
        let listed = product.ok("list_campaigns", arguments).await;
        let rows = listed["campaigns"].as_array().unwrap().clone();
        rows.iter()
            .map(|row| row["campaign_id"].as_i64().or(row["newsletter_id"].as_i64()).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(json!({ "kind": "campaign", "state": "running" })).await, [1]);
    assert_eq!(ids(json!({ "kind": "campaign", "state": "stopped" })).await, [2]);
    assert_eq!(ids(json!({ "kind": "campaign", "name": "WIN" })).await, [2]);
    assert_eq!(ids(json!({ "kind": "newsletter", "state": "draft" })).await, [2]);
    assert_eq!(ids(json!({ "kind": "newsletter", "state": "sent" })).await, [1]);
    assert_eq!(ids(json!({ "kind": "newsletter", "name": "spring" })).await, [0_i64; 0]);
}

#[tokio::test]
async fn pages_lose_nothing() {
    let product = shop().await;
    for kind in ["campaign", "newsletter"] {
        let first = product.ok("list_campaigns", json!({ "kind": kind, "limit": 1 })).await;
        let second = product.ok("list_campaigns", json!({ "kind": kind, "limit": 1, "cursor": first["cursor"] })).await;
        let both = product.ok("list_campaigns", json!({ "kind": kind })).await;
        assert_eq!(json!([first["campaigns"][0], second["campaigns"][0]]), both["campaigns"], "{kind}");
        assert_eq!(second.get("cursor"), None, "{kind}");
    }
    // The page is filled though the first rows are not wanted.
    let drafts = json!({ "kind": "newsletter", "state": "sent", "limit": 1 });
    assert_eq!(product.ok("list_campaigns", drafts).await["campaigns"][0]["newsletter_id"], 1);
}

#[tokio::test]
async fn a_wrong_call_is_told_what_is_right() {
    let product = shop().await;
    for (arguments, expected) in [
        (json!({}), "invalid_argument at kind: The argument `kind` is missing."),
        (
            json!({ "kind": "email" }),
            "invalid_argument at kind: `kind` must be one of \"campaign\", \"broadcast\", \"newsletter\".",
        ),
        (
            json!({ "kind": "broadcast", "state": "sent" }),
            "invalid_argument at state: Nothing of this `kind` is ever `sent`. | Its states are `draft`, `running` and `stopped`.",
        ),
        (
            json!({ "kind": "newsletter", "state": "running" }),
            "invalid_argument at state: Nothing of this `kind` is ever `running`. | Its states are `draft`, `scheduled`, `sending` and `sent`.",
        ),
        (json!({ "kind": "campaign", "cursor": "x" }), "invalid_argument at cursor"),
        (json!({ "kind": "newsletter", "cursor": "x" }), "upstream_rejected at cursor"),
    ] {
        let answer = told(&refused(&product, "list_campaigns", arguments).await);
        assert!(answer.starts_with(expected), "{answer}");
    }
}
