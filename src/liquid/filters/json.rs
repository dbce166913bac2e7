//! JSON out and in.

use liquid_core::{Error, Value};
use serde::Serialize as _;
use serde_json::{Serializer, ser::PrettyFormatter};

use super::{Call, FilterFunction};
use crate::liquid::{state::Output, value};

pub(super) fn find(name: &str) -> Option<FilterFunction> {
    Some(match name {
        "json" | "to_json" | "jsonify" | "inspect" => json,
        "from_json" => |call| {
            let parsed = serde_json::from_str(&call.text()).map_err(|_| call.failure("the input is not JSON"))?;
            Ok(value::from_json(&parsed))
        },
        _ => return None,
    })
}

/// JavaScript indents by no more than this.
const MAX_INDENT: u32 = 10;

/// Compact, or indented by as many spaces as the argument says. Indentation can exceed any memory before the result
/// is measured, so it is written to a bounded output.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the bounds just set")]
fn json(call: &Call<'_>) -> Result<Value, Error> {
    let json = value::to_json(&call.input);
    let spaces = call.argument_number(0).unwrap_or_default().clamp(0.0, f64::from(MAX_INDENT)) as usize;
    if spaces == 0 {
        return Ok(Value::scalar(json.to_string()));
    }
    let indent = " ".repeat(spaces);
    let mut output = Output::default();
    let formatter = PrettyFormatter::with_indent(indent.as_bytes());
    json.serialize(&mut Serializer::with_formatter(&mut output, formatter))
        .map_err(|_| call.failure("the result is too large"))?;
    Ok(Value::scalar(output.into_text()))
}
