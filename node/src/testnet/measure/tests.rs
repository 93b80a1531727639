//! Figures of a small run, and what is claimed of them.

use super::*;
use crate::api::types::Amount;
use crate::testnet::assertions::Epochs;
use crate::testnet::observe::Standing;
use crate::testnet::table::tests::observation;

/// Four epochs of `v1`, which holds 3/4 of the stake and earns 2/3 of the dividends, and `v2`;
/// of `m1`, which earns all there is for miners, in epoch 4 nothing; and of an observer.
fn run() -> Observation {
    let mut seen = observation();
    let mut second = seen.nodes[0].clone();
    second.record.name = "v2".into();
    second.record.hotkey = "5v2".into();
    second.record.behaviour = Behaviour::Copier;
    seen.nodes.push(second);
    seen.nodes[0].missed.insert(2);
    let template = seen.epochs[&1].clone();
    for epoch in 1..=4u64 {
        let mut detail = template.clone();
        detail.summary = crate::testnet::table::tests::summary(epoch);
        detail.summary.round = u32::from(epoch == 3);
        detail.summary.emitted_rao = Amount(2_000_000_000);
        detail.summary.slashed_rao = Amount(if epoch == 2 { 500_000_000 } else { 0 });
        let mut row = detail.rows[0].clone();
        row.hotkey = "5v2".into();
        detail.rows.push(row);
        for (at, dividends) in [(0, 43_690), (2, 21_845)] {
            detail.rows[at].dividends = dividends;
            detail.rows[at].validator_trust = 65_535;
        }
        detail.rows[1].incentive = if epoch == 4 { 0 } else { 65_535 };
        detail.rows[1].consensus = 13_107;
        detail.rows[1].paid_rao = Amount(1_500_000_000);
        for node in &mut seen.nodes {
            node.held.insert(epoch, detail.summary.clone());
        }
        seen.epochs.insert(epoch, detail);
        let standing = |stake: u64, last_update| Standing {
            stake_rao: Amount(stake * 1_000_000_000),
            last_update,
        };
        let rows = [("5v1".to_owned(), standing(75, epoch)), ("5v2".into(), standing(25, 0))];
        seen.standings.insert(epoch, rows.into());
    }
    seen
}

fn one(metric: Metric, subject: Subject, epochs: Epochs) -> Assertion {
    Assertion {
        name: "a".into(),
        metric,
        subject,
        comparison: Comparison::AtLeast,
        against: Against::Number(0.0),
        epochs,
        line: 1,
    }
}

fn node(name: &str) -> Subject {
    Subject { node: Some(name.into()), ..Subject::default() }
}

fn measure(metric: Metric, subject: Subject, epochs: Epochs) -> Option<f64> {
    judge_one(&run(), &one(metric, subject, epochs), 4).measured
}

#[test]
fn every_metric_is_what_it_says() {
    let all = Epochs::All;
    for (metric, subject, epochs, expected) in [
        (Metric::Incentive, node("m1"), all, 0.75),
        (Metric::Incentive, node("m1"), Epochs::Last, 0.0),
        (Metric::Incentive, node("m1"), Epochs::Range(1, 3), 1.0),
        (Metric::Dividends, node("v1"), all, 2.0 / 3.0),
        (Metric::DividendsPerStake, node("v1"), all, 2.0 / 3.0 / 0.75),
        (Metric::DividendsPerStake, node("v2"), all, 1.0 / 3.0 / 0.25),
        (Metric::Paid, node("m1"), all, 6.0),
        (Metric::Paid, node("m1"), Epochs::Last, 1.5),
        (Metric::Accuracy, node("m1"), all, 0.961),
        (Metric::Missed, node("v1"), all, 1.0),
        (Metric::Missed, node("v1"), Epochs::Range(3, 4), 0.0),
        (Metric::Rounds, Subject::default(), all, 1.25),
        (Metric::Rounds, Subject { of: Of::Max, ..Subject::default() }, all, 2.0),
        (Metric::Stake, node("v1"), all, 75.0),
        (Metric::Slashed, Subject { of: Of::Sum, ..Subject::default() }, all, 0.5),
        (Metric::ValidatorTrust, node("v1"), all, 1.0),
        (Metric::Consensus, node("m1"), all, 0.2),
        (Metric::WeightAge, node("v1"), all, 0.0),
        (Metric::WeightAge, node("v2"), all, 2.5),
        (Metric::Certified, node("observer"), all, 4.0),
        (Metric::Emitted, Subject::default(), all, 2.0),
        (Metric::Agreement, Subject { of: Of::Min, ..Subject::default() }, all, 1.0),
    ] {
        let name = metric.name();
        let found = measure(metric, subject, epochs).unwrap_or_else(|| panic!("{name}"));
        assert!((found - expected).abs() < 1e-4, "{name}: {found}, not {expected}");
    }
}

/// Whether an assertion holds as a testnet's file writes it, and the sentence if it does not.
fn judged(metric: Metric, sign: &str, against: f64) -> (bool, Option<String>) {
    // The nodes of `run`, so that the file may speak of them.
    let nodes = "[[node]]\nname = \"v1\"\nrole = \"validator\"\n\
                 [[node]]\nname = \"v2\"\nrole = \"validator\"\nbehaviour = \"copier\"\n\
                 [[node]]\nname = \"m1\"\nrole = \"miner\"\nworker = \"digits-knn\"\n";
    let text = format!(
        "{nodes}[[assert]]\nname = \"claim\"\nmetric = \"{}\"\ncomparison = \"{sign}\"\n\
         against = {against:?}\nepochs = \"1..4\"\n{}",
        metric.name(),
        if metric == Metric::Accuracy { "node = \"m1\"\n" } else { "" }
    );
    let flags = crate::testnet::spec::Flags::default();
    let spec = crate::testnet::spec::Spec::parse("t.toml", &text, &flags).unwrap();
    let outcome = judge(&run(), &spec.assertions, 4).remove(0);
    (outcome.held, outcome.failure())
}

#[test]
fn every_metric_fails_every_comparison_that_its_figure_breaks() {
    for metric in Metric::ALL {
        let name = metric.name();
        let subject = Subject { of: metric.usual_of(), ..Subject::default() };
        let outcome = judge_one(&run(), &one(metric, subject, Epochs::All), 4);
        let figure = outcome.measured.unwrap_or_else(|| panic!("{name} is not measured"));
        let (below, above) = (figure - 0.5, figure + 0.5);
        for (sign, kept, broken) in [
            (">=", figure, above),
            ("<=", figure, below),
            (">", below, figure),
            ("<", above, figure),
            ("==", figure, above),
            ("==", figure, below),
        ] {
            assert_eq!(judged(metric, sign, kept), (true, None), "{name} {sign} {kept}");
            let (held, failure) = judged(metric, sign, broken);
            let failure = failure.unwrap_or_else(|| panic!("{name} {sign} {broken} holds"));
            assert!(!held);
            let seen = format!("in epochs 1 to 4 is {}", show(figure));
            let expected = format!("and not {sign} {}", show(broken));
            for said in [&format!("claim: {name} of "), &seen, &expected] {
                assert!(failure.contains(said), "{said} in {failure}");
            }
        }
    }
}

#[test]
fn several_figures_become_one_as_asked() {
    let of = |of| {
        let subject = Subject { role: Some(Role::Validator), of, ..Subject::default() };
        measure(Metric::Stake, subject, Epochs::Last)
    };
    assert_eq!([Of::Mean, Of::Sum, Of::Min, Of::Max].map(of), [50.0, 100.0, 25.0, 75.0].map(Some));
    // At least 0: the worst is the smallest, the best the largest.
    assert_eq!([Of::Each, Of::Any].map(of), [25.0, 75.0].map(Some));
}

#[test]
fn each_fails_by_one_and_any_holds_by_one() {
    let judge = |of, against: f64| {
        let subject = Subject { role: Some(Role::Validator), of, ..Subject::default() };
        let mut one = one(Metric::Stake, subject, Epochs::Last);
        one.against = Against::Number(against);
        judge_one(&run(), &one, 4).held
    };
    assert_eq!([20.0, 50.0, 80.0].map(|against| judge(Of::Each, against)), [true, false, false]);
    assert_eq!([20.0, 50.0, 80.0].map(|against| judge(Of::Any, against)), [true, true, false]);
}

#[test]
fn a_figure_is_compared_with_others_times_a_factor() {
    let subject = Subject { behaviour: Some("copier".into()), ..Subject::default() };
    let mut one = one(Metric::Dividends, subject, Epochs::All);
    let honest = Subject { behaviour: Some("honest".into()), ..Subject::default() };
    one.against = Against::Other { subject: honest, factor: 0.4 };
    let outcome = judge_one(&run(), &one, 4);
    assert!(outcome.held, "{outcome:?}");
    assert!((outcome.against.unwrap() - 0.8 / 3.0).abs() < 1e-4, "{outcome:?}");
    one.against = Against::Other { subject: node("v1"), factor: 0.6 };
    let failure = judge_one(&run(), &one, 4).failure().unwrap();
    assert_eq!(failure, "a: dividends of copier in epochs 1 to 4 is 0.3333, and not >= 0.4");
}

#[test]
fn what_was_not_seen_does_not_hold() {
    let mut seen = run();
    seen.epochs.remove(&3);
    let outcome = judge_one(&seen, &one(Metric::Paid, node("m1"), Epochs::All), 4);
    assert_eq!((outcome.measured, outcome.held), (None, false));
    assert!(outcome.failure().unwrap().contains("is unknown, and not >= 0"), "{outcome:?}");
    seen.nodes[1].accuracy = None;
    assert_eq!(figures(&seen, Metric::Accuracy, &node("m1"), (4, 4)), None);
}

#[test]
fn one_node_with_another_root_ends_agreement() {
    let mut seen = run();
    seen.nodes[2].held.get_mut(&2).unwrap().state_root = "x".into();
    let subject = Subject { of: Of::Min, ..Subject::default() };
    let mut one = one(Metric::Agreement, subject, Epochs::All);
    one.comparison = Comparison::Equal;
    one.against = Against::Number(1.0);
    let outcome = judge_one(&seen, &one, 4);
    assert_eq!((outcome.held, outcome.measured), (false, Some(0.0)));
    one.epochs = Epochs::Range(3, 4);
    assert!(judge_one(&seen, &one, 4).held);
}

#[test]
fn each_behaviour_is_told_by_role() {
    let groups = groups(&run(), 4);
    let names: Vec<_> =
        groups.iter().map(|one| (one.behaviour.as_str(), one.role, one.nodes)).collect();
    assert_eq!(
        names,
        [
            ("honest", Role::Validator, 1),
            ("copier", Role::Validator, 1),
            ("honest", Role::Miner, 1)
        ]
    );
    assert_eq!(groups[2].dividends_per_stake, None);
    assert!((groups[1].dividends_per_stake.unwrap() - 4.0 / 3.0).abs() < 1e-4);
}

#[test]
fn figures_are_short_for_people() {
    for (figure, text) in [(1.0, "1"), (0.33333, "0.3333"), (-0.00001, "0"), (100.5, "100.5")] {
        assert_eq!(show(figure), text);
    }
}
