//! Nodes under test, and waiting for conditions.

use std::collections::BTreeSet;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use ganglion_p2p::{Config, Event, Handle, PeerInfo, Topic, Verdict, start};
use ganglion_types::{Hotkey, Item, SubnetId, sign};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

pub(crate) const SUBNET: SubnetId = SubnetId::new([0x5a; 32]);
/// No condition of these tests takes a tenth of it on an idle machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

pub(crate) struct Node {
    pub(crate) handle: Handle,
    pub(crate) events: mpsc::Receiver<Event>,
}

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

pub(crate) fn hotkey(seed: u8) -> Hotkey {
    sign::hotkey_of(&key(seed))
}

pub(crate) fn config(seed: u8, bootnodes: &[String]) -> Config {
    Config { bootnodes: bootnodes.to_vec(), ..Config::new(key(seed), SUBNET) }
}

impl Node {
    pub(crate) async fn start(config: Config) -> Self {
        let (handle, events) = start(config).await.expect("a node starts on a free port");
        Self { handle, events }
    }

    /// Address with peer id.
    pub(crate) fn address(&self) -> String {
        let listen = self.handle.listen_addresses();
        format!("{}/p2p/{}", listen.first().expect("it listens"), self.handle.local_peer_id())
    }

    pub(crate) fn hotkey(&self) -> Hotkey {
        self.handle.local_hotkey()
    }

    /// Waits for a state of the peer table.
    pub(crate) async fn peers_until(&self, what: &str, holds: impl Fn(&[PeerInfo]) -> bool) {
        let deadline = Instant::now() + LIMIT;
        while !holds(&self.handle.peers()) {
            if timeout_at(deadline, self.handle.peers_changed()).await.is_err() {
                panic!("{what}: not within {LIMIT:?}: {:#?}", self.handle.peers());
            }
        }
    }

    pub(crate) async fn connected_until(&self, count: usize) {
        let connected = |peers: &[PeerInfo]| peers.iter().filter(|p| p.connected).count() == count;
        self.peers_until(&format!("{count} peers"), connected).await;
    }

    /// Connected peers may not have said yet what they listen to, and are then not gossiped to.
    pub(crate) async fn subscribed_until(&self, count: usize) {
        let listens = |peers: &[PeerInfo]| peers.iter().filter(|p| p.subscribed).count() == count;
        self.peers_until(&format!("{count} peers that listen"), listens).await;
    }

    /// The next event that `pick` takes; others are dropped.
    pub(crate) async fn event<T>(
        &mut self,
        what: &str,
        mut pick: impl FnMut(Event) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + LIMIT;
        loop {
            match timeout_at(deadline, self.events.recv()).await {
                Ok(Some(event)) => {
                    if let Some(picked) = pick(event) {
                        return picked;
                    }
                }
                Ok(None) => panic!("{what}: the node stopped"),
                Err(_) => panic!("{what}: not within {LIMIT:?}"),
            }
        }
    }

    /// Gives `verdict` on the next message and returns topic and payload.
    pub(crate) async fn judge(&mut self, verdict: Verdict) -> (Topic, Vec<u8>) {
        let (topic, token, bytes) = self
            .event("a gossiped message", |event| match event {
                Event::Gossip { topic, token, bytes, .. } => Some((topic, token, bytes)),
                _ => None,
            })
            .await;
        self.handle.verdict(token, verdict);
        (topic, bytes)
    }

    /// Waits for records of `count` peers and returns all that came.
    pub(crate) async fn records(&mut self, count: usize) -> Vec<Item> {
        let mut records: Vec<Item> = Vec::new();
        let mut signers = BTreeSet::new();
        while signers.len() < count {
            let record = self
                .event("a record", |event| match event {
                    Event::Record { record } => Some(record),
                    _ => None,
                })
                .await;
            signers.insert(*record.body().signer());
            records.push(record);
        }
        records
    }

    pub(crate) async fn stop(self) {
        self.handle.shutdown();
        tokio::time::timeout(LIMIT, self.handle.stopped()).await.expect("the node stops");
    }
}

/// A bootnode and `count - 1` nodes that know only it, all connected and listening to each other.
pub(crate) async fn full_mesh(count: u8) -> Vec<Node> {
    let boot = Node::start(config(1, &[])).await;
    let bootnodes = [boot.address()];
    let mut nodes = vec![boot];
    for seed in 2..=count {
        nodes.push(Node::start(config(seed, &bootnodes)).await);
    }
    for node in &nodes {
        node.subscribed_until(usize::from(count) - 1).await;
    }
    nodes
}
