//! The configuration file as it is written. Its schema is the documentation of its keys.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::{JsonSchema, generate::SchemaSettings, transform::RecursiveTransform};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    guard::{
        identity::strategy::IdentityStrategy,
        policy::{Approvals, Budgets, Pii, Policy, Recipients, TestProfiles, WorkspaceKind},
        privacy::Privacy,
    },
    toml_schema,
};

/// Configuration of customerio-mcp. Secrets are named by environment variable or file, never written into it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(title = "customerio-mcp.toml")]
#[serde(default, deny_unknown_fields)]
pub(super) struct File {
    /// Where what the server must remember is kept. Default: PostgreSQL if `CUSTOMERIO_MCP_STATE_URL` is set, else
    /// SQLite.
    pub(super) state: Option<StateBackend>,
    /// Directory of the embedded state and of exported documents, from this file's own directory if relative. `--data` and
    /// `CUSTOMERIO_MCP_DATA` win. Default: the user's data directory.
    pub(super) data: Option<PathBuf>,
    /// The workspace that is used when none is named. May be left out when there is only one.
    pub(super) default_workspace: Option<String>,
    /// The workspaces by name: 1 to 64 letters, digits, `-` or `_`. The name `sandbox` is that of the embedded sandbox
    /// (`serve --sandbox`), whose section takes guardrails only.
    pub(super) workspaces: BTreeMap<String, WorkspaceFile>,
    /// The record of what was done.
    pub(super) audit: AuditFile,
}

/// How long the record of what was done is kept.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct AuditFile {
    /// Days after which records are removed by the server, at least 30; what is left stays proven. Default: they stay
    /// until `audit prune`.
    pub(super) keep_days: Option<u32>,
}

/// A kind of state store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", try_from = "String")]
#[schemars(!try_from)]
pub(super) enum StateBackend {
    /// Embedded, in the data directory.
    Sqlite,
    /// A PostgreSQL server, its address in `CUSTOMERIO_MCP_STATE_URL`.
    Postgres,
}

impl TryFrom<String> for StateBackend {
    type Error = String;

    /// Whatever else is written there is not repeated: it may be an address with its password.
    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "sqlite" => Ok(Self::Sqlite),
            "postgres" => Ok(Self::Postgres),
            _ if text.contains("://") => {
                Err("write `postgres` here, for no password belongs into this file: its address \
                                              goes into CUSTOMERIO_MCP_STATE_URL, and a password it does not hold into \
                                              the file that PGPASSFILE names"
                    .to_owned())
            }
            _ => Err("expected `sqlite` or `postgres`".to_owned()),
        }
    }
}

/// Customer.io's regions, which have hosts of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Region {
    /// Customer.io is asked once.
    #[default]
    Auto,
    /// United States.
    Us,
    /// European Union.
    Eu,
}

impl Region {
    /// The region as it is written in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Us => "us",
            Self::Eu => "eu",
        }
    }
}

/// One Customer.io workspace: how to reach it, and what may be done in it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct WorkspaceFile {
    /// Whether real people are behind it. `sandbox` holds only for a loopback address that answers as our sandbox.
    /// Default: live.
    pub(super) kind: Option<WorkspaceKind>,
    /// Where the account lives.
    pub(super) region: Region,
    /// Track API: the site id.
    pub(super) site_id: Option<String>,
    /// Track API: the environment variable that holds the API key.
    pub(super) tracking_api_key_env: Option<String>,
    /// Track API: the file that holds the API key. Relative paths start from this file's directory.
    pub(super) tracking_api_key_file: Option<PathBuf>,
    /// App API: the environment variable that holds the key.
    pub(super) app_api_key_env: Option<String>,
    /// App API: the file that holds the key.
    pub(super) app_api_key_file: Option<PathBuf>,
    /// Pipelines: the environment variable that holds the write key.
    pub(super) cdp_write_key_env: Option<String>,
    /// Pipelines: the file that holds the write key.
    pub(super) cdp_write_key_file: Option<PathBuf>,
    /// Track API at another host, such as `http://127.0.0.1:8585`.
    pub(super) track_url: Option<String>,
    /// App API at another host.
    pub(super) app_url: Option<String>,
    /// Pipelines API at another host.
    pub(super) cdp_url: Option<String>,
    /// File of certificates (PEM) trusted besides the system's, for a proxy that intercepts TLS.
    pub(super) extra_ca_file: Option<PathBuf>,
    /// How people are identified. Without it an operator declares it with `identity declare`.
    pub(super) identity: Option<IdentityStrategy>,
    /// What may run, what needs a preview or a human, and what never runs.
    pub(super) policy: Policy,
    /// Who decides about calls that need a human.
    pub(super) approvals: Approvals,
    /// How much may be done per rolling hour and day.
    pub(super) budgets: Budgets,
    /// Limits on test profiles.
    pub(super) test_profiles: TestProfiles,
    /// Whom messages may go to without a human.
    pub(super) recipients: Recipients,
    /// Hosts that Customer.io may be told to call (webhooks, data files), `*.shop.example` for all below one. Empty:
    /// none.
    pub(super) egress_hosts: Vec<String>,
    /// Hosts that the words of a message may link to without a human, besides those. Empty: none.
    pub(super) link_hosts: Vec<String>,
    /// Directories below which the bulk tools may read files, from this file's own directory if relative. Links are
    /// followed before it is asked where a file lies. Empty: no file is read.
    pub(super) import_directories: Vec<PathBuf>,
    /// How much personal data answers show.
    pub(super) pii: Pii,
    /// Which attributes answers show.
    pub(super) privacy: Privacy,
}

/// The JSON schema of the configuration file.
pub fn schema() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings
        .with_transform(RecursiveTransform(toml_schema::without_null))
        .into_generator()
        .into_root_schema_for::<File>()
        .to_value()
}
