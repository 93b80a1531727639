//! Files that hold whole epochs, and what a node makes of a data directory with a damaged one.

use ganglion_persist::archive::{ArchiveError, import};
use ganglion_persist::{restart, verify};
use ganglion_storage::Standing;
use ganglion_storage::disk::Disk as _;
use ganglion_types::{CutId, Epoch};

use super::chain::{
    CHAIN, LIVED, SAID, archive as write, dir, new_directory, open, records, state_after,
};
use super::ledger::WORLD;
use crate::edit::edited;

fn trusted() -> (Epoch, CutId) {
    let cut = &CHAIN[1].bundle.cut;
    (cut.epoch, cut.id())
}

/// Takes an archive into a new directory. Whatever was taken is of the chain, and is there after a restart.
fn take(bytes: &[u8]) -> Result<u64, ArchiveError> {
    let disk = new_directory();
    let (mut store, found) = open(&disk).expect("a sound disk");
    let manifest = &WORLD.subnet.manifest;
    let from = &mut &*bytes;
    let moved = import(&mut store, &found, manifest, from, Some(trusted()), &mut |_, _| ());
    let certified = store.reader().certified().map_or(0, |(_, last)| last);
    drop(store);
    let (mut store, found) = open(&disk).expect("a sound disk");
    let state = restart::recover(&mut store, &found, manifest).expect("what was taken holds");
    assert_eq!(state.epoch().get(), certified, "an epoch was taken and is not there");
    let expected = state_after(certified).expect("an epoch that nobody certified was taken");
    assert_eq!(state.root(), expected.root(), "a state that nobody certified was taken");
    moved.map(|moved| moved.last)
}

pub(super) fn archive(bytes: &[u8]) {
    let _ = take(bytes);
}

/// Records of a true archive, each edited and in another order; the chain of hashes always holds.
pub(super) fn archive_edited(bytes: &[u8]) {
    let Some((&[from, header], script)) = bytes.split_first_chunk::<2>() else { return };
    let (mut first, mut last) = (if from % 2 == 0 { 1 } else { 3 }, CHAIN.len() as u64);
    let mut records = records(first);
    let mut changed = false;
    match header % 8 {
        0 => first = u64::from(header / 8),
        1 => last = u64::from(header / 8),
        2 => last = u64::MAX,
        _ => {}
    }
    for edit in script.chunks(12).take(4) {
        let Some((&[at, what], script)) = edit.split_first_chunk::<2>() else { break };
        let at = usize::from(at) % records.len();
        changed = true;
        match what % 6 {
            0 => records[at].0 = what / 6,
            1 => records[at].1 = u64::from(what / 6),
            2 => drop(records.remove(at)),
            3 => records.insert(at, records[at].clone()),
            4 => {
                let other = usize::from(what) % records.len();
                records.swap(at, other);
            }
            _ => records[at].2 = edited(&records[at].2, script),
        }
        if records.is_empty() {
            break;
        }
    }
    let taken = take(&write(first, last, &records));
    if !changed && header % 8 > 2 {
        assert_eq!(taken.ok(), Some(CHAIN.len() as u64), "a true archive was refused");
    }
}

/// One file of a data directory, changed: opening refuses, or gives a state that was certified and all that was said.
pub(super) fn directory_edited(bytes: &[u8]) {
    let Some((file, script)) = bytes.split_first() else { return };
    let disk = LIVED.copy();
    let mut files = disk.list(dir()).expect("a sound disk");
    files.retain(|path| disk.content(path).is_some());
    files.sort();
    let path = &files[usize::from(*file) % files.len()];
    let whole = disk.content(path).expect("it is listed");
    let change = edited(&whole, script);
    disk.plant(path, &change);
    let Ok((mut store, found)) = open(&disk) else { return };
    if let Standing::Whole { entries } = &found.standing {
        let signed = found.watermark.map_or(0, |watermark| watermark.epoch);
        if signed > CHAIN.len() as u64 {
            let read: Vec<&[u8]> = entries.iter().map(|entry| &entry.bytes[..]).collect();
            assert_eq!(read, SAID, "it would sign again, and does not know all that it said");
        } else {
            assert!(change == whole, "it would sign again, and forgot that it had signed");
        }
    }
    let manifest = &WORLD.subnet.manifest;
    if let Ok(state) = restart::recover(&mut store, &found, manifest) {
        let expected = state_after(state.epoch().get()).expect("an epoch that never was");
        assert_eq!(state.root(), expected.root(), "a state that nobody certified");
        if change == whole {
            assert_eq!(state.epoch().get(), CHAIN.len() as u64);
        }
    }
    let _ = restart::known_forks(&store);
    let verified = verify::verify(store.reader(), manifest, &mut |_, _, _| ());
    if change == whole {
        assert!(verified.is_ok_and(|verified| verified.wrong.is_empty()), "sound, and found wrong");
    }
    let _ = restart::participant_past(&store, found);
}
