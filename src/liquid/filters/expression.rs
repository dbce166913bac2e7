//! Filters whose second argument is an expression: `items | where_exp: "item", "item.price > 10"`.

use liquid_core::{Error, Object, Value, runtime::StackFrame};

use super::{Call, FilterFunction, array};
use crate::liquid::{
    evaluate::{self, Reading},
    expression::{self, Filtered},
    state,
    value::is_true,
};

pub(super) fn find(name: &str) -> Option<FilterFunction> {
    Some(match name {
        "where_exp" => |call| kept(call, true),
        "reject_exp" => |call| kept(call, false),
        "find_exp" => |call| {
            let place = position(call)?;
            Ok(place.and_then(|place| array::list(&call.input).into_iter().nth(place)).unwrap_or(Value::Nil))
        },
        "find_index_exp" => |call| position(call).map(array::index),
        "has_exp" => |call| position(call).map(|place| Value::scalar(place.is_some())),
        "group_by_exp" => |call| {
            let test = Test::of(call)?;
            array::group(array::list(&call.input), |item| test.worth(item, call))
        },
        _ => return None,
    })
}

/// The name of the item and the expression on it.
struct Test {
    item: String,
    expression: Filtered,
}

impl Test {
    fn of(call: &Call<'_>) -> Result<Self, Error> {
        let source = call.argument_text(1);
        let expression = expression::filtered(&source, 1).map_err(|error| call.failure(&error.message))?;
        Ok(Self { item: call.argument_text(0), expression })
    }

    fn worth(&self, item: &Value, call: &Call<'_>) -> Result<Value, Error> {
        state::charge_value(call.runtime, item)?;
        state::charge_text(call.runtime, &self.item)?;
        let mut frame = Object::new();
        frame.insert(self.item.clone().into(), item.clone());
        state::enter_expression(call.runtime)?;
        let worth = evaluate::filtered(&self.expression, Reading::Lenient, &StackFrame::new(call.runtime, &frame));
        state::leave_expression(call.runtime);
        worth
    }
}

fn kept(call: &Call<'_>, wanted: bool) -> Result<Value, Error> {
    let test = Test::of(call)?;
    let mut kept = Vec::new();
    for item in array::list(&call.input) {
        if is_true(&test.worth(&item, call)?) == wanted {
            kept.push(item);
        }
    }
    Ok(Value::Array(kept))
}

fn position(call: &Call<'_>) -> Result<Option<usize>, Error> {
    let test = Test::of(call)?;
    for (place, item) in array::list(&call.input).iter().enumerate() {
        if is_true(&test.worth(item, call)?) {
            return Ok(Some(place));
        }
    }
    Ok(None)
}
