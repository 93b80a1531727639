//! The testnet's own file, and the flags that go before it.

mod error;
mod load;
mod node;
mod settings;

use toml_edit::Value;

pub use error::{SpecError, did_you_mean};
pub use node::NodeSpec;

use super::assertions::{self, Assertion};
use super::load::{Plan, SETTLE_EPOCHS};
use crate::document::{Field, Found, Notes, Section, take};
use crate::{files, manifest, models};

/// The last epoch that a file can speak of.
const EPOCH_MAX: u64 = 1_000_000;
/// More than any file of this kind needs.
const BYTES_MAX: u64 = 1024 * 1024;
/// Validators of one machine: each is a process.
pub const VALIDATORS_MAX: u64 = 32;
/// Miners of one machine: each is two processes.
pub const MINERS_MAX: u64 = 64;
/// What the default miners run, and further ones in turn.
pub const MODELS: [&str; 5] =
    ["digits-majority", "digits-centroid", "digits-logreg", "digits-knn", "digits-mlp"];
/// The miner that `--learner` adds.
pub const LEARNER: &str = "digits-learner";

/// What a node of a testnet is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// An observer that the others know first.
    Bootnode,
    /// Sets tasks, scores, votes.
    Validator,
    /// Runs a model.
    Miner,
    /// Follows along.
    Observer,
}

impl Role {
    /// Every one, in the order in which they start.
    pub const ALL: [Self; 4] = [Self::Bootnode, Self::Validator, Self::Miner, Self::Observer];

    /// The word for people and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bootnode => "bootnode",
            Self::Validator => "validator",
            Self::Miner => "miner",
            Self::Observer => "observer",
        }
    }

    /// Reads the word for it.
    ///
    /// # Errors
    /// The rule.
    pub fn take(found: &Found<'_>) -> Result<Self, String> {
        let word = take::text(found)?;
        let role = Self::ALL.into_iter().find(|role| role.name() == word);
        role.ok_or_else(|| "must be bootnode, validator, miner or observer".to_owned())
    }
}

/// What does a miner's work.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Model {
    /// A worker that comes with the node.
    Builtin(String),
    /// A program and its arguments.
    Command(Vec<String>),
}

impl Model {
    /// What people call it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Builtin(name) => name.clone(),
            Self::Command(words) => {
                words.iter().map(|word| files::shell_word(word)).collect::<Vec<_>>().join(" ")
            }
        }
    }
}

/// A value of the manifest that differs from the default, and where that is said.
#[derive(Clone, Debug)]
pub struct Override {
    /// `phases`, `task` or `hyperparameters`.
    pub table: &'static str,
    /// The field.
    pub key: &'static str,
    /// Its value.
    pub value: Value,
    /// Line of the testnet's file.
    pub line: usize,
}

/// What flags say; it goes before the file.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// How many validators.
    pub validators: Option<u64>,
    /// How many miners.
    pub miners: Option<u64>,
    /// Epoch length in milliseconds.
    pub epoch_ms: Option<u64>,
    /// Whether to add a miner that learns.
    pub learner: bool,
}

/// A testnet to be.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Epoch length in milliseconds.
    pub epoch_ms: u64,
    /// Bootnodes, validators, miners, observers, in the order in which they start.
    pub nodes: Vec<NodeSpec>,
    /// Differences from the default manifest.
    pub overrides: Vec<Override>,
    /// What the run has to show, if it is one of so many epochs.
    pub assertions: Vec<Assertion>,
    /// Random operations while it runs.
    pub load: Option<Plan>,
    /// Settings of validators, from the file.
    pub settings: Settings,
    /// The file, as the user named it.
    pub file: Option<String>,
}

/// A field of a testnet's file.
/// Keys of `node.toml` and their values.
pub type Settings = Vec<(&'static str, String)>;

macro_rules! field {
    ($key:literal, $unit:literal, $bounds:literal, $default:literal, $about:literal) => {
        Field {
            key: $key,
            unit: $unit,
            bounds: $bounds,
            default: $default,
            about: $about,
            origin: "",
        }
    };
}

pub(super) use field;

const EPOCH_LENGTH: Field =
    field!("epoch_length", "duration", "2s to 24h", "\"10s\"", "Time from one epoch to the next.");
const VALIDATORS: Field =
    field!("validators", "nodes", "1 to 32", "4", "Validators, where no [[node]] is one.");
const MINERS: Field =
    field!("miners", "nodes", "0 to 64", "5", "Miners, where no [[node]] is one.");
impl Spec {
    /// Puts flags, the file and defaults together.
    ///
    /// # Errors
    /// Every problem of the file, or a flag that contradicts it.
    pub fn load(path: Option<&std::path::Path>, flags: &Flags) -> Result<Self, SpecError> {
        match path {
            None => Self::parse("", "", flags),
            Some(path) => {
                let text = files::read_text(path, BYTES_MAX)?;
                Self::parse(&path.display().to_string(), &text, flags)
            }
        }
    }

    /// As [`Self::load`], from text; `file` is what the user calls it, empty for none.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn parse(file: &str, text: &str, flags: &Flags) -> Result<Self, SpecError> {
        let (document, mut notes) = Notes::parse(file, text)?;
        let mut root = Section::root(&document);
        let mut general = root.table(&mut notes, "testnet");
        let epoch_ms = general.read(&mut notes, &EPOCH_LENGTH, take::duration_ms);
        let validators =
            general.read(&mut notes, &VALIDATORS, take::number::<u64>("nodes", 1, VALIDATORS_MAX));
        let miners = general.read(&mut notes, &MINERS, take::number::<u64>("nodes", 0, MINERS_MAX));
        general.finish(&mut notes);
        let mut nodes = Vec::new();
        for (index, (_, table)) in root.tables(&mut notes, "node").into_iter().enumerate() {
            nodes.extend(node::read(&mut notes, table, index));
        }
        node::check_names(&mut notes, &nodes);
        let overrides = read_overrides(&mut notes, &mut root);
        let assertions = assertions::read_all(&mut notes, &mut root);
        let load = load::read(&mut notes, &mut root);
        let settings = settings::read(&mut notes, &mut root);
        root.finish(&mut notes);
        let listed = |role| nodes.iter().any(|node| node.role == role);
        for (count, key, role) in
            [(validators, "validators", Role::Validator), (miners, "miners", Role::Miner)]
        {
            if count.is_some() && listed(role) {
                let rule = format!("cannot stand beside a [[node]] that is a {}", role.name());
                notes.broken(&format!("testnet.{key}"), rule, "Remove one of the two.".into());
            }
        }
        if !notes.is_clean() {
            return Err(notes.into_problems(file).into());
        }
        for (count, flag, role) in [
            (flags.validators, "--validators", Role::Validator),
            (flags.miners, "--miners", Role::Miner),
        ] {
            if count.is_some() && listed(role) {
                return Err(SpecError::Listed { flag, role, file: file.into() });
            }
        }
        let validators = flags.validators.or(validators).unwrap_or(4);
        let miners = flags.miners.or(miners).unwrap_or(5);
        node::fill(&mut nodes, validators, miners, flags.learner);
        assertions::check(&mut notes, &assertions, &nodes);
        if !notes.is_clean() {
            return Err(notes.into_problems(file).into());
        }
        Ok(Self {
            epoch_ms: flags.epoch_ms.or(epoch_ms).unwrap_or(10_000),
            nodes,
            overrides,
            assertions,
            load,
            settings,
            file: (!file.is_empty()).then(|| file.into()),
        })
    }

    /// Whether the task, as far as this file says, is the one whose accuracy can be measured.
    #[must_use]
    pub fn is_digits(&self) -> bool {
        !self.overrides.iter().any(|one| {
            one.table == "task"
                && one.key == "type"
                && one.value.as_str() != Some(models::digits::TASK)
        })
    }
}

fn read_overrides(notes: &mut Notes, root: &mut Section<'_>) -> Vec<Override> {
    let mut overrides = Vec::new();
    let mut parent = root.table(notes, "manifest");
    let tables: [(&'static str, &[Field]); 3] = [
        ("phases", &manifest::fields::PHASES),
        ("task", &manifest::fields::TASK),
        ("hyperparameters", &manifest::fields::HYPERPARAMETERS),
    ];
    for (table, known) in tables {
        let mut section = parent.table(notes, table);
        for field in known {
            let value = section.read(notes, field, |found| {
                found.as_value().cloned().ok_or_else(|| "must be one value".to_owned())
            });
            let line = notes.line_of(&format!("manifest.{table}.{}", field.key));
            overrides.extend(value.map(|value| Override { table, key: field.key, value, line }));
        }
        section.finish(notes);
    }
    parent.finish(notes);
    overrides
}

impl Spec {
    /// How many epochs the run has: as many as asked for, else as its load needs. `None` for one that
    /// runs until it is stopped.
    #[must_use]
    pub fn length(&self, asked: Option<u64>) -> Option<u64> {
        asked.or_else(|| self.load.map(|plan| plan.epochs.saturating_add(SETTLE_EPOCHS)))
    }

    /// The load of a run of this length: its last epochs only decide what was sent before.
    #[must_use]
    pub fn load_of(&self, length: Option<u64>) -> Option<Plan> {
        let most = length.map_or(u64::MAX, |length| length.saturating_sub(SETTLE_EPOCHS).max(1));
        self.load.map(|plan| Plan { epochs: plan.epochs.min(most), ..plan })
    }

    /// Whether a run of so many epochs is long enough for every assertion.
    ///
    /// # Errors
    /// The first that it is too short for.
    pub fn fits(&self, epochs: u64) -> Result<(), SpecError> {
        let short = self.assertions.iter().find(|one| one.epochs.needs() > epochs);
        short.map_or(Ok(()), |one| {
            Err(SpecError::Short {
                file: self.file.clone().unwrap_or_default(),
                line: one.line,
                name: one.name.clone(),
                needs: one.epochs.needs(),
                epochs,
            })
        })
    }
}

#[cfg(test)]
mod tests;
