//! What a committee member holds at its deadline.

use crate::codec::{self, Canonical, DecodeError};
use crate::ids::{Digest, Epoch, Hotkey, ItemId};
use crate::sign::tagged_hash;
use crate::{limits, proto};

/// The small signed header. Equal sets share one body, which travels once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionList {
    /// The committee member.
    pub signer: Hotkey,
    /// Epoch being closed.
    pub epoch: Epoch,
    /// Unix milliseconds of the signer's clock.
    pub time: u64,
    /// [`ListBody::digest`].
    pub body: Digest,
    /// Ids in the body.
    pub count: u32,
}

impl Canonical for InclusionList {
    type Proto = proto::InclusionList;

    fn to_proto(&self) -> proto::InclusionList {
        proto::InclusionList {
            signer: self.signer.as_bytes().to_vec(),
            epoch: self.epoch.get(),
            time: self.time,
            body: self.body.as_bytes().to_vec(),
            count: self.count,
        }
    }

    fn from_proto(proto: proto::InclusionList) -> Result<Self, DecodeError> {
        if usize::try_from(proto.count).is_ok_and(|count| count > limits::LIST_IDS) {
            return Err(DecodeError::field("count", "is over what a list may hold"));
        }
        Ok(Self {
            signer: codec::hash32("signer", &proto.signer, Hotkey::new)?,
            epoch: Epoch::new(proto.epoch),
            time: proto.time,
            body: codec::hash32("body", &proto.body, Digest::new)?,
            count: proto.count,
        })
    }
}

/// Ids of the items a member holds, strictly rising.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListBody {
    ids: Vec<ItemId>,
}

impl ListBody {
    /// Sorts and keeps each id once; `None` over [`limits::LIST_IDS`].
    #[must_use]
    pub fn new(mut ids: Vec<ItemId>) -> Option<Self> {
        ids.sort_unstable();
        ids.dedup();
        (ids.len() <= limits::LIST_IDS).then_some(Self { ids })
    }

    /// The ids, strictly rising.
    #[must_use]
    pub fn ids(&self) -> &[ItemId] {
        &self.ids
    }

    /// What headers name it by.
    #[must_use]
    pub fn digest(&self) -> Digest {
        tagged_hash("ganglion/list-body", &[&self.to_bytes()])
    }
}

impl Canonical for ListBody {
    type Proto = proto::ListBody;

    fn to_proto(&self) -> proto::ListBody {
        proto::ListBody { ids: self.ids.iter().map(|id| id.as_bytes().to_vec()).collect() }
    }

    fn from_proto(proto: proto::ListBody) -> Result<Self, DecodeError> {
        let ids = codec::rising_ids("ids", &proto.ids, limits::LIST_IDS, ItemId::new)?;
        Ok(Self { ids })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_one_form_and_one_digest() {
        let ids = [3, 1, 2, 3].map(|byte| ItemId::new([byte; 32]));
        let body = ListBody::new(ids.to_vec()).unwrap();
        let other = ListBody::new(ids[..3].to_vec()).unwrap();
        assert_eq!(body, other);
        assert_eq!(body.digest(), other.digest());
        let mut unsorted = body.to_proto();
        unsorted.ids.swap(0, 1);
        assert!(ListBody::from_proto(unsorted).is_err());
    }
}
