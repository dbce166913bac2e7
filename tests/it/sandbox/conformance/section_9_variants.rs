//! Variants of newsletters: the arms of an A/B test and languages.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use super::section_9::{PATH, made, post};
use crate::sandbox::driver::Sandbox;

/// Which subject each person got, by id.
async fn subjects(sandbox: &Sandbox, path: &str) -> BTreeMap<String, String> {
    let messages = sandbox.get(&format!("{path}/messages")).await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = messages["messages"].as_array().unwrap().iter();
    rows.map(|one| (text(&one["customer_identifiers"]["id"]), text(&one["subject"]))).collect()
}

#[tokio::test]
async fn section_9_an_ab_test_gives_each_person_one_arm_in_equal_parts() {
    let sandbox = Sandbox::shop().await;
    let path = made(&sandbox, json!({"recipients": {"attribute": {"field": "plan", "operator": "exists"}}})).await;
    assert_eq!(sandbox.get(&format!("{path}/test_groups")).await, json!({"test_groups": []}), "no test yet");
    for arm in 2..=3 {
        let heard = post(&sandbox, &format!("{path}/test_groups"), json!({})).await;
        assert_eq!((heard.status, heard.json()["newsletter"]["content_ids"].as_array().unwrap().len()), (200, arm));
    }
    let groups = sandbox.get(&format!("{path}/test_groups")).await["test_groups"].clone();
    let names: Vec<_> = groups.as_array().unwrap().iter().map(|group| (&group["name"], &group["winner"])).collect();
    assert_eq!(names, [(&json!("A"), &json!(false)), (&json!("B"), &json!(false)), (&json!("C"), &json!(false))]);
    let contents: Vec<_> = groups.as_array().unwrap().iter().map(|group| group["content_ids"][0].clone()).collect();
    for (content, subject) in contents.iter().zip(["first", "second", "third"]) {
        let heard = sandbox.app(Method::PUT, &format!("{path}/contents/{content}"), json!({"subject": subject})).await;
        assert_eq!((heard.status, &heard.json()["content"]["id"]), (200, content));
    }
    assert_eq!(post(&sandbox, &format!("{path}/send"), json!({})).await.status, 200);
    sandbox.advance(3);
    let got = subjects(&sandbox, &path).await;
    let arm = |subject: &str| got.values().filter(|got| *got == subject).count();
    // Cleo is unsubscribed, and Eve has no address: theirs are rendered for nobody.
    assert_eq!(got.len(), 12);
    let series = async |content: &Value| {
        let answer = sandbox.get(&format!("{path}/contents/{content}/metrics?steps=2")).await;
        answer["metric"]["series"]["created"].clone()
    };
    for content in &contents {
        assert_eq!(series(content).await, json!([0, 4]), "{content}");
    }
    assert!(["first", "second", "third"].into_iter().all(|subject| (2..=4).contains(&arm(subject))), "{got:?}");
    for late in [format!("{path}/test_groups"), format!("{path}/language")] {
        let body = json!({"language": "fr", "subject": "s", "body": "b"});
        assert_eq!(post(&sandbox, &late, body).await.status, 400, "{late}");
    }
}

#[tokio::test]
async fn section_9_an_ab_test_has_eight_arms_at_most_each_a_copy_of_the_first() {
    let sandbox = Sandbox::shop().await;
    // The draft of the shop, with its German.
    let groups = format!("{PATH}/2/test_groups");
    for _ in 2..=8 {
        assert_eq!(post(&sandbox, &groups, json!({})).await.status, 200);
    }
    assert_eq!(post(&sandbox, &groups, json!({})).await.status, 400);
    let list = sandbox.get(&format!("{PATH}/2/contents")).await["contents"].clone();
    let list = list.as_array().unwrap();
    let ids: std::collections::BTreeSet<_> = list.iter().map(|one| one["id"].as_u64().unwrap()).collect();
    assert_eq!((list.len(), ids.len()), (16, 16), "every content has a number of its own");
    assert_eq!(list.iter().filter(|one| one["subject"] == "Der Winter ist da").count(), 8);
}

#[tokio::test]
async fn section_9_languages_live_in_a_newsletter_and_in_each_arm_and_none_is_the_default() {
    let sandbox = Sandbox::shop().await;
    let path = made(&sandbox, json!({})).await;
    post(&sandbox, &format!("{path}/test_groups"), json!({})).await;
    let german = json!({"language": "de", "subject": "Neu", "body": "Text"});
    // The list says test_groups, the rest test_group.
    for of in [path.clone(), format!("{path}/test_group/2")] {
        let default = sandbox.get(&format!("{of}/language/")).await["content"].clone();
        assert_eq!((&default["language"], &default["subject"]), (&json!(""), &json!("S")), "{of}");
        for missing in ["language", "subject", "body"] {
            let mut body = german.clone();
            body.as_object_mut().unwrap().remove(missing);
            assert_eq!(post(&sandbox, &format!("{of}/language"), body).await.status, 400, "{of} {missing}");
        }
        let heard = post(&sandbox, &format!("{of}/language"), german.clone()).await;
        assert_eq!((heard.status, &heard.json()["content"]["subject"]), (200, &json!("Neu")), "{of}");
        assert_eq!(post(&sandbox, &format!("{of}/language"), german.clone()).await.status, 400, "{of}: twice");
        let language = format!("{of}/language/de");
        let changed = sandbox.app(Method::PUT, &language, json!({"subject": "Ganz neu"})).await;
        assert_eq!(changed.json()["content"]["id"], heard.json()["content"]["id"], "{of}");
        let read = sandbox.get(&language).await["content"].clone();
        assert_eq!((&read["subject"], &read["body"]), (&json!("Ganz neu"), &json!("Text")), "{of}");
        assert_eq!(sandbox.get(&format!("{of}/language/")).await["content"], default, "{of}: the default is untouched");
        assert_eq!(sandbox.app(Method::GET, &format!("{of}/language/fr"), Value::Null).await.status, 400, "{of}");
        assert_eq!(sandbox.app(Method::DELETE, &format!("{of}/language/"), Value::Null).await.status, 400, "{of}");
        assert_eq!(sandbox.app(Method::DELETE, &language, Value::Null).await.status, 204, "{of}");
        assert_eq!(sandbox.app(Method::GET, &language, Value::Null).await.status, 400, "{of}");
    }
    for unknown in ["test_group/9/language/", "test_groups/2/language/", "contents/1"] {
        let heard = sandbox.app(Method::GET, &format!("{path}/{unknown}"), Value::Null).await;
        assert_eq!(heard.status, 404, "{unknown}");
    }
}

#[tokio::test]
async fn section_9_a_recipient_gets_their_language_or_the_default() {
    let sandbox = Sandbox::shop().await;
    for (id, language) in [("cust_0002", "de-AT"), ("cust_0006", "fr")] {
        sandbox.identify(id, json!({"language": language})).await;
    }
    let path = made(&sandbox, json!({})).await;
    let german = json!({"language": "de", "subject": "Neu", "body": "Text"});
    post(&sandbox, &format!("{path}/language"), german).await;
    post(&sandbox, &format!("{path}/send"), json!({})).await;
    sandbox.advance(3);
    let expected = [("cust_0002", "Neu"), ("cust_0006", "S"), ("cust_0011", "S")];
    let expected = expected.map(|(id, subject)| (id.to_owned(), subject.to_owned()));
    assert_eq!(subjects(&sandbox, &path).await, BTreeMap::from(expected));
}
