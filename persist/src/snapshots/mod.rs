//! Snapshots: made every so many epochs, kept as files, given to peers, and what a newcomer begins with.
//!
//! ```text
//! file = header ‖ certified cut ‖ chunk ‖ chunk …        docs/spec/snapshots.md
//!
//! certified epoch ─► make (a thread of its own) ─► snapshots/ ─► peers, `ganglion snapshot export`
//! checkpoint ─► chain of certified cuts ─► snapshot's cut ─► rows whose root it states ─► store
//! ```

mod checkpoint;
pub mod join;
pub mod serve;

use std::collections::BTreeMap;
use std::sync::Arc;

use ganglion_consensus::certificate::{Committee, Member};
use ganglion_consensus::ledger::{RowKey, State, StateError, Table};
use ganglion_storage::{EpochCommit, Logged, SnapshotFiles, StateChange, StoreError};
use ganglion_types::planted::{self, Bug};
use ganglion_types::snapshot::SnapshotError;
use ganglion_types::{
    Canonical as _, Certificate, CommitteeMembers, Cut, DecodeError, Hotkey, Manifest, Snapshot,
    limits, proto,
};
use prost::Message as _;

pub use self::checkpoint::Checkpoint;

/// Parts of a snapshot file before its chunks.
pub const PARTS_BEFORE_CHUNKS: usize = 2;

/// Why a snapshot cannot be made, or is none.
#[derive(Debug, thiserror::Error)]
pub enum BadSnapshot {
    /// Rows and chunks.
    #[error("{0}")]
    Form(#[from] SnapshotError),
    /// Bytes that are not what they should be.
    #[error("it cannot be read: {0}")]
    Decode(#[from] DecodeError),
    /// Damaged, or not a snapshot at all.
    #[error("the file is damaged or no snapshot")]
    Damaged,
    /// Of another subnet.
    #[error("it is of another subnet")]
    OtherSubnet,
    /// Header and cut do not belong together.
    #[error("its header names another cut than it holds")]
    OtherCut,
    /// The rows make no state.
    #[error("its rows are no state: {0}")]
    State(#[from] StateError),
    /// The rows are another state than the cut's.
    #[error("its rows are not the state that the cut certifies")]
    Root,
    /// The store.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// A snapshot that was read and whose rows are the state its cut states. That the cut is certified is
/// not part of it.
#[derive(Debug)]
pub struct Loaded {
    /// Header.
    pub header: Snapshot,
    /// The cut.
    pub cut: Cut,
    /// Its certificate.
    pub certificate: Certificate,
    /// The state after it.
    pub state: State,
}

/// The parts of the snapshot of a state.
///
/// # Errors
/// If the rows are too large for one.
pub fn make(
    state: &State,
    cut: &Cut,
    certificate: &Certificate,
) -> Result<Vec<Vec<u8>>, BadSnapshot> {
    let mut rows = state.rows();
    if planted::is(Bug::SnapshotIncomplete) {
        rows.retain(|(table, _), _| *table != Table::Commits.number());
    }
    let rows = rows.iter().map(|((table, key), value)| (*table, key.as_slice(), value.as_slice()));
    let (header, chunks) = Snapshot::of(*state.subnet(), cut.epoch, cut.id(), rows)?;
    let before = [header.to_bytes(), certified(cut, certificate).encode_to_vec()];
    Ok(before.into_iter().chain(chunks).collect())
}

fn certified(cut: &Cut, certificate: &Certificate) -> proto::CertifiedCut {
    proto::CertifiedCut {
        cut: Some(cut.to_proto()),
        certificate: Some(certificate.to_proto()),
        committee: None,
    }
}

/// Reads the parts of a snapshot and checks its rows against the state root of its cut.
///
/// # Errors
/// See [`BadSnapshot`].
pub fn load(parts: &[Vec<u8>], manifest: &Arc<Manifest>) -> Result<Loaded, BadSnapshot> {
    let [header, certified, chunks @ ..] = parts else { return Err(BadSnapshot::Damaged) };
    let header = Snapshot::from_bytes(header, limits::RPC_BYTES)?;
    let (cut, certificate) = read_certified(certified)?;
    if header.subnet != manifest.subnet_id() || cut.subnet != header.subnet {
        return Err(BadSnapshot::OtherSubnet);
    }
    if cut.id() != header.cut || cut.epoch != header.epoch || certificate.cut != header.cut {
        return Err(BadSnapshot::OtherCut);
    }
    let state = state_of(&header, &cut, chunks, manifest)?;
    Ok(Loaded { header, cut, certificate, state })
}

fn read_certified(bytes: &[u8]) -> Result<(Cut, Certificate), BadSnapshot> {
    let certified = proto::CertifiedCut::decode(bytes).map_err(|_| BadSnapshot::Damaged)?;
    let cut = Cut::from_proto(certified.cut.ok_or(BadSnapshot::Damaged)?)?;
    let certificate = Certificate::from_proto(certified.certificate.ok_or(BadSnapshot::Damaged)?)?;
    Ok((cut, certificate))
}

/// The state that chunks hold, if it is the one that the cut states.
///
/// # Errors
/// See [`BadSnapshot`].
pub fn state_of(
    header: &Snapshot,
    cut: &Cut,
    chunks: &[Vec<u8>],
    manifest: &Arc<Manifest>,
) -> Result<State, BadSnapshot> {
    let rows: BTreeMap<RowKey, Vec<u8>> =
        header.rows(chunks)?.into_iter().map(|(table, key, value)| ((table, key), value)).collect();
    let state = State::from_rows(Arc::clone(manifest), cut.id(), &rows)?;
    if state.root() == cut.state_root && state.epoch() == cut.epoch {
        Ok(state)
    } else {
        Err(BadSnapshot::Root)
    }
}

/// The cut that the log has for an epoch.
#[must_use]
pub fn cut_of(logged: &Logged) -> Option<Cut> {
    let cut = match logged {
        Logged::Whole(bundle) => proto::EpochBundle::decode(bundle.as_slice()).ok()?.cut,
        Logged::Cut(certified) => proto::CertifiedCut::decode(certified.as_slice()).ok()?.cut,
    };
    Cut::from_proto(cut?).ok()
}

/// What a store is given to begin with this state. Items of its epoch are not in it.
#[must_use]
pub fn commit_of(loaded: &Loaded) -> EpochCommit {
    let Loaded { cut, certificate, state, .. } = loaded;
    let rows = state.rows().into_iter();
    EpochCommit {
        epoch: cut.epoch.get(),
        bundle: certified(cut, certificate).encode_to_vec(),
        cut: cut.to_bytes(),
        certificate: certificate.to_bytes(),
        state: rows
            .map(|((table, key), value)| StateChange { table, key, value: Some(value) })
            .collect(),
        next_committee: committee_of(state),
        ..EpochCommit::default()
    }
}

/// The committee that certifies the epoch after a state, encoded.
#[must_use]
pub fn committee_of(state: &State) -> Vec<u8> {
    let members = state.committee().into_iter();
    CommitteeMembers(members.map(|one| (one.hotkey, one.stake.get())).collect()).to_bytes()
}

/// Reads a committee; `None` if it is none.
#[must_use]
pub fn read_committee(committee: &proto::CommitteeMembers) -> Option<Committee> {
    let members = committee.members.iter();
    let members: Option<Vec<Member>> = members
        .map(|one| Some(Member { hotkey: Hotkey::from_slice(&one.hotkey)?, stake: one.stake }))
        .collect();
    Committee::new(members?).ok()
}

/// Makes and keeps the snapshot of a certified epoch.
pub fn keep(files: &SnapshotFiles, state: &State, cut: &Cut, certificate: &Certificate) {
    let made = make(state, cut, certificate);
    match made.and_then(|parts| Ok(files.write(cut.epoch.get(), &parts)?)) {
        Ok(()) => tracing::info!(epoch = %cut.epoch, "snapshot kept"),
        Err(error) => tracing::warn!(epoch = %cut.epoch, %error, "no snapshot was kept"),
    }
}
