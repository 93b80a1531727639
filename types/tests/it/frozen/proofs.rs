//! Proofs, forks and snapshots.

use ganglion_types::snapshot::chunk_digest;
use ganglion_types::{
    Canonical, Certificate, CommitteeMembers, Cut, EpochLink, EpochProof, Fork, MerkleProof,
    Snapshot, merkle,
};

use super::{EPOCH, SUBNET, certificate, cut, digest, hotkey, line};
use crate::vectors::Line;

/// The path of the third of five leaves.
fn merkle_proof() -> MerkleProof {
    merkle::prove(["a", "b", "c", "d", "e"], 2).unwrap()
}

fn members() -> CommitteeMembers {
    let mut members = [1, 2].map(|byte| (hotkey(byte), u64::from(byte) * 5_000_000_000)).to_vec();
    members.sort_unstable();
    CommitteeMembers(members)
}

fn link() -> EpochLink {
    EpochLink { cut: cut(), certificate: Some(certificate()), committee: Some(members()) }
}

fn epoch_proof() -> EpochProof {
    let next = Cut { epoch: EPOCH.next(), prev: cut().id(), ..cut() };
    EpochProof {
        subnet: SUBNET,
        checkpoint: cut(),
        links: vec![EpochLink { cut: next, ..link() }, EpochLink { certificate: None, ..link() }],
        epoch: EPOCH.next(),
        hotkey: hotkey(1),
        row: b"a row of a result".to_vec(),
        merkle: merkle_proof(),
    }
}

pub(super) fn fork() -> Fork {
    let side = |byte| {
        let cut = Cut { state_root: digest(byte), ..cut() };
        let certificate = Certificate { cut: cut.id(), ..certificate() };
        (cut, certificate)
    };
    Fork::new(side(1), side(2))
}

pub(super) fn snapshot() -> (Snapshot, Vec<u8>) {
    let rows: [(u8, &[u8], &[u8]); 3] =
        [(1, b"", b"chain"), (3, b"\0\x01", b"one"), (3, b"\0\x02", b"two")];
    let (header, mut chunks) = Snapshot::of(SUBNET, EPOCH, cut().id(), rows).unwrap();
    (header, chunks.remove(0))
}

pub(super) fn lines() -> Vec<Line> {
    let (header, chunk) = snapshot();
    assert_eq!(header.rows(std::slice::from_ref(&chunk)).unwrap().len(), 3);
    let root = merkle::root(["a", "b", "c", "d", "e"]);
    assert!(merkle::verify_proof(&root, b"c", &merkle_proof()));
    vec![
        line("proof/merkle_path", &merkle_proof(), Some(root)),
        line("proof/committee", &members(), None),
        line("proof/link", &link(), None),
        line("proof/epoch", &epoch_proof(), None),
        line("fork", &fork(), None),
        line("snapshot/header", &header, None),
        Line::new("snapshot/chunk", chunk.clone(), chunk_digest(&chunk).as_bytes()),
    ]
}

#[test]
fn a_proof_a_fork_or_a_snapshot_with_a_changed_byte_is_another_one_or_none() {
    let proof = epoch_proof().to_bytes();
    for at in 0..proof.len() {
        let mut changed = proof.clone();
        changed[at] ^= 1;
        assert_ne!(EpochProof::from_bytes(&changed, changed.len()).as_ref(), Ok(&epoch_proof()));
    }
    let (header, chunk) = snapshot();
    for at in 0..chunk.len() {
        let mut changed = chunk.clone();
        changed[at] ^= 1;
        assert!(!header.is_chunk(0, &changed), "byte {at}");
    }
}
