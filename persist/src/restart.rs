//! What a process does before its participant runs: the state, and what it must know of the process before it.
//!
//! ```text
//! Store::open ─► recover ─► begin_height ─► participant_past, known_forks, last_decided ─► Participant::new
//!                   └ state ◄─ rows ◄─ genesis, or a snapshot; then every certified epoch that is not applied
//! ```
//! The order binds: a height is begun only on the state that is there, and nothing is signed before.

use std::collections::BTreeMap;
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use ganglion_consensus::ledger::{State, StateError, Table, execute};
use ganglion_consensus::proof;
use ganglion_storage::{
    FORK_BYTES_MAX, Logged, Reader, Recovered as Found, Standing, StateChange, Store, StoreError,
};
use ganglion_subnet::divergence::Decided;
use ganglion_subnet::{Behaviour, Commit, Config, Participant, Recovered};
use ganglion_types::planted::{self, Bug};
use ganglion_types::{
    Canonical as _, Certificate, CommitteeMembers, Cut, CutId, DecodeError, Digest, Epoch,
    EpochBundle, Fork, Manifest, limits, proto,
};
use prost::Message as _;

use crate::keeper::{committee_of, epoch_commit};
use crate::snapshots;

/// Rows read from the store at once.
const PAGE: usize = 1_000;

/// Why a process cannot go on from what its store holds.
#[derive(Debug, thiserror::Error)]
pub enum RestartError {
    /// The store failed.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The store holds something that cannot be.
    #[error("the store does not hold a state of this subnet: {0}")]
    State(#[from] StateError),
    /// The manifest has no genesis.
    #[error("the manifest: {0}")]
    Manifest(String),
    /// Bytes in the store cannot be read.
    #[error("epoch {epoch} in the store cannot be read: {source}")]
    Stored {
        /// The epoch.
        epoch: u64,
        /// What is wrong.
        source: DecodeError,
    },
    /// A certified epoch gives another result than it says.
    #[error("epoch {epoch} in the store executes to another result than it was certified with")]
    Diverged {
        /// The epoch.
        epoch: u64,
    },
    /// The epochs that this node began with are gone, and no snapshot replaces them.
    #[error("the database is lost, and no snapshot here can replace it")]
    NoSnapshot,
    /// No ledger leaves such a state behind.
    #[error("the state has no committee")]
    NoCommittee,
}

/// The state that the store holds, brought up to the last certified epoch.
///
/// # Errors
/// See [`RestartError`].
pub fn recover(
    store: &mut Store,
    found: &Found,
    manifest: &Arc<Manifest>,
) -> Result<State, RestartError> {
    let genesis = State::genesis(Arc::clone(manifest)).map_err(|violations| {
        let rules = violations.iter().map(|one| format!("{} {}", one.field, one.rule));
        RestartError::Manifest(rules.collect::<Vec<_>>().join("; "))
    })?;
    let mut state = match found.applied {
        // Items of the first epochs are not here: this node began with a snapshot, or has removed them.
        None if store.reader().whole_from().is_some_and(|from| from > 1) => {
            rebuild(store, &genesis)?
        }
        None => {
            let rows = genesis.rows().into_iter().map(|((table, key), value)| StateChange {
                table,
                key,
                value: Some(value),
            });
            let cut = genesis.genesis_cut().map(|cut| cut.to_bytes()).unwrap_or_default();
            store.commit_genesis(cut, rows.collect())?;
            genesis
        }
        Some(0) => genesis,
        Some(applied) => stored_state(store.reader(), manifest, applied)?,
    };
    // Certified but not applied: the process ended between the two.
    let last = found.certified.unwrap_or(0);
    for epoch in state.next_epoch().get()..=last {
        state = apply(store, &state, epoch)?;
    }
    Ok(state)
}

/// The state of the oldest snapshot here from which on the log has all items, so that as many results as can be come back.
/// Of the epochs before, cuts and certificates do.
fn rebuild(store: &mut Store, genesis: &State) -> Result<State, RestartError> {
    let reader = store.reader().clone();
    let (first, _) = reader.certified().ok_or(RestartError::NoSnapshot)?;
    let from = reader.whole_from().ok_or(RestartError::NoSnapshot)?;
    for epoch in reader.snapshots().epochs()? {
        if epoch.saturating_add(1) < from {
            continue;
        }
        let Some(certified) = reader.logged(epoch)?.as_ref().and_then(snapshots::cut_of) else {
            continue;
        };
        let Some(parts) = reader.snapshots().parts(epoch)? else { continue };
        match snapshots::load(&parts, genesis.manifest()) {
            Ok(loaded) if loaded.cut.id() == certified.id() => {
                if first == 1 {
                    let cut = genesis.genesis_cut().map(|cut| cut.to_bytes()).unwrap_or_default();
                    store.restore_cut(0, cut, Vec::new(), None)?;
                }
                for epoch in first..=epoch {
                    restore_cut(store, &reader, epoch)?;
                }
                store.commit_snapshot(snapshots::commit_of(&loaded))?;
                tracing::info!(epoch, "rebuilt from a snapshot");
                return Ok(loaded.state);
            }
            _ => tracing::warn!(epoch, "a snapshot here does not hold"),
        }
    }
    Err(RestartError::NoSnapshot)
}

fn restore_cut(store: &mut Store, reader: &Reader, epoch: u64) -> Result<(), RestartError> {
    let (cut, certificate, committee) = match reader.logged(epoch)? {
        Some(Logged::Cut(bytes)) => {
            let read = proto::CertifiedCut::decode(bytes.as_slice()).unwrap_or_default();
            (read.cut, read.certificate, read.committee)
        }
        Some(Logged::Whole(bytes)) => {
            let read = proto::EpochBundle::decode(bytes.as_slice()).unwrap_or_default();
            (read.cut, read.certificate, None)
        }
        None => return Ok(()),
    };
    let (Some(cut), Some(certificate)) = (cut, certificate) else {
        let source = DecodeError::field("cut", "is missing");
        return Err(RestartError::Stored { epoch, source });
    };
    let committee = committee.map(|committee| committee.encode_to_vec());
    store.restore_cut(epoch, cut.encode_to_vec(), certificate.encode_to_vec(), committee)?;
    Ok(())
}

/// Whether nothing was ever certified or applied here.
#[must_use]
pub fn is_fresh(found: &Found) -> bool {
    found.applied.is_none() && found.certified.is_none()
}

/// The state that the tables hold, if it is the one that the cut of the applied epoch states.
///
/// # Errors
/// [`RestartError::Diverged`] if it is another; what the store says.
pub fn stored_state(
    reader: &Reader,
    manifest: &Arc<Manifest>,
    applied: u64,
) -> Result<State, RestartError> {
    let mut rows = BTreeMap::new();
    for table in Table::ALL {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = reader.state_rows(table.number(), after.as_deref(), PAGE)?;
            let Some(last) = page.last() else { break };
            after = Some(last.0.clone());
            rows.extend(page.into_iter().map(|(key, value)| ((table.number(), key), value)));
        }
    }
    let cut = reader.cut(applied)?.unwrap_or_default();
    let cut = Cut::from_bytes(&cut, limits::AGREEMENT_BYTES)
        .map_err(|source| RestartError::Stored { epoch: applied, source })?;
    let state = State::from_rows(Arc::clone(manifest), cut.id(), &rows)?;
    if state.root() == cut.state_root {
        Ok(state)
    } else {
        Err(RestartError::Diverged { epoch: applied })
    }
}

fn apply(store: &mut Store, state: &State, epoch: u64) -> Result<State, RestartError> {
    let bytes = store.reader().bundle(epoch)?.unwrap_or_default();
    let bundle = EpochBundle::from_bytes(&bytes, limits::RPC_BYTES)
        .map_err(|source| RestartError::Stored { epoch, source })?;
    let diverged = |_| RestartError::Diverged { epoch };
    let executed = execute(state, bundle.cut.time, &bundle.items).map_err(diverged)?;
    if executed.roots.state_root != bundle.cut.state_root {
        return Err(RestartError::Diverged { epoch });
    }
    let id: CutId = bundle.cut.id();
    let (result, receipts) = (executed.result.clone(), executed.receipts.clone());
    let next = executed.into_state(id);
    let rows = next.changed_rows(state);
    let state = Arc::new(next.clone());
    store.commit_epoch(epoch_commit(&Commit { bundle, id, rows, result, receipts, state }))?;
    tracing::info!(epoch, "applied from the certificate log");
    Ok(next)
}

/// What the participant must know of the process before this one.
///
/// # Errors
/// What the store says.
pub fn participant_past(store: &Store, found: Found) -> Result<Recovered, RestartError> {
    let log = match found.standing {
        Standing::Whole { entries } => Some(entries.into_iter().map(|entry| entry.bytes).collect()),
        Standing::MuteThrough { .. } | Standing::MuteUnknown => None,
    };
    Ok(Recovered {
        signed: found.watermark.map(|watermark| Epoch::new(watermark.epoch)),
        log,
        seq_reserved: if planted::is(Bug::NumbersFromZero) { 0 } else { found.item_seq_reserved },
        scores: store.reader().local(ganglion_subnet::participant::LOCAL_SCORES)?,
        sealed: store.reader().local(ganglion_subnet::hidden::LOCAL_SEALED)?,
    })
}

/// Stores what a node joined with: the file first, for the tables can be made from it.
///
/// # Errors
/// What the store says.
pub fn begin_with(
    store: &mut Store,
    loaded: &snapshots::Loaded,
    parts: &[Vec<u8>],
) -> Result<(), RestartError> {
    store.reader().snapshots().write(loaded.cut.epoch.get(), parts)?;
    store.commit_snapshot(snapshots::commit_of(loaded))?;
    Ok(())
}

/// An epoch with two certified cuts, and the proof unless it is damaged.
pub type KnownFork = (Epoch, Option<Fork>);

/// Epochs known to have two certified cuts.
///
/// # Errors
/// What the store says.
pub fn known_forks(store: &Store) -> Result<Vec<KnownFork>, RestartError> {
    let read = |bytes: Vec<u8>| Fork::from_bytes(&bytes, FORK_BYTES_MAX).ok();
    let forks = store.forks()?.into_iter();
    Ok(forks.map(|(epoch, proof)| (Epoch::new(epoch), proof.and_then(read))).collect())
}

/// The last decided epoch with whoever closed it, as far as the store can tell at once.
fn last_decided(
    reader: &Reader,
    manifest: &Arc<Manifest>,
    epoch: Epoch,
) -> Result<Option<Decided>, RestartError> {
    let Some(before) = epoch.get().checked_sub(1) else { return Ok(None) };
    let stored = |source| RestartError::Stored { epoch: epoch.get(), source };
    let cut_of = |epoch: u64| -> Result<Option<Cut>, RestartError> {
        let bytes = reader.cut(epoch)?;
        let cut = bytes.map(|bytes| Cut::from_bytes(&bytes, limits::AGREEMENT_BYTES));
        cut.transpose().map_err(stored)
    };
    // A node that joined by a snapshot lacks the cut before it.
    let (Some(cut), Some(previous)) = (cut_of(epoch.get())?, cut_of(before)?) else {
        return Ok(None);
    };
    let root = previous.next_committee_root;
    let certificate = reader.certificate(epoch.get())?.unwrap_or_default();
    let certificate =
        Certificate::from_bytes(&certificate, limits::AGREEMENT_BYTES).map_err(stored)?;
    let committee = match reader.committee(root.as_bytes())? {
        Some(bytes) => {
            let members = CommitteeMembers::from_bytes(&bytes, limits::AGREEMENT_BYTES);
            members.ok().and_then(|members| proof::committee_of(&members).ok())
        }
        // Of the first epoch it follows from the manifest.
        None => State::genesis(Arc::clone(manifest)).ok().and_then(|state| committee_of(&state)),
    };
    let committee = committee.filter(|committee| committee.digest() == root);
    Ok(committee.map(|committee| Decided { cut, certificate, committee }))
}

/// Opens the agreement log of the height to be closed, unless this node must stay silent there.
///
/// # Errors
/// What the store says.
pub fn begin_height(
    store: &mut Store,
    standing: &Standing,
    state: &State,
) -> Result<(), RestartError> {
    let closing = state.next_epoch().get();
    let may_begin = match standing {
        Standing::Whole { .. } => true,
        Standing::MuteThrough { epoch } => *epoch < closing,
        Standing::MuteUnknown => false,
    };
    if may_begin {
        store.begin_epoch(closing)?;
    }
    Ok(())
}

/// Who the participant is.
#[derive(Clone, Debug)]
pub struct Who {
    /// The key it signs with; `None` only watches.
    pub key: Option<SigningKey>,
    /// Starts of its task-seed chains, by index.
    pub seed_chains: Vec<Digest>,
    /// Honest, but in a testnet.
    pub behaviour: Behaviour,
}

/// The participant as it was when its process ended.
///
/// # Errors
/// See [`RestartError`].
pub fn participant(
    manifest: &Arc<Manifest>,
    reader: &Reader,
    (state, past): (State, Recovered),
    forks: &[KnownFork],
    who: Who,
) -> Result<Participant, RestartError> {
    let config = Config {
        key: who.key,
        manifest: Arc::clone(manifest),
        seed_chains: who.seed_chains,
        oldest: Epoch::new(snapshots::serve::oldest(reader)),
        behaviour: who.behaviour,
        last: last_decided(reader, manifest, state.epoch())?,
        frozen: !forks.is_empty(),
        forks: forks.iter().filter_map(|(_, fork)| fork.clone()).collect(),
    };
    Participant::new(config, state, past).ok_or(RestartError::NoCommittee)
}
