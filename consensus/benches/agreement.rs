//! CPU of one decided epoch for a whole committee in one thread, everything included that a node
//! does for agreement: signing, encoding, decoding, checking, records. No network, no disk.
//!
//! Divide by the number of members for the cost of one node.
#![allow(missing_docs, reason = "criterion writes functions without documentation")]

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ed25519_dalek::SigningKey;
use ganglion_consensus::agreement::{Engine, EngineConfig, EpochStart, Output, Received, Timeouts};
use ganglion_consensus::certificate::{Committee, Member};
use ganglion_types::codec::Canonical;
use ganglion_types::{AgreementMessage, Cut, CutId, Digest, Epoch, ItemId, SubnetId, limits, sign};

const SUBNET: SubnetId = SubnetId::new([7; 32]);
const EPOCH: Epoch = Epoch::new(1);

fn key(node: u16) -> SigningKey {
    let mut bytes = [9; 32];
    bytes[..2].copy_from_slice(&node.to_be_bytes());
    SigningKey::from_bytes(&bytes)
}

fn cut() -> Cut {
    Cut {
        subnet: SUBNET,
        epoch: EPOCH,
        prev: CutId::default(),
        lists: vec![ItemId::new([1; 32])],
        items: (0..128).map(|number| ItemId::new([number; 32])).collect(),
        time: 1,
        registry: Digest::ZERO,
        result_root: Digest::ZERO,
        state_root: Digest::ZERO,
        next_committee_root: Digest::ZERO,
    }
}

/// Everybody hears everybody at once, in order. Gives the number of decisions.
fn decide(members: u16) -> usize {
    let timeouts = Timeouts {
        propose: Duration::from_secs(1),
        vote: Duration::from_secs(1),
        delta: Duration::from_secs(1),
        rebroadcast: Duration::from_secs(1),
        max: Duration::from_secs(1),
    };
    let seats = (0..members).map(|node| Member { hotkey: sign::hotkey_of(&key(node)), stake: 10 });
    let committee = Committee::new(seats).unwrap();
    let config = |node| EngineConfig { subnet: SUBNET, key: Some(key(node)), timeouts };
    let mut engines: Vec<Engine> = (0..members).map(|node| Engine::new(config(node))).collect();
    let mut queue: VecDeque<(usize, Output)> = VecDeque::new();
    for (node, engine) in engines.iter_mut().enumerate() {
        let (previous, committee) = (CutId::default(), committee.clone());
        let start = EpochStart { epoch: EPOCH, previous, committee, mute: false };
        queue.extend(engine.start(start, &[]).unwrap().into_iter().map(|output| (node, output)));
    }
    let mut decided = 0;
    while let Some((node, output)) = queue.pop_front() {
        let mut said = vec![];
        match output {
            Output::Build { round } => said.push((node, engines[node].propose(round, cut()))),
            Output::Judge(proposal) => {
                said.push((node, engines[node].judged(proposal.cut.id(), true)));
            }
            Output::Send(message) => {
                let bytes = message.to_bytes();
                for to in (0..engines.len()).filter(|to| *to != node) {
                    let limit = limits::AGREEMENT_BYTES;
                    let message = AgreementMessage::from_bytes(&bytes, limit).unwrap();
                    if let Received::Accepted(outputs) = engines[to].receive(message).unwrap() {
                        said.push((to, Ok(outputs)));
                    }
                }
            }
            Output::Decided(_) => decided += 1,
            _ => {}
        }
        for (node, outputs) in said {
            queue.extend(outputs.unwrap().into_iter().map(|output| (node, output)));
        }
    }
    decided
}

fn agreement(c: &mut Criterion) {
    let mut group = c.benchmark_group("committee_decides_an_epoch");
    group.sample_size(10);
    for members in [4_u16, 16, 64] {
        assert_eq!(decide(members), usize::from(members));
        group.bench_function(BenchmarkId::from_parameter(members), |b| {
            b.iter(|| decide(black_box(members)));
        });
    }
    group.finish();
}

criterion_group!(benches, agreement);
criterion_main!(benches);
