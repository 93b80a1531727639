//! Asks a node over HTTP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::types::ErrorBody;
use crate::fault::{Code, Curable, Fault};
use crate::http::ApiToken;

/// For everything but task calls, which say themselves how long they take.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Bytes of an answer: far above the largest page.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// Where an address that is served can be asked from this machine.
#[must_use]
pub fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Why a node did not answer as asked.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Not an address of an API.
    #[error("{text:?} is no address of a node's API")]
    Address {
        /// What was given.
        text: String,
    },
    /// Nobody there.
    #[error("no node answers at {base}: {reason}")]
    Unreachable {
        /// The API asked.
        base: String,
        /// What the system says.
        reason: String,
    },
    /// Somebody else is there.
    #[error("what answers at {base} is no Ganglion node: {reason}")]
    Foreign {
        /// The API asked.
        base: String,
        /// What is odd about the answer.
        reason: String,
    },
    /// The node said no.
    #[error("{message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// For programs.
        code: String,
        /// For people.
        message: String,
        /// Rule of the ledger that says no, if it is one.
        rule: Option<String>,
        /// What the node says to do.
        cure: Option<String>,
    },
}

impl ApiError {
    /// The HTTP status of a refusal.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether the same request may succeed a moment later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Refused { status: 503 | 504, .. })
    }
}

impl Curable for ApiError {
    fn code(&self) -> Code {
        match self {
            Self::Address { .. } => Code::API_ADDRESS,
            Self::Unreachable { .. } => Code::API_UNREACHABLE,
            Self::Foreign { .. } => Code::API_FOREIGN,
            Self::Refused { rule: Some(rule), .. } => Code::of_rule(rule),
            Self::Refused { code, .. } => Code::named(code).unwrap_or(Code::NODE_ANSWER),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Unreachable { .. } | Self::Foreign { .. } => Fault::Environment,
            Self::Refused { status, .. } if *status >= 500 => Fault::Check,
            Self::Address { .. } | Self::Refused { .. } => Fault::Input,
        }
    }

    fn cure(&self) -> String {
        match self {
            // The command knows a better way than to send a header.
            Self::Refused { status: 401, .. } => Code::UNAUTHORIZED.cure().into(),
            Self::Refused { cure: Some(cure), .. } => cure.clone(),
            _ => self.code().cure().into(),
        }
    }
}

/// The API of one node. Clones share connections.
#[derive(Clone, Debug)]
pub struct Client {
    agent: ureq::Agent,
    base: String,
    token: Option<ApiToken>,
}

impl Client {
    /// The API at `http://host:port`; the scheme may be left out.
    ///
    /// # Errors
    /// [`ApiError::Address`] for anything else, `https` included: this interface has no encryption
    /// of its own.
    pub fn new(address: &str) -> Result<Self, ApiError> {
        let wrong = || ApiError::Address { text: address.into() };
        let rest = match address.split_once("://") {
            Some(("http", rest)) => rest,
            Some(_) => return Err(wrong()),
            None => address,
        };
        let host = rest.trim_end_matches('/');
        let fits = |c: char| c.is_ascii_alphanumeric() || ".:-[]".contains(c);
        if host.is_empty() || !host.chars().all(fits) {
            return Err(wrong());
        }
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            // A proxy of the environment is for the world outside, not for a node next door.
            .proxy(None)
            .timeout_connect(Some(Duration::from_secs(5)))
            .user_agent(concat!("ganglion/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { agent: config.new_agent(), base: format!("http://{host}"), token: None })
    }

    /// The same, which shows a token where the node's state is changed.
    #[must_use]
    pub fn with_token(self, token: Option<ApiToken>) -> Self {
        Self { token, ..self }
    }

    /// Where it asks, `http://host:port`.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The JSON at a path such as `/v1/status`.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub fn get_value(&self, path: &str) -> Result<Value, ApiError> {
        self.get_value_within(path, TIMEOUT)
    }

    /// The same for an answer that may take longer than others.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub fn get_value_within(&self, path: &str, timeout: Duration) -> Result<Value, ApiError> {
        let request = self.agent.get(format!("{}{path}", self.base));
        let request = request.config().timeout_global(Some(timeout)).build();
        self.read(request.call())
    }

    /// The same, as one of [`super::types`].
    ///
    /// # Errors
    /// See [`ApiError`].
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ApiError> {
        self.typed(self.get_value(path)?)
    }

    /// The text at a path such as `/metrics`.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub fn get_text(&self, path: &str) -> Result<String, ApiError> {
        let request = self.agent.get(format!("{}{path}", self.base));
        let (status, body) =
            self.body(request.config().timeout_global(Some(TIMEOUT)).build().call())?;
        match status {
            200..300 => Ok(body),
            _ => Err(self.foreign(format!("{path} gives status {status}"))),
        }
    }

    /// Sends JSON to a path and waits at most `timeout`, by default 15 s.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub fn post_value(
        &self,
        path: &str,
        body: &impl Serialize,
        timeout: Option<Duration>,
    ) -> Result<Value, ApiError> {
        let mut request = self.agent.post(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("authorization", token.header());
        }
        let timeout = Some(timeout.unwrap_or(TIMEOUT));
        self.read(request.config().timeout_global(timeout).build().send_json(body))
    }

    /// The same, as one of [`super::types`].
    ///
    /// # Errors
    /// See [`ApiError`].
    pub fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        timeout: Option<Duration>,
    ) -> Result<T, ApiError> {
        self.typed(self.post_value(path, body, timeout)?)
    }

    /// Reads an answer of [`get_value`](Self::get_value) as what it should be.
    ///
    /// # Errors
    /// [`ApiError::Foreign`] if it is not.
    pub fn typed<T: DeserializeOwned>(&self, value: Value) -> Result<T, ApiError> {
        serde_json::from_value(value).map_err(|error| self.foreign(error.to_string()))
    }

    /// What `/readyz` says, whether the node is ready or not.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub fn readiness(&self) -> Result<super::types::Ready, ApiError> {
        let request = self.agent.get(format!("{}/readyz", self.base));
        let (status, value) =
            self.answer(request.config().timeout_global(Some(TIMEOUT)).build().call())?;
        // A 503 with this body is an answer, no refusal.
        serde_json::from_value(value.clone()).map_err(|_| match self.accept(status, value) {
            Ok(_) => self.foreign("/readyz has another form".into()),
            Err(error) => error,
        })
    }

    fn read(
        &self,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Value, ApiError> {
        let (status, value) = self.answer(answer)?;
        self.accept(status, value)
    }

    fn accept(&self, status: u16, value: Value) -> Result<Value, ApiError> {
        if (200..300).contains(&status) {
            return Ok(value);
        }
        let error: ErrorBody = self.typed(value)?;
        let ErrorBody { code, message, rule, cure } = error;
        Err(ApiError::Refused { status, code, message, rule, cure })
    }

    fn body(
        &self,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<(u16, String), ApiError> {
        let unreachable = |error: ureq::Error| ApiError::Unreachable {
            base: self.base.clone(),
            reason: match error {
                ureq::Error::Io(error) => error.to_string(),
                ureq::Error::Timeout(_) => "no answer in time".into(),
                other => other.to_string(),
            },
        };
        let mut answer = answer.map_err(unreachable)?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        Ok((status, body.map_err(unreachable)?))
    }

    fn answer(
        &self,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<(u16, Value), ApiError> {
        let (status, body) = self.body(answer)?;
        let value: Value = serde_json::from_str(&body)
            .map_err(|_| self.foreign(format!("status {status} with a body that is not JSON")))?;
        Ok((status, value))
    }

    fn foreign(&self, reason: String) -> ApiError {
        ApiError::Foreign { base: self.base.clone(), reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testnet::ports::Ports;

    #[test]
    fn addresses_are_read_with_and_without_scheme() {
        for good in ["http://127.0.0.1:7880", "127.0.0.1:7880", "http://node-1:80/", "[::1]:7880"] {
            assert!(Client::new(good).is_ok(), "{good}");
        }
        assert_eq!(Client::new("localhost:1/").unwrap().base(), "http://localhost:1");
        for bad in ["", "https://a:1", "http://", "http://a/b", "http://a@b", "ftp://a"] {
            assert!(Client::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nobody_there_is_said_with_the_way_to_start_a_node() {
        let closed = format!("127.0.0.1:{}", Ports::default().take().unwrap());
        let error = Client::new(&closed).unwrap().get_value("/v1/status").unwrap_err();
        assert!(matches!(error, ApiError::Unreachable { .. }), "{error}");
        assert!(error.cure().contains("ganglion run"));
        assert!(error.is_transient());
    }
}
