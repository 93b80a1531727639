//! Epoch after epoch.

use ganglion_consensus::agreement::TimerKind;
use ganglion_subnet::{Channel, Rejection};
use ganglion_types::{AgreementMessage, Body, Canonical as _, InclusionList, Item, Rao, Uid};

use crate::cluster::{Cluster, EPOCH_MS, key, manifest};

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
    let proposals = (0..STAKES.len()).filter_map(proposals).reduce(|one, two| one + two);
    let proposals = proposals.unwrap_or_default();
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
    let late = (3..=5).any(|epoch| cluster.host(0).rounds[&epoch] > 0);
    let waits = cluster.host(0).timeouts.get(&TimerKind::Propose).copied().unwrap_or(0);
    assert_eq!(waits > 0, late, "{waits} waits");
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

/// More rounds than a table of 1,024 votes would take.
#[test]
fn a_height_that_took_two_hundred_rounds_is_decided_once_proposals_arrive() {
    let mut manifest = manifest(&STAKES, 0);
    (manifest.phases.propose, manifest.phases.vote, manifest.phases.delta) = (20, 10, 5);
    let mut cluster = Cluster::new(8, manifest, &[], 0);
    assert!(cluster.run_to_epoch(&[0, 1, 2, 3], 2, 4 * EPOCH_MS));
    cluster.unproposed = true;
    assert!(!cluster.run_to_epoch(&[0], 3, 120 * EPOCH_MS));
    cluster.unproposed = false;
    assert!(cluster.run_to_epoch(&[0, 1, 2, 3], 3, 2 * EPOCH_MS));
    let round = cluster.host(0).rounds[&3];
    assert!(round > 180, "{round}");
    cluster.assert_one_cut_per_epoch();
    for at in 0..4 {
        assert_eq!(cluster.host(at).rejected.get(&Rejection::Full), None);
    }
}

/// Each of the others holds two lists of the fourth that nobody else has, and cites one of them.
#[test]
fn a_member_that_signs_six_lists_keeps_nobody_from_judging_what_others_cite() {
    let mut cluster = cluster(9);
    assert!(cluster.run_to_epoch(&[0, 1, 2, 3], 2, 4 * EPOCH_MS));
    cluster.kill(3);
    let listed = |cluster: &Cluster| (0..3).all(|at| cluster.host(at).said.contains(&3));
    assert!(cluster.run_until(2 * EPOCH_MS, listed));
    let (subnet, from) = (*cluster.state(0).subnet(), cluster.nodes[3].hotkey);
    let theirs = cluster.host(0).last_list.clone().unwrap();
    for number in 0..6_u64 {
        let list = InclusionList { signer: from, time: theirs.time + number, ..theirs.clone() };
        let item = Item::sign(subnet, Body::InclusionList(list), &key(4));
        let bytes = AgreementMessage::List(item).to_bytes();
        let to = usize::try_from(number / 2).unwrap();
        cluster.inject(to, cluster.nodes[to].hotkey, Channel::Agreement, bytes);
    }
    assert!(cluster.run_to_epoch(&[0, 1, 2], 3, 2 * EPOCH_MS), "{:?}", cluster.host(0).odd);
    let cited = cluster.host(0).bundles[&3].cut.lists.len();
    assert_eq!(cited, 4);
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
