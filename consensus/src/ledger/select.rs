//! Which items a member lists, and which a proposer puts into its cut.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ganglion_types::{
    Body, Coldkey, Digest, ExternalPoint, Hotkey, Item, ItemId, Kind, Operation, Rao, RegistryOp,
    limits,
};

use super::admission::{Registration, admissible};
use super::external::stake_of;
use super::sizes::{KindCounts, Saying, given_room, required};
use super::state::State;

/// Registrations that one list may name: a quarter of its operations.
const LIST_REGISTRATIONS: usize = limits::LIST_OPERATIONS / 4;
/// What a member lists of the items it holds, in a fixed order: the same items give the same list.
///
/// Of the admissible ones: per signer and mechanism the row of weights, or the commit, with the
/// highest number, and alike of each commit its reveal; evidence, one piece per offender, that of
/// agreement first, by id, at most [`limits::LIST_EVIDENCE`]; registrations by work, at most a
/// quarter of [`limits::LIST_OPERATIONS`]; what members say of another chain's registry, at most half of it, the most stake
/// first, and the snapshots that more than 1/3 of stake speaks of; then accounts and hotkeys by holding, largest first, a
/// hotkey by its owner's, each giving one operation in turn, by nonce. Of these, what one cut has room
/// for in [`limits::CUT_BYTES`].
#[must_use]
pub fn select(state: &State, candidates: &[Item]) -> Vec<ItemId> {
    let mut pool = Pool::default();
    for item in candidates.iter().filter(|item| admissible(state, item).is_ok()) {
        pool.add(state, item);
    }
    let mut chosen: Vec<ItemId> = pool.evidence().chain(pool.weights()).collect();
    let registrations = pool.registrations.values().take(LIST_REGISTRATIONS);
    let mut operations: Vec<ItemId> = registrations.copied().collect();
    operations.extend(pool.registry(state));
    let room = limits::LIST_OPERATIONS.saturating_sub(operations.len());
    operations.extend(pool.operations(state, room));
    chosen.append(&mut operations);
    let ids: BTreeSet<&ItemId> = chosen.iter().collect();
    let fitting = required(candidates.iter().filter(|item| ids.contains(&item.id())));
    chosen.retain(|id| fitting.contains(id));
    chosen
}

/// The items of a proposal: what is [`required`] of those that lists demand, then of the pool what
/// [`select`] chooses, as far as a cut has room. Rising ids.
#[must_use]
pub fn propose_items(state: &State, demanded: &[Item], pool: &[Item]) -> Vec<ItemId> {
    let mut counts = KindCounts::default();
    let mut ids: BTreeSet<ItemId> =
        given_room(demanded, &mut counts).into_iter().map(Item::id).collect();
    let known: BTreeMap<ItemId, &Item> = pool.iter().map(|item| (item.id(), item)).collect();
    for id in select(state, pool) {
        let Some(item) = known.get(&id) else { continue };
        if !ids.contains(&id) && counts.has_room_for(item) {
            ids.insert(id);
            counts.add(item);
        }
    }
    ids.into_iter().collect()
}

/// What ranks a signer, its key, and its operations by nonce.
type Turns = (Reverse<Option<Rao>>, [u8; 32], VecDeque<ItemId>);

/// Admissible items by the orders they are listed in.
#[derive(Default)]
struct Pool {
    weights: BTreeMap<Saying, (Reverse<u64>, ItemId)>,
    /// By offender: whether it is about weights, which comes last, and the id.
    evidence: BTreeMap<Hotkey, (bool, ItemId)>,
    registrations: BTreeMap<(Digest, ItemId), ItemId>,
    accounts: BTreeMap<Coldkey, BTreeMap<u64, ItemId>>,
    hotkeys: BTreeMap<Hotkey, BTreeMap<u64, ItemId>>,
    /// What members say of another chain's registry, one word each.
    observations: BTreeMap<Hotkey, (ItemId, ExternalPoint)>,
    snapshots: BTreeMap<Digest, ItemId>,
}

impl Pool {
    fn add(&mut self, state: &State, item: &Item) {
        let id = item.id();
        if let Some((saying, seq)) = Saying::of(item) {
            let best = (Reverse(seq), id);
            let held = self.weights.entry(saying).or_insert(best);
            *held = best.min(*held);
        }
        match item.body() {
            Body::Evidence(evidence) => {
                let best = (!evidence.slashes(), id);
                let held = self.evidence.entry(*evidence.offender()).or_insert(best);
                *held = best.min(*held);
            }
            Body::RegistryOp(op) => self.add_operation(state, id, op),
            _ => {}
        }
    }

    fn add_operation(&mut self, state: &State, id: ItemId, op: &RegistryOp) {
        let signer = Hotkey::new(op.signer);
        match &op.operation {
            Operation::ObserveRegistry { point } => {
                let held = self.observations.entry(signer).or_insert((id, *point));
                *held = (id, *point).min(*held);
            }
            Operation::ProvideRegistry { registry } => {
                let held = self.snapshots.entry(registry.digest()).or_insert(id);
                *held = id.min(*held);
            }
            operation => {
                if let Some(registration) = Registration::of(op) {
                    let work = registration.work(state.subnet());
                    self.registrations.insert((work, id), id);
                    return;
                }
                // Of two with one nonce the lower id is executed, so the other is not listed.
                let queue = if operation.is_of_hotkey() {
                    self.hotkeys.entry(signer).or_default()
                } else {
                    self.accounts.entry(Coldkey::new(op.signer)).or_default()
                };
                let held = queue.entry(op.nonce).or_insert(id);
                *held = id.min(*held);
            }
        }
    }

    /// The words of the members with the most stake, then the snapshots that more than 1/3 of stake speaks of. Half of any
    /// committee can be enough to take one.
    fn registry(&self, state: &State) -> Vec<ItemId> {
        let committee = state.committee();
        let total = stake_of(committee.iter().map(|one| one.stake.get()));
        let mut words = Vec::new();
        let mut held: BTreeMap<Digest, u128> = BTreeMap::new();
        for member in committee {
            if let Some((id, point)) = self.observations.get(&member.hotkey) {
                words.push((Reverse(member.stake), *id));
                let stake = held.entry(point.digest).or_default();
                *stake = stake.saturating_add(member.stake.get().into());
            }
        }
        words.sort_unstable();
        let words = words.into_iter().map(|(_, id)| id).take(limits::LIST_OBSERVATIONS);
        let alike = held.iter().filter(|(_, stake)| stake.saturating_mul(3) > total);
        let shown = alike.filter_map(|(digest, _)| self.snapshots.get(digest).copied());
        words.chain(shown.take(limits::LIST_SNAPSHOTS)).collect()
    }

    /// The bounds hold of themselves: there is one permit per seat, and one commit per permit, epoch
    /// and mechanism.
    fn weights(&self) -> impl Iterator<Item = ItemId> {
        let said = |reveals: bool| {
            let all = self.weights.iter();
            all.filter(move |(saying, _)| (saying.kind == Kind::WeightReveal) == reveals)
                .map(|(_, (_, id))| *id)
        };
        said(false).take(limits::COMMITTEE).chain(said(true).take(limits::LIST_REVEALS))
    }

    fn evidence(&self) -> impl Iterator<Item = ItemId> {
        let pieces: BTreeSet<(bool, ItemId)> = self.evidence.values().copied().collect();
        pieces.into_iter().take(limits::LIST_EVIDENCE).map(|(_, id)| id)
    }

    fn operations(&self, state: &State, room: usize) -> Vec<ItemId> {
        let holdings = state.holdings();
        let holding = |coldkey: &Coldkey| Reverse(holdings.get(coldkey).copied());
        let accounts = self.accounts.iter().map(|(coldkey, waiting)| {
            (holding(coldkey), *coldkey.as_bytes(), waiting.values().copied().collect())
        });
        // A hotkey's weight is its owner's.
        let owner = |hotkey| state.uid_of(hotkey).and_then(|uid| state.participant(uid));
        let hotkeys = self.hotkeys.iter().filter_map(|(hotkey, waiting)| {
            let rank = holding(&owner(hotkey)?.coldkey);
            Some((rank, *hotkey.as_bytes(), waiting.values().copied().collect()))
        });
        let mut queues: Vec<Turns> = accounts.chain(hotkeys).collect();
        queues.sort_unstable_by_key(|(holding, signer, _)| (*holding, *signer));
        let mut chosen = Vec::new();
        while chosen.len() < room {
            let turn = queues.iter_mut().filter_map(|(_, _, queue)| queue.pop_front());
            let before = chosen.len();
            chosen.extend(turn.take(room.saturating_sub(before)));
            if chosen.len() == before {
                break;
            }
        }
        chosen
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test")]
mod tests {
    use ganglion_types::{CutId, Role, WeightReveal};

    use super::super::execute;
    use super::super::fixture::{Subnet, coldkey, hot};
    use super::super::sizes::CutSize;
    use super::*;

    const MAX: u16 = 65_535;

    fn genesis(subnet: &Subnet) -> State {
        State::genesis(subnet.manifest.clone()).unwrap()
    }

    /// A miner more than there are validators; balances of 1, 2, 3 … units by uid.
    fn subnet(validators: usize, miners: usize) -> Subnet {
        Subnet::with(&vec![30; validators], miners, |manifest| {
            let balance = |number: u16| Rao::new((u64::from(number) + 1) * Rao::PER_UNIT);
            let many = u16::try_from(validators + miners).unwrap();
            manifest.accounts = (0..many).map(|n| (coldkey(n), balance(n))).collect();
            manifest.accounts.sort_unstable();
        })
    }

    #[test]
    fn a_list_names_the_highest_row_of_each_validator() {
        let subnet = subnet(2, 1);
        let state = genesis(&subnet);
        let items = [
            subnet.weights(0, 1, 4, &[(2, MAX)]),
            subnet.weights(0, 1, 9, &[(2, MAX)]),
            subnet.weights(1, 1, 1, &[(2, MAX)]),
            subnet.weights(1, 2, 5, &[(2, MAX)]),
        ];
        let mut expected = vec![items[1].id(), items[2].id()];
        let mut chosen = select(&state, &items);
        expected.sort_unstable();
        chosen.sort_unstable();
        assert_eq!(chosen, expected);
    }

    #[test]
    fn accounts_take_turns_by_holding_and_nonce() {
        let subnet = subnet(1, 2);
        let state = genesis(&subnet);
        let poor = [0, 1].map(|nonce| subnet.transfer(1, nonce, 0, 1).clone());
        let rich = [0, 1, 2].map(|nonce| subnet.transfer(2, nonce, 0, 1));
        let items: Vec<Item> = poor.iter().chain(&rich).rev().cloned().collect();
        let expected = [&rich[0], &poor[0], &rich[1], &poor[1], &rich[2]].map(|item| item.id());
        assert_eq!(select(&state, &items), expected);
    }

    #[test]
    fn of_two_with_one_nonce_the_lower_id_is_listed() {
        let subnet = subnet(1, 1);
        let state = genesis(&subnet);
        let twins = [subnet.transfer(1, 0, 0, 1), subnet.transfer(1, 0, 0, 2)];
        let lower = twins.iter().map(Item::id).min().unwrap();
        assert_eq!(select(&state, &twins), [lower]);
    }

    #[test]
    fn registrations_come_first_and_take_a_quarter_at_most() {
        let subnet = subnet(1, 16);
        let state = genesis(&subnet);
        let registrations: Vec<Item> =
            (100..170).map(|n| subnet.register(n, Role::Miner, state.head(), 1)).collect();
        let operations = (1..17).flat_map(|account| {
            let subnet = &subnet;
            (0..16).map(move |nonce| subnet.transfer(account, nonce, 0, 1))
        });
        let pool: Vec<Item> = operations.chain(registrations.iter().cloned()).collect();
        let chosen = select(&state, &pool);
        assert_eq!(chosen.len(), limits::LIST_OPERATIONS);
        let registered = registrations.iter().map(Item::id).filter(|id| chosen.contains(id));
        assert_eq!(registered.count(), limits::LIST_OPERATIONS / 4);
        assert!(chosen[..64].iter().all(|id| registrations.iter().any(|one| one.id() == *id)));
    }

    #[test]
    fn a_list_names_one_commit_per_validator_and_one_reveal_per_open_commit() {
        let subnet = Subnet::with(&[30, 20], 1, |m| {
            m.hyperparameters.commit_reveal_weights_enabled = true;
            m.hyperparameters.reveal_grace = 2;
        });
        let row = [(2, MAX)];
        let mut state = genesis(&subnet);
        for epoch in 1..=2 {
            let commits = [0, 1].map(|n| subnet.commit(n, epoch, epoch, &row));
            let executed = execute(&state, state.chain().time + 1, &commits).unwrap();
            state = executed.into_state(CutId::new([1; 32]));
        }
        let again = |number, epoch, seq| {
            let body = WeightReveal { seq, ..subnet.shown(number, epoch, epoch, &row) };
            subnet.item(Body::WeightReveal(body), &hot(number))
        };
        let expected = [
            subnet.commit(0, 3, 9, &row),
            again(0, 1, 5),
            subnet.reveal(0, 2, 2, &row),
            subnet.reveal(1, 1, 1, &row),
        ];
        let others = [subnet.commit(0, 3, 8, &row), subnet.reveal(0, 1, 1, &row), again(0, 1, 4)];
        let pool: Vec<Item> = expected.iter().chain(&others).cloned().collect();
        let chosen = select(&state, &pool);
        assert_eq!(chosen.len(), 4);
        assert!(expected.iter().all(|item| chosen.contains(&item.id())));
    }

    #[test]
    fn a_list_names_one_piece_of_evidence_per_offender_that_of_agreement_first() {
        let many: u16 = 70;
        let subnet = Subnet::with(&vec![30; many.into()], 1, |m| {
            m.hyperparameters.max_validators = many;
        });
        let rows =
            |n: u16| [1, 2].map(|value| subnet.weights(n, 1, 1, &[(n + 1, value), (many, MAX)]));
        let first: Vec<Item> = (0..many - 1).map(|n| rows(n)[0].clone()).collect();
        let executed = execute(&genesis(&subnet), 1, &first).unwrap();
        let state = executed.into_state(CutId::new([1; 32]));
        let mut pool: Vec<Item> =
            (0..many - 1).map(|n| subnet.double_items(&rows(n)[0], &rows(n)[1])).collect();
        let votes = [0, 69].map(|n| subnet.double_vote(n, 1));
        pool.extend(votes.clone());
        pool.extend((0..9).map(|round| subnet.double_proposal(3, 1, round)));
        let chosen = select(&state, &pool);
        assert_eq!(chosen.len(), limits::LIST_EVIDENCE);
        let first = |n: usize| &chosen[..n];
        assert!(votes.iter().all(|one| first(3).contains(&one.id())));
        let proposals = pool.iter().filter(
            |one| matches!(one.body(), Body::Evidence(one) if one.kind() == Kind::Proposal),
        );
        let lowest = proposals.map(Item::id).min().unwrap();
        assert!(first(3).contains(&lowest));
        let mut counts = KindCounts::default();
        for _ in 0..4 {
            pool.iter().take(limits::LIST_EVIDENCE).for_each(|item| {
                assert!(counts.has_room_for(item));
                counts.add(item);
            });
        }
        assert_eq!(counts.check(), Ok(()));
        assert!(!counts.has_room_for(&votes[0]));
        counts.add(&votes[0]);
        assert_eq!(counts.check(), Err(CutSize::Evidence { count: 257, limit: 256 }));
    }

    #[test]
    fn the_order_of_the_pool_does_not_matter() {
        let subnet = subnet(2, 3);
        let state = genesis(&subnet);
        let mut pool: Vec<Item> = (0..5)
            .flat_map(|n| {
                let subnet = &subnet;
                (0..3).map(move |nonce| subnet.transfer(n, nonce, 0, 1))
            })
            .collect();
        pool.push(subnet.weights(0, 1, 1, &[(2, MAX)]));
        pool.push(subnet.register(50, Role::Miner, state.head(), 1));
        let chosen = select(&state, &pool);
        assert_eq!(chosen.len(), pool.len());
        pool.reverse();
        assert_eq!(select(&state, &pool), chosen);
    }

    #[test]
    fn a_proposal_holds_what_is_mandatory_and_fills_up() {
        let subnet = subnet(2, 2);
        let state = genesis(&subnet);
        let mandatory: Vec<Item> =
            (1..=4).map(|seq| subnet.weights(0, 1, seq, &[(2, MAX)])).collect();
        let more = [
            subnet.weights(0, 1, 5, &[(2, MAX)]),
            subnet.weights(1, 1, 1, &[(2, MAX)]),
            subnet.transfer(2, 0, 0, 1),
        ];
        let pool: Vec<Item> = mandatory.iter().chain(&more).cloned().collect();
        let proposed = propose_items(&state, &mandatory, &pool);
        assert!(proposed.is_sorted_by(|a, b| a < b));
        assert!(mandatory.iter().all(|item| proposed.contains(&item.id())));
        // Four rows of validator 0 is all that a cut may hold.
        assert!(!proposed.contains(&more[0].id()));
        assert!(proposed.contains(&more[1].id()) && proposed.contains(&more[2].id()));
    }
}
