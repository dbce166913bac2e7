//! `preview_message` foretells what the sandbox makes of a message. They share no code above the Liquid dialect: each
//! gathers the person, the namespaces and the parts of the message for itself, and they meet over HTTP.

use std::{collections::BTreeMap, time::Duration};

use customerio_mcp::{guard::policy::Pii, sandbox::Fixture};
use regex::Regex;
use serde_json::{Map, Value, json};

use crate::{
    driver::{BEGIN, Product, Setup},
    liquid_cases::{Case, NOW, cases},
};

/// What differs between a preview and the message itself, by pattern and what stands for it in a comparison.
const PLACEHOLDERS: [(&str, &str); 4] = [
    // Drawn anew at each rendering.
    (r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<uuid>"),
    // The vendor's links carry the delivery's id, and a preview has no delivery.
    (r"https://(?:preview|sandbox)\.example\.com/([a-z.-]+)(?:/[0-9A-Za-z_-]{28})?", "<link $1>"),
    (r"\bpreview\b|link-[0-9A-Za-z_-]{28}", "<link id>"),
    // `delivery_id` is "unsent" in previews (behaviour.md section 12).
    (r"\bunsent\b|[0-9A-Za-z_-]{28}", "<delivery id>"),
];
/// A number drawn anew at each rendering looks like any other: both renderings are held against the pattern alone.
const DRAWN: &str = "{% random";

/// What becomes of a message: what it says, or why it fails.
type Outcome = Result<String, String>;

fn comparable(case: &Case, outcome: &Outcome) -> Outcome {
    let text = outcome.clone()?;
    if case.template.contains(DRAWN) {
        return Ok("<drawn>".to_owned());
    }
    Ok(with_placeholders(text))
}

fn with_placeholders(text: String) -> String {
    let replaced = |text: String, (pattern, stand_in): &(&str, &str)| {
        Regex::new(pattern).unwrap().replace_all(&text, *stand_in).into_owned()
    };
    PLACEHOLDERS.iter().fold(text, replaced)
}

fn id(index: usize) -> String {
    format!("cust_{index:04}")
}

fn template_id(index: usize) -> usize {
    index + 2
}

/// A workspace with a message and a person for each case. Two cases may share one unless they name different snippets
/// alike.
#[derive(Default)]
struct Workspace {
    cases: Vec<Case>,
    snippets: BTreeMap<String, String>,
}

impl Workspace {
    fn has_room_for(&self, case: &Case) -> bool {
        case.snippets.iter().all(|(name, text)| self.snippets.get(name).is_none_or(|known| known == text))
    }

    fn add(&mut self, case: Case) {
        self.snippets.extend(case.snippets.clone());
        self.cases.push(case);
    }

    fn fixture(&self) -> Fixture {
        let people: Vec<_> = self.cases.iter().enumerate().map(|(index, case)| person(index, case)).collect();
        let messages: Vec<_> = self.cases.iter().enumerate().map(|(index, case)| message(index, case)).collect();
        let snippets: Vec<_> =
            self.snippets.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        let fixture = json!({ "people": people, "transactional": messages, "snippets": snippets });
        Fixture::from_toml(&toml::to_string(&fixture).unwrap()).unwrap()
    }
}

fn person(index: usize, case: &Case) -> Value {
    let mut attributes = case.customer.clone();
    let mut person = Map::from_iter([("id".to_owned(), json!(id(index)))]);
    if let Some(email) = attributes.shift_remove("email") {
        person.insert("email".to_owned(), email);
    }
    person.insert("attributes".to_owned(), Value::Object(attributes));
    Value::Object(person)
}

fn message(index: usize, case: &Case) -> Value {
    json!({ "id": template_id(index), "name": case.name, "channel": "email", "from": "shop@shop.example",
        "subject": "News", "body": case.template })
}

/// As few workspaces as hold all cases.
fn workspaces(cases: Vec<Case>) -> Vec<Workspace> {
    let mut workspaces: Vec<Workspace> = Vec::new();
    for case in cases {
        let found = workspaces.iter().position(|workspace| workspace.has_room_for(&case));
        let place = found.unwrap_or_else(|| {
            workspaces.push(Workspace::default());
            workspaces.len() - 1
        });
        workspaces[place].add(case);
    }
    workspaces
}

async fn start(fixture: Fixture) -> Product {
    let product = Setup::shop().with_fixture(fixture).with(|config| config.pii = Pii::Full).start().await;
    product.declare_ids().await;
    product
}

/// What the product says a message will be.
async fn foretold(product: &Product, template: usize, customer: &str, message_data: &Map<String, Value>) -> Outcome {
    let preview = product
        .ok(
            "preview_message",
            json!({ "template": template.to_string(), "customer": customer, "message_data": message_data }),
        )
        .await;
    assert_eq!(preview["verdict"] == "fails", preview.get("failure").is_some(), "{preview}");
    if let Some(failure) = preview.get("failure") {
        assert_eq!(failure["part"], "body", "{preview}");
        return Err(failure["message"].as_str().unwrap().to_owned());
    }
    let parts = preview["rendered"]["untrusted"].as_array().unwrap();
    let body = parts.iter().find(|part| part["part"] == "body").unwrap();
    Ok(body["text"].as_str().unwrap().to_owned())
}

/// Sends a message behind the product's back and returns the delivery's id.
async fn sent(product: &Product, template: usize, customer: &str, message_data: &Map<String, Value>) -> String {
    let body = json!({ "transactional_message_id": template, "to": "reader@shop.example",
        "identifiers": { "id": customer }, "message_data": message_data });
    let (status, answer) = product.app_post("send/email", body).await;
    assert_eq!(status, 200, "{answer}");
    answer["delivery_id"].as_str().unwrap().to_owned()
}

/// What became of a delivery once its time has passed.
async fn delivered(product: &Product, delivery_id: &str) -> Outcome {
    let delivery = product.app(&format!("messages/{delivery_id}")).await.1["message"].clone();
    if let Some(failure) = delivery["failure_message"].as_str() {
        assert!(delivery["metrics"].get("failed").is_some() && delivery["metrics"].get("sent").is_none(), "{delivery}");
        return Err(failure.to_owned());
    }
    assert!(delivery["metrics"].get("delivered").is_some(), "{delivery}");
    let archived = product.app(&format!("messages/{delivery_id}/archived_message")).await.1;
    Ok(archived["archived_message"]["body"].as_str().unwrap().to_owned())
}

/// What is wrong between the fixture, the preview and the delivery of one case.
fn complaint(case: &Case, foretold: &Outcome, delivered: &Outcome) -> Option<String> {
    let expected = |outcome: &Outcome| match outcome {
        Ok(rendered) => case.expects(rendered),
        Err(failure) => case.expects_failure(failure),
    };
    let agree = comparable(case, foretold) == comparable(case, delivered);
    (!agree || !expected(foretold) || !expected(delivered))
        .then(|| format!("{} ({}):\n  foretold  {foretold:?}\n  delivered {delivered:?}", case.name, case.rests_on))
}

async fn complaints(workspace: Workspace) -> (usize, Vec<String>) {
    let product = start(workspace.fixture()).await;
    let mut outcomes = Vec::new();
    for (index, case) in workspace.cases.iter().enumerate() {
        let foretold = foretold(&product, template_id(index), &id(index), &case.trigger).await;
        outcomes.push((case, foretold, sent(&product, template_id(index), &id(index), &case.trigger).await));
    }
    product.clock.advance(Duration::from_secs(5));
    let mut complaints = Vec::new();
    for (case, foretold, delivery_id) in &outcomes {
        complaints.extend(complaint(case, foretold, &delivered(&product, delivery_id).await));
    }
    (outcomes.len(), complaints)
}

/// Every case can be a transactional e-mail: none is left out.
#[tokio::test]
async fn preview_and_sandbox_agree_on_every_fixture() {
    assert_eq!(BEGIN, NOW, "the clock of the product stands where the fixtures want it");
    let cases = cases();
    let all = cases.len();
    let (mut compared, mut wrong) = (0, Vec::new());
    for workspace in workspaces(cases) {
        let (count, complaints) = complaints(workspace).await;
        compared += count;
        wrong.extend(complaints);
    }
    println!("{compared} templates compared: the fixture, the preview and the delivery");
    assert!(wrong.is_empty(), "{} of {compared}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared == all && compared >= 40, "{compared} of {all}");
}

/// A person with every kind of value, and a template that reads it and the namespaces a message has.
#[tokio::test]
async fn preview_and_sandbox_read_the_same_person_and_the_same_namespaces() {
    let templates = [
        "{{ customer.id }} {{ customer.email }} {{ customer.cio_id }}",
        "{{ customer.whole | plus: 1 }} {{ customer.half }} {{ customer.twelve }} {{ customer.big }} {{ customer.yes }}",
        "{% if customer.yes %}a{% endif %}{% if customer.no %}b{% endif %}{% if customer.yes == true %}c{% endif %}",
        "{{ customer.created_at | date: '%F' }} {{ customer.unsubscribed }} {{ customer.unsubscribed | size }}",
        "{{ customer.address.city }} {{ customer.address['post code'] }} {{ customer.address.deep.er[1] }}",
        "{% for one in customer.list %}{{ one }},{% endfor %} {{ customer.list.size }} {{ customer.list | json }}",
        "{% for one in customer.rows %}{{ one.name }}{% if one.gone %}!{% endif %}{% endfor %}",
        "{{ customer.address }} {{ customer.list }}",
        "{{ customer.cio_subscription_preferences.topics.topic_1 }}",
        "{{ customer._cio_subscription_preferences_computed }}",
        "{{ customer.empty }}",
        "{{ customer['First Name'] }} {{ customer.plain }} {{ customer.unclosed }}",
        "{{ journey.anything }}",
        "{{ objects.orders[0].name }}",
        "[{{ journey.anything | default: 'none' }}{{ objects.size }}]",
        "{{ message.id }} {{ message.name }} {{ message.type }} {{ message.subject }} {{ message.preheader }}",
        "{{ message.send_to_unsubs }}{% if message.send_to_unsubs %}yes{% endif %}",
        "{{ message.journey_id }}",
        "{{ campaign.name }}{{ event_name }}{{ content }}{{ layout.id }}{{ event.x }}",
        "{{ delivery_id }}",
        "{% cio_link_id %} {% countdown point:64 fg:000 bg:fff time:\"2026-07-04 12:00:00 (GMT)\" %}",
        "{{ trigger.nothing }}",
    ];
    let messages: Vec<_> = templates
        .iter()
        .enumerate()
        .map(|(index, body)| {
            json!({ "id": template_id(index), "name": format!("message {index}"), "channel": "email", "from": "s@shop.example",
                "subject": "For {{ customer.plain }}", "preheader": "p", "body": body })
        })
        .collect();
    let attributes = json!({ "whole": 41, "half": 0.5, "twelve": 12.0, "big": 12_345_678_901_i64, "yes": true, "no": false,
        "created_at": 1_700_000_000, "unsubscribed": false, "empty": "", "plain": "x", "unclosed": "[half",
        "First Name": "Ada", "address": { "city": "Bath", "post code": "BA1", "deep": { "er": [1, 2.0] } },
        "list": ["a", 1, true], "rows": [{ "name": "Tea" }, { "name": "Cup", "gone": true }],
        "cio_subscription_preferences": { "topics": { "topic_1": true } } });
    let topics = json!([{ "id": 1, "name": "Order news" }]);
    let people = json!([{ "id": "cust_0000", "email": "Ada@shop.example", "attributes": attributes }]);
    let fixture = json!({ "people": people, "transactional": messages, "topics": topics });
    let product = start(Fixture::from_toml(&toml::to_string(&fixture).unwrap()).unwrap()).await;

    let mut outcomes = Vec::new();
    for (index, template) in templates.iter().enumerate() {
        let foretold = foretold(&product, template_id(index), "cust_0000", &Map::new()).await;
        outcomes.push((template, foretold, sent(&product, template_id(index), "cust_0000", &Map::new()).await));
    }
    product.clock.advance(Duration::from_secs(5));
    let mut shown = Vec::new();
    for (template, foretold, delivery_id) in outcomes {
        let delivered = delivered(&product, &delivery_id).await;
        let (foretold, delivered) = (foretold.map(with_placeholders), delivered.map(with_placeholders));
        assert_eq!(foretold, delivered, "{template}");
        shown.push(delivered.unwrap_or_else(|failure| format!("FAILS {failure}")));
    }
    let cio_id = Regex::new(r"\b[0-9a-f]{12}\b").unwrap();
    insta::assert_snapshot!(cio_id.replace_all(&shown.join("\n"), "<cio_id>"), @r#"
    cust_0000 Ada@shop.example <cio_id>
    42 0.5 12 12345678901 true
    ab
    2023-11-14 false 5
    Bath BA1 2
    a,1,true, 3 ["a",1,true]
    TeaCup!
    [object Object] a1true
    true
    FAILS undefined variable: customer._cio_subscription_preferences_computed, line:1
    FAILS undefined variable: customer.empty, line:1
    Ada x [half
    FAILS undefined variable: journey.anything, line:1
    FAILS undefined variable: objects.orders[0].name, line:1
    [none0]
    17 message 15 email For {{ customer.plain }} p
    trueyes
    FAILS undefined variable: message.journey_id, line:1

    <delivery id>
    <link id> <link countdown.gif>
    FAILS undefined variable: trigger.nothing, line:1
    "#);
}

/// Objects are read over five requests and put together anew: they must be what the message itself reads.
#[tokio::test]
async fn preview_and_sandbox_read_the_same_objects() {
    let templates = [
        "{{ objects.companies[0].name }} {{ objects.companies[0].object_id }} {{ objects.companies[0].relationship.role }}",
        "{% for one in objects.companies %}{{ one.name }} ({{ one.plan }}),{% endfor %}",
        "{{ objects.companies[1].name }}",
        "{{ objects.workshops.size }}{% if objects.workshops.size > 0 %}!{% endif %}",
        "{{ objects.companies[0].address.city }} {{ objects.companies[0].seats | plus: 1 }}",
        "{{ objects.nothing[0].name }}",
        "{{ snippets.company }}",
    ];
    let messages: Vec<_> = templates
        .iter()
        .enumerate()
        .map(|(index, body)| {
            json!({ "id": template_id(index), "name": format!("message {index}"), "channel": "email", "from": "s@shop.example",
                "subject": "News", "body": body })
        })
        .collect();
    let company = |id: &str, name: &str, person: Value| {
        json!({ "type": "1", "id": id, "attributes": { "name": name, "plan": "gold", "seats": 4,
            "address": { "city": "Bath" } }, "people": [person] })
    };
    let fixture = json!({
        "people": [{ "id": "cust_0000", "email": "ada@shop.example" }, { "id": "cust_0001", "email": "bo@shop.example" }],
        "transactional": messages,
        "snippets": [{ "name": "company", "value": "{{ objects.companies[0].name }}" }],
        "object_types": [
            { "id": "1", "name": "Companies", "singular_name": "Company", "slug": "companies", "singular_slug": "company", "icon": "building" },
            { "id": "2", "name": "Workshops", "singular_name": "Workshop", "slug": "workshops", "singular_slug": "workshop", "icon": "calendar" },
        ],
        "objects": [
            company("a", "Hotel", json!({ "id": "cust_0000", "attributes": { "role": "buyer" } })),
            company("b", "Cafe", json!({ "id": "cust_0000", "attributes": { "role": "owner" } })),
            company("c", "Pub", json!({ "id": "cust_0001" })),
        ],
    });
    let product = start(Fixture::from_toml(&toml::to_string(&fixture).unwrap()).unwrap()).await;
    let mut outcomes = Vec::new();
    for (index, template) in templates.iter().enumerate() {
        for customer in ["cust_0000", "cust_0001"] {
            let foretold = foretold(&product, template_id(index), customer, &Map::new()).await;
            outcomes.push((template, foretold, sent(&product, template_id(index), customer, &Map::new()).await));
        }
    }
    product.clock.advance(Duration::from_secs(5));
    let mut shown = Vec::new();
    for (template, foretold, delivery_id) in outcomes {
        let delivered = delivered(&product, &delivery_id).await;
        assert_eq!(foretold, delivered, "{template}");
        shown.push(delivered.unwrap_or_else(|failure| format!("FAILS {failure}")));
    }
    insta::assert_snapshot!(shown.join("\n"), @"
    Cafe b owner
    FAILS undefined variable: objects.companies[0].relationship.role, line:1
    Cafe (gold),Hotel (gold),
    Pub (gold),
    Hotel
    FAILS undefined variable: objects.companies[1].name, line:1
    0
    0
    Bath 5
    Bath 5
    FAILS undefined variable: objects.nothing[0].name, line:1
    FAILS undefined variable: objects.nothing[0].name, line:1
    Cafe
    Pub
    ");

    // What the preview promises, the send keeps; and each variable has its source.
    let arguments = json!({ "template": "2", "customer": "cust_0000" });
    let preview = product.ok("preview_message", arguments.clone()).await;
    assert_eq!(preview["variables"][0]["source"], "object", "{preview}");
    product.ok("send_transactional", arguments).await;
    let lacking = product.refused("send_transactional", json!({ "template": "4", "customer": "cust_0001" })).await;
    assert_eq!(lacking["error"], "render_fails", "{lacking}");
}
