//! `ganglion testnet up`: measures, sets up, starts, watches, judges, ends.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::assertions::Assertion;
use super::control::{self, Orderer};
use super::fleet::Fleet;
use super::layout::{Layout, Lock};
use super::measure::{self, Outcome};
use super::observe::{self, Life, NodeView, Observation, Reply};
use super::process;
use super::report::Report;
use super::screen::{Screen, Show};
use super::setup::{self, Made, NodeRecord, Ports, SetupError, State};
use super::spec::{LEARNER, Model, Role, Spec};
use super::verdict::Evidence;
use super::{accuracy, table};
use crate::fault::{Curable, Fault};
use crate::files::{FileError, shell_word};
use crate::worker::WorkerError;
use crate::{manifest, units};

/// Orders under way at a time.
const ORDERS_MAX: usize = 16;
/// Lines of a log that are shown when a node ends by itself.
const LOG_LINES: usize = 8;
/// Least time from the start of the nodes to genesis.
const GENESIS_LEAST: Duration = Duration::from_secs(15);

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

/// Why there is no testnet.
#[derive(Debug, thiserror::Error)]
pub enum UpError {
    /// It cannot be set up.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// One runs there.
    #[error("a testnet runs in {dir}: {what}")]
    Running {
        /// The directory.
        dir: String,
        /// Process and nodes.
        what: String,
    },
    /// The directory is somebody else's.
    #[error("{dir} has files in it and no testnet")]
    Foreign {
        /// The directory.
        dir: String,
    },
    /// A model that does not work.
    #[error("{name} cannot mine: {reason}")]
    Model {
        /// The model.
        name: String,
        /// Why not.
        reason: WorkerError,
    },
    /// A node that did not live to see genesis.
    #[error("{name} ended while the testnet was starting: {how}{log}")]
    Ended {
        /// Its name.
        name: String,
        /// How.
        how: String,
        /// Its last words.
        log: String,
    },
    /// A bootnode that does not open its interface.
    #[error("{name} does not answer after {seconds} s")]
    Silent {
        /// Its name.
        name: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The system.
    #[error("cannot {what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What it said.
        source: io::Error,
    },
}

impl From<FileError> for UpError {
    fn from(error: FileError) -> Self {
        Self::Setup(error.into())
    }
}

impl Curable for UpError {
    fn fault(&self) -> Fault {
        match self {
            Self::Setup(error) => error.fault(),
            Self::Running { .. } | Self::System { .. } => Fault::Environment,
            Self::Foreign { .. } | Self::Model { .. } => Fault::Input,
            Self::Ended { .. } | Self::Silent { .. } => Fault::Check,
        }
    }

    fn cure(&self) -> Option<String> {
        Some(match self {
            Self::Setup(error) => return error.cure(),
            Self::System { .. } => return None,
            Self::Running { dir, .. } => {
                let dir = shell_word(dir);
                format!(
                    "Look at it with `ganglion testnet status --dir {dir}`, stop it with Ctrl-C where \
                     it runs or with `ganglion testnet down --dir {dir}`, or start another with --dir."
                )
            }
            Self::Foreign { .. } => "Choose an empty or new directory with --dir.".into(),
            Self::Model { name, .. } => {
                format!("Try it alone: `ganglion worker check -- {name}`.")
            }
            Self::Ended { name, .. } | Self::Silent { name, .. } => {
                format!("Read its whole log: `ganglion testnet logs {name} --lines 1000`.")
            }
        })
    }

    fn each(&self) -> Vec<(String, Option<String>)> {
        match self {
            Self::Setup(error) => error.each(),
            _ => vec![(self.to_string(), self.cure())],
        }
    }
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

fn running(layout: &Layout) -> Result<UpError, UpError> {
    let dir = layout.dir().display().to_string();
    let what = match State::read(layout)? {
        Some(state) if !state.nodes.is_empty() => {
            let runs = state.nodes.iter().filter(|node| node.pid.is_some());
            let names: Vec<&str> = runs.map(|node| node.name.as_str()).collect();
            format!(
                "process {}, since {}, with {} nodes: {}",
                state.pid,
                units::show_time(state.started_ms),
                names.len(),
                names.join(", ")
            )
        }
        _ => "it is being set up".into(),
    };
    Ok(UpError::Running { dir, what })
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
    /// Whether the behaviour of some node is to leave, and the look after it under way.
    may_leave: bool,
    leaving: Option<tokio::task::AbortHandle>,
}

impl Run {
    /// Everything up to the first process.
    async fn prepare(
        options: Options,
        ganglion: PathBuf,
        mut base: ganglion_types::Manifest,
        screen: &mut Screen,
    ) -> Result<Self, UpError> {
        let Options { layout, spec, genesis_in, epochs, .. } = options;
        let digits = spec.is_digits();
        let mut measured = BTreeMap::new();
        let mut training = Duration::ZERO;
        if digits {
            let subnet = "0".repeat(64);
            for model in spec.nodes.iter().filter_map(|node| node.model.as_ref()) {
                if !measured.contains_key(model) {
                    let found = accuracy::measure(&ganglion, model, &subnet, None).await;
                    let found =
                        found.map_err(|reason| UpError::Model { name: model.name(), reason })?;
                    screen.note(&format!(
                        "{} is right in {} images, ready after {:.1} s",
                        model.name(),
                        found.accuracy,
                        found.ready.as_secs_f64()
                    ));
                    measured.insert(model.clone(), found);
                }
                training += measured.get(model).map_or(Duration::ZERO, |found| found.ready);
            }
        }
        let dir = layout.dir().display().to_string();
        screen.note(&format!("making keys and directories of {} nodes in {dir}", spec.nodes.len()));
        let mut ports = Ports::default();
        if epochs.is_none() && !spec.assertions.is_empty() {
            screen.note(
                "assertions are judged after --epochs N; this testnet runs until it is stopped",
            );
        }
        let made = spec.nodes.iter().map(|node| setup::make_node(&layout, node, &mut ports));
        let made: Vec<Made> = made.collect::<Result<_, _>>()?;
        base.participants = made.iter().filter_map(|one| one.participant.clone()).collect();
        let wait = genesis_in.unwrap_or_else(|| time_to_genesis(training, made.len()));
        base.genesis_time = units::now_ms() + u64::try_from(wait.as_millis()).unwrap_or(0);
        let text = manifest::render(&base);
        write(&layout, &made, &text)?;
        // Free for the nodes only now: until here nobody else could take them.
        drop(ports);
        let nodes = made.into_iter().map(|one| {
            let accuracy = one.record.model.as_ref().and_then(|model| measured.get(model));
            let accuracy = accuracy.map(|found| found.accuracy.ratio());
            NodeView { accuracy, ..NodeView::new(one.record) }
        });
        let seen = Observation {
            subnet: base.subnet_id().to_hex(),
            genesis_ms: base.genesis_time,
            epoch_ms: base.epoch_ms,
            budget_rao: base.hyperparameters.emission.get(),
            nodes: nodes.collect(),
            ..Observation::default()
        };
        let fleet = Arc::new(Fleet::new(layout, ganglion, text, digits, seen));
        fleet.save();
        Ok(Self {
            fleet,
            epochs,
            batch_size: base.task.batch_size,
            replies: JoinSet::new(),
            asked: BTreeMap::new(),
            orders: JoinSet::new(),
            told: 0,
            first_done: None,
            workers_noted: false,
            assertions: spec.assertions,
            may_leave: spec.nodes.iter().any(|node| node.behaviour.stops_after(u64::MAX)),
            leaving: None,
        })
    }

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

    /// Whether it is over.
    fn end(&mut self) -> Option<End> {
        let was_started = |node: &NodeView| node.starts > 0 || node.record.behaviour.never_starts();
        if !self.fleet.is_alive() && self.fleet.seen().nodes.iter().all(was_started) {
            return Some(End::Alone);
        }
        let wanted = self.epochs?;
        let seen = self.fleet.seen();
        let running = || seen.nodes.iter().filter(|node| node.life == Life::Running);
        let everywhere = running().all(|node| node.certified() >= wanted);
        let known = seen.epochs.range(1..=wanted).count() as u64 == wanted
            && seen.metagraph.as_ref().is_some_and(|metagraph| metagraph.epoch >= wanted);
        if everywhere && known {
            return Some(End::Epochs);
        }
        let epoch = Duration::from_millis(seen.epoch_ms);
        if seen.newest() >= wanted {
            let first = *self.first_done.get_or_insert_with(Instant::now);
            if first.elapsed() > (epoch * 3).max(Duration::from_secs(30)) {
                let late: Vec<&str> = running()
                    .filter(|node| node.certified() < wanted)
                    .map(|node| node.record.name.as_str())
                    .collect();
                return Some(End::Late(format!(
                    "every node follows: {} did not within {} s",
                    late.join(", "),
                    first.elapsed().as_secs()
                )));
            }
        }
        let since_genesis = units::now_ms().saturating_sub(seen.genesis_ms);
        let limit = (wanted + 2).saturating_mul(2).saturating_mul(seen.epoch_ms) + 60_000;
        if since_genesis > limit {
            return Some(End::Late(format!(
                "{wanted} epochs certify in time: {} did in {}",
                seen.newest(),
                units::show_ms(since_genesis / 1_000 * 1_000)
            )));
        }
        None
    }

    /// The verdict on what was seen, before the nodes were stopped.
    async fn report(
        &self,
        mut seen: Observation,
        end: &End,
        screen: &mut Screen,
    ) -> Result<Option<Report>, UpError> {
        self.measure_learners(&mut seen, screen).await;
        let Some(wanted) = self.epochs else { return Ok(None) };
        let evidence = Evidence::of(&seen, wanted, self.batch_size, self.fleet.digits);
        let mut failures = evidence.failures();
        match end {
            End::Epochs => {}
            End::Late(sentence) => failures.insert(0, sentence.clone()),
            End::Asked(how) => failures.insert(
                0,
                format!("a run is not interrupted: {how}, with {} epochs certified", seen.newest()),
            ),
            End::Alone => failures.insert(0, "some node runs to the end: none did".into()),
        }
        let outcomes = measure::judge(&seen, &self.assertions, wanted);
        failures.extend(outcomes.iter().filter_map(Outcome::failure));
        Ok(Some(Report::of(&seen, wanted, failures, outcomes)))
    }

    /// What learners can do now, with what they learned: their nodes are stopped.
    async fn measure_learners(&self, seen: &mut Observation, screen: &mut Screen) {
        let fleet = &self.fleet;
        if !fleet.digits {
            return;
        }
        let subnet = seen.subnet.clone();
        let learns = Model::Builtin(LEARNER.into());
        let learners =
            seen.nodes.iter_mut().filter(|node| node.record.model.as_ref() == Some(&learns));
        for node in learners {
            let state = fleet.layout.worker_dir(&node.record.name);
            let measured = accuracy::measure(&fleet.ganglion, &learns, &subnet, Some(state)).await;
            match measured {
                Ok(now) => {
                    let first = node.accuracy.replace(now.accuracy.ratio()).unwrap_or(0.0);
                    screen.note(&format!(
                        "{} learned: right in {:.1} % at first, in {} now",
                        node.record.name,
                        first * 100.0,
                        now.accuracy
                    ));
                }
                Err(error) => screen.note(&format!("{}: {error}", node.record.name)),
            }
        }
    }
}

/// Bootnodes first, and the others once those can be found.
#[derive(Debug)]
struct Start {
    waiting: Vec<String>,
    bootnodes: Vec<String>,
    since: Option<Instant>,
}

impl Start {
    const PATIENCE: Duration = Duration::from_secs(60);

    fn new(seen: &Observation) -> Self {
        let names = |boot: bool| {
            let nodes = seen.nodes.iter().map(|node| &node.record);
            let nodes = nodes.filter(|node| !node.behaviour.never_starts());
            let nodes = nodes.filter(move |node| (node.role == Role::Bootnode) == boot);
            nodes.map(|node| node.name.clone()).collect()
        };
        Self { waiting: names(false), bootnodes: names(true), since: None }
    }

    fn advance(&mut self, fleet: &Fleet, screen: &mut Screen) -> Result<(), UpError> {
        let Some(since) = self.since else {
            self.since = Some(Instant::now());
            screen.note(&format!("starting {}", self.bootnodes.join(", ")));
            return launch(fleet, &self.bootnodes);
        };
        if self.waiting.is_empty() {
            return Ok(());
        }
        let answers =
            |name: &&String| fleet.seen().node(name).is_some_and(|node| node.status.is_some());
        let silent = self.bootnodes.iter().find(|name| !answers(name));
        match silent {
            Some(name) if since.elapsed() > Self::PATIENCE => {
                let seconds = Self::PATIENCE.as_secs();
                Err(UpError::Silent { name: name.clone(), seconds })
            }
            Some(_) => Ok(()),
            None => {
                let names = std::mem::take(&mut self.waiting);
                screen.note(&format!("starting {} more nodes and their workers", names.len()));
                launch(fleet, &names)
            }
        }
    }
}

fn launch(fleet: &Fleet, names: &[String]) -> Result<(), UpError> {
    for name in names {
        fleet
            .launch(name)
            .map_err(|source| UpError::System { what: format!("start {name}"), source })?;
    }
    fleet.save();
    Ok(())
}

fn write(layout: &Layout, made: &[Made], text: &str) -> Result<(), UpError> {
    let is_boot = |node: &&NodeRecord| node.role == Role::Bootnode;
    let bootnodes: Vec<&NodeRecord> = made.iter().map(|one| &one.record).filter(is_boot).collect();
    crate::files::write_whole(
        &layout.manifest(),
        text.as_bytes(),
        crate::files::Access::Shared,
        true,
    )?;
    for one in made {
        setup::write_node(layout, &one.record, &bootnodes, text)?;
    }
    Ok(())
}

/// All workers train at once on the cores there are; nodes start beside them.
fn time_to_genesis(training: Duration, nodes: usize) -> Duration {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cores = u32::try_from(cores).unwrap_or(1);
    let nodes = u32::try_from(nodes).unwrap_or(u32::MAX);
    let starting = Duration::from_millis(1_000).saturating_mul(nodes) / cores;
    let needed = Duration::from_secs(5) + training.saturating_mul(2) / cores + starting;
    needed.max(GENESIS_LEAST)
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
    use super::*;

    #[test]
    fn genesis_waits_for_slow_workers() {
        assert_eq!(time_to_genesis(Duration::ZERO, 2), GENESIS_LEAST);
        let slow = time_to_genesis(Duration::from_secs(4_000), 11);
        assert!(slow > GENESIS_LEAST, "{slow:?}");
    }

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
        assert!(error.cure().unwrap().contains("ganglion testnet down --dir"), "{error:?}");
    }
}
