//! Nodes that others cannot connect to: how one finds out, is reached through relays, and is connected directly
//! after all.
//!
//! ```text
//! AutoNAT: a peer connects back ── it works ──► public: serves as a relay (`Relay::Auto`)
//!                               └─ it fails ──► behind: slots at two relays, told in the own record
//! a peer dials a slot ──► circuit through the relay ──DCUtR: both dial at once──► direct, circuit closed
//! ```

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use libp2p::core::transport::ListenerId;
use libp2p::swarm::{FromSwarm, NetworkBehaviour as _, NewExternalAddrCandidate};
use libp2p::{Multiaddr, PeerId, autonat, dcutr, relay};

use crate::circuit::through;
use crate::config::{Nat, Relay, is_loopback};
use crate::metrics;
use crate::peers::{Link, Way};
use crate::request::TIMEOUT;
use crate::service::Service;

/// Relays at which a node behind NAT holds a slot.
pub const SLOTS_MAX: usize = 2;
/// A relay that gave no slot, or ended it, is asked again after this time.
pub const SLOT_WAIT: Duration = Duration::from_secs(30);
/// Nodes with a slot at one relay.
pub const RESERVATIONS_MAX: usize = 64;
/// Slots that one peer may ask for at once; one more each minute.
pub const RESERVATIONS_BURST: u32 = 4;
/// Circuits through one relay. Each takes a stream of two connections.
pub const CIRCUITS_MAX: usize = 24;
/// Circuits that one peer may ask for at once; one more every two minutes.
pub const CIRCUITS_BURST: u32 = 8;
/// Circuits of one peer at a time, by either end, over which it is given no more.
pub const CIRCUITS_PEER_MAX: usize = 8;
/// How long a circuit lasts. Whoever still needs it dials again.
pub const CIRCUIT_TIME: Duration = Duration::from_secs(600);
/// Bytes of a circuit, both ways together: a few of the largest responses. With `CIRCUITS_BURST` renewed every
/// two minutes, one peer moves 140 KiB a second in the long run.
pub const CIRCUIT_BYTES: u64 = 16 * 1024 * 1024;
/// `AutoNAT`: dials for others in a minute.
pub const PROBES_MAX: usize = 30;
/// `AutoNAT`: dials for one peer in a minute.
pub const PROBES_PEER_MAX: usize = 2;
/// A slot ends with its connection, which pings watch. libp2p's relay panics if an answer to a renewal is still
/// being written while the slot runs out, and a peer that stops reading can bring that about: none runs out.
const SLOT_TIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// `AutoNAT`: from the start to the first question, so that there are peers to ask.
const PROBE_FIRST: Duration = Duration::from_secs(5);
/// `AutoNAT`: between questions until three answers agree, ...
const PROBE: Duration = Duration::from_secs(20);
/// ... and then.
const PROBE_SETTLED: Duration = Duration::from_secs(15 * 60);
/// Time for a direct connection to stand at both ends before circuits are closed.
const BOTH_ENDS: Duration = Duration::from_secs(1);
/// A peer asked to connect back does it within this time.
const PROBE_TIME: Duration = Duration::from_secs(30);

/// Whether others can connect to this node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Not known: nobody said yet, or the subnet is a private net in which it does not matter.
    #[default]
    Unknown,
    /// They can.
    Public,
    /// They cannot, but through a relay.
    Behind,
}

impl Reach {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Unknown, Self::Public, Self::Behind];

    /// Metric label, and word for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Public => "public",
            Self::Behind => "behind_nat",
        }
    }
}

/// A place at a relay, asked for or held.
#[derive(Debug)]
struct Slot {
    relay: PeerId,
    address: Multiaddr,
    held: bool,
}

/// What this part remembers.
#[derive(Debug)]
pub(crate) struct State {
    reach: Reach,
    relay: Relay,
    /// At most `SLOTS_MAX`.
    slots: HashMap<ListenerId, Slot>,
    /// Relays to leave alone until then. Bounded by the connected peers.
    refused: HashMap<PeerId, Instant>,
    /// Whom this node asked last to connect back.
    probed: Option<(PeerId, Instant)>,
    /// Peers with a slot here, at most `RESERVATIONS_MAX`.
    served: HashSet<PeerId>,
    circuits: usize,
}

impl State {
    pub(crate) fn new(nat: Nat, relay: Relay) -> Self {
        let reach = match nat {
            Nat::Auto => Reach::Unknown,
            Nat::Behind => Reach::Behind,
            Nat::None => Reach::Public,
        };
        Self {
            reach,
            relay,
            slots: HashMap::new(),
            refused: HashMap::new(),
            probed: None,
            served: HashSet::new(),
            circuits: 0,
        }
    }

    pub(crate) const fn reach(&self) -> Reach {
        self.reach
    }

    /// Where this node is reached through relays.
    pub(crate) fn circuits(&self) -> impl Iterator<Item = &Multiaddr> {
        self.slots.values().filter(|slot| slot.held).map(|slot| &slot.address)
    }

    /// Notes that a relay took this node in; whether it is one of ours.
    fn on_held(&mut self, relay: PeerId) -> bool {
        let slot = self.slots.values_mut().find(|slot| slot.relay == relay);
        slot.map(|slot| slot.held = true).is_some()
    }

    pub(crate) fn is_slot(&self, listener: ListenerId) -> bool {
        self.slots.contains_key(&listener)
    }

    /// Whether a new connection of `peer` may be the answer to our question.
    pub(crate) fn is_probed_by(&self, peer: &PeerId, now: Instant) -> bool {
        self.probed.is_some_and(|(asked, at)| {
            asked == *peer && now.saturating_duration_since(at) < PROBE_TIME
        })
    }

    const fn serves(&self, external: bool) -> bool {
        match (self.relay, self.reach) {
            (Relay::On, _) | (Relay::Auto, Reach::Public) => true,
            (Relay::Auto, Reach::Unknown) => external,
            (Relay::Off, _) | (Relay::Auto, Reach::Behind) => false,
        }
    }
}

/// The limits of a relay. What libp2p counts "more than" is one less here.
pub(crate) fn relay_config() -> relay::Config {
    relay::Config {
        max_reservations: RESERVATIONS_MAX,
        max_reservations_per_peer: 1,
        reservation_duration: SLOT_TIME,
        reservation_rate_limiters: Vec::new(),
        max_circuits: CIRCUITS_MAX,
        max_circuits_per_peer: CIRCUITS_PEER_MAX - 1,
        max_circuit_duration: CIRCUIT_TIME,
        max_circuit_bytes: CIRCUIT_BYTES,
        circuit_src_rate_limiters: Vec::new(),
    }
    .reservation_rate_per_peer(at_once(RESERVATIONS_BURST), Duration::from_secs(60))
    .circuit_src_per_peer(at_once(CIRCUITS_BURST), Duration::from_secs(120))
}

const fn at_once(burst: u32) -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(burst.saturating_sub(1))
}

/// `asks` others to connect back; they may always ask. With `loopback` addresses of any kind count, else only those
/// of the public internet: that a neighbour behind the same router gets through says nothing.
pub(crate) fn probe_config(asks: bool, loopback: bool) -> autonat::Config {
    autonat::Config {
        timeout: PROBE_TIME,
        boot_delay: PROBE_FIRST,
        retry_interval: PROBE,
        refresh_interval: PROBE_SETTLED,
        throttle_server_period: PROBE,
        use_connected: asks,
        confidence_max: 2,
        max_peer_addresses: 2,
        throttle_clients_global_max: PROBES_MAX,
        throttle_clients_peer_max: PROBES_PEER_MAX,
        throttle_clients_period: Duration::from_secs(60),
        only_global_ips: !loopback,
    }
}

impl Service {
    /// What was known before the first peer.
    pub(crate) fn begin_nat(&mut self) {
        for address in self.external.clone() {
            self.swarm.behaviour_mut().autonat.inner_mut().probe_address(address);
        }
        self.show_reach();
    }

    /// Once a second: slots to ask for, and circuits that a direct connection replaced.
    pub(crate) fn tend_circuits(&mut self, now: Instant) {
        self.nat.refused.retain(|_, until| *until > now);
        if self.nat.reach == Reach::Behind && self.nat.slots.len() < SLOTS_MAX {
            self.ask_for_slot();
        }
        self.leave_circuits(now);
    }

    /// Asks the nearest relay among the peers that this node connected to itself: others can, too.
    fn ask_for_slot(&mut self) {
        let taken = |id: &PeerId| self.nat.slots.values().any(|slot| slot.relay == *id);
        let nearest = self
            .peers
            .connected()
            .filter(|(id, _, connected)| {
                connected.relays && !taken(id) && !self.nat.refused.contains_key(id)
            })
            .filter_map(|(id, _, connected)| {
                Some((connected.rtt.unwrap_or(Duration::MAX), *id, connected.dialed()?.clone()))
            })
            .min();
        let Some((_, relay, base)) = nearest else { return };
        let address = through(base, relay);
        match self.swarm.listen_on(address.clone()) {
            Ok(listener) => {
                tracing::debug!(%address, "asking for a slot at a relay");
                self.nat.slots.insert(listener, Slot { relay, address, held: false });
            }
            Err(error) => {
                tracing::debug!(%address, %error, "no slot can be asked for");
                self.nat.refused.insert(relay, Instant::now() + SLOT_WAIT);
            }
        }
    }

    /// Closes circuits beside a direct connection, once no request is on its way or none can be left.
    fn leave_circuits(&mut self, now: Instant) {
        let mut left = Vec::new();
        for (id, _, connected) in self.peers.connected() {
            let Some(direct) = connected.direct() else { continue };
            let age = now.saturating_duration_since(direct.since);
            let busy = self.outbound.is_asked(id) || self.inbound.is_asking(id);
            if age < BOTH_ENDS || (busy && age < TIMEOUT) {
                continue;
            }
            left.extend(connected.links().filter(|link| link.way == Way::Relay).map(|l| l.id));
        }
        for connection in left {
            self.swarm.close_connection(connection);
        }
    }

    /// A slot is gone: refused, or its connection closed.
    pub(crate) fn on_slot_closed(&mut self, listener: ListenerId) {
        let Some(slot) = self.nat.slots.remove(&listener) else { return };
        tracing::info!(address = %slot.address, held = slot.held, "no slot at this relay any more");
        self.nat.refused.insert(slot.relay, Instant::now() + SLOT_WAIT);
        metrics::slots(self.nat.circuits().count());
        self.renew_snapshot();
    }

    pub(crate) fn on_circuits(&mut self, event: &relay::client::Event) {
        let relay::client::Event::ReservationReqAccepted { relay_peer_id, renewal, .. } = event
        else {
            return;
        };
        if !renewal && self.nat.on_held(*relay_peer_id) {
            tracing::info!(relay = %relay_peer_id, "reachable through a relay");
            metrics::slots(self.nat.circuits().count());
            self.renew_snapshot();
        }
    }

    pub(crate) fn on_autonat(&mut self, event: autonat::Event, now: Instant) {
        match event {
            autonat::Event::OutboundProbe(autonat::OutboundProbeEvent::Request {
                peer, ..
            }) => self.nat.probed = Some((peer, now)),
            autonat::Event::StatusChanged { new, .. } => {
                self.nat.reach = match new {
                    autonat::NatStatus::Public(_) => Reach::Public,
                    autonat::NatStatus::Private => Reach::Behind,
                    autonat::NatStatus::Unknown => Reach::Unknown,
                };
                tracing::info!(reach = self.nat.reach.name(), "whether others can connect here");
                self.show_reach();
                self.renew_snapshot();
            }
            autonat::Event::OutboundProbe(_) | autonat::Event::InboundProbe(_) => {}
        }
    }

    fn show_reach(&mut self) {
        metrics::reach(self.nat.reach);
        let serves = self.nat.serves(!self.external.is_empty());
        let status = if serves { relay::Status::Enable } else { relay::Status::Disable };
        self.swarm.behaviour_mut().relay.inner_mut().set_status(Some(status));
    }

    pub(crate) fn on_relay(&mut self, event: &relay::Event) {
        match event {
            relay::Event::ReservationReqAccepted { src_peer_id, .. } => {
                self.nat.served.insert(*src_peer_id);
                metrics::relay_asked("reservation", "accepted");
            }
            relay::Event::ReservationReqDenied { .. } => {
                metrics::relay_asked("reservation", "denied");
            }
            relay::Event::CircuitReqAccepted { .. } => {
                self.nat.circuits += 1;
                metrics::relay_asked("circuit", "accepted");
            }
            relay::Event::CircuitReqDenied { .. } => metrics::relay_asked("circuit", "denied"),
            relay::Event::CircuitClosed { .. } => {
                self.nat.circuits = self.nat.circuits.saturating_sub(1);
            }
            // Also told of connections that never had a slot: see `Self::on_relayed_gone`.
            _ => {}
        }
        metrics::relaying(self.nat.served.len(), self.nat.circuits);
    }

    /// A peer is gone, and its slot with it.
    pub(crate) fn on_relayed_gone(&mut self, peer: &PeerId) {
        if self.nat.served.remove(peer) {
            metrics::relaying(self.nat.served.len(), self.nat.circuits);
        }
    }

    pub(crate) fn on_punched(&mut self, event: &dcutr::Event) {
        let dcutr::Event { remote_peer_id, result } = event;
        tracing::debug!(peer = %remote_peer_id, ?result, "hole punch");
        metrics::hole_punch(if result.is_ok() { "direct" } else { "failed" });
    }

    /// Notes one more connection of a peer that may be connected already.
    pub(crate) fn on_link(&mut self, peer: PeerId, link: Link) {
        if let Some(connected) = self.peers.get_mut(&peer).and_then(|held| held.connected.as_mut())
        {
            connected.add(link);
        }
    }

    /// A node behind NAT tells where relays take its connections, and where neighbours find it.
    pub(crate) fn told_behind(&self) -> Vec<Multiaddr> {
        let direct = if self.external.is_empty() { &self.listening } else { &self.external };
        self.nat.circuits().chain(direct.iter().filter(|a| !is_loopback(a))).cloned().collect()
    }

    /// `DCUtR` offers what peers say they see, which libp2p hides from it where it is known to be true.
    pub(crate) fn offer_to_punch(&mut self, address: &Multiaddr) {
        let candidate = NewExternalAddrCandidate { addr: address };
        let dcutr = self.swarm.behaviour_mut().dcutr.inner_mut();
        dcutr.on_swarm_event(FromSwarm::NewExternalAddrCandidate(candidate));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_is_who_is_reachable_unless_told_otherwise() {
        let serves = |nat, relay, external| State::new(nat, relay).serves(external);
        assert!(!serves(Nat::Auto, Relay::Auto, false));
        assert!(serves(Nat::Auto, Relay::Auto, true));
        assert!(serves(Nat::None, Relay::Auto, false));
        assert!(!serves(Nat::Behind, Relay::Auto, true));
        assert!(serves(Nat::Behind, Relay::On, false));
        assert!(!serves(Nat::None, Relay::Off, true));
    }

    #[test]
    fn a_probe_is_expected_of_the_peer_asked_and_for_a_while() {
        let now = Instant::now();
        let (asked, other) = (PeerId::random(), PeerId::random());
        let mut state = State::new(Nat::Auto, Relay::Auto);
        state.probed = Some((asked, now));
        assert!(state.is_probed_by(&asked, now));
        assert!(!state.is_probed_by(&other, now));
        assert!(!state.is_probed_by(&asked, now + PROBE_TIME));
    }

    #[test]
    fn only_held_slots_are_told() {
        let mut state = State::new(Nat::Behind, Relay::Auto);
        let relay = PeerId::random();
        let address = through("/ip4/192.0.2.1/tcp/1".parse().unwrap(), relay);
        let slot = Slot { relay, address: address.clone(), held: false };
        state.slots.insert(ListenerId::next(), slot);
        assert_eq!(state.circuits().count(), 0);
        assert!(!state.on_held(PeerId::random()));
        assert!(state.on_held(relay));
        assert_eq!(state.circuits().collect::<Vec<_>>(), [&address]);
    }

    #[test]
    fn the_limits_are_those_of_the_documentation() {
        let config = relay_config();
        assert_eq!(config.max_reservations, RESERVATIONS_MAX);
        assert_eq!(config.max_circuits_per_peer + 1, CIRCUITS_PEER_MAX);
        assert_eq!(config.reservation_rate_limiters.len(), 1);
        assert_eq!(config.circuit_src_rate_limiters.len(), 1);
        assert_eq!(at_once(CIRCUITS_BURST).get(), CIRCUITS_BURST);
    }
}
