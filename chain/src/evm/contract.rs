//! The contract `GanglionAnchor` in bytes: what is called, what it says (`chain/contract/GanglionAnchor.sol`).
//!
//! All its arguments have 32 bytes, so a call is a selector and words.

use ganglion_types::{CutId, Digest, Epoch, SubnetId};

use super::transaction::{Address, keccak};
use crate::{AnchorPayload, CutHead};

/// The committed artifact of the compiler.
const ARTIFACT: &str = include_str!("../../contract/GanglionAnchor.json");

const ANCHOR: &str = "anchor(bytes32,uint64,uint64,bytes32,bytes32,bytes32,bytes32)";
const STATED: &str = "stated(bytes32,address,uint64,uint64)";
const CONFLICT: &str = "Conflict(bytes32,uint64,bytes32,bytes32)";
const ANCHORED: &str = "Anchored(bytes32,address,uint64,uint64,bytes32,bytes32,bytes32,bytes32)";

/// What makes the contract, and what stands on the chain then.
pub(super) fn code(name: &str) -> Option<Vec<u8>> {
    let artifact: serde_json::Value = serde_json::from_str(ARTIFACT).ok()?;
    super::rpc::unhex(artifact.get(name)?.as_str()?)
}

fn selector(signature: &str) -> [u8; 4] {
    let [a, b, c, d, ..] = keccak(signature.as_bytes());
    [a, b, c, d]
}

fn number(epoch: Epoch) -> [u8; 32] {
    let mut word = [0; 32];
    word.iter_mut().skip(24).zip(epoch.get().to_be_bytes()).for_each(|(to, byte)| *to = byte);
    word
}

pub(super) fn address(address: &Address) -> [u8; 32] {
    let mut word = [0; 32];
    word.iter_mut().skip(12).zip(address).for_each(|(to, byte)| *to = *byte);
    word
}

fn call(signature: &str, words: &[[u8; 32]]) -> Vec<u8> {
    [selector(signature).as_slice(), words.concat().as_slice()].concat()
}

/// The call that anchors.
pub(super) fn anchor(payload: &AnchorPayload) -> Vec<u8> {
    let words = [
        *payload.subnet().as_bytes(),
        number(payload.first()),
        number(payload.last()),
        *payload.last_cut().as_bytes(),
        *payload.result_root().as_bytes(),
        *payload.next_committee_root().as_bytes(),
        *payload.range_root().as_bytes(),
    ];
    call(ANCHOR, &words)
}

/// The call that asks what a publisher said.
pub(super) fn stated(payload: &AnchorPayload, publisher: &Address) -> Vec<u8> {
    let words = [
        *payload.subnet().as_bytes(),
        address(publisher),
        number(payload.first()),
        number(payload.last()),
    ];
    call(STATED, &words)
}

/// The answer: last cut and range root, zeros for nothing.
pub(super) fn stated_answer(answer: &[u8]) -> Option<([u8; 32], [u8; 32])> {
    let (cut, rest) = answer.split_first_chunk::<32>()?;
    let (root, rest) = rest.split_first_chunk::<32>()?;
    rest.is_empty().then_some((*cut, *root))
}

/// Whether a call was undone because the publisher said otherwise before.
pub(super) fn is_conflict(data: &[u8]) -> bool {
    data.starts_with(&selector(CONFLICT))
}

/// The topic that every anchor has.
pub(super) fn topic() -> [u8; 32] {
    keccak(ANCHORED.as_bytes())
}

/// Reads a log of the contract; `None` if it is none of ours, or says what no payload may.
pub(super) fn log(topics: &[[u8; 32]], data: &[u8]) -> Option<(AnchorPayload, Address)> {
    let [kind, subnet, publisher, last] = topics else { return None };
    if *kind != topic() {
        return None;
    }
    let mut words = data.chunks(32).map(|word| <[u8; 32]>::try_from(word).ok());
    let mut word = || words.next().flatten();
    let (first, cut, result, next, root) = (word()?, word()?, word()?, word()?, word()?);
    if words.next().is_some() {
        return None;
    }
    let head = CutHead {
        subnet: SubnetId::new(*subnet),
        epoch: epoch(last)?,
        cut: CutId::new(cut),
        result_root: Digest::new(result),
        next_committee_root: Digest::new(next),
    };
    let range = (epoch(&first)?, head.epoch);
    let payload = AnchorPayload::from_fields(range, &head, Digest::new(root)).ok()?;
    let (zeros, publisher) = publisher.split_first_chunk::<12>()?;
    let publisher = publisher.try_into().ok().filter(|_| *zeros == [0; 12])?;
    Some((payload, publisher))
}

fn epoch(word: &[u8; 32]) -> Option<Epoch> {
    let (zeros, number) = word.split_first_chunk::<24>()?;
    let number = number.try_into().ok().filter(|_| *zeros == [0; 24])?;
    Some(Epoch::new(u64::from_be_bytes(number)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::tests_payload as payload;

    #[test]
    fn selectors_are_those_of_the_artifact() {
        let artifact: serde_json::Value = serde_json::from_str(ARTIFACT).unwrap();
        for signature in [ANCHOR, STATED] {
            let listed = artifact["methods"][signature].as_str().unwrap();
            assert_eq!(ganglion_types::hex(&selector(signature)), listed);
        }
        let runtime = code("runtime").unwrap();
        assert!(code("bytecode").unwrap().ends_with(&runtime), "made by what makes it");
    }

    #[test]
    fn a_log_gives_the_payload_that_was_called_with() {
        let (payload, publisher) = (payload(3, 9), [0x42; 20]);
        let sent = anchor(&payload);
        let words: Vec<[u8; 32]> =
            sent[4..].chunks(32).map(|word| word.try_into().unwrap()).collect();
        let topics = vec![topic(), words[0], address(&publisher), words[2]];
        let data = [words[1], words[3], words[4], words[5], words[6]].concat();
        assert_eq!(log(&topics, &data), Some((payload, publisher)));
        assert_eq!(log(&topics[..3], &data), None);
        assert_eq!(log(&topics, &data[..159]), None);
        assert_eq!(log(&topics, &[data.clone(), vec![0; 32]].concat()), None);
        let mut huge = topics.clone();
        huge[3][0] = 1;
        assert_eq!(log(&huge, &data), None, "an epoch over 64 bits");
        let mut backwards = topics;
        backwards[3] = number(Epoch::new(2));
        assert_eq!(log(&backwards, &data), None, "an end before the beginning");
    }
}
