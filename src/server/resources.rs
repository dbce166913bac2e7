//! Resources: what a person wants to look at, by its address. Each is the answer of a tool that reads, asked for by the
//! same route, so that guards, masking and audit hold here as they do there.

use std::sync::Arc;

use percent_encoding::percent_decode_str;
use rmcp::{
    ErrorData,
    model::{CallToolResult, Resource, ResourceContents, ResourceTemplate},
};
use serde_json::{Map, Value, json};

use crate::{
    catalog::WORKSPACE,
    tools::{
        offer::Offer,
        privacy::read_export,
        served::{SCHEME, address_of},
        tool::Callable,
    },
};

const JSON: &str = "application/json";

/// Things of a kind, addressed by their id.
pub(super) struct Kind {
    /// The first step of the address.
    collection: &'static str,
    title: &'static str,
    description: &'static str,
    /// The variable of the template, and the argument of the tool.
    pub(super) variable: &'static str,
    tool: &'static str,
    /// Asks for all of it.
    full: bool,
}

pub(super) const KINDS: &[Kind] = &[
    Kind {
        collection: "deliveries",
        title: "A delivery",
        description: "One message to one person: what became of it, and the message as it was rendered",
        variable: "delivery_id",
        tool: "get_delivery",
        full: true,
    },
    Kind {
        collection: "segments",
        title: "A segment",
        description: "One segment: how many people are in it, and what uses it",
        variable: "segment_id",
        tool: "get_segment",
        full: false,
    },
    Kind {
        collection: "campaigns",
        title: "A campaign",
        description: "One campaign: its state, trigger and actions",
        variable: "campaign_id",
        tool: "get_campaign",
        full: false,
    },
    Kind {
        collection: "templates",
        title: "A template",
        description: "One transactional message: its settings",
        variable: "template_id",
        tool: "get_template",
        full: false,
    },
    Kind {
        collection: "exports",
        title: "An export",
        description: "Everything known of one customer, as export_customer_data has collected it",
        variable: "export_id",
        tool: read_export::NAME,
        full: false,
    },
];

/// Resources that have no id.
const SINGLE: &[(&str, &str, &str, &str)] = &[(
    "guardrails",
    "Guardrails and identity strategy",
    "What is allowed in this workspace, how people are identified, and what is left of each budget",
    "get_guardrails",
)];

/// What is listed: what there always is, in each of several workspaces.
pub(super) fn list(workspaces: &[String]) -> Vec<Resource> {
    let resource = |workspace: Option<&String>, (name, title, description, _): &(&str, &str, &str, &str)| {
        let (prefix, of) = match workspace {
            None => (SCHEME.to_owned(), String::new()),
            Some(workspace) => (address_of(workspace, workspaces), format!(" of {workspace}")),
        };
        Resource::new(format!("{prefix}{name}"), format!("{name}{of}"))
            .with_title(format!("{title}{of}"))
            .with_description(*description)
            .with_mime_type(JSON)
    };
    let places: Vec<Option<&String>> =
        if workspaces.is_empty() { vec![None] } else { workspaces.iter().map(Some).collect() };
    places.into_iter().flat_map(|workspace| SINGLE.iter().map(move |single| resource(workspace, single))).collect()
}

/// The addresses of what goes by its id.
pub(super) fn templates(workspaces: &[String]) -> Vec<ResourceTemplate> {
    let template = |prefix: &str, of: &str, kind: &Kind| {
        let address = format!("{prefix}{}/{{{}}}", kind.collection, kind.variable);
        ResourceTemplate::new(address, format!("{}{of}", kind.collection))
            .with_title(kind.title)
            .with_description(kind.description)
            .with_mime_type(JSON)
    };
    let here = KINDS.iter().map(|kind| template(SCHEME, "", kind));
    let anywhere = format!("{SCHEME}{{{WORKSPACE}}}/");
    let elsewhere = KINDS.iter().filter(|_| !workspaces.is_empty());
    here.chain(elsewhere.map(|kind| template(&anywhere, " of a workspace", kind))).collect()
}

/// The tool that reads a resource, with its arguments.
pub(super) struct Reader {
    pub(super) tool: Arc<dyn Callable>,
    pub(super) arguments: Map<String, Value>,
}

/// What reads a resource.
pub(super) fn reader(uri: &str, offer: &Offer) -> Result<Reader, ErrorData> {
    let unknown = || {
        let workspaces = offer.workspaces();
        let known: Vec<String> = list(workspaces).into_iter().map(|resource| resource.uri).collect();
        let templates: Vec<String> = templates(workspaces).into_iter().map(|template| template.uri_template).collect();
        let message = format!("There is no such resource. There are {}.", [known, templates].concat().join(", "));
        ErrorData::resource_not_found(message, None)
    };
    let path = uri.strip_prefix(SCHEME).ok_or_else(unknown)?;
    let (workspace, path) = in_workspace(path, offer.workspaces());
    let (tool, mut arguments) = match path.split_once('/') {
        None => {
            let (.., tool) = SINGLE.iter().find(|(name, ..)| *name == path).ok_or_else(unknown)?;
            (*tool, Map::new())
        }
        Some((collection, id)) => {
            let kind = KINDS.iter().find(|kind| kind.collection == collection).ok_or_else(unknown)?;
            let id = percent_decode_str(id).decode_utf8().map_err(|_| unknown())?;
            (kind.tool, kind.arguments(&id).ok_or_else(unknown)?)
        }
    };
    if let Some(workspace) = workspace {
        arguments.insert(WORKSPACE.to_owned(), json!(workspace));
    }
    // An export is read by its address alone.
    let tool = if tool == read_export::NAME { Some(read_export::tool()) } else { offer.tool(tool).cloned() };
    let withheld = || ErrorData::resource_not_found("This resource is not offered here.", None);
    Ok(Reader { tool: tool.ok_or_else(withheld)?, arguments })
}

/// The workspace that a path begins with, and what follows. A workspace of the name of a collection is reached by tools
/// alone: the collection is the default's.
fn in_workspace<'a>(path: &'a str, workspaces: &[String]) -> (Option<&'a str>, &'a str) {
    match path.split_once('/') {
        Some((first, rest))
            if workspaces.iter().any(|name| name == first) && KINDS.iter().all(|kind| kind.collection != first) =>
        {
            (Some(first), rest)
        }
        _ => (None, path),
    }
}

impl Kind {
    fn arguments(&self, id: &str) -> Option<Map<String, Value>> {
        let is_number = self.variable != "delivery_id" && self.variable != "export_id";
        let id = if is_number { json!(id.parse::<u64>().ok()?) } else { json!(id) };
        let mut arguments = Map::from_iter([(self.variable.to_owned(), id)]);
        if self.full {
            arguments.insert("detail".to_owned(), json!("full"));
        }
        Some(arguments)
    }
}

/// The answer of a tool as the contents of a resource, or its failure as one of the protocol.
pub(super) fn contents(uri: String, result: &CallToolResult) -> Result<Vec<ResourceContents>, ErrorData> {
    if let Some(answer) = &result.structured_content {
        return Ok(vec![ResourceContents::text(format!("{answer:#}"), uri).with_mime_type(JSON)]);
    }
    let text = result.content.first().and_then(|content| content.as_text()).map(|text| text.text.clone());
    let error: Value = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let message = error["message"].as_str().unwrap_or("It cannot be read.").to_owned();
    let is_absent = matches!(error["error"].as_str(), Some("not_found" | "customer_not_found"));
    Err(if is_absent {
        ErrorData::resource_not_found(message, Some(error))
    } else {
        ErrorData::invalid_params(message, Some(error))
    })
}
