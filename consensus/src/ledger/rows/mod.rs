//! The state as rows: what is stored, hashed and compared (`docs/spec/ledger.md`, "State rows").
//!
//! ```text
//! leaf        = key length u16 BE ‖ key ‖ value          value: canonical protobuf of the row
//! stage       = Merkle root over the leaves of one table, rising by key
//! state root  = Merkle root over the stages of all tables
//! ```

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use ganglion_types::{Coldkey, Digest, Epoch, Hotkey, Parameters, Rao, Uid, ids, merkle};

use super::commits::{Commit, CommitKey};
use super::external::External;
use super::former::Former;
use super::revision::Revision;
use super::state::{Account, Chain, Participant, State};
use crate::yuma::SparseRow;

mod keys;
mod read;
mod values;

use keys::Key;
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
    /// By uid, mechanism and epoch: [`Commit`].
    Commits,
    /// By uid and coldkey: amounts. Like all amounts here, 0 is not stored.
    Delegations,
    /// By hotkey and coldkey: amounts on their way into stake.
    Entering,
    /// By uid and coldkey: amounts of stake that wait to leave it.
    Leaving,
    /// By release epoch, u64 BE, hotkey and coldkey: amounts that left stake.
    Unbonding,
    /// By hotkey: [`Former`].
    Former,
    /// One row with an empty key: [`Parameters`].
    Parameters,
    /// By number, u64 BE: [`Revision`].
    Revisions,
    /// One row with an empty key: [`External`]; none before the first snapshot, and then no stage.
    External,
}

impl Table {
    /// All tables in the order of their stages.
    pub const ALL: [Self; 14] = [
        Self::Chain,
        Self::Accounts,
        Self::Participants,
        Self::Weights,
        Self::Bonds,
        Self::Commits,
        Self::Delegations,
        Self::Entering,
        Self::Leaving,
        Self::Unbonding,
        Self::Former,
        Self::Parameters,
        Self::Revisions,
        Self::External,
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
            Self::Delegations => 7,
            Self::Entering => 8,
            Self::Leaving => 9,
            Self::Unbonding => 10,
            Self::Former => 11,
            Self::Parameters => 12,
            Self::Revisions => 13,
            Self::External => 14,
        }
    }

    /// The table of a number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.number() == number)
    }

    /// Whether it is a stage: each is, but for that of another chain's registry where there is none.
    pub(super) fn is_staged(self, external: bool) -> bool {
        self != Self::External || external
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
            Self::Delegations => "delegations",
            Self::Entering => "entering",
            Self::Leaving => "leaving",
            Self::Unbonding => "unbonding",
            Self::Former => "former",
            Self::Parameters => "parameters",
            Self::Revisions => "revisions",
            Self::External => "external",
        }
    }

    pub(super) fn show_key(self, key: &[u8]) -> String {
        fn show<K: Key>(key: &[u8]) -> Option<String> {
            K::from_key(key).map(|key| key.show())
        }
        let shown = match self {
            Self::Chain | Self::Parameters | Self::External => show::<()>(key),
            Self::Accounts => show::<Coldkey>(key),
            Self::Participants | Self::Weights | Self::Bonds => show::<Uid>(key),
            Self::Commits => show::<CommitKey>(key),
            Self::Delegations | Self::Leaving => show::<(Uid, Coldkey)>(key),
            Self::Entering => show::<(Hotkey, Coldkey)>(key),
            Self::Unbonding => show::<(Epoch, Hotkey, Coldkey)>(key),
            Self::Former => show::<Hotkey>(key),
            Self::Revisions => show::<u64>(key),
        };
        shown.unwrap_or_else(|| ids::hex(key))
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
    /// A table of one row has none.
    #[error("the row of table {} is missing", .0.name())]
    Missing(Table),
    /// Balances, stakes and what lies between them reach [`Rao::SUPPLY_MAX`].
    #[error("all amounts add up to {0} rao, 2^62 or more")]
    Supply(u128),
    /// Nobody could close the next epoch.
    #[error("no participant is a validator with permit and stake")]
    NoCommittee,
}

/// The value of a row, on its way to its bytes.
#[derive(Clone, Copy, PartialEq)]
enum Cell<'a> {
    Chain(&'a Chain),
    Account(&'a Account),
    Participant(&'a Participant),
    Sparse(&'a SparseRow),
    Commit(&'a Commit),
    Amount(&'a Rao),
    Former(&'a Former),
    Parameters(&'a Parameters),
    Revision(&'a Revision),
    External(&'a External),
}

impl Cell<'_> {
    fn to_bytes(self) -> Vec<u8> {
        match self {
            Self::Chain(value) => value.to_bytes(),
            Self::Account(value) => value.to_bytes(),
            Self::Participant(value) => value.to_bytes(),
            Self::Sparse(value) => value.to_bytes(),
            Self::Commit(value) => value.to_bytes(),
            Self::Amount(value) => value.to_bytes(),
            Self::Former(value) => value.to_bytes(),
            Self::Parameters(value) => value.to_bytes(),
            Self::Revision(value) => value.to_bytes(),
            Self::External(value) => value.to_bytes(),
        }
    }
}

/// Rows of one table, rising by key.
type Rows<'a> = Box<dyn Iterator<Item = (Vec<u8>, Cell<'a>)> + 'a>;

fn rows_of<'a, K: Key, V>(
    map: &'a BTreeMap<K, V>,
    wrap: impl Fn(&'a V) -> Cell<'a> + 'a,
) -> Rows<'a> {
    Box::new(map.iter().map(move |(key, value)| (key.to_key(), wrap(value))))
}

fn sparse_rows(rows: &[SparseRow]) -> Rows<'_> {
    let rows = (0..=u16::MAX).zip(rows).filter(|(_, row)| !row.is_empty());
    Box::new(rows.map(|(uid, row)| (Uid::new(uid).to_key(), Cell::Sparse(row))))
}

fn only_row(value: Cell<'_>) -> Rows<'_> {
    Box::new(std::iter::once((().to_key(), value)))
}

/// Calls `visit` with key and values of each row that differs, as long as it says so. Both sides
/// rise by key.
fn differ<'a>(
    ours: Rows<'a>,
    theirs: Rows<'a>,
    mut visit: impl FnMut(&[u8], Option<Cell<'a>>, Option<Cell<'a>>) -> bool,
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
            && !visit(key, values.0, values.1)
        {
            return;
        }
    }
}

impl State {
    fn table(&self, table: Table) -> Rows<'_> {
        match table {
            Table::Chain => only_row(Cell::Chain(&self.chain)),
            Table::Accounts => rows_of(&self.accounts, Cell::Account),
            Table::Participants => {
                let rows = self.participants();
                Box::new(rows.map(|(uid, one)| (uid.to_key(), Cell::Participant(one))))
            }
            Table::Weights => sparse_rows(&self.weights),
            Table::Bonds => sparse_rows(&self.bonds),
            Table::Commits => rows_of(&self.commits, Cell::Commit),
            Table::Delegations => rows_of(&self.delegations, Cell::Amount),
            Table::Entering => rows_of(&self.entering, Cell::Amount),
            Table::Leaving => rows_of(&self.leaving, Cell::Amount),
            Table::Unbonding => rows_of(&self.unbonding, Cell::Amount),
            Table::Former => rows_of(&self.former, Cell::Former),
            Table::Parameters => only_row(Cell::Parameters(&self.parameters)),
            Table::Revisions => rows_of(&self.revisions, Cell::Revision),
            Table::External => {
                let row = self.external.iter();
                Box::new(row.map(|value| (().to_key(), Cell::External(value))))
            }
        }
    }

    /// The whole state as rows: by table number and key, the value being canonical protobuf.
    #[must_use]
    pub fn rows(&self) -> BTreeMap<RowKey, Vec<u8>> {
        let stored = |table: Table| {
            self.table(table).map(move |(key, value)| ((table.number(), key), value.to_bytes()))
        };
        Table::ALL.into_iter().flat_map(stored).collect()
    }

    /// Name and Merkle root of each table, in the order of the state root's leaves.
    #[must_use]
    pub fn stage_digests(&self) -> Vec<(&'static str, Digest)> {
        let digest = |table: Table| {
            let leaves = self.table(table).map(|(key, value)| leaf(&key, &value.to_bytes()));
            (table.name(), merkle::root(leaves))
        };
        let staged = |table: &Table| table.is_staged(self.external.is_some());
        Table::ALL.into_iter().filter(staged).map(digest).collect()
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
            differ(self.table(table), other.table(table), |key, ours, theirs| {
                if found.len() < limit {
                    found.push(RowDifference {
                        table,
                        key: key.to_vec(),
                        ours: ours.map(Cell::to_bytes),
                        theirs: theirs.map(Cell::to_bytes),
                    });
                }
                found.len() < limit
            });
        }
        found
    }
}

pub(super) fn leaf(key: &[u8], value: &[u8]) -> Vec<u8> {
    // Keys are at most 72 bytes.
    let length = u16::try_from(key.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes(), key, value].concat()
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test")]
mod tests {
    use super::super::execute;
    use ganglion_types::{CutId, ExternalPoint, Role, proto};
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
        let (_, mut state) = state();
        let point = ExternalPoint { height: 100, block: Digest::ZERO, digest: Digest::ZERO };
        let external = External { point, permits: [Uid::new(0)].into() };
        // Without another chain's registry its table is no leaf; with one it is the last.
        for (external, last) in [(None, "revisions"), (Some(external), "external")] {
            state.external = external;
            let tables = Table::ALL.into_iter();
            let stages = tables.filter(|table| table.number() < 14 || state.external.is_some());
            let stages = stages.map(|table| {
                let rows =
                    state.rows().into_iter().filter(|((number, _), _)| *number == table.number());
                merkle::root(rows.map(|((_, key), value)| {
                    let length = u16::try_from(key.len()).unwrap().to_be_bytes();
                    [length.to_vec(), key, value].concat()
                }))
            });
            assert_eq!(state.root(), merkle::root(stages.map(|stage| stage.as_bytes().to_vec())));
            let names: Vec<&str> = state.stage_digests().iter().map(|stage| stage.0).collect();
            assert_eq!(names[..5], ["chain", "accounts", "participants", "weights", "bonds"]);
            assert_eq!(names.last(), Some(&last));
        }
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
        assert_eq!(read(&|rows| rows.clear()), Err(StateError::Missing(Table::Chain)));
        assert_eq!(refuse(99, &[], &[]), "there are rows of a table 99, which no state has");
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
        let rich = proto::AccountRow { balance: u64::MAX, nonce: 0 }.encode_to_vec();
        assert!(refuse(2, &[7; 32], &rich).contains("2^62 or more"));
        let nobody = read(&|rows| {
            let miner = |(table, key): &RowKey| *table == 3 && key[1] > 1;
            rows.retain(|key, _| key.0 < 3 || key.0 == 12 || miner(key));
        });
        assert_eq!(nobody, Err(StateError::NoCommittee));
        assert_eq!(
            read(&|rows| drop(rows.remove(&(12, vec![])))),
            Err(StateError::Missing(Table::Parameters))
        );
    }

    #[test]
    fn rows_of_stake_that_do_not_add_up_are_refused() {
        let (_, state) = state();
        let amount = |rao| proto::AmountRow { amount: rao }.encode_to_vec();
        let refuse = |table: u8, key: &[u8], value: Vec<u8>| {
            let mut rows = state.rows();
            rows.insert((table, key.to_vec()), value);
            let read = State::from_rows(state.manifest().clone(), state.head(), &rows);
            read.unwrap_err().to_string()
        };
        let at = |uid: u16, number: u16| {
            [&uid.to_be_bytes(), coldkey(number).as_bytes().as_slice()].concat()
        };
        assert!(refuse(7, &at(0, 9), amount(31)).ends_with("less stake than was delegated to it"));
        assert!(refuse(7, &at(0, 0), amount(1)).ends_with("is the owner's own stake"));
        assert!(refuse(7, &at(9, 0), amount(1)).ends_with("belongs to nobody"));
        assert!(refuse(7, &at(0, 9), amount(0)).ends_with("has a field out of range"));
        assert!(refuse(7, &[0, 0], amount(1)).ends_with("other parts than its table wants"));
        assert!(refuse(9, &at(0, 0), amount(31)).ends_with("more than there is to leave"));
        let entering = [[7; 32], *coldkey(0).as_bytes()].concat();
        assert!(refuse(8, &entering, amount(1)).ends_with("belongs to a hotkey without uid"));
        let revision = proto::RevisionRow { proposer: vec![1; 32], ..Default::default() };
        let number = refuse(13, &1_u64.to_be_bytes(), revision.encode_to_vec());
        assert!(
            number.ends_with("number 1 in table revisions has a number that was not given yet")
        );
    }
}
