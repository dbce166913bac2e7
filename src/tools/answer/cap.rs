//! No answer is longer than a model can read, deeper than it can follow, or named at greater length than what it names.

use serde_json::{Map, Value};

use crate::guard::shown::{CUT, TOO_DEEP};

/// The most bytes of an answer: about 10,000 tokens.
pub(super) const MAX_ANSWER_BYTES: usize = 36_000;
/// What a text is cut to when its answer is too long.
const CUT_TEXT_CHARS: usize = 4_000;
/// The most characters of a name.
const MAX_KEY_CHARS: usize = 200;
/// The deepest nesting that is shown.
const MAX_DEPTH: usize = 32;

/// Shortens first long texts, then long lists, and says what was left out.
pub(super) fn cap(answer: &mut Value) {
    if json_bytes(answer) <= MAX_ANSWER_BYTES {
        return;
    }
    shorten_texts(answer);
    while json_bytes(answer) > MAX_ANSWER_BYTES {
        let Some(list) = longest_list(answer) else { return };
        let keep = list.len() / 2;
        list.truncate(keep);
        if let Value::Object(map) = answer {
            map.insert(
                "left_out".into(),
                "The answer was too long and lists were cut: narrow the call, or ask with a smaller `limit`.".into(),
            );
        }
    }
}

fn shorten_texts(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some((at, _)) = text.char_indices().nth(CUT_TEXT_CHARS) {
                let left_out = text[at..].chars().count();
                text.truncate(at);
                *text = format!("{text}… [{left_out} {CUT}");
            }
        }
        Value::Array(items) => items.iter_mut().for_each(shorten_texts),
        Value::Object(map) => map.values_mut().for_each(shorten_texts),
        _ => {}
    }
}

fn longest_list(value: &mut Value) -> Option<&mut Vec<Value>> {
    let mut longest = (1, String::new());
    find_longest(value, &mut String::new(), &mut longest);
    let (length, pointer) = longest;
    if length == 1 { None } else { value.pointer_mut(&pointer)?.as_array_mut() }
}

/// Notes the JSON pointer of the longest list at or below a value.
fn find_longest(value: &Value, pointer: &mut String, longest: &mut (usize, String)) {
    let below: Vec<(String, &Value)> = match value {
        Value::Array(items) if items.len() > longest.0 => {
            *longest = (items.len(), pointer.clone());
            return;
        }
        Value::Array(items) => items.first().map(|item| ("0".to_owned(), item)).into_iter().collect(),
        Value::Object(map) => {
            map.iter().map(|(name, item)| (name.replace('~', "~0").replace('/', "~1"), item)).collect()
        }
        _ => return,
    };
    for (step, item) in below {
        let length = pointer.len();
        pointer.push('/');
        pointer.push_str(&step);
        find_longest(item, pointer, longest);
        pointer.truncate(length);
    }
}

fn json_bytes(value: &Value) -> usize {
    value.to_string().len()
}

/// Cuts long names and deep nests, which no limit of bytes would.
pub(super) fn cut_shape(value: &mut Value, depth: usize) {
    match value {
        Value::Array(_) | Value::Object(_) if depth >= MAX_DEPTH => {
            *value = format!("… [nested deeper than {MAX_DEPTH} {TOO_DEEP}").into();
        }
        Value::Array(items) => items.iter_mut().for_each(|item| cut_shape(item, depth + 1)),
        Value::Object(map) => {
            // A byte of UTF-8 is a character at most.
            if map.keys().any(|key| key.len() > MAX_KEY_CHARS) {
                rename(map, &|key| match key.char_indices().nth(MAX_KEY_CHARS) {
                    Some((at, _)) => format!("{}…", &key[..at]),
                    None => key.to_owned(),
                });
            }
            map.values_mut().for_each(|item| cut_shape(item, depth + 1));
        }
        _ => {}
    }
}

/// Gives the entries of an object other names. Two that come to the same name both stay.
pub(super) fn rename(map: &mut Map<String, Value>, to: &dyn Fn(&str) -> String) {
    for (key, value) in std::mem::take(map) {
        let mut renamed = to(&key);
        while map.contains_key(&renamed) {
            renamed.push('~');
        }
        map.insert(renamed, value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_long_answer_is_cut_and_says_so() {
        let rows: Vec<_> = (0..2_000).map(|n| json!({ "row": n, "text": "some text of a row" })).collect();
        let mut shown = json!({ "rows": rows, "body": "x".repeat(50_000) });
        cap(&mut shown);
        assert!(shown.to_string().len() <= MAX_ANSWER_BYTES + 200);
        assert!(shown["left_out"].is_string());
        assert!(shown["body"].as_str().unwrap().ends_with("[46000 characters left out]"));
    }

    #[test]
    fn long_names_and_deep_nests_are_cut() {
        let mut shown = json!({ "é".repeat(300): 1, format!("{}x", "é".repeat(299)): 2, "short": 3 });
        cut_shape(&mut shown, 0);
        let long = format!("{}…", "é".repeat(200));
        assert_eq!(shown, json!({ long.clone(): 1, format!("{long}~"): 2, "short": 3 }));
        let mut deep = json!("bottom");
        for _ in 0..100 {
            deep = json!([deep]);
        }
        cut_shape(&mut deep, 0);
        let text = deep.to_string();
        assert!(text.contains("nested deeper than 32 levels") && !text.contains("bottom"), "{text}");
        assert_eq!(text.matches('[').count(), 32 + 1);
    }
}
