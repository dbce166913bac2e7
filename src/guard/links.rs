//! Where the words of a call would lead whoever reads them.

use url::Url;

use super::{Guards, egress, intent::Intent, policy::WorkspaceKind};
use crate::catalog::Effect;

/// How many hosts a plan names.
const MOST_NAMED: usize = 5;

impl Guards {
    /// Weighs the links of texts given in a call that sends: those to hosts that the operator does not list ask for a
    /// human, who is told where they lead. Nobody here resolves names or follows links.
    pub(crate) fn weigh_links(&self, effect: Effect, intent: &mut Intent) {
        if effect != Effect::Send || (self.workspace.kind == WorkspaceKind::Sandbox && self.egress_hosts.is_empty()) {
            return;
        }
        let mut hosts = Vec::new();
        for (_, text) in &intent.texts {
            for host in hosts_in(text) {
                if !egress::is_listed(&host, &self.egress_hosts) && !hosts.contains(&host) {
                    hosts.push(host);
                }
            }
        }
        if hosts.is_empty() {
            return;
        }
        let more = hosts.len().saturating_sub(MOST_NAMED);
        hosts.truncate(MOST_NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        intent.found.push(format!("it links to hosts that the operator does not list: {}{more}", hosts.join(", ")));
    }
}

/// The hosts that a text would lead to. A link whose host is made by Liquid leads to wherever data says.
fn hosts_in(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let mut hosts = Vec::new();
    // `//host` alone is a link in HTML, and a browser reads `\\` as `/`.
    for (at, _) in lower.match_indices("//").chain(lower.match_indices("\\\\")) {
        let before = &lower[..at];
        let scheme = ["https:", "http:"].into_iter().find(|scheme| before.ends_with(scheme));
        let in_attribute = before.ends_with(['"', '\'', '=', '(']);
        if scheme.is_none() && !in_attribute {
            continue;
        }
        let rest: String = lower[at + 2..]
            .chars()
            .take_while(|c| !c.is_whitespace() && !matches!(c, '"' | '\'' | '<' | '>' | ')' | ']' | '`'))
            .collect();
        let host = match Url::parse(&format!("https://{rest}")) {
            Ok(url) => url.host_str().unwrap_or_default().to_owned(),
            Err(_) => String::new(),
        };
        hosts.push(if host.is_empty() || host.contains(['{', '}', '%']) {
            "one that data decides".to_owned()
        } else {
            host
        });
    }
    hosts
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
            ("no link // a comment, ratio 1//2", vec![]),
        ] {
            assert_eq!(hosts_in(text), hosts, "{text}");
        }
    }
}
