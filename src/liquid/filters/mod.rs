//! The filters: those of LiquidJS and those Customer.io adds (behaviour.md section 12).
//!
//! A filter that does not exist is a syntax error. All work on values as JavaScript does: nil is an empty string to a
//! text filter, nought to a number filter and an empty list to an array filter.

mod array;
mod date;
mod encoding;
mod expression;
mod html;
mod json;
mod math;
mod money;
mod text;

use liquid_core::{Error, Runtime, Value};

use super::value;

/// A filter's code.
pub(super) type FilterFunction = fn(&Call<'_>) -> Result<Value, Error>;

/// One use of a filter.
pub(super) struct Call<'c> {
    /// The filter's name as written.
    pub(super) name: &'c str,
    pub(super) input: Value,
    pub(super) arguments: Vec<Value>,
    pub(super) named: Vec<(&'c str, Value)>,
    pub(super) runtime: &'c dyn Runtime,
}

/// The filter called `name`.
pub(super) fn find(name: &str) -> Option<FilterFunction> {
    text::find(name)
        .or_else(|| array::find(name))
        .or_else(|| math::find(name))
        .or_else(|| date::find(name))
        .or_else(|| money::find(name))
        .or_else(|| encoding::find(name))
        .or_else(|| json::find(name))
        .or_else(|| expression::find(name))
}

impl Call<'_> {
    /// The input as text.
    fn text(&self) -> String {
        value::text(&self.input)
    }

    /// The argument at `at`, if it is given and not nil.
    fn argument(&self, at: usize) -> Option<&Value> {
        self.arguments.get(at).filter(|argument| !matches!(argument, Value::Nil))
    }

    /// The argument at `at` as text, empty if it is absent.
    fn argument_text(&self, at: usize) -> String {
        self.argument(at).map(value::text).unwrap_or_default()
    }

    /// The argument at `at` as a number.
    fn argument_number(&self, at: usize) -> Option<f64> {
        self.argument(at).map(number)
    }

    fn failure(&self, what: &str) -> Error {
        Error::with_msg(format!("filter \"{}\": {what}", self.name))
    }
}

/// A value as a number; nought if it is none.
fn number(value: &Value) -> f64 {
    let number = value::number(value);
    if number.is_nan() { 0.0 } else { number }
}
