//! The end of an epoch: stake enters and leaves within bounds, unbonded amounts are released.

use ganglion_types::planted::{self, Bug};
use ganglion_types::{Coldkey, Epoch, Hotkey, Rao, Uid};

use super::super::split::split;
use super::super::stake::{add, take};
use super::super::state::Participant;
use super::Execution;

impl Execution {
    /// Moves what waits, shared out if it is more than an epoch has room for, then releases what is
    /// due and forgets hotkeys that can no longer be called to account.
    pub(super) fn churn(&mut self) {
        let capacity = if planted::is(Bug::ChurnUnbounded) {
            u64::MAX
        } else {
            self.state.churn_capacity().get()
        };
        for ((hotkey, coldkey), amount) in share(&self.state.entering, capacity) {
            self.take_in(hotkey, coldkey, amount);
        }
        for ((uid, coldkey), amount) in share(&self.state.leaving, capacity) {
            self.let_go(uid, coldkey, amount);
        }
        self.release();
        let wait = self.state.hyperparameters().unbonding_epochs;
        let epoch = self.epoch;
        let old: Vec<Hotkey> = self
            .state
            .former
            .iter()
            .filter(|(_, one)| one.epoch.get().saturating_add(wait) <= epoch.get())
            .map(|(hotkey, _)| *hotkey)
            .collect();
        // What was slashed stays for ever, under every name it had.
        let forgotten: Vec<Hotkey> =
            old.into_iter().filter(|hotkey| !self.state.was_slashed(hotkey)).collect();
        for hotkey in forgotten {
            self.state.former.remove(&hotkey);
        }
    }

    fn take_in(&mut self, hotkey: Hotkey, coldkey: Coldkey, amount: Rao) {
        // Whatever ends a tenancy gives back what was entering.
        let Some(uid) = self.state.uid_of(&hotkey) else { return };
        let Some(one) = self.state.participant_mut(uid) else { return };
        one.stake = Rao::new(one.stake.get().saturating_add(amount.get()));
        if one.coldkey != coldkey {
            add(&mut self.state.delegations, (uid, coldkey), amount);
        }
        take(&mut self.state.entering, &(hotkey, coldkey), amount);
    }

    /// The last stake of the last member stays, and waits on.
    fn let_go(&mut self, uid: Uid, coldkey: Coldkey, amount: Rao) {
        let Some(one) = self.state.participant(uid).copied() else { return };
        let rest = Rao::new(one.stake.get().saturating_sub(amount.get()));
        let other = |(other, one): (Uid, &Participant)| other != uid && one.is_member();
        if one.is_member() && rest.is_zero() && !self.state.participants().any(other) {
            return;
        }
        if let Some(one) = self.state.participant_mut(uid) {
            one.stake = rest;
        }
        if one.coldkey != coldkey {
            take(&mut self.state.delegations, &(uid, coldkey), amount);
        }
        take(&mut self.state.leaving, &(uid, coldkey), amount);
        self.state.unbond(one.hotkey, coldkey, amount, self.epoch);
    }

    fn release(&mut self) {
        let later = (Epoch::new(self.epoch.get().saturating_add(1)), ZERO_HOTKEY, ZERO_COLDKEY);
        let waiting = self.state.unbonding.split_off(&later);
        let due = std::mem::replace(&mut self.state.unbonding, waiting);
        for ((_, hotkey, coldkey), amount) in due {
            if planted::is(Bug::UnbondedTwice) {
                add(&mut self.state.unbonding, (later.0, hotkey, coldkey), amount);
            }
            self.state.credit(coldkey, amount);
        }
    }
}

const ZERO_HOTKEY: Hotkey = Hotkey::new([0; 32]);
const ZERO_COLDKEY: Coldkey = Coldkey::new([0; 32]);

/// What of each waiting amount moves: all, or its part of the capacity.
fn share<K: Copy>(waiting: &std::collections::BTreeMap<K, Rao>, capacity: u64) -> Vec<(K, Rao)> {
    let amounts: Vec<u64> = waiting.values().map(|amount| amount.get()).collect();
    // Part of the supply, so far below 2^64.
    let all = amounts.iter().fold(0_u64, |sum, amount| sum.saturating_add(*amount));
    let parts = if all <= capacity { amounts } else { split(capacity, &amounts) };
    let parts = waiting.keys().zip(parts).filter(|(_, part)| *part > 0);
    parts.map(|(key, part)| (*key, Rao::new(part))).collect()
}
