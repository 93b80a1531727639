//! The engine: one call in, an ordered list of outputs out.

use std::fmt;

use ed25519_dalek::SigningKey;
use ganglion_types::{
    AgreementMessage, Certificate, Cut, CutId, Epoch, Hotkey, Round, SubnetId, sign,
};

use super::output::{EngineError, Ignored, Output, Received, Step, Timeouts, Timer};
use super::running::Running;
use crate::certificate::Committee;

/// What does not change from epoch to epoch.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The subnet, part of every signature.
    pub subnet: SubnetId,
    /// The hotkey's signing key; `None` for an observer, who follows and never signs.
    pub key: Option<SigningKey>,
    /// How long rounds wait.
    pub timeouts: Timeouts,
}

/// An epoch to be closed.
#[derive(Clone, Debug)]
pub struct EpochStart {
    /// The epoch.
    pub epoch: Epoch,
    /// Id of the cut before.
    pub previous: CutId,
    /// Its committee, from the state after the previous cut.
    pub committee: Committee,
    /// Follow without signing, although the key has a seat: the agreement log is not whole, or the
    /// node still listens for its own key.
    pub mute: bool,
}

/// Agreement on the cut of one epoch after the other.
///
/// Sans-IO: no clock, no entropy, no disk, no network. Each call answers with what has to be done,
/// in order. Answers to outputs of an earlier round or epoch are harmless, so a caller may be late.
///
/// Invariants:
/// - nothing signed leaves before an [`Output::Sync`] that covers its record;
/// - across restarts with a whole log, one vote per (epoch, round, type) and one proposal per
///   (epoch, round) is signed;
/// - after an [`EngineError`] (other than [`EngineError::ForeignCut`]) nothing is signed at all;
/// - a node that is no member, has no key or is mute signs, logs and sends nothing.
pub struct Engine {
    config: EngineConfig,
    hotkey: Option<Hotkey>,
    running: Option<Running>,
    failed: bool,
    verified: u64,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("hotkey", &self.hotkey)
            .field("watermark", &self.running.as_ref().map(Running::watermark))
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine that waits for its first epoch.
    #[must_use]
    pub fn new(config: EngineConfig) -> Self {
        let hotkey = config.key.as_ref().map(sign::hotkey_of);
        Self { config, hotkey, running: None, failed: false, verified: 0 }
    }

    /// Starts an epoch, dropping the one before. `log` holds the agreement-log records of this
    /// epoch in order, none on a fresh start.
    ///
    /// With a log, recorded signatures are published again, proposals without a verdict are to be
    /// judged again, and a cut is to be built only if this node's turn is still on.
    ///
    /// # Errors
    /// A log that cannot be read or leads to another signature than the recorded one.
    pub fn start(
        &mut self,
        start: EpochStart,
        log: &[Vec<u8>],
    ) -> Result<Vec<Output>, EngineError> {
        if self.failed {
            return Err(EngineError::Stopped);
        }
        if let Some(before) = &self.running {
            self.verified = self.verified.saturating_add(before.handler.verified);
        }
        let mut running = Running::new(&self.config, self.hotkey, start);
        let outputs = running.begin(log);
        self.running = Some(running);
        self.stop_on_error(outputs)
    }

    /// Answers [`Output::Build`]. Too late for its round or epoch, it changes nothing.
    ///
    /// # Errors
    /// [`EngineError::ForeignCut`] if the cut does not extend this epoch; else the engine stopped.
    pub fn propose(&mut self, round: Round, cut: Cut) -> Result<Vec<Output>, EngineError> {
        let Some(running) = self.current()? else { return Ok(Vec::new()) };
        if cut.epoch < running.handler.epoch {
            return Ok(Vec::new());
        }
        if !running.handler.extends(&cut) {
            return Err(EngineError::ForeignCut { epoch: running.handler.epoch, found: cut.id() });
        }
        let outputs = running.propose(round, cut);
        self.stop_on_error(outputs)
    }

    /// Answers [`Output::Judge`] by cut id, at any time in the epoch. Invalid may become valid
    /// later, valid never invalid. A verdict on a cut that is unknown here changes nothing.
    ///
    /// # Errors
    /// The engine stopped.
    pub fn judged(&mut self, cut: CutId, valid: bool) -> Result<Vec<Output>, EngineError> {
        let Some(running) = self.current()? else { return Ok(Vec::new()) };
        let outputs = running.judged(cut, valid);
        self.stop_on_error(outputs)
    }

    /// A timer ran out. Timers of an earlier round or epoch change nothing.
    ///
    /// # Errors
    /// The engine stopped.
    pub fn timeout(&mut self, timer: Timer) -> Result<Vec<Output>, EngineError> {
        let Some(running) = self.current()? else { return Ok(Vec::new()) };
        let outputs = running.timeout(timer);
        self.stop_on_error(outputs)
    }

    /// A message from the network. What is not of this epoch is refused before anything is
    /// verified; everything that needs no curve arithmetic is checked before a signature.
    ///
    /// # Errors
    /// The engine stopped. A bad message is never an error.
    pub fn receive(&mut self, message: AgreementMessage) -> Result<Received, EngineError> {
        if self.failed {
            return Err(EngineError::Stopped);
        }
        let Some(running) = &mut self.running else {
            return Ok(Received::Ignored(Ignored::NotStarted));
        };
        let received = running.receive(message, self.hotkey);
        self.stop_on_error(received)
    }

    /// Decides the epoch with a cut and certificate fetched from a peer.
    ///
    /// # Errors
    /// The engine stopped. A bad certificate is never an error.
    pub fn certified(
        &mut self,
        cut: Cut,
        certificate: Certificate,
    ) -> Result<Received, EngineError> {
        if self.failed {
            return Err(EngineError::Stopped);
        }
        let Some(running) = &mut self.running else {
            return Ok(Received::Ignored(Ignored::NotStarted));
        };
        Ok(running.certified(cut, certificate))
    }

    /// The epoch being closed, or closed last. Genesis before the first start.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.running.as_ref().map_or(Epoch::GENESIS, |running| running.handler.epoch)
    }

    /// The round.
    #[must_use]
    pub fn round(&self) -> Round {
        self.running.as_ref().map_or(Round::default(), Running::round)
    }

    /// The step; [`Step::Decided`] before the first start too.
    #[must_use]
    pub fn step(&self) -> Step {
        self.running.as_ref().map_or(Step::Decided, Running::step_name)
    }

    /// Whether this node votes in this epoch.
    #[must_use]
    pub fn is_voting(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.handler.key.is_some())
    }

    /// Stake in rao of the members whose votes were seen in this epoch, own included.
    #[must_use]
    pub fn stake_heard(&self) -> u64 {
        self.running
            .as_ref()
            .map_or(0, |running| running.handler.committee.stake_of_all(&running.handler.heard))
    }

    /// Who may propose in a round of this epoch.
    #[must_use]
    pub fn proposer(&self, round: Round) -> Option<Hotkey> {
        self.running.as_ref().map(|running| running.seats.proposer(round.get()))
    }

    /// Signatures handed to verification since the engine was made.
    #[must_use]
    pub fn signatures_verified(&self) -> u64 {
        let now = self.running.as_ref().map_or(0, |running| running.handler.verified);
        self.verified.saturating_add(now)
    }

    /// The undecided epoch, if there is one.
    fn current(&mut self) -> Result<Option<&mut Running>, EngineError> {
        if self.failed {
            return Err(EngineError::Stopped);
        }
        Ok(self.running.as_mut().filter(|running| !running.decided))
    }

    fn stop_on_error<T>(&mut self, result: Result<T, EngineError>) -> Result<T, EngineError> {
        self.failed = self.failed || result.is_err();
        result
    }
}
