//! Following and joining over many epochs, and what they cost.

use std::time::Instant;

use crate::forward::{Life, live, log_bytes};
use crate::places::{data, home, place, slow_subnet};
use crate::process::Node;

/// What following costs between two processes: the figures of docs/spec/epoch.md and docs/spec/storage.md.
#[test]
fn a_thousand_epochs_are_followed_over_a_connection() {
    follow_and_join(4, 5, 1_000);
    // The figures of a larger subnet take a release build.
    follow_and_join(16, 48, if cfg!(debug_assertions) { 200 } else { 1_000 });
}

fn follow_and_join(validators: u8, miners: u8, epochs: u64) {
    let manifest = slow_subnet(validators, miners);
    let home = home(&manifest);
    let life = Life { epochs, snapshot_every: 128, archive: true };
    let peer = place(&home, "h0", &["--archive", "true"]);
    live(&data(&home, "h0"), &manifest, validators, life);
    let few_items = place(&home, "h1", &[]);
    live(&data(&home, "h1"), &manifest, validators, Life { archive: false, ..life });
    let (all, few) = (log_bytes(&data(&home, "h0")), log_bytes(&data(&home, "h1")));
    let uids = u16::from(validators) + u16::from(miners);
    eprintln!("{epochs} epochs, {validators} validators, {uids} uids");
    eprintln!("  certificate log: {all} bytes with all items, {few} after old ones went");

    let peer_runs = Node::run(&home, "h0", &peer.api, &[]);
    peer_runs.until_epoch(epochs);
    let boot = ["--bootnode", peer.bootnode.as_str()];
    let follower = place(&home, "h2", &boot);
    let start = Instant::now();
    let follower = Node::run(&home, "h2", &follower.api, &[]);
    follower.until_epoch(epochs);
    let seconds = start.elapsed().as_secs_f64();
    follower.until_logged("caught up");
    for line in follower
        .log()
        .lines()
        .filter(|line| line.contains("caught up") || line.contains("catching up"))
    {
        eprintln!("  {line}");
    }
    let rate = f64::from(u32::try_from(epochs).unwrap()) / seconds;
    eprintln!("  followed in {seconds:.1} s from the start of the process: {rate:.0} epochs/s");

    let joiner = place(&home, "h3", &boot);
    let start = Instant::now();
    let joiner = Node::run(&home, "h3", &joiner.api, &["--checkpoint", "genesis"]);
    joiner.until_logged("joined by a snapshot");
    let joined = start.elapsed().as_secs_f64();
    joiner.until_epoch(epochs);
    let seconds = start.elapsed().as_secs_f64();
    eprintln!("  joined by a snapshot in {joined:.1} s, at the last epoch in {seconds:.1} s");
    let cut = peer_runs.cut(epochs);
    assert_eq!(joiner.cut(epochs), cut);

    drop((peer_runs, follower, joiner));
    for (hotkey, api, what) in
        [("h0", &peer.api, "all items"), ("h1", &few_items.api, "items of the last 100 epochs")]
    {
        std::fs::remove_dir_all(data(&home, hotkey).join("state")).unwrap();
        let start = Instant::now();
        let again = Node::run(&home, hotkey, api, &[]);
        again.until_epoch(epochs);
        let seconds = start.elapsed().as_secs_f64();
        eprintln!("  tables made again from {what}: {seconds:.1} s from the start of the process");
        assert_eq!(again.cut(epochs), cut);
    }
}
