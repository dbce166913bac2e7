//! An endpoint of Customer.io that is offered without code of its own, as a stanza of `tools/operations/*.toml` has it.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Credential, Effect, Flag, Retry, Spec, Toolset,
    parameter::{Parameter, Place},
    people::People,
};

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
    /// The people it names.
    pub people: Option<People>,
    /// Its other arguments.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// The toolset it belongs to, from its file.
    #[serde(skip)]
    pub toolset: Toolset,
    /// Its title for people, from its name.
    #[serde(skip)]
    pub title: String,
}

impl Operation {
    /// The schema of its own arguments.
    pub fn input_schema(&self) -> Map<String, Value> {
        let mut properties = Map::new();
        let mut required = Vec::new();
        if let Some(people) = &self.people {
            people.add_to_schema(&mut properties, &mut required);
        }
        for parameter in &self.parameters {
            properties.insert(parameter.name.clone(), parameter.schema());
            if parameter.is_required() {
                required.push(json!(parameter.name));
            }
        }
        let mut schema = Map::new();
        schema.insert("type".into(), json!("object"));
        if !properties.is_empty() {
            schema.insert("properties".into(), Value::Object(properties));
        }
        if !required.is_empty() {
            schema.insert("required".into(), Value::Array(required));
        }
        schema.insert("additionalProperties".into(), json!(false));
        schema
    }

    /// Whether an argument of this name is one of its own.
    pub fn takes(&self, name: &str) -> bool {
        let of_people = self.people.as_ref().is_some_and(|people| people.takes(name));
        of_people || self.parameters.iter().any(|parameter| parameter.name == name)
    }

    /// What it is, as a tool.
    pub fn spec(&'static self) -> Spec {
        Spec {
            name: &self.name,
            title: &self.title,
            prose: &self.summary,
            toolset: self.toolset,
            core: false,
            effect: self.effect,
            retry: self.retry,
            flags: &self.flags,
            needs: match self.api {
                OperationApi::TrackV1 | OperationApi::TrackV2 => &[Credential::Track],
                OperationApi::App => &[Credential::App],
                OperationApi::Pipelines => &[Credential::Pipelines],
            },
        }
    }

    /// What an update can change, where a call may leave out any of it: one that leaves out all is a mistake.
    pub fn changes(&self) -> Vec<&str> {
        let said = self.parameters.iter().filter(|one| matches!(one.place, Place::Body | Place::WholeBody));
        let said: Vec<_> = said.collect();
        if self.method != Method::Put || said.iter().any(|parameter| parameter.is_required()) {
            return Vec::new();
        }
        said.into_iter().map(|parameter| parameter.name.as_str()).collect()
    }

    /// Its parameters that are segments of the path.
    pub fn path_parameters(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(|parameter| parameter.place == Place::Path)
    }

    /// The names in braces in its path.
    pub fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
    }
}
