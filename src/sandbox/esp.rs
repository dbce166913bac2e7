//! Addresses the e-mail provider refuses (behaviour.md sections 3 and 10). The person stays; what is sent to the
//! address is dropped.

use serde_json::{Value, json};

use super::{
    identifiers::looks_like_email,
    page::Page,
    reply::{Answer, Reply},
    request::Call,
    world::World,
};

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;

/// The types, as paths name them, and the categories, as answers do.
const TYPES: [(&str, &str); 4] =
    [("blocks", "blocks"), ("bounces", "bounces"), ("spam_reports", "spam"), ("invalid_emails", "invalid")];

/// One refused address.
#[derive(Debug, Clone)]
pub(super) struct EspSuppression {
    /// Its place in the order of creation.
    sequence: u64,
    kind: &'static str,
    category: &'static str,
    email: String,
    /// The sending domain it holds for; `None` is every one.
    domain: Option<String>,
    reason: String,
    created: i64,
}

impl EspSuppression {
    fn shown(&self) -> Value {
        json!({"created": self.created, "email": self.email, "reason": self.reason, "status": "550"})
    }

    fn is_for(&self, kind: &str, email: &str) -> bool {
        self.kind == kind && self.email.eq_ignore_ascii_case(email)
    }

    fn holds_for(&self, domain: &str) -> bool {
        self.domain.as_deref().is_none_or(|own| own.eq_ignore_ascii_case(domain))
    }
}

/// All of them, oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct EspSuppressions {
    list: Vec<EspSuppression>,
    last_sequence: u64,
}

impl EspSuppressions {
    /// Adds an address; once in a type is enough. The error names a type there is not.
    pub(super) fn add(
        &mut self,
        kind: &str,
        email: &str,
        domain: Option<&str>,
        reason: &str,
        created: i64,
    ) -> Result<(), String> {
        let known = TYPES.into_iter().find(|(known, _)| *known == kind);
        let (kind, category) = known.ok_or_else(|| format!("unknown suppression type '{kind}'"))?;
        let domain = domain.map(str::to_owned);
        if !self.list.iter().any(|entry| entry.is_for(kind, email) && entry.domain == domain) {
            self.last_sequence += 1;
            let (sequence, email, reason) = (self.last_sequence, email.to_owned(), reason.to_owned());
            self.list.push(EspSuppression { sequence, kind, category, email, domain, reason, created });
        }
        Ok(())
    }

    /// Why an e-mail from `from` to `recipient` is dropped, if it is. Both may carry a display name.
    pub(super) fn refuses(&self, recipient: &str, from: &str) -> Option<String> {
        let domain = address(from).rsplit_once('@').map_or("", |(_, domain)| domain);
        let entry = recipient.split(',').map(address).find_map(|email| {
            self.list.iter().find(|entry| entry.email.eq_ignore_ascii_case(email) && entry.holds_for(domain))
        })?;
        Some(format!("{} is suppressed by the email provider: {}", entry.email, entry.category))
    }
}

/// The address in `Name <address>`.
fn address(text: &str) -> &str {
    let text = text.trim();
    text.strip_suffix('>').and_then(|text| text.rsplit_once('<')).map_or(text, |(_, address)| address.trim())
}

fn kind(world: &World, call: &Call) -> Result<(&'static str, &'static str), Reply> {
    let kind = call.param("suppression_type");
    let known = TYPES.into_iter().find(|(known, _)| *known == kind);
    known.ok_or_else(|| world.app_error(400, &format!("unknown suppression type '{kind}'")))
}

/// `GET /v1/esp/search_suppression/{email_address}`: all types. The answer has room for one category, the first; it
/// has none when there is nothing.
pub(super) fn search(world: &mut World, call: &Call) -> Answer {
    let email = call.param("email_address");
    let found: Vec<_> = world.esp.list.iter().filter(|entry| entry.email.eq_ignore_ascii_case(email)).collect();
    let suppressions: Vec<_> = found.iter().map(|entry| entry.shown()).collect();
    let mut answer = json!({"suppressions": suppressions});
    if let Some(entry) = found.first() {
        answer["category"] = json!(entry.category);
    }
    Ok(Reply::ok(&answer))
}

/// `GET /v1/esp/suppression/{suppression_type}`, by `offset` and `limit`.
pub(super) fn list(world: &mut World, call: &Call) -> Answer {
    let (kind, category) = kind(world, call)?;
    let number = |name: &str, default: usize| match call.query(name).filter(|text| !text.is_empty()) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| world.app_error(400, &format!("invalid {name}"))),
    };
    let (limit, offset) = (number("limit", DEFAULT_LIMIT)?.min(MAX_LIMIT), number("offset", 0)?);
    let (email, domain) = (call.query("email"), call.query("domain"));
    let rows: Vec<_> = world
        .esp
        .list
        .iter()
        .filter(|entry| entry.kind == kind)
        .filter(|entry| email.is_none_or(|email| entry.is_for(kind, email)))
        .filter(|entry| domain.is_none_or(|domain| entry.holds_for(domain)))
        .skip(offset)
        .take(limit)
        .map(EspSuppression::shown)
        .collect();
    Ok(Reply::ok(&json!({"category": category, "suppressions": rows})))
}

/// `GET /v1/esp/domains/{domain_name}/suppression/{suppression_type}`, by `start` and `next`.
pub(super) fn of_domain(world: &mut World, call: &Call) -> Answer {
    let (kind, category) = kind(world, call)?;
    let page = Page::from_call(call, world, DEFAULT_LIMIT, MAX_LIMIT)?;
    let (domain, email) = (call.param("domain_name"), call.query("email"));
    let rows = world
        .esp
        .list
        .iter()
        .filter(|entry| entry.kind == kind && entry.holds_for(domain))
        .filter(|entry| email.is_none_or(|email| entry.is_for(kind, email)))
        .map(|entry| (entry.sequence, entry));
    let (rows, next) = page.cut_ascending(rows);
    let rows: Vec<_> = rows.into_iter().map(EspSuppression::shown).collect();
    Ok(Reply::ok(&json!({"category": category, "suppressions": rows, "next": next})))
}

/// `POST /v1/esp/suppression/{suppression_type}/{email_address}`: on every sending domain, the path naming none.
pub(super) fn add(world: &mut World, call: &Call) -> Answer {
    let (kind, _) = kind(world, call)?;
    let email = call.param("email_address");
    if !looks_like_email(email) {
        return Err(world.app_error(400, "invalid email address"));
    }
    let now = world.now();
    world
        .esp
        .add(kind, email, None, "Uploaded manually via the App API", now)
        .map_err(|error| world.app_error(400, &error))?;
    Ok(Reply::ok(&json!({})))
}

/// `DELETE /v1/esp/suppression/{suppression_type}/{email_address}`: 204 also for an address that is not suppressed.
pub(super) fn remove(world: &mut World, call: &Call) -> Answer {
    let (kind, _) = kind(world, call)?;
    let email = call.param("email_address");
    world.esp.list.retain(|entry| !entry.is_for(kind, email));
    Ok(Reply::no_content())
}
