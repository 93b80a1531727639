//! Step 6: operations of accounts, then those of hotkeys.

use ganglion_types::planted::{self, Bug};
use ganglion_types::{Coldkey, Hotkey, ItemId, Operation, Rao, Uid};

use super::super::receipt::{Failure, Outcome};
use super::super::state::Newcomer;
use super::{Execution, Queue, Signer};

impl Execution {
    /// The operations of one signer in order of nonce, from its next one to the first gap.
    pub(super) fn operate(&mut self, signer: Signer, operations: &Queue<'_>) {
        let mut next = self.next_nonce(signer);
        let mut last: Option<(u64, ItemId)> = None;
        for ((nonce, id), operation) in operations {
            let outcome = match (last, next) {
                (Some((used, by)), _) if used == *nonce => Outcome::Superseded { by },
                (_, Some(next)) if *nonce != next => Outcome::Gap { next },
                _ => {
                    last = Some((*nonce, *id));
                    let outcome = self
                        .apply(signer, operation)
                        .map_or_else(Outcome::Failed, |()| Outcome::Applied);
                    next = self.use_nonce(signer);
                    outcome
                }
            };
            self.receipts.insert(*id, outcome);
        }
    }

    /// The nonce that is due, `None` for a hotkey that lost its uid in this cut.
    fn next_nonce(&self, signer: Signer) -> Option<u64> {
        match signer {
            Signer::Coldkey(coldkey) => Some(self.state.account(&coldkey).nonce),
            Signer::Hotkey(hotkey) => {
                let uid = self.state.uid_of(&hotkey)?;
                self.state.participant(uid).map(|one| one.nonce)
            }
        }
    }

    fn use_nonce(&mut self, signer: Signer) -> Option<u64> {
        let nonce = match signer {
            Signer::Coldkey(coldkey) => &mut self.state.accounts.get_mut(&coldkey)?.nonce,
            Signer::Hotkey(hotkey) => {
                let uid = self.state.uid_of(&hotkey)?;
                &mut self.state.participant_mut(uid)?.nonce
            }
        };
        *nonce = nonce.saturating_add(1);
        Some(*nonce)
    }

    fn apply(&mut self, signer: Signer, operation: &Operation) -> Result<(), Failure> {
        match signer {
            Signer::Coldkey(coldkey) => self.apply_of_coldkey(&coldkey, operation),
            Signer::Hotkey(hotkey) => self.apply_of_hotkey(hotkey, operation),
        }
    }

    fn apply_of_coldkey(&mut self, by: &Coldkey, operation: &Operation) -> Result<(), Failure> {
        match operation {
            Operation::Stake { hotkey, amount } => self.stake(by, hotkey, *amount),
            Operation::Unstake { hotkey, amount } => self.unstake(by, hotkey, *amount),
            Operation::Transfer { to, amount } => self.transfer(by, to, *amount),
            Operation::Delegate { hotkey, amount } => self.delegate(by, hotkey, *amount),
            Operation::Undelegate { hotkey, amount } => self.undelegate(by, hotkey, *amount),
            Operation::SetTake { hotkey, take } => self.set_take(by, hotkey, *take),
            Operation::RotateHotkey { from, to, .. } => self.rotate(by, from, to),
            Operation::BurnRegister { hotkey, role, seed_tail, max_price, .. } => {
                let newcomer =
                    Newcomer { hotkey: *hotkey, coldkey: *by, role: *role, seed_tail: *seed_tail };
                self.burn_register(&newcomer, *max_price)
            }
            Operation::Revise { effective, changes } => self.propose(by, *effective, changes),
            Operation::Approve { revision } => self.approve(by, *revision),
            // Signed by hotkeys; registrations by work and what is said of another chain have an order of their own.
            Operation::Register { .. }
            | Operation::Deregister
            | Operation::Serve { .. }
            | Operation::ObserveRegistry { .. }
            | Operation::ProvideRegistry { .. } => Ok(()),
        }
    }

    fn apply_of_hotkey(&mut self, by: Hotkey, operation: &Operation) -> Result<(), Failure> {
        let uid = self.state.uid_of(&by).ok_or(Failure::NotRegistered { hotkey: by })?;
        match operation {
            Operation::Deregister => self.deregister(uid, by),
            Operation::Serve { role, seed_tail } => self.serve(uid, by, *role, *seed_tail),
            _ => Ok(()),
        }
    }

    fn transfer(&mut self, from: &Coldkey, to: &Coldkey, amount: Rao) -> Result<(), Failure> {
        let least = self.state.hyperparameters().min_balance;
        // An account stays for ever, so opening one is not for free.
        if !self.state.accounts().contains_key(to) && amount < least {
            self.affordable(from, amount)?;
            return Err(Failure::Receiver { least });
        }
        let before = self.state.account(to);
        self.pay(from, amount)?;
        if planted::is(Bug::SelfTransfer) {
            let balance = Rao::new(before.balance.get().saturating_add(amount.get()));
            self.state.accounts.entry(*to).or_default().balance = balance;
            return Ok(());
        }
        // Both are part of the supply, which stays below 2^62.
        self.state.credit(*to, amount);
        Ok(())
    }

    /// What is left of a balance after paying an amount.
    pub(super) fn affordable(&self, coldkey: &Coldkey, amount: Rao) -> Result<Rao, Failure> {
        let held = self.state.account(coldkey).balance;
        held.checked_sub(amount).ok_or(Failure::Balance { needed: amount, held })
    }

    pub(super) fn pay(&mut self, coldkey: &Coldkey, amount: Rao) -> Result<(), Failure> {
        let rest = self.affordable(coldkey, amount)?;
        self.state.accounts.entry(*coldkey).or_default().balance = rest;
        Ok(())
    }

    /// The uid of a hotkey that belongs to a coldkey.
    pub(super) fn owned(&self, coldkey: &Coldkey, hotkey: &Hotkey) -> Result<Uid, Failure> {
        let missing = Failure::NotRegistered { hotkey: *hotkey };
        let uid = self.state.uid_of(hotkey).ok_or(missing)?;
        let participant = self.state.participant(uid).ok_or(missing)?;
        if participant.coldkey != *coldkey {
            return Err(Failure::NotOwned { hotkey: *hotkey });
        }
        Ok(uid)
    }
}
