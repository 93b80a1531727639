//! Pieces of a snapshot that is being fetched, so that a restart or another peer goes on where the last one ended.
//!
//! One file, `snapshots/joining`, of frames; a piece's payload is its number and its bytes. Nothing is synced: a piece
//! that a loss of power takes or tears is fetched again. Whoever reads pieces back checks them as those that came from a peer.

use std::{io, path::Path, sync::Arc};

use crate::{
    disk::{Disk, parent, remove_if_there},
    error::StoreError,
    frame::{FrameFile, Identity, Opened},
    snapshots::{PART_BYTES_MAX, PARTS_MAX},
};

const MAGIC: &[u8; 8] = b"GNGLJOIN";
/// Kind of all frames.
const PIECE: u8 = 0;
/// Bytes of a header before the hash: magic, format, what it is of.
const NAMED_BYTES: usize = 44;

/// The open file.
#[derive(Debug)]
pub struct Partial {
    file: FrameFile,
    path: std::path::PathBuf,
}

/// A piece's number and its bytes.
pub type Piece = (u32, Vec<u8>);

fn identity(of: &[u8; 32]) -> Identity<'_> {
    Identity { magic: MAGIC, of, frame_bytes_max: PART_BYTES_MAX + 4 }
}

/// What the file is of; `None` without one.
pub(crate) fn named(disk: &dyn Disk, path: &Path) -> io::Result<Option<[u8; 32]>> {
    let file = match disk.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut head = [0; NAMED_BYTES];
    let read = file.read_at(0, &mut head)?;
    Ok((read == NAMED_BYTES).then(|| head.last_chunk::<32>().copied()).flatten())
}

/// Pieces kept for `of`, and the file for more of them. Pieces of anything else go.
pub(crate) fn resume(
    disk: &Arc<dyn Disk>,
    path: &Path,
    of: &[u8; 32],
) -> Result<(Partial, Vec<Piece>), StoreError> {
    let error = |source| StoreError::Io { path: path.to_owned(), source };
    disk.create_dir(parent(path)).map_err(error)?;
    let opened = FrameFile::open(disk.as_ref(), path, identity(of)).map_err(error)?;
    let (file, frames) = match opened {
        Opened::Frames(mut file, frames) => {
            file.cut_tail().map_err(error)?;
            (file, frames)
        }
        Opened::Missing | Opened::BadHeader | Opened::Newer(_) => {
            let file = FrameFile::create(disk.as_ref(), path, identity(of)).map_err(error)?;
            (file, Vec::new())
        }
    };
    let pieces = frames.into_iter().filter_map(|frame| {
        let (number, bytes) = frame.payload.split_first_chunk::<4>()?;
        Some((u32::from_be_bytes(*number), bytes.to_vec()))
    });
    Ok((Partial { file, path: path.to_owned() }, pieces.collect()))
}

/// Removes the file.
pub(crate) fn forget(disk: &dyn Disk, path: &Path) -> Result<(), StoreError> {
    remove_if_there(disk, path).map_err(StoreError::io(path))
}

impl Partial {
    /// Keeps a piece. More than a snapshot can have are not kept.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`]; what the disk says.
    pub fn keep(&mut self, number: u32, bytes: &[u8]) -> Result<(), StoreError> {
        if bytes.len() > PART_BYTES_MAX {
            let (what, max) = ("a snapshot's part", PART_BYTES_MAX);
            return Err(StoreError::TooLarge { what, bytes: bytes.len(), max });
        }
        if self.file.sequence() >= PARTS_MAX as u64 {
            return Ok(());
        }
        let payload = [&number.to_be_bytes()[..], bytes].concat();
        self.file.append(PIECE, &payload).map(drop).map_err(StoreError::io(&self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faulty::{Crash, FaultyDisk};

    fn path() -> std::path::PathBuf {
        "/d/snapshots/joining".into()
    }

    fn of(byte: u8) -> [u8; 32] {
        [byte; 32]
    }

    #[test]
    fn pieces_survive_a_restart_and_not_another_snapshot() {
        let faulty = FaultyDisk::new();
        let disk: Arc<dyn Disk> = Arc::new(faulty.clone());
        assert_eq!(named(disk.as_ref(), &path()).unwrap(), None);
        let (mut partial, pieces) = resume(&disk, &path(), &of(1)).unwrap();
        assert!(pieces.is_empty());
        partial.keep(3, b"three").unwrap();
        partial.keep(0, b"").unwrap();
        assert!(partial.keep(1, &vec![0; PART_BYTES_MAX + 1]).is_err());
        faulty.crash(Crash::KeepAll);
        assert_eq!(named(disk.as_ref(), &path()).unwrap(), Some(of(1)));
        let (mut partial, pieces) = resume(&disk, &path(), &of(1)).unwrap();
        assert_eq!(pieces, [(3, b"three".to_vec()), (0, Vec::new())]);
        partial.keep(4, b"four").unwrap();
        assert_eq!(resume(&disk, &path(), &of(1)).unwrap().1.len(), 3);
        assert_eq!(resume(&disk, &path(), &of(2)).unwrap().1, []);
        assert_eq!(resume(&disk, &path(), &of(1)).unwrap().1, []);
        forget(disk.as_ref(), &path()).unwrap();
        forget(disk.as_ref(), &path()).unwrap();
    }

    #[test]
    fn a_torn_or_changed_piece_goes_and_the_file_is_bounded() {
        let faulty = FaultyDisk::new();
        let disk: Arc<dyn Disk> = Arc::new(faulty.clone());
        let (mut partial, _) = resume(&disk, &path(), &of(1)).unwrap();
        partial.keep(0, b"zero").unwrap();
        partial.keep(1, b"one").unwrap();
        let size = faulty.content(&path()).unwrap().len();
        // Pieces are not synced one by one: only what has reached the disk can be damaged there.
        faulty.crash(Crash::KeepAll);
        assert!(faulty.flip(&path(), size - 1, 1));
        let (mut partial, pieces) = resume(&disk, &path(), &of(1)).unwrap();
        assert_eq!(pieces, [(0, b"zero".to_vec())]);
        for _ in 0..2 * PARTS_MAX {
            partial.keep(1, b"one").unwrap();
        }
        assert_eq!(resume(&disk, &path(), &of(1)).unwrap().1.len(), PARTS_MAX);
    }
}
