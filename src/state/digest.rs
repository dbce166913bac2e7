//! A keyed digest: what the store knows of an identifier, a token or a set of arguments.

use std::fmt;

/// 32 bytes of HMAC-SHA256 under one of our own keys. Equality is all it can say.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Digest {
    /// The first eight bytes as hex: enough to tell records apart in an audit listing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0[..8]))
    }
}
