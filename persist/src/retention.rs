//! Which items leave the certificate log, and when.
//!
//! ```text
//!  epochs   1 ……………… segment ends ……… snapshot S ……… last − retained ……………… last
//!           ├─ cuts and certificates ─┤├────────────── whole ──────────────────┤
//! ```
//! Items go once they are older than the time for which stake can be slashed and a snapshot of this node's own, read back
//! and found to be the certified state, covers them: what is left rebuilds the tables from that snapshot.

use std::sync::Arc;

use ganglion_storage::{Compactor, Logged, Reader, SEGMENT_EPOCHS, StoreError};
use ganglion_types::{Cut, CutId, Manifest, proto};
use prost::Message as _;

use crate::snapshots::{self, cut_of};

/// Removing items that are due; for any thread.
#[derive(Debug)]
pub struct Compaction {
    pub(crate) compactor: Compactor,
    pub(crate) reader: Reader,
    pub(crate) manifest: Arc<Manifest>,
    /// Items of this epoch and later ones stay.
    pub(crate) before: u64,
}

/// What a compaction has removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Epochs whose items went.
    pub epochs: u64,
    /// Bytes on the disk before, of the files concerned.
    pub before: u64,
    /// Bytes now.
    pub after: u64,
}

/// Whether the oldest segment with items may be old enough. Cheap: it looks at no file.
pub(crate) fn is_due(reader: &Reader, before: u64) -> bool {
    let Some(from) = reader.whole_from() else { return false };
    from.max(1).next_multiple_of(SEGMENT_EPOCHS) < before
}

impl Compaction {
    /// Removes the items of every segment that is due.
    ///
    /// # Errors
    /// What the store says; the log is as sound as before.
    pub fn run(&self) -> Result<Removed, StoreError> {
        let mut removed = Removed::default();
        let Some(through) = self.covered()? else { return Ok(removed) };
        let cut = |epoch: u64, bundle: &[u8]| self.without_items(epoch, bundle);
        while let Some(one) = self.compactor.compact(through, cut)? {
            let (first, last) = one.epochs;
            removed.epochs = removed.epochs.saturating_add(last.saturating_sub(first) + 1);
            removed.before = removed.before.saturating_add(one.before);
            removed.after = removed.after.saturating_add(one.after);
        }
        Ok(removed)
    }

    /// The newest epoch before the retained ones of which a snapshot is here and holds.
    fn covered(&self) -> Result<Option<u64>, StoreError> {
        let Some(from) = self.reader.whole_from() else { return Ok(None) };
        for epoch in self.reader.snapshots().epochs()?.into_iter().rev() {
            if epoch >= self.before {
                continue;
            }
            if epoch < from {
                break;
            }
            let certified = self.reader.logged(epoch)?.as_ref().and_then(id_of);
            let Some(parts) = self.reader.snapshots().parts(epoch)? else { continue };
            match snapshots::load(&parts, &self.manifest) {
                Ok(loaded) if Some(loaded.cut.id()) == certified => return Ok(Some(epoch)),
                _ => tracing::warn!(epoch, "a snapshot here does not hold; no items go for it"),
            }
        }
        Ok(None)
    }

    /// The record that stays of an epoch, with the committee that certified it.
    fn without_items(&self, epoch: u64, bundle: &[u8]) -> Option<Vec<u8>> {
        let bundle = proto::EpochBundle::decode(bundle).ok()?;
        let committee = self.reader.committee_of_epoch(epoch).ok()?;
        let committee = committee.map(|bytes| proto::CommitteeMembers::decode(bytes.as_slice()));
        let certified = proto::CertifiedCut {
            cut: Some(bundle.cut?),
            certificate: Some(bundle.certificate?),
            committee: committee.transpose().ok()?,
        };
        Some(certified.encode_to_vec())
    }
}

fn id_of(logged: &Logged) -> Option<CutId> {
    cut_of(logged).as_ref().map(Cut::id)
}
