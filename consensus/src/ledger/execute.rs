//! One epoch of the ledger: from the items of a cut to the next state.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use ganglion_types::{
    Body, Coldkey, CutId, Digest, Epoch, Hotkey, Item, ItemId, Operation, Rao, RegistryOp, Role,
    Uid, Weights,
};

use super::admission::{Inadmissible, Registration, admissible};
use super::epoch::{self, Payout};
use super::receipt::{Failure, Outcome, Receipt};
use super::result::EpochResult;
use super::state::{Participant, RECENT_CUTS, State};
use crate::yuma::YumaError;

/// Why items cannot be executed. A node then votes nil and says so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecuteError {
    /// An item that no cut may hold.
    #[error("item {item} may not stand in this cut: {reason}")]
    Inadmissible {
        /// The item.
        item: ItemId,
        /// The rule it breaks.
        reason: Inadmissible,
    },
    /// The epoch function refused the state: a broken invariant of the ledger.
    #[error("the epoch function refused the state of the ledger")]
    Yuma(#[source] YumaError),
    /// Amounts came from nothing or went nowhere: a broken invariant of the ledger.
    #[error("balances and stakes add up to {got} rao, but should to {expected}")]
    Conservation {
        /// Former supply + emitted - burned.
        expected: u128,
        /// Supply found.
        got: u128,
    },
}

/// What a cut holds of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roots {
    /// [`EpochResult::root`].
    pub result_root: Digest,
    /// [`State::root`].
    pub state_root: Digest,
    /// [`State::committee_root`].
    pub next_committee_root: Digest,
}

/// The outcome of one epoch, before it is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    state: State,
    /// What each uid got.
    pub result: EpochResult,
    /// The numbers behind the payments.
    pub payout: Payout,
    /// One per item, rising by id.
    pub receipts: Vec<Receipt>,
    /// For the cut.
    pub roots: Roots,
}

impl Executed {
    /// The state after the epoch, except that its head is still the cut before: the id of the cut
    /// being built stands in no root. See [`into_state`](Self::into_state).
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// The state after the epoch, once `cut`, which holds [`roots`](Self::roots), is decided.
    #[must_use]
    pub fn into_state(mut self, cut: CutId) -> State {
        self.state.head = cut;
        self.state
    }
}

/// Executes the items of the next cut, with the time it holds, on the state after the last one.
///
/// A pure function of its arguments; the order of `items` does not matter, nor does one that is
/// given twice. Signatures are taken as checked.
///
/// # Errors
/// Names the first inadmissible item. The other errors are broken invariants of the ledger, which
/// no input is known to cause.
pub fn execute(state: &State, time: u64, items: &[Item]) -> Result<Executed, ExecuteError> {
    let inputs = Inputs::sort(state, items)?;
    let mut run = Execution::new(state, time);
    // Evidence has its place here, and so have reveals, which stand in for plain weights where
    // these are hidden; commits and the expiry of old ones come right after.
    run.set_weights(&inputs.weights);
    let closed = epoch::close(&mut run.state, &run.forfeits).map_err(ExecuteError::Yuma)?;
    for (coldkey, operations) in &inputs.operations {
        run.operate(coldkey, operations);
    }
    run.register(&inputs.registrations);
    run.state.chain.epoch = run.epoch;

    let expected = state
        .supply()
        .saturating_add(u128::from(closed.result.header.emitted.get()))
        .saturating_add(u128::from(state.chain.burned.get()))
        .saturating_sub(u128::from(run.state.chain.burned.get()));
    let got = run.state.supply();
    if got != expected {
        return Err(ExecuteError::Conservation { expected, got });
    }
    let roots = Roots {
        result_root: closed.result.root(),
        state_root: run.state.root(),
        next_committee_root: run.state.committee_root(),
    };
    let receipts = run.receipts.into_iter().map(|(item, outcome)| Receipt { item, outcome });
    Ok(Executed {
        state: run.state,
        result: closed.result,
        payout: closed.payout,
        receipts: receipts.collect(),
        roots,
    })
}

/// The difficulty of the next epoch: halved, then raised by 26 % rounded up for each registration
/// taken; never outside the manifest's bounds.
#[must_use]
pub fn next_difficulty(difficulty: u64, registrations: u32, min: u64, max: u64) -> u64 {
    let rest = (difficulty >> 1).max(min);
    let raised = (0..registrations).fold(rest, |difficulty, _| {
        let raised = u128::from(difficulty).saturating_mul(126).div_ceil(100);
        u64::try_from(raised).unwrap_or(u64::MAX).min(max)
    });
    raised.min(max)
}

/// Rows of weights of one signer and mechanism by number, highest first, then by id.
type Statements<'a> = BTreeMap<(Reverse<u64>, ItemId), &'a Weights>;

/// The items of a cut in the orders in which they are executed.
#[derive(Default)]
struct Inputs<'a> {
    /// By signer and mechanism.
    weights: BTreeMap<(Uid, u16), Statements<'a>>,
    /// By account; operations by nonce, then by id.
    operations: BTreeMap<Coldkey, BTreeMap<(u64, ItemId), &'a Operation>>,
    /// By work, then by id.
    registrations: BTreeMap<(Digest, ItemId), Registration>,
}

impl<'a> Inputs<'a> {
    fn sort(state: &State, items: &'a [Item]) -> Result<Self, ExecuteError> {
        let mut inputs = Self::default();
        // By id, so that the item named by an error does not depend on the order given.
        let items: BTreeMap<ItemId, &Item> = items.iter().map(|item| (item.id(), item)).collect();
        for (id, item) in items {
            let refuse = |reason| ExecuteError::Inadmissible { item: id, reason };
            admissible(state, item).map_err(refuse)?;
            match item.body() {
                Body::Weights(weights) => {
                    let hotkey = weights.signer;
                    let uid = state.uid_of(&hotkey);
                    let uid = uid.ok_or(refuse(Inadmissible::NotRegistered { hotkey }))?;
                    let rows = inputs.weights.entry((uid, weights.mechid)).or_default();
                    rows.insert((Reverse(weights.seq), id), weights);
                }
                Body::RegistryOp(op) => inputs.operation(state, id, op),
                _ => return Err(refuse(Inadmissible::Kind { kind: item.kind() })),
            }
        }
        Ok(inputs)
    }

    fn operation(&mut self, state: &State, id: ItemId, op: &'a RegistryOp) {
        if let Some(registration) = Registration::of(op) {
            let work = registration.work(state.subnet());
            self.registrations.insert((work, id), registration);
        } else {
            let account = self.operations.entry(Coldkey::new(op.signer)).or_default();
            account.insert((op.nonce, id), &op.operation);
        }
    }
}

struct Execution {
    /// The state being made. Its epoch is the last one until the end.
    state: State,
    epoch: Epoch,
    receipts: BTreeMap<ItemId, Outcome>,
    /// Validators that are paid nothing for validating this epoch.
    forfeits: BTreeSet<Uid>,
}

impl Execution {
    fn new(before: &State, time: u64) -> Self {
        let mut state = before.clone();
        state.chain.time = time;
        state.chain.recent_cuts.insert(0, before.head);
        state.chain.recent_cuts.truncate(RECENT_CUTS);
        let epoch = before.next_epoch();
        Self { state, epoch, receipts: BTreeMap::new(), forfeits: BTreeSet::new() }
    }

    fn set_weights(&mut self, all: &BTreeMap<(Uid, u16), Statements<'_>>) {
        for ((uid, _), rows) in all {
            let keys = || rows.keys();
            if keys().zip(keys().skip(1)).any(|(one, next)| one.0 == next.0) {
                self.receipts.extend(rows.keys().map(|(_, id)| (*id, Outcome::Equivocated)));
                self.forfeits.insert(*uid);
                if let Some(row) = self.state.weights.get_mut(uid.index()) {
                    row.clear();
                }
                continue;
            }
            let mut rows = rows.iter();
            let Some(((_, counting), weights)) = rows.next() else { continue };
            self.set_row(*uid, weights);
            self.receipts.insert(*counting, Outcome::Applied);
            let rest = rows.map(|((_, id), _)| (*id, Outcome::Superseded { by: *counting }));
            self.receipts.extend(rest);
        }
    }

    fn set_row(&mut self, uid: Uid, weights: &Weights) {
        let held = |target: &u16| self.state.participant(Uid::new(*target)).is_some();
        let row = weights.entries.iter().filter(|(target, _)| held(target)).copied().collect();
        if let Some(place) = self.state.weights.get_mut(uid.index()) {
            *place = row;
        }
        let epoch = self.epoch;
        if let Some(signer) = self.state.participant_mut(uid) {
            signer.last_update = epoch;
            signer.seed = weights.task_preimage;
            signer.seed_epoch = epoch;
        }
    }

    /// The operations of one account in order of nonce, from its next one to the first gap.
    fn operate(&mut self, coldkey: &Coldkey, operations: &BTreeMap<(u64, ItemId), &Operation>) {
        let mut next = self.state.account(coldkey).nonce;
        let mut last: Option<(u64, ItemId)> = None;
        for ((nonce, id), operation) in operations {
            let outcome = match last {
                Some((used, by)) if used == *nonce => Outcome::Superseded { by },
                _ if *nonce != next => Outcome::Gap { next },
                _ => {
                    last = Some((*nonce, *id));
                    next = next.saturating_add(1);
                    self.apply(coldkey, operation)
                        .map_or_else(Outcome::Failed, |()| Outcome::Applied)
                }
            };
            self.receipts.insert(*id, outcome);
        }
        if let Some(account) = self.state.accounts.get_mut(coldkey) {
            account.nonce = next;
        }
    }

    fn apply(&mut self, coldkey: &Coldkey, operation: &Operation) -> Result<(), Failure> {
        match operation {
            Operation::Stake { hotkey, amount } => self.stake(coldkey, hotkey, *amount),
            Operation::Unstake { hotkey, amount } => self.unstake(coldkey, hotkey, *amount),
            Operation::Transfer { to, amount } => self.transfer(coldkey, to, *amount),
            // Registrations have an order of their own.
            Operation::Register { .. } => Ok(()),
        }
    }

    fn stake(&mut self, coldkey: &Coldkey, hotkey: &Hotkey, amount: Rao) -> Result<(), Failure> {
        let uid = self.owned(coldkey, hotkey)?;
        let held = self.state.account(coldkey).balance;
        let too_little = Failure::Balance { needed: amount, held };
        let balance = held.checked_sub(amount).ok_or(too_little)?;
        let missing = Failure::NotRegistered { hotkey: *hotkey };
        let participant = self.state.participant_mut(uid).ok_or(missing)?;
        if participant.role != Role::Validator {
            return Err(Failure::NotValidator { hotkey: *hotkey });
        }
        participant.stake = participant.stake.checked_add(amount).ok_or(too_little)?;
        self.set_balance(coldkey, balance);
        Ok(())
    }

    /// Takes effect at once; waiting out an unbonding time has its place here.
    fn unstake(&mut self, coldkey: &Coldkey, hotkey: &Hotkey, amount: Rao) -> Result<(), Failure> {
        let uid = self.owned(coldkey, hotkey)?;
        let missing = Failure::NotRegistered { hotkey: *hotkey };
        let participant = *self.state.participant(uid).ok_or(missing)?;
        let held = participant.stake;
        let too_little = Failure::Stake { needed: amount, held };
        let stake = held.checked_sub(amount).ok_or(too_little)?;
        let others =
            || self.state.participants().any(|(other, one)| other != uid && one.is_member());
        if stake.is_zero() && participant.is_member() && !others() {
            return Err(Failure::LastMember { hotkey: *hotkey });
        }
        let balance = self.state.account(coldkey).balance.checked_add(amount).ok_or(too_little)?;
        if let Some(participant) = self.state.participant_mut(uid) {
            participant.stake = stake;
            self.set_balance(coldkey, balance);
        }
        Ok(())
    }

    fn transfer(&mut self, from: &Coldkey, to: &Coldkey, amount: Rao) -> Result<(), Failure> {
        let held = self.state.account(from).balance;
        let too_little = Failure::Balance { needed: amount, held };
        let balance = held.checked_sub(amount).ok_or(too_little)?;
        let least = self.state.hyperparameters().min_balance;
        // An account stays for ever, so opening one is not for free.
        if !self.state.accounts.contains_key(to) && amount < least {
            return Err(Failure::Receiver { least });
        }
        self.set_balance(from, balance);
        if !self.state.credit(*to, amount) {
            self.set_balance(from, held);
            return Err(too_little);
        }
        Ok(())
    }

    /// The uid of a hotkey that belongs to a coldkey.
    fn owned(&self, coldkey: &Coldkey, hotkey: &Hotkey) -> Result<Uid, Failure> {
        let missing = Failure::NotRegistered { hotkey: *hotkey };
        let uid = self.state.uid_of(hotkey).ok_or(missing)?;
        let participant = self.state.participant(uid).ok_or(missing)?;
        if participant.coldkey != *coldkey {
            return Err(Failure::NotOwned { hotkey: *hotkey });
        }
        Ok(uid)
    }

    fn set_balance(&mut self, coldkey: &Coldkey, balance: Rao) {
        self.state.accounts.entry(*coldkey).or_default().balance = balance;
    }

    /// Registrations by work, lowest digest first, then the difficulty of the next epoch.
    fn register(&mut self, registrations: &BTreeMap<(Digest, ItemId), Registration>) {
        let mut taken = 0_u16;
        for ((_, id), registration) in registrations {
            let outcome = match self.seat(registration, taken) {
                Ok(()) => {
                    taken = taken.saturating_add(1);
                    Outcome::Applied
                }
                Err(failure) => Outcome::Failed(failure),
            };
            self.receipts.insert(*id, outcome);
        }
        let rules = *self.state.hyperparameters();
        let chain = &mut self.state.chain;
        chain.registrations = u32::from(taken);
        let (min, max) = (rules.min_difficulty, rules.max_difficulty);
        chain.difficulty = next_difficulty(chain.difficulty, chain.registrations, min, max);
    }

    fn seat(&mut self, one: &Registration, taken: u16) -> Result<(), Failure> {
        let rules = self.state.hyperparameters();
        let (limit, max) = (rules.max_registrations_per_epoch, rules.max_allowed_uids);
        if let Some(uid) = self.state.uid_of(&one.hotkey) {
            return Err(Failure::HotkeyTaken { hotkey: one.hotkey, uid });
        }
        if taken >= limit {
            return Err(Failure::EpochLimit { max: limit });
        }
        let uid = self.state.vacancy().ok_or(Failure::Full { max })?;
        self.state.accounts.entry(one.coldkey).or_default();
        self.state.seat(
            uid,
            Participant {
                hotkey: one.hotkey,
                coldkey: one.coldkey,
                role: one.role,
                stake: Rao::ZERO,
                permit: false,
                last_update: self.epoch,
                registered_at: self.epoch,
                seed: one.seed_tail.unwrap_or(Digest::ZERO),
                seed_epoch: self.epoch,
            },
        );
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test")]
mod tests {
    use super::super::fixture::{Subnet, coldkey, hotkey};
    use super::super::result::ResultRow;
    use super::*;

    const MAX: u16 = 65_535;
    const BALANCE: u64 = 100 * Rao::PER_UNIT;

    fn genesis(subnet: &Subnet) -> State {
        State::genesis(subnet.manifest.clone()).unwrap()
    }

    fn run(state: &State, items: &[Item]) -> Executed {
        execute(state, state.chain().time + 1, items).unwrap()
    }

    /// Executes and decides a cut whose id is the epoch.
    fn close(state: &State, items: &[Item]) -> State {
        let cut = [u8::try_from(state.next_epoch().get()).unwrap(); 32];
        run(state, items).into_state(CutId::new(cut))
    }

    fn outcome(executed: &Executed, item: &Item) -> Outcome {
        executed.receipts.iter().find(|receipt| receipt.item == item.id()).unwrap().outcome
    }

    fn failure(state: &State, item: &Item) -> Failure {
        match outcome(&run(state, std::slice::from_ref(item)), item) {
            Outcome::Failed(failure) => failure,
            other => panic!("{other:?}"),
        }
    }

    fn balance(state: &State, number: u16) -> u64 {
        state.account(&coldkey(number)).balance.get()
    }

    fn stake_of(state: &State, number: u16) -> u64 {
        state.participant(state.uid_of(&hotkey(number)).unwrap()).unwrap().stake.get()
    }

    fn paid(executed: &Executed, uid: u16) -> u64 {
        executed.result.row(Uid::new(uid)).unwrap().paid.get()
    }

    fn all_paid(executed: &Executed) -> u64 {
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
            m.accounts =
                vec![(coldkey(1), Rao::new(Rao::SUPPLY_MAX.get() - 1 - 30 - 1_000_000_006))];
        });
        let executed = run(&genesis(&subnet), &[]);
        assert_eq!(executed.result.header.emitted, Rao::ZERO);
        let subnet = Subnet::with(&[30], 1, |m| {
            m.accounts =
                vec![(coldkey(1), Rao::new(Rao::SUPPLY_MAX.get() - 1 - 30 - 1_000_000_007))];
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
        assert_eq!(balance(after, 0), BALANCE - 5 + 20 - 7 + paid(&executed, 0));
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
        let subnet =
            Subnet::with(&[30, 10], 1, |m| m.hyperparameters.stake_threshold = Rao::new(31));
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
            let expected = if at < 3 {
                Outcome::Applied
            } else {
                Outcome::Failed(Failure::EpochLimit { max: 3 })
            };
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
        let subnet = Subnet::with(&[30], 1, |m| {
            m.hyperparameters.max_allowed_uids = 3;
            m.hyperparameters.max_validators = 3;
        });
        let state = genesis(&subnet);
        let items = [10, 11].map(|n| subnet.register(n, Role::Miner, state.head(), 1));
        let executed = run(&state, &items);
        let full = Outcome::Failed(Failure::Full { max: 3 });
        assert!(items.iter().any(|item| outcome(&executed, item) == full));
        assert!(executed.state().is_full());
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
}
