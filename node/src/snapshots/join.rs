//! Joining by a snapshot: from a trusted cut, by certified cuts, to the newest snapshot of the peers.
//!
//! ```text
//! offers ─► newest first ─► cuts from the checkpoint to it, each certified ─► chunks ─► state root
//! ```
//! A peer whose offer does not hold is to blame, and the next offer is tried. Nothing is stored before
//! everything has held.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ganglion_consensus::certificate::Committee;
use ganglion_consensus::chain::{ChainError, CutChain};
use ganglion_consensus::ledger::State;
use ganglion_p2p as p2p;
use ganglion_types::proto::{self, request::Request, response::Response};
use ganglion_types::{
    Canonical as _, Certificate, Cut, CutId, DecodeError, Epoch, Hotkey, Item, Manifest, Snapshot,
    limits,
};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{BadSnapshot, Checkpoint, Loaded, make, read_committee, state_of};

/// Wait between two rounds of questions.
const PAUSE: Duration = Duration::from_secs(1);
/// With peers that answer but offer nothing, how long until this is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time for one answer.
const ANSWER: Duration = Duration::from_secs(10);

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
}

/// Why one offer leads nowhere.
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
    #[error("its certified cut of the snapshot's epoch is another one")]
    OtherCut,
    #[error("chunk {0} is not the one that it lists")]
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

type Peers = Mutex<BTreeSet<Hotkey>>;

fn now_connected(peers: &Peers) -> BTreeSet<Hotkey> {
    peers.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Fetches and checks the newest snapshot that follows from `checkpoint`.
///
/// # Errors
/// See [`JoinError`]. Waits without end for a first peer.
pub async fn join(
    network: &p2p::Handle,
    events: &mut mpsc::Receiver<p2p::Event>,
    records: &mpsc::Sender<Item>,
    manifest: &Arc<Manifest>,
    checkpoint: Checkpoint,
) -> Result<Joined, JoinError> {
    let peers = Peers::default();
    tracing::info!(%checkpoint, "joining by a snapshot, trusting this cut");
    let fetched = tokio::select! {
        () = pump(network, events, records, &peers) => return Err(JoinError::Network),
        fetched = fetch(network, manifest, checkpoint, &peers) => fetched?,
    };
    let (loaded, parts) = fetched;
    Ok(Joined { loaded, parts, connected: now_connected(&peers) })
}

/// Takes events until the network ends. A node that is still joining answers nothing.
async fn pump(
    network: &p2p::Handle,
    events: &mut mpsc::Receiver<p2p::Event>,
    records: &mpsc::Sender<Item>,
    peers: &Peers,
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

async fn fetch(
    network: &p2p::Handle,
    manifest: &Arc<Manifest>,
    checkpoint: Checkpoint,
    peers: &Peers,
) -> Result<(Loaded, Vec<Vec<u8>>), JoinError> {
    let genesis = State::genesis(Arc::clone(manifest)).map_err(|_| JoinError::Manifest)?;
    let mut first_answer = None;
    loop {
        let (offers, answered) = offers(network, &now_connected(peers), checkpoint.epoch()).await;
        for (peer, offer) in offers {
            let client = Client { network, peer, manifest, genesis: &genesis };
            match client.take(&offer, checkpoint).await {
                Ok(taken) => {
                    report(checkpoint, &taken.0);
                    return Ok(taken);
                }
                Err(error) => {
                    tracing::warn!(%peer, epoch = %offer.epoch, %error, "an offer does not hold");
                    if !error.is_innocent() {
                        network.penalize(peer, p2p::Fault::Invalid);
                    }
                }
            }
        }
        if answered && first_answer.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
            return Err(JoinError::Nobody { epoch: checkpoint.epoch() });
        }
        tokio::time::sleep(PAUSE).await;
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

/// Snapshots that peers offer, newest first, and whether anybody answered.
async fn offers(
    network: &p2p::Handle,
    peers: &BTreeSet<Hotkey>,
    from: Epoch,
) -> (Vec<(Hotkey, Snapshot)>, bool) {
    let mut offers = Vec::new();
    let mut answered = false;
    for peer in peers {
        let asked = Request::Snapshots(proto::SnapshotsRequest {});
        let Ok(Response::Snapshots(told)) = ask(network, *peer, asked).await else { continue };
        answered = true;
        let known = told.snapshots.into_iter().take(limits::RESPONSE_SNAPSHOTS);
        let read = known.filter_map(|one| Snapshot::from_proto(one).ok());
        offers.extend(read.filter(|one| one.epoch >= from).map(|one| (*peer, one)));
    }
    offers.sort_by_key(|(_, offer)| std::cmp::Reverse(offer.epoch));
    (offers, answered)
}

async fn ask(network: &p2p::Handle, peer: Hotkey, request: Request) -> Result<Response, BadOffer> {
    let request = proto::Request { request: Some(request) };
    let answer = network.ask(peer, request, ANSWER).await?;
    answer.response.ok_or(BadOffer::Empty)
}

/// One peer, whose offer is looked at.
struct Client<'a> {
    network: &'a p2p::Handle,
    peer: Hotkey,
    manifest: &'a Arc<Manifest>,
    genesis: &'a State,
}

impl Client<'_> {
    async fn take(
        &self,
        offer: &Snapshot,
        checkpoint: Checkpoint,
    ) -> Result<(Loaded, Vec<Vec<u8>>), BadOffer> {
        let (cut, certificate) = self.follow(checkpoint, offer.epoch).await?;
        if cut.id() != offer.cut || offer.subnet != cut.subnet {
            return Err(BadOffer::OtherCut);
        }
        let mut chunks = Vec::with_capacity(offer.chunks.len());
        for index in 0..offer.chunks.len() {
            chunks.push(self.chunk(offer, index).await?);
        }
        let state = state_of(offer, &cut, &chunks, self.manifest)?;
        let parts = make(&state, &cut, &certificate)?;
        let header = offer.clone();
        Ok((Loaded { header, cut, certificate, state }, parts))
    }

    async fn chunk(&self, offer: &Snapshot, index: usize) -> Result<Vec<u8>, BadOffer> {
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        let asked = Request::Chunk(proto::ChunkRequest { epoch: offer.epoch.get(), index: number });
        match ask(self.network, self.peer, asked).await? {
            Response::Chunk(chunk) if offer.is_chunk(index, &chunk.bytes) => Ok(chunk.bytes),
            Response::Chunk(chunk) if chunk.bytes.is_empty() => Err(BadOffer::Empty),
            _ => Err(BadOffer::Chunk(index)),
        }
    }

    /// The certified cut of `to`, at the end of a chain from the checkpoint.
    async fn follow(
        &self,
        checkpoint: Checkpoint,
        to: Epoch,
    ) -> Result<(Cut, Certificate), BadOffer> {
        let mut way = match checkpoint {
            Checkpoint::Genesis => Way::from_genesis(self.genesis).ok_or(BadOffer::Empty)?,
            Checkpoint::Cut(epoch, id) => Way::at(epoch, id),
        };
        while way.epoch().is_none_or(|epoch| epoch < to) {
            let before = way.epoch();
            for certified in self.cuts(way.next()).await? {
                way.take(certified)?;
                if way.epoch() == Some(to) {
                    break;
                }
            }
            if way.epoch() == before {
                return Err(BadOffer::Empty);
            }
        }
        way.last.ok_or(BadOffer::Empty)
    }

    async fn cuts(&self, from: Epoch) -> Result<Vec<proto::CertifiedCut>, BadOffer> {
        let max = u32::try_from(limits::RESPONSE_CUTS).unwrap_or(u32::MAX);
        let asked = Request::Cuts(proto::CutsRequest { from: from.get(), max });
        match ask(self.network, self.peer, asked).await? {
            Response::Cuts(cuts) => Ok(cuts.cuts),
            _ => Err(BadOffer::Empty),
        }
    }
}

/// The way from a checkpoint, as far as it is gone.
struct Way {
    /// The checkpoint, while its own cut is not here.
    wanted: Option<(Epoch, CutId)>,
    chain: Option<CutChain>,
    committee: Option<Committee>,
    last: Option<(Cut, Certificate)>,
}

impl Way {
    fn from_genesis(genesis: &State) -> Option<Self> {
        let committee = proto::Committee {
            members: genesis
                .committee()
                .iter()
                .map(|member| proto::CommitteeMember {
                    hotkey: member.hotkey.as_bytes().to_vec(),
                    stake: member.stake.get(),
                })
                .collect(),
        };
        let chain = Some(CutChain::new(&genesis.genesis_cut()?));
        Some(Self { wanted: None, chain, committee: read_committee(&committee), last: None })
    }

    const fn at(epoch: Epoch, id: CutId) -> Self {
        Self { wanted: Some((epoch, id)), chain: None, committee: None, last: None }
    }

    fn epoch(&self) -> Option<Epoch> {
        self.chain.as_ref().map(CutChain::epoch)
    }

    fn next(&self) -> Epoch {
        match (&self.chain, self.wanted) {
            (Some(chain), _) => chain.epoch().next(),
            (None, Some((epoch, _))) => epoch,
            (None, None) => Epoch::GENESIS,
        }
    }

    fn take(&mut self, certified: proto::CertifiedCut) -> Result<(), BadOffer> {
        let cut = Cut::from_proto(certified.cut.ok_or(BadOffer::Empty)?)?;
        let certificate = Certificate::from_proto(certified.certificate.ok_or(BadOffer::Empty)?)?;
        if let Some(committee) = certified.committee.as_ref().and_then(read_committee) {
            self.committee = Some(committee);
        }
        match &mut self.chain {
            Some(chain) => chain.follow(&cut, &certificate, self.committee.clone())?,
            none => {
                let (_, expected) = self.wanted.ok_or(BadOffer::Empty)?;
                let found = cut.id();
                if found != expected {
                    return Err(BadOffer::OtherCheckpoint { expected, found });
                }
                // Trusted by the user: its certificate need not be checked.
                *none = Some(CutChain::new(&cut));
            }
        }
        self.last = Some((cut, certificate));
        Ok(())
    }
}
