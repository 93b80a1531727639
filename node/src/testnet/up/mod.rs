//! `ganglion testnet up`: measures, sets up, starts, watches, judges, ends.

mod error;
mod judge;
mod loading;
mod prepare;
mod start;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

pub use self::error::UpError;
use self::error::running;
use self::loading::Loading;
use self::start::Start;
use super::assertions::Assertion;
use super::control::{self, Orderer};
use super::fleet::Fleet;
use super::layout::{Layout, Lock};
use super::observe::{self, Life, NodeView, Reply};
use super::report::Report;
use super::screen::{Screen, Show};
use super::setup::{self, State};
use super::spec::Spec;
use super::{process, table};
use crate::units;

/// Orders under way at a time.
const ORDERS_MAX: usize = 16;
/// Lines of a log that are shown when a node ends by itself.
const LOG_LINES: usize = 8;

/// What to do.
#[derive(Debug)]
pub struct Options {
    /// Where.
    pub layout: Layout,
    /// What.
    pub spec: Spec,
    /// Time from the start of the nodes to the first epoch; by default as the workers need it.
    pub genesis_in: Option<Duration>,
    /// End after so many certified epochs.
    pub epochs: Option<u64>,
    /// Where to say what.
    pub show: Show,
}

/// How it came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    /// The epochs asked for are certified everywhere.
    Epochs,
    /// They are not, and will not be waited for.
    Late(String),
    /// Ctrl-C, SIGTERM or `testnet down`.
    Asked(&'static str),
    /// No node runs any more.
    Alone,
}

/// Runs a testnet to its end; gives a report if epochs were asked for.
///
/// # Errors
/// See [`UpError`]. Whatever happens, no child is left.
pub async fn up(options: Options) -> Result<Option<Report>, UpError> {
    let layout = &options.layout;
    let foreign = || -> Result<(), UpError> {
        match layout.is_foreign()? {
            true => Err(UpError::Foreign { dir: layout.dir().display().to_string() }),
            false => Ok(()),
        }
    };
    // Before the lock: it would be one more file in somebody else's directory.
    if !layout.lock().exists() {
        foreign()?;
    }
    let Some(lock) = Lock::take(layout)? else { return Err(running(layout)?) };
    foreign()?;
    let mut screen = Screen::new(options.show);
    let ganglion = std::env::current_exe()
        .map_err(|source| UpError::System { what: "find our own program".into(), source })?;
    let base = setup::base_manifest(&options.spec)?;
    if State::read(layout)?.is_some() {
        screen.note(&format!(
            "the testnet that ended in {} makes room for a new one; keep one with --dir",
            layout.dir().display()
        ));
        layout.purge()?;
    }
    // Purging took the name of the lock's file away, and so the lock with it.
    drop(lock);
    let Some(_lock) = Lock::take(layout)? else { return Err(running(layout)?) };
    // From here on the directory is known to be ours, also if we are killed while we set it up.
    State::empty().write(layout)?;

    let mut run = Run::prepare(options, ganglion, base, &mut screen).await?;
    let listener = control::listen(&run.fleet.layout)
        .map_err(|source| UpError::System { what: "listen for orders".into(), source })?;
    let ended = run.live(&listener, &mut screen).await;
    screen.leave();
    let seen = run.fleet.seen().clone();
    let killed = run.fleet.stop_all().await;
    for name in killed {
        screen.note(&format!("{name} did not stop within 5 s and was killed"));
    }
    // Whoever finds the socket would find nobody behind it.
    let _ = std::fs::remove_file(run.fleet.layout.socket());
    let end = ended?;
    match &end {
        End::Asked(how) => screen.note(&format!("{how}: every node is stopped")),
        End::Alone => screen.note("no node runs any more"),
        End::Epochs | End::Late(_) => screen.note("every node is stopped"),
    }
    run.report(seen, &end, &mut screen).await
}

struct Run {
    fleet: Arc<Fleet>,
    epochs: Option<u64>,
    batch_size: u32,
    /// Replies under way, and of whom.
    replies: JoinSet<Reply>,
    asked: BTreeMap<String, tokio::task::AbortHandle>,
    orders: JoinSet<()>,
    /// Epochs of which a sentence was said.
    told: u64,
    /// When the first node had all epochs asked for.
    first_done: Option<Instant>,
    workers_noted: bool,
    assertions: Vec<Assertion>,
    loading: Loading,
    /// Whether the behaviour of some node is to leave, and the look after it under way.
    may_leave: bool,
    leaving: Option<tokio::task::AbortHandle>,
}

impl Run {
    /// Starts the nodes and watches them until the end.
    async fn live(&mut self, listener: &UnixListener, screen: &mut Screen) -> Result<End, UpError> {
        let handler = |kind| {
            signal(kind).map_err(|source| UpError::System { what: "watch signals".into(), source })
        };
        let mut signals = (
            handler(SignalKind::interrupt())?,
            handler(SignalKind::terminate())?,
            handler(SignalKind::hangup())?,
        );
        let fleet = Arc::clone(&self.fleet);
        let period = Duration::from_millis((fleet.seen().epoch_ms / 10).clamp(250, 1_000));
        let mut tick = interval(period);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut start = Start::new(&fleet.seen());
        loop {
            tokio::select! {
                _ = tick.tick() => {
                    self.reap(screen)?;
                    start.advance(&fleet, screen)?;
                    self.take_offline();
                    self.load(screen).await;
                    self.ask();
                    self.tell(screen);
                    if let Some(end) = self.end() {
                        return Ok(end);
                    }
                }
                Some(reply) = self.replies.join_next() => self.take(reply),
                Some(_) = self.orders.join_next() => {}
                connection = listener.accept(), if self.orders.len() < ORDERS_MAX => {
                    if let Ok((stream, _)) = connection {
                        let fleet = Arc::clone(&fleet);
                        self.orders.spawn(async move {
                            if let Ok((orderer, order)) = Orderer::meet(stream).await {
                                fleet.serve(orderer, order).await;
                            }
                        });
                    }
                }
                () = fleet.down() => return Ok(End::Asked("asked by `testnet down`")),
                how = asked_to_end(&mut signals) => return Ok(End::Asked(how)),
            }
        }
    }

    async fn load(&mut self, screen: &mut Screen) {
        let genesis = units::now_ms() >= self.fleet.seen().genesis_ms;
        let fleet = Arc::clone(&self.fleet);
        self.loading.advance(&fleet, genesis, screen).await;
    }

    fn reap(&self, screen: &mut Screen) -> Result<(), UpError> {
        for (name, how) in self.fleet.reap() {
            let log = process::tail(&self.fleet.layout.log(&name), LOG_LINES);
            let log: String = log.iter().map(|line| format!("\n    {line}")).collect();
            if units::now_ms() < self.fleet.seen().genesis_ms {
                return Err(UpError::Ended { name, how, log });
            }
            screen.note(&format!("{name} ended by itself: {how}{log}"));
            self.fleet.save();
        }
        Ok(())
    }

    /// Nodes that are to be gone by now are stopped, one look at a time.
    fn take_offline(&mut self) {
        let due = self.leaving.as_ref().is_none_or(tokio::task::AbortHandle::is_finished);
        if due && self.may_leave {
            let fleet = Arc::clone(&self.fleet);
            self.leaving = Some(self.orders.spawn(async move { fleet.take_offline().await }));
        }
    }

    fn ask(&mut self) {
        for question in self.fleet.seen().questions() {
            let under_way = self.asked.get(&question.name).is_some_and(|task| !task.is_finished());
            if !under_way {
                let name = question.name.clone();
                let task = self.replies.spawn_blocking(move || observe::ask(&question));
                self.asked.insert(name, task);
            }
        }
    }

    fn take(&self, reply: Result<Reply, tokio::task::JoinError>) {
        if let Ok(reply) = reply {
            self.fleet.seen().take(reply);
        }
    }

    fn tell(&mut self, screen: &mut Screen) {
        let now = units::now_ms();
        let seen = self.fleet.seen();
        for (epoch, detail) in seen.epochs.range(self.told + 1..) {
            screen.sentence(&table::sentence(&seen, detail));
            self.told = *epoch;
        }
        if !self.workers_noted && now >= seen.genesis_ms {
            self.workers_noted = true;
            screen.note("genesis: the first window is open");
            let is_unready = |node: &&NodeView| {
                node.record.has_worker()
                    && node.life == Life::Running
                    && node.status.as_ref().is_none_or(|status| status.worker != "ready")
            };
            let nodes = seen.nodes.iter().filter(is_unready);
            let names: Vec<&str> = nodes.map(|node| node.record.name.as_str()).collect();
            if !names.is_empty() {
                screen.note(&format!(
                    "not ready at genesis: {}; give workers more time with --genesis-in",
                    names.join(", ")
                ));
            }
        }
        screen.table(&table::render(&seen, now));
    }
}

async fn asked_to_end(signals: &mut (Signal, Signal, Signal)) -> &'static str {
    tokio::select! {
        _ = signals.0.recv() => "interrupted",
        _ = signals.1.recv() => "terminated",
        _ = signals.2.recv() => "the terminal is gone",
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::fault::Curable as _;

    #[test]
    fn a_second_start_says_what_runs_and_how_to_stop_it() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path()).unwrap();
        let held = Lock::take(&layout).unwrap();
        assert!(held.is_some());
        let seen = table::tests::observation();
        Fleet::new(layout.clone(), PathBuf::new(), String::new(), true, seen).save();
        let error = running(&layout).unwrap();
        let sentence = error.to_string();
        assert!(sentence.ends_with("with 3 nodes: v1, m1, observer"), "{sentence}");
        assert!(error.cure().contains("ganglion testnet down --dir"), "{error:?}");
    }
}
