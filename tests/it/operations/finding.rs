//! `find_operations`: whether people's own words find what they mean.

use serde_json::{Value, json};

use crate::driver::Setup;

#[derive(serde::Deserialize)]
struct Questions {
    question: Vec<Question>,
}

#[derive(serde::Deserialize)]
struct Question {
    ask: String,
    operation: String,
}

fn questions() -> Vec<Question> {
    let text = include_str!("../../fixtures/questions.toml");
    toml::from_str::<Questions>(text).unwrap().question
}

fn names(answer: &Value) -> Vec<&str> {
    answer["operations"].as_array().unwrap().iter().map(|found| found["operation"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn questions_in_users_words_find_what_they_mean() {
    let product = Setup::shop().start().await;
    let (mut first, mut among_three, mut missed) = (0, 0, Vec::new());
    for Question { ask, operation } in questions() {
        let answer = product.ok("find_operations", json!({ "query": ask, "limit": 10 })).await;
        let found = names(&answer);
        let place = found.iter().position(|name| *name == operation);
        first += usize::from(place == Some(0));
        among_three += usize::from(place.is_some_and(|place| place < 3));
        if place != Some(0) {
            missed.push(format!("{place:?} {ask}: {operation}, not {:?}", &found[..found.len().min(3)]));
        }
    }
    println!("{first} of {} first, {among_three} among the first three", questions().len());
    println!("{}", missed.join("\n"));
    assert!(first >= 50 && among_three >= 57);
}
