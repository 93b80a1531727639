//! A node while it joins by a snapshot: it serves its API, so that everybody sees how far it is, and takes nothing.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use ganglion_consensus::ledger::State;
use ganglion_p2p as p2p;
use ganglion_persist::restart;
use ganglion_persist::snapshots::join::JoinError;
use ganglion_storage::{Reader, Store};
use ganglion_types::{Fork, Hotkey, Item, ItemId, Manifest};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::{mpsc, oneshot};

use super::NodeError;
use crate::api::types::TaskAnswers;
use crate::http::{self, SubmitError, WorkerHealth};
use crate::library::Library;
use crate::snapshots::{Checkpoint, join};
use crate::view::View;

/// What a joining node answers to whoever wants more than to look.
const NOT_YET: &str =
    "this node is still joining by a snapshot; `ganglion status` shows how far it is";

struct NotYet;

impl http::Submit for NotYet {
    fn submit(&self, _: Vec<u8>) -> BoxFuture<'_, Result<ItemId, SubmitError>> {
        Box::pin(async { Err(SubmitError::Refused(NOT_YET.into())) })
    }

    fn forked(&self, _: Fork) -> bool {
        false
    }
}

impl http::AskMiners for NotYet {
    fn ask(&self, _: Vec<u8>, _: u16, _: Duration) -> BoxFuture<'_, Result<TaskAnswers, String>> {
        Box::pin(async { Err(NOT_YET.into()) })
    }
}

/// Who joins, and by what.
pub(super) struct Joining<'a> {
    pub(super) store: &'a mut Store,
    pub(super) network: &'a p2p::Handle,
    pub(super) manifest: &'a Arc<Manifest>,
    pub(super) me: Hotkey,
    pub(super) checkpoint: Checkpoint,
    pub(super) metrics: PrometheusHandle,
}

/// The state that a node joined with, and the peers it had by then.
pub(super) type Begun = (State, BTreeSet<Hotkey>);

impl Joining<'_> {
    /// Joins, and stores what it joined with; `None` if `shutdown` is done before.
    pub(super) async fn run(
        self,
        listener: &TcpListener,
        events: &mut mpsc::Receiver<p2p::Event>,
        records: &mpsc::Sender<Item>,
        shutdown: Pin<&mut (impl Future<Output = ()> + Send)>,
    ) -> Result<Option<Begun>, NodeError> {
        let system = |source| NodeError::System { what: "serving while joining", source };
        let genesis = State::genesis(Arc::clone(self.manifest));
        let view = View::new(self.me, genesis.map_err(|_| JoinError::Manifest)?);
        view.update(|view| view.phase = "joining");
        // The socket stays when this server ends: whoever connects in between waits for the next one.
        let socket = listener.try_clone().and_then(tokio::net::TcpListener::from_std);
        let reader = self.store.reader().clone();
        let context = context(view.clone(), reader, self.network.clone(), self.metrics);
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(http::serve(socket.map_err(system)?, context, async {
            let _ = stopped.await;
        }));
        let joiner = join::Joiner {
            network: self.network,
            files: self.store.reader().snapshots().clone(),
            manifest: self.manifest,
            view,
            checkpoint: self.checkpoint,
        };
        let joined = tokio::select! {
            joined = joiner.join(events, records) => joined?.ok_or_else(network_ended).map(Some),
            () = shutdown => Ok(None),
        };
        drop(stop);
        // It holds the reader, and so the directory: it has to be gone before this process may end or go on.
        let _ = serving.await;
        let Some(((loaded, parts), connected)) = joined? else { return Ok(None) };
        restart::begin_with(self.store, &loaded, &parts)?;
        Ok(Some((loaded.state, connected)))
    }
}

fn network_ended() -> NodeError {
    NodeError::Ended { task: "network", reason: "it stopped while the node joined".into() }
}

fn context(
    view: View,
    reader: Reader,
    network: p2p::Handle,
    metrics: PrometheusHandle,
) -> http::Context {
    http::Context {
        view,
        library: Library::new(reader),
        submit: Arc::new(NotYet),
        tasks: Arc::new(NotYet),
        network: Arc::new(network),
        worker: Arc::new(|| WorkerHealth::None),
        metrics,
        anchors: None,
        registry: None,
        // Nothing can be changed before there is a state.
        token: None,
        hosts: Vec::new(),
    }
}
