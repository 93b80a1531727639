//! Anchors in a log of the node's own: the default, without a chain, an account or a setting.
//!
//! ```text
//!  0        8        16      48        80               264         328
//!  ├ number ┼ time ms ┼ prev ─┼ hotkey ─┼ payload 184 ───┼ signature ─┤
//! ```
//! `number` counts from 0, `prev` is the id of the entry before (in the first one random bytes, which name the log), and the id
//! of an entry is `H("ganglion/anchor-entry", all but the signature)`, which is what the hotkey signs.
//!
//! # What makes it more than a copy of the certificates
//! A certificate says what a *committee* decided; whoever gets hold of enough of its keys years later can make other ones for the
//! same epochs. An entry says what a *witness* saw, and when: any node with a hotkey, miners and observers too, whose
//! log can not be changed later without a second entry after the same one. That pair ([`Rewrite`]) is proof against it, to anybody who
//! remembers one entry. A node that lost its disk begins another log, which proves nothing against it, and lets everybody see
//! that the old one is not shown any more. So a second history needs the keys of the old committees and the silence of every witness whose log somebody
//! has looked at. It costs no money; it does not survive the loss of all copies, which a real chain does.

use std::fmt;
use std::io;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard};

use ed25519_dalek::SigningKey;
use ganglion_types::{Digest, Epoch, Hotkey, Signature, SubnetId, sign};

use crate::{
    Anchor, AnchorError, AnchorPayload, Answer, ChainName, ChainPoint, Finality, Found, Medium,
    PAYLOAD_BYTES, Prepared, Publisher, Reason, Status, Survey, Verified, limits,
};

/// Bytes of every entry.
pub const ENTRY_BYTES: usize = SIGNED_BYTES + 64;
const SIGNED_BYTES: usize = 8 + 8 + 32 + 32 + PAYLOAD_BYTES;

/// One line of a witness's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Place in the log, from 0.
    pub number: u64,
    /// The witness's clock when it was written, Unix milliseconds. Its word alone.
    pub time: u64,
    /// Id of the entry before; random bytes in the first.
    pub prev: Digest,
    /// The witness.
    pub hotkey: Hotkey,
    /// What it saw certified.
    pub payload: AnchorPayload,
    /// Over [`Entry::id`].
    pub signature: Signature,
}

impl Entry {
    fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(ENTRY_BYTES);
        bytes.extend(self.number.to_be_bytes());
        bytes.extend(self.time.to_be_bytes());
        bytes.extend(self.prev.as_bytes());
        bytes.extend(self.hotkey.as_bytes());
        bytes.extend(self.payload.to_bytes());
        bytes
    }

    /// What the signature covers and the next entry names.
    #[must_use]
    pub fn id(&self) -> Digest {
        sign::tagged_hash("ganglion/anchor-entry", &[&self.signed_bytes()])
    }

    /// The bytes in the log.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.signed_bytes();
        bytes.extend(self.signature.as_bytes());
        bytes
    }

    /// Reads one entry and checks its signature.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (signed, signature) = bytes.split_at_checked(SIGNED_BYTES)?;
        let (number, rest) = signed.split_first_chunk::<8>()?;
        let (time, rest) = rest.split_first_chunk::<8>()?;
        let (prev, rest) = rest.split_first_chunk::<32>()?;
        let (hotkey, payload) = rest.split_first_chunk::<32>()?;
        let entry = Self {
            number: u64::from_be_bytes(*number),
            time: u64::from_be_bytes(*time),
            prev: Digest::new(*prev),
            hotkey: Hotkey::new(*hotkey),
            payload: AnchorPayload::from_bytes(payload).ok()?,
            signature: Signature::from_slice(signature)?,
        };
        let signed = sign::verify(hotkey, entry.id().as_bytes(), &entry.signature);
        signed.then_some(entry)
    }

    /// Whether this entry may stand right after `before` in one log.
    #[must_use]
    pub fn follows(&self, before: &Self) -> bool {
        self.number == before.number.saturating_add(1)
            && self.prev == before.id()
            && self.hotkey == before.hotkey
            && self.payload.subnet() == before.payload.subnet()
    }
}

/// Two entries after the same one in one witness's log: it was written anew. Who has both can show it to anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite {
    /// One of them.
    pub one: Entry,
    /// The other.
    pub other: Entry,
}

impl Rewrite {
    /// Both, if they prove that a log was written anew. Entries have sound signatures by construction.
    #[must_use]
    pub fn of(one: &Entry, other: &Entry) -> Option<Self> {
        let proves = one.hotkey == other.hotkey
            && (one.number, one.prev) == (other.number, other.prev)
            && one.payload.subnet() == other.payload.subnet()
            && one.id() != other.id();
        proves.then(|| Self { one: one.clone(), other: other.clone() })
    }
}

/// Where the log is kept, and who signs it.
pub struct Embedded<M> {
    name: ChainName,
    publisher: Publisher,
    hotkey: Hotkey,
    subnet: SubnetId,
    key: SigningKey,
    salt: Digest,
    /// Unix milliseconds, for the time of entries.
    clock: Box<dyn Fn() -> u64 + Send + Sync>,
    log: Arc<Mutex<Log<M>>>,
}

impl<M> fmt::Debug for Embedded<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").field("name", &self.name).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Log<M> {
    medium: M,
    entries: u64,
    last: Option<Entry>,
}

impl<M: Medium> Log<M> {
    fn read(&self, number: u64) -> io::Result<Option<Entry>> {
        let length = u64::try_from(ENTRY_BYTES).unwrap_or(u64::MAX);
        let bytes = self.medium.read(number.saturating_mul(length), ENTRY_BYTES)?;
        Ok(Entry::from_bytes(&bytes))
    }

    /// The first entry whose payload ends at `epoch` or later: entries rise.
    fn lower_bound(&self, epoch: Epoch) -> io::Result<u64> {
        let (mut low, mut high) = (0, self.entries);
        while low < high {
            let middle = low.midpoint(high);
            match self.read(middle)? {
                Some(entry) if entry.payload.last() < epoch => low = middle.saturating_add(1),
                _ => high = middle,
            }
        }
        Ok(low)
    }
}

impl<M: Medium> Embedded<M> {
    /// Opens a log, or begins one that `salt` tells from all others: fresh random bytes each time. An end that was not written
    /// whole is cut off; damage before it is told, and for an operator to mend: a log that goes on from an older entry is a [`Rewrite`].
    ///
    /// # Errors
    /// What the medium says; [`io::ErrorKind::InvalidData`] if the log's last whole entry is not of this node and subnet.
    pub fn open(
        mut medium: M,
        subnet: SubnetId,
        key: SigningKey,
        salt: Digest,
        clock: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let hotkey = sign::hotkey_of(&key);
        let damaged = |what: &'static str| io::Error::new(io::ErrorKind::InvalidData, what);
        let length = u64::try_from(ENTRY_BYTES).unwrap_or(u64::MAX);
        let size = medium.size()?;
        let entries = size / length;
        let whole = entries.saturating_mul(length);
        if whole < size {
            medium.truncate(whole)?;
        }
        let mut log = Log { medium, entries, last: None };
        if let Some(number) = entries.checked_sub(1) {
            let last =
                log.read(number)?.ok_or_else(|| damaged("the log's last entry is damaged"))?;
            if last.hotkey != hotkey || last.payload.subnet() != subnet || last.number != number {
                return Err(damaged("the log is of another hotkey or subnet"));
            }
            log.last = Some(last);
        }
        let name = format!("embedded:{}", hotkey);
        let name = ChainName::new(&name).ok_or_else(|| damaged("no name for the log"))?;
        let publisher =
            Publisher::new(hotkey.as_bytes()).ok_or_else(|| damaged("no name for the hotkey"))?;
        let (clock, log) = (Box::new(clock), Arc::new(Mutex::new(log)));
        Ok(Self { name, publisher, hotkey, subnet, key, salt, clock, log })
    }

    /// A view of the log for others to read, that outlives the backend.
    #[must_use]
    pub fn reader(&self) -> Reader<M> {
        Reader(self.log.clone())
    }

    fn log(&self) -> MutexGuard<'_, Log<M>> {
        // A thread that panicked while it held the log changed nothing half: appends are whole or cut off.
        self.log.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn make(&self, payload: &AnchorPayload) -> Result<Prepared, AnchorError> {
        let log = self.log();
        let (number, prev) = match &log.last {
            Some(last) => (last.number.saturating_add(1), last.id()),
            None => (0, self.salt),
        };
        if log.last.as_ref().is_some_and(|last| last.payload.last() >= payload.last()) {
            let reason = "the log speaks about later epochs already";
            return Err(AnchorError::Stale(Reason::new(reason)));
        }
        let signature = Signature::new([0; 64]);
        let (time, hotkey, payload) = ((self.clock)(), self.hotkey, *payload);
        let mut entry = Entry { number, time, prev, hotkey, payload, signature };
        let id = entry.id();
        entry.signature = sign::sign(&self.key, id.as_bytes());
        let bytes = entry.to_bytes();
        Ok(Prepared { id: *id.as_bytes(), nonce: number, expires: None, fee_max: 0, bytes })
    }

    fn append(&self, prepared: &Prepared) -> Result<(), AnchorError> {
        let refused = || AnchorError::Refused(Reason::new("not an entry of this log"));
        let entry = Entry::from_bytes(&prepared.bytes).ok_or_else(refused)?;
        let mut log = self.log();
        if log.last.as_ref() == Some(&entry) {
            return Ok(());
        }
        let fits = match &log.last {
            Some(last) => entry.follows(last),
            None => entry.number == 0,
        };
        if !fits || entry.hotkey != self.hotkey || entry.payload.subnet() != self.subnet {
            return Err(AnchorError::Stale(Reason::new("the log went on without this entry")));
        }
        let end = log.medium.size().map_err(lost)?;
        if let Err(error) = log.medium.append(&prepared.bytes) {
            // What is there of it must not stand before the next one.
            log.medium.truncate(end).map_err(lost)?;
            return Err(lost(error));
        }
        log.entries = entry.number.saturating_add(1);
        log.last = Some(entry);
        Ok(())
    }

    fn state(&self, payload: &AnchorPayload, attempts: &[Prepared]) -> Result<Status, AnchorError> {
        let log = self.log();
        let number = log.lower_bound(payload.last()).map_err(lost)?;
        if number < log.entries {
            let damaged = || AnchorError::Mismatch(Reason::new("the log is damaged"));
            let entry = log.read(number).map_err(lost)?.ok_or_else(damaged)?;
            if entry.payload == *payload {
                return Ok(Status::Final(point(&entry)));
            }
            if entry.payload.contradicts(payload) {
                return Err(AnchorError::Conflict(Box::new(entry.payload)));
            }
        }
        let dead = attempts.iter().all(|attempt| attempt.nonce < log.entries);
        Ok(if dead && !attempts.is_empty() { Status::Dead } else { Status::Absent })
    }
}

/// Reads a log while a node writes it.
#[derive(Debug)]
pub struct Reader<M>(Arc<Mutex<Log<M>>>);

impl<M> Clone for Reader<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<M: Medium> Reader<M> {
    /// At most `max` entries from number `from` on, in order, at most [`limits::ENTRIES`].
    ///
    /// # Errors
    /// What the medium says; [`io::ErrorKind::InvalidData`] at a damaged entry.
    pub fn entries(&self, from: u64, max: usize) -> io::Result<Vec<Entry>> {
        let log = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut entries = Vec::new();
        let mut number = from;
        while number < log.entries && entries.len() < max.min(limits::ENTRIES) {
            let damaged = || io::Error::new(io::ErrorKind::InvalidData, "an entry is damaged");
            entries.push(log.read(number)?.ok_or_else(damaged)?);
            number = number.saturating_add(1);
        }
        Ok(entries)
    }

    /// How many entries there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).entries
    }
}

fn lost(error: io::Error) -> AnchorError {
    AnchorError::Unreachable(Reason::new(format!("the log of anchors: {error}")))
}

fn point(entry: &Entry) -> ChainPoint {
    let id = *entry.id().as_bytes();
    ChainPoint { height: entry.number, block: id, index: 0, transaction: id }
}

impl<M: Medium> Anchor for Embedded<M> {
    fn chain(&self) -> &ChainName {
        &self.name
    }

    fn publisher(&self) -> Option<&Publisher> {
        Some(&self.publisher)
    }

    fn prepare<'a>(
        &'a self,
        payload: &'a AnchorPayload,
        _: &'a [Prepared],
        _: Option<u64>,
    ) -> Answer<'a, Prepared> {
        // An entry is appended in the moment it is submitted, so there is never another one under way.
        Box::pin(std::future::ready(self.make(payload)))
    }

    fn submit<'a>(&'a self, prepared: &'a Prepared) -> Answer<'a, ()> {
        Box::pin(std::future::ready(self.append(prepared)))
    }

    fn status<'a>(
        &'a self,
        payload: &'a AnchorPayload,
        attempts: &'a [Prepared],
    ) -> Answer<'a, Status> {
        Box::pin(std::future::ready(self.state(payload, attempts)))
    }

    fn find(&self, subnet: SubnetId, epochs: RangeInclusive<Epoch>) -> Answer<'_, Vec<Found>> {
        let found = || {
            let log = self.log();
            let (mut found, mut number) = (Vec::new(), log.lower_bound(*epochs.start())?);
            while number < log.entries && found.len() < limits::FOUND {
                let Some(entry) = log.read(number)? else { break };
                if entry.payload.first() > *epochs.end() || subnet != self.subnet {
                    break;
                }
                found.push(Found {
                    payload: entry.payload,
                    publisher: self.publisher.clone(),
                    point: point(&entry),
                    finality: Finality::Final,
                });
                number = number.saturating_add(1);
            }
            found.reverse();
            Ok(found)
        };
        let found = found().map_err(lost);
        Box::pin(std::future::ready(found))
    }

    fn verify<'a>(
        &'a self,
        payload: &'a AnchorPayload,
        at: &'a ChainPoint,
    ) -> Answer<'a, Verified> {
        let wrong = |text: &str| AnchorError::Mismatch(Reason::new(text));
        let verify = || {
            let log = self.log();
            let entry = log.read(at.height).map_err(lost)?;
            let entry = entry.ok_or_else(|| wrong("there is no such entry"))?;
            if point(&entry) != *at {
                return Err(wrong("the entry at this place is another one"));
            }
            if entry.payload != *payload {
                return Err(wrong("the entry says something else"));
            }
            Ok(Verified {
                publisher: self.publisher.clone(),
                finality: Finality::Final,
                time: Some(entry.time / 1_000),
                checked: vec!["the entry stands at its place and is signed by the witness"],
                not_checked: vec![
                    "that the witness showed others the same log: compare an entry that you kept",
                ],
            })
        };
        Box::pin(std::future::ready(verify()))
    }

    fn survey(&self) -> Answer<'_, Survey> {
        let height = self.log().entries.saturating_sub(1);
        Box::pin(std::future::ready(Ok(Survey {
            height,
            finalized: height,
            balance: None,
            price: 0,
            unit: ("", 0),
            warning: None,
        })))
    }
}

#[cfg(test)]
mod tests;
