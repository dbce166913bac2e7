//! Which tools a process offers: what the operator chose, less what the credentials cannot carry.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use rmcp::model;

use super::{
    operations,
    served::Policies,
    tool::{Callable, has_credentials},
};
use crate::{
    api::Api,
    catalog::{Operations, SearchIndex, Spec, Toolset},
};

/// What the operator chose to offer.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// Toolsets to list; empty means `core`.
    pub toolsets: Vec<String>,
    /// Tools to list besides.
    pub tools: Vec<String>,
    /// Tools never to offer.
    pub exclude_tools: Vec<String>,
    /// Only tools that change nothing.
    pub read_only: bool,
}

/// The tools a process offers.
#[derive(Default)]
pub struct Offer {
    /// Listed, in a fixed order.
    listed: Vec<Arc<dyn Callable>>,
    crafted: Vec<Arc<dyn Callable>>,
    /// What of the declared operations is offered.
    scope: Scope,
    /// All that is offered, made when it is first asked for: most conversations need nothing but what is listed.
    all: OnceLock<All>,
    index: OnceLock<SearchIndex>,
}

impl std::fmt::Debug for Offer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Offer").field("listed", &self.listed.len()).finish_non_exhaustive()
    }
}

/// What decides whether a tool is offered, kept for those that are made later.
#[derive(Debug, Clone, Default)]
struct Scope {
    policies: Policies,
    exclude_tools: Vec<String>,
    read_only: bool,
    /// The ways to the workspaces served: what one of them has the credentials for is offered.
    apis: Vec<Api>,
}

struct All {
    tools: Vec<Arc<dyn Callable>>,
    by_name: HashMap<&'static str, usize>,
}

impl Offer {
    /// Makes the offer, or names what was chosen and does not exist. The crafted tools are `tools`.
    pub fn new(
        tools: Vec<Arc<dyn Callable>>,
        policies: impl Into<Policies>,
        choice: &Choice,
        apis: &[Api],
    ) -> Result<Self, String> {
        choice.check(&tools)?;
        let scope = Scope {
            policies: policies.into(),
            exclude_tools: choice.exclude_tools.clone(),
            read_only: choice.read_only,
            apis: apis.to_vec(),
        };
        let crafted: Vec<_> = tools.into_iter().filter(|tool| scope.holds(tool.spec())).collect();
        let mut offer = Self { listed: Vec::new(), crafted, scope, all: OnceLock::new(), index: OnceLock::new() };
        let of_all = if choice.may_list_declared(&offer.crafted) { &offer.all().tools } else { &offer.crafted };
        offer.listed = of_all.iter().filter(|tool| choice.lists(tool.spec())).cloned().collect();
        Ok(offer)
    }

    /// How the listed tools are listed.
    pub fn definitions(&self) -> Vec<model::Tool> {
        self.listed.iter().map(|tool| tool.definition().clone()).collect()
    }

    /// A tool by its name, listed or not.
    pub fn tool(&self, name: &str) -> Option<&Arc<dyn Callable>> {
        // The crafted first: they are few, and a call of one does not make the others.
        self.crafted.iter().find(|tool| tool.spec().name == name).or_else(|| {
            let all = self.all();
            all.tools.get(*all.by_name.get(name)?)
        })
    }

    /// The names of the listed tools.
    pub fn names(&self) -> Vec<&'static str> {
        self.listed.iter().map(|tool| tool.spec().name).collect()
    }

    /// The names of the workspaces served where there are several, the default first; else none.
    pub fn workspaces(&self) -> &[String] {
        self.scope.policies.names()
    }

    /// Whether a client sees a tool in its list.
    pub fn is_listed(&self, name: &str) -> bool {
        self.listed.iter().any(|tool| tool.spec().name == name)
    }

    /// The tools that answer a question in anybody's words, the best first.
    pub fn find(&self, question: &str) -> Vec<&Arc<dyn Callable>> {
        let all = self.all();
        let entries = || all.tools.iter().map(|tool| operations::entry(tool.as_ref()));
        let index = self.index.get_or_init(|| SearchIndex::new(entries()));
        index.find(question).into_iter().filter_map(|at| all.tools.get(at)).collect()
    }

    fn all(&self) -> &All {
        self.all.get_or_init(|| {
            let declared = operations::under(&self.scope.policies);
            let declared = declared.into_iter().filter(|tool| self.scope.holds(tool.spec()));
            let tools: Vec<_> = self.crafted.iter().cloned().chain(declared).collect();
            let by_name = tools.iter().enumerate().map(|(at, tool)| (tool.spec().name, at)).collect();
            All { tools, by_name }
        })
    }
}

impl Scope {
    fn holds(&self, spec: &Spec) -> bool {
        let excluded = self.exclude_tools.iter().any(|name| name == spec.name);
        let denied = self.read_only && spec.effect.mutates();
        !excluded && !denied && (self.apis.is_empty() || self.apis.iter().any(|api| has_credentials(spec, api)))
    }
}

impl Choice {
    /// The tools that are listed, whatever the credentials, or what was chosen and does not exist.
    pub fn select(&self, tools: Vec<Arc<dyn Callable>>) -> Result<Vec<Arc<dyn Callable>>, String> {
        self.check(&tools)?;
        Ok(tools.into_iter().filter(|tool| self.lists(tool.spec())).collect())
    }

    /// `--tools` adds to the toolsets chosen, or to `core`.
    fn lists(&self, spec: &Spec) -> bool {
        let core = self.toolsets.is_empty();
        let by_toolset = self.toolsets.iter().any(|toolset| match toolset.as_str() {
            "all" => true,
            "core" => spec.core,
            name => name == spec.toolset.as_str(),
        });
        by_toolset || self.tools.iter().any(|name| name == spec.name) || (core && spec.core)
    }

    /// Whether a declared operation may be listed: `core` holds none.
    fn may_list_declared(&self, crafted: &[Arc<dyn Callable>]) -> bool {
        let is_crafted = |name: &String| crafted.iter().any(|tool| tool.spec().name == name);
        self.toolsets.iter().any(|toolset| toolset != "core") || !self.tools.iter().all(is_crafted)
    }

    fn check(&self, crafted: &[Arc<dyn Callable>]) -> Result<(), String> {
        let toolsets: Vec<&str> = ["core", "all"].into_iter().chain(Toolset::ALL.map(Toolset::as_str)).collect();
        if let Some(unknown) = self.toolsets.iter().find(|name| !toolsets.contains(&name.as_str())) {
            return Err(format!("--toolsets: there is no toolset `{unknown}`; there are {}", toolsets.join(", ")));
        }
        let names: Vec<&str> = crafted.iter().map(|tool| tool.spec().name).collect();
        for (flag, chosen) in [("--tools", &self.tools), ("--exclude-tools", &self.exclude_tools)] {
            if let Some(unknown) = chosen.iter().find(|name| !names.contains(&name.as_str()) && !is_declared(name)) {
                return Err(format!(
                    "{flag}: there is no tool `{unknown}`; there are {}, and the operations that `tools list` shows",
                    names.join(", ")
                ));
            }
        }
        Ok(())
    }
}

fn is_declared(name: &str) -> bool {
    Operations::declared().is_ok_and(|operations| operations.get(name).is_some())
}
