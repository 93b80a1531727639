//! Proof files: one row of one epoch, for anybody, with no node and no keys (`docs/spec/proofs.md`).
//!
//! Read [`check`] first: bytes and a checkpoint in, what is proven or one [`Refusal`] out.

mod build;
mod fork;

use ganglion_consensus::proof::{self, Checkpoint, ProofError, Proven};
use ganglion_types::proof::LINKS_MAX;
use ganglion_types::{
    Canonical, CutId, DecodeError, Epoch, EpochLink, EpochProof, Hotkey, SubnetId, hex, limits,
};
use serde::{Deserialize, Deserializer, Serialize};

pub use build::{BuildError, build};
pub use fork::{ForkError, fork};

/// The format that this page and `docs/spec/proofs.md` describe.
pub const SCHEMA: &str = "ganglion/proof/1";
/// Bytes of a whole file.
pub const FILE_BYTES_MAX: usize = 64 << 20;

/// Why a file proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Too long to be read.
    #[error("the file has more than {FILE_BYTES_MAX} bytes")]
    Size,
    /// Not JSON, or not of this form.
    #[error("the file has another form: {0}")]
    Json(String),
    /// Another format.
    #[error("the file is of the schema {0:?}, not {SCHEMA:?}")]
    Schema(String),
    /// Too many epochs.
    #[error("the file has {links} epochs, at most {LINKS_MAX} are read")]
    Bounds {
        /// How many it has.
        links: usize,
    },
    /// Something that should be lower-case hexadecimal of some length.
    #[error("{field} is no lower-case hexadecimal of the right length")]
    Hex {
        /// Where it stands.
        field: String,
    },
    /// Bytes that are not the canonical encoding of what they should be.
    #[error("{field} is not canonical: {source}")]
    Encoding {
        /// Where it stands.
        field: String,
        /// What is wrong.
        source: DecodeError,
    },
    /// The cut in the file is not the one that it says it starts from.
    #[error("the cut of the checkpoint has another id or epoch than the file says")]
    CheckpointCut,
    /// It is read, and does not prove what it says.
    #[error("{0}")]
    Proof(#[from] ProofError),
}

impl Refusal {
    /// The code that every verifier gives for this reason.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Json(_) => "json",
            Self::Schema(_) => "schema",
            Self::Bounds { .. } => "bounds",
            Self::Hex { .. } => "hex",
            Self::Encoding { .. } => "encoding",
            Self::CheckpointCut => "checkpoint_cut",
            Self::Proof(error) => error.code(),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    subnet: String,
    checkpoint: Start,
    links: Vec<Link>,
    claim: Claim,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    epoch: u64,
    cut_id: String,
    cut: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    cut: String,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    certificate: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    committee: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claim {
    epoch: u64,
    hotkey: String,
    row: String,
    merkle: String,
}

/// What may be left out may not be null.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    String::deserialize(from).map(Some)
}

/// A proof as it was read, with the checkpoint that it says it starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofFile {
    /// Where it says it starts.
    pub checkpoint: Checkpoint,
    /// What it holds.
    pub proof: EpochProof,
}

impl ProofFile {
    /// The JSON of a proof, with a newline at its end.
    #[must_use]
    pub fn to_json(proof: &EpochProof) -> String {
        let mut text = serde_json::to_string_pretty(&Self::to_value(proof)).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The same as a value.
    #[must_use]
    pub fn to_value(proof: &EpochProof) -> serde_json::Value {
        let text = |bytes: Vec<u8>| hex(&bytes);
        let file = File {
            schema: SCHEMA.into(),
            subnet: proof.subnet.to_hex(),
            checkpoint: Start {
                epoch: proof.checkpoint.epoch.get(),
                cut_id: proof.checkpoint.id().to_hex(),
                cut: text(proof.checkpoint.to_bytes()),
            },
            links: proof
                .links
                .iter()
                .map(|link| Link {
                    cut: text(link.cut.to_bytes()),
                    certificate: link.certificate.as_ref().map(|one| text(one.to_bytes())),
                    committee: link.committee.as_ref().map(|one| text(one.to_bytes())),
                })
                .collect(),
            claim: Claim {
                epoch: proof.epoch.get(),
                hotkey: proof.hotkey.to_hex(),
                row: hex(&proof.row),
                merkle: text(proof.merkle.to_bytes()),
            },
        };
        serde_json::to_value(file).unwrap_or_default()
    }

    /// Reads a file, as far as that needs no checkpoint.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > FILE_BYTES_MAX {
            return Err(Refusal::Size);
        }
        let json = |error: serde_json::Error| Refusal::Json(error.to_string());
        let file: File = serde_json::from_slice(bytes).map_err(json)?;
        only_objects(&serde_json::from_slice(bytes).map_err(json)?)?;
        if file.schema != SCHEMA {
            return Err(Refusal::Schema(file.schema));
        }
        if file.links.len() > LINKS_MAX {
            return Err(Refusal::Bounds { links: file.links.len() });
        }
        Raw::of(file)?.decode()
    }
}

/// An object may be given as such only, never as the list of its values.
fn only_objects(file: &serde_json::Value) -> Result<(), Refusal> {
    let links = file["links"].as_array().into_iter().flatten();
    let parts = [file, &file["checkpoint"], &file["claim"]].into_iter().chain(links);
    match parts.into_iter().all(serde_json::Value::is_object) {
        true => Ok(()),
        false => Err(Refusal::Json("a list where an object should be".into())),
    }
}

/// A file whose hexadecimal is read.
struct Raw {
    subnet: SubnetId,
    checkpoint: Checkpoint,
    cut: Vec<u8>,
    links: Vec<RawLink>,
    epoch: Epoch,
    hotkey: Hotkey,
    row: Vec<u8>,
    merkle: Vec<u8>,
}

struct RawLink {
    cut: Vec<u8>,
    certificate: Option<Vec<u8>>,
    committee: Option<Vec<u8>>,
}

fn unhex(field: impl Into<String>, text: &str) -> Result<Vec<u8>, Refusal> {
    let lower = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let bytes = hex::decode(text).ok().filter(|_| lower);
    bytes.ok_or_else(|| Refusal::Hex { field: field.into() })
}

fn id<T>(field: &str, text: &str, wrap: fn([u8; 32]) -> T) -> Result<T, Refusal> {
    let bytes = unhex(field, text)?;
    bytes.try_into().map(wrap).map_err(|_| Refusal::Hex { field: field.into() })
}

impl Raw {
    fn of(file: File) -> Result<Self, Refusal> {
        let links = file.links.into_iter().enumerate().map(|(at, link)| {
            let field = |name| format!("links[{at}].{name}");
            let part =
                |name, text: Option<String>| text.map(|text| unhex(field(name), &text)).transpose();
            Ok(RawLink {
                cut: unhex(field("cut"), &link.cut)?,
                certificate: part("certificate", link.certificate)?,
                committee: part("committee", link.committee)?,
            })
        });
        Ok(Self {
            subnet: id("subnet", &file.subnet, SubnetId::new)?,
            checkpoint: Checkpoint {
                epoch: Epoch::new(file.checkpoint.epoch),
                cut: id("checkpoint.cut_id", &file.checkpoint.cut_id, CutId::new)?,
            },
            cut: unhex("checkpoint.cut", &file.checkpoint.cut)?,
            links: links.collect::<Result<_, Refusal>>()?,
            epoch: Epoch::new(file.claim.epoch),
            hotkey: id("claim.hotkey", &file.claim.hotkey, Hotkey::new)?,
            row: unhex("claim.row", &file.claim.row)?,
            merkle: unhex("claim.merkle", &file.claim.merkle)?,
        })
    }

    fn decode(self) -> Result<ProofFile, Refusal> {
        let links = self.links.iter().enumerate().map(|(at, link)| {
            let field = |name| format!("links[{at}].{name}");
            Ok(EpochLink {
                cut: canonical(field("cut"), &link.cut)?,
                certificate: maybe(field("certificate"), link.certificate.as_deref())?,
                committee: maybe(field("committee"), link.committee.as_deref())?,
            })
        });
        let proof = EpochProof {
            subnet: self.subnet,
            checkpoint: canonical("checkpoint.cut".into(), &self.cut)?,
            links: links.collect::<Result<_, Refusal>>()?,
            epoch: self.epoch,
            hotkey: self.hotkey,
            row: self.row,
            merkle: canonical("claim.merkle".into(), &self.merkle)?,
        };
        Ok(ProofFile { checkpoint: self.checkpoint, proof })
    }
}

fn maybe<T: Canonical>(field: String, bytes: Option<&[u8]>) -> Result<Option<T>, Refusal> {
    bytes.map(|bytes| canonical(field, bytes)).transpose()
}

fn canonical<T: Canonical>(field: String, bytes: &[u8]) -> Result<T, Refusal> {
    T::from_bytes(bytes, limits::AGREEMENT_BYTES)
        .map_err(|source| Refusal::Encoding { field, source })
}

/// Checks a file from a checkpoint on.
///
/// # Errors
/// The first rule that is broken, in the order of `docs/spec/proofs.md`.
pub fn check(bytes: &[u8], checkpoint: Checkpoint) -> Result<(EpochProof, Proven), Refusal> {
    let ProofFile { checkpoint: said, proof } = ProofFile::parse(bytes)?;
    if said != checkpoint {
        let Checkpoint { epoch, cut } = said;
        return Err(ProofError::Checkpoint { epoch, cut }.into());
    }
    if proof.checkpoint.epoch != said.epoch || proof.checkpoint.id() != said.cut {
        return Err(Refusal::CheckpointCut);
    }
    let proven = proof::verify(&proof, checkpoint)?;
    Ok((proof, proven))
}
