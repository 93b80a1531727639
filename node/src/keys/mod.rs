//! Hotkeys and coldkeys: ed25519 pairs from BIP-39 phrases, kept in encrypted files.
//!
//! The derivation is Substrate's, so one phrase gives one account in both worlds
//! (`docs/spec/keys.md`). A hotkey lives beside a running node; a coldkey signs rare operations and
//! its file need never be on the node's machine.
//!
//! ```text
//! phrase //path ──SecretUri──► KeyPair ──seal──► KeyFile (0600) ──open(password)──► KeyPair
//! ```

mod error;
mod file;
mod password;
mod phrase;
mod uri;

use std::fmt;

use ed25519_dalek::SigningKey;
use multiaddr::PeerId;
use zeroize::Zeroizing;

use ganglion_types::{Coldkey, Digest, Hotkey, seed};

pub use error::KeyError;
pub use file::KeyFile;
pub use password::{Password, PasswordSource, Prompt, read_secret};
pub use phrase::{Phrase, WordCount};
pub use uri::{DEVELOPMENT_PHRASE, SecretUri};

/// What a key is for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// Signs work. Its libp2p peer id derives from it.
    Hotkey,
    /// Owns stake and balance.
    Coldkey,
}

impl KeyKind {
    /// `hotkey` or `coldkey`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hotkey => "hotkey",
            Self::Coldkey => "coldkey",
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An ed25519 pair. Its secret is wiped from memory when it is dropped.
#[derive(Clone)]
pub struct KeyPair(SigningKey);

impl KeyPair {
    /// The pair of a 32-byte secret seed (RFC 8032's private key).
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The secret seed.
    #[must_use]
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// For `ganglion_types::sign`, the one place that says what a signature covers.
    #[must_use]
    pub const fn signing_key(&self) -> &SigningKey {
        &self.0
    }

    /// The 32-byte public key, on a Substrate chain the account id.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// The public key as the one that signs work.
    #[must_use]
    pub fn hotkey(&self) -> Hotkey {
        Hotkey::new(self.public())
    }

    /// The public key as the one that owns.
    #[must_use]
    pub fn coldkey(&self) -> Coldkey {
        Coldkey::new(self.public())
    }

    /// Where the `index`-th task-seed chain of this hotkey starts; `index` rises when a chain is
    /// used up or its owner wants a new tail.
    #[must_use]
    pub fn seed_chain_start(&self, index: u32) -> Digest {
        Digest::new(seed_chain_secret(&self.seed(), index))
    }

    /// The tail of that chain: what a validator registers. Takes some 65,536 hashes.
    #[must_use]
    pub fn seed_chain_tail(&self, index: u32) -> Digest {
        let start = self.seed_chain_start(index);
        seed::element(&start, 0).unwrap_or(start)
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({}, secret hidden)", self.hotkey())
    }
}

/// The start of the `index`-th task-seed chain of a hotkey, bound to nothing but its secret, so that
/// a restart from the key file alone finds it again.
#[must_use]
pub fn seed_chain_secret(hotkey_secret: &[u8; 32], index: u32) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("ganglion/1 task-seed chain");
    hasher.update(hotkey_secret);
    hasher.update(&index.to_be_bytes());
    *hasher.finalize().as_bytes()
}

/// The libp2p peer id of a hotkey, in its usual text form `12D3Koo…`.
#[must_use]
pub fn peer_id(hotkey: &Hotkey) -> PeerId {
    // Identity multihash (code 0, 36 bytes) of the protobuf {1: Ed25519 = 1, 2: 32 bytes}.
    let mut bytes = vec![0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
    bytes.extend_from_slice(hotkey.as_bytes());
    PeerId::from_bytes(&bytes).expect("an identity multihash of 36 bytes is a peer id")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_chains_differ_by_key_and_index() {
        let secrets = [
            seed_chain_secret(&[1; 32], 0),
            seed_chain_secret(&[1; 32], 1),
            seed_chain_secret(&[2; 32], 0),
        ];
        assert_ne!(secrets[0], secrets[1]);
        assert_ne!(secrets[0], secrets[2]);
        assert_eq!(secrets[0], seed_chain_secret(&[1; 32], 0));
    }

    #[test]
    fn a_tail_is_the_end_of_the_chain_that_starts_at_the_secret() {
        let pair = KeyPair::from_seed(&[5; 32]);
        let tail = pair.seed_chain_tail(0);
        let first = seed::element(&pair.seed_chain_start(0), 1).unwrap();
        assert_eq!(seed::step(&first), tail);
    }

    #[test]
    fn debug_output_hides_the_secret() {
        let pair = KeyPair::from_seed(&[0xab; 32]);
        assert!(!format!("{pair:?}").contains("abab"), "{pair:?}");
    }
}
