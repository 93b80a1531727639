//! Open participation under any mix of operations: what must hold after every epoch, read from the
//! rows where the ledger could be wrong about itself.

use std::collections::{BTreeMap, BTreeSet};

use ganglion_consensus::ledger::{
    DELEGATORS_MAX, Outcome, Participant, Preflight, REVISIONS_MAX, State, admissible, execute,
    preflight,
};
use ganglion_types::{
    Body, Coldkey, Hotkey, Item, Manifest, Operation, Rao, RegistryOp, Role, Uid,
};
use proptest::prelude::*;

use crate::fixture::{Subnet, coldkey, hotkey};
use crate::ledger::{Random, check, decide};

/// Hotkeys and coldkeys that a run is about.
const KEYS: u16 = 12;
const UNIT: u64 = Rao::PER_UNIT;

/// Three validators and three miners in a subnet of eight, where everything happens soon.
fn lively(manifest: &mut Manifest) {
    manifest.owner = Some(coldkey(0));
    let rules = &mut manifest.hyperparameters;
    rules.max_allowed_uids = 8;
    rules.max_validators = 4;
    rules.max_registrations_per_epoch = 3;
    rules.immunity_period = 3;
    rules.min_non_immune_uids = 1;
    rules.unbonding_epochs = 4;
    rules.revision_delay = 2;
    rules.min_balance = Rao::new(1_000);
}

/// Operations as clients would send them: nonces in order, most amounts within reach.
struct Clients<'a> {
    subnet: &'a Subnet,
    state: &'a State,
    random: &'a mut Random,
    nonces: BTreeMap<u16, u64>,
    items: Vec<Item>,
}

impl Clients<'_> {
    fn nonce(&mut self, number: u16) -> u64 {
        let next = self.state.account(&coldkey(number)).nonce;
        let nonce = self.nonces.entry(number).or_insert(next);
        *nonce += 1;
        *nonce - 1
    }

    /// A hotkey that a coldkey delegates to, and how much.
    fn delegated_to(&self, number: u16) -> Option<(Hotkey, Rao)> {
        let coldkey = coldkey(number);
        let staying = |(uid, one): (Uid, &Participant)| {
            let amount = self.state.staying(uid, &coldkey);
            (one.coldkey != coldkey && !amount.is_zero()).then_some((one.hotkey, amount))
        };
        self.state.participants().find_map(staying)
    }

    fn speak(&mut self) {
        let by = self.random.number(KEYS);
        let other = self.random.number(KEYS);
        let most = [100, 2 * UNIT, 40 * UNIT][self.random.below(3) as usize];
        let amount = 1 + self.random.below(most);
        match self.random.below(100) {
            0..20 => return self.speak_as_hotkey(by),
            20..22 => return self.offend(by),
            _ => {}
        }
        let nonce = self.nonce(by);
        let (subnet, epoch) = (self.subnet, self.state.next_epoch().get());
        self.items.push(match self.random.below(12) {
            0 | 1 => subnet.stake(by, nonce, amount),
            2 | 3 => subnet.unstake(by, nonce, amount),
            4 => subnet.transfer(by, nonce, other, amount),
            5 | 6 => subnet.delegate(by, nonce, other, amount),
            7 => match self.delegated_to(by) {
                Some((hotkey, held)) => {
                    let operation =
                        Operation::Undelegate { hotkey, amount: held.min(Rao::new(amount)) };
                    subnet.operation(by, nonce, operation)
                }
                None => subnet.undelegate(by, nonce, other, amount),
            },
            8 => subnet.burn(by, nonce, other, amount * 4),
            9 => subnet.rotate(by, nonce, by, other),
            10 => subnet.set_take(by, nonce, (amount % 11_797) as u16),
            _ => match self.random.below(3) {
                0 => {
                    let changes = [(2, amount % 65_536), (28, amount % 9)];
                    let many = 1 + self.random.below(2) as usize;
                    subnet.revise(by, nonce, epoch + amount % 7, &changes[..many])
                }
                _ => subnet.approve(by, nonce, 1 + self.random.below(4)),
            },
        });
    }

    /// Two votes of one hotkey for one place, lately.
    fn offend(&mut self, by: u16) {
        let epoch = self.state.next_epoch().get();
        let epoch = epoch.saturating_sub(self.random.below(6)).max(1);
        self.items.push(self.subnet.double_vote(by, epoch));
    }

    fn speak_as_hotkey(&mut self, by: u16) {
        let seat = self.state.uid_of(&hotkey(by)).and_then(|uid| self.state.participant(uid));
        let Some(nonce) = seat.map(|one| one.nonce) else {
            let difficulty = self.state.chain().difficulty;
            let role = [Role::Miner, Role::Validator][self.random.below(2) as usize];
            let register = self.subnet.register(by, role, self.state.head(), difficulty);
            return self.items.push(register);
        };
        self.items.push(match self.random.below(3) {
            0 => self.subnet.deregister(by, nonce),
            1 => self.subnet.serve(by, nonce, Role::Miner),
            _ => self.subnet.serve(by, nonce, Role::Validator),
        });
    }
}

/// What every client says before one epoch, as far as a cut may hold it.
fn sayings(subnet: &Subnet, state: &State, random: &mut Random, many: u64) -> Vec<Item> {
    let mut clients = Clients { subnet, state, random, nonces: BTreeMap::new(), items: Vec::new() };
    for _ in 0..many {
        clients.speak();
    }
    let mut items = clients.items;
    items.retain(|item| admissible(state, item).is_ok());
    items
}

/// The bounds of every table, and that what is part of a stake is in it.
fn check_bounds(state: &State) {
    assert!(!state.committee().is_empty());
    assert!(state.uid_count() <= state.hyperparameters().max_allowed_uids);
    assert!(state.revisions().len() <= REVISIONS_MAX);
    let hotkeys: BTreeSet<Hotkey> = state.participants().map(|(_, one)| one.hotkey).collect();
    assert_eq!(hotkeys.len(), state.participants().count());
    for (uid, one) in state.participants() {
        assert!(state.delegations(uid).count() <= DELEGATORS_MAX);
        assert!(state.delegated(uid) <= one.stake);
        assert!(state.delegations(uid).all(|(coldkey, _)| coldkey != one.coldkey));
        // Nobody sits there under a former name, but who was slashed when nobody else sat there.
        let former = state.former().get(&one.hotkey);
        assert!(former.is_none_or(|one| one.successor.is_none()));
    }
    for ((uid, coldkey), amount) in state.leaving() {
        assert!(*amount <= state.staked_by(*uid, coldkey) && !amount.is_zero());
    }
    for (hotkey, _) in state.entering().keys() {
        let uid = state.uid_of(hotkey).unwrap();
        assert_eq!(state.participant(uid).unwrap().role, Role::Validator);
    }
    let last = state.epoch().get() + 100;
    assert!(state.unbonding().keys().all(|key| key.0 > state.epoch() && key.0.get() <= last));
}

/// No more than a tenth of the committee, or one unit, became stake or left it by operations. What
/// falls with a tenancy is outside this bound, so only uids that stayed are looked at.
fn check_churn(before: &State, after: &State) {
    let staying = |uid: &Uid| {
        let [old, new] =
            [before, after].map(|state| state.participant(*uid).map(|one| one.coldkey));
        old.is_some() && old == new
    };
    let registered = |state: &State, uid| state.participant(uid).map(|one| one.registered_at);
    let (mut entered, mut left) = (0, 0);
    for (uid, one) in before.participants().filter(|(uid, _)| staying(uid)) {
        if registered(before, uid) != registered(after, uid) {
            continue;
        }
        let coldkeys: BTreeSet<Coldkey> = std::iter::once(one.coldkey)
            .chain([before, after].into_iter().flat_map(|state| {
                state.delegations(uid).map(|(coldkey, _)| coldkey).collect::<Vec<_>>()
            }))
            .collect();
        for coldkey in coldkeys {
            let [old, new] = [before, after].map(|state| state.staked_by(uid, &coldkey).get());
            entered += new.saturating_sub(old);
            left += old.saturating_sub(new);
        }
    }
    // The bound is by the committee just before the amounts moved.
    let committee = after.committee_stake().get() + left;
    let capacity = (committee / 10).max(UNIT);
    let slashed = after.chain().slashed.get() - before.chain().slashed.get();
    assert!(entered <= capacity, "{entered} of {capacity}");
    assert!(left <= capacity + slashed, "{left} of {capacity} and {slashed}");
}

/// One operation in each epoch does alone what it was told to do.
fn check_preflight(state: &State, item: &Item) {
    let Body::RegistryOp(op) = item.body() else { return };
    let told = preflight(state, op);
    let executed = execute(state, state.chain().time, std::slice::from_ref(item)).unwrap();
    match (executed.receipts[0].outcome, told) {
        (Outcome::Applied, Preflight::Succeeds) => {}
        (Outcome::Failed(one), Preflight::Fails { failure, .. }) => assert_eq!(one, failure),
        (Outcome::Gap { next: one }, Preflight::Waits { next }) => assert_eq!(one, next),
        (outcome, told) => panic!("{outcome:?}, but told {told:?}"),
    }
}

fn names(applied: &mut BTreeMap<&'static str, u32>, items: &[Item], done: impl Fn(&Item) -> bool) {
    for item in items.iter().filter(|item| done(item)) {
        let name = match item.body() {
            Body::RegistryOp(RegistryOp { operation, .. }) => operation.name(),
            _ => "slash",
        };
        *applied.entry(name).or_default() += 1;
    }
}

/// Runs a subnet and counts what took effect, evidence under `slash`.
fn run(subnet: &Subnet, seed: u64, epochs: u64, many: u64) -> BTreeMap<&'static str, u32> {
    let mut random = Random(seed);
    let mut applied = BTreeMap::new();
    let mut state = State::genesis(subnet.manifest.clone()).unwrap();
    for _ in 0..epochs {
        let mut items = sayings(subnet, &state, &mut random, many);
        let time = state.chain().time + 1;
        let executed = execute(&state, time, &items).unwrap();
        check(&state, &executed, &items);
        if let Some(item) = items.first() {
            check_preflight(&state, item);
        }
        let outcomes: BTreeMap<_, _> =
            executed.receipts.iter().map(|one| (one.item, one.outcome)).collect();
        names(&mut applied, &items, |item| outcomes[&item.id()] == Outcome::Applied);
        random.shuffle(&mut items);
        assert_eq!(execute(&state, time, &items).as_ref(), Ok(&executed));
        let next = decide(executed);
        check_bounds(&next);
        check_churn(&state, &next);
        let manifest = next.manifest().clone();
        assert_eq!(State::from_rows(manifest, next.head(), &next.rows()).as_ref(), Ok(&next));
        state = next;
    }
    applied
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_mix_of_operations_keeps_every_invariant_over_thirty_epochs(
        seed: u64,
        stakes in prop::collection::vec(prop_oneof![1..50_u64, UNIT..60 * UNIT], 3..=3),
        many in 1..24_u64,
    ) {
        let subnet = Subnet::with(&stakes, 3, lively);
        run(&subnet, seed, 30, many);
    }
}

/// The runs above mean something: in a few of them every operation takes effect.
#[test]
fn every_operation_takes_effect_in_some_run() {
    let subnet = Subnet::with(&[40 * UNIT, 30 * UNIT, 20 * UNIT], 3, lively);
    let mut applied: BTreeMap<&str, u32> = BTreeMap::new();
    for seed in 0..8 {
        for (name, count) in run(&subnet, seed, 30, 20) {
            *applied.entry(name).or_default() += count;
        }
    }
    // All thirteen, and slashing.
    assert_eq!(applied.len(), 14, "{applied:?}");
}
