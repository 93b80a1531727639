//! What an epoch is made of, row by row, and whether it comes out again.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /v1/epochs/N/stages`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stages {
    /// The epoch.
    pub epoch: u64,
    /// Its cut id.
    pub cut: String,
    /// State tables by number, then the result, then the next committee.
    pub stages: Vec<StageDigest>,
}

/// One stage of [`Stages`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StageDigest {
    /// Its name.
    pub name: String,
    /// How many rows it has.
    pub rows: u64,
    /// Digest of all rows.
    pub digest: String,
}

/// `GET /v1/epochs/N/stages/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StageRows {
    /// The epoch.
    pub epoch: u64,
    /// Name of the stage.
    pub stage: String,
    /// Rows, rising by key.
    pub rows: Vec<StageRow>,
    /// Whether more follow: ask again with `after` = the last key.
    pub more: bool,
}

/// One row of a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StageRow {
    /// Its key, hex.
    pub key: String,
    /// Its value, hex.
    pub value: String,
}

/// `GET /v1/epochs/N/replay`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplayReport {
    /// The epoch.
    pub epoch: u64,
    /// Its cut id.
    pub cut: String,
    /// Whether everything that could be compared is equal.
    pub holds: bool,
    /// By root of the cut.
    pub roots: Vec<RootReport>,
    /// By stage.
    pub stages: Vec<StageReport>,
    /// The first row that differs: stored here, and there as executed again.
    pub difference: Option<RowReport>,
}

/// One root of a [`ReplayReport`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RootReport {
    /// Its name.
    pub name: String,
    /// What the cut says.
    pub certified: String,
    /// What the execution gave.
    pub executed: String,
}

/// One stage of a [`ReplayReport`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StageReport {
    /// Its name.
    pub name: String,
    /// Rows that the execution gave.
    pub rows: u64,
    /// Their digest.
    pub executed: String,
    /// Digest of what is stored; none if the rows of that epoch are not.
    pub stored: Option<String>,
}

/// A row that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowReport {
    /// Name of the stage.
    pub stage: String,
    /// Its key, as people read it.
    pub item: String,
    /// Its key, hex.
    pub key: String,
    /// Value here, hex; none without such a row.
    pub ours: Option<String>,
    /// Value there.
    pub theirs: Option<String>,
}
