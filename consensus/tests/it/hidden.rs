//! Hidden weights and evidence, for any items at all.

use std::collections::BTreeMap;

use ganglion_consensus::ledger::{
    Executed, KindCounts, Outcome, State, admissible, execute, propose_items, select,
};
use ganglion_types::{Body, Item, ItemId, Rao, Uid, WeightCommit, WeightReveal};
use proptest::prelude::*;

use crate::fixture::{Subnet, element, hot};
use crate::ledger::{Random, check, decide};

/// What a test says, before it is signed.
#[derive(Clone, Debug)]
enum Saying {
    Row { number: u16, seq: u64, choice: u16 },
    Commit { number: u16, seq: u64, choice: u16 },
    Reveal { number: u16, back: u64, seq: u64, said: u64, choice: u16, preimage: bool },
    Vote { number: u16, back: u64 },
    Proposal { number: u16, back: u64, round: u32 },
    Twice { number: u16, back: u64, seq: u64, hidden: bool },
    Unstake { number: u16, amount: u64 },
}

fn sayings() -> impl Strategy<Value = Saying> {
    let number = 0..5_u16;
    let (seq, choice) = (0..2_u64, 0..3_u16);
    let common = (number.clone(), seq.clone(), choice.clone());
    let spoken = |(number, seq, choice)| Saying::Row { number, seq, choice };
    let hidden = |(number, seq, choice)| Saying::Commit { number, seq, choice };
    let preimage = prop::bool::weighted(0.95);
    prop_oneof![
        3 => common.clone().prop_map(spoken),
        6 => common.prop_map(hidden),
        8 => (number.clone(), 1..5_u64, seq.clone(), 0..3_u64, choice, preimage).prop_map(
            |(number, back, seq, said, choice, preimage)| {
                Saying::Reveal { number, back, seq, said, choice, preimage }
            }
        ),
        1 => (number.clone(), 0..5_u64).prop_map(|(number, back)| Saying::Vote { number, back }),
        1 => (number.clone(), 0..3_u64, 0..2_u32)
            .prop_map(|(number, back, round)| Saying::Proposal { number, back, round }),
        2 => (number.clone(), 0..4_u64, seq, any::<bool>()).prop_map(
            |(number, back, seq, hidden)| Saying::Twice { number, back, seq, hidden }
        ),
        1 => (number, 1..40 * Rao::PER_UNIT).prop_map(|(number, amount)| Saying::Unstake { number, amount }),
    ]
}

/// One of three right rows of four validators and three miners.
fn row(choice: u16) -> [(u16, u16); 2] {
    [[(4, 65_535), (5, 7)], [(5, 65_535), (6, 9)], [(4, 3), (6, 65_535)]][usize::from(choice)]
}

fn sign(subnet: &Subnet, state: &State, saying: &Saying) -> Item {
    let epoch = state.next_epoch().get();
    match *saying {
        Saying::Row { number, seq, choice } => subnet.weights(number, epoch, seq, &row(choice)),
        Saying::Commit { number, seq, choice } => subnet.commit(number, epoch, seq, &row(choice)),
        Saying::Reveal { number, back, seq, said, choice, preimage } => {
            let epoch = epoch.saturating_sub(back);
            let mut body =
                WeightReveal { seq: said, ..subnet.shown(number, epoch, seq, &row(choice)) };
            if !preimage {
                body.task_preimage = element(number, 400);
            }
            subnet.item(Body::WeightReveal(body), &hot(number))
        }
        Saying::Vote { number, back } => subnet.double_vote(number, epoch.saturating_sub(back)),
        Saying::Proposal { number, back, round } => {
            subnet.double_proposal(number, epoch.saturating_sub(back), round)
        }
        Saying::Twice { number, back, seq, hidden } => {
            let epoch = epoch.saturating_sub(back);
            let [one, other] = [0, 1].map(|choice| match hidden {
                true => subnet.commit(number, epoch, seq, &row(choice)),
                false => subnet.weights(number, epoch, seq, &row(choice)),
            });
            subnet.double_items(&one, &other)
        }
        Saying::Unstake { number, amount } => {
            let nonce = state.account(&crate::fixture::coldkey(number)).nonce;
            subnet.unstake(number, nonce, amount)
        }
    }
}

fn soup(hidden: bool, grace: u16, fraction: u16) -> Subnet {
    Subnet::with(&[40, 30, 20, 7].map(|units| units * Rao::PER_UNIT), 3, |manifest| {
        manifest.owner = Some(crate::fixture::coldkey(1));
        let rules = &mut manifest.hyperparameters;
        rules.commit_reveal_weights_enabled = hidden;
        rules.reveal_grace = grace;
        rules.slash_fraction = fraction;
        rules.unbonding_epochs = 3;
    })
}

/// What commits and rows must be after any cut, judged from the items alone.
fn hidden_rows_hold(state: &State, grace: u16) {
    for (key, commit) in state.commits() {
        assert!(key.epoch <= state.epoch());
        assert!(key.epoch.get() + u64::from(grace) >= state.epoch().get(), "it is past its grace");
        assert_eq!(state.participant(key.uid).unwrap().hotkey, commit.hotkey);
    }
    for (uid, one) in state.participants() {
        assert!(state.commits_of(uid).count() <= usize::from(grace) + 1);
        assert!(one.seed_epoch <= state.epoch());
        for (target, _) in state.weights(uid) {
            assert!(state.participant(Uid::new(*target)).is_some());
        }
    }
}

/// One epoch: what is admissible is executed alike in any order, and bounded by the list rules.
fn close(state: &State, all: &[Item], random: &mut Random) -> Executed {
    let good: Vec<Item> =
        all.iter().filter(|item| admissible(state, item).is_ok()).cloned().collect();
    let time = state.chain().time + 1;
    assert_eq!(good.len() == all.len(), execute(state, time, all).is_ok());
    let executed = execute(state, time, &good).unwrap();
    check(state, &executed, &good);
    let mut shuffled = good.clone();
    random.shuffle(&mut shuffled);
    shuffled.extend(good.first().cloned());
    assert_eq!(execute(state, time, &shuffled).as_ref(), Ok(&executed));
    let listed = select(state, &shuffled);
    assert!(listed.iter().all(|id| good.iter().any(|item| item.id() == *id)));
    // The same item may have been said twice.
    let once: BTreeMap<ItemId, &Item> = good.iter().map(|item| (item.id(), item)).collect();
    let listed = once.values().copied().filter(|item| listed.contains(&item.id()));
    assert_eq!(KindCounts::of(listed).check(), Ok(()));
    let (proposed, all) = (propose_items(state, &good, &[]).len(), executed.receipts.len());
    // A cut has room for so many of one signer only, however many were executed here.
    let fits = KindCounts::of(once.values().copied()).check().is_ok();
    assert!(
        if fits { proposed == all } else { proposed < all },
        "{proposed} of {all}, fits: {fits}"
    );
    executed
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn hidden_weights_and_evidence_are_executed_alike_in_any_order(
        epochs in prop::collection::vec(prop::collection::vec(sayings(), 0..16), 1..8),
        (hidden, grace) in (prop::bool::weighted(0.8), 1..=3_u16),
        fraction in prop_oneof![Just(3_277_u16), Just(u16::MAX), any::<u16>()],
        seed: u64,
    ) {
        let subnet = soup(hidden, grace, fraction);
        let mut random = Random(seed);
        let mut state = State::genesis(subnet.manifest.clone()).unwrap();
        for sayings in epochs {
            let all: Vec<Item> = sayings.iter().map(|one| sign(&subnet, &state, one)).collect();
            let after = decide(close(&state, &all, &mut random));
            hidden_rows_hold(&after, grace);
            let back = State::from_rows(after.manifest().clone(), after.head(), &after.rows());
            prop_assert_eq!(back.as_ref(), Ok(&after));
            let mut rows = state.rows();
            for (table, key, value) in after.changed_rows(&state) {
                match value {
                    Some(value) => rows.insert((table, key), value),
                    None => rows.remove(&(table, key)),
                };
            }
            prop_assert_eq!(rows, after.rows());
            state = after;
        }
    }
}

/// So the test above is awake: over many epochs everything that can become of an item does.
#[test]
fn every_outcome_comes_up_in_a_long_run() {
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for seed in 0..4 {
        let subnet = soup(true, 2, 3_277);
        let mut random = Random(seed);
        let mut state = State::genesis(subnet.manifest.clone()).unwrap();
        for _ in 0..60 {
            let all = random_sayings(&mut random);
            let all: Vec<Item> = all.iter().map(|one| sign(&subnet, &state, one)).collect();
            let all: Vec<Item> =
                all.into_iter().filter(|item| admissible(&state, item).is_ok()).collect();
            let executed = close(&state, &all, &mut random);
            for receipt in &executed.receipts {
                let name = match receipt.outcome {
                    Outcome::Applied => "applied",
                    Outcome::Superseded { .. } => "superseded",
                    Outcome::Equivocated => "equivocated",
                    Outcome::Outdated { .. } => "outdated",
                    Outcome::Gap { .. } => "gap",
                    Outcome::Failed(_) => "failed",
                };
                *seen.entry(name).or_default() += 1;
            }
            let forfeited = executed.payout.shares.iter().filter(|share| share.forfeited).count();
            *seen.entry("forfeited").or_default() += u32::try_from(forfeited).unwrap();
            state = decide(executed);
            hidden_rows_hold(&state, 2);
        }
        let slashed = u32::from(state.chain().slashed > Rao::ZERO);
        *seen.entry("slashed").or_default() += slashed;
    }
    for name in
        ["applied", "superseded", "equivocated", "outdated", "failed", "forfeited", "slashed"]
    {
        assert!(seen.get(name).is_some_and(|count| *count > 0), "{name}: {seen:?}");
    }
}

fn random_sayings(random: &mut Random) -> Vec<Saying> {
    let mut all = Vec::new();
    for number in 0..4 {
        for _ in 0..1 + random.below(2) {
            let choice = random.number(3);
            all.push(Saying::Commit { number, seq: random.below(2), choice });
        }
        // The hidden row is one of six, so one guess in three epochs or so is right.
        for back in 1..4 {
            for _ in 0..4 {
                let (seq, choice) = (random.below(2), random.number(3));
                let said = random.below(3);
                all.push(Saying::Reveal { number, back, seq, said, choice, preimage: true });
            }
        }
        if random.below(20) == 0 {
            let (back, seq) = (random.below(4), random.below(2));
            all.push(Saying::Twice { number, back, seq, hidden: true });
        }
    }
    if random.below(40) == 0 {
        all.push(Saying::Vote { number: random.number(4), back: random.below(3) });
    }
    all
}

#[test]
fn a_commit_says_nothing_about_its_row() {
    let subnet = soup(true, 1, 3_277);
    let commits = [0, 1].map(|choice| subnet.commit(0, 1, 1, &row(choice)));
    let [one, other] = commits.each_ref().map(|item| match item.body() {
        Body::WeightCommit(WeightCommit { commitment, .. }) => *commitment,
        _ => panic!(),
    });
    assert_ne!(one, other);
    // Equal rows of two validators, or of one in two epochs, look nothing alike.
    let again = [subnet.commit(1, 1, 1, &row(0)), subnet.commit(0, 2, 1, &row(0))];
    for item in again {
        let Body::WeightCommit(commit) = item.body() else { panic!() };
        assert_ne!(commit.commitment, one);
    }
}
