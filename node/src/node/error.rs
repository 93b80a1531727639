//! Why a node ends other than as it was asked to, and what its operator can do.

use std::io;
use std::net::SocketAddr;

use ganglion_p2p as p2p;
use ganglion_persist::restart::RestartError;
use ganglion_storage::{OpenError, StoreError};

use crate::fault::store::{of_opening, of_the_store};
use crate::fault::{Code, Curable, Fault};
use crate::http::TokenError;
use crate::models;
use ganglion_persist::snapshots::join::JoinError;

/// Why a node could not start, or stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The data directory cannot be used.
    #[error("{0}")]
    Open(#[from] OpenError),
    /// The store failed.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// What the store holds cannot be gone on from.
    #[error("{0}")]
    Restart(#[from] RestartError),
    /// Joining by a snapshot failed.
    #[error("{0}")]
    Join(#[from] JoinError),
    /// The signing history was given away.
    #[error("the signing history of this node was exported: its key may sign elsewhere")]
    Retired,
    /// The network did not start.
    #[error("{0}")]
    Network(#[from] p2p::StartError),
    /// The HTTP address cannot be used.
    #[error("the API cannot listen at {address}: {source}")]
    Api {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The API's token cannot be had.
    #[error("{0}")]
    Token(#[from] TokenError),
    /// A built-in worker that does not exist.
    #[error("{0}")]
    Worker(#[from] models::UnknownBuiltin),
    /// The process cannot do something basic.
    #[error("{what}: {source}")]
    System {
        /// What.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// What was certified cannot be reproduced here.
    #[error("{0}")]
    CannotReproduce(String),
    /// The driver stopped: going on would be wrong.
    #[error("{0}")]
    Stopped(String),
    /// A task ended that should not.
    #[error("the {task} ended: {reason}")]
    Ended {
        /// Which.
        task: &'static str,
        /// Why.
        reason: String,
    },
}

impl Curable for NodeError {
    fn code(&self) -> Code {
        match self {
            Self::Open(error) => of_opening(error),
            Self::Store(error) | Self::Restart(RestartError::Store(error)) => of_the_store(error),
            Self::Restart(RestartError::NoSnapshot) => Code::NO_SNAPSHOT,
            Self::CannotReproduce(_) | Self::Restart(RestartError::Diverged { .. }) => {
                Code::CANNOT_REPRODUCE
            }
            Self::Restart(_) => Code::RESTART_FAILED,
            Self::Join(_) => Code::JOIN_FAILED,
            Self::Retired => Code::RETIRED,
            Self::Network(p2p::StartError::PortTaken { .. }) => Code::PORT_TAKEN,
            Self::Network(_) => Code::NETWORK_START,
            Self::Api { .. } => Code::API_PORT,
            Self::Token(error) => error.code(),
            Self::Worker(worker) => worker.code(),
            Self::System { .. } => Code::SYSTEM_REFUSED,
            Self::Stopped(_) => Code::DRIVER_STOPPED,
            Self::Ended { .. } => Code::TASK_ENDED,
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Worker(_) => Fault::Input,
            Self::Token(error) => error.fault(),
            Self::Restart(RestartError::Diverged { .. }) | Self::CannotReproduce(_) => {
                Fault::Divergence
            }
            Self::Stopped(_) | Self::Ended { .. } => Fault::Check,
            _ => Fault::Environment,
        }
    }

    fn cure(&self) -> String {
        match self {
            Self::Token(error) => error.cure(),
            _ => self.code().cure().into(),
        }
    }
}
