//! `ganglion snapshot`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use comfy_table::Cell;
use ganglion_storage::{SnapshotFiles, Store, snapshots as file};
use ganglion_types::{Canonical as _, Snapshot, limits};
use serde_json::json;

use super::api::{Rows, short_hash};
use super::exit::Failure;
use super::{Global, output};
use crate::config::ConfigArgs;
use crate::fault::Code;
use crate::files::{self, Access};
use crate::node::NodeError;
use crate::snapshots::{self, BadSnapshot, Checkpoint, commit_of};
use crate::{manifest, snapshots::Loaded};

/// Snapshots of the state.
#[derive(Debug, Subcommand)]
pub(super) enum SnapshotCommand {
    /// List the snapshots that a node keeps
    List(ListArgs),
    /// Write a snapshot to a file
    #[command(after_help = "\
The node may be running. Give the file away together with the checkpoint that is printed: whoever
imports it trusts that cut.

Examples:
  ganglion snapshot export --node v1 --out state.snapshot
  ganglion snapshot export --node v1 --epoch 1280 --out state.snapshot")]
    Export(ExportArgs),
    /// Begin a new node with a snapshot from a file
    #[command(after_help = "\
The data directory must be new (`ganglion init`). The checkpoint names the cut of the snapshot
itself: compare it with what somebody you trust certified.

Example:
  ganglion snapshot import --node v2 state.snapshot --checkpoint 1280:9f0c...")]
    Import(ImportArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// Which epoch [default: the newest there is]
    #[arg(long, value_name = "EPOCH")]
    epoch: Option<u64>,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The file
    file: PathBuf,
    #[command(flatten)]
    config: ConfigArgs,
}

/// More than the largest snapshot: 256 chunks of 1 MiB, a cut and a header.
const FILE_BYTES_MAX: u64 = 300 << 20;

pub(super) fn run(global: &Global, command: SnapshotCommand) -> Result<(), Failure> {
    match command {
        SnapshotCommand::List(args) => list(global, &args),
        SnapshotCommand::Export(args) => export(global, &args),
        SnapshotCommand::Import(args) => import(global, &args),
    }
}

fn files_of(global: &Global, config: &ConfigArgs) -> Result<SnapshotFiles, Failure> {
    let dir = config.data_dir(&global.home())?;
    Ok(SnapshotFiles::in_directory(&dir))
}

fn headers(files: &SnapshotFiles) -> Result<Vec<Snapshot>, Failure> {
    let epochs = files.epochs().map_err(NodeError::from)?;
    let mut headers = Vec::new();
    for epoch in epochs {
        let part = files.part(epoch, 0).map_err(NodeError::from)?;
        let header = part.and_then(|part| Snapshot::from_bytes(&part, limits::RPC_BYTES).ok());
        match header {
            Some(header) => headers.push(header),
            None => output::note(&format!("The snapshot of epoch {epoch} is damaged.")),
        }
    }
    Ok(headers)
}

fn shown(header: &Snapshot) -> serde_json::Value {
    json!({
        "epoch": header.epoch.get(),
        "cut": header.cut.to_hex(),
        "rows": rows(header),
        "chunks": header.chunks.len(),
        "bytes": bytes(header),
        "checkpoint": Checkpoint::Cut(header.epoch, header.cut).to_string(),
    })
}

fn rows(header: &Snapshot) -> u64 {
    header.tables.iter().fold(0, |sum, (_, rows)| sum.saturating_add(*rows))
}

fn bytes(header: &Snapshot) -> u64 {
    header.chunks.iter().fold(0, |sum, chunk| sum.saturating_add(chunk.bytes.into()))
}

fn list(global: &Global, args: &ListArgs) -> Result<(), Failure> {
    let headers = headers(&files_of(global, &args.config)?)?;
    if global.json {
        let all: Vec<serde_json::Value> = headers.iter().map(shown).collect();
        return output::print_json(&json!(all));
    }
    if headers.is_empty() {
        output::note("No snapshot is kept yet.");
        output::note("  help: A node keeps one every `snapshot_every` epochs.");
        return Ok(());
    }
    let mut table = Rows::new(&[">EPOCH", "CUT", ">ROWS", ">CHUNKS", ">BYTES"]);
    for header in &headers {
        table.add([
            Cell::new(header.epoch),
            Cell::new(short_hash(&header.cut.to_hex())),
            Cell::new(rows(header)),
            Cell::new(header.chunks.len()),
            Cell::new(bytes(header)),
        ]);
    }
    output::print(&table.render())
}

fn export(global: &Global, args: &ExportArgs) -> Result<(), Failure> {
    let files = files_of(global, &args.config)?;
    let headers = headers(&files)?;
    let wanted = |header: &&Snapshot| args.epoch.is_none_or(|epoch| header.epoch.get() == epoch);
    let Some(header) = headers.iter().rfind(wanted) else {
        return Err(Failure::input(Code::SNAPSHOT_MISSING, "there is no such snapshot"));
    };
    let parts = files.parts(header.epoch.get()).map_err(NodeError::from)?;
    let parts = parts.ok_or_else(|| refused(&BadSnapshot::Damaged))?;
    files::write_whole(&args.out, &file::encode(&parts), Access::Shared, args.force)?;
    if global.json {
        return output::print_json(&shown(header));
    }
    let checkpoint = Checkpoint::Cut(header.epoch, header.cut);
    output::print(&format!("epoch {}, checkpoint {checkpoint}\n", header.epoch))
}

fn refused(error: &BadSnapshot) -> Failure {
    Failure::check(Code::SNAPSHOT_REFUSED, format!("the snapshot is refused: {error}"))
}

fn import(global: &Global, args: &ImportArgs) -> Result<(), Failure> {
    let config = super::config::resolve(global, &args.config)?;
    let Some(Checkpoint::Cut(epoch, cut)) = config.checkpoint else {
        let sentence = "a snapshot from a file needs the cut that you trust";
        return Err(Failure::input(Code::SNAPSHOT_TRUST, sentence));
    };
    let manifest = Arc::new(manifest::load(&config.manifest)?);
    let bytes = files::read_bytes(&args.file, FILE_BYTES_MAX)?;
    let parts = file::decode(&bytes).ok_or_else(|| refused(&BadSnapshot::Damaged))?;
    let loaded = snapshots::load(&parts, &manifest).map_err(|error| refused(&error))?;
    if (loaded.cut.epoch, loaded.cut.id()) != (epoch, cut) {
        let found = Checkpoint::Cut(loaded.cut.epoch, loaded.cut.id());
        return Err(Failure::check(
            Code::SNAPSHOT_REFUSED,
            format!("the snapshot is of {found}, not of the checkpoint"),
        ));
    }
    let subnet = *manifest.subnet_id().as_bytes();
    let (mut store, found) = Store::open(&config.data_dir, subnet).map_err(NodeError::from)?;
    if found.applied.is_some() || found.certified.is_some() {
        return Err(Failure::input(Code::NODE_HAS_EPOCHS, "this node has epochs already"));
    }
    let number = loaded.cut.epoch.get();
    store.reader().snapshots().write(number, &parts).map_err(NodeError::from)?;
    store.commit_snapshot(commit_of(&loaded)).map_err(NodeError::from)?;
    report(global, &loaded)
}

fn report(global: &Global, loaded: &Loaded) -> Result<(), Failure> {
    if global.json {
        return output::print_json(&shown(&loaded.header));
    }
    let rows = rows(&loaded.header);
    output::print(&format!(
        "epoch {} with {rows} rows; `ganglion run` goes on from there\n",
        loaded.cut.epoch
    ))
}
