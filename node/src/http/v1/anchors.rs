//! `/v1/anchors`.

use axum::Json;
use axum::extract::{Path, Query, State};
use ganglion_types::{Epoch, Hotkey, hex};
use serde::Deserialize;

use crate::anchors::{Anchors, Board, Order, Shelf};
use crate::api::types::{AnchorEntry, AnchorFound, WitnessSeen};
use crate::http::{ApiError, App, Shared};

/// Entries of the witness's log in one answer.
const PAGE: usize = 100;

fn anchors(app: &App) -> Result<Anchors, ApiError> {
    let none = || ApiError::not_found("this node anchors nothing; see the setting anchor");
    app.context.anchors.clone().ok_or_else(none)
}

pub(crate) async fn get(State(app): Shared) -> Result<Json<Board>, ApiError> {
    Ok(Json(anchors(&app)?.board()))
}

pub(crate) async fn retry(State(app): Shared) -> Result<Json<Board>, ApiError> {
    let anchors = anchors(&app)?;
    if !anchors.order(Order::Retry) {
        return Err(ApiError::busy("too many orders wait; try again in a moment"));
    }
    Ok(Json(anchors.board()))
}

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
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct From {
    /// Number of the first entry.
    #[serde(default)]
    from: u64,
    /// Whose log, if not this node's own.
    witness: Option<String>,
}

pub(crate) async fn witnesses(State(app): Shared) -> Result<Json<Vec<WitnessSeen>>, ApiError> {
    Ok(Json(anchors(&app)?.shelf().map(Shelf::seen).unwrap_or_default()))
}

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
