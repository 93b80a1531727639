//! The messages of the worker protocol, version 1 (`docs/spec/worker.md`).
//!
//! JSON-RPC 2.0, one message per line. Task inputs, secrets and outputs are opaque: they travel as
//! the bytes they were written in and only the worker of the task type looks inside.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// The version both sides name in `hello`.
pub const PROTOCOL: u32 = 1;
/// Longest line in either direction, newline not counted.
pub const LINE_BYTES_MAX: usize = 1 << 20;
/// Longest task input, secret or output.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;
/// Most calls a worker may ask to hold at once.
pub const CONCURRENCY_MAX: u32 = 64;
/// Most tasks one `make_task` may ask for.
pub const TASKS_PER_CALL_MAX: u32 = 1_024;
/// Most rows of `field` in one `feedback`; the best by rank stay.
pub const FIELD_ROWS_MAX: usize = 1_024;

/// JSON-RPC: the line is not JSON.
pub const PARSE_ERROR: i64 = -32_700;
/// JSON-RPC: the message is not a request, or comes before `hello`.
pub const INVALID_REQUEST: i64 = -32_600;
/// JSON-RPC: the worker does not offer this method.
pub const METHOD_NOT_FOUND: i64 = -32_601;
/// JSON-RPC: the parameters or the task input do not fit.
pub const INVALID_PARAMS: i64 = -32_602;
/// JSON-RPC: the worker failed.
pub const INTERNAL_ERROR: i64 = -32_603;
/// The model has no answer to this input.
pub const NO_ANSWER: i64 = -32_000;
/// The worker will not serve this caller.
pub const DECLINED: i64 = -32_001;

/// A call as it stands on one line.
#[derive(Debug, Serialize)]
pub(crate) struct RequestLine<'a> {
    pub(crate) jsonrpc: &'static str,
    pub(crate) id: u64,
    pub(crate) method: &'static str,
    pub(crate) params: &'a Request,
}

/// Anything that may stand on one line, in either direction.
#[derive(Debug, Deserialize)]
pub(crate) struct Line {
    #[serde(default, deserialize_with = "present")]
    pub(crate) id: Option<Box<RawValue>>,
    pub(crate) method: Option<String>,
    pub(crate) params: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) result: Option<Box<RawValue>>,
    pub(crate) error: Option<RpcError>,
}

impl Line {
    /// What one line of a worker's output says; `None` if it is no message, even with the floats
    /// put right that are not JSON.
    pub(crate) fn read(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok().or_else(|| {
            without_non_finite(line).and_then(|fixed| serde_json::from_slice(&fixed).ok())
        })
    }
}

/// Keeps a `null` apart from a field that is not there.
fn present<'de, D: Deserializer<'de>>(field: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(field).map(Some)
}

/// The error object of JSON-RPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message} (code {code})")]
pub struct RpcError {
    /// One of the codes of this module, or the worker's own.
    pub code: i64,
    /// One sentence for a person.
    pub message: String,
}

impl RpcError {
    /// An error object.
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// The calls a node makes, by their parameters.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Request {
    Hello(Hello),
    Forward(Forward),
    MakeTask(MakeTask),
    Score(Score),
    Feedback(Feedback),
    Health {},
}

impl Request {
    pub(crate) fn method(&self) -> &'static str {
        match self {
            Self::Hello(_) => "hello",
            Self::Forward(_) => "forward",
            Self::MakeTask(_) => "make_task",
            Self::Score(_) => "score",
            Self::Feedback(_) => "feedback",
            Self::Health {} => "health",
        }
    }
}

/// Which side of the subnet a worker serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Answers tasks.
    Miner,
    /// Makes tasks and scores answers.
    Validator,
}

/// `hello`: the first call after a start. A worker loads or trains its model before it replies.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// What the node wants of this worker.
    pub role: Role,
    /// Id of the subnet, in hex.
    pub subnet: String,
    /// Task type of the subnet.
    pub task: String,
    /// A folder the worker may keep state in. It exists. Absent: keep nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dir: Option<PathBuf>,
}

/// Reply to `hello`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerInfo {
    /// Name of the model, shown to people.
    pub name: String,
    /// Version of the model.
    #[serde(default)]
    pub version: String,
    /// Task types it can serve.
    pub tasks: Vec<String>,
    /// Calls it wants to hold at once, 1 to [`CONCURRENCY_MAX`].
    #[serde(default = "one")]
    pub max_concurrency: u32,
}

fn one() -> u32 {
    1
}

/// Who asks, already authenticated by the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// SS58 address.
    pub hotkey: String,
    /// Slot in the subnet; `None` for one who is not registered.
    pub uid: Option<u16>,
    /// Stake in rao.
    pub stake: u64,
    /// Whether the caller may set weights.
    pub permit: bool,
}

/// `forward`: answer one task.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Forward {
    /// Task type.
    pub task: String,
    /// The task.
    pub input: Box<RawValue>,
    /// Who asks; `None` for a task of the round, whose answer goes to every validator.
    pub caller: Option<Caller>,
    /// Milliseconds left; a later reply is dropped.
    pub deadline_ms: u64,
}

/// Reply to `forward`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ForwardReply {
    /// The answer.
    pub output: Box<RawValue>,
}

/// `make_task`: draw the tasks of a round. Equal parameters must give equal tasks, on any machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MakeTask {
    /// 32 bytes in hex.
    pub seed: String,
    /// Round within the epoch.
    pub round: u64,
    /// How many tasks, up to [`TASKS_PER_CALL_MAX`].
    pub n: u32,
}

/// A task and what its scorer needs to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DrawnTask {
    /// Sent to miners.
    pub input: Box<RawValue>,
    /// Kept by the validator until it scores.
    pub secret: Box<RawValue>,
}

/// Reply to `make_task`: exactly `n` tasks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MakeTaskReply {
    /// In drawing order.
    pub tasks: Vec<DrawnTask>,
}

/// What one miner answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Response {
    /// Who answered.
    pub uid: u16,
    /// The answer; `None` if there is none.
    pub output: Option<Box<RawValue>>,
    /// Time from asking to the answer.
    pub latency_ms: u64,
    /// Why there is no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// `score`: judge answers to one task, each on its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Score {
    /// Task type.
    pub task: String,
    /// As drawn.
    pub input: Box<RawValue>,
    /// As drawn.
    pub secret: Box<RawValue>,
    /// The answers.
    pub responses: Vec<Response>,
}

/// Reply to `score`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScoreReply {
    /// One per response in its order: 0 to 1, or `null` for "cannot say".
    pub scores: Vec<Box<RawValue>>,
    /// Remarks for the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
}

/// One participant in a [`Feedback`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldRow {
    /// Slot in the subnet.
    pub uid: u16,
    /// SS58 address.
    pub hotkey: String,
    /// Average score over validators, 0 to 1.
    pub score: Option<f64>,
    /// Share of the miners' reward, 0 to 1.
    pub incentive: f64,
    /// 1 is the best.
    pub rank: u32,
}

/// `feedback`: how the epoch went for this worker's node and for everyone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Feedback {
    /// The certified epoch.
    pub epoch: u64,
    /// This node's slot.
    pub uid: u16,
    /// Share of the miners' reward, 0 to 1.
    pub incentive: f64,
    /// 1 is the best.
    pub rank: u32,
    /// Stake-weighted median weight, 0 to 1.
    pub consensus_weight: f64,
    /// Average score over validators, 0 to 1; `None` when nobody scored it.
    pub score: Option<f64>,
    /// Everyone, this node included.
    pub field: Vec<FieldRow>,
}

/// Reply to `health`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Whether the worker believes it can serve.
    pub ok: bool,
    /// What is wrong, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// The notification `log`, from worker to node.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Log {
    #[serde(default)]
    pub(crate) level: String,
    pub(crate) message: String,
}

/// Replaces the bare words `NaN`, `Infinity` and `-Infinity` by `null`.
///
/// They are not JSON, but the JSON writers of Python and others emit them for such floats. Returns
/// `None` when the line holds none, so a parse error stays one.
pub(crate) fn without_non_finite(line: &[u8]) -> Option<Vec<u8>> {
    const WORDS: [&[u8]; 3] = [b"-Infinity", b"Infinity", b"NaN"];
    let mut out = Vec::with_capacity(line.len());
    let mut rest = line;
    let mut in_string = false;
    let mut found = false;
    while let Some((&byte, tail)) = rest.split_first() {
        if in_string && byte == b'\\' && !tail.is_empty() {
            out.extend_from_slice(&rest[..2]);
            rest = &rest[2..];
            continue;
        }
        in_string ^= byte == b'"';
        let word = WORDS.iter().find(|word| !in_string && rest.starts_with(word));
        if let Some(word) = word {
            out.extend_from_slice(b"null");
            rest = &rest[word.len()..];
            found = true;
        } else {
            out.push(byte);
            rest = tail;
        }
    }
    found.then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_result_is_not_a_missing_result() {
        let null: Line = serde_json::from_str(r#"{"id":1,"result":null}"#).expect("line");
        assert_eq!(null.result.expect("present").get(), "null");
        let missing: Line = serde_json::from_str(r#"{"id":1}"#).expect("line");
        assert!(missing.result.is_none());
    }

    #[test]
    fn payload_bytes_survive_a_round_trip() {
        let text = r#"{"task":"t","input":{"b":1.50,  "a":[1e3]},"caller":null,"deadline_ms":5}"#;
        let call: Forward = serde_json::from_str(text).expect("forward");
        assert_eq!(call.input.get(), r#"{"b":1.50,  "a":[1e3]}"#);
        let again = serde_json::to_string(&call).expect("writes");
        assert!(again.contains(r#""input":{"b":1.50,  "a":[1e3]}"#));
    }

    #[test]
    fn non_finite_words_become_null_outside_strings_only() {
        let fixed = |text: &str| {
            without_non_finite(text.as_bytes()).map(|b| String::from_utf8(b).expect("utf-8"))
        };
        assert_eq!(fixed("[NaN,-Infinity,Infinity,1]").as_deref(), Some("[null,null,null,1]"));
        assert_eq!(fixed(r#"{"a":"NaN"}"#), None);
        assert_eq!(fixed(r#"["\"NaN",NaN]"#).as_deref(), Some(r#"["\"NaN",null]"#));
        assert_eq!(fixed(r#"["\\",NaN]"#).as_deref(), Some(r#"["\\",null]"#));
        assert_eq!(fixed("\"open \\"), None);
    }

    #[test]
    fn requests_write_the_published_parameters() {
        let hello = Request::Hello(Hello {
            protocol: 1,
            role: Role::Miner,
            subnet: "ab".into(),
            task: "digits".into(),
            dir: None,
        });
        let line = RequestLine { jsonrpc: "2.0", id: 7, method: hello.method(), params: &hello };
        assert_eq!(
            serde_json::to_string(&line).expect("writes"),
            r#"{"jsonrpc":"2.0","id":7,"method":"hello","params":{"protocol":1,"role":"miner","subnet":"ab","task":"digits"}}"#
        );
        assert_eq!(serde_json::to_string(&Request::Health {}).expect("writes"), "{}");
    }
}
