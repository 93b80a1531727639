//! `/v1/anchors`.

use axum::Json;
use axum::extract::{Path, Query, State};
use ganglion_types::{Epoch, Hotkey, hex};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::anchors::{Anchors, Board, Order, Shelf};
use crate::api::types::{AnchorEntry, AnchorFound, WitnessSeen};
use crate::http::{ApiError, App, Shared};

/// Entries of the witness's log in one answer.
const PAGE: usize = 100;

fn anchors(app: &App) -> Result<Anchors, ApiError> {
    let none = || ApiError::not_found("this node anchors nothing; see the setting anchor");
    app.context.anchors.clone().ok_or_else(none)
}

/// How far anchors are, what is under way, and what hinders them.
#[utoipa::path(
    get, path = "/anchors", operation_id = "anchors", tag = "anchors",
    responses((
        status = 200,
        description = "Chain, publisher, what is anchored, under way, and in the way.",
        body = Board
    ))
)]
pub(crate) async fn get(State(app): Shared) -> Result<Json<Board>, ApiError> {
    Ok(Json(anchors(&app)?.board()))
}

/// Tries everything about anchors again now.
#[utoipa::path(
    post, path = "/anchors/retry", operation_id = "retry_anchors", tag = "anchors",
    request_body = Value,
    responses((
        status = 200,
        description = "How anchors stand now that the order is given.",
        body = Board
    )),
    security(("token" = []))
)]
pub(crate) async fn retry(State(app): Shared) -> Result<Json<Board>, ApiError> {
    let anchors = anchors(&app)?;
    if !anchors.order(Order::Retry) {
        return Err(ApiError::busy("too many orders wait; try again in a moment"));
    }
    Ok(Json(anchors.board()))
}

/// Anchors of anybody's that speak about an epoch, as the chain has them.
#[utoipa::path(
    get, path = "/anchors/find/{epoch}", operation_id = "find_anchors", tag = "anchors",
    params(("epoch" = u64, Path, description = "An epoch, 0 for genesis.")),
    responses((
        status = 200,
        description = "What was found, each judged against this node's own history.",
        body = Vec<AnchorFound>
    ))
)]
pub(crate) async fn find(
    State(app): Shared,
    Path(epoch): Path<u64>,
) -> Result<Json<Vec<AnchorFound>>, ApiError> {
    let (anchors, epoch) = (anchors(&app)?, Epoch::new(epoch));
    let found = anchors.find(epoch).await;
    let found = found.map_err(|error| ApiError::busy(error.to_string()))?;
    let seen = found.iter().map(|judged| {
        let path = anchors.path(epoch, judged);
        AnchorFound::of(judged, path.as_ref())
    });
    Ok(Json(seen.collect()))
}

/// Where to begin in the witness's log.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct From {
    /// Number of the first entry.
    #[serde(default)]
    from: u64,
    /// Whose log, if not this node's own.
    witness: Option<String>,
}

/// Other nodes' logs of anchors, as far as this node keeps them.
#[utoipa::path(
    get, path = "/anchors/witnesses", operation_id = "anchor_witnesses", tag = "anchors",
    responses((
        status = 200,
        description = "One entry for each node whose log is kept.",
        body = Vec<WitnessSeen>
    ))
)]
pub(crate) async fn witnesses(State(app): Shared) -> Result<Json<Vec<WitnessSeen>>, ApiError> {
    Ok(Json(anchors(&app)?.shelf().map(Shelf::seen).unwrap_or_default()))
}

/// The next 100 entries of a log of anchors.
#[utoipa::path(
    get, path = "/anchors/entries", operation_id = "anchor_entries", tag = "anchors",
    params(From),
    responses((
        status = 200,
        description = "Entries, rising by number; none if there are no more.",
        body = Vec<AnchorEntry>
    ))
)]
pub(crate) async fn entries(
    State(app): Shared,
    Query(from): Query<From>,
) -> Result<Json<Vec<AnchorEntry>>, ApiError> {
    let anchors = anchors(&app)?;
    let read = move |_: &App| {
        let entries = match (&from.witness, anchors.shelf()) {
            (None, _) => anchors.entries(from.from, PAGE).map(|(_, entries)| entries),
            (Some(witness), shelf) => {
                let witness: Hotkey = witness.parse().map_err(|_| {
                    ApiError::bad_request("a witness is an SS58 address or 64 hex characters")
                })?;
                shelf.map_or_else(
                    || Ok(Vec::new()),
                    |shelf| shelf.entries(&witness, from.from, PAGE),
                )
            }
        };
        entries.map_err(|error| ApiError::internal(&error))
    };
    let entries = app.read(read).await?;
    let seen = entries.iter().map(|entry| AnchorEntry {
        number: entry.number,
        time: entry.time,
        first: entry.payload.first().get(),
        last: entry.payload.last().get(),
        cut: entry.payload.last_cut().to_hex(),
        id: entry.id().to_hex(),
        hotkey: entry.hotkey.to_string(),
        bytes: hex(&entry.to_bytes()),
    });
    Ok(Json(seen.collect()))
}
