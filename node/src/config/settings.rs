//! What can be set, by which names, and the file that says it.

use std::path::PathBuf;

use crate::document::{Field, comment};
use crate::home::Home;

/// One setting: its field in the file, and what it is called elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Key, unit, bounds, default and meaning.
    pub field: Field,
    /// The environment variable.
    pub env: &'static str,
    /// Whether it takes several values, separated by commas in the environment.
    pub many: bool,
}

macro_rules! setting {
    ($key:literal, $env:literal, $many:literal, $unit:literal, $bounds:literal, $default:literal, $about:literal) => {
        Setting {
            field: Field {
                key: $key,
                unit: $unit,
                bounds: $bounds,
                default: $default,
                about: $about,
                origin: "",
            },
            env: $env,
            many: $many,
        }
    };
}

pub(super) const MANIFEST: Setting = setting!(
    "manifest",
    "GANGLION_MANIFEST",
    false,
    "path",
    "a readable file",
    "\"subnet.toml\"",
    "The subnet's manifest."
);
pub(super) const HOTKEY: Setting = setting!(
    "hotkey",
    "GANGLION_HOTKEY",
    false,
    "name or path",
    "a hotkey file",
    "\"default\"",
    "The key that signs this node's work: a name in HOME/keys/hotkeys, or the path of a file."
);
pub(super) const PASSWORD_FILE: Setting = setting!(
    "password_file",
    "GANGLION_PASSWORD_FILE",
    false,
    "path",
    "a file with mode 0600",
    "",
    "File with the hotkey's password in its first line. Without one a person is asked, if there is \
     a terminal and the key is encrypted."
);
pub(super) const LISTEN: Setting = setting!(
    "listen",
    "GANGLION_LISTEN",
    true,
    "multiaddr",
    "1 to 8 TCP addresses",
    "[\"/ip4/127.0.0.1/tcp/7800\"]",
    "Where other nodes can connect. The default is reachable from this machine only; use \
     /ip4/0.0.0.0/tcp/7800 to be reachable from others. Port 0 takes a free one."
);
pub(super) const EXTERNAL: Setting = setting!(
    "external",
    "GANGLION_EXTERNAL",
    true,
    "multiaddr",
    "0 to 8 TCP addresses",
    "[]",
    "Addresses to tell others, where they differ from those listened on: behind NAT, or with DNS."
);
pub(super) const NAT: Setting = setting!(
    "nat",
    "GANGLION_NAT",
    false,
    "word",
    "auto, behind or none",
    "\"auto\"",
    "Whether others can connect to this node. auto asks peers to connect back, over the public internet \
     only; behind says that they cannot, so that it is reached through relays at once; none says that they \
     can."
);
pub(super) const RELAY: Setting = setting!(
    "relay",
    "GANGLION_RELAY",
    false,
    "word",
    "auto, on or off",
    "\"auto\"",
    "Whether peers of this subnet behind NAT are reached through this node. auto does it while others \
     can connect to it."
);
pub(super) const BOOTNODES: Setting = setting!(
    "bootnodes",
    "GANGLION_BOOTNODES",
    true,
    "multiaddr with /p2p/PEER",
    "0 to 32 addresses",
    "[]",
    "Nodes to ask for others at the first start. Later the node knows its peers itself."
);
pub(super) const API: Setting = setting!(
    "api",
    "GANGLION_API",
    false,
    "address:port",
    "an address of this machine",
    "\"127.0.0.1:7880\"",
    "Where the HTTP API and /metrics are served. It has no passwords: think before you open it to \
     others. Port 0 takes a free one."
);
pub(super) const LOG_LEVEL: Setting = setting!(
    "log_level",
    "GANGLION_LOG",
    false,
    "filter",
    "error, warn, info, debug, trace, or target=level pairs",
    "\"info\"",
    "What is logged to standard error."
);
pub(super) const LOG_FORMAT: Setting = setting!(
    "log_format",
    "GANGLION_LOG_FORMAT",
    false,
    "word",
    "pretty or json",
    "\"pretty\"",
    "How it is logged."
);
pub(super) const WORKER: Setting = setting!(
    "worker",
    "GANGLION_WORKER",
    false,
    "name",
    "auto, or 1 to 64 of a-z, 0-9 and -",
    "\"auto\"",
    "Built-in worker: a miner's model or a validator's scorer. auto takes the scorer that the \
     manifest names."
);
pub(super) const WORKER_COMMAND: Setting = setting!(
    "worker_command",
    "GANGLION_WORKER_COMMAND",
    false,
    "command line",
    "a program and its arguments",
    "",
    "Program to run as worker in place of a built-in one; it speaks JSON-RPC lines on standard \
     input and output (docs/spec/worker.md)."
);
pub(super) const MAX_CONNECTIONS: Setting = setting!(
    "max_connections",
    "GANGLION_MAX_CONNECTIONS",
    false,
    "connections",
    "4 to 4096",
    "128",
    "Connections to other nodes at most."
);
pub(super) const METRICS_UIDS: Setting = setting!(
    "metrics_uids",
    "GANGLION_METRICS_UIDS",
    false,
    "uids",
    "0 to 4096",
    "256",
    "How many uids have metrics of their own; the rest is left out, to spare the monitoring system."
);

pub(super) const CHECKPOINT: Setting = setting!(
    "checkpoint",
    "GANGLION_CHECKPOINT",
    false,
    "EPOCH:CUTID or genesis",
    "a cut that you trust",
    "",
    "Join by the newest snapshot of the peers, trusting this cut, in place of fetching every epoch. \
     It counts at the first start only. Take one younger than half the unbonding time from somebody \
     you trust."
);
pub(super) const ARCHIVE: Setting = setting!(
    "archive",
    "GANGLION_ARCHIVE",
    false,
    "word",
    "true or false",
    "\"false\"",
    "Whether to keep the items of every epoch, and to say so to peers."
);
pub(super) const SNAPSHOT_EVERY: Setting = setting!(
    "snapshot_every",
    "GANGLION_SNAPSHOT_EVERY",
    false,
    "epochs",
    "0 to 1000000; 0 keeps none",
    "128",
    "How often a snapshot of the state is kept for peers that join."
);

pub(super) const REGISTRY_RPC: Setting = setting!(
    "registry_rpc",
    "GANGLION_REGISTRY_RPC",
    false,
    "URL",
    "wss://HOST or ws://HOST:PORT",
    "",
    "A node of the chain that registers the subnet's participants, if its manifest names one. A \
     member tells the others what it reads there; without it the node only follows what they tell."
);

pub(super) const ANCHOR: Setting = setting!(
    "anchor",
    "GANGLION_ANCHOR",
    false,
    "word",
    "embedded, evm, substrate or none",
    "\"embedded\"",
    "Where certified epochs are anchored: in a signed log of this node, in a contract of an EVM \
     chain, or on a Substrate chain. See docs/ANCHORS.md. No epoch ever waits for it."
);
pub(super) const ANCHOR_RPC: Setting = setting!(
    "anchor_rpc",
    "GANGLION_ANCHOR_RPC",
    false,
    "URL",
    "https://HOST or http://HOST:PORT of an EVM chain, wss://HOST or ws://HOST:PORT of a Substrate chain",
    "",
    "The chain's node that is asked. Take http:// and ws:// for one on this machine only: elsewhere \
     anybody on the way can read and change what it says, and a node warns of it."
);
pub(super) const ANCHOR_GENESIS: Setting = setting!(
    "anchor_genesis",
    "GANGLION_ANCHOR_GENESIS",
    false,
    "hash",
    "0x and 64 hexadecimal digits",
    "",
    "Hash of the first block of a Substrate chain. A node of another chain is refused."
);
pub(super) const ANCHOR_PLACE: Setting = setting!(
    "anchor_place",
    "GANGLION_ANCHOR_PLACE",
    false,
    "word",
    "remark, commitment or both",
    "\"remark\"",
    "Where on a Substrate chain: in a remark, for a fee; in the hotkey's commitment on a subnet of \
     subtensor, free where it is registered; or in both at once."
);
pub(super) const ANCHOR_NETUID: Setting = setting!(
    "anchor_netuid",
    "GANGLION_ANCHOR_NETUID",
    false,
    "number",
    "0 to 65535",
    "",
    "Number of the subnet on subtensor that commitments are made to."
);
pub(super) const ANCHOR_CHAIN_ID: Setting = setting!(
    "anchor_chain_id",
    "GANGLION_ANCHOR_CHAIN_ID",
    false,
    "number",
    "1 to 4294967295",
    "",
    "Number of the chain. A node of another one is refused before anything is paid."
);
pub(super) const ANCHOR_CONTRACT: Setting = setting!(
    "anchor_contract",
    "GANGLION_ANCHOR_CONTRACT",
    false,
    "address",
    "0x and 40 hexadecimal digits",
    "",
    "The contract GanglionAnchor on that chain. One serves every subnet and every publisher."
);
pub(super) const ANCHOR_KEY_FILE: Setting = setting!(
    "anchor_key_file",
    "GANGLION_ANCHOR_KEY_FILE",
    false,
    "path",
    "a file with mode 0600",
    "",
    "File with the secp256k1 key that pays, 64 hexadecimal digits. Without one anchors are looked \
     for and not made. Keep no more in its account than anchors cost."
);
pub(super) const ANCHOR_FROM_BLOCK: Setting = setting!(
    "anchor_from_block",
    "GANGLION_ANCHOR_FROM_BLOCK",
    false,
    "height",
    "0 to 4294967295",
    "0",
    "Block that made the contract: anchors are looked for from there on."
);
pub(super) const ANCHOR_FEE_CAP: Setting = setting!(
    "anchor_fee_cap",
    "GANGLION_ANCHOR_FEE_CAP",
    false,
    "gwei",
    "1 to 1000000",
    "100",
    "Most per unit of gas. Above it epochs wait, and go as one range when it is cheaper."
);
pub(super) const ANCHOR_FINALITY: Setting = setting!(
    "anchor_finality",
    "GANGLION_ANCHOR_FINALITY",
    false,
    "word or blocks",
    "finalized, or 1 to 100000",
    "\"finalized\"",
    "When an anchor counts as final: when the chain's node says so, or so many blocks later."
);
pub(super) const ANCHOR_EVERY: Setting = setting!(
    "anchor_every",
    "GANGLION_ANCHOR_EVERY",
    false,
    "epochs",
    "1 to 4096",
    "1",
    "Epochs that have to wait before an anchor is made. All that wait go as one."
);
pub(super) const ANCHOR_TAKEOVER: Setting = setting!(
    "anchor_takeover",
    "GANGLION_ANCHOR_TAKEOVER",
    false,
    "seconds",
    "1 to 86400",
    "60",
    "How long this node waits for each validator with more stake to anchor, before it does."
);

/// Every setting, in the order of the file.
pub const SETTINGS: [Setting; 32] = [
    MANIFEST,
    HOTKEY,
    PASSWORD_FILE,
    LISTEN,
    EXTERNAL,
    NAT,
    RELAY,
    BOOTNODES,
    API,
    LOG_LEVEL,
    LOG_FORMAT,
    WORKER,
    WORKER_COMMAND,
    MAX_CONNECTIONS,
    METRICS_UIDS,
    CHECKPOINT,
    ARCHIVE,
    SNAPSHOT_EVERY,
    REGISTRY_RPC,
    ANCHOR,
    ANCHOR_RPC,
    ANCHOR_GENESIS,
    ANCHOR_PLACE,
    ANCHOR_NETUID,
    ANCHOR_CHAIN_ID,
    ANCHOR_CONTRACT,
    ANCHOR_KEY_FILE,
    ANCHOR_FROM_BLOCK,
    ANCHOR_FEE_CAP,
    ANCHOR_FINALITY,
    ANCHOR_EVERY,
    ANCHOR_TAKEOVER,
];

/// Settings from flags. `None` and empty lists were not given.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ConfigArgs {
    /// Name of the node: its data is in HOME/nodes/NAME
    #[arg(long = "node", value_name = "NAME", default_value = "default", env = "GANGLION_NODE")]
    pub node: String,
    /// Directory of the node's data, in place of HOME/nodes/NAME
    #[arg(long, value_name = "DIR", env = "GANGLION_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// The subnet's manifest [default: subnet.toml in the data directory]
    #[arg(long, value_name = "FILE", help_heading = "Settings")]
    pub manifest: Option<String>,
    /// Name of the hotkey, or path of its file [default: default]
    #[arg(long, value_name = "NAME", help_heading = "Settings")]
    pub hotkey: Option<String>,
    /// File with the hotkey's password in its first line
    #[arg(long, value_name = "FILE", help_heading = "Settings")]
    pub password_file: Option<String>,
    /// Multiaddr to listen on; may be repeated [default: /ip4/127.0.0.1/tcp/7800]
    #[arg(long, value_name = "ADDR", help_heading = "Settings")]
    pub listen: Vec<String>,
    /// Multiaddr to tell others; may be repeated
    #[arg(long, value_name = "ADDR", help_heading = "Settings")]
    pub external: Vec<String>,
    /// Whether others can connect here: auto, behind or none [default: auto]
    #[arg(long, value_name = "WORD", help_heading = "Settings")]
    pub nat: Option<String>,
    /// Whether to carry connections of peers behind NAT: auto, on or off [default: auto]
    #[arg(long, value_name = "WORD", help_heading = "Settings")]
    pub relay: Option<String>,
    /// Multiaddr with /p2p/PEER of a node to begin with; may be repeated
    #[arg(long = "bootnode", value_name = "ADDR", help_heading = "Settings")]
    pub bootnodes: Vec<String>,
    /// Where to serve the HTTP API and /metrics [default: 127.0.0.1:7880]
    #[arg(long, value_name = "ADDR:PORT", help_heading = "Settings")]
    pub api: Option<String>,
    /// What to log, such as `debug` or `ganglion_p2p=trace` [default: info]
    #[arg(long, value_name = "FILTER", help_heading = "Settings")]
    pub log_level: Option<String>,
    /// How to log: pretty or json [default: pretty]
    #[arg(long, value_name = "FORMAT", help_heading = "Settings")]
    pub log_format: Option<String>,
    /// Built-in worker [default: auto]
    #[arg(long, value_name = "NAME", help_heading = "Settings", conflicts_with = "worker_command")]
    pub worker: Option<String>,
    /// Program to run as worker, such as 'python3 miner.py'
    #[arg(long, value_name = "COMMAND", help_heading = "Settings")]
    pub worker_command: Option<String>,
    /// Connections to other nodes at most [default: 128]
    #[arg(long, value_name = "COUNT", help_heading = "Settings")]
    pub max_connections: Option<String>,
    /// How many uids have metrics of their own [default: 256]
    #[arg(long, value_name = "COUNT", help_heading = "Settings")]
    pub metrics_uids: Option<String>,
    /// Cut to trust: join by a snapshot of the peers
    #[arg(long, value_name = "EPOCH:CUTID", help_heading = "Settings")]
    pub checkpoint: Option<String>,
    /// Whether to keep the items of every epoch: true or false [default: false]
    #[arg(long, value_name = "BOOL", help_heading = "Settings")]
    pub archive: Option<String>,
    /// How often to keep a snapshot, in epochs; 0 keeps none [default: 128]
    #[arg(long, value_name = "EPOCHS", help_heading = "Settings")]
    pub snapshot_every: Option<String>,
}

impl ConfigArgs {
    /// The data directory.
    ///
    /// # Errors
    /// When the node's name is no directory name.
    pub fn data_dir(&self, home: &Home) -> Result<PathBuf, crate::keys::KeyError> {
        self.data_dir.clone().map_or_else(|| home.node(&self.node), Ok)
    }

    /// What a flag says of a setting.
    pub(super) fn given(&self, key: &str) -> Vec<String> {
        let one = |value: &Option<String>| value.iter().cloned().collect();
        match key {
            "manifest" => one(&self.manifest),
            "hotkey" => one(&self.hotkey),
            "password_file" => one(&self.password_file),
            "listen" => self.listen.clone(),
            "external" => self.external.clone(),
            "nat" => one(&self.nat),
            "relay" => one(&self.relay),
            "bootnodes" => self.bootnodes.clone(),
            "api" => one(&self.api),
            "log_level" => one(&self.log_level),
            "log_format" => one(&self.log_format),
            "worker" => one(&self.worker),
            "worker_command" => one(&self.worker_command),
            "max_connections" => one(&self.max_connections),
            "metrics_uids" => one(&self.metrics_uids),
            "checkpoint" => one(&self.checkpoint),
            "archive" => one(&self.archive),
            "snapshot_every" => one(&self.snapshot_every),
            _ => Vec::new(),
        }
    }
}

/// A commented `node.toml` with the given values; every other setting is there as a comment with its
/// default.
#[must_use]
pub fn render(given: &[(&str, Vec<String>)]) -> String {
    let mut text = String::new();
    comment(
        &mut text,
        "Settings of this node. Flags and environment variables go before them; `ganglion config \
         show` prints what counts and where it comes from. Paths are relative to this directory.",
    );
    for Setting { field, env, many } in &SETTINGS {
        text.push('\n');
        let Field { about, unit, bounds, .. } = field;
        comment(&mut text, &format!("{about} {unit}: {bounds}. Environment: {env}."));
        let values = given.iter().find(|(key, _)| *key == field.key).map(|(_, values)| values);
        match values {
            Some(values) if *many => {
                let list: toml_edit::Array = values.iter().collect();
                text.push_str(&format!("{} = {list}\n", field.key));
            }
            Some(values) => {
                let value = toml_edit::Value::from(values.first().map_or("", String::as_str));
                text.push_str(&format!("{} = {value}\n", field.key));
            }
            None if field.default.is_empty() => {
                text.push_str(&format!("# {} = \"...\"\n", field.key));
            }
            None => text.push_str(&format!("# {} = {}\n", field.key, field.default)),
        }
    }
    text
}
