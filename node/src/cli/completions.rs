//! `ganglion completions`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::exit::Failure;
use super::{Cli, output};

/// Print a completion script for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ganglion completions bash > \
                        ~/.local/share/bash-completion/completions/ganglion")]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "ganglion", &mut script);
    output::print(&String::from_utf8_lossy(&script))
}
