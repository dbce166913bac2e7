//! Schemas as clients take them, and as we hold callers to them.
//!
//! Schema generators say more than clients can bear (numeric `format`s make validators complain, `["T","null"]` is
//! refused by some), and nobody enforces what a schema promises unless we do.

use std::sync::OnceLock;

use jsonschema::{
    Validator,
    error::ValidationErrorKind,
    paths::{Location, LocationSegment},
};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{Operation, Spec};
use crate::error::{ErrorCode, ToolError};

/// The schema of a type as it is read, cleaned.
pub fn schema_of<T: JsonSchema>() -> Map<String, Value> {
    cleaned::<T>(SchemaSettings::draft2020_12())
}

/// The schema of a type as it is written, cleaned: what an answer may leave out is not required.
pub fn answer_schema<T: JsonSchema>() -> Map<String, Value> {
    cleaned::<T>(SchemaSettings::draft2020_12().for_serialize())
}

fn cleaned<T: JsonSchema>(settings: SchemaSettings) -> Map<String, Value> {
    let settings = settings.with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    clean(&mut schema);
    match schema {
        Value::Object(mut map) => {
            map.remove("title");
            map.remove("description");
            map
        }
        _ => Map::new(),
    }
}

/// What the catalog adds to the arguments and answers of a tool because of where it is offered.
#[derive(Debug, Clone, Copy, Default)]
pub struct Surroundings<'a> {
    /// Whether a policy asks for a plan where the tool's own nature would not.
    pub previewed: bool,
    /// The names of the workspaces that are served, the default first, where there are several.
    pub workspaces: &'a [String],
}

/// The input schema of a tool: its arguments and those the catalog adds.
pub fn input_schema<T: JsonSchema>(spec: &Spec, surroundings: Surroundings<'_>) -> Map<String, Value> {
    let mut schema = schema_of::<T>();
    schema.insert("type".into(), json!("object"));
    schema.insert("additionalProperties".into(), json!(false));
    with_guard_arguments(schema, spec, surroundings)
}

/// The input schema of a declared operation, likewise.
pub fn operation_schema(operation: &'static Operation, surroundings: Surroundings<'_>) -> Map<String, Value> {
    with_guard_arguments(operation.input_schema(), &operation.spec(), surroundings)
}

/// The schema with the workspace a call may name, where there are several.
pub fn with_workspace_argument(mut schema: Map<String, Value>, workspaces: &[String]) -> Map<String, Value> {
    if let [default, _, ..] = workspaces {
        let argument = json!({ "type": "string", "enum": workspaces, "default": default });
        insert_property(&mut schema, WORKSPACE, argument);
    }
    schema
}

/// The schema of an answer that says which workspace it is from, where there are several.
pub fn with_workspace_said(mut schema: Map<String, Value>, workspaces: &[String]) -> Map<String, Value> {
    if workspaces.len() > 1 {
        insert_property(&mut schema, WORKSPACE, json!({ "type": "string" }));
    }
    schema
}

fn insert_property(schema: &mut Map<String, Value>, name: &str, property: Value) {
    if let Value::Object(properties) = schema.entry("properties").or_insert_with(|| json!({})) {
        properties.insert(name.into(), property);
    }
}

fn with_guard_arguments(
    mut schema: Map<String, Value>,
    spec: &Spec,
    surroundings: Surroundings<'_>,
) -> Map<String, Value> {
    let properties = schema.entry("properties").or_insert_with(|| json!({}));
    if let Value::Object(properties) = properties {
        // Their names say what they are, and the answer that asks for one says how: words here would be read in every
        // conversation.
        if surroundings.previewed || spec.takes_plan_token() {
            properties.insert(PLAN_TOKEN.into(), json!({ "type": "string" }));
        }
        if spec.takes_idempotency_key() {
            properties.insert(IDEMPOTENCY_KEY.into(), json!({ "type": "string", "maxLength": 100 }));
        }
        if properties.is_empty() {
            schema.remove("properties");
        }
    }
    with_workspace_argument(schema, surroundings.workspaces)
}

/// Name of the argument that carries a plan token.
pub const PLAN_TOKEN: &str = "plan_token";
/// Name of the argument that carries an idempotency key.
pub const IDEMPOTENCY_KEY: &str = "idempotency_key";
/// Name of the argument that names the workspace where several are served.
pub const WORKSPACE: &str = "workspace";

/// Removes what trips clients, everywhere in a schema.
fn clean(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(clean),
        Value::Object(map) => {
            let numeric = matches!(map.get("type"), Some(Value::String(kind)) if kind == "integer" || kind == "number")
                || matches!(map.get("type"), Some(Value::Array(kinds)) if kinds.iter().any(|kind| kind == "integer" || kind == "number"));
            if numeric {
                map.remove("format");
            }
            if map.get("default").is_some_and(Value::is_null) {
                map.remove("default");
            }
            without_null(map);
            constants_as_enum(map);
            map.values_mut().for_each(clean);
        }
        _ => {}
    }
}

/// A choice between constants is an `enum`: the long form costs the model's context and says no more than the names.
fn constants_as_enum(map: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = map.get("oneOf") else { return };
    let constants: Option<Vec<Value>> = choices.iter().map(|choice| choice.get("const").cloned()).collect();
    if let Some(constants) = constants.filter(|constants| constants.iter().all(Value::is_string)) {
        map.remove("oneOf");
        map.insert("type".into(), json!("string"));
        map.insert("enum".into(), Value::Array(constants));
    }
}

/// Optional arguments are left out, not null: one type says all.
fn without_null(map: &mut Map<String, Value>) {
    if let Some(Value::Array(kinds)) = map.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [only] = kinds.as_slice() {
            let only = only.clone();
            map.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(choices)) = map.get_mut("enum") {
        choices.retain(|choice| !choice.is_null());
    }
    if let Some(Value::Array(choices)) = map.get_mut("anyOf") {
        choices.retain(|choice| choice != &json!({ "type": "null" }));
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            map.remove("anyOf");
            for (key, value) in only {
                map.entry(key).or_insert(value);
            }
        }
    }
}

/// A schema that is held: compiled when first needed, since most tools of a list are never called.
#[derive(Debug)]
pub struct HeldSchema {
    schema: Value,
    validator: OnceLock<Option<Validator>>,
}

impl HeldSchema {
    /// Holds callers to a schema.
    pub fn new(schema: Map<String, Value>) -> Self {
        Self { schema: Value::Object(schema), validator: OnceLock::new() }
    }

    /// Refuses arguments that do not fit, naming the argument and what is valid.
    pub fn check(&self, arguments: &Value) -> Result<(), ToolError> {
        let validator = self.validator.get_or_init(|| {
            jsonschema::draft202012::new(&self.schema)
                .inspect_err(|error| tracing::error!(%error, "a schema of ours does not compile"))
                .ok()
        });
        let Some(validator) = validator else {
            return Err(ToolError::new(ErrorCode::Internal, "The schema of this tool is broken. Nothing was changed."));
        };
        if let Some(unknown) = self.unknown_argument(arguments) {
            return Err(self.explain_unknown(unknown));
        }
        // To know whether something is wrong is cheaper than to know what.
        if validator.is_valid(arguments) {
            return Ok(());
        }
        match validator.iter_errors(arguments).next() {
            None => Ok(()),
            Some(error) => Err(self.explain(&error)),
        }
    }

    /// The first argument that the tool does not have. Looked for before all else: a misspelt name is why another is
    /// missing.
    fn unknown_argument<'a>(&self, arguments: &'a Value) -> Option<&'a str> {
        if self.schema["additionalProperties"] != json!(false) {
            return None;
        }
        let known = |name: &str| self.schema["properties"].get(name).is_some();
        arguments.as_object()?.keys().map(String::as_str).find(|name| !known(name))
    }

    fn explain_unknown(&self, given: &str) -> ToolError {
        let unknown = shown_name(given);
        let message = format!("`{unknown}` is not an argument of this tool. Nothing was changed.");
        ToolError::invalid(unknown, message).next(self.valid_arguments(given))
    }

    fn explain(&self, error: &jsonschema::ValidationError<'_>) -> ToolError {
        let field = field_of(error.instance_path());
        match error.kind() {
            ValidationErrorKind::Required { property } => {
                let missing = property.as_str().unwrap_or_default();
                let path = if field.is_empty() { missing.to_owned() } else { format!("{field}.{missing}") };
                ToolError::invalid(path.clone(), format!("The argument `{path}` is missing. Nothing was changed."))
                    .next(self.describe(missing))
            }
            _ if error.instance().is_null() => {
                ToolError::invalid(field.clone(), format!("`{field}` is null. Nothing was changed."))
                    .next("Leave out arguments that you have no value for.")
            }
            kind => {
                let expected = self.expectation(kind, error.schema_path());
                let argument = argument_of(error.instance_path()).unwrap_or_default();
                let next = self.description(&argument).or_else(|| self.example(&argument));
                ToolError::invalid(field.clone(), format!("`{field}` {expected}. Nothing was changed."))
                    .next(next.unwrap_or_else(|| correct(&field)))
            }
        }
    }

    /// The names there are, the nearest first if one is near.
    fn valid_arguments(&self, given: &str) -> String {
        let names: Vec<&str> =
            self.schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        if names.is_empty() {
            return "This tool takes no arguments.".to_owned();
        }
        let likeness = |name: &&&str| strsim::jaro_winkler(given, name);
        let nearest = names.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let hint = nearest
            .filter(|name| likeness(name) >= ALIKE)
            .map_or_else(String::new, |name| format!("Did you mean `{name}`? "));
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        format!("{hint}Valid arguments: {}.", names.join(", "))
    }

    fn description(&self, argument: &str) -> Option<String> {
        let text = self.schema["properties"][argument]["description"].as_str()?;
        Some(format!("`{argument}`: {text}"))
    }

    fn example(&self, argument: &str) -> Option<String> {
        let example = self.schema["properties"][argument]["examples"].as_array()?.first()?;
        Some(format!("`{argument}` is such as {example}."))
    }

    fn describe(&self, argument: &str) -> String {
        let known = self.description(argument).or_else(|| self.example(argument));
        known.unwrap_or_else(|| format!("Give `{argument}`."))
    }

    /// What was expected, without repeating the value: it may be personal data.
    fn expectation(&self, kind: &ValidationErrorKind, schema_path: &Location) -> String {
        match kind {
            ValidationErrorKind::Type { kind } => format!("must be of type {}", type_name(kind)),
            ValidationErrorKind::Enum { options } => format!("must be one of {}", list_options(options)),
            ValidationErrorKind::Minimum { limit } => format!("must be at least {limit}"),
            ValidationErrorKind::Maximum { limit } => format!("must be at most {limit}"),
            ValidationErrorKind::MinLength { limit: 1 }
            | ValidationErrorKind::MinItems { limit: 1 }
            | ValidationErrorKind::MinProperties { limit: 1 } => "must not be empty".to_owned(),
            ValidationErrorKind::MinLength { limit } => format!("must have at least {limit} characters"),
            ValidationErrorKind::MaxLength { limit } => format!("must have at most {limit} characters"),
            ValidationErrorKind::MinItems { limit } | ValidationErrorKind::MinProperties { limit } => {
                format!("must have at least {limit} entries")
            }
            ValidationErrorKind::MaxItems { limit } | ValidationErrorKind::MaxProperties { limit } => {
                format!("must have at most {limit} entries")
            }
            ValidationErrorKind::Pattern { pattern } => format!("must match {pattern}"),
            ValidationErrorKind::Not { schema } => {
                format!("must not be one of {}, which mean something else", list_options(&schema["enum"]))
            }
            ValidationErrorKind::UniqueItems => "must not hold the same entry twice".to_owned(),
            ValidationErrorKind::AnyOf { .. } | ValidationErrorKind::OneOfNotValid { .. } => {
                self.alternatives_at(schema_path)
            }
            _ => "is not valid".to_owned(),
        }
    }

    /// The types that a list of alternatives allows.
    fn alternatives_at(&self, schema_path: &Location) -> String {
        let alternatives = self.schema.pointer(schema_path.as_str()).and_then(Value::as_array);
        let types: Vec<_> = alternatives.into_iter().flatten().filter_map(|one| one["type"].as_str()).collect();
        format!("must be of type {}", types.join(" or "))
    }
}

/// The next step where nothing more is to be said.
pub fn correct(field: &str) -> String {
    format!("Correct `{field}` and call again.")
}

/// Names less alike than this are no suggestion; on a scale from 0 to 1.
const ALIKE: f64 = 0.8;

/// The most characters of an unknown name that are repeated.
const SHOWN_NAME_CHARS: usize = 60;

/// A name of the caller's, short and on one line.
fn shown_name(name: &str) -> String {
    let mut shown: String = name.chars().take(SHOWN_NAME_CHARS).flat_map(char::escape_debug).collect();
    if name.chars().count() > SHOWN_NAME_CHARS {
        shown.push('…');
    }
    shown
}

/// `attributes.plan` or `customers[0]`.
fn field_of(path: &Location) -> String {
    let mut field = String::new();
    for segment in path {
        match segment {
            LocationSegment::Property(name) => {
                if !field.is_empty() {
                    field.push('.');
                }
                field.push_str(&shown_name(&name));
            }
            LocationSegment::Index(at) => field.extend(["[", at.to_string().as_str(), "]"]),
        }
    }
    field
}

/// The argument of the tool that a place lies in.
fn argument_of(path: &Location) -> Option<String> {
    match path.into_iter().next()? {
        LocationSegment::Property(name) => Some(name.into_owned()),
        LocationSegment::Index(_) => None,
    }
}

fn list_options(options: &Value) -> String {
    let options: Vec<_> = options.as_array().into_iter().flatten().map(|option| format!("{option}")).collect();
    options.join(", ")
}

fn type_name(kind: &jsonschema::error::TypeKind) -> String {
    match kind {
        jsonschema::error::TypeKind::Single(kind) => kind.to_string(),
        jsonschema::error::TypeKind::Multiple(kinds) => {
            kinds.iter().map(|kind| kind.to_string()).collect::<Vec<_>>().join(" or ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Input {
        /// How many.
        #[schemars(range(min = 1, max = 50))]
        limit: Option<u64>,
        kind: Option<Kind>,
        name: String,
    }

    #[derive(JsonSchema)]
    #[schemars(rename_all = "snake_case")]
    #[expect(dead_code, reason = "only its schema is looked at")]
    enum Kind {
        /// The first.
        One,
        /// The second.
        Two,
    }

    fn held() -> HeldSchema {
        let mut schema = schema_of::<Input>();
        schema.insert("additionalProperties".into(), json!(false));
        HeldSchema::new(schema)
    }

    #[test]
    fn a_cleaned_schema_has_no_formats_and_no_nulls() {
        let text = held().schema.to_string();
        assert!(!text.contains("format") && !text.contains("null"), "{text}");
        assert!(text.contains(r#""enum":["one","two"]"#) && !text.contains("const"), "{text}");
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let message = |arguments: Value| held().check(&arguments).unwrap_err().message;
        assert!(held().check(&json!({ "name": "x", "limit": 50 })).is_ok());
        assert_eq!(message(json!({ "name": "x", "limit": 51 })), "`limit` must be at most 50. Nothing was changed.");
        assert_eq!(message(json!({ "name": 1 })), "`name` must be of type string. Nothing was changed.");
        assert_eq!(message(json!({})), "The argument `name` is missing. Nothing was changed.");
        assert!(message(json!({ "name": "x", "nme": 1 })).starts_with("`nme` is not an argument"));
        assert!(message(json!({ "name": "x", "kind": "three" })).contains("\"one\", \"two\""));
    }
}
