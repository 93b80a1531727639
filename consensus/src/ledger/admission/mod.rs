//! Which items a cut may hold: a pure function of the item and of the state after the previous cut
//! (`docs/spec/operations.md`). When an item arrived, and from whom, plays no part.

use ganglion_types::{
    Body, Change, Coldkey, CutId, Digest, Epoch, Hotkey, Item, Kind, Rao, Role, SubnetId, Uid, seed,
};

use super::receipt::again;
use super::state::{State, TAKE_MAX};

mod evidence;
mod operations;
mod reveals;
mod weights;

use evidence::admit_evidence;
pub(super) use evidence::{LostEpoch, lost_epoch};
pub(super) use operations::Registration;
pub(super) use operations::admit_operation;
use reveals::admit_reveal;
use weights::{admit_commit, admit_weights};

/// Nonces of one account that may wait at the same time.
pub const NONCE_WINDOW: u64 = 16;
/// Epochs that an operation may be valid for, counted from the epoch being closed.
pub const VALID_AHEAD_MAX: u64 = 1_000;

/// Why no cut may hold an item now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Inadmissible {
    /// Signed for another subnet.
    #[error("it was signed for subnet {subnet}, not for this one")]
    Subnet {
        /// The subnet it names.
        subnet: SubnetId,
    },
    /// A kind that cuts do not hold.
    #[error("items of kind {} never stand in a cut", kind.name())]
    Kind {
        /// Its kind.
        kind: Kind,
    },
    /// Weights of another epoch.
    #[error("the weights are for epoch {epoch}, but the next cut closes epoch {expected}")]
    Epoch {
        /// The epoch it names.
        epoch: Epoch,
        /// The epoch that the next cut closes.
        expected: Epoch,
    },
    /// A mechanism that the subnet does not have.
    #[error("the subnet has one mechanism, 0, but the weights are for mechanism {mechid}")]
    Mechanism {
        /// The mechanism it names.
        mechid: u16,
    },
    /// Weights of a hotkey without uid.
    #[error("{hotkey} holds no uid: register it, it counts from the epoch after")]
    NotRegistered {
        /// The signer.
        hotkey: Hotkey,
    },
    /// Weights of a miner.
    #[error("uid {uid} is a miner: only validators set weights")]
    NotValidator {
        /// The signer's uid.
        uid: Uid,
    },
    /// Weights of a validator without permit.
    #[error(
        "uid {uid} has no validator permit: the {seats} largest stakes get one at the end of each \
         epoch"
    )]
    NoPermit {
        /// The signer's uid.
        uid: Uid,
        /// Permits there are.
        seats: u16,
    },
    /// Weights of a validator with too little stake.
    #[error("uid {uid} has {stake} at stake, below the subnet's stake_threshold of {threshold}")]
    StakeThreshold {
        /// The signer's uid.
        uid: Uid,
        /// Its stake.
        stake: Rao,
        /// The least that counts.
        threshold: Rao,
    },
    /// Fewer weights than the subnet wants.
    #[error("the row has {entries} entries, fewer than the {least} that the subnet asks for")]
    TooFewWeights {
        /// Entries it has.
        entries: usize,
        /// Entries it needs.
        least: u16,
    },
    /// Entries out of order, or two for one uid.
    #[error("the entries do not rise strictly by uid")]
    NotRising,
    /// A weight on a uid that does not exist.
    #[error("there is a weight on uid {uid}, but the subnet has only {count} uids")]
    UidOutOfRange {
        /// The uid it names.
        uid: Uid,
        /// Uids there are.
        count: u16,
    },
    /// A weight on the signer itself.
    #[error("uid {uid} weighs itself, which never counts: leave the entry out")]
    SelfWeight {
        /// The signer's uid.
        uid: Uid,
    },
    /// A row whose largest weight is not 65535.
    #[error("the largest weight is {largest}, but a row is scaled so that it is 65535")]
    NotUpscaled {
        /// Its largest weight.
        largest: u16,
    },
    /// One weight has more of the row than allowed.
    #[error("the largest weight is 65535 of {sum} in all, above the share of {limit}/65535")]
    MaxWeight {
        /// Sum of the row.
        sum: u64,
        /// The subnet's `max_weights_limit`.
        limit: u16,
    },
    /// The element of the task-seed chain does not lead to the last one shown.
    #[error(
        "the task preimage of epoch {epoch} does not lead to the element shown in epoch {shown} \
         in {steps} steps (at most {} are followed)",
        seed::GAP_MAX
    )]
    Preimage {
        /// Epoch of the weights.
        epoch: Epoch,
        /// Epoch of the element in the state.
        shown: Epoch,
        /// Epochs between them.
        steps: u64,
    },
    /// Plain weights where they are hidden, or the other way round.
    #[error(
        "the subnet takes {} only",
        if *hidden { "weight commits, and reveals of them," } else { "plain weights" }
    )]
    WeightsMode {
        /// The subnet's `commit_reveal_weights_enabled`.
        hidden: bool,
    },
    /// A row or commit too soon after the one before.
    #[error("uid {uid} spoke in epoch {last}: its next row or commit may come {wait} epochs later")]
    RateLimit {
        /// The signer's uid.
        uid: Uid,
        /// Epoch of its newest row or commit.
        last: Epoch,
        /// The subnet's `weights_rate_limit`.
        wait: u64,
    },
    /// A reveal of nothing: never committed, shown before, expired, or lost.
    #[error("uid {uid} has no open commit of epoch {epoch} for mechanism {mechid}")]
    NoCommit {
        /// The signer's uid.
        uid: Uid,
        /// Mechanism it names.
        mechid: u16,
        /// Epoch it names.
        epoch: Epoch,
    },
    /// A reveal that names another hotkey than the commit's.
    #[error("the commit was signed by {expected}, not by {named}")]
    Committer {
        /// Who it names.
        named: Hotkey,
        /// Who signed the commit.
        expected: Hotkey,
    },
    /// A reveal of another row than the one committed to.
    #[error("row, score root and salt do not lead to the commitment {expected}")]
    Commitment {
        /// The commitment in the state.
        expected: Digest,
    },
    /// Evidence of an offence too old, or in an epoch to come.
    #[error(
        "the offence is of epoch {epoch}; when epoch {closing} closes it must be one of the last \
         {unbonding} or that one"
    )]
    EvidenceEpoch {
        /// Epoch of the offence.
        epoch: Epoch,
        /// The epoch that the next cut closes.
        closing: Epoch,
        /// The subnet's `unbonding_epochs`.
        unbonding: u64,
    },
    /// Evidence against somebody with nothing to lose.
    #[error("{hotkey} is no validator, was none that took another hotkey, and unbonds nothing")]
    NotSlashable {
        /// The offender.
        hotkey: Hotkey,
    },
    /// Evidence against somebody who was slashed before.
    #[error("{hotkey} was slashed already")]
    AlreadySlashed {
        /// The offender.
        hotkey: Hotkey,
    },
    /// Evidence about weights that stand no more.
    #[error("{hotkey} has neither an open commit nor a row of epoch {epoch} to lose")]
    NothingToLose {
        /// The offender.
        hotkey: Hotkey,
        /// Epoch of the offence.
        epoch: Epoch,
    },
    /// An operation past its window.
    #[error("it was valid until epoch {valid_until}, but the next cut closes epoch {epoch}")]
    Expired {
        /// Its last epoch.
        valid_until: Epoch,
        /// The epoch that the next cut closes.
        epoch: Epoch,
    },
    /// An operation whose window ends too late.
    #[error("it is valid until epoch {valid_until}; the latest that may be asked is {latest}")]
    TooFarAhead {
        /// Its last epoch.
        valid_until: Epoch,
        /// The last epoch that may be named now.
        latest: Epoch,
    },
    /// An operation of a coldkey that owns nothing here.
    #[error("{coldkey} has no account here: it gets one by a transfer or by a registration")]
    NoAccount {
        /// The signer.
        coldkey: Coldkey,
    },
    /// A nonce that is used up or too far ahead.
    #[error(
        "its nonce is {nonce}, but the signer's next is {next}, and {window} may wait at a time"
    )]
    Nonce {
        /// Its nonce.
        nonce: u64,
        /// The account's next nonce.
        next: u64,
        /// [`NONCE_WINDOW`].
        window: u64,
    },
    /// An account too poor to send operations.
    #[error("{coldkey} holds {holding} in balance and stake; to send operations it needs {least}")]
    MinBalance {
        /// The signer.
        coldkey: Coldkey,
        /// Balance and stake.
        holding: Rao,
        /// The subnet's `min_balance`.
        least: Rao,
    },
    /// The subnet takes no newcomers.
    #[error("the subnet does not allow registrations")]
    RegistrationClosed,
    /// Every uid is held by a member of the committee or the owner.
    #[error("the subnet is full: all {max} uids are held, and none of them may be replaced")]
    Full {
        /// The subnet's `max_allowed_uids`.
        max: u16,
    },
    /// The hotkey has a uid already.
    #[error("{hotkey} holds uid {uid} already")]
    AlreadyRegistered {
        /// The signer.
        hotkey: Hotkey,
        /// Its uid.
        uid: Uid,
    },
    /// A hotkey that was rotated or slashed away.
    #[error(
        "{hotkey} gave its uid to another hotkey, or was slashed: it may register again {}",
        again(.until.as_ref())
    )]
    FormerHotkey {
        /// The signer.
        hotkey: Hotkey,
        /// The first epoch in which it may, as things stand; `None` for never.
        until: Option<Epoch>,
    },
    /// A take above what any owner may keep.
    #[error("the take is {take}/65535, above the highest of {TAKE_MAX}/65535")]
    Take {
        /// The take asked for.
        take: u16,
    },
    /// A revision of what no revision changes, or to a value that the parameter cannot hold.
    #[error("parameter {} may not be revised, or cannot be {}", change.parameter, change.value)]
    Change {
        /// The change.
        change: Change,
    },
    /// A revision for an epoch too far ahead.
    #[error("it is meant for epoch {effective}; the latest that may be asked is {latest}")]
    Effective {
        /// The epoch it names.
        effective: Epoch,
        /// The last that may be named now.
        latest: Epoch,
    },
    /// A revision or approval of a coldkey that has no say.
    #[error(
        "{coldkey} has no say in revisions: members of the committee have, and the owner may propose"
    )]
    NoVoice {
        /// The signer.
        coldkey: Coldkey,
    },
    /// A registration, or a word about another chain's registry, with a nonce.
    #[error("it is signed by a hotkey without account or tenancy: its nonce must be 0")]
    RegistrationNonce,
    /// A change of what another chain decides.
    #[error(
        "another chain registers the participants of this subnet: register, stake and delegate there"
    )]
    RegisteredElsewhere,
    /// A word about another chain's registry in a subnet that keeps its own.
    #[error("this subnet keeps its own registry and follows no other")]
    NoRegistry,
    /// A snapshot of another registry, or of a block that is not read.
    #[error(
        "the subnet follows netuid {netuid} of the chain that its manifest names, every {every} blocks"
    )]
    OtherRegistry {
        /// The number it follows.
        netuid: u16,
        /// Heights that are read are multiples of this.
        every: u64,
    },
    /// A snapshot that is not newer than the one taken last.
    #[error("block {height} is not newer than block {last}, whose registry was taken already")]
    OldRegistry {
        /// Height of the block.
        height: u64,
        /// Height of the block that was taken.
        last: u64,
    },
    /// A word about another chain's registry by somebody who closes no epoch.
    #[error("{hotkey} does not sit on the committee")]
    NoSeat {
        /// The signer.
        hotkey: Hotkey,
    },
    /// A key that signatures could be forged for.
    #[error("the {which} is not a sound ed25519 key")]
    WeakKey {
        /// `hotkey`, `coldkey` or `receiver`.
        which: &'static str,
    },
    /// A validator without seed tail, or a miner with one.
    #[error("a validator registers the tail of a task-seed chain, a miner none; this is a {}", role.name())]
    SeedTail {
        /// Its role.
        role: Role,
    },
    /// Work bound to a cut that is not recent.
    #[error("its proof of work is bound to cut {prev}, which is not one of the last 5: work anew")]
    StaleWork {
        /// The cut it names.
        prev: CutId,
    },
    /// Not enough work.
    #[error("its proof of work does not reach the difficulty of {difficulty}: work anew")]
    LittleWork {
        /// The difficulty now.
        difficulty: u64,
    },
}

impl Inadmissible {
    /// Name for metric labels.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Subnet { .. } => "subnet",
            Self::Kind { .. } => "kind",
            Self::Epoch { .. } => "epoch",
            Self::Mechanism { .. } => "mechanism",
            Self::NotRegistered { .. } => "not_registered",
            Self::NotValidator { .. } => "not_validator",
            Self::NoPermit { .. } => "no_permit",
            Self::StakeThreshold { .. } => "stake_threshold",
            Self::TooFewWeights { .. } => "too_few_weights",
            Self::NotRising => "not_rising",
            Self::UidOutOfRange { .. } => "uid_out_of_range",
            Self::SelfWeight { .. } => "self_weight",
            Self::NotUpscaled { .. } => "not_upscaled",
            Self::MaxWeight { .. } => "max_weight",
            Self::Preimage { .. } => "preimage",
            Self::WeightsMode { .. } => "weights_mode",
            Self::RateLimit { .. } => "rate_limit",
            Self::NoCommit { .. } => "no_commit",
            Self::Committer { .. } => "committer",
            Self::Commitment { .. } => "commitment",
            Self::EvidenceEpoch { .. } => "evidence_epoch",
            Self::NotSlashable { .. } => "not_slashable",
            Self::AlreadySlashed { .. } => "already_slashed",
            Self::NothingToLose { .. } => "nothing_to_lose",
            Self::Expired { .. } => "expired",
            Self::TooFarAhead { .. } => "too_far_ahead",
            Self::NoAccount { .. } => "no_account",
            Self::Nonce { .. } => "nonce",
            Self::MinBalance { .. } => "min_balance",
            Self::RegistrationClosed => "registration_closed",
            Self::Full { .. } => "full",
            Self::AlreadyRegistered { .. } => "already_registered",
            Self::FormerHotkey { .. } => "former_hotkey",
            Self::Take { .. } => "take",
            Self::Change { .. } => "change",
            Self::Effective { .. } => "effective",
            Self::NoVoice { .. } => "no_voice",
            Self::RegistrationNonce => "registration_nonce",
            Self::RegisteredElsewhere => "registered_elsewhere",
            Self::NoRegistry => "no_registry",
            Self::OtherRegistry { .. } => "other_registry",
            Self::OldRegistry { .. } => "old_registry",
            Self::NoSeat { .. } => "no_seat",
            Self::WeakKey { .. } => "weak_key",
            Self::SeedTail { .. } => "seed_tail",
            Self::StaleWork { .. } => "stale_work",
            Self::LittleWork { .. } => "little_work",
        }
    }

    /// Whether an honest peer may have sent it, knowing another state than ours. The rest is
    /// inadmissible in every state of the subnet.
    #[must_use]
    pub const fn is_innocent(&self) -> bool {
        !matches!(
            self,
            Self::Subnet { .. }
                | Self::Kind { .. }
                | Self::Mechanism { .. }
                | Self::NotRising
                | Self::NotUpscaled { .. }
                | Self::RegistrationNonce
                | Self::RegisteredElsewhere
                | Self::NoRegistry
                | Self::OtherRegistry { .. }
                | Self::Take { .. }
                | Self::Change { .. }
                | Self::WeakKey { .. }
                | Self::SeedTail { .. }
        )
    }
}

/// Whether the next cut may hold `item`. Its signature is taken as checked.
///
/// # Errors
/// The first rule that it breaks, cheap ones before those that hash.
pub fn admissible(state: &State, item: &Item) -> Result<(), Inadmissible> {
    if item.subnet() != state.subnet() {
        return Err(Inadmissible::Subnet { subnet: *item.subnet() });
    }
    match item.body() {
        Body::Weights(weights) => admit_weights(state, weights),
        Body::WeightCommit(commit) => admit_commit(state, commit),
        Body::WeightReveal(reveal) => admit_reveal(state, reveal),
        Body::RegistryOp(op) => admit_operation(state, op),
        Body::Evidence(evidence) => admit_evidence(state, evidence),
        _ => Err(Inadmissible::Kind { kind: item.kind() }),
    }
}

#[cfg(test)]
mod tests;
