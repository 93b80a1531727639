//! Rows that are committed to in one epoch and shown in a later one.

use ganglion_types::{Manifest, WeightReveal};

use super::super::super::admission::{Inadmissible, admissible};
use super::super::super::commits::CommitKey;
use super::super::super::fixture::{element, hot};
use super::super::super::former::Former;
use super::super::super::state::Newcomer;
use super::super::super::state::Participant;
use super::*;

fn hidden_with(stakes: &[u64], miners: usize, change: impl FnOnce(&mut Manifest)) -> Subnet {
    Subnet::with(stakes, miners, |manifest| {
        manifest.hyperparameters.commit_reveal_weights_enabled = true;
        change(manifest);
    })
}

fn hidden(grace: u16) -> Subnet {
    hidden_with(&[30, 20], 3, |m| m.hyperparameters.reveal_grace = grace)
}

fn refusal(state: &State, item: &Item) -> &'static str {
    admissible(state, item).map_or_else(|reason| reason.name(), |()| "admissible")
}

fn key(uid: u16, epoch: u64) -> CommitKey {
    CommitKey { uid: Uid::new(uid), mechid: 0, epoch: Epoch::new(epoch) }
}

fn updated(state: &State, uid: u16) -> u64 {
    state.participant(Uid::new(uid)).unwrap().last_update.get()
}

fn forfeits(executed: &Executed) -> Vec<u16> {
    let shares = executed.payout.shares.iter();
    shares.filter(|share| share.forfeited).map(|share| share.uid.get()).collect()
}

/// Hotkey `from` of a uid becomes hotkey `to`.
fn rotated(state: &State, from: u16, to: u16) -> State {
    let mut state = state.clone();
    let uid = state.uids.remove(&hotkey(from)).unwrap();
    state.uids.insert(hotkey(to), uid);
    state.slots[uid.index()].as_mut().unwrap().hotkey = hotkey(to);
    let former = Former { successor: Some(hotkey(to)), epoch: state.epoch() };
    state.former.insert(hotkey(from), former);
    state
}

/// Miner `number`, who came with the last cut.
fn newcomer(state: &State, number: u16) -> Participant {
    let (hotkey, coldkey) = (hotkey(number), coldkey(number));
    let one = Newcomer { hotkey, coldkey, role: Role::Miner, seed_tail: None };
    Participant::newcomer(&one, state.epoch())
}

/// The uid falls vacant with the last cut.
fn vacate(state: &mut State, uid: u16) {
    let epoch = state.epoch();
    state.vacate(Uid::new(uid), epoch);
}

#[test]
fn a_row_counts_once_it_is_shown_and_is_of_the_epoch_of_its_commit() {
    let subnet = hidden(1);
    let row = [(2, MAX), (3, 9)];
    let state = genesis(&subnet);
    let commit = subnet.commit(0, 1, 7, &row);
    let executed = run(&state, std::slice::from_ref(&commit));
    assert_eq!(outcome(&executed, &commit), Outcome::Applied);
    assert!(executed.state().weights(Uid::new(0)).is_empty());
    assert_eq!(updated(executed.state(), 0), 0);
    let state = executed.into_state(CutId::new([1; 32]));
    assert_eq!(state.commit(&key(0, 1)).unwrap().seq, 7);
    let reveal = subnet.reveal(0, 1, 7, &row);
    let executed = run(&state, std::slice::from_ref(&reveal));
    assert_eq!(outcome(&executed, &reveal), Outcome::Applied);
    let after = executed.state();
    assert_eq!((after.weights(Uid::new(0)), updated(after, 0)), (&row[..], 1));
    let signer = after.participant(Uid::new(0)).unwrap();
    assert_eq!((signer.seed, signer.seed_epoch), (element(0, 1), Epoch::new(1)));
    assert_eq!(after.commits().count(), 0);
    assert!(paid(&executed, 2) > 0);
    assert!(forfeits(&executed).is_empty());
}

#[test]
fn commits_are_taken_where_weights_are_hidden_and_rows_where_they_are_plain() {
    let plain = Subnet::new(&[30, 20], 3);
    let (shown, secret) = (genesis(&plain), genesis(&hidden(1)));
    let row = [(2, MAX)];
    assert_eq!(refusal(&shown, &plain.commit(0, 1, 1, &row)), "weights_mode");
    assert_eq!(refusal(&secret, &hidden(1).weights(0, 1, 1, &row)), "weights_mode");
    assert_eq!(refusal(&secret, &hidden(1).commit(0, 1, 1, &row)), "admissible");
}

#[test]
fn a_commit_is_of_a_permitted_validator_for_the_epoch_being_closed() {
    let subnet = hidden_with(&[30, 20, 10], 1, |m| {
        m.hyperparameters.stake_threshold = Rao::new(20);
    });
    let mut state = genesis(&subnet);
    let row = [(3, MAX)];
    assert_eq!(refusal(&state, &subnet.commit(0, 2, 1, &row)), "epoch");
    assert_eq!(refusal(&state, &subnet.commit(2, 1, 1, &row)), "stake_threshold");
    assert_eq!(refusal(&state, &subnet.commit(3, 1, 1, &row)), "not_validator");
    assert_eq!(refusal(&state, &subnet.commit(9, 1, 1, &row)), "not_registered");
    state.slots[1].as_mut().unwrap().permit = false;
    assert_eq!(refusal(&state, &subnet.commit(1, 1, 1, &row)), "no_permit");
    let Body::WeightCommit(commit) = subnet.commit(0, 1, 1, &row).into_body() else { panic!() };
    let commit = ganglion_types::WeightCommit { mechid: 1, ..commit };
    let other = subnet.item(Body::WeightCommit(commit), &hot(0));
    assert_eq!(refusal(&state, &other), "mechanism");
}

#[test]
fn a_reveal_opens_one_open_commit_of_its_signer_and_nothing_else() {
    let subnet = hidden(1);
    let row = [(2, MAX), (3, 9)];
    let first = genesis(&subnet);
    assert_eq!(refusal(&first, &subnet.reveal(0, 1, 7, &row)), "no_commit");
    let state = close(&first, &[subnet.commit(0, 1, 7, &row)]);
    let shown = subnet.shown(0, 1, 7, &row);
    let refuse = |body: WeightReveal, number| {
        refusal(&state, &subnet.item(Body::WeightReveal(body), &hot(number)))
    };
    assert_eq!(refuse(shown.clone(), 0), "admissible");
    assert_eq!(refuse(WeightReveal { seq: 99, ..shown.clone() }, 0), "admissible");
    for (body, reason) in [
        (WeightReveal { epoch: Epoch::new(2), ..shown.clone() }, "no_commit"),
        (WeightReveal { mechid: 1, ..shown.clone() }, "no_commit"),
        (WeightReveal { committer: hotkey(1), ..shown.clone() }, "committer"),
        (WeightReveal { entries: vec![(2, MAX)], ..shown.clone() }, "commitment"),
        (WeightReveal { salt: ganglion_types::Digest::ZERO, ..shown.clone() }, "commitment"),
        (WeightReveal { score_root: ganglion_types::Digest::ZERO, ..shown.clone() }, "commitment"),
        (WeightReveal { task_preimage: element(0, 2), ..shown.clone() }, "preimage"),
        (WeightReveal { signer: hotkey(9), ..shown.clone() }, "not_registered"),
    ] {
        assert_eq!(refuse(body, 0), reason);
    }
    assert_eq!(refuse(WeightReveal { signer: hotkey(1), ..shown }, 1), "no_commit");
}

#[test]
fn a_row_that_breaks_the_rules_stays_hidden() {
    let subnet = hidden_with(&[30, 20], 3, |m| m.hyperparameters.min_allowed_weights = 2);
    for (row, reason) in [
        (&[(2, MAX)][..], "too_few_weights"),
        (&[(2, MAX - 1), (3, 1)], "not_upscaled"),
        (&[(0, 1), (2, MAX)], "self_weight"),
        (&[(2, MAX), (256, 1)], "uid_out_of_range"),
        (&[(2, MAX), (3, 1)], "admissible"),
    ] {
        let state = close(&genesis(&subnet), &[subnet.commit(0, 1, 1, row)]);
        assert_eq!(refusal(&state, &subnet.reveal(0, 1, 1, row)), reason);
    }
}

#[test]
fn who_comes_or_goes_between_commit_and_reveal_makes_no_row_wrong() {
    let subnet = hidden_with(&[30, 20], 3, |m| m.hyperparameters.min_allowed_weights = 16);
    let all = [(1, 5), (2, MAX), (3, 1), (4, 1)];
    let before = close(&genesis(&subnet), &[subnet.commit(0, 1, 1, &all)]);
    let reveal = subnet.reveal(0, 1, 1, &all);
    let mut more = before.clone();
    more.seat(Uid::new(5), newcomer(&before, 10));
    assert_eq!(run(&more, std::slice::from_ref(&reveal)).state().weights(Uid::new(0)), all);
    let mut fewer = before.clone();
    vacate(&mut fewer, 4);
    assert_eq!(fewer.uid_count(), 4);
    assert_eq!(run(&fewer, &[reveal]).state().weights(Uid::new(0)), &all[..3]);
}

#[test]
fn a_task_preimage_may_lie_on_either_side_of_the_one_shown_last() {
    let subnet = hidden(2);
    let row = [(2, MAX)];
    let state = close(&genesis(&subnet), &[subnet.commit(0, 1, 1, &row)]);
    let state = close(&state, &[subnet.commit(0, 2, 2, &row)]);
    // The later commit is shown first, and its element with it.
    let state = close(&state, &[subnet.reveal(0, 2, 2, &row)]);
    assert_eq!(state.participant(Uid::new(0)).unwrap().seed_epoch, Epoch::new(2));
    let late = subnet.reveal(0, 1, 1, &row);
    let executed = run(&state, std::slice::from_ref(&late));
    assert_eq!(outcome(&executed, &late), Outcome::Outdated { row: Epoch::new(2) });
    let after = executed.state();
    assert_eq!(after.participant(Uid::new(0)).unwrap().seed_epoch, Epoch::new(2));
    assert_eq!((updated(after, 0), after.commits().count()), (2, 0));
    let other = WeightReveal { task_preimage: element(0, 3), ..subnet.shown(0, 1, 1, &row) };
    let other = subnet.item(Body::WeightReveal(other), &hot(0));
    assert_eq!(refusal(&state, &other), "preimage");
}

#[test]
fn a_chain_begun_between_commit_and_reveal_leaves_open_commits_on_the_one_before() {
    let subnet = hidden(2);
    let row = [(2, MAX)];
    let state = close(&genesis(&subnet), &[subnet.commit(0, 1, 1, &row)]);
    // The tail that hotkey 7 would have; the commit of that very cut is of the chain before.
    let seed_tail = Some(element(7, 0));
    let serve = Operation::Serve { role: Role::Validator, seed_tail };
    let serve = subnet.of_hotkey(0, 0, serve);
    let state = close(&state, &[serve, subnet.commit(0, 2, 2, &row)]);
    let new_chain = |epoch: u64, distance: u64| {
        let shown = subnet.shown(0, epoch, epoch, &row);
        let shown = WeightReveal { task_preimage: element(7, distance), ..shown };
        subnet.item(Body::WeightReveal(shown), &hot(0))
    };
    let third = subnet.commit(0, 3, 3, &row);
    let state = close(&state, &[subnet.reveal(0, 1, 1, &row), third]);
    assert_eq!(refusal(&state, &new_chain(2, 2)), "preimage");
    assert_eq!(refusal(&state, &subnet.reveal(0, 3, 3, &row)), "preimage");
    let state = close(&state, &[subnet.reveal(0, 2, 2, &row), new_chain(3, 1)]);
    let signer = state.participant(Uid::new(0)).unwrap();
    assert_eq!((signer.seed, signer.seed_epoch), (element(7, 1), Epoch::new(3)));
    assert_eq!((updated(&state, 0), state.commits().count()), (3, 0));
}

#[test]
fn reveals_are_executed_by_the_epoch_of_their_commits() {
    let subnet = hidden(2);
    let (one, two) = ([(2, MAX)], [(3, MAX)]);
    let state = close(&genesis(&subnet), &[subnet.commit(0, 1, 9, &one)]);
    let state = close(&state, &[subnet.commit(0, 2, 2, &two)]);
    let reveals = [subnet.reveal(0, 2, 2, &two), subnet.reveal(0, 1, 9, &one)];
    let executed = run(&state, &reveals);
    assert!(reveals.iter().all(|one| outcome(&executed, one) == Outcome::Applied));
    assert_eq!(executed.state().weights(Uid::new(0)), two);
    assert_eq!(updated(executed.state(), 0), 2);
}

#[test]
fn of_several_reveals_of_one_commit_one_counts() {
    let subnet = hidden(1);
    let row = [(2, MAX)];
    let state = close(&genesis(&subnet), &[subnet.commit(0, 1, 1, &row)]);
    let again = WeightReveal { seq: 2, ..subnet.shown(0, 1, 1, &row) };
    let again = subnet.item(Body::WeightReveal(again), &hot(0));
    let first = subnet.reveal(0, 1, 1, &row);
    let executed = run(&state, &[first.clone(), again.clone()]);
    assert_eq!(outcome(&executed, &again), Outcome::Applied);
    assert_eq!(outcome(&executed, &first), Outcome::Superseded { by: again.id() });
}

#[test]
fn of_several_commits_the_highest_number_counts() {
    let subnet = hidden(1);
    let commits = [(1, 10), (3, 30), (2, 20)]
        .map(|(seq, value)| subnet.commit(0, 1, seq, &[(2, MAX), (3, value)]));
    let executed = run(&genesis(&subnet), &commits);
    assert_eq!(outcome(&executed, &commits[1]), Outcome::Applied);
    for other in [&commits[0], &commits[2]] {
        assert_eq!(outcome(&executed, other), Outcome::Superseded { by: commits[1].id() });
    }
    let state = executed.into_state(CutId::new([1; 32]));
    assert_eq!(state.commits().count(), 1);
    let reveal = |seq, value| subnet.reveal(0, 1, seq, &[(2, MAX), (3, value)]);
    assert_eq!(refusal(&state, &reveal(1, 10)), "commitment");
    assert_eq!(refusal(&state, &reveal(3, 30)), "admissible");
}

#[test]
fn two_commits_with_one_number_cost_the_epoch_and_not_the_row() {
    let subnet = hidden(1);
    let row = [(2, MAX)];
    let state = close(&genesis(&subnet), &[0, 1].map(|n| subnet.commit(n, 1, 1, &row)));
    let state = close(&state, &[0, 1].map(|n| subnet.reveal(n, 1, 1, &row)));
    let epoch = state.next_epoch().get();
    let twice = [
        subnet.commit(0, epoch, 7, &[(2, MAX)]),
        subnet.commit(0, epoch, 7, &[(3, MAX)]),
        subnet.commit(0, epoch, 8, &[(4, MAX)]),
    ];
    let executed = run(&state, &twice);
    assert!(twice.iter().all(|one| outcome(&executed, one) == Outcome::Equivocated));
    assert_eq!(executed.state().commits().count(), 0);
    assert_eq!(executed.state().weights(Uid::new(0)), row);
    assert_eq!((forfeits(&executed), paid(&executed, 0)), (vec![0], 0));
    assert_eq!(all_paid(&executed), subnet.manifest.hyperparameters.emission.get());
}

#[test]
fn a_commit_may_be_shown_within_its_grace_and_then_expires() {
    for grace in 1..=3 {
        let subnet = hidden(grace);
        let (row, other) = ([(2, MAX)], [(3, MAX)]);
        // A row of epoch 1 stands, and a commit of epoch 2 is never shown.
        let mut state = close(&genesis(&subnet), &[0, 1].map(|n| subnet.commit(n, 1, 1, &row)));
        let items = [0, 1].map(|n| subnet.reveal(n, 1, 1, &row));
        state = close(&state, &[&items[..], &[subnet.commit(0, 2, 2, &other)]].concat());
        let reveal = subnet.reveal(0, 2, 2, &other);
        let last = 2 + 1 + u64::from(grace);
        while state.next_epoch().get() < last {
            assert_eq!(refusal(&state, &reveal), "admissible");
            let executed = run(&state, &[]);
            assert!(forfeits(&executed).is_empty() && paid(&executed, 0) > 0);
            state = close(&state, &[]);
        }
        // In the last cut it may come, and so does not expire there.
        let executed = run(&state, std::slice::from_ref(&reveal));
        assert_eq!(outcome(&executed, &reveal), Outcome::Applied);
        assert!(forfeits(&executed).is_empty());
        // Without it the row falls before Yuma, and the dividend with it.
        let executed = run(&state, &[]);
        assert_eq!((forfeits(&executed), paid(&executed, 0)), (vec![0], 0));
        assert!(executed.state().weights(Uid::new(0)).is_empty());
        assert_eq!(all_paid(&executed), subnet.manifest.hyperparameters.emission.get());
        let state = executed.into_state(CutId::new([9; 32]));
        assert_eq!((state.commits().count(), refusal(&state, &reveal)), (0, "no_commit"));
        assert!(forfeits(&run(&state, &[])).is_empty(), "in that cut only");
    }
}

#[test]
fn an_expired_commit_leaves_a_newer_row_alone() {
    let subnet = hidden(1);
    let (old, new) = ([(2, MAX)], [(3, MAX)]);
    let state = close(&genesis(&subnet), &[subnet.commit(0, 1, 1, &old)]);
    let state = close(&state, &[subnet.commit(0, 2, 2, &new)]);
    let executed = run(&state, &[subnet.reveal(0, 2, 2, &new)]);
    assert_eq!(executed.state().weights(Uid::new(0)), new);
    assert_eq!(forfeits(&executed), [0], "the dividend is lost all the same");
}

#[test]
fn at_most_four_commits_of_a_validator_are_open() {
    let subnet = hidden(3);
    let mut state = genesis(&subnet);
    for epoch in 1..=8 {
        state = close(&state, &[subnet.commit(0, epoch, epoch, &[(2, MAX)])]);
        let open = state.commits_of(Uid::new(0)).count();
        assert_eq!(u64::try_from(open).unwrap(), epoch.min(4));
        let back = State::from_rows(state.manifest().clone(), state.head(), &state.rows());
        assert_eq!(back.as_ref(), Ok(&state));
    }
}

#[test]
fn rows_and_commits_keep_their_distance() {
    let rate = |hides: bool| {
        Subnet::with(&[30, 20], 3, |m| {
            m.hyperparameters.weights_rate_limit = 3;
            m.hyperparameters.commit_reveal_weights_enabled = hides;
        })
    };
    let row = [(2, MAX)];
    for hides in [false, true] {
        let subnet = rate(hides);
        let say = |epoch| match hides {
            false => subnet.weights(0, epoch, epoch, &row),
            true => subnet.commit(0, epoch, epoch, &row),
        };
        let mut state = close(&genesis(&subnet), &[say(1)]);
        for epoch in 2..=3 {
            let wait = Inadmissible::RateLimit { uid: Uid::new(0), last: Epoch::new(1), wait: 3 };
            assert_eq!(admissible(&state, &say(epoch)), Err(wait));
            let shown: &[Item] =
                if hides && epoch == 2 { &[subnet.reveal(0, 1, 1, &row)] } else { &[] };
            state = close(&state, shown);
        }
        assert_eq!(refusal(&state, &say(4)), "admissible");
    }
}

#[test]
fn a_rotated_hotkey_shows_what_it_committed_to_before() {
    let subnet = hidden(1);
    let row = [(2, MAX)];
    let state = close(&genesis(&subnet), &[subnet.commit(0, 1, 1, &row)]);
    let state = rotated(&state, 0, 40);
    let shown = subnet.shown(0, 1, 1, &row);
    assert_eq!(refusal(&state, &subnet.reveal(0, 1, 1, &row)), "not_registered");
    let reveal = WeightReveal { signer: hotkey(40), ..shown.clone() };
    let reveal = subnet.item(Body::WeightReveal(reveal), &hot(40));
    let executed = run(&state, std::slice::from_ref(&reveal));
    assert_eq!(outcome(&executed, &reveal), Outcome::Applied);
    assert_eq!(executed.state().weights(Uid::new(0)), row);
    let renamed = WeightReveal { signer: hotkey(40), committer: hotkey(40), ..shown };
    let renamed = subnet.item(Body::WeightReveal(renamed), &hot(40));
    assert_eq!(refusal(&state, &renamed), "committer");
}

/// How a uid changes hands at the end of an epoch.
#[derive(Clone, Copy, Debug)]
enum Change {
    /// It falls vacant and stays so for this many epochs.
    Vacant(u64),
    /// It is replaced at once.
    Replaced,
}

/// One epoch of validators 0 and 1, who commit to `row` and show what they committed to `delay`
/// epochs ago.
fn cycle(subnet: &Subnet, state: &State, delay: u64, row: &[(u16, u16)]) -> Vec<Item> {
    let epoch = state.next_epoch().get();
    let mut items = Vec::new();
    for validator in [0, 1] {
        items.push(subnet.commit(validator, epoch, epoch, row));
        if epoch > delay {
            items.push(subnet.reveal(validator, epoch - delay, epoch - delay, row));
        }
    }
    items
}

fn inherits_nothing(state: &State, uid: u16) {
    for validator in [0, 1].map(Uid::new) {
        assert!(state.weights(validator).iter().all(|(target, _)| *target != uid));
        assert!(state.bonds(validator).iter().all(|(target, _)| *target != uid));
    }
    assert!(state.bonds(Uid::new(uid)).is_empty());
}

#[test]
fn a_uid_that_changes_hands_anywhere_in_the_cycle_inherits_nothing() {
    let row = [(2, 7), (3, MAX), (4, 9)];
    let mut cases = 0;
    for (grace, delay) in [(1, 1), (1, 2), (2, 3), (3, 1), (3, 4)] {
        for change in [Change::Replaced, Change::Vacant(1), Change::Vacant(2), Change::Vacant(5)] {
            for at in 1..=delay + 4 {
                cases += 1;
                let subnet = hidden(grace);
                let mut state = genesis(&subnet);
                let vacant = match change {
                    Change::Replaced => 0,
                    Change::Vacant(epochs) => epochs,
                };
                // The first row that can mean the newcomer is committed to one epoch after it came.
                let (came, first) = (at + vacant, at + vacant + 1 + delay);
                while state.epoch().get() < first + 2 {
                    let items = cycle(&subnet, &state, delay, &row);
                    let executed = run(&state, &items);
                    let epoch = state.next_epoch().get();
                    assert!(items.iter().all(|one| outcome(&executed, one) == Outcome::Applied));
                    assert!(forfeits(&executed).is_empty());
                    let earned = executed.result.row(Uid::new(3)).map(|row| row.paid.get());
                    state = executed.into_state(CutId::new([1; 32]));
                    let case = (grace, delay, change, at, epoch);
                    match epoch {
                        _ if epoch > at && epoch < first => {
                            assert_eq!(earned.unwrap_or(0), 0, "{case:?}");
                            inherits_nothing(&state, 3);
                        }
                        _ if epoch >= first => assert!(earned.unwrap() > 0, "{case:?}"),
                        _ => {}
                    }
                    if epoch == at {
                        vacate(&mut state, 3);
                        inherits_nothing(&state, 3);
                    }
                    if epoch == came {
                        let one = newcomer(&state, 50);
                        state.seat(Uid::new(3), one);
                        inherits_nothing(&state, 3);
                    }
                }
            }
        }
    }
    assert_eq!(cases, 4 * (5 + 6 + 7 + 5 + 8));
}

#[test]
fn a_validator_that_goes_takes_its_rows_and_commits_along() {
    let row = [(2, 7), (3, MAX), (4, 9)];
    for at in 1..=6 {
        for replaced in [false, true] {
            let subnet = hidden(2);
            let mut state = genesis(&subnet);
            for _ in 0..at {
                state = close(&state, &cycle(&subnet, &state, 2, &row));
            }
            assert!(state.commits_of(Uid::new(1)).count() > 0);
            vacate(&mut state, 1);
            if replaced {
                let one = newcomer(&state, 50);
                state.seat(Uid::new(1), Participant { role: Role::Validator, ..one });
            }
            assert_eq!(state.commits_of(Uid::new(1)).count(), 0);
            assert!(state.weights(Uid::new(1)).is_empty() && state.bonds(Uid::new(1)).is_empty());
            assert!(state.participant(Uid::new(1)).is_none_or(|one| !one.permit));
            let open = subnet.reveal(1, at, at, &row);
            assert_eq!(refusal(&state, &open), "not_registered");
            // Nothing of it expires, and whoever came pays for nothing.
            for _ in 0..4 {
                let executed = run(&state, &[]);
                let forfeited = forfeits(&executed);
                assert!(!forfeited.contains(&1), "{at} {replaced}: {forfeited:?}");
                state = close(&state, &[]);
            }
        }
    }
}

#[test]
fn yuma_sees_the_oldest_open_commit() {
    // Miner 4 came in epoch 2; the row that means it is of epoch 3, but the commit of epoch 1 is open.
    let subnet = hidden(3);
    let row = [(2, MAX), (4, MAX)];
    let state = close(&genesis(&subnet), &[subnet.commit(0, 1, 1, &row)]);
    let mut state = close(&state, &[]);
    vacate(&mut state, 4);
    let one = newcomer(&state, 50);
    state.seat(Uid::new(4), one);
    let state = close(&state, &[subnet.commit(0, 3, 3, &row)]);
    let (first, third) = (subnet.reveal(0, 1, 1, &row), subnet.reveal(0, 3, 3, &row));
    // A newer open commit does not hide the older one.
    let masked = run(&state, &[third.clone(), subnet.commit(0, 4, 4, &row)]);
    assert_eq!(masked.state().weights(Uid::new(0)), row);
    assert_eq!(paid(&masked, 4), 0);
    assert!(paid(&run(&state, &[first, third]), 4) > 0);
}

#[test]
fn open_commits_are_shown_even_where_weights_became_plain() {
    let subnet = hidden(1);
    let row = [(2, MAX)];
    let mut state = close(&genesis(&subnet), &[subnet.commit(0, 1, 1, &row)]);
    state.parameters.hyperparameters.commit_reveal_weights_enabled = false;
    let items = [subnet.reveal(0, 1, 1, &row), subnet.weights(0, 2, 2, &[(3, MAX)])];
    let executed = run(&state, &items);
    assert!(items.iter().all(|one| outcome(&executed, one) == Outcome::Applied));
    assert_eq!(executed.state().weights(Uid::new(0)), [(3, MAX)]);
    assert_eq!(updated(executed.state(), 0), 2);
}

#[test]
fn the_owners_uid_is_that_of_its_oldest_validator() {
    let subnet = hidden_with(&[30, 20, 10], 1, |m| m.owner = Some(coldkey(3)));
    let mut state = genesis(&subnet);
    assert_eq!(state.owner_uid(), None, "a miner is none");
    for uid in [0, 1, 2] {
        state.slots[uid].as_mut().unwrap().coldkey = coldkey(3);
    }
    assert_eq!(state.owner_uid(), Some(Uid::new(0)));
    state.slots[0].as_mut().unwrap().registered_at = Epoch::new(1);
    assert_eq!(state.owner_uid(), Some(Uid::new(1)));
}

#[test]
fn the_owners_validator_has_a_permit_beyond_the_seats() {
    let subnet = Subnet::with(&[30, 20, 10], 1, |m| m.hyperparameters.max_validators = 3);
    let permits = |owner: bool| {
        let mut state = genesis(&subnet);
        let mut manifest = (**state.manifest()).clone();
        state.parameters.hyperparameters.max_validators = 2;
        manifest.owner = owner.then(|| coldkey(2));
        state.manifest = std::sync::Arc::new(manifest);
        let after = close(&state, &[]);
        after.participants().filter(|(_, one)| one.permit).count()
    };
    assert_eq!((permits(false), permits(true)), (2, 3));
}

#[test]
fn no_committee_is_larger_than_256_for_the_owners_sake() {
    let subnet = Subnet::with(&[1_000; 256], 1, |m| {
        m.hyperparameters.max_validators = 256;
        m.hyperparameters.max_allowed_uids = 257;
        m.owner = Some(coldkey(256));
    });
    let mut state = genesis(&subnet);
    let owner = state.slots[256].as_mut().unwrap();
    (owner.role, owner.stake) = (Role::Validator, Rao::new(1));
    assert_eq!(state.owner_uid(), Some(Uid::new(256)));
    let after = close(&state, &[]);
    assert_eq!(after.committee().len(), 256);
    assert!(!after.participant(Uid::new(256)).unwrap().permit);
}

#[test]
fn a_reveal_never_takes_the_seed_back() {
    let subnet = hidden(1);
    let row = [(2, MAX)];
    let mut state = close(&genesis(&subnet), &[subnet.commit(0, 1, 1, &row)]);
    let signer = state.slots[0].as_mut().unwrap();
    (signer.seed, signer.seed_epoch) = (element(0, 2), Epoch::new(2));
    let executed = run(&state, &[subnet.reveal(0, 1, 1, &row)]);
    let signer = executed.state().participant(Uid::new(0)).unwrap();
    assert_eq!((signer.seed, signer.seed_epoch), (element(0, 2), Epoch::new(2)));
    assert_eq!(executed.state().weights(Uid::new(0)), row);
}

#[test]
fn an_expired_commit_takes_a_row_of_its_own_epoch_along() {
    let subnet = hidden(1);
    let mut state = close(&genesis(&subnet), &[subnet.commit(0, 1, 1, &[(2, MAX)])]);
    state = close(&state, &[]);
    for (updated, rest) in [(1, 0), (2, 1)] {
        let mut state = state.clone();
        state.slots[0].as_mut().unwrap().last_update = Epoch::new(updated);
        state.weights[0] = vec![(3, MAX)];
        let executed = run(&state, &[]);
        assert_eq!(executed.state().weights(Uid::new(0)).len(), rest, "{updated}");
    }
}
