//! Credentials and people stay out of everything that is printed.

use customerio_mcp::api::{
    Api, ApiConfig, ApiConfigError, AppKey, CdpWriteKey, Fate, TrackCredentials, UpstreamErrorKind,
};
use serde_json::json;

use super::{
    APP_KEY, EMAIL, SITE_ID, TRACK_KEY, ann, api_at, config, message, object, permit, scope,
    server::{Reply, Server},
    traces::Recorder,
};

fn assert_clean(text: &str) {
    let encoded = "c2l0ZS03ZjNhOnRyYWNrc2VjcmV0OTkxMQ==";
    for secret in [TRACK_KEY, APP_KEY, SITE_ID, encoded, "ann-1", "shop.example", "Ann Lee"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn credentials_reach_the_vendor_and_nothing_else() {
    let traces = Recorder::start();
    let echo =
        format!(r#"{{"meta":{{"error":"ann-1 Ann Lee ann@shop.example {TRACK_KEY}x"}}}}"#).replace(TRACK_KEY, "k");
    let server = Server::start([
        Reply::ok(),
        Reply::json(200, r#"{"delivery_id":"d1"}"#),
        Reply::json(400, &echo),
        Reply::json(500, &echo),
    ])
    .await;
    let api = api_at(&server);
    let person = object(json!({"name": "Ann Lee", "email": "ann@shop.example"}));
    api.identify(&permit(), &scope(), &ann(), &person).await.unwrap();
    api.send_transactional(&permit(), &scope(), EMAIL, &message()).await.unwrap();
    let refused = api.identify(&permit(), &scope(), &ann(), &person).await.unwrap_err();
    let failed = api.send_transactional(&permit(), &scope(), EMAIL, &message()).await.unwrap_err();

    let received = server.received();
    assert_eq!(received[0].header("authorization"), Some("Basic c2l0ZS03ZjNhOnRyYWNrc2VjcmV0OTkxMQ=="));
    assert_eq!(received[1].header("authorization"), Some("Bearer appsecret4242"));
    assert_eq!(received[0].header("content-type"), Some("application/json"));
    assert!(received[0].header("user-agent").unwrap().starts_with("customerio-mcp/"));

    assert_clean(&format!("{refused} {refused:?}"));
    assert_clean(&failed.to_string().replace("Ann Lee", ""));
    assert_clean(&format!("{api:?} {:?}", config(&server.url)));
    let ours: Vec<String> = traces.lines().into_iter().filter(|line| line.contains("customerio_mcp")).collect();
    assert_clean(&ours.join("\n"));
    insta::assert_snapshot!(traces.requests().join("\n"), @r#"
    customerio_mcp::api::http message=upstream request api="track" operation="identify a person" status=200 attempt=1
    customerio_mcp::api::http message=upstream request api="app" operation="send a transactional message" status=200 attempt=1
    customerio_mcp::api::http message=upstream request api="track" operation="identify a person" status=400 attempt=1
    customerio_mcp::api::http message=upstream request api="app" operation="send a transactional message" status=500 attempt=1
    "#);
}

#[test]
fn a_credential_that_was_copied_badly_is_named_and_not_shown() {
    let said = [
        AppKey::new("").unwrap_err().to_string(),
        AppKey::new("secret\n").unwrap_err().to_string(),
        AppKey::new("sec\u{1}ret").unwrap_err().to_string(),
        CdpWriteKey::new("sécret").unwrap_err().to_string(),
        TrackCredentials::new("si te", "secret").unwrap_err().to_string(),
        TrackCredentials::new("site:secret", "secret").unwrap_err().to_string(),
        TrackCredentials::new("site", "").unwrap_err().to_string(),
    ];
    assert!(said.iter().all(|text| !text.contains("secret") && !text.contains("sécret")));
    insta::assert_snapshot!(said.join("\n"), @"
    the App API key is empty
    the App API key contains white space (a space, tab or line end, often copied along)
    the App API key contains a control character
    the Pipelines write key contains a character that no Customer.io key has (not ASCII)
    the Track site id contains white space (a space, tab or line end, often copied along)
    the Track site id contains a colon, which separates site id and key (is it both of them?)
    the Track API key is empty
    ");
    let all = format!(
        "{:?} {:?} {:?}",
        TrackCredentials::new("site", "secret").unwrap(),
        AppKey::new("secret").unwrap(),
        CdpWriteKey::new("secret").unwrap()
    );
    assert_eq!(all, "TrackCredentials([redacted]) AppKey([redacted]) CdpWriteKey([redacted])");
}

#[tokio::test]
async fn a_missing_credential_is_named_and_nothing_is_sent() {
    let server = Server::start([]).await;
    let none = Api::new(ApiConfig { track: None, app: None, ..config(&server.url) }).unwrap();
    assert!(!none.has_track() && !none.has_app());
    for (error, name) in [
        (none.delete(&permit(), &scope(), &ann()).await.unwrap_err(), "Track credentials"),
        (none.templates(&scope()).await.unwrap_err(), "App API key"),
    ] {
        assert_eq!((error.kind, error.fate), (UpstreamErrorKind::MissingCredential, Fate::NotSent));
        assert!(error.message.contains(name), "{error}");
    }
}

#[test]
fn a_configuration_that_cannot_work_is_refused_at_once() {
    let with_url = |url: &str| Api::new(config(url)).unwrap_err().to_string();
    for (url, reason) in [
        ("track.customer.io", "relative URL"),
        ("ftp://track.customer.io", "http:// or https://"),
        ("https://user:pass@track.customer.io", "credentials"),
        ("https://track.customer.io?x=1", "query"),
    ] {
        let said = with_url(url);
        assert!(said.contains("track_url") && said.contains(reason), "{said}");
    }
    for pem in ["no certificate at all", "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"] {
        let broken = ApiConfig { extra_ca_pem: Some(pem.into()), ..config("http://127.0.0.1:1") };
        assert!(matches!(Api::new(broken).unwrap_err(), ApiConfigError::Ca(_)));
    }
}
