//! Checks of the credentials, by the cheapest reads the vendor has.
//!
//! Its answer to a wrong credential says nothing about what is wrong with it. So one that is refused is tried where it
//! would be right: in the other region, at the other API, with its two halves exchanged.

use std::time::Duration;

use super::check::Check;
use crate::{
    api::{Api, CallScope, Region, RegionLookup, UpstreamError, UpstreamErrorKind, workspaces::Workspace},
    cli::output::counted,
    clock::SharedClock,
    config::{self, SecretText, TrackKey, WorkspaceConfig},
    server::open::{OpenError, connect},
};

/// Most time for one question, all its attempts included.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Where credentials are found in the vendor's settings.
const WHERE: &str = "Copy it again from Customer.io: Settings, Account Settings, API Credentials";

/// What was learnt from the vendor.
pub(super) struct Access<'a> {
    workspace: &'a WorkspaceConfig,
    clock: SharedClock,
    api: Api,
}

type Looked = Option<Result<RegionLookup, UpstreamError>>;
type Listed = Option<Result<Vec<Workspace>, UpstreamError>>;

impl<'a> Access<'a> {
    pub(super) fn new(workspace: &'a WorkspaceConfig, clock: SharedClock) -> Result<Self, OpenError> {
        let api = connect(workspace, &clock)?;
        Ok(Self { workspace, clock, api })
    }

    /// Whether our sandbox is what answers.
    pub(super) async fn answers_as_sandbox(&self) -> Result<bool, UpstreamError> {
        self.api.answers_as_sandbox(&scope()).await
    }

    /// Asks each API, and compares what they say.
    pub(super) async fn checks(&self) -> Vec<Check> {
        let looked: Looked = if self.api.has_track() { Some(self.api.look_up_region(&scope()).await) } else { None };
        let listed: Listed = if self.api.has_app() { Some(self.api.workspaces(&scope()).await) } else { None };
        let mut checks = vec![self.track(&looked).await, self.app(&listed, &looked).await, self.pipelines()];
        checks.extend(self.region(&looked, &listed).await);
        checks.extend(same_account(&looked, &listed));
        checks
    }

    async fn track(&self, looked: &Looked) -> Check {
        match looked {
            None => Check::note("Track API", "no credentials: people, events and segments cannot be changed")
                .next("Set the site id and its tracking API key."),
            Some(Ok(_)) => Check::ok("Track API", "site id and tracking API key are accepted"),
            Some(Err(error)) if error.kind == UpstreamErrorKind::Unauthorized => self.refused_track().await,
            Some(Err(error)) => unreachable("Track API", error),
        }
    }

    async fn refused_track(&self) -> Check {
        let Some(key) = &self.workspace.track else { return Check::failed("Track API", "refused") };
        let as_app = WorkspaceConfig { app_api_key: Some(key.api_key.clone()), ..self.elsewhere() };
        if self.is_one_host() && self.accepts_app(as_app).await.is_some() {
            return Check::failed("Track API", "refused: the tracking API key is an App API key")
                .next("Use the API key that stands beside the site id.");
        }
        let exchanged = TrackKey { site_id: key.api_key.expose().to_owned(), api_key: SecretText::new(&key.site_id) };
        if self.accepts_track(WorkspaceConfig { track: Some(exchanged), ..self.elsewhere() }).await {
            return Check::failed("Track API", "refused: site id and tracking API key are exchanged")
                .next("Put each into the other's place.");
        }
        Check::failed("Track API", "refused: the site id or its tracking API key is wrong, or was revoked")
            .next(format!("{WHERE}, Track API Keys. The two belong together."))
    }

    async fn app(&self, listed: &Listed, looked: &Looked) -> Check {
        match listed {
            None => Check::note("App API", "no key: nothing can be looked up, verified or sent")
                .next("Set the App API key."),
            Some(Ok(workspaces)) => Check::ok("App API", accepted(workspaces, looked)),
            Some(Err(error)) if error.kind == UpstreamErrorKind::Forbidden => {
                Check::note("App API", "the key is accepted, but may not list workspaces")
                    .next("If more is refused, look at the scopes and the address list of the key.")
            }
            Some(Err(error)) if error.kind == UpstreamErrorKind::Unauthorized => self.refused_app().await,
            Some(Err(error)) => unreachable("App API", error),
        }
    }

    async fn refused_app(&self) -> Check {
        let Some(key) = &self.workspace.app_api_key else { return Check::failed("App API", "refused") };
        let anywhere = WorkspaceConfig { app_api_key: Some(key.clone()), ..self.elsewhere() };
        if self.workspace.app_url.is_none()
            && let Some(region) = self.accepts_app(anywhere).await
        {
            let message = format!("refused in this region: the key belongs to an account in the {region} region");
            return Check::failed("App API", message).next(
                "Use a key of the same account as the Track credentials, and set `region` to it or to \"auto\".",
            );
        }
        if let Some(track) = self.workspace.track.as_ref().filter(|_| self.is_one_host()) {
            let as_track = TrackKey { site_id: track.site_id.clone(), api_key: key.clone() };
            if self.accepts_track(WorkspaceConfig { track: Some(as_track), ..self.elsewhere() }).await {
                return Check::failed("App API", "refused: the App API key is a tracking API key")
                    .next("Make an App API key; the one beside the site id is for the Track API.");
            }
        }
        Check::failed("App API", "refused: the key is wrong, was revoked, or is no App API key")
            .next(format!("{WHERE}, App API Keys."))
    }

    /// Both APIs are the vendor's, or both somewhere else: a key is not shown to a host it was never meant for.
    fn is_one_host(&self) -> bool {
        self.workspace.track_url == self.workspace.app_url
    }

    /// The same hosts in whatever region, without any credential yet.
    fn elsewhere(&self) -> WorkspaceConfig {
        WorkspaceConfig { region: config::Region::Auto, track: None, app_api_key: None, ..self.workspace.clone() }
    }

    /// The region whose host takes the App API key.
    async fn accepts_app(&self, workspace: WorkspaceConfig) -> Option<Region> {
        let api = connect(&workspace, &self.clock).ok()?;
        if workspace.app_url.is_some() {
            let answer = api.workspaces(&scope()).await;
            return is_accepted(&answer).then_some(Region::Us);
        }
        api.region(scope().deadline).await.ok()
    }

    async fn accepts_track(&self, workspace: WorkspaceConfig) -> bool {
        match connect(&workspace, &self.clock) {
            Ok(api) => is_accepted(&api.look_up_region(&scope()).await),
            Err(_) => false,
        }
    }

    /// Pipelines answers 200 to any key, so a wrong one shows only in what never arrives.
    fn pipelines(&self) -> Check {
        match &self.workspace.cdp_write_key {
            Some(_) => Check::note("Pipelines API", "a write key is set; the vendor offers no way to try it"),
            None => Check::note("Pipelines API", "no write key; only `…_through_pipelines` needs one"),
        }
    }

    async fn region(&self, looked: &Looked, listed: &Listed) -> Option<Check> {
        let configured = self.workspace.region;
        let found = match (looked, listed) {
            (Some(Ok(found)), _) => found.region,
            (_, Some(Ok(_))) if self.workspace.app_url.is_none() => self.api.region(scope().deadline).await.ok()?,
            _ => return None,
        };
        let matches = match configured {
            config::Region::Auto => return Some(Check::ok("region", format!("{found}, as Customer.io says"))),
            config::Region::Us => found == Region::Us,
            config::Region::Eu => found == Region::Eu,
        };
        Some(if matches {
            Check::ok("region", format!("{found}, as configured"))
        } else {
            let set = configured.as_str().to_uppercase();
            Check::failed("region", format!("{set} is configured, but the account lives in the {found} region")).next(
                "Set `region` (CUSTOMERIO_REGION) to \"auto\" or to the account's. Until then every write is refused.",
            )
        })
    }
}

fn scope() -> CallScope {
    CallScope::within(ANSWER_WITHIN)
}

/// A key without the scope for an operation is known to the host all the same.
fn is_accepted<T>(answer: &Result<T, UpstreamError>) -> bool {
    answer.as_ref().map_or_else(|error| error.kind == UpstreamErrorKind::Forbidden, |_| true)
}

/// Which workspaces the key's account has.
fn accepted(workspaces: &[Workspace], looked: &Looked) -> String {
    let ours = match looked {
        Some(Ok(found)) => workspaces.iter().find(|one| one.id.is_some() && one.id == found.environment_id),
        _ => None,
    };
    let one = |workspace: &Workspace| {
        let people = workspace.people.and_then(|people| u64::try_from(people).ok());
        let people = people.map_or_else(String::new, |people| format!(", {}", people_counted(people)));
        format!("{}{people}", workspace.name)
    };
    match (ours, workspaces) {
        (_, [only]) => format!("key is accepted: {}", one(only)),
        (Some(ours), _) => {
            format!("key is accepted by an account of {} workspaces; Track's is {}", workspaces.len(), one(ours))
        }
        (None, _) => format!("key is accepted by an account of {}", counted(workspaces.len() as u64, "workspace")),
    }
}

fn people_counted(number: u64) -> String {
    if number == 1 { "1 person".to_owned() } else { format!("{number} people") }
}

/// The list holds every workspace of the account, so a key of another workspace of it cannot be told.
fn same_account(looked: &Looked, listed: &Listed) -> Option<Check> {
    let (Some(Ok(found)), Some(Ok(workspaces))) = (looked, listed) else { return None };
    let environment = found.environment_id?;
    let ours = workspaces.iter().any(|one| one.id == Some(environment));
    Some(match (ours, workspaces.len()) {
        (true, 1) => Check::ok("same workspace", "Track credentials and App API key belong together"),
        (true, _) => Check::note(
            "same workspace",
            "Track credentials and App API key are of one account; that they are of one workspace cannot be told",
        )
        .next("Compare the workspace's name on the page of each key."),
        (false, _) => Check::failed("same workspace", "Track credentials and App API key belong to different accounts")
            .next("Use both credentials of one workspace: what is written by one is read back by the other."),
    })
}

/// Anything but a wrong credential.
fn unreachable(check: &'static str, error: &UpstreamError) -> Check {
    let next = match error.kind {
        UpstreamErrorKind::Connection | UpstreamErrorKind::TimedOut => {
            "Look at the network and the proxy variables; for a proxy that intercepts TLS set `extra_ca_file`."
        }
        UpstreamErrorKind::Unavailable | UpstreamErrorKind::RateLimited => {
            "Try again later; https://status.customer.io tells of outages."
        }
        UpstreamErrorKind::Unexpected | UpstreamErrorKind::NotFound => {
            "Look at the base URL, and at what answers there."
        }
        _ => return Check::failed(check, &*error.message),
    };
    Check::failed(check, &*error.message).next(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(id: i64, name: &str) -> Workspace {
        Workspace {
            id: Some(id),
            name: name.to_owned(),
            people: Some(2),
            messages_sent: None,
            billable_messages_sent: None,
            object_types: None,
            objects: None,
        }
    }

    fn looked(environment_id: Option<i64>) -> RegionLookup {
        RegionLookup { region: Region::Eu, environment_id }
    }

    #[test]
    fn keys_are_said_to_belong_together_only_where_that_is_known() {
        let verdict = |environment_id, workspaces: Vec<Workspace>| {
            same_account(&Some(Ok(looked(environment_id))), &Some(Ok(workspaces)))
                .map(|check| serde_json::json!(check)["message"].to_string())
        };
        let one = || vec![workspace(1, "Shop")];
        let two = || vec![workspace(1, "Shop"), workspace(2, "Test")];
        assert!(verdict(Some(1), one()).unwrap().contains("belong together"));
        assert!(verdict(Some(2), two()).unwrap().contains("cannot be told"));
        assert!(verdict(Some(3), two()).unwrap().contains("different accounts"));
        assert_eq!(verdict(None, one()), None);
        assert_eq!(same_account(&None, &Some(Ok(one()))), None);
    }

    #[test]
    fn the_workspace_of_the_track_credentials_is_named() {
        let two = [workspace(1, "Shop"), workspace(2, "Test")];
        assert_eq!(accepted(&two[..1], &None), "key is accepted: Shop, 2 people");
        assert_eq!(
            accepted(&two, &Some(Ok(looked(Some(2))))),
            "key is accepted by an account of 2 workspaces; Track's is Test, 2 people"
        );
        assert_eq!(accepted(&two, &None), "key is accepted by an account of 2 workspaces");
    }
}
