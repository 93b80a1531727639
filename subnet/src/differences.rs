//! Anti-entropy: what gossip lost is found by comparing notes (`docs/spec/network.md`, section 6).
//!
//! ```text
//! asker                                   answerer
//!   ├─ DifferencesRequest: sum per section ─►│
//!   │◄─ Differences: ids where sums differ ──┤
//!   ├─ Trade: what you lack, what I want ───►│   arrival checks, then gossip on
//!   │◄─ Trade: what you wanted ──────────────┤
//!   └ arrival checks
//! ```
//! Both must be closing the same epoch; else they learn of it from the statuses, and the later one
//! is followed. While gossip works the sums are almost always equal, and nothing but sums travels.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use ganglion_types::planted::{self, Bug};
use ganglion_types::sign::tagged_hash;
use ganglion_types::{
    AgreementMessage, Canonical as _, Digest, Hotkey, Item, ItemId, limits, proto,
};

use crate::effect::{Effect, Phase, Report, Timer};
use crate::input::Channel;
use crate::intake::{self, Rejection};
use crate::participant::Participant;
use crate::sync::Asked;

/// Peers asked at once.
const PEERS: usize = 3;
/// Times that one thing is offered to one peer in an epoch: requests may be lost.
const OFFERS: u8 = 2;
/// Notes about single things kept: more than all sections of a large subnet hold together.
const NOTES: usize = 16_384;

/// What two nodes compare, in the order of the sums in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Section {
    /// Items of cut kinds.
    Pool,
    /// Tasks, commits and answers of the running round.
    Round,
    /// Lists, votes, proposals, certificates of the height.
    Agreement,
}

impl Section {
    const ALL: [Self; limits::SECTIONS] = [Self::Pool, Self::Round, Self::Agreement];

    const fn number(self) -> u32 {
        match self {
            Self::Pool => 1,
            Self::Round => 2,
            Self::Agreement => 3,
        }
    }

    /// Its place among the sums.
    const fn place(self) -> usize {
        match self {
            Self::Pool => 0,
            Self::Round => 1,
            Self::Agreement => 2,
        }
    }

    fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|section| section.number() == number)
    }
}

/// Id of an item, or digest of a message of agreement.
type Id = [u8; 32];

/// What is remembered between exchanges. Everything but the counters is of one epoch.
#[derive(Clone, Debug, Default)]
pub struct Differences {
    turn: u64,
    /// When each peer was asked last, and whether it has answered.
    asked: BTreeMap<Hotkey, (u64, bool)>,
    /// When the next exchange is due, on the monotonic clock.
    next: u64,
    /// Things that came by gossip, and by trade, lately.
    gossiped: u64,
    traded: u64,
    /// When things came by gossip: for a moment they are on their way to everybody else too.
    came: BTreeMap<Id, u64>,
    /// When things that are not here were first heard of.
    named: BTreeMap<Id, u64>,
    /// How often things were offered to a peer.
    offered: BTreeMap<(Hotkey, Id), u8>,
    /// Things that came by trade and were refused: not asked for again.
    refused: BTreeSet<Id>,
    /// The ids that each section held when it was summed last, and their sum.
    sums: [Option<(Vec<Id>, Digest)>; limits::SECTIONS],
}

impl Differences {
    /// Something arrived by gossip and was taken.
    pub(crate) fn came_by_gossip(&mut self, id: Id, now: u64) {
        self.gossiped = self.gossiped.saturating_add(1);
        if self.came.len() < NOTES {
            self.came.insert(id, now);
        }
    }

    /// A new epoch: what was noted about things of the last one is of no more use.
    pub(crate) fn epoch_passed(&mut self) {
        let (gossiped, traded) = (self.gossiped / 2, self.traded / 2);
        let asked = std::mem::take(&mut self.asked);
        *self =
            Self { turn: self.turn, asked, next: self.next, gossiped, traded, ..Self::default() };
    }

    /// A round passed: what was noted about messages that no longer matter makes room for others. What was
    /// refused is asked for again once there is no room to note more.
    pub(crate) fn round_passed(&mut self, forgotten: &BTreeSet<Digest>) {
        let stays = |id: &Id| !forgotten.contains(&Digest::new(*id));
        self.came.retain(|id, _| stays(id));
        self.named.retain(|id, _| stays(id));
        self.offered.retain(|(_, id), _| stays(id));
        if self.refused.len() >= NOTES {
            self.refused.clear();
        }
    }

    /// Whether more arrives by trade than by gossip: this node is cut off from it, or nearly.
    const fn is_deaf(&self) -> bool {
        self.traded > self.gossiped
    }

    /// Whether to fetch what a peer names: at once if gossip does not work, else once it had time.
    fn is_due(&mut self, id: Id, now: u64, wait: u64) -> bool {
        if self.refused.contains(&id) {
            return false;
        }
        if self.is_deaf() || self.named.len() >= NOTES {
            return true;
        }
        let first = *self.named.entry(id).or_insert(now);
        now >= first.saturating_add(wait)
    }

    /// Whether to offer a peer what it lacks; counts the offer.
    fn may_offer(&mut self, peer: Hotkey, id: Id, now: u64, wait: u64) -> bool {
        let fresh = self.came.get(&id).is_some_and(|came| now < came.saturating_add(wait));
        if fresh || self.offered.len() >= NOTES {
            return false;
        }
        let offers = self.offered.entry((peer, id)).or_insert(0);
        if *offers >= OFFERS {
            return false;
        }
        *offers = offers.saturating_add(1);
        true
    }

    /// The peers to ask now: those asked longest ago first, and not those who owe an answer for less
    /// than `patience`.
    fn next_peers(&self, connected: &BTreeSet<Hotkey>, now: u64, patience: u64) -> Vec<Hotkey> {
        let mut ready: Vec<(u64, Hotkey)> = Vec::new();
        for peer in connected {
            match self.asked.get(peer) {
                None => ready.push((0, *peer)),
                Some((at, false)) if now < at.saturating_add(patience) => {}
                Some((at, _)) => ready.push((*at, *peer)),
            }
        }
        ready.sort_unstable();
        ready.into_iter().take(PEERS).map(|(_, peer)| peer).collect()
    }

    /// A peer has answered.
    pub(crate) fn answered(&mut self, peer: &Hotkey) {
        if let Some((_, answered)) = self.asked.get_mut(peer) {
            *answered = true;
        }
    }

    fn refuse(&mut self, id: Id) {
        if self.refused.len() < NOTES {
            self.refused.insert(id);
        }
    }
}

/// What one side of a trade gives, within its bounds.
#[derive(Debug, Default)]
struct Parcel {
    items: Vec<proto::Item>,
    messages: Vec<proto::AgreementMessage>,
    bytes: usize,
}

impl Parcel {
    fn fits(&self, bytes: usize) -> bool {
        self.bytes.saturating_add(bytes) <= limits::TRADE_BYTES
    }

    fn item(&mut self, item: &Item) {
        let bytes = item.to_bytes().len();
        if self.items.len() < limits::REQUEST_IDS && self.fits(bytes) {
            self.bytes = self.bytes.saturating_add(bytes);
            self.items.push(item.to_proto());
        }
    }

    fn message(&mut self, message: &AgreementMessage) {
        let bytes = message.to_bytes().len();
        if self.messages.len() < limits::PUSH_MESSAGES && self.fits(bytes) {
            self.bytes = self.bytes.saturating_add(bytes);
            self.messages.push(message.to_proto());
        }
    }

    fn is_empty(&self) -> bool {
        self.items.is_empty() && self.messages.is_empty()
    }
}

/// Whether a parcel came unasked, so that what is new in it is told on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    Unasked,
    Wanted,
}

impl Participant {
    /// Sets the first exchange.
    pub(crate) fn schedule_exchange(&mut self) {
        let wait = self.exchange_pace();
        self.exchange_at(self.now.mono.saturating_add(wait));
    }

    fn exchange_at(&mut self, at: u64) {
        self.differences.next = at;
        self.set_timer(Timer::Exchange, at);
    }

    /// A tenth of the epoch; four times as often while the epoch should be closing, or without gossip.
    fn exchange_pace(&self) -> u64 {
        let closing = self.now.mono >= self.deadline;
        let part = if closing || self.differences.is_deaf() { 40 } else { 10 };
        self.schedule.epoch.checked_div(part).unwrap_or(0).max(50)
    }

    /// How long gossip may take to reach everybody: a fiftieth of the epoch.
    fn gossip_time(&self) -> u64 {
        (self.schedule.epoch / 50).max(20)
    }

    /// This node said something: soon see whether it has reached others.
    pub(crate) fn said_something(&mut self) {
        let at = self.now.mono.saturating_add((self.schedule.epoch / 100).max(20));
        if at < self.differences.next {
            self.exchange_at(at);
        }
    }

    pub(crate) fn on_exchange_timer(&mut self) {
        let idle = matches!(self.phase, Phase::Waiting | Phase::CatchingUp);
        if !idle && !planted::is(Bug::SaidOnce) {
            self.exchange();
        }
        self.schedule_exchange();
    }

    /// Compares notes with the next few peers in turn. One that owes an answer is not asked again for a
    /// tenth of the epoch: in a cut network nobody shouts at a wall.
    fn exchange(&mut self) {
        let now = self.now.mono;
        let patience = self.schedule.epoch.checked_div(10).unwrap_or(0);
        let peers = self.differences.next_peers(&self.connected, now, patience);
        if peers.is_empty() {
            return;
        }
        self.differences.asked.retain(|peer, _| self.connected.contains(peer));
        let sums = Section::ALL.map(|section| self.sum(section).as_bytes().to_vec()).to_vec();
        for peer in peers {
            self.differences.asked.insert(peer, (now, false));
            self.differences.turn = self.differences.turn.wrapping_add(1);
            // Another place each time, so that a section over its bound is told in the end.
            let number = self.differences.turn.to_be_bytes();
            let after = tagged_hash("ganglion/differences-after", &[peer.as_bytes(), &number]);
            let request = proto::DifferencesRequest {
                mine: Some(self.status()),
                sums: sums.clone(),
                after: after.as_bytes().to_vec(),
            };
            let request = proto::request::Request::Differences(request);
            self.ask_for(peer, Asked::Differences(after), request);
        }
    }

    /// Ids of what is held in a section, rising.
    fn held(&self, section: Section) -> BTreeSet<Id> {
        self.ids(section).copied().collect()
    }

    /// The same, in the order in which it is kept.
    fn ids(&self, section: Section) -> Box<dyn Iterator<Item = &Id> + '_> {
        match section {
            Section::Pool => Box::new(self.pool.ids().map(ItemId::as_bytes)),
            Section::Round => Box::new(self.round.ids().map(ItemId::as_bytes)),
            Section::Agreement => Box::new(self.close.voices.ids().map(Digest::as_bytes)),
        }
    }

    /// Sum of a section, made anew when what is held has changed.
    fn sum(&mut self, section: Section) -> Digest {
        if let Some(Some((ids, sum))) = self.differences.sums.get(section.place())
            && self.ids(section).eq(ids)
        {
            return *sum;
        }
        let made = sum(section, &self.held(section));
        let ids = self.ids(section).copied().collect();
        if let Some(known) = self.differences.sums.get_mut(section.place()) {
            *known = Some((ids, made));
        }
        made
    }

    // ---- the answerer ----

    pub(crate) fn on_differences_request(
        &mut self,
        from: Hotkey,
        request: &proto::DifferencesRequest,
    ) -> proto::response::Response {
        let (own, _) = self.head();
        let same = request.mine.as_ref().is_some_and(|mine| mine.epoch == own.get());
        if let Some(mine) = &request.mine {
            self.on_status(from, mine);
        }
        let after = Digest::from_slice(&request.after).unwrap_or(Digest::ZERO);
        let mut sections = Vec::new();
        for (section, theirs) in Section::ALL.into_iter().zip(&request.sums) {
            if same && self.sum(section).as_bytes().as_slice() != theirs.as_slice() {
                let held = self.held(section);
                let ids = circle(&held, after.as_bytes()).take(limits::SECTION_IDS);
                let ids = ids.map(|id| id.to_vec()).collect();
                sections.push(proto::Held { section: section.number(), ids });
            }
        }
        let status = Some(self.status());
        proto::response::Response::Differences(proto::Differences { status, sections })
    }

    pub(crate) fn on_trade_request(
        &mut self,
        from: Hotkey,
        request: proto::TradeRequest,
    ) -> proto::response::Response {
        let mut parcel = Parcel::default();
        if request.epoch == self.closing().get() {
            let wanted = request.wanted.iter().take(limits::REQUEST_IDS);
            for id in wanted.filter_map(|id| Digest::from_slice(id)) {
                // What is given out counts as what the peer sends: nobody can have us send for ever.
                if !self.peer_rate(from) {
                    break;
                }
                self.pack(&mut parcel, *id.as_bytes());
            }
            self.take_parcel(from, request.items, request.messages, Came::Unasked);
        }
        let status = Some(self.status());
        let Parcel { items, messages, .. } = parcel;
        proto::response::Response::Trade(proto::Trade { status, items, messages })
    }

    /// Adds what has this id, if it is held and fits.
    fn pack(&self, parcel: &mut Parcel, id: Id) {
        let item = ItemId::new(id);
        if let Some(message) = self.close.voices.get(&Digest::new(id)) {
            parcel.message(message);
        } else if let Some(item) = self.pool.get(&item).or_else(|| self.round.kept(&item)) {
            parcel.item(item);
        }
    }

    // ---- the asker ----

    pub(crate) fn on_differences(
        &mut self,
        from: Hotkey,
        after: Digest,
        answer: proto::Differences,
    ) {
        let Some(status) = &answer.status else { return };
        self.on_status(from, status);
        if status.epoch != self.head().0.get() {
            return;
        }
        let mut told: BTreeMap<Section, BTreeSet<Id>> = BTreeMap::new();
        for held in answer.sections.into_iter().take(limits::SECTIONS) {
            let ids: Option<BTreeSet<Id>> =
                held.ids.iter().map(|id| id.as_slice().try_into().ok()).collect();
            let (Some(section), Some(ids)) = (Section::from_number(held.section), ids) else {
                self.send(Effect::Penalize(from, Rejection::Malformed));
                return;
            };
            told.insert(section, ids);
        }
        let mut wanted = Vec::new();
        let mut parcel = Parcel::default();
        // What closes the epoch goes first.
        for section in [Section::Agreement, Section::Pool, Section::Round] {
            let Some(theirs) = told.get(&section) else { continue };
            self.compare(from, section, &after, theirs, &mut wanted, &mut parcel);
        }
        wanted.truncate(limits::REQUEST_IDS);
        if wanted.is_empty() && parcel.is_empty() {
            return;
        }
        let epoch = self.closing().get();
        let Parcel { items, messages, .. } = parcel;
        let request = proto::TradeRequest { epoch, items, messages, wanted };
        self.ask_for(from, Asked::Trade, proto::request::Request::Trade(request));
    }

    /// One section: what to ask for, and what to offer.
    fn compare(
        &mut self,
        peer: Hotkey,
        section: Section,
        after: &Digest,
        theirs: &BTreeSet<Id>,
        wanted: &mut Vec<Vec<u8>>,
        parcel: &mut Parcel,
    ) {
        let (now, wait) = (self.now.mono, self.gossip_time());
        let ours = self.held(section);
        for id in theirs.difference(&ours) {
            if !self.has(section, id) && self.differences.is_due(*id, now, wait) {
                wanted.push(id.to_vec());
            }
        }
        let last = last_told(theirs, after.as_bytes());
        let told = |id: &Id| last.is_none_or(|last| rank(id, after) <= rank(&last, after));
        let mut lacked: Vec<Id> = ours.difference(theirs).copied().filter(|id| told(id)).collect();
        // Commits before the answers that open them.
        lacked.sort_by_key(|id| self.round.kept(&ItemId::new(*id)).map(Item::kind));
        for id in lacked {
            if self.differences.may_offer(peer, id, now, wait) {
                self.pack(parcel, id);
            }
        }
    }

    /// Whether something was taken already, held here or not.
    fn has(&self, section: Section, id: &Id) -> bool {
        match section {
            Section::Pool => self.item(&ItemId::new(*id)).is_some(),
            // These tell all that they have taken.
            Section::Round => false,
            Section::Agreement => self.close.voices.has_seen(&Digest::new(*id)),
        }
    }

    pub(crate) fn on_trade(&mut self, from: Hotkey, trade: proto::Trade) {
        if let Some(status) = &trade.status {
            self.on_status(from, status);
        }
        self.take_parcel(from, trade.items, trade.messages, Came::Wanted);
    }

    // ---- both ----

    /// The arrival checks for everything in a parcel, as if it had come by gossip.
    fn take_parcel(
        &mut self,
        from: Hotkey,
        items: Vec<proto::Item>,
        messages: Vec<proto::AgreementMessage>,
        came: Came,
    ) {
        for item in items.into_iter().take(limits::REQUEST_IDS) {
            let Ok(item) = Item::from_proto(item) else {
                return self.send(Effect::Penalize(from, Rejection::Malformed));
            };
            let (id, kind) = (*item.id().as_bytes(), item.kind());
            let result = self.take_traded_item(from, item, came);
            self.report(Report::Item { kind: Some(kind), rejected: result.err() });
            if !self.note_traded(from, id, result) {
                return;
            }
        }
        for message in messages.into_iter().take(limits::PUSH_MESSAGES) {
            let Ok(message) = AgreementMessage::from_proto(message) else {
                return self.send(Effect::Penalize(from, Rejection::Malformed));
            };
            let id = *crate::close::message_digest(&message).as_bytes();
            let result = self.take_traded_message(from, message, came);
            if !self.note_traded(from, id, result) {
                return;
            }
        }
    }

    fn take_traded_item(&mut self, from: Hotkey, item: Item, came: Came) -> Result<(), Rejection> {
        let bytes = item.to_bytes();
        let channel = intake::channel_of(item.kind()).ok_or(Rejection::WrongKind)?;
        intake::check_form(&item, bytes.len(), &self.subnet, channel)?;
        self.check_item(Some(from), item)?;
        if came == Came::Unasked {
            self.send(Effect::Forward(channel, bytes));
        }
        Ok(())
    }

    fn take_traded_message(
        &mut self,
        from: Hotkey,
        message: AgreementMessage,
        came: Came,
    ) -> Result<(), Rejection> {
        let bytes = message.to_bytes();
        let kind = Some(crate::close::kind_of(&message));
        let result = self.on_agreement_message(from, message);
        self.report(Report::Item { kind, rejected: result.err() });
        if result.is_ok() && came == Came::Unasked {
            self.send(Effect::Forward(Channel::Agreement, bytes));
        }
        result
    }

    /// False if the sender is to blame, so that the rest of its parcel is not looked at.
    fn note_traded(&mut self, from: Hotkey, id: Id, result: Result<(), Rejection>) -> bool {
        match result {
            Ok(()) => {
                self.differences.traded = self.differences.traded.saturating_add(1);
                if self.differences.is_deaf() {
                    self.said_something();
                }
                true
            }
            Err(rejection) => {
                self.differences.refuse(id);
                if rejection.blames_sender() {
                    self.send(Effect::Penalize(from, rejection));
                }
                !rejection.blames_sender()
            }
        }
    }
}

/// Sum of a section: equal if and only if the ids are.
fn sum(section: Section, ids: &BTreeSet<Id>) -> Digest {
    let number = section.number().to_be_bytes();
    let mut parts: Vec<&[u8]> = vec![&number];
    parts.extend(ids.iter().map(<[u8; 32]>::as_slice));
    tagged_hash("ganglion/held", &parts)
}

/// All ids, rising from behind `after` and then from the start.
fn circle<'a>(ids: &'a BTreeSet<Id>, after: &Id) -> impl Iterator<Item = Id> + 'a {
    let behind = ids.range((Bound::Excluded(*after), Bound::Unbounded));
    let before = ids.range((Bound::Unbounded, Bound::Included(*after)));
    behind.chain(before).copied()
}

/// Place of an id on the circle that begins behind `after`.
fn rank(id: &Id, after: &Digest) -> (bool, Id) {
    (id <= after.as_bytes(), *id)
}

/// The id up to which an answer tells; `None` if it left nothing out.
fn last_told(ids: &BTreeSet<Id>, after: &Id) -> Option<Id> {
    if ids.len() < limits::SECTION_IDS {
        return None;
    }
    circle(ids, after).last()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(bytes: &[u8]) -> BTreeSet<Id> {
        bytes.iter().map(|byte| [*byte; 32]).collect()
    }

    #[test]
    fn sums_are_equal_only_for_equal_ids_of_one_section() {
        let one = sum(Section::Pool, &ids(&[1, 2]));
        assert_eq!(one, sum(Section::Pool, &ids(&[2, 1])));
        assert_ne!(one, sum(Section::Pool, &ids(&[1, 2, 3])));
        assert_ne!(one, sum(Section::Round, &ids(&[1, 2])));
    }

    #[test]
    fn a_circle_goes_round_once_from_behind_its_start() {
        let ids = ids(&[1, 3, 5]);
        let from = |start: u8| -> Vec<u8> { circle(&ids, &[start; 32]).map(|id| id[0]).collect() };
        assert_eq!(from(0), [1, 3, 5]);
        assert_eq!(from(3), [5, 1, 3]);
        assert_eq!(from(9), [1, 3, 5]);
    }

    #[test]
    fn what_gossip_may_still_bring_is_neither_fetched_nor_offered() {
        let mut notes = Differences::default();
        let (peer, id) = (Hotkey::new([7; 32]), [1; 32]);
        assert!(!notes.is_due(id, 1_000, 200));
        assert!(!notes.is_due(id, 1_199, 200));
        assert!(notes.is_due(id, 1_200, 200));
        notes.came_by_gossip(id, 2_000);
        assert!(!notes.may_offer(peer, id, 2_100, 200));
        assert!(notes.may_offer(peer, id, 2_200, 200));
        assert!(notes.may_offer(peer, id, 2_300, 200));
        assert!(!notes.may_offer(peer, id, 2_400, 200), "a third offer");
    }

    #[test]
    fn whoever_owes_an_answer_is_asked_again_after_a_while_and_the_others_in_turn() {
        let mut notes = Differences::default();
        let peers: BTreeSet<Hotkey> = (1..=5).map(|byte| Hotkey::new([byte; 32])).collect();
        let mut ask = |now: u64, answers: &[u8]| -> Vec<u8> {
            let asked = notes.next_peers(&peers, now, 1_000);
            for peer in &asked {
                notes.asked.insert(*peer, (now, false));
            }
            for byte in answers {
                notes.answered(&Hotkey::new([*byte; 32]));
            }
            asked.iter().map(|peer| peer.as_bytes()[0]).collect()
        };
        assert_eq!(ask(100, &[1, 3]), [1, 2, 3]);
        assert_eq!(ask(200, &[4, 5]), [4, 5, 1]);
        assert_eq!(ask(300, &[]), [3, 4, 5]);
        assert_eq!(ask(400, &[]), [0_u8; 0]);
        assert_eq!(ask(1_100, &[]), [2]);
        assert_eq!(ask(1_300, &[]), [1, 3, 4]);
    }

    #[test]
    fn a_node_without_gossip_fetches_at_once_but_never_what_it_refused() {
        let mut notes = Differences { traded: 1, ..Differences::default() };
        assert!(notes.is_due([1; 32], 0, 200));
        notes.refuse([1; 32]);
        assert!(!notes.is_due([1; 32], 0, 200));
        notes.epoch_passed();
        assert!(!notes.is_deaf());
    }

    #[test]
    fn notes_are_bounded() {
        let mut notes = Differences::default();
        let id = |n: usize| {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&n.to_be_bytes());
            id
        };
        let peer = Hotkey::new([7; 32]);
        for n in 0..NOTES + 10 {
            notes.came_by_gossip(id(n), 0);
            notes.is_due(id(n), 0, 1);
            notes.may_offer(peer, id(n), 1, 1);
            notes.refuse(id(n));
        }
        let sizes = [notes.came.len(), notes.named.len(), notes.offered.len(), notes.refused.len()];
        assert!(sizes.iter().all(|size| *size <= NOTES), "{sizes:?}");
    }
}
