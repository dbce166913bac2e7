//! Each operation: the request it makes and the answer it reads, by the vendor's descriptions.

use customerio_mcp::api::{
    Fate,
    activities::ActivityQuery,
    deliveries::{DeliveryQuery, PageQuery},
    events::{Event, EventKind},
    people::{IdType, PersonPath, PersonRef},
    transactional::{Channel, Sent},
};
use serde_json::json;

use super::{
    ann, api_at, message, object, permit, scope,
    server::{Reply, Server},
};

async fn scripted(answers: &[&str]) -> Server {
    Server::start(answers.iter().map(|answer| Reply::json(200, answer))).await
}

fn ann_ref() -> PersonRef {
    PersonRef { cio_id: "03000001".into(), id: Some("ann-1".into()), email: Some("ann@shop.example".into()) }
}

const ANN_REF: &str = r#"{"cio_id":"03000001","id":"ann-1","email":"ann@shop.example"}"#;

#[tokio::test]
async fn people_are_written_over_track() {
    let server = scripted(&["{}\n", "{}\n", "{}\n", "{}\n"]).await;
    let (api, scope) = (api_at(&server), scope());
    let email = PersonPath::Email("ann@shop.example".into());
    api.identify(&permit(), &scope, &ann(), &object(json!({"plan": "pro", "_update": true}))).await.unwrap();
    api.suppress(&permit(), &scope, &email).await.unwrap();
    api.unsuppress(&permit(), &scope, &email).await.unwrap();
    api.delete(&permit(), &scope, &PersonPath::CioId("03000001".into())).await.unwrap();
    assert_eq!(
        server.lines(),
        [
            "PUT /api/v1/customers/ann-1",
            "POST /api/v1/customers/ann%40shop.example/suppress",
            "POST /api/v1/customers/ann%40shop.example/unsuppress",
            "DELETE /api/v1/customers/cio_03000001",
        ]
    );
    assert_eq!(server.received()[0].json(), json!({"plan": "pro", "_update": true}));
}

#[tokio::test]
async fn an_event_carries_its_ulid_or_is_not_sent() {
    let server = scripted(&["{}\n", "{}\n"]).await;
    let (api, scope) = (api_at(&server), scope());
    let mut event = Event {
        name: "https://shop.example/sale".into(),
        kind: EventKind::Page,
        data: object(json!({"n": 1})),
        timestamp: None,
        id: "01ARYZ6S41TSV4RRFFQ69G5FAV".into(),
    };
    api.track_event(&permit(), &scope, &ann(), &event).await.unwrap();
    assert_eq!(server.lines(), ["POST /api/v1/customers/ann-1/events"]);
    assert_eq!(
        server.received()[0].json(),
        json!({
            "name": "https://shop.example/sale", "type": "page", "data": {"n": 1}, "id": "01ARYZ6S41TSV4RRFFQ69G5FAV",
        })
    );
    event.id = "order-1".into();
    let error = api.track_event(&permit(), &scope, &ann(), &event).await.unwrap_err();
    assert_eq!((error.fate, error.field.as_deref(), server.received().len()), (Fate::NotSent, Some("id"), 1));
}

#[tokio::test]
async fn a_person_is_read_with_attributes_as_strings() {
    let body = format!(
        r#"{{"customer":{{"id":"ann-1","identifiers":{ANN_REF},"attributes":{{"plan":"pro","cio_id":"03000001"}},
        "timestamps":{{"plan":1700000000}},"unsubscribed":false,
        "devices":[{{"id":"tok","platform":"ios","last_used":1700000001,"attributes":{{"push_enabled":"true"}}}}]}}}}"#
    );
    let server = scripted(&[&body]).await;
    let person = api_at(&server).person(&scope(), &ann()).await.unwrap().unwrap();
    assert_eq!(server.lines(), ["GET /v1/customers/ann-1/attributes?id_type=id"]);
    assert_eq!(person.identifiers, ann_ref());
    assert_eq!(person.attributes["plan"], "pro");
    assert_eq!((person.unsubscribed, person.devices[0].last_used), (false, Some(1_700_000_001)));
}

#[tokio::test]
async fn people_are_found_by_email_id_and_filter() {
    let nobodys = r#"{"cio_id":"03000002","id":null,"email":""}"#;
    let server = scripted(&[
        &format!(r#"{{"results":[{ANN_REF},{nobodys}]}}"#),
        &format!(r#"{{"customers":[{{"customer":{{"identifiers":{ANN_REF}}}}},{{"identifiers":{ANN_REF}}}]}}"#),
        &format!(r#"{{"identifiers":[{ANN_REF}],"ids":["ann-1"],"next":"MTIz"}}"#),
    ])
    .await;
    let (api, scope) = (api_at(&server), scope());
    let by_email = api.people_by_email(&scope, "ann@shop.example").await.unwrap();
    assert_eq!(by_email[0], ann_ref());
    assert_eq!((by_email[1].id.as_ref(), by_email[1].email.as_ref()), (None, None));
    let by_id = api.people_by_id(&scope, &["ann-1".into(), "bob-2".into()], IdType::Id).await.unwrap();
    assert!(by_id.len() == 2 && by_id.iter().all(|person| person.identifiers == ann_ref()));
    let filter = json!({"attribute": {"field": "plan", "operator": "eq", "value": "pro"}});
    let page = api.search_people(&scope, filter.clone(), Some("a+b"), Some(20)).await.unwrap();
    assert_eq!((page.items, page.next.as_deref()), (vec![ann_ref()], Some("MTIz")));
    assert_eq!(
        server.lines(),
        [
            "GET /v1/customers?email=ann%40shop.example",
            "POST /v1/customers/attributes?id_type=id",
            "POST /v1/customers?start=a%2Bb&limit=20",
        ]
    );
    assert_eq!(server.received()[2].json(), json!({ "filter": filter }));

    let many: Vec<String> = (0..101).map(|n| n.to_string()).collect();
    assert_eq!(api.people_by_id(&scope, &many, IdType::Id).await.unwrap_err().fate, Fate::NotSent);
    assert!(api.people_by_id(&scope, &[], IdType::Id).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_happened_to_a_person_is_read_page_by_page() {
    let server = scripted(&[
        r#"{"segments":[{"id":"4","name":"VIP","description":null}]}"#,
        &format!(
            r#"{{"activities":[{{"id":"01AK","type":"failed_attribute_change","timestamp":1397566226,"customer_id":"ann-1",
            "customer_identifiers":{ANN_REF},"data":{{"email":"x"}},"delivery_id":null}}],"next":"n2"}}"#
        ),
        r#"{"messages":[{"id":"d1","message_template_id":"12","msg_template_id":"12","metrics":{"sent":1,"opened":null},"type":"email"}],"next":5}"#,
    ])
    .await;
    let (api, scope) = (api_at(&server), scope());
    let segments = api.person_segments(&scope, &ann()).await.unwrap();
    assert_eq!((segments[0].id, segments[0].name.as_str()), (4, "VIP"));
    let query = ActivityQuery { kind: Some("failed_attribute_change".into()), limit: Some(100), ..Default::default() };
    let activities = api.person_activities(&scope, &ann(), &query).await.unwrap();
    assert_eq!(
        (activities.items[0].customer_identifiers.clone(), activities.next.as_deref()),
        (Some(ann_ref()), Some("n2"))
    );
    let page = PageQuery { start_ts: Some(1), end_ts: Some(2), ..Default::default() };
    let messages = api.person_messages(&scope, &ann(), &page).await.unwrap();
    assert_eq!(messages.items[0].message_template_id, Some(12));
    assert_eq!((messages.items[0].metrics["sent"], messages.next.as_deref()), (Some(1), Some("5")));
    assert_eq!(
        server.lines(),
        [
            "GET /v1/customers/ann-1/segments?id_type=id",
            "GET /v1/customers/ann-1/activities?id_type=id&type=failed_attribute_change&limit=100",
            "GET /v1/customers/ann-1/messages?id_type=id&start_ts=1&end_ts=2",
        ]
    );
}

#[tokio::test]
async fn segments_are_managed_over_app_and_filled_over_track() {
    let vip = r#"{"id":7,"deduplicate_id":"7:1","name":"VIP","description":"","state":"finished","progress":null,"type":"manual","tags":null,"created_at":5}"#;
    let wrapped = format!(r#"{{"segment":{vip}}}"#);
    let server = scripted(&[
        &format!(r#"{{"segments":[{vip}]}}"#),
        &wrapped,
        &wrapped,
        r#"{"used_by":{"campaigns":[1],"sent_newsletters":[],"draft_newsletters":null}}"#,
        r#"{"count":12}"#,
        &format!(r#"{{"ids":["ann-1"],"identifiers":[{ANN_REF}],"next":""}}"#),
        "{}\n",
        "{}\n",
        "",
    ])
    .await;
    let (api, scope) = (api_at(&server), scope());
    assert!(api.list_segments(&scope).await.unwrap()[0].is_manual());
    assert_eq!(api.segment(&scope, 7).await.unwrap().created_at, Some(5));
    assert_eq!(api.create_segment(&permit(), &scope, "VIP", None).await.unwrap().id, 7);
    assert_eq!(api.segment_used_by(&scope, 7).await.unwrap().campaigns, [1]);
    assert_eq!(api.segment_count(&scope, 7).await.unwrap(), 12);
    assert_eq!(api.segment_members(&scope, 7, None, Some(10)).await.unwrap().items, [ann_ref()]);
    let ids = ["ann-1".to_owned()];
    api.add_people(&permit(), &scope, 7, &ids, IdType::Id).await.unwrap();
    api.remove_people(&permit(), &scope, 7, &ids, IdType::Email).await.unwrap();
    api.delete_segment(&permit(), &scope, 7).await.unwrap();
    insta::assert_snapshot!(server.lines().join("\n"), @"
    GET /v1/segments
    GET /v1/segments/7
    POST /v1/segments
    GET /v1/segments/7/used_by
    GET /v1/segments/7/customer_count
    GET /v1/segments/7/membership?limit=10
    POST /api/v1/segments/7/add_customers?id_type=id
    POST /api/v1/segments/7/remove_customers?id_type=email
    DELETE /v1/segments/7
    ");
    assert_eq!(server.received()[2].json(), json!({"segment": {"name": "VIP", "description": ""}}));

    let many: Vec<String> = (0..1_001).map(|n| n.to_string()).collect();
    for wrong in [&many[..], &[]] {
        assert_eq!(api.add_people(&permit(), &scope, 7, wrong, IdType::Id).await.unwrap_err().fate, Fate::NotSent);
    }
}

#[tokio::test]
async fn templates_and_snippets_are_read() {
    let welcome =
        r#"{"id":3,"name":"Welcome","description":"","send_to_unsubscribed":true,"created_at":1,"updated_at":2}"#;
    let server = scripted(&[
        &format!(r#"{{"messages":[{welcome}]}}"#),
        &format!(r#"{{"message":{welcome}}}"#),
        r#"{"contents":[{"id":31,"language":"","type":"email","subject":"Hi {{customer.name}}","body":"<p>","from_id":1}]}"#,
        r#"{"snippets":[{"name":"footer","value":"bye","updated_at":9}]}"#,
    ])
    .await;
    let (api, scope) = (api_at(&server), scope());
    assert!(api.templates(&scope).await.unwrap()[0].send_to_unsubscribed);
    assert_eq!(api.template(&scope, 3).await.unwrap().name, "Welcome");
    assert_eq!(api.template_contents(&scope, 3).await.unwrap()[0].subject.as_deref(), Some("Hi {{customer.name}}"));
    assert_eq!(api.snippets(&scope).await.unwrap()[0].value, "bye");
    assert_eq!(
        server.lines(),
        ["GET /v1/transactional", "GET /v1/transactional/3", "GET /v1/transactional/3/contents", "GET /v1/snippets",]
    );
}

#[tokio::test]
async fn every_channel_sends_by_its_own_path() {
    let channels =
        [Channel::Email, Channel::Push, Channel::Sms, Channel::Whatsapp, Channel::InApp, Channel::InboxMessage];
    let server = scripted(&[r#"{"delivery_id":"RPIL==","queued_at":1700000000}"#; 6]).await;
    let api = api_at(&server);
    for channel in channels {
        let sent = api.send_transactional(&permit(), &scope(), channel, &message()).await.unwrap();
        assert_eq!(sent, Sent { delivery_id: "RPIL==".into(), queued_at: Some(1_700_000_000), send_at: None });
    }
    assert_eq!(
        server.lines().join(" "),
        "POST /v1/send/email POST /v1/send/push POST /v1/send/sms \
        POST /v1/send/whatsapp POST /v1/send/in_app POST /v1/send/inbox_message"
    );
    assert_eq!(server.received()[0].json(), json!(message()));
}

#[tokio::test]
async fn deliveries_are_read_one_by_one_and_in_lists() {
    let delivery = format!(
        r#"{{"id":"d=1","deduplicate_id":"d:1","message_template_id":3,"customer_id":"ann-1","customer_identifiers":{ANN_REF},
        "recipient":"ann@shop.example","subject":"Hi","metrics":{{"created":1,"failed":2}},"created":1,
        "failure_message":"missing customer.name","campaign_id":null,"type":"email","forgotten":false}}"#
    );
    let server = scripted(&[
        &format!(r#"{{"message":{delivery}}}"#),
        &format!(r#"{{"messages":[{delivery}],"next":"n"}}"#),
        &format!(r#"{{"messages":[{delivery}],"next":""}}"#),
        r#"{"archived_message":{"id":"d=1","body":"<p>Hi","headers":[{"name":"X"}],"forgotten":false}}"#,
        r#"{"workspaces":[{"id":3,"name":"Shop","people":14212}]}"#,
        r#"{"activities":[],"next":""}"#,
    ])
    .await;
    let (api, scope) = (api_at(&server), scope());
    let one = api.delivery(&scope, "d=1").await.unwrap();
    assert_eq!((one.metrics["failed"], one.failure_message.as_deref()), (Some(2), Some("missing customer.name")));
    let query = DeliveryQuery {
        page: PageQuery { limit: Some(25), ..Default::default() },
        kind: Some("email".into()),
        metric: Some("failed".into()),
        drafts: Some(false),
        ..Default::default()
    };
    assert_eq!(api.deliveries(&scope, &query).await.unwrap().next.as_deref(), Some("n"));
    assert_eq!(api.template_deliveries(&scope, 3, &query).await.unwrap().items, [one]);
    assert_eq!(api.archived_message(&scope, "d=1").await.unwrap().body.as_deref(), Some("<p>Hi"));
    assert_eq!(api.workspaces(&scope).await.unwrap()[0].people, Some(14_212));
    api.activities(&scope, &ActivityQuery::default(), Some(&PersonPath::CioId("03".into())), true).await.unwrap();
    insta::assert_snapshot!(server.lines().join("\n"), @"
    GET /v1/messages/d%3D1
    GET /v1/messages?limit=25&type=email&metric=failed&drafts=false
    GET /v1/transactional/3/messages?limit=25&metric=failed
    GET /v1/messages/d%3D1/archived_message
    GET /v1/workspaces
    GET /v1/activities?deleted=true&customer_id=cio_03&id_type=cio_id
    ");
}
