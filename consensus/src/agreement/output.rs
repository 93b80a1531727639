//! What the engine says and asks: outputs, timers, watermark, reasons, errors.

use std::time::Duration;

use ganglion_types::{
    AgreementMessage, Certificate, Cut, CutId, DecodeError, Epoch, Hotkey, Proposal, Round, Vote,
};

use crate::certificate::CertificateError;

/// How long a round waits. All grow by a multiple of `delta` per round, up to `max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For the proposal and its verdict: a build, a fetch and an execution must fit in.
    pub propose: Duration,
    /// For the rest of the prevotes, and of the precommits, once more than 2/3 of any are there.
    pub vote: Duration,
    /// Added per round to each wait.
    pub delta: Duration,
    /// Between two sendings of what the network may have lost; grows by three deltas per round.
    pub rebroadcast: Duration,
    /// No wait is longer.
    pub max: Duration,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimerKind {
    /// No proposal: prevote nil.
    Propose,
    /// No common prevote: precommit nil.
    Prevote,
    /// No common precommit: next round.
    Precommit,
    /// Send again what the network may have lost.
    Rebroadcast,
}

/// Names a timer. There is at most one of each name: scheduling it again replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timer {
    /// The epoch.
    pub epoch: Epoch,
    /// The round.
    pub round: Round,
    /// What for.
    pub kind: TimerKind,
}

/// Where a round stands. Rises within a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Waiting for the proposal and the verdict on it.
    Propose,
    /// Prevoted.
    Prevote,
    /// Precommitted.
    Precommit,
    /// The epoch is decided.
    Decided,
}

impl Step {
    /// The number in the watermark file.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Propose => 0,
            Self::Prevote => 1,
            Self::Precommit => 2,
            Self::Decided => 3,
        }
    }

    /// Name for status pages and metric labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Propose => "propose",
            Self::Prevote => "prevote",
            Self::Precommit => "precommit",
            Self::Decided => "decided",
        }
    }
}

/// How far this node has signed, as the watermark file keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermark {
    /// The epoch being closed.
    pub epoch: Epoch,
    /// The round.
    pub round: Round,
    /// The step.
    pub step: Step,
    /// The cut this node is locked on, and the round of the lock.
    pub locked: Option<(Round, CutId)>,
    /// The newest cut known to have had a polka, and its round.
    pub valid: Option<(Round, CutId)>,
}

/// A decided epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The cut.
    pub cut: Cut,
    /// Precommits of more than 2/3 of stake for it.
    pub certificate: Certificate,
}

/// Two statements of one key for one slot, both with a signature that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "`first` and `second` are said above")]
pub enum Equivocation {
    /// Two votes of one type, epoch and round.
    Votes { first: Box<Vote>, second: Box<Vote> },
    /// Two proposals of one epoch and round.
    Proposals { first: Box<Proposal>, second: Box<Proposal> },
}

impl Equivocation {
    /// Who said both.
    #[must_use]
    pub const fn offender(&self) -> &Hotkey {
        match self {
            Self::Votes { first, .. } => &first.signer,
            Self::Proposals { first, .. } => &first.signer,
        }
    }
}

/// What the caller has to do. The order within one answer, and between answers, binds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "an output left out breaks safety or progress"]
pub enum Output {
    /// Append these bytes to the agreement log of this epoch. Need not be durable yet.
    Log(Vec<u8>),
    /// Make everything logged so far durable, then this watermark, before anything that follows.
    ///
    /// If either fails the process must stop: what follows would be a promise without a record.
    Sync(Watermark),
    /// Publish to everybody.
    Send(AgreementMessage),
    /// Publish again, past whatever suppresses duplicates.
    Resend(AgreementMessage),
    /// Call [`Engine::timeout`](super::Engine::timeout) after this long.
    Schedule(Timer, Duration),
    /// Forget this timer.
    Cancel(Timer),
    /// Forget every timer.
    CancelAll,
    /// A round began.
    RoundStarted {
        /// The round.
        round: Round,
        /// Who may propose.
        proposer: Hotkey,
        /// Whether that is this node, and it votes.
        mine: bool,
    },
    /// Build a cut and answer with [`Engine::propose`](super::Engine::propose) for this round.
    Build {
        /// The round.
        round: Round,
    },
    /// The signature and the proposer hold, and subnet, epoch and previous cut are right: fetch
    /// what the cut names, check it, answer with [`Engine::judged`](super::Engine::judged).
    /// Comes again when a cut judged invalid is proposed again.
    Judge(Box<Proposal>),
    /// Keys that contradicted themselves in this epoch. Comes just before the decision.
    Misbehaviour(Vec<Equivocation>),
    /// The epoch is closed. Nothing follows until the next [`Engine::start`](super::Engine::start).
    Decided(Box<Decision>),
}

/// Why a message changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ignored {
    /// No epoch has been started.
    #[error("no epoch is being agreed on")]
    NotStarted,
    /// The epoch of the engine is decided.
    #[error("the epoch is decided")]
    Decided,
    /// Of an epoch that is closed: its sender lags and is helped by the certificate.
    #[error("it is about closed epoch {0}")]
    PastEpoch(Epoch),
    /// Of the very next epoch: keep it until then.
    #[error("it is about the next epoch, {0}")]
    NextEpoch(Epoch),
    /// Of a later epoch: this node lags, or the sender makes numbers up.
    #[error("it is about far epoch {0}")]
    FarEpoch(Epoch),
    /// An inclusion list, which is not for the engine.
    #[error("inclusion lists are not part of the votes")]
    List,
    /// More than [`ROUNDS_AHEAD`](super::ROUNDS_AHEAD) rounds ahead.
    #[error("round {0} is too far ahead")]
    FarRound(Round),
    /// Said before.
    #[error("it is known")]
    Repeated,
    /// The signer has contradicted itself so often that more proves nothing.
    #[error("its signer has contradicted itself too often")]
    Saturated,
    /// The signature of this node's own key holds, but this engine did not make it: the key is in
    /// use elsewhere, or the log of an earlier run is lost.
    #[error("it is signed with this node's own key, but not by this node")]
    OwnKey,
    /// The signer has no seat.
    #[error("{0} is not in the committee")]
    NotMember(Hotkey),
    /// It was another member's turn to propose.
    #[error("{0} is not the proposer of that round")]
    NotProposer(Hotkey),
    /// The polka round of a proposal is not before its round.
    #[error("the polka round is not before the round")]
    PolRound,
    /// Votes of a round certificate that are not of its epoch, round or type.
    #[error("votes in the certificate are of another round or type")]
    MixedVotes,
    /// The signature does not hold.
    #[error("the signature of {0} does not hold")]
    BadSignature(Hotkey),
    /// A certificate that proves nothing.
    #[error("the certificate proves nothing")]
    BadCertificate(#[source] CertificateError),
    /// The certificate names another cut, or the cut is of another subnet.
    #[error("cut and certificate do not belong together")]
    OtherCut,
}

impl Ignored {
    /// Whether an honest node may have sent it, so that no score should fall.
    #[must_use]
    pub const fn is_innocent(&self) -> bool {
        !matches!(
            self,
            Self::NotMember(_)
                | Self::NotProposer(_)
                | Self::PolRound
                | Self::MixedVotes
                | Self::BadSignature(_)
                | Self::BadCertificate(_)
                | Self::OtherCut
        )
    }
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "an output left out breaks safety or progress"]
pub enum Received {
    /// It was new and authentic: forward it, and carry these out.
    Accepted(Vec<Output>),
    /// It changed nothing.
    Ignored(Ignored),
}

/// Why the engine stopped. After any of these it signs nothing more: stop the process.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// A record of the agreement log is no record.
    #[error("record {index} of the agreement log of epoch {epoch} cannot be read")]
    Record {
        /// The epoch.
        epoch: Epoch,
        /// Position from 0.
        index: usize,
        /// What is wrong with it.
        #[source]
        source: DecodeError,
    },
    /// A record of the agreement log is not what this node could have accepted.
    #[error("record {index} of the agreement log of epoch {epoch} does not verify: {reason}")]
    Unverified {
        /// The epoch.
        epoch: Epoch,
        /// Position from 0.
        index: usize,
        /// Why it would be ignored.
        reason: Ignored,
    },
    /// Replay leads to another signature than the one on record: two processes use one key, the log
    /// belongs to another state, or the software is at fault. Signing on would be equivocation.
    #[error(
        "replaying the agreement log of epoch {epoch}, round {round} leads to another {what} than \
         the one signed before; is the same key in use by another process?"
    )]
    ReplayDivergence {
        /// The epoch.
        epoch: Epoch,
        /// The round.
        round: Round,
        /// `prevote`, `precommit` or `proposal`.
        what: &'static str,
    },
    /// A proposed cut that is not of this subnet and epoch or does not follow the previous cut.
    #[error("the built cut {found} does not extend epoch {epoch} of this subnet")]
    ForeignCut {
        /// The epoch being closed.
        epoch: Epoch,
        /// Id of the cut.
        found: CutId,
    },
    /// The BFT core reported a broken invariant.
    #[error("agreement broke an invariant: {detail}")]
    Broken {
        /// Its words.
        detail: String,
    },
    /// The engine failed before.
    #[error("agreement stopped after an earlier failure")]
    Stopped,
}
