//! Whether this process may sign.
//!
//! A hotkey must never sign two different votes for one slot, whatever happened to its disk and
//! whoever else runs with it. So a validator signs only if its agreement log is whole or its height
//! has passed, and, after a restart, only once it has listened for its own key for one epoch length.
//!
//! ```text
//!            log whole, nobody is further        log whole, somebody is further
//! Probing ─────────────────────────────► Active ◄──── one epoch length ──── Listening
//!                                           ▲
//! Mute ── the height in question passed ────┘   (no watermark: one whole epoch passed)
//! ```
//! What only a copied or rolled-back disk could break is guarded by the listening alone.

use ganglion_types::{Epoch, Role};

use crate::effect::{Halt, Phase, Report, Timer};
use crate::participant::Participant;

/// What the store remembers of the process before this one.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// The epoch of the watermark; `None` if the file is gone or damaged. 0 for a new node.
    pub signed: Option<Epoch>,
    /// Entries of the agreement log of the watermark's height, if it holds all that was signed.
    pub log: Option<Vec<Vec<u8>>>,
    /// Item numbers below this one may have been used.
    pub seq_reserved: u64,
    /// The moving averages of the validator's scores.
    pub scores: Option<Vec<u8>>,
    /// The rows of weights that it committed to ([`crate::hidden::SealedRows::to_bytes`]).
    pub sealed: Option<Vec<u8>>,
}

/// The right to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Voting {
    /// Not started.
    Idle(Start),
    /// The log is whole: waiting to hear whether anybody is further than we are.
    Probing,
    /// Signing nothing, looking for signatures of our own key.
    Listening,
    /// Signing nothing up to this height.
    Mute(Epoch),
    /// Signing nothing until an epoch was seen from its start to its end.
    MuteOneEpoch {
        /// The epoch that is seen from its start.
        whole: Option<Epoch>,
    },
    /// Signing.
    Active,
}

/// What was found at start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// All that was signed is known.
    Whole,
    /// Something signed at this height is lost.
    Torn(Epoch),
    /// It is not even known at which height something was signed.
    Unknown,
}

impl Voting {
    /// The state at start, for a node whose next epoch to close is `closing`.
    #[must_use]
    pub fn new(recovered: Recovered, closing: Epoch) -> Self {
        Self::Idle(match recovered.signed {
            None => Start::Unknown,
            Some(signed) if signed >= closing && recovered.log.is_none() => Start::Torn(signed),
            Some(_) => Start::Whole,
        })
    }

    const fn reason(&self) -> &'static str {
        match self {
            Self::Idle(_) => "starting",
            Self::Probing => "asking peers how far they are",
            Self::Listening => "listening for its own key for one epoch",
            Self::Mute(_) => "mute: its record of what it signed is damaged at this height",
            Self::MuteOneEpoch { .. } => "mute for one whole epoch: its signing record is gone",
            Self::Active => "signing",
        }
    }
}

impl Participant {
    /// Whether anything may be signed now. Miners and observers have no votes to contradict.
    #[must_use]
    pub fn may_sign(&self) -> bool {
        self.me.is_some() && self.voting == Voting::Active
    }

    pub(crate) fn begin_voting(&mut self) {
        self.started = self.now.mono;
        let Voting::Idle(start) = self.voting.clone() else { return };
        let validator = self.seat().is_some_and(|(_, seat)| seat.role == Role::Validator);
        let next = match start {
            Start::Unknown => Voting::MuteOneEpoch { whole: None },
            Start::Torn(epoch) => Voting::Mute(epoch),
            Start::Whole if !validator || self.closing() == Epoch::GENESIS.next() => Voting::Active,
            Start::Whole => {
                // Long enough for peers to connect and answer; short against an epoch.
                let wait = self.now.mono.saturating_add(self.schedule.epoch / 5);
                self.probed = true;
                self.set_timer(Timer::Listen, wait);
                Voting::Probing
            }
        };
        self.set_voting(next);
    }

    fn set_voting(&mut self, voting: Voting) {
        self.voting = voting;
        let active = self.may_sign();
        let reason = self.voting.reason();
        self.report(Report::Voting { active, reason });
    }

    /// A peer has shown a certificate later than our last one; a mere claim does not count, or any
    /// liar could silence a validator. One that comes late, within the first epoch length after the
    /// start, counts all the same.
    pub(crate) fn peer_is_further(&mut self) {
        let young = self.now.mono < self.started.saturating_add(self.schedule.epoch);
        let probed = self.probed && young && self.voting == Voting::Active;
        if self.voting == Voting::Probing || probed {
            self.probed = false;
            let until = self.started.saturating_add(self.schedule.epoch);
            self.set_timer(Timer::Listen, until);
            self.set_voting(Voting::Listening);
        }
    }

    pub(crate) fn on_listen_over(&mut self) {
        if matches!(self.voting, Voting::Probing | Voting::Listening) {
            self.set_voting(Voting::Active);
            self.resume_agreement();
            if self.phase == Phase::Window {
                self.start_round();
            }
        }
    }

    /// An epoch was decided; `closing` is the next.
    pub(crate) fn epoch_passed(&mut self, closing: Epoch) {
        match self.voting {
            Voting::Mute(height) if closing > height => self.listen(),
            Voting::MuteOneEpoch { whole: None } => {
                self.voting = Voting::MuteOneEpoch { whole: Some(closing) };
            }
            Voting::MuteOneEpoch { whole: Some(whole) } if closing > whole => self.listen(),
            _ => {}
        }
    }

    fn listen(&mut self) {
        let until = self.now.mono.saturating_add(self.schedule.epoch);
        self.set_timer(Timer::Listen, until);
        self.set_voting(Voting::Listening);
    }

    /// A statement in our name, for the height being closed, that this process has not made.
    ///
    /// What the process before this one said at its last height may still be on its way to us.
    pub(crate) fn own_key_seen(&mut self, epoch: Epoch) {
        let may_be_ours = match self.voting {
            Voting::Active => false,
            Voting::Probing | Voting::Listening => self.close.has_recovered_log(),
            Voting::Mute(height) => epoch <= height,
            Voting::MuteOneEpoch { .. } | Voting::Idle(_) => true,
        };
        if !may_be_ours {
            self.halt(Halt::Twin { epoch });
        }
    }
}
