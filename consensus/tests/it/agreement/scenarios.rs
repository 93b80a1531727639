//! What must hold in every run.

use super::cluster::{FOR_EVER, Plan, Role, run, safe_and_live};

const FOUR: [u64; 4] = [28, 26, 24, 22];
const SEVEN: [u64; 7] = [30, 20, 15, 12, 10, 8, 5];

fn mean(values: &[u64]) -> u64 {
    let count = u64::try_from(values.len()).unwrap().max(1);
    values.iter().copied().reduce(|sum, value| sum + value).unwrap_or(0) / count
}

#[test]
fn four_participants_certify_fixed_weights_epoch_after_epoch() {
    let report = safe_and_live(Plan::new(&FOUR, 1));
    assert!(report.cuts.iter().all(|cuts| *cuts == report.cuts[0] && cuts.len() == 50));
    // With a timely network the first proposal is decided.
    assert!(report.rounds.iter().all(|round| *round == 0), "{:?}", report.rounds);
    // Proposal, prevote, precommit at 20-120 ms each, build and check at 5-60 ms each.
    assert!(mean(&report.latencies_ms) < 400, "{}", mean(&report.latencies_ms));
    // Prevotes and precommits of three others, one proposal, the certificate: at most 11 per node.
    assert!(report.verified <= 50 * 4 * 11, "{}", report.verified);
}

#[test]
fn one_participant_is_a_quorum_of_itself() {
    let report = safe_and_live(Plan::new(&[5], 3));
    assert!(report.rounds.iter().all(|round| *round == 0));
}

#[test]
fn seven_weighted_participants_decide_over_a_lossy_network() {
    let plan = Plan { loss_per_mille: 150, delay_ms: (5, 400), ..Plan::new(&SEVEN, 2) };
    let report = safe_and_live(plan);
    assert!(report.rounds.iter().any(|round| *round > 0), "the losses must bite");
}

#[test]
fn a_silent_proposer_costs_one_round() {
    let report = safe_and_live(Plan::new(&FOUR, 4).role(3, Role::SilentUntil(FOR_EVER)));
    let silent = ganglion_types::sign::hotkey_of(&super::chain::key(3));
    let mut hit = 0;
    for (round, first) in report.rounds.iter().zip(&report.first_proposers) {
        let expected = u32::from(*first == silent);
        assert_eq!(*round, expected, "{:?}", report.rounds);
        hit += expected;
    }
    assert!(hit > 0);
}

#[test]
fn thirty_percent_silent_decides() {
    let plan = Plan::new(&[30, 35, 35], 5).role(0, Role::SilentUntil(FOR_EVER));
    // Stakes of honest members grow from epoch to epoch, so the silent share stays below.
    let report = run(plan);
    report.assert_safe("30 %");
    report.assert_live("30 %");
}

#[test]
fn exactly_one_third_silent_decides_nothing() {
    let mut plan = Plan { until_ms: 300_000, ..Plan::new(&[1, 1, 1], 5) };
    plan.roles[2] = Role::SilentUntil(FOR_EVER);
    let report = run(plan);
    report.assert_safe("1/3");
    assert!(report.cuts.iter().all(Vec::is_empty));
}

#[test]
fn half_silent_decides_nothing_and_resumes() {
    let plan = Plan { epochs: 5, ..Plan::new(&[25; 4], 6) };
    let halted = Plan { until_ms: 600_000, ..plan.clone() }
        .role(0, Role::SilentUntil(FOR_EVER))
        .role(1, Role::SilentUntil(FOR_EVER));
    let report = run(halted);
    report.assert_safe("halted");
    assert!(report.cuts.iter().all(Vec::is_empty));

    let resumed = plan.role(0, Role::SilentUntil(600_000)).role(1, Role::SilentUntil(600_000));
    let report = safe_and_live(resumed);
    // Waits are capped at 20 s, so the first decision comes within a few rounds of it.
    assert!(report.finished_at < Some(760_000), "{:?}", report.finished_at);
}

#[test]
fn observers_follow_votes_and_certificates() {
    let plan = Plan { epochs: 20, ..Plan::new(&FOUR, 7) };
    let report = safe_and_live(plan.observer(Role::Observer).observer(Role::Deaf));
    assert_eq!(report.cuts[4], report.cuts[0]);
    assert_eq!(report.cuts[5], report.cuts[0]);
    assert!(report.fetched >= 20, "the deaf one has nothing but certificates");
}

fn crashing(stakes: &[u64], seed: u64, epochs: u64) -> Plan {
    Plan { crash_per_mille: 20, loss_per_mille: 20, epochs, ..Plan::new(stakes, seed) }
}

#[test]
fn nodes_that_crash_never_contradict_themselves() {
    let (mut crashes, mut replayed) = (0, 0);
    for seed in 0..6 {
        let report = safe_and_live(crashing(&FOUR, 100 + seed, 12));
        crashes += report.crashes;
        replayed += report.replayed;
    }
    assert!(crashes > 100 && replayed > 300, "{crashes} crashes, {replayed} records replayed");
}

/// Past the bound the checker speaks, so the test above is awake.
#[test]
fn nodes_that_lose_their_log_contradict_themselves() {
    let contradicts = |seed: u64| {
        let plan = crashing(&FOUR, 100 + seed, 12);
        !run(Plan { forget_log: true, ..plan }).contradictions.is_empty()
    };
    assert!((0..6).any(contradicts));
}

#[test]
fn an_equivocator_forks_nothing_and_is_named() {
    let mut named = 0;
    for seed in 0..8 {
        let plan = Plan { epochs: 10, ..Plan::new(&FOUR, 200 + seed) }.role(0, Role::Equivocator);
        let report = safe_and_live(plan);
        assert!(report.offenders.iter().all(|node| *node == 0), "{:?}", report.offenders);
        named += report.offenders.len();
    }
    assert_eq!(named, 8, "in every run somebody holds the proof");
}

#[test]
fn a_partition_without_a_quorum_waits_and_heals() {
    let plan = Plan { epochs: 8, stakes_move: false, ..Plan::new(&[25; 4], 12) };
    let report = safe_and_live(Plan { partitions: vec![(3_000, 63_000, 2)], ..plan.clone() });
    assert!(report.finished_at > Some(63_000));
    // A side with a quorum goes on, the other catches up by certificate.
    let report = safe_and_live(Plan { partitions: vec![(3_000, 10_000, 1)], ..plan });
    assert!(report.fetched > 0);
}

/// With half of the stake signing twice some seed forks, so the fork check is awake.
#[test]
fn the_fault_bound_is_tight() {
    let forks = |seed: u64| {
        let plan = Plan { epochs: 10, until_ms: 120_000, ..Plan::new(&[25; 4], 300 + seed) }
            .role(0, Role::Equivocator)
            .role(1, Role::Equivocator);
        let report = run(plan);
        assert!(report.contradictions.is_empty());
        !report.forks.is_empty()
    };
    assert!((0..30).any(forks));
}

#[test]
fn a_late_change_of_mind_lets_the_cut_pass() {
    let doubting = |doubt_ms, until_ms| Plan {
        epochs: 10,
        doubters: vec![2, 3],
        doubt_ms,
        until_ms,
        stakes_move: false,
        ..Plan::new(&[16, 16, 34, 34], 8)
    };
    // Two members with 34 % each doubt every cut of others.
    let report = safe_and_live(doubting(300, 3_600_000));
    assert!(report.rounds.iter().any(|round| *round > 0), "{:?}", report.rounds);
    // If they never come round, nothing is decided.
    let report = run(doubting(0, 300_000));
    report.assert_safe("stubborn");
    assert!(report.cuts.iter().all(Vec::is_empty), "{:?}", report.cuts);
}

#[test]
fn a_seed_has_one_trace() {
    let plan = || {
        let plan = Plan { crash_per_mille: 10, loss_per_mille: 50, ..Plan::new(&SEVEN, 9) };
        Plan { epochs: 8, ..plan }.role(2, Role::Equivocator)
    };
    let (one, two) = (run(plan()), run(plan()));
    assert_eq!((one.trace, one.finished_at), (two.trace, two.finished_at));
    let other = run(Plan { seed: 10, ..plan() });
    assert_ne!(one.trace, other.trace);
}
