//! Filters on text.

use std::sync::LazyLock;

use liquid_core::{Error, Value};
use regex::{NoExpand, Regex};

use super::{Call, FilterFunction, html};
use crate::liquid::{
    evaluate::utf16_length,
    state::MAX_OUTPUT_BYTES,
    value::{self, is_true},
};

pub(super) fn find(name: &str) -> Option<FilterFunction> {
    Some(match name {
        "append" => |call| Ok(Value::scalar(call.text() + &call.argument_text(0))),
        "prepend" => |call| Ok(Value::scalar(call.argument_text(0) + &call.text())),
        "upcase" => |call| Ok(Value::scalar(call.text().to_uppercase())),
        "downcase" => |call| Ok(Value::scalar(call.text().to_lowercase())),
        "capitalize" => |call| Ok(Value::scalar(capitalize(&call.text()))),
        "titlecase" => |call| Ok(Value::scalar(titlecase(&call.text()))),
        "strip" => |call| Ok(Value::scalar(strip(call, true, true))),
        "lstrip" => |call| Ok(Value::scalar(strip(call, true, false))),
        "rstrip" => |call| Ok(Value::scalar(strip(call, false, true))),
        "strip_newlines" => |call| Ok(Value::scalar(call.text().replace("\r\n", "").replace('\n', ""))),
        "newline_to_br" => |call| Ok(Value::scalar(call.text().replace("\r\n", "\n").replace('\n', "<br />\n"))),
        "strip_html" => |call| Ok(Value::scalar(html::stripped(&call.text()))),
        "escape" | "xml_escape" | "htmlencode" => |call| Ok(Value::scalar(html::escape(&call.text()))),
        "escape_once" => |call| Ok(Value::scalar(html::escape(&html::unescape(&call.text())))),
        "replace" => replace,
        "remove" => |call| Ok(Value::scalar(call.text().replace(&call.argument_text(0), ""))),
        "replace_first" => |call| Ok(replace_at(call, &call.argument_text(1), |text, part| text.find(part))),
        "remove_first" => |call| Ok(replace_at(call, "", |text, part| text.find(part))),
        "replace_last" => |call| Ok(replace_at(call, &call.argument_text(1), |text, part| text.rfind(part))),
        "remove_last" => |call| Ok(replace_at(call, "", |text, part| text.rfind(part))),
        "split" => |call| Ok(split(call)),
        "truncate" => |call| Ok(truncate(call)),
        "truncatewords" => |call| Ok(truncate_words(call)),
        "normalize_whitespace" => |call| Ok(Value::scalar(BLANKS.replace_all(&call.text(), " ").into_owned())),
        "number_of_words" => |call| Ok(number_of_words(call)),
        "slugify" => |call| Ok(Value::scalar(slugify(call))),
        "pluralize" => |call| Ok(pluralize(call)),
        "size" => |call| Ok(size(&call.input)),
        "default" => |call| Ok(fallback(call)),
        "raw" => |call| Ok(call.input.clone()),
        _ => return None,
    })
}

#[expect(clippy::expect_used, reason = "the patterns are constants, each compiled by a test")]
fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is valid")
}

static BLANKS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\s+"));
static CJK: LazyLock<Regex> = LazyLock::new(|| pattern(r"[\p{Han}\p{Hangul}\p{Hiragana}\p{Katakana}]"));
static NOT_LETTERS: LazyLock<Regex> = LazyLock::new(|| pattern(r"[^\p{M}\p{L}\p{Nd}]+"));
static NOT_PRETTY: LazyLock<Regex> = LazyLock::new(|| pattern(r"[^\p{M}\p{L}\p{Nd}._~!$&'()+,;=@]+"));
static NOT_ASCII: LazyLock<Regex> = LazyLock::new(|| pattern(r"[^A-Za-z0-9]+"));

/// LiquidJS also lowers the rest of the text.
fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars.as_str().to_lowercase().chars()).collect())
}

fn titlecase(text: &str) -> String {
    text.split(' ').map(capitalize).collect::<Vec<_>>().join(" ")
}

/// The characters given, else whitespace, go from the ends.
fn strip(call: &Call<'_>, start: bool, end: bool) -> String {
    let (text, given) = (call.text(), call.argument_text(0));
    let goes = |c: char| if given.is_empty() { c.is_whitespace() } else { given.contains(c) };
    let text = if start { text.trim_start_matches(goes) } else { &text };
    if end { text.trim_end_matches(goes) } else { text }.to_owned()
}

/// A short text in the place of every character can exceed any memory before the result is measured.
fn replace(call: &Call<'_>) -> Result<Value, Error> {
    let (text, search, with) = (call.text(), call.argument_text(0), call.argument_text(1));
    let places = if search.is_empty() { text.chars().count() + 1 } else { text.matches(&search).count() };
    if places.saturating_mul(with.len()) > MAX_OUTPUT_BYTES {
        return Err(call.failure("the result is too large"));
    }
    Ok(Value::scalar(text.replace(&search, &with)))
}

fn replace_at(call: &Call<'_>, with: &str, find: fn(&str, &str) -> Option<usize>) -> Value {
    let (text, search) = (call.text(), call.argument_text(0));
    Value::scalar(match find(&text, &search) {
        Some(at) => [&text[..at], with, &text[at + search.len()..]].concat(),
        None => text,
    })
}

/// Empty parts at the end are dropped; an empty separator gives the characters.
fn split(call: &Call<'_>) -> Value {
    let (text, separator) = (call.text(), call.argument_text(0));
    let mut parts: Vec<String> = if separator.is_empty() {
        text.chars().map(String::from).collect()
    } else {
        text.split(&separator).map(str::to_owned).collect()
    };
    while parts.last().is_some_and(String::is_empty) {
        parts.pop();
    }
    Value::Array(parts.into_iter().map(Value::scalar).collect())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
fn length_argument(call: &Call<'_>, otherwise: usize) -> usize {
    call.argument_number(0).map_or(otherwise, |number| number as usize)
}

fn ellipsis(call: &Call<'_>) -> String {
    call.arguments.get(1).map_or_else(|| "...".to_owned(), value::text)
}

/// The length counts the ellipsis.
fn truncate(call: &Call<'_>) -> Value {
    let (text, ellipsis) = (call.text(), ellipsis(call));
    let length = length_argument(call, 50);
    if text.chars().count() <= length {
        return Value::scalar(text);
    }
    let kept: String = text.chars().take(length.saturating_sub(ellipsis.chars().count())).collect();
    Value::scalar(kept + &ellipsis)
}

/// LiquidJS adds the ellipsis also where the words are as many as may stay.
fn truncate_words(call: &Call<'_>) -> Value {
    let text = call.text();
    let words: Vec<&str> = BLANKS.split(&text).collect();
    let count = length_argument(call, 15).max(1);
    if words.len() < count {
        return Value::scalar(words.join(" "));
    }
    Value::scalar(words[..count].join(" ") + &ellipsis(call))
}

fn number_of_words(call: &Call<'_>) -> Value {
    let text = call.text();
    let mode = call.argument_text(0);
    let count = if mode == "cjk" || (mode == "auto" && CJK.is_match(&text)) {
        CJK.find_iter(&text).count() + CJK.replace_all(&text, NoExpand(" ")).split_whitespace().count()
    } else {
        text.split_whitespace().count()
    };
    Value::scalar(i64::try_from(count).unwrap_or(i64::MAX))
}

/// Modes `default`, `raw`, `pretty`, `ascii` and `none`; a true second argument keeps the case.
fn slugify(call: &Call<'_>) -> String {
    let text = call.text();
    let mode = call.argument_text(0);
    let separators: &Regex = match mode.as_str() {
        "raw" => &BLANKS,
        "pretty" => &NOT_PRETTY,
        "ascii" => &NOT_ASCII,
        "none" => return text,
        _ => &NOT_LETTERS,
    };
    let slug = separators.replace_all(&text, "-");
    let slug = slug.trim_matches('-');
    if call.arguments.get(1).is_some_and(is_true) { slug.to_owned() } else { slug.to_lowercase() }
}

/// `3 | pluralize: "item", "items"` is the word alone.
fn pluralize(call: &Call<'_>) -> Value {
    let one = (super::number(&call.input) - 1.0).abs() < f64::EPSILON;
    let singular = call.argument_text(0);
    if one {
        return Value::scalar(singular);
    }
    Value::scalar(call.argument(1).map_or_else(|| singular + "s", value::text))
}

/// The length of a string or an array; an object has none.
fn size(input: &Value) -> Value {
    match input {
        Value::Array(items) => Value::scalar(i64::try_from(items.len()).unwrap_or(i64::MAX)),
        _ => match value::kind(input) {
            value::Kind::Text(text) => value::from_number(utf16_length(&text)),
            _ => Value::scalar(0_i64),
        },
    }
}

/// `default`: for nil, false and what is empty; `allow_false: true` lets false stand.
fn fallback(call: &Call<'_>) -> Value {
    let allow_false = call.named.iter().any(|(name, value)| *name == "allow_false" && is_true(value));
    let absent = match (&call.input, value::kind(&call.input)) {
        (Value::Array(items), _) => items.is_empty(),
        (_, value::Kind::Text(text)) => text.is_empty(),
        (_, value::Kind::Boolean(false)) => !allow_false,
        (input, _) => !is_true(input),
    };
    if absent { call.arguments.first().cloned().unwrap_or(Value::Nil) } else { call.input.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        for pattern in [&BLANKS, &CJK, &NOT_LETTERS, &NOT_PRETTY, &NOT_ASCII] {
            assert!(!pattern.as_str().is_empty());
        }
    }
}
