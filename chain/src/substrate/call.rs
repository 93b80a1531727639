//! The calls that carry an anchor, and what a call of somebody else carries.
//!
//! ```text
//! remark       System.remark_with_event(payload)
//! commitment   Commitments.set_commitment(netuid, { fields: [Raw128(head), Raw56(tail)] })
//! both         Utility.batch_all([remark, commitment])
//! ```
//! A commitment's fields have at most 128 bytes, and a runtime of 2024 knows no longer ones; a payload takes two of the
//! three fields. A batch counts only in the form that fails as a whole, so that "the extrinsic succeeded" says
//! that each call in it did.

use subxt::dynamic::{self, Value};
use subxt::ext::scale_decode::DecodeAsType;
use subxt::ext::scale_value::{Composite, Primitive, ValueDef};
use subxt::metadata::Metadata;

use super::account::Call;
use crate::{AnchorPayload, PAYLOAD_BYTES};

/// Longest piece that one field of a commitment holds.
const FIELD_BYTES: usize = 128;

/// Where on a Substrate chain anchors are put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A remark, on any chain: costs a fee, needs no registration, stands in blocks only.
    Remark,
    /// The hotkey's commitment on a subnet of subtensor: free for a registered hotkey, and the newest one can be
    /// looked up in state. At most some 16 per tempo.
    Commitment {
        /// Number of the subnet there.
        netuid: u16,
    },
    /// Both in one transaction.
    Both {
        /// Number of the subnet there.
        netuid: u16,
    },
}

impl Place {
    /// The subnet whose commitments are used.
    #[must_use]
    pub const fn netuid(self) -> Option<u16> {
        match self {
            Self::Remark => None,
            Self::Commitment { netuid } | Self::Both { netuid } => Some(netuid),
        }
    }

    /// The calls of a runtime that it needs.
    pub(super) const fn needs(self) -> &'static [(&'static str, &'static str)] {
        const REMARK: (&str, &str) = ("System", "remark_with_event");
        const COMMIT: (&str, &str) = ("Commitments", "set_commitment");
        match self {
            Self::Remark => &[REMARK],
            Self::Commitment { .. } => &[COMMIT],
            Self::Both { .. } => &[REMARK, COMMIT, ("Utility", "batch_all")],
        }
    }

    /// The first call that `metadata` lacks.
    pub(super) fn missing(self, metadata: &Metadata) -> Option<(&'static str, &'static str)> {
        let knows = |&&(pallet, call): &&(&str, &str)| {
            let found = metadata.pallet_by_name(pallet);
            found.is_some_and(|pallet| pallet.call_variant_by_name(call).is_some())
        };
        self.needs().iter().find(|call| !knows(call)).copied()
    }
}

/// The call that puts `payload` at `place`.
pub(super) fn anchor(place: Place, payload: &AnchorPayload) -> Call {
    let bytes = payload.to_bytes();
    match place {
        Place::Remark => remark(&bytes),
        Place::Commitment { netuid } => commitment(netuid, &bytes),
        Place::Both { netuid } => {
            let calls = [remark(&bytes).into_value(), commitment(netuid, &bytes).into_value()];
            let calls = Composite::named([("calls", Value::unnamed_composite(calls))]);
            dynamic::tx("Utility", "batch_all", calls)
        }
    }
}

fn remark(bytes: &[u8]) -> Call {
    let fields = Composite::named([("remark", Value::from_bytes(bytes))]);
    dynamic::tx("System", "remark_with_event", fields)
}

fn commitment(netuid: u16, bytes: &[u8]) -> Call {
    let field = |piece: &[u8]| {
        Value::unnamed_variant(format!("Raw{}", piece.len()), [Value::from_bytes(piece)])
    };
    let fields = Value::unnamed_composite(bytes.chunks(FIELD_BYTES).map(field));
    let info = Value::named_composite([("fields", fields)]);
    let netuid = Value::u128(u128::from(netuid));
    dynamic::tx(
        "Commitments",
        "set_commitment",
        Composite::named([("netuid", netuid), ("info", info)]),
    )
}

/// A call that may carry an anchor; any other does not decode as this.
#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
enum Carrier {
    System(SystemCall),
    Commitments(CommitmentsCall),
    Utility(UtilityCall),
}

/// A call inside a batch: not another batch, so that a block cannot make the decoder recurse.
#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
enum Inner {
    System(SystemCall),
    Commitments(CommitmentsCall),
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
#[allow(non_camel_case_types, reason = "the runtime's own name of the call")]
enum SystemCall {
    remark_with_event { remark: Vec<u8> },
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
#[allow(non_camel_case_types, reason = "the runtime's own name of the call")]
enum CommitmentsCall {
    set_commitment { info: Commitment },
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
#[allow(non_camel_case_types, reason = "the runtime's own name of the call")]
enum UtilityCall {
    batch_all { calls: Vec<Inner> },
}

/// What a hotkey committed to, in calls and in state.
#[derive(Debug, DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub(super) struct Commitment {
    fields: Vec<Value>,
}

impl Commitment {
    /// The bytes of its raw fields together; `None` if a field is of another kind or there are more than a payload has.
    fn bytes(&self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        for field in &self.fields {
            let ValueDef::Variant(field) = &field.value else { return None };
            if !field.name.starts_with("Raw") && field.name != "BigRaw" {
                return None;
            }
            octets(field.values.values(), &mut bytes)?;
        }
        Some(bytes)
    }

    /// The anchor it is, if it is one.
    pub(super) fn payload(&self) -> Option<AnchorPayload> {
        AnchorPayload::from_bytes(&self.bytes()?).ok()
    }
}

/// Appends bytes, however deeply the runtime's types wrap them: an array in a variant, a bounded vector around a vector.
fn octets<'a>(values: impl Iterator<Item = &'a Value>, to: &mut Vec<u8>) -> Option<()> {
    for value in values {
        match &value.value {
            ValueDef::Primitive(Primitive::U128(byte)) => to.push(u8::try_from(*byte).ok()?),
            // What an anchor can be has no more values than this, wrapped in two or three layers.
            ValueDef::Composite(inner) if to.len() <= PAYLOAD_BYTES => {
                octets(inner.values(), to)?;
            }
            _ => return None,
        }
        if to.len() > PAYLOAD_BYTES {
            return None;
        }
    }
    Some(())
}

/// The anchors in the bytes of a call, at most one per call of a batch.
pub(super) fn payloads(call: &[u8], metadata: &Metadata) -> Vec<AnchorPayload> {
    let call_type = metadata.outer_enums().call_enum_ty();
    let Ok(call) = Carrier::decode_as_type(&mut &*call, call_type, metadata.types()) else {
        return Vec::new();
    };
    let inner = match call {
        Carrier::System(call) => vec![Inner::System(call)],
        Carrier::Commitments(call) => vec![Inner::Commitments(call)],
        Carrier::Utility(UtilityCall::batch_all { calls }) => calls,
    };
    inner.iter().filter_map(payload).collect()
}

fn payload(call: &Inner) -> Option<AnchorPayload> {
    match call {
        Inner::System(SystemCall::remark_with_event { remark }) => {
            AnchorPayload::from_bytes(remark).ok()
        }
        Inner::Commitments(CommitmentsCall::set_commitment { info }) => info.payload(),
    }
}
