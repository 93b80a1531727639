//! Step 2: rows of weights.

use std::collections::BTreeMap;

use ganglion_types::{Uid, Weights};

use super::super::receipt::Outcome;
use super::{Execution, Statements};

impl Execution {
    pub(super) fn set_weights(&mut self, all: &BTreeMap<(Uid, u16), Statements<'_>>) {
        for ((uid, _), rows) in all {
            let keys = || rows.keys();
            if keys().zip(keys().skip(1)).any(|(one, next)| one.0 == next.0) {
                self.receipts.extend(rows.keys().map(|(_, id)| (*id, Outcome::Equivocated)));
                self.forfeits.insert(*uid);
                if let Some(row) = self.state.weights.get_mut(uid.index()) {
                    row.clear();
                }
                continue;
            }
            let mut rows = rows.iter();
            let Some(((_, counting), weights)) = rows.next() else { continue };
            self.set_row(*uid, weights);
            self.receipts.insert(*counting, Outcome::Applied);
            let rest = rows.map(|((_, id), _)| (*id, Outcome::Superseded { by: *counting }));
            self.receipts.extend(rest);
        }
    }

    fn set_row(&mut self, uid: Uid, weights: &Weights) {
        let held = |target: &u16| self.state.participant(Uid::new(*target)).is_some();
        let row = weights.entries.iter().filter(|(target, _)| held(target)).copied().collect();
        if let Some(place) = self.state.weights.get_mut(uid.index()) {
            *place = row;
        }
        let epoch = self.epoch;
        if let Some(signer) = self.state.participant_mut(uid) {
            signer.last_update = epoch;
            signer.seed = weights.task_preimage;
            signer.seed_epoch = epoch;
        }
    }
}
