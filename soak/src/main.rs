//! Faults on the real binary: whole subnets of `ganglion` processes that are killed, cut off and flooded.
//!
//! Each command starts its own subnet on this machine, does its harm for a number of rounds, and says
//! what became of it. Exit code 0 if everything held, 1 if something did not, 2 if it could not be tried.
//! `docs/SOAK.md` says what each of them shows.

mod chance;
mod clocks;
mod cluster;
mod corruption;
mod disk;
mod figures;
mod floods;
mod footprint;
mod history;
mod kills;
mod latency;
mod namespaces;
mod nat;
mod partitions;
mod power_loss;
mod preload;
mod process;
mod reopen;
mod report;
mod restarts;
mod routers;

use std::io::Write as _;
use std::num::NonZero;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand};

use crate::cluster::note;
use crate::floods::attack::Attack;
use crate::report::Report;

/// Does harm to real nodes and says what became of it.
#[derive(Debug, Parser)]
#[command(name = "ganglion-soak", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    trial: Trial,
    #[command(flatten)]
    options: Options,
}

/// What all trials take.
#[derive(Clone, Debug, Args)]
struct Options {
    /// The long set, for evidence: minutes to an hour for each trial [default: the quick set of CI]
    #[arg(long, global = true)]
    long: bool,
    /// Rounds of harm, in place of the set's own number
    #[arg(long, global = true, value_name = "N")]
    count: Option<usize>,
    /// Trials of `all` that run at the same time; figures of time are only worth something with one
    #[arg(long, global = true, value_name = "N", default_value = "1")]
    jobs: NonZero<usize>,
    /// Decides what is drawn: victims, instants, places
    #[arg(long, global = true, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// One JSON object on standard output in place of a table
    #[arg(long, global = true)]
    json: bool,
    /// Also writes the evidence, as Markdown: to a file, or to a directory under the trial's name
    #[arg(long, global = true, value_name = "PATH")]
    out: Option<PathBuf>,
    /// The binary that is tried [default: the `ganglion` beside this one]
    #[arg(long, global = true, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Keeps the nodes' directories here [default: a temporary one, removed when all held]
    #[arg(long, global = true, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Options {
    /// Rounds of a trial whose quick and long set have so many.
    fn rounds(&self, quick: usize, long: usize) -> usize {
        self.count.unwrap_or(if self.long { long } else { quick })
    }
}

/// What can be done to a subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
enum Trial {
    /// Nothing: how long four nodes need from the deadline of an epoch to its certificate
    Latency,
    /// Nodes are killed (SIGKILL) at random instants, one by one and all at once
    Kills,
    /// The network is cut: 2-2, 3-1, one way, flapping
    Partitions,
    /// Nodes are behind routers: they find relays, and each other directly where routers allow it
    Nat,
    /// Clocks jump and drift, on one node and on all
    Clocks,
    /// A validator's disk is full, read-only, or fails, and is mended
    Disk,
    /// One file of a data directory is damaged: bits, pages, lengths, names, older copies
    Corruption,
    /// Power is lost at any write that a node really made, with any un-synced part gone
    PowerLoss,
    /// Strangers flood one validator: junk, useless items, sybils, slow readers
    Floods,
    /// Every validator is stopped (SIGTERM) and started again, one after the other, as in an upgrade
    Restarts,
    /// Nothing: the memory and processor that a validator takes with few peers and with many
    Footprint,
    /// All of them that do harm, one after the other, and latency
    All,
}

impl Trial {
    const EACH: [Self; 10] = [
        Self::Latency,
        Self::Restarts,
        Self::Kills,
        Self::Partitions,
        Self::Nat,
        Self::Clocks,
        Self::Disk,
        Self::Corruption,
        Self::PowerLoss,
        Self::Floods,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Kills => "kills",
            Self::Partitions => "partitions",
            Self::Nat => "nat",
            Self::Clocks => "clocks",
            Self::Disk => "disk",
            Self::Corruption => "corruption",
            Self::PowerLoss => "power-loss",
            Self::Floods => "floods",
            Self::Restarts => "restarts",
            Self::Footprint => "footprint",
            Self::All => "all",
        }
    }

    fn run(self, options: &Options) -> anyhow::Result<Report> {
        match self {
            Self::Latency => latency::run(options),
            Self::Kills => kills::run(options),
            Self::Partitions => partitions::run(options),
            Self::Nat => nat::run(options),
            Self::Clocks => clocks::run(options),
            Self::Disk => disk::run(options),
            Self::Corruption => corruption::run(options),
            Self::PowerLoss => power_loss::run(options),
            Self::Floods => floods::run(options),
            Self::Restarts => restarts::run(options),
            Self::Footprint => footprint::run(options),
            Self::All => bail!("it is taken apart before"),
        }
    }
}

fn main() -> ExitCode {
    // A trial starts its attacker so: it is no command for people.
    if let [_, first, order] = std::env::args().collect::<Vec<_>>().as_slice()
        && first == "attack"
    {
        return match serde_json::from_str::<Attack>(order).map_err(Into::into).and_then(Attack::run)
        {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("attack: {error:#}");
                ExitCode::from(2)
            }
        };
    }
    let cli = Cli::parse();
    let held = match cli.trial {
        Trial::All => each(cli.options.jobs),
        trial => one(trial, &cli.options).map(|report| report.held()),
    };
    match held {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{}: {error:#}", cli.trial.name());
            ExitCode::from(2)
        }
    }
}

/// Runs every trial in a process of its own, since some move into namespaces; whether all held.
fn each(jobs: NonZero<usize>) -> anyhow::Result<bool> {
    let began = Instant::now();
    let waiting = Mutex::new(Trial::EACH.into_iter());
    let worker = || {
        let mut done = Vec::new();
        // The lock is given back before the trial begins.
        while let Some(trial) = { waiting.lock().ok().and_then(|mut trials| trials.next()) } {
            done.push((trial, alone(trial)));
        }
        done
    };
    let done: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.get()).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
    });
    for (trial, ended) in &done {
        if let Ok((_, seconds)) = ended {
            note(&format!("{seconds:4} s  {}", trial.name()));
        }
    }
    note(&format!("{:4} s  all", began.elapsed().as_secs()));
    if done.len() < Trial::EACH.len() {
        bail!("a trial ended this program's thread");
    }
    done.into_iter().try_fold(true, |held, (_, ended)| Ok(ended?.0 && held))
}

/// One trial of all, in a process of its own: whether it held, and its seconds.
fn alone(trial: Trial) -> anyhow::Result<(bool, u64)> {
    let began = Instant::now();
    let place = |one: String| if one == Trial::All.name() { trial.name().to_owned() } else { one };
    let arguments = std::env::args().skip(1).map(place);
    let output =
        Command::new(std::env::current_exe()?).args(arguments).stderr(Stdio::inherit()).output()?;
    std::io::stdout().write_all(&output.stdout)?;
    match output.status.code() {
        Some(code @ (0 | 1)) => Ok((code == 0, began.elapsed().as_secs())),
        _ => bail!("{} could not be tried", trial.name()),
    }
}

#[expect(clippy::print_stdout, reason = "the report is what the command is for")]
fn one(trial: Trial, options: &Options) -> anyhow::Result<Report> {
    let (before, began) = (report::load(), Instant::now());
    let mut report = trial.run(options)?;
    report.machine(&before, began.elapsed());
    if options.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{report}");
    }
    if let Some(out) = &options.out {
        let path =
            if out.is_dir() { out.join(format!("{}.md", trial.name())) } else { out.clone() };
        std::fs::write(&path, report.markdown())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(report)
}
