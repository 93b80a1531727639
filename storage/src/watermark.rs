//! How far this node has signed, in a file of two slots.
//!
//! ```text
//!  byte 0                      4096
//!  ├─ slot 0 (154 bytes) ─ … ──├─ slot 1 (154 bytes) ─┤
//! ```
//! The generation rises by one per write and its parity picks the slot, so a torn write leaves the other slot whole. The
//! valid slot with the higher generation counts. The byte layout is in `docs/spec/storage.md`.
//!
//! Damage of the newer slot brings the older one back. For what is written once per vote that is harmless: the records in
//! the agreement log say the same and more. What has no record behind it (a new epoch, reserved item numbers) is
//! therefore written to both slots.

use std::{io, path::Path, sync::Arc};

use ganglion_types::planted::{self, Bug};

use crate::{
    codec::{Fields, hash},
    disk::{Disk, DiskFile, parent, remove_if_there},
    error::{OpenError, Part},
};

const MAGIC: &[u8; 8] = b"GNGLWMRK";
const CONTEXT: &str = "ganglion storage watermark slot";
/// Newest slot format that this release reads.
///
/// Written only with a mark that a release of format 1 would not obey: it refuses the file.
pub const FORMAT: u32 = 2;
/// The slot format without marks.
const FORMAT_UNMARKED: u32 = 1;
const SLOT_BYTES: usize = 154;
const SLOT_SPACING: u64 = 4096;

/// A round and the cut this node locked on, or found valid, in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundCut {
    /// Round of the lock or the polka.
    pub round: u32,
    /// Cut id.
    pub cut: [u8; 32],
}

/// How far this node has signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watermark {
    /// Height.
    pub epoch: u64,
    /// Round within it.
    pub round: u32,
    /// Step within that, rising with progress; numbered by the caller.
    pub step: u8,
    /// Locked value.
    pub locked: Option<RoundCut>,
    /// Valid value.
    pub valid: Option<RoundCut>,
    /// Sequence number of the newest agreement-log record this covers; 0 for none.
    pub last_record: u64,
    /// Item sequence numbers below this may have been used.
    pub item_seq_reserved: u64,
    /// It came from another machine or outlived the certificate log: the log may end before it, no agreement log belongs to
    /// it, and the node is mute through its epoch. Beginning a later epoch ends this.
    pub ahead: bool,
    /// The signing history was given away: whoever has it may sign, this directory may not.
    pub retired: bool,
}

impl Watermark {
    /// What orders two of them: nothing at or before this may be signed again.
    #[must_use]
    pub const fn position(&self) -> (u64, u32, u8) {
        (self.epoch, self.round, self.step)
    }
}

/// The open file.
#[derive(Debug)]
pub struct WatermarkFile {
    file: Arc<dyn DiskFile>,
    generation: u64,
}

impl WatermarkFile {
    /// Writes the first watermark, into both slots, and puts the file in place whole or not at all.
    ///
    /// # Errors
    /// What the disk says.
    pub fn create(disk: &dyn Disk, path: &Path, first: &Watermark) -> io::Result<Self> {
        let temporary = path.with_extension("new");
        remove_if_there(disk, &temporary)?;
        let mut created = Self { file: disk.create(&temporary)?, generation: 0 };
        created.write_both(first)?;
        disk.rename(&temporary, path)?;
        disk.sync_dir(parent(path))?;
        Ok(created)
    }

    /// Opens the file and reads the newest whole slot; `None` if the file is gone or both slots are bad.
    ///
    /// # Errors
    /// [`OpenError::Newer`] for a slot of a newer release, else what the disk says.
    pub fn open(disk: &dyn Disk, path: &Path) -> Result<Option<(Self, Watermark)>, OpenError> {
        let file = match disk.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(OpenError::io(path))?,
        };
        let mut newest: Option<(u64, Watermark)> = None;
        for slot in 0..2 {
            let mut bytes = [0; SLOT_BYTES];
            let read =
                file.read_at(slot * SLOT_SPACING, &mut bytes).map_err(OpenError::io(path))?;
            if read < SLOT_BYTES {
                continue;
            }
            match decode(&bytes) {
                Slot::Bad => {}
                Slot::Newer(found) => {
                    return Err(OpenError::Newer { part: Part::Watermark, found, known: FORMAT });
                }
                Slot::Whole { generation, watermark } => {
                    // A slot in the wrong place was not written by us.
                    let in_place = generation % 2 == slot || planted::is(Bug::WatermarkOneSlot);
                    if in_place && newest.is_none_or(|(other, _)| generation > other) {
                        newest = Some((generation, watermark));
                    }
                }
            }
        }
        Ok(newest.map(|(generation, watermark)| (Self { file, generation }, watermark)))
    }

    /// Writes the slot not written last and syncs it.
    ///
    /// # Errors
    /// What the disk says; the caller must then sign nothing more.
    pub fn write(&mut self, watermark: &Watermark) -> io::Result<()> {
        let generation = self.generation.saturating_add(1);
        let slot = if planted::is(Bug::WatermarkOneSlot) { 0 } else { generation % 2 };
        let offset = slot * SLOT_SPACING;
        self.file.write_at(offset, &encode(generation, watermark))?;
        self.file.sync_data()?;
        self.generation = generation;
        Ok(())
    }

    /// Writes one slot after the other, so that damage of either cannot bring an older value back.
    ///
    /// # Errors
    /// As [`WatermarkFile::write`].
    pub fn write_both(&mut self, watermark: &Watermark) -> io::Result<()> {
        self.write(watermark)?;
        self.write(watermark)
    }
}

enum Slot {
    Bad,
    Newer(u32),
    Whole { generation: u64, watermark: Watermark },
}

fn encode(generation: u64, watermark: &Watermark) -> Vec<u8> {
    let nowhere = RoundCut { round: 0, cut: [0; 32] };
    let flags = u8::from(watermark.locked.is_some())
        | u8::from(watermark.valid.is_some()) << 1
        | u8::from(watermark.ahead) << 2
        | u8::from(watermark.retired) << 3;
    let marked = watermark.ahead || watermark.retired;
    let format = if marked { FORMAT } else { FORMAT_UNMARKED };
    let mut out = Vec::with_capacity(SLOT_BYTES);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&format.to_be_bytes());
    out.extend_from_slice(&generation.to_be_bytes());
    out.extend_from_slice(&watermark.epoch.to_be_bytes());
    out.extend_from_slice(&watermark.round.to_be_bytes());
    out.push(watermark.step);
    out.push(flags);
    for value in [watermark.locked, watermark.valid] {
        let value = value.unwrap_or(nowhere);
        out.extend_from_slice(&value.round.to_be_bytes());
        out.extend_from_slice(&value.cut);
    }
    out.extend_from_slice(&watermark.last_record.to_be_bytes());
    out.extend_from_slice(&watermark.item_seq_reserved.to_be_bytes());
    let digest = hash(CONTEXT, &[&out]);
    out.extend_from_slice(&digest);
    out
}

fn decode(bytes: &[u8; SLOT_BYTES]) -> Slot {
    let Some((covered, digest)) = bytes.split_last_chunk::<32>() else { return Slot::Bad };
    let mut fields = Fields::new(covered);
    if fields.array::<8>().as_ref() != Some(MAGIC) || hash(CONTEXT, &[covered]) != *digest {
        return Slot::Bad;
    }
    match fields.u32() {
        Some(FORMAT_UNMARKED | FORMAT) => {}
        Some(found) if found > FORMAT => return Slot::Newer(found),
        _ => return Slot::Bad,
    }
    decode_fields(fields).unwrap_or(Slot::Bad)
}

fn decode_fields(mut fields: Fields<'_>) -> Option<Slot> {
    let generation = fields.u64()?;
    let epoch = fields.u64()?;
    let round = fields.u32()?;
    let step = fields.u8()?;
    let flags = fields.u8()?;
    let locked = RoundCut { round: fields.u32()?, cut: fields.array()? };
    let valid = RoundCut { round: fields.u32()?, cut: fields.array()? };
    let watermark = Watermark {
        epoch,
        round,
        step,
        locked: (flags & 1 != 0).then_some(locked),
        valid: (flags & 2 != 0).then_some(valid),
        last_record: fields.u64()?,
        item_seq_reserved: fields.u64()?,
        ahead: flags & 4 != 0,
        retired: flags & 8 != 0,
    };
    fields.end(Slot::Whole { generation, watermark })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use proptest::prelude::*;

    use super::*;
    use crate::faulty::{Crash, FaultyDisk};

    fn path() -> PathBuf {
        PathBuf::from("/d/watermark")
    }

    fn at(last_record: u64) -> Watermark {
        Watermark {
            epoch: 7,
            round: 2,
            step: 3,
            locked: Some(RoundCut { round: 1, cut: [9; 32] }),
            last_record,
            item_seq_reserved: 128,
            ..Watermark::default()
        }
    }

    fn read(disk: &FaultyDisk) -> Option<Watermark> {
        WatermarkFile::open(disk, &path()).unwrap().map(|(_, watermark)| watermark)
    }

    fn round_cut() -> impl Strategy<Value = Option<RoundCut>> {
        proptest::option::of(
            (any::<u32>(), any::<[u8; 32]>()).prop_map(|(round, cut)| RoundCut { round, cut }),
        )
    }

    proptest! {
        #[test]
        fn every_watermark_reads_back(
            epoch: u64, round: u32, step: u8, locked in round_cut(), valid in round_cut(),
            last_record: u64, item_seq_reserved: u64, ahead: bool, retired: bool,
        ) {
            let watermark = Watermark {
                epoch, round, step, locked, valid, last_record, item_seq_reserved, ahead, retired,
            };
            let disk = FaultyDisk::new();
            WatermarkFile::create(&disk, &path(), &watermark).unwrap();
            prop_assert_eq!(read(&disk), Some(watermark));
        }
    }

    #[test]
    fn a_write_torn_at_any_byte_leaves_the_old_or_the_new_watermark() {
        let (mut old, mut new) = (0, 0);
        for torn in 0..=SLOT_BYTES {
            let disk = FaultyDisk::new();
            let mut file = WatermarkFile::create(&disk, &path(), &at(1)).unwrap();
            file.write(&at(2)).unwrap();
            // Written but never synced, as when the power goes off in between.
            let bytes = encode(4, &at(3));
            file.file.write_at(0, &bytes).unwrap();
            disk.crash(Crash::TornAt(torn));
            match read(&disk) {
                Some(found) if found == at(2) => old += 1,
                Some(found) if found == at(3) => new += 1,
                other => panic!("torn at {torn}: {other:?}"),
            }
        }
        // A suffix of the new slot may equal the old one's bytes, never the whole checksum.
        assert!(old >= SLOT_BYTES - 2 && new >= 1, "{old} old, {new} new");
    }

    #[test]
    fn a_flip_at_any_byte_of_either_slot_never_gives_a_value_that_was_not_written() {
        let disk = FaultyDisk::new();
        let mut file = WatermarkFile::create(&disk, &path(), &at(1)).unwrap();
        file.write(&at(2)).unwrap();
        for slot in [0, SLOT_SPACING as usize] {
            for byte in 0..SLOT_BYTES {
                let copy = disk.copy();
                assert!(copy.flip(&path(), slot + byte, 0x10));
                let expected = if slot == 0 { at(2) } else { at(1) };
                assert_eq!(read(&copy), Some(expected), "slot at {slot}, byte {byte}");
            }
        }
    }

    #[test]
    fn damage_of_one_slot_cannot_bring_back_what_was_before_a_double_write() {
        for slot in [0, SLOT_SPACING as usize] {
            let disk = FaultyDisk::new();
            let mut file = WatermarkFile::create(&disk, &path(), &at(1)).unwrap();
            file.write_both(&at(2)).unwrap();
            assert!(disk.flip(&path(), slot + 20, 1));
            assert_eq!(read(&disk), Some(at(2)));
        }
    }

    #[test]
    fn a_missing_file_and_two_bad_slots_are_missing() {
        let disk = FaultyDisk::new();
        assert!(read(&disk).is_none());
        WatermarkFile::create(&disk, &path(), &at(1)).unwrap();
        assert!(disk.flip(&path(), 30, 1) && disk.flip(&path(), 4096 + 30, 1));
        assert!(read(&disk).is_none());
    }

    #[test]
    fn a_reopened_file_goes_on_alternating() {
        let disk = FaultyDisk::new();
        WatermarkFile::create(&disk, &path(), &at(1)).unwrap();
        for record in 2..9 {
            let (mut file, found) = WatermarkFile::open(&disk, &path()).unwrap().unwrap();
            assert_eq!(found, at(record - 1));
            file.write(&at(record)).unwrap();
        }
    }

    #[test]
    fn a_slot_of_a_newer_release_is_refused_by_name() {
        let disk = FaultyDisk::new();
        WatermarkFile::create(&disk, &path(), &at(1)).unwrap();
        let mut slot = encode(3, &at(2));
        slot.truncate(SLOT_BYTES - 32);
        slot[8..12].copy_from_slice(&3u32.to_be_bytes());
        let digest = hash(CONTEXT, &[&slot]);
        slot.extend_from_slice(&digest);
        disk.open(&path()).unwrap().write_at(SLOT_SPACING, &slot).unwrap();
        let refused = WatermarkFile::open(&disk, &path()).unwrap_err();
        assert!(matches!(refused, OpenError::Newer { found: 3, known: 2, .. }), "{refused}");
    }

    /// A release of format 1 ignores the marks, and would sign.
    #[test]
    fn only_a_marked_slot_has_the_format_that_older_releases_refuse() {
        let format = |watermark: &Watermark| encode(1, watermark)[8..12].to_vec();
        assert_eq!(format(&at(1)), FORMAT_UNMARKED.to_be_bytes());
        for marked in [Watermark { ahead: true, ..at(1) }, Watermark { retired: true, ..at(1) }] {
            assert_eq!(format(&marked), FORMAT.to_be_bytes());
        }
    }
}
