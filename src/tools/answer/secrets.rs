//! Secrets do not leave with an answer, whoever wrote them into what is shown.

use std::fmt;

use aho_corasick::AhoCorasick;
use base64::{Engine, engine::general_purpose::GeneralPurpose, prelude::*};
use regex::{Captures, Regex};
use serde_json::Value;

use super::cap::rename;
use crate::guard::shown::SECRET_REMOVED as REMOVED;

/// Shorter than this, a credential would be found in words. Customer.io's are longer, and so are ours.
const LEAST_BYTES: usize = 8;

/// Letters that whatever looks like a secret has, each in one of the [`SHAPES`] at least. Few texts hold any, and a text
/// without them needs no closer look.
const MARKS: &[&str] = &[
    "earer",
    "EARER",
    "asic",
    "ASIC",
    "eyJ",
    "k_live_",
    "k_test_",
    "whsec_",
    "AKIA",
    "ASIA",
    "gho_",
    "ghp_",
    "ghr_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "xox",
    "AIza",
    "-----BEGIN",
];

/// What looks like a secret whoever it belongs to.
const SHAPES: &[&str] = &[
    // Access by bearer or basic authentication.
    r"(?-u:\b)(?:[Bb]earer|BEARER)[ \t]+[A-Za-z0-9._~+/-]{20,}=*",
    r"(?-u:\b)(?:[Bb]asic|BASIC)[ \t]+[A-Za-z0-9+/]{24,}=*",
    // JSON Web Tokens.
    r"(?-u:\b)eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{8,}",
    // Keys of payment providers, and their secrets of signed webhooks.
    r"(?-u:\b)[srp]k_(?:live|test)_[A-Za-z0-9]{16,}",
    r"(?-u:\b)whsec_[A-Za-z0-9+/]{16,}=*",
    // AWS access keys.
    r"(?-u:\b)A(?:KIA|SIA)[A-Z0-9]{16}(?-u:\b)",
    // Tokens of GitHub, Slack and Google.
    r"(?-u:\b)gh[oprsu]_[A-Za-z0-9]{36,}",
    r"(?-u:\b)github_pat_[A-Za-z0-9_]{40,}",
    r"(?-u:\b)xox[abeprs]-[A-Za-z0-9-]{16,}",
    r"(?-u:\b)AIza[A-Za-z0-9_-]{35}",
    // Private keys, to their end or that of the text.
    r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----|\z)",
];

/// Whether what stands after `bearer` or `basic` is a word of a sentence: a token has digits.
fn is_words(found: &str) -> bool {
    let begins = |name: &str| found.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    (begins("bearer") || begins("basic")) && !found.bytes().any(|byte| byte.is_ascii_digit())
}

/// Credentials of this server, in every form in which they could come back.
#[derive(Clone, Default)]
pub struct OwnSecrets(Vec<String>);

impl fmt::Debug for OwnSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl OwnSecrets {
    /// Adds a credential.
    pub fn add(&mut self, secret: &str) {
        self.add_form(secret.to_owned());
        self.add_encoded(secret.as_bytes());
    }

    /// Adds the two halves of basic authentication. The first is no secret; both together, in base64, are.
    pub fn add_basic(&mut self, user: &str, password: &str) {
        self.add(password);
        self.add_encoded(format!("{user}:{password}").as_bytes());
        // As keys alone are sent.
        self.add_encoded(format!("{password}:").as_bytes());
    }

    /// Adds the bytes of a secret, as they are written.
    pub fn add_bytes(&mut self, bytes: &[u8]) {
        self.add_form(hex::encode(bytes));
        self.add_form(hex::encode_upper(bytes));
        self.add_encoded(bytes);
    }

    fn add_encoded(&mut self, bytes: &[u8]) {
        // Padding or not, the text before it is the same.
        let forms: [&GeneralPurpose; 2] = [&BASE64_STANDARD_NO_PAD, &BASE64_URL_SAFE_NO_PAD];
        for form in forms {
            self.add_form(form.encode(bytes));
        }
    }

    fn add_form(&mut self, form: String) {
        if form.len() >= LEAST_BYTES && !self.0.contains(&form) {
            self.0.push(form);
        }
    }
}

/// Finds secrets in texts: our own exactly, others' by their looks.
#[derive(Clone)]
pub struct SecretScan(Option<(AhoCorasick, Regex)>);

impl fmt::Debug for SecretScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretScan")
    }
}

impl SecretScan {
    /// A scan for our own secrets and for what looks like one.
    pub fn new(own: &OwnSecrets) -> Self {
        let mut own: Vec<&str> = own.0.iter().map(String::as_str).collect();
        // Where one begins another, the longer one is meant.
        own.sort_unstable_by_key(|secret| std::cmp::Reverse(secret.len()));
        let marks = AhoCorasick::new(own.iter().chain(MARKS)).ok();
        let own = own.into_iter().map(|secret| format!("{}=*", regex::escape(secret)));
        let shapes = SHAPES.iter().map(ToString::to_string);
        let pattern = Regex::new(&own.chain(shapes).collect::<Vec<_>>().join("|")).ok();
        Self(marks.zip(pattern))
    }

    /// The text without secrets; `None` if there are none in it.
    pub fn removed(&self, text: &str) -> Option<String> {
        // Without the means to look, nothing is known to be clean.
        let Some((marks, pattern)) = &self.0 else { return Some(REMOVED.to_owned()) };
        if text.len() < LEAST_BYTES || !marks.is_match(text) || !pattern.is_match(text) {
            return None;
        }
        let clean = pattern.replace_all(text, |found: &Captures<'_>| match &found[0] {
            words if is_words(words) => words.to_owned(),
            _ => REMOVED.to_owned(),
        });
        (clean != text).then(|| clean.into_owned())
    }

    /// Takes secrets out of every text and name.
    pub(super) fn remove(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Some(clean) = self.removed(text) {
                    *text = clean;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.remove(item)),
            Value::Object(map) => {
                if map.keys().any(|key| self.removed(key).is_some()) {
                    rename(map, &|key| self.removed(key).unwrap_or_else(|| key.to_owned()));
                }
                map.values_mut().for_each(|item| self.remove(item));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scan() -> SecretScan {
        let mut own = OwnSecrets::default();
        own.add_basic("site0001", "track-key-0123456789");
        own.add("app-key-abcdef+1");
        own.add_bytes(&[7; 32]);
        own.add("short");
        SecretScan::new(&own)
    }

    #[test]
    fn our_own_are_found_wherever_they_stand() {
        let basic = BASE64_STANDARD.encode("site0001:track-key-0123456789");
        for (text, clean) in [
            ("xtrack-key-0123456789y".to_owned(), "x[secret removed]y"),
            ("the key is app-key-abcdef+1.".to_owned(), "the key is [secret removed]."),
            (format!("Authorization: Basic {basic}"), "Authorization: [secret removed]"),
            (format!("({basic})"), "([secret removed])"),
            (BASE64_STANDARD.encode("app-key-abcdef+1"), REMOVED),
            (hex::encode([7; 32]), REMOVED),
            (hex::encode_upper([7; 32]), REMOVED),
            (BASE64_STANDARD.encode([7; 32]), REMOVED),
        ] {
            assert_eq!(scan().removed(&text).as_deref(), Some(clean), "{text}");
        }
        for text in ["site0001", "a short text", "track-key-012345678"] {
            assert_eq!(scan().removed(text), None, "{text}");
        }
    }

    #[test]
    fn what_looks_like_a_secret_is_one() {
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";
        for secret in [
            "Bearer 0123456789abcdef0123",
            "bearer aaaa.bbbb-cccc_dddd~eee3",
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
            jwt,
            concat!("sk_", "live_4eC39HqLyjWDarjtT1zdp7dc"),
            concat!("rk_", "test_4eC39HqLyjWDarjtT1zdp7dc"),
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            concat!("AKIA", "IOSFODNN7EXAMPLE"),
            concat!("ASIA", "IOSFODNN7EXAMPLE"),
            concat!("gh", "p_16C7e42F292c6912E7710c838347Ae178B4a"),
            concat!("github", "_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz0123456789"),
            concat!("xox", "b-123456789012-abcdefghijkl"),
            concat!("AIza", "SyA-0123456789abcdefghijklmnopqrstu"),
            "-----BEGIN RSA PRIVATE KEY-----\nMIIEow==\n-----END RSA PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\nMIIEow and no end",
        ] {
            let clean = scan().removed(&format!("é {secret}"));
            assert_eq!(clean.as_deref(), Some("é [secret removed]"), "{secret}");
        }
    }

    #[test]
    fn words_and_ids_are_no_secrets() {
        for text in [
            "The bearer of this letter is welcome",
            "bearer authentication-with-tokens",
            "Basic plan, monthly",
            "basic understanding of email marketing",
            "eyJ is how tokens begin",
            "sk_live_ is a prefix",
            "task_live_0123456789abcdefgh",
            "AKIA",
            "MAKIAIOSFODNN7EXAMPLE",
            "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
            "-----BEGIN PUBLIC KEY-----",
            "01HZX3W6P9T5Q2R8V7Y4N1M0KJ",
            "dgOwuQIBAAGI8tAzAAGY0aBcDeFgHiJkLmNoPqRsTuVw=",
            "https://hooks.shop.example/in?token=abc",
            "5f0c2a9b7d3e1c84a6b0f2d15f0c2a9b7d3e1c84a6b0f2d1",
        ] {
            assert_eq!(scan().removed(text), None, "{text}");
        }
    }

    #[test]
    fn names_hold_none_either() {
        let mut value = json!({ "a": [{ "track-key-0123456789": 1 }], "b": "app-key-abcdef+1" });
        scan().remove(&mut value);
        assert_eq!(value, json!({ "a": [{ REMOVED: 1 }], "b": REMOVED }));
    }
}
