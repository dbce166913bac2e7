//! The people that a declared operation names: the same arguments in every operation, written as each request wants them.

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The most people that one call may name.
const MOST: usize = 100;

/// The argument that names one person.
pub(super) const CUSTOMER: &str = "customer";
/// The argument that names several.
pub(super) const CUSTOMERS: &str = "customers";
/// The argument that says which identifier they are named by.
pub const ID_TYPE: &str = "id_type";

/// The people an operation names.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct People {
    /// Where in the request they are written, and how.
    pub written: Written,
    /// Whether a call without them is refused.
    #[serde(default = "yes")]
    pub required: bool,
    /// What becomes of somebody who does not exist.
    #[serde(default)]
    pub absent: AbsentPerson,
}

const fn yes() -> bool {
    true
}

/// Where in a request people are written, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Written {
    /// One, as a segment of the path.
    Path,
    /// One, as `customer_id` in the query.
    Query,
    /// Several, as `ids` in the body.
    Ids,
    /// One, as `identifiers` in the body.
    Identifiers,
    /// One, as `identifiers` of live notifications, which call the `cio_id` `internal`.
    LiveIdentifiers,
    /// Several, as `cio_relationships` of an object.
    Relationships,
    /// One, as `userId` in the body.
    UserId,
    /// One, as `id` or `email` among the answers of a form.
    FormData,
}

/// What becomes of somebody who does not exist.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AbsentPerson {
    /// The call is refused: it would make somebody without anybody meaning to.
    #[default]
    Refuse,
    /// The call makes them, and they count as new.
    Create,
}

impl People {
    /// Whether a call names several.
    pub const fn several(self) -> bool {
        matches!(self.written, Written::Ids | Written::Relationships)
    }

    /// The name of the argument that names them.
    pub const fn argument(self) -> &'static str {
        if self.several() { CUSTOMERS } else { CUSTOMER }
    }

    /// Whether an argument is about them.
    pub fn takes(self, name: &str) -> bool {
        name == self.argument() || name == ID_TYPE
    }

    /// The identifiers by which somebody can be named.
    const fn id_types(self) -> &'static [&'static str] {
        match self.written {
            // What may not exist yet has no `cio_id`.
            Written::FormData => &["id", "email"],
            _ => &["id", "email", "cio_id"],
        }
    }

    pub(super) fn add_to_schema(self, properties: &mut Map<String, Value>, required: &mut Vec<Value>) {
        let named = if self.several() {
            json!({ "type": "array", "items": { "type": "string" }, "minItems": 1, "maxItems": MOST })
        } else {
            json!({ "type": "string" })
        };
        properties.insert(self.argument().into(), named);
        properties.insert(ID_TYPE.into(), json!({ "type": "string", "enum": self.id_types() }));
        if self.required {
            required.push(json!(self.argument()));
        }
    }
}
