//! The rules of the house, read from the sources as tokens: which part may know which, which crate is spoken to from
//! where, and what is written nowhere. Comments and strings do not count, and a path counts however it is spelt:
//! `use crate::{a, b}`, `crate::a::b`, `super::super::a`.
//!
//! `clippy.toml` forbids some of the same calls by type; here the rules are about places.

// The linter knows that tests may unwrap, and so may what they are made of.
#![cfg(test)]

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    str::FromStr,
};

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// Which parts a part may know, from the ground up. A part that is not named here may know nothing of ours.
const LAYERS: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("error", &[]),
    ("telemetry", &[]),
    ("rows", &[]),
    ("toml_schema", &[]),
    ("statistics", &[]),
    ("liquid", &["clock"]),
    ("state", &["clock"]),
    ("api", &["clock"]),
    ("sandbox", &["clock", "liquid", "toml_schema"]),
    ("catalog", &["error"]),
    ("guard", &["catalog", "clock", "error", "rows", "state"]),
    ("config", &["catalog", "clock", "guard", "toml_schema"]),
    ("tools", &["api", "catalog", "clock", "error", "guard", "liquid", "rows", "state", "statistics"]),
    ("server", &["api", "catalog", "clock", "config", "error", "guard", "sandbox", "state", "tools"]),
    (
        "cli",
        &[
            "api",
            "catalog",
            "clock",
            "config",
            "error",
            "guard",
            "liquid",
            "sandbox",
            "server",
            "state",
            "telemetry",
            "tools",
        ],
    ),
];

/// The guards share the words for what a call does, and none of the catalog's knowledge of MCP.
const CATALOG_WORDS: [&str; 3] = ["Effect", "Flag", "Retry"];

/// Paths of other people's crates, and the only places that may name them.
const PLACES: &[(&str, &[&str], &str)] = &[
    ("reqwest", &["src/api/http.rs"], "HTTP to Customer.io leaves through one function"),
    ("rusqlite", &["src/state/sqlite/", "src/sandbox/store"], "SQL stays behind the store"),
    ("refinery", &["src/state/", "src/sandbox/store"], "SQL stays behind the store"),
    ("tokio_postgres", &["src/state/postgres/"], "SQL stays behind the store"),
    ("deadpool_postgres", &["src/state/postgres/"], "SQL stays behind the store"),
    (
        "rmcp",
        // `serve` opens the transport, and `demo` is a client of its own program.
        &["src/server/", "src/catalog/", "src/tools/", "src/cli/serve.rs", "src/cli/demo"],
        "the protocol is spoken at the edge",
    ),
    ("axum", &["src/sandbox/", "src/server/"], "only what listens knows of serving HTTP"),
    ("hyper", &["src/sandbox/server.rs"], "connections are served, and limited, in one place"),
    ("hyper_util", &["src/sandbox/server.rs"], "connections are served, and limited, in one place"),
    // The formats of the log are the values of a flag.
    ("clap", &["src/cli/", "src/main.rs", "src/telemetry.rs"], "flags are the command line's"),
    ("liquid_core", &["src/liquid/"], "the dialect is ours, the engine behind it is not"),
    ("getrandom", &["src/clock.rs"], "randomness is taken from a Clock"),
    ("std::env", &["src/config/environment.rs"], "the environment is read once and passed as a value"),
    ("std::time::SystemTime", &["src/clock.rs"], "the time is taken from a Clock"),
    ("std::time::Instant", &["src/clock.rs"], "deadlines are tokio's, all other time is taken from a Clock"),
    ("jiff::Timestamp::now", &["src/clock.rs"], "the time is taken from a Clock"),
    ("jiff::Zoned::now", &["src/clock.rs"], "the time is taken from a Clock"),
];

/// Names that are looked for without regard to the path before them, and the only places that may hold them.
const WORDS: &[(&str, &[&str], &str)] = &[
    (
        "granted_by_admit",
        &["src/api/scope.rs", "src/tools/route.rs", "tests/it/api/"],
        "leave to change something is given by the one route, after admit",
    ),
    ("SystemTime", &["src/clock.rs"], "the time is taken from a Clock"),
    ("Timestamp::now", &["src/clock.rs"], "the time is taken from a Clock"),
    ("Zoned::now", &["src/clock.rs"], "the time is taken from a Clock"),
    ("process::exit", &[], "main returns an exit code"),
    // The database is opened on a thread of its own, before there is a runtime to wait in.
    ("thread::sleep", &["src/state/sqlite/open.rs"], "waiting is a tokio timer"),
];

const PRINTING: [&str; 4] = ["print", "println", "eprint", "eprintln"];
const UNFINISHED: [&str; 3] = ["todo", "unimplemented", "dbg"];
const NAMELESS: [&str; 6] = ["util", "utils", "helper", "helpers", "common", "misc"];

/// A file longer than this holds more than one thing.
const MOST_LINES: usize = 500;

/// A broken rule.
#[derive(Debug, PartialEq)]
struct Breach {
    file: String,
    line: usize,
    why: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.why)
    }
}

/// A path as it stands in the source, made absolute where it begins with `crate`, `self` or `super`.
#[derive(Debug)]
struct Named {
    segments: Vec<String>,
    line: usize,
}

impl Named {
    fn text(&self) -> String {
        self.segments.join("::")
    }
}

/// One source file under inspection.
struct Source<'a> {
    file: &'a str,
    breaches: Vec<Breach>,
}

/// Checks one file: its path from the root of the package, with slashes, and its text.
fn check(file: &str, text: &str) -> Vec<Breach> {
    let mut source = Source { file, breaches: Vec::new() };
    if file.starts_with("src/") {
        source.check_size_and_name(text);
    }
    match TokenStream::from_str(text) {
        Ok(tokens) => source.check_tokens(tokens, &module_of(file)),
        Err(error) => source.breach(error.span().start().line, format!("is not Rust: {error}")),
    }
    source.breaches.sort_by_key(|breach| breach.line);
    source.breaches
}

/// `src/guard/identity/resolve.rs` is `crate::guard::identity::resolve`.
fn module_of(file: &str) -> Vec<String> {
    let inner = file.trim_start_matches("src/").trim_end_matches(".rs");
    let parts = inner.split('/').filter(|part| !matches!(*part, "mod" | "lib" | "main"));
    ["crate"].into_iter().chain(parts).map(str::to_owned).collect()
}

impl Source<'_> {
    fn breach(&mut self, line: usize, why: String) {
        self.breaches.push(Breach { file: self.file.to_owned(), line, why });
    }

    fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.file.starts_with(place))
    }

    fn check_size_and_name(&mut self, text: &str) {
        let lines = text.lines().count();
        if lines > MOST_LINES {
            self.breach(lines, format!("{lines} lines: split the file by noun"));
        }
        let nameless = module_of(self.file).into_iter().find(|part| NAMELESS.contains(&part.as_str()));
        if let Some(part) = nameless {
            self.breach(1, format!("`{part}` says nothing: name the module by what it holds"));
        }
    }

    /// Walks tokens, inline modules and groups included.
    fn check_tokens(&mut self, tokens: TokenStream, module: &[String]) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut index = 0;
        while index < tokens.len() {
            match &tokens[index] {
                TokenTree::Ident(_) => {
                    if let Some(inner) = self.check_inline_module(&tokens[index..], module) {
                        self.check_tokens(inner.stream(), &enter(module, &tokens[index + 1]));
                        index += 3;
                        continue;
                    }
                    self.check_macro(&tokens[index..]);
                    let (paths, used) = read_paths(&tokens[index..], &[]);
                    for path in paths {
                        self.check_path(&absolute(path, module), module);
                    }
                    index += used;
                    continue;
                }
                TokenTree::Punct(mark) if mark.as_char() == '#' => self.check_attribute(&tokens[index..]),
                TokenTree::Group(group) => self.check_tokens(group.stream(), module),
                _ => {}
            }
            index += 1;
        }
    }

    /// `mod name { … }`: its body, after a look at its name.
    fn check_inline_module<'t>(&mut self, tokens: &'t [TokenTree], _module: &[String]) -> Option<&'t Group> {
        let [TokenTree::Ident(keyword), TokenTree::Ident(name), rest @ ..] = tokens else { return None };
        if keyword != "mod" {
            return None;
        }
        if NAMELESS.contains(&name.to_string().as_str()) {
            let line = name.span().start().line;
            self.breach(line, format!("`{name}` says nothing: name the module by what it holds"));
        }
        match rest.first() {
            Some(TokenTree::Group(body)) if body.delimiter() == Delimiter::Brace => Some(body),
            _ => None,
        }
    }

    fn check_macro(&mut self, tokens: &[TokenTree]) {
        let [TokenTree::Ident(name), TokenTree::Punct(mark), TokenTree::Group(_), ..] = tokens else { return };
        if mark.as_char() != '!' {
            return;
        }
        let (line, name) = (name.span().start().line, name.to_string());
        if PRINTING.contains(&name.as_str()) && self.file.starts_with("src/") && !self.is_in(&["src/cli/output.rs"]) {
            self.breach(line, format!("{name}!: stdout is the protocol's; commands print through src/cli/output.rs"));
        }
        if UNFINISHED.contains(&name.as_str()) {
            self.breach(line, format!("{name}! is not finished work"));
        }
    }

    /// `#[allow(…)]`, also inside `cfg_attr`.
    fn check_attribute(&mut self, tokens: &[TokenTree]) {
        let group = tokens[1..].iter().take(2).find_map(|token| match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => Some(group),
            _ => None,
        });
        let Some(group) = group else { return };
        if let Some(line) = find_allow(group.stream()) {
            self.breach(line, "#[allow]: write #[expect(…, reason = \"…\")]".to_owned());
        }
    }

    fn check_path(&mut self, path: &Named, module: &[String]) {
        let text = path.text();
        for (name, places, why) in PLACES {
            let inside = text == *name || text.starts_with(&format!("{name}::"));
            if self.file.starts_with("src/") && inside && !self.is_in(places) {
                self.breach(path.line, format!("`{text}`: {why}"));
            }
        }
        for (word, places, why) in WORDS {
            let named = format!("::{text}::").contains(&format!("::{word}::"));
            if named && !self.is_in(places) {
                self.breach(path.line, format!("`{text}`: {why}"));
            }
        }
        self.check_layer(path, module);
    }

    fn check_layer(&mut self, path: &Named, module: &[String]) {
        let (Some(part), [root, other, rest @ ..]) = (module.get(1), path.segments.as_slice()) else { return };
        if root != "crate" || part == other || !self.file.starts_with("src/") || self.file == "src/lib.rs" {
            return;
        }
        let may_know = LAYERS.iter().find(|(name, _)| name == part).map_or(&[][..], |(_, below)| below);
        if !may_know.contains(&other.as_str()) {
            self.breach(path.line, format!("`{}`: {part} may not know {other}", path.text()));
        } else if (part.as_str(), other.as_str()) == ("guard", "catalog")
            && !rest.first().is_some_and(|word| CATALOG_WORDS.contains(&word.as_str()))
        {
            self.breach(path.line, format!("`{}`: guard may know only {CATALOG_WORDS:?} of catalog", path.text()));
        }
    }
}

fn enter(module: &[String], name: &TokenTree) -> Vec<String> {
    module.iter().cloned().chain([name.to_string()]).collect()
}

/// The line of an `allow` that is an attribute, not an argument of one.
fn find_allow(attribute: TokenStream) -> Option<usize> {
    let tokens: Vec<TokenTree> = attribute.into_iter().collect();
    match tokens.as_slice() {
        [TokenTree::Ident(name), TokenTree::Group(_), ..] if name == "allow" => Some(name.span().start().line),
        [TokenTree::Ident(name), TokenTree::Group(inner)] if name == "cfg_attr" => {
            let inner: Vec<TokenTree> = inner.stream().into_iter().collect();
            (0..inner.len()).find_map(|index| find_allow(inner[index..].iter().cloned().collect()))
        }
        _ => None,
    }
}

/// Reads `a::b`, `a::{b, c::d}` from the first token on: the paths, and how many tokens they took.
fn read_paths(tokens: &[TokenTree], prefix: &[String]) -> (Vec<Named>, usize) {
    let mut segments = prefix.to_vec();
    let (mut index, mut line) = (0, 0);
    loop {
        match tokens.get(index) {
            Some(TokenTree::Ident(name)) => {
                line = name.span().start().line;
                segments.push(name.to_string());
            }
            Some(TokenTree::Group(group)) if index > 0 && group.delimiter() == Delimiter::Brace => {
                return (read_group(group, &segments), index + 1);
            }
            Some(TokenTree::Punct(star)) if index > 0 && star.as_char() == '*' => {
                return (vec![Named { segments, line }], index + 1);
            }
            // `::<` of a generic call: the path has ended before it.
            _ => return (vec![Named { segments, line }], index.max(1)),
        }
        index += 1;
        if !is_path_separator(&tokens[index..]) {
            return (vec![Named { segments, line }], index);
        }
        index += 2;
    }
}

fn read_group(group: &Group, prefix: &[String]) -> Vec<Named> {
    let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
    tokens
        .split(|token| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ','))
        .filter(|item| !item.is_empty())
        .flat_map(|item| read_paths(item, prefix).0)
        .collect()
}

fn is_path_separator(tokens: &[TokenTree]) -> bool {
    matches!(tokens, [TokenTree::Punct(first), TokenTree::Punct(second), ..]
        if first.as_char() == ':' && second.as_char() == ':')
}

/// Resolves `self` and `super` against the module a path stands in.
fn absolute(path: Named, module: &[String]) -> Named {
    let first = path.segments.first().map(String::as_str);
    if !matches!(first, Some("self" | "super")) {
        return path;
    }
    let mut base = module.to_vec();
    let mut rest = path.segments.as_slice();
    while let Some((word, after)) = rest.split_first() {
        match word.as_str() {
            "self" => {}
            "super" => drop(base.pop()),
            _ => break,
        }
        rest = after;
    }
    Named { segments: base.into_iter().chain(rest.iter().cloned()).collect(), line: path.line }
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn the_sources_keep_the_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files: Vec<PathBuf> = ["src", "tests/it"].iter().flat_map(|folder| sources(&root.join(folder))).collect();
    assert!(files.len() > 100, "only {} files were found", files.len());
    let breaches: Vec<String> = files
        .iter()
        .flat_map(|path| {
            let file = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
            check(&file, &fs::read_to_string(path).unwrap())
        })
        .map(|breach| breach.to_string())
        .collect();
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

/// Every part of the library stands in the table, so that none is checked against nothing.
#[test]
fn every_part_has_its_layer() {
    let library = include_str!("../src/lib.rs");
    let parts = library.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let mut unknown = parts.filter(|part| LAYERS.iter().all(|(name, _)| name != part)).peekable();
    assert!(unknown.peek().is_none(), "LAYERS does not name {:?}", unknown.collect::<Vec<_>>());
    for (index, (part, below)) in LAYERS.iter().enumerate() {
        let above = below.iter().find(|other| LAYERS[..index].iter().all(|(name, _)| name != *other));
        assert!(above.is_none(), "{part} may know {above:?}, which stands above it");
    }
}

/// Each rule finds what is planted, at its line.
#[test]
fn a_planted_breach_is_found() {
    let planted: &[(&str, &str, &str)] = &[
        ("src/api/people.rs", "\nuse crate::{clock::Clock, guard::Guards};", "2: `crate::guard::Guards`"),
        ("src/state/call.rs", "fn f() { crate::api::Api::new() }", "1: `crate::api::Api::new`"),
        ("src/guard/identity/resolve.rs", "use super::super::super::api::Api;", "1: `crate::api::Api`"),
        ("src/guard/plan.rs", "mod tests {\n use super::super::super::tools; }", "2: `crate::tools`"),
        ("src/guard/plan.rs", "use crate::catalog::Spec;", "1: `crate::catalog::Spec`: guard may know only"),
        ("src/sandbox/people.rs", "use crate::api::Api as Client;", "sandbox may not know api"),
        ("src/liquid/mod.rs", "use crate::sandbox::*;", "liquid may not know sandbox"),
        ("src/newcomer.rs", "use crate::clock::Clock;", "newcomer may not know clock"),
        ("src/tools/events.rs", "fn f(c: &reqwest::Client) {}", "HTTP to Customer.io"),
        ("src/guard/ledger.rs", "use rusqlite::{Connection, Row};", "SQL stays behind"),
        ("src/guard/ledger.rs", "use rmcp::model::Tool;", "the protocol is spoken"),
        ("src/cli/doctor.rs", "fn f() { std::env::var(\"A\"); }", "the environment is read once"),
        ("src/cli/doctor.rs", "use std::{env, fs};", "the environment is read once"),
        ("src/tools/events.rs", "use std::time::{Duration, SystemTime};", "taken from a Clock"),
        ("src/tools/events.rs", "use std::time::Instant;", "deadlines are tokio's"),
        ("src/tools/events.rs", "fn f() { Timestamp::now(); }", "taken from a Clock"),
        ("src/state/lane.rs", "fn f() { getrandom::fill(&mut b); }", "randomness"),
        ("src/tools/events.rs", "fn f() { g(Permit::granted_by_admit()) }", "the one route"),
        ("tests/it/day.rs", "fn f() { g(Permit::granted_by_admit) }", "the one route"),
        ("src/server/lines.rs", "fn f() {\n\n eprintln!(\"x\"); }", "3: eprintln!"),
        ("src/api/http.rs", "fn f() { if a { println! { \"x\" } } }", "1: println!"),
        ("tests/it/day.rs", "fn f() { todo!() }", "todo! is not finished"),
        ("src/api/http.rs", "#[allow(dead_code)] fn f() {}", "write #[expect"),
        ("src/api/http.rs", "#![cfg_attr(test, allow(dead_code))]", "write #[expect"),
        ("src/api/utils.rs", "", "`utils` says nothing"),
        ("src/api/http.rs", "mod helpers;", "`helpers` says nothing"),
        ("src/api/http.rs", &"\n".repeat(501), "501 lines"),
    ];
    for (file, text, expected) in planted {
        let breaches: Vec<String> = check(file, text).iter().map(ToString::to_string).collect();
        assert!(breaches.iter().any(|breach| breach.contains(expected)), "{file}: {text}\nfound {breaches:?}");
    }
}

/// What only looks like a breach is none.
#[test]
fn what_is_allowed_is_left_alone() {
    let fine: &[(&str, &str)] = &[
        ("src/api/people.rs", "//! Not crate::guard.\nfn f() -> &'static str { \"crate::guard::x println!()\" }"),
        ("src/guard/ledger.rs", "use tokio::time::Instant; use crate::{catalog::{Effect, Retry}, state::Store};"),
        ("src/guard/identity/resolve.rs", "use super::super::Guards; mod tests { use super::*; }"),
        ("src/tools/route.rs", "use crate::{api::Permit}; fn f() { Permit::granted_by_admit(); rmcp::f::<u8>() }"),
        ("src/api/http.rs", "#[expect(dead_code, reason = \"allow\")] fn allow(a: reqwest::Client) { allow(a) }"),
        ("src/cli/output.rs", "fn print(text: &str) { print(text); write!(a, \"\"); }"),
        ("src/config/environment.rs", "fn f() { std::env::vars_os(); env!(\"CARGO_PKG_VERSION\"); }"),
    ];
    for (file, text) in fine {
        assert_eq!(check(file, text), [], "{file}");
    }
}
