//! What every node knows after an epoch.

use std::collections::BTreeMap;
use std::sync::Arc;

use ganglion_types::manifest::Violation;
use ganglion_types::{
    Coldkey, Cut, CutId, Digest, Epoch, Hotkey, Hyperparameters, Manifest, Rao, Role, SubnetId, Uid,
};

use super::commits::{Commit, CommitKey};
use super::committee::{Member, committee_root};
use super::former::Former;
use super::result::EpochResult;
use crate::yuma::SparseRow;

/// Cuts before the last one that a registration's proof of work may be bound to.
pub const RECENT_CUTS: usize = 4;

/// Counters of the subnet as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The epoch that the last cut closed; 0 before the first.
    pub epoch: Epoch,
    /// Ids of the cuts before the last one, newest first, at most [`RECENT_CUTS`].
    pub recent_cuts: Vec<CutId>,
    /// Expected hashes of a registration in the next epoch.
    pub difficulty: u64,
    /// The last epoch in which Yuma ran; 0 before the first.
    pub last_mechanism_step: Epoch,
    /// Paid out since genesis.
    pub emitted: Rao,
    /// Taken out of supply since genesis.
    pub burned: Rao,
    /// Of the last cut, unix milliseconds. Information: no rule of the ledger reads it.
    pub time: u64,
    /// Registrations that the last epoch took.
    pub registrations: u32,
    /// Taken out of supply by evidence since genesis.
    pub slashed: Rao,
}

/// What a coldkey owns, besides the stake on its hotkeys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Free to move.
    pub balance: Rao,
    /// Nonce of the next operation. An account is never removed, so that none can be replayed.
    pub nonce: u64,
}

/// Who holds a uid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Participant {
    /// Signs work.
    pub hotkey: Hotkey,
    /// Owns the stake and receives what the hotkey earns.
    pub coldkey: Coldkey,
    /// What it does.
    pub role: Role,
    /// Amount at stake.
    pub stake: Rao,
    /// Whether it may set weights and, being a validator with stake, votes.
    pub permit: bool,
    /// Epoch of its last row of weights, at first that of its registration.
    pub last_update: Epoch,
    /// Epoch of the cut that gave it the uid; 0 for genesis.
    pub registered_at: Epoch,
    /// Last element shown of its task-seed chain, at first the tail; zero for a miner.
    pub seed: Digest,
    /// Epoch that `seed` belongs to.
    pub seed_epoch: Epoch,
}

impl Participant {
    /// Stake in the eyes of Yuma: a miner's counts nothing, so permits go to validators only.
    #[must_use]
    pub fn stake_weight(&self) -> u64 {
        if self.role == Role::Validator { self.stake.get() } else { 0 }
    }

    /// Whether it sits on the committee.
    #[must_use]
    pub fn is_member(&self) -> bool {
        self.permit && self.stake_weight() > 0
    }
}

/// The state of a subnet after a decided cut.
///
/// A value of its rows (`docs/spec/ledger.md`, "State rows"), of the manifest and of the id of the
/// last cut. It changes only by [`super::execute`].
///
/// Invariants:
/// - every hotkey holds at most one uid, and the last slot is taken;
/// - rows of weights and bonds rise strictly by uid and name none past the last slot;
/// - open commits belong to a uid that is held, one per mechanism and epoch;
/// - balances and stakes together stay below [`Rao::SUPPLY_MAX`];
/// - the committee is never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub(super) manifest: Arc<Manifest>,
    pub(super) subnet: SubnetId,
    pub(super) head: CutId,
    pub(super) chain: Chain,
    pub(super) accounts: BTreeMap<Coldkey, Account>,
    pub(super) slots: Vec<Option<Participant>>,
    pub(super) weights: Vec<SparseRow>,
    pub(super) bonds: Vec<SparseRow>,
    pub(super) commits: BTreeMap<CommitKey, Commit>,
    pub(super) former: BTreeMap<Hotkey, Former>,
    /// Derived from `slots`.
    pub(super) uids: BTreeMap<Hotkey, Uid>,
}

impl State {
    /// The state that a manifest begins with, after the synthetic cut 0.
    ///
    /// # Errors
    /// Every rule that the manifest breaks.
    pub fn genesis(manifest: Arc<Manifest>) -> Result<Self, Vec<Violation>> {
        let violations = manifest.violations();
        if !violations.is_empty() {
            return Err(violations);
        }
        let slots: Vec<Option<Participant>> = manifest
            .participants
            .iter()
            .map(|one| {
                Some(Participant {
                    hotkey: one.hotkey,
                    coldkey: one.coldkey,
                    role: one.role,
                    stake: one.stake,
                    permit: one.role == Role::Validator,
                    last_update: Epoch::GENESIS,
                    registered_at: Epoch::GENESIS,
                    seed: one.seed_tail.unwrap_or(Digest::ZERO),
                    seed_epoch: Epoch::GENESIS,
                })
            })
            .collect();
        // Every participant's coldkey has an account, so that it can send operations.
        let mut accounts: BTreeMap<Coldkey, Account> =
            manifest.participants.iter().map(|one| (one.coldkey, Account::default())).collect();
        for (coldkey, balance) in &manifest.accounts {
            accounts.insert(*coldkey, Account { balance: *balance, nonce: 0 });
        }
        let mut state = Self {
            subnet: manifest.subnet_id(),
            head: CutId::default(),
            chain: Chain {
                epoch: Epoch::GENESIS,
                recent_cuts: Vec::new(),
                difficulty: manifest.hyperparameters.min_difficulty,
                last_mechanism_step: Epoch::GENESIS,
                emitted: Rao::ZERO,
                burned: Rao::ZERO,
                time: manifest.genesis_time,
                registrations: 0,
                slashed: Rao::ZERO,
            },
            accounts,
            weights: vec![SparseRow::new(); slots.len()],
            bonds: vec![SparseRow::new(); slots.len()],
            commits: BTreeMap::new(),
            former: BTreeMap::new(),
            uids: index(&slots),
            slots,
            manifest,
        };
        state.head = state.cut_zero().id();
        Ok(state)
    }

    /// The synthetic cut of genesis, `None` after it. Nobody signs it: it follows from the manifest.
    #[must_use]
    pub fn genesis_cut(&self) -> Option<Cut> {
        (self.chain.epoch == Epoch::GENESIS).then(|| self.cut_zero())
    }

    fn cut_zero(&self) -> Cut {
        Cut {
            subnet: self.subnet,
            epoch: Epoch::GENESIS,
            prev: CutId::default(),
            lists: Vec::new(),
            items: Vec::new(),
            time: self.chain.time,
            registry: Digest::ZERO,
            result_root: EpochResult::default().root(),
            state_root: self.root(),
            next_committee_root: self.committee_root(),
        }
    }

    /// The subnet's constants.
    #[must_use]
    pub fn manifest(&self) -> &Arc<Manifest> {
        &self.manifest
    }

    /// The rules' numbers.
    #[must_use]
    pub fn hyperparameters(&self) -> &Hyperparameters {
        &self.manifest.hyperparameters
    }

    /// The subnet.
    #[must_use]
    pub const fn subnet(&self) -> &SubnetId {
        &self.subnet
    }

    /// Id of the last cut.
    #[must_use]
    pub const fn head(&self) -> CutId {
        self.head
    }

    /// The epoch that the last cut closed.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.chain.epoch
    }

    /// The epoch that the next cut closes.
    #[must_use]
    pub const fn next_epoch(&self) -> Epoch {
        self.chain.epoch.next()
    }

    /// Counters of the subnet as a whole.
    #[must_use]
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The cuts a registration may be bound to: the last and those before it, newest first.
    pub fn registration_cuts(&self) -> impl Iterator<Item = CutId> {
        std::iter::once(self.head).chain(self.chain.recent_cuts.iter().copied().take(RECENT_CUTS))
    }

    /// All accounts by coldkey.
    #[must_use]
    pub const fn accounts(&self) -> &BTreeMap<Coldkey, Account> {
        &self.accounts
    }

    /// One account, empty if there is none.
    #[must_use]
    pub fn account(&self, coldkey: &Coldkey) -> Account {
        self.accounts.get(coldkey).copied().unwrap_or_default()
    }

    /// Slots by uid, `None` for a vacant one.
    #[must_use]
    pub fn slots(&self) -> &[Option<Participant>] {
        &self.slots
    }

    /// Participants with their uids.
    pub fn participants(&self) -> impl Iterator<Item = (Uid, &Participant)> {
        (0..=u16::MAX)
            .zip(&self.slots)
            .filter_map(|(uid, slot)| Some((Uid::new(uid), slot.as_ref()?)))
    }

    /// Who holds a uid.
    #[must_use]
    pub fn participant(&self, uid: Uid) -> Option<&Participant> {
        self.slots.get(uid.index())?.as_ref()
    }

    /// The uid of a hotkey.
    #[must_use]
    pub fn uid_of(&self, hotkey: &Hotkey) -> Option<Uid> {
        self.uids.get(hotkey).copied()
    }

    /// Number of uids, vacant ones included.
    #[must_use]
    pub fn uid_count(&self) -> u16 {
        // Never more than `limits::UIDS`.
        u16::try_from(self.slots.len()).unwrap_or(u16::MAX)
    }

    /// The row of weights that a uid set last, as it counts: without entries for uids that have
    /// changed hands since.
    #[must_use]
    pub fn weights(&self, uid: Uid) -> &[(u16, u16)] {
        self.weights.get(uid.index()).map_or(&[], Vec::as_slice)
    }

    /// A uid's bonds.
    #[must_use]
    pub fn bonds(&self, uid: Uid) -> &[(u16, u16)] {
        self.bonds.get(uid.index()).map_or(&[], Vec::as_slice)
    }

    /// Balance and stake of a coldkey.
    #[must_use]
    pub fn holding(&self, coldkey: &Coldkey) -> Rao {
        let staked = self.participants().filter(|(_, one)| one.coldkey == *coldkey);
        let stakes = staked.map(|(_, one)| one.stake.get());
        // Below the supply, so it never saturates.
        Rao::new(stakes.fold(self.account(coldkey).balance.get(), u64::saturating_add))
    }

    /// All balances and stakes.
    #[must_use]
    pub fn supply(&self) -> u128 {
        let balances = self.accounts.values().map(|account| account.balance);
        let stakes = self.participants().map(|(_, one)| one.stake);
        balances.chain(stakes).fold(0, |sum, rao| sum.saturating_add(u128::from(rao.get())))
    }

    /// Whether no further participant fits: every uid of the manifest's limit is held.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.vacancy().is_none()
    }

    /// The uid that the next registration gets: the lowest vacant one, else a new one.
    #[must_use]
    pub fn vacancy(&self) -> Option<Uid> {
        let gap = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        let uid = u16::try_from(gap).ok()?;
        (uid < self.hyperparameters().max_allowed_uids).then_some(Uid::new(uid))
    }

    /// Who closes the next epoch, by hotkey: uids with a permit, the role validator and stake.
    #[must_use]
    pub fn committee(&self) -> Vec<Member> {
        let members = self.participants().filter(|(_, one)| one.is_member());
        let mut members: Vec<Member> =
            members.map(|(_, one)| Member { hotkey: one.hotkey, stake: one.stake }).collect();
        members.sort_unstable_by_key(|member| member.hotkey);
        members
    }

    /// What a cut holds as `next_committee_root` if this is the state after it.
    #[must_use]
    pub fn committee_root(&self) -> Digest {
        committee_root(&self.committee())
    }

    pub(super) fn participant_mut(&mut self, uid: Uid) -> Option<&mut Participant> {
        self.slots.get_mut(uid.index())?.as_mut()
    }

    /// Adds to a balance; a coldkey without account gets one. `false`, and no change, past `u64`.
    pub(super) fn credit(&mut self, coldkey: Coldkey, amount: Rao) -> bool {
        let account = self.accounts.entry(coldkey).or_default();
        match account.balance.checked_add(amount) {
            Some(balance) => {
                account.balance = balance;
                true
            }
            None => false,
        }
    }

    /// The uid of the owner's validator: of several the one that is longest here, of equal ones the
    /// lowest.
    #[must_use]
    pub fn owner_uid(&self) -> Option<Uid> {
        let owner = self.manifest.owner?;
        let owned = |one: &Participant| one.coldkey == owner && one.role == Role::Validator;
        let seats = self.participants().filter(|(_, one)| owned(one));
        seats.map(|(uid, one)| (one.registered_at, uid)).min().map(|(_, uid)| uid)
    }

    /// Puts a newcomer in a uid, of which nothing is left that was said by or about it before.
    pub(super) fn seat(&mut self, uid: Uid, newcomer: Participant) {
        while self.slots.len() <= uid.index() {
            self.slots.push(None);
        }
        self.weights.resize(self.slots.len(), SparseRow::new());
        self.bonds.resize(self.slots.len(), SparseRow::new());
        self.clear(uid);
        let Some(slot) = self.slots.get_mut(uid.index()) else { return };
        if let Some(former) = slot.replace(newcomer) {
            self.uids.remove(&former.hotkey);
        }
        self.uids.insert(newcomer.hotkey, uid);
    }

    /// Ends a tenancy: the uid is vacant, and nothing is left that was said by or about it.
    pub(super) fn vacate(&mut self, uid: Uid) -> Option<Participant> {
        self.clear(uid);
        let former = self.slots.get_mut(uid.index())?.take()?;
        self.uids.remove(&former.hotkey);
        while self.slots.last().is_some_and(Option::is_none) {
            self.slots.pop();
        }
        self.weights.truncate(self.slots.len());
        self.bonds.truncate(self.slots.len());
        Some(former)
    }

    /// Removes rows and columns of weights and bonds of a uid, and its open commits.
    fn clear(&mut self, uid: Uid) {
        for rows in [&mut self.weights, &mut self.bonds] {
            for row in rows.iter_mut() {
                row.retain(|(target, _)| *target != uid.get());
            }
            if let Some(row) = rows.get_mut(uid.index()) {
                row.clear();
            }
        }
        self.commits.retain(|key, _| key.uid != uid);
    }
}

/// The uid of each hotkey.
pub(super) fn index(slots: &[Option<Participant>]) -> BTreeMap<Hotkey, Uid> {
    let held = (0..=u16::MAX).zip(slots);
    held.filter_map(|(uid, slot)| Some((slot.as_ref()?.hotkey, Uid::new(uid)))).collect()
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test")]
mod tests {
    use super::super::fixture::{Subnet, coldkey, hotkey};
    use super::*;

    #[test]
    fn genesis_is_the_manifest() {
        let subnet = Subnet::new(&[30, 20], 1);
        let state = State::genesis(subnet.manifest.clone()).unwrap();
        assert_eq!(state.uid_count(), 3);
        for number in 0..3 {
            let uid = state.uid_of(&hotkey(number)).unwrap();
            assert_eq!(uid, Uid::new(number));
            let one = state.participant(uid).unwrap();
            assert_eq!((one.permit, one.is_member()), (number < 2, number < 2));
            assert_eq!((one.last_update, one.registered_at), (Epoch::GENESIS, Epoch::GENESIS));
        }
        assert_eq!(state.holding(&coldkey(0)), Rao::new(100 * Rao::PER_UNIT + 30));
        assert_eq!(state.supply(), u128::from(300 * Rao::PER_UNIT + 50));
        assert_eq!(state.committee().len(), 2);
        let cut = state.genesis_cut().unwrap();
        assert_eq!((cut.id(), cut.state_root), (state.head(), state.root()));
        assert_eq!(state.registration_cuts().collect::<Vec<_>>(), [state.head()]);
    }

    #[test]
    fn every_coldkey_of_genesis_has_an_account() {
        let subnet = Subnet::with(&[30], 1, |manifest| manifest.accounts.clear());
        let state = State::genesis(subnet.manifest.clone()).unwrap();
        assert_eq!(state.accounts().len(), 2);
    }

    #[test]
    fn a_broken_manifest_has_no_genesis() {
        let subnet = Subnet::with(&[30], 1, |manifest| manifest.epoch_ms = 1);
        assert_eq!(State::genesis(subnet.manifest.clone()).unwrap_err().len(), 1);
    }

    #[test]
    fn two_subnets_never_share_a_genesis_cut() {
        let head = |salt| {
            let subnet = Subnet::with(&[30], 1, |manifest| manifest.salt = [salt; 16]);
            State::genesis(subnet.manifest.clone()).unwrap().head()
        };
        assert_ne!(head(1), head(2));
    }
}
