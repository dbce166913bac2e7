//! Which tools a process offers: what the operator chose, less what the credentials cannot carry.

use std::{collections::HashMap, sync::Arc};

use rmcp::model;

use crate::{
    api::Api,
    catalog::{Spec, Toolset},
    tools::tool::{Callable, has_credentials},
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
pub struct Offer {
    /// Listed, in a fixed order.
    listed: Vec<Arc<dyn Callable>>,
    /// Callable by name, listed or not.
    callable: HashMap<&'static str, Arc<dyn Callable>>,
}

impl Offer {
    /// Makes the offer, or names what was chosen and does not exist.
    pub fn new(tools: Vec<Arc<dyn Callable>>, choice: &Choice, api: &Api) -> Result<Self, String> {
        choice.check(&tools)?;
        let usable = |tool: &Arc<dyn Callable>| {
            let spec = tool.spec();
            let excluded = choice.exclude_tools.iter().any(|name| name == spec.name);
            let denied = choice.read_only && spec.effect.mutates();
            !excluded && !denied && has_credentials(spec, api)
        };
        let usable: Vec<_> = tools.into_iter().filter(usable).collect();
        let listed = usable.iter().filter(|tool| choice.lists(tool.spec())).cloned().collect();
        let callable = usable.into_iter().map(|tool| (tool.spec().name, tool)).collect();
        Ok(Self { listed, callable })
    }

    /// How the listed tools are listed.
    pub fn definitions(&self) -> Vec<model::Tool> {
        self.listed.iter().map(|tool| tool.definition().clone()).collect()
    }

    /// A tool by its name.
    pub fn tool(&self, name: &str) -> Option<&Arc<dyn Callable>> {
        self.callable.get(name)
    }

    /// The names of the listed tools.
    pub fn names(&self) -> Vec<&'static str> {
        self.listed.iter().map(|tool| tool.spec().name).collect()
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

    fn check(&self, tools: &[Arc<dyn Callable>]) -> Result<(), String> {
        let toolsets: Vec<&str> = ["core", "all"].into_iter().chain(Toolset::ALL.map(Toolset::as_str)).collect();
        if let Some(unknown) = self.toolsets.iter().find(|name| !toolsets.contains(&name.as_str())) {
            return Err(format!("--toolsets: there is no toolset `{unknown}`; there are {}", toolsets.join(", ")));
        }
        let names: Vec<&str> = tools.iter().map(|tool| tool.spec().name).collect();
        for (flag, chosen) in [("--tools", &self.tools), ("--exclude-tools", &self.exclude_tools)] {
            if let Some(unknown) = chosen.iter().find(|name| !names.contains(&name.as_str())) {
                return Err(format!("{flag}: there is no tool `{unknown}`; there are {}", names.join(", ")));
            }
        }
        Ok(())
    }
}
