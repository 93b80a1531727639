//! One peer: its record and connection, its faults and bans.

use std::time::{Duration, Instant};

use ganglion_types::Hotkey;
use libp2p::Multiaddr;
use libp2p::core::ConnectedPoint;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::ConnectionId;

use super::rates::Rates;
use crate::config::is_loopback;
use crate::handle::{Direction, Fault};
use crate::record::Verified;
use crate::topics::Topic;

/// Fault points at which a peer is banned.
pub const BAN_POINTS: f64 = 100.0;
/// The points that answers which never came can add up to: alone they ban nobody.
const UNHELPFUL_MOST: f64 = 50.0;
/// How long a ban lasts.
pub const BAN_TIME: Duration = Duration::from_secs(600);
/// Time in which fault points halve.
pub const POINTS_HALF_LIFE: Duration = Duration::from_secs(300);

/// By what a connection goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Tcp,
    Quic,
    Relay,
}

impl Way {
    pub(crate) const ALL: [Self; 3] = [Self::Tcp, Self::Quic, Self::Relay];

    pub(crate) fn of(endpoint: &ConnectedPoint) -> Self {
        let quic = |part: Protocol<'_>| part == Protocol::QuicV1;
        if endpoint.is_relayed() {
            Self::Relay
        } else if endpoint.get_remote_address().iter().any(quic) {
            Self::Quic
        } else {
            Self::Tcp
        }
    }

    /// Metric label.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Quic => "quic",
            Self::Relay => "relay",
        }
    }
}

/// One connection.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) id: ConnectionId,
    pub(crate) way: Way,
    pub(crate) since: Instant,
    /// Where this node dialed it, if it did.
    pub(crate) dialed: Option<Multiaddr>,
}

/// A connected peer.
#[derive(Debug)]
pub(crate) struct Connected {
    /// Of the first connection.
    pub(crate) direction: Direction,
    /// Bounded by the limit on connections of one peer.
    links: Vec<Link>,
    /// Whether it takes slots of others.
    pub(crate) relays: bool,
    pub(crate) since: Instant,
    pub(crate) rtt: Option<Duration>,
    pub(crate) agent: Option<String>,
    pub(crate) identified: bool,
    pub(crate) pings_missed: u8,
    pub(crate) slow: u8,
    /// A bit for each topic it listens to.
    pub(super) topics: u8,
}

impl Connected {
    pub(super) const fn new(direction: Direction, now: Instant) -> Self {
        Self {
            direction,
            links: Vec::new(),
            relays: false,
            since: now,
            rtt: None,
            agent: None,
            identified: false,
            pings_missed: 0,
            slow: 0,
            topics: 0,
        }
    }

    pub(crate) fn add(&mut self, link: Link) {
        self.links.push(link);
    }

    pub(crate) fn remove(&mut self, connection: ConnectionId) {
        self.links.retain(|link| link.id != connection);
    }

    pub(crate) fn links(&self) -> impl Iterator<Item = &Link> {
        self.links.iter()
    }

    /// The oldest connection without a relay.
    pub(crate) fn direct(&self) -> Option<&Link> {
        self.links.iter().find(|link| link.way != Way::Relay)
    }

    /// Where this node reached it, without a relay.
    pub(crate) fn dialed(&self) -> Option<&Multiaddr> {
        let direct = self.links.iter().filter(|link| link.way != Way::Relay);
        direct.filter_map(|link| link.dialed.as_ref()).next()
    }

    pub(crate) fn way(&self) -> Way {
        self.direct().or(self.links.first()).map_or(Way::Tcp, |link| link.way)
    }

    /// Notes a topic; whether it is the last that was missing.
    pub(crate) fn subscribe(&mut self, topic: Topic, listens: bool) -> bool {
        let before = self.is_subscribed();
        let at = Topic::ALL.iter().position(|other| *other == topic).unwrap_or(0);
        let bit = 1 << at;
        self.topics = if listens { self.topics | bit } else { self.topics & !bit };
        !before && self.is_subscribed()
    }

    pub(crate) fn is_subscribed(&self) -> bool {
        self.topics.count_ones() as usize == Topic::ALL.len()
    }
}

/// One peer.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) hotkey: Hotkey,
    pub(crate) record: Option<Verified>,
    /// Addresses from the configuration or an expired record.
    pub(crate) hints: Vec<Multiaddr>,
    pub(crate) bootnode: bool,
    /// Whether it was ever connected, or comes from the own store.
    pub(super) proven: bool,
    pub(crate) connected: Option<Connected>,
    pub(super) dialing: Option<ConnectionId>,
    pub(super) failures: u32,
    pub(super) next_dial: Instant,
    points: f64,
    points_at: Instant,
    pub(crate) rates: Rates,
}

impl Peer {
    pub(super) fn new(hotkey: Hotkey, now: Instant) -> Self {
        Self {
            hotkey,
            record: None,
            hints: Vec::new(),
            bootnode: false,
            proven: false,
            connected: None,
            dialing: None,
            failures: 0,
            next_dial: now,
            points: 0.0,
            points_at: now,
            rates: Rates::new(now),
        }
    }

    /// Where to dial it, the record first.
    pub(crate) fn addresses(&self, loopback: bool) -> Vec<Multiaddr> {
        let recorded = self.record.iter().flat_map(|record| &record.addresses);
        let mut addresses: Vec<Multiaddr> = Vec::new();
        for address in recorded.filter(|a| loopback || !is_loopback(a)).chain(&self.hints) {
            if !addresses.contains(address) {
                addresses.push(address.clone());
            }
        }
        addresses
    }

    /// Fault points now.
    pub(crate) fn points(&self, now: Instant) -> f64 {
        let halvings = now.saturating_duration_since(self.points_at).as_secs_f64()
            / POINTS_HALF_LIFE.as_secs_f64();
        self.points * (-halvings).exp2()
    }

    /// Adds a fault; whether the peer is now to be banned.
    pub(crate) fn charge(&mut self, fault: Fault, now: Instant) -> bool {
        let points = self.points(now);
        self.points = match fault {
            // A network that is cut time and again leaves many requests unanswered.
            Fault::Unhelpful => points.max((points + fault.points()).min(UNHELPFUL_MOST)),
            _ => points + fault.points(),
        };
        self.points_at = now;
        let banned = self.points >= BAN_POINTS;
        if banned {
            self.points = 0.0;
            self.next_dial = now + BAN_TIME;
        }
        banned
    }

    /// Room is made of those that never showed themselves.
    pub(super) const fn is_idle(&self) -> bool {
        self.connected.is_none() && self.dialing.is_none() && !self.bootnode
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::record;

    #[test]
    fn points_add_up_to_a_ban_and_halve_with_time() {
        let now = Instant::now();
        let mut peer = Peer::new(record(7).signer, now);
        for _ in 0..4 {
            assert!(!peer.charge(Fault::Malformed, now));
        }
        let later = now + POINTS_HALF_LIFE;
        assert!((peer.points(later) - 40.0).abs() < 0.01);
        assert!(peer.charge(Fault::Malformed, now));
        assert!(peer.next_dial >= now + BAN_TIME);
    }

    #[test]
    fn a_direct_connection_counts_before_a_relayed_one() {
        let now = Instant::now();
        let link = |number, way, dialed| Link {
            id: ConnectionId::new_unchecked(number),
            way,
            since: now,
            dialed,
        };
        let address: Multiaddr = "/ip4/192.0.2.1/tcp/1".parse().unwrap();
        let mut connected = Connected::new(Direction::Outbound, now);
        connected.add(link(1, Way::Relay, Some(address.clone())));
        assert_eq!((connected.way(), connected.dialed()), (Way::Relay, None));
        connected.add(link(2, Way::Tcp, Some(address.clone())));
        assert_eq!((connected.way(), connected.dialed()), (Way::Tcp, Some(&address)));
        connected.remove(ConnectionId::new_unchecked(2));
        assert_eq!(connected.way(), Way::Relay);
        assert!(connected.direct().is_none());
    }

    #[test]
    fn answers_that_never_come_ban_nobody_alone() {
        let now = Instant::now();
        let mut peer = Peer::new(record(7).signer, now);
        assert!((0..10_000).all(|_| !peer.charge(Fault::Unhelpful, now)));
        assert!((peer.points(now) - UNHELPFUL_MOST).abs() < 0.01);
        assert!(!peer.charge(Fault::Malformed, now));
        assert!(!peer.charge(Fault::Malformed, now));
        assert!(!peer.charge(Fault::Unhelpful, now));
        assert!((peer.points(now) - 90.0).abs() < 0.01, "what others cost stays");
        assert!(peer.charge(Fault::Invalid, now));
    }
}
