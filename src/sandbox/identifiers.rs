//! Naming a person: id, e-mail or `cio_id` (behaviour.md section 3).

use serde_json::{Map, Value};

/// The prefix a `cio_id` carries in Track v1 and App paths.
const CIO_PREFIX: &str = "cio_";
/// The vendor's limit on an `id`, in bytes of UTF-8; taken to hold for any identifier.
pub(super) const MAX_IDENTIFIER_BYTES: usize = 150;

/// One identifier of a person. Ids are case-sensitive, e-mails are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Identifier {
    Id(String),
    Email(String),
    CioId(String),
}

impl Identifier {
    /// Guesses the kind from the shape, as Track v1 does with its paths: a phone number is an `id`.
    pub(super) fn from_shape(text: &str) -> Self {
        match text.strip_prefix(CIO_PREFIX) {
            Some(cio_id) => Self::CioId(cio_id.to_owned()),
            None if looks_like_email(text) => Self::Email(text.to_owned()),
            None => Self::Id(text.to_owned()),
        }
    }

    /// Reads a value whose kind is given as `id_type` (App queries, segment membership). `None` for a kind the
    /// workspace does not have.
    pub(super) fn from_id_type(text: &str, id_type: Option<&str>) -> Option<Self> {
        match id_type.unwrap_or("id") {
            "id" | "" => Some(Self::Id(text.to_owned())),
            "email" => Some(Self::Email(text.to_owned())),
            "cio_id" => Some(Self::CioId(text.strip_prefix(CIO_PREFIX).unwrap_or(text).to_owned())),
            _ => None,
        }
    }

    /// Reads an object that must hold exactly one of id, email, `cio_id`: Track v2, merges, sends. Integers are taken
    /// as the string they spell.
    pub(super) fn from_object(object: &Map<String, Value>) -> Result<Self, String> {
        const KINDS: [&str; 3] = ["id", "email", "cio_id"];
        let given: Vec<_> = KINDS.iter().filter_map(|kind| Some((*kind, object.get(*kind)?))).collect();
        let [(kind, value)] = given.as_slice() else {
            return Err("exactly one of id, email or cio_id is required".to_owned());
        };
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) if !number.is_f64() => number.to_string(),
            _ => return Err(format!("{kind} must be a string value")),
        };
        if text.is_empty() {
            return Err(format!("{kind} cannot be an empty string"));
        }
        if text.len() > MAX_IDENTIFIER_BYTES {
            return Err(format!("{kind} cannot be longer than {MAX_IDENTIFIER_BYTES} bytes"));
        }
        Self::from_id_type(&text, Some(kind)).ok_or_else(|| format!("{kind} is not an identifier"))
    }

    /// The name of its kind, which is also the attribute it is kept in.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Id(_) => "id",
            Self::Email(_) => "email",
            Self::CioId(_) => "cio_id",
        }
    }

    /// Its value, bare.
    pub(super) fn value(&self) -> &str {
        match self {
            Self::Id(text) | Self::Email(text) | Self::CioId(text) => text,
        }
    }
}

/// Enough of an address to be taken for one: something, one `@`, a domain with a dot, no spaces.
pub(super) fn looks_like_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let clean = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control());
    clean(local)
        && clean(domain)
        && !local.contains('@')
        && domain.contains('.')
        && !domain.starts_with('.')
        && !domain.ends_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_follows_from_the_shape() {
        let kinds = ["cio_03000001", "ann@example.com", "+15005550006", "42", "a@b", "a @example.com"]
            .map(|text| Identifier::from_shape(text).kind());
        assert_eq!(kinds, ["cio_id", "email", "id", "id", "id", "id"]);
    }
}
