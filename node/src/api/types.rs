//! Messages of the HTTP interface, version 1.
//!
//! Amounts are rao: a number up to 2^53, a string above it, so that no JSON reader rounds. Hashes are
//! lower-case hexadecimal, keys SS58, times unix milliseconds, fractions `0..=65535` as in Yuma.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use super::accounts::{Account, Delegation, Unbonding, Waiting};
pub use super::amount::Amount;
pub use super::anchors::{AnchorEntry, AnchorFound, WitnessSeen};
pub use super::registry::{RegistryPoint, RegistryView};
pub use super::revisions::{Approver, ChangeRow, InForce, ParameterRow, RevisionRow, Revisions};
pub use super::stages::{
    ReplayReport, RootReport, RowReport, StageDigest, StageReport, StageRow, StageRows, Stages,
};

/// How far catching up is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SyncStatus {
    /// Epochs verified and executed since it began.
    pub verified: u64,
    /// Epochs still to be fetched, as far as peers claim.
    pub left: u64,
    /// Epochs verified per second; none before the first answer.
    pub epochs_per_second: Option<f64>,
    /// Seconds until it is done at this rate.
    pub eta_s: Option<u64>,
}

/// `GET /v1/status`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Program version.
    pub version: String,
    /// Subnet id, hex.
    pub subnet: String,
    /// Name in the manifest.
    pub name: String,
    /// Own hotkey, SS58.
    pub hotkey: String,
    /// Own libp2p peer id.
    pub peer_id: String,
    /// `validator`, `miner` or `observer` (no uid).
    pub role: String,
    /// Own uid.
    pub uid: Option<u16>,
    /// Addresses that this node listens on, and those at relays, with `/p2p/`.
    pub listen: Vec<String>,
    /// Whether others can connect to this node: `unknown`, `public` or `behind_nat`.
    #[serde(default)]
    pub reach: String,
    /// Last certified epoch; 0 is genesis.
    pub epoch: u64,
    /// Its cut id.
    pub cut: String,
    /// The epoch being closed.
    pub closing: u64,
    /// `waiting`, `window`, `lists`, `agreement` or `catching_up`.
    pub phase: String,
    /// Milliseconds until the window closes; 0 once it has.
    pub deadline_in_ms: u64,
    /// Epoch length in milliseconds.
    pub epoch_ms: u64,
    /// Genesis time.
    pub genesis_time: u64,
    /// Round of agreement at this height, once it began.
    pub round: Option<u32>,
    /// Whether this node signs votes, lists and weights.
    pub signing: bool,
    /// Why, or why not.
    pub signing_reason: String,
    /// Connected peers.
    pub peers: usize,
    /// Epochs that this node missed while it ran.
    pub missed: u64,
    /// Best epoch a peer has shown, when it is past ours.
    pub behind: Option<u64>,
    /// How far catching up is, while it lasts.
    #[serde(default)]
    pub sync: Option<SyncStatus>,
    /// How far joining by a snapshot is, while it lasts.
    #[serde(default)]
    pub joining: Option<JoinStatus>,
    /// Stake whose lists came in the last epoch.
    pub stake_seen_rao: Amount,
    /// All stake of the committee.
    pub stake_total_rao: Amount,
    /// Stake that can halt the subnet by being away.
    pub stake_to_halt_rao: Amount,
    /// Stake needed to certify.
    pub stake_to_certify_rao: Amount,
    /// Budget of an epoch.
    pub budget_rao: Amount,
    /// Difficulty of a registration in the next epoch, in expected hashes.
    pub difficulty: u64,
    /// Task type.
    pub task: String,
    /// State of the worker: `none`, `starting`, `ready` or `failing`.
    pub worker: String,
    /// Why the node stopped, if it did.
    pub halted: Option<String>,
    /// Epochs with two certified cuts: the node is frozen.
    #[serde(default)]
    pub forks: Vec<ForkSeen>,
}

/// How far joining by a snapshot is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JoinStatus {
    /// The last epoch whose certified cut has held.
    pub cut: u64,
    /// The epoch of the snapshot.
    pub epoch: u64,
    /// Chunks that are here.
    pub chunks: usize,
    /// All of them; 0 until the cuts have led to the snapshot's.
    pub chunks_all: usize,
    /// Bytes that are here.
    pub bytes: u64,
    /// All of them.
    pub bytes_all: u64,
    /// How many come per second; none before the first.
    pub bytes_per_second: Option<u64>,
    /// Seconds left at this rate.
    pub eta_s: Option<u64>,
}

/// Two certified cuts of one epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ForkSeen {
    /// The epoch.
    pub epoch: u64,
    /// The ids of both cuts; empty if the kept proof is damaged.
    pub cuts: Vec<String>,
    /// The encoded `Fork`, hex: both cuts with their certificates.
    pub proof: String,
}

/// `GET /readyz`: 200 if `ready`, else 503.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Ready {
    /// Whether the node does its part.
    pub ready: bool,
    /// Why not, each with its cure.
    pub reasons: Vec<String>,
    /// What an operator should know all the same, such as a single key that can halt the subnet.
    pub warnings: Vec<String>,
}

impl Status {
    /// Whether others can neither connect to this node nor reach it through a relay.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.reach == "behind_nat" && !self.listen.iter().any(|one| one.contains("/p2p-circuit"))
    }
}

/// One of `GET /v1/peers`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Peer {
    /// Hotkey, SS58.
    pub hotkey: String,
    /// libp2p peer id.
    pub peer_id: String,
    /// Uid, if registered.
    pub uid: Option<u16>,
    /// `validator`, `miner` or `observer`.
    pub role: String,
    /// Known addresses.
    pub addresses: Vec<String>,
    /// Whether connected now.
    pub connected: bool,
    /// Whether only through relays.
    #[serde(default)]
    pub relayed: bool,
    /// Gossip score, 0 is neutral.
    pub score: f64,
    /// Round-trip time in milliseconds.
    pub rtt_ms: Option<f64>,
    /// Program and version it gives.
    pub agent: Option<String>,
    /// Whether it says that it keeps the items of every epoch.
    #[serde(default)]
    pub archive: bool,
}

/// `GET /v1/metagraph`: the subnet after the last certified epoch.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Metagraph {
    /// The epoch.
    pub epoch: u64,
    /// Its cut id.
    pub cut: String,
    /// Rows by uid.
    pub rows: Vec<MetagraphRow>,
}

/// One participant. Yuma's figures are of the last epoch, 0 for one that joined in it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MetagraphRow {
    /// Uid.
    pub uid: u16,
    /// Hotkey, SS58.
    pub hotkey: String,
    /// Coldkey, SS58.
    pub coldkey: String,
    /// `validator` or `miner`.
    pub role: String,
    /// All stake behind it.
    pub stake_rao: Amount,
    /// The part of it that others delegated.
    pub delegated_rao: Amount,
    /// What its owner keeps of what delegated stake earns, /65535.
    pub take: u16,
    /// Right to set weights.
    pub permit: bool,
    /// Whether it set weights within the activity cutoff.
    pub active: bool,
    /// Stake-weighted median weight.
    pub consensus: u16,
    /// Share of the miners' part.
    pub incentive: u16,
    /// Share of the validators' part.
    pub dividends: u16,
    /// Share of a validator's weight that was kept.
    pub validator_trust: u16,
    /// Paid in the last epoch, delegators included.
    pub paid_rao: Amount,
    /// The part of it that went to delegators.
    pub paid_delegators_rao: Amount,
    /// Place by incentive among miners, from 1; none for a validator.
    pub rank: Option<u16>,
    /// Epoch of its last weights.
    pub last_update: u64,
    /// Epoch in which it got this uid; 0 is genesis.
    pub registered_at: u64,
    /// First epoch in which a newcomer may take its uid although others are left to be replaced.
    pub immune_until: u64,
    /// Nonce of the hotkey's next operation.
    pub nonce: u64,
}

impl MetagraphRow {
    /// What its owner has at stake on it.
    #[must_use]
    pub const fn own_stake(&self) -> Amount {
        Amount(self.stake_rao.0.saturating_sub(self.delegated_rao.0))
    }
}

/// One of `GET /v1/epochs?from=&limit=`, and `GET /v1/epochs/N` without the lists.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EpochSummary {
    /// The epoch.
    pub epoch: u64,
    /// Cut id.
    pub cut: String,
    /// Id of the cut before.
    pub prev: String,
    /// Merkle root of the result.
    pub result_root: String,
    /// Merkle root of the state after it.
    pub state_root: String,
    /// Median time of the cited lists.
    pub time: u64,
    /// Round in which it was decided.
    pub round: u32,
    /// Signers of the certificate held here.
    pub signers: usize,
    /// Stake of those signers when it was decided.
    pub signed_rao: Amount,
    /// Lists cited.
    pub lists: usize,
    /// Items that count.
    pub items: usize,
    /// Paid out.
    pub emitted_rao: Amount,
    /// Taken from stakes for offences.
    #[serde(default)]
    pub slashed_rao: Amount,
    /// Milliseconds from this node's deadline to its decision; none if fetched or before a restart.
    pub latency_ms: Option<u64>,
    /// Whether this node lacked the certificate two epoch lengths after the deadline.
    pub missed: bool,
}

/// `GET /v1/epochs/N`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EpochDetail {
    /// Head.
    #[serde(flatten)]
    pub summary: EpochSummary,
    /// Hotkeys that signed, SS58.
    pub signed_by: Vec<String>,
    /// Result by uid.
    pub rows: Vec<ResultRow>,
    /// Whether the items of this epoch are kept here: what follows is made of them, and empty without.
    #[serde(default = "yes")]
    pub items_kept: bool,
    /// Items by kind.
    pub item_kinds: std::collections::BTreeMap<String, usize>,
    /// Weights that counted.
    pub weights: Vec<WeightsRow>,
    /// Operations and what became of them.
    pub operations: Vec<OperationOutcome>,
    /// Offences that its cut proves.
    #[serde(default)]
    pub evidence: Vec<Offence>,
}

/// Two statements of one signer where it may make one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Offence {
    /// Who made them, SS58.
    pub offender: String,
    /// What was said twice: `vote`, `proposal`, `weights` or `weight_commit`.
    pub kind: String,
    /// In which epoch.
    pub epoch: u64,
}

const fn yes() -> bool {
    true
}

/// One row of an epoch's result.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[allow(missing_docs, reason = "as in MetagraphRow")]
pub struct ResultRow {
    pub uid: u16,
    pub hotkey: String,
    pub coldkey: String,
    pub paid_rao: Amount,
    pub consensus: u16,
    pub incentive: u16,
    pub dividends: u16,
    pub validator_trust: u16,
    pub stake_weight: u16,
    pub validator_permit: bool,
    pub active: bool,
}

/// A row of weights.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct WeightsRow {
    /// Uid of the validator.
    pub uid: u16,
    /// Its hotkey.
    pub hotkey: String,
    /// `(uid, weight)`.
    pub weights: Vec<(u16, u16)>,
}

/// An operation of a cut.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct OperationOutcome {
    /// Item id.
    pub id: String,
    /// Its name, such as `register` or `stake`.
    pub operation: String,
    /// Who signed it, SS58.
    pub signer: String,
    /// `done` or why not; `unknown` before this node ran.
    pub outcome: String,
}

/// `GET /v1/registration`: what a registration has to be bound to.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Registration {
    /// Subnet id.
    pub subnet: String,
    /// The newest cut.
    pub prev: String,
    /// Its epoch.
    pub epoch: u64,
    /// Work bound to the newest cut holds for cuts up to this epoch.
    pub holds_until: u64,
    /// Expected hashes.
    pub difficulty: u64,
    /// What a registration by burn costs now.
    pub burn_price_rao: Amount,
    /// Free uids.
    pub free: u16,
    /// Who would be replaced by the next registration, if no uid is free and anybody may be.
    pub replaces: Option<Replaced>,
    /// Whether registrations are taken at all.
    pub allowed: bool,
    /// How many an epoch takes, by work and by burn together.
    pub per_epoch: u16,
    /// Longest epoch length until the registration can be live, milliseconds.
    pub epoch_ms: u64,
}

/// The participant that the next registration would replace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Replaced {
    /// Uid.
    pub uid: u16,
    /// Hotkey, SS58.
    pub hotkey: String,
    /// Whether its immunity has not ended: too few others are left.
    pub immune: bool,
}

/// `POST /v1/ops` and `POST /v1/ops/check`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SubmitOp {
    /// Wire bytes of the signed item, hex. To be checked only, its signature may be 64 zero bytes.
    pub item: String,
}

/// Answer to `POST /v1/ops/check`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OpCheck {
    /// The epoch being closed, whose cut it is checked for.
    pub epoch: u64,
    /// Whether that cut may hold it.
    pub admissible: bool,
    /// Whether it would take effect there, if nothing else changed the state before.
    pub succeeds: bool,
    /// Name of the rule that says no.
    pub rule: Option<String>,
    /// That rule, in words.
    pub message: Option<String>,
    /// What to do about it.
    #[serde(default)]
    pub cure: Option<String>,
    /// First epoch whose cut it would pass in if nothing else changed, where that can be told.
    pub passes_from_epoch: Option<u64>,
}

/// Answer to `POST /v1/ops`: taken and gossiped, not yet decided.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SubmittedOp {
    /// Item id.
    pub id: String,
    /// The epoch whose cut it can be in at the earliest.
    pub epoch: u64,
}

/// `GET /v1/ops/ID`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct OpStatus {
    /// Item id.
    pub id: String,
    /// `pending`, `decided` or `unknown`.
    pub state: String,
    /// Epoch of the cut that holds it.
    pub epoch: Option<u64>,
    /// What became of it.
    pub outcome: Option<String>,
}

/// `POST /v1/tasks`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TaskCall {
    /// Any JSON value that the task type takes.
    pub input: serde_json::Value,
    /// How many of the best miners to ask, 1 to 16; 1 by default.
    #[serde(default)]
    pub miners: Option<u16>,
    /// Milliseconds to wait, 100 to 60000; 5000 by default.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
}

/// Answer to `POST /v1/tasks`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TaskAnswers {
    /// Answers, best miner first.
    pub answers: Vec<TaskAnswer>,
    /// Miners that did not answer, and why.
    pub failures: Vec<TaskFailure>,
}

/// One miner's answer.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TaskAnswer {
    /// The answer.
    pub output: serde_json::Value,
    /// The miner's uid.
    pub uid: u16,
    /// Its hotkey.
    pub hotkey: String,
    /// Its signed receipt, wire bytes in hex: binds the request to the answer.
    pub receipt: String,
    /// The ed25519 signature in the receipt, hex.
    pub signature: String,
    /// Milliseconds from request to answer.
    pub latency_ms: f64,
}

/// One miner that did not answer.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TaskFailure {
    /// The miner's uid.
    pub uid: u16,
    /// Its hotkey.
    pub hotkey: String,
    /// Why.
    pub reason: String,
}

/// `GET /v1/scores`: what this validator thinks of the miners.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Score {
    /// Hotkey, SS58.
    pub hotkey: String,
    /// Tasks scored since the node started.
    pub tasks: u64,
    /// Mean score of the last round, 0 to 1.
    pub last: f64,
    /// Moving average, 0 to 1.
    pub average: f64,
}

/// Any refusal: the HTTP status says which kind, this says what to do.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// Stable, for programs: `not_found`, `bad_request`, `unavailable`, `timeout`, …
    pub code: String,
    /// For people.
    pub message: String,
    /// The rule of the ledger that says no, where it is one; as in [`OpCheck`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What to do. Nodes before it was added say nothing.
    #[serde(default)]
    pub cure: Option<String>,
}
