//! Names and quoted texts, character by character.

/// LiquidJS takes letters of any script, digits, `_`, `-` and `?` in names.
pub(super) fn is_identifier_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '?') || (!c.is_ascii() && !c.is_whitespace())
}

/// The name at the start of `text`, empty if there is none.
pub(super) fn identifier_at(text: &str) -> &str {
    let end = text.find(|c| !is_identifier_char(c)).unwrap_or(text.len());
    &text[..end]
}

/// The text of a quotation, its escapes resolved.
pub(super) fn unescape(raw: &str) -> String {
    if !raw.contains('\\') {
        return raw.to_owned();
    }
    let mut text = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('n')) => text.push('\n'),
            ('\\', Some('r')) => text.push('\r'),
            ('\\', Some('t')) => text.push('\t'),
            ('\\', Some('b')) => text.push('\u{8}'),
            ('\\', Some('f')) => text.push('\u{c}'),
            ('\\', Some('v')) => text.push('\u{b}'),
            ('\\', Some('u')) => text.push(unicode_escape(&mut chars)),
            ('\\', Some(other)) | (other, _) => text.push(other),
        }
    }
    text
}

/// The character of `\uXXXX`, whose digits are next in `chars`.
fn unicode_escape(chars: &mut std::str::Chars<'_>) -> char {
    let mut code = 0;
    for _ in 0..4 {
        let Some(digit) = chars.clone().next().and_then(|c| c.to_digit(16)) else { break };
        chars.next();
        code = code * 16 + digit;
    }
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
}
