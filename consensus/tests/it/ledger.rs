//! The ledger over many epochs, and for any items at all.

use std::collections::BTreeMap;

use ganglion_consensus::ledger::{
    ExecuteError, Executed, Outcome, State, admissible, execute, propose_items, select,
};
use ganglion_types::{Body, CutId, Item, ItemId, Operation, Rao, Role, Uid, Weights, proto};
use proptest::prelude::*;
use prost::Message as _;

use crate::fixture::{Subnet, coldkey, element, hot, hotkey};

const EMISSION: u64 = 1_000_000_007;

/// The generator `SplitMix64`.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn number(&mut self, end: u16) -> u16 {
        u16::try_from(self.below(end.into())).unwrap()
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = usize::try_from(self.below(last as u64 + 1)).unwrap();
            items.swap(last, other);
        }
    }
}

/// Balances, stakes and what is between them, read from the rows without the ledger's help.
pub(crate) fn supply(state: &State) -> u128 {
    let mut sum = 0;
    for ((table, _), value) in state.rows() {
        sum += match table {
            2 => u128::from(proto::AccountRow::decode(&*value).unwrap().balance),
            3 => u128::from(proto::ParticipantRow::decode(&*value).unwrap().stake),
            8 | 10 => u128::from(proto::AmountRow::decode(&*value).unwrap().amount),
            _ => 0,
        };
    }
    sum
}

pub(crate) fn decide(executed: Executed) -> State {
    let id = executed.roots.state_root;
    executed.into_state(CutId::new(*id.as_bytes()))
}

/// What must hold of every execution, whatever went in.
pub(crate) fn check(before: &State, executed: &Executed, items: &[Item]) {
    let after = executed.state();
    let header = &executed.result.header;
    assert!(header.emitted.is_zero() || header.emitted.get() == EMISSION);
    let income = supply(before) + u128::from(header.emitted.get());
    let lost = u128::from(header.burned.get()) + u128::from(header.slashed.get());
    assert_eq!(supply(after), income - lost);
    assert_eq!(after.chain().burned.get(), before.chain().burned.get() + header.burned.get());
    let paid = executed.result.rows.iter().fold(0, |sum, row| sum + row.paid.get());
    assert_eq!(paid + header.owner_part.get(), header.emitted.get());
    assert!(!after.committee().is_empty());
    let receipts: Vec<ItemId> = executed.receipts.iter().map(|receipt| receipt.item).collect();
    let mut ids: Vec<ItemId> = items.iter().map(Item::id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(receipts, ids);
}

fn random_row(random: &mut Random, signer: u16, count: u16) -> Vec<(u16, u16)> {
    let targets = (0..count).filter(|uid| *uid != signer);
    let mut row: Vec<(u16, u16)> = targets.map(|uid| (uid, random.number(65_535))).collect();
    let top = usize::try_from(random.below(row.len() as u64)).unwrap();
    row[top].1 = 65_535;
    row
}

fn random_items(subnet: &Subnet, state: &State, random: &mut Random) -> Vec<Item> {
    let epoch = state.next_epoch().get();
    let mut items = Vec::new();
    for validator in 0..4 {
        // Each is away in one epoch of eight.
        if random.below(8) > 0 {
            let row = random_row(random, validator, state.uid_count());
            items.push(subnet.weights(validator, epoch, epoch, &row));
        }
    }
    for number in 0..9 {
        let mut nonce = state.account(&coldkey(number)).nonce;
        for _ in 0..random.below(4) {
            let amount = random.below(20 * Rao::PER_UNIT) + 1;
            items.push(match random.below(4) {
                0 => subnet.stake(number, nonce, amount),
                1 => subnet.unstake(number, nonce, amount),
                _ => subnet.transfer(number, nonce, random.number(12), amount),
            });
            nonce += random.below(8).min(1);
        }
    }
    let newcomer = 20 + random.number(200);
    if random.below(10) == 0 && state.uid_of(&hotkey(newcomer)).is_none() {
        let difficulty = state.chain().difficulty;
        items.push(subnet.register(newcomer, Role::Miner, state.head(), difficulty));
    }
    items
}

#[test]
fn two_hundred_epochs_give_one_state_in_any_order_and_conserve_to_the_rao() {
    let unit = Rao::PER_UNIT;
    let subnet = Subnet::new(&[280 * unit, 260 * unit, 240 * unit, 220 * unit], 5);
    let mut random = Random(7);
    let mut state = State::genesis(subnet.manifest.clone()).unwrap();
    let mut outcomes: BTreeMap<&str, u32> = BTreeMap::new();
    for epoch in 1..=200 {
        let mut items = random_items(&subnet, &state, &mut random);
        let time = state.chain().time + 1;
        let executed = execute(&state, time, &items).unwrap();
        check(&state, &executed, &items);
        for receipt in &executed.receipts {
            let name = match receipt.outcome {
                Outcome::Applied => "applied",
                Outcome::Superseded { .. } => "superseded",
                Outcome::Equivocated => "equivocated",
                Outcome::Gap { .. } => "gap",
                Outcome::Outdated { .. } => "outdated",
                Outcome::Failed(_) => "failed",
            };
            *outcomes.entry(name).or_default() += 1;
        }
        random.shuffle(&mut items);
        assert_eq!(execute(&state, time, &items).as_ref(), Ok(&executed), "epoch {epoch}");
        state = decide(executed);
        if epoch % 20 == 0 {
            let manifest = state.manifest().clone();
            assert_eq!(
                State::from_rows(manifest, state.head(), &state.rows()).as_ref(),
                Ok(&state)
            );
        }
    }
    assert_eq!(state.chain().emitted.get(), 200 * EMISSION);
    assert!(state.uid_count() > 15, "{} uids", state.uid_count());
    for name in ["applied", "superseded", "failed"] {
        assert!(outcomes.get(name).is_some_and(|count| *count > 20), "{outcomes:?}");
    }
}

/// What a test says, before it is signed.
#[derive(Clone, Debug)]
enum Saying {
    Row { number: u16, ahead: u64, seq: u64, row: Vec<(u16, u16)>, preimage: bool },
    Move { kind: u8, number: u16, nonce: u64, other: u16, amount: u64 },
    Register { number: u16, role: Role, difficulty: u64 },
}

fn amounts() -> impl Strategy<Value = u64> {
    prop_oneof![1..60_u64, 1..200 * Rao::PER_UNIT, any::<u64>()]
}

fn sayings() -> impl Strategy<Value = Saying> {
    let entry = (0..9_u16, prop_oneof![Just(65_535_u16), any::<u16>()]);
    let rising = prop::collection::btree_map(
        entry.clone().prop_map(|one| one.0),
        entry.prop_map(|one| one.1),
        0..6,
    );
    let row = rising.prop_map(|row| row.into_iter().collect::<Vec<_>>());
    let ahead = prop_oneof![9 => Just(1_u64), 1 => 0..3_u64];
    let preimage = prop::bool::weighted(0.95);
    prop_oneof![
        4 => (0..5_u16, ahead, 0..3_u64, row, preimage).prop_map(
            |(number, ahead, seq, row, preimage)| Saying::Row { number, ahead, seq, row, preimage }
        ),
        5 => (0..3_u8, 0..9_u16, prop_oneof![8 => 0..3_u64, 1 => any::<u64>()], 0..14_u16, amounts())
            .prop_map(|(kind, number, nonce, other, amount)| {
                Saying::Move { kind, number, nonce, other, amount }
            }),
        1 => (5..14_u16, prop::bool::ANY, 1..4_u64).prop_map(|(number, validator, difficulty)| {
            let role = if validator { Role::Validator } else { Role::Miner };
            Saying::Register { number, role, difficulty }
        }),
    ]
}

fn sign(subnet: &Subnet, state: &State, saying: &Saying) -> Item {
    match saying {
        Saying::Row { number, ahead, seq, row, preimage } => {
            let epoch = state.epoch().get() + ahead;
            let right = subnet.row(*number, epoch, *seq, row);
            let task_preimage = if *preimage { right.task_preimage } else { element(*number, 400) };
            subnet.item(Body::Weights(Weights { task_preimage, ..right }), &hot(*number))
        }
        Saying::Move { kind, number, nonce, other, amount } => {
            let nonce = state.account(&coldkey(*number)).nonce.wrapping_add(*nonce);
            match kind {
                0 => subnet.stake(*number, nonce, *amount),
                1 => subnet.unstake(*number, nonce, *amount),
                _ => subnet.transfer(*number, nonce, *other, *amount),
            }
        }
        Saying::Register { number, role, difficulty } => {
            subnet.register(*number, *role, state.head(), *difficulty)
        }
    }
}

/// Three validators and two miners, with room for three more.
fn soup_subnet(owner: bool, yuma3: bool, liquid: bool) -> Subnet {
    Subnet::with(&[30, 20, 7], 2, |manifest| {
        manifest.owner = owner.then(|| coldkey(13));
        let rules = &mut manifest.hyperparameters;
        rules.max_allowed_uids = 8;
        rules.max_validators = 3;
        rules.max_registrations_per_epoch = 2;
        rules.yuma3_enabled = yuma3;
        rules.liquid_alpha_enabled = liquid;
        rules.min_balance = Rao::new(5);
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_items_are_executed_alike_or_refused_by_name(
        epochs in prop::collection::vec(prop::collection::vec(sayings(), 0..14), 1..5),
        (owner, yuma3, liquid) in any::<(bool, bool, bool)>(),
        seed: u64,
    ) {
        let subnet = soup_subnet(owner, yuma3, liquid);
        let mut random = Random(seed);
        let mut state = State::genesis(subnet.manifest.clone()).unwrap();
        for sayings in epochs {
            let mut all: Vec<Item> = sayings.iter().map(|one| sign(&subnet, &state, one)).collect();
            let time = state.chain().time + 1;
            let good: Vec<Item> =
                all.iter().filter(|item| admissible(&state, item).is_ok()).cloned().collect();
            let refused = execute(&state, time, &all);
            if good.len() < all.len() {
                let Err(ExecuteError::Inadmissible { item, reason }) = &refused else {
                    panic!("{refused:?}");
                };
                let named = all.iter().find(|one| one.id() == *item).unwrap();
                prop_assert_eq!(admissible(&state, named), Err(reason.clone()));
            }
            let executed = execute(&state, time, &good).unwrap();
            check(&state, &executed, &good);
            random.shuffle(&mut all);
            all.retain(|item| good.contains(item));
            all.extend(good.first().cloned());
            let again = execute(&state, time, &all);
            prop_assert_eq!(again.as_ref(), Ok(&executed));

            let listed = select(&state, &all);
            prop_assert!(listed.iter().all(|id| good.iter().any(|item| item.id() == *id)));
            let proposed = propose_items(&state, &good, &all);
            prop_assert_eq!(proposed.len(), executed.receipts.len());

            let after = decide(executed);
            let manifest = after.manifest().clone();
            let back = State::from_rows(manifest, after.head(), &after.rows());
            prop_assert_eq!(back.as_ref(), Ok(&after));
            let mut rows = state.rows();
            for (table, key, value) in after.changed_rows(&state) {
                match value {
                    Some(value) => rows.insert((table, key), value),
                    None => rows.remove(&(table, key)),
                };
            }
            prop_assert_eq!(rows, after.rows());
            state = after;
        }
    }

    #[test]
    fn splitting_stake_in_two_gains_nothing_beyond_rounding(
        stake in 2..1_000_u64,
        other in 1..1_000_u64,
        part in 1..1_000_u64,
        rows in prop::collection::vec((1..=65_535_u16, 1..=65_535_u16), 1..8),
        (yuma3, liquid) in any::<(bool, bool)>(),
    ) {
        let unit = Rao::PER_UNIT;
        let first = (stake * unit / 1_000 * part).clamp(1, stake * unit - 1);
        let rules = |manifest: &mut ganglion_types::Manifest| {
            manifest.hyperparameters.yuma3_enabled = yuma3;
            manifest.hyperparameters.liquid_alpha_enabled = liquid;
        };
        let whole = Subnet::with(&[stake * unit, other * unit], 2, rules);
        let split = Subnet::with(&[first, other * unit, stake * unit - first], 2, rules);
        let mut states = [&whole, &split].map(|one| State::genesis(one.manifest.clone()).unwrap());
        let (mut one, mut two) = (0_u64, 0_u64);
        for (at, (mine, others)) in rows.iter().enumerate() {
            let epoch = at as u64 + 1;
            let row = |miner: u16, weight: u16| [(miner, 65_535), (miner + 1, weight)];
            let items = [
                whole.weights(0, epoch, epoch, &row(2, *mine)),
                whole.weights(1, epoch, epoch, &row(2, *others)),
            ];
            let executed = execute(&states[0], epoch, &items).unwrap();
            one += executed.result.row(Uid::new(0)).unwrap().paid.get();
            states[0] = decide(executed);
            let items = [
                split.weights(0, epoch, epoch, &row(3, *mine)),
                split.weights(1, epoch, epoch, &row(3, *others)),
                split.weights(2, epoch, epoch, &row(3, *mine)),
            ];
            let executed = execute(&states[1], epoch, &items).unwrap();
            two += executed.result.row(Uid::new(0)).unwrap().paid.get();
            two += executed.result.row(Uid::new(2)).unwrap().paid.get();
            states[1] = decide(executed);
        }
        // Yuma cuts off bonds in steps of 1/65535, and quotients in finer ones.
        let slack = EMISSION / 100_000 * rows.len() as u64;
        prop_assert!(two <= one + slack, "{two} instead of {one}");
    }
}

#[test]
fn a_registered_validator_with_stake_joins_the_committee_two_epochs_later() {
    let subnet = Subnet::new(&[30], 1);
    let mut state = State::genesis(subnet.manifest.clone()).unwrap();
    let register = subnet.register(7, Role::Validator, state.head(), 1);
    let fund = subnet.transfer(1, 0, 7, Rao::PER_UNIT);
    state = decide(execute(&state, 1, &[register, fund]).unwrap());
    state = decide(execute(&state, 2, &[subnet.stake(7, 0, 40)]).unwrap());
    assert_eq!(state.committee().len(), 1);
    state = decide(execute(&state, 3, &[]).unwrap());
    assert_eq!(state.committee().len(), 2);
    // Its tail belongs to epoch 1, so in epoch 4 it shows the element three before the tail.
    let row = Weights { task_preimage: element(7, 3), ..subnet.row(7, 4, 1, &[(1, 65_535)]) };
    let row = subnet.item(Body::Weights(row), &hot(7));
    let executed = execute(&state, 4, std::slice::from_ref(&row)).unwrap();
    assert_eq!(executed.receipts[0].outcome, Outcome::Applied);
    let stake = Operation::Stake { hotkey: hotkey(7), amount: Rao::new(1) };
    assert!(admissible(&state, &subnet.operation(7, 1, stake)).is_ok());
}
