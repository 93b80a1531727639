//! What is known of anchors, for HTTP, commands and metrics.

use ganglion_chain::outbox::{Flight, Notice, Outbox, Standing};
use ganglion_chain::{Anchor, Medium, Survey};
use metrics::{counter, gauge};
use serde::{Deserialize, Serialize};

const LAG: &str = "ganglion_anchor_lag_epochs";
const PENDING: &str = "ganglion_anchor_pending";
const SETTLED: &str = "ganglion_anchor_settled_total";
const EPOCHS: &str = "ganglion_anchor_epochs_total";
const PREPARED: &str = "ganglion_anchor_transactions_total";
const UNDONE: &str = "ganglion_anchor_undone_total";
const FAILED: &str = "ganglion_anchor_failed_total";
const PARKED: &str = "ganglion_anchor_parked";
const HELD: &str = "ganglion_anchor_held";
const STRANGERS: &str = "ganglion_anchor_strangers_total";
const SPENT: &str = "ganglion_anchor_fees_units";
const BALANCE: &str = "ganglion_anchor_balance_units";

/// Settled anchors that are shown.
pub(crate) const SHOWN: usize = 100;
/// Anchors that the account should be able to pay, below which it is low.
const LOW: u128 = 100;

/// The state of anchors.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Board {
    /// The chain, such as `embedded:5…` or `evm:1:0x…`.
    pub chain: String,
    /// Who anchors; none if the chain is only read.
    pub publisher: Option<String>,
    /// Every epoch up to this one is anchored and final.
    pub done: u64,
    /// The newest certified epoch.
    pub certified: u64,
    /// Place of this node among those who anchor, from 0.
    pub rank: u32,
    /// Epochs with nothing under way: first and last.
    pub queued: Option<(u64, u64)>,
    /// What is under way.
    pub under_way: Vec<FlightSeen>,
    /// The last ones that are final, newest first.
    pub settled: Vec<FlightSeen>,
    /// What an operator has to mend, if anything.
    pub parked: Option<String>,
    /// Whether anchors wait for money.
    pub held: bool,
    /// The last failure, whoever mends it.
    pub failure: Option<String>,
    /// The last anchor that names other cuts than this node holds.
    pub stranger: Option<String>,
    /// Height of the chain's newest block, when it was last asked.
    pub height: Option<u64>,
    /// Height of its newest final block.
    pub finalized: Option<u64>,
    /// What the account holds, in the chain's smallest unit.
    pub balance: Option<String>,
    /// What one more anchor may cost, in the same unit.
    pub price: Option<String>,
    /// What this node's anchors have cost, in the same unit: those that are final, since its file of anchors was begun.
    #[serde(default)]
    pub spent: String,
    /// Of that unit, once the chain was asked.
    #[serde(skip)]
    decimals: Option<u8>,
    /// What the operator should know.
    pub warning: Option<String>,
}

/// One anchor.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FlightSeen {
    /// First epoch.
    pub first: u64,
    /// Last epoch.
    pub last: u64,
    /// Its cut.
    pub cut: String,
    /// `unknown`, `prepared`, `pending`, `included` or `final`.
    pub state: String,
    /// Transactions made for it.
    pub transactions: usize,
    /// Height of its block.
    pub height: Option<u64>,
    /// Hash of its transaction.
    pub transaction: Option<String>,
    /// Somebody else, if it is not ours.
    pub by: Option<String>,
}

impl FlightSeen {
    fn of(flight: &Flight) -> Self {
        let (state, point) = match flight.standing {
            Standing::Unknown => ("unknown", None),
            Standing::Absent => ("prepared", None),
            Standing::Pending => ("pending", None),
            Standing::Included(point) => ("included", Some(point)),
            Standing::Final(point) => ("final", Some(point)),
        };
        Self {
            first: flight.payload.first().get(),
            last: flight.payload.last().get(),
            cut: flight.payload.last_cut().to_hex(),
            state: state.into(),
            transactions: flight.attempts.len(),
            height: point.map(|point| point.height),
            transaction: point
                .map(|point| format!("0x{}", ganglion_types::hex(&point.transaction))),
            by: flight.by.as_ref().map(ToString::to_string),
        }
    }
}

impl Board {
    pub(super) fn of(anchor: &dyn Anchor) -> Self {
        Self {
            chain: anchor.chain().to_string(),
            publisher: anchor.publisher().map(ToString::to_string),
            ..Self::default()
        }
    }

    /// Takes over where the outbox stands.
    pub(super) fn refresh<M: Medium>(&mut self, outbox: &Outbox<M>, rank: u32) {
        (self.done, self.certified, self.rank) = (outbox.done().get(), outbox.tip().get(), rank);
        self.queued = outbox.queued().map(|(first, last)| (first.get(), last.get()));
        self.under_way = outbox.flights().iter().map(FlightSeen::of).collect();
        let history: Vec<FlightSeen> = outbox.history().map(FlightSeen::of).collect();
        self.settled = history.into_iter().rev().take(SHOWN).collect();
        self.parked = outbox.parked().map(|(_, reason)| reason.to_string());
        self.held = outbox.is_held();
        self.spent = outbox.spent().to_string();
        if let Some(decimals) = self.decimals {
            gauge!(SPENT).set(units(outbox.spent(), decimals));
        }
        let flag = |set: bool| if set { 1.0 } else { 0.0 };
        gauge!(LAG).set(float(self.certified.saturating_sub(self.done)));
        gauge!(PENDING).set(float(self.under_way.len().try_into().unwrap_or(u64::MAX)));
        gauge!(PARKED).set(flag(self.parked.is_some()));
        gauge!(HELD).set(flag(self.held));
    }

    /// Tells people and metrics.
    pub(super) fn hear(&mut self, notice: &Notice) {
        match notice {
            Notice::Prepared(payload, prepared) => {
                counter!(PREPARED).increment(1);
                let (first, last) = (payload.first(), payload.last());
                tracing::debug!(%first, %last, nonce = prepared.nonce, "an anchor is signed");
            }
            Notice::Included(flight) => {
                let (first, last) = (flight.payload.first(), flight.payload.last());
                tracing::debug!(%first, %last, "an anchor is in a block");
            }
            Notice::Undone(payload) => {
                counter!(UNDONE).increment(1);
                let (first, last) = (payload.first(), payload.last());
                tracing::info!(%first, %last, "the block of an anchor is gone; it is tried again");
            }
            Notice::Settled(flight) => {
                counter!(SETTLED).increment(1);
                counter!(EPOCHS).increment(flight.payload.span());
                self.failure = None;
                let (first, last) = (flight.payload.first(), flight.payload.last());
                tracing::debug!(%first, %last, "an anchor is final");
            }
            Notice::Failed(error) => {
                counter!(FAILED, "reason" => error.kind()).increment(1);
                self.failure = Some(error.to_string());
                tracing::debug!(%error, "anchoring failed and is tried again");
            }
            Notice::Held(error) => {
                counter!(FAILED, "reason" => error.kind()).increment(1);
                self.failure = Some(error.to_string());
                tracing::warn!(%error, "anchors wait for money; epochs go on");
            }
            Notice::Released => tracing::info!("anchors are paid for again"),
            Notice::Parked(error) => {
                counter!(FAILED, "reason" => error.kind()).increment(1);
                self.failure = Some(error.to_string());
                tracing::error!(%error, "anchoring is parked: mend it, then `ganglion anchor retry`");
            }
            Notice::Stranger(found) => {
                counter!(STRANGERS).increment(1);
                let text = format!(
                    "{} anchored other cuts for the epochs {} to {}",
                    found.publisher,
                    found.payload.first(),
                    found.payload.last()
                );
                tracing::warn!(
                    "{text}; without a certificate for them this is a claim and no more"
                );
                self.stranger = Some(text);
            }
        }
    }

    pub(super) fn surveyed(&mut self, survey: &Survey) {
        (self.height, self.finalized) = (Some(survey.height), Some(survey.finalized));
        self.decimals = Some(survey.unit.1);
        self.balance = survey.balance.map(|balance| balance.to_string());
        self.price = Some(survey.price.to_string());
        let low = survey.balance.filter(|balance| *balance < survey.price.saturating_mul(LOW));
        let low = low.map(|_| format!("the account pays for fewer than {LOW} anchors more"));
        let warning = survey.warning.as_ref().map(ToString::to_string).or(low);
        if let Some(warning) = warning.as_ref().filter(|text| self.warning.as_ref() != Some(text)) {
            tracing::warn!("{warning}");
        }
        self.warning = warning;
        if let Some(balance) = survey.balance {
            gauge!(BALANCE).set(units(balance, survey.unit.1));
        }
    }
}

/// Shows as 0 what has not happened yet.
pub(super) fn begin_metrics() {
    for name in [SETTLED, EPOCHS, PREPARED, UNDONE, STRANGERS] {
        counter!(name).absolute(0);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float; epochs are far below 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "a gauge for people, not an account")]
fn units(amount: u128, decimals: u8) -> f64 {
    amount as f64 / 10_f64.powi(decimals.into())
}
