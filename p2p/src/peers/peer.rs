//! One peer: its record and connection, its faults and bans.

use std::time::{Duration, Instant};

use ganglion_types::Hotkey;
use libp2p::Multiaddr;
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

/// A live connection, the first if there are two.
#[derive(Debug)]
pub(crate) struct Connected {
    pub(crate) direction: Direction,
    /// Whether it goes over QUIC, else over TCP.
    pub(crate) quic: bool,
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
