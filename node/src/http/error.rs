//! Refusals: an HTTP status, and `{code, message, cure}` as body.

use axum::Json;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ganglion_consensus::ledger::Inadmissible;
use ganglion_storage::StoreError;

use crate::api::types::ErrorBody;
use crate::fault::{self, Code};

/// A request that was not answered as asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    status: StatusCode,
    /// The rule of the ledger that says no, with its code.
    rule: Option<(&'static str, Code)>,
    message: String,
}

impl ApiError {
    /// A status with the code that belongs to it.
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, rule: None, message: message.into() }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// Was here, and is not kept any more.
    pub(super) fn gone(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, message)
    }

    /// Understood, and against a rule of the subnet.
    pub(super) fn refused(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, message)
    }

    /// Against a rule of the ledger.
    pub(super) fn against(rule: &Inadmissible) -> Self {
        Self {
            rule: Some((rule.name(), fault::inadmissible(rule))),
            ..Self::refused(rule.to_string())
        }
    }

    pub(super) fn busy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    pub(super) fn timeout(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, message)
    }

    /// Something of ours is broken: the log says what, the client that it is not to blame.
    pub(super) fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "a request failed");
        let message = "this node could not read its own data; its log says why";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }
}

/// The code of a status as the API writes it.
pub(super) fn word_of(status: StatusCode) -> String {
    code_of(status).name().replace('-', "_")
}

const fn code_of(status: StatusCode) -> Code {
    match status {
        StatusCode::BAD_REQUEST => Code::BAD_REQUEST,
        StatusCode::UNAUTHORIZED => Code::UNAUTHORIZED,
        StatusCode::NOT_FOUND => Code::NOT_FOUND,
        StatusCode::GONE => Code::GONE,
        StatusCode::METHOD_NOT_ALLOWED => Code::METHOD_NOT_ALLOWED,
        StatusCode::PAYLOAD_TOO_LARGE => Code::TOO_LARGE,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UNSUPPORTED_MEDIA_TYPE,
        StatusCode::MISDIRECTED_REQUEST => Code::WRONG_HOST,
        StatusCode::UNPROCESSABLE_ENTITY => Code::REFUSED,
        StatusCode::SERVICE_UNAVAILABLE => Code::UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT => Code::TIMEOUT,
        _ => Code::INTERNAL,
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let code = code_of(self.status);
        let body = ErrorBody {
            code: word_of(self.status),
            message: self.message,
            rule: self.rule.map(|(name, _)| name.into()),
            cure: Some(self.rule.map_or(code, |(_, code)| code).cure().into()),
        };
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        if error.is_full() {
            return Self::busy(format!("not to be read while the disk takes no writes: {error}"));
        }
        Self::internal(&error)
    }
}

impl From<PathRejection> for ApiError {
    fn from(error: PathRejection) -> Self {
        Self::bad_request(error.body_text())
    }
}

impl From<QueryRejection> for ApiError {
    fn from(error: QueryRejection) -> Self {
        Self::bad_request(error.body_text())
    }
}

impl From<BytesRejection> for ApiError {
    fn from(error: BytesRejection) -> Self {
        Self::new(error.status(), error.body_text())
    }
}
