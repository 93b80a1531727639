//! Bounds on what crosses the wire, in one place. The sums behind them are in `docs/spec/limits.md`.

/// Bytes of one signed item on the wire: the largest is an output batch of inline payloads.
pub const ITEM_BYTES: usize = 128 * 1024;
/// Bytes of one agreement message: a proposal with the largest cut.
pub const AGREEMENT_BYTES: usize = 256 * 1024;
/// Bytes of one request or response.
pub const RPC_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of a payload that may travel in line, else it is a blob. Senders go lower where many
/// payloads share an item.
pub const INLINE_BYTES: usize = 16 * 1024;
/// Bytes of one blob.
pub const BLOB_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of one blob part.
pub const BLOB_PART_BYTES: usize = 256 * 1024;

/// Participants of one subnet, Bittensor's own bound.
pub const UIDS: usize = 4096;
/// Committee members, the largest `max_validators`.
pub const COMMITTEE: usize = 256;
/// Tasks in one batch.
pub const BATCH_TASKS: usize = 1024;
/// Batches answered in one output batch: one per validator.
pub const ROUND_BATCHES: usize = COMMITTEE;
/// Operations one list may name.
pub const LIST_OPERATIONS: usize = 256;
/// Observations of another chain's registry that one list may name: of half of any committee, more than the third it takes.
pub const LIST_OBSERVATIONS: usize = LIST_OPERATIONS / 2;
/// Snapshots of another chain's registry that one list may name: no more can be observed by 1/3 each.
pub const LIST_SNAPSHOTS: usize = 2;
/// Members of another chain's registry: a snapshot stays within [`ITEM_BYTES`], and four times what subtensor allows.
pub const EXTERNAL_MEMBERS: usize = 1024;
/// Parameters that one revision may change.
pub const REVISION_CHANGES: usize = 32;
/// Evidence one list may name.
pub const LIST_EVIDENCE: usize = 64;
/// Open commits of one uid and mechanism: one per epoch, from the epoch before to the largest
/// `reveal_grace` before that.
pub const OPEN_COMMITS: usize = 4;
/// Reveals one list may name: one per open commit.
pub const LIST_REVEALS: usize = OPEN_COMMITS * COMMITTEE;
/// Ids in one list body: weights or a commit per committee member, reveals, operations, evidence.
pub const LIST_IDS: usize = COMMITTEE + LIST_REVEALS + LIST_OPERATIONS + LIST_EVIDENCE;
/// A cut may hold this many times what one list may, of each kind.
pub const CUT_FACTOR: usize = 4;
/// Ids in one cut.
pub const CUT_ITEMS: usize = LIST_IDS * CUT_FACTOR;
/// Bytes of the items of one cut: with the cut, its certificate and what joins them, an epoch stays
/// within [`RPC_BYTES`].
pub const CUT_BYTES: usize = 15 * 512 * 1024;

/// Item ids in one request.
pub const REQUEST_IDS: usize = 256;
/// Bytes of items in one response, one item more not counted.
pub const RESPONSE_ITEMS_BYTES: usize = 4 * 1024 * 1024;
/// List bodies in one request.
pub const REQUEST_BODIES: usize = 64;
/// Epochs in one response.
pub const RESPONSE_EPOCHS: usize = 64;
/// Peer records in one response.
pub const RESPONSE_PEERS: usize = 64;
/// Stages of one epoch.
pub const STAGES: usize = 32;
/// Rows of a stage in one response.
pub const RESPONSE_ROWS: usize = 1_000;
/// Bytes of their keys and values, one row more not counted.
pub const RESPONSE_ROWS_BYTES: usize = 1024 * 1024;
/// Entries of a witness's log in one response.
pub const RESPONSE_ENTRIES: usize = 256;
/// Forks in one response.
pub const RESPONSE_FORKS: usize = 4;
/// Messages in one push.
pub const PUSH_MESSAGES: usize = 64;
/// Sections that two nodes compare: pool, round, agreement.
pub const SECTIONS: usize = 3;
/// Ids of one section in one answer about differences: 34 KiB.
pub const SECTION_IDS: usize = 1_024;
/// Bytes of items and messages in one trade, each way: eight of the largest items.
pub const TRADE_BYTES: usize = 1024 * 1024;

/// Bytes of one chunk of a snapshot.
pub const SNAPSHOT_CHUNK_BYTES: usize = 1024 * 1024;
/// Chunks of one snapshot: 256 MiB of state rows.
pub const SNAPSHOT_CHUNKS: usize = 256;
/// Snapshots in one response, the newest.
pub const RESPONSE_SNAPSHOTS: usize = 4;
/// Certified cuts without items in one response.
pub const RESPONSE_CUTS: usize = 256;

/// Addresses of one peer.
pub const PEER_ADDRESSES: usize = 8;
/// Bytes of one address.
pub const ADDRESS_BYTES: usize = 256;
/// Seconds a peer record may lie in the future.
pub const PEER_TTL_SECONDS: u64 = 2 * 60 * 60;
