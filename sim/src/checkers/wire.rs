//! The wire as `docs/spec` publishes it, read without the code under test: protobuf messages, and the
//! hashes restated from the documents.

use ganglion_types::proto;
use prost::Message as _;

/// `blake3(tag ‖ 0 ‖ each part after its length, u64 BE)`.
pub(crate) fn hash(tag: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut bytes = tag.as_bytes().to_vec();
    bytes.push(0);
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    *blake3::hash(&bytes).as_bytes()
}

/// The id of a signed item: the hash that its signature covers.
pub(crate) fn item_id(item: &proto::Item) -> [u8; 32] {
    let mut bytes = b"ganglion/item".to_vec();
    bytes.extend_from_slice(&1u32.to_be_bytes());
    bytes.extend_from_slice(&item.subnet);
    bytes.extend_from_slice(&item.kind.to_be_bytes());
    bytes.extend_from_slice(&item.body);
    *blake3::hash(&bytes).as_bytes()
}

/// The id of a cut.
pub(crate) fn cut_id(cut: &[u8]) -> [u8; 32] {
    hash("ganglion/cut", &[cut])
}

/// What list headers name a body by.
pub(crate) fn body_digest(body: &[u8]) -> [u8; 32] {
    hash("ganglion/list-body", &[body])
}

/// 32 bytes of a field; zero if it has another length.
pub(crate) fn key(bytes: &[u8]) -> [u8; 32] {
    bytes.try_into().unwrap_or([0; 32])
}

/// First bytes of a hash or key, for people.
pub(crate) fn short(bytes: &[u8]) -> String {
    bytes.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// What a message of agreement is, as far as checkers care.
pub(crate) fn message(bytes: &[u8]) -> Option<proto::agreement_message::Message> {
    proto::AgreementMessage::decode(bytes).ok()?.message
}

/// Who signed a message, if one key did.
pub(crate) fn signer(message: &proto::agreement_message::Message) -> Option<[u8; 32]> {
    use proto::agreement_message::Message;
    match message {
        Message::Vote(vote) => Some(key(&vote.signer)),
        Message::Proposal(proposal) => Some(key(&proposal.signer)),
        Message::List(item) => {
            let list = proto::InclusionList::decode(item.body.as_slice()).ok()?;
            Some(key(&list.signer))
        }
        Message::Polka(_) | Message::RoundCertificate(_) => None,
    }
}

/// Merkle root of `docs/spec/ledger.md`.
pub(crate) fn merkle(leaves: &[Vec<u8>]) -> [u8; 32] {
    let leaf = |bytes: &Vec<u8>| blake3::Hasher::new().update(&[0]).update(bytes).finalize();
    let mut level: Vec<[u8; 32]> = leaves.iter().map(|bytes| *leaf(bytes).as_bytes()).collect();
    while level.len() > 1 {
        let above = level.chunks(2).map(|pair| match pair {
            [left, right] => {
                let mut node = blake3::Hasher::new();
                *node.update(&[1]).update(left).update(right).finalize().as_bytes()
            }
            rest => rest.first().copied().unwrap_or_default(),
        });
        level = above.collect();
    }
    let top = level.first().copied().unwrap_or_default();
    let mut root = blake3::Hasher::new();
    root.update(&[2]).update(&(leaves.len() as u64).to_be_bytes()).update(&top);
    *root.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use ganglion_types::{Canonical as _, Digest, ListBody, merkle as ours, sign};

    use super::*;

    /// The documents are restated above; here both readings meet.
    #[test]
    fn the_restated_hashes_are_those_of_the_documents() {
        for count in 0..9u8 {
            let leaves: Vec<Vec<u8>> = (0..count).map(|leaf| vec![leaf; 3]).collect();
            assert_eq!(Digest::new(merkle(&leaves)), ours::root(leaves.iter().cloned()));
        }
        let body = ListBody::new(Vec::new()).unwrap();
        assert_eq!(Digest::new(body_digest(&body.to_bytes())), body.digest());
        let parts: [&[u8]; 2] = [b"a", b"bc"];
        assert_eq!(Digest::new(hash("tag", &parts)), sign::tagged_hash("tag", &parts));
    }
}
