//! Other nodes' logs of anchors: asked of one peer after the other, and kept, so that none can be written anew unseen.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ganglion_chain::copies::{Compared, Copy, Taken};
use ganglion_chain::embedded::{Entry, Rewrite};
use ganglion_chain::limits::ENTRIES;
use ganglion_p2p as p2p;
use ganglion_types::{Epoch, Hotkey, SubnetId, hex, proto};
use metrics::{counter, gauge};

use super::PaperFile;
use crate::api::types::WitnessSeen;
use crate::files::{self, Access};
use crate::view::View;

/// Witnesses whose logs are kept: 2.6 MiB each at most.
const WITNESSES: usize = 64;
/// Pages asked of one peer in its turn.
const PAGES: u64 = 40;
/// Pause between two peers.
const PAUSE: Duration = Duration::from_secs(5);
/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(8);
const KEPT: &str = "ganglion_anchor_witnesses";
const REWRITES: &str = "ganglion_anchor_rewrites_total";

/// The copies. Clones share them.
#[derive(Clone, Debug)]
pub struct Shelf(Arc<Mutex<Books>>);

#[derive(Debug)]
struct Books {
    dir: PathBuf,
    subnet: SubnetId,
    copies: BTreeMap<Hotkey, Copy<PaperFile>>,
    rewrites: BTreeMap<Hotkey, Vec<u8>>,
}

impl Shelf {
    /// Opens all copies in a directory, and makes it.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn open(dir: &Path, subnet: SubnetId) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let (dir, copies, rewrites) = (dir.to_owned(), BTreeMap::new(), BTreeMap::new());
        let mut books = Books { dir: dir.clone(), subnet, copies, rewrites };
        for entry in fs::read_dir(&dir)? {
            let path = entry?.path();
            let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
            let Ok(witness) = name.parse::<Hotkey>() else { continue };
            match path.extension().and_then(|kind| kind.to_str()) {
                Some("log") if books.copies.len() < WITNESSES => {
                    books.open(witness)?;
                }
                Some("rewrite") => {
                    books.rewrites.insert(witness, fs::read(&path)?);
                }
                _ => {}
            }
        }
        gauge!(KEPT).set(u32::try_from(books.copies.len()).unwrap_or(u32::MAX));
        Ok(Self(Arc::new(Mutex::new(books))))
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        // A thread that panicked meanwhile left whole entries, or an end that the next start cuts off.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of every witness.
    #[must_use]
    pub fn seen(&self) -> Vec<WitnessSeen> {
        let books = self.books();
        let seen = books.copies.iter().filter_map(|(witness, copy)| {
            let last = copy.last()?;
            Some(WitnessSeen {
                hotkey: witness.to_string(),
                first: copy.first()?,
                last: last.number,
                epoch: last.payload.last().get(),
                time: last.time,
                rewrite: books.rewrites.get(witness).map(|proof| hex(proof)),
            })
        });
        seen.collect()
    }

    /// Entries of a witness's log.
    ///
    /// # Errors
    /// What the disk says.
    pub fn entries(&self, witness: &Hotkey, from: u64, max: usize) -> io::Result<Vec<Entry>> {
        let books = self.books();
        books.copies.get(witness).map_or_else(|| Ok(Vec::new()), |copy| copy.entries(from, max))
    }

    /// What each witness says of an epoch.
    ///
    /// # Errors
    /// What the disk says.
    pub fn covering(&self, epoch: Epoch) -> io::Result<Vec<Entry>> {
        let mut found = Vec::new();
        for copy in self.books().copies.values() {
            found.extend(copy.covering(epoch)?);
        }
        Ok(found)
    }
}

impl Books {
    /// The copy of a witness's log; `None` if there are too many.
    fn open(&mut self, witness: Hotkey) -> io::Result<Option<&mut Copy<PaperFile>>> {
        if !self.copies.contains_key(&witness) {
            if self.copies.len() >= WITNESSES {
                return Ok(None);
            }
            let file = PaperFile::open(&self.dir.join(format!("{witness}.log")))?;
            self.copies.insert(witness, Copy::open(file, witness, self.subnet)?);
            gauge!(KEPT).set(u32::try_from(self.copies.len()).unwrap_or(u32::MAX));
        }
        Ok(self.copies.get_mut(&witness))
    }

    fn accuse(&mut self, rewrite: &Rewrite) {
        let witness = rewrite.one.hotkey;
        if self.rewrites.contains_key(&witness) {
            return;
        }
        let proof = [rewrite.one.to_bytes(), rewrite.other.to_bytes()].concat();
        let path = self.dir.join(format!("{witness}.rewrite"));
        if let Err(error) = files::write_whole(&path, &proof, Access::Private, true) {
            tracing::warn!(%error, "the proof of a log that was written anew is not kept");
        }
        counter!(REWRITES).increment(1);
        tracing::error!(
            %witness, number = rewrite.one.number,
            "a witness has written its log of anchors anew: `ganglion anchor witnesses` shows the proof"
        );
        self.rewrites.insert(witness, proof);
    }
}

/// Asks peers for their logs.
#[derive(Debug)]
pub(crate) struct Exchange {
    network: p2p::Handle,
    view: View,
    shelf: Shelf,
}

impl Exchange {
    pub(crate) const fn new(network: p2p::Handle, view: View, shelf: Shelf) -> Self {
        Self { network, view, shelf }
    }

    /// Runs until it is aborted, which is safe at any point.
    pub(crate) async fn run(self) {
        let mut before = Hotkey::new([0; 32]);
        loop {
            tokio::time::sleep(PAUSE).await;
            let Some(peer) = self.next(before) else { continue };
            before = peer;
            if let Err(error) = self.visit(peer).await {
                tracing::debug!(%peer, %error, "a witness's log was not read");
            }
        }
    }

    /// The next connected peer that holds a uid: whoever holds none could be anybody, any number of times.
    fn next(&self, before: Hotkey) -> Option<Hotkey> {
        let state = self.view.now().state;
        let peers = self.network.peers().into_iter().filter(|peer| peer.connected);
        let mut peers: Vec<Hotkey> =
            peers.map(|peer| peer.hotkey).filter(|hotkey| state.uid_of(hotkey).is_some()).collect();
        peers.sort_unstable();
        let next = peers.iter().find(|peer| **peer > before).or_else(|| peers.first());
        next.copied()
    }

    /// Takes what is new in a peer's log.
    async fn visit(&self, peer: Hotkey) -> Result<(), String> {
        let known = self.with(peer, |copy| Ok(copy.last().map(|last| last.number)))?;
        let mut from = match known.flatten() {
            Some(last) => last,
            None => match self.ask(peer, u64::MAX).await? {
                // It keeps no log.
                (0, _) => return Ok(()),
                (count, _) => self.with(peer, |copy| Ok(copy.wanted(count)))?.unwrap_or(0),
            },
        };
        for _ in 0..PAGES {
            let (count, entries) = self.ask(peer, from).await?;
            if count == 0 {
                return Ok(());
            }
            match self.with(peer, |copy| copy.take(&entries))? {
                Some(Taken::Added(_)) if entries.len() >= ENTRIES => {
                    from = entries.last().map_or(from, |last| last.number);
                }
                Some(Taken::Differs) => return self.compare(peer, from).await,
                Some(Taken::Odd) => return Err("not a chain of its own entries".into()),
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    /// Looks back, page by page, for the place where a log differs from its copy.
    async fn compare(&self, peer: Hotkey, last: u64) -> Result<(), String> {
        let page = u64::try_from(ENTRIES).unwrap_or(u64::MAX);
        let (mut from, mut shared, mut strange) = (last.saturating_add(1), false, false);
        for _ in 0..PAGES {
            from = from.saturating_sub(page);
            let (_, entries) = self.ask(peer, from).await?;
            match self.with(peer, |copy| copy.compare(&entries))? {
                Some(Compared::Rewritten(rewrite)) => {
                    self.shelf.books().accuse(&rewrite);
                    return Ok(());
                }
                Some(Compared::Shared) => shared = true,
                Some(Compared::Strange) => strange |= !entries.is_empty(),
                None => return Ok(()),
            }
            let first = self.with(peer, |copy| Ok(copy.first()))?.flatten();
            if shared || from == 0 || first.is_none_or(|first| from <= first) {
                break;
            }
        }
        // What it shows is another log altogether. One that has only become shorter stays as it was seen.
        if strange && !shared {
            tracing::warn!(witness = %peer, "a witness shows another log of anchors than before");
            self.with(peer, Copy::begin_anew)?;
        }
        Ok(())
    }

    /// Does something with the copy of a witness's log, off the threads that must not wait for a disk.
    fn with<T>(
        &self,
        witness: Hotkey,
        act: impl FnOnce(&mut Copy<PaperFile>) -> io::Result<T>,
    ) -> Result<Option<T>, String> {
        tokio::task::block_in_place(|| {
            let mut books = self.shelf.books();
            let done = books.open(witness).and_then(|copy| copy.map(act).transpose());
            if done.is_err() {
                // What is on the disk is read again next time.
                books.copies.remove(&witness);
            }
            done.map_err(|error| error.to_string())
        })
    }

    /// How many entries the peer's log has, and a page of it.
    async fn ask(&self, peer: Hotkey, from: u64) -> Result<(u64, Vec<Entry>), String> {
        let request = proto::request::Request::Witness(proto::WitnessRequest { from });
        let request = proto::Request { request: Some(request) };
        let answer = self.network.ask(peer, request, PATIENCE).await;
        let answer = answer.map_err(|error| error.to_string())?;
        let Some(proto::response::Response::Witness(told)) = answer.response else {
            return Err("it tells no log".into());
        };
        let proto::Witness { count, entries } = told;
        // Each entry's signature is checked.
        let read = move || {
            let read = entries.iter().take(ENTRIES).map(|bytes| Entry::from_bytes(bytes));
            read.collect::<Option<Vec<_>>>()
        };
        let entries = tokio::task::block_in_place(read).ok_or("an entry is none")?;
        Ok((count, entries))
    }
}

/// Shows as 0 what has not happened yet.
pub(super) fn begin_metrics() {
    counter!(REWRITES).absolute(0);
}
