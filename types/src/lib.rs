//! The nouns and units every other crate speaks.
//!
//! This crate refuses to do IO, read a clock or draw randomness. It holds what crosses a crate, the
//! wire or the disk: ids, amounts, the signed items and their canonical encoding.
//!
//! Read first: [`Item`] (everything a participant says), [`Cut`] (which of it counts for an epoch),
//! [`Manifest`] (what makes a subnet this subnet), [`codec::Canonical`] (the one encoding).
//!
//! Invariants:
//! - bytes decode only if they equal the re-encoding of what they decode to;
//! - every signature is over a domain-separated preimage that names the subnet, see [`sign`];
//! - no public type belongs to the BFT library, libp2p or sled.
//!
//! ```text
//! Item (signed) ──id──► InclusionList ──cited by──► Cut ──precommits──► Certificate
//! ```
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects, clippy::as_conversions)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod agreement;
pub mod amount;
pub mod codec;
pub mod cut;
pub mod evidence;
pub mod ids;
pub mod item;
pub mod limits;
pub mod list;
pub mod manifest;
#[cfg(feature = "simulation")]
pub mod memo;
pub mod merkle;
pub mod op;
pub mod parameters;
pub mod peer;
pub mod planted;
pub mod proof;
pub mod registry;
pub mod seed;
pub mod sign;
pub mod snapshot;
pub mod ss58;
pub mod task;
pub mod weights;

/// The generated protobuf messages of `docs/spec/proto`: the wire itself, unchecked.
#[allow(missing_docs, clippy::all, clippy::pedantic, reason = "generated code")]
pub mod proto {
    include!(concat!(env!("OUT_DIR"), "/ganglion.v1.rs"));
}

pub use agreement::{
    AgreementMessage, PolkaCertificate, Proposal, RoundCertificate, Vote, VoteType,
};
pub use amount::Rao;
pub use codec::{Canonical, DecodeError};
pub use cut::{Certificate, Cut, EpochBundle};
pub use evidence::{Evidence, Proof, ProposalHead};
pub use ids::{
    Coldkey, CutId, Digest, Epoch, Hotkey, ItemId, Round, Signature, SubnetId, Uid, hex,
};
pub use item::{Body, Item, Kind};
pub use list::{InclusionList, ListBody};
pub use manifest::{GenesisParticipant, Hyperparameters, Manifest, Phases, Role, TaskSpec, Timing};
pub use merkle::MerkleProof;
pub use op::{Operation, RegistryOp};
pub use parameters::{Change, Parameter, ParameterClass, Parameters};
pub use peer::PeerRecord;
pub use proof::{CommitteeMembers, EpochLink, EpochProof, Fork};
pub use registry::{
    ExternalMember, ExternalPoint, ExternalRegistry, ListedMember, RegistrySource, Standing,
};
pub use snapshot::Snapshot;
pub use task::{BatchOutputs, OutputBatch, OutputCommit, Payload, Receipt, TaskBatch};
pub use weights::{WeightCommit, WeightReveal, Weights};

/// Version of the protocol in every preimage, manifest and topic.
pub const PROTOCOL_VERSION: u32 = 1;
