//! Disks that are full, read-only or broken, under one validator of a subnet that goes on.
//!
//! ```text
//!  the victim's directory: a tmpfs of its own ─► filled, read-only ─► waits, signs nothing ─► room ──► signs again
//!                                             └► EIO, or at a start ─► ends with the cure ─► mended, started ─► signs
//! ```
//! What counts as signing is what others can prove: the victim's name in a certificate, or all lists in a cut.

mod small;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use ganglion::api::Client;
use ganglion::api::types::{EpochDetail, Status};
use ganglion::testnet::spec::Role;

use self::small::{Fault, SmallDisk};
use crate::Options;
use crate::cluster::{Cluster, LOOK, Size, note, pause};
use crate::figures::{millis, spread};
use crate::history::History;
use crate::namespaces::{self, Own};
use crate::report::Report;

/// What nodes get to notice, to end, to go on, and to sign again.
const LIMIT: Duration = Duration::from_secs(120);
/// What `/readyz` and the log say of a disk without room.
const WAITS: &str = "the disk takes no writes";
/// Epochs that the others have to certify meanwhile; the victim may have signed the first before.
const EPOCHS: u64 = 3;

/// What happens to the disk, and whether a running node finds out or one that starts. The quick set is one round of each.
const CASES: [(&str, Fault, bool); 6] = [
    ("full", Fault::Full, false),
    ("read-only", Fault::ReadOnly, false),
    ("full at a start", Fault::Full, true),
    ("EIO of a sync", Fault::Fails("sync"), false),
    ("EIO of a write", Fault::Fails("write"), false),
    ("EIO of a read at a start", Fault::Fails("read"), true),
];

/// What a case showed, over its rounds. Times are milliseconds.
#[derive(Debug, Default)]
struct Seen {
    rounds: usize,
    /// Whether the node waited and went on by itself.
    waited: bool,
    /// What a user saw.
    said: BTreeSet<String>,
    /// From the blow, or the start, until that was to be seen.
    noticed: Vec<u64>,
    /// Epochs of the others meanwhile.
    epochs: u64,
    /// From room, or the start on a mended disk, to `signing` in the status, to `/readyz` 200, and to what others can
    /// prove.
    signing: Vec<u64>,
    ready: Vec<u64>,
    signed: Vec<u64>,
}

/// Breaks a disk `--count` times, case by case.
pub(crate) fn run(options: &Options) -> anyhow::Result<Report> {
    namespaces::enter(Own::Mounts)?;
    let rounds = options.rounds(CASES.len(), 8 * CASES.len());
    let mut report = Report::new("Full, read-only and broken disks under a real node");
    let mut cluster = Cluster::new(options, "disk", Size::SMALL)?;
    let victim = *cluster.all(Role::Validator).first().context("no validator")?;
    let disk = SmallDisk::under(&cluster, victim)?;
    for at in 0..cluster.nodes.len() {
        if at == victim { disk.start(&mut cluster, at)? } else { cluster.start(at)? }
    }
    cluster.first_epoch()?;
    cluster.wait_ready(victim, LIMIT)?;
    let hotkey = cluster.client(victim)?.get::<Status>("/v1/status")?.hotkey;
    let log = cluster.layout.log(&cluster.nodes[victim].record.name);
    let mut trial = Trial { victim, hotkey, log, disk, history: History::default(), report };
    let mut seen: [Seen; CASES.len()] = Default::default();
    for round in 0..rounds {
        let case = round % CASES.len();
        let done = trial.round(&mut cluster, round, &mut seen[case]);
        if done.is_err() {
            trial.disk.keep()?;
            cluster.keep();
        }
        done?;
        note(&format!("disk {} of {rounds}: {}", round + 1, CASES[case].0));
    }
    trial.history.look(&cluster);
    trial.history.audit_all(&cluster);
    for ((name, ..), seen) in CASES.iter().zip(&seen) {
        trial.tell(name, seen);
    }
    report = trial.report;
    report.figure("epochs certified", trial.history.newest());
    if !report.held() {
        trial.disk.keep()?;
    }
    Ok(report.end(Some(trial.history), &mut cluster))
}

struct Trial {
    victim: usize,
    /// The victim's, SS58.
    hotkey: String,
    log: PathBuf,
    disk: SmallDisk,
    history: History,
    report: Report,
}

impl Trial {
    fn round(
        &mut self,
        cluster: &mut Cluster,
        round: usize,
        seen: &mut Seen,
    ) -> anyhow::Result<()> {
        let (name, fault, at_start) = CASES[round % CASES.len()];
        let written = self.logged(0).len();
        if at_start {
            cluster.kill(self.victim)?;
        }
        let mut blow = Instant::now();
        self.disk.strike(fault)?;
        if at_start {
            blow = Instant::now();
            self.disk.start(cluster, self.victim)?;
        }
        let (waits, told) = self.told(cluster, written)?;
        let expected = matches!(fault, Fault::Full | Fault::ReadOnly);
        self.report.demand(at_start || waits == expected, || {
            format!("{name}: it {}: {told}", if waits { "waits" } else { "ended" })
        });
        seen.noticed.push(millis(blow.elapsed()));
        seen.said.insert(told.replace(&self.disk.dir.display().to_string(), "DIR"));
        seen.waited = waits;
        self.history.look(cluster);
        let before = self.history.newest();
        self.goes_on_without(cluster, name, before)?;
        if waits {
            self.still_waits(cluster, name, written, before)?;
        }
        seen.epochs += self.history.newest() - before;
        self.disk.mend(fault)?;
        let room = Instant::now();
        if !waits {
            cluster.kill(self.victim)?;
            self.disk.start(cluster, self.victim)?;
        }
        self.signs_again(cluster, room, seen)?;
        seen.rounds += 1;
        let aside = self.disk.aside()?;
        self.report.demand(aside == 0, || format!("{name}: {aside} parts were put aside"));
        if waits {
            let suspended = self.suspended(cluster)?;
            self.report.demand(suspended == "0", || {
                format!("{name}: ganglion_store_suspended stays {suspended}")
            });
        }
        Ok(())
    }

    /// Whether the node waits for its disk or ended, once it did either, and what a user sees then.
    fn told(&self, cluster: &mut Cluster, written: usize) -> anyhow::Result<(bool, String)> {
        let began = Instant::now();
        loop {
            if let Some(how) = cluster.ended(self.victim) {
                return Ok((false, self.last_words(&how, written)?));
            }
            let ready = cluster.readiness(self.victim);
            let reasons = ready.map(|ready| ready.reasons.join("; ")).unwrap_or_default();
            if reasons.contains(WAITS) {
                let status = status_of(&cluster.client(self.victim)?, "/readyz")?;
                let suspended = self.suspended(cluster)?;
                let said = format!("{reasons} ganglion_store_suspended {suspended}");
                return Ok((true, format!("/readyz {status}: {said}")));
            }
            ensure!(began.elapsed() < LIMIT, "it says nothing: {}", cluster.tail(self.victim));
            pause(LOOK);
        }
    }

    /// What a process said when it ended: a documented exit code, and a cure.
    fn last_words(&self, how: &str, written: usize) -> anyhow::Result<String> {
        let said = self.logged(written);
        ensure!(!said.contains("panicked at"), "it panicked: {said}");
        let part = |start: &str| said.lines().find_map(|line| line.strip_prefix(start));
        let (error, help) = (part("error["), part("  help: "));
        let help = help.with_context(|| format!("it ended without a cure, {how}: {said}"))?;
        ensure!(how == "exit code 3", "it ended with {how}: {said}");
        Ok(format!("{how}; error[{}; help: {help}", error.unwrap_or_default()))
    }

    /// The others certify on, and nothing in it is the victim's.
    fn goes_on_without(
        &mut self,
        cluster: &mut Cluster,
        name: &str,
        before: u64,
    ) -> anyhow::Result<()> {
        let goal = before + EPOCHS;
        let others: Vec<usize> = (0..cluster.nodes.len()).filter(|at| *at != self.victim).collect();
        let validators = cluster.all(Role::Validator).len();
        for at in &others {
            cluster.wait(
                *at,
                LIMIT,
                &format!("epoch {goal} with {name:?} elsewhere"),
                |client| {
                    client.get::<Status>("/v1/status").is_ok_and(|status| status.epoch >= goal)
                },
            )?;
        }
        self.history.look(cluster);
        for at in &others {
            let client = cluster.client(*at)?;
            for epoch in before + 2..=goal {
                let signed = signed(&client, epoch, &self.hotkey, validators)?;
                self.report.demand(!signed, || format!("{name}: it signed epoch {epoch}"));
            }
        }
        Ok(())
    }

    /// It did not go on, it says so, and it shows what it has.
    fn still_waits(
        &mut self,
        cluster: &Cluster,
        name: &str,
        written: usize,
        before: u64,
    ) -> anyhow::Result<()> {
        let client = cluster.client(self.victim)?;
        let status: Status = client.get("/v1/status")?;
        self.report.demand(!status.signing, || format!("{name}: it says that it signs"));
        self.report.demand(status.epoch <= before + 1, || {
            format!("{name}: it went on to epoch {} from {before}", status.epoch)
        });
        let suspended = self.suspended(cluster)?;
        self.report.demand(suspended == "1", || {
            format!("{name}: ganglion_store_suspended is {suspended} while it waits")
        });
        let said = self.logged(written).contains(WAITS);
        self.report.demand(said, || format!("{name}: the log says nothing of the disk"));
        // Whatever it shows is compared with what was shown before.
        self.history.audit(cluster, self.victim);
        let read = client.get::<EpochDetail>(&format!("/v1/epochs/{}", status.epoch));
        self.report.demand(read.is_ok(), || {
            format!("{name}: epoch {} is not to be read: {read:?}", status.epoch)
        });
        Ok(())
    }

    /// Waits until others can prove that it signs.
    fn signs_again(
        &mut self,
        cluster: &mut Cluster,
        room: Instant,
        seen: &mut Seen,
    ) -> anyhow::Result<()> {
        self.history.look(cluster);
        let from = self.history.newest() + 1;
        let validators = cluster.all(Role::Validator).len();
        let client = cluster.client(self.victim)?;
        let (mut signing, mut ready, mut proven) = (None, None, None);
        while proven.is_none() || signing.is_none() || ready.is_none() {
            let took = || millis(room.elapsed());
            if client.get::<Status>("/v1/status").is_ok_and(|status| status.signing) {
                signing.get_or_insert_with(took);
            }
            if client.readiness().is_ok_and(|ready| ready.ready) {
                ready.get_or_insert_with(took);
            }
            self.history.look(cluster);
            let newest = self.history.newest();
            let shown = |at: usize| {
                let client = cluster.client(at).ok()?;
                let signed = |epoch| signed(&client, epoch, &self.hotkey, validators);
                (from..=newest).any(|epoch| signed(epoch).is_ok_and(|yes| yes)).then(took)
            };
            proven = proven.or_else(|| (0..cluster.nodes.len()).find_map(shown));
            if let Some(how) = cluster.ended(self.victim) {
                anyhow::bail!("it ended again, {how}: {}", cluster.tail(self.victim));
            }
            ensure!(room.elapsed() < LIMIT, "it does not sign: {}", cluster.tail(self.victim));
            pause(LOOK);
        }
        seen.signing.extend(signing);
        seen.ready.extend(ready);
        seen.signed.extend(proven);
        Ok(())
    }

    fn suspended(&self, cluster: &Cluster) -> anyhow::Result<String> {
        let page = cluster.client(self.victim)?.get_text("/metrics")?;
        let line = page.lines().find_map(|line| line.strip_prefix("ganglion_store_suspended "));
        Ok(line.context("there is no ganglion_store_suspended")?.to_owned())
    }

    /// What its log says behind so many bytes.
    fn logged(&self, written: usize) -> String {
        let all = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(all.get(written..).unwrap_or_default()).into_owned()
    }

    fn tell(&mut self, name: &str, seen: &Seen) {
        if seen.rounds == 0 {
            return;
        }
        let (to, again) =
            if seen.waited { ("503", "room") } else { ("its end", "the start on a mended disk") };
        let mut figure = |what: &str, value: String| {
            self.report.figure(&format!("{name}: {what}"), value);
        };
        figure(
            "rounds, epochs of the others meanwhile",
            format!("{}, {}", seen.rounds, seen.epochs),
        );
        for said in &seen.said {
            figure("what the user saw", said.replace('\n', " "));
        }
        figure(&format!("from the blow to {to}"), spread(&seen.noticed));
        figure(&format!("from {again} to `signing`"), spread(&seen.signing));
        figure(&format!("from {again} to /readyz 200"), spread(&seen.ready));
        figure(&format!("from {again} to a signature that others hold"), spread(&seen.signed));
    }
}

/// Whether an epoch, as a node has it, holds a signature of this hotkey: its vote, or its list among all.
fn signed(client: &Client, epoch: u64, hotkey: &str, validators: usize) -> anyhow::Result<bool> {
    let detail: EpochDetail = client.get(&format!("/v1/epochs/{epoch}"))?;
    Ok(detail.signed_by.iter().any(|one| one == hotkey) || detail.summary.lists >= validators)
}

/// The status of an answer, whatever it says.
fn status_of(client: &Client, path: &str) -> anyhow::Result<u16> {
    let host = client.base().trim_start_matches("http://");
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    let text = std::str::from_utf8(&head)?;
    text.strip_prefix("HTTP/1.1 ").context("no HTTP")?.parse().context("no status")
}
