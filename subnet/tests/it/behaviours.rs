//! Participants that break the rules, among honest ones.

use ganglion_subnet::{Behaviour, Twice};
use ganglion_types::{Body, Epoch, Hotkey, Item, Kind, Uid};

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

/// One that says these statements twice, from epoch 5 on.
fn equivocator(word: &str) -> Behaviour {
    Behaviour::Equivocator { from: Epoch::new(5), twice: Twice::of([word].into_iter()).unwrap() }
}

/// Epoch of the cut, kind and offender of all evidence that cuts hold.
fn evidence(cluster: &Cluster) -> Vec<(u64, Kind, Hotkey)> {
    let bundles = cluster.host(0).bundles.iter();
    let all = bundles.flat_map(|(epoch, bundle)| bundle.items.iter().map(|item| (*epoch, item)));
    all.filter_map(|(epoch, item)| match item.body() {
        Body::Evidence(evidence) => Some((epoch, evidence.kind(), *evidence.offender())),
        _ => None,
    })
    .collect()
}

#[test]
fn two_proposals_for_one_slot_are_proven_in_a_cut_and_cost_the_seat() {
    let behaviours = [(3, equivocator("proposals"))];
    let mut cluster =
        Cluster::with_behaviours(7, manifest(&STAKES, SKILLS.len()), &SKILLS, 0, &behaviours);
    let offender = cluster.nodes[3].hotkey;
    // It proposes in about a quarter of the epochs, and once is enough.
    assert!(cluster.run_until(30 * EPOCH_MS, |cluster| !evidence(cluster).is_empty()));
    let all: Vec<usize> = (0..7).collect();
    let last = cluster.state(0).epoch().get() + 2;
    assert!(cluster.run_to_epoch(&all, last, 4 * EPOCH_MS), "{:?}", cluster.cuts(0));
    cluster.assert_one_cut_per_epoch();
    let found = evidence(&cluster);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].1, found[0].2), (Kind::Proposal, offender));
    assert_eq!(cluster.state(0).uid_of(&offender), None, "it keeps its seat");
    let lost = cluster.host(0).results[&found[0].0].header.slashed;
    assert_eq!(lost.get(), 22 * 1_000_000_000 * 3_277 / 65_535);
}

#[test]
fn two_rows_or_commits_for_one_epoch_lose_that_epoch_and_nothing_else() {
    for hidden in [false, true] {
        let mut manifest = manifest(&STAKES, SKILLS.len());
        manifest.hyperparameters.commit_reveal_weights_enabled = hidden;
        let behaviours = [(3, equivocator("weights"))];
        let mut cluster = Cluster::with_behaviours(7, manifest, &SKILLS, 0, &behaviours);
        let all: Vec<usize> = (0..7).collect();
        assert!(cluster.run_to_epoch(&all, 12, 14 * EPOCH_MS), "{:?}", cluster.cuts(0));
        cluster.assert_one_cut_per_epoch();
        let offender = cluster.nodes[3].hotkey;
        let kind = if hidden { Kind::WeightCommit } else { Kind::Weights };
        let found = evidence(&cluster);
        assert!(found.iter().all(|one| (one.1, one.2) == (kind, offender)), "{found:?}");
        assert!(found.len() >= 3, "{found:?}");
        // It keeps its seat and all its stake, and earns nothing from then on.
        assert_eq!(cluster.state(0).uid_of(&offender), Some(Uid::new(3)));
        for (epoch, result) in &cluster.host(0).results {
            assert_eq!(result.header.slashed.get(), 0, "epoch {epoch}");
            let row = |uid| result.row(Uid::new(uid)).unwrap();
            if *epoch >= 8 {
                assert_eq!(row(3).paid.get(), 0, "hidden {hidden}, epoch {epoch}");
                assert!(row(2).paid.get() > 0, "hidden {hidden}, epoch {epoch}");
            }
        }
    }
}

#[test]
fn hotkeys_that_are_only_registered_keep_nobody_from_earning() {
    // Eight that never start, two that work: more silence than answers, from genesis on.
    let skills = [50, 90, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut cluster = Cluster::new(9, manifest(&STAKES, skills.len()), &skills, 0);
    (6..14).for_each(|at| cluster.kill(at));
    let live: Vec<usize> = (0..6).collect();
    assert!(cluster.run_to_epoch(&live, 8, 10 * EPOCH_MS), "{:?}", cluster.cuts(0));
    let result = &cluster.host(0).results[&8];
    let incentive = |uid: u16| result.row(Uid::new(uid)).unwrap().incentive;
    assert!(incentive(5) > incentive(4) && incentive(4) > 0, "{} {}", incentive(5), incentive(4));
    assert!((6..14).all(|uid| incentive(uid) == 0));
}

#[test]
fn an_equivocator_is_seen_punished_and_stops_nobody() {
    let cluster = cluster(&[(3, equivocator("votes"))]);
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

#[test]
fn a_damaged_node_stops_alone_and_names_the_row() {
    let behaviours = [(3, Behaviour::Damaged { at: Epoch::new(4) })];
    let mut cluster =
        Cluster::with_behaviours(10, manifest(&STAKES, SKILLS.len()), &SKILLS, 0, &behaviours);
    let others = [0, 1, 2, 4, 5, 6];
    assert!(cluster.run_to_epoch(&others, 9, 11 * EPOCH_MS), "{:?}", cluster.cuts(0));
    let [(at, reason)] = &cluster.stopped[..] else { panic!("{:?}", cluster.stopped) };
    assert_eq!(*at, 3, "{reason}");
    assert!(reason.contains("the first row that differs: accounts, 5"), "{reason}");
    assert!(!cluster.host(3).bundles.contains_key(&4), "it holds what it cannot reproduce");
}
