//! Gossipsub: how it is set, what waits for a verdict, and what waits for a peer.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use libp2p::PeerId;
use libp2p::gossipsub::{
    self, ConfigBuilder, IdentityTransform, MaxCountSubscriptionFilter, Message,
    MessageAuthenticity, MessageId, PeerScoreParams, PeerScoreThresholds, TopicScoreParams,
    ValidationMode, WhitelistSubscriptionFilter,
};

use ganglion_types::limits;

use crate::bucket::Bucket;
use crate::handle::MessageToken;
use crate::topics::{Topic, Topics};

/// Time for a verdict. Gossipsub forgets a message after `HISTORY - 1` heartbeats, 4.9 s at least.
pub const VERDICT_TIME: Duration = Duration::from_secs(4);
/// Messages that wait for a verdict: 4 s of 512 a second, more than two cores verify and forward.
pub const PENDING_MAX: usize = 2048;
/// Bytes first seen by gossip, all peers together: at once ...
const INFLOW_BURST: f64 = 32.0 * 1024.0 * 1024.0;
/// ... and per second. Gossipsub keeps each message `HISTORY` heartbeats (5.6 s), so it holds at most
/// 32 + 6 * 4 = 56 MiB of others' messages, while refused ones leave it at once; the copies that wait
/// for a verdict are at most 32 + 4 * 4 = 48 MiB.
const INFLOW_PER_SECOND: f64 = 4.0 * 1024.0 * 1024.0;
/// Own messages for which no peer is there yet.
pub const UNSENT_MAX: usize = 64;
/// How long they are kept.
pub const UNSENT_TIME: Duration = Duration::from_secs(5);

const HEARTBEAT: Duration = Duration::from_millis(700);
/// Heartbeats a message is kept.
const HISTORY: usize = 8;
/// Room for topic name and framing beside the payload: a topic name has 84 bytes.
const ENVELOPE: usize = 1024;
/// The frame reader compares its whole buffer with the limit, and reads ahead by 8 KiB.
const READ_AHEAD: usize = 16 * 1024;
/// Message ids in one IHAVE or IWANT. At 22 bytes each 512 make 11 KiB; the receiver refuses more than
/// 16 KiB of control in one frame.
const CONTROL_IDS: usize = 512;
/// Messages that wait for one slow peer. They are copies: of the largest items 32 MiB, of the usual
/// (some KiB) less than 1 MiB. A peer that stays slow is disconnected.
const QUEUE: usize = 256;
/// Score below which a peer is not told what we have.
const GOSSIP_BELOW: f64 = -20.0;
/// Score below which own messages are not sent to it.
const PUBLISH_BELOW: f64 = -50.0;
/// Score below which it is not listened to.
const GRAYLIST_BELOW: f64 = -80.0;

pub(crate) type Behaviour = gossipsub::Behaviour<
    IdentityTransform,
    MaxCountSubscriptionFilter<WhitelistSubscriptionFilter>,
>;

/// A gossipsub that is subscribed to every topic.
///
/// # Errors
/// gossipsub's own words; with these constants it has none.
pub(crate) fn behaviour(topics: &Topics) -> Result<Behaviour, String> {
    let allowed: HashSet<_> = Topic::ALL.into_iter().map(|topic| topics.hash(topic)).collect();
    let filter = MaxCountSubscriptionFilter {
        max_subscribed_topics: allowed.len(),
        // Subscribe and unsubscribe of each, and as many again.
        max_subscriptions_per_request: allowed.len() * 4,
        filter: WhitelistSubscriptionFilter(allowed),
    };
    let mut config = ConfigBuilder::default();
    config
        .validation_mode(ValidationMode::Anonymous)
        .validate_messages()
        .message_id_fn(message_id)
        .heartbeat_interval(HEARTBEAT)
        // The default of 5 s would leave a fresh node without a mesh for so long.
        .heartbeat_initial_delay(Duration::from_millis(100))
        .history_length(HISTORY)
        .history_gossip(4)
        // A mesh of 6 reaches 64 peers in two or three hops; subnets of up to 6 form a full one.
        .mesh_n(6)
        .mesh_n_low(4)
        .mesh_n_high(12)
        .mesh_outbound_min(2)
        // Own messages go to every peer: none of the mesh can keep them back, and votes save a hop.
        .flood_publish(true)
        .max_transmit_size(limits::AGREEMENT_BYTES + ENVELOPE + READ_AHEAD)
        .max_control_messages_sent(CONTROL_IDS)
        // Our frames hold one message each.
        .max_publish_messages(16)
        .connection_handler_queue_len(QUEUE)
        // Two busy cores can be late by a second without anything being wrong.
        .forward_queue_duration(Duration::from_secs(3));
    for topic in Topic::ALL {
        config.max_transmit_size_for_topic(topic.limit() + ENVELOPE, topics.hash(topic));
    }
    let config = config.build().map_err(|error| error.to_string())?;
    let mut behaviour =
        Behaviour::new_with_subscription_filter(MessageAuthenticity::Anonymous, config, filter)?;
    behaviour.with_peer_score(score(topics), thresholds())?;
    for topic in Topic::ALL {
        behaviour.subscribe(&topics.ident(topic)).map_err(|error| error.to_string())?;
    }
    Ok(behaviour)
}

/// First 20 bytes of blake3 of topic name, a zero byte and payload. The payload is all that is not
/// fixed on the wire, so no two ids stand for one message.
fn message_id(message: &Message) -> MessageId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(message.topic.as_str().as_bytes());
    hasher.update(&[0]);
    hasher.update(&message.data);
    MessageId::from(hasher.finalize().as_bytes().iter().take(20).copied().collect::<Vec<u8>>())
}

/// See the scoring table in the crate's header.
fn score(topics: &Topics) -> PeerScoreParams {
    let topic_params = TopicScoreParams {
        topic_weight: 1.0,
        // P1: up to 1 point for five minutes in the mesh.
        time_in_mesh_weight: 1.0 / 300.0,
        time_in_mesh_quantum: Duration::from_secs(1),
        time_in_mesh_cap: 300.0,
        // P2: up to half a point for being first.
        first_message_deliveries_weight: 0.05,
        first_message_deliveries_decay: 0.97,
        first_message_deliveries_cap: 10.0,
        // P3 off: our topics are silent most of an epoch, and silence is no fault.
        mesh_message_deliveries_weight: 0.0,
        mesh_failure_penalty_weight: 0.0,
        // P4: square of the rejected messages. Halves in about a minute.
        invalid_message_deliveries_weight: -5.0,
        invalid_message_deliveries_decay: 0.99,
        ..TopicScoreParams::default()
    };
    PeerScoreParams {
        topics: Topic::ALL.into_iter().map(|t| (topics.hash(t), topic_params.clone())).collect(),
        // Merit on six topics is at most 9 points, less than two rejected messages cost.
        topic_score_cap: 9.0,
        // P5: minus the fault points of this crate.
        app_specific_weight: 1.0,
        // P6: beyond ten peers of one address. Testnets live on loopback.
        ip_colocation_factor_weight: -5.0,
        ip_colocation_factor_threshold: 10.0,
        ip_colocation_factor_whitelist: HashSet::from([
            Ipv4Addr::LOCALHOST.into(),
            Ipv6Addr::LOCALHOST.into(),
        ]),
        // P7: broken promises and grafts against the rules, a few forgiven.
        behaviour_penalty_weight: -2.0,
        behaviour_penalty_threshold: 6.0,
        behaviour_penalty_decay: 0.9,
        // A slow peer is a loaded host, not an attacker: it is disconnected when it stays so.
        slow_peer_weight: 0.0,
        decay_interval: Duration::from_secs(1),
        retain_score: Duration::from_secs(600),
        ..PeerScoreParams::default()
    }
}

pub(crate) fn thresholds() -> PeerScoreThresholds {
    PeerScoreThresholds {
        gossip_threshold: GOSSIP_BELOW,
        publish_threshold: PUBLISH_BELOW,
        graylist_threshold: GRAYLIST_BELOW,
        accept_px_threshold: 1000.0,
        opportunistic_graft_threshold: 1.0,
    }
}

/// A message that waits for its verdict.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) id: MessageId,
    pub(crate) from: PeerId,
    pub(crate) topic: Topic,
}

/// Messages that wait for their verdicts.
#[derive(Debug)]
pub(crate) struct Pending {
    next: u64,
    waiting: HashMap<u64, Waiting>,
    /// In order of age, with some already judged still in it: at most twice `PENDING_MAX`.
    order: VecDeque<(Instant, u64)>,
    inflow: Bucket,
}

impl Pending {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            next: 0,
            waiting: HashMap::new(),
            order: VecDeque::new(),
            inflow: Bucket::new(INFLOW_BURST, INFLOW_PER_SECOND, now),
        }
    }

    /// A token, if there is room for the message and its `size` is within the inflow of all peers.
    pub(crate) fn insert(
        &mut self,
        message: Waiting,
        size: usize,
        now: Instant,
    ) -> Option<MessageToken> {
        let size = u32::try_from(size).map_or(f64::MAX, f64::from);
        if self.waiting.len() >= PENDING_MAX || !self.inflow.take(size, now) {
            return None;
        }
        if self.order.len() >= 2 * PENDING_MAX {
            self.order.retain(|(_, token)| self.waiting.contains_key(token));
        }
        self.next += 1;
        self.waiting.insert(self.next, message);
        self.order.push_back((now + VERDICT_TIME, self.next));
        Some(MessageToken(self.next))
    }

    pub(crate) fn take(&mut self, token: MessageToken) -> Option<Waiting> {
        self.waiting.remove(&token.0)
    }

    /// Takes those past their deadline.
    pub(crate) fn expired(&mut self, now: Instant) -> Vec<Waiting> {
        let mut expired = Vec::new();
        while let Some((_, token)) = self.order.pop_front_if(|(deadline, _)| *deadline <= now) {
            expired.extend(self.waiting.remove(&token));
        }
        expired
    }
}

/// Own messages for which no peer was there.
#[derive(Debug, Default)]
pub(crate) struct Unsent {
    messages: VecDeque<(Instant, Topic, Vec<u8>)>,
}

impl Unsent {
    /// Keeps a message; the one dropped for it, if the queue was full.
    pub(crate) fn push(&mut self, topic: Topic, bytes: Vec<u8>, until: Instant) -> Option<Topic> {
        let dropped =
            if self.messages.len() >= UNSENT_MAX { self.messages.pop_front() } else { None };
        self.messages.push_back((until, topic, bytes));
        dropped.map(|(_, topic, _)| topic)
    }

    /// Takes all.
    pub(crate) fn take(&mut self) -> VecDeque<(Instant, Topic, Vec<u8>)> {
        std::mem::take(&mut self.messages)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ganglion_types::SubnetId;

    fn waiting() -> Waiting {
        Waiting { id: MessageId::from(vec![1]), from: PeerId::random(), topic: Topic::Tasks }
    }

    #[test]
    fn the_settings_are_accepted_by_gossipsub() {
        assert!(behaviour(&Topics::new(SubnetId::new([1; 32]))).is_ok());
    }

    #[test]
    fn pending_messages_are_bounded_in_number_and_time() {
        let now = Instant::now();
        let mut pending = Pending::new(now);
        let tokens: Vec<_> =
            (0..PENDING_MAX).map(|_| pending.insert(waiting(), 1, now).unwrap()).collect();
        assert_eq!(pending.insert(waiting(), 1, now), None);
        assert!(pending.take(tokens[0]).is_some());
        assert!(pending.take(tokens[0]).is_none());
        assert!(pending.insert(waiting(), 1, now).is_some());
        assert!(pending.expired(now + VERDICT_TIME / 2).is_empty());
        assert_eq!(pending.expired(now + VERDICT_TIME).len(), PENDING_MAX);
        assert!(pending.waiting.is_empty() && pending.order.is_empty());
    }

    #[test]
    fn pending_messages_are_bounded_in_bytes() {
        let now = Instant::now();
        let mut pending = Pending::new(now);
        let size = limits::ITEM_BYTES;
        let passed =
            (0..PENDING_MAX).take_while(|_| pending.insert(waiting(), size, now).is_some());
        assert_eq!(passed.count(), 32 * 8);
        assert!(pending.insert(waiting(), size, now + Duration::from_secs(1)).is_some());
    }

    #[test]
    fn unsent_messages_are_bounded_and_the_oldest_goes() {
        let now = Instant::now();
        let mut unsent = Unsent::default();
        for number in 0..UNSENT_MAX {
            assert_eq!(unsent.push(Topic::Ops, vec![u8::try_from(number).unwrap()], now), None);
        }
        assert_eq!(unsent.push(Topic::Tasks, vec![255], now), Some(Topic::Ops));
        let messages = unsent.take();
        assert_eq!(messages.len(), UNSENT_MAX);
        assert_eq!(messages.front().map(|(_, _, bytes)| bytes.as_slice()), Some(&[1][..]));
        assert!(unsent.is_empty());
    }

    #[test]
    fn the_message_id_covers_topic_and_payload() {
        let topics = Topics::new(SubnetId::new([1; 32]));
        let message = |topic, data: &[u8]| Message {
            source: None,
            data: data.to_vec(),
            sequence_number: None,
            topic: topics.hash(topic),
        };
        let id = message_id(&message(Topic::Tasks, b"a"));
        assert_eq!(id.0.len(), 20);
        assert_eq!(id, message_id(&message(Topic::Tasks, b"a")));
        assert_ne!(id, message_id(&message(Topic::Ops, b"a")));
        assert_ne!(id, message_id(&message(Topic::Tasks, b"b")));
    }
}
