//! The nodes of a running testnet, and what can be done with them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use ganglion_types::Rao;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::accuracy;
use super::behaviour::Behaviour;
use super::control::{ControlError, Line, Order, Orderer};
use super::layout::Layout;
use super::observe::{Life, NodeView, Observation};
use super::ports::Ports;
use super::process::{self, Process};
use super::setup::{self, NodeRecord, State};
use super::spec::{Model, NodeSpec, Role, did_you_mean};
use crate::fault::Curable as _;
use crate::files::shell_word;

/// How often a condition is looked at while somebody waits for it.
const LOOK: Duration = Duration::from_millis(200);
/// A registration: work of seconds at the default difficulty, of minutes at a high one.
const REGISTER: Duration = Duration::from_secs(600);
/// Time for a node to open its interface.
const OPEN: Duration = Duration::from_secs(60);

/// Everything that runs. Locks are held for single steps, never across a wait.
#[derive(Debug)]
pub struct Fleet {
    /// Where it lies.
    pub layout: Layout,
    /// The binary: of the nodes, of the built-in workers, of `register`.
    pub ganglion: PathBuf,
    /// The manifest's text, the same in every node's directory.
    pub manifest: String,
    /// Whether accuracies can be measured.
    pub digits: bool,
    /// Started, unix milliseconds.
    pub started_ms: u64,
    seen: Mutex<Observation>,
    processes: Mutex<BTreeMap<String, Process>>,
    /// One change at a time.
    changes: tokio::sync::Mutex<()>,
    /// Wakes whoever waits for [`Order::Down`].
    down: tokio::sync::Notify,
}

fn refused(sentence: impl Into<String>, cure: impl Into<String>) -> ControlError {
    ControlError::Refused { sentence: sentence.into(), cure: Some(cure.into()), input: true }
}

fn failed(sentence: impl Into<String>, cure: Option<String>) -> ControlError {
    ControlError::Refused { sentence: sentence.into(), cure, input: false }
}

impl Fleet {
    /// A testnet of which nothing runs yet.
    #[must_use]
    pub fn new(
        layout: Layout,
        ganglion: PathBuf,
        manifest: String,
        digits: bool,
        seen: Observation,
    ) -> Self {
        Self {
            layout,
            ganglion,
            manifest,
            digits,
            started_ms: crate::units::now_ms(),
            seen: Mutex::new(seen),
            processes: Mutex::default(),
            changes: tokio::sync::Mutex::default(),
            down: tokio::sync::Notify::new(),
        }
    }

    /// What is known.
    pub fn seen(&self) -> MutexGuard<'_, Observation> {
        self.seen.lock().expect("nobody panics while holding this lock")
    }

    fn processes(&self) -> MutexGuard<'_, BTreeMap<String, Process>> {
        self.processes.lock().expect("nobody panics while holding this lock")
    }

    /// Waits until somebody ordered the end.
    pub async fn down(&self) {
        self.down.notified().await;
    }

    /// Starts a node's process.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn launch(&self, name: &str) -> std::io::Result<()> {
        let behaviour = self.seen().node(name).map(|node| node.record.behaviour);
        let behaviour = behaviour.and_then(Behaviour::of_process);
        let process = Process::start(&self.ganglion, &self.layout, name, behaviour)?;
        if let Some(node) = self.seen().node_mut(name) {
            node.begin_life(process.pid());
        }
        self.processes().insert(name.to_owned(), process);
        Ok(())
    }

    /// Nodes that ended by themselves since the last look, and how.
    pub fn reap(&self) -> Vec<(String, String)> {
        let mut gone = Vec::new();
        self.processes().retain(|name, process| {
            let ended = process.ended();
            gone.extend(ended.map(|status| (name.clone(), process::how(status))));
            ended.is_none()
        });
        let mut seen = self.seen();
        for (name, how) in &gone {
            if let Some(node) = seen.node_mut(name) {
                node.end_life(Life::Ended { how: how.clone() });
            }
        }
        gone
    }

    /// Whether any process runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        !self.processes().is_empty()
    }

    /// Ends every node, all at once; gives the names of those that had to be killed.
    pub async fn stop_all(&self) -> Vec<String> {
        // A change under way would start a node behind our back.
        let _change = self.changes.lock().await;
        let processes = std::mem::take(&mut *self.processes());
        let stops = processes
            .into_iter()
            .map(|(name, process)| async move { (!process.stop().await).then_some(name) });
        let killed = futures::future::join_all(stops).await.into_iter().flatten().collect();
        for node in self.seen().nodes.iter_mut().filter(|node| node.life == Life::Running) {
            node.end_life(Life::Stopped);
        }
        self.save();
        killed
    }

    /// Writes the state file. It is for people and scripts: the lock says whether something runs.
    pub fn save(&self) {
        if let Err(error) = self.state().write(&self.layout) {
            tracing::warn!(%error, "the state file is not up to date");
        }
    }

    /// What the state file says.
    pub fn state(&self) -> State {
        let seen = self.seen();
        State {
            schema: setup::STATE_SCHEMA.into(),
            subnet: seen.subnet.clone(),
            pid: std::process::id(),
            started_ms: self.started_ms,
            genesis_ms: seen.genesis_ms,
            epoch_ms: seen.epoch_ms,
            nodes: seen.nodes.iter().map(|node| node.record.clone()).collect(),
        }
    }

    /// Carries out the order of one connection.
    pub async fn serve(&self, mut orderer: Orderer, order: Order) {
        let done = match order {
            Order::Status => self.status(),
            Order::Stop { name, kill } => self.stop(&name, kill).await,
            Order::Start { name } => self.start(&name).await,
            Order::AddMiner { command, name } => self.add_miner(&mut orderer, command, name).await,
            Order::Down => {
                self.down.notify_one();
                Ok(json!({"pid": std::process::id()}))
            }
        };
        let line = match done {
            Ok(value) => Line::Done(value),
            Err(ControlError::Refused { sentence, cure, input }) => {
                Line::Failed { sentence, cure, input }
            }
            Err(other) => {
                Line::Failed { sentence: other.to_string(), cure: Some(other.cure()), input: false }
            }
        };
        orderer.say(&line).await;
    }

    fn status(&self) -> Result<serde_json::Value, ControlError> {
        let seen = self.seen().clone();
        serde_json::to_value(seen).map_err(|error| failed(error.to_string(), None))
    }

    /// How a node is.
    ///
    /// # Errors
    /// When there is none of that name, with the one that was meant.
    fn life(&self, name: &str) -> Result<Life, ControlError> {
        let seen = self.seen();
        seen.node(name).map(|node| node.life.clone()).ok_or_else(|| {
            let names = seen.nodes.iter().map(|node| node.record.name.as_str());
            refused(format!("there is no node {name:?}"), did_you_mean(name, names))
        })
    }

    async fn stop(&self, name: &str, kill: bool) -> Result<serde_json::Value, ControlError> {
        let _change = self.changes.lock().await;
        let life = self.life(name)?;
        let process = self.processes().remove(name);
        let Some(process) = process.filter(|_| life == Life::Running) else {
            let cure = format!("Start it with `ganglion testnet start {name}`.");
            return Err(refused(format!("{name} does not run"), cure));
        };
        if let Some(node) = self.seen().node_mut(name) {
            node.end_life(Life::Stopped);
        }
        let in_order = if kill {
            process.kill().await;
            false
        } else {
            process.stop().await
        };
        self.save();
        Ok(json!({"name": name, "in_order": in_order}))
    }

    /// Stops the nodes whose behaviour is to be gone after the newest epoch.
    pub async fn take_offline(&self) {
        let gone: Vec<String> = {
            let seen = self.seen();
            let newest = seen.newest();
            let is_due = |node: &&NodeView| {
                node.life == Life::Running && node.record.behaviour.stops_after(newest)
            };
            seen.nodes.iter().filter(is_due).map(|node| node.record.name.clone()).collect()
        };
        for name in gone {
            // Somebody may have been faster.
            let _ = self.stop(&name, false).await;
        }
    }

    async fn start(&self, name: &str) -> Result<serde_json::Value, ControlError> {
        let _change = self.changes.lock().await;
        if self.life(name)? == Life::Running {
            let cure = format!("Stop it with `ganglion testnet stop {name}`.");
            return Err(refused(format!("{name} runs already"), cure));
        }
        self.launch_for(name).await
    }

    /// Starts a node and waits until it answers.
    async fn launch_for(&self, name: &str) -> Result<serde_json::Value, ControlError> {
        let launched = self.launch(name);
        launched.map_err(|error| failed(format!("cannot start {name}: {error}"), None))?;
        self.save();
        self.until(OPEN, name, |seen| seen.node(name)?.status.as_ref().map(|_| ())).await?;
        let pid = self.seen().node(name).and_then(|node| node.record.pid);
        Ok(json!({"name": name, "pid": pid}))
    }

    /// Waits until `look` finds something, as long as the node runs.
    async fn until<T>(
        &self,
        limit: Duration,
        name: &str,
        look: impl Fn(&Observation) -> Option<T>,
    ) -> Result<T, ControlError> {
        let logs = || Some(format!("Look at its log with `ganglion testnet logs {name}`."));
        let deadline = Instant::now() + limit;
        loop {
            if let Some(found) = look(&self.seen()) {
                return Ok(found);
            }
            if let Life::Ended { how } = self.life(name)? {
                return Err(failed(format!("{name} ended: {how}"), logs()));
            }
            if Instant::now() >= deadline {
                let seconds = limit.as_secs();
                return Err(failed(format!("{name} is not there after {seconds} s"), logs()));
            }
            sleep(LOOK).await;
        }
    }

    async fn add_miner(
        &self,
        orderer: &mut Orderer,
        command: Vec<String>,
        name: Option<String>,
    ) -> Result<serde_json::Value, ControlError> {
        let _change = self.changes.lock().await;
        if command.is_empty() {
            return Err(refused(
                "the command is empty",
                "Give it as --command 'python3 miner.py'.",
            ));
        }
        let name = self.free_name(name)?;
        let model = Model::Command(command);
        let subnet = self.seen().subnet.clone();
        let mut accuracy = None;
        if self.digits {
            orderer.say(&Line::Note(format!("measuring {}", model.name()))).await;
            let measured = accuracy::measure(&self.ganglion, &model, &subnet, None).await;
            let measured = measured.map_err(|error| {
                let cure = format!("Try `ganglion worker check -- {}`.", model.name());
                refused(format!("the miner does not work: {error}"), cure)
            })?;
            let text = format!("it is right in {} images", measured.accuracy);
            orderer.say(&Line::Note(text)).await;
            accuracy = Some(measured.accuracy.ratio());
        }
        let record = self.add_node(&name, model)?;
        if let Some(node) = self.seen().node_mut(&name) {
            node.accuracy = accuracy;
        }
        self.launch_for(&name).await?;
        orderer.say(&Line::Note(format!("{name} runs, its registration is worked out"))).await;
        self.register(&record).await?;
        orderer
            .say(&Line::Note("the registration is sent, it counts with the next cut".into()))
            .await;
        let epoch = Duration::from_millis(self.seen().epoch_ms);
        let live = |seen: &Observation| {
            let rows = &seen.metagraph.as_ref()?.rows;
            rows.iter().find(|row| row.hotkey == record.hotkey).map(|row| row.uid)
        };
        let uid = self.until(epoch * 10 + OPEN, &name, live).await?;
        Ok(json!({
            "name": name,
            "uid": uid,
            "hotkey": record.hotkey,
            "api": record.api(),
            "accuracy": accuracy,
        }))
    }

    fn free_name(&self, wanted: Option<String>) -> Result<String, ControlError> {
        let seen = self.seen();
        let is_free = |name: &str| seen.node(name).is_none();
        if let Some(name) = wanted {
            if let Err(error) = self.layout.home().node(&name) {
                return Err(refused(error.to_string(), "Choose another with --name."));
            }
            if !is_free(&name) {
                let sentence = format!("there is a node {name} already");
                return Err(refused(sentence, "Choose another name with --name."));
            }
            return Ok(name);
        }
        let mut names = (1..).map(|number: u32| format!("added-{number}"));
        Ok(names.find(|name| is_free(name)).expect("numbers do not end before names do"))
    }

    fn add_node(&self, name: &str, model: Model) -> Result<NodeRecord, ControlError> {
        let spec = NodeSpec {
            name: name.into(),
            role: Role::Miner,
            stake: Rao::ZERO,
            model: Some(model),
            behaviour: Behaviour::Honest,
        };
        let mut seen = self.seen();
        let known = seen.nodes.iter().flat_map(|node| [node.record.p2p_port, node.record.api_port]);
        let mut ports = Ports::except(known);
        let wrong = |error: setup::SetupError| failed(error.to_string(), Some(error.cure()));
        let made = setup::make_node(&self.layout, &spec, &mut ports).map_err(wrong)?;
        drop(ports);
        let record = NodeRecord { from_genesis: false, ..made.record };
        // Every node that runs may be asked for others: the bootnode may be the one that is down.
        let running = seen.nodes.iter().filter(|node| node.life == Life::Running);
        let bootnodes: Vec<&NodeRecord> = running.map(|node| &node.record).take(8).collect();
        setup::write_node(&self.layout, &record, &bootnodes, &self.manifest, &Vec::new())
            .map_err(wrong)?;
        seen.nodes.push(NodeView::new(record.clone()));
        Ok(record)
    }

    /// Registers a node's hotkey as `ganglion register` does it for anybody.
    async fn register(&self, record: &NodeRecord) -> Result<(), ControlError> {
        let mut command = process::command(&self.ganglion, &self.layout);
        command
            .args(["register", "--api", &record.api(), "--hotkey", &record.name])
            .args(["--coldkey", &record.coldkey, "--role", "miner"])
            .stdin(std::process::Stdio::null())
            .kill_on_drop(true);
        let again = Some(format!(
            "Try it by hand: ganglion --home {} register --api {} --hotkey {} --coldkey {} --role \
             miner",
            shell_word(&self.layout.dir().display().to_string()),
            record.api(),
            record.name,
            record.coldkey,
        ));
        let output = match timeout(REGISTER, command.output()).await {
            Ok(output) => output.map_err(|error| failed(error.to_string(), again.clone()))?,
            Err(_) => {
                let minutes = REGISTER.as_secs() / 60;
                return Err(failed(format!("no registration in {minutes} minutes"), again));
            }
        };
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', " ");
        Err(failed(format!("the registration failed: {said}"), again))
    }
}
