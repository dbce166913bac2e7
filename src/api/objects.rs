//! Objects that people are related to, such as companies (behaviour.md sections 3 and 5).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Api, CallScope, UpstreamError, lenient,
    request::{Method, Request, Surface},
};

/// A kind of object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectType {
    /// A number as text.
    #[serde(default, deserialize_with = "lenient::text")]
    pub id: String,
    /// What templates call them, as in `objects.<slug>[0]`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub slug: String,
    /// Whether it is in use.
    #[serde(default, deserialize_with = "lenient::truth")]
    pub enabled: bool,
}

#[derive(Deserialize)]
struct TypesAnswer {
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    types: Vec<ObjectType>,
}

#[derive(Deserialize)]
struct ObjectAnswer {
    object: Object,
}

#[derive(Deserialize)]
struct Object {
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    attributes: Map<String, Value>,
}

impl Api {
    /// The kinds of objects: `GET /v1/object_types`. Not paged.
    pub async fn object_types(&self, scope: &CallScope) -> Result<Vec<ObjectType>, UpstreamError> {
        let request = Request::reading(Surface::App, Method::Get, "list object types", &["v1", "object_types"])?;
        Ok(self.send(scope, &request).await?.json::<TypesAnswer>()?.types)
    }

    /// What is known of an object, every value as text: `GET /v1/objects/{type}/{id}/attributes`.
    pub async fn object_attributes(
        &self,
        scope: &CallScope,
        object_type_id: &str,
        object_id: &str,
    ) -> Result<Map<String, Value>, UpstreamError> {
        let segments = ["v1", "objects", object_type_id, object_id, "attributes"];
        let request = Request::reading(Surface::App, Method::Get, "get an object", &segments)?;
        Ok(self.send(scope, &request).await?.json::<ObjectAnswer>()?.object.attributes)
    }
}
