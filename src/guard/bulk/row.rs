//! What a row says, by the rules of the tool for one person or one event.

use std::io;

use serde_json::{Map, Value};

use super::Kind;
use crate::{
    error::{ErrorCode, ToolError},
    guard::{
        identity::{
            identifier::{CustomerRef, IdType, Identifiers},
            strategy::IdForm,
        },
        values::{Attributes, Data, EventName, Fault, UnixTime},
    },
    rows::RowFault,
    state::ImportRefusal,
};

/// Columns of a file of people that are text whatever they hold.
const TEXTS_OF_CUSTOMERS: &[&str] = &["id", "email", "cio_id"];
/// Columns of a file of events that are text whatever they hold.
const TEXTS_OF_EVENTS: &[&str] = &["customer", "name", "id", "type", "timestamp", "data"];
/// The most bytes of a row as Customer.io is sent it: 32 KB an item, less what goes around the row.
const MAX_ITEM_BYTES: usize = 31_000;
/// Below this many bytes of text no row comes near that.
const SURELY_SMALL_BYTES: usize = 4_000;

/// A person to create or update.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomerRow {
    /// Their identifiers.
    pub given: Identifiers,
    /// What to set.
    pub attributes: Map<String, Value>,
}

/// An event to record.
#[derive(Debug, Clone, PartialEq)]
pub struct EventRow {
    /// Whose.
    pub customer: CustomerRef,
    /// What kind of event.
    pub kind: EventKind,
    /// Its name.
    pub name: String,
    /// Its data.
    pub data: Map<String, Value>,
    /// When it happened, in Unix seconds; `None` is the time of receipt.
    pub timestamp: Option<i64>,
    /// A ULID of the caller's own.
    pub id: Option<String>,
}

/// What kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// Something a person did.
    Event,
    /// A page view.
    Page,
    /// A screen view.
    Screen,
}

/// What a row says.
#[derive(Debug, Clone, PartialEq)]
pub enum RowContent {
    /// A person.
    Customer(CustomerRow),
    /// An event.
    Event(EventRow),
}

impl RowContent {
    /// Every identifier the row names.
    pub fn refs(&self) -> Vec<CustomerRef> {
        match self {
            Self::Customer(row) => row.given.refs(),
            Self::Event(row) => vec![row.customer.clone()],
        }
    }
}

/// Why a row is not written. No personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    code: ErrorCode,
    field: Option<String>,
    reason: String,
}

impl Refused {
    pub(super) fn new(code: ErrorCode, field: Option<&str>, reason: impl Into<String>) -> Self {
        Self { code, field: field.map(str::to_owned), reason: reason.into() }
    }

    fn invalid(field: &str, reason: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidArgument, Some(field), reason)
    }

    /// As it is kept, with the row's number.
    pub(super) fn of_row(self, row: u64) -> ImportRefusal {
        ImportRefusal { row, field: self.field, code: self.code.as_str().to_owned(), reason: self.reason }
    }
}

impl From<ToolError> for Refused {
    fn from(error: ToolError) -> Self {
        let reason = error.message.replace(" Nothing was changed.", "").replace(" Nothing was created.", "");
        Self { code: error.code, field: error.field, reason: reason.trim_end_matches('.').to_owned() }
    }
}

impl From<RowFault> for Refused {
    fn from(fault: RowFault) -> Self {
        Self::new(ErrorCode::InvalidArgument, None, fault.reason)
    }
}

impl Kind {
    /// Columns that are text whatever they hold.
    pub(super) const fn texts(self) -> &'static [&'static str] {
        match self {
            Self::Customers => TEXTS_OF_CUSTOMERS,
            Self::Events => TEXTS_OF_EVENTS,
        }
    }

    /// Reads what a row says. `id_type` is the kind of identifier that names people in events.
    pub(super) fn read(self, fields: Map<String, Value>, id_type: IdType) -> Result<RowContent, Refused> {
        match self {
            Self::Customers => customer(fields).map(RowContent::Customer),
            Self::Events => event(fields, id_type).map(RowContent::Event),
        }
    }
}

fn customer(mut fields: Map<String, Value>) -> Result<CustomerRow, Refused> {
    let mut text = |name: &str| text_of(fields.shift_remove(name), name);
    let (id, email, cio_id) = (text("id")?, text("email")?, text("cio_id")?);
    let given = Identifiers::parse(id.as_deref(), email.as_deref(), cio_id.as_deref())?;
    spread(&mut fields, "attributes")?;
    let attributes = Attributes::checked(fields).map_err(|fault| faulty("attributes", fault))?.into_map();
    check_size(&attributes, "attributes")?;
    Ok(CustomerRow { given, attributes })
}

fn event(mut fields: Map<String, Value>, id_type: IdType) -> Result<EventRow, Refused> {
    let mut text = |name: &str| text_of(fields.shift_remove(name), name);
    let customer = text("customer")?.ok_or_else(|| Refused::invalid("customer", "the row names no `customer`"))?;
    let customer = CustomerRef::parse(id_type, &customer, "customer")?;
    let name = text("name")?.ok_or_else(|| Refused::invalid("name", "the row has no `name` of an event"))?;
    let name = EventName::checked(&name).map_err(|why| Refused::invalid("name", why))?.as_str().to_owned();
    let kind = match text("type")?.as_deref() {
        None | Some("event") => EventKind::Event,
        Some("page") => EventKind::Page,
        Some("screen") => EventKind::Screen,
        Some(_) => return Err(Refused::invalid("type", "`type` is one of event, page and screen")),
    };
    let id = text("id")?;
    if id.as_deref().is_some_and(|id| !IdForm::Ulid.accepts(id)) {
        return Err(Refused::invalid("id", "the `id` of an event is a ULID: 26 digits and capitals. Or leave it out"));
    }
    let timestamp = fields.shift_remove("timestamp").filter(|value| !value.is_null());
    let timestamp = timestamp.as_ref().map(UnixTime::checked).transpose();
    let timestamp = timestamp.map_err(|why| Refused::invalid("timestamp", why))?.map(UnixTime::seconds);
    spread(&mut fields, "data")?;
    let data = Data::checked(fields).map_err(|fault| faulty("data", fault))?.into_map();
    check_size(&data, "data")?;
    Ok(EventRow { customer, kind, name, data, timestamp, id })
}

fn faulty(of: &str, (name, why): Fault) -> Refused {
    Refused::new(ErrorCode::InvalidArgument, Some(name.as_deref().unwrap_or(of)), why)
}

/// A text; a whole number stands for its digits, as ids often do in JSON.
fn text_of(value: Option<Value>, field: &str) -> Result<Option<String>, Refused> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Number(number)) if number.is_i64() || number.is_u64() => Ok(Some(number.to_string())),
        Some(_) => Err(Refused::invalid(field, format!("`{field}` must be text"))),
    }
}

/// Puts what is held under a name of its own beside the rest: JSON writes it as an object, a CSV cell as the text of one.
fn spread(fields: &mut Map<String, Value>, name: &'static str) -> Result<(), Refused> {
    let held = match fields.shift_remove(name) {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Object(held)) => held,
        Some(Value::String(text)) => serde_json::from_str(&text)
            .map_err(|_| Refused::invalid(name, format!("`{name}` is not the text of a JSON object")))?,
        Some(_) => return Err(Refused::invalid(name, format!("`{name}` must be a JSON object"))),
    };
    for (key, value) in held {
        if fields.insert(key, value).is_some() {
            return Err(Refused::invalid(name, format!("a name in `{name}` is also a column of its own")));
        }
    }
    Ok(())
}

fn check_size(map: &Map<String, Value>, field: &str) -> Result<(), Refused> {
    let rough = |(name, value): (&String, &Value)| {
        name.len()
            + match value {
                Value::String(text) => text.len(),
                Value::Array(_) | Value::Object(_) => SURELY_SMALL_BYTES,
                _ => 0,
            }
    };
    if map.iter().map(rough).sum::<usize>() < SURELY_SMALL_BYTES && map.len() < 100 {
        return Ok(());
    }
    let mut bytes = Counted(0);
    if serde_json::to_writer(&mut bytes, map).is_ok() && bytes.0 <= MAX_ITEM_BYTES {
        return Ok(());
    }
    Err(Refused::invalid(field, format!("the row has {} bytes as JSON; at most {MAX_ITEM_BYTES} are taken", bytes.0)))
}

struct Counted(usize);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(kind: Kind, row: Value) -> Result<RowContent, (Option<String>, String)> {
        let Value::Object(fields) = row else { panic!("a row is an object") };
        kind.read(fields, IdType::Id).map_err(|refused| (refused.field, refused.reason))
    }

    #[test]
    fn a_row_of_a_person_is_identifiers_and_attributes() {
        let row = json!({ "id": 7, "email": " Ada@Shop.io", "plan": "gold", "attributes": { "age": 36 } });
        let Ok(RowContent::Customer(row)) = read(Kind::Customers, row) else { panic!("it is one") };
        assert_eq!((row.given.id.as_deref(), row.given.email.as_deref()), (Some("7"), Some("ada@shop.io")));
        assert_eq!(Value::Object(row.attributes), json!({ "plan": "gold", "age": 36 }));
    }

    #[test]
    fn what_is_wrong_with_a_row_names_its_field() {
        let long = "x".repeat(1_001);
        for (kind, row, field) in [
            (Kind::Customers, json!({ "plan": "gold" }), "id"),
            (Kind::Customers, json!({ "id": "1", "email": "ada" }), "email"),
            (Kind::Customers, json!({ "id": "1", "note": long }), "note"),
            (Kind::Customers, json!({ "id": "1", "_update": true }), "_update"),
            (Kind::Customers, json!({ "id": "1", "plan": 1, "attributes": { "plan": 2 } }), "attributes"),
            (Kind::Customers, json!({ "id": ["1"] }), "id"),
            (Kind::Events, json!({ "name": "ping" }), "customer"),
            (Kind::Events, json!({ "customer": "1" }), "name"),
            (Kind::Events, json!({ "customer": "1", "name": "n".repeat(101) }), "name"),
            (Kind::Events, json!({ "customer": "1", "name": "ping", "timestamp": 1_700_000_000_000_i64 }), "timestamp"),
            (Kind::Events, json!({ "customer": "1", "name": "ping", "id": "order-1" }), "id"),
            (Kind::Events, json!({ "customer": "1", "name": "ping", "type": "click" }), "type"),
            (Kind::Events, json!({ "customer": "1", "name": "ping", "data": "[1]" }), "data"),
            (Kind::Events, json!({ "customer": "1", "name": "ping", "note": "x".repeat(32_000) }), "data"),
        ] {
            let refused = read(kind, row.clone()).unwrap_err();
            assert_eq!(refused.0.as_deref(), Some(field), "{row}: {refused:?}");
        }
    }
}
