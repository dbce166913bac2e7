//! Cuts a template into text, outputs and tags, and settles everything that is about characters rather than meaning:
//! whitespace control, `raw`, comments, `echo` and the lines of a `liquid` tag.

use super::error::RenderError;

/// A run of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    /// Literal text, already trimmed by the marks beside it.
    Text(&'t str),
    /// The inside of `{{ }}` or of an `echo` tag.
    Output { source: &'t str, line: usize },
    /// A tag with its name apart from the rest.
    Tag { name: &'t str, arguments: &'t str, line: usize },
}

/// The pieces of `template`, in order.
pub(super) fn pieces(template: &str) -> Result<Vec<Piece<'_>>, RenderError> {
    let mut scanner = Scanner { rest: template, line: 1, trim_next: false, pieces: Vec::new() };
    while scanner.step()? {}
    Ok(scanner.pieces)
}

struct Scanner<'t> {
    rest: &'t str,
    line: usize,
    /// The piece before ended with `-`, so the text after it loses its leading whitespace.
    trim_next: bool,
    pieces: Vec<Piece<'t>>,
}

impl<'t> Scanner<'t> {
    /// Takes the text up to the next delimiter and what the delimiter opens; false at the end.
    fn step(&mut self) -> Result<bool, RenderError> {
        let Some((at, is_tag)) = next_opening(self.rest) else {
            let rest = self.rest;
            self.text(rest, false);
            return Ok(false);
        };
        let (text, opened) = self.rest.split_at(at);
        let inside = &opened[2..];
        let (inside, trim_left) = strip_mark(inside);
        self.text(text, trim_left);
        self.advance(text.len() + opened.len() - inside.len());
        if is_tag {
            self.tag()?;
        } else {
            self.output()?;
        }
        Ok(true)
    }

    fn text(&mut self, text: &'t str, trim_right: bool) {
        let text = if self.trim_next { text.trim_start() } else { text };
        let text = if trim_right { text.trim_end() } else { text };
        self.trim_next = false;
        if !text.is_empty() {
            self.pieces.push(Piece::Text(text));
        }
    }

    fn advance(&mut self, bytes: usize) {
        let (passed, rest) = self.rest.split_at(bytes);
        self.line += passed.matches('\n').count();
        self.rest = rest;
    }

    fn output(&mut self) -> Result<(), RenderError> {
        let line = self.line;
        let end = closing_output(self.rest)
            .ok_or_else(|| RenderError::syntax(format!("output \"{}\" not closed", excerpt(self.rest)), line))?;
        let source = self.inside(end);
        self.pieces.push(Piece::Output { source, line });
        Ok(())
    }

    fn tag(&mut self) -> Result<(), RenderError> {
        let line = self.line;
        let end = self
            .rest
            .find("%}")
            .ok_or_else(|| RenderError::syntax(format!("tag \"{}\" not closed", excerpt(self.rest)), line))?;
        let source = self.inside(end);
        let (name, arguments) = split_name(source);
        match name {
            "" => Err(RenderError::syntax("illegal tag syntax, a tag name is expected", line)),
            "raw" => self.raw(line),
            "comment" => self.comment(line),
            "liquid" => self.liquid_lines(arguments, line),
            _ => {
                self.simple_tag(name, arguments, line);
                Ok(())
            }
        }
    }

    /// Takes what stands before the closing delimiter at `end`, and the delimiter.
    fn inside(&mut self, end: usize) -> &'t str {
        let source = &self.rest[..end];
        let trimmed = source.strip_suffix('-');
        self.trim_next = trimmed.is_some();
        self.advance(end + 2);
        trimmed.unwrap_or(source)
    }

    fn simple_tag(&mut self, name: &'t str, arguments: &'t str, line: usize) {
        match name {
            "#" => {}
            "echo" => self.pieces.push(Piece::Output { source: arguments, line }),
            _ => self.pieces.push(Piece::Tag { name, arguments, line }),
        }
    }

    fn raw(&mut self, line: usize) -> Result<(), RenderError> {
        let found = find_tag(self.rest, "endraw");
        let (at, end) = found.ok_or_else(|| RenderError::syntax("tag \"raw\" not closed", line))?;
        let text = &self.rest[..at];
        let closing = &self.rest[at..end];
        self.text(text, closing.starts_with("{%-"));
        self.trim_next = closing.ends_with("-%}");
        self.advance(end);
        Ok(())
    }

    fn comment(&mut self, line: usize) -> Result<(), RenderError> {
        let found = find_tag(self.rest, "endcomment");
        let (_, end) = found.ok_or_else(|| RenderError::syntax("tag \"comment\" not closed", line))?;
        self.trim_next = self.rest[..end].ends_with("-%}");
        self.advance(end);
        Ok(())
    }

    /// Each line of a `liquid` tag is a tag without its delimiters.
    fn liquid_lines(&mut self, source: &'t str, first_line: usize) -> Result<(), RenderError> {
        let mut in_comment = false;
        for (offset, text) in source.lines().enumerate() {
            let (name, arguments) = split_name(text);
            match name {
                "endcomment" => in_comment = false,
                _ if in_comment => {}
                "comment" => in_comment = true,
                "" if arguments.is_empty() => {}
                "" | "raw" | "liquid" => {
                    let message = format!("\"{}\" cannot stand in a liquid tag", excerpt(text));
                    return Err(RenderError::syntax(message, first_line + offset));
                }
                _ => self.simple_tag(name, arguments, first_line + offset),
            }
        }
        if in_comment {
            return Err(RenderError::syntax("tag \"comment\" not closed", first_line));
        }
        Ok(())
    }
}

/// Where the next `{{` or `{%` stands, and whether it is the latter.
fn next_opening(text: &str) -> Option<(usize, bool)> {
    let bytes = text.as_bytes();
    (0..bytes.len().saturating_sub(1)).find_map(|at| match (bytes[at], bytes[at + 1]) {
        (b'{', b'{') => Some((at, false)),
        (b'{', b'%') => Some((at, true)),
        _ => None,
    })
}

fn strip_mark(inside: &str) -> (&str, bool) {
    inside.strip_prefix('-').map_or((inside, false), |rest| (rest, true))
}

/// Where `}}` stands outside quotation marks.
fn closing_output(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut quote, mut at) = (None, 0);
    while at < bytes.len() {
        match (quote, bytes[at]) {
            (Some(_), b'\\') => at += 1,
            (Some(open), byte) if open == byte => quote = None,
            (None, byte @ (b'"' | b'\'')) => quote = Some(byte),
            (None, b'}') if bytes.get(at + 1) == Some(&b'}') => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// The name of a tag and what follows it.
fn split_name(source: &str) -> (&str, &str) {
    let source = source.trim();
    if let Some(rest) = source.strip_prefix('#') {
        return ("#", rest);
    }
    let end = source.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(source.len());
    let (name, arguments) = source.split_at(end);
    (name, arguments.trim())
}

/// Where the tag `name` without arguments starts and ends in `text`.
fn find_tag(text: &str, name: &str) -> Option<(usize, usize)> {
    let mut from = 0;
    while let Some(found) = text[from..].find("{%") {
        let at = from + found;
        let (inside, _) = strip_mark(&text[at + 2..]);
        if let Some(rest) = inside.trim_start().strip_prefix(name) {
            let (rest, _) = strip_mark(rest.trim_start());
            if let Some(after) = rest.strip_prefix("%}") {
                return Some((at, text.len() - after.len()));
            }
        }
        from = at + 2;
    }
    None
}

/// The beginning of `text`, short enough for a message.
pub(super) fn excerpt(text: &str) -> String {
    let text = text.trim();
    let short: String = text.chars().take(40).collect();
    if short.len() < text.len() { short + "..." } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_trim_the_text_beside_them() {
        let got = pieces("a \n{%- if x -%} b {{- y -}} c").unwrap();
        assert_eq!(
            got,
            [
                Piece::Text("a"),
                Piece::Tag { name: "if", arguments: "x", line: 2 },
                Piece::Text("b"),
                Piece::Output { source: " y ", line: 2 },
                Piece::Text("c"),
            ]
        );
    }

    #[test]
    fn nothing_is_read_inside_raw_and_comment() {
        let got = pieces("{% raw %}{{ x }}{% endraw %}{% comment %}{{ y {% endcomment %}{%# z' %}.").unwrap();
        assert_eq!(got, [Piece::Text("{{ x }}"), Piece::Text(".")]);
    }

    #[test]
    fn a_quoted_brace_does_not_close_an_output() {
        let got = pieces(r#"{{ x | default: "}}" }}"#).unwrap();
        assert_eq!(got, [Piece::Output { source: r#" x | default: "}}" "#, line: 1 }]);
    }
}
