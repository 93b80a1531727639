//! Brings every certified epoch to a chain once, through crashes on both sides (`docs/spec/anchors.md`, section 4).
//!
//! A state machine without a clock, a network or a thread: [`Outbox::step`] takes what happened and says what to ask
//! the chain next. What it must not forget is on its [`Medium`] before it says so.
//!
//! ```text
//! certified ──► queued ──find: somebody did it?──► prepared ══synced══► submitted ──► included ──► final
//!                 ▲ ▲                                 ▲ ▲                   │            │
//!                 │ └── dropped: all transactions dead┘ └─ replaced: waits ─┘◄── undone ─┘
//!                 └──── undone: somebody else's block is gone
//! ```
//! The queue holds no epochs: it is what lies between the newest certified epoch and those under way, and the
//! cuts are in the node's own log. So it needs no bound, and an epoch that waits is coalesced with those after it.
//!
//! # Why a crash is harmless
//! | crash after | what a restart finds and does |
//! |---|---|
//! | signing | nothing; the bytes are gone, nobody saw them, the epochs are queued |
//! | syncing | the bytes; the chain says absent; the same bytes are submitted |
//! | submitting | the bytes; the chain says pending or included |
//! | any record after that | the bytes; the chain is asked again, whatever was recorded |

use std::collections::VecDeque;

use ganglion_types::Epoch;

use crate::{AnchorError, AnchorPayload, ChainName, Found, Medium, Prepared, Status, limits};

mod apply;
mod carry;
mod flight;
mod open;
mod owed;
mod record;

pub use carry::{Cuts, carry_out, judge, payload};
pub use flight::{Flight, Standing};
pub use open::OutboxError;
use owed::Owed;
pub use record::Record;

/// How the outbox goes about its work. Times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Epochs that have to be queued before an anchor is made, at least 1.
    pub every: u64,
    /// How long each rank waits for the ones before it.
    pub takeover: u64,
    /// Between two looks at an anchor under way.
    pub poll: u64,
    /// How long a transaction waits before one that bids more takes its place.
    pub replace: u64,
    /// First and longest wait after a failure.
    pub back_off: (u64, u64),
    /// Between two looks at an account that could not pay.
    pub held: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            every: 1,
            takeover: 60_000,
            poll: 3_000,
            replace: 90_000,
            back_off: (1_000, 300_000),
            held: 60_000,
        }
    }
}

/// What happened.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "one at a time, and never kept")]
pub enum Input {
    /// This epoch, and so every one before it, is certified. `rank` is this node's place among those who anchor, from 0.
    Certified {
        /// The newest certified epoch.
        epoch: Epoch,
        /// This node's rank for it.
        rank: u32,
    },
    /// What came of the last request.
    Answer(Reply),
    /// The time asked for has come.
    Wake,
    /// An operator wants everything tried again now.
    Retry,
}

/// What came of a [`Request`].
#[derive(Clone, Debug)]
pub enum Reply {
    /// Of [`Request::Find`].
    Found(Result<Vec<Judged>, AnchorError>),
    /// Of [`Request::Prepare`].
    Prepared(Result<(AnchorPayload, Prepared), AnchorError>),
    /// Of [`Request::Submit`].
    Submitted(Result<(), AnchorError>),
    /// Of [`Request::Status`].
    Status(Result<Status, AnchorError>),
    /// Of [`Request::Cost`].
    Cost(Result<u128, AnchorError>),
}

/// An anchor that was found, compared with the cuts this node holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// What was found.
    pub found: Found,
    /// What the node's own cuts say to it.
    pub truth: Truth,
}

/// What certified cuts say to an anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It names exactly the cuts this node holds.
    Same,
    /// It names others.
    Other,
    /// This node does not hold all of the epochs.
    Unknown,
}

/// What to ask the chain. One at a time; the answer comes back as [`Input::Answer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Who anchored any of these epochs?
    Find {
        /// First epoch.
        first: Epoch,
        /// Last epoch.
        last: Epoch,
    },
    /// Make a transaction for the payload of these epochs, out of the node's own cuts.
    Prepare {
        /// First epoch.
        first: Epoch,
        /// Last epoch.
        last: Epoch,
        /// Transactions made for it before.
        replaces: Vec<Prepared>,
        /// Highest place of what is under way for other epochs.
        used: Option<u64>,
    },
    /// Give this to the chain's node.
    Submit(Prepared),
    /// Where does this stand?
    Status {
        /// What was anchored.
        payload: AnchorPayload,
        /// Transactions made for it.
        attempts: Vec<Prepared>,
    },
    /// What did these cost? All of them are done with.
    Cost {
        /// Their hashes.
        transactions: Vec<[u8; 32]>,
    },
}

/// What to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Ask the chain.
    Ask(Request),
    /// Nothing until this time, milliseconds, or the next input.
    Sleep(Option<u64>),
}

/// What people and metrics should hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A signed transaction is kept; the second of one payload and later ones replace those before.
    Prepared(AnchorPayload, Prepared),
    /// It stands in a block.
    Included(Flight),
    /// Its block is gone.
    Undone(AnchorPayload),
    /// It is final.
    Settled(Flight),
    /// Trying failed; it is tried again.
    Failed(AnchorError),
    /// Money is needed.
    Held(AnchorError),
    /// Money was there.
    Released,
    /// An operator is needed.
    Parked(AnchorError),
    /// Somebody anchored other cuts for epochs that this node holds. Told once each.
    Stranger(Box<Found>),
}

/// The state machine. Owned by one task.
#[derive(Debug)]
pub struct Outbox<M> {
    medium: M,
    chain: ChainName,
    pace: Pace,
    /// Splitmix state for the jitter.
    entropy: u64,
    /// No epoch up to this one has anything left to do.
    done: Epoch,
    /// Newest certified epoch and the rank for it.
    tip: Epoch,
    rank: u32,
    /// The first queued epoch, and since when it is the first.
    queued_since: Option<(Epoch, u64)>,
    /// In order of epochs, without overlap of our own.
    flights: Vec<Flight>,
    /// The last request, until it is answered.
    asked: Option<Request>,
    /// The range that was looked for last, until something is made of it.
    looked: Option<(Epoch, Epoch)>,
    /// Whether what is under way was looked after last.
    looked_after: bool,
    parked: Option<(String, crate::Reason)>,
    held: bool,
    /// Nothing new is begun before.
    not_before: u64,
    failures: u32,
    deaths: u32,
    history: VecDeque<Flight>,
    /// What is done with and not counted yet, oldest first.
    owed: VecDeque<Owed>,
    /// What has been counted, in the chain's smallest unit.
    spent: u128,
    /// Costs are not asked for before.
    cost_at: u64,
    strangers: VecDeque<AnchorPayload>,
    /// Size of the file when it was last written anew.
    compact_at: u64,
}

impl<M: Medium> Outbox<M> {
    /// Takes one thing that happened; says what people should hear of, and what to do next.
    ///
    /// # Errors
    /// What the medium says. The outbox is of no use then: open it again.
    pub fn step(&mut self, now: u64, input: Input) -> Result<(Vec<Notice>, Next), OutboxError> {
        let mut notices = Vec::new();
        match input {
            Input::Certified { epoch, rank } => {
                if epoch > self.tip {
                    (self.tip, self.rank) = (epoch, rank);
                }
            }
            Input::Wake => {}
            Input::Retry => self.retry(now)?,
            Input::Answer(reply) => {
                if let Some(request) = self.asked.take() {
                    self.answered(now, request, reply, &mut notices)?;
                }
            }
        }
        self.settle(&mut notices)?;
        self.compact_if_large()?;
        let next = if self.asked.is_some() { Next::Sleep(None) } else { self.decide(now) };
        if let Next::Ask(request) = &next {
            self.asked = Some(request.clone());
        }
        Ok((notices, next))
    }

    /// What to do now. What is under way and what is queued take turns, so that a slow chain starves neither.
    fn decide(&mut self, now: u64) -> Next {
        let (tended, then) = self.tend(now);
        let (begun, later) = self.begin(now);
        let first = if self.looked_after { begun.or(tended) } else { tended.or(begun) };
        let Some(request) = first else {
            // Nothing else waits for what something has cost.
            let owed = self.owed.front().filter(|_| now >= self.cost_at);
            if let Some(Owed { transactions, .. }) = owed {
                return Next::Ask(Request::Cost { transactions: transactions.clone() });
            }
            let counted = self.owed.front().map(|_| self.cost_at);
            return Next::Sleep([then, later, counted].into_iter().flatten().min());
        };
        let begins = matches!(&request, Request::Find { first, last } if self.queued() == Some((*first, *last)));
        self.looked_after =
            matches!(request, Request::Status { .. } | Request::Find { .. }) && !begins;
        Next::Ask(request)
    }

    /// What has to be done for what is under way, what is due longest first; else when.
    fn tend(&self, now: u64) -> (Option<Request>, Option<u64>) {
        let (oldest, newest) = self.ends();
        let looked_at = |flight: &&Flight| {
            let end = [oldest, newest].contains(&Some(flight.last()));
            !flight.is_final() && (!flight.is_included() || flight.suspect || end)
        };
        let wants_hand = |flight: &&Flight| {
            flight.by.is_none() && (flight.replace || flight.standing == Standing::Absent)
        };
        let hand = self.flights.iter().find(wants_hand).filter(|_| self.parked.is_none());
        if let Some(flight) = hand.filter(|_| now >= self.not_before) {
            return (Some(self.hand_on(flight)), None);
        }
        let due = self.flights.iter().filter(looked_at).min_by_key(|flight| flight.check_at);
        match due {
            Some(flight) if flight.check_at <= now => (Some(look_at(flight)), None),
            due => {
                let checks = due.map(|flight| flight.check_at);
                (None, checks.into_iter().chain(hand.map(|_| self.not_before)).min())
            }
        }
    }

    /// What has to be done for what is queued; else when.
    fn begin(&mut self, now: u64) -> (Option<Request>, Option<u64>) {
        let Some((first, last)) = self.queued() else {
            self.queued_since = None;
            return (None, None);
        };
        let since = match self.queued_since {
            Some((epoch, since)) if epoch == first => since,
            _ => {
                self.queued_since = Some((first, now));
                now
            }
        };
        let room = self.flights.len() < limits::FLIGHTS;
        let idle = self.flights.iter().all(Flight::is_included);
        let enough = last.get().saturating_sub(first.get()).saturating_add(1) >= self.pace.every;
        if self.parked.is_some() || !room || !idle || !enough {
            return (None, None);
        }
        let turn = since.saturating_add(self.pace.takeover.saturating_mul(u64::from(self.rank)));
        let begin = turn.max(self.not_before);
        if now < begin {
            return (None, Some(begin));
        }
        // Before anything is paid the chain is asked whether somebody else has.
        let Some(last) = self.looked.filter(|looked| looked.0 == first && looked.1 <= last) else {
            return (Some(Request::Find { first, last }), None);
        };
        // What was certified meanwhile waits for the next: else a slow chain would be asked for ever.
        let last = last.1;
        let used = self.used(None);
        (Some(Request::Prepare { first, last, replaces: Vec::new(), used }), None)
    }

    /// The anchors in blocks that are looked at: the oldest becomes final first, the newest is undone first.
    fn ends(&self) -> (Option<Epoch>, Option<Epoch>) {
        let mut open =
            self.flights.iter().filter(|flight| !flight.is_final() && flight.is_included());
        let oldest = open.next().map(Flight::last);
        (oldest, open.next_back().map(Flight::last).or(oldest))
    }

    fn hand_on(&self, flight: &Flight) -> Request {
        let full = flight.attempts.len() >= limits::ATTEMPTS;
        match flight.attempts.last() {
            Some(newest) if !flight.replace || full => Request::Submit(newest.clone()),
            _ => Request::Prepare {
                first: flight.payload.first(),
                last: flight.payload.last(),
                replaces: flight.attempts.clone(),
                used: self.used(Some(flight.last())),
            },
        }
    }

    /// The highest place that our transactions under way have, but for those of one anchor.
    fn used(&self, but: Option<Epoch>) -> Option<u64> {
        let others = self.flights.iter().filter(|flight| Some(flight.last()) != but);
        others.flat_map(|flight| &flight.attempts).map(|attempt| attempt.nonce).max()
    }

    /// The first epochs with nothing under way, as many as one anchor may speak about.
    #[must_use]
    pub fn queued(&self) -> Option<(Epoch, Epoch)> {
        let mut first = self.done.next();
        while let Some(flight) = self.flights.iter().find(|flight| flight.payload.covers(first)) {
            first = flight.last().next();
        }
        let behind = self.flights.iter().map(|flight| flight.payload.first());
        let next = behind.filter(|next| *next > first).min();
        let limit = first.get().saturating_add(limits::RANGE_EPOCHS.saturating_sub(1));
        let end = next.map_or(self.tip.get(), |next| next.get().saturating_sub(1));
        let last = Epoch::new(end.min(limit).min(self.tip.get()));
        (first <= last).then_some((first, last))
    }

    /// What anchors of ours have cost, in the chain's smallest unit: those that are done with, in all the time that this file
    /// was kept.
    #[must_use]
    pub const fn spent(&self) -> u128 {
        self.spent
    }

    /// The chain it is for.
    #[must_use]
    pub const fn chain(&self) -> &ChainName {
        &self.chain
    }

    /// No epoch up to this one has anything left to do.
    #[must_use]
    pub const fn done(&self) -> Epoch {
        self.done
    }

    /// The newest certified epoch it was told of.
    #[must_use]
    pub const fn tip(&self) -> Epoch {
        self.tip
    }

    /// What is under way.
    #[must_use]
    pub fn flights(&self) -> &[Flight] {
        &self.flights
    }

    /// What is final, oldest first; at most [`limits::HISTORY`].
    pub fn history(&self) -> impl Iterator<Item = &Flight> {
        self.history.iter()
    }

    /// Kind and words of what an operator has to mend, if anything.
    #[must_use]
    pub const fn parked(&self) -> Option<&(String, crate::Reason)> {
        self.parked.as_ref()
    }

    /// Whether it waits for money.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        self.held
    }
}

/// How the chain is asked about something under way.
fn look_at(flight: &Flight) -> Request {
    if flight.by.is_some() {
        let (first, last) = (flight.payload.first(), flight.payload.last());
        return Request::Find { first, last };
    }
    Request::Status { payload: flight.payload, attempts: flight.attempts.clone() }
}

#[cfg(test)]
pub(crate) use record::tests::payload as tests_payload;
#[cfg(test)]
pub(crate) use tests::world as tests_paper;
#[cfg(test)]
mod tests;
