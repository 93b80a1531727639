//! How a participant misbehaves, for testnets: what the rules cost whoever breaks them.
//!
//! Nobody else gets here: a participant is honest unless its [`Config`](crate::Config) says otherwise.
//! Each departs from the honest path in one place and keeps to it everywhere else:
//! ```text
//! behaviour    where             instead of the honest step
//! copier       publish_weights   the stake-weighted mean of the rows that others last showed
//! lazy         on_task_batch     what another miner answered in the round before
//! equivocator  say, publish      beside each own vote, proposal or row of weights a second one
//! withholder   reveal_weights    nothing: what it committed to stays closed
//! damaged      open_window       once, before the window of an epoch: another state than it had
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use ganglion_consensus::ledger::{State, Table};
use ganglion_types::weights::max_upscale;
use ganglion_types::{
    AgreementMessage, Body, Canonical as _, CutId, Digest, Epoch, Item, OutputBatch, Payload,
    Proposal, TaskBatch, Vote, agreement, sign,
};

use crate::effect::Effect;
use crate::input::Channel;
use crate::participant::Participant;

/// What a participant does. As text: `honest`, `copier`, `lazy`, `withholder`, `equivocator@5`, or
/// `equivocator@5:votes+weights` for one that does not double everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// What the rules ask.
    #[default]
    Honest,
    /// A validator that publishes what other validators last showed.
    Copier,
    /// A miner that repeats what another one answered.
    Lazy,
    /// A validator that signs two statements where it may sign one.
    Equivocator {
        /// The first epoch in which it does.
        from: Epoch,
        /// Which statements.
        twice: Twice,
    },
    /// A validator that commits to rows of weights and never opens them.
    Withholder,
    /// Whose state is changed in memory, as a bad chip or a bug would change it.
    Damaged {
        /// The first epoch that it closes with that state. One that begins with this epoch, or later,
        /// is whole.
        at: Epoch,
    },
}

/// What an equivocator says twice: at least one kind of statement. As text: `votes+proposals`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Twice {
    votes: bool,
    proposals: bool,
    weights: bool,
}

impl Twice {
    /// Every kind of statement.
    pub const ALL: Self = Self { votes: true, proposals: true, weights: true };
    /// The words for the kinds.
    pub const WORDS: [&str; 3] = ["votes", "proposals", "weights"];

    /// The kinds of these words; `None` if there is none, or one is no such word.
    #[must_use]
    pub fn of<'w>(words: impl Iterator<Item = &'w str>) -> Option<Self> {
        let mut twice = Self { votes: false, proposals: false, weights: false };
        for word in words {
            match word {
                "votes" => twice.votes = true,
                "proposals" => twice.proposals = true,
                "weights" => twice.weights = true,
                _ => return None,
            }
        }
        (twice.votes || twice.proposals || twice.weights).then_some(twice)
    }
}

impl fmt::Display for Twice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = [self.votes, self.proposals, self.weights];
        let words = Self::WORDS.into_iter().zip(said).filter(|(_, said)| *said);
        for (at, (word, _)) in words.enumerate() {
            write!(f, "{}{word}", if at > 0 { "+" } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Honest => f.write_str("honest"),
            Self::Copier => f.write_str("copier"),
            Self::Lazy => f.write_str("lazy"),
            Self::Equivocator { from, twice: Twice::ALL } => write!(f, "equivocator@{from}"),
            Self::Equivocator { from, twice } => write!(f, "equivocator@{from}:{twice}"),
            Self::Withholder => f.write_str("withholder"),
            Self::Damaged { at } => write!(f, "damaged@{at}"),
        }
    }
}

/// A text that names no behaviour.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be honest, copier, lazy, withholder, damaged@EPOCH or \
     equivocator@EPOCH[:votes+proposals+weights]"
)]
pub struct UnknownBehaviour;

impl FromStr for Behaviour {
    type Err = UnknownBehaviour;

    fn from_str(text: &str) -> Result<Self, UnknownBehaviour> {
        match text.split_once('@') {
            None if text == "honest" => Ok(Self::Honest),
            None if text == "copier" => Ok(Self::Copier),
            None if text == "lazy" => Ok(Self::Lazy),
            None if text == "withholder" => Ok(Self::Withholder),
            Some(("damaged", at)) => {
                let at = at.parse().map(Epoch::new).map_err(|_| UnknownBehaviour)?;
                Ok(Self::Damaged { at })
            }
            Some(("equivocator", text)) => {
                let (from, twice) = match text.split_once(':') {
                    None => (text, Some(Twice::ALL)),
                    Some((from, words)) => (from, Twice::of(words.split('+'))),
                };
                let from = from.parse().map(Epoch::new).map_err(|_| UnknownBehaviour)?;
                Ok(Self::Equivocator { from, twice: twice.ok_or(UnknownBehaviour)? })
            }
            _ => Err(UnknownBehaviour),
        }
    }
}

/// What a lazy miner has overheard: one batch of answers of one other miner. Empty for all others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overheard(Vec<Payload>);

impl Overheard {
    /// As many answers as there are tasks, over and over the same if there are fewer; `None` while
    /// nothing was heard.
    fn answers(&self, tasks: usize) -> Option<Vec<Payload>> {
        (!self.0.is_empty()).then(|| self.0.iter().cycle().take(tasks).cloned().collect())
    }
}

/// The stake-weighted mean of rows, each scaled to its validator's stake; largest value 65535.
fn mean_row<'r>(rows: impl Iterator<Item = (u64, &'r [(u16, u16)])>) -> Vec<(u16, u16)> {
    let mut sums: BTreeMap<u16, u64> = BTreeMap::new();
    for (stake, row) in rows {
        let total = row.iter().fold(0u128, |sum, entry| sum.saturating_add(entry.1.into()));
        for (uid, value) in row {
            let part = u128::from(stake).saturating_mul((*value).into());
            let part = u64::try_from(part.checked_div(total).unwrap_or(0)).unwrap_or(u64::MAX);
            let sum = sums.entry(*uid).or_insert(0);
            *sum = sum.saturating_add(part);
        }
    }
    let sums: Vec<(u16, u64)> = sums.into_iter().collect();
    let mut row = max_upscale(&sums);
    row.retain(|entry| entry.1 > 0);
    row
}

impl Participant {
    /// The row of weights to publish: our own scores, unless we copy.
    pub(crate) fn row_to_publish(&self) -> Vec<(u16, u16)> {
        if self.config.behaviour == Behaviour::Copier {
            return self.copied_row();
        }
        let limit = self.state.hyperparameters().max_weights_limit;
        self.scores.weights(&self.miners(), &self.config.manifest.task, limit)
    }

    /// What the state after the last cut shows of the others' rows.
    fn copied_row(&self) -> Vec<(u16, u16)> {
        let others = self.state.participants().filter(|(_, seat)| Some(seat.hotkey) != self.me);
        let mut row =
            mean_row(others.map(|(uid, seat)| (seat.stake.get(), self.state.weights(uid))));
        let miners = self.miners();
        row.retain(|(uid, _)| miners.iter().any(|(miner, _)| miner == uid));
        row
    }

    /// Whether we answer without our worker; a lazy miner that has heard nothing stays silent.
    pub(crate) const fn is_lazy(&self) -> bool {
        matches!(self.config.behaviour, Behaviour::Lazy)
    }

    /// Whether our commits stay closed.
    pub(crate) const fn withholds(&self) -> bool {
        matches!(self.config.behaviour, Behaviour::Withholder)
    }

    /// Damaged: two accounts have changed places from now on, in this process and nowhere else.
    pub(crate) fn take_damage(&mut self) {
        let Behaviour::Damaged { at } = self.config.behaviour else { return };
        if self.closing() != at || self.began >= at {
            return;
        }
        let mut rows = self.state.rows();
        let accounts = Table::Accounts.number();
        let mut found = rows.iter_mut().filter(|((table, _), _)| *table == accounts);
        let Some((_, first)) = found.next() else { return };
        let Some((_, second)) = found.find(|(_, row)| *row != first) else { return };
        std::mem::swap(first, second);
        let (manifest, head) = (Arc::clone(self.state.manifest()), self.state.head());
        if let Ok(state) = State::from_rows(manifest, head, &rows) {
            self.state = state;
        }
    }

    /// Lazy: the answers to a batch of tasks.
    pub(crate) fn overheard_answers(&self, batch: &TaskBatch) -> Option<Vec<Payload>> {
        self.overheard.answers(batch.inputs.len())
    }

    /// Lazy: keeps the answers of another miner for the next round.
    pub(crate) fn overhear(&mut self, batch: &OutputBatch) {
        let first = batch.batches.first().filter(|_| Some(batch.signer) != self.me);
        if let Some(answers) = first.filter(|_| self.is_lazy()) {
            self.overheard = Overheard(answers.outputs.clone());
        }
    }

    /// What an equivocator says twice in this epoch; `None` for everybody else.
    fn says_twice(&self, epoch: Epoch) -> Option<Twice> {
        match self.config.behaviour {
            Behaviour::Equivocator { from, twice } if epoch >= from => Some(twice),
            _ => None,
        }
    }

    /// Equivocator: says the contrary of an own vote or proposal as well. The engine never learns of
    /// it.
    pub(crate) fn contradict(&mut self, said: &AgreementMessage) {
        let (Some(twice), Some(key)) = (self.says_twice(said.epoch()), &self.config.key) else {
            return;
        };
        let subnet = &self.subnet;
        let second = match said {
            AgreementMessage::Vote(vote) if twice.votes && Some(vote.signer) == self.me => {
                let cut = contrary(vote.cut, self.state.head());
                let (kind, epoch, round) = (vote.vote_type, vote.epoch, vote.round);
                AgreementMessage::Vote(Vote::sign(subnet, kind, epoch, round, cut, key))
            }
            AgreementMessage::Proposal(one) if twice.proposals && Some(one.signer) == self.me => {
                let mut second = Proposal::clone(one);
                second.cut.time = second.cut.time.saturating_add(1);
                let (epoch, round, cut) = (second.epoch, second.round, second.cut.id());
                let hash = agreement::proposal_hash(subnet, epoch, round, second.pol_round, &cut);
                second.signature = sign::sign(key, &hash);
                AgreementMessage::Proposal(Box::new(second))
            }
            _ => return,
        };
        // Should it come back to us, it is not a twin's.
        self.close.voices.note_echo(crate::close::message_digest(&second));
        self.send(Effect::Publish(Channel::Agreement, second.to_bytes()));
    }

    /// Equivocator: signs another row, or another commit, under the number of an own one.
    pub(crate) fn contradict_weights(&mut self, said: &Item) {
        if !self.says_twice(self.closing()).is_some_and(|twice| twice.weights) {
            return;
        }
        let second = match said.body().clone() {
            Body::WeightCommit(mut commit) => {
                commit.commitment = Digest::new(commit.commitment.as_bytes().map(|byte| !byte));
                Body::WeightCommit(commit)
            }
            Body::Weights(mut weights) => {
                let Some(entries) = other_row(&weights.entries) else { return };
                weights.entries = entries;
                Body::Weights(weights)
            }
            _ => return,
        };
        if let Some(second) = self.signed(second) {
            self.send(Effect::Publish(Channel::Weights, second.to_bytes()));
        }
    }
}

/// A row that differs and is as admissible: one value that is not the largest moves by one. `None` if
/// there is but one entry.
fn other_row(row: &[(u16, u16)]) -> Option<Vec<(u16, u16)>> {
    let largest = row.iter().position(|entry| entry.1 == u16::MAX)?;
    let mut row = row.to_vec();
    let (_, (_, value)) = row.iter_mut().enumerate().find(|(at, _)| *at != largest)?;
    *value = value.checked_add(1).unwrap_or(u16::MAX.saturating_sub(1));
    Some(row)
}

/// Nil for a cut, and for nil a cut that is none of this epoch.
const fn contrary(cut: Option<CutId>, other: CutId) -> Option<CutId> {
    match cut {
        Some(_) => None,
        None => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_behaviour_is_read_as_it_is_written() {
        for behaviour in [
            Behaviour::Honest,
            Behaviour::Copier,
            Behaviour::Lazy,
            Behaviour::Equivocator { from: Epoch::new(7), twice: Twice::ALL },
            Behaviour::Equivocator {
                from: Epoch::new(7),
                twice: Twice::of(["weights", "votes"].into_iter()).unwrap(),
            },
            Behaviour::Withholder,
            Behaviour::Damaged { at: Epoch::new(4) },
        ] {
            assert_eq!(behaviour.to_string().parse(), Ok(behaviour));
        }
        for wrong in [
            "",
            "Copier",
            "copier@5",
            "equivocator",
            "equivocator@",
            "equivocator@-1",
            "damaged",
            "equivocator@1:",
            "equivocator@1:votes+lists",
        ] {
            assert_eq!(wrong.parse::<Behaviour>(), Err(UnknownBehaviour), "{wrong}");
        }
    }

    #[test]
    fn a_copied_row_is_the_mean_by_stake_whatever_the_scale_of_a_row() {
        // Shares 1/4, 3/4 at stake 3 and 1, 0 at stake 1: 1.75 to 2.25.
        let rows = [(3_000, &[(4, 100), (5, 300)][..]), (1_000, &[(4, 65_535)][..])];
        assert_eq!(mean_row(rows.into_iter()), [(4, 50_972), (5, 65_535)]);
        assert_eq!(mean_row([(5, &[][..])].into_iter()), []);
        assert_eq!(mean_row([(0, &[(1, 9)][..])].into_iter()), []);
    }

    #[test]
    fn overheard_answers_fill_any_number_of_tasks() {
        let one = |byte: u8| Payload::Inline(vec![byte]);
        let overheard = Overheard(vec![one(1), one(2)]);
        assert_eq!(overheard.answers(3), Some(vec![one(1), one(2), one(1)]));
        assert_eq!(Overheard::default().answers(3), None);
    }

    #[test]
    fn a_second_row_differs_in_one_value_and_stays_upscaled() {
        assert_eq!(other_row(&[(1, 65_535), (2, 9)]), Some(vec![(1, 65_535), (2, 10)]));
        assert_eq!(other_row(&[(1, 65_535), (2, 65_535)]), Some(vec![(1, 65_535), (2, 65_534)]));
        assert_eq!(other_row(&[(1, 65_535)]), None);
        assert_eq!(other_row(&[]), None);
    }

    #[test]
    fn a_second_vote_differs_from_the_first() {
        let (cut, head) = (CutId::new([1; 32]), CutId::new([2; 32]));
        assert_eq!(contrary(Some(cut), head), None);
        assert_eq!(contrary(None, head), Some(head));
    }
}
