//! What a node is put together from.

use std::sync::Arc;

use ganglion_p2p as p2p;
use ganglion_persist::restart::Who;
use ganglion_storage::Store;
use ganglion_subnet::{Behaviour, Job};
use ganglion_types::{Item, Manifest, SubnetId};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{SEED_CHAINS, worker_health};
use crate::anchors::{self, Anchors, Exchange};
use crate::blobs::Blobs;
use crate::bridge::Server;
use crate::config::Config;
use crate::driver::{Clock, Driver};
use crate::host::{self, NodeHost};
use crate::http;
use crate::keys::KeyPair;
use crate::library::Library;
use crate::metrics::DriverMetrics;
use crate::observer::{self, Observer};
use crate::tasks::TaskClient;
use crate::view::View;
use crate::workers::Workers;

/// Tasks that nothing in the subnet waits for.
pub(super) struct Beside {
    anchoring: Option<anchors::Task>,
    exchange: Option<Exchange>,
    observer: Option<Observer>,
}

impl Beside {
    pub(super) fn start(self) -> Vec<JoinHandle<()>> {
        let anchoring = self.anchoring.map(|task| tokio::spawn(task.run()));
        let exchange = self.exchange.map(|task| tokio::spawn(task.run()));
        let observer = self.observer.map(|task| tokio::spawn(task.run()));
        [anchoring, exchange, observer].into_iter().flatten().collect()
    }
}

/// Makes them, and tells what answers peers and the API of them.
pub(super) fn beside(
    config: &Config,
    manifest: &Manifest,
    hotkey: &KeyPair,
    network: p2p::Handle,
    (server, context): (&mut Server, &mut http::Context),
) -> Beside {
    let node = (server.subnet, context.library.clone(), context.view.clone());
    let (anchors, anchoring) = anchors(config, hotkey, node);
    let shelf = anchors.as_ref().and_then(Anchors::shelf).cloned();
    let exchange = shelf.map(|shelf| Exchange::new(network, context.view.clone(), shelf));
    server.anchors.clone_from(&anchors);
    context.anchors = anchors;
    let observer = observer(config, manifest, hotkey, context);
    context.registry = observer.as_ref().map(Observer::seen);
    Beside { anchoring, exchange, observer }
}

/// Everything the participant acts on.
pub(super) fn host(
    config: &Config,
    store: Store,
    network: &p2p::Handle,
    view: &View,
    (records, jobs): (mpsc::Receiver<Item>, mpsc::Sender<Job>),
) -> NodeHost {
    NodeHost::new(host::Parts {
        store,
        rest: host::Rest {
            records,
            network: network.clone(),
            jobs,
            view: view.clone(),
            metrics: DriverMetrics::new(config.metrics_uids),
            clock: Clock::start(),
            runtime: tokio::runtime::Handle::current(),
            snapshot_every: config.snapshot_every,
            archive: config.archive,
        },
    })
}

pub(super) fn server(
    hotkey: &KeyPair,
    manifest: &Manifest,
    workers: Workers,
    view: View,
) -> Server {
    Server {
        key: hotkey.signing_key().clone(),
        subnet: manifest.subnet_id(),
        task: manifest.task.task_type.clone(),
        workers,
        view,
        blobs: Blobs::default(),
        anchors: None,
    }
}

pub(super) fn who(hotkey: &KeyPair, behaviour: Behaviour) -> Who {
    Who {
        key: Some(hotkey.signing_key().clone()),
        seed_chains: (0..SEED_CHAINS).map(|index| hotkey.seed_chain_start(index)).collect(),
        behaviour,
    }
}

pub(super) fn context(
    server: &Server,
    hotkey: &KeyPair,
    library: Library,
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
        library,
        submit: Arc::new(driver),
        tasks: Arc::new(tasks),
        network: Arc::new(network),
        worker: worker_health(server.workers.clone()),
        metrics,
        anchors: None,
        registry: None,
        token: None,
        hosts: Vec::new(),
    }
}

/// What brings epochs to a chain. Without it the node runs as well, and says so.
fn anchors(
    config: &Config,
    hotkey: &KeyPair,
    node: (SubnetId, Library, View),
) -> (Option<Anchors>, Option<anchors::Task>) {
    match anchors::start(&config.anchor, &config.data_dir, hotkey, node) {
        Ok(Some((anchors, task))) => (Some(anchors), Some(task)),
        Ok(None) => (None, None),
        Err(error) => {
            tracing::error!(%error, "no epoch is anchored; everything else goes on");
            (None, None)
        }
    }
}

/// What tells the subnet of the chain that registers its participants, if there is one and this node may ask a node of it.
fn observer(
    config: &Config,
    manifest: &Manifest,
    hotkey: &KeyPair,
    context: &http::Context,
) -> Option<Observer> {
    let source = manifest.registry.as_ref()?;
    let Some(rpc) = &config.registry_rpc else {
        tracing::info!(
            "registry_rpc is not set: this node follows what others read of the registry"
        );
        return None;
    };
    match observer::open(source, rpc) {
        Ok(source) => {
            let (view, submit) = (context.view.clone(), Arc::clone(&context.submit));
            Some(Observer::new(source, view, submit, hotkey.clone()))
        }
        Err(error) => {
            tracing::error!(%error, "the registry is not read; everything else goes on");
            None
        }
    }
}
