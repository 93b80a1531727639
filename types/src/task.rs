//! Tasks, commitments to answers, and the answers.

use crate::codec::{self, Canonical, DecodeError};
use crate::ids::{Digest, Epoch, Hotkey, ItemId};
use crate::{limits, merkle, proto};

/// Bytes in line, or the digest of a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// At most [`limits::INLINE_BYTES`].
    Inline(Vec<u8>),
    /// Fetched by digest.
    Blob {
        /// blake3 of the bytes.
        digest: Digest,
        /// Size in bytes, at most [`limits::BLOB_BYTES`].
        size: u64,
    },
}

impl Payload {
    /// No bytes: "no answer" where an answer is expected.
    pub const EMPTY: Self = Self::Inline(Vec::new());

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Inline(bytes) if bytes.is_empty())
    }

    /// blake3 of the bytes themselves, in line or not.
    #[must_use]
    pub fn digest(&self) -> Digest {
        match self {
            Self::Inline(bytes) => Digest::new(*blake3::hash(bytes).as_bytes()),
            Self::Blob { digest, .. } => *digest,
        }
    }

    fn to_proto(&self) -> proto::Payload {
        use proto::payload::Source;
        let source = match self {
            Self::Inline(bytes) => Source::Inline(bytes.clone()),
            Self::Blob { digest, size } => {
                Source::Blob(proto::Blob { digest: digest.as_bytes().to_vec(), size: *size })
            }
        };
        proto::Payload { source: Some(source) }
    }

    fn from_proto(proto: proto::Payload) -> Result<Self, DecodeError> {
        use proto::payload::Source;
        match proto.source.ok_or(DecodeError::field("source", "is missing"))? {
            Source::Inline(bytes) if bytes.len() > limits::INLINE_BYTES => {
                Err(DecodeError::field("inline", "is over the inline limit"))
            }
            Source::Inline(bytes) => Ok(Self::Inline(bytes)),
            Source::Blob(blob) => {
                let size = usize::try_from(blob.size).unwrap_or(usize::MAX);
                let inside = (1..=limits::BLOB_BYTES).contains(&size);
                if !inside {
                    return Err(DecodeError::field("size", "must be 1 byte to 4 MiB"));
                }
                let digest = codec::hash32("digest", &blob.digest, Digest::new)?;
                Ok(Self::Blob { digest, size: blob.size })
            }
        }
    }
}

fn payloads(field: &'static str, list: Vec<proto::Payload>) -> Result<Vec<Payload>, DecodeError> {
    if list.len() > limits::BATCH_TASKS {
        return Err(DecodeError::field(field, "has too many entries"));
    }
    list.into_iter().map(Payload::from_proto).collect()
}

/// The tasks of one validator for one round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskBatch {
    /// The validator's hotkey.
    pub signer: Hotkey,
    /// Mechanism, 0 where there is one.
    pub mechid: u16,
    /// Epoch of the round.
    pub epoch: Epoch,
    /// Number of this statement.
    pub seq: u64,
    /// Round within the epoch, from 0.
    pub round: u32,
    /// Task type of the manifest.
    pub task: String,
    /// One JSON value per task, at least one.
    pub inputs: Vec<Payload>,
}

impl Canonical for TaskBatch {
    type Proto = proto::TaskBatch;

    fn to_proto(&self) -> proto::TaskBatch {
        proto::TaskBatch {
            signer: self.signer.as_bytes().to_vec(),
            mechid: self.mechid.into(),
            epoch: self.epoch.get(),
            seq: self.seq,
            round: self.round,
            task: self.task.clone(),
            inputs: self.inputs.iter().map(Payload::to_proto).collect(),
        }
    }

    fn from_proto(proto: proto::TaskBatch) -> Result<Self, DecodeError> {
        if proto.task.len() > 64 {
            return Err(DecodeError::field("task", "is over 64 bytes"));
        }
        if proto.inputs.is_empty() {
            return Err(DecodeError::field("inputs", "must not be empty"));
        }
        Ok(Self {
            signer: codec::hash32("signer", &proto.signer, Hotkey::new)?,
            mechid: codec::u16_field("mechid", proto.mechid)?,
            epoch: Epoch::new(proto.epoch),
            seq: proto.seq,
            round: proto.round,
            task: proto.task,
            inputs: payloads("inputs", proto.inputs)?,
        })
    }
}

/// A miner's commitment to its answers of one round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputCommit {
    /// The miner's hotkey.
    pub signer: Hotkey,
    /// Mechanism, 0 where there is one.
    pub mechid: u16,
    /// Epoch of the round.
    pub epoch: Epoch,
    /// Number of this statement.
    pub seq: u64,
    /// Round within the epoch.
    pub round: u32,
    /// [`output_root`] of the batch to come.
    pub root: Digest,
}

impl Canonical for OutputCommit {
    type Proto = proto::OutputCommit;

    fn to_proto(&self) -> proto::OutputCommit {
        proto::OutputCommit {
            signer: self.signer.as_bytes().to_vec(),
            mechid: self.mechid.into(),
            epoch: self.epoch.get(),
            seq: self.seq,
            round: self.round,
            root: self.root.as_bytes().to_vec(),
        }
    }

    fn from_proto(proto: proto::OutputCommit) -> Result<Self, DecodeError> {
        Ok(Self {
            signer: codec::hash32("signer", &proto.signer, Hotkey::new)?,
            mechid: codec::u16_field("mechid", proto.mechid)?,
            epoch: Epoch::new(proto.epoch),
            seq: proto.seq,
            round: proto.round,
            root: codec::hash32("root", &proto.root, Digest::new)?,
        })
    }
}

/// A miner's answers to one task batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchOutputs {
    /// The task batch.
    pub batch: ItemId,
    /// One answer per task in order; [`Payload::EMPTY`] for none.
    pub outputs: Vec<Payload>,
}

/// A miner's answers to every batch of one round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputBatch {
    /// The miner's hotkey.
    pub signer: Hotkey,
    /// Mechanism, 0 where there is one.
    pub mechid: u16,
    /// Epoch of the round.
    pub epoch: Epoch,
    /// Number of this statement.
    pub seq: u64,
    /// Round within the epoch.
    pub round: u32,
    /// Strictly rising by batch id.
    pub batches: Vec<BatchOutputs>,
}

impl Canonical for OutputBatch {
    type Proto = proto::OutputBatch;

    fn to_proto(&self) -> proto::OutputBatch {
        let batches = self.batches.iter().map(|batch| proto::BatchOutputs {
            batch: batch.batch.as_bytes().to_vec(),
            outputs: batch.outputs.iter().map(Payload::to_proto).collect(),
        });
        proto::OutputBatch {
            signer: self.signer.as_bytes().to_vec(),
            mechid: self.mechid.into(),
            epoch: self.epoch.get(),
            seq: self.seq,
            round: self.round,
            batches: batches.collect(),
        }
    }

    fn from_proto(proto: proto::OutputBatch) -> Result<Self, DecodeError> {
        if proto.batches.len() > limits::ROUND_BATCHES {
            return Err(DecodeError::field("batches", "has too many entries"));
        }
        let batches: Vec<BatchOutputs> = proto
            .batches
            .into_iter()
            .map(|batch| {
                Ok(BatchOutputs {
                    batch: codec::hash32("batch", &batch.batch, ItemId::new)?,
                    outputs: payloads("outputs", batch.outputs)?,
                })
            })
            .collect::<Result<_, DecodeError>>()?;
        if !batches.is_sorted_by(|a, b| a.batch < b.batch) {
            return Err(DecodeError::field("batches", "must be strictly rising"));
        }
        Ok(Self {
            signer: codec::hash32("signer", &proto.signer, Hotkey::new)?,
            mechid: codec::u16_field("mechid", proto.mechid)?,
            epoch: Epoch::new(proto.epoch),
            seq: proto.seq,
            round: proto.round,
            batches,
        })
    }
}

/// Merkle root that an [`OutputCommit`] holds: one leaf `batch id ‖ digest of the output` per task,
/// batches rising, tasks in order. The commit is signed by the miner for one subnet and round, so
/// nobody can put another's root under their own name and open it.
#[must_use]
pub fn output_root(batches: &[BatchOutputs]) -> Digest {
    merkle::root(batches.iter().flat_map(|batch| {
        batch.outputs.iter().map(|output| {
            let mut leaf = [0; 64];
            let (head, tail) = leaf.split_at_mut(32);
            head.copy_from_slice(batch.batch.as_bytes());
            tail.copy_from_slice(output.digest().as_bytes());
            leaf
        })
    }))
}

/// A miner's signed answer to a task from outside a round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The miner's hotkey.
    pub signer: Hotkey,
    /// [`request_digest`] of the call.
    pub request: Digest,
    /// blake3 of the answer.
    pub output: Digest,
    /// Miner's clock, unix milliseconds.
    pub time: u64,
}

/// What a receipt binds an answer to: the caller, its nonce, the task and the input.
#[must_use]
pub fn request_digest(caller: &Hotkey, nonce: u64, task: &str, input: &[u8]) -> Digest {
    crate::sign::tagged_hash(
        "ganglion/task-request",
        &[caller.as_bytes(), &nonce.to_be_bytes(), task.as_bytes(), input],
    )
}

impl Canonical for Receipt {
    type Proto = proto::Receipt;

    fn to_proto(&self) -> proto::Receipt {
        proto::Receipt {
            signer: self.signer.as_bytes().to_vec(),
            request: self.request.as_bytes().to_vec(),
            output: self.output.as_bytes().to_vec(),
            time: self.time,
        }
    }

    fn from_proto(proto: proto::Receipt) -> Result<Self, DecodeError> {
        Ok(Self {
            signer: codec::hash32("signer", &proto.signer, Hotkey::new)?,
            request: codec::hash32("request", &proto.request, Digest::new)?,
            output: codec::hash32("output", &proto.output, Digest::new)?,
            time: proto.time,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_binds_batch_order_and_answer() {
        let batch = |id: u8, outputs: &[&[u8]]| BatchOutputs {
            batch: ItemId::new([id; 32]),
            outputs: outputs.iter().map(|bytes| Payload::Inline(bytes.to_vec())).collect(),
        };
        let root = output_root(&[batch(1, &[b"a", b"b"])]);
        assert_ne!(root, output_root(&[batch(1, &[b"b", b"a"])]));
        assert_ne!(root, output_root(&[batch(2, &[b"a", b"b"])]));
        assert_ne!(root, output_root(&[batch(1, &[b"a"])]));
        assert_eq!(root, output_root(&[batch(1, &[b"a", b"b"])]));
    }

    #[test]
    fn payloads_outside_their_limits_are_refused() {
        let over = proto::payload::Source::Inline(vec![0; limits::INLINE_BYTES + 1]);
        assert!(Payload::from_proto(proto::Payload { source: Some(over) }).is_err());
        let small = proto::payload::Source::Blob(proto::Blob { digest: vec![0; 32], size: 0 });
        assert!(Payload::from_proto(proto::Payload { source: Some(small) }).is_err());
        assert!(Payload::from_proto(proto::Payload { source: None }).is_err());
    }
}
