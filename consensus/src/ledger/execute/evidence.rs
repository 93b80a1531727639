//! Step 1: what double statements cost.

use std::collections::{BTreeMap, BTreeSet};

use ganglion_types::planted::{self, Bug};
use ganglion_types::{Coldkey, Evidence, Hotkey, ItemId, Rao, Uid};

use super::super::admission::{LostEpoch, lost_epoch};
use super::super::former::Former;
use super::super::receipt::Outcome;
use super::super::stake::take;
use super::super::state::Participant;
use super::Execution;

impl Execution {
    /// Evidence about weights first, then that of agreement, which may end tenancies.
    pub(super) fn punish(&mut self, all: &BTreeMap<ItemId, &Evidence>) {
        let mut lost: BTreeMap<(Uid, u64, u32), ItemId> = BTreeMap::new();
        for (id, evidence) in all.iter().filter(|(_, one)| !one.slashes()) {
            let outcome = match lost_epoch(&self.state, evidence) {
                Some(loss) => {
                    let place = (loss.uid, evidence.epoch().get(), evidence.round());
                    let by = *lost.entry(place).or_insert(*id);
                    self.take_epoch(&loss);
                    if by == *id { Outcome::Applied } else { Outcome::Superseded { by } }
                }
                None => Outcome::Applied,
            };
            self.receipts.insert(*id, outcome);
        }
        self.slash(all);
    }

    fn take_epoch(&mut self, loss: &LostEpoch) {
        if let Some(key) = loss.commit {
            self.state.commits.remove(&key);
        }
        if loss.row {
            self.clear_row(loss.uid);
        }
        self.forfeits.insert(loss.uid);
    }

    /// Each offender loses once, under whichever of its names it offended.
    fn slash(&mut self, all: &BTreeMap<ItemId, &Evidence>) {
        let mut offenders: BTreeMap<Hotkey, Offender> = BTreeMap::new();
        for (id, evidence) in all.iter().filter(|(_, one)| one.slashes()) {
            let names: Vec<Hotkey> = self.state.successors(evidence.offender()).collect();
            let last = names.last().copied().unwrap_or(*evidence.offender());
            let first = Offender { by: *id, names: BTreeSet::new() };
            let offender = offenders.entry(last).or_insert(first);
            offender.names.extend(names);
            let by = offender.by;
            let outcome = if by == *id { Outcome::Applied } else { Outcome::Superseded { by } };
            self.receipts.insert(*id, outcome);
        }
        let seats: BTreeSet<Uid> =
            offenders.keys().filter_map(|hotkey| self.state.uid_of(hotkey)).collect();
        let others = |(uid, one): (Uid, &Participant)| one.is_member() && !seats.contains(&uid);
        let keep = !self.state.participants().any(others);
        for (hotkey, offender) in &offenders {
            self.retire(*hotkey, &offender.names, keep);
        }
    }

    /// Takes the offender's part out of supply and ends its tenancy. `keep`: nobody else sits on
    /// the committee, so a member stays, with what stake is left to it.
    fn retire(&mut self, hotkey: Hotkey, names: &BTreeSet<Hotkey>, keep: bool) {
        let fraction = self.state.hyperparameters().slash_fraction;
        let seat = self.state.uid_of(&hotkey);
        let member = |uid| self.state.participant(uid).is_some_and(Participant::is_member);
        let stays = keep && seat.is_some_and(member);
        let staked = seat.map_or(0, |uid| self.slash_stake(uid, fraction, stays));
        // Another chain's stake counts for less here until that chain says otherwise; nothing is taken.
        let staked = if self.state.follows() { 0 } else { staked };
        let waiting = self.slash_waiting(names, fraction);
        let slashed = self.state.chain.slashed.get().saturating_add(staked);
        self.state.chain.slashed = Rao::new(slashed.saturating_add(waiting));
        if let Some(uid) = seat.filter(|_| !stays) {
            self.state.vacate(uid, self.epoch);
        }
        self.state.former.insert(hotkey, Former { successor: None, epoch: self.epoch });
    }

    /// Ends the tenancies of those that were slashed and stayed because nobody else had a seat, once
    /// somebody has.
    pub(super) fn relieve(&mut self) {
        let former = self.state.former.iter();
        let slashed = former.filter(|(_, one)| one.successor.is_none());
        let mut kept: BTreeSet<Uid> =
            slashed.filter_map(|(hotkey, _)| self.state.uid_of(hotkey)).collect();
        if self.state.follows() {
            // Who is registered elsewhere keeps its uid, only not its seat.
            kept.retain(|uid| self.state.participant(*uid).is_some_and(Participant::is_member));
        }
        let others = |(uid, one): (Uid, &Participant)| one.is_member() && !kept.contains(&uid);
        if self.state.participants().any(others) {
            for uid in kept {
                self.state.vacate(uid, self.epoch);
            }
        }
    }

    /// Takes the fraction, rounded down, of each amount at stake on a uid, and gives what was taken in
    /// rao. One that stays keeps 1 rao at least.
    fn slash_stake(&mut self, uid: Uid, fraction: u16, stays: bool) -> u64 {
        let state = &mut self.state;
        let delegated: Vec<(Coldkey, Rao)> = state.delegations(uid).collect();
        let mut taken = part_of(state.own_stake(uid), fraction);
        for (coldkey, amount) in delegated {
            let part = part_of(amount, fraction);
            take(&mut state.delegations, &(uid, coldkey), Rao::new(part));
            taken = taken.saturating_add(part);
        }
        // What waits to leave is part of this stake: its share of what stays is as it was.
        for (_, amount) in state.leaving.iter_mut().filter(|(key, _)| key.0 == uid) {
            *amount = less(*amount, fraction);
        }
        state.leaving.retain(|_, amount| !amount.is_zero());
        let Some(one) = state.participant_mut(uid) else { return 0 };
        let stake = one.stake.get();
        let most = if stays { stake.saturating_sub(1) } else { stake };
        let taken = taken.min(most);
        if !planted::is(Bug::SlashKept) {
            one.stake = Rao::new(stake.saturating_sub(taken));
        }
        taken
    }

    /// Takes the fraction, rounded down, of each amount that waits under one of the names, in rao.
    fn slash_waiting(&mut self, names: &BTreeSet<Hotkey>, fraction: u16) -> u64 {
        let mut taken = 0_u64;
        let mut slash = |hotkey: &Hotkey, amount: &mut Rao| {
            if names.contains(hotkey) {
                let rest = less(*amount, fraction);
                taken = taken.saturating_add(amount.get().saturating_sub(rest.get()));
                *amount = rest;
            }
            !amount.is_zero()
        };
        self.state.entering.retain(|(hotkey, _), amount| slash(hotkey, amount));
        self.state.unbonding.retain(|(_, hotkey, _), amount| slash(hotkey, amount));
        taken
    }
}

/// Who offended, under its last name.
struct Offender {
    /// The piece of evidence that counts.
    by: ItemId,
    /// The names that it is known to have had.
    names: BTreeSet<Hotkey>,
}

/// `amount * fraction / 65535` rao, rounded down.
fn part_of(amount: Rao, fraction: u16) -> u64 {
    let product = u128::from(amount.get()).saturating_mul(fraction.into());
    product.checked_div(65_535).and_then(|part| u64::try_from(part).ok()).unwrap_or(0)
}

/// What is left of an amount without the fraction of it.
fn less(amount: Rao, fraction: u16) -> Rao {
    Rao::new(amount.get().saturating_sub(part_of(amount, fraction)))
}
