//! What the node holds of a worker: a cheap handle with one async method per call.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};

use super::error::WorkerError;
use super::lines::printable;
use super::process;
use super::protocol::{
    Caller, FIELD_ROWS_MAX, Feedback, Forward, ForwardReply, Health, LINE_BYTES_MAX,
    METHOD_NOT_FOUND, MakeTask, MakeTaskReply, PAYLOAD_BYTES_MAX, Request, Response, Role, Score,
    ScoreReply, TASKS_PER_CALL_MAX, WorkerInfo,
};
use super::queue::{Call, CallQueue, CallResult};

/// Fixed point of one: scores are whole millionths.
pub const SCORE_ONE: i64 = 1_000_000;

/// Characters kept of a miner's error when it is passed to the scorer.
const ERROR_CHARS_MAX: usize = 200;

/// Times after which a worker is no longer waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From start to the reply to `hello`; loading and training count.
    pub hello: Duration,
    /// For one `make_task`.
    pub make_task: Duration,
    /// For one `score`.
    pub score: Duration,
    /// For one `feedback`; learning from it counts.
    pub feedback: Duration,
    /// For one `health`.
    pub health: Duration,
    /// A call without a reply this long after its own limit means the worker hung: it is killed.
    pub hung: Duration,
    /// Pause before the first restart; doubles from one to the next.
    pub back_off_min: Duration,
    /// Longest pause before a restart.
    pub back_off_max: Duration,
    /// What a worker gets to leave by itself once its stdin ends.
    pub stop: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            hello: Duration::from_secs(30),
            make_task: Duration::from_secs(20),
            score: Duration::from_secs(20),
            feedback: Duration::from_secs(30),
            health: Duration::from_secs(5),
            hung: Duration::from_secs(30),
            back_off_min: Duration::from_millis(500),
            back_off_max: Duration::from_secs(30),
            stop: Duration::from_secs(2),
        }
    }
}

/// How to run a worker.
#[derive(Clone, Debug)]
pub struct WorkerSpec {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Added to the environment the node itself has.
    pub env: Vec<(String, String)>,
    /// What it is wanted for.
    pub role: Role,
    /// Id of the subnet, in hex.
    pub subnet: String,
    /// Task type of the subnet.
    pub task: String,
    /// Where it may keep state; created if missing. `None`: it keeps nothing.
    pub dir: Option<PathBuf>,
    /// Calls that may wait; at least 1.
    pub queue_max: usize,
    /// Time limits.
    pub limits: Limits,
}

impl WorkerSpec {
    /// A worker with default limits, a queue of 256 calls and no state folder.
    pub fn new(command: Vec<String>, role: Role, subnet: &str, task: &str) -> Self {
        Self {
            command,
            env: Vec::new(),
            role,
            subnet: subnet.to_owned(),
            task: task.to_owned(),
            dir: None,
            queue_max: 256,
            limits: Limits::default(),
        }
    }

    /// The word of the command that tells workers apart in a log: its last.
    pub(crate) fn label(&self) -> &str {
        let word = self.command.last().map_or("", String::as_str);
        Path::new(word).file_name().and_then(|name| name.to_str()).unwrap_or(word)
    }
}

/// Where a worker is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkerState {
    /// The process runs and has not answered `hello` yet.
    Starting,
    /// It takes calls.
    Ready(Arc<WorkerInfo>),
    /// It went down and is restarted after a pause.
    BackOff {
        /// Failures in a row, from 1.
        attempt: u32,
        /// The last one.
        reason: String,
    },
    /// Stopped for good.
    Stopped,
}

/// A task as a validator's worker drew it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeTask {
    /// JSON for the miners.
    pub input: Vec<u8>,
    /// JSON for the scorer.
    pub secret: Vec<u8>,
}

/// What one miner answered to a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Who answered.
    pub uid: u16,
    /// JSON as it arrived, unchecked; `None` if nothing did.
    pub output: Option<Vec<u8>>,
    /// Time from asking to the answer.
    pub latency_ms: u64,
    /// Why nothing did.
    pub error: Option<String>,
}

/// A worker. Clones are cheap and speak to the same child process.
///
/// The child is killed when the last handle is dropped; [`Self::stop`] lets it finish first.
/// Every method is cancel safe: a call whose future is dropped before it was sent is never sent,
/// and the reply to one already sent is dropped.
#[derive(Clone, Debug)]
pub struct WorkerHandle {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    spec: Arc<WorkerSpec>,
    queue: Arc<CallQueue>,
    state: watch::Receiver<WorkerState>,
    stop: watch::Sender<bool>,
}

impl WorkerHandle {
    /// Starts the child process and the task that owns it. Call from within a tokio runtime.
    ///
    /// Never fails: a command that cannot be started shows as [`WorkerState::BackOff`].
    pub fn spawn(spec: WorkerSpec) -> Self {
        let spec = Arc::new(spec);
        let queue = Arc::new(CallQueue::new(spec.queue_max));
        let (state_in, state) = watch::channel(WorkerState::Starting);
        let (stop, stop_out) = watch::channel(false);
        tokio::spawn(process::supervise(Arc::clone(&spec), Arc::clone(&queue), state_in, stop_out));
        Self { shared: Arc::new(Shared { spec, queue, state, stop }) }
    }

    /// The time limits it was spawned with.
    pub fn limits(&self) -> &Limits {
        &self.shared.spec.limits
    }

    /// The current state, and its changes.
    pub fn state(&self) -> watch::Receiver<WorkerState> {
        self.shared.state.clone()
    }

    /// Waits until the worker has answered `hello`.
    ///
    /// # Errors
    /// [`WorkerError::NotReady`] when `limit` passes first, with the reason of the last failure;
    /// [`WorkerError::Stopped`].
    pub async fn ready(&self, limit: Duration) -> Result<Arc<WorkerInfo>, WorkerError> {
        let mut state = self.state();
        let settled = state.wait_for(|s| matches!(s, WorkerState::Ready(_) | WorkerState::Stopped));
        match timeout(limit, settled).await {
            Ok(Ok(settled)) => match &*settled {
                WorkerState::Ready(info) => Ok(Arc::clone(info)),
                _ => Err(WorkerError::Stopped),
            },
            Ok(Err(_)) => Err(WorkerError::Stopped),
            Err(_) => Err(self.not_ready().unwrap_or(WorkerError::Stopped)),
        }
    }

    /// Asks the miner's model for an answer within `limit`, waiting in the queue included.
    ///
    /// # Errors
    /// Any [`WorkerError`].
    pub async fn forward(
        &self,
        input: Vec<u8>,
        caller: Option<Caller>,
        limit: Duration,
    ) -> Result<Vec<u8>, WorkerError> {
        let input = payload("the input", input)?;
        let task = self.shared.spec.task.clone();
        let call = Forward { task, input, caller, deadline_ms: 0 };
        let reply: ForwardReply = self.ask(Request::Forward(call), limit).await?;
        bytes("the output", &reply.output)
    }

    /// Draws the `n` tasks of a round from `seed`.
    ///
    /// # Errors
    /// Any [`WorkerError`]; [`WorkerError::Malformed`] unless there are exactly `n`.
    pub async fn make_tasks(
        &self,
        seed: [u8; 32],
        round: u64,
        n: u32,
    ) -> Result<Vec<MadeTask>, WorkerError> {
        let n = n.min(TASKS_PER_CALL_MAX);
        let request = Request::MakeTask(MakeTask { seed: hex::encode(seed), round, n });
        let reply: MakeTaskReply = self.ask(request, self.shared.spec.limits.make_task).await?;
        if u32::try_from(reply.tasks.len()) != Ok(n) {
            let what = format!("{} tasks instead of {n}", reply.tasks.len());
            return Err(WorkerError::Malformed { method: "make_task", what });
        }
        let drawn = |task: &super::protocol::DrawnTask| {
            let input = bytes("a task's input", &task.input)?;
            Ok(MadeTask { input, secret: bytes("a task's secret", &task.secret)? })
        };
        reply.tasks.iter().map(drawn).collect()
    }

    /// Judges the answers to one task: millionths from 0 to [`SCORE_ONE`] in the order of
    /// `answers`, `None` where the scorer says nothing or no number from 0 to 1.
    ///
    /// An output that is not JSON or too long reaches the scorer as no output, so no miner can
    /// spoil the call for the others. Answers that do not fit one line go in several calls.
    ///
    /// # Errors
    /// Any [`WorkerError`].
    pub async fn score(
        &self,
        input: Vec<u8>,
        secret: Vec<u8>,
        answers: Vec<Answer>,
    ) -> Result<Vec<Option<i64>>, WorkerError> {
        let input = payload("the input", input)?;
        let secret = payload("the secret", secret)?;
        // 4 KiB for the frame of the call; both payloads are far below the rest.
        let room = LINE_BYTES_MAX - 4_096 - input.get().len() - secret.get().len();
        let mut scores = Vec::with_capacity(answers.len());
        let mut answers = answers.into_iter().map(response).peekable();
        while answers.peek().is_some() {
            let mut responses = Vec::new();
            let mut used = 0;
            while let Some(next) = answers.next_if(|next| used + line_bytes(next) <= room) {
                used += line_bytes(&next);
                responses.push(next);
            }
            let (input, secret) = (input.clone(), secret.clone());
            let task = self.shared.spec.task.clone();
            self.score_once(Score { task, input, secret, responses }, &mut scores).await?;
        }
        Ok(scores)
    }

    async fn score_once(
        &self,
        call: Score,
        scores: &mut Vec<Option<i64>>,
    ) -> Result<(), WorkerError> {
        let asked = call.responses.len();
        let limit = self.shared.spec.limits.score;
        let reply: ScoreReply = self.ask(Request::Score(call), limit).await?;
        if reply.scores.len() != asked {
            let what = format!("{} scores for {asked} responses", reply.scores.len());
            return Err(WorkerError::Malformed { method: "score", what });
        }
        if let Some(notes) = reply.notes {
            let notes = printable(notes.as_bytes(), ERROR_CHARS_MAX);
            tracing::debug!(worker = self.shared.spec.label(), notes, "scored");
        }
        scores.extend(reply.scores.iter().map(|score| millionths(score.get())));
        Ok(())
    }

    /// Tells the worker how its epoch went. A worker without `feedback` is content not to know.
    ///
    /// # Errors
    /// Any [`WorkerError`].
    pub async fn feedback(&self, mut feedback: Feedback) -> Result<(), WorkerError> {
        if feedback.field.len() > FIELD_ROWS_MAX {
            feedback.field.sort_by_key(|row| (row.rank, row.uid));
            feedback.field.truncate(FIELD_ROWS_MAX);
        }
        let limit = self.shared.spec.limits.feedback;
        match self.call(Request::Feedback(feedback), limit).await {
            Ok(_) => Ok(()),
            Err(error) if unknown_method(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Asks the worker whether it can serve. One without `health` that answers at all is well.
    ///
    /// # Errors
    /// Any [`WorkerError`].
    pub async fn health(&self) -> Result<Health, WorkerError> {
        match self.ask(Request::Health {}, self.shared.spec.limits.health).await {
            Err(error) if unknown_method(&error) => Ok(Health { ok: true, message: None }),
            other => other,
        }
    }

    /// Ends the worker for good: closes its stdin, waits `limits.stop`, then kills it.
    /// Returns when the process is gone.
    pub async fn stop(&self) {
        self.shared.stop.send_replace(true);
        // An error means the owning task is gone, and with it the process.
        let _ = self.state().wait_for(|state| *state == WorkerState::Stopped).await;
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        request: Request,
        limit: Duration,
    ) -> Result<T, WorkerError> {
        let method = request.method();
        let result = self.call(request, limit).await?;
        serde_json::from_str(result.get())
            .map_err(|source| WorkerError::Malformed { method, what: source.to_string() })
    }

    async fn call(&self, request: Request, limit: Duration) -> CallResult {
        let method = request.method();
        let started = Instant::now();
        let result = self.call_unmeasured(request, started + limit, limit).await;
        let label = result.as_ref().map_or_else(WorkerError::label, |_| "ok");
        metrics::counter!("ganglion_worker_calls_total", "method" => method, "result" => label)
            .increment(1);
        metrics::histogram!("ganglion_worker_call_seconds", "method" => method)
            .record(started.elapsed().as_secs_f64());
        result
    }

    async fn call_unmeasured(
        &self,
        request: Request,
        deadline: Instant,
        limit: Duration,
    ) -> CallResult {
        let method = request.method();
        let (reply, result) = oneshot::channel();
        self.shared.queue.push(Call { request, deadline, reply })?;
        match timeout_at(deadline, result).await {
            Ok(Ok(result)) => result,
            // The owning task is gone.
            Ok(Err(_)) => Err(WorkerError::Stopped),
            Err(_) => Err(self.not_ready().unwrap_or(WorkerError::Timeout { method, limit })),
        }
    }

    /// Why the worker takes no calls just now, if it takes none.
    fn not_ready(&self) -> Option<WorkerError> {
        let reason = match &*self.shared.state.borrow() {
            WorkerState::Ready(_) => return None,
            WorkerState::Stopped => return Some(WorkerError::Stopped),
            WorkerState::Starting => "it has not answered hello yet".to_owned(),
            WorkerState::BackOff { attempt, reason } => format!("failure {attempt}: {reason}"),
        };
        Some(WorkerError::NotReady { reason })
    }
}

/// Shows as 0 what has not happened yet. Call once, after the recorder is installed.
pub(crate) fn begin_metrics() {
    // The first time is an increase only if there was a 0 before it.
    metrics::counter!("ganglion_worker_restarts_total").increment(0);
    for result in ["ok", "timeout"] {
        for method in ["forward", "make_task", "score"] {
            metrics::counter!("ganglion_worker_calls_total", "method" => method, "result" => result)
                .increment(0);
        }
    }
}

fn unknown_method(error: &WorkerError) -> bool {
    matches!(error, WorkerError::Refused { error, .. } if error.code == METHOD_NOT_FOUND)
}

/// Checks bytes that are to stand inside a line.
pub(crate) fn payload(what: &'static str, bytes: Vec<u8>) -> Result<Box<RawValue>, WorkerError> {
    if bytes.len() > PAYLOAD_BYTES_MAX {
        let bytes_max = PAYLOAD_BYTES_MAX;
        return Err(WorkerError::TooLarge { what, bytes: bytes.len(), bytes_max });
    }
    let not_json = |_| WorkerError::NotJson { what };
    let mut text = String::from_utf8(bytes).map_err(|_| WorkerError::NotJson { what })?;
    if text.contains(['\n', '\r']) {
        serde_json::from_str::<&RawValue>(&text).map_err(not_json)?;
        // Valid JSON holds line breaks only between its tokens, where a space means the same.
        text = text.replace(['\n', '\r'], " ");
    }
    RawValue::from_string(text).map_err(not_json)
}

fn bytes(what: &'static str, value: &RawValue) -> Result<Vec<u8>, WorkerError> {
    let bytes = value.get().as_bytes();
    if bytes.len() > PAYLOAD_BYTES_MAX {
        let bytes_max = PAYLOAD_BYTES_MAX;
        return Err(WorkerError::TooLarge { what, bytes: bytes.len(), bytes_max });
    }
    Ok(bytes.to_vec())
}

fn response(answer: Answer) -> Response {
    let Answer { uid, output, latency_ms, error } = answer;
    let mut error = error.map(|error| printable(error.as_bytes(), ERROR_CHARS_MAX));
    let output = output
        .map(|output| payload("the output", output))
        .and_then(|checked| checked.map_err(|bad| error = Some(bad.to_string())).ok());
    Response { uid, output, latency_ms, error }
}

/// Upper bound of what a response takes on the line: escaping at most doubles printable text.
fn line_bytes(response: &Response) -> usize {
    let output = response.output.as_ref().map_or(4, |output| output.get().len());
    output + 2 * response.error.as_ref().map_or(0, String::len) + 128
}

/// The one place where a worker's number becomes fixed point: whole millionths, rounded to the
/// nearest, or `None` for anything but a number from 0 to 1.
pub(crate) fn millionths(score: &str) -> Option<i64> {
    let score: f64 = serde_json::from_str(score).ok()?;
    #[allow(clippy::cast_possible_truncation, reason = "0 to 1,000,000 fits")]
    (0.0..=1.0).contains(&score).then(|| (score * 1e6).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_from_zero_to_one_become_scores() {
        let table = [
            ("0", Some(0)),
            ("1", Some(SCORE_ONE)),
            ("1.0", Some(SCORE_ONE)),
            ("0.5", Some(500_000)),
            ("0.1234567", Some(123_457)),
            ("1e-9", Some(0)),
            ("-0.0", Some(0)),
            ("1.0000001", None),
            ("-0.1", None),
            ("1e999", None),
            ("null", None),
            ("true", None),
            ("\"1\"", None),
            ("[1]", None),
        ];
        for (text, expected) in table {
            assert_eq!(millionths(text), expected, "{text}");
        }
    }

    #[test]
    fn payloads_must_be_json_within_the_bound_and_keep_their_bytes() {
        let ok = payload("x", br#"{"a": 1.50}"#.to_vec()).expect("JSON");
        assert_eq!(ok.get(), r#"{"a": 1.50}"#);
        let spread = payload("x", b"{\n\"a\":\r\n1}".to_vec()).expect("JSON over several lines");
        assert!(!spread.get().contains(['\n', '\r']));
        for bad in [&b"{"[..], b"", b"\xff", b"1 2", b"\"a\nb\""] {
            assert_eq!(
                payload("x", bad.to_vec()).expect_err("not JSON"),
                WorkerError::NotJson { what: "x" }
            );
        }
        let fits = vec![b'1'; PAYLOAD_BYTES_MAX];
        assert!(payload("x", fits).is_ok());
        let long = vec![b'1'; PAYLOAD_BYTES_MAX + 1];
        assert!(matches!(payload("x", long), Err(WorkerError::TooLarge { .. })));
    }

    #[test]
    fn a_bad_output_becomes_no_output_with_a_reason() {
        let answer = Answer { uid: 3, output: Some(b"{".to_vec()), latency_ms: 1, error: None };
        let seen = response(answer);
        assert!(seen.output.is_none());
        assert_eq!(seen.error.as_deref(), Some("the output is not JSON"));
    }
}
