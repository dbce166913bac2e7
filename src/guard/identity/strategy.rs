//! The identity strategy: declared once, before any person is created or changed.

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::identifier::IdType;
use crate::error::{ErrorCode, ToolError};

/// Bounds on the sentence that says where ids come from, in characters.
const SOURCE_CHARS: std::ops::RangeInclusive<usize> = 3..=300;

/// How people are identified in a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentityStrategy {
    /// The identifier every person has.
    pub primary: Primary,
    /// The form of `id`: `any`, `uuid`, `ulid`, `integer`, `email`, `prefix:<text>` or `regex:<pattern>`.
    #[serde(default)]
    pub id_form: IdForm,
    /// Where ids come from, in one sentence, such as "users.uuid in the shop database".
    #[schemars(length(min = 3, max = 300))]
    pub source: String,
    /// What may be in `email`: `any`, or only addresses of these domains, written as `@shop.example`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub email_domains: Vec<String>,
    /// Whether events of visitors not yet identified are used.
    #[serde(default)]
    pub anonymous_ids: bool,
}

impl IdentityStrategy {
    /// What is wrong with it, by field: the same for a file, a command and a tool.
    pub fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        if !SOURCE_CHARS.contains(&self.source.trim().chars().count()) {
            let message = "takes one sentence of 3 to 300 characters, such as \"users.uuid in the shop database\"";
            faults.push(("source", message.to_owned()));
        }
        if let Some(entry) = self.email_domains.iter().find(|entry| !is_domain(entry)) {
            faults.push(("email_domains", format!("holds `{entry}`: write domains as `@shop.example`")));
        }
        faults
    }
}

/// Whether an entry of a list stands for all addresses of a domain: `@shop.example`.
pub fn is_domain(entry: &str) -> bool {
    entry
        .strip_prefix('@')
        .is_some_and(|domain| !domain.is_empty() && domain.chars().all(|c| c.is_alphanumeric() || c == '.' || c == '-'))
}

/// The identifier every person of the workspace has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Primary {
    /// An id of one's own.
    Id,
    /// The e-mail address.
    Email,
}

impl Primary {
    /// The same as an identifier type.
    pub const fn id_type(self) -> IdType {
        match self {
            Self::Id => IdType::Id,
            Self::Email => IdType::Email,
        }
    }
}

/// The form an `id` must have.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum IdForm {
    /// Anything but an e-mail address.
    #[default]
    Any,
    /// A UUID in lower-case hyphenated form.
    Uuid,
    /// A ULID in upper case.
    Ulid,
    /// Digits without a leading zero.
    Integer,
    /// An e-mail address: for workspaces whose ids are addresses.
    Email,
    /// A fixed beginning.
    Prefix(String),
    /// A pattern that the whole id must match.
    Pattern(Pattern),
}

/// A regular expression over a whole id, compiled once.
#[derive(Debug, Clone)]
pub struct Pattern {
    source: String,
    compiled: Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Pattern {}

impl JsonSchema for IdForm {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "IdForm".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^(any|uuid|ulid|integer|email|prefix:.+|regex:.+)$",
            "maxLength": 200,
        })
    }
}

impl TryFrom<String> for IdForm {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Ok(match text.as_str() {
            "any" => Self::Any,
            "uuid" => Self::Uuid,
            "ulid" => Self::Ulid,
            "integer" => Self::Integer,
            "email" => Self::Email,
            other => match other.split_once(':') {
                Some(("prefix", prefix)) if !prefix.is_empty() => Self::Prefix(prefix.to_owned()),
                Some(("regex", pattern)) if !pattern.is_empty() => Self::Pattern(Pattern::compile(pattern)?),
                _ => {
                    return Err(format!(
                        "`{other}` is no id form: use any, uuid, ulid, integer, email, prefix:<text> or \
                         regex:<pattern>"
                    ));
                }
            },
        })
    }
}

impl From<IdForm> for String {
    fn from(form: IdForm) -> Self {
        form.to_string()
    }
}

impl Pattern {
    fn compile(source: &str) -> Result<Self, String> {
        Regex::new(&format!("^(?:{source})$"))
            .map(|compiled| Self { source: source.to_owned(), compiled })
            .map_err(|error| format!("the id form's regex does not compile: {error}"))
    }
}

impl std::fmt::Display for IdForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Uuid => f.write_str("uuid"),
            Self::Ulid => f.write_str("ulid"),
            Self::Integer => f.write_str("integer"),
            Self::Email => f.write_str("email"),
            Self::Prefix(prefix) => write!(f, "prefix:{prefix}"),
            Self::Pattern(pattern) => write!(f, "regex:{}", pattern.source),
        }
    }
}

impl IdForm {
    /// Refuses an id that is not of this form.
    pub fn check(&self, id: &str, field: &str) -> Result<(), ToolError> {
        if self.accepts(id) {
            return Ok(());
        }
        let message = match self {
            Self::Any => format!(
                "`{field}` holds an e-mail address, and the identity strategy keeps addresses in `email`. Nothing was \
                 changed."
            ),
            form => format!("`{field}` is not of the declared form `{form}`. Nothing was changed."),
        };
        let next = match self {
            Self::Any => "Pass the address as `email`, or name the person with id_type \"email\".",
            _ => "Take the id from where the strategy says ids come from; get_guardrails shows it.",
        };
        Err(ToolError::new(ErrorCode::InvalidIdentifier, message).at(field).next(next))
    }

    pub(crate) fn accepts(&self, id: &str) -> bool {
        match self {
            Self::Any => !id.contains('@'),
            Self::Uuid => is_uuid(id),
            Self::Ulid => is_ulid(id),
            Self::Integer => {
                !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()) && (id == "0" || !id.starts_with('0'))
            }
            Self::Email => email_address::EmailAddress::is_valid(id),
            Self::Prefix(prefix) => id.len() > prefix.len() && id.starts_with(prefix.as_str()) && !id.contains('@'),
            Self::Pattern(pattern) => pattern.compiled.is_match(id),
        }
    }
}

fn is_uuid(id: &str) -> bool {
    id.len() == 36
        && id.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        })
}

fn is_ulid(id: &str) -> bool {
    id.len() == 26
        && id.as_bytes().first().is_some_and(|first| (b'0'..=b'7').contains(first))
        && id.bytes().all(|byte| byte.is_ascii_digit() || (byte.is_ascii_uppercase() && !b"ILOU".contains(&byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_written_and_held() {
        for (form, good, bad) in [
            ("any", "u 1", "ada@shop.example"),
            ("uuid", "0191b7a8-37d6-7c1c-9d5e-5f3e8a4b2c10", "0191B7A8-37D6-7C1C-9D5E-5F3E8A4B2C10"),
            ("ulid", "01HQ3W8V9KXN5T2M7RZC4YBDGA", "01HQ3W8V9KXN5T2M7RZC4YBDGI"),
            ("integer", "1042", "01042"),
            ("email", "ada@shop.example", "ada"),
            ("prefix:cust_", "cust_1", "cust_"),
            ("regex:[A-Z]{2}\\d+", "AB12", "xAB12"),
        ] {
            let parsed = IdForm::try_from(form.to_owned()).unwrap();
            assert_eq!(parsed.to_string(), form);
            assert!(parsed.check(good, "id").is_ok(), "{form} takes {good}");
            assert!(parsed.check(bad, "id").is_err(), "{form} refuses {bad}");
        }
        assert!(IdForm::try_from("regex:(".to_owned()).is_err());
        assert!(IdForm::try_from("guid".to_owned()).is_err());
    }
}
