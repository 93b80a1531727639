//! Epoch after epoch.

use ganglion_consensus::agreement::TimerKind;
use ganglion_subnet::Rejection;
use ganglion_types::{Rao, Uid};

use crate::cluster::{Cluster, EPOCH_MS, manifest};

const STAKES: [u64; 4] = [28, 26, 24, 22];
const SKILLS: [u64; 5] = [10, 50, 70, 85, 97];

fn cluster(seed: u64) -> Cluster {
    Cluster::new(seed, manifest(&STAKES, SKILLS.len()), &SKILLS, 1)
}

#[test]
fn every_node_certifies_the_same_rewards_epoch_after_epoch() {
    let mut cluster = cluster(1);
    let all: Vec<usize> = (0..10).collect();
    assert!(cluster.run_to_epoch(&all, 12, 14 * EPOCH_MS), "{:?}", cluster.cuts(0));
    cluster.assert_one_cut_per_epoch();
    let budget = Rao::new(100 * Rao::PER_UNIT);
    for at in all {
        let host = cluster.host(at);
        assert!(host.rounds.values().all(|round| *round == 0), "node {at}: {:?}", host.rounds);
        assert!(host.results.values().all(|result| result.header.emitted == budget));
        assert_eq!(host.odd, Vec::<String>::new(), "node {at}");
        assert_eq!(host.verdicts.get("reject"), None, "node {at}: {:?}", host.rejected);
        // Who has no vote hears of it once more hops later.
        let latest = if at < STAKES.len() { 500 } else { 750 };
        for (epoch, moment) in &host.certified_at {
            let late = moment - epoch * EPOCH_MS;
            assert!(late < latest, "node {at} certified {epoch} {late} ms after its deadline");
        }
    }
    for at in 0..10 {
        let host = cluster.host(at);
        let steps = ["list", "prevote", "precommit"];
        let signed = steps.map(|step| host.signed_steps.get(step).copied().unwrap_or(0));
        // Only who has a seat says anything, and says it once an epoch; whoever hears first that the others have decided
        // votes no more.
        let expected = if at < STAKES.len() { 6..=13 } else { 0..=0 };
        assert!(signed.iter().all(|count| expected.contains(count)), "node {at}: {signed:?}");
        assert!(at >= STAKES.len() || signed[0] >= 12, "node {at}: {signed:?}");
        assert!(steps.iter().all(|step| host.heard_steps.contains_key(step)), "node {at}");
        assert_eq!(host.timeouts.get(&TimerKind::Propose), None, "node {at}");
        assert!(host.disagreed.is_empty(), "node {at}: {:?}", host.disagreed);
    }
    let proposals = |at: usize| cluster.host(at).signed_steps.get("proposal").copied();
    let proposals: usize = (0..STAKES.len()).filter_map(proposals).sum();
    assert!((12..=13).contains(&proposals), "{proposals}");
    let result = &cluster.host(0).results[&12];
    let incentives: Vec<u16> =
        (4..9).map(|uid| result.row(Uid::new(uid)).unwrap().incentive).collect();
    assert!(incentives.is_sorted_by(|a, b| a < b), "{incentives:?}");
    assert!(incentives[4] > 3 * incentives[0], "{incentives:?}");
}

#[test]
fn a_validator_that_was_away_holds_every_epoch_and_signs_again() {
    let mut cluster = cluster(2);
    assert!(cluster.run_to_epoch(&[0, 1, 2, 3], 2, 4 * EPOCH_MS));
    cluster.kill(3);
    assert!(cluster.run_to_epoch(&[0, 1, 2], 5, 5 * EPOCH_MS));
    cluster.start(3);
    assert!(cluster.run_to_epoch(&[0, 1, 2, 3], 9, 6 * EPOCH_MS), "{:?}", cluster.cuts(3));
    cluster.assert_one_cut_per_epoch();
    assert!(cluster.host(3).signing);
    // Three epochs without it: where it was its turn to propose, the others waited in vain.
    let rounds: u32 = (3..=5).map(|epoch| cluster.host(0).rounds[&epoch]).sum();
    let waits = cluster.host(0).timeouts.get(&TimerKind::Propose).copied().unwrap_or(0);
    assert_eq!(waits > 0, rounds > 0, "{waits} waits, {rounds} rounds");
    let gaps: Vec<u64> = cluster.host(0).certified_at.values().copied().collect();
    let longest = gaps.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(longest < EPOCH_MS + EPOCH_MS / 4, "longest gap {longest} ms");
    let signers = &cluster.host(0).bundles[&9].certificate.signatures;
    let hotkey = cluster.nodes[3].hotkey;
    assert!(signers.iter().any(|(signer, _)| *signer == hotkey) || signers.len() == 3);
}

#[test]
fn all_nodes_restarted_at_once_go_on_where_they_were() {
    let mut cluster = cluster(3);
    let all: Vec<usize> = (0..10).collect();
    assert!(cluster.run_to_epoch(&all, 2, 4 * EPOCH_MS));
    for at in &all {
        cluster.kill(*at);
    }
    for at in &all {
        cluster.start(*at);
    }
    assert!(cluster.run_to_epoch(&all, 5, 6 * EPOCH_MS), "{:?}", cluster.cuts(0));
    cluster.assert_one_cut_per_epoch();
}

#[test]
fn two_thirds_or_less_certify_nothing_and_lose_nothing() {
    let mut cluster = cluster(4);
    assert!(cluster.run_to_epoch(&[0, 1, 2, 3], 2, 4 * EPOCH_MS));
    // 52 % are left.
    cluster.kill(0);
    cluster.kill(3);
    assert!(!cluster.run_to_epoch(&[1, 2], 3, 6 * EPOCH_MS));
    cluster.start(0);
    assert!(cluster.run_to_epoch(&[0, 1, 2], 4, 4 * EPOCH_MS), "{:?}", cluster.cuts(1));
    cluster.assert_one_cut_per_epoch();
}

#[test]
fn lost_gossip_is_made_good_by_asking() {
    let mut cluster = cluster(5);
    cluster.loss = 200;
    let all: Vec<usize> = (0..10).collect();
    assert!(cluster.run_to_epoch(&all, 6, 12 * EPOCH_MS), "{:?}", cluster.cuts(0));
    cluster.assert_one_cut_per_epoch();
    assert_eq!(cluster.host(0).rejected.get(&Rejection::BadSignature), None);
}

/// Its own list is all there is, and nobody else's message moves it on.
#[test]
fn a_single_validator_certifies_alone() {
    for miners in [0, 1] {
        let mut cluster = Cluster::new(6, manifest(&[100], miners), &SKILLS[..miners], 0);
        assert!(cluster.run_to_epoch(&[0], 4, 6 * EPOCH_MS), "{:?}", cluster.cuts(0));
        cluster.assert_one_cut_per_epoch();
    }
}
