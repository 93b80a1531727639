//! Nodes that something else starts: keys from `testnet keys`, a directory from `run --init`, probes by exit
//! code.

use crate::process::{Node, free_port};
use crate::run::Ganglion;

const STATUS: [&str; 3] = ["status", "--api", ""];

fn probe(home: &Ganglion, api: &str, flag: &str) -> (i32, String) {
    let mut args = STATUS.to_vec();
    args[2] = api;
    args.push(flag);
    let ended = home.run(&args);
    (ended.code, ended.out + &ended.err)
}

/// A node with flags alone, as a container has it.
fn start(home: &Ganglion, name: &str, listen: &str, more: &[&str]) -> Node {
    let api = format!("127.0.0.1:{}", free_port());
    let (key, dir) = (format!("net/keys/hotkeys/{name}.json"), format!("data/{name}"));
    let args = ["--init", "--manifest", "net/subnet.toml", "--hotkey", &key, "--data-dir", &dir];
    let addresses = ["--listen", listen, "--api", &api];
    Node::run(home, name, &api, &[&args[..], &addresses, more].concat())
}

#[test]
fn a_node_with_nothing_but_flags_makes_its_directory_and_is_probed() {
    let home = Ganglion::new();
    let keys = ["testnet", "keys", "--out", "net", "--validators", "1", "--miners", "1"];
    let made = home.json(&[&keys[..], &["--epoch-length", "2s", "--genesis-in", "1s"]].concat());
    assert_eq!(made["nodes"].as_array().map(Vec::len), Some(4), "{made}");
    let again = home.run(&keys);
    assert_eq!(again.code, 2, "{again:?}");
    assert!(again.err.contains("keys are never replaced"), "{again:?}");

    let listen = format!("/ip4/127.0.0.1/tcp/{}", free_port());
    let validator = start(&home, "validator-1", &listen, &[]);
    validator.until("the API", |node| node.get("/v1/status").is_some());
    assert_eq!(probe(&home, &validator.api, "--live"), (0, "live\n".into()));
    let (code, text) = probe(&home, &validator.api, "--ready");
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("not ready: ") && text.contains("no peer is connected"), "{text}");

    let peer = validator.get("/v1/status").unwrap()["peer_id"].as_str().unwrap().to_owned();
    let bootnode = format!("{listen}/p2p/{peer}");
    let miner = start(
        &home,
        "miner-1",
        "/ip4/127.0.0.1/tcp/0",
        &["--bootnode", &bootnode, "--worker", "digits-majority"],
    );
    miner.until("readiness", |node| probe(&home, &node.api, "--ready") == (0, "ready\n".into()));
    validator.until_epoch(2);
    let first = validator.cut(1).unwrap();

    // A directory that is there stays as it is.
    let api = validator.api.clone();
    drop(validator);
    let (code, text) = probe(&home, &api, "--live");
    assert_eq!(code, 3, "{text}");
    let validator = start(&home, "validator-1", &listen, &[]);
    validator.until("its own past", |node| node.cut(1).is_some());
    assert_eq!(validator.cut(1), Some(first));
}
