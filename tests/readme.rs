//! The README says what is so: its tables are those the program makes, its commands parse, its examples load, and what
//! it names exists.
//!
//! `INSTA_UPDATE=always cargo test --test readme` writes the tables anew.

// The linter knows that tests may unwrap, and so may what they are made of.
#![cfg(test)]

#[path = "surface/mod.rs"]
mod surface;
mod tokens;

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path};

use clap::Parser as _;
use customerio_mcp::{
    cli::{Cli, markdown},
    config::{self, Config, Environment, LoadOptions, VARIABLES},
    error::ErrorCode,
    sandbox, tools,
};
use regex::Regex;
use serde_json::Value;

fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

fn readme() -> String {
    fs::read_to_string(path()).unwrap()
}

fn variables_table() -> String {
    let rows = VARIABLES.iter().map(|(name, meaning)| format!("| `{name}` | {meaning} |\n"));
    ["| Variable | Holds |\n|---|---|\n".to_owned()].into_iter().chain(rows).collect()
}

fn cost() -> String {
    let list = tokens::default_list();
    let (count, cost) = (list.len(), tokens::of_tools(&list));
    format!(
        "The {count} tools listed by default cost a conversation {cost} tokens: names, descriptions and input schemas, \
         counted with OpenAI's o200k_base.\n"
    )
}

fn not_imitated() -> String {
    let line = |(method, path)| format!("* `{method} {path}`");
    sandbox::not_imitated().map(line).collect::<Vec<_>>().join("\n") + "\n"
}

fn unconfirmed() -> String {
    format!(
        "{} choices had to be made without evidence. \
         `curl -s http://127.0.0.1:8585/_sandbox | python3 -m json.tool` prints each under `unconfirmed`, with its \
         question.\n",
        sandbox::unconfirmed()
    )
}

/// Every operation of Customer.io and the tools that reach it.
fn surface_table() -> String {
    let mut table = "| Operation | Effect | Repeats | Flags | Tools |\n|---|---|---|---|---|\n".to_owned();
    for row in surface::rows() {
        let tools: Vec<String> = surface::tools_of(&row).iter().map(|name| format!("`{name}`")).collect();
        let reason = surface::UNREACHED.iter().find(|(key, _)| *key == row.key()).map(|(_, reason)| *reason);
        let tools = reason.map_or_else(|| tools.join(", "), str::to_owned);
        let (effect, flags) = (row.effect.to_lowercase().replace('|', "or"), &row.flags);
        writeln!(table, "| {} | {effect} | {} | {flags} | {tools} |", row.key(), row.retry).unwrap();
    }
    table
}

/// Operations of which it is not known what their bodies may hold.
fn free_form() -> String {
    let free: Vec<String> = surface::declared()
        .into_iter()
        .filter(|operation| operation.free_form)
        .map(|operation| format!("`{}`", operation.name))
        .collect();
    let all = surface::declared().len();
    if free.is_empty() {
        return format!("None of the {all} is free-form.\n");
    }
    format!("{} of {all}: {}.\n", free.len(), free.join(", "))
}

/// The text with what stands between the markers of a table replaced.
fn with_table(text: &str, name: &str, table: &str) -> String {
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = text.split_once(&open).unwrap_or_else(|| panic!("no {open}"));
    let (_, after) = rest.split_once(&close).unwrap_or_else(|| panic!("no {close}"));
    format!("{before}{open}\n{table}\n{close}{after}")
}

/// Whether files are to be written instead of compared, as the contracts are accepted.
#[expect(clippy::disallowed_methods, reason = "the switch is that of the contracts, an environment variable")]
fn accepts() -> bool {
    std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always")
}

#[test]
fn tables_are_those_the_program_makes() {
    let tables = [
        ("tools", markdown::tools_table(&tools::all())),
        ("cost", cost()),
        ("settings", markdown::settings_table(&config::schema())),
        ("variables", variables_table()),
        ("errors", markdown::errors_table()),
        ("not imitated", not_imitated()),
        ("unconfirmed", unconfirmed()),
        ("surface", surface_table()),
        ("free form", free_form()),
    ];
    let written = readme();
    let made = tables.iter().fold(written.clone(), |text, (name, table)| with_table(&text, name, table));
    if accepts() {
        fs::write(path(), made).unwrap();
        return;
    }
    for (old, new) in written.lines().zip(made.lines()) {
        assert_eq!(old, new, "a table of the README is out of date; see the head of this test");
    }
    assert_eq!(written.len(), made.len(), "a table of the README is out of date; see the head of this test");
}

/// The blocks of code of a language.
fn blocks(language: &str) -> Vec<String> {
    let text = readme();
    let fence = Regex::new(&format!(r"(?s)```{language}\n(.*?)```")).unwrap();
    fence.captures_iter(&text).map(|found| found[1].to_owned()).collect()
}

/// The commands of ours in the blocks and in the running text.
fn commands() -> Vec<Vec<String>> {
    let text = readme();
    let inline = Regex::new(r"`(customerio-mcp [^`]+)`").unwrap();
    let inline = inline.captures_iter(&text).map(|found| found[1].to_owned());
    let fenced = blocks("sh").join("\n").replace("\\\n", " ");
    let fenced = fenced.lines().filter_map(|line| {
        let line = line.replace("cargo run --release -- ", "customerio-mcp ");
        // Where the output goes is the shell's.
        let line = line.split(" > ").next().unwrap_or_default();
        line.find("customerio-mcp ").map(|at| line[at..].to_owned())
    });
    let word = Regex::new(r"'([^']*)'|(\S+)").unwrap();
    let words = |line: String| {
        let words = word.captures_iter(&line);
        words.map(|found| found.get(1).or(found.get(2)).unwrap().as_str().to_owned()).collect()
    };
    inline.chain(fenced).map(words).collect()
}

#[test]
fn commands_are_understood() {
    let commands = commands();
    assert!(commands.len() >= 10, "{commands:?}");
    for command in commands {
        let parsed = Cli::try_parse_from(&command);
        assert!(parsed.is_ok(), "{}\n{}", command.join(" "), parsed.unwrap_err());
    }
}

/// The arguments in the snippets for clients.
#[test]
fn snippets_for_clients_start_the_server() {
    let mut started = 0;
    for block in blocks("json") {
        let snippet: Value = serde_json::from_str(&block).unwrap_or_else(|error| panic!("{error}\n{block}"));
        for servers in ["mcpServers", "servers"] {
            for (_, server) in snippet[servers].as_object().into_iter().flatten() {
                let arguments = server["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
                let command = [server["command"].as_str().unwrap()].into_iter().chain(arguments);
                assert!(Cli::try_parse_from(command).is_ok(), "{server}");
                started += 1;
            }
        }
    }
    assert!(started >= 5, "only {started} snippets start a server");
}

#[test]
fn the_example_of_a_configuration_loads() {
    let examples: Vec<String> = blocks("toml").into_iter().filter(|block| block.contains("[workspaces.")).collect();
    assert_eq!(examples.len(), 1);
    let longer = include_str!("../examples/customerio-mcp.toml").to_owned();
    for example in examples.into_iter().chain([longer]) {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("customerio-mcp.toml"), example).unwrap();
        let variables = [
            ("CUSTOMERIO_TRACKING_API_KEY", "0123456789abcdef0123"),
            ("CUSTOMERIO_APP_API_KEY", "0123456789abcdef0123456789abcdef"),
            ("LOCAL_TRACK_KEY", "track"),
            ("LOCAL_APP_KEY", "app"),
            ("HOME", "/nowhere"),
        ];
        let environment = Environment::new(variables, directory.path());
        let config = Config::load(&environment, &LoadOptions::default()).unwrap();
        assert_eq!(config.workspace().name, "prod");
        config.check_policy_tools(tools::names).unwrap();
    }
}

#[test]
fn what_is_named_exists() {
    let mut words: BTreeSet<String> = ErrorCode::ALL.iter().map(|code| code.as_str().to_owned()).collect();
    for tool in tools::all() {
        words.insert(tool.spec().name.to_owned());
        let definition = serde_json::to_value(tool.definition()).unwrap();
        collect(&definition["inputSchema"], &mut words);
        collect(&definition["outputSchema"], &mut words);
    }
    words.extend(surface::declared().into_iter().map(|operation| operation.name.clone()));
    collect(&config::schema(), &mut words);
    words.extend(VARIABLES.iter().map(|(name, _)| (*name).to_owned()));
    let name = Regex::new(r"\b[A-Za-z][a-z0-9]*(?:_[A-Za-z0-9]+)+\b").unwrap();
    let paths: Vec<_> = sandbox::not_imitated().map(|(_, path)| path).collect();
    words.extend(paths.iter().flat_map(|path| name.find_iter(path)).map(|word| word.as_str().to_owned()));
    // What every answer may carry besides its own.
    words.insert("untrusted_fields".to_owned());
    // Not ours: the proxies' variables and the configuration of clients.
    words.extend(["HTTPS_PROXY", "NO_PROXY", "claude_desktop_config"].map(str::to_owned));

    let text = readme();
    let code = Regex::new(r"`([^`\n]+)`").unwrap();
    let unknown: BTreeSet<&str> = code
        .captures_iter(&text)
        .flat_map(|found| name.find_iter(found.get(1).unwrap().as_str()))
        .map(|found| found.as_str())
        .filter(|word| !words.contains(*word) && !word.starts_with("customerio_mcp"))
        .collect();
    assert!(unknown.is_empty(), "the README names {unknown:?}, which do not exist");
}

#[test]
fn files_it_points_to_exist() {
    let text = readme();
    let link = Regex::new(r"\]\(([^)#:]+)\)").unwrap();
    for found in link.captures_iter(&text) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(&found[1]);
        assert!(file.exists(), "{} does not exist", &found[1]);
    }
}

fn collect(schema: &Value, words: &mut BTreeSet<String>) {
    match schema {
        Value::Array(items) => items.iter().for_each(|item| collect(item, words)),
        Value::Object(map) => {
            words.extend(
                map.get("properties").and_then(Value::as_object).into_iter().flat_map(|all| all.keys().cloned()),
            );
            words.extend(map.get("const").and_then(Value::as_str).map(str::to_owned));
            words.extend(
                map.get("enum")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .map(str::to_owned),
            );
            map.values().for_each(|value| collect(value, words));
        }
        _ => {}
    }
}
