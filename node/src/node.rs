//! Puts a node together, runs it, and ends it in order.
//!
//! ```text
//!                    ┌────────── driver (thread): participant, store ───────────┐
//!                    │ mailbox 8,192                      │ jobs 512             │ view
//!   p2p service ─► bridge ─► driver                  jobs task ─► worker      HTTP server
//!        ▲  events 1,024                                  └─ child process ─┘      │
//!        └───────────────── commands 512 ◄──── driver, jobs, HTTP ◄────────────────┘
//! ```
//! If one of the tasks ends, the node stops and says which. Shutdown: HTTP, driver (after what it is
//! doing), worker, network.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use futures::future::BoxFuture;
use ganglion_consensus::ledger::{State, StateError, Table, execute};
use ganglion_consensus::proof;
use ganglion_p2p as p2p;
use ganglion_storage::{
    EpochCommit, FORK_BYTES_MAX, OpenError, Reader, Recovered as Found, Standing, StateChange,
    Store, StoreError, quarantine,
};
use ganglion_subnet::divergence::Decided;
use ganglion_subnet::runner::Stopped;
use ganglion_subnet::{
    Behaviour, Commit, Config as ParticipantConfig, Halt, Input, Job, Participant, Recovered,
};
use ganglion_types::{
    Canonical as _, Certificate, CommitteeMembers, Cut, CutId, DecodeError, Epoch, EpochBundle,
    Fork, Hotkey, Item, ItemId, Manifest, SubnetId, limits,
};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::api::types::TaskAnswers;
use crate::audit::committee_of;
use crate::blobs::Blobs;
use crate::bridge::{self, Server};
use crate::config::Config;
use crate::driver::{self, Clock, Driver, Mail};
use crate::fault::{Curable, Fault};
use crate::host::{NodeHost, Parts, epoch_commit};
use crate::http::{self, PeerSeen, SubmitError, WorkerHealth};
use crate::jobs;
use crate::keys::KeyPair;
use crate::metrics::{self, DriverMetrics};
use crate::models;
use crate::snapshots::{
    self,
    join::{self, JoinError},
};
use crate::tasks::TaskClient;
use crate::view::View;
use crate::worker;
use crate::workers::Workers;

/// Peer records that wait for the store.
const RECORDS: usize = 256;
/// Task-seed chains of a hotkey that a node tries, in order. Almost always the first is the right one.
const SEED_CHAINS: u32 = 8;
/// Rows read from the store at once.
const PAGE: usize = 1_000;

/// Why a node could not start, or stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The data directory cannot be used.
    #[error("{0}")]
    Open(#[from] OpenError),
    /// The store failed.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The store holds something that cannot be.
    #[error("the store does not hold a state of this subnet: {0}")]
    State(#[from] StateError),
    /// Bytes in the store cannot be read.
    #[error("epoch {epoch} in the store cannot be read: {source}")]
    Stored {
        /// The epoch.
        epoch: u64,
        /// What is wrong.
        source: DecodeError,
    },
    /// A certified epoch gives another result than it says.
    #[error("epoch {epoch} in the store executes to another result than it was certified with")]
    Diverged {
        /// The epoch.
        epoch: u64,
    },
    /// The epochs that this node began with are gone, and no snapshot replaces them.
    #[error("the database is lost, and no snapshot here can replace it")]
    NoSnapshot,
    /// Joining by a snapshot failed.
    #[error("{0}")]
    Join(#[from] JoinError),
    /// The network did not start.
    #[error("{0}")]
    Network(#[from] p2p::StartError),
    /// The HTTP address cannot be used.
    #[error("the API cannot listen at {address}: {source}")]
    Api {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A built-in worker that does not exist.
    #[error("{0}")]
    Worker(#[from] models::UnknownBuiltin),
    /// The process cannot do something basic.
    #[error("{what}: {source}")]
    System {
        /// What.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// What was certified cannot be reproduced here.
    #[error("{0}")]
    CannotReproduce(String),
    /// The driver stopped: going on would be wrong.
    #[error("{0}")]
    Stopped(String),
    /// A task ended that should not.
    #[error("the {task} ended: {reason}")]
    Ended {
        /// Which.
        task: &'static str,
        /// Why.
        reason: String,
    },
}

impl Curable for NodeError {
    fn fault(&self) -> Fault {
        match self {
            Self::Worker(_) => Fault::Input,
            Self::Diverged { .. } | Self::CannotReproduce(_) => Fault::Divergence,
            Self::Stopped(_) | Self::Ended { .. } => Fault::Check,
            _ => Fault::Environment,
        }
    }

    fn cure(&self) -> Option<String> {
        let cure = match self {
            Self::Open(OpenError::NotInitialised { .. }) => {
                "Create it with `ganglion init --manifest FILE --hotkey NAME --data-dir DIR`."
            }
            Self::Open(OpenError::Locked { .. }) => {
                "Stop the process that holds it, or give this node a data directory of its own."
            }
            Self::Network(p2p::StartError::PortTaken { .. }) => {
                "Stop the process that listens there, or set another address with --listen."
            }
            Self::Api { .. } => {
                "Stop the process that listens there, or set another address with --api."
            }
            Self::Worker(worker) => return worker.cure(),
            Self::Join(_) => {
                "Take a newer checkpoint, or leave `checkpoint` out to fetch every epoch from genesis."
            }
            Self::NoSnapshot => {
                "Move the data directory aside, make a new one with `ganglion init`, and join again \
                 with --checkpoint."
            }
            Self::CannotReproduce(_) | Self::Diverged { .. } => {
                "Keep a copy of the data directory. `ganglion epoch replay EPOCH --dir DIR` executes \
                 all epochs again: if it holds, the tables were damaged, so move DIR/state away and \
                 start again, and they are rebuilt from certificates.log; if it differs too, this \
                 program is at fault: compare with `ganglion epoch diff EPOCH --dir DIR --with API`, \
                 update it, and report the row."
            }
            Self::Stopped(_) => {
                "Keep the data directory and the log, and compare this epoch with another node's."
            }
            _ => "The log says more; -v logs everything.",
        };
        Some(cure.into())
    }
}

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

/// Opens the store. A damaged database is put aside and made anew from the certificate log.
fn open_store(dir: &Path, subnet: &SubnetId) -> Result<(Store, Found), NodeError> {
    match Store::open(dir, *subnet.as_bytes()) {
        Err(error) if error.is_rebuildable() => {
            let aside = quarantine(dir).map_err(|source| NodeError::System {
                what: "putting the database aside",
                source,
            })?;
            tracing::warn!(%error, aside = %aside.display(), "rebuilding from the certificate log");
            Ok(Store::open(dir, *subnet.as_bytes())?)
        }
        other => Ok(other?),
    }
}

/// The state that the store holds, brought up to the last certified epoch.
fn recover(store: &mut Store, found: &Found, manifest: &Arc<Manifest>) -> Result<State, NodeError> {
    let genesis = State::genesis(Arc::clone(manifest)).map_err(|violations| {
        let rules = violations.iter().map(|one| format!("{} {}", one.field, one.rule));
        NodeError::Stopped(format!("the manifest: {}", rules.collect::<Vec<_>>().join("; ")))
    })?;
    let mut state = match found.applied {
        // This node began with a snapshot: its epochs before are nowhere here.
        None if store.reader().certified().is_some_and(|(first, _)| first > 1) => {
            rebuild(store, manifest)?
        }
        None => {
            let rows = genesis.rows().into_iter().map(|((table, key), value)| StateChange {
                table,
                key,
                value: Some(value),
            });
            let cut = genesis.genesis_cut().map(|cut| cut.to_bytes()).unwrap_or_default();
            store.commit_genesis(cut, rows.collect())?;
            genesis
        }
        Some(0) => genesis,
        Some(applied) => read_state(store, manifest, applied)?,
    };
    // Certified but not applied: the process ended between the two.
    let last = found.certified.unwrap_or(0);
    for epoch in state.next_epoch().get()..=last {
        state = apply(store, &state, epoch)?;
    }
    Ok(state)
}

/// The state of the newest snapshot here whose cut is in the certificate log.
fn rebuild(store: &mut Store, manifest: &Arc<Manifest>) -> Result<State, NodeError> {
    let reader = store.reader().clone();
    for epoch in reader.snapshots().epochs()?.into_iter().rev() {
        let Some(bundle) = reader.bundle(epoch)? else { continue };
        let Some(parts) = reader.snapshots().parts(epoch)? else { continue };
        let Some(certified) = snapshots::serve::cut_of(&bundle) else { continue };
        match snapshots::load(&parts, manifest) {
            Ok(loaded) if loaded.cut.id() == certified.id() => {
                store.commit_snapshot(EpochCommit { bundle, ..snapshots::commit_of(&loaded) })?;
                tracing::info!(epoch, "rebuilt from a snapshot");
                return Ok(loaded.state);
            }
            _ => tracing::warn!(epoch, "a snapshot here does not hold"),
        }
    }
    Err(NodeError::NoSnapshot)
}

/// Whether nothing was ever certified or applied here.
fn is_fresh(found: &Found) -> bool {
    found.applied.is_none() && found.certified.is_none()
}

fn read_state(store: &Store, manifest: &Arc<Manifest>, applied: u64) -> Result<State, NodeError> {
    let reader = store.reader();
    let mut rows = BTreeMap::new();
    for table in Table::ALL {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = reader.state_rows(table.number(), after.as_deref(), PAGE)?;
            let Some(last) = page.last() else { break };
            after = Some(last.0.clone());
            rows.extend(page.into_iter().map(|(key, value)| ((table.number(), key), value)));
        }
    }
    let cut = reader.cut(applied)?.unwrap_or_default();
    let cut = ganglion_types::Cut::from_bytes(&cut, limits::AGREEMENT_BYTES)
        .map_err(|source| NodeError::Stored { epoch: applied, source })?;
    let state = State::from_rows(Arc::clone(manifest), cut.id(), &rows)?;
    if state.root() == cut.state_root {
        Ok(state)
    } else {
        Err(NodeError::Diverged { epoch: applied })
    }
}

fn apply(store: &mut Store, state: &State, epoch: u64) -> Result<State, NodeError> {
    let bytes = store.reader().bundle(epoch)?.unwrap_or_default();
    let bundle = EpochBundle::from_bytes(&bytes, limits::RPC_BYTES)
        .map_err(|source| NodeError::Stored { epoch, source })?;
    let diverged = |_| NodeError::Diverged { epoch };
    let executed = execute(state, bundle.cut.time, &bundle.items).map_err(diverged)?;
    if executed.roots.state_root != bundle.cut.state_root {
        return Err(NodeError::Diverged { epoch });
    }
    let id: CutId = bundle.cut.id();
    let (result, receipts) = (executed.result.clone(), executed.receipts.clone());
    let next = executed.into_state(id);
    let rows = next.changed_rows(state);
    let state = Arc::new(next.clone());
    store.commit_epoch(epoch_commit(&Commit { bundle, id, rows, result, receipts, state }))?;
    tracing::info!(epoch, "applied from the certificate log");
    Ok(next)
}

/// What the participant must know of the process before this one.
fn participant_past(store: &Store, found: Found) -> Result<Recovered, NodeError> {
    let log = match found.standing {
        Standing::Whole { entries } => Some(entries.into_iter().map(|entry| entry.bytes).collect()),
        Standing::MuteThrough { .. } | Standing::MuteUnknown => None,
    };
    Ok(Recovered {
        signed: found.watermark.map(|watermark| Epoch::new(watermark.epoch)),
        log,
        seq_reserved: found.item_seq_reserved,
        scores: store.reader().local(ganglion_subnet::participant::LOCAL_SCORES)?,
        sealed: store.reader().local(ganglion_subnet::hidden::LOCAL_SEALED)?,
    })
}

/// Runs a node until `shutdown` is done.
///
/// # Errors
/// Why it could not start, or had to stop.
pub async fn run(start: Start, shutdown: impl Future<Output = ()> + Send) -> Result<(), NodeError> {
    let exporter = metrics::install()
        .map_err(|error| NodeError::Ended { task: "metrics", reason: error.to_string() })?;
    p2p::describe();
    worker::describe_metrics();
    let mut shutdown = std::pin::pin!(shutdown);
    // Joining by a snapshot may wait for peers.
    let parts = tokio::select! {
        parts = assemble(start, exporter.clone()) => parts?,
        () = &mut shutdown => return Ok(()),
    };
    let mut running = parts.begin()?;
    let upkeep = tokio::spawn(metrics::upkeep(exporter));
    let outcome = running.until(shutdown).await;
    tracing::info!("stopping");
    upkeep.abort();
    running.end().await;
    outcome
}

/// A node that is ready to run.
struct Assembly {
    participant: Participant,
    host: NodeHost,
    mail: Receiver<Mail>,
    clock: Clock,
    driver: Driver,
    network: p2p::Handle,
    events: mpsc::Receiver<p2p::Event>,
    records: mpsc::Sender<Item>,
    jobs: mpsc::Receiver<Job>,
    workers: Workers,
    server: Server,
    listener: TcpListener,
    context: http::Context,
}

async fn assemble(start: Start, exporter: PrometheusHandle) -> Result<Assembly, NodeError> {
    let Start { config, manifest, hotkey, behaviour } = start;
    let manifest = Arc::new(manifest);
    let subnet = manifest.subnet_id();
    let (mut store, found) = open_store(&config.data_dir, &subnet)?;
    let (network, mut events) =
        p2p::start(network_config(&config, &store, &hotkey, subnet)?).await?;
    let (records, records_out) = mpsc::channel(RECORDS);
    let (state, connected) = match config.checkpoint.filter(|_| is_fresh(&found)) {
        Some(trusted) => {
            let joined = join::join(&network, &mut events, &records, &manifest, trusted).await?;
            begin_with(&mut store, joined)?
        }
        None => (recover(&mut store, &found, &manifest)?, BTreeSet::new()),
    };
    begin_height(&mut store, &found.standing, &state)?;
    let past = participant_past(&store, found)?;
    let (listener, api) = listen(config.api).await?;
    let view = View::new(hotkey.hotkey(), state.clone());
    let workers = workers(&config, &manifest, &view)?;
    let (driver, mail) = Driver::channel();
    let (jobs_in, jobs) = mpsc::channel(jobs::JOBS_MAX);
    let clock = Clock::start();
    let reader = store.reader().clone();
    let forks = known_forks(&store)?;
    let participant = participant(&manifest, &hotkey, &reader, (state, past), &forks, behaviour)?;
    show_forks(&view, forks);
    let mut host = NodeHost::new(Parts {
        store,
        records: records_out,
        network: network.clone(),
        jobs: jobs_in,
        view: view.clone(),
        metrics: DriverMetrics::new(config.metrics_uids),
        clock,
        runtime: tokio::runtime::Handle::current(),
        snapshot_every: config.snapshot_every,
        archive: config.archive,
    });
    host.keep_committee(&view.now().state);
    let server = Server {
        key: hotkey.signing_key().clone(),
        subnet,
        task: manifest.task.task_type.clone(),
        workers: workers.clone(),
        view,
        blobs: Blobs::default(),
    };
    let context = context(&server, &hotkey, reader, driver.clone(), network.clone(), exporter);
    if let Err(error) = http::announce(&config.data_dir, api) {
        tracing::warn!(%error, "commands will not find the API by the data directory");
    }
    connected.into_iter().for_each(|peer| driver.input(Input::Connected(peer)));
    tracing::info!(%api, hotkey = %hotkey.hotkey(), subnet = %subnet, "running");
    Ok(Assembly {
        participant,
        host,
        mail,
        clock,
        driver,
        network,
        events,
        records,
        jobs,
        workers,
        server,
        listener,
        context,
    })
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), NodeError> {
    let error = |source| NodeError::Api { address, source };
    let listener = TcpListener::bind(address).await.map_err(error)?;
    let bound = listener.local_addr().map_err(error)?;
    Ok((listener, bound))
}

fn show_forks(view: &View, forks: Vec<KnownFork>) {
    view.update(|view| {
        view.forks = forks.into_iter().map(|(epoch, fork)| (epoch, fork.map(Arc::new))).collect();
    });
}

/// Stores what a node joined with: the file first, for the tables can be made from it.
fn begin_with(
    store: &mut Store,
    joined: join::Joined,
) -> Result<(State, BTreeSet<Hotkey>), NodeError> {
    let join::Joined { loaded, parts, connected } = joined;
    store.reader().snapshots().write(loaded.cut.epoch.get(), &parts)?;
    store.commit_snapshot(snapshots::commit_of(&loaded))?;
    Ok((loaded.state, connected))
}

fn participant(
    manifest: &Arc<Manifest>,
    hotkey: &KeyPair,
    reader: &Reader,
    (state, past): (State, Recovered),
    forks: &[KnownFork],
    behaviour: Behaviour,
) -> Result<Participant, NodeError> {
    let config = ParticipantConfig {
        key: Some(hotkey.signing_key().clone()),
        manifest: Arc::clone(manifest),
        seed_chains: (0..SEED_CHAINS).map(|index| hotkey.seed_chain_start(index)).collect(),
        oldest: Epoch::new(snapshots::serve::oldest(reader)),
        behaviour,
        last: last_decided(reader, manifest, state.epoch())?,
        frozen: !forks.is_empty(),
        forks: forks.iter().filter_map(|(_, fork)| fork.clone()).collect(),
    };
    Participant::new(config, state, past)
        .ok_or_else(|| NodeError::Stopped("the state has no committee".into()))
}

/// An epoch with two certified cuts, and the proof unless it is damaged.
type KnownFork = (Epoch, Option<Fork>);

fn known_forks(store: &Store) -> Result<Vec<KnownFork>, NodeError> {
    let read = |bytes: Vec<u8>| Fork::from_bytes(&bytes, FORK_BYTES_MAX).ok();
    let forks = store.forks()?.into_iter();
    Ok(forks.map(|(epoch, proof)| (Epoch::new(epoch), proof.and_then(read))).collect())
}

/// The last decided epoch with whoever closed it, as far as the store can tell at once.
fn last_decided(
    reader: &Reader,
    manifest: &Arc<Manifest>,
    epoch: Epoch,
) -> Result<Option<Decided>, NodeError> {
    let Some(before) = epoch.get().checked_sub(1) else { return Ok(None) };
    let stored = |source| NodeError::Stored { epoch: epoch.get(), source };
    let cut_of = |epoch: u64| -> Result<Option<Cut>, NodeError> {
        let bytes = reader.cut(epoch)?;
        let cut = bytes.map(|bytes| Cut::from_bytes(&bytes, limits::AGREEMENT_BYTES));
        cut.transpose().map_err(stored)
    };
    // A node that joined by a snapshot lacks the cut before it.
    let (Some(cut), Some(previous)) = (cut_of(epoch.get())?, cut_of(before)?) else {
        return Ok(None);
    };
    let root = previous.next_committee_root;
    let certificate = reader.certificate(epoch.get())?.unwrap_or_default();
    let certificate =
        Certificate::from_bytes(&certificate, limits::AGREEMENT_BYTES).map_err(stored)?;
    let committee = match reader.committee(root.as_bytes())? {
        Some(bytes) => {
            let members = CommitteeMembers::from_bytes(&bytes, limits::AGREEMENT_BYTES);
            members.ok().and_then(|members| proof::committee_of(&members).ok())
        }
        // Of the first epoch it follows from the manifest.
        None => State::genesis(Arc::clone(manifest)).ok().and_then(|state| committee_of(&state)),
    };
    let committee = committee.filter(|committee| committee.digest() == root);
    Ok(committee.map(|committee| Decided { cut, certificate, committee }))
}

fn context(
    server: &Server,
    hotkey: &KeyPair,
    reader: Reader,
    driver: Driver,
    network: p2p::Handle,
    metrics: PrometheusHandle,
) -> http::Context {
    let tasks = TaskClient {
        network: network.clone(),
        view: server.view.clone(),
        subnet: server.subnet,
        task: server.task.clone(),
        me: hotkey.hotkey(),
    };
    http::Context {
        view: server.view.clone(),
        reader,
        submit: Arc::new(driver),
        tasks: Arc::new(tasks),
        network: Arc::new(network),
        worker: worker_health(server.workers.clone()),
        metrics,
        hosts: Vec::new(),
    }
}

/// The tasks of a running node.
struct Running {
    driver: Driver,
    driver_ended: oneshot::Receiver<Result<(), Stopped<StoreError>>>,
    driver_done: bool,
    serving: JoinHandle<io::Result<()>>,
    stop_serving: Option<oneshot::Sender<()>>,
    bridge: JoinHandle<String>,
    jobs: JoinHandle<()>,
    workers: Workers,
    network: p2p::Handle,
    view: View,
}

impl Assembly {
    fn begin(self) -> Result<Running, NodeError> {
        let Self { participant, host, mail, clock, driver, network, server, workers, .. } = self;
        let view = self.context.view.clone();
        let blobs = server.blobs.clone();
        let (ended, driver_ended) = oneshot::channel();
        std::thread::Builder::new()
            .name("driver".into())
            .spawn(move || {
                // Whoever waits for it lives as long as the node.
                let _ = ended.send(driver::run(participant, host, &mail, clock));
            })
            .map_err(|source| NodeError::System { what: "no thread for the driver", source })?;
        let (stop_serving, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(http::serve(self.listener, self.context, async {
            let _ = stopped.await;
        }));
        let bridge =
            bridge::run(self.events, network.clone(), driver.clone(), self.records, server);
        let jobs = jobs::run(
            self.jobs,
            workers.clone(),
            driver.clone(),
            network.clone(),
            blobs,
            view.clone(),
        );
        Ok(Running {
            driver,
            driver_ended,
            driver_done: false,
            serving,
            stop_serving: Some(stop_serving),
            bridge: tokio::spawn(bridge),
            jobs: tokio::spawn(jobs),
            workers,
            network,
            view,
        })
    }
}

impl Running {
    /// Waits for the end that was asked for, or for a task that should not end.
    async fn until(&mut self, shutdown: impl Future<Output = ()>) -> Result<(), NodeError> {
        let ended = |task: &'static str, reason: String| Err(NodeError::Ended { task, reason });
        let text = |error: tokio::task::JoinError| error.to_string();
        tokio::select! {
            () = shutdown => Ok(()),
            result = &mut self.driver_ended => {
                self.driver_done = true;
                match result {
                    Ok(result) => stopped(result, &self.view),
                    Err(_) => ended("driver", "it panicked".into()),
                }
            }
            result = &mut self.bridge => ended("network", result.unwrap_or_else(text)),
            result = &mut self.serving => ended("HTTP server", format!("{result:?}")),
            result = &mut self.jobs => ended("worker's task", format!("{result:?}")),
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
        if let Some(worker) = self.workers.running() {
            let _ = tokio::time::timeout(Duration::from_secs(1), worker.stop()).await;
        }
        self.network.shutdown();
        if !self.bridge.is_finished() {
            let _ = tokio::time::timeout(Duration::from_millis(500), self.bridge).await;
        }
    }
}

/// Opens the agreement log of the height to be closed, unless this node must stay silent there.
fn begin_height(store: &mut Store, standing: &Standing, state: &State) -> Result<(), NodeError> {
    let closing = state.next_epoch().get();
    let may_begin = match standing {
        Standing::Whole { .. } => true,
        Standing::MuteThrough { epoch } => *epoch < closing,
        Standing::MuteUnknown => false,
    };
    if may_begin {
        store.begin_epoch(closing)?;
    }
    Ok(())
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
        _ => NodeError::Stopped(reason),
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

impl http::Submit for Driver {
    fn submit(&self, item: Vec<u8>) -> BoxFuture<'_, Result<ItemId, SubmitError>> {
        Box::pin(async move {
            Self::submit(self, item).await.map_err(|error| match error {
                driver::SubmitError::Refused(reason) => SubmitError::Refused(reason),
                driver::SubmitError::Busy => SubmitError::Busy,
            })
        })
    }
}

impl http::AskMiners for TaskClient {
    fn ask(
        &self,
        input: Vec<u8>,
        miners: u16,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<TaskAnswers, String>> {
        Box::pin(async move {
            self.call(input, miners, timeout).await.map_err(|error| error.to_string())
        })
    }
}

impl http::Network for p2p::Handle {
    fn peers(&self) -> Vec<PeerSeen> {
        let mut peers: Vec<PeerSeen> = Self::peers(self)
            .into_iter()
            .map(|peer| PeerSeen {
                hotkey: peer.hotkey,
                peer_id: peer.peer_id,
                addresses: peer.addresses,
                connected: peer.connected,
                score: peer.score,
                rtt: peer.rtt,
                agent: peer.agent,
            })
            .collect();
        peers.sort_by_key(|peer| (!peer.connected, peer.hotkey));
        peers
    }

    fn peer_id(&self) -> String {
        self.local_peer_id()
    }

    fn listen(&self) -> Vec<String> {
        self.listen_addresses()
    }
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
