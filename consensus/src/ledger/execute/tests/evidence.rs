//! What two statements where there may be one cost.

use ganglion_types::Manifest;

use super::super::super::admission::admissible;
use super::super::super::former::Former;
use super::*;

const UNIT: u64 = Rao::PER_UNIT;

/// Validators 0, 1 and 2, miners 3 and 4.
fn subnet_with(change: impl FnOnce(&mut Manifest)) -> Subnet {
    Subnet::with(&[30 * UNIT, 20 * UNIT, 10 * UNIT], 2, change)
}

fn subnet() -> Subnet {
    subnet_with(|_| {})
}

fn refusal(state: &State, item: &Item) -> &'static str {
    admissible(state, item).map_or_else(|reason| reason.name(), |()| "admissible")
}

fn forfeits(executed: &Executed) -> Vec<u16> {
    let shares = executed.payout.shares.iter();
    shares.filter(|share| share.forfeited).map(|share| share.uid.get()).collect()
}

fn emission(subnet: &Subnet) -> u128 {
    subnet.manifest.hyperparameters.emission.get().into()
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

#[test]
fn a_double_vote_costs_a_part_of_the_stake_and_the_seat() {
    let subnet = subnet();
    let state = genesis(&subnet);
    for evidence in [subnet.double_vote(1, 1), subnet.double_proposal(1, 1, 4)] {
        let executed = run(&state, std::slice::from_ref(&evidence));
        assert_eq!(outcome(&executed, &evidence), Outcome::Applied);
        let part = 20 * UNIT * 3_277 / 65_535;
        let after = executed.state();
        assert_eq!(after.chain().slashed.get(), part);
        assert_eq!(executed.result.header.slashed.get(), part);
        assert_eq!(after.supply(), state.supply() + emission(&subnet) - u128::from(part));
        assert_eq!((after.uid_of(&hotkey(1)), after.vacancy()), (None, Some(Uid::new(1))));
        assert!(after.committee().iter().all(|member| member.hotkey != hotkey(1)));
        assert_eq!(after.former().get(&hotkey(1)).unwrap().successor, None);
        // Evidence comes before Yuma: nothing is paid to who was there.
        assert!(executed.result.row(Uid::new(1)).is_none());
    }
}

#[test]
fn what_is_left_of_a_slashed_stake_waits_out_the_unbonding_time() {
    let subnet = subnet();
    let after = close(&genesis(&subnet), &[subnet.double_vote(1, 1)]);
    let part = 20 * UNIT * 3_277 / 65_535;
    assert_eq!(balance(&after, 1), BALANCE);
    let release = Epoch::new(1 + subnet.manifest.hyperparameters.unbonding_epochs);
    let waiting = after.unbonding().get(&(release, hotkey(1), coldkey(1)));
    assert_eq!(waiting, Some(&Rao::new(20 * UNIT - part)));
}

#[test]
fn nobody_is_slashed_twice() {
    let subnet = subnet();
    let state = genesis(&subnet);
    let pieces = [
        subnet.double_vote(1, 1),
        subnet.double_proposal(1, 1, 0),
        subnet.double_proposal(1, 1, 1),
    ];
    let executed = run(&state, &pieces);
    let lowest = pieces.iter().map(Item::id).min().unwrap();
    for piece in &pieces {
        let expected = match piece.id() == lowest {
            true => Outcome::Applied,
            false => Outcome::Superseded { by: lowest },
        };
        assert_eq!(outcome(&executed, piece), expected);
    }
    assert_eq!(executed.result.header.slashed.get(), 20 * UNIT * 3_277 / 65_535);
    let state = executed.into_state(CutId::new([1; 32]));
    assert_eq!(refusal(&state, &subnet.double_proposal(1, 1, 7)), "already_slashed");
}

#[test]
fn a_slashed_hotkey_never_comes_back() {
    let subnet = subnet();
    let state = close(&genesis(&subnet), &[subnet.double_vote(1, 1)]);
    let again = subnet.register(1, Role::Validator, state.head(), 1);
    assert_eq!(refusal(&state, &again), "former_hotkey");
    let other = subnet.register(10, Role::Miner, state.head(), 1);
    let state = close(&state, &[other]);
    assert_eq!(state.uid_of(&hotkey(10)), Some(Uid::new(1)));
}

#[test]
fn evidence_is_of_an_epoch_within_the_unbonding_time() {
    let subnet = subnet_with(|m| m.hyperparameters.unbonding_epochs = 2);
    let mut state = genesis(&subnet);
    while state.next_epoch() < Epoch::new(5) {
        state = close(&state, &[]);
    }
    for (epoch, expected) in [
        (2, "evidence_epoch"),
        (3, "admissible"),
        (4, "admissible"),
        (5, "admissible"),
        (6, "evidence_epoch"),
    ] {
        assert_eq!(refusal(&state, &subnet.double_vote(1, epoch)), expected, "{epoch}");
    }
}

#[test]
fn only_who_has_something_to_lose_is_slashed() {
    let subnet = subnet();
    let state = genesis(&subnet);
    assert_eq!(refusal(&state, &subnet.double_vote(3, 1)), "not_slashable");
    assert_eq!(refusal(&state, &subnet.double_vote(77, 1)), "not_slashable");
    assert_eq!(refusal(&state, &subnet.double_vote(2, 1)), "admissible");
}

#[test]
fn evidence_against_a_former_hotkey_falls_on_its_successor() {
    let subnet = subnet();
    let state = rotated(&rotated(&genesis(&subnet), 1, 40), 40, 41);
    let (old, new) = (subnet.double_vote(1, 1), subnet.double_vote(41, 1));
    let executed = run(&state, &[old.clone(), new.clone()]);
    let (first, second) = if old.id() < new.id() { (old, new) } else { (new, old) };
    assert_eq!(outcome(&executed, &first), Outcome::Applied);
    assert_eq!(outcome(&executed, &second), Outcome::Superseded { by: first.id() });
    let after = executed.into_state(CutId::new([1; 32]));
    assert_eq!(after.chain().slashed.get(), 20 * UNIT * 3_277 / 65_535);
    assert_eq!((after.uid_of(&hotkey(41)), after.seat_behind(&hotkey(1))), (None, None));
    for number in [1, 40, 41] {
        assert_eq!(refusal(&after, &subnet.double_vote(number, 2)), "already_slashed");
    }
}

#[test]
fn the_last_members_keep_their_seats_and_what_is_left() {
    for fraction in [3_277, u16::MAX] {
        let subnet = subnet_with(|m| m.hyperparameters.slash_fraction = fraction);
        let state = genesis(&subnet);
        let all = [0, 1, 2].map(|number| subnet.double_vote(number, 1));
        let executed = run(&state, &all);
        let after = executed.state();
        assert_eq!(after.committee().len(), 3);
        for (number, stake) in [(0, 30 * UNIT), (1, 20 * UNIT), (2, 10 * UNIT)] {
            let part = (stake * u64::from(fraction) / 65_535).min(stake - 1);
            assert_eq!(stake_of(after, number), stake - part);
            assert_eq!(refusal(after, &subnet.double_vote(number, 1)), "already_slashed");
        }
        let lost = u128::from(executed.result.header.slashed.get());
        assert_eq!(after.supply() + lost, state.supply() + emission(&subnet));
        let manifest = after.manifest().clone();
        assert_eq!(State::from_rows(manifest, after.head(), &after.rows()).as_ref(), Ok(after));
    }
    // One honest member is enough to let the others go.
    let subnet = subnet();
    let two = [0, 1].map(|number| subnet.double_vote(number, 1));
    let after = close(&genesis(&subnet), &two);
    assert_eq!(after.committee().len(), 1);
    assert_eq!((after.uid_of(&hotkey(0)), after.uid_of(&hotkey(1))), (None, None));
}

#[test]
fn who_kept_its_seat_leaves_once_somebody_else_has_one() {
    let subnet = Subnet::with(&[30 * UNIT], 2, |m| {
        m.hyperparameters.unbonding_epochs = 5;
    });
    let state = close(&genesis(&subnet), &[subnet.double_vote(0, 1)]);
    assert_eq!(state.committee().len(), 1, "nobody else could close an epoch");
    // A miner becomes a validator and stakes; Yuma gives the permit in the epoch after.
    let state = close(&state, &[subnet.serve(1, 0, Role::Validator)]);
    let state = close(&state, &[subnet.stake(1, 0, 2 * UNIT)]);
    assert_eq!((state.uid_of(&hotkey(0)), state.committee().len()), (Some(Uid::new(0)), 1));
    let left = state.participant(Uid::new(0)).unwrap().stake;
    let executed = run(&state, &[]);
    let after = executed.state();
    let committee: Vec<_> = after.committee().iter().map(|member| member.hotkey).collect();
    assert_eq!((after.uid_of(&hotkey(0)), committee), (None, vec![hotkey(1)]));
    let release = Epoch::new(4 + 5);
    assert_eq!(after.unbonding().get(&(release, hotkey(0), coldkey(0))), Some(&left));
    assert_eq!(refusal(after, &subnet.double_vote(0, 2)), "already_slashed");
    let manifest = after.manifest().clone();
    assert_eq!(State::from_rows(manifest, after.head(), &after.rows()).as_ref(), Ok(after));
    close(after, &[]);
}

#[test]
fn what_a_slashed_validator_said_in_the_same_cut_does_nothing() {
    for hides in [false, true] {
        let subnet = subnet_with(|m| m.hyperparameters.commit_reveal_weights_enabled = hides);
        let row = [(3, MAX)];
        let state = genesis(&subnet);
        let (state, said) = if hides {
            let state = close(&state, &[subnet.commit(2, 1, 1, &row)]);
            (state, vec![subnet.reveal(2, 1, 1, &row), subnet.commit(2, 2, 2, &row)])
        } else {
            (state, vec![subnet.weights(2, 1, 1, &row)])
        };
        let items = [&said[..], &[subnet.double_vote(2, 1)]].concat();
        let executed = run(&state, &items);
        let gone = Outcome::Failed(Failure::NotRegistered { hotkey: hotkey(2) });
        assert!(said.iter().all(|one| outcome(&executed, one) == gone));
        let after = executed.state();
        assert!(after.weights(Uid::new(2)).is_empty() && after.commits().count() == 0);
        let manifest = after.manifest().clone();
        assert_eq!(State::from_rows(manifest, after.head(), &after.rows()).as_ref(), Ok(after));
    }
}

#[test]
fn two_rows_with_one_number_cost_the_row_also_when_seen_later() {
    let subnet = subnet();
    let rows = [&[(3, MAX)][..], &[(4, MAX)]].map(|row| subnet.weights(1, 1, 7, row));
    let evidence = subnet.double_items(&rows[0], &rows[1]);
    let before = genesis(&subnet);
    assert_eq!(refusal(&before, &evidence), "nothing_to_lose");
    let other = subnet.weights(0, 1, 1, &[(3, MAX)]);
    let state = close(&before, &[rows[0].clone(), other]);
    let executed = run(&state, std::slice::from_ref(&evidence));
    assert_eq!(outcome(&executed, &evidence), Outcome::Applied);
    let after = executed.state();
    assert!(after.weights(Uid::new(1)).is_empty());
    assert_eq!((forfeits(&executed), paid(&executed, 1)), (vec![1], 0));
    assert_eq!(stake_of(after, 1), 20 * UNIT, "it is not slashed");
    assert_eq!(refusal(after, &evidence), "nothing_to_lose");
    // A row that was set since is not touched.
    let newer = close(&state, &[subnet.weights(1, 2, 1, &[(4, MAX)])]);
    assert_eq!(refusal(&newer, &evidence), "nothing_to_lose");
}

#[test]
fn two_commits_with_one_number_cost_the_epoch_until_it_is_past() {
    let subnet = subnet_with(|m| m.hyperparameters.commit_reveal_weights_enabled = true);
    let (row, other) = ([(3, MAX)], [(4, MAX)]);
    let commits = [subnet.commit(1, 1, 7, &row), subnet.commit(1, 1, 7, &other)];
    let evidence = subnet.double_items(&commits[0], &commits[1]);
    let before = genesis(&subnet);
    assert_eq!(refusal(&before, &evidence), "nothing_to_lose");
    let open = close(&before, &commits[..1]);
    let reveal = subnet.reveal(1, 1, 7, &row);

    // While it is open, the commit is closed, and a reveal in the same cut does nothing.
    let executed = run(&open, &[evidence.clone(), reveal.clone()]);
    assert_eq!(outcome(&executed, &evidence), Outcome::Applied);
    assert_eq!(outcome(&executed, &reveal), Outcome::Equivocated);
    let after = executed.state();
    assert!(after.weights(Uid::new(1)).is_empty() && after.commits().count() == 0);
    assert_eq!((forfeits(&executed), paid(&executed, 1)), (vec![1], 0));

    // Once it was shown, the row falls.
    let shown = close(&open, std::slice::from_ref(&reveal));
    let executed = run(&shown, std::slice::from_ref(&evidence));
    assert!(executed.state().weights(Uid::new(1)).is_empty());
    assert_eq!(forfeits(&executed), [1]);

    // Once another row stands, nothing.
    let later = close(&shown, &[subnet.commit(1, 3, 9, &other)]);
    let later = close(&later, &[subnet.reveal(1, 3, 9, &other)]);
    assert_eq!(refusal(&later, &evidence), "nothing_to_lose");
}

#[test]
fn evidence_about_weights_reaches_a_rotated_hotkey_and_no_later_tenant() {
    let subnet = subnet();
    let rows = [&[(3, MAX)][..], &[(4, MAX)]].map(|row| subnet.weights(1, 1, 7, row));
    let evidence = subnet.double_items(&rows[0], &rows[1]);
    let state = close(&genesis(&subnet), &rows[..1]);
    let renamed = rotated(&state, 1, 40);
    let executed = run(&renamed, std::slice::from_ref(&evidence));
    assert!(executed.state().weights(Uid::new(1)).is_empty());
    assert_eq!(forfeits(&executed), [1]);
    let mut gone = state.clone();
    gone.vacate(Uid::new(1), Epoch::new(1));
    assert_eq!(refusal(&gone, &evidence), "nothing_to_lose");
}

#[test]
fn two_pieces_about_one_epoch_of_weights_cost_it_once() {
    let subnet = subnet();
    let rows = [&[(3, MAX)][..], &[(4, MAX)]].map(|row| subnet.weights(1, 1, 7, row));
    let state = rotated(&close(&genesis(&subnet), &rows[..1]), 1, 40);
    let again = [&[(3, MAX)][..], &[(4, MAX)]].map(|row| {
        let body = ganglion_types::Weights { signer: hotkey(40), ..subnet.row(1, 1, 7, row) };
        subnet.item(Body::Weights(body), &super::super::super::fixture::hot(40))
    });
    let pieces =
        [subnet.double_items(&rows[0], &rows[1]), subnet.double_items(&again[0], &again[1])];
    let lowest = pieces.iter().map(Item::id).min().unwrap();
    let executed = run(&state, &pieces);
    for piece in &pieces {
        let expected = match piece.id() == lowest {
            true => Outcome::Applied,
            false => Outcome::Superseded { by: lowest },
        };
        assert_eq!(outcome(&executed, piece), expected);
    }
}

#[test]
fn everything_behind_a_slashed_hotkey_loses_the_same_part() {
    let subnet = Subnet::with(&[30, 20, 10], 1, |m| {
        for (at, one) in m.participants.iter_mut().enumerate().take(3) {
            one.stake = Rao::new([30, 20, 10][at] * UNIT);
        }
    });
    let part = |amount: u64| amount * 3_277 / 65_535;
    let before = genesis(&subnet);
    let mut state = before.clone();
    // 4 units are delegated, 3 of them wait to leave; 5 enter, 6 unbond under the hotkey, 7 under another.
    let (offender, other, delegator) = (hotkey(1), hotkey(0), coldkey(3));
    let moved = [4, 5, 6, 7].map(|units| Rao::new(units * UNIT));
    state.slots[1].as_mut().unwrap().stake = Rao::new(24 * UNIT);
    state.delegations.insert((Uid::new(1), delegator), moved[0]);
    state.leaving.insert((Uid::new(1), delegator), Rao::new(3 * UNIT));
    state.entering.insert((offender, delegator), moved[1]);
    state.unbonding.insert((Epoch::new(50), offender, delegator), moved[2]);
    state.unbonding.insert((Epoch::new(50), other, delegator), moved[3]);
    let executed = run(&state, &[subnet.double_vote(1, 1)]);
    let after = executed.state();
    let slashed = part(20 * UNIT) + part(4 * UNIT) + part(5 * UNIT) + part(6 * UNIT);
    assert_eq!(executed.result.header.slashed.get(), slashed);
    let unbonds =
        |epoch, hotkey, coldkey| after.unbonding()[&(Epoch::new(epoch), hotkey, coldkey)].get();
    assert_eq!(unbonds(50, offender, delegator), 6 * UNIT - part(6 * UNIT));
    assert_eq!(unbonds(50, other, delegator), 7 * UNIT);
    assert_eq!(unbonds(101, offender, delegator), 4 * UNIT - part(4 * UNIT));
    assert_eq!(unbonds(101, offender, coldkey(1)), 20 * UNIT - part(20 * UNIT));
    // What was entering is balance again, less its part.
    let back = after.account(&delegator).balance.get() - before.account(&delegator).balance.get();
    assert!(back >= 5 * UNIT - part(5 * UNIT));
    assert!(after.leaving().is_empty() && after.entering().is_empty());
}
