//! Step 1: what double statements cost.

use std::collections::{BTreeMap, BTreeSet};

use ganglion_types::{Evidence, Hotkey, ItemId, Rao, Uid};

use super::super::admission::{LostEpoch, lost_epoch};
use super::super::former::Former;
use super::super::receipt::Outcome;
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
        let mut offenders: BTreeMap<Hotkey, (ItemId, Hotkey)> = BTreeMap::new();
        for (id, evidence) in all.iter().filter(|(_, one)| one.slashes()) {
            let named = *evidence.offender();
            let last = self.state.successors(&named).last().unwrap_or(named);
            let (by, _) = *offenders.entry(last).or_insert((*id, named));
            let outcome = if by == *id { Outcome::Applied } else { Outcome::Superseded { by } };
            self.receipts.insert(*id, outcome);
        }
        let seats: BTreeSet<Uid> =
            offenders.keys().filter_map(|hotkey| self.state.uid_of(hotkey)).collect();
        let others = |(uid, one): (Uid, &Participant)| one.is_member() && !seats.contains(&uid);
        let keep = !self.state.participants().any(others);
        for (hotkey, (_, named)) in &offenders {
            self.retire(hotkey, named, keep);
        }
    }

    /// Takes the offender's part out of supply and ends its tenancy. `keep`: nobody else sits on
    /// the committee, so a member stays, with what stake is left to it.
    fn retire(&mut self, hotkey: &Hotkey, named: &Hotkey, keep: bool) {
        let fraction = self.state.hyperparameters().slash_fraction;
        let seat = self.state.uid_of(hotkey);
        let stays = keep
            && seat.and_then(|uid| self.state.participant(uid)).is_some_and(|one| one.is_member());
        let mut slashed = 0_u64;
        if let Some(uid) = seat {
            slashed = slashed.saturating_add(self.slash_stake(uid, fraction, stays).get());
        }
        self.slashed = Rao::new(self.slashed.get().saturating_add(slashed));
        let total = self.state.chain.slashed.get().saturating_add(slashed);
        self.state.chain.slashed = Rao::new(total);
        if let Some(uid) = seat.filter(|_| !stays) {
            self.end_tenancy(uid);
        }
        let gone = Former { successor: None, epoch: self.epoch };
        self.state.former.insert(*hotkey, gone);
        let _ = named;
    }

    /// Takes the fraction, rounded down, of the stake of a uid. One that stays keeps 1 rao at least.
    fn slash_stake(&mut self, uid: Uid, fraction: u16, stays: bool) -> Rao {
        let Some(one) = self.state.participant_mut(uid) else { return Rao::ZERO };
        let stake = one.stake.get();
        let most = if stays { stake.saturating_sub(1) } else { stake };
        let part = part_of(stake, fraction).min(most);
        one.stake = Rao::new(stake.saturating_sub(part));
        Rao::new(part)
    }

    /// The uid falls vacant, and what is left of its stake goes back to its owner.
    fn end_tenancy(&mut self, uid: Uid) {
        if let Some(one) = self.state.vacate(uid) {
            self.state.credit(one.coldkey, one.stake);
        }
    }
}

/// `amount * fraction / 65535`, rounded down.
fn part_of(amount: u64, fraction: u16) -> u64 {
    let product = u128::from(amount).saturating_mul(fraction.into());
    product.checked_div(65_535).and_then(|part| u64::try_from(part).ok()).unwrap_or(0)
}
