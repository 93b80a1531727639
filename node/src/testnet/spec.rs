//! The testnet's own file, and the flags that go before it.

use std::collections::BTreeSet;

use ganglion_types::Rao;
use toml_edit::Value;

use super::assertions::{self, Assertion};
use super::behaviour::Behaviour;
use crate::document::{Field, Found, Notes, Problems, Section, nearest, take};
use crate::{files, manifest, models};

/// The last epoch that a file can speak of.
const EPOCH_MAX: u64 = 1_000_000;
/// More than any file of this kind needs.
const BYTES_MAX: u64 = 1024 * 1024;
/// Validators of one machine: each is a process.
pub const VALIDATORS_MAX: u64 = 32;
/// Miners of one machine: each is two processes.
pub const MINERS_MAX: u64 = 64;
/// Stake of all validators that were given none of their own.
const STAKE_UNITS: u64 = 1_000;
/// Stake of the four default validators, in percent: any three certify, no one can halt.
const DEFAULT_SHARES: [u64; 4] = [28, 26, 24, 22];
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
    const ALL: [Self; 4] = [Self::Bootnode, Self::Validator, Self::Miner, Self::Observer];

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

/// One node to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSpec {
    /// Unique; also the name of its directory.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// A validator's stake, zero for others.
    pub stake: Rao,
    /// What a miner runs; `None` leaves the choice to the manifest.
    pub model: Option<Model>,
    /// What it does.
    pub behaviour: Behaviour,
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
    /// The file, as the user named it.
    pub file: Option<String>,
}

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

const EPOCH_LENGTH: Field =
    field!("epoch_length", "duration", "2s to 24h", "\"10s\"", "Time from one epoch to the next.");
const VALIDATORS: Field =
    field!("validators", "nodes", "1 to 32", "4", "Validators, where no [[node]] is one.");
const MINERS: Field =
    field!("miners", "nodes", "0 to 64", "5", "Miners, where no [[node]] is one.");
const NAME: Field =
    field!("name", "word", "letters, digits, . _ -", "", "The node's name and directory.");
const ROLE: Field =
    field!("role", "word", "bootnode, validator, miner or observer", "", "What the node is.");
const STAKE: Field = field!("stake", "units", "above 0", "\"100\"", "A validator's stake.");
const WORKER: Field =
    field!("worker", "word", "a name of `ganglion worker list`", "", "A miner's built-in model.");
const COMMAND: Field =
    field!("command", "list of texts", "a program and its arguments", "", "A miner's own model.");
const BEHAVIOUR: Field =
    field!("behaviour", "word", "see docs/TESTNET.md", "\"honest\"", "How it behaves.");
const FROM_EPOCH: Field =
    field!("from_epoch", "epoch", "1 to 1000000", "1", "When an equivocator begins, or one ends.");
const COUNT: Field = field!("count", "nodes", "1 to 64", "1", "So many nodes like this one.");

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
            nodes.extend(read_node(&mut notes, table, index));
        }
        check_names(&mut notes, &nodes);
        let overrides = read_overrides(&mut notes, &mut root);
        let assertions = assertions::read_all(&mut notes, &mut root);
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
        fill(&mut nodes, validators, miners, flags.learner);
        assertions::check(&mut notes, &assertions, &nodes);
        if !notes.is_clean() {
            return Err(notes.into_problems(file).into());
        }
        Ok(Self {
            epoch_ms: flags.epoch_ms.or(epoch_ms).unwrap_or(10_000),
            nodes,
            overrides,
            assertions,
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

fn read_node(notes: &mut Notes, mut table: Section<'_>, index: usize) -> Vec<NodeSpec> {
    let at = |key: &str| format!("node[{index}].{key}");
    let name = table.require(notes, &NAME, |found| {
        let name = take::text(found)?;
        let home = crate::home::Home::new(Some("testnet".into()));
        home.node(&name).map(|_| name).map_err(|error| error.to_string())
    });
    let role = table.require(notes, &ROLE, Role::take);
    let stake = table.read(notes, &STAKE, take::amount);
    let worker = table.read(notes, &WORKER, take_worker);
    let command = table.read(notes, &COMMAND, |found| {
        let words = take::texts(found)?;
        if words.is_empty() { Err("must name a program".into()) } else { Ok(words) }
    });
    let behaviour = table.read(notes, &BEHAVIOUR, |found| {
        let word = take::text(found)?;
        let accepted = || format!("must be one of {}", Behaviour::names());
        Behaviour::named(&word).ok_or_else(accepted)
    });
    let from_epoch = table.read(notes, &FROM_EPOCH, take::number::<u64>("epochs", 1, EPOCH_MAX));
    let count = table.read(notes, &COUNT, take::number::<u64>("nodes", 1, MINERS_MAX));
    table.finish(notes);
    let Some((name, role)) = name.zip(role) else { return Vec::new() };
    let behaviour =
        settle_behaviour(notes, &at, role, (behaviour.unwrap_or_default(), from_epoch, count));
    let (is_validator, is_miner) = (role == Role::Validator, role == Role::Miner);
    if stake.is_some() && !is_validator {
        let rule = format!("is for validators, and this is a {}", role.name());
        notes.broken(&at("stake"), rule, "Remove it, or set role = \"validator\".".into());
    }
    if stake.is_some_and(Rao::is_zero) {
        notes.broken(&at("stake"), "must be above zero".into(), "Write \"100\".".into());
    }
    for (key, given) in [("worker", worker.is_some()), ("command", command.is_some())] {
        if given && !is_miner {
            let rule = format!("is for miners, and this is a {}", role.name());
            notes.broken(&at(key), rule, "Remove it, or set role = \"miner\".".into());
        }
    }
    if worker.is_some() && command.is_some() {
        let rule = "cannot stand beside worker".to_owned();
        notes.broken(&at("command"), rule, "Remove one of the two.".into());
    }
    let model = command.map(Model::Command).or(worker.map(Model::Builtin));
    let is_lazy = behaviour == Behaviour::Lazy;
    if is_lazy && model.is_some() {
        let rule = "a lazy miner has no model of its own".to_owned();
        notes.broken(&at("behaviour"), rule, "Remove worker and command.".into());
    }
    if is_miner
        && !is_lazy
        && model.is_none()
        && !notes.has_problem(&at("worker"))
        && !notes.has_problem(&at("command"))
    {
        let cure = format!("Add `worker = \"{}\"`, or `command = [...]`.", MODELS[3]);
        notes.broken(&format!("node[{index}]"), "a miner needs a model".into(), cure);
    }
    let given = Rao::new(100 * Rao::PER_UNIT);
    let stake = if is_validator { stake.unwrap_or(given) } else { Rao::ZERO };
    let one = NodeSpec { name, role, stake, model, behaviour };
    let Some(count) = count else { return vec![one] };
    (1..=count)
        .map(|number| NodeSpec { name: format!("{}-{number}", one.name), ..one.clone() })
        .collect()
}

fn take_worker(found: &Found<'_>) -> Result<String, String> {
    let name = take::text(found)?;
    let known = models::builtin(&name).map_err(|error| error.to_string())?;
    match known.role {
        crate::worker::Role::Miner => Ok(name),
        crate::worker::Role::Validator => Err("is a validator's worker".into()),
    }
}

/// What a node does, once it is known who it is.
fn settle_behaviour(
    notes: &mut Notes,
    at: &impl Fn(&str) -> String,
    role: Role,
    (behaviour, from_epoch, count): (Behaviour, Option<u64>, Option<u64>),
) -> Behaviour {
    let name = behaviour.name();
    if let Some(others) = behaviour.role().filter(|others| *others != role) {
        let (others, is) = (others.name(), role.name());
        let cure = format!("Remove it, or set role = \"{others}\".");
        notes.broken(&at("behaviour"), format!("is for a {others}, and this is a {is}"), cure);
    }
    if role == Role::Bootnode && behaviour != Behaviour::Honest {
        let rule = "the others find each other through this one".to_owned();
        notes.broken(&at("behaviour"), rule, "Remove it.".into());
    }
    if behaviour == Behaviour::Clone && count.is_none() {
        let cure = "Add `count = 3`: as many hotkeys for one model.".to_owned();
        notes.broken(&at("behaviour"), "one alone is no clone".into(), cure);
    }
    let Some(from_epoch) = from_epoch else { return behaviour };
    behaviour.starting(from_epoch).unwrap_or_else(|| {
        let rule = format!("has no meaning for one that is {name}");
        let cure = "Remove it; equivocator and offline have a beginning.".to_owned();
        notes.broken(&at("from_epoch"), rule, cure);
        behaviour
    })
}

fn check_names(notes: &mut Notes, nodes: &[NodeSpec]) {
    let mut seen = BTreeSet::new();
    for (index, node) in nodes.iter().enumerate() {
        if !seen.insert(node.name.as_str()) {
            let rule = "is the name of another node too".to_owned();
            notes.broken(&format!("node[{index}].name"), rule, "Choose another.".into());
        }
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

/// Adds the default nodes of every role that has none.
fn fill(nodes: &mut Vec<NodeSpec>, validators: u64, miners: u64, learner: bool) {
    let has = |nodes: &[NodeSpec], role| nodes.iter().any(|node: &NodeSpec| node.role == role);
    let add = |nodes: &mut Vec<NodeSpec>, name: String, role, stake, model: Option<&str>| {
        let mut free = name.clone();
        let mut suffix = 2;
        while nodes.iter().any(|node| node.name == free) {
            free = format!("{name}-{suffix}");
            suffix += 1;
        }
        let model = model.map(|model| Model::Builtin(model.into()));
        nodes.push(NodeSpec { name: free, role, stake, model, behaviour: Behaviour::Honest });
    };
    if !has(nodes, Role::Bootnode) {
        add(nodes, "bootnode".into(), Role::Bootnode, Rao::ZERO, None);
    }
    if !has(nodes, Role::Validator) {
        for (index, units) in (1..).zip(stakes(validators)) {
            let stake = Rao::new(units * Rao::PER_UNIT);
            add(nodes, format!("validator-{index}"), Role::Validator, stake, None);
        }
    }
    if !has(nodes, Role::Miner) {
        let models = MODELS.into_iter().cycle();
        for (index, model) in (1..=miners).zip(models) {
            add(nodes, format!("miner-{index}"), Role::Miner, Rao::ZERO, Some(model));
        }
    }
    if learner {
        add(nodes, "learner".into(), Role::Miner, Rao::ZERO, Some(LEARNER));
    }
    if !has(nodes, Role::Observer) {
        add(nodes, "observer".into(), Role::Observer, Rao::ZERO, None);
    }
    nodes.sort_by_key(|node| node.role);
}

/// Stakes in units: as the default has it for four, else as equal as whole units allow.
fn stakes(validators: u64) -> Vec<u64> {
    if validators == 4 {
        return DEFAULT_SHARES.map(|percent| STAKE_UNITS * percent / 100).to_vec();
    }
    let (each, rest) = (STAKE_UNITS / validators.max(1), STAKE_UNITS % validators.max(1));
    (0..validators).map(|index| each + u64::from(index < rest)).collect()
}

impl Spec {
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

/// Why there is no testnet to be.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] files::FileError),
    /// The file breaks rules.
    #[error(transparent)]
    Problems(#[from] Problems),
    /// A flag says how many, and the file which.
    #[error("{flag} cannot stand beside {file}, which lists every {} itself", role.name())]
    Listed {
        /// The flag.
        flag: &'static str,
        /// The role.
        role: Role,
        /// The file.
        file: String,
    },
    /// An assertion about epochs that the run will not have.
    #[error("{file}:{line}: {name:?} is about epoch {needs}, and the run ends with epoch {epochs}")]
    Short {
        /// The file.
        file: String,
        /// Where the assertion stands.
        line: usize,
        /// Its name.
        name: String,
        /// The epoch it needs.
        needs: u64,
        /// The last of the run.
        epochs: u64,
    },
}

impl crate::fault::Curable for SpecError {
    fn fault(&self) -> crate::fault::Fault {
        match self {
            Self::File(error) => error.fault(),
            Self::Problems(_) | Self::Listed { .. } | Self::Short { .. } => {
                crate::fault::Fault::Input
            }
        }
    }

    fn cure(&self) -> Option<String> {
        match self {
            Self::File(error) => error.cure(),
            Self::Problems(error) => error.cure(),
            Self::Listed { flag, role, .. } => {
                Some(format!("Leave {flag} out, or every [[node]] that is a {}.", role.name()))
            }
            Self::Short { needs, .. } => {
                Some(format!("Give --epochs {needs}, or change the assertion's epochs."))
            }
        }
    }

    fn each(&self) -> Vec<(String, Option<String>)> {
        match self {
            Self::Problems(error) => error.each(),
            _ => vec![(self.to_string(), self.cure())],
        }
    }
}

/// The node's name that a wrong one most likely stands for, as the end of a sentence.
#[must_use]
pub fn did_you_mean<'n>(wrong: &str, names: impl Iterator<Item = &'n str> + Clone) -> String {
    match nearest(wrong, names.clone()) {
        Some(meant) => format!("Did you mean {meant}?"),
        None => format!("There are {}.", names.collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Curable as _;

    fn named(spec: &Spec) -> Vec<(&str, u64, String)> {
        let model = |node: &NodeSpec| node.model.as_ref().map_or(String::new(), Model::name);
        let units = |node: &NodeSpec| node.stake.get() / Rao::PER_UNIT;
        spec.nodes.iter().map(|node| (node.name.as_str(), units(node), model(node))).collect()
    }

    #[test]
    fn without_a_file_it_is_the_default_testnet() {
        let spec = Spec::parse("", "", &Flags::default()).unwrap();
        assert_eq!(spec.epoch_ms, 10_000);
        assert!(spec.is_digits());
        let rows = named(&spec);
        let names: Vec<&str> = rows.iter().map(|row| row.0).collect();
        assert_eq!(
            names,
            [
                "bootnode",
                "validator-1",
                "validator-2",
                "validator-3",
                "validator-4",
                "miner-1",
                "miner-2",
                "miner-3",
                "miner-4",
                "miner-5",
                "observer"
            ]
        );
        assert_eq!(rows[1..5].iter().map(|row| row.1).collect::<Vec<_>>(), [280, 260, 240, 220]);
        assert_eq!(rows[5..10].iter().map(|row| row.2.as_str()).collect::<Vec<_>>(), MODELS);
    }

    #[test]
    fn flags_count_and_models_take_turns() {
        let flags =
            Flags { validators: Some(3), miners: Some(7), epoch_ms: Some(5_000), learner: true };
        let spec = Spec::parse("", "", &flags).unwrap();
        assert_eq!(spec.epoch_ms, 5_000);
        let rows = named(&spec);
        assert_eq!(rows[1..4].iter().map(|row| row.1).collect::<Vec<_>>(), [334, 333, 333]);
        assert_eq!(rows[9].2, MODELS[0]);
        assert_eq!(rows[11], ("learner", 0, LEARNER.to_owned()));
    }

    #[test]
    fn a_file_lists_some_roles_and_the_others_are_filled() {
        let text = "[[node]]\nname = \"mine\"\nrole = \"miner\"\ncommand = [\"python3\", \"m.py\"]\n\
                    [manifest.hyperparameters]\nkappa = 40000\n";
        let spec = Spec::parse("t.toml", text, &Flags::default()).unwrap();
        assert_eq!(spec.nodes.len(), 1 + 4 + 1 + 1);
        assert_eq!(spec.overrides.len(), 1);
        assert_eq!((spec.overrides[0].key, spec.overrides[0].line), ("kappa", 6));
        let flags = Flags { miners: Some(2), ..Flags::default() };
        let error = Spec::parse("t.toml", text, &flags).unwrap_err();
        assert!(error.to_string().contains("--miners cannot stand beside t.toml"), "{error}");
    }

    #[test]
    fn every_problem_of_a_file_is_named_with_its_line() {
        let node = |rest: &str| format!("[[node]]\nname = \"a\"\nrole = {rest}\n");
        for (text, sentence) in [
            ("[testnet]\nminers = 65\n".to_owned(), "t.toml:2: testnet.miners = 65: must be"),
            ("[testnet]\nepoch = \"5s\"\n".into(), "t.toml:2: testnet.epoch: is no field"),
            (node("\"king\""), "t.toml:3: node[0].role = \"king\": must be bootnode"),
            (node("\"miner\""), "t.toml:1: node[0]: a miner needs a model"),
            (
                node("\"miner\"\nworker = \"digits-scorer\""),
                "t.toml:4: node[0].worker = \"digits-scorer\": is a validator's",
            ),
            (node("\"miner\"\nworker = \"x\""), "there is no built-in worker"),
            (
                node("\"observer\"\nworker = \"digits-knn\""),
                "is for miners, and this is a observer",
            ),
            (
                node("\"miner\"\nstake = \"5\"\nworker = \"digits-knn\""),
                "t.toml:4: node[0].stake = \"5\": is for validators",
            ),
            (
                node("\"validator\"\nbehaviour = \"lazy\""),
                "t.toml:4: node[0].behaviour = \"lazy\": is for a miner, and this is a validator",
            ),
            (
                node("\"validator\"\nbehaviour = \"thief\""),
                "t.toml:4: node[0].behaviour = \"thief\": must be one of honest, copier, lazy, clone",
            ),
            (
                node("\"bootnode\"\nbehaviour = \"offline\""),
                "t.toml:4: node[0].behaviour = \"offline\": the others find each other through",
            ),
            (
                node("\"miner\"\nworker = \"digits-knn\"\nbehaviour = \"clone\""),
                "t.toml:5: node[0].behaviour = \"clone\": one alone is no clone",
            ),
            (
                node("\"miner\"\nworker = \"digits-knn\"\nbehaviour = \"lazy\""),
                "t.toml:5: node[0].behaviour = \"lazy\": a lazy miner has no model",
            ),
            (
                node("\"validator\"\nbehaviour = \"copier\"\nfrom_epoch = 3"),
                "t.toml:5: node[0].from_epoch = 3: has no meaning for one that is copier",
            ),
            (node("\"observer\"\ncount = 65"), "t.toml:4: node[0].count = 65: must be a whole"),
            (
                format!("{0}{0}", node("\"observer\"")),
                "t.toml:5: node[1].name = \"a\": is the name of another",
            ),
            (
                format!("[testnet]\nvalidators = 3\n{}", node("\"validator\"")),
                "t.toml:2: testnet.validators = 3: cannot stand beside",
            ),
            ("[manifest.task]\nalhpa = 5\n".into(), "manifest.task.alhpa: is no field"),
        ] {
            let error = Spec::parse("t.toml", &text, &Flags::default()).unwrap_err();
            let sentences: Vec<String> = error.each().into_iter().map(|one| one.0).collect();
            assert!(
                sentences.iter().any(|one| one.contains(sentence)),
                "{sentences:?} lack {sentence:?}"
            );
        }
    }

    #[test]
    fn behaviours_begin_when_the_file_says_and_clones_are_many() {
        let text = "[[node]]\nname = \"pack\"\nrole = \"miner\"\nworker = \"digits-knn\"\n\
                    behaviour = \"clone\"\ncount = 3\n\
                    [[node]]\nname = \"v\"\nrole = \"validator\"\n\
                    behaviour = \"equivocator\"\nfrom_epoch = 7\n\
                    [[node]]\nname = \"l\"\nrole = \"miner\"\nbehaviour = \"lazy\"\n";
        let spec = Spec::parse("t.toml", text, &Flags::default()).unwrap();
        let of = |name: &str| spec.nodes.iter().find(|node| node.name == name).unwrap();
        for name in ["pack-1", "pack-2", "pack-3"] {
            assert_eq!(of(name).behaviour, Behaviour::Clone);
            assert_eq!(of(name).model, Some(Model::Builtin("digits-knn".into())));
        }
        assert_eq!(of("v").behaviour, Behaviour::Equivocator { from_epoch: 7 });
        assert_eq!((of("l").behaviour, &of("l").model), (Behaviour::Lazy, &None));
        assert_eq!(spec.nodes.len(), 1 + 1 + 4 + 1);
    }

    #[test]
    fn a_run_that_is_too_short_for_an_assertion_does_not_begin() {
        let text = "[[assert]]\nname = \"a\"\nmetric = \"rounds\"\ncomparison = \"<\"\n\
                    against = 2\nepochs = \"5..30\"\n";
        let spec = Spec::parse("t.toml", text, &Flags::default()).unwrap();
        assert!(spec.fits(30).is_ok());
        let error = spec.fits(29).unwrap_err();
        assert!(error.to_string().starts_with("t.toml:1: \"a\" is about epoch 30"), "{error}");
        assert!(error.cure().unwrap().starts_with("Give --epochs 30"), "{error:?}");
    }

    #[test]
    fn every_example_is_a_testnet_and_asserts_something() {
        let read = |file: &str, text: &str| Spec::parse(file, text, &Flags::default()).unwrap();
        let adversaries = include_str!("../../../examples/adversaries.toml");
        let changing = include_str!("../../../examples/changing.toml");
        for (file, text) in [("adversaries.toml", adversaries), ("changing.toml", changing)] {
            let spec = read(file, text);
            assert!(spec.assertions.len() > 4, "{file}");
            assert!(spec.fits(30).is_ok(), "{file}");
            super::super::setup::base_manifest(&spec).unwrap();
        }
        let spec = read("adversaries.toml", adversaries);
        for behaviour in Behaviour::ALL.map(Behaviour::name) {
            assert!(
                spec.nodes.iter().any(|node| node.behaviour.name() == behaviour),
                "{behaviour}"
            );
        }
    }

    #[test]
    fn the_page_about_testnets_names_every_metric_and_behaviour() {
        let page = include_str!("../../../docs/TESTNET.md");
        let metrics = crate::testnet::measure::Metric::ALL.map(|metric| metric.name());
        for name in metrics.into_iter().chain(Behaviour::ALL.map(Behaviour::name)) {
            assert!(page.contains(&format!("| `{name}` |")), "docs/TESTNET.md lacks {name}");
        }
    }

    #[test]
    fn the_example_is_a_testnet() {
        let text = include_str!("../../../examples/testnet.toml");
        let spec = Spec::parse("examples/testnet.toml", text, &Flags::default()).unwrap();
        assert!(spec.nodes.iter().any(|node| matches!(node.model, Some(Model::Command(_)))));
    }
}
