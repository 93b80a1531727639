//! What a node of a testnet does, besides what the rules ask.

use ganglion_subnet::Twice;
use ganglion_types::Epoch;
use serde::{Deserialize, Serialize};

use super::spec::Role;

/// `behaviour` of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "lowercase")]
pub enum Behaviour {
    /// What the rules ask.
    #[default]
    Honest,
    /// A validator that publishes what others last showed.
    Copier,
    /// A miner that repeats what another one answered in the round before.
    Lazy,
    /// One model behind many hotkeys; each of them works as it should.
    Clone,
    /// A validator that signs two statements where it may sign one.
    Equivocator {
        /// The first epoch in which it does.
        from_epoch: u64,
        /// Which statements.
        #[serde(with = "twice")]
        twice: Twice,
    },
    /// A validator that commits to rows of weights and never opens them.
    Withholder,
    /// Whose state is changed in memory while it runs: it has to notice, and to stop.
    Damaged {
        /// The epoch that it can then not close as the others do; above 1.
        from_epoch: u64,
    },
    /// Registered, and not there.
    Offline {
        /// The first epoch it is not there for; 1 if it is never started.
        from_epoch: u64,
    },
}

impl Behaviour {
    /// Every one, from the first epoch on.
    pub const ALL: [Self; 8] = [
        Self::Honest,
        Self::Copier,
        Self::Lazy,
        Self::Clone,
        Self::Equivocator { from_epoch: 1, twice: Twice::ALL },
        Self::Withholder,
        Self::Damaged { from_epoch: 2 },
        Self::Offline { from_epoch: 1 },
    ];

    /// The word for people and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Honest => "honest",
            Self::Copier => "copier",
            Self::Lazy => "lazy",
            Self::Clone => "clone",
            Self::Equivocator { .. } => "equivocator",
            Self::Withholder => "withholder",
            Self::Damaged { .. } => "damaged",
            Self::Offline { .. } => "offline",
        }
    }

    /// The behaviour of this name.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == word)
    }

    /// The names, for a rule.
    #[must_use]
    pub fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// Who can behave so; `None` for every role but a bootnode's.
    #[must_use]
    pub const fn role(self) -> Option<Role> {
        match self {
            Self::Honest | Self::Damaged { .. } | Self::Offline { .. } => None,
            Self::Copier | Self::Equivocator { .. } | Self::Withholder => Some(Role::Validator),
            Self::Lazy | Self::Clone => Some(Role::Miner),
        }
    }

    /// The same, beginning with this epoch; `None` if it has no beginning.
    #[must_use]
    pub const fn starting(self, from_epoch: u64) -> Option<Self> {
        match self {
            Self::Equivocator { twice, .. } => Some(Self::Equivocator { from_epoch, twice }),
            Self::Damaged { .. } => Some(Self::Damaged { from_epoch }),
            Self::Offline { .. } => Some(Self::Offline { from_epoch }),
            Self::Honest | Self::Copier | Self::Lazy | Self::Clone | Self::Withholder => None,
        }
    }

    /// Whether the node is never started.
    #[must_use]
    pub const fn never_starts(self) -> bool {
        matches!(self, Self::Offline { from_epoch: 0 | 1 })
    }

    /// Whether the node is to be stopped once `certified` is the last epoch.
    #[must_use]
    pub const fn stops_after(self, certified: u64) -> bool {
        match self {
            Self::Offline { from_epoch } => certified.saturating_add(1) >= from_epoch,
            _ => false,
        }
    }

    /// What its process has to be told; `None` if it works like an honest one's.
    #[must_use]
    pub const fn of_process(self) -> Option<ganglion_subnet::Behaviour> {
        use ganglion_subnet::Behaviour as Process;
        match self {
            Self::Honest | Self::Clone | Self::Offline { .. } => None,
            Self::Copier => Some(Process::Copier),
            Self::Lazy => Some(Process::Lazy),
            Self::Withholder => Some(Process::Withholder),
            Self::Damaged { from_epoch } => Some(Process::Damaged { at: Epoch::new(from_epoch) }),
            Self::Equivocator { from_epoch, twice } => {
                Some(Process::Equivocator { from: Epoch::new(from_epoch), twice })
            }
        }
    }
}

/// What an equivocator says twice, as its text.
mod twice {
    use ganglion_subnet::Twice;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(
        twice: &Twice,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(twice)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Twice, D::Error> {
        let text = String::deserialize(input)?;
        Twice::of(text.split('+')).ok_or_else(|| D::Error::custom("names no statements"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_behaviour_has_a_name_of_its_own() {
        for behaviour in Behaviour::ALL {
            assert_eq!(Behaviour::named(behaviour.name()), Some(behaviour));
        }
        assert_eq!(Behaviour::named("Honest"), None);
    }

    #[test]
    fn who_goes_offline_is_away_for_the_whole_epoch_named() {
        let offline = |from_epoch| Behaviour::Offline { from_epoch };
        assert!(offline(1).never_starts() && !offline(2).never_starts());
        assert!(!offline(5).stops_after(3));
        assert!(offline(5).stops_after(4) && offline(5).stops_after(9));
        assert!(!Behaviour::Honest.stops_after(u64::MAX));
    }

    #[test]
    fn only_what_begins_can_begin_later() {
        for behaviour in Behaviour::ALL {
            let later = behaviour.starting(7);
            let begins = matches!(behaviour.name(), "equivocator" | "damaged" | "offline");
            assert_eq!(later.is_some(), begins);
            assert!(later.is_none_or(|later| later.name() == behaviour.name()));
        }
    }
}
