//! Step 6: operations of accounts.

use std::collections::BTreeMap;

use ganglion_types::{Coldkey, Hotkey, ItemId, Operation, Rao, Role, Uid};

use super::super::receipt::{Failure, Outcome};
use super::Execution;

impl Execution {
    /// The operations of one account in order of nonce, from its next one to the first gap.
    pub(super) fn operate(
        &mut self,
        coldkey: &Coldkey,
        operations: &BTreeMap<(u64, ItemId), &Operation>,
    ) {
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
            // Registrations have an order of their own, and nothing else is admissible yet.
            _ => Ok(()),
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
}
