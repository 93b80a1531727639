//! Decoders of files and of what workers write, as the node calls them. For the targets in `fuzz/`
//! only.

use std::path::Path;

use axum::Router;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::value::RawValue;

use crate::http::Context;
use crate::keys::{KeyError, KeyFile};
use crate::models::digits;
use crate::worker::protocol::{
    ForwardReply, Health, Line, Log, MakeTaskReply, ScoreReply, WorkerInfo,
};
use crate::{http, worker};

/// A key file's text.
///
/// # Errors
/// As [`KeyFile::read`].
pub fn key_file(text: &str) -> Result<KeyFile, KeyError> {
    KeyFile::parse(Path::new("key"), text)
}

/// A line of a worker's output and, if it is an answer, what it would mean to each call.
pub fn worker_line(line: &[u8]) {
    let Some(line) = Line::read(line) else { return };
    if let Some(params) = &line.params {
        let _ = serde_json::from_str::<Log>(params.get());
    }
    let Some(result) = &line.result else { return };
    let text = RawValue::get(result);
    let _ = serde_json::from_str::<WorkerInfo>(text);
    let _ = serde_json::from_str::<ForwardReply>(text);
    let _ = serde_json::from_str::<MakeTaskReply>(text);
    if let Ok(reply) = serde_json::from_str::<ScoreReply>(text) {
        let mut scores = reply.scores.iter().filter_map(|one| worker::millionths(one.get()));
        assert!(scores.all(|score| (0..=worker::SCORE_ONE).contains(&score)));
    }
    let _ = serde_json::from_str::<Health>(text);
}

/// The gzipped rows of the digits task; how many examples there are.
#[must_use]
pub fn digits(packed: &[u8]) -> Option<usize> {
    digits::data::decode(packed).map(|examples| examples.len())
}

/// What a learner of the digits task saved.
#[must_use]
pub fn learner(text: &str) -> bool {
    digits::learner::parse(text).is_some()
}

/// A stranger's JSON as it would stand in a line for a worker; `None` if it may not.
#[must_use]
pub fn payload(bytes: Vec<u8>) -> Option<String> {
    worker::payload("the input", bytes).ok().map(|value| value.get().to_owned())
}

/// The routes of the server.
pub fn router(context: Context) -> Router {
    http::router(context)
}

/// Metrics of nothing, for a [`Context`].
#[must_use]
pub fn no_metrics() -> PrometheusHandle {
    PrometheusBuilder::new().build_recorder().handle()
}
