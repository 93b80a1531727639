//! The result of an epoch as the tables keep it.
//!
//! ```text
//! (epoch, uid)      result row of that uid
//! (epoch, u16::MAX) header of the result
//! (epoch, u16::MAX - 1)  per state table: number u8 | digest 32
//! ```
//! No participant can have either of the last two numbers. The digests are what the state root of the
//! cut was made of, so that an epoch executed again is compared table by table long after its rows went.

use ganglion_consensus::ledger::{State, Table};
use ganglion_storage::{Reader, StoreError};
use ganglion_subnet::Commit;
use ganglion_types::{Digest, Epoch};

const HEADER: u16 = u16::MAX;
const STAGES: u16 = u16::MAX - 1;
const STAGE_BYTES: usize = 33;

/// A stored result, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredResult {
    /// The encoded header; `None` if the rows were pruned.
    pub header: Option<Vec<u8>>,
    /// Encoded result rows, rising by uid.
    pub rows: Vec<(u16, Vec<u8>)>,
    /// Number and digest of each state table after the epoch, rising by number. Empty for an epoch
    /// that a snapshot or an earlier version brought.
    pub tables: Vec<(u8, Digest)>,
}

impl StoredResult {
    /// The result of an epoch; empty if it is not applied here or was pruned.
    ///
    /// # Errors
    /// The store failed.
    pub fn read(reader: &Reader, epoch: Epoch) -> Result<Self, StoreError> {
        let mut rows = reader.results(epoch.get())?.unwrap_or_default();
        let header = rows.pop_if(|(uid, _)| *uid == HEADER).map(|(_, header)| header);
        let tables = rows.pop_if(|(uid, _)| *uid == STAGES).map(|(_, tables)| tables);
        let tables = tables.as_deref().map(decode_tables).unwrap_or_default();
        Ok(Self { header, rows, tables })
    }
}

/// The rows under which a decided epoch's result is stored.
pub(crate) fn result_rows(commit: &Commit) -> Vec<(u16, Vec<u8>)> {
    let rows = commit.result.rows.iter().map(|row| (row.uid.get(), row.to_bytes()));
    let tables = (STAGES, encode_tables(&commit.state));
    let header = (HEADER, commit.result.header.to_bytes());
    rows.chain([tables, header]).collect()
}

fn encode_tables(state: &State) -> Vec<u8> {
    let digests = state.stage_digests();
    let numbered = Table::ALL.iter().zip(&digests);
    numbered
        .flat_map(|(table, (_, digest))| {
            [table.number()].into_iter().chain(digest.as_bytes().iter().copied())
        })
        .collect()
}

fn decode_tables(bytes: &[u8]) -> Vec<(u8, Digest)> {
    let (stages, []) = bytes.as_chunks::<STAGE_BYTES>() else { return Vec::new() };
    stages.iter().map(|[number, digest @ ..]| (*number, Digest::new(*digest))).collect()
}
