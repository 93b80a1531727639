//! Rows of weights that were committed to.

use ganglion_types::{WeightReveal, seed};

use super::super::commits::CommitKey;
use super::super::state::State;
use super::Inadmissible;
use super::weights::{RowScope, admit_row, wrong_preimage};

pub(super) fn admit_reveal(state: &State, reveal: &WeightReveal) -> Result<(), Inadmissible> {
    let (hotkey, epoch, mechid) = (reveal.signer, reveal.epoch, reveal.mechid);
    let missing = Inadmissible::NotRegistered { hotkey };
    let uid = state.uid_of(&hotkey).ok_or(missing)?;
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
    // The chain is the one that the signer had then: it may have begun another since.
    if !seed::leads_to(&reveal.task_preimage, epoch, &commit.seed, commit.seed_epoch) {
        return Err(wrong_preimage(commit.seed_epoch, epoch));
    }
    Ok(())
}
