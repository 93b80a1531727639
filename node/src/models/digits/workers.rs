//! The digit models as workers, and the JSON of their task.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::classify::{Classifier, ModelError};
use super::data::{Example, Image};
use super::learner::{FROZEN_ENV, Learner};
use crate::worker::protocol::{
    Forward, Hello, INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, RpcError,
};
use crate::worker::serve::{Worker, raw};
use crate::worker::{Feedback, WorkerInfo};

/// Task type of the digits subnet.
pub const TASK: &str = "digits";

/// Calls a built-in worker takes at once. It answers one after the other, but the next is at hand.
const CONCURRENCY: u32 = 8;

/// A task: `{"pixels":[64 whole numbers from 0 to 16]}`, row by row from the top left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskInput {
    /// The picture.
    pub pixels: Vec<u8>,
}

impl From<&Image> for TaskInput {
    fn from(image: &Image) -> Self {
        Self { pixels: image.to_vec() }
    }
}

impl TaskInput {
    /// The picture, `None` unless it has 64 pixels in range.
    pub fn image(&self) -> Option<Image> {
        let image = Image::try_from(self.pixels.as_slice()).ok()?;
        Example::checked(image, 0).map(|example| example.image)
    }
}

/// An answer, and the secret of a task: `{"label":7}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskLabel {
    /// The digit.
    pub label: u8,
}

pub(super) fn about(name: &str) -> WorkerInfo {
    WorkerInfo {
        name: name.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        tasks: vec![TASK.to_owned()],
        max_concurrency: CONCURRENCY,
    }
}

/// How a model comes to be.
pub type Train = fn() -> Result<Box<dyn Classifier>, ModelError>;

/// A classifier as a miner's worker; trains when greeted.
pub struct Miner {
    name: &'static str,
    train: Train,
    model: Option<Box<dyn Classifier>>,
}

impl std::fmt::Debug for Miner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Miner").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Miner {
    /// Untrained.
    pub fn new(name: &'static str, train: Train) -> Self {
        Self { name, train, model: None }
    }
}

impl Worker for Miner {
    fn hello(&mut self, _hello: &Hello) -> Result<WorkerInfo, RpcError> {
        self.model = Some((self.train)().map_err(failed)?);
        Ok(about(self.name))
    }

    fn forward(&mut self, call: &Forward) -> Result<Box<RawValue>, RpcError> {
        let untrained = || RpcError::new(INVALID_REQUEST, "hello first");
        classify(self.model.as_deref().ok_or_else(untrained)?, call)
    }
}

/// The learner as a miner's worker.
#[derive(Debug, Default)]
pub struct LearningMiner {
    learner: Option<Learner>,
}

impl Worker for LearningMiner {
    fn hello(&mut self, hello: &Hello) -> Result<WorkerInfo, RpcError> {
        let frozen = std::env::var_os(FROZEN_ENV).is_some_and(|value| value == "1");
        self.learner = Some(Learner::open(hello.dir.as_deref(), frozen));
        Ok(about("digits-learner"))
    }

    fn forward(&mut self, call: &Forward) -> Result<Box<RawValue>, RpcError> {
        let untrained = || RpcError::new(INVALID_REQUEST, "hello first");
        classify(self.learner.as_ref().ok_or_else(untrained)?.memory(), call)
    }

    fn feedback(&mut self, feedback: &Feedback) -> Result<(), RpcError> {
        let Some(learner) = &mut self.learner else { return Ok(()) };
        learner.learn(feedback).map_err(|e| {
            RpcError::new(INTERNAL_ERROR, format!("what was learned could not be saved: {e}"))
        })
    }
}

fn classify(model: &dyn Classifier, call: &Forward) -> Result<Box<RawValue>, RpcError> {
    let image = serde_json::from_str::<TaskInput>(call.input.get()).ok().and_then(|i| i.image());
    let image = image.ok_or_else(|| {
        RpcError::new(INVALID_PARAMS, "input must be {\"pixels\":[64 whole numbers, 0 to 16]}")
    })?;
    raw(&TaskLabel { label: model.label(&image).map_err(failed)? })
}

fn failed(error: ModelError) -> RpcError {
    let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    RpcError::new(INTERNAL_ERROR, format!("{error}: {cause}"))
}
