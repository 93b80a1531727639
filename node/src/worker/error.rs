//! What can go wrong between a node and its worker.

use std::time::Duration;

use super::protocol::RpcError;

/// Why a call to a worker gave no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorkerError {
    /// As many calls as the queue holds are already waiting.
    #[error("the worker's queue of {queue_max} calls is full")]
    Busy {
        /// Bound of the queue.
        queue_max: usize,
    },
    /// No reply came in time. A later one is dropped.
    #[error("the worker did not answer {method} within {limit:?}")]
    Timeout {
        /// The call.
        method: &'static str,
        /// Time it was given, waiting in the queue included.
        limit: Duration,
    },
    /// The time ran out while the worker was starting or waiting to be restarted.
    #[error("the worker is not ready: {reason}")]
    NotReady {
        /// What it is doing, and why it last failed.
        reason: String,
    },
    /// The worker ended, or was ended for breaking the protocol, before it replied.
    #[error("the worker went down during the call: {reason}")]
    WentDown {
        /// How it ended.
        reason: String,
    },
    /// The worker replied with an error.
    #[error("the worker refused {method}")]
    Refused {
        /// The call.
        method: &'static str,
        /// What it said.
        #[source]
        error: RpcError,
    },
    /// The result does not have the shape the protocol gives it.
    #[error("the worker's result of {method} is malformed: {what}")]
    Malformed {
        /// The call.
        method: &'static str,
        /// The first thing that does not fit.
        what: String,
    },
    /// A payload is longer than the protocol allows.
    #[error("{what} has {bytes} bytes, the limit is {bytes_max}")]
    TooLarge {
        /// Which payload.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// A payload given by the caller is not JSON.
    #[error("{what} is not JSON")]
    NotJson {
        /// Which payload.
        what: &'static str,
    },
    /// The worker was stopped for good.
    #[error("the worker is stopped")]
    Stopped,
}

impl WorkerError {
    /// Whether the same call may succeed later without anyone changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Busy { .. }
            | Self::Timeout { .. }
            | Self::NotReady { .. }
            | Self::WentDown { .. } => true,
            Self::Refused { .. }
            | Self::Malformed { .. }
            | Self::TooLarge { .. }
            | Self::NotJson { .. }
            | Self::Stopped => false,
        }
    }

    /// Label of `ganglion_worker_calls_total`.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Busy { .. } => "busy",
            Self::Timeout { .. } => "timeout",
            Self::NotReady { .. } => "not_ready",
            Self::WentDown { .. } => "went_down",
            Self::Refused { .. } => "refused",
            Self::Malformed { .. } => "malformed",
            Self::TooLarge { .. } => "too_large",
            Self::NotJson { .. } => "not_json",
            Self::Stopped => "stopped",
        }
    }
}
