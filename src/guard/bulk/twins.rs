//! Rows of one import that would be one person by one identifier and two by another.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher as _,
};

use super::row::Refused;
use crate::{error::ErrorCode, guard::identity::identifier::Identifiers};

/// What earlier rows have named. Look-ups cannot see it: nobody of it is written yet. A row costs some forty bytes here,
/// since hashes are kept and no identifiers.
#[derive(Debug, Default)]
pub(super) struct Twins {
    hasher: RandomState,
    /// By address, whose id it came with.
    ids_of_emails: HashMap<u64, u64>,
    /// By id without case, the id as it was written.
    spellings: HashMap<u64, u64>,
}

impl Twins {
    /// Refuses a row that would make an earlier row's person another one, and remembers the rest.
    pub(super) fn check(&mut self, given: &Identifiers) -> Result<(), Refused> {
        let Some(id) = &given.id else { return Ok(()) };
        let exact = self.hasher.hash_one(id);
        let earlier = *self.spellings.entry(self.hasher.hash_one(id.to_lowercase())).or_insert(exact);
        if earlier != exact {
            return Err(Refused::new(
                ErrorCode::IdentityConflict,
                Some("id"),
                "an earlier row has the same `id` with other capitals: ids are compared with case, so these would be two \
                 people",
            ));
        }
        if let Some(email) = &given.email {
            let owner = *self.ids_of_emails.entry(self.hasher.hash_one(email.to_lowercase())).or_insert(exact);
            if owner != exact {
                return Err(Refused::new(
                    ErrorCode::IdentityConflict,
                    Some("email"),
                    "an earlier row has the same `email` with another `id`: Customer.io would write both rows to one person",
                ));
            }
        }
        Ok(())
    }
}
