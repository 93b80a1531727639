//! A few worlds of each kind, some more in the binary `slow`. Hundreds are what the binary is for.

use ganglion_sim::plan::{EPOCHS, Mode};
use ganglion_sim::{remember, run_twice};

/// Worlds that found a bug in the production code, in a checker or in the world itself, each with what it was. A change
/// of what is drawn gives a seed another world, so each bug has a test of its own beside the code, too.
const ONCE_FAILED: [(u64, &str); 12] = [
    (34, "a forged certificate of votes that were known was handed on unverified"),
    (2066, "what was missing before the first peer had connected was never asked for again"),
    (1748, "a peer that had left hid those who could give an epoch"),
    (
        7678,
        "a peer that kept silent was waited for an epoch long when another could give what lacked",
    ),
    (
        9003,
        "of a member that signed four lists everybody held other ones and judged no cut that cited one",
    ),
    (12_713, "checkers heard of no epoch whose certificate was durable when the power went off"),
    (27_759, "a third was mute: a dishonest node and newcomers with stake that found no snapshot"),
    (
        38_508,
        "a peer was blamed for a committee that it could not know: it had joined by that snapshot",
    ),
    (
        54_647,
        "an honest member left with its stake in the time without faults, and progress was demanded of a third",
    ),
    (54_795, "checkers missed a prevote that its signer gave to the maker of a certificate alone"),
    (18_282, "checkers took a row for shown too early, of an epoch that they had not heard of"),
    (1580, "nobody but the one locked on a cut proposed it again, so rounds went by for minutes"),
];

fn hold(seeds: impl Iterator<Item = u64>) {
    remember();
    for seed in seeds {
        let (plan, outcome, same) = run_twice(seed, Mode::Bounded, EPOCHS);
        assert!(outcome.violations.is_empty(), "{plan}\n{:?}", outcome.violations);
        assert!(same, "two runs of one seed left two traces: {plan}");
        assert!(outcome.beyond || outcome.epochs >= EPOCHS, "{} epochs: {plan}", outcome.epochs);
        assert!(outcome.beyond || outcome.progressed, "{plan}");
    }
}

#[test]
fn the_first_seeds_hold_and_leave_one_trace() {
    hold(0..if crate::SLOW { 10 } else { 2 });
}

#[test]
fn seeds_that_once_found_a_bug_hold() {
    let many = if crate::SLOW { ONCE_FAILED.len() } else { 1 };
    hold(ONCE_FAILED.iter().rev().take(many).map(|(seed, _)| *seed));
}

/// In 47 a dishonest peer gives whoever joins a history of its own.
#[test]
fn nodes_join_by_snapshots_that_they_fetch_from_peers_some_of_which_lie() {
    remember();
    let (plan, outcome, _) = run_twice(47, Mode::Bounded, EPOCHS);
    assert!(outcome.violations.is_empty(), "{plan}\n{:?}", outcome.violations);
    assert!(outcome.counts.joined > 0, "nobody joined: {plan}");
}

/// Past the fault bound the network does fork, so the checkers above are awake; and it is known by whom.
#[test]
fn above_the_bound_forks_are_found_and_more_than_a_third_is_named() {
    remember();
    let mut forks = 0;
    for seed in if crate::SLOW { 0..10 } else { 3..4 } {
        let (plan, outcome, same) = run_twice(seed, Mode::Equivocators, EPOCHS);
        assert!(outcome.violations.is_empty(), "{plan}\n{:?}", outcome.violations);
        assert!(same, "{plan}");
        if let Some(fork) = outcome.fork {
            assert!(fork.proved && fork.named * 3 > fork.total, "{plan} {fork:?}");
            forks += 1;
        }
    }
    assert!(forks > 0, "nobody forked: the attack has become too weak to show anything");
}

/// Forgetting a lock is no offence that two signatures show: the subnet forks, the fork is proven by its
/// two certificates, and nobody is named. That is why the bound is what it is.
#[test]
fn above_the_bound_forgotten_locks_fork_and_name_nobody() {
    remember();
    let mut forks = 0;
    // In 5 one half is epochs further when they meet, so that no two of them stand at one epoch.
    let few: &[u64] = &[0, 1, 5];
    let many = if crate::SLOW { 20 } else { 0 };
    for seed in few.iter().copied().chain(6..many) {
        let (plan, outcome, same) = run_twice(seed, Mode::Amnesia, EPOCHS);
        assert!(outcome.violations.is_empty(), "{plan}\n{:?}", outcome.violations);
        assert!(same, "{plan}");
        if let Some(fork) = outcome.fork {
            assert!(fork.proved && fork.named == 0, "{plan} {fork:?}");
            forks += 1;
        }
    }
    assert!(forks > 0, "nobody forked: the attack has become too weak to show anything");
}
