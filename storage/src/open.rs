//! Making a data directory, and finding out what one still knows.

use std::{io, path::Path, sync::Arc};

use crate::{
    agreement_log::{AgreementLog, Opened},
    backend::Backend,
    certificate_log::{CertificateLog, SEGMENT_EPOCHS},
    disk::{Disk, EIO, RealDisk},
    error::{Damage, OpenError, Part, StoreError},
    lock::DirectoryLock,
    memory::MemoryBackend,
    migrate,
    reader::Reader,
    schema::{META, MetaKey, SCHEMA},
    sled_backend::{SledBackend, says_failing},
    snapshots::SnapshotFiles,
    store::{OpenBackend, Paths, Recovered, Standing, Store, aged_tables, agreement_epochs},
    table::{Step, Tables},
    watermark::{Watermark, WatermarkFile},
};

/// The state database, in the data directory.
const STATE_DIR: &str = "state";
/// The same for a store on a disk that is not the machine's.
const STATE_JOURNAL: &str = "state.journal";

impl Store {
    /// Makes `dir` the data directory of a new node of `subnet`, with its first watermark, so that it is not mute.
    ///
    /// An initialisation that was interrupted is begun anew.
    ///
    /// # Errors
    /// [`OpenError::AlreadyInitialised`] if anything there would be lost, [`OpenError::Locked`], what the system says.
    pub fn init(dir: &Path, subnet: [u8; 32]) -> Result<(), OpenError> {
        let disk = RealDisk;
        disk.create_dir(dir).map_err(OpenError::io(dir))?;
        let _lock = DirectoryLock::acquire(dir)?;
        init(&Paths::new(Arc::new(disk), dir, subnet))?;
        let above = crate::disk::parent(dir);
        disk.sync_dir(above).map_err(OpenError::io(above))
    }

    /// Opens the data directory of a node.
    ///
    /// Reads every ledger row and the chain of all certificates to see that nothing is missing. A damaged state can be
    /// rebuilt: see [`OpenError::is_rebuildable`].
    ///
    /// # Errors
    /// See [`OpenError`]; never a panic, whatever is on the disk.
    pub fn open(dir: &Path, subnet: [u8; 32]) -> Result<(Self, Recovered), OpenError> {
        let disk = RealDisk;
        if !dir.is_dir() {
            return Err(OpenError::NotInitialised { dir: dir.to_owned() });
        }
        let lock = DirectoryLock::acquire(dir)?;
        let paths = Paths::new(Arc::new(disk), dir, subnet);
        open(paths, Some(Arc::new(lock)), &|dir| {
            Ok(Arc::new(SledBackend::open(&dir.join(STATE_DIR))?))
        })
    }

    /// [`Store::init`] on another disk: no lock.
    ///
    /// # Errors
    /// As there.
    pub fn init_on(disk: Arc<dyn Disk>, dir: &Path, subnet: [u8; 32]) -> Result<(), OpenError> {
        disk.create_dir(dir).map_err(OpenError::io(dir))?;
        init(&Paths::new(disk, dir, subnet))
    }

    /// [`Store::open`] on another disk: no lock, and the state in a [`MemoryBackend`] on that disk.
    ///
    /// # Errors
    /// As there.
    pub fn open_on(
        disk: Arc<dyn Disk>,
        dir: &Path,
        subnet: [u8; 32],
    ) -> Result<(Self, Recovered), OpenError> {
        Self::open_with_segments(disk, dir, subnet, SEGMENT_EPOCHS)
    }

    /// The same with segments of the certificate log that end with multiples of `segment_epochs`.
    ///
    /// # Errors
    /// As there.
    pub fn open_with_segments(
        disk: Arc<dyn Disk>,
        dir: &Path,
        subnet: [u8; 32],
        segment_epochs: u64,
    ) -> Result<(Self, Recovered), OpenError> {
        let paths = Paths { segment_epochs, ..Paths::new(Arc::clone(&disk), dir, subnet) };
        open(paths, None, &|dir| {
            let backend = MemoryBackend::open(disk.as_ref(), &dir.join(STATE_JOURNAL))?;
            Ok(Arc::new(backend) as Arc<dyn Backend>)
        })
    }
}

/// Which parts of a node are in a directory.
struct Traces {
    certificates: bool,
    watermark: bool,
    agreement: bool,
    state: bool,
}

impl Traces {
    fn find(paths: &Paths) -> io::Result<Self> {
        let disk = paths.disk.as_ref();
        let names = disk.list(&paths.dir)?;
        let has = |name: &str| names.contains(&paths.dir.join(name));
        Ok(Self {
            certificates: CertificateLog::is_in(disk, &paths.dir)?,
            watermark: has("watermark"),
            agreement: !agreement_epochs(paths)?.is_empty(),
            state: has(STATE_JOURNAL) || !disk.list(&paths.dir.join(STATE_DIR))?.is_empty(),
        })
    }

    /// Whether the node that was here may have said or kept anything.
    fn lived(&self) -> bool {
        self.watermark || self.agreement || self.state
    }
}

fn init(paths: &Paths) -> Result<(), OpenError> {
    let dir = &paths.dir;
    let disk = paths.disk.as_ref();
    let traces = Traces::find(paths).map_err(OpenError::io(dir))?;
    let holds_epochs = || match open_log(paths, None) {
        Ok(log) => Ok(log.last().is_some()),
        Err(error @ OpenError::Io { .. }) => Err(error),
        // Of another subnet, of a newer release, or damaged: not ours to replace.
        Err(_) => Ok(true),
    };
    if traces.lived() || (traces.certificates && holds_epochs()?) {
        return Err(OpenError::AlreadyInitialised { dir: dir.clone() });
    }
    CertificateLog::create(&paths.disk, dir, &paths.subnet).map_err(OpenError::io(dir))?;
    // Last: a directory without it was not fully initialised.
    let watermark = paths.watermark();
    WatermarkFile::create(disk, &watermark, &Watermark::default())
        .map_err(OpenError::io(&watermark))?;
    Ok(())
}

fn open(
    paths: Paths,
    lock: Option<Arc<DirectoryLock>>,
    open_backend: OpenBackend<'_>,
) -> Result<(Store, Recovered), OpenError> {
    let dir = paths.dir.clone();
    let disk = Arc::clone(&paths.disk);
    migrate::bring_up(&paths)?;
    let traces = Traces::find(&paths).map_err(OpenError::io(&dir))?;
    if !traces.certificates {
        return Err(if traces.lived() {
            OpenError::damaged(&dir, Part::CertificateLog, Damage::Missing)
        } else {
            OpenError::NotInitialised { dir }
        });
    }
    // Before anything is written: a directory of another subnet must stay as it is.
    CertificateLog::check_header(disk.as_ref(), &dir, &paths.subnet)?;
    if !traces.lived() {
        let log = open_log(&paths, None)?;
        if log.last().is_none() {
            return Err(OpenError::NotInitialised { dir });
        }
    }
    let watermark = WatermarkFile::open(disk.as_ref(), &paths.watermark())?;
    let in_state = |error| from_store(&dir, error);
    let tables = Tables::new(open_backend(&dir)?);
    let applied = open_tables(&paths, &tables)?;
    let here = watermark.as_ref().filter(|(_, watermark)| !watermark.ahead);
    let decided = here.and_then(|(_, watermark)| watermark.epoch.checked_sub(1));
    let durable = applied.max(decided);
    let log = open_log(&paths, durable)?;
    if let (Some(applied), Some(from)) = (applied, log.reader().whole_from())
        && applied.saturating_add(1) < from
    {
        let damage = Damage::Behind { applied, from };
        return Err(OpenError::damaged(&dir, Part::State, damage));
    }
    let (standing, agreement, mute_through) = judge(&paths, watermark.as_ref().map(|(_, w)| w))?;
    let (items, lists, blobs) = aged_tables(&tables).map_err(in_state)?;
    let snapshots = SnapshotFiles::new(Arc::clone(&disk), &dir);
    let reader = Reader { tables, certificates: log.reader(), snapshots, _lock: lock };
    let peers = reader.peers().map_err(in_state)?;
    tell_of_lost_epochs(log.last(), applied);
    let in_watermark = watermark.as_ref().map_or(0, |(_, watermark)| watermark.item_seq_reserved);
    let in_tables = reader.item_seq().map_err(in_state)?.unwrap_or(0);
    let recovered = Recovered {
        item_seq_reserved: in_watermark.max(in_tables),
        watermark: watermark.as_ref().map(|(_, watermark)| *watermark),
        standing,
        certified: log.last(),
        applied,
    };
    let store = Store {
        paths,
        reader,
        log,
        agreement,
        watermark,
        mute_through,
        item_seq_reserved: recovered.item_seq_reserved,
        seen_beginning: None,
        applied,
        items,
        lists,
        blobs,
        peers: peers.into_iter().map(|peer| (peer.hotkey, peer.expires)).collect(),
        poisoned: None,
    };
    Ok((store, recovered))
}

/// A crash costs one epoch at most; more means that the database opened at an earlier state than it once had.
fn tell_of_lost_epochs(certified: Option<u64>, applied: Option<u64>) {
    if let (Some(certified), Some(applied)) = (certified, applied)
        && certified > applied.saturating_add(1)
    {
        tracing::warn!(
            applied,
            certified,
            "the state database has lost epochs; they are applied again"
        );
    }
}

fn open_log(paths: &Paths, durable: Option<u64>) -> Result<CertificateLog, OpenError> {
    let Paths { disk, dir, subnet, segment_epochs } = paths;
    CertificateLog::open(disk, dir, subnet, *segment_epochs, durable)
}

/// Checks schema and subnet, finishes an interrupted step, verifies the ledger rows; the applied epoch.
fn open_tables(paths: &Paths, tables: &Tables) -> Result<Option<u64>, OpenError> {
    let dir = &paths.dir;
    let in_state = |error| from_store(dir, error);
    let Some(schema) = tables.get(&META, &MetaKey::Schema).map_err(in_state)? else {
        if !tables.is_empty().map_err(in_state)? {
            return Err(OpenError::damaged(dir, Part::State, Damage::Schema));
        }
        let mut step = Step::default();
        step.put(&META, &MetaKey::Schema, SCHEMA.to_be_bytes().to_vec());
        step.put(&META, &MetaKey::Subnet, paths.subnet.to_vec());
        tables.commit(step).and_then(|()| tables.flush()).map_err(in_state)?;
        return Ok(None);
    };
    let found = schema.try_into().map_or(0, u32::from_be_bytes);
    if found > SCHEMA {
        return Err(OpenError::Newer { part: Part::State, found, known: SCHEMA });
    }
    if found < SCHEMA {
        return Err(OpenError::damaged(dir, Part::State, Damage::Schema));
    }
    match tables.get(&META, &MetaKey::Subnet).map_err(in_state)? {
        Some(subnet) if subnet == paths.subnet => {}
        Some(_) => return Err(OpenError::OtherSubnet { dir: dir.clone() }),
        None => return Err(OpenError::damaged(dir, Part::State, Damage::Schema)),
    }
    tables.redo_journal().and_then(|()| tables.verify_state()).map_err(in_state)?;
    let applied = tables.get(&META, &MetaKey::Applied).map_err(in_state)?;
    let damaged = || OpenError::damaged(dir, Part::State, Damage::Row { table: META.name });
    applied.map(|bytes| bytes.try_into().map(u64::from_be_bytes).map_err(|_| damaged())).transpose()
}

pub(crate) type Judgement = (Standing, Option<AgreementLog>, Option<u64>);

/// What the agreement logs are worth beside this watermark.
pub(crate) fn judge(paths: &Paths, watermark: Option<&Watermark>) -> Result<Judgement, OpenError> {
    let epochs = agreement_epochs(paths).map_err(OpenError::io(&paths.dir))?;
    let Some(watermark) = watermark else {
        tracing::warn!(
            "the watermark is gone; this node signs nothing until one whole epoch has passed"
        );
        return Ok((Standing::MuteUnknown, None, epochs.last().copied()));
    };
    if watermark.retired {
        tracing::warn!("the signing history of this node was given away; it signs nothing");
        return Ok((Standing::MuteThrough { epoch: u64::MAX }, None, Some(u64::MAX)));
    }
    let disk = paths.disk.as_ref();
    // A log of a later epoch is a leftover of an interrupted start, unless it holds anything: then the watermark is an old one.
    for epoch in epochs.into_iter().rev().take_while(|epoch| *epoch > watermark.epoch) {
        match AgreementLog::open(disk, &paths.dir, &paths.subnet, epoch, 0)? {
            Opened::Whole(_, entries) if entries.is_empty() => {}
            _ => return Ok(mute_through(epoch)),
        }
    }
    if watermark.ahead {
        return Ok(mute_through(watermark.epoch));
    }
    if watermark.epoch == 0 {
        return Ok((Standing::Whole { entries: Vec::new() }, None, None));
    }
    let (epoch, last) = (watermark.epoch, watermark.last_record);
    match AgreementLog::open(disk, &paths.dir, &paths.subnet, epoch, last)? {
        Opened::Whole(log, entries) => Ok((Standing::Whole { entries }, Some(log), None)),
        Opened::NotWhole => Ok(mute_through(epoch)),
    }
}

fn mute_through(epoch: u64) -> Judgement {
    tracing::warn!(epoch, "the agreement log is not whole; this node signs nothing at this epoch");
    (Standing::MuteThrough { epoch }, None, Some(epoch))
}

/// An error on the way in, seen from outside.
pub(crate) fn from_store(dir: &Path, error: StoreError) -> OpenError {
    match error {
        StoreError::Io { path, source } => OpenError::Io { path, source },
        StoreError::Damaged { part, damage } => OpenError::damaged(dir, part, damage),
        StoreError::Database { full: true, reason } => OpenError::Io {
            path: dir.join(STATE_DIR),
            source: io::Error::new(io::ErrorKind::StorageFull, reason),
        },
        // A device that fails says nothing of what it holds: nothing is put aside for it.
        StoreError::Database { reason, .. } if says_failing(&reason) => {
            OpenError::Io { path: dir.join(STATE_DIR), source: io::Error::from_raw_os_error(EIO) }
        }
        other => OpenError::damaged(dir, Part::State, Damage::Database(other.to_string())),
    }
}
