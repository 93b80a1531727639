//! `GET /v1/epochs/N/proof/HOTKEY`.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use ganglion_types::{Epoch, Hotkey};
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use super::epochs::epoch_of;
use crate::fault::{Curable as _, Fault};
use crate::http::{ApiError, Shared};
use crate::proof::{BuildError, ProofFile, build};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct From {
    /// Epoch of the checkpoint, 0 if not given.
    from: Option<u64>,
}

/// A proof file, from the checkpoint `from` on, by default genesis.
#[utoipa::path(
    get, path = "/epochs/{epoch}/proof/{hotkey}", operation_id = "proof", tag = "epochs",
    params(
        ("epoch" = u64, Path, description = "An epoch, 0 for genesis."),
        ("hotkey" = String, Path, description = "SS58 address or 64 hexadecimal digits."),
        From,
    ),
    responses((
        status = 200,
        description = "The proof, as `ganglion verify` reads it.",
        body = Value
    ))
)]
pub(crate) async fn get(
    State(app): Shared,
    path: Result<Path<(String, String)>, PathRejection>,
    from: Result<Query<From>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let Path((epoch, hotkey)) = path?;
    let from = Epoch::new(from?.0.from.unwrap_or(0));
    let epoch = epoch_of(&epoch)?;
    let hotkey: Hotkey = hotkey
        .parse()
        .map_err(|_| ApiError::bad_request("a hotkey is an SS58 address or 64 hex characters"))?;
    app.audit(move |app| {
        let now = app.now();
        let proof = build(&app.reader()?, now.state.manifest(), from, epoch, hotkey)?;
        Ok(Json(ProofFile::to_value(&proof)))
    })
    .await
}

impl std::convert::From<BuildError> for ApiError {
    fn from(error: BuildError) -> Self {
        match error.fault() {
            _ if error.is_gone() => Self::gone(error.to_string()),
            Fault::Input => Self::not_found(error.to_string()),
            _ => Self::internal(&error),
        }
    }
}
