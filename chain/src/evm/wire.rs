//! How requests get to the chain's node and answers back: HTTP with or without TLS, bounded in bytes and time.
//!
//! alloy's own HTTP transport reads an answer of any length into memory. This one has the node's HTTP client beneath it, on
//! tokio's blocking threads, and follows no redirect: whom the operator named is asked, and nobody else.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use alloy::rpc::json_rpc::{RequestPacket, ResponsePacket};
use alloy::transports::{TransportError, TransportErrorKind, TransportFut, TransportResult};
use tower_service::Service;
use ureq::http::Uri;
use ureq::tls::{RootCerts, TlsConfig};

use crate::{AnchorError, Reason, limits};

/// Time of one request, from the connection to the last byte.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Too many requests.
const BUSY: u16 = 429;

/// Whether requests and answers to this address pass over a network as anybody may read and change them; `None` if it is
/// no address of a chain's node.
#[must_use]
pub fn is_open(rpc: &str) -> Option<bool> {
    let uri: Uri = rpc.parse().ok()?;
    let host = uri.host().filter(|host| !host.is_empty())?;
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let here = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    match uri.scheme_str()? {
        "https" => Some(false),
        "http" => Some(!here),
        _ => None,
    }
}

/// A node of the chain.
#[derive(Clone, Debug)]
pub(super) struct Wire(Arc<Node>);

#[derive(Debug)]
enum Node {
    Http {
        agent: ureq::Agent,
        url: String,
    },
    /// What it will have answered.
    Recorded(Mutex<VecDeque<Vec<u8>>>),
}

/// What came over HTTP.
struct Answer {
    status: u16,
    /// How long the node asks to wait.
    wait: Option<Duration>,
    body: Vec<u8>,
}

impl Wire {
    /// Asks nobody yet.
    pub(super) fn new(url: &str) -> Self {
        // The certificates that the machine trusts, so that an operator's own authority counts as well.
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .tls_config(tls)
            .build();
        Self(Arc::new(Node::Http { agent: config.into(), url: url.to_owned() }))
    }

    /// A node that answers these, one a request, and then nothing more.
    pub(super) fn recorded(answers: Vec<Vec<u8>>) -> Self {
        Self(Arc::new(Node::Recorded(Mutex::new(answers.into()))))
    }
}

impl Service<RequestPacket> for Wire {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<TransportResult<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: RequestPacket) -> Self::Future {
        let node = self.0.clone();
        Box::pin(async move {
            let limit = largest_answer(&request);
            let body = request.serialize().map_err(TransportError::ser_err)?;
            let answer = match &*node {
                Node::Recorded(answers) => {
                    let next = answers.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let body = next.ok_or_else(|| lost("no more answers were recorded"))?;
                    Answer { status: 200, wait: None, body }
                }
                Node::Http { agent, url } => {
                    let (agent, url) = (agent.clone(), url.clone());
                    let asked = move || ask(&agent, &url, body.get(), limit);
                    let asked = tokio::task::spawn_blocking(asked).await;
                    asked.unwrap_or_else(|_| Err(lost("the request was given up")))?
                }
            };
            read(&answer)
        })
    }
}

/// Most bytes that the answer to a request may have.
fn largest_answer(request: &RequestPacket) -> u64 {
    if request.method_names().all(|method| method == "eth_getLogs") {
        limits::RPC_LOG_BYTES
    } else {
        limits::RPC_BYTES
    }
}

fn ask(agent: &ureq::Agent, url: &str, body: &str, limit: u64) -> TransportResult<Answer> {
    let lost = |error: ureq::Error| lost(&error.to_string());
    let request = agent.post(url).header("content-type", "application/json");
    let mut answer = request.send(body).map_err(lost)?;
    let wait = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let wait = wait.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    let status = answer.status().as_u16();
    let body = answer.body_mut().with_config().limit(limit).read_to_vec().map_err(lost)?;
    Ok(Answer { status, wait, body })
}

/// Some nodes send the errors of JSON-RPC with an error of HTTP: then the former says more.
fn read(answer: &Answer) -> TransportResult<ResponsePacket> {
    let status = answer.status;
    if status == BUSY {
        let text = String::from("too many requests");
        return Err(TransportErrorKind::http_error_with_retry_after(status, text, answer.wait));
    }
    serde_json::from_slice(&answer.body)
        .map_err(|error| lost(&format!("no answer of JSON-RPC (HTTP status {status}): {error}")))
}

fn lost(reason: &str) -> TransportError {
    TransportErrorKind::custom_str(reason)
}

impl From<TransportError> for AnchorError {
    /// For requests that change nothing.
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::ErrorResp(said) => {
                let reason = Reason::new(format!("{} ({})", said.message, said.code));
                match said.code {
                    -32005 => Self::RateLimited { wait: None, reason },
                    -32601 | -32602 => Self::Refused(reason),
                    _ => Self::Unreachable(reason),
                }
            }
            TransportError::Transport(kind) => {
                let reason = Reason::new(kind.to_string());
                match kind.as_http_error() {
                    Some(error) if error.status == BUSY => {
                        Self::RateLimited { wait: kind.retry_after(), reason }
                    }
                    _ => Self::Unreachable(reason),
                }
            }
            // Its text is the whole answer.
            TransportError::DeserError { err, .. } => {
                Self::Unreachable(Reason::new(format!("an answer of another form: {err}")))
            }
            other => Self::Unreachable(Reason::new(other.to_string())),
        }
    }
}
