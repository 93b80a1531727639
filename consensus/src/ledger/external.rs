//! The registry of another chain that a subnet follows (state table 14, `docs/spec/registry.md`).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use ganglion_types::{
    Digest, Epoch, ExternalMember, ExternalPoint, ExternalRegistry, Hotkey, Role, Uid, limits,
};

use super::state::{Newcomer, Participant, State, index};
use crate::yuma::SparseRow;

/// What the snapshot that was taken last left, besides participants and their stake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct External {
    /// The snapshot.
    pub point: ExternalPoint,
    /// Uids that the chain lets set weights.
    pub permits: BTreeSet<Uid>,
}

impl State {
    /// Whether another chain registers the participants.
    #[must_use]
    pub fn follows(&self) -> bool {
        self.manifest.registry.is_some()
    }

    /// What the last snapshot of that chain left; `None` before the first, and where there is no such chain.
    #[must_use]
    pub const fn external(&self) -> Option<&External> {
        self.external.as_ref()
    }

    /// What a cut names as its registry: the digest of the last snapshot, zero without one.
    #[must_use]
    pub fn registry_digest(&self) -> Digest {
        self.external.as_ref().map_or(Digest::ZERO, |external| external.point.digest)
    }

    /// Permits by uid as that chain gives them, to validators whose hotkey signed for itself, at most a committee; the most
    /// stake first. `None` while it is for Yuma to give them.
    pub(super) fn external_permits(&self) -> Option<Vec<bool>> {
        let external = self.external.as_ref()?;
        let may = |(uid, one): &(Uid, &Participant)| {
            external.permits.contains(uid)
                && one.stake_weight() > 0
                && !self.was_slashed(&one.hotkey)
        };
        let permitted = self.participants().filter(may);
        let mut ranked: Vec<(Reverse<u64>, Uid)> =
            permitted.map(|(uid, one)| (Reverse(one.stake.get()), uid)).collect();
        ranked.sort_unstable();
        let mut permits = vec![false; self.slots.len()];
        for (_, uid) in ranked.into_iter().take(limits::COMMITTEE) {
            if let Some(permit) = permits.get_mut(uid.index()) {
                *permit = true;
            }
        }
        Some(permits)
    }

    /// Whether somebody could close the next epoch if the snapshot were taken.
    pub(super) fn has_members_in(&self, registry: &ExternalRegistry) -> bool {
        let member = |member: &ExternalMember| {
            let known = self.uid_of(&member.hotkey).and_then(|uid| self.participant(uid));
            member.permit
                && !member.stake.is_zero()
                && known.is_some_and(|one| one.role == Role::Validator)
                && !self.was_slashed(&member.hotkey)
        };
        registry.members().iter().any(member)
    }

    /// Makes the participants those of a snapshot, in `epoch`. A hotkey that has a uid here keeps role, seed and nonce; a uid
    /// that changes hands loses all that was said by and about it.
    pub(super) fn take_registry(&mut self, registry: &ExternalRegistry, epoch: Epoch) {
        let members = registry.members().iter();
        let next: BTreeMap<Uid, Participant> =
            members.map(|member| (member.uid, self.seated(member, epoch))).collect();
        let last = next.keys().next_back().map_or(0, |uid| uid.index().saturating_add(1));
        let slots = self.slots.len().max(last);
        self.weights.resize(slots, SparseRow::new());
        self.bonds.resize(slots, SparseRow::new());
        self.slots.resize(slots, None);
        let uids = (0..=u16::MAX).map(Uid::new).take(slots);
        for uid in uids {
            let hotkey = next.get(&uid).map(|one| one.hotkey);
            if self.participant(uid).map(|one| one.hotkey) != hotkey {
                self.forget(uid);
            }
            if let Some(slot) = self.slots.get_mut(uid.index()) {
                *slot = next.get(&uid).copied();
            }
        }
        self.trim();
        self.uids = index(&self.slots);
        for one in next.values() {
            self.accounts.entry(one.coldkey).or_default();
        }
        let permitted = registry.members().iter().filter(|member| member.permit);
        let permits = permitted.map(|member| member.uid).collect();
        self.external = Some(External { point: registry.point(), permits });
        let permits = self.external_permits().unwrap_or_default();
        for (slot, permit) in self.slots.iter_mut().zip(permits) {
            if let Some(one) = slot {
                one.permit = permit;
            }
        }
    }

    /// Who a member of a snapshot is here.
    fn seated(&self, member: &ExternalMember, epoch: Epoch) -> Participant {
        let was = self.uid_of(&member.hotkey);
        let mut one = match was.and_then(|uid| self.participant(uid)) {
            Some(known) => *known,
            None => Participant::newcomer(&newcomer(member), epoch),
        };
        if was.is_some_and(|uid| uid != member.uid) {
            (one.registered_at, one.last_update) = (epoch, epoch);
        }
        (one.coldkey, one.stake) = (member.coldkey, member.stake);
        one
    }
}

/// A hotkey that said nothing here yet: what it will do is not known, so it is a miner until it says otherwise.
const fn newcomer(member: &ExternalMember) -> Newcomer {
    Newcomer { hotkey: member.hotkey, coldkey: member.coldkey, role: Role::Miner, seed_tail: None }
}

/// What members said of another chain's registry in one cut.
#[derive(Debug, Default)]
pub(super) struct Observed<'a> {
    pub(super) by: BTreeMap<ExternalPoint, BTreeSet<Hotkey>>,
    pub(super) shown: BTreeMap<Digest, &'a ExternalRegistry>,
}

impl<'a> Observed<'a> {
    /// The snapshot that a cut takes: one that members of more than 1/3 of stake observed alike and somebody shows, after which
    /// somebody could close an epoch. Of several the newest, then that of more stake, then the lower digest.
    pub(super) fn taken(&self, before: &State, state: &State) -> Option<&'a ExternalRegistry> {
        let committee = before.committee();
        let total = stake_of(committee.iter().map(|one| one.stake.get()));
        let stakes: BTreeMap<Hotkey, u64> =
            committee.into_iter().map(|one| (one.hotkey, one.stake.get())).collect();
        let candidate = |(point, members): (&ExternalPoint, &BTreeSet<Hotkey>)| {
            let held = stake_of(members.iter().filter_map(|one| stakes.get(one).copied()));
            let registry = *self.shown.get(&point.digest)?;
            let alike = held.saturating_mul(3) > total && registry.point() == *point;
            let rank = (point.height, held, Reverse(point.digest));
            (alike && state.has_members_in(registry)).then_some((rank, registry))
        };
        let candidates = self.by.iter().filter_map(candidate);
        candidates.max_by_key(|(rank, _)| *rank).map(|(_, registry)| registry)
    }
}

/// A sum that cannot overflow.
pub(super) fn stake_of(stakes: impl Iterator<Item = u64>) -> u128 {
    stakes.fold(0, |sum, stake| sum.saturating_add(stake.into()))
}
