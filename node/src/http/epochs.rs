//! Decided epochs as the store keeps them, decoded.

use std::collections::BTreeMap;

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
/// one there the last before it, as long as they were active.
pub(super) fn standing_rows(
    reader: &Reader,
    state: &State,
    result: &EpochResult,
    newest: &EpochBundle,
) -> Result<BTreeMap<Uid, StandingRow>, ApiError> {
    let epoch = newest.cut.epoch;
    let mut rows = BTreeMap::new();
    let mut wanted: BTreeMap<Hotkey, Uid> = result
        .rows
        .iter()
        .filter(|row| row.active && row.stake_weight > 0)
        .map(|row| (row.hotkey, row.uid))
        .collect();
    take_rows(&mut wanted, &mut rows, newest);
    let age_max = state.hyperparameters().activity_cutoff.min(ROW_AGE_MAX);
    let oldest = epoch.get().saturating_sub(age_max).max(1);
    for earlier in (oldest..epoch.get()).rev() {
        if wanted.is_empty() {
            break;
        }
        if let Some(bundle) = bundle(reader, Epoch::new(earlier))? {
            take_rows(&mut wanted, &mut rows, &bundle);
        }
    }
    Ok(rows)
}

/// Moves the rows that a bundle gives to wanted validators.
fn take_rows(
    wanted: &mut BTreeMap<Hotkey, Uid>,
    rows: &mut BTreeMap<Uid, StandingRow>,
    bundle: &EpochBundle,
) {
    let mut said: BTreeMap<Uid, Vec<&Weights>> = BTreeMap::new();
    for item in &bundle.items {
        if let Body::Weights(weights) = item.body()
            && let Some(uid) = wanted.get(&weights.signer)
        {
            said.entry(*uid).or_default().push(weights);
        }
    }
    for (uid, mut statements) in said {
        statements.sort_by_key(|weights| std::cmp::Reverse(weights.seq));
        let equivocated = statements.windows(2).any(|pair| pair[0].seq == pair[1].seq);
        let Some(newest) = statements.first() else { continue };
        let entries = if equivocated { Vec::new() } else { newest.entries.clone() };
        rows.insert(uid, StandingRow { entries, epoch: bundle.cut.epoch, equivocated });
        wanted.retain(|_, other| *other != uid);
    }
}

/// Decodes what this node wrote itself.
fn decode<T: Canonical>(bytes: &[u8]) -> Result<T, ApiError> {
    T::from_bytes(bytes, usize::MAX).map_err(|error| ApiError::internal(&error))
}
