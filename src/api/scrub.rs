//! Taking people out of the vendor's sentences.
//!
//! An error text may quote what it complains about, and error messages travel to logs and to the model. What the
//! request itself named, anything with the shape of an e-mail address and long digit runs are replaced; the rest of
//! the sentence, which is what helps, stays.

/// Longest vendor text that is passed on, in characters.
const TEXT_CAP_CHARS: usize = 400;

/// `text` without the values in `private`, e-mail addresses and numbers long enough to be a phone's.
pub(super) fn scrub(text: &str, private: &[String]) -> String {
    let mut private: Vec<&str> = private.iter().map(String::as_str).filter(|value| tells_a_person(value)).collect();
    private.sort_unstable_by_key(|value| std::cmp::Reverse(value.len()));
    let mut cleaned = capped(text);
    for value in private {
        cleaned = replace_whole(&cleaned, value);
    }
    mask_shapes(&cleaned)
}

/// Short plain words ("name", "id") are the vendor's vocabulary as often as somebody's value.
fn tells_a_person(value: &str) -> bool {
    value.len() >= 4 || (!value.is_empty() && value.chars().any(|c| !c.is_ascii_alphabetic()))
}

fn capped(text: &str) -> String {
    let flat: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TEXT_CAP_CHARS).collect();
    if text.chars().nth(TEXT_CAP_CHARS).is_some() { cut_last_word(&flat) } else { flat }
}

/// Cutting inside an address would leave a part of it that no longer looks like one.
fn cut_last_word(text: &str) -> String {
    let kept = text.rfind(char::is_whitespace).map_or("", |end| &text[..end]);
    format!("{kept} …")
}

/// Replaces `value` where it stands alone, not where it is part of a longer word.
fn replace_whole(text: &str, value: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(value) {
        let (before, after) = (&rest[..at], &rest[at + value.len()..]);
        let inside = before.chars().next_back().or_else(|| out.chars().next_back()).is_some_and(char::is_alphanumeric)
            && value.starts_with(char::is_alphanumeric)
            || after.starts_with(char::is_alphanumeric) && value.ends_with(char::is_alphanumeric);
        out.push_str(before);
        out.push_str(if inside { value } else { "[value]" });
        rest = after;
    }
    out.push_str(rest);
    out
}

fn mask_shapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(is_delimiter) {
        let word = piece.trim_end_matches(is_delimiter);
        out.push_str(masked(word));
        out.push_str(&piece[word.len()..]);
    }
    out
}

fn is_delimiter(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | '(' | ')' | '[' | ']' | '{' | '}' | ',' | ';' | '=')
}

fn masked(word: &str) -> &str {
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let only_number = word.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | ':'));
    if word.contains('@') && word.len() > 1 || word.contains("%40") {
        "[email]"
    } else if digits >= 7 && only_number {
        "[number]"
    } else {
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scrubbed(text: &str, private: &[&str]) -> String {
        scrub(text, &private.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn what_identifies_is_taken_out_and_the_sentence_stays() {
        for (text, private, expected) in [
            ("person with id u-42 not found", &["u-42"][..], "person with id [value] not found"),
            ("ann@shop.example is suppressed", &[], "[email] is suppressed"),
            ("\"Ann+1@Shop.example\" (bad)", &[], "\"[email]\" (bad)"),
            ("call +15550100200 failed", &[], "call [number] failed"),
            ("cannot identify more than 300 attributes", &["30"], "cannot identify more than 300 attributes"),
            ("name cannot be blank", &["id", "no"], "name cannot be blank"),
            ("Анна Каренина is not valid", &["Анна Каренина"], "[value] is not valid"),
            ("a@b%40c", &[], "[email]"),
        ] {
            assert_eq!(scrubbed(text, private), expected);
        }
    }

    #[test]
    fn a_long_text_is_cut_between_words() {
        let text = format!("{} ann@shop.example", "x".repeat(TEXT_CAP_CHARS - 5));
        let cut = scrubbed(&text, &[]);
        assert!(cut.ends_with("x …"), "{cut}");
        assert!(!cut.contains("ann"));
    }

    proptest! {
        #[test]
        fn no_address_survives(before in "\\PC{0,30}", local in "[a-z0-9.+]{1,12}", after in "\\PC{0,30}") {
            let address = format!("{local}@shop.example");
            let cleaned = scrub(&format!("{before} {address} {after}"), &[]);
            prop_assert!(!cleaned.contains(&address));
        }

        #[test]
        fn nothing_named_in_the_request_survives_as_a_word(id in "[a-z]{4,8}-[0-9]{1,6}", text in "[ -~]{0,60}") {
            let cleaned = scrub(&format!("{text} {id} missing"), std::slice::from_ref(&id));
            prop_assert!(!cleaned.split(' ').any(|word| word == id));
        }
    }
}
