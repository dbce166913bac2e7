//! Whom a message may go to: the operator's lists, by lane.

use super::{
    Call, Guards,
    identity::{
        Identified,
        identifier::{CustomerRef, IdType},
    },
    intent::{Recipient, RecipientRole},
    policy::WorkspaceKind,
    test_profiles::{Lane, LedgerProfile},
};
use crate::{
    catalog::Effect,
    error::{ErrorCode, ToolError},
};

/// What the recipients of a call mean for its approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reached {
    /// Every recipient is on the list of its lane.
    pub allowed: bool,
    /// More than one address receives the message.
    pub several: bool,
}

impl Guards {
    /// Refuses what no approval can mend; says whether the rest is on the operator's lists.
    pub(crate) async fn check_recipients(
        &self,
        call: &Call<'_>,
        identified: &Identified,
    ) -> Result<Reached, ToolError> {
        if call.effect != Effect::Send {
            return Ok(Reached { allowed: true, several: false });
        }
        let lane = self.lane(&identified.refs()).await?;
        let by_role = |role| call.intent.recipients.iter().filter(move |recipient: &&Recipient| recipient.role == role);
        for recipient in by_role(RecipientRole::Bcc) {
            refuse_unlisted(recipient, &self.recipients.bcc, "A blind copy goes only to addresses the operator lists")?;
        }
        for recipient in by_role(RecipientRole::From) {
            refuse_unlisted(
                recipient,
                &self.recipients.from,
                "Another sender than the template's must be on the operator's list",
            )?;
        }
        let mut addresses: Vec<Recipient> = by_role(RecipientRole::To).cloned().collect();
        let to_own = addresses.is_empty() && call.intent.to_own_address;
        if to_own {
            addresses = own_addresses(identified);
        }
        // Who has no address may be reached another way, which no list has seen.
        let all_have_one = !to_own || addresses.len() == identified.subjects.len();
        if lane == Lane::Test && self.has_sinks() {
            for recipient in &addresses {
                refuse_unlisted(
                    recipient,
                    &self.recipients.test,
                    "A message to a test profile goes only to a test sink",
                )?;
            }
        }
        let list = if lane == Lane::Test { &self.recipients.test } else { &self.recipients.live };
        let allowed = self.is_open()
            || (!addresses.is_empty() && all_have_one && addresses.iter().all(|to| is_listed(&to.address, list)));
        Ok(Reached { allowed, several: addresses.len() > 1 })
    }

    /// Test profiles that a message would reach at an address that is no sink, or that nobody knows.
    pub(crate) async fn exposed_tests(&self, call: &Call<'_>) -> Result<Vec<LedgerProfile>, ToolError> {
        if call.effect != Effect::Send || !self.has_sinks() {
            return Ok(Vec::new());
        }
        let mut tests = self.ledger_test_profiles(false).await?;
        tests.retain(|test| match &test.identifiers.email {
            Some(address) => !is_listed(address, &self.recipients.test),
            None => true,
        });
        Ok(tests)
    }

    /// Refuses to send to an audience with test profiles in it that have no sink for an address.
    pub(crate) async fn refuse_test_members(&self, call: &Call<'_>, cio_ids: &[String]) -> Result<(), ToolError> {
        let tests = self.exposed_tests(call).await?;
        if tests.is_empty() {
            return Ok(());
        }
        let refs = |cio_id: &String| CustomerRef { id_type: IdType::CioId, value: cio_id.clone() };
        let members = self.digests(&cio_ids.iter().map(refs).collect::<Vec<_>>());
        match tests.iter().filter(|test| test.is_of(&members)).count() {
            0 => Ok(()),
            tests => Err(ToolError::new(
                ErrorCode::RecipientNotAllowed,
                format!(
                    "Among the recipients are {tests} test profiles whose addresses are no test sinks. Nothing was sent."
                ),
            )
            .next("Take them out of the audience, or remove them with delete_test_customers.")),
        }
    }

    /// A sandbox whose operator listed nobody sends to anybody: nothing leaves it.
    fn is_open(&self) -> bool {
        self.workspace.kind == WorkspaceKind::Sandbox
            && self.recipients.live.is_empty()
            && self.recipients.test.is_empty()
    }

    fn has_sinks(&self) -> bool {
        !self.is_open()
    }
}

fn refuse_unlisted(recipient: &Recipient, list: &[String], rule: &str) -> Result<(), ToolError> {
    if is_listed(&recipient.address, list) {
        return Ok(());
    }
    let field = recipient.role.field();
    let next = match (recipient.role, list.is_empty()) {
        (RecipientRole::To, false) => format!("Give one of these as `to`: {}.", list.join(", ")),
        (RecipientRole::To, true) => "The operator has listed no sink: use preview_message to see the message.".into(),
        (_, false) => format!("Leave `{field}` out, or give one of these: {}.", list.join(", ")),
        (_, true) => format!("Leave `{field}` out: the operator has listed none."),
    };
    Err(ToolError::new(
        ErrorCode::RecipientNotAllowed,
        format!("{rule}, and the one in `{field}` is not. Nothing was sent."),
    )
    .at(field)
    .next(next))
}

fn own_addresses(identified: &Identified) -> Vec<Recipient> {
    let emails = identified.known().into_iter().filter_map(|person| person.email.clone());
    emails.map(|address| Recipient { address, role: RecipientRole::To }).collect()
}

/// Whether an address, or its domain written as `@domain`, is on a list.
///
/// Only one plain address stands for its domain: what a mail system could read as several, such as
/// `eve@elsewhere.io;ada@shop.example`, must be on the list as a whole.
fn is_listed(address: &str, list: &[String]) -> bool {
    let address = address.trim().to_lowercase();
    let domain = if is_plain(&address) { address.find('@').map_or("", |at| &address[at..]) } else { "" };
    list.iter()
        .map(|entry| entry.to_lowercase())
        .any(|entry| entry == address || (entry.starts_with('@') && entry == domain))
}

fn is_plain(address: &str) -> bool {
    let separates = |c: char| c.is_whitespace() || c.is_control() || "<>()[]\\,;:\"%!".contains(c);
    address.matches('@').count() == 1 && !address.contains(separates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_hold_addresses_and_whole_domains() {
        let list = vec!["@Shop.example".to_owned(), "ada@mail.io".to_owned()];
        assert!(is_listed("Bo@shop.EXAMPLE", &list));
        assert!(is_listed("ada@mail.io", &list));
        assert!(!is_listed("bo@mail.io", &list));
        assert!(!is_listed("bo@evil-shop.example", &list));
        assert!(!is_listed("bo@shop.example.evil.io", &list));
        assert!(!is_listed("", &list));
        for several in [
            "eve@elsewhere.io;bo@shop.example",
            "eve@elsewhere.io bo@shop.example",
            "eve@elsewhere.io\u{a0}bo@shop.example",
            "<eve@elsewhere.io>bo@shop.example",
            "\"eve@elsewhere.io\"@shop.example",
            "eve%elsewhere.io@shop.example",
            "@elsewhere.io:bo@shop.example",
        ] {
            assert!(!is_listed(several, &list), "{several}");
        }
    }
}
