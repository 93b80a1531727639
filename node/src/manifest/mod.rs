//! The manifest as people write it: commented TOML, read back with every problem named.
//!
//! The file is only a form of [`ganglion_types::Manifest`]; the subnet id is the hash of the latter's
//! canonical bytes, so comments, order of fields and layout never matter. Every field must be
//! given: a default that a later version changed would otherwise change the id of an old file.

pub mod fields;
mod parse;
mod render;
mod timetable;

use std::path::Path;

use ganglion_types::Manifest;

use crate::document::Problems;
use crate::fault::{Code, Curable, Fault, Told};
use crate::files::{self, FileError};

pub use parse::{Genesis, parse, parse_genesis};
pub use render::{render, render_genesis};
pub use timetable::{Committee, Moment, timetable};

/// A manifest of 4096 participants takes about 1.3 MiB.
const BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Why a file is no manifest that can be run.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It breaks rules.
    #[error(transparent)]
    Problems(#[from] Problems),
}

impl Curable for ManifestError {
    fn code(&self) -> Code {
        match self {
            Self::File(error) => error.code(),
            Self::Problems(error) => error.code(),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::File(error) => error.fault(),
            Self::Problems(error) => error.fault(),
        }
    }

    fn cure(&self) -> String {
        match self {
            Self::File(FileError::Missing { .. }) => {
                "Check the path, or write a manifest with `ganglion subnet new`.".into()
            }
            Self::File(error) => error.cure(),
            Self::Problems(error) => error.cure(),
        }
    }

    fn each(&self) -> Vec<Told> {
        match self {
            Self::File(_) => vec![self.told()],
            Self::Problems(error) => error.each(),
        }
    }
}

/// Reads the manifest in `path`.
///
/// # Errors
/// When the file cannot be read, or with every problem in it.
pub fn load(path: &Path) -> Result<Manifest, ManifestError> {
    let text = files::read_text(path, BYTES_MAX)?;
    Ok(parse(&path.display().to_string(), &text)?)
}

/// Reads a file of `[[validator]]`, `[[miner]]` and `[[account]]` tables.
///
/// # Errors
/// When the file cannot be read, or with every problem in it.
pub fn load_genesis(path: &Path) -> Result<Genesis, ManifestError> {
    let text = files::read_text(path, BYTES_MAX)?;
    Ok(parse_genesis(&path.display().to_string(), &text)?)
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use ganglion_types::{
        Coldkey, CutId, Digest, GenesisParticipant, Hyperparameters, Phases, Rao, RegistrySource,
        Role, TaskSpec, sign,
    };
    use proptest::prelude::*;

    use super::*;

    fn hyperparameters() -> impl Strategy<Value = Hyperparameters> {
        let fractions = (any::<u16>(), any::<u16>(), any::<u16>(), any::<u16>(), 1..=u16::MAX);
        let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
        let large = (0..=975_000_u64, 1..=u64::MAX >> 1, 1..=1_u64 << 62, 1..=1_u64 << 62);
        let small = (0..=i16::MAX, 8..=256_u16, 256..=4096_u16, any::<u16>(), 0..=64_u16);
        let amounts = (0..=1_000_000_000_000_000_u64, any::<u64>(), any::<u64>());
        let epochs = (0..=100_000_u64, 0..=100_000_u64, 2..=100_000_u64);
        let joining = (0..=4_096_u16, 1..=1_u64 << 49, 1..=1_u64 << 49, any::<u16>());
        let epochs = (epochs, 1..=3_u16, 1..=1_000_u64);
        let parts = (fractions, flags, large, small, amounts, epochs, joining);
        parts.prop_map(|(f, b, l, s, a, e, j)| Hyperparameters {
            emission: Rao::new(a.0),
            kappa: f.0,
            yuma3_enabled: b.0,
            liquid_alpha_enabled: b.1,
            alpha_low: f.1.min(f.2),
            alpha_high: f.1.max(f.2),
            alpha_sigmoid_steepness: s.0,
            bonds_moving_avg: l.0,
            bonds_penalty: f.3,
            activity_cutoff: l.1,
            stake_threshold: Rao::new(a.1),
            max_validators: s.1,
            max_allowed_uids: s.2,
            min_allowed_weights: s.3,
            max_weights_limit: f.4,
            commit_reveal_weights_enabled: b.3,
            registration_allowed: b.2,
            max_registrations_per_epoch: s.4,
            min_difficulty: l.2.min(l.3),
            max_difficulty: l.2.max(l.3),
            min_balance: Rao::new(a.2),
            reveal_grace: e.1,
            weights_rate_limit: e.2,
            immunity_period: e.0.0,
            min_non_immune_uids: j.0,
            min_burn: Rao::new(j.1.min(j.2)),
            max_burn: Rao::new(j.1.max(j.2)),
            unbonding_epochs: e.0.1,
            slash_fraction: j.3,
            revision_delay: e.0.2,
        })
    }

    fn participant(seed: u8, stake: Option<u64>) -> GenesisParticipant {
        let key = |byte| sign::hotkey_of(&SigningKey::from_bytes(&[byte; 32]));
        GenesisParticipant {
            hotkey: key(seed),
            coldkey: Coldkey::new(*key(seed ^ 0x80).as_bytes()),
            role: if stake.is_some() { Role::Validator } else { Role::Miner },
            stake: stake.map_or(Rao::ZERO, Rao::new),
            seed_tail: stake.map(|_| Digest::new([seed; 32])),
        }
    }

    prop_compose! {
        fn manifests()(
            hyperparameters in hyperparameters(),
            name in "[ -~]{1,64}",
            salt in any::<[u8; 16]>(),
            times in (1..=7_258_118_400_000_u64, 2_000..=86_400_000_u64),
            // The first is a validator; beyond it the roles come in any order.
            stakes in prop::collection::vec(prop::option::of(1..=1_u64 << 56), 0..8),
            balances in prop::collection::vec(0..=1_u64 << 56, 0..4),
            owned in any::<bool>(),
            word in "[a-z0-9-]{1,64}",
        ) -> Manifest {
            let stakes = std::iter::once(Some(1)).chain(stakes);
            let participants: Vec<_> =
                (1..).zip(stakes).map(|(seed, stake)| participant(seed, stake)).collect();
            let mut accounts: Vec<_> = (100..)
                .zip(balances)
                .map(|(seed, balance)| (participant(seed, None).coldkey, Rao::new(balance)))
                .collect();
            accounts.sort();
            Manifest {
                name,
                salt,
                genesis_time: times.0,
                epoch_ms: times.1,
                phases: Phases::default(),
                task: TaskSpec {
                    task_type: word.clone(),
                    scorer: word,
                    batch_size: 1_024,
                    alpha: 1,
                    score_power: 8,
                    equal_answers_expected: !owned,
                },
                hyperparameters,
                owner: owned.then(|| participants[0].coldkey),
                parent: owned.then(|| CutId::new(salt.repeat(2).try_into().unwrap())),
                registry: owned.then(|| RegistrySource {
                    genesis: Digest::new(salt.repeat(2).try_into().unwrap()),
                    netuid: 65_535,
                    every: RegistrySource::EVERY_MAX,
                }),
                participants,
                accounts,
            }
        }
    }

    proptest! {
        #[test]
        fn a_rendered_manifest_reads_back_as_itself(manifest in manifests()) {
            prop_assert_eq!(manifest.violations(), []);
            let text = render(&manifest);
            prop_assert_eq!(parse("m.toml", &text), Ok(manifest), "{}", text);
        }
    }
}
