//! Every bound of this crate, listed with its reason in `docs/spec/limits.md`.

/// Epochs that one anchor may speak about. Half a day at 10 s; their ids have 128 KiB, so any node can rebuild the
/// range root from its store, and a path has 12 nodes.
pub const RANGE_EPOCHS: u64 = 4_096;

/// Bytes of one signed transaction: an EVM call with the payload has some 400, a Substrate extrinsic with a batch some 500.
pub const TRANSACTION_BYTES: usize = 4_096;

/// Bytes by which a chain knows a publisher: an EVM address has 20, an account id or hotkey 32.
pub const PUBLISHER_BYTES: usize = 32;

/// Anchors that one search returns. The oldest are not told.
pub const FOUND: usize = 1_000;

/// Bytes of what a chain or an RPC server said, as far as an error keeps it.
pub const REASON_BYTES: usize = 300;

/// Anchors under way at once: on the chain and not final yet, by us or others. At one an epoch of 10 s a chain that takes ten minutes.
pub const FLIGHTS: usize = 64;

/// Transactions made for one anchor: each bids at least an eighth more, so sixteen bid six times the first.
pub const ATTEMPTS: usize = 16;

/// Anchors that the outbox still tells of once they are final; the oldest go. Chains keep all.
pub const HISTORY: usize = 1_024;

/// Bytes after which the outbox writes its file anew, with what still matters: [`HISTORY`] settled anchors have 330 KiB.
pub const OUTBOX_BYTES: u64 = 1 << 20;

/// Largest outbox file that is read: all of [`FLIGHTS`] with [`ATTEMPTS`] of the largest size, and room.
pub const OUTBOX_BYTES_MAX: u64 = 8 << 20;

/// Anchors with other cuts that are remembered, so that each is told once; the oldest go and are told again.
pub const STRANGERS: usize = 64;

/// Anchors that are done with, whose cost was not asked for yet; the oldest stay uncounted. As many as [`FLIGHTS`] can be final at once.
pub const OWED: usize = 2 * FLIGHTS;

/// Transactions in a row that the chain included without effect or dropped, after which it is asked no more.
pub const DEATHS: u32 = 5;

/// Bytes of an answer by a chain's node that holds no logs: a block of 20,000 transactions by their hashes has 1.4 MiB, all else less.
pub const RPC_BYTES: u64 = 2 << 20;

/// Bytes of an answer with the logs of [`LOG_BLOCKS`]: 17,000 anchors.
pub const RPC_LOG_BYTES: u64 = 16 << 20;

/// Blocks whose logs are asked for at once; public nodes refuse more.
pub const LOG_BLOCKS: u64 = 5_000;

/// Times that [`LOG_BLOCKS`] are read for one search: ten million blocks, and a node's word about its height can not make it longer.
pub const LOG_WINDOWS: u32 = 2_000;

/// Entries of another witness's log that are kept, the newest; a copy is shortened at twice as many, of 2.6 MiB. At one entry for each
/// epoch of 10 s eleven hours, and far more with `anchor_every`.
pub const COPY_ENTRIES: usize = 4_096;

/// Entries of a witness's log that are told at once: 82 KiB.
pub const ENTRIES: usize = ganglion_types::limits::RESPONSE_ENTRIES;

/// Blocks of a Substrate chain below its final one that are read for anchors: a day at 12 s.
pub const LOOKBACK_BLOCKS: u64 = 7_200;
