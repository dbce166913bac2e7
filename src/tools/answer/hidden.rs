//! Characters that people do not see and models and terminals obey.

use serde_json::Value;

use super::cap::rename;

/// Removes what is hidden, from names as well.
pub(super) fn remove_hidden(value: &mut Value) {
    match value {
        Value::String(text) if may_hide(text) => text.retain(|c| !is_hidden(c)),
        Value::Array(items) => items.iter_mut().for_each(remove_hidden),
        Value::Object(map) => {
            if map.keys().any(|key| may_hide(key)) {
                rename(map, &without_hidden);
            }
            map.values_mut().for_each(remove_hidden);
        }
        _ => {}
    }
}

/// A text without what is hidden in it.
pub fn without_hidden(text: &str) -> String {
    if may_hide(text) { text.chars().filter(|c| !is_hidden(*c)).collect() } else { text.to_owned() }
}

/// A text in which what is hidden can be seen, as `\u{200b}`.
pub fn hidden_shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    shown
}

fn may_hide(text: &str) -> bool {
    !text.is_ascii() || text.bytes().any(|byte| byte < b' ' || byte == 0x7F)
}

/// What shows nothing, turns the reading direction, or commands a terminal. Joiners and the selector of coloured signs
/// stay: scripts and signs fall apart without them.
fn is_hidden(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t' | '\r'))
        || matches!(c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
            | '\u{FE00}'..='\u{FE0E}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_hidden_is_removed_from_texts_and_names() {
        let mut shown = json!({
            "a\u{202E}b\u{E0041}c\u{0}\n漢": ["\u{1b}[31mred\u{9b}0m", { "pl\u{200B}an": "x\u{E0101}", "plan": "y" }],
        });
        remove_hidden(&mut shown);
        assert_eq!(shown, json!({ "abc\n漢": ["[31mred0m", { "plan": "x", "plan~": "y" }] }));
        assert_eq!(hidden_shown("a\u{200B}@b\n\u{E0041}"), "a\\u{200b}@b\n\\u{e0041}");
        assert_eq!(without_hidden("👩\u{200D}🚀 ❤\u{FE0F}"), "👩\u{200D}🚀 ❤\u{FE0F}");
    }
}
