#![allow(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test")]

use ganglion_types::{CutId, Digest, Epoch, Hotkey, Item, Manifest, Operation, Rao, Role, Uid};

use super::super::fixture::{Subnet, coldkey, element, hotkey};
use super::super::former::Former;
use super::super::receipt::{Failure, Outcome};
use super::super::state::State;
use super::super::{Preflight, admissible, preflight};
use super::tests::stake_of;
use super::tests::{BALANCE, MAX, all_paid, balance, close, failure, genesis, outcome, paid, run};
use super::*;

const UNIT: u64 = Rao::PER_UNIT;

fn refusal(state: &State, item: &Item) -> &'static str {
    admissible(state, item).map_or_else(|reason| reason.name(), |()| "admissible")
}

fn done(state: &State, items: &[Item]) -> State {
    let executed = run(state, items);
    for item in items {
        assert_eq!(outcome(&executed, item), Outcome::Applied, "{item:?}");
    }
    let cut = [u8::try_from(state.next_epoch().get() % 251).unwrap(); 32];
    executed.into_state(CutId::new(cut))
}

fn wait(state: State, epochs: u64) -> State {
    (0..epochs).fold(state, |state, _| done(&state, &[]))
}

fn short_unbonding(epochs: u64) -> impl FnOnce(&mut Manifest) {
    move |manifest| manifest.hyperparameters.unbonding_epochs = epochs
}

fn seat(state: &State, number: u16) -> super::super::Participant {
    *state.participant(state.uid_of(&hotkey(number)).unwrap()).unwrap()
}

fn told(state: &State, item: &Item) -> Preflight {
    let Body::RegistryOp(op) = item.body() else { panic!() };
    preflight(state, op)
}

// Stake

#[test]
fn unstaked_amounts_count_until_they_leave_and_come_back_after_unbonding() {
    let subnet = Subnet::with(&[30 * UNIT, 10 * UNIT], 1, short_unbonding(3));
    let state = done(&genesis(&subnet), &[subnet.unstake(0, 0, 5 * UNIT)]);
    // A tenth of the committee's 40 units leaves, the rest waits one more epoch.
    assert_eq!(stake_of(&state, 0), 26 * UNIT);
    assert_eq!(state.leaving().get(&(Uid::new(0), coldkey(0))), Some(&Rao::new(UNIT)));
    let state = done(&state, &[]);
    assert_eq!((stake_of(&state, 0), state.leaving().len()), (25 * UNIT, 0));
    let keys: Vec<u64> = state.unbonding().keys().map(|key| key.0.get()).collect();
    assert_eq!(keys, [4, 5]);
    let before = balance(&wait(state.clone(), 1), 0);
    let executed = run(&wait(state, 1), &[]);
    let after = executed.state();
    assert_eq!(balance(after, 0), before + paid(&executed, 0) + 4 * UNIT);
}

#[test]
fn without_unbonding_time_what_leaves_is_balance_at_once() {
    let subnet = Subnet::with(&[30, 10], 1, short_unbonding(0));
    let executed = run(&genesis(&subnet), &[subnet.unstake(0, 0, 20)]);
    assert_eq!(balance(executed.state(), 0), BALANCE + 20 + paid(&executed, 0));
    assert!(executed.state().unbonding().is_empty());
}

#[test]
fn more_than_a_tenth_of_the_committee_enters_over_several_epochs_pro_rata() {
    let subnet = Subnet::new(&[30 * UNIT, 10 * UNIT], 1);
    let items = [subnet.stake(0, 0, 6 * UNIT), subnet.stake(1, 0, 2 * UNIT)];
    let state = done(&genesis(&subnet), &items);
    assert_eq!((stake_of(&state, 0), stake_of(&state, 1)), (33 * UNIT, 11 * UNIT));
    assert_eq!(state.supply_parts().entering, u128::from(4 * UNIT));
    let state = done(&state, &[]);
    assert_eq!((stake_of(&state, 0), stake_of(&state, 1)), (36 * UNIT, 12 * UNIT));
    assert!(state.entering().is_empty());
}

#[test]
fn an_amount_can_be_unstaked_once_only() {
    let subnet = Subnet::new(&[30 * UNIT, 10 * UNIT], 1);
    let items = [subnet.unstake(0, 0, 20 * UNIT), subnet.unstake(0, 1, 20 * UNIT)];
    let executed = run(&genesis(&subnet), &items);
    let needed = Rao::new(20 * UNIT);
    let expected = Failure::Stake { needed, held: Rao::new(10 * UNIT) };
    assert_eq!(outcome(&executed, &items[1]), Outcome::Failed(expected));
}

#[test]
fn the_last_stake_of_the_last_member_never_leaves_the_queue() {
    let subnet = Subnet::new(&[30, 10], 1);
    let state = genesis(&subnet);
    // Two coldkeys ask for all there is: the second is refused, for the first will have gone.
    let items = [subnet.unstake(0, 0, 30), subnet.unstake(1, 0, 10)];
    let executed = run(&state, &items);
    let failed = items.iter().filter(|item| outcome(&executed, item) != Outcome::Applied);
    assert_eq!(failed.count(), 1);
    // A member that queued all its stake while another was there keeps it when that one goes.
    let subnet = Subnet::new(&[30 * UNIT, 30 * UNIT], 1);
    let state = done(&genesis(&subnet), &[subnet.unstake(0, 0, 30 * UNIT)]);
    let state = done(&state, &[subnet.deregister(1, 0)]);
    let state = wait(state, 20);
    assert!(stake_of(&state, 0) > 0 && state.committee().len() == 1);
    assert!(!state.leaving().is_empty());
}

// Delegation

#[test]
fn delegated_stake_counts_and_earns_for_its_owner_less_the_take() {
    let subnet = Subnet::new(&[30 * UNIT, 10 * UNIT], 1);
    let state = done(&genesis(&subnet), &[subnet.delegate(2, 0, 0, 3 * UNIT)]);
    let uid = Uid::new(0);
    assert_eq!((stake_of(&state, 0), state.own_stake(uid).get()), (33 * UNIT, 30 * UNIT));
    assert_eq!(state.delegated(uid), Rao::new(3 * UNIT));
    assert_eq!(state.holding(&coldkey(2)), Rao::new(balance(&state, 2) + 3 * UNIT));
    let before = [balance(&state, 0), balance(&state, 2)];
    let executed = run(&state, &[]);
    let row = executed.result.row(uid).unwrap();
    // Paid by stake alone: all of it is for validating.
    let shared = row.paid.get() - row.paid.get() * 11_796 / 65_535;
    let expected = shared * 3 / 33;
    assert!(row.delegated.get().abs_diff(expected) <= 1);
    let got = |number, before| balance(executed.state(), number) - before;
    assert_eq!(got(2, before[1]), row.delegated.get());
    assert_eq!(got(0, before[0]), row.paid.get() - row.delegated.get());
    assert_eq!(executed.state().participant(uid).unwrap().emission, row.paid);
}

#[test]
fn a_take_of_nothing_shares_to_the_rao() {
    let subnet = Subnet::new(&[30 * UNIT], 1);
    let items = [subnet.set_take(0, 0, 0), subnet.delegate(1, 0, 0, 2 * UNIT)];
    let state = done(&genesis(&subnet), &items);
    let executed = run(&state, &[]);
    let row = executed.result.row(Uid::new(0)).unwrap();
    assert_eq!(row.delegated.get(), super::super::split(row.paid.get(), &[30, 2])[1]);
}

#[test]
fn undelegated_stake_leaves_like_any_other_and_never_as_dust() {
    let subnet = Subnet::new(&[30 * UNIT, 10 * UNIT], 1);
    let state = done(&genesis(&subnet), &[subnet.delegate(2, 0, 0, 2 * UNIT)]);
    let least = subnet.manifest.hyperparameters.min_balance.get();
    let some = done(&state, &[subnet.undelegate(2, 1, 0, UNIT)]);
    assert_eq!(some.delegated(Uid::new(0)), Rao::new(UNIT));
    let all = done(&state, &[subnet.undelegate(2, 1, 0, 2 * UNIT - least + 1)]);
    assert_eq!(all.delegations(Uid::new(0)).count(), 0);
    let waiting = (Epoch::new(102), hotkey(0), coldkey(2));
    assert_eq!(all.unbonding().get(&waiting), Some(&Rao::new(2 * UNIT)));
}

#[test]
fn delegations_that_break_a_rule_fail_by_its_name() {
    let subnet = Subnet::new(&[30, 10], 1);
    let state = genesis(&subnet);
    let least = Rao::new(1_000_000);
    let cases = [
        (subnet.delegate(0, 0, 0, UNIT), Failure::Own { hotkey: hotkey(0) }),
        (subnet.delegate(0, 0, 2, UNIT), Failure::NotValidator { hotkey: hotkey(2) }),
        (subnet.delegate(0, 0, 9, UNIT), Failure::NotRegistered { hotkey: hotkey(9) }),
        (subnet.delegate(2, 0, 0, 999_999), Failure::SmallDelegation { least }),
        (
            subnet.delegate(2, 0, 0, BALANCE + 1),
            Failure::Balance { needed: Rao::new(BALANCE + 1), held: Rao::new(BALANCE) },
        ),
        (subnet.undelegate(2, 0, 0, 1), Failure::Stake { needed: Rao::new(1), held: Rao::ZERO }),
        (subnet.undelegate(0, 0, 0, 1), Failure::Own { hotkey: hotkey(0) }),
        (subnet.undelegate(0, 0, 9, 1), Failure::NotRegistered { hotkey: hotkey(9) }),
    ];
    for (item, expected) in cases {
        assert_eq!(failure(&state, &item), expected);
    }
}

#[test]
fn a_uid_has_a_thousand_and_twenty_four_delegators_at_most() {
    let subnet = Subnet::new(&[30 * UNIT], 1);
    let mut state = genesis(&subnet);
    for number in 0..1_024_u16 {
        let key = ganglion_types::Coldkey::new(number.to_be_bytes().repeat(16).try_into().unwrap());
        let waits = number % 2 == 0;
        if waits {
            state.entering.insert((hotkey(0), key), Rao::new(1));
        } else {
            state.delegations.insert((Uid::new(0), key), Rao::new(1));
        }
    }
    let item = subnet.delegate(1, 0, 0, UNIT);
    assert_eq!(failure(&state, &item), Failure::Delegators { hotkey: hotkey(0) });
    state.entering.pop_first();
    assert_eq!(outcome(&run(&state, std::slice::from_ref(&item)), &item), Outcome::Applied);
}

#[test]
fn a_take_falls_at_any_time_and_rises_once_in_six_hundred_epochs() {
    let subnet = Subnet::new(&[30, 10], 1);
    let state = genesis(&subnet);
    assert_eq!(refusal(&state, &subnet.set_take(0, 0, 11_797)), "take");
    let other = subnet.operation(0, 0, Operation::SetTake { hotkey: hotkey(1), take: 1 });
    assert_eq!(failure(&state, &other), Failure::NotOwned { hotkey: hotkey(1) });
    let missing = subnet.operation(0, 0, Operation::SetTake { hotkey: hotkey(9), take: 1 });
    assert_eq!(failure(&state, &missing), Failure::NotRegistered { hotkey: hotkey(9) });
    let items = [11_000, 5_000, 6_000].into_iter().zip(0..);
    let items: Vec<Item> = items.map(|(take, nonce)| subnet.set_take(0, nonce, take)).collect();
    let mut state = done(&state, &items);
    assert_eq!((seat(&state, 0).take, seat(&state, 0).take_raised_at), (6_000, Epoch::new(1)));
    let again = Failure::TakeRaise { again: Epoch::new(601) };
    let rise = subnet.set_take(0, 3, 6_001);
    assert_eq!(failure(&state, &rise), again);
    let from = Some(Epoch::new(601));
    assert_eq!(told(&state, &rise), Preflight::Fails { failure: again, from });
    state.chain.epoch = Epoch::new(599);
    assert_eq!(failure(&state, &subnet.operation_until(0, 3, 700, rise_to(6_001))), again);
    state.chain.epoch = Epoch::new(600);
    done(&state, &[subnet.operation_until(0, 3, 700, rise_to(6_001))]);
}

fn rise_to(take: u16) -> Operation {
    Operation::SetTake { hotkey: hotkey(0), take }
}

// Registrations

#[test]
fn a_registration_by_burn_costs_the_price_and_raises_it_at_once() {
    let subnet = Subnet::new(&[30], 2);
    let state = genesis(&subnet);
    assert_eq!(state.chain().burn_price, Rao::new(UNIT));
    let items = [subnet.burn(1, 0, 20, 2 * UNIT), subnet.burn(1, 1, 21, 2 * UNIT)];
    assert!(items.iter().all(Item::verify));
    let executed = run(&state, &items);
    let after = executed.state();
    assert!(items.iter().all(|item| outcome(&executed, item) == Outcome::Applied));
    let price = UNIT + UNIT * 126 / 100;
    assert_eq!((after.chain().burned.get(), executed.result.header.burned.get()), (price, price));
    assert_eq!(balance(after, 1), BALANCE - price + paid(&executed, 1));
    assert_eq!((after.uid_count(), after.chain().registrations), (5, 2));
    // Raised twice, then halved for the next epoch; work costs what it did.
    assert_eq!(after.chain().burn_price.get(), UNIT * 126 / 100 * 126 / 100 / 2);
    assert_eq!(after.chain().difficulty, 1);
    assert_eq!(seat(after, 20).coldkey, coldkey(1));
    assert_eq!(seat(after, 20).nonce, 1 << 20);
}

#[test]
fn the_burn_price_stays_within_its_bounds() {
    let subnet = Subnet::with(&[30], 2, |m| {
        m.hyperparameters.min_burn = Rao::new(3 * UNIT);
        m.hyperparameters.max_burn = Rao::new(3 * UNIT + 5);
    });
    let state = genesis(&subnet);
    assert_eq!(state.chain().burn_price, Rao::new(3 * UNIT));
    let items = [subnet.burn(1, 0, 20, 4 * UNIT), subnet.burn(1, 1, 21, 4 * UNIT)];
    let state = done(&state, &items);
    assert_eq!(state.chain().burned, Rao::new(6 * UNIT + 5));
    assert_eq!(state.chain().burn_price, Rao::new(3 * UNIT));
}

#[test]
fn registrations_by_burn_that_break_a_rule_fail_by_its_name() {
    let subnet = Subnet::with(&[30], 2, |m| m.hyperparameters.max_registrations_per_epoch = 1);
    let state = genesis(&subnet);
    let max = Rao::new(UNIT - 1);
    let low = subnet.burn(1, 0, 20, UNIT - 1);
    assert_eq!(failure(&state, &low), Failure::Price { price: Rao::new(UNIT), max });
    // Half a unit in the next epoch but one at most: the price halves at each end.
    let from = Some(Epoch::new(2));
    let failure_of = Failure::Price { price: Rao::new(UNIT), max };
    assert_eq!(told(&state, &low), Preflight::Fails { failure: failure_of, from });
    let taken = Failure::HotkeyTaken { hotkey: hotkey(2), uid: Uid::new(2) };
    assert_eq!(failure(&state, &subnet.burn(1, 0, 2, UNIT)), taken);
    let mut poor = state.clone();
    poor.accounts.get_mut(&coldkey(1)).unwrap().balance = Rao::new(2_000_000);
    let expected = Failure::Balance { needed: Rao::new(UNIT), held: Rao::new(2_000_000) };
    assert_eq!(failure(&poor, &subnet.burn(1, 0, 20, UNIT)), expected);
    let two = [subnet.burn(1, 0, 20, UNIT), subnet.burn(1, 1, 21, 2 * UNIT)];
    let executed = run(&state, &two);
    assert_eq!(outcome(&executed, &two[1]), Outcome::Failed(Failure::EpochLimit { max: 1 }));
    // A registration by work finds the epoch taken as well.
    let work = subnet.register(22, Role::Miner, state.head(), 1);
    let executed = run(&state, &[two[0].clone(), work.clone()]);
    assert_eq!(outcome(&executed, &work), Outcome::Failed(Failure::EpochLimit { max: 1 }));
}

#[test]
fn registrations_by_burn_are_refused_where_work_is() {
    let closed = Subnet::with(&[30], 1, |m| m.hyperparameters.registration_allowed = false);
    let state = genesis(&closed);
    assert_eq!(refusal(&state, &closed.burn(1, 0, 20, UNIT)), "registration_closed");
    let subnet = Subnet::new(&[30], 1);
    let state = genesis(&subnet);
    let (hotkey, consent) = subnet.consent(1, 20);
    let max_price = Rao::new(UNIT);
    let burn = |role, seed_tail, hotkey| {
        let operation = Operation::BurnRegister { hotkey, role, seed_tail, max_price, consent };
        refusal(&state, &subnet.operation(1, 0, operation))
    };
    assert_eq!(burn(Role::Validator, None, hotkey), "seed_tail");
    assert_eq!(burn(Role::Miner, Some(Digest::ZERO), hotkey), "seed_tail");
    assert_eq!(burn(Role::Validator, Some(Digest::ZERO), hotkey), "admissible");
    let mut weak = [0; 32];
    weak[0] = 1;
    assert_eq!(burn(Role::Miner, None, Hotkey::new(weak)), "weak_key");
    let other = subnet.consent(2, 20).1;
    let stolen = Operation::BurnRegister {
        hotkey,
        role: Role::Miner,
        seed_tail: None,
        max_price,
        consent: other,
    };
    assert!(!subnet.operation(1, 0, stolen).verify());
}

#[test]
fn a_full_subnet_replaces_who_earned_least_and_was_there_longest() {
    let subnet = Subnet::with(&[30, 20], 4, |m| {
        m.hyperparameters.max_allowed_uids = 6;
        m.hyperparameters.max_validators = 6;
        m.hyperparameters.immunity_period = 0;
        m.hyperparameters.min_non_immune_uids = 0;
    });
    let row = [(2, MAX), (3, 30_000), (4, 5), (5, 40_000)];
    let rows = [0, 1].map(|n| subnet.weights(n, 1, 1, &row));
    let state = close(&genesis(&subnet), &rows);
    assert_eq!(state.prunable(), Some(Uid::new(4)));
    let newcomer = subnet.register(20, Role::Miner, state.head(), 1);
    let after = done(&state, &[newcomer]);
    assert_eq!(after.uid_of(&hotkey(20)), Some(Uid::new(4)));
    assert_eq!(after.uid_of(&hotkey(4)), None);
    for uid in [0, 1].map(Uid::new) {
        assert!(after.weights(uid).iter().all(|(target, _)| *target != 4));
        assert!(after.bonds(uid).iter().all(|(target, _)| *target != 4));
    }
    assert!(after.participant(Uid::new(4)).unwrap().emission.is_zero());
}

#[test]
fn newcomers_are_spared_while_enough_others_are_there() {
    let with = |immunity, others| {
        let subnet = Subnet::with(&[30], 3, |m| {
            m.hyperparameters.max_allowed_uids = 4;
            m.hyperparameters.max_validators = 4;
            m.hyperparameters.immunity_period = immunity;
            m.hyperparameters.min_non_immune_uids = others;
        });
        let mut state = genesis(&subnet);
        state.chain.epoch = Epoch::new(9);
        for (uid, registered) in [(1, 0), (2, 2), (3, 6)] {
            state.participant_mut(Uid::new(uid)).unwrap().registered_at = Epoch::new(registered);
        }
        state.prunable().map(|uid| uid.get())
    };
    // Closing epoch 10: ages 10, 8 and 4.
    assert_eq!(with(5, 1), Some(1));
    // As few non-immune ones as must stay: the immune one goes.
    assert_eq!(with(5, 2), Some(3));
    assert_eq!(with(8, 0), Some(1));
    // Nobody is immune, so it is one of them all the same.
    assert_eq!(with(0, 10), Some(1));
    // All are immune.
    assert_eq!(with(11, 0), None.or(with(11, 10)));
}

#[test]
fn members_and_the_owner_are_never_replaced() {
    let subnet = Subnet::with(&[30, 20], 0, |m| {
        m.owner = Some(coldkey(1));
        m.hyperparameters.max_allowed_uids = 2;
        m.hyperparameters.max_validators = 1;
    });
    let mut state = genesis_of(&subnet);
    assert_eq!(state.owner_uid(), Some(Uid::new(1)));
    state.participant_mut(Uid::new(1)).unwrap().permit = false;
    assert_eq!(state.prunable(), None);
    state.participant_mut(Uid::new(1)).unwrap().coldkey = coldkey(5);
    assert_eq!(state.prunable(), Some(Uid::new(1)));
}

/// Two validators where one may sit: allowed after genesis only.
fn genesis_of(subnet: &Subnet) -> State {
    let mut manifest = (*subnet.manifest).clone();
    manifest.hyperparameters.max_validators = 2;
    State::genesis(std::sync::Arc::new(manifest)).unwrap()
}

// Tenancy

#[test]
fn who_deregisters_leaves_nothing_behind_but_unbonding_stake() {
    let subnet = Subnet::new(&[30 * UNIT, 20 * UNIT], 2);
    let rows = [0, 1].map(|n| subnet.weights(n, 1, 1, &[(2, MAX), (3, 7)]));
    let items = [subnet.delegate(2, 0, 1, 2 * UNIT), subnet.delegate(3, 0, 1, 2 * UNIT)];
    let state = close(&genesis(&subnet), &[rows.as_slice(), &items].concat());
    // 4 of a tenth of 50 units entered. More is on its way in and out when it goes.
    let moving = [subnet.stake(1, 0, 50 * UNIT), subnet.undelegate(2, 1, 1, UNIT)];
    let state = done(&state, &moving);
    let entering = state.entering()[&(hotkey(1), coldkey(1))].get();
    let (own, held) = (state.own_stake(Uid::new(1)), balance(&state, 1));
    let executed = run(&state, &[subnet.deregister(1, 0)]);
    let after = executed.state();
    assert_eq!(after.uid_of(&hotkey(1)), None);
    assert!(after.weights(Uid::new(1)).is_empty() && after.bonds(Uid::new(1)).is_empty());
    assert!(after.entering().is_empty() && after.leaving().is_empty());
    assert_eq!(after.delegations.len(), 0);
    let row = executed.result.row(Uid::new(1)).unwrap();
    let kept = row.paid.get() - row.delegated.get();
    assert_eq!(balance(after, 1), held + kept + entering);
    let waiting = |number| after.unbonding()[&(Epoch::new(103), hotkey(1), coldkey(number))];
    assert_eq!((waiting(1), waiting(3)), (own, Rao::new(2 * UNIT)));
    assert_eq!(after.committee().len(), 1);
}

#[test]
fn the_last_slot_is_taken_away_with_who_held_it() {
    let subnet = Subnet::new(&[30], 3);
    let row = subnet.weights(0, 1, 1, &[(2, MAX), (3, 7)]);
    let state = close(&genesis(&subnet), &[row, subnet.deregister(2, 0)]);
    assert_eq!((state.uid_count(), state.vacancy()), (4, Some(Uid::new(2))));
    let state = done(&state, &[subnet.deregister(3, 0)]);
    assert_eq!(state.uid_count(), 2);
    assert_eq!(state.weights(Uid::new(0)), []);
    let back = State::from_rows(state.manifest().clone(), state.head(), &state.rows());
    assert_eq!(back.as_ref(), Ok(&state));
    // Who left may come again at once, with nonces that no old operation has.
    let register = subnet.register(3, Role::Miner, state.head(), 1);
    let state = done(&state, &[register]);
    assert_eq!(seat(&state, 3).nonce, 3 << 20);
    assert_eq!(refusal(&state, &subnet.deregister(3, 0)), "nonce");
}

#[test]
fn hotkeys_without_uid_and_last_members_do_not_deregister() {
    let subnet = Subnet::new(&[30], 1);
    let state = genesis(&subnet);
    assert_eq!(refusal(&state, &subnet.deregister(9, 0)), "not_registered");
    assert_eq!(refusal(&state, &subnet.deregister(1, 16)), "nonce");
    let last = Failure::LastMember { hotkey: hotkey(0) };
    assert_eq!(failure(&state, &subnet.deregister(0, 0)), last);
    assert_eq!(failure(&state, &subnet.serve(0, 0, Role::Miner)), last);
    let twice = [subnet.deregister(1, 0), subnet.deregister(1, 1)];
    let executed = run(&state, &twice);
    let gone = Failure::NotRegistered { hotkey: hotkey(1) };
    assert_eq!(outcome(&executed, &twice[1]), Outcome::Failed(gone));
}

#[test]
fn a_hotkey_changes_its_role_and_its_chain() {
    let subnet = Subnet::new(&[30 * UNIT, 20 * UNIT], 1);
    let rows = [0, 1].map(|n| subnet.weights(n, 1, 1, &[(2, MAX)]));
    let state = close(&genesis(&subnet), &rows);
    let items = [subnet.stake(1, 0, 50 * UNIT), subnet.serve(1, 0, Role::Miner)];
    let after = done(&state, &items);
    let one = seat(&after, 1);
    assert_eq!((one.role, one.permit, one.seed), (Role::Miner, false, Digest::ZERO));
    // It keeps its stake; what was entering went back, and its rows are gone.
    assert_eq!((one.stake.get(), one.nonce), (20 * UNIT, 1));
    assert!(after.entering().is_empty() && after.committee().len() == 1);
    assert!(after.weights(Uid::new(1)).is_empty() && after.bonds(Uid::new(1)).is_empty());
    let after = done(&after, &[subnet.serve(1, 1, Role::Validator)]);
    let one = seat(&after, 1);
    assert_eq!(
        (one.role, one.seed, one.seed_epoch),
        (Role::Validator, element(1, 0), Epoch::new(3))
    );
    // With the stake that it kept it gets a permit at the end of the next epoch.
    assert_eq!(done(&after, &[]).committee().len(), 2);
    // A validator may begin a new chain.
    let after = done(&after, &[subnet.serve(1, 2, Role::Validator)]);
    assert_eq!(seat(&after, 1).seed_epoch, Epoch::new(4));
    assert_eq!(
        refusal(
            &after,
            &subnet.of_hotkey(1, 3, Operation::Serve { role: Role::Validator, seed_tail: None })
        ),
        "seed_tail"
    );
    assert_eq!(refusal(&after, &subnet.serve(9, 0, Role::Miner)), "not_registered");
}

#[test]
fn a_rotated_hotkey_passes_everything_on() {
    let subnet = Subnet::with(&[30 * UNIT, 20 * UNIT], 1, short_unbonding(3));
    let row = subnet.weights(0, 1, 1, &[(2, MAX)]);
    let state = close(&genesis(&subnet), &[row, subnet.stake(0, 0, 9 * UNIT)]);
    let (before, waiting) = (seat(&state, 0), state.entering()[&(hotkey(0), coldkey(0))]);
    let state = done(&state, &[subnet.rotate(0, 1, 0, 30)]);
    let uid = Uid::new(0);
    assert_eq!((state.uid_of(&hotkey(0)), state.uid_of(&hotkey(30))), (None, Some(uid)));
    let one = seat(&state, 30);
    assert_eq!((one.coldkey, one.nonce, one.registered_at), (before.coldkey, 0, Epoch::GENESIS));
    let enters = u64::try_from(state.supply_parts().entering).unwrap();
    assert_eq!(one.stake.get() + enters, before.stake.get() + waiting.get());
    assert!(state.entering().keys().all(|key| key.0 == hotkey(30)));
    assert_eq!(state.weights(uid), [(2, MAX)]);
    let former = Former { successor: Some(hotkey(30)), epoch: Epoch::new(2) };
    assert_eq!(state.former().get(&hotkey(0)), Some(&former));
    // It may not come back before its last signatures can no longer be held against it.
    let again = |state: &State| refusal(state, &subnet.register(0, Role::Miner, state.head(), 1));
    assert_eq!(again(&state), "former_hotkey");
    assert_eq!(state.former_until(&hotkey(0)), Some(Epoch::new(6)));
    let state = wait(state, 2);
    assert_eq!((state.epoch(), again(&state)), (Epoch::new(4), "former_hotkey"));
    assert_eq!(again(&wait(state, 1)), "admissible");
}

#[test]
fn rotations_that_break_a_rule_fail_by_its_name() {
    let subnet = Subnet::new(&[30, 20], 1);
    let state = genesis(&subnet);
    assert_eq!(
        failure(&state, &subnet.rotate(0, 0, 9, 30)),
        Failure::NotRegistered { hotkey: hotkey(9) }
    );
    assert_eq!(
        failure(&state, &subnet.rotate(0, 0, 1, 30)),
        Failure::NotOwned { hotkey: hotkey(1) }
    );
    let taken = Failure::HotkeyTaken { hotkey: hotkey(1), uid: Uid::new(1) };
    assert_eq!(failure(&state, &subnet.rotate(0, 0, 0, 1)), taken);
    let state = done(&state, &[subnet.rotate(0, 0, 0, 30)]);
    let until = Some(Epoch::new(102));
    let former = Failure::FormerHotkey { hotkey: hotkey(0), until };
    assert_eq!(failure(&state, &subnet.rotate(1, 0, 1, 0)), former);
    assert_eq!(failure(&state, &subnet.burn(1, 0, 0, UNIT)), former);
    let told = told(&state, &subnet.burn(1, 0, 0, UNIT));
    assert_eq!(told, Preflight::Fails { failure: former, from: until });
    let mut weak = [0; 32];
    weak[0] = 1;
    let consent = subnet.consent(1, 30).1;
    let rotate = Operation::RotateHotkey { from: hotkey(1), to: Hotkey::new(weak), consent };
    assert_eq!(refusal(&state, &subnet.operation(1, 0, rotate)), "weak_key");
    let without = Operation::RotateHotkey { from: hotkey(1), to: hotkey(31), consent };
    assert!(!subnet.operation(1, 0, without).verify());
}

#[test]
fn a_slashed_hotkey_never_comes_back() {
    let subnet = Subnet::with(&[30], 1, short_unbonding(1));
    let mut state = genesis(&subnet);
    state.former.insert(hotkey(20), Former { successor: None, epoch: Epoch::GENESIS });
    let state = wait(state, 5);
    let register = subnet.register(20, Role::Miner, state.head(), 1);
    assert_eq!(refusal(&state, &register), "former_hotkey");
    assert!(admissible(&state, &register).unwrap_err().to_string().ends_with("never"));
}

#[test]
fn what_was_slashed_is_barred_under_every_name_it_had() {
    let subnet = Subnet::with(&[30, 20], 1, short_unbonding(1));
    let mut state = genesis(&subnet);
    let rotated = |to| Former { successor: Some(hotkey(to)), epoch: Epoch::GENESIS };
    state.former.insert(hotkey(20), rotated(21));
    state.former.insert(hotkey(21), Former { successor: None, epoch: Epoch::GENESIS });
    state.former.insert(hotkey(22), rotated(1));
    let state = wait(state, 2);
    let refused = |number| refusal(&state, &subnet.register(number, Role::Miner, state.head(), 1));
    assert_eq!((refused(20), refused(21)), ("former_hotkey", "former_hotkey"));
    assert_eq!(state.former_until(&hotkey(20)), None);
    // Its successor was not slashed, so it may come back.
    assert_eq!(refused(22), "admissible");
    // One that was slashed but had to stay cannot take another name.
    let mut state = state;
    state.former.insert(hotkey(0), Former { successor: None, epoch: Epoch::GENESIS });
    let barred = Failure::FormerHotkey { hotkey: hotkey(0), until: None };
    assert_eq!(failure(&state, &subnet.rotate(0, 0, 0, 30)), barred);
}

#[test]
fn operations_of_hotkeys_come_after_those_of_accounts() {
    let subnet = Subnet::new(&[30, 20], 1);
    let state = genesis(&subnet);
    let items = [subnet.deregister(1, 0), subnet.rotate(1, 0, 1, 30)];
    let executed = run(&state, &items);
    assert_eq!(outcome(&executed, &items[1]), Outcome::Applied);
    let gone = Failure::NotRegistered { hotkey: hotkey(1) };
    assert_eq!(outcome(&executed, &items[0]), Outcome::Failed(gone));
    // Nonces of a hotkey go in order like an account's.
    let items = [subnet.serve(1, 1, Role::Validator), subnet.serve(1, 0, Role::Validator)];
    assert_eq!(seat(&done(&state, &items), 1).nonce, 2);
    let executed = run(&state, &items[..1]);
    assert_eq!(outcome(&executed, &items[0]), Outcome::Gap { next: 0 });
}

// Told beforehand

#[test]
fn an_operation_is_told_as_the_next_cut_would_have_it() {
    let subnet = Subnet::new(&[30, 20], 1);
    let state = genesis(&subnet);
    assert_eq!(told(&state, &subnet.stake(0, 0, 5)), Preflight::Succeeds);
    assert_eq!(told(&state, &subnet.stake(0, 3, 5)), Preflight::Waits { next: 0 });
    // The payment of the epoch comes before it.
    let emission = subnet.manifest.hyperparameters.emission.get();
    assert_eq!(told(&state, &subnet.stake(0, 0, BALANCE + emission / 2)), Preflight::Succeeds);
    let register = subnet.register(9, Role::Miner, state.head(), 1);
    assert_eq!(told(&state, &register), Preflight::Succeeds);
    let too_early = subnet.operation_until(0, 0, 1_003, Operation::Approve { revision: 1 });
    assert!(matches!(
        told(&state, &too_early),
        Preflight::Inadmissible { from: Some(from), .. } if from == Epoch::new(3)
    ));
    assert!(matches!(
        told(&state, &subnet.stake(0, 99, 1)),
        Preflight::Inadmissible { from: None, .. }
    ));
}

#[test]
fn a_lack_of_balance_is_told_with_the_epoch_of_its_release() {
    let subnet = Subnet::with(&[30 * UNIT, 20 * UNIT], 0, |m| {
        m.accounts.clear();
        m.hyperparameters.emission = Rao::ZERO;
    });
    let state = done(&genesis(&subnet), &[subnet.unstake(0, 0, 2 * UNIT)]);
    let state = done(&state, &[subnet.unstake(0, 1, 3 * UNIT)]);
    let from = |amount| match told(&state, &subnet.transfer(0, 2, 1, amount)) {
        Preflight::Fails { failure: Failure::Balance { .. }, from } => from,
        other => panic!("{other:?}"),
    };
    assert_eq!(from(UNIT), Some(Epoch::new(102)));
    assert_eq!(from(3 * UNIT), Some(Epoch::new(103)));
    assert_eq!(from(6 * UNIT), None);
}

#[test]
fn a_broken_sum_is_told_with_all_its_terms() {
    let subnet = Subnet::new(&[30], 1);
    let supply = genesis(&subnet).supply_parts();
    let terms = Terms {
        before: supply,
        emitted: Rao::new(7),
        burned: Rao::new(2),
        slashed: Rao::new(1),
        after: supply,
    };
    assert_eq!(terms.expected(), supply.total() + 4);
    let text = ExecuteError::Conservation { terms: Box::new(terms) }.to_string();
    for term in
        ["balances", "stakes 30", "entering 0", "unbonding 0", "emitted 7", "burned 2", "slashed 1"]
    {
        assert!(text.contains(term), "{term} in {text}");
    }
    assert_eq!(all_paid(&run(&genesis(&subnet), &[])), 1_000_000_007);
}
