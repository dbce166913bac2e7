//! What is sent: batches as near to the vendor's limit as whole items come.

use std::fmt::Write as _;

const MAX_BATCH_BYTES: usize = 500 * 1024;
const OPENING: &str = r#"{"batch":["#;
const CLOSING: &str = "]}";

/// One in so many people is on the plan that the segment and the search ask for.
pub(crate) const PEOPLE_PER_GOLD: u64 = 10;
/// One in so many of those lives where the search looks.
pub(crate) const GOLD_PER_TOWN: u64 = 20;
const EVENTS: [&str; 4] = ["product_viewed", "cart_updated", "order_placed", "article_read"];
/// Unix seconds of the first event.
const BEGAN: u64 = 1_790_000_000;
/// Coprime to the numbers of people, so that everybody has as many events as anybody else.
const STRIDE: u64 = 7_919;

/// The body of one request.
pub(crate) struct Batch {
    pub(crate) body: String,
    pub(crate) items: u64,
}

/// The identifier of a person by number.
pub(crate) fn person_id(number: u64) -> String {
    format!("user-{number:07}")
}

/// Creates this many people, with five attributes each.
pub(crate) fn people(count: u64) -> Vec<Batch> {
    batches((0..count).map(|number| {
        let plan = if number.is_multiple_of(PEOPLE_PER_GOLD) { "gold" } else { "free" };
        format!(
            "{{\"type\":\"person\",\"action\":\"identify\",\"identifiers\":{{\"id\":\"{}\"}},\"attributes\":{{\
             \"email\":\"user-{number}@example.com\",\"first_name\":\"Person {number}\",\"plan\":\"{plan}\",\
             \"town\":\"town-{}\",\"created_at\":{}}}}}",
            person_id(number),
            number / PEOPLE_PER_GOLD % GOLD_PER_TOWN,
            BEGAN - number % 10_000_000,
        )
    }))
}

/// This many events spread over the people, each with an id of its own, a few seconds out of order.
pub(crate) fn events(count: u64, people: u64) -> Vec<Batch> {
    batches((0..count).map(|number| {
        format!(
            "{{\"type\":\"person\",\"action\":\"event\",\"identifiers\":{{\"id\":\"{}\"}},\"name\":\"{}\",\
             \"id\":\"01J{number:023}\",\"timestamp\":{},\"attributes\":{{\"order\":\"A-{number}\",\"total\":{}.5,\
             \"items\":[\"blue mug\",\"red mug\"],\"express\":true}}}}",
            person_id(number * STRIDE % people),
            EVENTS[(number / people) as usize % EVENTS.len()],
            BEGAN + number / 8 + number * 37 % 10,
            number % 1_000,
        )
    }))
}

fn batches(items: impl Iterator<Item = String>) -> Vec<Batch> {
    let (mut done, mut body, mut count) = (Vec::new(), OPENING.to_owned(), 0);
    for item in items {
        if count > 0 && body.len() + 1 + item.len() + CLOSING.len() > MAX_BATCH_BYTES {
            body.push_str(CLOSING);
            done.push(Batch { body: std::mem::replace(&mut body, OPENING.to_owned()), items: count });
            count = 0;
        }
        // Writing to a string does not fail.
        let _ = write!(body, "{}{item}", if count > 0 { "," } else { "" });
        count += 1;
    }
    body.push_str(CLOSING);
    done.push(Batch { body, items: count });
    done
}
