//! The options of the vendor's tags: `point:64 time:"2026-01-01 12:00:00 (GMT)"`, in any order.

use super::{characters::identifier_at, error::RenderError, scan::excerpt};

/// Names and values, as written. A value is quoted, or ends at the first blank outside `{{ }}`.
pub(super) fn read(source: &str, line: usize) -> Result<Vec<(&str, &str)>, RenderError> {
    let mut options = Vec::new();
    let mut rest = source.trim_start_matches(is_gap);
    while !rest.is_empty() {
        let name = identifier_at(rest);
        let after = rest[name.len()..].trim_start();
        // The vendor writes `lang='pt'` in one tag and colons in the others.
        let value = after.strip_prefix([':', '=']).filter(|_| !name.is_empty()).map(str::trim_start);
        let Some(value) = value else {
            return Err(RenderError::syntax(format!("an option is expected: \"{}\"", excerpt(rest)), line));
        };
        let (value, after) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value[1..].split_once(quote).unwrap_or((&value[1..], "")),
            _ => value.split_at(bare_end(value)),
        };
        options.push((name, value));
        rest = after.trim_start_matches(is_gap);
    }
    Ok(options)
}

/// The value of the option `name`.
pub(super) fn find<'s>(options: &[(&str, &'s str)], name: &str) -> Option<&'s str> {
    options.iter().find(|(option, _)| *option == name).map(|(_, value)| *value)
}

fn is_gap(c: char) -> bool {
    c.is_whitespace() || c == ','
}

fn bare_end(value: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in value.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            c if depth == 0 && c.is_whitespace() => return at,
            _ => {}
        }
    }
    value.len()
}
