//! What the crate counts, through the `metrics` facade. The node's table of metrics tells what each means.

use metrics::{counter, gauge};

use crate::handle::Fault;
use crate::nat::Reach;
use crate::peers::Way;
use crate::topics::Topic;

const PEERS: &str = "ganglion_p2p_peers_connected";
const WAYS: &str = "ganglion_p2p_peers";
const MESH: &str = "ganglion_p2p_mesh_peers";
const BELOW: &str = "ganglion_p2p_peers_below_zero";
const LOWEST: &str = "ganglion_p2p_peer_score_lowest";
const RECORDS: &str = "ganglion_p2p_records";
const RECORDS_REFUSED: &str = "ganglion_p2p_records_refused_total";
const GOSSIP: &str = "ganglion_p2p_gossip_messages_total";
const PUBLISHED: &str = "ganglion_p2p_gossip_published_total";
const SLOW: &str = "ganglion_p2p_gossip_slow_total";
pub(crate) const BYTES: &str = "ganglion_p2p_bytes_total";
const REQUESTS: &str = "ganglion_p2p_requests_total";
const SERVED: &str = "ganglion_p2p_served_total";
const CONNECTIONS: &str = "ganglion_p2p_connections_total";
const FAULTS: &str = "ganglion_p2p_faults_total";
const BANS: &str = "ganglion_p2p_bans_total";
const REACH: &str = "ganglion_p2p_reach";
const SLOTS: &str = "ganglion_p2p_relay_slots";
const SERVED_SLOTS: &str = "ganglion_p2p_relay_slots_served";
const CIRCUITS: &str = "ganglion_p2p_relay_circuits";
const RELAY_ASKED: &str = "ganglion_p2p_relay_requests_total";
const HOLE_PUNCHES: &str = "ganglion_p2p_hole_punches_total";
const EVENTS_DROPPED: &str = "ganglion_p2p_events_dropped_total";

/// Shows troubles that have not happened yet as 0, so that the first time can raise an alarm: what
/// comes into being with its first event has no increase. Call once, after the recorder is installed.
pub fn begin() {
    for name in [PEERS, RECORDS, SLOTS, SERVED_SLOTS, CIRCUITS] {
        gauge!(name).set(0.0);
    }
    for direction in ["in", "out"] {
        counter!(BYTES, "direction" => direction).increment(0);
    }
    for name in [SLOW, BANS, EVENTS_DROPPED] {
        counter!(name).increment(0);
    }
    for fault in Fault::ALL {
        counter!(FAULTS, "fault" => fault.name()).increment(0);
    }
    for topic in Topic::ALL {
        for result in ["sent", "no_peers", "queues_full", "failed"] {
            counter!(PUBLISHED, "topic" => topic.name(), "result" => result).increment(0);
        }
        for verdict in ["accept", "reject", "flood", "overload"] {
            counter!(GOSSIP, "topic" => topic.name(), "verdict" => verdict).increment(0);
        }
    }
    for result in ["accepted", "denied"] {
        for kind in ["reservation", "circuit"] {
            counter!(RELAY_ASKED, "kind" => kind, "result" => result).increment(0);
        }
    }
    for result in ["direct", "failed"] {
        counter!(HOLE_PUNCHES, "result" => result).increment(0);
    }
    for result in ["answered", "timed_out"] {
        counter!(REQUESTS, "kind" => "status", "result" => result).increment(0);
    }
    for result in ["established", "closed", "dial_failed", "denied"] {
        counter!(CONNECTIONS, "result" => result).increment(0);
    }
}

pub(crate) fn peers_connected(count: usize) {
    gauge!(PEERS).set(as_f64(count));
}

/// Peers by direction (out, in) and way.
pub(crate) fn peers_by_way(ways: [[usize; Way::ALL.len()]; 2]) {
    for (direction, counts) in ["out", "in"].into_iter().zip(ways) {
        for (way, count) in Way::ALL.into_iter().zip(counts) {
            gauge!(WAYS, "direction" => direction, "transport" => way.name()).set(as_f64(count));
        }
    }
}

/// One of the states is 1, the others are 0.
pub(crate) fn reach(now: Reach) {
    for state in Reach::ALL {
        gauge!(REACH, "state" => state.name()).set(f64::from(u8::from(state == now)));
    }
}

/// Slots that this node holds at relays.
pub(crate) fn slots(held: usize) {
    gauge!(SLOTS).set(as_f64(held));
}

/// What this node carries as a relay.
pub(crate) fn relaying(slots: usize, circuits: usize) {
    gauge!(SERVED_SLOTS).set(as_f64(slots));
    gauge!(CIRCUITS).set(as_f64(circuits));
}

pub(crate) fn relay_asked(kind: &'static str, result: &'static str) {
    counter!(RELAY_ASKED, "kind" => kind, "result" => result).increment(1);
}

pub(crate) fn hole_punch(result: &'static str) {
    counter!(HOLE_PUNCHES, "result" => result).increment(1);
}

/// Peers in the mesh of a topic.
pub(crate) fn mesh(topic: Topic, count: usize) {
    gauge!(MESH, "topic" => topic.name()).set(as_f64(count));
}

/// Gossip scores of the connected peers.
pub(crate) fn scores(scores: &[f64]) {
    gauge!(BELOW).set(as_f64(scores.iter().filter(|score| **score < 0.0).count()));
    gauge!(LOWEST).set(scores.iter().copied().reduce(f64::min).unwrap_or(0.0));
}

pub(crate) fn records(count: usize) {
    gauge!(RECORDS).set(as_f64(count));
}

pub(crate) fn record_refused(reason: &'static str) {
    counter!(RECORDS_REFUSED, "reason" => reason).increment(1);
}

pub(crate) fn gossip(topic: Topic, verdict: &'static str) {
    counter!(GOSSIP, "topic" => topic.name(), "verdict" => verdict).increment(1);
}

pub(crate) fn published(topic: Topic, result: &'static str) {
    counter!(PUBLISHED, "topic" => topic.name(), "result" => result).increment(1);
}

pub(crate) fn slow_peer() {
    counter!(SLOW).increment(1);
}

pub(crate) fn request(kind: &'static str, result: &'static str) {
    counter!(REQUESTS, "kind" => kind, "result" => result).increment(1);
}

pub(crate) fn served(kind: &'static str, result: &'static str) {
    counter!(SERVED, "kind" => kind, "result" => result).increment(1);
}

pub(crate) fn connection(result: &'static str) {
    counter!(CONNECTIONS, "result" => result).increment(1);
}

pub(crate) fn fault(name: &'static str) {
    counter!(FAULTS, "fault" => name).increment(1);
}

pub(crate) fn banned() {
    counter!(BANS).increment(1);
}

pub(crate) fn event_dropped() {
    counter!(EVENTS_DROPPED).increment(1);
}

fn as_f64(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}
