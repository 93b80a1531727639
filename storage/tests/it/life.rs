//! Mute or not, which epoch may begin, what is kept and for how long.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use ganglion_storage::{
    Damage, Logged, OpenError, PEERS_MAX, Part, Position, Recovered, Standing, Store, StoreError,
    faulty::FaultyDisk,
};

use crate::model::{self, SUBNET};

const DIR: &str = "/node";

fn try_open(disk: &FaultyDisk) -> Result<(Store, Recovered), OpenError> {
    Store::open_on(Arc::new(disk.clone()), Path::new(DIR), SUBNET)
}

fn open(disk: &FaultyDisk) -> (Store, Recovered) {
    try_open(disk).unwrap()
}

fn path(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

/// A node that has certified two epochs and voted in the third.
fn voting_in_the_third() -> FaultyDisk {
    let disk = FaultyDisk::new();
    Store::init_on(Arc::new(disk.clone()), Path::new(DIR), SUBNET).unwrap();
    let (mut store, _) = open(&disk);
    store.commit_genesis(b"genesis".to_vec(), model::genesis()).unwrap();
    for epoch in 1..=3 {
        store.begin_epoch(epoch).unwrap();
        store.record(1, b"list").unwrap();
        store.record(2, b"vote").unwrap();
        store.persist(Position { round: 0, step: 2, ..Position::default() }).unwrap();
        if epoch < 3 {
            store.commit_epoch(model::commit(epoch)).unwrap();
        }
    }
    disk
}

const THIRD: &str = "agreement-00000000000000000003.log";

#[test]
fn a_new_node_is_not_mute_and_begins_with_genesis_then_epoch_one() {
    let disk = FaultyDisk::new();
    assert!(matches!(try_open(&disk), Err(OpenError::NotInitialised { .. })));
    Store::init_on(Arc::new(disk.clone()), Path::new(DIR), SUBNET).unwrap();
    let (mut store, recovered) = open(&disk);
    assert_eq!(recovered.standing, Standing::Whole { entries: Vec::new() });
    assert_eq!((recovered.applied, recovered.certified), (None, None));
    assert!(recovered.unapplied().is_empty());
    let refused = store.begin_epoch(1);
    assert!(matches!(refused, Err(StoreError::OutOfOrder { expected: 0, .. })));
    store.commit_genesis(b"genesis".to_vec(), model::genesis()).unwrap();
    let again = store.commit_genesis(Vec::new(), Vec::new());
    assert!(matches!(again, Err(StoreError::OutOfOrder { expected: 1, .. })));
    store.begin_epoch(1).unwrap();
    store.begin_epoch(1).unwrap();
}

#[test]
fn a_directory_with_anything_to_lose_is_not_initialised_again() {
    let disk = voting_in_the_third();
    let init =
        |disk: &FaultyDisk, subnet| Store::init_on(Arc::new(disk.clone()), Path::new(DIR), subnet);
    assert!(matches!(init(&disk, SUBNET), Err(OpenError::AlreadyInitialised { .. })));
    for kept in ["certificates-00000000.log", "watermark", THIRD, "state.journal"] {
        let only = FaultyDisk::new();
        only.plant(&path(kept), &disk.content(&path(kept)).unwrap());
        for subnet in [SUBNET, [9; 32]] {
            let refused = init(&only, subnet);
            assert!(matches!(refused, Err(OpenError::AlreadyInitialised { .. })), "{kept}");
        }
    }
}

#[test]
fn a_whole_log_comes_back_with_its_records_and_the_node_goes_on_at_that_height() {
    let disk = voting_in_the_third();
    let (mut store, recovered) = open(&disk);
    let Standing::Whole { entries } = recovered.standing else { panic!("mute") };
    let seen: Vec<_> = entries.iter().map(|e| (e.sequence, e.kind, e.bytes.as_slice())).collect();
    assert_eq!(seen, [(1, 1, &b"list"[..]), (2, 2, &b"vote"[..])]);
    let watermark = recovered.watermark.unwrap();
    assert_eq!((watermark.epoch, watermark.step, watermark.last_record), (3, 2, 2));
    store.begin_epoch(3).unwrap();
    assert_eq!(store.record(2, b"precommit").unwrap(), 3);
    store.persist(Position { round: 0, step: 3, ..Position::default() }).unwrap();
}

#[test]
fn a_log_that_lost_a_named_record_makes_the_node_mute_at_that_height_only() {
    let whole = voting_in_the_third();
    let content = whole.content(&path(THIRD)).unwrap();
    let size = content.len();
    for damage in 0..=size {
        let disk = whole.copy();
        if damage == size {
            disk.plant(&path(THIRD), &content[..size - 1]);
        } else {
            assert!(disk.flip(&path(THIRD), damage, 0x20));
        }
        let (mut store, recovered) = open(&disk);
        assert_eq!(recovered.standing, Standing::MuteThrough { epoch: 3 }, "byte {damage}");
        let refused = store.record(2, b"vote").unwrap_err();
        assert!(matches!(refused, StoreError::Mute { epoch: Some(3) }));
        let refused = store.begin_epoch(3).unwrap_err();
        assert!(matches!(refused, StoreError::Mute { epoch: Some(3) }));
        store.commit_epoch(model::commit(3)).unwrap();
        store.begin_epoch(4).unwrap();
        store.record(2, b"vote").unwrap();
        assert!(store.poisoned().is_none());
    }
}

#[test]
fn an_older_copy_of_the_watermark_gives_no_item_number_out_twice() {
    let disk = voting_in_the_third();
    open(&disk).0.reserve_item_seq(64).unwrap();
    let older = disk.content(&path("watermark")).unwrap();
    open(&disk).0.reserve_item_seq(128).unwrap();
    disk.plant(&path("watermark"), &older);
    assert_eq!(open(&disk).1.item_seq_reserved, 128);
}

#[test]
fn a_lost_watermark_makes_the_node_mute_until_one_whole_epoch_has_passed() {
    let disk = voting_in_the_third();
    open(&disk).0.reserve_item_seq(64).unwrap();
    for slot in [0, 4096] {
        assert!(disk.flip(&path("watermark"), slot + 9, 1));
    }
    let (mut store, recovered) = open(&disk);
    assert_eq!(recovered.standing, Standing::MuteUnknown);
    assert_eq!((recovered.watermark, recovered.item_seq_reserved), (None, 64));
    // The log that lies there shows that this node spoke at epoch 3.
    assert!(matches!(store.begin_epoch(3), Err(StoreError::Mute { epoch: Some(3) })));
    store.reserve_item_seq(128).unwrap();
    store.commit_epoch(model::commit(3)).unwrap();
    store.begin_epoch(4).unwrap();
    assert!(matches!(store.record(1, b"vote"), Err(StoreError::Mute { .. })));
    assert!(matches!(store.persist(Position::default()), Err(StoreError::Mute { .. })));
    drop(store);
    // A restart in between begins the wait anew.
    let (mut store, recovered) = open(&disk);
    assert_eq!(recovered.standing, Standing::MuteUnknown);
    assert_eq!(recovered.item_seq_reserved, 128);
    store.begin_epoch(4).unwrap();
    store.begin_epoch(4).unwrap();
    assert!(matches!(store.record(1, b"vote"), Err(StoreError::Mute { .. })));
    store.commit_epoch(model::commit(4)).unwrap();
    store.begin_epoch(5).unwrap();
    store.record(1, b"vote").unwrap();
    store.persist(Position::default()).unwrap();
    drop(store);
    let (store, recovered) = open(&disk);
    let Standing::Whole { entries } = recovered.standing else { panic!("mute") };
    assert_eq!(entries.len(), 1);
    let watermark = store.watermark().unwrap();
    assert_eq!((watermark.epoch, watermark.item_seq_reserved), (5, 128));
}

#[test]
fn an_old_watermark_put_back_beside_a_later_log_makes_the_node_mute_through_that_log() {
    let disk = FaultyDisk::new();
    Store::init_on(Arc::new(disk.clone()), Path::new(DIR), SUBNET).unwrap();
    let old = disk.content(&path("watermark")).unwrap();
    let disk = voting_in_the_third();
    disk.plant(&path("watermark"), &old);
    let (_, recovered) = open(&disk);
    assert_eq!(recovered.standing, Standing::MuteThrough { epoch: 3 });
}

#[test]
fn a_certificate_log_behind_state_or_watermark_is_damage_with_the_epoch_named() {
    let disk = voting_in_the_third();
    let log = path("certificates-00000000.log");
    let content = disk.content(&log).unwrap();
    let second = content.len() - 112 - model::bundle(2).len();
    for kept in second..content.len() {
        disk.plant(&log, &content[..kept]);
        let error = try_open(&disk).unwrap_err();
        let OpenError::Damaged { part, damage, .. } = &error else { panic!("{error}") };
        assert_eq!(*part, Part::CertificateLog);
        assert_eq!(*damage, Damage::Record { epoch: 2, offset: second as u64 });
        assert!(!error.is_rebuildable());
        assert_eq!(disk.content(&log).unwrap().len(), kept, "nothing is cut");
    }
    disk.plant(&log, b"");
    assert!(matches!(try_open(&disk), Err(OpenError::Damaged { damage: Damage::Header, .. })));
}

#[test]
fn a_state_that_is_gone_is_rebuilt_from_the_log_alone() {
    let disk = voting_in_the_third();
    let bare = FaultyDisk::new();
    for kept in ["certificates-00000000.log", "watermark", THIRD] {
        bare.plant(&path(kept), &disk.content(&path(kept)).unwrap());
    }
    let (mut store, recovered) = open(&bare);
    assert_eq!((recovered.applied, recovered.certified), (None, Some(2)));
    assert_eq!(recovered.unapplied(), 1..=2);
    assert!(matches!(recovered.standing, Standing::Whole { .. }), "votes do not live in the state");
    store.commit_genesis(b"genesis".to_vec(), model::genesis()).unwrap();
    let other = ganglion_storage::EpochCommit { bundle: b"other".to_vec(), ..model::commit(1) };
    assert!(matches!(store.commit_epoch(other), Err(StoreError::BundleDiffers { epoch: 1 })));
    for epoch in recovered.unapplied() {
        store.commit_epoch(model::commit(epoch)).unwrap();
    }
    model::compare(store.reader()).unwrap();
    store.begin_epoch(3).unwrap();
    store.record(3, b"precommit").unwrap();
}

#[test]
fn another_subnet_is_refused_and_nothing_is_written() {
    let disk = voting_in_the_third();
    let operations = disk.operations();
    let refused = Store::open_on(Arc::new(disk.clone()), Path::new(DIR), [1; 32]).unwrap_err();
    assert!(matches!(refused, OpenError::OtherSubnet { .. }));
    assert_eq!(disk.operations(), operations);
}

#[test]
fn reserved_item_numbers_survive_restarts_damage_of_a_slot_and_the_epochs_end() {
    let disk = voting_in_the_third();
    for block in 1..=5 {
        let (mut store, recovered) = open(&disk);
        assert_eq!(recovered.item_seq_reserved, 64 * (block - 1));
        store.reserve_item_seq(64 * block).unwrap();
        let before = disk.operations();
        store.reserve_item_seq(64 * block).unwrap();
        store.reserve_item_seq(3).unwrap();
        assert_eq!(disk.operations(), before, "what is reserved costs nothing");
        for slot in [0, 4096] {
            let copy = disk.copy();
            assert!(copy.flip(&path("watermark"), slot + 40, 1));
            assert_eq!(open(&copy).1.item_seq_reserved, 64 * block);
        }
    }
    let (mut store, _) = open(&disk);
    store.commit_epoch(model::commit(3)).unwrap();
    store.begin_epoch(4).unwrap();
    drop(store);
    assert_eq!(open(&disk).1.item_seq_reserved, 320);
}

#[test]
fn values_of_the_nodes_own_are_durable_when_put() {
    let disk = voting_in_the_third();
    let (mut store, _) = open(&disk);
    assert_eq!(store.reader().local("scores").unwrap(), None);
    store.put_local("scores", b"old").unwrap();
    store.put_local("scores", &[5; 20_000]).unwrap();
    drop(store);
    disk.crash(ganglion_storage::faulty::Crash::LoseAll);
    let (store, _) = open(&disk);
    assert_eq!(store.reader().local("scores").unwrap(), Some(vec![5; 20_000]));
    assert_eq!(store.reader().local("score").unwrap(), None);
}

#[test]
fn peers_are_bounded_and_the_one_expiring_first_makes_room() {
    let disk = voting_in_the_third();
    let hotkey = |number: usize| {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&(number as u64).to_be_bytes());
        key
    };
    let (mut store, _) = open(&disk);
    for number in 0..PEERS_MAX {
        assert!(store.put_peer(hotkey(number), 1_000 + number as u64, b"record").unwrap());
    }
    assert!(!store.put_peer(hotkey(PEERS_MAX), 900, b"record").unwrap(), "expires before all");
    assert!(store.put_peer(hotkey(PEERS_MAX), 5_000, b"record").unwrap());
    assert!(store.put_peer(hotkey(1), 6_000, b"renewed").unwrap());
    store.flush().unwrap();
    drop(store);
    let (mut store, _) = open(&disk);
    let peers = store.reader().peers().unwrap();
    assert_eq!(peers.len(), PEERS_MAX);
    assert!(peers.iter().all(|peer| peer.hotkey != hotkey(0)), "the first to expire went");
    let renewed = peers.iter().find(|peer| peer.hotkey == hotkey(1)).unwrap();
    assert_eq!((renewed.expires, renewed.record.as_slice()), (6_000, &b"renewed"[..]));
    assert!(!store.put_peer(hotkey(PEERS_MAX + 1), 900, b"record").unwrap(), "still full");
    store.remove_peer(&hotkey(5)).unwrap();
    assert!(store.put_peer(hotkey(PEERS_MAX + 1), 900, b"record").unwrap());
    let refused = store.put_peer([1; 32], 1, &[0; ganglion_storage::PEER_BYTES_MAX + 1]);
    assert!(matches!(refused, Err(StoreError::TooLarge { .. })));
}

#[test]
fn items_lists_and_blobs_are_kept_by_digest_and_pruned_by_epoch() {
    let disk = voting_in_the_third();
    let (mut store, _) = open(&disk);
    let blob = vec![7; 300_000];
    assert!(store.put_item(3, [1; 32], b"item").unwrap());
    assert!(!store.put_item(3, [1; 32], b"item").unwrap());
    assert!(store.put_list(2, [2; 32], b"list").unwrap());
    assert!(store.put_blob(1, [3; 32], &blob).unwrap());
    let reader = store.reader().clone();
    assert_eq!(reader.item(&[1; 32]).unwrap(), Some((3, b"item".to_vec())));
    assert_eq!(reader.list(&[2; 32]).unwrap(), Some(b"list".to_vec()));
    assert_eq!(reader.blob(&[3; 32]).unwrap(), Some(blob));
    assert_eq!(reader.items_of(2, None, 10).unwrap().len(), 3, "items of the cut");
    assert_eq!(reader.item(&model::item_id(1, 0)).unwrap(), Some((1, model::item(1, 0))));
    let mut removed = 0;
    while let count @ 1.. = store.prune(3).unwrap() {
        removed += count;
    }
    assert_eq!(removed, 3 + 3 + 1 + 1);
    assert_eq!(reader.blob(&[3; 32]).unwrap(), None);
    assert_eq!(reader.list(&[2; 32]).unwrap(), None);
    assert_eq!(reader.items_of(2, None, 10).unwrap(), Vec::<[u8; 32]>::new());
    assert!(reader.item(&[1; 32]).unwrap().is_some());
}

#[test]
fn results_can_be_pruned_and_cuts_stay() {
    let disk = voting_in_the_third();
    let (mut store, _) = open(&disk);
    let reader = store.reader().clone();
    assert_eq!(reader.result(1, 4).unwrap(), Some(model::result(1, 4)));
    assert_eq!(store.prune_results(2).unwrap(), 6);
    assert_eq!(store.prune_results(2).unwrap(), 0);
    assert_eq!(reader.results(1).unwrap(), Some(Vec::new()));
    assert_eq!(reader.results(2).unwrap().unwrap().len(), 6);
    assert_eq!(reader.results(3).unwrap(), None);
    assert_eq!(reader.cut(1).unwrap(), Some(model::cut(1)));
}

#[test]
fn a_node_may_begin_with_the_state_of_a_later_epoch() {
    let disk = FaultyDisk::new();
    Store::init_on(Arc::new(disk.clone()), Path::new(DIR), SUBNET).unwrap();
    let (mut store, _) = open(&disk);
    store.commit_snapshot(model::commit(40)).unwrap();
    let again = store.commit_snapshot(model::commit(40));
    assert!(matches!(again, Err(StoreError::OutOfOrder { expected: 41, .. })), "{again:?}");
    store.begin_epoch(41).unwrap();
    let committee = b"those who certify 42".to_vec();
    let commit =
        ganglion_storage::EpochCommit { next_committee: committee.clone(), ..model::commit(41) };
    store.commit_epoch(commit).unwrap();
    drop(store);
    let (store, recovered) = open(&disk);
    assert_eq!((recovered.applied, recovered.certified), (Some(41), Some(41)));
    let reader = store.reader();
    assert_eq!(reader.certified(), Some((40, 41)));
    assert_eq!(reader.cut(39).unwrap(), None, "what was never here is not lost");
    assert_eq!(reader.cut(40).unwrap(), Some(model::cut(40)));
    assert_eq!(reader.bundle(40).unwrap(), None, "its items were never here");
    assert_eq!(reader.logged(40).unwrap(), Some(Logged::Cut(model::bundle(40))));
    assert_eq!(reader.whole_from(), Some(41));
    assert_eq!(reader.committee_of_epoch(42).unwrap(), Some(committee));
}
