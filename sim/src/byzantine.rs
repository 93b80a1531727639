//! What a dishonest node sends instead of, and beside, what the production code in it would.
//!
//! The dishonest share one brain: who equivocates votes for the same two cuts as its like, one towards
//! each half of the others. That is the strongest attack on safety there is.

use std::collections::{BTreeMap, VecDeque};

use ed25519_dalek::SigningKey;
use ganglion_consensus::ledger::{State, execute};
use ganglion_subnet::Channel;
use ganglion_types::proto::{self, request::Request, response::Response};
use ganglion_types::{
    AgreementMessage, Body, Canonical as _, Cut, CutId, Digest, Epoch, Evidence, Hotkey,
    InclusionList, Item, ItemId, Proposal, Round, SubnetId, Vote, VoteType, agreement, limits,
    sign,
};

use crate::plan::Trick;
use crate::random::Random;
use crate::spoil;

/// A message, and the set of nodes, by bit, that it is sent to.
pub(crate) type Send = (u64, Channel, Vec<u8>);

/// Messages kept to be said again much later.
const HEARD: usize = 64;
/// Everybody.
pub(crate) const ALL: u64 = u64::MAX;

/// Every third node.
const THIRDS: [u64; 3] = [0x9249_2492_4924_9249, 0x2492_4924_9249_2492, 0x4924_9249_2492_4924];

/// What the dishonest know together.
#[derive(Debug, Default)]
pub(crate) struct Brain {
    /// Two cuts of one round.
    pairs: BTreeMap<(Epoch, Round), (CutId, CutId)>,
    /// The half that is told the first of two things.
    pub(crate) half: u64,
}

/// One dishonest node.
#[derive(Debug)]
pub(crate) struct Liar {
    pub(crate) key: SigningKey,
    pub(crate) me: Hotkey,
    pub(crate) subnet: SubnetId,
    tricks: Vec<Trick>,
    /// Keys of the honest, for what they signed in another subnet.
    others: Vec<SigningKey>,
    heard: VecDeque<(Channel, Vec<u8>)>,
    items: BTreeMap<ItemId, Item>,
    /// Signer and clock of lists heard of.
    lists: BTreeMap<ItemId, (Hotkey, u64)>,
    friends: u64,
    /// What it voted for in each slot, if it may forget its locks.
    pub(crate) voted: BTreeMap<(Epoch, Round, VoteType), Option<CutId>>,
}

impl Liar {
    pub(crate) fn new(
        key: SigningKey,
        subnet: SubnetId,
        tricks: Vec<Trick>,
        others: Vec<SigningKey>,
        friends: u64,
    ) -> Self {
        let me = sign::hotkey_of(&key);
        let (heard, items, lists) = (VecDeque::new(), BTreeMap::new(), BTreeMap::new());
        let voted = BTreeMap::new();
        Self { key, me, subnet, tricks, others, heard, items, lists, friends, voted }
    }

    pub(crate) fn does(&self, trick: Trick) -> bool {
        self.tricks.contains(&trick)
    }

    /// Keeps what it hears, for later.
    pub(crate) fn hears(&mut self, channel: Channel, bytes: &[u8], random: &mut Random) {
        if matches!(channel, Channel::Weights | Channel::Ops) {
            if let Ok(item) = Item::from_bytes(bytes, limits::ITEM_BYTES) {
                self.items.insert(item.id(), item);
            }
            while self.items.len() > 512 {
                self.items.pop_first();
            }
        }
        if self.does(Trick::Proposals)
            && let Ok(AgreementMessage::List(item)) =
                AgreementMessage::from_bytes(bytes, limits::AGREEMENT_BYTES)
            && let Body::InclusionList(list) = item.body()
        {
            self.lists.insert(item.id(), (list.signer, list.time));
        }
        if self.does(Trick::Stale) && random.permille(200) {
            if self.heard.len() >= HEARD {
                self.heard.pop_front();
            }
            self.heard.push_back((channel, bytes.to_vec()));
        }
    }

    /// What leaves instead of one message.
    pub(crate) fn publish(
        &mut self,
        brain: &mut Brain,
        state: &State,
        (channel, bytes): (Channel, Vec<u8>),
        random: &mut Random,
    ) -> Vec<Send> {
        self.hears(channel, &bytes, random);
        if self.does(Trick::Unlock) && channel == Channel::Agreement {
            return self.once(brain, bytes);
        }
        let message = AgreementMessage::from_bytes(&bytes, limits::AGREEMENT_BYTES).ok();
        let mut sends = match message.filter(|_| channel == Channel::Agreement) {
            Some(AgreementMessage::Vote(vote)) if vote.signer == self.me => {
                self.vote(brain, state, &vote)
            }
            Some(AgreementMessage::Proposal(proposal)) if proposal.signer == self.me => {
                self.proposal(brain, state, &proposal)
            }
            Some(AgreementMessage::List(item)) if *item.body().signer() == *self.me.as_bytes() => {
                self.list(brain, state, &item, random)
            }
            None if channel == Channel::Weights => self.weights(brain, &bytes),
            _ => vec![(ALL, channel, bytes.clone())],
        };
        self.noise(&bytes, channel, random, &mut sends);
        if self.does(Trick::Mute) && channel == Channel::Agreement {
            return Vec::new();
        }
        if self.does(Trick::Withhold) {
            sends.retain(|_| random.permille(500));
        }
        if self.does(Trick::Selective) {
            sends.iter_mut().for_each(|send| send.0 &= self.friends);
        }
        sends
    }

    fn said(message: &AgreementMessage, to: u64) -> Send {
        (to, Channel::Agreement, message.to_bytes())
    }

    fn signed_vote(&self, vote: &Vote, epoch: Epoch, round: Round, cut: Option<CutId>) -> Vote {
        Vote::sign(&self.subnet, vote.vote_type, epoch, round, cut, &self.key)
    }

    fn vote(&self, brain: &Brain, state: &State, vote: &Vote) -> Vec<Send> {
        let (epoch, round) = (vote.epoch, vote.round);
        let mut sends = Vec::new();
        let pair = brain.pairs.get(&(epoch, round));
        if self.does(Trick::Votes) {
            let other = if vote.cut.is_some() { None } else { Some(state.head()) };
            let (one, two) = pair.map_or((vote.cut, other), |(one, two)| (Some(*one), Some(*two)));
            // Its own proposal may be about to be two: then the others will be told of the second.
            let early = pair.is_none() && vote.cut.is_some() && self.does(Trick::Proposals);
            let halves = [(one, brain.half), (two, !brain.half)];
            for (cut, to) in halves.into_iter().take(if early { 1 } else { 2 }) {
                let vote = self.signed_vote(vote, epoch, round, cut);
                sends.push(Self::said(&AgreementMessage::Vote(vote), to));
            }
        } else {
            sends.push(Self::said(&AgreementMessage::Vote(vote.clone()), ALL));
        }
        if self.does(Trick::Future) {
            let later = [(epoch.next(), round), (Epoch::new(epoch.get() + 7), round)];
            let rounds = [(epoch, Round::new(round.get() + 1)), (epoch, Round::new(1_000))];
            for (epoch, round) in later.into_iter().chain(rounds) {
                let vote = self.signed_vote(vote, epoch, round, vote.cut);
                sends.push(Self::said(&AgreementMessage::Vote(vote), ALL));
            }
        }
        let contrary = if vote.cut.is_some() { None } else { Some(state.head()) };
        for other in self.others.iter().filter(|_| self.does(Trick::Forged)).take(2) {
            let vote = self.signed_vote(vote, epoch, round, contrary);
            let vote = Vote { signer: sign::hotkey_of(other), ..vote };
            sends.push(Self::said(&AgreementMessage::Vote(vote), ALL));
        }
        for other in self.others.iter().filter(|_| self.does(Trick::OtherSubnet)) {
            let elsewhere = SubnetId::new([7; 32]);
            let vote = Vote::sign(&elsewhere, vote.vote_type, epoch, round, contrary, other);
            sends.push(Self::said(&AgreementMessage::Vote(vote), ALL));
        }
        sends
    }

    /// The same proposal with another cut.
    fn proposing(&self, proposal: &Proposal, cut: Cut) -> AgreementMessage {
        let Proposal { epoch, round, pol_round, signer, .. } = *proposal;
        let hash = agreement::proposal_hash(&self.subnet, epoch, round, pol_round, &cut.id());
        let signature = sign::sign(&self.key, &hash);
        let proposal = Proposal { epoch, round, pol_round, cut, signer, signature };
        AgreementMessage::Proposal(Box::new(proposal))
    }

    /// A cut with these items and this time, and the roots that they give.
    fn executed(&self, state: &State, cut: &Cut, items: Vec<ItemId>, time: u64) -> Option<Cut> {
        let bodies: Option<Vec<Item>> =
            items.iter().map(|id| self.items.get(id).cloned()).collect();
        let roots = execute(state, time, &bodies?).ok()?.roots;
        Some(Cut {
            items,
            time,
            result_root: roots.result_root,
            state_root: roots.state_root,
            next_committee_root: roots.next_committee_root,
            ..cut.clone()
        })
    }

    fn proposal(&self, brain: &mut Brain, state: &State, proposal: &Proposal) -> Vec<Send> {
        let cut = &proposal.cut;
        let honest = AgreementMessage::Proposal(Box::new(proposal.clone()));
        if self.does(Trick::WrongResult) {
            let mut wrong = cut.clone();
            match cut.epoch.get() % 3 {
                0 => wrong.result_root = Digest::new([9; 32]),
                1 => wrong.state_root = Digest::new([9; 32]),
                _ => wrong.next_committee_root = Digest::new([9; 32]),
            }
            return vec![Self::said(&self.proposing(proposal, wrong), ALL)];
        }
        if self.does(Trick::Censor) {
            let mut items = cut.items.clone();
            items.pop();
            let censored = self.executed(state, cut, items, cut.time);
            let message = censored.map(|cut| self.proposing(proposal, cut)).unwrap_or(honest);
            return vec![Self::said(&message, ALL)];
        }
        if self.does(Trick::Proposals)
            && let Some(second) = self.with_fewer_lists(state, cut)
        {
            brain.pairs.insert((cut.epoch, proposal.round), (cut.id(), second.id()));
            let kind = VoteType::Prevote;
            let (epoch, round) = (proposal.epoch, proposal.round);
            let id = Some(second.id());
            let vote = Vote::sign(&self.subnet, kind, epoch, round, id, &self.key);
            let second = self.proposing(proposal, second);
            let mut sends = vec![Self::said(&honest, brain.half), Self::said(&second, !brain.half)];
            if self.does(Trick::Votes) {
                sends.push(Self::said(&AgreementMessage::Vote(vote), !brain.half));
            }
            return sends;
        }
        vec![Self::said(&honest, ALL)]
    }

    /// Another valid cut: it cites one list less, if the rest is still a quorum.
    fn with_fewer_lists(&self, state: &State, cut: &Cut) -> Option<Cut> {
        let stakes: BTreeMap<Hotkey, u64> =
            state.committee().iter().map(|one| (one.hotkey, one.stake.get())).collect();
        let total: u64 = stakes.values().sum();
        let mut lists: Vec<(ItemId, u64, u64)> = cut
            .lists
            .iter()
            .map(|id| {
                let (signer, time) = self.lists.get(id)?;
                Some((*id, *time, *stakes.get(signer)?))
            })
            .collect::<Option<_>>()?;
        let least = lists.iter().map(|list| list.2).min()?;
        let at = lists.iter().position(|list| list.2 == least)?;
        lists.remove(at);
        let cited: u64 = lists.iter().map(|list| list.2).sum();
        if cited * 3 <= total * 2 {
            return None;
        }
        let mut times: Vec<(u64, u64)> = lists.iter().map(|list| (list.1, list.2)).collect();
        times.sort_unstable();
        let mut held = 0;
        let median = times.iter().find(|(_, stake)| {
            held += stake;
            held * 2 >= cited
        });
        let time = median?.0.max(state.chain().time + 1);
        let other = Cut { lists: lists.iter().map(|list| list.0).collect(), ..cut.clone() };
        self.executed(state, &other, cut.items.clone(), time)
    }

    fn list(&self, brain: &Brain, state: &State, item: &Item, random: &mut Random) -> Vec<Send> {
        let honest = AgreementMessage::List(item.clone());
        let mut sends = vec![Self::said(&honest, ALL)];
        if let (true, Body::InclusionList(list)) = (self.does(Trick::Lists), item.body()) {
            let thirds = random.permille(500);
            let mut another = || {
                let time = list.time.saturating_add(random.between(1, 5_000));
                let list = InclusionList { time, ..list.clone() };
                let item = Item::sign(self.subnet, Body::InclusionList(list), &self.key);
                AgreementMessage::List(item)
            };
            sends = vec![Self::said(&honest, brain.half), Self::said(&another(), !brain.half)];
            if thirds {
                let each = THIRDS.into_iter().flat_map(|third| [third; 2]);
                sends = each.map(|third| Self::said(&another(), third)).collect();
            }
        }
        if self.does(Trick::FalseEvidence) {
            sends.extend(self.false_evidence(state).map(|bytes| (ALL, Channel::Ops, bytes)));
        }
        sends
    }

    /// Two votes in the name of an honest member that it never signed.
    fn false_evidence(&self, state: &State) -> Option<Vec<u8>> {
        let victim = sign::hotkey_of(self.others.first()?);
        let epoch = state.epoch();
        let vote = |cut| {
            let kind = VoteType::Precommit;
            let vote = Vote::sign(&self.subnet, kind, epoch, Round::new(0), cut, &self.key);
            Vote { signer: victim, ..vote }
        };
        let evidence = Evidence::of_votes(&vote(None), &vote(Some(state.head())))?;
        Some(Item::evidence(self.subnet, evidence).to_bytes())
    }

    fn weights(&self, brain: &Brain, bytes: &[u8]) -> Vec<Send> {
        let first = (ALL, Channel::Weights, bytes.to_vec());
        let Ok(item) = Item::from_bytes(bytes, limits::ITEM_BYTES) else { return vec![first] };
        if !self.does(Trick::Items) || *item.body().signer() != *self.me.as_bytes() {
            return vec![first];
        }
        let second = match item.body().clone() {
            Body::Weights(mut row) => {
                row.entries.iter_mut().for_each(|entry| entry.1 = u16::MAX);
                Body::Weights(row)
            }
            Body::WeightCommit(mut commit) => {
                commit.commitment = Digest::new([3; 32]);
                Body::WeightCommit(commit)
            }
            _ => return vec![first],
        };
        let second = Item::sign(self.subnet, second, &self.key).to_bytes();
        vec![
            (brain.half, Channel::Weights, bytes.to_vec()),
            (!brain.half, Channel::Weights, second),
        ]
    }

    /// Junk and old messages beside what is said.
    fn noise(&self, bytes: &[u8], channel: Channel, random: &mut Random, sends: &mut Vec<Send>) {
        if self.does(Trick::Stale) {
            let old: Vec<_> = self.heard.iter().collect();
            if let Some((channel, bytes)) = random.pick(&old) {
                sends.push((ALL, *channel, bytes.clone()));
            }
        }
        if self.does(Trick::Junk) && random.permille(500) {
            let mut junk = bytes.to_vec();
            match random.below(4) {
                0 => junk.truncate(random.index(bytes.len().max(1))),
                1 => junk.resize(limits::AGREEMENT_BYTES + 1, 0),
                2 => junk.extend_from_slice(bytes),
                _ => {
                    let at = random.index(junk.len());
                    if let Some(byte) = junk.get_mut(at) {
                        *byte ^= 1 << random.below(8);
                    }
                }
            }
            sends.push((ALL, channel, junk));
        }
    }

    /// What it asks; `None` for nothing.
    pub(crate) fn ask(
        &self,
        mut request: proto::Request,
        random: &mut Random,
    ) -> Option<proto::Request> {
        let pushes = matches!(request.request, Some(Request::Push(_) | Request::Trade(_)));
        // What was said to some must not reach the others by the way of requests.
        if (pushes && self.two_faced()) || (self.does(Trick::Withhold) && random.permille(500)) {
            return None;
        }
        if let Some(Request::Status(status)) = &mut request.request
            && self.does(Trick::Liar)
            && let Some(mine) = &mut status.mine
        {
            mine.epoch += random.between(1, 1_000);
        }
        Some(request)
    }

    /// One of seven ways to lie. Half of them are of one mind for ever, so that nobody gets through to the truth.
    const fn mind(&self, random: &mut Random) -> u64 {
        let mind = self.friends % 12;
        if mind < 7 { mind } else { random.below(7) }
    }

    fn two_faced(&self) -> bool {
        let faces = [
            Trick::Votes,
            Trick::Proposals,
            Trick::Lists,
            Trick::Items,
            Trick::Mute,
            Trick::Selective,
            Trick::WrongResult,
            Trick::Censor,
            Trick::Unlock,
        ];
        faces.into_iter().any(|trick| self.does(trick))
    }

    /// What it answers; `None` for nothing.
    pub(crate) fn answer(
        &self,
        mut response: proto::Response,
        random: &mut Random,
    ) -> Option<proto::Response> {
        if self.does(Trick::Withhold) && random.permille(500) {
            return None;
        }
        match &mut response.response {
            Some(Response::Trade(trade)) if self.two_faced() => trade.messages.clear(),
            Some(Response::Differences(told)) if self.two_faced() => told.sections.clear(),
            Some(Response::Status(status)) if self.does(Trick::Liar) => {
                status.epoch += random.between(1, 1_000);
                status.cut = vec![1; 32];
            }
            // Nor is the other half told that the epoch is closed.
            Some(Response::Epochs(epochs)) if self.does(Trick::Unlock) => epochs.epochs.clear(),
            Some(Response::Epochs(epochs)) if self.does(Trick::Liar) => {
                spoil::epochs(epochs, self.mind(random), random);
            }
            Some(Response::Snapshots(told)) if self.does(Trick::Liar) => {
                spoil::offers(told, self.mind(random), random);
            }
            Some(Response::Cuts(told)) if self.does(Trick::Forged) => {
                spoil::history(told);
            }
            Some(Response::Cuts(told)) if self.does(Trick::Liar) && self.mind(random) < 4 => {
                spoil::cuts(told, random.below(7), random);
            }
            Some(Response::Chunk(chunk)) if self.does(Trick::Liar) => {
                spoil::chunk(chunk, self.mind(random), random);
            }
            Some(Response::Chunk(chunk)) if self.does(Trick::Junk) => {
                spoil::chunk(chunk, 6, random);
            }
            _ => {}
        }
        Some(response)
    }
}
