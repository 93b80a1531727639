//! Copies of other witnesses' logs ([`crate::embedded`]): an entry binds its witness only towards whoever has kept it.
//!
//! ```text
//! answer to "from your last on" ─► take ─┬─► added
//!                                        ├─► another entry in a known place ─► compare, page by page back ─┬─► Rewrite
//!                                        │                                                                └─► another log: begin anew
//!                                        └─► odd: of another witness, a gap, not chained
//! ```

use std::io;

use ganglion_types::{Epoch, Hotkey, SubnetId};

use crate::embedded::{ENTRY_BYTES, Entry, Rewrite};
use crate::{Medium, limits};

/// The newest entries of one witness's log, without a gap.
#[derive(Debug)]
pub struct Copy<M> {
    witness: Hotkey,
    subnet: SubnetId,
    medium: M,
    /// First and last entry that are kept.
    ends: Option<(Entry, Entry)>,
}

/// What became of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// So many entries are new.
    Added(usize),
    /// The log has another entry where one is kept, or has become shorter: compare earlier ones.
    Differs,
    /// Not entries of this witness that follow each other.
    Odd,
}

/// What a page of a log that differs from its copy shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compared {
    /// The log was written anew: proof.
    Rewritten(Box<Rewrite>),
    /// Some entries are those that are kept: it is the same log, as far as this page goes.
    Shared,
    /// No entry is one that is kept.
    Strange,
}

impl<M: Medium> Copy<M> {
    /// Opens a copy. An end that was not written whole, and whatever does not follow what is before it, is cut off.
    ///
    /// # Errors
    /// What the medium says.
    pub fn open(mut medium: M, witness: Hotkey, subnet: SubnetId) -> io::Result<Self> {
        let size = medium.size()?;
        let most = limits::COPY_ENTRIES.saturating_mul(2).saturating_mul(ENTRY_BYTES);
        let length = usize::try_from(size).unwrap_or(usize::MAX).min(most);
        let bytes = medium.read(0, length)?;
        let mut sound: Vec<Entry> = Vec::new();
        for entry in bytes.chunks_exact(ENTRY_BYTES).map_while(Entry::from_bytes) {
            let fits = entry.hotkey == witness && entry.payload.subnet() == subnet;
            if !fits || sound.last().is_some_and(|last| !entry.follows(last)) {
                break;
            }
            sound.push(entry);
        }
        let whole = bytes_of(sound.len());
        if whole < size {
            medium.truncate(whole)?;
        }
        let ends = sound.first().cloned().zip(sound.last().cloned());
        Ok(Self { witness, subnet, medium, ends })
    }

    /// Whose log it is.
    #[must_use]
    pub const fn witness(&self) -> Hotkey {
        self.witness
    }

    /// The newest entry that is kept.
    #[must_use]
    pub fn last(&self) -> Option<&Entry> {
        self.ends.as_ref().map(|(_, last)| last)
    }

    /// Number of the first entry that is kept.
    #[must_use]
    pub fn first(&self) -> Option<u64> {
        self.ends.as_ref().map(|(first, _)| first.number)
    }

    /// Number from which on the witness is asked: that of the last entry, so that a change of it is seen. Of a log of `count`
    /// entries that is not known yet, as many as a copy keeps.
    #[must_use]
    pub fn wanted(&self, count: u64) -> u64 {
        let kept = u64::try_from(limits::COPY_ENTRIES).unwrap_or(u64::MAX);
        self.last().map_or(count.saturating_sub(kept), |last| last.number)
    }

    /// Takes an answer to [`Copy::wanted`].
    ///
    /// # Errors
    /// What the medium says; then the copy is to be opened anew.
    pub fn take(&mut self, entries: &[Entry]) -> io::Result<Taken> {
        if !self.is_chain(entries) {
            return Ok(Taken::Odd);
        }
        let new = match (self.last(), entries) {
            (None, entries) => entries,
            (Some(last), [first, rest @ ..]) if first == last => rest,
            _ => return Ok(Taken::Differs),
        };
        let (Some(first), Some(last)) = (new.first(), new.last()) else {
            return Ok(Taken::Added(0));
        };
        let bytes: Vec<u8> = new.iter().flat_map(Entry::to_bytes).collect();
        self.medium.append(&bytes)?;
        let first = self.ends.take().map_or_else(|| first.clone(), |(first, _)| first);
        self.ends = Some((first, last.clone()));
        self.shorten()?;
        Ok(Taken::Added(new.len()))
    }

    /// Looks for the place where the log was written anew, in entries that the witness shows now: two entries after the same one.
    ///
    /// # Errors
    /// What the medium says.
    pub fn compare(&self, entries: &[Entry]) -> io::Result<Compared> {
        let mut compared = Compared::Strange;
        for theirs in entries {
            let Some(ours) = self.entry(theirs.number)? else { continue };
            if let Some(rewrite) = Rewrite::of(&ours, theirs) {
                return Ok(Compared::Rewritten(Box::new(rewrite)));
            }
            if ours == *theirs {
                compared = Compared::Shared;
            }
        }
        Ok(compared)
    }

    /// The entry that speaks about an epoch, if one does.
    ///
    /// # Errors
    /// What the medium says.
    pub fn covering(&self, epoch: Epoch) -> io::Result<Option<Entry>> {
        let Some((first, last)) = &self.ends else { return Ok(None) };
        let (mut low, mut high) = (first.number, last.number.saturating_add(1));
        while low < high {
            let middle = low.midpoint(high);
            match self.entry(middle)? {
                Some(entry) if entry.payload.last() < epoch => low = middle.saturating_add(1),
                _ => high = middle,
            }
        }
        Ok(self.entry(low)?.filter(|entry| entry.payload.covers(epoch)))
    }

    /// Forgets all entries: the witness shows another log, which proves nothing against it.
    ///
    /// # Errors
    /// What the medium says.
    pub fn begin_anew(&mut self) -> io::Result<()> {
        self.medium.truncate(0)?;
        self.ends = None;
        Ok(())
    }

    /// At most `max` entries from number `from` on, in order, at most [`limits::ENTRIES`].
    ///
    /// # Errors
    /// What the medium says.
    pub fn entries(&self, from: u64, max: usize) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut number = self.first().map_or(from, |first| first.max(from));
        while entries.len() < max.min(limits::ENTRIES) {
            let Some(entry) = self.entry(number)? else { break };
            entries.push(entry);
            number = number.saturating_add(1);
        }
        Ok(entries)
    }

    fn entry(&self, number: u64) -> io::Result<Option<Entry>> {
        let Some((first, last)) = &self.ends else { return Ok(None) };
        let Some(at) = number.checked_sub(first.number).filter(|_| number <= last.number) else {
            return Ok(None);
        };
        let length = u64::try_from(ENTRY_BYTES).unwrap_or(u64::MAX);
        Ok(Entry::from_bytes(&self.medium.read(at.saturating_mul(length), ENTRY_BYTES)?))
    }

    fn is_chain(&self, entries: &[Entry]) -> bool {
        let ours =
            |entry: &Entry| entry.hotkey == self.witness && entry.payload.subnet() == self.subnet;
        let follows = |pair: &[Entry]| matches!(pair, [one, next] if next.follows(one));
        entries.len() <= limits::ENTRIES
            && entries.iter().all(ours)
            && entries.windows(2).all(follows)
    }

    /// Keeps the newer half of a copy that has grown to twice what is kept.
    fn shorten(&mut self) -> io::Result<()> {
        let Some((first, last)) = &self.ends else { return Ok(()) };
        let kept = u64::try_from(limits::COPY_ENTRIES).unwrap_or(u64::MAX);
        if last.number.saturating_sub(first.number) < kept.saturating_mul(2) {
            return Ok(());
        }
        let from = last.number.saturating_sub(kept).saturating_add(1);
        let skipped = bytes_of(usize::try_from(from.saturating_sub(first.number)).unwrap_or(0));
        let bytes = self.medium.read(skipped, limits::COPY_ENTRIES.saturating_mul(ENTRY_BYTES))?;
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "an entry is damaged");
        let first = bytes.get(..ENTRY_BYTES).and_then(Entry::from_bytes).ok_or_else(damaged)?;
        let last = last.clone();
        self.medium.replace(&bytes)?;
        self.ends = Some((first, last));
        Ok(())
    }
}

fn bytes_of(entries: usize) -> u64 {
    u64::try_from(entries.saturating_mul(ENTRY_BYTES)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
