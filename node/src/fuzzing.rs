//! Decoders of files and of what workers write, as the node calls them. For the targets in `fuzz/`
//! only.

use std::path::Path;

use serde_json::value::RawValue;

use crate::keys::{KeyError, KeyFile};
use crate::models::digits;
use crate::worker::protocol::{ForwardReply, Health, Line, MakeTaskReply, ScoreReply, WorkerInfo};

/// A key file's text.
///
/// # Errors
/// As [`KeyFile::read`].
pub fn key_file(text: &str) -> Result<KeyFile, KeyError> {
    KeyFile::parse(Path::new("key"), text)
}

/// A line of a worker's output and, if it is an answer, what it would mean to each call.
pub fn worker_line(line: &[u8]) {
    let Some(Line { result: Some(result), .. }) = Line::read(line) else { return };
    let text = RawValue::get(&result);
    let _ = serde_json::from_str::<WorkerInfo>(text);
    let _ = serde_json::from_str::<ForwardReply>(text);
    let _ = serde_json::from_str::<MakeTaskReply>(text);
    let _ = serde_json::from_str::<ScoreReply>(text);
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
