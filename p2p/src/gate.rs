//! Who may connect at all: ed25519 keys, not banned, and not too many from one address or relay; and how often
//! a peer can make this node dial it again.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::task::{Context, Poll};
use std::time::Instant;

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm, dummy,
};
use libp2p::{Multiaddr, PeerId};

use crate::bucket::Bucket;
use crate::circuit::{is_circuit, relay_of};
use crate::config::{ip_of, is_loopback};
use crate::identity;

/// Connections from one address that is not loopback: a site behind one router, not a swarm of keys.
pub const PER_ADDRESS_MAX: usize = 32;
/// Connections through one relay. Nothing is known of where they come from, and with the relay's own they
/// stay below the ten of one address that gossip tolerates.
pub const PER_RELAY_MAX: usize = 8;
/// Dials to a peer that is connected already, at once: a hole punch takes three, `AutoNAT` one.
pub const REDIAL_BURST: f64 = 6.0;
/// The same in the long run, per second.
pub const REDIAL_PER_SECOND: f64 = 0.1;
/// Bans remembered; the one that ends first makes room.
pub const BANS_MAX: usize = 1024;

/// Why a connection is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the key is not ed25519")]
    Key,
    #[error("the peer is banned")]
    Banned,
    #[error("{PER_ADDRESS_MAX} connections from one address")]
    Address,
    #[error("{PER_RELAY_MAX} connections through one relay")]
    Relay,
    #[error("dialed again too often")]
    Redial,
    #[error("an address of this machine")]
    Loopback,
}

/// From where a connection comes, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Ip(IpAddr),
    Relay(PeerId),
}

impl Origin {
    /// `local` is where a connection came in; of a relayed one only that tells the relay.
    fn of(local: Option<&Multiaddr>, remote: &Multiaddr) -> Option<Self> {
        match local.filter(|local| is_circuit(local)).unwrap_or(remote) {
            circuit if is_circuit(circuit) => relay_of(circuit).map(Self::Relay),
            direct => ip_of(direct).map(Self::Ip),
        }
    }

    const fn most(self) -> (usize, Refusal) {
        match self {
            Self::Ip(_) => (PER_ADDRESS_MAX, Refusal::Address),
            Self::Relay(_) => (PER_RELAY_MAX, Refusal::Relay),
        }
    }
}

/// A peer that is connected.
#[derive(Debug)]
struct Known {
    connections: usize,
    redials: Bucket,
}

/// The gate. It sends nothing itself.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// Whether loopback addresses of others mean anything here.
    loopback: bool,
    banned: HashMap<PeerId, Instant>,
    /// Bounded by the limit on established connections.
    connections: HashMap<ConnectionId, Origin>,
    /// Bounded by the same.
    known: HashMap<PeerId, Known>,
}

impl Gate {
    pub(crate) fn new(loopback: bool) -> Self {
        Self { loopback, ..Self::default() }
    }

    pub(crate) fn ban(&mut self, peer: PeerId, until: Instant) {
        if self.banned.len() >= BANS_MAX
            && let Some(first) =
                self.banned.iter().min_by_key(|(_, until)| **until).map(|(p, _)| *p)
        {
            self.banned.remove(&first);
        }
        self.banned.insert(peer, until);
    }

    pub(crate) fn forget_old(&mut self, now: Instant) {
        self.banned.retain(|_, until| *until > now);
    }

    fn check(&self, peer: &PeerId, origin: Option<Origin>, now: Instant) -> Result<(), Refusal> {
        if identity::hotkey_of(peer).is_none() {
            return Err(Refusal::Key);
        }
        if self.banned.get(peer).is_some_and(|until| *until > now) {
            return Err(Refusal::Banned);
        }
        let Some(origin) = origin.filter(|origin| !is_local(*origin)) else { return Ok(()) };
        let (most, refusal) = origin.most();
        if self.connections.values().filter(|other| **other == origin).count() >= most {
            return Err(refusal);
        }
        Ok(())
    }

    /// Whether a connected peer may be dialed once more: by a hole punch or `AutoNAT`, at addresses it chose.
    fn redial(
        &mut self,
        peer: &PeerId,
        addresses: &[Multiaddr],
        now: Instant,
    ) -> Result<(), Refusal> {
        let Some(known) = self.known.get_mut(peer) else { return Ok(()) };
        if !self.loopback && addresses.iter().any(is_loopback) {
            return Err(Refusal::Loopback);
        }
        if known.redials.take(1.0, now) { Ok(()) } else { Err(Refusal::Redial) }
    }

    fn admit(
        &mut self,
        connection: ConnectionId,
        peer: &PeerId,
        origin: Option<Origin>,
    ) -> Result<dummy::ConnectionHandler, ConnectionDenied> {
        self.check(peer, origin, Instant::now()).map_err(ConnectionDenied::new)?;
        if let Some(origin) = origin {
            self.connections.insert(connection, origin);
        }
        Ok(dummy::ConnectionHandler)
    }

    fn on_established(&mut self, peer: PeerId, now: Instant) {
        let redials = || Bucket::new(REDIAL_BURST, REDIAL_PER_SECOND, now);
        let fresh = || Known { connections: 0, redials: redials() };
        self.known.entry(peer).or_insert_with(fresh).connections += 1;
    }

    fn on_closed(&mut self, peer: &PeerId) {
        let Some(known) = self.known.get_mut(peer) else { return };
        known.connections = known.connections.saturating_sub(1);
        if known.connections == 0 {
            self.known.remove(peer);
        }
    }
}

fn is_local(origin: Origin) -> bool {
    matches!(origin, Origin::Ip(ip) if ip.is_loopback())
}

impl NetworkBehaviour for Gate {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.admit(connection, &peer, Origin::of(Some(local), remote))
    }

    fn handle_pending_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        if let Some(peer) = peer {
            self.redial(&peer, addresses, Instant::now()).map_err(ConnectionDenied::new)?;
        }
        Ok(Vec::new())
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        remote: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.admit(connection, &peer, Origin::of(None, remote))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(established) => {
                self.on_established(established.peer_id, Instant::now());
            }
            FromSwarm::ConnectionClosed(closed) => {
                self.connections.remove(&closed.connection_id);
                self.on_closed(&closed.peer_id);
            }
            // Another behaviour may refuse what this one let in.
            FromSwarm::ListenFailure(failed) => {
                self.connections.remove(&failed.connection_id);
            }
            FromSwarm::DialFailure(failed) => {
                self.connections.remove(&failed.connection_id);
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        _: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::record;
    use std::time::Duration;

    fn peer(seed: u8) -> PeerId {
        identity::peer_of(&record(seed).signer).unwrap()
    }

    #[test]
    fn a_ban_ends_and_the_table_of_bans_is_bounded() {
        let now = Instant::now();
        let mut gate = Gate::default();
        gate.ban(peer(1), now + Duration::from_secs(5));
        assert_eq!(gate.check(&peer(1), None, now), Err(Refusal::Banned));
        assert_eq!(gate.check(&peer(1), None, now + Duration::from_secs(5)), Ok(()));
        for _ in 0..BANS_MAX + 10 {
            gate.ban(PeerId::random(), now + Duration::from_secs(9));
        }
        assert_eq!(gate.banned.len(), BANS_MAX);
        assert_eq!(gate.check(&peer(1), None, now), Ok(()));
        gate.forget_old(now + Duration::from_secs(9));
        assert!(gate.banned.is_empty());
    }

    #[test]
    fn one_address_gets_so_many_connections_and_loopback_any() {
        let now = Instant::now();
        let mut gate = Gate::default();
        let origin = |text: &str| Origin::of(None, &text.parse().unwrap());
        let public = origin("/ip4/198.51.100.1/tcp/1");
        let local = origin("/ip4/127.0.0.1/tcp/1");
        for number in 0..PER_ADDRESS_MAX {
            gate.admit(ConnectionId::new_unchecked(number), &peer(1), public).unwrap();
            gate.admit(ConnectionId::new_unchecked(1000 + number), &peer(1), local).unwrap();
        }
        assert_eq!(gate.check(&peer(2), public, now), Err(Refusal::Address));
        assert_eq!(gate.check(&peer(2), local, now), Ok(()));
    }

    #[test]
    fn a_circuit_counts_to_its_relay_and_to_no_address() {
        let now = Instant::now();
        let mut gate = Gate::default();
        let slot: Multiaddr =
            format!("/ip4/198.51.100.1/tcp/1/p2p/{}/p2p-circuit", peer(1)).parse().unwrap();
        let source: Multiaddr = format!("/p2p/{}", peer(3)).parse().unwrap();
        let (inbound, outbound) = (Origin::of(Some(&slot), &source), Origin::of(None, &slot));
        assert_eq!(inbound, Some(Origin::Relay(peer(1))));
        assert_eq!(inbound, outbound);
        for number in 0..PER_RELAY_MAX {
            gate.admit(ConnectionId::new_unchecked(number), &peer(3), inbound).unwrap();
        }
        assert_eq!(gate.check(&peer(2), outbound, now), Err(Refusal::Relay));
        let relay_itself = Origin::of(None, &"/ip4/198.51.100.1/tcp/1".parse().unwrap());
        assert_eq!(gate.check(&peer(1), relay_itself, now), Ok(()));
    }

    #[test]
    fn a_connected_peer_has_itself_dialed_again_only_so_often_and_never_here() {
        let now = Instant::now();
        let mut gate = Gate::new(false);
        let public: Vec<Multiaddr> = vec!["/ip4/198.51.100.1/tcp/1".parse().unwrap()];
        let local = [public[0].clone(), "/ip4/127.0.0.1/tcp/1".parse().unwrap()];
        assert_eq!(gate.redial(&peer(1), &local, now), Ok(()), "discovery filters its own dials");
        gate.on_established(peer(1), now);
        gate.on_established(peer(1), now);
        assert_eq!(gate.redial(&peer(1), &local, now), Err(Refusal::Loopback));
        let granted = (0..100).filter(|_| gate.redial(&peer(1), &public, now).is_ok()).count();
        assert_eq!(granted, 6);
        assert_eq!(gate.redial(&peer(1), &public, now), Err(Refusal::Redial));
        let later = now + Duration::from_secs_f64(1.0 / REDIAL_PER_SECOND);
        assert_eq!(gate.redial(&peer(1), &public, later), Ok(()));
        gate.on_closed(&peer(1));
        assert_eq!(gate.known.len(), 1);
        gate.on_closed(&peer(1));
        assert!(gate.known.is_empty());
    }

    #[test]
    fn other_keys_are_refused() {
        let mut bytes = vec![0x12, 0x20];
        bytes.extend([5; 32]);
        let hashed = PeerId::from_bytes(&bytes).unwrap();
        assert_eq!(Gate::default().check(&hashed, None, Instant::now()), Err(Refusal::Key));
    }
}
