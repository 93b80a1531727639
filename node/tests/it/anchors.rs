//! A running node and its anchors.

use serde_json::Value;

use crate::openapi::Document;
use crate::process::{Node, add_settings, pair, peer_of, subnet_of_two};
use crate::run::Ganglion;

#[test]
fn a_node_keeps_a_chained_log_of_what_it_saw_certified_through_a_restart() {
    let home = Ganglion::new();
    subnet_of_two(&home, "2s");
    let (_, api) = Node::init(&home, "v", "v", &[]);
    let node = Node::run(&home, "v", &api, &[]);
    node.until("two anchored epochs", |node| node.anchored() >= 2);
    drop(node);
    let node = Node::run(&home, "v", &api, &[]);
    node.until("four anchored epochs", |node| node.anchored() >= 4);
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

/// A log that goes on from an older entry, as one that was put back from a copy does.
#[test]
fn a_log_that_is_written_anew_is_proven_by_those_who_kept_it() {
    let home = Ganglion::new();
    subnet_of_two(&home, "2s");
    let (listen, api) = Node::init(&home, "v", "v", &[]);
    let keeper = Node::run(&home, "v", &api, &[]);
    let bootnode = format!("{listen}/p2p/{}", peer_of(&home, "v"));
    let (_, api) = Node::init(&home, "m", "m", &["--bootnode", &bootnode]);
    let witness = Node::run(&home, "m", &api, &[]);
    let seen = |node: &Node| node.get("/v1/anchors/witnesses").map(|all| all[0].clone());
    let last = |node: &Node| seen(node).and_then(|one| one["last"].as_u64()).unwrap_or(0);
    keeper.until("a copy of three entries", |node| last(node) >= 2);
    let address = pair(&home, "m").hotkey().to_string();
    assert_eq!(seen(&keeper).unwrap()["hotkey"], address.as_str());
    let entries = |node: &Node, query: &str| {
        let page = node.get(&format!("/v1/anchors/entries{query}")).unwrap();
        page.as_array().unwrap()[..3].to_vec()
    };
    assert_eq!(entries(&keeper, &format!("?witness={address}")), entries(&witness, ""));
    let found = home.json(&["anchor", "find", "1", "--node", "v"]);
    assert_eq!(found.as_array().unwrap().len(), 2, "its own entry and the other's: {found}");
    let document = Document::new(&keeper.text("/v1/openapi.json").unwrap());
    for path in ["", "/witnesses", "/entries", "/find/{epoch}"] {
        let path = format!("/v1/anchors{path}");
        let body = keeper.text(&path.replace("{epoch}", "1")).unwrap();
        document.check("get", &path, (200, &body));
    }

    drop(witness);
    let log = home.path(&format!("home/nodes/m/anchors/witness-{address}.log"));
    let file = std::fs::File::options().write(true).open(&log).unwrap();
    file.set_len(2 * ganglion_chain::embedded::ENTRY_BYTES as u64).unwrap();
    let _witness = Node::run(&home, "m", &api, &[]);
    keeper.until("proof", |node| seen(node).is_some_and(|one| one["rewrite"].is_string()));
    let proof = hex::decode(seen(&keeper).unwrap()["rewrite"].as_str().unwrap()).unwrap();
    let (one, other) = proof.split_at(ganglion_chain::embedded::ENTRY_BYTES);
    let read = |bytes| ganglion_chain::embedded::Entry::from_bytes(bytes).unwrap();
    assert!(ganglion_chain::embedded::Rewrite::of(&read(one), &read(other)).is_some());
    let shown = home.ok(&["anchor", "witnesses", "--node", "v"]);
    assert!(shown.contains("WRITTEN ANEW"), "{shown}");
    let metrics = keeper.text("/metrics").unwrap();
    assert!(metrics.contains("ganglion_anchor_rewrites_total 1"), "{metrics}");
}

/// One key ran twice from genesis: two histories, each certified. Nobody tells the second node but its operator.
#[test]
fn a_proof_of_another_certified_cut_freezes_the_node_for_good() {
    let home = Ganglion::new();
    subnet_of_two(&home, "2s");
    let prove = |name: &str, file: &str| {
        home.file(file, &home.ok(&["epoch", "prove", "2", "v", "--node", name]), 0o600);
    };
    let (_, api) = Node::init(&home, "v", "one", &[]);
    let one = Node::run(&home, "one", &api, &[]);
    one.until_epoch(3);
    prove("one", "one.json");
    drop(one);
    let (_, api) = Node::init(&home, "v", "two", &[]);
    let two = Node::run(&home, "two", &api, &[]);
    two.until_epoch(3);
    prove("two", "two.json");
    let accuse = |file: &str| home.run(&["anchor", "accuse", file, "--node", "two", "--json"]);

    let own = accuse("two.json");
    assert!(own.code == 2 && own.err.contains("there is no fork"), "{own:?}");
    let text = std::fs::read_to_string(home.path("one.json")).unwrap();
    let mut claim: Value = serde_json::from_str(&text).unwrap();
    for link in claim["links"].as_array_mut().unwrap() {
        link.as_object_mut().unwrap().remove("certificate");
    }
    home.file("claim.json", &claim.to_string(), 0o600);
    let unproven = accuse("claim.json");
    assert!(unproven.code == 2 && unproven.err.contains("no certificate"), "{unproven:?}");
    assert_eq!(accuse("s.toml").code, 2);
    let last = two.epoch().unwrap();
    two.until_epoch(last + 1);

    let found = accuse("one.json");
    assert_eq!(found.code, 0, "{found:?}");
    let found: Value = serde_json::from_str(&found.out).unwrap();
    assert_eq!(found["cuts"].as_array().unwrap().len(), 2, "{found}");
    let frozen = |node: &Node| {
        let status = node.get("/v1/status")?;
        Some(status["forks"][0]["cuts"] == found["cuts"] && status["signing"] == false)
    };
    two.until("it is frozen", |node| frozen(node) == Some(true));
    let last = two.epoch().unwrap();
    drop(two);
    let two = Node::run(&home, "two", &api, &[]);
    two.until("it is frozen still", |node| frozen(node) == Some(true));
    assert_eq!(two.epoch(), Some(last));
}

#[test]
fn without_anchors_a_node_says_so() {
    let home = Ganglion::new();
    subnet_of_two(&home, "2s");
    let (_, api) = Node::init(&home, "v", "v", &[]);
    add_settings(&home, "anchor = \"none\"\n");
    let node = Node::run(&home, "v", &api, &[]);
    node.until_epoch(1);
    assert_eq!(node.page("/v1/anchors").map(|(status, _)| status), Some(404));
}
