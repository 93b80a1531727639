//! Joining by a snapshot: from a trusted cut, by certified cuts, to the newest snapshot of the peers.
//!
//! ```text
//! offers, alike ones together ─► newest first ─► cuts from the checkpoint on, each certified ─► chunks ─► state root
//!   from all peers                                 from any peer, one after the other            from several at a time
//! ```
//! Whoever gives something that does not hold is to blame and loses its place; what has held stays, whoever gave it.
//! Nothing is stored before everything has held, but chunks in a file of their own, so that a restart goes on with them.
//!
//! It knows its peers and the time by [`Surroundings`] alone: in a node these are its network and its clock, in the
//! simulator both are made up.

mod chunks;
mod progress;
mod way;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ganglion_consensus::chain::ChainError;
use ganglion_consensus::ledger::State;
use ganglion_storage::{SnapshotFiles, StoreError};
use ganglion_types::planted::{self, Bug};
use ganglion_types::{
    Canonical as _, CutId, DecodeError, Epoch, Hotkey, Manifest, Snapshot, limits,
    proto::{self, request::Request, response::Response},
};

use self::chunks::{Held, name_of};
pub use self::progress::Joining;
use self::progress::Progress;
use self::way::Way;
use super::{BadSnapshot, Checkpoint, Loaded, make, state_of};

/// Wait between two rounds of questions.
const PAUSE: Duration = Duration::from_secs(1);
/// With peers that answer but offer nothing, how long until this is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time for one answer.
pub const ANSWER: Duration = Duration::from_secs(10);
/// How long a peer that did not answer is left alone, in favour of others.
const REST: Duration = Duration::from_secs(30);

/// Why a node could not join by a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// Peers answer, but none has a snapshot as new as the checkpoint.
    #[error("no peer offers a snapshot of epoch {epoch} or later")]
    Nobody {
        /// The checkpoint's epoch.
        epoch: Epoch,
    },
    /// The manifest has no genesis.
    #[error("the manifest breaks a rule")]
    Manifest,
    /// Chunks cannot be kept.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// Why what a peer gave leads nowhere.
#[derive(Debug, thiserror::Error)]
enum BadOffer {
    #[error("no answer: {0}")]
    Silent(String),
    #[error("an answer that says nothing")]
    Empty,
    #[error("who certified epoch {0} is not known there: it began with a snapshot of it")]
    NoCommittee(Epoch),
    #[error("its cut of the checkpoint's epoch is {found}, not {expected}")]
    OtherCheckpoint { expected: CutId, found: CutId },
    #[error("{0}")]
    Chain(#[from] ChainError),
    #[error("{0}")]
    Decode(#[from] DecodeError),
    #[error("its header names another cut than the certified one of that epoch")]
    OtherCut,
    #[error("chunk {0} is not the one that its header lists")]
    Chunk(usize),
    #[error("{0}")]
    Snapshot(#[from] BadSnapshot),
}

impl BadOffer {
    fn is_innocent(&self) -> bool {
        match self {
            Self::Silent(_) | Self::NoCommittee(_) => true,
            Self::Empty => !planted::is(Bug::PrunedBlamed),
            _ => false,
        }
    }
}

/// What joining knows of the world.
pub trait Surroundings: Sync {
    /// Peers that are connected now.
    fn connected(&self) -> BTreeSet<Hotkey>;

    /// Puts one question to a peer. The error says why there was no answer within [`ANSWER`].
    fn ask(
        &self,
        peer: Hotkey,
        request: Request,
    ) -> impl Future<Output = Result<proto::Response, String>> + Send;

    /// This peer gave something that does not hold.
    fn penalize(&self, peer: Hotkey);

    /// Time since some moment before joining began.
    fn elapsed(&self) -> Duration;

    /// Waits.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send;

    /// So far joining has come.
    fn show(&self, joining: Joining);
}

/// A snapshot, checked, and its file.
pub type Fetched = (Loaded, Vec<Vec<u8>>);

/// What joining works with.
#[derive(Debug)]
pub struct Joiner<'a, S> {
    /// The world.
    pub world: &'a S,
    /// Where chunks are kept meanwhile.
    pub files: SnapshotFiles,
    /// The subnet.
    pub manifest: &'a Arc<Manifest>,
    /// The cut that is trusted.
    pub checkpoint: Checkpoint,
}

impl<S: Surroundings> Joiner<'_, S> {
    /// Fetches and checks the newest snapshot that follows from the checkpoint.
    ///
    /// # Errors
    /// See [`JoinError`]. Waits without end for a first peer.
    pub async fn join(&self) -> Result<Fetched, JoinError> {
        tracing::info!(checkpoint = %self.checkpoint, "joining by a snapshot, trusting this cut");
        let fetched = self.fetch().await?;
        self.files.forget_partial()?;
        Ok(fetched)
    }

    async fn fetch(&self) -> Result<Fetched, JoinError> {
        let genesis = State::genesis(Arc::clone(self.manifest)).map_err(|_| JoinError::Manifest)?;
        let begin = |stops| Way::from(self.checkpoint, &genesis, stops).ok_or(JoinError::Manifest);
        let mut way = begin(BTreeSet::new())?;
        let mut resting = Resting::default();
        let mut progress = Progress::default();
        let mut first_answer = None;
        loop {
            let asked = resting.awake(self.world.connected(), self.world.elapsed());
            let mut peers = self.offers(&asked, &mut resting).await;
            let stops = peers.epochs();
            if !way.leads_to(&stops) {
                way = begin(stops.clone())?;
            }
            way.aim(stops);
            let begun = self.files.partial()?;
            for header in peers.headers(begun) {
                let taken = self.take(&header, &mut way, &mut peers, &mut progress).await?;
                resting.add(&peers.silent, self.world.elapsed());
                if let Some((loaded, parts)) = taken {
                    report(self.checkpoint, &loaded);
                    return Ok((loaded, parts));
                }
            }
            let now = self.world.elapsed();
            if peers.answered && now - *first_answer.get_or_insert(now) > PATIENCE {
                return Err(JoinError::Nobody { epoch: self.checkpoint.epoch() });
            }
            self.world.sleep(PAUSE).await;
        }
    }

    /// Snapshots that peers offer. All are asked at once: one that is silent costs the others nothing.
    async fn offers(&self, asked: &BTreeSet<Hotkey>, resting: &mut Resting) -> Peers {
        let request = || Request::Snapshots(proto::SnapshotsRequest {});
        let answers = asked
            .iter()
            .map(|peer| async move { (*peer, ask(self.world, *peer, request()).await) });
        let mut peers = Peers::default();
        for (peer, answer) in futures::future::join_all(answers).await {
            match answer {
                Ok(Response::Snapshots(told)) => {
                    peers.answered = true;
                    let known = told.snapshots.into_iter().take(limits::RESPONSE_SNAPSHOTS);
                    for header in known {
                        match Snapshot::from_proto(header) {
                            Ok(header) => peers.offer(peer, header, self.checkpoint.epoch()),
                            Err(error) => {
                                peers.lost(self.world, peer, &BadOffer::Decode(error));
                                break;
                            }
                        }
                    }
                }
                Ok(_) => {}
                Err(error) => peers.lost(self.world, peer, &error),
            }
        }
        resting.add(&peers.silent, self.world.elapsed());
        peers
    }

    /// Everything of one snapshot from the peers that offer it; `None` if it or they do not hold.
    async fn take(
        &self,
        header: &Snapshot,
        way: &mut Way,
        peers: &mut Peers,
        progress: &mut Progress,
    ) -> Result<Option<Fetched>, JoinError> {
        for peer in peers.of(header) {
            match self.follow(peer, way, header.epoch, progress).await {
                Ok(()) => break,
                Err(error) => peers.lost(self.world, peer, &error),
            }
        }
        let Some((cut, certificate)) = way.at(header.epoch).cloned() else { return Ok(None) };
        if cut.id() != header.cut || header.subnet != cut.subnet {
            peers.all_lost(self.world, header, &BadOffer::OtherCut);
            return Ok(None);
        }
        let mut held = Held::resume(&self.files, header)?;
        progress.begin(self.world, header, held.have());
        chunks::fetch(self.world, peers, &mut held, progress).await;
        let Some(chunks) = held.whole() else { return Ok(None) };
        let made = state_of(header, &cut, &chunks, self.manifest)
            .and_then(|state| Ok((make(&state, &cut, &certificate)?, state)));
        match made {
            Ok((parts, state)) => {
                let header = header.clone();
                Ok(Some((Loaded { header, cut, certificate, state }, parts)))
            }
            // Its chunks are as listed: the header itself is false, and whoever offered it knew no better than to lie.
            Err(error) => {
                peers.all_lost(self.world, header, &BadOffer::Snapshot(error));
                self.files.forget_partial()?;
                Ok(None)
            }
        }
    }

    /// Goes on from cut to cut up to `to`, by what one peer tells.
    async fn follow(
        &self,
        peer: Hotkey,
        way: &mut Way,
        to: Epoch,
        progress: &mut Progress,
    ) -> Result<(), BadOffer> {
        while way.next() <= to {
            let from = way.next();
            let max = u32::try_from(limits::RESPONSE_CUTS).unwrap_or(u32::MAX);
            let asked = Request::Cuts(proto::CutsRequest { from: from.get(), max });
            let Response::Cuts(told) = ask(self.world, peer, asked).await? else {
                return Err(BadOffer::Empty);
            };
            for certified in told.cuts.into_iter().take(limits::RESPONSE_CUTS) {
                way.take(certified)?;
                if way.next() > to {
                    break;
                }
            }
            if way.next() == from {
                return Err(BadOffer::Empty);
            }
            progress.cuts(self.world, way.next().previous(), to);
        }
        Ok(())
    }
}

/// Who offers what, in one round of questions.
#[derive(Default)]
struct Peers {
    offers: BTreeMap<Hotkey, Vec<Snapshot>>,
    /// Peers that did not answer something.
    silent: BTreeSet<Hotkey>,
    answered: bool,
}

impl Peers {
    fn offer(&mut self, peer: Hotkey, header: Snapshot, from: Epoch) {
        if header.epoch >= from {
            self.offers.entry(peer).or_default().push(header);
        }
    }

    fn epochs(&self) -> BTreeSet<Epoch> {
        self.offers.values().flatten().map(|header| header.epoch).collect()
    }

    /// Every header once: the one of which pieces are here, then by epoch, then by how many offer it.
    fn headers(&self, begun: Option<[u8; 32]>) -> Vec<Snapshot> {
        let mut headers: Vec<Snapshot> = Vec::new();
        for header in self.offers.values().flatten() {
            if !headers.contains(header) {
                headers.push(header.clone());
            }
        }
        headers.sort_by_cached_key(|header| {
            let is_begun = begun == Some(name_of(header));
            std::cmp::Reverse((is_begun, header.epoch, self.of(header).len()))
        });
        headers
    }

    /// Peers that offer exactly this.
    fn of(&self, header: &Snapshot) -> Vec<Hotkey> {
        let offering = self.offers.iter().filter(|(_, headers)| headers.contains(header));
        offering.map(|(peer, _)| *peer).collect()
    }

    /// Takes no more from this peer, and says why.
    fn lost(&mut self, world: &impl Surroundings, peer: Hotkey, error: &BadOffer) {
        tracing::warn!(%peer, %error, "nothing is taken from this peer for now");
        self.offers.remove(&peer);
        if error.is_innocent() {
            self.silent.insert(peer);
        } else {
            world.penalize(peer);
        }
    }

    fn all_lost(&mut self, world: &impl Surroundings, header: &Snapshot, error: &BadOffer) {
        for peer in self.of(header) {
            self.lost(world, peer, error);
        }
    }
}

/// Peers that were silent, until when they are left alone. As many as were ever connected while joining.
#[derive(Default)]
struct Resting(BTreeMap<Hotkey, Duration>);

impl Resting {
    fn add(&mut self, silent: &BTreeSet<Hotkey>, now: Duration) {
        for peer in silent {
            self.0.entry(*peer).or_insert(now + REST);
        }
    }

    /// Those to be asked: if all of them rest, all are.
    fn awake(&mut self, connected: BTreeSet<Hotkey>, now: Duration) -> BTreeSet<Hotkey> {
        self.0.retain(|peer, until| *until > now && connected.contains(peer));
        let awake: BTreeSet<Hotkey> =
            connected.iter().filter(|peer| !self.0.contains_key(peer)).copied().collect();
        if awake.is_empty() { connected } else { awake }
    }
}

/// What a node that is still joining answers.
#[must_use]
pub fn not_yet() -> proto::Refused {
    proto::Refused { code: 17, reason: "joining; try later".into() }
}

async fn ask(
    world: &impl Surroundings,
    peer: Hotkey,
    request: Request,
) -> Result<Response, BadOffer> {
    let answer = world.ask(peer, request).await.map_err(BadOffer::Silent)?;
    answer.response.ok_or(BadOffer::Empty)
}

fn report(checkpoint: Checkpoint, loaded: &Loaded) {
    let epoch = loaded.cut.epoch;
    tracing::info!(%checkpoint, %epoch, cut = %loaded.cut.id(), "joined by a snapshot");
    let age = epoch.get().saturating_sub(checkpoint.epoch().get());
    let half = loaded.state.hyperparameters().unbonding_epochs / 2;
    if age > half {
        tracing::warn!(
            %checkpoint,
            age,
            "the checkpoint is older than half the unbonding time ({half} epochs): those who \
             left the committee since then could have made a second history. Compare the cut of a \
             recent epoch with somebody you trust"
        );
    }
}
/// The certified cuts of an answer that hold one after the other, from genesis on.
#[must_use]
pub fn follow_all(genesis: &State, told: proto::Cuts) -> Vec<CutId> {
    let every = (0..=limits::RESPONSE_CUTS as u64).map(Epoch::new).collect();
    let Some(mut way) = Way::from(Checkpoint::Genesis, genesis, every) else { return Vec::new() };
    let mut passed = Vec::new();
    for certified in told.cuts.into_iter().take(limits::RESPONSE_CUTS) {
        let epoch = way.next();
        if way.take(certified).is_err() {
            break;
        }
        passed.extend(way.at(epoch).map(|(cut, _)| cut.id()));
    }
    passed
}
