//! Writes and syncs that fail: the store stops for good, and what it had acknowledged is there after the restart.

use std::{path::Path, sync::Arc};

use ganglion_storage::{
    Position, Store, StoreError,
    faulty::{Crash, FaultyDisk},
};

use crate::model::{self, SUBNET};

const DIR: &str = "/node";

fn open(disk: &FaultyDisk) -> Store {
    Store::open_on(Arc::new(disk.clone()), Path::new(DIR), SUBNET).unwrap().0
}

fn started() -> (FaultyDisk, Store) {
    let disk = FaultyDisk::new();
    Store::init_on(Arc::new(disk.clone()), Path::new(DIR), SUBNET).unwrap();
    let mut store = open(&disk);
    store.commit_genesis(b"genesis".to_vec(), model::genesis()).unwrap();
    (disk, store)
}

/// Lives until something fails; the last epoch acknowledged, and the failure.
fn live(store: &mut Store, until: u64) -> (u64, Option<StoreError>) {
    let mut committed = 0;
    let mut epochs = || -> Result<(), StoreError> {
        for epoch in 1..=until {
            store.begin_epoch(epoch)?;
            store.record(1, b"vote")?;
            store.persist(Position { round: 0, step: 1, ..Position::default() })?;
            store.commit_epoch(model::commit(epoch))?;
            committed = epoch;
        }
        Ok(())
    };
    let failure = epochs().err();
    (committed, failure)
}

fn assert_poisoned(store: &mut Store) {
    let refusals = [
        store.record(1, b"another vote").err(),
        store.persist(Position { round: 9, ..Position::default() }).err(),
        store.begin_epoch(store.applied().unwrap() + 1).err(),
        store.commit_epoch(model::commit(store.applied().unwrap() + 1)).err(),
        store.commit_genesis(Vec::new(), Vec::new()).err(),
        store.reserve_item_seq(1_000).err(),
        store.put_local("name", b"value").err(),
        store.put_item(1, [1; 32], b"item").err(),
        store.put_list(1, [1; 32], b"list").err(),
        store.put_blob(1, [1; 32], b"blob").err(),
        store.put_peer([1; 32], 1, b"peer").err(),
        store.remove_peer(&[1; 32]).err(),
        store.prune(1).err(),
        store.prune_results(1).err(),
        store.flush().err(),
    ];
    for (call, refusal) in refusals.iter().enumerate() {
        assert!(matches!(refusal, Some(StoreError::Poisoned { .. })), "call {call}: {refusal:?}");
    }
    assert!(store.poisoned().is_some());
}

fn fail_every(mut arm: impl FnMut(&FaultyDisk, u64)) -> u64 {
    let mut failed = 0;
    for nth in 0.. {
        let (disk, mut store) = started();
        arm(&disk, nth);
        let (committed, failure) = live(&mut store, 3);
        let Some(failure) = failure else { break };
        failed += 1;
        let expected = matches!(failure, StoreError::Io { .. } | StoreError::Database { .. });
        assert!(expected, "{failure}");
        assert_poisoned(&mut store);
        assert!(model::compare(store.reader()).is_ok(), "reading goes on");
        drop(store);
        for crash in [Crash::LoseAll, Crash::KeepAll, Crash::Seeded(nth)] {
            let disk = disk.copy();
            disk.crash(crash);
            let store = open(&disk);
            assert!(store.applied().unwrap() >= committed);
            model::compare(store.reader()).unwrap();
            model::compare_log(store.reader());
        }
    }
    failed
}

#[test]
fn every_failing_write_poisons_the_store_and_loses_nothing() {
    assert!(fail_every(|disk, nth| disk.fail_write(nth)) >= 12);
}

#[test]
fn every_failing_sync_poisons_the_store_and_loses_nothing() {
    assert!(fail_every(|disk, nth| disk.fail_sync(nth)) >= 12);
}

#[test]
fn a_full_disk_is_named_and_a_restart_with_room_goes_on() {
    let (disk, mut store) = started();
    disk.set_capacity(Some(disk.used() + 100_000));
    let (committed, failure) = live(&mut store, 100);
    let failure = failure.unwrap();
    assert!(failure.is_full(), "{failure}");
    assert!(committed > 0 && committed < 100, "{committed}");
    assert_poisoned(&mut store);
    drop(store);
    disk.set_capacity(None);
    disk.crash(Crash::KeepAll);
    let mut store = open(&disk);
    let next = store.applied().unwrap() + 1;
    assert!(next > committed);
    model::compare(store.reader()).unwrap();
    store.commit_epoch(model::commit(next)).unwrap();
    model::compare(store.reader()).unwrap();
}

#[test]
fn a_refusal_that_wrote_nothing_does_not_poison() {
    let (_, mut store) = started();
    let too_large = ganglion_storage::EpochCommit {
        bundle: vec![0; ganglion_storage::certificate_log::BUNDLE_BYTES_MAX + 1],
        ..model::commit(1)
    };
    assert!(matches!(store.commit_epoch(too_large), Err(StoreError::TooLarge { .. })));
    let too_large = ganglion_storage::EpochCommit {
        cut: vec![0; ganglion_storage::VALUE_BYTES_MAX + 1],
        ..model::commit(1)
    };
    assert!(matches!(store.commit_epoch(too_large), Err(StoreError::TooLarge { .. })));
    let refused = store.commit_epoch(model::commit(2));
    assert!(matches!(refused, Err(StoreError::OutOfOrder { epoch: 2, expected: 1 })));
    assert!(matches!(store.begin_epoch(2), Err(StoreError::OutOfOrder { .. })));
    assert!(matches!(store.record(0, b"vote"), Err(StoreError::Mute { epoch: None })));
    assert!(store.poisoned().is_none());
    assert_eq!(store.reader().certified(), None, "a refused bundle is not in the log");
    assert_eq!(live(&mut store, 3).0, 3);
    let refused = store.persist(Position::default());
    assert!(matches!(refused, Err(StoreError::Backwards { round: 0, step: 0 })));
}
