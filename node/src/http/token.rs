//! The token that whoever changes a node's state through its API shows.
//!
//! A node makes it at its first start, in `api.token` of its data directory, readable by its owner only. Commands on the same
//! machine find it there. What only reads, and what asks miners, needs none.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::error::ApiError;
use super::{App, Shared};
use crate::fault::{Code, Curable, Fault};
use crate::files::{self, Access, FileError};

/// Name of the file.
const FILE: &str = "api.token";
/// Random bytes of a token that a node makes.
const BYTES: usize = 32;
/// Bytes that an operator's own may have, and must.
const LENGTHS: std::ops::RangeInclusive<usize> = 16..=128;

/// A token. Shows nothing of itself when it is printed.
#[derive(Clone)]
pub struct ApiToken(Arc<str>);

impl std::fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiToken")
    }
}

impl ApiToken {
    /// Takes a text of 16 to 128 visible ASCII characters.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let fits =
            LENGTHS.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.into()))
    }

    /// Where the token of a node is.
    #[must_use]
    pub fn path(data_dir: &Path) -> PathBuf {
        data_dir.join(FILE)
    }

    /// Reads a file that holds a token and nothing else.
    ///
    /// # Errors
    /// A file that others may read, or that holds none.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        files::require_private(path)?;
        let text = files::read_text(path, 1 << 10)?;
        Self::new(text.trim()).ok_or_else(|| TokenError::Form { path: path.into() })
    }

    /// The token of a data directory, made if there is none.
    ///
    /// # Errors
    /// What [`read`](Self::read) says; a file that cannot be written.
    pub fn of(data_dir: &Path) -> Result<Self, TokenError> {
        let path = Self::path(data_dir);
        match Self::read(&path) {
            Err(TokenError::File(FileError::Missing { .. })) => {}
            read => return read,
        }
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).map_err(|error| TokenError::Random(error.to_string()))?;
        let text = hex::encode(bytes);
        // The directory is this node's alone: it holds the lock.
        files::write_whole(&path, format!("{text}\n").as_bytes(), Access::Private, true)?;
        Ok(Self(text.into()))
    }

    /// The value of the header that shows it.
    #[must_use]
    pub fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// Whether a request shows it. Takes equally long for every wrong one of a length.
    fn is_shown(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
        let shown = shown.and_then(|value| value.split_at_checked("Bearer ".len()));
        let Some((scheme, token)) = shown else { return false };
        scheme.eq_ignore_ascii_case(b"bearer ")
            && blake3::hash(token.trim_ascii()) == blake3::hash(self.0.as_bytes())
    }
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Not a token.
    #[error("{} holds no token of 16 to 128 visible ASCII characters", path.display())]
    Form {
        /// The file.
        path: PathBuf,
    },
    /// No randomness to make one of.
    #[error("the system gives no random bytes: {0}")]
    Random(String),
}

impl Curable for TokenError {
    fn code(&self) -> Code {
        match self {
            Self::File(error) => error.code(),
            Self::Form { .. } => Code::TOKEN_FORM,
            Self::Random(_) => Code::NO_RANDOMNESS,
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::File(error) => error.fault(),
            Self::Form { .. } => Fault::Input,
            Self::Random(_) => Fault::Environment,
        }
    }

    fn cure(&self) -> String {
        match self {
            Self::File(error) => error.cure(),
            Self::Form { .. } | Self::Random(_) => self.code().cure().into(),
        }
    }
}

/// The middleware of routes that change the node's state.
pub(super) async fn check(State(app): Shared, request: Request, next: Next) -> Response {
    match allowed(&app, request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => {
            let mut response = error.into_response();
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
            response
        }
    }
}

fn allowed(app: &App, headers: &HeaderMap) -> Result<(), ApiError> {
    match &app.context.token {
        Some(token) if !token.is_shown(headers) => {
            let message = "this changes the node's state: send the token of api.token in its data directory as \
                           \"authorization: Bearer TOKEN\"";
            Err(ApiError::new(StatusCode::UNAUTHORIZED, message))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_and_is_the_owners() {
        let dir = tempfile::tempdir().unwrap();
        let token = ApiToken::of(dir.path()).unwrap();
        assert_eq!(token.0.len(), 64);
        assert_eq!(ApiToken::of(dir.path()).unwrap().header(), token.header());
        assert!(!format!("{token:?}").contains(&*token.0));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let path = ApiToken::path(dir.path());
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
            let open = ApiToken::of(dir.path());
            assert!(matches!(open, Err(TokenError::File(FileError::TooOpen { .. }))));
        }
    }

    #[test]
    fn only_the_whole_token_is_accepted() {
        let token = ApiToken::new("0123456789abcdef").unwrap();
        let shown = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
            token.is_shown(&headers)
        };
        assert!(shown("Bearer 0123456789abcdef") && shown("bearer  0123456789abcdef "));
        for wrong in ["", "Bearer", "Bearer ", "Bearer 0123456789abcde", "Basic 0123456789abcdef"] {
            assert!(!shown(wrong), "{wrong:?}");
        }
        assert!(!token.is_shown(&HeaderMap::new()));
        for wrong in ["short", &"x".repeat(129), "0123456789 abcdef", "0123456789abcdé0"] {
            assert!(ApiToken::new(wrong).is_none(), "{wrong:?}");
        }
    }
}
