//! The state as a whole: how large it is, and what all that is owned adds up to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::types::Amount;

/// `GET /v1/ledger`: the state after the last certified epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ledger {
    /// The epoch.
    pub epoch: u64,
    /// Its cut id.
    pub cut: String,
    /// Root of the state.
    pub state_root: String,
    /// Rows by table.
    pub tables: BTreeMap<String, u64>,
    /// Rows of all tables.
    pub rows: u64,
    /// Bytes of all rows, keys included.
    pub bytes: u64,
    /// Free balances.
    pub balances_rao: Amount,
    /// Stakes, with what others delegated and what waits to leave.
    pub stakes_rao: Amount,
    /// On its way from balance to stake.
    pub entering_rao: Amount,
    /// On its way from stake to balance.
    pub unbonding_rao: Amount,
    /// The four together.
    pub supply_rao: Amount,
    /// The supply that the subnet began with.
    pub genesis_rao: Amount,
    /// Paid out since genesis.
    pub emitted_rao: Amount,
    /// Burned for registrations since genesis.
    pub burned_rao: Amount,
    /// Taken for offences since genesis.
    pub slashed_rao: Amount,
}

impl Ledger {
    /// Whether nothing was made or lost: the supply is what was there at first and was emitted, without
    /// what was burned and slashed.
    #[must_use]
    pub fn is_conserved(&self) -> bool {
        let sum = |amounts: &[Amount]| amounts.iter().map(|one| u128::from(one.0)).sum::<u128>();
        let forms = [self.balances_rao, self.stakes_rao, self.entering_rao, self.unbonding_rao];
        sum(&forms) == sum(&[self.supply_rao])
            && sum(&[self.supply_rao, self.burned_rao, self.slashed_rao])
                == sum(&[self.genesis_rao, self.emitted_rao])
    }
}
