//! `ganglion run`.

use clap::Args;

use super::Global;
use super::exit::Failure;
use crate::config::ConfigArgs;
use crate::keys::{KeyFile, KeyKind};
use crate::node::{self, Start};
use crate::{manifest, telemetry};

/// Run a node.
#[derive(Debug, Args)]
#[command(after_help = "\
The node runs until Ctrl-C or SIGTERM. What it does follows from its hotkey: a validator draws tasks,
scores answers, sets weights and votes; a miner answers with its worker; any other key observes.

Examples:
  ganglion run --node v1
  ganglion run --node m1 --worker digits-knn
  ganglion run --data-dir ./m2 --worker-command 'python3 miner.py'")]
pub(super) struct RunArgs {
    /// Stop when standard input ends, as a child process of a test network does
    #[arg(long, hide = true)]
    exit_with_stdin: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(global: &Global, args: &RunArgs) -> Result<(), Failure> {
    let config = super::config::resolve(global, &args.config)?;
    let manifest = manifest::load(&config.manifest)?;
    let hotkey = KeyFile::load(&config.hotkey, KeyKind::Hotkey, &config.password)?;
    telemetry::log(&config);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|source| node::NodeError::System { what: "no runtime", source })?;
    let start = Start { config, manifest, hotkey };
    let result = runtime.block_on(node::run(start, node::asked_to_stop(args.exit_with_stdin)));
    runtime.shutdown_timeout(std::time::Duration::from_millis(300));
    result.map_err(Failure::from)
}
