//! `import_customers`.

use serde_json::{Map, Value, json};

use super::{Desk, batches, id};
use crate::{driver::Setup, witness::person};

#[tokio::test]
async fn a_file_becomes_people_with_typed_attributes() {
    let desk = Desk::new().await;
    desk.write(
        "people.csv",
        "\u{feff}id,email,plan,vip,orders,zip,note\r\ncust_5001,Zoe@Shop.io,gold,true,3,01234,\"a, \"\"b\"\"\nc\"\r\ncust_0001,,silver,,,,\r\n",
    );
    let before = desk.people_count().await;
    let answer = desk.product.ok("import_customers", json!({ "file": "people.csv" })).await;
    let handle = answer["handle"].as_str().unwrap();
    assert!(handle.starts_with("imp_"), "{answer}");
    assert_eq!(
        answer,
        json!({
            "result": "accepted", "handle": handle, "rows_total": 2, "rows_done": 2, "rows_accepted": 2, "rows_refused": 0,
        })
    );
    assert_eq!(desk.people_count().await, before + 1);
    let zoe = person(&desk.product, "cust_5001").await;
    let told =
        ["email", "plan", "vip", "orders", "zip", "note"].map(|name| zoe["customer"]["attributes"][name].clone());
    assert_eq!(Value::from(told.to_vec()), json!(["zoe@shop.io", "gold", "true", "3", "01234", "a, \"b\"\nc"]));
    let ada = person(&desk.product, "cust_0001").await;
    assert_eq!(ada["customer"]["attributes"]["plan"], "silver");
    assert_ne!(ada["customer"]["attributes"]["email"], "", "an empty cell says nothing");
    assert_eq!(batches(&desk.product).await, 1);
}

#[tokio::test]
async fn rows_in_the_call_are_people_too_and_may_name_their_attributes_apart() {
    let desk = Desk::new().await;
    let rows = json!([
        { "id": "cust_5001", "attributes": { "plan": "gold", "tags": ["a", { "b": 1 }] } },
        { "email": "dan.oak@example.com", "plan": "silver" },
        { "id": "cust_5002", "email": "eve@shop.io", "orders": 7 },
    ]);
    let answer = desk.product.ok("import_customers", json!({ "rows": rows })).await;
    assert_eq!((&answer["result"], &answer["rows_accepted"]), (&json!("accepted"), &json!(3)));
    assert_eq!(person(&desk.product, "cust_5002").await["customer"]["attributes"]["orders"], "7");
    assert_eq!(person(&desk.product, "dan.oak@example.com").await["customer"]["attributes"]["plan"], "silver");
}

#[tokio::test]
async fn one_refused_row_stops_all_and_every_refused_row_is_told() {
    let desk = Desk::new().await;
    desk.write(
        "people.csv",
        [
            b"id,email,plan\n".as_slice(),
            b"cust_5001,zoe@shop.io,gold\n",
            b"7,seven@shop.io,gold\n",
            b"cust_5002,not an address,gold\n",
            b"cust_5003,ada.moss@example.com,gold\n",
            b"CUST_0002,,gold\n",
            b"cust_0001,other@shop.io,gold\n",
            b"cust_5004,qa@shop.io,gold\n",
            b"cust_5005,zoe@shop.io,gold\n",
            b"cust_5006,\xff@shop.io,gold\n",
            b"cust_5007,seven@shop.io\n",
            b"cust_5008,h@shop.io,gold\n",
        ]
        .concat(),
    );
    let before = desk.product.counts().await;
    let refused = desk.product.refused("import_customers", json!({ "file": "people.csv" })).await;
    assert_eq!(desk.product.counts().await, before);
    assert_eq!(batches(&desk.product).await, 0);
    assert_eq!(refused["message"], "9 of 11 rows are refused, so none was written. Nothing was changed.");
    let rows: Vec<_> = refused["details"]["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            format!("{} {} {}", row["row"], row["error"].as_str().unwrap(), row["field"].as_str().unwrap_or("-"))
        })
        .collect();
    assert_eq!(
        rows,
        [
            "2 invalid_identifier id",
            "3 invalid_identifier email",
            "4 identity_conflict email",
            "5 invalid_identifier id",
            "6 identifier_immutable email",
            "7 test_profile_expected email",
            "8 identity_conflict email",
            "9 invalid_argument -",
            "10 invalid_argument -",
        ]
    );
    let text = refused.to_string();
    for private in ["seven@", "ada.moss", "other@", "zoe@", "not an address"] {
        assert!(!text.contains(private), "{private}: {text}");
    }
    let handle = refused["details"]["handle"].clone();
    let answer = desk.product.ok("import_customers", json!({ "handle": handle, "skip_refused": true })).await;
    assert_eq!(
        ["result", "rows_total", "rows_done", "rows_accepted", "rows_refused"].map(|name| answer[name].clone()),
        [json!("accepted"), json!(11), json!(11), json!(2), json!(9)]
    );
    assert_eq!(person(&desk.product, "cust_5008").await["customer"]["attributes"]["plan"], "gold");
    assert_eq!(person(&desk.product, "cust_5005").await, Value::Null);
}

#[tokio::test]
async fn ids_that_differ_by_capitals_alone_are_refused_within_a_file_and_beyond_it() {
    let desk = Desk::with(Setup::shop().with(|config| config.identity = None)).await;
    // The strategy of the desk asks for `cust_` in small letters; what follows may have capitals.
    let rows = json!([{ "id": "cust_A1" }, { "id": "cust_a1" }]);
    let refused = desk.product.refused("import_customers", json!({ "rows": rows })).await;
    assert_eq!(refused["details"]["refused"].as_array().unwrap().len(), 1, "{refused}");
    assert_eq!(refused["details"]["refused"][0]["row"], 2);
    desk.product.ok("import_customers", json!({ "rows": [{ "id": "cust_a1" }] })).await;
    let alike = desk.product.refused("import_customers", json!({ "rows": [{ "id": "cust_A1" }] })).await;
    assert_eq!(alike["details"]["refused"][0]["error"], "identity_conflict", "{alike}");
}

#[tokio::test]
async fn a_customer_has_one_row_since_the_order_of_batches_is_not_that_of_rows() {
    let desk = Desk::new().await;
    let rows = json!([
        { "id": "cust_5001", "email": "one@shop.io", "plan": "silver" },
        { "id": "cust_5001", "plan": "gold" },
        { "id": "cust_5002", "email": "One@shop.io" },
        { "email": "one@shop.io", "plan": "gold" },
        { "id": "cust_5003", "plan": "gold" },
    ]);
    let refused = desk.product.refused("import_customers", json!({ "rows": rows })).await;
    let told = refused["details"]["refused"].as_array().unwrap().iter();
    let told: Vec<_> = told.map(|row| (row["row"].as_u64().unwrap(), row["field"].as_str().unwrap())).collect();
    assert_eq!(told, [(2, "id"), (3, "email"), (4, "email")], "{refused}");
}

#[tokio::test]
async fn refused_rows_are_listed_in_pages() {
    let desk = Desk::new().await;
    let lines: Vec<_> = (0..70).map(|at| if at % 2 == 0 { format!("x{at}") } else { id(at) }).collect();
    desk.write("people.csv", format!("id\n{}\n", lines.join("\n")));
    let refused = desk.product.refused("import_customers", json!({ "file": "people.csv" })).await;
    assert_eq!(refused["details"]["rows_refused"], 35);
    let (handle, mut cursor, mut rows) = (refused["details"]["handle"].clone(), json!("0"), Vec::new());
    while !cursor.is_null() {
        let page = desk.product.ok("import_customers", json!({ "handle": handle, "cursor": cursor })).await;
        rows.extend(page["refused"].as_array().unwrap().iter().map(|row| row["row"].as_u64().unwrap()));
        cursor = page["cursor"].clone();
    }
    assert_eq!(rows, (0..35).map(|at| 2 * at + 1).collect::<Vec<u64>>());
    assert_eq!(batches(&desk.product).await, 0, "a look writes nothing");
}

#[tokio::test]
async fn what_customerio_refuses_is_told_by_its_row_and_the_rest_is_written() {
    let desk = Desk::new().await;
    // With its address, which is an attribute to Customer.io, the second has one too many.
    let full: Map<_, _> = (0..300).map(|at| (format!("a{at}"), json!(at))).collect();
    let rows = json!([
        { "id": "cust_5001", "plan": "gold" },
        { "id": "cust_5002", "email": "eve@shop.io", "attributes": full },
        { "id": "cust_5003", "plan": "gold" },
    ]);
    let answer = desk.product.ok("import_customers", json!({ "rows": rows })).await;
    assert_eq!(
        (&answer["result"], &answer["rows_accepted"], &answer["rows_refused"]),
        (&json!("accepted"), &json!(2), &json!(1))
    );
    assert_eq!(
        answer["refused"],
        json!([{
            "row": 2, "field": "attributes", "error": "upstream_rejected",
            "reason": "Customer.io refused it: cannot identify more than 300 attributes in one request",
        }])
    );
    assert_eq!(person(&desk.product, "cust_5003").await["customer"]["attributes"]["plan"], "gold");
    assert_eq!(person(&desk.product, "cust_5002").await, Value::Null);
}

#[tokio::test]
async fn a_workspace_without_an_app_key_writes_by_the_primary_identifier_alone() {
    let desk = Desk::with(Setup::shop().with(|config| config.app_api_key = None)).await;
    let answer = desk.product.ok("import_customers", json!({ "rows": [{ "id": "cust_5001", "plan": "gold" }] })).await;
    assert_eq!(answer["rows_accepted"], 1);
    let refused = desk
        .product
        .refused("import_customers", json!({ "rows": [{ "id": "cust_5001", "email": "a@shop.io" }] }))
        .await;
    assert_eq!(refused["details"]["refused"][0]["error"], "app_key_required", "{refused}");
    assert_eq!(desk.product.requests().await["counts"]["POST /v1/customers/attributes"], Value::Null);
}
