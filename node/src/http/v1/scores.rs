//! `GET /v1/scores`.

use axum::Json;
use axum::extract::State;

use crate::api::types::Score;
use crate::http::Shared;

/// One of a last round is a million, one of an average a billion.
const LAST_ONE: f64 = 1e6;
const AVERAGE_ONE: f64 = 1e9;

/// A validator's own view of the miners; empty elsewhere.
#[utoipa::path(
    get, path = "/scores", operation_id = "scores", tag = "node",
    responses((
        status = 200,
        description = "One entry for each miner that was scored.",
        body = Vec<Score>
    ))
)]
pub(crate) async fn get(State(app): Shared) -> Json<Vec<Score>> {
    let scores = app.now().scores;
    let rows = scores.iter().map(|(hotkey, score)| {
        // Both are far below 2^53.
        #[allow(clippy::cast_precision_loss, reason = "at most 10^9")]
        let (last, average) = (score.last as f64 / LAST_ONE, score.average as f64 / AVERAGE_ONE);
        Score { hotkey: hotkey.to_string(), tasks: score.tasks, last, average }
    });
    Json(rows.collect())
}
