//! Nodes that find each other.

use std::time::{Duration, Instant};

use ganglion_p2p::{Config, Event, Topic, Verdict};
use ganglion_types::Item;
use libp2p::kad::{self, GetProvidersOk, QueryResult};
use libp2p::swarm::SwarmEvent;

use crate::raw::{Client, Manners, ProtocolsEvent};
use crate::support::{LIMIT, Node, SUBNET, config, full_mesh, hotkey};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twelve_nodes_meet_through_one_bootnode() {
    let start = Instant::now();
    let mut nodes = full_mesh(12).await;
    let elapsed = start.elapsed();
    eprintln!("12 nodes in a full mesh after {elapsed:?}");
    assert!(elapsed < Duration::from_secs(10), "{elapsed:?}");

    // Each holds a signed record of each other, and told the node about it.
    for node in &mut nodes {
        assert!(node.records(11).await.iter().all(Item::verify));
    }

    let message = b"to everybody".to_vec();
    nodes[5].handle.publish(Topic::Weights, message.clone()).unwrap();
    for (at, node) in nodes.iter_mut().enumerate().filter(|(at, _)| *at != 5) {
        let got = node.judge(Verdict::Accept).await;
        assert_eq!(got, (Topic::Weights, message.clone()), "node {at}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_bootnode_a_net_goes_on_and_takes_a_restarted_node_back() {
    let mut nodes = full_mesh(6).await;
    let known = nodes[3].records(5).await;
    nodes.remove(0).stop().await;
    for node in &nodes {
        node.connected_until(4).await;
    }
    nodes[0].handle.publish(Topic::Ops, b"still here".to_vec()).unwrap();
    for node in nodes.iter_mut().skip(1) {
        assert_eq!(node.judge(Verdict::Accept).await, (Topic::Ops, b"still here".to_vec()));
    }

    nodes.remove(2).stop().await;
    for node in &nodes {
        node.connected_until(3).await;
    }
    let back = Node::start(Config { known, ..config(4, &[]) }).await;
    back.connected_until(4).await;
    for node in &nodes {
        node.connected_until(4).await;
    }
}

/// Kademlia looks for neighbours by itself half a second after a peer enters its routing table.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_discovery_nobody_but_the_bootnodes_is_dialed() {
    let boot = Node::start(config(1, &[])).await;
    let alone = |seed| Config { discover: false, ..config(seed, &[boot.address()]) };
    let nodes = [Node::start(alone(2)).await, Node::start(alone(3)).await];
    boot.connected_until(2).await;
    let meet = tokio::time::timeout(Duration::from_secs(3), nodes[0].connected_until(2)).await;
    assert!(meet.is_err(), "{:?}", nodes[0].handle.peers());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_node_lets_newcomers_learn_and_sends_them_on() {
    let hub = Node::start(Config { max_peers: 2, ..config(1, &[]) }).await;
    let mut nodes = Vec::new();
    for seed in 2..=6 {
        nodes.push(Node::start(config(seed, &[hub.address()])).await);
    }
    for node in &nodes {
        let others = |peers: &[ganglion_p2p::PeerInfo]| {
            peers.iter().filter(|peer| peer.connected && peer.hotkey != hotkey(1)).count() == 4
        };
        node.peers_until("the four others", others).await;
    }
    let within =
        |peers: &[ganglion_p2p::PeerInfo]| peers.iter().filter(|p| p.connected).count() <= 2;
    hub.peers_until("two peers at most", within).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_another_subnet_is_sent_away() {
    let mut node = Node::start(config(1, &[])).await;
    let foreign =
        Config { subnet: ganglion_types::SubnetId::new([9; 32]), ..config(2, &[node.address()]) };
    let foreign = Node::start(foreign).await;
    node.event("its end", |event| match event {
        Event::Disconnected { peer } if peer == foreign.hotkey() => Some(()),
        _ => None,
    })
    .await;
    foreign.connected_until(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rendezvous_tells_who_provides_the_subnet() {
    let nodes = full_mesh(3).await;
    let boot = nodes[0].address();
    let mut client = Client::connect(&SUBNET, Manners::good(77, &SUBNET), &boot).await;
    let address = boot.parse().unwrap();
    let peer = client.node;
    client.swarm.behaviour_mut().kad.add_address(&peer, address);
    let expected: Vec<String> =
        nodes.iter().skip(1).map(|node| node.handle.local_peer_id()).collect();
    let deadline = Instant::now() + LIMIT;
    let mut found = Vec::new();
    while !expected.iter().all(|peer| found.contains(peer)) {
        assert!(Instant::now() < deadline, "{expected:?} in {found:?}");
        client.swarm.behaviour_mut().kad.get_providers(kad::RecordKey::new(SUBNET.as_bytes()));
        let providers = client
            .until("a look-up", |event| match event {
                SwarmEvent::Behaviour(ProtocolsEvent::Kad(
                    kad::Event::OutboundQueryProgressed {
                        result: QueryResult::GetProviders(result),
                        ..
                    },
                )) => Some(match result {
                    Ok(GetProvidersOk::FoundProviders { providers, .. }) => providers,
                    _ => Default::default(),
                }),
                _ => None,
            })
            .await;
        found.extend(providers.iter().map(ToString::to_string));
    }
}
