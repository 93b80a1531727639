//! Operations on the registry and on stake.

use ganglion_types::op::PowChallenge;
use ganglion_types::sign::is_sound_key;
use ganglion_types::{
    Change, Coldkey, CutId, Digest, Epoch, Hotkey, Operation, RegistryOp, Role, SubnetId,
};

use super::super::revision::REVISION_AHEAD_MAX;
use super::super::state::{Newcomer, Participant, State, TAKE_MAX};
use super::{Inadmissible, NONCE_WINDOW, VALID_AHEAD_MAX};

pub(in crate::ledger) fn admit_operation(
    state: &State,
    op: &RegistryOp,
) -> Result<(), Inadmissible> {
    let (valid_until, epoch) = (op.valid_until, state.next_epoch());
    if valid_until < epoch {
        return Err(Inadmissible::Expired { valid_until, epoch });
    }
    let latest = Epoch::new(epoch.get().saturating_add(VALID_AHEAD_MAX));
    if valid_until > latest {
        return Err(Inadmissible::TooFarAhead { valid_until, latest });
    }
    if op.operation.is_of_registry() {
        return admit_observation(state, op);
    }
    if state.follows() && changes_registry(&op.operation) {
        return Err(Inadmissible::RegisteredElsewhere);
    }
    if let Some(registration) = Registration::of(op) {
        if op.nonce != 0 {
            return Err(Inadmissible::RegistrationNonce);
        }
        return admit_registration(state, &registration);
    }
    if op.operation.is_of_hotkey() {
        admit_hotkey(state, op)?;
    } else {
        admit_account(state, op)?;
    }
    admit_terms(state, op)
}

/// Whether it changes what another chain decides where a subnet follows one.
const fn changes_registry(operation: &Operation) -> bool {
    match operation {
        Operation::Register { .. }
        | Operation::BurnRegister { .. }
        | Operation::Deregister
        | Operation::Stake { .. }
        | Operation::Unstake { .. }
        | Operation::Delegate { .. }
        | Operation::Undelegate { .. }
        | Operation::SetTake { .. }
        | Operation::RotateHotkey { .. } => true,
        Operation::Transfer { .. }
        | Operation::Serve { .. }
        | Operation::Revise { .. }
        | Operation::Approve { .. }
        | Operation::ObserveRegistry { .. }
        | Operation::ProvideRegistry { .. } => false,
    }
}

/// What a member says of another chain's registry: for one epoch, and newer than what was taken last.
fn admit_observation(state: &State, op: &RegistryOp) -> Result<(), Inadmissible> {
    let source = state.manifest().registry.ok_or(Inadmissible::NoRegistry)?;
    let (height, fits) = match &op.operation {
        Operation::ProvideRegistry { registry } => (registry.height(), source.has(registry)),
        Operation::ObserveRegistry { point } => (point.height, true),
        _ => return Ok(()),
    };
    if op.nonce != 0 {
        return Err(Inadmissible::RegistrationNonce);
    }
    if !fits || !source.reads(height) {
        return Err(Inadmissible::OtherRegistry { netuid: source.netuid, every: source.every });
    }
    let latest = state.next_epoch();
    if op.valid_until > latest {
        return Err(Inadmissible::TooFarAhead { valid_until: op.valid_until, latest });
    }
    let hotkey = Hotkey::new(op.signer);
    let seat = state.uid_of(&hotkey).and_then(|uid| state.participant(uid));
    if !seat.is_some_and(Participant::is_member) {
        return Err(Inadmissible::NoSeat { hotkey });
    }
    match state.external().map(|external| external.point.height) {
        Some(last) if height <= last => Err(Inadmissible::OldRegistry { height, last }),
        _ => Ok(()),
    }
}

/// What the operation itself says.
fn admit_terms(state: &State, op: &RegistryOp) -> Result<(), Inadmissible> {
    let coldkey = Coldkey::new(op.signer);
    match &op.operation {
        // A receiver that has an account passed this when it got it.
        Operation::Transfer { to, .. } if !state.accounts().contains_key(to) => {
            sound("receiver", to.as_bytes())
        }
        Operation::BurnRegister { hotkey, role, seed_tail, .. } => {
            admit_newcomers(state)?;
            admit_tail(*role, seed_tail.as_ref())?;
            sound("hotkey", hotkey.as_bytes())
        }
        Operation::Serve { role, seed_tail } => admit_tail(*role, seed_tail.as_ref()),
        Operation::SetTake { take, .. } if *take > TAKE_MAX => {
            Err(Inadmissible::Take { take: *take })
        }
        Operation::RotateHotkey { to, .. } => sound("hotkey", to.as_bytes()),
        Operation::Revise { .. } if !state.may_propose(&coldkey) => {
            Err(Inadmissible::NoVoice { coldkey })
        }
        Operation::Revise { effective, changes } => admit_changes(state, *effective, changes),
        Operation::Approve { .. } if !state.may_approve(&coldkey) => {
            Err(Inadmissible::NoVoice { coldkey })
        }
        _ => Ok(()),
    }
}

fn admit_changes(state: &State, effective: Epoch, changes: &[Change]) -> Result<(), Inadmissible> {
    let mut parameters = *state.parameters();
    if let Some(change) = changes.iter().find(|change| !parameters.set(change)) {
        return Err(Inadmissible::Change { change: *change });
    }
    let latest = Epoch::new(state.next_epoch().get().saturating_add(REVISION_AHEAD_MAX));
    if effective > latest {
        return Err(Inadmissible::Effective { effective, latest });
    }
    Ok(())
}

fn admit_newcomers(state: &State) -> Result<(), Inadmissible> {
    let rules = state.hyperparameters();
    if rules.registration_allowed && rules.max_registrations_per_epoch > 0 {
        Ok(())
    } else {
        Err(Inadmissible::RegistrationClosed)
    }
}

fn admit_tail(role: Role, tail: Option<&Digest>) -> Result<(), Inadmissible> {
    let fits = tail.is_some() == (role == Role::Validator);
    if fits { Ok(()) } else { Err(Inadmissible::SeedTail { role }) }
}

fn sound(which: &'static str, key: &[u8; 32]) -> Result<(), Inadmissible> {
    if is_sound_key(key) { Ok(()) } else { Err(Inadmissible::WeakKey { which }) }
}

fn admit_nonce(nonce: u64, next: u64) -> Result<(), Inadmissible> {
    if nonce.checked_sub(next).is_none_or(|ahead| ahead >= NONCE_WINDOW) {
        return Err(Inadmissible::Nonce { nonce, next, window: NONCE_WINDOW });
    }
    Ok(())
}

fn admit_hotkey(state: &State, op: &RegistryOp) -> Result<(), Inadmissible> {
    let hotkey = Hotkey::new(op.signer);
    let seat = state.uid_of(&hotkey).and_then(|uid| state.participant(uid));
    let seat = seat.ok_or(Inadmissible::NotRegistered { hotkey })?;
    admit_nonce(op.nonce, seat.nonce)
}

fn admit_account(state: &State, op: &RegistryOp) -> Result<(), Inadmissible> {
    let coldkey = Coldkey::new(op.signer);
    let account = state.accounts().get(&coldkey).ok_or(Inadmissible::NoAccount { coldkey })?;
    admit_nonce(op.nonce, account.nonce)?;
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

    pub(in crate::ledger) const fn newcomer(&self) -> Newcomer {
        Newcomer {
            hotkey: self.hotkey,
            coldkey: self.coldkey,
            role: self.role,
            seed_tail: self.seed_tail,
        }
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
    admit_newcomers(state)?;
    admit_tail(one.role, one.seed_tail.as_ref())?;
    let hotkey = one.hotkey;
    if let Some(uid) = state.uid_of(&hotkey) {
        return Err(Inadmissible::AlreadyRegistered { hotkey, uid });
    }
    if state.former().contains_key(&hotkey) {
        let until = state.former_until(&hotkey);
        return Err(Inadmissible::FormerHotkey { hotkey, until });
    }
    if state.is_full() {
        return Err(Inadmissible::Full { max: state.hyperparameters().max_allowed_uids });
    }
    if !state.registration_cuts().any(|cut| cut == one.prev) {
        return Err(Inadmissible::StaleWork { prev: one.prev });
    }
    let difficulty = state.chain().difficulty;
    if !one.challenge(state.subnet()).holds(one.pow_nonce, difficulty) {
        return Err(Inadmissible::LittleWork { difficulty });
    }
    sound("hotkey", hotkey.as_bytes())?;
    sound("coldkey", one.coldkey.as_bytes())
}
