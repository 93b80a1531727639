//! From rows back to a state.

use std::collections::BTreeMap;
use std::sync::Arc;

use ganglion_types::{Coldkey, CutId, Epoch, Hotkey, Manifest, Parameters, Rao, Uid, limits};

use super::super::commits::{Commit, CommitKey};
use super::super::external::External;
use super::super::former::Former;
use super::super::revision::Revision;
use super::super::state::{Account, Chain, Participant, State, index};
use super::keys::Key;
use super::values::Value;
use super::{RowKey, StateError, Table};
use crate::yuma::SparseRow;

const PAST_THE_LAST: &str = "is past the last uid that the subnet may have";

/// Rows on their way to a state.
#[derive(Default)]
struct Reader {
    chain: BTreeMap<(), Chain>,
    accounts: BTreeMap<Coldkey, Account>,
    participants: BTreeMap<Uid, Participant>,
    weights: BTreeMap<Uid, SparseRow>,
    bonds: BTreeMap<Uid, SparseRow>,
    commits: BTreeMap<CommitKey, Commit>,
    delegations: BTreeMap<(Uid, Coldkey), Rao>,
    entering: BTreeMap<(Hotkey, Coldkey), Rao>,
    leaving: BTreeMap<(Uid, Coldkey), Rao>,
    unbonding: BTreeMap<(Epoch, Hotkey, Coldkey), Rao>,
    former: BTreeMap<Hotkey, Former>,
    parameters: BTreeMap<(), Parameters>,
    revisions: BTreeMap<u64, Revision>,
    external: BTreeMap<(), External>,
}

fn put<K: Key, V: Value>(
    rows: &mut BTreeMap<K, V>,
    key: &[u8],
    bytes: &[u8],
) -> Result<(), &'static str> {
    rows.insert(K::from_key(key).ok_or(K::RULE)?, V::from_bytes(bytes)?);
    Ok(())
}

impl Reader {
    fn row(&mut self, table: Table, key: &[u8], bytes: &[u8]) -> Result<(), &'static str> {
        match table {
            Table::Chain => put(&mut self.chain, key, bytes),
            Table::Accounts => put(&mut self.accounts, key, bytes),
            Table::Participants => put(&mut self.participants, key, bytes),
            Table::Weights => put(&mut self.weights, key, bytes),
            Table::Bonds => put(&mut self.bonds, key, bytes),
            Table::Commits => put(&mut self.commits, key, bytes),
            Table::Delegations => put(&mut self.delegations, key, bytes),
            Table::Entering => put(&mut self.entering, key, bytes),
            Table::Leaving => put(&mut self.leaving, key, bytes),
            Table::Unbonding => put(&mut self.unbonding, key, bytes),
            Table::Former => put(&mut self.former, key, bytes),
            Table::Parameters => put(&mut self.parameters, key, bytes),
            Table::Revisions => put(&mut self.revisions, key, bytes),
            Table::External => put(&mut self.external, key, bytes),
        }
    }

    fn into_state(mut self, manifest: Arc<Manifest>, head: CutId) -> Result<State, StateError> {
        let slots = slots(self.participants)?;
        Ok(State {
            subnet: manifest.subnet_id(),
            head,
            chain: self.chain.remove(&()).ok_or(StateError::Missing(Table::Chain))?,
            accounts: self.accounts,
            weights: dense(Table::Weights, self.weights, &slots)?,
            bonds: dense(Table::Bonds, self.bonds, &slots)?,
            commits: self.commits,
            delegations: self.delegations,
            entering: self.entering,
            leaving: self.leaving,
            unbonding: self.unbonding,
            former: self.former,
            parameters: self
                .parameters
                .remove(&())
                .ok_or(StateError::Missing(Table::Parameters))?,
            revisions: self.revisions,
            external: self.external.remove(&()),
            uids: index(&slots),
            slots,
            manifest,
        })
    }
}

impl State {
    /// Reads a state back. That it is the certified one is shown by its [`root`](Self::root).
    ///
    /// # Errors
    /// Names the row that is none, or the invariant that the rows break together.
    pub fn from_rows(
        manifest: Arc<Manifest>,
        head: CutId,
        rows: &BTreeMap<RowKey, Vec<u8>>,
    ) -> Result<Self, StateError> {
        let mut read = Reader::default();
        for ((number, key), bytes) in rows {
            let table = Table::from_number(*number).ok_or(StateError::UnknownTable(*number))?;
            read.row(table, key, bytes).map_err(|rule| StateError::Row {
                table,
                key: key.clone(),
                rule,
            })?;
        }
        let state = read.into_state(manifest, head)?;
        state.check()?;
        Ok(state)
    }

    fn check(&self) -> Result<(), StateError> {
        self.check_participants()?;
        self.check_commits()?;
        self.check_stake()?;
        if self.external.is_some() && !self.follows() {
            return Err(bad(Table::External, &(), "is in a subnet that keeps its own registry"));
        }
        let revisions = self.revisions.keys().find(|id| **id >= self.chain.next_revision);
        if let Some(id) = revisions {
            return Err(bad(Table::Revisions, id, "has a number that was not given yet"));
        }
        let supply = self.supply();
        if supply >= u128::from(Rao::SUPPLY_MAX.get()) {
            return Err(StateError::Supply(supply));
        }
        if self.committee().is_empty() {
            return Err(StateError::NoCommittee);
        }
        Ok(())
    }

    fn check_participants(&self) -> Result<(), StateError> {
        // Another chain's uids are bounded by its own rules.
        let own = usize::from(self.hyperparameters().max_allowed_uids);
        let limit = if self.follows() { limits::UIDS } else { own };
        for (uid, one) in self.participants() {
            if uid.index() >= limit {
                return Err(bad(Table::Participants, &uid, PAST_THE_LAST));
            }
            if self.uid_of(&one.hotkey) != Some(uid) {
                return Err(bad(Table::Participants, &uid, "holds the hotkey of another uid"));
            }
        }
        Ok(())
    }

    fn check_commits(&self) -> Result<(), StateError> {
        for (key, commit) in self.commits() {
            let bad = |rule| Err(bad(Table::Commits, key, rule));
            if self.participant(key.uid).is_none() {
                return bad("belongs to nobody");
            }
            if key.epoch > self.epoch() {
                return bad("is of an epoch to come");
            }
            if commit.seed_epoch >= key.epoch {
                return bad("follows on an element of its own epoch or later");
            }
            let open = self.commits_of(key.uid).filter(|(other, _)| other.mechid == key.mechid);
            if open.count() > limits::OPEN_COMMITS {
                return bad("is one of too many of its uid");
            }
        }
        Ok(())
    }

    /// What stands behind a uid belongs to its stake, and what leaves it was there.
    fn check_stake(&self) -> Result<(), StateError> {
        for key in self.delegations.keys() {
            match self.participant(key.0) {
                None => return Err(bad(Table::Delegations, key, "belongs to nobody")),
                Some(one) if one.coldkey == key.1 => {
                    return Err(bad(Table::Delegations, key, "is the owner's own stake"));
                }
                Some(_) => {}
            }
        }
        for (uid, one) in self.participants() {
            if self.delegated(uid) > one.stake {
                let rule = "has less stake than was delegated to it";
                return Err(bad(Table::Participants, &uid, rule));
            }
        }
        for (key, amount) in &self.leaving {
            if *amount > self.staked_by(key.0, &key.1) {
                return Err(bad(Table::Leaving, key, "is more than there is to leave"));
            }
        }
        match self.entering.keys().find(|key| self.uid_of(&key.0).is_none()) {
            Some(key) => Err(bad(Table::Entering, key, "belongs to a hotkey without uid")),
            None => Ok(()),
        }
    }
}

fn bad(table: Table, key: &impl Key, rule: &'static str) -> StateError {
    StateError::Row { table, key: key.to_key(), rule }
}

/// As many slots as the last uid needs, which no subnet lets grow past a bound: rows may come from anybody, and one of them
/// must not take room for all uids that a number can name.
fn slots(participants: BTreeMap<Uid, Participant>) -> Result<Vec<Option<Participant>>, StateError> {
    if let Some((uid, _)) =
        participants.last_key_value().filter(|(uid, _)| uid.index() >= limits::UIDS)
    {
        return Err(bad(Table::Participants, uid, PAST_THE_LAST));
    }
    let mut slots = Vec::new();
    for (uid, one) in participants {
        slots.resize(uid.index(), None);
        slots.push(Some(one));
    }
    Ok(slots)
}

/// One row per slot, each belonging to a participant and naming uids of the subnet only.
fn dense(
    table: Table,
    rows: BTreeMap<Uid, SparseRow>,
    slots: &[Option<Participant>],
) -> Result<Vec<SparseRow>, StateError> {
    let mut all = vec![SparseRow::new(); slots.len()];
    for (uid, row) in rows {
        if row.last().is_some_and(|(target, _)| usize::from(*target) >= slots.len()) {
            return Err(bad(table, &uid, "names a uid that the subnet does not have"));
        }
        match (slots.get(uid.index()), all.get_mut(uid.index())) {
            (Some(Some(_)), Some(place)) => *place = row,
            _ => return Err(bad(table, &uid, "belongs to nobody")),
        }
    }
    Ok(all)
}
