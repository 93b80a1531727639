//! What is passed on, what is not, and what it costs the sender.

use ganglion_p2p::{Config, Event, PeerInfo, PublishError, Topic, Verdict, limits};

use crate::support::{Node, config, hotkey};

/// A, B and C, where A and C are connected to B only.
async fn line() -> (Node, Node, Node) {
    let fixed = |seed, bootnodes: &[String]| Config { discover: false, ..config(seed, bootnodes) };
    let b = Node::start(fixed(2, &[])).await;
    let a = Node::start(fixed(1, &[b.address()])).await;
    let c = Node::start(fixed(3, &[b.address()])).await;
    for (node, count) in [(&a, 1), (&b, 2), (&c, 1)] {
        node.subscribed_until(count).await;
    }
    (a, b, c)
}

fn score(peers: &[PeerInfo], seed: u8) -> f64 {
    peers.iter().find(|peer| peer.hotkey == hotkey(seed)).map_or(f64::NAN, |peer| peer.score)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accepted_message_goes_on_and_tells_who_passed_it() {
    let (a, mut b, mut c) = line().await;
    a.handle.publish(Topic::Tasks, b"task".to_vec()).unwrap();
    assert_eq!(b.judge(Verdict::Accept).await, (Topic::Tasks, b"task".to_vec()));
    let from = c
        .event("the message", |event| match event {
            Event::Gossip { from, bytes, .. } if bytes == b"task" => Some(from),
            _ => None,
        })
        .await;
    assert_eq!(from, b.hotkey());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejected_message_stops_and_costs_its_sender() {
    let (a, mut b, mut c) = line().await;
    a.handle.publish(Topic::Tasks, b"bad".to_vec()).unwrap();
    assert_eq!(b.judge(Verdict::Reject).await.1, b"bad");
    a.handle.publish(Topic::Tasks, b"good".to_vec()).unwrap();
    assert_eq!(b.judge(Verdict::Accept).await.1, b"good");
    // Had the first gone on, it would be here before the second.
    assert_eq!(c.judge(Verdict::Accept).await.1, b"good");
    b.peers_until("a lower score", |peers| score(peers, 1) < -5.0).await;
    assert!(score(&b.handle.peers(), 3) >= 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ignored_message_stops_and_costs_nothing() {
    let (a, mut b, mut c) = line().await;
    a.handle.publish(Topic::Tasks, b"late".to_vec()).unwrap();
    assert_eq!(b.judge(Verdict::Ignore).await.1, b"late");
    a.handle.publish(Topic::Tasks, b"good".to_vec()).unwrap();
    assert_eq!(b.judge(Verdict::Accept).await.1, b"good");
    assert_eq!(c.judge(Verdict::Accept).await.1, b"good");
    assert!(b.handle.peers_changed().await);
    assert!(score(&b.handle.peers(), 1) >= 0.0, "{:?}", b.handle.peers());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_sends_four_rejected_messages_is_no_longer_heard() {
    let (a, mut b, c) = line().await;
    for number in 0..4u8 {
        a.handle.publish(Topic::Tasks, vec![number; 9]).unwrap();
        b.judge(Verdict::Reject).await;
    }
    b.peers_until("the graylist", |peers| score(peers, 1) < -80.0).await;
    a.handle.publish(Topic::Tasks, b"unheard".to_vec()).unwrap();
    c.handle.publish(Topic::Tasks, b"heard".to_vec()).unwrap();
    assert_eq!(b.judge(Verdict::Accept).await.1, b"heard");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_of_the_largest_size_arrives_and_one_more_byte_is_refused() {
    let (a, mut b, mut c) = line().await;
    for topic in [Topic::Outputs, Topic::Agreement] {
        let largest = vec![7; topic.limit()];
        a.handle.publish(topic, largest.clone()).unwrap();
        assert!(b.judge(Verdict::Accept).await == (topic, largest.clone()));
        assert!(c.judge(Verdict::Accept).await == (topic, largest));
        let limit = topic.limit();
        let over = a.handle.publish(topic, vec![7; limit + 1]);
        assert_eq!(over, Err(PublishError::TooLarge { size: limit + 1, limit }));
    }
    assert_eq!(a.handle.publish(Topic::Tasks, Vec::new()), Err(PublishError::Empty));
    assert_eq!(a.handle.publish(Topic::Peers, vec![1]), Err(PublishError::Reserved));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_own_rate_is_bounded_for_each_topic() {
    let node = Node::start(config(1, &[])).await;
    let mut sent = 0u16;
    let refused = loop {
        match node.handle.publish(Topic::Tasks, sent.to_be_bytes().to_vec()) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused, PublishError::RateLimited);
    assert!(refused.is_transient());
    assert!(
        f64::from(sent) >= limits::PUBLISH_BURST && f64::from(sent) < 2.0 * limits::PUBLISH_BURST
    );
    assert_eq!(node.handle.publish(Topic::Agreement, b"vote".to_vec()), Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_before_a_peer_is_there_still_arrives() {
    let first = Node::start(config(1, &[])).await;
    first.handle.publish(Topic::Agreement, b"early".to_vec()).unwrap();
    let mut second = Node::start(config(2, &[first.address()])).await;
    assert_eq!(second.judge(Verdict::Accept).await.1, b"early");
}
