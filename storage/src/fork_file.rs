//! What proves that an epoch has two certified cuts: one file per epoch, written once and never changed.
//!
//! ```text
//!  0        8         12          44       52         84
//!  ├ magic ─┼ format ─┼ subnet id ┼ epoch ─┼ hash 32 ─┼ payload … ┤     "GNGLFORK", 1
//! ```
//! `hash` covers everything else. Kept beside the tables, which may be rebuilt: a node that knows of a fork
//! must not forget it.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{
    codec::{Fields, hash},
    disk::{Disk, parent, remove_if_there},
};

const CONTEXT: &str = "ganglion storage fork file";
const MAGIC: &[u8; 8] = b"GNGLFORK";
const FORMAT: u32 = 1;
/// Bytes of two cuts with their certificates; twice what a message of agreement has, and room.
pub const FORK_BYTES_MAX: usize = 2 << 20;

/// A fork as it was found: the epoch, and the encoded proof unless the file is damaged.
pub type KeptFork = (u64, Option<Vec<u8>>);

fn path(dir: &Path, epoch: u64) -> PathBuf {
    dir.join(format!("fork-{epoch:020}"))
}

fn header(subnet: &[u8; 32], epoch: u64) -> Vec<u8> {
    [MAGIC.as_slice(), &FORMAT.to_be_bytes(), subnet, &epoch.to_be_bytes()].concat()
}

/// Writes the file durably; without effect if this epoch has one that holds.
pub(crate) fn write(
    disk: &dyn Disk,
    dir: &Path,
    subnet: &[u8; 32],
    epoch: u64,
    proof: &[u8],
) -> io::Result<()> {
    let path = path(dir, epoch);
    if matches!(read(disk, &path, subnet, epoch), Ok(Some(_))) {
        return Ok(());
    }
    let temporary = path.with_extension("new");
    remove_if_there(disk, &temporary)?;
    let head = header(subnet, epoch);
    let digest = hash(CONTEXT, &[&head, proof]);
    let file = disk.create(&temporary)?;
    file.write_at(0, &[head.as_slice(), &digest, proof].concat())?;
    file.sync_data()?;
    disk.rename(&temporary, &path)?;
    disk.sync_dir(parent(&path))
}

fn read(
    disk: &dyn Disk,
    path: &Path,
    subnet: &[u8; 32],
    epoch: u64,
) -> io::Result<Option<Vec<u8>>> {
    let file = disk.open_to_read(path)?;
    let size = usize::try_from(file.size()?).unwrap_or(usize::MAX);
    if size > FORK_BYTES_MAX + 84 {
        return Ok(None);
    }
    let mut bytes = vec![0; size];
    let read = file.read_at(0, &mut bytes)?;
    let mut fields = Fields::new(bytes.get(..read).unwrap_or_default());
    let (Some(head), Some(digest)) = (fields.take(52), fields.array::<32>()) else {
        return Ok(None);
    };
    let proof = fields.rest();
    let whole = head == header(subnet, epoch) && digest == hash(CONTEXT, &[head, proof]);
    Ok(whole.then(|| proof.to_vec()))
}

/// All forks kept, by epoch.
pub(crate) fn read_all(
    disk: &dyn Disk,
    dir: &Path,
    subnet: &[u8; 32],
) -> io::Result<Vec<KeptFork>> {
    let mut forks = Vec::new();
    for path in disk.list(dir)? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let epoch = name.strip_prefix("fork-").and_then(|number| number.parse().ok());
        if let Some(epoch) = epoch {
            forks.push((epoch, read(disk, &path, subnet, epoch)?));
        }
    }
    Ok(forks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faulty::{Crash, FaultyDisk};

    const DIR: &str = "/d";

    fn all(disk: &FaultyDisk) -> Vec<KeptFork> {
        read_all(disk, Path::new(DIR), &[1; 32]).unwrap()
    }

    #[test]
    fn a_fork_survives_the_loss_of_power_and_the_first_one_stays() {
        let disk = FaultyDisk::new();
        disk.create_dir(Path::new(DIR)).unwrap();
        write(&disk, Path::new(DIR), &[1; 32], 7, b"two cuts").unwrap();
        disk.crash(Crash::LoseAll);
        write(&disk, Path::new(DIR), &[1; 32], 7, b"others").unwrap();
        write(&disk, Path::new(DIR), &[1; 32], 9, b"more").unwrap();
        let kept = [(7, Some(b"two cuts".to_vec())), (9, Some(b"more".to_vec()))];
        assert_eq!(all(&disk), kept);
        assert_eq!(read_all(&disk, Path::new(DIR), &[2; 32]).unwrap(), [(7, None), (9, None)]);
    }

    #[test]
    fn a_damaged_file_is_still_a_fork_but_proves_nothing() {
        for at in 0..92 {
            let disk = FaultyDisk::new();
            disk.create_dir(Path::new(DIR)).unwrap();
            write(&disk, Path::new(DIR), &[1; 32], 7, b"two cuts").unwrap();
            let file = disk.open(&path(Path::new(DIR), 7)).unwrap();
            let mut byte = [0];
            file.read_at(at, &mut byte).unwrap();
            file.write_at(at, &[byte[0] ^ 1]).unwrap();
            assert_eq!(all(&disk), [(7, None)], "byte {at}");
        }
    }
}
