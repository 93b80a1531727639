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
use ganglion_storage::{Recovered, Store};
use ganglion_subnet::{AskId, Input, Now};
use ganglion_types::proto::{self, request::Request, response::Response};
use ganglion_types::{Hotkey, Manifest};

use crate::host::{Note, Out};

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
struct World(Arc<Mutex<Desk>>);

impl World {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Surroundings for World {
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
    world: World,
    /// What the process goes on with when it has joined.
    pub(crate) opened: (Store, Recovered),
}

impl fmt::Debug for Joining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Joining").field("world", &self.world).finish_non_exhaustive()
    }
}

impl Joining {
    pub(crate) fn new(
        opened: (Store, Recovered),
        manifest: Arc<Manifest>,
        checkpoint: Checkpoint,
    ) -> Self {
        let world = World::default();
        let (files, outside) = (opened.0.reader().snapshots().clone(), world.clone());
        let future = Box::pin(async move {
            Joiner { world: &outside, files, manifest: &manifest, checkpoint }.join().await
        });
        Self { future, world, opened }
    }

    /// Takes an input, and goes on as far as that leads.
    pub(crate) fn give(&mut self, now: Now, input: Input) -> Poll<Result<Fetched, JoinError>> {
        let mut desk = self.world.desk();
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
        let mut desk = self.world.desk();
        desk.mono = now.mono;
        while let Some(wait) = desk.waits.first_entry().filter(|wait| wait.key().0 <= now.mono) {
            let _ = wait.remove().send(());
        }
        drop(desk);
        self.future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    /// When something waits for a moment next.
    pub(crate) fn next_timer(&self) -> Option<u64> {
        self.world.desk().waits.keys().next().map(|wait| wait.0)
    }

    pub(crate) fn take_notes(&self) -> Vec<Note> {
        std::mem::take(&mut self.world.desk().notes)
    }

    pub(crate) fn connected(&self) -> BTreeSet<Hotkey> {
        self.world.connected()
    }
}
