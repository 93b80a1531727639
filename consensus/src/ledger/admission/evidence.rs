//! Evidence.

use ganglion_types::{Epoch, Evidence, Role, Uid};

use super::super::commits::CommitKey;
use super::super::state::State;
use super::Inadmissible;

pub(super) fn admit_evidence(state: &State, evidence: &Evidence) -> Result<(), Inadmissible> {
    if evidence.slashes() {
        return admit_slashing(state, evidence);
    }
    let (hotkey, epoch) = (*evidence.offender(), evidence.epoch());
    match lost_epoch(state, evidence) {
        Some(lost) if lost.commit.is_some() || lost.row => Ok(()),
        _ => Err(Inadmissible::NothingToLose { hotkey, epoch }),
    }
}

fn admit_slashing(state: &State, evidence: &Evidence) -> Result<(), Inadmissible> {
    let (epoch, closing) = (evidence.epoch(), state.next_epoch());
    let unbonding = state.hyperparameters().unbonding_epochs;
    if epoch > closing || epoch.get().saturating_add(unbonding) < closing.get() {
        return Err(Inadmissible::EvidenceEpoch { epoch, closing, unbonding });
    }
    let hotkey = *evidence.offender();
    if state.was_slashed(&hotkey) {
        return Err(Inadmissible::AlreadySlashed { hotkey });
    }
    let seat = state.uid_of(&hotkey).and_then(|uid| state.participant(uid));
    let validates = seat.is_some_and(|one| one.role == Role::Validator);
    if validates || state.former().contains_key(&hotkey) || state.unbonds(&hotkey) {
        Ok(())
    } else {
        Err(Inadmissible::NotSlashable { hotkey })
    }
}

/// What two statements about weights cost: all that stands of their epoch.
pub(in crate::ledger) struct LostEpoch {
    pub(in crate::ledger) uid: Uid,
    /// The open commit of that epoch.
    pub(in crate::ledger) commit: Option<CommitKey>,
    /// Whether the row in the state is of that epoch.
    pub(in crate::ledger) row: bool,
}

/// `None` where nobody holds a uid for the offender.
pub(in crate::ledger) fn lost_epoch(state: &State, evidence: &Evidence) -> Option<LostEpoch> {
    let uid = state.seat_behind(evidence.offender())?;
    let epoch: Epoch = evidence.epoch();
    let mechid = u16::try_from(evidence.round()).ok()?;
    let key = CommitKey { uid, mechid, epoch };
    let updated = state.participant(uid).is_some_and(|one| one.last_update == epoch);
    Some(LostEpoch {
        uid,
        commit: state.commit(&key).map(|_| key),
        row: updated && !state.weights(uid).is_empty(),
    })
}
