//! Nodes that nobody can connect to, and what strangers get of a relay. That of real routers is in `soak`.

use futures::StreamExt as _;
use ganglion_p2p::{Config, Event, Nat, PeerInfo, Reach, Relay, limits, topics};
use ganglion_types::proto::request::Request;
use ganglion_types::proto::response::Response;
use ganglion_types::{SubnetId, proto};
use libp2p::identity::Keypair;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, Swarm, SwarmBuilder, identify, noise, relay, tcp, yamux};
use tokio::time::{Instant, timeout_at};

use crate::support::{LIMIT, Node, SUBNET, config, hotkey};

async fn relay_node(seed: u8) -> Node {
    Node::start(Config { relay: Relay::On, ..config(seed, &[]) }).await
}

async fn behind(seed: u8, relay: &Node) -> Node {
    let node = Node::start(Config { nat: Nat::Behind, ..config(seed, &[relay.address()]) }).await;
    let deadline = Instant::now() + LIMIT;
    while !node.handle.listen_addresses().iter().any(|address| is_circuit(address)) {
        let changed = timeout_at(deadline, node.handle.peers_changed()).await;
        assert!(changed.is_ok(), "no slot: {:?}", node.handle.listen_addresses());
    }
    node
}

fn is_circuit(address: &str) -> bool {
    address.ends_with("/p2p-circuit")
}

fn is_hidden(peer: &PeerInfo) -> bool {
    !peer.addresses.is_empty() && peer.addresses.iter().all(|address| is_circuit(address))
}

/// Neither tells an address of its own, so they can only meet through the relay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_behind_nat_meet_through_a_relay_and_then_directly() {
    let relay = relay_node(1).await;
    let mut miner = behind(2, &relay).await;
    let asker = behind(3, &relay).await;
    assert_eq!(miner.handle.reach(), Reach::Behind);
    let met = |peers: &[PeerInfo]| {
        peers.iter().any(|peer| peer.hotkey == hotkey(2) && peer.connected && is_hidden(peer))
    };
    asker.peers_until("the miner", met).await;

    let answering = tokio::spawn(async move {
        let token = miner
            .event("a request", |event| match event {
                Event::Request { token, .. } => Some(token),
                _ => None,
            })
            .await;
        let blob = proto::BlobPart { bytes: vec![1, 2, 3], size: 3 };
        miner.handle.respond(token, proto::Response { response: Some(Response::Blob(blob)) });
        miner
    });
    let blob = Request::Blob(proto::BlobRequest { digest: vec![1; 32], offset: 0 });
    let request = proto::Request { request: Some(blob) };
    let answer = asker.handle.ask(hotkey(2), request, LIMIT).await.expect("the miner answers");
    assert!(matches!(answer.response, Some(Response::Blob(blob)) if blob.bytes == [1, 2, 3]));
    let miner = answering.await.expect("it answered");

    for (node, other) in [(&asker, 2), (&miner, 3)] {
        let direct = |peers: &[PeerInfo]| {
            peers.iter().any(|p| p.hotkey == hotkey(other) && p.connected && !p.relayed)
        };
        node.peers_until("a direct connection", direct).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_others_connect_to_finds_that_out_and_serves() {
    let asker = Node::start(config(1, &[])).await;
    let node = Node::start(config(2, &[asker.address()])).await;
    let deadline = Instant::now() + LIMIT;
    while node.handle.reach() != Reach::Public {
        let changed = timeout_at(deadline, node.handle.peers_changed()).await;
        assert!(changed.is_ok(), "{:?}", node.handle.reach());
    }
    // The dial back was no restart: the first connection is still there.
    node.connected_until(1).await;
    let mut member = Member::connect(7, &SUBNET, &node).await;
    assert!(member.ask_for_slot().await);
}

#[derive(NetworkBehaviour)]
struct Protocols {
    identify: identify::Behaviour,
    relay: relay::client::Behaviour,
}

/// A client of another make, with the key of nobody.
struct Member {
    swarm: Swarm<Protocols>,
    relay: Multiaddr,
}

impl Member {
    /// Connects, and waits until it was told who the node is.
    async fn connect(seed: u8, subnet: &SubnetId, node: &Node) -> Self {
        let keypair = Keypair::ed25519_from_bytes([seed; 32]).unwrap();
        let protocol = topics::identity_protocol(subnet);
        let mut swarm = SwarmBuilder::with_existing_identity(keypair)
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_relay_client(noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|keypair, relay| Protocols {
                identify: identify::Behaviour::new(identify::Config::new(
                    protocol,
                    keypair.public(),
                )),
                relay,
            })
            .unwrap()
            .with_swarm_config(|config| config.with_idle_connection_timeout(LIMIT))
            .build();
        let relay: Multiaddr = node.address().parse().unwrap();
        swarm.dial(relay.clone()).unwrap();
        let mut member = Self { swarm, relay };
        while !matches!(member.next().await, SwarmEvent::ConnectionEstablished { .. }) {}
        member
    }

    async fn next(&mut self) -> SwarmEvent<ProtocolsEvent> {
        timeout_at(Instant::now() + LIMIT, self.swarm.select_next_some()).await.expect("an event")
    }

    /// Whether it gets one.
    async fn ask_for_slot(&mut self) -> bool {
        let slot = self.relay.clone().with(libp2p::multiaddr::Protocol::P2pCircuit);
        let listener = self.swarm.listen_on(slot).unwrap();
        loop {
            match self.next().await {
                SwarmEvent::Behaviour(ProtocolsEvent::Relay(
                    relay::client::Event::ReservationReqAccepted { .. },
                )) => return true,
                SwarmEvent::ListenerClosed { listener_id, .. } if listener_id == listener => {
                    return false;
                }
                SwarmEvent::ConnectionClosed { .. } => return false,
                _ => {}
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_gets_only_so_many_slots() {
    let node = relay_node(1).await;
    let mut member = Member::connect(7, &SUBNET, &node).await;
    for number in 0..limits::RESERVATIONS_BURST {
        assert!(member.ask_for_slot().await, "slot {number}");
    }
    assert!(!member.ask_for_slot().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_another_subnet_gets_no_slot() {
    let node = relay_node(1).await;
    let mut stranger = Member::connect(7, &SubnetId::new([9; 32]), &node).await;
    assert!(!stranger.ask_for_slot().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_does_not_relay_gives_no_slot() {
    let node = Node::start(Config { relay: Relay::Off, ..config(1, &[]) }).await;
    let mut member = Member::connect(7, &SUBNET, &node).await;
    assert!(!member.ask_for_slot().await);
}
