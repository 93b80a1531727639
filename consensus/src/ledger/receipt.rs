//! What became of the items of a cut.

use ganglion_types::{Epoch, Hotkey, ItemId, Rao, Uid};

/// What became of an item of a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The item.
    pub item: ItemId,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of an item of a cut. Only [`Outcome::Applied`] changed more than a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Outcome {
    /// It took effect.
    #[error("done")]
    Applied,
    /// Another item of its signer counts in its place: weights with a higher number, an operation
    /// with the same nonce and a lower id, or evidence against one offender with a lower id.
    #[error("item {by} of the same signer counts in its place")]
    Superseded {
        /// The item that counts.
        by: ItemId,
    },
    /// Its signer signed two rows of weights, or two commits, with one number. Nothing that the
    /// signer said for that epoch counts.
    #[error("the signer signed two statements with one number, so none for this epoch counts")]
    Equivocated,
    /// A reveal whose commit is older than the row that stands. It closes the commit, nothing else.
    #[error("a row of epoch {row} stands already, so this only closes the commit")]
    Outdated {
        /// Epoch of the row that stands.
        row: Epoch,
    },
    /// An operation behind a nonce that has not come. It does nothing and may come again.
    #[error("it waits for the operation with nonce {next}")]
    Gap {
        /// The nonce that the account waits for.
        next: u64,
    },
    /// An operation that could not be done. Its nonce is used up.
    #[error("not done: {0}")]
    Failed(Failure),
}

/// Why an operation could not be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No uid for the hotkey.
    #[error("{hotkey} holds no uid")]
    NotRegistered {
        /// The hotkey named.
        hotkey: Hotkey,
    },
    /// Somebody else's hotkey.
    #[error("{hotkey} belongs to another coldkey")]
    NotOwned {
        /// The hotkey named.
        hotkey: Hotkey,
    },
    /// Stake on a miner.
    #[error("{hotkey} is a miner: only validators hold stake")]
    NotValidator {
        /// The hotkey named.
        hotkey: Hotkey,
    },
    /// Too little balance.
    #[error("it takes {needed}, but the balance is {held}")]
    Balance {
        /// The amount asked.
        needed: Rao,
        /// The balance.
        held: Rao,
    },
    /// Too little stake that does not wait to leave already.
    #[error("it takes {needed}, but the stake that may leave is {held}")]
    Stake {
        /// The amount asked.
        needed: Rao,
        /// The stake.
        held: Rao,
    },
    /// A transfer that would open an account with less than it needs.
    #[error("the receiver has no account, and a new one takes at least {least}")]
    Receiver {
        /// The subnet's `min_balance`.
        least: Rao,
    },
    /// An unstake that would leave nobody to close the next epoch.
    #[error("{hotkey} is the last validator with permit and stake: some stake must remain")]
    LastMember {
        /// The hotkey named.
        hotkey: Hotkey,
    },
    /// The hotkey has a uid, maybe by an earlier operation of the same cut.
    #[error("{hotkey} holds uid {uid}")]
    HotkeyTaken {
        /// The hotkey named.
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
        /// The hotkey named.
        hotkey: Hotkey,
        /// The first epoch in which it may, as things stand; `None` for never.
        until: Option<Epoch>,
    },
    /// The epoch took its registrations already.
    #[error("the {max} registrations of this epoch went to others")]
    EpochLimit {
        /// The subnet's `max_registrations_per_epoch`.
        max: u16,
    },
    /// Every uid is held by a member of the committee, the owner or a newcomer of this epoch.
    #[error("the subnet became full: none of its {max} uids is vacant or may be taken")]
    Full {
        /// The subnet's `max_allowed_uids`.
        max: u16,
    },
    /// A registration by burn costs more than its signer allows.
    #[error("a registration costs {price} now, more than the {max} allowed")]
    Price {
        /// The price when it was executed.
        price: Rao,
        /// The most it might cost.
        max: Rao,
    },
    /// A delegation to a hotkey of the signer.
    #[error("{hotkey} belongs to the signer: stake and unstake it instead")]
    Own {
        /// The hotkey named.
        hotkey: Hotkey,
    },
    /// A delegation that is too small to keep.
    #[error("a delegation is at least {least}")]
    SmallDelegation {
        /// The subnet's `min_balance`.
        least: Rao,
    },
    /// As many coldkeys as may delegate to the hotkey already.
    #[error("{hotkey} has {max} delegators, which is all it may have", max = super::DELEGATORS_MAX)]
    Delegators {
        /// The hotkey named.
        hotkey: Hotkey,
    },
    /// A take raised again too soon.
    #[error("the take was raised lately: it may be raised again from epoch {again} on")]
    TakeRaise {
        /// The first epoch in which it may.
        again: Epoch,
    },
    /// Changes that break a rule of the manifest, or leave no room for those who take part.
    #[error("with these changes the parameters would break a rule of the manifest")]
    Rules,
    /// The proposer's earlier revisions wait.
    #[error("{max} of the proposer's revisions wait, and no more may")]
    OwnRevisions {
        /// How many may wait.
        max: usize,
    },
    /// As many revisions wait as may, each with as much support.
    #[error("{max} revisions wait, none of which has less support than this one")]
    Revisions {
        /// How many may wait.
        max: usize,
    },
    /// No revision of that number waits.
    #[error("no revision {number} waits")]
    NoRevision {
        /// The number named.
        number: u64,
    },
    /// The signer approved it before, or it needs no more approvals.
    #[error("revision {number} is approved, by the signer or by enough others")]
    Approved {
        /// The number named.
        number: u64,
    },
}

impl Failure {
    /// Name for programs, as the page on operations has it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NotRegistered { .. } => "not_registered",
            Self::NotOwned { .. } => "not_owned",
            Self::NotValidator { .. } => "not_validator",
            Self::Balance { .. } => "balance",
            Self::Stake { .. } => "stake",
            Self::Receiver { .. } => "receiver",
            Self::LastMember { .. } => "last_member",
            Self::HotkeyTaken { .. } => "hotkey_taken",
            Self::FormerHotkey { .. } => "former_hotkey",
            Self::EpochLimit { .. } => "epoch_limit",
            Self::Full { .. } => "full",
            Self::Price { .. } => "price",
            Self::Own { .. } => "own",
            Self::SmallDelegation { .. } => "small_delegation",
            Self::Delegators { .. } => "delegators",
            Self::TakeRaise { .. } => "take_raise",
            Self::Rules => "rules",
            Self::OwnRevisions { .. } => "own_revisions",
            Self::Revisions { .. } => "revisions",
            Self::NoRevision { .. } => "no_revision",
            Self::Approved { .. } => "approved",
        }
    }
}

/// When a former hotkey may register again, for people.
pub(super) fn again(until: Option<&Epoch>) -> String {
    until.map_or_else(|| "never".into(), |epoch| format!("from epoch {epoch} on"))
}
