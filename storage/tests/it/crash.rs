//! The power goes off in the middle of every operation, and every kind of un-synced remainder is what a restart finds.

use std::{path::Path, sync::Arc};

use ganglion_storage::{
    OpenError, Position, Recovered, RoundCut, Standing, Store, StoreError,
    disk::Disk as _,
    faulty::{Crash, FaultyDisk},
};

use crate::model::{self, SUBNET};

const DIR: &str = "/node";
const EPOCHS: u64 = 4;

/// What the store has acknowledged, noted after each call returned.
#[derive(Clone, Debug, Default)]
struct Acked {
    init: bool,
    genesis: bool,
    committed: u64,
    /// An epoch whose commit began.
    committing: u64,
    begun: u64,
    /// Records of the epoch begun last that `persist` has covered.
    records: Vec<(u8, Vec<u8>)>,
    position: Position,
    item_seq: u64,
    scores: u64,
}

fn open(disk: &FaultyDisk) -> Result<(Store, Recovered), OpenError> {
    Store::open_with_segments(Arc::new(disk.clone()), Path::new(DIR), SUBNET, 2)
}

fn vote(epoch: u64, number: u8) -> (u8, Vec<u8>) {
    (number, format!("vote {number} of epoch {epoch}").into_bytes().repeat(3))
}

/// One epoch of a node's life, from wherever it stands.
fn live(store: &mut Store, acked: &mut Acked, until: u64) -> Result<(), StoreError> {
    if store.applied().is_none() {
        store.commit_genesis(b"genesis".to_vec(), model::genesis())?;
    }
    acked.genesis = true;
    while acked.committed < until {
        let epoch = store.applied().expect("genesis is there") + 1;
        store.begin_epoch(epoch)?;
        if acked.begun != epoch {
            acked.begun = epoch;
            acked.records.clear();
            acked.position = Position::default();
        }
        for round in 0..2_u8 {
            let votes = [vote(epoch, 2 * round), vote(epoch, 2 * round + 1)];
            for (kind, bytes) in &votes {
                store.record(*kind, bytes)?;
            }
            let locked = Some(RoundCut { round: u32::from(round), cut: [epoch as u8; 32] });
            // Rounds go on where a restart found them.
            let round = acked.position.round + 1;
            let position = Position { round, step: 1, locked, valid: None };
            store.persist(position)?;
            acked.records.extend(votes);
            acked.position = position;
        }
        let block = 64 * epoch;
        store.reserve_item_seq(block)?;
        acked.item_seq = acked.item_seq.max(block);
        store.put_local("scores", &epoch.to_be_bytes())?;
        acked.scores = epoch;
        store.put_item(epoch, model::item_id(epoch, 9), b"from gossip")?;
        acked.committing = epoch;
        store.commit_epoch(model::commit(epoch))?;
        acked.committed = epoch;
        // A failure here says nothing about the rest of the store; the next write says whether the power is on.
        let _ = store.compactor().compact(epoch - 1, |epoch, bundle| {
            assert_eq!(bundle, model::bundle(epoch));
            Some(model::certified(epoch))
        });
    }
    Ok(())
}

/// A node from nothing until the power goes off, or until it is done.
fn run(disk: &FaultyDisk) -> Acked {
    let mut acked = Acked::default();
    if Store::init_on(Arc::new(disk.clone()), Path::new(DIR), SUBNET).is_err() {
        return acked;
    }
    acked.init = true;
    if let Ok((mut store, _)) = open(disk)
        && live(&mut store, &mut acked, EPOCHS).is_err()
    {
        // Whatever failed, the store must now refuse to go on.
        let refused = store.begin_epoch(acked.committed + 1).unwrap_err();
        assert!(matches!(refused, StoreError::Poisoned { .. }), "{refused}");
    }
    acked
}

/// Restarts the node and holds what it finds against what was acknowledged.
fn restart(disk: &FaultyDisk, acked: &mut Acked, what: &str) {
    let (mut store, recovered) = match open(disk) {
        Ok(opened) => opened,
        Err(OpenError::NotInitialised { .. }) if !acked.init => {
            Store::init_on(Arc::new(disk.clone()), Path::new(DIR), SUBNET)
                .unwrap_or_else(|error| panic!("{what}: cannot begin anew: {error}"));
            open(disk).unwrap()
        }
        Err(error) => panic!("{what}: {error}"),
    };
    let applied = recovered.applied.unwrap_or(0);
    let certified = recovered.certified.unwrap_or(0);
    assert!(applied >= acked.committed, "{what}: lost epoch {}", acked.committed);
    assert!(certified >= applied && certified <= acked.committing.max(acked.committed), "{what}");
    assert!(recovered.unapplied().count() <= 1, "{what}");
    model::compare(store.reader()).unwrap_or_else(|error| panic!("{what}: {error}"));
    model::compare_log(store.reader());

    assert!(recovered.item_seq_reserved >= acked.item_seq, "{what}: forgot item numbers");
    let scores = store.reader().local("scores").unwrap().unwrap_or_else(|| vec![0; 8]);
    assert!(scores >= acked.scores.to_be_bytes().to_vec(), "{what}: forgot the scores");

    let watermark = recovered.watermark.unwrap_or_else(|| panic!("{what}: no watermark"));
    assert!(watermark.epoch >= acked.begun, "{what}: forgot epoch {}", acked.begun);
    let Standing::Whole { entries } = &recovered.standing else {
        panic!("{what}: mute after a mere crash: {:?}", recovered.standing);
    };
    if watermark.epoch == acked.begun {
        let found: Vec<_> = entries.iter().map(|e| (e.kind, e.bytes.clone())).collect();
        assert!(found.starts_with(&acked.records), "{what}: forgot a vote");
        let position = (watermark.round, watermark.step);
        assert!(position >= (acked.position.round, acked.position.step), "{what}: went back");
    }
    // Then the node goes on and catches up with what it had not applied.
    acked.position.round = watermark.round;
    acked.committed = applied;
    if recovered.applied.is_none() {
        store.commit_genesis(b"genesis".to_vec(), model::genesis()).unwrap();
    }
    for epoch in recovered.unapplied() {
        assert_eq!(store.reader().bundle(epoch).unwrap().unwrap(), model::bundle(epoch));
        store.commit_epoch(model::commit(epoch)).unwrap_or_else(|e| panic!("{what}: {e}"));
        acked.committed = epoch;
    }
    live(&mut store, acked, EPOCHS + 1).unwrap_or_else(|error| panic!("{what}: {error}"));
    model::compare(store.reader()).unwrap();
    model::compare_log(store.reader());
}

#[test]
fn wherever_the_power_goes_nothing_acknowledged_is_lost_and_the_node_goes_on() {
    let whole = FaultyDisk::new();
    let acked = run(&whole);
    assert_eq!(acked.committed, EPOCHS);
    assert_eq!(open(&whole).unwrap().0.reader().whole_from(), Some(3), "no items were removed");
    let operations = whole.operations();
    assert!(operations > 100, "{operations} operations are too few to mean anything");
    let mut crashes = vec![Crash::LoseAll];
    if crate::SLOW {
        crashes.push(Crash::KeepAll);
        crashes.extend([0, 1, 30, 100, 200].map(Crash::TornAt));
        crashes.extend((0..12).map(Crash::Seeded));
    }
    let (mut trials, mut in_between) = (0, 0);
    for operation in 0..=operations {
        for crash in crashes.iter().chain(&[Crash::Seeded(1_000 + operation)]) {
            let disk = FaultyDisk::new();
            disk.cut_power_at(operation);
            let mut acked = run(&disk);
            disk.crash(*crash);
            trials += 1;
            in_between += u32::from(acked.committing > acked.committed);
            restart(&disk, &mut acked, &format!("operation {operation}, {crash:?}"));
        }
    }
    assert!(in_between > 0, "no trial of {trials} died inside a commit");
}

/// A second crash during recovery is a crash like any other.
#[test]
fn a_crash_during_the_restart_loses_nothing_either() {
    let whole = FaultyDisk::new();
    run(&whole);
    for operation in (0..whole.operations()).step_by(5) {
        for second in 0..12 {
            let disk = FaultyDisk::new();
            disk.cut_power_at(operation);
            let mut acked = run(&disk);
            disk.crash(Crash::Seeded(operation));
            if !acked.init {
                continue;
            }
            disk.cut_power_at(disk.operations() + second);
            let _ = open(&disk).map(|(mut store, recovered)| {
                if recovered.applied.is_none() {
                    store.commit_genesis(b"genesis".to_vec(), model::genesis())?;
                }
                recovered.unapplied().try_for_each(|epoch| store.commit_epoch(model::commit(epoch)))
            });
            disk.crash(Crash::Seeded(second));
            restart(&disk, &mut acked, &format!("operations {operation} and {second}"));
        }
    }
}

/// The check above is awake: under a drive that lies about syncing it does find that something acknowledged is lost.
#[test]
fn a_drive_that_lies_about_syncing_is_caught_by_the_same_check() {
    let whole = FaultyDisk::new();
    run(&whole);
    let trials = (0..whole.operations()).step_by(3);
    let caught = trials.clone().filter(|operation| {
        let disk = FaultyDisk::new();
        Store::init_on(Arc::new(disk.clone()), Path::new(DIR), SUBNET).unwrap();
        disk.lie_about_syncs();
        disk.cut_power_at(disk.operations() + operation);
        let mut acked = Acked { init: true, ..Acked::default() };
        let Ok((mut store, _)) = open(&disk) else { return false };
        let _ = live(&mut store, &mut acked, EPOCHS);
        drop(store);
        disk.crash(Crash::Seeded(*operation));
        let found = std::panic::catch_unwind(move || restart(&disk, &mut acked, "lying drive"));
        found.is_err()
    });
    let caught = caught.count();
    assert!(caught * 2 > trials.count(), "caught only {caught}");
}

/// Epochs that the log has are flushed in lots: power that goes meanwhile costs a part of the last lot, and nothing else.
#[test]
fn tables_that_are_made_again_go_on_from_the_last_lot_wherever_the_power_went() {
    const LAST: u64 = 150;
    let lived = FaultyDisk::new();
    Store::init_on(Arc::new(lived.clone()), Path::new(DIR), SUBNET).unwrap();
    let (mut store, _) = open(&lived).unwrap();
    store.commit_genesis(b"genesis".to_vec(), model::genesis()).unwrap();
    for epoch in 1..=LAST {
        store.begin_epoch(epoch).unwrap();
        store.commit_epoch(model::commit(epoch)).unwrap();
    }
    drop(store);
    lived.remove(&Path::new(DIR).join("state.journal")).unwrap();
    lived.sync_dir(Path::new(DIR)).unwrap();
    for (until, kept) in [(0, 0), (1, 0), (63, 0), (64, 64), (127, 64), (149, 128), (LAST, LAST)] {
        let disk = lived.copy();
        let (mut store, found) = open(&disk).unwrap();
        assert_eq!((found.applied, found.certified), (None, Some(LAST)));
        store.commit_genesis(b"genesis".to_vec(), model::genesis()).unwrap();
        for epoch in 1..=until {
            store.commit_epoch(model::commit(epoch)).unwrap();
        }
        disk.crash(Crash::LoseAll);
        drop(store);
        let (mut store, found) = open(&disk).unwrap();
        assert_eq!(found.unapplied(), kept + 1..=LAST, "the power went after epoch {until}");
        for epoch in found.unapplied() {
            store.commit_epoch(model::commit(epoch)).unwrap();
        }
        model::compare(store.reader()).unwrap();
        model::compare_log(store.reader());
        store.begin_epoch(LAST + 1).unwrap();
    }
}
