//! Argument types that hold Customer.io's limits, so that no tool can take a value without its check.
//!
//! Limits are behaviour notes section 2, in bytes of UTF-8; reserved names and timestamps are section 3. Track accepts
//! what breaks them and misreads or drops it later, in silence.

use std::{borrow::Cow, fmt};

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeSeed, Error as _, MapAccess, Visitor},
};
use serde_json::{Map, Value};

use super::shown::is_shown_in_part;

/// The most attributes in one call.
const MAX_ATTRIBUTES: usize = 300;
/// The most bytes in an attribute's name.
const MAX_NAME_BYTES: usize = 150;
/// The most bytes in an attribute's value.
const MAX_VALUE_BYTES: usize = 1_000;
/// The most bytes of attributes in one call: what Track takes as one operation.
const MAX_ATTRIBUTES_BYTES: usize = 32 * 1_024;
/// The most bytes in an event's name.
const MAX_EVENT_NAME_BYTES: usize = 100;
/// The most bytes in an event's or message's data: an operation of 32 KB less its envelope.
const MAX_DATA_BYTES: usize = 31 * 1_024;
/// The most characters of a name that an error repeats.
const SHOWN_NAME_CHARS: usize = 40;
/// The deepest nesting of JSON we pass on.
const MAX_DEPTH: usize = 16;

/// Names that are arguments of their own, or that Track reads as commands.
const RESERVED: &[(&str, &str)] = &[
    ("id", "give it as the argument `id`"),
    ("email", "give it as the argument `email`"),
    ("cio_id", "give it as the argument `cio_id`"),
    ("_update", "it is set for you"),
    ("_timestamp", "it is set for you"),
    ("_created_in_customerio_at", "Customer.io sets it"),
    ("timezone_valid", "Customer.io sets it"),
    ("cio_relationships", "relationships are not attributes"),
    ("mcp_test", "use the argument `test`"),
    ("mcp_test_run", "use the argument `test`"),
    ("mcp_test_expires_at", "use the argument `test`"),
];

/// Attributes of a person, within every limit.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Attributes(Map<String, Value>);

/// What is wrong with a value of a row, and at which name.
pub(crate) type Fault = (Option<String>, String);

/// Holds the entries of a row to the rules of an argument.
fn checked(
    map: &Map<String, Value>,
    name: fn(&str) -> Result<(), String>,
    value: fn(&str, &Value) -> Result<(), String>,
) -> Result<(), Fault> {
    for (key, held) in map {
        name(key).map_err(|why| (None, why))?;
        if is_shown_in_part(held) {
            return Err((Some(shorten(key)), "the value was masked or cut in an answer".to_owned()));
        }
        value(key, held).map_err(|why| (Some(shorten(key)), why))?;
    }
    Ok(())
}

impl Attributes {
    /// Attributes out of a row, by the rules of an argument.
    pub(crate) fn checked(map: Map<String, Value>) -> Result<Self, Fault> {
        checked(&map, check_attribute_name, check_attribute)?;
        check_attributes(&map).map_err(|why| (None, why))?;
        Ok(Self(map))
    }

    /// The attributes as JSON.
    pub fn into_map(self) -> Map<String, Value> {
        self.0
    }

    /// The attributes as JSON.
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = deserializer.deserialize_map(Entries { name: check_attribute_name, value: check_attribute })?;
        check_attributes(&map).map_err(D::Error::custom)?;
        Ok(Self(map))
    }
}

impl JsonSchema for Attributes {
    fn schema_name() -> Cow<'static, str> {
        "Attributes".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "maxProperties": MAX_ATTRIBUTES })
    }
}

fn check_attributes(map: &Map<String, Value>) -> Result<(), String> {
    if map.len() > MAX_ATTRIBUTES {
        return Err(format!("{} attributes in one call; Customer.io takes at most {MAX_ATTRIBUTES}", map.len()));
    }
    check_size(map, MAX_ATTRIBUTES_BYTES, "attributes")
}

fn check_attribute_name(name: &str) -> Result<(), String> {
    let shown = shorten(name);
    if name.is_empty() || name.trim() != name || name.chars().any(char::is_control) {
        return Err(format!(
            "the attribute name `{shown}` is empty, has white space at its ends or control characters"
        ));
    }
    if name.len() > MAX_NAME_BYTES {
        return Err(format!(
            "the attribute name `{shown}` has {} bytes; at most {MAX_NAME_BYTES} are taken",
            name.len()
        ));
    }
    Ok(())
}

fn check_attribute(name: &str, value: &Value) -> Result<(), String> {
    if let Some((_, instead)) = RESERVED.iter().find(|(reserved, _)| *reserved == name) {
        return Err(format!("this name is reserved: {instead}"));
    }
    let bytes = value.as_str().map_or_else(|| json_bytes(value), str::len);
    if bytes > MAX_VALUE_BYTES {
        return Err(format!("the value has {bytes} bytes; at most {MAX_VALUE_BYTES} are taken"));
    }
    check_depth(value)?;
    if name.ends_with("_at") && value.as_f64().is_some_and(is_milliseconds) {
        return Err(
            "the value looks like milliseconds; Customer.io reads times as Unix seconds, so divide by 1,000".to_owned()
        );
    }
    Ok(())
}

/// Reads an object entry by entry, so that what is wrong with a value is reported at its own place.
struct Entries {
    name: fn(&str) -> Result<(), String>,
    value: fn(&str, &Value) -> Result<(), String>,
}

impl<'de> Visitor<'de> for Entries {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Map<String, Value>, A::Error> {
        let mut map = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            (self.name)(&name).map_err(A::Error::custom)?;
            let value = entries.next_value_seed(Entry { name: &name, check: self.value })?;
            map.insert(name, value);
        }
        Ok(map)
    }
}

/// One value of an object, checked where it stands.
struct Entry<'a> {
    name: &'a str,
    check: fn(&str, &Value) -> Result<(), String>,
}

impl<'de> DeserializeSeed<'de> for Entry<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let value = Value::deserialize(deserializer)?;
        (self.check)(self.name, &value).map_err(D::Error::custom)?;
        Ok(value)
    }
}

/// The name of an event, trimmed as Track would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct EventName(String);

impl EventName {
    /// A name out of a row, by the rules of an argument.
    pub(crate) fn checked(name: &str) -> Result<Self, String> {
        let name = name.trim();
        if name.is_empty() || name.chars().any(char::is_control) {
            return Err("an event name cannot be empty or contain control characters".to_owned());
        }
        if name.len() > MAX_EVENT_NAME_BYTES {
            return Err(format!("the event name has {} bytes; at most {MAX_EVENT_NAME_BYTES} are taken", name.len()));
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for EventName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::checked(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl JsonSchema for EventName {
    fn schema_name() -> Cow<'static, str> {
        "EventName".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": MAX_EVENT_NAME_BYTES })
    }
}

/// The data of an event or a message, within the size Track and the App API take.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Data(Map<String, Value>);

impl Data {
    /// Data out of a row, by the rules of an argument.
    pub(crate) fn checked(map: Map<String, Value>) -> Result<Self, Fault> {
        checked(&map, |_| Ok(()), |_, value| check_depth(value))?;
        check_size(&map, MAX_DATA_BYTES, "data").map_err(|why| (None, why))?;
        Ok(Self(map))
    }

    /// The data as JSON.
    pub fn into_map(self) -> Map<String, Value> {
        self.0
    }

    /// The data as JSON.
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = deserializer.deserialize_map(Entries { name: |_| Ok(()), value: |_, value| check_depth(value) })?;
        check_size(&map, MAX_DATA_BYTES, "data").map_err(D::Error::custom)?;
        Ok(Self(map))
    }
}

impl JsonSchema for Data {
    fn schema_name() -> Cow<'static, str> {
        "Data".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object" })
    }
}

/// A moment in Unix seconds, given as such or as ISO 8601 with an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct UnixTime(i64);

impl UnixTime {
    /// A time out of an argument or a row.
    pub(crate) fn checked(value: &Value) -> Result<Self, String> {
        let seconds = match value {
            Value::Number(number) => number.as_i64().ok_or("a Unix time is a whole number of seconds".to_owned()),
            Value::String(text) => iso_seconds(text),
            _ => Err("a time is ISO 8601 with an offset, or Unix seconds".to_owned()),
        };
        seconds.and_then(plausible).map(Self)
    }

    /// Unix seconds.
    pub const fn seconds(self) -> i64 {
        self.0
    }
}

/// Below this Customer.io's date conditions do not work (1973).
const EARLIEST_SECONDS: i64 = 100_000_000;
/// The end of the century: later is a mistake.
const LATEST_SECONDS: i64 = 4_102_444_800;

impl<'de> Deserialize<'de> for UnixTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::checked(&Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

fn iso_seconds(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    text.parse::<Timestamp>().map(Timestamp::as_second).map_err(|_| {
        "the time does not exist, or is not ISO 8601 with an offset, such as 2026-11-23T09:30:00Z or 2026-11-23T09:30:00+01:00".to_owned()
    })
}

#[expect(clippy::cast_precision_loss, reason = "only compared with a wide bound")]
fn plausible(seconds: i64) -> Result<i64, String> {
    if is_milliseconds(seconds as f64) {
        return Err("the time looks like milliseconds; give Unix seconds, so divide by 1,000".to_owned());
    }
    if !(EARLIEST_SECONDS..LATEST_SECONDS).contains(&seconds) {
        return Err(format!(
            "the time {seconds} is out of range: Customer.io takes Unix seconds after {EARLIEST_SECONDS} (1973), and we \
             take none after 2099"
        ));
    }
    Ok(seconds)
}

fn is_milliseconds(number: f64) -> bool {
    number.abs() >= 100_000_000_000.0
}

impl JsonSchema for UnixTime {
    fn schema_name() -> Cow<'static, str> {
        "UnixTime".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, { "type": "integer" }] })
    }
}

fn check_size(map: &Map<String, Value>, max_bytes: usize, what: &str) -> Result<(), String> {
    let bytes: usize = map.iter().map(|(name, value)| name.len() + 4 + json_bytes(value)).sum();
    if bytes > max_bytes {
        return Err(format!("the {what} have {bytes} bytes as JSON; at most {max_bytes} are taken in one call"));
    }
    Ok(())
}

fn check_depth(value: &Value) -> Result<(), String> {
    fn depth(value: &Value, left: usize) -> bool {
        match (value, left) {
            (Value::Array(_) | Value::Object(_), 0) => false,
            (Value::Array(items), _) => items.iter().all(|item| depth(item, left - 1)),
            (Value::Object(map), _) => map.values().all(|item| depth(item, left - 1)),
            _ => true,
        }
    }
    if depth(value, MAX_DEPTH) { Ok(()) } else { Err(format!("the value is nested deeper than {MAX_DEPTH} levels")) }
}

fn json_bytes(value: &Value) -> usize {
    serde_json::to_string(value).map_or(usize::MAX / 2, |text| text.len())
}

/// A name fit to be quoted in an error: short, and on one line.
fn shorten(name: &str) -> String {
    let start: String = name.chars().take(SHOWN_NAME_CHARS).flat_map(char::escape_debug).collect();
    if name.chars().count() > SHOWN_NAME_CHARS { start + "…" } else { start }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn attributes(value: Value) -> Result<Attributes, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn attribute_limits_are_bytes() {
        let name = "é".repeat(75);
        assert!(attributes(json!({ name.clone(): 1 })).is_ok());
        assert!(attributes(json!({ format!("{name}x"): 1 })).unwrap_err().contains("151 bytes"));
        assert!(attributes(json!({ "a": "x".repeat(1_000) })).is_ok());
        assert!(attributes(json!({ "a": "x".repeat(1_001) })).unwrap_err().contains("1001 bytes"));
        let many: Map<_, _> = (0..301).map(|n| (format!("a{n}"), json!(1))).collect();
        assert!(attributes(Value::Object(many)).unwrap_err().contains("301 attributes"));
        let large: Map<_, _> = (0..34).map(|n| (format!("a{n}"), json!("x".repeat(990)))).collect();
        assert!(attributes(Value::Object(large)).unwrap_err().contains("at most 32768"));
    }

    #[test]
    fn names_that_would_be_commands_are_refused() {
        assert!(attributes(json!({ "id": "x" })).unwrap_err().contains("argument `id`"));
        assert!(attributes(json!({ "mcp_test": true })).unwrap_err().contains("argument `test`"));
        assert!(attributes(json!({ "created_at": 1_700_000_000_000_i64 })).unwrap_err().contains("milliseconds"));
    }

    #[test]
    fn times_are_seconds() {
        let time = |value: Value| serde_json::from_value::<UnixTime>(value).map_err(|error| error.to_string());
        assert_eq!(time(json!(1_700_000_000)).unwrap().seconds(), 1_700_000_000);
        assert_eq!(time(json!("2023-11-14T23:13:20+01:00")).unwrap().seconds(), 1_700_000_000);
        assert!(time(json!(1_700_000_000_000_i64)).unwrap_err().contains("milliseconds"));
        for impossible in
            [json!(-1), json!(0), json!("2023-11-14"), json!("2023-02-30T00:00:00Z"), json!(1.5), json!(true)]
        {
            assert!(time(impossible).is_err());
        }
    }
}
