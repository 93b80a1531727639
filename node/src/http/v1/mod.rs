//! Version 1 of the interface, one file per resource.

pub(super) mod accounts;
pub(super) mod anchors;
pub(super) mod epochs;
pub(super) mod explain;
pub(super) mod forks;
pub(super) mod ledger;
pub(super) mod metagraph;
pub(crate) mod openapi;
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
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{App, token};

type Routes = OpenApiRouter<Arc<App>>;

/// Routes that change the node's state: who calls one shows the node's token.
fn changing() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(anchors::retry))
        .routes(routes!(forks::accuse))
        .routes(routes!(ops::submit))
}

fn reading() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(status::get))
        .routes(routes!(peers::get))
        .routes(routes!(metagraph::get))
        .routes(routes!(epochs::list))
        .routes(routes!(epochs::show))
        .routes(routes!(explain::get))
        .routes(routes!(proof::get))
        .routes(routes!(stages::replay))
        .routes(routes!(stages::list))
        .routes(routes!(stages::rows))
        .routes(routes!(stages::dump))
        .routes(routes!(anchors::get))
        .routes(routes!(anchors::entries))
        .routes(routes!(anchors::witnesses))
        .routes(routes!(anchors::find))
        .routes(routes!(accounts::get))
        .routes(routes!(ledger::get))
        .routes(routes!(registry::get))
        .routes(routes!(registration::get))
        .routes(routes!(scores::get))
        .routes(routes!(ops::check))
        .routes(routes!(ops::get))
        .routes(routes!(parameters::get))
        .routes(routes!(revisions::get))
        .routes(routes!(tasks::call))
        .routes(routes!(openapi::get))
}

/// What stands at the routes, which [`openapi`] makes a document of.
pub(super) fn documented() -> Routes {
    changing().merge(reading())
}

pub(super) fn router(app: &Arc<App>) -> Router<Arc<App>> {
    let check = axum::middleware::from_fn_with_state(Arc::clone(app), token::check);
    changing().route_layer(check).merge(reading()).into()
}
