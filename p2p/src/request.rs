//! Requests and responses: framing, kinds, and what is under way.
//!
//! ```text
//! stream = length u32 BE ‖ Request    then, the other way,    length u32 BE ‖ Response
//! ```
//! A frame that breaks a rule is a value, not an IO error: libp2p reports an error of reading without
//! the peer, and then nobody could be blamed for it.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use libp2p::request_response::{self, OutboundRequestId, ResponseChannel};
use libp2p::{PeerId, StreamProtocol};
use prost::Message;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use ganglion_types::proto::{self, request, response};
use ganglion_types::{SubnetId, limits};

use crate::handle::{RequestError, RequestId, ResponseToken};
use crate::topics;
use crate::wire::{Counts, RequestShape, ResponseShape};

/// Bytes of one request. The largest is a push of several proposals with full cuts.
pub const REQUEST_BYTES: usize = 2 * 1024 * 1024;
/// Bytes of one response.
pub const RESPONSE_BYTES: usize = limits::RPC_BYTES;
/// Time for request and response together.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// Time for the node to answer: two seconds less, so that the refusal still arrives from a busy host.
pub const ANSWER_TIME: Duration = Duration::from_secs(8);
/// Streams of one connection at a time, both ways together.
const STREAMS: usize = 64;
/// Requests of others that wait for the node. At 1 KiB, the usual size, this is 256 KiB; the largest
/// are bounded by `BUDGET`.
pub const INBOUND_MAX: usize = 256;
/// The same of one peer, so that no eight of them use up the whole.
pub const INBOUND_PEER_MAX: usize = 32;
/// Own requests under way.
pub const OUTBOUND_MAX: usize = 256;
/// The same to one peer: half the streams, the other half is for its requests.
pub const OUTBOUND_PEER_MAX: usize = 32;
/// Bytes of requests being read or waiting, over all peers, and the same again of responses: sixteen of
/// the largest requests, four of the largest responses.
const BUDGET: usize = 32 * 1024 * 1024;
/// Unit of the budget, and step in which a frame is read: a length that is only promised costs nothing.
const STEP: usize = 64 * 1024;

/// Codes of `Refused` that this crate gives. The node's own begin at 16.
pub mod refused {
    /// The request is not protobuf, or holds too many elements.
    pub const MALFORMED: u32 = 1;
    /// The request is over the limit.
    pub const OVERSIZE: u32 = 2;
    /// Too many requests, of this peer or of all.
    pub const BUSY: u32 = 3;
    /// The node did not answer in time.
    pub const UNANSWERED: u32 = 4;
    /// The request is of no kind that this version knows.
    pub const UNKNOWN: u32 = 5;
}

/// What travels on one stream.
#[derive(Debug)]
pub(crate) enum Frame<T> {
    /// To be sent.
    Outgoing(T),
    /// Received whole. The permit gives the bytes back to the budget when it is dropped.
    Received(T, #[allow(dead_code, reason = "held, not read")] Permits),
    /// Received, but not to be used.
    Bad(BadFrame),
}

pub(crate) type Permits = Option<OwnedSemaphorePermit>;

/// Why a frame cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadFrame {
    Oversize,
    Malformed,
    Busy,
}

/// Reads and writes frames within the budgets.
#[derive(Clone, Debug)]
pub(crate) struct Codec {
    requests: Arc<Semaphore>,
    responses: Arc<Semaphore>,
}

impl Codec {
    fn new() -> Self {
        let budget = || Arc::new(Semaphore::new(BUDGET / STEP));
        Self { requests: budget(), responses: budget() }
    }
}

impl request_response::Codec for Codec {
    type Protocol = StreamProtocol;
    type Request = Frame<proto::Request>;
    type Response = Frame<proto::Response>;

    async fn read_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Frame<proto::Request>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read::<_, RequestShape, _>(io, REQUEST_BYTES, &self.requests).await
    }

    async fn read_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Frame<proto::Response>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read::<_, ResponseShape, _>(io, RESPONSE_BYTES, &self.responses).await
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        frame: Frame<proto::Request>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(io, frame).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        frame: Frame<proto::Response>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(io, frame).await
    }
}

/// A frame that ends early is an error of the connection and nobody's fault: the other end may have given
/// up waiting, as all do when the network between them is cut.
pub(crate) async fn read<M, C, T>(
    io: &mut T,
    limit: usize,
    budget: &Arc<Semaphore>,
) -> io::Result<Frame<M>>
where
    M: Message + Default,
    C: Counts,
    T: AsyncRead + Unpin + Send,
{
    let mut head = [0; 4];
    io.read_exact(&mut head).await?;
    let length = usize::try_from(u32::from_be_bytes(head)).unwrap_or(usize::MAX);
    if length > limit {
        return Ok(Frame::Bad(BadFrame::Oversize));
    }
    let mut bytes = Vec::new();
    let mut held: Permits = None;
    while bytes.len() < length {
        let Ok(permit) = Arc::clone(budget).try_acquire_owned() else {
            return Ok(Frame::Bad(BadFrame::Busy));
        };
        match held.as_mut() {
            Some(held) => held.merge(permit),
            None => held = Some(permit),
        }
        let start = bytes.len();
        bytes.resize(length.min(start + STEP), 0);
        io.read_exact(&mut bytes[start..]).await?;
    }
    if !C::within(&bytes) {
        return Ok(Frame::Bad(BadFrame::Malformed));
    }
    Ok(match M::decode(bytes.as_slice()) {
        Ok(message) => Frame::Received(message, held),
        Err(_) => Frame::Bad(BadFrame::Malformed),
    })
}

async fn write<M, T>(io: &mut T, frame: Frame<M>) -> io::Result<()>
where
    M: Message,
    T: AsyncWrite + Unpin + Send,
{
    let Frame::Outgoing(message) = frame else {
        return Err(io::Error::other("a received frame is never sent on"));
    };
    let bytes = message.encode_to_vec();
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    io.write_all(&length.to_be_bytes()).await?;
    io.write_all(&bytes).await
}

pub(crate) type Behaviour = request_response::Behaviour<Codec>;
pub(crate) type Channel = ResponseChannel<Frame<proto::Response>>;

pub(crate) fn behaviour(subnet: &SubnetId) -> Behaviour {
    let protocol = topics::stream_protocol(topics::rpc_protocol(subnet));
    let config = request_response::Config::default()
        .with_request_timeout(TIMEOUT)
        .with_max_concurrent_streams(STREAMS);
    Behaviour::with_codec(
        Codec::new(),
        [(protocol, request_response::ProtocolSupport::Full)],
        config,
    )
}

/// Kind of a request, for logs and metrics.
pub(crate) fn kind(request: &proto::Request) -> Option<&'static str> {
    Some(match request.request.as_ref()? {
        request::Request::Status(_) => "status",
        request::Request::Items(_) => "items",
        request::Request::ListBodies(_) => "list_bodies",
        request::Request::Epochs(_) => "epochs",
        request::Request::Blob(_) => "blob",
        request::Request::Peers(_) => "peers",
        request::Request::Push(_) => "push",
        request::Request::Task(_) => "task",
        request::Request::Stages(_) => "stages",
        request::Request::StageRows(_) => "stage_rows",
        request::Request::Forks(_) => "forks",
        request::Request::Witness(_) => "witness",
        request::Request::Differences(_) => "differences",
        request::Request::Trade(_) => "trade",
        request::Request::Snapshots(_) => "snapshots",
        request::Request::Chunk(_) => "chunk",
        request::Request::Cuts(_) => "cuts",
    })
}

/// Kind of a response by the request it answers; a refusal answers any.
fn answers(response: &response::Response) -> Option<&'static str> {
    Some(match response {
        response::Response::Status(_) => "status",
        response::Response::Items(_) => "items",
        response::Response::ListBodies(_) => "list_bodies",
        response::Response::Epochs(_) => "epochs",
        response::Response::Blob(_) => "blob",
        response::Response::Peers(_) => "peers",
        response::Response::Pushed(_) => "push",
        response::Response::Task(_) => "task",
        response::Response::Stages(_) => "stages",
        response::Response::StageRows(_) => "stage_rows",
        response::Response::Forks(_) => "forks",
        response::Response::Witness(_) => "witness",
        response::Response::Differences(_) => "differences",
        response::Response::Trade(_) => "trade",
        response::Response::Snapshots(_) => "snapshots",
        response::Response::Chunk(_) => "chunk",
        response::Response::Cuts(_) => "cuts",
        response::Response::Refused(_) => return None,
    })
}

/// What a frame means to whoever asked for `kind`.
pub(crate) fn outcome(
    frame: Frame<proto::Response>,
    kind: &'static str,
) -> Result<proto::Response, RequestError> {
    /// Characters of a refusal's reason that are kept for logs.
    const REASON: usize = 256;
    match frame {
        Frame::Bad(BadFrame::Oversize) => Err(RequestError::Oversize),
        Frame::Bad(BadFrame::Busy) => Err(RequestError::Busy),
        Frame::Bad(BadFrame::Malformed) => Err(RequestError::Malformed),
        Frame::Outgoing(message) | Frame::Received(message, _) => match &message.response {
            Some(response::Response::Refused(refused)) => Err(RequestError::Refused {
                code: refused.code,
                reason: refused.reason.chars().take(REASON).collect(),
            }),
            Some(response) if answers(response) == Some(kind) => Ok(message),
            Some(_) => Err(RequestError::Malformed),
            // Every kind that this version does not know decodes to none: the peer may be newer.
            None => Err(RequestError::Unsupported),
        },
    }
}

/// A refusal.
pub(crate) fn refusal(code: u32, reason: &str) -> proto::Response {
    let refused = proto::Refused { code, reason: reason.to_owned() };
    proto::Response { response: Some(response::Response::Refused(refused)) }
}

/// Where the answer to an own request goes.
#[derive(Debug)]
pub(crate) enum Reply {
    /// To the node's event channel.
    Event(RequestId),
    /// To the task that waits in `Handle::ask`.
    Once(oneshot::Sender<Result<proto::Response, RequestError>>),
    /// To this crate: an exchange of peer records.
    Records,
}

/// An own request under way.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) peer: PeerId,
    pub(crate) kind: &'static str,
    pub(crate) reply: Reply,
}

/// Own requests under way.
#[derive(Debug, Default)]
pub(crate) struct Outbound {
    asked: HashMap<OutboundRequestId, Asked>,
}

impl Outbound {
    /// Whether one more to `peer` may be sent.
    pub(crate) fn has_room(&self, peer: &PeerId) -> bool {
        self.asked.len() < OUTBOUND_MAX
            && self.asked.values().filter(|asked| asked.peer == *peer).count() < OUTBOUND_PEER_MAX
    }

    /// Whether an answer of `peer` is awaited.
    pub(crate) fn is_asked(&self, peer: &PeerId) -> bool {
        self.asked.values().any(|asked| asked.peer == *peer)
    }

    pub(crate) fn insert(&mut self, id: OutboundRequestId, asked: Asked) {
        self.asked.insert(id, asked);
    }

    pub(crate) fn take(&mut self, id: OutboundRequestId) -> Option<Asked> {
        self.asked.remove(&id)
    }
}

/// A request of another that waits for the node.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) peer: PeerId,
    pub(crate) kind: &'static str,
    pub(crate) channel: Channel,
    deadline: Instant,
    _permits: Permits,
}

/// Requests of others that wait for the node. Each is answered: by the node or, late, by a refusal.
#[derive(Debug, Default)]
pub(crate) struct Inbound {
    next: u64,
    waiting: HashMap<u64, Waiting>,
}

impl Inbound {
    pub(crate) fn has_room(&self, peer: &PeerId) -> bool {
        self.waiting.len() < INBOUND_MAX
            && self.waiting.values().filter(|waiting| waiting.peer == *peer).count()
                < INBOUND_PEER_MAX
    }

    /// Whether `peer` awaits an answer.
    pub(crate) fn is_asking(&self, peer: &PeerId) -> bool {
        self.waiting.values().any(|waiting| waiting.peer == *peer)
    }

    pub(crate) fn insert(
        &mut self,
        peer: PeerId,
        kind: &'static str,
        channel: Channel,
        permits: Permits,
        now: Instant,
    ) -> ResponseToken {
        self.next += 1;
        let deadline = now + ANSWER_TIME;
        let waiting = Waiting { peer, kind, channel, deadline, _permits: permits };
        self.waiting.insert(self.next, waiting);
        ResponseToken(self.next)
    }

    pub(crate) fn take(&mut self, token: ResponseToken) -> Option<Waiting> {
        self.waiting.remove(&token.0)
    }

    /// Takes those past their deadline.
    pub(crate) fn expired(&mut self, now: Instant) -> Vec<Waiting> {
        self.waiting.extract_if(|_, waiting| waiting.deadline <= now).map(|(_, w)| w).collect()
    }
}

#[cfg(test)]
mod tests {
    use futures::io::Cursor;

    use super::*;

    fn budget(steps: usize) -> Arc<Semaphore> {
        Arc::new(Semaphore::new(steps))
    }

    async fn try_decode(
        bytes: Vec<u8>,
        budget: &Arc<Semaphore>,
    ) -> io::Result<Frame<proto::Request>> {
        read::<_, RequestShape, _>(&mut Cursor::new(bytes), REQUEST_BYTES, budget).await
    }

    async fn decode(bytes: Vec<u8>, budget: &Arc<Semaphore>) -> Frame<proto::Request> {
        try_decode(bytes, budget).await.unwrap()
    }

    fn task(input: usize) -> proto::Request {
        let task = proto::TaskRequest { input: vec![7; input], ..Default::default() };
        proto::Request { request: Some(request::Request::Task(task)) }
    }

    async fn encode(request: proto::Request) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        write(&mut bytes, Frame::Outgoing(request)).await.unwrap();
        bytes.into_inner()
    }

    #[tokio::test]
    async fn a_frame_round_trips_and_returns_its_budget() {
        let budget = budget(4);
        for size in [0, 1, STEP - 20, STEP, 3 * STEP] {
            let request = task(size);
            let frame = decode(encode(request.clone()).await, &budget).await;
            let Frame::Received(read, permits) = frame else { panic!("{size}: {frame:?}") };
            assert_eq!(read, request);
            assert!(budget.available_permits() < 4);
            drop(permits);
            assert_eq!(budget.available_permits(), 4);
        }
    }

    #[tokio::test]
    async fn a_promised_length_costs_no_memory_and_oversize_is_not_read() {
        let budget = budget(4);
        let over = u32::try_from(REQUEST_BYTES + 1).unwrap().to_be_bytes().to_vec();
        assert!(matches!(decode(over, &budget).await, Frame::Bad(BadFrame::Oversize)));
        let promised = u32::try_from(REQUEST_BYTES).unwrap().to_be_bytes().to_vec();
        assert!(try_decode(promised, &budget).await.is_err());
        assert_eq!(budget.available_permits(), 4);
    }

    #[tokio::test]
    async fn a_used_up_budget_refuses() {
        let frame = decode(encode(task(3 * STEP)).await, &budget(2)).await;
        assert!(matches!(frame, Frame::Bad(BadFrame::Busy)));
    }

    #[tokio::test]
    async fn foreign_bytes_are_malformed_and_a_frame_cut_short_is_nobodys_fault() {
        let budget = budget(4);
        let whole = encode(task(50)).await;
        for end in 0..whole.len() {
            let error = try_decode(whole[..end].to_vec(), &budget).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "cut at {end}");
        }
        let frame = decode(vec![0, 0, 0, 3, 0xff, 0xff, 0xff], &budget).await;
        assert!(matches!(frame, Frame::Bad(BadFrame::Malformed)));
        assert_eq!(budget.available_permits(), 4);
    }

    #[test]
    fn a_response_of_another_kind_is_malformed_and_a_refusal_is_an_error() {
        let status = || proto::Response {
            response: Some(response::Response::Status(proto::Status::default())),
        };
        assert!(outcome(Frame::Received(status(), None), "status").is_ok());
        let other = Frame::Received(status(), None);
        assert_eq!(outcome(other, "items"), Err(RequestError::Malformed));
        let newer = Frame::Received(proto::Response::default(), None);
        assert_eq!(outcome(newer, "items"), Err(RequestError::Unsupported));
        let refused = outcome(Frame::Received(refusal(16, "no"), None), "items");
        assert_eq!(refused, Err(RequestError::Refused { code: 16, reason: "no".into() }));
    }
}
