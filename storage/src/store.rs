//! One data directory, opened.
//!
//! ```text
//!  <dir>/lock                     held while the process lives
//!  <dir>/certificates-<n>.log     every certified epoch, from which the state can be rebuilt
//!  <dir>/state/                   tables, in sled
//!  <dir>/agreement-<epoch>.log    what this node said at the height being decided
//!  <dir>/watermark                how far it signed
//!
//!  at a height:  record ► sync ► watermark ► sync ► send                        Store::record, Store::persist
//!  at decide:    certificate log ► sync ► tables, one step ► flush ► sync       Store::commit_epoch
//!  then:         empty agreement log ► watermark, both slots ► old log removed  Store::begin_epoch
//! ```

use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    sync::Arc,
};

use ganglion_types::planted::{self, Bug};

use crate::{
    aged::{AGED_BLOBS, AGED_ITEMS, AGED_LISTS, AgedTable},
    agreement_log::{self, AgreementLog, Entry},
    backend::Backend,
    certificate_log::{BUNDLE_BYTES_MAX, CertificateLog, Compactor, Logged, SEGMENT_EPOCHS},
    error::StoreError,
    fork_file::{self, FORK_BYTES_MAX, KeptFork},
    reader::Reader,
    schema::{
        CERTIFICATES, COMMITTEES, COMMITTEES_BY_EPOCH, CUTS, EPOCHS, META, MetaKey, RESULTS, STATE,
        StateKey,
    },
    table::Step,
    watermark::{RoundCut, Watermark, WatermarkFile},
};

/// Peers kept.
pub const PEERS_MAX: usize = 1_000;
/// Epochs that the log has already are executed again in lots of so many before their steps are made durable: a rebuild
/// that is broken off repeats the last lot.
const AGAIN_EPOCHS: u64 = 64;
/// Bytes of one peer record.
pub const PEER_BYTES_MAX: usize = 8 << 10;

/// What an open store can still vouch for about its own past statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Everything said at the watermark's epoch is here: replay it, then go on.
    Whole {
        /// All records of that epoch, in order; some may lie behind the watermark, which is harmless.
        entries: Vec<Entry>,
    },
    /// The records are not whole: sign nothing at this epoch or below, follow by certificate.
    MuteThrough {
        /// The epoch.
        epoch: u64,
    },
    /// The watermark is gone: sign nothing until one whole epoch, seen certified from its start, has passed.
    MuteUnknown,
}

/// What was found when the store was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// How far this node had signed; `None` if the watermark is gone.
    pub watermark: Option<Watermark>,
    /// What that is worth.
    pub standing: Standing,
    /// Item sequence numbers below this may have been used.
    pub item_seq_reserved: u64,
    /// Last epoch in the certificate log; `None` if it is empty.
    pub certified: Option<u64>,
    /// Last epoch whose step is in the tables; `None` if not even genesis is.
    pub applied: Option<u64>,
}

impl Recovered {
    /// Certified epochs whose step is not in the tables: read each with [`Reader::bundle`], execute it again and hand it to
    /// [`Store::commit_epoch`]. Without genesis, [`Store::commit_genesis`] comes first.
    #[must_use]
    pub fn unapplied(&self) -> RangeInclusive<u64> {
        let first = self.applied.map_or(1, |applied| applied + 1);
        first..=self.certified.unwrap_or(0)
    }
}

/// A change of one ledger row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// Table, numbered by the caller.
    pub table: u8,
    /// Key within it, at most 254 bytes.
    pub key: Vec<u8>,
    /// New value, `None` to remove the row.
    pub value: Option<Vec<u8>>,
}

/// Everything that a decided epoch changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EpochCommit {
    /// The epoch, one after the last applied.
    pub epoch: u64,
    /// For the certificate log: an encoded `EpochBundle`, or of a state without its items an encoded `CertifiedCut`.
    pub bundle: Vec<u8>,
    /// Encoded cut.
    pub cut: Vec<u8>,
    /// Encoded certificate.
    pub certificate: Vec<u8>,
    /// Ledger rows that change.
    pub state: Vec<StateChange>,
    /// Result rows by uid, no uid twice.
    pub results: Vec<(u16, Vec<u8>)>,
    /// Items of the cut by id, kept under this epoch unless they are there already.
    pub items: Vec<([u8; 32], Vec<u8>)>,
    /// Encoded committee that certifies the next epoch; empty to note none.
    pub next_committee: Vec<u8>,
}

/// Where in an epoch this node stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Round.
    pub round: u32,
    /// Step within it, rising with progress; numbered by the caller.
    pub step: u8,
    /// Locked value.
    pub locked: Option<RoundCut>,
    /// Valid value.
    pub valid: Option<RoundCut>,
}

/// The open store: one writer, any number of [`Reader`]s.
///
/// After any failed write or sync it takes no more writes ([`StoreError::Poisoned`]): nothing that happens later can be known
/// to be durable, so the process must sign nothing.
#[derive(Debug)]
pub struct Store {
    pub(crate) paths: Paths,
    pub(crate) reader: Reader,
    pub(crate) log: CertificateLog,
    pub(crate) agreement: Option<AgreementLog>,
    pub(crate) watermark: Option<(WatermarkFile, Watermark)>,
    /// Nothing may be signed at this epoch or below.
    pub(crate) mute_through: Option<u64>,
    pub(crate) item_seq_reserved: u64,
    /// Without a watermark: the epoch that this process has seen begin.
    pub(crate) seen_beginning: Option<u64>,
    pub(crate) applied: Option<u64>,
    pub(crate) items: AgedTable,
    pub(crate) lists: AgedTable,
    pub(crate) blobs: AgedTable,
    pub(crate) peers: BTreeMap<[u8; 32], u64>,
    /// The first failure, and whether it was for want of room.
    pub(crate) poisoned: Option<(String, bool)>,
}

/// Where a store lives.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    pub(crate) disk: Arc<dyn crate::disk::Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) subnet: [u8; 32],
    /// See [`CertificateLog::open`].
    pub(crate) segment_epochs: u64,
}

impl Paths {
    pub(crate) fn new(disk: Arc<dyn crate::disk::Disk>, dir: &Path, subnet: [u8; 32]) -> Self {
        Self { disk, dir: dir.to_owned(), subnet, segment_epochs: SEGMENT_EPOCHS }
    }

    pub(crate) fn watermark(&self) -> PathBuf {
        self.dir.join("watermark")
    }
}

/// Opens the backend of a store; only called when the directory holds one or may begin one.
pub(crate) type OpenBackend<'a> =
    &'a dyn Fn(&Path) -> Result<Arc<dyn Backend>, crate::error::OpenError>;

impl Store {
    /// A handle for other threads; clone it freely.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The failure after which this store takes no writes.
    #[must_use]
    pub fn poisoned(&self) -> Option<&str> {
        self.poisoned.as_ref().map(|(first, _)| first.as_str())
    }

    /// Last epoch whose step is in the tables.
    #[must_use]
    pub fn applied(&self) -> Option<u64> {
        self.applied
    }

    /// The watermark as last written.
    #[must_use]
    pub fn watermark(&self) -> Option<&Watermark> {
        self.watermark.as_ref().map(|(_, watermark)| watermark)
    }

    /// Runs a write; remembers a failure for good.
    pub(crate) fn write<T>(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if let Some(first) = &self.poisoned {
            let (first, full) = first.clone();
            return Err(StoreError::Poisoned { first, full });
        }
        let outcome = write(self);
        if let Err(error) = &outcome
            && error.poisons()
        {
            tracing::error!(%error, "the store is closed for writing");
            self.poisoned = Some((error.to_string(), error.is_full()));
        }
        outcome
    }

    /// Writes genesis, the state that epoch 1 builds on, durably.
    ///
    /// # Errors
    /// [`StoreError::OutOfOrder`] if it is there already; [`StoreError::TooLarge`]; what disk and database say.
    pub fn commit_genesis(
        &mut self,
        cut: Vec<u8>,
        state: Vec<StateChange>,
    ) -> Result<(), StoreError> {
        self.write(|store| {
            if let Some(applied) = store.applied {
                return Err(StoreError::OutOfOrder { epoch: 0, expected: applied + 1 });
            }
            store.apply(EpochCommit { cut, state, ..EpochCommit::default() }, None)
        })
    }

    /// Writes a decided epoch, durably: first the certificate log, then the tables in one atomic step.
    ///
    /// For an epoch that the log holds already (see [`Recovered::unapplied`]) only the tables are written, and made durable
    /// with the last of these epochs at the latest.
    ///
    /// # Errors
    /// [`StoreError::OutOfOrder`] unless the epoch follows the last applied; [`StoreError::BundleDiffers`];
    /// [`StoreError::TooLarge`], before anything is written; what disk and database say.
    pub fn commit_epoch(&mut self, mut commit: EpochCommit) -> Result<(), StoreError> {
        self.write(|store| {
            let epoch = commit.epoch;
            let expected = store.applied.map_or(0, |applied| applied + 1);
            if epoch != expected || epoch == 0 {
                return Err(StoreError::OutOfOrder { epoch, expected });
            }
            let (bytes, max) = (commit.bundle.len(), BUNDLE_BYTES_MAX);
            if bytes > max {
                return Err(StoreError::TooLarge { what: "an epoch bundle", bytes, max });
            }
            let bundle = std::mem::take(&mut commit.bundle);
            if !store.is_logged(epoch) {
                return store.apply(commit, Some(Logged::Whole(bundle)));
            }
            match store.reader.bundle(epoch)? {
                Some(logged) if logged == bundle => store.apply(commit, None),
                _ => Err(StoreError::BundleDiffers { epoch }),
            }
        })
    }

    /// Writes the state after an epoch without those before it, durably: a node that joins by a snapshot, or rebuilds
    /// its tables from one. `commit.state` holds every ledger row. `commit.bundle` begins the certificate log as a record
    /// without items, unless the log has this epoch; then the caller has compared the two.
    ///
    /// # Errors
    /// [`StoreError::OutOfOrder`] if an epoch was applied already; [`StoreError::TooLarge`]; what disk and database say.
    pub fn commit_snapshot(&mut self, mut commit: EpochCommit) -> Result<(), StoreError> {
        self.write(|store| {
            let epoch = commit.epoch;
            if let Some(applied) = store.applied {
                let expected = applied.saturating_add(1);
                return Err(StoreError::OutOfOrder { epoch, expected });
            }
            let cut = Logged::Cut(std::mem::take(&mut commit.bundle));
            store.apply(commit, Some(cut).filter(|_| !store.is_logged(epoch)))
        })
    }

    /// Puts back what the log still says about an epoch before the first whose step will be in the tables: for a store
    /// whose tables are made again from a snapshot. Durable with [`Store::commit_snapshot`], which comes last.
    ///
    /// # Errors
    /// [`StoreError::OutOfOrder`] if an epoch was applied already; [`StoreError::TooLarge`]; what the database says.
    pub fn restore_cut(
        &mut self,
        epoch: u64,
        cut: Vec<u8>,
        certificate: Vec<u8>,
        committee: Option<Vec<u8>>,
    ) -> Result<(), StoreError> {
        self.write(|store| {
            if let Some(applied) = store.applied {
                let expected = applied.saturating_add(1);
                return Err(StoreError::OutOfOrder { epoch, expected });
            }
            let mut step = Step::default();
            step.put(&CUTS, &epoch, cut);
            if epoch > 0 {
                step.put(&CERTIFICATES, &epoch, certificate);
            }
            step.put(&EPOCHS, &epoch, 0_u32.to_be_bytes().to_vec());
            if let Some(committee) = committee {
                step.put(&COMMITTEES_BY_EPOCH, &epoch, committee);
            }
            store.reader.tables.commit(step)
        })
    }

    /// What removes items of old epochs from the certificate log, on any thread.
    #[must_use]
    pub fn compactor(&self) -> Compactor {
        self.log.compactor(self.reader._lock.clone())
    }

    fn is_logged(&self, epoch: u64) -> bool {
        epoch == 0 || self.log.last().is_some_and(|last| epoch <= last)
    }

    /// Appends the record, if one is given, then takes the step.
    fn apply(&mut self, commit: EpochCommit, record: Option<Logged>) -> Result<(), StoreError> {
        let epoch = commit.epoch;
        let step = self.step_of(commit)?;
        if planted::is(Bug::TablesBeforeLog) {
            self.reader.tables.commit(step)?;
            self.reader.tables.flush()?;
            if let Some(record) = record {
                self.log.append(epoch, &record)?;
                self.log.sync()?;
            }
            self.applied = Some(epoch);
            return Ok(());
        }
        if let Some(record) = &record {
            self.log.append(epoch, record)?;
            self.log.sync()?;
        }
        self.reader.tables.commit(step)?;
        // Nothing new is said before the last epoch of the log is in the tables.
        let last = self.log.last().is_none_or(|last| epoch >= last);
        if record.is_some() || last || epoch.is_multiple_of(AGAIN_EPOCHS) {
            self.reader.tables.flush()?;
        }
        self.applied = Some(epoch);
        Ok(())
    }

    fn step_of(&mut self, commit: EpochCommit) -> Result<Step, StoreError> {
        let epoch = commit.epoch;
        let mut step = Step::default();
        for StateChange { table, key, value } in commit.state {
            match value {
                Some(value) => step.put(&STATE, &StateKey { table, key }, value),
                None => step.remove(&STATE, &StateKey { table, key }),
            }
        }
        step.put(&CUTS, &epoch, commit.cut);
        if epoch > 0 {
            step.put(&CERTIFICATES, &epoch, commit.certificate);
        }
        let results = u32::try_from(commit.results.len()).unwrap_or(u32::MAX);
        step.put(&EPOCHS, &epoch, results.to_be_bytes().to_vec());
        if !commit.next_committee.is_empty() {
            step.put(&COMMITTEES_BY_EPOCH, &epoch.saturating_add(1), commit.next_committee);
        }
        for (uid, row) in commit.results {
            step.put(&RESULTS, &(epoch, uid), row);
        }
        step.put(&META, &MetaKey::Applied, epoch.to_be_bytes().to_vec());
        // Before items count against their bound, see that nothing else is refused.
        step.validate()?;
        for (id, item) in commit.items {
            match self.items.put(&self.reader.tables, &mut step, epoch, id, &item) {
                Err(error @ (StoreError::Full { .. } | StoreError::TooLarge { .. })) => {
                    tracing::warn!(epoch, %error, "an item is kept in the epoch's bundle only");
                }
                other => drop(other?),
            }
        }
        Ok(step)
    }

    /// Starts the height after the last applied epoch: an empty agreement log, then the watermark in both slots, then the
    /// earlier logs go. Without effect if this height is the present one and whole.
    ///
    /// After [`Standing::MuteUnknown`] the first call starts nothing: it marks the beginning of the one whole epoch that has to
    /// pass. The call for a later epoch ends the silence.
    ///
    /// # Errors
    /// [`StoreError::OutOfOrder`]; [`StoreError::Mute`] for an epoch at which this node must stay silent; what the disk says.
    pub fn begin_epoch(&mut self, epoch: u64) -> Result<(), StoreError> {
        self.write(|store| {
            let expected = store.applied.max(store.log.last()).map_or(0, |last| last + 1);
            if epoch != expected || epoch == 0 {
                return Err(StoreError::OutOfOrder { epoch, expected });
            }
            if store.agreement.as_ref().is_some_and(|log| log.epoch() == epoch) {
                return Ok(());
            }
            if let Some(mute) = store.mute_through.filter(|mute| epoch <= *mute) {
                return Err(StoreError::Mute { epoch: Some(mute) });
            }
            if store.watermark.is_none() && store.seen_beginning.get_or_insert(epoch) == &epoch {
                return Ok(());
            }
            store.start_log(epoch)
        })
    }

    fn start_log(&mut self, epoch: u64) -> Result<(), StoreError> {
        let Paths { disk, dir, subnet, .. } = self.paths.clone();
        let path = self.paths.watermark();
        let log = AgreementLog::reset(disk.as_ref(), &dir, &subnet, epoch)?;
        let next =
            Watermark { epoch, item_seq_reserved: self.item_seq_reserved, ..Watermark::default() };
        match &mut self.watermark {
            Some((file, watermark)) => {
                file.write_both(&next).map_err(StoreError::io(&path))?;
                *watermark = next;
            }
            none => {
                let file = WatermarkFile::create(disk.as_ref(), &path, &next);
                *none = Some((file.map_err(StoreError::io(&path))?, next));
            }
        }
        log.remove_earlier(disk.as_ref())?;
        self.agreement = Some(log);
        self.mute_through = None;
        Ok(())
    }

    fn mute(&self) -> StoreError {
        StoreError::Mute { epoch: self.mute_through }
    }

    /// Appends to the agreement log of the present height and gives the record's number. Nothing may be sent on its strength
    /// before [`Store::persist`].
    ///
    /// # Errors
    /// [`StoreError::Mute`] without a whole log; [`StoreError::TooLarge`]; what the disk says.
    pub fn record(&mut self, kind: u8, bytes: &[u8]) -> Result<u64, StoreError> {
        self.write(|store| match &mut store.agreement {
            Some(log) => log.append(kind, bytes),
            None => Err(store.mute()),
        })
    }

    /// Makes all records durable, then the watermark that covers them and says where this node stands. After `Ok` what they
    /// say may be sent.
    ///
    /// # Errors
    /// [`StoreError::Mute`]; [`StoreError::Backwards`] for a round, or step in the same round, before the last one; what the
    /// disk says.
    pub fn persist(&mut self, position: Position) -> Result<(), StoreError> {
        self.write(|store| {
            let path = store.paths.watermark();
            let mute = store.mute();
            let (Some(log), Some((file, watermark))) = (&store.agreement, &mut store.watermark)
            else {
                return Err(mute);
            };
            let Position { round, step, locked, valid } = position;
            if (round, step) < (watermark.round, watermark.step) {
                return Err(StoreError::Backwards { round, step });
            }
            log.sync()?;
            let last_record = log.last_record();
            let next = Watermark { round, step, locked, valid, last_record, ..*watermark };
            file.write(&next).map_err(StoreError::io(&path))?;
            *watermark = next;
            Ok(())
        })
    }

    /// Makes durable that item sequence numbers below `end` may have been used; call it before using them, a block at a time.
    /// A lower `end` than before is without effect.
    ///
    /// # Errors
    /// What disk and database say.
    pub fn reserve_item_seq(&mut self, end: u64) -> Result<(), StoreError> {
        self.write(|store| {
            if end <= store.item_seq_reserved {
                return Ok(());
            }
            // A watermark made now would end the silence too early.
            if let Some((file, watermark)) = &mut store.watermark {
                let path = store.paths.watermark();
                let next = Watermark { item_seq_reserved: end, ..*watermark };
                file.write_both(&next).map_err(StoreError::io(&path))?;
                *watermark = next;
            }
            // Also where an older copy of the watermark does not reach: no number is given out twice.
            let mut step = Step::default();
            step.put(&META, &MetaKey::ItemSeq, end.to_be_bytes().to_vec());
            store.reader.tables.commit(step)?;
            store.reader.tables.flush()?;
            store.item_seq_reserved = end;
            Ok(())
        })
    }

    /// Keeps the encoded members of a committee under its root, unless they are there already. Durable
    /// after [`Store::flush`] or the next epoch: they can be found again by executing.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`]; what the database says.
    pub fn put_committee(&mut self, root: [u8; 32], members: &[u8]) -> Result<(), StoreError> {
        self.write(|store| {
            if store.reader.committee(&root)?.is_some() {
                return Ok(());
            }
            let mut step = Step::default();
            step.put(&COMMITTEES, &root, members.to_vec());
            store.reader.tables.commit(step)
        })
    }

    /// Keeps what proves that an epoch has two certified cuts, durably, in a file of its own. The first
    /// proof of an epoch stays.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] over [`FORK_BYTES_MAX`]; what the disk says.
    pub fn put_fork(&mut self, epoch: u64, proof: &[u8]) -> Result<(), StoreError> {
        self.write(|store| {
            let (what, bytes, max) = ("a fork", proof.len(), FORK_BYTES_MAX);
            if bytes > max {
                return Err(StoreError::TooLarge { what, bytes, max });
            }
            let Paths { disk, dir, subnet, .. } = &store.paths;
            fork_file::write(disk.as_ref(), dir, subnet, epoch, proof).map_err(StoreError::io(dir))
        })
    }

    /// The forks kept, by epoch.
    ///
    /// # Errors
    /// What the disk says.
    pub fn forks(&self) -> Result<Vec<KeptFork>, StoreError> {
        let Paths { disk, dir, subnet, .. } = &self.paths;
        fork_file::read_all(disk.as_ref(), dir, subnet).map_err(StoreError::io(dir))
    }
}

/// Epochs with an agreement log, for the opening code.
pub(crate) fn agreement_epochs(paths: &Paths) -> std::io::Result<Vec<u64>> {
    agreement_log::epochs(paths.disk.as_ref(), &paths.dir)
}

pub(crate) fn aged_tables(
    tables: &crate::table::Tables,
) -> Result<(AgedTable, AgedTable, AgedTable), StoreError> {
    Ok((
        AgedTable::open(tables, &AGED_ITEMS)?,
        AgedTable::open(tables, &AGED_LISTS)?,
        AgedTable::open(tables, &AGED_BLOBS)?,
    ))
}
