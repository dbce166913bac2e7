//! The region: asked for once, compared with what is configured before the first write.

use std::time::Duration;

use customerio_mcp::api::{Api, ApiConfig, Fate, Region, RegionSetting, UpstreamErrorKind};
use tokio::time::Instant;

use super::{
    ann, config, object, permit, scope,
    server::{Reply, Server},
};

const EU: &str = r#"{"url":"https://track-eu.customer.io","region":"eu","environment_id":3}"#;

fn api_in(server: &Server, region: RegionSetting) -> Api {
    Api::new(ApiConfig { region, ..config(&server.url) }).unwrap()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

#[tokio::test]
async fn the_region_is_asked_for_once() {
    let server = Server::start([Reply::json(200, EU)]).await;
    let api = api_in(&server, RegionSetting::Auto);
    assert_eq!(api.region(soon()).await.unwrap(), Region::Eu);
    assert_eq!(api.clone().region(soon()).await.unwrap(), Region::Eu);
    assert_eq!(api.look_up_region(&scope()).await.unwrap().environment_id, Some(3));
    assert_eq!(server.lines(), ["GET /api/v1/accounts/region"]);
    let authorization = server.received()[0].header("authorization").unwrap().to_owned();
    assert!(authorization.starts_with("Basic "), "{authorization}");
}

#[tokio::test]
async fn a_configured_region_is_taken_at_its_word_for_reads() {
    let server = Server::start([Reply::json(200, r#"{"segments":[]}"#)]).await;
    let api = api_in(&server, RegionSetting::Us);
    assert_eq!(api.region(soon()).await.unwrap(), Region::Us);
    api.list_segments(&scope()).await.unwrap();
    assert_eq!(server.lines(), ["GET /v1/segments"]);
}

#[tokio::test]
async fn a_wrong_region_is_refused_before_the_first_write() {
    let server = Server::start([Reply::json(200, EU)]).await;
    let api = api_in(&server, RegionSetting::Us);
    let mut said = Vec::new();
    for _ in 0..2 {
        let error = api.identify(&permit(), &scope(), &ann(), &object(serde_json::json!({}))).await.unwrap_err();
        assert_eq!(
            (error.kind, error.fate, error.safe_to_retry),
            (UpstreamErrorKind::WrongRegion, Fate::NotSent, false)
        );
        said.push(error.message);
    }
    assert_eq!(said[0], said[1]);
    insta::assert_snapshot!(said[0], @r#"The configured region is US, but the account of the Track credentials lives in the EU region. Set the region to "auto" or to the account's. Nothing was changed."#);
    assert_eq!(server.lines(), ["GET /api/v1/accounts/region"], "asked once, nothing written");
}

#[tokio::test]
async fn the_right_region_is_checked_once() {
    let server = Server::start([Reply::json(200, EU), Reply::ok(), Reply::ok()]).await;
    let api = api_in(&server, RegionSetting::Eu);
    for _ in 0..2 {
        api.delete(&permit(), &scope(), &ann()).await.unwrap();
    }
    assert_eq!(server.lines()[1..], ["DELETE /api/v1/customers/ann-1", "DELETE /api/v1/customers/ann-1"]);
}

#[tokio::test]
async fn a_check_that_fails_says_that_nothing_was_sent_and_is_made_again() {
    let server = Server::start([Reply::json(401, "{}"), Reply::json(200, EU), Reply::ok()]).await;
    let api = api_in(&server, RegionSetting::Eu);
    let error = api.delete(&permit(), &scope(), &ann()).await.unwrap_err();
    assert_eq!((error.kind, error.fate), (UpstreamErrorKind::Unauthorized, Fate::NotSent));
    assert!(error.message.contains("Track credentials") && error.message.contains("EU"), "{error}");
    api.delete(&permit(), &scope(), &ann()).await.unwrap();
}

#[tokio::test]
async fn a_redirect_is_the_wrong_region_and_is_not_followed() {
    let elsewhere = Server::start([]).await;
    let server = Server::start([Reply::json(307, "").header(&format!("Location: {}/x", elsewhere.url))]).await;
    let api = api_in(&server, RegionSetting::Auto);
    let error = api.delete(&permit(), &scope(), &ann()).await.unwrap_err();
    assert_eq!((error.kind, error.fate), (UpstreamErrorKind::WrongRegion, Fate::Refused));
    assert!(elsewhere.received().is_empty(), "the credential stays with the configured host");
}

#[tokio::test]
async fn with_an_app_key_alone_the_host_that_knows_it_is_the_region() {
    let unauthorized = Reply::json(401, r#"{"meta":{"error":"Unauthorized request"}}"#);
    let server = Server::start([unauthorized.clone(), Reply::json(200, r#"{"workspaces":[]}"#)]).await;
    let api = Api::new(ApiConfig { track: None, ..config(&server.url) }).unwrap();
    assert_eq!(api.region(soon()).await.unwrap(), Region::Eu);

    let server = Server::start([unauthorized.clone(), unauthorized]).await;
    let api = Api::new(ApiConfig { track: None, ..config(&server.url) }).unwrap();
    let error = api.region(soon()).await.unwrap_err();
    assert_eq!(error.kind, UpstreamErrorKind::Unauthorized);
    assert!(error.message.contains("Neither the US nor the EU host"), "{error}");
}
