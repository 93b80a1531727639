//! Why there is no testnet.

use std::io;

use crate::fault::{Code, Curable, Fault, Told};
use crate::files::{FileError, shell_word};
use crate::testnet::layout::Layout;
use crate::testnet::setup::{SetupError, State};
use crate::units;
use crate::worker::WorkerError;

/// Why there is no testnet.
#[derive(Debug, thiserror::Error)]
pub enum UpError {
    /// It cannot be set up.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// One runs there.
    #[error("a testnet runs in {dir}: {what}")]
    Running {
        /// The directory.
        dir: String,
        /// Process and nodes.
        what: String,
    },
    /// The directory is somebody else's.
    #[error("{dir} has files in it and no testnet")]
    Foreign {
        /// The directory.
        dir: String,
    },
    /// A model that does not work.
    #[error("{name} cannot mine: {reason}")]
    Model {
        /// The model.
        name: String,
        /// Why not.
        reason: WorkerError,
    },
    /// A node that did not live to see genesis.
    #[error("{name} ended while the testnet was starting: {how}{log}")]
    Ended {
        /// Its name.
        name: String,
        /// How.
        how: String,
        /// Its last words.
        log: String,
    },
    /// A bootnode that does not open its interface.
    #[error("{name} does not answer after {seconds} s")]
    Silent {
        /// Its name.
        name: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The system.
    #[error("cannot {what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What it said.
        source: io::Error,
    },
}

impl From<FileError> for UpError {
    fn from(error: FileError) -> Self {
        Self::Setup(error.into())
    }
}

impl Curable for UpError {
    fn code(&self) -> Code {
        match self {
            Self::Setup(error) => error.code(),
            Self::Running { .. } => Code::TESTNET_RUNNING,
            Self::Foreign { .. } => Code::TESTNET_FOREIGN,
            Self::Model { .. } => Code::TESTNET_MODEL,
            Self::Ended { .. } => Code::TESTNET_NODE_ENDED,
            Self::Silent { .. } => Code::TESTNET_NODE_SILENT,
            Self::System { .. } => Code::TESTNET_SYSTEM,
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Setup(error) => error.fault(),
            Self::Running { .. } | Self::System { .. } => Fault::Environment,
            Self::Foreign { .. } | Self::Model { .. } => Fault::Input,
            Self::Ended { .. } | Self::Silent { .. } => Fault::Check,
        }
    }

    fn cure(&self) -> String {
        match self {
            Self::Setup(error) => error.cure(),
            Self::Running { dir, .. } => {
                let dir = shell_word(dir);
                format!(
                    "Look at it with `ganglion testnet status --dir {dir}`, stop it with Ctrl-C where \
                     it runs or with `ganglion testnet down --dir {dir}`, or start another with --dir."
                )
            }
            Self::Foreign { .. } | Self::System { .. } => self.code().cure().into(),
            Self::Model { name, .. } => {
                format!("Try it alone: `ganglion worker check -- {name}`.")
            }
            Self::Ended { name, .. } | Self::Silent { name, .. } => {
                format!("Read its whole log: `ganglion testnet logs {name} --lines 1000`.")
            }
        }
    }

    fn each(&self) -> Vec<Told> {
        match self {
            Self::Setup(error) => error.each(),
            _ => vec![self.told()],
        }
    }
}

/// What runs in the directory already.
///
/// # Errors
/// When its state cannot be read.
pub(super) fn running(layout: &Layout) -> Result<UpError, UpError> {
    let dir = layout.dir().display().to_string();
    let what = match State::read(layout)? {
        Some(state) if !state.nodes.is_empty() => {
            let runs = state.nodes.iter().filter(|node| node.pid.is_some());
            let names: Vec<&str> = runs.map(|node| node.name.as_str()).collect();
            format!(
                "process {}, since {}, with {} nodes: {}",
                state.pid,
                units::show_time(state.started_ms),
                names.len(),
                names.join(", ")
            )
        }
        _ => "it is being set up".into(),
    };
    Ok(UpError::Running { dir, what })
}
