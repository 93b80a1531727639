//! The bounded queue of calls between handles and the task that owns the child process.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::value::RawValue;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::error::WorkerError;
use super::protocol::Request;

/// What a caller gets back.
pub(crate) type CallResult = Result<Box<RawValue>, WorkerError>;

/// One call that waits to be sent.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) request: Request,
    /// When the caller stops waiting.
    pub(crate) deadline: Instant,
    pub(crate) reply: oneshot::Sender<CallResult>,
}

/// First in, first out. Calls whose caller gave up take no place and are never sent.
#[derive(Debug)]
pub(crate) struct CallQueue {
    calls_max: usize,
    waiting: Mutex<Waiting>,
    added: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    calls: VecDeque<Call>,
    closed: bool,
}

impl CallQueue {
    pub(crate) fn new(calls_max: usize) -> Self {
        Self { calls_max: calls_max.max(1), waiting: Mutex::default(), added: Notify::new() }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Nothing in here panics halfway through a change, so a poisoned queue is still whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, call: Call) -> Result<(), WorkerError> {
        let mut waiting = self.waiting();
        if waiting.closed {
            return Err(WorkerError::Stopped);
        }
        if waiting.calls.len() >= self.calls_max {
            waiting.calls.retain(|call| !call.reply.is_closed());
        }
        if waiting.calls.len() >= self.calls_max {
            return Err(WorkerError::Busy { queue_max: self.calls_max });
        }
        waiting.calls.push_back(call);
        drop(waiting);
        self.added.notify_one();
        Ok(())
    }

    /// The oldest call somebody still waits for.
    pub(crate) fn pop(&self) -> Option<Call> {
        let mut waiting = self.waiting();
        while let Some(call) = waiting.calls.pop_front() {
            if !call.reply.is_closed() {
                return Some(call);
            }
        }
        None
    }

    /// Waits until something may have been added since the last [`Self::pop`]. One waiter only.
    pub(crate) async fn added(&self) {
        self.added.notified().await;
    }

    /// Fails every waiting and every later call with [`WorkerError::Stopped`].
    pub(crate) fn close(&self) {
        let calls = {
            let mut waiting = self.waiting();
            waiting.closed = true;
            std::mem::take(&mut waiting.calls)
        };
        for call in calls {
            // A caller who gave up is not told.
            let _ = call.reply.send(Err(WorkerError::Stopped));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> (Call, oneshot::Receiver<CallResult>) {
        let (reply, result) = oneshot::channel();
        (Call { request: Request::Health {}, deadline: Instant::now(), reply }, result)
    }

    #[tokio::test]
    async fn a_full_queue_refuses_and_an_abandoned_call_frees_its_place() {
        let queue = CallQueue::new(2);
        let (first, first_result) = call();
        let (second, _second_result) = call();
        queue.push(first).expect("room for one");
        queue.push(second).expect("room for two");
        assert_eq!(queue.push(call().0), Err(WorkerError::Busy { queue_max: 2 }));
        drop(first_result);
        let (third, _third_result) = call();
        queue.push(third).expect("the abandoned call made room");
        assert!(queue.pop().is_some());
        assert!(queue.pop().is_some());
        assert!(queue.pop().is_none());
    }

    #[tokio::test]
    async fn closing_fails_waiting_and_later_calls() {
        let queue = CallQueue::new(2);
        let (first, result) = call();
        queue.push(first).expect("room");
        queue.close();
        assert_eq!(result.await.expect("answered").expect_err("failed"), WorkerError::Stopped);
        assert_eq!(queue.push(call().0), Err(WorkerError::Stopped));
    }
}
