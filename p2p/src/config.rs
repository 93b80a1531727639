//! What a node tells this crate, checked once.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};

use ed25519_dalek::SigningKey;
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};

use ganglion_types::{Item, SubnetId, limits, sign};

/// Peers at most, if nothing else is said. A gossip mesh needs about 8; the rest is redundancy, and
/// 64 connections cost 6 MiB.
pub const MAX_PEERS: usize = 64;
/// Largest `max_peers`: the sums of the limits in this crate assume it.
pub const MAX_PEERS_MOST: usize = 512;
/// Bootnodes that one node may name.
pub const BOOTNODES_MAX: usize = 32;

/// What is known beforehand of the way from others to this node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nat {
    /// Nothing: peers are asked to connect back (`AutoNAT`), once they are connected.
    #[default]
    Auto,
    /// Others cannot connect to it. It takes slots at relays at once and asks nobody.
    Behind,
    /// Others can connect to it. Nobody is asked.
    None,
}

/// Whether others may be reached through this node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Relay {
    /// While it is found to be reachable, or was given external addresses and not found otherwise.
    #[default]
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

/// How to join a subnet's network. Addresses are multiaddrs, as `/ip4/192.0.2.1/tcp/4001`.
#[derive(Clone)]
pub struct Config {
    /// The hotkey's secret: it authenticates every connection and signs the own peer record.
    pub key: SigningKey,
    /// The subnet. Nodes of others are not talked to.
    pub subnet: SubnetId,
    /// Where to listen. Default: a free TCP port of 127.0.0.1. Port 0 takes a free one.
    pub listen: Vec<String>,
    /// Addresses to tell others, at most 8. Empty (the default): those listened at; behind NAT or a
    /// load balancer they must be given.
    pub external: Vec<String>,
    /// Where to begin: addresses that end in `/p2p/<peer id>`, at most 32. Default: none.
    pub bootnodes: Vec<String>,
    /// Peer records from the own store. Expired ones are tried too, but not told to others.
    pub known: Vec<Item>,
    /// Peers at most, 1 to 512. Default: 64. Up to 16 more may connect for a moment, to learn records.
    pub max_peers: usize,
    /// Whether the own record says that every epoch is kept. Default: false.
    pub archive: bool,
    /// Whether to look for peers beyond `bootnodes` and `known`. Default: true. Without it nobody
    /// else is dialed, and Kademlia's routing table stays empty.
    pub discover: bool,
    /// Whether others can connect to this node. Default: found out.
    pub nat: Nat,
    /// Whether this node carries others' connections. Default: while it is reachable itself.
    pub relay: Relay,
}

impl Config {
    /// The defaults.
    #[must_use]
    pub fn new(key: SigningKey, subnet: SubnetId) -> Self {
        Self {
            key,
            subnet,
            listen: vec!["/ip4/127.0.0.1/tcp/0".into()],
            external: Vec::new(),
            bootnodes: Vec::new(),
            known: Vec::new(),
            max_peers: MAX_PEERS,
            archive: false,
            discover: true,
            nat: Nat::Auto,
            relay: Relay::Auto,
        }
    }
}

impl fmt::Debug for Config {
    /// Leaves the secret out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("hotkey", &sign::hotkey_of(&self.key))
            .field("subnet", &self.subnet)
            .field("listen", &self.listen)
            .field("external", &self.external)
            .field("bootnodes", &self.bootnodes)
            .field("known", &self.known.len())
            .field("max_peers", &self.max_peers)
            .field("archive", &self.archive)
            .field("discover", &self.discover)
            .field("nat", &self.nat)
            .field("relay", &self.relay)
            .finish_non_exhaustive()
    }
}

/// Why the network did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address that cannot be used.
    #[error("{role} address {address:?} {rule}; write it as {example}")]
    BadAddress {
        /// `listen`, `external` or `bootnode`.
        role: &'static str,
        /// What was given.
        address: String,
        /// What is wrong with it.
        rule: &'static str,
        /// A good one.
        example: &'static str,
    },
    /// A setting out of range.
    #[error("{field} must be {rule}, not {value}")]
    OutOfRange {
        /// Name of the setting.
        field: &'static str,
        /// Its range.
        rule: &'static str,
        /// What was given.
        value: usize,
    },
    /// Another process listens there.
    #[error(
        "{address} is already in use: stop the process that listens there or choose another port"
    )]
    PortTaken {
        /// The address.
        address: String,
    },
    /// The operating system refused to listen there.
    #[error("cannot listen at {address}: is it an address of this host, and is the port allowed?")]
    Listen {
        /// The address.
        address: String,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// The transport could not be set up.
    #[error("the transport could not be set up")]
    Transport(#[source] io::Error),
}

/// A configuration that holds.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) config: Config,
    pub(crate) listen: Vec<Multiaddr>,
    pub(crate) external: Vec<Multiaddr>,
    pub(crate) bootnodes: Vec<(PeerId, Multiaddr)>,
    /// Whether loopback addresses of others mean anything here.
    pub(crate) loopback: bool,
}

impl Checked {
    pub(crate) fn new(config: Config) -> Result<Self, StartError> {
        within("max_peers", "1 to 512", config.max_peers, 1, MAX_PEERS_MOST)?;
        within(
            "external addresses",
            "at most 8",
            config.external.len(),
            0,
            limits::PEER_ADDRESSES,
        )?;
        within("bootnodes", "at most 32", config.bootnodes.len(), 0, BOOTNODES_MAX)?;
        within("listen addresses", "1 to 8", config.listen.len(), 1, limits::PEER_ADDRESSES)?;
        let listen = config
            .listen
            .iter()
            .map(|text| plain("listen", text))
            .collect::<Result<Vec<_>, _>>()?;
        let external = config
            .external
            .iter()
            .map(|text| plain("external", text))
            .collect::<Result<Vec<_>, _>>()?;
        let bootnodes =
            config.bootnodes.iter().map(|text| bootnode(text)).collect::<Result<Vec<_>, _>>()?;
        let all =
            listen.iter().chain(&external).chain(bootnodes.iter().map(|(_, address)| address));
        let loopback = all.into_iter().any(is_loopback);
        Ok(Self { config, listen, external, bootnodes, loopback })
    }
}

fn within(
    field: &'static str,
    rule: &'static str,
    value: usize,
    least: usize,
    most: usize,
) -> Result<(), StartError> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(StartError::OutOfRange { field, rule, value })
    }
}

fn plain(role: &'static str, text: &str) -> Result<Multiaddr, StartError> {
    let example = "/ip4/192.0.2.1/tcp/4001";
    let bad = |rule| StartError::BadAddress { role, address: text.into(), rule, example };
    if text.len() > limits::ADDRESS_BYTES {
        return Err(bad("is longer than 256 bytes"));
    }
    let address: Multiaddr = text.parse().map_err(|_| bad("is not a multiaddr"))?;
    match parts(&address) {
        Some((_, None)) => Ok(address),
        Some((_, Some(_))) => Err(bad("must not end in a peer id")),
        None => Err(bad("is not a host and a TCP port")),
    }
}

fn bootnode(text: &str) -> Result<(PeerId, Multiaddr), StartError> {
    let example = "/ip4/192.0.2.1/tcp/4001/p2p/12D3KooW...";
    let bad =
        |rule| StartError::BadAddress { role: "bootnode", address: text.into(), rule, example };
    let address: Multiaddr = text.parse().map_err(|_| bad("is not a multiaddr"))?;
    match parts(&address) {
        Some((address, Some(peer))) if crate::identity::hotkey_of(&peer).is_some() => {
            Ok((peer, address))
        }
        Some((_, Some(_))) => Err(bad("names a peer whose key is not ed25519")),
        Some((_, None)) => Err(bad("must end in /p2p/ and the bootnode's peer id")),
        None => Err(bad("is not a host and a TCP port")),
    }
}

/// Splits host and port from a trailing peer id; `None` if a transport we lack is named.
pub(crate) fn parts(address: &Multiaddr) -> Option<(Multiaddr, Option<PeerId>)> {
    let mut base = Multiaddr::empty();
    let mut protocols = address.iter().peekable();
    match protocols.next()? {
        host @ (Protocol::Ip4(_)
        | Protocol::Ip6(_)
        | Protocol::Dns(_)
        | Protocol::Dns4(_)
        | Protocol::Dns6(_)) => base.push(host),
        _ => return None,
    }
    match protocols.next()? {
        port @ Protocol::Tcp(_) => base.push(port),
        port @ Protocol::Udp(_) if cfg!(feature = "quic") => {
            base.push(port);
            let Protocol::QuicV1 = protocols.next()? else { return None };
            base.push(Protocol::QuicV1);
        }
        _ => return None,
    }
    let peer = match protocols.next() {
        None => None,
        Some(Protocol::P2p(peer)) => Some(peer),
        Some(_) => return None,
    };
    protocols.next().is_none().then_some((base, peer))
}

/// The IP address an address begins with.
pub(crate) fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(ip.into()),
        Protocol::Ip6(ip) => Some(ip.into()),
        _ => None,
    }
}

pub(crate) fn is_loopback(address: &Multiaddr) -> bool {
    ip_of(address).is_some_and(|ip| ip.is_loopback())
}

/// Fails if another socket listens at `address`.
///
/// libp2p listens with `SO_REUSEPORT`, so a second node of the same user at the same port would start
/// without a word and take half of the connections. A listener without that option tells.
pub(crate) fn probe_port(address: &Multiaddr) -> Result<(), StartError> {
    let mut protocols = address.iter();
    let (Some(ip), Some(Protocol::Tcp(port))) = (ip_of(address), protocols.nth(1)) else {
        return Ok(());
    };
    if port == 0 {
        return Ok(());
    }
    match TcpListener::bind(SocketAddr::new(ip, port)) {
        Ok(_) => Ok(()),
        Err(error) => Err(listen_error(address, error)),
    }
}

pub(crate) fn listen_error(address: &Multiaddr, source: io::Error) -> StartError {
    let address = address.to_string();
    if source.kind() == io::ErrorKind::AddrInUse {
        StartError::PortTaken { address }
    } else {
        StartError::Listen { address, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::new(SigningKey::from_bytes(&[3; 32]), SubnetId::new([1; 32]))
    }

    #[test]
    fn the_defaults_hold_and_listen_on_loopback() {
        let checked = Checked::new(config()).unwrap();
        assert!(checked.loopback);
        assert!(checked.bootnodes.is_empty());
    }

    #[test]
    fn a_bad_address_names_its_role_and_shows_a_good_one() {
        type Change = dyn Fn(&mut Config);
        let cases: [(&str, &Change); 6] = [
            ("not a multiaddr", &|c| c.listen = vec!["127.0.0.1:4001".into()]),
            ("not a host and a TCP port", &|c| c.listen = vec!["/ip4/127.0.0.1/udp/4001".into()]),
            ("must end in /p2p/", &|c| c.bootnodes = vec!["/ip4/127.0.0.1/tcp/4001".into()]),
            ("not a multiaddr", &|c| c.bootnodes = vec!["/ip4/127.0.0.1/tcp/1/p2p/xyz".into()]),
            ("not a host", &|c| c.external = vec!["/unix/tmp".into()]),
            ("longer than 256", &|c| c.external = vec![format!("/dns/{}/tcp/1", "a".repeat(300))]),
        ];
        for (rule, change) in cases {
            let mut config = config();
            change(&mut config);
            let text = Checked::new(config).unwrap_err().to_string();
            assert!(text.contains(rule) && text.contains("write it as"), "{text}");
        }
    }

    #[test]
    fn the_secret_is_not_shown() {
        let text = format!("{:?}", config());
        assert!(!text.contains("SigningKey") && !text.contains("[3, 3"), "{text}");
    }

    #[test]
    fn ranges_are_checked() {
        for max_peers in [0, 513] {
            let error = Checked::new(Config { max_peers, ..config() }).unwrap_err();
            assert!(matches!(error, StartError::OutOfRange { field: "max_peers", .. }));
        }
        assert!(Checked::new(Config { listen: Vec::new(), ..config() }).is_err());
    }
}
