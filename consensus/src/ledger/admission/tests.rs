#![allow(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test")]

use ganglion_types::{Manifest, Payload, TaskBatch};

use super::super::fixture::{Subnet, coldkey, hot, hotkey};
use ganglion_types::{
    Body, Coldkey, CutId, Digest, Epoch, Item, Operation, Rao, RegistryOp, Role, Uid, Weights,
};

use super::super::state::State;
use super::*;

const MAX: u16 = 65_535;

fn genesis(subnet: &Subnet) -> State {
    State::genesis(subnet.manifest.clone()).unwrap()
}

/// Validators 0 to 2 and miners 3 to 5.
fn subnet() -> Subnet {
    Subnet::new(&[30, 20, 10], 3)
}

fn refusal(state: &State, item: &Item) -> &'static str {
    admissible(state, item).map_or_else(|reason| reason.name(), |()| "admissible")
}

fn with_row(change: impl FnOnce(&mut Manifest), row: &[(u16, u16)]) -> &'static str {
    let subnet = Subnet::with(&[30, 20, 10], 3, change);
    refusal(&genesis(&subnet), &subnet.weights(0, 1, 1, row))
}

#[test]
fn a_right_row_is_admissible() {
    let subnet = subnet();
    let state = genesis(&subnet);
    for row in [&[(3, MAX)][..], &[(1, 1), (3, 0), (5, MAX)], &[(4, MAX), (5, MAX)]] {
        assert_eq!(admissible(&state, &subnet.weights(0, 1, 1, row)), Ok(()));
    }
}

#[test]
fn rows_that_break_a_rule_are_refused_by_its_name() {
    let plain = |row: &[(u16, u16)]| with_row(|_| {}, row);
    assert_eq!(plain(&[(3, MAX), (3, 1)]), "not_rising");
    assert_eq!(plain(&[(4, MAX), (3, 1)]), "not_rising");
    assert_eq!(plain(&[(3, MAX), (6, 1)]), "uid_out_of_range");
    assert_eq!(plain(&[(0, 1), (3, MAX)]), "self_weight");
    assert_eq!(plain(&[]), "too_few_weights");
    assert_eq!(plain(&[(3, MAX - 1), (4, 7)]), "not_upscaled");
    assert_eq!(plain(&[(3, 0), (4, 0)]), "not_upscaled");
}

#[test]
fn a_row_needs_as_many_entries_as_the_subnet_asks_or_has() {
    let rule = |least| move |m: &mut Manifest| m.hyperparameters.min_allowed_weights = least;
    assert_eq!(with_row(rule(3), &[(3, 1), (4, MAX)]), "too_few_weights");
    assert_eq!(with_row(rule(3), &[(3, 1), (4, MAX), (5, 0)]), "admissible");
    let all = [(1, 1), (2, 1), (3, 1), (4, MAX), (5, 1)];
    assert_eq!(with_row(rule(400), &all), "admissible");
    assert_eq!(with_row(rule(400), &all[1..]), "too_few_weights");
}

#[test]
fn one_weight_may_have_its_share_and_no_more() {
    let half = |m: &mut Manifest| m.hyperparameters.max_weights_limit = 32_768;
    assert_eq!(with_row(half, &[(3, MAX), (4, MAX)]), "admissible");
    assert_eq!(with_row(half, &[(3, MAX), (4, 65_534)]), "admissible");
    assert_eq!(with_row(half, &[(3, MAX), (4, 65_533)]), "max_weight");
    assert_eq!(with_row(half, &[(3, MAX)]), "max_weight");
}

#[test]
fn only_permitted_validators_with_enough_stake_set_weights() {
    let subnet =
        Subnet::with(&[30, 20, 10], 3, |m| m.hyperparameters.stake_threshold = Rao::new(20));
    let mut state = genesis(&subnet);
    let row = |number| subnet.weights(number, 1, 1, &[(5, MAX)]);
    assert_eq!(refusal(&state, &row(1)), "admissible");
    assert_eq!(refusal(&state, &row(2)), "stake_threshold");
    assert_eq!(refusal(&state, &row(4)), "not_validator");
    assert_eq!(refusal(&state, &row(9)), "not_registered");
    state.participant_mut(Uid::new(1)).unwrap().permit = false;
    assert_eq!(refusal(&state, &row(1)), "no_permit");
}

#[test]
fn a_row_belongs_to_one_epoch_and_shows_its_preimage() {
    let subnet = subnet();
    let state = genesis(&subnet);
    let refuse = |body| refusal(&state, &subnet.item(Body::Weights(body), &hot(0)));
    let row = subnet.row(0, 1, 1, &[(3, MAX)]);
    assert_eq!(refuse(Weights { epoch: Epoch::new(2), ..row.clone() }), "epoch");
    assert_eq!(refuse(Weights { epoch: Epoch::GENESIS, ..row.clone() }), "epoch");
    assert_eq!(refuse(Weights { mechid: 1, ..row.clone() }), "mechanism");
    let of_next = subnet.row(0, 2, 1, &[]).task_preimage;
    assert_eq!(refuse(Weights { task_preimage: of_next, ..row.clone() }), "preimage");
    let of_other = subnet.row(1, 1, 1, &[]).task_preimage;
    assert_eq!(refuse(Weights { task_preimage: of_other, ..row }), "preimage");
}

#[test]
fn other_subnets_and_other_kinds_never_stand_in_a_cut() {
    let subnet = subnet();
    let state = genesis(&subnet);
    let other = Subnet::new(&[30, 20, 11], 3);
    assert_eq!(refusal(&state, &other.weights(0, 1, 1, &[(3, MAX)])), "subnet");
    let batch = Body::TaskBatch(TaskBatch {
        signer: hotkey(0),
        mechid: 0,
        epoch: Epoch::new(1),
        seq: 1,
        round: 0,
        task: "digits".into(),
        inputs: vec![Payload::EMPTY],
    });
    assert_eq!(refusal(&state, &subnet.item(batch, &hot(0))), "kind");
}

#[test]
fn operations_have_a_window_of_epochs() {
    let subnet = subnet();
    let mut state = genesis(&subnet);
    state.chain.epoch = Epoch::new(6);
    let operation = Operation::Transfer { to: coldkey(1), amount: Rao::new(1) };
    for (until, expected) in
        [(6, "expired"), (7, "admissible"), (1_007, "admissible"), (1_008, "too_far_ahead")]
    {
        let item = subnet.operation_until(0, 0, until, operation.clone());
        assert_eq!(refusal(&state, &item), expected, "{until}");
    }
}

#[test]
fn operations_have_a_window_of_nonces() {
    let subnet = subnet();
    let mut state = genesis(&subnet);
    state.accounts.get_mut(&coldkey(0)).unwrap().nonce = 5;
    for (nonce, expected) in
        [(4, "nonce"), (5, "admissible"), (20, "admissible"), (21, "nonce"), (u64::MAX, "nonce")]
    {
        assert_eq!(refusal(&state, &subnet.stake(0, nonce, 1)), expected, "{nonce}");
    }
    state.accounts.get_mut(&coldkey(0)).unwrap().nonce = u64::MAX;
    assert_eq!(refusal(&state, &subnet.stake(0, u64::MAX, 1)), "admissible");
}

#[test]
fn operations_need_an_account_that_holds_something() {
    let subnet = Subnet::with(&[30, 20, 10], 1, |m| {
        m.hyperparameters.min_balance = Rao::new(25);
        m.accounts = vec![(coldkey(3), Rao::new(24))];
    });
    let state = genesis(&subnet);
    // Stake counts like balance.
    assert_eq!(refusal(&state, &subnet.unstake(0, 0, 1)), "admissible");
    assert_eq!(refusal(&state, &subnet.unstake(1, 0, 1)), "min_balance");
    assert_eq!(refusal(&state, &subnet.transfer(3, 0, 1, 1)), "min_balance");
    assert_eq!(refusal(&state, &subnet.transfer(9, 0, 1, 1)), "no_account");
    // A coldkey's operation signed by a hotkey is one of a coldkey without account.
    let (signer, nonce, valid_until) = (*hotkey(0).as_bytes(), 0, Epoch::new(9));
    let operation = Operation::Transfer { to: coldkey(1), amount: Rao::new(1) };
    let op = RegistryOp { signer, nonce, valid_until, operation };
    assert_eq!(refusal(&state, &subnet.item(Body::RegistryOp(op), &hot(0))), "no_account");
}

#[test]
fn nothing_is_sent_to_a_weak_key() {
    let subnet = subnet();
    let mut weak = [0; 32];
    weak[0] = 1;
    let operation = Operation::Transfer { to: Coldkey::new(weak), amount: Rao::new(1) };
    assert_eq!(refusal(&genesis(&subnet), &subnet.operation(0, 0, operation)), "weak_key");
}

#[test]
fn registrations_are_bound_to_a_recent_cut_and_to_work() {
    let subnet = Subnet::with(&[30], 1, |m| m.hyperparameters.min_difficulty = 64);
    let mut state = genesis(&subnet);
    let cuts: Vec<CutId> = (1..=5).map(|byte| CutId::new([byte; 32])).collect();
    state.head = cuts[0];
    state.chain.recent_cuts = cuts[1..].to_vec();
    for cut in &cuts {
        let item = subnet.register(7, Role::Miner, *cut, 64);
        assert_eq!(refusal(&state, &item), "admissible");
    }
    let stale = subnet.register(7, Role::Miner, CutId::new([6; 32]), 64);
    assert_eq!(refusal(&state, &stale), "stale_work");
    state.chain.difficulty = u64::MAX;
    let little = subnet.register(7, Role::Miner, cuts[0], 64);
    assert_eq!(refusal(&state, &little), "little_work");
}

#[test]
fn registrations_that_break_a_rule_are_refused_by_its_name() {
    let subnet = subnet();
    let state = genesis(&subnet);
    let register = |number, role, seed_tail| {
        let (coldkey, prev) = (coldkey(number), state.head());
        let operation = Operation::Register { coldkey, role, seed_tail, prev, pow_nonce: 0 };
        subnet.registration(number, operation)
    };
    let tail = Some(Digest::new([1; 32]));
    assert_eq!(refusal(&state, &register(7, Role::Miner, None)), "admissible");
    assert_eq!(refusal(&state, &register(7, Role::Validator, tail)), "admissible");
    assert_eq!(refusal(&state, &register(7, Role::Validator, None)), "seed_tail");
    assert_eq!(refusal(&state, &register(7, Role::Miner, tail)), "seed_tail");
    assert_eq!(refusal(&state, &register(4, Role::Miner, None)), "already_registered");
    let Body::RegistryOp(op) = register(7, Role::Miner, None).into_body() else { panic!() };
    let with_nonce = Body::RegistryOp(RegistryOp { nonce: 1, ..op.clone() });
    assert_eq!(refusal(&state, &subnet.item(with_nonce, &hot(7))), "registration_nonce");
    let mut weak = [0; 32];
    weak[0] = 1;
    let of_weak = Body::RegistryOp(RegistryOp { signer: weak, ..op });
    assert_eq!(refusal(&state, &subnet.item(of_weak, &hot(7))), "weak_key");
}

#[test]
fn a_full_or_closed_subnet_refuses_clearly() {
    // Nobody but members of the committee, whom no newcomer replaces.
    let full = Subnet::with(&[30, 20], 0, |m| {
        m.hyperparameters.max_allowed_uids = 2;
        m.hyperparameters.max_validators = 2;
    });
    let state = genesis(&full);
    let item = full.register(7, Role::Miner, state.head(), 1);
    let refused = admissible(&state, &item).unwrap_err();
    assert_eq!(refused, Inadmissible::Full { max: 2 });
    assert_eq!(
        refused.to_string(),
        "the subnet is full: all 2 uids are held, and none of them may be replaced"
    );
    let closed = Subnet::with(&[30], 1, |m| m.hyperparameters.registration_allowed = false);
    let state = genesis(&closed);
    let item = closed.register(7, Role::Miner, state.head(), 1);
    assert_eq!(refusal(&state, &item), "registration_closed");
}

#[test]
fn only_what_no_state_admits_counts_against_the_sender() {
    assert!(Inadmissible::Epoch { epoch: Epoch::new(1), expected: Epoch::new(2) }.is_innocent());
    assert!(Inadmissible::Full { max: 2 }.is_innocent());
    assert!(!Inadmissible::NotUpscaled { largest: 2 }.is_innocent());
    assert!(!Inadmissible::WeakKey { which: "hotkey" }.is_innocent());
}
