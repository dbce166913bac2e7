//! Headers of messages: those that say who gets a message, or whom it is from, are no content.

use crate::error::ToolError;

/// Headers that would reach people, or speak for somebody, past the operator's lists.
const OF_PEOPLE: &[&str] = &["to", "cc", "bcc", "from", "sender", "reply-to", "return-path"];

/// Refuses headers that say who gets a message or whom it is from. `field` is the argument they came in.
pub fn check_headers<'a>(field: &str, names: impl IntoIterator<Item = &'a str>) -> Result<(), ToolError> {
    for (at, name) in names.into_iter().enumerate() {
        let name = name.trim().to_ascii_lowercase();
        if OF_PEOPLE.contains(&name.as_str()) || name.starts_with("resent-") {
            let field = format!("{field}[{at}].name");
            return Err(ToolError::invalid(
                field.clone(),
                format!("`{field}` says who gets the message or whom it is from. Nothing was changed."),
            )
            .next("Senders are given by `from_id` and `reply_to_id`; recipients are never content."));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_of_people_is_refused_however_it_is_written() {
        for name in ["Bcc", " CC ", "resent-to", "From", "Reply-To"] {
            assert_eq!(
                check_headers("headers", ["X-Id", name]).unwrap_err().field.as_deref(),
                Some("headers[1].name"),
                "{name}"
            );
        }
        check_headers("headers", ["X-Campaign", "List-Unsubscribe"]).unwrap();
    }
}
