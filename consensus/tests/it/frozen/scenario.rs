//! One small subnet through twelve epochs in which every operation takes effect.

use std::collections::BTreeSet;

use ganglion_consensus::ledger::{EpochResult, Member, Outcome, Receipt, State, execute, stages};
use ganglion_types::{
    Body, Certificate, Cut, Item, Manifest, Operation, Rao, RegistryOp, Role, Round, Vote,
    VoteType, WeightReveal,
};

use crate::fixture::{Subnet, coldkey, hot, hotkey};

const UNIT: u64 = Rao::PER_UNIT;
/// What every validator says of the miners 5 and 6.
const ROW: [(u16, u16); 2] = [(5, 65_535), (6, 20_000)];
const EPOCHS: u64 = 12;

/// One epoch of it.
pub(super) struct Step {
    pub(super) cut: Cut,
    /// The committee that closed it, and its certificate.
    pub(super) committee: Vec<Member>,
    pub(super) certificate: Certificate,
    /// The state after it.
    pub(super) state: State,
    pub(super) result: EpochResult,
}

impl Step {
    pub(super) fn stages(&self) -> Vec<stages::Stage> {
        stages::stages(&self.state, &self.result)
    }
}

/// Four validators, three miners, room for one uid more than the registrations below take.
fn subnet() -> Subnet {
    Subnet::with(&[40, 30, 20, 10].map(|units| units * UNIT), 3, |manifest: &mut Manifest| {
        manifest.owner = Some(coldkey(0));
        let rules = &mut manifest.hyperparameters;
        rules.commit_reveal_weights_enabled = true;
        rules.max_allowed_uids = 8;
        rules.max_validators = 6;
        rules.immunity_period = 2;
        rules.min_non_immune_uids = 1;
        rules.unbonding_epochs = 3;
        rules.revision_delay = 2;
        rules.min_burn = Rao::new(UNIT / 10);
    })
}

/// The operations and evidence of one epoch.
fn said(subnet: &Subnet, state: &State, epoch: u64) -> Vec<Item> {
    let nonce = |number: u16| {
        let seat = state.uid_of(&hotkey(number)).and_then(|uid| state.participant(uid));
        seat.map_or(0, |one| one.nonce)
    };
    match epoch {
        1 => vec![
            subnet.transfer(4, 0, 12, 3 * UNIT),
            subnet.stake(0, 0, 5 * UNIT),
            subnet.delegate(5, 0, 0, 2 * UNIT),
            subnet.set_take(1, 0, 9_000),
            subnet.register(10, Role::Miner, state.head(), state.chain().difficulty),
        ],
        2 => vec![
            subnet.unstake(1, 1, 12 * UNIT),
            subnet.delegate(6, 0, 1, 7 * UNIT),
            subnet.burn(6, 1, 11, 50 * UNIT),
            subnet.revise(0, 1, 5, &[(2, 30_000), (14, 2)]),
            subnet.set_take(1, 2, 9_100),
            // Behind a gap, and more than there is.
            subnet.transfer(4, 3, 12, 1),
            subnet.transfer(5, 1, 12, 900 * UNIT),
        ],
        3 => vec![
            subnet.undelegate(5, 2, 0, UNIT),
            subnet.rotate(1, 3, 1, 21),
            subnet.revise(2, 0, 7, &[(29, 6_000), (100, 12_000)]),
            subnet.double_items(
                &subnet.commit(2, 2, 2, &ROW),
                &subnet.commit(2, 2, 2, &[(5, 65_535)]),
            ),
        ],
        4 => vec![
            subnet.deregister(10, nonce(10)),
            subnet.approve(0, 2, 2),
            subnet.approve(2, 1, 2),
            subnet.double_vote(3, 3),
        ],
        5 => vec![
            subnet.serve(11, nonce(11), Role::Validator),
            subnet.approve(1, 4, 2),
            subnet.register(13, Role::Validator, state.head(), state.chain().difficulty),
        ],
        6 => vec![subnet.burn(6, 2, 14, 50 * UNIT), subnet.double_proposal(2, 6, 0)],
        7 => vec![subnet.revise(0, 3, 30, &[(22, 2)]), subnet.stake(0, 4, 30 * UNIT)],
        _ => Vec::new(),
    }
}

/// What one epoch's cut holds: commits and reveals of validators 0 to 3, and what else is said.
fn items(subnet: &Subnet, state: &State, epoch: u64) -> Vec<Item> {
    let mut items = said(subnet, state, epoch);
    let holds = |number: u16| state.uid_of(&hotkey(number)).is_some();
    // The one that rotates sets no more weights, the last one never shows what it hid.
    items.extend((0..4).filter(|n| holds(*n)).map(|n| subnet.commit(n, epoch, epoch, &ROW)));
    for commit in state.commits().filter(|(key, _)| key.epoch.get() + 1 == epoch) {
        let (key, commit) = commit;
        let Some(number) = (0..3).find(|n| hotkey(*n) == commit.hotkey) else { continue };
        let present = if holds(number) { number } else { 21 };
        let shown = subnet.shown(number, key.epoch.get(), commit.seq, &ROW);
        let shown = WeightReveal { signer: hotkey(present), ..shown };
        items.push(subnet.item(Body::WeightReveal(shown), &hot(present)));
    }
    items
}

fn certify(committee: &[Member], cut: &Cut) -> Certificate {
    let (round, id) = (Round::new(0), cut.id());
    let sign = |member: &Member| {
        let number = (0..32).find(|number| hotkey(*number) == member.hotkey).unwrap();
        let vote =
            Vote::sign(&cut.subnet, VoteType::Precommit, cut.epoch, round, Some(id), &hot(number));
        (member.hotkey, vote.signature)
    };
    let mut signatures: Vec<_> = committee.iter().map(sign).collect();
    signatures.sort_unstable_by_key(|one| one.0);
    Certificate { epoch: cut.epoch, round, cut: id, signatures }
}

/// What an item was, if it did something.
fn effect(item: &Item, receipts: &[Receipt]) -> Option<&'static str> {
    let receipt = receipts.iter().find(|receipt| receipt.item == item.id())?;
    (receipt.outcome == Outcome::Applied).then(|| match item.body() {
        Body::RegistryOp(RegistryOp { operation, .. }) => Operation::name(operation),
        body => body.kind().name(),
    })
}

/// Runs it: the cut of genesis, and every epoch.
pub(super) fn run() -> (Cut, Vec<Step>) {
    let subnet = subnet();
    let mut state = State::genesis(subnet.manifest.clone()).unwrap();
    let genesis = state.genesis_cut().unwrap();
    let (mut steps, mut effects) = (Vec::new(), BTreeSet::new());
    for epoch in 1..=EPOCHS {
        let items = items(&subnet, &state, epoch);
        let time = state.chain().time + 10_000;
        let executed = execute(&state, time, &items).unwrap();
        effects.extend(items.iter().filter_map(|item| effect(item, &executed.receipts)));
        let mut ids: Vec<_> = items.iter().map(Item::id).collect();
        ids.sort_unstable();
        let cut = Cut {
            subnet: *state.subnet(),
            epoch: state.next_epoch(),
            prev: state.head(),
            lists: Vec::new(),
            items: ids,
            time,
            registry: ganglion_types::Digest::ZERO,
            result_root: executed.roots.result_root,
            state_root: executed.roots.state_root,
            next_committee_root: executed.roots.next_committee_root,
        };
        let committee = state.committee();
        let certificate = certify(&committee, &cut);
        let result = executed.result.clone();
        state = executed.into_state(cut.id());
        steps.push(Step { cut, committee, certificate, state: state.clone(), result });
    }
    // All thirteen operations, commits, reveals, evidence.
    assert_eq!(effects.len(), 16, "{effects:?}");
    (genesis, steps)
}
