//! Executes stored epochs again.

use std::sync::Arc;

use ganglion_consensus::certificate::{Committee, verify_certificate};
use ganglion_consensus::ledger::stages::{
    self, RESULT, Stage, StageDifference, digests, roots_in, roots_of, stage_name, stages,
};
use ganglion_consensus::ledger::{EpochResult, ExecuteError, Roots, State, Table, execute};
use ganglion_persist::snapshots::{cut_of, load};
use ganglion_persist::{StoredResult, committee_of};
use ganglion_storage::{Reader, StoreError};
use ganglion_types::{
    Canonical as _, Cut, CutId, DecodeError, Epoch, EpochBundle, Manifest, limits,
};

use crate::fault::store::of_the_store;
use crate::fault::{Code, Curable, Fault};

/// Rows read from the store at once.
const PAGE: usize = 1_000;

/// Why epochs cannot be executed again.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The store failed.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// Bytes in the store cannot be read.
    #[error("epoch {epoch} in the store cannot be read: {source}")]
    Stored {
        /// The epoch.
        epoch: Epoch,
        /// What is wrong.
        source: DecodeError,
    },
    /// Not decided here.
    #[error("epoch {epoch} is not decided here; this node has epochs up to {last}")]
    NotHere {
        /// The epoch.
        epoch: Epoch,
        /// The last one.
        last: Epoch,
    },
    /// Nothing here leads to the state before it: its items or a snapshot are missing.
    #[error("epoch {epoch} cannot be executed here: {}", missing(*oldest))]
    Pruned {
        /// The epoch.
        epoch: Epoch,
        /// The oldest that can be, if any can.
        oldest: Option<Epoch>,
    },
    /// The manifest makes no genesis.
    #[error("the manifest makes no subnet")]
    Manifest,
    /// The items of a cut cannot be executed on the state before.
    #[error("epoch {epoch} cannot be executed: {source}")]
    Execute {
        /// The epoch.
        epoch: Epoch,
        /// Why.
        source: ExecuteError,
    },
    /// A stored epoch is not what its committee signed.
    #[error("epoch {epoch} in the store is not what its committee signed: {what}")]
    Unsigned {
        /// The epoch.
        epoch: Epoch,
        /// What is wrong.
        what: String,
    },
    /// An epoch on the way gives another result than it was certified with.
    #[error("epoch {epoch} executes to another result than it was certified with")]
    Diverged {
        /// The epoch.
        epoch: Epoch,
    },
}

fn missing(oldest: Option<Epoch>) -> String {
    match oldest {
        Some(oldest) => format!(
            "the items up to it, or a snapshot before it, are not kept; the oldest epoch that can be is {oldest}"
        ),
        None => "no snapshot here leads on to the items that are kept".into(),
    }
}

impl Curable for AuditError {
    fn code(&self) -> Code {
        match self {
            Self::Store(error) => of_the_store(error),
            Self::Stored { .. } => Code::EPOCH_UNREADABLE,
            Self::NotHere { .. } => Code::EPOCH_NOT_HERE,
            Self::Pruned { .. } => Code::EPOCH_PRUNED,
            Self::Manifest => Code::MANIFEST_NO_SUBNET,
            Self::Execute { .. } => Code::EPOCH_NOT_EXECUTABLE,
            Self::Unsigned { .. } => Code::EPOCH_UNSIGNED,
            Self::Diverged { .. } => Code::EPOCH_DIVERGED,
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::NotHere { .. } | Self::Pruned { .. } => Fault::Input,
            Self::Store(_) | Self::Stored { .. } => Fault::Environment,
            _ => Fault::Check,
        }
    }
}

/// The cure for what is not kept here.
pub(crate) const ASK_AN_ARCHIVE: &str = Code::EPOCH_PRUNED.cure();

/// Walks through the stored epochs, from genesis or a snapshot on.
#[derive(Debug)]
pub struct Replay<'a> {
    reader: &'a Reader,
    state: State,
    committee: Option<Committee>,
}

/// One epoch, executed again.
#[derive(Debug)]
pub struct Replayed {
    /// Its cut as stored.
    pub cut: Cut,
    /// The state after it.
    pub state: State,
    /// What it means.
    pub result: EpochResult,
    /// The roots that the execution gave.
    pub roots: Roots,
}

impl<'a> Replay<'a> {
    /// Begins at genesis.
    ///
    /// # Errors
    /// [`AuditError::Manifest`].
    pub fn new(reader: &'a Reader, manifest: Arc<Manifest>) -> Result<Self, AuditError> {
        let state = State::genesis(manifest).map_err(|_| AuditError::Manifest)?;
        let committee = committee_of(&state);
        Ok(Self { reader, state, committee })
    }

    /// Begins as near before `epoch` as it can: with the newest snapshot here from which on all items are kept, else with
    /// genesis.
    ///
    /// # Errors
    /// [`AuditError::Pruned`] if neither is there; [`AuditError::Manifest`]; what the store says.
    pub fn towards(
        reader: &'a Reader,
        manifest: Arc<Manifest>,
        epoch: Epoch,
    ) -> Result<Self, AuditError> {
        let from = reader.whole_from().unwrap_or(1);
        let leads = |snapshot: &u64| snapshot.saturating_add(1) >= from;
        let snapshots: Vec<u64> = reader.snapshots().epochs()?.into_iter().filter(leads).collect();
        for snapshot in snapshots.iter().rev().filter(|one| **one < epoch.get()) {
            if let Some(state) = snapshot_state(reader, &manifest, *snapshot)? {
                let committee = committee_of(&state);
                return Ok(Self { reader, state, committee });
            }
        }
        if from <= 1 {
            return Self::new(reader, manifest);
        }
        let oldest = snapshots.first().map(|snapshot| Epoch::new(snapshot.saturating_add(1)));
        Err(AuditError::Pruned { epoch, oldest })
    }

    /// The state after the last epoch executed.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Executes the next epoch and goes on to it, whatever came out.
    ///
    /// # Errors
    /// See [`AuditError`]; not [`AuditError::Diverged`].
    pub fn advance(&mut self) -> Result<Replayed, AuditError> {
        let epoch = self.state.next_epoch();
        let last = Epoch::new(self.reader.certified().map_or(0, |(_, last)| last));
        let bytes = self.reader.bundle(epoch.get())?;
        let bytes = bytes.ok_or(match epoch > last {
            true => AuditError::NotHere { epoch, last },
            false => AuditError::Pruned { epoch, oldest: None },
        })?;
        let bundle = EpochBundle::from_bytes(&bytes, limits::RPC_BYTES)
            .map_err(|source| AuditError::Stored { epoch, source })?;
        self.check(&bundle)?;
        let executed = execute(&self.state, bundle.cut.time, &bundle.items)
            .map_err(|source| AuditError::Execute { epoch, source })?;
        let (result, roots) = (executed.result.clone(), executed.roots);
        self.state = executed.into_state(bundle.cut.id());
        self.committee = committee_of(&self.state);
        Ok(Replayed { cut: bundle.cut, state: self.state.clone(), result, roots })
    }

    /// Goes on to an epoch; every one on the way must give what it was certified with.
    ///
    /// # Errors
    /// See [`AuditError`].
    pub fn go_to(&mut self, epoch: Epoch) -> Result<Replayed, AuditError> {
        loop {
            let replayed = self.advance()?;
            if replayed.cut.epoch >= epoch {
                return Ok(replayed);
            }
            if replayed.roots != roots_in(&replayed.cut) {
                return Err(AuditError::Diverged { epoch: replayed.cut.epoch });
            }
        }
    }

    /// Whether the stored epoch is the next one and its committee signed it.
    fn check(&self, bundle: &EpochBundle) -> Result<(), AuditError> {
        let (epoch, cut) = (self.state.next_epoch(), &bundle.cut);
        let unsigned = |what: &str| AuditError::Unsigned { epoch, what: what.into() };
        if cut.epoch != epoch || cut.prev != self.state.head() || cut.subnet != *self.state.subnet()
        {
            return Err(unsigned("the cut does not follow on the one before"));
        }
        if bundle.certificate.cut != cut.id() {
            return Err(unsigned("the certificate is for another cut"));
        }
        if !bundle.items.iter().all(ganglion_types::Item::verify) {
            return Err(unsigned("the signature of an item does not hold"));
        }
        let committee = self.committee.as_ref().ok_or_else(|| unsigned("nobody could sign it"))?;
        verify_certificate(&bundle.certificate, &cut.subnet, epoch, committee)
            .map_err(|error| unsigned(&error.to_string()))
    }
}

/// The state of a snapshot here; `None` if it does not hold or is not the certified one.
fn snapshot_state(
    reader: &Reader,
    manifest: &Arc<Manifest>,
    epoch: u64,
) -> Result<Option<State>, AuditError> {
    let certified = reader.logged(epoch)?.as_ref().and_then(cut_of);
    let Some(parts) = reader.snapshots().parts(epoch)? else { return Ok(None) };
    match load(&parts, manifest) {
        Ok(loaded) if certified.is_some_and(|cut| cut.id() == loaded.cut.id()) => {
            Ok(Some(loaded.state))
        }
        _ => {
            tracing::warn!(epoch, "a snapshot here does not hold");
            Ok(None)
        }
    }
}

/// What a second execution of an epoch says about the first one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The epoch.
    pub epoch: Epoch,
    /// Its cut.
    pub cut: CutId,
    /// By stage: name, digest of the second execution, and what the cut or the tables say it is; none
    /// where nothing is stored to compare it with.
    pub stages: Vec<StageVerdict>,
    /// By root of the cut: its name, certified and recomputed.
    pub roots: Vec<(&'static str, ganglion_types::Digest, ganglion_types::Digest)>,
    /// The first row in which the stored epoch and the second execution differ, as far as rows of it
    /// are stored.
    pub difference: Option<StageDifference>,
}

/// One stage of a [`Verdict`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageVerdict {
    /// Name of the stage.
    pub name: &'static str,
    /// Rows of the second execution.
    pub rows: u64,
    /// Its digest.
    pub digest: ganglion_types::Digest,
    /// The digest of what is stored, if anything is.
    pub stored: Option<ganglion_types::Digest>,
}

impl Verdict {
    /// Whether everything that could be compared is equal.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.difference.is_none()
            && self.roots.iter().all(|(_, certified, own)| certified == own)
            && self.stages.iter().all(|stage| stage.stored.is_none_or(|one| one == stage.digest))
    }
}

/// Compares an epoch executed again with what is stored of it.
///
/// # Errors
/// The store failed.
pub fn verdict(reader: &Reader, replayed: &Replayed) -> Result<Verdict, AuditError> {
    let (cut, epoch) = (&replayed.cut, replayed.cut.epoch);
    let again = stages(&replayed.state, &replayed.result);
    let result = StoredResult::read(reader, epoch)?;
    let stored = stored_stages(reader, epoch, &result)?;
    let stored_of = |number| stored.iter().find(|stage: &&Stage| stage.number == number);
    // Ours is what is stored, so that "here" in a difference is this node's store.
    let difference = again
        .iter()
        .find_map(|stage| stored_of(stage.number).and_then(|own| own.first_difference(stage)));
    let certified = roots_in(cut);
    let own = roots_of(&digests(&again)).unwrap_or(replayed.roots);
    let stages = again
        .iter()
        .map(|stage| {
            let (digest, number) = (stage.digest(), stage.number);
            let kept = match number {
                RESULT => Some(certified.result_root),
                stages::COMMITTEE => Some(certified.next_committee_root),
                table => result.tables.iter().find(|(of, _)| u32::from(*of) == table).map(|t| t.1),
            };
            StageVerdict {
                name: stage_name(number),
                rows: digest.rows,
                digest: digest.digest,
                stored: stored_of(number).map(|stage| stage.digest().digest).or(kept),
            }
        })
        .collect();
    Ok(Verdict {
        epoch,
        cut: cut.id(),
        stages,
        roots: vec![
            ("state root", certified.state_root, own.state_root),
            ("result root", certified.result_root, own.result_root),
            ("next committee root", certified.next_committee_root, own.next_committee_root),
        ],
        difference,
    })
}

/// What the tables hold of an epoch: its result, and the state if it is the last one.
fn stored_stages(
    reader: &Reader,
    epoch: Epoch,
    result: &StoredResult,
) -> Result<Vec<Stage>, AuditError> {
    let mut found = Vec::new();
    if reader.applied()? == Some(epoch.get()) {
        for table in Table::ALL {
            let mut rows = Vec::new();
            loop {
                let after = rows.last().map(|(key, _): &(Vec<u8>, Vec<u8>)| key.clone());
                let page = reader.state_rows(table.number(), after.as_deref(), PAGE)?;
                if page.is_empty() {
                    break;
                }
                rows.extend(page);
            }
            // No stage where there is no such registry.
            if table != Table::External || !rows.is_empty() {
                found.push(Stage { number: table.number().into(), rows });
            }
        }
    }
    if let Some(header) = &result.header {
        let rows = result.rows.iter().cloned().map(|(uid, row)| (uid.to_be_bytes().to_vec(), row));
        let rows = std::iter::once((Vec::new(), header.clone())).chain(rows).collect();
        found.push(Stage { number: RESULT, rows });
    }
    Ok(found)
}

/// An epoch taken apart, executed again.
///
/// # Errors
/// See [`AuditError`].
pub fn read_epoch(
    reader: &Reader,
    manifest: &Arc<Manifest>,
    epoch: Epoch,
) -> Result<Replayed, AuditError> {
    let last = Epoch::new(reader.certified().map_or(0, |(_, last)| last));
    if epoch > last || epoch == Epoch::GENESIS {
        return Err(AuditError::NotHere { epoch, last });
    }
    Replay::towards(reader, Arc::clone(manifest), epoch)?.go_to(epoch)
}
