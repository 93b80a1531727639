//! What the rest of the node holds: a cheap handle, and the events it gets.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prost::Message as _;
use tokio::sync::{mpsc, oneshot, watch};

use ganglion_types::{Hotkey, Item, proto};

use crate::bucket::Bucket;
use crate::counts::Counted;
use crate::nat::Reach;
use crate::request;
use crate::topics::Topic;

/// Commands that wait for the service. It takes thousands a second; this is a pause of some 100 ms.
pub const COMMANDS_MAX: usize = 512;
/// Own messages of one topic: at once, and per second in the long run. A participant says a handful
/// per epoch; gossipsub collapses at about 200 a second over all nodes of a host.
pub const PUBLISH_BURST: f64 = 256.0;
/// See [`PUBLISH_BURST`].
pub const PUBLISH_PER_SECOND: f64 = 64.0;
/// Own bytes of one topic at once: 64 of the largest items.
pub const PUBLISH_BURST_BYTES: f64 = 8.0 * 1024.0 * 1024.0;
/// Own bytes of one topic per second: with 64 peers 64 MiB/s leave the node, all of a fast line.
pub const PUBLISH_BYTES_PER_SECOND: f64 = 1024.0 * 1024.0;

/// Names a gossiped message until its verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageToken(pub(crate) u64);

/// Names a request of a peer until its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ResponseToken(pub(crate) u64);

/// Names an own request until its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(crate) u64);

/// What the node thinks of a gossiped message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Good: forward it.
    Accept,
    /// Not forwarded, nobody blamed: late, a duplicate, not for now.
    Ignore,
    /// Not forwarded, and the sender is to blame.
    Reject,
}

/// What a peer did wrong. Each costs points; at 100 the peer is banned for ten minutes. Points halve
/// every five minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Bytes that are not what they must be. 20 points.
    Malformed,
    /// A frame over the limit. 20 points.
    Oversize,
    /// Well formed and wrong: a bad signature, a foreign subnet, an answer to another question. 10 points.
    Invalid,
    /// More than its rate. 1 point, by this crate at most once a second.
    Flood,
    /// No answer, or none of use. 0.2 points, 50 at most: a loaded or unreachable host is not an attacker.
    Unhelpful,
}

impl Fault {
    /// Every one.
    pub(crate) const ALL: [Self; 5] =
        [Self::Malformed, Self::Oversize, Self::Invalid, Self::Flood, Self::Unhelpful];

    pub(crate) const fn points(self) -> f64 {
        match self {
            Self::Malformed | Self::Oversize => 20.0,
            Self::Invalid => 10.0,
            Self::Flood => 1.0,
            Self::Unhelpful => 0.2,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Oversize => "oversize",
            Self::Invalid => "invalid",
            Self::Flood => "flood",
            Self::Unhelpful => "unhelpful",
        }
    }
}

/// What happened. The channel holds 1,024; if the node is slower than that, gossip is dropped as if
/// ignored and requests are refused as busy, while the other events wait their turn.
#[derive(Debug)]
pub enum Event {
    /// A message that waits for [`Handle::verdict`], at most 4 s. Never of [`Topic::Peers`], and never
    /// an own one.
    Gossip {
        /// Its topic.
        topic: Topic,
        /// Who passed it on; not its author.
        from: Hotkey,
        /// For the verdict.
        token: MessageToken,
        /// The payload as published.
        bytes: Vec<u8>,
    },
    /// A request that waits for [`Handle::respond`], at most 8 s. Never a `PeersRequest`.
    Request {
        /// Who asks.
        from: Hotkey,
        /// What.
        request: proto::Request,
        /// For the response.
        token: ResponseToken,
    },
    /// How an own request ended. Each request that [`Handle::request`] took ends exactly once.
    Response {
        /// Of the request.
        id: RequestId,
        /// Whom it was sent to.
        peer: Hotkey,
        /// A response of the right kind, or why there is none.
        result: Result<proto::Response, RequestError>,
    },
    /// A peer has its first connection.
    Connected {
        /// The peer.
        peer: Hotkey,
    },
    /// A peer lost its last connection.
    Disconnected {
        /// The peer.
        peer: Hotkey,
    },
    /// A new, verified peer record: to be kept for [`crate::Config::known`].
    Record {
        /// Of kind `PeerRecord`.
        record: Item,
    },
    /// An address now listened at. Those of the start are in [`Handle::listen_addresses`] at once.
    Listening {
        /// Multiaddr without a peer id.
        address: String,
    },
    /// The service ended. Nothing follows.
    Stopped {
        /// Why.
        reason: StopReason,
    },
}

/// Why the service ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// [`Handle::shutdown`].
    Asked,
    /// The last handle was dropped.
    NoHandle,
    /// The last listener closed.
    NoListener,
}

/// Why a message was not taken for publishing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// Over the topic's limit.
    #[error("{size} bytes, over the limit of {limit}")]
    TooLarge {
        /// Size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Nothing in it.
    #[error("an empty message")]
    Empty,
    /// Peer records are published by the network itself.
    #[error("the topic is the network's own")]
    Reserved,
    /// Over the own rate.
    #[error("more than {PUBLISH_PER_SECOND} messages a second or 1 MiB a second on one topic")]
    RateLimited,
    /// The service is behind.
    #[error("the network is behind with {COMMANDS_MAX} commands")]
    Full,
    /// The service has ended.
    #[error("the network has stopped")]
    Stopped,
}

impl PublishError {
    /// Whether the same message may pass a moment later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::RateLimited | Self::Full)
    }
}

/// Why there is no response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Over the limit of a request.
    #[error("{size} bytes, over the limit of {limit}")]
    TooLarge {
        /// Size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A request without a kind.
    #[error("an empty request")]
    Empty,
    /// Too many own requests: under way, to this peer (32, or 224 at once and 56 a second), or waiting for
    /// the service.
    #[error("too many requests under way")]
    Busy,
    /// No connection, and none could be made.
    #[error("the peer cannot be reached")]
    Unreachable,
    /// No response in time.
    #[error("no response in time")]
    TimedOut,
    /// The connection broke.
    #[error("the connection broke")]
    ConnectionLost,
    /// The peer does not speak our protocol, or answered with what this version does not know.
    #[error("the peer does not speak this protocol")]
    Unsupported,
    /// The response was over the limit.
    #[error("the response is over the limit")]
    Oversize,
    /// The response was not protobuf, held too much, or answered another kind of request.
    #[error("the response is malformed")]
    Malformed,
    /// The peer said no.
    #[error("refused with code {code}: {reason}")]
    Refused {
        /// See [`crate::refused`]; the node's own codes begin at 16.
        code: u32,
        /// In its words, at most 256 characters; not to be trusted.
        reason: String,
    },
    /// The service has ended.
    #[error("the network has stopped")]
    Stopped,
}

impl RequestError {
    /// Whether the same request may succeed a moment later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Busy | Self::Unreachable | Self::TimedOut | Self::ConnectionLost => true,
            Self::Refused { code, .. } => {
                matches!(*code, crate::refused::BUSY | crate::refused::UNANSWERED)
            }
            Self::TooLarge { .. }
            | Self::Empty
            | Self::Unsupported
            | Self::Oversize
            | Self::Malformed
            | Self::Stopped => false,
        }
    }
}

/// Who opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The peer.
    Inbound,
    /// We.
    Outbound,
}

/// What is known of a peer, as of at most a second ago.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerInfo {
    /// Its key.
    pub hotkey: Hotkey,
    /// The same as libp2p shows it.
    pub peer_id: String,
    /// Where it says it can be reached.
    pub addresses: Vec<String>,
    /// Whether there is a connection.
    pub connected: bool,
    /// Of the first connection.
    pub direction: Option<Direction>,
    /// Whether all connections go through relays.
    pub relayed: bool,
    /// Whether it has said that it listens to every topic: from then on gossip reaches it.
    pub subscribed: bool,
    /// Gossip score, faults included: about 0 for a stranger, below -80 it is not listened to.
    pub score: f64,
    /// Last measured round trip.
    pub rtt: Option<Duration>,
    /// What it says it runs; not to be trusted.
    pub agent: Option<String>,
    /// Whether its record says that it keeps the items of every epoch.
    pub archive: bool,
}

/// What the service shows of itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) peers: Arc<Vec<PeerInfo>>,
    pub(crate) listen: Arc<Vec<String>>,
    pub(crate) reach: Reach,
}

#[derive(Debug)]
pub(crate) enum Command {
    Publish { topic: Topic, bytes: Vec<u8> },
    Request { peer: Hotkey, request: proto::Request, reply: request::Reply },
    Penalize { peer: Hotkey, fault: Fault },
}

/// Verdicts and responses have a channel of their own, as wide as there can be tokens: none is lost
/// while the commands are full.
#[derive(Debug)]
pub(crate) enum Answer {
    Verdict { token: MessageToken, verdict: Verdict },
    Response { token: ResponseToken, response: proto::Response },
}

/// A cheap handle on the network. When the last one is dropped, the network stops.
#[derive(Clone)]
pub struct Handle {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) hotkey: Hotkey,
    pub(crate) peer_id: String,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) answers: mpsc::Sender<Answer>,
    pub(crate) snapshot: watch::Receiver<Snapshot>,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) next_request: AtomicU64,
    /// Messages and bytes of each topic. Never held across an await or another lock.
    pub(crate) rates: Mutex<Vec<(Bucket, Bucket)>>,
    pub(crate) counted: Counted,
}

pub(crate) fn rates(now: Instant) -> Mutex<Vec<(Bucket, Bucket)>> {
    let one = (
        Bucket::new(PUBLISH_BURST, PUBLISH_PER_SECOND, now),
        Bucket::new(PUBLISH_BURST_BYTES, PUBLISH_BYTES_PER_SECOND, now),
    );
    Mutex::new(vec![one; Topic::ALL.len()])
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("peer_id", &self.shared.peer_id).finish_non_exhaustive()
    }
}

impl Handle {
    /// Gossips `bytes`. Never waits; a message for which no peer is there yet is kept for 5 s. The same
    /// bytes again within a minute go nowhere. Nothing is delivered to this node itself.
    ///
    /// # Errors
    /// If the message breaks a limit, or the node publishes faster than its own rate.
    pub fn publish(&self, topic: Topic, bytes: Vec<u8>) -> Result<(), PublishError> {
        if topic == Topic::Peers {
            return Err(PublishError::Reserved);
        }
        if bytes.is_empty() {
            return Err(PublishError::Empty);
        }
        if bytes.len() > topic.limit() {
            return Err(PublishError::TooLarge { size: bytes.len(), limit: topic.limit() });
        }
        if !self.within_rate(topic, bytes.len()) {
            return Err(PublishError::RateLimited);
        }
        self.shared.commands.try_send(Command::Publish { topic, bytes }).map_err(
            |error| match error {
                mpsc::error::TrySendError::Full(_) => PublishError::Full,
                mpsc::error::TrySendError::Closed(_) => PublishError::Stopped,
            },
        )
    }

    fn within_rate(&self, topic: Topic, bytes: usize) -> bool {
        let now = Instant::now();
        let size = u32::try_from(bytes).map_or(f64::MAX, f64::from);
        let mut rates = self.shared.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let at = Topic::ALL.iter().position(|other| *other == topic);
        at.and_then(|at| rates.get_mut(at))
            .is_some_and(|(messages, bytes)| messages.take(1.0, now) && bytes.take(size, now))
    }

    /// Says what becomes of a gossiped message. Once per token; later ones, and those after 4 s, do nothing.
    pub fn verdict(&self, token: MessageToken, verdict: Verdict) {
        self.answer(Answer::Verdict { token, verdict });
    }

    /// Answers a request. Once per token; later ones, and those after 8 s, do nothing. A response over
    /// 8 MiB becomes a refusal.
    pub fn respond(&self, token: ResponseToken, response: proto::Response) {
        self.answer(Answer::Response { token, response });
    }

    fn answer(&self, answer: Answer) {
        // Full only if one token is answered many times over, closed only after the end.
        if self.shared.answers.try_send(answer).is_err() {
            tracing::debug!("an answer came too late or twice");
        }
    }

    /// Sends a request; the end comes as [`Event::Response`]. Never waits. A peer that is not connected
    /// is dialed if its addresses are known.
    ///
    /// # Errors
    /// If the request breaks a limit or too many are under way; then no event follows.
    pub fn request(
        &self,
        peer: Hotkey,
        request: proto::Request,
    ) -> Result<RequestId, RequestError> {
        let id = RequestId(self.shared.next_request.fetch_add(1, Ordering::Relaxed));
        self.send(peer, request, request::Reply::Event(id))?;
        Ok(id)
    }

    /// Sends a request and waits for its response, at most `timeout` and never longer than 10 s.
    ///
    /// Cancel safe: dropping the future forgets the response.
    ///
    /// # Errors
    /// As [`Handle::request`], and all that [`Event::Response`] may say.
    pub async fn ask(
        &self,
        peer: Hotkey,
        request: proto::Request,
        timeout: Duration,
    ) -> Result<proto::Response, RequestError> {
        let (sender, receiver) = oneshot::channel();
        self.send(peer, request, request::Reply::Once(sender))?;
        match tokio::time::timeout(timeout, receiver).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(RequestError::Stopped),
            Err(_) => Err(RequestError::TimedOut),
        }
    }

    fn send(
        &self,
        peer: Hotkey,
        request: proto::Request,
        reply: request::Reply,
    ) -> Result<(), RequestError> {
        if request.request.is_none() {
            return Err(RequestError::Empty);
        }
        let size = request.encoded_len();
        if size > request::REQUEST_BYTES {
            return Err(RequestError::TooLarge { size, limit: request::REQUEST_BYTES });
        }
        let command = Command::Request { peer, request, reply };
        self.shared.commands.try_send(command).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => RequestError::Busy,
            mpsc::error::TrySendError::Closed(_) => RequestError::Stopped,
        })
    }

    /// Charges a fault to a peer, for junk in what it sent. A full queue drops it.
    pub fn penalize(&self, peer: Hotkey, fault: Fault) {
        let _ = self.shared.commands.try_send(Command::Penalize { peer, fault });
    }

    /// Every peer known or connected, connected ones first, at most a second old.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerInfo> {
        self.shared.snapshot.borrow().peers.as_ref().clone()
    }

    /// Waits until the snapshot behind [`Handle::peers`] is renewed. `false` after the end.
    pub async fn peers_changed(&self) -> bool {
        let mut snapshot = self.shared.snapshot.clone();
        snapshot.mark_unchanged();
        snapshot.changed().await.is_ok()
    }

    /// What libp2p counted by itself, in the text format of `OpenMetrics` without its end mark. Labels are as libp2p makes
    /// them: whoever shows them bounds them.
    #[must_use]
    pub fn libp2p_metrics(&self) -> String {
        self.shared.counted.text()
    }

    /// Where the node listens, then where relays take its connections, without its peer id.
    #[must_use]
    pub fn listen_addresses(&self) -> Vec<String> {
        self.shared.snapshot.borrow().listen.as_ref().clone()
    }

    /// Whether others can connect to this node, as far as it knows.
    #[must_use]
    pub fn reach(&self) -> Reach {
        self.shared.snapshot.borrow().reach
    }

    /// The own peer id, to be appended to an address as `/p2p/...`.
    #[must_use]
    pub fn local_peer_id(&self) -> String {
        self.shared.peer_id.clone()
    }

    /// The own hotkey.
    #[must_use]
    pub fn local_hotkey(&self) -> Hotkey {
        self.shared.hotkey
    }

    /// Asks the service to end. [`Event::Stopped`] follows.
    pub fn shutdown(&self) {
        self.shared.stop.send_replace(true);
    }

    /// Waits until the service has ended and its sockets are closed.
    pub async fn stopped(&self) {
        self.shared.commands.closed().await;
    }
}
