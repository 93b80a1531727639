//! The protocols of one node, side by side.

use std::time::Duration;

use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::identity::Keypair;
use libp2p::kad::store::{MemoryStore, MemoryStoreConfig};
use libp2p::swarm::NetworkBehaviour;
use libp2p::{PeerId, autonat, dcutr, identify, kad, ping, relay};

use ganglion_types::{SubnetId, limits};

use crate::config::{Checked, Nat};
use crate::counts::Counts;
use crate::gate::Gate;
use crate::shield::Shield;
use crate::topics::{self, Topics};
use crate::{gossip, nat, request};

/// Connections over `max_peers`: newcomers that only learn records, and second connections of peers
/// that dialed each other at once.
pub const SPARE_CONNECTIONS: usize = 32;
/// Connections of one peer: two that dialed each other at once, through relays if need be, and a direct one after
/// these or a dial back.
pub const CONNECTIONS_PER_PEER: u32 = 3;
/// Handshakes under way that others began. Each costs a Noise exchange, about 0.2 ms.
pub const PENDING_INCOMING_MAX: u32 = 64;
/// Dials under way: 8 of discovery and those that requests begin.
pub const PENDING_OUTGOING_MAX: u32 = 32;
/// Providers kept of the subnet's key. libp2p answers with 20 at most, so more are of no use.
pub const PROVIDERS_MAX: usize = 20;

#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    limits: connection_limits::Behaviour,
    pub(crate) gate: Gate,
    pub(crate) gossip: gossip::Behaviour,
    pub(crate) rpc: request::Behaviour,
    pub(crate) kad: kad::Behaviour<MemoryStore>,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    pub(crate) autonat: Shield<autonat::Behaviour>,
    pub(crate) relay: Shield<relay::Behaviour>,
    circuits: relay::client::Behaviour,
    // After the limits and the gate: it never forgets a connection that a later one refuses.
    pub(crate) dcutr: Shield<dcutr::Behaviour>,
}

impl Behaviour {
    /// Lets a peer of this subnet use what carries no subnet in its name.
    pub(crate) fn admit(&mut self, peer: PeerId) {
        self.autonat.admit(peer);
        self.relay.admit(peer);
        self.dcutr.admit(peer);
    }
}

/// # Errors
/// gossipsub's own words, see [`gossip::behaviour`].
pub(crate) fn build(
    keypair: &Keypair,
    topics: &Topics,
    checked: &Checked,
    circuits: relay::client::Behaviour,
    counts: &mut Counts,
) -> Result<Behaviour, String> {
    let (subnet, peer) = (&checked.config.subnet, keypair.public().to_peer_id());
    let connections =
        u32::try_from(checked.config.max_peers + SPARE_CONNECTIONS).unwrap_or(u32::MAX);
    let limits = ConnectionLimits::default()
        .with_max_established(Some(connections))
        .with_max_established_per_peer(Some(CONNECTIONS_PER_PEER))
        .with_max_pending_incoming(Some(PENDING_INCOMING_MAX))
        .with_max_pending_outgoing(Some(PENDING_OUTGOING_MAX));
    let identity = identify::Config::new(topics::identity_protocol(subnet), keypair.public())
        .with_agent_version(format!("ganglion/{}", env!("CARGO_PKG_VERSION")))
        .with_push_listen_addr_updates(true)
        // Addresses come from signed records.
        .with_cache_size(0);
    Ok(Behaviour {
        limits: connection_limits::Behaviour::new(limits),
        gate: Gate::new(checked.loopback),
        gossip: counts.gossip(gossip::behaviour(topics)?),
        rpc: request::behaviour(subnet),
        kad: kad_behaviour(peer, subnet, checked.config.discover),
        identify: identify::Behaviour::new(identity),
        // Also what finds a dead connection: see `Service::on_ping`.
        ping: ping::Behaviour::new(
            ping::Config::new()
                .with_interval(Duration::from_secs(10))
                .with_timeout(Duration::from_secs(10)),
        ),
        autonat: Shield::new(
            autonat::Behaviour::new(
                peer,
                nat::probe_config(checked.config.nat == Nat::Auto, checked.loopback),
            ),
            false,
        ),
        relay: Shield::new(relay::Behaviour::new(peer, nat::relay_config()), false),
        circuits,
        dcutr: Shield::new(dcutr::Behaviour::new(peer), true),
    })
}

/// Kademlia as a rendezvous: one key, nothing stored for others but who provides it.
fn kad_behaviour(peer: PeerId, subnet: &SubnetId, discover: bool) -> kad::Behaviour<MemoryStore> {
    let store = MemoryStoreConfig {
        max_records: 0,
        max_value_bytes: 0,
        max_providers_per_key: PROVIDERS_MAX,
        max_provided_keys: 1,
    };
    let ttl = Duration::from_secs(limits::PEER_TTL_SECONDS);
    let mut config = kad::Config::new(topics::stream_protocol(topics::kad_protocol(subnet)));
    config
        // What others put is looked at in `Service::on_kad`.
        .set_record_filtering(kad::StoreInserts::FilterBoth)
        .set_provider_record_ttl(Some(ttl))
        .set_provider_publication_interval(Some(ttl / 4))
        .set_replication_interval(None)
        .set_publication_interval(None)
        .set_caching(kad::Caching::Disabled)
        // A peer in the routing table makes Kademlia look for its neighbours by itself, and dial them.
        .set_kbucket_inserts(if discover {
            kad::BucketInserts::OnConnected
        } else {
            kad::BucketInserts::Manual
        })
        .set_query_timeout(Duration::from_secs(10));
    let store = MemoryStore::with_config(peer, store);
    let mut behaviour = kad::Behaviour::with_config(peer, store, config);
    // Left alone it waits for a confirmed external address, which a private net never has.
    behaviour.set_mode(Some(kad::Mode::Server));
    behaviour
}
