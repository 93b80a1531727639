//! The command line: one file per command.

pub mod yuma;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A node for decentralized AI subnets: no coordinator, certified rewards.
#[derive(Debug, Parser)]
#[command(name = "ganglion", version, arg_required_else_help = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run and check vectors of the epoch function, Yuma Consensus
    #[command(subcommand)]
    Yuma(yuma::YumaCommand),
}

/// Runs the command of this process and gives its exit code.
#[must_use]
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Yuma(command) => command.run(),
    }
}
