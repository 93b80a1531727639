//! A participant among peers that say anything, in any order, at any time.

use std::collections::BTreeMap;

use arbitrary::{Arbitrary as _, Result, Unstructured};
use ganglion_subnet::effect::{Effect, Timer};
use ganglion_subnet::{
    AnswerToken, AskId, Channel, Config, GossipToken, Input, Now, Participant, Recovered, Ticket,
};
use ganglion_types::{Canonical as _, Epoch, Hotkey, proto};
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
        let recovered = Recovered {
            signed: Some(Epoch::GENESIS),
            log: Some(Vec::new()),
            ..Recovered::default()
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
                    let response = proto::Response::decode(&bytes(u)?[..]).ok();
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
