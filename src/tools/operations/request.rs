//! The request of a declared operation, from the arguments of a call and the people behind them.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};

use crate::{
    api::{
        self, Surface,
        events::new_event_id,
        operation::{Body, FormFile, OperationRequest},
    },
    catalog::{self, Encoding, Operation, OperationApi, Parameter, Place, Written},
    clock::Clock,
    error::ToolError,
    guard::identity::{
        Subject,
        identifier::{CustomerRef, IdType},
    },
    tools::directory::path,
};

/// An operation with the arguments of one call, which its schema has let through.
pub(super) struct Asked<'a> {
    pub(super) operation: &'static Operation,
    pub(super) arguments: &'a Map<String, Value>,
    /// The people the call names, as the guards know them.
    pub(super) people: &'a [Subject],
}

impl Asked<'_> {
    /// The request that does what was asked.
    pub(super) fn request(&self, clock: &dyn Clock) -> Result<OperationRequest, ToolError> {
        let operation = self.operation;
        let mut request = OperationRequest {
            operation: &operation.name,
            surface: surface(operation.api),
            method: method(operation.method),
            segments: self.segments()?,
            query: self.people_in_query(),
            body: Body::None,
            retry: retry(operation.retry),
            private: self.people.iter().map(|subject| subject.given.value.clone()).collect(),
        };
        for (parameter, value) in self.given(Place::Query) {
            request.query.push((parameter.sent_as().to_owned(), plain(value)));
        }
        request.body = match operation.encoding {
            Encoding::Json => self.json_body(clock)?,
            Encoding::Multipart => self.form()?,
        };
        Ok(request)
    }

    /// The request that reads what this one is about to replace or delete: the same path, asked for.
    pub(super) fn reading_before(&self) -> Result<OperationRequest, ToolError> {
        Ok(OperationRequest {
            operation: &self.operation.name,
            surface: surface(self.operation.api),
            method: api::Method::Get,
            segments: self.segments()?,
            query: self.people_in_query(),
            body: Body::None,
            retry: api::Retry::Natural,
            private: self.people.iter().map(|subject| subject.given.value.clone()).collect(),
        })
    }

    /// The parameters of a place that the call gives, with what it gives.
    fn given(&self, place: Place) -> impl Iterator<Item = (&'static Parameter, &Value)> {
        let parameters = self.operation.parameters.iter().filter(move |parameter| parameter.place == place);
        parameters.filter_map(|parameter| Some((parameter, self.arguments.get(&parameter.name)?)))
    }

    fn segments(&self) -> Result<Vec<String>, ToolError> {
        let segment = |segment: &str| {
            let Some(placeholder) = segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) else {
                return Ok(segment.to_owned());
            };
            let given = self.given(Place::Path).find(|(parameter, _)| parameter.sent_as() == placeholder);
            match (given, self.people.first()) {
                (Some((parameter, value)), _) => unescaped(parameter, plain(value)),
                (None, Some(person)) => Ok(path(&person.write_ref()).segment()),
                (None, None) => Err(unnamed(placeholder)),
            }
        };
        self.operation.path.split('/').skip(1).map(segment).collect()
    }

    /// The App API has to be told which identifier a person is named by.
    fn people_in_query(&self) -> Vec<(String, String)> {
        let (Some(people), Some(first)) = (&self.operation.people, self.people.first()) else { return Vec::new() };
        let reference = path(&first.write_ref());
        let id_type = ("id_type".to_owned(), reference.id_type().as_str().to_owned());
        match people.written {
            Written::Path | Written::Ids if self.operation.api == OperationApi::App => vec![id_type],
            Written::Query => vec![("customer_id".to_owned(), reference.segment()), id_type],
            _ => Vec::new(),
        }
    }

    fn json_body(&self, clock: &dyn Clock) -> Result<Body, ToolError> {
        let whole = self.given(Place::WholeBody).next().map(|(_, value)| value.clone());
        let mut body = match whole {
            Some(Value::Object(map)) => map,
            Some(other) => return Ok(Body::Json(other)),
            None => Map::new(),
        };
        body.extend(self.operation.fixed.clone());
        for (parameter, value) in self.given(Place::Body) {
            put(&mut body, parameter.sent_as(), wrapped(parameter, value));
        }
        self.put_people(&mut body)?;
        if self.operation.retry == catalog::Retry::Ulid {
            let name = if self.operation.api == OperationApi::Pipelines { "messageId" } else { "id" };
            body.insert(name.into(), json!(new_event_id(clock)));
        }
        let bodiless = matches!(self.operation.method, catalog::Method::Get | catalog::Method::Delete);
        Ok(if body.is_empty() && bodiless { Body::None } else { Body::Json(Value::Object(body)) })
    }

    fn put_people(&self, body: &mut Map<String, Value>) -> Result<(), ToolError> {
        let (Some(people), Some(first)) = (&self.operation.people, self.people.first()) else { return Ok(()) };
        let reference = first.write_ref();
        match people.written {
            Written::Path | Written::Query => {}
            Written::Ids => {
                let ids = self.people.iter().map(|person| path(&person.write_ref()).segment());
                body.insert("ids".into(), ids.collect());
            }
            Written::Identifiers => {
                body.insert("identifiers".into(), identifiers(&reference));
            }
            Written::LiveIdentifiers => {
                let name = if reference.id_type == IdType::CioId { "internal" } else { reference.id_type.as_str() };
                body.insert("identifiers".into(), json!({ name: reference.value }));
            }
            Written::Relationships => {
                let related =
                    self.people.iter().map(|person| json!({ "identifiers": identifiers(&person.write_ref()) }));
                body.insert("cio_relationships".into(), related.collect());
            }
            Written::UserId => {
                body.insert("userId".into(), json!(user_id(first)?));
            }
            Written::FormData => {
                let named = by_own(first)?;
                put(body, &format!("data.{}", named.id_type.as_str()), json!(named.value));
            }
        }
        Ok(())
    }

    /// The one text that is the file, in base64, goes beside the others.
    fn form(&self) -> Result<Body, ToolError> {
        let mut texts = Vec::new();
        let (mut bytes, mut filename, mut field) = (Vec::new(), String::new(), "");
        for (parameter, value) in self.given(Place::Body) {
            match parameter.name.as_str() {
                "data" => {
                    bytes = BASE64_STANDARD.decode(plain(value)).map_err(|_| not_base64(&parameter.name))?;
                    field = parameter.sent_as();
                }
                "filename" => filename = plain(value),
                _ => texts.push((parameter.sent_as().to_owned(), plain(value))),
            }
        }
        let media_type = media_type(&filename)?.to_owned();
        Ok(Body::Form { texts, file: FormFile { field: field.to_owned(), filename, media_type, bytes } })
    }
}

/// A value as it is sent: where a list asks for objects, each entry in one.
fn wrapped(parameter: &Parameter, value: &Value) -> Value {
    match (&parameter.each, value) {
        (Some(each), Value::Array(items)) => {
            let in_object = |item: &Value| {
                let mut object = Map::new();
                put(&mut object, each, item.clone());
                Value::Object(object)
            };
            items.iter().map(in_object).collect()
        }
        _ => value.clone(),
    }
}

/// Puts a value where dots lead: `import.name` into the object `import`.
fn put(body: &mut Map<String, Value>, name: &str, value: Value) {
    match name.split_once('.') {
        None => {
            body.insert(name.to_owned(), value);
        }
        Some((first, rest)) => {
            let inner = body.entry(first).or_insert_with(|| json!({}));
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

fn identifiers(reference: &CustomerRef) -> Value {
    json!({ reference.id_type.as_str(): reference.value })
}

/// Pipelines and forms know a person by the workspace's own identifiers alone.
fn by_own(person: &Subject) -> Result<CustomerRef, ToolError> {
    let Some(known) = &person.person else { return Ok(person.given.clone()) };
    let own = known.refs().into_iter().filter(|reference| reference.id_type != IdType::CioId);
    own.min_by_key(|reference| reference.id_type != IdType::Id).ok_or_else(|| {
        ToolError::invalid("customer", "This person has neither id nor e-mail address. Nothing was changed.")
            .next("Use an operation of the Track API, which takes a `cio_id`.")
    })
}

/// Pipelines tells the kind of an identifier by its shape: an id that looks like an address names somebody else.
fn user_id(person: &Subject) -> Result<String, ToolError> {
    let own = by_own(person)?;
    let mistaken =
        |own: &CustomerRef| own.id_type == IdType::Id && (own.value.contains('@') || own.value.starts_with("cio_"));
    if !mistaken(&own) {
        return Ok(own.value);
    }
    let email = person.person.as_ref().and_then(|known| known.email.clone());
    email.ok_or_else(|| {
        ToolError::invalid("customer", "Pipelines would take this person's id for an address. Nothing was changed.")
            .next("Use an operation of the Track API, which takes a `cio_id`.")
    })
}

/// A value as a path or query has it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// A segment that a URL would read as a step to elsewhere is refused by its own name.
fn unescaped(parameter: &Parameter, value: String) -> Result<String, ToolError> {
    if matches!(value.as_str(), "" | "." | "..") {
        let name = &parameter.name;
        return Err(ToolError::invalid(name.clone(), format!("`{name}` is empty or a dot. Nothing was changed.")));
    }
    Ok(value)
}

fn unnamed(placeholder: &str) -> ToolError {
    ToolError::invalid("customer", format!("The call names nobody for `{placeholder}`. Nothing was changed."))
}

/// The media type of a file by its name: the kinds that the asset library takes.
fn media_type(filename: &str) -> Result<&'static str, ToolError> {
    let ending = filename.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
    match ending.as_str() {
        "png" => Ok("image/png"),
        "jpg" | "jpeg" => Ok("image/jpeg"),
        "gif" => Ok("image/gif"),
        "bmp" => Ok("image/bmp"),
        "pdf" => Ok("application/pdf"),
        _ => {
            Err(ToolError::invalid("filename", "`filename` ends in no kind that can be uploaded. Nothing was changed.")
                .next("Name a .png, .jpg, .gif, .bmp or .pdf file."))
        }
    }
}

fn not_base64(name: &str) -> ToolError {
    ToolError::invalid(name, format!("`{name}` is not base64. Nothing was changed."))
        .next("Give the bytes of the file in base64, with padding and without line ends.")
}

fn surface(api: OperationApi) -> Surface {
    match api {
        OperationApi::TrackV1 | OperationApi::TrackV2 => Surface::Track,
        OperationApi::App => Surface::App,
        OperationApi::Pipelines => Surface::Pipelines,
    }
}

fn method(method: catalog::Method) -> api::Method {
    match method {
        catalog::Method::Get => api::Method::Get,
        catalog::Method::Post => api::Method::Post,
        catalog::Method::Put => api::Method::Put,
        catalog::Method::Delete => api::Method::Delete,
    }
}

fn retry(retry: catalog::Retry) -> api::Retry {
    match retry {
        catalog::Retry::Natural => api::Retry::Natural,
        catalog::Retry::Ulid => api::Retry::Ulid,
        catalog::Retry::Ledger => api::Retry::Ledger,
    }
}
