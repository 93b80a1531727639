//! Joining by a snapshot: from a trusted cut, by certified cuts, to the newest snapshot of the peers.
//!
//! ```text
//! offers, alike ones together ─► newest first ─► cuts from the checkpoint on, each certified ─► chunks ─► state root
//!   from all peers                                 from any peer, one after the other            from several at a time
//! ```
//! Whoever gives something that does not hold is to blame and loses its place; what has held stays, whoever gave it.
//! Nothing is stored before everything has held, but chunks in a file of their own, so that a restart goes on with them.

mod chunks;
mod progress;
mod way;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ganglion_consensus::chain::ChainError;
use ganglion_consensus::ledger::State;
use ganglion_p2p as p2p;
use ganglion_storage::{SnapshotFiles, StoreError};
use ganglion_types::{
    Canonical as _, CutId, DecodeError, Epoch, Hotkey, Item, Manifest, Snapshot, limits,
    proto::{self, request::Request, response::Response},
};
use tokio::sync::mpsc;
use tokio::time::Instant;

use self::chunks::{Held, name_of};
use self::progress::Progress;
use self::way::Way;
use super::{BadSnapshot, Checkpoint, Loaded, make, state_of};
use crate::view::View;

/// Wait between two rounds of questions.
const PAUSE: Duration = Duration::from_secs(1);
/// With peers that answer but offer nothing, how long until this is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time for one answer.
const ANSWER: Duration = Duration::from_secs(10);
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
    /// The network ended.
    #[error("the network ended while joining")]
    Network,
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
    Silent(#[from] p2p::RequestError),
    #[error("an answer that says nothing")]
    Empty,
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
    const fn is_innocent(&self) -> bool {
        matches!(self, Self::Silent(_) | Self::Empty)
    }
}

/// What a node that joined begins with.
#[derive(Debug)]
pub struct Joined {
    /// The snapshot, checked.
    pub loaded: Loaded,
    /// Its file.
    pub parts: Vec<Vec<u8>>,
    /// Peers that are connected now.
    pub connected: BTreeSet<Hotkey>,
}

/// What joining works with.
#[derive(Debug)]
pub struct Joiner<'a> {
    /// The network.
    pub network: &'a p2p::Handle,
    /// Where chunks are kept meanwhile.
    pub files: SnapshotFiles,
    /// The subnet.
    pub manifest: &'a Arc<Manifest>,
    /// Where it shows how far it is.
    pub view: View,
    /// The cut that is trusted.
    pub checkpoint: Checkpoint,
}

type Connected = Mutex<BTreeSet<Hotkey>>;

fn now_connected(peers: &Connected) -> BTreeSet<Hotkey> {
    peers.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

impl Joiner<'_> {
    /// Fetches and checks the newest snapshot that follows from the checkpoint.
    ///
    /// # Errors
    /// See [`JoinError`]. Waits without end for a first peer.
    pub async fn join(
        &self,
        events: &mut mpsc::Receiver<p2p::Event>,
        records: &mpsc::Sender<Item>,
    ) -> Result<Joined, JoinError> {
        let peers = Connected::default();
        tracing::info!(checkpoint = %self.checkpoint, "joining by a snapshot, trusting this cut");
        let (loaded, parts) = tokio::select! {
            () = pump(self.network, events, records, &peers) => return Err(JoinError::Network),
            fetched = self.fetch(&peers) => fetched?,
        };
        self.files.forget_partial()?;
        self.view.update(|view| view.joining = None);
        Ok(Joined { loaded, parts, connected: now_connected(&peers) })
    }

    async fn fetch(&self, connected: &Connected) -> Result<(Loaded, Vec<Vec<u8>>), JoinError> {
        let genesis = State::genesis(Arc::clone(self.manifest)).map_err(|_| JoinError::Manifest)?;
        let begin = |stops| Way::from(self.checkpoint, &genesis, stops).ok_or(JoinError::Manifest);
        let mut way = begin(BTreeSet::new())?;
        let mut resting = Resting::default();
        let mut progress = Progress::new(self.view.clone());
        let mut first_answer = None;
        loop {
            let asked = resting.awake(now_connected(connected));
            let mut peers = self.offers(&asked, &mut resting).await;
            let stops = peers.epochs();
            if !way.leads_to(&stops) {
                way = begin(stops.clone())?;
            }
            way.aim(stops);
            let begun = self.files.partial()?;
            for header in peers.headers(begun) {
                let taken = self.take(&header, &mut way, &mut peers, &mut progress).await?;
                resting.add(&peers.silent);
                if let Some((loaded, parts)) = taken {
                    report(self.checkpoint, &loaded);
                    return Ok((loaded, parts));
                }
            }
            if peers.answered && first_answer.get_or_insert_with(Instant::now).elapsed() > PATIENCE
            {
                return Err(JoinError::Nobody { epoch: self.checkpoint.epoch() });
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Snapshots that peers offer. All are asked at once: one that is silent costs the others nothing.
    async fn offers(&self, asked: &BTreeSet<Hotkey>, resting: &mut Resting) -> Peers {
        let request = || Request::Snapshots(proto::SnapshotsRequest {});
        let answers = asked
            .iter()
            .map(|peer| async move { (*peer, ask(self.network, *peer, request()).await) });
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
                                peers.lost(self.network, peer, &BadOffer::Decode(error));
                                break;
                            }
                        }
                    }
                }
                Ok(_) => {}
                Err(error) => peers.lost(self.network, peer, &error),
            }
        }
        resting.add(&peers.silent);
        peers
    }

    /// Everything of one snapshot from the peers that offer it; `None` if it or they do not hold.
    async fn take(
        &self,
        header: &Snapshot,
        way: &mut Way,
        peers: &mut Peers,
        progress: &mut Progress,
    ) -> Result<Option<(Loaded, Vec<Vec<u8>>)>, JoinError> {
        for peer in peers.of(header) {
            match self.follow(peer, way, header.epoch, progress).await {
                Ok(()) => break,
                Err(error) => peers.lost(self.network, peer, &error),
            }
        }
        let Some((cut, certificate)) = way.at(header.epoch).cloned() else { return Ok(None) };
        if cut.id() != header.cut || header.subnet != cut.subnet {
            peers.all_lost(self.network, header, &BadOffer::OtherCut);
            return Ok(None);
        }
        let mut held = Held::resume(&self.files, header)?;
        progress.begin(header, held.have());
        chunks::fetch(self.network, peers, &mut held, progress).await;
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
                peers.all_lost(self.network, header, &BadOffer::Snapshot(error));
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
            let Response::Cuts(told) = ask(self.network, peer, asked).await? else {
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
            progress.cuts(way.next().previous(), to);
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
    fn lost(&mut self, network: &p2p::Handle, peer: Hotkey, error: &BadOffer) {
        tracing::warn!(%peer, %error, "nothing is taken from this peer for now");
        self.offers.remove(&peer);
        if error.is_innocent() {
            self.silent.insert(peer);
        } else {
            network.penalize(peer, p2p::Fault::Invalid);
        }
    }

    fn all_lost(&mut self, network: &p2p::Handle, header: &Snapshot, error: &BadOffer) {
        for peer in self.of(header) {
            self.lost(network, peer, error);
        }
    }
}

/// Peers that were silent, until when they are left alone. As many as were ever connected while joining.
#[derive(Default)]
struct Resting(BTreeMap<Hotkey, Instant>);

impl Resting {
    fn add(&mut self, silent: &BTreeSet<Hotkey>) {
        let until = Instant::now() + REST;
        for peer in silent {
            self.0.entry(*peer).or_insert(until);
        }
    }

    /// Those to be asked: if all of them rest, all are.
    fn awake(&mut self, connected: BTreeSet<Hotkey>) -> BTreeSet<Hotkey> {
        let now = Instant::now();
        self.0.retain(|peer, until| *until > now && connected.contains(peer));
        let awake: BTreeSet<Hotkey> =
            connected.iter().filter(|peer| !self.0.contains_key(peer)).copied().collect();
        if awake.is_empty() { connected } else { awake }
    }
}

async fn ask(network: &p2p::Handle, peer: Hotkey, request: Request) -> Result<Response, BadOffer> {
    let request = proto::Request { request: Some(request) };
    let answer = network.ask(peer, request, ANSWER).await?;
    answer.response.ok_or(BadOffer::Empty)
}

/// Takes events until the network ends. A node that is still joining answers nothing.
async fn pump(
    network: &p2p::Handle,
    events: &mut mpsc::Receiver<p2p::Event>,
    records: &mpsc::Sender<Item>,
    peers: &Connected,
) {
    while let Some(event) = events.recv().await {
        let mut peers = peers.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            p2p::Event::Connected { peer } => {
                peers.insert(peer);
            }
            p2p::Event::Disconnected { peer } => {
                peers.remove(&peer);
            }
            p2p::Event::Gossip { token, .. } => network.verdict(token, p2p::Verdict::Ignore),
            p2p::Event::Request { token, .. } => {
                let refused = proto::Refused { code: 17, reason: "joining; try later".into() };
                let response = Some(Response::Refused(refused));
                network.respond(token, proto::Response { response });
            }
            p2p::Event::Record { record } => {
                // It comes again.
                let _ = records.try_send(record);
            }
            p2p::Event::Stopped { .. } => return,
            p2p::Event::Response { .. } | p2p::Event::Listening { .. } => {}
        }
    }
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
#[cfg(feature = "fuzzing")]
pub(crate) fn follow_all(genesis: &State, told: proto::Cuts) -> Vec<CutId> {
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
