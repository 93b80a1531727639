//! An epoch taken apart for comparison: what each root of its cut is made of, row by row.
//!
//! ```text
//! state root          = Merkle root over the digests of the state's tables, by number
//! result root         = digest of stage `result`        rows: header (empty key), then one per uid
//! next committee root = digest of stage `committee`     rows: hotkey -> stake u64 BE
//! ```
//! A stage's digest follows from its rows and a root from the digests, so that what a peer says about
//! its stages is shown right or wrong by the roots of the cut. See `docs/spec/ledger.md`, "Stages".

use std::fmt;

use ganglion_types::{Cut, Digest, ids, merkle, sign};

use super::execute::Roots;
use super::result::EpochResult;
use super::rows::{Table, leaf};
use super::state::State;

/// Number of the stage of result rows; state tables have their own numbers, all below it.
pub const RESULT: u32 = 256;
/// Number of the stage of the next committee.
pub const COMMITTEE: u32 = 257;

/// A row of a stage: key and value.
pub type StageRow = (Vec<u8>, Vec<u8>);

/// One stage: a table of the state, the result, or the committee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Number of the state table, [`RESULT`] or [`COMMITTEE`].
    pub number: u32,
    /// Rows, strictly rising by key.
    pub rows: Vec<StageRow>,
}

/// What a stage is compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageDigest {
    /// As in [`Stage`].
    pub number: u32,
    /// Digest of all rows.
    pub digest: Digest,
    /// How many rows there are.
    pub rows: u64,
}

/// The first row in which two epochs differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageDifference {
    /// The stage.
    pub number: u32,
    /// The key.
    pub key: Vec<u8>,
    /// The value here, `None` without such a row.
    pub ours: Option<Vec<u8>>,
    /// The value there.
    pub theirs: Option<Vec<u8>>,
}

/// The name of a stage.
#[must_use]
pub fn stage_name(number: u32) -> &'static str {
    let table = u8::try_from(number).ok().and_then(Table::from_number);
    match number {
        RESULT => "result",
        COMMITTEE => "committee",
        _ => table.map_or("unknown", Table::name),
    }
}

/// The stage of a name.
#[must_use]
pub fn stage_number(name: &str) -> Option<u32> {
    let tables = Table::ALL.into_iter().map(|table| u32::from(table.number()));
    tables.chain([RESULT, COMMITTEE]).find(|number| stage_name(*number) == name)
}

/// A key as people read it.
#[must_use]
pub fn show_key(number: u32, key: &[u8]) -> String {
    let table = u8::try_from(number).ok().and_then(Table::from_number);
    match (number, table, key) {
        (_, Some(table), key) => table.show_key(key),
        (RESULT, _, []) => "the header".into(),
        (RESULT, _, [high, low]) => format!("uid {}", u16::from_be_bytes([*high, *low])),
        (COMMITTEE, _, key) => ganglion_types::Hotkey::from_slice(key)
            .map_or_else(|| ids::hex(key), |hotkey| hotkey.to_string()),
        (_, _, key) => ids::hex(key),
    }
}

impl fmt::Display for StageDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |value: &Option<Vec<u8>>| match value {
            Some(bytes) => format!("0x{}", ids::hex(bytes)),
            None => "no such row".into(),
        };
        let (name, key) = (stage_name(self.number), show_key(self.number, &self.key));
        write!(f, "{name}, {key}: {} here, {} there", show(&self.ours), show(&self.theirs))
    }
}

impl Stage {
    /// What the stage is compared by.
    #[must_use]
    pub fn digest(&self) -> StageDigest {
        let digest = match self.number {
            RESULT => merkle::root(self.rows.iter().map(|(_, value)| value)),
            COMMITTEE => {
                let members = self.rows.iter();
                let members: Vec<Vec<u8>> =
                    members.map(|(key, value)| [key.as_slice(), value].concat()).collect();
                let parts: Vec<&[u8]> = members.iter().map(Vec::as_slice).collect();
                sign::tagged_hash("ganglion/committee", &parts)
            }
            _ => merkle::root(self.rows.iter().map(|(key, value)| leaf(key, value))),
        };
        let rows = u64::try_from(self.rows.len()).unwrap_or(u64::MAX);
        StageDigest { number: self.number, digest, rows }
    }

    /// The first row, by key, in which this stage differs from `theirs`.
    #[must_use]
    pub fn first_difference(&self, theirs: &Self) -> Option<StageDifference> {
        let (mut ours, mut others) = (self.rows.iter().peekable(), theirs.rows.iter().peekable());
        let differ = |key: &[u8], ours: Option<&Vec<u8>>, theirs: Option<&Vec<u8>>| {
            let (ours, theirs) = (ours.cloned(), theirs.cloned());
            Some(StageDifference { number: self.number, key: key.to_vec(), ours, theirs })
        };
        loop {
            match (ours.peek(), others.peek()) {
                (None, None) => return None,
                (Some((key, our)), Some((other, their))) if key == other => {
                    if our != their {
                        return differ(key, Some(our), Some(their));
                    }
                    ours.next();
                    others.next();
                }
                (Some((key, our)), other) if other.is_none_or(|(other, _)| key < other) => {
                    return differ(key, Some(our), None);
                }
                (_, Some((key, their))) => return differ(key, None, Some(their)),
                (Some((key, our)), None) => return differ(key, Some(our), None),
            }
        }
    }
}

/// All stages of an epoch, rising by number. `state` and `result` are those after it.
#[must_use]
pub fn stages(state: &State, result: &EpochResult) -> Vec<Stage> {
    let mut rows = state.rows();
    let mut stages: Vec<Stage> = Vec::new();
    let staged = |table: &Table| table.is_staged(state.external().is_some());
    for table in Table::ALL.into_iter().filter(staged) {
        // What is left begins with the rows of this table, because numbers rise.
        let after = (table.number().saturating_add(1), Vec::new());
        let rest = rows.split_off(&after);
        let own = std::mem::replace(&mut rows, rest);
        let own = own.into_iter().map(|((_, key), value)| (key, value)).collect();
        stages.push(Stage { number: table.number().into(), rows: own });
    }
    let header = (Vec::new(), result.header.to_bytes());
    let results =
        result.rows.iter().map(|row| (row.uid.get().to_be_bytes().to_vec(), row.to_bytes()));
    stages.push(Stage { number: RESULT, rows: std::iter::once(header).chain(results).collect() });
    let mut members: Vec<StageRow> = state
        .committee()
        .into_iter()
        .map(|one| (one.hotkey.as_bytes().to_vec(), one.stake.get().to_be_bytes().to_vec()))
        .collect();
    members.sort_unstable();
    stages.push(Stage { number: COMMITTEE, rows: members });
    stages
}

/// The digests of all stages.
#[must_use]
pub fn digests(stages: &[Stage]) -> Vec<StageDigest> {
    stages.iter().map(Stage::digest).collect()
}

/// The roots that digests lead to; `None` unless they rise by number and end with result and committee.
#[must_use]
pub fn roots_of(digests: &[StageDigest]) -> Option<Roots> {
    let (tables, [result, committee]) = digests.split_last_chunk()?;
    let rising = digests.is_sorted_by(|a, b| a.number < b.number);
    if !rising || result.number != RESULT || committee.number != COMMITTEE {
        return None;
    }
    Some(Roots {
        result_root: result.digest,
        state_root: merkle::root(tables.iter().map(|stage| stage.digest.as_bytes())),
        next_committee_root: committee.digest,
    })
}

/// The roots of a cut.
#[must_use]
pub const fn roots_in(cut: &Cut) -> Roots {
    Roots {
        result_root: cut.result_root,
        state_root: cut.state_root,
        next_committee_root: cut.next_committee_root,
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test")]
mod tests {
    use ganglion_types::CutId;

    use super::super::execute::execute;
    use super::super::fixture::Subnet;
    use super::*;

    fn executed() -> (State, EpochResult, Roots) {
        let subnet = Subnet::new(&[30, 20], 2);
        let state = State::genesis(subnet.manifest.clone()).unwrap();
        let items = [0, 1].map(|n| subnet.weights(n, 1, 1, &[(2, 65_535), (3, 9)]));
        let executed = execute(&state, state.chain().time.saturating_add(1), &items).unwrap();
        let (result, roots) = (executed.result.clone(), executed.roots);
        (executed.into_state(CutId::new([1; 32])), result, roots)
    }

    #[test]
    fn stages_lead_to_the_roots_of_the_cut() {
        let (state, result, roots) = executed();
        let stages = stages(&state, &result);
        assert_eq!(roots_of(&digests(&stages)), Some(roots));
        for stage in &stages {
            assert_eq!(stage_number(stage_name(stage.number)), Some(stage.number));
            assert!(stage.rows.is_sorted_by(|a, b| a.0 < b.0), "{}", stage_name(stage.number));
        }
        let mut reversed = digests(&stages);
        reversed.reverse();
        assert_eq!(roots_of(&reversed), None);
        assert_eq!(roots_of(&[]), None);
    }

    #[test]
    fn the_first_row_that_differs_is_named_from_both_sides() {
        let row = |key: u8, value: u8| (vec![0, key], vec![value]);
        let stage = |rows: &[StageRow]| Stage { number: 5, rows: rows.to_vec() };
        let ours = stage(&[row(1, 1), row(2, 2), row(4, 4)]);
        let said = |theirs: &[StageRow]| {
            ours.first_difference(&stage(theirs)).map(|found| found.to_string())
        };
        assert_eq!(said(&ours.rows), None);
        let cases = [
            (vec![row(1, 1), row(2, 3), row(4, 4)], "bonds, uid 2: 0x02 here, 0x03 there"),
            (vec![row(1, 1), row(4, 4)], "bonds, uid 2: 0x02 here, no such row there"),
            (vec![row(1, 1), row(2, 2)], "bonds, uid 4: 0x04 here, no such row there"),
            (vec![row(0, 9), row(1, 1)], "bonds, uid 0: no such row here, 0x09 there"),
            (vec![], "bonds, uid 1: 0x01 here, no such row there"),
        ];
        for (theirs, expected) in cases {
            assert_eq!(said(&theirs).as_deref(), Some(expected));
        }
        let longer = stage(&[row(1, 1), row(2, 2), row(4, 4), row(9, 9)]);
        let found = ours.first_difference(&longer).unwrap();
        assert_eq!((found.key, found.ours), (vec![0, 9], None));
    }
}
