//! Certified epochs made without agreement, and a newcomer that is given them.

use std::sync::Arc;

use ed25519_dalek::SigningKey;
use ganglion_consensus::ledger::{State, execute};
use ganglion_subnet::{Config, Effect, Input, Now, Participant, Recovered, Report};
use ganglion_types::agreement::vote_hash;
use ganglion_types::{
    Body, Canonical as _, Certificate, Coldkey, Cut, CutId, Digest, Epoch, EpochBundle,
    GenesisParticipant, Hotkey, Hyperparameters, Item, Manifest, Phases, Rao, Role, Round,
    TaskSpec, VoteType, Weights, proto, seed, sign,
};

const EPOCH_MS: u64 = 10_000;

/// A subnet's manifest and its first epochs, in each of which every validator sets weights on all others.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) bundles: Vec<EpochBundle>,
    pub(crate) end: State,
}

fn key(number: u16) -> SigningKey {
    let mut bytes = [9; 32];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    SigningKey::from_bytes(&bytes)
}

/// Elements of a validator's task-seed chain by epoch, from 0 on.
fn elements(number: u16, epochs: u64) -> Vec<Digest> {
    let mut last = Digest::new([u8::try_from(number % 251).unwrap(); 32]);
    let mut all = vec![last];
    for _ in 0..epochs {
        last = seed::step(&last);
        all.push(last);
    }
    all.reverse();
    all
}

fn manifest(validators: u16, miners: u16, tails: &[Digest]) -> Manifest {
    let participants = (0..validators + miners).map(|number| {
        let hotkey = sign::hotkey_of(&key(number));
        let validator = number < validators;
        GenesisParticipant {
            hotkey,
            coldkey: Coldkey::new(*sign::hotkey_of(&key(number + 10_000)).as_bytes()),
            role: if validator { Role::Validator } else { Role::Miner },
            stake: Rao::new(if validator { (20 + u64::from(number)) * Rao::PER_UNIT } else { 0 }),
            seed_tail: tails.get(usize::from(number)).copied(),
        }
    });
    Manifest {
        name: "chain".into(),
        salt: [3; 16],
        genesis_time: 1_800_000_000_000,
        epoch_ms: EPOCH_MS,
        phases: Phases::default(),
        task: TaskSpec {
            task_type: "numbers".into(),
            scorer: "numbers".into(),
            batch_size: 20,
            score_power: 1,
            ..TaskSpec::default()
        },
        hyperparameters: Hyperparameters {
            commit_reveal_weights_enabled: false,
            ..Hyperparameters::default()
        },
        participants: participants.collect(),
        accounts: Vec::new(),
        owner: None,
        parent: None,
        registry: None,
    }
}

fn certificate(cut: &Cut, keys: &[SigningKey]) -> Certificate {
    let (epoch, round, id) = (cut.epoch, Round::new(0), cut.id());
    let hash = vote_hash(&cut.subnet, VoteType::Precommit, epoch, round, Some(&id));
    let mut signatures: Vec<_> =
        keys.iter().map(|key| (sign::hotkey_of(key), sign::sign(key, &hash))).collect();
    signatures.sort_unstable_by_key(|(signer, _)| *signer);
    Certificate { epoch, round, cut: id, signatures }
}

impl Chain {
    pub(crate) fn new(validators: u16, miners: u16, epochs: u64) -> Self {
        let seeds: Vec<Vec<Digest>> = (0..validators).map(|one| elements(one, epochs)).collect();
        let tails: Vec<Digest> = seeds.iter().map(|elements| elements[0]).collect();
        let manifest = Arc::new(manifest(validators, miners, &tails));
        let keys: Vec<SigningKey> = (0..validators).map(key).collect();
        let uids = validators + miners;
        let mut state = State::genesis(Arc::clone(&manifest)).unwrap();
        let mut bundles = Vec::new();
        for epoch in 1..=epochs {
            let weight = |uid: u16| if uid == uids - 1 { 65_535 } else { uid.wrapping_mul(40_503) };
            let rows = (0..validators).map(|one| {
                let body = Weights {
                    signer: sign::hotkey_of(&key(one)),
                    mechid: 0,
                    epoch: Epoch::new(epoch),
                    seq: epoch,
                    entries: (0..uids)
                        .filter(|uid| *uid != one)
                        .map(|uid| (uid, weight(uid)))
                        .collect(),
                    task_preimage: seeds[usize::from(one)][usize::try_from(epoch).unwrap()],
                };
                Item::sign(manifest.subnet_id(), Body::Weights(body), &keys[usize::from(one)])
            });
            let mut items: Vec<Item> = rows.collect();
            items.sort_unstable_by_key(Item::id);
            let time = manifest.genesis_time + epoch * EPOCH_MS;
            let executed = execute(&state, time, &items).unwrap();
            let cut = Cut {
                subnet: *state.subnet(),
                epoch: Epoch::new(epoch),
                prev: state.head(),
                lists: Vec::new(),
                items: items.iter().map(Item::id).collect(),
                time,
                registry: Digest::ZERO,
                result_root: executed.roots.result_root,
                state_root: executed.roots.state_root,
                next_committee_root: executed.roots.next_committee_root,
            };
            state = executed.into_state(cut.id());
            let certificate = certificate(&cut, &keys);
            bundles.push(EpochBundle { cut, certificate, items });
        }
        Self { manifest, bundles, end: state }
    }

    /// A node without key at genesis.
    pub(crate) fn newcomer(&self) -> Participant {
        let config = Config {
            key: None,
            manifest: Arc::clone(&self.manifest),
            seed_chains: Vec::new(),
            oldest: Epoch::new(1),
            behaviour: ganglion_subnet::Behaviour::default(),
            last: None,
            forks: Vec::new(),
            frozen: false,
        };
        let state = State::genesis(Arc::clone(&self.manifest)).unwrap();
        Participant::new(config, state, Recovered::default()).unwrap()
    }

    /// Gives the newcomer every epoch it asks for until it asks for no more; `clock` says what time
    /// it is whenever something happens. Everything it reported, and the cuts it stored.
    pub(crate) fn feed(
        &self,
        node: &mut Participant,
        mut clock: impl FnMut() -> u64,
    ) -> (Vec<Report>, Vec<CutId>) {
        let peer = Hotkey::new([7; 32]);
        let now = |mono| Now { mono, wall: self.manifest.genesis_time + 10_000_000 };
        let (mut reports, mut stored) = (Vec::new(), Vec::new());
        let mut effects = node.step(now(clock()), Input::Started);
        effects.extend(node.step(now(clock()), Input::Connected(peer)));
        while !effects.is_empty() {
            let mut answers = Vec::new();
            for effect in effects {
                match effect {
                    Effect::Ask(id, from, request) => {
                        let response = self.answer(&request);
                        answers.push(Input::Response { id, from, response });
                    }
                    Effect::Commit(commit) => stored.push(commit.id),
                    Effect::Report(report) => reports.push(report),
                    Effect::Halt(halt) => panic!("{halt}"),
                    _ => {}
                }
            }
            effects =
                answers.into_iter().flat_map(|answer| node.step(now(clock()), answer)).collect();
        }
        (reports, stored)
    }

    pub(crate) fn answer(&self, request: &proto::Request) -> Option<proto::Response> {
        use proto::{request::Request, response::Response};
        let response = match request.request.as_ref()? {
            Request::Status(_) => Response::Status(proto::Status {
                epoch: self.bundles.len() as u64,
                cut: self.end.head().as_bytes().to_vec(),
                oldest: 1,
                forked: 0,
            }),
            Request::Epochs(asked) => {
                let from = usize::try_from(asked.from - 1).unwrap();
                let bundles = self.bundles.iter().skip(from).take(asked.max as usize);
                Response::Epochs(proto::Epochs {
                    epochs: bundles.map(|one| one.to_proto()).collect(),
                })
            }
            _ => return None,
        };
        Some(proto::Response { response: Some(response) })
    }
}
