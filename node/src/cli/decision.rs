//! Submits an operation and waits until a cut holds it.

use std::time::{Duration, Instant};

use ganglion_types::{Canonical as _, Item, ids::hex};

use super::exit::Failure;
use super::output;
use super::progress::ProgressLine;
use crate::api::types::{OpStatus, Status, SubmitOp, SubmittedOp};
use crate::api::{ApiError, Client};
use crate::fault::Code;

/// Pause between two questions.
const PAUSE: Duration = Duration::from_millis(400);
/// How long a node may be away while it is waited for, as in a restart.
const AWAY_MAX: Duration = Duration::from_secs(60);

/// Hands a signed operation to the node.
pub(super) fn submit(client: &Client, item: &Item) -> Result<SubmittedOp, ApiError> {
    client.post("/v1/ops", &SubmitOp { item: hex(&item.to_bytes()) }, None)
}

/// What a cut made of an operation.
pub(super) struct Decision {
    /// The cut's epoch.
    pub(super) epoch: u64,
    /// `done`, or why not.
    pub(super) outcome: String,
}

/// Waits until the operation is decided, or can no longer be. `valid_until` is its last epoch.
pub(super) fn wait(
    client: &Client,
    submitted: &SubmittedOp,
    valid_until: u64,
) -> Result<Decision, Failure> {
    let id = &submitted.id;
    output::note(&format!(
        "Taken and gossiped as {id}; waiting for the cut of epoch {}",
        submitted.epoch
    ));
    let mut line = ProgressLine::new();
    let mut answered = Instant::now();
    let mut closing = submitted.epoch;
    let mut progressed = Instant::now();
    loop {
        let asked = client.get::<OpStatus>(&format!("/v1/ops/{id}"));
        let status = asked.and_then(|op| Ok((op, client.get::<Status>("/v1/status")?)));
        match status {
            Ok((op, _)) if op.state == "decided" => {
                line.clear();
                let outcome = op.outcome.unwrap_or_else(|| "unknown".into());
                return Ok(Decision { epoch: op.epoch.unwrap_or(submitted.epoch), outcome });
            }
            Ok((op, status)) => {
                answered = Instant::now();
                if status.closing > closing {
                    (closing, progressed) = (status.closing, Instant::now());
                }
                if status.closing > valid_until {
                    return Err(expired(op, valid_until));
                }
                // Five epochs without a cut: the subnet stands still.
                let still = Duration::from_millis(status.epoch_ms.saturating_mul(5));
                if progressed.elapsed() > still.max(AWAY_MAX) {
                    return Err(standstill(id, closing));
                }
                line.show(&waiting(&status, submitted, &op));
            }
            Err(error) if error.is_transient() && answered.elapsed() < AWAY_MAX => {
                line.show("the node does not answer; waiting for it");
            }
            Err(error) => return Err(error.into()),
        }
        std::thread::park_timeout(PAUSE);
    }
}

/// Where the subnet is on its way to the cut.
fn waiting(status: &Status, submitted: &SubmittedOp, op: &OpStatus) -> String {
    let where_now = match status.deadline_in_ms {
        0 => format!("epoch {}: the window has closed, {}", status.closing, status.phase),
        ms => {
            let left = Duration::from_millis(ms).as_secs_f64();
            format!("epoch {}: the window closes in {left:.1} s", status.closing)
        }
    };
    match (&op.outcome, status.closing.saturating_sub(submitted.epoch)) {
        (Some(reason), _) => format!("{where_now}; {reason}"),
        (None, 0) => where_now,
        (None, missed) => format!("{where_now}; {missed} cuts went without it"),
    }
}

fn expired(op: OpStatus, valid_until: u64) -> Failure {
    let reason = op.outcome.map_or_else(String::new, |outcome| format!(": {outcome}"));
    let sentence = format!("no cut up to epoch {valid_until} took the operation{reason}");
    Failure::check(Code::OPERATION_EXPIRED, sentence)
}

fn standstill(id: &str, closing: u64) -> Failure {
    let sentence =
        format!("epoch {closing} is not certified for a long time, so the operation waits");
    Failure::check(Code::EPOCH_STALLED, sentence).cured(format!(
        "See `ganglion status`: validators with more than two thirds of the stake must be online. The \
         operation stays; ask for {id} at /v1/ops later."
    ))
}

impl Decision {
    /// Success, or the sentence that says why it is none.
    pub(super) fn require_done(&self) -> Result<(), Failure> {
        match self.outcome.as_str() {
            "done" => Ok(()),
            "unknown" => Err(Failure::check(
                Code::OUTCOME_UNKNOWN,
                "a cut holds the operation, but the node was restarted and no longer knows what \
                 became of it",
            )),
            reason => Err(Failure::check(Code::NOT_DONE, reason)),
        }
    }
}
