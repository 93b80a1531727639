//! The chunks of one snapshot from all peers that offer it, each chunk from one of them.

use std::collections::VecDeque;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use ganglion_storage::{Partial, SnapshotFiles, StoreError};
use ganglion_types::planted::{self, Bug};
use ganglion_types::proto::{self, request::Request, response::Response};
use ganglion_types::{Canonical as _, Hotkey, Snapshot};

use super::progress::Progress;
use super::{BadOffer, Peers, Surroundings, ask};

/// Chunks asked for at a time, one per peer: with answers of 8 MiB at most 32 MiB wait to be looked at.
const AT_A_TIME: usize = 4;

/// What is here of one snapshot. Everything in it is as the header lists it.
pub(super) struct Held {
    header: Snapshot,
    chunks: Vec<Option<Vec<u8>>>,
    file: Partial,
}

/// The name under which pieces of a snapshot are kept.
pub(super) fn name_of(header: &Snapshot) -> [u8; 32] {
    *blake3::hash(&header.to_bytes()).as_bytes()
}

impl Held {
    /// Begins with what an earlier attempt has kept.
    pub(super) fn resume(files: &SnapshotFiles, header: &Snapshot) -> Result<Self, StoreError> {
        let (file, pieces) = files.resume(&name_of(header))?;
        let mut chunks = vec![None; header.chunks.len()];
        for (number, bytes) in pieces {
            let index = usize::try_from(number).unwrap_or(usize::MAX);
            if header.is_chunk(index, &bytes)
                && let Some(chunk) = chunks.get_mut(index)
            {
                *chunk = Some(bytes);
            }
        }
        Ok(Self { header: header.clone(), chunks, file })
    }

    /// Chunks and bytes that are here.
    pub(super) fn have(&self) -> (usize, u64) {
        let here = self.chunks.iter().flatten();
        here.fold((0, 0), |(many, bytes), one| (many + 1, bytes + one.len() as u64))
    }

    fn missing(&self) -> VecDeque<usize> {
        let missing = self.chunks.iter().enumerate().filter(|(_, one)| one.is_none());
        missing.map(|(index, _)| index).collect()
    }

    /// Keeps a chunk. One that cannot be written is fetched again after a restart, and no worse.
    fn keep(&mut self, index: usize, bytes: Vec<u8>) {
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        if let Err(error) = self.file.keep(number, &bytes) {
            tracing::debug!(%error, "a chunk is kept in memory only");
        }
        if let Some(chunk) = self.chunks.get_mut(index) {
            *chunk = Some(bytes);
        }
    }

    /// All chunks, if none is missing.
    pub(super) fn whole(self) -> Option<Vec<Vec<u8>>> {
        self.chunks.into_iter().collect()
    }
}

/// Fetches what is missing. A peer whose answer is not the chunk loses its place, and its chunk is asked of another;
/// ends when nothing is missing or no peer is left.
pub(super) async fn fetch(
    world: &impl Surroundings,
    offering: &mut Peers,
    held: &mut Held,
    progress: &mut Progress,
) {
    let mut missing = held.missing();
    let mut idle: VecDeque<Hotkey> = offering.of(&held.header).into();
    let mut under_way = FuturesUnordered::new();
    loop {
        while under_way.len() < AT_A_TIME && !missing.is_empty() && !idle.is_empty() {
            let (Some(index), Some(peer)) = (missing.pop_front(), idle.pop_front()) else { break };
            let epoch = held.header.epoch.get();
            let number = u32::try_from(index).unwrap_or(u32::MAX);
            let request = Request::Chunk(proto::ChunkRequest { epoch, index: number });
            under_way.push(async move { (peer, index, ask(world, peer, request).await) });
        }
        let Some((peer, index, answer)) = under_way.next().await else { return };
        match judge(&held.header, index, answer) {
            Ok(bytes) => {
                held.keep(index, bytes);
                idle.push_back(peer);
                progress.chunks(world, held.have());
            }
            Err(error) => {
                missing.push_front(index);
                offering.lost(world, peer, &error);
            }
        }
    }
}

fn judge(
    header: &Snapshot,
    index: usize,
    answer: Result<Response, BadOffer>,
) -> Result<Vec<u8>, BadOffer> {
    match answer? {
        Response::Chunk(chunk) if header.is_chunk(index, &chunk.bytes) => Ok(chunk.bytes),
        Response::Chunk(chunk) if chunk.bytes.is_empty() => Err(BadOffer::Empty),
        Response::Chunk(chunk) if planted::is(Bug::ChunkUnverified) => Ok(chunk.bytes),
        Response::Chunk(_) => Err(BadOffer::Chunk(index)),
        _ => Err(BadOffer::Empty),
    }
}
