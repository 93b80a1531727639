//! Closing an epoch: lists, the cut, agreement on it.
//!
//! Protocol section 3 and 4, `docs/spec/epoch.md`. What is durable before what:
//! ```text
//! own list, engine records ► log ► sync ► watermark ► sync ► send
//! ```

mod cut;
mod kept;
mod messages;
mod rounds;
mod voices;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ganglion_consensus::agreement::inclusion::{self, List};
use ganglion_consensus::agreement::{
    Engine, EngineConfig, EngineError, EpochStart, Ignored, Output, Received, Timeouts,
    Timer as EngineTimer,
};
use ganglion_consensus::certificate::Committee;
use ganglion_consensus::ledger::{admissible, select};
use ganglion_types::planted::{self, Bug};
use ganglion_types::{
    AgreementMessage, Body, Canonical as _, Digest, Epoch, Hotkey, InclusionList, Item, ItemId,
    Kind, ListBody, Proposal, Round, limits,
};

use crate::effect::{Effect, Halt, Phase, Report, Timer};
use crate::fetch::Want;
use crate::intake::Rejection;
use crate::participant::{ExecutedCuts, Participant};
use crate::voting::Recovered;
pub(crate) use messages::{kind_of, message_digest};

use messages::rejection_of;
use voices::{Voices, proposes};

/// First byte of an agreement-log entry: a record of the engine.
const RECORD_ENGINE: u8 = 0;
/// First byte of an agreement-log entry: the own list, `length u32 BE ‖ item ‖ body`.
const RECORD_LIST: u8 = 1;
/// Proposals whose judgement waits for items: one per round that can be current.
const JUDGING: usize = 16;
/// Named items are held for this many of the largest cuts.
const CUTS_NAMED: usize = 2;
/// Executions kept: candidates of one height.
const EXECUTIONS: usize = 8;
/// Messages of ours that are pushed again while undecided.
const SAID: usize = 16;
/// Lists held per member: one that counts, one that shows that it signed two.
const LISTS_EACH: usize = 2;

/// Everything about the height being closed.
#[derive(Debug)]
pub struct Close {
    epoch: Epoch,
    lists: BTreeMap<ItemId, (InclusionList, Item)>,
    /// The list of each member that counts: the first that came.
    first: BTreeMap<Hotkey, ItemId>,
    /// The second list of whoever signed two.
    second: BTreeSet<ItemId>,
    bodies: BTreeMap<Digest, ListBody>,
    named: BTreeMap<ItemId, Item>,
    named_bytes: usize,
    own_list: bool,
    deadline_passed: bool,
    third_at: Option<u64>,
    grace: Grace,
    engine: Option<Engine>,
    /// Messages of this height, own ones too: for an engine that starts later or starts again, and for
    /// peers that lack them.
    pub(crate) voices: Voices,
    gossiped: BTreeSet<Digest>,
    said: Vec<AgreementMessage>,
    build: Option<Round>,
    judging: Vec<Proposal>,
    executed: ExecutedCuts,
    recovered_log: Vec<Vec<u8>>,
    /// Items, lists and bodies that are in the log.
    logged: BTreeSet<Digest>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grace {
    Unset,
    Running,
    Over,
}

impl Close {
    /// A fresh height, or the one that the recovered log belongs to.
    #[must_use]
    pub fn new(epoch: Epoch, recovered: &Recovered) -> Self {
        let ours = recovered.signed == Some(epoch);
        let recovered_log = recovered.log.as_ref().filter(|_| ours).cloned().unwrap_or_default();
        Self {
            epoch,
            lists: BTreeMap::new(),
            first: BTreeMap::new(),
            second: BTreeSet::new(),
            bodies: BTreeMap::new(),
            named: BTreeMap::new(),
            named_bytes: 0,
            own_list: false,
            deadline_passed: false,
            third_at: None,
            grace: Grace::Unset,
            engine: None,
            voices: Voices::default(),
            gossiped: BTreeSet::new(),
            said: Vec::new(),
            build: None,
            judging: Vec::new(),
            executed: ExecutedCuts::new(),
            recovered_log,
            logged: BTreeSet::new(),
        }
    }

    /// Stake whose lists are held.
    #[must_use]
    pub fn stake_seen(&self, committee: &Committee) -> u64 {
        committee.stake_of_all(self.first.keys())
    }

    /// When lists of more than 1/3 of stake were first held, on the monotonic clock.
    #[must_use]
    pub const fn third_held_at(&self) -> Option<u64> {
        self.third_at
    }

    /// Whether what the process before this one said at this height is yet to be said again.
    #[must_use]
    pub const fn has_recovered_log(&self) -> bool {
        !self.recovered_log.is_empty()
    }

    /// Whether an item can be held beside the pool: of one cut, and of what must be in the next.
    fn has_room_for(&self, item: &Item) -> bool {
        let bytes = self.named_bytes.saturating_add(item.encoded_len());
        self.named.len() < limits::CUT_ITEMS.saturating_mul(CUTS_NAMED)
            && bytes <= limits::CUT_BYTES.saturating_mul(CUTS_NAMED)
    }

    /// A list body by digest.
    #[must_use]
    pub fn body(&self, digest: &Digest) -> Option<&ListBody> {
        self.bodies.get(digest)
    }

    /// First lists, header and body, of every member that has both here.
    fn complete(&self) -> Vec<List> {
        if planted::is(Bug::MemberCitedTwice) {
            return self.lists.keys().filter_map(|id| self.whole(id)).collect();
        }
        let lists = self.first.values().filter_map(|id| self.whole(id));
        lists.collect()
    }

    /// A list with its body; `None` if one is missing or they do not belong together.
    fn whole(&self, id: &ItemId) -> Option<List> {
        let (list, item) = self.lists.get(id)?;
        List::new(item, self.bodies.get(&list.body)?.clone()).ok()
    }
}

impl Participant {
    /// An item that we hold and that a list or cut may name.
    pub(crate) fn item(&self, id: &ItemId) -> Option<&Item> {
        let listed = || self.close.lists.get(id).map(|(_, item)| item);
        self.pool.get(id).or_else(|| self.close.named.get(id)).or_else(listed)
    }

    // ---- lists ----

    pub(crate) fn on_deadline(&mut self) {
        if self.close.deadline_passed {
            return;
        }
        self.close.deadline_passed = true;
        self.send(Effect::CancelTimer(Timer::Deadline));
        self.report_phase(Phase::Lists);
        self.sign_list();
        let again = self.now.mono.saturating_add(self.schedule.resend);
        self.set_timer(Timer::Resend, again);
        self.pursue_agreement();
    }

    fn sign_list(&mut self) {
        let Some(me) = self.me.filter(|me| self.committee.stake_of(me).is_some()) else { return };
        if !self.may_sign() || self.close.own_list {
            return;
        }
        let held: Vec<Item> = self.pool.iter().cloned().collect();
        let Some(body) = ListBody::new(select(&self.state, &held)) else { return };
        let list = InclusionList {
            signer: me,
            epoch: self.closing(),
            time: self.now.wall,
            body: body.digest(),
            count: u32::try_from(body.ids().len()).unwrap_or(u32::MAX),
        };
        let Some(key) = &self.config.key else { return };
        let item = Item::sign(self.subnet, Body::InclusionList(list), key);
        for id in body.ids() {
            self.keep_item(id);
        }
        self.send(Effect::Log(list_record(&item, &body)));
        let watermark = self.list_watermark();
        self.send(Effect::Sync(watermark));
        self.own_list(item, body);
    }

    /// Holds and says the own list, signed now or before a restart.
    fn own_list(&mut self, item: Item, body: ListBody) {
        self.close.own_list = true;
        self.take_list(&item);
        self.take_body(body);
        self.say(AgreementMessage::List(item));
    }

    /// Holds an authentic list of a member. A third one of the same member is held only if a proposal
    /// cites it: whoever holds others of it could never judge that proposal.
    fn take_list(&mut self, item: &Item) {
        let id = item.id();
        let cited = self.close.judging.iter().any(|one| one.cut.lists.contains(&id));
        self.hold_list(item, cited);
    }

    fn hold_list(&mut self, item: &Item, cited: bool) {
        let Body::InclusionList(list) = item.body() else { return };
        let id = item.id();
        // An own list of before a restart may come back before it is read from the log.
        if self.close.lists.contains_key(&id) {
            return;
        }
        let same = self.close.lists.values().filter(|(held, _)| held.signer == list.signer);
        match same.count() {
            0 => {
                self.close.first.insert(list.signer, id);
            }
            held if held < LISTS_EACH => {
                self.close.second.insert(id);
                let note = format!("two lists of {} for epoch {}", list.signer, list.epoch);
                self.report(Report::Odd(note));
            }
            _ if cited && !planted::is(Bug::ThirdListRefused) => {}
            _ => return,
        }
        self.close.lists.insert(id, (list.clone(), item.clone()));
        self.fetch.found(&Want::Item(id));
    }

    /// Bodies are content-addressed: one is held for a list that is held.
    pub(crate) fn take_body(&mut self, body: ListBody) {
        let digest = body.digest();
        if self.close.lists.values().any(|(list, _)| list.body == digest) {
            self.close.bodies.insert(digest, body);
        }
    }

    /// Holds an authentic item that was asked for by id.
    pub(crate) fn take_wanted(&mut self, item: Item) {
        match item.kind() {
            Kind::InclusionList if item.body().epoch() == Some(self.close.epoch) => {
                let Some(signer) = Hotkey::from_slice(item.body().signer()) else { return };
                if self.committee.stake_of(&signer).is_some() {
                    self.take_list(&item);
                }
            }
            kind if kind.is_cut_kind() && self.close.has_room_for(&item) => {
                if admissible(&self.state, &item).is_ok() {
                    self.pool.insert(item.clone());
                }
                // Kept even if inadmissible: then the cut that names it is invalid.
                let bytes = item.encoded_len();
                if self.close.named.insert(item.id(), item).is_none() {
                    self.close.named_bytes = self.close.named_bytes.saturating_add(bytes);
                }
            }
            _ => {}
        }
    }

    /// Wants the items that must be in a cut and that we do not hold.
    pub(crate) fn want_listed_items(&mut self) {
        let mut missing: BTreeMap<ItemId, Vec<Hotkey>> = BTreeMap::new();
        for list in self.close.complete() {
            for id in list.items().iter().filter(|id| self.item(id).is_none()) {
                missing.entry(*id).or_default().push(list.header().signer);
            }
        }
        // Those that fewer members list may not exist, and need not be in.
        missing.retain(|_, signers| {
            self.committee.exceeds_third(self.committee.stake_of_all(signers.iter()))
        });
        for (id, signers) in missing {
            for peer in signers {
                self.fetch.want(Want::Item(id), peer);
            }
        }
    }

    /// Ids that lists of more than 1/3 of stake name.
    fn listed_by_a_third(&self) -> BTreeSet<ItemId> {
        inclusion::mandatory(&self.committee, &self.close.complete())
    }

    fn want_bodies(&mut self) {
        let missing: Vec<(Digest, Hotkey)> = self
            .close
            .lists
            .values()
            .filter(|(list, _)| !self.close.bodies.contains_key(&list.body))
            .map(|(list, _)| (list.body, list.signer))
            .collect();
        for (digest, peer) in missing {
            self.fetch.want(Want::Body(digest), peer);
        }
    }

    // ---- from lists to agreement ----

    /// Does whatever the lists, bodies and items at hand now allow.
    pub(crate) fn pursue_agreement(&mut self) {
        if self.close.lists.is_empty() && self.close.judging.is_empty() {
            return;
        }
        let seen = self.close.stake_seen(&self.committee);
        if self.close.third_at.is_none() && self.committee.exceeds_third(seen) {
            self.close.third_at = Some(self.now.mono);
            if !self.close.deadline_passed {
                // Enough others are at their deadline for ours to be over.
                self.on_deadline();
                return;
            }
        }
        self.want_bodies();
        self.want_listed_items();
        self.start_fetching();
        self.start_when_ready();
        self.try_build();
        self.try_judge();
    }

    fn start_when_ready(&mut self) {
        if self.close.engine.is_some() {
            return;
        }
        let members: Vec<Hotkey> =
            self.close.complete().iter().map(|list| list.header().signer).collect();
        if !self.committee.is_quorum(self.committee.stake_of_all(&members)) {
            return;
        }
        let all = members.len() == self.committee.members().len();
        let over = self.close.grace == Grace::Over || self.others_vote();
        if all || (over && !planted::is(Bug::WaitsForAll)) {
            self.start_engine(&[]);
        } else if self.close.grace == Grace::Unset {
            self.close.grace = Grace::Running;
            let until = self.now.mono.saturating_add(self.schedule.grace);
            self.set_timer(Timer::Grace, until);
        }
    }

    /// Whether votes of more than 1/3 of stake are here: the others wait for no more lists.
    fn others_vote(&self) -> bool {
        let voters: BTreeSet<Hotkey> = self
            .close
            .voices
            .messages()
            .filter_map(|message| match message {
                AgreementMessage::Vote(vote) => Some(vote.signer),
                _ => None,
            })
            .collect();
        self.committee.exceeds_third(self.committee.stake_of_all(&voters))
    }

    pub(crate) fn on_grace(&mut self) {
        self.close.grace = Grace::Over;
        self.pursue_agreement();
    }

    fn start_engine(&mut self, log: &[Vec<u8>]) {
        self.report_phase(Phase::Agreement);
        let milliseconds = Duration::from_millis;
        let config = EngineConfig {
            subnet: self.subnet,
            key: self.config.key.clone(),
            timeouts: Timeouts {
                propose: milliseconds(self.schedule.propose),
                vote: milliseconds(self.schedule.vote),
                delta: milliseconds(self.schedule.delta),
                rebroadcast: milliseconds(self.schedule.resend),
                max: milliseconds(self.schedule.epoch),
            },
        };
        let mut engine = Engine::new(config);
        let start = EpochStart {
            epoch: self.close.epoch,
            previous: self.state.head(),
            committee: self.committee.clone(),
            mute: !self.may_sign(),
        };
        let outputs = engine.start(start, log);
        self.close.engine = Some(engine);
        self.run_engine(outputs);
        let epoch = self.close.epoch;
        for (digest, message) in self.close.voices.by_round() {
            if self.close.epoch != epoch {
                return;
            }
            if self.close.gossiped.contains(&digest) {
                continue;
            }
            // Checked when it came; what the engine finds wrong with it beyond that is nothing new.
            let _ = self.give_engine(message.as_ref().clone());
        }
    }

    /// Signing begins, perhaps in the middle of a height: what the process before this one said is
    /// said again, and everything goes on from there.
    pub(crate) fn resume_agreement(&mut self) {
        if !self.may_sign() {
            return;
        }
        let log = std::mem::take(&mut self.close.recovered_log);
        let mut records = Vec::new();
        for entry in log {
            match entry.split_first() {
                Some((&RECORD_ENGINE, record)) => records.push(record.to_vec()),
                Some((&RECORD_LIST, record)) => match read_list_record(record) {
                    Some((item, body)) => self.own_list(item, body),
                    None => return self.unreadable_log(),
                },
                // Held since the start.
                Some((&(kept::ITEM | kept::BODY), _)) => {}
                _ => return self.unreadable_log(),
            }
        }
        let had_said = self.close.own_list || !records.is_empty();
        if !had_said && self.close.deadline_passed {
            self.sign_list();
        }
        // An engine that only followed so far starts again as one that votes. With a log it starts here
        // and nowhere else: started from the lists at hand, it would know nothing of what it signed.
        let follows = self.close.engine.take().is_some();
        if follows || !records.is_empty() {
            self.start_engine(&records);
        }
        if had_said {
            // Its deadline had passed for the process before this one.
            self.on_deadline();
        }
        self.pursue_agreement();
    }

    fn unreadable_log(&mut self) {
        let reason = "an entry of the agreement log cannot be read".into();
        self.halt(Halt::Agreement { epoch: self.close.epoch, reason });
    }

    // ---- the engine ----

    /// Takes a message that is new: to the engine, or, its signature checked, for when it starts.
    fn feed_engine(
        &mut self,
        digest: Digest,
        message: &Arc<AgreementMessage>,
    ) -> Result<(), Rejection> {
        if self.close.engine.is_none() {
            if !self.verify_message(message) {
                return Err(Rejection::BadSignature);
            }
            self.close.voices.note(digest, message);
            self.pursue_agreement();
            return Ok(());
        }
        let epoch = self.close.epoch;
        self.give_engine(message.as_ref().clone())?;
        // It may have decided the epoch, and the next one is no place for it.
        if self.close.epoch == epoch {
            self.close.voices.note(digest, message);
        }
        Ok(())
    }

    fn give_engine(&mut self, message: AgreementMessage) -> Result<(), Rejection> {
        let Some(engine) = &mut self.close.engine else { return Ok(()) };
        match engine.receive(message) {
            Ok(Received::Accepted(outputs)) => {
                self.run_engine(Ok(outputs));
                Ok(())
            }
            Ok(Received::Ignored(reason)) => {
                if reason == Ignored::OwnKey {
                    self.own_key_seen(self.close.epoch);
                }
                Err(rejection_of(&reason))
            }
            Err(error) => {
                self.run_engine(Err(error));
                Ok(())
            }
        }
    }

    pub(crate) fn on_engine_timer(&mut self, timer: EngineTimer) {
        if let Some(engine) = &mut self.close.engine {
            let current = timer.epoch == engine.epoch() && timer.round == engine.round();
            let outputs = engine.timeout(timer);
            if current {
                self.report(Report::TimedOut(timer.kind));
            }
            self.run_engine(outputs);
        }
    }

    fn run_engine(&mut self, outputs: Result<Vec<Output>, EngineError>) {
        let outputs = match outputs {
            Ok(outputs) => outputs,
            Err(error) => {
                let reason = error.to_string();
                return self.halt(Halt::Agreement { epoch: self.close.epoch, reason });
            }
        };
        let epoch = self.close.epoch;
        for output in outputs {
            match output {
                Output::Log(mut record) => {
                    record.insert(0, RECORD_ENGINE);
                    self.send(Effect::Log(record));
                }
                Output::Sync(watermark) => self.send(Effect::Sync(watermark)),
                Output::Send(message) => self.say(message),
                Output::Resend(message) => self.say_again(message),
                Output::Schedule(timer, after) => {
                    let after = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
                    self.set_timer(Timer::Engine(timer), self.now.mono.saturating_add(after));
                }
                Output::Cancel(timer) => self.send(Effect::CancelTimer(Timer::Engine(timer))),
                Output::CancelAll => self.send(Effect::CancelEngineTimers),
                Output::RoundStarted { round, proposer, .. } => {
                    self.round_begins(round);
                    self.report(Report::Round { epoch, round: round.get(), proposer });
                }
                Output::Build { round } => self.close.build = Some(round),
                Output::Judge(proposal) => self.judge_later(*proposal),
                Output::Decided(decision) => return self.decided(*decision),
                Output::Misbehaviour(pairs) => {
                    for pair in &pairs {
                        self.prove_equivocation(pair);
                    }
                }
            }
        }
        self.try_build();
        self.try_judge();
    }
}

fn list_record(item: &Item, body: &ListBody) -> Vec<u8> {
    let item = item.to_bytes();
    let length = u32::try_from(item.len()).unwrap_or(u32::MAX);
    let mut record = vec![RECORD_LIST];
    record.extend_from_slice(&length.to_be_bytes());
    record.extend_from_slice(&item);
    record.extend_from_slice(&body.to_bytes());
    record
}

fn read_list_record(record: &[u8]) -> Option<(Item, ListBody)> {
    let (length, rest) = record.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (item, body) = rest.split_at_checked(length)?;
    let item = Item::from_bytes(item, limits::ITEM_BYTES).ok()?;
    let body = ListBody::from_bytes(body, limits::ITEM_BYTES).ok()?;
    Some((item, body))
}
