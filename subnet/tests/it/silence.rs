//! When a validator must say nothing, so that it never contradicts itself.

use ganglion_subnet::Channel;
use ganglion_types::{AgreementMessage, Canonical as _, CutId, Epoch, Kind, Round, Vote, VoteType};

use crate::cluster::{Cluster, EPOCH_MS, key, manifest};

const STAKES: [u64; 4] = [28, 26, 24, 22];
const VALIDATORS: [usize; 4] = [0, 1, 2, 3];

fn cluster(seed: u64) -> Cluster {
    Cluster::new(seed, manifest(&STAKES, 2), &[50, 90], 0)
}

#[test]
fn without_its_log_a_validator_is_mute_at_that_height_and_signs_again_later() {
    let mut cluster = cluster(21);
    assert!(cluster.run_to_epoch(&VALIDATORS, 2, 4 * EPOCH_MS));
    // It has signed a list of epoch 3, and perhaps votes.
    assert!(cluster.run_until(2 * EPOCH_MS, |cluster| cluster.host(3).said.contains(&3)));
    cluster.kill(3);
    cluster.disk(3).log_lost = true;
    cluster.start(3);
    assert!(cluster.run_to_epoch(&VALIDATORS, 3, 3 * EPOCH_MS));
    assert!(!cluster.host(3).said.contains(&3), "it spoke at a height whose record is lost");
    assert!(!cluster.host(3).signing);
    cluster.run_until(4 * EPOCH_MS, |cluster| cluster.host(3).signing);
    assert!(cluster.host(3).signing, "it never signed again");
    let next = cluster.state(3).epoch().get() + 2;
    assert!(cluster.run_to_epoch(&VALIDATORS, next, 4 * EPOCH_MS));
    assert!(cluster.host(3).said.contains(&next));
    cluster.assert_one_cut_per_epoch();
}

/// At the first height nobody listens before it signs, so the log is all that keeps a validator to its word.
#[test]
fn a_validator_that_restarts_in_the_first_epoch_keeps_to_what_it_signed() {
    let mut cluster = cluster(20);
    // Less than 2/3 are there: epoch 1 stays open, with what was signed in it.
    cluster.kill(1);
    cluster.kill(2);
    assert!(cluster.run_until(2 * EPOCH_MS, |cluster| cluster.host(3).said.contains(&1)));
    let said = cluster.host(3).lists_said.clone();
    assert_eq!(said.len(), 1);
    cluster.kill(3);
    cluster.run_until(EPOCH_MS / 5, |_| false);
    cluster.start(3);
    assert!(cluster.run_until(2 * EPOCH_MS, |cluster| cluster.host(3).said.contains(&1)));
    assert_eq!(cluster.host(3).lists_said, said, "it signed a second list of one epoch");
    cluster.start(1);
    cluster.start(2);
    assert!(cluster.run_to_epoch(&VALIDATORS, 2, 6 * EPOCH_MS));
    cluster.assert_one_cut_per_epoch();
}

/// Lists are durable and name rows of weights that must be in; the rows are with those who listed them.
#[test]
fn a_subnet_that_restarts_as_a_whole_after_its_lists_closes_the_epoch() {
    let mut cluster = cluster(25);
    let all = [0, 1, 2, 3, 4, 5];
    assert!(cluster.run_to_epoch(&VALIDATORS, 3, 6 * EPOCH_MS));
    let listed =
        |cluster: &Cluster| VALIDATORS.iter().all(|at| cluster.host(*at).said.contains(&4));
    assert!(cluster.run_until(2 * EPOCH_MS, listed));
    all.into_iter().for_each(|at| cluster.kill(at));
    all.into_iter().for_each(|at| cluster.start(at));
    assert!(cluster.run_to_epoch(&VALIDATORS, 4, 3 * EPOCH_MS), "epoch 4 cannot close any more");
    let items = &cluster.host(0).bundles[&4].items;
    assert!(items.iter().any(|item| item.kind() == Kind::Weights), "nothing was listed");
    cluster.assert_one_cut_per_epoch();
}

#[test]
fn a_restarted_validator_listens_one_epoch_length_before_it_signs() {
    let mut cluster = cluster(22);
    assert!(cluster.run_to_epoch(&VALIDATORS, 2, 4 * EPOCH_MS));
    cluster.kill(3);
    assert!(cluster.run_to_epoch(&[0, 1, 2], 4, 3 * EPOCH_MS));
    cluster.start(3);
    let began = cluster.now;
    assert!(cluster.run_until(3 * EPOCH_MS, |cluster| cluster.host(3).signing));
    let silent = cluster.now - began;
    assert!((EPOCH_MS..2 * EPOCH_MS).contains(&silent), "silent for {silent} ms");
    assert!(cluster.host(3).bundles.contains_key(&4), "it followed meanwhile");
}

#[test]
fn a_vote_of_its_own_key_that_it_never_made_stops_a_validator() {
    let mut cluster = cluster(23);
    assert!(cluster.run_to_epoch(&VALIDATORS, 1, 3 * EPOCH_MS));
    assert!(cluster.run_until(2 * EPOCH_MS, |cluster| cluster.host(0).said.contains(&2)));
    let subnet = *cluster.state(0).subnet();
    let cut = Some(CutId::new([7; 32]));
    let vote = Vote::sign(&subnet, VoteType::Prevote, Epoch::new(3), Round::new(0), cut, &key(1));
    assert!(cluster.run_to_epoch(&VALIDATORS, 2, 2 * EPOCH_MS));
    // Agreement on epoch 3 has begun here, so that the engine sees it.
    assert!(cluster.run_until(2 * EPOCH_MS, |cluster| cluster.host(0).said.contains(&3)));
    let peer = cluster.nodes[1].hotkey;
    cluster.inject(0, peer, Channel::Agreement, AgreementMessage::Vote(vote).to_bytes());
    cluster.run_until(EPOCH_MS, |cluster| !cluster.stopped.is_empty());
    let (at, reason) = cluster.stopped.first().expect("it goes on as if nothing were");
    assert_eq!(*at, 0);
    assert!(reason.contains("another process signs with this node's hotkey"), "{reason}");
}

#[test]
fn a_peer_that_lies_about_its_epoch_keeps_nobody_from_working() {
    let mut cluster = cluster(24);
    assert!(cluster.run_to_epoch(&VALIDATORS, 2, 4 * EPOCH_MS));
    cluster.liar = Some(4);
    let behind = [0, 1, 2].map(|at| cluster.host(at).behind);
    cluster.kill(3);
    cluster.start(3);
    assert!(cluster.run_to_epoch(&VALIDATORS, 8, 8 * EPOCH_MS), "{:?}", cluster.cuts(0));
    cluster.assert_one_cut_per_epoch();
    // The one that was restarted may have to follow.
    assert_eq!([0, 1, 2].map(|at| cluster.host(at).behind), behind, "the liar is believed");
    for at in VALIDATORS {
        assert!(cluster.host(at).signing, "node {at} does not sign");
        let weights = cluster.state(at).participants().filter(|(_, seat)| seat.permit);
        for (uid, seat) in weights {
            assert!(
                seat.last_update.get() >= 7,
                "uid {uid} set no weights since {}",
                seat.last_update
            );
        }
    }
}
