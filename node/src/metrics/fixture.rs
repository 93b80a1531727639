//! A small subnet whose epochs a test closes, for what is counted of them.

use std::sync::Arc;

use ed25519_dalek::SigningKey;
use ganglion_consensus::ledger::{State, execute};
use ganglion_subnet::{Certified, Commit};
use ganglion_types::sign::hotkey_of;
use ganglion_types::{
    Certificate, Coldkey, Cut, Digest, EpochBundle, GenesisParticipant, Hotkey, Hyperparameters,
    Item, Manifest, Phases, Rao, RegistrySource, Role, Round, TaskSpec, seed,
};

pub(crate) fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

pub(crate) fn hotkey(number: u8) -> Hotkey {
    hotkey_of(&key(number))
}

/// The element of a validator's chain of task seeds that belongs to an epoch.
pub(crate) fn element(number: u8, epoch: u64) -> Digest {
    seed::element(&Digest::new([number; 32]), epoch).unwrap()
}

fn participant(number: u8, role: Role, units: u64) -> GenesisParticipant {
    GenesisParticipant {
        hotkey: hotkey(number),
        coldkey: Coldkey::new(*hotkey(100 + number).as_bytes()),
        role,
        stake: Rao::new(units * Rao::PER_UNIT),
        seed_tail: (role == Role::Validator).then(|| element(number, 0)),
    }
}

/// Validators 1 and 2 with 50 and 40 units, and the miner 3 unless it is left out.
pub(crate) fn genesis(with_miner: bool) -> State {
    State::genesis(Arc::new(manifest(with_miner))).unwrap()
}

/// The same, whose participants another chain registers.
pub(crate) fn following(registry: RegistrySource) -> State {
    State::genesis(Arc::new(Manifest { registry: Some(registry), ..manifest(true) })).unwrap()
}

fn manifest(with_miner: bool) -> Manifest {
    let mut participants =
        vec![participant(1, Role::Validator, 50), participant(2, Role::Validator, 40)];
    participants.extend(with_miner.then(|| participant(3, Role::Miner, 0)));
    Manifest {
        name: "counted".into(),
        salt: [1; 16],
        genesis_time: 1_790_000_000_000,
        epoch_ms: 12_000,
        phases: Phases::default(),
        task: TaskSpec::default(),
        hyperparameters: Hyperparameters::default(),
        participants,
        accounts: Vec::new(),
        owner: None,
        parent: None,
        registry: None,
    }
}

/// Closes the next epoch twelve seconds after the last with these items.
pub(crate) fn close(state: &State, mut items: Vec<Item>) -> Commit {
    items.sort_by_key(Item::id);
    let time = state.chain().time + 12_000;
    let executed = execute(state, time, &items).unwrap();
    let cut = Cut {
        subnet: *state.subnet(),
        epoch: state.next_epoch(),
        prev: state.head(),
        lists: Vec::new(),
        items: items.iter().map(Item::id).collect(),
        time,
        registry: executed.state().registry_digest(),
        result_root: executed.roots.result_root,
        state_root: executed.roots.state_root,
        next_committee_root: executed.roots.next_committee_root,
    };
    let id = cut.id();
    let certificate =
        Certificate { epoch: cut.epoch, round: Round::new(0), cut: id, signatures: Vec::new() };
    let (result, receipts) = (executed.result.clone(), executed.receipts.clone());
    Commit {
        bundle: EpochBundle { cut, certificate, items },
        id,
        rows: Vec::new(),
        result,
        receipts,
        state: Arc::new(executed.into_state(id)),
    }
}

/// The same as it is reported; fetched, if it has no latency.
pub(crate) fn certified(commit: &Commit, latency_ms: Option<u64>) -> Certified {
    Certified {
        cut: commit.bundle.cut.clone(),
        id: commit.id,
        certificate: commit.bundle.certificate.clone(),
        latency_ms,
        stake_seen: (50, 90),
        state: Arc::clone(&commit.state),
        result: Arc::new(commit.result.clone()),
        receipts: commit.receipts.clone(),
    }
}
