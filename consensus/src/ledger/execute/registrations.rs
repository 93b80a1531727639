//! Steps 7 and 8: registrations, and what the next one costs.

use std::collections::BTreeMap;

use ganglion_types::{Digest, ItemId, Rao};

use super::super::admission::Registration;
use super::super::receipt::{Failure, Outcome};
use super::super::state::Participant;
use super::Execution;

/// The difficulty of the next epoch: halved, then raised by 26 % rounded up for each registration
/// taken; never outside the manifest's bounds.
#[must_use]
pub fn next_difficulty(difficulty: u64, registrations: u32, min: u64, max: u64) -> u64 {
    let rest = (difficulty >> 1).max(min);
    let raised = (0..registrations).fold(rest, |difficulty, _| {
        let raised = u128::from(difficulty).saturating_mul(126).div_ceil(100);
        u64::try_from(raised).unwrap_or(u64::MAX).min(max)
    });
    raised.min(max)
}

impl Execution {
    /// Registrations by work, lowest digest first, then the difficulty of the next epoch.
    pub(super) fn register(&mut self, registrations: &BTreeMap<(Digest, ItemId), Registration>) {
        let mut taken = 0_u16;
        for ((_, id), registration) in registrations {
            let outcome = match self.seat(registration, taken) {
                Ok(()) => {
                    taken = taken.saturating_add(1);
                    Outcome::Applied
                }
                Err(failure) => Outcome::Failed(failure),
            };
            self.receipts.insert(*id, outcome);
        }
        let rules = *self.state.hyperparameters();
        let chain = &mut self.state.chain;
        chain.registrations = u32::from(taken);
        let (min, max) = (rules.min_difficulty, rules.max_difficulty);
        chain.difficulty = next_difficulty(chain.difficulty, chain.registrations, min, max);
    }

    fn seat(&mut self, one: &Registration, taken: u16) -> Result<(), Failure> {
        let rules = self.state.hyperparameters();
        let (limit, max) = (rules.max_registrations_per_epoch, rules.max_allowed_uids);
        if let Some(uid) = self.state.uid_of(&one.hotkey) {
            return Err(Failure::HotkeyTaken { hotkey: one.hotkey, uid });
        }
        // Evidence of this cut may have ended it after its registration was admitted.
        if self.state.former(&one.hotkey).is_some() {
            return Err(Failure::FormerHotkey { hotkey: one.hotkey });
        }
        if taken >= limit {
            return Err(Failure::EpochLimit { max: limit });
        }
        let uid = self.state.vacancy().ok_or(Failure::Full { max })?;
        self.state.accounts.entry(one.coldkey).or_default();
        self.state.seat(
            uid,
            Participant {
                hotkey: one.hotkey,
                coldkey: one.coldkey,
                role: one.role,
                stake: Rao::ZERO,
                permit: false,
                last_update: self.epoch,
                registered_at: self.epoch,
                seed: one.seed_tail.unwrap_or(Digest::ZERO),
                seed_epoch: self.epoch,
            },
        );
        Ok(())
    }
}
