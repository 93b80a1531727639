//! JSON-RPC over HTTP, one request at a time, on tokio's blocking threads.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{AnchorError, Reason, limits};

/// Time of one request, from the connection to the last byte.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What the chain's node said instead of a result.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// No answer that is one.
    Unreachable(String),
    /// Too many requests.
    Busy(String),
    /// An error of the protocol.
    Said { code: i64, message: String, data: String },
}

impl From<Fault> for AnchorError {
    /// For requests that change nothing.
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unreachable(reason) => Self::Unreachable(Reason::new(reason)),
            Fault::Busy(reason) => Self::RateLimited { wait: None, reason: Reason::new(reason) },
            Fault::Said { code: -32005, message, .. } => {
                Self::RateLimited { wait: None, reason: Reason::new(message) }
            }
            Fault::Said { code: code @ (-32601 | -32602), message, .. } => {
                Self::Refused(Reason::new(format!("{message} ({code})")))
            }
            Fault::Said { code, message, .. } => {
                Self::Unreachable(Reason::new(format!("{message} ({code})")))
            }
        }
    }
}

/// A node of the chain.
#[derive(Clone, Debug)]
pub(super) struct Rpc {
    agent: ureq::Agent,
    url: String,
}

impl Rpc {
    pub(super) fn new(url: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .build();
        Self { agent: config.into(), url: url.to_owned() }
    }

    /// Asks, and waits for the answer elsewhere.
    pub(super) async fn call(&self, method: &'static str, params: Value) -> Result<Value, Fault> {
        let (agent, url) = (self.agent.clone(), self.url.clone());
        let asked = tokio::task::spawn_blocking(move || ask(&agent, &url, method, &params));
        asked.await.unwrap_or_else(|_| Err(Fault::Unreachable("the request was given up".into())))
    }
}

fn ask(agent: &ureq::Agent, url: &str, method: &str, params: &Value) -> Result<Value, Fault> {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let lost = |error: ureq::Error| Fault::Unreachable(error.to_string());
    let mut answer = agent.post(url).send_json(&body).map_err(lost)?;
    let status = answer.status().as_u16();
    if status == 429 {
        return Err(Fault::Busy("too many requests (429)".into()));
    }
    let text = answer.body_mut().with_config().limit(limits::RPC_BYTES).read_to_vec();
    let text = text.map_err(lost)?;
    let Ok(answer) = serde_json::from_slice::<Value>(&text) else {
        return Err(Fault::Unreachable(format!("the answer is no JSON (HTTP status {status})")));
    };
    if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
        let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
        let code = error.get("code").and_then(Value::as_i64).unwrap_or(0);
        return Err(Fault::Said { code, message: text("message"), data: text("data") });
    }
    match answer.get("result") {
        Some(result) => Ok(result.clone()),
        None => Err(Fault::Unreachable(format!("no result in the answer (HTTP status {status})"))),
    }
}

/// `0x` and as few digits as possible, as the protocol writes numbers.
pub(super) fn quantity(number: u64) -> String {
    format!("0x{number:x}")
}

/// `0x` and two digits per byte.
pub(super) fn data(bytes: &[u8]) -> String {
    format!("0x{}", ganglion_types::hex(bytes))
}

/// A number of the protocol.
pub(super) fn number(value: &Value) -> Result<u128, AnchorError> {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x"));
    let number = digits.and_then(|digits| u128::from_str_radix(digits, 16).ok());
    number.ok_or_else(|| odd("a number", value))
}

/// The same where it fits 64 bits: heights, times, counts.
pub(super) fn small(value: &Value) -> Result<u64, AnchorError> {
    u64::try_from(number(value)?).map_err(|_| odd("a number", value))
}

/// Bytes of the protocol.
pub(super) fn bytes(value: &Value) -> Result<Vec<u8>, AnchorError> {
    value.as_str().and_then(unhex).ok_or_else(|| odd("bytes", value))
}

/// 32 bytes of the protocol.
pub(super) fn hash(value: &Value) -> Result<[u8; 32], AnchorError> {
    bytes(value)?.try_into().map_err(|_| odd("a hash", value))
}

/// An answer that the protocol does not allow: the node's fault, and perhaps another one answers next time.
fn odd(what: &str, value: &Value) -> AnchorError {
    AnchorError::Unreachable(Reason::new(format!("{value} is not {what}")))
}

/// Bytes of hexadecimal digits, with or without `0x`.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x").unwrap_or(text).as_bytes();
    let nibble = |digit: &u8| char::from(*digit).to_digit(16).and_then(|n| u8::try_from(n).ok());
    let pairs = digits.chunks(2).map(|pair| match pair {
        [high, low] => Some((nibble(high)? << 4) | nibble(low)?),
        _ => None,
    });
    pairs.collect()
}
