//! `ganglion keys history`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use ganglion_storage::{AdoptError, SigningHistory, Watermark};
use ganglion_types::Hotkey;
use serde_json::json;

use super::exit::Failure;
use super::stopped::NodeArgs;
use super::{Global, output};
use crate::config::Config;
use crate::fault::Code;
use crate::files;
use crate::history::{FILE_BYTES_MAX, HistoryFile};
use crate::keys::{KeyError, KeyFile, KeyKind};
use crate::node::NodeError;

/// How far a hotkey has signed.
#[derive(Debug, Subcommand)]
pub(super) enum HistoryCommand {
    /// Write how far a stopped node has signed, and keep it from signing on
    #[command(after_help = "\
The file says up to which epoch, round and step the hotkey signed in its subnet, and which item
numbers it reserved; the hotkey signs it. From then on this node refuses to run, so that the key
signs on one machine only. The file holds no secret.

Moving a key:
  ganglion keys history export --node v1 > v1.history       here, the node being stopped
  ganglion keys import --name v1 --mnemonic-file words      there, and `ganglion init`
  ganglion keys history import --node v1 v1.history         there, before the first start")]
    Export(ExportArgs),
    /// Take over how far a key has signed elsewhere; the node signs nothing at or below it
    #[command(after_help = "\
The node must be stopped, and have that hotkey. It follows the subnet from the start and signs
from the epoch after the one in the file. A history older than what this node signed itself is
refused.

Example:
  ganglion keys history import --node v1 v1.history")]
    Import(ImportArgs),
    /// Let a node sign again whose history was exported
    #[command(after_help = "\
Only for a key that was not started elsewhere: two machines that sign with one key contradict each
other, and lose stake for it.

Example:
  ganglion keys history reinstate --node v1 --yes")]
    Reinstate(ReinstateArgs),
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The file
    file: PathBuf,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Debug, Args)]
pub(super) struct ReinstateArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// The key signs nowhere else
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(global: &Global, command: &HistoryCommand) -> Result<(), Failure> {
    match command {
        HistoryCommand::Export(args) => export(global, args),
        HistoryCommand::Import(args) => import(global, args),
        HistoryCommand::Reinstate(args) => reinstate(global, args),
    }
}

fn unknown() -> Failure {
    Failure::check(
        Code::WATERMARK_UNKNOWN,
        "the watermark of this node is gone or damaged: how far it signed is unknown",
    )
}

fn export(global: &Global, args: &ExportArgs) -> Result<(), Failure> {
    let (config, manifest) = args.node.resolve(global)?;
    let subnet = manifest.subnet_id();
    let mut history =
        SigningHistory::open(&config.data_dir, *subnet.as_bytes()).map_err(NodeError::from)?;
    let watermark = history.to_give_away().ok_or_else(unknown)?;
    let key = KeyFile::load(&config.hotkey, KeyKind::Hotkey, &config.password)?;
    let file = HistoryFile::new(subnet, &key, &watermark);
    // First: once the file is out it may be used.
    history.retire().map_err(NodeError::from)?;
    output::print_json(&json!(file))?;
    output::note(&format!(
        "Node {} signs no more: its key may sign elsewhere, after epoch {}.",
        config.data_dir.display(),
        watermark.epoch
    ));
    output::note(&format!(
        "  help: Should it sign here after all: ganglion keys history reinstate {} --yes",
        args.node.flag()
    ));
    Ok(())
}

fn hotkey(config: &Config) -> Result<Hotkey, Failure> {
    let file = KeyFile::read(&config.hotkey)?;
    let path = config.hotkey.clone();
    if file.kind() != KeyKind::Hotkey {
        let (found, expected) = (file.kind(), KeyKind::Hotkey);
        return Err(KeyError::WrongKind { path, found, expected }.into());
    }
    file.public().map(Hotkey::new).ok_or_else(|| {
        Failure::input(Code::KEY_WITHOUT_ADDRESS, format!("{} has no public key", path.display()))
    })
}

fn import(global: &Global, args: &ImportArgs) -> Result<(), Failure> {
    let (config, manifest) = args.node.resolve(global)?;
    let text = files::read_text(&args.file, FILE_BYTES_MAX)?;
    let given = HistoryFile::parse(&text)?.watermark(manifest.subnet_id(), hotkey(&config)?)?;
    let subnet = *manifest.subnet_id().as_bytes();
    let mut history = SigningHistory::open(&config.data_dir, subnet).map_err(NodeError::from)?;
    history.adopt(&given).map_err(|error| refused(error, &args.node))?;
    let now = history.watermark().unwrap_or(given);
    report(global, &now, "It signs nothing up to that epoch, and goes on after it.")
}

fn refused(error: AdoptError, node: &NodeArgs) -> Failure {
    let sentence = error.to_string();
    match error {
        AdoptError::Open(error) => NodeError::from(error).into(),
        AdoptError::Unknown => unknown(),
        AdoptError::NotLater { .. } => {
            Failure::input(Code::HISTORY_NOT_LATER, sentence).cured(format!(
                "There is nothing to take over: start the node with `ganglion run {}`. If this file \
                 should be the newer one, export it again from the machine that signed last.",
                node.flag()
            ))
        }
    }
}

fn reinstate(global: &Global, args: &ReinstateArgs) -> Result<(), Failure> {
    let (config, manifest) = args.node.resolve(global)?;
    let subnet = *manifest.subnet_id().as_bytes();
    let mut history = SigningHistory::open(&config.data_dir, subnet).map_err(NodeError::from)?;
    let watermark = history.watermark().ok_or_else(unknown)?;
    if !watermark.retired {
        let sentence = "the history of this node was not exported: it may sign";
        return Err(Failure::input(Code::HISTORY_KEPT, sentence)
            .cured(format!("Start it with `ganglion run {}`.", args.node.flag())));
    }
    if !args.yes {
        return Err(Failure::input(
            Code::REINSTATE_UNSURE,
            "the key may sign elsewhere: two machines with one key lose stake",
        ));
    }
    history.reinstate().map_err(NodeError::from)?;
    let now = history.watermark().unwrap_or(watermark);
    report(global, &now, "It may sign again, after that epoch.")
}

fn report(global: &Global, watermark: &Watermark, meaning: &str) -> Result<(), Failure> {
    if global.json {
        return output::print_json(&json!({
            "schema": "ganglion/signing/1",
            "epoch": watermark.epoch,
            "round": watermark.round,
            "step": watermark.step,
            "item_numbers_reserved": watermark.item_seq_reserved,
            "retired": watermark.retired,
        }));
    }
    output::print(&format!(
        "signed up to epoch {}, round {}; item numbers below {} are used. {meaning}\n",
        watermark.epoch, watermark.round, watermark.item_seq_reserved
    ))
}
