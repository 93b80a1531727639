//! What a trial showed, for people and programs.

use std::fmt;
use std::process::Command;
use std::time::Duration;

use serde::Serialize;

use crate::cluster::Cluster;
use crate::history::History;

/// `ganglion/soak/1`.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    schema: &'static str,
    /// The trial, in words.
    title: String,
    /// The command that was given.
    command: String,
    /// The commit that the source was at, with `+` if it was changed.
    commit: String,
    /// Processors, the load average of a minute before and after, and how long it took.
    machine: String,
    /// What was done and seen, in order.
    figures: Vec<(String, String)>,
    /// What did not hold.
    failures: Vec<String>,
}

impl Report {
    pub(crate) fn new(title: &str) -> Self {
        Self {
            schema: "ganglion/soak/1",
            title: title.into(),
            command: command(),
            commit: commit(),
            machine: String::new(),
            figures: Vec::new(),
            failures: Vec::new(),
        }
    }

    pub(crate) fn figure(&mut self, name: &str, value: impl ToString) {
        self.figures.push((name.into(), value.to_string()));
    }

    pub(crate) fn failure(&mut self, sentence: impl Into<String>) {
        self.failures.push(sentence.into());
    }

    /// Fails the trial unless it holds.
    pub(crate) fn demand(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.failure(otherwise());
        }
    }

    pub(crate) const fn held(&self) -> bool {
        self.failures.is_empty()
    }

    /// The end of every trial: what contradicts its history, if it kept one, is a failure, and with any failure the
    /// directories stay.
    pub(crate) fn end(mut self, history: Option<History>, cluster: &mut Cluster) -> Self {
        if let Some(History { contradictions, .. }) = history {
            self.figure("certified epochs lost or changed, contradictions", contradictions.len());
            self.failures.extend(contradictions);
        }
        if !self.held() {
            cluster.keep();
        }
        self
    }

    /// `before` is the load when it began, `took` how long it ran.
    pub(crate) fn machine(&mut self, before: &str, took: Duration) {
        let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
        let after = load();
        let seconds = took.as_secs();
        self.machine = format!(
            "{cores} processors, load average {before} before and {after} after, {seconds} s"
        );
    }

    /// As a page of `docs/evidence/`.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("# {}\n\n```text\n{}\n```\n", self.title, self.command);
        text += &format!("At commit {}; {}.\n\n| | |\n|---|---|\n", self.commit, self.machine);
        for (name, value) in &self.figures {
            text += &format!("| {name} | {} |\n", value.replace('|', "\\|"));
        }
        let end = if self.held() { "Everything held.\n" } else { "What did not hold:\n\n" };
        text += &format!("\n{end}");
        for failure in &self.failures {
            text += &format!("* {failure}\n");
        }
        text
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        let width = self.figures.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, value) in &self.figures {
            writeln!(f, "  {name:width$}  {value}")?;
        }
        writeln!(f, "  {:width$}  {}", "machine", self.machine)?;
        for failure in &self.failures {
            writeln!(f, "NOT HELD  {failure}")?;
        }
        write!(f, "{}", if self.held() { "held" } else { "not held" })
    }
}

/// As it can be typed: the program without its directory.
fn command() -> String {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    format!("target/{profile}/ganglion-soak {}", arguments.join(" "))
}

fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let changed = git(&["status", "--porcelain"]).is_some_and(|list| !list.is_empty());
    let commit = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".into());
    format!("{commit}{}", if changed { "+" } else { "" })
}

/// The load average of the last minute.
pub(crate) fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_holds_until_something_fails_and_says_so_in_every_form() {
        let mut report = Report::new("Trial");
        report.figure("rounds", 3);
        report.demand(true, || "nothing".into());
        assert!(report.held());
        assert!(report.to_string().ends_with("\nheld"));
        report.demand(1 > 2, || "1 is not above 2".into());
        assert!(!report.held());
        assert!(
            report.markdown().contains("| rounds | 3 |")
                && report.markdown().contains("* 1 is not above 2")
        );
        assert!(report.to_string().contains("NOT HELD  1 is not above 2"));
    }
}
