//! Registrations, by burn among the operations and by work after them, and what the next one costs.

use std::collections::BTreeMap;

use ganglion_types::planted::{self, Bug};
use ganglion_types::{Digest, ItemId, Rao, Uid};

use super::super::admission::Registration;
use super::super::receipt::{Failure, Outcome};
use super::super::state::{Newcomer, Participant};
use super::Execution;

/// The difficulty of the next epoch: halved, then raised by 26 % rounded up for each registration
/// by work; never outside the subnet's bounds.
#[must_use]
pub fn next_difficulty(difficulty: u64, registrations: u32, min: u64, max: u64) -> u64 {
    let rest = (difficulty >> 1).max(min);
    let raised = (0..registrations).fold(rest, |difficulty, _| raise(difficulty).min(max));
    raised.min(max)
}

/// The burn price after one more registration by burn: 26 % more, rounded up, at most `max`.
#[must_use]
pub fn raised_burn_price(price: Rao, max: Rao) -> Rao {
    Rao::new(raise(price.get())).min(max)
}

fn raise(price: u64) -> u64 {
    let raised = u128::from(price).saturating_mul(126).div_ceil(100);
    u64::try_from(raised).unwrap_or(u64::MAX)
}

impl Execution {
    /// Takes a uid at the price of this moment, which the next one pays more than.
    pub(super) fn burn_register(
        &mut self,
        newcomer: &Newcomer,
        max_price: Rao,
    ) -> Result<(), Failure> {
        self.has_room(newcomer)?;
        let price = self.state.chain.burn_price;
        if price > max_price {
            return Err(Failure::Price { price, max: max_price });
        }
        self.pay(&newcomer.coldkey, price)?;
        self.seat(newcomer)?;
        let max = self.state.hyperparameters().max_burn;
        let chain = &mut self.state.chain;
        if !planted::is(Bug::BurnUncounted) {
            chain.burned = Rao::new(chain.burned.get().saturating_add(price.get()));
        }
        chain.burn_price = raised_burn_price(price, max);
        Ok(())
    }

    /// Registrations by work, lowest digest first, then the prices of the next epoch.
    pub(super) fn register(&mut self, registrations: &BTreeMap<(Digest, ItemId), Registration>) {
        for ((_, id), registration) in registrations {
            let newcomer = registration.newcomer();
            let outcome = match self.has_room(&newcomer).and_then(|()| self.seat(&newcomer)) {
                Ok(()) => {
                    self.worked = self.worked.saturating_add(1);
                    Outcome::Applied
                }
                Err(failure) => Outcome::Failed(failure),
            };
            self.receipts.insert(*id, outcome);
        }
        let rules = *self.state.hyperparameters();
        let chain = &mut self.state.chain;
        chain.registrations = u32::from(self.registered);
        let (min, max) = (rules.min_difficulty, rules.max_difficulty);
        chain.difficulty = next_difficulty(chain.difficulty, self.worked, min, max);
        let rest = Rao::new(chain.burn_price.get() >> 1);
        chain.burn_price = rest.max(rules.min_burn).min(rules.max_burn);
    }

    fn has_room(&self, one: &Newcomer) -> Result<(), Failure> {
        self.must_be_new(&one.hotkey)?;
        let rules = self.state.hyperparameters();
        if self.registered >= rules.max_registrations_per_epoch {
            return Err(Failure::EpochLimit { max: rules.max_registrations_per_epoch });
        }
        if self.state.is_full() {
            return Err(Failure::Full { max: rules.max_allowed_uids });
        }
        Ok(())
    }

    fn seat(&mut self, one: &Newcomer) -> Result<(), Failure> {
        let uid = self.free_uid()?;
        self.state.accounts.entry(one.coldkey).or_default();
        self.state.seat(uid, Participant::newcomer(one, self.epoch));
        self.registered = self.registered.saturating_add(1);
        Ok(())
    }

    /// A vacant uid, after pruning one if there is none.
    fn free_uid(&mut self) -> Result<Uid, Failure> {
        let full = Failure::Full { max: self.state.hyperparameters().max_allowed_uids };
        if let Some(uid) = self.state.vacancy() {
            return Ok(uid);
        }
        let pruned = self.state.prunable().ok_or(full)?;
        self.state.vacate(pruned, self.epoch);
        self.state.vacancy().ok_or(full)
    }
}
