//! From the layouts of older releases to the present one, at open and before anything is read.
//!
//! ```text
//!  open ─► bring_up ─► for each migration, oldest first: found? ─► write the new beside the old ─► sync ─► remove the old
//! ```
//! Each can be interrupted anywhere: as long as the old part is there it counts, and the migration begins again. There is no
//! way back: a release that does not know the new layout refuses it by its format number.

use std::{io, path::PathBuf, sync::Arc};

use crate::{
    certificate_log::{self, CertificateLog, Logged},
    codec::{Fields, hash},
    disk::{DiskFile, remove_if_there},
    error::{Damage, OpenError, Part},
    store::Paths,
};

/// A change of layout.
struct Migration {
    /// What is old, for the log.
    from: &'static str,
    /// Whether a directory has it.
    found: fn(&Paths) -> io::Result<bool>,
    /// Makes the new part and removes the old one.
    run: fn(&Paths) -> Result<(), OpenError>,
}

/// All of them, oldest first.
const MIGRATIONS: [Migration; 1] = [Migration {
    from: "a certificate log of one file",
    found: single_log::found,
    run: single_log::run,
}];

/// Brings a data directory to the present layout.
///
/// # Errors
/// [`OpenError::Damaged`] if what is old does not hold, and it stays as it is; [`OpenError::OtherSubnet`];
/// [`OpenError::Newer`]; what the disk says.
pub(crate) fn bring_up(paths: &Paths) -> Result<(), OpenError> {
    for migration in &MIGRATIONS {
        if (migration.found)(paths).map_err(OpenError::io(&paths.dir))? {
            tracing::info!(from = migration.from, "migrating the data directory");
            (migration.run)(paths)?;
            tracing::info!(from = migration.from, "migrated");
        }
    }
    Ok(())
}

/// `certificates.log` of format 1: one file with a header of 80 bytes, and every record with its items.
mod single_log {
    use super::*;

    const MAGIC: &[u8; 8] = b"GNGLCERT";
    const RECORD_MAGIC: &[u8; 4] = b"CREC";
    const HEADER_CONTEXT: &str = "ganglion storage certificate log header";
    const RECORD_CONTEXT: &str = "ganglion storage certificate log record";
    const PAYLOAD_CONTEXT: &str = "ganglion storage certificate log payload";
    const FORMAT: u32 = 1;
    const HEADER_BYTES: usize = 80;
    const RECORD_BYTES: usize = 112;

    fn path(paths: &Paths) -> PathBuf {
        paths.dir.join("certificates.log")
    }

    pub(super) fn found(paths: &Paths) -> io::Result<bool> {
        Ok(paths.disk.list(&paths.dir)?.contains(&path(paths)))
    }

    struct Old {
        file: Arc<dyn DiskFile>,
        header_hash: [u8; 32],
        /// Hash of the last record read.
        last: [u8; 32],
        at: u64,
    }

    struct Record {
        epoch: u64,
        payload: Vec<u8>,
        hash: [u8; 32],
        end: u64,
    }

    impl Old {
        fn open(paths: &Paths) -> Result<Self, OpenError> {
            let path = path(paths);
            let damaged = || OpenError::damaged(&paths.dir, Part::CertificateLog, Damage::Header);
            let file = paths.disk.open(&path).map_err(OpenError::io(&path))?;
            let mut head = [0; HEADER_BYTES];
            let read = file.read_at(0, &mut head).map_err(OpenError::io(&path))?;
            let (covered, digest) = head.split_last_chunk::<32>().ok_or_else(damaged)?;
            let mut fields = Fields::new(covered);
            let holds = read == HEADER_BYTES && hash(HEADER_CONTEXT, &[covered]) == *digest;
            if !holds || fields.array::<8>().as_ref() != Some(MAGIC) {
                return Err(damaged());
            }
            match (fields.u32(), fields.u32(), fields.array::<32>()) {
                (Some(FORMAT), Some(0), Some(subnet)) if subnet == paths.subnet => {}
                (Some(FORMAT), Some(0), Some(_)) => {
                    return Err(OpenError::OtherSubnet { dir: paths.dir.clone() });
                }
                _ => return Err(damaged()),
            }
            Ok(Self { file, header_hash: *digest, last: *digest, at: HEADER_BYTES as u64 })
        }

        /// The record at `offset`, if an intact one is there.
        fn record_at(&self, offset: u64) -> io::Result<Option<(Record, [u8; 32])>> {
            let mut head = [0; RECORD_BYTES];
            if self.file.read_at(offset, &mut head)? < RECORD_BYTES {
                return Ok(None);
            }
            let Some((covered, found)) = head.split_last_chunk::<32>() else { return Ok(None) };
            let expected =
                hash(RECORD_CONTEXT, &[&self.header_hash, &offset.to_be_bytes(), covered]);
            let mut fields = Fields::new(covered);
            let (Some(magic), Some(length), Some(epoch), Some(prev), Some(digest)) = (
                fields.array::<4>(),
                fields.u32(),
                fields.u64(),
                fields.array::<32>(),
                fields.array::<32>(),
            ) else {
                return Ok(None);
            };
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            if magic != *RECORD_MAGIC
                || expected != *found
                || length > certificate_log::BUNDLE_BYTES_MAX
            {
                return Ok(None);
            }
            let mut payload = vec![0; length];
            let start = offset.saturating_add(RECORD_BYTES as u64);
            if self.file.read_at(start, &mut payload)? < length
                || hash(PAYLOAD_CONTEXT, &[&payload]) != digest
            {
                return Ok(None);
            }
            let end = start.saturating_add(length as u64);
            Ok(Some((Record { epoch, payload, hash: *found, end }, prev)))
        }

        /// The next record of the chain.
        fn next(&mut self, after: Option<u64>) -> io::Result<Option<Record>> {
            let Some((record, prev)) = self.record_at(self.at)? else { return Ok(None) };
            let follows = after.is_none_or(|after| after.saturating_add(1) == record.epoch);
            if prev != self.last || !follows {
                return Ok(None);
            }
            self.at = record.end;
            self.last = record.hash;
            Ok(Some(record))
        }

        /// Whether an intact record stands anywhere behind the end of the chain.
        fn goes_on(&self, size: u64) -> io::Result<bool> {
            for offset in self.at.saturating_add(1)..size {
                let mut magic = [0; 4];
                if self.file.read_at(offset, &mut magic)? == 4
                    && magic == *RECORD_MAGIC
                    && self.record_at(offset)?.is_some()
                {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }

    pub(super) fn run(paths: &Paths) -> Result<(), OpenError> {
        let (dir, disk) = (&paths.dir, &paths.disk);
        let mut old = Old::open(paths)?;
        let io = |error: io::Error| OpenError::Io { path: path(paths), source: error };
        // What an interrupted run wrote; as long as the old file is there it is the one that counts.
        for path in disk.list(dir).map_err(io)? {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with("certificates-") {
                remove_if_there(disk.as_ref(), &path).map_err(io)?;
            }
        }
        let mut new = CertificateLog::create(disk, dir, &paths.subnet).map_err(io)?;
        let in_new = |error| crate::open::from_store(dir, error);
        let mut last = None;
        while let Some(record) = old.next(last).map_err(io)? {
            // The first record of a node that joined by a snapshot has no items. Without them an encoded `EpochBundle` is an
            // encoded `CertifiedCut`.
            let joined = last.is_none() && record.epoch > 1;
            let logged =
                if joined { Logged::Cut(record.payload) } else { Logged::Whole(record.payload) };
            new.append(record.epoch, &logged).map_err(in_new)?;
            last = Some(record.epoch);
        }
        let size = old.file.size().map_err(io)?;
        if size > old.at && old.goes_on(size).map_err(io)? {
            let epoch = last.map_or(1, |last| last.saturating_add(1));
            let damage = Damage::Record { epoch, offset: old.at };
            return Err(OpenError::damaged(dir, Part::CertificateLog, damage));
        }
        new.sync().map_err(in_new)?;
        disk.sync_dir(dir).map_err(io)?;
        drop(new);
        let read = CertificateLog::open(disk, dir, &paths.subnet, paths.segment_epochs, last)?;
        if read.last() != last {
            return Err(OpenError::damaged(dir, Part::CertificateLog, Damage::Missing));
        }
        disk.remove(&path(paths)).map_err(io)?;
        disk.sync_dir(dir).map_err(io)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        disk::Disk,
        faulty::{Crash, FaultyDisk},
        store::{Standing, Store},
    };

    const SUBNET: [u8; 32] = [0x51; 32];
    const DIR: &str = "/node";

    /// The directory of a node that stopped at epoch 70, as a release with format 1 left it.
    fn old() -> FaultyDisk {
        let disk = FaultyDisk::new();
        let dir = Path::new(DIR);
        disk.create_dir(dir).unwrap();
        let files: [(&str, &[u8]); 3] = [
            ("certificates.log", include_bytes!("../tests/fixtures/format-1/certificates.log")),
            ("watermark", include_bytes!("../tests/fixtures/format-1/watermark")),
            (
                "agreement-00000000000000000070.log",
                include_bytes!("../tests/fixtures/format-1/agreement-00000000000000000070.log"),
            ),
        ];
        for (name, content) in files {
            disk.plant(&dir.join(name), content);
        }
        disk
    }

    fn bundle(epoch: u64) -> Vec<u8> {
        format!("bundle of epoch {epoch}").into_bytes().repeat(1 + epoch as usize % 5)
    }

    fn open(disk: &FaultyDisk) -> Result<(Store, crate::Recovered), OpenError> {
        Store::open_on(Arc::new(disk.clone()), Path::new(DIR), SUBNET)
    }

    fn is_migrated(disk: &FaultyDisk) {
        let (store, found) = open(disk).unwrap();
        assert_eq!(found.certified, Some(70));
        assert!(matches!(&found.standing, Standing::Whole { entries } if entries.len() == 1));
        for epoch in 1..=70 {
            assert_eq!(store.reader().bundle(epoch).unwrap(), Some(bundle(epoch)), "{epoch}");
        }
        assert!(disk.content(&Path::new(DIR).join("certificates.log")).is_none());
    }

    #[test]
    fn a_directory_of_format_1_opens_with_every_epoch() {
        let disk = old();
        is_migrated(&disk);
        is_migrated(&disk);
    }

    #[test]
    fn power_lost_at_any_operation_of_the_migration_loses_nothing() {
        let whole = old();
        let before = whole.operations();
        is_migrated(&whole);
        let operations = whole.operations() - before;
        assert!(operations > 60, "{operations}");
        for cut in 0..operations {
            for crash in [Crash::LoseAll, Crash::KeepAll] {
                let disk = old();
                disk.cut_power_at(disk.operations() + cut);
                drop(open(&disk));
                disk.crash(crash);
                is_migrated(&disk);
            }
        }
    }

    #[test]
    fn a_torn_tail_is_cut_and_damage_inside_leaves_the_old_file() {
        let name = Path::new(DIR).join("certificates.log");
        let disk = old();
        let log = disk.content(&name).unwrap();
        disk.plant(&name, &[&log[..], b"CREC and half a record"].concat());
        is_migrated(&disk);

        let disk = old();
        assert!(disk.flip(&name, log.len() / 2, 1));
        let damaged = disk.content(&name).unwrap();
        let refused = open(&disk).expect_err("damage");
        assert!(
            matches!(refused, OpenError::Damaged { part: Part::CertificateLog, .. }),
            "{refused}"
        );
        assert_eq!(disk.content(&name), Some(damaged));

        // A lost end shows by the watermark.
        let disk = old();
        disk.plant(&name, &log[..log.len() - 500]);
        assert!(matches!(open(&disk), Err(OpenError::Damaged { .. })));
        let refused = Store::open_on(Arc::new(old()), Path::new(DIR), [1; 32]).unwrap_err();
        assert!(matches!(refused, OpenError::OtherSubnet { .. }), "{refused}");
    }
}
