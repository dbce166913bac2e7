//! Sends, with calls of four processes at once.

use serde_json::json;

use super::{at_once, site::Site};
use crate::child::{Request, call};

fn order(number: &str, key: Option<&str>) -> Request {
    let mut arguments = json!({
        "template": "order_confirmation", "customer": "cust_0001", "message_data": { "order_id": number },
    });
    if let Some(key) = key {
        arguments["idempotency_key"] = json!(key);
    }
    call("send_transactional", arguments)
}

#[test]
fn one_key_on_four_processes_is_one_delivery() {
    let site = Site::new();
    let mut servers: [_; 4] = site.servers();
    let send = || vec![order("A-1", Some("order A-1")); 5];
    let answers = at_once(&mut servers, vec![send(), send(), send(), send()]);

    let deliveries = site.deliveries();
    println!("20 sends with one key on 4 processes: {deliveries:?}");
    let ids = &deliveries["Your order A-1"];
    assert_eq!((deliveries.len(), ids.len()), (1, 1), "{deliveries:?}");
    for answer in &answers {
        let told = answer["delivery_id"] == ids[0].as_str() || answer["error"] == "call_in_progress";
        assert!(told, "{answers:#?}");
    }
    let firsts = answers.iter().filter(|answer| answer["delivery_id"].is_string() && answer["duplicate_of"].is_null());
    assert_eq!(firsts.count(), 1, "{answers:#?}");
}

#[test]
fn four_processes_share_the_budget_for_sends() {
    let site = Site::with_budgets(&[("sends_per_hour", 10)]);
    let mut servers: [_; 4] = site.servers();
    let sends = |server| (0..20).map(|n| order(&format!("B-{server}-{n}"), None)).collect();
    let answers = at_once(&mut servers, (0..4).map(sends).collect());

    let deliveries = site.deliveries();
    let sent = answers.iter().filter(|answer| answer["state"] == "queued").count();
    let refused = answers.iter().filter(|answer| answer["error"] == "budget_exhausted").count();
    println!("80 sends on 4 processes with a budget of 10: {} deliveries, {refused} refusals", deliveries.len());
    assert_eq!((deliveries.len(), sent, refused), (10, 10, 70), "{answers:#?}");
    assert!(deliveries.values().all(|ids| ids.len() == 1), "{deliveries:?}");
    let refusal = answers.iter().find(|answer| answer["error"] == "budget_exhausted").unwrap();
    assert_eq!(refusal["message"], "The budget `sends` holds 10 per hour, and 10 are used. Nothing was changed.");
}
