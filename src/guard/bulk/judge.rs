//! Whether rows that can be read may be written: erased people, the identity strategy, test identities.

use std::collections::{HashMap, HashSet};

use super::{
    Kind,
    row::{Refused, RowContent},
};
use crate::{
    error::{ErrorCode, ToolError},
    guard::{
        Call, Guards,
        consent::{redirects, subscribes},
        directory::KnownPerson,
        identity::{
            UpsertAction, app_key_required, check_named, check_written, decide_many,
            identifier::{CustomerRef, IdType, Identifiers},
            look_up_many, no_such_person,
            strategy::IdentityStrategy,
        },
        policy::{Decision, Reach},
        test_profiles::Lane,
    },
    state::Digest,
};

/// How many people of events stay known to exist while rows are checked: some eight megabytes.
const MOST_KNOWN: usize = 200_000;

/// What is needed to judge rows, and what was learnt from those before.
pub(super) struct Judge<'a> {
    pub(super) guards: &'a Guards,
    pub(super) call: &'a Call<'a>,
    pub(super) strategy: &'a IdentityStrategy,
    pub(super) kind: Kind,
    pub(super) id_type: IdType,
    /// People of earlier rows who exist, by their digests' beginnings.
    pub(super) known: HashSet<u64>,
}

/// A row as it was judged.
pub(super) enum Judged {
    Good {
        /// It would make a person.
        creates: bool,
    },
    Bad(Refused),
}

impl Judge<'_> {
    /// What can be said before any row: a whole import that nobody can look up people for.
    pub(super) fn check_id_type(&self) -> Result<(), ToolError> {
        let primary = self.strategy.primary.id_type();
        if self.kind == Kind::Events && !self.call.directory.can_look_up() && self.id_type != primary {
            return Err(app_key_required().at("id_type"));
        }
        Ok(())
    }

    /// Judges some rows, in their order.
    pub(super) async fn judge(&mut self, rows: &[RowContent]) -> Result<Vec<Judged>, ToolError> {
        let erased = self.guards.erased_rows(rows.iter().map(RowContent::refs)).await?;
        let asks = self.escalation_asks_a_human();
        let judged = match self.kind {
            Kind::Customers => self.customers(rows).await?,
            Kind::Events => self.events(rows).await?,
        };
        Ok(judged
            .into_iter()
            .zip(erased)
            .zip(rows)
            .map(|((judged, erased), row)| match row {
                _ if erased => bad(erased_person()),
                RowContent::Event(row) if asks && redirects(&row.data) => bad(redirected()),
                _ => judged,
            })
            .collect())
    }

    async fn customers(&self, rows: &[RowContent]) -> Result<Vec<Judged>, ToolError> {
        let rows: Vec<_> = rows
            .iter()
            .filter_map(|row| match row {
                RowContent::Customer(row) => Some(row),
                RowContent::Event(_) => None,
            })
            .collect();
        let given: Vec<&Identifiers> = rows.iter().map(|row| &row.given).collect();
        let looks = self.call.directory.can_look_up();
        let forms: Vec<_> = given.iter().map(|one| check_written(one, self.strategy, looks)).collect();
        let actions = if looks {
            decide_many(self.call.directory, &given, self.strategy).await?
        } else {
            vec![Ok(UpsertAction::Unverified); given.len()]
        };
        // Somebody who exists may have been erased under another identifier than the row's.
        let people = actions.iter().map(|action| match action {
            Ok(UpsertAction::Update { person, .. }) => person.refs(),
            _ => Vec::new(),
        });
        let erased = self.guards.erased_rows(people).await?;
        let asks = self.escalation_asks_a_human();
        let all = rows.into_iter().zip(forms).zip(actions).zip(erased);
        Ok(all
            .map(|(((row, form), action), erased)| match form.and(action) {
                Err(error) => bad(error),
                Ok(_) if erased => bad(erased_person()),
                Ok(UpsertAction::Update { .. } | UpsertAction::Unverified) if asks && subscribes(&row.attributes) => {
                    bad(subscribed_again())
                }
                Ok(UpsertAction::Update { .. }) => Judged::Good { creates: false },
                Ok(UpsertAction::Create | UpsertAction::Unverified) => match self.guards.refuse_hidden_test(&row.given)
                {
                    Ok(()) => Judged::Good { creates: true },
                    Err(error) => bad(no_test_profiles(&error)),
                },
            })
            .collect())
    }

    /// Whether what a row does would wait for a human, who cannot look at each row of a file.
    fn escalation_asks_a_human(&self) -> bool {
        let Call { tool, effect, flags, .. } = self.call;
        let reach = Reach { recipients_allowed: true, several_people: true, escalated: true };
        self.guards.policy.decide(self.guards.workspace.kind, tool, *effect, flags, reach) >= Decision::Approve
    }

    async fn events(&mut self, rows: &[RowContent]) -> Result<Vec<Judged>, ToolError> {
        let named: Vec<&CustomerRef> = rows
            .iter()
            .filter_map(|row| match row {
                RowContent::Event(row) => Some(&row.customer),
                RowContent::Customer(_) => None,
            })
            .collect();
        if !self.call.directory.can_look_up() {
            let mut judged = Vec::with_capacity(named.len());
            for customer in named {
                judged.push(match self.unverified(customer).await? {
                    Ok(()) => Judged::Good { creates: false },
                    Err(refused) => Judged::Bad(refused),
                });
            }
            return Ok(judged);
        }
        let found = self.existing(&named).await?;
        Ok(named
            .into_iter()
            .map(|customer| match found.get(&customer.digest_input()) {
                None => Judged::Good { creates: false },
                Some(0) => bad(no_such_person(customer)),
                Some(_) => bad(shared_address()),
            })
            .collect())
    }

    /// The people named who are nobody (0) or several (2 and more), by what they are digested from. Who was seen before
    /// is not looked for again.
    async fn existing(&mut self, named: &[&CustomerRef]) -> Result<HashMap<String, usize>, ToolError> {
        let mut wanted: HashMap<String, usize> = HashMap::new();
        let mut values = Vec::new();
        for customer in named {
            let (key, short) = (customer.digest_input(), self.short(customer));
            if !self.known.contains(&short) && wanted.insert(key, 0).is_none() {
                values.push(customer.value.clone());
            }
        }
        let people = look_up_many(self.call.directory, self.id_type, values).await?;
        // Somebody who was erased under another identifier is nobody here.
        let erased = self.guards.erased_rows(people.iter().map(KnownPerson::refs)).await?;
        for (person, _) in people.into_iter().zip(erased).filter(|(_, erased)| !erased) {
            if let Some(reference) = self.named_by(&person)
                && let Some(count) = wanted.get_mut(&reference.digest_input())
            {
                *count += 1;
                if self.known.len() >= MOST_KNOWN {
                    self.known.clear();
                }
                let short = self.short(&reference);
                self.known.insert(short);
            }
        }
        wanted.retain(|_, count| *count != 1);
        Ok(wanted)
    }

    fn named_by(&self, person: &KnownPerson) -> Option<CustomerRef> {
        person.refs().into_iter().find(|reference| reference.id_type == self.id_type)
    }

    fn short(&self, customer: &CustomerRef) -> u64 {
        let Digest(bytes) = self.guards.subject_digest(customer);
        bytes.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
    }

    async fn unverified(&self, customer: &CustomerRef) -> Result<Result<(), Refused>, ToolError> {
        if let Err(error) = check_named(customer, self.strategy) {
            return Ok(Err(error.into()));
        }
        let mut given = Identifiers::default();
        given.set(customer);
        let Err(error) = self.guards.refuse_hidden_test(&given) else { return Ok(Ok(())) };
        // Most look like nobody's test, and only then is it asked whether they are one.
        let is_ours = self.guards.lane(std::slice::from_ref(customer)).await? == Lane::Test;
        Ok(if is_ours { Ok(()) } else { Err(no_test_profiles(&error.at("customer")).into()) })
    }
}

impl Guards {
    /// Which of some rows name anybody who was erased.
    pub(crate) async fn erased_rows(
        &self,
        rows: impl Iterator<Item = Vec<CustomerRef>> + Send,
    ) -> Result<Vec<bool>, ToolError> {
        let workspace = self.workspace.name.clone();
        if !self.store.has_tombstones(workspace.clone()).await? {
            return Ok(rows.map(|_| false).collect());
        }
        let digests: Vec<Vec<Digest>> = rows.map(|refs| self.digests(&refs)).collect();
        let tombstones = self.store.tombstones(workspace, digests.concat()).await?;
        let erased: HashSet<[u8; 32]> = tombstones.into_iter().map(|tombstone| tombstone.subject.0).collect();
        Ok(digests.iter().map(|row| row.iter().any(|Digest(digest)| erased.contains(digest))).collect())
    }
}

fn bad(error: impl Into<Refused>) -> Judged {
    Judged::Bad(error.into())
}

fn redirected() -> ToolError {
    ToolError::new(ErrorCode::Conflict, "Its data says whom a message goes to or is from: track_event asks for it.")
        .at("data")
}

fn subscribed_again() -> ToolError {
    ToolError::new(
        ErrorCode::Conflict,
        "It would subscribe somebody who exists, which takes their own consent: set_subscription asks for it, person by \
         person.",
    )
    .at("attributes")
}

/// What is said of a row that names somebody who was erased.
pub(super) fn erased_person() -> Refused {
    Refused::new(ErrorCode::CustomerErased, None, "the person was erased and must not come back")
}

fn shared_address() -> Refused {
    Refused::new(ErrorCode::IdentityConflict, Some("customer"), "several people share this e-mail address")
}

fn no_test_profiles(error: &ToolError) -> ToolError {
    let field = error.field.clone().unwrap_or_default();
    let message = format!("`{field}` looks like a test identity, and imports make no test profiles");
    ToolError::new(error.code, message).at(field)
}
