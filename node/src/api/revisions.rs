//! The parameters in force, and what is to become of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::types::Amount;

/// `GET /v1/parameters`: what holds in the next epoch.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct InForce {
    /// The epoch being closed, which they hold in.
    pub epoch: u64,
    /// By number.
    pub parameters: Vec<ParameterRow>,
}

/// One parameter.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ParameterRow {
    /// Its number in a revision.
    pub number: u32,
    /// Its key in the manifest.
    pub name: String,
    /// The value as a revision holds it: rao, milliseconds, 0 and 1.
    pub value: Amount,
    /// The same as the manifest writes it.
    pub text: String,
    /// The manifest's unit.
    pub unit: String,
    /// What the subnet began with, as the manifest writes it.
    pub genesis: String,
    /// Who may change it: `owner` alone, or the `committee`.
    pub class: String,
}

/// `GET /v1/revisions`: proposals that wait.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Revisions {
    /// The epoch being closed.
    pub epoch: u64,
    /// The owner's coldkey, SS58.
    pub owner: Option<String>,
    /// Epochs that an approved revision waits at least, and one of the owner.
    pub revision_delay: u64,
    /// The same for one that the owner decides alone.
    pub owner_delay: u64,
    /// Stake of the committee.
    pub committee_rao: Amount,
    /// The least stake that is more than two thirds of it.
    pub needed_rao: Amount,
    /// Who may approve, largest stake first.
    pub approvers: Vec<Approver>,
    /// By number.
    pub revisions: Vec<RevisionRow>,
}

/// A coldkey with members on the committee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Approver {
    /// Coldkey, SS58.
    pub coldkey: String,
    /// Stake of its members.
    pub stake_rao: Amount,
}

/// A proposal that waits.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RevisionRow {
    /// Its number.
    pub id: u64,
    /// Who proposed it, SS58.
    pub proposer: String,
    /// Epoch of the cut that holds it.
    pub proposed_at: u64,
    /// The first epoch it is meant to hold in; once decided, the one it does hold in.
    pub effective: u64,
    /// Who decides it: `owner` or `committee`.
    pub class: String,
    /// Epoch at whose end it was decided, `null` while it waits for approvals.
    pub decided_at: Option<u64>,
    /// Without enough approvals it lapses at the end of this epoch.
    pub lapses_at: u64,
    /// What changes, by number.
    pub changes: Vec<ChangeRow>,
    /// Who approves it, largest stake first.
    pub approvals: Vec<Approver>,
    /// Their stake.
    pub support_rao: Amount,
}

/// A change of one parameter.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ChangeRow {
    /// The parameter's number.
    pub number: u32,
    /// Its key in the manifest.
    pub name: String,
    /// The new value as the manifest writes it.
    pub to: String,
    /// The value in force.
    pub from: String,
}
