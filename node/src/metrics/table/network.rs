//! What `ganglion-p2p` counts.

use super::{Label, Section, Since, Unit, counter, gauge, words};

pub(super) const TOPIC: Label =
    words("topic", &["tasks", "outputs", "weights", "ops", "agreement", "peers"]);
/// Requests between peers, and what could not be read as one.
const REQUEST: Label = words(
    "kind",
    &[
        "status",
        "items",
        "list_bodies",
        "epochs",
        "blob",
        "peers",
        "push",
        "task",
        "stages",
        "stage_rows",
        "forks",
        "witness",
        "differences",
        "trade",
        "snapshots",
        "chunk",
        "cuts",
        "unread",
    ],
);

pub(super) const NETWORK: Section = Section {
    title: "Network",
    text: "",
    metrics: &[
        gauge(
            "ganglion_p2p_peers_connected",
            Unit::Of("peers"),
            "Peers with at least one connection",
        ),
        gauge("ganglion_p2p_peers", Unit::Of("peers"), "Connected peers by who dialed and over what")
            .by(&[words("direction", &["in", "out"]), words("transport", &["tcp", "quic", "relay"])]),
        gauge(
            "ganglion_p2p_mesh_peers",
            Unit::Of("peers"),
            "Peers in the gossip mesh of a topic; 4 to 12 where there are as many",
        )
        .by(&[TOPIC]),
        gauge(
            "ganglion_p2p_peers_below_zero",
            Unit::Of("peers"),
            "Connected peers with a gossip score below 0",
        ),
        gauge(
            "ganglion_p2p_peer_score_lowest",
            Unit::Of("points"),
            "The lowest gossip score of a connected peer; 0 without any",
        )
        .note("[spec/network.md](spec/network.md) has what each score means."),
        gauge(
            "ganglion_p2p_reach",
            Unit::Flag,
            "Whether others can connect to this node: 1 for the state that holds, 0 for the others",
        )
        .by(&[words("state", &["unknown", "public", "behind_nat"])]),
        gauge(
            "ganglion_p2p_relay_slots",
            Unit::Of("slots"),
            "Relays through which this node is reached, at most 2",
        ),
        gauge(
            "ganglion_p2p_relay_slots_served",
            Unit::Of("slots"),
            "Peers that are reached through this node, at most 64",
        ),
        gauge(
            "ganglion_p2p_relay_circuits",
            Unit::Of("circuits"),
            "Connections between peers that this node carries, at most 24",
        ),
        counter(
            "ganglion_p2p_relay_requests_total",
            Unit::Of("requests"),
            "Slots and circuits that peers asked this node for",
        )
        .by(&[
            words("kind", &["reservation", "circuit"]),
            words("result", &["accepted", "denied"]),
        ]),
        counter(
            "ganglion_p2p_hole_punches_total",
            Unit::Of("tries"),
            "Tries to replace a connection through a relay by a direct one",
        )
        .by(&[words("result", &["direct", "failed"])]),
        gauge("ganglion_p2p_records", Unit::Of("records"), "Signed peer records held"),
        counter(
            "ganglion_p2p_records_refused_total",
            Unit::Of("records"),
            "Peer records that were not taken",
        )
        .by(&[words(
            "reason",
            &[
                "malformed",
                "kind",
                "subnet",
                "own",
                "expired",
                "too_far_ahead",
                "stale",
                "address",
                "signature",
                "full",
            ],
        )])
        .since(Since::Event),
        counter(
            "ganglion_p2p_gossip_messages_total",
            Unit::Of("messages"),
            "Gossip received, copies not counted, as validated; expired got no verdict in 4 s, flood came over its sender's rate",
        )
        .by(&[
            TOPIC,
            words(
                "verdict",
                &["accept", "ignore", "reject", "expired", "flood", "overload", "unknown_peer"],
            ),
        ]),
        counter(
            "ganglion_p2p_gossip_published_total",
            Unit::Of("messages"),
            "Own gossip messages; no_peers means that nobody listened for 5 s",
        )
        .by(&[
            TOPIC,
            words("result", &["sent", "duplicate", "no_peers", "queues_full", "failed"]),
        ]),
        counter(
            "ganglion_p2p_gossip_slow_total",
            Unit::Of("times"),
            "Times a peer was too slow for its gossip",
        ),
        counter(
            "ganglion_p2p_bytes_total",
            Unit::Bytes,
            "Bytes of TCP connections, encryption included",
        )
        .by(&[words("direction", &["in", "out"])]),
        counter("ganglion_p2p_requests_total", Unit::Of("requests"), "Requests sent, by their end")
            .by(&[
                REQUEST,
                words(
                    "result",
                    &[
                        "answered",
                        "refused",
                        "timed_out",
                        "unreachable",
                        "connection_lost",
                        "busy",
                        "malformed",
                        "failed",
                    ],
                ),
            ]),
        counter(
            "ganglion_p2p_served_total",
            Unit::Of("requests"),
            "Requests received; expired got no answer in 8 s, and the kind is unread if the request itself was bad",
        )
        .by(&[REQUEST, words("result", &["answered", "refused", "expired", "oversize"])])
        .since(Since::Event),
        counter(
            "ganglion_p2p_connections_total",
            Unit::Of("connections"),
            "Connections and attempts, and why this node ended one",
        )
        .by(&[words(
            "result",
            &[
                "established",
                "closed",
                "dial_failed",
                "wrong_peer",
                "already_connected",
                "denied",
                "inbound_failed",
                "foreign_subnet",
                "silent",
                "trimmed",
                "slow",
                "ping_lost",
                "restarted",
            ],
        )]),
        counter("ganglion_p2p_faults_total", Unit::Of("faults"), "Faults charged to peers").by(&[
            words("fault", &["malformed", "oversize", "invalid", "flood", "unhelpful"]),
        ]),
        counter("ganglion_p2p_bans_total", Unit::Of("peers"), "Peers banned for ten minutes"),
        counter(
            "ganglion_p2p_events_dropped_total",
            Unit::Of("events"),
            "Events that the node was too slow to take",
        ),
    ],
};
