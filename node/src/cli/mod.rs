//! The command line: one file per command.

mod anchor;
mod anchored;
mod api;
mod audit;
mod burn;
mod completions;
mod config;
mod consent;
mod cures;
mod db;
mod decision;
mod delegation;
mod doctor;
mod epoch;
pub mod exit;
mod explain;
mod funds;
mod history;
mod init;
mod keys;
mod metagraph;
mod operation;
pub mod output;
mod pace;
mod peers;
mod progress;
mod recover;
mod reference;
mod register;
mod registry;
mod revise;
mod revisions;
mod rotate;
mod run;
mod seat;
mod sentence;
mod snapshot;
mod standing;
mod status;
mod stopped;
mod subnet;
mod task;
mod tenancy;
#[cfg(unix)]
mod testnet;
mod verify;
mod wallet;
mod weights;
mod worker;
mod yuma;

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use clap::{ArgAction, Args, CommandFactory as _, Parser, Subcommand};

use crate::fault::Code;
use crate::home::Home;
use exit::{Exit, Failure};

/// A node for decentralized AI subnets: no coordinator, certified rewards.
#[derive(Debug, Parser)]
#[command(name = "ganglion", version, max_term_width = 100)]
#[command(after_help = "\
First steps:
  ganglion keys new --role hotkey --name v1      a key for a node
  ganglion subnet new --name demo                a manifest to edit
  ganglion subnet show demo.toml                 what it means, or what is wrong with it
  ganglion init --manifest demo.toml --hotkey v1 a node's data directory

Exit codes: 0 done, 1 a check did not hold, 2 wrong usage or input, 3 port, lock or permission,
4 a node found that it cannot reproduce a certified epoch.")]
struct Cli {
    #[command(flatten, next_help_heading = "Everywhere")]
    global: Global,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Flags that every command takes.
#[derive(Debug, Args)]
pub struct Global {
    /// Directory of keys and nodes [default: ~/.ganglion]
    #[arg(long, global = true, env = "GANGLION_HOME", value_name = "DIR", hide_env_values = true)]
    home: Option<PathBuf>,
    /// Print JSON for scripts
    #[arg(long, global = true)]
    pub json: bool,
    /// Log more; twice for everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Log errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
}

impl Global {
    /// The base directory.
    #[must_use]
    pub fn home(&self) -> Home {
        Home::new(self.home.clone())
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create, import and look at hotkeys and coldkeys
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Manifests, and the parameters of a running subnet
    #[command(subcommand)]
    Subnet(subnet::SubnetCommand),
    /// Create a node's data directory
    Init(init::InitArgs),
    /// Run a node
    Run(Box<run::RunArgs>),
    /// Run a whole subnet on this machine, and look at it
    #[cfg(unix)]
    #[command(subcommand)]
    Testnet(testnet::TestnetCommand),
    /// Take a uid in the subnet of a running node, paid by proof of work or out of a balance
    Register(Box<register::RegisterArgs>),
    /// Give a uid back
    Deregister(tenancy::DeregisterArgs),
    /// Change what a hotkey does, or give a validator a new task-seed chain
    Serve(tenancy::ServeArgs),
    /// Give a uid a new hotkey
    Rotate(rotate::RotateArgs),
    /// Show all that a coldkey owns, and what it waits for
    Wallet(wallet::WalletArgs),
    /// Move balance of a coldkey to stake on one of its validators
    Stake(funds::StakeArgs),
    /// Move stake back to the balance of its coldkey
    Unstake(funds::UnstakeArgs),
    /// Move balance to another coldkey
    Transfer(funds::TransferArgs),
    /// Put balance at stake behind somebody else's validator
    Delegate(delegation::DelegateArgs),
    /// Take delegated stake back
    Undelegate(delegation::UndelegateArgs),
    /// Set the share that a validator's owner keeps of what delegated stake earns
    Take(delegation::TakeArgs),
    /// Give tasks to the subnet's miners
    #[command(subcommand)]
    Task(task::TaskCommand),
    /// Show what a node does and how its subnet is
    Status(status::StatusArgs),
    /// Show all participants with what they earned in the last epoch
    Metagraph(metagraph::MetagraphArgs),
    /// List and explain decided epochs
    #[command(subcommand)]
    Epoch(epoch::EpochCommand),
    /// Epochs on other chains: how far, what is under way, who anchored what
    #[command(subcommand)]
    Anchor(anchor::AnchorCommand),
    /// Participants that another chain lists
    #[command(subcommand)]
    Registry(registry::RegistryCommand),
    /// Check a proof of one row, with no node and no keys
    Verify(verify::VerifyArgs),
    /// List, export and import snapshots of the state
    #[command(subcommand)]
    Snapshot(snapshot::SnapshotCommand),
    /// Look at a node's data, check it, back it up
    #[command(subcommand)]
    Db(db::DbCommand),
    Recover(recover::RecoverArgs),
    /// Find what hinders a node, and how to mend it
    Doctor(Box<doctor::DoctorArgs>),
    /// Say what the code of an error means, and what to do
    Explain(explain::ExplainArgs),
    /// Show the nodes that a node knows
    Peers(peers::PeersArgs),
    /// Show the weights that counted in an epoch
    Weights(weights::WeightsArgs),
    /// Look at a node's configuration
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Run and check vectors of the epoch function, Yuma Consensus
    #[command(subcommand)]
    Yuma(yuma::YumaCommand),
    /// Check a model before it mines, or be one of the built-in workers
    Worker(worker::WorkerArgs),
    /// Print a page that is made from the program itself
    #[command(hide = true)]
    Reference(reference::ReferenceArgs),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
}

/// Runs the command of this process. Prints its failure and gives its exit code.
#[must_use]
pub fn main() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => return misused(&usage),
    };
    let json = cli.global.json;
    run(cli).map_or_else(|failure| ended(&failure, json), |()| Exit::Ok)
}

fn ended(failure: &Failure, json: bool) -> Exit {
    let text = if json { failure.json() } else { failure.render() };
    output::note(text.trim_end());
    failure.exit()
}

/// What the parser says instead of a command: help that was asked for, or how the command line is wrong.
fn misused(usage: &clap::Error) -> Exit {
    let plain = usage.render().to_string();
    let Some(sentence) = plain.strip_prefix("error: ") else { usage.exit() };
    // Nothing was parsed, so the flag is looked for as it is written.
    if std::env::args_os().any(|word| word == "--json") {
        return ended(&Failure::input(Code::USAGE, sentence.trim_end()), true);
    }
    let shown = usage.render().ansi().to_string();
    let shown = if io::stderr().is_terminal() { shown } else { plain };
    let named = format!("error[{}]:", Code::USAGE.name());
    output::note(shown.replacen("error:", &named, 1).trim_end());
    Exit::Input
}

fn run(cli: Cli) -> Result<(), Failure> {
    let Some(command) = cli.command else {
        // Not clap's own check: a set GANGLION_HOME would count as an argument there.
        return output::print(&format!("{}\n", Cli::command().render_help()));
    };
    match command {
        Command::Keys(command) => keys::run(&cli.global, command),
        Command::Subnet(command) => subnet::run(&cli.global, command),
        Command::Init(args) => init::run(&cli.global, args),
        Command::Register(args) => register::run(&cli.global, &args),
        Command::Deregister(args) => tenancy::deregister(&cli.global, &args),
        Command::Serve(args) => tenancy::serve(&cli.global, &args),
        Command::Rotate(args) => rotate::run(&cli.global, &args),
        Command::Wallet(args) => wallet::run(&cli.global, &args),
        Command::Stake(args) => funds::stake(&cli.global, &args),
        Command::Unstake(args) => funds::unstake(&cli.global, &args),
        Command::Transfer(args) => funds::transfer(&cli.global, &args),
        Command::Delegate(args) => delegation::delegate(&cli.global, &args),
        Command::Undelegate(args) => delegation::undelegate(&cli.global, &args),
        Command::Take(args) => delegation::take(&cli.global, &args),
        Command::Task(command) => task::run(&cli.global, command),
        Command::Status(args) => status::run(&cli.global, &args),
        Command::Metagraph(args) => metagraph::run(&cli.global, &args),
        Command::Epoch(command) => epoch::run(&cli.global, command),
        Command::Anchor(command) => anchor::run(&cli.global, &command),
        Command::Registry(command) => registry::run(&cli.global, &command),
        Command::Verify(args) => verify::run(&cli.global, &args),
        Command::Snapshot(command) => snapshot::run(&cli.global, command),
        Command::Db(command) => db::run(&cli.global, &command),
        Command::Recover(args) => recover::run(&cli.global, &args),
        Command::Doctor(args) => doctor::run(&cli.global, &args),
        Command::Explain(args) => explain::run(&cli.global, &args),
        Command::Peers(args) => peers::run(&cli.global, &args),
        Command::Weights(args) => weights::run(&cli.global, &args),
        Command::Run(args) => run::run(&cli.global, &args),
        #[cfg(unix)]
        Command::Testnet(command) => testnet::run(&cli.global, command),
        Command::Config(command) => config::run(&cli.global, command),
        Command::Yuma(command) => yuma::run(&cli.global, command),
        Command::Worker(args) => worker::run(&cli.global, args),
        Command::Reference(args) => reference::run(&args),
        Command::Completions(args) => completions::run(&args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// A longer line would be broken once more, after a word or two.
    #[test]
    fn every_line_of_every_help_fits_the_width_that_help_is_shown_in() {
        let mut left = vec![Cli::command()];
        let mut seen = 0;
        while let Some(command) = left.pop() {
            let texts = [command.get_after_help(), command.get_after_long_help()];
            for text in texts.into_iter().flatten() {
                for line in text.to_string().lines() {
                    assert!(line.len() <= 100, "{}: {line}", command.get_name());
                    seen += 1;
                }
            }
            left.extend(command.get_subcommands().cloned());
        }
        assert!(seen > 100, "{seen} lines of help");
    }
}
