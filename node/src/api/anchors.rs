//! What the API says of anchors, beside the board.

use ganglion_chain::Finality;
use ganglion_chain::outbox::{Judged, Truth};
use ganglion_types::{Canonical as _, MerkleProof, hex};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One of `GET /v1/anchors/find/{epoch}`: an anchor of anybody's that speaks about the epoch.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AnchorFound {
    /// First epoch.
    pub first: u64,
    /// Last epoch.
    pub last: u64,
    /// Cut of the last epoch, as it says.
    pub cut: String,
    /// `same`: as this node's cuts; `other`; `unknown`: this node does not hold all of them.
    pub truth: String,
    /// Who put it there.
    pub publisher: String,
    /// Height of the block.
    pub height: u64,
    /// Hash of the block.
    pub block: String,
    /// Place of the transaction in it.
    pub index: u32,
    /// Hash of the transaction.
    pub transaction: String,
    /// `final`, or blocks on top of it and its own.
    pub finality: String,
    /// The payload's 184 bytes, hexadecimal.
    pub payload: String,
    /// Path of the epoch's cut to the range root, a canonical Merkle proof in hexadecimal; where this node holds the cuts.
    pub path: Option<String>,
}

impl AnchorFound {
    /// What was found.
    #[must_use]
    pub fn of(judged: &Judged, path: Option<&MerkleProof>) -> Self {
        let Judged { found, truth } = judged;
        let truth = match truth {
            Truth::Same => "same",
            Truth::Other => "other",
            Truth::Unknown => "unknown",
        };
        Self {
            first: found.payload.first().get(),
            last: found.payload.last().get(),
            cut: found.payload.last_cut().to_hex(),
            truth: truth.into(),
            publisher: found.publisher.to_string(),
            height: found.point.height,
            index: found.point.index,
            block: format!("0x{}", hex(&found.point.block)),
            transaction: format!("0x{}", hex(&found.point.transaction)),
            finality: match found.finality {
                Finality::Final => "final".into(),
                Finality::Confirmations(blocks) => blocks.to_string(),
            },
            payload: hex(&found.payload.to_bytes()),
            path: path.map(|path| hex(&path.to_bytes())),
        }
    }
}

/// What a node knows of another one's log of anchors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WitnessSeen {
    /// The witness.
    pub hotkey: String,
    /// Number of the oldest entry that is kept here.
    pub first: u64,
    /// Number of the newest one.
    pub last: u64,
    /// The epoch that it ends with.
    pub epoch: u64,
    /// The witness's clock then, Unix milliseconds.
    pub time: u64,
    /// Two signed entries after the same one, hex, 328 bytes each: it has written its log anew.
    pub rewrite: Option<String>,
}

/// One of `GET /v1/anchors/entries`: an entry of this node's own log.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AnchorEntry {
    /// Place in the log, from 0.
    pub number: u64,
    /// The witness's clock, Unix milliseconds.
    pub time: u64,
    /// First epoch.
    pub first: u64,
    /// Last epoch.
    pub last: u64,
    /// Cut of the last epoch.
    pub cut: String,
    /// Id of the entry, which the next one names.
    pub id: String,
    /// The witness.
    pub hotkey: String,
    /// The 328 bytes, hexadecimal: whoever keeps them can prove that the log was written anew.
    pub bytes: String,
}
