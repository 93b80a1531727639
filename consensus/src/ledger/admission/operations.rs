//! Operations on the registry and on stake.

use ganglion_types::op::PowChallenge;
use ganglion_types::sign::is_sound_key;
use ganglion_types::{
    Coldkey, CutId, Digest, Epoch, Hotkey, Operation, RegistryOp, Role, SubnetId,
};

use super::super::state::State;
use super::{Inadmissible, NONCE_WINDOW, VALID_AHEAD_MAX};

pub(super) fn admit_operation(state: &State, op: &RegistryOp) -> Result<(), Inadmissible> {
    let (valid_until, epoch) = (op.valid_until, state.next_epoch());
    if valid_until < epoch {
        return Err(Inadmissible::Expired { valid_until, epoch });
    }
    let latest = Epoch::new(epoch.get().saturating_add(VALID_AHEAD_MAX));
    if valid_until > latest {
        return Err(Inadmissible::TooFarAhead { valid_until, latest });
    }
    if let Some(registration) = Registration::of(op) {
        if op.nonce != 0 {
            return Err(Inadmissible::RegistrationNonce);
        }
        return admit_registration(state, &registration);
    }
    if !matches!(
        op.operation,
        Operation::Stake { .. } | Operation::Unstake { .. } | Operation::Transfer { .. }
    ) {
        return Err(Inadmissible::Unsupported { operation: op.operation.name() });
    }
    admit_account(state, op)?;
    // A receiver that has an account passed this when it got it.
    match &op.operation {
        Operation::Transfer { to, .. }
            if !state.accounts().contains_key(to) && !is_sound_key(to.as_bytes()) =>
        {
            Err(Inadmissible::WeakKey { which: "receiver" })
        }
        _ => Ok(()),
    }
}

fn admit_account(state: &State, op: &RegistryOp) -> Result<(), Inadmissible> {
    let coldkey = Coldkey::new(op.signer);
    let account = state.accounts().get(&coldkey).ok_or(Inadmissible::NoAccount { coldkey })?;
    let (nonce, next) = (op.nonce, account.nonce);
    if nonce.checked_sub(next).is_none_or(|ahead| ahead >= NONCE_WINDOW) {
        return Err(Inadmissible::Nonce { nonce, next, window: NONCE_WINDOW });
    }
    let least = state.hyperparameters().min_balance;
    // The holding takes a walk over all uids, which the balance alone mostly spares.
    if account.balance < least {
        let holding = state.holding(&coldkey);
        if holding < least {
            return Err(Inadmissible::MinBalance { coldkey, holding, least });
        }
    }
    Ok(())
}

/// A registration with its signer.
#[derive(Clone, Copy, Debug)]
pub(in crate::ledger) struct Registration {
    pub(in crate::ledger) hotkey: Hotkey,
    pub(in crate::ledger) coldkey: Coldkey,
    pub(in crate::ledger) role: Role,
    pub(in crate::ledger) seed_tail: Option<Digest>,
    pub(in crate::ledger) prev: CutId,
    pub(in crate::ledger) pow_nonce: u64,
}

impl Registration {
    /// The registration in an operation, if it is one.
    pub(in crate::ledger) fn of(op: &RegistryOp) -> Option<Self> {
        let Operation::Register { coldkey, role, seed_tail, prev, pow_nonce } = op.operation else {
            return None;
        };
        let hotkey = Hotkey::new(op.signer);
        Some(Self { hotkey, coldkey, role, seed_tail, prev, pow_nonce })
    }

    pub(in crate::ledger) fn challenge(&self, subnet: &SubnetId) -> PowChallenge {
        let tail = self.seed_tail.as_ref();
        PowChallenge::new(subnet, &self.prev, &self.hotkey, &self.coldkey, self.role, tail)
    }

    /// What registrations of one cut are ordered by.
    pub(in crate::ledger) fn work(&self, subnet: &SubnetId) -> Digest {
        self.challenge(subnet).digest(self.pow_nonce)
    }
}

fn admit_registration(state: &State, one: &Registration) -> Result<(), Inadmissible> {
    let rules = state.hyperparameters();
    if !rules.registration_allowed || rules.max_registrations_per_epoch == 0 {
        return Err(Inadmissible::RegistrationClosed);
    }
    if one.seed_tail.is_some() != (one.role == Role::Validator) {
        return Err(Inadmissible::SeedTail { role: one.role });
    }
    if let Some(uid) = state.uid_of(&one.hotkey) {
        return Err(Inadmissible::AlreadyRegistered { hotkey: one.hotkey, uid });
    }
    // Vacant uids are filled first, and nobody who holds one is replaced.
    if state.is_full() {
        return Err(Inadmissible::Full { max: rules.max_allowed_uids });
    }
    if !state.registration_cuts().any(|cut| cut == one.prev) {
        return Err(Inadmissible::StaleWork { prev: one.prev });
    }
    let difficulty = state.chain().difficulty;
    if !one.challenge(state.subnet()).holds(one.pow_nonce, difficulty) {
        return Err(Inadmissible::LittleWork { difficulty });
    }
    for (which, key) in [("hotkey", one.hotkey.as_bytes()), ("coldkey", one.coldkey.as_bytes())] {
        if !is_sound_key(key) {
            return Err(Inadmissible::WeakKey { which });
        }
    }
    Ok(())
}
