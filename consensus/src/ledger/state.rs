//! What every node knows after an epoch.

use std::collections::BTreeMap;
use std::sync::Arc;

use ganglion_types::manifest::Violation;
use ganglion_types::planted::{self, Bug};
use ganglion_types::{
    Coldkey, Cut, CutId, Digest, Epoch, Hotkey, Hyperparameters, Manifest, Parameters, Rao, Role,
    SubnetId, Timing, Uid,
};

use super::commits::{Commit, CommitKey};
use super::committee::{Member, committee_root};
use super::external::External;
use super::former::Former;
use super::result::EpochResult;
use super::revision::Revision;
use crate::yuma::SparseRow;

/// Cuts before the last one that a registration's proof of work may be bound to.
pub const RECENT_CUTS: usize = 4;
/// The share of what delegated stake earns that an owner keeps at most, and at first, /65535.
pub const TAKE_MAX: u16 = 11_796;
/// Price of a registration by burn at genesis, before the bounds of the manifest.
const FIRST_BURN_PRICE: Rao = Rao::new(Rao::PER_UNIT);

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
    /// Price of the next registration by burn.
    pub burn_price: Rao,
    /// Taken out of supply for equivocation since genesis.
    pub slashed: Rao,
    /// Number of the next revision, from 1.
    pub next_revision: u64,
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
    /// Nonce of the hotkey's next operation.
    pub nonce: u64,
    /// What its owner keeps of what delegated stake earns, /65535, at most [`TAKE_MAX`].
    pub take: u16,
    /// Epoch in which the take was raised last; 0 for never.
    pub take_raised_at: Epoch,
    /// Paid for its last epoch, delegators included.
    pub emission: Rao,
}

/// Who takes a uid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Newcomer {
    pub(super) hotkey: Hotkey,
    pub(super) coldkey: Coldkey,
    pub(super) role: Role,
    pub(super) seed_tail: Option<Digest>,
}

impl Participant {
    /// What a newcomer is from `epoch` on. A tenancy's nonces begin where no earlier one of the same
    /// hotkey can have come.
    pub(super) fn newcomer(one: &Newcomer, epoch: Epoch) -> Self {
        Self {
            hotkey: one.hotkey,
            coldkey: one.coldkey,
            role: one.role,
            stake: Rao::ZERO,
            permit: false,
            last_update: epoch,
            registered_at: epoch,
            seed: one.seed_tail.unwrap_or(Digest::ZERO),
            seed_epoch: epoch,
            nonce: epoch.get().saturating_mul(1 << 20),
            take: TAKE_MAX,
            take_raised_at: Epoch::GENESIS,
            emission: Rao::ZERO,
        }
    }

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
/// - balances, stakes and what is on its way between them stay below [`Rao::SUPPLY_MAX`] together;
/// - where another chain registers participants, their stake is that chain's and no part of the supply;
/// - what was delegated to a uid is part of its stake, and what leaves is part of what is there;
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
    pub(super) delegations: BTreeMap<(Uid, Coldkey), Rao>,
    pub(super) entering: BTreeMap<(Hotkey, Coldkey), Rao>,
    pub(super) leaving: BTreeMap<(Uid, Coldkey), Rao>,
    pub(super) unbonding: BTreeMap<(Epoch, Hotkey, Coldkey), Rao>,
    pub(super) former: BTreeMap<Hotkey, Former>,
    pub(super) parameters: Parameters,
    pub(super) revisions: BTreeMap<u64, Revision>,
    pub(super) external: Option<External>,
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
                let newcomer = Newcomer {
                    hotkey: one.hotkey,
                    coldkey: one.coldkey,
                    role: one.role,
                    seed_tail: one.seed_tail,
                };
                Some(Participant {
                    stake: one.stake,
                    permit: one.role == Role::Validator,
                    ..Participant::newcomer(&newcomer, Epoch::GENESIS)
                })
            })
            .collect();
        // Every participant's coldkey has an account, so that it can send operations.
        let mut accounts: BTreeMap<Coldkey, Account> =
            manifest.participants.iter().map(|one| (one.coldkey, Account::default())).collect();
        for (coldkey, balance) in &manifest.accounts {
            accounts.insert(*coldkey, Account { balance: *balance, nonce: 0 });
        }
        let rules = &manifest.hyperparameters;
        let mut state = Self {
            subnet: manifest.subnet_id(),
            head: CutId::default(),
            chain: Chain {
                epoch: Epoch::GENESIS,
                recent_cuts: Vec::new(),
                difficulty: rules.min_difficulty,
                last_mechanism_step: Epoch::GENESIS,
                emitted: Rao::ZERO,
                burned: Rao::ZERO,
                time: manifest.genesis_time,
                registrations: 0,
                burn_price: FIRST_BURN_PRICE.clamp(rules.min_burn, rules.max_burn),
                slashed: Rao::ZERO,
                next_revision: 1,
            },
            accounts,
            weights: vec![SparseRow::new(); slots.len()],
            bonds: vec![SparseRow::new(); slots.len()],
            commits: BTreeMap::new(),
            delegations: BTreeMap::new(),
            entering: BTreeMap::new(),
            leaving: BTreeMap::new(),
            unbonding: BTreeMap::new(),
            former: BTreeMap::new(),
            parameters: Parameters::of(&manifest),
            revisions: BTreeMap::new(),
            external: None,
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
            registry: self.registry_digest(),
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

    /// The rules' numbers for the next epoch. The manifest has those of genesis.
    #[must_use]
    pub const fn hyperparameters(&self) -> &Hyperparameters {
        &self.parameters.hyperparameters
    }

    /// Length and phases of the next epoch. The manifest has those of genesis.
    #[must_use]
    pub const fn timing(&self) -> &Timing {
        &self.parameters.timing
    }

    /// All that revisions change, as it holds in the next epoch.
    #[must_use]
    pub const fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Revisions that wait, by number.
    #[must_use]
    pub const fn revisions(&self) -> &BTreeMap<u64, Revision> {
        &self.revisions
    }

    /// Hotkeys that lost their uid to a successor or by slashing.
    #[must_use]
    pub const fn former(&self) -> &BTreeMap<Hotkey, Former> {
        &self.former
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

    /// Whether no further participant fits: no uid is vacant, and none may be taken from its holder.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.vacancy().is_none() && self.prunable().is_none()
    }

    /// The vacant uid that the next registration gets: the lowest, else a new one.
    #[must_use]
    pub fn vacancy(&self) -> Option<Uid> {
        let gap = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        let uid = u16::try_from(gap).ok()?;
        (uid < self.hyperparameters().max_allowed_uids).then_some(Uid::new(uid))
    }

    /// The uid that the next registration takes from its holder if none is vacant: the lowest by last
    /// payment, epoch of registration and uid, sparing newcomers as long as there are enough others.
    ///
    /// Members of the committee, the owner's uid and those of this very epoch are never taken.
    #[must_use]
    pub fn prunable(&self) -> Option<Uid> {
        let (rules, epoch, owner) = (self.hyperparameters(), self.next_epoch(), self.owner_uid());
        let (mut immune, mut others) = (Vec::new(), Vec::new());
        for (uid, one) in self.participants() {
            if one.is_member() || Some(uid) == owner || one.registered_at == epoch {
                continue;
            }
            let age = epoch.get().saturating_sub(one.registered_at.get());
            let side = if age < rules.immunity_period { &mut immune } else { &mut others };
            side.push((one.emission, one.registered_at, uid));
        }
        let spare = others.len() <= usize::from(rules.min_non_immune_uids);
        let (immune, others) = (immune.into_iter().min(), others.into_iter().min());
        let taken = if spare { immune.or(others) } else { others };
        taken.map(|(_, _, uid)| uid)
    }

    /// The uid that stands for the subnet's owner: the first registered of its validators.
    #[must_use]
    pub fn owner_uid(&self) -> Option<Uid> {
        let owner = self.manifest.owner?;
        let owned = self
            .participants()
            .filter(|(_, one)| one.coldkey == owner && one.role == Role::Validator);
        owned.map(|(uid, one)| (one.registered_at, uid)).min().map(|(_, uid)| uid)
    }

    /// The first epoch in whose cut a former hotkey may take a uid again, as things stand; `None` if
    /// it never may, or is none.
    #[must_use]
    pub fn former_until(&self, hotkey: &Hotkey) -> Option<Epoch> {
        let former = self.former.get(hotkey).filter(|_| !self.was_slashed(hotkey))?;
        let wait = self.hyperparameters().unbonding_epochs;
        Some(Epoch::new(former.epoch.get().saturating_add(wait)).next())
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

    /// Puts a newcomer in a vacant uid. Nothing is left there of whoever held it before.
    pub(super) fn seat(&mut self, uid: Uid, newcomer: Participant) {
        let slots = self.slots.len().max(uid.index().saturating_add(1));
        self.slots.resize(slots, None);
        self.weights.resize(slots, SparseRow::new());
        self.bonds.resize(slots, SparseRow::new());
        self.forget(uid);
        if let Some(slot) = self.slots.get_mut(uid.index()) {
            *slot = Some(newcomer);
            self.uids.insert(newcomer.hotkey, uid);
        }
    }

    /// Ends what a uid says as a validator: its rows, its open commits and its permit.
    pub(super) fn silence(&mut self, uid: Uid) {
        for rows in [&mut self.weights, &mut self.bonds] {
            if let Some(row) = rows.get_mut(uid.index()) {
                row.clear();
            }
        }
        if let Some(one) = self.participant_mut(uid) {
            one.permit = false;
        }
        self.commits.retain(|key, _| key.uid != uid);
    }

    /// Clears all that was said by and about a uid: its rows and its columns.
    pub(super) fn forget(&mut self, uid: Uid) {
        self.silence(uid);
        let bonds = if planted::is(Bug::BondsInherited) { &mut [][..] } else { &mut self.bonds };
        for row in self.weights.iter_mut().chain(bonds) {
            row.retain(|(target, _)| *target != uid.get());
        }
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
