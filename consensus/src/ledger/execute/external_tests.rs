#![allow(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test")]

use ganglion_types::{
    CutId, Digest, Epoch, ExternalMember, ExternalRegistry, Item, Operation, Rao, RegistryOp,
    RegistrySource, Role, Uid,
};

use super::super::fixture::{Subnet, coldkey, element, hot, hotkey};
use super::super::receipt::Outcome;
use super::super::state::State;
use super::super::{Member, admissible, select};
use super::tests::{MAX, close, genesis, outcome, run};
use super::*;

const GENESIS: Digest = Digest::new([7; 32]);
const UNIT: u64 = Rao::PER_UNIT;

fn followed(stakes: &[u64], miners: usize) -> Subnet {
    Subnet::with(stakes, miners, |manifest| {
        manifest.registry = Some(RegistrySource { genesis: GENESIS, netuid: 11, every: 100 });
    })
}

/// Hotkey and coldkey of one number at a uid, with a permit.
fn member(uid: u16, number: u16, stake: u64) -> ExternalMember {
    ExternalMember {
        uid: Uid::new(uid),
        hotkey: hotkey(number),
        coldkey: coldkey(number),
        stake: Rao::new(stake),
        permit: true,
        registered_at: 4_000_000,
    }
}

fn snapshot(height: u64, members: &[ExternalMember]) -> ExternalRegistry {
    let block = Digest::new([height.to_be_bytes()[7]; 32]);
    ExternalRegistry::new(GENESIS, (height, block), 11, members.to_vec()).unwrap()
}

impl Subnet {
    fn say(&self, number: u16, epoch: u64, operation: Operation) -> Item {
        let (signer, valid_until) = (*hotkey(number).as_bytes(), Epoch::new(epoch));
        let op = RegistryOp { signer, nonce: 0, valid_until, operation };
        self.item(Body::RegistryOp(op), &hot(number))
    }

    fn observe(&self, number: u16, epoch: u64, registry: &ExternalRegistry) -> Item {
        self.say(number, epoch, Operation::ObserveRegistry { point: registry.point() })
    }

    fn show(&self, number: u16, epoch: u64, registry: &ExternalRegistry) -> Item {
        self.say(number, epoch, Operation::ProvideRegistry { registry: registry.clone() })
    }

    /// The snapshot shown by validator 0 and observed by these.
    fn said(&self, by: &[u16], epoch: u64, registry: &ExternalRegistry) -> Vec<Item> {
        let seen = by.iter().map(|number| self.observe(*number, epoch, registry));
        seen.chain([self.show(0, epoch, registry)]).collect()
    }
}

fn refusal(state: &State, item: &Item) -> &'static str {
    admissible(state, item).map_or_else(|reason| reason.name(), |()| "admissible")
}

fn height(state: &State) -> Option<u64> {
    state.external().map(|external| external.point.height)
}

#[test]
fn more_than_a_third_that_read_alike_is_enough_and_a_third_is_not() {
    let subnet = followed(&[10, 10, 10], 1);
    let state = genesis(&subnet);
    let registry = snapshot(100, &[member(0, 0, 7), member(1, 1, 9)]);
    let other = snapshot(100, &[member(0, 0, 8), member(1, 1, 9)]);
    for (items, taken) in [
        (subnet.said(&[0], 1, &registry), false),
        (subnet.said(&[0, 1], 1, &registry), true),
        (vec![subnet.observe(0, 1, &registry), subnet.observe(1, 1, &registry)], false),
        // Two who read differently are two thirds that read nothing alike.
        ([subnet.said(&[0], 1, &registry), subnet.said(&[1], 1, &other)].concat(), false),
        // Saying it twice makes it no more.
        ([subnet.said(&[0], 1, &registry), vec![subnet.observe(0, 1, &registry)]].concat(), false),
    ] {
        let executed = run(&state, &items);
        let after = executed.state();
        assert_eq!(height(after).is_some(), taken);
        let digest = if taken { registry.digest() } else { Digest::ZERO };
        assert_eq!(after.registry_digest(), digest);
        for item in &items {
            assert_eq!(outcome(&executed, item), Outcome::Applied);
        }
        let mut reversed = items.clone();
        reversed.reverse();
        assert_eq!(run(&state, &reversed).roots, executed.roots);
    }
}

#[test]
fn participants_are_those_of_the_chain_and_only_who_signed_here_is_permitted() {
    let subnet = followed(&[10 * UNIT, 10 * UNIT], 2);
    let state = genesis(&subnet);
    // Validator 1 comes to uid 5, miner 2 stays, 3 is gone, 8 and 9 are new, 9 without a permit.
    let mut idle = member(6, 9, 50 * UNIT);
    idle.permit = false;
    let members =
        [member(0, 0, 20 * UNIT), member(2, 2, 0), member(4, 8, 90 * UNIT), member(5, 1, 30), idle];
    let registry = snapshot(300, &members);
    let row = subnet.weights(0, 1, 1, &[(2, MAX), (3, MAX)]);
    let items = [subnet.said(&[0, 1], 1, &registry), vec![row]].concat();
    let state = close(&state, &items);
    let seats: Vec<(u16, Role, u64, bool)> = state
        .participants()
        .map(|(uid, one)| (uid.get(), one.role, one.stake.get(), one.permit))
        .collect();
    let expected = [
        (0, Role::Validator, 20 * UNIT, true),
        (2, Role::Miner, 0, false),
        (4, Role::Miner, 90 * UNIT, false),
        (5, Role::Validator, 30, true),
        (6, Role::Miner, 50 * UNIT, false),
    ];
    assert_eq!(seats, expected);
    assert_eq!((state.uid_of(&hotkey(3)), state.uid_of(&hotkey(1))), (None, Some(Uid::new(5))));
    // What was said of the uid that changed hands is gone, the rest stands.
    assert_eq!(state.weights(Uid::new(0)), [(2, MAX)]);
    let committee = [(0, 20 * UNIT), (1, 30)]
        .map(|(number, stake)| Member { hotkey: hotkey(number), stake: Rao::new(stake) });
    assert_eq!(state.committee().into_iter().collect::<BTreeSet<_>>(), committee.into());

    // The newcomer signs for itself: with its stake it is on the committee from then on.
    let nonce = state.participant(Uid::new(4)).unwrap().nonce;
    let state = close(&state, &[subnet.serve(8, nonce, Role::Validator)]);
    assert!(!state.participant(Uid::new(4)).unwrap().permit);
    let state = close(&state, &[]);
    assert!(state.participant(Uid::new(4)).unwrap().is_member());
    assert_eq!(state.participant(Uid::new(4)).unwrap().seed, element(8, 0));
    assert_eq!(state.committee().len(), 3);
    // Nobody whom the chain permits not gets in by signing.
    let nonce = state.participant(Uid::new(6)).unwrap().nonce;
    let state = close(&close(&state, &[subnet.serve(9, nonce, Role::Validator)]), &[]);
    assert!(!state.participant(Uid::new(6)).unwrap().permit);

    let rows = state.rows();
    let read = State::from_rows(subnet.manifest.clone(), state.head(), &rows).unwrap();
    assert_eq!(read, state);
}

#[test]
fn the_newest_is_taken_and_an_older_one_is_not_admitted_after_it() {
    let subnet = followed(&[10, 10, 10, 10, 10], 0);
    let state = genesis(&subnet);
    let members: Vec<ExternalMember> = (0..5).map(|n| member(n, n, 10)).collect();
    let (old, new) = (snapshot(100, &members), snapshot(200, &members[..4]));
    let both = [subnet.said(&[0, 1, 2], 1, &old), subnet.said(&[3, 4], 1, &new)].concat();
    assert_eq!(height(run(&state, &both).state()), Some(200));
    // Of one height that which more stake read.
    let other = snapshot(200, &members[..3]);
    let three = [subnet.said(&[0, 1], 1, &other), subnet.said(&[2, 3, 4], 1, &new)].concat();
    let state = close(&state, &three);
    assert_eq!(state.registry_digest(), new.digest());
    assert_eq!(state.uid_count(), 4);

    assert_eq!(refusal(&state, &subnet.observe(0, 2, &old)), "old_registry");
    assert_eq!(refusal(&state, &subnet.observe(0, 2, &new)), "old_registry");
    let next = snapshot(300, &members);
    assert_eq!(refusal(&state, &subnet.observe(0, 2, &next)), "admissible");
    assert_eq!(refusal(&state, &subnet.observe(0, 1, &next)), "expired");
    assert_eq!(refusal(&state, &subnet.observe(0, 3, &next)), "too_far_ahead");
    // Hotkey 4 has left.
    assert_eq!(refusal(&state, &subnet.observe(4, 2, &next)), "no_seat");
    let stands = close(&state, &[]);
    assert_eq!(stands.registry_digest(), new.digest());
}

#[test]
fn what_another_chain_decides_is_not_decided_here() {
    let subnet = followed(&[10, 10], 1);
    let state = genesis(&subnet);
    let elsewhere = [
        subnet.stake(0, 0, 5),
        subnet.unstake(0, 0, 5),
        subnet.delegate(0, 0, 1, 5),
        subnet.undelegate(0, 0, 1, 5),
        subnet.set_take(0, 0, 5),
        subnet.burn(0, 0, 9, UNIT),
        subnet.rotate(0, 0, 0, 9),
        subnet.deregister(2, 0),
        subnet.register(9, Role::Miner, state.head(), 1),
    ];
    for item in &elsewhere {
        assert_eq!(refusal(&state, item), "registered_elsewhere");
    }
    assert_eq!(refusal(&state, &subnet.transfer(0, 0, 1, 5)), "admissible");
    let registry = snapshot(100, &[member(0, 0, 7)]);
    let (genesis_hash, block) = (Digest::new([1; 32]), (100, Digest::new([2; 32])));
    let members = registry.members().to_vec();
    for other in [
        ExternalRegistry::new(genesis_hash, block, 11, members.clone()).unwrap(),
        ExternalRegistry::new(GENESIS, block, 12, members.clone()).unwrap(),
        ExternalRegistry::new(GENESIS, (150, block.1), 11, members).unwrap(),
    ] {
        assert_eq!(refusal(&state, &subnet.show(0, 1, &other)), "other_registry");
    }
    assert_eq!(refusal(&state, &subnet.show(2, 1, &registry)), "no_seat");
    let own = Subnet::new(&[10, 10], 1);
    assert_eq!(refusal(&genesis(&own), &own.show(0, 1, &registry)), "no_registry");
}

#[test]
fn a_snapshot_after_which_nobody_could_close_an_epoch_is_not_taken() {
    let subnet = followed(&[10, 10], 1);
    let state = genesis(&subnet);
    let mut idle = member(0, 0, 10);
    idle.permit = false;
    for members in [
        vec![],
        vec![member(0, 8, 10)],
        vec![idle],
        vec![member(0, 0, 0)],
        // A hotkey that is a miner here.
        vec![member(0, 2, 10)],
    ] {
        let registry = snapshot(100, &members);
        let after = close(&state, &subnet.said(&[0, 1], 1, &registry));
        assert_eq!((height(&after), after.committee().len()), (None, 2));
    }
}

#[test]
fn the_stake_of_another_chain_is_no_part_of_the_supply() {
    let subnet = followed(&[10 * UNIT, 10 * UNIT], 1);
    let state = genesis(&subnet);
    assert_eq!(state.supply_parts().stakes, 0);
    let largest = Rao::SUPPLY_MAX.get() - 20 * UNIT;
    let registry = snapshot(100, &[member(0, 0, largest), member(1, 1, UNIT)]);
    // The accounts of coldkeys that are new here hold nothing.
    let after = close(&state, &subnet.said(&[0, 1], 1, &registry));
    assert_eq!(after.supply_parts().stakes, 0);
    let after = close(&after, &[]);
    assert_eq!(after.supply(), state.supply() + u128::from(after.chain().emitted.get()));
}

#[test]
fn who_was_slashed_is_listed_and_never_permitted() {
    let subnet = followed(&[10 * UNIT, 10 * UNIT, 10 * UNIT], 1);
    let state = close(&genesis(&subnet), &[]);
    let executed = run(&state, &[subnet.double_vote(1, 1)]);
    // Nothing of another chain's stake is taken.
    assert_eq!(executed.result.header.slashed, Rao::ZERO);
    let state = executed.into_state(CutId::new([9; 32]));
    assert_eq!((state.uid_of(&hotkey(1)), state.unbonding().len()), (None, 0));
    let members: Vec<ExternalMember> = (0..3).map(|n| member(n, n, 10 * UNIT)).collect();
    let registry = snapshot(100, &members);
    let state = close(&state, &subnet.said(&[0, 2], 3, &registry));
    let seat = |state: &State| *state.participant(Uid::new(1)).unwrap();
    assert!(!seat(&state).is_member());
    let state = close(&state, &[subnet.serve(1, seat(&state).nonce, Role::Validator)]);
    let state = close(&state, &[]);
    assert!(!seat(&state).is_member());
    assert_eq!(state.committee().len(), 2);
}

#[test]
fn a_list_names_words_by_stake_and_only_what_a_third_speaks_of() {
    let subnet = followed(&[10, 20, 30], 1);
    let state = genesis(&subnet);
    let (registry, lie) = (snapshot(100, &[member(0, 0, 7)]), snapshot(100, &[member(0, 0, 8)]));
    let words = [
        subnet.observe(0, 1, &lie),
        subnet.observe(1, 1, &registry),
        subnet.observe(2, 1, &registry),
    ];
    let shown =
        [subnet.show(0, 1, &lie), subnet.show(1, 1, &registry), subnet.show(2, 1, &registry)];
    let all: Vec<Item> = words.iter().chain(&shown).cloned().collect();
    let chosen: BTreeSet<ItemId> = select(&state, &all).into_iter().collect();
    let mut expected: BTreeSet<ItemId> = words.iter().map(Item::id).collect();
    // One of the two that show the same.
    expected.insert(shown[1].id().min(shown[2].id()));
    assert_eq!(chosen, expected);
}

/// Splitmix64, below a bound.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn number(&mut self, bound: u16) -> u16 {
        u16::try_from(self.below(bound.into())).unwrap()
    }

    /// A snapshot of some of ten hotkeys at any of twelve uids.
    fn snapshot(&mut self) -> ExternalRegistry {
        let mut members: BTreeMap<u16, ExternalMember> = BTreeMap::new();
        for number in 0..10 {
            let stake = [0, 1, 5 * UNIT, 70 * UNIT][usize::from(self.number(4))];
            let mut one = member(self.number(12), number, stake);
            one.permit = self.below(4) > 0;
            if self.below(5) > 0 {
                members.insert(one.uid.get(), one);
            }
        }
        let members: Vec<ExternalMember> = members.into_values().collect();
        snapshot(100 * (1 + self.below(40)), &members)
    }

    fn items(&mut self, subnet: &Subnet, state: &State) -> Vec<Item> {
        let epoch = state.next_epoch().get();
        let seen = [self.snapshot(), self.snapshot()];
        let mut items = Vec::new();
        for number in 0..10 {
            let registry = &seen[usize::from(self.number(2))];
            let nonce = state.uid_of(&hotkey(number)).and_then(|uid| state.participant(uid));
            let nonce = nonce.map_or(0, |one| one.nonce);
            items.push(match self.below(7) {
                0..3 => subnet.observe(number, epoch, registry),
                3 => subnet.show(number, epoch, registry),
                4 => subnet.serve(number, nonce, Role::Validator),
                5 => subnet.serve(number, nonce, Role::Miner),
                _ => subnet.weights(number, epoch, epoch, &[(self.number(12), MAX)]),
            });
        }
        items.extend(seen.iter().map(|registry| subnet.show(0, epoch, registry)));
        if self.below(12) == 0 {
            items.push(subnet.double_vote(self.number(10), epoch.saturating_sub(1)));
        }
        items.retain(|item| admissible(state, item).is_ok());
        items
    }
}

#[test]
fn whatever_members_read_the_books_hold_and_the_chain_is_followed() {
    let (mut taken, mut members) = (0, 0);
    for seed in 0..60 {
        let mut random = Random(seed);
        let subnet = followed(&[50 * UNIT, 40 * UNIT, 10 * UNIT], 2);
        let mut state = genesis(&subnet);
        for _ in 0..12 {
            let mut items = random.items(&subnet, &state);
            let executed = run(&state, &items);
            items.reverse();
            items.extend(items.first().cloned());
            assert_eq!(run(&state, &items).roots, executed.roots, "seed {seed}: order counted");
            let next = executed.into_state(CutId::new([9; 32]));
            let read = State::from_rows(subnet.manifest.clone(), next.head(), &next.rows());
            assert_eq!(read.as_ref(), Ok(&next), "seed {seed}");
            assert!(!next.committee().is_empty(), "seed {seed}: nobody goes on");
            if height(&next) != height(&state) {
                assert!(height(&next) > height(&state), "seed {seed}: an older one was taken");
                taken += 1;
                // One of the snapshots that were shown, to the letter.
                let shown = items.iter().find_map(|item| match item.body() {
                    Body::RegistryOp(op) => match &op.operation {
                        Operation::ProvideRegistry { registry }
                            if registry.digest() == next.registry_digest() =>
                        {
                            Some(registry)
                        }
                        _ => None,
                    },
                    _ => None,
                });
                for (uid, one) in next.participants() {
                    let said = shown.unwrap().members().iter().find(|member| member.uid == uid);
                    let said = said.map(|said| (said.hotkey, said.coldkey, said.stake));
                    assert_eq!(said, Some((one.hotkey, one.coldkey, one.stake)), "seed {seed}");
                }
            }
            for (uid, one) in next.participants().filter(|(_, one)| one.permit) {
                let allowed = next.external().is_none_or(|chain| chain.permits.contains(&uid));
                assert!(allowed && one.role == Role::Validator, "seed {seed}: {one:?}");
                members += 1;
            }
            state = next;
        }
    }
    assert!(taken > 60 && members > 1_000, "{taken} snapshots taken, {members} permits");
}
