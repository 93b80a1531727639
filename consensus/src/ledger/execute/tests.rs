#![allow(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test")]

use super::super::fixture::{Subnet, coldkey, hotkey};
use super::super::result::ResultRow;
use ganglion_types::{Body, Coldkey, CutId, Epoch, Hotkey, Item, Operation, Rao, Role, Uid};

use super::super::admission::Registration;
use super::super::receipt::Failure;
use super::super::state::State;
use super::*;

mod evidence;
mod hidden;

pub(super) const MAX: u16 = 65_535;
pub(super) const BALANCE: u64 = 100 * Rao::PER_UNIT;

pub(super) fn genesis(subnet: &Subnet) -> State {
    State::genesis(subnet.manifest.clone()).unwrap()
}

pub(super) fn run(state: &State, items: &[Item]) -> Executed {
    execute(state, state.chain().time + 1, items).unwrap()
}

/// Executes and decides a cut whose id is the epoch.
pub(super) fn close(state: &State, items: &[Item]) -> State {
    let cut = [u8::try_from(state.next_epoch().get()).unwrap(); 32];
    run(state, items).into_state(CutId::new(cut))
}

pub(super) fn outcome(executed: &Executed, item: &Item) -> Outcome {
    executed.receipts.iter().find(|receipt| receipt.item == item.id()).unwrap().outcome
}

pub(super) fn failure(state: &State, item: &Item) -> Failure {
    match outcome(&run(state, std::slice::from_ref(item)), item) {
        Outcome::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

pub(super) fn balance(state: &State, number: u16) -> u64 {
    state.account(&coldkey(number)).balance.get()
}

pub(super) fn stake_of(state: &State, number: u16) -> u64 {
    state.participant(state.uid_of(&hotkey(number)).unwrap()).unwrap().stake.get()
}

pub(super) fn paid(executed: &Executed, uid: u16) -> u64 {
    executed.result.row(Uid::new(uid)).unwrap().paid.get()
}

pub(super) fn all_paid(executed: &Executed) -> u64 {
    executed.result.rows.iter().fold(0, |sum, row| sum + row.paid.get())
}

#[test]
fn an_empty_cut_pays_by_stake_and_moves_the_epoch_on() {
    let subnet = Subnet::new(&[30, 10], 1);
    let state = genesis(&subnet);
    let executed = run(&state, &[]);
    let emission = subnet.manifest.hyperparameters.emission.get();
    assert_eq!(executed.payout.basis, super::super::Basis::Stake);
    assert_eq!(paid(&executed, 0) + paid(&executed, 1), emission);
    assert_eq!(paid(&executed, 0), emission * 3 / 4);
    assert_eq!(executed.result.header.emitted.get(), emission);
    let next = executed.into_state(CutId::new([1; 32]));
    assert_eq!(next.epoch(), Epoch::new(1));
    assert_eq!(next.head(), CutId::new([1; 32]));
    assert_eq!(next.chain().recent_cuts, [state.head()]);
    assert_eq!(next.chain().last_mechanism_step, Epoch::new(1));
    assert_eq!(next.chain().emitted.get(), emission);
}

#[test]
fn weights_count_in_the_epoch_of_their_cut() {
    let subnet = Subnet::new(&[30, 20], 2);
    let state = genesis(&subnet);
    let rows = [
        subnet.weights(0, 1, 1, &[(2, MAX), (3, MAX)]),
        subnet.weights(1, 1, 1, &[(2, MAX), (3, MAX)]),
    ];
    let executed = run(&state, &rows);
    assert!(rows.iter().all(|row| outcome(&executed, row) == Outcome::Applied));
    assert_eq!(executed.payout.basis, super::super::Basis::Dividends);
    assert!(paid(&executed, 2) > 0 && paid(&executed, 2).abs_diff(paid(&executed, 3)) <= 1);
    assert_eq!(all_paid(&executed), subnet.manifest.hyperparameters.emission.get());
    let signer = executed.state().participant(Uid::new(0)).unwrap();
    assert_eq!((signer.last_update, signer.seed_epoch), (Epoch::new(1), Epoch::new(1)));
    assert_eq!(signer.seed, subnet.row(0, 1, 1, &[]).task_preimage);
    assert_eq!(balance(executed.state(), 2), BALANCE + paid(&executed, 2));
}

#[test]
fn a_row_lives_until_it_is_replaced() {
    let subnet = Subnet::new(&[30], 2);
    let mut state = close(&genesis(&subnet), &[subnet.weights(0, 1, 1, &[(1, MAX)])]);
    for _ in 0..3 {
        let executed = run(&state, &[]);
        assert!(paid(&executed, 1) > 0 && paid(&executed, 2) == 0);
        state = close(&state, &[]);
    }
    // The element of epoch 5 leads to that of epoch 1.
    let executed = run(&state, &[subnet.weights(0, 5, 1, &[(2, MAX)])]);
    assert!(paid(&executed, 2) > 0 && paid(&executed, 1) == 0);
}

#[test]
fn of_several_rows_the_highest_number_counts() {
    let subnet = Subnet::new(&[30, 20], 2);
    let state = genesis(&subnet);
    let rows = [(1, 10), (2, 30), (3, 20)]
        .map(|(seq, value)| subnet.weights(0, 1, seq, &[(2, MAX), (3, value)]));
    let executed = run(&state, &rows);
    assert_eq!(outcome(&executed, &rows[2]), Outcome::Applied);
    for older in &rows[..2] {
        assert_eq!(outcome(&executed, older), Outcome::Superseded { by: rows[2].id() });
    }
    assert_eq!(executed.state().weights(Uid::new(0)), [(2, MAX), (3, 20)]);
}

#[test]
fn two_rows_with_one_number_cost_the_row_and_the_dividend() {
    let subnet = Subnet::new(&[30, 20], 2);
    let honest = [subnet.weights(0, 1, 1, &[(2, MAX)]), subnet.weights(1, 1, 1, &[(2, MAX)])];
    let state = close(&genesis(&subnet), &honest);
    let twice = [
        subnet.weights(0, 2, 7, &[(2, MAX)]),
        subnet.weights(0, 2, 7, &[(3, MAX)]),
        subnet.weights(0, 2, 8, &[(3, MAX)]),
    ];
    let executed = run(&state, &twice);
    assert!(twice.iter().all(|row| outcome(&executed, row) == Outcome::Equivocated));
    assert!(executed.state().weights(Uid::new(0)).is_empty());
    let signer = executed.state().participant(Uid::new(0)).unwrap();
    assert_eq!((signer.last_update, signer.seed_epoch), (Epoch::new(1), Epoch::new(1)));
    assert!(executed.payout.shares[0].forfeited);
    assert_eq!(paid(&executed, 0), 0);
    assert_eq!(all_paid(&executed), subnet.manifest.hyperparameters.emission.get());
}

#[test]
fn where_every_claim_is_forfeited_nothing_is_emitted() {
    let subnet = Subnet::with(&[30], 2, |m| m.owner = Some(coldkey(40)));
    let state = genesis(&subnet);
    let twice = [&[(1, MAX)][..], &[(2, MAX)]].map(|row| subnet.weights(0, 1, 1, row));
    let executed = run(&state, &twice);
    assert_eq!(executed.result.header.emitted, Rao::ZERO);
    assert_eq!(executed.result.header.owner_part, Rao::ZERO);
    assert_eq!(executed.state().supply(), state.supply());
}

#[test]
fn the_owner_gets_its_part_and_the_rest_is_shared() {
    let subnet = Subnet::with(&[30], 1, |m| m.owner = Some(coldkey(40)));
    let executed = run(&genesis(&subnet), &[]);
    let emission = subnet.manifest.hyperparameters.emission.get();
    let part = emission * 11_796 / 65_535;
    assert_eq!(executed.result.header.owner_part.get(), part);
    assert_eq!(balance(executed.state(), 40), part);
    assert_eq!(all_paid(&executed), emission - part);
}

#[test]
fn a_supply_that_would_reach_its_bound_grows_no_more() {
    let subnet = Subnet::with(&[30], 1, |m| {
        m.accounts = vec![(coldkey(1), Rao::new(Rao::SUPPLY_MAX.get() - 1 - 30 - 1_000_000_006))];
    });
    let executed = run(&genesis(&subnet), &[]);
    assert_eq!(executed.result.header.emitted, Rao::ZERO);
    let subnet = Subnet::with(&[30], 1, |m| {
        m.accounts = vec![(coldkey(1), Rao::new(Rao::SUPPLY_MAX.get() - 1 - 30 - 1_000_000_007))];
    });
    let executed = run(&genesis(&subnet), &[]);
    assert_eq!(executed.result.header.emitted.get(), 1_000_000_007);
    assert_eq!(executed.state().supply(), u128::from(Rao::SUPPLY_MAX.get()) - 1);
}

#[test]
fn stake_moves_both_ways_after_the_payments() {
    let subnet = Subnet::new(&[30, 10], 1);
    let state = genesis(&subnet);
    let items = [subnet.stake(0, 0, 5), subnet.unstake(0, 1, 20), subnet.transfer(0, 2, 1, 7)];
    let executed = run(&state, &items);
    assert!(items.iter().all(|item| outcome(&executed, item) == Outcome::Applied));
    let after = executed.state();
    assert_eq!(stake_of(after, 0), 15);
    assert_eq!(balance(after, 0), BALANCE - 5 - 7 + paid(&executed, 0));
    let waiting = (Epoch::new(101), hotkey(0), coldkey(0));
    assert_eq!(after.unbonding().get(&waiting), Some(&Rao::new(20)));
    assert_eq!(balance(after, 1), BALANCE + 7 + paid(&executed, 1));
    assert_eq!(after.account(&coldkey(0)).nonce, 3);
    // Paid by the stake at the deadline: 30 and 10.
    assert_eq!(paid(&executed, 0), 1_000_000_007 * 3 / 4);
}

#[test]
fn operations_that_cannot_be_done_use_up_their_nonce() {
    let subnet = Subnet::new(&[30, 10], 1);
    let state = genesis(&subnet);
    let operation = |operation| subnet.operation(0, 0, operation);
    let amount = Rao::new(1);
    let cases = [
        (
            operation(Operation::Stake { hotkey: hotkey(9), amount }),
            Failure::NotRegistered { hotkey: hotkey(9) },
        ),
        (
            operation(Operation::Stake { hotkey: hotkey(1), amount }),
            Failure::NotOwned { hotkey: hotkey(1) },
        ),
        (
            operation(Operation::Unstake { hotkey: hotkey(1), amount }),
            Failure::NotOwned { hotkey: hotkey(1) },
        ),
        (subnet.stake(2, 0, 1), Failure::NotValidator { hotkey: hotkey(2) }),
        (subnet.unstake(0, 0, 31), Failure::Stake { needed: Rao::new(31), held: Rao::new(30) }),
        (
            subnet.transfer(2, 0, 1, BALANCE + 1),
            Failure::Balance { needed: Rao::new(BALANCE + 1), held: Rao::new(BALANCE) },
        ),
        (subnet.transfer(2, 0, 50, 999_999), Failure::Receiver { least: Rao::new(1_000_000) }),
    ];
    for (item, expected) in cases {
        assert_eq!(failure(&state, &item), expected);
        let after = close(&state, std::slice::from_ref(&item));
        let Body::RegistryOp(op) = item.body() else { panic!() };
        assert_eq!(after.account(&Coldkey::new(op.signer)).nonce, 1);
        assert_eq!(after.slots(), close(&state, &[]).slots(), "{expected}");
    }
    let more = subnet.stake(0, 0, u64::MAX);
    assert!(matches!(failure(&state, &more), Failure::Balance { .. }));
}

#[test]
fn nonces_are_used_in_order_and_a_gap_waits() {
    let subnet = Subnet::new(&[30], 2);
    let state = genesis(&subnet);
    let mut twins = [subnet.transfer(1, 1, 2, 5), subnet.transfer(1, 1, 2, 6)];
    twins.sort_unstable_by_key(Item::id);
    let (zero, three) = (subnet.transfer(1, 0, 2, 1), subnet.transfer(1, 3, 2, 1));
    let items = [three.clone(), twins[1].clone(), zero.clone(), twins[0].clone()];
    let executed = run(&state, &items);
    assert_eq!(outcome(&executed, &zero), Outcome::Applied);
    assert_eq!(outcome(&executed, &twins[0]), Outcome::Applied);
    assert_eq!(outcome(&executed, &twins[1]), Outcome::Superseded { by: twins[0].id() });
    assert_eq!(outcome(&executed, &three), Outcome::Gap { next: 2 });
    let state = executed.into_state(CutId::new([1; 32]));
    assert_eq!(state.account(&coldkey(1)).nonce, 2);
    // What waited comes again with what it waited for.
    let executed = run(&state, &[three.clone(), subnet.transfer(1, 2, 2, 1)]);
    assert_eq!(outcome(&executed, &three), Outcome::Applied);
}

#[test]
fn a_transfer_to_oneself_and_a_new_account_conserve() {
    let subnet = Subnet::new(&[30], 1);
    let state = genesis(&subnet);
    let own = subnet.transfer(1, 0, 1, 5);
    assert_eq!(balance(&close(&state, &[own]), 1), BALANCE);
    let new = subnet.transfer(1, 0, 50, 1_000_000);
    let after = close(&state, &[new]);
    assert_eq!((balance(&after, 1), balance(&after, 50)), (BALANCE - 1_000_000, 1_000_000));
}

#[test]
fn the_last_committee_member_keeps_some_stake() {
    let subnet = Subnet::new(&[30, 10], 1);
    let state = genesis(&subnet);
    let both = [subnet.unstake(0, 0, 30), subnet.unstake(1, 0, 10)];
    let executed = run(&state, &both);
    let mut outcomes = both.iter().map(|item| outcome(&executed, item)).collect::<Vec<_>>();
    outcomes.sort_by_key(|one| *one != Outcome::Applied);
    assert_eq!(outcomes[0], Outcome::Applied);
    assert!(matches!(outcomes[1], Outcome::Failed(Failure::LastMember { .. })));
    assert_eq!(executed.state().committee().len(), 1);
}

#[test]
fn members_keep_their_seats_where_no_permit_would_be_left() {
    // The threshold takes every stake out of Yuma, so it gives no permit at all.
    let subnet = Subnet::with(&[30, 10], 1, |m| m.hyperparameters.stake_threshold = Rao::new(31));
    let state = genesis(&subnet);
    let after = close(&state, &[]);
    assert_eq!(after.committee(), state.committee());
    assert_eq!(after.chain().emitted, Rao::ZERO);
}

#[test]
fn permits_go_to_the_largest_stakes() {
    let subnet = Subnet::with(&[30, 10], 1, |m| m.hyperparameters.max_validators = 2);
    let state = genesis(&subnet);
    let newcomer = subnet.register(7, Role::Validator, state.head(), 1);
    let state = close(&state, &[newcomer]);
    // Operations come after Yuma, so stake counts for permits one epoch later.
    let state = close(&state, &[subnet.transfer(0, 0, 7, 2_000_000)]);
    let state = close(&state, &[subnet.stake(7, 0, 20)]);
    assert_eq!(state.committee().len(), 2);
    let state = close(&state, &[]);
    let members: Vec<u64> = state.committee().iter().map(|one| one.stake.get()).collect();
    assert_eq!(members.iter().copied().max(), Some(30));
    assert_eq!(members.iter().copied().min(), Some(20));
    assert!(!state.participant(Uid::new(1)).unwrap().permit);
}

#[test]
fn registrations_go_by_work_up_to_the_limit() {
    let subnet = Subnet::with(&[30], 1, |m| m.hyperparameters.max_registrations_per_epoch = 3);
    let state = genesis(&subnet);
    let mut items: Vec<Item> =
        (10..15).map(|n| subnet.register(n, Role::Miner, state.head(), 1)).collect();
    let executed = run(&state, &items);
    let work = |item: &Item| {
        let Body::RegistryOp(op) = item.body() else { panic!() };
        Registration::of(op).unwrap().work(state.subnet())
    };
    items.sort_by_key(work);
    for (at, item) in items.iter().enumerate() {
        let expected =
            if at < 3 { Outcome::Applied } else { Outcome::Failed(Failure::EpochLimit { max: 3 }) };
        assert_eq!(outcome(&executed, item), expected, "{at}");
    }
    let after = executed.state();
    assert_eq!((after.uid_count(), after.chain().registrations), (5, 3));
    assert_eq!(after.chain().difficulty, next_difficulty(1, 3, 1, u64::MAX));
    let uids: Vec<u16> = items[..3]
        .iter()
        .map(|item| after.uid_of(&Hotkey::new(*item.body().signer())).unwrap().get())
        .collect();
    assert_eq!(uids, [2, 3, 4]);
}

#[test]
fn of_two_registrations_of_a_hotkey_the_better_work_counts() {
    let subnet = Subnet::new(&[30], 1);
    let state = genesis(&subnet);
    let twins = [
        subnet.register(10, Role::Miner, state.head(), 1),
        subnet.register(10, Role::Validator, state.head(), 1),
    ];
    let executed = run(&state, &twins);
    let applied = twins.iter().filter(|one| outcome(&executed, one) == Outcome::Applied);
    assert_eq!(applied.count(), 1);
    let taken = Failure::HotkeyTaken { hotkey: hotkey(10), uid: Uid::new(2) };
    assert!(twins.iter().any(|one| outcome(&executed, one) == Outcome::Failed(taken)));
    assert_eq!(executed.state().uid_count(), 3);
}

#[test]
fn registrations_beyond_the_last_uid_fail() {
    let subnet = Subnet::with(&[30, 20], 0, |m| {
        m.hyperparameters.max_allowed_uids = 3;
        m.hyperparameters.max_validators = 3;
    });
    let state = genesis(&subnet);
    let items = [10, 11].map(|n| subnet.register(n, Role::Miner, state.head(), 1));
    let executed = run(&state, &items);
    let full = Outcome::Failed(Failure::Full { max: 3 });
    // The first of the two holds the last uid since this very epoch, and is not replaced in it.
    assert!(items.iter().any(|item| outcome(&executed, item) == full));
}

#[test]
fn a_newcomer_earns_from_the_weights_of_the_next_epoch_on() {
    let subnet = Subnet::new(&[30], 1);
    let state = genesis(&subnet);
    let register = subnet.register(10, Role::Miner, state.head(), 1);
    let state = close(&state, &[register, subnet.weights(0, 1, 1, &[(1, MAX)])]);
    let newcomer = *state.participant(Uid::new(2)).unwrap();
    assert_eq!((newcomer.registered_at, newcomer.last_update), (Epoch::new(1), Epoch::new(1)));
    assert!(!newcomer.permit && newcomer.stake.is_zero());
    assert!(state.accounts().contains_key(&coldkey(10)));
    // Weights of epoch 1 say nothing about it, those of epoch 2 do.
    assert_eq!(paid(&run(&state, &[]), 2), 0);
    assert!(paid(&run(&state, &[subnet.weights(0, 2, 1, &[(2, MAX)])]), 2) > 0);
}

/// Uid 1 of three falls vacant: rows without it.
fn with_vacancy(state: &State, uid: u16) -> State {
    let mut rows = state.rows();
    for table in [3, 4, 5] {
        rows.remove(&(table, uid.to_be_bytes().to_vec()));
    }
    State::from_rows(state.manifest().clone(), state.head(), &rows).unwrap()
}

#[test]
fn a_vacant_uid_is_filled_first_and_inherits_nothing() {
    let subnet = Subnet::new(&[30, 20], 3);
    let rows = [0, 1].map(|n| subnet.weights(n, 1, 1, &[(2, 7), (3, MAX), (4, 9)]));
    let before = close(&genesis(&subnet), &rows);
    assert!(before.bonds(Uid::new(0)).iter().any(|(uid, _)| *uid == 3));
    let state = with_vacancy(&before, 3);
    assert_eq!(state.vacancy(), Some(Uid::new(3)));
    // Nothing is paid to a vacant uid, and new rows leave it out.
    let again = subnet.weights(0, 2, 1, &[(2, MAX), (3, MAX)]);
    let executed = run(&state, &[again]);
    assert!(executed.result.rows.iter().all(|row: &ResultRow| row.uid.get() != 3));
    assert_eq!(all_paid(&executed), subnet.manifest.hyperparameters.emission.get());
    assert_eq!(executed.state().weights(Uid::new(0)), [(2, MAX)]);
    let register = subnet.register(10, Role::Miner, state.head(), 1);
    let state = close(&state, &[register]);
    assert_eq!(state.uid_of(&hotkey(10)), Some(Uid::new(3)));
    for uid in [0, 1].map(Uid::new) {
        assert_eq!(state.weights(uid), [(2, 7), (4, 9)]);
        assert!(state.bonds(uid).iter().all(|(target, _)| *target != 3));
    }
}

#[test]
fn one_bad_item_is_named_and_nothing_is_executed() {
    let subnet = Subnet::new(&[30], 1);
    let state = genesis(&subnet);
    let bad = subnet.weights(0, 2, 1, &[(1, MAX)]);
    let items = [subnet.weights(0, 1, 1, &[(1, MAX)]), bad.clone()];
    let error = execute(&state, 1, &items).unwrap_err();
    assert!(matches!(error, ExecuteError::Inadmissible { item, .. } if item == bad.id()));
}

#[test]
fn the_roots_are_those_of_the_parts_and_not_of_the_cut() {
    let subnet = Subnet::new(&[30], 1);
    let state = genesis(&subnet);
    let executed = run(&state, &[]);
    let roots = executed.roots;
    assert_eq!(roots.result_root, executed.result.root());
    let [one, two] = [1, 2].map(|byte| executed.clone().into_state(CutId::new([byte; 32])));
    for state in [one, two] {
        assert_eq!(state.root(), roots.state_root);
        assert_eq!(state.committee_root(), roots.next_committee_root);
    }
    let later = execute(&state, state.chain().time + 2, &[]).unwrap();
    assert_ne!(later.roots.state_root, roots.state_root);
    assert_eq!(later.roots.result_root, roots.result_root);
}

#[test]
fn difficulty_halves_per_epoch_and_rises_by_26_percent_per_registration() {
    assert_eq!(next_difficulty(1_000, 0, 1, u64::MAX), 500);
    assert_eq!(next_difficulty(1_000, 1, 1, u64::MAX), 630);
    assert_eq!(next_difficulty(1_000, 2, 1, u64::MAX), 794);
    assert_eq!(next_difficulty(1_000, 0, 900, u64::MAX), 900);
    assert_eq!(next_difficulty(1_000, 1, 900, u64::MAX), 1_134);
    assert_eq!(next_difficulty(1_000, 9, 900, 2_000), 2_000);
    assert_eq!(next_difficulty(1, 1, 1, u64::MAX), 2);
    assert_eq!(next_difficulty(u64::MAX, 64, 1, 1 << 62), 1 << 62);
}
