//! What a coldkey owns, and what it waits for.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::types::{Amount, MetagraphRow};

/// `GET /v1/accounts/COLDKEY?from=&limit=`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Account {
    /// Coldkey, SS58.
    pub coldkey: String,
    /// Last certified epoch, which all this is of.
    pub epoch: u64,
    /// Free balance.
    pub balance_rao: Amount,
    /// Nonce of its next operation.
    pub nonce: u64,
    /// The first nonce after those of its operations that were submitted to this node and wait; none
    /// if they take the whole window.
    pub next_nonce: Option<u64>,
    /// Balance, own stakes, delegations, and what enters or unbonds.
    pub total_rao: Amount,
    /// Its participants.
    pub participants: Vec<MetagraphRow>,
    /// What it has at stake behind others' validators, by uid.
    pub delegations: Vec<Delegation>,
    /// What waits to become stake, by uid.
    pub entering: Vec<Waiting>,
    /// What waits to leave stake, by uid; still part of it.
    pub leaving: Vec<Waiting>,
    /// What has left stake and is not balance yet, by epoch: one page, which ends with a whole epoch.
    pub unbonding: Vec<Unbonding>,
    /// All that unbonds, on this page or not.
    pub unbonding_rao: Amount,
    /// `from` of the next page, if there is one.
    pub unbonding_next: Option<u64>,
}

/// Stake of a coldkey behind somebody else's validator.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Delegation {
    /// Uid of the validator.
    pub uid: u16,
    /// Its hotkey, SS58.
    pub hotkey: String,
    /// How much.
    pub amount_rao: Amount,
    /// What the validator's owner keeps of the dividends, /65535.
    pub take: u16,
}

/// An amount in a queue between balance and stake.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Waiting {
    /// Uid that it enters or leaves.
    pub uid: u16,
    /// Its hotkey, SS58.
    pub hotkey: String,
    /// How much still waits.
    pub amount_rao: Amount,
    /// The epoch by whose end all of it has moved, if nobody else joins the queue.
    pub moved_by: u64,
}

/// An amount that has left stake.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Unbonding {
    /// The hotkey that it stood behind, SS58: evidence against that one can still reach it.
    pub hotkey: String,
    /// How much.
    pub amount_rao: Amount,
    /// The epoch at whose end it becomes balance.
    pub release_epoch: u64,
}

impl Account {
    /// The participant of this coldkey with a hotkey.
    #[must_use]
    pub fn participant(&self, hotkey: &str) -> Option<&MetagraphRow> {
        self.participants.iter().find(|row| row.hotkey == hotkey)
    }

    /// What it has at stake on a hotkey, its own or another's.
    #[must_use]
    pub fn staked(&self, hotkey: &str) -> Amount {
        let delegated = || self.delegations.iter().find(|one| one.hotkey == hotkey);
        let own = self.participant(hotkey).map(MetagraphRow::own_stake);
        own.or_else(|| delegated().map(|one| one.amount_rao)).unwrap_or_default()
    }
}
