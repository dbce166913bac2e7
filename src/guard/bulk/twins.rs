//! Rows of one import about the same person, and rows that would be one person by one identifier and two by another.

use std::{
    collections::{HashMap, HashSet, hash_map::RandomState},
    hash::BuildHasher as _,
};

use super::row::Refused;
use crate::{error::ErrorCode, guard::identity::identifier::Identifiers};

/// What earlier rows have named. Look-ups cannot see it: nobody of it is written yet. A row costs some forty bytes here,
/// since hashes are kept and no identifiers.
#[derive(Debug, Default)]
pub(super) struct Twins {
    hasher: RandomState,
    /// Whom earlier rows are about.
    named: HashSet<u64>,
    /// By address, whom it came with.
    owners_of_emails: HashMap<u64, u64>,
    /// By id without case, the id as it was written.
    spellings: HashMap<u64, u64>,
}

impl Twins {
    /// Refuses a row that is about an earlier row's person or would make them another one, and remembers the rest.
    pub(super) fn check(&mut self, given: &Identifiers) -> Result<(), Refused> {
        if let Some(id) = &given.id {
            let exact = self.hasher.hash_one(id);
            let earlier = *self.spellings.entry(self.hasher.hash_one(id.to_lowercase())).or_insert(exact);
            if earlier != exact {
                return Err(Refused::new(
                    ErrorCode::IdentityConflict,
                    Some("id"),
                    "an earlier row has the same `id` with other capitals: ids are compared with case, so these would be \
                     two people",
                ));
            }
        }
        let Some((field, named)) = self.named_by(given) else { return Ok(()) };
        if let Some(email) = &given.email {
            let owner = *self.owners_of_emails.entry(self.hasher.hash_one(email.to_lowercase())).or_insert(named);
            if owner != named {
                return Err(Refused::new(
                    ErrorCode::IdentityConflict,
                    Some("email"),
                    "an earlier row has the same `email` with another identifier: Customer.io would write both rows to \
                     one person",
                ));
            }
        }
        if !self.named.insert(named) {
            return Err(Refused::new(
                ErrorCode::Conflict,
                Some(field),
                "an earlier row is about the same customer: several batches are written at a time, and whichever came \
                 last would win",
            ));
        }
        Ok(())
    }

    /// Whom a row is about: by its id, else its `cio_id`, else its address.
    fn named_by(&self, given: &Identifiers) -> Option<(&'static str, u64)> {
        let email = given.email.as_ref().map(|email| email.to_lowercase());
        let (field, value) = [("id", given.id.clone()), ("cio_id", given.cio_id.clone()), ("email", email)]
            .into_iter()
            .find_map(|(field, value)| Some((field, value?)))?;
        Some((field, self.hasher.hash_one((field, value))))
    }
}
