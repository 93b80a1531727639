//! The canonical encoding: protobuf whose bytes equal the re-encoding of what they decode to.
//!
//! Typed values are made from the generated messages and give them back, so an unknown, repeated,
//! reordered or default-valued field cannot survive the round trip and is refused.

use prost::Message;

/// Why bytes are no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Longer than the caller's limit.
    #[error("{size} bytes, over the limit of {limit}")]
    TooLarge {
        /// Size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Not the protobuf message expected.
    #[error("not the protobuf message expected here")]
    Protobuf,
    /// Decodes, but the bytes are not its canonical encoding.
    #[error("not in canonical form")]
    NonCanonical,
    /// A field that is missing, out of range or out of order.
    #[error("field {field} {rule}")]
    Field {
        /// Name in the published protobuf file.
        field: &'static str,
        /// The rule it breaks.
        rule: &'static str,
    },
}

impl DecodeError {
    /// A field that breaks a rule.
    #[must_use]
    pub const fn field(field: &'static str, rule: &'static str) -> Self {
        Self::Field { field, rule }
    }
}

/// A value with one encoding.
pub trait Canonical: Sized {
    /// The generated message.
    type Proto: Message + Default;

    /// The message of this value.
    fn to_proto(&self) -> Self::Proto;

    /// Checks form and ranges.
    ///
    /// # Errors
    /// Names the field and the rule it breaks.
    fn from_proto(proto: Self::Proto) -> Result<Self, DecodeError>;

    /// The canonical bytes.
    fn to_bytes(&self) -> Vec<u8> {
        self.to_proto().encode_to_vec()
    }

    /// How many canonical bytes there are.
    fn encoded_len(&self) -> usize {
        self.to_proto().encoded_len()
    }

    /// Decodes canonical bytes of at most `limit` bytes.
    ///
    /// # Errors
    /// Size first, then protobuf, then fields, then canonical form.
    fn from_bytes(bytes: &[u8], limit: usize) -> Result<Self, DecodeError> {
        if bytes.len() > limit {
            return Err(DecodeError::TooLarge { size: bytes.len(), limit });
        }
        let proto = Self::Proto::decode(bytes).map_err(|_| DecodeError::Protobuf)?;
        let value = Self::from_proto(proto)?;
        if value.to_bytes() != bytes {
            return Err(DecodeError::NonCanonical);
        }
        Ok(value)
    }
}

/// Takes a 32-byte field.
pub(crate) fn hash32<T>(
    field: &'static str,
    bytes: &[u8],
    wrap: impl FnOnce([u8; 32]) -> T,
) -> Result<T, DecodeError> {
    bytes.try_into().map(wrap).map_err(|_| DecodeError::field(field, "must be 32 bytes"))
}

/// Takes a 64-byte field.
pub(crate) fn signature(bytes: &[u8]) -> Result<crate::Signature, DecodeError> {
    crate::Signature::from_slice(bytes).ok_or(DecodeError::field("signature", "must be 64 bytes"))
}

/// Takes a `u16` that travels as `u32`.
pub(crate) fn u16_field(field: &'static str, value: u32) -> Result<u16, DecodeError> {
    u16::try_from(value).map_err(|_| DecodeError::field(field, "must be below 65536"))
}

/// Takes strictly rising 32-byte ids, at most `max` of them.
pub(crate) fn rising_ids<T: Ord>(
    field: &'static str,
    ids: &[Vec<u8>],
    max: usize,
    wrap: impl Fn([u8; 32]) -> T,
) -> Result<Vec<T>, DecodeError> {
    if ids.len() > max {
        return Err(DecodeError::field(field, "has too many entries"));
    }
    let ids: Vec<T> = ids.iter().map(|id| hash32(field, id, &wrap)).collect::<Result<_, _>>()?;
    if ids.is_sorted_by(|a, b| a < b) {
        Ok(ids)
    } else {
        Err(DecodeError::field(field, "must be strictly rising"))
    }
}
