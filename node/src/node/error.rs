//! Why a node ends other than as it was asked to, and what its operator can do.

use std::io;
use std::net::SocketAddr;

use ganglion_p2p as p2p;
use ganglion_persist::restart::RestartError;
use ganglion_storage::disk::takes_no_writes;
use ganglion_storage::{OpenError, StoreError};

use crate::fault::{Curable, Fault};
use crate::http::TokenError;
use crate::models;
use crate::snapshots::join::JoinError;

/// What the system calls a device that fails.
const EIO: i32 = 5;
/// The cure for what does not hold.
const DAMAGED: &str = "`ganglion recover --dry-run` says what is damaged and what it would do; without the flag it does that.";
/// The cure for a medium that is full or read-only when a node starts; one that runs waits.
const NO_ROOM: &str = "Make room, or mount it to be written to, and start the node again.";
/// The cure for whatever else: the log knows.
const UNKNOWN: &str = "The log says more; -v logs everything.";
/// The cure for a device that fails. Nothing is written again by this process: after a failed sync nobody knows what is on the medium.
const FAILING: &str = "See what the system's log says of the device (`dmesg`). On a disk that can be trusted again, or with \
                       a copy of the whole data directory on another one (never beside this one), start the node: it \
                       checks all that it reads, and signs with what its agreement log proves. `ganglion db verify` says \
                       what is damaged, `ganglion recover` mends it.";

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

    fn cure(&self) -> Option<String> {
        let cure = match self {
            Self::Open(OpenError::NotInitialised { .. }) => {
                "Create it with `ganglion init --manifest FILE --hotkey NAME --data-dir DIR`."
            }
            Self::Open(OpenError::Locked { .. }) => {
                "Stop the process that holds it, or give this node a data directory of its own."
            }
            Self::Open(OpenError::Newer { .. }) => {
                "Run the newer release: there is no way back to an older format."
            }
            Self::Open(OpenError::Damaged { .. }) => DAMAGED,
            Self::Open(OpenError::Io { source, .. }) => of_the_system(source),
            Self::Store(error) | Self::Restart(RestartError::Store(error)) => of_the_store(error),
            Self::Retired => {
                "Run the key where its history was imported. If it never was: `ganglion keys history \
                 reinstate --yes` with this node's --node or --data-dir."
            }
            Self::Network(p2p::StartError::PortTaken { .. }) => {
                "Stop the process that listens there, or set another address with --listen."
            }
            Self::Api { .. } => {
                "Stop the process that listens there, or set another address with --api."
            }
            Self::Worker(worker) => return worker.cure(),
            Self::Token(error) => return error.cure().or_else(|| Some(UNKNOWN.into())),
            Self::Join(_) => {
                "Take a newer checkpoint, or leave `checkpoint` out to fetch every epoch from genesis."
            }
            Self::Restart(RestartError::NoSnapshot) => {
                "Run `ganglion recover`: it puts what is left aside and begins anew from peers; \
                 --checkpoint makes that short."
            }
            Self::CannotReproduce(_) | Self::Restart(RestartError::Diverged { .. }) => {
                "Keep a copy of the data directory. `ganglion epoch replay EPOCH --dir DIR` executes \
                 all epochs again: if it holds, the tables were damaged, so \
                 `ganglion recover --data-dir DIR` makes them again from the certificate log; if it differs too, this \
                 program is at fault: compare with `ganglion epoch diff EPOCH --dir DIR --with API`, \
                 update it, and report the row."
            }
            Self::Stopped(_) => {
                "Keep the data directory and the log, and compare this epoch with another node's."
            }
            _ => UNKNOWN,
        };
        Some(cure.into())
    }
}

fn of_the_store(error: &StoreError) -> &'static str {
    match error {
        StoreError::Damaged { .. } => DAMAGED,
        _ if error.is_full() => NO_ROOM,
        StoreError::Io { source, .. } => of_the_system(source),
        // Writing has failed, and it was not for want of room.
        StoreError::Database { .. } | StoreError::Poisoned { .. } => FAILING,
        _ => UNKNOWN,
    }
}

fn of_the_system(source: &io::Error) -> &'static str {
    if takes_no_writes(source) {
        NO_ROOM
    } else if source.raw_os_error() == Some(EIO) {
        FAILING
    } else {
        UNKNOWN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_of_a_disk_has_the_cure_that_helps() {
        let io = |code| StoreError::Io {
            path: "/d/watermark".into(),
            source: io::Error::from_raw_os_error(code),
        };
        let database = |full| StoreError::Database { reason: "it says no".into(), full };
        for (error, cure) in [
            (io(5), FAILING),
            (io(28), NO_ROOM),
            (io(30), NO_ROOM),
            (io(13), UNKNOWN),
            (database(false), FAILING),
            (database(true), NO_ROOM),
            (StoreError::Poisoned { first: "fdatasync".into(), full: false }, FAILING),
        ] {
            let error = NodeError::from(error);
            assert_eq!(error.cure().as_deref(), Some(cure), "{error}");
            assert!(matches!(error.fault(), Fault::Environment), "{error}");
        }
        let source = io::Error::from_raw_os_error(28);
        let open = OpenError::Io { path: "/d/state".into(), source };
        assert_eq!(NodeError::from(open).cure().as_deref(), Some(NO_ROOM));
    }
}
