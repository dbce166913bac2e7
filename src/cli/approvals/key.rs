//! Operator keys: random, kept by their operators, known to the configuration by their hash alone.

use std::{collections::BTreeMap, process::ExitCode};

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::super::output;
use crate::clock::{Clock, random_bytes};

pub(super) const EXAMPLES: &str = "\
Example:
  customerio-mcp approvals new-key

Keep the key where the agent cannot read it, and add the line it prints to the
workspace's section of the configuration, which the agent must not be able to
change either.";

/// Bytes of a key.
const KEY_BYTES: usize = 20;

pub(super) fn new_key(clock: &dyn Clock) -> ExitCode {
    let key = hex::encode(random_bytes::<KEY_BYTES>(clock));
    output::print(format!(
        "{key}\n\nThe key is shown once and kept nowhere. Under the workspace, the configuration knows it by\n\n\
         [workspaces.NAME.approvals.operator_keys]\nyour_name = \"{}\"\n",
        hash(&key)
    ))
}

/// Whose key it is.
pub(super) fn owner<'a>(keys: &'a BTreeMap<String, String>, typed: &str) -> Option<&'a str> {
    let typed = hash(typed.trim());
    let is_it = |known: &str| bool::from(known.to_ascii_lowercase().as_bytes().ct_eq(typed.as_bytes()));
    keys.iter().find(|(_, known)| is_it(known)).map(|(name, _)| name.as_str())
}

fn hash(key: &str) -> String {
    hex::encode(Sha256::digest(key.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_hash_alone() {
        let keys = BTreeMap::from([("alice".to_owned(), hash("one").to_uppercase()), ("bo".to_owned(), hash("two"))]);
        assert_eq!(owner(&keys, " one\n"), Some("alice"));
        assert_eq!(owner(&keys, "two"), Some("bo"));
        assert_eq!(owner(&keys, "three"), None);
        assert_eq!(owner(&keys, &hash("one")), None);
    }
}
