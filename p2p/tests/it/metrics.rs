//! What is counted, as the exporter shows it.

use std::time::Duration;

use ganglion_p2p::{Topic, Verdict, begin};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::time::timeout;

use crate::support::{LIMIT, full_mesh};

/// The sum of all series that begin with `prefix`.
fn sum(text: &str, prefix: &str) -> f64 {
    let series = text.lines().filter(|line| line.starts_with(prefix));
    series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// Waits until every one of `expected` is above zero: what happened is counted a moment later.
async fn all_count(expected: &[&str], render: impl Fn() -> String) {
    let counted = async {
        let mut look = tokio::time::interval(Duration::from_millis(20));
        loop {
            look.tick().await;
            let text = render();
            if expected.iter().all(|series| sum(&text, series) > 0.0) {
                return;
            }
        }
    };
    let done = timeout(LIMIT, counted).await;
    let text = render();
    let missing: Vec<_> = expected.iter().filter(|series| sum(&text, series) <= 0.0).collect();
    assert!(done.is_ok(), "{missing:?} in {text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traffic_shows_in_the_metrics() {
    let recorder = PrometheusBuilder::new().install_recorder().unwrap();
    begin();
    let mut nodes = full_mesh(2).await;
    nodes[0].handle.publish(Topic::Ops, b"counted".to_vec()).unwrap();
    assert_eq!(nodes[1].judge(Verdict::Accept).await.1, b"counted");
    let expected = [
        "ganglion_p2p_peers_connected",
        "ganglion_p2p_records",
        "ganglion_p2p_peers{direction=",
        "ganglion_p2p_mesh_peers{topic=\"agreement\"}",
        "ganglion_p2p_gossip_messages_total{topic=\"ops\",verdict=\"accept\"}",
        "ganglion_p2p_gossip_published_total{topic=\"ops\",result=\"sent\"}",
        "ganglion_p2p_bytes_total{direction=\"in\"}",
        "ganglion_p2p_bytes_total{direction=\"out\"}",
        "ganglion_p2p_requests_total{kind=\"peers\",result=\"answered\"}",
        "ganglion_p2p_served_total{kind=\"peers\",result=\"answered\"}",
        "ganglion_p2p_connections_total{result=\"established\"}",
    ];
    all_count(&expected, || recorder.render()).await;
    let expected = [
        "ganglion_libp2p_gossipsub_mesh_peer_counts",
        "ganglion_libp2p_swarm_connections_established_total",
        "ganglion_libp2p_identify_received_total",
        "ganglion_libp2p_bandwidth_bytes_total",
    ];
    all_count(&expected, || nodes[0].handle.libp2p_metrics()).await;
    let text = nodes[0].handle.libp2p_metrics();
    for topic in Topic::ALL {
        let series = format!("/{}\"}}", topic.name());
        let found = text.lines().any(|line| {
            line.starts_with("ganglion_libp2p_gossipsub_topic_peers_counts")
                && line.contains(&series)
        });
        assert!(found, "{topic:?} in {text}");
    }
    // What a peer says of itself or of us is no label, and an address that anybody may make up is not counted.
    assert!(!text.contains("external_addr_candidates_total{"), "{text}");
}
