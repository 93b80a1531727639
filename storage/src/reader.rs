//! Reading from any thread.

use std::sync::Arc;

use crate::{
    aged::{AGED_BLOBS, AGED_ITEMS, AGED_LISTS},
    certificate_log::{CertificateReader, Logged},
    codec::Fields,
    error::{Damage, Part, StoreError},
    lock::DirectoryLock,
    schema::{
        CERTIFICATES, COMMITTEES, COMMITTEES_BY_EPOCH, CUTS, EPOCHS, LOCAL, META, MetaKey, Name,
        PEERS, RESULTS, STATE, StateKey, Table,
    },
    snapshots::SnapshotFiles,
    table::Tables,
};

/// Reads the store from any thread while the driver writes. Clones are cheap.
///
/// Rows of one epoch (cut, certificate, results) never change once they are there. Ledger rows do: each call sees every row
/// as of some moment during the call, so what must be consistent is read by epoch. Holds the directory's lock: the store is
/// closed when the last reader is gone.
#[derive(Clone, Debug)]
pub struct Reader {
    pub(crate) tables: Tables,
    pub(crate) certificates: CertificateReader,
    pub(crate) snapshots: SnapshotFiles,
    // Last, so that the database is closed before another process may open it.
    pub(crate) _lock: Option<Arc<DirectoryLock>>,
}

/// A ledger row: key within its table, and value.
pub type StateRow = (Vec<u8>, Vec<u8>);

/// A result row: uid and value.
pub type ResultRow = (u16, Vec<u8>);

/// A peer as it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerRow {
    /// The peer's hotkey.
    pub hotkey: [u8; 32],
    /// When its record expires, in unix seconds.
    pub expires: u64,
    /// The signed record.
    pub record: Vec<u8>,
}

/// Most rows that one call gives.
pub const PAGE_ROWS_MAX: usize = 4_096;

impl Reader {
    /// The epoch whose step was applied last; `None` before genesis is.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`]; so for every call below.
    pub fn applied(&self) -> Result<Option<u64>, StoreError> {
        self.number(&META, &MetaKey::Applied)
    }

    /// First and last epoch in the certificate log. The last may be one ahead of the applied epoch.
    #[must_use]
    pub fn certified(&self) -> Option<(u64, u64)> {
        self.certificates.range()
    }

    /// The encoded cut of an applied epoch; `None` for a later one.
    pub fn cut(&self, epoch: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.of_epoch(&CUTS, epoch)
    }

    /// The encoded certificate of an applied epoch; `None` for a later one and for genesis.
    pub fn certificate(&self, epoch: u64) -> Result<Option<Vec<u8>>, StoreError> {
        if epoch == 0 { Ok(None) } else { self.of_epoch(&CERTIFICATES, epoch) }
    }

    /// The encoded committee that certifies an epoch, if it was noted.
    pub fn committee_of_epoch(&self, epoch: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.tables.get(&COMMITTEES_BY_EPOCH, &epoch)
    }

    /// The snapshots of this node.
    #[must_use]
    pub fn snapshots(&self) -> &SnapshotFiles {
        &self.snapshots
    }

    /// The encoded bundle of a certified epoch, from the log; `None` too if its items are not kept.
    pub fn bundle(&self, epoch: u64) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(match self.certificates.read(epoch)? {
            Some(Logged::Whole(bundle)) => Some(bundle),
            Some(Logged::Cut(_)) | None => None,
        })
    }

    /// What the log holds of a certified epoch.
    pub fn logged(&self, epoch: u64) -> Result<Option<Logged>, StoreError> {
        self.certificates.read(epoch)
    }

    /// The first epoch from which on the log has all items; one after the last if it has none. `None` for an empty log.
    #[must_use]
    pub fn whole_from(&self) -> Option<u64> {
        self.certificates.whole_from()
    }

    /// The result row of one uid in one epoch; `None` too if it was pruned.
    pub fn result(&self, epoch: u64, uid: u16) -> Result<Option<Vec<u8>>, StoreError> {
        self.tables.get(&RESULTS, &(epoch, uid))
    }

    /// All result rows of an applied epoch by uid; `None` for a later one, empty if they were pruned.
    pub fn results(&self, epoch: u64) -> Result<Option<Vec<ResultRow>>, StoreError> {
        let Some(expected) = self.of_epoch(&EPOCHS, epoch)? else { return Ok(None) };
        let rows =
            self.tables.scan(&RESULTS, &epoch.to_be_bytes(), None, usize::from(u16::MAX) + 1)?;
        if Fields::new(&expected).u32() != u32::try_from(rows.len()).ok()
            // Pruning may have come between the two reads.
            && self.of_epoch(&EPOCHS, epoch)?.as_ref() == Some(&expected)
        {
            return Err(gone(RESULTS.name, epoch));
        }
        Ok(Some(rows.into_iter().map(|((_, uid), row)| (uid, row)).collect()))
    }

    /// A ledger row.
    pub fn state(&self, table: u8, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.tables.get(&STATE, &StateKey { table, key: key.to_vec() })
    }

    /// Ledger rows of a table in key order, from behind `after` on: at most `limit`, and at most [`PAGE_ROWS_MAX`].
    pub fn state_rows(
        &self,
        table: u8,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<StateRow>, StoreError> {
        let after = after.map(|key| StateKey { table, key: key.to_vec() });
        let rows = self.tables.scan(&STATE, &[table], after.as_ref(), limit.min(PAGE_ROWS_MAX))?;
        Ok(rows.into_iter().map(|(key, value)| (key.key, value)).collect())
    }

    /// An item and the epoch it is kept under.
    pub fn item(&self, id: &[u8; 32]) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        AGED_ITEMS.get(&self.tables, id)
    }

    /// Ids of items kept under an epoch, in order, from behind `after` on: at most `limit`, and at most [`PAGE_ROWS_MAX`].
    pub fn items_of(
        &self,
        epoch: u64,
        after: Option<[u8; 32]>,
        limit: usize,
    ) -> Result<Vec<[u8; 32]>, StoreError> {
        AGED_ITEMS.of_epoch(&self.tables, epoch, after, limit.min(PAGE_ROWS_MAX))
    }

    /// A list body by its digest.
    pub fn list(&self, digest: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(AGED_LISTS.get(&self.tables, digest)?.map(|(_, body)| body))
    }

    /// A blob by its digest.
    pub fn blob(&self, digest: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(AGED_BLOBS.get(&self.tables, digest)?.map(|(_, blob)| blob))
    }

    /// All peers kept.
    pub fn peers(&self) -> Result<Vec<PeerRow>, StoreError> {
        let mut peers = Vec::new();
        self.tables.walk(&PEERS, |hotkey, row| {
            let mut fields = Fields::new(&row);
            let damage = Damage::Row { table: PEERS.name };
            let damaged = StoreError::Damaged { part: Part::State, damage };
            let expires = fields.u64().ok_or(damaged)?;
            peers.push(PeerRow { hotkey: *hotkey, expires, record: fields.rest().to_vec() });
            Ok(())
        })?;
        Ok(peers)
    }

    /// The encoded members of a committee by its root, kept by
    /// [`Store::put_committee`](crate::Store::put_committee).
    pub fn committee(&self, root: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        self.tables.get(&COMMITTEES, root)
    }

    /// A value of this node's own, kept by [`Store::put_local`](crate::Store::put_local).
    pub fn local(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.tables.get(&LOCAL, &Name(name.to_owned()))
    }

    /// Item sequence numbers reserved while there was no watermark.
    pub(crate) fn item_seq(&self) -> Result<Option<u64>, StoreError> {
        self.number(&META, &MetaKey::ItemSeq)
    }

    /// How many result rows an epoch has.
    pub(crate) fn result_count(&self, epoch: u64) -> Result<u32, StoreError> {
        let row = self.tables.get(&EPOCHS, &epoch)?;
        let count = row.as_deref().and_then(|row| Fields::new(row).u32());
        count.ok_or_else(|| gone(EPOCHS.name, epoch))
    }

    fn number(&self, table: &Table<MetaKey>, key: &MetaKey) -> Result<Option<u64>, StoreError> {
        let Some(row) = self.tables.get(table, key)? else { return Ok(None) };
        let mut fields = Fields::new(&row);
        let number = fields.u64().and_then(|number| fields.end(number));
        let damage = Damage::Row { table: table.name };
        number.ok_or(StoreError::Damaged { part: Part::State, damage }).map(Some)
    }

    /// A row that every applied epoch has, if this node did not join by a snapshot of a later one.
    fn of_epoch(&self, table: &Table<u64>, epoch: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let first = self.certified().map_or(0, |(first, _)| first);
        match self.tables.get(table, &epoch)? {
            None if first > 1 && epoch < first => Ok(None),
            None if self.applied()?.is_some_and(|applied| epoch <= applied) => {
                // The epoch may have been applied between the two reads.
                self.tables.get(table, &epoch)?.ok_or_else(|| gone(table.name, epoch)).map(Some)
            }
            found => Ok(found),
        }
    }
}

fn gone(table: &'static str, epoch: u64) -> StoreError {
    StoreError::Damaged { part: Part::State, damage: Damage::Gone { table, epoch } }
}
