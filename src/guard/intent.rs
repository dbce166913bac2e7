//! What a call would touch, said by its arguments alone. Guards act on this; tools cannot act before it.

use serde_json::Value;

use super::{bulk::Bulk, identity::identifier::IdType};

/// What one call would touch.
#[derive(Debug, Clone, Default)]
pub struct Intent {
    /// The people it is about.
    pub people: People,
    /// Addresses a message would go to, with the argument each came in.
    pub recipients: Vec<Recipient>,
    /// Addresses that Customer.io would be told to call.
    pub egress: Vec<EgressUrl>,
    /// Texts of the call that a recipient would read: their links are weighed. A text of several values has a line for each.
    pub texts: Vec<String>,
    /// Files that would go along.
    pub attachments: Vec<Attachment>,
    /// The message goes to the person's own address unless `recipients` says otherwise.
    pub to_own_address: bool,
    /// What in the arguments asks for a human whatever the recipient, in words.
    pub escalations: Vec<&'static str>,
    /// It makes somebody receive what they may have stopped.
    pub subscribes: bool,
    /// Whom the call reaches beyond the people it names.
    pub reach: Audience,
    /// What a plan names besides people, such as `segment 7`.
    pub target: Option<String>,
    /// What finding the effect again would need, if its fate were unknown.
    pub recovery: Option<Value>,
    /// The rows it writes.
    pub bulk: Option<Bulk>,
    /// The call is an erasure: it may name people that are erased or gone already.
    pub erases: bool,
    /// The call makes one of the two people it names out of both: the first stays.
    pub merges: bool,
}

impl Intent {
    /// The addresses of one role.
    pub fn addresses(&self, role: RecipientRole) -> impl Iterator<Item = &str> {
        self.recipients
            .iter()
            .filter(move |recipient| recipient.role == role)
            .map(|recipient| recipient.address.as_str())
    }
}

/// The people a call names.
#[derive(Debug, Clone, Default)]
pub enum People {
    /// Nobody.
    #[default]
    Nobody,
    /// People who should exist.
    Named {
        /// Each with the argument it came in.
        customers: Vec<GivenCustomer>,
        /// What to do about those who do not exist.
        absent: Absent,
    },
    /// A person to create or update.
    Upsert {
        /// The workspace's own id.
        id: Option<String>,
        /// The e-mail address.
        email: Option<String>,
        /// Customer.io's id.
        cio_id: Option<String>,
        /// Whether the person is a test profile.
        test: bool,
    },
}

impl People {
    /// The arguments that the named people came in.
    pub fn fields(&self) -> Vec<&str> {
        match self {
            Self::Named { customers, .. } => customers.iter().map(|customer| customer.field.as_str()).collect(),
            Self::Nobody | Self::Upsert { .. } => Vec::new(),
        }
    }
}

/// An identifier as given.
#[derive(Debug, Clone)]
pub struct GivenCustomer {
    /// Its value.
    pub value: String,
    /// Its kind; the strategy's primary if not given.
    pub id_type: Option<IdType>,
    /// The argument it came in.
    pub field: String,
}

impl GivenCustomer {
    /// The person in the argument `customer`.
    pub fn customer(value: &str, id_type: Option<IdType>) -> Self {
        Self { value: value.to_owned(), id_type, field: "customer".to_owned() }
    }
}

/// What to do about a named person who does not exist.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Absent {
    /// Refuse the call.
    #[default]
    Refuse,
    /// Go on: the call takes people away.
    Accept,
    /// Go on and count a new profile: the call would create them.
    Create,
}

/// An address a message would go to.
#[derive(Debug, Clone)]
pub struct Recipient {
    /// The address.
    pub address: String,
    /// Which list it must be on.
    pub role: RecipientRole,
}

/// An address that Customer.io would be told to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressUrl {
    /// The address.
    pub url: String,
    /// The argument it came in.
    pub field: String,
}

/// A file that would go along with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its name.
    pub name: String,
    /// Its content, in base64.
    pub content: String,
}

/// What an address is used as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecipientRole {
    /// It receives the message.
    To,
    /// It receives a blind copy.
    Bcc,
    /// It is the sender.
    From,
}

impl RecipientRole {
    /// The argument's name.
    pub const fn field(self) -> &'static str {
        match self {
            Self::To => "to",
            Self::Bcc => "bcc",
            Self::From => "from",
        }
    }
}

/// Whom a call reaches beyond the people it names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Audience {
    /// Only those it names.
    #[default]
    Named,
    /// Everyone in a segment.
    Segment(u64),
    /// Everyone who matches a filter, as Customer.io's search of people takes it.
    Filter(Value),
    /// The recipients of a newsletter.
    Newsletter(u64),
    /// A broadcast's own recipients.
    Broadcast(u64),
    /// Whoever it may be: at most everybody in the workspace.
    Everyone,
    /// Test profiles on the ledger: all, or only the expired.
    TestProfiles {
        /// Leave out those that have not expired.
        only_expired: bool,
    },
}

impl Intent {
    /// Whether the call neither names anybody nor says whom it reaches.
    pub fn is_about_nobody(&self) -> bool {
        matches!(self.people, People::Nobody) && self.reach == Audience::Named && self.bulk.is_none()
    }

    /// A call about nobody.
    pub fn nobody() -> Self {
        Self::default()
    }

    /// A call about one person who should exist.
    pub fn one(customer: &str, id_type: Option<IdType>) -> Self {
        Self::named(vec![GivenCustomer::customer(customer, id_type)], Absent::Refuse)
    }

    /// A call about one person who may be gone already.
    pub fn one_maybe_gone(customer: &str, id_type: Option<IdType>) -> Self {
        Self::named(vec![GivenCustomer::customer(customer, id_type)], Absent::Accept)
    }

    /// A call about several people.
    pub fn named(customers: Vec<GivenCustomer>, absent: Absent) -> Self {
        Self { people: People::Named { customers, absent }, ..Self::default() }
    }

    /// Names what a plan is about besides people.
    #[must_use]
    pub fn on(mut self, target: impl Into<String>) -> Self {
        self.target = Some(target.into());
        self
    }

    /// Says whom the call reaches beyond the people it names.
    #[must_use]
    pub fn reaching(mut self, reach: Audience) -> Self {
        self.reach = reach;
        self
    }
}
