//! `GET /v1/epochs/N/stages`, `/stages/NAME`, `/dump` and `/replay`: what the roots are made of.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use ganglion_consensus::ledger::stages::{Stage, stage_name, stage_number, stages};
use ganglion_types::{Cut, Epoch, hex};
use serde::Deserialize;
use utoipa::IntoParams;

use super::epochs::epoch_of;
use crate::api::types::{ReplayReport, StageDigest, StageRow, StageRows, Stages};
use crate::audit::{AuditError, Dump, read_epoch, verdict};
use crate::fault::{Curable as _, Fault};
use crate::http::epochs::load;
use crate::http::{ApiError, App, Shared};

const LIMIT_MAX: usize = 1_000;
const LIMIT_DEFAULT: usize = 100;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// A key in hexadecimal: rows after it.
    after: Option<String>,
    /// How many, 1 to 1000; 100 if not given.
    #[param(minimum = 1, maximum = 1_000)]
    limit: Option<usize>,
}

/// Cut and stages of an epoch: from memory for the last few, else executed again.
fn taken_apart(app: &App, epoch: Epoch) -> Result<(Cut, Vec<Stage>), ApiError> {
    let now = app.now();
    let reader = &app.reader()?;
    if let Some((state, result)) = now.recent.get(&epoch)
        && let Some(decided) = load(reader, &now.state, epoch)?
    {
        return Ok((decided.cut, stages(state, result)));
    }
    let replayed = read_epoch(reader, now.state.manifest(), epoch)?;
    Ok((replayed.cut, stages(&replayed.state, &replayed.result)))
}

/// Digests of what the roots of an epoch are made of.
#[utoipa::path(
    get, path = "/epochs/{epoch}/stages", operation_id = "stages", tag = "epochs",
    params(("epoch" = u64, Path, description = "An epoch, 0 for genesis.")),
    responses((
        status = 200,
        description = "A digest of each state table, of the result and of the next committee.",
        body = Stages
    ))
)]
pub(crate) async fn list(
    State(app): Shared,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Stages>, ApiError> {
    let epoch = epoch_of(&path?.0)?;
    app.audit(move |app| {
        let (cut, stages) = taken_apart(app, epoch)?;
        let stages = stages.iter().map(|stage| {
            let digest = stage.digest();
            StageDigest {
                name: stage_name(stage.number).into(),
                rows: digest.rows,
                digest: digest.digest.to_hex(),
            }
        });
        Ok(Json(Stages { epoch: epoch.get(), cut: cut.id().to_hex(), stages: stages.collect() }))
    })
    .await
}

/// Rows of one stage, rising by key.
#[utoipa::path(
    get, path = "/epochs/{epoch}/stages/{stage}", operation_id = "stage_rows", tag = "epochs",
    params(
        ("epoch" = u64, Path, description = "An epoch, 0 for genesis."),
        ("stage" = String, Path, description = "Name of a stage, as in the list of them."),
        Page,
    ),
    responses((
        status = 200,
        description = "At most `limit` rows; `more` says whether others follow.",
        body = StageRows
    ))
)]
pub(crate) async fn rows(
    State(app): Shared,
    path: Result<Path<(String, String)>, PathRejection>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<StageRows>, ApiError> {
    let (Path((epoch, name)), Query(page)) = (path?, page?);
    let epoch = epoch_of(&epoch)?;
    let number = stage_number(&name)
        .ok_or_else(|| ApiError::not_found(format!("there is no stage {name:?}")))?;
    let limit = page.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(ApiError::bad_request("`limit` must be 1 to 1000"));
    }
    let after = page.after.map(hex::decode).transpose();
    let after = after.map_err(|_| ApiError::bad_request("`after` is a key in hexadecimal"))?;
    app.audit(move |app| {
        let (_, stages) = taken_apart(app, epoch)?;
        let stage = stages.into_iter().find(|stage| stage.number == number);
        let all = stage.map(|stage| stage.rows).unwrap_or_default();
        let mut rest =
            all.into_iter().filter(|(key, _)| after.as_ref().is_none_or(|one| key > one));
        let rows = rest.by_ref().take(limit);
        let rows: Vec<StageRow> =
            rows.map(|(key, value)| StageRow { key: hex(&key), value: hex(&value) }).collect();
        Ok(Json(StageRows { epoch: epoch.get(), stage: name, rows, more: rest.next().is_some() }))
    })
    .await
}

/// Everything at once, for a comparison.
#[utoipa::path(
    get, path = "/epochs/{epoch}/dump", operation_id = "dump_epoch", tag = "epochs",
    params(("epoch" = u64, Path, description = "An epoch, 0 for genesis.")),
    responses((
        status = 200,
        description = "The cut, and every stage with all its rows.",
        body = Dump
    ))
)]
pub(crate) async fn dump(
    State(app): Shared,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Dump>, ApiError> {
    let epoch = epoch_of(&path?.0)?;
    app.audit(move |app| {
        let (cut, stages) = taken_apart(app, epoch)?;
        Ok(Json(Dump::new(&cut, &stages)))
    })
    .await
}

/// Executes the epoch again and compares it with what is stored.
#[utoipa::path(
    get, path = "/epochs/{epoch}/replay", operation_id = "replay_epoch", tag = "epochs",
    params(("epoch" = u64, Path, description = "An epoch, 0 for genesis.")),
    responses((
        status = 200,
        description = "Whether all is equal, and the first row that differs.",
        body = ReplayReport
    ))
)]
pub(crate) async fn replay(
    State(app): Shared,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<ReplayReport>, ApiError> {
    let epoch = epoch_of(&path?.0)?;
    app.audit(move |app| {
        let now = app.now();
        let reader = &app.reader()?;
        let replayed = read_epoch(reader, &Arc::clone(now.state.manifest()), epoch)?;
        Ok(Json(ReplayReport::from(&verdict(reader, &replayed)?)))
    })
    .await
}

impl From<AuditError> for ApiError {
    fn from(error: AuditError) -> Self {
        match error.fault() {
            _ if matches!(error, AuditError::Pruned { .. }) => Self::gone(error.to_string()),
            Fault::Input => Self::not_found(error.to_string()),
            Fault::Check | Fault::Divergence => Self::refused(error.to_string()),
            Fault::Environment => Self::internal(&error),
        }
    }
}
