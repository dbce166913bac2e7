//! What behaviour.md section 12 states, row by row: what it is, a template, and what becomes of it.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::json;

use super::{Data, Links, render};
use crate::clock::AdjustableClock;

const NOW: &str = "2026-03-02T09:05:00Z";

fn data() -> Data {
    let namespaces = json!({
        "customer": { "first_name": "Ada", "points": "21", "nothing": null, "zone": "Europe/Berlin", "url": "https://shop.example/a" },
        "trigger": { "total": 5, "off": false, "none": "", "items": [{ "kind": "a", "price": 3 }, { "kind": "b", "price": 1 }, { "kind": "a", "price": 3 }] },
        "journey": { "step": "first", "body": "Hi {{ customer.first_name }}" },
        "objects": { "courses": [{ "name": "Tea" }], "accounts": [] },
        "delivery_id": "unsent",
        "content": "<p>body</p>",
        "layout": { "id": 3, "name": "Plain" },
        "campaign": { "id": 1, "name": "Welcome", "type": "segment", "subscription_topic_ids": [4] },
        "message": { "id": 2, "name": "First", "type": "email", "subject": "Hi", "preheader": "There", "journey_id": "j", "send_to_unsubs": false, "subscription_topic_ids": [4] },
    });
    let clock = AdjustableClock::stopped_at(NOW.parse().unwrap()).with_seed(7);
    Data {
        namespaces: namespaces.as_object().cloned().unwrap(),
        snippets: BTreeMap::from([("footer".to_owned(), "{{ mine }}{% assign theirs = 1 %}Shop".to_owned())]),
        links: Links { subscription_topic_name: "News".to_owned(), ..Links::default() },
        clock: Arc::new(clock),
    }
}

/// What differs from the rows; a failure is written `failed: message`.
fn hold(rows: &[(&str, &str, &str)]) {
    let outcome = |template: &str| render(template, &data()).unwrap_or_else(|error| format!("failed: {error}"));
    let differ = |(what, template, expected): &(&str, &str, &str)| {
        let got = outcome(template);
        (got != *expected).then(|| format!("{what}: {template}\n  expected {expected:?}\n  got      {got:?}"))
    };
    let complaints: Vec<String> = rows.iter().filter_map(differ).collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn missing_data() {
    hold(&[
        ("an undefined attribute fails", "{{ customer.x }}", "failed: undefined variable: customer.x, line:1"),
        ("in every valid namespace", "{{ journey.x }}", "failed: undefined variable: journey.x, line:1"),
        (
            "also among objects",
            "{{ objects.shops[0].name }}",
            "failed: undefined variable: objects.shops[0].name, line:1",
        ),
        (
            "also beyond the last object",
            "{{ objects.courses[1].name }}",
            "failed: undefined variable: objects.courses[1].name, line:1",
        ),
        ("a namespace that does not exist is empty", "[{{ event.x }}{{ event.x.y }}]", "[]"),
        ("default guards", "{{ customer.x | default: 'there' }}", "there"),
        ("blank guards", "{% if customer.x != blank %}{{ customer.x }}{% else %}there{% endif %}", "there"),
        (
            "blank is missing, null, false and empty",
            "{% if customer.x == blank and customer.nothing == blank and trigger.off == blank and trigger.none == blank %}all{% endif %}",
            "all",
        ),
        (
            "nil is not false and not empty",
            "{% if trigger.off == nil or trigger.none == nil %}no{% elsif customer.x == nil %}yes{% endif %}",
            "yes",
        ),
        ("empty is an empty list", "{% if objects.accounts == empty %}empty{% endif %}", "empty"),
    ]);
}

#[test]
fn namespaces() {
    hold(&[
        (
            "customer, journey and trigger",
            "{{ customer.first_name }} {{ journey.step }} {{ trigger.total }}",
            "Ada first 5",
        ),
        ("objects by plural and place", "{{ objects.courses[0].name }}", "Tea"),
        ("a delivery of a preview", "{{ delivery_id }}", "unsent"),
        ("content and layout", "{{ content }} {{ layout.id }} {{ layout.name }}", "<p>body</p> 3 Plain"),
        (
            "campaign",
            "{{ campaign.id }} {{ campaign.name }} {{ campaign.type }} {{ campaign.subscription_topic_ids | json }}",
            "1 Welcome segment [4]",
        ),
        (
            "message",
            "{{ message.id }} {{ message.name }} {{ message.type }} {{ message.subject }} {{ message.preheader }} {{ message.journey_id }} {{ message.send_to_unsubs }} {{ message.subscription_topic_ids | json }}",
            "2 First email Hi There j false [4]",
        ),
        ("no event without an event", "[{{ event_name }}{{ event_id }}{{ event_timestamp }}]", "[]"),
        ("collections and segments are not addressable", "[{{ collections.shops }}{{ segments.vip }}]", "[]"),
        (
            "snippets, each with a scope of its own",
            "{% assign mine = 1 %}{{ snippets.footer }}[{{ theirs }}]",
            "Shop[]",
        ),
    ]);
}

#[test]
fn vendor_tags() {
    hold(&[
        ("unsubscribe_url", "{% unsubscribe_url %}", "https://preview.example.com/unsubscribe"),
        (
            "unsubscribe",
            "{% unsubscribe %}",
            "<a href=\"https://preview.example.com/unsubscribe\" class=\"untracked\">unsubscribe</a>",
        ),
        (
            "manage_subscription_preferences_url",
            "{% manage_subscription_preferences_url %}",
            "https://preview.example.com/manage-subscription-preferences",
        ),
        ("view_in_browser_url", "{% view_in_browser_url %}", "https://preview.example.com/view-in-browser"),
        ("tracking_consent_url", "{% tracking_consent_url %}", "https://preview.example.com/tracking-consent"),
        ("cio_link_id", "{% cio_link_id %}", "preview"),
        (
            "subscription_topic_name",
            "{% subscription_topic_name %} {% subscription_topic_name lang='pt' %}",
            "News News",
        ),
        ("tags are no variables", "[{{ unsubscribe_url }}{{ view_in_browser_url }}{{ generate_uuid }}]", "[]"),
        (
            "cio_link with its options in any order",
            "{% cio_link track:true url_params:false url:\"https://shop.example/?q=a b\" %}",
            "https://shop.example/?q=a b",
        ),
        ("cio_link to a variable", "{% cio_link url:customer.url track:false %}", "https://shop.example/a"),
        (
            "cio_link with Liquid in it",
            "{% cio_link url:https://shop.example/{{ customer.first_name | downcase }} track:true %}",
            "https://shop.example/ada",
        ),
        (
            "cio_link to what is missing",
            "{% cio_link url:{{ customer.x }} %}",
            "failed: undefined variable: customer.x, line:1",
        ),
        ("cio_link without an address", "{% cio_link track:true %}", "failed: cio_link needs url:<address>, line:1"),
        ("render_liquid", "{% render_liquid journey.body %} {{ journey.body }}", "Hi Ada Hi {{ customer.first_name }}"),
        ("random of one", "{% random 1 %}", "0"),
        (
            "countdown",
            "{% countdown point:64 font:roboto weight:light fg:000000 bg:f2f6f9 time:\"2022-07-04 12:00:00 (GMT)\" locale:en looping:true resolution:S frames:2 %}",
            "https://preview.example.com/countdown.gif",
        ),
        (
            "countdown without a time",
            "{% countdown point:64 fg:000 bg:fff %}",
            "failed: countdown needs time:<YYYY-MM-DD hh:mm:ss (GMT)>, line:1",
        ),
        (
            "countdown to a variable",
            "{% countdown point:64 fg:000 bg:fff time:customer.until %}",
            "failed: countdown needs time:<YYYY-MM-DD hh:mm:ss (GMT)>, line:1",
        ),
        (
            "countdown of too many frames",
            "{% countdown point:64 fg:000 bg:fff time:'2022-07-04 12:00:00' frames:61 %}",
            "failed: countdown needs frames:<a number up to 60>, line:1",
        ),
        (
            "countdown without a size",
            "{% countdown fg:000 bg:fff time:'2022-07-04 12:00:00' %}",
            "failed: countdown needs point:<size of the letters>, line:1",
        ),
        (
            "countdown by the week",
            "{% countdown point:1 fg:000 bg:fff time:'2022-07-04 12:00:00' resolution:W %}",
            "failed: countdown needs resolution:<S, M, H or D>, line:1",
        ),
        (
            "countdown of no colour",
            "{% countdown point:1 fg:red bg:fff time:'2022-07-04 12:00:00' %}",
            "failed: countdown needs fg:<colour in hexadecimal>, line:1",
        ),
    ]);
}

#[test]
fn text_filters() {
    hold(&[
        ("titlecase", "{{ 'the great gatsby' | titlecase }}", "The Great Gatsby"),
        ("normalize_whitespace", "{{ 'a \n\t b' | normalize_whitespace }}", "a b"),
        ("number_of_words", "{{ 'one two three' | number_of_words }}", "3"),
        ("slugify", "{{ 'The _config.yml file' | slugify }}", "the-config-yml-file"),
        (
            "strip takes characters",
            "{{ '*a*' | strip: '*' }} {{ '*a*' | lstrip: '*' }} {{ '*a*' | rstrip: '*' }}",
            "a a* *a",
        ),
        (
            "truncatewords marks as many words as may stay",
            "{{ 'a b' | truncatewords: 2 }} {{ 'a b' | truncatewords: 3 }}",
            "a b... a b",
        ),
        ("escape does not encode addresses", "{{ 'a b&c' | escape }}", "a b&amp;c"),
        ("url_encode", "{{ 'a b&c@d' | url_encode }}", "a+b%26c%40d"),
        ("cgi_escape", "{{ 'overview: (a)' | cgi_escape }}", "overview%3A+%28a%29"),
        ("uri_escape", "{{ 'https://a.example/?q=foo, [é]' | uri_escape }}", "https://a.example/?q=foo,%20[%C3%A9]"),
        ("xml_escape", "{{ '1 < 2 & 3' | xml_escape }}", "1 &lt; 2 &amp; 3"),
    ]);
}

#[test]
fn digests_and_encodings() {
    hold(&[
        ("md5", "{{ 'abc' | md5 }}", "900150983cd24fb0d6963f7d28e17f72"),
        ("sha1", "{{ 'abc' | sha1 }}", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("sha256", "{{ 'abc' | sha256 }}", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "hmac_sha1",
            "{{ 'what do ya want for nothing?' | hmac_sha1: 'Jefe' }}",
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
        ),
        (
            "hmac_sha256",
            "{{ 'what do ya want for nothing?' | hmac_sha256: 'Jefe' }}",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        ("hex_base64", "{{ '68656c6c6f' | hex_base64 }}", "aGVsbG8="),
        ("base64 and back", "{{ 'é?>' | base64 }} {{ 'é?>' | base64_encode | base64_decode }}", "w6k/Pg== é?>"),
        (
            "base64 for addresses and back",
            "{{ 'é?>' | base64_url_safe_encode }} {{ 'w6k_Pg' | base64_url_safe_decode }}",
            "w6k_Pg== é?>",
        ),
    ]);
}

#[test]
fn numbers_and_prices() {
    hold(&[
        ("format_number", "{{ 10000 | format_number }} {{ 1234.56789 | format_number }}", "10,000 1,234.568"),
        (
            "format_number of a locale",
            "{{ 123456.78 | format_number: 'fr' }} {{ 1234567 | format_number: 'en-IN' }} {{ 1234567.5 | format_number: 'de_DE' }}",
            "123\u{202f}456,78 12,34,567 1.234.567,5",
        ),
        ("currency", "{{ 1234567.896 | currency }} {{ -10 | currency: 'en-us' }}", "$1,234,567.90 -$10.00"),
        (
            "currency of a country",
            "{{ 1234567.896 | currency: 'en-GB' }} {{ 1234.5 | currency: 'de-DE' }} {{ 1234.5 | currency: 'ja-JP' }}",
            "£1,234,567.90 1.234,50\u{a0}€ ￥1,235",
        ),
        (
            "currency after a locale",
            "{{ 1234567.896 | currency: 'en', 'EUR' }} {{ 5 | currency: 'de', 'usd' }} {{ 5 | currency: 'nl-NL' }}",
            "€1,234,567.90 5,00\u{a0}$ €\u{a0}5,00",
        ),
        (
            "a currency at home and abroad",
            "{{ 5 | currency: 'en-CA', 'CAD' }} {{ 5 | currency: 'en', 'CAD' }} {{ 5 | currency: 'en-CH' }}",
            "$5.00 CA$5.00 CHF\u{a0}5.00",
        ),
        (
            "rounded_currency",
            "{{ 1234567.896 | rounded_currency: 'en', 'EUR' }} {{ 2.5 | rounded_currency }}",
            "€1,234,568 $3",
        ),
        ("pluralize", "{{ 1 | pluralize: 'item', 'items' }} {{ 2 | pluralize: 'item', 'items' }}", "item items"),
        (
            "attributes are texts",
            "{% if customer.points == 21 %}no{% endif %}{% assign n = customer.points | plus: 0 %}{% if n == 21 %}{{ n | times: 2 }}{% endif %}",
            "42",
        ),
        (
            "whole results drop their decimals",
            "{{ 4 | times: 2.5 }} {{ 20 | divided_by: 2.0 }} {{ 7 | divided_by: 2 }}",
            "10 10 3.5",
        ),
        ("modulo is positive", "{{ -7 | modulo: 3 }}", "2"),
        ("sum casts", "{{ '1.5,2,x' | split: ',' | sum }}", "3.5"),
    ]);
}

#[test]
fn lists() {
    hold(&[
        (
            "array_to_sentence_string",
            "{{ 'a,b,c' | split: ',' | array_to_sentence_string }} {{ 'a,b' | split: ',' | array_to_sentence_string: 'or' }}",
            "a, b, and c a or b",
        ),
        (
            "push, pop, shift, unshift",
            "{% assign l = 'a,b' | split: ',' %}{{ l | push: 'c' | join }}|{{ l | pop | join }}|{{ l | shift | join }}|{{ l | unshift: 'z' | join }}",
            "a b c|a|b|z a b",
        ),
        ("where_exp", "{{ trigger.items | where_exp: 'i', 'i.price > 2 and i.kind == \"a\"' | size }}", "2"),
        ("find_exp", "{{ trigger.items | find_exp: 'i', 'i.price == 1' | json }}", "{\"kind\":\"b\",\"price\":1}"),
        (
            "group_by_exp",
            "{% assign g = trigger.items | group_by_exp: 'i', 'i.price' %}{{ g | map: 'name' | json }}",
            "[3,1]",
        ),
        ("where_not", "{{ trigger.items | where_not: 'kind', 'a' | json }}", "[{\"kind\":\"b\",\"price\":1}]"),
        ("limit", "{{ 'a,b,c' | split: ',' | limit: 2 | join: ',' }}", "a,b"),
        (
            "json_array_uniq is a list",
            "{{ trigger.items | json_array_uniq | to_json }}",
            "[{\"kind\":\"a\",\"price\":3},{\"kind\":\"b\",\"price\":1}]",
        ),
        (
            "json_array_uniq by a property",
            "{{ '[{\"k\":1,\"p\":1},{\"k\":1,\"p\":2}]' | json_array_uniq: 'k' | map: 'p' | json }}",
            "[1]",
        ),
        ("json_array_uniq of a text", "{{ '[1,1,2]' | json_array_uniq | to_json }}", "[1,2]"),
        (
            "uniq does not look into objects",
            "{{ trigger.items | uniq | size }} {{ '1,1' | split: ',' | uniq | size }}",
            "3 1",
        ),
        (
            "sample draws one of them",
            "{{ 'a' | split: ',' | sample }} {{ 'a,b' | split: ',' | sample: 5 | sort | join }}",
            "a a b",
        ),
        (
            "size of no objects is not nought",
            "{% if objects.accounts.size == 0 %}no{% elsif objects.accounts.size > 0 %}no{% else %}neither{% endif %}",
            "neither",
        ),
        (
            "size of objects above nought",
            "{% if objects.courses.size > 0 and objects.courses.size == 1 %}some{% endif %}",
            "some",
        ),
        (
            "size of another list is what it is",
            "{% assign l = '' | split: ',' %}{% if l.size == 0 %}none{% endif %}",
            "none",
        ),
    ]);
}

#[test]
fn json_in_and_out() {
    hold(&[
        ("from_json", "{% assign o = '{\"a\":[1,2]}' | from_json %}{{ o.a[1] }}", "2"),
        ("to_json and json", "{{ '[1,\"b\"]' | from_json | to_json }} {{ '[1]' | from_json | json }}", "[1,\"b\"] [1]"),
        ("json with indentation", "{{ '[1]' | from_json | json: 4 }}", "[\n    1\n]"),
        ("no JSON", "{{ '[1' | from_json }}", "failed: filter \"from_json\": the input is not JSON"),
    ]);
}

#[test]
fn dates() {
    hold(&[
        (
            "add and subtract",
            "{{ 1700000000 | add_day: 1 | date: '%F' }} {{ 1700000000 | add_month: 1 | date: '%F' }} {{ 1700000000 | add_year: 1 | date: '%F' }} {{ 1700000000 | subtract_day: 1 | date: '%F' }} {{ 1700000000 | subtract_month: 1 | date: '%F' }} {{ 1700000000 | subtract_year: 1 | date: '%F' }}",
            "2023-11-15 2023-12-14 2024-11-14 2023-11-13 2023-10-14 2022-11-14",
        ),
        ("other units do not exist", "{{ 0 | add_hour: 1 }}", "failed: undefined filter: add_hour, line:1"),
        (
            "now is the clock's",
            "{{ 'now' | date: '%s' | plus: 0 | add_day: 1 | date: '%F %H:%M' }}",
            "2026-03-03 09:05",
        ),
        (
            "dates in words",
            "{{ 1226063274 | date_to_long_string: 'ordinal', 'US' }}|{{ 1226063274 | date_to_string }}|{{ 1226063274 | date_to_rfc822 }}|{{ 1226063274 | date_to_xmlschema }}",
            "November 7th, 2008|07 Nov 2008|Fri, 07 Nov 2008 13:07:54 +0000|2008-11-07T13:07:54+00:00",
        ),
        ("the zone is the second argument of date", "{{ 1700000000 | date: '%H:%M', customer.zone }}", "23:13"),
        (
            "offsets are minutes",
            "{{ 1700000000 | date: '%H:%M %z', 360 }} {{ 1700000000 | date: '%H:%M %z', -360 }}",
            "16:13 -0600 04:13 +0600",
        ),
        ("timezone still works", "{{ 1700000000 | timezone: customer.zone | date: '%H:%M %z' }}", "23:13 +0100"),
        (
            "timezone moves no instant",
            "{{ 1700000000 | timezone: customer.zone | date: '%s' }} {{ 1700000000 | timezone: customer.zone | add_day: 1 | date: '%F %H' }}",
            "1700000000 2023-11-15 22",
        ),
        ("what is no date passes", "{{ 'soon' | timezone: customer.zone }}{{ 'soon' | add_day: 1 }}", "soonsoon"),
    ]);
}
