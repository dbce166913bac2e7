//! What answers show of people and of secrets, and how they mark what others wrote.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use customerio_mcp::guard::{policy::Pii, privacy::Privacy};
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{
    driver::{Product, Setup},
    witness::refused,
};

fn lists(mask: &[&str], hide: &[&str], show: &[&str]) -> Privacy {
    serde_json::from_value(json!({ "mask": mask, "hide": hide, "show": show })).unwrap()
}

async fn shop(pii: Pii, privacy: Privacy) -> Product {
    let product = Setup::shop()
        .with_ids()
        .with(move |config| {
            config.pii = pii;
            config.privacy = privacy;
        })
        .start()
        .await;
    let attributes = json!({
        "email": "peg@shop.example", "ssn": "078-05-1120", "home_phone": "0171 5550199", "city": "Bath",
        "yearly_income": 52_000, "internal_score": 7, "address": { "street": "4 Quay St", "floor": 2 },
    });
    product.track("PUT", "customers/cust_7001", attributes).await;
    let data = json!({ "iban": "DE89370400440532013000", "total": 3, "internal_note": "n" });
    let event = json!({ "name": "paid", "data": data });
    product.track("POST", "customers/cust_7001/events", event).await;
    product
}

/// Everything that is answered of the person, by our tools and by operations of Customer.io.
async fn told(product: &Product) -> Vec<(&'static str, Value)> {
    let customer = json!({ "customer": "cust_7001", "detail": "full" });
    let mut told = vec![("get_customer", product.ok("get_customer", customer).await["attributes"].clone())];
    for (operation, key, arguments) in [
        ("get_customers", "customers", json!({ "customers": ["cust_7001"] })),
        ("list_customer_activities", "activities", json!({ "customer": "cust_7001" })),
    ] {
        let arguments = json!({ "operation": operation, "arguments": arguments });
        told.push((operation, product.ok("run_read_operation", arguments).await["answer"]["untrusted"][key].clone()));
    }
    told
}

fn values(told: &[(&'static str, Value)]) -> String {
    let names =
        ["ssn", "home_phone", "city", "yearly_income", "internal_score", "address", "iban", "total", "internal_note"];
    let mut text = String::new();
    for (tool, value) in told {
        text.push_str(tool);
        for name in names {
            if let Some(found) = find(value, name) {
                text = text + " " + name + "=" + &found.to_string();
            }
        }
        text.push('\n');
    }
    text
}

fn find(value: &Value, name: &str) -> Option<Value> {
    match value {
        Value::Object(map) => map.get(name).cloned().or_else(|| map.values().find_map(|inner| find(inner, name))),
        Value::Array(items) => items.iter().find_map(|inner| find(inner, name)),
        _ => None,
    }
}

#[tokio::test]
async fn what_is_personal_is_masked_by_its_name_in_every_answer() {
    let product = shop(Pii::Masked, Privacy::default()).await;
    assert_snapshot!(values(&told(&product).await), @r#"
    get_customer ssn="•••" home_phone="•••" city="Bath" yearly_income="52000" internal_score="7" address="•••"
    get_customers ssn="•••" home_phone="•••" city="Bath" yearly_income="52000" internal_score="7" address="•••"
    list_customer_activities ssn={"from":"","to":"•••"} home_phone={"from":"","to":"•••"} city={"from":"","to":"Bath"} yearly_income={"from":"","to":"52000"} internal_score={"from":"","to":"7"} address={"from":"","to":"•••"} iban="•••" total=3 internal_note="n"
    "#);
}

#[tokio::test]
async fn an_operator_adds_to_the_masks_hides_and_shows() {
    let product = shop(Pii::Masked, lists(&["*_income"], &["internal_*"], &["home_phone"])).await;
    assert_snapshot!(values(&told(&product).await), @r#"
    get_customer ssn="•••" home_phone="0171 5550199" city="Bath" yearly_income="•••" address="•••"
    get_customers ssn="•••" home_phone="0171 5550199" city="Bath" yearly_income="•••" address="•••"
    list_customer_activities ssn={"from":"","to":"•••"} home_phone={"from":"","to":"0171 5550199"} city={"from":"","to":"Bath"} yearly_income={"from":"","to":"•••"} address={"from":"","to":"•••"} iban="•••" total=3
    "#);
    let shown = product.ok("get_guardrails", json!({})).await;
    assert_eq!(
        shown["attributes"],
        json!({ "masked": ["*_income"], "hidden": ["internal_*"], "shown": ["home_phone"] })
    );
}

#[tokio::test]
async fn in_full_means_without_masks_and_not_without_what_is_hidden() {
    let product = shop(Pii::Full, lists(&["*_income"], &["internal_*"], &[])).await;
    assert_snapshot!(values(&told(&product).await), @r#"
    get_customer ssn="078-05-1120" home_phone="0171 5550199" city="Bath" yearly_income="52000" address="{\"street\":\"4 Quay St\",\"floor\":2}"
    get_customers ssn="078-05-1120" home_phone="0171 5550199" city="Bath" yearly_income="52000" address="{\"street\":\"4 Quay St\",\"floor\":2}"
    list_customer_activities ssn={"from":"","to":"078-05-1120"} home_phone={"from":"","to":"0171 5550199"} city={"from":"","to":"Bath"} yearly_income={"from":"","to":"52000"} address={"from":"","to":"{\"street\":\"4 Quay St\",\"floor\":2}"} iban="DE89370400440532013000" total=3
    "#);
}

#[tokio::test]
async fn an_attribute_that_is_never_shown_is_not_asked_for_either() {
    let product = shop(Pii::Full, lists(&[], &["internal_*"], &[])).await;
    let asked = json!({ "attribute": "internal_score", "value": "7" });
    assert_snapshot!(refused(&product, "find_customers", asked).await, @r#"
    {
      "error": "denied",
      "message": "The operator hides the attribute in `attribute`. Nothing was read.",
      "field": "attribute",
      "next_step": "Look by another attribute; get_guardrails shows which are hidden.",
      "safe_to_retry": false
    }
    "#);
    let other = json!({ "attribute": "city", "value": "Bath" });
    assert!(
        product.ok("find_customers", other).await["customers"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["id"] == "cust_7001")
    );
}

#[tokio::test]
async fn what_was_masked_is_not_written_back() {
    let product = shop(Pii::Masked, Privacy::default()).await;
    let masked =
        product.ok("get_customer", json!({ "customer": "cust_7001" })).await["attributes"]["untrusted"].clone();
    let mut attributes = json!({ "ssn": masked["ssn"], "city": masked["city"] });
    let write = json!({ "id": "cust_7001", "attributes": attributes });
    assert_snapshot!(refused(&product, "identify_customer", write).await, @r#"
    {
      "error": "masked_value",
      "message": "`attributes.ssn` holds a value that was masked or cut in an answer. Nothing was changed.",
      "field": "attributes.ssn",
      "next_step": "Write only what you know whole; ask the user for the rest.",
      "safe_to_retry": false
    }
    "#);
    let event = json!({ "customer": "cust_7001", "name": "x", "data": { "key": "[secret removed]" } });
    assert!(refused(&product, "track_event", event).await.contains("masked_value"));
    let rows = json!({ "rows": [{ "id": "cust_7001", "ssn": masked["ssn"] }] });
    let imported = product.call("import_customers", rows).await.to_string();
    assert!(imported.contains("masked"), "{imported}");
    let (_, stored) = product.app("customers/cust_7001/attributes?id_type=id").await;
    assert_eq!(stored["customer"]["attributes"]["ssn"], "078-05-1120");
    attributes.as_object_mut().unwrap().shift_remove("ssn");
    product.ok("identify_customer", json!({ "id": "cust_7001", "attributes": attributes })).await;
}

#[tokio::test]
async fn secrets_leave_with_no_answer() {
    let product = Setup::shop().with_ids().with(|config| config.pii = Pii::Full).start().await;
    let keys = product.sandbox.keys().clone();
    let basic = BASE64_STANDARD.encode(format!("{}:{}", keys.site_id, keys.tracking_api_key));
    let planted = json!({
        "app": keys.app_api_key.clone(), "track": format!("x{}y", keys.tracking_api_key), "cdp": keys.cdp_write_key.clone(),
        "basic": basic.clone(), "site": keys.site_id.clone(), "bearer": "Bearer abcdef0123456789abcdef",
        "stripe": concat!("sk_", "live_4eC39HqLyjWDarjtT1zdp7dc"), keys.app_api_key.clone(): "in a name",
    });
    product.track("PUT", "customers/cust_7002", planted).await;
    product.track("POST", "customers/cust_7002/events", json!({ "name": keys.app_api_key.clone() })).await;
    let customer = json!({ "customer": "cust_7002", "detail": "full" });
    let answer = product.ok("get_customer", customer).await;
    let arguments = json!({ "operation": "get_customers", "arguments": { "customers": ["cust_7002"] } });
    let raw = product.ok("run_read_operation", arguments).await;
    let all = format!("{answer}{raw}");
    for secret in [&keys.app_api_key, &keys.tracking_api_key, &keys.cdp_write_key, &basic] {
        assert!(!all.contains(secret.as_str()));
    }
    let attributes = &answer["attributes"]["untrusted"];
    assert_eq!(attributes["site"], json!(keys.site_id));
    assert_eq!(attributes["track"], "x[secret removed]y");
    assert_eq!(attributes["[secret removed]"], "in a name");
    assert_eq!(
        (&attributes["bearer"], &attributes["stripe"]),
        (&json!("[secret removed]"), &json!("[secret removed]"))
    );

    // In an error that repeats an argument, and in a prompt.
    let error = product.refused("find_operations", json!({ keys.app_api_key.clone(): 1 })).await.to_string();
    assert!(!error.contains(&keys.app_api_key), "{error}");
    let arguments = json!({ "customer": keys.app_api_key.clone() });
    let mut request = rmcp::model::GetPromptRequestParams::new("welcome_customer");
    request.arguments = arguments.as_object().cloned();
    let prompt = json!(product.client.get_prompt(request).await.unwrap()).to_string();
    assert!(prompt.contains("[secret removed]") && !prompt.contains(&keys.app_api_key), "{prompt}");
}

#[tokio::test]
async fn names_that_others_gave_are_marked() {
    let product = Setup::shop().with_ids().start().await;
    for (tool, arguments) in [
        ("list_segments", json!({})),
        ("list_templates", json!({})),
        ("list_campaigns", json!({ "kind": "newsletter" })),
        ("get_customer", json!({ "customer": "cust_0001" })),
        ("get_segment", json!({ "segment_id": 1 })),
    ] {
        let answer = product.ok(tool, arguments).await;
        assert!(
            answer["untrusted_fields"].as_array().is_some_and(|fields| fields.contains(&json!("name"))),
            "{tool}: {answer}"
        );
    }
    for tool in ["get_guardrails", "list_audit"] {
        assert_eq!(product.ok(tool, json!({})).await.get("untrusted_fields"), None, "{tool}");
    }
}
