//! What libp2p's own protocols are kept from: peers that are not known to be of this subnet.
//!
//! The names of the relay, `AutoNAT` and hole punch protocols are fixed and do not carry the subnet, so a
//! stranger could use them until `identify` tells who it is. What it asks for waits here until then.

use std::collections::{HashMap, HashSet};
use std::task::{Context, Poll};

use futures::ready;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};

use crate::circuit::is_circuit;

/// Events of one connection that wait until its peer said who it is; more are dropped.
pub const HELD_MAX: usize = 4;

/// A protocol that only members see.
pub(crate) struct Shield<B: NetworkBehaviour> {
    inner: B,
    /// Whether it is told of addresses that others make up, and tells of some: where they say they see us, and circuits.
    candidates: bool,
    members: HashSet<PeerId>,
    /// Bounded by the limit on established connections.
    held: HashMap<ConnectionId, (PeerId, Vec<THandlerOutEvent<B>>)>,
}

impl<B: NetworkBehaviour> Shield<B> {
    pub(crate) fn new(inner: B, candidates: bool) -> Self {
        Self { inner, candidates, members: HashSet::new(), held: HashMap::new() }
    }

    pub(crate) fn inner_mut(&mut self) -> &mut B {
        &mut self.inner
    }

    /// Lets a connected peer of this subnet in, with what it asked for meanwhile.
    pub(crate) fn admit(&mut self, peer: PeerId) {
        if !self.members.insert(peer) {
            return;
        }
        for (connection, (_, events)) in self.held.extract_if(|_, (of, _)| *of == peer) {
            for event in events {
                self.inner.on_connection_handler_event(peer, connection, event);
            }
        }
    }
}

impl<B: NetworkBehaviour> NetworkBehaviour for Shield<B> {
    type ConnectionHandler = B::ConnectionHandler;
    type ToSwarm = B::ToSwarm;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.inner.handle_pending_inbound_connection(connection, local, remote)
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_inbound_connection(connection, peer, local, remote)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        self.inner.handle_pending_outbound_connection(connection, peer, addresses, role)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        remote: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_outbound_connection(connection, peer, remote, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match &event {
            FromSwarm::NewExternalAddrCandidate(_) if !self.candidates => return,
            FromSwarm::NewListenAddr(new) if !self.candidates && is_circuit(new.addr) => return,
            FromSwarm::ConnectionClosed(closed) => {
                self.held.remove(&closed.connection_id);
                if closed.remaining_established == 0 {
                    self.members.remove(&closed.peer_id);
                }
            }
            _ => {}
        }
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        if self.members.contains(&peer) {
            return self.inner.on_connection_handler_event(peer, connection, event);
        }
        let (_, held) = self.held.entry(connection).or_insert_with(|| (peer, Vec::new()));
        if held.len() < HELD_MAX {
            held.push(event);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<B::ToSwarm, THandlerInEvent<Self>>> {
        loop {
            match ready!(self.inner.poll(cx)) {
                // Where a dial back got through is what its peer says.
                ToSwarm::ExternalAddrConfirmed(_) if !self.candidates => {}
                other => return Poll::Ready(other),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::task::noop_waker;
    use libp2p::core::ConnectedPoint;
    use libp2p::ping;
    use libp2p::swarm::behaviour::ConnectionClosed;

    use super::*;

    fn events(shield: &mut Shield<ping::Behaviour>) -> usize {
        let waker = noop_waker();
        let mut cx = Context::from_waker(&waker);
        std::iter::from_fn(|| shield.poll(&mut cx).is_ready().then_some(())).count()
    }

    fn ask(shield: &mut Shield<ping::Behaviour>, peer: PeerId, connection: usize) {
        let connection = ConnectionId::new_unchecked(connection);
        shield.on_connection_handler_event(peer, connection, Ok(Duration::ZERO));
    }

    fn close(shield: &mut Shield<ping::Behaviour>, peer_id: PeerId, connection: usize) {
        let here: Multiaddr = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
        let endpoint = ConnectedPoint::Listener { local_addr: here.clone(), send_back_addr: here };
        shield.on_swarm_event(FromSwarm::ConnectionClosed(ConnectionClosed {
            peer_id,
            connection_id: ConnectionId::new_unchecked(connection),
            endpoint: &endpoint,
            cause: None,
            remaining_established: 0,
        }));
    }

    #[test]
    fn what_a_stranger_asks_waits_until_it_is_a_member_and_no_longer_than_its_connection() {
        let mut shield = Shield::new(ping::Behaviour::default(), false);
        let (member, stranger) = (PeerId::random(), PeerId::random());
        for _ in 0..HELD_MAX + 3 {
            ask(&mut shield, member, 1);
            ask(&mut shield, stranger, 2);
        }
        assert_eq!(events(&mut shield), 0);
        shield.admit(member);
        assert_eq!(events(&mut shield), HELD_MAX);
        ask(&mut shield, member, 1);
        assert_eq!(events(&mut shield), 1);
        close(&mut shield, stranger, 2);
        shield.admit(stranger);
        assert_eq!(events(&mut shield), 0);
        close(&mut shield, member, 1);
        ask(&mut shield, member, 3);
        assert_eq!(events(&mut shield), 0);
    }
}
