//! An endpoint of Customer.io that is offered without code of its own, as a stanza of `tools/operations/*.toml` has it.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Effect, Flag, Retry, Toolset};

/// The API an operation belongs to, and with it host and credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationApi {
    /// Track, version 1.
    TrackV1,
    /// Track, version 2.
    TrackV2,
    /// App.
    App,
    /// Pipelines, also called CDP.
    Pipelines,
}

impl OperationApi {
    /// The API's name in documentation.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TrackV1 => "track-v1",
            Self::TrackV2 => "track-v2",
            Self::App => "app",
            Self::Pipelines => "pipelines",
        }
    }
}

/// The method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// DELETE.
    Delete,
}

impl Method {
    /// The method as HTTP writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// How a body is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// JSON.
    #[default]
    Json,
    /// A form with a file in it.
    Multipart,
}

/// What an answer is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerKind {
    /// JSON.
    #[default]
    Json,
    /// The bytes of an image.
    Image,
}

/// What is asked before a call where the operator has said nothing, if it is more than the effect asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DefaultPolicy {
    /// A human agrees.
    Approve,
    /// It is not done.
    Deny,
}

/// Where in a request a parameter goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A segment of the path.
    Path,
    /// The query.
    Query,
    /// A field of the body.
    Body,
    /// The body itself, or the rest of it beside the fields that are declared.
    WholeBody,
}

/// The type of a parameter, in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// True or false.
    Boolean,
    /// An object.
    Object,
    /// A list.
    Array,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Object => "object",
            Self::Array => "array",
        }
    }
}

/// An argument of an operation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// What callers call it: the same word for the same thing in every tool.
    pub name: String,
    /// Where it goes.
    #[serde(rename = "in")]
    pub place: Place,
    /// What Customer.io calls it, if not the same.
    pub send_as: Option<String>,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Kind,
    #[serde(default)]
    required: bool,
    /// What it means, where name and type leave a question.
    pub description: Option<String>,
    #[serde(rename = "enum")]
    choices: Option<Vec<String>>,
    /// The choices of a number.
    #[serde(rename = "one_of")]
    numbers: Option<Vec<i64>>,
    /// Values that mean another operation.
    #[serde(default)]
    pub except: Vec<String>,
    minimum: Option<i64>,
    maximum: Option<i64>,
    min_length: Option<u64>,
    max_length: Option<u64>,
    min_items: Option<u64>,
    max_items: Option<u64>,
    min_properties: Option<u64>,
    /// The schema of an entry.
    items: Option<Value>,
    /// The schemas of an object's keys.
    properties: Option<Value>,
    required_keys: Option<Vec<String>>,
}

impl Parameter {
    /// Whether a call without it is refused.
    pub fn is_required(&self) -> bool {
        self.required || self.place == Place::Path
    }

    /// The name it is sent under.
    pub fn sent_as(&self) -> &str {
        self.send_as.as_deref().unwrap_or(&self.name)
    }

    fn schema(&self) -> Value {
        let mut schema = Map::new();
        schema.insert("type".into(), json!(self.kind.as_str()));
        let mut put = |keyword: &str, value: Option<Value>| {
            if let Some(value) = value {
                schema.insert(keyword.into(), value);
            }
        };
        put("description", self.description.as_ref().map(|text| json!(text)));
        put("enum", self.choices.as_ref().map(|choices| json!(choices)));
        put("enum", self.numbers.as_ref().map(|choices| json!(choices)));
        put("not", (!self.except.is_empty()).then(|| json!({ "enum": self.except })));
        put("minimum", self.minimum.map(|bound| json!(bound)));
        put("maximum", self.maximum.map(|bound| json!(bound)));
        put("minLength", self.min_length.map(|bound| json!(bound)));
        put("maxLength", self.max_length.map(|bound| json!(bound)));
        put("minItems", self.min_items.map(|bound| json!(bound)));
        put("maxItems", self.max_items.map(|bound| json!(bound)));
        put("minProperties", self.min_properties.map(|bound| json!(bound)));
        put("items", self.items.clone());
        put("properties", self.properties.clone());
        put("required", self.required_keys.as_ref().map(|keys| json!(keys)));
        Value::Object(schema)
    }
}

/// A declared operation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// Its name: `verb_noun`, never changed once released.
    pub name: String,
    /// The API it belongs to.
    pub api: OperationApi,
    /// Its method.
    pub method: Method,
    /// Its path, with `{placeholders}` for its path parameters.
    pub path: String,
    /// Its one effect.
    pub effect: Effect,
    /// When a request of unknown fate may be repeated.
    pub retry: Retry,
    /// What else it does.
    #[serde(default)]
    pub flags: Vec<Flag>,
    /// What is asked before it where the operator has said nothing.
    pub default_policy: Option<DefaultPolicy>,
    /// What it does, the decisive words first.
    pub summary: String,
    /// Whether it is not known what its body may hold.
    #[serde(default)]
    pub free_form: bool,
    /// How its body is written.
    #[serde(default)]
    pub encoding: Encoding,
    /// What its answer is.
    #[serde(default)]
    pub answer: AnswerKind,
    /// What its body holds in every call: where one endpoint does many things, this says which.
    #[serde(default)]
    pub fixed: Map<String, Value>,
    /// Lists of parameters of which a call has to give one.
    #[serde(default)]
    pub one_of: Vec<Vec<String>>,
    /// Its arguments.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// The toolset it belongs to, from its file.
    #[serde(skip)]
    pub toolset: Toolset,
}

impl Operation {
    /// The schema of its arguments.
    pub fn input_schema(&self) -> Map<String, Value> {
        let properties: Map<String, Value> =
            self.parameters.iter().map(|parameter| (parameter.name.clone(), parameter.schema())).collect();
        let required: Vec<&str> = self
            .parameters
            .iter()
            .filter(|parameter| parameter.is_required())
            .map(|parameter| parameter.name.as_str())
            .collect();
        let mut schema = Map::new();
        schema.insert("type".into(), json!("object"));
        if !properties.is_empty() {
            schema.insert("properties".into(), Value::Object(properties));
        }
        if !required.is_empty() {
            schema.insert("required".into(), json!(required));
        }
        schema.insert("additionalProperties".into(), json!(false));
        schema
    }

    /// The names in braces in its path.
    pub fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
    }
}
