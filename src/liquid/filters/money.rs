//! Numbers and prices as a locale writes them.
//!
//! The vendor takes a locale (`{{ 10 | currency: "en-us" }}` is `$10.00`) and picks the currency by its country. The
//! table holds common ones; a locale that is not in it is written as `en-us`.

use liquid_core::Value;

use super::{Call, FilterFunction, math, number};
use crate::liquid::value::number_text;

pub(super) fn find(name: &str) -> Option<FilterFunction> {
    Some(match name {
        "currency" => |call| Ok(price(call, 2)),
        "rounded_currency" => |call| Ok(price(call, 0)),
        "format_number" => |call| {
            let amount = math::round(number(&call.input), 3.0);
            Ok(Value::scalar(locale(call).grouped(&number_text(amount))))
        },
        _ => return None,
    })
}

struct Locale {
    tag: &'static str,
    symbol: &'static str,
    symbol_first: bool,
    group: &'static str,
    decimal: &'static str,
    /// Decimals of the currency at most: yen have none.
    decimals: usize,
}

const LOCALES: [Locale; 14] = [
    english("en-us", "$"),
    english("en-gb", "£"),
    english("en-ca", "$"),
    english("en-au", "$"),
    english("en-nz", "$"),
    english("en-in", "₹"),
    english("en-ie", "€"),
    continental("de-de", ".", "€"),
    continental("es-es", ".", "€"),
    continental("it-it", ".", "€"),
    continental("fr-fr", "\u{202f}", "€"),
    continental("sv-se", "\u{a0}", "kr"),
    continental("pl-pl", "\u{a0}", "zł"),
    Locale { decimals: 0, ..english("ja-jp", "￥") },
];

const fn english(tag: &'static str, symbol: &'static str) -> Locale {
    Locale { tag, symbol, symbol_first: true, group: ",", decimal: ".", decimals: 2 }
}

const fn continental(tag: &'static str, group: &'static str, symbol: &'static str) -> Locale {
    Locale { tag, symbol, symbol_first: false, group, decimal: ",", decimals: 2 }
}

fn locale(call: &Call<'_>) -> &'static Locale {
    let wanted = call.argument_text(0).to_lowercase().replace('_', "-");
    let language = wanted.split('-').next().unwrap_or_default();
    let exact = LOCALES.iter().find(|locale| locale.tag == wanted);
    let similar = || LOCALES.iter().find(|locale| locale.tag.split('-').next() == Some(language));
    exact.or_else(similar).unwrap_or(&LOCALES[0])
}

impl Locale {
    /// A plain decimal number with this locale's separators.
    fn grouped(&self, plain: &str) -> String {
        let (sign, digits) = plain.strip_prefix('-').map_or(("", plain), |digits| ("-", digits));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let mut grouped = String::new();
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at) % 3 == 0 {
                grouped.push_str(self.group);
            }
            grouped.push(digit);
        }
        let decimal = if fraction.is_empty() { "" } else { self.decimal };
        [sign, &grouped, decimal, fraction].concat()
    }
}

fn price(call: &Call<'_>, decimals: usize) -> Value {
    let locale = locale(call);
    let decimals = decimals.min(locale.decimals);
    let places = if decimals == 0 { 0.0 } else { 2.0 };
    let amount = math::round(number(&call.input), places);
    let digits = locale.grouped(&format!("{:.decimals$}", amount.abs()));
    let sign = if amount < 0.0 { "-" } else { "" };
    Value::scalar(if locale.symbol_first {
        format!("{sign}{}{digits}", locale.symbol)
    } else {
        format!("{sign}{digits}\u{a0}{}", locale.symbol)
    })
}
