//! What a signature covers.
//!
//! ```text
//! hash      = blake3( "ganglion/item" ‖ version u32 BE ‖ subnet 32 ‖ kind u32 BE ‖ body )
//! signature = ed25519( "ganglion/1 " ‖ hash )
//! ```
//! The hash is the item's id. No key ever signs a bare digest, and the fixed-width head keeps one
//! kind's body from being read as another's. Verification is strict (RFC 8032 with the cofactorless
//! equation and no small-order points), so that no two nodes can differ on one signature.

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};

use crate::ids::{Hotkey, Signature, SubnetId};
use crate::item::Kind;
use crate::{Digest, PROTOCOL_VERSION};

const TAG: &[u8] = b"ganglion/item";
const SIGNED: &[u8] = b"ganglion/1 ";

/// The hash that stands for `body` of `kind` in `subnet`.
#[must_use]
pub fn preimage_hash(subnet: &SubnetId, kind: Kind, body: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(TAG);
    hasher.update(&PROTOCOL_VERSION.to_be_bytes());
    hasher.update(subnet.as_bytes());
    hasher.update(&kind.number().to_be_bytes());
    hasher.update(body);
    *hasher.finalize().as_bytes()
}

/// Signs a preimage hash.
#[must_use]
pub fn sign(key: &SigningKey, hash: &[u8; 32]) -> Signature {
    let sign = || Signature::new(key.sign(&message(hash)).to_bytes());
    #[cfg(feature = "simulation")]
    let sign = || crate::memo::signature(key.as_bytes(), hash, sign);
    sign()
}

/// Whether `signature` is `signer`'s over a preimage hash. Weak and malformed keys never hold.
#[must_use]
pub fn verify(signer: &[u8; 32], hash: &[u8; 32], signature: &Signature) -> bool {
    let holds = || {
        let Ok(key) = VerifyingKey::from_bytes(signer) else { return false };
        let signature = ed25519_dalek::Signature::from_bytes(signature.as_bytes());
        key.verify_strict(&message(hash), &signature).is_ok()
    };
    #[cfg(feature = "simulation")]
    let holds = || crate::memo::verdict(signer, hash, signature, holds);
    holds()
}

/// Whether a key may be registered: a point of full order.
#[must_use]
pub fn is_sound_key(key: &[u8; 32]) -> bool {
    let is_sound = || VerifyingKey::from_bytes(key).is_ok_and(|key| !key.is_weak());
    #[cfg(feature = "simulation")]
    let is_sound = || crate::memo::soundness(key, is_sound);
    is_sound()
}

/// The hotkey of a signing key.
#[must_use]
pub fn hotkey_of(key: &SigningKey) -> Hotkey {
    Hotkey::new(key.verifying_key().to_bytes())
}

/// `blake3(tag ‖ 0x00 ‖ parts…)` with each part preceded by its length, u64 BE.
#[must_use]
pub fn tagged_hash(tag: &str, parts: &[&[u8]]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(tag.as_bytes());
    hasher.update(&[0]);
    for part in parts {
        // A slice is never longer than u64::MAX bytes.
        hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(part);
    }
    Digest::new(*hasher.finalize().as_bytes())
}

fn message(hash: &[u8; 32]) -> [u8; 43] {
    let mut message = [0; 43];
    let (head, tail) = message.split_at_mut(SIGNED.len());
    head.copy_from_slice(SIGNED);
    tail.copy_from_slice(hash);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_binds_key_subnet_kind_and_body() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let signer = hotkey_of(&key);
        let hash = preimage_hash(&SubnetId::new([1; 32]), Kind::Weights, b"body");
        let signature = sign(&key, &hash);
        assert!(verify(signer.as_bytes(), &hash, &signature));
        for other in [
            preimage_hash(&SubnetId::new([2; 32]), Kind::Weights, b"body"),
            preimage_hash(&SubnetId::new([1; 32]), Kind::TaskBatch, b"body"),
            preimage_hash(&SubnetId::new([1; 32]), Kind::Weights, b"bodY"),
        ] {
            assert!(!verify(signer.as_bytes(), &other, &signature));
        }
        assert!(!verify(&[9; 32], &hash, &signature));
    }

    #[test]
    fn weak_keys_are_unsound() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert!(!is_sound_key(&identity));
        assert!(is_sound_key(hotkey_of(&SigningKey::from_bytes(&[7; 32])).as_bytes()));
    }
}
