//! What a participant wants done, in this order.

use std::sync::Arc;

use ganglion_consensus::agreement::{Timer as EngineTimer, TimerKind, Watermark};
use ganglion_consensus::ledger::stages::StageDifference;
use ganglion_consensus::ledger::{EpochResult, Receipt, State};
use ganglion_types::{
    AgreementMessage, Certificate, Cut, CutId, Epoch, EpochBundle, Fork, Hotkey, ItemId, Kind,
    VoteType, proto,
};

use crate::input::{AnswerToken, AskId, Channel, GossipToken, Job, Ticket};
use crate::intake::Rejection;

/// Things to wait for. One of each runs at a time; setting it again moves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// Genesis: the first window opens.
    Genesis,
    /// Miners commit to their answers.
    Commit,
    /// Miners send their answers.
    Batches,
    /// Validators score what they have.
    Score,
    /// Validators publish weights.
    Weights,
    /// The window closes: lists.
    Deadline,
    /// Enough lists are held; the others had their chance.
    Grace,
    /// Say again what may have been lost.
    Resend,
    /// Ask the next peer for what is missing.
    Fetch,
    /// Compare notes with peers.
    Status,
    /// The peer that was asked for epochs had time enough: ask another beside it.
    Follow,
    /// Peers had time enough to say which row differs.
    Inquiry,
    /// Compare what we hold with peers.
    Exchange,
    /// The startup listen is over.
    Listen,
    /// A timer of agreement.
    Engine(EngineTimer),
}

/// What the network should think of a gossip message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Forward it.
    Accept,
    /// Drop it; nobody is to blame.
    Ignore,
    /// Drop it and lower the sender's score.
    Reject,
}

/// A row of state to write, or, without value, to delete: table, key, value.
pub type RowChange = (u8, Vec<u8>, Option<Vec<u8>>);

/// A decided epoch, to be stored in one transaction.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Cut, certificate and items.
    pub bundle: EpochBundle,
    /// Id of the cut.
    pub id: CutId,
    /// What changed in the state.
    pub rows: Vec<RowChange>,
    /// What the epoch means.
    pub result: EpochResult,
    /// What became of its operations.
    pub receipts: Vec<Receipt>,
    /// The state after it.
    pub state: Arc<State>,
}

/// One thing to do. The runner carries them out in order and stops at the first durable one that
/// fails: nothing after it may leave the node.
#[derive(Clone, Debug)]
#[must_use]
pub enum Effect {
    /// Append to the agreement log of this height.
    Log(Vec<u8>),
    /// Make the log, then this watermark, durable.
    Sync(Watermark),
    /// The agreement log of earlier heights may go; this one begins.
    ResetLog(Epoch),
    /// Item numbers below this one are reserved; durable before any of them is used.
    ReserveSeq(u64),
    /// Store a decided epoch.
    Commit(Box<Commit>),
    /// Keep a value of this node's own across restarts.
    SaveLocal {
        /// Its name.
        key: &'static str,
        /// Its bytes.
        value: Vec<u8>,
    },
    /// Gossip.
    Publish(Channel, Vec<u8>),
    /// Gossip on what another signed and sent us in a trade. Nothing of our own has to be durable first.
    Forward(Channel, Vec<u8>),
    /// Judge a gossip message.
    Verdict(GossipToken, Verdict),
    /// Send a request.
    Ask(AskId, Hotkey, proto::Request),
    /// Answer a request.
    Answer(AnswerToken, proto::Response),
    /// Answer a request for items or epochs from the store.
    AnswerFromStore(AnswerToken, proto::Request),
    /// A peer sent junk that it is to blame for.
    Penalize(Hotkey, Rejection),
    /// Give the worker something to do.
    Work(Job),
    /// Wake me at this moment of the monotonic clock.
    SetTimer(Timer, u64),
    /// Do not.
    CancelTimer(Timer),
    /// Do not wake me for any round of agreement.
    CancelEngineTimers,
    /// Do not wake me at all.
    CancelAllTimers,
    /// Keep the proof of two certified cuts of one epoch, durably.
    KeepFork(Box<Fork>),
    /// What became of a submitted operation.
    Submitted(Ticket, Result<ItemId, String>),
    /// For people and metrics.
    Report(Report),
    /// Stop: going on would be wrong.
    Halt(Halt),
}

/// Something worth showing.
#[derive(Clone, Debug)]
pub enum Report {
    /// An item arrived and was judged.
    Item {
        /// Its kind, if it could be told.
        kind: Option<Kind>,
        /// Why it was refused.
        rejected: Option<Rejection>,
    },
    /// A message of agreement arrived and was judged.
    Heard {
        /// What it is.
        step: Spoken,
        /// Why it was refused.
        rejected: Option<Rejection>,
    },
    /// This node signed a list, a proposal or a vote.
    Said(Spoken),
    /// A wait of agreement ran out.
    TimedOut(TimerKind),
    /// Another result, or another cut, than this node's own was shown.
    Disagreed(Disagreement),
    /// A phase of the epoch began.
    Phase {
        /// The epoch being closed.
        epoch: Epoch,
        /// Its name.
        phase: Phase,
        /// Moment of the monotonic clock at which the window closes.
        deadline: u64,
    },
    /// Agreement entered a round.
    Round {
        /// The epoch being closed.
        epoch: Epoch,
        /// The round.
        round: u32,
        /// Who proposes.
        proposer: Hotkey,
    },
    /// A cut was executed in this step: Yuma and the ledger. First of the step's effects, so that the
    /// host, which may look at a clock, can tell how long it took.
    Executed,
    /// An epoch was certified and stored.
    Certified(Box<Certified>),
    /// A validator scored a round.
    Scored {
        /// One per miner asked; none if the round is void.
        miners: Vec<MinerScore>,
        /// Whether too little of what was earned before answered for silence to count.
        void: bool,
    },
    /// Whether this node signs.
    Voting {
        /// It does.
        active: bool,
        /// Why not.
        reason: &'static str,
    },
    /// Catching up, or having caught up.
    Following(Following),
    /// Peers are further, and none of them has the items of the next epoch; `None` once one has.
    Stranded(Option<Stranded>),
    /// Two certified cuts of one epoch: the node goes on answering and does nothing else. Empty if the
    /// proof that was kept is damaged.
    Frozen(Vec<Fork>),
    /// Something odd that does not stop the node.
    Odd(String),
}

/// What is said while an epoch is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// An inclusion list.
    List,
    /// A proposed cut.
    Proposal,
    /// A vote for validity.
    Prevote,
    /// A vote for the decision.
    Precommit,
    /// Prevotes of more than 2/3, together.
    Polka,
    /// Votes that end a round, together.
    RoundCertificate,
}

impl Spoken {
    /// Every one.
    pub const ALL: [Self; 6] = [
        Self::List,
        Self::Proposal,
        Self::Prevote,
        Self::Precommit,
        Self::Polka,
        Self::RoundCertificate,
    ];

    /// What a message is.
    #[must_use]
    pub const fn of(message: &AgreementMessage) -> Self {
        match message {
            AgreementMessage::List(_) => Self::List,
            AgreementMessage::Proposal(_) => Self::Proposal,
            AgreementMessage::Vote(vote) => match vote.vote_type {
                VoteType::Prevote => Self::Prevote,
                VoteType::Precommit => Self::Precommit,
            },
            AgreementMessage::Polka(_) => Self::Polka,
            AgreementMessage::RoundCertificate(_) => Self::RoundCertificate,
        }
    }

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Proposal => "proposal",
            Self::Prevote => "prevote",
            Self::Precommit => "precommit",
            Self::Polka => "polka",
            Self::RoundCertificate => "round_certificate",
        }
    }
}

/// Who shows another result than this node's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disagreement {
    /// A proposed cut states other roots: this node votes nil.
    Proposed,
    /// A certified cut states other roots: this node stops.
    Certified,
    /// A peer says that it holds another cut of the last epoch. No proof.
    Claimed,
}

impl Disagreement {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Proposed, Self::Certified, Self::Claimed];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Certified => "certified",
            Self::Claimed => "claimed",
        }
    }
}

/// How far catching up has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Following {
    /// Own last epoch.
    pub epoch: Epoch,
    /// Best epoch that a peer claims; ours once nobody is further.
    pub best: Epoch,
    /// Epochs verified and executed since catching up began.
    pub verified: u64,
    /// Of these, per thousand seconds; `None` before the first answer.
    pub per_kilosecond: Option<u64>,
}

impl Following {
    /// Epochs still to be fetched, as far as peers claim.
    #[must_use]
    pub const fn left(&self) -> u64 {
        self.best.get().saturating_sub(self.epoch.get())
    }

    /// Milliseconds until they are done at this rate; `None` while no rate is known.
    #[must_use]
    pub fn eta_ms(&self) -> Option<u64> {
        let rate = self.per_kilosecond?;
        self.left().saturating_mul(1_000_000).checked_div(rate)
    }
}

/// An epoch that no connected peer can give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stranded {
    /// The epoch.
    pub next: Epoch,
    /// The oldest one that any of them can give.
    pub oldest: Epoch,
}

/// A certified epoch, for people and metrics.
#[derive(Clone, Debug)]
pub struct Certified {
    /// The cut.
    pub cut: Cut,
    /// Its id.
    pub id: CutId,
    /// Its certificate.
    pub certificate: Certificate,
    /// Milliseconds from the deadline to the decision; none if it was fetched.
    pub latency_ms: Option<u64>,
    /// Stake that sent lists in time and all stake of the committee.
    pub stake_seen: (u64, u64),
    /// The state after it.
    pub state: Arc<State>,
    /// What it means.
    pub result: Arc<EpochResult>,
    /// What became of its operations.
    pub receipts: Vec<Receipt>,
}

/// What a validator thinks of one miner after a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinerScore {
    /// The miner.
    pub hotkey: Hotkey,
    /// Tasks scored.
    pub tasks: u32,
    /// Mean score of the round in millionths.
    pub score: i64,
    /// New moving average in billionths.
    pub average: u64,
}

/// Phases of an epoch, for people and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Before genesis.
    Waiting,
    /// Tasks, answers, weights.
    Window,
    /// Lists are exchanged.
    Lists,
    /// Votes are exchanged.
    Agreement,
    /// Fetching epochs that were missed.
    CatchingUp,
}

impl Phase {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Window => "window",
            Self::Lists => "lists",
            Self::Agreement => "agreement",
            Self::CatchingUp => "catching_up",
        }
    }
}

/// Why a node must not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    /// Our execution of a certified cut gives another result: a bug here, or more than 1/3 of stake
    /// is byzantine.
    #[error("epoch {epoch}: the certified {what} differs from ours: {detail}; {}", first_row(difference.as_deref()))]
    Diverged {
        /// The epoch.
        epoch: Epoch,
        /// Which root.
        what: &'static str,
        /// Certified and own value.
        detail: String,
        /// The first stage and row that differ; none if no peer could tell.
        difference: Option<Box<StageDifference>>,
    },
    /// Another process signs with our key.
    #[error("another process signs with this node's hotkey (epoch {epoch}): stop one of them")]
    Twin {
        /// Where it was seen.
        epoch: Epoch,
    },
    /// Agreement cannot go on.
    #[error("agreement on epoch {epoch} failed: {reason}")]
    Agreement {
        /// The epoch.
        epoch: Epoch,
        /// Why.
        reason: String,
    },
}

fn first_row(difference: Option<&StageDifference>) -> String {
    difference.map_or_else(
        || "no peer told which row it is".into(),
        |found| format!("the first row that differs: {found}"),
    )
}
