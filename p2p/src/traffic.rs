//! Gossip and requests on their way between swarm and node.

use std::time::Instant;

use libp2p::PeerId;
use libp2p::gossipsub::{self, MessageAcceptance, MessageId, TopicHash};
use libp2p::request_response::{self, InboundRequestId, OutboundFailure, OutboundRequestId};
use prost::Message as _;

use ganglion_types::Hotkey;
use ganglion_types::proto;
use ganglion_types::proto::request::Request;

use crate::gossip::{UNSENT_TIME, Waiting};
use crate::handle::{
    Answer, Command, Event, Fault, MessageToken, RequestError, ResponseToken, Verdict,
};
use crate::request::{self, Asked, BadFrame, Channel, Frame, Permits, Reply, refused};
use crate::service::Service;
use crate::topics::Topic;
use crate::{identity, metrics};

/// Heartbeats in which a peer was too slow, minus one for each second, after which it is disconnected.
const SLOW_MOST: u8 = 10;

impl Service {
    pub(crate) fn on_command(&mut self, command: Command, now: Instant) {
        match command {
            Command::Publish { topic, bytes } => self.publish(topic, bytes, now + UNSENT_TIME),
            Command::Request { peer, request, reply } => {
                self.send_request(peer, request, reply, now);
            }
            Command::Penalize { peer, fault } => {
                if let Some(peer) = identity::peer_of(&peer) {
                    self.charge(peer, fault);
                }
            }
        }
    }

    pub(crate) fn on_answer(&mut self, answer: Answer) {
        match answer {
            Answer::Verdict { token, verdict } => self.on_verdict(token, verdict),
            Answer::Response { token, response } => self.on_answered(token, response),
        }
    }

    fn publish(&mut self, topic: Topic, bytes: Vec<u8>, until: Instant) {
        let hash = self.topics.hash(topic);
        let result = self.swarm.behaviour_mut().gossip.publish(hash, bytes.as_slice());
        let result = match result {
            Ok(_) => "sent",
            // It is out already, by us or by another.
            Err(gossipsub::PublishError::Duplicate) => "duplicate",
            Err(gossipsub::PublishError::NoPeersSubscribedToTopic) => {
                if until <= Instant::now() {
                    "no_peers"
                } else {
                    if let Some(dropped) = self.unsent.push(topic, bytes, until) {
                        metrics::published(dropped, "no_peers");
                    }
                    return;
                }
            }
            // Some peers still hear of it by the ids of the next heartbeat.
            Err(gossipsub::PublishError::AllQueuesFull(_)) => "queues_full",
            Err(error) => {
                tracing::warn!(%error, topic = topic.name(), "not published");
                "failed"
            }
        };
        metrics::published(topic, result);
    }

    /// Tries again what had no peer.
    pub(crate) fn publish_unsent(&mut self) {
        if self.unsent.is_empty() {
            return;
        }
        for (until, topic, bytes) in self.unsent.take() {
            self.publish(topic, bytes, until);
        }
    }

    pub(crate) fn on_gossip(&mut self, event: gossipsub::Event, now: Instant) {
        match event {
            gossipsub::Event::Message { propagation_source, message_id, message } => {
                self.on_message(propagation_source, message_id, message, now);
            }
            gossipsub::Event::Subscribed { peer_id, topic } => {
                self.on_subscription(peer_id, &topic, true);
                self.publish_unsent();
            }
            gossipsub::Event::Unsubscribed { peer_id, topic } => {
                self.on_subscription(peer_id, &topic, false);
            }
            gossipsub::Event::SlowPeer { peer_id, .. } => self.on_slow(peer_id),
            gossipsub::Event::GossipsubNotSupported { .. } => {}
        }
    }

    fn on_subscription(&mut self, peer: PeerId, topic: &TopicHash, listens: bool) {
        let Some(topic) = self.topics.of(topic) else { return };
        let held = self.peers.get_mut(&peer).and_then(|peer| peer.connected.as_mut());
        if held.is_some_and(|connected| connected.subscribe(topic, listens)) {
            self.renew_snapshot();
        }
    }

    fn on_slow(&mut self, peer: PeerId) {
        metrics::slow_peer();
        let Some(held) = self.peers.get_mut(&peer).and_then(|p| p.connected.as_mut()) else {
            return;
        };
        held.slow = held.slow.saturating_add(1);
        if held.slow >= SLOW_MOST {
            metrics::connection("slow");
            let _ = self.swarm.disconnect_peer_id(peer);
        }
    }

    /// Everything here is cheap; what costs is left to whoever gives the verdict.
    fn on_message(
        &mut self,
        from: PeerId,
        id: MessageId,
        message: gossipsub::Message,
        now: Instant,
    ) {
        // The subscription filter lets no other topic in.
        let Some(topic) = self.topics.of(&message.topic) else { return };
        let size = message.data.len();
        let waiting = Waiting { id, from, topic };
        let Some(peer) = self.peers.get_mut(&from) else {
            return self.judge(&waiting, Verdict::Ignore, "unknown_peer");
        };
        let hotkey = peer.hotkey;
        if !peer.rates.gossip(size, now) {
            let charged = peer.rates.flooded(now);
            self.judge(&waiting, Verdict::Ignore, "flood");
            if charged {
                self.charge(from, Fault::Flood);
            }
            return;
        }
        if size == 0 {
            return self.judge(&waiting, Verdict::Reject, "reject");
        }
        if topic == Topic::Peers {
            let verdict = self.judge_record(from, &message.data);
            return self.judge(&waiting, verdict, name(verdict));
        }
        let room = self.outbox.has_room();
        let token = room.then(|| self.pending.insert(waiting.clone(), size, now)).flatten();
        let Some(token) = token else {
            return self.judge(&waiting, Verdict::Ignore, "overload");
        };
        self.outbox.deliver(Event::Gossip { topic, from: hotkey, token, bytes: message.data });
    }

    fn on_verdict(&mut self, token: MessageToken, verdict: Verdict) {
        if let Some(waiting) = self.pending.take(token) {
            self.judge(&waiting, verdict, name(verdict));
        }
    }

    /// Drops what got no verdict in time.
    pub(crate) fn expire_pending(&mut self, now: Instant) {
        for waiting in self.pending.expired(now) {
            self.judge(&waiting, Verdict::Ignore, "expired");
        }
    }

    fn judge(&mut self, message: &Waiting, verdict: Verdict, label: &'static str) {
        let acceptance = match verdict {
            Verdict::Accept => MessageAcceptance::Accept,
            Verdict::Ignore => MessageAcceptance::Ignore,
            Verdict::Reject => MessageAcceptance::Reject,
        };
        metrics::gossip(message.topic, label);
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        gossip.report_message_validation_result(&message.id, &message.from, acceptance);
        if verdict == Verdict::Reject {
            self.charge(message.from, Fault::Invalid);
        }
    }

    fn send_request(
        &mut self,
        hotkey: Hotkey,
        request: proto::Request,
        reply: Reply,
        now: Instant,
    ) {
        // `Handle::send` refused a request without a kind.
        let kind = request::kind(&request).unwrap_or("none");
        let Some(peer) = identity::peer_of(&hotkey).filter(|peer| *peer != self.peer_id) else {
            return self.finish(hotkey, kind, reply, Err(RequestError::Unreachable));
        };
        let held = self.peers.get_mut(&peer);
        let within = held.is_none_or(|held| held.rates.asked.take(1.0, now));
        if !within || !self.outbound.has_room(&peer) {
            return self.finish(hotkey, kind, reply, Err(RequestError::Busy));
        }
        let addresses =
            self.peers.get(&peer).map(|held| held.addresses(self.loopback)).unwrap_or_default();
        let rpc = &mut self.swarm.behaviour_mut().rpc;
        if !rpc.is_connected(&peer) && addresses.is_empty() {
            return self.finish(hotkey, kind, reply, Err(RequestError::Unreachable));
        }
        let id = rpc.send_request_with_addresses(&peer, Frame::Outgoing(request), addresses);
        self.outbound.insert(id, Asked { peer, kind, reply });
    }

    fn finish(
        &mut self,
        peer: Hotkey,
        kind: &'static str,
        reply: Reply,
        result: Result<proto::Response, RequestError>,
    ) {
        metrics::request(kind, label(&result));
        match reply {
            Reply::Event(id) => self.outbox.deliver(Event::Response { id, peer, result }),
            // Whoever asked may have gone.
            Reply::Once(sender) => drop(sender.send(result)),
            Reply::Records => {
                if let (Ok(response), Some(from)) = (result, identity::peer_of(&peer)) {
                    self.on_records(from, response);
                }
            }
        }
    }

    pub(crate) fn on_rpc(
        &mut self,
        event: request_response::Event<Frame<proto::Request>, Frame<proto::Response>>,
        now: Instant,
    ) {
        use request_response::{Event as Rpc, Message};
        match event {
            Rpc::Message {
                peer,
                message: Message::Request { request, channel, request_id },
                ..
            } => {
                self.on_request(peer, request_id, request, channel, now);
            }
            Rpc::Message { message: Message::Response { request_id, response }, .. } => {
                self.on_response(request_id, response);
            }
            Rpc::OutboundFailure { request_id, error, .. } => self.on_failed(request_id, &error),
            // The asker went away or gave up; it may do so.
            Rpc::InboundFailure { peer, error, .. } => {
                tracing::debug!(%peer, %error, "a request was not answered");
            }
            Rpc::ResponseSent { .. } => {}
        }
    }

    fn on_request(
        &mut self,
        from: PeerId,
        id: InboundRequestId,
        frame: Frame<proto::Request>,
        channel: Channel,
        now: Instant,
    ) {
        tracing::trace!(%from, %id, "request");
        let (request, permits) = match frame {
            Frame::Received(request, permits) => (request, permits),
            Frame::Outgoing(request) => (request, None),
            Frame::Bad(bad) => return self.on_bad_request(from, bad, channel),
        };
        let Some(kind) = request::kind(&request) else {
            // A newer peer may ask for what this version does not know.
            self.refuse(channel, "unknown", refused::UNKNOWN, "no request that this version knows");
            return self.charge(from, Fault::Unhelpful);
        };
        let rates = self.peers.get_mut(&from).map(|peer| &mut peer.rates);
        if !rates.is_some_and(|rates| rates.requests.take(1.0, now)) {
            self.refuse(channel, kind, refused::BUSY, "more requests than one peer may send");
            if self.peers.get_mut(&from).is_some_and(|peer| peer.rates.flooded(now)) {
                self.charge(from, Fault::Flood);
            }
            return;
        }
        match request.request {
            Some(Request::Peers(asked)) => {
                let response = self.answer_records(from, asked);
                self.send_response(channel, kind, "answered", response);
            }
            inner => {
                self.pass_on(from, kind, proto::Request { request: inner }, channel, permits, now)
            }
        }
    }

    fn pass_on(
        &mut self,
        from: PeerId,
        kind: &'static str,
        request: proto::Request,
        channel: Channel,
        permits: Permits,
        now: Instant,
    ) {
        let hotkey = identity::hotkey_of(&from);
        let Some(hotkey) =
            hotkey.filter(|_| self.outbox.has_room() && self.inbound.has_room(&from))
        else {
            return self.refuse(channel, kind, refused::BUSY, "too many requests wait");
        };
        let token = self.inbound.insert(from, kind, channel, permits, now);
        self.outbox.deliver(Event::Request { from: hotkey, request, token });
    }

    fn on_bad_request(&mut self, from: PeerId, bad: BadFrame, channel: Channel) {
        let (fault, code, reason) = match bad {
            BadFrame::Busy => {
                return self.refuse(channel, "unread", refused::BUSY, "too many bytes under way");
            }
            BadFrame::Oversize => (Fault::Oversize, refused::OVERSIZE, "over the limit of 2 MiB"),
            BadFrame::Malformed => (Fault::Malformed, refused::MALFORMED, "not a request"),
        };
        self.refuse(channel, "unread", code, reason);
        self.charge(from, fault);
    }

    fn refuse(&mut self, channel: Channel, kind: &'static str, code: u32, reason: &str) {
        self.send_response(channel, kind, "refused", request::refusal(code, reason));
    }

    fn send_response(
        &mut self,
        channel: Channel,
        kind: &'static str,
        result: &'static str,
        response: proto::Response,
    ) {
        metrics::served(kind, result);
        // Fails if the connection is gone, and then nobody waits.
        drop(self.swarm.behaviour_mut().rpc.send_response(channel, Frame::Outgoing(response)));
    }

    fn on_answered(&mut self, token: ResponseToken, response: proto::Response) {
        let Some(waiting) = self.inbound.take(token) else { return };
        let size = response.encoded_len();
        if size > request::RESPONSE_BYTES {
            tracing::error!(size, kind = waiting.kind, "the node's response is over the limit");
            let refusal = request::refusal(refused::BUSY, "the response is over the limit");
            return self.send_response(waiting.channel, waiting.kind, "oversize", refusal);
        }
        self.send_response(waiting.channel, waiting.kind, "answered", response);
    }

    /// Refuses what the node did not answer in time.
    pub(crate) fn expire_inbound(&mut self, now: Instant) {
        for waiting in self.inbound.expired(now) {
            let refusal = request::refusal(refused::UNANSWERED, "not answered in time");
            self.send_response(waiting.channel, waiting.kind, "expired", refusal);
        }
    }

    fn on_response(&mut self, id: OutboundRequestId, frame: Frame<proto::Response>) {
        let Some(asked) = self.outbound.take(id) else { return };
        let result = request::outcome(frame, asked.kind);
        match &result {
            Err(RequestError::Malformed) => self.charge(asked.peer, Fault::Invalid),
            Err(RequestError::Unsupported) => self.charge(asked.peer, Fault::Unhelpful),
            Err(RequestError::Oversize) => self.charge(asked.peer, Fault::Oversize),
            _ => {}
        }
        self.finish_asked(asked, result);
    }

    fn on_failed(&mut self, id: OutboundRequestId, error: &OutboundFailure) {
        let Some(asked) = self.outbound.take(id) else { return };
        let error = match error {
            OutboundFailure::DialFailure => RequestError::Unreachable,
            OutboundFailure::Timeout => {
                self.charge(asked.peer, Fault::Unhelpful);
                RequestError::TimedOut
            }
            OutboundFailure::ConnectionClosed | OutboundFailure::Io(_) => {
                RequestError::ConnectionLost
            }
            OutboundFailure::UnsupportedProtocols => RequestError::Unsupported,
        };
        self.finish_asked(asked, Err(error));
    }

    fn finish_asked(&mut self, asked: Asked, result: Result<proto::Response, RequestError>) {
        // Requests go to hotkeys only.
        if let Some(hotkey) = identity::hotkey_of(&asked.peer) {
            self.finish(hotkey, asked.kind, asked.reply, result);
        }
    }
}

fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accept => "accept",
        Verdict::Ignore => "ignore",
        Verdict::Reject => "reject",
    }
}

fn label(result: &Result<proto::Response, RequestError>) -> &'static str {
    match result {
        Ok(_) => "answered",
        Err(RequestError::Refused { .. }) => "refused",
        Err(RequestError::TimedOut) => "timed_out",
        Err(RequestError::Unreachable) => "unreachable",
        Err(RequestError::ConnectionLost) => "connection_lost",
        Err(RequestError::Busy) => "busy",
        Err(RequestError::Malformed | RequestError::Oversize) => "malformed",
        Err(_) => "failed",
    }
}
