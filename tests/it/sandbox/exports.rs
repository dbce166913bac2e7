//! Exports and imports, which meet in CSV files (behaviour.md section 10).

use reqwest::Method;
use serde_json::{Value, json};

use super::driver::{NOON, Sandbox};

async fn export(sandbox: &Sandbox, what: &str, body: Value) -> u64 {
    let heard = sandbox.app(Method::POST, &format!("/v1/exports/{what}"), body).await;
    assert_eq!(heard.status, 200, "{}", heard.text);
    let made = &heard.json()["export"];
    assert_eq!((&made["status"], &made["total"]), (&json!("pending"), &json!(0)));
    made["id"].as_u64().unwrap()
}

/// A download link, as a whole URL.
async fn link(sandbox: &Sandbox, id: u64) -> String {
    let answer = sandbox.get(&format!("/v1/exports/{id}/download")).await;
    answer["url"].as_str().unwrap().to_owned()
}

async fn fetch(sandbox: &Sandbox, url: &str) -> (u16, String) {
    let path = url.strip_prefix(&sandbox.running.base_url()).expect("on the sandbox's own host");
    let heard = sandbox.raw(Method::GET, path, &[], Vec::new()).await.unwrap();
    (heard.status, heard.text)
}

async fn import(sandbox: &Sandbox, body: Value) -> u64 {
    let heard = sandbox.app(Method::POST, "/v1/imports", json!({"import": body})).await;
    assert_eq!(heard.status, 200, "{}", heard.text);
    assert_eq!(heard.json()["import"]["state"], "preprocessing");
    heard.json()["import"]["id"].as_u64().unwrap()
}

/// A file on this machine, answered once.
async fn served(body: &'static str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 1024]).await.unwrap();
        stream.write_all(format!("HTTP/1.0 200 OK\r\n\r\n{body}").as_bytes()).await.unwrap();
    });
    format!("http://{address}/people.csv")
}

#[tokio::test]
async fn section_10_an_export_of_people_is_pending_then_done_and_its_link_lasts_15_minutes() {
    let sandbox = Sandbox::shop().await;
    assert_eq!(sandbox.get("/v1/exports").await, json!({"exports": null}));
    let filter = json!({"attribute": {"field": "plan", "operator": "eq", "value": "gold"}});
    let id = export(&sandbox, "customers", json!({"filters": filter})).await;
    let early = sandbox.app(Method::GET, &format!("/v1/exports/{id}/download"), Value::Null).await;
    assert_eq!(early.status, 400);
    sandbox.advance(1);
    let done = sandbox.get(&format!("/v1/exports/{id}")).await["export"].clone();
    assert_eq!((&done["status"], &done["total"], &done["type"]), (&json!("done"), &json!(4), &json!("customers")));
    let url = link(&sandbox, id).await;
    let (status, csv) = fetch(&sandbox, &url).await;
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!((status, lines.len()), (200, 5));
    assert!(lines[0].starts_with("cio_id,id,email,"), "{csv}");
    assert!(lines[1].contains(",cust_0001,ada.moss@example.com,"), "{csv}");
    assert_eq!(sandbox.get("/v1/exports").await["exports"][0]["downloads"], 1);
    sandbox.advance(15 * 60 - 1);
    assert_eq!(fetch(&sandbox, &url).await.0, 200);
    sandbox.advance(1);
    assert_eq!(fetch(&sandbox, &url).await.0, 403);
    assert_eq!(fetch(&sandbox, &link(&sandbox, id).await).await.0, 200, "a new link");
    assert_eq!(sandbox.app(Method::GET, "/v1/exports/99", Value::Null).await.status, 404);
}

#[tokio::test]
async fn section_10_an_export_of_deliveries_has_one_parent() {
    let sandbox = Sandbox::shop().await;
    for template in [2, 4] {
        let body = json!({"transactional_message_id": template, "to": "a@example.com",
            "identifiers": {"id": "cust_0001"}, "message_data": {"order_id": "A-1"}});
        sandbox.app(Method::POST, "/v1/send/email", body).await;
    }
    sandbox.advance(5);
    let body = json!({"transactional_message_id": 4, "attributes": ["city"], "metric": "delivered"});
    let id = export(&sandbox, "deliveries", body).await;
    sandbox.advance(1);
    let (_, csv) = fetch(&sandbox, &link(&sandbox, id).await).await;
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(lines.len(), 2, "{csv}");
    assert!(lines[0].ends_with(",undeliverable,city") && lines[1].ends_with(",Bristol"), "{csv}");
    assert!(lines[1].contains("Order A-1 is on its way"), "{csv}");
    for body in [json!({}), json!({"campaign_id": 1, "action_id": 1}), json!({"campaign_id": 1, "metric": "liked"})] {
        assert_eq!(sandbox.app(Method::POST, "/v1/exports/deliveries", body).await.status, 400);
    }
}

#[tokio::test]
async fn section_10_an_import_goes_through_its_stages_and_applies_rows_as_calls() {
    let sandbox = Sandbox::shop().await;
    let file = "id,email,city\ncust_0001,,Exeter\nnew_1,new@example.com,Bath\n,nobody@example.com,York\n\
                cust_0002,ada.moss@example.com,Leeds\n";
    let body = json!({"data_file_url": served(file).await, "type": "people", "identifier": "id"});
    let id = import(&sandbox, body).await;
    let path = format!("/v1/imports/{id}");
    for state in ["preprocessed", "validating", "validated", "importing"] {
        sandbox.advance(1);
        assert_eq!(sandbox.get(&path).await["import"]["state"], state);
        assert_eq!(sandbox.count("people").await, 12);
    }
    sandbox.advance(1);
    let done = sandbox.get(&path).await["import"].clone();
    assert_eq!((&done["state"], &done["name"]), (&json!("imported"), &json!("people.csv")));
    assert_eq!((&done["rows_to_import"], &done["rows_imported"]), (&json!(4), &json!(2)));
    assert_eq!(sandbox.attribute("cust_0001", "city").await, "Exeter");
    assert_eq!(sandbox.attribute("cust_0001", "email").await, "ada.moss@example.com");
    assert!(sandbox.customer("new@example.com", "email").await.is_some());
    let errors = link(&sandbox, done["error_export_id"].as_u64().unwrap()).await;
    let (_, csv) = fetch(&sandbox, &errors).await;
    assert_eq!(csv.lines().count(), 3, "{csv}");
    assert!(csv.contains("the identifiers belong to others"), "{csv}");
    assert_eq!(sandbox.activities("type=failed_attribute_change").await.len(), 1);
}

#[tokio::test]
async fn section_10_an_export_can_be_imported_and_data_to_process_narrows_it() {
    let sandbox = Sandbox::shop().await;
    let everybody = json!({"filters": {"attribute": {"field": "id", "operator": "exists"}}});
    let id = export(&sandbox, "customers", everybody).await;
    sandbox.advance(1);
    let url = link(&sandbox, id).await;
    sandbox.track(Method::DELETE, "/api/v1/customers/cust_0001", Value::Null).await;
    let body = json!({"data_file_url": url, "type": "people", "identifier": "id", "data_to_process": "only_new"});
    let id = import(&sandbox, body).await;
    sandbox.advance(5);
    let done = sandbox.get(&format!("/v1/imports/{id}")).await["import"].clone();
    assert_eq!((&done["rows_to_import"], &done["rows_imported"]), (&json!(11), &json!(1)), "{done}");
    assert_eq!(sandbox.attribute("cust_0001", "city").await, "Bristol");
}

#[tokio::test]
async fn an_import_of_events_is_of_known_columns() {
    let sandbox = Sandbox::shop().await;
    let file = "email,name,timestamp,total\nben.reed@example.com,order_placed,1700000000,18\n";
    let body = json!({"data_file_url": served(file).await, "type": "event", "identifier": "email"});
    import(&sandbox, body).await;
    sandbox.advance(5);
    let events = sandbox.get("/v1/customers/cust_0002/activities?type=event&limit=100").await;
    let found = events["activities"].as_array().unwrap().iter().any(|one| one["timestamp"] == 1_700_000_000);
    assert!(found, "{events}");
}

#[tokio::test]
async fn objects_and_those_who_belong_to_them_are_imported() {
    let sandbox = Sandbox::shop().await;
    let outcome = async |file, mut body: Value| {
        body["data_file_url"] = json!(served(file).await);
        let id = import(&sandbox, body).await;
        sandbox.advance(5);
        let done = sandbox.get(&format!("/v1/imports/{id}")).await["import"].clone();
        (done["state"].clone(), done["rows_imported"].clone())
    };
    let imported = |rows: u64| (json!("imported"), json!(rows));

    let objects = json!({"type": "object", "object_type_id": "1", "data_to_process": "only_new"});
    let file = "object_id,name,city\nacme,Acme,York\nmill_lane_hotel,Renamed,Bath\n,Nameless,Leeds\n";
    assert_eq!(outcome(file, objects).await, imported(1));
    let acme = sandbox.get("/v1/objects/1/acme/attributes?id_type=object_id").await["object"].clone();
    assert_eq!((&acme["attributes"]["name"], &acme["attributes"]["city"]), (&json!("Acme"), &json!("York")));
    let old = sandbox.get("/v1/objects/1/mill_lane_hotel/attributes?id_type=object_id").await["object"].clone();
    assert_eq!(old["attributes"]["name"], "Mill Lane Hotel");

    let ties = json!({"type": "relationship", "identifier": "email"});
    let file =
        "object_type_id,object_id,email,role\n1,acme,ben.reed@example.com,buyer\n9,acme,ben.reed@example.com,x\n";
    assert_eq!(outcome(file, ties).await, imported(1));
    let ties = sandbox.get("/v1/customers/cust_0002/relationships").await["cio_relationships"].clone();
    assert_eq!(
        (&ties[0]["identifiers"]["object_id"], &ties[0]["attributes"]["role"]),
        (&json!("acme"), &json!("buyer"))
    );

    let without = json!({"type": "relationship", "identifier": "id", "object_type_id": "1"});
    assert_eq!(outcome("id,role\ncust_0001,x\n", without).await.0, "failed");
}

#[tokio::test]
async fn files_beyond_this_machine_are_not_fetched() {
    let sandbox = Sandbox::empty().await;
    for address in ["https://files.test/p.csv", "http://192.0.2.1/p.csv", "file:///etc/passwd", "nonsense"] {
        let body = json!({"data_file_url": address, "type": "people", "identifier": "id"});
        let id = import(&sandbox, body).await;
        sandbox.advance(1);
        let failed = sandbox.get(&format!("/v1/imports/{id}")).await["import"].clone();
        assert_eq!(failed["state"], "failed");
        assert!(failed["error"].as_str().unwrap().contains("this machine alone"), "{failed}");
    }
    let collection = json!({"name": "c", "url": "https://files.test/c.csv"});
    assert_eq!(sandbox.app(Method::POST, "/v1/collections", collection).await.status, 400);
    let local = json!({"name": "c", "url": served("sku,price\na,1\n").await});
    assert_eq!(sandbox.app(Method::POST, "/v1/collections", local).await.status, 200);
    assert_eq!(sandbox.get("/v1/collections/1/content").await, json!([{"sku": "a", "price": "1"}]));
    assert_eq!(sandbox.get("/v1/collections").await["collections"][0]["created_at"], NOON + 4);
    for body in
        [json!({}), json!({"import": {"type": "people"}}), json!({"import": {"data_file_url": "x", "type": "pets"}})]
    {
        assert_eq!(sandbox.app(Method::POST, "/v1/imports", body).await.status, 400);
    }
}
