//! Identifiers of people: their kinds, their normal form, and what is refused before anything is looked up.
//!
//! Rules: behaviour notes sections 2 (bytes) and 3 (shapes). Track guesses the kind of a path identifier from its
//! shape, so an `id` that looks like another kind can never be addressed and is refused here.

use email_address::{EmailAddress, Options};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{ErrorCode, ToolError};

/// The most bytes Customer.io takes in an identifier.
pub const MAX_IDENTIFIER_BYTES: usize = 150;

/// What masked characters are written as; never part of a real identifier.
pub const MASK: &str = "•••";

/// The kind of an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum IdType {
    /// The workspace's own id; case matters.
    Id,
    /// An e-mail address; case does not matter.
    Email,
    /// Customer.io's own id, which never changes.
    CioId,
}

impl IdType {
    /// The kind's name in arguments and in Customer.io's `id_type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Email => "email",
            Self::CioId => "cio_id",
        }
    }
}

impl std::fmt::Display for IdType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One identifier with its kind, in normal form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CustomerRef {
    /// Its kind.
    pub id_type: IdType,
    /// Its value.
    pub value: String,
}

impl CustomerRef {
    /// Normalises and checks a given identifier; `field` names the argument it came in.
    pub fn parse(id_type: IdType, value: &str, field: &str) -> Result<Self, ToolError> {
        refuse_masked(value, field)?;
        let value = match id_type {
            IdType::Id => checked_id(value, field)?,
            IdType::Email => normal_email(value, field)?,
            IdType::CioId => checked_cio_id(value, field)?,
        };
        Ok(Self { id_type, value })
    }

    /// What the keyed digest of this identifier is taken over: kinds never collide, and e-mail addresses compare
    /// without case.
    pub fn digest_input(&self) -> String {
        match self.id_type {
            IdType::Email => format!("email:{}", self.value.to_lowercase()),
            kind => format!("{kind}:{}", self.value),
        }
    }
}

/// The identifiers of one person, as given or as known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identifiers {
    /// The workspace's own id.
    pub id: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// Customer.io's id.
    pub cio_id: Option<String>,
}

impl Identifiers {
    /// Normalises and checks the identifiers of a call's arguments.
    pub fn parse(id: Option<&str>, email: Option<&str>, cio_id: Option<&str>) -> Result<Self, ToolError> {
        let parse = |id_type: IdType, value: Option<&str>| {
            value
                .map(|value| CustomerRef::parse(id_type, value, id_type.as_str()).map(|parsed| parsed.value))
                .transpose()
        };
        let identifiers = Self {
            id: parse(IdType::Id, id)?,
            email: parse(IdType::Email, email)?,
            cio_id: parse(IdType::CioId, cio_id)?,
        };
        if identifiers.refs().is_empty() {
            return Err(ToolError::invalid(
                "id",
                "No identifier was given: give `id`, `email` or `cio_id`. Nothing was changed.",
            )
            .next("get_guardrails names the primary identifier of this workspace."));
        }
        Ok(identifiers)
    }

    /// Sets the identifier of one kind.
    pub fn set(&mut self, reference: &CustomerRef) {
        let slot = match reference.id_type {
            IdType::Id => &mut self.id,
            IdType::Email => &mut self.email,
            IdType::CioId => &mut self.cio_id,
        };
        *slot = Some(reference.value.clone());
    }

    /// Each identifier there is, with its kind.
    pub fn refs(&self) -> Vec<CustomerRef> {
        [(IdType::Id, &self.id), (IdType::Email, &self.email), (IdType::CioId, &self.cio_id)]
            .into_iter()
            .filter_map(|(id_type, value)| value.clone().map(|value| CustomerRef { id_type, value }))
            .collect()
    }
}

/// Refuses a value that carries our mask: it came out of an answer and is not the real one.
pub fn refuse_masked(value: &str, field: &str) -> Result<(), ToolError> {
    if value.contains(MASK) {
        return Err(ToolError::new(
            ErrorCode::MaskedValue,
            format!("`{field}` is a masked value from an answer, not a real one. Nothing was changed."),
        )
        .at(field)
        .next("Name the person by `cio_id`, which answers always show in clear."));
    }
    Ok(())
}

fn checked_id(value: &str, field: &str) -> Result<String, ToolError> {
    checked_text(value, field)?;
    if matches!(value, "." | "..") {
        return Err(identifier_error(
            field,
            "is a dot or two, which no web address can carry",
            "Pass the identifier exactly as your own system has it.",
        ));
    }
    if value.starts_with("cio_") {
        return Err(identifier_error(
            field,
            "begins with `cio_`, which Customer.io reads as its own identifier",
            "Pass Customer.io's identifier as `cio_id` (id_type \"cio_id\").",
        ));
    }
    Ok(value.to_owned())
}

fn checked_cio_id(value: &str, field: &str) -> Result<String, ToolError> {
    checked_text(value, field)?;
    let bare = value.strip_prefix("cio_").unwrap_or(value);
    if bare.is_empty() || !bare.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(identifier_error(
            field,
            "is no cio_id: those are letters and digits, such as 03000001",
            "Take the cio_id from find_customers or get_customer.",
        ));
    }
    Ok(bare.to_owned())
}

/// Trims and lower-cases: addresses compare without case, and exports are full of stray spaces.
fn normal_email(value: &str, field: &str) -> Result<String, ToolError> {
    let value = value.trim_matches([' ', '\t']);
    checked_text(value, field)?;
    let options = Options::default().without_display_text().without_domain_literal().with_required_tld();
    EmailAddress::parse_with_options(value, options).map_err(|error| {
        identifier_error(
            field,
            &format!("is no e-mail address ({})", error.to_string().to_lowercase().trim_end_matches('.')),
            "Give a bare address: one name, one @, one domain.",
        )
    })?;
    Ok(value.to_lowercase())
}

fn checked_text(value: &str, field: &str) -> Result<(), ToolError> {
    let wrong = if value.is_empty() {
        "is empty"
    } else if value.len() > MAX_IDENTIFIER_BYTES {
        "is longer than the 150 bytes Customer.io takes"
    } else if value.chars().any(char::is_control) {
        "contains control characters"
    } else if value.trim() != value {
        "begins or ends with white space"
    } else if value.chars().any(is_invisible) {
        "contains invisible or direction-changing characters"
    } else {
        return Ok(());
    };
    Err(identifier_error(field, wrong, "Pass the identifier exactly as your own system has it."))
}

/// Characters that make two identifiers look alike on a screen though they differ.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{00AD}')
}

fn identifier_error(field: &str, wrong: &str, next: &str) -> ToolError {
    ToolError::new(ErrorCode::InvalidIdentifier, format!("`{field}` {wrong}. Nothing was changed."))
        .at(field)
        .next(next)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(id_type: IdType, value: &str) -> Option<&'static str> {
        CustomerRef::parse(id_type, value, "customer").err().map(|error| error.code.as_str())
    }

    #[test]
    fn odd_but_real_identifiers_pass() {
        for id in ["a b", "a/b", "50%", "a+b&c", "漢字", "Zoë", "0", "../a", "u-1"] {
            assert_eq!(code(IdType::Id, id), None, "{id}");
        }
        assert_eq!(
            CustomerRef::parse(IdType::Email, " Ada+News@Shop.Example ", "email").unwrap().value,
            "ada+news@shop.example"
        );
        assert_eq!(CustomerRef::parse(IdType::CioId, "cio_03000001", "cio_id").unwrap().value, "03000001");
    }

    #[test]
    fn what_would_go_wrong_in_silence_is_refused() {
        for id in ["", " u1", "u1 ", "u\n1", "cio_0300", "u\u{200B}1", ".", ".."] {
            assert_eq!(code(IdType::Id, id), Some("invalid_identifier"), "{id:?}");
        }
        assert_eq!(code(IdType::Id, &"x".repeat(151)), Some("invalid_identifier"));
        assert_eq!(code(IdType::Id, "cust_•••"), Some("masked_value"));
        for email in ["ada", "ada@", "ada@shop", "Ada <ada@shop.example>", "a b@shop.example"] {
            assert_eq!(code(IdType::Email, email), Some("invalid_identifier"), "{email}");
        }
        assert_eq!(code(IdType::CioId, "03/../x"), Some("invalid_identifier"));
    }

    proptest! {
        #[test]
        fn normal_form_is_stable(value in "\\PC{0,40}", kind in 0..3u8) {
            let id_type = [IdType::Id, IdType::Email, IdType::CioId][kind as usize];
            if let Ok(once) = CustomerRef::parse(id_type, &value, "x") {
                prop_assert_eq!(CustomerRef::parse(id_type, &once.value, "x").unwrap(), once);
            }
        }
    }
}
