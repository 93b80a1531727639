//! Participants that break the rules, among honest ones.

use ganglion_subnet::Behaviour;
use ganglion_types::{Body, Epoch, Item, Kind, Uid};

use crate::cluster::{Cluster, EPOCH_MS, manifest};

const STAKES: [u64; 4] = [28, 26, 24, 22];
const SKILLS: [u64; 3] = [50, 90, 90];

fn cluster(behaviours: &[(usize, Behaviour)]) -> Cluster {
    let manifest = manifest(&STAKES, SKILLS.len());
    let mut cluster = Cluster::with_behaviours(7, manifest, &SKILLS, 0, behaviours);
    let all: Vec<usize> = (0..7).collect();
    assert!(cluster.run_to_epoch(&all, 12, 14 * EPOCH_MS), "{:?}", cluster.cuts(0));
    cluster.assert_one_cut_per_epoch();
    cluster
}

/// The epochs whose cut holds weights of this node.
fn weights_of(cluster: &Cluster, at: usize) -> Vec<u64> {
    let hotkey = cluster.nodes[at].hotkey;
    let is_ours = |body: &Body| matches!(body, Body::Weights(weights) if weights.signer == hotkey);
    let bundles = cluster.host(0).bundles.iter();
    let with = bundles.filter(|(_, bundle)| bundle.items.iter().any(|item| is_ours(item.body())));
    with.map(|(epoch, _)| *epoch).collect()
}

#[test]
fn a_copier_sets_weights_only_once_others_showed_theirs() {
    let cluster = cluster(&[(3, Behaviour::Copier)]);
    let (honest, copied) = (weights_of(&cluster, 0), weights_of(&cluster, 3));
    assert_eq!(honest.first(), Some(&1));
    assert!(copied.first() > honest.first(), "{copied:?}");
    assert!(copied.len() >= 8, "{copied:?}");
    // It gives no weight of its own: all of it lies within what the others gave.
    let state = cluster.state(0);
    let honest = |uid: u16| (0..3).any(|by| state.weights(Uid::new(by)).iter().any(|w| w.0 == uid));
    assert!(state.weights(Uid::new(3)).iter().all(|entry| honest(entry.0)));
}

#[test]
fn a_lazy_miner_answers_and_earns_less_than_the_weakest_honest_one() {
    let cluster = cluster(&[(6, Behaviour::Lazy)]);
    let result = &cluster.host(0).results[&12];
    let incentive = |uid: u16| result.row(Uid::new(uid)).unwrap().incentive;
    assert!(incentive(6) < incentive(4) / 2, "lazy {} weakest {}", incentive(6), incentive(4));
    // With its own answers the same miner is as good as the other of its skill.
    let honest = self::cluster(&[]);
    let result = &honest.host(0).results[&12];
    let incentive = |uid: u16| result.row(Uid::new(uid)).unwrap().incentive;
    assert!(incentive(6) > incentive(4), "honest {} weakest {}", incentive(6), incentive(4));
}

#[test]
fn an_equivocator_is_seen_punished_and_stops_nobody() {
    let cluster = cluster(&[(3, Behaviour::Equivocator { from: Epoch::new(5) })]);
    let seen = |at: usize, epoch: u64| {
        let note = format!("in epoch {epoch}");
        let said = |odd: &&String| odd.contains(" said two things as ") && odd.ends_with(&note);
        cluster.host(at).odd.iter().find(said).is_some()
    };
    for at in 0..3 {
        assert!((1..5).all(|epoch| !seen(at, epoch)), "node {at}: {:?}", cluster.host(at).odd);
    }
    // Whoever decides first may not hear the second vote; the evidence of another is enough.
    assert!((0..3).any(|at| seen(at, 5)));
    assert_eq!(cluster.state(0).uid_of(&cluster.nodes[3].hotkey), None, "it keeps its seat");
    assert!((1..=12).all(|epoch| !seen(3, epoch)), "its own engine knows of one vote each");
}

#[test]
fn a_withholder_commits_and_its_row_never_counts() {
    let mut manifest = manifest(&STAKES, SKILLS.len());
    manifest.hyperparameters.commit_reveal_weights_enabled = true;
    let withholder = [(3, Behaviour::Withholder)];
    let mut cluster = Cluster::with_behaviours(8, manifest, &SKILLS, 0, &withholder);
    let all: Vec<usize> = (0..7).collect();
    assert!(cluster.run_to_epoch(&all, 10, 12 * EPOCH_MS), "{:?}", cluster.cuts(0));
    cluster.assert_one_cut_per_epoch();
    let of_it = |kind: Kind| {
        let items = cluster.host(0).bundles.values().flat_map(|bundle| &bundle.items);
        let is_its = |item: &&Item| {
            item.kind() == kind && item.body().signer() == cluster.nodes[3].hotkey.as_bytes()
        };
        items.filter(is_its).count()
    };
    assert!(of_it(Kind::WeightCommit) >= 8);
    assert_eq!(of_it(Kind::WeightReveal), 0);
    assert!(cluster.state(0).weights(Uid::new(3)).is_empty());
    for epoch in 4..=10 {
        let result = &cluster.host(0).results[&epoch];
        assert_eq!(result.row(Uid::new(3)).unwrap().dividends, 0, "epoch {epoch}");
        assert!(result.row(Uid::new(0)).unwrap().dividends > 0, "epoch {epoch}");
    }
}
