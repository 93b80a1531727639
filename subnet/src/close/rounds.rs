//! What a new round changes: what only served an older one goes.
//!
//! Liars can sign any number of lists, propose any number of cuts, and name any number of items. What is
//! held or wanted for their sake alone must not stand in the way of what others propose, so it lasts for
//! their round.

use std::collections::BTreeSet;

use ganglion_types::{Canonical as _, Digest, ItemId, Proposal, Round};

use super::{Close, JUDGING, proposes};
use crate::fetch::Want;
use crate::participant::Participant;

impl Participant {
    pub(super) fn round_begins(&mut self, round: Round) {
        let forgotten = self.close.voices.round_begins(round, &self.committee);
        self.close.gossiped.retain(|digest| !forgotten.contains(digest));
        self.differences.round_passed(&forgotten);
        self.forget_old_proposals(round);
        self.forget_named();
    }

    /// The current round of the engine.
    pub(super) fn round(&self) -> Round {
        self.close.engine.as_ref().map_or(Round::default(), |engine| engine.round())
    }

    /// Notes that a proposal is to be judged. If there are too many, the one whose round is furthest from
    /// the current one goes.
    pub(super) fn judge_later(&mut self, proposal: Proposal) {
        let current = self.round().get();
        self.close.judging.push(proposal);
        if self.close.judging.len() > JUDGING
            && let Some((_, furthest)) = (self.close.judging.iter().enumerate())
                .map(|(at, one)| (one.round.get().abs_diff(current), at))
                .max()
        {
            self.close.judging.remove(furthest);
        }
    }

    /// A cut of an older round is of use only if somebody may be locked on it.
    fn forget_old_proposals(&mut self, round: Round) {
        let locked = self.close.voices.polka();
        self.close
            .judging
            .retain(|one| one.round >= round || locked.is_some_and(|(_, cut)| one.cut.id() == cut));
    }

    /// Of each member those lists stay that came first; then what a proposal or the log names, the items
    /// that must be in a cut, and the wish for what of all this is missing.
    fn forget_named(&mut self) {
        let mut needed = self.cited();
        needed.extend(self.listed_by_a_third());
        let Close { lists, first, second, bodies, named, named_bytes, logged, .. } =
            &mut self.close;
        let first: BTreeSet<ItemId> = first.values().copied().collect();
        let in_log = |id: &ItemId| logged.contains(&Digest::new(*id.as_bytes()));
        lists.retain(|id, _| {
            first.contains(id) || second.contains(id) || needed.contains(id) || in_log(id)
        });
        let listed: BTreeSet<Digest> = lists.values().map(|(list, _)| list.body).collect();
        bodies.retain(|digest, _| listed.contains(digest));
        named.retain(|id, _| needed.contains(id) || in_log(id));
        *named_bytes =
            named.values().fold(0, |bytes, item| bytes.saturating_add(item.encoded_len()));
        self.fetch.retain(|want| match want {
            Want::Item(id) => needed.contains(id),
            Want::Body(digest) => listed.contains(digest),
        });
    }

    /// Lists and items of the proposals that are judged, and of the one that somebody may be locked on.
    fn cited(&self) -> BTreeSet<ItemId> {
        let locked = self.close.voices.polka().map(|(_, cut)| cut);
        let locked = self.close.voices.messages().filter_map(|message| proposes(message, &locked?));
        let judged = self.close.judging.iter();
        judged
            .chain(locked)
            .flat_map(|one| one.cut.lists.iter().chain(&one.cut.items))
            .copied()
            .collect()
    }
}
