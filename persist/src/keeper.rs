//! The durable half of a host: every effect that must be on the disk, as the store takes it.

use std::sync::Arc;

use ganglion_consensus::agreement::Watermark;
use ganglion_consensus::certificate::{Committee, Member};
use ganglion_consensus::ledger::State;
use ganglion_consensus::proof::members_of;
use ganglion_storage::certificate_log::BUNDLE_BYTES_MAX;
use ganglion_storage::{EpochCommit, Position, Reader, RoundCut, StateChange, Store, StoreError};
use ganglion_subnet::Commit;
use ganglion_types::{Body, Canonical as _, CutId, Epoch, Fork, Item, Round, limits};

use crate::retention::{self, Compaction};
use crate::{snapshots, stored};

// What a peer may send is what can be kept: `docs/spec/ledger.md`, "Sizes".
const _: () = assert!(BUNDLE_BYTES_MAX >= limits::RPC_BYTES);

/// Agreement-log kind of all records; the participant tells them apart itself.
const RECORD: u8 = 0;
/// Epochs whose items are kept at least, whatever the unbonding time is.
const RETAINED_EPOCHS: u64 = 16;
/// Calls to prune after one epoch, of 128 rows of a table each: more than the items of one cut.
const PRUNE_CALLS: usize = 20;

/// An open store, written as a [`ganglion_subnet::runner::Host`] is told to.
#[derive(Debug)]
pub struct Keeper {
    store: Store,
    archive: bool,
    /// Root of the committee that was kept last.
    committee_kept: Option<[u8; 32]>,
}

impl Keeper {
    /// Takes a store; an archive keeps the items of every epoch.
    #[must_use]
    pub const fn new(store: Store, archive: bool) -> Self {
        Self { store, archive, committee_kept: None }
    }

    /// The store's reading half, for other threads.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        self.store.reader()
    }

    /// See [`ganglion_subnet::runner::Host::log`].
    ///
    /// # Errors
    /// What the store says; so for all that follow.
    pub fn log(&mut self, record: &[u8]) -> Result<(), StoreError> {
        self.store.record(RECORD, record).map(|_| ())
    }

    /// See [`ganglion_subnet::runner::Host::sync`].
    ///
    /// # Errors
    /// What the store says.
    pub fn sync(&mut self, watermark: &Watermark) -> Result<(), StoreError> {
        self.store.persist(Position {
            round: watermark.round.get(),
            step: watermark.step.number(),
            locked: round_cut(watermark.locked),
            valid: round_cut(watermark.valid),
        })
    }

    /// See [`ganglion_subnet::runner::Host::reset_log`].
    ///
    /// # Errors
    /// What the store says.
    pub fn reset_log(&mut self, epoch: Epoch) -> Result<(), StoreError> {
        match self.store.begin_epoch(epoch.get()) {
            // A mute participant says nothing at this height, so it needs no log.
            Err(StoreError::Mute { .. }) => Ok(()),
            other => other,
        }
    }

    /// See [`ganglion_subnet::runner::Host::reserve_seq`].
    ///
    /// # Errors
    /// What the store says.
    pub fn reserve_seq(&mut self, end: u64) -> Result<(), StoreError> {
        self.store.reserve_item_seq(end)
    }

    /// See [`ganglion_subnet::runner::Host::commit`]. The rows only; [`Keeper::prune`] follows.
    ///
    /// # Errors
    /// What the store says.
    pub fn commit(&mut self, commit: &Commit) -> Result<(), StoreError> {
        self.store.commit_epoch(epoch_commit(commit))
    }

    /// Removes items that are older than the time for which stake can be slashed.
    ///
    /// # Errors
    /// What the store says.
    pub fn prune(&mut self, state: &State) -> Result<(), StoreError> {
        let Some(before) = self.retained_from(state) else { return Ok(()) };
        for _ in 0..PRUNE_CALLS {
            if self.store.prune(before)? == 0 {
                break;
            }
        }
        Ok(())
    }

    /// The first epoch whose items have to stay; `None` if all have to.
    fn retained_from(&self, state: &State) -> Option<u64> {
        let retained = state.hyperparameters().unbonding_epochs.max(RETAINED_EPOCHS);
        state.epoch().get().checked_sub(retained).filter(|_| !self.archive)
    }

    /// The removal of items from the certificate log, if it may be due: run it on any thread, and not on this one.
    #[must_use]
    pub fn compaction(&self, state: &State) -> Option<Compaction> {
        let before = self.retained_from(state)?;
        let reader = self.store.reader();
        retention::is_due(reader, before).then(|| Compaction {
            compactor: self.store.compactor(),
            reader: reader.clone(),
            manifest: Arc::clone(state.manifest()),
            before,
        })
    }

    /// See [`ganglion_subnet::runner::Host::save_local`].
    ///
    /// # Errors
    /// What the store says.
    pub fn save_local(&mut self, key: &'static str, value: &[u8]) -> Result<(), StoreError> {
        self.store.put_local(key, value)
    }

    /// See [`ganglion_subnet::runner::Host::keep_fork`].
    ///
    /// # Errors
    /// What the store says.
    pub fn keep_fork(&mut self, fork: &Fork) -> Result<(), StoreError> {
        self.store.put_fork(fork.first.0.epoch.get(), &fork.to_bytes())
    }

    /// Keeps a peer record, durable with the next epoch: a lost one costs a question to a peer.
    pub fn keep_record(&mut self, item: &Item) {
        let Body::PeerRecord(record) = item.body() else { return };
        let hotkey = *record.signer.as_bytes();
        if let Err(error) = self.store.put_peer(hotkey, record.expires, &item.to_bytes()) {
            tracing::warn!(%error, "a peer record was not kept");
        }
    }

    /// Keeps the members that close the next epoch, so that proofs need no execution. One that is
    /// lost is computed again when it is asked for.
    pub fn keep_committee(&mut self, state: &State) {
        let Some(committee) = committee_of(state) else { return };
        let root = *committee.digest().as_bytes();
        if self.committee_kept == Some(root) {
            return;
        }
        match self.store.put_committee(root, &members_of(&committee).to_bytes()) {
            Ok(()) => self.committee_kept = Some(root),
            Err(error) => tracing::warn!(%error, "the members of a committee were not kept"),
        }
    }
}

fn round_cut(value: Option<(Round, CutId)>) -> Option<RoundCut> {
    value.map(|(round, cut)| RoundCut { round: round.get(), cut: *cut.as_bytes() })
}

/// The committee that closes the epoch after a state; `None` only for a state that no ledger leaves behind.
#[must_use]
pub fn committee_of(state: &State) -> Option<Committee> {
    let members = state.committee().into_iter();
    Committee::new(members.map(|one| Member { hotkey: one.hotkey, stake: one.stake.get() })).ok()
}

/// A decided epoch as the store wants it.
#[must_use]
pub fn epoch_commit(commit: &Commit) -> EpochCommit {
    let bundle = &commit.bundle;
    EpochCommit {
        epoch: bundle.cut.epoch.get(),
        bundle: bundle.to_bytes(),
        cut: bundle.cut.to_bytes(),
        certificate: bundle.certificate.to_bytes(),
        state: commit
            .rows
            .iter()
            .map(|(table, key, value)| StateChange {
                table: *table,
                key: key.clone(),
                value: value.clone(),
            })
            .collect(),
        results: stored::result_rows(commit),
        items: bundle.items.iter().map(|item| (*item.id().as_bytes(), item.to_bytes())).collect(),
        next_committee: snapshots::committee_of(&commit.state),
    }
}
