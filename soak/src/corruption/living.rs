//! Damage to the directory of a node that goes on in its subnet.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ganglion::api::types::Status;

use super::damage::{Damage, Kind};
use super::{End, log_since, recover, start, until_epoch};
use crate::cluster::{Cluster, pause};
use crate::history::History;
use crate::report::Report;

/// What a start gets until it answers or ends.
const LIMIT: Duration = Duration::from_secs(60);
/// The same, where the settings may name another port.
const SETTINGS_LIMIT: Duration = Duration::from_secs(10);

/// The node that is damaged again and again, and what the subnet has certified.
pub(super) struct Living {
    at: usize,
    pub(super) home: PathBuf,
    history: History,
    /// Ends with a cure, by exit code.
    refusals: BTreeMap<String, usize>,
}

/// How a start went on.
enum Started {
    Answers,
    /// In this way.
    Ended(String),
    Silent,
}

impl Living {
    pub(super) fn new(at: usize, home: PathBuf) -> Self {
        Self { at, home, history: History::default(), refusals: BTreeMap::new() }
    }

    /// Stops the node.
    pub(super) fn stop(&mut self, cluster: &mut Cluster) -> anyhow::Result<()> {
        self.history.look(cluster);
        cluster.kill(self.at)
    }

    /// Stops the node, damages its directory, starts it, takes the cure if there is one, and waits until it is where
    /// the subnet is.
    pub(super) fn case(
        &mut self,
        cluster: &mut Cluster,
        damage: &Damage,
        older: &Path,
    ) -> anyhow::Result<Result<End, String>> {
        self.stop(cluster)?;
        let path = self.home.join(&damage.file);
        let before = fs::read(&path)?;
        damage.inflict(&self.home, older)?;
        let end = self.start(cluster, damage)?;
        if end.is_err() {
            return Ok(end);
        }
        // What a person wrote is put right by the person.
        if damage.hits_settings() {
            cluster.kill(self.at)?;
            fs::write(&path, before)?;
            start(cluster, self.at)?;
        }
        if let Err(error) = until_epoch(cluster, self.at, self.history.newest()) {
            return Ok(Err(format!("it does not come back: {error:#}")));
        }
        if damage.kind == Kind::Stray {
            // It may have been taken away already.
            let _ = fs::remove_file(self.home.join(damage.stray()));
        }
        let known = self.history.contradictions.len();
        self.history.audit(cluster, self.at);
        if self.history.contradictions.len() > known {
            return Ok(Err(self.history.contradictions[known..].join("; ")));
        }
        Ok(end)
    }

    fn start(
        &mut self,
        cluster: &mut Cluster,
        damage: &Damage,
    ) -> anyhow::Result<Result<End, String>> {
        let log = self.home.join("log");
        let written = fs::metadata(&log).map_or(0, |meta| meta.len());
        start(cluster, self.at)?;
        let limit = if damage.hits_settings() { SETTINGS_LIMIT } else { LIMIT };
        let started = self.await_start(cluster, limit)?;
        let said = log_since(&log, written);
        if said.contains("panicked at") {
            return Ok(Err(format!("it panicked: {said}")));
        }
        match started {
            Started::Answers => self.running(cluster, damage, &said).map(Ok),
            Started::Silent if damage.hits_settings() => Ok(Ok(End::OtherSettings)),
            Started::Silent => Ok(Err(format!("it neither answers nor ends: {said}"))),
            Started::Ended(how) => {
                let coded = (1..=4).any(|code| how == format!("exit code {code}"));
                if !coded || !said.contains("  help: ") {
                    return Ok(Err(format!("it ended without a cure, {how}: {said}")));
                }
                *self.refusals.entry(how).or_default() += 1;
                if damage.hits_settings() { Ok(Ok(End::Refused)) } else { self.mend(cluster) }
            }
        }
    }

    /// Takes the cure.
    fn mend(&self, cluster: &mut Cluster) -> anyhow::Result<Result<End, String>> {
        cluster.kill(self.at)?;
        let told = recover(cluster, &self.home)?;
        start(cluster, self.at)?;
        match self.await_start(cluster, LIMIT)? {
            Started::Answers => {}
            Started::Ended(how) => {
                return Ok(Err(format!("the cure did not help, {how}: {told}")));
            }
            Started::Silent => return Ok(Err(format!("silent after the cure: {told}"))),
        }
        let lost = told.contains("come from peers");
        Ok(Ok(if lost { End::FromPeers } else { End::Refused }))
    }

    fn running(&self, cluster: &Cluster, damage: &Damage, said: &str) -> anyhow::Result<End> {
        let status: Option<Status> = cluster.client(self.at)?.get("/v1/status").ok();
        let mute = status.is_some_and(|status| !status.signing);
        Ok(if said.contains("rebuilding from the certificate log") {
            End::FromLog
        } else if damage.hits_settings() {
            End::OtherSettings
        } else if mute && damage.hits_signing() {
            End::Mute
        } else {
            End::Unharmed
        })
    }

    fn await_start(&self, cluster: &mut Cluster, limit: Duration) -> anyhow::Result<Started> {
        let client = cluster.client(self.at)?;
        let began = Instant::now();
        loop {
            if let Some(how) = cluster.ended(self.at) {
                return Ok(Started::Ended(how));
            }
            if client.get::<Status>("/v1/status").is_ok() {
                return Ok(Started::Answers);
            }
            if began.elapsed() > limit {
                return Ok(Started::Silent);
            }
            pause(Duration::from_millis(50));
        }
    }

    /// The subnet has gone on, the node signs again, and nobody has contradicted itself.
    pub(super) fn finish(
        mut self,
        cluster: &mut Cluster,
        report: &mut Report,
    ) -> anyhow::Result<History> {
        if cluster.ended(self.at).is_some() {
            cluster.kill(self.at)?;
            start(cluster, self.at)?;
        }
        cluster.wait_ready(self.at, Duration::from_secs(120))?;
        self.history.look(cluster);
        self.history.audit_all(cluster);
        report.figure("epochs certified while it was damaged", self.history.newest());
        let codes: Vec<String> =
            self.refusals.iter().map(|(how, count)| format!("{how}: {count}")).collect();
        report.figure("ends of the process with the cure", codes.join(", "));
        Ok(self.history)
    }
}
