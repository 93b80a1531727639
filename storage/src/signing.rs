//! How far a node has signed, for whoever moves its key to another machine.
//!
//! ```text
//!  source: read ─► file ─► retire          target: adopt ─► mute through that epoch ─► signs from the next one on
//! ```
//! The directory is locked meanwhile. Nothing here ever lowers a watermark.

use std::{path::Path, sync::Arc};

use crate::{
    disk::{ReadOnlyDisk, RealDisk},
    error::OpenError,
    lock::DirectoryLock,
    open::judge,
    store::{Paths, Standing},
    watermark::{Watermark, WatermarkFile},
};

/// The signing history in a data directory, which is locked as long as this lives.
#[derive(Debug)]
pub struct SigningHistory {
    paths: Paths,
    open: Option<(WatermarkFile, Watermark)>,
    standing: Standing,
    _lock: DirectoryLock,
}

/// Why a history is not taken over.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// How far this directory has signed is unknown, so nothing can be compared with it.
    #[error("the watermark of this directory is gone or damaged")]
    Unknown,
    /// This directory has signed at least as far, and reserved as many item numbers.
    #[error(
        "this directory has signed as far as epoch {epoch} round {round} already, which is not before the history"
    )]
    NotLater {
        /// Epoch of the watermark here.
        epoch: u64,
        /// Its round.
        round: u32,
    },
    /// What the disk says.
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl SigningHistory {
    /// Locks a data directory and reads its history.
    ///
    /// # Errors
    /// [`OpenError::NotInitialised`] without a directory; [`OpenError::Locked`]; [`OpenError::Newer`]; what the disk says.
    pub fn open(dir: &Path, subnet: [u8; 32]) -> Result<Self, OpenError> {
        if !dir.is_dir() {
            return Err(OpenError::NotInitialised { dir: dir.to_owned() });
        }
        let lock = DirectoryLock::acquire(dir)?;
        let paths = Paths::new(Arc::new(RealDisk), dir, subnet);
        let open = WatermarkFile::open(paths.disk.as_ref(), &paths.watermark())?;
        // Looking cuts no tail.
        let looking = Paths { disk: Arc::new(ReadOnlyDisk), ..paths.clone() };
        let (standing, ..) = judge(&looking, open.as_ref().map(|(_, watermark)| watermark))?;
        Ok(Self { paths, open, standing, _lock: lock })
    }

    /// The watermark as it is on the disk; `None` if it is gone or both slots are bad.
    #[must_use]
    pub fn watermark(&self) -> Option<Watermark> {
        self.open.as_ref().map(|(_, watermark)| *watermark)
    }

    /// What a machine that takes the key over must know; `None` if nobody can say it.
    ///
    /// Records of an epoch later than the watermark's show that it is an old copy: then that epoch counts, to its last round.
    #[must_use]
    pub fn to_give_away(&self) -> Option<Watermark> {
        let watermark = self.watermark()?;
        let plain = Watermark { last_record: 0, ahead: false, retired: false, ..watermark };
        match self.standing {
            Standing::MuteThrough { epoch } if epoch > watermark.epoch && !watermark.retired => {
                let (locked, valid) = (None, None);
                Some(Watermark { epoch, round: u32::MAX, step: u8::MAX, locked, valid, ..plain })
            }
            _ => Some(plain),
        }
    }

    /// Marks this directory, durably: it signs nothing until [`SigningHistory::reinstate`].
    ///
    /// # Errors
    /// What the disk says.
    pub fn retire(&mut self) -> Result<(), OpenError> {
        self.change(|watermark| watermark.retired = true)
    }

    /// Takes the mark away. At the epoch of the watermark it stays mute.
    ///
    /// # Errors
    /// What the disk says.
    pub fn reinstate(&mut self) -> Result<(), OpenError> {
        self.change(|watermark| {
            // What another machine signed meanwhile may be of this epoch too.
            watermark.ahead |= watermark.retired;
            watermark.retired = false;
        })
    }

    fn change(&mut self, change: impl FnOnce(&mut Watermark)) -> Result<(), OpenError> {
        if let Some((file, watermark)) = &mut self.open {
            let mut next = *watermark;
            change(&mut next);
            file.write_both(&next).map_err(OpenError::io(&self.paths.watermark()))?;
            *watermark = next;
        }
        Ok(())
    }

    /// Takes over what another directory gave away: this one signs nothing at or below it. Item numbers reserved there are
    /// reserved here.
    ///
    /// # Errors
    /// [`AdoptError::NotLater`] if that raises nothing; [`AdoptError::Unknown`]; what the disk says.
    pub fn adopt(&mut self, given: &Watermark) -> Result<(), AdoptError> {
        let here = self.watermark().ok_or(AdoptError::Unknown)?;
        let later = given.position() > here.position();
        if !later && given.item_seq_reserved <= here.item_seq_reserved {
            return Err(AdoptError::NotLater { epoch: here.epoch, round: here.round });
        }
        let item_seq_reserved = here.item_seq_reserved.max(given.item_seq_reserved);
        let retired = here.retired;
        let base =
            if later { Watermark { ahead: true, last_record: 0, retired, ..*given } } else { here };
        self.change(|watermark| *watermark = Watermark { item_seq_reserved, ..base })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Position, Store};

    const SUBNET: [u8; 32] = [7; 32];

    /// A directory that signed at round 3 of epoch 1 and reserved 64 items.
    fn signed() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        Store::init(dir.path(), SUBNET).unwrap();
        let (mut store, _) = Store::open(dir.path(), SUBNET).unwrap();
        store.commit_genesis(b"genesis".to_vec(), Vec::new()).unwrap();
        store.begin_epoch(1).unwrap();
        store.reserve_item_seq(64).unwrap();
        store.record(0, b"vote").unwrap();
        store.persist(Position { round: 3, step: 2, ..Position::default() }).unwrap();
        dir
    }

    fn given(dir: &Path) -> Watermark {
        SigningHistory::open(dir, SUBNET).unwrap().to_give_away().unwrap()
    }

    fn standing(dir: &Path) -> Standing {
        Store::open(dir, SUBNET).unwrap().1.standing
    }

    #[test]
    fn whoever_takes_a_history_over_is_mute_through_its_epoch_and_keeps_the_numbers() {
        let (source, target) = (signed(), tempfile::tempdir().unwrap());
        let given = given(source.path());
        assert_eq!((given.position(), given.item_seq_reserved), ((1, 3, 2), 64));
        Store::init(target.path(), SUBNET).unwrap();
        SigningHistory::open(target.path(), SUBNET).unwrap().adopt(&given).unwrap();
        for _ in 0..2 {
            // An empty certificate log behind it is no damage, however often the node starts.
            let (mut store, found) = Store::open(target.path(), SUBNET).unwrap();
            assert_eq!(found.standing, Standing::MuteThrough { epoch: 1 });
            assert_eq!(found.item_seq_reserved, 64);
            if found.applied.is_none() {
                store.commit_genesis(b"genesis".to_vec(), Vec::new()).unwrap();
            }
            store.begin_epoch(1).unwrap_err();
            store.record(0, b"vote").unwrap_err();
        }
        let again = SigningHistory::open(target.path(), SUBNET).unwrap().adopt(&given);
        assert!(matches!(again, Err(AdoptError::NotLater { epoch: 1, round: 3 })), "{again:?}");
    }

    #[test]
    fn a_retired_directory_signs_nothing_and_a_reinstated_one_not_at_that_epoch() {
        let dir = signed();
        SigningHistory::open(dir.path(), SUBNET).unwrap().retire().unwrap();
        assert_eq!(standing(dir.path()), Standing::MuteThrough { epoch: u64::MAX });
        let (mut store, found) = Store::open(dir.path(), SUBNET).unwrap();
        assert!(found.watermark.unwrap().retired);
        store.begin_epoch(1).unwrap_err();
        store.record(0, b"vote").unwrap_err();
        drop(store);
        assert_eq!(given(dir.path()).position(), (1, 3, 2), "what it gives away stays the same");
        SigningHistory::open(dir.path(), SUBNET).unwrap().reinstate().unwrap();
        assert_eq!(standing(dir.path()), Standing::MuteThrough { epoch: 1 });
    }

    #[test]
    fn an_older_history_is_refused_and_a_lost_watermark_compares_with_nothing() {
        let dir = signed();
        let open = || SigningHistory::open(dir.path(), SUBNET).unwrap();
        let here = open().watermark().unwrap();
        for older in [
            Watermark { epoch: 0, ..here },
            Watermark { round: 2, step: 9, ..here },
            Watermark { step: 1, item_seq_reserved: 63, ..here },
        ] {
            assert!(matches!(open().adopt(&older), Err(AdoptError::NotLater { .. })));
            assert_eq!(open().watermark(), Some(here));
        }
        // Numbers reserved elsewhere count even if the position there is older, and the log here stays of use.
        let numbers = Watermark { epoch: 0, item_seq_reserved: 128, ..here };
        open().adopt(&numbers).unwrap();
        assert_eq!(open().watermark(), Some(Watermark { item_seq_reserved: 128, ..here }));
        assert!(matches!(standing(dir.path()), Standing::Whole { .. }));
        std::fs::remove_file(dir.path().join("watermark")).unwrap();
        assert!(matches!(open().adopt(&here), Err(AdoptError::Unknown)));
        assert_eq!(open().to_give_away(), None);
    }

    #[test]
    fn records_later_than_the_watermark_are_given_away_too() {
        let dir = signed();
        let old = std::fs::read(dir.path().join("watermark")).unwrap();
        let (mut store, _) = Store::open(dir.path(), SUBNET).unwrap();
        let commit = crate::EpochCommit { epoch: 1, ..crate::EpochCommit::default() };
        store.commit_epoch(commit).unwrap();
        store.begin_epoch(2).unwrap();
        store.record(0, b"vote").unwrap();
        store.persist(Position::default()).unwrap();
        drop(store);
        std::fs::write(dir.path().join("watermark"), old).unwrap();
        assert_eq!(given(dir.path()).position(), (2, u32::MAX, u8::MAX));
    }
}
