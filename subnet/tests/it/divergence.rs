//! What cannot be reproduced, and what was decided twice.

use std::sync::Arc;

use ganglion_consensus::ledger::State;
use ganglion_subnet::Disagreement;
use ganglion_types::{
    Certificate, CutId, EpochBundle, Hotkey, Round, Signature, Vote, VoteType, proto,
};
use prost::Message as _;

use crate::cluster::{Cluster, EPOCH_MS, key, manifest};

const ALL: [usize; 6] = [0, 1, 2, 3, 4, 5];

fn cluster(seed: u64) -> Cluster {
    let mut cluster = Cluster::new(seed, manifest(&[28, 26, 24, 22], 2), &[50, 90], 0);
    assert!(cluster.run_to_epoch(&ALL, 2, 4 * EPOCH_MS));
    cluster
}

/// The state with another value in the first bonds row: everything that is checked when a state is
/// read holds, but its root.
fn with_other_bonds(state: State) -> State {
    let mut rows = state.rows();
    let (_, bonds) = rows.iter_mut().find(|((table, _), _)| *table == 5).expect("there are bonds");
    let mut row = proto::SparseRow::decode(bonds.as_slice()).unwrap();
    row.values[0] = row.values[0] / 2 + 1;
    *bonds = row.encode_to_vec();
    let found = State::from_rows(Arc::clone(state.manifest()), state.head(), &rows).unwrap();
    assert_ne!(found.root(), state.root());
    found
}

/// The state with another balance: seen in one row of the next epoch, and nowhere else.
fn with_other_balance(state: State) -> State {
    let mut rows = state.rows();
    let (_, account) = rows.iter_mut().rfind(|((table, _), _)| *table == 2).unwrap();
    let mut row = proto::AccountRow::decode(account.as_slice()).unwrap();
    row.balance += 1;
    *account = row.encode_to_vec();
    State::from_rows(Arc::clone(state.manifest()), state.head(), &rows).unwrap()
}

#[test]
fn a_planted_difference_stops_its_node_alone_and_names_stage_and_row() {
    // What was changed is named, and where that cannot be told, the first row that it changed: other
    // bonds change dividends, and so what the first account was paid.
    type Plant = fn(State) -> State;
    let cases: [(u64, Plant, bool, &str); 3] = [
        (
            31,
            with_other_bonds,
            false,
            "was changed here; the first row that differs: bonds, uid 0: ",
        ),
        (
            32,
            with_other_balance,
            false,
            "was changed here; the first row that differs: accounts, 5",
        ),
        (37, with_other_bonds, true, "the first row that differs: accounts, 5"),
    ];
    for (seed, plant, forgetful, row) in cases {
        let mut cluster = cluster(seed);
        cluster.kill(3);
        cluster.plant = Some(plant);
        cluster.forgetful = forgetful;
        cluster.start(3);
        let others = [0, 1, 2, 4, 5];
        assert!(cluster.run_to_epoch(&others, 6, 6 * EPOCH_MS), "the others go on");
        let [(at, reason)] = &cluster.stopped[..] else { panic!("{:?}", cluster.stopped) };
        assert_eq!(*at, 3, "{reason}");
        for said in ["the certified ", row, " here, ", " there"] {
            assert!(reason.contains(said), "{said} in {reason}");
        }
        assert_eq!(cluster.host(3).disagreed.last(), Some(&Disagreement::Certified));
        let certified = |at: usize| cluster.host(at).disagreed.contains(&Disagreement::Certified);
        assert!(!others.into_iter().any(certified), "only it has another result");
        let last = cluster.host(3).bundles.keys().next_back().copied().unwrap();
        assert!(last < 6, "it holds nothing that it cannot reproduce");
        assert!(cluster.host(3).said.iter().all(|epoch| *epoch <= last + 1), "it says no more");
    }
}

#[test]
fn a_node_whose_peers_cannot_tell_still_stops() {
    let mut cluster = cluster(33);
    cluster.kill(3);
    cluster.plant = Some(with_other_balance);
    cluster.deaf_to_stages = true;
    cluster.start(3);
    assert!(cluster.run_to_epoch(&[0, 1, 2, 4, 5], 5, 5 * EPOCH_MS));
    cluster.run_until(2 * EPOCH_MS, |cluster| !cluster.stopped.is_empty());
    let (_, reason) = &cluster.stopped[0];
    assert!(reason.contains("no peer told which row it is"), "{reason}");
}

/// Another cut of a decided epoch, signed by these of the committee: more than 1/3 of it lied.
fn other_cut(bundle: &EpochBundle, signers: &[u8]) -> EpochBundle {
    let mut cut = bundle.cut.clone();
    cut.time += 1;
    let (epoch, round, id) = (cut.epoch, Round::new(0), cut.id());
    let mut signatures: Vec<(Hotkey, Signature)> = signers
        .iter()
        .map(|number| {
            let key = key(*number);
            let vote = Vote::sign(&cut.subnet, VoteType::Precommit, epoch, round, Some(id), &key);
            (vote.signer, vote.signature)
        })
        .collect();
    signatures.sort_unstable_by_key(|(signer, _)| *signer);
    let certificate = Certificate { epoch, round, cut: id, signatures };
    EpochBundle { cut, certificate, items: bundle.items.clone() }
}

#[test]
fn two_certified_cuts_freeze_every_node_that_hears_of_them_and_are_kept() {
    let mut cluster = cluster(34);
    let bundle = cluster.host(0).bundles[&2].clone();
    let other = other_cut(&bundle, &[1, 2, 3]);
    cluster.answer_epochs(0, 5, &other);
    assert!(cluster.run_until(EPOCH_MS, |cluster| cluster.host(0).frozen));
    let ids = |cluster: &Cluster, at: usize| -> Vec<CutId> {
        let fork = cluster.host(at).forks.first().expect("it is kept");
        let mut ids = vec![fork.first.0.id(), fork.second.0.id()];
        ids.sort_unstable();
        ids
    };
    let mut expected = vec![bundle.cut.id(), other.cut.id()];
    expected.sort_unstable();
    assert_eq!(ids(&cluster, 0), expected);
    // The others learn of it from the first one, and believe the certificates, not it.
    assert!(
        cluster.run_until(4 * EPOCH_MS, |cluster| ALL.iter().all(|at| cluster.host(*at).frozen)),
        "{:?}",
        ALL.map(|at| cluster.host(at).frozen)
    );
    assert!(ALL.iter().all(|at| ids(&cluster, *at) == expected));
    assert_eq!(cluster.stopped, [], "frozen nodes still answer");
    let before = ALL.map(|at| (cluster.cuts(at), cluster.host(at).said.clone()));
    cluster.run_until(4 * EPOCH_MS, |_| false);
    let after = ALL.map(|at| (cluster.cuts(at), cluster.host(at).said.clone()));
    assert_eq!(before, after, "nothing is signed or decided any more");
    // A restart does not forget.
    cluster.kill(1);
    cluster.start(1);
    cluster.run_until(3 * EPOCH_MS, |_| false);
    assert_eq!(cluster.cuts(1), before[1].0);
    assert!(cluster.host(1).frozen);
}

#[test]
fn a_second_cut_without_a_quorum_freezes_nobody() {
    let mut cluster = cluster(35);
    let bundle = cluster.host(0).bundles[&2].clone();
    cluster.answer_epochs(0, 5, &other_cut(&bundle, &[1, 2]));
    assert!(cluster.run_to_epoch(&ALL, 4, 4 * EPOCH_MS));
    assert!(ALL.iter().all(|at| !cluster.host(*at).frozen && cluster.host(*at).forks.is_empty()));
    cluster.assert_one_cut_per_epoch();
}

#[test]
fn a_second_cut_is_known_for_one_after_a_restart() {
    let mut cluster = cluster(36);
    cluster.kill(0);
    cluster.start(0);
    cluster.run_until(500, |_| false);
    let epoch = cluster.state(0).epoch().get();
    let bundle = cluster.host(0).bundles[&epoch].clone();
    cluster.answer_epochs(0, 5, &other_cut(&bundle, &[1, 2, 3]));
    assert!(cluster.run_until(EPOCH_MS, |cluster| cluster.host(0).frozen));
}
