//! From TOML to a manifest that can be run.

use ganglion_types::{
    Coldkey, CutId, Digest, GenesisParticipant, Hotkey, Hyperparameters, Manifest, Phases, Rao,
    RegistrySource, Role, TaskSpec,
};

use super::fields;
use crate::document::{Field, Notes, Problems, Section, take};

/// Who and what a subnet begins with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Genesis {
    /// Uid by position.
    pub participants: Vec<GenesisParticipant>,
    /// Rising by coldkey.
    pub accounts: Vec<(Coldkey, Rao)>,
}

/// Reads a manifest and checks every rule.
///
/// # Errors
/// All problems in the order of the file; `file` is what the user calls it.
pub fn parse(file: &str, text: &str) -> Result<Manifest, Problems> {
    let (document, mut notes) = Notes::parse(file, text)?;
    let notes_ref = &mut notes;
    let mut root = Section::root(&document);
    let name = root.require(notes_ref, &fields::NAME, take::text);
    let salt = root.require(notes_ref, &fields::SALT, take::bytes);
    let genesis_time = root.require(notes_ref, &fields::GENESIS_TIME, take::time_ms);
    let epoch_ms = root.require(notes_ref, &fields::EPOCH_LENGTH, take::duration_ms);
    let owner = root.read(notes_ref, &fields::OWNER, take::parsed::<Coldkey>);
    let parent = root.read(notes_ref, &fields::PARENT, take::bytes);
    let phases = read_phases(notes_ref, &mut root);
    let task = read_task(notes_ref, &mut root);
    let hyperparameters = read_hyperparameters(notes_ref, &mut root);
    let registry = read_registry(notes_ref, &mut root);
    let (genesis, paths) = read_genesis(notes_ref, &mut root);
    root.finish(notes_ref);

    // A field that could not be read gets a harmless value here, so that the rules about all the
    // others are checked in the same run. The manifest leaves this function only if nothing failed.
    let manifest = Manifest {
        name: name.unwrap_or_else(|| "unnamed".into()),
        salt: salt.unwrap_or_default(),
        genesis_time: genesis_time.unwrap_or(1),
        epoch_ms: epoch_ms.unwrap_or(10_000),
        phases,
        task,
        hyperparameters,
        participants: genesis.participants,
        accounts: genesis.accounts,
        owner,
        parent: parent.map(CutId::new),
        registry,
    };
    for violation in manifest.violations() {
        let field = in_file(&violation.field, &paths);
        if !notes.has_problem(&field) {
            notes.broken(&field, violation.rule, sentence(&violation.cure));
        }
    }
    if notes.is_clean() { Ok(manifest) } else { Err(notes.into_problems(file)) }
}

/// Reads a file that holds nothing but genesis tables.
///
/// # Errors
/// All problems in the order of the file.
pub fn parse_genesis(file: &str, text: &str) -> Result<Genesis, Problems> {
    let (document, mut notes) = Notes::parse(file, text)?;
    let mut root = Section::root(&document);
    let (genesis, _) = read_genesis(&mut notes, &mut root);
    root.finish(&mut notes);
    if notes.is_clean() { Ok(genesis) } else { Err(notes.into_problems(file)) }
}

/// A table that must be there, with every field in it.
fn section<'d>(notes: &mut Notes, root: &mut Section<'d>, key: &'static str) -> Section<'d> {
    let section = root.table(notes, key);
    if section.is_absent() && !notes.has_problem(key) {
        let cure = format!("Add [{key}]; `ganglion subnet new` writes a complete file.");
        notes.problem(1, key, None, "is missing".into(), cure);
    }
    section
}

fn read_phases(notes: &mut Notes, root: &mut Section<'_>) -> Phases {
    let mut table = section(notes, root, "phases");
    let mut read = |field: &Field, default: u16| {
        table.require(notes, field, take::number(field.unit, 0, 1_000)).unwrap_or(default)
    };
    let default = Phases::default();
    let phases = Phases {
        commit_deadline: read(&fields::COMMIT_DEADLINE, default.commit_deadline),
        margin: read(&fields::MARGIN, default.margin),
        weights: read(&fields::WEIGHTS, default.weights),
        least_window: read(&fields::LEAST_WINDOW, default.least_window),
        grace: read(&fields::GRACE, default.grace),
        propose: read(&fields::PROPOSE, default.propose),
        vote: read(&fields::VOTE, default.vote),
        delta: read(&fields::DELTA, default.delta),
    };
    table.finish(notes);
    phases
}

fn read_task(notes: &mut Notes, root: &mut Section<'_>) -> TaskSpec {
    let mut table = section(notes, root, "task");
    let task_type = table.require(notes, &fields::TYPE, take::text);
    let scorer = table.require(notes, &fields::SCORER, take::text);
    let mut read = |field: &Field, default: u32| {
        let any = take::number(field.unit, 0, u64::from(u32::MAX));
        table.require(notes, field, any).unwrap_or(default)
    };
    let d = TaskSpec::default();
    let batch_size = read(&fields::BATCH_SIZE, d.batch_size);
    let alpha = read(&fields::ALPHA, d.alpha);
    let score_power = read(&fields::SCORE_POWER, d.score_power);
    let equal = table.require(notes, &fields::EQUAL_ANSWERS_EXPECTED, take::boolean);
    table.finish(notes);
    TaskSpec {
        task_type: task_type.unwrap_or(d.task_type),
        scorer: scorer.unwrap_or(d.scorer),
        batch_size,
        alpha,
        score_power,
        equal_answers_expected: equal.unwrap_or(d.equal_answers_expected),
    }
}

fn read_hyperparameters(notes: &mut Notes, root: &mut Section<'_>) -> Hyperparameters {
    let mut table = section(notes, root, "hyperparameters");
    let d = Hyperparameters::default();
    let mut boolean = |field: &Field, default: bool| {
        table.require(notes, field, take::boolean).unwrap_or(default)
    };
    let yuma3_enabled = boolean(&fields::YUMA3_ENABLED, d.yuma3_enabled);
    let liquid_alpha_enabled = boolean(&fields::LIQUID_ALPHA_ENABLED, d.liquid_alpha_enabled);
    let commit_reveal_weights_enabled =
        boolean(&fields::COMMIT_REVEAL_WEIGHTS_ENABLED, d.commit_reveal_weights_enabled);
    let registration_allowed = boolean(&fields::REGISTRATION_ALLOWED, d.registration_allowed);
    let mut amount =
        |field: &Field, default: Rao| table.require(notes, field, take::amount).unwrap_or(default);
    let emission = amount(&fields::EMISSION, d.emission);
    let stake_threshold = amount(&fields::STAKE_THRESHOLD, d.stake_threshold);
    let min_balance = amount(&fields::MIN_BALANCE, d.min_balance);
    let min_burn = amount(&fields::MIN_BURN, d.min_burn);
    let max_burn = amount(&fields::MAX_BURN, d.max_burn);
    let mut large = |field: &Field, default: u64| {
        let any = take::number(field.unit, 0, i64::MAX.unsigned_abs());
        table.require(notes, field, any).unwrap_or(default)
    };
    let bonds_moving_avg = large(&fields::BONDS_MOVING_AVG, d.bonds_moving_avg);
    let activity_cutoff = large(&fields::ACTIVITY_CUTOFF, d.activity_cutoff);
    let min_difficulty = large(&fields::MIN_DIFFICULTY, d.min_difficulty);
    let max_difficulty = large(&fields::MAX_DIFFICULTY, d.max_difficulty);
    let weights_rate_limit = large(&fields::WEIGHTS_RATE_LIMIT, d.weights_rate_limit);
    let immunity_period = large(&fields::IMMUNITY_PERIOD, d.immunity_period);
    let unbonding_epochs = large(&fields::UNBONDING_EPOCHS, d.unbonding_epochs);
    let revision_delay = large(&fields::REVISION_DELAY, d.revision_delay);
    let steepness = table.require(notes, &fields::ALPHA_SIGMOID_STEEPNESS, take::i16);
    let mut small = |field: &Field, default: u16| {
        table.require(notes, field, take::number(field.unit, 0, 65_535)).unwrap_or(default)
    };
    let parameters = Hyperparameters {
        emission,
        kappa: small(&fields::KAPPA, d.kappa),
        yuma3_enabled,
        liquid_alpha_enabled,
        alpha_low: small(&fields::ALPHA_LOW, d.alpha_low),
        alpha_high: small(&fields::ALPHA_HIGH, d.alpha_high),
        alpha_sigmoid_steepness: steepness.unwrap_or(d.alpha_sigmoid_steepness),
        bonds_moving_avg,
        bonds_penalty: small(&fields::BONDS_PENALTY, d.bonds_penalty),
        activity_cutoff,
        stake_threshold,
        max_validators: small(&fields::MAX_VALIDATORS, d.max_validators),
        max_allowed_uids: small(&fields::MAX_ALLOWED_UIDS, d.max_allowed_uids),
        min_allowed_weights: small(&fields::MIN_ALLOWED_WEIGHTS, d.min_allowed_weights),
        max_weights_limit: small(&fields::MAX_WEIGHTS_LIMIT, d.max_weights_limit),
        commit_reveal_weights_enabled,
        registration_allowed,
        max_registrations_per_epoch: small(
            &fields::MAX_REGISTRATIONS_PER_EPOCH,
            d.max_registrations_per_epoch,
        ),
        min_difficulty,
        max_difficulty,
        min_balance,
        reveal_grace: small(&fields::REVEAL_GRACE, d.reveal_grace),
        weights_rate_limit,
        immunity_period,
        min_non_immune_uids: small(&fields::MIN_NON_IMMUNE_UIDS, d.min_non_immune_uids),
        min_burn,
        max_burn,
        unbonding_epochs,
        slash_fraction: small(&fields::SLASH_FRACTION, d.slash_fraction),
        revision_delay,
    };
    table.finish(notes);
    parameters
}

/// `[registry]`, which only subnets have that another chain registers participants for.
fn read_registry(notes: &mut Notes, root: &mut Section<'_>) -> Option<RegistrySource> {
    let mut table = root.table(notes, "registry");
    if table.is_absent() {
        return None;
    }
    let source = table.require(notes, &fields::REGISTRY_SOURCE, take::text);
    if source.is_some_and(|source| source != "substrate") {
        let cure = "Write source = \"substrate\".".into();
        notes.broken("registry.source", "must be substrate: no other is read".into(), cure);
    }
    let genesis = table.require(notes, &fields::REGISTRY_GENESIS, take::bytes);
    let field = fields::REGISTRY_NETUID;
    let netuid = table.require(notes, &field, take::number(field.unit, 0, 65_535));
    let field = fields::REGISTRY_EVERY;
    let every = take::number(field.unit, 1, RegistrySource::EVERY_MAX);
    let every = table.require(notes, &field, every);
    table.finish(notes);
    let genesis = Digest::new(genesis?);
    Some(RegistrySource { genesis, netuid: netuid?, every: every? })
}

/// Reads the genesis tables, and where in the file each uid stands, such as `validator[0]`.
fn read_genesis(notes: &mut Notes, root: &mut Section<'_>) -> (Genesis, Vec<String>) {
    let mut placed = Vec::new();
    for (key, role) in [("validator", Role::Validator), ("miner", Role::Miner)] {
        for (index, (place, table)) in root.tables(notes, key).into_iter().enumerate() {
            let participant = read_participant(notes, table, role);
            placed.push((place, format!("{key}[{index}]"), participant));
        }
    }
    // Uids are given in the order of the file, whatever the order of roles in it.
    placed.sort_by_key(|(place, ..)| *place);
    let (paths, participants) =
        placed.into_iter().map(|(_, path, participant)| (path, participant)).unzip();

    let mut accounts: Vec<(Coldkey, Rao)> = Vec::new();
    for (index, (_, mut table)) in root.tables(notes, "account").into_iter().enumerate() {
        let coldkey = table.require(notes, &fields::COLDKEY, take::parsed::<Coldkey>);
        let balance = table.require(notes, &fields::BALANCE, take::amount);
        table.finish(notes);
        let Some((coldkey, balance)) = coldkey.zip(balance) else { continue };
        match accounts.binary_search_by_key(&coldkey, |account| account.0) {
            Err(at) => accounts.insert(at, (coldkey, balance)),
            Ok(_) => notes.broken(
                &format!("account[{index}].coldkey"),
                "has an [[account]] already".into(),
                "Add the two balances up in one [[account]].".into(),
            ),
        }
    }
    (Genesis { participants, accounts }, paths)
}

fn read_participant(notes: &mut Notes, mut table: Section<'_>, role: Role) -> GenesisParticipant {
    let hotkey = table.require(notes, &fields::HOTKEY, take::parsed::<Hotkey>);
    let coldkey = table.require(notes, &fields::COLDKEY, take::parsed::<Coldkey>);
    let (mut stake, mut seed_tail) = (None, None);
    if role == Role::Validator {
        stake = table.require(notes, &fields::STAKE, take::amount);
        seed_tail = table.require(notes, &fields::SEED_TAIL, take::bytes);
    }
    table.finish(notes);
    GenesisParticipant {
        hotkey: hotkey.unwrap_or_default(),
        coldkey: coldkey.unwrap_or_default(),
        role,
        stake: stake.unwrap_or_default(),
        seed_tail: seed_tail.map(Digest::new),
    }
}

/// The file's path of a manifest field: participants stand in two lists there.
fn in_file(field: &str, paths: &[String]) -> String {
    let indexed = field.strip_prefix("participants[").and_then(|rest| rest.split_once(']'));
    let path = indexed.and_then(|(uid, rest)| Some((paths.get(uid.parse::<usize>().ok()?)?, rest)));
    match (path, field) {
        (Some((path, rest)), _) => format!("{path}{rest}"),
        (None, "participants") => "validator".into(),
        (None, "accounts") => "account".into(),
        (None, field) => field.into(),
    }
}

fn sentence(cure: &str) -> String {
    let mut letters = cure.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    let end = if cure.ends_with(['.', '?']) { "" } else { "." };
    first.into_iter().chain(letters).collect::<String>() + end
}
