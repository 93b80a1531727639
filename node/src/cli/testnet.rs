//! `ganglion testnet`.

mod keys;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio::time::{Instant, sleep};

use super::exit::Failure;
use super::{Global, output};
use crate::fault::Code;
use crate::testnet::control::{self, ControlError, Order};
use crate::testnet::layout::{Layout, Lock};
use crate::testnet::load::{Load, Plan};
use crate::testnet::observe::Observation;
use crate::testnet::screen::Show;
use crate::testnet::setup::State;
use crate::testnet::spec::{self, Flags, Spec};
use crate::testnet::up::{self, Options};
use crate::testnet::{process, table};
use crate::{config, units};

/// A testnet that was told to end has this long: nodes are killed after 5 s.
const DOWN: Duration = Duration::from_secs(60);
/// How often a followed log is looked at.
const FOLLOW: Duration = Duration::from_millis(250);

/// Run a whole subnet on this machine, and look at it.
#[derive(Debug, Subcommand)]
pub(super) enum TestnetCommand {
    /// Start a subnet of real nodes, and show how it goes until Ctrl-C
    #[command(after_help = "\
Without FILE: 1 bootnode, 4 validators with 28, 26, 24 and 22 % of the stake, 5 miners that
recognise digits in ways of different strength, 1 observer; each is a process of its own on
loopback. Every epoch the validators show the miners images, weigh their answers and certify
the rewards.

accuracy is measured by this command with images that no validator draws from, before the start.
With --epochs N it ends after N certified epochs; the exit code is 0 only if none was missed,
every node holds the same cuts and results, each epoch paid its budget, nothing was made or lost,
miners earned as they answered, and every [[assert]] of FILE holds.

Examples:
  ganglion testnet up                          the default one
  ganglion testnet up --learner                and a miner that learns from its rewards
  ganglion testnet up examples/testnet.toml    your own nodes and models
  ganglion testnet up examples/load.toml       50 random operations in each of 100 epochs
  ganglion testnet up --epochs 8 --json        for scripts: one object with everything that happened")]
    Up(UpArgs),
    /// Show the table of a running testnet
    Status(DirArgs),
    /// Stop a node
    Stop(StopArgs),
    /// Start a stopped node again
    Start(NameArgs),
    /// Add a miner with a model of your own, registered while the subnet runs
    #[command(after_help = "\
The program speaks JSON-RPC lines on standard input and output (docs/spec/worker.md).

Examples:
  ganglion testnet add-miner --command 'python3 examples/python/miner.py'
  ganglion testnet add-miner --command ./my-model --name mine")]
    AddMiner(AddArgs),
    /// Keep a running testnet busy with random operations, signed with its own keys
    #[command(after_help = "\
All thirteen kinds of operations, some of which must fail. What became of them is counted at
the end; the subnet's own rules check themselves in every epoch, whatever comes. [load] in a
testnet's file does the same from the first epoch on, with a verdict: examples/load.toml.

Examples:
  ganglion testnet load                          50 operations in each of the next 10 epochs
  ganglion testnet load --operations 50 --epochs 100 --seed 7 --json")]
    Load(LoadArgs),
    /// Show the log of a node, or of all
    Logs(LogsArgs),
    /// Stop a running testnet from another terminal
    Down(DownArgs),
    /// Make a manifest, keys and addresses for a testnet that something else starts
    #[command(after_help = "\
For containers, pods and units: deploy/ has files for each, docs/OPERATING.md says how. DIR gets
the manifest, a hotkey and a coldkey of every node, and the address of the bootnode, whose host is
called as the node is. The keys have no password: they are worth nothing outside this testnet.

Examples:
  ganglion testnet keys --out net
  ganglion testnet keys --out net --miners 3 --genesis-in 5m --uid 65532")]
    Keys(keys::KeysArgs),
}

#[derive(Debug, Args)]
pub(super) struct DirArgs {
    /// Directory of the testnet
    #[arg(long, value_name = "DIR", default_value = "testnet")]
    dir: PathBuf,
}

impl DirArgs {
    fn layout(&self) -> Result<Layout, Failure> {
        Ok(Layout::new(&self.dir)?)
    }
}

#[derive(Debug, Args)]
pub(super) struct UpArgs {
    /// TOML file with nodes, models and rules; examples/testnet.toml explains it
    file: Option<PathBuf>,
    /// How many validators [default: 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=spec::VALIDATORS_MAX))]
    validators: Option<u64>,
    /// How many miners; the five built-in models take turns [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(0..=spec::MINERS_MAX))]
    miners: Option<u64>,
    /// Time from one epoch to the next, 2s to 24h [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = units::parse_ms)]
    epoch_length: Option<u64>,
    /// End after N certified epochs, with a verdict [default: as many as the file's load needs, else
    /// none]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    epochs: Option<u64>,
    /// Add a miner that starts weak and learns from its rewards
    #[arg(long)]
    learner: bool,
    /// Time from the start of the nodes to the first epoch [default: as the workers need it, 15s or
    /// more]
    #[arg(long, value_name = "DURATION", value_parser = units::parse_ms)]
    genesis_in: Option<u64>,
    #[command(flatten)]
    dir: DirArgs,
}

#[derive(Debug, Args)]
pub(super) struct NameArgs {
    /// The node, as `ganglion testnet status` calls it
    name: String,
    #[command(flatten)]
    dir: DirArgs,
}

#[derive(Debug, Args)]
pub(super) struct StopArgs {
    /// Kill it at once, as a crash would
    #[arg(long)]
    kill: bool,
    #[command(flatten)]
    node: NameArgs,
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// The program and its arguments, quoted as for a shell
    #[arg(long, value_name = "COMMAND")]
    command: String,
    /// What to call it [default: added-1, added-2, ...]
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    dir: DirArgs,
}

#[derive(Debug, Args)]
pub(super) struct LoadArgs {
    /// Operations in each epoch
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    operations: u32,
    /// For how many epochs
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    epochs: u64,
    /// Of the draw
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    dir: DirArgs,
}

#[derive(Debug, Args)]
pub(super) struct LogsArgs {
    /// The node; without one, all of them
    name: Option<String>,
    /// Wait for more, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// How many of the last lines
    #[arg(long, value_name = "N", default_value_t = 20)]
    lines: usize,
    #[command(flatten)]
    dir: DirArgs,
}

#[derive(Debug, Args)]
pub(super) struct DownArgs {
    /// Remove its keys, logs and data too
    #[arg(long)]
    purge: bool,
    #[command(flatten)]
    dir: DirArgs,
}

pub(super) fn run(global: &Global, command: TestnetCommand) -> Result<(), Failure> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(anyhow::Error::new)?;
    let done = runtime.block_on(async {
        match command {
            TestnetCommand::Up(args) => Box::pin(start(global, args)).await,
            TestnetCommand::Status(args) => status(global, &args).await,
            TestnetCommand::Stop(args) => stop(global, args).await,
            TestnetCommand::Start(args) => start_node(global, args).await,
            TestnetCommand::AddMiner(args) => add_miner(global, args).await,
            TestnetCommand::Load(args) => load(global, &args),
            TestnetCommand::Logs(args) => logs(&args).await,
            TestnetCommand::Down(args) => down(global, &args).await,
            TestnetCommand::Keys(args) => keys::run(global, args),
        }
    });
    // A question to a node that hangs is not waited for.
    runtime.shutdown_timeout(Duration::from_millis(100));
    done
}

async fn start(global: &Global, args: UpArgs) -> Result<(), Failure> {
    let flags = Flags {
        validators: args.validators,
        miners: args.miners,
        epoch_ms: args.epoch_length,
        learner: args.learner,
    };
    let spec = Spec::load(args.file.as_deref(), &flags)?;
    let epochs = spec.length(args.epochs);
    if global.json && epochs.is_none() {
        let sentence = "--json prints one object at the end, and this testnet has none";
        return Err(Failure::input(Code::TESTNET_JSON, sentence));
    }
    epochs.map_or(Ok(()), |epochs| spec.fits(epochs))?;
    let options = Options {
        layout: args.dir.layout()?,
        spec,
        genesis_in: args.genesis_in.map(Duration::from_millis),
        epochs,
        show: Show::choose(global.json),
    };
    let Some(report) = up::up(options).await? else { return Ok(()) };
    if global.json {
        output::print_json(&serde_json::to_value(&report).map_err(anyhow::Error::new)?)?;
    } else {
        output::print(&format!("\n{}", report.text()))?;
    }
    match &report.failures[..] {
        [] => Ok(()),
        [one] => Err(Failure::check(Code::TESTNET_FAILED, one.as_str())),
        [first, rest @ ..] => {
            let sentence = format!("{first}; and {} more", rest.len());
            Err(Failure::check(Code::TESTNET_FAILED, sentence))
        }
    }
}

/// Gives an order; notes go to standard error.
async fn give(dir: &DirArgs, order: &Order) -> Result<Value, Failure> {
    Ok(control::give(&dir.layout()?, order, output::note).await?)
}

async fn status(global: &Global, args: &DirArgs) -> Result<(), Failure> {
    let value = give(args, &Order::Status).await?;
    if global.json {
        return output::print_json(
            &json!({"schema": "ganglion/testnet-status/1", "testnet": value}),
        );
    }
    let seen: Observation = serde_json::from_value(value).map_err(anyhow::Error::new)?;
    let mut text = table::render(&seen, units::now_ms());
    let first = seen.nodes.iter().find(|node| node.status.is_some());
    if let Some(node) = first {
        text.push_str(&format!("\nAsk {} at {}\n", node.record.name, node.record.api()));
    }
    output::print(&text)
}

async fn stop(global: &Global, args: StopArgs) -> Result<(), Failure> {
    let order = Order::Stop { name: args.node.name.clone(), kill: args.kill };
    let value = give(&args.node.dir, &order).await?;
    if global.json {
        return output::print_json(&value);
    }
    let how = match (args.kill, value["in_order"].as_bool()) {
        (true, _) => "is killed",
        (false, Some(true)) => "is stopped",
        (false, _) => "did not stop within 5 s and was killed",
    };
    output::print(&format!("{} {how}\n", args.node.name))
}

async fn start_node(global: &Global, args: NameArgs) -> Result<(), Failure> {
    let value = give(&args.dir, &Order::Start { name: args.name.clone() }).await?;
    if global.json {
        return output::print_json(&value);
    }
    output::print(&format!("{} runs as process {}\n", args.name, value["pid"]))
}

async fn add_miner(global: &Global, args: AddArgs) -> Result<(), Failure> {
    let words = config::split_words(&args.command).filter(|words| !words.is_empty());
    let Some(words) = words else {
        let sentence = format!("{:?} is no command", args.command);
        return Err(Failure::input(Code::COMMAND_FORM, sentence));
    };
    let command = words.into_iter().map(|word| from_here(&word)).collect();
    let value = give(&args.dir, &Order::AddMiner { command, name: args.name }).await?;
    if global.json {
        return output::print_json(&value);
    }
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    output::print(&format!(
        "{} is live with uid {}, hotkey {}\n",
        text("name"),
        value["uid"],
        text("hotkey")
    ))
}

/// The node starts the program from another directory: a file of this one gets its full path.
fn from_here(word: &str) -> String {
    let path = std::path::Path::new(word);
    // A bare program name is looked up in PATH even if a file here has it, as a shell does.
    if !word.contains('.') && !word.contains('/') || path.is_absolute() || !path.exists() {
        return word.to_owned();
    }
    std::path::absolute(path).map_or_else(|_| word.to_owned(), |path| path.display().to_string())
}

/// The testnet that was set up in a directory.
fn known(layout: &Layout) -> Result<State, Failure> {
    State::read(layout)?.ok_or_else(|| {
        let sentence = format!("there is no testnet in {}", layout.dir().display());
        Failure::input(Code::TESTNET_MISSING, sentence)
    })
}

fn load(global: &Global, args: &LoadArgs) -> Result<(), Failure> {
    let layout = args.dir.layout()?;
    let plan = Plan { operations: args.operations, epochs: args.epochs, seed: args.seed };
    let report = Load::new(&layout, &known(&layout)?, plan)?.run(plan, output::note)?;
    if global.json {
        return output::print_json(&serde_json::to_value(&report).map_err(anyhow::Error::new)?);
    }
    output::print(&report.text())
}

async fn logs(args: &LogsArgs) -> Result<(), Failure> {
    let layout = args.dir.layout()?;
    let state = known(&layout)?;
    let all: Vec<&str> = state.nodes.iter().map(|node| node.name.as_str()).collect();
    let names = match &args.name {
        None => all,
        Some(name) if all.contains(&name.as_str()) => vec![name.as_str()],
        Some(name) => {
            let cure = spec::did_you_mean(name, all.iter().copied());
            return Err(Failure::input(Code::TESTNET_NODE, format!("there is no node {name:?}"))
                .cured(cure));
        }
    };
    let prefix = |name: &str| if args.name.is_some() { String::new() } else { format!("{name}: ") };
    let mut followed = Vec::new();
    for name in names {
        let path = layout.log(name);
        let size = std::fs::metadata(&path).map_or(0, |meta| meta.len());
        for line in process::tail(&path, args.lines) {
            output::print(&format!("{}{line}\n", prefix(name)))?;
        }
        followed.push((prefix(name), path, size));
    }
    if !args.follow {
        return Ok(());
    }
    // Until Ctrl-C.
    loop {
        for (prefix, path, from) in &mut followed {
            let text = more(path, from).await.unwrap_or_default();
            for line in text.lines() {
                output::print(&format!("{prefix}{line}\n"))?;
            }
        }
        sleep(FOLLOW).await;
    }
}

/// Whole lines that were written since the last look.
async fn more(path: &std::path::Path, from: &mut u64) -> std::io::Result<String> {
    let mut file = tokio::fs::File::open(path).await?;
    file.seek(std::io::SeekFrom::Start(*from)).await?;
    let mut bytes = Vec::new();
    file.take(1 << 20).read_to_end(&mut bytes).await?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    bytes.truncate(whole);
    *from += whole as u64;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn down(global: &Global, args: &DownArgs) -> Result<(), Failure> {
    let layout = args.dir.layout()?;
    let ran = match control::give(&layout, &Order::Down, output::note).await {
        Ok(_) => true,
        Err(ControlError::NotRunning { .. }) if args.purge => false,
        Err(error) => return Err(error.into()),
    };
    if ran || layout.lock().exists() {
        wait_for_lock(&layout).await?;
    }
    if args.purge {
        if layout.is_foreign()? {
            let sentence = format!("{} has files in it and no testnet", layout.dir().display());
            return Err(Failure::input(Code::TESTNET_FOREIGN, sentence)
                .cured("Name the testnet's directory with --dir."));
        }
        layout.purge()?;
    }
    if global.json {
        return output::print_json(&json!({"stopped": ran, "purged": args.purge}));
    }
    output::print(match (ran, args.purge) {
        (true, true) => "the testnet is stopped, its directory is removed\n",
        (true, false) => "the testnet is stopped\n",
        (false, _) => "no testnet ran; its directory is removed\n",
    })
}

/// Waits until the process that ran the testnet is gone.
async fn wait_for_lock(layout: &Layout) -> Result<(), Failure> {
    let deadline = Instant::now() + DOWN;
    while Lock::take(layout)?.is_none() {
        if Instant::now() >= deadline {
            let sentence = "the testnet was told to end and still runs";
            return Err(Failure::check(Code::TESTNET_LINGERS, sentence));
        }
        sleep(FOLLOW).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_followed_log_gives_whole_lines_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, "one\ntw").unwrap();
        let mut from = 0;
        assert_eq!(more(&path, &mut from).await.unwrap(), "one\n");
        assert_eq!(more(&path, &mut from).await.unwrap(), "");
        std::fs::write(&path, "one\ntwo\nthree\n").unwrap();
        assert_eq!(more(&path, &mut from).await.unwrap(), "two\nthree\n");
    }

    #[test]
    fn programs_of_the_path_keep_their_names() {
        assert_eq!(from_here("python3"), "python3");
        assert_eq!(from_here("/bin/sh"), "/bin/sh");
        assert_eq!(from_here("no/such.py"), "no/such.py");
        assert!(from_here("./Cargo.toml").ends_with("/Cargo.toml"));
        assert!(from_here("./Cargo.toml").starts_with('/'));
    }
}
