//! What peers ask of the store about snapshots and the way to them.

use ganglion_storage::Reader;
use ganglion_types::proto::{self, response::Response};
use ganglion_types::{Canonical as _, Snapshot, limits};
use prost::Message as _;

use super::PARTS_BEFORE_CHUNKS;

/// Bytes of one answer with cuts, below the limit of a response.
const CUTS_BYTES: usize = limits::RPC_BYTES / 2;
/// The same of one with epochs.
const EPOCHS_BYTES: usize = limits::RPC_BYTES / 2;

/// Code of a refusal: the items of that epoch are not kept here.
pub const PRUNED: u32 = 20;

/// A bundle that others can execute: with all items of its cut.
fn whole(bundle: &[u8]) -> Option<proto::EpochBundle> {
    let bundle = proto::EpochBundle::decode(bundle).ok()?;
    let named = bundle.cut.as_ref()?.items.len();
    (bundle.items.len() == named).then_some(bundle)
}

/// The oldest epoch that can be had from here with its items.
#[must_use]
pub fn oldest(reader: &Reader) -> u64 {
    reader.whole_from().unwrap_or(1)
}

/// Consecutive epochs with their items; a refusal that says so if those asked for are not kept.
pub(crate) fn epochs(reader: &Reader, asked: &proto::EpochsRequest) -> Response {
    let max = usize::try_from(asked.max).unwrap_or(usize::MAX).min(limits::RESPONSE_EPOCHS);
    let oldest = oldest(reader);
    let last = reader.certified().map_or(0, |(_, last)| last);
    if asked.from < oldest && asked.from <= last {
        let reason = format!(
            "epochs before {oldest} are not kept here with their items; archive nodes have them"
        );
        return Response::Refused(proto::Refused { code: PRUNED, reason });
    }
    let mut epochs = Vec::new();
    let mut bytes = 0;
    for epoch in (asked.from..).take(max) {
        let Ok(Some(bundle)) = reader.bundle(epoch) else { break };
        bytes += bundle.len();
        if bytes > EPOCHS_BYTES && !epochs.is_empty() {
            break;
        }
        let Some(bundle) = whole(&bundle) else { break };
        epochs.push(bundle);
    }
    Response::Epochs(proto::Epochs { epochs })
}

/// Headers of the newest snapshots.
pub(crate) fn snapshots(reader: &Reader) -> Response {
    let files = reader.snapshots();
    let epochs = files.epochs().unwrap_or_default();
    let headers = epochs.into_iter().rev().filter_map(|epoch| {
        let header = files.part(epoch, 0).ok()??;
        Some(Snapshot::from_bytes(&header, limits::RPC_BYTES).ok()?.to_proto())
    });
    let snapshots = headers.take(limits::RESPONSE_SNAPSHOTS).collect();
    Response::Snapshots(proto::Snapshots { snapshots })
}

/// One chunk, or nothing.
pub(crate) fn chunk(reader: &Reader, asked: &proto::ChunkRequest) -> Response {
    let index = usize::try_from(asked.index).unwrap_or(usize::MAX);
    let part = index.saturating_add(PARTS_BEFORE_CHUNKS);
    let bytes = reader.snapshots().part(asked.epoch, part).ok().flatten();
    Response::Chunk(proto::Chunk { bytes: bytes.unwrap_or_default() })
}

/// Certified cuts without their items, each with its committee where that changes.
pub(crate) fn cuts(reader: &Reader, asked: &proto::CutsRequest) -> Response {
    let most = usize::try_from(asked.max).unwrap_or(usize::MAX).min(limits::RESPONSE_CUTS);
    let mut cuts = Vec::new();
    let mut bytes = 0;
    let mut last_committee = Vec::new();
    for epoch in (asked.from..).take(most) {
        let Some((certified, committee)) = certified(reader, epoch, &last_committee) else { break };
        bytes += certified.encoded_len();
        if bytes > CUTS_BYTES && !cuts.is_empty() {
            break;
        }
        last_committee = committee;
        cuts.push(certified);
    }
    Response::Cuts(proto::Cuts { cuts })
}

fn certified(reader: &Reader, epoch: u64, last: &[u8]) -> Option<(proto::CertifiedCut, Vec<u8>)> {
    let cut = proto::Cut::decode(reader.cut(epoch).ok()??.as_slice()).ok()?;
    let certificate = reader.certificate(epoch).ok()?;
    let certificate =
        certificate.and_then(|bytes| proto::Certificate::decode(bytes.as_slice()).ok());
    let committee = reader.committee_of_epoch(epoch).ok()?;
    // Nobody could check what follows without it. That of the first epoch here is not needed: whoever asks for this one
    // trusts it, or has the manifest.
    let first = reader.certified().map_or(1, |(first, _)| first);
    if committee.is_none() && epoch > first {
        return None;
    }
    let committee = committee.unwrap_or_default();
    let told =
        (committee != last).then(|| proto::CommitteeMembers::decode(committee.as_slice()).ok());
    let told = told.flatten();
    Some((proto::CertifiedCut { cut: Some(cut), certificate, committee: told }, committee))
}
