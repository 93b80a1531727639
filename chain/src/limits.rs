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
