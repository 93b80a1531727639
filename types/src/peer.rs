//! Where a peer can be reached, signed by itself.

use crate::codec::{self, Canonical, DecodeError};
use crate::ids::Hotkey;
use crate::{limits, proto};

/// A peer's own, expiring record. The highest `seq` replaces the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerRecord {
    /// The peer's hotkey; its libp2p `PeerId` derives from it.
    pub signer: Hotkey,
    /// Number of this statement.
    pub seq: u64,
    /// Unix seconds after which it says nothing, at most [`limits::PEER_TTL_SECONDS`] ahead.
    pub expires: u64,
    /// Multiaddrs, 1 to 8.
    pub addresses: Vec<String>,
    /// Whether the peer keeps every epoch for ever.
    pub archive: bool,
}

impl Canonical for PeerRecord {
    type Proto = proto::PeerRecord;

    fn to_proto(&self) -> proto::PeerRecord {
        proto::PeerRecord {
            signer: self.signer.as_bytes().to_vec(),
            seq: self.seq,
            expires: self.expires,
            addresses: self.addresses.clone(),
            archive: self.archive,
        }
    }

    fn from_proto(proto: proto::PeerRecord) -> Result<Self, DecodeError> {
        if !(1..=limits::PEER_ADDRESSES).contains(&proto.addresses.len()) {
            return Err(DecodeError::field("addresses", "must be 1 to 8"));
        }
        let fits = |text: &String| !text.is_empty() && text.len() <= limits::ADDRESS_BYTES;
        if !proto.addresses.iter().all(fits) {
            return Err(DecodeError::field("addresses", "must be 1 to 256 bytes each"));
        }
        Ok(Self {
            signer: codec::hash32("signer", &proto.signer, Hotkey::new)?,
            seq: proto.seq,
            expires: proto.expires,
            addresses: proto.addresses,
            archive: proto.archive,
        })
    }
}
