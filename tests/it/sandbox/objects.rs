//! Objects and relationships: written through Track, read through App and Liquid.

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::driver::{Heard, NOON, Sandbox, segment};

async fn entity(sandbox: &Sandbox, body: Value) -> Heard {
    sandbox.track(Method::POST, "/api/v2/entity", body).await
}

async fn accepted(sandbox: &Sandbox, body: Value) {
    let heard = entity(sandbox, body.clone()).await;
    assert_eq!((heard.status, heard.text.as_str()), (200, "{}\n"), "{body}");
}

fn object(action: &str, id: &str, more: Value) -> Value {
    let mut body = json!({"type": "object", "action": action, "identifiers": {"object_type_id": "1", "object_id": id}});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

async fn read(sandbox: &Sandbox, id: &str) -> Option<Value> {
    let heard = sandbox.app(Method::GET, &format!("/v1/objects/1/{}/attributes", segment(id)), Value::Null).await;
    (heard.status == 200).then(|| heard.json()["object"].clone())
}

/// The objects of a person by id, with the relationship's attributes.
async fn objects_of(sandbox: &Sandbox, id: &str) -> Value {
    let answer = sandbox.get(&format!("/v1/customers/{id}/relationships")).await;
    let ties = answer["cio_relationships"].as_array().unwrap();
    let pair = |tie: &Value| (tie["identifiers"]["object_id"].as_str().unwrap().to_owned(), tie["attributes"].clone());
    ties.iter().map(pair).collect::<Map<_, _>>().into()
}

#[tokio::test]
async fn section_3_an_object_lives_from_its_creation_to_its_deletion() {
    let sandbox = Sandbox::shop().await;
    accepted(&sandbox, object("identify", "acme", json!({"attributes": {"name": "Acme", "seats": 5, "gone": 1}})))
        .await;
    let acme = read(&sandbox, "acme").await.unwrap();
    let cio_object_id = acme["identifiers"]["cio_object_id"].as_str().unwrap().to_owned();
    assert_eq!((&acme["attributes"]["name"], &acme["attributes"]["seats"]), (&json!("Acme"), &json!("5")));
    assert_eq!((&acme["timestamps"]["name"], &acme["object_type_id"]), (&json!(NOON), &json!("1")));
    let by_cio = json!({"type": "object", "action": "identify", "identifiers": {"cio_object_id": cio_object_id},
        "attributes": {"name": "Acme Ltd", "seats": "", "gone": null}});
    accepted(&sandbox, by_cio).await;
    let path = format!("/v1/objects/1/{cio_object_id}/attributes?id_type=cio_object_id");
    let attributes = sandbox.get(&path).await["object"]["attributes"].clone();
    let expected = json!({"name": "Acme Ltd", "object_id": "acme", "cio_object_id": cio_object_id});
    assert_eq!(attributes, expected);
    let log = sandbox.activities("type=_o:1:attribute_change").await;
    assert_eq!(log[0]["data"]["name"], json!({"from": "Acme", "to": "Acme Ltd"}));
    assert_eq!(
        (&log[0]["object_identifiers"]["object_id"], log[0].get("customer_identifiers")),
        (&json!("acme"), None)
    );
    accepted(&sandbox, object("delete", "acme", json!({}))).await;
    assert_eq!(read(&sandbox, "acme").await, None);
    assert_eq!(sandbox.activities("type=_o:1:delete").await.len(), 1);
    accepted(&sandbox, object("identify", "acme", json!({}))).await;
    let again = read(&sandbox, "acme").await.unwrap();
    assert_ne!(again["identifiers"]["cio_object_id"], cio_object_id);
}

#[tokio::test]
async fn section_3_both_ends_add_and_delete_relationships() {
    let sandbox = Sandbox::shop().await;
    let people = json!([{"identifiers": {"id": "ann"}, "relationship_attributes": {"role": "admin"}},
        {"identifiers": {"email": "bob@example.com"}}]);
    accepted(&sandbox, object("identify", "acme", json!({"cio_relationships": people}))).await;
    assert_eq!(objects_of(&sandbox, "ann").await, json!({"acme": {"role": "admin"}}));
    let of_acme = sandbox.get("/v1/objects/1/acme/relationships").await;
    assert_eq!(of_acme["cio_relationships"][1]["identifiers"]["email"], "bob@example.com");
    assert_eq!(of_acme["cio_relationships"][0]["object_type_disabled"], false);
    let added = sandbox.activities("type=add_relationship&customer_id=ann").await;
    assert_eq!((added.len(), &added[0]["data"]["object_id"]), (1, &json!("acme")));
    assert_eq!(sandbox.activities("type=_o:1:add_relationship").await.len(), 5);
    let person = |action: &str, ties: Value| json!({"type": "person", "action": action, "identifiers": {"id": "ann"}, "cio_relationships": ties});
    let acme = json!({"object_type_id": "1", "object_id": "acme"});
    let beta = json!({"object_type_id": "1", "object_id": "beta"});
    let ties =
        json!([{"identifiers": beta}, {"identifiers": acme, "relationship_attributes": {"role": null, "since": 3}}]);
    accepted(&sandbox, person("add_relationships", ties)).await;
    assert_eq!(objects_of(&sandbox, "ann").await, json!({"acme": {"since": "3"}, "beta": {}}));
    assert_eq!(sandbox.activities("type=_r:1:attribute_change&customer_id=ann").await.len(), 2);
    accepted(&sandbox, person("delete_relationships", json!([{"identifiers": acme}]))).await;
    assert_eq!(objects_of(&sandbox, "ann").await, json!({"beta": {}}));
    assert_eq!(sandbox.activities("type=delete_relationship&customer_id=ann").await.len(), 1);
    accepted(
        &sandbox,
        object("delete_relationships", "beta", json!({"cio_relationships": [{"identifiers": {"id": "ann"}}]})),
    )
    .await;
    assert_eq!(objects_of(&sandbox, "ann").await, json!({}));
    accepted(
        &sandbox,
        object("add_relationships", "beta", json!({"cio_relationships": [{"identifiers": {"id": "ann"}}]})),
    )
    .await;
    accepted(&sandbox, object("delete", "beta", json!({}))).await;
    assert_eq!(objects_of(&sandbox, "ann").await, json!({}));
}

#[tokio::test]
async fn section_3_identify_takes_an_object_in_v1_and_an_array_in_v2() {
    let sandbox = Sandbox::shop().await;
    let tie = json!([{"identifiers": {"object_type_id": "2", "object_id": "wreath_making"}}]);
    let v1 = |action: &str| json!({"plan": "gold", "cio_relationships": {"action": action, "relationships": tie}});
    sandbox.identify("ann", v1("add_relationships")).await;
    assert_eq!(objects_of(&sandbox, "ann").await, json!({"wreath_making": {}}));
    assert_eq!(sandbox.attribute("ann", "cio_relationships").await, Value::Null);
    sandbox.identify("ann", v1("delete_relationships")).await;
    assert_eq!(objects_of(&sandbox, "ann").await, json!({}));
    let path = "/api/v1/customers/ann";
    assert_eq!(sandbox.track(Method::PUT, path, json!({"cio_relationships": tie})).await.status, 400);
    let v2 = |given: &Value| json!({"type": "person", "action": "identify", "identifiers": {"id": "ann"}, "cio_relationships": given});
    accepted(&sandbox, v2(&tie)).await;
    assert_eq!(objects_of(&sandbox, "ann").await, json!({"wreath_making": {}}));
    let heard = entity(&sandbox, v2(&v1("add_relationships")["cio_relationships"])).await;
    assert_eq!((heard.status, &heard.json()["errors"][0]["field"]), (400, &json!("cio_relationships")));
}

#[tokio::test]
async fn section_3_an_anonymous_relationship_waits_for_its_person() {
    let sandbox = Sandbox::shop().await;
    let ties = json!([{"identifiers": {"anonymous_id": "x"}, "relationship_attributes": {"role": "guest"}}]);
    accepted(&sandbox, object("identify_anonymous", "acme", json!({"cio_relationships": ties}))).await;
    assert!(sandbox.get("/v1/objects/1/acme/relationships").await["cio_relationships"].as_array().unwrap().is_empty());
    sandbox.identify("ann", json!({"anonymous_id": "x"})).await;
    assert_eq!(objects_of(&sandbox, "ann").await, json!({"acme": {"role": "guest"}}));
}

#[tokio::test]
async fn section_3_a_merge_carries_relationships_and_a_deletion_drops_them() {
    let sandbox = Sandbox::shop().await;
    let merge = json!({"primary": {"id": "cust_0001"}, "secondary": {"id": "cust_0010"}});
    sandbox.track(Method::POST, "/api/v1/merge_customers", merge).await;
    let expected = json!({"mill_lane_hotel": {"role": "events manager"}, "quay_street_cafe": {}});
    assert_eq!(objects_of(&sandbox, "cust_0001").await, expected);
    sandbox.track(Method::DELETE, "/api/v1/customers/cust_0001", Value::Null).await;
    let left = sandbox.get("/v1/objects/1/mill_lane_hotel/relationships").await;
    assert_eq!(left, json!({"cio_relationships": [], "next": ""}));
}

#[tokio::test]
async fn section_2_limits_are_bytes_and_refusals_name_the_field() {
    let sandbox = Sandbox::shop().await;
    let named = |id: Value| json!({"type": "object", "action": "identify", "identifiers": id});
    let many: Map<_, _> = (0..301).map(|n| (format!("a{n}"), json!(n))).collect();
    let cases = [
        (named(json!({"object_type_id": "1", "object_id": "é".repeat(76)})), "invalid", "identifiers"),
        (named(json!({"object_type_id": "9", "object_id": "a"})), "invalid", "identifiers"),
        (named(json!({"object_type_id": "1"})), "invalid", "identifiers"),
        (named(json!({"object_type_id": "1", "object_id": "a", "cio_object_id": "b"})), "invalid", "identifiers"),
        (json!({"type": "object", "action": "identify"}), "required", "identifiers"),
        (json!({"type": "object", "action": "suppress"}), "invalid", "action"),
        (object("add_relationships", "a", json!({})), "required", "cio_relationships"),
        (object("identify", "a", json!({"attributes": {"é".repeat(76): 1}})), "invalid", "attributes"),
        (object("identify", "a", json!({"attributes": {"x": "é".repeat(501)}})), "invalid", "attributes"),
        (object("identify", "a", json!({"attributes": many})), "invalid", "attributes"),
        (
            object("identify", "a", json!({"cio_relationships": [{"identifiers": {"id": "a", "email": "a@b.test"}}]})),
            "invalid",
            "cio_relationships",
        ),
    ];
    for (body, reason, field) in cases {
        let heard = entity(&sandbox, body.clone()).await;
        let error = &heard.json()["errors"][0];
        assert_eq!((heard.status, &error["reason"], &error["field"]), (400, &json!(reason), &json!(field)), "{body}");
    }
    assert_eq!(read(&sandbox, "a").await, None);
    for n in 0..5 {
        let part: Map<_, _> = (0..25).map(|m| (format!("a{n}_{m}"), json!("x".repeat(1000)))).collect();
        accepted(&sandbox, object("identify", "big", json!({"attributes": part}))).await;
    }
    let failed = sandbox.activities("type=_o:1:failed_attribute_change").await;
    assert!(failed[0]["data"]["a4_24"].is_object(), "{failed:?}");
    accepted(
        &sandbox,
        json!({"type": "object", "action": "identify", "identifiers": {"cio_object_id": "obffff000001"}}),
    )
    .await;
}

#[tokio::test]
async fn section_5_objects_are_searched_by_type_and_attributes_in_pages() {
    let sandbox = Sandbox::shop().await;
    let city =
        |value: &str| json!({"object_attribute": {"field": "city", "operator": "eq", "type_id": "1", "value": value}});
    let name = json!({"object_attribute": {"field": "name", "operator": "exists", "type_id": 1}});
    let search = async |filter: Value, query: &str| {
        let body = json!({"object_type_id": "1", "filter": filter});
        sandbox.app(Method::POST, &format!("/v1/objects{query}"), body).await
    };
    let both = search(city("Bristol"), "").await.json();
    assert_eq!((&both["ids"], &both["next"]), (&json!(["mill_lane_hotel", "quay_street_cafe"]), &json!("")));
    let filter = json!({"and": [name, {"not": {"or": [city("Leeds"), city("York")]}}]});
    let first = search(filter.clone(), "?limit=1").await.json();
    let next = first["next"].as_str().unwrap();
    let second = search(filter, &format!("?limit=1&start={next}")).await.json();
    assert_eq!((&second["identifiers"][0]["object_id"], &second["next"]), (&json!("quay_street_cafe"), &json!("")));
    for refused in [
        json!({}),
        json!({"and": [name], "or": [name]}),
        json!({"attribute": {"field": "city", "operator": "exists"}}),
        json!({"object_attribute": {"field": "city", "operator": "gt", "type_id": "1", "value": 1}}),
        json!({"object_attribute": {"field": "city", "operator": "exists"}}),
        json!({"object_attribute": {"field": "city", "operator": "exists", "type_id": "2"}}),
    ] {
        assert_eq!(search(refused.clone(), "").await.status, 400, "{refused}");
    }
    let types = sandbox.get("/v1/object_types").await;
    assert_eq!((&types["types"][1]["id"], &types["types"][1]["slug"]), (&json!("2"), &json!("workshops")));
    let workspace = &sandbox.get("/v1/workspaces").await["workspaces"][0];
    assert_eq!((&workspace["object_types"], &workspace["objects"]), (&json!(2), &json!(3)));
}

#[tokio::test]
async fn section_5_relationships_are_paged_oldest_first() {
    let sandbox = Sandbox::shop().await;
    let people: Vec<_> = (0..5).map(|n| json!({"identifiers": {"id": format!("p{n}")}})).collect();
    accepted(&sandbox, object("add_relationships", "acme", json!({"cio_relationships": people}))).await;
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let page = sandbox.get(&format!("/v1/objects/1/acme/relationships?limit=2&start={next}")).await;
        seen.extend(page["cio_relationships"].as_array().unwrap().iter().map(|tie| tie["identifiers"]["id"].clone()));
        next = page["next"].as_str().unwrap().to_owned();
        if next.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ["p0", "p1", "p2", "p3", "p4"].map(|id| json!(id)));
    let bad = sandbox.app(Method::GET, "/v1/objects/1/acme/relationships?id_type=name", Value::Null).await;
    assert_eq!(bad.status, 400);
}

#[tokio::test]
async fn section_3_liquid_reads_ten_objects_of_a_type_newest_first() {
    let sandbox = Sandbox::shop().await;
    for n in 0..11 {
        let more = json!({"attributes": {"name": format!("n{n}")},
            "cio_relationships": [{"identifiers": {"id": "ann"}, "relationship_attributes": {"role": n}}]});
        accepted(&sandbox, object("identify", &format!("o{n}"), more)).await;
    }
    let rendered = async |id: &str| {
        let body = "{% for one in objects.companies %}{{ one.name }}/{{ one.relationship.role }} {% endfor %}{{ objects.companies[0].name }}";
        let message = json!({"to": "a@example.com", "identifiers": {"id": id}, "from": "s@example.com", "subject": "s",
            "body": body});
        let sent = sandbox.app(Method::POST, "/v1/send/email", message).await.json();
        sandbox.advance(1);
        let path = format!("/v1/messages/{}", sent["delivery_id"].as_str().unwrap());
        let failure = sandbox.get(&path).await["message"]["failure_message"].clone();
        (sandbox.get(&format!("{path}/archived_message")).await["archived_message"]["body"].clone(), failure)
    };
    let (body, failure) = rendered("ann").await;
    assert_eq!(failure, Value::Null);
    assert_eq!(body, "n10/10 n9/9 n8/8 n7/7 n6/6 n5/5 n4/4 n3/3 n2/2 n1/1 n10");
    let (_, failure) = rendered("cust_0002").await;
    assert!(failure.as_str().is_some_and(|text| text.contains("objects.companies")), "{failure}");
}
