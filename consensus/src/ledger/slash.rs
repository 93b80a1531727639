//! What is taken of all that stands behind a hotkey (`docs/spec/ledger.md`, "Evidence").

use std::collections::{BTreeMap, BTreeSet};

use ganglion_types::{Hotkey, Rao, Uid};

use super::stake::{of_hotkey, of_uid, sum, take};
use super::state::State;

impl State {
    /// Takes a fraction, /65535 and rounded down, of each amount behind a hotkey: stake, own and
    /// delegated, with what of it is leaving; what is entering; and what unbonds under one of
    /// `names`. Tells how much that is, which then is in nobody's hands.
    pub(super) fn slash(&mut self, hotkey: Hotkey, names: &BTreeSet<Hotkey>, fraction: u16) -> Rao {
        let staked = self.uid_of(&hotkey).map_or(Rao::ZERO, |uid| self.slash_stake(uid, fraction));
        let entering: Vec<_> = self.entering.range(of_hotkey(hotkey)).map(|row| *row.0).collect();
        let unbonding = self.unbonding.keys().filter(|(_, tag, _)| names.contains(tag));
        let unbonding: Vec<_> = unbonding.copied().collect();
        let parts = [
            staked,
            shrink(&mut self.entering, entering, fraction),
            shrink(&mut self.unbonding, unbonding, fraction),
        ];
        sum(parts.into_iter())
    }

    fn slash_stake(&mut self, uid: Uid, fraction: u16) -> Rao {
        let own = part_of(self.own_stake(uid), fraction);
        let delegators: Vec<_> = self.delegations.range(of_uid(uid)).map(|row| *row.0).collect();
        let delegated = shrink(&mut self.delegations, delegators, fraction);
        // What leaves is part of a stake, and the same fraction of it still is.
        let leaving: Vec<_> = self.leaving.range(of_uid(uid)).map(|row| *row.0).collect();
        let _ = shrink(&mut self.leaving, leaving, fraction);
        let slashed = sum([own, delegated].into_iter());
        if let Some(one) = self.participant_mut(uid) {
            one.stake = Rao::new(one.stake.get().saturating_sub(slashed.get()));
        }
        slashed
    }
}

/// Takes the fraction of each of these amounts; what it took in all.
fn shrink<K: Ord>(amounts: &mut BTreeMap<K, Rao>, keys: Vec<K>, fraction: u16) -> Rao {
    let taken = keys.into_iter().map(|key| {
        let part = part_of(amounts.get(&key).copied().unwrap_or_default(), fraction);
        take(amounts, &key, part);
        part
    });
    sum(taken)
}

/// `amount * fraction / 65535`, rounded down.
fn part_of(amount: Rao, fraction: u16) -> Rao {
    let product = u128::from(amount.get()).saturating_mul(fraction.into());
    let part = product.checked_div(65_535).and_then(|part| u64::try_from(part).ok());
    Rao::new(part.unwrap_or(0))
}
