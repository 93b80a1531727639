//! The subnet's parameters that a revision may change, each by a number and a value of 64 bits.
//!
//! The number is the field number in the published `Hyperparameters`; 100 is the epoch length and 101
//! to 108 are the phases (`docs/spec/manifest.md`).

use crate::manifest::{Hyperparameters, Manifest, Timing, Violation};
use crate::{Rao, proto};

/// One parameter's new value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The parameter's number.
    pub parameter: u32,
    /// The value in the unit of the manifest's field; amounts in rao, 0 and 1 for false and true.
    pub value: u64,
}

impl Change {
    /// The published message.
    #[must_use]
    pub const fn to_proto(&self) -> proto::Change {
        proto::Change { parameter: self.parameter, value: self.value }
    }

    /// Takes the message apart.
    #[must_use]
    pub const fn from_proto(proto: &proto::Change) -> Self {
        Self { parameter: proto.parameter, value: proto.value }
    }
}

/// Who may change a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ParameterClass {
    /// The owner alone, or the committee.
    Owner,
    /// Coldkeys with more than 2/3 of the committee's stake.
    Committee,
}

impl ParameterClass {
    /// Name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Committee => "committee",
        }
    }
}

/// What a revision may change: the parameters in force in an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// The rules' numbers.
    pub hyperparameters: Hyperparameters,
    /// When things happen.
    pub timing: Timing,
}

impl Parameters {
    /// Those that a subnet begins with.
    #[must_use]
    pub const fn of(manifest: &Manifest) -> Self {
        Self { hyperparameters: manifest.hyperparameters, timing: manifest.timing() }
    }

    /// The value of a parameter, `None` for a number that none has.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<u64> {
        Parameter::of(number).map(|parameter| (parameter.read)(self))
    }

    /// Changes one parameter. `false`, and no change, for an unknown number or for a value that its
    /// field cannot hold; bounds are told by [`violations`](Self::violations).
    #[must_use]
    pub fn set(&mut self, change: &Change) -> bool {
        Parameter::of(change.parameter).is_some_and(|one| (one.write)(self, change.value))
    }

    /// Every rule of the manifest that these values would break in it.
    #[must_use]
    pub fn violations(&self, manifest: &Manifest) -> Vec<Violation> {
        let changed = Manifest {
            hyperparameters: self.hyperparameters,
            epoch_ms: self.timing.epoch_ms,
            phases: self.timing.phases,
            // No rule on parameters is about who takes part.
            participants: Vec::new(),
            accounts: Vec::new(),
            name: String::new(),
            task: manifest.task.clone(),
            ..*manifest
        };
        changed.parameter_violations()
    }
}

/// A parameter that revisions may change.
#[derive(Clone, Copy)]
pub struct Parameter {
    /// Its number in a revision.
    pub number: u32,
    /// Its key in the manifest's file.
    pub name: &'static str,
    /// Who may change it.
    pub class: ParameterClass,
    read: fn(&Parameters) -> u64,
    write: fn(&mut Parameters, u64) -> bool,
}

impl std::fmt::Debug for Parameter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.number, self.name)
    }
}

/// A field that travels as 64 bits.
trait Word: Copy {
    fn to_word(self) -> u64;
    fn from_word(word: u64) -> Option<Self>;

    fn put(&mut self, word: u64) -> bool {
        match Self::from_word(word) {
            Some(value) => {
                *self = value;
                true
            }
            None => false,
        }
    }
}

impl Word for u64 {
    fn to_word(self) -> u64 {
        self
    }

    fn from_word(word: u64) -> Option<Self> {
        Some(word)
    }
}

impl Word for u16 {
    fn to_word(self) -> u64 {
        self.into()
    }

    fn from_word(word: u64) -> Option<Self> {
        word.try_into().ok()
    }
}

impl Word for i16 {
    /// Never negative in a manifest that holds to the rules.
    fn to_word(self) -> u64 {
        self.try_into().unwrap_or(0)
    }

    fn from_word(word: u64) -> Option<Self> {
        word.try_into().ok()
    }
}

impl Word for bool {
    fn to_word(self) -> u64 {
        self.into()
    }

    fn from_word(word: u64) -> Option<Self> {
        match word {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Word for Rao {
    fn to_word(self) -> u64 {
        self.get()
    }

    fn from_word(word: u64) -> Option<Self> {
        Some(Self::new(word))
    }
}

macro_rules! parameter {
    ($number:literal, $name:literal, $class:ident, $($field:ident).+) => {
        Parameter {
            number: $number,
            name: $name,
            class: ParameterClass::$class,
            read: |all| all.$($field).+.to_word(),
            write: |all, word| all.$($field).+.put(word),
        }
    };
}

impl Parameter {
    /// Every parameter, rising by number.
    pub const ALL: &[Self] = &[
        parameter!(1, "emission", Committee, hyperparameters.emission),
        parameter!(2, "kappa", Owner, hyperparameters.kappa),
        parameter!(3, "yuma3_enabled", Owner, hyperparameters.yuma3_enabled),
        parameter!(4, "liquid_alpha_enabled", Owner, hyperparameters.liquid_alpha_enabled),
        parameter!(5, "alpha_low", Owner, hyperparameters.alpha_low),
        parameter!(6, "alpha_high", Owner, hyperparameters.alpha_high),
        parameter!(7, "alpha_sigmoid_steepness", Owner, hyperparameters.alpha_sigmoid_steepness),
        parameter!(8, "bonds_moving_avg", Owner, hyperparameters.bonds_moving_avg),
        parameter!(9, "bonds_penalty", Owner, hyperparameters.bonds_penalty),
        parameter!(10, "activity_cutoff", Owner, hyperparameters.activity_cutoff),
        parameter!(11, "stake_threshold", Committee, hyperparameters.stake_threshold),
        parameter!(12, "max_validators", Committee, hyperparameters.max_validators),
        parameter!(13, "max_allowed_uids", Committee, hyperparameters.max_allowed_uids),
        parameter!(14, "min_allowed_weights", Owner, hyperparameters.min_allowed_weights),
        parameter!(15, "max_weights_limit", Owner, hyperparameters.max_weights_limit),
        parameter!(
            16,
            "commit_reveal_weights_enabled",
            Owner,
            hyperparameters.commit_reveal_weights_enabled
        ),
        parameter!(17, "registration_allowed", Owner, hyperparameters.registration_allowed),
        parameter!(
            18,
            "max_registrations_per_epoch",
            Owner,
            hyperparameters.max_registrations_per_epoch
        ),
        parameter!(19, "min_difficulty", Owner, hyperparameters.min_difficulty),
        parameter!(20, "max_difficulty", Owner, hyperparameters.max_difficulty),
        parameter!(21, "min_balance", Committee, hyperparameters.min_balance),
        parameter!(22, "reveal_grace", Owner, hyperparameters.reveal_grace),
        parameter!(23, "weights_rate_limit", Owner, hyperparameters.weights_rate_limit),
        parameter!(24, "immunity_period", Owner, hyperparameters.immunity_period),
        parameter!(25, "min_non_immune_uids", Owner, hyperparameters.min_non_immune_uids),
        parameter!(26, "min_burn", Owner, hyperparameters.min_burn),
        parameter!(27, "max_burn", Owner, hyperparameters.max_burn),
        parameter!(28, "unbonding_epochs", Committee, hyperparameters.unbonding_epochs),
        parameter!(29, "slash_fraction", Committee, hyperparameters.slash_fraction),
        parameter!(30, "revision_delay", Committee, hyperparameters.revision_delay),
        parameter!(100, "epoch_length", Committee, timing.epoch_ms),
        parameter!(101, "phases.commit_deadline", Committee, timing.phases.commit_deadline),
        parameter!(102, "phases.margin", Committee, timing.phases.margin),
        parameter!(103, "phases.weights", Committee, timing.phases.weights),
        parameter!(104, "phases.least_window", Committee, timing.phases.least_window),
        parameter!(105, "phases.grace", Committee, timing.phases.grace),
        parameter!(106, "phases.propose", Committee, timing.phases.propose),
        parameter!(107, "phases.vote", Committee, timing.phases.vote),
        parameter!(108, "phases.delta", Committee, timing.phases.delta),
    ];

    /// The parameter of a number.
    #[must_use]
    pub fn of(number: u32) -> Option<&'static Self> {
        Self::ALL.iter().find(|one| one.number == number)
    }

    /// The parameter of a name of the manifest's file, such as `kappa` or `phases.vote`.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|one| one.name == name)
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::manifest::Phases;

    fn parameters() -> Parameters {
        let timing = Timing { epoch_ms: 10_000, phases: Phases::default() };
        Parameters { hyperparameters: Hyperparameters::default(), timing }
    }

    #[test]
    fn every_parameter_is_read_as_it_is_written_and_touches_no_other() {
        assert!(Parameter::ALL.is_sorted_by(|a, b| a.number < b.number));
        for one in Parameter::ALL {
            let before = parameters();
            let mut after = before;
            let value = 1 - before.get(one.number).unwrap().min(1);
            assert!(after.set(&Change { parameter: one.number, value }), "{one:?}");
            for other in Parameter::ALL {
                let expected = if other.number == one.number {
                    value
                } else {
                    before.get(other.number).unwrap()
                };
                assert_eq!(after.get(other.number), Some(expected), "{one:?} and {other:?}");
            }
            assert_eq!(Parameter::named(one.name).map(|found| found.number), Some(one.number));
        }
    }

    /// A hyperparameter's number is the tag that it is encoded under.
    #[test]
    fn numbers_are_those_of_the_published_fields() {
        let before = Hyperparameters::default().to_proto().encode_to_vec();
        for one in Parameter::ALL.iter().filter(|one| one.number < 100) {
            let mut changed = parameters();
            let value = 1 - changed.get(one.number).unwrap().min(1);
            assert!(changed.set(&Change { parameter: one.number, value }));
            let after = changed.hyperparameters.to_proto().encode_to_vec();
            let first = before.iter().zip(&after).position(|(a, b)| a != b);
            assert!(first.is_some() || before.len() != after.len(), "{one:?}");
            let fields = |bytes: &[u8]| -> Vec<(u64, u64)> {
                let mut bytes = bytes;
                let mut found = Vec::new();
                while !bytes.is_empty() {
                    let tag = prost::encoding::decode_varint(&mut bytes).unwrap();
                    found.push((tag >> 3, prost::encoding::decode_varint(&mut bytes).unwrap()));
                }
                found
            };
            let (old, new) = (fields(&before), fields(&after));
            let differs = |from: &[(u64, u64)], to: &[(u64, u64)]| {
                from.iter().filter(|one| !to.contains(one)).map(|one| one.0).collect::<Vec<_>>()
            };
            let touched = [differs(&old, &new), differs(&new, &old)].concat();
            assert!(touched.iter().all(|number| *number == u64::from(one.number)), "{one:?}");
        }
    }

    #[test]
    fn what_a_field_cannot_hold_is_refused_and_changes_nothing() {
        let mut all = parameters();
        for (parameter, value) in [(2, 65_536), (3, 2), (7, 32_768), (101, 65_536), (99, 1), (0, 1)]
        {
            assert!(!all.set(&Change { parameter, value }), "{parameter}");
        }
        assert_eq!(all, parameters());
    }
}
