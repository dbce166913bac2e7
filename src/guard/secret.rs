//! The one secret of our own and what is derived from it: digests, tokens and sealed values.
//!
//! Each use has a key of its own, so that a digest in the store can never serve as a token.

use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::{
    clock::{Clock, random_bytes},
    state::{ChainKey, Digest},
};

/// Length of the secret in bytes.
pub const SECRET_BYTES: usize = 32;

/// Length of the nonce in front of every sealed value, in bytes.
const NONCE_BYTES: usize = 24;

/// The 32 bytes everything else is derived from.
#[derive(Clone)]
pub struct Secret([u8; SECRET_BYTES]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

impl Secret {
    /// Wraps the bytes of a secret.
    #[must_use]
    pub fn new(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes)
    }

    /// A new secret.
    pub fn random(clock: &dyn Clock) -> Self {
        Self(random_bytes(clock))
    }

    /// Reads a secret written as 64 hexadecimal digits; surrounding white space is ignored.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; SECRET_BYTES];
        hex::decode_to_slice(text.trim(), &mut bytes).ok().map(|()| Self(bytes))
    }

    /// The secret as hexadecimal digits, for the file it is kept in.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }

    /// The bytes, for whoever has to know them to take them out of what is shown.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The key of the audit chains.
    pub fn chain_key(&self) -> ChainKey {
        ChainKey(mac(&keyed(&self.0), [b"audit chain".as_slice()]))
    }

    /// The keys of a workspace.
    pub fn keys(&self, workspace: &str) -> Keys {
        let secret = keyed(&self.0);
        let derive = |label: &[u8]| mac(&secret, [label, workspace.as_bytes()]);
        Keys { digest: keyed(&derive(b"digest")), token: keyed(&derive(b"token")), seal: derive(b"seal") }
    }
}

/// The keys of one workspace.
#[derive(Clone)]
pub struct Keys {
    digest: Hmac<Sha256>,
    token: Hmac<Sha256>,
    seal: [u8; 32],
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys([redacted])")
    }
}

impl Keys {
    /// The keyed digest of some parts; `label` keeps different uses apart.
    pub fn digest(&self, label: &str, parts: &[&[u8]]) -> Digest {
        Digest(mac(&self.digest, [label.as_bytes()].into_iter().chain(parts.iter().copied())))
    }

    /// The code that makes a token unforgeable.
    pub fn token_code(&self, parts: &[&[u8]]) -> [u8; 32] {
        mac(&self.token, parts.iter().copied())
    }

    /// Encrypts a value that must be read back; `label` must be the same when it is opened.
    pub fn seal(&self, clock: &dyn Clock, label: &str, plain: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_BYTES] = random_bytes(clock);
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: label.as_bytes() })
            .unwrap_or_default();
        [nonce.as_slice(), &sealed].concat()
    }

    /// Decrypts a sealed value; `None` when it is not ours, was altered, or has another label.
    pub fn open(&self, label: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
        self.cipher().decrypt(&XNonce::from(nonce), Payload { msg: sealed, aad: label.as_bytes() }).ok()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.seal.into())
    }
}

/// HMAC-SHA256 with its key taken in, which costs as much as what is hashed with it later.
fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    // A key shorter than the block is padded with zeros by definition, so this is the key itself.
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    <Hmac<Sha256> as hmac::KeyInit>::new(&block.into())
}

/// The code over parts, each preceded by its length so that no two lists of parts look the same.
fn mac<'a>(keyed: &Hmac<Sha256>, parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut mac = keyed.clone();
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn sealed_values_open_only_under_their_label_and_workspace() {
        let secret = Secret::random(&SystemClock);
        let keys = secret.keys("shop");
        let sealed = keys.seal(&SystemClock, "answer", b"ada@shop.example");
        assert_eq!(keys.open("answer", &sealed).unwrap(), b"ada@shop.example");
        assert_eq!(keys.open("plan", &sealed), None);
        assert_eq!(secret.keys("other").open("answer", &sealed), None);
        let mut altered = sealed.clone();
        altered[30] ^= 1;
        assert_eq!(keys.open("answer", &altered), None);
        assert_eq!(keys.open("answer", &sealed[..10]), None);
    }

    #[test]
    fn parts_do_not_run_together() {
        let keys = Secret::new([7; 32]).keys("shop");
        assert_ne!(keys.digest("x", &[b"ab", b"c"]), keys.digest("x", &[b"a", b"bc"]));
        assert_ne!(keys.digest("x", &[b"a"]), keys.digest("y", &[b"a"]));
    }
}
