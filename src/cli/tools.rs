//! `tools`: what an agent can be offered.

use std::{fmt::Write as _, process::ExitCode, sync::Arc};

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::{
    layout, markdown,
    output::{self, HEADING},
    schema_words::type_in_words,
};
use crate::{
    catalog::Spec,
    config::suggest,
    tools::{offer::Choice, tool::Callable},
};

/// Indent of what is said of an argument.
const INDENT: usize = 2;

/// How deep an answer's fields are shown.
const DEEPEST: usize = 4;

const SHOW_EXAMPLES: &str = "\
Examples:
  customerio-mcp tools show send_transactional
  customerio-mcp tools show send_transactional --json | jq .inputSchema";

/// Commands of `tools`. They need neither configuration nor credentials.
#[derive(Debug, Clone, Subcommand)]
pub enum ToolsCommand {
    /// List tools with their effect and toolset
    List(ListArgs),
    /// Show one tool as a client sees it
    #[command(after_help = SHOW_EXAMPLES)]
    Show(ShowArgs),
    /// Print the tools as the Markdown table of the README
    Table,
    /// Print the error codes as the Markdown table of the README
    Errors,
}

/// Flags of `tools list`.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Only these toolsets, by comma; `core` is what is listed by default
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub toolsets: Vec<String>,
    /// Print the answer of tools/list as JSON
    #[arg(long)]
    pub json: bool,
}

/// Flags of `tools show`.
#[derive(Debug, Clone, Args)]
pub struct ShowArgs {
    /// The tool's name
    pub name: String,
    /// Print the tool as tools/list sends it
    #[arg(long)]
    pub json: bool,
}

/// Runs one of the commands.
pub fn run(command: &ToolsCommand) -> ExitCode {
    match command {
        ToolsCommand::List(args) => list(crate::tools::every(), args),
        ToolsCommand::Show(args) => show(&crate::tools::every(), args),
        ToolsCommand::Table => output::print(markdown::tools_table(&crate::tools::all())),
        ToolsCommand::Errors => output::print(markdown::errors_table()),
    }
}

fn list(tools: Vec<Arc<dyn Callable>>, args: &ListArgs) -> ExitCode {
    let toolsets = if args.toolsets.is_empty() { vec!["all".to_owned()] } else { args.toolsets.clone() };
    let tools = match (Choice { toolsets, ..Choice::default() }).select(tools) {
        Ok(tools) => tools,
        Err(message) => return output::unusable(message),
    };
    if args.json {
        let definitions: Vec<_> = tools.iter().map(|tool| tool.definition()).collect();
        return output::print(format!("{:#}\n", json!({ "tools": definitions })));
    }
    output::print(listed(&tools))
}

/// One line for each tool; a title gives way to the names beside it.
fn listed(tools: &[Arc<dyn Callable>]) -> String {
    let width = |text: fn(&Spec) -> &'static str| tools.iter().map(|tool| text(tool.spec()).len()).max().unwrap_or(0);
    let others = width(|spec| spec.name) + width(|spec| spec.toolset.as_str()) + "trigger".len() + "*".len();
    let left = layout::COLUMNS.saturating_sub(others + 4 * layout::GUTTER);
    let row = |tool: &Arc<dyn Callable>| {
        let spec = tool.spec();
        let mark = if spec.core { "*" } else { "" };
        let title = layout::clipped(spec.title, left);
        [spec.name, spec.toolset.as_str(), spec.effect.as_str(), mark, &title].map(str::to_owned).to_vec()
    };
    let rows: Vec<Vec<String>> = tools.iter().map(row).collect();
    let table = layout::table(&["TOOL", "TOOLSET", "EFFECT", "*", "TITLE"], &rows);
    format!("{table}\n* listed by default; the others are listed when asked for\n")
}

fn show(tools: &[Arc<dyn Callable>], args: &ShowArgs) -> ExitCode {
    let Some(tool) = tools.iter().find(|tool| tool.spec().name == args.name) else {
        let names = tools.iter().map(|tool| tool.spec().name);
        return output::unusable(format!("there is no tool `{}`: {}", args.name, suggest(&args.name, names)));
    };
    if args.json {
        return output::print(format!("{:#}\n", json!(tool.definition())));
    }
    output::print(described(tool.as_ref()))
}

fn described(tool: &dyn Callable) -> String {
    let (spec, definition) = (tool.spec(), tool.definition());
    let mut text = format!("{HEADING}{}{HEADING:#}  {}\n\n", spec.name, spec.title);
    for paragraph in spec.description().split("\n\n") {
        layout::paragraph(&mut text, paragraph);
        text.push('\n');
    }
    let listed = if spec.core { "by default" } else { "when asked for" };
    for (name, value) in [
        ("effect", spec.effect.as_str()),
        ("toolset", spec.toolset.as_str()),
        ("listed", listed),
        ("hints", &hints(tool)),
    ] {
        layout::row(&mut text, name, value, 9);
    }
    // Writing to a string does not fail.
    let _ = writeln!(text, "\n{HEADING}Arguments{HEADING:#}");
    fields(&mut text, &definition.input_schema, INDENT, true);
    if let Some(schema) = &definition.output_schema {
        let _ = writeln!(text, "\n{HEADING}Answer{HEADING:#}");
        fields(&mut text, schema, INDENT, false);
    }
    text
}

/// The annotations, as a client reads them.
fn hints(tool: &dyn Callable) -> String {
    let Some(annotations) = &tool.definition().annotations else { return "none".to_owned() };
    let told = |hint: Option<bool>, yes: &'static str, no: &'static str| hint.map(|hint| if hint { yes } else { no });
    let hints = [
        told(annotations.read_only_hint, "read-only", "changes something"),
        told(annotations.destructive_hint, "destructive", "not destructive"),
        told(annotations.idempotent_hint, "idempotent", "not idempotent"),
        told(annotations.open_world_hint, "talks to Customer.io", "talks to nobody"),
    ];
    hints.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The properties of an object, those of inner objects below it.
fn fields(text: &mut String, schema: &Map<String, Value>, indent: usize, arguments: bool) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object).filter(|fields| !fields.is_empty())
    else {
        layout::hang(text, &" ".repeat(indent), "none", indent);
        return;
    };
    let required = |name: &str| {
        schema.get("required").and_then(Value::as_array).is_some_and(|names| names.iter().any(|one| one == name))
    };
    for (name, property) in properties {
        let Some(property) = property.as_object() else { continue };
        let need = match (arguments, required(name)) {
            (true, true) => ", required",
            (false, false) => ", not always there",
            _ => "",
        };
        let first = format!("{}{HEADING}{name}{HEADING:#}  ", " ".repeat(indent));
        layout::hang(text, &first, &format!("{}{need}", type_in_words(property)), indent + 2 * INDENT);
        if let Some(description) = property.get("description").and_then(Value::as_str) {
            layout::hang(text, &" ".repeat(indent + 2 * INDENT), &description.replace('\n', " "), indent + 2 * INDENT);
        }
        if let Some(inner) = inner(property).filter(|_| indent < DEEPEST * 2 * INDENT) {
            fields(text, inner, indent + 2 * INDENT, arguments);
        }
    }
}

/// The object that a property is, or is a list of.
fn inner(property: &Map<String, Value>) -> Option<&Map<String, Value>> {
    let object = property.get("items").and_then(Value::as_object).unwrap_or(property);
    object.contains_key("properties").then_some(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_fits_80_columns() {
        for tool in &crate::tools::every() {
            let text = anstream::adapter::strip_str(&described(tool.as_ref())).to_string();
            let wide: Vec<&str> = text.lines().filter(|line| line.chars().count() > layout::COLUMNS).collect();
            assert!(wide.is_empty(), "{}: {wide:?}", tool.spec().name);
        }
    }

    #[test]
    fn every_argument_is_shown() {
        for tool in crate::tools::every() {
            let text = anstream::adapter::strip_str(&described(tool.as_ref())).to_string();
            let arguments = tool.definition().input_schema.get("properties").and_then(Value::as_object);
            for name in arguments.into_iter().flat_map(Map::keys) {
                assert!(text.contains(&format!("\n  {name}  ")), "{}: {name}\n{text}", tool.spec().name);
            }
        }
    }
}
