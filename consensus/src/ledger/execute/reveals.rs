//! Step 2: hidden rows are shown, by epoch of their commits.

use std::collections::BTreeMap;

use ganglion_types::{Epoch, Uid, WeightReveal};

use super::super::commits::CommitKey;
use super::super::receipt::Outcome;
use super::{Execution, Statements};

impl Execution {
    /// All reveals of one commit show the same; the one with the highest number is executed.
    pub(super) fn reveal(
        &mut self,
        all: &BTreeMap<(Epoch, Uid, u16), Statements<'_, WeightReveal>>,
    ) {
        for ((epoch, uid, mechid), reveals) in all {
            let Some(((_, first), reveal)) = reveals.first_key_value() else { continue };
            let key = CommitKey { uid: *uid, mechid: *mechid, epoch: *epoch };
            let rest = reveals.keys().map(|(_, id)| (*id, Outcome::Superseded { by: *first }));
            self.receipts.extend(rest);
            let outcome = self.open(key, reveal);
            self.receipts.insert(*first, outcome);
        }
    }

    fn open(&mut self, key: CommitKey, reveal: &WeightReveal) -> Outcome {
        if let Err(failure) = self.seated(key.uid, &reveal.signer) {
            return Outcome::Failed(failure);
        }
        // It was open before this cut, so evidence in this cut has closed it.
        if self.state.commits.remove(&key).is_none() {
            return Outcome::Equivocated;
        }
        let row = self.state.participant(key.uid).map_or(key.epoch, |one| one.last_update);
        if key.epoch < row {
            return Outcome::Outdated { row };
        }
        // Who came with the commit's cut or later cannot have been meant.
        let (entries, preimage) = (&reveal.entries, reveal.task_preimage);
        self.set_row(key.uid, key.epoch, entries, preimage, |one| one.registered_at < key.epoch);
        Outcome::Applied
    }
}
