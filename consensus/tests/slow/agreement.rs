//! The same promises over many seeds and larger committees.

use crate::cluster::{FOR_EVER, Plan, Role, safe_and_live};

#[test]
fn everything_at_once() {
    let (mut crashes, mut replayed) = (0, 0);
    for seed in 0..10 {
        // 29.5 % of the stake lies, one member of 3.5 % is silent.
        let stakes = [150, 145, 120, 110, 105, 100, 90, 75, 70, 35];
        let plan = Plan {
            epochs: 10,
            loss_per_mille: 40,
            crash_per_mille: 10,
            partitions: vec![(4_000, 12_000, 4), (20_000, 26_000, 7)],
            ..Plan::new(&stakes, 1_000 + seed)
        };
        let plan = plan.role(0, Role::Equivocator).role(1, Role::Equivocator);
        let report = safe_and_live(plan.role(9, Role::SilentUntil(60_000)));
        assert!(report.offenders.iter().all(|node| *node < 2), "{:?}", report.offenders);
        crashes += report.crashes;
        replayed += report.replayed;
    }
    show("everything at once", crashes, replayed);
    assert!(crashes > 1_000 && replayed > 50_000);
}

#[test]
fn nodes_that_crash_never_contradict_themselves() {
    let (mut crashes, mut replayed) = (0, 0);
    for seed in 0..20 {
        let plan = Plan {
            epochs: 20,
            loss_per_mille: 20,
            crash_per_mille: 20,
            ..Plan::new(&[30, 20, 15, 12, 10, 8, 5], 2_000 + seed)
        };
        let report = safe_and_live(plan);
        crashes += report.crashes;
        replayed += report.replayed;
    }
    show("crashes", crashes, replayed);
    assert!(crashes > 2_000);
}

#[test]
fn equivocators_below_a_third_fork_nothing() {
    for seed in 0..20 {
        let plan = Plan { epochs: 10, ..Plan::new(&[16, 16, 14, 14, 14, 13, 13], 3_000 + seed) };
        let plan = plan.role(0, Role::Equivocator).role(1, Role::Equivocator);
        let report = safe_and_live(plan);
        assert!(report.offenders.iter().all(|node| *node < 2), "{:?}", report.offenders);
    }
}

#[test]
fn sixty_four_members_decide() {
    let stakes: Vec<u64> = (0..64).map(|node| 100 + node * 7 % 60).collect();
    let plan = Plan { epochs: 5, ..Plan::new(&stakes, 4_000) };
    let report = safe_and_live(plan.role(5, Role::SilentUntil(FOR_EVER)));
    assert_eq!(report.cuts[0].len(), 5);
}

#[allow(clippy::print_stdout, reason = "a figure for whoever runs the slow tests")]
fn show(what: &str, crashes: u64, replayed: usize) {
    println!("{what}: {crashes} crashes, {replayed} records replayed");
}
