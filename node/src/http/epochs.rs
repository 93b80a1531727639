//! Decided epochs as the store keeps them, decoded.

use std::collections::{BTreeMap, BTreeSet};

use ganglion_consensus::ledger::{EpochResult, ResultHeader, ResultRow, State};
use ganglion_persist::StoredResult;
use ganglion_storage::Reader;
use ganglion_types::{
    Body, Canonical, Certificate, Cut, CutId, Epoch, EpochBundle, Hotkey, Uid, Weights,
};

use super::error::ApiError;

/// Epochs that are gone back at most for a row of weights that still counts.
const ROW_AGE_MAX: u64 = 64;

/// One decided epoch.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) cut: Cut,
    pub(super) id: CutId,
    /// None for genesis.
    pub(super) certificate: Option<Certificate>,
    /// Empty for genesis, and for an epoch whose rows were pruned.
    pub(super) result: EpochResult,
}

/// A row of weights as Yuma took it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StandingRow {
    /// `(uid, weight)`, rising by uid.
    pub(crate) entries: Vec<(u16, u16)>,
    /// Epoch whose cut holds it.
    pub(crate) epoch: Epoch,
    /// Its validator signed two rows with one number, so that none counts.
    pub(crate) equivocated: bool,
}

/// A decided epoch; `None` if it is not decided here yet.
pub(super) fn load(
    reader: &Reader,
    state: &State,
    epoch: Epoch,
) -> Result<Option<Decided>, ApiError> {
    let Some(cut) = reader.cut(epoch.get())? else {
        // Genesis follows from the manifest, even before it is stored.
        return Ok(state.genesis_cut().filter(|cut| cut.epoch == epoch).map(genesis));
    };
    let cut: Cut = decode(&cut)?;
    if epoch == Epoch::GENESIS {
        return Ok(Some(genesis(cut)));
    }
    let certificate = reader.certificate(epoch.get())?.as_deref().map(decode).transpose()?;
    let result = result(reader, epoch)?;
    let id = cut.id();
    Ok(Some(Decided { id, cut, certificate, result }))
}

fn genesis(cut: Cut) -> Decided {
    Decided { id: cut.id(), cut, certificate: None, result: EpochResult::default() }
}

/// The result of a decided epoch.
pub(super) fn result(reader: &Reader, epoch: Epoch) -> Result<EpochResult, ApiError> {
    let StoredResult { header, rows, .. } = StoredResult::read(reader, epoch)?;
    let broken = || ApiError::internal(&format!("the stored result of epoch {epoch} is no result"));
    let rows: Vec<ResultRow> = rows
        .iter()
        .map(|(_, bytes)| ResultRow::from_bytes(bytes).ok_or_else(broken))
        .collect::<Result<_, _>>()?;
    let header = match header {
        Some(bytes) => ResultHeader::from_bytes(&bytes).ok_or_else(broken)?,
        None if rows.is_empty() => ResultHeader { epoch, ..ResultHeader::default() },
        None => return Err(broken()),
    };
    Ok(EpochResult { header, rows })
}

/// The bundle of a decided epoch; `None` for genesis and later ones.
pub(super) fn bundle(reader: &Reader, epoch: Epoch) -> Result<Option<EpochBundle>, ApiError> {
    if epoch == Epoch::GENESIS {
        return Ok(None);
    }
    reader.bundle(epoch.get())?.as_deref().map(decode).transpose()
}

/// The rows of weights that counted in an epoch, by uid: those of its cut, and of validators without
/// one there the last before it, as long as they were active. A hidden row counts from the cut that
/// shows it on, and falls with a later commit that was never shown.
pub(super) fn standing_rows(
    reader: &Reader,
    state: &State,
    result: &EpochResult,
    newest: &EpochBundle,
) -> Result<BTreeMap<Uid, StandingRow>, ApiError> {
    let epoch = newest.cut.epoch;
    let rules = state.hyperparameters();
    let counting = result.rows.iter().filter(|row| row.active && row.stake_weight > 0);
    let mut search = Search {
        // A commit up to here has expired before this epoch's rows counted.
        expired: epoch.get().checked_sub(u64::from(rules.reveal_grace) + 1),
        wanted: counting.map(|row| (row.hotkey, row.uid)).collect(),
        shown: BTreeSet::new(),
        rows: BTreeMap::new(),
    };
    search.take(newest);
    let oldest = epoch.get().saturating_sub(rules.activity_cutoff.min(ROW_AGE_MAX)).max(1);
    for earlier in (oldest..epoch.get()).rev() {
        if search.wanted.is_empty() {
            break;
        }
        if let Some(bundle) = bundle(reader, Epoch::new(earlier))? {
            search.take(&bundle);
        }
    }
    Ok(search.rows.into_iter().map(|(uid, (_, row))| (uid, row)).collect())
}

/// The way back through the cuts, from the newest on.
struct Search {
    expired: Option<u64>,
    wanted: BTreeMap<Hotkey, Uid>,
    /// Commits that a later cut shows, by uid and epoch.
    shown: BTreeSet<(Uid, u64)>,
    /// With the epoch that each row is of.
    rows: BTreeMap<Uid, (u64, StandingRow)>,
}

impl Search {
    /// Takes the rows that a bundle gives to wanted validators.
    fn take(&mut self, bundle: &EpochBundle) {
        let cut = bundle.cut.epoch;
        let mut plain: BTreeMap<Uid, Vec<&Weights>> = BTreeMap::new();
        let mut unshown = Vec::new();
        for item in &bundle.items {
            let seat = self.wanted.get(&Hotkey::new(*item.body().signer())).copied();
            match (seat, item.body()) {
                (Some(uid), Body::Weights(row)) => plain.entry(uid).or_default().push(row),
                (Some(uid), Body::WeightReveal(row)) => {
                    self.shown.insert((uid, row.epoch.get()));
                    self.stand(uid, row.epoch.get(), cut, row.entries.clone(), false);
                }
                (Some(uid), Body::WeightCommit(_)) => unshown.push(uid),
                _ => {}
            }
        }
        for (uid, mut rows) in plain {
            rows.sort_by_key(|row| std::cmp::Reverse(row.seq));
            let equivocated = rows.windows(2).any(|pair| pair[0].seq == pair[1].seq);
            let Some(newest) = rows.first() else { continue };
            let entries = if equivocated { Vec::new() } else { newest.entries.clone() };
            self.stand(uid, cut.get(), cut, entries, equivocated);
        }
        for uid in unshown {
            let expired = self.expired.is_some_and(|last| cut.get() <= last);
            if expired && !self.shown.contains(&(uid, cut.get())) {
                self.stand(uid, cut.get(), cut, Vec::new(), false);
            }
        }
        // A cut before this one shows rows of epochs up to two before this cut's.
        let rows = &self.rows;
        self.wanted.retain(|_, uid| rows.get(uid).is_none_or(|(of, _)| of + 2 < cut.get()));
    }

    /// Of two rows the one of the later epoch stands.
    fn stand(
        &mut self,
        uid: Uid,
        of: u64,
        epoch: Epoch,
        entries: Vec<(u16, u16)>,
        equivocated: bool,
    ) {
        if self.rows.get(&uid).is_none_or(|(standing, _)| *standing < of) {
            self.rows.insert(uid, (of, StandingRow { entries, epoch, equivocated }));
        }
    }
}

/// Decodes what this node wrote itself.
fn decode<T: Canonical>(bytes: &[u8]) -> Result<T, ApiError> {
    T::from_bytes(bytes, usize::MAX).map_err(|error| ApiError::internal(&error))
}
