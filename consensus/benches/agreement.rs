//! Time of one decided epoch for a whole committee in one thread, as a table: everything that a node
//! does for agreement, with encoding and records, without network and disk.
//!
//! `cargo bench -p ganglion-consensus --bench agreement`. The cut names 128 items.

use std::collections::VecDeque;
use std::hint::black_box;
use std::io::{self, Write};
use std::time::Duration;
#[allow(clippy::disallowed_types, reason = "a benchmark is about time")]
use std::time::Instant;

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

#[allow(clippy::disallowed_types, reason = "a benchmark is about time")]
fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "members  epochs  ms per decision, all members  ms per member")?;
    for (members, epochs) in [(4_u16, 100_u32), (16, 20), (64, 3)] {
        assert_eq!(decide(members), usize::from(members));
        let started = Instant::now();
        for _ in 0..epochs {
            black_box(decide(black_box(members)));
        }
        let all = started.elapsed().as_secs_f64() * 1_000.0 / f64::from(epochs);
        let each = all / f64::from(members);
        writeln!(out, "{members:7}  {epochs:6}  {all:28.2}  {each:13.2}")?;
    }
    Ok(())
}
