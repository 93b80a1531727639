//! Peer records over the wire: what is taken, and what is not.

use std::time::{SystemTime, UNIX_EPOCH};

use ganglion_p2p::{Event, Topic};
use ganglion_types::proto::request::Request;
use ganglion_types::proto::response::Response;
use ganglion_types::{Body, Canonical as _, Item, PeerRecord, SubnetId, limits, proto};
use libp2p::gossipsub::IdentTopic;
use libp2p::swarm::SwarmEvent;

use crate::raw::{Client, Manners, ProtocolsEvent};
use crate::support::{Node, SUBNET, config, hotkey, key};

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn record(seed: u8) -> PeerRecord {
    PeerRecord {
        signer: hotkey(seed),
        seq: 1,
        expires: now() + 600,
        // The discard port: nobody listens there.
        addresses: vec!["/ip4/127.0.0.1/tcp/9".into()],
        archive: false,
    }
}

fn sign(record: PeerRecord, subnet: SubnetId, seed: u8) -> Item {
    Item::sign(subnet, Body::PeerRecord(record), &key(seed))
}

/// Records that must not be taken, each of its own signer from 100 on.
fn bad() -> Vec<Item> {
    let far = now() + limits::PEER_TTL_SECONDS + 600;
    vec![
        sign(PeerRecord { expires: now() - 1, ..record(100) }, SUBNET, 100),
        sign(PeerRecord { expires: far, ..record(101) }, SUBNET, 101),
        sign(record(102), SUBNET, 103),
        sign(record(104), SubnetId::new([9; 32]), 104),
        sign(PeerRecord { addresses: vec!["nowhere".into()], ..record(105) }, SUBNET, 105),
    ]
}

fn peers(mine: Vec<Item>) -> proto::Request {
    let mine = mine.iter().map(Item::to_proto).collect();
    proto::Request { request: Some(Request::Peers(proto::PeersRequest { mine })) }
}

fn told(response: proto::Response) -> Vec<Item> {
    let Some(Response::Peers(peers)) = response.response else { panic!("{response:?}") };
    peers.records.into_iter().map(|item| Item::from_proto(item).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_record_that_holds_is_kept_and_told() {
    let mut node = Node::start(config(1, &[])).await;
    for (seed, item) in (80u8..).zip(bad()) {
        let mut client =
            Client::connect(&SUBNET, Manners::good(seed, &SUBNET), &node.address()).await;
        client.ask(peers(vec![item])).await;
    }
    let mut client = Client::connect(&SUBNET, Manners::good(79, &SUBNET), &node.address()).await;
    let good = sign(record(110), SUBNET, 110);
    let records = told(client.ask(peers(vec![good.clone()])).await);
    assert_eq!(records.len(), 2, "its own and the good one: {records:?}");
    assert!(records.contains(&good));

    // An older one does not replace it, a newer one does.
    let older = sign(PeerRecord { seq: 0, ..record(110) }, SUBNET, 110);
    assert!(!told(client.ask(peers(vec![older.clone()])).await).contains(&older));
    let newer = sign(PeerRecord { seq: 2, ..record(110) }, SUBNET, 110);
    let records = told(client.ask(peers(vec![newer.clone()])).await);
    assert!(records.contains(&newer) && !records.contains(&good));

    let mut kept = Vec::new();
    for _ in 0..2 {
        let record = node
            .event("a record", |event| match event {
                Event::Record { record } => Some(record),
                _ => None,
            })
            .await;
        kept.push(record);
    }
    assert_eq!(kept, [good, newer]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gossiped_record_is_checked_before_it_goes_on() {
    let node = Node::start(config(1, &[])).await;
    let mut watcher = Node::start(config(2, &[node.address()])).await;
    watcher.connected_until(1).await;
    let topic = IdentTopic::new(Topic::Peers.path(&SUBNET));
    let mut client = Client::connect(&SUBNET, Manners::good(79, &SUBNET), &node.address()).await;
    client.swarm.behaviour_mut().gossip.subscribe(&topic).unwrap();
    let hash = topic.hash();
    client
        .until("the node's subscription", |event| match event {
            SwarmEvent::Behaviour(ProtocolsEvent::Gossip(
                libp2p::gossipsub::Event::Subscribed { topic, .. },
            )) if topic == hash => Some(()),
            _ => None,
        })
        .await;
    let good = sign(record(110), SUBNET, 110);
    let gossip = &mut client.swarm.behaviour_mut().gossip;
    // One with a bad signature and one that expired; more guilty ones would graylist the client.
    let bad = bad();
    for item in [&bad[0], &bad[2], &good] {
        gossip.publish(topic.clone(), item.to_bytes()).unwrap();
    }
    let arrived = watcher.event("the good record", |event| match event {
        Event::Record { record } if *record.body().signer() == *hotkey(110).as_bytes() => {
            Some(record)
        }
        Event::Record { record } => {
            assert!(!bad.contains(&record), "{record:?}");
            None
        }
        _ => None,
    });
    let drive = async {
        use futures::StreamExt as _;
        loop {
            client.swarm.select_next_some().await;
        }
    };
    tokio::select! {
        record = arrived => assert_eq!(record, good),
        () = drive => {}
    }
    node.peers_until("the blame", |peers| {
        peers.iter().any(|peer| peer.hotkey == hotkey(79) && peer.score < -5.0)
    })
    .await;
}
