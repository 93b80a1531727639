//! The store as it ships: the machine's disk and sled.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
};

use ganglion_storage::{
    EpochCommit, OpenError, Part, Position, Recovered, StateChange, Store, StoreError, quarantine,
};

use crate::model::{self, SUBNET};

fn live(store: &mut Store, until: u64, mut each: impl FnMut(u64)) {
    if store.applied().is_none() {
        store.commit_genesis(b"genesis".to_vec(), model::genesis()).unwrap();
    }
    for epoch in store.applied().unwrap() + 1..=until {
        store.begin_epoch(epoch).unwrap();
        store.record(1, b"vote").unwrap();
        let round = store.watermark().unwrap().round;
        store.persist(Position { round, step: 1, ..Position::default() }).unwrap();
        store.commit_epoch(model::commit(epoch)).unwrap();
        each(epoch);
    }
}

fn catch_up(store: &mut Store, recovered: &Recovered) {
    if recovered.applied.is_none() {
        store.commit_genesis(b"genesis".to_vec(), model::genesis()).unwrap();
    }
    for epoch in recovered.unapplied() {
        assert_eq!(store.reader().bundle(epoch).unwrap().unwrap(), model::bundle(epoch));
        store.commit_epoch(model::commit(epoch)).unwrap();
    }
}

fn node(epochs: u64) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    Store::init(dir.path(), SUBNET).unwrap();
    let (mut store, _) = Store::open(dir.path(), SUBNET).unwrap();
    live(&mut store, epochs, |_| ());
    dir
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_node_lives_restarts_and_lives_on() {
    let dir = node(20);
    let (mut store, recovered) = Store::open(dir.path(), SUBNET).unwrap();
    assert_eq!((recovered.applied, recovered.certified), (Some(20), Some(20)));
    model::compare(store.reader()).unwrap();
    model::compare_log(store.reader());
    live(&mut store, 25, |_| ());
    model::compare(store.reader()).unwrap();
}

#[test]
fn a_second_store_on_one_directory_is_refused_until_the_last_reader_is_gone() {
    let dir = node(1);
    let (store, _) = Store::open(dir.path(), SUBNET).unwrap();
    let locked = |path: &Path| matches!(Store::open(path, SUBNET), Err(OpenError::Locked { pid: Some(pid), .. }) if pid == std::process::id());
    assert!(locked(dir.path()));
    assert!(matches!(Store::init(dir.path(), SUBNET), Err(OpenError::Locked { .. })));
    let reader = store.reader().clone();
    drop(store);
    assert!(locked(dir.path()));
    drop(reader);
    Store::open(dir.path(), SUBNET).unwrap();
}

#[test]
fn a_directory_that_is_not_there_or_empty_is_not_initialised() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().to_owned(), dir.path().join("none")] {
        let refused = Store::open(&path, SUBNET).unwrap_err();
        assert!(matches!(refused, OpenError::NotInitialised { .. }));
        assert!(refused.to_string().contains("ganglion init"), "{refused}");
    }
    assert!(!dir.path().join("none").exists());
}

#[test]
fn readers_on_other_threads_see_whole_epochs_only() {
    let dir = node(1);
    let (mut store, _) = Store::open(dir.path(), SUBNET).unwrap();
    /// Ends the readers when the writer is done, and when it panics.
    struct Done<'a>(&'a AtomicBool);
    impl Drop for Done<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let (reader, done) = (store.reader().clone(), &done);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let applied = reader.applied().unwrap().unwrap();
                    assert_eq!(reader.cut(applied).unwrap(), Some(model::cut(applied)));
                    assert_eq!(reader.results(applied).unwrap().unwrap().len(), 6);
                    assert_eq!(reader.bundle(applied).unwrap(), Some(model::bundle(applied)));
                }
            });
        }
        let _done = Done(&done);
        live(&mut store, 60, |_| ());
    });
}

#[test]
fn large_steps_and_values_stay_in_the_file_that_is_synced() {
    let dir = node(1);
    let (mut store, _) = Store::open(dir.path(), SUBNET).unwrap();
    for number in 0..4_u8 {
        store.put_blob(1, [number; 32], &vec![number; 1 << 20]).unwrap();
    }
    for (number, size) in (0..200_u8).zip((5_000..7_000).step_by(10)) {
        store.put_item(1, [number; 32], &vec![number; size]).unwrap();
    }
    let rows = |epoch: u64| {
        let rows = (0..5_000_u32).map(|number| StateChange {
            table: 4,
            key: number.to_be_bytes().to_vec(),
            value: Some(vec![epoch as u8; 40]),
        });
        rows.collect::<Vec<_>>()
    };
    for epoch in 2..5 {
        let commit = model::commit(epoch);
        let state = commit.state.iter().cloned().chain(rows(epoch)).collect();
        store.commit_epoch(EpochCommit { state, ..commit }).unwrap();
    }
    let blobs = fs::read_dir(dir.path().join("state/blobs")).unwrap().count();
    assert_eq!(blobs, 0, "sled put pages into files that nothing syncs");
    drop(store);
    let (store, recovered) = Store::open(dir.path(), SUBNET).unwrap();
    assert_eq!(recovered.applied, Some(4));
    assert_eq!(store.reader().blob(&[3; 32]).unwrap().unwrap(), vec![3; 1 << 20]);
    let mut found = Vec::new();
    loop {
        let after = found.last().map(|(key, _): &(Vec<u8>, Vec<u8>)| key.clone());
        let page = store.reader().state_rows(4, after.as_deref(), 999).unwrap();
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    assert_eq!(found.len(), 5_000);
    assert!(found.iter().all(|(_, value)| *value == vec![4; 40]));
    model::compare(store.reader()).unwrap();
}

#[test]
fn a_store_that_is_closed_can_be_opened_at_once() {
    let dir = node(1);
    for round in 2..60_u64 {
        let (mut store, _) = Store::open(dir.path(), SUBNET).unwrap();
        // Enough to fill several of the database's segments, which its own threads write.
        for number in 0..2_u8 {
            store.put_blob(round, [number; 32], &vec![round as u8; 1 << 20]).unwrap();
        }
        store.commit_epoch(model::commit(round)).unwrap();
    }
}

/// What came of opening a damaged copy, checked: no panic, no wrong bytes, no silent loss, and always a way back.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Outcome {
    Refused,
    /// Opened, and every row is there.
    Whole,
    /// Opened at an earlier epoch, and every row is there once the later ones are applied again.
    RolledBack,
    /// Opened, and reading named the damage.
    Noticed,
}

fn open_damaged(dir: &Path, epochs: u64, what: &str) -> Outcome {
    let outcome = match Store::open(dir, SUBNET) {
        Err(error) => {
            assert!(error.is_rebuildable(), "{what}: {error}");
            assert!(!error.to_string().contains("within"), "{what}: the cause is lost: {error}");
            Outcome::Refused
        }
        Ok((mut store, recovered)) => {
            assert_eq!(recovered.certified, Some(epochs), "{what}");
            let mut redo = || -> Result<(), StoreError> {
                if recovered.applied.is_none() {
                    store.commit_genesis(b"genesis".to_vec(), model::genesis())?;
                }
                for epoch in recovered.unapplied() {
                    store.commit_epoch(model::commit(epoch))?;
                }
                model::compare(store.reader())
            };
            match redo() {
                Ok(()) => {
                    assert_eq!(store.applied(), Some(epochs), "{what}");
                    let rolled_back = recovered.applied != Some(epochs);
                    return if rolled_back { Outcome::RolledBack } else { Outcome::Whole };
                }
                Err(
                    StoreError::Damaged { part: Part::State, .. } | StoreError::Database { .. },
                ) => Outcome::Noticed,
                Err(other) => panic!("{what}: {other}"),
            }
        }
    };
    quarantine(dir).unwrap();
    let (mut store, recovered) = Store::open(dir, SUBNET).unwrap();
    assert_eq!(recovered.applied, None);
    catch_up(&mut store, &recovered);
    model::compare(store.reader()).unwrap();
    assert_eq!(store.applied(), Some(epochs), "{what}");
    outcome
}

#[test]
fn a_damaged_state_never_panics_never_lies_and_is_rebuilt_from_the_log() {
    const EPOCHS: u64 = 40;
    let node = node(EPOCHS);
    let database = Path::new("state/db");
    let size = fs::metadata(node.path().join(database)).unwrap().len();
    let live = fs::read(node.path().join(database)).unwrap();
    let used = live.iter().rposition(|byte| *byte != 0).unwrap() as u64;
    let mut seen = std::collections::BTreeMap::new();
    let mut trial = |what: String, damage: &dyn Fn(&Path)| {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path().join("node");
        copy(node.path(), &dir);
        damage(&dir);
        let outcome = open_damaged(&dir, EPOCHS, &what);
        *seen.entry(format!("{outcome:?}")).or_insert(0) += 1;
    };
    let (flips, pages) = if crate::SLOW { (600, 200) } else { (24, 8) };
    for flip in 0..flips {
        let at = ((used - 11) * flip / flips + flip % 11) as usize;
        trial(format!("bit flip at {at}"), &|dir| {
            let mut bytes = live.clone();
            bytes[at] ^= 1 << (flip % 8);
            fs::write(dir.join(database), bytes).unwrap();
        });
    }
    for page in 0..pages {
        let at = (used * page / pages) as usize;
        trial(format!("zeroes at {at}"), &|dir| {
            let mut bytes = live.clone();
            let end = (at + 4096).min(bytes.len());
            bytes[at..end].fill(0);
            fs::write(dir.join(database), bytes).unwrap();
        });
    }
    for eighth in 0..8_u64 {
        let kept = size * eighth / 8;
        trial(format!("cut to {kept} bytes"), &|dir| {
            let file = fs::File::options().write(true).open(dir.join(database)).unwrap();
            file.set_len(kept).unwrap();
        });
    }
    trial("conf".to_owned(), &|dir| fs::write(dir.join("state/conf"), b"\xff\xfe").unwrap());
    trial("no db".to_owned(), &|dir| fs::remove_file(dir.join(database)).unwrap());
    trial("no state".to_owned(), &|dir| fs::remove_dir_all(dir.join("state")).unwrap());
    trial("stray snapshot".to_owned(), &|dir| {
        fs::write(dir.join("state/snap.0000000000000001.generating"), b"half").unwrap();
    });
    trial("damaged snapshot".to_owned(), &|dir| {
        for entry in fs::read_dir(dir.join("state")).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap().to_string_lossy().starts_with("snap.") {
                fs::write(path, b"not a snapshot").unwrap();
            }
        }
    });
    // If nothing was ever refused, or nothing ever survived, the trials did not reach what they are for.
    for outcome in ["Refused", "RolledBack", "Whole"] {
        assert!(seen.contains_key(outcome), "{seen:?}");
    }
}

#[test]
fn quarantine_keeps_every_damaged_state() {
    let dir = node(1);
    for number in 1..=3 {
        let aside = quarantine(dir.path()).unwrap();
        assert_eq!(aside, dir.path().join(format!("state.corrupt-{number}")));
        assert!(aside.join("db").exists());
        let (mut store, recovered) = Store::open(dir.path(), SUBNET).unwrap();
        catch_up(&mut store, &recovered);
    }
}

const CHILD_DIR: &str = "GANGLION_STORAGE_CHILD_DIR";

/// The other process of the test below; on its own a short life.
#[test]
fn writer() {
    let Some(dir) = std::env::var_os(CHILD_DIR).map(PathBuf::from) else {
        let dir = node(3);
        assert_eq!(Store::open(dir.path(), SUBNET).unwrap().0.applied(), Some(3));
        return;
    };
    let (mut store, recovered) = Store::open(&dir, SUBNET).unwrap();
    catch_up(&mut store, &recovered);
    live(&mut store, 100_000, |epoch| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "\nacked {epoch}").and_then(|()| out.flush()).unwrap();
    });
}

fn spawn_writer(dir: &Path) -> (Child, impl Iterator<Item = u64> + use<>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "real::writer", "--nocapture", "--test-threads=1"])
        .env(CHILD_DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let acks =
        lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("acked ")?.parse().ok());
    (child, acks)
}

#[test]
fn a_killed_process_loses_no_epoch_that_it_had_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    Store::init(dir.path(), SUBNET).unwrap();
    let mut least = 0;
    for kill in 0..15_u64 {
        let (mut child, mut acks) = spawn_writer(dir.path());
        let first = acks.next().expect("the writer lives");
        assert!(first > least, "kill {kill}: {first} after {least}");
        let held = Store::open(dir.path(), SUBNET).unwrap_err();
        assert!(
            matches!(held, OpenError::Locked { pid: Some(pid), .. } if pid == child.id()),
            "{held}"
        );
        let last = acks.by_ref().take(1 + (kill * 7 % 11) as usize).last();
        child.kill().unwrap();
        child.wait().unwrap();
        least = acks.last().or(last).unwrap_or(first);
        let (mut store, recovered) = Store::open(dir.path(), SUBNET).unwrap();
        assert!(recovered.applied.unwrap() >= least, "kill {kill}: lost {least}");
        assert!(recovered.unapplied().count() <= 1);
        model::compare_log(store.reader());
        catch_up(&mut store, &recovered);
        model::compare(store.reader()).unwrap();
        least = store.applied().unwrap();
    }
}
