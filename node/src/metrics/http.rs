//! What is asked over HTTP: requests, refusals, tasks from outside.

use std::time::{Duration, Instant};

use metrics::{counter, gauge, histogram};

const REQUESTS: &str = "ganglion_http_requests_total";
pub(super) const SECONDS: &str = "ganglion_http_request_seconds";
const REJECTED: &str = "ganglion_http_rejected_total";
const ANSWERING: &str = "ganglion_http_answering";
const TASKS: &str = "ganglion_tasks_total";
const TASK_SECONDS: &str = "ganglion_task_seconds";

/// Shows what has not happened yet as 0.
pub(super) fn begin() {
    // What a node that cannot read its data, or is asked for too much, answers first.
    for status in ["500", "503"] {
        counter!(REQUESTS, "route" => "/v1/status", "status" => status).increment(0);
    }
    for reason in ["unavailable", "timeout", "wrong_host", "too_large"] {
        counter!(REJECTED, "reason" => reason).increment(0);
    }
    for result in Task::ALL {
        counter!(TASKS, "result" => result.name()).increment(0);
    }
    gauge!(ANSWERING).set(0.0);
}

/// A request that is being answered. One that is let go before its end, because who asked is gone, is counted no
/// further.
#[derive(Debug)]
pub(crate) struct Answering {
    since: Instant,
}

impl Answering {
    pub(crate) fn begin() -> Self {
        gauge!(ANSWERING).increment(1.0);
        Self { since: Instant::now() }
    }

    /// Counts the answer; `rejected` says why if it is none.
    pub(crate) fn end(self, route: String, status: u16, rejected: Option<String>) {
        histogram!(SECONDS, "route" => route.clone()).record(self.since.elapsed());
        counter!(REQUESTS, "route" => route, "status" => status.to_string()).increment(1);
        if let Some(reason) = rejected {
            counter!(REJECTED, "reason" => reason).increment(1);
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        gauge!(ANSWERING).decrement(1.0);
    }
}

/// How a task from outside ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// At least one miner answered.
    Answered,
    /// Miners were asked, and none answered.
    Unanswered,
    /// There is nobody to ask.
    NoMiners,
}

impl Task {
    const ALL: [Self; 3] = [Self::Answered, Self::Unanswered, Self::NoMiners];

    const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Unanswered => "unanswered",
            Self::NoMiners => "no_miners",
        }
    }
}

/// Counts a task from outside.
pub(crate) fn task_ended(task: Task, time: Duration) {
    counter!(TASKS, "result" => task.name()).increment(1);
    histogram!(TASK_SECONDS).record(time);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::builder;

    #[test]
    fn requests_are_timed_and_one_that_is_dropped_is_answered_no_more() {
        let recorder = builder().unwrap().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            let open = Answering::begin();
            Answering::begin().end("/v1/status".into(), 200, None);
            Answering::begin().end("none".into(), 404, Some("not_found".into()));
            drop(Answering::begin());
            task_ended(Task::Unanswered, Duration::from_secs(1));
            std::mem::forget(open);
        });
        let text = recorder.handle().render();
        for line in [
            "ganglion_http_answering 1",
            "ganglion_http_request_seconds_count{route=\"/v1/status\"} 1",
            "ganglion_http_requests_total{route=\"none\",status=\"404\"} 1",
            "ganglion_http_rejected_total{reason=\"not_found\"} 1",
            "ganglion_tasks_total{result=\"unanswered\"} 1",
            "ganglion_task_seconds_count 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }
}
