//! Following: who is how far, and fetching the epochs that we lack.

use std::collections::{BTreeMap, BTreeSet};

use ganglion_consensus::certificate::verify_certificate;
use ganglion_consensus::ledger::{admissible, execute};
use ganglion_types::planted::{self, Bug};
use ganglion_types::{
    Canonical, CutId, Digest, Epoch, EpochBundle, Hotkey, Item, ListBody, limits, proto,
};

use crate::divergence::differing_root;
use crate::effect::{Disagreement, Effect, Following, Phase, Report, Stranded, Timer};
use crate::fetch::Want;
use crate::input::{AnswerToken, AskId};
use crate::intake::Rejection;
use crate::participant::Participant;

/// What we wait for from whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Status,
    /// With the place from which ids are told.
    Differences(Digest),
    Trade,
    Items,
    Bodies,
    Epochs,
    Push,
    Forks,
}

/// Requests under way and the best epoch each peer has shown.
#[derive(Clone, Debug, Default)]
pub struct Sync {
    asked: BTreeMap<AskId, Asked>,
    shown: BTreeMap<Hotkey, Shown>,
    /// The peer that epochs are being fetched from.
    fetching: Option<Hotkey>,
    /// Those asked for epochs before it who let us wait; what they still bring is taken.
    slow: BTreeSet<Hotkey>,
    turn: usize,
    progress: Option<Progress>,
    /// What was last reported of peers that are further and cannot help.
    stranded: Option<Stranded>,
}

/// What a peer has said of itself.
#[derive(Clone, Copy, Debug)]
struct Shown {
    /// Its last epoch.
    last: Epoch,
    /// The oldest that it can give.
    oldest: Epoch,
}

/// Since when epochs are being fetched, and how many came.
#[derive(Clone, Copy, Debug)]
struct Progress {
    /// On the monotonic clock.
    since: u64,
    verified: u64,
    /// Verified before the answer at hand: the clock stands still while an answer is worked through.
    before: u64,
    /// Whether it was reported.
    told: bool,
}

/// Requests under way: the network answers or fails each within seconds.
const ASKED: usize = 1_024;
/// Peers whose epoch is remembered.
const SHOWN: usize = 1_024;
/// Epochs asked for at once.
const EPOCHS: u32 = 32;
/// Epochs asked of one peer while another lets us wait: its line may be slow, and ours too.
const EPOCHS_MEANWHILE: u32 = 1;
/// Peers that may owe epochs beside the one that they are being fetched from.
const SLOW: usize = 3;

impl Sync {
    /// The best epoch that a connected peer has shown that can give the one after `own`, and that does
    /// not let us wait.
    fn best(&self, own: Epoch) -> Option<(Hotkey, Epoch)> {
        let able = self
            .shown
            .iter()
            .filter(|(peer, shown)| shown.oldest <= own.next() && !self.slow.contains(peer));
        let best = able.max_by_key(|(_, shown)| shown.last);
        best.map(|(peer, shown)| (*peer, shown.last))
    }

    /// The epoch after `own` if peers are further and none of them can give it.
    fn stranded(&self, own: Epoch) -> Option<Stranded> {
        let further = self.shown.values().filter(|shown| shown.last > own);
        let oldest = further.map(|shown| shown.oldest).min()?;
        (oldest > own.next()).then_some(Stranded { next: own.next(), oldest })
    }

    /// Forgets what a peer that left has shown: it cannot be asked.
    pub(crate) fn forget(&mut self, peer: &Hotkey) {
        self.shown.remove(peer);
        self.slow.remove(peer);
    }

    /// Whether epochs are being fetched that lie beyond ours.
    #[must_use]
    pub fn is_behind(&self, epoch: Epoch) -> bool {
        self.fetching.is_some() && self.best(epoch).is_some_and(|(_, best)| best > epoch)
    }
}

impl Participant {
    pub(crate) fn ask_for(&mut self, peer: Hotkey, asked: Asked, request: proto::request::Request) {
        if self.sync.asked.len() >= ASKED {
            return;
        }
        let id = self.ask(peer, request);
        self.sync.asked.insert(id, asked);
    }

    pub(crate) fn status(&self) -> proto::Status {
        let (epoch, cut) = self.head();
        proto::Status {
            epoch: epoch.get(),
            cut: cut.as_bytes().to_vec(),
            oldest: self.config.oldest.get(),
            forked: self.divergence.forked(),
        }
    }

    pub(crate) fn ask_status(&mut self, peer: Hotkey) {
        let mine = Some(self.status());
        let request = proto::request::Request::Status(proto::StatusRequest { mine });
        self.ask_for(peer, Asked::Status, request);
    }

    pub(crate) fn push(&mut self, peer: Hotkey, messages: Vec<proto::AgreementMessage>) {
        let request = proto::request::Request::Push(proto::PushRequest { messages });
        self.ask_for(peer, Asked::Push, request);
    }

    pub(crate) fn schedule_status(&mut self) {
        let at = self.now.mono.saturating_add(self.schedule.epoch / 2);
        self.set_timer(Timer::Status, at);
    }

    /// Compares notes with one peer in turn, or with all when the epoch should be decided by now.
    pub(crate) fn on_status_timer(&mut self) {
        let peers: Vec<Hotkey> = self.connected.iter().copied().collect();
        if self.is_late() {
            for peer in peers {
                self.ask_status(peer);
            }
        } else {
            self.sync.turn = self.sync.turn.wrapping_add(1);
            let at = self.sync.turn.checked_rem(peers.len()).unwrap_or(0);
            if let Some(peer) = peers.get(at) {
                self.ask_status(*peer);
            }
        }
        self.schedule_status();
    }

    /// Whether this node decides epochs in time: then it is news to nobody that peers claim later ones.
    fn keeps_up(&self) -> bool {
        self.decided_last && !self.is_late()
    }

    /// Whether the epoch should be decided by now.
    fn is_late(&self) -> bool {
        self.now.mono > self.deadline.saturating_add(self.schedule.epoch / 4)
    }

    // ---- requests of peers ----

    pub(crate) fn on_request(&mut self, from: Hotkey, token: AnswerToken, request: proto::Request) {
        use proto::request::Request;
        use proto::response::Response;
        let answer = match request.request {
            Some(Request::Status(status)) => {
                if let Some(mine) = status.mine {
                    self.on_status(from, &mine);
                }
                Response::Status(self.status())
            }
            Some(Request::Items(asked)) => match self.held_items(&asked) {
                Some(items) => Response::Items(items),
                None => {
                    let request = Some(Request::Items(asked));
                    return self.send(Effect::AnswerFromStore(token, proto::Request { request }));
                }
            },
            Some(Request::ListBodies(asked)) => Response::ListBodies(self.held_bodies(&asked)),
            Some(Request::Epochs(asked)) => {
                let request = Some(Request::Epochs(asked));
                return self.send(Effect::AnswerFromStore(token, proto::Request { request }));
            }
            Some(stored @ (Request::Snapshots(_) | Request::Chunk(_) | Request::Cuts(_))) => {
                let request = Some(stored);
                return self.send(Effect::AnswerFromStore(token, proto::Request { request }));
            }
            Some(Request::Push(pushed)) => {
                self.on_push(from, pushed);
                // Whoever pushes at a decided epoch learns that it is decided.
                Response::Pushed(proto::Pushed { status: Some(self.status()) })
            }
            Some(Request::Stages(asked)) => {
                self.divergence.told_stages(&asked).map_or_else(not_kept, Response::Stages)
            }
            Some(Request::StageRows(asked)) => {
                self.divergence.told_rows(&asked).map_or_else(not_kept, Response::StageRows)
            }
            Some(Request::Forks(_)) => Response::Forks(self.divergence.told_forks()),
            Some(Request::Differences(asked)) => self.on_differences_request(from, &asked),
            Some(Request::Trade(trade)) => self.on_trade_request(from, trade),
            _ => Response::Refused(proto::Refused { code: 1, reason: "not answered here".into() }),
        };
        let response = proto::Response { response: Some(answer) };
        self.send(Effect::Answer(token, response));
    }

    /// The items asked for, as far as one answer takes them, if we hold any of them here; the store
    /// may hold others.
    fn held_items(&self, asked: &proto::ItemsRequest) -> Option<proto::Items> {
        let mut bytes = 0_usize;
        let ids = asked.ids.iter().take(limits::REQUEST_IDS);
        let held = ids.filter_map(|id| self.item(&ganglion_types::ItemId::from_slice(id)?));
        let told = held.take_while(|item| {
            let room = bytes < limits::RESPONSE_ITEMS_BYTES;
            bytes = bytes.saturating_add(item.encoded_len());
            room
        });
        let items: Vec<proto::Item> = told.map(Canonical::to_proto).collect();
        (!items.is_empty()).then_some(proto::Items { items })
    }

    fn held_bodies(&self, asked: &proto::ListBodiesRequest) -> proto::ListBodies {
        let digests = asked.digests.iter().take(limits::REQUEST_BODIES);
        let bodies = digests.filter_map(|digest| {
            let digest = ganglion_types::Digest::from_slice(digest)?;
            self.close.body(&digest).map(Canonical::to_proto)
        });
        proto::ListBodies { bodies: bodies.collect() }
    }

    // ---- answers of peers ----

    pub(crate) fn on_response(
        &mut self,
        id: AskId,
        from: Hotkey,
        response: Option<proto::Response>,
    ) {
        use proto::response::Response;
        let Some(asked) = self.sync.asked.remove(&id) else { return };
        let answer = response.and_then(|response| response.response);
        match (asked, answer) {
            (Asked::Status, Some(Response::Status(status)))
            | (Asked::Push, Some(Response::Pushed(proto::Pushed { status: Some(status) }))) => {
                self.on_status(from, &status);
            }
            (Asked::Items, Some(Response::Items(items))) => self.on_items(from, items),
            (Asked::Bodies, Some(Response::ListBodies(bodies))) => self.on_bodies(from, bodies),
            (Asked::Differences(after), Some(Response::Differences(told))) => {
                self.differences.answered(&from);
                self.on_differences(from, after, told);
            }
            (Asked::Trade, Some(Response::Trade(trade))) => self.on_trade(from, trade),
            (Asked::Epochs, Some(Response::Epochs(epochs))) => self.on_epochs(from, epochs),
            (Asked::Forks, Some(Response::Forks(forks))) => self.on_forks(forks),
            (Asked::Epochs, _) => self.fetch_elsewhere(from),
            // Refused, failed, or of another kind: the next timer asks somebody else.
            _ => {}
        }
    }

    pub(crate) fn on_status(&mut self, from: Hotkey, status: &proto::Status) {
        let epoch = Epoch::new(status.epoch);
        // One that has left cannot be asked, and would stand in the way of those who can.
        let room = self.sync.shown.len() < SHOWN || self.sync.shown.contains_key(&from);
        if room && self.connected.contains(&from) {
            let oldest = Epoch::new(status.oldest);
            self.sync.shown.insert(from, Shown { last: epoch, oldest });
        }
        if status.forked > 0 && !self.is_stopping() {
            // A claim too: what is proven freezes this node.
            let request = proto::request::Request::Forks(proto::ForksRequest {});
            self.ask_for(from, Asked::Forks, request);
        }
        let (own, head) = self.head();
        if self.is_stopping() {
            return;
        }
        if epoch > own {
            self.catch_up();
        } else if epoch == own
            && let Some(other) = CutId::from_slice(&status.cut)
            && other != head
        {
            // A claim, no proof: ask for the certificate.
            self.report(Report::Disagreed(Disagreement::Claimed));
            self.report(Report::Odd(format!("a peer claims another cut of epoch {epoch}")));
            let request = proto::EpochsRequest { from: epoch.get(), max: 1 };
            self.ask_for(from, Asked::Epochs, proto::request::Request::Epochs(request));
        }
    }

    /// Starts fetching from the peer that is furthest, unless a fetch is under way.
    fn catch_up(&mut self) {
        if self.sync.fetching.is_some() {
            return;
        }
        let own = self.state.epoch();
        let stranded = self.sync.stranded(own).filter(|_| !self.keeps_up());
        if stranded != self.sync.stranded {
            self.sync.stranded = stranded;
            self.report(Report::Stranded(stranded));
        }
        self.fetch_epochs(EPOCHS);
    }

    fn fetch_epochs(&mut self, max: u32) {
        let own = self.state.epoch();
        let Some((peer, best)) = self.sync.best(own) else { return };
        if best <= own || !self.connected.contains(&peer) {
            return;
        }
        self.sync.fetching = Some(peer);
        let since = self.now.mono;
        self.sync.progress.get_or_insert(Progress { since, verified: 0, before: 0, told: false });
        self.report_following();
        let request = proto::EpochsRequest { from: own.next().get(), max };
        self.ask_for(peer, Asked::Epochs, proto::request::Request::Epochs(request));
        self.schedule_follow();
    }

    /// A request that nobody answers fails after longer than short epochs take, so another peer is asked
    /// after a tenth of an epoch.
    fn schedule_follow(&mut self) {
        let tenth = self.schedule.epoch.checked_div(10).unwrap_or(0);
        self.set_timer(Timer::Follow, self.now.mono.saturating_add(tenth.clamp(500, 5_000)));
    }

    /// The peer that epochs are being fetched from had time enough: asks another beside it, if one can
    /// help.
    pub(crate) fn on_follow_timer(&mut self) {
        let Some(slow) = self.sync.fetching else { return };
        if self.is_stopping() || planted::is(Bug::LiarAskedForever) {
            return;
        }
        if self.sync.slow.len() < SLOW {
            self.sync.slow.insert(slow);
            self.sync.fetching = None;
            self.fetch_epochs(EPOCHS_MEANWHILE);
        }
        if self.sync.fetching.is_none() {
            self.sync.slow.remove(&slow);
            self.sync.fetching = Some(slow);
        }
        self.schedule_follow();
    }

    /// Says how far catching up has come; once nobody is further, for the last time. What peers claim is
    /// worth no word while this node keeps up: anybody can claim.
    fn report_following(&mut self) {
        let keeps_up = self.keeps_up();
        let own = self.state.epoch();
        let further = self.sync.fetching.and_then(|_| self.sync.best(own));
        let Some(progress) = &mut self.sync.progress else { return };
        progress.told |= progress.verified > 0 || !keeps_up;
        let progress = *progress;
        if further.is_none() {
            self.sync.progress = None;
        }
        if !progress.told {
            return;
        }
        let best = further.map_or(own, |(_, best)| best.max(own));
        let elapsed = self.now.mono.saturating_sub(progress.since);
        let per_kilosecond = progress
            .before
            .saturating_mul(1_000_000)
            .checked_div(elapsed)
            .filter(|_| progress.before > 0);
        let verified = progress.verified;
        self.report(Report::Following(Following { epoch: own, best, verified, per_kilosecond }));
    }

    /// A peer did not give the epochs that it was asked for.
    fn fetch_elsewhere(&mut self, failed: Hotkey) {
        if planted::is(Bug::LiarAskedForever) {
            return;
        }
        self.sync.shown.remove(&failed);
        self.answered_epochs(failed);
        self.go_on_following();
    }

    /// True if it was asked for epochs that we lack.
    fn answered_epochs(&mut self, peer: Hotkey) -> bool {
        let current = self.sync.fetching.take_if(|fetching| *fetching == peer).is_some();
        self.sync.slow.remove(&peer) || current
    }

    fn go_on_following(&mut self) {
        if self.sync.fetching.is_none() {
            self.catch_up();
            self.reopen();
        }
    }

    /// Opens a window if catching up ended without one.
    fn reopen(&mut self) {
        if self.sync.fetching.is_none() {
            self.report_following();
        }
        if self.sync.fetching.is_none() && self.phase == Phase::CatchingUp {
            let deadline = self.schedule.next_deadline(None, self.now.mono);
            self.open_window(self.now.mono, deadline);
        }
    }

    fn on_epochs(&mut self, from: Hotkey, epochs: proto::Epochs) {
        let many = epochs.epochs.len();
        let first = self.state.epoch().get();
        let mut taken: usize = 0;
        for bundle in epochs.epochs.into_iter().take(limits::RESPONSE_EPOCHS) {
            let Ok(bundle) = EpochBundle::from_proto(bundle) else {
                self.send(Effect::Penalize(from, Rejection::Malformed));
                break;
            };
            if !self.take_bundle(from, bundle) {
                break;
            }
            taken = taken.saturating_add(1);
        }
        if self.is_stopping() {
            return;
        }
        let verified = self.state.epoch().get().saturating_sub(first);
        if let Some(progress) = &mut self.sync.progress {
            progress.before = progress.verified;
            progress.verified = progress.verified.saturating_add(verified);
        }
        if self.answered_epochs(from) && (many == 0 || taken < many) {
            return self.fetch_elsewhere(from);
        }
        self.go_on_following();
    }

    /// Checks and executes one fetched epoch. True to go on with the next one.
    fn take_bundle(&mut self, from: Hotkey, bundle: EpochBundle) -> bool {
        let EpochBundle { cut, certificate, items } = bundle;
        let (own, head) = self.head();
        if cut.epoch == own && certificate.epoch == own {
            self.check_fork(&cut, &certificate);
            return !self.is_stopping();
        }
        if cut.epoch != self.closing() {
            return cut.epoch < self.closing();
        }
        if cut.subnet == self.subnet && cut.prev != head {
            // Built on another cut than ours. If that one is certified too, whoever has this one has it.
            let request = proto::EpochsRequest { from: own.get(), max: 1 };
            self.ask_for(from, Asked::Epochs, proto::request::Request::Epochs(request));
        }
        let id = cut.id();
        let sound = cut.subnet == self.subnet
            && cut.prev == head
            && (certificate.cut == id || planted::is(Bug::CutUnbound))
            && certificate.epoch == cut.epoch
            && (planted::is(Bug::CertificateUnverified)
                || verify_certificate(&certificate, &self.subnet, cut.epoch, &self.committee)
                    .is_ok());
        if !sound || !items.iter().all(|item| *item.subnet() == self.subnet && item.verify()) {
            self.send(Effect::Penalize(from, Rejection::BadSignature));
            return false;
        }
        if let Some(item) = items.iter().find(|item| admissible(&self.state, item).is_err()) {
            let detail = format!("item {} is not admissible here", item.id());
            self.cannot_execute(&cut, "cut", detail);
            return false;
        }
        let executed = match execute(&self.state, cut.time, &items) {
            Ok(executed) => executed,
            Err(error) => {
                self.cannot_execute(&cut, "execution", error.to_string());
                return false;
            }
        };
        if differing_root(&cut, &executed.roots).is_some() {
            self.diverged(&cut, &executed);
            return false;
        }
        self.phase = Phase::CatchingUp;
        self.peer_is_further();
        self.commit_epoch(cut, certificate, items, executed, true);
        true
    }

    // ---- missing items and bodies ----

    /// Asks for what has become missing, and again, elsewhere, until it is there.
    pub(crate) fn start_fetching(&mut self) {
        self.request_missing(false);
    }

    pub(crate) fn on_fetch(&mut self) {
        if planted::is(Bug::FetchedOnce) {
            return;
        }
        self.fetch.fired();
        self.request_missing(true);
    }

    fn request_missing(&mut self, again: bool) {
        let connected = self.connected.clone();
        let requests = self.fetch.requests(&connected, again);
        for (peer, request) in requests {
            let Some(request) = request.request else { continue };
            let asked = match request {
                proto::request::Request::Items(_) => Asked::Items,
                _ => Asked::Bodies,
            };
            self.ask_for(peer, asked, request);
        }
        // What is not here by then is asked of the next peer, or of the first one that is connected.
        if self.fetch.arm() {
            let next = self.now.mono.saturating_add(self.schedule.resend.max(200));
            self.set_timer(Timer::Fetch, next);
        }
    }

    fn on_items(&mut self, from: Hotkey, items: proto::Items) {
        for item in items.items.into_iter().take(limits::REQUEST_IDS) {
            let Ok(item) = Item::from_proto(item) else {
                self.send(Effect::Penalize(from, Rejection::Malformed));
                return;
            };
            if !self.fetch.is_wanted(&Want::Item(item.id())) {
                continue;
            }
            if *item.subnet() != self.subnet || !self.verify(&item) {
                self.send(Effect::Penalize(from, Rejection::BadSignature));
                return;
            }
            self.fetch.found(&Want::Item(item.id()));
            self.take_wanted(item);
        }
        self.pursue_agreement();
    }

    fn on_bodies(&mut self, from: Hotkey, bodies: proto::ListBodies) {
        for body in bodies.bodies.into_iter().take(limits::REQUEST_BODIES) {
            let Ok(body) = ListBody::from_proto(body) else {
                self.send(Effect::Penalize(from, Rejection::Malformed));
                return;
            };
            let want = Want::Body(body.digest());
            if self.fetch.is_wanted(&want) {
                self.fetch.found(&want);
                self.take_body(body);
            }
        }
        self.want_listed_items();
        self.pursue_agreement();
    }
}

fn not_kept() -> proto::response::Response {
    let reason = "that epoch is not kept in memory here".into();
    proto::response::Response::Refused(proto::Refused { code: 20, reason })
}
