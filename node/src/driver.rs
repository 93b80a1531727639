//! The one thread that owns the participant.
//!
//! ```text
//!  network events ─┐
//!  worker replies ─┼─► mailbox (8,192) ─► Runner ─► NodeHost ─► store, network, worker, view
//!  HTTP, CLI ──────┘                        ▲ timers
//! ```
//! Disk writes happen here, so that what must be durable before a message is. Everything else the
//! host does only hands over and never waits.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ganglion_p2p as p2p;
use ganglion_subnet::runner::{Runner, Stopped};
use ganglion_subnet::{Channel, Input, Now, Participant};
use ganglion_types::{Hotkey, ItemId, proto};
use tokio::sync::oneshot;

use crate::host::NodeHost;

/// Inputs that wait. At 64 peers and 500 messages a second each this is a quarter of a second.
const MAILBOX: usize = 8_192;
/// The loop looks around at least this often.
const IDLE: Duration = Duration::from_millis(500);

/// A cheap way to tell the driver something.
#[derive(Clone, Debug)]
pub struct Driver {
    mailbox: SyncSender<Mail>,
}

/// What the driver is told.
#[derive(Debug)]
pub enum Mail {
    /// An event that needs no translation.
    Input(Input),
    /// Gossip, with the network's name for it.
    Gossip {
        /// The peer that forwarded it.
        from: Hotkey,
        /// For the verdict.
        token: p2p::MessageToken,
        /// Its topic.
        channel: Channel,
        /// The wire bytes.
        bytes: Vec<u8>,
    },
    /// A request, with the network's name for it.
    Request {
        /// The peer.
        from: Hotkey,
        /// For the answer.
        token: p2p::ResponseToken,
        /// What it asks.
        request: proto::Request,
    },
    /// The end of a request of ours.
    Response {
        /// The request.
        id: p2p::RequestId,
        /// The peer asked.
        from: Hotkey,
        /// The answer.
        response: Option<proto::Response>,
    },
    /// An operation of this node's user.
    Submit {
        /// Wire bytes of the item.
        bytes: Vec<u8>,
        /// What became of it.
        reply: oneshot::Sender<Result<ItemId, String>>,
    },
    /// End the loop.
    Stop,
}

/// Why an operation was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// A rule says no.
    #[error("{0}")]
    Refused(String),
    /// The node is overloaded or stopping.
    #[error("the node is busy or stopping; try again")]
    Busy,
}

impl Driver {
    /// A mailbox and its reading end.
    #[must_use]
    pub fn channel() -> (Self, Receiver<Mail>) {
        let (mailbox, mail) = sync_channel(MAILBOX);
        (Self { mailbox }, mail)
    }

    /// Tells the driver of an event. Lost, and counted, if the mailbox is full.
    pub fn input(&self, input: Input) {
        self.mail(Mail::Input(input));
    }

    /// Tells the driver something. False if it was lost because the mailbox is full.
    pub fn mail(&self, mail: Mail) -> bool {
        match self.mailbox.try_send(mail) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                metrics::counter!("ganglion_driver_mail_lost_total").increment(1);
                false
            }
            Err(TrySendError::Disconnected(_)) => false,
        }
    }

    /// Submits an operation and waits for what the arrival checks say.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn submit(&self, bytes: Vec<u8>) -> Result<ItemId, SubmitError> {
        let (reply, result) = oneshot::channel();
        if !self.mail(Mail::Submit { bytes, reply }) {
            return Err(SubmitError::Busy);
        }
        result.await.map_err(|_| SubmitError::Busy)?.map_err(SubmitError::Refused)
    }

    /// Ends the loop; what is in the mailbox before it is still done.
    pub fn stop(&self) {
        // A full mailbox is drained within milliseconds; blocking here is bounded by that.
        let _ = self.mailbox.send(Mail::Stop);
    }
}

/// Both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock whose monotonic zero is now.
    #[must_use]
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now {
            mono: u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX),
            wall: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// The moment of a reading of the monotonic clock.
    #[must_use]
    pub fn instant(&self, mono: u64) -> Instant {
        self.start + Duration::from_millis(mono)
    }
}

/// Runs the participant until it is told to stop or must not go on: a failed write, or a
/// [`ganglion_subnet::Halt`]. Gives its world back.
pub fn run(
    participant: Participant,
    host: NodeHost,
    mail: &Receiver<Mail>,
    clock: Clock,
) -> (NodeHost, Result<(), Stopped<ganglion_storage::StoreError>>) {
    let mut runner = Runner::new(participant, host);
    let result = turn(&mut runner, mail, clock);
    (runner.into_host(), result)
}

fn turn(
    runner: &mut Runner<NodeHost>,
    mail: &Receiver<Mail>,
    clock: Clock,
) -> Result<(), Stopped<ganglion_storage::StoreError>> {
    runner.handle(clock.now(), Input::Started)?;
    loop {
        while let Some(input) = runner.host_mut().take_pending() {
            runner.handle(clock.now(), input)?;
        }
        let now = clock.now();
        let wait = runner
            .next_timer()
            .map_or(IDLE, |at| Duration::from_millis(at.saturating_sub(now.mono)).min(IDLE));
        match mail.recv_timeout(wait) {
            Ok(Mail::Stop) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Ok(mail) => {
                let input = runner.host_mut().translate(mail);
                if let Some(input) = input {
                    runner.handle(clock.now(), input)?;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        runner.fire(clock.now())?;
        let now = clock.now();
        let deadline = runner.participant().deadline();
        runner.host_mut().look_around(now, deadline);
    }
}
