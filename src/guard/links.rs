//! Where the words of a call would lead whoever reads them.

use std::sync::LazyLock;

use regex::Regex;
use url::Url;

use super::{Call, Guards, egress, policy::WorkspaceKind};
use crate::catalog::Effect;

/// How many hosts a plan names.
const MOST_NAMED: usize = 5;
/// A host that nobody can name beforehand.
const BY_DATA: &str = "one that data decides";

/// Where a reader, or a browser, would take a text for a link: after a scheme, whose letters line ends do not part for
/// them and whose slashes may lean either way, at the beginning of a value or attribute without one, and after `www.`.
static LINK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?im)(?:h[\t\r\n]*t[\t\r\n]*t[\t\r\n]*p[\t\r\n]*s?[\t\r\n]*:[\\/\t\r\n]*|(?:^|["'=(])[\\/]{2,}|\b(www\.))([^\s"'<>)\]`]*)"#,
    )
    .ok()
});

impl Guards {
    /// What links in the words of a sending call ask for a human, who is told where they lead: hosts that the operator
    /// does not list. Nobody here resolves names or follows links.
    pub(super) fn weigh_links(&self, call: &Call<'_>) -> Option<String> {
        let is_open =
            self.workspace.kind == WorkspaceKind::Sandbox && self.egress_hosts.is_empty() && self.link_hosts.is_empty();
        if call.effect != Effect::Send || is_open {
            return None;
        }
        let mut hosts = Vec::new();
        for host in call.intent.texts.iter().flat_map(|text| hosts_in(text)) {
            let listed = [&self.link_hosts, &self.egress_hosts].into_iter().any(|list| egress::is_listed(&host, list));
            if !listed && !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        if hosts.is_empty() {
            return None;
        }
        let more = hosts.len().saturating_sub(MOST_NAMED);
        hosts.truncate(MOST_NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        Some(format!("it links to hosts that the operator does not list: {}{more}", hosts.join(", ")))
    }
}

/// The hosts that a text would lead to. A link whose host is made by Liquid leads to wherever data says.
fn hosts_in(text: &str) -> Vec<String> {
    let Some(pattern) = LINK.as_ref() else { return vec![BY_DATA.to_owned()] };
    let links = pattern.captures_iter(text).map(|link| {
        let part = |group: usize| link.get(group).map_or("", |part| part.as_str());
        let host = Url::parse(&format!("https://{}{}", part(1), part(2)).to_lowercase()).ok();
        let host = host.as_ref().and_then(Url::host_str).unwrap_or_default();
        if host.is_empty() || host.contains(['{', '}', '%']) { BY_DATA.to_owned() } else { host.to_owned() }
    });
    links.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_found_where_a_reader_would_follow_them() {
        for (text, hosts) in [
            ("see https://shop.example/a and HTTP://Evil.io", vec!["shop.example", "evil.io"]),
            ("<a href=\"//evil.io/x\">", vec!["evil.io"]),
            ("<a href=\"https://shop.example@evil.io/\">", vec!["evil.io"]),
            ("https:\\\\evil.io", vec!["evil.io"]),
            ("https://2130706433/", vec!["127.0.0.1"]),
            ("https://{{customer.host}}/in", vec!["one that data decides"]),
            ("https://аpple.com/", vec!["xn--pple-43d.com"]),
            ("//evil.io/x", vec!["evil.io"]),
            ("first value\n//evil.io/x", vec!["evil.io"]),
            ("https:/evil.io", vec!["evil.io"]),
            ("https:/\\evil.io", vec!["evil.io"]),
            ("ht\ttps://evil.io", vec!["evil.io"]),
            ("see www.Evil.io.", vec!["www.evil.io."]),
            ("no link // a comment, ratio 1//2, awww.x", vec![]),
        ] {
            assert_eq!(hosts_in(text), hosts, "{text}");
        }
    }
}
