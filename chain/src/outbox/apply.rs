//! What answers of a chain mean for what is under way.

use ganglion_types::Epoch;

use super::{Flight, Judged, Notice, Outbox, OutboxError, Record, Reply, Request, Standing, Truth};
use crate::{AnchorError, AnchorPayload, Medium, Prepared, Reason, Status, limits};

impl<M: Medium> Outbox<M> {
    pub(super) fn answered(
        &mut self,
        now: u64,
        request: Request,
        reply: Reply,
        notices: &mut Vec<Notice>,
    ) -> Result<(), OutboxError> {
        match (request, reply) {
            (Request::Find { first, last }, Reply::Found(result)) => match result {
                Ok(found) => self.found(now, (first, last), &found, notices),
                Err(error) => self.failed(now, None, error, notices),
            },
            (Request::Prepare { replaces, .. }, Reply::Prepared(result)) => match result {
                Ok((payload, prepared)) => {
                    self.prepared(now, &payload, prepared, !replaces.is_empty(), notices)
                }
                Err(error) => self.failed(now, None, error, notices),
            },
            (Request::Submit(prepared), Reply::Submitted(result)) => {
                self.submitted(now, &prepared, result, notices)
            }
            (Request::Status { payload, .. }, Reply::Status(result)) => match result {
                Ok(status) => self.stands_as(now, payload.last(), status, notices),
                Err(error) => self.failed(now, Some(payload.last()), error, notices),
            },
            (Request::Cost { transactions }, Reply::Cost(result)) => {
                self.counted(now, &transactions, result)
            }
            // An answer to another question says nothing.
            _ => Ok(()),
        }
    }

    fn found(
        &mut self,
        now: u64,
        (first, last): (Epoch, Epoch),
        all: &[Judged],
        notices: &mut Vec<Notice>,
    ) -> Result<(), OutboxError> {
        self.succeeded();
        for judged in all.iter().filter(|judged| judged.truth == Truth::Other) {
            let payload = judged.found.payload;
            if !self.strangers.contains(&payload) {
                self.strangers.push_back(payload);
                if self.strangers.len() > limits::STRANGERS {
                    self.strangers.pop_front();
                }
                notices.push(Notice::Stranger(Box::new(judged.found.clone())));
            }
        }
        let same = |judged: &&Judged| judged.truth == Truth::Same;
        // What we rely on of somebody else's may have moved, or be gone.
        let (poll, mut gone) = (self.pace.poll, Vec::new());
        for flight in self.flights.iter_mut().filter(|flight| {
            flight.by.is_some() && flight.payload.first() == first && flight.last() == last
        }) {
            flight.check_at = now.saturating_add(poll);
            flight.suspect = false;
            let there =
                all.iter().filter(same).find(|judged| judged.found.payload == flight.payload);
            match there {
                Some(judged) => flight.standing = Flight::foreign(&judged.found, now).standing,
                None => gone.push(flight.payload),
            }
        }
        for payload in gone {
            self.write(&Record::Undone { last: payload.last(), dropped: true })?;
            self.flights.retain(|flight| flight.payload != payload);
            self.looked = None;
            self.suspect_all(now);
            notices.push(Notice::Undone(payload));
        }
        while let Some((queued, _)) = self.queued() {
            let covers = |judged: &&Judged| judged.found.payload.covers(queued);
            let Some(judged) = all.iter().filter(same).find(covers) else { break };
            let known =
                self.flights.iter().any(|flight| flight.last() == judged.found.payload.last());
            if known || self.flights.len() >= limits::FLIGHTS {
                break;
            }
            let mut flight = Flight::foreign(&judged.found, now);
            flight.check_at = now.saturating_add(poll);
            if !flight.is_final() {
                let (payload, point) = (flight.payload, judged.found.point);
                self.write(&Record::Included { payload, point, by: flight.by.clone() })?;
            }
            notices.push(Notice::Included(flight.clone()));
            self.flights.push(flight);
        }
        self.looked = Some((first, last));
        Ok(())
    }

    fn prepared(
        &mut self,
        now: u64,
        payload: &AnchorPayload,
        prepared: Prepared,
        replaces: bool,
        notices: &mut Vec<Notice>,
    ) -> Result<(), OutboxError> {
        if prepared.bytes.len() > limits::TRANSACTION_BYTES {
            let error = AnchorError::Refused(Reason::new("the transaction is too large to keep"));
            return self.failed(now, None, error, notices);
        }
        self.succeeded();
        self.released(notices);
        self.looked = None;
        // On the medium before anybody sees it.
        self.write(&Record::Prepared { payload: *payload, prepared: prepared.clone() })?;
        notices.push(Notice::Prepared(*payload, prepared.clone()));
        match self.flight_mut(payload.last()).filter(|_| replaces) {
            Some(flight) => {
                flight.attempts.push(prepared);
                flight.standing = Standing::Absent;
                (flight.replace, flight.pending_since) = (false, None);
            }
            None => self.flights.push(Flight::own(*payload, prepared)),
        }
        self.flights.sort_by_key(|flight| flight.payload.first());
        Ok(())
    }

    fn submitted(
        &mut self,
        now: u64,
        prepared: &Prepared,
        result: Result<(), AnchorError>,
        notices: &mut Vec<Notice>,
    ) -> Result<(), OutboxError> {
        let position = self.flights.iter().position(|flight| flight.attempts.contains(prepared));
        let Some(at) = position else { return Ok(()) };
        let last = self.flights.get(at).map(Flight::last);
        match result {
            Ok(()) => {
                self.succeeded();
                self.released(notices);
                self.write(&Record::Submitted { transaction: prepared.id })?;
                if let Some(flight) = self.flights.get_mut(at) {
                    flight.standing = Standing::Pending;
                    flight.pending_since.get_or_insert(now);
                    flight.check_at = now.saturating_add(self.pace.poll);
                }
                Ok(())
            }
            // Not included is not refused: a higher bid is, or the chain has it already. It is asked which.
            Err(error @ AnchorError::Underpriced(_)) => {
                if let Some(flight) = self.flights.get_mut(at) {
                    flight.replace = flight.attempts.len() < limits::ATTEMPTS;
                }
                self.failed(now, last, error, notices)
            }
            Err(error) => self.failed(now, last, error, notices),
        }
    }

    fn stands_as(
        &mut self,
        now: u64,
        last: Epoch,
        status: Status,
        notices: &mut Vec<Notice>,
    ) -> Result<(), OutboxError> {
        self.succeeded();
        let pace = self.pace;
        let Some(flight) = self.flight_mut(last) else { return Ok(()) };
        let (before, payload) = (flight.standing, flight.payload);
        flight.check_at = now.saturating_add(pace.poll);
        flight.suspect = false;
        let mut records = Vec::new();
        let undone =
            flight.is_included() && !matches!(status, Status::Included(_) | Status::Final(_));
        if undone {
            flight.pending_since = None;
            records.push(Record::Undone { last, dropped: status == Status::Dead });
            notices.push(Notice::Undone(payload));
        }
        match status {
            Status::Absent => {
                flight.standing = Standing::Absent;
            }
            Status::Pending => {
                flight.standing = Standing::Pending;
                let since = *flight.pending_since.get_or_insert(now);
                let more = flight.attempts.len() < limits::ATTEMPTS;
                flight.replace |= more && now.saturating_sub(since) >= pace.replace;
            }
            Status::Included(point) => {
                (flight.standing, flight.replace) = (Standing::Included(point), false);
                flight.pending_since = None;
                if before != flight.standing {
                    notices.push(Notice::Included(flight.clone()));
                    records.push(Record::Included { payload, point, by: None });
                }
            }
            // Recorded as it is passed.
            Status::Final(point) => {
                (flight.standing, flight.replace) = (Standing::Final(point), false)
            }
            Status::Dead => {
                if records.is_empty() {
                    records.push(Record::Undone { last, dropped: true });
                }
                self.drop_flight(last);
                self.looked = None;
                self.deaths = self.deaths.saturating_add(1);
            }
        }
        if undone {
            self.suspect_all(now);
        }
        for record in records {
            self.write(&record)?;
        }
        if self.deaths >= limits::DEATHS {
            let reason =
                "transactions are included without effect, or dropped, one after the other";
            return self.failed(now, None, AnchorError::Refused(Reason::new(reason)), notices);
        }
        Ok(())
    }

    /// After one block is gone others may be: every anchor is looked at again.
    fn suspect_all(&mut self, now: u64) {
        for flight in self.flights.iter_mut().filter(|flight| flight.is_included()) {
            (flight.suspect, flight.check_at) = (true, now);
        }
    }

    /// Records what became final, in order.
    pub(super) fn settle(&mut self, notices: &mut Vec<Notice>) -> Result<(), OutboxError> {
        let told = self.history.back().map(Flight::last);
        self.pass();
        let fresh = self.history.iter().rev().take_while(|flight| Some(flight.last()) != told);
        let mut fresh: Vec<Flight> = fresh.cloned().collect();
        fresh.reverse();
        for flight in fresh {
            let Standing::Final(point) = flight.standing else { continue };
            self.deaths = 0;
            self.write(&Record::Settled { payload: flight.payload, point, by: flight.by.clone() })?;
            notices.push(Notice::Settled(flight));
        }
        Ok(())
    }

    /// Sorts an error by who can mend it. `last` names the anchor that it is about, if it is about one.
    fn failed(
        &mut self,
        now: u64,
        last: Option<Epoch>,
        error: AnchorError,
        notices: &mut Vec<Notice>,
    ) -> Result<(), OutboxError> {
        let transient = error.is_transient();
        self.looked = None;
        let wait = if transient {
            self.failures = self.failures.saturating_add(1);
            notices.push(Notice::Failed(error.clone()));
            match error {
                AnchorError::RateLimited { wait: Some(wait), .. } => {
                    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).min(self.pace.back_off.1)
                }
                _ => self.back_off(),
            }
        } else if error.is_permanent() {
            let parked = (error.kind().to_owned(), Reason::new(error.to_string()));
            if self.parked.is_none() {
                let (kind, reason) = parked.clone();
                self.write(&Record::Parked { kind, reason })?;
                self.parked = Some(parked);
                notices.push(Notice::Parked(error));
            }
            self.pace.held
        } else {
            if !self.held {
                self.held = true;
                notices.push(Notice::Held(error));
            }
            self.pace.held
        };
        let until = now.saturating_add(wait);
        self.not_before = self.not_before.max(until);
        // The chain is asked before anything is sent a second time: it may have arrived although the line broke.
        if let Some(flight) = last.and_then(|last| self.flight_mut(last)) {
            flight.check_at = until;
            if flight.standing == Standing::Absent {
                flight.standing = Standing::Unknown;
            }
        } else if transient {
            for flight in &mut self.flights {
                flight.check_at = flight.check_at.max(until);
            }
        }
        Ok(())
    }

    fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Something was paid for, or is about to be.
    fn released(&mut self, notices: &mut Vec<Notice>) {
        if std::mem::take(&mut self.held) {
            notices.push(Notice::Released);
        }
    }

    pub(super) fn retry(&mut self, now: u64) -> Result<(), OutboxError> {
        if self.parked.take().is_some() {
            self.write(&Record::Resumed)?;
        }
        (self.failures, self.deaths, self.not_before) = (0, 0, now);
        for flight in &mut self.flights {
            flight.check_at = now;
        }
        Ok(())
    }

    /// Doubles with every failure, and is between half and all of that, so that many nodes do not come back at once.
    fn back_off(&mut self) -> u64 {
        let (first, most) = self.pace.back_off;
        let doubled = first.saturating_mul(1_u64 << self.failures.saturating_sub(1).min(30));
        let wait = doubled.min(most).max(1);
        // Splitmix: good enough to spread, and needs no state but a number.
        self.entropy = self.entropy.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.entropy;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^= mixed >> 27;
        let half = wait / 2;
        half.saturating_add(mixed.checked_rem(wait.saturating_sub(half).max(1)).unwrap_or(0))
    }
}
