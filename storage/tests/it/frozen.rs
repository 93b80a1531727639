//! Frozen bytes of every file in a data directory, as one small life leaves them.
//!
//! The tables are those of the simulated disk, whose journal holds the batches that sled gets.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ganglion_storage::{Position, RoundCut, Standing, Store, faulty::FaultyDisk, snapshots};

use crate::model::{self, SUBNET};
use crate::vectors::{self, Line};

const DIR: &str = "/node";
/// A watermark slot and the distance between the two.
const SLOT_BYTES: usize = 154;
const SLOT_SPACING: usize = 4_096;

fn path(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

fn open(disk: &FaultyDisk) -> (Store, Standing) {
    let (store, recovered) =
        Store::open_on(Arc::new(disk.clone()), Path::new(DIR), SUBNET).unwrap();
    (store, recovered.standing)
}

/// One epoch certified, votes in the second, and a row in every table.
fn lived() -> FaultyDisk {
    let disk = FaultyDisk::new();
    Store::init_on(Arc::new(disk.clone()), Path::new(DIR), SUBNET).unwrap();
    let (mut store, _) = open(&disk);
    store.commit_genesis(b"genesis".to_vec(), model::genesis()).unwrap();
    store.begin_epoch(1).unwrap();
    let committed = model::commit(1);
    store
        .commit_epoch(ganglion_storage::EpochCommit {
            next_committee: b"next committee".to_vec(),
            ..committed
        })
        .unwrap();
    store.begin_epoch(2).unwrap();
    store.reserve_item_seq(64).unwrap();
    store.record(1, b"list").unwrap();
    store.record(2, b"vote").unwrap();
    let at = |round, byte| Some(RoundCut { round, cut: [byte; 32] });
    store.persist(Position { round: 3, step: 2, locked: at(1, 7), valid: at(2, 8) }).unwrap();
    store.put_committee([3; 32], b"members").unwrap();
    store.put_local("scores", b"of this node").unwrap();
    store.put_item(2, [4; 32], b"item").unwrap();
    store.put_list(2, [5; 32], b"list body").unwrap();
    // Larger than one piece.
    store.put_blob(2, [6; 32], &[9; 7_000]).unwrap();
    store.put_peer([7; 32], 1_790_000_000, b"record").unwrap();
    store.put_fork(2, b"two certified cuts").unwrap();
    store.flush().unwrap();
    disk
}

/// The first segment of a log whose items were removed.
fn without_items() -> Vec<u8> {
    let disk = FaultyDisk::new();
    Store::init_on(Arc::new(disk.clone()), Path::new(DIR), SUBNET).unwrap();
    let (mut store, _) =
        Store::open_with_segments(Arc::new(disk.clone()), Path::new(DIR), SUBNET, 1).unwrap();
    store.commit_genesis(b"genesis".to_vec(), model::genesis()).unwrap();
    for epoch in 1..=2 {
        store.commit_epoch(model::commit(epoch)).unwrap();
    }
    let cut = |epoch, _: &[u8]| Some(model::certified(epoch));
    assert!(store.compactor().compact(1, cut).unwrap().is_some());
    disk.content(&path("certificates-00000000.log")).unwrap()
}

/// Frozen by digest where the bytes are many: they are only compared, never read from here.
fn lines() -> Vec<Line> {
    let disk = lived();
    let content = |name: &str| disk.content(&path(name)).unwrap();
    let line = |name: &str, bytes: &[u8]| {
        let digest = blake3::hash(bytes);
        let shown = if bytes.len() > 1_024 { Vec::new() } else { bytes.to_vec() };
        Line::new(name, shown, digest.as_bytes())
    };
    let watermark = content("watermark");
    let slot = |at: usize| &watermark[at * SLOT_SPACING..][..SLOT_BYTES];
    let snapshot = snapshots::encode(&[b"header".to_vec(), b"cut".to_vec(), b"chunk".to_vec()]);
    vec![
        line("certificates.log/whole", &content("certificates-00000000.log")),
        line("certificates.log/cuts", &without_items()),
        line("agreement.log", &content("agreement-00000000000000000002.log")),
        line("watermark/slot_0", slot(0)),
        line("watermark/slot_1", slot(1)),
        line("fork", &content("fork-00000000000000000002")),
        line("snapshot", &snapshot),
        line("tables", &content("state.journal")),
    ]
}

#[test]
fn every_file_has_the_bytes_that_it_was_frozen_with() {
    vectors::compare(env!("CARGO_MANIFEST_DIR"), &lines());
}

#[test]
fn a_changed_byte_is_told_with_the_name_of_its_file() {
    vectors::every_change_is_named(&lines());
}

#[test]
fn the_frozen_files_open_as_what_they_were() {
    let (store, standing) = open(&lived());
    let Standing::Whole { entries } = standing else { panic!("mute") };
    assert_eq!(entries.len(), 2);
    let reader = store.reader();
    assert_eq!(reader.blob(&[6; 32]).unwrap(), Some(vec![9; 7_000]));
    assert_eq!(reader.committee_of_epoch(2).unwrap(), Some(b"next committee".to_vec()));
    assert_eq!(store.forks().unwrap().len(), 1);
}
