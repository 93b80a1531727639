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
