//! Headers of messages: those that say who gets a message, or whom it is from, are no content.

use serde_json::{Map, Value};

use crate::error::ToolError;

/// Headers that would reach people, or speak for somebody, past the operator's lists.
const OF_PEOPLE: &[&str] = &[
    "to",
    "cc",
    "bcc",
    "from",
    "sender",
    "reply-to",
    "return-path",
    "apparently-to",
    "delivered-to",
    "envelope-to",
    "errors-to",
    "mail-followup-to",
    "mail-reply-to",
    "disposition-notification-to",
    "return-receipt-to",
    "x-original-to",
    "x-envelope-to",
    "x-bcc",
    "x-cc",
];

/// Refuses headers that say who gets a message or whom it is from, and those that are no headers: a name or value that a
/// mail system could read as a second header. `field` is the argument they came in.
pub fn check_headers<'a>(field: &str, headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<(), ToolError> {
    for (at, (name, value)) in headers.into_iter().enumerate() {
        let field_of = |part: &str| format!("{field}[{at}].{part}");
        if !is_name(name) {
            let field = field_of("name");
            return Err(ToolError::invalid(
                field.clone(),
                format!("`{field}` is no name of a header. Nothing was changed."),
            )
            .next("Names have letters, digits and hyphens of ASCII alone, such as X-Campaign."));
        }
        if value.chars().any(char::is_control) {
            let field = field_of("value");
            return Err(ToolError::invalid(
                field.clone(),
                format!("`{field}` has line ends or control characters. Nothing was changed."),
            )
            .next("Give the value on one line."));
        }
        let name = name.to_ascii_lowercase();
        if OF_PEOPLE.contains(&name.as_str()) || name.starts_with("resent-") {
            let field = field_of("name");
            return Err(ToolError::invalid(
                field.clone(),
                format!("`{field}` says who gets the message or whom it is from. Nothing was changed."),
            )
            .next("Senders are given by `from_id` and `reply_to_id`; recipients are never content."));
        }
    }
    Ok(())
}

/// The name and value of a header as it was given. One that is anything else could be a header that no check has seen.
pub fn given_header<'a>(
    field: &str,
    at: usize,
    given: &'a Map<String, Value>,
) -> Result<(&'a str, &'a str), ToolError> {
    let text = |part: &str| given.get(part).and_then(Value::as_str);
    match (text("name"), text("value")) {
        (Some(name), Some(value)) if given.len() == 2 => Ok((name, value)),
        _ => {
            let field = format!("{field}[{at}]");
            Err(ToolError::invalid(field.clone(), format!("`{field}` is no header. Nothing was changed."))
                .next("Give each as `{\"name\": \"X-Campaign\", \"value\": \"spring\"}`, both texts."))
        }
    }
}

/// Whether a text can be the name of one header. What looks like one in another alphabet is none, and neither is Liquid.
fn is_name(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn field(name: &str, value: &str) -> Option<String> {
        let headers = [("X-Id", "1"), (name, value)];
        check_headers("headers", headers).err().and_then(|error| error.field)
    }

    #[test]
    fn a_header_of_people_is_refused_however_it_is_written() {
        for name in [
            "Bcc",
            "BCC",
            "bCc",
            "CC",
            "resent-to",
            "Resent-Bcc",
            "From",
            "Reply-To",
            "Return-Path",
            " Bcc",
            "Bcc ",
            "Bcc:",
            "B cc",
            "Bcc\r\n",
            "X-A: 1\r\nBcc",
            "\u{412}cc",
            "Bс\u{441}",
            "Ｂｃｃ",
            "B\u{200B}cc",
            "Bcc\0",
            "{{ 'Bcc' }}",
            "",
            "Errors-To",
        ] {
            assert_eq!(field(name, "eve@elsewhere.io").as_deref(), Some("headers[1].name"), "{name:?}");
        }
        for value in ["1\r\nBcc: eve@elsewhere.io", "1\nBcc: e@x.io", "1\rBcc: e@x.io", "a\0b"] {
            assert_eq!(field("X-Campaign", value).as_deref(), Some("headers[1].value"), "{value:?}");
        }
        for name in ["X-Campaign", "List-Unsubscribe", "X-Bcc-Count", "X_Id"] {
            assert_eq!(field(name, "a: b"), None, "{name}");
        }
    }

    #[test]
    fn what_is_not_just_a_name_and_a_value_is_no_header() {
        for given in [
            json!({ "Name": "Bcc", "Value": "e@x.io" }),
            json!({ "name": "X-A", "value": "1", "Name": "Bcc" }),
            json!({ "name": "X-A" }),
            json!({ "name": ["Bcc"], "value": "e@x.io" }),
            json!({ "name": "X-A", "value": { "a": 1 } }),
        ] {
            let refused = given_header("headers", 3, given.as_object().unwrap()).unwrap_err();
            assert_eq!(refused.field.as_deref(), Some("headers[3]"), "{given}");
        }
        let given = json!({ "name": "X-A", "value": "1" });
        assert_eq!(given_header("headers", 0, given.as_object().unwrap()).unwrap(), ("X-A", "1"));
    }
}
