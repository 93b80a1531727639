//! The one task that owns the swarm.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use ed25519_dalek::SigningKey;
use futures::StreamExt as _;
use libp2p::core::transport::TransportError;
use libp2p::swarm::{ListenError, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, identify, relay};
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;

use ganglion_types::{Hotkey, SubnetId, sign};

use crate::behaviour::{self, Behaviour, BehaviourEvent};
use crate::config::{self, Checked, Config, StartError};
use crate::connections::dial_label;
use crate::counts::{Counted, Counting, Counts};
use crate::discovery::{Discovery, unix_seconds};
use crate::gossip::{PENDING_MAX, Pending, Unsent};
use crate::handle::{
    Answer, COMMANDS_MAX, Command, Direction, Event, Fault, Handle, PeerInfo, Shared, Snapshot,
    StopReason, rates,
};
use crate::peers::{BAN_TIME, Connected, Table, Way};
use crate::request::{INBOUND_MAX, Inbound, Outbound};
use crate::topics::{Topic, Topics};
use crate::{identity, metrics, nat, transport};

/// Events that wait for the node. What they hold is bounded by the inflow of `gossip` (48 MiB) and the
/// budget of `request` (32 MiB).
pub const EVENTS_MAX: usize = 1024;
/// The part of them that gossip and requests leave free for the other events.
const EVENTS_RESERVED: usize = 256;
/// Events other than gossip and requests that wait for room in the channel. At most 256 are responses.
pub const BACKLOG_MAX: usize = 1024;
/// Peers over `max_peers` are sent away after this time, in which they got their records.
const NEWCOMER: Duration = Duration::from_secs(3);
/// A peer that did not say who it is by then is not one of us.
const IDENTIFY: Duration = Duration::from_secs(15);
/// Connections without a stream are kept: the limits, pings and the trimming below decide.
const IDLE: Duration = Duration::from_secs(24 * 60 * 60);
/// How often time is looked at.
const TICK: Duration = Duration::from_millis(200);
/// How often the snapshot is renewed at least, in ticks.
const SNAPSHOT_TICKS: u32 = 5;
/// How often the table is swept, in ticks: a minute.
const SWEEP_TICKS: u32 = 300;
/// Time for the addresses listened at to be known.
const LISTEN: Duration = Duration::from_secs(5);

/// Events on their way to the node.
#[derive(Debug)]
pub(crate) struct Outbox {
    sender: mpsc::Sender<Event>,
    backlog: VecDeque<Event>,
}

impl Outbox {
    /// Whether gossip and requests may go in.
    pub(crate) fn has_room(&self) -> bool {
        self.backlog.is_empty() && self.sender.capacity() > EVENTS_RESERVED
    }

    /// Sends or keeps an event; if even the backlog is full, the oldest is lost.
    pub(crate) fn deliver(&mut self, event: Event) {
        if self.backlog.len() >= BACKLOG_MAX {
            self.backlog.pop_front();
            metrics::event_dropped();
        }
        self.backlog.push_back(event);
        self.flush();
    }

    fn flush(&mut self) {
        while let Some(event) = self.backlog.pop_front() {
            match self.sender.try_send(event) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(event)) => {
                    self.backlog.push_front(event);
                    return;
                }
                Err(mpsc::error::TrySendError::Closed(_)) => return self.backlog.clear(),
            }
        }
    }
}

/// Owner of the swarm.
pub(crate) struct Service {
    pub(crate) swarm: Swarm<Behaviour>,
    pub(crate) key: SigningKey,
    pub(crate) hotkey: Hotkey,
    pub(crate) peer_id: PeerId,
    pub(crate) subnet: SubnetId,
    pub(crate) topics: Topics,
    pub(crate) max_peers: usize,
    pub(crate) archive: bool,
    pub(crate) discover_more: bool,
    pub(crate) loopback: bool,
    pub(crate) external: Vec<Multiaddr>,
    pub(crate) listening: Vec<Multiaddr>,
    pub(crate) nat: nat::State,
    pub(crate) peers: Table,
    pub(crate) discovery: Discovery,
    pub(crate) pending: Pending,
    pub(crate) unsent: Unsent,
    pub(crate) inbound: Inbound,
    pub(crate) outbound: Outbound,
    pub(crate) outbox: Outbox,
    snapshot: watch::Sender<Snapshot>,
    counting: Counting,
    counted: Counted,
}

/// What the service listens to.
struct Inputs {
    commands: mpsc::Receiver<Command>,
    answers: mpsc::Receiver<Answer>,
    stop: watch::Receiver<bool>,
}

/// Starts the network of one node on the current tokio runtime and returns once it listens.
///
/// # Errors
/// If the configuration does not hold or an address cannot be listened at.
pub async fn start(config: Config) -> Result<(Handle, mpsc::Receiver<Event>), StartError> {
    let checked = Checked::new(config)?;
    for address in &checked.listen {
        config::probe_port(address)?;
    }
    let now = Instant::now();
    let (sender, events) = mpsc::channel(EVENTS_MAX);
    let (snapshot, snapshots) = watch::channel(Snapshot::default());
    let (commands, command_inputs) = mpsc::channel(COMMANDS_MAX);
    let (answers, answer_inputs) = mpsc::channel(PENDING_MAX + INBOUND_MAX);
    let (stop, stop_input) = watch::channel(false);
    let (listen, bootnodes) = (checked.listen.clone(), checked.bootnodes.clone());
    let mut service = Service::new(&checked, sender, snapshot, now)?;
    service.begin_nat();
    service.seed(&bootnodes, checked.config.known, now);
    service.listen(listen).await?;
    let handle = Handle {
        shared: Arc::new(Shared {
            hotkey: service.hotkey,
            peer_id: service.peer_id.to_base58(),
            commands,
            answers,
            snapshot: snapshots,
            stop,
            next_request: AtomicU64::new(1),
            rates: rates(now),
            counted: service.counted.clone(),
        }),
    };
    let inputs = Inputs { commands: command_inputs, answers: answer_inputs, stop: stop_input };
    tokio::spawn(service.run(inputs));
    Ok((handle, events))
}

impl Service {
    fn new(
        checked: &Checked,
        sender: mpsc::Sender<Event>,
        snapshot: watch::Sender<Snapshot>,
        now: Instant,
    ) -> Result<Self, StartError> {
        let config = &checked.config;
        let keypair = identity::keypair(&config.key);
        let topics = Topics::new(config.subnet);
        let mut counts = Counts::new();
        let peer_id = keypair.public().to_peer_id();
        let (circuits, client) = relay::client::new(peer_id);
        let behaviour = behaviour::build(&keypair, &topics, checked, client, &mut counts)
            .map_err(|error| StartError::Transport(std::io::Error::other(error)))?;
        let transport =
            transport::build(&keypair, circuits, &mut counts).map_err(StartError::Transport)?;
        let (counting, counted) = counts.finish();
        let settings =
            libp2p::swarm::Config::with_tokio_executor().with_idle_connection_timeout(IDLE);
        Ok(Self {
            swarm: Swarm::new(transport, behaviour, peer_id, settings),
            key: config.key.clone(),
            hotkey: sign::hotkey_of(&config.key),
            peer_id,
            subnet: config.subnet,
            topics,
            max_peers: config.max_peers,
            archive: config.archive,
            discover_more: config.discover,
            loopback: checked.loopback,
            external: checked.external.clone(),
            listening: Vec::new(),
            nat: nat::State::new(config.nat, config.relay),
            peers: Table::new(),
            discovery: Discovery::new(now),
            pending: Pending::new(now),
            unsent: Unsent::default(),
            inbound: Inbound::default(),
            outbound: Outbound::default(),
            outbox: Outbox { sender, backlog: VecDeque::new() },
            snapshot,
            counting,
            counted,
        })
    }

    /// Listens, and waits until every address is known.
    async fn listen(&mut self, addresses: Vec<Multiaddr>) -> Result<(), StartError> {
        let mut open = Vec::new();
        for address in addresses {
            let listener = self.swarm.listen_on(address.clone()).map_err(|error| match error {
                TransportError::Other(source) => config::listen_error(&address, source),
                TransportError::MultiaddrNotSupported(_) => StartError::BadAddress {
                    role: "listen",
                    address: address.to_string(),
                    rule: "is not an IP address and a TCP port",
                    example: "/ip4/0.0.0.0/tcp/4001",
                },
            })?;
            open.push((listener, address));
        }
        let deadline = tokio::time::Instant::now() + LISTEN;
        while let Some((_, address)) = open.first() {
            let address = address.clone();
            let timed_out = || std::io::Error::from(std::io::ErrorKind::TimedOut);
            let event = tokio::time::timeout_at(deadline, self.swarm.select_next_some())
                .await
                .map_err(|_| config::listen_error(&address, timed_out()))?;
            match &event {
                SwarmEvent::NewListenAddr { listener_id, .. } => {
                    open.retain(|(id, _)| id != listener_id);
                }
                SwarmEvent::ListenerClosed { reason: Err(error), .. } => {
                    let error = std::io::Error::new(error.kind(), error.to_string());
                    return Err(config::listen_error(&address, error));
                }
                _ => {}
            }
            self.on_swarm(event);
        }
        self.renew_snapshot();
        Ok(())
    }

    async fn run(mut self, mut inputs: Inputs) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut count = 0u32;
        let reason = loop {
            tokio::select! {
                event = self.swarm.select_next_some() => {
                    if self.on_swarm(event) {
                        break StopReason::NoListener;
                    }
                }
                answer = inputs.answers.recv() => match answer {
                    Some(answer) => self.on_answer(answer),
                    None => break StopReason::NoHandle,
                },
                command = inputs.commands.recv() => match command {
                    Some(command) => self.on_command(command, Instant::now()),
                    None => break StopReason::NoHandle,
                },
                _ = ticks.tick() => {
                    count = count.wrapping_add(1);
                    self.on_tick(count);
                }
                changed = inputs.stop.changed() => {
                    break if changed.is_ok() { StopReason::Asked } else { StopReason::NoHandle };
                }
            }
        };
        tracing::info!(?reason, "network stopped");
        let Self { swarm, outbox, .. } = self;
        // The sockets first: whoever waits for the end may want the port.
        drop(swarm);
        for event in outbox.backlog.into_iter().chain([Event::Stopped { reason }]) {
            // A node that no longer reads its events sees the channel close.
            if outbox.sender.try_send(event).is_err() {
                break;
            }
        }
        metrics::peers_connected(0);
        drop(inputs);
    }

    fn on_tick(&mut self, count: u32) {
        let now = Instant::now();
        self.outbox.flush();
        self.expire_pending(now);
        self.expire_inbound(now);
        self.publish_unsent();
        self.discover(now);
        if count.is_multiple_of(SNAPSHOT_TICKS) {
            self.tidy(now);
            self.renew_snapshot();
        }
        if count.is_multiple_of(SWEEP_TICKS) {
            self.peers.sweep(now, unix_seconds());
        }
    }

    /// Once a second: bans, peers that never said who they are, and one too many.
    fn tidy(&mut self, now: Instant) {
        self.swarm.behaviour_mut().gate.forget_old(now);
        let mut silent = Vec::new();
        let mut scores = Vec::new();
        let ids: Vec<PeerId> = self.peers.connected().map(|(id, _, _)| *id).collect();
        for id in &ids {
            let Some(peer) = self.peers.get_mut(id) else { continue };
            let points = peer.points(now);
            let Some(connected) = peer.connected.as_mut() else { continue };
            connected.slow = connected.slow.saturating_sub(1);
            scores.push((*id, -points));
            if !connected.identified && now.duration_since(connected.since) > IDENTIFY {
                silent.push(*id);
            }
        }
        self.tend_circuits(now);
        for (id, score) in scores {
            self.swarm.behaviour_mut().gossip.set_application_score(&id, score);
        }
        for id in silent {
            metrics::connection("silent");
            let _ = self.swarm.disconnect_peer_id(id);
        }
        if ids.len() > self.max_peers {
            self.send_one_away(now);
        }
    }

    /// The peer with the lowest score, and of equals the newest.
    fn send_one_away(&mut self, now: Instant) {
        let gossip = &self.swarm.behaviour().gossip;
        let victim = self
            .peers
            .connected()
            .filter(|(_, _, connected)| now.duration_since(connected.since) > NEWCOMER)
            .map(|(id, _, connected)| (gossip.peer_score(id).unwrap_or(0.0), connected.since, *id))
            .min_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        if let Some((_, _, id)) = victim {
            metrics::connection("trimmed");
            let _ = self.swarm.disconnect_peer_id(id);
        }
    }

    /// Charges a fault, and bans whoever has too many.
    pub(crate) fn charge(&mut self, id: PeerId, fault: Fault) {
        let now = Instant::now();
        let Some(peer) = self.peers.get_mut(&id) else { return };
        metrics::fault(fault.name());
        let banned = peer.charge(fault, now);
        let points = peer.points(now);
        tracing::debug!(peer = %id, ?fault, points, banned, "fault");
        let behaviour = self.swarm.behaviour_mut();
        behaviour.gossip.set_application_score(&id, -points);
        if banned {
            metrics::banned();
            behaviour.gate.ban(id, now + BAN_TIME);
            let _ = self.swarm.disconnect_peer_id(id);
        }
    }

    /// Whether nothing is left to listen at.
    fn on_swarm(&mut self, event: SwarmEvent<BehaviourEvent>) -> bool {
        let now = Instant::now();
        self.counting.record(&event);
        match event {
            SwarmEvent::Behaviour(event) => self.on_behaviour(event, now),
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.on_established(peer_id, connection_id, &endpoint, now);
            }
            SwarmEvent::ConnectionClosed {
                peer_id, connection_id, num_established, cause, ..
            } => {
                tracing::debug!(peer = %peer_id, ?cause, num_established, "connection closed");
                metrics::connection("closed");
                if num_established == 0 {
                    self.on_disconnected(peer_id, now);
                } else if let Some(connected) =
                    self.peers.get_mut(&peer_id).and_then(|peer| peer.connected.as_mut())
                {
                    connected.remove(connection_id);
                }
            }
            SwarmEvent::OutgoingConnectionError { connection_id, peer_id, error } => {
                metrics::connection(dial_label(&error));
                tracing::debug!(?peer_id, %error, "dial failed");
                if let Some(peer) = peer_id {
                    self.peers.on_dial_failed(&peer, connection_id, now);
                }
            }
            SwarmEvent::IncomingConnectionError { error, send_back_addr, .. } => {
                let denied = matches!(error, ListenError::Denied { .. });
                metrics::connection(if denied { "denied" } else { "inbound_failed" });
                tracing::debug!(%send_back_addr, %error, "incoming connection failed");
            }
            event => return self.on_listener(event),
        }
        false
    }

    /// Whether nothing is left to listen at. What a relay says of its addresses is not told on.
    fn on_listener(&mut self, event: SwarmEvent<BehaviourEvent>) -> bool {
        match event {
            SwarmEvent::NewListenAddr { listener_id, address }
                if !self.nat.is_slot(listener_id) =>
            {
                self.outbox.deliver(Event::Listening { address: address.to_string() });
                self.listening.push(address);
                self.renew_snapshot();
            }
            SwarmEvent::ExpiredListenAddr { listener_id, address }
                if !self.nat.is_slot(listener_id) =>
            {
                self.listening.retain(|held| *held != address);
                self.renew_snapshot();
            }
            SwarmEvent::ListenerClosed { listener_id, .. } if self.nat.is_slot(listener_id) => {
                self.on_slot_closed(listener_id);
            }
            SwarmEvent::ListenerClosed { addresses, reason, .. } => {
                tracing::error!(?addresses, ?reason, "a listener closed");
                self.listening.retain(|held| !addresses.contains(held));
                self.renew_snapshot();
                return self.listening.is_empty();
            }
            _ => {}
        }
        false
    }

    fn on_behaviour(&mut self, event: BehaviourEvent, now: Instant) {
        match event {
            BehaviourEvent::Gossip(event) => self.on_gossip(event, now),
            BehaviourEvent::Rpc(event) => self.on_rpc(event, now),
            BehaviourEvent::Kad(event) => self.on_kad(event),
            BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. }) => {
                self.on_identified(peer_id, info, now);
            }
            BehaviourEvent::Identify(_) => {}
            BehaviourEvent::Ping(event) => self.on_ping(&event),
            BehaviourEvent::Autonat(event) => self.on_autonat(event, now),
            BehaviourEvent::Relay(event) => self.on_relay(&event),
            BehaviourEvent::Circuits(event) => self.on_circuits(&event),
            BehaviourEvent::Dcutr(event) => self.on_punched(&event),
            BehaviourEvent::Limits(never) | BehaviourEvent::Gate(never) => match never {},
        }
    }

    /// Who is connected and how, in which mesh, with which score.
    fn show_connections(&self) {
        let gossip = &self.swarm.behaviour().gossip;
        let mut ways = [[0; Way::ALL.len()]; 2];
        let mut scores = Vec::new();
        for (id, _, connected) in self.peers.connected() {
            let inbound = connected.direction == Direction::Inbound;
            let way = connected.way();
            for (at, _) in Way::ALL.iter().enumerate().filter(|(_, other)| **other == way) {
                ways[usize::from(inbound)][at] += 1;
            }
            scores.push(gossip.peer_score(id).unwrap_or(0.0));
        }
        metrics::peers_by_way(ways);
        metrics::scores(&scores);
        for topic in Topic::ALL {
            metrics::mesh(topic, gossip.mesh_peers(&self.topics.hash(topic)).count());
        }
    }

    pub(crate) fn renew_snapshot(&mut self) {
        metrics::records(self.peers.records_count());
        self.show_connections();
        let gossip = &self.swarm.behaviour().gossip;
        let mut peers: Vec<PeerInfo> = self
            .peers
            .iter()
            .map(|(id, peer)| {
                let connected = peer.connected.as_ref();
                PeerInfo {
                    hotkey: peer.hotkey,
                    peer_id: id.to_base58(),
                    addresses: peer.addresses(true).iter().map(ToString::to_string).collect(),
                    connected: connected.is_some(),
                    direction: connected.map(|connected| connected.direction),
                    relayed: connected.is_some_and(|connected| connected.way() == Way::Relay),
                    subscribed: connected.is_some_and(Connected::is_subscribed),
                    score: gossip.peer_score(id).unwrap_or(0.0),
                    rtt: connected.and_then(|connected| connected.rtt),
                    agent: connected.and_then(|connected| connected.agent.clone()),
                    archive: peer.record.as_ref().is_some_and(|held| held.record.archive),
                }
            })
            .collect();
        peers.sort_unstable_by_key(|peer| (!peer.connected, peer.hotkey));
        let listen = self.listening.iter().chain(self.nat.circuits());
        let listen = Arc::new(listen.map(ToString::to_string).collect());
        let reach = self.nat.reach();
        self.snapshot.send_replace(Snapshot { peers: Arc::new(peers), listen, reach });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: u8) -> Event {
        Event::Connected { peer: Hotkey::new([number; 32]) }
    }

    #[test]
    fn events_wait_in_order_and_gossip_leaves_room_for_them() {
        let (sender, mut receiver) = mpsc::channel(EVENTS_MAX);
        let mut outbox = Outbox { sender, backlog: VecDeque::new() };
        let mut passed = 0;
        while outbox.has_room() {
            outbox.deliver(event(1));
            passed += 1;
        }
        assert_eq!(passed, EVENTS_MAX - EVENTS_RESERVED);
        for _ in 0..EVENTS_RESERVED {
            outbox.deliver(event(2));
        }
        for _ in 0..BACKLOG_MAX {
            outbox.deliver(event(3));
        }
        assert_eq!(outbox.backlog.len(), BACKLOG_MAX);
        outbox.deliver(event(4));
        assert_eq!(outbox.backlog.len(), BACKLOG_MAX);
        let mut seen = Vec::new();
        while let Ok(Event::Connected { peer }) = receiver.try_recv() {
            seen.push(peer.as_bytes()[0]);
            outbox.flush();
        }
        assert_eq!(seen.len(), EVENTS_MAX + BACKLOG_MAX);
        assert!(seen.is_sorted());
        assert_eq!(seen.last(), Some(&4));
    }
}
