//! Bad input: every answer names the thing, nothing is written, and the next good call works.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::{Map, Value, json};

use crate::driver::{Product, Setup};

/// The answer to a call that must be refused before anything leaves the process.
async fn refused(product: &Product, tool: &'static str, arguments: Value) -> String {
    let before = (product.requests().await, product.counts().await);
    let answer = product.refused(tool, arguments).await;
    assert_eq!((product.requests().await, product.counts().await), before, "{tool} reached Customer.io: {answer}");
    answer.to_string()
}

async fn product() -> Product {
    let product = Setup::shop().start().await;
    product.declare_ids().await;
    product
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_named() {
    let product = product().await;
    let told = |tool, arguments| refused(&product, tool, arguments);
    assert_snapshot!(told("identify_customer", json!({ "id": "cust_1", "atributes": {} })).await, @r#"{"error":"invalid_argument","message":"`atributes` is not an argument of this tool. Nothing was changed.","field":"atributes","next_step":"Did you mean `attributes`? Valid arguments: `id`, `email`, `cio_id`, `attributes`, `test`.","safe_to_retry":false}"#);
    assert_snapshot!(told("get_guardrails", json!({ "verbose": true })).await, @r#"{"error":"invalid_argument","message":"`verbose` is not an argument of this tool. Nothing was changed.","field":"verbose","next_step":"This tool takes no arguments.","safe_to_retry":false}"#);
    assert_snapshot!(told("track_event", json!({ "customer": "cust_0001" })).await, @r#"{"error":"invalid_argument","message":"The argument `name` is missing. Nothing was changed.","field":"name","next_step":"Give `name`.","safe_to_retry":false}"#);
    assert_snapshot!(told("track_event", json!({ "customer": 1, "name": "x" })).await, @r#"{"error":"invalid_argument","message":"`customer` must be of type string. Nothing was changed.","field":"customer","next_step":"Correct `customer` and call again.","safe_to_retry":false}"#);
    assert_snapshot!(told("track_event", json!({ "customer": "cust_0001", "name": "x", "timestamp": true })).await, @r#"{"error":"invalid_argument","message":"`timestamp` must be of type string or integer. Nothing was changed.","field":"timestamp","next_step":"`timestamp`: When it happened: ISO 8601 with offset, or Unix seconds. Default: now.","safe_to_retry":false}"#);
    assert_snapshot!(told("track_event", json!({ "customer": "cust_0001", "name": "x", "id_type": "phone" })).await, @r#"{"error":"invalid_argument","message":"`id_type` must be one of \"id\", \"email\", \"cio_id\". Nothing was changed.","field":"id_type","next_step":"`id_type`: Default: the strategy's primary.","safe_to_retry":false}"#);
    assert_snapshot!(told("identify_customer", json!({ "id": "cust_1", "attributes": null })).await, @r#"{"error":"invalid_argument","message":"`attributes` is null. Nothing was changed.","field":"attributes","next_step":"Leave out arguments that you have no value for.","safe_to_retry":false}"#);
    assert_snapshot!(told("add_to_segment", json!({ "segment_id": 1, "customers": ["cust_0001", 7] })).await, @r#"{"error":"invalid_argument","message":"`customers[1]` must be of type string. Nothing was changed.","field":"customers[1]","next_step":"Correct `customers[1]` and call again.","safe_to_retry":false}"#);
    assert_snapshot!(told("add_to_segment", json!({ "segment_id": 1, "customers": [] })).await, @r#"{"error":"invalid_argument","message":"`customers` must not be empty. Nothing was changed.","field":"customers","next_step":"Correct `customers` and call again.","safe_to_retry":false}"#);
    assert_snapshot!(told("find_customers", json!({ "limit": 101 })).await, @r#"{"error":"invalid_argument","message":"`limit` must be at most 100. Nothing was changed.","field":"limit","next_step":"Correct `limit` and call again.","safe_to_retry":false}"#);
    assert_snapshot!(told("find_customers", json!({ "limit": 5.0, "email": "ada.moss@example.com" })).await, @r#"{"error":"invalid_argument","message":"`limit`: expected a whole number from 0 on, without a decimal point. Nothing was changed.","field":"limit","next_step":"Correct `limit` and call again.","safe_to_retry":false}"#);
    assert_snapshot!(told("get_segment", json!({ "segment_id": 9_223_372_036_854_775_808_u64 })).await, @r#"{"error":"invalid_argument","message":"`segment_id`: expected a whole number without a decimal point, of at most 18 digits. Nothing was changed.","field":"segment_id","next_step":"Correct `segment_id` and call again.","safe_to_retry":false}"#);
    assert_snapshot!(told("get_delivery", json!({ "delivery_id": "x", "wait_seconds": 3600 })).await, @r#"{"error":"invalid_argument","message":"`wait_seconds` must be at most 40. Nothing was changed.","field":"wait_seconds","next_step":"`wait_seconds`: Wait this long for a final state.","safe_to_retry":false}"#);
}

#[tokio::test]
async fn attributes_that_customerio_would_misread_are_named() {
    let product = product().await;
    let told =
        |attributes: Value| refused(&product, "identify_customer", json!({ "id": "cust_1", "attributes": attributes }));
    assert_snapshot!(told(json!({ "x".repeat(151): 1 })).await, @r#"{"error":"invalid_argument","message":"`attributes`: the attribute name `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…` has 151 bytes; at most 150 are taken. Nothing was changed.","field":"attributes","next_step":"Correct `attributes` and call again.","safe_to_retry":false}"#);
    assert_snapshot!(told(json!({ "plan\n": "pro" })).await, @r#"{"error":"invalid_argument","message":"`attributes`: the attribute name `plan\\n` is empty, has white space at its ends or control characters. Nothing was changed.","field":"attributes","next_step":"Correct `attributes` and call again.","safe_to_retry":false}"#);
    assert_snapshot!(told(json!({ "plan": "x".repeat(1_001) })).await, @r#"{"error":"invalid_argument","message":"`attributes.plan`: the value has 1001 bytes; at most 1000 are taken. Nothing was changed.","field":"attributes.plan","next_step":"Correct `attributes.plan` and call again.","safe_to_retry":false}"#);
    let large: Map<_, _> = (0..34).map(|n| (format!("a{n}"), json!("x".repeat(990)))).collect();
    assert_snapshot!(told(Value::Object(large)).await, @r#"{"error":"invalid_argument","message":"`attributes`: the attributes have 33956 bytes as JSON; at most 32768 are taken in one call. Nothing was changed.","field":"attributes","next_step":"Correct `attributes` and call again.","safe_to_retry":false}"#);
    let many: Map<_, _> = (0..301).map(|n| (format!("a{n}"), json!(n))).collect();
    assert_snapshot!(told(Value::Object(many)).await, @r#"{"error":"invalid_argument","message":"`attributes` must have at most 300 entries. Nothing was changed.","field":"attributes","next_step":"`attributes`: Set or overwrite these; an empty string removes one. Times are Unix seconds.","safe_to_retry":false}"#);
    assert_snapshot!(told(json!({ "created_at": 1_700_000_000_000_i64 })).await, @r#"{"error":"invalid_argument","message":"`attributes.created_at`: the value looks like milliseconds; Customer.io reads times as Unix seconds, so divide by 1,000. Nothing was changed.","field":"attributes.created_at","next_step":"Correct `attributes.created_at` and call again.","safe_to_retry":false}"#);
    assert_snapshot!(told(json!({ "email": "ada@shop.io" })).await, @r#"{"error":"invalid_argument","message":"`attributes.email`: this name is reserved: give it as the argument `email`. Nothing was changed.","field":"attributes.email","next_step":"Correct `attributes.email` and call again.","safe_to_retry":false}"#);
    let deep = (0..60).fold(json!(1), |inner, _| json!([inner]));
    assert_snapshot!(told(json!({ "tree": deep })).await, @r#"{"error":"invalid_argument","message":"`attributes.tree`: the value is nested deeper than 16 levels. Nothing was changed.","field":"attributes.tree","next_step":"Correct `attributes.tree` and call again.","safe_to_retry":false}"#);
    assert_eq!(product.app("customers/cust_1/attributes").await.0, 404);
    product.ok("identify_customer", json!({ "id": "cust_1", "attributes": { "plan": "x".repeat(1_000) } })).await;
}

#[tokio::test]
async fn events_and_times_that_customerio_would_misread_are_named() {
    let product = product().await;
    let event = |name: &str, more: Value| {
        let mut arguments = json!({ "customer": "cust_0001", "name": name });
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        refused(&product, "track_event", arguments)
    };
    let at = |timestamp: Value| event("order", json!({ "timestamp": timestamp }));
    assert_snapshot!(at(json!(1_700_000_000_000_i64)).await, @r#"{"error":"invalid_argument","message":"`timestamp`: the time looks like milliseconds; give Unix seconds, so divide by 1,000. Nothing was changed.","field":"timestamp","next_step":"Correct `timestamp` and call again.","safe_to_retry":false}"#);
    assert_snapshot!(at(json!(0)).await, @r#"{"error":"invalid_argument","message":"`timestamp`: the time 0 is out of range: Customer.io takes Unix seconds after 100000000 (1973), and we take none after 2099. Nothing was changed.","field":"timestamp","next_step":"Correct `timestamp` and call again.","safe_to_retry":false}"#);
    assert_snapshot!(at(json!("2026-02-30T00:00:00Z")).await, @r#"{"error":"invalid_argument","message":"`timestamp`: the time does not exist, or is not ISO 8601 with an offset, such as 2026-11-23T09:30:00Z or 2026-11-23T09:30:00+01:00. Nothing was changed.","field":"timestamp","next_step":"Correct `timestamp` and call again.","safe_to_retry":false}"#);
    for time in [
        json!("yesterday"),
        json!("2026-03-02"),
        json!("2026-03-02T09:05:00"),
        json!(-1),
        json!(1.5),
        json!("1e9"),
        json!(i64::MIN),
        json!(u64::MAX),
    ] {
        let told = at(time.clone()).await;
        assert!(told.contains(r#""field":"timestamp""#), "{time}: {told}");
    }
    assert_snapshot!(event(&"é".repeat(51), json!({})).await, @r#"{"error":"invalid_argument","message":"`name`: the event name has 102 bytes; at most 100 are taken. Nothing was changed.","field":"name","next_step":"Correct `name` and call again.","safe_to_retry":false}"#);
    assert_snapshot!(event("a\u{7}b", json!({})).await, @r#"{"error":"invalid_argument","message":"`name`: an event name cannot be empty or contain control characters. Nothing was changed.","field":"name","next_step":"Correct `name` and call again.","safe_to_retry":false}"#);
    assert_snapshot!(event("order", json!({ "data": { "text": "x".repeat(33_000) } })).await, @r#"{"error":"invalid_argument","message":"`data`: the data have 33010 bytes as JSON; at most 31744 are taken in one call. Nothing was changed.","field":"data","next_step":"Correct `data` and call again.","safe_to_retry":false}"#);
    product
        .ok(
            "track_event",
            json!({ "customer": "cust_0001", "name": "order", "timestamp": "2026-03-02T10:05:00+01:00" }),
        )
        .await;
}

#[tokio::test]
async fn identifiers_that_nobody_can_have_are_named() {
    let product = product().await;
    let told = |customer: &str| {
        let arguments = json!({ "customer": customer, "name": "order" });
        refused(&product, "track_event", arguments)
    };
    assert_snapshot!(told("cust_\n1").await, @r#"{"error":"invalid_identifier","message":"`customer` contains control characters. Nothing was changed.","field":"customer","next_step":"Pass the identifier exactly as your own system has it.","safe_to_retry":false}"#);
    assert_snapshot!(told("").await, @r#"{"error":"invalid_identifier","message":"`customer` is empty. Nothing was changed.","field":"customer","next_step":"Pass the identifier exactly as your own system has it.","safe_to_retry":false}"#);
    assert_snapshot!(told(&"é".repeat(76)).await, @r#"{"error":"invalid_identifier","message":"`customer` is longer than the 150 bytes Customer.io takes. Nothing was changed.","field":"customer","next_step":"Pass the identifier exactly as your own system has it.","safe_to_retry":false}"#);
    assert_snapshot!(told("a•••@example.com").await, @r#"{"error":"masked_value","message":"`customer` is a masked value from an answer, not a real one. Nothing was changed.","field":"customer","next_step":"Name the person by `cio_id`, which answers always show in clear.","safe_to_retry":false}"#);
    for odd in ["cust_1 ", "\u{0}", "cust_\u{202E}1", "cio_0300", ".."] {
        assert!(told(odd).await.contains("invalid_identifier"), "{odd:?}");
    }
}

/// Ids that a path, a query or a shape could change on their way: each must name one person and no other.
const ODD_IDS: [&str; 15] = [
    "a+b",
    "a b",
    "a&b=c",
    "a/b",
    "50%",
    "50%25",
    "...",
    "../a",
    "a?b#c",
    "漢字",
    "Zoë",
    "Ωmega🦀",
    "a;b,c",
    "\"quoted\"",
    "a\\b",
];

#[tokio::test]
async fn odd_ids_name_exactly_one_person_all_the_way() {
    let product = Setup::shop().start().await;
    let strategy = json!({ "primary": "id", "id_form": "any", "source": "a legacy system" });
    product.ok("declare_identity_strategy", strategy).await;
    let segment = product.ok("create_segment", json!({ "name": "Odd + ones & more / %" })).await["segment_id"].clone();
    let before = product.counts().await;
    for (at, id) in ODD_IDS.iter().enumerate() {
        let written = product.ok("identify_customer", json!({ "id": id, "attributes": { "number": at } })).await;
        assert_eq!((&written["result"], &written["action"]), (&json!("applied"), &json!("created")), "{id}: {written}");
    }
    let people = |counts: &Value| counts["people"].as_u64().unwrap();
    assert_eq!(people(&product.counts().await), people(&before) + ODD_IDS.len() as u64);
    product.ok("add_to_segment", json!({ "segment_id": segment, "customers": ODD_IDS })).await;
    assert_eq!(product.ok("get_segment", json!({ "segment_id": segment })).await["customers"], ODD_IDS.len());
    for (at, id) in ODD_IDS.iter().enumerate() {
        product.ok("track_event", json!({ "customer": id, "name": format!("odd {at}") })).await;
        let read = product.ok("get_customer", json!({ "customer": id, "detail": "full" })).await;
        assert_eq!(read["customer"]["id"], *id);
        assert_eq!(read["attributes"]["untrusted"]["number"], at.to_string(), "{id}: {read}");
        let events: Vec<_> =
            read["activity"].as_array().unwrap().iter().filter(|line| line["type"] == "event").collect();
        assert_eq!(events.len(), 1, "{id}: {read}");
        assert_eq!(events[0]["name"]["untrusted"], format!("odd {at}"), "{id}");
    }
    for (erased, id) in ODD_IDS.iter().enumerate() {
        let answer = product.planned("erase_customer", json!({ "customer": id })).await;
        assert_eq!(answer["status"], "erased", "{id}: {answer}");
        assert_eq!(
            product.refused("get_customer", json!({ "customer": id })).await["error"],
            "customer_not_found",
            "{id}"
        );
        assert_eq!(people(&product.counts().await), people(&before) + (ODD_IDS.len() - erased - 1) as u64, "{id}");
        if let Some(next) = ODD_IDS.get(erased + 1) {
            product.ok("get_customer", json!({ "customer": next })).await;
        }
    }
}

/// Where addresses identify people, what they may hold must not change on its way either.
#[tokio::test]
async fn odd_addresses_name_exactly_one_person_all_the_way() {
    const ODD: [&str; 5] =
        ["ada+news@shop.io", "ada%2bnews@shop.io", "r&d/lab@shop.io", "o'hara=x?y#z@shop.io", "zoë@bücher.io"];
    let product = Setup::shop().start().await;
    let strategy = json!({ "primary": "email", "source": "addresses of a legacy system" });
    product.ok("declare_identity_strategy", strategy).await;
    let people = async || product.counts().await["people"].as_u64().unwrap();
    let before = people().await;
    for address in ODD {
        let written = product.ok("identify_customer", json!({ "email": address })).await;
        assert_eq!(
            (&written["result"], &written["action"]),
            (&json!("applied"), &json!("created")),
            "{address}: {written}"
        );
    }
    assert_eq!(people().await, before + 5);
    for (at, address) in ODD.iter().enumerate() {
        let again = product.ok("identify_customer", json!({ "email": address, "attributes": { "number": at } })).await;
        assert_eq!((&again["result"], &again["action"]), (&json!("applied"), &json!("updated")), "{address}");
        product.ok("track_event", json!({ "customer": address, "name": "odd" })).await;
        let read = product.ok("get_customer", json!({ "customer": address, "detail": "full" })).await;
        assert_eq!(read["attributes"]["untrusted"]["number"], at.to_string(), "{address}: {read}");
    }
    for (at, address) in ODD.iter().enumerate() {
        let erased = product.planned("erase_customer", json!({ "customer": address })).await;
        assert_eq!(erased["status"], "erased", "{address}: {erased}");
        assert_eq!(people().await, before + 4 - at as u64, "{address}");
    }
}

#[tokio::test]
async fn odd_ids_of_other_things_are_looked_up_as_they_are() {
    let product = product().await;
    for id in ["..", "../customers", "a/b", "50%", "?x=1", "漢字"] {
        let delivery = product.refused("get_delivery", json!({ "delivery_id": id })).await;
        assert_eq!(
            (&delivery["error"], &delivery["field"]),
            (&json!("not_found"), &json!("delivery_id")),
            "{id}: {delivery}"
        );
        let template = product.refused("preview_message", json!({ "template": id, "customer": "cust_0001" })).await;
        assert_eq!(template["error"], "not_found", "{id}: {template}");
    }
}

fn alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    ["anyOf", "oneOf"].into_iter().filter_map(|key| schema[key].as_array()).flatten()
}

/// Values of every type but the given one.
fn misfits(schema: &Value) -> Vec<Value> {
    let kinds: Vec<&str> = match schema["type"].as_str() {
        Some(kind) => vec![kind],
        None => alternatives(schema).filter_map(|one| one["type"].as_str()).collect(),
    };
    assert!(!kinds.is_empty(), "an argument without a type: {schema}");
    [
        ("string", json!("text")),
        ("integer", json!(1)),
        ("number", json!(1.5)),
        ("boolean", json!(true)),
        ("array", json!([])),
        ("object", json!({})),
        ("null", json!(null)),
    ]
    .into_iter()
    .filter(|(kind, _)| !(kinds.contains(kind) || *kind == "integer" && kinds.contains(&"number")))
    .map(|(_, value)| value)
    .collect()
}

/// A value that fits, as far as the schema says.
fn fitting(schema: &Value) -> Value {
    let choice = schema["enum"].get(0).or_else(|| alternatives(schema).find_map(|one| one.get("const")));
    if let Some(choice) = choice {
        return choice.clone();
    }
    match schema["type"].as_str() {
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some("boolean") => json!(true),
        Some("array") => {
            let items = schema["minItems"].as_u64().unwrap_or(1).max(1);
            json!(vec![fitting(&schema["items"]); usize::try_from(items).unwrap()])
        }
        Some("object") => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let fitted = required.map(|name| (name.to_owned(), fitting(&schema["properties"][name])));
            Value::Object(fitted.collect())
        }
        _ => json!("x".repeat(usize::try_from(schema["minLength"].as_u64().unwrap_or(1).max(1)).unwrap())),
    }
}

/// Values of the right type beyond each bound of the schema.
fn beyond(schema: &Value) -> Vec<Value> {
    let bound = |name: &str| schema[name].as_i64();
    let text = |length: i64| json!("x".repeat(usize::try_from(length).unwrap()));
    let items = |length: i64| json!(vec![fitting(&schema["items"]); usize::try_from(length).unwrap()]);
    let entries = |length: i64| Value::Object((0..length).map(|n| (format!("a{n}"), json!(1))).collect());
    let mut beyond: Vec<Value> = vec![];
    beyond.extend(bound("minimum").map(|limit| json!(limit - 1)));
    beyond.extend(bound("maximum").map(|limit| json!(limit + 1)));
    beyond.extend(bound("minLength").filter(|limit| *limit > 0).map(|limit| text(limit - 1)));
    beyond.extend(bound("maxLength").map(|limit| text(limit + 1)));
    beyond.extend(bound("minItems").filter(|limit| *limit > 0).map(|limit| items(limit - 1)));
    beyond.extend(bound("maxItems").map(|limit| items(limit + 1)));
    beyond.extend(bound("maxProperties").map(|limit| entries(limit + 1)));
    beyond.extend(schema.get("enum").or(schema.get("oneOf")).map(|_| json!("no such choice")));
    beyond.extend(schema.get("pattern").map(|_| json!("\u{0} no such form")));
    beyond
}

/// What a listed schema promises, the server holds every caller to.
#[tokio::test]
async fn every_tool_refuses_what_its_schema_forbids() {
    let product = product().await;
    let before = (product.requests().await, product.counts().await);
    let (mut refusals, mut tools) = (0, 0);
    for tool in product.client.list_all_tools().await.unwrap() {
        tools += 1;
        let name: &'static str = String::leak(tool.name.to_string());
        let schema = Value::Object(tool.input_schema.as_ref().clone());
        let none = Map::new();
        let properties = schema["properties"].as_object().unwrap_or(&none);
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let good =
            || Value::Object(required.iter().map(|name| ((*name).to_owned(), fitting(&properties[*name]))).collect());
        let mut refuse = async |arguments: Value, field: &str| {
            let answer = product.refused(name, arguments.clone()).await;
            let what = format!("{name} {field}: {answer}");
            assert_eq!((&answer["error"], &answer["field"]), (&json!("invalid_argument"), &json!(field)), "{what}");
            let message = answer["message"].as_str().unwrap();
            assert!(message.contains(&format!("`{field}`")) && message.ends_with("Nothing was changed."), "{what}");
            assert!(!answer.to_string().contains("xxxxx"), "a value is repeated: {what}");
            assert!(answer["next_step"].is_string(), "no next step: {what}");
            refusals += 1;
            answer
        };
        // Whatever a tool takes, it is called wrongly in three ways at the least.
        let mut told = String::new();
        for (argument, value) in [("custmer_x", json!(null)), ("cursorr", json!({})), ("no_such_argument", json!(1))] {
            let mut unknown = good();
            unknown[argument] = value;
            told = refuse(unknown, argument).await["next_step"].to_string();
        }
        for property in properties.keys() {
            assert!(told.contains(&format!("`{property}`")), "{name}: {told}");
        }
        for missing in &required {
            let mut arguments = good();
            arguments.as_object_mut().unwrap().remove(*missing);
            refuse(arguments, missing).await;
        }
        for (property, schema) in properties {
            for value in misfits(schema).into_iter().chain(beyond(schema)) {
                if matches!(property.as_str(), "plan_token" | "idempotency_key") {
                    // Neither makes another call of it, and the same one is not made without end.
                    product.clock.advance(Duration::from_mins(1));
                }
                let mut arguments = good();
                arguments[property] = value;
                refuse(arguments, property).await;
            }
            if schema["items"].is_object() {
                for value in misfits(&schema["items"]) {
                    let mut arguments = good();
                    let mut items = fitting(schema);
                    items[0] = value;
                    arguments[property] = items;
                    refuse(arguments, &format!("{property}[0]")).await;
                }
            }
        }
    }
    println!("{tools} tools refused {refusals} wrong calls, each by the name of the argument and with a next step");
    assert!(refusals > 400, "only {refusals} refusals were tried");
    assert_eq!((product.requests().await, product.counts().await), before);
    product.ok("get_customer", json!({ "customer": "cust_0001" })).await;
}
