//! Connections that come and go: the first of a peer, one more of it, the last.

use std::time::Instant;

use libp2p::core::ConnectedPoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{ConnectionId, DialError};
use libp2p::{PeerId, ping};

use crate::config::parts;
use crate::handle::{Direction, Event};
use crate::metrics;
use crate::peers::{Link, SETTLED, Way};
use crate::service::Service;

/// Pings without an answer, 20 s each, after which a connection is dead.
const PINGS_MISSED: u8 = 2;

impl Service {
    pub(crate) fn on_established(
        &mut self,
        peer: PeerId,
        id: ConnectionId,
        endpoint: &ConnectedPoint,
        now: Instant,
    ) {
        metrics::connection("established");
        let dialer = endpoint.is_dialer();
        let direction = if dialer { Direction::Outbound } else { Direction::Inbound };
        let dialed = dialer.then(|| parts(endpoint.get_remote_address())).flatten();
        let dialed = dialed.map(|(base, _)| base);
        let link = Link { id, way: Way::of(endpoint), since: now, dialed };
        if self.peers.on_connected(peer, direction, now) {
            self.on_link(peer, link);
            self.on_connected(peer, direction);
        } else if matches!(endpoint, ConnectedPoint::Dialer { port_use: PortUse::New, .. }) {
            // Dialed for its `AutoNAT` only, from a port that nothing else uses. It got through.
            self.swarm.close_connection(id);
        } else {
            self.on_second_connection(peer, direction, link, now);
        }
    }

    fn on_connected(&mut self, peer: PeerId, direction: Direction) {
        metrics::peers_connected(self.peers.connected_count());
        if let Some(held) = self.peers.get(&peer) {
            let hotkey = held.hotkey;
            self.outbox.deliver(Event::Connected { peer: hotkey });
        }
        // The other end learns our record from the question.
        if direction == Direction::Outbound {
            self.ask_records(peer);
        }
        self.renew_snapshot();
    }

    /// Two that dial each other at once keep both connections, and a relayed one is followed by a direct one. Else,
    /// long after the first, a second one from the peer means that it restarted and its old connection is dead:
    /// gossipsub tells its subscriptions on a first connection only, so both are closed and begun anew.
    fn on_second_connection(
        &mut self,
        peer: PeerId,
        direction: Direction,
        link: Link,
        now: Instant,
    ) {
        let first = self.peers.get(&peer).and_then(|peer| peer.connected.as_ref());
        let settled =
            first.is_some_and(|first| now.saturating_duration_since(first.since) >= SETTLED);
        let relayed = link.way == Way::Relay || first.is_some_and(|first| first.direct().is_none());
        let asked_for = direction == Direction::Outbound || self.nat.is_probed_by(&peer, now);
        self.on_link(peer, link);
        if settled && !relayed && !asked_for {
            metrics::connection("restarted");
            let _ = self.swarm.disconnect_peer_id(peer);
        }
    }

    pub(crate) fn on_disconnected(&mut self, peer: PeerId, now: Instant) {
        self.peers.on_disconnected(&peer, now);
        self.on_relayed_gone(&peer);
        metrics::peers_connected(self.peers.connected_count());
        if let Some(held) = self.peers.get(&peer) {
            let hotkey = held.hotkey;
            self.outbox.deliver(Event::Disconnected { peer: hotkey });
        }
        self.renew_snapshot();
    }

    pub(crate) fn on_ping(&mut self, event: &ping::Event) {
        let held = self.peers.get_mut(&event.peer).and_then(|peer| peer.connected.as_mut());
        let Some(connected) = held else { return };
        match &event.result {
            Ok(rtt) => {
                connected.rtt = Some(*rtt);
                connected.pings_missed = 0;
            }
            Err(_) => {
                connected.pings_missed = connected.pings_missed.saturating_add(1);
                if connected.pings_missed >= PINGS_MISSED {
                    metrics::connection("ping_lost");
                    self.swarm.close_connection(event.connection);
                }
            }
        }
    }
}

pub(crate) fn dial_label(error: &DialError) -> &'static str {
    match error {
        DialError::Denied { .. } => "denied",
        DialError::WrongPeerId { .. } => "wrong_peer",
        DialError::DialPeerConditionFalse(_) => "already_connected",
        _ => "dial_failed",
    }
}
