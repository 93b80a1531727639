//! The worker's side of the protocol, for workers written in Rust.

use std::io::{BufRead, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::protocol::{
    DrawnTask, Feedback, Forward, Health, Hello, INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST,
    LINE_BYTES_MAX, Line, METHOD_NOT_FOUND, MakeTask, MakeTaskReply, PARSE_ERROR, PROTOCOL,
    RpcError, Score, ScoreReply, WorkerInfo,
};

/// A model, or the maker and judge of tasks. Calls come one at a time, `hello` first.
///
/// What is not overridden is answered with "method not found", `feedback` and `health` with
/// success.
pub trait Worker {
    /// Loads or trains, then says what this is.
    fn hello(&mut self, hello: &Hello) -> Result<WorkerInfo, RpcError>;

    /// Answers a task with its output.
    fn forward(&mut self, _call: &Forward) -> Result<Box<RawValue>, RpcError> {
        Err(not_offered("forward"))
    }

    /// Draws tasks; equal calls must give equal tasks.
    fn make_task(&mut self, _call: &MakeTask) -> Result<Vec<DrawnTask>, RpcError> {
        Err(not_offered("make_task"))
    }

    /// Scores answers from 0 to 1 in their order; `None` for "cannot say".
    fn score(&mut self, _call: &Score) -> Result<Vec<Option<f64>>, RpcError> {
        Err(not_offered("score"))
    }

    /// Learns how the last epoch went.
    fn feedback(&mut self, _feedback: &Feedback) -> Result<(), RpcError> {
        Ok(())
    }
}

fn not_offered(method: &str) -> RpcError {
    RpcError::new(METHOD_NOT_FOUND, format!("this worker does not offer {method}"))
}

/// Answers calls from `input` on `output` until `input` ends.
///
/// # Errors
/// The first failure to read or write. A line over the protocol's limit is one.
pub fn serve(
    worker: &mut dyn Worker,
    mut input: impl BufRead,
    mut output: impl Write,
) -> std::io::Result<()> {
    let mut greeted = false;
    let mut line = Vec::new();
    loop {
        line.clear();
        // Two more than the limit: one for the newline, one to see that it is exceeded.
        let bytes_max = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX) + 2;
        let read = input.by_ref().take(bytes_max).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        if line.strip_suffix(b"\n").unwrap_or(&line).len() > LINE_BYTES_MAX {
            return Err(std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                "the line is too long",
            ));
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        if let Some(reply) = answer(worker, &line, &mut greeted) {
            serde_json::to_writer(&mut output, &reply)?;
            output.write_all(b"\n")?;
            output.flush()?;
        }
    }
}

#[derive(Serialize)]
struct ReplyLine {
    jsonrpc: &'static str,
    id: Option<Box<RawValue>>,
    #[serde(flatten)]
    body: ReplyBody,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum ReplyBody {
    Result(Box<RawValue>),
    Error(RpcError),
}

/// `None` for a notification, which gets no reply.
fn answer(worker: &mut dyn Worker, line: &[u8], greeted: &mut bool) -> Option<ReplyLine> {
    let failed = |id, error| Some(ReplyLine { jsonrpc: "2.0", id, body: ReplyBody::Error(error) });
    let Ok(call) = serde_json::from_slice::<Line>(line) else {
        return failed(None, RpcError::new(PARSE_ERROR, "the line is not JSON-RPC"));
    };
    let Some(method) = call.method else {
        return failed(call.id, RpcError::new(INVALID_REQUEST, "the line names no method"));
    };
    let result = dispatch(worker, &method, call.params.as_deref(), greeted);
    let id = Some(call.id?);
    match result {
        Ok(result) => Some(ReplyLine { jsonrpc: "2.0", id, body: ReplyBody::Result(result) }),
        Err(error) => failed(id, error),
    }
}

fn dispatch(
    worker: &mut dyn Worker,
    method: &str,
    params: Option<&RawValue>,
    greeted: &mut bool,
) -> Result<Box<RawValue>, RpcError> {
    if method == "hello" {
        let hello: Hello = parse(params)?;
        if hello.protocol != PROTOCOL {
            let message = format!("this worker speaks protocol {PROTOCOL} only");
            return Err(RpcError::new(INVALID_PARAMS, message));
        }
        let info = worker.hello(&hello)?;
        *greeted = true;
        return raw(&info);
    }
    if !*greeted {
        return Err(RpcError::new(INVALID_REQUEST, "the first call must be hello"));
    }
    match method {
        "forward" => {
            raw(&super::protocol::ForwardReply { output: worker.forward(&parse(params)?)? })
        }
        "make_task" => raw(&MakeTaskReply { tasks: worker.make_task(&parse(params)?)? }),
        "score" => {
            let scores = worker.score(&parse(params)?)?;
            let scores = scores.iter().map(raw).collect::<Result<_, _>>()?;
            raw(&ScoreReply { scores, notes: None })
        }
        "feedback" => raw(&worker.feedback(&parse(params)?)?),
        "health" => raw(&Health { ok: true, message: None }),
        other => Err(not_offered(other)),
    }
}

fn parse<T: DeserializeOwned>(params: Option<&RawValue>) -> Result<T, RpcError> {
    let text = params.map_or("null", RawValue::get);
    serde_json::from_str(text).map_err(|e| RpcError::new(INVALID_PARAMS, e.to_string()))
}

/// The JSON of a value, or the error object that says why there is none.
pub fn raw<T: Serialize>(value: &T) -> Result<Box<RawValue>, RpcError> {
    serde_json::value::to_raw_value(value).map_err(|e| RpcError::new(INTERNAL_ERROR, e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Echo;

    impl Worker for Echo {
        fn hello(&mut self, hello: &Hello) -> Result<WorkerInfo, RpcError> {
            let tasks = vec![hello.task.clone()];
            Ok(WorkerInfo { name: "echo".into(), version: "1".into(), tasks, max_concurrency: 1 })
        }

        fn forward(&mut self, call: &Forward) -> Result<Box<RawValue>, RpcError> {
            Ok(call.input.clone())
        }
    }

    const HELLO: &str = r#"{"jsonrpc":"2.0","id":1,"method":"hello","params":{"protocol":1,"role":"miner","subnet":"00","task":"t"}}"#;

    fn talk(input: &str) -> String {
        let mut output = Vec::new();
        serve(&mut Echo, input.as_bytes(), &mut output).expect("serves");
        String::from_utf8(output).expect("UTF-8")
    }

    #[test]
    fn answers_carry_the_id_and_bytes_they_were_asked_with() {
        let call = r#"{"jsonrpc":"2.0","id":"x","method":"forward","params":{"task":"t","input":{"a":  1.0},"caller":null,"deadline_ms":1}}"#;
        let replies = talk(&format!("{HELLO}\n\n{call}\n"));
        let last = replies.lines().last().expect("two replies");
        assert_eq!(last, r#"{"jsonrpc":"2.0","id":"x","result":{"output":{"a":  1.0}}}"#);
    }

    #[test]
    fn errors_carry_their_code() {
        let cases = [
            ("not json".to_owned(), PARSE_ERROR),
            (r#"{"id":2}"#.to_owned(), INVALID_REQUEST),
            (r#"{"id":2,"method":"forward","params":{}}"#.to_owned(), INVALID_REQUEST),
            (format!("{HELLO}\n{}", r#"{"id":2,"method":"fly"}"#), METHOD_NOT_FOUND),
            (format!("{HELLO}\n{}", r#"{"id":2,"method":"score","params":{}}"#), INVALID_PARAMS),
            (HELLO.replace("\"protocol\":1", "\"protocol\":2"), INVALID_PARAMS),
        ];
        for (input, code) in cases {
            let replies = talk(&input);
            let last: Line =
                serde_json::from_str(replies.lines().last().expect("a reply")).expect("JSON");
            assert_eq!(last.error.expect("an error").code, code, "{input}");
        }
    }

    #[test]
    fn notifications_get_no_reply() {
        assert_eq!(talk(r#"{"jsonrpc":"2.0","method":"whatever"}"#), "");
    }

    #[test]
    fn an_over_long_line_ends_the_worker() {
        let long = vec![b' '; LINE_BYTES_MAX + 1];
        assert!(serve(&mut Echo, &long[..], Vec::new()).is_err());
        let fits = vec![b' '; LINE_BYTES_MAX];
        assert!(serve(&mut Echo, &fits[..], Vec::new()).is_ok());
    }
}
