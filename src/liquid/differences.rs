//! The list in the module's documentation, one test a line.

use std::sync::Arc;

use serde_json::json;

use super::{Data, Links, render};
use crate::clock::AdjustableClock;

fn rendered(template: &str) -> String {
    let namespaces = json!({ "customer": { "name": "o'Neil & CO", "age": "5", "nothing": null } });
    let data = Data {
        namespaces: namespaces.as_object().cloned().unwrap_or_default(),
        snippets: std::collections::BTreeMap::new(),
        links: Links::default(),
        clock: Arc::new(AdjustableClock::stopped_at("2026-03-02T09:05:00Z".parse().unwrap())),
    };
    render(template, &data).unwrap()
}

#[test]
fn names_may_begin_like_a_literal_and_integers_be_of_any_size() {
    assert_eq!(rendered("{% assign empty_cart = 1 %}{{ empty_cart }}{{ nilly }}"), "1");
    assert_eq!(rendered("{{ 99999999999999999999 | minus: 99999999999999999999 }}"), "0");
}

#[test]
fn division_keeps_its_fraction_and_whole_results_lose_their_decimals() {
    assert_eq!(rendered("{{ 7 | divided_by: 2 }} {{ 10 | divided_by: 2.0 }} {{ 4 | times: 2.5 }}"), "3.5 5 10");
    assert_eq!(rendered("{{ 7 | divided_by: 0 }}"), "Infinity");
}

#[test]
fn modulo_is_never_negative_and_texts_count_as_numbers() {
    assert_eq!(rendered("{{ -7 | modulo: 3 }} {{ 7 | modulo: -3 }}"), "2 1");
    assert_eq!(rendered("{{ customer.age | plus: 1 }} {{ customer.name | plus: 1 }}"), "6 1");
}

#[test]
fn texts_compare_with_numbers_by_worth_and_nothing_with_nil() {
    assert_eq!(rendered("{% if '10' > 9 %}yes{% endif %}{% if customer.x < 18 %}no{% endif %}"), "yes");
    assert_eq!(
        rendered("{% if customer.age == 5 %}no{% else %}a text is not a number{% endif %}"),
        "a text is not a number"
    );
}

#[test]
fn text_filters_follow_javascript() {
    assert_eq!(rendered("{{ '<a href=\"x\">' | escape }}"), "&lt;a href=&#34;x&#34;&gt;");
    assert_eq!(rendered("{{ customer.name | capitalize }}"), "O'neil & co");
    assert_eq!(rendered("{{ 'Привет, мир' | truncate: 9 }}"), "Привет...");
}

#[test]
fn filters_take_nil() {
    assert_eq!(rendered("[{{ customer.nothing | upcase }}][{{ customer.nothing | plus: 2 }}]"), "[][2]");
    assert_eq!(rendered("[{{ customer.nothing | join: ', ' }}][{{ customer.nothing | sort | first }}]"), "[][]");
}

#[test]
fn date_knows_now_seconds_zones_and_ordinals() {
    assert_eq!(rendered("{{ 'now' | date: '%d%q of %b' }}"), "02nd of Mar");
    assert_eq!(rendered("{{ 1700000000 | date: '%Y-%m-%d %H:%M', 'Europe/Berlin' }}"), "2023-11-14 23:13");
    assert_eq!(rendered("{{ '1990-12-31T23:00:00Z' | date: '%Y-%m-%dT%H:%M:%S', 360 }}"), "1990-12-31T17:00:00");
}
