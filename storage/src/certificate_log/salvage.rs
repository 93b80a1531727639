//! What can be saved of a damaged log: the epochs before the damage.

use std::{path::Path, sync::Arc};

use super::{
    CertificateLog, Logged,
    segment::{SegmentFile, ordinals, path_of},
};
use crate::{
    disk::Disk,
    error::{Damage, OpenError, StoreError},
};

/// Gives every record from the first on, up to the first that does not hold or is missing, and says how the log ends there;
/// `None` if it is whole.
///
/// # Errors
/// What the disk says, and `each`.
pub(crate) fn salvage(
    disk: &dyn Disk,
    dir: &Path,
    subnet: &[u8; 32],
    mut each: impl FnMut(u64, Logged) -> Result<(), StoreError>,
) -> Result<Option<Damage>, StoreError> {
    let numbers = ordinals(disk, dir).map_err(StoreError::io(dir))?;
    let (mut last, mut link) = (None::<u64>, [0; 32]);
    if numbers.is_empty() {
        return Ok(Some(Damage::Missing));
    }
    for (expected, ordinal) in (0..).zip(&numbers) {
        if *ordinal != expected {
            return Ok(Some(Damage::Missing));
        }
        let path = path_of(dir, expected);
        let file = match SegmentFile::open(disk, dir, subnet, expected) {
            Ok(file) if file.header.link == link => file,
            Err(OpenError::Io { path, source }) => return Err(StoreError::Io { path, source }),
            Ok(_) | Err(_) => return Ok(Some(Damage::Header)),
        };
        let mut places = Vec::new();
        let walked = file
            .walk(u64::MAX, |offset, header| {
                places.push((offset, *header));
                Ok(())
            })
            .map_err(StoreError::io(&path))?;
        for (offset, header) in places {
            let follows = last.is_none_or(|last| last.saturating_add(1) == header.epoch);
            let record = file.payload(offset, &header).map_err(StoreError::io(&path))?;
            match record.filter(|_| follows) {
                Some(record) => each(header.epoch, record)?,
                None => return Ok(Some(Damage::Record { epoch: header.epoch, offset })),
            }
            last = Some(header.epoch);
        }
        if walked.end != walked.size {
            let epoch = last.map_or(1, |last| last.saturating_add(1));
            return Ok(Some(Damage::Record { epoch, offset: walked.end }));
        }
        link = file.first_end(&walked);
    }
    Ok(None)
}

/// Writes what can be saved of the log in `from` as a new log in `to`, durably: how many epochs, and where they end.
///
/// # Errors
/// What the disk says.
pub(crate) fn rewrite(
    disk: &Arc<dyn Disk>,
    from: &Path,
    to: &Path,
    subnet: &[u8; 32],
) -> Result<Option<(u64, u64)>, StoreError> {
    let mut log = CertificateLog::create(disk, to, subnet).map_err(StoreError::io(to))?;
    salvage(disk.as_ref(), from, subnet, |epoch, record| log.append(epoch, &record))?;
    log.sync()?;
    disk.sync_dir(to).map_err(StoreError::io(to))?;
    Ok(log.reader().range())
}
