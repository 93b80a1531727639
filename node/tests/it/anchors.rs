//! A running node and its anchors.

use serde_json::Value;

use crate::process::{Node, subnet_of_two};
use crate::run::Ganglion;

fn board(node: &Node) -> Option<Value> {
    node.get("/v1/anchors")
}

fn done(node: &Node) -> u64 {
    board(node).and_then(|board| board["done"].as_u64()).unwrap_or(0)
}

#[test]
fn a_node_keeps_a_chained_log_of_what_it_saw_certified_through_a_restart() {
    let home = Ganglion::new();
    subnet_of_two(&home, "2s");
    let (_, api) = Node::init(&home, "v", "v", &[]);
    let node = Node::run(&home, "v", &api, &[]);
    node.until("two anchored epochs", |node| done(node) >= 2);
    drop(node);
    let node = Node::run(&home, "v", &api, &[]);
    node.until("four anchored epochs", |node| done(node) >= 4);
    let entries = node.get("/v1/anchors/entries").unwrap();
    let entries = entries.as_array().unwrap();
    let (mut epoch, mut last_id) = (1, None::<String>);
    for entry in entries {
        assert_eq!(entry["first"], epoch, "{entries:?}");
        epoch = entry["last"].as_u64().unwrap() + 1;
        let bytes = entry["bytes"].as_str().unwrap();
        assert_eq!(bytes.len(), 2 * ganglion_chain::embedded::ENTRY_BYTES);
        assert!(last_id.is_none_or(|id| bytes[32..96] == id), "each names the one before");
        last_id = Some(entry["id"].as_str().unwrap().to_owned());
        let cut = node.cut(epoch - 1).unwrap();
        assert_eq!(entry["cut"], cut);
    }
    assert!(epoch > 4);
    let shown = home.ok(&["anchor", "status", "--node", "v"]);
    assert!(shown.contains("embedded:") && shown.contains("rank 0") | shown.contains("final"));
    let found = home.json(&["anchor", "find", "2", "--node", "v"]);
    assert_eq!((&found[0]["truth"], &found[0]["finality"]), (&"same".into(), &"final".into()));
    assert!(home.ok(&["anchor", "list", "--node", "v"]).contains("final"));
    let metrics = node.text("/metrics").unwrap();
    assert!(metrics.contains("ganglion_anchor_lag_epochs "), "{metrics}");
}

#[test]
fn without_anchors_a_node_says_so() {
    let home = Ganglion::new();
    subnet_of_two(&home, "2s");
    let (_, api) = Node::init(&home, "v", "v", &[]);
    settings(&home, "anchor = \"none\"\n");
    let node = Node::run(&home, "v", &api, &[]);
    node.until_epoch(1);
    assert_eq!(node.page("/v1/anchors").map(|(status, _)| status), Some(404));
}

fn settings(home: &Ganglion, text: &str) {
    let path = home.path("home/nodes/v/node.toml");
    let before = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{before}\n{text}")).unwrap();
}

#[cfg(feature = "chain-tests")]
mod evm;
#[cfg(feature = "chain-tests")]
mod kills;
#[cfg(feature = "chain-tests")]
mod proxy;
