//! A subnet of real processes on this machine.

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use ganglion::api::Client;
use ganglion::api::types::{Ready, Status};
use ganglion::testnet::layout::Layout;
use ganglion::testnet::ports::Ports;
use ganglion::testnet::process;
use ganglion::testnet::setup::{self, Made, NodeRecord};
use ganglion::testnet::spec::{Flags, Role, Spec};
use ganglion::{config, files, manifest, units};

use crate::routers::{self, Place};
use crate::{Options, namespaces};

/// How often a condition is looked at.
pub(crate) const LOOK: Duration = Duration::from_millis(20);

/// Of which nodes a subnet is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) validators: u64,
    pub(crate) miners: u64,
    pub(crate) epoch_ms: u64,
}

impl Size {
    /// Four validators that score two miners.
    pub(crate) const SMALL: Self = Self { validators: 4, miners: 2, epoch_ms: 3_000 };
}

/// Where the nodes of a subnet are.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Net {
    /// All on this machine's loopback.
    Loopback,
    /// Each in a network namespace, on one bridge.
    Bridge,
    /// Each in a network namespace, some behind routers.
    Routers(Vec<Place>),
}

/// One machine of the subnet: its directory, and its process while it runs.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) record: NodeRecord,
    process: Option<Child>,
    /// When its last process was started.
    started: Option<Instant>,
}

/// See the module. Processes end with it: each holds the end of a pipe that closes with us.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) layout: Layout,
    pub(crate) nodes: Vec<Node>,
    pub(crate) epoch_ms: u64,
    pub(crate) binary: PathBuf,
    net: Net,
    /// Removed with the cluster, unless it is to be kept.
    temporary: Option<tempfile::TempDir>,
}

impl Cluster {
    /// Makes keys, manifest and directories; nothing runs yet.
    pub(crate) fn new(options: &Options, name: &str, size: Size) -> anyhow::Result<Self> {
        Self::make(options, name, size)
    }

    /// The same with a network namespace for each node; this program must be inside.
    pub(crate) fn in_namespaces(options: &Options, name: &str, size: Size) -> anyhow::Result<Self> {
        let mut cluster = Self::make(options, name, size)?;
        namespaces::build(cluster.nodes.len())?;
        cluster.net = Net::Bridge;
        cluster.move_apart()?;
        Ok(cluster)
    }

    /// The same with some nodes behind routers: `places` says where each is by its role.
    pub(crate) fn behind_routers(
        options: &Options,
        name: &str,
        size: Size,
        places: impl FnOnce(&[Role]) -> Vec<Place>,
    ) -> anyhow::Result<Self> {
        let mut cluster = Self::make(options, name, size)?;
        let roles: Vec<Role> = cluster.nodes.iter().map(|node| node.record.role).collect();
        let places = places(&roles);
        routers::build(&places)?;
        cluster.net = Net::Routers(places);
        cluster.move_apart()?;
        Ok(cluster)
    }

    fn make(options: &Options, name: &str, size: Size) -> anyhow::Result<Self> {
        let binary = binary(options)?;
        let (dir, temporary) = match &options.dir {
            Some(dir) => (dir.join(name), None),
            None => {
                let dir = tempfile::Builder::new().prefix("ganglion-soak-").tempdir()?;
                (dir.path().join(name), Some(dir))
            }
        };
        if dir.exists() {
            bail!("{} is there already; remove it or choose another --dir", dir.display());
        }
        files::create_private_dir(&dir)?;
        let layout = Layout::new(&dir)?;
        let text = format!(
            "[testnet]\nepoch_length = \"{}ms\"\nvalidators = {}\nminers = {}\n",
            size.epoch_ms, size.validators, size.miners
        );
        let spec = Spec::parse("soak", &text, &Flags::default())?;
        let mut base = setup::base_manifest(&spec)?;
        let mut ports = Ports::default();
        let made = spec.nodes.iter().map(|node| setup::make_node(&layout, node, &mut ports));
        let made: Vec<Made> = made.collect::<Result<_, _>>()?;
        base.participants = made.iter().filter_map(|one| one.participant.clone()).collect();
        base.genesis_time = units::now_ms() + 5_000;
        let rendered = manifest::render(&base);
        let is_boot = |node: &&NodeRecord| node.role == Role::Bootnode;
        let bootnodes: Vec<&NodeRecord> =
            made.iter().map(|one| &one.record).filter(is_boot).collect();
        for one in &made {
            setup::write_node(&layout, &one.record, &bootnodes, &rendered, &Vec::new())?;
        }
        drop(ports);
        let nodes = made
            .into_iter()
            .map(|one| Node { record: one.record, process: None, started: None })
            .collect();
        Ok(Self { layout, nodes, epoch_ms: base.epoch_ms, binary, net: Net::Loopback, temporary })
    }

    /// Starts every node, and waits until each has the first certified epoch.
    pub(crate) fn begin(&mut self) -> anyhow::Result<()> {
        note(&format!("{} nodes start, epochs of {} ms", self.nodes.len(), self.epoch_ms));
        for at in 0..self.nodes.len() {
            self.start(at)?;
        }
        self.first_epoch()
    }

    /// Waits until each node has the first certified epoch.
    pub(crate) fn first_epoch(&mut self) -> anyhow::Result<()> {
        for at in 0..self.nodes.len() {
            self.wait(at, Duration::from_secs(120), "the first epoch", |client| {
                client.get::<Status>("/v1/status").is_ok_and(|status| status.epoch >= 1)
            })?;
        }
        note("the first epoch is certified everywhere");
        Ok(())
    }

    /// Places of the nodes that have a role.
    pub(crate) fn all(&self, role: Role) -> Vec<usize> {
        let nodes = self.nodes.iter().enumerate();
        nodes.filter(|(_, node)| node.record.role == role).map(|(at, _)| at).collect()
    }

    /// The node's interface, whether it runs or not.
    pub(crate) fn client(&self, at: usize) -> anyhow::Result<Client> {
        let NodeRecord { api_port, .. } = self.nodes[at].record;
        Ok(Client::new(&format!("{}:{api_port}", self.control(at)))?)
    }

    /// Where a node listens to others.
    fn host(&self, at: usize) -> Ipv4Addr {
        match &self.net {
            Net::Loopback => Ipv4Addr::LOCALHOST,
            Net::Bridge => namespaces::address(at),
            Net::Routers(places) => routers::address(at, places[at]),
        }
    }

    /// Where its API is.
    fn control(&self, at: usize) -> Ipv4Addr {
        match &self.net {
            Net::Routers(_) => routers::control(at),
            Net::Loopback | Net::Bridge => self.host(at),
        }
    }

    fn move_apart(&self) -> anyhow::Result<()> {
        (0..self.nodes.len()).try_for_each(|at| self.move_one(at))
    }

    /// Puts the addresses of its namespace into a node's settings.
    fn move_one(&self, at: usize) -> anyhow::Result<()> {
        let path = self.layout.node(&self.nodes[at].record.name).join(config::FILE_NAME);
        let mut text = std::fs::read_to_string(&path)?;
        for (other, node) in self.nodes.iter().enumerate() {
            let NodeRecord { p2p_port, api_port, .. } = node.record;
            let (host, control) = (self.host(other), self.control(other));
            text = text.replace(
                &format!("/ip4/127.0.0.1/tcp/{p2p_port}"),
                &format!("/ip4/{host}/tcp/{p2p_port}"),
            );
            text = text.replace(&format!("127.0.0.1:{api_port}"), &format!("{control}:{api_port}"));
        }
        Ok(std::fs::write(&path, text)?)
    }

    /// Starts a process that does not run.
    pub(crate) fn start(&mut self, at: usize) -> anyhow::Result<()> {
        self.start_with(at, |_| {})
    }

    /// The same with a change to its command, such as an environment.
    pub(crate) fn start_with(
        &mut self,
        at: usize,
        change: impl FnOnce(&mut std::process::Command),
    ) -> anyhow::Result<()> {
        let name = &self.nodes[at].record.name;
        let log = File::options().create(true).append(true).open(self.layout.log(name))?;
        let mut command = process::command(&self.binary, &self.layout).into_std();
        command.args(["run", "--exit-with-stdin", "--data-dir"]).arg(self.layout.node(name));
        change(&mut command);
        let mut command = match self.net {
            Net::Loopback => command,
            Net::Bridge | Net::Routers(_) => namespaces::inside(at, &command),
        };
        command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log).process_group(0);
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        self.nodes[at].process = Some(child);
        self.nodes[at].started = Some(Instant::now());
        Ok(())
    }

    /// Ends a process at once, as a crash would.
    pub(crate) fn kill(&mut self, at: usize) -> anyhow::Result<()> {
        if let Some(mut child) = self.nodes[at].process.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Asks a process to end (SIGTERM) and waits for it: how long that took, and how it ended.
    pub(crate) fn stop(&mut self, at: usize) -> anyhow::Result<(Duration, ExitStatus)> {
        let mut child = self.nodes[at].process.take().context("it does not run")?;
        let asked = Instant::now();
        let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status()?;
        if !sent.success() {
            bail!("cannot ask process {} to end: {sent}", child.id());
        }
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok((asked.elapsed(), status));
            }
            if asked.elapsed() > Duration::from_secs(30) {
                child.kill()?;
            }
            pause(Duration::from_millis(2));
        }
    }

    /// Kills several: none is waited for before all are hit.
    pub(crate) fn kill_all(&mut self, which: &[usize]) -> anyhow::Result<()> {
        for at in which {
            if let Some(child) = self.nodes[*at].process.as_mut() {
                child.kill()?;
            }
        }
        which.iter().try_for_each(|at| self.kill(*at))
    }

    /// The process id of a node that runs.
    pub(crate) fn pid(&self, at: usize) -> Option<u32> {
        self.nodes[at].process.as_ref().map(Child::id)
    }

    /// How a process ended by itself, if it did.
    pub(crate) fn ended(&mut self, at: usize) -> Option<String> {
        let status = self.nodes[at].process.as_mut()?.try_wait().ok().flatten()?;
        Some(process::how(status))
    }

    /// What `/readyz` says; `None` while nobody answers.
    pub(crate) fn readiness(&self, at: usize) -> Option<Ready> {
        self.client(at).ok()?.readiness().ok()
    }

    /// Waits until something holds of a node.
    pub(crate) fn wait(
        &mut self,
        at: usize,
        limit: Duration,
        what: &str,
        holds: impl Fn(&Client) -> bool,
    ) -> anyhow::Result<()> {
        let client = self.client(at)?;
        let began = Instant::now();
        while !holds(&client) {
            if let Some(how) = self.ended(at) {
                bail!("{} ended by itself: {how}\n{}", self.nodes[at].record.name, self.tail(at));
            }
            if began.elapsed() > limit {
                let ready = self.readiness(at).map(|ready| ready.reasons.join("; "));
                let (name, limit) = (&self.nodes[at].record.name, limit.as_secs());
                bail!("{what} did not come to {name} in {limit} s: {ready:?}\n{}", self.tail(at));
            }
            pause(LOOK);
        }
        Ok(())
    }

    /// Waits until `/readyz` says yes.
    pub(crate) fn wait_ready(&mut self, at: usize, limit: Duration) -> anyhow::Result<()> {
        self.wait(at, limit, "readiness", |client| {
            client.readiness().is_ok_and(|ready| ready.ready)
        })
    }

    /// The time since its last process was started.
    pub(crate) fn age(&self, at: usize) -> Duration {
        self.nodes[at].started.map_or(Duration::ZERO, |started| started.elapsed())
    }

    /// The end of a node's log.
    pub(crate) fn tail(&self, at: usize) -> String {
        process::tail(&self.layout.log(&self.nodes[at].record.name), 15).join("\n")
    }

    /// Leaves the directories where they are: something is to be looked at.
    pub(crate) fn keep(&mut self) {
        if let Some(dir) = self.temporary.take() {
            note(&format!("the nodes' directories stay in {}", dir.keep().display()));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            if let Some(child) = node.process.as_mut() {
                drop(child.stdin.take());
            }
        }
        for node in &mut self.nodes {
            if let Some(mut child) = node.process.take() {
                let until = Instant::now() + Duration::from_secs(10);
                while Instant::now() < until && child.try_wait().is_ok_and(|ended| ended.is_none())
                {
                    pause(LOOK);
                }
                // It can only fail if the process has ended already.
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

/// The binary under trial.
fn binary(options: &Options) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("this program's own path is not known")?;
    let beside = own.parent().unwrap_or(Path::new(".")).join("ganglion");
    let binary = options.binary.clone().unwrap_or(beside);
    if !binary.is_file() {
        bail!(
            "there is no {}: build it with `cargo build --release --bin ganglion`, or name it with --binary",
            binary.display()
        );
    }
    Ok(std::path::absolute(binary)?)
}

/// Lets time pass: the instant of a blow, or between two looks at a process that tells nobody.
#[expect(clippy::disallowed_methods, reason = "other processes are waited for")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// A line for whoever waits.
pub(crate) fn note(line: &str) {
    eprintln!("  {line}");
}
