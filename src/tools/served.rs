//! The workspaces that a process serves. Each has guards, credentials and budgets of its own, and a call acts on one.
//!
//! With one, nobody is told of it. With several every tool takes `workspace`, and what guards, ledger and audit know of a
//! call is the same whether the default was written out or left out: the argument is taken off before they see the rest.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::workspace::OpenWorkspace;
use crate::{
    api::Api,
    catalog::{Effect, WORKSPACE},
    error::{ErrorCode, ToolError},
    guard::policy::Policy,
};

/// How the address of every resource begins.
pub const SCHEME: &str = "customerio://";

/// How the addresses of what a workspace holds begin: in the default, and where there is but one, without its name.
pub fn address_of(workspace: &str, workspaces: &[String]) -> String {
    match workspaces {
        [default, ..] if default != workspace => format!("{SCHEME}{workspace}/"),
        _ => SCHEME.to_owned(),
    }
}

/// The workspaces that a process serves; never none.
#[derive(Debug, Clone)]
pub struct Served {
    default: Arc<OpenWorkspace>,
    others: Vec<Arc<OpenWorkspace>>,
}

impl From<Arc<OpenWorkspace>> for Served {
    fn from(only: Arc<OpenWorkspace>) -> Self {
        Self { default: only, others: Vec::new() }
    }
}

impl Served {
    /// Several workspaces, of which the first is used where a call names none.
    pub fn new(default: Arc<OpenWorkspace>, others: Vec<Arc<OpenWorkspace>>) -> Self {
        Self { default, others }
    }

    /// The one that is used where a call names none.
    pub fn default(&self) -> &Arc<OpenWorkspace> {
        &self.default
    }

    /// All of them, the default first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<OpenWorkspace>> {
        std::iter::once(&self.default).chain(&self.others)
    }

    /// Their names, the default's first.
    pub fn names(&self) -> Vec<&str> {
        self.iter().map(|workspace| workspace.guards.workspace.name.as_str()).collect()
    }

    /// Whether a call has a choice.
    pub fn are_several(&self) -> bool {
        !self.others.is_empty()
    }

    /// One by its name.
    pub fn named(&self, name: &str) -> Option<&Arc<OpenWorkspace>> {
        self.iter().find(|workspace| workspace.guards.workspace.name == name)
    }

    /// What they allow, for the tools that are offered on them.
    pub fn policies(&self) -> Policies {
        let named =
            |workspace: &Arc<OpenWorkspace>| (workspace.guards.workspace.name.clone(), workspace.guards.policy.clone());
        Policies::of(self.iter().map(named))
    }

    /// The ways to them.
    pub fn apis(&self) -> Vec<Api> {
        self.iter().map(|workspace| workspace.api.clone()).collect()
    }

    /// Takes the workspace off the arguments of a call. On a refusal the call is one of the default's.
    pub(super) fn choose(&self, arguments: &mut Map<String, Value>) -> Result<&OpenWorkspace, ToolError> {
        let given = if self.are_several() { arguments.remove(WORKSPACE) } else { None };
        match given {
            None => Ok(&self.default),
            Some(given) => given.as_str().and_then(|name| self.named(name)).map(Arc::as_ref).ok_or_else(|| {
                let names: Vec<_> = self.names().iter().map(|name| format!("`{name}`")).collect();
                ToolError::invalid(
                    WORKSPACE,
                    format!("`{WORKSPACE}` is none of those served here: {}. Nothing ran.", names.join(", ")),
                )
                .next(format!("Name one of them, or leave it out for `{}`.", self.default.guards.workspace.name))
            }),
        }
    }
}

/// The workspace of one call.
pub(super) struct Place<'a> {
    pub(super) workspace: &'a OpenWorkspace,
    /// Whether there are others, and the answer says which it was.
    pub(super) is_one_of_several: bool,
}

impl Place<'_> {
    fn name(&self) -> &str {
        &self.workspace.guards.workspace.name
    }

    /// Takes the workspace off the arguments of what a call runs by its name: it is the call's own, or none.
    pub(super) fn settle_inner(&self, arguments: &mut Map<String, Value>) -> Result<(), ToolError> {
        let inner = if self.is_one_of_several { arguments.remove(WORKSPACE) } else { None };
        match inner {
            Some(inner) if inner != self.name() => Err(ToolError::invalid(
                "arguments.workspace",
                format!("The call acts on `{}`, and its `arguments` name another workspace. Nothing ran.", self.name()),
            )
            .next("Give `workspace` beside `operation`, and leave it out of `arguments`.")),
            _ => Ok(()),
        }
    }

    /// The answer, which says where it is from.
    pub(super) fn say(&self, mut answer: Value) -> Value {
        if let (true, Value::Object(map)) = (self.is_one_of_several, &mut answer) {
            map.entry(WORKSPACE).or_insert_with(|| json!(self.name()));
        }
        answer
    }

    /// The refusal, which says where it is from.
    pub(super) fn say_of(&self, mut error: ToolError) -> ToolError {
        if self.is_one_of_several {
            error.details = Some(self.say(error.details.unwrap_or_else(|| json!({}))));
        }
        error
    }
}

/// What the operators of the workspaces served allow: what the arguments of tools follow from.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    policies: Vec<Policy>,
    /// The names of the workspaces, where there are several.
    names: Vec<String>,
}

impl From<&Policy> for Policies {
    fn from(only: &Policy) -> Self {
        Self { policies: vec![only.clone()], names: Vec::new() }
    }
}

impl From<&Policies> for Policies {
    fn from(same: &Policies) -> Self {
        same.clone()
    }
}

impl Policies {
    /// Those of workspaces with their names, the default first.
    pub fn of(workspaces: impl IntoIterator<Item = (String, Policy)>) -> Self {
        let (mut names, policies): (Vec<_>, Vec<_>) = workspaces.into_iter().unzip();
        if names.len() < 2 {
            names.clear();
        }
        Self { policies, names }
    }

    /// Whether any of the operators asks for a plan before calls of this tool.
    pub fn ask_preview(&self, tool: &str, effect: Effect) -> bool {
        self.policies.iter().any(|policy| policy.asks_preview(tool, effect))
    }

    /// The names of the workspaces where there are several, the default first; else none.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

/// The answer to a call that works on a sandbox alone.
pub(super) fn no_sandbox(tool: &str) -> ToolError {
    ToolError::new(
        ErrorCode::Denied,
        format!("{tool} works in a sandbox alone, and this workspace is none. Nothing ran."),
    )
    .next("get_guardrails shows the kind of each workspace.")
}
