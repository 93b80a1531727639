//! Owners of coldkeys: they move stake, bring validators in and take them out.

use ganglion_consensus::ledger::State;
use ganglion_subnet::{Input, Ticket};
use ganglion_types::op::consent_hash;
use ganglion_types::{Body, Canonical as _, Epoch, Item, Operation, Rao, RegistryOp, Role, sign};

use crate::genesis::{coldkey, hotkey, owner, tail};
use crate::world::{Event, World};

/// What the owners remember.
#[derive(Debug)]
pub(crate) struct Client {
    validators: usize,
    /// Positions of the keys of nodes that were not there at genesis.
    pub(crate) newcomers: Vec<usize>,
}

impl Client {
    pub(crate) const fn new(validators: usize) -> Self {
        Self { validators, newcomers: Vec::new() }
    }
}

impl World {
    /// One operation, through an honest node.
    pub(crate) fn operate(&mut self) {
        let running: Vec<usize> =
            self.honest().filter(|(_, node)| node.runner.is_some()).map(|(at, _)| at).collect();
        let Some(gate) = self.random.pick(&running).copied() else { return };
        let Some(runner) = &self.nodes[gate].runner else { return };
        let state = runner.participant().state().clone();
        let Some((signer, operation)) = self.draw_operation(&state) else { return };
        let of_hotkey = operation.is_of_hotkey();
        let key = if of_hotkey { hotkey(signer) } else { coldkey(signer) };
        let nonce = if of_hotkey {
            let uid = state.uid_of(&sign::hotkey_of(&key));
            uid.and_then(|uid| state.participant(uid)).map_or(0, |seat| seat.nonce)
        } else {
            state.account(&owner(signer)).nonce
        };
        self.counts.fault(crate::plan::Fault::Operations);
        self.line(gate, || format!("operation {} by {signer}", operation.name()));
        let op = RegistryOp {
            signer: key.verifying_key().to_bytes(),
            nonce,
            valid_until: Epoch::new(state.epoch().get() + 6),
            operation,
        };
        let bytes = Item::sign(self.subnet, Body::RegistryOp(op), &key).to_bytes();
        let input = Box::new(Input::Submit { ticket: Ticket(1), bytes });
        let life = self.nodes[gate].life;
        self.push(0, Event::Input { to: gate, life, input });
    }

    /// Whose operation, and which.
    fn draw_operation(&mut self, state: &State) -> Option<(usize, Operation)> {
        let validator = self.random.index(self.client.validators);
        let other = self.random.index(self.client.validators);
        let hotkey_at = |at: usize| sign::hotkey_of(&hotkey(at));
        let amount = Rao::new(self.random.between(1, 5) * Rao::PER_UNIT);
        // Now and then much at once: more than one epoch may take in.
        let much = if self.random.permille(200) { 40 * Rao::PER_UNIT } else { amount.get() };
        let much = Rao::new(much);
        let honest = self.nodes.get(other).is_some_and(crate::node::Node::is_honest);
        let may_leave = self.may_leave(state);
        Some(match self.random.below(9) {
            0 => (validator, Operation::Transfer { to: owner(other), amount }),
            1 | 2 if honest => (other, Operation::Stake { hotkey: hotkey_at(other), amount: much }),
            3 if honest => {
                (validator, Operation::Delegate { hotkey: hotkey_at(other), amount: much })
            }
            4 if may_leave || !honest => {
                (other, Operation::Unstake { hotkey: hotkey_at(other), amount })
            }
            5 => (validator, Operation::Undelegate { hotkey: hotkey_at(other), amount }),
            6 => {
                let take = u16::try_from(self.random.below(11_000)).unwrap_or(0);
                (validator, Operation::SetTake { hotkey: hotkey_at(validator), take })
            }
            7 if self.plan.miners > 0 && self.random.permille(200) => {
                let miner = self.random.index(self.plan.miners);
                (self.client.validators + miner, Operation::Deregister)
            }
            7 if may_leave && honest && self.random.permille(200) => (other, Operation::Deregister),
            7 | 8 => self.newcomer_operation(state)?,
            _ => return None,
        })
    }

    /// Brings a newcomer in, then gives it stake, unless it still waits for a snapshot: what it holds would be as
    /// mute as that of the dishonest, and might make a third with it.
    fn newcomer_operation(&mut self, state: &State) -> Option<(usize, Operation)> {
        let position = *self.random.pick(&self.client.newcomers)?;
        let hotkey = sign::hotkey_of(&hotkey(position));
        if state.uid_of(&hotkey).is_some() {
            let node = self.nodes.iter().find(|node| node.hotkey == hotkey)?;
            if node.joins_from.is_some() && node.joined == 0 {
                return None;
            }
            let amount = Rao::new(10 * Rao::PER_UNIT);
            return Some((position, Operation::Stake { hotkey, amount }));
        }
        let hash = consent_hash(&self.subnet, &owner(position), &hotkey);
        let consent = sign::sign(&crate::genesis::hotkey(position), hash.as_bytes());
        let operation = Operation::BurnRegister {
            hotkey,
            role: Role::Validator,
            seed_tail: tail(position),
            max_price: Rao::new(20 * Rao::PER_UNIT),
            consent,
        };
        Some((position, operation))
    }

    /// Whether honest stake may go without the dishonest coming near to a third. A tenth of all stake
    /// may leave in one epoch, and what waits to leave is not counted here: hence the room.
    fn may_leave(&self, state: &State) -> bool {
        let committee = state.committee();
        let total: u64 = committee.iter().map(|one| one.stake.get()).sum();
        let dishonest: u64 = committee
            .iter()
            .filter(|one| {
                let node = self.nodes.iter().find(|node| node.hotkey == one.hotkey);
                node.is_none_or(|node| !node.is_honest())
            })
            .map(|one| one.stake.get())
            .sum();
        committee.len() > 4 && dishonest * 4 < total
    }
}
