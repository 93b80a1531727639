//! Damage to any one file of a data directory.
//!
//! ```text
//!  a validator of a running subnet, stopped ─► a copy for each case ─► one thing damaged ─► the node's own start
//!                                                                                       └► `ganglion recover` if it says so
//!  every tenth case, and each that damages settings: the process itself, in its subnet, on its one directory
//! ```
//! A start without a network is the node's own ([`ganglion::node::resume`]). In the subnet the damage befalls the
//! directory that the node goes on with, for a copy that is started twice would contradict itself.

mod damage;
mod living;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use ganglion::api::types::Status;
use ganglion::cli::exit::Failure;
use ganglion::testnet::process;
use ganglion::testnet::spec::Role;
use ganglion_persist::verify::verify;
use ganglion_storage::Standing;

use self::damage::{Damage, Kind};
use self::living::Living;
use crate::Options;
use crate::chance::Chance;
use crate::cluster::{Cluster, Size, note};
use crate::reopen::{self, Held, Owner};
use crate::report::Report;

/// One in so many cases is tried with the process in its subnet.
const LIVING_EVERY: usize = 10;
/// Failures that are told one by one.
const TOLD: usize = 20;

/// How a case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Unharmed,
    FromLog,
    FromPeers,
    Mute,
    SaidWhenRead,
    Frozen,
    Refused,
    /// Settings that say something else now: they are a person's, and have no checksum.
    OtherSettings,
}

impl End {
    const fn name(self) -> &'static str {
        match self {
            Self::Unharmed => "starts, nothing that counts was hit",
            Self::FromLog => "starts, repaired from the log",
            Self::FromPeers => "ends with the cure, after which what was lost comes from peers",
            Self::Mute => "starts, mute for as long as it must",
            Self::SaidWhenRead => "starts, says what is damaged when that is read, and is mended",
            Self::Frozen => "starts, and says that it is frozen",
            Self::Refused => "ends with the cure, which helped",
            Self::OtherSettings => "runs with the settings as they are now",
        }
    }
}

/// Damages `--count` directories.
pub(crate) fn run(options: &Options) -> anyhow::Result<Report> {
    let cases = options.rounds(40, 1_000);
    let epochs = if cases > 500 { 20 } else { 8 };
    let mut report = Report::new("Damage to files of the real binary");
    reopen::count_panics();
    let size = Size { epoch_ms: 2_000, ..Size::SMALL };
    let mut cluster = Cluster::new(options, "corruption", size)?;
    let victim = *cluster.all(Role::Validator).first().context("no validator")?;
    let scratch = tempfile::Builder::new().prefix("ganglion-damage-").tempdir()?;
    let (older, whole) = (scratch.path().join("older"), scratch.path().join("whole"));
    let home = cluster.layout.node(&cluster.nodes[victim].record.name);
    for at in 0..cluster.nodes.len() {
        start(&mut cluster, at)?;
    }
    note(&format!("{epochs} epochs are certified first"));
    for (epoch, copy) in [(epochs / 2, &older), (epochs, &whole)] {
        until_epoch(&mut cluster, victim, epoch)?;
        cluster.kill(victim)?;
        reopen::copy(&home, copy)?;
        start(&mut cluster, victim)?;
    }
    let owner = Owner::of(&cluster, victim)?;
    let dir = scratch.path().join("case");
    reopen::copy(&whole, &dir)?;
    let held = Held::of(&owner.resume(&dir).map_err(anyhow::Error::msg)??)?;
    let mut trial = Trial {
        owner,
        held,
        whole,
        dir,
        older,
        chance: Chance::new(options.seed),
        living: Living::new(victim, home),
        ends: BTreeMap::new(),
        kinds: BTreeMap::new(),
        failures: 0,
        alone: 0,
    };
    for number in 0..cases {
        trial.case(&mut cluster, number, &mut report)?;
        if number % (cases / 20).max(1) == 0 {
            note(&format!("{number} of {cases} cases, {} did not hold", trial.failures));
        }
    }
    trial.tell(cases, &mut report);
    let history = trial.living.finish(&mut cluster, &mut report)?;
    Ok(report.end(Some(history), &mut cluster))
}

/// With a snapshot now and then, so that there are some to damage.
fn start(cluster: &mut Cluster, at: usize) -> anyhow::Result<()> {
    cluster.start_with(at, |command| {
        command.env("GANGLION_SNAPSHOT_EVERY", "4");
    })
}

fn until_epoch(cluster: &mut Cluster, at: usize, epoch: u64) -> anyhow::Result<()> {
    let limit = Duration::from_millis(cluster.epoch_ms * (epoch + 10) * 2 + 60_000);
    cluster.wait(at, limit, &format!("epoch {epoch}"), |client| {
        client.get::<Status>("/v1/status").is_ok_and(|status| status.epoch >= epoch)
    })?;
    Ok(())
}

struct Trial {
    owner: Owner,
    held: Held,
    whole: PathBuf,
    dir: PathBuf,
    older: PathBuf,
    chance: Chance,
    living: Living,
    ends: BTreeMap<End, usize>,
    kinds: BTreeMap<Kind, usize>,
    failures: usize,
    alone: usize,
}

impl Trial {
    fn case(
        &mut self,
        cluster: &mut Cluster,
        number: usize,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let living = number % LIVING_EVERY == LIVING_EVERY - 1;
        if living {
            self.living.stop(cluster)?;
        }
        let root = if living { &self.living.home } else { &self.whole };
        let mut damage = Damage::draw(root, &self.older, &mut self.chance)?;
        *self.kinds.entry(damage.kind).or_default() += 1;
        let process = living || damage.hits_settings();
        if process && !living {
            self.living.stop(cluster)?;
            damage = damage.moved_to(&self.living.home)?;
        }
        let end = if process {
            self.living.case(cluster, &damage, &self.older)?
        } else {
            self.alone += 1;
            self.alone(cluster, &damage)?
        };
        match end {
            Ok(end) => *self.ends.entry(end).or_default() += 1,
            Err(what) => {
                self.failures += 1;
                let how = if process { "process" } else { "start" };
                let sentence = format!("case {number} ({how}), {damage}: {what}");
                note(&sentence);
                if self.failures <= TOLD {
                    report.failure(sentence);
                }
            }
        }
        Ok(())
    }

    /// A start in this process, of a copy.
    fn alone(&mut self, cluster: &Cluster, damage: &Damage) -> anyhow::Result<Result<End, String>> {
        reopen::remove(&self.dir)?;
        reopen::copy(&self.whole, &self.dir)?;
        damage.inflict(&self.dir, &self.older)?;
        let panics = reopen::panics();
        let end = self.start(cluster)?;
        if reopen::panics() > panics {
            return Ok(Err("a thread panicked".into()));
        }
        Ok(end)
    }

    fn start(&self, cluster: &Cluster) -> anyhow::Result<Result<End, String>> {
        let mut resumed = match self.owner.resume(&self.dir) {
            Err(panic) => return Ok(Err(format!("it panicked: {panic}"))),
            Ok(Ok(resumed)) => resumed,
            Ok(Err(error)) => {
                let told = Failure::from(error).render();
                if !told.contains("\n  help: ") {
                    return Ok(Err(format!("it ends without a cure: {told}")));
                }
                return self.mended(cluster, &told, End::Refused);
            }
        };
        let last = self.held.last();
        let unreadable = match self.held.epochs_in(&resumed, last) {
            Ok(unreadable) => unreadable,
            Err(what) => return Ok(Err(what)),
        };
        if let Err(what) = self.held.contradicted_by(&mut resumed) {
            return Ok(Err(what));
        }
        if resumed.forks > 0 {
            return Ok(Ok(End::Frozen));
        }
        let found = verify(resumed.store.reader(), &self.owner.manifest, &mut |_, _, _| {})?;
        if unreadable > 0 || !found.wrong.is_empty() {
            drop(resumed);
            return self.mended(cluster, &format!("{:?}", found.wrong), End::SaidWhenRead);
        }
        if resumed.rebuilt.is_some() || resumed.found.applied < Some(last) {
            return Ok(Ok(End::FromLog));
        }
        let whole = matches!(resumed.found.standing, Standing::Whole { .. });
        Ok(Ok(if whole { End::Unharmed } else { End::Mute }))
    }

    /// Takes the cure, `ganglion recover`, and starts again.
    fn mended(
        &self,
        cluster: &Cluster,
        told: &str,
        end: End,
    ) -> anyhow::Result<Result<End, String>> {
        let recovered = recover(cluster, &self.dir)?;
        let mut again = match self.owner.resume(&self.dir) {
            Err(panic) => return Ok(Err(format!("it panicked after the cure: {panic}"))),
            Ok(Err(error)) => {
                return Ok(Err(format!("the cure did not help: {error}; {told}; {recovered}")));
            }
            Ok(Ok(again)) => again,
        };
        if let Err(what) = self.held.contradicted_by(&mut again) {
            return Ok(Err(format!("after the cure: {what}")));
        }
        let found = verify(again.store.reader(), &self.owner.manifest, &mut |_, _, _| {})?;
        if !found.wrong.is_empty() {
            return Ok(Err(format!("after the cure: {:?}; {told}; {recovered}", found.wrong)));
        }
        Ok(Ok(if again.epoch < self.held.last() { End::FromPeers } else { end }))
    }

    fn tell(&self, cases: usize, report: &mut Report) {
        let files = damage::files(&self.whole).map_or(0, |files| files.len());
        report.figure("cases", cases);
        report.figure("epochs certified before the damage", self.held.last());
        report.figure("files in the directory", files);
        report.figure("tried with the node's start in this process", self.alone);
        report.figure("tried with the process in its subnet", cases - self.alone);
        for kind in Kind::ALL {
            report.figure(kind.name(), self.kinds.get(&kind).copied().unwrap_or(0));
        }
        for (end, count) in &self.ends {
            report.figure(end.name(), count);
        }
        report.figure("panics", reopen::panics());
        report.figure("lost silently, contradicted, hung, or without a cure", self.failures);
    }
}

/// `ganglion recover`: what it said.
fn recover(cluster: &Cluster, dir: &Path) -> anyhow::Result<String> {
    let output = process::command(&cluster.binary, &cluster.layout)
        .into_std()
        .args(["recover", "--data-dir"])
        .arg(dir)
        .output()?;
    let text = [output.stdout, output.stderr].concat();
    let how = process::how(output.status);
    Ok(format!("{how}: {}", String::from_utf8_lossy(&text).trim()))
}

/// The part of a log that was written since it had so many bytes.
fn log_since(path: &Path, bytes: u64) -> String {
    let all = fs::read(path).unwrap_or_default();
    let from = usize::try_from(bytes).unwrap_or(0).min(all.len());
    String::from_utf8_lossy(&all[from..]).into_owned()
}
