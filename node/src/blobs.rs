//! Payloads too large to travel in line: kept in memory by digest, fetched from the peer that named
//! them, checked against the digest.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ganglion_types::{Digest, Hotkey, Payload, limits, proto};

/// Bytes kept in all; the oldest blob goes first.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// Time for one part.
const PART_LIMIT: Duration = Duration::from_secs(5);

/// Blobs of this node and those it fetched. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Blobs {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    blobs: BTreeMap<Digest, Arc<[u8]>>,
    order: VecDeque<Digest>,
    bytes: usize,
}

/// Why a payload could not be had.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// Over what a blob may have.
    #[error("{size} bytes, over the limit of {}", limits::BLOB_BYTES)]
    TooLarge {
        /// Size in bytes.
        size: u64,
    },
    /// The peer gave no or an unfit answer.
    #[error("the peer does not give blob {digest}: {reason}")]
    NotGiven {
        /// Of the blob.
        digest: Digest,
        /// Why.
        reason: String,
    },
    /// The bytes have another digest.
    #[error("the peer gave other bytes than those of blob {digest}")]
    Forged {
        /// Of the blob.
        digest: Digest,
    },
}

impl Blobs {
    /// Wraps bytes for the wire: in line up to `inline` bytes, else as a blob that is kept here.
    ///
    /// # Errors
    /// [`BlobError::TooLarge`].
    pub fn wrap(&self, bytes: Vec<u8>, inline: usize) -> Result<Payload, BlobError> {
        if bytes.len() <= inline.min(limits::INLINE_BYTES) {
            return Ok(Payload::Inline(bytes));
        }
        let size = bytes.len() as u64;
        if bytes.len() > limits::BLOB_BYTES {
            return Err(BlobError::TooLarge { size });
        }
        let digest = Digest::new(*blake3::hash(&bytes).as_bytes());
        self.keep(digest, bytes.into());
        Ok(Payload::Blob { digest, size })
    }

    /// The bytes of a payload, fetched from `peer` if they are not here.
    ///
    /// # Errors
    /// Any [`BlobError`].
    pub async fn unwrap(
        &self,
        payload: &Payload,
        peer: Hotkey,
        network: &ganglion_p2p::Handle,
    ) -> Result<Vec<u8>, BlobError> {
        match payload {
            Payload::Inline(bytes) => Ok(bytes.clone()),
            Payload::Blob { digest, size } => {
                if let Some(bytes) = self.get(digest) {
                    return Ok(bytes.to_vec());
                }
                let bytes = fetch(*digest, *size, peer, network).await?;
                self.keep(*digest, bytes.clone().into());
                Ok(bytes)
            }
        }
    }

    /// A part of a blob for a peer; size 0 if it is not here.
    #[must_use]
    pub fn part(&self, request: &proto::BlobRequest) -> proto::BlobPart {
        let blob = Digest::from_slice(&request.digest).and_then(|digest| self.get(&digest));
        let Some(blob) = blob else { return proto::BlobPart { bytes: Vec::new(), size: 0 } };
        let from = usize::try_from(request.offset).unwrap_or(usize::MAX).min(blob.len());
        let to = from.saturating_add(limits::BLOB_PART_BYTES).min(blob.len());
        proto::BlobPart { bytes: blob[from..to].to_vec(), size: blob.len() as u64 }
    }

    fn get(&self, digest: &Digest) -> Option<Arc<[u8]>> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.blobs.get(digest).cloned()
    }

    fn keep(&self, digest: Digest, bytes: Arc<[u8]>) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.bytes += bytes.len();
        if let Some(same) = inner.blobs.insert(digest, bytes) {
            inner.bytes -= same.len();
        } else {
            inner.order.push_back(digest);
        }
        while inner.bytes > BYTES_MAX {
            let Some(oldest) = inner.order.pop_front() else { return };
            if let Some(gone) = inner.blobs.remove(&oldest) {
                inner.bytes -= gone.len();
            }
        }
    }
}

async fn fetch(
    digest: Digest,
    size: u64,
    peer: Hotkey,
    network: &ganglion_p2p::Handle,
) -> Result<Vec<u8>, BlobError> {
    let not_given = |reason: String| BlobError::NotGiven { digest, reason };
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if size > limits::BLOB_BYTES {
        return Err(BlobError::TooLarge { size: size as u64 });
    }
    let mut bytes = Vec::new();
    while bytes.len() < size {
        let request =
            proto::BlobRequest { digest: digest.as_bytes().to_vec(), offset: bytes.len() as u64 };
        let request = proto::Request { request: Some(proto::request::Request::Blob(request)) };
        let response = network
            .ask(peer, request, PART_LIMIT)
            .await
            .map_err(|error| not_given(error.to_string()))?;
        match response.response {
            Some(proto::response::Response::Blob(part)) if !part.bytes.is_empty() => {
                bytes.extend_from_slice(&part.bytes);
            }
            _ => return Err(not_given("it does not hold it".into())),
        }
    }
    if bytes.len() == size && Digest::new(*blake3::hash(&bytes).as_bytes()) == digest {
        Ok(bytes)
    } else {
        Err(BlobError::Forged { digest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_payloads_stay_in_line_and_large_ones_are_given_in_parts() {
        let blobs = Blobs::default();
        assert_eq!(blobs.wrap(vec![1; 10], 10).unwrap(), Payload::Inline(vec![1; 10]));
        let large = vec![7; limits::BLOB_PART_BYTES + 5];
        let Payload::Blob { digest, size } = blobs.wrap(large.clone(), usize::MAX).unwrap() else {
            panic!("in line");
        };
        let mut got = Vec::new();
        while got.len() < size as usize {
            let request =
                proto::BlobRequest { digest: digest.as_bytes().to_vec(), offset: got.len() as u64 };
            let part = blobs.part(&request);
            assert_eq!(part.size, size);
            got.extend(part.bytes);
        }
        assert_eq!(got, large);
        assert!(blobs.wrap(vec![0; limits::BLOB_BYTES + 1], usize::MAX).is_err());
    }

    #[test]
    fn the_oldest_blob_goes_when_the_bound_is_reached() {
        let blobs = Blobs::default();
        let blob = |byte: u8| vec![byte; limits::BLOB_BYTES];
        let many = BYTES_MAX / limits::BLOB_BYTES;
        let payloads: Vec<Payload> =
            (0..=many).map(|n| blobs.wrap(blob(n as u8), usize::MAX).unwrap()).collect();
        let held = |payload: &Payload| blobs.get(&payload.digest()).is_some();
        assert!(!held(&payloads[0]));
        assert!(payloads[1..].iter().all(held));
    }
}
