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
    /// Too little stake.
    #[error("it takes {needed}, but the stake is {held}")]
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
    /// The hotkey got a uid by another registration of the same cut.
    #[error("{hotkey} got uid {uid} by another registration of this cut")]
    HotkeyTaken {
        /// The signer.
        hotkey: Hotkey,
        /// Its uid.
        uid: Uid,
    },
    /// Evidence in the same cut ended the hotkey.
    #[error("{hotkey} was slashed: register another hotkey")]
    FormerHotkey {
        /// The signer.
        hotkey: Hotkey,
    },
    /// The epoch took its registrations already.
    #[error("the {max} registrations of this epoch went to others with better work")]
    EpochLimit {
        /// The subnet's `max_registrations_per_epoch`.
        max: u16,
    },
    /// Every uid is held.
    #[error("the subnet became full: all {max} uids are held")]
    Full {
        /// The subnet's `max_allowed_uids`.
        max: u16,
    },
}
