//! `GET /v1/metagraph`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ganglion_consensus::ledger::{EpochResult, Participant, State as Ledger};
use ganglion_types::{Epoch, Role, Uid};

use crate::api::types::{Amount, Metagraph, MetagraphRow};
use crate::http::{ApiError, App, Shared, epochs};
use crate::view::Snapshot;

/// All participants with their figures of the last epoch.
#[utoipa::path(
    get, path = "/metagraph", operation_id = "metagraph", tag = "subnet",
    responses((status = 200, description = "One entry for each uid, rising.", body = Metagraph))
)]
pub(crate) async fn get(State(app): Shared) -> Result<Json<Metagraph>, ApiError> {
    app.read(|app| {
        let now = app.now();
        let result = last_result(app, &now)?;
        let (epoch, cut) = now.head();
        let rows = rows(&now.state, &result, |_| true);
        Ok(Json(Metagraph { epoch: epoch.get(), cut: cut.to_hex(), rows }))
    })
    .await
}

/// The result of the last epoch; empty after genesis.
pub(crate) fn last_result(app: &App, now: &Snapshot) -> Result<Arc<EpochResult>, ApiError> {
    let epoch = now.state.epoch();
    match &now.result {
        Some(result) if result.header.epoch == epoch => Ok(Arc::clone(result)),
        _ if epoch == Epoch::GENESIS => Ok(Arc::default()),
        _ => epochs::result(&app.reader()?, epoch).map(Arc::new),
    }
}

/// The participants that are wanted, with their figures of the last epoch.
pub(crate) fn rows(
    state: &Ledger,
    result: &EpochResult,
    wanted: impl Fn(&Participant) -> bool,
) -> Vec<MetagraphRow> {
    let figures = |uid: Uid, one: &Participant| {
        result.row(uid).filter(|row| row.hotkey == one.hotkey).copied()
    };
    let mut incentives: Vec<u16> = state
        .participants()
        .filter(|(_, one)| one.role == Role::Miner)
        .map(|(uid, one)| figures(uid, one).map_or(0, |row| row.incentive))
        .collect();
    incentives.sort_unstable_by(|a, b| b.cmp(a));
    let place = |incentive: u16| {
        let better = incentives.partition_point(|other| *other > incentive);
        u16::try_from(better + 1).unwrap_or(u16::MAX)
    };
    let row = |(uid, one): (Uid, &Participant)| {
        let figures = figures(uid, one);
        let incentive = figures.map_or(0, |row| row.incentive);
        MetagraphRow {
            uid: uid.get(),
            hotkey: one.hotkey.to_string(),
            coldkey: one.coldkey.to_string(),
            role: one.role.name().into(),
            stake_rao: Amount(one.stake.get()),
            delegated_rao: Amount(state.delegated(uid).get()),
            take: one.take,
            permit: one.permit,
            active: is_active(state, one),
            consensus: figures.map_or(0, |row| row.consensus),
            incentive,
            dividends: figures.map_or(0, |row| row.dividends),
            validator_trust: figures.map_or(0, |row| row.validator_trust),
            paid_rao: Amount(figures.map_or(0, |row| row.paid.get())),
            paid_delegators_rao: Amount(figures.map_or(0, |row| row.delegated.get())),
            rank: (one.role == Role::Miner).then(|| place(incentive)),
            last_update: one.last_update.get(),
            registered_at: one.registered_at.get(),
            immune_until: immune_until(state, one).get(),
            nonce: one.nonce,
        }
    };
    state.participants().filter(|(_, one)| wanted(one)).map(row).collect()
}

/// The first epoch in which a participant is no newcomer any more.
pub(crate) fn immune_until(state: &Ledger, one: &Participant) -> Epoch {
    let period = state.hyperparameters().immunity_period;
    Epoch::new(one.registered_at.get().saturating_add(period))
}

/// Yuma's activity rule at the last epoch.
fn is_active(state: &Ledger, one: &Participant) -> bool {
    let cutoff = state.hyperparameters().activity_cutoff;
    one.last_update.get().saturating_add(cutoff) >= state.epoch().get()
}
