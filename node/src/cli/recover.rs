//! `ganglion recover`.

use std::path::Path;
use std::sync::Arc;

use clap::Args;
use ganglion_persist::restart::{self, RestartError};
use ganglion_persist::verify::{lagging, snapshot};
use ganglion_storage::{Contents, Holder, OpenError, Part, Standing, Store, Workshop, inspect};
use ganglion_types::Manifest;
use serde_json::json;

use super::exit::Failure;
use super::stopped::NodeArgs;
use super::{Global, output};
use crate::config::Config;
use crate::fault::Code;
use crate::node::NodeError;

/// Find out what is wrong with a node's data, and mend it
#[derive(Debug, Args)]
#[command(after_help = "\
For a node that does not start, or is silent, or after `ganglion db verify` found something. It
says what is wrong, what it does, and does it: tables are made again from the certificate log, a
log that is torn inside keeps the epochs before, and what is missing then comes from peers once
the node runs. Whatever is damaged is put aside under a name with `.corrupt-`, never removed. Keys
are not touched, and how far the node signed is never lowered: it stays silent for as long as it
must.

Examples:
  ganglion recover --node v1 --dry-run
  ganglion recover --node v1")]
pub(super) struct RecoverArgs {
    /// Say what is wrong and what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Put the damaged proof of a fork aside, so that the node goes on. Only if other nodes know of no fork
    #[arg(long, value_name = "EPOCH")]
    clear_fork: Option<u64>,
    #[command(flatten)]
    node: NodeArgs,
}

/// What can be done about something.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// Put a part aside.
    SetAside(String),
    /// Keep the epochs of the certificate log before the damage.
    MendLog,
    /// Note that the log may end before the watermark.
    MarkAhead,
    /// Make the tables from the log.
    Rebuild,
}

/// Something wrong, and what follows.
struct Finding {
    what: String,
    then: String,
    /// Its code if nothing here mends it.
    stays: Option<Code>,
}

#[derive(Default)]
struct Diagnosis {
    findings: Vec<Finding>,
    steps: Vec<Step>,
}

impl Diagnosis {
    fn found(&mut self, what: impl Into<String>, then: impl Into<String>) {
        self.findings.push(Finding { what: what.into(), then: then.into(), stays: None });
    }

    fn step(&mut self, step: Step) {
        if !self.steps.contains(&step) {
            self.steps.push(step);
        }
    }
}

pub(super) fn run(global: &Global, args: &RecoverArgs) -> Result<(), Failure> {
    let (config, manifest) = args.node.resolve(global)?;
    let dir = &config.data_dir;
    let diagnosis = diagnose(&config, &manifest, args)?;
    if !global.json {
        tell(&diagnosis, args.dry_run)?;
    }
    let mut kept = Vec::new();
    if !args.dry_run && !diagnosis.steps.is_empty() {
        kept = mend(dir, &manifest, &diagnosis.steps)?;
    }
    if global.json {
        output::print_json(&json!({
            "schema": "ganglion/recover/1",
            "dry_run": args.dry_run,
            "findings": diagnosis.findings.iter().map(|one| json!({
                "what": one.what, "then": one.then, "mended": one.stays.is_none() && !args.dry_run,
            })).collect::<Vec<_>>(),
            "put_aside": kept,
        }))?;
    } else if !args.dry_run && !diagnosis.steps.is_empty() {
        for path in &kept {
            output::print(&format!("put aside: {path}\n"))?;
        }
        output::print(&format!(
            "Done. Start it with `ganglion run {}`; what is missing comes from its peers.\n",
            args.node.flag()
        ))?;
    }
    match diagnosis.findings.iter().find(|one| one.stays.is_some()) {
        Some(Finding { what, then, stays: Some(code) }) => {
            Err(Failure::check(*code, what.as_str()).cured(then))
        }
        _ => Ok(()),
    }
}

fn tell(diagnosis: &Diagnosis, dry_run: bool) -> Result<(), Failure> {
    if diagnosis.findings.is_empty() {
        return output::print("Nothing is wrong with this node's data.\n");
    }
    for one in diagnosis.findings.iter().filter(|one| one.stays.is_none()) {
        output::print(&format!("wrong: {}\n  then: {}\n", one.what, one.then))?;
    }
    if dry_run && !diagnosis.steps.is_empty() {
        output::print("Nothing was changed. Without --dry-run this is done.\n")?;
    }
    Ok(())
}

fn diagnose(
    config: &Config,
    manifest: &Arc<Manifest>,
    args: &RecoverArgs,
) -> Result<Diagnosis, Failure> {
    let (dir, subnet) = (&config.data_dir, *manifest.subnet_id().as_bytes());
    let seen = inspect(dir, subnet, &[]).map_err(NodeError::from)?;
    if let Holder::Process(pid) = seen.holder {
        return Err(NodeError::from(OpenError::Locked { dir: dir.clone(), pid }).into());
    }
    let mut diagnosis = Diagnosis::default();
    parts(dir, manifest, &seen, &mut diagnosis)?;
    signing(&seen, &mut diagnosis);
    forks(&seen, args, &mut diagnosis)?;
    Ok(diagnosis)
}

/// Tables, certificate log and snapshots, each as a start finds it.
fn parts(
    dir: &Path,
    manifest: &Arc<Manifest>,
    seen: &Contents,
    diagnosis: &mut Diagnosis,
) -> Result<(), Failure> {
    let subnet = *manifest.subnet_id().as_bytes();
    match Store::open(dir, subnet) {
        Ok((store, found)) => {
            let (applied, certified) = (found.applied, found.certified.unwrap_or(0));
            if applied.unwrap_or(0).saturating_add(1) < certified {
                tables(diagnosis, &lagging(applied, certified));
            }
            let state = applied
                .filter(|applied| *applied > 0)
                .map(|applied| restart::stored_state(store.reader(), manifest, applied).map(drop));
            if let Some(Err(error)) = state {
                tables(diagnosis, &error.to_string());
            }
            let kept = store.reader().snapshots().epochs().map_err(NodeError::from)?;
            for epoch in kept {
                let held = snapshot(store.reader(), manifest, epoch).map_err(NodeError::from)?;
                if let Err(what) = held {
                    bad_snapshot(diagnosis, epoch, &what);
                }
            }
            drop(store);
            log(dir, subnet, diagnosis)
        }
        Err(OpenError::NotInitialised { dir }) if seen.groups.is_empty() => {
            Err(NodeError::from(OpenError::NotInitialised { dir }).into())
        }
        Err(error @ OpenError::Damaged { part: Part::State, .. }) => {
            tables(diagnosis, &error.to_string());
            log(dir, subnet, diagnosis)
        }
        Err(OpenError::Damaged { part: Part::CertificateLog, .. }) => {
            let before = diagnosis.findings.len();
            log(dir, subnet, diagnosis)?;
            if diagnosis.findings.len() == before {
                torn(diagnosis, "it ends before epochs that this node has applied or signed", seen);
            }
            Ok(())
        }
        Err(error) => Err(NodeError::from(error).into()),
    }
}

fn tables(diagnosis: &mut Diagnosis, what: &str) {
    diagnosis.found(
        format!("the tables (state/): {what}"),
        "they are put aside and made again from the certificate log and snapshots",
    );
    diagnosis.step(Step::SetAside("state".into()));
    diagnosis.step(Step::Rebuild);
}

fn bad_snapshot(diagnosis: &mut Diagnosis, epoch: u64, what: &str) {
    diagnosis.found(
        format!("the snapshot of epoch {epoch}: {what}"),
        "it is put aside; the node makes others",
    );
    diagnosis.step(Step::SetAside(format!("snapshots/{epoch:020}.snapshot")));
}

/// Every payload of the certificate log, also those that a start does not read.
fn log(dir: &Path, subnet: [u8; 32], diagnosis: &mut Diagnosis) -> Result<(), Failure> {
    let workshop = Workshop::open(dir, subnet).map_err(NodeError::from)?;
    let state = workshop.log_state().map_err(NodeError::from)?;
    let Some(damage) = state.damage else { return Ok(()) };
    let kept = match state.whole {
        Some((first, last)) => format!("epochs {first} to {last} are kept"),
        None => "no epoch of it can be kept".into(),
    };
    mend_log(diagnosis, &damage.to_string(), &kept);
    Ok(())
}

fn torn(diagnosis: &mut Diagnosis, what: &str, seen: &Contents) {
    let kept = match &seen.certificates {
        Ok(Some((first, last, _))) => format!("epochs {first} to {last} are kept"),
        _ => "no epoch of it can be kept".into(),
    };
    mend_log(diagnosis, what, &kept);
}

fn mend_log(diagnosis: &mut Diagnosis, what: &str, kept: &str) {
    diagnosis.found(
        format!("the certificate log: {what}"),
        format!(
            "a copy is put aside, {kept}, the tables are made again from them, and the other epochs come \
             from peers; until it is past the epoch that it signed last, the node signs nothing"
        ),
    );
    diagnosis.step(Step::MendLog);
    diagnosis.step(Step::SetAside("state".into()));
    diagnosis.step(Step::MarkAhead);
    diagnosis.step(Step::Rebuild);
}

/// What keeps a node silent needs no hand: it ends by itself, and only so is it safe.
fn signing(seen: &Contents, diagnosis: &mut Diagnosis) {
    let mark = seen.watermark.as_ref().ok().copied().flatten();
    if mark.is_some_and(|mark| mark.retired) {
        diagnosis.findings.push(Finding {
            what: "the signing history of this node was exported: its key may sign elsewhere"
                .into(),
            then: "If it never will: `ganglion keys history reinstate`.".into(),
            stays: Some(Code::RETIRED),
        });
        return;
    }
    match &seen.standing {
        Some(Standing::MuteUnknown) => diagnosis.found(
            "the watermark is gone or damaged: how far this node signed is unknown",
            "nothing has to be done: it follows silently until one whole epoch has passed, and signs from \
             the next one on",
        ),
        Some(Standing::MuteThrough { epoch }) if mark.is_some_and(|mark| mark.ahead) => diagnosis.found(
            format!("this node is silent through epoch {epoch}: its data begins again after it signed"),
            "nothing has to be done: it signs from the epoch after it on",
        ),
        Some(Standing::MuteThrough { epoch }) => diagnosis.found(
            format!("the agreement log of epoch {epoch} is not whole: what this node said there is unknown"),
            "nothing has to be done: it follows silently through that epoch, and signs from the next one on",
        ),
        Some(Standing::Whole { .. }) | None => {}
    }
}

fn forks(seen: &Contents, args: &RecoverArgs, diagnosis: &mut Diagnosis) -> Result<(), Failure> {
    for (epoch, proof) in &seen.forks {
        if args.clear_fork == Some(*epoch) && !proof {
            diagnosis.found(
                format!("the proof that epoch {epoch} has two certified cuts is damaged"),
                "it is put aside as you asked, and the node is frozen no more",
            );
            diagnosis.step(Step::SetAside(format!("fork-{epoch:020}")));
            continue;
        }
        let then = match proof {
            true => {
                "Nothing here can choose between them. Keep this directory: it is the proof of who signed \
                 both. The subnet's governance restarts it as a new subnet (`parent` in its manifest)."
                    .to_owned()
            }
            false => format!(
                "Ask other nodes (`GET /v1/forks`). If none of them knows of a fork of epoch {epoch}, the \
                 file is damage only: ganglion recover {} --clear-fork {epoch}",
                args.node.flag()
            ),
        };
        let kept = if *proof { "the proof holds" } else { "its proof is damaged" };
        let what = format!("epoch {epoch} has two certified cuts, and {kept}: the node is frozen");
        diagnosis.findings.push(Finding { what, then, stays: Some(Code::FORKED) });
    }
    match args.clear_fork {
        Some(epoch) if seen.forks.iter().all(|(one, _)| *one != epoch) => Err(Failure::input(
            Code::FORK_UNKNOWN,
            format!("no fork of epoch {epoch} is known here"),
        )),
        _ => Ok(()),
    }
}

/// Takes the steps and gives what was put aside.
fn mend(dir: &Path, manifest: &Arc<Manifest>, steps: &[Step]) -> Result<Vec<String>, Failure> {
    let subnet = *manifest.subnet_id().as_bytes();
    let mut kept = Vec::new();
    let mut rebuild = false;
    {
        let workshop = Workshop::open(dir, subnet).map_err(NodeError::from)?;
        for step in steps {
            match step {
                Step::SetAside(name) => {
                    let aside = workshop.set_aside(name).map_err(NodeError::from)?;
                    kept.extend(aside.map(|path| path.display().to_string()));
                }
                Step::MendLog => {
                    let aside = workshop.mend_log(false).map_err(NodeError::from)?.aside;
                    kept.extend(aside.map(|path| path.display().to_string()));
                }
                Step::MarkAhead => workshop.mark_ahead().map_err(NodeError::from)?,
                Step::Rebuild => rebuild = true,
            }
        }
    }
    if rebuild {
        kept.extend(remake(dir, manifest)?);
    }
    Ok(kept)
}

/// Makes the tables again; without a snapshot that leads on to the items of the log it begins with an empty log.
fn remake(dir: &Path, manifest: &Arc<Manifest>) -> Result<Option<String>, Failure> {
    let subnet = *manifest.subnet_id().as_bytes();
    let open = || -> Result<Result<(), RestartError>, Failure> {
        let (mut store, found) = Store::open(dir, subnet).map_err(NodeError::from)?;
        let made = restart::recover(&mut store, &found, manifest);
        Ok(made.map(|state| {
            output::note(&format!("The state after epoch {} is there.", state.epoch()))
        }))
    };
    match open()? {
        Ok(()) => Ok(None),
        Err(RestartError::NoSnapshot) => {
            output::note(
                "No snapshot here leads on to the items of the log: the node begins anew, and fetches all \
                 from its peers. `checkpoint` in node.toml makes that short.",
            );
            let workshop = Workshop::open(dir, subnet).map_err(NodeError::from)?;
            let aside = workshop.mend_log(true).map_err(NodeError::from)?.aside;
            workshop.set_aside("state").map_err(NodeError::from)?;
            workshop.mark_ahead().map_err(NodeError::from)?;
            drop(workshop);
            open()?.map_err(NodeError::from)?;
            Ok(aside.map(|path| path.display().to_string()))
        }
        Err(error) => Err(NodeError::from(error).into()),
    }
}
