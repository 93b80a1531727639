//! Proposed changes of the subnet's parameters (`docs/spec/operations.md`, "Revisions").

use std::collections::BTreeSet;

use ganglion_types::{Change, Coldkey, Epoch, Parameter, ParameterClass, Parameters, Rao};

use super::stake::sum;
use super::state::State;

/// Revisions that wait at a time.
pub const REVISIONS_MAX: usize = 16;
/// Revisions of the owner that wait at a time.
pub const OWNER_REVISIONS_MAX: usize = 4;
/// Epochs after which a revision that was not approved lapses.
pub const REVISION_EPOCHS: u64 = 1_000;
/// Epochs between the last chance to see an owner's revision and its first epoch.
pub const OWNER_DELAY: u64 = 2;
/// Epochs from the one being closed to the latest that a revision may be meant for.
pub const REVISION_AHEAD_MAX: u64 = 100_000;

/// A proposed change of parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// Who proposed it.
    pub proposer: Coldkey,
    /// What changes, strictly rising by parameter.
    pub changes: Vec<Change>,
    /// The first epoch it is meant to hold in; once approved, the one it does hold in.
    pub effective: Epoch,
    /// Epoch of the cut that holds the proposal.
    pub proposed_at: Epoch,
    /// Who approves it. Coldkeys without member are taken off at the end of each epoch.
    pub approvals: BTreeSet<Coldkey>,
    /// Epoch at whose end it was approved.
    pub approved_at: Option<Epoch>,
}

impl Revision {
    /// Who may decide it: the committee, if that is asked for any of the changes.
    #[must_use]
    pub fn class(&self) -> ParameterClass {
        let classes = self.changes.iter().filter_map(|one| Parameter::of(one.parameter));
        classes.map(|one| one.class).max().unwrap_or(ParameterClass::Committee)
    }

    /// The first epoch in whose cut it waits no longer, as things stand.
    #[must_use]
    pub fn gone_from(&self) -> Epoch {
        match self.approved_at {
            Some(_) => self.effective,
            None => Epoch::new(self.proposed_at.get().saturating_add(REVISION_EPOCHS)).next(),
        }
    }
}

impl State {
    /// Whether a revision needs nobody but its proposer, the owner.
    fn is_of_owner(&self, revision: &Revision) -> bool {
        revision.class() == ParameterClass::Owner && self.manifest.owner == Some(revision.proposer)
    }

    /// Whether a coldkey may propose revisions: the owner's, and those of members.
    #[must_use]
    pub fn may_propose(&self, coldkey: &Coldkey) -> bool {
        self.manifest.owner == Some(*coldkey) || self.may_approve(coldkey)
    }

    /// Whether a coldkey may approve revisions: it owns a member.
    #[must_use]
    pub fn may_approve(&self, coldkey: &Coldkey) -> bool {
        self.participants().any(|(_, one)| one.coldkey == *coldkey && one.is_member())
    }

    /// The coldkeys that may approve revisions.
    pub(super) fn voices(&self) -> BTreeSet<Coldkey> {
        let members = self.participants().filter(|(_, one)| one.is_member());
        members.map(|(_, one)| one.coldkey).collect()
    }

    /// Stake of the members whose coldkeys approve a revision.
    #[must_use]
    pub fn support(&self, revision: &Revision) -> Rao {
        let members = self.participants().filter(|(_, one)| one.is_member());
        let behind = members.filter(|(_, one)| revision.approvals.contains(&one.coldkey));
        sum(behind.map(|(_, one)| one.stake))
    }

    /// Stake of all members.
    #[must_use]
    pub fn committee_stake(&self) -> Rao {
        sum(self.participants().filter(|(_, one)| one.is_member()).map(|(_, one)| one.stake))
    }

    /// The earliest epoch that a revision can hold in, if it is decided as things stand in `epoch`.
    pub(super) fn decided(&self, revision: &Revision, epoch: Epoch) -> Option<Epoch> {
        let delay = if self.is_of_owner(revision) {
            OWNER_DELAY
        } else {
            let held = u128::from(self.support(revision).get()).saturating_mul(3);
            let all = u128::from(self.committee_stake().get()).saturating_mul(2);
            if held <= all {
                return None;
            }
            self.hyperparameters().revision_delay
        };
        Some(Epoch::new(epoch.get().saturating_add(delay)))
    }

    /// The parameters after some changes, `None` if they break a rule of the manifest or have no room
    /// for those who take part.
    #[must_use]
    pub fn revised(&self, changes: &[Change]) -> Option<Parameters> {
        let mut parameters = self.parameters;
        let set = changes.iter().all(|change| parameters.set(change));
        let room = parameters.hyperparameters.max_allowed_uids >= self.uid_count();
        (set && room && parameters.violations(&self.manifest).is_empty()).then_some(parameters)
    }

    /// Puts parameters in force. Prices move into their new bounds at once.
    pub(super) fn adopt(&mut self, parameters: Parameters) {
        let rules = &parameters.hyperparameters;
        let chain = &mut self.chain;
        chain.difficulty = chain.difficulty.clamp(rules.min_difficulty, rules.max_difficulty);
        chain.burn_price = chain.burn_price.clamp(rules.min_burn, rules.max_burn);
        self.parameters = parameters;
    }
}
