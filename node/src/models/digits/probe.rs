//! Measures how good a miner's worker really is.

use std::time::Duration;

use futures::StreamExt;
use tokio::time::Instant;

use super::data::Example;
use super::draw;
use super::workers::{TaskInput, TaskLabel};
use crate::worker::{WorkerError, WorkerHandle};

/// Draws per image that keep the error of the measured accuracy near one point.
pub const DRAWS_PER_IMAGE: u32 = 4;

/// Calls under way at once: enough to keep a worker busy, far below the queue.
const CONCURRENCY: usize = 8;
/// Time for one answer.
const LIMIT: Duration = Duration::from_secs(10);

/// Outcome of a probe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accuracy {
    /// Right answers.
    pub correct: u32,
    /// Images shown.
    pub total: u32,
    /// Images without an answer; they count as wrong.
    pub unanswered: u32,
    /// Time from asking to each answer, rising; images wait for one another.
    pub latencies: Vec<Duration>,
    /// Why the first unanswered image was.
    pub first_error: Option<WorkerError>,
}

impl Accuracy {
    /// Share of right answers, 0 to 1.
    pub fn ratio(&self) -> f64 {
        f64::from(self.correct) / f64::from(self.total.max(1))
    }

    /// The latency that `percent` of the answers keep.
    pub fn latency(&self, percent: usize) -> Option<Duration> {
        let last = self.latencies.len().checked_sub(1)?;
        self.latencies.get(last * percent.min(100) / 100).copied()
    }
}

impl std::fmt::Display for Accuracy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.1}% ({} of {})", self.ratio() * 100.0, self.correct, self.total)
    }
}

/// Shows the worker every image of the probe split `draws_per_image` times, with the shift and
/// noise validators use, through the worker protocol. The images follow from `seed`, so two
/// workers probed with one seed see the same.
///
/// # Errors
/// The worker is not ready within `limits.hello` of its spec, or stopped meanwhile. Single failed
/// calls are counted instead.
pub async fn accuracy_probe(
    handle: &WorkerHandle,
    draws_per_image: u32,
    seed: [u8; 32],
) -> Result<Accuracy, WorkerError> {
    handle.ready(handle.limits().hello).await?;
    let asked = draw::probe(&seed, draws_per_image);
    let asked = futures::stream::iter(asked).map(|example| ask(handle, example));
    let mut asked = asked.buffer_unordered(CONCURRENCY);
    let mut accuracy = Accuracy::default();
    while let Some((result, latency)) = asked.next().await {
        accuracy.total += 1;
        match result {
            Ok(right) => {
                accuracy.correct += u32::from(right);
                accuracy.latencies.push(latency);
            }
            Err(WorkerError::Stopped) => return Err(WorkerError::Stopped),
            Err(error) => {
                accuracy.unanswered += 1;
                accuracy.first_error.get_or_insert(error);
            }
        }
    }
    accuracy.latencies.sort_unstable();
    Ok(accuracy)
}

async fn ask(handle: &WorkerHandle, example: Example) -> (Result<bool, WorkerError>, Duration) {
    let started = Instant::now();
    let input = serde_json::to_vec(&TaskInput::from(&example.image));
    let result = match input {
        Ok(input) => handle.forward(input, None, LIMIT).await,
        Err(_) => Err(WorkerError::NotJson { what: "the input" }),
    };
    let is_right = |output: Vec<u8>| {
        let answer = serde_json::from_slice::<TaskLabel>(&output);
        answer.is_ok_and(|answer| answer.label == example.label)
    };
    (result.map(is_right), started.elapsed())
}
