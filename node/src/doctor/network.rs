//! Ports of this node, addresses that others see, and the nodes that it begins with.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::time::Duration;

use ed25519_dalek::SigningKey;
use ganglion_p2p as p2p;
use multiaddr::{Multiaddr, Protocol};

use super::machine::PATIENCE;
use super::{Patient, Report};
use crate::config::Address;
use crate::fault::Code;
use crate::keys::peer_id;

/// A host and a TCP port of a multiaddr.
struct Place {
    host: String,
    port: u16,
    peer: Option<String>,
}

impl Place {
    fn of(address: &Address) -> Option<Self> {
        let parsed: Multiaddr = address.as_str().parse().ok()?;
        let (mut host, mut port, mut peer) = (None, None, None);
        for protocol in &parsed {
            match protocol {
                Protocol::Ip4(ip) => host = Some(ip.to_string()),
                Protocol::Ip6(ip) => host = Some(ip.to_string()),
                Protocol::Dns(name) | Protocol::Dns4(name) | Protocol::Dns6(name) => {
                    host = Some(name.into_owned());
                }
                Protocol::Tcp(number) => port = Some(number),
                Protocol::P2p(id) => peer = Some(id.to_base58()),
                _ => {}
            }
        }
        Some(Self { host: host?, port: port?, peer })
    }

    fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.ip().is_some_and(|ip| ip.is_loopback())
    }
}

fn places(addresses: &[Address]) -> Vec<Place> {
    addresses.iter().filter_map(Place::of).collect()
}

/// Whether everybody can reach it, as far as its kind says.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            let shared = a == 100 && (64..128).contains(&b);
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_unspecified()
                || shared)
        }
        IpAddr::V6(ip) => {
            !(ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unique_local()
                || ip.is_unicast_link_local())
        }
    }
}

/// Whether others can find this node at what it says.
pub(super) fn addresses(patient: &Patient, report: &mut Report) {
    let config = &patient.config;
    if !config.api.ip().is_loopback() {
        report.warning(
            Code::API_OPEN,
            format!("the API is open to other machines at {}", config.api),
        );
    }
    let (listen, external) = (places(&config.listen), places(&config.external));
    let far: Vec<Place> =
        places(&config.bootnodes).into_iter().filter(|place| !place.is_loopback()).collect();
    if far.is_empty() {
        return;
    }
    if listen.iter().all(Place::is_loopback) && external.is_empty() {
        report.warning(
            Code::LISTEN_LOOPBACK,
            "the bootnodes are on other machines, and this node listens to its own machine only",
        );
        return;
    }
    for place in &external {
        if place.ip().is_some_and(|ip| !is_public(ip))
            && far.iter().any(|far| far.ip().is_some_and(is_public))
        {
            report.warning(
                Code::EXTERNAL_PRIVATE,
                format!("`external` tells others {}, which is no public address", place.host),
            );
        }
    }
    if external.is_empty()
        && let Some(own) =
            far.iter().filter_map(Place::ip).filter(|ip| is_public(*ip)).find_map(toward)
        && !is_public(own)
    {
        report.warning(
            Code::NAT,
            format!(
                "this machine is {own} in its own network: others reach it through relays at best"
            ),
        );
    }
}

/// Own address on the way to another one. Nothing is sent: the system only looks for the way.
fn toward(far: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = if far.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((far, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Whether the node could listen; only for one that does not run.
pub(super) fn ports(patient: &Patient, report: &mut Report) {
    if patient.held.is_some() {
        return;
    }
    let before = report.findings.len();
    // Held until all are tried, so that two settings with one port are seen.
    let mut held = Vec::new();
    for place in places(&patient.config.listen) {
        let Some(ip) = place.ip() else { continue };
        bind(SocketAddr::new(ip, place.port), "listen", &mut held, report);
    }
    bind(patient.config.api, "api", &mut held, report);
    if report.findings.len() == before {
        report.good("ports", "the node can listen where it is told to");
    }
}

fn bind(address: SocketAddr, flag: &str, held: &mut Vec<TcpListener>, report: &mut Report) {
    let error = match TcpListener::bind(address) {
        Ok(listener) => return held.push(listener),
        Err(error) => error,
    };
    let (code, cure) = match error.kind() {
        ErrorKind::AddrInUse => (
            Code::PORT_TAKEN,
            format!(
                "Stop the process that listens there (`ss -ltnp 'sport = :{}'` names it), or set another \
                 address with --{flag}.",
                address.port()
            ),
        ),
        ErrorKind::AddrNotAvailable => (
            Code::ADDRESS_FOREIGN,
            format!(
                "Set --{flag} to an address of this machine (`ip address`), or to 0.0.0.0; what others \
                 should be told goes into --external."
            ),
        ),
        _ => (
            Code::PORT_FORBIDDEN,
            format!("Set --{flag} to a port from 1024 on, or allow this user the port."),
        ),
    };
    report.error_cured(code, format!("cannot listen at {address}: {error}"), cure);
}

/// What became of a try to reach a bootnode.
enum Reached {
    /// It is who it should be.
    Yes,
    /// No such name, or nobody at the address.
    No(String),
    /// Somebody is there.
    Stranger,
}

/// Whether somebody is there to begin with, by connecting as a node would, with a key that nobody knows.
pub(super) async fn bootnodes(patient: &Patient, report: &mut Report) {
    let config = &patient.config;
    if config.bootnodes.is_empty() {
        let others = patient.manifest.participants.iter();
        let alone = others.filter(|one| Some(one.hotkey) != patient.hotkey()).count() == 0;
        if !alone && patient.certified.is_none() {
            report.warning(
                Code::NO_BOOTNODES,
                "there are no bootnodes, and this node knows nobody yet: it waits until others connect to it",
            );
        }
        return;
    }
    let own = patient.hotkey().map(|hotkey| peer_id(&hotkey).to_base58());
    let mut reached = 0;
    let mut failed = Vec::new();
    for address in &config.bootnodes {
        let Some(place) = Place::of(address) else { continue };
        if place.peer.is_some() && place.peer == own {
            report.note("bootnode-self", format!("bootnode {address} is this node itself"));
            continue;
        }
        if !patient.online {
            continue;
        }
        match reach(patient, address, &place).await {
            Reached::Yes => reached += 1,
            Reached::No(reason) => failed.push((
                Code::BOOTNODE_UNREACHABLE,
                format!("bootnode {address} does not answer: {reason}"),
            )),
            Reached::Stranger => failed.push((
                Code::BOOTNODE_STRANGER,
                format!(
                    "somebody answers at {}:{}, and it is no node of this subnet with that peer id",
                    place.host, place.port
                ),
            )),
        }
    }
    if reached > 0 {
        report.good("bootnodes", format!("{reached} of {} answer", config.bootnodes.len()));
    }
    for (code, sentence) in failed {
        if reached > 0 {
            report.warning(code, sentence);
        } else {
            report.error(code, sentence);
        }
    }
}

async fn reach(patient: &Patient, address: &Address, place: &Place) -> Reached {
    if let Err(reason) = connect(place) {
        return Reached::No(reason);
    }
    let mut secret = [0; 32];
    if getrandom::fill(&mut secret).is_err() {
        return Reached::No("no random number for a key".into());
    }
    let settings = p2p::Config {
        bootnodes: vec![address.as_str().to_owned()],
        discover: false,
        ..p2p::Config::new(SigningKey::from_bytes(&secret), patient.manifest.subnet_id())
    };
    let Ok((network, mut events)) = p2p::start(settings).await else {
        return Reached::No("the network does not start".into());
    };
    let met = async {
        while let Some(event) = events.recv().await {
            if let p2p::Event::Connected { .. } = event {
                return true;
            }
        }
        false
    };
    let met = tokio::time::timeout(PATIENCE, met).await.unwrap_or(false);
    network.shutdown();
    if met { Reached::Yes } else { Reached::Stranger }
}

/// A connection that is closed at once.
fn connect(place: &Place) -> Result<(), String> {
    let addresses = (place.host.as_str(), place.port).to_socket_addrs();
    let addresses = addresses.map_err(|error| format!("its name does not resolve: {error}"))?;
    let mut reason = "its name has no address".to_owned();
    for address in addresses.take(4) {
        match TcpStream::connect_timeout(&address, Duration::from_secs(3)) {
            Ok(_) => return Ok(()),
            Err(error) => reason = error.to_string(),
        }
    }
    Err(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_known() {
        let public = |text: &str| is_public(text.parse().unwrap());
        for text in ["8.8.8.8", "100.128.0.1", "172.32.0.1", "2606:4700::1"] {
            assert!(public(text), "{text}");
        }
        for text in [
            "10.1.2.3",
            "192.168.0.1",
            "172.16.0.1",
            "127.0.0.1",
            "100.64.0.1",
            "169.254.1.1",
            "::1",
            "fd00::1",
            "0.0.0.0",
        ] {
            assert!(!public(text), "{text}");
        }
    }
}
