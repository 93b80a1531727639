//! `GET /v1/registration`.

use axum::Json;
use axum::extract::State;
use ganglion_consensus::ledger::{RECENT_CUTS, State as Ledger};

use super::metagraph;
use crate::api::types::{Amount, Registration, Replaced};
use crate::http::Shared;

/// What a registration has to be bound to, what it costs, and whom it would replace.
#[utoipa::path(
    get, path = "/registration", operation_id = "registration", tag = "subnet",
    responses((
        status = 200,
        description = "What a registration that is made now has to name and pay.",
        body = Registration
    ))
)]
pub(crate) async fn get(State(app): Shared) -> Json<Registration> {
    let state = app.now().state;
    let rules = state.hyperparameters();
    let held = u16::try_from(state.participants().count()).unwrap_or(u16::MAX);
    // A registration in the cut of epoch e may be bound to cuts e-1 down to e-1-RECENT_CUTS.
    let cuts = u64::try_from(RECENT_CUTS).unwrap_or(0) + 1;
    Json(Registration {
        subnet: state.subnet().to_hex(),
        prev: state.head().to_hex(),
        epoch: state.epoch().get(),
        holds_until: state.epoch().get().saturating_add(cuts),
        difficulty: state.chain().difficulty,
        burn_price_rao: Amount(state.chain().burn_price.get()),
        free: rules.max_allowed_uids.saturating_sub(held),
        replaces: replaced(&state),
        allowed: rules.registration_allowed && rules.max_registrations_per_epoch > 0,
        per_epoch: rules.max_registrations_per_epoch,
        epoch_ms: state.timing().epoch_ms,
    })
}

fn replaced(state: &Ledger) -> Option<Replaced> {
    if state.vacancy().is_some() {
        return None;
    }
    let uid = state.prunable()?;
    let one = state.participant(uid)?;
    let immune = state.next_epoch() < metagraph::immune_until(state, one);
    Some(Replaced { uid: uid.get(), hotkey: one.hotkey.to_string(), immune })
}
