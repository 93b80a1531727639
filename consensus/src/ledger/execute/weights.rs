//! Steps 2 and 3: plain rows of weights, commits to hidden ones, and the end of old commits.

use ganglion_types::{Digest, Epoch, Hotkey, ItemId, Uid, WeightCommit, Weights};

use super::super::commits::{Commit, CommitKey};
use super::super::receipt::Outcome;
use super::super::state::Participant;
use super::{BySeat, Execution, Statements};

impl Execution {
    /// Plain rows: the one with the highest number of each signer counts.
    pub(super) fn set_weights(&mut self, all: &BySeat<'_, Weights>) {
        for ((uid, _), rows) in all {
            let Some((id, row)) = self.counting(*uid, rows, |row| &row.signer) else { continue };
            let epoch = self.epoch;
            self.set_row(*uid, epoch, &row.entries, row.task_preimage, |_| true);
            self.receipts.insert(id, Outcome::Applied);
        }
    }

    /// Commits: the one with the highest number of each signer waits to be shown.
    pub(super) fn commit(&mut self, all: &BySeat<'_, WeightCommit>) {
        for ((uid, mechid), commits) in all {
            let Some((id, one)) = self.counting(*uid, commits, |one| &one.signer) else { continue };
            let key = CommitKey { uid: *uid, mechid: *mechid, epoch: self.epoch };
            let WeightCommit { signer: hotkey, commitment, seq, .. } = *one;
            let chain = self.state.participant(*uid).map(|one| (one.seed, one.seed_epoch));
            let (seed, seed_epoch) = chain.unwrap_or((Digest::ZERO, Epoch::GENESIS));
            let commit = Commit { hotkey, commitment, seq, seed, seed_epoch };
            self.state.commits.insert(key, commit);
            self.receipts.insert(id, Outcome::Applied);
        }
    }

    /// The statement that counts, if any does, with receipts for those that do not.
    fn counting<'a, T>(
        &mut self,
        uid: Uid,
        all: &Statements<'a, T>,
        signer: impl Fn(&T) -> &Hotkey,
    ) -> Option<(ItemId, &'a T)> {
        let ((_, first), statement) = all.first_key_value()?;
        let away = self.seated(uid, signer(statement)).err().map(Outcome::Failed);
        let keys = || all.keys();
        let twice = keys().zip(keys().skip(1)).any(|(one, next)| one.0 == next.0);
        let rest = match away {
            Some(away) => away,
            None if twice => Outcome::Equivocated,
            None => Outcome::Superseded { by: *first },
        };
        self.receipts.extend(all.keys().map(|(_, id)| (*id, rest)));
        if away.is_none() && twice {
            self.lose_epoch(uid);
        }
        (away.is_none() && !twice).then_some((*first, *statement))
    }

    /// The signer said two things for the epoch being closed: the row falls, and the dividend.
    fn lose_epoch(&mut self, uid: Uid) {
        self.forfeits.insert(uid);
        if !self.state.hyperparameters().commit_reveal_weights_enabled {
            self.clear_row(uid);
        }
    }

    /// Commits that nobody showed in time fall, with what stood before them.
    pub(super) fn expire(&mut self) {
        let grace = u64::from(self.state.hyperparameters().reveal_grace);
        let closing = self.epoch.get();
        let expired = |key: &CommitKey| key.epoch.get().saturating_add(grace) < closing;
        let keys: Vec<CommitKey> = self.state.commits.keys().copied().filter(expired).collect();
        for key in keys {
            self.state.commits.remove(&key);
            let row = self.state.participant(key.uid).map(|one| one.last_update);
            if row.is_some_and(|updated| updated <= key.epoch) {
                self.clear_row(key.uid);
            }
            self.forfeits.insert(key.uid);
        }
    }

    pub(super) fn clear_row(&mut self, uid: Uid) {
        if let Some(row) = self.state.weights.get_mut(uid.index()) {
            row.clear();
        }
    }

    /// Sets a row of `epoch` without the entries for vacant uids and for those not `known`.
    pub(super) fn set_row(
        &mut self,
        uid: Uid,
        epoch: Epoch,
        entries: &[(u16, u16)],
        preimage: Digest,
        known: impl Fn(&Participant) -> bool,
    ) {
        let counts = |target: &u16| self.state.participant(Uid::new(*target)).is_some_and(&known);
        let row = entries.iter().filter(|(target, _)| counts(target)).copied().collect();
        if let Some(place) = self.state.weights.get_mut(uid.index()) {
            *place = row;
        }
        if let Some(signer) = self.state.participant_mut(uid) {
            signer.last_update = epoch;
            if epoch > signer.seed_epoch {
                signer.seed = preimage;
                signer.seed_epoch = epoch;
            }
        }
    }
}
