//! The cut: built, judged, decided.

use std::collections::{BTreeMap, BTreeSet};

use ganglion_consensus::agreement::inclusion::{CutContext, List};
use ganglion_consensus::agreement::{Decision, inclusion};
use ganglion_consensus::ledger::{
    Executed, KindCounts, admissible, execute, propose_items, required,
};
use ganglion_types::sign::tagged_hash;
use ganglion_types::{Cut, Hotkey, Item, ItemId, Kind, Proposal, Round};

use super::{EXECUTIONS, proposes};
use crate::divergence::differing_root;
use crate::effect::{Disagreement, Effect, Report};
use crate::fetch::Want;
use crate::participant::Participant;

impl Participant {
    /// As the proposer: repeats the cut that others may be locked on, or builds one once every item that
    /// must be in is held.
    pub(super) fn try_build(&mut self) {
        let Some(round) = self.close.build else { return };
        if let Some(cut) = self.supported_cut() {
            self.close.build = None;
            self.propose(round, cut);
            return;
        }
        let lists = self.close.complete();
        let mut cited: Vec<ItemId> = lists.iter().map(List::id).collect();
        cited.sort_unstable();
        let Ok(demanded) = self.demanded(&lists) else { return };
        let demanded: Vec<Item> = demanded.into_iter().cloned().collect();
        self.close.build = None;
        let held: Vec<Item> = self.pool.iter().cloned().collect();
        let ids = propose_items(&self.state, &demanded, &held);
        let time = inclusion::median_time(&self.committee, &lists, self.last_time);
        let Some((items, executed)) = self.execute_ids(&ids, time) else { return };
        let cut = Cut {
            subnet: self.subnet,
            epoch: self.close.epoch,
            prev: self.state.head(),
            lists: cited,
            items: items.iter().map(Item::id).collect(),
            time,
            registry: executed.state().registry_digest(),
            result_root: executed.roots.result_root,
            state_root: executed.roots.state_root,
            next_committee_root: executed.roots.next_committee_root,
        };
        self.propose(round, cut);
    }

    fn propose(&mut self, round: Round, cut: Cut) {
        self.keep_cut(&cut);
        if let Some(engine) = &mut self.close.engine {
            let outputs = engine.propose(round, cut);
            self.run_engine(outputs);
        }
    }

    /// The cut with the newest polka known here, if it is held and valid. The engine repeats by itself
    /// what had a polka in a round that this member was in; a polka that it heard of later counts as
    /// much (`docs/spec/agreement.md`, section 4, rule 1): whoever is locked on that cut votes for no
    /// other, and may be needed.
    fn supported_cut(&mut self) -> Option<Cut> {
        let (_, id) = self.close.voices.newest_polka(&self.committee)?;
        let proposal = self.close.voices.messages().find_map(|one| proposes(one, &id))?.clone();
        (self.judge(&proposal) == Some(true)).then_some(proposal.cut)
    }

    /// Executes items by id, once per set; `None` if one is missing or they cannot be executed, which
    /// is said.
    pub(super) fn execute_ids(
        &mut self,
        ids: &[ItemId],
        time: u64,
    ) -> Option<(Vec<Item>, Executed)> {
        let items: Vec<Item> =
            ids.iter().map(|id| self.item(id).cloned()).collect::<Option<_>>()?;
        let clock = time.to_be_bytes();
        let mut parts: Vec<&[u8]> = vec![&clock];
        parts.extend(ids.iter().map(|id| id.as_bytes().as_slice()));
        let key = tagged_hash("ganglion/item-set", &parts);
        if let Some(executed) = self.close.executed.get(&key) {
            return Some((items, executed.clone()));
        }
        self.out.insert(0, Effect::Report(Report::Executed));
        match execute(&self.state, time, &items) {
            Ok(executed) => {
                if self.close.executed.len() >= EXECUTIONS {
                    self.close.executed.pop_first();
                }
                self.close.executed.insert(key, executed.clone());
                Some((items, executed))
            }
            Err(error) => {
                let note = format!("epoch {} cannot be executed: {error}", self.close.epoch);
                self.report(Report::Odd(note));
                None
            }
        }
    }

    /// Judges every proposal whose lists, bodies and items are all held.
    pub(super) fn try_judge(&mut self) {
        let pending = std::mem::take(&mut self.close.judging);
        let epoch = self.close.epoch;
        for proposal in pending {
            if self.close.epoch != epoch {
                return;
            }
            // Liars may sign proposals of any round to come: what those name is not fetched before.
            let verdict = (proposal.round <= self.round()).then(|| self.judge(&proposal)).flatten();
            match verdict {
                None => self.close.judging.push(proposal),
                Some(valid) => {
                    if valid {
                        self.keep_cut(&proposal.cut);
                    }
                    if let Some(engine) = &mut self.close.engine {
                        let outputs = engine.judged(proposal.cut.id(), valid);
                        self.run_engine(outputs);
                    }
                }
            }
        }
    }

    /// Whether a cut is valid; `None` while something that it names is missing.
    pub(super) fn judge(&mut self, proposal: &Proposal) -> Option<bool> {
        let cut = &proposal.cut;
        // Subnet, epoch and the cut before are right: the engine asks for no other judgement.
        if !self.hold_everything(proposal) {
            return None;
        }
        let lists: Vec<List> = cut.lists.iter().filter_map(|id| self.close.whole(id)).collect();
        let excused = self.excused(&lists)?;
        let items: Vec<&Item> = cut.items.iter().filter_map(|id| self.item(id)).collect();
        let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
        for item in &items {
            let count = kinds.entry(item.kind()).or_insert(0);
            *count = count.saturating_add(1);
        }
        let context = CutContext {
            subnet: self.subnet,
            epoch: self.close.epoch,
            previous: self.state.head(),
            previous_time: self.last_time,
            committee: &self.committee,
            excused: &excused,
        };
        let broken = inclusion::check_cut(cut, &context, &lists, &kinds)
            .map_err(|error| error.to_string())
            .and_then(|()| {
                let counts = KindCounts::of(items.iter().copied());
                counts.check().map_err(|error| error.to_string())
            })
            .and_then(|()| {
                let mut checked = items.iter().map(|item| admissible(&self.state, item));
                checked.find_map(Result::err).map_or(Ok(()), |error| Err(error.to_string()))
            });
        if let Err(rule) = broken {
            let round = proposal.round;
            let note = format!("round {round} of epoch {}: invalid cut: {rule}", cut.epoch);
            self.report(Report::Odd(note));
            return Some(false);
        }
        let ids = cut.items.clone();
        let Some((_, executed)) = self.execute_ids(&ids, cut.time) else { return Some(false) };
        let registry = executed.state().registry_digest();
        if cut.registry != registry {
            let note =
                format!("voting nil: the proposed registry is {}, own {registry}", cut.registry);
            self.report(Report::Odd(note));
            return Some(false);
        }
        let differs = differing_root(cut, &executed.roots);
        if let Some((what, theirs, own)) = &differs {
            let note = format!("voting nil: the proposed {what} is {theirs}, own {own}");
            self.report(Report::Disagreed(Disagreement::Proposed));
            self.report(Report::Odd(note));
        }
        Some(differs.is_none())
    }

    /// The items that lists of more than 1/3 of stake name and a cut may hold.
    ///
    /// # Errors
    /// The ids of those that are not held, so that it cannot be told.
    fn demanded(&self, lists: &[List]) -> Result<Vec<&Item>, Vec<ItemId>> {
        let (mut demanded, mut missing) = (Vec::new(), Vec::new());
        for id in inclusion::mandatory(&self.committee, lists) {
            match self.item(&id) {
                None => missing.push(id),
                Some(item) if admissible(&self.state, item).is_ok() => demanded.push(item),
                Some(_) => {}
            }
        }
        if missing.is_empty() { Ok(demanded) } else { Err(missing) }
    }

    /// Of the items that lists of more than 1/3 of stake name: those that need not be in the cut,
    /// because none may hold them or has room for them. `None` while one of them is not held.
    pub(super) fn excused(&mut self, lists: &[List]) -> Option<BTreeSet<ItemId>> {
        let missing = match self.demanded(lists) {
            Ok(demanded) => {
                let required = required(demanded);
                let mut excused = inclusion::mandatory(&self.committee, lists);
                excused.retain(|id| !required.contains(id));
                return Some(excused);
            }
            Err(missing) => missing,
        };
        for id in missing {
            let holders = lists.iter().filter(|list| list.items().binary_search(&id).is_ok());
            for holder in holders {
                self.fetch.want(Want::Item(id), holder.header().signer);
            }
        }
        self.start_fetching();
        None
    }

    /// Whether all that a proposal names is held; else asks its proposer for the rest.
    pub(super) fn hold_everything(&mut self, proposal: &Proposal) -> bool {
        let mut missing = Vec::new();
        for id in &proposal.cut.lists {
            match self.close.lists.get(id) {
                None => missing.push(Want::Item(*id)),
                Some((list, _)) if !self.close.bodies.contains_key(&list.body) => {
                    missing.push(Want::Body(list.body));
                }
                Some(_) => {}
            }
        }
        let items = proposal.cut.items.iter().filter(|id| self.item(id).is_none());
        missing.extend(items.map(|id| Want::Item(*id)));
        for want in &missing {
            self.fetch.want(*want, proposal.signer);
        }
        if !missing.is_empty() {
            self.start_fetching();
        }
        missing.is_empty()
    }

    /// Agreement is reached: store the epoch.
    pub(super) fn decided(&mut self, decision: Decision) {
        let Decision { cut, certificate } = decision;
        let ids = cut.items.clone();
        // A node that never judged the cut (it voted nil, or watches) may lack items: it follows by
        // certificate like one that was away.
        let Some((items, executed)) = self.execute_ids(&ids, cut.time) else {
            let peers: Vec<Hotkey> = self.connected.iter().copied().collect();
            for peer in peers {
                self.ask_status(peer);
            }
            return;
        };
        match differing_root(&cut, &executed.roots) {
            Some(_) => self.diverged(&cut, &executed),
            None => self.commit_epoch(cut, certificate, items, executed, false),
        }
    }
}
