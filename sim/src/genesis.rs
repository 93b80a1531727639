//! The manifest and the machines that a plan begins with.

use ed25519_dalek::SigningKey;
use ganglion_types::{
    Coldkey, Digest, GenesisParticipant, Hyperparameters, Manifest, Phases, Rao, Role, SubnetId,
    TaskSpec, seed, sign,
};

use crate::byzantine::Liar;
use crate::node::Node;
use crate::plan::{EPOCH_MS, Mode, Plan, Trick};
use crate::random::Random;
use crate::world::GENESIS;

/// Hotkeys are the same in every world, by position: what is slow to make is made once.
pub(crate) fn hotkey(at: usize) -> SigningKey {
    SigningKey::from_bytes(&[u8::try_from(at + 1).unwrap_or(u8::MAX); 32])
}

/// The owner of a hotkey.
pub(crate) fn coldkey(at: usize) -> SigningKey {
    SigningKey::from_bytes(&[u8::try_from(at + 101).unwrap_or(u8::MAX); 32])
}

pub(crate) fn owner(at: usize) -> Coldkey {
    Coldkey::new(coldkey(at).verifying_key().to_bytes())
}

/// The start of a validator's chain of task seeds.
pub(crate) fn chain(at: usize) -> Digest {
    Digest::new([u8::try_from(at + 50).unwrap_or(u8::MAX); 32])
}

pub(crate) fn tail(at: usize) -> Option<Digest> {
    seed::element(&chain(at), 0)
}

pub(crate) fn manifest(plan: &Plan, random: &mut Random) -> Manifest {
    let mut salt = [0; 16];
    salt[..8].copy_from_slice(&plan.seed.to_be_bytes());
    salt[8..].copy_from_slice(&random.next().to_be_bytes());
    let validators = plan.validators.iter().enumerate().map(|(at, one)| GenesisParticipant {
        hotkey: sign::hotkey_of(&hotkey(at)),
        coldkey: owner(at),
        role: Role::Validator,
        stake: Rao::new(one.stake * Rao::PER_UNIT),
        seed_tail: tail(at),
    });
    let first = plan.validators.len();
    let miners = (first..first + plan.miners).map(|at| GenesisParticipant {
        hotkey: sign::hotkey_of(&hotkey(at)),
        coldkey: owner(at),
        role: Role::Miner,
        stake: Rao::ZERO,
        seed_tail: None,
    });
    let mut accounts: Vec<(Coldkey, Rao)> = (0..first + plan.miners + NEWCOMERS)
        .map(|at| (owner(at), Rao::new(random.between(20, 80) * Rao::PER_UNIT)))
        .collect();
    accounts.sort_unstable();
    Manifest {
        name: "simulation".into(),
        salt,
        genesis_time: GENESIS,
        epoch_ms: EPOCH_MS,
        phases: Phases::default(),
        task: TaskSpec {
            task_type: "numbers".into(),
            scorer: "numbers".into(),
            batch_size: 2,
            alpha: 100_000,
            score_power: 1,
            equal_answers_expected: true,
        },
        hyperparameters: Hyperparameters {
            commit_reveal_weights_enabled: plan.hidden,
            min_difficulty: 10,
            unbonding_epochs: random.between(2, 20),
            reveal_grace: u16::try_from(random.between(1, 3)).unwrap_or(1),
            immunity_period: random.between(1, 14),
            ..Hyperparameters::default()
        },
        participants: validators.chain(miners).collect(),
        accounts,
        owner: None,
        parent: None,
        registry: None,
    }
}

/// Machines that may come later.
pub(crate) const NEWCOMERS: usize = 4;

pub(crate) fn nodes(plan: &Plan, subnet: &SubnetId, random: &mut Random) -> Vec<Node> {
    let many = plan.validators.len();
    let honest: Vec<SigningKey> =
        (0..many).filter(|at| plan.validators[*at].is_honest()).map(hotkey).collect();
    let mut nodes = Vec::new();
    for (at, one) in plan.validators.iter().enumerate() {
        let seeds = if plan.miners > 0 { vec![chain(at)] } else { Vec::new() };
        let mut node = Node::new(hotkey(at), seeds);
        if !one.is_honest() {
            let (tricks, friends) = (one.tricks.clone(), random.next());
            node.liar = Some(Liar::new(hotkey(at), *subnet, tricks, honest.clone(), friends));
        }
        nodes.push(node);
    }
    for at in many..many + plan.miners {
        let mut node = Node::new(hotkey(at), Vec::new());
        node.skill = random.between(30, 100);
        nodes.push(node);
    }
    let twins: Vec<usize> = (0..many).filter(|at| nodes[*at].does(Trick::Twin)).collect();
    for at in twins {
        let mut twin = Node::new(hotkey(at), Vec::new());
        twin.liar = Some(Liar::new(hotkey(at), *subnet, vec![Trick::Twin], Vec::new(), u64::MAX));
        nodes.push(twin);
    }
    debug_assert!(plan.mode == Mode::Bounded || nodes.iter().any(|node| !node.is_honest()));
    nodes
}

/// A set of honest nodes with about half of the honest stake.
pub(crate) fn half(plan: &Plan, nodes: &[Node]) -> u64 {
    let honest = (0..nodes.len()).filter(|at| nodes[*at].is_honest());
    let stake = |at: &usize| plan.validators.get(*at).map_or(0, |one| one.stake);
    let mut honest: Vec<usize> = honest.collect();
    honest.sort_by_key(|at| std::cmp::Reverse(stake(at)));
    let (mut mask, mut here, mut there) = (0, 0, 0);
    for at in honest {
        if here <= there {
            here += stake(&at);
            mask |= 1 << (at % 64);
        } else {
            there += stake(&at);
        }
    }
    mask
}
