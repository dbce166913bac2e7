//! One workspace, with its credentials read and everything about it checked.

use std::{
    fs,
    path::{Path, PathBuf},
};

use email_address::EmailAddress;

use super::{
    EMBEDDED_SANDBOX,
    base_url::{checked_url, is_loopback},
    credential::{SecretText, checked_secret, is_placeholder},
    document::Document,
    environment::Environment,
    error::{Place, Problem},
    file::{Region, WorkspaceFile},
};
use crate::guard::{
    attachments::may_be_listed,
    egress::{is_host, is_private},
    identity::strategy::{IdentityStrategy, is_domain},
    policy::{Approvals, Budgets, Pii, Policy, Recipients, TestProfiles, WorkspaceKind},
    privacy::Privacy,
};

/// The two halves of the Track API's credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackKey {
    /// The site id.
    pub site_id: String,
    /// The API key that belongs to it.
    pub api_key: SecretText,
}

/// One workspace as configured.
#[derive(Debug, Clone)]
pub struct WorkspaceConfig {
    /// Its name.
    pub name: String,
    /// Whether real people are behind it, as configured; that a sandbox answers as one is checked on connecting.
    pub kind: WorkspaceKind,
    /// Where the account lives.
    pub region: Region,
    /// Credential of the Track API.
    pub track: Option<TrackKey>,
    /// Credential of the App API.
    pub app_api_key: Option<SecretText>,
    /// Credential of the Pipelines API.
    pub cdp_write_key: Option<SecretText>,
    /// Base URL of the Track API if it is not the vendor's, without a trailing slash.
    pub track_url: Option<String>,
    /// Base URL of the App API if it is not the vendor's, without a trailing slash.
    pub app_url: Option<String>,
    /// Base URL of the Pipelines API if it is not the vendor's, without a trailing slash.
    pub cdp_url: Option<String>,
    /// File of certificates trusted besides the system's.
    pub extra_ca_file: Option<PathBuf>,
    /// The identity strategy, if the file declares it.
    pub identity: Option<IdentityStrategy>,
    /// What may run.
    pub policy: Policy,
    /// Who approves what needs a human.
    pub approvals: Approvals,
    /// How much may be done.
    pub budgets: Budgets,
    /// Limits on test profiles.
    pub test_profiles: TestProfiles,
    /// Whom messages may go to without a human.
    pub recipients: Recipients,
    /// Hosts that Customer.io may be told to call.
    pub egress_hosts: Vec<String>,
    /// Hosts that the words of a message may link to besides those.
    pub link_hosts: Vec<String>,
    /// Directories below which the bulk tools may read files.
    pub import_directories: Vec<PathBuf>,
    /// How much personal data answers show.
    pub pii: Pii,
    /// Which attributes answers show.
    pub privacy: Privacy,
    /// Days that records of the audit are kept, if not for good.
    pub audit_keep_days: Option<u32>,
}

impl WorkspaceConfig {
    /// The APIs there is a credential for, by the vendor's names.
    pub fn apis(&self) -> Vec<&'static str> {
        [
            ("Track", self.track.is_some()),
            ("App", self.app_api_key.is_some()),
            ("Pipelines", self.cdp_write_key.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, there)| there.then_some(name))
        .collect()
    }
}

/// Where a workspace's settings were written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Origin<'a> {
    File(&'a Document),
    Variables,
}

impl Origin<'_> {
    pub(super) fn place(self, workspace: &str, key: &[&str]) -> Place {
        match self {
            Self::File(document) => document.place(&[&["workspaces", workspace], key].concat()),
            Self::Variables => Place::Variable(match key.first() {
                Some(key) => variable_of(key),
                None => "CUSTOMERIO_APP_API_KEY".to_owned(),
            }),
        }
    }

    /// What a setting is called where it is written.
    fn name_of(self, key: &str) -> String {
        match self {
            Self::File(_) => format!("`{key}`"),
            Self::Variables => variable_of(key),
        }
    }

    /// A path written in a file starts from the file's directory.
    fn resolve(self, path: &Path) -> PathBuf {
        match self {
            Self::File(document) => document.path().parent().unwrap_or(Path::new("")).join(path),
            Self::Variables => path.to_owned(),
        }
    }
}

fn variable_of(key: &str) -> String {
    format!("CUSTOMERIO_{}", key.trim_end_matches("_env").to_ascii_uppercase())
}

/// The workspace that the environment alone describes.
pub(super) fn from_variables(env: &Environment) -> Result<WorkspaceFile, Problem> {
    let named = |name: &str| Ok(env.text(name)?.map(|_| name.to_owned()));
    let value = |name: &str| Ok(env.text(name)?.map(str::to_owned));
    Ok(WorkspaceFile {
        region: region_from_variable(env)?,
        site_id: value("CUSTOMERIO_SITE_ID")?,
        tracking_api_key_env: named("CUSTOMERIO_TRACKING_API_KEY")?,
        app_api_key_env: named("CUSTOMERIO_APP_API_KEY")?,
        cdp_write_key_env: named("CUSTOMERIO_CDP_WRITE_KEY")?,
        track_url: value("CUSTOMERIO_TRACK_URL")?,
        app_url: value("CUSTOMERIO_APP_URL")?,
        cdp_url: value("CUSTOMERIO_CDP_URL")?,
        ..WorkspaceFile::default()
    })
}

fn region_from_variable(env: &Environment) -> Result<Region, Problem> {
    const NAME: &str = "CUSTOMERIO_REGION";
    let Some(text) = env.text(NAME)? else { return Ok(Region::Auto) };
    let regions = [Region::Auto, Region::Us, Region::Eu];
    regions
        .into_iter()
        .find(|region| region.as_str().eq_ignore_ascii_case(text))
        .ok_or_else(|| Problem::new(Place::variable(NAME), format!("holds `{text}`: valid are `auto`, `us` and `eu`")))
}

/// Checks one workspace, gathering whatever is wrong with it.
#[derive(Debug)]
pub(super) struct Resolver<'a> {
    env: &'a Environment,
    origin: Origin<'a>,
    name: &'a str,
    /// Whether secrets are read; commands that work on our own state alone do without.
    with_credentials: bool,
    problems: Vec<Problem>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(env: &'a Environment, origin: Origin<'a>, name: &'a str, with_credentials: bool) -> Self {
        Self { env, origin, name, with_credentials, problems: Vec::new() }
    }

    pub(super) fn resolve(mut self, file: WorkspaceFile) -> Result<WorkspaceConfig, Vec<Problem>> {
        self.check_name();
        let embedded = self.name == EMBEDDED_SANDBOX;
        let kind = file.kind.unwrap_or(if embedded { WorkspaceKind::Sandbox } else { WorkspaceKind::Live });
        let mut config = WorkspaceConfig {
            name: self.name.to_owned(),
            kind,
            region: file.region,
            track: self.track(&file),
            app_api_key: self.secret("app_api_key", file.app_api_key_env.as_ref(), file.app_api_key_file.as_ref()),
            cdp_write_key: self.secret(
                "cdp_write_key",
                file.cdp_write_key_env.as_ref(),
                file.cdp_write_key_file.as_ref(),
            ),
            track_url: self.base_url("track_url", file.track_url.as_ref()),
            app_url: self.base_url("app_url", file.app_url.as_ref()),
            cdp_url: self.base_url("cdp_url", file.cdp_url.as_ref()),
            extra_ca_file: file.extra_ca_file.map(|path| self.origin.resolve(&path)),
            identity: file.identity,
            policy: file.policy,
            approvals: file.approvals,
            budgets: file.budgets,
            test_profiles: file.test_profiles,
            recipients: file.recipients,
            egress_hosts: file.egress_hosts,
            link_hosts: file.link_hosts,
            import_directories: self.import_directories(&file.import_directories),
            pii: file.pii,
            privacy: file.privacy,
            audit_keep_days: None,
        };
        self.check_reach(&config, embedded);
        self.check_guardrails(&mut config);
        if self.problems.is_empty() { Ok(config) } else { Err(self.problems) }
    }

    fn refuse(&mut self, key: &[&str], message: impl Into<String>) {
        self.problems.push(Problem::new(self.origin.place(self.name, key), message));
    }

    fn check_name(&mut self) {
        let valid = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.name.is_empty() || self.name.len() > 64 || !self.name.chars().all(valid) {
            self.refuse(&[], "is no name for a workspace: use 1 to 64 letters, digits, `-` or `_`");
        }
    }

    fn track(&mut self, file: &WorkspaceFile) -> Option<TrackKey> {
        let (env, path) = (file.tracking_api_key_env.as_ref(), file.tracking_api_key_file.as_ref());
        match (&file.site_id, env.is_some() || path.is_some()) {
            (None, false) => None,
            (Some(_), false) => {
                let other = self.origin.name_of("tracking_api_key_env");
                self.refuse(
                    &["site_id"],
                    format!("is set without the tracking API key that belongs to it: set {other}"),
                );
                None
            }
            (None, true) => {
                let key = if env.is_some() { "tracking_api_key_env" } else { "tracking_api_key_file" };
                let other = self.origin.name_of("site_id");
                self.refuse(&[key], format!("is set without the site id that the key belongs to: set {other}"));
                None
            }
            (Some(site_id), true) => {
                if is_placeholder(site_id) {
                    self.refuse(&["site_id"], "holds a placeholder that was never filled in");
                }
                let api_key = self.secret("tracking_api_key", env, path)?;
                Some(TrackKey { site_id: site_id.clone(), api_key })
            }
        }
    }

    fn secret(&mut self, name: &str, variable: Option<&String>, path: Option<&PathBuf>) -> Option<SecretText> {
        let (by_variable, by_file) = (format!("{name}_env"), format!("{name}_file"));
        let (key, read) = match (variable, path) {
            (None, None) => return None,
            (Some(_), Some(_)) => (by_file, Err(format!("is set beside `{by_variable}`: keep one of them"))),
            (Some(variable), None) => (by_variable, self.secret_from_variable(variable)),
            (None, Some(path)) => (by_file, self.secret_from_file(path)),
        };
        match read {
            Ok(secret) => secret,
            Err(message) => {
                self.refuse(&[&key], message);
                None
            }
        }
    }

    fn secret_from_variable(&self, variable: &str) -> Result<Option<SecretText>, String> {
        let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        if variable.is_empty() || !variable.chars().all(is_name) {
            return Err("is not the name of an environment variable (capitals, digits and `_`). The value is not \
                        shown, in case it is the secret itself"
                .to_owned());
        }
        if !self.with_credentials {
            return Ok(None);
        }
        match self.env.text(variable) {
            Ok(Some(text)) => checked_secret(text).map(Some),
            Ok(None) => Err(format!("names the environment variable {variable}, which is not set")),
            Err(problem) => Err(problem.to_string()),
        }
    }

    fn secret_from_file(&self, path: &Path) -> Result<Option<SecretText>, String> {
        if !self.with_credentials {
            return Ok(None);
        }
        let path = self.origin.resolve(path);
        let text = fs::read_to_string(&path)
            .map_err(|error| format!("names the file {}, which cannot be read: {error}", path.display()))?;
        checked_secret(text.trim()).map(Some)
    }

    fn base_url(&mut self, key: &str, text: Option<&String>) -> Option<String> {
        match checked_url(text?) {
            Ok(url) => Some(url),
            Err(message) => {
                self.refuse(&[key], message);
                None
            }
        }
    }

    fn import_directories(&mut self, written: &[PathBuf]) -> Vec<PathBuf> {
        let directories: Vec<_> = written.iter().map(|path| self.origin.resolve(path)).collect();
        for directory in directories.iter().filter(|directory| !directory.is_dir()) {
            self.refuse(&["import_directories"], format!("holds {}, which is no directory", directory.display()));
        }
        directories
    }

    fn check_reach(&mut self, config: &WorkspaceConfig, embedded: bool) {
        let urls = [
            ("track_url", &config.track_url, config.track.is_some()),
            ("app_url", &config.app_url, config.app_api_key.is_some()),
            ("cdp_url", &config.cdp_url, config.cdp_write_key.is_some()),
        ];
        if embedded {
            self.check_embedded(config);
            return;
        }
        for (key, url, used) in urls {
            match (config.kind, url) {
                (WorkspaceKind::Sandbox, Some(url)) if !is_loopback(url) => {
                    self.refuse(&[key], "is not on this machine: only a loopback address can be a sandbox");
                }
                (WorkspaceKind::Sandbox, None) if used => {
                    self.refuse(&[key], "is missing: a sandbox needs the loopback URL of each API it is used through");
                }
                _ => {}
            }
        }
        if self.with_credentials && self.problems.is_empty() && config.apis().is_empty() {
            self.refuse(
                &[],
                "has no credential: name one with `app_api_key_env`, or `site_id` and `tracking_api_key_env`",
            );
        }
    }

    fn check_embedded(&mut self, config: &WorkspaceConfig) {
        let reaches_out = !config.apis().is_empty()
            || [&config.track_url, &config.app_url, &config.cdp_url].into_iter().any(Option::is_some);
        if reaches_out || config.kind == WorkspaceKind::Live {
            self.refuse(
                &[],
                "is the section of the embedded sandbox, which has neither credentials nor URLs: give a workspace \
                 that is reached over the network another name",
            );
        }
    }

    fn check_guardrails(&mut self, config: &mut WorkspaceConfig) {
        if let Some(identity) = &config.identity {
            for (key, message) in identity.faults() {
                self.refuse(&["identity", key], message);
            }
        }
        let recipients = &config.recipients;
        let lists = [
            ("live", &recipients.live),
            ("test", &recipients.test),
            ("bcc", &recipients.bcc),
            ("from", &recipients.from),
        ];
        for (key, list) in lists {
            if let Some(entry) = list.iter().find(|entry| !is_domain(entry) && !EmailAddress::is_valid(entry)) {
                self.refuse(
                    &["recipients", key],
                    format!("holds `{entry}`: write addresses as `ada@shop.example` and domains as `@shop.example`"),
                );
            }
        }
        let sha256 = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let named = |name: &str| !name.is_empty() && name.len() <= 40 && !name.contains(char::is_control);
        if let Some((name, _)) = config.approvals.operator_keys.iter().find(|(name, key)| !named(name) || !sha256(key))
        {
            self.refuse(
                &["approvals", "operator_keys", name],
                "must be 64 hexadecimal digits, under a name of at most 40 characters: `customerio-mcp approvals new-key` \
                 makes a key and prints the line",
            );
        }
        if let Some(entry) = recipients.attachment_types.iter().find(|entry| !may_be_listed(entry)) {
            self.refuse(
                &["recipients", "attachment_types"],
                format!("holds `{entry}`: write endings such as `pdf`, and none of what runs when it is opened"),
            );
        }
        let private = |entry: &&String| is_private(entry.trim_start_matches("*."));
        if config.kind == WorkspaceKind::Live
            && let Some(entry) = config.egress_hosts.iter().find(private)
        {
            self.refuse(
                &["egress_hosts"],
                format!("holds `{entry}`, which is of a private network: Customer.io reaches none"),
            );
        }
        for (key, hosts) in [("egress_hosts", &config.egress_hosts), ("link_hosts", &config.link_hosts)] {
            let Some(entry) = hosts.iter().find(|entry| !is_host(entry)) else { continue };
            self.refuse(
                &[key],
                format!("holds `{entry}`: write hosts as `hooks.shop.example`, and all below one as `*.shop.example`"),
            );
        }
        for (list, message) in config.privacy.faults() {
            self.refuse(&["privacy", list], message);
        }
        let budgets = config.budgets;
        for ((key, all), (_, each)) in budgets.named().into_iter().zip(budgets.of_each_caller().named()) {
            if each > all {
                let message =
                    format!("is {each}, more than the {all} that all callers share: raise `budgets.{key}` too");
                self.refuse(&["budgets", "caller", key], message);
            }
        }
        if config.test_profiles.expires_after_hours == 0 {
            self.refuse(&["test_profiles", "expires_after_hours"], "is 0: a test profile lives at least one hour");
        }
    }
}
