//! Power loss, from what a real node really wrote.
//!
//! ```text
//!  a validator of a running subnet ── every write, sync and rename below its directory ──► trace    (recorder.c)
//!  its API, asked all the time ── "epoch 7 is certified", and when ──► what it has acknowledged
//!  trace up to any call ── un-synced part dropped, kept in part, or torn ──► a directory             (drive.rs)
//!  the directory ── the node's own start ──► held against what was acknowledged and signed by then
//! ```
//! Before that, the whole trace is played and compared with the directory that the node left: a write that the recorder
//! missed would show there.

mod drive;
mod trace;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail, ensure};
use ganglion::api::types::Status;
use ganglion::testnet::spec::Role;
use ganglion_storage::watermark::RoundCut;
use ganglion_storage::{Entry, OpenError, Standing, Watermark};

use self::drive::{Drive, Unsynced};
use self::trace::{Call, Recorded};
use crate::Options;
use crate::chance::Chance;
use crate::cluster::{Cluster, Size, note, pause};
use crate::preload;
use crate::reopen::{self, Held, Owner};
use crate::report::Report;

const RECORDER: &str = include_str!("recorder.c");
/// One in so many points is also tried with a process.
const PROCESS_EVERY: usize = 500;
/// Room and text that hold nothing.
const SKIP: [&str; 4] = ["ballast", "probe.new", "log", "worker"];
/// Failures that are told one by one.
const TOLD: usize = 20;

/// Loses power at `--count` points of the trace.
pub(crate) fn run(options: &Options) -> anyhow::Result<Report> {
    let points = options.rounds(300, 10_000);
    let epochs = if points > 1_000 { 70 } else { 6 };
    let mut report = Report::new("Loss of power at any write of the real binary");
    reopen::count_panics();
    let size = Size { epoch_ms: 2_000, ..Size::SMALL };
    let mut cluster = Cluster::new(options, "power-loss", size)?;
    let victim = *cluster.all(Role::Validator).first().context("no validator")?;
    let scratch = tempfile::Builder::new().prefix("ganglion-power-").tempdir()?;
    let lived = record(&mut cluster, victim, scratch.path(), epochs)?;
    let owner = Owner::of(&cluster, victim)?;
    let home = cluster.layout.node(&cluster.nodes[victim].record.name);
    lived.is_what_happened(&home, scratch.path())?;
    let last = scratch.path().join("last");
    reopen::copy(&home, &last)?;
    let held = {
        let resumed = owner.resume(&last).map_err(anyhow::Error::msg)??;
        Held::of(&resumed)?
    };
    let mut trial = Trial {
        drive: Drive::of(&lived.base)?,
        chance: Chance::new(options.seed),
        owner,
        held,
        said: BTreeMap::new(),
        seen: Seen::default(),
        dir: scratch.path().join("left"),
        home,
        victim,
    };
    trial.all(&mut cluster, &lived, points, &mut report)?;
    trial.tell(&lived, points, &mut report);
    Ok(report.end(None, &mut cluster))
}

/// A node's life on its disk.
struct Lived {
    /// The directory before.
    base: PathBuf,
    calls: Vec<Recorded>,
    /// When the API had shown an epoch as certified: nanoseconds since 1970, epoch.
    shown: Vec<(u64, u64)>,
}

/// Runs the subnet with a recorder in one node, until that has certified so many epochs, and kills everybody.
fn record(
    cluster: &mut Cluster,
    victim: usize,
    scratch: &Path,
    epochs: u64,
) -> anyhow::Result<Lived> {
    let library = preload::build(scratch, "recorder", RECORDER)?;
    let home = cluster.layout.node(&cluster.nodes[victim].record.name);
    let (base, trace) = (scratch.join("base"), scratch.join("trace"));
    reopen::copy(&home, &base)?;
    for at in 0..cluster.nodes.len() {
        cluster.start_with(at, |command| {
            if at == victim {
                command.env("LD_PRELOAD", &library);
                command.env("GANGLION_TRACE", &trace).env("GANGLION_TRACE_DIR", &home);
                // A snapshot now and then, so that its writes are among them.
                command.env("GANGLION_SNAPSHOT_EVERY", "4");
            }
        })?;
    }
    note(&format!("recording {epochs} epochs of one node"));
    let mut shown: Vec<(u64, u64)> = Vec::new();
    let client = cluster.client(victim)?;
    let limit =
        SystemTime::now() + Duration::from_millis((epochs + 10) * cluster.epoch_ms * 2 + 60_000);
    while shown.last().is_none_or(|(_, epoch)| *epoch < epochs) {
        if let Ok(status) = client.get::<Status>("/v1/status")
            && shown.last().map_or(0, |(_, epoch)| *epoch) < status.epoch
        {
            let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
            shown.push((u64::try_from(now.as_nanos())?, status.epoch));
        }
        if SystemTime::now() > limit || cluster.ended(victim).is_some() {
            bail!("epoch {epochs} did not come: {}", cluster.tail(victim));
        }
        pause(Duration::from_millis(10));
    }
    let everybody: Vec<usize> = (0..cluster.nodes.len()).collect();
    cluster.kill_all(&everybody)?;
    let calls = trace::read(&fs::read(&trace)?, &home)?;
    Ok(Lived { base, calls, shown })
}

impl Lived {
    /// Plays the whole trace and compares it with what the node left.
    fn is_what_happened(&self, home: &Path, scratch: &Path) -> anyhow::Result<()> {
        let mut drive = Drive::of(&self.base)?;
        for one in &self.calls {
            drive.apply(&one.call)?;
        }
        let played = scratch.join("played");
        drive.leave(&played, Unsynced::All, &SKIP, &mut Chance::new(0))?;
        let left = scratch.join("really");
        reopen::copy(home, &left)?;
        let compared = Command::new("diff").arg("-r").args([&played, &left]).output()?;
        let found = String::from_utf8_lossy(&compared.stdout).into_owned();
        ensure!(compared.status.success(), "the recorder missed something: {found}");
        reopen::remove(&played)?;
        Ok(reopen::remove(&left)?)
    }

    /// How many calls may have been done: any number but those that only fill room that is kept back.
    fn instants(&self) -> Vec<usize> {
        let mut idle = BTreeSet::new();
        let mut instants = vec![0];
        for (number, one) in self.calls.iter().enumerate() {
            match &one.call {
                Call::Open { path, inode, .. }
                    if SKIP.iter().any(|name| path == Path::new(name)) =>
                {
                    idle.insert(*inode);
                }
                Call::Open { inode, .. } => {
                    idle.remove(inode);
                }
                Call::Write { inode, .. } if idle.contains(inode) => continue,
                _ => {}
            }
            instants.push(number + 1);
        }
        instants
    }

    /// The last epoch that had been shown when this many calls were done.
    fn acknowledged(&self, calls: usize) -> u64 {
        let Some(last) = calls.checked_sub(1).and_then(|last| self.calls.get(last)) else {
            return 0;
        };
        let shown = self.shown.iter().take_while(|(when, _)| *when <= last.time).last();
        shown.map_or(0, |(_, epoch)| *epoch)
    }
}

/// What became of the points.
#[derive(Debug, Default)]
struct Seen {
    whole: usize,
    mute: usize,
    /// Starts that made the tables anew, by what was left of the un-synced part and what was wrong.
    rebuilt: BTreeMap<(Unsynced, String), usize>,
    before_first: usize,
    processes: usize,
    kept_nothing: usize,
    kept_all: usize,
    behind: usize,
    failures: usize,
}

struct Trial {
    drive: Drive,
    chance: Chance,
    owner: Owner,
    /// At the end of the trace.
    held: Held,
    /// Records of the agreement log by epoch and number, as some start has found them.
    said: BTreeMap<(u64, u64), Entry>,
    seen: Seen,
    dir: PathBuf,
    home: PathBuf,
    victim: usize,
}

impl Trial {
    fn all(
        &mut self,
        cluster: &mut Cluster,
        lived: &Lived,
        points: usize,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let instants = lived.instants();
        let mut places: Vec<usize> =
            (0..points).map(|_| instants[self.chance.index(instants.len())]).collect();
        places.sort_unstable();
        let mut done = 0;
        for (number, place) in places.into_iter().enumerate() {
            for one in &lived.calls[done..place] {
                self.drive.apply(&one.call)?;
            }
            done = place;
            let acknowledged = lived.acknowledged(place);
            let unsynced = match self.chance.below(8) {
                0 => Unsynced::Nothing,
                1 => Unsynced::All,
                _ => Unsynced::Some,
            };
            let process = number % PROCESS_EVERY == PROCESS_EVERY / 2;
            let found = if process {
                self.process(cluster, unsynced, acknowledged)?
            } else {
                self.point(unsynced, acknowledged)?
            };
            if let Err(what) = found {
                self.seen.failures += 1;
                if self.seen.failures <= TOLD {
                    report.failure(format!(
                        "point {number}, after {place} calls, {unsynced:?}: {what}"
                    ));
                }
            }
            if number % (points / 20).max(1) == 0 {
                note(&format!("{number} of {points} points, {} did not hold", self.seen.failures));
            }
        }
        Ok(())
    }

    /// What the synced watermark says, read as `docs/spec/storage.md` has it and by no code of the node.
    fn signed(&self) -> Option<Watermark> {
        let file = self.drive.durable(Path::new("watermark"))?;
        let long = |slot: &[u8], at: usize| {
            slot.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes)
        };
        let slots = [file.get(..154), file.get(4096..4096 + 154)];
        let newest = slots
            .into_iter()
            .flatten()
            .filter(|slot| slot.starts_with(b"GNGLWMRK"))
            .max_by_key(|slot| long(slot, 12))?;
        let cut_at = |at: usize, flag: u8| -> Option<RoundCut> {
            let round = u32::from_be_bytes(newest.get(at..at + 4)?.try_into().ok()?);
            let cut = newest.get(at + 4..at + 36)?.try_into().ok()?;
            (newest.get(33)? & flag != 0).then_some(RoundCut { round, cut })
        };
        Some(Watermark {
            locked: cut_at(34, 1),
            valid: cut_at(70, 2),
            epoch: long(newest, 20)?,
            round: u32::from_be_bytes(newest.get(28..32)?.try_into().ok()?),
            step: *newest.get(32)?,
            last_record: long(newest, 106)?,
            item_seq_reserved: long(newest, 114)?,
            ..Watermark::default()
        })
    }

    fn leave(&mut self, dir: &Path, unsynced: Unsynced) -> anyhow::Result<()> {
        reopen::remove(dir)?;
        match unsynced {
            Unsynced::Nothing => self.seen.kept_nothing += 1,
            Unsynced::All => self.seen.kept_all += 1,
            Unsynced::Some => {}
        }
        self.drive.leave(dir, unsynced, &SKIP, &mut self.chance)
    }

    /// One start in this process.
    fn point(
        &mut self,
        unsynced: Unsynced,
        acknowledged: u64,
    ) -> anyhow::Result<Result<(), String>> {
        let dir = self.dir.clone();
        self.leave(&dir, unsynced)?;
        let panics = reopen::panics();
        let mut resumed = match self.owner.resume(&dir) {
            Err(panic) => return Ok(Err(format!("it panicked: {panic}"))),
            Ok(Err(error)) => return Ok(Err(format!("it does not start: {error}"))),
            Ok(Ok(resumed)) => resumed,
        };
        if reopen::panics() > panics {
            return Ok(Err("a thread panicked".into()));
        }
        if let Err(what) = self.held.epochs_in(&resumed, acknowledged) {
            return Ok(Err(what));
        }
        self.seen.behind += usize::from(resumed.epoch > acknowledged);
        if let Some(why) = &resumed.rebuilt {
            *self.seen.rebuilt.entry((unsynced, in_words(why))).or_default() += 1;
        }
        let signed = self.signed();
        match &resumed.found.standing {
            Standing::Whole { .. } => self.seen.whole += 1,
            _ if signed.is_none() => self.seen.before_first += 1,
            _ => self.seen.mute += 1,
        }
        let said = signed.map_or_else(Vec::new, |signed| {
            let last = (signed.epoch, signed.last_record);
            self.said.range((signed.epoch, 0)..=last).map(|(_, entry)| entry.clone()).collect()
        });
        let held = Held { signed, said, ..Held::default() };
        if let Err(what) = held.contradicted_by(&mut resumed) {
            return Ok(Err(what));
        }
        if let (Standing::Whole { entries }, Some(mark)) =
            (&resumed.found.standing, resumed.found.watermark)
        {
            for entry in entries.iter().filter(|one| one.sequence <= mark.last_record) {
                self.said.entry((mark.epoch, entry.sequence)).or_insert_with(|| entry.clone());
            }
        }
        Ok(Ok(()))
    }

    /// The same with the binary, whose peers are gone: it says what it has, and signs to nobody.
    fn process(
        &mut self,
        cluster: &mut Cluster,
        unsynced: Unsynced,
        acknowledged: u64,
    ) -> anyhow::Result<Result<(), String>> {
        let home = self.home.clone();
        self.leave(&home, unsynced)?;
        self.seen.processes += 1;
        cluster.start(self.victim)?;
        let answers = cluster.wait(self.victim, Duration::from_secs(60), "its status", |client| {
            client.get::<Status>("/v1/status").is_ok_and(|status| status.epoch >= acknowledged)
        });
        let log = fs::read_to_string(home.join("log")).unwrap_or_default();
        cluster.kill(self.victim)?;
        Ok(match answers {
            Err(error) => Err(format!("the process: {error:#}")),
            Ok(_) if log.contains("panicked at") => Err(format!("the process panicked: {log}")),
            Ok(_) => Ok(()),
        })
    }

    fn tell(&self, lived: &Lived, points: usize, report: &mut Report) {
        let seen = &self.seen;
        let count =
            |wanted: fn(&Call) -> bool| lived.calls.iter().filter(|one| wanted(&one.call)).count();
        let writes = count(|call| matches!(call, Call::Write { .. }));
        let syncs = count(|call| matches!(call, Call::Sync { .. }));
        report.figure("epochs recorded", self.held.last());
        report.figure(
            "calls recorded",
            format!("{}, {writes} writes, {syncs} syncs", lived.calls.len()),
        );
        report.figure("different instants among them", lived.instants().len());
        report.figure("points", points);
        report.figure(
            "of these with nothing un-synced left, and with all of it",
            format!("{}, {}", seen.kept_nothing, seen.kept_all),
        );
        report.figure("tried with the binary, the others with its start alone", seen.processes);
        report.figure("goes on knowing all that it said", seen.whole);
        report.figure("had not signed yet", seen.before_first);
        report.figure("mute until an epoch has passed", seen.mute);
        report.figure("tables made again from the log", seen.rebuilt.values().sum::<usize>());
        for ((unsynced, why), count) in &seen.rebuilt {
            report.figure(&format!("{unsynced:?} un-synced left: {why}"), count);
        }
        report.figure("had more than was shown by then", seen.behind);
        report.figure("panics", reopen::panics());
        report.figure("lost, contradicted, or not started", seen.failures);
    }
}

/// What is wrong, without paths, offsets and whatever else differs from case to case.
fn in_words(error: &OpenError) -> String {
    let text = match error {
        OpenError::Damaged { damage, .. } => damage.to_string(),
        other => other.to_string(),
    };
    let line = text.lines().next().unwrap_or_default();
    let words: String = line.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect();
    words.chars().take(160).collect()
}
