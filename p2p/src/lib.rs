//! Finds peers and moves bytes between them.
//!
//! The crate knows what a peer record is and nothing else of a subnet's life: it never looks into an
//! item, a vote or a blob, never decides what is valid, and keeps nothing on disk. No libp2p type is
//! in its public interface; peers are hotkeys, addresses are strings.
//!
//! Read first: [`Config`] and [`start`], then [`Handle`] (what to ask for) and [`Event`] (what happens).
//! How it works is in `docs/spec/network.md`.
//!
//! ```text
//!   node ── Handle ──commands (512)──────────►┐
//!        ── verdicts, responses (2304) ──────►│ service task ── Swarm ── peers
//!        ◄── Event (1024, backlog 1024) ──────│   peer table, tokens, rates
//!        ◄── snapshot: peers, addresses ──────┘
//! ```
//!
//! # Names
//! Topics are `/ganglion/1/<subnet>/{tasks, outputs, weights, ops, agreement, peers}`, protocols
//! `/ganglion/1/<subnet>/{rpc, kad, id}`; see [`topics`]. Gossip runs over `/meshsub/1.x`. The relay, `AutoNAT` and
//! hole punch protocols have libp2p's names: what is asked by them waits until `identify` told the subnet.
//!
//! # Who validates what
//! | what | by whom |
//! |---|---|
//! | key of a peer, bans, connections per address | this crate, before a connection counts |
//! | size, counts and protobuf of requests and responses | this crate, before they are decoded |
//! | peer records: form, subnet, expiry, sequence, addresses, signature | this crate |
//! | gossip on the topic `peers` | this crate |
//! | gossip on every other topic | the node, by [`Handle::verdict`] |
//! | content of requests and responses | the node; [`Handle::penalize`] for junk |
//!
//! # Scores
//! A gossip score is a sum; below -20 a peer is not told what we have, below -50 own messages are not
//! sent to it, below -80 nothing from it is read.
//!
//! | part | worth |
//! |---|---|
//! | P1 time in the mesh | up to 1 per topic after five minutes |
//! | P2 first to deliver | 0.05 each, up to 0.5 per topic; P1 and P2 together at most 9 |
//! | P3 too few deliveries | off: topics are silent for most of an epoch |
//! | P4 rejected messages | -5 · n² per topic, n falls by 1 % a second |
//! | P5 faults of this crate | minus the points of [`Fault`]; a rejected message is 10 more |
//! | P6 peers of one address | -5 · (n - 10)² beyond ten; loopback is exempt |
//! | P7 broken gossip promises | -2 · (n - 6)² beyond six, n falls by 10 % a second |
//!
//! At 100 fault points a peer is disconnected and banned for ten minutes; points halve in five. An
//! ignored, late or overflowing message costs its sender nothing.
//!
//! # Limits
//! Every queue, table and message has a bound, listed in [`limits`], each with its reason and a test.
//!
//! # What survives a restart
//! Nothing here. The node keeps the records of [`Event::Record`] and gives them back as
//! [`Config::known`]; with them a node finds the subnet although every bootnode is gone.

mod behaviour;
mod bucket;
mod circuit;
mod config;
mod connections;
mod counts;
mod discovery;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod gate;
mod gossip;
mod handle;
mod identity;
mod metrics;
mod nat;
mod peers;
mod record;
mod request;
mod service;
mod shield;
pub mod topics;
mod traffic;
mod transport;
mod wire;

pub use config::{Config, Nat, Relay, StartError};
pub use handle::{
    Direction, Event, Fault, Handle, MessageToken, PeerInfo, PublishError, RequestError, RequestId,
    ResponseToken, StopReason, Verdict,
};
pub use identity::peer_id;
pub use metrics::begin;
pub use nat::Reach;
pub use request::refused;
pub use service::start;
pub use topics::Topic;

/// Every bound of this crate in one list.
pub mod limits {
    pub use crate::behaviour::{
        CONNECTIONS_PER_PEER, PENDING_INCOMING_MAX, PENDING_OUTGOING_MAX, PROVIDERS_MAX,
        SPARE_CONNECTIONS,
    };
    pub use crate::config::{BOOTNODES_MAX, MAX_PEERS, MAX_PEERS_MOST};
    pub use crate::gate::{
        BANS_MAX, PER_ADDRESS_MAX, PER_RELAY_MAX, REDIAL_BURST, REDIAL_PER_SECOND,
    };
    pub use crate::gossip::{PENDING_MAX, UNSENT_MAX, UNSENT_TIME, VERDICT_TIME};
    pub use crate::handle::{
        COMMANDS_MAX, PUBLISH_BURST, PUBLISH_BURST_BYTES, PUBLISH_BYTES_PER_SECOND,
        PUBLISH_PER_SECOND,
    };
    pub use crate::nat::{
        CIRCUIT_BYTES, CIRCUIT_TIME, CIRCUITS_BURST, CIRCUITS_MAX, CIRCUITS_PEER_MAX, PROBES_MAX,
        PROBES_PEER_MAX, RESERVATIONS_BURST, RESERVATIONS_MAX, SLOT_WAIT, SLOTS_MAX,
    };
    pub use crate::peers::{
        BAN_POINTS, BAN_TIME, DIAL_WAIT, DIAL_WAIT_ALONE, DIAL_WAIT_GONE, DIAL_WAIT_MOST,
        PEERS_MAX, POINTS_HALF_LIFE, UNPROVEN_PER_PREFIX,
    };
    pub use crate::request::{
        ANSWER_TIME, INBOUND_MAX, INBOUND_PEER_MAX, OUTBOUND_MAX, OUTBOUND_PEER_MAX, REQUEST_BYTES,
        RESPONSE_BYTES, TIMEOUT,
    };
    pub use crate::service::{BACKLOG_MAX, EVENTS_MAX};
    pub use crate::shield::HELD_MAX;
    pub use crate::topics::RECORD_BYTES;
}
