//! The epoch against its plain reference, on inputs made to hit every edge.

use std::collections::BTreeMap;

use ganglion_consensus::yuma::{self, EpochOutput, SparseRow, YumaError};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::reference;
use crate::yuma_state::State;

/// Uids named in rows go up to this, and so past the end of every subnet made here.
const UIDS: u16 = 14;

fn value() -> impl Strategy<Value = u16> {
    prop_oneof![3 => 0..4_u16, 1 => Just(65_535), 6 => any::<u16>()]
}

fn ratio() -> impl Strategy<Value = u16> {
    prop_oneof![
        1 => Just(0), 2 => Just(65_535), 2 => Just(32_767), 1 => Just(1), 1 => Just(65_534),
        4 => any::<u16>(),
    ]
}

/// A row of any order, with explicit zeros and foreign uids.
fn row() -> impl Strategy<Value = SparseRow> {
    let uids = subsequence((0..UIDS).collect::<Vec<_>>(), 0..=usize::from(UIDS));
    let ordered = (any::<bool>(), uids.clone(), uids.prop_shuffle());
    let uids = ordered.prop_map(|(sorted, rising, mixed)| if sorted { rising } else { mixed });
    (uids, vec(value(), usize::from(UIDS)))
        .prop_map(|(uids, values)| uids.into_iter().zip(values).collect())
}

/// Blocks so close together that every comparison of blocks is an equality now and then.
fn block() -> impl Strategy<Value = u64> {
    prop_oneof![12 => 90..=101_u64, 1 => Just(0), 1 => Just(u64::MAX)]
}

fn stake() -> impl Strategy<Value = u64> {
    prop_oneof![
        20 => Just(0), 20 => 1..4_u64, 20 => select(vec![1_000, 2_000, 3_000]),
        40 => 0..1_000_000_000_000_u64, 1 => any::<u64>(),
    ]
}

prop_compose! {
    fn neurons(n: usize)(
        last_update in vec(block(), n),
        block_at_registration in vec(prop_oneof![8 => 80..=92_u64, 2 => block()], n),
        stake in vec(stake(), n),
        stake_frac in option::weighted(0.2, vec(any::<u64>(), n)),
        validator_permit in vec(prop::bool::weighted(0.7), n),
        weights in vec(row(), n),
        bonds in vec(row(), n),
        commit_blocks in option::weighted(0.3, vec(block(), n)),
    ) -> State {
        State {
            n: u16::try_from(n).unwrap(),
            current_block: 100,
            tempo: 10,
            activity_cutoff: 5,
            last_mechanism_step_block: 0,
            last_update,
            block_at_registration,
            stake,
            stake_frac,
            stake_threshold: 0,
            owner_uid: None,
            validator_permit,
            max_allowed_validators: 64,
            weights,
            bonds,
            commit_reveal: commit_blocks.is_some(),
            commit_blocks,
            kappa: 32_767,
            bonds_penalty: 65_535,
            bonds_moving_average: 900_000,
            yuma3: false,
            liquid_alpha: false,
            alpha_low: 45_875,
            alpha_high: 58_982,
            alpha_sigmoid_steepness: 1_000,
            rao_emission: 1_000_000_000,
        }
    }
}

prop_compose! {
    fn blocks()(
        current_block in prop_oneof![10 => 95..=105_u64, 1 => block()],
        tempo in prop_oneof![4 => 0..20_u16, 1 => any::<u16>()],
        activity_cutoff in prop_oneof![6 => 1..12_u64, 1 => Just(u64::MAX)],
        last_mechanism_step_block in prop_oneof![2 => Just(0), 6 => 85..=95_u64, 1 => block()],
        stake_threshold in prop_oneof![4 => Just(0), 3 => Just(1_000), 1 => any::<u64>()],
        owner_uid in option::of(0..UIDS),
        max_allowed_validators in 0..UIDS,
        rao_emission in prop_oneof![any::<u64>(), Just(u64::MAX), Just(0), 0..1_000_u64],
    ) -> (u64, u16, u64, u64, u64, Option<u16>, u16, u64) {
        (current_block, tempo, activity_cutoff, last_mechanism_step_block, stake_threshold,
            owner_uid, max_allowed_validators, rao_emission)
    }
}

prop_compose! {
    fn rates()(
        kappa in ratio(),
        bonds_penalty in ratio(),
        bonds_moving_average in prop_oneof![
            6 => 0..=1_000_000_u64, 2 => 1_000_000..3_000_000_u64, 2 => Just(1_000_000),
            1 => 0..2_200_000_000_000_000_u64, 1 => any::<u64>(),
        ],
        yuma3 in prop::bool::weighted(0.7),
        liquid_alpha in any::<bool>(),
        alpha_low in ratio(),
        alpha_high in ratio(),
        alpha_sigmoid_steepness in prop_oneof![
            4 => -1_000..1_000_i16, 1 => Just(200), 1 => Just(-200), 2 => any::<i16>(),
        ],
    ) -> (u16, u16, u64, bool, bool, u16, u16, i16) {
        (kappa, bonds_penalty, bonds_moving_average, yuma3, liquid_alpha, alpha_low, alpha_high,
            alpha_sigmoid_steepness)
    }
}

fn state() -> impl Strategy<Value = State> {
    let neurons = (0..=usize::from(UIDS) - 2).prop_flat_map(neurons);
    (neurons, blocks(), rates()).prop_map(|(mut state, blocks, rates)| {
        (
            state.current_block,
            state.tempo,
            state.activity_cutoff,
            state.last_mechanism_step_block,
            state.stake_threshold,
            state.owner_uid,
            state.max_allowed_validators,
            state.rao_emission,
        ) = blocks;
        (
            state.kappa,
            state.bonds_penalty,
            state.bonds_moving_average,
            state.yuma3,
            state.liquid_alpha,
            state.alpha_low,
            state.alpha_high,
            state.alpha_sigmoid_steepness,
        ) = rates;
        state
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn the_epoch_equals_its_plain_reference(state in state()) {
        let mut state = state;
        // A second epoch on the result of the first brings bonds of every shape.
        for _ in 0..2 {
            let output = yuma::run(&state.input());
            prop_assert_eq!(&output, &reference::run(&state.input()));
            let Ok(output) = output else { break };
            state.advance(&output);
        }
    }

    #[test]
    fn vectors_of_other_lengths_are_refused_alike(
        state in state(), field in 0..7_usize, n in 0..UIDS,
    ) {
        let mut state = state;
        let n = usize::from(n);
        match field {
            0 => state.last_update.resize(n, 0),
            1 => state.block_at_registration.resize(n, 0),
            2 => state.stake.resize(n, 0),
            3 => state.validator_permit.resize(n, false),
            4 => state.weights.resize(n, SparseRow::new()),
            5 => state.bonds.resize(n, SparseRow::new()),
            _ => state.n = u16::try_from(n).unwrap(),
        }
        prop_assert_eq!(yuma::run(&state.input()), reference::run(&state.input()));
    }

    #[test]
    fn repeated_uids_are_refused_alike(
        state in state(), in_bonds in any::<bool>(), row in any::<prop::sample::Index>(),
        entry in (0..UIDS, any::<u16>()),
    ) {
        let mut state = state;
        let rows = if in_bonds { &mut state.bonds } else { &mut state.weights };
        if !rows.is_empty() {
            let row = row.index(rows.len());
            rows[row].push(entry);
        }
        prop_assert_eq!(yuma::run(&state.input()), reference::run(&state.input()));
    }
}

/// What an epoch shows of the paths it took.
fn traits(state: &State, result: &Result<EpochOutput, YumaError>) -> Vec<&'static str> {
    let output = match result {
        Ok(output) => output,
        Err(YumaError::StakeOverflow) => return vec!["stake overflow"],
        Err(YumaError::BondsMovingAverage(_)) => return vec!["average overflow"],
        Err(YumaError::BondsOverflow { .. }) => return vec!["bonds overflow"],
        Err(other) => panic!("not made here: {other}"),
    };
    let mined = output.raw_incentive.iter().any(|share| *share > 0);
    let stored = || output.bonds.iter().flatten();
    let unsorted = |rows: &[SparseRow]| rows.iter().any(|row| !row.is_sorted());
    let exact = [0, 65_535].contains(&state.bonds_penalty);
    [
        ("no uid", state.n == 0),
        ("incentive", mined),
        ("dividends", output.raw_dividends.iter().any(|share| *share > 0)),
        ("paid by stake", !mined && output.emission.iter().any(|amount| *amount > 0)),
        ("yuma2 bonds", !state.yuma3 && stored().any(|(_, bond)| *bond > 0)),
        ("yuma3 bonds", state.yuma3 && !state.liquid_alpha && stored().any(|(_, bond)| *bond > 0)),
        ("liquid bonds", state.yuma3 && state.liquid_alpha && mined && stored().count() > 1),
        ("liquid, unsorted", state.yuma3 && state.liquid_alpha && unsorted(&output.bonds)),
        ("zero bond", stored().any(|(_, bond)| *bond == 0)),
        ("interpolated", !exact && mined && stored().count() > 1),
        ("committed", mined && state.commit_reveal),
        ("negative alpha", state.bonds_moving_average > 1_000_000 && mined),
        ("kappa at an end", mined && [0, 65_535].contains(&state.kappa)),
    ]
    .into_iter()
    .filter_map(|(name, holds)| holds.then_some(name))
    .collect()
}

/// The comparison above means something only if its inputs get past the masks.
#[test]
fn the_random_inputs_reach_every_path() {
    let mut runner = TestRunner::deterministic();
    let strategy = state();
    let mut counts = BTreeMap::new();
    for _ in 0..1_500 {
        let state = strategy.new_tree(&mut runner).unwrap().current();
        for name in traits(&state, &yuma::run(&state.input())) {
            *counts.entry(name).or_insert(0_u32) += 1;
        }
    }
    assert_eq!(counts.len(), 16, "{counts:?}");
    assert!(counts.values().all(|count| *count >= 8), "{counts:?}");
}
