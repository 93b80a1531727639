//! Joining by a snapshot over the network of a node: [`ganglion_persist::snapshots::join`] does it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ganglion_p2p as p2p;
use ganglion_persist::snapshots::join::{self, ANSWER, Fetched, JoinError, Joining, Surroundings};
use ganglion_storage::SnapshotFiles;
use ganglion_types::proto::{self, request::Request, response::Response};
use ganglion_types::{Hotkey, Item, Manifest};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Checkpoint;
use crate::view::View;

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

impl Joiner<'_> {
    /// Fetches and checks the newest snapshot that follows from the checkpoint; with it, the peers that are connected
    /// by then. `None` if the network ends before.
    ///
    /// # Errors
    /// See [`JoinError`]. Waits without end for a first peer.
    pub async fn join(
        &self,
        events: &mut mpsc::Receiver<p2p::Event>,
        records: &mpsc::Sender<Item>,
    ) -> Result<Option<(Fetched, BTreeSet<Hotkey>)>, JoinError> {
        let world = Network {
            network: self.network,
            view: &self.view,
            connected: Mutex::default(),
            since: Instant::now(),
        };
        let joiner = join::Joiner {
            world: &world,
            files: self.files.clone(),
            manifest: self.manifest,
            checkpoint: self.checkpoint,
        };
        let fetched = tokio::select! {
            () = world.pump(events, records) => return Ok(None),
            fetched = joiner.join() => fetched?,
        };
        self.view.update(|view| view.joining = None);
        Ok(Some((fetched, world.connected())))
    }
}

/// The world of a node that joins.
struct Network<'a> {
    network: &'a p2p::Handle,
    view: &'a View,
    connected: Mutex<BTreeSet<Hotkey>>,
    since: Instant,
}

impl Surroundings for Network<'_> {
    fn connected(&self) -> BTreeSet<Hotkey> {
        self.peers().clone()
    }

    async fn ask(&self, peer: Hotkey, request: Request) -> Result<proto::Response, String> {
        let request = proto::Request { request: Some(request) };
        self.network.ask(peer, request, ANSWER).await.map_err(|error| error.to_string())
    }

    fn penalize(&self, peer: Hotkey) {
        self.network.penalize(peer, p2p::Fault::Invalid);
    }

    fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    fn show(&self, joining: Joining) {
        self.view.update(|view| view.joining = Some(joining));
    }
}

impl Network<'_> {
    fn peers(&self) -> MutexGuard<'_, BTreeSet<Hotkey>> {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes events until the network ends. A node that is still joining answers nothing.
    async fn pump(&self, events: &mut mpsc::Receiver<p2p::Event>, records: &mpsc::Sender<Item>) {
        while let Some(event) = events.recv().await {
            match event {
                p2p::Event::Connected { peer } => {
                    self.peers().insert(peer);
                }
                p2p::Event::Disconnected { peer } => {
                    self.peers().remove(&peer);
                }
                p2p::Event::Gossip { token, .. } => {
                    self.network.verdict(token, p2p::Verdict::Ignore);
                }
                p2p::Event::Request { token, .. } => {
                    let response = Some(Response::Refused(join::not_yet()));
                    self.network.respond(token, proto::Response { response });
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
}
