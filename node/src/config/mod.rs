//! A node's settings: flag, then environment, then `node.toml`, then default.
//!
//! [`Config`] cannot be invalid: [`resolve()`] is its only maker and checks everything once. What it
//! made of which source is in [`Config::shown`], for `ganglion config show`.

mod anchor;
mod reach;
mod resolve;
mod settings;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::fault::{Code, Curable, Fault, Told};
use crate::files::FileError;
use crate::keys::PasswordSource;
use crate::snapshots::Checkpoint;

pub use ganglion_p2p::{Nat, Relay};

pub use anchor::{AnchorBackend, AnchorConfig, EvmConfig, SubstrateConfig, SubstratePlace};
pub(crate) use anchor::{contract, genesis};
pub use resolve::resolve;
pub(crate) use resolve::split_words;
pub use settings::{ConfigArgs, SETTINGS, Setting, render};

/// The file in the data directory.
pub const FILE_NAME: &str = "node.toml";
/// The node's copy of its manifest.
pub const MANIFEST_NAME: &str = "subnet.toml";

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A flag of this command.
    Flag(&'static str),
    /// An environment variable.
    Environment(&'static str),
    /// A line of the file.
    File {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// Nowhere.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(key) => write!(f, "flag --{}", flag_name(key)),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value as it is shown, with its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The setting's key.
    pub key: &'static str,
    /// Its values; one, unless the setting takes many.
    pub values: Vec<String>,
    /// Whether the setting takes many values.
    pub many: bool,
    /// The path that a name or relative path stands for.
    pub path: Option<PathBuf>,
    /// Where they came from.
    pub source: Source,
}

/// A multiaddr that was checked when it was read: TCP over IP or DNS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(String);

impl Address {
    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object per line.
    Json,
}

/// Who does the work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Worker {
    /// What the manifest names.
    Auto,
    /// A built-in one, by name.
    Builtin(String),
    /// A program and its arguments, at least one word.
    Command(Vec<String>),
}

/// A node's settings, all checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Directory of the node's data.
    pub data_dir: PathBuf,
    /// The manifest file.
    pub manifest: PathBuf,
    /// The hotkey's file.
    pub hotkey: PathBuf,
    /// Where its password comes from.
    pub password: PasswordSource,
    /// Addresses to listen on, 1 to 8.
    pub listen: Vec<Address>,
    /// Addresses to tell others, at most 8.
    pub external: Vec<Address>,
    /// Whether others can connect to this node.
    pub nat: Nat,
    /// Whether it carries connections of others.
    pub relay: Relay,
    /// Nodes to begin with, each with a peer id, at most 32.
    pub bootnodes: Vec<Address>,
    /// Where HTTP is served.
    pub api: SocketAddr,
    /// What is logged, a `tracing_subscriber::EnvFilter`.
    pub log_level: String,
    /// How it is logged.
    pub log_format: LogFormat,
    /// Who does the work.
    pub worker: Worker,
    /// Connections to other nodes at most.
    pub max_connections: u32,
    /// How many uids have metrics of their own.
    pub metrics_uids: u32,
    /// Cut to trust when joining by a snapshot.
    pub checkpoint: Option<Checkpoint>,
    /// Whether the items of every epoch are kept.
    pub archive: bool,
    /// Epochs between snapshots; 0 for none.
    pub snapshot_every: u64,
    /// A node of the chain that registers participants.
    pub registry_rpc: Option<String>,
    /// Where epochs are anchored.
    pub anchor: AnchorConfig,
    shown: Vec<Shown>,
}

impl Config {
    /// Every setting with its source, in the order of [`SETTINGS`].
    #[must_use]
    pub fn shown(&self) -> &[Shown] {
        &self.shown
    }
}

/// Why settings are refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A node name that is no directory name, or a key name that is no file name.
    #[error(transparent)]
    Key(#[from] crate::keys::KeyError),
    /// Settings that break rules; each sentence begins with the source.
    #[error("{}", .0.iter().map(|(sentence, _)| sentence.as_str()).collect::<Vec<_>>().join("\n"))]
    Problems(Vec<(String, Option<String>)>),
}

impl Curable for ConfigError {
    fn code(&self) -> Code {
        match self {
            Self::File(error) => error.code(),
            Self::Key(error) => error.code(),
            Self::Problems(_) => Code::SETTINGS,
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::File(error) => error.fault(),
            Self::Key(error) => error.fault(),
            Self::Problems(_) => Fault::Input,
        }
    }

    fn cure(&self) -> String {
        match self {
            Self::File(error) => error.cure(),
            Self::Key(error) => error.cure(),
            Self::Problems(_) => self.code().cure().into(),
        }
    }

    fn each(&self) -> Vec<Told> {
        let told = |(sentence, cure): &(String, Option<String>)| {
            let told = Told::new(self.code(), sentence.as_str());
            cure.iter().fold(told, Told::cured)
        };
        match self {
            Self::Problems(list) => list.iter().map(told).collect(),
            _ => vec![self.told()],
        }
    }
}

fn flag_name(key: &str) -> String {
    if key == "bootnodes" { "bootnode".into() } else { key.replace('_', "-") }
}
