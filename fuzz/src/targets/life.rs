//! A participant among peers that say anything, in any order, at any time.

use std::collections::BTreeMap;

use arbitrary::{Arbitrary as _, Result, Unstructured};
use ganglion_subnet::effect::{Effect, Timer};
use ganglion_subnet::{
    AnswerToken, AskId, Channel, Config, GossipToken, Input, Now, Participant, Recovered, Ticket,
};
use ganglion_types::agreement::proposal_hash;
use ganglion_types::{
    Canonical as _, Cut, Digest, Epoch, Hotkey, Proposal, Round, Vote, VoteType, proto, sign,
};
use prost::Message as _;

use super::ledger::{WORLD, World, fixture, item};

const CHANNELS: [Channel; 5] =
    [Channel::Tasks, Channel::Outputs, Channel::Weights, Channel::Ops, Channel::Agreement];

struct Life {
    participant: Participant,
    now: Now,
    timers: BTreeMap<String, (Timer, u64)>,
    asked: Vec<(AskId, Hotkey)>,
    tokens: u64,
    published: Vec<(Channel, Vec<u8>)>,
}

impl Life {
    fn new(key: u16) -> Option<Self> {
        let recovered = Recovered {
            signed: Some(Epoch::GENESIS),
            log: Some(Vec::new()),
            ..Recovered::default()
        };
        Self::after(key, recovered)
    }

    /// One whose process before this one left that behind.
    fn after(key: u16, recovered: Recovered) -> Option<Self> {
        let World { subnet, state } = &*WORLD;
        let config = Config {
            key: Some(fixture::hot(key)),
            manifest: subnet.manifest.clone(),
            seed_chains: vec![fixture::element(key, 512)],
            oldest: Epoch::new(1),
            behaviour: ganglion_subnet::Behaviour::default(),
            last: None,
            forks: Vec::new(),
            frozen: false,
        };
        let participant = Participant::new(config, state.clone(), recovered)?;
        let now = Now { mono: 1, wall: subnet.manifest.genesis_time + 40_000 };
        Some(Self {
            participant,
            now,
            timers: BTreeMap::new(),
            asked: Vec::new(),
            tokens: 0,
            published: Vec::new(),
        })
    }

    fn step(&mut self, input: Input) {
        for effect in self.participant.step(self.now, input) {
            match effect {
                Effect::SetTimer(timer, at) => {
                    self.timers.insert(format!("{timer:?}"), (timer, at));
                }
                Effect::CancelTimer(timer) => {
                    self.timers.remove(&format!("{timer:?}"));
                }
                Effect::CancelEngineTimers => {
                    self.timers.retain(|_, (timer, _)| !matches!(timer, Timer::Engine(_)));
                }
                Effect::CancelAllTimers => self.timers.clear(),
                Effect::Ask(id, peer, _) => self.asked.push((id, peer)),
                Effect::Publish(channel, bytes) => self.published.push((channel, bytes)),
                _ => {}
            }
        }
        self.published.truncate(64);
    }

    fn token(&mut self) -> u64 {
        self.tokens += 1;
        self.tokens
    }

    /// Lets the timer run out that is due next.
    fn wait(&mut self) {
        let next = self.timers.iter().min_by_key(|(_, (_, at))| *at).map(|(name, _)| name.clone());
        if let Some((timer, at)) = next.and_then(|name| self.timers.remove(&name)) {
            let passed = at.saturating_sub(self.now.mono);
            self.now = Now { mono: self.now.mono.max(at), wall: self.now.wall + passed };
            self.step(Input::Timer(timer));
        }
    }

    fn event(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let from = fixture::hotkey(u.int_in_range(0..=7)?);
        match u.int_in_range(0..=11)? {
            0 => self.step(Input::Connected(from)),
            1 => self.step(Input::Disconnected(from)),
            2..=4 => self.wait(),
            5 => {
                let (token, channel) = (GossipToken(self.token()), *u.choose(&CHANNELS)?);
                let bytes = bytes(u)?;
                self.step(Input::Gossip { from, token, channel, bytes });
            }
            6 | 7 => {
                let token = GossipToken(self.token());
                let closing = self.participant.state().next_epoch().get();
                let item = item(u, &WORLD.subnet, closing)?;
                let channel = ganglion_subnet::intake::channel_of(item.kind());
                let channel = channel.unwrap_or(Channel::Agreement);
                self.step(Input::Gossip { from, token, channel, bytes: item.to_bytes() });
            }
            8 => {
                // Its own words come back, perhaps by another way.
                if !self.published.is_empty() {
                    let (channel, bytes) = u.choose(&self.published)?.clone();
                    let token = GossipToken(self.token());
                    self.step(Input::Gossip { from, token, channel, bytes });
                }
            }
            9 => {
                let token = AnswerToken(self.token());
                if let Ok(request) = proto::Request::decode(&bytes(u)?[..]) {
                    self.step(Input::Request { from, token, request });
                }
            }
            10 => {
                if let Some((id, from)) = self.asked.pop() {
                    let response = match u.arbitrary()? {
                        true => answer(u, self.participant.state().next_epoch().get())?,
                        false => proto::Response::decode(&bytes(u)?[..]).ok(),
                    };
                    self.step(Input::Response { id, from, response });
                }
            }
            _ => {
                let ticket = Ticket(self.token());
                let bytes = bytes(u)?;
                self.step(Input::Submit { ticket, bytes });
            }
        }
        Ok(())
    }
}

/// An answer whose parts are well formed, whatever was asked.
fn answer(u: &mut Unstructured<'_>, closing: u64) -> Result<Option<proto::Response>> {
    use proto::response::Response;
    let mut items = || -> Result<Vec<proto::Item>> {
        (0..u.int_in_range(0..=3)?)
            .map(|_| Ok(item(u, &WORLD.subnet, closing)?.to_proto()))
            .collect()
    };
    let items = items()?;
    let status = proto::Status { epoch: closing.wrapping_sub(1), ..proto::Status::default() };
    let response = match items.len() {
        0 => Response::Status(status),
        1 => {
            let cut = candidate(u)?;
            let certificate = proto::Certificate {
                epoch: cut.epoch.get(),
                round: u.int_in_range(0..=2)?,
                cut: cut.id().as_bytes().to_vec(),
                signatures: Vec::new(),
            };
            let (cut, certificate) = (Some(cut.to_proto()), Some(certificate));
            let bundle = proto::EpochBundle { cut, certificate, items };
            Response::Epochs(proto::Epochs { epochs: vec![bundle] })
        }
        2 => {
            let trade = proto::Trade { status: Some(status), items, messages: Vec::new() };
            Response::Trade(trade)
        }
        _ => Response::Items(proto::Items { items }),
    };
    Ok(Some(proto::Response { response: Some(response) }))
}

fn bytes(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let length = usize::from(u16::arbitrary(u)?) % 600;
    Ok(u.bytes(length.min(u.len()))?.to_vec())
}

pub(super) fn participant(bytes: &[u8]) {
    let mut u = Unstructured::new(bytes);
    let Some(mut life) = u.int_in_range(0..=4).ok().and_then(Life::new) else { return };
    life.step(Input::Started);
    for _ in 0..200 {
        if u.is_empty() || life.event(&mut u).is_err() {
            break;
        }
    }
    let state = life.participant.state();
    assert!(state.supply() < u128::from(ganglion_types::Rao::SUPPLY_MAX.get()));
}

/// A field of bytes in protobuf.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    prost::encoding::encode_varint(bytes.len() as u64, &mut out);
    out.extend_from_slice(bytes);
    out
}

/// A cut of the epoch that is being closed.
fn candidate(u: &mut Unstructured<'_>) -> Result<Cut> {
    let state = &WORLD.state;
    Ok(Cut {
        subnet: *state.subnet(),
        epoch: Epoch::new(state.next_epoch().get() + u64::from(u.ratio(1_u8, 16)?)),
        prev: state.head(),
        lists: Vec::new(),
        items: Vec::new(),
        time: state.chain().time + u64::from(u.int_in_range(0..=2_u8)?),
        registry: Digest::ZERO,
        result_root: Digest::ZERO,
        state_root: Digest::ZERO,
        next_committee_root: Digest::ZERO,
    })
}

/// What the core of agreement was told, as the log has it; most of it well formed.
fn record(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let (who, round) = (u.int_in_range(0..=4)?, u.int_in_range(0..=3_u8)?);
    let (subnet, cut) = (*WORLD.state.subnet(), candidate(u)?);
    let (at, key) = (Round::new(u32::from(round)), fixture::hot(who));
    Ok(match u.int_in_range(0..=5)? {
        0 => {
            let kind = if u.arbitrary()? { VoteType::Prevote } else { VoteType::Precommit };
            let id = if u.arbitrary()? { Some(cut.id()) } else { None };
            let vote = Vote::sign(&subnet, kind, cut.epoch, at, id, &key);
            field(1, &vote.to_bytes())
        }
        1 => {
            let pol_round = if u.arbitrary()? { None } else { Some(Round::new(0)) };
            let hash = proposal_hash(&subnet, cut.epoch, at, pol_round, &cut.id());
            let (signer, signature) = (fixture::hotkey(who), sign::sign(&key, &hash));
            let epoch = cut.epoch;
            let proposal = Proposal { epoch, round: at, pol_round, cut, signer, signature };
            field(2, &proposal.to_bytes())
        }
        2 => field(4, &[0x08, u.int_in_range(0..=4)?, 0x10, round]),
        3 => {
            let proposer = field(3, fixture::hotkey(who).as_bytes());
            let cut = if u.arbitrary()? {
                field(5, &cut.to_bytes())
            } else {
                field(4, cut.id().as_bytes())
            };
            let verdict = [&[0x08, round][..], &proposer, &cut, &[0x30, u.arbitrary()?]].concat();
            field(5, &verdict)
        }
        4 => field(u.int_in_range(1..=6)?, &bytes(u)?),
        _ => bytes(u)?,
    })
}

fn logged(u: &mut Unstructured<'_>) -> Result<Vec<Vec<u8>>> {
    let mut log = Vec::new();
    while !u.is_empty() && log.len() < 32 {
        let entry = match u.int_in_range(0..=7)? {
            0..=4 => [&[0][..], &record(u)?].concat(),
            5 => {
                let closing = WORLD.state.next_epoch().get();
                [&[2][..], &item(u, &WORLD.subnet, closing)?.to_bytes()].concat()
            }
            6 => [&[u.int_in_range(0..=4)?][..], &bytes(u)?].concat(),
            _ => bytes(u)?,
        };
        log.push(entry);
    }
    Ok(log)
}

/// Any agreement log behind a participant that starts: it goes on from there, or halts and says so.
pub(super) fn agreement_records(bytes: &[u8]) {
    let mut u = Unstructured::new(bytes);
    let Ok(key) = u.int_in_range(0..=4) else { return };
    let Ok(log) = logged(&mut u) else { return };
    let signed = Some(WORLD.state.next_epoch());
    let recovered = Recovered { signed, log: Some(log), ..Recovered::default() };
    let Some(mut life) = Life::after(key, recovered) else { return };
    life.step(Input::Started);
    for _ in 0..12 {
        life.wait();
    }
}
