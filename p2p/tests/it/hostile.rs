//! Bytes from a client that keeps no rule. The node stays up, blames the sender and serves the others.

use ganglion_p2p::{Event, Topic, Verdict, limits, refused, topics};
use ganglion_types::proto;
use ganglion_types::proto::request::Request;
use ganglion_types::proto::response::Response;
use libp2p::gossipsub::IdentTopic;
use libp2p::swarm::SwarmEvent;
use prost::Message as _;

use crate::raw::{Client, Manners, ProtocolsEvent, decode, frame};
use crate::support::{LIMIT, Node, SUBNET, config, hotkey};

const HOSTILE: u8 = 66;

fn code(response: &proto::Response) -> Option<u32> {
    match &response.response {
        Some(Response::Refused(refused)) => Some(refused.code),
        _ => None,
    }
}

/// A second, well-behaved node gets an answer.
async fn serves(node: &Node) {
    let honest = Node::start(config(50, &[node.address()])).await;
    honest.connected_until(1).await;
    let request = Request::Peers(proto::PeersRequest { mine: Vec::new() });
    let request = proto::Request { request: Some(request) };
    assert!(honest.handle.ask(node.hotkey(), request, LIMIT).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_requests_are_refused_with_a_code_and_end_in_a_ban() {
    let node = Node::start(config(1, &[])).await;
    let mut client =
        Client::connect(&SUBNET, Manners::good(HOSTILE, &SUBNET), &node.address()).await;

    let oversize = u32::try_from(limits::REQUEST_BYTES + 1).unwrap().to_be_bytes().to_vec();
    let answer = decode(&client.exchange(oversize).await.unwrap());
    assert_eq!(code(&answer), Some(refused::OVERSIZE));

    let answer = decode(&client.exchange(frame(&[0xff; 40])).await.unwrap());
    assert_eq!(code(&answer), Some(refused::MALFORMED));

    let many = Request::Items(proto::ItemsRequest { ids: vec![Vec::new(); 500_000] });
    let answer = client.ask(proto::Request { request: Some(many) }).await;
    assert_eq!(code(&answer), Some(refused::MALFORMED));

    // That one may come from a newer version, and costs next to nothing.
    let answer = client.ask(proto::Request::default()).await;
    assert_eq!(code(&answer), Some(refused::UNKNOWN));

    node.peers_until("the blame", |peers| {
        peers
            .iter()
            .any(|peer| peer.hotkey == hotkey(HOSTILE) && peer.score <= -55.0 && peer.score > -65.0)
    })
    .await;

    // Three more pass 100 points, although points fade: the peer is banned, and not let in again.
    for _ in 0..3 {
        let _ = client.exchange(frame(&[0xff; 40])).await;
    }
    node.connected_until(0).await;
    let address: libp2p::Multiaddr = node.address().parse().unwrap();
    client.swarm.dial(address).unwrap();
    client
        .until("a refused connection", |event| {
            let closed = matches!(
                event,
                SwarmEvent::ConnectionClosed { .. } | SwarmEvent::OutgoingConnectionError { .. }
            );
            closed.then_some(())
        })
        .await;
    serves(&node).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_requests_than_may_wait_are_refused_as_busy() {
    let mut node = Node::start(config(1, &[])).await;
    let mut client =
        Client::connect(&SUBNET, Manners::good(HOSTILE, &SUBNET), &node.address()).await;
    let request = Request::Blob(proto::BlobRequest { digest: vec![1; 32], offset: 0 });
    let bytes = frame(&proto::Request { request: Some(request) }.encode_to_vec());
    let peer = client.node;
    for _ in 0..limits::INBOUND_PEER_MAX + 4 {
        client.swarm.behaviour_mut().rpc.send_request(&peer, bytes.clone());
    }
    for _ in 0..4 {
        let answer = client
            .until("an answer", |event| match event {
                SwarmEvent::Behaviour(ProtocolsEvent::Rpc(
                    libp2p::request_response::Event::Message {
                        message: libp2p::request_response::Message::Response { response, .. },
                        ..
                    },
                )) => Some(response),
                _ => None,
            })
            .await;
        assert_eq!(code(&decode(&answer)), Some(refused::BUSY));
    }
    for _ in 0..limits::INBOUND_PEER_MAX {
        node.event("a request", |event| matches!(event, Event::Request { .. }).then_some(())).await;
    }
}

/// Garbage on a stream of each protocol that the node speaks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_on_any_protocol_leaves_the_node_up() {
    let node = Node::start(config(1, &[])).await;
    let protocols = [
        topics::kad_protocol(&SUBNET),
        topics::rpc_protocol(&SUBNET),
        "/meshsub/1.2.0".into(),
        "/meshsub/1.1.0".into(),
        "/ipfs/id/push/1.0.0".into(),
        "/ipfs/ping/1.0.0".into(),
    ];
    for (at, protocol) in (100u8..).zip(protocols) {
        let manners = Manners { protocol: protocol.clone(), ..Manners::good(at, &SUBNET) };
        let mut client = Client::connect(&SUBNET, manners, &node.address()).await;
        // A huge length, a length with nothing behind, bad protobuf, an endless varint.
        let frames: [&[u8]; 4] =
            [&[0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2, 3], &[40], &[3, 0xff, 0xff, 0xff], &[0xff; 64]];
        for frame in frames {
            // Whatever it answers, or not: the stream ends one way or another.
            let _ = client.exchange(frame.to_vec()).await;
        }
    }
    serves(&node).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gossip_that_breaks_the_form_is_dropped_and_blamed() {
    let mut node = Node::start(config(1, &[])).await;
    let topic = IdentTopic::new(Topic::Tasks.path(&SUBNET));
    for (seed, signed, size) in [(70, false, limits_over()), (71, true, 10)] {
        let manners = Manners { signed_gossip: signed, ..Manners::good(seed, &SUBNET) };
        let mut client = Client::connect(&SUBNET, manners, &node.address()).await;
        subscribed(&mut client, &topic).await;
        for number in 0..2u8 {
            let gossip = &mut client.swarm.behaviour_mut().gossip;
            gossip.publish(topic.clone(), vec![number; size]).unwrap();
        }
        let blamed = async {
            node.peers_until("the blame", |peers| {
                peers.iter().any(|peer| peer.hotkey == hotkey(seed) && peer.score < -5.0)
            })
            .await;
        };
        tokio::select! {
            () = blamed => {}
            () = drive(&mut client) => {}
        }
    }
    // None of it reached the node: what comes first is the good one.
    let honest = Node::start(config(50, &[node.address()])).await;
    honest.handle.publish(Topic::Tasks, b"good".to_vec()).unwrap();
    assert_eq!(node.judge(Verdict::Accept).await.1, b"good");
}

fn limits_over() -> usize {
    Topic::Tasks.limit() + 2048
}

async fn subscribed(client: &mut Client, topic: &IdentTopic) {
    client.swarm.behaviour_mut().gossip.subscribe(topic).unwrap();
    let hash = topic.hash();
    client
        .until("the node's subscription", |event| match event {
            SwarmEvent::Behaviour(ProtocolsEvent::Gossip(
                libp2p::gossipsub::Event::Subscribed { topic, .. },
            )) if topic == hash => Some(()),
            _ => None,
        })
        .await;
}

/// Runs the client for ever.
async fn drive(client: &mut Client) {
    use futures::StreamExt as _;
    loop {
        client.swarm.select_next_some().await;
    }
}
