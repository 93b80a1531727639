//! `GET /v1/openapi.json`: what the routes take and answer, for programs that make clients of it.
//!
//! The document is made of what stands at the routes themselves, so that there is none without a description. A copy is
//! `docs/openapi.json`.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::IntoResponse;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Content, Info, OpenApi, Paths, Ref, Response, ResponseBuilder};
use utoipa::{PartialSchema as _, ToSchema as _};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::types::ErrorBody;
use crate::http::health;

/// Name of the token among the document's security schemes, as the routes that want it say.
const TOKEN: &str = "token";
/// Version of the interface, not of the program.
const VERSION: &str = "1";
const WHAT: &str = "\
What one node of a Ganglion subnet knows, and the operations and tasks that it takes. Amounts are rao: a number up to 2^53, text \
above it. Fractions are whole numbers from 0 to 65535, keys SS58 addresses, hashes lower-case hexadecimal, times Unix \
milliseconds. Fields may be added within version 1; none is removed or changes its meaning. docs/API.md tells more.";

/// This document.
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "openapi", tag = "node",
    responses((status = 200, description = "An OpenAPI 3.1 document.", body = serde_json::Value))
)]
pub(crate) async fn get() -> impl IntoResponse {
    static TEXT: LazyLock<String> = LazyLock::new(|| text(&document()));
    ([(header::CONTENT_TYPE, "application/json")], TEXT.as_str())
}

/// The document as it is served.
#[must_use]
pub(crate) fn text(document: &OpenApi) -> String {
    // Nothing in it can fail to be written: all keys are text.
    let mut text = document.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

/// The whole document.
#[must_use]
pub(crate) fn document() -> OpenApi {
    let mut info = Info::new("Ganglion node", VERSION);
    info.description = Some(WHAT.into());
    let base = OpenApi::new(info, Paths::new());
    let health = OpenApiRouter::new()
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(super::super::metrics));
    let routes = OpenApiRouter::with_openapi(base).merge(health).nest("/v1", super::documented());
    let mut document = routes.into_openapi();
    let mut scheme = Http::new(HttpAuthScheme::Bearer);
    scheme.description = Some("What stands in `api.token` of the node's data directory.".into());
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(TOKEN, SecurityScheme::Http(scheme));
    components.schemas.insert(ErrorBody::name().into(), ErrorBody::schema());
    for (path, item) in &mut document.paths.paths {
        // What a probe asks for has forms of its own.
        if path.starts_with("/v1/") {
            operations(item).for_each(may_refuse);
        }
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post].into_iter().flatten()
}

/// Every status of 400 and above has one form.
fn may_refuse(operation: &mut Operation) {
    let body = Content::new(Some(Ref::from_schema_name(ErrorBody::name())));
    let refusal: Response = ResponseBuilder::new()
        .description("Refused: the status says which kind, the body what to do.")
        .content("application/json", body)
        .build();
    operation.responses.responses.insert("default".into(), refusal.into());
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const COPY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
    const GUIDE: &str = include_str!("../../../../docs/API.md");

    #[test]
    fn the_copy_is_what_is_served() {
        let served = text(&document());
        if std::env::var_os("GANGLION_REFERENCE").is_some() {
            std::fs::write(COPY, &served).unwrap();
        }
        let copy = std::fs::read_to_string(COPY).unwrap_or_default();
        let differs = served.lines().zip(copy.lines()).find(|(served, copy)| served != copy);
        assert!(
            served == copy,
            "docs/openapi.json is not what a node serves, first at {differs:?}; write it anew with\n\
             GANGLION_REFERENCE=1 cargo test -p ganglion --lib openapi"
        );
    }

    #[test]
    fn every_operation_has_a_name_of_its_own_and_says_what_it_does() {
        let mut document = document();
        let mut names = BTreeSet::new();
        for (path, item) in &mut document.paths.paths {
            for operation in operations(item) {
                let name = operation.operation_id.clone().unwrap_or_default();
                assert!(names.insert(name.clone()), "{path}: {name:?} is another one's");
                let summary = operation.summary.clone().unwrap_or_default();
                assert!(summary.len() > 10, "{path} does not say what it does");
            }
        }
        assert!(names.len() > 28, "{names:?}");
    }

    #[test]
    fn the_guide_names_the_same_routes() {
        let mut served = BTreeSet::new();
        for (path, item) in &document().paths.paths {
            for (method, operation) in [("GET", &item.get), ("POST", &item.post)] {
                if operation.is_some() {
                    served.insert(format!("{method} {path}"));
                }
            }
        }
        let code = GUIDE.split('`').skip(1).step_by(2);
        let route = |code: &str| code.split('?').next().unwrap_or_default().to_owned();
        let told: BTreeSet<String> = code
            .filter(|code| code.starts_with("GET /") || code.starts_with("POST /"))
            .map(route)
            .collect();
        assert_eq!(served, told, "served by a node, and told by docs/API.md");
    }
}
