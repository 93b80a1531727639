//! How far joining has come, for the log and the status.

use std::time::Duration;

use ganglion_types::{Epoch, Snapshot};
use tokio::time::Instant;

use crate::view::{Joining, View};

/// The log says how far joining is at most this often.
const LOG: Duration = Duration::from_secs(5);

/// Counts what comes, and shows it.
pub(super) struct Progress {
    view: View,
    now: Joining,
    since: Instant,
    /// Bytes that were here when counting began.
    before: u64,
    logged: Option<Instant>,
}

impl Progress {
    pub(super) fn new(view: View) -> Self {
        let now = Joining::default();
        Self { view, now, since: Instant::now(), before: 0, logged: None }
    }

    /// So many cuts up to `epoch` have held, of those up to `to`.
    pub(super) fn cuts(&mut self, epoch: Epoch, to: Epoch) {
        self.now.cut = epoch.get();
        self.now.epoch = to.get();
        self.show();
    }

    /// Fetching of this snapshot begins, with some of it here.
    pub(super) fn begin(&mut self, header: &Snapshot, (chunks, bytes): (usize, u64)) {
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
        (self.since, self.before) = (Instant::now(), bytes);
        if chunks > 0 {
            tracing::info!(epoch = %header.epoch, chunks, bytes, "going on with what was fetched before");
        }
        self.show();
    }

    /// So many chunks and bytes are here.
    pub(super) fn chunks(&mut self, (chunks, bytes): (usize, u64)) {
        (self.now.chunks, self.now.bytes) = (chunks, bytes);
        let millis = self.since.elapsed().as_millis().max(1);
        let came = u128::from(bytes.saturating_sub(self.before));
        self.now.bytes_per_second = u64::try_from(came.saturating_mul(1_000) / millis).ok();
        self.show();
    }

    fn show(&mut self) {
        let now = self.now;
        self.view.update(|view| view.joining = Some(now));
        if self.logged.is_some_and(|last| last.elapsed() < LOG) {
            return;
        }
        self.logged = Some(Instant::now());
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
