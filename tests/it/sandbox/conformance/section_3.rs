//! Identity: what the rules of `identify`, `merge`, `suppress` and objects leave to say stands in the files of those.

use reqwest::Method;
use serde_json::{Value, json};

use crate::sandbox::driver::{Sandbox, segment};

#[tokio::test]
async fn section_3_the_kind_of_a_path_identifier_is_told_by_its_shape() {
    let sandbox = Sandbox::empty().await;
    let cases = [
        ("ann", "id", "ann"),
        ("Ann", "id", "Ann"),
        ("ann@example.com", "email", "ann@example.com"),
        // A phone number is an id like any other here.
        ("+15005550006", "id", "+15005550006"),
        ("03000001", "id", "03000001"),
    ];
    for (identifier, kind, value) in cases {
        sandbox.identify(identifier, json!({"seen": identifier})).await;
        let person = sandbox.customer(value, kind).await.unwrap_or_else(|| panic!("{identifier}"));
        assert_eq!(person["attributes"]["seen"], identifier);
        assert_eq!(person["identifiers"][kind], value);
        assert_eq!(person["identifiers"].get("phone"), None, "{identifier}");
    }
    assert_eq!(sandbox.count("people").await, 5);
    let cio_id = sandbox.attribute("ann", "cio_id").await.as_str().unwrap().to_owned();
    sandbox.identify(&format!("cio_{cio_id}"), json!({"seen": "by cio_id"})).await;
    assert_eq!((sandbox.attribute("ann", "seen").await, sandbox.count("people").await), (json!("by cio_id"), 5));
    assert!(sandbox.customer(&format!("cio_{cio_id}"), "cio_id").await.is_some(), "with its prefix on the App API");
}

#[tokio::test]
async fn section_3_track_never_says_that_somebody_is_unknown() {
    let sandbox = Sandbox::empty().await;
    let entity = |action: &str| json!({"type": "person", "action": action, "identifiers": {"id": "nobody"}});
    let calls = [
        (Method::DELETE, "/api/v1/customers/nobody", Value::Null),
        (Method::DELETE, "/api/v1/customers/nobody/devices/d", Value::Null),
        (Method::DELETE, "/api/v1/customers/cio_ffff00000001", Value::Null),
        (Method::PUT, "/api/v1/customers/cio_ffff00000001", json!({"plan": "gold"})),
        (Method::POST, "/api/v1/customers/cio_ffff00000001/events", json!({"name": "e"})),
        (Method::POST, "/api/v1/merge_customers", json!({"primary": {"id": "x"}, "secondary": {"id": "y"}})),
        (Method::POST, "/api/v2/entity", entity("delete")),
        (Method::POST, "/api/v1/customers/nobody/unsuppress", Value::Null),
    ];
    for (method, path, body) in calls {
        let heard = sandbox.track(method, path, body).await;
        assert_eq!((heard.status, heard.text.as_str()), (200, "{}\n"), "{path}");
        assert_eq!(sandbox.count("people").await, 0, "{path}");
    }
}

#[tokio::test]
async fn section_3_v2_takes_exactly_one_identifier() {
    let sandbox = Sandbox::empty().await;
    let cases = [
        (json!({"id": "a"}), 200),
        (json!({"email": "b@example.com"}), 200),
        (json!({}), 400),
        (json!({"id": "a", "email": "b@example.com"}), 400),
        (json!({"id": "a", "cio_id": "03000001"}), 400),
        (json!({"id": ""}), 400),
        (json!({"name": "a"}), 400),
    ];
    for (identifiers, status) in cases {
        let body = json!({"type": "person", "action": "identify", "identifiers": identifiers});
        let heard = sandbox.track(Method::POST, "/api/v2/entity", body).await;
        assert_eq!(heard.status, status, "{identifiers}: {}", heard.text);
    }
    assert_eq!(sandbox.count("people").await, 2);
}

#[tokio::test]
async fn section_3_what_takes_a_person_away_differs_in_what_stays_and_what_can_come_back() {
    // How, whether the profile is kept, whether the id can be used again, and whether it is another profile then.
    let cases = [
        ("delete", false, true, true),
        ("suppress", false, false, false),
        ("suppress, unsuppress", false, true, true),
        ("unsubscribe", true, true, false),
        ("esp", true, true, false),
    ];
    for (how, kept, reusable, another) in cases {
        let sandbox = Sandbox::empty().await;
        sandbox.identify("ann", json!({"email": "ann@example.com", "plan": "gold"})).await;
        let before = sandbox.attribute("ann", "cio_id").await;
        match how {
            "delete" => drop(sandbox.track(Method::DELETE, "/api/v1/customers/ann", Value::Null).await),
            "unsubscribe" => sandbox.identify("ann", json!({"unsubscribed": true})).await,
            "esp" => {
                let path = format!("/v1/esp/suppression/bounces/{}", segment("ann@example.com"));
                let heard = sandbox.app(Method::POST, &path, Value::Null).await;
                assert_eq!(heard.status, 200, "{}", heard.text);
            }
            steps => {
                for step in steps.split(", ") {
                    sandbox.track(Method::POST, &format!("/api/v1/customers/ann/{step}"), Value::Null).await;
                }
            }
        }
        let plan = sandbox.customer("ann", "id").await.map(|person| person["attributes"]["plan"].clone());
        assert_eq!(plan, kept.then(|| json!("gold")), "{how}");
        sandbox.identify("ann", json!({"again": "yes"})).await;
        let after = sandbox.customer("ann", "id").await;
        assert_eq!(after.is_some(), reusable, "{how}");
        let Some(after) = after else { continue };
        assert_eq!(after["attributes"]["cio_id"] != before, another, "{how}");
        assert_eq!(after["attributes"].get("plan").is_none(), another, "{how}");
    }
}
