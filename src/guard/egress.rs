//! Which addresses Customer.io may be told to call: an address takes people's data to wherever it leads.

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
fn is_listed(host: &str, list: &[String]) -> bool {
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
