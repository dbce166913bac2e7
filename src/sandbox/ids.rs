//! Identifiers the platform mints, all from the clock's randomness.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::clock::{Clock, random_bytes};

/// Crockford's base 32, the alphabet of a ULID.
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const ULID_LENGTH: usize = 26;

/// A delivery's id: 28 URL-safe characters, as in `RPILAgUBcRhIBqSfeiIwdIYJKxTY`.
pub(super) fn delivery_id(clock: &dyn Clock) -> String {
    let mut bytes = random_bytes::<21>(clock);
    // The vendor's begin with a letter, which also keeps an id from looking like a command-line flag.
    bytes[0] = 0x44;
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The id of a delivery of the past, made of what it was.
pub(super) fn past_delivery_id(what: &str) -> String {
    let mut bytes = [0; 21];
    bytes.copy_from_slice(&Sha256::digest(what)[..21]);
    bytes[0] = 0x44;
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The six characters an App API error ends with.
pub(super) fn reference(clock: &dyn Clock) -> String {
    hex::encode(random_bytes::<3>(clock))
}

/// A new ULID.
pub(super) fn ulid(clock: &dyn Clock) -> String {
    ulid_text(ulid_number(clock))
}

/// A new ULID as the number it is: 48 bits of milliseconds, 80 bits of randomness.
pub(super) fn ulid_number(clock: &dyn Clock) -> u128 {
    let milliseconds = u128::from(clock.now_ms().max(0).unsigned_abs()) & 0xFFFF_FFFF_FFFF;
    let mut random = [0; 16];
    random[6..].copy_from_slice(&random_bytes::<10>(clock));
    (milliseconds << 80) | u128::from_be_bytes(random)
}

/// A ULID as it is written.
pub(super) fn ulid_text(value: u128) -> String {
    (0..ULID_LENGTH)
        .rev()
        .map(|digit| {
            let index = usize::try_from((value >> (5 * digit)) & 31).unwrap_or_default();
            char::from(CROCKFORD[index])
        })
        .collect()
}

/// A new UUID (version 4).
pub(super) fn uuid(clock: &dyn Clock) -> String {
    let mut bytes = random_bytes::<16>(clock);
    bytes[6] = (bytes[6] & 0x0F) | 0x40;
    bytes[8] = (bytes[8] & 0x3F) | 0x80;
    let digits = hex::encode(bytes);
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

/// Whether `text` is a ULID (either case).
pub(super) fn is_ulid(text: &str) -> bool {
    text.len() == ULID_LENGTH
        && text.bytes().all(|byte| CROCKFORD.contains(&byte.to_ascii_uppercase()))
        && text.as_bytes()[0] <= b'7'
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::AdjustableClock;

    #[test]
    fn minted_identifiers_have_the_vendors_shape() {
        let clock = AdjustableClock::running().with_seed(1);
        let delivery = delivery_id(&clock);
        assert_eq!(delivery.len(), 28);
        assert!(delivery.starts_with('R'));
        assert!(is_ulid(&ulid(&clock)));
        let uuid = uuid(&clock);
        assert_eq!((uuid.len(), &uuid[14..15], uuid.matches('-').count()), (36, "4", 4));
        assert!(!is_ulid("not-a-ulid"));
        assert!(!is_ulid("81HQ0000000000000000000000"), "the first digit holds three bits");
    }
}
