//! The first epochs of a subnet, certified by its committee: what archives, data directories and answers about
//! cuts hold. Nobody without the committee's keys can make others.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use ganglion_consensus::ledger::{State, admissible, execute};
use ganglion_storage::Store;
use ganglion_storage::disk::Disk;
use ganglion_storage::faulty::FaultyDisk;
use ganglion_types::sign::tagged_hash;
use ganglion_types::{
    Canonical as _, Certificate, Cut, Digest, EpochBundle, Item, Round, Vote, VoteType,
};

use super::ledger::fixture::{Subnet, hot, hotkey};
use super::ledger::{WORLD, World};

/// An epoch and the state after it.
pub(crate) struct Step {
    pub(crate) bundle: EpochBundle,
    pub(crate) state: State,
}

/// Epochs 1 to 4.
pub(crate) static CHAIN: LazyLock<Vec<Step>> = LazyLock::new(|| {
    let World { subnet, .. } = &*WORLD;
    let mut state = State::genesis(Arc::clone(&subnet.manifest)).expect("a sound manifest");
    (1..=4)
        .map(|epoch| {
            let step = close(&state, items(subnet, &state, epoch));
            state = step.state.clone();
            step
        })
        .collect()
});

/// The state after an epoch of [`CHAIN`]; genesis is epoch 0.
pub(crate) fn state_after(epoch: u64) -> Option<State> {
    match epoch.checked_sub(1) {
        None => State::genesis(Arc::clone(&WORLD.subnet.manifest)).ok(),
        Some(before) => CHAIN.get(usize::try_from(before).ok()?).map(|step| step.state.clone()),
    }
}

fn items(subnet: &Subnet, state: &State, epoch: u64) -> Vec<Item> {
    let mut items = vec![subnet.commit(0, epoch, epoch, &[(3, 60_000), (4, 9)])];
    items.extend([subnet.stake(0, epoch - 1, 1_000), subnet.transfer(4, epoch - 1, 3, epoch)]);
    items.retain(|item| admissible(state, item).is_ok());
    items.sort_by_key(Item::id);
    items
}

fn close(state: &State, items: Vec<Item>) -> Step {
    let time = state.chain().time + 10_000;
    let executed = execute(state, time, &items).expect("admissible items");
    let cut = Cut {
        subnet: *state.subnet(),
        epoch: state.next_epoch(),
        prev: state.head(),
        lists: Vec::new(),
        items: items.iter().map(Item::id).collect(),
        time,
        registry: Digest::ZERO,
        result_root: executed.roots.result_root,
        state_root: executed.roots.state_root,
        next_committee_root: executed.roots.next_committee_root,
    };
    let certificate = certify(state, &cut);
    let state = executed.into_state(cut.id());
    Step { bundle: EpochBundle { cut, certificate, items }, state }
}

fn certify(state: &State, cut: &Cut) -> Certificate {
    let (round, id) = (Round::new(0), cut.id());
    let sign = |number: u16| {
        let key = hot(number);
        Vote::sign(&cut.subnet, VoteType::Precommit, cut.epoch, round, Some(id), &key)
    };
    let committee = state.committee();
    let signers = (0..8).filter(|n| committee.iter().any(|one| one.hotkey == hotkey(*n)));
    let mut signatures: Vec<_> =
        signers.map(sign).map(|vote| (vote.signer, vote.signature)).collect();
    signatures.sort_unstable_by_key(|one| one.0);
    Certificate { epoch: cut.epoch, round, cut: id, signatures }
}

/// One record of an archive: its kind, its epoch, what it holds.
pub(crate) type Record = (u8, u64, Vec<u8>);

/// The records of [`CHAIN`] from `first` on, behind the snapshot of the epoch before unless that is genesis.
pub(crate) fn records(first: u64) -> Vec<Record> {
    let at = |epoch: u64| usize::try_from(epoch - 1).ok().and_then(|at| CHAIN.get(at));
    let mut records = Vec::new();
    if let Some(step) = first.checked_sub(1).filter(|before| *before > 0).and_then(at) {
        let EpochBundle { cut, certificate, .. } = &step.bundle;
        let parts = ganglion_persist::snapshots::make(&step.state, cut, certificate);
        let parts = parts.expect("a snapshot of a small state");
        records.extend(parts.into_iter().map(|part| (1, first - 1, part)));
    }
    let last = CHAIN.len() as u64;
    let steps = (first..=last).filter_map(|epoch| Some((epoch, at(epoch)?)));
    records.extend(steps.map(|(epoch, step)| (2, epoch, step.bundle.to_bytes())));
    records.push((0, last, Vec::new()));
    records
}

/// An archive with these records, its chain in order: a second writer, apart from the one of the node.
pub(crate) fn archive(first: u64, last: u64, records: &[Record]) -> Vec<u8> {
    const TAG: &str = "ganglion archive";
    let subnet = WORLD.subnet.manifest.subnet_id();
    let mut out = b"GNGLARCH\0\0\0\x01".to_vec();
    out.extend_from_slice(subnet.as_bytes());
    out.extend_from_slice(&first.to_be_bytes());
    out.extend_from_slice(&last.to_be_bytes());
    let mut chain = tagged_hash(TAG, &[&out]);
    out.extend_from_slice(chain.as_bytes());
    for (kind, epoch, payload) in records {
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let head = [&[*kind][..], &epoch.to_be_bytes(), &length.to_be_bytes()].concat();
        chain = tagged_hash(TAG, &[chain.as_bytes(), &head, payload]);
        out.extend_from_slice(&head);
        out.extend_from_slice(payload);
        out.extend_from_slice(chain.as_bytes());
    }
    out
}

pub(crate) fn dir() -> &'static Path {
    Path::new("/d")
}

/// A new data directory on a disk in memory.
pub(crate) fn new_directory() -> FaultyDisk {
    let disk = FaultyDisk::new();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let subnet = *WORLD.subnet.manifest.subnet_id().as_bytes();
    Store::init_on(shared, dir(), subnet).expect("an empty disk");
    disk
}

/// The data directory of a node that lived through [`CHAIN`] and has said two things in the epoch after it.
pub(crate) static LIVED: LazyLock<FaultyDisk> = LazyLock::new(|| {
    let disk = new_directory();
    let (mut store, found) = open(&disk).expect("a sound disk");
    let whole = archive(1, CHAIN.len() as u64, &records(1));
    let manifest = &WORLD.subnet.manifest;
    let from = &mut whole.as_slice();
    ganglion_persist::archive::import(&mut store, &found, manifest, from, None, &mut |_, _| ())
        .expect("the archive of the chain");
    store.begin_epoch(CHAIN.len() as u64 + 1).expect("a sound disk");
    for said in SAID {
        store.record(0, said).expect("a sound disk");
    }
    store.persist(ganglion_storage::Position::default()).expect("a sound disk");
    disk
});

/// What the node of [`LIVED`] has in its agreement log.
pub(crate) const SAID: [&[u8]; 2] = [b"one", b"another"];

/// Opens the data directory.
pub(crate) fn open(
    disk: &FaultyDisk,
) -> Result<(Store, ganglion_storage::Recovered), ganglion_storage::OpenError> {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    Store::open_on(shared, dir(), *WORLD.subnet.manifest.subnet_id().as_bytes())
}
