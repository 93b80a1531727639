//! The driver's thread: runs the participant, and when the disk takes no writes waits and begins again.
//!
//! ```text
//!            ┌──────────────── running ◄───────────────────────────────┐
//!            │ a write failed: full, over quota, read-only             │ opened as at a start
//!            ▼                                                         │
//!        suspended ── every 2 s: can a file be written and synced? ──► reopening
//!        signs nothing, reads are answered                             store closed, files renewed
//! ```
//! Any other failure ends the node: see `docs/spec/storage.md`, section 7.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use ganglion_p2p as p2p;
use ganglion_persist::restart::{self, RestartError, Who};
use ganglion_storage::{OpenError, Store, Workshop};
use ganglion_subnet::runner::Stopped;
use ganglion_subnet::{Input, Participant};
use ganglion_types::{Manifest, proto};

use super::{NodeError, open_store, show_forks, stopped, take_up};
use crate::driver::{self, Mail};
use crate::host::{NodeHost, Parts, Rest};
use crate::library::Library;
use crate::metrics;

/// Pause between two tries to write.
const PROBE_EVERY: Duration = Duration::from_secs(2);
/// Tries to open the store while answers are under way, a fifth of a second each.
const READERS_TRIES: u32 = 50;
/// The log says at most this often that it still waits.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// What the driver begins again with.
pub(super) struct Drive {
    pub(super) dir: PathBuf,
    pub(super) manifest: Arc<Manifest>,
    pub(super) who: Who,
    pub(super) library: Library,
    pub(super) mail: Receiver<Mail>,
}

/// How waiting ended.
enum Waited {
    /// There is room.
    Room,
    /// The node is asked to stop.
    Stop,
}

impl Drive {
    /// Runs until the node is told to stop or must not go on.
    ///
    /// # Errors
    /// Why it must not go on.
    pub(super) fn run(self, participant: Participant, host: NodeHost) -> Result<(), NodeError> {
        let (mut participant, mut host) = (participant, host);
        loop {
            let clock = host.clock();
            let (ended, result) = driver::run(participant, host, &self.mail, clock);
            let reason = match &result {
                Err(Stopped::Store(error)) if error.is_full() => error.to_string(),
                _ => return stopped(result, ended.view()),
            };
            let mut rest = ended.into_rest();
            suspend(&rest, &reason);
            let mut reading = self.open_to_read();
            (participant, host) = loop {
                if let Waited::Stop = self.wait(&rest) {
                    return Ok(());
                }
                drop(reading.take());
                match self.reopen(rest)? {
                    Ok(again) => break again,
                    Err((given_back, error)) => {
                        tracing::warn!(%error, "the store cannot be opened again yet");
                        rest = given_back;
                    }
                }
            };
        }
    }

    /// Opens the store anew to be read: sled, once a write of its failed, refuses reads that would tidy a page up. That
    /// takes a little room, which is kept back for this. On a read-only medium the old reader stays, as good as it is.
    fn open_to_read(&self) -> Option<Store> {
        if !Workshop::drop_ballast(&self.dir).unwrap_or(false) {
            return None;
        }
        self.library.close();
        for _ in 0..READERS_TRIES {
            match open_store(&self.dir, &self.manifest.subnet_id()) {
                Ok((store, ..)) => {
                    self.library.open(store.reader().clone());
                    return Some(store);
                }
                // Somebody still reads.
                Err(NodeError::Open(OpenError::Locked { .. })) => {}
                Err(error) => {
                    tracing::warn!(%error, "the store cannot be read until the disk takes writes");
                    return None;
                }
            }
        }
        None
    }

    /// Until a file can be written, at least one pause. What arrives meanwhile is answered or let go.
    fn wait(&self, rest: &Rest) -> Waited {
        let (mut tried, mut told) = (Instant::now(), Instant::now());
        loop {
            match self.mail.recv_timeout(Duration::from_millis(200)) {
                Ok(Mail::Stop) | Err(RecvTimeoutError::Disconnected) => return Waited::Stop,
                Ok(mail) => decline(rest, mail),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if tried.elapsed() < PROBE_EVERY {
                continue;
            }
            tried = Instant::now();
            match Workshop::probe(&self.dir) {
                Ok(()) => return Waited::Room,
                Err(error) if told.elapsed() >= TELL_EVERY => {
                    told = Instant::now();
                    tracing::warn!(%error, "still no room: nothing is signed");
                }
                Err(_) => {}
            }
        }
    }

    /// Opens the store as at a start. Gives `rest` back if it is worth another try.
    #[expect(clippy::type_complexity, reason = "what goes on, or what is tried again with")]
    fn reopen(
        &self,
        rest: Rest,
    ) -> Result<Result<(Participant, NodeHost), (Rest, NodeError)>, NodeError> {
        self.library.close();
        let subnet = self.manifest.subnet_id();
        let opened = Workshop::open(&self.dir, *subnet.as_bytes())
            .and_then(|workshop| workshop.renew())
            .map_err(NodeError::from)
            .and_then(|()| open_store(&self.dir, &subnet));
        let (mut store, found, _) = match opened {
            Ok(opened) => opened,
            Err(error) if may_pass(&error) => return Ok(Err((rest, error))),
            Err(error) => return Err(error),
        };
        let state = match restart::recover(&mut store, &found, &self.manifest) {
            Ok(state) => state,
            Err(RestartError::Store(error)) if error.is_full() => {
                return Ok(Err((rest, error.into())));
            }
            Err(error) => return Err(error.into()),
        };
        let taken = take_up(&mut store, found, state.clone(), &self.manifest, self.who.clone());
        let (participant, forks) = match taken {
            Err(error) if may_pass(&error) => return Ok(Err((rest, error))),
            other => other?,
        };
        let reader = store.reader().clone();
        show_forks(&rest.view, forks);
        rest.view.update(|view| {
            view.state = Arc::new(state);
            view.storage = None;
        });
        self.library.open(reader);
        take_ballast(&self.dir);
        metrics::suspended(false);
        let connected: Vec<_> =
            rest.network.peers().into_iter().filter(|peer| peer.connected).collect();
        let mut host = NodeHost::new(Parts { store, rest });
        for peer in connected {
            host.push(Input::Connected(peer.hotkey));
        }
        tracing::info!("the disk takes writes again, and the store is open: going on");
        Ok(Ok((participant, host)))
    }
}

/// Keeps some room back; without it a full disk also stops reads.
pub(super) fn take_ballast(dir: &Path) {
    if let Err(error) = Workshop::take_ballast(dir) {
        tracing::warn!(%error, "no room could be kept back for reading on a full disk");
    }
}

/// Whether another try may succeed: somebody still reads, or the room is gone again.
fn may_pass(error: &NodeError) -> bool {
    match error {
        NodeError::Open(OpenError::Locked { pid, .. }) => *pid == Some(std::process::id()),
        NodeError::Open(OpenError::Io { source, .. }) => {
            ganglion_storage::disk::takes_no_writes(source)
        }
        NodeError::Store(error) | NodeError::Restart(RestartError::Store(error)) => error.is_full(),
        _ => false,
    }
}

fn suspend(rest: &Rest, reason: &str) {
    tracing::error!(
        reason,
        "the disk takes no writes: nothing is signed until it does; reads are answered"
    );
    metrics::suspended(true);
    rest.view.update(|view| {
        view.storage = Some(reason.to_owned());
        view.signing = false;
        view.signing_reason = "the disk takes no writes";
        view.deadline = None;
        view.round = None;
    });
}

/// Says no to whoever waits for an answer.
fn decline(rest: &Rest, mail: Mail) {
    match mail {
        Mail::Gossip { token, .. } => rest.network.verdict(token, p2p::Verdict::Ignore),
        Mail::Request { token, .. } => {
            let refused = proto::Refused { code: 1, reason: "the disk takes no writes".into() };
            let response = proto::response::Response::Refused(refused);
            rest.network.respond(token, proto::Response { response: Some(response) });
        }
        Mail::Submit { reply, .. } => {
            // Whoever asked may be gone.
            let _ = reply.send(Err("the disk of this node takes no writes for now".into()));
        }
        Mail::Input(_) | Mail::Response { .. } | Mail::Stop => {}
    }
}
