//! What a participant is told.

use ganglion_types::{Digest, Epoch, Fork, Hotkey, Payload, Uid, proto};

use crate::effect::Timer;

/// Names one gossip message towards the network until its verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GossipToken(pub u64);

/// Names one incoming request towards the network until its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AnswerToken(pub u64);

/// Names one outgoing request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AskId(pub u64);

/// Names one operation submitted on this node, towards whoever waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// Where gossip travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// Task batches.
    Tasks,
    /// Output commits and batches.
    Outputs,
    /// Weights.
    Weights,
    /// Registry operations.
    Ops,
    /// Lists, votes, proposals.
    Agreement,
}

/// One event of the world outside.
#[derive(Clone, Debug)]
pub enum Input {
    /// The process has started and the network listens.
    Started,
    /// A timer ran out.
    Timer(Timer),
    /// Gossip, unchecked.
    Gossip {
        /// The peer that forwarded it.
        from: Hotkey,
        /// For the verdict.
        token: GossipToken,
        /// Its topic.
        channel: Channel,
        /// The wire bytes.
        bytes: Vec<u8>,
    },
    /// A request of a peer.
    Request {
        /// The peer.
        from: Hotkey,
        /// For the answer.
        token: AnswerToken,
        /// What it asks.
        request: proto::Request,
    },
    /// The answer to a request of ours, or `None` if it failed.
    Response {
        /// The request.
        id: AskId,
        /// The peer asked.
        from: Hotkey,
        /// The answer.
        response: Option<proto::Response>,
    },
    /// A peer is there.
    Connected(Hotkey),
    /// A peer is gone.
    Disconnected(Hotkey),
    /// Tasks that the worker made; empty if it could not.
    TasksMade {
        /// The job.
        job: JobId,
        /// Inputs, in order; the worker's side keeps the secrets under the job.
        inputs: Vec<Payload>,
    },
    /// Answers of the worker to one batch.
    Forwarded {
        /// The job.
        job: JobId,
        /// One per task, [`Payload::EMPTY`] for none.
        outputs: Vec<Payload>,
    },
    /// Scores of the worker, per response and task.
    Scored {
        /// The job.
        job: JobId,
        /// For each hotkey one score per task in millionths; `None` is no score.
        scores: Vec<(Hotkey, Vec<Option<i64>>)>,
    },
    /// The oldest epoch that the store can give with its items: those before are gone.
    Oldest(Epoch),
    /// Two certified cuts of one epoch, both verified against the committee that the store has for it: the
    /// epoch may be any past one, of which this participant remembers the last few only.
    Forked(Box<Fork>),
    /// An operation submitted on this node: the wire bytes of an item.
    Submit {
        /// Who waits.
        ticket: Ticket,
        /// The wire bytes.
        bytes: Vec<u8>,
    },
}

/// Names one job of the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobId(pub u64);

/// Work for the model or the scorer beside the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// Validator: draw the tasks of a round.
    MakeTasks {
        /// Names the job; its secrets are kept under this name for scoring.
        job: JobId,
        /// Seed of the draw.
        seed: Digest,
        /// Round within the epoch.
        round: u32,
        /// How many.
        count: u32,
    },
    /// Miner: answer the tasks of one batch.
    Forward {
        /// Names the job.
        job: JobId,
        /// The validator that asks.
        caller: Caller,
        /// The tasks.
        inputs: Vec<Payload>,
        /// Milliseconds from now until the answers are worthless.
        deadline_ms: u64,
    },
    /// Validator: score the answers to the tasks of `made`.
    Score {
        /// Names the job.
        job: JobId,
        /// The job that made the tasks.
        made: JobId,
        /// Answers by hotkey, in task order.
        responses: Vec<Response>,
        /// Milliseconds from now until the scores are worthless.
        deadline_ms: u64,
    },
    /// Both: what the epoch brought.
    Feedback(Box<Feedback>),
}

/// Answers of one miner to one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The miner.
    pub hotkey: Hotkey,
    /// Its uid in this epoch.
    pub uid: Uid,
    /// One per task, [`Payload::EMPTY`] for none.
    pub outputs: Vec<Payload>,
    /// Milliseconds from the publication of the tasks to the commit.
    pub latency_ms: u64,
}

/// Who asks a miner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its hotkey.
    pub hotkey: Hotkey,
    /// Its uid.
    pub uid: Uid,
    /// Its stake in rao.
    pub stake: u64,
    /// Whether it holds a permit.
    pub permit: bool,
}

/// What an epoch brought to one participant, and to the field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// The epoch just certified.
    pub epoch: u64,
    /// Own uid.
    pub uid: Uid,
    /// Every participant, by uid.
    pub field: Vec<Standing>,
}

/// One participant's part in an epoch's result. Fractions are of 65535.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its uid.
    pub uid: Uid,
    /// Its hotkey.
    pub hotkey: Hotkey,
    /// Share of the miners' part.
    pub incentive: u16,
    /// Share of the validators' part.
    pub dividends: u16,
    /// Stake-weighted median weight.
    pub consensus: u16,
    /// Place by incentive, from 1.
    pub rank: u16,
}
