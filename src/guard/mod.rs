//! May this call happen? Knows nothing of HTTP or MCP.
//!
//! [`Guards::admit`] is the only door, and [`Guards::settle`] the only way out. Between them a call has its people
//! resolved, its plan spent, its places and budgets reserved and its decision on the audit chain, in one transaction.

pub mod admit;
pub mod approval;
pub mod attachments;
mod audience;
pub mod breaker;
pub mod bulk;
pub mod command;
pub mod consent;
pub mod declare;
pub mod directory;
pub mod egress;
pub mod erasure;
mod expiry;
pub mod fate;
pub mod filter;
pub mod headers;
pub mod identity;
pub mod intent;
pub mod ledger;
mod links;
mod merge;
pub mod outage;
mod plan;
pub mod policy;
pub mod privacy;
mod recipients;
pub mod secret;
pub mod settle;
pub mod shown;
pub mod test_profiles;
pub mod values;

pub(crate) use plan::show_time;

use std::{path::PathBuf, sync::Arc};

use tokio::sync::Mutex;

use self::{
    approval::PendingApproval,
    breaker::Breaker,
    bulk::Attendant,
    directory::{Directory, KnownPerson},
    intent::Intent,
    ledger::Replay,
    outage::Outage,
    policy::{Approvals, Budgets, Policy, Recipients, TestProfiles, WorkspaceKind},
    secret::Keys,
};
use crate::{
    catalog::{Effect, Flag, Retry},
    clock::SharedClock,
    error::ToolError,
    state::{Digest, Store},
};

/// Which workspace the guards stand before.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// Its name in our configuration.
    pub name: String,
    /// Whether real people are behind it.
    pub kind: WorkspaceKind,
    /// Where it is: `us`, `eu`, `sandbox`, or `auto` until it is known.
    pub region: String,
}

/// The guards of one workspace.
#[derive(Debug)]
pub struct Guards {
    /// The workspace.
    pub workspace: Workspace,
    /// What the operator allows.
    pub policy: Policy,
    /// Who approves what needs a human.
    pub approvals: Approvals,
    /// How much of it.
    pub budgets: Budgets,
    /// Limits on test profiles.
    pub test_profiles: TestProfiles,
    /// Whom messages may go to.
    pub recipients: Recipients,
    /// Hosts that Customer.io may be told to call.
    pub egress_hosts: Vec<String>,
    /// Hosts that the words of a message may link to besides those.
    pub link_hosts: Vec<String>,
    /// Directories below which the bulk tools may read files.
    pub import_directories: Vec<PathBuf>,
    /// Nothing that changes anything runs.
    pub read_only: bool,
    /// How long records of the audit are kept, in milliseconds, if not for good.
    pub audit_kept_for_ms: Option<i64>,
    /// Shared state.
    pub store: Arc<dyn Store>,
    /// Keys of this workspace.
    pub keys: Keys,
    /// Time and randomness.
    pub clock: SharedClock,
    /// Names this run of the server in the tags of test profiles.
    pub run_id: String,
    /// Tagged people whom the ledger did not know when they were last looked for, in Unix milliseconds.
    pub(crate) strangers: Mutex<Option<(i64, Vec<KnownPerson>)>>,
    /// When old records of the audit were removed last, or it was tried, in Unix milliseconds.
    pub(crate) audit_pruned: Mutex<Option<i64>>,
    /// What has failed of late, again and again.
    pub(crate) breaker: Breaker,
    /// The expired test profiles whose removal was tried last, with when that was in Unix milliseconds.
    pub(crate) expired_tried: Mutex<Option<(i64, Digest)>>,
    /// What goes on without the store.
    pub(crate) outage: Outage,
}

/// On whose behalf a call is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Origin {
    /// A client asked for it.
    #[default]
    Client,
    /// The server cleans up after what was made here, as it was announced when it was made.
    Sweeper,
}

/// Who acts when the server cleans up by itself.
pub const SWEEPER: &str = "sweeper";

/// A call, as the guards see it.
pub struct Call<'a> {
    /// Unique id of this call.
    pub call_id: String,
    /// Who calls.
    pub principal: &'a str,
    /// On whose behalf.
    pub origin: Origin,
    /// The tool's name.
    pub tool: &'a str,
    /// The tool's effect.
    pub effect: Effect,
    /// When a request of unknown fate may be repeated.
    pub retry: Retry,
    /// What else the tool does.
    pub flags: &'a [Flag],
    /// The arguments without token and key, as JSON with sorted keys.
    pub canonical_arguments: &'a str,
    /// The plan token given.
    pub plan_token: Option<&'a str>,
    /// The idempotency key given.
    pub idempotency_key: Option<&'a str>,
    /// The same call made before and looked for in vain: this one is another attempt at it.
    pub follows: Option<String>,
    /// What the call would touch.
    pub intent: Intent,
    /// Look-ups in the workspace.
    pub directory: &'a dyn Directory,
    /// Who waits for the call.
    pub attendant: &'a dyn Attendant,
    /// How long the call may take from now, in milliseconds.
    pub time_left_ms: i64,
}

/// Why a call does not run.
#[derive(Debug)]
pub enum Halt {
    /// It is refused, or answered with a plan.
    Refused(ToolError),
    /// It waits for a human.
    Waits(Box<PendingApproval>),
    /// It is the repeat of an earlier call.
    Repeat(Replay),
}

impl From<ToolError> for Halt {
    fn from(error: ToolError) -> Self {
        Self::Refused(error)
    }
}
