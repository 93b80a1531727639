//! What the API says of a registry that another chain keeps.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::observer::Seen;

/// `GET /v1/registry`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RegistryView {
    /// Hash of the chain's first block.
    pub genesis: String,
    /// Number of the subnet there.
    pub netuid: u16,
    /// Blocks between two that are read.
    pub every: u64,
    /// The snapshot that the subnet took last; none before the first.
    pub taken: Option<RegistryPoint>,
    /// What this node reads itself; none if it reads nothing.
    pub read: Option<Seen>,
}

/// A snapshot that the subnet took.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RegistryPoint {
    /// Height of the block.
    pub height: u64,
    /// Hash of the block.
    pub block: String,
    /// Digest of the snapshot, as cuts name it.
    pub digest: String,
    /// Uids that the chain lets set weights.
    pub permits: usize,
}
