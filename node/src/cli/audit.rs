//! `ganglion epoch prove`, `replay`, `export` and `diff`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use comfy_table::{Cell, Color};
use ganglion_consensus::ledger::stages::{Stage, stages};
use ganglion_storage::{Reader, Store};
use ganglion_types::{Cut, Epoch, Manifest};
use serde_json::{Value, json};

use super::api::{ApiArgs, Rows, cured, hotkey, short_hash};
use super::exit::Failure;
use super::{Global, output};
use crate::api::Client;
use crate::api::types::{ReplayReport, RowReport};
use crate::audit::{self, ASK_AN_ARCHIVE, Dump, read_epoch, verdict};
use crate::config::MANIFEST_NAME;
use crate::fault::Code;
use crate::node::NodeError;
use crate::proof::{ProofFile, build};
use crate::{files, manifest};

/// A running node gives up a little earlier.
const PATIENCE: Duration = Duration::from_secs(65);

/// Where an epoch is looked up.
#[derive(Debug, Args)]
pub(super) struct From {
    #[command(flatten)]
    api: ApiArgs,
    /// Data directory of a node that does not run, in place of a running one
    #[arg(long, value_name = "DIR", conflicts_with = "api")]
    dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ProveArgs {
    /// Which epoch
    epoch: u64,
    /// Whose row: an address, or the name of a key here
    hotkey: String,
    /// Start from the cut of this epoch, for whoever has its id; 0 is genesis
    #[arg(long, value_name = "EPOCH", default_value_t = 0)]
    from_checkpoint: u64,
    #[command(flatten)]
    from: From,
}

#[derive(Debug, Args)]
pub(super) struct EpochArgs {
    /// Which epoch
    epoch: u64,
    #[command(flatten)]
    from: From,
}

#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// Which epoch
    epoch: u64,
    /// API of another node, such as 10.0.0.2:7880, or a file of `ganglion epoch export`
    #[arg(long, value_name = "NODE|FILE")]
    with: String,
    #[command(flatten)]
    from: From,
}

/// What a stopped node has stored.
struct Stopped {
    reader: Reader,
    manifest: Arc<Manifest>,
    // The reader holds the lock as well; the store goes with it.
    _store: Store,
}

impl Stopped {
    fn open(dir: &Path) -> Result<Self, Failure> {
        let manifest = manifest::load(&dir.join(MANIFEST_NAME))?;
        let subnet = *manifest.subnet_id().as_bytes();
        let (store, _) = Store::open(dir, subnet).map_err(NodeError::from)?;
        let reader = store.reader().clone();
        Ok(Self { reader, manifest: Arc::new(manifest), _store: store })
    }

    fn stages(&self, epoch: u64) -> Result<(Cut, Vec<Stage>), Failure> {
        let replayed = read_epoch(&self.reader, &self.manifest, Epoch::new(epoch))?;
        let stages = stages(&replayed.state, &replayed.result);
        Ok((replayed.cut, stages))
    }
}

/// Executing many epochs again takes longer than other answers.
fn patient(client: &Client, path: &str) -> Result<Value, Failure> {
    let missing = "List the epochs with `ganglion epoch list`.";
    client.get_value_within(path, PATIENCE).map_err(|error| match error.status() {
        Some(504) => cured(
            error,
            504,
            "Stop a node, or copy its directory, and use --dir: it takes its time.",
        ),
        Some(410) => cured(error, 410, ASK_AN_ARCHIVE),
        _ => cured(error, 404, missing),
    })
}

pub(super) fn prove(global: &Global, args: &ProveArgs) -> Result<(), Failure> {
    let (hotkey, start) = (hotkey(global, &args.hotkey)?, args.from_checkpoint);
    let Some(dir) = &args.from.dir else {
        let client = args.from.api.client(global)?;
        let path = format!("/v1/epochs/{}/proof/{hotkey}?from={start}", args.epoch);
        return output::print_json(&patient(&client, &path)?);
    };
    let stopped = Stopped::open(dir)?;
    let (start, epoch) = (Epoch::new(start), Epoch::new(args.epoch));
    let proof = build(&stopped.reader, &stopped.manifest, start, epoch, hotkey)?;
    output::print(&ProofFile::to_json(&proof))
}

pub(super) fn replay(global: &Global, args: &EpochArgs) -> Result<(), Failure> {
    let report: ReplayReport = match &args.from.dir {
        None => {
            let client = args.from.api.client(global)?;
            let value = patient(&client, &format!("/v1/epochs/{}/replay", args.epoch))?;
            client.typed(value)?
        }
        Some(dir) => {
            let stopped = Stopped::open(dir)?;
            let epoch = Epoch::new(args.epoch);
            let replayed = read_epoch(&stopped.reader, &stopped.manifest, epoch)?;
            ReplayReport::from(&verdict(&stopped.reader, &replayed)?)
        }
    };
    match global.json {
        true => output::print_json(&json!(report))?,
        false => output::print(&replay_text(&report))?,
    }
    match report.holds {
        true => Ok(()),
        false => Err(Failure::check(
            Code::REPLAY_DIFFERS,
            format!("epoch {} executes to something else than is stored", report.epoch),
        )),
    }
}

fn replay_text(report: &ReplayReport) -> String {
    let mut text = format!("epoch {}, cut {}\n\n", report.epoch, report.cut);
    let judged = |equal: Option<bool>| match equal {
        Some(true) => Cell::new("equal"),
        Some(false) => Cell::new("DIFFERS").fg(Color::Red),
        None => Cell::new("not stored"),
    };
    let mut rows = Rows::new(&["STAGE", ">ROWS", "EXECUTED AGAIN", "STORED"]);
    for stage in &report.stages {
        let equal = stage.stored.as_ref().map(|stored| *stored == stage.executed);
        let (name, digest) = (Cell::new(&stage.name), Cell::new(short_hash(&stage.executed)));
        rows.add([name, Cell::new(stage.rows), digest, judged(equal)]);
    }
    let _ = writeln!(text, "{}", rows.render());
    let mut rows = Rows::new(&["ROOT", "EXECUTED AGAIN", "CERTIFIED"]);
    for root in &report.roots {
        let equal = judged(Some(root.certified == root.executed));
        rows.add([Cell::new(&root.name), Cell::new(short_hash(&root.executed)), equal]);
    }
    text.push_str(&rows.render());
    if let Some(row) = &report.difference {
        let _ = write!(text, "\n{}", row_text(row, "stored", "executed again"));
    }
    text
}

fn row_text(row: &RowReport, ours: &str, theirs: &str) -> String {
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "no such row".into());
    format!(
        "first difference: {}, {}\n  {ours}: {}\n  {theirs}: {}\n",
        row.stage,
        row.item,
        shown(&row.ours),
        shown(&row.theirs)
    )
}

pub(super) fn export(global: &Global, args: &EpochArgs) -> Result<(), Failure> {
    let value = match &args.from.dir {
        None => {
            let client = args.from.api.client(global)?;
            patient(&client, &format!("/v1/epochs/{}/dump", args.epoch))?
        }
        Some(dir) => {
            let (cut, stages) = Stopped::open(dir)?.stages(args.epoch)?;
            json!(Dump::new(&cut, &stages))
        }
    };
    output::print_json(&value)
}

pub(super) fn diff(global: &Global, args: &DiffArgs) -> Result<(), Failure> {
    let (our_cut, ours) = match &args.from.dir {
        None => dump_of(&args.from.api.client(global)?, args.epoch)?,
        Some(dir) => Stopped::open(dir)?.stages(args.epoch)?,
    };
    let (their_cut, theirs) = match Path::new(&args.with).is_file() {
        true => read_dump(Path::new(&args.with), args.epoch)?,
        false => dump_of(&Client::new(&args.with)?, args.epoch)?,
    };
    let found = audit::first_difference(&ours, &theirs);
    let report = json!({
        "schema": "ganglion/epoch-diff/1",
        "epoch": args.epoch,
        "equal": found.is_none() && our_cut == their_cut,
        "cuts": {"ours": our_cut.id().to_hex(), "theirs": their_cut.id().to_hex()},
        // Rows that do not lead to the roots of the cut beside them are the ones that are wrong.
        "misses": {
            "ours": audit::missed_root(&our_cut, &ours),
            "theirs": audit::missed_root(&their_cut, &theirs),
        },
        "difference": found.as_ref().map(RowReport::from),
    });
    match global.json {
        true => output::print_json(&report)?,
        false => output::print(&diff_text(&report, found.as_ref().map(RowReport::from)))?,
    }
    match report["equal"].as_bool() {
        Some(true) => Ok(()),
        _ => Err(Failure::check(Code::EPOCHS_DIFFER, format!("epoch {} differs", args.epoch))),
    }
}

fn diff_text(report: &Value, row: Option<RowReport>) -> String {
    let mut text = String::new();
    for side in ["ours", "theirs"] {
        let cut = report["cuts"][side].as_str().unwrap_or_default();
        let roots = report["misses"][side].as_str().map_or_else(
            || "rows lead to its roots".into(),
            |root| format!("rows do NOT lead to its {root}"),
        );
        let _ = writeln!(text, "{side:7} cut {}, {roots}", short_hash(cut));
    }
    match row {
        Some(row) => text.push_str(&row_text(&row, "ours  ", "theirs")),
        None => text.push_str("no row differs\n"),
    }
    text
}

fn dump_of(client: &Client, epoch: u64) -> Result<(Cut, Vec<Stage>), Failure> {
    let value = patient(client, &format!("/v1/epochs/{epoch}/dump"))?;
    Ok(client.typed::<Dump>(value)?.read()?)
}

fn read_dump(path: &Path, epoch: u64) -> Result<(Cut, Vec<Stage>), Failure> {
    let text = files::read_text(path, u64::MAX)?;
    let form = |error: serde_json::Error| audit::DumpError::Form(error.to_string());
    let dump: Dump = serde_json::from_str(&text).map_err(form)?;
    if dump.epoch != epoch {
        let sentence = format!("{} is of epoch {}, not {epoch}", path.display(), dump.epoch);
        return Err(Failure::input(Code::DUMP_EPOCH, sentence));
    }
    Ok(dump.read()?)
}
