//! From the network's events to the driver, and what is answered without it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ed25519_dalek::SigningKey;
use ganglion_chain::embedded::Entry;
use ganglion_chain::limits::ENTRIES;
use ganglion_p2p as p2p;
use ganglion_subnet::{Channel, Input};
use ganglion_types::task::request_digest;
use ganglion_types::{
    Body, Canonical as _, Digest, Hotkey, Item, Receipt, SubnetId, limits, proto, sign,
};
use tokio::sync::{Semaphore, mpsc};

use crate::anchors::Anchors;
use crate::blobs::Blobs;
use crate::driver::{Driver, Mail};
use crate::view::View;
use crate::worker::protocol::Caller as WorkerCaller;
use crate::workers::Workers;

/// Tasks from outside under way at once; more are refused as busy.
const CALLS: usize = 32;
/// Longest time that a task from outside may take.
const CALL_LIMIT: Duration = Duration::from_secs(9);
/// Refusal codes of the node; the network's own are below 16.
mod refused {
    pub(super) const NO_WORKER: u32 = 16;
    pub(super) const BUSY: u32 = 17;
    pub(super) const FAILED: u32 = 18;
    pub(super) const UNKNOWN: u32 = 19;
}

/// What answers tasks from outside.
#[derive(Clone)]
pub struct Server {
    /// Signs receipts.
    pub key: SigningKey,
    /// The subnet.
    pub subnet: SubnetId,
    /// Task type that is served.
    pub task: String,
    /// The model.
    pub workers: Workers,
    /// Who is who.
    pub view: View,
    /// Large payloads.
    pub blobs: Blobs,
    /// The log of anchors, if there is one.
    pub anchors: Option<Anchors>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("task", &self.task).finish_non_exhaustive()
    }
}

/// Passes events on until the network stops. Gives the reason.
pub async fn run(
    mut events: mpsc::Receiver<p2p::Event>,
    network: p2p::Handle,
    driver: Driver,
    records: mpsc::Sender<Item>,
    server: Server,
) -> String {
    let calls = Arc::new(Semaphore::new(CALLS));
    while let Some(event) = events.recv().await {
        match event {
            p2p::Event::Gossip { topic, from, token, bytes } => {
                let Some(channel) = channel_of(topic) else { continue };
                if !driver.mail(Mail::Gossip { from, token, channel, bytes }) {
                    network.verdict(token, p2p::Verdict::Ignore);
                }
            }
            p2p::Event::Request { from, request, token } => {
                answer(&network, &driver, &server, &calls, from, request, token);
            }
            p2p::Event::Response { id, peer, result } => {
                let response = result.ok();
                driver.mail(Mail::Response { id, from: peer, response });
            }
            p2p::Event::Connected { peer } => driver.input(Input::Connected(peer)),
            p2p::Event::Disconnected { peer } => driver.input(Input::Disconnected(peer)),
            p2p::Event::Record { record } => {
                // Lost if the store is behind: the peer sends a newer one within the hour.
                let _ = records.try_send(record);
            }
            p2p::Event::Listening { address } => tracing::info!(%address, "listening"),
            p2p::Event::Stopped { reason } => return format!("{reason:?}"),
        }
    }
    "the network's task ended".into()
}

fn channel_of(topic: p2p::Topic) -> Option<Channel> {
    match topic {
        p2p::Topic::Tasks => Some(Channel::Tasks),
        p2p::Topic::Outputs => Some(Channel::Outputs),
        p2p::Topic::Weights => Some(Channel::Weights),
        p2p::Topic::Ops => Some(Channel::Ops),
        p2p::Topic::Agreement => Some(Channel::Agreement),
        p2p::Topic::Peers => None,
    }
}

fn answer(
    network: &p2p::Handle,
    driver: &Driver,
    server: &Server,
    calls: &Arc<Semaphore>,
    from: Hotkey,
    request: proto::Request,
    token: p2p::ResponseToken,
) {
    use proto::request::Request;
    use proto::response::Response;
    let respond = |response| {
        network.respond(token, proto::Response { response: Some(response) });
    };
    match request.request {
        Some(Request::Blob(request)) => respond(Response::Blob(server.blobs.part(&request))),
        Some(Request::Witness(asked)) => {
            let Ok(permit) = Arc::clone(calls).try_acquire_owned() else {
                return respond(refusal(refused::BUSY, "busy; try again"));
            };
            let (anchors, network) = (server.anchors.clone(), network.clone());
            tokio::task::spawn_blocking(move || {
                let response = witness(anchors.as_ref(), asked.from);
                network.respond(token, proto::Response { response: Some(response) });
                drop(permit);
            });
        }
        Some(Request::Task(call)) => {
            let Ok(permit) = Arc::clone(calls).try_acquire_owned() else {
                return respond(refusal(refused::BUSY, "too many tasks at once; try again"));
            };
            let (server, network) = (server.clone(), network.clone());
            tokio::spawn(async move {
                let response = server.serve(from, call).await;
                network.respond(token, proto::Response { response: Some(response) });
                drop(permit);
            });
        }
        _ => {
            if !driver.mail(Mail::Request { from, token, request }) {
                respond(refusal(refused::BUSY, "busy; try again"));
            }
        }
    }
}

fn refusal(code: u32, reason: &str) -> proto::response::Response {
    proto::response::Response::Refused(proto::Refused { code, reason: reason.into() })
}

/// A page of this node's log of anchors.
fn witness(anchors: Option<&Anchors>, from: u64) -> proto::response::Response {
    let told =
        anchors.map_or_else(|| Ok((0, Vec::new())), |anchors| anchors.entries(from, ENTRIES));
    match told {
        Ok((count, entries)) => proto::response::Response::Witness(proto::Witness {
            count,
            entries: entries.iter().map(Entry::to_bytes).collect(),
        }),
        Err(error) => {
            tracing::warn!(%error, "the log of anchors cannot be read");
            refusal(refused::FAILED, "the log cannot be read")
        }
    }
}

impl Server {
    async fn serve(&self, from: Hotkey, call: proto::TaskRequest) -> proto::response::Response {
        let Some(worker) = self.workers.running() else {
            return refusal(refused::NO_WORKER, "this node runs no model");
        };
        if call.task != self.task {
            return refusal(refused::UNKNOWN, "this subnet has another task type");
        }
        let state = self.view.now().state;
        let uid = state.uid_of(&from);
        let seat = uid.and_then(|uid| state.participant(uid));
        let caller = WorkerCaller {
            hotkey: from.to_string(),
            uid: uid.map(ganglion_types::Uid::get),
            stake: seat.map_or(0, |seat| seat.stake.get()),
            permit: seat.is_some_and(|seat| seat.permit),
        };
        let limit = Duration::from_millis(call.deadline_ms.into()).min(CALL_LIMIT);
        let request = request_digest(&from, call.nonce, &call.task, &call.input);
        match worker.forward(call.input, Some(caller), limit).await {
            Ok(output) if output.len() <= limits::BLOB_BYTES => {
                let receipt = Body::Receipt(Receipt {
                    signer: sign::hotkey_of(&self.key),
                    request,
                    output: Digest::new(*blake3::hash(&output).as_bytes()),
                    time: unix_ms(),
                });
                let receipt = Item::sign(self.subnet, receipt, &self.key);
                proto::response::Response::Task(proto::TaskAnswer {
                    output,
                    receipt: Some(receipt.to_proto()),
                })
            }
            Ok(_) => refusal(refused::FAILED, "the answer is too large"),
            Err(error) => refusal(refused::FAILED, &error.to_string()),
        }
    }
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
