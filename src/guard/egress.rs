//! Which addresses Customer.io may be told to call: an address takes people's data to wherever it leads.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::Url;

use super::{Call, Guards, intent::EgressUrl, policy::WorkspaceKind};
use crate::error::{ErrorCode, ToolError};

impl Guards {
    /// Refuses addresses whose host is not on the operator's list. No approval mends it: a human sees the address, and
    /// not what listens there.
    pub(crate) fn check_egress(&self, call: &Call<'_>) -> Result<(), ToolError> {
        // What a sandbox sends on is made up; an operator who lists hosts means them there too.
        let open = self.workspace.kind == WorkspaceKind::Sandbox && self.egress_hosts.is_empty();
        for address in &call.intent.egress {
            let host = host(address, self.workspace.kind)?;
            if self.workspace.kind == WorkspaceKind::Live && is_private(&host) {
                return Err(private(address));
            }
            if !open && !is_listed(&host, &self.egress_hosts) {
                return Err(self.not_listed(address));
            }
        }
        Ok(())
    }

    fn not_listed(&self, address: &EgressUrl) -> ToolError {
        let next = match self.egress_hosts.as_slice() {
            [] => "The operator lists none (`egress_hosts`): ask whether this one may be added.".to_owned(),
            hosts => format!("Listed are: {}. Ask the operator whether another may be added.", hosts.join(", ")),
        };
        ToolError::new(
            ErrorCode::EgressNotAllowed,
            format!("`{}` leads to a host that the operator does not list. Nothing was changed.", address.field),
        )
        .at(address.field.clone())
        .next(next)
    }
}

fn private(address: &EgressUrl) -> ToolError {
    let field = &address.field;
    ToolError::new(
        ErrorCode::EgressNotAllowed,
        format!("`{field}` leads to a private network or to the caller itself. Nothing was changed."),
    )
    .at(field.clone())
    .next("Give an address that the whole internet reaches.")
}

/// Names that lead nowhere on the internet, or to whoever asks.
const PRIVATE_NAMES: &[&str] =
    &["localhost", "local", "internal", "intranet", "lan", "home", "corp", "private", "home.arpa"];

/// Whether a host, as [`Url`] writes it, is an address of a private network, of the machine itself or of no network, or
/// a name that can only be one. Numbers are written out by then: `0x7f.1` is `127.0.0.1`. Names are not resolved: what a
/// name on the operator's list leads to is the operator's word.
pub fn is_private(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().map_or(true, is_private_v6);
    }
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return is_private_v4(address);
    }
    let is_below = |name: &str| host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
    !host.contains('.') || PRIVATE_NAMES.iter().any(|name| is_below(name))
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || matches!((a, b, c), (0 | 240.., ..) | (100, 64..=127, _) | (192, 0, 0) | (198, 18..=19, _))
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let [.., high, low] = segments;
    let inner = Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match segments {
        // Those that carry an address of the old kind, and are it: mapped, compatible, NAT64.
        [0, 0, 0, 0, 0, 0 | 0xFFFF, ..] | [0x64, 0xFF9B, 0, 0, 0, 0, ..] => is_private_v4(inner),
        // 6to4 carries it at the front.
        [0x2002, high, low, ..] => is_private_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))),
        // NAT64 of somebody's own, unique local, link local, site local, multicast, documentation.
        [0xFC00..=0xFDFF | 0xFE80..=0xFEFF | 0xFF00..=0xFFFF, ..] | [0x64, 0xFF9B, 1, ..] | [0x2001, 0xDB8, ..] => true,
        _ => false,
    }
}

/// The host an address leads to, in lower case.
fn host(address: &EgressUrl, kind: WorkspaceKind) -> Result<String, ToolError> {
    let field = &address.field;
    let refuse = |why: &str| {
        ToolError::invalid(field.clone(), format!("`{field}` {why}. Nothing was changed."))
            .next("Give an address such as https://hooks.shop.example/in, its host written out.")
    };
    // Where readers of addresses differ, one of them could be led elsewhere.
    if address.url.contains(|c: char| c == '\\' || c.is_whitespace() || c.is_control()) || !address.url.contains("://")
    {
        return Err(refuse("is not an address"));
    }
    let url = Url::parse(&address.url).map_err(|_| refuse("is not an address"))?;
    // Real people's data does not go in the clear.
    match (url.scheme(), kind) {
        ("https", _) | ("http", WorkspaceKind::Sandbox) => {}
        _ => return Err(refuse("is not an https address")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse("holds credentials"));
    }
    match url.host_str() {
        // Liquid in the host would let data decide where data goes.
        Some(host) if !host.is_empty() && !host.contains(['{', '}', '%']) => Ok(host.to_ascii_lowercase()),
        _ => Err(refuse("has no host, or one that is not written out")),
    }
}

/// Whether a host is on a list of hosts and, written as `*.shop.example`, of all below one.
pub(super) fn is_listed(host: &str, list: &[String]) -> bool {
    let host = host.trim_end_matches('.');
    list.iter().any(|entry| match entry.to_ascii_lowercase().strip_prefix("*.") {
        Some(above) => host.strip_suffix(above).is_some_and(|below| below.len() > 1 && below.ends_with('.')),
        None => entry.eq_ignore_ascii_case(host),
    })
}

/// Whether an entry of the operator's list is a host, or all hosts below one.
pub fn is_host(entry: &str) -> bool {
    let host = entry.strip_prefix("*.").unwrap_or(entry);
    !host.is_empty()
        && !host.starts_with('.')
        && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leads_to(url: &str) -> Option<String> {
        host(&EgressUrl { url: url.to_owned(), field: "url".to_owned() }, WorkspaceKind::Live).ok()
    }

    #[test]
    fn an_address_leads_to_one_host() {
        assert_eq!(leads_to("https://Hooks.Shop.example/in?x=1").as_deref(), Some("hooks.shop.example"));
        assert_eq!(leads_to("https://shop.example:8443/{{customer.id}}").as_deref(), Some("shop.example"));
        for bad in [
            "hooks.shop.example",
            "ftp://shop.example",
            "http://shop.example",
            "https://ada:pw@shop.example",
            "https://{{customer.host}}/in",
            "https://shop.example@evil.io/",
            "https://shop.example\\@evil.io/in",
            "https:shop.example",
            "https://shop.\texample/",
            "javascript:alert(1)",
            "",
        ] {
            assert_eq!(leads_to(bad), None, "{bad}");
        }
    }

    #[test]
    fn private_networks_are_known_in_every_spelling() {
        for url in [
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0177.0.0.1/",
            "https://127.1/",
            "https://0x7f.1/",
            "https://10.0.0.8/",
            "https://172.16.0.1/",
            "https://192.168.1.1/",
            "https://169.254.169.254/",
            "https://100.64.0.1/",
            "https://0.0.0.0/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:a00:1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[2002:7f00:1::]/",
            "https://[fd00::1]/",
            "https://[fe80::1]/",
            "https://localhost/",
            "https://localhost./",
            "https://LOCALHOST/",
            "https://db.internal/",
            "https://printer.local/",
            "https://intranet/",
            "https://１２７.０.０.１/",
            "https://127。0。0。1/",
            "https://loc\u{AD}alhost/",
        ] {
            let host = leads_to(url).unwrap_or_else(|| panic!("{url} is an address"));
            assert!(is_private(&host), "{url} {host}");
        }
        for url in [
            "https://shop.example/",
            "https://8.8.8.8/",
            "https://[2606:4700::1111]/",
            "https://localhost.shop.example/",
        ] {
            assert!(!is_private(&leads_to(url).unwrap()), "{url}");
        }
    }

    #[test]
    fn a_list_holds_hosts_and_all_below_one() {
        let list = vec!["hooks.shop.example".to_owned(), "*.cdn.example".to_owned()];
        assert!(is_listed("hooks.shop.example", &list));
        assert!(is_listed("hooks.shop.example.", &list));
        assert!(is_listed("a.b.cdn.example", &list));
        for other in ["shop.example", "x.hooks.shop.example", "cdn.example", ".cdn.example", "evilcdn.example", ""] {
            assert!(!is_listed(other, &list), "{other}");
        }
    }
}
