//! Resolves the people of a call: from memory where that is safe, from Customer.io where it is not.
//!
//! Look-ups are dear (the App API takes ten a second for a whole workspace), so a person that was resolved stays known
//! for ten minutes for calls that only refer to them. A write to a person always looks.

use serde_json::json;

use super::{
    identifier::{CustomerRef, IdType, Identifiers},
    resolve::{Found, UpsertAction, decide, look_alike},
    strategy::IdentityStrategy,
};
use crate::{
    catalog::Effect,
    error::{ErrorCode, ToolError},
    guard::{
        Call, Guards,
        directory::{Directory, KnownPerson},
        intent::{Absent, GivenCustomer, People},
        test_profiles::Lane,
    },
    state::CachedPerson,
};

/// How long a resolved person stays known, in milliseconds.
const KNOWN_FOR_MS: i64 = 10 * 60 * 1_000;

/// The people of a call, resolved.
#[derive(Debug, Clone, Default)]
pub struct Identified {
    /// The people named, in the order given.
    pub subjects: Vec<Subject>,
    /// What the write of a person will do.
    pub action: Option<UpsertAction>,
    /// The identifiers given for a person to write, in normal form.
    pub given: Identifiers,
    /// Whether the person to write is a test profile.
    pub test: bool,
    /// Named people who do not exist and would be created.
    pub creates: u64,
}

impl Identified {
    /// Every identifier the call is about, given or known.
    pub fn refs(&self) -> Vec<CustomerRef> {
        let mut refs = self.given.refs();
        for subject in &self.subjects {
            refs.push(subject.given.clone());
            refs.extend(subject.person.iter().flat_map(KnownPerson::refs));
        }
        if let Some(UpsertAction::Update { person, .. }) = &self.action {
            refs.extend(person.refs());
        }
        refs.sort_by_cached_key(CustomerRef::digest_input);
        refs.dedup();
        refs
    }

    /// The people the call is about, as far as they exist.
    pub fn known(&self) -> Vec<&KnownPerson> {
        let updated = match &self.action {
            Some(UpsertAction::Update { person, .. }) => Some(person),
            _ => None,
        };
        self.subjects.iter().filter_map(|subject| subject.person.as_ref()).chain(updated).collect()
    }
}

/// A named person.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The identifier given.
    pub given: CustomerRef,
    /// The person behind it; `None` if there is none or nobody could look.
    pub person: Option<KnownPerson>,
}

impl Subject {
    /// The identifier to write by: the one that never changes, where it is known. It never creates a person.
    pub fn write_ref(&self) -> CustomerRef {
        match &self.person {
            Some(person) => CustomerRef { id_type: IdType::CioId, value: person.cio_id.clone() },
            None => self.given.clone(),
        }
    }
}

impl Guards {
    /// Resolves the people of a call. Reads are only checked: they look for themselves.
    pub(crate) async fn identify(&self, call: &Call<'_>) -> Result<Identified, ToolError> {
        let strategy = match (&call.intent.people, call.effect.mutates()) {
            (People::Nobody, _) => return Ok(Identified::default()),
            (_, true) => Some(self.identity_strategy().await?.ok_or_else(strategy_required)?),
            (People::Named { customers, .. }, false) if customers.iter().any(|given| given.id_type.is_none()) => {
                self.strategy_to_read_by().await?
            }
            (_, false) => None,
        };
        match &call.intent.people {
            People::Nobody => Ok(Identified::default()),
            People::Named { customers, absent } => self.named(call, customers, *absent, strategy.as_ref()).await,
            People::Upsert { id, email, cio_id, test } => {
                let given = Identifiers::parse(id.as_deref(), email.as_deref(), cio_id.as_deref())?;
                let strategy = strategy.ok_or_else(strategy_required)?;
                let action = self.upsert(call, &given, *test, &strategy).await?;
                Ok(Identified { given, action: Some(action), test: *test, ..Identified::default() })
            }
        }
    }

    async fn named(
        &self,
        call: &Call<'_>,
        customers: &[GivenCustomer],
        absent: Absent,
        strategy: Option<&IdentityStrategy>,
    ) -> Result<Identified, ToolError> {
        let default = strategy.map_or(IdType::Id, |strategy| strategy.primary.id_type());
        let mut given = Vec::with_capacity(customers.len());
        for customer in customers {
            given.push(CustomerRef::parse(customer.id_type.unwrap_or(default), &customer.value, &customer.field)?);
        }
        if !call.effect.mutates() {
            let subjects = given.into_iter().map(|given| Subject { given, person: None }).collect();
            return Ok(Identified { subjects, ..Identified::default() });
        }
        if !call.directory.can_look_up() {
            self.refuse_erased(call, &given).await?;
            return self.unverified(call, given, customers, strategy).await;
        }
        // A call that takes a person away must not act on what was true ten minutes ago.
        let fresh = absent != Absent::Refuse || call.effect == Effect::Delete;
        let people = self.look_up(call, &given, customers, fresh).await?;
        if absent == Absent::Refuse {
            refuse_absent(&given, &people, customers)?;
        }
        let mut identified = Identified::default();
        for ((given, person), customer) in given.into_iter().zip(people).zip(customers) {
            if person.is_none() && absent == Absent::Create {
                check_new(&given, strategy, &customer.field)?;
                check_alike(call.directory, &given, &customer.field).await?;
                identified.creates += 1;
            }
            identified.subjects.push(Subject { given, person });
        }
        Ok(identified)
    }

    async fn upsert(
        &self,
        call: &Call<'_>,
        given: &Identifiers,
        test: bool,
        strategy: &IdentityStrategy,
    ) -> Result<UpsertAction, ToolError> {
        check_forms(given, strategy)?;
        self.refuse_erased(call, &given.refs()).await?;
        if !call.directory.can_look_up() {
            let primary_alone = given.refs().len() == 1 && given.refs()[0].id_type == strategy.primary.id_type();
            return if primary_alone && !test { Ok(UpsertAction::Unverified) } else { Err(app_key_required()) };
        }
        self.lease_identifiers(call, given).await?;
        decide(given, &look_at(call.directory, given).await?, strategy)
    }

    /// People nobody can look up. An event or membership makes whoever it names, so the name must fit the strategy and
    /// be no test profile's, which could not be tagged.
    async fn unverified(
        &self,
        call: &Call<'_>,
        given: Vec<CustomerRef>,
        customers: &[GivenCustomer],
        strategy: Option<&IdentityStrategy>,
    ) -> Result<Identified, ToolError> {
        let strategy = strategy.ok_or_else(strategy_required)?;
        for (given, customer) in given.iter().zip(customers) {
            // Track takes an id with the shape of an address for an address: only the person's `cio_id` would do.
            let mistaken = given.id_type == IdType::Id && given.value.contains('@');
            if mistaken || given.id_type != strategy.primary.id_type() {
                return Err(app_key_required().at(customer.field.clone()));
            }
            if call.effect == Effect::Trigger {
                check_new(given, Some(strategy), &customer.field)?;
                self.check_no_test(given, &customer.field).await?;
            }
        }
        let subjects = given.into_iter().map(|given| Subject { given, person: None }).collect();
        Ok(Identified { subjects, ..Identified::default() })
    }

    async fn check_no_test(&self, given: &CustomerRef, field: &str) -> Result<(), ToolError> {
        if self.lane(std::slice::from_ref(given)).await? == Lane::Test {
            return Ok(());
        }
        let mut identifiers = Identifiers::default();
        identifiers.set(given);
        self.refuse_hidden_test(&identifiers).map_err(|error| {
            error.at(field).next("A test profile needs the App API key, which this workspace does not have.")
        })
    }

    /// The people behind some identifiers, remembered or looked up, in the order given.
    async fn look_up(
        &self,
        call: &Call<'_>,
        given: &[CustomerRef],
        customers: &[GivenCustomer],
        fresh: bool,
    ) -> Result<Vec<Option<KnownPerson>>, ToolError> {
        let directory = call.directory;
        let mut people = if fresh { vec![None; given.len()] } else { self.remembered(given).await? };
        let missing: Vec<usize> = (0..given.len()).filter(|at| people[*at].is_none()).collect();
        if missing.is_empty() {
            return Ok(people);
        }
        // Before anybody is looked for: the erased are not to be found, and "nobody" would invite to make them anew. Who
        // is remembered was not erased, or is refused where the call begins.
        self.refuse_erased(call, given).await?;
        let ids: Vec<String> =
            missing.iter().filter(|at| given[**at].id_type == IdType::Id).map(|at| given[*at].value.clone()).collect();
        let mut by_id = Vec::new();
        for chunk in ids.chunks(100) {
            by_id.extend(directory.people_by_id(chunk.to_vec()).await?);
        }
        for &at in &missing {
            let wanted = &given[at];
            people[at] = match wanted.id_type {
                IdType::Id => by_id.iter().find(|person| person.id.as_ref() == Some(&wanted.value)).cloned(),
                IdType::CioId => directory.person_by_cio_id(wanted.value.clone()).await?,
                IdType::Email => one_of(directory.people_by_email(wanted.value.clone()).await?, &customers[at].field)?,
            };
        }
        self.remember(given, &people, &missing).await?;
        Ok(people)
    }

    async fn remembered(&self, given: &[CustomerRef]) -> Result<Vec<Option<KnownPerson>>, ToolError> {
        let keys = given.iter().map(|given| self.subject_digest(given)).collect();
        let cached = self.store.cached_people(self.workspace.name.clone(), keys, self.clock.now_ms()).await?;
        Ok(cached
            .into_iter()
            .map(|entry| serde_json::from_slice(&self.keys.open("person", &entry?.sealed)?).ok())
            .collect())
    }

    /// Remembers whom Customer.io was just asked about. Who was remembered already is not seen anew by being used.
    async fn remember(
        &self,
        given: &[CustomerRef],
        people: &[Option<KnownPerson>],
        looked_up: &[usize],
    ) -> Result<(), ToolError> {
        let expires_at_ms = self.clock.now_ms() + KNOWN_FOR_MS;
        let entries: Vec<_> = looked_up
            .iter()
            .filter_map(|at| {
                let (given, person) = (&given[*at], people[*at].as_ref()?);
                let plain = serde_json::to_vec(person).ok()?;
                Some(CachedPerson {
                    key: self.subject_digest(given),
                    person: self.subject_digest(&CustomerRef { id_type: IdType::CioId, value: person.cio_id.clone() }),
                    sealed: self.keys.seal(self.clock.as_ref(), "person", &plain),
                    expires_at_ms,
                })
            })
            .collect();
        if !entries.is_empty() {
            self.store.remember_people(self.workspace.name.clone(), entries).await?;
        }
        Ok(())
    }
}

/// Looks at everybody the identifiers of a write may belong to.
async fn look_at(directory: &dyn Directory, given: &Identifiers) -> Result<Found, ToolError> {
    let mut found = Found::default();
    if let Some(id) = &given.id {
        let people = directory.people_by_id(id_variants(id)).await?;
        let (same, alike): (Vec<_>, Vec<_>) = people.into_iter().partition(|person| person.id.as_ref() == Some(id));
        found.by_id = same.into_iter().next();
        found.look_alikes = alike;
    }
    if let Some(email) = &given.email {
        found.by_email = directory.people_by_email(email.clone()).await?;
    }
    if let Some(cio_id) = &given.cio_id {
        found.by_cio_id = directory.person_by_cio_id(cio_id.clone()).await?;
    }
    Ok(found)
}

/// The id and what it is most often mistaken for. One request asks for all of them.
pub(super) fn id_variants(id: &str) -> Vec<String> {
    let mut first_upper = id.to_lowercase();
    if let Some(first) = first_upper.chars().next() {
        first_upper = first.to_uppercase().chain(first_upper.chars().skip(1)).collect();
    }
    let mut variants =
        vec![id.to_owned(), id.to_lowercase(), id.to_uppercase(), first_upper, format!("{id} "), format!(" {id}")];
    variants.sort();
    variants.dedup();
    variants
}

pub(super) fn check_forms(given: &Identifiers, strategy: &IdentityStrategy) -> Result<(), ToolError> {
    if let Some(id) = &given.id {
        strategy.id_form.check(id, "id")?;
    }
    given.email.as_deref().map_or(Ok(()), |email| check_email(email, strategy, "email"))
}

/// A named person who would be created must fit the strategy like any new one.
pub(super) fn check_new(
    given: &CustomerRef,
    strategy: Option<&IdentityStrategy>,
    field: &str,
) -> Result<(), ToolError> {
    let Some(strategy) = strategy else { return Err(strategy_required()) };
    match given.id_type {
        kind if kind != strategy.primary.id_type() => Err(not_found(given, field)),
        IdType::Id => strategy.id_form.check(&given.value, field),
        IdType::Email => check_email(&given.value, strategy, field),
        IdType::CioId => Err(not_found(given, field)),
    }
}

/// A named person who would be created must not be a known one written differently.
async fn check_alike(directory: &dyn Directory, given: &CustomerRef, field: &str) -> Result<(), ToolError> {
    if given.id_type != IdType::Id {
        return Ok(());
    }
    let alike = directory.people_by_id(id_variants(&given.value)).await?;
    if alike.is_empty() { Ok(()) } else { Err(look_alike(&alike, field)) }
}

fn check_email(email: &str, strategy: &IdentityStrategy, field: &str) -> Result<(), ToolError> {
    let allowed = &strategy.email_domains;
    if allowed.is_empty() || allowed.iter().any(|domain| email.ends_with(domain.to_lowercase().as_str())) {
        return Ok(());
    }
    Err(ToolError::new(
        ErrorCode::InvalidIdentifier,
        format!("`{field}` is not at a domain the identity strategy allows. Nothing was changed."),
    )
    .at(field)
    .next(format!("Allowed: {}.", allowed.join(", "))))
}

fn one_of(people: Vec<KnownPerson>, field: &str) -> Result<Option<KnownPerson>, ToolError> {
    let mut people = people.into_iter();
    match (people.next(), people.next()) {
        (_, Some(_)) => Err(ToolError::new(
            ErrorCode::IdentityConflict,
            "Several people share this e-mail address. Nothing was changed.",
        )
        .at(field)
        .next("find_customers lists them; name the one you mean by `cio_id`.")),
        (person, None) => Ok(person),
    }
}

/// Refuses people who must exist and do not, all in one answer, so that a list is corrected at once.
fn refuse_absent(
    given: &[CustomerRef],
    people: &[Option<KnownPerson>],
    customers: &[GivenCustomer],
) -> Result<(), ToolError> {
    let all = given.iter().zip(people).zip(customers);
    let absent: Vec<_> = all.filter(|((_, person), _)| person.is_none()).collect();
    let Some(((first, _), customer)) = absent.first() else { return Ok(()) };
    let error = not_found(first, &customer.field);
    let fields: Vec<&str> = absent.iter().map(|(_, customer)| customer.field.as_str()).collect();
    Err(if fields.len() > 1 { error.with(json!({ "not_found": fields })) } else { error })
}

/// The answer to a call about somebody who does not exist.
pub(crate) fn not_found(given: &CustomerRef, field: &str) -> ToolError {
    let next = if given.id_type == IdType::Id && given.value.contains('@') {
        "It looks like an e-mail address: pass `id_type: \"email\"`."
    } else {
        "Check `id_type`; find_customers finds people by e-mail, attribute or segment, identify_customer makes one."
    };
    ToolError::new(ErrorCode::CustomerNotFound, format!("No person has this {}. Nothing was changed.", given.id_type))
        .at(field.to_owned())
        .next(next)
}

pub(crate) fn strategy_required() -> ToolError {
    ToolError::new(
        ErrorCode::IdentityStrategyRequired,
        "No identity strategy is declared for this workspace, so nobody can be created or changed yet. Nothing was \
         changed.",
    )
    .next("Ask the user what identifies a customer and where ids come from, then call declare_identity_strategy.")
}

/// The answer to a call that must look people up where nobody can.
pub(crate) fn app_key_required() -> ToolError {
    ToolError::new(
        ErrorCode::AppKeyRequired,
        "This workspace has no App API key, so nobody can be looked up: a second identifier, a test profile, an \
         erasure or a preview needs it. Nothing was changed.",
    )
    .next("Name the person by the primary identifier alone, or ask the operator for an App API key.")
}
