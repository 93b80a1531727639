//! Whose stake it is, and where amounts are between balance and stake.
//!
//! ```text
//! balance ──stake, delegate──► entering ──churn──► stake ──unstake──► leaving (still stake)
//!    ▲                            │ the uid falls vacant                │ churn
//!    ├────────────────────────────┘                                     ▼
//!    └──────────────────────── after unbonding_epochs ◄──────────── unbonding
//! ```

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use ganglion_types::{Coldkey, Epoch, Hotkey, Rao, Uid};

use super::state::{Participant, State};

/// Stake of the committee, divided by this, may enter and leave per epoch.
const CHURN_DIVISOR: u64 = 10;

/// Everything there is, by the form it is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Supply {
    /// Balances of all accounts, rao.
    pub balances: u128,
    /// Stakes of all uids, with what others delegated and what waits to leave; 0 where they are another chain's.
    pub stakes: u128,
    /// On its way from balance to stake.
    pub entering: u128,
    /// On its way from stake to balance.
    pub unbonding: u128,
}

impl Supply {
    /// All of it.
    #[must_use]
    pub const fn total(&self) -> u128 {
        let held = self.balances.saturating_add(self.stakes);
        held.saturating_add(self.entering).saturating_add(self.unbonding)
    }
}

fn total<'a>(amounts: impl Iterator<Item = &'a Rao>) -> u128 {
    amounts.fold(0, |sum, amount| sum.saturating_add(u128::from(amount.get())))
}

/// The sum of amounts that are part of the supply, and so stay far below 2^64.
pub(super) fn sum(amounts: impl Iterator<Item = Rao>) -> Rao {
    Rao::new(amounts.fold(0, |sum, amount| sum.saturating_add(amount.get())))
}

/// Keys of one uid.
fn of_uid(uid: Uid) -> RangeInclusive<(Uid, Coldkey)> {
    (uid, Coldkey::new([0; 32]))..=(uid, Coldkey::new([0xff; 32]))
}

/// Keys of one hotkey.
fn of_hotkey(hotkey: Hotkey) -> RangeInclusive<(Hotkey, Coldkey)> {
    (hotkey, Coldkey::new([0; 32]))..=(hotkey, Coldkey::new([0xff; 32]))
}

/// Adds to an amount that exists only while it is above 0.
pub(super) fn add<K: Ord>(amounts: &mut BTreeMap<K, Rao>, key: K, amount: Rao) {
    if !amount.is_zero() {
        let held = amounts.entry(key).or_default();
        *held = Rao::new(held.get().saturating_add(amount.get()));
    }
}

/// Takes from an amount that exists only while it is above 0, as far as it goes.
pub(super) fn take<K: Ord>(amounts: &mut BTreeMap<K, Rao>, key: &K, amount: Rao) {
    let Some(held) = amounts.get_mut(key) else { return };
    *held = Rao::new(held.get().saturating_sub(amount.get()));
    if held.is_zero() {
        amounts.remove(key);
    }
}

impl State {
    /// What others put at stake behind a uid, by coldkey; part of its stake.
    pub fn delegations(&self, uid: Uid) -> impl Iterator<Item = (Coldkey, Rao)> {
        self.delegations.range(of_uid(uid)).map(|((_, coldkey), amount)| (*coldkey, *amount))
    }

    /// What others put at stake behind a uid, in all.
    #[must_use]
    pub fn delegated(&self, uid: Uid) -> Rao {
        sum(self.delegations(uid).map(|(_, amount)| amount))
    }

    /// What the owner of a uid has at stake on it.
    #[must_use]
    pub fn own_stake(&self, uid: Uid) -> Rao {
        let stake = self.participant(uid).map_or(0, |one| one.stake.get());
        Rao::new(stake.saturating_sub(self.delegated(uid).get()))
    }

    /// What a coldkey has at stake on a uid, as owner or as delegator.
    #[must_use]
    pub fn staked_by(&self, uid: Uid, coldkey: &Coldkey) -> Rao {
        match self.participant(uid) {
            Some(one) if one.coldkey == *coldkey => self.own_stake(uid),
            _ => self.delegations.get(&(uid, *coldkey)).copied().unwrap_or_default(),
        }
    }

    /// How much may become stake at the end of an epoch, and how much may leave: a tenth of the
    /// committee's stake, and at least one unit.
    #[must_use]
    pub fn churn_capacity(&self) -> Rao {
        let tenth = self.committee_stake().get().checked_div(CHURN_DIVISOR).unwrap_or(0);
        Rao::new(tenth.max(Rao::PER_UNIT))
    }

    /// What waits to become stake, by hotkey and coldkey.
    #[must_use]
    pub const fn entering(&self) -> &BTreeMap<(Hotkey, Coldkey), Rao> {
        &self.entering
    }

    /// What waits to leave the stake of a uid, by uid and coldkey; part of its stake until then.
    #[must_use]
    pub const fn leaving(&self) -> &BTreeMap<(Uid, Coldkey), Rao> {
        &self.leaving
    }

    /// What left stake and becomes balance at the end of the epoch named, by that epoch, the hotkey it
    /// stood behind and the coldkey it belongs to.
    #[must_use]
    pub const fn unbonding(&self) -> &BTreeMap<(Epoch, Hotkey, Coldkey), Rao> {
        &self.unbonding
    }

    /// What of a coldkey's stake on a uid does not wait to leave.
    #[must_use]
    pub fn staying(&self, uid: Uid, coldkey: &Coldkey) -> Rao {
        let leaving = self.leaving.get(&(uid, *coldkey)).copied().unwrap_or_default();
        let held = self.staked_by(uid, coldkey);
        Rao::new(held.get().saturating_sub(leaving.get()))
    }

    /// What of all stake on a uid waits to leave.
    pub(super) fn leaving_of(&self, uid: Uid) -> Rao {
        sum(self.leaving.range(of_uid(uid)).map(|(_, amount)| *amount))
    }

    /// Coldkeys that delegate to a uid, or wait to.
    pub(super) fn delegators(&self, uid: Uid, one: &Participant) -> usize {
        let waiting = self.entering.range(of_hotkey(one.hotkey)).filter(|((_, coldkey), _)| {
            *coldkey != one.coldkey && !self.delegations.contains_key(&(uid, *coldkey))
        });
        self.delegations.range(of_uid(uid)).count().saturating_add(waiting.count())
    }

    /// What a coldkey owns but for what unbonds: balance, stake, delegations and what enters.
    #[must_use]
    pub fn holding(&self, coldkey: &Coldkey) -> Rao {
        let staked = self.participants().map(|(uid, one)| {
            let entering = self.entering.get(&(one.hotkey, *coldkey)).copied().unwrap_or_default();
            sum([self.staked_by(uid, coldkey), entering].into_iter())
        });
        sum(std::iter::once(self.account(coldkey).balance).chain(staked))
    }

    /// [`holding`](Self::holding) of every coldkey that holds anything, in one walk.
    #[must_use]
    pub fn holdings(&self) -> BTreeMap<Coldkey, Rao> {
        let mut holdings = BTreeMap::new();
        for (coldkey, account) in &self.accounts {
            add(&mut holdings, *coldkey, account.balance);
        }
        for (uid, one) in self.participants() {
            add(&mut holdings, one.coldkey, self.own_stake(uid));
        }
        let delegated = self.delegations.iter().map(|((_, coldkey), amount)| (coldkey, amount));
        let entering = self.entering.iter().map(|((_, coldkey), amount)| (coldkey, amount));
        for (coldkey, amount) in delegated.chain(entering) {
            add(&mut holdings, *coldkey, *amount);
        }
        holdings
    }

    /// Everything there is, by the form it is in.
    #[must_use]
    pub fn supply_parts(&self) -> Supply {
        Supply {
            balances: total(self.accounts.values().map(|account| &account.balance)),
            stakes: if self.follows() { 0 } else { self.stakes() },
            entering: total(self.entering.values()),
            unbonding: total(self.unbonding.values()),
        }
    }

    fn stakes(&self) -> u128 {
        total(self.participants().map(|(_, one)| &one.stake))
    }

    /// Everything there is: balances, stakes, and what is on its way between them.
    #[must_use]
    pub fn supply(&self) -> u128 {
        self.supply_parts().total()
    }

    /// Lets an amount that left stake in `epoch` wait out the unbonding time.
    pub(super) fn unbond(&mut self, hotkey: Hotkey, coldkey: Coldkey, amount: Rao, epoch: Epoch) {
        let wait = self.hyperparameters().unbonding_epochs;
        if wait == 0 {
            self.credit(coldkey, amount);
        } else {
            let release = Epoch::new(epoch.get().saturating_add(wait));
            add(&mut self.unbonding, (release, hotkey, coldkey), amount);
        }
    }

    /// Gives back what waits to become stake of a hotkey.
    pub(super) fn return_entering(&mut self, hotkey: Hotkey) {
        let waiting: Vec<((Hotkey, Coldkey), Rao)> =
            self.entering.range(of_hotkey(hotkey)).map(|(key, amount)| (*key, *amount)).collect();
        for (key, amount) in waiting {
            self.entering.remove(&key);
            self.credit(key.1, amount);
        }
    }

    /// Ends the tenancy of a uid in `epoch`, whatever the reason: all that was said by and about it is
    /// cleared, its stake goes to unbonding whole unless it is another chain's, what was entering goes back to its owners.
    pub(super) fn vacate(&mut self, uid: Uid, epoch: Epoch) {
        let Some(one) = self.participant(uid).copied() else { return };
        let own = self.own_stake(uid);
        let delegated: Vec<(Coldkey, Rao)> = self.delegations(uid).collect();
        self.return_entering(one.hotkey);
        for (coldkey, amount) in delegated {
            self.delegations.remove(&(uid, coldkey));
            self.leaving.remove(&(uid, coldkey));
            self.unbond(one.hotkey, coldkey, amount, epoch);
        }
        self.leaving.remove(&(uid, one.coldkey));
        // What stands on another chain stays there.
        if !self.follows() {
            self.unbond(one.hotkey, one.coldkey, own, epoch);
        }
        self.forget(uid);
        self.uids.remove(&one.hotkey);
        if let Some(slot) = self.slots.get_mut(uid.index()) {
            *slot = None;
        }
        self.trim();
    }

    /// The last slot is always taken.
    pub(super) fn trim(&mut self) {
        let held = self.slots.iter().rposition(Option::is_some);
        let slots = held.map_or(0, |last| last.saturating_add(1));
        self.slots.truncate(slots);
        self.weights.truncate(slots);
        self.bonds.truncate(slots);
    }
}
