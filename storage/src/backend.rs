//! The seam between the tables and what keeps them.
//!
//! A backend is one ordered map of bytes. All tables live in it under one-byte prefixes, because a sled batch is atomic
//! within one tree only.

use std::fmt;

use crate::codec::{Fields, len_u32};

/// Operations of one batch. Larger ones made sled's memory grow to several times its cache.
pub const BATCH_OPERATIONS_MAX: usize = 1_000;
/// Bytes of keys and values in one batch.
pub const BATCH_BYTES_MAX: usize = 8 << 20;

/// A change of one row: its key, and its value or `None` to remove it.
pub type Operation = (Vec<u8>, Option<Vec<u8>>);

/// A key and its value.
pub type Row = (Vec<u8>, Vec<u8>);

/// The backend refused, or panicked and was caught.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{reason}")]
pub struct BackendError {
    /// In its own words.
    pub reason: String,
    /// Whether the medium is full or read-only.
    pub full: bool,
}

/// An ordered map of bytes that survives.
pub trait Backend: fmt::Debug + Send + Sync {
    /// The value of `key`.
    ///
    /// # Errors
    /// What the backend says.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError>;

    /// At most `limit` rows from `start` on, in key order, ending before `end`.
    ///
    /// # Errors
    /// What the backend says.
    fn scan(&self, start: &[u8], end: &[u8], limit: usize) -> Result<Vec<Row>, BackendError>;

    /// Applies all of the batch or, after a crash, none of it. Within [`BATCH_OPERATIONS_MAX`] and [`BATCH_BYTES_MAX`],
    /// no key twice. Batches become durable in order.
    ///
    /// # Errors
    /// What the backend says; nothing is then known about what was applied.
    fn apply(&self, batch: &[Operation]) -> Result<(), BackendError>;

    /// Returns once everything applied survives loss of power.
    ///
    /// # Errors
    /// What the backend says; nothing is then known about what is durable.
    fn flush(&self) -> Result<(), BackendError>;
}

/// A batch as bytes: per operation key length u32, key, 0 or (1, value length u32, value).
pub(crate) fn encode_operations(batch: &[Operation]) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, value) in batch {
        out.extend_from_slice(&len_u32(key));
        out.extend_from_slice(key);
        match value {
            None => out.push(0),
            Some(value) => {
                out.push(1);
                out.extend_from_slice(&len_u32(value));
                out.extend_from_slice(value);
            }
        }
    }
    out
}

/// The batch that these bytes are, if they are one.
pub(crate) fn decode_operations(bytes: &[u8]) -> Option<Vec<Operation>> {
    fn part(fields: &mut Fields<'_>) -> Option<Vec<u8>> {
        let length = usize::try_from(fields.u32()?).ok()?;
        fields.take(length).map(<[u8]>::to_vec)
    }
    let mut fields = Fields::new(bytes);
    let mut batch = Vec::new();
    loop {
        let mut ahead = Fields::new(fields.rest());
        let Some(length) = ahead.u32() else { return ahead.end(batch) };
        let key = ahead.take(usize::try_from(length).ok()?)?.to_vec();
        let value = match ahead.u8()? {
            0 => None,
            1 => Some(part(&mut ahead)?),
            _ => return None,
        };
        batch.push((key, value));
        fields = ahead;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_batch_reads_back_and_no_shortened_one_does(
            batch: Vec<(Vec<u8>, Option<Vec<u8>>)>, cut in 1_usize..40,
        ) {
            let bytes = encode_operations(&batch);
            prop_assert_eq!(decode_operations(&bytes), Some(batch.clone()));
            let shorter = &bytes[..bytes.len().saturating_sub(cut)];
            prop_assert!(batch.is_empty() || decode_operations(shorter) != Some(batch));
        }
    }
}
