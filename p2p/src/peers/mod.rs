//! The peer table: records, connections, back-off, rates, faults and bans.

mod peer;
mod rates;

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};

use ganglion_types::Item;

use self::peer::Peer;
pub use self::peer::{BAN_POINTS, BAN_TIME, POINTS_HALF_LIFE};
pub(crate) use self::peer::{Connected, Link, Way};
use crate::config::ip_of;
use crate::handle::Direction;
use crate::identity;
use crate::record::{RecordFault, Verified};

/// Peers in the table. A record takes 2.2 KiB at most, an entry about 1 KiB more: 4 MiB in all.
pub const PEERS_MAX: usize = 1024;
/// Peers in the table that never were connected and share one /24 (or /48): one host cannot fill it.
pub const UNPROVEN_PER_PREFIX: usize = 32;
/// First wait after a failed dial; it doubles with each failure.
pub const DIAL_WAIT: Duration = Duration::from_millis(500);
/// Longest wait after one of the first ten failed dials in a row.
pub const DIAL_WAIT_MOST: Duration = Duration::from_secs(30);
/// Wait after the tenth.
pub const DIAL_WAIT_GONE: Duration = Duration::from_secs(300);
/// The same while there is no connection at all.
pub const DIAL_WAIT_ALONE: Duration = Duration::from_secs(4);
/// A connection that the other end ends sooner says: full, go elsewhere.
pub(crate) const SETTLED: Duration = Duration::from_secs(30);
/// First wait after being sent away; it doubles each time.
const AWAY_WAIT: Duration = Duration::from_secs(10);
/// Longest wait after being sent away.
const AWAY_WAIT_MOST: Duration = Duration::from_secs(300);
/// Failures in a row after which a peer counts as gone: it is seldom dialed and, without a valid record,
/// forgotten if it never was connected.
const FAILURES_GONE: u32 = 10;

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// Of a peer that had none.
    New,
    /// In place of an older one.
    Renewed,
}

/// Every peer known.
#[derive(Debug)]
pub(crate) struct Table {
    peers: HashMap<PeerId, Peer>,
    random: u64,
}

impl Table {
    pub(crate) fn new() -> Self {
        // Not for secrets: it spreads dials and picks whom to tell and to ask.
        let random = RandomState::new().build_hasher().finish() | 1;
        Self { peers: HashMap::new(), random }
    }

    pub(crate) fn get(&self, peer: &PeerId) -> Option<&Peer> {
        self.peers.get(peer)
    }

    pub(crate) fn get_mut(&mut self, peer: &PeerId) -> Option<&mut Peer> {
        self.peers.get_mut(peer)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&PeerId, &Peer)> {
        self.peers.iter()
    }

    pub(crate) fn connected(&self) -> impl Iterator<Item = (&PeerId, &Peer, &Connected)> {
        self.peers.iter().filter_map(|(id, peer)| Some((id, peer, peer.connected.as_ref()?)))
    }

    pub(crate) fn connected_count(&self) -> usize {
        self.connected().count()
    }

    pub(crate) fn records_count(&self) -> usize {
        self.peers.values().filter(|peer| peer.record.is_some()).count()
    }

    /// The entry of a peer, made if need be. `None` if its key is no hotkey or the table is full of
    /// connected peers, which the connection limits forbid.
    pub(crate) fn entry(&mut self, id: PeerId, now: Instant) -> Option<&mut Peer> {
        if !self.peers.contains_key(&id) {
            let hotkey = identity::hotkey_of(&id)?;
            if !self.make_room() {
                return None;
            }
            self.peers.insert(id, Peer::new(hotkey, now));
        }
        self.peers.get_mut(&id)
    }

    /// Notes an address that is dialed whatever the records say.
    pub(crate) fn hint(
        &mut self,
        id: PeerId,
        addresses: Vec<Multiaddr>,
        bootnode: bool,
        now: Instant,
    ) {
        if let Some(peer) = self.entry(id, now) {
            peer.hints = addresses;
            peer.bootnode |= bootnode;
            peer.proven = true;
        }
    }

    /// Takes a verified record.
    pub(crate) fn insert(
        &mut self,
        record: Verified,
        now: Instant,
    ) -> Result<Inserted, RecordFault> {
        let id = record.peer;
        if !self.peers.contains_key(&id) && self.prefix_full(&record.addresses) {
            return Err(RecordFault::Full);
        }
        let peer = self.entry(id, now).ok_or(RecordFault::Full)?;
        let moved = peer.record.as_ref().is_some_and(|old| old.addresses != record.addresses);
        let inserted = if peer.record.is_some() { Inserted::Renewed } else { Inserted::New };
        if moved {
            peer.failures = 0;
            peer.next_dial = now;
        }
        peer.record = Some(record);
        Ok(inserted)
    }

    /// Keeps a peer from being dialed before `at`.
    pub(crate) fn wait_until(&mut self, id: &PeerId, at: Instant) {
        if let Some(peer) = self.peers.get_mut(id) {
            peer.next_dial = peer.next_dial.max(at);
        }
    }

    fn prefix_full(&self, addresses: &[Multiaddr]) -> bool {
        let Some(prefix) = addresses.iter().find_map(prefix) else { return false };
        let shares = |peer: &Peer| {
            let record = peer.record.as_ref();
            record.is_some_and(|r| r.addresses.iter().find_map(self::prefix) == Some(prefix))
        };
        self.peers.values().filter(|p| !p.proven && shares(p)).count() >= UNPROVEN_PER_PREFIX
    }

    /// Below the limit, or one idle peer the fewer: unproven before proven, most failures first.
    fn make_room(&mut self) -> bool {
        if self.peers.len() < PEERS_MAX {
            return true;
        }
        let idle = self.peers.iter().filter(|(_, peer)| peer.is_idle());
        let victim = idle.max_by_key(|(_, peer)| (!peer.proven, peer.failures)).map(|(id, _)| *id);
        victim.is_some_and(|id| self.peers.remove(&id).is_some())
    }

    /// Drops expired records, and peers of whom nothing is left to try.
    pub(crate) fn sweep(&mut self, now: Instant, unix: u64) {
        self.peers.retain(|_, peer| {
            if let Some(old) = peer.record.take_if(|held| held.record.expires <= unix) {
                // Its addresses may still be good: a clock may be wrong, a peer be slow to renew.
                if peer.hints.is_empty() {
                    peer.hints = old.addresses;
                }
            }
            let gone = peer.failures >= FAILURES_GONE && !peer.proven;
            let hopeless = gone || peer.hints.is_empty();
            // Faults are remembered as long as they weigh.
            let clean = peer.points(now) < 1.0;
            !(peer.is_idle() && peer.record.is_none() && hopeless && clean)
        });
    }

    /// Notes a connection; whether it is the peer's first.
    pub(crate) fn on_connected(&mut self, id: PeerId, direction: Direction, now: Instant) -> bool {
        let Some(peer) = self.entry(id, now) else { return false };
        peer.dialing = None;
        peer.proven = true;
        if peer.connected.is_some() {
            return false;
        }
        peer.connected = Some(Connected::new(direction, now));
        true
    }

    /// Notes that the last connection of a peer is gone, and when to try it again.
    pub(crate) fn on_disconnected(&mut self, id: &PeerId, now: Instant) {
        // Both ends may want to come back: not in the same instant.
        let jitter = self.jitter(DIAL_WAIT);
        let Some(peer) = self.peers.get_mut(id) else { return };
        let Some(connected) = peer.connected.take() else { return };
        let settled = now.saturating_duration_since(connected.since) >= SETTLED;
        peer.failures = if settled { 0 } else { peer.failures.saturating_add(1) };
        let wait = doubled(AWAY_WAIT, peer.failures).min(AWAY_WAIT_MOST);
        let alone = self.connected().next().is_none();
        if let Some(peer) = self.peers.get_mut(id) {
            let wait = match (settled, alone) {
                (true, _) => Duration::ZERO,
                (false, true) => wait.min(DIAL_WAIT_ALONE),
                (false, false) => wait,
            };
            peer.next_dial = peer.next_dial.max(now + wait + jitter);
        }
    }

    pub(crate) fn on_dialing(&mut self, id: &PeerId, connection: ConnectionId) {
        if let Some(peer) = self.peers.get_mut(id) {
            peer.dialing = Some(connection);
        }
    }

    /// Notes a failed dial and when to try again.
    pub(crate) fn on_dial_failed(&mut self, id: &PeerId, connection: ConnectionId, now: Instant) {
        let alone = self.connected().next().is_none();
        let jitter = self.jitter(DIAL_WAIT);
        let Some(peer) = self.peers.get_mut(id) else { return };
        if peer.dialing != Some(connection) {
            return;
        }
        peer.dialing = None;
        peer.failures = peer.failures.saturating_add(1);
        let gone = peer.failures >= FAILURES_GONE;
        let most = match (alone, gone) {
            (true, _) => DIAL_WAIT_ALONE,
            (false, false) => DIAL_WAIT_MOST,
            (false, true) => DIAL_WAIT_GONE,
        };
        let wait = doubled(DIAL_WAIT, peer.failures).min(most);
        peer.next_dial = peer.next_dial.max(now + wait + jitter);
    }

    pub(crate) fn dialing_count(&self) -> usize {
        self.peers.values().filter(|peer| peer.dialing.is_some()).count()
    }

    /// Whom to dial now, at most `most`: few failures first, the rest by chance.
    /// With `given` only those of the configuration.
    pub(crate) fn pick_dials(
        &mut self,
        most: usize,
        loopback: bool,
        given: bool,
        now: Instant,
    ) -> Vec<PeerId> {
        let mut random = self.random;
        let mut candidates: Vec<(u32, u64, PeerId)> = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.connected.is_none() && peer.dialing.is_none())
            .filter(|(_, peer)| !given || !peer.hints.is_empty())
            .filter(|(_, peer)| peer.next_dial <= now && !peer.addresses(loopback).is_empty())
            .map(|(id, peer)| (peer.failures, next(&mut random), *id))
            .collect();
        self.random = random;
        candidates.sort_unstable_by_key(|(failures, order, _)| (*failures, *order));
        candidates.into_iter().take(most).map(|(_, _, id)| id).collect()
    }

    /// Records to tell: connected peers first, then proven ones, then the rest; by chance within each.
    pub(crate) fn sample(&mut self, most: usize, unix: u64) -> Vec<Item> {
        let mut random = self.random;
        let mut held: Vec<(u8, u64, &Item)> = self
            .peers
            .values()
            .filter_map(|peer| {
                let record = peer.record.as_ref().filter(|r| r.record.expires > unix)?;
                let class = if peer.connected.is_some() { 0 } else { 2 - u8::from(peer.proven) };
                Some((class, next(&mut random), &record.item))
            })
            .collect();
        held.sort_unstable_by_key(|(class, order, _)| (*class, *order));
        let sample = held.into_iter().take(most).map(|(_, _, item)| item.clone()).collect();
        self.random = random;
        sample
    }

    /// A connected peer, by chance.
    pub(crate) fn any_connected(&mut self) -> Option<PeerId> {
        let count = u64::try_from(self.connected_count()).ok().filter(|count| *count > 0)?;
        let at = usize::try_from(next(&mut self.random) % count).ok()?;
        self.connected().nth(at).map(|(id, _, _)| *id)
    }

    /// Between nothing and `most`.
    pub(crate) fn jitter(&mut self, most: Duration) -> Duration {
        let share = u32::try_from(next(&mut self.random) >> 40).unwrap_or(0);
        most.mul_f64(f64::from(share) / f64::from(1u32 << 24))
    }
}

/// `first`, doubled with each failure after the first.
fn doubled(first: Duration, failures: u32) -> Duration {
    first.saturating_mul(1 << failures.saturating_sub(1).min(10))
}

/// Splitmix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The network a public address lies in; loopback lies in none.
fn prefix(address: &Multiaddr) -> Option<[u8; 6]> {
    let ip = ip_of(address).filter(|ip| !ip.is_loopback())?;
    let mut prefix = [0; 6];
    match ip {
        IpAddr::V4(ip) => prefix[..3].copy_from_slice(&ip.octets()[..3]),
        IpAddr::V6(ip) => prefix.copy_from_slice(&ip.octets()[..6]),
    }
    Some(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::{NOW, SUBNET, key, record, signed};
    use crate::record::{Terms, verify};
    use ed25519_dalek::SigningKey;
    use ganglion_types::{Body, PeerRecord, sign};

    fn verified(record: PeerRecord, key: &SigningKey) -> Verified {
        let item = Item::sign(SUBNET, Body::PeerRecord(record), key);
        verify(item, &Terms { subnet: &SUBNET, now: NOW, held: None, expired_too: false }).unwrap()
    }

    fn numbered(number: u32, address: &str) -> Verified {
        let mut seed = [9; 32];
        seed[..4].copy_from_slice(&number.to_be_bytes());
        let key = SigningKey::from_bytes(&seed);
        let signer = sign::hotkey_of(&key);
        verified(PeerRecord { signer, addresses: vec![address.into()], ..record(7) }, &key)
    }

    #[test]
    fn the_table_keeps_its_bound_and_its_connected_peers() {
        let now = Instant::now();
        let mut table = Table::new();
        let first = numbered(0, "/ip4/127.0.0.1/tcp/1");
        let kept = first.peer;
        table.insert(first, now).unwrap();
        assert!(table.on_connected(kept, Direction::Inbound, now));
        for number in 1..u32::try_from(PEERS_MAX).unwrap() + 50 {
            table.insert(numbered(number, "/ip4/127.0.0.1/tcp/1"), now).unwrap();
        }
        assert_eq!(table.iter().count(), PEERS_MAX);
        assert!(table.get(&kept).is_some());
    }

    #[test]
    fn one_prefix_cannot_fill_the_table() {
        let now = Instant::now();
        let mut table = Table::new();
        let address = |host: u32| format!("/ip4/198.51.100.{}/tcp/1", host % 250);
        let most = u32::try_from(UNPROVEN_PER_PREFIX).unwrap();
        for number in 0..most {
            table.insert(numbered(number, &address(number)), now).unwrap();
        }
        let one_more = table.insert(numbered(most, &address(most)), now);
        assert_eq!(one_more, Err(RecordFault::Full));
        assert!(table.insert(numbered(most, "/ip4/203.0.113.1/tcp/1"), now).is_ok());
        // A peer already known is renewed all the same.
        assert_eq!(table.insert(numbered(0, &address(0)), now), Ok(Inserted::Renewed));
    }

    #[test]
    fn dials_back_off_and_begin_anew_when_the_address_moves() {
        let start = Instant::now();
        let mut table = Table::new();
        let peer = numbered(0, "/ip4/127.0.0.1/tcp/1");
        let id = peer.peer;
        table.insert(peer, start).unwrap();
        let mut now = start;
        let mut waits = Vec::new();
        for _ in 0..12 {
            assert_eq!(table.pick_dials(8, true, false, now), [id]);
            let connection = ConnectionId::new_unchecked(1);
            table.on_dialing(&id, connection);
            assert!(table.pick_dials(8, true, false, now).is_empty());
            table.on_dial_failed(&id, connection, now);
            let next = table.get(&id).unwrap().next_dial;
            waits.push(next - now);
            now = next;
        }
        assert!(waits[0] <= DIAL_WAIT * 2);
        assert!(waits[1] > waits[0] / 2 && waits.iter().all(|w| *w <= DIAL_WAIT_ALONE + DIAL_WAIT));
        table.on_dial_failed(&id, ConnectionId::new_unchecked(9), now);
        let mut seed = [9; 32];
        seed[..4].copy_from_slice(&0u32.to_be_bytes());
        let key = SigningKey::from_bytes(&seed);
        let moved = PeerRecord {
            signer: sign::hotkey_of(&key),
            addresses: vec!["/ip4/127.0.0.1/tcp/2".into()],
            seq: 6,
            ..record(7)
        };
        table.insert(verified(moved, &key), start).unwrap();
        assert_eq!(table.pick_dials(8, true, false, start), [id]);
    }

    #[test]
    fn whoever_is_sent_away_stays_away_for_a_while() {
        let now = Instant::now();
        let mut table = Table::new();
        let (away, other) =
            (numbered(0, "/ip4/127.0.0.1/tcp/1"), numbered(1, "/ip4/127.0.0.1/tcp/2"));
        let (id, other_id) = (away.peer, other.peer);
        table.insert(away, now).unwrap();
        table.insert(other, now).unwrap();
        table.on_connected(other_id, Direction::Inbound, now);
        table.on_connected(id, Direction::Outbound, now);
        table.on_disconnected(&id, now + Duration::from_secs(3));
        assert!(table.pick_dials(8, true, false, now + Duration::from_secs(12)).is_empty());
        let back = now + Duration::from_secs(14);
        assert_eq!(table.pick_dials(8, true, false, back), [id]);
        // A connection that lasted is sought again at once.
        table.on_connected(id, Direction::Outbound, back);
        let gone = back + SETTLED;
        table.on_disconnected(&id, gone);
        assert_eq!(table.pick_dials(8, true, false, gone + DIAL_WAIT), [id]);
    }

    #[test]
    fn loopback_is_dialed_only_where_it_means_something() {
        let now = Instant::now();
        let mut table = Table::new();
        table.insert(numbered(0, "/ip4/127.0.0.1/tcp/1"), now).unwrap();
        assert!(table.pick_dials(8, false, false, now).is_empty());
        assert_eq!(table.pick_dials(8, true, false, now).len(), 1);
    }

    #[test]
    fn an_expired_record_is_not_told_but_its_address_is_kept() {
        let now = Instant::now();
        let mut table = Table::new();
        table.insert(numbered(0, "/ip4/127.0.0.1/tcp/1"), now).unwrap();
        assert_eq!(table.sample(64, NOW).len(), 1);
        assert!(table.sample(64, NOW + 100).is_empty());
        table.sweep(now, NOW + 100);
        assert_eq!(table.records_count(), 0);
        assert_eq!(table.pick_dials(8, true, false, now).len(), 1);
    }

    #[test]
    fn a_sample_prefers_connected_peers() {
        let now = Instant::now();
        let mut table = Table::new();
        for number in 0..100 {
            table.insert(numbered(number, "/ip4/127.0.0.1/tcp/1"), now).unwrap();
        }
        let own = signed(record(3), 3);
        let verified = verified(record(3), &key(3));
        table.on_connected(verified.peer, Direction::Outbound, now);
        table.insert(verified, now).unwrap();
        let sample = table.sample(10, NOW);
        assert_eq!(sample.len(), 10);
        assert_eq!(sample[0], own);
    }

    #[test]
    fn jitter_stays_below_its_bound() {
        let mut table = Table::new();
        let most = Duration::from_millis(100);
        assert!((0..1000).all(|_| table.jitter(most) < most));
    }
}
