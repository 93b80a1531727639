//! What a participant does when it must not go on: it finds out why, or it freezes.
//!
//! ```text
//! certified roots, own roots differ ──► Inquiry: digests of a peer ──► rows of the first stage that
//!                                          differs ──► Halt with that row       (at most one length, or 10 s)
//! two certified cuts of one epoch   ──► KeepFork, durable ──► frozen: answers requests, says nothing else
//! ```
//! Nothing that a peer says is believed: digests must lead to the certified roots, rows to their digest.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use ganglion_consensus::certificate::{Committee, verify_certificate};
use ganglion_consensus::ledger::stages::{
    Stage, StageDifference, StageDigest, StageRow, digests, roots_in, roots_of, stages,
};
use ganglion_consensus::ledger::{EpochResult, Executed, Roots, State};
use ganglion_types::{
    Canonical as _, Certificate, Cut, Digest, Epoch, Fork, Hotkey, limits, proto,
};

use crate::effect::{Disagreement, Effect, Halt, Report, Timer, Verdict};
use crate::input::{AnswerToken, AskId, Input};
use crate::participant::{Participant, committee_of};

/// Decided epochs of which stages can be told.
const RECENT: usize = 4;
/// Peers asked for their digests.
const ASKED: usize = 16;
/// Rows of one stage that are compared: an account for every person.
const ROWS: u64 = 10_000_000;
/// Longest inquiry in milliseconds.
const PATIENCE: u64 = 10_000;

/// A decided epoch, kept for comparison.
#[derive(Clone, Debug)]
pub struct Decided {
    /// Its cut.
    pub cut: Cut,
    /// Its certificate.
    pub certificate: Certificate,
    /// Who closed it.
    pub committee: Committee,
}

#[derive(Clone, Debug)]
struct Recent {
    decided: Decided,
    /// State and result after it; none for the one before a restart.
    meaning: Option<(Arc<State>, Arc<EpochResult>)>,
    /// Taken apart once it was asked for.
    apart: Option<Arc<Apart>>,
}

#[derive(Debug)]
struct Apart {
    stages: Vec<Stage>,
    digests: Vec<StageDigest>,
}

impl Apart {
    fn of(state: &State, result: &EpochResult) -> Arc<Self> {
        let stages = stages(state, result);
        Arc::new(Self { digests: digests(&stages), stages })
    }
}

/// The last epochs, and what stopped this node.
#[derive(Clone, Debug, Default)]
pub struct Divergence {
    recent: VecDeque<Recent>,
    forks: BTreeMap<Epoch, Fork>,
    frozen: bool,
    inquiry: Option<Inquiry>,
    /// Effects of this step that are still carried out, once it stops.
    sealed: Option<usize>,
}

/// A search for the first row that differs.
#[derive(Clone, Debug)]
struct Inquiry {
    halt: Halt,
    epoch: Epoch,
    certified: Roots,
    ours: Arc<Apart>,
    asked: BTreeSet<AskId>,
    /// The stage being fetched: from whom, by which request, what it should come to, and its rows so far.
    fetching: Option<(Hotkey, AskId, StageDigest, Vec<StageRow>)>,
    /// Others that said the same digests.
    others: Vec<(Hotkey, StageDigest)>,
}

impl Divergence {
    /// What is known of the past when a process starts.
    pub(crate) fn new(last: Option<Decided>, forks: Vec<Fork>, frozen: bool) -> Self {
        let recent = last.map(|decided| Recent { decided, meaning: None, apart: None });
        let frozen = frozen || !forks.is_empty();
        let forks = forks.into_iter().map(|fork| (fork.first.0.epoch, fork)).collect();
        Self { recent: recent.into_iter().collect(), forks, frozen, inquiry: None, sealed: None }
    }

    pub(crate) fn decided(
        &mut self,
        decided: Decided,
        state: Arc<State>,
        result: Arc<EpochResult>,
    ) {
        if self.recent.len() >= RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(Recent { decided, meaning: Some((state, result)), apart: None });
    }

    fn apart(&mut self, epoch: Epoch) -> Option<Arc<Apart>> {
        let recent = self.recent.iter_mut().find(|one| one.decided.cut.epoch == epoch)?;
        if recent.apart.is_none() {
            let (state, result) = recent.meaning.as_ref()?;
            recent.apart = Some(Apart::of(state, result));
        }
        recent.apart.clone()
    }

    /// The latest epoch of which two certified cuts are known, 0 for none.
    pub(crate) fn forked(&self) -> u64 {
        self.forks.keys().next_back().map_or(0, |epoch| epoch.get())
    }

    /// What is told of the stages of an epoch.
    pub(crate) fn told_stages(&mut self, asked: &proto::StagesRequest) -> Option<proto::Stages> {
        let apart = self.apart(Epoch::new(asked.epoch))?;
        let stages = apart.digests.iter().take(limits::STAGES).map(|stage| proto::StageDigest {
            number: stage.number,
            digest: stage.digest.as_bytes().to_vec(),
            rows: stage.rows,
        });
        Some(proto::Stages { epoch: asked.epoch, stages: stages.collect() })
    }

    /// A page of the rows of a stage.
    pub(crate) fn told_rows(
        &mut self,
        asked: &proto::StageRowsRequest,
    ) -> Option<proto::StageRows> {
        let apart = self.apart(Epoch::new(asked.epoch))?;
        let stage = apart.stages.iter().find(|stage| stage.number == asked.stage)?;
        let from = usize::try_from(asked.from).unwrap_or(usize::MAX);
        let mut bytes: usize = 0;
        let rows = stage.rows.iter().skip(from).take(limits::RESPONSE_ROWS).take_while(|row| {
            let fits = bytes < limits::RESPONSE_ROWS_BYTES;
            bytes = bytes.saturating_add(row.0.len()).saturating_add(row.1.len());
            fits
        });
        let rows = rows
            .map(|(key, value)| proto::StageRow { key: key.clone(), value: value.clone() })
            .collect();
        Some(proto::StageRows { rows })
    }

    pub(crate) fn told_forks(&self) -> proto::Forks {
        let forks = self.forks.values().rev().take(limits::RESPONSE_FORKS);
        proto::Forks { forks: forks.map(ganglion_types::Canonical::to_proto).collect() }
    }
}

/// The certified and the own root, of the first one that differs.
pub(crate) fn differing_root(cut: &Cut, own: &Roots) -> Option<(&'static str, Digest, Digest)> {
    let certified = roots_in(cut);
    [
        ("result root", certified.result_root, own.result_root),
        ("state root", certified.state_root, own.state_root),
        ("next committee root", certified.next_committee_root, own.next_committee_root),
    ]
    .into_iter()
    .find(|(_, certified, own)| certified != own)
}

impl Participant {
    /// Whether this participant does nothing any more but answer, or find out why it stops.
    pub(crate) const fn is_stopping(&self) -> bool {
        self.divergence.frozen || self.divergence.inquiry.is_some()
    }

    /// The only things that are still done then.
    pub(crate) fn step_stopping(&mut self, input: Input) {
        match input {
            Input::Gossip { token, .. } => self.send(Effect::Verdict(token, Verdict::Ignore)),
            Input::Request { from, token, request } if self.divergence.frozen => {
                self.answer_frozen(from, token, request);
            }
            Input::Response { id, from, response } => self.on_inquiry_answer(id, from, response),
            Input::Timer(Timer::Inquiry) => self.end_inquiry(None),
            Input::Submit { ticket, .. } => {
                let reason = "this node has stopped: see its log".into();
                self.send(Effect::Submitted(ticket, Err(reason)));
            }
            Input::Connected(peer) => {
                self.connected.insert(peer);
            }
            Input::Disconnected(peer) => {
                self.connected.remove(&peer);
            }
            Input::Started if self.divergence.frozen => self.report_frozen(),
            _ => {}
        }
    }

    /// What this step wanted to do after it stopped is not done.
    pub(crate) fn take_effects(&mut self) -> Vec<Effect> {
        let mut effects = std::mem::take(&mut self.out);
        if let Some(count) = self.divergence.sealed.take() {
            effects.truncate(count);
        }
        effects
    }

    fn seal(&mut self) {
        self.divergence.sealed = Some(self.out.len());
    }

    /// What is held is still given to whoever asks. Nothing is taken.
    fn answer_frozen(&mut self, from: Hotkey, token: AnswerToken, request: proto::Request) {
        use proto::request::Request;
        use proto::response::Response;
        let answer = match &request.request {
            Some(
                Request::Status(_)
                | Request::Items(_)
                | Request::ListBodies(_)
                | Request::Epochs(_)
                | Request::Stages(_)
                | Request::StageRows(_)
                | Request::Forks(_),
            ) => return self.on_request(from, token, request),
            Some(Request::Push(_)) => {
                Response::Pushed(proto::Pushed { status: Some(self.status()) })
            }
            _ => Response::Refused(proto::Refused { code: 21, reason: "frozen: two cuts".into() }),
        };
        self.send(Effect::Answer(token, proto::Response { response: Some(answer) }));
    }

    // ---- roots that cannot be reproduced ----

    /// A certified cut whose roots are not ours. Asks peers which row it is, then halts.
    pub(crate) fn diverged(&mut self, cut: &Cut, executed: &Executed) {
        let Some((what, certified, own)) = differing_root(cut, &executed.roots) else { return };
        let detail = format!("certified {certified}, own {own}");
        if let Some((last, ours)) = self.spoiled_state() {
            let detail =
                format!("{detail}, and the state of epoch {} was changed here", last.epoch);
            let halt = Halt::Diverged { epoch: cut.epoch, what, detail, difference: None };
            return self.inquire(halt, last.epoch, roots_in(&last), ours);
        }
        let halt = Halt::Diverged { epoch: cut.epoch, what, detail, difference: None };
        let ours = Apart::of(executed.state(), &executed.result);
        self.inquire(halt, cut.epoch, roots_in(cut), ours);
    }

    /// The last cut and the state here, if that is no longer the one that the cut certifies: whatever
    /// follows differs because of it.
    fn spoiled_state(&self) -> Option<(Cut, Arc<Apart>)> {
        let last = self.divergence.recent.back()?;
        let cut = last.decided.cut.clone();
        if cut.epoch != self.state.epoch() || self.state.root() == cut.state_root {
            return None;
        }
        // Of a former process the result is not known; its stage stands behind those of the state, one
        // of which differs.
        let result = last.meaning.as_ref().map(|(_, result)| Arc::clone(result));
        Some((cut, Apart::of(&self.state, &result.unwrap_or_default())))
    }

    /// A certified cut that cannot be executed: if the state it builds on was changed, the row is named.
    pub(crate) fn cannot_execute(&mut self, cut: &Cut, what: &'static str, detail: String) {
        let halt = Halt::Diverged { epoch: cut.epoch, what, detail, difference: None };
        match self.spoiled_state() {
            Some((last, ours)) => self.inquire(halt, last.epoch, roots_in(&last), ours),
            // The state is the certified one, so there is no row to look for.
            None => self.halt(halt),
        }
    }

    fn inquire(&mut self, halt: Halt, epoch: Epoch, certified: Roots, ours: Arc<Apart>) {
        self.report(Report::Disagreed(Disagreement::Certified));
        let peers: Vec<Hotkey> = self.connected.iter().take(ASKED).copied().collect();
        if peers.is_empty() {
            return self.halt(halt);
        }
        // Nothing of this height is said any more.
        self.send(Effect::CancelAllTimers);
        let at = self.now.mono.saturating_add(self.schedule.epoch.min(PATIENCE));
        self.set_timer(Timer::Inquiry, at);
        let request = proto::StagesRequest { epoch: epoch.get() };
        let ask = |peer| self.ask(peer, proto::request::Request::Stages(request));
        let asked = peers.into_iter().map(ask).collect();
        self.report(Report::Odd(format!("asking peers for the row: {halt}")));
        self.seal();
        let others = Vec::new();
        self.divergence.inquiry =
            Some(Inquiry { halt, epoch, certified, ours, asked, fetching: None, others });
    }

    fn on_inquiry_answer(&mut self, id: AskId, from: Hotkey, answer: Option<proto::Response>) {
        use proto::response::Response;
        let Some(inquiry) = &mut self.divergence.inquiry else { return };
        let answer = answer.and_then(|answer| answer.response);
        if inquiry.asked.remove(&id) {
            if let Some(Response::Stages(told)) = answer
                && let Some(stage) = inquiry.first_stage(&told)
            {
                inquiry.others.push((from, stage));
            }
        } else if inquiry.fetching.as_ref().is_some_and(|(_, asked, _, _)| *asked == id) {
            let rows = match answer {
                Some(Response::StageRows(rows)) => Some(rows),
                _ => None,
            };
            return self.on_inquiry_rows(from, rows);
        }
        self.fetch_stage();
    }

    /// Begins with the next peer that may tell the rows; halts if there is none left.
    fn fetch_stage(&mut self) {
        let Some(inquiry) = &mut self.divergence.inquiry else { return };
        if inquiry.fetching.is_some() {
            return;
        }
        match inquiry.others.pop() {
            Some((peer, stage)) => self.ask_rows(peer, stage, Vec::new()),
            None if inquiry.asked.is_empty() => self.end_inquiry(None),
            None => {}
        }
    }

    fn ask_rows(&mut self, peer: Hotkey, stage: StageDigest, rows: Vec<StageRow>) {
        let Some(inquiry) = &self.divergence.inquiry else { return };
        let request = proto::StageRowsRequest {
            epoch: inquiry.epoch.get(),
            stage: stage.number,
            from: u64::try_from(rows.len()).unwrap_or(u64::MAX),
        };
        let id = self.ask(peer, proto::request::Request::StageRows(request));
        if let Some(inquiry) = &mut self.divergence.inquiry {
            inquiry.fetching = Some((peer, id, stage, rows));
        }
    }

    fn on_inquiry_rows(&mut self, from: Hotkey, told: Option<proto::StageRows>) {
        let Some(inquiry) = &mut self.divergence.inquiry else { return };
        let Some((_, _, digest, mut rows)) = inquiry.fetching.take() else { return };
        let told = told.map(|told| told.rows).unwrap_or_default();
        let (before, limit) = (rows.len(), usize::try_from(digest.rows).unwrap_or(usize::MAX));
        rows.extend(told.into_iter().map(|row| (row.key, row.value)).take(limit));
        if rows.len() < limit && rows.len() > before {
            return self.ask_rows(from, digest, rows);
        }
        let theirs = Stage { number: digest.number, rows };
        let difference = if theirs.digest() == digest { inquiry.difference(&theirs) } else { None };
        match difference {
            Some(difference) => self.end_inquiry(Some(difference)),
            None => self.fetch_stage(),
        }
    }

    fn end_inquiry(&mut self, found: Option<StageDifference>) {
        let Some(inquiry) = self.divergence.inquiry.take() else { return };
        let halt = match inquiry.halt {
            Halt::Diverged { epoch, what, detail, .. } => {
                Halt::Diverged { epoch, what, detail, difference: found.map(Box::new) }
            }
            other => other,
        };
        self.halt(halt);
    }

    // ---- two certified cuts ----

    /// Another certified cut for an epoch that we hold: freeze, keep both, never choose.
    pub(crate) fn check_fork(&mut self, cut: &Cut, certificate: &Certificate) {
        let held = self.divergence.recent.iter().find(|one| one.decided.cut.epoch == cut.epoch);
        let Some(held) = held.map(|one| one.decided.clone()) else { return };
        let id = cut.id();
        if id == held.cut.id() || certificate.cut != id || cut.subnet != self.subnet {
            return;
        }
        if verify_certificate(certificate, &self.subnet, cut.epoch, &held.committee).is_ok() {
            let other = (cut.clone(), certificate.clone());
            self.freeze(Fork::new((held.cut, held.certificate), other));
        }
    }

    pub(crate) fn on_forks(&mut self, forks: proto::Forks) {
        for fork in forks.forks.into_iter().take(limits::RESPONSE_FORKS) {
            let Ok(fork) = Fork::from_proto(fork) else { return };
            let (epoch, sides) = (fork.first.0.epoch, [&fork.first, &fork.second]);
            let Some(committee) = self.committee_at(epoch) else { continue };
            let proven = sides.into_iter().all(|(cut, certificate)| {
                cut.subnet == self.subnet
                    && verify_certificate(certificate, &self.subnet, epoch, &committee).is_ok()
            });
            if proven {
                return self.freeze(fork);
            }
        }
    }

    /// A fork that the host has verified, of an epoch that may be long past.
    pub(crate) fn on_forked(&mut self, fork: Fork) {
        let [(one, _), (other, _)] = [&fork.first, &fork.second];
        let ours = [one, other].into_iter().all(|cut| cut.subnet == self.subnet);
        if ours && one.epoch == other.epoch && one.id() != other.id() {
            self.freeze(fork);
        }
    }

    /// Who closes an epoch, for the open one and the last few.
    fn committee_at(&self, epoch: Epoch) -> Option<Committee> {
        if epoch == self.closing() {
            return Some(self.committee.clone());
        }
        let mut recent = self.divergence.recent.iter();
        recent.find(|one| one.decided.cut.epoch == epoch).map(|one| one.decided.committee.clone())
    }

    fn freeze(&mut self, fork: Fork) {
        let epoch = fork.first.0.epoch;
        if self.divergence.forks.contains_key(&epoch) {
            return;
        }
        self.send(Effect::CancelAllTimers);
        self.send(Effect::KeepFork(Box::new(fork.clone())));
        self.divergence.forks.insert(epoch, fork);
        self.divergence.frozen = true;
        self.report_frozen();
        // Whoever hears of it can check it, and freezes too.
        let peers: Vec<Hotkey> = self.connected.iter().copied().collect();
        for peer in peers {
            self.ask_status(peer);
        }
        self.seal();
    }

    fn report_frozen(&mut self) {
        let forks = self.divergence.forks.values().cloned().collect();
        self.report(Report::Frozen(forks));
    }
}

impl Inquiry {
    /// The first stage, by number, whose digest is another than ours; `None` if what was told does not
    /// lead to the certified roots.
    fn first_stage(&self, told: &proto::Stages) -> Option<StageDigest> {
        let theirs = told.stages.iter().take(limits::STAGES).map(|stage| {
            let digest = Digest::from_slice(&stage.digest)?;
            Some(StageDigest { number: stage.number, digest, rows: stage.rows })
        });
        let theirs: Vec<StageDigest> = theirs.collect::<Option<_>>()?;
        if roots_of(&theirs) != Some(self.certified) {
            return None;
        }
        let differs = |stage: &&StageDigest| {
            let ours = self.ours.digests.iter().find(|own| own.number == stage.number);
            ours.is_none_or(|own| own.digest != stage.digest)
        };
        theirs.iter().find(differs).filter(|stage| stage.rows <= ROWS).copied()
    }

    fn difference(&self, theirs: &Stage) -> Option<StageDifference> {
        let ours = self.ours.stages.iter().find(|stage| stage.number == theirs.number);
        let none = Stage { number: theirs.number, rows: Vec::new() };
        ours.unwrap_or(&none).first_difference(theirs)
    }
}

/// The last decided epoch as a restart finds it: its cut and certificate, and the state before it.
#[must_use]
pub fn last_decided(cut: Cut, certificate: Certificate, before: &State) -> Option<Decided> {
    committee_of(before).map(|committee| Decided { cut, certificate, committee })
}
