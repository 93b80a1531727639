//! Certified epochs as one stream, for a backup.
//!
//! ```text
//!  0        8         12          44        52       60        92
//!  ├ magic ─┼ format ─┼ subnet id ┼ first ──┼ last ──┼ hash 32 ┤   "GNGLARCH", 1
//!
//!  0      1        9         13                      13+n
//!  ├ kind ┼ epoch ─┼ length ─┼ payload n … ──────────┼ chain 32 ─┤   1 a part of a snapshot, 2 an epoch, 0 the end
//! ```
//! Each record's chain covers everything before it, so a changed, missing or moved byte is seen at the record where it is.
//! What is imported is trusted no further: every epoch is checked against the committee before and executed.

use std::io::{self, Read, Write};
use std::sync::Arc;

use ganglion_consensus::certificate::verify_certificate;
use ganglion_consensus::ledger::stages::roots_in;
use ganglion_consensus::ledger::{State, execute};
use ganglion_storage::{Reader, Recovered as Found, Store, StoreError};
use ganglion_subnet::Commit;
use ganglion_types::sign::tagged_hash;
use ganglion_types::{Canonical as _, CutId, Epoch, EpochBundle, Item, Manifest, limits};

use crate::keeper::{committee_of, epoch_commit};
use crate::restart::{self, RestartError};
use crate::snapshots::{self, BadSnapshot};

const MAGIC: &[u8; 8] = b"GNGLARCH";
/// Newest format that this release reads, and the one it writes.
pub const FORMAT: u32 = 1;
/// Bytes of one record's payload.
pub const RECORD_BYTES_MAX: usize = 8 << 20;
const TAG: &str = "ganglion archive";
const HEADER_BYTES: usize = 92;
const END: u8 = 0;
const SNAPSHOT: u8 = 1;
const EPOCH: u8 = 2;

/// Why an archive is not written or not taken.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The stream failed.
    #[error("the archive cannot be read or written: {0}")]
    Io(#[from] io::Error),
    /// The store failed.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The state here cannot be gone on from.
    #[error("{0}")]
    Restart(#[from] RestartError),
    /// There is nothing to write.
    #[error("no epoch is certified here yet")]
    Empty,
    /// Items of the first epochs are gone, and no snapshot replaces them.
    #[error("items are kept from epoch {from} on, and no snapshot here leads on to them")]
    NoSnapshot {
        /// First epoch with items.
        from: u64,
    },
    /// It is none.
    #[error("this is no archive of certified epochs")]
    NoArchive,
    /// Written by a newer release.
    #[error("the archive has format {found}, this release knows {FORMAT}")]
    Newer {
        /// Format number found.
        found: u32,
    },
    /// Of another subnet.
    #[error("the archive is of another subnet")]
    OtherSubnet,
    /// A byte is not as it was written.
    #[error("the archive is damaged or cut off after epoch {after}")]
    Damaged {
        /// The last epoch that holds; zero if none does.
        after: u64,
    },
    /// Begins with a snapshot, and nobody said which cut to trust.
    #[error("the archive begins with the snapshot of epoch {epoch}, whose cut is {cut}")]
    Untrusted {
        /// Epoch of the snapshot.
        epoch: Epoch,
        /// Its cut.
        cut: CutId,
    },
    /// The snapshot does not hold.
    #[error("the snapshot in the archive is refused: {0}")]
    Snapshot(#[from] BadSnapshot),
    /// An epoch is not what its committee signed.
    #[error("epoch {epoch} in the archive is refused: {what}")]
    Epoch {
        /// The epoch.
        epoch: u64,
        /// What is wrong.
        what: String,
    },
    /// It begins later than what is here ends.
    #[error("the archive goes on from epoch {first}, and this node has {have}")]
    Gap {
        /// The first epoch in the archive.
        first: u64,
        /// The last one here.
        have: u64,
    },
    /// This node has signed later than the archive ends.
    #[error("this node has signed at epoch {signed}, and the archive ends with {last}")]
    SignedLater {
        /// Epoch of the watermark.
        signed: u64,
        /// The last epoch in the archive.
        last: u64,
    },
}

/// What went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Epoch of the snapshot that it begins with; none begins with genesis.
    pub snapshot: Option<u64>,
    /// First epoch with items.
    pub first: u64,
    /// Last epoch.
    pub last: u64,
    /// Epochs that were new here; all of them when written.
    pub epochs: u64,
    /// Bytes of the stream.
    pub bytes: u64,
}

/// Told of each epoch: how many of how many are done.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

struct Out<'a> {
    to: &'a mut dyn Write,
    chain: [u8; 32],
    bytes: u64,
}

impl Out<'_> {
    fn header(&mut self, subnet: &[u8; 32], first: u64, last: u64) -> io::Result<()> {
        let head = header(subnet, first, last);
        self.chain = *tagged_hash(TAG, &[&head]).as_bytes();
        self.write(&head)?;
        let chain = self.chain;
        self.write(&chain)
    }

    fn record(&mut self, kind: u8, epoch: u64, payload: &[u8]) -> io::Result<()> {
        let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
        let head = record_head(kind, epoch, length);
        self.chain = *tagged_hash(TAG, &[&self.chain, &head, payload]).as_bytes();
        self.write(&head)?;
        self.write(payload)?;
        let chain = self.chain;
        self.write(&chain)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        self.to.write_all(bytes)
    }
}

fn header(subnet: &[u8; 32], first: u64, last: u64) -> Vec<u8> {
    let parts: [&[u8]; 5] =
        [MAGIC, &FORMAT.to_be_bytes(), subnet, &first.to_be_bytes(), &last.to_be_bytes()];
    parts.concat()
}

fn record_head(kind: u8, epoch: u64, length: u32) -> Vec<u8> {
    [&[kind][..], &epoch.to_be_bytes(), &length.to_be_bytes()].concat()
}

/// Writes every certified epoch whose items are here, from genesis or the oldest snapshot that leads on to them.
///
/// # Errors
/// See [`ArchiveError`].
pub fn export(
    reader: &Reader,
    manifest: &Arc<Manifest>,
    to: &mut dyn Write,
    progress: Progress<'_>,
) -> Result<Moved, ArchiveError> {
    let (_, last) = reader.certified().ok_or(ArchiveError::Empty)?;
    let from = reader.whole_from().unwrap_or(1);
    let base = if from <= 1 { None } else { Some(base(reader, manifest, from)?) };
    let first = base.as_ref().map_or(1, |(epoch, _)| epoch.saturating_add(1));
    let mut out = Out { to, chain: [0; 32], bytes: 0 };
    out.header(manifest.subnet_id().as_bytes(), first, last)?;
    if let Some((epoch, parts)) = &base {
        for part in parts {
            out.record(SNAPSHOT, *epoch, part)?;
        }
    }
    let all = last.saturating_sub(first).saturating_add(1);
    for epoch in first..=last {
        let bundle = reader.bundle(epoch)?.ok_or(ArchiveError::NoSnapshot { from })?;
        out.record(EPOCH, epoch, &bundle)?;
        progress(epoch.saturating_sub(first).saturating_add(1), all);
    }
    out.record(END, last, &[])?;
    out.to.flush()?;
    let snapshot = base.map(|(epoch, _)| epoch);
    Ok(Moved { snapshot, first, last, epochs: all, bytes: out.bytes })
}

type Base = (u64, Vec<Vec<u8>>);

fn base(reader: &Reader, manifest: &Arc<Manifest>, from: u64) -> Result<Base, ArchiveError> {
    for epoch in reader.snapshots().epochs()? {
        if epoch.saturating_add(1) < from {
            continue;
        }
        if crate::verify::snapshot(reader, manifest, epoch)?.is_ok()
            && let Some(parts) = reader.snapshots().parts(epoch)?
        {
            return Ok((epoch, parts));
        }
    }
    Err(ArchiveError::NoSnapshot { from })
}

struct In<'a> {
    from: &'a mut dyn Read,
    chain: [u8; 32],
    bytes: u64,
    /// The last epoch that held.
    after: u64,
}

struct Record {
    kind: u8,
    epoch: u64,
    payload: Vec<u8>,
}

impl In<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], ArchiveError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), ArchiveError> {
        match self.from.read_exact(bytes) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(ArchiveError::Damaged { after: self.after })
            }
            Err(error) => Err(error.into()),
            Ok(()) => {
                self.bytes = self.bytes.saturating_add(bytes.len() as u64);
                Ok(())
            }
        }
    }

    fn header(&mut self, manifest: &Manifest) -> Result<(u64, u64), ArchiveError> {
        let bytes: [u8; HEADER_BYTES] = self.take().map_err(|error| match error {
            ArchiveError::Damaged { .. } => ArchiveError::NoArchive,
            other => other,
        })?;
        let (head, chain) = bytes.split_last_chunk::<32>().ok_or(ArchiveError::NoArchive)?;
        let (magic, rest) = head.split_first_chunk::<8>().ok_or(ArchiveError::NoArchive)?;
        let (format, rest) = rest.split_first_chunk::<4>().ok_or(ArchiveError::NoArchive)?;
        let (subnet, rest) = rest.split_first_chunk::<32>().ok_or(ArchiveError::NoArchive)?;
        let (first, last) = rest.split_first_chunk::<8>().ok_or(ArchiveError::NoArchive)?;
        let last = last.try_into().map_err(|_| ArchiveError::NoArchive)?;
        if magic != MAGIC {
            return Err(ArchiveError::NoArchive);
        }
        let found = u32::from_be_bytes(*format);
        if found > FORMAT {
            return Err(ArchiveError::Newer { found });
        }
        if tagged_hash(TAG, &[head]).as_bytes() != chain {
            return Err(ArchiveError::Damaged { after: 0 });
        }
        if subnet != manifest.subnet_id().as_bytes() {
            return Err(ArchiveError::OtherSubnet);
        }
        self.chain = *chain;
        Ok((u64::from_be_bytes(*first), u64::from_be_bytes(last)))
    }

    fn record(&mut self) -> Result<Record, ArchiveError> {
        let damaged = ArchiveError::Damaged { after: self.after };
        let [kind] = self.take::<1>()?;
        let epoch = u64::from_be_bytes(self.take()?);
        let length = u32::from_be_bytes(self.take()?);
        let bytes = usize::try_from(length).unwrap_or(usize::MAX);
        if bytes > RECORD_BYTES_MAX {
            return Err(damaged);
        }
        let mut payload = vec![0; bytes];
        self.fill(&mut payload)?;
        let head = record_head(kind, epoch, length);
        let chain = *tagged_hash(TAG, &[&self.chain, &head, &payload]).as_bytes();
        if self.take::<32>()? != chain {
            return Err(damaged);
        }
        self.chain = chain;
        Ok(Record { kind, epoch, payload })
    }
}

/// Takes an archive into a store: one that is empty, or has epochs of it already, from an earlier import that was broken off
/// for instance. Every epoch is checked, executed and durable before the next is read, so what was done stays done.
///
/// `trusted` is the cut of the snapshot that the archive may begin with.
///
/// # Errors
/// See [`ArchiveError`].
pub fn import(
    store: &mut Store,
    found: &Found,
    manifest: &Arc<Manifest>,
    from: &mut dyn Read,
    trusted: Option<(Epoch, CutId)>,
    progress: Progress<'_>,
) -> Result<Moved, ArchiveError> {
    let mut stream = In { from, chain: [0; 32], bytes: 0, after: 0 };
    let (first, last) = stream.header(manifest)?;
    let signed = found.watermark.map_or(0, |watermark| watermark.epoch);
    if signed > last {
        return Err(ArchiveError::SignedLater { signed, last });
    }
    let mut record = stream.record()?;
    let mut parts = Vec::new();
    while record.kind == SNAPSHOT && parts.len() < ganglion_storage::snapshots::PARTS_MAX {
        parts.push(record.payload);
        record = stream.record()?;
    }
    let snapshot = (!parts.is_empty()).then(|| first.saturating_sub(1));
    let mut state = begin(store, found, manifest, (first, &parts), trusted)?;
    stream.after = first.saturating_sub(1);
    let (mut epochs, all) = (0_u64, last.saturating_sub(first).saturating_add(1));
    for epoch in first..=last {
        if record.kind != EPOCH || record.epoch != epoch {
            return Err(ArchiveError::Damaged { after: stream.after });
        }
        if let Some(next) = take(store, &state, epoch, &record.payload)? {
            state = next;
            epochs = epochs.saturating_add(1);
        }
        stream.after = epoch;
        progress(epoch.saturating_sub(first).saturating_add(1), all);
        record = stream.record()?;
    }
    if record.kind != END || record.epoch != last {
        return Err(ArchiveError::Damaged { after: stream.after });
    }
    Ok(Moved { snapshot, first, last, epochs, bytes: stream.bytes })
}

/// The state that the first epoch of the archive, or the first new one, builds on.
fn begin(
    store: &mut Store,
    found: &Found,
    manifest: &Arc<Manifest>,
    (first, parts): (u64, &[Vec<u8>]),
    trusted: Option<(Epoch, CutId)>,
) -> Result<State, ArchiveError> {
    if !restart::is_fresh(found) && found.certified.is_some() {
        let have = found.certified.unwrap_or(0);
        if have.saturating_add(1) < first {
            return Err(ArchiveError::Gap { first, have });
        }
        return Ok(restart::recover(store, found, manifest)?);
    }
    if parts.is_empty() {
        if first != 1 {
            return Err(ArchiveError::Gap { first, have: 0 });
        }
        return Ok(restart::recover(store, found, manifest)?);
    }
    let loaded = snapshots::load(parts, manifest)?;
    let (epoch, cut) = (loaded.cut.epoch, loaded.cut.id());
    if trusted != Some((epoch, cut)) {
        return Err(ArchiveError::Untrusted { epoch, cut });
    }
    if epoch.get().checked_add(1) != Some(first) {
        return Err(ArchiveError::Damaged { after: 0 });
    }
    restart::begin_with(store, &loaded, parts)?;
    Ok(loaded.state)
}

/// Checks, executes and stores an epoch; `None` if it is here already.
fn take(
    store: &mut Store,
    state: &State,
    epoch: u64,
    bytes: &[u8],
) -> Result<Option<State>, ArchiveError> {
    let refused = |what: &str| ArchiveError::Epoch { epoch, what: what.into() };
    let bundle = EpochBundle::from_bytes(bytes, limits::RPC_BYTES)
        .map_err(|error| refused(&error.to_string()))?;
    let id = bundle.cut.id();
    if epoch <= state.epoch().get() {
        let here = store.reader().logged(epoch)?.as_ref().and_then(snapshots::cut_of);
        // Before the snapshot that this node began with there is nothing to compare.
        return match here {
            Some(cut) if cut.id() != id => Err(refused("this node has another cut for it")),
            _ => Ok(None),
        };
    }
    let cut = &bundle.cut;
    if cut.epoch != state.next_epoch() || cut.prev != state.head() || cut.subnet != *state.subnet()
    {
        return Err(refused("it does not follow on the epoch before"));
    }
    if bundle.certificate.cut != id {
        return Err(refused("the certificate is for another cut"));
    }
    if !bundle.items.iter().map(Item::id).eq(cut.items.iter().copied()) {
        return Err(refused("the items are not those of the cut"));
    }
    if !bundle.items.iter().all(Item::verify) {
        return Err(refused("the signature of an item does not hold"));
    }
    let committee = committee_of(state).ok_or_else(|| refused("nobody could sign it"))?;
    verify_certificate(&bundle.certificate, &cut.subnet, cut.epoch, &committee)
        .map_err(|error| refused(&error.to_string()))?;
    let executed =
        execute(state, cut.time, &bundle.items).map_err(|error| refused(&error.to_string()))?;
    if executed.roots != roots_in(cut) {
        return Err(refused("it executes to another result than was certified"));
    }
    let (result, receipts) = (executed.result.clone(), executed.receipts.clone());
    let next = executed.into_state(id);
    let rows = next.changed_rows(state);
    let shared = Arc::new(next.clone());
    let commit = Commit { bundle, id, rows, result, receipts, state: shared };
    store.commit_epoch(epoch_commit(&commit))?;
    Ok(Some(next))
}
