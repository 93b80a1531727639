//! What libp2p counts by itself, as far as a node shows it: what is not here, and every label that is not, stays out.

use super::network::TOPIC;
use super::{Label, Section, Since, Unit, at_most, counter, gauge, histogram, words};

const PROTOCOLS: Label =
    at_most("protocols", 32, "protocols of the address, such as `/ip4/tcp/p2p`");
const QUERIES: &[&str] =
    &["GetClosestPeers", "GetProviders", "StartProviding", "RepublishProvider", "Bootstrap"];
const INCLUSIONS: &[&str] = &["Fanout", "Random", "Subscribed", "Outbound"];
const CHURN: &[&str] = &["Dc", "BadScore", "Prune", "Unsub", "Excess"];

pub(super) const LIBP2P: Section = Section {
    title: "libp2p",
    text: "What libp2p counts by itself, under its own names for labels. It changes with libp2p; alerts ask for the metrics above.",
    metrics: &[
        counter("ganglion_libp2p_swarm_dial_attempt_total", Unit::Of("dials"), "Dials begun")
            .since(Since::Event),
        counter(
            "ganglion_libp2p_swarm_outgoing_connection_error_total",
            Unit::Of("dials"),
            "Dials that failed, by whether the peer was known before",
        )
        .by(&[
            words("peer", &["Known", "Unknown"]),
            words(
                "error",
                &[
                    "LocalPeerId",
                    "NoAddresses",
                    "DialPeerConditionFalse",
                    "Aborted",
                    "WrongPeerId",
                    "TransportMultiaddrNotSupported",
                    "TransportOther",
                    "Denied",
                ],
            ),
        ])
        .since(Since::Event),
        counter(
            "ganglion_libp2p_swarm_connections_incoming_total",
            Unit::Of("connections"),
            "Connections that others began",
        )
        .by(&[PROTOCOLS])
        .since(Since::Event),
        counter(
            "ganglion_libp2p_swarm_connections_incoming_error_total",
            Unit::Of("connections"),
            "Connections that others began and that failed",
        )
        .by(&[
            words(
                "error",
                &[
                    "WrongPeerId",
                    "LocalPeerId",
                    "TransportErrorMultiaddrNotSupported",
                    "TransportErrorOther",
                    "Aborted",
                    "Denied",
                ],
            ),
            PROTOCOLS,
        ])
        .since(Since::Event),
        counter(
            "ganglion_libp2p_swarm_connections_established_total",
            Unit::Of("connections"),
            "Connections established, by who began them",
        )
        .by(&[words("role", &["Dialer", "Listener"]), PROTOCOLS])
        .since(Since::Event),
        counter(
            "ganglion_libp2p_swarm_listener_error_total",
            Unit::Of("errors"),
            "Errors of listeners",
        )
        .since(Since::Event),
        counter(
            "ganglion_libp2p_bandwidth_bytes_total",
            Unit::Bytes,
            "Bytes of streams, without encryption and framing",
        )
        .by(&[words("direction", &["Inbound", "Outbound"]), PROTOCOLS])
        .since(Since::Event),
        histogram(
            "ganglion_libp2p_kad_query_result_duration_seconds",
            Unit::Seconds,
            "Duration of Kademlia queries",
        )
        .by(&[words("type", QUERIES)]),
        histogram(
            "ganglion_libp2p_kad_query_result_num_requests",
            Unit::Of("requests"),
            "Requests of a Kademlia query",
        )
        .by(&[words("type", QUERIES)]),
        histogram(
            "ganglion_libp2p_kad_query_result_num_success",
            Unit::Of("requests"),
            "Requests of a Kademlia query that succeeded",
        )
        .by(&[words("type", QUERIES)]),
        histogram(
            "ganglion_libp2p_kad_query_result_num_failure",
            Unit::Of("requests"),
            "Requests of a Kademlia query that failed",
        )
        .by(&[words("type", QUERIES)]),
        counter(
            "ganglion_libp2p_kad_inbound_requests_total",
            Unit::Of("requests"),
            "Kademlia requests of peers",
        )
        .by(&[words(
            "request",
            &["FindNode", "GetProvider", "AddProvider", "GetRecord", "PutRecord"],
        )])
        .since(Since::Event),
        counter(
            "ganglion_libp2p_identify_received_total",
            Unit::Of("messages"),
            "Times a peer said who it is",
        )
        .since(Since::Event),
        counter(
            "ganglion_libp2p_identify_sent_total",
            Unit::Of("messages"),
            "Times this node said who it is",
        )
        .since(Since::Event),
        counter(
            "ganglion_libp2p_identify_pushed_total",
            Unit::Of("messages"),
            "Times this node said unasked that its addresses changed",
        )
        .since(Since::Event),
        counter("ganglion_libp2p_identify_errors_total", Unit::Of("errors"), "Times that failed")
            .since(Since::Event),
        histogram("ganglion_libp2p_ping_rtt_seconds", Unit::Seconds, "Round trips of pings"),
        counter("ganglion_libp2p_ping_failure_total", Unit::Of("pings"), "Pings that failed")
            .by(&[words("reason", &["Timeout", "Unsupported", "Other"])])
            .since(Since::Event),
        gauge(
            "ganglion_libp2p_gossipsub_topic_peers_counts",
            Unit::Of("peers"),
            "Peers subscribed to a topic",
        )
        .by(&[TOPIC])
        .since(Since::Event),
        counter(
            "ganglion_libp2p_gossipsub_topic_msg_recv_counts_unfiltered_total",
            Unit::Of("messages"),
            "Messages received, copies included",
        )
        .by(&[TOPIC])
        .since(Since::Event),
        counter(
            "ganglion_libp2p_gossipsub_topic_msg_recv_counts_total",
            Unit::Of("messages"),
            "Messages received, copies not included",
        )
        .by(&[TOPIC])
        .since(Since::Event),
        counter(
            "ganglion_libp2p_gossipsub_topic_msg_recv_bytes_total",
            Unit::Bytes,
            "Bytes of messages received, copies not included",
        )
        .by(&[TOPIC])
        .since(Since::Event),
        counter(
            "ganglion_libp2p_gossipsub_topic_msg_recv_bytes_unfiltered_total",
            Unit::Of("bytes"),
            "Bytes of messages received, copies included",
        )
        .by(&[TOPIC])
        .since(Since::Event),
        counter(
            "ganglion_libp2p_gossipsub_topic_msg_sent_counts_total",
            Unit::Of("messages"),
            "Messages sent, once for each peer",
        )
        .by(&[TOPIC])
        .since(Since::Event),
        counter(
            "ganglion_libp2p_gossipsub_topic_msg_published_total",
            Unit::Of("messages"),
            "Own messages published",
        )
        .by(&[TOPIC])
        .since(Since::Event),
        counter(
            "ganglion_libp2p_gossipsub_topic_iwant_msgs_total",
            Unit::Of("requests"),
            "Messages asked for that peers said they have",
        )
        .by(&[TOPIC])
        .since(Since::Event),
        counter(
            "ganglion_libp2p_gossipsub_memcache_misses_total",
            Unit::Of("messages"),
            "Messages that were forgotten before their verdict came",
        )
        .since(Since::Event),
        counter(
            "ganglion_libp2p_gossipsub_scoring_penalties_total",
            Unit::Of("penalties"),
            "Penalties given to peers",
        )
        .by(&[words(
            "penalty",
            &["GraftBackoff", "BrokenPromise", "MessageDeficit", "IPColocation"],
        )])
        .since(Since::Event),
        counter(
            "ganglion_libp2p_gossipsub_mesh_peer_inclusion_events_total",
            Unit::Of("peers"),
            "Peers taken into a mesh",
        )
        .by(&[TOPIC, words("reason", INCLUSIONS)])
        .since(Since::Event),
        counter(
            "ganglion_libp2p_gossipsub_mesh_peer_churn_events_total",
            Unit::Of("peers"),
            "Peers that left a mesh",
        )
        .by(&[TOPIC, words("reason", CHURN)])
        .since(Since::Event),
        histogram(
            "ganglion_libp2p_gossipsub_score_per_mesh",
            Unit::Of("points"),
            "Scores of the peers in a mesh, looked at every heartbeat",
        )
        .by(&[TOPIC]),
    ],
};
