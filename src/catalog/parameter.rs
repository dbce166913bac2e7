//! An argument of a declared operation: what it is, and where in the request it goes.

use serde::Deserialize;
use serde_json::{Map, Value, json};

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
    /// What Customer.io calls it, if not the same; in a body, dots lead into objects.
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
    /// A value that does, where type and name leave a question.
    example: Option<Value>,
    /// What each entry of its list is wrapped in; dots lead into objects.
    pub each: Option<String>,
    /// Whether Customer.io calls the address it holds.
    #[serde(default)]
    pub egress: bool,
    /// Whether it is somebody's e-mail address.
    #[serde(default)]
    pub address: bool,
    /// Keys that its object may not have: they would name people past the guards.
    #[serde(default)]
    pub refuse_keys: Vec<String>,
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

    pub(super) fn schema(&self) -> Value {
        let mut schema = Map::new();
        schema.insert("type".into(), json!(self.kind.as_str()));
        let mut put = |keyword: &str, value: Option<Value>| {
            if let Some(value) = value {
                schema.insert(keyword.into(), value);
            }
        };
        put("description", self.description.as_ref().map(|text| json!(text)));
        put("examples", self.example.as_ref().map(|example| json!([example])));
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
