//! Tracked links: every web address an e-mail links to has a number, and the e-mail leads to it by way of the sandbox.

use std::{collections::HashMap, sync::LazyLock};

use regex::{Captures, Regex};

/// Where tracked links lead. The host is reserved for examples: nothing real is ever called.
pub(super) const HOST: &str = "https://sandbox.example.com";

#[expect(clippy::expect_used, reason = "part of the program, and a test reads it")]
static ANCHOR: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?is)<a\s[^>]*>").expect("a valid expression"));
#[expect(clippy::expect_used, reason = "part of the program, and a test reads it")]
static HREF: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"(?is)(\shref\s*=\s*)("[^"]*"|'[^']*')"#).expect("a valid expression"));
/// What a link carries that is not to be tracked.
#[expect(clippy::expect_used, reason = "part of the program, and a test reads it")]
static UNTRACKED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"(?is)\sclass\s*=\s*["'][^"']*\buntracked\b"#).expect("a valid expression"));

/// All addresses ever linked to, each with its number: its place, counted from 1.
#[derive(Debug, Clone, Default)]
pub(super) struct Links {
    addresses: Vec<String>,
    numbers: HashMap<String, u64>,
}

impl Links {
    /// The body with its links leading through the sandbox, and their numbers in the order they stand there.
    pub(super) fn track(&mut self, delivery_id: &str, body: &str) -> (String, Vec<u64>) {
        let mut numbers = Vec::new();
        let tracked = ANCHOR.replace_all(body, |anchor: &Captures| {
            let anchor = &anchor[0];
            if UNTRACKED.is_match(anchor) {
                return anchor.to_owned();
            }
            let rewritten = HREF.replace(anchor, |href: &Captures| {
                let quoted = &href[2];
                let address = quoted[1..quoted.len() - 1].replace("&amp;", "&");
                if !is_tracked(&address) {
                    return href[0].to_owned();
                }
                let number = self.number(&address);
                numbers.push(number);
                format!("{}\"{HOST}/e/c/{delivery_id}/{number}\"", &href[1])
            });
            rewritten.into_owned()
        });
        (tracked.into_owned(), numbers)
    }

    /// The number of an address, a new one if it was never linked to.
    pub(super) fn number(&mut self, address: &str) -> u64 {
        if let Some(number) = self.numbers.get(address) {
            return *number;
        }
        self.addresses.push(address.to_owned());
        let number = self.addresses.len() as u64;
        self.numbers.insert(address.to_owned(), number);
        number
    }

    /// Where a link leads.
    pub(super) fn address(&self, number: u64) -> Option<&str> {
        let place = usize::try_from(number).ok()?.checked_sub(1)?;
        self.addresses.get(place).map(String::as_str)
    }
}

/// Web addresses are tracked, but not the vendor's own: an unsubscribe link leads where it says.
fn is_tracked(address: &str) -> bool {
    let lower = address.to_ascii_lowercase();
    (lower.starts_with("http://") || lower.starts_with("https://")) && !lower.starts_with(HOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_links_lead_through_the_sandbox_and_others_stay() {
        let mut links = Links::default();
        let body = r#"<a class="b" href="https://a.example/?x=1&amp;y=2">A</a> <a href='mailto:x@a.example'>M</a>
            <a class="big untracked" href="https://b.example">B</a> <a href="https://sandbox.example.com/u">U</a>
            <A HREF="http://c.example">C</A> <a href="https://a.example/?x=1&y=2">A</a>"#;
        let (tracked, numbers) = links.track("D1", body);
        assert_eq!(numbers, [1, 2, 1]);
        assert_eq!(tracked.matches("https://sandbox.example.com/e/c/D1/1\"").count(), 2);
        assert!(tracked.contains("mailto:x@a.example") && tracked.contains("https://b.example"), "{tracked}");
        assert_eq!(
            (links.address(1), links.address(2)),
            (Some("https://a.example/?x=1&y=2"), Some("http://c.example"))
        );
        assert_eq!((links.address(0), links.address(3)), (None, None));
    }
}
