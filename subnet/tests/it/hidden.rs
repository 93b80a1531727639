//! Hidden weights and evidence, on whole subnets.

use std::collections::BTreeSet;

use ganglion_subnet::Channel;
use ganglion_types::{
    AgreementMessage, Body, Canonical as _, CutId, Digest, Epoch, Item, Kind, Manifest, Operation,
    RegistryOp, Role, Round, Uid, Vote, VoteType, WeightCommit, seed,
};

use crate::cluster::{Cluster, EPOCH_MS, key, manifest, next_chain_start};

const STAKES: [u64; 4] = [28, 26, 24, 22];
const VALIDATORS: [usize; 4] = [0, 1, 2, 3];

fn hidden() -> Manifest {
    let mut manifest = manifest(&STAKES, 2);
    manifest.hyperparameters.commit_reveal_weights_enabled = true;
    manifest
}

fn cluster(seed: u64) -> Cluster {
    Cluster::new(seed, hidden(), &[50, 90], 0)
}

fn kinds(cluster: &Cluster, epoch: u64, kind: Kind) -> usize {
    cluster.host(0).bundles[&epoch].items.iter().filter(|item| item.kind() == kind).count()
}

#[test]
fn rows_are_committed_in_one_epoch_and_opened_in_the_next() {
    let mut cluster = cluster(41);
    assert!(cluster.run_to_epoch(&VALIDATORS, 6, 8 * EPOCH_MS));
    assert_eq!(
        (kinds(&cluster, 1, Kind::WeightCommit), kinds(&cluster, 1, Kind::WeightReveal)),
        (4, 0)
    );
    for epoch in 2..=6 {
        assert_eq!(kinds(&cluster, epoch, Kind::WeightCommit), 4, "epoch {epoch}");
        assert_eq!(kinds(&cluster, epoch, Kind::WeightReveal), 4, "epoch {epoch}");
    }
    // The rows in force are those of the epoch before, and the better miner earns more.
    let state = cluster.state(0);
    for uid in (0..4).map(Uid::new) {
        assert_eq!(state.participant(uid).unwrap().last_update, Epoch::new(5));
        let row = state.weights(uid);
        assert!(row.iter().any(|(target, weight)| (*target, *weight) == (5, 65_535)), "{row:?}");
    }
    let last = &cluster.host(0).results[&6];
    assert!(last.rows[5].paid > last.rows[4].paid);
    cluster.assert_one_cut_per_epoch();
}

#[test]
fn a_validator_that_restarts_opens_what_it_committed_to() {
    let mut cluster = cluster(42);
    assert!(cluster.run_to_epoch(&VALIDATORS, 3, 6 * EPOCH_MS));
    // Its commit of epoch 4 is out; the process ends before the cut is decided and is back in epoch 5.
    assert!(cluster.run_until(EPOCH_MS, |cluster| {
        cluster.host(3).weights_said.contains(&(Kind::WeightCommit, 4))
    }));
    cluster.run_until(1_500, |_| false);
    cluster.kill(3);
    assert!(cluster.run_to_epoch(&[0, 1, 2], 4, 3 * EPOCH_MS));
    cluster.start(3);
    assert!(cluster.run_to_epoch(&VALIDATORS, 6, 4 * EPOCH_MS));
    let reveal =
        [5, 6].into_iter().flat_map(|epoch| &cluster.host(0).bundles[&epoch].items).any(|item| {
            matches!(item.body(), Body::WeightReveal(reveal) if reveal.epoch == Epoch::new(4)
            && reveal.signer == cluster.nodes[3].hotkey)
        });
    assert!(reveal, "the commit of epoch 4 was never opened");
    cluster.assert_one_cut_per_epoch();
}

#[test]
fn a_commit_that_is_never_opened_costs_the_row_and_one_dividend() {
    let mut cluster = cluster(43);
    assert!(cluster.run_to_epoch(&VALIDATORS, 4, 7 * EPOCH_MS));
    assert!(cluster.run_until(EPOCH_MS, |cluster| {
        cluster.host(3).weights_said.contains(&(Kind::WeightCommit, 5))
    }));
    cluster.run_until(1_500, |_| false);
    cluster.kill(3);
    // Cut 5 holds its commit; cuts 6 and 7 may open it; cut 7 expires it.
    assert!(cluster.run_to_epoch(&[0, 1, 2], 8, 5 * EPOCH_MS));
    let dividend = |epoch: u64| cluster.host(0).results[&epoch].rows[3].paid.get();
    assert!(dividend(6) > 0, "it was paid while its row was in force");
    assert_eq!(dividend(7), 0, "the expiry costs the dividend of its epoch");
    assert!(cluster.state(0).weights(Uid::new(3)).is_empty());
    cluster.assert_one_cut_per_epoch();
}

/// Gives every other node a message in the name of validator 3.
fn say_for_3(cluster: &mut Cluster, channel: Channel, bytes: &[u8]) {
    let from = cluster.nodes[1].hotkey;
    for to in [0, 1, 2] {
        cluster.inject(to, from, channel, bytes.to_vec());
    }
}

#[test]
fn two_votes_for_one_slot_are_proven_and_punished_in_the_next_cut() {
    let mut cluster = cluster(44);
    assert!(cluster.run_to_epoch(&VALIDATORS, 3, 6 * EPOCH_MS));
    let subnet = *cluster.state(0).subnet();
    let stake = cluster.state(0).participant(Uid::new(3)).unwrap().stake.get();
    assert!(cluster.run_until(2 * EPOCH_MS, |cluster| {
        VALIDATORS.iter().all(|at| cluster.host(*at).said.contains(&4))
    }));
    for byte in [7, 8] {
        let cut = Some(CutId::new([byte; 32]));
        let vote =
            Vote::sign(&subnet, VoteType::Prevote, Epoch::new(4), Round::new(0), cut, &key(4));
        say_for_3(&mut cluster, Channel::Agreement, &AgreementMessage::Vote(vote).to_bytes());
    }
    // The others go on; it is out of the committee, and a twentieth of its stake is gone.
    assert!(cluster.run_to_epoch(&[0, 1, 2], 7, 6 * EPOCH_MS));
    let evidence = (4..=6).fold(0, |sum, epoch| sum + kinds(&cluster, epoch, Kind::Evidence));
    assert_eq!(evidence, 1, "the offence counts once");
    let state = cluster.state(0);
    assert_eq!(state.uid_of(&cluster.nodes[3].hotkey), None, "its hotkey is retired");
    assert_eq!(state.committee().len(), 3);
    assert_eq!(state.chain().slashed.get(), stake * 3_277 / 65_535);
    for at in [0, 1, 2] {
        assert_eq!(cluster.state(at).root(), state.root());
    }
}

#[test]
fn two_commits_under_one_number_lose_the_epoch_and_nothing_else() {
    let mut cluster = cluster(45);
    assert!(cluster.run_to_epoch(&VALIDATORS, 3, 6 * EPOCH_MS));
    let subnet = *cluster.state(0).subnet();
    let stake = cluster.state(0).participant(Uid::new(3)).unwrap().stake;
    for byte in [7, 8] {
        let commit = Body::WeightCommit(WeightCommit {
            signer: cluster.nodes[3].hotkey,
            mechid: 0,
            epoch: Epoch::new(4),
            seq: 1_000_000,
            commitment: Digest::new([byte; 32]),
        });
        let item = Item::sign(subnet, commit, &key(4));
        say_for_3(&mut cluster, Channel::Weights, &item.to_bytes());
    }
    assert!(cluster.run_to_epoch(&VALIDATORS, 7, 6 * EPOCH_MS));
    let paid = |epoch: u64| cluster.host(0).results[&epoch].rows[3].paid.get();
    assert!([4, 5].into_iter().any(|epoch| paid(epoch) == 0), "it cost no dividend");
    assert!(paid(7) > 0, "it validates on");
    let seat = *cluster.state(0).participant(Uid::new(3)).unwrap();
    assert_eq!(seat.stake, stake, "it is not slashed");
    assert_eq!(cluster.state(0).committee().len(), 4);
    cluster.assert_one_cut_per_epoch();
}

/// Hotkey `at` begins its next chain.
fn serve(cluster: &Cluster, at: usize) -> Vec<u8> {
    let (state, hotkey) = (cluster.state(at), cluster.nodes[at].hotkey);
    let seat = state.participant(state.uid_of(&hotkey).unwrap()).unwrap();
    let seed_tail = seed::element(&next_chain_start(at), 0);
    let op = RegistryOp {
        signer: *hotkey.as_bytes(),
        nonce: seat.nonce,
        valid_until: Epoch::new(state.epoch().get() + 5),
        operation: Operation::Serve { role: Role::Validator, seed_tail },
    };
    Item::sign(*state.subnet(), Body::RegistryOp(op), &key(at as u8 + 1)).to_bytes()
}

#[test]
fn a_validator_that_begins_another_seed_chain_while_it_runs_loses_no_dividend() {
    let mut cluster = cluster(45);
    assert!(cluster.run_to_epoch(&VALIDATORS, 4, 7 * EPOCH_MS));
    let bytes = serve(&cluster, 3);
    cluster.submit(3, bytes);
    assert!(cluster.run_to_epoch(&VALIDATORS, 5, 2 * EPOCH_MS));
    let seat = |cluster: &Cluster| *cluster.state(0).participant(Uid::new(3)).unwrap();
    let tail = seed::element(&next_chain_start(3), 0).unwrap();
    assert_eq!((seat(&cluster).seed, seat(&cluster).seed_epoch), (tail, Epoch::new(5)));
    // It commits, as ever, and its commits of epochs 4 and 5 are opened with the chain before. A restart
    // finds its place as well.
    assert!(cluster.run_to_epoch(&VALIDATORS, 7, 3 * EPOCH_MS));
    cluster.kill(3);
    cluster.start(3);
    assert!(cluster.run_to_epoch(&VALIDATORS, 12, 7 * EPOCH_MS));
    let host = cluster.host(0);
    for epoch in 3..=12 {
        assert!(host.results[&epoch].rows[3].paid.get() > 0, "epoch {epoch}");
    }
    let own = |item: &Item| match item.body() {
        Body::WeightReveal(reveal) if reveal.signer == cluster.nodes[3].hotkey => {
            Some(reveal.epoch.get())
        }
        _ => None,
    };
    let opened: BTreeSet<u64> =
        host.bundles.values().flat_map(|one| one.items.iter().filter_map(own)).collect();
    assert!((1..=10).all(|epoch| opened.contains(&epoch)), "{opened:?}");
    assert!(seat(&cluster).seed_epoch >= Epoch::new(10), "the new chain is shown");
    cluster.assert_one_cut_per_epoch();
}
