//! The list in the module's documentation, one test a line.

use std::sync::Arc;

use serde_json::json;

use super::{Data, Links, render};
use crate::clock::AdjustableClock;

fn rendered(template: &str) -> String {
    let namespaces = json!({
        "customer": { "name": "o'Neil & CO", "age": "5", "nothing": null, "body": "{{ a }}{{ customer.age }}" },
        "objects": { "courses": [], "accounts": [{ "name": "Shop" }] },
    });
    let data = Data {
        namespaces: namespaces.as_object().cloned().unwrap_or_default(),
        snippets: std::collections::BTreeMap::new(),
        links: Links::default(),
        clock: Arc::new(AdjustableClock::stopped_at("2026-03-02T09:05:00Z".parse().unwrap()).with_seed(7)),
    };
    render(template, &data).unwrap_or_else(|error| format!("failed: {error}"))
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

/// Choices that the vendor has not confirmed, as the module's documentation lists them.
#[test]
fn choices_not_confirmed() {
    let rows = [
        (
            "the latest version is all there is: messages of the legacy one get its fallback too",
            "{{ customer.x | default: 'y' }}",
            "y",
        ),
        ("modulo is the mathematical one", "{{ -7 | modulo: 3 }}", "2"),
        ("date arithmetic gives Unix seconds", "{{ 0 | add_day: 1 }}", "86400"),
        ("date arithmetic takes now as it is", "{{ 'now' | add_day: 1 | date: '%F' }}", "2026-03-03"),
        ("random is below its bound", "{% random 1 %}", "0"),
        (
            "render_liquid does not see the variables of its host",
            "{% assign a = 1 %}{% render_liquid customer.body %}",
            "5",
        ),
        ("pluralize writes the word alone", "{{ 3 | pluralize: 'item', 'items' }}", "items"),
        (
            "objects are written in alphabetical order",
            "{% assign o = '{\"b\":1,\"a\":2}' | from_json %}{{ o | json }}",
            "{\"a\":2,\"b\":1}",
        ),
        (
            "blank covers whitespace and what is empty too",
            "{% if ' ' == blank and objects.courses == blank %}blank{% endif %}",
            "blank",
        ),
        (
            "objects of a type one has none of are not nought",
            "{% if objects.courses.size != 0 %}not nought{% endif %}",
            "not nought",
        ),
        (
            "timezone is taken, and gives a date with its offset",
            "{{ 1700000000 | timezone: 'America/New_York' }}",
            "2023-11-14 17:13:20 -0500",
        ),
        ("timezone counts minutes, as date does", "{{ 1700000000 | timezone: 300 | date: '%H:%M' }}", "17:13"),
        ("htmlencode is taken, and escapes", "{{ '<' | htmlencode }}", "&lt;"),
        ("a locale that there is none of is American", "{{ 1234.5 | currency: 'xx' }}", "$1,234.50"),
        ("a currency without a sign is its code", "{{ 10 | currency: 'en', 'XAF' }}", "XAF\u{a0}10.00"),
        (
            "a tracked link is its address",
            "{% cio_link url:https://shop.example/?a=1 track:false %}",
            "https://shop.example/?a=1",
        ),
        ("a topic's name is one for all languages", "[{% subscription_topic_name lang='pt' %}]", "[]"),
        (
            "a countdown is the address of its image",
            "{% countdown point:9 fg:000 bg:fff time:'2026-07-04 12:00:00 (GMT)' %}",
            "https://preview.example.com/countdown.gif",
        ),
    ];
    let differ = |(choice, template, expected): &(&str, &str, &str)| {
        let got = rendered(template);
        (got != *expected).then(|| format!("{choice}: {got}"))
    };
    let complaints: Vec<String> = rows.iter().filter_map(differ).collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}
