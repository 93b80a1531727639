//! Messages with one encoding: what decodes, encodes to the same bytes.

use std::collections::BTreeSet;
use std::fmt::Debug;

use ganglion_consensus::ledger::{ResultHeader, ResultRow};
use ganglion_consensus::proof::{Checkpoint, committee_of, members_of, verify};
use ganglion_types::snapshot::{ChunkInfo, chunk_digest};
use ganglion_types::{
    AgreementMessage, Body, Canonical, Certificate, CommitteeMembers, Cut, CutId, Digest, Epoch,
    EpochBundle, EpochLink, EpochProof, Evidence, ExternalRegistry, Fork, Item, Kind, ListBody,
    Manifest, MerkleProof, PolkaCertificate, Proposal, RegistryOp, RoundCertificate, Snapshot,
    SubnetId, Vote, merkle, proto, ss58,
};
use prost::Message as _;

use crate::INPUT_BYTES_MAX;

const SUBNET: SubnetId = SubnetId::new([0xaa; 32]);

fn round_trip<T: Canonical + PartialEq + Debug>(bytes: &[u8]) -> Option<T> {
    let value = T::from_bytes(bytes, INPUT_BYTES_MAX).ok()?;
    assert_eq!(value.to_bytes(), bytes, "two encodings of one value");
    // Through the message, as it stands inside another one.
    let again = T::from_proto(value.to_proto());
    assert!(again.as_ref() == Ok(&value), "{again:?} is not {value:?}");
    Some(value)
}

/// What every item can be asked, whoever made it.
fn look_at(item: &Item) {
    let _ = (item.id(), item.kind().name(), item.verify(), item.body().epoch());
    assert_eq!(item.kind(), item.body().kind());
}

pub(super) fn item(bytes: &[u8]) {
    if let Some(item) = round_trip::<Item>(bytes) {
        look_at(&item);
    }
}

/// Rarely does a fuzzer keep envelope and body in step: here the envelope always holds.
pub(super) fn item_body(bytes: &[u8]) {
    let Some((kind, body)) = bytes.split_first() else { return };
    let envelope = proto::Item {
        version: ganglion_types::PROTOCOL_VERSION,
        subnet: SUBNET.as_bytes().to_vec(),
        kind: u32::from(*kind),
        body: body.to_vec(),
        signature: vec![0; 64],
    };
    if let Some(item) = round_trip::<Item>(&envelope.encode_to_vec()) {
        look_at(&item);
        assert_eq!(Kind::from_number(u32::from(*kind)), Some(item.kind()));
    }
}

pub(super) fn evidence(bytes: &[u8]) {
    if let Some(evidence) = round_trip::<Evidence>(bytes) {
        let _ = (evidence.epoch(), evidence.verify(&SUBNET));
    }
}

pub(super) fn registry_op(bytes: &[u8]) {
    if let Some(op) = round_trip::<RegistryOp>(bytes) {
        let _ = op.operation.is_of_hotkey();
        let _ = Body::RegistryOp(op).signer().len();
    }
}

pub(super) fn list_body(bytes: &[u8]) {
    if let Some(list) = round_trip::<ListBody>(bytes) {
        let _ = list.digest();
        assert!(list.ids().is_sorted_by(|a, b| a < b));
    }
}

pub(super) fn cut(bytes: &[u8]) {
    if let Some(cut) = round_trip::<Cut>(bytes) {
        let _ = cut.id();
    }
}

pub(super) fn certificate(bytes: &[u8]) {
    round_trip::<Certificate>(bytes);
}

pub(super) fn epoch_bundle(bytes: &[u8]) {
    round_trip::<EpochBundle>(bytes);
}

pub(super) fn agreement_message(bytes: &[u8]) {
    round_trip::<AgreementMessage>(bytes);
}

/// What a message of agreement and the log of it hold, by itself.
pub(super) fn agreement_part(bytes: &[u8]) {
    let Some((part, bytes)) = bytes.split_first() else { return };
    match part % 4 {
        0 => {
            if let Some(vote) = round_trip::<Vote>(bytes) {
                let _ = vote.verify(&SUBNET);
            }
        }
        1 => {
            if let Some(proposal) = round_trip::<Proposal>(bytes) {
                let _ = proposal.verify(&SUBNET);
            }
        }
        2 => drop(round_trip::<PolkaCertificate>(bytes)),
        _ => drop(round_trip::<RoundCertificate>(bytes)),
    }
}

pub(super) fn manifest(bytes: &[u8]) {
    if let Some(manifest) = round_trip::<Manifest>(bytes) {
        let broken = manifest.violations();
        if broken.is_empty() {
            assert!(manifest.parameter_violations().is_empty());
            // Whatever may be run has a genesis.
            let state = ganglion_consensus::ledger::State::genesis(manifest.into());
            assert!(state.is_ok_and(|state| state.genesis_cut().is_some()));
        }
    }
}

pub(super) fn merkle_proof(bytes: &[u8]) {
    if let Some(proof) = round_trip::<MerkleProof>(bytes) {
        assert!(!merkle::verify_proof(&Digest::ZERO, b"leaf", &proof), "a path to a zero root");
    }
}

pub(super) fn external_registry(bytes: &[u8]) {
    if let Some(registry) = round_trip::<ExternalRegistry>(bytes) {
        let listed = registry.listed(&BTreeSet::new());
        assert!(listed.iter().all(|one| !one.permit()), "nobody has signed for itself");
    }
}

pub(super) fn committee_members(bytes: &[u8]) {
    let Some(members) = round_trip::<CommitteeMembers>(bytes) else { return };
    if let Ok(committee) = committee_of(&members) {
        let again = committee_of(&members_of(&committee));
        assert!(again.is_ok_and(|again| again.digest() == committee.digest()));
    }
}

pub(super) fn epoch_link(bytes: &[u8]) {
    round_trip::<EpochLink>(bytes);
}

pub(super) fn epoch_proof(bytes: &[u8]) {
    if let Some(proof) = round_trip::<EpochProof>(bytes) {
        let checkpoint = Checkpoint { epoch: proof.checkpoint.epoch, cut: proof.checkpoint.id() };
        let _ = verify(&proof, checkpoint);
    }
}

pub(super) fn fork(bytes: &[u8]) {
    round_trip::<Fork>(bytes);
}

pub(super) fn snapshot_header(bytes: &[u8]) {
    if let Some(header) = round_trip::<Snapshot>(bytes) {
        assert!(!header.is_chunk(usize::MAX, b""));
        let _ = header.rows(&[Vec::new()]);
    }
}

/// Rows of one table, after the number of it and of them: the header always fits the chunk.
pub(super) fn snapshot_chunk(bytes: &[u8]) {
    let Some((&[table, count], chunk)) = bytes.split_first_chunk::<2>() else { return };
    let header = Snapshot {
        subnet: SUBNET,
        epoch: Epoch::new(1),
        cut: CutId::new([1; 32]),
        tables: vec![(table, u64::from(count))],
        chunks: vec![ChunkInfo {
            bytes: u32::try_from(chunk.len()).unwrap_or(u32::MAX),
            digest: chunk_digest(chunk),
        }],
    };
    let Ok(rows) = header.rows(&[chunk.to_vec()]) else { return };
    let listed = rows.iter().map(|(table, key, value)| (*table, &key[..], &value[..]));
    let again = Snapshot::of(SUBNET, header.epoch, header.cut, listed);
    assert_eq!(again.as_ref().map(|again| &again.0), Ok(&header), "the rows make another chunk");
}

pub(super) fn result_rows(bytes: &[u8]) {
    if let Some(header) = ResultHeader::from_bytes(bytes) {
        let again = ResultHeader::from_bytes(&header.to_bytes());
        assert_eq!(again.as_ref(), Some(&header));
    }
    if let Some(row) = ResultRow::from_bytes(bytes) {
        assert_eq!(ResultRow::from_bytes(&row.to_bytes()).as_ref(), Some(&row));
    }
    let _ = ganglion_consensus::proof::row_owner(bytes);
}

pub(super) fn address(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(key) = ss58::decode(text) {
        assert_eq!(ss58::encode(&key), text);
    }
    let _ = text.parse::<ganglion_types::Hotkey>();
    if let Ok(amount) = text.parse::<ganglion_types::Rao>() {
        assert_eq!(amount.to_string().parse(), Ok(amount));
    }
    let _ = text.parse::<ganglion::snapshots::Checkpoint>();
    let _ = ganglion::manifest::parse_genesis("", text).is_ok();
}
