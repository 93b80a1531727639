//! `POST /v1/forks`.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::value::RawValue;

use super::status::fork_seen;
use crate::api::types::ForkSeen;
use crate::http::guard::read_json;
use crate::http::{ApiError, BODY_BYTES_MAX, Shared};
use crate::proof::{ForkError, ProofFile, fork};

/// Takes a proof file made by another node. If it holds another certified cut of an epoch of this node's, the node keeps both
/// and freezes, as when a peer shows it one.
#[utoipa::path(
    post, path = "/forks", operation_id = "report_fork", tag = "operations",
    request_body = Value,
    responses((
        status = 200,
        description = "The node keeps both cuts and freezes.",
        body = ForkSeen
    )),
    security(("token" = []))
)]
pub(crate) async fn accuse(
    State(app): Shared,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ForkSeen>, ApiError> {
    let text: Box<RawValue> = read_json(&headers, body, BODY_BYTES_MAX).await?;
    let file = ProofFile::parse(text.get().as_bytes());
    let proof = file.map_err(|refusal| ApiError::bad_request(refusal.to_string()))?.proof;
    let found =
        app.audit(move |app| Ok(fork(&app.reader()?, app.now().state.manifest(), &proof)?)).await?;
    let seen = fork_seen(found.first.0.epoch, Some(&found));
    if !app.context.submit.forked(found) {
        return Err(ApiError::busy("the node is busy or stopping; try again"));
    }
    Ok(Json(seen))
}

impl From<ForkError> for ApiError {
    fn from(error: ForkError) -> Self {
        match error {
            ForkError::Store(error) => error.into(),
            error => Self::refused(error.to_string()),
        }
    }
}
