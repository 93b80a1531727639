//! The same network over UDP.

use ganglion_p2p::{Topic, Verdict};

use crate::support::{Node, config};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_gossip_over_quic() {
    let listening = |seed, bootnodes: &[String]| {
        let mut config = config(seed, bootnodes);
        config.listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".into()];
        config
    };
    let first = Node::start(listening(1, &[])).await;
    assert!(first.address().contains("/quic-v1/p2p/"), "{}", first.address());
    let mut second = Node::start(listening(2, &[first.address()])).await;
    first.subscribed_until(1).await;
    second.subscribed_until(1).await;
    first.handle.publish(Topic::Weights, b"by datagrams".to_vec()).unwrap();
    let got = second.judge(Verdict::Accept).await;
    assert_eq!(got, (Topic::Weights, b"by datagrams".to_vec()));
}
