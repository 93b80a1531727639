//! A public network, and nodes behind routers that translate addresses (NAT) and let nothing in.
//!
//! ```text
//!   bridge ── veth ── node 0: 11.77.0.1
//!          ├─ veth ── node 1: 11.77.0.2
//!          └─ veth ── router 2: 11.77.0.103, masquerade ── node 2: 192.168.1.2
//!   this program: 10.78.AT.1 ── veth ── 10.78.AT.2: the interface of each node
//! ```
//! The public addresses are of a range that `AutoNAT` takes for the internet; nothing leaves the namespaces, which
//! `namespaces` enters. Ports are kept in translation, so that peers see a node at the port it listens to; a `Strict`
//! router draws another for each destination, which no hole punch can foresee.

use std::net::Ipv4Addr;

use crate::namespaces::{call, ip, name};

/// Where a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Public,
    /// Behind a router that maps a port alike for all destinations.
    Behind,
    /// Behind one that does not.
    Strict,
}

/// The address at which a node listens.
pub(crate) fn address(at: usize, place: Place) -> Ipv4Addr {
    match place {
        Place::Public => Ipv4Addr::new(11, 77, 0, small(at + 1)),
        Place::Behind | Place::Strict => Ipv4Addr::new(192, 168, 1, 2),
    }
}

/// The address of a node's API, on a line of its own to this program.
pub(crate) fn control(at: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 78, small(at), 2)
}

fn small(number: usize) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

/// Makes the bridge, and for each node a namespace, its line to this program and its router.
pub(crate) fn build(places: &[Place]) -> anyhow::Result<()> {
    ip(&["link", "set", "lo", "up"])?;
    ip(&["link", "add", "bridge", "type", "bridge"])?;
    ip(&["link", "set", "bridge", "up"])?;
    for (at, place) in places.iter().enumerate() {
        let node = name(at);
        ip(&["netns", "add", &node])?;
        ip(&["-n", &node, "link", "set", "lo", "up"])?;
        line(at)?;
        match place {
            Place::Public => connect(at, &node, "eth0", &address(at, *place))?,
            Place::Behind | Place::Strict => behind(at, *place)?,
        }
    }
    Ok(())
}

/// Joins a namespace to the bridge.
fn connect(at: usize, namespace: &str, device: &str, host: &Ipv4Addr) -> anyhow::Result<()> {
    let outer = format!("veth{at}");
    ip(&["link", "add", &outer, "type", "veth", "peer", "name", device, "netns", namespace])?;
    ip(&["link", "set", &outer, "master", "bridge", "up"])?;
    assign(namespace, device, host)
}

fn assign(namespace: &str, device: &str, host: &Ipv4Addr) -> anyhow::Result<()> {
    ip(&["-n", namespace, "address", "add", &format!("{host}/24"), "dev", device])?;
    ip(&["-n", namespace, "link", "set", device, "up"])
}

/// The line of a node to this program. It leads nowhere else: the parent forwards nothing.
fn line(at: usize) -> anyhow::Result<()> {
    let (node, outer) = (name(at), format!("line{at}"));
    ip(&["link", "add", &outer, "type", "veth", "peer", "name", "line", "netns", &node])?;
    let host = Ipv4Addr::new(10, 78, small(at), 1);
    ip(&["address", "add", &format!("{host}/24"), "dev", &outer])?;
    ip(&["link", "set", &outer, "up"])?;
    assign(&node, "line", &control(at))
}

/// Puts a router between a node and the bridge.
fn behind(at: usize, place: Place) -> anyhow::Result<()> {
    let (node, router) = (name(at), format!("r{at}"));
    ip(&["netns", "add", &router])?;
    connect(at, &router, "outside", &Ipv4Addr::new(11, 77, 0, small(101 + at)))?;
    ip(&[
        "-n", &router, "link", "add", "inside", "type", "veth", "peer", "name", "eth0", "netns",
        &node,
    ])?;
    let gateway = Ipv4Addr::new(192, 168, 1, 1);
    assign(&router, "inside", &gateway)?;
    assign(&node, "eth0", &address(at, place))?;
    ip(&["-n", &node, "route", "add", "default", "via", &gateway.to_string()])?;
    let forward = "echo 1 > /proc/sys/net/ipv4/ip_forward";
    call("ip", &["netns", "exec", &router, "sh", "-c", forward])?;
    call("ip", &["netns", "exec", &router, "nft", &rules(place)])
}

fn rules(place: Place) -> String {
    let mapping = if place == Place::Strict { "masquerade fully-random" } else { "masquerade" };
    format!(
        "add table ip nat; \
         add chain ip nat outward {{ type nat hook postrouting priority 100; }}; \
         add rule ip nat outward oifname outside {mapping}; \
         add chain ip nat through {{ type filter hook forward priority 0; policy drop; }}; \
         add rule ip nat through iifname inside accept; \
         add rule ip nat through ct state established,related accept; \
         add chain ip nat inward {{ type filter hook input priority 0; policy accept; }}; \
         add rule ip nat inward iifname outside drop"
    )
}
