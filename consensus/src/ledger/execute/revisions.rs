//! Proposals, approvals, and what becomes of them at the end of an epoch.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use ganglion_types::{Change, Coldkey, Epoch};

use super::super::receipt::Failure;
use super::super::revision::{OWNER_REVISIONS_MAX, REVISION_EPOCHS, REVISIONS_MAX, Revision};
use super::Execution;

impl Execution {
    pub(super) fn propose(
        &mut self,
        by: &Coldkey,
        effective: Epoch,
        changes: &[Change],
    ) -> Result<(), Failure> {
        if self.state.revised(changes).is_none() {
            return Err(Failure::Rules);
        }
        let owner = self.state.manifest.owner == Some(*by);
        let limit = if owner { OWNER_REVISIONS_MAX } else { 1 };
        let waiting = self.state.revisions.values().filter(|one| one.proposer == *by).count();
        if waiting >= limit {
            return Err(Failure::OwnRevisions { max: limit });
        }
        let revision = Revision {
            proposer: *by,
            changes: changes.to_vec(),
            effective,
            proposed_at: self.epoch,
            approvals: BTreeSet::from([*by]),
            approved_at: None,
        };
        self.make_room(&revision)?;
        let number = self.state.chain.next_revision;
        self.state.revisions.insert(number, revision);
        self.state.chain.next_revision = number.saturating_add(1);
        Ok(())
    }

    /// If as many wait as may, the newest of those with least support yields to one with more.
    fn make_room(&mut self, newcomer: &Revision) -> Result<(), Failure> {
        if self.state.revisions.len() < REVISIONS_MAX {
            return Ok(());
        }
        let open = self.state.revisions.iter().filter(|(_, one)| one.approved_at.is_none());
        let least = open.map(|(number, one)| (self.state.support(one), Reverse(*number))).min();
        match least {
            Some((support, Reverse(number))) if support < self.state.support(newcomer) => {
                self.state.revisions.remove(&number);
                Ok(())
            }
            _ => Err(Failure::Revisions { max: REVISIONS_MAX }),
        }
    }

    pub(super) fn approve(&mut self, by: &Coldkey, number: u64) -> Result<(), Failure> {
        let unknown = Failure::NoRevision { number };
        let revision = self.state.revisions.get_mut(&number).ok_or(unknown)?;
        if revision.approved_at.is_some() || !revision.approvals.insert(*by) {
            return Err(Failure::Approved { number });
        }
        Ok(())
    }

    /// Counts approvals, lets old proposals lapse, and puts in force what holds from the next epoch
    /// on.
    pub(super) fn revise(&mut self) {
        let (epoch, voices) = (self.epoch, self.state.voices());
        for number in self.state.revisions.keys().copied().collect::<Vec<_>>() {
            let Some(mut revision) = self.state.revisions.remove(&number) else { continue };
            if revision.approved_at.is_none() {
                revision.approvals.retain(|coldkey| voices.contains(coldkey));
                if let Some(earliest) = self.state.decided(&revision, epoch) {
                    revision.effective = revision.effective.max(earliest);
                    revision.approved_at = Some(epoch);
                }
            }
            let lapses = revision.proposed_at.get().saturating_add(REVISION_EPOCHS);
            let due = revision.effective <= epoch.next();
            match (revision.approved_at, self.state.revised(&revision.changes)) {
                // One that would break a rule by now does nothing.
                (Some(_), Some(parameters)) if due => self.state.adopt(parameters),
                (Some(_), None) if due => {}
                (None, _) if epoch.get() >= lapses => {}
                _ => drop(self.state.revisions.insert(number, revision)),
            }
        }
    }
}
