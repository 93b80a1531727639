//! Epochs, agreement, rewards, anchors.

use super::{Label, Section, Since, Unit, at_most, counter, gauge, histogram, words};

/// Kinds of items, and what could not be read.
const KINDS: Label = words(
    "kind",
    &[
        "weights",
        "weight_commit",
        "weight_reveal",
        "registry_op",
        "evidence",
        "task_batch",
        "output_commit",
        "output_batch",
        "peer_record",
        "inclusion_list",
        "vote",
        "proposal",
        "receipt",
        "unknown",
    ],
);
/// Taken, or the arrival check that refused.
const RESULTS: Label = words(
    "result",
    &[
        "accepted",
        "oversize",
        "malformed",
        "non_canonical",
        "wrong_subnet",
        "wrong_kind",
        "stale",
        "early",
        "future",
        "not_permitted",
        "duplicate",
        "peer_rate",
        "bad_signature",
        "signer_rate",
        "inadmissible",
        "full",
    ],
);
const PHASE: Label = words("phase", &["waiting", "window", "lists", "agreement", "catching_up"]);
const UID: &[Label] =
    &[at_most("uid", 4_096, "uids below the setting `metrics_uids`, 256 by default")];
/// Where a chain is set.
const ANCHORED: Since = Since::Where("with anchors");

pub(super) const EPOCHS: Section = Section {
    title: "Epochs",
    text: "",
    metrics: &[
        gauge("ganglion_epoch_closing", Unit::Of("epoch"), "The epoch being closed")
            .since(Since::Event),
        gauge("ganglion_epoch_certified", Unit::Of("epoch"), "The last certified epoch")
            .since(Since::Epoch),
        gauge(
            "ganglion_epoch_certified_timestamp_seconds",
            Unit::Time,
            "When the last certified epoch was closed, by the clocks of its committee",
        ),
        gauge(
            "ganglion_epoch_length_seconds",
            Unit::Seconds,
            "Length of an epoch by the rules in force",
        ),
        gauge(
            "ganglion_epoch_phase",
            Unit::Flag,
            "1 for the phase the node is in, 0 for the others",
        )
        .by(&[PHASE])
        .since(Since::Event),
        histogram("ganglion_epoch_phase_seconds", Unit::Seconds, "Time spent in each phase")
            .by(&[PHASE]),
        histogram(
            "ganglion_epoch_certify_seconds",
            Unit::Seconds,
            "Time from this node's deadline to its decision; epochs that were fetched do not count",
        ),
        counter(
            "ganglion_epochs_certified_total",
            Unit::Of("epochs"),
            "Epochs certified or fetched since the start",
        ),
        counter(
            "ganglion_epochs_missed_total",
            Unit::Of("epochs"),
            "Epochs whose certificate this node lacked two epoch lengths after the deadline",
        ),
        gauge(
            "ganglion_sync_epochs_left",
            Unit::Of("epochs"),
            "Epochs still to be fetched, as far as peers claim; 0 when nobody is further",
        ),
        gauge(
            "ganglion_sync_epochs_per_second",
            Unit::Of("epochs per second"),
            "Epochs verified and executed per second while catching up; 0 otherwise",
        )
        .since(Since::Event),
        gauge(
            "ganglion_sync_eta_seconds",
            Unit::Seconds,
            "Time until caught up at this rate; 0 otherwise",
        )
        .since(Since::Event),
        counter(
            "ganglion_sync_epochs_total",
            Unit::Of("epochs"),
            "Epochs fetched and verified since the start",
        ),
        gauge("ganglion_cut_items", Unit::Of("items"), "Items in the last cut").since(Since::Epoch),
        gauge("ganglion_cut_lists", Unit::Of("lists"), "Inclusion lists that the last cut cites")
            .since(Since::Epoch),
        histogram(
            "ganglion_execute_seconds",
            Unit::Seconds,
            "Time to execute a cut: Yuma and the ledger",
        ),
        counter(
            "ganglion_items_total",
            Unit::Of("items"),
            "Items that arrived, by kind, and by the arrival check that refused them",
        )
        .by(&[KINDS, RESULTS])
        .since(Since::Event),
    ],
};

pub(super) const AGREEMENT: Section = Section {
    title: "Agreement",
    text: "",
    metrics: &[
        gauge(
            "ganglion_agreement_round",
            Unit::Of("round"),
            "Round of agreement at the present height; 0 is the first",
        )
        .since(Since::Event),
        counter(
            "ganglion_agreement_rounds_total",
            Unit::Of("rounds"),
            "Rounds begun; about one per epoch in a healthy subnet",
        ),
        gauge(
            "ganglion_stake_online_ratio",
            Unit::Ratio,
            "Part of the committee's stake whose lists came in the last epoch; at 2/3 or less nothing certifies",
        )
        .since(Since::Epoch),
        gauge("ganglion_stake_total_rao", Unit::Rao, "Stake of the committee"),
        gauge(
            "ganglion_stake_to_certify_rao",
            Unit::Rao,
            "The least stake that is more than 2/3 of it",
        ),
        gauge(
            "ganglion_stake_to_halt_rao",
            Unit::Rao,
            "The least stake whose absence halts the subnet",
        ),
        gauge(
            "ganglion_signing",
            Unit::Flag,
            "1 while this node has a seat in the committee and signs; /v1/status says why not",
        ),
        counter(
            "ganglion_agreement_signed_total",
            Unit::Of("messages"),
            "Lists, proposals and votes that this node signed",
        )
        .by(&[words("step", &["list", "proposal", "prevote", "precommit"])]),
        counter(
            "ganglion_agreement_received_total",
            Unit::Of("messages"),
            "Messages of agreement that arrived, by gossip or from a peer directly, and by the check that refused them",
        )
        .by(&[
            words(
                "step",
                &["list", "proposal", "prevote", "precommit", "polka", "round_certificate"],
            ),
            RESULTS,
        ])
        .since(Since::Event),
        counter(
            "ganglion_agreement_timeouts_total",
            Unit::Of("waits"),
            "Waits of agreement that ran out; at rebroadcast, what may have been lost is said again",
        )
        .by(&[words("step", &["propose", "prevote", "precommit", "rebroadcast"])]),
        counter(
            "ganglion_root_disagreements_total",
            Unit::Of("times"),
            "Times another result than this node's own was shown",
        )
        .by(&[words("by", &["proposed", "certified", "claimed"])])
        .note(
            "`proposed`: a proposed cut states other roots, and this node votes nil. `certified`: a certified one does; the node \
             compares it with its peers row by row and stops with exit code 4. `claimed`: a peer says that it holds another cut; no proof.",
        ),
        gauge(
            "ganglion_forks",
            Unit::Of("epochs"),
            "Epochs with two certified cuts; above 0 the node is frozen",
        ),
        counter(
            "ganglion_equivocations_total",
            Unit::Of("offences"),
            "Evidence of two statements where one may be made that took effect in an epoch decided here; fetched epochs do not count",
        )
        .by(&[words("kind", &["vote", "proposal", "weights", "weight_commit"])]),
        counter("ganglion_slashed_rao_total", Unit::Rao, "Taken for equivocation since genesis")
            .since(Since::Epoch),
        gauge(
            "ganglion_clock_offset_seconds",
            Unit::Seconds,
            "This node's clock less the committee's, at the deadline of the last epoch decided here",
        )
        .since(Since::Where("first epoch decided here"))
        .note(
            "A cut states the stake-weighted median of the clocks behind its lists, and deadlines fall together whatever clocks say.",
        ),
    ],
};

pub(super) const REWARDS: Section = Section {
    title: "Rewards",
    text: "",
    metrics: &[
        counter("ganglion_emission_rao_total", Unit::Rao, "Paid out by the subnet since genesis")
            .since(Since::Epoch),
        gauge("ganglion_participants", Unit::Of("uids"), "Uids held, by role")
            .by(&[words("role", &["validator", "miner"])])
            .since(Since::Epoch),
        gauge("ganglion_uid_incentive", Unit::Ratio, "Incentive in the last epoch")
            .by(UID)
            .since(Since::Epoch),
        gauge("ganglion_uid_dividends", Unit::Ratio, "Dividends in the last epoch")
            .by(UID)
            .since(Since::Epoch),
        gauge("ganglion_uid_consensus", Unit::Ratio, "Consensus weight in the last epoch")
            .by(UID)
            .since(Since::Epoch),
        gauge(
            "ganglion_uid_validator_trust",
            Unit::Ratio,
            "Part of a validator's weight that clipping left in the last epoch",
        )
        .by(UID)
        .since(Since::Epoch),
        gauge("ganglion_uid_stake_rao", Unit::Rao, "Stake behind the uid")
            .by(UID)
            .since(Since::Epoch),
        gauge(
            "ganglion_uid_weight_age_epochs",
            Unit::Of("epochs"),
            "Epochs since a validator's last row of weights, or its registration; 0 for a miner",
        )
        .by(UID)
        .since(Since::Epoch),
        gauge(
            "ganglion_uids_left_out",
            Unit::Of("uids"),
            "Uids without metrics of their own, past the bound",
        )
        .since(Since::Epoch),
        gauge(
            "ganglion_activity_cutoff_epochs",
            Unit::Of("epochs"),
            "Age from which on a row of weights does not count any more",
        ),
        counter(
            "ganglion_reveals_total",
            Unit::Of("rows"),
            "Hidden rows of weights by what became of them; expired were never shown, or their signer lost its uid",
        )
        .by(&[words(
            "result",
            &["applied", "superseded", "equivocated", "outdated", "expired"],
        )]),
        gauge(
            "ganglion_own_uid",
            Unit::Of("uid"),
            "This node's own uid; -1 without one",
        ),
        gauge("ganglion_own_stake_rao", Unit::Rao, "Stake behind its uid"),
        gauge(
            "ganglion_own_weight_age_epochs",
            Unit::Of("epochs"),
            "Epochs since its last row of weights, for a validator; 0 otherwise",
        ),
        counter(
            "ganglion_own_paid_rao_total",
            Unit::Rao,
            "Paid for its uid in the epochs since the start, delegators included",
        ),
        counter(
            "ganglion_tasks_scored_total",
            Unit::Of("tasks"),
            "Tasks that this validator scored",
        ),
        counter(
            "ganglion_rounds_void_total",
            Unit::Of("rounds"),
            "Rounds in which too little of the field answered, so that nobody's average moved",
        )
        .note("See [spec/tasks.md](spec/tasks.md#4-scores)."),
    ],
};

pub(super) const REGISTRY: Section = Section {
    title: "Registry of another chain",
    text: "In subnets whose participants another chain registers ([spec/registry.md](spec/registry.md)). Counters are there in others too, and stay 0.",
    metrics: &[
        gauge(
            "ganglion_registry_height",
            Unit::Of("block"),
            "Block of the newest snapshot that this node read, and of the one that the subnet took",
        )
        .by(&[words("of", &["read", "taken"])])
        .since(Since::Where("where `registry_rpc` is set")),
        counter(
            "ganglion_registry_reads_total",
            Unit::Of("readings"),
            "Readings of the registry by how they ended",
        )
        .by(&[words("result", &["read", "failed"])]),
        counter(
            "ganglion_registry_differs_total",
            Unit::Of("snapshots"),
            "Snapshots that the subnet took and this node reads otherwise at the same block",
        ),
    ],
};

pub(super) const ANCHORS: Section = Section {
    title: "Anchors",
    text: "[ANCHORS.md](ANCHORS.md) says what they are. Counters are there without anchors too, and stay 0.",
    metrics: &[
        gauge(
            "ganglion_anchor_lag_epochs",
            Unit::Of("epochs"),
            "Certified epochs whose anchor is not final",
        )
        .since(ANCHORED),
        gauge("ganglion_anchor_pending", Unit::Of("anchors"), "Anchors under way").since(ANCHORED),
        counter(
            "ganglion_anchor_settled_total",
            Unit::Of("anchors"),
            "Anchors that became final, others' that this node found included",
        ),
        counter("ganglion_anchor_epochs_total", Unit::Of("epochs"), "Epochs that they speak about"),
        counter(
            "ganglion_anchor_transactions_total",
            Unit::Of("transactions"),
            "Transactions signed for anchors, replacements included",
        ),
        counter(
            "ganglion_anchor_undone_total",
            Unit::Of("anchors"),
            "Anchors whose block was undone; they come again",
        ),
        counter("ganglion_anchor_failed_total", Unit::Of("failures"), "Failures of anchoring")
            .by(&[words(
                "reason",
                &[
                    "unreachable",
                    "rate_limited",
                    "stale",
                    "underpriced",
                    "funds",
                    "fee_cap",
                    "conflict",
                    "refused",
                    "wrong_chain",
                    "mismatch",
                ],
            )])
            .since(Since::Event),
        gauge("ganglion_anchor_parked", Unit::Flag, "1 while anchoring waits for an operator")
            .since(ANCHORED),
        gauge("ganglion_anchor_held", Unit::Flag, "1 while anchoring waits for money")
            .since(ANCHORED),
        counter(
            "ganglion_anchor_strangers_total",
            Unit::Of("anchors"),
            "Anchors found that name other cuts than this node holds",
        ),
        gauge(
            "ganglion_anchor_witnesses",
            Unit::Of("nodes"),
            "Other nodes whose logs of anchors are kept here",
        )
        .since(Since::Where("with a log of its own")),
        counter(
            "ganglion_anchor_rewrites_total",
            Unit::Of("nodes"),
            "Witnesses proven to have written their log anew",
        ),
        gauge(
            "ganglion_anchor_fees_units",
            Unit::Of("units of the chain"),
            "What this node's final anchors have cost since its file of anchors was begun",
        )
        .since(Since::Where("on a chain with money")),
        gauge(
            "ganglion_anchor_balance_units",
            Unit::Of("units of the chain"),
            "What the paying account holds; looked at once a minute",
        )
        .since(Since::Where("on a chain with money")),
    ],
};
