//! Previews through a client: what a message would come to, and what there is to mend.

use customerio_mcp::sandbox::Fixture;
use serde_json::{Value, json};

use crate::driver::{Product, Setup};

pub(crate) async fn shop() -> Product {
    let product = Setup::shop().start().await;
    product.declare_ids().await;
    product
}

/// A workspace with one person, Ada, and one e-mail.
pub(crate) async fn with_template(subject: &str, body: &str, snippets: Value) -> Product {
    let fixture = json!({
        "people": [{ "id": "cust_0001", "email": "ada@shop.example", "attributes": { "first_name": "Ada" } }],
        "transactional": [{ "id": 2, "name": "news", "channel": "email", "from": "shop@shop.example",
            "subject": subject, "body": body }],
        "snippets": snippets,
    });
    let product = Setup::shop().with_fixture(Fixture::from_toml(&toml::to_string(&fixture).unwrap()).unwrap());
    let product = product.start().await;
    product.declare_ids().await;
    product
}

pub(crate) fn pretty(answer: &Value) -> String {
    serde_json::to_string_pretty(answer).unwrap()
}

#[tokio::test]
async fn a_preview_tells_every_variable_its_source_and_what_to_mend() {
    let body = "{{ customer.first_name }} {{ customer.plan | default: 'free' }} {{ trigger.total }} {{ trigger.note }} \
                {{ trigger.id }} {{ event.name }} {{ user.name | default: 'x' }} {{ unsubscribe_url }} {{ snippets.footer }} \
                {% for item in trigger.items %}{{ item.name }}{% endfor %} {{ delivery_id }}";
    let product = with_template("For you", body, json!([{ "name": "footer", "value": "{{ customer.city }}" }])).await;
    let data = json!({ "total": 5, "note": "", "items": [{ "name": "Tea" }, { "price": 1 }] });
    let preview = product
        .ok("preview_message", json!({ "template": "news", "customer": "cust_0001", "message_data": data }))
        .await;
    assert_eq!((&preview["verdict"], &preview["failure"]["part"]), (&json!("fails"), &json!("body")), "{preview}");
    let told = |line: &Value, keys: &[&str]| {
        let given = keys.iter().filter(|key| !line[**key].is_null());
        given.map(|key| line[key].to_string().replace('"', "")).collect::<Vec<_>>().join(" ")
    };
    let listed = |list: &str, keys: &[&str]| {
        preview[list].as_array().unwrap().iter().map(|line| told(line, keys)).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(listed("variables", &["source", "path", "guarded"]), @r#"
    customer customer.first_name
    missing customer.plan true
    message_data trigger.total
    message_data trigger.note
    missing trigger.id
    unknown_namespace event.name
    unknown_namespace user.name true
    unknown_namespace unsubscribe_url
    snippet snippets.footer
    missing customer.city
    message_data trigger.items
    missing trigger.items[].name
    message delivery_id
    "#);
    insta::assert_snapshot!(listed("findings", &["kind", "path"]), @r#"
    missing_attribute trigger.id
    missing_attribute customer.city
    missing_attribute item.name
    blank_value trigger.note
    unknown_namespace event.name
    unknown_namespace user.name
    tag_used_as_variable unsubscribe_url
    "#);
    let gently = "There is no \"user\" for this message, so user.name is always blank and its fallback is all that anybody gets.";
    assert!(preview["findings"][5]["message"].as_str().unwrap().starts_with(gently), "{preview}");
}

#[tokio::test]
async fn a_verdict_is_blank_only_if_something_was_meant_to_be_there() {
    let cases = [
        ("Hello", "Hi {{ customer.first_name }}", json!({}), "renders"),
        ("Hello", "Hi {{ customer.nick | default: 'there' }}", json!({}), "renders"),
        ("Hello", "Hi{% if customer.nick != blank %} {{ customer.nick }}{% endif %}", json!({}), "renders"),
        ("Hello", "Hi {{ customer.nick | default: '' }}", json!({}), "renders"),
        ("Hello", "Hi{% if event.name != blank %} {{ event.name }}{% endif %}", json!({}), "renders"),
        ("Hello", "Hi {{ event.name | default: 'there' }}", json!({}), "renders"),
        ("Hello", "Hi {% if false %}{{ trigger.note }}{% endif %}", json!({ "note": "" }), "renders"),
        ("Hello", "Hi {{ event.name }}", json!({}), "renders_with_blanks"),
        ("Hello", "Hi {{ first_name }}", json!({}), "renders_with_blanks"),
        ("Hello", "{{ unsubscribe_url }} Hi", json!({}), "renders_with_blanks"),
        ("Hello", "Hi {{ trigger.note }}", json!({ "note": "" }), "renders_with_blanks"),
        ("Hello", "Hi {{ trigger.note }}", json!({ "note": null }), "renders_with_blanks"),
        ("Hello", "{% if customer.nick != blank %}Hi{% endif %}", json!({}), "renders_with_blanks"),
        ("{{ trigger.note | default: '' }}", "Hi", json!({}), "renders_with_blanks"),
        ("", "Hi", json!({}), "renders_with_blanks"),
        ("Hello", "Hi {{ customer.nick }}", json!({}), "fails"),
        ("{{ trigger.title }}", "Hi", json!({}), "fails"),
        ("Hello", "Hi {% if %}", json!({}), "fails"),
    ];
    for (subject, body, data, verdict) in cases {
        let product = with_template(subject, body, json!([])).await;
        let arguments = json!({ "template": "2", "customer": "cust_0001", "message_data": data });
        let preview = product.ok("preview_message", arguments).await;
        assert_eq!(preview["verdict"], verdict, "{subject} / {body}: {preview}");
    }
}

#[tokio::test]
async fn a_long_page_is_shown_as_its_text() {
    let page =
        format!("<style>p {{ color: red }}</style><p>Dear Ada,</p><p>{}</p>", "<b>Tea</b> and cake. ".repeat(400));
    let product = with_template("Hello", &page, json!([])).await;
    let preview = product.ok("preview_message", json!({ "template": "2", "customer": "cust_0001" })).await;
    let body = &preview["rendered"]["untrusted"][1];
    assert!(body["text"].as_str().unwrap().starts_with("Dear Ada, Tea and cake. Tea and cake."), "{body}");
    assert!(body["text"].as_str().unwrap().chars().count() <= 4_000);
    assert!(body["note"].as_str().unwrap().starts_with("the text of HTML; all of it has"), "{body}");
    assert_eq!(preview["rendered"]["untrusted"][0], json!({ "part": "subject", "text": "Hello" }));
}

#[tokio::test]
async fn a_preview_warns_of_what_keeps_the_message_from_the_person() {
    let product = shop().await;
    let data = json!({ "order_id": "A-1" });
    let unsubscribed = product
        .ok("preview_message", json!({ "template": "shipping_update", "customer": "cust_0003", "message_data": data }))
        .await;
    let language =
        json!({ "template": "order_confirmation", "customer": "cust_0001", "message_data": data, "language": "fr" });
    let untranslated = product.ok("preview_message", language).await;
    let without_email = product.ok("preview_message", json!({ "template": "receipt", "customer": "cust_0005" })).await;
    let warnings = [&unsubscribed, &untranslated, &without_email].map(|preview| preview["warnings"].clone());
    insta::assert_snapshot!(pretty(&json!(warnings)), @r#"
    [
      [
        "The person is unsubscribed and the message does not go to the unsubscribed: they get nothing, and the delivery ends `undeliverable`."
      ],
      [
        "The template has no text in this `language`: the default one is used. Its languages: de."
      ],
      [
        "The person has no e-mail address: the send needs `to`."
      ]
    ]
    "#);
}
