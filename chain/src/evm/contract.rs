//! The contract `GanglionAnchor`: its bindings, made of its source, and payloads as it says them.

use alloy::primitives::{Address, Bytes, LogData, hex};
use alloy::sol_types::{SolCall as _, SolEvent as _};
use ganglion_types::{CutId, Digest, Epoch, SubnetId};

use crate::{AnchorPayload, CutHead};

/// `chain/contract/GanglionAnchor.sol`, read by the compiler.
#[expect(
    clippy::too_many_arguments,
    reason = "the event has eight, and so has what alloy makes of it"
)]
mod source {
    alloy::sol!("contract/GanglionAnchor.sol");
}

pub(super) use source::GanglionAnchor::{Anchored, Conflict};
use source::GanglionAnchor::{anchorCall, statedCall, statedReturn};

/// The committed artifact of the compiler.
const ARTIFACT: &str = include_str!("../../contract/GanglionAnchor.json");

/// What makes the contract (`bytecode`), or what stands on the chain then (`runtime`).
pub(super) fn code(name: &str) -> Option<Bytes> {
    let artifact: serde_json::Value = serde_json::from_str(ARTIFACT).ok()?;
    hex::decode(artifact.get(name)?.as_str()?).ok().map(Bytes::from)
}

/// The call that anchors.
pub(super) fn anchor(payload: &AnchorPayload) -> Vec<u8> {
    let call = anchorCall {
        subnet: payload.subnet().as_bytes().into(),
        first: payload.first().get(),
        last: payload.last().get(),
        lastCut: payload.last_cut().as_bytes().into(),
        resultRoot: payload.result_root().as_bytes().into(),
        nextCommitteeRoot: payload.next_committee_root().as_bytes().into(),
        rangeRoot: payload.range_root().as_bytes().into(),
    };
    call.abi_encode()
}

/// The call that asks what a publisher said.
pub(super) fn stated(payload: &AnchorPayload, publisher: Address) -> Vec<u8> {
    let call = statedCall {
        subnet: payload.subnet().as_bytes().into(),
        publisher,
        first: payload.first().get(),
        last: payload.last().get(),
    };
    call.abi_encode()
}

/// The answer: last cut and range root, zeros for nothing.
pub(super) fn stated_answer(answer: &[u8]) -> Option<([u8; 32], [u8; 32])> {
    let statedReturn { lastCut, rangeRoot } = statedCall::abi_decode_returns(answer).ok()?;
    // Nothing but these two words.
    (answer.len() == 64).then_some((lastCut.0, rangeRoot.0))
}

/// Reads a log of the contract; `None` if it is none of ours, or says what no payload may.
pub(super) fn log(log: &LogData) -> Option<(AnchorPayload, Address)> {
    let said = Anchored::decode_log_data_validate(log).ok()?;
    // One form per statement: numbers beyond their type and bytes behind the last word are no log of this contract.
    if said.encode_log_data() != *log {
        return None;
    }
    let head = CutHead {
        subnet: SubnetId::new(said.subnet.0),
        epoch: Epoch::new(said.last),
        cut: CutId::new(said.lastCut.0),
        result_root: Digest::new(said.resultRoot.0),
        next_committee_root: Digest::new(said.nextCommitteeRoot.0),
    };
    let range = (Epoch::new(said.first), head.epoch);
    let root = Digest::new(said.rangeRoot.0);
    Some((AnchorPayload::from_fields(range, &head, root).ok()?, said.publisher))
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{B256, keccak256};
    use alloy::sol_types::SolError as _;

    use super::*;
    use crate::outbox::tests_payload as payload;

    #[test]
    fn bindings_and_artifact_are_of_one_contract() {
        let artifact: serde_json::Value = serde_json::from_str(ARTIFACT).unwrap();
        for (signature, selector) in [
            (anchorCall::SIGNATURE, anchorCall::SELECTOR),
            (statedCall::SIGNATURE, statedCall::SELECTOR),
        ] {
            let listed = artifact["methods"][signature].as_str().unwrap();
            assert_eq!(hex::encode(selector), listed);
        }
        // The compiler writes the topic of the event and the selector of the error into the code.
        let runtime = code("runtime").unwrap();
        let holds = |word: &[u8]| runtime.windows(word.len()).any(|part| part == word);
        assert!(holds(Anchored::SIGNATURE_HASH.as_slice()));
        // As a word that begins with it; its zeros are shifted in.
        let conflict = keccak256(Conflict::SIGNATURE);
        let shifted = u32::from_be_bytes(conflict[..4].try_into().unwrap());
        let shifted = shifted >> shifted.trailing_zeros();
        let bytes = shifted.to_be_bytes();
        let short = &bytes[usize::try_from(shifted.leading_zeros()).unwrap() / 8..];
        assert!(holds(short), "{}", hex::encode(short));
        assert!(code("bytecode").unwrap().ends_with(&runtime), "made by what makes it");
    }

    #[test]
    fn a_log_gives_the_payload_that_was_called_with() {
        let (payload, publisher) = (payload(3, 9), Address::repeat_byte(0x42));
        let sent = anchor(&payload);
        let words: Vec<[u8; 32]> =
            sent[4..].chunks(32).map(|word| word.try_into().unwrap()).collect();
        let topics =
            [Anchored::SIGNATURE_HASH, words[0].into(), publisher.into_word(), words[2].into()];
        let data = [words[1], words[3], words[4], words[5], words[6]].concat();
        let read = |topics: &[B256], data: &[u8]| {
            log(&LogData::new_unchecked(topics.to_vec(), data.to_vec().into()))
        };
        assert_eq!(read(&topics, &data), Some((payload, publisher)));
        assert_eq!(read(&topics[..3], &data), None);
        assert_eq!(read(&topics, &data[..159]), None);
        assert_eq!(read(&topics, &[data.clone(), vec![0; 32]].concat()), None);
        let changed = |topic: usize, byte: usize| {
            let mut topics = topics;
            topics[topic][byte] ^= 1;
            read(&topics, &data)
        };
        assert_eq!(changed(0, 0), None, "another event");
        assert_eq!(changed(3, 0), None, "an epoch over 64 bits");
        assert_eq!(changed(2, 0), None, "a publisher over 160 bits");
        assert_eq!(changed(3, 31), Some((payload_with_last(&payload, 8), publisher)));
        let mut backwards = topics;
        backwards[3] = B256::with_last_byte(2);
        assert_eq!(read(&backwards, &data), None, "an end before the beginning");
        let mut wide = data.clone();
        wide[0] = 1;
        assert_eq!(read(&topics, &wide), None, "a first epoch over 64 bits");
    }

    /// The same statement with another end: a log says what it says, whatever was called.
    fn payload_with_last(payload: &AnchorPayload, last: u64) -> AnchorPayload {
        let head = CutHead {
            subnet: payload.subnet(),
            epoch: Epoch::new(last),
            cut: payload.last_cut(),
            result_root: payload.result_root(),
            next_committee_root: payload.next_committee_root(),
        };
        AnchorPayload::from_fields((payload.first(), head.epoch), &head, payload.range_root())
            .unwrap()
    }

    #[test]
    fn an_answer_of_two_words_is_read_and_no_other() {
        let (cut, root) = ([3; 32], [4; 32]);
        let answer = [cut, root].concat();
        assert_eq!(stated_answer(&answer), Some((cut, root)));
        assert_eq!(stated_answer(&answer[..63]), None);
        assert_eq!(stated_answer(&[answer, vec![0; 32]].concat()), None);
        assert_eq!(stated_answer(&[]), None);
    }
}
