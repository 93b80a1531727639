//! Hidden weights: a validator commits to its row in one epoch and opens it in the next.
//!
//! ```text
//! epoch e:    row ► sealed on disk ► WeightCommit ──► Cut(e)
//! epoch e+1:                         certificate of e held ► WeightReveal ──► Cut(e+1)
//! ```
//! Whoever copies a row that was opened is an epoch late. What was sealed is durable before the
//! commit leaves, so a validator that restarts opens what it committed to.

use std::collections::BTreeMap;

use ganglion_consensus::ledger::admissible;
use ganglion_types::planted::{self, Bug};
use ganglion_types::weights::{self, CommitScope};
use ganglion_types::{
    Body, Canonical as _, Digest, Epoch, Item, WeightCommit, WeightReveal, limits,
};

use crate::effect::{Effect, Report};
use crate::input::Channel;
use crate::participant::Participant;

/// Name of the local value that holds the sealed rows.
pub const LOCAL_SEALED: &str = "sealed";

/// Epochs whose rows are kept: more than any reveal may be late.
const SEALED: usize = 8;

/// Rows committed to, by epoch of the commit, as they will be revealed; at most eight.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SealedRows {
    rows: BTreeMap<Epoch, WeightReveal>,
}

impl SealedRows {
    fn seal(&mut self, row: WeightReveal) {
        self.rows.insert(row.epoch, row);
        while self.rows.len() > SEALED {
            self.rows.pop_first();
        }
    }

    /// Whether the row of a commit of this epoch is kept.
    #[must_use]
    pub fn holds(&self, epoch: Epoch) -> bool {
        self.rows.contains_key(&epoch)
    }

    /// For the store: each row's canonical bytes behind their length, u32 BE.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for row in self.rows.values() {
            let row = row.to_bytes();
            let length = u32::try_from(row.len()).unwrap_or(u32::MAX);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(&row);
        }
        bytes
    }

    /// Reads what [`SealedRows::to_bytes`] wrote; `None` if it did not.
    #[must_use]
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let mut sealed = Self::default();
        while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
            let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
            let (row, rest) = rest.split_at_checked(length)?;
            sealed.seal(WeightReveal::from_bytes(row, limits::ITEM_BYTES).ok()?);
            bytes = rest;
        }
        bytes.is_empty().then_some(sealed)
    }
}

impl Participant {
    /// Seals a row and publishes the commit to it.
    pub(crate) fn commit_to(&mut self, entries: Vec<(u16, u16)>, task_preimage: Digest) {
        let (Some(key), Some(signer)) = (self.config.key.clone(), self.me) else { return };
        let (epoch, seq) = (self.closing(), self.next_seq());
        let scope = CommitScope { epoch, mechid: 0 };
        let reveal = WeightReveal {
            signer,
            mechid: scope.mechid,
            epoch,
            // Numbered now, so that it is the same item however often it is made.
            seq: self.next_seq(),
            committer: signer,
            entries,
            score_root: weights::score_root(self.round.scored.clone()),
            salt: weights::salt(&key, &self.subnet, scope, seq),
            task_preimage,
        };
        let commitment = reveal.commitment(&self.subnet);
        if planted::is(Bug::ShownEarly) {
            self.publish(Channel::Weights, Body::WeightReveal(reveal.clone()));
        }
        self.sealed.seal(reveal);
        // Before the commit leaves: a row that is lost cannot be opened.
        let value = self.sealed.to_bytes();
        self.send(Effect::SaveLocal { key: LOCAL_SEALED, value });
        let commit = WeightCommit { signer, mechid: scope.mechid, epoch, seq, commitment };
        if let Some(item) = self.publish(Channel::Weights, Body::WeightCommit(commit)) {
            self.contradict_weights(&item);
            self.pool_own(item, "own weight commit");
        }
    }

    /// Opens every commit that a certified cut holds and no cut has opened. The state is the one
    /// after a certificate, so nothing is shown early. It may be said while no vote may: a reveal is
    /// the same item each time.
    pub(crate) fn reveal_weights(&mut self) {
        let Some(signer) = self.me.filter(|_| !self.withholds()) else { return };
        let sealed: Vec<WeightReveal> = self.sealed.rows.values().cloned().collect();
        for row in sealed {
            let reveal = Body::WeightReveal(WeightReveal { signer, ..row });
            let Some(item) = self.signed(reveal) else { return };
            if admissible(&self.state, &item).is_ok() {
                self.send(Effect::Publish(Channel::Weights, item.to_bytes()));
                self.pool.insert(item);
            }
        }
    }

    /// Holds an own item for the list, or says why no cut may take it.
    pub(crate) fn pool_own(&mut self, item: Item, what: &str) {
        match admissible(&self.state, &item) {
            Ok(()) => self.pool.insert(item),
            Err(reason) => self.report(Report::Odd(format!("{what}: {reason}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use ganglion_types::Hotkey;

    use super::*;

    fn row(epoch: u64) -> WeightReveal {
        WeightReveal {
            signer: Hotkey::new([1; 32]),
            mechid: 0,
            epoch: Epoch::new(epoch),
            seq: 9,
            committer: Hotkey::new([1; 32]),
            entries: vec![(0, 65_535), (7, 3)],
            score_root: Digest::new([2; 32]),
            salt: Digest::new([3; 32]),
            task_preimage: Digest::new([4; 32]),
        }
    }

    #[test]
    fn sealed_rows_survive_a_restart_and_damage_is_noticed() {
        let mut sealed = SealedRows::default();
        [4, 5].into_iter().for_each(|epoch| sealed.seal(row(epoch)));
        assert_eq!(SealedRows::from_bytes(&sealed.to_bytes()), Some(sealed.clone()));
        assert_eq!(SealedRows::from_bytes(&[]), Some(SealedRows::default()));
        let bytes = sealed.to_bytes();
        assert_eq!(SealedRows::from_bytes(&bytes[..bytes.len() - 1]), None);
        assert_eq!(SealedRows::from_bytes(&[bytes, vec![0]].concat()), None);
    }

    #[test]
    fn only_the_last_eight_epochs_are_kept() {
        let mut sealed = SealedRows::default();
        (1..=20).for_each(|epoch| sealed.seal(row(epoch)));
        let kept: Vec<u64> = sealed.rows.keys().map(|epoch| epoch.get()).collect();
        assert_eq!(kept, (13..=20).collect::<Vec<_>>());
    }
}
