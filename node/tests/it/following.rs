//! Following over real connections, between nodes that keep everything and nodes that do not.

use ganglion_storage::Store;
use ganglion_types::Manifest;

use crate::forward::{Life, go_on, live, log_bytes};
use crate::places::{data, home, place, slow_subnet};
use crate::process::Node;
use crate::run::Ganglion;

/// What an epoch that cannot be executed any more is told with.
fn refused(home: &Ganglion, args: &[&str], api: &str, oldest: u64) {
    let ended = home.run(&[args, &["--api", api]].concat());
    assert_eq!(ended.code, 2, "{args:?}: {ended:?}");
    let sentence = format!("the oldest epoch that can be is {oldest}");
    assert!(ended.err.contains(&sentence), "{args:?}: {ended:?}");
    assert!(
        ended.err.contains("help: Ask an archive node, which has the items"),
        "{args:?}: {ended:?}"
    );
}

/// Of a node with items from epoch 129 on.
fn old_epochs_are_refused(home: &Ganglion, api: &str) {
    let at = ["--api", api];
    refused(home, &["epoch", "replay", "100"], api, 129);
    refused(home, &["epoch", "export", "128"], api, 129);
    refused(home, &["epoch", "diff", "7", "--with", api], api, 129);
    assert_eq!(home.json(&[&["epoch", "replay", "129"], &at[..]].concat())["holds"], true);
    let shown = home.ok(&[&["epoch", "show", "50"], &at[..]].concat());
    assert!(shown.contains("items        4, no longer kept by this node"), "{shown}");
    for args in [&["epoch", "show", "50", "--explain"][..], &["weights", "--epoch", "50"]] {
        let ended = home.run(&[args, &at].concat());
        assert!(ended.code == 2 && ended.err.contains("no longer kept by this node"), "{ended:?}");
        assert!(ended.err.contains("help: Ask an archive node, which has the items"), "{ended:?}");
    }
    // A proof needs no items.
    let proof = home.ok(&[&["epoch", "prove", "50", "h5"], &at[..]].concat());
    let proof = home.file("proof.json", &proof, 0o644);
    home.ok(&["verify", &proof, "--genesis", "s.toml"]);
}

/// A node that has removed old items serves what it has; one that starts from nothing is told what it lacks and goes
/// on once an archive is there, or begins with a snapshot. What is gone is refused with the cure.
#[test]
fn what_a_node_no_longer_has_an_archive_or_a_snapshot_replaces() {
    const LAST: u64 = 200;
    let mut manifest = slow_subnet(4, 5);
    manifest.hyperparameters.unbonding_epochs = 16;
    let home = home(&manifest);
    let life = Life { epochs: LAST, snapshot_every: 64, archive: false };
    let short = place(&home, "h0", &[]);
    live(&data(&home, "h0"), &manifest, 4, life);
    let boot = ["--bootnode", short.bootnode.as_str()];
    let newcomer = place(&home, "h2", &boot);
    let archive = place(
        &home,
        "h1",
        &[&["--bootnode", newcomer.bootnode.as_str(), "--archive", "true"], &boot[..]].concat(),
    );
    live(&data(&home, "h1"), &manifest, 4, Life { archive: true, ..life });
    let (few, all) = (log_bytes(&data(&home, "h0")), log_bytes(&data(&home, "h1")));
    eprintln!("certificate log: {all} bytes of an archive, {few} of a node that removes items");
    assert!(few < all);

    let mut pruned = Node::run(&home, "h0", &short.api, &[]);
    let follower = Node::run(&home, "h2", &newcomer.api, &[]);
    follower.until("the reason", |node| {
        node.reasons().contains("no connected peer has the items of epoch 1 any more, the oldest that one has are of epoch 129")
    });
    follower.until_logged("Connect to an archive node");
    assert_eq!(follower.epoch(), Some(0));

    old_epochs_are_refused(&home, &short.api);

    let keeper = Node::run(&home, "h1", &archive.api, &[]);
    follower.until_epoch(LAST);
    assert_eq!(follower.cut(LAST), keeper.cut(LAST));
    assert!(!follower.reasons().contains("no connected peer"), "{}", follower.reasons());
    let of = ["--api", archive.api.as_str()];
    assert_eq!(home.json(&[&["epoch", "replay", "100"], &of[..]].concat())["holds"], true);
    let peers = home.ok(&["peers", "--api", &newcomer.api]);
    assert!(peers.contains("validator, archive"), "{peers}");

    // Tables that are lost come back from the snapshot and the items that are left; then it can be joined from as before.
    drop((follower, keeper));
    drop(pruned);
    let state = data(&home, "h0").join("state");
    std::fs::remove_dir_all(&state).unwrap();
    std::fs::create_dir(&state).unwrap();
    pruned = Node::run(&home, "h0", &short.api, &[]);
    pruned.until_epoch(LAST);
    pruned.until_logged("rebuilt from a snapshot");
    let shown = home.ok(&["epoch", "show", "50", "--api", &short.api]);
    assert!(shown.contains("no longer kept by this node"), "{shown}");
    let joiner = place(&home, "h3", &boot);
    let joined = Node::run(&home, "h3", &joiner.api, &["--checkpoint", "genesis"]);
    joined.until_epoch(LAST);
    assert_eq!(joined.cut(LAST), pruned.cut(LAST));
    let api = ["--api", joiner.api.as_str()];
    assert_eq!(home.json(&[&["epoch", "replay", "195"], &api[..]].concat())["holds"], true);
    refused(&home, &["epoch", "replay", "192"], &joiner.api, 193);
}

fn items_from(home: &Ganglion, hotkey: &str, manifest: &Manifest) -> Option<u64> {
    let subnet = *manifest.subnet_id().as_bytes();
    let (store, _) = Store::open(&data(home, hotkey), subnet).unwrap();
    store.reader().whole_from()
}

/// Items go only if a snapshot that holds can take their place.
#[test]
fn items_stay_where_no_sound_snapshot_covers_them() {
    let mut manifest = slow_subnet(1, 5);
    manifest.hyperparameters.unbonding_epochs = 16;
    let home = home(&manifest);
    let life = Life { epochs: 90, snapshot_every: 0, archive: false };
    place(&home, "h0", &[]);
    live(&data(&home, "h0"), &manifest, 1, life);
    assert_eq!(items_from(&home, "h0", &manifest), Some(1), "without any snapshot");

    // Epoch 64 is old enough from epoch 81 on. Until then its snapshot is damaged.
    for (hotkey, damage, from) in [("h1", true, 1), ("h2", false, 65)] {
        place(&home, hotkey, &[]);
        let dir = data(&home, hotkey);
        let state = live(&dir, &manifest, 1, Life { epochs: 80, snapshot_every: 64, ..life });
        assert_eq!(items_from(&home, hotkey, &manifest), Some(1));
        if damage {
            let path = dir.join(format!("snapshots/{:020}.snapshot", 64));
            let mut bytes = std::fs::read(&path).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            std::fs::write(&path, bytes).unwrap();
        }
        let (store, _) = Store::open(&dir, *manifest.subnet_id().as_bytes()).unwrap();
        go_on(store, state, 1, life);
        assert_eq!(items_from(&home, hotkey, &manifest), Some(from), "{hotkey}");
    }
}
