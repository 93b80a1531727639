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
        let waiting = self.slash_waiting(names, fraction);
        self.take_out_of_supply(staked.saturating_add(waiting));
        if let Some(uid) = seat.filter(|_| !stays) {
            self.end_tenancy(uid);
        }
        self.state.former.insert(hotkey, Former { successor: None, epoch: self.epoch });
    }

    fn take_out_of_supply(&mut self, amount: u64) {
        let add = |counter: Rao| Rao::new(counter.get().saturating_add(amount));
        self.slashed = add(self.slashed);
        self.state.chain.slashed = add(self.state.chain.slashed);
    }

    /// Takes the fraction, rounded down, of the stake of a uid, in rao. One that stays keeps 1 rao at
    /// least.
    fn slash_stake(&mut self, uid: Uid, fraction: u16, stays: bool) -> u64 {
        // Delegations to the uid (table 7) and what is leaving it (table 9) are parts of this stake,
        // and shrink here with it.
        let Some(one) = self.state.participant_mut(uid) else { return 0 };
        let stake = one.stake.get();
        let most = if stays { stake.saturating_sub(1) } else { stake };
        let part = part_of(stake, fraction).min(most);
        one.stake = Rao::new(stake.saturating_sub(part));
        part
    }

    /// Takes the fraction, rounded down, of each amount that waits under one of the names, in rao.
    #[allow(clippy::unused_self, reason = "nothing waits before there is an unbonding time")]
    fn slash_waiting(&mut self, _names: &BTreeSet<Hotkey>, _fraction: u16) -> u64 {
        // Amounts entering (table 8) and unbonding (table 10) shrink here.
        0
    }

    /// The uid falls vacant, and what is left of its stake goes back to its owner.
    fn end_tenancy(&mut self, uid: Uid) {
        // With an unbonding time this is unbonding, not balance.
        if let Some(one) = self.state.vacate(uid) {
            self.state.credit(one.coldkey, one.stake);
        }
    }
}

/// Who offended, under its last name.
struct Offender {
    /// The piece of evidence that counts.
    by: ItemId,
    /// The names that it is known to have had.
    names: BTreeSet<Hotkey>,
}

/// `amount * fraction / 65535`, rounded down.
fn part_of(amount: u64, fraction: u16) -> u64 {
    let product = u128::from(amount).saturating_mul(fraction.into());
    product.checked_div(65_535).and_then(|part| u64::try_from(part).ok()).unwrap_or(0)
}
