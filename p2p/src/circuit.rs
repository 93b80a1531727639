//! Addresses as others write them: a place of their own, or a slot at a relay.
//!
//! ```text
//! /ip4/192.0.2.1/tcp/4001[/p2p/PEER]                          direct
//! /ip4/192.0.2.1/tcp/4001/p2p/RELAY/p2p-circuit[/p2p/PEER]    circuit
//! ```

use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};

use crate::config::parts;
use crate::identity;

/// What an address is, without the peer it may end in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Host and port, and the peer named there.
    Direct(Multiaddr, Option<PeerId>),
    /// Up to `/p2p-circuit`, the relay, and the peer named behind it.
    Circuit { address: Multiaddr, relay: PeerId, peer: Option<PeerId> },
    /// A transport that this build lacks.
    Unknown,
    /// No honest node writes it: a circuit in a circuit, without a relay that could be one, or to
    /// something else than a peer.
    Bad,
}

/// Reads an address of at most 256 bytes.
pub(crate) fn read(address: &Multiaddr) -> Form {
    let mut halves = address.iter();
    let head: Multiaddr =
        halves.by_ref().take_while(|part| *part != Protocol::P2pCircuit).collect();
    if head.len() == address.len() {
        return parts(address).map_or(Form::Unknown, |(base, peer)| Form::Direct(base, peer));
    }
    let peer = match (halves.next(), halves.next()) {
        (None, _) => None,
        (Some(Protocol::P2p(peer)), None) => Some(peer),
        _ => return Form::Bad,
    };
    let Some(Protocol::P2p(relay)) = head.iter().last() else { return Form::Bad };
    if identity::hotkey_of(&relay).is_none() || peer == Some(relay) {
        return Form::Bad;
    }
    match parts(&head) {
        Some((base, _)) => Form::Circuit { address: through(base, relay), relay, peer },
        None => Form::Unknown,
    }
}

/// The address of a slot at `relay`, which is reached at `base`.
pub(crate) fn through(base: Multiaddr, relay: PeerId) -> Multiaddr {
    base.with(Protocol::P2p(relay)).with(Protocol::P2pCircuit)
}

/// Whether a connection with this address goes through a relay.
pub(crate) fn is_circuit(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::P2pCircuit)
}

/// The relay of a circuit.
pub(crate) fn relay_of(address: &Multiaddr) -> Option<PeerId> {
    let mut before = None;
    for part in address {
        match part {
            Protocol::P2pCircuit => return before,
            Protocol::P2p(peer) => before = Some(peer),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::record;

    fn peer(seed: u8) -> PeerId {
        identity::peer_of(&record(seed).signer).unwrap()
    }

    fn form(text: &str) -> Form {
        read(&text.parse().unwrap())
    }

    #[test]
    fn circuits_are_read_with_and_without_their_peer() {
        let relay = peer(1);
        for host in ["ip4/192.0.2.1", "ip6/2001:db8::1", "dns/relay.example", "dns4/a.example"] {
            let text = format!("/{host}/tcp/4001/p2p/{relay}/p2p-circuit");
            let address: Multiaddr = text.parse().unwrap();
            assert_eq!(form(&text), Form::Circuit { address: address.clone(), relay, peer: None });
            assert_eq!(relay_of(&address), Some(relay));
            let named = format!("{text}/p2p/{}", peer(2));
            assert_eq!(form(&named), Form::Circuit { address, relay, peer: Some(peer(2)) });
        }
        let direct = "/ip4/192.0.2.1/tcp/4001";
        assert_eq!(form(direct), Form::Direct(direct.parse().unwrap(), None));
        assert_eq!(relay_of(&format!("{direct}/p2p/{relay}").parse().unwrap()), None);
    }

    #[test]
    fn hostile_circuits_are_refused() {
        let (relay, other) = (peer(1), peer(2));
        let mut hashed = vec![0x12, 0x20];
        hashed.extend([5; 32]);
        let hashed = PeerId::from_bytes(&hashed).unwrap();
        let place = "/ip4/192.0.2.1/tcp/4001";
        for text in [
            format!("{place}/p2p/{relay}/p2p-circuit/p2p/{other}/p2p-circuit"),
            format!("{place}/p2p/{relay}/p2p-circuit/p2p-circuit"),
            format!("{place}/p2p/{relay}/p2p-circuit/p2p/{other}/p2p/{other}"),
            format!("{place}/p2p/{relay}/p2p-circuit/ip4/127.0.0.1/tcp/1"),
            format!("{place}/p2p/{relay}/p2p-circuit/p2p/{relay}"),
            format!("{place}/p2p/{hashed}/p2p-circuit"),
            format!("{place}/p2p-circuit"),
            "/p2p-circuit".to_owned(),
        ] {
            assert_eq!(form(&text), Form::Bad, "{text}");
        }
    }

    #[test]
    fn a_relay_over_a_transport_that_is_missing_is_no_fault() {
        let relay = peer(1);
        for text in [
            format!("/ip4/192.0.2.1/udp/1/webrtc-direct/p2p/{relay}/p2p-circuit"),
            format!("/p2p/{relay}/p2p-circuit"),
            "/unix/tmp".to_owned(),
        ] {
            assert_eq!(form(&text), Form::Unknown, "{text}");
        }
    }
}
