//! From the participant's jobs to the worker's calls, and back.
//!
//! One task takes jobs off a bounded queue and runs each on its own, so that a slow model holds up
//! nothing else. The worker's handle bounds the calls under way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream;
use ganglion_p2p::Handle as Network;
use ganglion_subnet::{Caller, Feedback, Input, Job, JobId, Response};
use ganglion_types::{Digest, Hotkey, Payload};
use tokio::sync::mpsc;

use crate::blobs::Blobs;
use crate::driver::Driver;
use crate::view::View;
use crate::worker::protocol::{Caller as WorkerCaller, Feedback as WorkerFeedback, FieldRow};
use crate::worker::{Answer, MadeTask, WorkerHandle};
use crate::workers::Workers;

/// Jobs that wait. An epoch has one of each kind, and one answer job per validator.
pub const JOBS_MAX: usize = 512;
/// Calls of one job under way; the worker's own queue holds 256.
const CALLS: usize = 32;
/// Bytes that all payloads of one item may take in line: with their frames below the item's limit.
const SHARED_BYTES: usize = ganglion_types::limits::ITEM_BYTES / 2;
/// Rounds whose secrets are kept.
const ROUNDS: usize = 4;

/// Everything a job may need.
#[derive(Clone, Debug)]
struct Bench {
    workers: Workers,
    driver: Driver,
    network: Network,
    blobs: Blobs,
    made: Arc<Mutex<BTreeMap<JobId, Arc<Vec<MadeTask>>>>>,
    view: View,
}

/// What all calls of one batch have in common.
#[derive(Clone, Copy, Debug)]
struct Call<'a> {
    worker: &'a WorkerHandle,
    caller: &'a Caller,
    deadline: Instant,
    /// Bytes that an answer may take in line.
    inline: usize,
}

/// Runs jobs until the queue closes.
pub async fn run(
    mut jobs: mpsc::Receiver<Job>,
    workers: Workers,
    driver: Driver,
    network: Network,
    blobs: Blobs,
    view: View,
) {
    let bench = Bench { workers, driver, network, blobs, made: Arc::default(), view };
    while let Some(job) = jobs.recv().await {
        tokio::spawn(bench.clone().run(job));
    }
}

impl Bench {
    async fn run(self, job: Job) {
        match job {
            Job::MakeTasks { job, seed, round, count } => {
                let inputs = self.make_tasks(job, seed, round, count).await;
                self.driver.input(Input::TasksMade { job, inputs });
            }
            Job::Forward { job, caller, inputs, deadline_ms } => {
                let limit = Duration::from_millis(deadline_ms);
                let outputs = self.forward(&caller, &inputs, limit).await;
                self.driver.input(Input::Forwarded { job, outputs });
            }
            Job::Score { job, made, responses, deadline_ms } => {
                let limit = Duration::from_millis(deadline_ms);
                let scores = self.score(made, &responses, limit).await;
                self.driver.input(Input::Scored { job, scores });
            }
            Job::Feedback(feedback) => self.feedback(&feedback).await,
        }
    }

    async fn make_tasks(&self, job: JobId, seed: Digest, round: u32, count: u32) -> Vec<Payload> {
        let Some(worker) = self.workers.scorer() else {
            tracing::warn!("no worker: this validator asks nothing; configure one under [worker]");
            return Vec::new();
        };
        let made = match worker.make_tasks(*seed.as_bytes(), round.into(), count).await {
            Ok(made) => made,
            Err(error) => {
                tracing::warn!(%error, "the worker made no tasks");
                return Vec::new();
            }
        };
        let inline = SHARED_BYTES / made.len().max(1);
        let inputs: Result<Vec<Payload>, _> =
            made.iter().map(|task| self.blobs.wrap(task.input.clone(), inline)).collect();
        let mut rounds = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        rounds.insert(job, Arc::new(made));
        while rounds.len() > ROUNDS {
            rounds.pop_first();
        }
        inputs.unwrap_or_else(|error| {
            tracing::warn!(%error, "a task cannot be sent");
            Vec::new()
        })
    }

    async fn forward(&self, caller: &Caller, inputs: &[Payload], limit: Duration) -> Vec<Payload> {
        let Some(worker) = self.workers.running() else {
            tracing::warn!("no worker: this miner answers nothing; configure one under [worker]");
            return Vec::new();
        };
        // One item holds the answers to every validator.
        let state = self.view.now().state;
        let validators = state.participants().filter(|(_, seat)| seat.permit).count().max(1);
        let inline = SHARED_BYTES / (validators * inputs.len().max(1));
        let call = Call { worker, caller, deadline: Instant::now() + limit, inline };
        let calls: Vec<_> = inputs.iter().map(|input| self.forward_one(call, input)).collect();
        stream::iter(calls).buffered(CALLS).collect().await
    }

    async fn forward_one(&self, call: Call<'_>, input: &Payload) -> Payload {
        let Call { worker, caller, deadline, inline } = call;
        let input = match self.blobs.unwrap(input, caller.hotkey, &self.network).await {
            Ok(input) => input,
            Err(error) => {
                tracing::debug!(%error, "a task's input is missing");
                return Payload::EMPTY;
            }
        };
        let left = deadline.saturating_duration_since(Instant::now());
        match worker.forward(input, Some(worker_caller(caller)), left).await {
            Ok(output) => self.blobs.wrap(output, inline).unwrap_or(Payload::EMPTY),
            Err(error) => {
                tracing::debug!(%error, "no answer from the worker");
                Payload::EMPTY
            }
        }
    }

    async fn score(
        &self,
        made: JobId,
        responses: &[Response],
        limit: Duration,
    ) -> Vec<(Hotkey, Vec<Option<i64>>)> {
        let tasks = {
            let rounds = self.made.lock().unwrap_or_else(PoisonError::into_inner);
            rounds.get(&made).cloned()
        };
        let (Some(worker), Some(tasks)) = (self.workers.running(), tasks) else {
            return Vec::new();
        };
        let calls: Vec<_> = tasks
            .iter()
            .enumerate()
            .map(|(at, task)| self.score_one(worker, at, task, responses))
            .collect();
        let all = stream::iter(calls).buffered(CALLS).collect::<Vec<Vec<Option<i64>>>>();
        let Ok(by_task) = tokio::time::timeout(limit.max(Duration::from_secs(1)), all).await else {
            tracing::warn!("the scorer was too slow: this round counts nothing");
            return Vec::new();
        };
        let column = |at: usize| {
            by_task.iter().map(|scores| scores.get(at).copied().flatten()).collect::<Vec<_>>()
        };
        responses.iter().enumerate().map(|(at, response)| (response.hotkey, column(at))).collect()
    }

    async fn score_one(
        &self,
        worker: &WorkerHandle,
        at: usize,
        task: &MadeTask,
        responses: &[Response],
    ) -> Vec<Option<i64>> {
        let mut answers = Vec::with_capacity(responses.len());
        for response in responses {
            answers.push(self.answer(response, at).await);
        }
        let scored = worker.score(task.input.clone(), task.secret.clone(), answers).await;
        scored.unwrap_or_else(|error| {
            tracing::warn!(%error, "the scorer failed on a task");
            vec![None; responses.len()]
        })
    }

    /// One miner's answer to one task, its blob fetched.
    async fn answer(&self, response: &Response, at: usize) -> Answer {
        let uid = response.uid.get();
        let latency_ms = response.latency_ms;
        let payload = response.outputs.get(at).filter(|payload| !payload.is_empty());
        let Some(payload) = payload else {
            let error = Some("no answer".to_owned());
            return Answer { uid, output: None, latency_ms, error };
        };
        match self.blobs.unwrap(payload, response.hotkey, &self.network).await {
            Ok(output) => Answer { uid, output: Some(output), latency_ms, error: None },
            Err(error) => Answer { uid, output: None, latency_ms, error: Some(error.to_string()) },
        }
    }

    async fn feedback(&self, feedback: &Feedback) {
        let Some(worker) = self.workers.running() else { return };
        if let Some(told) = worker_feedback(feedback)
            && let Err(error) = worker.feedback(told).await
        {
            tracing::debug!(%error, "the worker took no feedback");
        }
    }
}

fn worker_caller(caller: &Caller) -> WorkerCaller {
    WorkerCaller {
        hotkey: caller.hotkey.to_string(),
        uid: Some(caller.uid.get()),
        stake: caller.stake,
        permit: caller.permit,
    }
}

/// Fractions of 65535 as the worker's protocol wants them.
fn share(value: u16) -> f64 {
    f64::from(value) / f64::from(u16::MAX)
}

fn worker_feedback(feedback: &Feedback) -> Option<WorkerFeedback> {
    let own = feedback.field.iter().find(|standing| standing.uid == feedback.uid)?;
    // What validators think of a miner, in common: its weight against the best one's.
    let best = feedback.field.iter().map(|standing| standing.consensus).max().unwrap_or(0);
    let score = |consensus: u16| (best > 0).then(|| f64::from(consensus) / f64::from(best));
    let row = |standing: &ganglion_subnet::Standing| FieldRow {
        uid: standing.uid.get(),
        hotkey: standing.hotkey.to_string(),
        score: score(standing.consensus),
        incentive: share(standing.incentive),
        rank: standing.rank.into(),
    };
    Some(WorkerFeedback {
        epoch: feedback.epoch,
        uid: own.uid.get(),
        incentive: share(own.incentive),
        rank: own.rank.into(),
        consensus_weight: share(own.consensus),
        score: score(own.consensus),
        field: feedback.field.iter().map(row).collect(),
    })
}
