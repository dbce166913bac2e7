//! Suppression: the person goes, and the identifier is refused from then on (behaviour.md section 3).

use std::collections::BTreeSet;

use super::{
    identifiers::Identifier,
    profiles::path_identifier,
    reply::{Answer, Reply},
    request::Call,
    world::World,
};

/// Identifiers that calls may no longer name. No API lists them.
#[derive(Debug, Clone, Default)]
pub(super) struct Suppressed {
    ids: BTreeSet<String>,
    /// In lower case.
    emails: BTreeSet<String>,
}

impl Suppressed {
    pub(super) fn contains(&self, identifier: &Identifier) -> bool {
        match identifier {
            Identifier::Id(id) => self.ids.contains(id),
            Identifier::Email(email) => self.emails.contains(&email.to_lowercase()),
            // A suppressed person is gone, and a cio_id never comes back.
            Identifier::CioId(_) => false,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len() + self.emails.len()
    }

    pub(super) fn add(&mut self, identifier: &Identifier) {
        match identifier {
            Identifier::Id(id) => self.ids.insert(id.clone()),
            Identifier::Email(email) => self.emails.insert(email.to_lowercase()),
            Identifier::CioId(_) => false,
        };
    }

    fn remove(&mut self, identifier: &Identifier) {
        match identifier {
            Identifier::Id(id) => self.ids.remove(id),
            Identifier::Email(email) => self.emails.remove(&email.to_lowercase()),
            Identifier::CioId(_) => false,
        };
    }
}

impl World {
    /// Deletes whoever is named and refuses the identifier, and the person's other one, from now on.
    pub(super) fn suppress(&mut self, named: &Identifier) {
        self.suppressed.add(named);
        let Some(key) = self.people.find(named) else { return };
        if let Some(person) = self.people.get(key) {
            if let Some(id) = person.id() {
                self.suppressed.add(&Identifier::Id(id.to_owned()));
            }
            if let Some(email) = person.email() {
                self.suppressed.add(&Identifier::Email(email.to_owned()));
            }
        }
        self.delete_person(key);
    }

    /// Lets the identifier be used again; the person does not come back.
    pub(super) fn unsuppress(&mut self, named: &Identifier) {
        self.suppressed.remove(named);
    }
}

/// `POST /api/v1/customers/{identifier}/suppress`.
pub(super) fn suppress(world: &mut World, call: &Call) -> Answer {
    world.suppress(&path_identifier(call).map_err(Reply::meta_errors)?);
    Ok(Reply::accepted())
}

/// `POST /api/v1/customers/{identifier}/unsuppress`.
pub(super) fn unsuppress(world: &mut World, call: &Call) -> Answer {
    world.unsuppress(&path_identifier(call).map_err(Reply::meta_errors)?);
    Ok(Reply::accepted())
}
