//! What every request passes: the right host, a free place, a time limit, and errors as JSON.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::Semaphore;

use super::BODY_BYTES_MAX;
use super::error::{ApiError, word_of};

/// Requests answered at a time. They read a snapshot or a few rows: this is far more than a CPU
/// can do, and it bounds the threads that read the disk.
const REQUESTS_MAX: usize = 64;
/// Task calls at a time: each waits for miners, at most a minute.
const TASK_CALLS_MAX: usize = 16;
/// Time for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Time for the answer to a task call: the longest that may be asked for, and a margin.
const TASK_ANSWER_MAX: Duration = Duration::from_secs(65);
/// Time for what may execute many epochs again. One at a time does so; after this it is still under way.
const AUDIT_ANSWER_MAX: Duration = Duration::from_secs(60);
/// Bytes of an error text of the framework that is passed on.
const TEXT_BYTES_MAX: usize = 4 << 10;

#[derive(Debug)]
pub(super) struct Guard {
    hosts: Hosts,
    requests: Semaphore,
    tasks: Semaphore,
}

impl Guard {
    pub(super) fn new(hosts: Hosts) -> Self {
        let (requests, tasks) = (Semaphore::new(REQUESTS_MAX), Semaphore::new(TASK_CALLS_MAX));
        Self { hosts, requests, tasks }
    }
}

/// The middleware.
pub(super) async fn check(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("none", MatchedPath::as_str).to_owned();
    let answering = crate::metrics::Answering::begin();
    let response = admit(&guard, request, next).await;
    let status = response.status();
    // A node that is not ready says so with an error's status, as probes want it.
    let refused = (status.is_client_error() || status.is_server_error()) && route != "/readyz";
    answering.end(route, status.as_u16(), refused.then(|| word_of(status)));
    response
}

async fn admit(guard: &Guard, request: Request, next: Next) -> Response {
    if let Err(error) = guard.hosts.check(request.uri(), request.headers()) {
        return error.into_response();
    }
    // Whether the process lives must be told even when it is busy. Metrics are made for all who wait at
    // once, so that waiting for them takes no place.
    if matches!(request.uri().path(), "/healthz" | "/metrics") {
        return next.run(request).await;
    }
    let request = match tokio::time::timeout(ANSWER_MAX, whole(request)).await {
        Ok(Ok(request)) => request,
        Ok(Err(error)) => return error.into_response(),
        Err(_) => return ApiError::timeout("the body did not arrive in time").into_response(),
    };
    let is_task = request.uri().path() == "/v1/tasks";
    let (places, limit) = match (is_task, is_audit(request.uri().path())) {
        (true, _) => (&guard.tasks, TASK_ANSWER_MAX),
        (false, true) => (&guard.requests, AUDIT_ANSWER_MAX),
        (false, false) => (&guard.requests, ANSWER_MAX),
    };
    let Ok(_place) = places.try_acquire() else {
        return ApiError::busy("too many requests at a time; try again").into_response();
    };
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => as_json(response).await,
        Err(_) => ApiError::timeout("no answer in time; the node is overloaded").into_response(),
    }
}

/// The request once its body is here. A place is for those who can be answered: one that is sent slowly
/// waits at its own connection only. What says that it is over the limit is refused by whoever reads it.
async fn whole(request: Request) -> Result<Request, ApiError> {
    if announced(request.headers()).is_some_and(|bytes| bytes > BODY_BYTES_MAX) {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, BODY_BYTES_MAX).await;
    // What breaks off otherwise has nobody left to read an answer.
    let bytes = bytes.map_err(|_| too_large(BODY_BYTES_MAX))?;
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

/// Bytes that a body will have, if the request says so.
fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(limit: usize) -> ApiError {
    let message = format!("the body is over the limit of {limit} bytes");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, message)
}

fn is_audit(path: &str) -> bool {
    let parts = path.strip_prefix("/v1/epochs/").and_then(|rest| rest.split_once('/'));
    let what = parts.and_then(|(_, rest)| rest.split('/').next());
    matches!(what, Some("proof" | "replay" | "stages" | "dump"))
}

/// Errors that the framework words itself get our form.
async fn as_json(response: Response) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let kind = response.headers().get(header::CONTENT_TYPE).map(header_bytes);
    if !is_error || kind.is_some_and(|kind| kind.starts_with(b"application/json")) {
        return response;
    }
    let (parts, body) = response.into_parts();
    let text = axum::body::to_bytes(body, TEXT_BYTES_MAX).await.unwrap_or_default();
    let text = match String::from_utf8_lossy(&text).into_owned() {
        empty if empty.is_empty() => status.canonical_reason().unwrap_or("refused").to_lowercase(),
        text => text,
    };
    let mut response = ApiError::new(status, text).into_response();
    if let Some(allow) = parts.headers.get(header::ALLOW) {
        response.headers_mut().insert(header::ALLOW, allow.clone());
    }
    response
}

fn header_bytes(value: &axum::http::HeaderValue) -> &[u8] {
    value.as_bytes()
}

/// Refuses a body that a web page of another site could have sent without asking: browsers ask
/// first for this content type.
pub(super) fn require_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
    match essence {
        Some(essence) if essence.eq_ignore_ascii_case("application/json") => Ok(()),
        _ => Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send JSON with the header `content-type: application/json`",
        )),
    }
}

/// Reads a JSON body within the limit of the router.
pub(super) async fn read_json<T: serde::de::DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<T, ApiError> {
    require_json(headers)?;
    if announced(headers).is_some_and(|bytes| bytes > limit) {
        return Err(too_large(limit));
    }
    let bytes = axum::body::to_bytes(body, limit).await.map_err(|_| too_large(limit))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| ApiError::bad_request(format!("the body does not fit: {error}")))
}

/// Names this server answers to.
///
/// A browser on this machine can be led here by a page whose own name was made to resolve to our
/// address; it then sends that name. An address in the header cannot have come about that way.
#[derive(Clone, Debug)]
pub(super) struct Hosts {
    names: Vec<String>,
}

impl Hosts {
    pub(super) fn new(names: &[String]) -> Self {
        Self { names: names.iter().map(|name| name.to_ascii_lowercase()).collect() }
    }

    fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
        let header = headers.get(header::HOST).and_then(|value| value.to_str().ok());
        let Some(authority) = uri.authority().map(|name| name.as_str()).or(header) else {
            return Err(ApiError::bad_request("the request has no Host header"));
        };
        if self.admits(authority) {
            return Ok(());
        }
        Err(ApiError::new(
            StatusCode::MISDIRECTED_REQUEST,
            "this node does not answer to that host name: use its IP address or localhost",
        ))
    }

    fn admits(&self, authority: &str) -> bool {
        let host = host_of(authority).trim_end_matches('.').to_ascii_lowercase();
        host == "localhost" || host.parse::<IpAddr>().is_ok() || self.names.contains(&host)
    }
}

/// The host of `host`, `host:port`, `[v6]` or `[v6]:port`.
fn host_of(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split(']').next().unwrap_or("");
    }
    authority.rsplit_once(':').map_or(authority, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_own_names_are_hosts_and_others_are_not() {
        let hosts = Hosts::new(&["Node-1.example".into()]);
        for good in [
            "127.0.0.1",
            "127.0.0.1:7880",
            "[::1]:7880",
            "[::1]",
            "LOCALHOST:1",
            "localhost.",
            "10.0.0.7:80",
            "node-1.example:7880",
        ] {
            assert!(hosts.admits(good), "{good}");
        }
        for bad in ["", "evil.example", "127.0.0.1.evil.example:7880", "localhost.evil", "[evil]"] {
            assert!(!hosts.admits(bad), "{bad}");
        }
    }
}
