//! Step 1: what double statements cost.

use std::collections::{BTreeMap, BTreeSet};

use ganglion_types::{Coldkey, Evidence, Hotkey, ItemId, Rao, Uid};

use super::super::admission::{LostEpoch, lost_epoch};
use super::super::receipt::Outcome;
use super::super::state::{Former, Participant};
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
    /// the committee, so a member stays, with what is left to it.
    fn retire(&mut self, hotkey: Hotkey, names: &BTreeSet<Hotkey>, keep: bool) {
        let seat = self.state.uid_of(&hotkey);
        let member = |uid| self.state.participant(uid).is_some_and(Participant::is_member);
        let stays = keep && seat.is_some_and(member);
        let mut fraction = self.state.hyperparameters().slash_fraction;
        if stays {
            // Of each amount at least 1 rao is left, so the seat keeps a stake.
            fraction = fraction.min(u16::MAX.saturating_sub(1));
        }
        let slashed = self.state.slash(hotkey, names, fraction);
        let total = self.state.chain.slashed.get().saturating_add(slashed.get());
        self.state.chain.slashed = Rao::new(total);
        if let Some(uid) = seat.filter(|_| !stays) {
            self.state.vacate(uid, self.epoch);
        }
        self.state.former.insert(hotkey, Former { successor: None, epoch: self.epoch });
    }
}

/// Who offended, under its last name.
struct Offender {
    /// The piece of evidence that counts.
    by: ItemId,
    /// The names that it is known to have had.
    names: BTreeSet<Hotkey>,
}
