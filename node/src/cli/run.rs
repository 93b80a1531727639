//! `ganglion run`.

use clap::Args;
use ganglion_storage::{OpenError, Store};
use ganglion_subnet::Behaviour;
use ganglion_types::Manifest;

use super::Global;
use super::exit::Failure;
use crate::config::{Config, ConfigArgs};
use crate::fault::Code;
use crate::keys::{KeyFile, KeyKind};
use crate::node::{self, NodeError, Start};
use crate::testnet::setup::MARKER;
use crate::{files, manifest, telemetry};

/// Run a node.
#[derive(Debug, Args)]
#[command(after_help = "\
The node runs until Ctrl-C or SIGTERM. What it does follows from its hotkey: a validator draws
tasks, scores answers, sets weights and votes; a miner answers with its worker; any other key
observes.

Examples:
  ganglion run --node v1
  ganglion run --node m1 --worker digits-knn
  ganglion run --data-dir ./m2 --worker-command 'python3 miner.py'
  ganglion run --init --data-dir /data --manifest subnet.toml --hotkey /run/hotkey.json")]
pub(super) struct RunArgs {
    /// Create the data directory first if there is none, as a container with a new volume needs it
    #[arg(long)]
    init: bool,
    /// Stop when standard input ends, as a child process of a test network does
    #[arg(long, hide = true)]
    exit_with_stdin: bool,
    /// Misbehave, as a node of a testnet can be told to
    #[arg(long, hide = true)]
    behaviour: Option<Behaviour>,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(global: &Global, args: &RunArgs) -> Result<(), Failure> {
    let config = super::config::resolve(global, &args.config)?;
    let behaviour = behaviour(args.behaviour, &config)?;
    let manifest = manifest::load(&config.manifest)?;
    let hotkey = KeyFile::load(&config.hotkey, KeyKind::Hotkey, &config.password)?;
    let withheld = telemetry::log(&config);
    if args.init {
        create(&config, &manifest)?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|source| node::NodeError::System { what: "no runtime", source })?;
    runtime.spawn(withheld.tell());
    if behaviour != Behaviour::Honest {
        tracing::warn!(%behaviour, "this node of a testnet is told to break the rules");
    }
    let start = Start { config, manifest, hotkey, behaviour };
    let result = runtime.block_on(node::run(start, node::asked_to_stop(args.exit_with_stdin)));
    runtime.shutdown_timeout(std::time::Duration::from_millis(300));
    result.map_err(Failure::from)
}

/// A data directory that is there stays as it is. Settings are not written into a new one: who starts a
/// node like this has them in flags and in the environment, and gives them again.
fn create(config: &Config, manifest: &Manifest) -> Result<(), Failure> {
    let dir = &config.data_dir;
    files::create_private_dir(dir)?;
    match Store::init(dir, *manifest.subnet_id().as_bytes()) {
        Ok(()) => tracing::info!(dir = %dir.display(), "made a new data directory"),
        Err(OpenError::AlreadyInitialised { .. }) => {}
        Err(error) => return Err(NodeError::from(error).into()),
    }
    Ok(())
}

/// Only a node that a testnet made can be told to break the rules.
fn behaviour(wanted: Option<Behaviour>, config: &Config) -> Result<Behaviour, Failure> {
    match wanted {
        None | Some(Behaviour::Honest) => Ok(Behaviour::Honest),
        Some(behaviour) if config.data_dir.join(MARKER).is_file() => Ok(behaviour),
        Some(behaviour) => Err(Failure::input(
            Code::BEHAVIOUR_OUTSIDE_TESTNET,
            format!(
                "--behaviour {behaviour} is for nodes of a testnet, and none made {}",
                config.data_dir.display()
            ),
        )),
    }
}
