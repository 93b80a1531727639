//! How far joining has come, for the log and the status.

use std::time::Duration;

use ganglion_types::{Epoch, Snapshot};

use super::Surroundings;

/// The log says how far joining is at most this often.
const LOG: Duration = Duration::from_secs(5);

/// How far joining by a snapshot is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Joining {
    /// The last epoch whose certified cut has held.
    pub cut: u64,
    /// The epoch of the snapshot.
    pub epoch: u64,
    /// Chunks that are here.
    pub chunks: usize,
    /// All of them; 0 until the cuts have led to the snapshot's.
    pub chunks_all: usize,
    /// Bytes that are here.
    pub bytes: u64,
    /// All of them.
    pub bytes_all: u64,
    /// How many come per second; none before the first.
    pub bytes_per_second: Option<u64>,
}

impl Joining {
    /// Seconds until all bytes are here at this rate.
    #[must_use]
    pub fn eta_s(&self) -> Option<u64> {
        let rate = self.bytes_per_second.filter(|rate| *rate > 0)?;
        Some(self.bytes_all.saturating_sub(self.bytes).div_ceil(rate))
    }
}

/// Counts what comes, and shows it.
#[derive(Default)]
pub(super) struct Progress {
    now: Joining,
    since: Duration,
    /// Bytes that were here when counting began.
    before: u64,
    logged: Option<Duration>,
}

impl Progress {
    /// So many cuts up to `epoch` have held, of those up to `to`.
    pub(super) fn cuts(&mut self, world: &impl Surroundings, epoch: Epoch, to: Epoch) {
        self.now.cut = epoch.get();
        self.now.epoch = to.get();
        self.show(world);
    }

    /// Fetching of this snapshot begins, with some of it here.
    pub(super) fn begin(
        &mut self,
        world: &impl Surroundings,
        header: &Snapshot,
        (chunks, bytes): (usize, u64),
    ) {
        let all = header.chunks.iter().map(|chunk| u64::from(chunk.bytes)).sum();
        self.now = Joining {
            cut: header.epoch.get(),
            epoch: header.epoch.get(),
            chunks,
            chunks_all: header.chunks.len(),
            bytes,
            bytes_all: all,
            bytes_per_second: None,
        };
        (self.since, self.before) = (world.elapsed(), bytes);
        if chunks > 0 {
            tracing::info!(epoch = %header.epoch, chunks, bytes, "going on with what was fetched before");
        }
        self.show(world);
    }

    /// So many chunks and bytes are here.
    pub(super) fn chunks(&mut self, world: &impl Surroundings, (chunks, bytes): (usize, u64)) {
        (self.now.chunks, self.now.bytes) = (chunks, bytes);
        let millis = (world.elapsed() - self.since).as_millis().max(1);
        let came = u128::from(bytes.saturating_sub(self.before));
        self.now.bytes_per_second = u64::try_from(came.saturating_mul(1_000) / millis).ok();
        self.show(world);
    }

    fn show(&mut self, world: &impl Surroundings) {
        let now = self.now;
        world.show(now);
        let time = world.elapsed();
        if self.logged.is_some_and(|last| time - last < LOG) {
            return;
        }
        self.logged = Some(time);
        let Joining { cut, epoch, chunks, chunks_all, bytes, bytes_all, bytes_per_second } = now;
        let eta_s = now.eta_s();
        match chunks_all {
            0 => tracing::info!(cut, of = epoch, "joining: following certified cuts"),
            _ => tracing::info!(
                epoch,
                chunks,
                chunks_all,
                bytes,
                bytes_all,
                bytes_per_second,
                eta_s,
                "joining: fetching the state"
            ),
        }
    }
}
