//! Filters on numbers. As in JavaScript all numbers are doubles and a whole result prints without decimals.

use liquid_core::Value;

use super::{Call, FilterFunction, number};
use crate::liquid::value::{from_number, is_true};

pub(super) fn find(name: &str) -> Option<FilterFunction> {
    Some(match name {
        "plus" => |call| Ok(from_number(number(&call.input) + operand(call))),
        "minus" => |call| Ok(from_number(number(&call.input) - operand(call))),
        "times" => |call| Ok(from_number(number(&call.input) * operand(call))),
        "divided_by" => |call| Ok(divided_by(call)),
        "modulo" => |call| Ok(from_number(number(&call.input).rem_euclid(operand(call)))),
        "abs" => |call| Ok(from_number(number(&call.input).abs())),
        "ceil" => |call| Ok(from_number(number(&call.input).ceil())),
        "floor" => |call| Ok(from_number(number(&call.input).floor())),
        "round" => |call| Ok(from_number(round(number(&call.input), operand(call)))),
        "at_least" => |call| Ok(from_number(number(&call.input).max(operand(call)))),
        "at_most" => |call| Ok(from_number(number(&call.input).min(operand(call)))),
        "to_integer" => |call| Ok(from_number(number(&call.input).trunc())),
        _ => return None,
    })
}

fn operand(call: &Call<'_>) -> f64 {
    call.argument_number(0).unwrap_or_default()
}

/// `7 | divided_by: 2` is 3.5; a true second argument asks for whole division.
fn divided_by(call: &Call<'_>) -> Value {
    let quotient = number(&call.input) / operand(call);
    from_number(if call.arguments.get(1).is_some_and(is_true) { quotient.floor() } else { quotient })
}

/// Halves go up, as `Math.round` has it.
pub(super) fn round(number: f64, places: f64) -> f64 {
    let scale = 10_f64.powf(places.trunc().clamp(-15.0, 15.0));
    (number * scale + 0.5).floor() / scale
}
