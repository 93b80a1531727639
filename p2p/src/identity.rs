//! A hotkey is a `PeerId`: an identity multihash of the ed25519 public key.

use libp2p::PeerId;
use libp2p::identity::{Keypair, PublicKey, ed25519};

use ed25519_dalek::SigningKey;
use ganglion_types::Hotkey;

/// The peer id of a hotkey, as `/p2p/...` addresses show it; `None` for bytes that are no key.
#[must_use]
pub fn peer_id(hotkey: &Hotkey) -> Option<String> {
    peer_of(hotkey).map(|peer| peer.to_base58())
}

pub(crate) fn peer_of(hotkey: &Hotkey) -> Option<PeerId> {
    let key = ed25519::PublicKey::try_from_bytes(hotkey.as_bytes()).ok()?;
    Some(PublicKey::from(key).to_peer_id())
}

/// The hotkey in a peer id; `None` if the peer has a key of another type.
pub(crate) fn hotkey_of(peer: &PeerId) -> Option<Hotkey> {
    const IDENTITY: u64 = 0;
    let hash = peer.as_ref();
    if hash.code() != IDENTITY {
        return None;
    }
    let key = PublicKey::try_decode_protobuf(hash.digest()).ok()?.try_into_ed25519().ok()?;
    Some(Hotkey::new(key.to_bytes()))
}

pub(crate) fn keypair(key: &SigningKey) -> Keypair {
    Keypair::ed25519_from_bytes(key.to_bytes()).expect("32 bytes are an ed25519 secret")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ganglion_types::sign;

    #[test]
    fn hotkey_and_peer_id_are_one_key() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let hotkey = sign::hotkey_of(&key);
        let peer = keypair(&key).public().to_peer_id();
        assert_eq!(peer_of(&hotkey), Some(peer));
        assert_eq!(hotkey_of(&peer), Some(hotkey));
    }

    #[test]
    fn a_hashed_peer_id_has_no_hotkey() {
        // What longer keys (RSA, for one) get: a sha-256 multihash.
        let mut bytes = vec![0x12, 0x20];
        bytes.extend([5; 32]);
        let peer = PeerId::from_bytes(&bytes).unwrap();
        assert_eq!(hotkey_of(&peer), None);
    }
}
