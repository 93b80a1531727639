//! Frozen bytes of what stands on chains: an anchor of today must be readable for as long as its chain is.

use ganglion_chain::{AnchorPayload, CutHead, range_path, range_root};
use ganglion_types::{Canonical, CutId, Digest, Epoch, SubnetId, merkle};

use crate::vectors::{self, Line};

fn payload(cuts: &[CutId], last: u64) -> AnchorPayload {
    let head = CutHead {
        subnet: SubnetId::new([0xaa; 32]),
        epoch: Epoch::new(last),
        cut: *cuts.last().unwrap(),
        result_root: Digest::new([0xbb; 32]),
        next_committee_root: Digest::new([0xcc; 32]),
    };
    AnchorPayload::new(cuts, &head).unwrap()
}

fn lines() -> Vec<Line> {
    let cuts: Vec<CutId> = (1..=5).map(|n| CutId::new([n; 32])).collect();
    let path = range_path(&cuts, 4).unwrap();
    let line = |name: &str, bytes: Vec<u8>| {
        // The one hash of bytes that this crate may name.
        let digest = merkle::leaf(&bytes);
        Line::new(name, bytes, digest.as_bytes())
    };
    vec![
        line("anchor_payload_one_epoch", payload(&cuts[..1], 1).to_bytes().to_vec()),
        line("anchor_payload_five_epochs", payload(&cuts, 300).to_bytes().to_vec()),
        line("anchor_range_root_of_five", range_root(&cuts).as_bytes().to_vec()),
        line("anchor_range_path_of_the_fifth", path.to_bytes()),
    ]
}

#[test]
fn bytes_are_those_frozen() {
    vectors::compare(env!("CARGO_MANIFEST_DIR"), &lines());
}

#[test]
fn every_change_is_named() {
    vectors::every_change_is_named(&lines());
}
