//! Who may connect at all: ed25519 keys, not banned, and not too many from one address.

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

use crate::config::ip_of;
use crate::identity;

/// Connections from one address that is not loopback: a site behind one router, not a swarm of keys.
pub const PER_ADDRESS_MAX: usize = 32;
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
}

/// The gate. It sends nothing itself.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    banned: HashMap<PeerId, Instant>,
    /// Bounded by the limit on established connections.
    connections: HashMap<ConnectionId, IpAddr>,
}

impl Gate {
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

    fn check(&self, peer: &PeerId, remote: Option<IpAddr>, now: Instant) -> Result<(), Refusal> {
        if identity::hotkey_of(peer).is_none() {
            return Err(Refusal::Key);
        }
        if self.banned.get(peer).is_some_and(|until| *until > now) {
            return Err(Refusal::Banned);
        }
        let Some(remote) = remote.filter(|ip| !ip.is_loopback()) else { return Ok(()) };
        if self.connections.values().filter(|ip| **ip == remote).count() >= PER_ADDRESS_MAX {
            return Err(Refusal::Address);
        }
        Ok(())
    }

    fn admit(
        &mut self,
        connection: ConnectionId,
        peer: &PeerId,
        remote: &Multiaddr,
    ) -> Result<dummy::ConnectionHandler, ConnectionDenied> {
        let ip = ip_of(remote);
        self.check(peer, ip, Instant::now()).map_err(ConnectionDenied::new)?;
        if let Some(ip) = ip {
            self.connections.insert(connection, ip);
        }
        Ok(dummy::ConnectionHandler)
    }
}

impl NetworkBehaviour for Gate {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.admit(connection, &peer, remote)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        remote: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.admit(connection, &peer, remote)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionClosed(closed) => {
                self.connections.remove(&closed.connection_id);
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
        let public: Multiaddr = "/ip4/198.51.100.1/tcp/1".parse().unwrap();
        let local: Multiaddr = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
        for number in 0..PER_ADDRESS_MAX {
            gate.admit(ConnectionId::new_unchecked(number), &peer(1), &public).unwrap();
            gate.admit(ConnectionId::new_unchecked(1000 + number), &peer(1), &local).unwrap();
        }
        assert_eq!(gate.check(&peer(2), ip_of(&public), now), Err(Refusal::Address));
        assert_eq!(gate.check(&peer(2), ip_of(&local), now), Ok(()));
    }

    #[test]
    fn other_keys_are_refused() {
        let mut bytes = vec![0x12, 0x20];
        bytes.extend([5; 32]);
        let hashed = PeerId::from_bytes(&bytes).unwrap();
        assert_eq!(Gate::default().check(&hashed, None, Instant::now()), Err(Refusal::Key));
    }
}
