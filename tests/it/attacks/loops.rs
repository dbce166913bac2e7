//! The same thing again and again.

use serde_json::{Value, json};

use super::{Table, short};
use crate::driver::{Product, Setup};

/// What comes of a call that is made so often, and how many of each.
async fn repeated(product: &Product, tool: &'static str, arguments: impl Fn(u32) -> Value, times: u32) -> String {
    let mut answers: Vec<(String, u32)> = Vec::new();
    for number in 0..times {
        let answer = short(&product.call(tool, arguments(number)).await);
        match answers.last_mut() {
            Some((last, count)) if *last == answer => *count += 1,
            _ => answers.push((answer, 1)),
        }
    }
    let told: Vec<String> = answers.iter().map(|(answer, count)| format!("{count} times {answer}")).collect();
    told.join(", then ")
}

#[tokio::test]
async fn a_loop_ends() {
    let setup = Setup::shop().with_ids().with(|config| {
        config.budgets.triggers_per_hour = 10;
        config.budgets.sends_per_hour = 3;
    });
    let product = setup.start().await;
    let (before, mut table) = (product.counts().await, Table::default());
    let deletion = |_| json!({ "segment_id": 999 });
    table.add("the same refused call, 30 times", repeated(&product, "delete_segment", deletion, 30).await);
    let read = |_| json!({ "customer": "nobody" });
    table.add("the same failing read, 30 times", repeated(&product, "get_customer", read, 30).await);
    let event = |_| json!({ "customer": "cust_0001", "name": "seen" });
    table.add("the same event, 30 times", repeated(&product, "track_event", event, 30).await);
    let send = |order: u32| {
        let data = json!({ "order_id": format!("A-{order}") });
        json!({ "template": "order_confirmation", "customer": "cust_0001", "message_data": data })
    };
    table.add("another message to the same person, 30 times", repeated(&product, "send_transactional", send, 30).await);
    let counts = product.counts().await;
    let more = |what: &str| counts[what].as_u64().unwrap() - before[what].as_u64().unwrap();
    let told = format!("{} and {}", more("events"), more("deliveries"));
    table.add("events and messages more that the sandbox counts", told);
    insta::assert_snapshot!(table.told(), @"
    attack                                           | answer
    the same refused call, 30 times                  | 5 times not_found at segment_id, then 25 times repeated_call
    the same failing read, 30 times                  | 5 times customer_not_found at customer, then 25 times repeated_call
    the same event, 30 times                         | 10 times succeeded, then 20 times budget_exhausted
    another message to the same person, 30 times     | 3 times succeeded, then 27 times budget_exhausted
    events and messages more that the sandbox counts | 10 and 3
    ");
}
