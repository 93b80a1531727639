//! Puts a node together, runs it, and ends it in order.
//!
//! ```text
//!                    ┌────────── driver (thread): participant, store ───────────┐
//!                    │ mailbox 8,192                      │ jobs 512             │ view
//!   p2p service ─► bridge ─► driver                  jobs task ─► worker      HTTP server
//!        ▲  events 1,024                                  └─ child process ─┘      │
//!        └───────────────── commands 512 ◄──── driver, jobs, HTTP ◄────────────────┘
//! ```
//! Beside them the task of `anchors`, which the view tells the newest epoch and which nothing waits for.
//! If one of the tasks ends, the node stops and says which. Shutdown: HTTP, driver (after what it is
//! doing), worker, network.

mod drive;
mod error;
mod joining;
mod parts;
mod serving;

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ganglion_consensus::ledger::State;
use ganglion_p2p as p2p;
use ganglion_persist::KnownFork;
use ganglion_persist::restart::{self, Who};
use ganglion_storage::{OpenError, Recovered as Found, Store, StoreError, quarantine};
use ganglion_subnet::runner::Stopped;
use ganglion_subnet::{Behaviour, Halt, Input, Job, Participant};
use ganglion_types::{Canonical as _, Item, Manifest, SubnetId, limits};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

pub use error::NodeError;

use self::drive::Drive;
use self::joining::Joining;
use self::parts::Beside;
use crate::bridge::{self, Server};
use crate::config::Config;
use crate::driver::Driver;
use crate::host::NodeHost;
use crate::http::{self, ApiToken, WorkerHealth};
use crate::jobs;
use crate::keys::KeyPair;
use crate::library::Library;
use crate::metrics;
use crate::view::View;
use crate::workers::Workers;

/// Peer records that wait for the store.
const RECORDS: usize = 256;
/// Task-seed chains of a hotkey that a node tries, in order. Almost always the first is the right one.
const SEED_CHAINS: u32 = 8;
/// How long the driver gets to say why it ended, once something that hangs on it has.
const DRIVER_WORD: Duration = Duration::from_secs(1);

/// What a node is started with.
#[derive(Debug)]
pub struct Start {
    /// Its settings.
    pub config: Config,
    /// Its subnet.
    pub manifest: Manifest,
    /// Its hotkey.
    pub hotkey: KeyPair,
    /// Honest, but in a testnet.
    pub behaviour: Behaviour,
}

/// A store, what was found in it, and why its database was put aside to be made anew from the certificate log, if it was.
type Opened = (Store, Found, Option<OpenError>);

/// Opens the store. A damaged database is put aside and made anew from the certificate log.
fn open_store(dir: &Path, subnet: &SubnetId) -> Result<Opened, NodeError> {
    match Store::open(dir, *subnet.as_bytes()) {
        Err(error) if error.is_rebuildable() => {
            let aside = quarantine(dir).map_err(|source| NodeError::System {
                what: "putting the database aside",
                source,
            })?;
            tracing::warn!(%error, aside = %aside.display(), "rebuilding from the certificate log");
            let (store, found) = Store::open(dir, *subnet.as_bytes())?;
            Ok((store, found, Some(error)))
        }
        other => other.map(|(store, found)| (store, found, None)).map_err(NodeError::from),
    }
}

/// The same, unless the key may sign elsewhere.
fn open_to_sign(dir: &Path, subnet: &SubnetId) -> Result<Opened, NodeError> {
    let opened = open_store(dir, subnet)?;
    match opened.1.watermark {
        Some(watermark) if watermark.retired => Err(NodeError::Retired),
        _ => Ok(opened),
    }
}

/// What a start finds before anything is sent or taken.
#[derive(Debug)]
pub struct Resumed {
    /// The open store; the height to be closed is begun, unless the node is mute there.
    pub store: Store,
    /// What was found in it.
    pub found: Found,
    /// Why the tables were put aside and made anew from the certificate log, if they were.
    pub rebuilt: Option<OpenError>,
    /// The last certified epoch.
    pub epoch: u64,
    /// Epochs known to have two certified cuts.
    pub forks: usize,
    /// What goes on.
    pub participant: Participant,
}

/// Opens a node's files as a start does, and goes no further: no network, no interface. For whoever tries what files can
/// be recovered from.
///
/// # Errors
/// Why the node could not start.
pub fn resume(
    dir: &Path,
    manifest: &Arc<Manifest>,
    hotkey: &KeyPair,
) -> Result<Resumed, NodeError> {
    let (mut store, found, rebuilt) = open_to_sign(dir, &manifest.subnet_id())?;
    let state = restart::recover(&mut store, &found, manifest)?;
    let epoch = state.epoch().get();
    let who = parts::who(hotkey, Behaviour::Honest);
    let (participant, forks) = take_up(&mut store, found.clone(), state, manifest, who)?;
    Ok(Resumed { store, found, rebuilt, epoch, forks: forks.len(), participant })
}

/// The participant as it was when its process ended.
fn take_up(
    store: &mut Store,
    found: Found,
    state: State,
    manifest: &Arc<Manifest>,
    who: Who,
) -> Result<(Participant, Vec<KnownFork>), NodeError> {
    restart::begin_height(store, &found.standing, &state)?;
    let past = restart::participant_past(store, found)?;
    let forks = restart::known_forks(store)?;
    let reader = store.reader();
    let participant = restart::participant(manifest, reader, (state, past), &forks, who)?;
    Ok((participant, forks))
}

/// Runs a node until `shutdown` is done.
///
/// # Errors
/// Why it could not start, or had to stop.
pub async fn run(start: Start, shutdown: impl Future<Output = ()> + Send) -> Result<(), NodeError> {
    let exporter = metrics::install()
        .map_err(|error| NodeError::Ended { task: "metrics", reason: error.to_string() })?;
    let disk = tokio::spawn(metrics::watch_disk(start.config.data_dir.clone()));
    let mut shutdown = std::pin::pin!(shutdown);
    let Some(parts) = assemble(start, exporter.clone(), shutdown.as_mut()).await? else {
        return Ok(());
    };
    let mut running = parts.begin()?;
    let upkeep = tokio::spawn(metrics::upkeep(exporter));
    let outcome = running.until(shutdown).await;
    tracing::info!("stopping");
    upkeep.abort();
    disk.abort();
    running.end().await;
    outcome
}

/// A node that is ready to run.
struct Assembly {
    participant: Participant,
    host: NodeHost,
    drive: Drive,
    driver: Driver,
    network: p2p::Handle,
    events: mpsc::Receiver<p2p::Event>,
    records: mpsc::Sender<Item>,
    jobs: mpsc::Receiver<Job>,
    workers: Workers,
    server: Server,
    listener: TcpListener,
    context: http::Context,
    beside: Beside,
}

/// Puts a node together; `None` if `shutdown` is done while it waits for peers to join by. Nothing else waits long, and what
/// is wrong with a store is said before an end that was asked for meanwhile.
async fn assemble(
    start: Start,
    exporter: PrometheusHandle,
    shutdown: Pin<&mut (impl Future<Output = ()> + Send)>,
) -> Result<Option<Assembly>, NodeError> {
    let Start { config, manifest, hotkey, behaviour } = start;
    let manifest = Arc::new(manifest);
    let subnet = manifest.subnet_id();
    let (mut store, found, _) = open_to_sign(&config.data_dir, &subnet)?;
    drive::take_ballast(&config.data_dir);
    let (network, mut events) =
        p2p::start(network_config(&config, &store, &hotkey, subnet)?).await?;
    let (records, records_out) = mpsc::channel(RECORDS);
    let (socket, api) = listen(config.api)?;
    announce(&config.data_dir, api);
    let token = ApiToken::of(&config.data_dir)?;
    let me = hotkey.hotkey();
    let begun = match config.checkpoint.filter(|_| restart::is_fresh(&found)) {
        Some(checkpoint) => {
            let (store, network, manifest) = (&mut store, &network, &manifest);
            let metrics = exporter.clone();
            let joining = Joining { store, network, manifest, me, checkpoint, metrics };
            joining.run(&socket, &mut events, &records, shutdown).await?
        }
        None => Some((restart::recover(&mut store, &found, &manifest)?, BTreeSet::new())),
    };
    let Some((state, connected)) = begun else { return Ok(None) };
    let view = View::new(me, state.clone());
    let workers = workers(&config, &manifest, &view)?;
    let (driver, mail) = Driver::channel();
    let (jobs_in, jobs) = mpsc::channel(jobs::JOBS_MAX);
    let library = Library::new(store.reader().clone());
    let who = parts::who(&hotkey, behaviour);
    let (participant, forks) = take_up(&mut store, found, state, &manifest, who.clone())?;
    show_forks(&view, forks);
    let host = parts::host(&config, store, &network, &view, (records_out, jobs_in));
    let mut server = parts::server(&hotkey, &manifest, workers.clone(), view);
    let drive =
        Drive { dir: config.data_dir.clone(), manifest, who, library: library.clone(), mail };
    let mut context =
        parts::context(&server, &hotkey, library, driver.clone(), network.clone(), exporter);
    context.token = Some(token);
    let beside = parts::beside(
        &config,
        &drive.manifest,
        &hotkey,
        network.clone(),
        (&mut server, &mut context),
    );
    connected.into_iter().for_each(|peer| driver.input(Input::Connected(peer)));
    tracing::info!(%api, hotkey = %me, subnet = %subnet, "running");
    Ok(Some(Assembly {
        participant,
        host,
        drive,
        driver,
        network,
        events,
        records,
        jobs,
        workers,
        server,
        listener: socket_of(socket, api)?,
        context,
        beside,
    }))
}

fn announce(dir: &Path, api: SocketAddr) {
    if let Err(error) = http::announce(dir, api) {
        tracing::warn!(%error, "commands will not find the API by the data directory");
    }
}

fn socket_of(socket: std::net::TcpListener, address: SocketAddr) -> Result<TcpListener, NodeError> {
    TcpListener::from_std(socket).map_err(|source| NodeError::Api { address, source })
}

/// The socket of the API, for servers one after the other.
fn listen(address: SocketAddr) -> Result<(std::net::TcpListener, SocketAddr), NodeError> {
    let error = |source| NodeError::Api { address, source };
    let socket = std::net::TcpListener::bind(address).map_err(error)?;
    socket.set_nonblocking(true).map_err(error)?;
    let bound = socket.local_addr().map_err(error)?;
    Ok((socket, bound))
}

fn show_forks(view: &View, forks: Vec<KnownFork>) {
    view.update(|view| {
        view.forks = forks.into_iter().map(|(epoch, fork)| (epoch, fork.map(Arc::new))).collect();
    });
}

/// The tasks of a running node.
struct Running {
    driver: Driver,
    driver_ended: oneshot::Receiver<Result<(), NodeError>>,
    driver_done: bool,
    serving: JoinHandle<io::Result<()>>,
    stop_serving: Option<oneshot::Sender<()>>,
    bridge: JoinHandle<String>,
    jobs: JoinHandle<()>,
    beside: Vec<JoinHandle<()>>,
    workers: Workers,
    network: p2p::Handle,
}

impl Assembly {
    fn begin(self) -> Result<Running, NodeError> {
        let Self { participant, host, drive, driver, network, server, workers, .. } = self;
        let view = self.context.view.clone();
        let blobs = server.blobs.clone();
        let (ended, driver_ended) = oneshot::channel();
        std::thread::Builder::new()
            .name("driver".into())
            .spawn(move || {
                // Whoever waits for it lives as long as the node.
                let _ = ended.send(drive.run(participant, host));
            })
            .map_err(|source| NodeError::System { what: "no thread for the driver", source })?;
        let beside = self.beside.start();
        let (stop_serving, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(http::serve(self.listener, self.context, async {
            let _ = stopped.await;
        }));
        let bridge =
            bridge::run(self.events, network.clone(), driver.clone(), self.records, server);
        let jobs =
            jobs::run(self.jobs, workers.clone(), driver.clone(), network.clone(), blobs, view);
        Ok(Running {
            driver,
            driver_ended,
            driver_done: false,
            serving,
            stop_serving: Some(stop_serving),
            bridge: tokio::spawn(bridge),
            jobs: tokio::spawn(jobs),
            beside,
            workers,
            network,
        })
    }
}

impl Running {
    /// Waits for the end that was asked for, or for a task that should not end.
    async fn until(&mut self, shutdown: impl Future<Output = ()>) -> Result<(), NodeError> {
        let text = |error: tokio::task::JoinError| error.to_string();
        let (bridge, serving, jobs) = (&mut self.bridge, &mut self.serving, &mut self.jobs);
        let other = async {
            tokio::select! {
                result = bridge => ("network", result.unwrap_or_else(text)),
                result = serving => ("HTTP server", format!("{result:?}")),
                result = jobs => ("worker's task", format!("{result:?}")),
            }
        };
        let cause = tokio::select! {
            () = shutdown => return Ok(()),
            cause = cause(&mut self.driver_ended, other, DRIVER_WORD) => cause,
        };
        let ended = |task: &'static str, reason: String| Err(NodeError::Ended { task, reason });
        match cause {
            Cause::Driver(result) => {
                self.driver_done = true;
                match result {
                    Some(result) => result,
                    None => ended("driver", "it panicked".into()),
                }
            }
            Cause::Other(task, reason) => ended(task, reason),
        }
    }

    /// HTTP first, then the driver, after what it is doing, the worker, the network.
    async fn end(mut self) {
        if let Some(stop) = self.stop_serving.take() {
            // The server may have ended by itself.
            let _ = stop.send(());
        }
        if !self.driver_done {
            self.driver.stop();
            let _ = tokio::time::timeout(Duration::from_secs(2), &mut self.driver_ended).await;
        }
        self.jobs.abort();
        self.beside.iter().for_each(JoinHandle::abort);
        if let Some(worker) = self.workers.running() {
            let _ = tokio::time::timeout(Duration::from_secs(1), worker.stop()).await;
        }
        self.network.shutdown();
        if !self.bridge.is_finished() {
            let _ = tokio::time::timeout(Duration::from_millis(500), self.bridge).await;
        }
    }
}

/// Why a node ends that nobody asked to.
#[derive(Debug, PartialEq, Eq)]
enum Cause<T> {
    /// The driver ended with this; none if it panicked.
    Driver(Option<T>),
    /// Another task ended: its name, and how.
    Other(&'static str, String),
}

/// Waits for the driver, or for another task. When the driver ends, what hangs on it ends as well, and
/// may be seen first: then the driver is the cause all the same.
async fn cause<T>(
    driver: &mut oneshot::Receiver<T>,
    other: impl Future<Output = (&'static str, String)>,
    patience: Duration,
) -> Cause<T> {
    let (task, reason) = tokio::select! {
        result = &mut *driver => return Cause::Driver(result.ok()),
        ended = other => ended,
    };
    match tokio::time::timeout(patience, driver).await {
        Ok(result) => Cause::Driver(result.ok()),
        Err(_) => Cause::Other(task, reason),
    }
}

fn stopped(result: Result<(), Stopped<StoreError>>, view: &View) -> Result<(), NodeError> {
    let Err(stopped) = result else { return Ok(()) };
    let reason = match &stopped {
        Stopped::Store(error) => format!("{stopped}: {error}"),
        Stopped::Halted(_) => stopped.to_string(),
    };
    tracing::error!("{reason}");
    view.update(|view| view.halted = Some(reason.clone()));
    Err(match stopped {
        Stopped::Halted(Halt::Diverged { .. }) => NodeError::CannotReproduce(reason),
        Stopped::Halted(_) => NodeError::Stopped(reason),
        Stopped::Store(error) => NodeError::Store(error),
    })
}

fn network_config(
    config: &Config,
    store: &Store,
    hotkey: &KeyPair,
    subnet: SubnetId,
) -> Result<p2p::Config, NodeError> {
    let known = store.reader().peers()?;
    let known = known
        .iter()
        .filter_map(|row| Item::from_bytes(&row.record, limits::ITEM_BYTES).ok())
        .collect();
    let text = |list: &[crate::config::Address]| {
        list.iter().map(|address| address.as_str().to_owned()).collect()
    };
    Ok(p2p::Config {
        listen: text(&config.listen),
        external: text(&config.external),
        bootnodes: text(&config.bootnodes),
        known,
        max_peers: usize::try_from(config.max_connections).unwrap_or(64),
        archive: config.archive,
        nat: config.nat,
        relay: config.relay,
        ..p2p::Config::new(hotkey.signing_key().clone(), subnet)
    })
}

fn workers(config: &Config, manifest: &Manifest, view: &View) -> Result<Workers, NodeError> {
    let now = view.now();
    let role = now.uid().and_then(|uid| now.state.participant(uid)).map(|seat| seat.role);
    let program = std::env::current_exe().map_err(|source| NodeError::System {
        what: "the program's own path is unknown",
        source,
    })?;
    let dir = config.data_dir.join("worker");
    Ok(Workers::new(&config.worker, manifest, role, &program, &dir)?)
}

fn worker_health(workers: Workers) -> Arc<dyn Fn() -> WorkerHealth + Send + Sync> {
    Arc::new(move || workers.health())
}

/// Told when the process is asked to end: Ctrl-C or SIGTERM, or the end of stdin if that is wished.
pub async fn asked_to_stop(with_stdin: bool) {
    use tokio::signal::unix::{SignalKind, signal};
    let (closed, stdin_closed) = tokio::sync::oneshot::channel();
    if with_stdin {
        std::thread::spawn(move || {
            // What is written there means nothing; only its end does.
            let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
            let _ = closed.send(());
        });
    } else {
        std::mem::forget(closed);
    }
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
        _ = stdin_closed => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_driver_is_the_cause_also_where_a_task_of_it_is_seen_first() {
        let other = || std::future::ready(("worker's task", "Ok(())".to_owned()));
        let (ended, mut driver) = oneshot::channel();
        let late = async {
            tokio::task::yield_now().await;
            ended.send("halted").unwrap();
        };
        let (found, ()) = tokio::join!(cause(&mut driver, other(), Duration::MAX), late);
        assert_eq!(found, Cause::Driver(Some("halted")));
        // One that goes on is not.
        let (going_on, mut driver) = oneshot::channel::<&str>();
        let found = cause(&mut driver, other(), Duration::ZERO).await;
        assert_eq!(found, Cause::Other("worker's task", "Ok(())".into()));
        drop(going_on);
        let (panicked, mut driver) = oneshot::channel::<&str>();
        drop(panicked);
        let found = cause(&mut driver, std::future::pending(), Duration::ZERO).await;
        assert_eq!(found, Cause::Driver(None));
    }
}
