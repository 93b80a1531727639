//! Operations on stake: an owner's and others'. What they move waits for the end of an epoch.

use ganglion_types::{Coldkey, Epoch, Hotkey, Rao, Role, Uid};

use super::super::receipt::Failure;
use super::super::stake::add;
use super::super::state::Participant;
use super::Execution;

/// Coldkeys that may delegate to one uid at a time, waiting ones included.
pub const DELEGATORS_MAX: usize = 1_024;
/// Epochs from one raise of a take to the next: Bittensor's 216,000 blocks, / 360.
pub const TAKE_RAISE_EPOCHS: u64 = 600;

impl Execution {
    pub(super) fn stake(
        &mut self,
        by: &Coldkey,
        hotkey: &Hotkey,
        amount: Rao,
    ) -> Result<(), Failure> {
        let uid = self.owned(by, hotkey)?;
        self.validator(uid, hotkey)?;
        self.enter(by, hotkey, amount)
    }

    pub(super) fn unstake(
        &mut self,
        by: &Coldkey,
        hotkey: &Hotkey,
        amount: Rao,
    ) -> Result<(), Failure> {
        let uid = self.owned(by, hotkey)?;
        self.leave(uid, by, hotkey, amount)
    }

    pub(super) fn delegate(
        &mut self,
        by: &Coldkey,
        hotkey: &Hotkey,
        amount: Rao,
    ) -> Result<(), Failure> {
        let uid = self.others(by, hotkey)?;
        let one = self.validator(uid, hotkey)?;
        self.affordable(by, amount)?;
        let waiting = self.state.entering().get(&(*hotkey, *by)).copied().unwrap_or_default();
        let held = self.state.staked_by(uid, by).get().saturating_add(waiting.get());
        let least = self.state.hyperparameters().min_balance;
        if held.saturating_add(amount.get()) < least.get() {
            return Err(Failure::SmallDelegation { least });
        }
        if held == 0 && self.state.delegators(uid, &one) >= DELEGATORS_MAX {
            return Err(Failure::Delegators { hotkey: *hotkey });
        }
        self.enter(by, hotkey, amount)
    }

    /// A rest below `min_balance` leaves with the amount asked for.
    pub(super) fn undelegate(
        &mut self,
        by: &Coldkey,
        hotkey: &Hotkey,
        amount: Rao,
    ) -> Result<(), Failure> {
        let uid = self.others(by, hotkey)?;
        let held = self.state.staying(uid, by);
        let rest = held.checked_sub(amount);
        let rest = rest.ok_or(Failure::Stake { needed: amount, held })?;
        let small = rest < self.state.hyperparameters().min_balance;
        self.leave(uid, by, hotkey, if small { held } else { amount })
    }

    pub(super) fn set_take(
        &mut self,
        by: &Coldkey,
        hotkey: &Hotkey,
        take: u16,
    ) -> Result<(), Failure> {
        let uid = self.owned(by, hotkey)?;
        let epoch = self.epoch;
        let missing = Failure::NotRegistered { hotkey: *hotkey };
        let one = self.state.participant_mut(uid).ok_or(missing)?;
        if take > one.take {
            let again = one.take_raised_at.get().saturating_add(TAKE_RAISE_EPOCHS);
            if one.take_raised_at != Epoch::GENESIS && epoch.get() < again {
                return Err(Failure::TakeRaise { again: Epoch::new(again) });
            }
            one.take_raised_at = epoch;
        }
        one.take = take;
        Ok(())
    }

    /// Out of the balance, towards stake.
    fn enter(&mut self, by: &Coldkey, hotkey: &Hotkey, amount: Rao) -> Result<(), Failure> {
        self.pay(by, amount)?;
        add(&mut self.state.entering, (*hotkey, *by), amount);
        Ok(())
    }

    /// Out of stake, once the epoch has room for it.
    fn leave(
        &mut self,
        uid: Uid,
        by: &Coldkey,
        hotkey: &Hotkey,
        amount: Rao,
    ) -> Result<(), Failure> {
        let held = self.state.staying(uid, by);
        if held < amount {
            return Err(Failure::Stake { needed: amount, held });
        }
        if self.is_last_stake(uid, amount) {
            return Err(Failure::LastMember { hotkey: *hotkey });
        }
        add(&mut self.state.leaving, (uid, *by), amount);
        Ok(())
    }

    /// Whether no member would have stake left, once all that waits to leave and `amount` of a
    /// member's have left.
    fn is_last_stake(&self, uid: Uid, amount: Rao) -> bool {
        let stays = |(other, one): (Uid, &Participant)| {
            let leaves = self.state.leaving_of(other).get();
            let leaves = if other == uid { leaves.saturating_add(amount.get()) } else { leaves };
            one.is_member() && one.stake.get() > leaves
        };
        let member = self.state.participant(uid).is_some_and(Participant::is_member);
        member && !self.state.participants().any(stays)
    }

    fn validator(&self, uid: Uid, hotkey: &Hotkey) -> Result<Participant, Failure> {
        match self.state.participant(uid) {
            Some(one) if one.role == Role::Validator => Ok(*one),
            _ => Err(Failure::NotValidator { hotkey: *hotkey }),
        }
    }

    /// The uid of a hotkey that belongs to another coldkey.
    fn others(&self, by: &Coldkey, hotkey: &Hotkey) -> Result<Uid, Failure> {
        match self.owned(by, hotkey) {
            Ok(_) => Err(Failure::Own { hotkey: *hotkey }),
            Err(Failure::NotOwned { .. }) => {
                self.state.uid_of(hotkey).ok_or(Failure::NotRegistered { hotkey: *hotkey })
            }
            Err(failure) => Err(failure),
        }
    }
}
