//! One epoch of the ledger: from the items of a cut to the next state.
//!
//! Each step of the order of execution (`docs/spec/ledger.md`) has a file of its own.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use ganglion_types::{
    Body, Coldkey, CutId, Digest, Epoch, Evidence, Hotkey, Item, ItemId, Operation, Rao,
    RegistryOp, Uid, WeightCommit, WeightReveal, Weights,
};

use super::admission::{Inadmissible, Registration, admissible};
use super::epoch::{self, Payout};
use super::external::Observed;
use super::receipt::{Failure, Outcome, Receipt};
use super::result::EpochResult;
use super::stake::Supply;
use super::state::{RECENT_CUTS, State};
use crate::yuma::YumaError;

mod churn;
mod evidence;
mod operations;
mod registrations;
mod reveals;
mod revisions;
mod stake;
mod tenancy;
mod weights;

pub use registrations::{next_difficulty, raised_burn_price};
pub use stake::{DELEGATORS_MAX, TAKE_RAISE_EPOCHS};

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
    #[error("supply is {}, but should be {}: {terms}", terms.after.total(), terms.expected())]
    Conservation {
        /// The terms of the sum.
        terms: Box<Terms>,
    },
}

/// What the supply before an epoch and the supply after it are made of, in rao.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Before the epoch.
    pub before: Supply,
    /// Paid out in it.
    pub emitted: Rao,
    /// Paid for registrations in it.
    pub burned: Rao,
    /// Taken for equivocation in it.
    pub slashed: Rao,
    /// After it.
    pub after: Supply,
}

impl Terms {
    /// Supply before + emitted - burned - slashed.
    #[must_use]
    pub fn expected(&self) -> u128 {
        let [emitted, burned, slashed] =
            [self.emitted, self.burned, self.slashed].map(|amount| u128::from(amount.get()));
        let income = self.before.total().saturating_add(emitted);
        income.saturating_sub(burned).saturating_sub(slashed)
    }
}

impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |f: &mut fmt::Formatter<'_>, when, supply: &Supply| {
            write!(
                f,
                "{when} balances {}, stakes {}, entering {}, unbonding {}",
                supply.balances, supply.stakes, supply.entering, supply.unbonding
            )
        };
        show(f, "before", &self.before)?;
        let [emitted, burned, slashed] =
            [self.emitted, self.burned, self.slashed].map(|amount| amount.get());
        write!(f, "; emitted {emitted}, burned {burned}, slashed {slashed}; ")?;
        show(f, "after", &self.after)
    }
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
    run.punish(&inputs.evidence);
    run.reveal(&inputs.reveals);
    run.set_weights(&inputs.weights);
    run.commit(&inputs.commits);
    run.expire();
    let mut closed = epoch::close(&mut run.state, &run.forfeits).map_err(ExecuteError::Yuma)?;
    run.execute_operations(&inputs);
    run.follow(state, &inputs);
    run.relieve();
    run.churn();
    run.revise();
    run.state.chain.epoch = run.epoch;

    let header = &mut closed.result.header;
    header.burned = since(run.state.chain.burned, state.chain.burned);
    header.slashed = since(run.state.chain.slashed, state.chain.slashed);
    let terms = Terms {
        before: state.supply_parts(),
        emitted: header.emitted,
        burned: header.burned,
        slashed: header.slashed,
        after: run.state.supply_parts(),
    };
    if terms.after.total() != terms.expected() {
        return Err(ExecuteError::Conservation { terms: Box::new(terms) });
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

/// What becomes of an admissible operation that is executed alone, with all that comes before it.
pub(super) fn try_operation(state: &State, op: &RegistryOp) -> Result<Outcome, YumaError> {
    let mut run = Execution::new(state, state.chain.time);
    run.expire();
    epoch::close(&mut run.state, &run.forfeits)?;
    let mut inputs = Inputs::default();
    let id = ItemId::default();
    inputs.operation(state, id, op);
    run.execute_operations(&inputs);
    Ok(run.receipts.remove(&id).unwrap_or(Outcome::Applied))
}

fn since(now: Rao, before: Rao) -> Rao {
    Rao::new(now.get().saturating_sub(before.get()))
}

/// Statements of one signer about one thing by number, highest first, then by id.
type Statements<'a, T> = BTreeMap<(Reverse<u64>, ItemId), &'a T>;
/// Of each uid and mechanism.
type BySeat<'a, T> = BTreeMap<(Uid, u16), Statements<'a, T>>;

/// Operations of one signer by nonce, then by id.
type Queue<'a> = BTreeMap<(u64, ItemId), &'a Operation>;

/// Whose operations a queue holds.
#[derive(Clone, Copy)]
enum Signer {
    Coldkey(Coldkey),
    Hotkey(Hotkey),
}

/// The items of a cut in the orders in which they are executed.
#[derive(Default)]
struct Inputs<'a> {
    evidence: BTreeMap<ItemId, &'a Evidence>,
    /// By epoch of the commit, uid and mechanism.
    reveals: BTreeMap<(Epoch, Uid, u16), Statements<'a, WeightReveal>>,
    weights: BySeat<'a, Weights>,
    commits: BySeat<'a, WeightCommit>,
    /// By account; operations by nonce, then by id.
    operations: BTreeMap<Coldkey, Queue<'a>>,
    /// As above, of hotkeys.
    tenancies: BTreeMap<Hotkey, Queue<'a>>,
    /// By work, then by id.
    registrations: BTreeMap<(Digest, ItemId), Registration>,
    /// Of another chain's registry.
    observed: Observed<'a>,
    /// The items that it was said in.
    observing: Vec<ItemId>,
}

impl<'a> Inputs<'a> {
    fn sort(state: &State, items: &'a [Item]) -> Result<Self, ExecuteError> {
        let mut inputs = Self::default();
        // By id, so that the item named by an error does not depend on the order given.
        let items: BTreeMap<ItemId, &Item> = items.iter().map(|item| (item.id(), item)).collect();
        for (id, item) in items {
            let refuse = |reason| ExecuteError::Inadmissible { item: id, reason };
            admissible(state, item).map_err(refuse)?;
            let seat = |hotkey: &Hotkey| {
                let missing = refuse(Inadmissible::NotRegistered { hotkey: *hotkey });
                state.uid_of(hotkey).ok_or(missing)
            };
            match item.body() {
                Body::Weights(body) => {
                    let place = (seat(&body.signer)?, body.mechid);
                    let rows = inputs.weights.entry(place).or_default();
                    rows.insert((Reverse(body.seq), id), body);
                }
                Body::WeightCommit(body) => {
                    let place = (seat(&body.signer)?, body.mechid);
                    let commits = inputs.commits.entry(place).or_default();
                    commits.insert((Reverse(body.seq), id), body);
                }
                Body::WeightReveal(body) => {
                    let place = (body.epoch, seat(&body.signer)?, body.mechid);
                    let reveals = inputs.reveals.entry(place).or_default();
                    reveals.insert((Reverse(body.seq), id), body);
                }
                Body::Evidence(body) => drop(inputs.evidence.insert(id, body)),
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
            return;
        }
        match &op.operation {
            Operation::ObserveRegistry { point } => {
                let members = self.observed.by.entry(*point).or_default();
                members.insert(Hotkey::new(op.signer));
                return self.observing.push(id);
            }
            Operation::ProvideRegistry { registry } => {
                self.observed.shown.insert(registry.digest(), registry);
                return self.observing.push(id);
            }
            _ => {}
        }
        let queue = if op.operation.is_of_hotkey() {
            self.tenancies.entry(Hotkey::new(op.signer)).or_default()
        } else {
            self.operations.entry(Coldkey::new(op.signer)).or_default()
        };
        queue.insert((op.nonce, id), &op.operation);
    }
}

struct Execution {
    /// The state being made. Its epoch is the last one until the end.
    state: State,
    epoch: Epoch,
    receipts: BTreeMap<ItemId, Outcome>,
    /// Validators that are paid nothing for validating this epoch.
    forfeits: BTreeSet<Uid>,
    /// Registrations taken in this epoch, whatever paid for them.
    registered: u16,
    /// Those paid for by work.
    worked: u32,
}

impl Execution {
    fn new(before: &State, time: u64) -> Self {
        let mut state = before.clone();
        state.chain.time = time;
        state.chain.recent_cuts.insert(0, before.head);
        state.chain.recent_cuts.truncate(RECENT_CUTS);
        let epoch = before.next_epoch();
        Self {
            state,
            epoch,
            receipts: BTreeMap::new(),
            forfeits: BTreeSet::new(),
            registered: 0,
            worked: 0,
        }
    }

    /// The uid of a signer that still holds it after the evidence of this cut.
    fn seated(&self, uid: Uid, hotkey: &Hotkey) -> Result<(), Failure> {
        let seated = self.state.uid_of(hotkey) == Some(uid);
        if seated { Ok(()) } else { Err(Failure::NotRegistered { hotkey: *hotkey }) }
    }
}

impl Execution {
    /// Operations of accounts, then of hotkeys, then registrations by work.
    fn execute_operations(&mut self, inputs: &Inputs<'_>) {
        for (coldkey, operations) in &inputs.operations {
            self.operate(Signer::Coldkey(*coldkey), operations);
        }
        for (hotkey, operations) in &inputs.tenancies {
            self.operate(Signer::Hotkey(*hotkey), operations);
        }
        self.register(&inputs.registrations);
    }

    /// Takes the snapshot of another chain's registry that `before`'s committee agrees on, if there is one.
    fn follow(&mut self, before: &State, inputs: &Inputs<'_>) {
        let said = inputs.observing.iter().map(|id| (*id, Outcome::Applied));
        self.receipts.extend(said);
        if let Some(registry) = inputs.observed.taken(before, &self.state) {
            self.state.take_registry(registry, self.epoch);
        }
    }
}

#[cfg(test)]
mod external_tests;
#[cfg(test)]
mod operation_tests;
#[cfg(test)]
mod revision_tests;
#[cfg(test)]
mod tests;
