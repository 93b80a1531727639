//! The rules that a manifest must hold to before a subnet can be run from it.

use std::collections::BTreeSet;

use super::{Manifest, Role};
use crate::registry::RegistrySource;
use crate::sign::is_sound_key;
use crate::{Rao, limits};

/// A manifest rule that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, such as `hyperparameters.kappa` or `participants[3].stake`.
    pub field: String,
    /// The rule.
    pub rule: String,
    /// What to do.
    pub cure: String,
}

impl Manifest {
    /// Every rule that the manifest breaks, in field order; none if it can be run.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        self.check_head(&mut found);
        self.check_registry(&mut found);
        self.check_task(&mut found);
        self.check_parameters(&mut found);
        self.check_participants(&mut found);
        self.check_supply(&mut found);
        found
    }
    /// The rules that hyperparameters, epoch length and phases break, whoever takes part: what a
    /// revision must hold to as well.
    #[must_use]
    pub fn parameter_violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        self.check_parameters(&mut found);
        found
    }
    fn check_parameters(&self, found: &mut Vec<Violation>) {
        if !(2_000..=86_400_000).contains(&self.epoch_ms) {
            let cure = "use 10s for a testnet, 20m for a real one";
            reject(found, "epoch_length", "must be 2 s to 24 h", cure);
        }
        self.check_phases(found);
        self.check_hyperparameters(found);
        self.check_spans(found);
        self.check_registration(found);
        self.check_stake(found);
    }
    fn check_head(&self, found: &mut Vec<Violation>) {
        let printable = |c: char| c.is_ascii_graphic() || c == ' ';
        if !(1..=64).contains(&self.name.len()) || !self.name.chars().all(printable) {
            reject(found, "name", "must be 1 to 64 printable ASCII characters", "shorten it");
        }
        // The year 2200: later times overflow nothing, but are surely wrong.
        if self.genesis_time == 0 || self.genesis_time > 7_258_118_400_000 {
            reject(found, "genesis_time", "must be a time before the year 2200", "give a new one");
        }
    }
    fn check_registry(&self, found: &mut Vec<Violation>) {
        let Some(source) = &self.registry else { return };
        if !(1..=RegistrySource::EVERY_MAX).contains(&source.every) {
            let rule = "must be 1 to 200 blocks: nodes of the chain drop older states";
            reject(found, "registry.every", rule, "use 100, that is 20 minutes on subtensor");
        }
    }
    fn check_phases(&self, found: &mut Vec<Violation>) {
        let phases = &self.phases;
        let batches = phases.commit_deadline.saturating_add(phases.margin);
        if phases.commit_deadline < 50 || phases.margin < 10 {
            let cure = "use 350 and 50";
            reject(found, "phases.commit_deadline", "must be at least 50, margin 10", cure);
        }
        if phases.weights <= batches {
            let rule = "must lie after commit_deadline + margin, to leave time for scoring";
            reject(found, "phases.weights", rule, "raise it, e.g. to 600");
        }
        if phases.least_window <= phases.weights || phases.least_window > 950 {
            let cure = "raise it above phases.weights, e.g. to 650";
            reject(found, "phases.least_window", "must lie after weights, at most 950", cure);
        }
        for (field, value) in [
            ("phases.propose", phases.propose),
            ("phases.vote", phases.vote),
            ("phases.delta", phases.delta),
        ] {
            if !(5..=500).contains(&value) {
                reject(found, field, "must be 5 to 500 thousandths", "use the default");
            }
        }
        if phases.grace > 200 {
            reject(found, "phases.grace", "must be at most 200 thousandths", "use 20");
        }
    }
    fn check_task(&self, found: &mut Vec<Violation>) {
        let task = &self.task;
        let word = |text: &str| {
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            (1..=64).contains(&text.len()) && text.chars().all(fits)
        };
        if !word(&task.task_type) {
            reject(found, "task.type", "must be 1 to 64 of a-z, 0-9 and -", "use digits");
        }
        if !word(&task.scorer) {
            reject(found, "task.scorer", "must be 1 to 64 of a-z, 0-9 and -", "use digits-scorer");
        }
        let batch = usize::try_from(task.batch_size).unwrap_or(usize::MAX);
        if !(1..=limits::BATCH_TASKS).contains(&batch) {
            reject(found, "task.batch_size", "must be 1 to 1024", "use 64");
        }
        if !(1..=1_000_000).contains(&task.alpha) {
            let cure = "use 100000, that is 0.1";
            reject(found, "task.alpha", "must be 1 to 1000000 millionths", cure);
        }
        if !(1..=8).contains(&task.score_power) {
            reject(found, "task.score_power", "must be 1 to 8", "use 2");
        }
    }
    fn check_hyperparameters(&self, found: &mut Vec<Violation>) {
        let h = &self.hyperparameters;
        let mut check = |holds: bool, field: &str, rule: &str, cure: &str| {
            if !holds {
                reject(found, &format!("hyperparameters.{field}"), rule, cure);
            }
        };
        let emission_max = Rao::new(1_000_000 * Rao::PER_UNIT);
        check(h.emission <= emission_max, "emission", "must be at most 1000000 units", "lower it");
        check(
            h.bonds_moving_avg <= 975_000,
            "bonds_moving_avg",
            "must be at most 975000 millionths",
            "use 900000",
        );
        check(
            h.alpha_low <= h.alpha_high,
            "alpha_low",
            "must not be above alpha_high",
            "use 45875 and 58982",
        );
        check(
            h.alpha_sigmoid_steepness >= 0,
            "alpha_sigmoid_steepness",
            "must not be negative",
            "use 1000",
        );
        check(h.activity_cutoff >= 1, "activity_cutoff", "must be at least 1 epoch", "use 14");
        let committee = u16::try_from(limits::COMMITTEE).unwrap_or(u16::MAX);
        check(
            (1..=committee).contains(&h.max_validators) && h.max_validators <= h.max_allowed_uids,
            "max_validators",
            "must be 1 to 256 and at most max_allowed_uids",
            "use 64",
        );
        let uids = u16::try_from(limits::UIDS).unwrap_or(u16::MAX);
        check(
            (1..=uids).contains(&h.max_allowed_uids),
            "max_allowed_uids",
            "must be 1 to 4096",
            "use 256",
        );
        check(
            h.max_weights_limit >= 1,
            "max_weights_limit",
            "must be at least 1",
            "use 65535 for no limit",
        );
    }
    fn check_spans(&self, found: &mut Vec<Violation>) {
        let h = &self.hyperparameters;
        let mut check = |holds: bool, field: &str, rule: &str, cure: &str| {
            if !holds {
                reject(found, &format!("hyperparameters.{field}"), rule, cure);
            }
        };
        check((1..=3).contains(&h.reveal_grace), "reveal_grace", "must be 1 to 3 epochs", "use 1");
        check(
            (1..=1_000).contains(&h.weights_rate_limit),
            "weights_rate_limit",
            "must be 1 to 1000 epochs",
            "use 1",
        );
    }
    fn check_registration(&self, found: &mut Vec<Violation>) {
        let h = &self.hyperparameters;
        let mut check = |holds: bool, field: &str, rule: &str, cure: &str| {
            if !holds {
                reject(found, &format!("hyperparameters.{field}"), rule, cure);
            }
        };
        check(
            h.max_registrations_per_epoch <= 64,
            "max_registrations_per_epoch",
            "must be at most 64",
            "use 8",
        );
        check(
            (1..=1 << 62).contains(&h.min_difficulty),
            "min_difficulty",
            "must be 1 to 2^62 hashes",
            "use 10000000: about 2 s of one core",
        );
        check(
            (h.min_difficulty..=1 << 62).contains(&h.max_difficulty),
            "max_difficulty",
            "must be min_difficulty to 2^62 hashes",
            "use 4611686018427387904",
        );
        check(
            h.immunity_period <= 100_000,
            "immunity_period",
            "must be at most 100000 epochs",
            "use 14",
        );
        check(
            h.min_non_immune_uids <= 4_096,
            "min_non_immune_uids",
            "must be at most 4096",
            "use 10",
        );
        let burn_max = Rao::new(1_000_000 * Rao::PER_UNIT);
        check(
            (Rao::new(1)..=burn_max).contains(&h.min_burn),
            "min_burn",
            "must be 1 rao to 1000000 units",
            "use 0.0005",
        );
        check(
            (h.min_burn..=burn_max).contains(&h.max_burn),
            "max_burn",
            "must be min_burn to 1000000 units",
            "use 100",
        );
    }
    fn check_stake(&self, found: &mut Vec<Violation>) {
        let h = &self.hyperparameters;
        let mut check = |holds: bool, field: &str, rule: &str, cure: &str| {
            if !holds {
                reject(found, &format!("hyperparameters.{field}"), rule, cure);
            }
        };
        check(
            h.unbonding_epochs <= 100_000,
            "unbonding_epochs",
            "must be at most 100000 epochs",
            "use 100",
        );
        check(
            (2..=100_000).contains(&h.revision_delay),
            "revision_delay",
            "must be 2 to 100000 epochs",
            "use 10",
        );
    }
    fn check_participants(&self, found: &mut Vec<Violation>) {
        let many = self.participants.len();
        if many > usize::from(self.hyperparameters.max_allowed_uids) {
            let rule = "must not be more than hyperparameters.max_allowed_uids";
            reject(found, "participants", rule, "raise the limit or remove some");
        }
        let mut hotkeys = BTreeSet::new();
        let mut validators: usize = 0;
        for (uid, one) in self.participants.iter().enumerate() {
            let mut bad = |field: &str, rule: &str, cure: &str| {
                reject(found, &format!("participants[{uid}].{field}"), rule, cure);
            };
            if !hotkeys.insert(one.hotkey) {
                bad("hotkey", "must not occur twice", "give each participant a hotkey of its own");
            }
            if !is_sound_key(one.hotkey.as_bytes()) {
                bad("hotkey", "must be a sound ed25519 key", "use an address of `ganglion keys`");
            }
            if !is_sound_key(one.coldkey.as_bytes()) {
                bad("coldkey", "must be a sound ed25519 key", "use an address of `ganglion keys`");
            }
            match one.role {
                Role::Validator => {
                    validators = validators.saturating_add(1);
                    if one.stake.is_zero() {
                        bad("stake", "must be above 0 for a validator", "give it stake");
                    }
                    if one.seed_tail.is_none() {
                        let cure = "take the tail that `ganglion keys seed-tail` prints";
                        bad("seed_tail", "must be given for a validator", cure);
                    }
                }
                Role::Miner => {
                    if !one.stake.is_zero() || one.seed_tail.is_some() {
                        bad("stake", "and seed_tail are for validators only", "remove them");
                    }
                }
            }
        }
        let seats = usize::from(self.hyperparameters.max_validators);
        if !(1..=seats).contains(&validators) {
            let rule = "must hold 1 to hyperparameters.max_validators validators";
            reject(found, "participants", rule, "add a [[validator]] table or raise the limit");
        }
    }
    fn check_supply(&self, found: &mut Vec<Violation>) {
        let cure = "use an address of `ganglion keys`";
        if self.owner.is_some_and(|owner| !is_sound_key(owner.as_bytes())) {
            reject(found, "owner", "must be a sound ed25519 key", cure);
        }
        for (coldkey, _) in self.accounts.iter().filter(|one| !is_sound_key(one.0.as_bytes())) {
            reject(found, "accounts", &format!("hold {coldkey}, no sound ed25519 key"), cure);
        }
        if !self.accounts.is_sorted_by(|a, b| a.0 < b.0) {
            reject(found, "accounts", "must not name a coldkey twice", "add up its balances");
        }
        let amounts = self.participants.iter().map(|one| one.stake);
        let mut all = amounts.chain(self.accounts.iter().map(|account| account.1));
        let supply = all.try_fold(Rao::ZERO, Rao::checked_add);
        if supply.is_none_or(|supply| supply >= Rao::SUPPLY_MAX) {
            let rule = "of stakes and balances must stay below 4611686018 units in all";
            reject(found, "supply", rule, "lower the genesis stakes and balances");
        }
    }
}

fn reject(found: &mut Vec<Violation>, field: &str, rule: &str, cure: &str) {
    found.push(Violation { field: field.into(), rule: rule.into(), cure: cure.into() });
}

#[cfg(test)]
mod tests {
    use super::super::tests::manifest;
    use crate::{Coldkey, Rao};

    #[test]
    fn broken_rules_are_named_with_their_field() {
        let mut bad = manifest();
        bad.epoch_ms = 1_000;
        bad.hyperparameters.max_validators = 0;
        bad.hyperparameters.reveal_grace = 4;
        bad.hyperparameters.weights_rate_limit = 0;
        bad.hyperparameters.unbonding_epochs = 100_001;
        bad.participants[1].hotkey = bad.participants[0].hotkey;
        bad.accounts[0].1 = Rao::SUPPLY_MAX;
        bad.owner = Some(Coldkey::new([0; 32]));
        bad.accounts.insert(0, (Coldkey::new([0; 32]), Rao::ZERO));
        let fields: Vec<String> = bad.violations().into_iter().map(|one| one.field).collect();
        assert_eq!(
            fields,
            [
                "epoch_length",
                "hyperparameters.max_validators",
                "hyperparameters.reveal_grace",
                "hyperparameters.weights_rate_limit",
                "hyperparameters.unbonding_epochs",
                "participants[1].hotkey",
                "participants",
                "owner",
                "accounts",
                "supply"
            ]
        );
    }
}
