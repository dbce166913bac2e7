//! What answers show of the attributes of people and things, by the names of the attributes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is masked unless the operator shows it: names as [`fold`] makes them, `*` for any part.
///
/// Names of whatever tells who somebody is, where they live or how they pay, and of whatever opens a door. `cio_id`,
/// `id` and names of things are not among them: tools must be given them back.
const MASKED: &[&str] = &[
    "phone",
    "phone_*",
    "*_phone",
    "*_phone_*",
    "telephone*",
    "mobile",
    "mobile_*",
    "*_mobile",
    "msisdn",
    "whatsapp*",
    "fax",
    "address",
    "address_*",
    "*_address",
    "street",
    "street_*",
    "postcode",
    "post_code",
    "postal_code",
    "zip",
    "zip_code",
    "ip",
    "latitude",
    "longitude",
    "geolocation",
    "birth*",
    "*_birth",
    "*_birthday",
    "*_birthdate",
    "dob",
    "ssn",
    "*_ssn",
    "social_security*",
    "national_id*",
    "tax_id*",
    "passport*",
    "*_passport",
    "driver*licen*",
    "iban",
    "*_iban",
    "bic",
    "account_number",
    "bank_*",
    "routing_number",
    "sort_code",
    "card",
    "card_*",
    "*_card",
    "*_card_number",
    "credit_card*",
    "cvv",
    "cvc",
    "password*",
    "*_password",
    "passwd",
    "passcode",
    "pin",
    "pin_code",
    "secret",
    "*_secret",
    "secret_*",
    "token",
    "*_token",
    "api_key",
    "*_api_key",
    "apikey",
    "private_key",
    "access_key",
];

/// What answers show of attributes, of whomever and whatever they are: people, objects, events, messages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Privacy {
    /// Attributes whose values are masked, besides those that always are (phone, address, birthday, ssn, iban, card,
    /// password, token and the like). Names without regard to case, `*` for any part: `*_income`.
    pub mask: Vec<String>,
    /// Attributes that are never shown at all, not even with `pii = "full"`.
    pub hide: Vec<String>,
    /// Attributes that are shown although they are masked or hidden by what stands above.
    pub show: Vec<String>,
}

/// What is shown of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// Name and value.
    Shown,
    /// The name; of the value, that there is one.
    Masked,
    /// Nothing.
    Hidden,
}

impl Privacy {
    /// What is shown of an attribute. The list `show` wins.
    pub fn of(&self, name: &str) -> Sight {
        let name = fold(name);
        let named = |list: &[String]| list.iter().any(|pattern| matches(&fold(pattern), &name));
        if named(&self.show) {
            Sight::Shown
        } else if named(&self.hide) {
            Sight::Hidden
        } else if named(&self.mask) || MASKED.iter().any(|pattern| matches(pattern, &name)) {
            Sight::Masked
        } else {
            Sight::Shown
        }
    }

    /// What the operator's own lists say of a name, which hold wherever others' data stands.
    pub fn of_operator(&self, name: &str) -> Sight {
        if self.mask.is_empty() && self.hide.is_empty() {
            return Sight::Shown;
        }
        let folded = fold(name);
        let named = |list: &[String]| list.iter().any(|pattern| matches(&fold(pattern), &folded));
        if named(&self.mask) || named(&self.hide) { self.of(name) } else { Sight::Shown }
    }

    /// What is wrong with the lists: the list, and the entry with what is wrong about it.
    pub fn faults(&self) -> Vec<(&'static str, String)> {
        let lists = [("mask", &self.mask), ("hide", &self.hide), ("show", &self.show)];
        let mut faults = Vec::new();
        for (list, entries) in lists {
            for entry in entries {
                if entry.trim().is_empty() || entry.trim() != entry || entry.chars().any(char::is_control) {
                    faults.push((list, format!("holds `{}`, which names no attribute", entry.escape_debug())));
                } else if fold(entry).chars().all(|c| matches!(c, '*' | '_')) {
                    faults.push((list, format!("holds `{entry}`, which would be every attribute: name some")));
                } else if entry.chars().filter(|c| *c == '*').count() > 4 {
                    faults.push((list, format!("holds `{entry}`: at most four `*` are taken")));
                }
            }
        }
        let both = self.hide.iter().find(|entry| self.show.iter().any(|shown| fold(shown) == fold(entry)));
        if let Some(entry) = both {
            faults.push(("show", format!("holds `{entry}`, which `hide` holds as well: keep it in one of them")));
        }
        faults
    }
}

/// A name as names are compared: `firstName`, `First name` and `first_name` are one, and so are `line1` and
/// `line_1`.
fn fold(name: &str) -> String {
    let mut folded = String::with_capacity(name.len() + 4);
    let mut before: Option<char> = None;
    for c in name.chars() {
        if (c.is_uppercase() && before.is_some_and(|b| b.is_lowercase() || b.is_numeric()))
            || (c.is_numeric() && before.is_some_and(char::is_alphabetic))
        {
            folded.push('_');
        }
        before = Some(c);
        if c.is_alphanumeric() || c == '*' {
            folded.extend(c.to_lowercase());
        } else if !folded.ends_with('_') {
            folded.push('_');
        }
    }
    folded
}

/// Whether a name fits a pattern in which `*` stands for any part, also for none.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(mask: &[&str], hide: &[&str], show: &[&str]) -> Privacy {
        let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        Privacy { mask: owned(mask), hide: owned(hide), show: owned(show) }
    }

    #[test]
    fn what_is_personal_is_masked_however_it_is_spelt() {
        let privacy = Privacy::default();
        for name in [
            "phone",
            "Phone",
            "phoneNumber",
            "home_phone",
            "work phone number",
            "mobile",
            "address",
            "address1",
            "address_line_2",
            "billingAddress",
            "postal_code",
            "ZIP",
            "birthday",
            "birth_date",
            "date_of_birth",
            "DOB",
            "ssn",
            "SSN",
            "iban",
            "card",
            "card_number",
            "credit_card",
            "cvv",
            "password",
            "passwordHash",
            "pin",
            "reset_token",
            "apiKey",
            "clientSecret",
            "ip",
            "ip_address",
            "passport_no",
            "driversLicense",
        ] {
            assert_eq!(privacy.of(name), Sight::Masked, "{name}");
        }
        for name in [
            "plan",
            "first_name",
            "city",
            "country",
            "created_at",
            "cio_id",
            "id",
            "order_id",
            "addressed",
            "discard",
            "cardinal",
            "pinned",
            "tokens_left",
            "shipping",
            "clip",
            "zipper",
            "unsubscribed",
            "smartphone_os",
            "birds",
        ] {
            assert_eq!(privacy.of(name), Sight::Shown, "{name}");
        }
    }

    #[test]
    fn the_operator_adds_hides_and_shows() {
        let privacy = lists(&["*_income", "Nick Name"], &["internal_*"], &["city", "internal_tier", "phone"]);
        for (name, sight) in [
            ("yearly_income", Sight::Masked),
            ("nickName", Sight::Masked),
            ("internal_score", Sight::Hidden),
            ("InternalNotes", Sight::Hidden),
            ("internal_tier", Sight::Shown),
            ("phone", Sight::Shown),
            ("home_phone", Sight::Masked),
        ] {
            assert_eq!(privacy.of(name), sight, "{name}");
        }
        assert_eq!(privacy.of_operator("home_phone"), Sight::Shown);
        assert_eq!(privacy.of_operator("yearly_income"), Sight::Masked);
    }

    #[test]
    fn a_star_stands_for_any_part() {
        for (pattern, name, fits) in [
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "abcd", false),
            ("*b*", "abc", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxc", false),
            ("ab*ba", "aba", false),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn lists_that_cannot_be_meant_are_told() {
        let faults = lists(&["*", " phone", "ok"], &["a"], &["A", ""]).faults();
        let lists: Vec<_> = faults.iter().map(|(list, _)| *list).collect();
        assert_eq!(lists, ["mask", "mask", "show", "show"], "{faults:?}");
    }
}
