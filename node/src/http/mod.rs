//! The HTTP interface: reads snapshots and the store, and hands operations and tasks to the driver.
//!
//! It never sees the participant itself. Read [`Context`] first: all that the server is given. The
//! routes are one file per resource in `v1`; `docs/API.md` is their reference.
//!
//! ```text
//! TCP ─► Bounded (256 connections, 75 s silence) ─► guard (host, body, 64 + 16 places, time) ─► route
//!                                                                    view ── store ── driver ┘
//! ```
//! By default only this machine is listened to; requests that a web page could make a browser send are refused by the host
//! check and by the content type of a `POST`. Whoever changes the node's state shows its [`ApiToken`].

mod epochs;
mod error;
mod guard;
pub(crate) mod health;
mod listen;
mod rendering;
mod token;
pub(crate) mod v1;

use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use ganglion_storage::Reader;
use ganglion_types::{Fork, Hotkey, ItemId};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

use self::rendering::Rendering;
use crate::api::types::TaskAnswers;
use crate::library::Library;
use crate::view::{Snapshot, View};

pub use error::ApiError;
pub use futures::future::BoxFuture;
pub use token::{ApiToken, TokenError};

/// Bytes of a request's body.
pub const BODY_BYTES_MAX: usize = 256 << 10;
/// Connections at a time.
const CONNECTIONS_MAX: usize = 256;
/// Silence after which a connection is closed. Longer than a task call may take.
const SILENCE_MAX: Duration = Duration::from_secs(75);
/// Time from one scrape to the next: one takes some 8 ms of a core, and anybody may ask.
const SCRAPE_PAUSE: Duration = Duration::from_millis(500);
/// Time for open requests once the node stops.
const FAREWELL: Duration = Duration::from_secs(2);
/// File in the data directory with the address that is served, for a port that was 0.
const ADDRESS_FILE: &str = "api.addr";

/// Why an operation was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// A rule says no, in words for people.
    #[error("{0}")]
    Refused(String),
    /// The node is overloaded or stopping.
    #[error("the node is busy or stopping; try again")]
    Busy,
}

/// Takes operations: the driver.
pub trait Submit: Send + Sync {
    /// Takes the wire bytes of an item, gossips it, and says what the arrival checks said.
    fn submit(&self, item: Vec<u8>) -> BoxFuture<'_, Result<ItemId, SubmitError>>;

    /// Takes two certified cuts of one epoch, verified: the node keeps both and freezes. False if it cannot take them now.
    fn forked(&self, fork: Fork) -> bool;
}

/// Asks miners.
pub trait AskMiners: Send + Sync {
    /// Sends `input`, JSON, to the best `miners` (1 to 16) and waits at most `timeout`. Miners that do
    /// not answer are among the failures.
    ///
    /// # Errors
    /// In words for people, if nobody answered.
    fn ask(
        &self,
        input: Vec<u8>,
        miners: u16,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<TaskAnswers, String>>;
}

/// A peer as the network knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerSeen {
    /// Its hotkey.
    pub hotkey: Hotkey,
    /// Its libp2p peer id.
    pub peer_id: String,
    /// Where it says it can be reached.
    pub addresses: Vec<String>,
    /// Whether there is a connection.
    pub connected: bool,
    /// Whether only through relays.
    pub relayed: bool,
    /// Gossip score, about 0 for a stranger.
    pub score: f64,
    /// Last measured round trip.
    pub rtt: Option<Duration>,
    /// What it says it runs.
    pub agent: Option<String>,
    /// Whether it says that it keeps the items of every epoch.
    pub archive: bool,
}

/// Knows the peers.
pub trait Network: Send + Sync {
    /// All known, connected ones first.
    fn peers(&self) -> Vec<PeerSeen>;
    /// Own libp2p peer id.
    fn peer_id(&self) -> String;
    /// Addresses listened on, and where relays take connections for it, without peer id.
    fn listen(&self) -> Vec<String>;
    /// Whether others can connect to this node: `unknown`, `public` or `behind_nat`.
    fn reach(&self) -> &'static str {
        "unknown"
    }
    /// What the network's library counted by itself, in the text format of `OpenMetrics`; empty if it counts nothing.
    fn metrics(&self) -> String {
        String::new()
    }
}

/// How the worker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkerHealth {
    /// There is none: an observer, or a bootnode.
    None,
    /// It has not said hello yet.
    Starting,
    /// It answers.
    Ready,
    /// It went down and is started again after a pause.
    Failing {
        /// The last failure.
        reason: String,
    },
}

impl WorkerHealth {
    const fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Failing { .. } => "failing",
        }
    }
}

/// Everything that the server needs.
#[derive(Clone)]
pub struct Context {
    /// What the driver shows.
    pub view: View,
    /// History.
    pub library: Library,
    /// Takes operations.
    pub submit: Arc<dyn Submit>,
    /// Asks miners.
    pub tasks: Arc<dyn AskMiners>,
    /// Knows the peers.
    pub network: Arc<dyn Network>,
    /// Knows the worker.
    pub worker: Arc<dyn Fn() -> WorkerHealth + Send + Sync>,
    /// All metrics of the process.
    pub metrics: PrometheusHandle,
    /// What brings epochs to a chain, if anything does.
    pub anchors: Option<crate::anchors::Anchors>,
    /// What this node reads of the registry that the subnet follows, if it reads it.
    pub registry: Option<crate::observer::SharedSeen>,
    /// What whoever changes the node's state has to show; none where nothing can be changed.
    pub token: Option<ApiToken>,
    /// Host names that the server answers to, besides `localhost` and all IP addresses.
    pub hosts: Vec<String>,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("view", &self.view).finish_non_exhaustive()
    }
}

/// What the routes share.
#[derive(Debug)]
pub(crate) struct App {
    context: Context,
    submitted: v1::ops::Submitted,
    /// Executing epochs again takes a core and the memory of a state: one at a time.
    auditing: Arc<tokio::sync::Semaphore>,
    scraping: Rendering,
}

impl App {
    fn now(&self) -> Snapshot {
        self.context.view.now()
    }

    /// The store, as long as it is open.
    fn reader(&self) -> Result<Reader, ApiError> {
        let closed = || ApiError::busy("the store is being opened again; try again in a moment");
        self.context.library.reader().ok_or_else(closed)
    }

    /// Runs what reads the disk on a thread that may wait.
    async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Self) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let app = Arc::clone(self);
        let task = tokio::task::spawn_blocking(move || read(&app));
        task.await.map_err(|error| ApiError::internal(&error))?
    }

    /// The same for what may execute many epochs again; refused while another one is at it.
    async fn audit<T: Send + 'static>(
        self: &Arc<Self>,
        audit: impl FnOnce(&Self) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let place = Arc::clone(&self.auditing).try_acquire_owned();
        let place = place.map_err(|_| ApiError::busy("another audit is under way; try again"))?;
        self.read(move |app| {
            let _place = place;
            audit(app)
        })
        .await
    }
}

type Shared = State<Arc<App>>;

/// Serves until `shutdown` is done; requests that are under way then get two seconds.
///
/// # Errors
/// If the socket cannot be served at all.
pub async fn serve(
    listener: TcpListener,
    context: Context,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let router = router(context);
    let listener = listen::Bounded::new(listener, CONNECTIONS_MAX, SILENCE_MAX);
    let (stopping, stopped) = tokio::sync::oneshot::channel();
    let signal = async move {
        shutdown.await;
        // The other end is below, and lives as long as the server.
        let _ = stopping.send(());
    };
    let serving = axum::serve(listener, router).with_graceful_shutdown(signal).into_future();
    let late = async {
        if stopped.await.is_ok() {
            tokio::time::sleep(FAREWELL).await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        served = serving => served,
        () = late => Ok(()),
    }
}

/// Notes in the data directory where the API is served, so that commands find a port that the system
/// chose.
///
/// # Errors
/// When the file cannot be written.
pub fn announce(data_dir: &Path, address: std::net::SocketAddr) -> io::Result<()> {
    std::fs::write(data_dir.join(ADDRESS_FILE), format!("{address}\n"))
}

/// Where a running or former node said that it serves; `None` if it never did.
#[must_use]
pub fn announced(data_dir: &Path) -> Option<std::net::SocketAddr> {
    std::fs::read_to_string(data_dir.join(ADDRESS_FILE)).ok()?.trim().parse().ok()
}

pub(crate) fn router(context: Context) -> Router {
    let guard = Arc::new(guard::Guard::new(guard::Hosts::new(&context.hosts)));
    let app = Arc::new(App {
        context,
        submitted: v1::ops::Submitted::default(),
        auditing: Arc::new(tokio::sync::Semaphore::new(1)),
        scraping: Rendering::new(SCRAPE_PAUSE),
    });
    Router::new()
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics))
        .nest("/v1", v1::router(&app))
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .with_state(app)
        .layer(axum::middleware::from_fn_with_state(guard, guard::check))
}

/// All metrics of the process.
#[utoipa::path(
    get, path = "/metrics", operation_id = "metrics", tag = "health",
    responses((status = 200, description = "The Prometheus text format.", body = String, content_type = "text/plain"))
)]
async fn metrics(State(app): Shared) -> impl IntoResponse {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    let scrape = || {
        let (now, ready) = (app.now(), health::is_ready(&app));
        let network = app.context.network.metrics();
        crate::metrics::scrape(&app.context.metrics, (&now, ready), &network)
    };
    ([(header::CONTENT_TYPE, kind)], app.scraping.get(scrape).await)
}

async fn unknown_route() -> ApiError {
    ApiError::not_found("there is no such route; docs/API.md lists them")
}

async fn wrong_method() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "this route does not take that method")
}

/// Milliseconds until `moment`, 0 once it is past.
fn until_ms(moment: Option<Instant>) -> u64 {
    let left = moment.map(|moment| moment.saturating_duration_since(Instant::now()));
    u64::try_from(left.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}
