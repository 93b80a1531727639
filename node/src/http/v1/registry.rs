//! `/v1/registry`.

use axum::Json;
use axum::extract::State;

use crate::api::types::{RegistryPoint, RegistryView};
use crate::http::{ApiError, Shared};
use crate::observer;

/// The registry of another chain, if the subnet follows one.
#[utoipa::path(
    get, path = "/registry", operation_id = "registry", tag = "subnet",
    responses((
        status = 200,
        description = "What was taken from the chain last, and what this node reads.",
        body = RegistryView
    ))
)]
pub(crate) async fn get(State(app): Shared) -> Result<Json<RegistryView>, ApiError> {
    let now = app.context.view.now();
    let source = now.state.manifest().registry.ok_or_else(|| {
        ApiError::not_found("this subnet keeps its own registry; see /v1/metagraph")
    })?;
    let taken = now.state.external().map(|external| RegistryPoint {
        height: external.point.height,
        block: external.point.block.to_hex(),
        digest: external.point.digest.to_hex(),
        permits: external.permits.len(),
    });
    Ok(Json(RegistryView {
        genesis: source.genesis.to_hex(),
        netuid: source.netuid,
        every: source.every,
        taken,
        read: app.context.registry.as_ref().map(observer::seen_now),
    }))
}
