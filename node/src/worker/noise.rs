//! What a worker says besides its answers: stderr and `log`, passed on at a bounded rate.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::process::ChildStderr;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::lines::{LineError, LineReader, printable};
use crate::telemetry::Bucket;

/// Lines a quiet worker may write at once.
const BURST: u32 = 20;
/// One more line per this time.
const REFILL: Duration = Duration::from_millis(100);
/// Characters of a line that are shown.
const LINE_CHARS_MAX: usize = 400;
/// Bytes of stderr held without a newline.
const STDERR_LINE_BYTES_MAX: usize = 8 * 1024;

/// A token bucket in front of the log, one per child process.
#[derive(Debug)]
pub(crate) struct LogGate {
    worker: String,
    bucket: Mutex<Bucket>,
}

impl LogGate {
    pub(crate) fn new(worker: &str) -> Self {
        let bucket = Bucket::new(BURST, REFILL, Instant::now());
        Self { worker: worker.to_owned(), bucket: Mutex::new(bucket) }
    }

    /// Logs one line at a level named as in `tracing`; unknown levels are `info`.
    pub(crate) fn log(&self, level: &str, message: &str) {
        let withheld = {
            let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
            if !bucket.admit(Instant::now()) {
                return;
            }
            bucket.take_withheld()
        };
        let worker = self.worker.as_str();
        if withheld > 0 {
            tracing::warn!(worker, withheld, "the worker wrote faster than the log takes");
        }
        match level {
            "error" => tracing::error!(worker, "{message}"),
            "warn" | "warning" => tracing::warn!(worker, "{message}"),
            "debug" | "trace" => tracing::debug!(worker, "{message}"),
            _ => tracing::info!(worker, "{message}"),
        }
    }
}

/// Forwards stderr to the log until it ends, and remembers the last line. Stops on drop.
#[derive(Debug)]
pub(crate) struct StderrForward {
    task: JoinHandle<()>,
    last: Arc<Mutex<Option<String>>>,
}

impl StderrForward {
    pub(crate) fn spawn(stderr: ChildStderr, gate: Arc<LogGate>) -> Self {
        let last = Arc::new(Mutex::new(None));
        let keep = Arc::clone(&last);
        let task = tokio::spawn(async move {
            let mut lines = LineReader::new(stderr, STDERR_LINE_BYTES_MAX);
            loop {
                let line = match lines.next().await {
                    Ok(Some(line)) => line,
                    Err(LineError::TooLong) => lines.discard(),
                    Ok(None) | Err(LineError::Io(_)) => return,
                };
                let text = printable(&line, LINE_CHARS_MAX);
                if !text.is_empty() {
                    gate.log("info", &text);
                    *keep.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
                }
            }
        });
        Self { task, last }
    }

    /// The last line, after a short wait for stderr to end.
    pub(crate) async fn last_words(&mut self) -> Option<String> {
        // Somebody else may hold the pipe open; then what came so far is what there is.
        let _ = timeout(Duration::from_millis(300), &mut self.task).await;
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for StderrForward {
    fn drop(&mut self) {
        self.task.abort();
    }
}
