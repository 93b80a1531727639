//! What would become of an operation, told before it is signed.

use ganglion_types::{Coldkey, Epoch, Operation, Rao, RegistryOp};

use super::admission::{Inadmissible, admit_operation};
use super::execute::try_operation;
use super::receipt::{Failure, Outcome};
use super::state::State;

/// What would become of an operation in the next cut, if it held nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Preflight {
    /// No cut may hold it.
    Inadmissible {
        /// The rule it breaks.
        reason: Inadmissible,
        /// The first epoch whose cut may hold it, where time alone mends it.
        from: Option<Epoch>,
    },
    /// It would take effect.
    Succeeds,
    /// It would wait for operations with lower nonces.
    Waits {
        /// The nonce that is due.
        next: u64,
    },
    /// It would do nothing but use up its nonce.
    Fails {
        /// The rule it breaks.
        failure: Failure,
        /// The first epoch in which it would not fail by that rule, where time alone mends it and
        /// nobody else does anything.
        from: Option<Epoch>,
    },
}

/// Tells what would become of `op` in the next cut, if it held nothing else.
///
/// Runs the epoch function, as the payments of an epoch come before its operations: milliseconds for
/// 256 participants.
#[must_use]
pub fn preflight(state: &State, op: &RegistryOp) -> Preflight {
    if let Err(reason) = admit_operation(state, op) {
        let from = admissible_from(state, &reason);
        return Preflight::Inadmissible { reason, from };
    }
    match try_operation(state, op) {
        Ok(Outcome::Failed(failure)) => {
            let from = passes_from(state, op, &failure);
            Preflight::Fails { failure, from }
        }
        Ok(Outcome::Gap { next }) => Preflight::Waits { next },
        // An epoch that cannot be closed has no next cut; nothing can be said of it.
        Ok(_) | Err(_) => Preflight::Succeeds,
    }
}

fn admissible_from(state: &State, reason: &Inadmissible) -> Option<Epoch> {
    match reason {
        Inadmissible::FormerHotkey { until, .. } => *until,
        Inadmissible::TooFarAhead { valid_until, latest } => {
            let early = valid_until.get().saturating_sub(latest.get());
            Some(later(state, early))
        }
        Inadmissible::Effective { effective, latest } => {
            Some(later(state, effective.get().saturating_sub(latest.get())))
        }
        Inadmissible::MinBalance { coldkey, holding, least } => {
            let missing = least.get().saturating_sub(holding.get());
            released_by(state, coldkey, missing)
        }
        _ => None,
    }
}

fn passes_from(state: &State, op: &RegistryOp, failure: &Failure) -> Option<Epoch> {
    match failure {
        Failure::TakeRaise { again } => Some(*again),
        Failure::FormerHotkey { until, .. } => *until,
        Failure::Balance { needed, held } => {
            let missing = needed.get().saturating_sub(held.get());
            released_by(state, &Coldkey::new(op.signer), missing)
        }
        Failure::Price { price, max } => cheap_from(state, *price, *max),
        Failure::Revisions { .. } | Failure::OwnRevisions { .. } => {
            place_from(state, &op.operation, &Coldkey::new(op.signer), failure)
        }
        _ => None,
    }
}

/// So many epochs after the next cut's.
fn later(state: &State, epochs: u64) -> Epoch {
    Epoch::new(state.next_epoch().get().saturating_add(epochs))
}

/// The first epoch before whose operations enough of what unbonds is balance again.
fn released_by(state: &State, coldkey: &Coldkey, missing: u64) -> Option<Epoch> {
    let mut released = 0_u64;
    for ((release, _, owner), amount) in state.unbonding() {
        if owner == coldkey {
            released = released.saturating_add(amount.get());
        }
        if released >= missing {
            return Some(release.next());
        }
    }
    None
}

/// The first epoch in which the price has fallen far enough, if nobody else registers by burn.
fn cheap_from(state: &State, price: Rao, max: Rao) -> Option<Epoch> {
    let least = state.hyperparameters().min_burn;
    if least > max {
        return None;
    }
    let mut halvings = 0_u64;
    let mut price = price;
    while price > max {
        price = Rao::new(price.get() >> 1).max(least);
        halvings = halvings.saturating_add(1);
    }
    Some(later(state, halvings))
}

/// The first epoch after one of the revisions in the way has taken effect or lapsed.
fn place_from(
    state: &State,
    operation: &Operation,
    proposer: &Coldkey,
    failure: &Failure,
) -> Option<Epoch> {
    let Operation::Revise { .. } = operation else { return None };
    let own = matches!(failure, Failure::OwnRevisions { .. });
    let waiting = state.revisions().values().filter(|one| !own || one.proposer == *proposer);
    waiting.map(super::Revision::gone_from).min()
}
