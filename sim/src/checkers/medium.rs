//! Checker: what a node says of itself is on its medium before it leaves.
//!
//! Asked at the very moment of sending, against the bytes that would survive the worst crash now. Of a
//! vote, a proposal or a list it is the signature that must be in the agreement log of its epoch; of a
//! numbered item that its number is below the reserved one in the watermark file.

use std::collections::BTreeSet;
use std::path::PathBuf;

use ganglion_storage::faulty::FaultyDisk;
use ganglion_types::proto::{self, agreement_message::Message};
use prost::Message as _;

/// The medium of one process.
#[derive(Debug)]
pub(crate) struct Medium {
    disk: FaultyDisk,
    home: PathBuf,
    me: Option<[u8; 32]>,
    /// Numbers below this one are known to be reserved.
    reserved: u64,
    /// Signatures found on the medium: what is durable stays so while the process lives.
    found: BTreeSet<Vec<u8>>,
}

/// Where the slots of a watermark file begin (`docs/spec/storage.md`, section 4).
const SLOTS: [usize; 2] = [0, 4_096];
const SLOT_BYTES: usize = 154;

impl Medium {
    pub(crate) const fn new(disk: FaultyDisk, home: PathBuf, me: Option<[u8; 32]>) -> Self {
        Self { disk, home, me, reserved: 0, found: BTreeSet::new() }
    }

    /// An encoded message of agreement leaves.
    pub(crate) fn vote_leaves(&mut self, bytes: &[u8]) -> Option<String> {
        self.message_leaves(&proto::AgreementMessage::decode(bytes).ok()?)
    }

    /// A message of agreement leaves; why it must not.
    pub(crate) fn message_leaves(&mut self, message: &proto::AgreementMessage) -> Option<String> {
        let (what, epoch, signer, signature) = match message.message.as_ref()? {
            Message::Vote(vote) => {
                ("a vote", vote.body.as_ref()?.epoch, vote.signer.clone(), &vote.signature)
            }
            Message::Proposal(proposal) => {
                let epoch = proposal.body.as_ref()?.epoch;
                ("a proposal", epoch, proposal.signer.clone(), &proposal.signature)
            }
            Message::List(item) => {
                let list = proto::InclusionList::decode(item.body.as_slice()).ok()?;
                ("a list", list.epoch, list.signer, &item.signature)
            }
            Message::Polka(_) | Message::RoundCertificate(_) => return None,
        };
        if self.me.is_none_or(|me| me.as_slice() != signer)
            || self.found.contains(signature)
            || self.is_certified(epoch)
        {
            return None;
        }
        let log = self.disk.durable(&self.home.join(format!("agreement-{epoch:020}.log")));
        let held = log.is_some_and(|log| contains(&log, signature));
        if held {
            self.found.insert(signature.clone());
        }
        (!held).then(|| format!("{what} of epoch {epoch} left before its record was durable"))
    }

    /// Whether the next height has begun on the medium: then this one is certified and its log may go.
    fn is_certified(&self, epoch: u64) -> bool {
        let later = self.home.join(format!("agreement-{:020}.log", epoch + 1));
        self.disk.durable(&later).is_some()
    }

    /// An item leaves; why it must not.
    pub(crate) fn item_leaves(&mut self, bytes: &[u8]) -> Option<String> {
        let item = proto::Item::decode(bytes).ok()?;
        let (signer, seq) = numbered(&item)?;
        if self.me.is_none_or(|me| me.as_slice() != signer) || seq < self.reserved {
            return None;
        }
        let file = self.disk.durable(&self.home.join("watermark")).unwrap_or_default();
        self.reserved = reserved(&file).unwrap_or(0);
        (seq >= self.reserved).then(|| {
            let reserved = self.reserved;
            format!("item number {seq} left, but only those below {reserved} are reserved durably")
        })
    }
}

/// Signer and number of an item that has one.
pub(crate) fn numbered(item: &proto::Item) -> Option<(Vec<u8>, u64)> {
    let body = item.body.as_slice();
    Some(match item.kind {
        1 => proto::Weights::decode(body).ok().map(|one| (one.signer, one.seq))?,
        2 => proto::WeightCommit::decode(body).ok().map(|one| (one.signer, one.seq))?,
        3 => proto::WeightReveal::decode(body).ok().map(|one| (one.signer, one.seq))?,
        16 => proto::TaskBatch::decode(body).ok().map(|one| (one.signer, one.seq))?,
        17 => proto::OutputCommit::decode(body).ok().map(|one| (one.signer, one.seq))?,
        18 => proto::OutputBatch::decode(body).ok().map(|one| (one.signer, one.seq))?,
        _ => return None,
    })
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    let Some((first, _)) = needle.split_first() else { return false };
    let mut from = 0;
    while let Some(at) =
        haystack.get(from..).and_then(|rest| rest.iter().position(|one| one == first))
    {
        if haystack.get(from + at..).is_some_and(|rest| rest.starts_with(needle)) {
            return true;
        }
        from += at + 1;
    }
    false
}

/// The number below which items are reserved, by whichever slot says more.
fn reserved(file: &[u8]) -> Option<u64> {
    let of = |slot: usize| {
        let slot = file.get(slot..slot + SLOT_BYTES)?;
        let number: [u8; 8] = slot.get(114..122)?.try_into().ok()?;
        slot.starts_with(b"GNGLWMRK").then(|| u64::from_be_bytes(number))
    };
    SLOTS.into_iter().filter_map(of).max()
}
