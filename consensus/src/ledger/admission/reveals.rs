//! Rows of weights that were committed to.

use ganglion_types::{WeightReveal, seed};

use super::super::commits::CommitKey;
use super::super::state::{Participant, State};
use super::Inadmissible;
use super::weights::{RowScope, admit_row, wrong_preimage};

pub(super) fn admit_reveal(state: &State, reveal: &WeightReveal) -> Result<(), Inadmissible> {
    let (hotkey, epoch, mechid) = (reveal.signer, reveal.epoch, reveal.mechid);
    let missing = Inadmissible::NotRegistered { hotkey };
    let uid = state.uid_of(&hotkey).ok_or(missing.clone())?;
    let signer = state.participant(uid).ok_or(missing)?;
    let key = CommitKey { uid, mechid, epoch };
    let commit = state.commit(&key).ok_or(Inadmissible::NoCommit { uid, mechid, epoch })?;
    if reveal.committer != commit.hotkey {
        let (named, expected) = (reveal.committer, commit.hotkey);
        return Err(Inadmissible::Committer { named, expected });
    }
    if reveal.commitment(state.subnet()) != commit.commitment {
        return Err(Inadmissible::Commitment { expected: commit.commitment });
    }
    admit_row(state, uid, &reveal.entries, &RowScope::since(state, epoch))?;
    if continues_seed(signer, reveal) { Ok(()) } else { Err(wrong_preimage(signer, epoch)) }
}

/// Whether the preimage is of the participant's chain, on either side of the element shown last.
fn continues_seed(signer: &Participant, reveal: &WeightReveal) -> bool {
    let (shown, shown_epoch) = (&signer.seed, signer.seed_epoch);
    let (element, epoch) = (&reveal.task_preimage, reveal.epoch);
    if epoch == shown_epoch {
        return element == shown;
    }
    seed::leads_to(element, epoch, shown, shown_epoch)
        || seed::leads_to(shown, shown_epoch, element, epoch)
}
