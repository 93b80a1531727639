//! Hotkeys that stand no more (state table 11): rotated away, or slashed.

use ganglion_types::{Epoch, Hotkey, Uid};

use super::state::State;

/// What became of a hotkey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Former {
    /// The hotkey that took its place; `None` if it was slashed, and so is gone for good.
    pub successor: Option<Hotkey>,
    /// When.
    pub epoch: Epoch,
}

impl State {
    /// A hotkey and those that took its place, in order.
    pub(super) fn successors(&self, hotkey: &Hotkey) -> impl Iterator<Item = Hotkey> {
        let next = |hotkey: &Hotkey| self.former.get(hotkey)?.successor;
        // A rotation never leads back, so the bound only makes this total.
        std::iter::successors(Some(*hotkey), next).take(self.former.len().saturating_add(1))
    }

    /// The uid that a hotkey holds, or that the one holds which took its place.
    #[must_use]
    pub fn seat_behind(&self, hotkey: &Hotkey) -> Option<Uid> {
        self.successors(hotkey).find_map(|name| self.uid_of(&name))
    }

    /// Whether amounts that were at stake on a hotkey wait out their unbonding time.
    pub(super) fn unbonds(&self, hotkey: &Hotkey) -> bool {
        self.unbonding.keys().any(|(_, name, _)| name == hotkey)
    }

    /// Whether a hotkey, or one that took its place, was slashed.
    #[must_use]
    pub fn was_slashed(&self, hotkey: &Hotkey) -> bool {
        let slashed = |name| self.former.get(&name).is_some_and(|one| one.successor.is_none());
        self.successors(hotkey).any(slashed)
    }
}
