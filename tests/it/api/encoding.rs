//! Identifiers arrive as they were given, whatever is in them.

use customerio_mcp::api::{
    Fate,
    people::{IdType, PersonPath},
};
use percent_encoding::percent_decode_str;
use proptest::{prelude::*, test_runner::TestRunner};

use super::{
    api_at, object, permit, scope,
    server::{Reply, Server},
};

#[tokio::test]
async fn awkward_characters_are_encoded_in_path_and_query() {
    let server = Server::start(std::iter::repeat_n(Reply::json(200, r#"{"results":[]}"#), 9)).await;
    let api = api_at(&server);
    for id in ["a+b&c/d%e@f", "Анна 漢字", "a b?c#d;e=f", "..\\x"] {
        api.identify(&permit(), &scope(), &PersonPath::Id(id.into()), &object(serde_json::json!({}))).await.unwrap();
    }
    api.people_by_email(&scope(), "ann+vip&co@shop.example").await.unwrap();
    insta::assert_snapshot!(server.lines().join("\n"), @"
    PUT /api/v1/customers/a%2Bb%26c%2Fd%25e%40f
    PUT /api/v1/customers/%D0%90%D0%BD%D0%BD%D0%B0%20%E6%BC%A2%E5%AD%97
    PUT /api/v1/customers/a%20b%3Fc%23d%3Be%3Df
    PUT /api/v1/customers/..%5Cx
    GET /v1/customers?email=ann%2Bvip%26co%40shop.example
    ");
}

#[test]
fn any_identifier_arrives_whole() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(Server::start(std::iter::repeat_n(Reply::ok(), 300)));
    let api = api_at(&server);
    let identifiers = "[\\PC]{1,30}|[+&/%@?#;=.~ \\\\-]{1,12}";
    let property = |id: String| {
        prop_assume!(!matches!(id.as_str(), "." | "..") && !id.starts_with("cio_"));
        runtime
            .block_on(api.suppress(&permit(), &scope(), &PersonPath::Id(id.clone())))
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        let line = server.lines().pop().unwrap();
        let segment = line.strip_prefix("POST /api/v1/customers/").and_then(|rest| rest.strip_suffix("/suppress"));
        prop_assert_eq!(percent_decode_str(segment.unwrap()).decode_utf8().unwrap(), id);
        Ok(())
    };
    TestRunner::new(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })
        .run(&identifiers, property)
        .unwrap();
}

#[tokio::test]
async fn what_an_address_cannot_carry_is_refused_before_anything_is_sent() {
    let server = Server::start([]).await;
    let api = api_at(&server);
    for path in [
        PersonPath::Id(String::new()),
        PersonPath::Id(".".into()),
        PersonPath::Id("..".into()),
        PersonPath::Id("cio_03000001".into()),
        PersonPath::Email("ann".into()),
    ] {
        let error = api.delete(&permit(), &scope(), &path).await.unwrap_err();
        assert_eq!((error.fate, error.safe_to_retry), (Fate::NotSent, false), "{path:?}");
        assert!(error.field.is_some() && error.message.contains("othing was sent"), "{error}");
    }
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn a_cio_id_has_its_prefix_in_addresses_and_none_in_lists() {
    let server = Server::start([Reply::ok(), Reply::ok(), Reply::ok()]).await;
    let (api, scope) = (api_at(&server), scope());
    for given in ["03000001", "cio_03000001"] {
        api.delete(&permit(), &scope, &PersonPath::CioId(given.into())).await.unwrap();
    }
    let ids = ["cio_03000001".to_owned(), "03000002".to_owned()];
    api.add_people(&permit(), &scope, 4, &ids, IdType::CioId).await.unwrap();
    let lines = server.lines();
    assert_eq!(lines[0], "DELETE /api/v1/customers/cio_03000001");
    assert_eq!(lines[0], lines[1]);
    assert_eq!(lines[2], "POST /api/v1/segments/4/add_customers?id_type=cio_id");
    assert_eq!(server.received()[2].body, r#"{"ids":["03000001","03000002"]}"#);
}
