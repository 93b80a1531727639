//! The canonical bytes of a manifest; its id is their hash.

use super::{GenesisParticipant, Hyperparameters, Manifest, Phases, Role, TaskSpec};
use crate::codec::{self, Canonical, DecodeError};
use crate::ids::{Coldkey, CutId, Digest, Hotkey};
use crate::registry::RegistrySource;
use crate::{PROTOCOL_VERSION, Rao, proto};

impl Canonical for Manifest {
    type Proto = proto::Manifest;

    fn to_proto(&self) -> proto::Manifest {
        let participants = self.participants.iter().map(|one| proto::GenesisParticipant {
            hotkey: one.hotkey.as_bytes().to_vec(),
            coldkey: one.coldkey.as_bytes().to_vec(),
            role: one.role.number(),
            stake: one.stake.get(),
            seed_tail: one.seed_tail.map(|tail| tail.as_bytes().to_vec()).unwrap_or_default(),
        });
        let accounts = self.accounts.iter().map(|(coldkey, balance)| proto::GenesisAccount {
            coldkey: coldkey.as_bytes().to_vec(),
            balance: balance.get(),
        });
        proto::Manifest {
            version: PROTOCOL_VERSION,
            name: self.name.clone(),
            salt: self.salt.to_vec(),
            genesis_time: self.genesis_time,
            epoch_ms: self.epoch_ms,
            phases: Some(self.phases.to_proto()),
            task: Some(self.task.to_proto()),
            hyperparameters: Some(self.hyperparameters.to_proto()),
            participants: participants.collect(),
            accounts: accounts.collect(),
            owner: self.owner.map(|key| key.as_bytes().to_vec()).unwrap_or_default(),
            parent: self.parent.map(|id| id.as_bytes().to_vec()).unwrap_or_default(),
            registry: self.registry.map(RegistrySource::to_proto),
        }
    }

    fn from_proto(proto: proto::Manifest) -> Result<Self, DecodeError> {
        if proto.version != PROTOCOL_VERSION {
            return Err(DecodeError::field("version", "must be 1"));
        }
        let participants = proto.participants.into_iter().map(|one| {
            Ok(GenesisParticipant {
                hotkey: codec::hash32("hotkey", &one.hotkey, Hotkey::new)?,
                coldkey: codec::hash32("coldkey", &one.coldkey, Coldkey::new)?,
                role: Role::from_number(one.role)?,
                stake: Rao::new(one.stake),
                seed_tail: optional("seed_tail", &one.seed_tail, Digest::new)?,
            })
        });
        let accounts = proto.accounts.into_iter().map(|one| {
            let coldkey = codec::hash32("coldkey", &one.coldkey, Coldkey::new)?;
            Ok((coldkey, Rao::new(one.balance)))
        });
        let missing = |field| DecodeError::field(field, "is missing");
        Ok(Self {
            name: proto.name,
            salt: proto
                .salt
                .try_into()
                .map_err(|_| DecodeError::field("salt", "must be 16 bytes"))?,
            genesis_time: proto.genesis_time,
            epoch_ms: proto.epoch_ms,
            phases: Phases::from_proto(proto.phases.ok_or(missing("phases"))?)?,
            task: TaskSpec::from_proto(proto.task.ok_or(missing("task"))?),
            hyperparameters: Hyperparameters::from_proto(
                proto.hyperparameters.ok_or(missing("hyperparameters"))?,
            )?,
            participants: participants.collect::<Result<_, DecodeError>>()?,
            accounts: accounts.collect::<Result<_, DecodeError>>()?,
            owner: optional("owner", &proto.owner, Coldkey::new)?,
            parent: optional("parent", &proto.parent, CutId::new)?,
            registry: proto.registry.map(RegistrySource::from_proto).transpose()?,
        })
    }
}

fn optional<T>(
    field: &'static str,
    bytes: &[u8],
    wrap: impl FnOnce([u8; 32]) -> T,
) -> Result<Option<T>, DecodeError> {
    if bytes.is_empty() { Ok(None) } else { codec::hash32(field, bytes, wrap).map(Some) }
}

impl RegistrySource {
    fn to_proto(self) -> proto::RegistrySource {
        proto::RegistrySource {
            genesis: self.genesis.as_bytes().to_vec(),
            netuid: self.netuid.into(),
            every: self.every,
        }
    }

    fn from_proto(proto: proto::RegistrySource) -> Result<Self, DecodeError> {
        Ok(Self {
            genesis: codec::hash32("genesis", &proto.genesis, Digest::new)?,
            netuid: codec::u16_field("netuid", proto.netuid)?,
            every: proto.every,
        })
    }
}

impl Phases {
    /// The published message.
    #[must_use]
    pub fn to_proto(self) -> proto::Phases {
        proto::Phases {
            commit_deadline: self.commit_deadline.into(),
            margin: self.margin.into(),
            weights: self.weights.into(),
            least_window: self.least_window.into(),
            grace: self.grace.into(),
            propose: self.propose.into(),
            vote: self.vote.into(),
            delta: self.delta.into(),
        }
    }

    /// Takes the message apart.
    ///
    /// # Errors
    /// Names a field that does not fit 16 bits.
    pub fn from_proto(proto: proto::Phases) -> Result<Self, DecodeError> {
        Ok(Self {
            commit_deadline: codec::u16_field("commit_deadline", proto.commit_deadline)?,
            margin: codec::u16_field("margin", proto.margin)?,
            weights: codec::u16_field("weights", proto.weights)?,
            least_window: codec::u16_field("least_window", proto.least_window)?,
            grace: codec::u16_field("grace", proto.grace)?,
            propose: codec::u16_field("propose", proto.propose)?,
            vote: codec::u16_field("vote", proto.vote)?,
            delta: codec::u16_field("delta", proto.delta)?,
        })
    }
}

impl TaskSpec {
    fn to_proto(&self) -> proto::Task {
        proto::Task {
            r#type: self.task_type.clone(),
            scorer: self.scorer.clone(),
            batch_size: self.batch_size,
            alpha: self.alpha,
            score_power: self.score_power,
            equal_answers_expected: self.equal_answers_expected,
        }
    }

    fn from_proto(proto: proto::Task) -> Self {
        Self {
            task_type: proto.r#type,
            scorer: proto.scorer,
            batch_size: proto.batch_size,
            alpha: proto.alpha,
            score_power: proto.score_power,
            equal_answers_expected: proto.equal_answers_expected,
        }
    }
}

impl Hyperparameters {
    /// The published message.
    #[must_use]
    pub fn to_proto(self) -> proto::Hyperparameters {
        proto::Hyperparameters {
            emission: self.emission.get(),
            kappa: self.kappa.into(),
            yuma3_enabled: self.yuma3_enabled,
            liquid_alpha_enabled: self.liquid_alpha_enabled,
            alpha_low: self.alpha_low.into(),
            alpha_high: self.alpha_high.into(),
            alpha_sigmoid_steepness: self.alpha_sigmoid_steepness.into(),
            bonds_moving_avg: self.bonds_moving_avg,
            bonds_penalty: self.bonds_penalty.into(),
            activity_cutoff: self.activity_cutoff,
            stake_threshold: self.stake_threshold.get(),
            max_validators: self.max_validators.into(),
            max_allowed_uids: self.max_allowed_uids.into(),
            min_allowed_weights: self.min_allowed_weights.into(),
            max_weights_limit: self.max_weights_limit.into(),
            commit_reveal_weights_enabled: self.commit_reveal_weights_enabled,
            registration_allowed: self.registration_allowed,
            max_registrations_per_epoch: self.max_registrations_per_epoch.into(),
            min_difficulty: self.min_difficulty,
            max_difficulty: self.max_difficulty,
            min_balance: self.min_balance.get(),
            reveal_grace: self.reveal_grace.into(),
            weights_rate_limit: self.weights_rate_limit,
            immunity_period: self.immunity_period,
            min_non_immune_uids: self.min_non_immune_uids.into(),
            min_burn: self.min_burn.get(),
            max_burn: self.max_burn.get(),
            unbonding_epochs: self.unbonding_epochs,
            slash_fraction: self.slash_fraction.into(),
            revision_delay: self.revision_delay,
        }
    }

    /// Takes the message apart.
    ///
    /// # Errors
    /// Names a field that does not fit 16 bits. Bounds are checked by [`Manifest::violations`].
    pub fn from_proto(proto: proto::Hyperparameters) -> Result<Self, DecodeError> {
        let narrow = codec::u16_field;
        Ok(Self {
            emission: Rao::new(proto.emission),
            kappa: narrow("kappa", proto.kappa)?,
            yuma3_enabled: proto.yuma3_enabled,
            liquid_alpha_enabled: proto.liquid_alpha_enabled,
            alpha_low: narrow("alpha_low", proto.alpha_low)?,
            alpha_high: narrow("alpha_high", proto.alpha_high)?,
            alpha_sigmoid_steepness: i16::try_from(proto.alpha_sigmoid_steepness)
                .map_err(|_| DecodeError::field("alpha_sigmoid_steepness", "must fit 16 bits"))?,
            bonds_moving_avg: proto.bonds_moving_avg,
            bonds_penalty: narrow("bonds_penalty", proto.bonds_penalty)?,
            activity_cutoff: proto.activity_cutoff,
            stake_threshold: Rao::new(proto.stake_threshold),
            max_validators: narrow("max_validators", proto.max_validators)?,
            max_allowed_uids: narrow("max_allowed_uids", proto.max_allowed_uids)?,
            min_allowed_weights: narrow("min_allowed_weights", proto.min_allowed_weights)?,
            max_weights_limit: narrow("max_weights_limit", proto.max_weights_limit)?,
            commit_reveal_weights_enabled: proto.commit_reveal_weights_enabled,
            registration_allowed: proto.registration_allowed,
            max_registrations_per_epoch: narrow(
                "max_registrations_per_epoch",
                proto.max_registrations_per_epoch,
            )?,
            min_difficulty: proto.min_difficulty,
            max_difficulty: proto.max_difficulty,
            min_balance: Rao::new(proto.min_balance),
            reveal_grace: narrow("reveal_grace", proto.reveal_grace)?,
            weights_rate_limit: proto.weights_rate_limit,
            immunity_period: proto.immunity_period,
            min_non_immune_uids: narrow("min_non_immune_uids", proto.min_non_immune_uids)?,
            min_burn: Rao::new(proto.min_burn),
            max_burn: Rao::new(proto.max_burn),
            unbonding_epochs: proto.unbonding_epochs,
            slash_fraction: narrow("slash_fraction", proto.slash_fraction)?,
            revision_delay: proto.revision_delay,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::manifest;
    use super::*;

    #[test]
    fn the_id_is_of_every_field() {
        let manifest = manifest();
        assert_eq!(manifest.violations(), []);
        let same = Manifest::from_bytes(&manifest.to_bytes(), 1 << 20).unwrap();
        assert_eq!(same.subnet_id(), manifest.subnet_id());
        let registry = RegistrySource { genesis: Digest::new([5; 32]), netuid: 11, every: 100 };
        let followed = Manifest { registry: Some(registry), ..manifest.clone() };
        let same = Manifest::from_bytes(&followed.to_bytes(), 1 << 20).unwrap();
        assert_eq!(same, followed);
        let other = Manifest { salt: [4; 16], ..manifest.clone() };
        for other in [other, followed] {
            assert_ne!(other.subnet_id(), manifest.subnet_id());
        }
    }
}
