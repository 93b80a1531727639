//! What is counted, as the exporter shows it.

use std::time::Duration;

use ganglion_p2p::{Topic, Verdict, describe};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::time::timeout;

use crate::support::{LIMIT, full_mesh};

/// The sum of all series that begin with `prefix`.
fn sum(text: &str, prefix: &str) -> f64 {
    let series = text.lines().filter(|line| line.starts_with(prefix));
    series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traffic_shows_in_the_metrics() {
    let recorder = PrometheusBuilder::new().install_recorder().unwrap();
    describe();
    let mut nodes = full_mesh(2).await;
    nodes[0].handle.publish(Topic::Ops, b"counted".to_vec()).unwrap();
    assert_eq!(nodes[1].judge(Verdict::Accept).await.1, b"counted");
    let expected = [
        "ganglion_p2p_peers_connected",
        "ganglion_p2p_records",
        "ganglion_p2p_gossip_messages_total{topic=\"ops\",verdict=\"accept\"}",
        "ganglion_p2p_gossip_published_total{topic=\"ops\",result=\"sent\"}",
        "ganglion_p2p_bytes_total{direction=\"in\"}",
        "ganglion_p2p_bytes_total{direction=\"out\"}",
        "ganglion_p2p_requests_total{kind=\"peers\",result=\"answered\"}",
        "ganglion_p2p_served_total{kind=\"peers\",result=\"answered\"}",
        "ganglion_p2p_connections_total{result=\"established\"}",
    ];
    let counted = async {
        // A verdict is counted a moment after it is given.
        let mut look = tokio::time::interval(Duration::from_millis(20));
        loop {
            look.tick().await;
            let text = recorder.render();
            if expected.iter().all(|series| sum(&text, series) > 0.0) {
                return;
            }
        }
    };
    let done = timeout(LIMIT, counted).await;
    assert!(done.is_ok(), "{}", recorder.render());
    for line in recorder.render().lines().filter(|line| line.contains("TYPE ganglion_p2p_")) {
        let name = line.split(' ').nth(2).unwrap();
        assert!(recorder.render().contains(&format!("# HELP {name} ")), "{name} has no help text");
    }
}
