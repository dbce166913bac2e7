//! The vendor's error envelopes, and answers that are not what the description promises.

use customerio_mcp::api::{
    Fate, Retry, UpstreamError, UpstreamErrorKind, activities::ActivityQuery, deliveries::DeliveryQuery,
    segments::SegmentUse,
};
use insta::assert_snapshot;
use serde_json::json;

use super::{
    ann, api_at, object, permit, scope,
    server::{Reply, Server},
};

async fn failure_of(reply: Reply) -> UpstreamError {
    let server = Server::start([reply]).await;
    let body = object(json!({"email": "ann@shop.example", "name": "Ann Lee"}));
    api_at(&server).identify(&permit(), &scope(), &ann(), &body).await.unwrap_err()
}

fn shown(error: &UpstreamError) -> String {
    format!("{:?} {:?} field={:?} reference={:?}\n{error}", error.kind, error.status, error.field, error.reference)
}

#[tokio::test]
async fn track_says_it_in_one_text() {
    let body = r#"{"meta":{"error":"value for attribute 'email' (ann@shop.example) of ann-1 is not valid"}}"#;
    assert_snapshot!(shown(&failure_of(Reply::json(400, body)).await), @r#"
    Rejected Some(400) field=None reference=None
    Customer.io refused "identify a person". It says: "value for attribute 'email' ([value]) of [value] is not valid"
    "#);
}

#[tokio::test]
async fn track_says_it_in_several_texts() {
    let body = r#"{"meta":{"errors":["name cannot be blank","id attribute must be present"]}}"#;
    assert_snapshot!(shown(&failure_of(Reply::json(400, body)).await), @r#"
    Rejected Some(400) field=None reference=None
    Customer.io refused "identify a person". It says: "name cannot be blank; id attribute must be present"
    "#);
}

#[tokio::test]
async fn version_2_names_the_field() {
    let body = r#"{"errors":[{"reason":"required","field":"identifiers","message":"identifiers are required"}]}"#;
    assert_snapshot!(shown(&failure_of(Reply::json(400, body)).await), @r#"
    Rejected Some(400) field=Some("identifiers") reference=None
    Customer.io refused "identify a person". It says: "identifiers are required"
    "#);
}

#[tokio::test]
async fn the_app_api_gives_detail_pointer_and_reference() {
    let body = r#"{"errors":[{"detail":"person bob@shop.example is unknown (reference a1b2c3)","status":"422",
        "source":{"pointer":"/data/attributes/per_user_data"}}]}"#;
    assert_snapshot!(shown(&failure_of(Reply::json(422, body)).await), @r#"
    Rejected Some(422) field=Some("per_user_data") reference=Some("a1b2c3")
    Customer.io refused "identify a person". It says: "person [email] is unknown" (reference a1b2c3)
    "#);
}

#[tokio::test]
async fn a_single_item_answered_like_a_batch_is_refused() {
    let body = r#"{"errors":[{"batch_index":0,"reason":"invalid","field":"email","message":"ann@shop.example"}]}"#;
    assert_snapshot!(shown(&failure_of(Reply::json(207, body)).await), @r#"
    Rejected Some(207) field=Some("email") reference=None
    Customer.io did not accept the item.
    "#);
}

#[tokio::test]
async fn a_web_page_is_never_shown() {
    assert_snapshot!(shown(&failure_of(Reply::html(404)).await), @r#"
    Unexpected Some(404) field=None reference=None
    Customer.io has no such path for "identify a person". Is the base URL one of Customer.io's APIs?
    "#);
    let error = failure_of(Reply::html(200)).await;
    assert_eq!((error.kind, error.fate), (UpstreamErrorKind::Unexpected, Fate::Unknown));
    assert!(!error.message.contains("shop.example"));
}

#[tokio::test]
async fn a_page_does_not_make_a_person_unknown() {
    let server =
        Server::start([Reply::html(404), Reply::json(404, r#"{"errors":[{"detail":"x","status":"404"}]}"#)]).await;
    let api = api_at(&server);
    assert_eq!(api.person(&scope(), &ann()).await.unwrap_err().kind, UpstreamErrorKind::Unexpected);
    assert_eq!(api.person(&scope(), &ann()).await.unwrap(), None);
}

#[tokio::test]
async fn an_unauthorized_app_key_may_also_be_in_the_wrong_region() {
    let server = Server::start([Reply::json(401, r#"{"meta":{"error":"Unauthorized request"}}"#)]).await;
    let error = api_at(&server).templates(&scope()).await.unwrap_err();
    assert_snapshot!(shown(&error), @"
    Unauthorized Some(401) field=None reference=None
    Customer.io refused the App API key at the configured host. Either the key is wrong or revoked (a Track API key does not work here), or the account lives in the other region: the App API answers both alike.
    ");
}

#[tokio::test]
async fn null_is_an_empty_list() {
    let server = Server::start([
        Reply::json(200, r#"{"results":null}"#),
        Reply::json(200, r#"{"segments":null}"#),
        Reply::json(200, r#"{"identifiers":null,"ids":null,"next":null}"#),
        Reply::json(200, r#"{"messages":null,"next":""}"#),
        Reply::json(200, r#"{"activities":null}"#),
        Reply::json(200, r#"{"used_by":{"campaigns":null,"sent_newsletters":null,"draft_newsletters":null}}"#),
        Reply::json(200, r#"{"contents":null}"#),
        Reply::json(200, r"{}"),
    ])
    .await;
    let (api, scope) = (api_at(&server), scope());
    assert!(api.people_by_email(&scope, "nobody").await.unwrap().is_empty());
    assert!(api.list_segments(&scope).await.unwrap().is_empty());
    let members = api.segment_members(&scope, 7, None, None).await.unwrap();
    assert_eq!((members.items.len(), members.next), (0, None));
    assert_eq!(api.deliveries(&scope, &DeliveryQuery::default()).await.unwrap().next, None);
    assert!(api.activities(&scope, &ActivityQuery::default(), None, false).await.unwrap().items.is_empty());
    assert_eq!(api.segment_used_by(&scope, 7).await.unwrap(), SegmentUse::default());
    assert!(api.template_contents(&scope, 3).await.unwrap().is_empty());
    assert!(api.snippets(&scope).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_batch_names_the_refused_and_keeps_the_rest() {
    let refused = r#"{"errors":[{"batch_index":1,"reason":"required","field":"name","message":"ann-1 has no name"}]}"#;
    let server = Server::start([Reply::json(207, refused), Reply::ok()]).await;
    let (api, items) =
        (api_at(&server), [json!({"identifiers": {"id": "bob-2"}}), json!({"identifiers": {"id": "ann-1"}})]);
    let refusals = api.batch(&permit(), &scope(), &items, Retry::Natural).await.unwrap();
    assert_eq!(
        json!(refusals),
        json!([
            {"batch_index": 1, "reason": "required", "field": "name", "message": "[value] has no name"}
        ])
    );
    assert!(api.batch(&permit(), &scope(), &items, Retry::Natural).await.unwrap().is_empty());
    let heavy = vec![json!({"x": "y".repeat(30_000)}); 17];
    let error = api.batch(&permit(), &scope(), &heavy, Retry::Natural).await.unwrap_err();
    assert_eq!((error.fate, server.received().len()), (Fate::NotSent, 2));
}

#[tokio::test]
async fn an_answer_of_the_wrong_shape_does_not_show_the_data() {
    let server = Server::start([Reply::json(200, r#"{"customer":{"identifiers":"ann@shop.example"}}"#)]).await;
    let error = api_at(&server).person(&scope(), &ann()).await.unwrap_err();
    assert_snapshot!(shown(&error), @r#"
    Unexpected Some(200) field=None reference=None
    The answer to "look up a person" has status 200 but is not the documented shape at line 1, column 45.
    "#);
}
