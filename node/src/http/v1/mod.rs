//! Version 1 of the interface, one file per resource.

pub(super) mod accounts;
pub(super) mod anchors;
pub(super) mod epochs;
pub(super) mod explain;
pub(super) mod forks;
pub(super) mod ledger;
pub(super) mod metagraph;
pub(super) mod ops;
pub(super) mod parameters;
pub(super) mod peers;
pub(super) mod proof;
pub(super) mod registration;
pub(super) mod registry;
pub(super) mod revisions;
pub(super) mod scores;
pub(super) mod stages;
pub(crate) mod status;
pub(super) mod tasks;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use super::{App, token};

/// Routes that change the node's state: who calls one shows the node's token.
fn changing(app: &Arc<App>) -> Router<Arc<App>> {
    let check = axum::middleware::from_fn_with_state(Arc::clone(app), token::check);
    Router::new()
        .route("/anchors/retry", post(anchors::retry))
        .route("/forks", post(forks::accuse))
        .route("/ops", post(ops::submit))
        .route_layer(check)
}

pub(super) fn router(app: &Arc<App>) -> Router<Arc<App>> {
    changing(app)
        .route("/status", get(status::get))
        .route("/peers", get(peers::get))
        .route("/metagraph", get(metagraph::get))
        .route("/epochs", get(epochs::list))
        .route("/epochs/{epoch}", get(epochs::show))
        .route("/epochs/{epoch}/explain", get(explain::get))
        .route("/epochs/{epoch}/proof/{hotkey}", get(proof::get))
        .route("/epochs/{epoch}/replay", get(stages::replay))
        .route("/epochs/{epoch}/stages", get(stages::list))
        .route("/epochs/{epoch}/stages/{stage}", get(stages::rows))
        .route("/epochs/{epoch}/dump", get(stages::dump))
        .route("/anchors", get(anchors::get))
        .route("/anchors/entries", get(anchors::entries))
        .route("/anchors/witnesses", get(anchors::witnesses))
        .route("/anchors/find/{epoch}", get(anchors::find))
        .route("/accounts/{coldkey}", get(accounts::get))
        .route("/ledger", get(ledger::get))
        .route("/registry", get(registry::get))
        .route("/registration", get(registration::get))
        .route("/scores", get(scores::get))
        .route("/ops/check", post(ops::check))
        .route("/ops/{id}", get(ops::get))
        .route("/parameters", get(parameters::get))
        .route("/revisions", get(revisions::get))
        .route("/tasks", post(tasks::call))
}
