//! How good each miner really is, measured by nobody who takes part.
//!
//! A second instance of the miner's worker is asked through the worker protocol about images that no
//! validator draws from, with the validators' shift and noise.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::spec::Model;
use crate::models::{self, digits};
use crate::worker::{Role, WorkerError, WorkerHandle, WorkerSpec, WorkerState};

/// One seed for all: every miner is shown the same images.
const SEED: [u8; 32] = *b"ganglion testnet accuracy seed 1";

/// Outcome of a measurement.
#[derive(Clone, Debug)]
pub struct Measured {
    /// What was found.
    pub accuracy: digits::Accuracy,
    /// From the start of the worker to its `hello`.
    pub ready: Duration,
}

/// Measures one model. With `state`, a learner answers as far as it has learned there, and learns
/// nothing more.
///
/// # Errors
/// Why the worker does not work.
pub async fn measure(
    ganglion: &Path,
    model: &Model,
    subnet: &str,
    state: Option<PathBuf>,
) -> Result<Measured, WorkerError> {
    let command = match model {
        Model::Builtin(name) => models::builtin_command(ganglion, name)
            .map_err(|error| WorkerError::NotReady { reason: error.to_string() })?,
        Model::Command(words) => words.clone(),
    };
    let mut spec = WorkerSpec::new(command, Role::Miner, subnet, digits::TASK);
    if state.is_some() {
        spec.env.push((digits::learner::FROZEN_ENV.into(), "1".into()));
    }
    spec.dir = state;
    let started = Instant::now();
    let handle = WorkerHandle::spawn(spec);
    let measured = measure_with(&handle, started).await;
    handle.stop().await;
    measured
}

async fn measure_with(handle: &WorkerHandle, started: Instant) -> Result<Measured, WorkerError> {
    settled(handle).await?;
    let ready = started.elapsed();
    let accuracy = digits::accuracy_probe(handle, digits::DRAWS_PER_IMAGE, SEED).await?;
    Ok(Measured { accuracy, ready })
}

/// Waits for the first `hello`. A worker that fails at its first start is not waited for: here
/// somebody is watching.
async fn settled(handle: &WorkerHandle) -> Result<(), WorkerError> {
    let limit = handle.limits().hello;
    let mut state = handle.state();
    let changed = state.wait_for(|state| !matches!(state, WorkerState::Starting));
    match tokio::time::timeout(limit, changed).await {
        Ok(Ok(state)) => match &*state {
            WorkerState::BackOff { reason, .. } => {
                Err(WorkerError::NotReady { reason: reason.clone() })
            }
            WorkerState::Stopped => Err(WorkerError::Stopped),
            WorkerState::Starting | WorkerState::Ready(_) => Ok(()),
        },
        Ok(Err(_)) => Err(WorkerError::Stopped),
        Err(_) => {
            let reason = format!("no answer to hello in {} s", limit.as_secs());
            Err(WorkerError::NotReady { reason })
        }
    }
}
