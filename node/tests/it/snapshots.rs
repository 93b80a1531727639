//! Joining by a snapshot, between real processes.

use ganglion::snapshots::{BadSnapshot, load, make};
use ganglion_consensus::ledger::State;
use ganglion_types::{Canonical as _, Certificate, Epoch, Round, Snapshot};
use serde_json::Value;

use crate::process::{Node, peer_of, subnet_of_two};
use crate::run::Ganglion;
use crate::world::World;

/// Whatever the header and the digests say: rows of another state than the cut's are refused.
#[test]
fn rows_that_are_not_the_certified_state_are_refused() {
    let world = World::new(&[50, 40], 1);
    let state = State::genesis(world.manifest.clone()).unwrap();
    let cut = state.genesis_cut().unwrap();
    let certificate = Certificate {
        epoch: Epoch::GENESIS,
        round: Round::new(0),
        cut: cut.id(),
        signatures: Vec::new(),
    };
    let parts = make(&state, &cut, &certificate).unwrap();
    let loaded = load(&parts, &world.manifest).unwrap();
    assert_eq!((loaded.state.root(), loaded.state.head()), (cut.state_root, cut.id()));

    let mut rows = state.rows();
    let account = rows.keys().find(|(table, _)| *table == 2).cloned().unwrap();
    rows.remove(&account);
    let listed = rows.iter().map(|((table, key), value)| (*table, &key[..], &value[..]));
    let (header, chunks) = Snapshot::of(*state.subnet(), cut.epoch, cut.id(), listed).unwrap();
    let forged: Vec<Vec<u8>> =
        [header.to_bytes(), parts[1].clone()].into_iter().chain(chunks).collect();
    let refused = load(&forged, &world.manifest).unwrap_err();
    assert!(matches!(refused, BadSnapshot::Root | BadSnapshot::State(_)), "{refused}");
    let mut cut_short = parts;
    cut_short.pop();
    assert!(matches!(load(&cut_short, &world.manifest), Err(BadSnapshot::Form(_))));
}

#[test]
fn a_newcomer_joins_by_a_snapshot_from_peers_and_from_a_file_slow() {
    let home = Ganglion::new();
    subnet_of_two(&home, "2s");
    home.ok(&["keys", "new", "--role", "hotkey", "--name", "o", "--no-password"]);
    let (listen, api) = Node::init(&home, "v", "v", &["--snapshot-every", "3"]);
    let bootnode = format!("{listen}/p2p/{}", peer_of(&home, "v"));
    let validator = Node::run(&home, "v", &api, &[]);
    validator.until_epoch(5);
    let checkpoint = format!("1:{}", validator.cut(1).unwrap());

    let (_, api) = Node::init(&home, "m", "m", &["--bootnode", &bootnode]);
    let joiner = Node::run(&home, "m", &api, &["--checkpoint", &checkpoint]);
    validator.until_epoch(8);
    joiner.until_epoch(8);
    assert_eq!(joiner.cut(8), validator.cut(8));
    assert_eq!(joiner.cut(2), None, "it fetched what lies before the snapshot");

    // It goes on from there after a restart, and without its tables.
    drop(joiner);
    let state = home.path("home/nodes/m/state");
    std::fs::remove_dir_all(&state).unwrap();
    std::fs::create_dir(&state).unwrap();
    let joiner = Node::run(&home, "m", &api, &[]);
    validator.until_epoch(10);
    joiner.until_epoch(10);
    assert_eq!(joiner.cut(10), validator.cut(10));

    let out = home.path("state.snapshot");
    let out = out.to_str().unwrap();
    let exported = home.ok(&["snapshot", "export", "--node", "v", "--out", out, "--json"]);
    let exported: Value = serde_json::from_str(&exported).unwrap();
    let checkpoint = exported["checkpoint"].as_str().unwrap();
    let (_, api) = Node::init(&home, "o", "o", &["--bootnode", &bootnode]);
    let wrong = format!("{}:{}", exported["epoch"], "ab".repeat(32));
    let refused = home.run(&["snapshot", "import", "--node", "o", out, "--checkpoint", &wrong]);
    assert_eq!(refused.code, 1, "{refused:?}");
    home.ok(&["snapshot", "import", "--node", "o", out, "--checkpoint", checkpoint]);
    let observer = Node::run(&home, "o", &api, &[]);
    let last = validator.epoch().unwrap() + 2;
    observer.until_epoch(last);
    assert_eq!(observer.cut(last), validator.cut(last));
    let listed = home.ok(&["snapshot", "list", "--node", "o", "--json"]);
    assert!(listed.contains(checkpoint), "{listed}");
}
