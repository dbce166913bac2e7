//! The declared operations: compiled in, read and checked when first needed, so that starting costs nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

use serde::Deserialize;

use super::{
    Effect, Method, Operation, OperationApi, Retry, Toolset,
    parameter::{Kind, Parameter, Place},
    people::{CUSTOMER, CUSTOMERS, ID_TYPE, People, Written},
};

/// A file of `tools/operations/`, by the name of its group.
type File = (&'static str, &'static str);

macro_rules! groups {
    ($($group:literal),+ $(,)?) => {
        &[$(($group, include_str!(concat!("../../tools/operations/", $group, ".toml")))),+]
    };
}

const FILES: &[File] = groups![
    "customers",
    "optouts",
    "objects",
    "events",
    "pipelines",
    "messages",
    "campaigns",
    "broadcasts",
    "newsletters",
    "experiments",
    "content",
    "assets",
    "design",
    "design_emails",
    "exports",
    "workspace",
];

/// What is wrong with a declaration, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tools/operations/{group}.toml: {why}")]
pub struct OperationsError {
    group: String,
    why: String,
}

/// All declared operations, in the order of the documentation.
#[derive(Debug)]
pub struct Operations {
    list: Vec<Operation>,
    by_name: BTreeMap<String, usize>,
    /// What reads what a PUT or DELETE of the same path changes.
    readers: BTreeMap<String, usize>,
}

impl Operations {
    /// Those that are compiled in. A test keeps this from failing.
    pub fn declared() -> Result<&'static Self, &'static OperationsError> {
        static DECLARED: OnceLock<Result<Operations, OperationsError>> = OnceLock::new();
        DECLARED.get_or_init(|| Self::read(FILES.iter().copied())).as_ref()
    }

    /// Reads the text of files, each with the name of its group, and checks what they declare.
    pub fn read<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, OperationsError> {
        let mut operations = Self { list: Vec::new(), by_name: BTreeMap::new(), readers: BTreeMap::new() };
        for (group, text) in files {
            operations.add(text).map_err(|why| OperationsError { group: group.to_owned(), why })?;
        }
        Ok(operations)
    }

    fn add(&mut self, text: &str) -> Result<(), String> {
        let group: Group = toml::from_str(text).map_err(|error| error.to_string())?;
        for mut operation in group.operation {
            operation.toolset = group.toolset;
            operation.title = title(&operation.name);
            check(&operation).map_err(|why| format!("`{}` {why}", operation.name))?;
            if self.by_name.insert(operation.name.clone(), self.list.len()).is_some() {
                return Err(format!("`{}` is declared twice", operation.name));
            }
            if operation.method == Method::Get && operation.effect == Effect::Read {
                self.readers.insert(operation.path.clone(), self.list.len());
            }
            self.list.push(operation);
        }
        Ok(())
    }

    /// Each of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Operation> {
        self.list.iter()
    }

    /// The one that reads what another replaces or deletes, if there is one.
    pub fn reader_of(&self, operation: &Operation) -> Option<&Operation> {
        match operation.method {
            Method::Put | Method::Delete => self.list.get(*self.readers.get(&operation.path)?),
            Method::Get | Method::Post => None,
        }
    }

    /// The one of a name.
    pub fn get(&self, name: &str) -> Option<&Operation> {
        self.list.get(*self.by_name.get(name)?)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    toolset: Toolset,
    operation: Vec<Operation>,
}

/// Says what a declaration promises and cannot keep.
fn check(operation: &Operation) -> Result<(), String> {
    check_names(operation)?;
    check_body(operation)?;
    if operation.effect == Effect::Read && operation.retry != Retry::Natural {
        return Err("reads, and so may always be repeated".to_owned());
    }
    if operation.summary.is_empty() || operation.summary.chars().count() > 200 {
        return Err("needs a summary of at most 200 characters".to_owned());
    }
    Ok(())
}

fn check_names(operation: &Operation) -> Result<(), String> {
    if !is_snake_case(&operation.name) || !operation.name.contains('_') {
        return Err("is not named as `verb_noun`".to_owned());
    }
    let mut names = BTreeSet::new();
    for parameter in &operation.parameters {
        if !is_snake_case(&parameter.name) {
            return Err(format!("has the parameter `{}`, which is not in snake case", parameter.name));
        }
        if !names.insert(parameter.name.as_str()) {
            return Err(format!("has the parameter `{}` twice", parameter.name));
        }
    }
    let people = operation.people.iter().copied().map(People::argument).chain([ID_TYPE]);
    if let Some(twice) = people.filter(|_| operation.people.is_some()).find(|name| names.contains(name)) {
        return Err(format!("has the parameter `{twice}`, which `people` adds"));
    }
    if operation.people.is_none() && names.iter().any(|name| [CUSTOMER, CUSTOMERS].contains(name)) {
        return Err("names people in a parameter: declare `people`".to_owned());
    }
    if let Some(unknown) = operation.one_of.iter().flatten().find(|name| !operation.takes(name)) {
        return Err(format!("asks for `{unknown}` in `one_of`, which is no parameter"));
    }
    let in_path: BTreeSet<&str> = places(operation, Place::Path).collect();
    let asked: BTreeSet<&str> = operation.placeholders().collect();
    let of_people = usize::from(operation.people.is_some_and(|people| people.written == Written::Path));
    if !in_path.is_subset(&asked) || asked.len() != in_path.len() + of_people {
        return Err(format!("has {asked:?} in its path and declares {in_path:?}"));
    }
    Ok(())
}

/// `Get newsletter metrics` of `get_newsletter_metrics`.
fn title(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn check_body(operation: &Operation) -> Result<(), String> {
    let whole = operation.parameters.iter().filter(|parameter| parameter.place == Place::WholeBody).collect::<Vec<_>>();
    let fields = places(operation, Place::Body).count() + operation.fixed.len();
    if whole.len() > 1 {
        return Err("has more than one whole body".to_owned());
    }
    if operation.free_form && whole.is_empty() {
        return Err("is free-form, and takes no whole body".to_owned());
    }
    if whole.iter().any(|body| body.kind != Kind::Object) && fields > 0 {
        return Err("has fields beside a body that is no object".to_owned());
    }
    if operation.method == Method::Get && (fields + whole.len() > 0 || writes_people_in_body(operation)) {
        return Err("is a GET, and has a body".to_owned());
    }
    if !operation.fixed.is_empty() && !whole.is_empty() {
        return Err("fixes part of a body that callers may write whole".to_owned());
    }
    if !chooses_nothing_else(operation) {
        return Err("leaves it to callers what their request does".to_owned());
    }
    let overridden = places(operation, Place::Body).find(|name| operation.fixed.contains_key(*name));
    overridden.map_or(Ok(()), |name| Err(format!("fixes `{name}`, which is a parameter")))
}

fn writes_people_in_body(operation: &Operation) -> bool {
    operation.people.is_some_and(|people| !matches!(people.written, Written::Path | Written::Query))
}

/// Where one endpoint does many things, a caller must not be able to choose another effect.
fn chooses_nothing_else(operation: &Operation) -> bool {
    let fixes = |name: &str| operation.fixed.contains_key(name);
    match (operation.api, operation.path.as_str()) {
        (OperationApi::TrackV2, _) => fixes("type") && fixes("action"),
        (OperationApi::Pipelines, "/v1/track") => {
            let excepts =
                |name: &str| operation.parameters.iter().any(|one| one.sent_as() == name && !one.except.is_empty());
            fixes("event") || excepts("event")
        }
        (_, path) => !path.ends_with("/batch"),
    }
}

fn places(operation: &Operation, place: Place) -> impl Iterator<Item = &str> {
    operation.parameters.iter().filter(move |parameter| parameter.place == place).map(Parameter::sent_as)
}

fn is_snake_case(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_')
}
