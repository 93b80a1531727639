//! What hinders a node, and how to mend it: `ganglion doctor`.
//!
//! ```text
//! settings ─► manifest, key, files ─► machine ─► network ─► worker, anchors ─► the running node
//! ```
//! Each part adds findings to one report and changes nothing, but for a file of a few bytes that it writes
//! into the data directory and removes. A part that cannot be looked at because an earlier one is missing is left out.

mod files;
mod machine;
mod network;
mod parts;
mod running;

use ed25519_dalek::SigningKey;
use ganglion_types::{Hotkey, Manifest};
use serde::Serialize;

use crate::config::{self, Config, ConfigArgs};
use crate::fault::{Code, Curable};
use crate::home::Home;
use crate::keys::KeyPair;

/// How much a finding hinders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Looked at, and well.
    Good,
    /// Worth knowing.
    Note,
    /// Works now, and may not for long, or not as well as it could.
    Warning,
    /// The node does not start, does not do its part, or earns nothing.
    Error,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable word for programs: of a warning or an error its code, see `docs/ERRORS.md`.
    pub code: &'static str,
    /// How much it hinders.
    pub level: Level,
    /// What was seen.
    pub sentence: String,
    /// What to do; always there for warnings and errors.
    pub cure: Option<String>,
}

/// All that was seen, in the order in which it was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The findings.
    pub findings: Vec<Finding>,
}

impl Report {
    fn good(&mut self, code: &'static str, sentence: impl Into<String>) {
        self.add(Level::Good, code, sentence.into(), None);
    }

    fn note(&mut self, code: &'static str, sentence: impl Into<String>) {
        self.add(Level::Note, code, sentence.into(), None);
    }

    fn warning(&mut self, code: Code, sentence: impl Into<String>) {
        self.warning_cured(code, sentence, code.cure());
    }

    fn warning_cured(&mut self, code: Code, sentence: impl Into<String>, cure: impl Into<String>) {
        self.add(Level::Warning, code.name(), sentence.into(), Some(cure.into()));
    }

    fn error(&mut self, code: Code, sentence: impl Into<String>) {
        self.error_cured(code, sentence, code.cure());
    }

    fn error_cured(&mut self, code: Code, sentence: impl Into<String>, cure: impl Into<String>) {
        self.add(Level::Error, code.name(), sentence.into(), Some(cure.into()));
    }

    /// Every sentence of an error with its cure.
    fn failed(&mut self, code: Code, error: &impl Curable) {
        for told in error.each() {
            self.error_cured(code, told.sentence, told.cure);
        }
    }

    fn add(&mut self, level: Level, code: &'static str, sentence: String, cure: Option<String>) {
        self.findings.push(Finding { code, level, sentence, cure });
    }

    /// How many findings of a level there are.
    #[must_use]
    pub fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|finding| finding.level == level).count()
    }
}

/// What a key file told.
struct Known {
    hotkey: Hotkey,
    /// The secret too, unless a person would have to be asked for the password.
    pair: Option<KeyPair>,
}

/// What is known of the node by the time that it is asked for.
struct Patient {
    config: Config,
    manifest: Manifest,
    /// The node's key, if its file told it.
    key: Option<Known>,
    /// Whether a process holds the data directory, and its id if known.
    held: Option<Option<u32>>,
    /// Last epoch in the certificate log.
    certified: Option<u64>,
    /// Whether other machines may be asked.
    online: bool,
}

/// Looks at a node, with the settings that `ganglion run` would have with the same flags.
///
/// Takes seconds: the worker is started once, and bootnodes and chain are asked, unless `online` is false.
pub async fn examine(
    args: &ConfigArgs,
    home: &Home,
    env: &dyn Fn(&str) -> Option<String>,
    online: bool,
) -> Report {
    let mut report = Report::default();
    let config = match config::resolve(args, home, env) {
        Ok(config) => config,
        Err(error) => {
            report.failed(Code::SETTINGS, &error);
            return report;
        }
    };
    report.good("settings", format!("every setting of {} holds", config.data_dir.display()));
    let manifest = files::manifest(&config, &mut report);
    let key = files::key(&config, manifest.as_ref(), &mut report);
    machine::memory(&mut report);
    machine::open_files(config.max_connections, &mut report);
    let Some(manifest) = manifest else {
        files::directory(&config, &mut report);
        return report;
    };
    let mut patient = Patient { config, manifest, key, held: None, certified: None, online };
    files::data(&mut patient, &mut report);
    machine::clock(&patient, &mut report);
    let answers = running::node(&patient, &mut report);
    network::addresses(&patient, &mut report);
    if !answers {
        files::stake(&patient.manifest, &mut report);
        network::ports(&patient, &mut report);
        parts::worker(&patient, &mut report).await;
        parts::anchor(&patient, &mut report).await;
        network::bootnodes(&patient, &mut report).await;
    }
    report
}

impl Patient {
    fn pair(&self) -> Option<&SigningKey> {
        Some(self.key.as_ref()?.pair.as_ref()?.signing_key())
    }

    fn hotkey(&self) -> Option<Hotkey> {
        self.key.as_ref().map(|key| key.hotkey)
    }

    /// The flag that names this node in a command.
    fn flag(&self) -> String {
        let dir = self.config.data_dir.display().to_string();
        format!("--data-dir {}", crate::files::shell_word(&dir))
    }
}
