//! HTML in text: escaping it and taking it out.

pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

pub(super) fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&#34;", "\"").replace("&#39;", "'").replace("&amp;", "&")
}

/// `text` without scripts, styles, comments and tags (a tag does not cross a line). By hand and not by a regular
/// expression: many openings without an end would make that quadratic.
pub(super) fn stripped(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut blocks = [("<script", "</script>"), ("<style", "</style>"), ("<!--", "-->")]
        .map(|(open, close)| (open, Ends::of(&lower, close)));
    let mut tags = Ends::of(&lower, ">");
    let mut lines = Ends::of(&lower, "\n");
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(found) = text[at..].find('<') {
        let open = at + found;
        kept.push_str(&text[at..open]);
        let block = blocks.iter_mut().find(|(name, _)| lower[open..].starts_with(*name));
        let end = block.and_then(|(_, ends)| ends.after(open)).or_else(|| {
            let line = lines.after(open).unwrap_or(text.len() + 1);
            tags.after(open).filter(|end| *end < line)
        });
        at = end.unwrap_or(open + 1);
        if end.is_none() {
            kept.push('<');
        }
    }
    kept.push_str(&text[at..]);
    kept
}

/// The ends of a mark in a text, asked for in ascending order and so found in one pass.
struct Ends<'t> {
    text: &'t str,
    mark: &'static str,
    /// The end found last; nothing when there is none further on.
    next: Option<usize>,
}

impl<'t> Ends<'t> {
    fn of(text: &'t str, mark: &'static str) -> Self {
        Self { text, mark, next: text.find(mark).map(|at| at + mark.len()) }
    }

    /// The end of the first mark that begins at `from` or after it.
    fn after(&mut self, from: usize) -> Option<usize> {
        while let Some(next) = self.next.filter(|next| *next < from + self.mark.len()) {
            self.next = self.text[next..].find(self.mark).map(|at| next + at + self.mark.len());
        }
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::stripped;

    #[test]
    fn scripts_styles_comments_and_tags_go() {
        let html = "<p>Hi <b>Ada</b></p><SCRIPT>x < y</script><style>p{}</style><!-- a\n> b -->!";
        assert_eq!(stripped(html), "Hi Ada!");
    }

    #[test]
    fn what_is_not_closed_stays() {
        assert_eq!(stripped("1 < 2\n3 > 2 <br"), "1 < 2\n3 > 2 <br");
        assert_eq!(stripped("<script>alert"), "alert");
    }

    #[test]
    fn many_openings_take_one_pass() {
        assert_eq!(stripped(&"<script>".repeat(200_000)), "");
        assert_eq!(stripped(&"<".repeat(200_000)).len(), 200_000);
    }
}
