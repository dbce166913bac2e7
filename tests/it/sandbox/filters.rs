//! Random filters against an evaluator of a few lines, and random almost-filters against the grammar.

use std::fmt::Write;

use customerio_mcp::sandbox::Fixture;
use proptest::{collection::vec, prelude::*, sample::select, test_runner::TestRunner};
use reqwest::Method;
use serde_json::{Value, json};

use super::driver::Sandbox;

/// 1 is chosen by hand, 2 is on the gold plan, 3 is whoever was not chosen.
const SEGMENTS: &str = "
[[segments]]
id = 1
name = \"Chosen\"
[[segments]]
id = 2
name = \"Gold\"
filter = { attribute = { field = \"plan\", operator = \"eq\", value = \"gold\" } }
[[segments]]
id = 3
name = \"Others\"
filter = { not = { segment = { id = 1 } } }
";

#[derive(Debug, Clone)]
struct Person {
    has_id: bool,
    has_email: bool,
    plan: Option<&'static str>,
    orders: Option<i64>,
    beta: Option<bool>,
    unsubscribed: Option<bool>,
    chosen: bool,
}

impl Person {
    fn id(&self, number: usize) -> Option<String> {
        // Everybody has one identifier at least.
        (self.has_id || !self.has_email).then(|| format!("P{number}"))
    }

    fn email(&self, number: usize) -> Option<String> {
        self.has_email.then(|| format!("p{number}@example.com"))
    }

    /// What the person has under a name, as text.
    fn text(&self, number: usize, field: &str) -> Option<String> {
        match field {
            "id" => self.id(number),
            "email" => self.email(number),
            "plan" => self.plan.map(str::to_owned),
            "orders" => self.orders.map(|orders| orders.to_string()),
            "beta" => self.beta.map(|beta| beta.to_string()),
            "unsubscribed" => self.unsubscribed.map(|unsubscribed| unsubscribed.to_string()),
            _ => None,
        }
    }
}

#[derive(Debug, Clone)]
enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Segment(u64),
    Eq(&'static str, Value),
    Exists(&'static str),
}

impl Filter {
    fn json(&self) -> Value {
        let list = |filters: &[Self]| filters.iter().map(Self::json).collect::<Vec<_>>();
        match self {
            Self::And(all) => json!({"and": list(all)}),
            Self::Or(any) => json!({"or": list(any)}),
            Self::Not(inner) => json!({"not": inner.json()}),
            Self::Segment(id) => json!({"segment": {"id": id}}),
            Self::Eq(field, value) => json!({"attribute": {"field": field, "operator": "eq", "value": value}}),
            Self::Exists(field) => json!({"attribute": {"field": field, "operator": "exists"}}),
        }
    }

    fn holds(&self, number: usize, person: &Person) -> bool {
        match self {
            Self::And(all) => all.iter().all(|filter| filter.holds(number, person)),
            Self::Or(any) => any.iter().any(|filter| filter.holds(number, person)),
            Self::Not(inner) => !inner.holds(number, person),
            Self::Segment(1) => person.chosen,
            Self::Segment(2) => person.plan == Some("gold"),
            Self::Segment(3) => !person.chosen,
            Self::Segment(_) => false,
            Self::Exists(field) => person.text(number, field).is_some(),
            Self::Eq(field, value) => {
                let wanted = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                match (*field, person.text(number, field)) {
                    ("unsubscribed", have) => {
                        (have.as_deref() == Some("true")) == matches!(&*wanted.to_lowercase(), "true" | "1")
                    }
                    ("email", Some(have)) => have == wanted.to_lowercase(),
                    (_, have) => have == Some(wanted),
                }
            }
        }
    }
}

const FIELDS: [&str; 7] = ["id", "email", "plan", "orders", "beta", "unsubscribed", "nothing"];

fn person() -> impl Strategy<Value = Person> {
    let plan = prop::option::of(select(vec!["gold", "Gold", "1"]));
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (flags, plan, prop::option::of(0..3i64), any::<Option<bool>>(), any::<Option<bool>>()).prop_map(
        |((has_id, has_email, chosen), plan, orders, beta, unsubscribed)| Person {
            has_id,
            has_email,
            plan,
            orders,
            beta,
            unsubscribed,
            chosen,
        },
    )
}

fn filter() -> impl Strategy<Value = Filter> {
    let values = vec![
        json!("gold"),
        json!("Gold"),
        json!(1),
        json!("1"),
        json!(0),
        json!(true),
        json!("TRUE"),
        json!("false"),
        json!("P0"),
        json!("p0"),
        json!("P1@EXAMPLE.com"),
        json!("p2@example.com"),
    ];
    let leaf = prop_oneof![
        2 => (1..5u64).prop_map(Filter::Segment),
        2 => select(FIELDS.to_vec()).prop_map(Filter::Exists),
        4 => (select(FIELDS.to_vec()), select(values)).prop_map(|(field, value)| Filter::Eq(field, value)),
    ];
    leaf.prop_recursive(5, 24, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..4).prop_map(Filter::And),
            vec(inner.clone(), 1..4).prop_map(Filter::Or),
            inner.prop_map(|inner| Filter::Not(Box::new(inner))),
        ]
    })
}

/// Something that is a filter, or would be but for a detail.
fn almost() -> impl Strategy<Value = Value> {
    let attribute = |attribute: Value| json!({"attribute": attribute});
    let wrong = vec![
        Value::Null,
        json!(7),
        json!("and"),
        json!([]),
        json!({}),
        json!({"segment": {}}),
        json!({"segment": 1}),
        json!({"segment": {"id": "1"}}),
        json!({"segment": {"id": -1}}),
        json!({"segment": {"id": 1.5}}),
        json!({"everyone": true}),
        json!({"AND": [{"segment": {"id": 1}}]}),
        json!({"attribute": []}),
        attribute(json!({"field": "plan", "operator": "gt", "value": 1})),
        attribute(json!({"field": "plan", "operator": "contains", "value": "g"})),
        attribute(json!({"field": "plan", "operator": "EQ", "value": "g"})),
        attribute(json!({"field": "plan", "operator": "eq"})),
        attribute(json!({"field": "plan", "operator": "eq", "value": null})),
        attribute(json!({"field": "plan", "operator": "eq", "value": ["gold"]})),
        attribute(json!({"field": "", "operator": "exists"})),
        attribute(json!({"field": 7, "operator": "exists"})),
        attribute(json!({"operator": "exists"})),
        attribute(json!({"field": "plan"})),
    ];
    let leaf = prop_oneof![1 => select(wrong), 3 => filter().prop_map(|filter| filter.json())];
    leaf.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            3 => vec(inner.clone(), 0..4).prop_map(|list| json!({"and": list})),
            3 => vec(inner.clone(), 0..4).prop_map(|list| json!({"or": list})),
            3 => inner.clone().prop_map(|one| json!({"not": one})),
            1 => inner.clone().prop_map(|one| json!({"and": one})),
            1 => inner.clone().prop_map(|one| json!({"not": [one]})),
            1 => (inner.clone(), inner).prop_map(|(one, other)| json!({"not": one, "or": [other]})),
        ]
    })
}

/// The grammar of behaviour.md section 5.
fn is_filter(value: &Value) -> bool {
    let Some(object) = value.as_object().filter(|object| object.len() == 1) else { return false };
    let (key, inner) = object.iter().next().unwrap();
    match key.as_str() {
        "and" | "or" => inner.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(is_filter)),
        "not" => is_filter(inner),
        "segment" => inner["id"].is_u64(),
        "attribute" => {
            let value = &inner["value"];
            inner["field"].as_str().is_some_and(|field| !field.is_empty())
                && match inner["operator"].as_str() {
                    Some("exists") => true,
                    Some("eq") => value.is_string() || value.is_number() || value.is_boolean(),
                    _ => false,
                }
        }
        _ => false,
    }
}

async fn found(sandbox: &Sandbox, filter: &Value) -> (u16, Value) {
    let heard = sandbox.app(Method::POST, "/v1/customers?limit=100", json!({"filter": filter})).await;
    (heard.status, heard.json())
}

async fn fill(sandbox: &Sandbox, people: &[Person]) {
    let mut chosen = Vec::new();
    for (number, person) in people.iter().enumerate() {
        let (id, email) = (person.id(number), person.email(number));
        let mut attributes = json!({});
        for (name, value) in [
            ("plan", json!(person.plan)),
            ("orders", json!(person.orders)),
            ("beta", json!(person.beta)),
            ("unsubscribed", json!(person.unsubscribed)),
            ("email", json!(email)),
        ] {
            if !value.is_null() {
                attributes[name] = value;
            }
        }
        sandbox.identify(id.as_deref().or(email.as_deref()).unwrap(), attributes).await;
        if person.chosen {
            let kind = if id.is_some() { "id" } else { "email" };
            let path = format!("/api/v1/segments/1/add_customers?id_type={kind}");
            chosen.push((path, json!({"ids": [id.or(email)]})));
        }
    }
    for (path, body) in chosen {
        assert_eq!(sandbox.track(Method::POST, &path, body).await.status, 200);
    }
}

#[test]
fn section_5_filters_find_whom_they_say_in_the_order_of_creation() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let fixture = Fixture::from_toml(SEGMENTS).unwrap();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(48));
    let outcome = runner.run(&(vec(person(), 1..7), vec(filter(), 1..8)), |(people, filters)| {
        let fixture = fixture.clone();
        runtime.block_on(async {
            let sandbox = Sandbox::with(fixture, false).await;
            fill(&sandbox, &people).await;
            for filter in &filters {
                let all = people.iter().enumerate().filter(|(number, person)| filter.holds(*number, person));
                let expected: Vec<_> =
                    all.map(|(number, person)| (json!(person.id(number)), json!(person.email(number)))).collect();
                let (status, answer) = found(&sandbox, &filter.json()).await;
                prop_assert_eq!(status, 200, "{}: {}", filter.json(), answer);
                let rows = answer["identifiers"].as_array().unwrap().iter();
                let rows: Vec<_> = rows.map(|row| (row["id"].clone(), row["email"].clone())).collect();
                prop_assert_eq!(rows, expected, "{}", filter.json());
            }
            Ok(())
        })
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn section_5_what_is_no_filter_is_refused_wherever_filters_are_taken() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sandbox = runtime.block_on(Sandbox::with(Fixture::from_toml(SEGMENTS).unwrap(), false));
    let mut runner = TestRunner::new(ProptestConfig::with_cases(256));
    let outcome = runner.run(&almost(), |filter| {
        runtime.block_on(async {
            let expected = if is_filter(&filter) { 200 } else { 400 };
            let (status, answer) = found(&sandbox, &filter).await;
            prop_assert_eq!(status, expected, "{}: {}", filter, answer);
            let body = json!({"filters": filter});
            let export = sandbox.app(Method::POST, "/v1/exports/customers", body).await;
            prop_assert_eq!(export.status, expected, "{}: {}", filter, export.text);
            let body = json!({"name": "n", "type": "email", "subject": "s", "body": "b", "recipients": filter});
            let newsletter = sandbox.app(Method::POST, "/v1/newsletters", body).await;
            let expected = if expected == 200 { 200 } else { 422 };
            prop_assert_eq!(newsletter.status, expected, "{}: {}", filter, newsletter.text);
            Ok(())
        })
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[tokio::test]
async fn section_5_a_filter_may_be_nested_and_one_without_end_is_refused() {
    let sandbox = Sandbox::with(Fixture::from_toml(SEGMENTS).unwrap(), false).await;
    sandbox.identify("a", json!({})).await;
    let nested = |times: usize| {
        let mut text = String::new();
        for _ in 0..times {
            write!(text, "{{\"not\":").unwrap();
        }
        format!("{{\"filter\":{text}{{\"segment\":{{\"id\":1}}}}{}}}", "}".repeat(times))
    };
    for (times, status) in [(15, 200), (31, 200), (32, 400), (127, 400), (10_000, 400), (100_000, 400)] {
        let body = nested(times).into_bytes();
        let heard = sandbox.raw(Method::POST, "/v1/customers", &[sandbox.app_authorization()], body).await.unwrap();
        assert_eq!(heard.status, status, "{times}: {}", heard.text);
    }
}
