//! A key that moves to another machine while its subnet runs.

use serde_json::Value;

use crate::process::{Node, peer_of};
use crate::run::Ganglion;

/// Two validators of which one is enough to certify. The other's key moves to a new directory in the middle of an
/// epoch: it is silent for that epoch, signs again after it, and nobody finds it contradicting itself.
#[test]
fn a_key_moves_in_mid_epoch_and_contradicts_nothing() {
    let home = Ganglion::new();
    two_validators(&home);
    let (listen, api) = Node::init(&home, "a", "a", &[]);
    let bootnode = format!("{listen}/p2p/{}", peer_of(&home, "a"));
    let first = Node::run(&home, "a", &api, &[]);
    let (_, old_api) = Node::init(&home, "b", "old", &["--bootnode", &bootnode]);
    let old = Node::run(&home, "old", &old_api, &[]);
    first.until_epoch(3);
    let signs = |node: &Node| node.get("/v1/status").is_some_and(|now| now["signing"] == true);
    old.until("the second validator signs", signs);
    // In the middle of an epoch, whichever it is.
    drop(old);
    let history = home.ok(&["keys", "history", "export", "--node", "old"]);
    let moved: Value = serde_json::from_str(&history).unwrap();
    let signed = moved["epoch"].as_u64().unwrap();
    assert!(signed >= 3, "{history}");
    let file = home.file("b.history", &history, 0o600);
    let refused = home.run(&["run", "--node", "old"]);
    assert_eq!(refused.code, 3, "{refused:?}");

    let (_, new_api) = Node::init(&home, "b", "new", &["--bootnode", &bootnode]);
    home.ok(&["keys", "history", "import", "--node", "new", &file]);
    let new = Node::run(&home, "new", &new_api, &[]);
    new.until("it signs on the other machine", signs);
    let since = new.epoch().unwrap();
    assert!(since >= signed, "it signed at {since}, and had signed at {signed} before");
    let lists = |epoch: u64| first.get(&format!("/v1/epochs/{epoch}")).unwrap()["lists"].clone();
    let last = since + 4;
    first.until_epoch(last);
    assert!((since + 1..=last).any(|epoch| lists(epoch) == 2), "its lists count");
    for epoch in 1..=last {
        let kinds = first.get(&format!("/v1/epochs/{epoch}")).unwrap()["item_kinds"].clone();
        assert!(kinds.get("evidence").is_none(), "epoch {epoch}: {kinds}");
    }
    assert_eq!(new.cut(last - 1), first.cut(last - 1));
    let mark = home.json(&["db", "info", "--node", "new"]);
    assert!(mark["watermark"]["epoch"].as_u64().unwrap() > signed, "{mark}");
}

pub(crate) fn two_validators(home: &Ganglion) {
    for (role, name) in [("hotkey", "a"), ("hotkey", "b"), ("coldkey", "c"), ("coldkey", "d")] {
        home.ok(&["keys", "new", "--role", role, "--name", name, "--no-password"]);
    }
    let entry = |hotkey: &str, coldkey: &str, stake: &str| {
        let entry = ["subnet", "entry", "--role", "validator", "--hotkey", hotkey];
        let more = ["--coldkey", coldkey, "--stake", stake];
        home.file(&format!("{hotkey}.toml"), &home.ok(&[&entry[..], &more[..]].concat()), 0o600)
    };
    let (one, two) = (entry("a", "c", "100"), entry("b", "d", "20"));
    let args = ["subnet", "new", "--name", "s", "--genesis-in", "1s", "--epoch-length", "2s"];
    home.ok(&[&args[..], &["--participants", &one, "--participants", &two]].concat());
}
