//! What anchors have cost.
//!
//! An anchor that is final, or of which no transaction can be included any more, is owed for: its transactions are asked for
//! once, and the record of the sum takes it off the list. So a crash between any two steps counts nothing twice.

use super::{Flight, Outbox, OutboxError, Record};
use crate::{AnchorError, Medium, limits};

/// The transactions of one anchor that is done with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owed {
    /// Their hashes, at most [`limits::ATTEMPTS`].
    pub(super) transactions: Vec<[u8; 32]>,
    /// Most that they may have cost: one of them is included at most.
    pub(super) most: u128,
}

impl Owed {
    fn of(flight: &Flight) -> Option<Self> {
        // Somebody else's has no attempts here, and what may cost nothing does.
        let most = flight.attempts.iter().map(|attempt| attempt.fee_max).max().unwrap_or(0);
        (most > 0).then(|| Self {
            transactions: flight.attempts.iter().map(|attempt| attempt.id).collect(),
            most,
        })
    }
}

impl<M: Medium> Outbox<M> {
    pub(super) fn owe(&mut self, flight: &Flight) {
        self.owed.extend(Owed::of(flight));
        while self.owed.len() > limits::OWED {
            self.owed.pop_front();
        }
    }

    /// The oldest is paid for, and all there was costs `spent`.
    pub(super) fn paid(&mut self, spent: u128) {
        self.owed.pop_front();
        self.spent = spent;
    }

    pub(super) fn counted(
        &mut self,
        now: u64,
        transactions: &[[u8; 32]],
        cost: Result<u128, AnchorError>,
    ) -> Result<(), OutboxError> {
        let most = self.owed.front().filter(|owed| owed.transactions == transactions);
        let Some(most) = most.map(|owed| owed.most) else { return Ok(()) };
        match cost {
            Ok(cost) => {
                // The chain's node may say anything, and the signatures say how much at most.
                let spent = self.spent.saturating_add(cost.min(most));
                self.write(&Record::Paid { spent })?;
                self.paid(spent);
            }
            // It hinders nothing, and is no failure of anchoring.
            Err(_) => self.cost_at = now.saturating_add(self.pace.held),
        }
        Ok(())
    }
}
