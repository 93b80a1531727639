//! `ganglion db export` and `import`.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use ganglion_persist::archive::{self, ArchiveError, Moved};
use ganglion_storage::Store;
use serde_json::json;

use super::super::exit::Failure;
use super::super::stopped::NodeArgs;
use super::super::{Global, output};
use super::verify::Pace;
use crate::fault::Code;
use crate::files::FileError;
use crate::node::NodeError;
use crate::snapshots::Checkpoint;
use crate::units::show_bytes;

#[derive(Debug, Args)]
pub(in super::super) struct ExportArgs {
    /// The file to write; - for standard output
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Debug, Args)]
pub(in super::super) struct ImportArgs {
    /// The file; - for standard input
    file: PathBuf,
    /// Cut to trust, of the snapshot that the file begins with
    #[arg(long, value_name = "EPOCH:CUTID")]
    checkpoint: Option<Checkpoint>,
    #[command(flatten)]
    node: NodeArgs,
}

fn refused(error: ArchiveError) -> Failure {
    let sentence = error.to_string();
    match error {
        ArchiveError::Store(error) => NodeError::from(error).into(),
        ArchiveError::Restart(error) => NodeError::from(error).into(),
        ArchiveError::Io(_) => Failure::environment(Code::ARCHIVE_FILE, sentence),
        ArchiveError::Empty => Failure::input(Code::ARCHIVE_EMPTY, sentence),
        ArchiveError::NoSnapshot { .. } => Failure::check(Code::ARCHIVE_NO_SNAPSHOT, sentence),
        ArchiveError::NoArchive => Failure::input(Code::ARCHIVE_FORM, sentence),
        ArchiveError::Newer { .. } => Failure::input(Code::ARCHIVE_NEWER, sentence),
        ArchiveError::OtherSubnet => Failure::input(Code::ARCHIVE_SUBNET, sentence),
        ArchiveError::Damaged { .. } => Failure::check(Code::ARCHIVE_DAMAGED, sentence),
        ArchiveError::Untrusted { .. } => Failure::input(Code::ARCHIVE_UNTRUSTED, sentence),
        ArchiveError::Snapshot(_) | ArchiveError::Epoch { .. } => {
            Failure::check(Code::ARCHIVE_WRONG, sentence)
        }
        ArchiveError::Gap { .. } => Failure::input(Code::ARCHIVE_GAP, sentence),
        ArchiveError::SignedLater { .. } => Failure::input(Code::ARCHIVE_SIGNED_LATER, sentence),
    }
}

pub(super) fn export(global: &Global, args: &ExportArgs) -> Result<(), Failure> {
    let (config, manifest) = args.node.resolve(global)?;
    let to_stdout = args.out == Path::new("-");
    if !to_stdout && args.out.exists() && !args.force {
        return Err(FileError::Exists { path: args.out.clone() }.into());
    }
    let subnet = *manifest.subnet_id().as_bytes();
    let (store, _) = Store::open(&config.data_dir, subnet).map_err(NodeError::from)?;
    let mut pace = Pace::new();
    let mut write = |to: &mut dyn Write| {
        archive::export(store.reader(), &manifest, to, &mut |done, all| {
            pace.show("epochs written", done, all);
        })
        .map_err(refused)
    };
    let moved = match to_stdout {
        true => write(&mut BufWriter::new(io::stdout().lock()))?,
        false => to_file(&args.out, write)?,
    };
    pace.end();
    report(global, &moved, "written", to_stdout)
}

/// Under another name until it is whole.
fn to_file(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<Moved, Failure>,
) -> Result<Moved, Failure> {
    let io = |source| FileError::Io { verb: "write", path: path.into(), source };
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    let mut file = BufWriter::new(File::create(&part).map_err(io)?);
    let moved = write(&mut file).inspect_err(|_| {
        // The failure is what is reported.
        let _ = std::fs::remove_file(&part);
    })?;
    let file = file.into_inner().map_err(|error| io(error.into_error()))?;
    file.sync_all().and_then(|()| std::fs::rename(&part, path)).map_err(io)?;
    Ok(moved)
}

pub(super) fn import(global: &Global, args: &ImportArgs) -> Result<(), Failure> {
    let (config, manifest) = args.node.resolve(global)?;
    let trusted = match args.checkpoint {
        Some(Checkpoint::Cut(epoch, cut)) => Some((epoch, cut)),
        // An archive that begins with genesis needs no trust.
        None | Some(Checkpoint::Genesis) => None,
    };
    let subnet = *manifest.subnet_id().as_bytes();
    let (mut store, found) = Store::open(&config.data_dir, subnet).map_err(NodeError::from)?;
    let mut stream: Box<dyn Read> =
        match args.file == Path::new("-") {
            true => Box::new(io::stdin().lock()),
            false => Box::new(BufReader::new(File::open(&args.file).map_err(|source| {
                FileError::Io { verb: "read", path: args.file.clone(), source }
            })?)),
        };
    let mut pace = Pace::new();
    let moved =
        archive::import(&mut store, &found, &manifest, &mut stream, trusted, &mut |done, all| {
            pace.show("epochs executed", done, all);
        })
        .map_err(refused)?;
    pace.end();
    report(global, &moved, "new here", false)
}

fn report(global: &Global, moved: &Moved, verb: &str, aside: bool) -> Result<(), Failure> {
    if aside {
        output::note(&sentence(moved, verb));
        return Ok(());
    }
    if global.json {
        return output::print_json(&json!({
            "schema": "ganglion/db-archive/1",
            "snapshot": moved.snapshot,
            "first": moved.first,
            "last": moved.last,
            "epochs": moved.epochs,
            "bytes": moved.bytes,
        }));
    }
    output::print(&format!("{}\n", sentence(moved, verb)))
}

fn sentence(moved: &Moved, verb: &str) -> String {
    let snapshot = match moved.snapshot {
        Some(epoch) => format!("snapshot of epoch {epoch}, then "),
        None => String::new(),
    };
    let Moved { first, last, epochs, bytes, .. } = moved;
    format!("{snapshot}epochs {first} to {last}, {epochs} {verb}, {}", show_bytes(*bytes))
}
