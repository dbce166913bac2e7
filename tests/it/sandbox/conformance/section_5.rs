//! How many rows a page has: as many as are asked for, as many as usual, and never more than the most.

use reqwest::Method;
use serde_json::{Value, json};

use crate::sandbox::driver::Sandbox;

/// 1001 people in a manual segment, and a message for each.
async fn crowd() -> Sandbox {
    let sandbox = Sandbox::shop().await;
    let names: Vec<_> = (0..1001).map(|number| format!("c{number}")).collect();
    let entity = |id: &String| json!({"type": "person", "action": "identify", "identifiers": {"id": id}, "attributes": {"crowd": "yes"}});
    for part in names.chunks(500) {
        let batch = json!({"batch": part.iter().map(entity).collect::<Vec<_>>()});
        assert_eq!(sandbox.track(Method::POST, "/api/v2/batch", batch).await.status, 200);
        let path = "/api/v1/segments/2/add_customers";
        assert_eq!(sandbox.track(Method::POST, path, json!({"ids": part})).await.status, 200);
    }
    let body = json!({"name": "all", "type": "webhook", "body": "{}", "send_now": true,
        "recipients": {"attribute": {"field": "crowd", "operator": "exists"}}});
    assert_eq!(sandbox.app(Method::POST, "/v1/newsletters", body).await.status, 200);
    sandbox
}

#[tokio::test]
async fn section_5_each_list_has_its_usual_and_its_largest_page() {
    let sandbox = crowd().await;
    let body = json!({"filter": {"attribute": {"field": "crowd", "operator": "exists"}}});
    // Path, key of the rows, rows there are, usual page, largest page.
    let cases = [
        ("/v1/customers", "ids", 1001, 50, 1000),
        ("/v1/customers", "identifiers", 1001, 50, 1000),
        ("/v1/messages?type=webhook", "messages", 1001, 50, 1000),
        ("/v1/newsletters/3/messages", "messages", 1001, 50, 1000),
        ("/v1/activities", "activities", 1001, 10, 100),
        // Shows the largest of 30,000 only by what it does not cut.
        ("/v1/segments/2/membership", "ids", 1002, 1000, 1002),
    ];
    for (path, key, least, usual, largest) in cases {
        let rows = async |query: String| {
            let path = format!("{path}{}{query}", if path.contains('?') { '&' } else { '?' });
            let answer = if path.starts_with("/v1/customers") {
                sandbox.app(Method::POST, &path, body.clone()).await.json()
            } else {
                sandbox.get(&path).await
            };
            (answer[key].as_array().unwrap_or_else(|| panic!("{path}: {answer}")).len(), answer["next"].clone())
        };
        let (first, next) = rows(String::new()).await;
        assert_eq!(first, usual, "{path}");
        assert!(next.as_str().is_some_and(|next| !next.is_empty()), "{path}");
        assert_eq!(rows("limit=".to_owned()).await.0, usual, "{path}");
        assert_eq!(rows("limit=7".to_owned()).await.0, 7, "{path}");
        for limit in [largest, largest + 1, 1_000_000] {
            assert_eq!(rows(format!("limit={limit}")).await.0, largest, "{path} {limit}");
        }
        // Following next reaches every row and ends with "".
        let (mut seen, mut start) = (0, String::new());
        for _ in 0..1000 {
            let (count, next) = rows(format!("limit={largest}&start={start}")).await;
            seen += count;
            start = next.as_str().unwrap_or_default().to_owned();
            if start.is_empty() {
                break;
            }
        }
        // The log also tells of the shop's own past.
        let is_all = if key == "activities" { seen >= least } else { seen == least };
        assert!(is_all && start.is_empty(), "{path}: {seen}");
    }
}

#[tokio::test]
async fn section_5_a_limit_or_a_token_that_is_none_is_refused() {
    let sandbox = Sandbox::shop().await;
    let lists = [
        "messages",
        "activities",
        "segments/1/membership",
        "newsletters",
        "customers/cust_0001/messages",
        "customers/cust_0001/activities",
        "campaigns/1/messages",
        "customers/cust_0001/relationships",
    ];
    for list in lists {
        for query in ["limit=0", "limit=-1", "limit=ten", "limit=1.5", "start=!!", "start=abc", "start=-1"] {
            let heard = sandbox.app(Method::GET, &format!("/v1/{list}?{query}"), Value::Null).await;
            assert_eq!(heard.status, 400, "{list}?{query}: {}", heard.text);
            assert_eq!(heard.json()["errors"][0]["status"], "400", "{list}?{query}");
        }
    }
}

#[tokio::test]
async fn section_5_lists_without_pages_show_everything() {
    let sandbox = Sandbox::shop().await;
    for number in 0..120 {
        let body = json!({"segment": {"name": format!("s{number}")}});
        assert_eq!(sandbox.app(Method::POST, "/v1/segments", body).await.status, 200);
    }
    let cases = [
        ("segments", "segments", 125),
        ("campaigns", "campaigns", 2),
        ("broadcasts", "broadcasts", 1),
        ("snippets", "snippets", 2),
        ("transactional", "messages", 10),
        ("subscription_topics", "topics", 2),
        ("workspaces", "workspaces", 1),
    ];
    for (path, key, rows) in cases {
        for query in ["", "?limit=1", "?limit=1&start=x"] {
            let answer = sandbox.get(&format!("/v1/{path}{query}")).await;
            assert_eq!(answer[key].as_array().unwrap().len(), rows, "{path}{query}");
            assert_eq!(answer.get("next"), None, "{path}{query}");
        }
    }
}

#[tokio::test]
async fn section_5_a_segment_says_who_uses_it() {
    let sandbox = Sandbox::shop().await;
    let body = json!({"name": "n", "type": "email", "subject": "s", "body": "b", "send_now": true,
        "recipients": {"or": [{"segment": {"id": 1}}, {"not": {"segment": {"id": 4}}}]}});
    assert_eq!(sandbox.app(Method::POST, "/v1/newsletters", body).await.status, 200);
    let cases = [
        (1, json!([]), json!([3]), json!([])),
        (3, json!([2]), json!([]), json!([])),
        (4, json!([1]), json!([3]), json!([2])),
    ];
    for (id, campaigns, sent, drafts) in cases {
        let expected =
            json!({"used_by": {"campaigns": campaigns, "sent_newsletters": sent, "draft_newsletters": drafts}});
        assert_eq!(sandbox.get(&format!("/v1/segments/{id}/used_by")).await, expected, "{id}");
    }
    let archived = sandbox.app(Method::GET, "/v1/segments/99/used_by", Value::Null).await;
    assert_eq!(archived.status, 404);
}
