//! A process that joins by a snapshot: the production code for it, with made-up peers and time.
//!
//! The code waits for answers and for moments. Both are kept on a desk until the world brings them; then it is polled,
//! and nothing but the world ever makes it go on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::channel::oneshot;
use ganglion_persist::snapshots::Checkpoint;
use ganglion_persist::snapshots::join::{
    self, Fetched, JoinError, Joiner, Joining as Progress, Surroundings,
};
use ganglion_storage::faulty::Crash;
use ganglion_storage::{Recovered, Store};
use ganglion_subnet::{AskId, Input, Now};
use ganglion_types::proto::{self, request::Request, response::Response};
use ganglion_types::{Epoch, Hotkey, Manifest};

use crate::host::{Note, Out};
use crate::world::World;

type Answer = Result<proto::Response, String>;

/// What joining waits for, and what it gave out.
#[derive(Debug, Default)]
struct Desk {
    mono: u64,
    connected: BTreeSet<Hotkey>,
    /// Counts questions and waits.
    last: u64,
    asked: BTreeMap<AskId, oneshot::Sender<Answer>>,
    /// By the moment that each waits for.
    waits: BTreeMap<(u64, u64), oneshot::Sender<()>>,
    notes: Vec<Note>,
}

#[derive(Clone, Debug, Default)]
struct Outside(Arc<Mutex<Desk>>);

impl Outside {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Surroundings for Outside {
    fn connected(&self) -> BTreeSet<Hotkey> {
        self.desk().connected.clone()
    }

    async fn ask(&self, peer: Hotkey, request: Request) -> Answer {
        let (sender, answer) = oneshot::channel();
        {
            let mut desk = self.desk();
            desk.last += 1;
            let id = AskId(desk.last);
            desk.asked.insert(id, sender);
            let request = proto::Request { request: Some(request) };
            desk.notes.push(Note::Out(Out::Ask(id, peer, request)));
        }
        answer.await.unwrap_or_else(|_| Err("the process ends".into()))
    }

    fn penalize(&self, peer: Hotkey) {
        self.desk().notes.push(Note::Blamed(*peer.as_bytes(), "a snapshot"));
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.desk().mono)
    }

    async fn sleep(&self, time: Duration) {
        let (sender, moment) = oneshot::channel();
        {
            let mut desk = self.desk();
            desk.last += 1;
            let due = desk.mono + u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            let last = desk.last;
            desk.waits.insert((due, last), sender);
        }
        let _ = moment.await;
    }

    fn show(&self, progress: Progress) {
        self.desk().notes.push(Note::Line(format!("joining: {progress:?}")));
    }
}

/// See the module's head.
pub(crate) struct Joining {
    future: Pin<Box<dyn Future<Output = Result<Fetched, JoinError>>>>,
    outside: Outside,
    /// What the process goes on with when it has joined.
    pub(crate) opened: (Store, Recovered),
}

impl fmt::Debug for Joining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Joining").field("outside", &self.outside).finish_non_exhaustive()
    }
}

impl Joining {
    pub(crate) fn new(
        opened: (Store, Recovered),
        manifest: Arc<Manifest>,
        checkpoint: Checkpoint,
    ) -> Self {
        let outside = Outside::default();
        let (files, world) = (opened.0.reader().snapshots().clone(), outside.clone());
        let future = Box::pin(async move {
            Joiner { world: &world, files, manifest: &manifest, checkpoint }.join().await
        });
        Self { future, outside, opened }
    }

    /// Takes an input, and goes on as far as that leads.
    pub(crate) fn give(&mut self, now: Now, input: Input) -> Poll<Result<Fetched, JoinError>> {
        let mut desk = self.outside.desk();
        match input {
            Input::Connected(peer) => {
                desk.connected.insert(peer);
            }
            Input::Disconnected(peer) => {
                desk.connected.remove(&peer);
            }
            Input::Response { id, response, .. } => {
                if let Some(asked) = desk.asked.remove(&id) {
                    let _ = asked.send(response.ok_or_else(|| "it did not come".into()));
                }
            }
            Input::Request { token, .. } => {
                let response = Some(Response::Refused(join::not_yet()));
                desk.notes.push(Note::Out(Out::Answer(token, proto::Response { response })));
            }
            _ => {}
        }
        drop(desk);
        self.go_on(now)
    }

    /// Goes on with what waits for this moment.
    pub(crate) fn go_on(&mut self, now: Now) -> Poll<Result<Fetched, JoinError>> {
        let mut desk = self.outside.desk();
        desk.mono = now.mono;
        while let Some(wait) = desk.waits.first_entry().filter(|wait| wait.key().0 <= now.mono) {
            let _ = wait.remove().send(());
        }
        drop(desk);
        self.future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    /// When something waits for a moment next.
    pub(crate) fn next_timer(&self) -> Option<u64> {
        self.outside.desk().waits.keys().next().map(|wait| wait.0)
    }

    pub(crate) fn take_notes(&self) -> Vec<Note> {
        std::mem::take(&mut self.outside.desk().notes)
    }

    pub(crate) fn connected(&self) -> BTreeSet<Hotkey> {
        self.outside.connected()
    }
}

impl World {
    pub(crate) fn after_joining(&mut self, at: usize, result: Poll<Result<Fetched, JoinError>>) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(at) else { return };
        let honest = node.is_honest();
        let Some(joining) = &node.joining else { return };
        let notes = joining.take_notes();
        node.set_due(now);
        self.tell(at, honest, notes);
        if let Poll::Ready(result) = result {
            self.joined(at, result);
        }
    }

    /// Joining by a snapshot has come to an end.
    fn joined(&mut self, at: usize, result: Result<Fetched, JoinError>) {
        let (every, now) = (self.plan.snapshot_every, self.now);
        let node = &mut self.nodes[at];
        let Some(joining) = node.joining.take() else { return };
        let fetched = match result {
            Ok(fetched) => fetched,
            Err(error) => {
                drop(joining);
                return self.not_joined(at, &error);
            }
        };
        let connected = joining.connected();
        node.joined = now;
        if let Err(error) = node.has_joined(joining.opened, fetched, &self.manifest, every) {
            self.not_started(at, &error);
            let hotkey = self.nodes[at].hotkey;
            return self.tell_all(at, |_| Input::Disconnected(hotkey));
        }
        self.counts.joined += 1;
        self.goes_on(at);
        for peer in connected {
            self.give(at, Input::Connected(peer));
        }
    }

    /// Whoever runs the node starts it again.
    fn not_joined(&mut self, at: usize, error: &JoinError) {
        self.line(at, || format!("did not join: {error}"));
        let crash = match error {
            JoinError::Store(_) => self.crash(),
            JoinError::Nobody { .. } => Crash::KeepAll,
            JoinError::Manifest => {
                return self.checkers.report("start", format!("node {at} cannot join: {error}"));
            }
        };
        self.end(at, crash);
    }

    /// Whether every honest node that joins by a snapshot has joined.
    pub(crate) fn all_joined(&self) -> bool {
        self.honest().all(|(_, node)| node.joining.is_none() && node.runner.is_some())
    }

    /// A cut that somebody who joins was told by an honest node: its last, or the first of all.
    pub(crate) fn trusted_cut(&mut self) -> Checkpoint {
        let heads: Vec<_> = self.honest().filter_map(|(_, node)| node.head()).collect();
        match self.random.pick(&heads).copied() {
            Some((epoch, cut)) if epoch > Epoch::GENESIS && self.random.permille(500) => {
                Checkpoint::Cut(epoch, cut)
            }
            _ => Checkpoint::Genesis,
        }
    }
}
