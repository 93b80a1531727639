//! Tasks from outside: asked of the best miners over the network, answers checked before they are
//! shown.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use ganglion_p2p as p2p;
use ganglion_types::task::request_digest;
use ganglion_types::{Body, Canonical as _, Digest, Hotkey, Item, Role, SubnetId, Uid, hex, proto};

use crate::api::types::{TaskAnswer, TaskAnswers, TaskFailure};
use crate::view::View;

/// Most miners asked at once.
pub const MINERS_MAX: u16 = 16;

/// Asks miners.
#[derive(Clone, Debug)]
pub struct TaskClient {
    /// The network.
    pub network: p2p::Handle,
    /// Who is best.
    pub view: View,
    /// The subnet.
    pub subnet: SubnetId,
    /// Its task type.
    pub task: String,
    /// Own hotkey, which answers are bound to.
    pub me: Hotkey,
}

/// Why nothing can be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// Nobody to ask.
    #[error("the subnet has no miners; register one with `ganglion register`")]
    NoMiners,
    /// Nobody answered.
    #[error("none of {asked} miners answered within {} ms: {}", limit.as_millis(), reasons.join("; "))]
    NoAnswer {
        /// How many were asked.
        asked: usize,
        /// The time they had.
        limit: Duration,
        /// What each said.
        reasons: Vec<String>,
    },
}

impl TaskClient {
    /// Sends one task to the `miners` best miners and gives their answers, best miner first.
    ///
    /// A miner that fails is replaced by the next best while time is left.
    ///
    /// # Errors
    /// See [`TaskError`].
    pub async fn call(
        &self,
        input: Vec<u8>,
        miners: u16,
        limit: Duration,
    ) -> Result<TaskAnswers, TaskError> {
        let wanted = usize::from(miners.clamp(1, MINERS_MAX));
        let mut ranked = self.ranked().into_iter();
        let deadline = Instant::now() + limit;
        let mut running = FuturesUnordered::new();
        for (rank, miner) in ranked.by_ref().take(wanted).enumerate() {
            running.push(self.ask(rank, miner, &input, deadline));
        }
        if running.is_empty() {
            return Err(TaskError::NoMiners);
        }
        let mut next_rank = running.len();
        let (mut answers, mut failures) = (Vec::new(), Vec::new());
        while let Some((rank, result)) = running.next().await {
            match result {
                Ok(answer) => answers.push((rank, answer)),
                Err(failure) => {
                    failures.push(failure);
                    let left = Instant::now() < deadline;
                    if let Some(miner) = ranked.next().filter(|_| left) {
                        running.push(self.ask(next_rank, miner, &input, deadline));
                        next_rank += 1;
                    }
                }
            }
        }
        if answers.is_empty() {
            let reasons = failures.iter().map(|f| format!("uid {}: {}", f.uid, f.reason));
            return Err(TaskError::NoAnswer {
                asked: failures.len(),
                limit,
                reasons: reasons.collect(),
            });
        }
        answers.sort_by_key(|(rank, _)| *rank);
        let answers = answers.into_iter().map(|(_, answer)| answer).collect();
        Ok(TaskAnswers { answers, failures })
    }

    /// Miners by incentive of the last epoch, then by uid.
    fn ranked(&self) -> Vec<(Uid, Hotkey)> {
        let view = self.view.now();
        let incentive = |uid: Uid| {
            let row = view.result.as_ref().and_then(|result| result.row(uid));
            row.map_or(0, |row| row.incentive)
        };
        let miners = view.state.participants();
        let mut miners: Vec<(Uid, Hotkey)> = miners
            .filter(|(_, seat)| seat.role == Role::Miner && seat.hotkey != self.me)
            .map(|(uid, seat)| (uid, seat.hotkey))
            .collect();
        miners.sort_by_key(|(uid, _)| (std::cmp::Reverse(incentive(*uid)), *uid));
        miners
    }

    async fn ask(
        &self,
        rank: usize,
        (uid, hotkey): (Uid, Hotkey),
        input: &[u8],
        deadline: Instant,
    ) -> (usize, Result<TaskAnswer, TaskFailure>) {
        let start = Instant::now();
        let left = deadline.saturating_duration_since(start);
        let result = self.exchange(hotkey, input, left).await;
        let latency_ms = start.elapsed().as_secs_f64() * 1_000.0;
        let hotkey = hotkey.to_string();
        let uid = uid.get();
        let result = match result {
            Ok((output, receipt)) => Ok(TaskAnswer {
                output,
                uid,
                hotkey,
                signature: hex(receipt.signature().as_bytes()),
                receipt: hex(&receipt.to_bytes()),
                latency_ms,
            }),
            Err(reason) => Err(TaskFailure { uid, hotkey, reason }),
        };
        (rank, result)
    }

    /// One request and its checked answer.
    async fn exchange(
        &self,
        miner: Hotkey,
        input: &[u8],
        left: Duration,
    ) -> Result<(serde_json::Value, Item), String> {
        let nonce = getrandom::u64().map_err(|error| error.to_string())?;
        let call = proto::TaskRequest {
            task: self.task.clone(),
            input: input.to_vec(),
            deadline_ms: u32::try_from(left.as_millis()).unwrap_or(u32::MAX),
            nonce,
        };
        let request = proto::Request { request: Some(proto::request::Request::Task(call)) };
        let response =
            self.network.ask(miner, request, left).await.map_err(|error| error.to_string())?;
        let answer = match response.response {
            Some(proto::response::Response::Task(answer)) => answer,
            Some(proto::response::Response::Refused(refused)) => return Err(refused.reason),
            _ => return Err("an answer of another kind".into()),
        };
        let receipt = answer.receipt.ok_or("no receipt")?;
        let receipt = Item::from_proto(receipt).map_err(|error| error.to_string())?;
        let Body::Receipt(body) = receipt.body() else { return Err("no receipt".into()) };
        let bound = *receipt.subnet() == self.subnet
            && body.signer == miner
            && body.request == request_digest(&self.me, nonce, &self.task, input)
            && body.output == Digest::new(*blake3::hash(&answer.output).as_bytes());
        if !bound || !receipt.verify() {
            return Err("the receipt does not hold for this request and answer".into());
        }
        let output = serde_json::from_slice(&answer.output)
            .map_err(|_| "the answer is not JSON".to_owned())?;
        Ok((output, receipt))
    }
}
