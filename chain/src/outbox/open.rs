//! The outbox and its file: opened after whatever happened, and kept small.

use std::collections::VecDeque;
use std::io;

use ganglion_types::Epoch;

use super::record::read_all;
use super::{Flight, Outbox, Owed, Pace, Record, Standing};
use crate::{ChainName, Medium, limits};

/// Why the outbox cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The medium failed.
    #[error("the file of anchors under way cannot be read or written")]
    Medium(#[from] io::Error),
    /// The file belongs to another chain.
    #[error("the file of anchors under way is of the chain {found}, not {expected}")]
    Chain {
        /// As configured.
        expected: ChainName,
        /// As found.
        found: ChainName,
    },
    /// The file is larger than anything this code writes.
    #[error("the file of anchors under way has {0} bytes, more than any that was written here")]
    TooLarge(u64),
}

impl<M: Medium> Outbox<M> {
    /// Opens a file, or begins one: `done` is then the last epoch that is not to be anchored.
    ///
    /// What follows the last whole record is cut off: it was never acted upon, as acts come after the sync. `entropy` spreads
    /// the retries of many nodes, any number will do.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub fn open(
        medium: M,
        chain: ChainName,
        done: Epoch,
        pace: Pace,
        entropy: u64,
    ) -> Result<Self, OutboxError> {
        let mut outbox = Self {
            medium,
            chain,
            pace,
            entropy,
            done,
            tip: Epoch::GENESIS,
            rank: 0,
            queued_since: None,
            flights: Vec::new(),
            asked: None,
            looked: None,
            looked_after: false,
            parked: None,
            held: false,
            not_before: 0,
            failures: 0,
            deaths: 0,
            history: VecDeque::new(),
            owed: VecDeque::new(),
            spent: 0,
            cost_at: 0,
            strangers: VecDeque::new(),
            compact_at: limits::OUTBOX_BYTES,
        };
        let size = outbox.medium.size()?;
        if size > limits::OUTBOX_BYTES_MAX {
            return Err(OutboxError::TooLarge(size));
        }
        let length = usize::try_from(size).unwrap_or(usize::MAX);
        let (records, whole) = read_all(&outbox.medium.read(0, length)?);
        let whole = u64::try_from(whole).unwrap_or(u64::MAX);
        if records.is_empty() {
            // A torn first record, or no file yet.
            let opened = Record::Opened { chain: outbox.chain.clone(), done };
            outbox.medium.replace(&opened.to_frame())?;
            return Ok(outbox);
        }
        if whole < size {
            outbox.medium.truncate(whole)?;
        }
        for record in records {
            outbox.replay(record)?;
        }
        Ok(outbox)
    }

    fn replay(&mut self, record: Record) -> Result<(), OutboxError> {
        match record {
            Record::Opened { chain, done } => {
                if chain != self.chain {
                    return Err(OutboxError::Chain { expected: self.chain.clone(), found: chain });
                }
                self.done = done;
            }
            Record::Prepared { payload, prepared } => match self.flight_mut(payload.last()) {
                Some(flight) => flight.attempts.push(prepared),
                None => {
                    let flight = Flight::own(payload, prepared);
                    self.flights.push(Flight { standing: Standing::Unknown, ..flight });
                }
            },
            // Only the chain says where a transaction stands now.
            Record::Submitted { .. } => {}
            Record::Included { payload, point, by } => {
                self.stands(payload, by, Standing::Included(point));
            }
            Record::Undone { last, dropped } => match self.flight_mut(last) {
                Some(flight) if !dropped && flight.by.is_none() => {
                    flight.standing = Standing::Unknown;
                }
                _ => self.drop_flight(last),
            },
            Record::Settled { payload, point, by } => {
                self.stands(payload, by, Standing::Final(point));
                self.pass();
            }
            Record::Parked { kind, reason } => self.parked = Some((kind, reason)),
            Record::Resumed => self.parked = None,
            Record::Paid { spent } => self.paid(spent),
            Record::Owed { transactions, most } => self.owed.push_back(Owed { transactions, most }),
        }
        Ok(())
    }

    fn stands(
        &mut self,
        payload: crate::AnchorPayload,
        by: Option<crate::Publisher>,
        standing: Standing,
    ) {
        if let Some(flight) = self.flight_mut(payload.last()) {
            flight.standing = standing;
            return;
        }
        self.flights.push(Flight {
            payload,
            attempts: Vec::new(),
            by,
            standing,
            check_at: 0,
            pending_since: None,
            replace: false,
            suspect: false,
        });
    }

    pub(super) fn flight_mut(&mut self, last: Epoch) -> Option<&mut Flight> {
        self.flights.iter_mut().find(|flight| flight.last() == last)
    }

    /// What was under way for the epochs up to `last` is not any more.
    pub(super) fn drop_flight(&mut self, last: Epoch) {
        while let Some(at) = self.flights.iter().position(|flight| flight.last() == last) {
            let flight = self.flights.remove(at);
            self.owe(&flight);
        }
    }

    /// Moves what is final out of the way, as far as nothing before it is missing.
    pub(super) fn pass(&mut self) {
        self.flights.sort_by_key(|flight| flight.payload.first());
        while let Some(at) = self.flights.iter().position(|flight| {
            flight.is_final()
                && (flight.payload.covers(self.done.next()) || flight.last() <= self.done)
        }) {
            let mut flight = self.flights.remove(at);
            self.owe(&flight);
            flight.attempts.clear();
            self.done = self.done.max(flight.last());
            self.history.push_back(flight);
            if self.history.len() > limits::HISTORY {
                self.history.pop_front();
            }
        }
        // What somebody else covered meanwhile and lies behind is not worth a look any more.
        let done = self.done;
        self.flights.retain(|flight| flight.by.is_none() || flight.last() > done);
    }

    /// Appends a record, durably.
    pub(super) fn write(&mut self, record: &Record) -> Result<(), OutboxError> {
        Ok(self.medium.append(&record.to_frame())?)
    }

    pub(super) fn compact_if_large(&mut self) -> Result<(), OutboxError> {
        let size = self.medium.size()?;
        if size < self.compact_at {
            return Ok(());
        }
        // Settled records move `done` forward by themselves as they are read, so the file begins before them.
        let before = self.history.front().map_or(self.done, |flight| {
            Epoch::new(flight.payload.first().get().saturating_sub(1)).min(self.done)
        });
        let mut records = vec![Record::Opened { chain: self.chain.clone(), done: before }];
        records.extend(self.history.iter().flat_map(Flight::records));
        records.push(Record::Opened { chain: self.chain.clone(), done: self.done });
        records.push(Record::Paid { spent: self.spent });
        records.extend(
            self.owed.iter().map(|owed| Record::Owed {
                transactions: owed.transactions.clone(),
                most: owed.most,
            }),
        );
        records.extend(self.flights.iter().flat_map(Flight::records));
        if let Some((kind, reason)) = &self.parked {
            records.push(Record::Parked { kind: kind.clone(), reason: reason.clone() });
        }
        let content: Vec<u8> = records.iter().flat_map(Record::to_frame).collect();
        self.medium.replace(&content)?;
        let size = u64::try_from(content.len()).unwrap_or(u64::MAX);
        self.compact_at = size.saturating_mul(2).max(limits::OUTBOX_BYTES);
        Ok(())
    }
}
