//! What a manifest means in time and in power.

use ganglion_types::{GenesisParticipant, Manifest, Rao, Role};

/// Something that happens in every epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Stable word for machines.
    pub name: &'static str,
    /// Milliseconds after the window opened, or for agreement after the lists are held.
    pub at_ms: u64,
    /// In plain words.
    pub what: String,
}

/// The moments of an epoch in their order, at the manifest's epoch length.
#[must_use]
pub fn timetable(manifest: &Manifest) -> Vec<Moment> {
    let phases = &manifest.phases;
    let ms = |thousandths: u16| manifest.epoch_ms.saturating_mul(u64::from(thousandths)) / 1_000;
    let moment = |name, at_ms, what: &str| Moment { name, at_ms, what: what.into() };
    let outputs = phases.commit_deadline.saturating_add(phases.margin);
    let silent = phases.propose.saturating_add(phases.vote);
    vec![
        moment("open", 0, "the window opens: validators publish tasks, miners answer"),
        moment("commit_deadline", ms(phases.commit_deadline), "miners' output commitments close"),
        moment("outputs", ms(outputs), "miners show their outputs, validators score them"),
        moment("weights", ms(phases.weights), "validators publish their weights"),
        moment("least_window", ms(phases.least_window), "earliest close, after a late epoch"),
        moment("close", manifest.epoch_ms, "the window closes: validators list what they hold"),
        moment(
            "grace",
            manifest.epoch_ms.saturating_add(ms(phases.grace)),
            "agreement begins, if lists of more than 2/3 of the stake are held",
        ),
        moment(
            "second_round",
            manifest.epoch_ms.saturating_add(ms(phases.grace.saturating_add(silent))),
            "the next proposer's turn, if the first was silent",
        ),
    ]
}

/// The stake that votes at genesis and what can be done with how much of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committee {
    /// Uid and stake of each member, most stake first.
    pub members: Vec<(usize, Rao)>,
    total: u128,
}

impl Committee {
    /// The validators with stake, at most `max_validators`, most stake and then lower uid first.
    #[must_use]
    pub fn of(participants: &[GenesisParticipant], max_validators: u16) -> Self {
        let mut members: Vec<(usize, Rao)> = participants
            .iter()
            .enumerate()
            .filter(|(_, one)| one.role == Role::Validator && !one.stake.is_zero())
            .map(|(uid, one)| (uid, one.stake))
            .collect();
        members.sort_by_key(|(uid, stake)| (std::cmp::Reverse(*stake), *uid));
        members.truncate(usize::from(max_validators));
        let total = members.iter().map(|(_, stake)| u128::from(stake.get())).sum();
        Self { members, total }
    }

    /// All of it.
    #[must_use]
    pub fn total(&self) -> Rao {
        rao(self.total)
    }

    /// The least stake that certifies an epoch: strictly more than two thirds.
    #[must_use]
    pub fn to_certify(&self) -> Rao {
        rao(self.total * 2 / 3 + 1)
    }

    /// The least stake whose absence halts the subnet: what it leaves is not above two thirds.
    #[must_use]
    pub fn to_halt(&self) -> Rao {
        rao(self.total - self.total * 2 / 3)
    }

    /// How few members together hold `stake`.
    #[must_use]
    pub fn fewest_holding(&self, stake: Rao) -> usize {
        let mut held: u128 = 0;
        let short = self.members.iter().take_while(|(_, stake_of_one)| {
            let is_short = held < u128::from(stake.get());
            held += u128::from(stake_of_one.get());
            is_short
        });
        short.count()
    }

    /// A part of the whole as `28.0 %`, rounded down.
    #[must_use]
    pub fn share(&self, part: Rao) -> String {
        let tenths = u128::from(part.get()) * 1_000 / self.total.max(1);
        format!("{}.{} %", tenths / 10, tenths % 10)
    }
}

fn rao(amount: u128) -> Rao {
    Rao::new(u64::try_from(amount).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use ganglion_types::{Coldkey, Hotkey};

    use super::*;

    fn committee(stakes: &[u64], seats: u16) -> Committee {
        let participants: Vec<GenesisParticipant> = stakes
            .iter()
            .map(|stake| GenesisParticipant {
                hotkey: Hotkey::default(),
                coldkey: Coldkey::default(),
                role: if *stake == 0 { Role::Miner } else { Role::Validator },
                stake: Rao::new(*stake),
                seed_tail: None,
            })
            .collect();
        Committee::of(&participants, seats)
    }

    #[test]
    fn what_certifies_and_what_halts_follow_the_strict_quorum() {
        for stakes in [&[1][..], &[1, 1], &[1, 1, 1], &[28, 26, 24, 22], &[7, 7, 7, 1], &[5, 0, 4]]
        {
            let committee = committee(stakes, 64);
            let total = u128::from(committee.total().get());
            let quorum = |held: u128| 3 * held > 2 * total;
            let certify = u128::from(committee.to_certify().get());
            assert!(quorum(certify) && !quorum(certify - 1), "{stakes:?}");
            let halt = u128::from(committee.to_halt().get());
            assert!(!quorum(total - halt) && quorum(total - halt + 1), "{stakes:?}");
        }
    }

    #[test]
    fn the_default_testnet_survives_one_validator_and_not_two() {
        let committee = committee(&[28, 26, 24, 22], 64);
        assert_eq!(committee.fewest_holding(committee.to_halt()), 2);
        assert_eq!(committee.fewest_holding(committee.to_certify()), 3);
        assert_eq!(committee.share(Rao::new(28)), "28.0 %");
    }

    #[test]
    fn seats_go_to_the_most_stake_and_then_the_lower_uid() {
        let committee = committee(&[5, 9, 0, 9, 5], 3);
        let uids: Vec<usize> = committee.members.iter().map(|(uid, _)| *uid).collect();
        assert_eq!(uids, [1, 3, 0]);
        assert_eq!(committee.total(), Rao::new(23));
    }
}
