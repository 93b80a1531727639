//! What gossip loses, anti-entropy brings.
#![allow(clippy::print_stdout, reason = "what it costs is shown")]

use std::collections::BTreeMap;

use ganglion_types::{Body, Item, Kind};

use crate::cluster::{Cluster, EPOCH_MS, manifest};

const SKILLS: [u64; 4] = [10, 50, 85, 97];
const VALIDATORS: [usize; 4] = [0, 1, 2, 3];
const ALL: [usize; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

/// Epochs whose cut a node holds later than two lengths after the deadline, or not at all.
fn missed(cluster: &Cluster, at: usize, epochs: u64) -> Vec<u64> {
    let times = &cluster.host(at).certified_at;
    let certified = cluster.host(0).certified_at.clone();
    let mut deadline = EPOCH_MS;
    let mut missed = Vec::new();
    for epoch in 1..=epochs {
        match times.get(&epoch) {
            Some(moment) if *moment <= deadline + 2 * EPOCH_MS => {}
            _ => missed.push(epoch),
        }
        deadline = certified.get(&epoch).copied().unwrap_or(deadline) + EPOCH_MS;
    }
    missed
}

/// Whose weights are in the cut of an epoch.
fn setters(cluster: &Cluster, epoch: u64) -> Vec<ganglion_types::Hotkey> {
    let items: &[Item] = &cluster.host(0).bundles[&epoch].items;
    let rows = items.iter().filter(|item| item.kind() == Kind::Weights);
    rows.filter_map(|item| match item.body() {
        Body::Weights(body) => Some(body.signer),
        _ => None,
    })
    .collect()
}

fn longest_gap(cluster: &Cluster, at: usize) -> u64 {
    let times: Vec<u64> = cluster.host(at).certified_at.values().copied().collect();
    times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0)
}

/// Its stake is needed: without it no epoch would be certified.
#[test]
fn a_validator_without_gossip_misses_no_epoch_and_its_word_counts() {
    let mut cluster = Cluster::new(31, manifest(&[40, 20, 20, 20], 4), &SKILLS, 0);
    cluster.deaf.insert(0);
    let done = cluster.run_to_epoch(&ALL, 50, 70 * EPOCH_MS);
    assert!(done, "{:?}", cluster.host(0).certified_at);
    cluster.assert_one_cut_per_epoch();
    for at in VALIDATORS {
        assert_eq!(missed(&cluster, at, 50), Vec::<u64>::new(), "node {at}");
    }
    let cut_off = cluster.nodes[0].hotkey;
    for epoch in 1..=50 {
        assert!(setters(&cluster, epoch).contains(&cut_off), "its weights, epoch {epoch}");
        let bundle = &cluster.host(1).bundles[&epoch];
        let signers = &bundle.certificate.signatures;
        assert!(signers.iter().any(|(signer, _)| *signer == cut_off), "its vote, epoch {epoch}");
    }
    let mut rounds: BTreeMap<u32, usize> = BTreeMap::new();
    for round in cluster.host(1).rounds.values() {
        *rounds.entry(*round).or_default() += 1;
    }
    println!(
        "one of four without gossip: longest gap {} ms, epochs by round {rounds:?}, {:?}, {} bytes \
         a node and epoch",
        longest_gap(&cluster, 1),
        cluster.exchanged,
        cluster.exchanged.per_node(8, 50)
    );
    let result = &cluster.host(0).results[&50];
    let incentives: Vec<u16> =
        (4..8).map(|uid| result.row(ganglion_types::Uid::new(uid)).unwrap().incentive).collect();
    assert!(incentives.is_sorted_by(|a, b| a < b), "{incentives:?}");
}

#[test]
fn without_any_gossip_every_epoch_is_certified() {
    let mut cluster = Cluster::new(32, manifest(&[28, 26, 24, 22], 4), &SKILLS, 0);
    cluster.loss = 1_000;
    let done = cluster.run_to_epoch(&ALL, 30, 50 * EPOCH_MS);
    assert!(done, "{:?}", cluster.host(0).certified_at);
    cluster.assert_one_cut_per_epoch();
    for at in ALL {
        assert_eq!(missed(&cluster, at, 30), Vec::<u64>::new(), "node {at}");
    }
    for epoch in 2..=30 {
        assert_eq!(setters(&cluster, epoch).len(), 4, "epoch {epoch}");
    }
    println!(
        "no gossip at all: longest gap {} ms, {:?}, {} bytes a node and epoch",
        longest_gap(&cluster, 1),
        cluster.exchanged,
        cluster.exchanged.per_node(8, 30)
    );
}

#[test]
fn with_gossip_comparing_notes_costs_a_few_kilobytes_an_epoch() {
    let mut cluster = Cluster::new(33, manifest(&[28, 26, 24, 22], 4), &SKILLS, 0);
    assert!(cluster.run_to_epoch(&ALL, 20, 25 * EPOCH_MS));
    let cost = cluster.exchanged;
    let each = cost.per_node(8, 20);
    println!("gossip whole: {cost:?}, {each} bytes a node and epoch");
    assert!(each < 32 * 1024, "{each} bytes a node and epoch");
    // Three peers at a time.
    assert!(cost.trades * 4 < cost.sums + cost.ids, "{cost:?}");
}

/// What it said before the restart comes back from peers, and is no other's.
#[test]
fn a_restart_in_the_middle_of_agreement_without_gossip_is_no_twin() {
    let mut cluster = Cluster::new(34, manifest(&[40, 20, 20, 20], 4), &SKILLS, 0);
    cluster.loss = 1_000;
    assert!(cluster.run_to_epoch(&VALIDATORS, 2, 6 * EPOCH_MS));
    for epoch in [3, 4, 5, 6] {
        assert!(cluster.run_until(4 * EPOCH_MS, |cluster| cluster.host(0).said.contains(&epoch)));
        cluster.run_until(150 * epoch, |_| false);
        cluster.kill(0);
        cluster.run_until(200, |_| false);
        cluster.start(0);
        assert!(cluster.run_to_epoch(&VALIDATORS, epoch, 6 * EPOCH_MS));
    }
    cluster.assert_one_cut_per_epoch();
}
