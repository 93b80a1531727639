//! From a manifest to TOML that explains itself.

use std::fmt::Write as _;

use ganglion_types::ids::hex;
use ganglion_types::{GenesisParticipant, Manifest, Role};

use super::{Committee, Genesis, fields, timetable};
use crate::document::{Field, comment};
use crate::units;

/// The manifest as TOML that [`super::parse`] reads back to the same manifest, with a comment on
/// every field: what it does, unit, bounds, default.
#[must_use]
pub fn render(manifest: &Manifest) -> String {
    let mut text = String::new();
    comment(
        &mut text,
        "The manifest of a Ganglion subnet. The hash of its values is the subnet's id, so all \
         nodes need the same values; comments, order and layout do not count. Check it with \
         `ganglion subnet show FILE`.",
    );
    head(&mut text, manifest);
    phases(&mut text, manifest);
    task(&mut text, manifest);
    hyperparameters(&mut text, manifest);
    registry(&mut text, manifest);
    text.push('\n');
    comment(
        &mut text,
        "Who takes part from the beginning. The first table in this file is uid 0, and so on. Each \
         participant prints its own table with `ganglion subnet entry`.",
    );
    comment(
        &mut text,
        "WARNING: an epoch certifies only with more than 2/3 of the validators' stake. Who holds \
         1/3 of it can halt the subnet, and who holds more than 2/3 decides alone. Use four or \
         more validators, none with a third.",
    );
    let genesis = Genesis {
        participants: manifest.participants.clone(),
        accounts: manifest.accounts.clone(),
    };
    if genesis.participants.is_empty() {
        comment(&mut text, "");
        comment(&mut text, "[[validator]]");
        for field in fields::PARTICIPANT {
            comment(&mut text, &format!("{} = ...  ({}) {}", field.key, field.unit, field.about));
        }
        comment(&mut text, "");
        comment(
            &mut text,
            "[[miner]] has a hotkey and a coldkey, [[account]] a coldkey and a balance.",
        );
    }
    text.push_str(&render_genesis(&genesis));
    text
}

/// Genesis tables alone, as `ganglion subnet entry` prints them.
#[must_use]
pub fn render_genesis(genesis: &Genesis) -> String {
    let committee = Committee::of(&genesis.participants, u16::MAX);
    let mut text = String::new();
    for (uid, participant) in genesis.participants.iter().enumerate() {
        let mut about = format!("uid {uid}");
        if participant.role == Role::Validator && genesis.participants.len() > 1 {
            let _ = write!(about, ", {} of the stake", committee.share(participant.stake));
        }
        participant_table(&mut text, participant, &about);
    }
    for (coldkey, balance) in &genesis.accounts {
        let _ = write!(text, "\n[[account]]\ncoldkey = \"{coldkey}\"\nbalance = {balance}\n");
    }
    text
}

fn participant_table(text: &mut String, participant: &GenesisParticipant, about: &str) {
    let GenesisParticipant { hotkey, coldkey, role, stake, seed_tail } = participant;
    let _ = write!(text, "\n[[{}]] # {about}\nhotkey = \"{hotkey}\"\n", role.name());
    let _ = writeln!(text, "coldkey = \"{coldkey}\"");
    if *role == Role::Validator {
        let _ = writeln!(text, "stake = {stake}");
    }
    if let Some(tail) = seed_tail {
        let _ = writeln!(text, "seed_tail = \"{tail}\"");
    }
}

fn head(text: &mut String, manifest: &Manifest) {
    line(text, &fields::NAME, quoted(&manifest.name));
    line(text, &fields::SALT, quoted(&hex(&manifest.salt)));
    line(text, &fields::GENESIS_TIME, units::show_time(manifest.genesis_time));
    line(text, &fields::EPOCH_LENGTH, quoted(&units::show_ms(manifest.epoch_ms)));
    match manifest.owner {
        Some(owner) => line(text, &fields::OWNER, quoted(&owner.to_string())),
        None => absent(text, &fields::OWNER),
    }
    match manifest.parent {
        Some(parent) => line(text, &fields::PARENT, quoted(&parent.to_string())),
        None => absent(text, &fields::PARENT),
    }
}

fn phases(text: &mut String, manifest: &Manifest) {
    text.push_str("\n[phases]\n");
    comment(text, "In thousandths of epoch_length. With the values below an epoch runs like this:");
    for moment in timetable(manifest) {
        let at = units::show_seconds(moment.at_ms);
        comment(text, &format!("{at:>10}  {}", moment.what));
    }
    let phases = &manifest.phases;
    for (field, value) in [
        (fields::COMMIT_DEADLINE, phases.commit_deadline),
        (fields::MARGIN, phases.margin),
        (fields::WEIGHTS, phases.weights),
        (fields::LEAST_WINDOW, phases.least_window),
        (fields::GRACE, phases.grace),
        (fields::PROPOSE, phases.propose),
        (fields::VOTE, phases.vote),
        (fields::DELTA, phases.delta),
    ] {
        line(text, &field, value);
    }
}

fn task(text: &mut String, manifest: &Manifest) {
    let task = &manifest.task;
    text.push_str("\n[task]\n");
    line(text, &fields::TYPE, quoted(&task.task_type));
    line(text, &fields::SCORER, quoted(&task.scorer));
    line(text, &fields::BATCH_SIZE, task.batch_size);
    line(text, &fields::ALPHA, task.alpha);
    line(text, &fields::SCORE_POWER, task.score_power);
    line(text, &fields::EQUAL_ANSWERS_EXPECTED, task.equal_answers_expected);
}

fn hyperparameters(text: &mut String, manifest: &Manifest) {
    let h = &manifest.hyperparameters;
    text.push_str("\n[hyperparameters]\n");
    comment(
        text,
        "By Bittensor's names. Spans that Bittensor counts in blocks count epochs here, so its \
         defaults are divided by 360 and rounded up.",
    );
    line(text, &fields::EMISSION, h.emission);
    line(text, &fields::KAPPA, h.kappa);
    line(text, &fields::YUMA3_ENABLED, h.yuma3_enabled);
    line(text, &fields::LIQUID_ALPHA_ENABLED, h.liquid_alpha_enabled);
    line(text, &fields::ALPHA_LOW, h.alpha_low);
    line(text, &fields::ALPHA_HIGH, h.alpha_high);
    line(text, &fields::ALPHA_SIGMOID_STEEPNESS, h.alpha_sigmoid_steepness);
    line(text, &fields::BONDS_MOVING_AVG, h.bonds_moving_avg);
    line(text, &fields::BONDS_PENALTY, h.bonds_penalty);
    line(text, &fields::ACTIVITY_CUTOFF, h.activity_cutoff);
    line(text, &fields::STAKE_THRESHOLD, h.stake_threshold);
    line(text, &fields::MAX_VALIDATORS, h.max_validators);
    line(text, &fields::MAX_ALLOWED_UIDS, h.max_allowed_uids);
    line(text, &fields::MIN_ALLOWED_WEIGHTS, h.min_allowed_weights);
    line(text, &fields::MAX_WEIGHTS_LIMIT, h.max_weights_limit);
    line(text, &fields::COMMIT_REVEAL_WEIGHTS_ENABLED, h.commit_reveal_weights_enabled);
    line(text, &fields::REGISTRATION_ALLOWED, h.registration_allowed);
    line(text, &fields::MAX_REGISTRATIONS_PER_EPOCH, h.max_registrations_per_epoch);
    line(text, &fields::MIN_DIFFICULTY, h.min_difficulty);
    line(text, &fields::MAX_DIFFICULTY, h.max_difficulty);
    line(text, &fields::MIN_BALANCE, h.min_balance);
    line(text, &fields::REVEAL_GRACE, h.reveal_grace);
    line(text, &fields::WEIGHTS_RATE_LIMIT, h.weights_rate_limit);
    line(text, &fields::IMMUNITY_PERIOD, h.immunity_period);
    line(text, &fields::MIN_NON_IMMUNE_UIDS, h.min_non_immune_uids);
    line(text, &fields::MIN_BURN, h.min_burn);
    line(text, &fields::MAX_BURN, h.max_burn);
    line(text, &fields::UNBONDING_EPOCHS, h.unbonding_epochs);
    line(text, &fields::SLASH_FRACTION, h.slash_fraction);
    line(text, &fields::REVISION_DELAY, h.revision_delay);
}

fn registry(text: &mut String, manifest: &Manifest) {
    let Some(source) = &manifest.registry else { return };
    text.push_str("\n[registry]\n");
    comment(
        text,
        "Another chain registers participants. Those below begin the subnet; the first snapshot that a cut takes replaces them.",
    );
    line(text, &fields::REGISTRY_SOURCE, quoted("substrate"));
    line(text, &fields::REGISTRY_GENESIS, quoted(&source.genesis.to_hex()));
    line(text, &fields::REGISTRY_NETUID, source.netuid);
    line(text, &fields::REGISTRY_EVERY, source.every);
}

fn line(text: &mut String, field: &Field, value: impl std::fmt::Display) {
    describe(text, field);
    let _ = writeln!(text, "{} = {value}", field.key);
}

fn absent(text: &mut String, field: &Field) {
    describe(text, field);
    let _ = writeln!(text, "# {} = \"...\"", field.key);
}

fn describe(text: &mut String, field: &Field) {
    let mut about = format!("{} Unit: {}.", field.about, field.unit);
    if field.bounds != field.unit {
        let _ = write!(about, " Bounds: {}.", field.bounds);
    }
    if !field.default.is_empty() {
        let _ = write!(about, " Default: {}.", field.default);
    }
    text.push('\n');
    comment(text, &about);
}

fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}
