//! The task that owns a worker's child process: starts it, feeds it, ends it, starts it again.
//!
//! ```text
//!            spawn           hello answered
//! Starting ---------> (hello) ------------> Ready
//!    ^                   |                    | exit, broken protocol, hung
//!    |   pause over      v                    v
//!    +---------------- BackOff <--------------+          any state --stop--> Stopped
//! ```
//! A call that ran out of time frees its caller at once, but holds its place with the worker until
//! the worker answers it or counts as hung: a worker is never given more than it asked for.

use std::collections::BTreeMap;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::error::WorkerError;
use super::handle::{Limits, WorkerSpec, WorkerState};
use super::lines::{LineError, LineReader, printable};
use super::noise::{LogGate, StderrForward};
use super::protocol::{
    CONCURRENCY_MAX, Hello, LINE_BYTES_MAX, Line, Log, PROTOCOL, Request, RequestLine, RpcError,
    WorkerInfo,
};
use super::queue::{Call, CallQueue, CallResult};

/// Characters of a worker's own words that reach an error or the log.
const QUOTE_CHARS_MAX: usize = 300;

/// Runs until every handle is gone or asks to stop.
pub(crate) async fn supervise(
    spec: Arc<WorkerSpec>,
    queue: Arc<CallQueue>,
    state: watch::Sender<WorkerState>,
    mut stop: watch::Receiver<bool>,
) {
    let _close = CloseOnDrop(Arc::clone(&queue));
    let mut attempt = 0u32;
    loop {
        state.send_replace(WorkerState::Starting);
        let started = Instant::now();
        let reason = match Session::start(&spec) {
            Ok(session) => match session.run(&queue, &state, &mut stop).await {
                End::Stopped => break,
                End::Down { reason } => reason,
            },
            Err(source) => {
                format!("could not start `{}`: {source}", spec.command.join(" "))
            }
        };
        // One that ran for longer than the longest pause is not in a crash loop.
        let calm = started.elapsed() > spec.limits.back_off_max.max(spec.limits.hello);
        attempt = if calm { 1 } else { attempt.saturating_add(1) };
        let pause = back_off(&spec.limits, attempt);
        metrics::counter!("ganglion_worker_restarts_total").increment(1);
        tracing::warn!(worker = spec.label(), attempt, ?pause, %reason, "worker is down");
        state.send_replace(WorkerState::BackOff { attempt, reason });
        tokio::select! {
            () = sleep(pause) => {}
            _ = stopped(&mut stop) => break,
        }
    }
    state.send_replace(WorkerState::Stopped);
}

/// Callers must not wait for a task that is gone, however it went.
struct CloseOnDrop(Arc<CallQueue>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// `back_off_min` doubled per attempt after the first, up to `back_off_max`.
pub(crate) fn back_off(limits: &Limits, attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1).min(20);
    limits.back_off_min.saturating_mul(1 << doublings).min(limits.back_off_max)
}

/// Resolves when a handle asks to stop (`true`: let the worker finish) or the last one is gone.
async fn stopped(stop: &mut watch::Receiver<bool>) -> bool {
    stop.wait_for(|asked| *asked).await.is_ok()
}

enum End {
    Stopped,
    Down { reason: String },
}

/// A call the worker has and has not answered.
struct Flight {
    method: &'static str,
    reply: oneshot::Sender<CallResult>,
    /// When the worker counts as hung.
    hung_at: Instant,
}

/// One life of the child process.
struct Session {
    spec: Arc<WorkerSpec>,
    child: Child,
    stdin: ChildStdin,
    stdout: LineReader<ChildStdout>,
    stderr: StderrForward,
    gate: Arc<LogGate>,
    /// The line being written, as far as the pipe has not taken it.
    out: Vec<u8>,
    flights: BTreeMap<u64, Flight>,
    next_id: u64,
    concurrency: usize,
}

impl Session {
    fn start(spec: &Arc<WorkerSpec>) -> std::io::Result<Self> {
        let (program, arguments) = spec.command.split_first().ok_or_else(|| {
            std::io::Error::new(std::io::ErrorKind::InvalidInput, "the worker command is empty")
        })?;
        if let Some(dir) = &spec.dir {
            std::fs::create_dir_all(dir)?;
        }
        let mut command = Command::new(program);
        command
            .args(arguments)
            .envs(spec.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // A Ctrl-C in the node's terminal is for the node, which then ends its workers in order.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn()?;
        let pipe = || std::io::Error::other("the child has no pipe");
        let stdin = child.stdin.take().ok_or_else(pipe)?;
        let stdout = child.stdout.take().ok_or_else(pipe)?;
        let stderr = child.stderr.take().ok_or_else(pipe)?;
        let gate = Arc::new(LogGate::new(spec.label()));
        Ok(Self {
            spec: Arc::clone(spec),
            child,
            stdin,
            stdout: LineReader::new(stdout, LINE_BYTES_MAX),
            stderr: StderrForward::spawn(stderr, Arc::clone(&gate)),
            gate,
            out: Vec::new(),
            flights: BTreeMap::new(),
            next_id: 1,
            concurrency: 1,
        })
    }

    async fn run(
        mut self,
        queue: &CallQueue,
        state: &watch::Sender<WorkerState>,
        stop: &mut watch::Receiver<bool>,
    ) -> End {
        let reason = tokio::select! {
            in_order = stopped(stop) => {
                self.fail_flights(|| WorkerError::Stopped);
                self.shut_down(in_order).await;
                return End::Stopped;
            }
            reason = self.drive(queue, state) => reason,
        };
        // Already dead or no longer trusted.
        let _ = self.child.kill().await;
        self.fail_flights(|| WorkerError::WentDown { reason: reason.clone() });
        End::Down { reason }
    }

    /// Works until the child must be given up; returns why.
    async fn drive(&mut self, queue: &CallQueue, state: &watch::Sender<WorkerState>) -> String {
        let limit = self.spec.limits.hello;
        let info = match timeout(limit, self.say_hello()).await {
            Ok(Ok(info)) => info,
            Ok(Err(reason)) => return reason,
            Err(_) => return format!("it did not answer hello within {limit:?}"),
        };
        tracing::info!(worker = self.spec.label(), model = %info.name, version = %info.version, "worker is ready");
        self.concurrency = usize::try_from(info.max_concurrency).unwrap_or(1);
        state.send_replace(WorkerState::Ready(Arc::new(info)));
        loop {
            self.load(queue);
            let writing = !self.out.is_empty();
            let has_room = self.flights.len() < self.concurrency;
            let hung_at = self.flights.values().map(|flight| flight.hung_at).min();
            tokio::select! {
                line = self.stdout.next() => {
                    if let Err(reason) = self.take(line).await {
                        return reason;
                    }
                }
                written = self.stdin.write(&self.out), if writing => match written {
                    Ok(bytes) if bytes > 0 => drop(self.out.drain(..bytes)),
                    Ok(_) | Err(_) => return self.obituary("it closed its stdin").await,
                },
                () = queue.added(), if !writing && has_room => {}
                () = sleep_until(hung_at.unwrap_or_else(Instant::now)), if hung_at.is_some() => {
                    return self.hung();
                }
            }
        }
    }

    async fn say_hello(&mut self) -> Result<WorkerInfo, String> {
        let request = Request::Hello(Hello {
            protocol: PROTOCOL,
            role: self.spec.role,
            subnet: self.spec.subnet.clone(),
            task: self.spec.task.clone(),
            dir: self.spec.dir.clone(),
        });
        let (reply, mut result) = oneshot::channel();
        self.send(Call { request, deadline: Instant::now() + self.spec.limits.hello, reply });
        let line = std::mem::take(&mut self.out);
        if self.stdin.write_all(&line).await.is_err() {
            return Err(self.obituary("it closed its stdin").await);
        }
        let result = loop {
            let line = self.stdout.next().await;
            self.take(line).await?;
            if let Ok(result) = result.try_recv() {
                break result;
            }
        };
        match result {
            Ok(result) => self.introduced(&result),
            Err(WorkerError::Refused { error, .. }) => Err(format!("it refused hello: {error}")),
            Err(other) => Err(other.to_string()),
        }
    }

    fn introduced(&self, result: &RawValue) -> Result<WorkerInfo, String> {
        let mut info: WorkerInfo = serde_json::from_str(result.get())
            .map_err(|source| format!("its reply to hello is malformed: {source}"))?;
        if !info.tasks.contains(&self.spec.task) {
            let named = printable(info.tasks.join(", ").as_bytes(), QUOTE_CHARS_MAX);
            return Err(format!("it serves [{named}], this subnet's task is {}", self.spec.task));
        }
        info.name = printable(info.name.as_bytes(), 64);
        info.version = printable(info.version.as_bytes(), 32);
        info.max_concurrency = info.max_concurrency.clamp(1, CONCURRENCY_MAX);
        Ok(info)
    }

    /// Takes the next call if the pipe is free and the worker has room.
    fn load(&mut self, queue: &CallQueue) {
        while self.out.is_empty() && self.flights.len() < self.concurrency {
            match queue.pop() {
                Some(call) => self.send(call),
                None => return,
            }
        }
    }

    /// Puts a call on the line buffer.
    fn send(&mut self, call: Call) {
        let Call { mut request, deadline, reply } = call;
        if let Request::Forward(forward) = &mut request {
            let left = deadline.saturating_duration_since(Instant::now());
            forward.deadline_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        }
        let method = request.method();
        let line = RequestLine { jsonrpc: "2.0", id: self.next_id, method, params: &request };
        match serde_json::to_vec(&line) {
            Ok(bytes) if bytes.len() <= LINE_BYTES_MAX => {
                self.out = bytes;
                self.out.push(b'\n');
                let hung_at = deadline + self.spec.limits.hung;
                self.flights.insert(self.next_id, Flight { method, reply, hung_at });
                self.next_id += 1;
            }
            Ok(bytes) => {
                let error = WorkerError::TooLarge {
                    what: "the call",
                    bytes: bytes.len(),
                    bytes_max: LINE_BYTES_MAX,
                };
                let _ = reply.send(Err(error));
            }
            Err(_) => {
                let _ = reply.send(Err(WorkerError::NotJson { what: "the call" }));
            }
        }
    }

    /// Handles what came out of stdout; an error is the reason to give the child up.
    async fn take(&mut self, line: Result<Option<Vec<u8>>, LineError>) -> Result<(), String> {
        match line {
            Ok(Some(line)) => self.on_line(&line),
            Ok(None) => Err(self.obituary("it closed its stdout").await),
            Err(LineError::TooLong) => {
                Err(format!("it wrote a line of more than {LINE_BYTES_MAX} bytes"))
            }
            Err(LineError::Io(source)) => Err(format!("its stdout broke: {source}")),
        }
    }

    fn on_line(&mut self, line: &[u8]) -> Result<(), String> {
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        let Some(parsed) = Line::read(line) else {
            let quote = printable(line, QUOTE_CHARS_MAX);
            return Err(format!(
                "it wrote a line to stdout that is not JSON-RPC (print to stderr instead): {quote}"
            ));
        };
        if let Some(method) = parsed.method {
            self.on_notification(&method, parsed.params.as_deref());
            return Ok(());
        }
        let id = parsed.id.as_ref().map_or("none", |id| id.get());
        let number = id.parse::<u64>().ok().filter(|number| *number < self.next_id);
        let Some(number) = number else {
            let quote = printable(id.as_bytes(), 40);
            let why = parsed.error.map_or(String::new(), |error| format!(": {}", error.message));
            return Err(format!("it answered a call that was never made, id {quote}{why}"));
        };
        let result = match (parsed.result, parsed.error) {
            (_, Some(error)) => Err(RpcError {
                code: error.code,
                message: printable(error.message.as_bytes(), QUOTE_CHARS_MAX),
            }),
            (Some(result), None) => Ok(result),
            (None, None) => return Err(format!("its answer to call {number} holds nothing")),
        };
        // No flight: the second answer to one call.
        if let Some(Flight { method, reply, .. }) = self.flights.remove(&number) {
            let result = result.map_err(|error| WorkerError::Refused { method, error });
            if reply.send(result).is_err() {
                metrics::counter!("ganglion_worker_calls_total", "method" => method, "result" => "late")
                    .increment(1);
            }
        }
        Ok(())
    }

    fn on_notification(&self, method: &str, params: Option<&RawValue>) {
        // Unknown notifications are left to later versions of the protocol.
        if method == "log"
            && let Some(log) =
                params.and_then(|params| serde_json::from_str::<Log>(params.get()).ok())
        {
            self.gate.log(&log.level, &printable(log.message.as_bytes(), QUOTE_CHARS_MAX));
        }
    }

    fn hung(&self) -> String {
        let method = self.flights.values().min_by_key(|flight| flight.hung_at).map(|f| f.method);
        format!(
            "it hung: no answer to {} even {:?} after its time was up",
            method.unwrap_or("a call"),
            self.spec.limits.hung
        )
    }

    /// Waits a moment for the end of a child that closed a pipe, and says how it ended.
    async fn obituary(&mut self, what: &str) -> String {
        let status = timeout(self.spec.limits.stop, self.child.wait()).await;
        let how = match status {
            Ok(Ok(status)) => ended(status),
            Ok(Err(_)) | Err(_) => what.to_owned(),
        };
        match self.stderr.last_words().await {
            Some(words) => format!("{how}; its last words: {words}"),
            None => how,
        }
    }

    fn fail_flights(&mut self, error: impl Fn() -> WorkerError) {
        for (_, flight) in std::mem::take(&mut self.flights) {
            // A caller who gave up is not told.
            let _ = flight.reply.send(Err(error()));
        }
    }

    /// End of stdin asks the child to leave; whoever stays is killed.
    async fn shut_down(mut self, in_order: bool) {
        drop(self.stdin);
        if !in_order || timeout(self.spec.limits.stop, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }
}

fn ended(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("it exited with code {code}"),
        None => format!("it was killed ({status})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_cap() {
        let limits = Limits::default();
        let pauses: Vec<u128> =
            [1, 2, 3, 6, 7, 8, u32::MAX].map(|n| back_off(&limits, n).as_millis()).into();
        assert_eq!(pauses, [500, 1_000, 2_000, 16_000, 30_000, 30_000, 30_000]);
    }
}
