//! What an epoch's items came to, counted when it is stored and told when it is known how it was closed.

use std::collections::{BTreeMap, BTreeSet};

use ganglion_consensus::ledger::{CommitKey, Outcome, State};
use ganglion_subnet::Commit;
use ganglion_types::{Body, Evidence, ItemId};

/// Kinds of evidence.
pub(super) const OFFENCES: [&str; 4] = ["vote", "proposal", "weights", "weight_commit"];
/// What becomes of a hidden row of weights.
pub(super) const REVEALS: [&str; 5] =
    ["applied", "superseded", "equivocated", "outdated", "expired"];

/// What an epoch's items came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Evidence that took effect, by kind.
    pub offences: BTreeMap<&'static str, u64>,
    /// Hidden rows that were shown, or not, by what became of them.
    pub reveals: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Counts an epoch; `before` is the state that it was executed on.
    #[must_use]
    pub fn of(commit: &Commit, before: &State) -> Self {
        let outcomes: BTreeMap<ItemId, &Outcome> =
            commit.receipts.iter().map(|receipt| (receipt.item, &receipt.outcome)).collect();
        let mut tally = Self::default();
        let mut shown: BTreeSet<CommitKey> = BTreeSet::new();
        for item in &commit.bundle.items {
            match item.body() {
                Body::Evidence(evidence)
                    if outcomes.get(&item.id()) == Some(&&Outcome::Applied) =>
                {
                    *tally.offences.entry(offence(evidence)).or_default() += 1;
                }
                Body::WeightReveal(reveal) => {
                    if let Some(uid) = before.uid_of(&reveal.signer) {
                        shown.insert(CommitKey { uid, mechid: reveal.mechid, epoch: reveal.epoch });
                    }
                    if let Some(word) = outcomes.get(&item.id()).and_then(|found| word(found)) {
                        *tally.reveals.entry(word).or_default() += 1;
                    }
                }
                _ => {}
            }
        }
        let gone = before
            .commits()
            .filter(|(key, _)| commit.state.commit(key).is_none() && !shown.contains(key));
        let gone = u64::try_from(gone.count()).unwrap_or(u64::MAX);
        if gone > 0 {
            tally.reveals.insert("expired", gone);
        }
        tally
    }
}

fn offence(evidence: &Evidence) -> &'static str {
    let name = evidence.kind().name();
    OFFENCES.into_iter().find(|known| *known == name).unwrap_or("vote")
}

/// None for what only waits.
const fn word(outcome: &Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Applied => Some("applied"),
        Outcome::Superseded { .. } => Some("superseded"),
        Outcome::Equivocated => Some("equivocated"),
        Outcome::Outdated { .. } => Some("outdated"),
        Outcome::Gap { .. } | Outcome::Failed(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use ganglion_types::{
        CutId, Digest, Epoch, Item, Round, Vote, VoteType, WeightCommit, WeightReveal, weights,
    };

    use super::*;
    use crate::metrics::fixture::{close, element, genesis, hotkey, key};

    fn reveal(state: &State, number: u8, epoch: u64) -> WeightReveal {
        let scope = weights::CommitScope { epoch: Epoch::new(epoch), mechid: 0 };
        WeightReveal {
            signer: hotkey(number),
            mechid: 0,
            epoch: Epoch::new(epoch),
            seq: 10 + epoch,
            committer: hotkey(number),
            entries: vec![(2, u16::MAX)],
            score_root: Digest::ZERO,
            salt: weights::salt(&key(number), state.subnet(), scope, epoch),
            task_preimage: element(number, epoch),
        }
    }

    fn commit(state: &State, number: u8, epoch: u64) -> Item {
        let body = WeightCommit {
            signer: hotkey(number),
            mechid: 0,
            epoch: Epoch::new(epoch),
            seq: epoch,
            commitment: reveal(state, number, epoch).commitment(state.subnet()),
        };
        Item::sign(*state.subnet(), Body::WeightCommit(body), &key(number))
    }

    #[test]
    fn a_row_that_is_shown_is_applied_and_one_that_never_is_expires() {
        let mut state = genesis(true);
        let first = close(&state, vec![commit(&state, 1, 1), commit(&state, 2, 1)]);
        assert_eq!(Tally::of(&first, &state), Tally::default());
        state = (*first.state).clone();
        let shown = Body::WeightReveal(reveal(&state, 1, 1));
        let second = close(&state, vec![Item::sign(*state.subnet(), shown, &key(1))]);
        let tally = Tally::of(&second, &state);
        assert_eq!(tally.reveals, [("applied", 1)].into());
        state = (*second.state).clone();
        let mut expired = 0;
        for _ in 0..8 {
            let next = close(&state, Vec::new());
            let tally = Tally::of(&next, &state);
            assert!(tally.offences.is_empty() && tally.reveals.len() <= 1);
            expired += tally.reveals.get("expired").copied().unwrap_or(0);
            state = (*next.state).clone();
        }
        assert_eq!(expired, 1);
    }

    #[test]
    fn evidence_that_takes_effect_is_counted_once() {
        let state = genesis(true);
        let vote = |round: u32, cut: u8| {
            let cut = Some(CutId::new([cut; 32]));
            let (epoch, round) = (Epoch::new(1), Round::new(round));
            Vote::sign(state.subnet(), VoteType::Prevote, epoch, round, cut, &key(2))
        };
        let evidence = |round: u32| {
            let (one, other) = (vote(round, 1), vote(round, 2));
            Item::evidence(*state.subnet(), Evidence::of_votes(&one, &other).unwrap())
        };
        // Only one of two against the same key takes effect.
        let closed = close(&state, vec![evidence(0), evidence(1)]);
        let tally = Tally::of(&closed, &state);
        assert_eq!((tally.offences, tally.reveals.len()), ([("vote", 1)].into(), 0));
        assert!(closed.state.chain().slashed.get() > 0);
    }
}
