//! `[[node]]`, and the nodes that are there without one.

use std::collections::BTreeSet;

use ganglion_subnet::Twice;
use ganglion_types::Rao;

use super::{EPOCH_MAX, LEARNER, MINERS_MAX, MODELS, Model, Role, field};
use crate::document::{Field, Found, Notes, Section, take};
use crate::models;
use crate::testnet::behaviour::Behaviour;

/// Stake of all validators that were given none of their own.
const STAKE_UNITS: u64 = 1_000;
/// Stake of the four default validators, in percent: any three certify, no one can halt.
const DEFAULT_SHARES: [u64; 4] = [28, 26, 24, 22];

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
const EQUIVOCATES: Field = field!(
    "equivocates",
    "list of words",
    "some of votes, proposals, weights",
    "all three",
    "What an equivocator says twice."
);
const COUNT: Field = field!("count", "nodes", "1 to 64", "1", "So many nodes like this one.");

/// What a `[[node]]` says, before it is known whether it fits together.
struct Draft {
    name: Option<String>,
    role: Option<Role>,
    stake: Option<Rao>,
    worker: Option<String>,
    command: Option<Vec<String>>,
    behaviour: Behaviour,
    from_epoch: Option<u64>,
    equivocates: Option<Twice>,
    count: Option<u64>,
}

impl Draft {
    fn read(notes: &mut Notes, table: &mut Section<'_>) -> Self {
        let behaviour = |found: &Found<'_>| {
            let word = take::text(found)?;
            let accepted = || format!("must be one of {}", Behaviour::names());
            Behaviour::named(&word).ok_or_else(accepted)
        };
        Self {
            name: table.require(notes, &NAME, |found| {
                let name = take::text(found)?;
                let home = crate::home::Home::new(Some("testnet".into()));
                home.node(&name).map(|_| name).map_err(|error| error.to_string())
            }),
            role: table.require(notes, &ROLE, Role::take),
            stake: table.read(notes, &STAKE, take::amount),
            worker: table.read(notes, &WORKER, take_worker),
            command: table.read(notes, &COMMAND, |found| {
                let words = take::texts(found)?;
                if words.is_empty() { Err("must name a program".into()) } else { Ok(words) }
            }),
            behaviour: table.read(notes, &BEHAVIOUR, behaviour).unwrap_or_default(),
            from_epoch: table.read(notes, &FROM_EPOCH, take::number("epochs", 1, EPOCH_MAX)),
            equivocates: table.read(notes, &EQUIVOCATES, |found| {
                let words = take::texts(found)?;
                let rule = || format!("must name some of {}", Twice::WORDS.join(", "));
                Twice::of(words.iter().map(String::as_str)).ok_or_else(rule)
            }),
            count: table.read(notes, &COUNT, take::number("nodes", 1, MINERS_MAX)),
        }
    }
}

/// The nodes of one `[[node]]`, the `index`th of the file; none if it breaks a rule badly.
pub(super) fn read(notes: &mut Notes, mut table: Section<'_>, index: usize) -> Vec<NodeSpec> {
    let at = |key: &str| format!("node[{index}].{key}");
    let draft = Draft::read(notes, &mut table);
    table.finish(notes);
    let Some((name, role)) = draft.name.clone().zip(draft.role) else { return Vec::new() };
    let behaviour = settle_behaviour(notes, &at, role, &draft);
    check_role(notes, &at, role, &draft);
    let model = draft.command.map(Model::Command).or(draft.worker.map(Model::Builtin));
    check_model(notes, &at, (role, behaviour), model.is_some());
    let given = Rao::new(100 * Rao::PER_UNIT);
    let stake = if role == Role::Validator { draft.stake.unwrap_or(given) } else { Rao::ZERO };
    let one = NodeSpec { name, role, stake, model, behaviour };
    let Some(count) = draft.count else { return vec![one] };
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

/// Fields that only nodes of another role have.
fn check_role(notes: &mut Notes, at: &impl Fn(&str) -> String, role: Role, draft: &Draft) {
    for (key, given, others) in [
        ("stake", draft.stake.is_some(), Role::Validator),
        ("worker", draft.worker.is_some(), Role::Miner),
        ("command", draft.command.is_some(), Role::Miner),
    ] {
        if given && role != others {
            let rule = format!("is for {}s, and this is a {}", others.name(), role.name());
            let cure = format!("Remove it, or set role = \"{}\".", others.name());
            notes.broken(&at(key), rule, cure);
        }
    }
    if draft.stake.is_some_and(Rao::is_zero) {
        notes.broken(&at("stake"), "must be above zero".into(), "Write \"100\".".into());
    }
    if draft.worker.is_some() && draft.command.is_some() {
        let rule = "cannot stand beside worker".to_owned();
        notes.broken(&at("command"), rule, "Remove one of the two.".into());
    }
}

/// A miner has a model, unless it is lazy.
fn check_model(
    notes: &mut Notes,
    at: &impl Fn(&str) -> String,
    (role, behaviour): (Role, Behaviour),
    has_model: bool,
) {
    let is_lazy = behaviour == Behaviour::Lazy;
    if is_lazy && has_model {
        let rule = "a lazy miner has no model of its own".to_owned();
        notes.broken(&at("behaviour"), rule, "Remove worker and command.".into());
    }
    // One that was refused is not lacking.
    let refused = ["worker", "command"].iter().any(|key| notes.has_problem(&at(key)));
    if role == Role::Miner && !is_lazy && !has_model && !refused {
        let cure = format!("Add `worker = \"{}\"`, or `command = [...]`.", MODELS[3]);
        let node = at("").trim_end_matches('.').to_owned();
        notes.broken(&node, "a miner needs a model".into(), cure);
    }
}

/// What a node does, once it is known who it is.
fn settle_behaviour(
    notes: &mut Notes,
    at: &impl Fn(&str) -> String,
    role: Role,
    draft: &Draft,
) -> Behaviour {
    let mut behaviour = draft.behaviour;
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
    if behaviour == Behaviour::Clone && draft.count.is_none() {
        let cure = "Add `count = 3`: as many hotkeys for one model.".to_owned();
        notes.broken(&at("behaviour"), "one alone is no clone".into(), cure);
    }
    let no_meaning = || format!("has no meaning for one that is {name}");
    if let Some(from_epoch) = draft.from_epoch {
        match behaviour.starting(from_epoch) {
            Some(later) => behaviour = later,
            None => {
                let cure =
                    "Remove it; equivocator, damaged and offline have a beginning.".to_owned();
                notes.broken(&at("from_epoch"), no_meaning(), cure);
            }
        }
    }
    if behaviour == (Behaviour::Damaged { from_epoch: 1 }) {
        let rule = "it is whole when it starts".to_owned();
        notes.broken(&at("from_epoch"), rule, "Write 2 or more.".into());
    }
    match (&mut behaviour, draft.equivocates) {
        (Behaviour::Equivocator { twice, .. }, Some(wanted)) => *twice = wanted,
        (_, Some(_)) => {
            let cure = "Remove it, or set behaviour = \"equivocator\".".to_owned();
            notes.broken(&at("equivocates"), no_meaning(), cure);
        }
        (_, None) => {}
    }
    behaviour
}

pub(super) fn check_names(notes: &mut Notes, nodes: &[NodeSpec]) {
    let mut seen = BTreeSet::new();
    for (index, node) in nodes.iter().enumerate() {
        if !seen.insert(node.name.as_str()) {
            let rule = "is the name of another node too".to_owned();
            notes.broken(&format!("node[{index}].name"), rule, "Choose another.".into());
        }
    }
}

/// Adds the default nodes of every role that has none.
pub(super) fn fill(nodes: &mut Vec<NodeSpec>, validators: u64, miners: u64, learner: bool) {
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
