//! `ganglion db`.

mod archive;
mod info;
mod verify;

use clap::Subcommand;

use super::Global;
use super::exit::Failure;

/// A node's data.
#[derive(Debug, Subcommand)]
pub(super) enum DbCommand {
    /// Show what a data directory holds: epochs, sizes, how far the node signed, what was put aside
    #[command(after_help = "\
Changes nothing, and works beside a running node.

Examples:
  ganglion db info --node v1
  ganglion db info --data-dir /var/lib/ganglion --json")]
    Info(info::InfoArgs),
    /// Check every file of a stopped node against the others, and name the first that is wrong
    #[command(after_help = "\
Reads everything: the chain and each payload of the certificate log, certificates against their
committees, items and their signatures, tables against the log, the state against the applied cut,
snapshots, agreement log and watermark. Exit code 1 if something is wrong; the cure is named.

Example:
  ganglion db verify --node v1")]
    Verify(verify::VerifyArgs),
    /// Write the certified epochs of a stopped node to one file, for a backup
    #[command(after_help = "\
The file is checksummed. It holds no keys and not how far the node signed: a backup of those is
dangerous, see `ganglion keys history`.

Examples:
  ganglion db export --node v1 --out v1.archive
  ganglion db export --node v1 --out - | zstd > v1.archive.zst")]
    Export(archive::ExportArgs),
    /// Begin a node with certified epochs from a file; each is checked and executed
    #[command(after_help = "\
The data directory is new (`ganglion init`), or has epochs of the file already: an import that was
broken off goes on where it was. It is refused if this node signed later than the file ends.

Examples:
  ganglion db import --node v2 v1.archive
  zstdcat v1.archive.zst | ganglion db import --node v2 -
  ganglion db import --node v2 v1.archive --checkpoint 1280:9f0c...   if it begins with a snapshot")]
    Import(archive::ImportArgs),
}

pub(super) fn run(global: &Global, command: &DbCommand) -> Result<(), Failure> {
    match command {
        DbCommand::Info(args) => info::run(global, args),
        DbCommand::Verify(args) => verify::run(global, args),
        DbCommand::Export(args) => archive::export(global, args),
        DbCommand::Import(args) => archive::import(global, args),
    }
}
