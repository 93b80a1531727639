//! Append-only files of numbered, checksummed frames.
//!
//! ```text
//!  header: magic 8 │ format u32 │ identity, fixed per kind of file │ blake3 32
//!  frame:  length u32 │ sequence u64 │ kind u8 │ check 16 │ payload
//! ```
//! A check covers the header's hash, so a frame of another file or epoch never counts. Frames are numbered from 1.

use std::{io, path::Path, sync::Arc};

use ganglion_types::planted::{self, Bug};

use crate::{
    codec::{Fields, check, hash, len_u32},
    disk::{Disk, DiskFile, parent, remove_if_there},
};

const HEADER_CONTEXT: &str = "ganglion storage frame file header";
const FRAME_CONTEXT: &str = "ganglion storage frame";
/// Newest format of frame files that this release reads, and the one it writes.
pub(crate) const FORMAT: u32 = 1;
/// Bytes of a frame before its payload.
pub(crate) const FRAME_HEADER_BYTES: usize = 29;

/// What kind of file, and which one of that kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity<'a> {
    pub(crate) magic: &'a [u8; 8],
    pub(crate) of: &'a [u8],
    /// Bytes that one frame and the whole file may have.
    pub(crate) frame_bytes_max: usize,
}

/// One frame as it was read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) sequence: u64,
    pub(crate) kind: u8,
    pub(crate) payload: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct FrameFile {
    file: Arc<dyn DiskFile>,
    header_hash: [u8; 32],
    frame_bytes_max: usize,
    end: u64,
    sequence: u64,
}

pub(crate) enum Opened {
    /// The header holds; all intact frames up to the first that is not.
    Frames(FrameFile, Vec<Frame>),
    /// There is no such file.
    Missing,
    /// The header is not the one asked for.
    BadHeader,
    /// Written by a newer release.
    Newer(u32),
}

fn header(identity: Identity<'_>) -> (Vec<u8>, [u8; 32]) {
    let mut out = Vec::with_capacity(identity.of.len() + 44);
    out.extend_from_slice(identity.magic);
    out.extend_from_slice(&FORMAT.to_be_bytes());
    out.extend_from_slice(identity.of);
    let digest = hash(HEADER_CONTEXT, &[&out]);
    out.extend_from_slice(&digest);
    (out, digest)
}

impl FrameFile {
    /// Creates the file, or replaces one of that name; it is there with a whole header or not at all.
    pub(crate) fn create(disk: &dyn Disk, path: &Path, identity: Identity<'_>) -> io::Result<Self> {
        let temporary = path.with_extension("new");
        remove_if_there(disk, &temporary)?;
        let file = disk.create(&temporary)?;
        let (bytes, header_hash) = header(identity);
        file.write_at(0, &bytes)?;
        file.sync_data()?;
        disk.rename(&temporary, path)?;
        if !planted::is(Bug::NameNotSynced) {
            disk.sync_dir(parent(path))?;
        }
        let frame_bytes_max = identity.frame_bytes_max;
        Ok(Self { file, header_hash, frame_bytes_max, end: bytes.len() as u64, sequence: 0 })
    }

    /// Opens the file and reads every frame that can be trusted. Cuts nothing: see [`FrameFile::cut_tail`].
    pub(crate) fn open(disk: &dyn Disk, path: &Path, identity: Identity<'_>) -> io::Result<Opened> {
        let file = match disk.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Opened::Missing),
            other => other?,
        };
        let (expected, header_hash) = header(identity);
        let mut found = vec![0; expected.len()];
        let read = file.read_at(0, &mut found)?;
        if read < expected.len() || found != expected {
            return Ok(other_header(&found, identity));
        }
        let mut opened = Self {
            file,
            header_hash,
            frame_bytes_max: identity.frame_bytes_max,
            end: expected.len() as u64,
            sequence: 0,
        };
        let mut frames = Vec::new();
        while let Some(frame) = opened.next()? {
            frames.push(frame);
        }
        Ok(Opened::Frames(opened, frames))
    }

    fn next(&mut self) -> io::Result<Option<Frame>> {
        let mut head = [0; FRAME_HEADER_BYTES];
        if self.file.read_at(self.end, &mut head)? < FRAME_HEADER_BYTES {
            return Ok(None);
        }
        let mut fields = Fields::new(&head);
        let (Some(length), Some(sequence), Some(kind), Some(found)) =
            (fields.u32(), fields.u64(), fields.u8(), fields.array::<16>())
        else {
            return Ok(None);
        };
        let Ok(length) = usize::try_from(length) else { return Ok(None) };
        if length > self.frame_bytes_max || sequence != self.sequence + 1 {
            return Ok(None);
        }
        let mut payload = vec![0; length];
        let start = self.end + FRAME_HEADER_BYTES as u64;
        if self.file.read_at(start, &mut payload)? < length
            || found != self.check(sequence, kind, &payload)
        {
            return Ok(None);
        }
        self.end = start + length as u64;
        self.sequence = sequence;
        Ok(Some(Frame { sequence, kind, payload }))
    }

    fn check(&self, sequence: u64, kind: u8, payload: &[u8]) -> [u8; 16] {
        let parts: [&[u8]; 5] =
            [&self.header_hash, &len_u32(payload), &sequence.to_be_bytes(), &[kind], payload];
        check(FRAME_CONTEXT, &parts)
    }

    /// Removes what lies behind the last intact frame; the number of bytes removed.
    pub(crate) fn cut_tail(&mut self) -> io::Result<u64> {
        let tail = self.file.size()?.saturating_sub(self.end);
        if planted::is(Bug::TornTailKept) {
            self.end += tail;
        } else if tail > 0 {
            self.file.truncate(self.end)?;
            self.file.sync_data()?;
        }
        Ok(tail)
    }

    /// Appends a frame and gives its number. Durable only after [`FrameFile::sync`].
    ///
    /// The caller has checked the payload against the bound it gave.
    pub(crate) fn append(&mut self, kind: u8, payload: &[u8]) -> io::Result<u64> {
        let sequence = self.sequence + 1;
        let mut out = Vec::with_capacity(FRAME_HEADER_BYTES + payload.len());
        out.extend_from_slice(&len_u32(payload));
        out.extend_from_slice(&sequence.to_be_bytes());
        out.push(kind);
        out.extend_from_slice(&self.check(sequence, kind, payload));
        out.extend_from_slice(payload);
        self.file.write_at(self.end, &out)?;
        self.end += out.len() as u64;
        self.sequence = sequence;
        Ok(sequence)
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Number of the last frame; 0 if there is none.
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Bytes of the file up to the last frame.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }
}

/// Tells a newer format from damage: the digest must hold over whatever the newer header says.
fn other_header(found: &[u8], identity: Identity<'_>) -> Opened {
    let newer = || {
        let (covered, digest) = found.split_last_chunk::<32>()?;
        let mut fields = Fields::new(covered);
        let ours = fields.array::<8>().as_ref() == Some(identity.magic)
            && hash(HEADER_CONTEXT, &[covered]) == *digest;
        fields.u32().filter(|format| ours && *format > FORMAT)
    };
    newer().map_or(Opened::BadHeader, Opened::Newer)
}
