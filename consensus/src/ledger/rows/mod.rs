//! The state as rows: what is stored, hashed and compared (`docs/spec/ledger.md`, "State rows").
//!
//! ```text
//! leaf        = key length u16 BE ‖ key ‖ value          value: canonical protobuf of the row
//! stage       = Merkle root over the leaves of one table, rising by key
//! state root  = Merkle root over the stages, in order of the tables' numbers
//! ```

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use ganglion_types::{
    Coldkey, CutId, Digest, Epoch, Hotkey, Manifest, Rao, Uid, ids, limits, merkle,
};

use super::commits::{Commit, CommitKey};
use super::former::Former;
use super::state::{Account, Chain, Participant, State, index};
use crate::yuma::SparseRow;

mod values;

use values::Value;

/// A table of state rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// One row with an empty key: [`Chain`].
    Chain,
    /// By coldkey: [`Account`].
    Accounts,
    /// By uid, u16 BE: [`Participant`]. A vacant uid has no row.
    Participants,
    /// By uid: weights. An empty row is not stored.
    Weights,
    /// By uid: bonds. An empty row is not stored.
    Bonds,
    /// By uid, u16 BE, mechanism, u16 BE, and epoch, u64 BE: [`Commit`].
    Commits,
    /// By hotkey: [`Former`].
    Former,
}

impl Table {
    /// All tables in the order of their stages.
    pub const ALL: [Self; 7] = [
        Self::Chain,
        Self::Accounts,
        Self::Participants,
        Self::Weights,
        Self::Bonds,
        Self::Commits,
        Self::Former,
    ];

    /// The number that rows are stored under.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Chain => 1,
            Self::Accounts => 2,
            Self::Participants => 3,
            Self::Weights => 4,
            Self::Bonds => 5,
            Self::Commits => 6,
            Self::Former => 11,
        }
    }

    /// The table of a number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.number() == number)
    }

    /// Name for people and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::Accounts => "accounts",
            Self::Participants => "participants",
            Self::Weights => "weights",
            Self::Bonds => "bonds",
            Self::Commits => "commits",
            Self::Former => "former",
        }
    }

    pub(super) fn show_key(self, key: &[u8]) -> String {
        match (self, key) {
            (Self::Participants | Self::Weights | Self::Bonds, [high, low]) => {
                format!("uid {}", u16::from_be_bytes([*high, *low]))
            }
            (Self::Commits, key) => match commit_key(key) {
                Ok(CommitKey { uid, mechid, epoch }) => {
                    format!("uid {uid}, mechanism {mechid}, epoch {epoch}")
                }
                Err(_) => ids::hex(key),
            },
            (Self::Former, key) => match Hotkey::from_slice(key) {
                Some(hotkey) => hotkey.to_string(),
                None => ids::hex(key),
            },
            (Self::Accounts, key) => match Coldkey::from_slice(key) {
                Some(coldkey) => coldkey.to_string(),
                None => ids::hex(key),
            },
            (_, []) => "the only one".into(),
            (_, key) => ids::hex(key),
        }
    }
}

/// Table number and key of a row.
pub type RowKey = (u8, Vec<u8>);

/// A row that differs between two states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowDifference {
    /// The table.
    pub table: Table,
    /// The key.
    pub key: Vec<u8>,
    /// The value in this state, `None` without such a row.
    pub ours: Option<Vec<u8>>,
    /// The value in the other.
    pub theirs: Option<Vec<u8>>,
}

impl fmt::Display for RowDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |value: &Option<Vec<u8>>| match value {
            Some(bytes) => format!("0x{}", ids::hex(bytes)),
            None => "no such row".into(),
        };
        let (table, key) = (self.table.name(), self.table.show_key(&self.key));
        write!(f, "{table}, {key}: {} here, {} there", show(&self.ours), show(&self.theirs))
    }
}

/// Why rows are no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// A table that no state has.
    #[error("there are rows of a table {0}, which no state has")]
    UnknownTable(u8),
    /// A row that is none of its table.
    #[error("the row of {} in table {} {rule}", table.show_key(key), table.name())]
    Row {
        /// The table.
        table: Table,
        /// The key.
        key: Vec<u8>,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// The row of counters is missing.
    #[error("the row of table chain is missing")]
    NoChain,
    /// Balances and stakes reach [`Rao::SUPPLY_MAX`].
    #[error("balances and stakes add up to {0} rao, 2^62 or more")]
    Supply(u128),
    /// Nobody could close the next epoch.
    #[error("no participant is a validator with permit and stake")]
    NoCommittee,
}

type UidKey = [u8; 2];

fn sparse(rows: &[SparseRow]) -> impl Iterator<Item = (UidKey, &SparseRow)> {
    let rows = (0..=u16::MAX).zip(rows).filter(|(_, row)| !row.is_empty());
    rows.map(|(uid, row)| (uid.to_be_bytes(), row))
}

/// Calls `visit` with key and encoded value of each row.
fn encode<'a, K: AsRef<[u8]>, V: Value + 'a>(
    rows: impl Iterator<Item = (K, &'a V)>,
    visit: &mut dyn FnMut(&[u8], Vec<u8>),
) {
    for (key, value) in rows {
        visit(key.as_ref(), value.to_bytes());
    }
}

/// Calls `visit` with key and values of each row that differs. Both sides rise by key. Only what
/// differs is encoded.
fn differ<'a, K: AsRef<[u8]> + Ord, V: Value + 'a>(
    ours: impl Iterator<Item = (K, &'a V)>,
    theirs: impl Iterator<Item = (K, &'a V)>,
    mut visit: impl FnMut(&[u8], Option<&V>, Option<&V>),
) {
    let (mut ours, mut theirs) = (ours.peekable(), theirs.peekable());
    loop {
        let order = match (ours.peek(), theirs.peek()) {
            (Some((our_key, _)), Some((their_key, _))) => our_key.cmp(their_key),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return,
        };
        let our = if order == Ordering::Greater { None } else { ours.next() };
        let their = if order == Ordering::Less { None } else { theirs.next() };
        let values = (our.as_ref().map(|row| row.1), their.as_ref().map(|row| row.1));
        if let Some((key, _)) = our.as_ref().or(their.as_ref())
            && values.0 != values.1
        {
            visit(key.as_ref(), values.0, values.1);
        }
    }
}

impl State {
    fn chain_rows(&self) -> impl Iterator<Item = ([u8; 0], &Chain)> {
        std::iter::once(([], &self.chain))
    }

    fn account_rows(&self) -> impl Iterator<Item = ([u8; 32], &Account)> {
        self.accounts.iter().map(|(coldkey, account)| (*coldkey.as_bytes(), account))
    }

    fn participant_rows(&self) -> impl Iterator<Item = (UidKey, &Participant)> {
        self.participants().map(|(uid, one)| (uid.get().to_be_bytes(), one))
    }

    fn commit_rows(&self) -> impl Iterator<Item = (CommitBytes, &Commit)> {
        self.commits.iter().map(|(key, commit)| (commit_bytes(key), commit))
    }

    fn former_rows(&self) -> impl Iterator<Item = ([u8; 32], &Former)> {
        self.former.iter().map(|(hotkey, former)| (*hotkey.as_bytes(), former))
    }

    fn visit_rows(&self, table: Table, visit: &mut dyn FnMut(&[u8], Vec<u8>)) {
        match table {
            Table::Chain => encode(self.chain_rows(), visit),
            Table::Accounts => encode(self.account_rows(), visit),
            Table::Participants => encode(self.participant_rows(), visit),
            Table::Weights => encode(sparse(&self.weights), visit),
            Table::Bonds => encode(sparse(&self.bonds), visit),
            Table::Commits => encode(self.commit_rows(), visit),
            Table::Former => encode(self.former_rows(), visit),
        }
    }

    /// The whole state as rows: by table number and key, the value being canonical protobuf.
    #[must_use]
    pub fn rows(&self) -> BTreeMap<RowKey, Vec<u8>> {
        let mut rows = BTreeMap::new();
        for table in Table::ALL {
            self.visit_rows(table, &mut |key, value| {
                rows.insert((table.number(), key.to_vec()), value);
            });
        }
        rows
    }

    /// Name and Merkle root of each table, in the order of the state root's leaves.
    #[must_use]
    pub fn stage_digests(&self) -> Vec<(&'static str, Digest)> {
        let digest = |table: Table| {
            let mut leaves = Vec::new();
            self.visit_rows(table, &mut |key, value| leaves.push(leaf(key, &value)));
            (table.name(), merkle::root(leaves))
        };
        Table::ALL.into_iter().map(digest).collect()
    }

    /// The state root of a cut. The id of that cut is not in it.
    #[must_use]
    pub fn root(&self) -> Digest {
        merkle::root(self.stage_digests().iter().map(|(_, digest)| digest.as_bytes()))
    }

    /// The rows to write, `None` for those to delete, to turn `previous` into this state on disk.
    #[must_use]
    pub fn changed_rows(&self, previous: &Self) -> Vec<(u8, Vec<u8>, Option<Vec<u8>>)> {
        let differences = self.differences(previous, usize::MAX);
        differences.into_iter().map(|row| (row.table.number(), row.key, row.ours)).collect()
    }

    /// The first row, by table and key, in which the two states differ.
    #[must_use]
    pub fn first_difference(&self, other: &Self) -> Option<RowDifference> {
        self.differences(other, 1).into_iter().next()
    }

    fn differences(&self, other: &Self, limit: usize) -> Vec<RowDifference> {
        let mut found = Vec::new();
        for table in Table::ALL {
            match table {
                Table::Chain => {
                    let add = &mut collector(table, limit, &mut found);
                    differ(self.chain_rows(), other.chain_rows(), add);
                }
                Table::Accounts => {
                    let add = &mut collector(table, limit, &mut found);
                    differ(self.account_rows(), other.account_rows(), add);
                }
                Table::Participants => {
                    let add = &mut collector(table, limit, &mut found);
                    differ(self.participant_rows(), other.participant_rows(), add);
                }
                Table::Weights => {
                    let add = &mut collector(table, limit, &mut found);
                    differ(sparse(&self.weights), sparse(&other.weights), add);
                }
                Table::Bonds => {
                    let add = &mut collector(table, limit, &mut found);
                    differ(sparse(&self.bonds), sparse(&other.bonds), add);
                }
                Table::Commits => {
                    let add = &mut collector(table, limit, &mut found);
                    differ(self.commit_rows(), other.commit_rows(), add);
                }
                Table::Former => {
                    let add = &mut collector(table, limit, &mut found);
                    differ(self.former_rows(), other.former_rows(), add);
                }
            }
        }
        found
    }

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
        let Reader { chain, accounts, slots, weights, bonds, commits, former } = read;
        let state = Self {
            subnet: manifest.subnet_id(),
            head,
            chain: chain.ok_or(StateError::NoChain)?,
            accounts,
            weights: dense(Table::Weights, weights, &slots)?,
            bonds: dense(Table::Bonds, bonds, &slots)?,
            commits,
            former,
            uids: index(&slots),
            slots,
            manifest,
        };
        state.check()?;
        Ok(state)
    }

    fn check(&self) -> Result<(), StateError> {
        let limit = self.hyperparameters().max_allowed_uids;
        for (uid, one) in self.participants() {
            let bad = |rule| StateError::Row {
                table: Table::Participants,
                key: uid.get().to_be_bytes().to_vec(),
                rule,
            };
            if uid.get() >= limit {
                return Err(bad("is past the manifest's max_allowed_uids"));
            }
            if self.uid_of(&one.hotkey) != Some(uid) {
                return Err(bad("holds the hotkey of another uid"));
            }
        }
        self.check_commits()?;
        let supply = self.supply();
        if supply >= u128::from(Rao::SUPPLY_MAX.get()) {
            return Err(StateError::Supply(supply));
        }
        if self.committee().is_empty() {
            return Err(StateError::NoCommittee);
        }
        Ok(())
    }
}

impl State {
    fn check_commits(&self) -> Result<(), StateError> {
        for (key, _) in self.commits() {
            let CommitKey { uid, mechid, epoch } = *key;
            let bad = |rule| {
                let key = commit_bytes(key).to_vec();
                Err(StateError::Row { table: Table::Commits, key, rule })
            };
            if self.participant(uid).is_none() {
                return bad("belongs to nobody");
            }
            if epoch > self.epoch() {
                return bad("is of an epoch to come");
            }
            let open = self.commits_of(uid).filter(|(other, _)| other.mechid == mechid);
            if open.count() > limits::OPEN_COMMITS {
                return bad("is one of too many of its uid");
            }
        }
        Ok(())
    }
}

type CommitBytes = [u8; 12];

fn commit_bytes(key: &CommitKey) -> CommitBytes {
    let mut bytes = [0; 12];
    let (uid, mechid) = (key.uid.get().to_be_bytes(), key.mechid.to_be_bytes());
    let parts = uid.into_iter().chain(mechid).chain(key.epoch.get().to_be_bytes());
    for (place, byte) in bytes.iter_mut().zip(parts) {
        *place = byte;
    }
    bytes
}

fn commit_key(key: &[u8]) -> Result<CommitKey, &'static str> {
    let wrong = "has a key that is no uid, mechanism and epoch";
    let (uid_bytes, rest) = key.split_first_chunk::<2>().ok_or(wrong)?;
    let (mechid, rest) = rest.split_first_chunk::<2>().ok_or(wrong)?;
    let epoch = u64::from_be_bytes(rest.try_into().map_err(|_| wrong)?);
    Ok(CommitKey {
        uid: Uid::new(u16::from_be_bytes(*uid_bytes)),
        mechid: u16::from_be_bytes(*mechid),
        epoch: Epoch::new(epoch),
    })
}

pub(super) fn leaf(key: &[u8], value: &[u8]) -> Vec<u8> {
    // Keys are at most 32 bytes.
    let length = u16::try_from(key.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes(), key, value].concat()
}

fn collector<V: Value>(
    table: Table,
    limit: usize,
    found: &mut Vec<RowDifference>,
) -> impl FnMut(&[u8], Option<&V>, Option<&V>) {
    move |key, ours, theirs| {
        if found.len() < limit {
            found.push(RowDifference {
                table,
                key: key.to_vec(),
                ours: ours.map(Value::to_bytes),
                theirs: theirs.map(Value::to_bytes),
            });
        }
    }
}

/// Rows on their way to a state.
#[derive(Default)]
struct Reader {
    chain: Option<Chain>,
    accounts: BTreeMap<Coldkey, Account>,
    slots: Vec<Option<Participant>>,
    weights: BTreeMap<Uid, SparseRow>,
    bonds: BTreeMap<Uid, SparseRow>,
    commits: BTreeMap<CommitKey, Commit>,
    former: BTreeMap<Hotkey, Former>,
}

impl Reader {
    fn row(&mut self, table: Table, key: &[u8], bytes: &[u8]) -> Result<(), &'static str> {
        match table {
            Table::Chain if key.is_empty() => self.chain = Some(Chain::from_bytes(bytes)?),
            Table::Chain => return Err("has a key, but must have none"),
            Table::Accounts => {
                let coldkey = Coldkey::from_slice(key).ok_or("has a key that is no coldkey")?;
                self.accounts.insert(coldkey, Account::from_bytes(bytes)?);
            }
            Table::Participants => {
                let uid = uid(key)?;
                self.slots.resize(uid.index().saturating_add(1), None);
                if let Some(slot) = self.slots.get_mut(uid.index()) {
                    *slot = Some(Participant::from_bytes(bytes)?);
                }
            }
            Table::Weights => drop(self.weights.insert(uid(key)?, SparseRow::from_bytes(bytes)?)),
            Table::Bonds => drop(self.bonds.insert(uid(key)?, SparseRow::from_bytes(bytes)?)),
            Table::Commits => {
                self.commits.insert(commit_key(key)?, Commit::from_bytes(bytes)?);
            }
            Table::Former => {
                let hotkey = Hotkey::from_slice(key).ok_or("has a key that is no hotkey")?;
                self.former.insert(hotkey, Former::from_bytes(bytes)?);
            }
        }
        Ok(())
    }
}

fn uid(key: &[u8]) -> Result<Uid, &'static str> {
    let key: UidKey = key.try_into().map_err(|_| "has a key that is no uid")?;
    Ok(Uid::new(u16::from_be_bytes(key)))
}

/// One row per slot, each belonging to a participant and naming uids of the subnet only.
fn dense(
    table: Table,
    rows: BTreeMap<Uid, SparseRow>,
    slots: &[Option<Participant>],
) -> Result<Vec<SparseRow>, StateError> {
    let mut all = vec![SparseRow::new(); slots.len()];
    for (uid, row) in rows {
        let bad = |rule| {
            let key = uid.get().to_be_bytes().to_vec();
            StateError::Row { table, key, rule }
        };
        if row.last().is_some_and(|(target, _)| usize::from(*target) >= slots.len()) {
            return Err(bad("names a uid that the subnet does not have"));
        }
        match (slots.get(uid.index()), all.get_mut(uid.index())) {
            (Some(Some(_)), Some(place)) => *place = row,
            _ => return Err(bad("belongs to nobody")),
        }
    }
    Ok(all)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test")]
mod tests {
    use super::super::execute;
    use ganglion_types::{Role, proto};
    use prost::Message as _;

    use super::super::fixture::{Subnet, coldkey};
    use super::*;

    fn state() -> (Subnet, State) {
        let subnet = Subnet::new(&[30, 20], 2);
        let state = State::genesis(subnet.manifest.clone()).unwrap();
        let items = [0, 1].map(|n| subnet.weights(n, 1, 1, &[(2, 65_535), (3, 9)]));
        let executed = execute(&state, state.chain().time + 1, &items).unwrap();
        (subnet, executed.into_state(CutId::new([1; 32])))
    }

    #[test]
    fn a_state_comes_back_from_its_rows() {
        let (_, state) = state();
        let rows = state.rows();
        assert!(rows.keys().any(|(table, _)| *table == 5), "there are bonds");
        let back = State::from_rows(state.manifest().clone(), state.head(), &rows).unwrap();
        assert_eq!(back, state);
        assert_eq!(back.root(), state.root());
    }

    #[test]
    fn the_root_is_built_from_the_rows_as_specified() {
        let (_, state) = state();
        let stages = Table::ALL.map(|table| {
            let rows =
                state.rows().into_iter().filter(|((number, _), _)| *number == table.number());
            merkle::root(rows.map(|((_, key), value)| {
                let length = u16::try_from(key.len()).unwrap().to_be_bytes();
                [length.to_vec(), key, value].concat()
            }))
        });
        assert_eq!(state.root(), merkle::root(stages.map(|stage| stage.as_bytes().to_vec())));
        let names: Vec<&str> = state.stage_digests().iter().map(|stage| stage.0).collect();
        let expected =
            ["chain", "accounts", "participants", "weights", "bonds", "commits", "former"];
        assert_eq!(names, expected);
    }

    #[test]
    fn changed_rows_turn_the_former_rows_into_the_new_ones() {
        let (subnet, before) = state();
        let items = [
            subnet.transfer(2, 0, 9, 5_000_000),
            subnet.register(10, Role::Miner, before.head(), 1),
            subnet.weights(0, 2, 7, &[(2, 65_535)]),
            subnet.weights(0, 2, 7, &[(3, 65_535)]),
        ];
        let executed = execute(&before, before.chain().time + 1, &items).unwrap();
        let after = executed.into_state(CutId::new([2; 32]));
        let mut rows = before.rows();
        let changes = after.changed_rows(&before);
        assert!(changes.iter().any(|(_, _, value)| value.is_none()), "a row of weights goes");
        for (table, key, value) in changes {
            match value {
                Some(value) => rows.insert((table, key), value),
                None => rows.remove(&(table, key)),
            };
        }
        assert_eq!(rows, after.rows());
        assert!(after.changed_rows(&after).is_empty());
    }

    #[test]
    fn the_first_difference_names_table_and_key() {
        let (_, ours) = state();
        let mut theirs = ours.clone();
        assert_eq!(ours.first_difference(&theirs), None);
        theirs.bonds[1].clear();
        theirs.slots[3].as_mut().unwrap().stake = Rao::new(1);
        let found = ours.first_difference(&theirs).unwrap();
        assert_eq!((found.table, found.key.as_slice()), (Table::Participants, &[0, 3][..]));
        assert!(found.to_string().starts_with("participants, uid 3: 0x"));
        theirs.slots[3] = ours.slots[3];
        let found = ours.first_difference(&theirs).unwrap();
        assert_eq!((found.table, found.theirs.is_none()), (Table::Bonds, true));
        theirs.accounts.get_mut(&coldkey(2)).unwrap().nonce = 8;
        let found = ours.first_difference(&theirs).unwrap();
        assert!(found.to_string().starts_with(&format!("accounts, {}: ", coldkey(2))));
    }

    #[test]
    fn damaged_rows_are_named_by_table_and_key() {
        let (_, state) = state();
        type Rows = BTreeMap<RowKey, Vec<u8>>;
        let read = |change: &dyn Fn(&mut Rows)| {
            let mut rows = state.rows();
            change(&mut rows);
            State::from_rows(state.manifest().clone(), state.head(), &rows).map(|_| ())
        };
        let refuse = |table: u8, key: &[u8], value: &[u8]| {
            let (key, value) = (key.to_vec(), value.to_vec());
            let error = read(&|rows| {
                rows.insert((table, key.clone()), value.clone());
            });
            error.unwrap_err().to_string()
        };
        assert_eq!(read(&|_| {}), Ok(()));
        assert_eq!(read(&|rows| rows.clear()), Err(StateError::NoChain));
        assert_eq!(refuse(9, &[], &[]), "there are rows of a table 9, which no state has");
        let row = "the row of uid 2 in table participants";
        assert_eq!(refuse(3, &[0, 2], &[0xff]), format!("{row} is not the protobuf expected"));
        assert_eq!(refuse(3, &[0, 2], &[]), format!("{row} has a field out of range"));
        let twin = state.rows()[&(3, vec![0, 1])].clone();
        assert!(refuse(3, &[0, 2], &twin).ends_with("holds the hotkey of another uid"));
        let chain = [state.rows()[&(1, vec![])].clone(), vec![0x78, 1]].concat();
        assert!(refuse(1, &[], &chain).ends_with("is not in canonical form"));
        assert!(refuse(1, &[1], &[]).ends_with("has a key, but must have none"));
        assert!(refuse(2, &[1], &[]).ends_with("has a key that is no coldkey"));
        assert!(refuse(4, &[0], &[]).ends_with("has a key that is no uid"));
        let beyond = proto::SparseRow { uids: vec![1, 4], values: vec![1, 1] }.encode_to_vec();
        assert!(refuse(4, &[0, 0], &beyond).ends_with("names a uid that the subnet does not have"));
        let falling = proto::SparseRow { uids: vec![2, 1], values: vec![1, 1] }.encode_to_vec();
        assert!(refuse(5, &[0, 0], &falling).ends_with("has a field out of range"));
        let fine = proto::SparseRow { uids: vec![1], values: vec![1] }.encode_to_vec();
        assert!(refuse(4, &[0, 9], &fine).ends_with("belongs to nobody"));
        let commit = |epoch: u64| {
            let key = CommitKey { uid: Uid::new(0), mechid: 0, epoch: Epoch::new(epoch) };
            let one = Commit { hotkey: Hotkey::default(), commitment: Digest::ZERO, seq: 1 };
            (commit_bytes(&key), one.to_bytes())
        };
        let (key, value) = commit(1);
        assert!(refuse(6, &key[..11], &value).ends_with("is no uid, mechanism and epoch"));
        assert!(refuse(6, &commit(2).0, &value).ends_with("is of an epoch to come"));
        let stray = [&[0, 9], &key[2..]].concat();
        assert!(refuse(6, &stray, &value).ends_with("belongs to nobody"));
        assert!(refuse(11, &[1], &[]).ends_with("has a key that is no hotkey"));
        let odd = proto::FormerRow { successor: vec![1], epoch: 1 }.encode_to_vec();
        assert!(refuse(11, &[7; 32], &odd).ends_with("has a field out of range"));
        let rich = proto::AccountRow { balance: u64::MAX, nonce: 0 }.encode_to_vec();
        assert!(refuse(2, &[7; 32], &rich).contains("2^62 or more"));
        let nobody = read(&|rows| {
            rows.retain(|(table, key), _| *table < 3 || (*table == 3 && key[1] > 1));
        });
        assert_eq!(nobody, Err(StateError::NoCommittee));
    }
}
