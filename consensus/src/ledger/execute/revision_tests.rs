#![allow(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test")]

use ganglion_types::{CutId, Epoch, Item, Manifest, Rao, Uid};

use super::super::fixture::{Subnet, coldkey};
use super::super::receipt::{Failure, Outcome};
use super::super::state::State;
use super::super::{Preflight, admissible, preflight};
use super::tests::{failure, genesis, outcome, run};
use super::*;

const KAPPA: u32 = 2;
const EMISSION: u32 = 1;
const MAX_UIDS: u32 = 13;
const EPOCH_LENGTH: u32 = 100;

fn refusal(state: &State, item: &Item) -> &'static str {
    admissible(state, item).map_or_else(|reason| reason.name(), |()| "admissible")
}

fn done(state: &State, items: &[Item]) -> State {
    let executed = run(state, items);
    for item in items {
        assert_eq!(outcome(&executed, item), Outcome::Applied, "{item:?}");
    }
    executed.into_state(CutId::new([9; 32]))
}

fn wait(state: State, until: u64) -> State {
    (state.epoch().get()..until).fold(state, |state, _| done(&state, &[]))
}

/// Three members with 4, 3 and 3 of ten tenths, and an owner that is none.
fn owned(manifest: &mut Manifest) {
    manifest.owner = Some(coldkey(3));
}

fn subnet() -> Subnet {
    Subnet::with(&[40, 30, 30], 1, owned)
}

#[test]
fn the_owner_revises_its_parameters_alone_two_epochs_ahead() {
    let subnet = subnet();
    let state = done(&genesis(&subnet), &[subnet.revise(3, 0, 0, &[(KAPPA, 40_000)])]);
    let revision = &state.revisions()[&1];
    assert_eq!((revision.effective, revision.approved_at), (Epoch::new(3), Some(Epoch::new(1))));
    assert_eq!(state.hyperparameters().kappa, 32_767);
    // In force after the cut of epoch 2, so for the whole of epoch 3.
    let state = wait(state, 2);
    assert_eq!(state.hyperparameters().kappa, 40_000);
    assert!(state.revisions().is_empty());
    assert_eq!(state.manifest().hyperparameters.kappa, 32_767);
    let back = State::from_rows(state.manifest().clone(), state.head(), &state.rows());
    assert_eq!(back.as_ref(), Ok(&state));
    let later = done(&state, &[subnet.revise(3, 1, 9, &[(KAPPA, 1)])]);
    assert_eq!(later.revisions()[&2].effective, Epoch::new(9));
    assert_eq!(wait(later.clone(), 7).hyperparameters().kappa, 40_000);
    assert_eq!(wait(later, 8).hyperparameters().kappa, 1);
}

#[test]
fn what_concerns_the_committee_takes_more_than_two_thirds_of_it() {
    let subnet = subnet();
    let items = [subnet.revise(3, 0, 0, &[(EMISSION, 5), (EPOCH_LENGTH, 20_000)])];
    let state = done(&genesis(&subnet), &items);
    assert_eq!(state.revisions()[&1].approved_at, None);
    // 40 of 100 are not enough, 70 are.
    let state = done(&state, &[subnet.approve(0, 0, 1)]);
    assert_eq!(state.support(&state.revisions()[&1]), Rao::new(40));
    let state = done(&state, &[subnet.approve(1, 0, 1)]);
    let revision = &state.revisions()[&1];
    assert_eq!((revision.approved_at, revision.effective), (Some(Epoch::new(3)), Epoch::new(13)));
    let state = wait(state, 11);
    assert_eq!(state.timing().epoch_ms, 10_000);
    let state = wait(state, 12);
    assert_eq!(state.timing().epoch_ms, 20_000);
    assert_eq!(state.hyperparameters().emission, Rao::new(5));
    let executed = run(&state, &[]);
    assert_eq!(executed.result.header.budget, Rao::new(5));
}

#[test]
fn exactly_two_thirds_approve_nothing() {
    let subnet = Subnet::with(&[10, 10, 10], 1, owned);
    let items = [subnet.revise(0, 0, 0, &[(EMISSION, 5)]), subnet.approve(1, 0, 1)];
    // The approval comes after the proposal only if its coldkey does.
    let state = done(&genesis(&subnet), &items[..1]);
    let state = wait(done(&state, &items[1..]), 20);
    assert_eq!(state.revisions()[&1].approved_at, None);
    let state = done(&state, &[subnet.approve(2, 0, 1)]);
    assert!(state.revisions()[&1].approved_at.is_some());
}

#[test]
fn members_propose_what_is_the_owners_and_approve_it_among_themselves() {
    let subnet = subnet();
    let state = done(&genesis(&subnet), &[subnet.revise(0, 0, 0, &[(KAPPA, 9)])]);
    assert_eq!(state.revisions()[&1].approved_at, None);
    let state = done(&state, &[subnet.approve(1, 0, 1)]);
    assert_eq!(state.revisions()[&1].effective, Epoch::new(12));
}

#[test]
fn approvals_of_who_left_the_committee_do_not_count() {
    let subnet = subnet();
    let state = done(&genesis(&subnet), &[subnet.revise(0, 0, 0, &[(EMISSION, 5)])]);
    let state = done(&state, &[subnet.deregister(0, 0)]);
    assert!(state.revisions()[&1].approvals.is_empty());
}

#[test]
fn revisions_that_break_a_rule_are_refused_or_fail_by_its_name() {
    let subnet = subnet();
    let state = genesis(&subnet);
    assert_eq!(refusal(&state, &subnet.revise(0, 0, 0, &[(KAPPA, 9)])), "admissible");
    assert_eq!(refusal(&state, &subnet.revise(0, 0, 0, &[(99, 9)])), "change");
    assert_eq!(refusal(&state, &subnet.revise(0, 0, 0, &[(KAPPA, 65_536)])), "change");
    assert_eq!(refusal(&state, &subnet.revise(0, 0, 100_001, &[(KAPPA, 9)])), "admissible");
    assert_eq!(refusal(&state, &subnet.revise(0, 0, 100_002, &[(KAPPA, 9)])), "effective");
    let stranger = Subnet::with(&[40], 2, |m| m.owner = Some(coldkey(1)));
    let elsewhere = genesis(&stranger);
    assert_eq!(refusal(&elsewhere, &stranger.revise(2, 0, 0, &[(KAPPA, 9)])), "no_voice");
    assert_eq!(refusal(&elsewhere, &stranger.revise(1, 0, 0, &[(KAPPA, 9)])), "admissible");
    assert_eq!(refusal(&elsewhere, &stranger.approve(1, 0, 1)), "no_voice");
    assert_eq!(failure(&state, &subnet.approve(0, 0, 7)), Failure::NoRevision { number: 7 });
    // Below two seconds; fewer uids than are held; without a manifest's limit on emission.
    for change in [(EPOCH_LENGTH, 1_999), (MAX_UIDS, 3), (EMISSION, u64::MAX)] {
        assert_eq!(
            failure(&state, &subnet.revise(0, 0, 0, &[change])),
            Failure::Rules,
            "{change:?}"
        );
    }
    let state = done(&state, &[subnet.revise(0, 0, 0, &[(KAPPA, 9)])]);
    assert_eq!(failure(&state, &subnet.approve(0, 1, 1)), Failure::Approved { number: 1 });
    let another = subnet.revise(0, 1, 0, &[(KAPPA, 8)]);
    assert_eq!(failure(&state, &another), Failure::OwnRevisions { max: 1 });
    let Body::RegistryOp(op) = another.body() else { panic!() };
    let Preflight::Fails { from, .. } = preflight(&state, op) else { panic!() };
    assert_eq!(from, Some(Epoch::new(1_002)));
    let state = done(&state, &[subnet.approve(1, 0, 1)]);
    assert_eq!(failure(&state, &subnet.approve(2, 0, 1)), Failure::Approved { number: 1 });
}

#[test]
fn a_revision_that_breaks_a_rule_when_it_is_due_does_nothing() {
    let subnet = Subnet::with(&[40, 30, 30], 1, |m| {
        owned(m);
        m.hyperparameters.revision_delay = 2;
    });
    let state = done(&genesis(&subnet), &[subnet.revise(0, 0, 0, &[(MAX_UIDS, 64)])]);
    let mut state = done(&state, &[subnet.approve(1, 0, 1)]);
    assert_eq!(state.revisions()[&1].effective, Epoch::new(4));
    // By the time it is due there are more validators' seats than it leaves uids.
    state.parameters.hyperparameters.max_validators = 65;
    let state = wait(state, 4);
    assert!(state.revisions().is_empty());
    assert_eq!(state.hyperparameters().max_allowed_uids, 256);
}

#[test]
fn a_proposal_without_approval_lapses_after_a_thousand_epochs() {
    let subnet = subnet();
    let mut state = done(&genesis(&subnet), &[subnet.revise(0, 0, 0, &[(EMISSION, 5)])]);
    state.chain.epoch = Epoch::new(999);
    let state = done(&state, &[]);
    assert!(state.revisions().contains_key(&1));
    assert!(done(&state, &[]).revisions().is_empty());
}

#[test]
fn sixteen_wait_and_the_least_supported_yields_to_more_support() {
    let stakes: Vec<u64> = (1..=18).map(|stake| stake * 10).collect();
    let subnet = Subnet::with(&stakes, 0, |m| m.owner = Some(coldkey(40)));
    let proposals: Vec<Item> =
        (1..17).map(|number| subnet.revise(number, 0, 0, &[(EMISSION, 5)])).collect();
    let state = done(&genesis(&subnet), &proposals);
    assert_eq!(state.revisions().len(), 16);
    let small = subnet.revise(0, 0, 0, &[(EMISSION, 6)]);
    assert_eq!(failure(&state, &small), Failure::Revisions { max: 16 });
    let large = subnet.revise(17, 0, 0, &[(EMISSION, 6)]);
    let after = done(&state, &[large]);
    assert_eq!(after.revisions().len(), 16);
    let proposers: Vec<_> = after.revisions().values().map(|one| one.proposer).collect();
    assert!(proposers.contains(&coldkey(17)) && !proposers.contains(&coldkey(1)));
}

#[test]
fn prices_move_into_the_bounds_of_a_revision_at_once() {
    let subnet = subnet();
    let change = [(19, 500), (26, 3_000_000_000), (27, 4_000_000_000)];
    let state = wait(done(&genesis(&subnet), &[subnet.revise(3, 0, 0, &change)]), 2);
    assert_eq!(state.chain().difficulty, 500);
    assert_eq!(state.chain().burn_price, Rao::new(3_000_000_000));
    assert_eq!(state.participant(Uid::new(0)).unwrap().stake, Rao::new(40));
}
