//! A node's settings: flag, then environment, then `node.toml`, then default.
//!
//! [`Config`] cannot be invalid: [`resolve`] is its only maker and checks everything once. What it
//! made of which source is in [`Config::shown`], for `ganglion config show`.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use multiaddr::{Multiaddr, Protocol};
use toml_edit::Item;

use crate::document::{Field, Notes, Problem, Section, comment};
use crate::fault::{Curable, Fault};
use crate::files::{self, FileError};
use crate::home::Home;
use crate::keys::{KeyKind, PasswordSource, Prompt};

/// The file in the data directory.
pub const FILE_NAME: &str = "node.toml";
/// The node's copy of its manifest.
pub const MANIFEST_NAME: &str = "subnet.toml";
const BYTES_MAX: u64 = 256 * 1024;

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

const MANIFEST: Setting = setting!(
    "manifest",
    "GANGLION_MANIFEST",
    false,
    "path",
    "a readable file",
    "\"subnet.toml\"",
    "The subnet's manifest."
);
const HOTKEY: Setting = setting!(
    "hotkey",
    "GANGLION_HOTKEY",
    false,
    "name or path",
    "a hotkey file",
    "\"default\"",
    "The key that signs this node's work: a name in HOME/keys/hotkeys, or the path of a file."
);
const PASSWORD_FILE: Setting = setting!(
    "password_file",
    "GANGLION_PASSWORD_FILE",
    false,
    "path",
    "a file with mode 0600",
    "",
    "File with the hotkey's password in its first line. Without one a person is asked, if there is \
     a terminal and the key is encrypted."
);
const LISTEN: Setting = setting!(
    "listen",
    "GANGLION_LISTEN",
    true,
    "multiaddr",
    "1 to 8 TCP addresses",
    "[\"/ip4/127.0.0.1/tcp/7800\"]",
    "Where other nodes can connect. The default is reachable from this machine only; use \
     /ip4/0.0.0.0/tcp/7800 to be reachable from others. Port 0 takes a free one."
);
const EXTERNAL: Setting = setting!(
    "external",
    "GANGLION_EXTERNAL",
    true,
    "multiaddr",
    "0 to 8 TCP addresses",
    "[]",
    "Addresses to tell others, where they differ from those listened on: behind NAT, or with DNS."
);
const BOOTNODES: Setting = setting!(
    "bootnodes",
    "GANGLION_BOOTNODES",
    true,
    "multiaddr with /p2p/PEER",
    "0 to 32 addresses",
    "[]",
    "Nodes to ask for others at the first start. Later the node knows its peers itself."
);
const API: Setting = setting!(
    "api",
    "GANGLION_API",
    false,
    "address:port",
    "an address of this machine",
    "\"127.0.0.1:7880\"",
    "Where the HTTP API and /metrics are served. It has no passwords: think before you open it to \
     others. Port 0 takes a free one."
);
const LOG_LEVEL: Setting = setting!(
    "log_level",
    "GANGLION_LOG",
    false,
    "filter",
    "error, warn, info, debug, trace, or target=level pairs",
    "\"info\"",
    "What is logged to standard error."
);
const LOG_FORMAT: Setting = setting!(
    "log_format",
    "GANGLION_LOG_FORMAT",
    false,
    "word",
    "pretty or json",
    "\"pretty\"",
    "How it is logged."
);
const WORKER: Setting = setting!(
    "worker",
    "GANGLION_WORKER",
    false,
    "name",
    "auto, or 1 to 64 of a-z, 0-9 and -",
    "\"auto\"",
    "Built-in worker: a miner's model or a validator's scorer. auto takes the scorer that the \
     manifest names."
);
const WORKER_COMMAND: Setting = setting!(
    "worker_command",
    "GANGLION_WORKER_COMMAND",
    false,
    "command line",
    "a program and its arguments",
    "",
    "Program to run as worker in place of a built-in one; it speaks JSON-RPC lines on standard \
     input and output (docs/spec/worker.md)."
);
const MAX_CONNECTIONS: Setting = setting!(
    "max_connections",
    "GANGLION_MAX_CONNECTIONS",
    false,
    "connections",
    "4 to 4096",
    "128",
    "Connections to other nodes at most."
);
const METRICS_UIDS: Setting = setting!(
    "metrics_uids",
    "GANGLION_METRICS_UIDS",
    false,
    "uids",
    "0 to 4096",
    "256",
    "How many uids have metrics of their own; the rest is left out, to spare the monitoring system."
);

/// Every setting, in the order of the file.
pub const SETTINGS: [Setting; 13] = [
    MANIFEST,
    HOTKEY,
    PASSWORD_FILE,
    LISTEN,
    EXTERNAL,
    BOOTNODES,
    API,
    LOG_LEVEL,
    LOG_FORMAT,
    WORKER,
    WORKER_COMMAND,
    MAX_CONNECTIONS,
    METRICS_UIDS,
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
}

impl ConfigArgs {
    /// The data directory.
    ///
    /// # Errors
    /// When the node's name is no directory name.
    pub fn data_dir(&self, home: &Home) -> Result<PathBuf, crate::keys::KeyError> {
        self.data_dir.clone().map_or_else(|| home.node(&self.node), Ok)
    }

    fn given(&self, key: &str) -> Vec<String> {
        let one = |value: &Option<String>| value.iter().cloned().collect();
        match key {
            "manifest" => one(&self.manifest),
            "hotkey" => one(&self.hotkey),
            "password_file" => one(&self.password_file),
            "listen" => self.listen.clone(),
            "external" => self.external.clone(),
            "bootnodes" => self.bootnodes.clone(),
            "api" => one(&self.api),
            "log_level" => one(&self.log_level),
            "log_format" => one(&self.log_format),
            "worker" => one(&self.worker),
            "worker_command" => one(&self.worker_command),
            "max_connections" => one(&self.max_connections),
            "metrics_uids" => one(&self.metrics_uids),
            _ => Vec::new(),
        }
    }
}

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
    fn fault(&self) -> Fault {
        match self {
            Self::File(error) => error.fault(),
            Self::Key(error) => error.fault(),
            Self::Problems(_) => Fault::Input,
        }
    }

    fn cure(&self) -> Option<String> {
        match self {
            Self::File(error) => error.cure(),
            Self::Key(error) => error.cure(),
            Self::Problems(list) => list.first().and_then(|(_, cure)| cure.clone()),
        }
    }

    fn each(&self) -> Vec<(String, Option<String>)> {
        match self {
            Self::Problems(list) => list.clone(),
            _ => vec![(self.to_string(), self.cure())],
        }
    }
}

/// Puts the settings together. `env` reads one environment variable.
///
/// Paths in the file are relative to the data directory, all others to the current one. No file is
/// no error: flags and environment may say everything.
///
/// # Errors
/// Every setting that breaks a rule, with its source and the cure.
pub fn resolve(
    args: &ConfigArgs,
    home: &Home,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, ConfigError> {
    let data_dir = args.data_dir(home)?;
    let mut resolver = Resolver::new(args, env, &data_dir)?;
    let r = &mut resolver;
    let manifest = r.one(&MANIFEST, |text| Ok(text.to_owned()));
    let manifest = r.path(&MANIFEST, manifest);
    let hotkey = r.key(&HOTKEY, home);
    let password_file = r.one(&PASSWORD_FILE, |text| Ok(text.to_owned()));
    let password_file = r.path(&PASSWORD_FILE, password_file);
    let listen = r.list(&LISTEN, 1, 8, |text| address(text, false));
    let external = r.list(&EXTERNAL, 0, 8, |text| address(text, false));
    let bootnodes = r.list(&BOOTNODES, 0, 32, |text| address(text, true));
    let api =
        r.one(&API, |text| text.parse().map_err(|_| "must be an IP address and a port".to_owned()));
    let log_level = r.one(&LOG_LEVEL, |text| {
        let filter = tracing_subscriber::EnvFilter::try_new(text);
        filter.map(|_| text.to_owned()).map_err(|error| format!("is no log filter: {error}"))
    });
    let log_format = r.one(&LOG_FORMAT, |text| match text {
        "pretty" => Ok(LogFormat::Pretty),
        "json" => Ok(LogFormat::Json),
        _ => Err("must be pretty or json".into()),
    });
    let worker = r.worker();
    let max_connections = r.one(&MAX_CONNECTIONS, |text| number(text, 4, 4_096));
    let metrics_uids = r.one(&METRICS_UIDS, |text| number(text, 0, 4_096));

    let Resolver { problems, shown, .. } = resolver;
    if !problems.is_empty() {
        return Err(ConfigError::Problems(problems));
    }
    let unsaid = "a setting without a value has noted a problem";
    Ok(Config {
        data_dir,
        manifest: manifest.expect(unsaid),
        hotkey: hotkey.expect(unsaid),
        password: password_file
            .map_or(PasswordSource::Ask(Prompt::OnTerminal), PasswordSource::File),
        listen,
        external,
        bootnodes,
        api: api.expect(unsaid),
        log_level: log_level.expect(unsaid),
        log_format: log_format.expect(unsaid),
        worker: worker.expect(unsaid),
        max_connections: max_connections.expect(unsaid),
        metrics_uids: metrics_uids.expect(unsaid),
        shown,
    })
}

/// The values of the file, by key.
type FileValues = Vec<(&'static str, usize, Vec<String>)>;

struct Resolver<'a> {
    args: &'a ConfigArgs,
    env: &'a dyn Fn(&str) -> Option<String>,
    data_dir: &'a Path,
    file: FileValues,
    problems: Vec<(String, Option<String>)>,
    shown: Vec<Shown>,
}

impl<'a> Resolver<'a> {
    fn new(
        args: &'a ConfigArgs,
        env: &'a dyn Fn(&str) -> Option<String>,
        data_dir: &'a Path,
    ) -> Result<Self, ConfigError> {
        let path = data_dir.join(FILE_NAME);
        let (file, problems) = match files::read_text(&path, BYTES_MAX) {
            Ok(text) => read_file(&path, &text),
            Err(FileError::Missing { .. }) => (Vec::new(), Vec::new()),
            Err(error) => return Err(error.into()),
        };
        Ok(Self { args, env, data_dir, file, problems, shown: Vec::new() })
    }

    /// The texts of a setting and where they came from; notes them to be shown.
    fn texts(&mut self, setting: &Setting) -> (Vec<String>, Source) {
        let key = setting.field.key;
        let flag = self.args.given(key);
        let env = (self.env)(setting.env).filter(|value| !value.is_empty());
        let file = self.file.iter().find(|(name, ..)| *name == key);
        let (values, source) = if !flag.is_empty() {
            (flag, Source::Flag(key))
        } else if let Some(value) = env {
            let values = match setting.many {
                true => value.split(',').map(|part| part.trim().to_owned()).collect(),
                false => vec![value],
            };
            (values, Source::Environment(setting.env))
        } else if let Some((_, line, values)) = file {
            let path = self.data_dir.join(FILE_NAME);
            (values.clone(), Source::File { path, line: *line })
        } else {
            (default_values(setting), Source::Default)
        };
        let shown = Shown {
            key,
            values: values.clone(),
            many: setting.many,
            path: None,
            source: source.clone(),
        };
        self.shown.push(shown);
        (values, source)
    }

    fn one<T>(
        &mut self,
        setting: &Setting,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let (values, source) = self.texts(setting);
        let text = values.first()?;
        parse(text).map_err(|rule| self.problem(setting, &source, text, &rule)).ok()
    }

    fn list<T>(
        &mut self,
        setting: &Setting,
        least: usize,
        most: usize,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let (values, source) = self.texts(setting);
        if !(least..=most).contains(&values.len()) {
            let rule = format!("must be {}", setting.field.bounds);
            self.problem(setting, &source, &values.join(","), &rule);
        }
        let mut parsed = Vec::new();
        for text in &values {
            match parse(text) {
                Ok(value) => parsed.push(value),
                Err(rule) => self.problem(setting, &source, text, &rule),
            }
        }
        parsed
    }

    /// A path of the file or a default is relative to the data directory.
    fn path(&mut self, setting: &Setting, text: Option<String>) -> Option<PathBuf> {
        let shown = self.shown.iter_mut().rfind(|shown| shown.key == setting.field.key)?;
        let path = match shown.source {
            Source::File { .. } | Source::Default => self.data_dir.join(text?),
            Source::Flag(_) | Source::Environment(_) => PathBuf::from(text?),
        };
        shown.path = Some(path.clone());
        Some(path)
    }

    /// A key's name stands for a file at home, a key's path is one like any other.
    fn key(&mut self, setting: &Setting, home: &Home) -> Option<PathBuf> {
        let mut name = String::new();
        let found = self.one(setting, |text| {
            name = text.to_owned();
            home.find_key(KeyKind::Hotkey, text).map_err(|error| error.to_string())
        })?;
        if found == Path::new(&name) {
            return self.path(setting, Some(name));
        }
        if let Some(shown) = self.shown.last_mut() {
            shown.path = Some(found.clone());
        }
        Some(found)
    }

    fn last_value(&self, setting: &Setting) -> String {
        let shown = self.shown.iter().rfind(|shown| shown.key == setting.field.key);
        shown.and_then(|shown| shown.values.first().cloned()).unwrap_or_default()
    }

    /// A built-in worker and a command exclude each other; the stronger source wins, and within one
    /// source it is a contradiction.
    fn worker(&mut self) -> Option<Worker> {
        let builtin = self.one(&WORKER, |text| {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            match (1..=64).contains(&text.len()) && text.chars().all(plain) {
                true => Ok(text.to_owned()),
                false => Err("must be auto or the name of a built-in worker".into()),
            }
        });
        let (builtin_source, builtin_text) =
            (self.shown.last()?.source.clone(), self.last_value(&WORKER));
        let (words, command_source) = self.texts(&WORKER_COMMAND);
        let words = match &words[..] {
            [line] => split_words(line),
            words => Some(words.to_vec()),
        };
        let Some(words) = words else {
            let text = self.last_value(&WORKER_COMMAND);
            self.problem(&WORKER_COMMAND, &command_source, &text, "has an open quote");
            return None;
        };
        let builtin = match builtin?.as_str() {
            "auto" => Worker::Auto,
            name => Worker::Builtin(name.to_owned()),
        };
        if words.is_empty() || rank(&builtin_source) < rank(&command_source) {
            return Some(builtin);
        }
        if rank(&builtin_source) == rank(&command_source) && builtin != Worker::Auto {
            let rule = "cannot stand beside worker_command";
            self.problem(&WORKER, &builtin_source, &builtin_text, rule);
            return None;
        }
        Some(Worker::Command(words))
    }

    fn problem(&mut self, setting: &Setting, source: &Source, text: &str, rule: &str) {
        let field = &setting.field;
        let cure = match field.default {
            "" => format!("Write {}: {}.", field.unit, field.bounds),
            default => format!("Write {}: {}. Default: {default}.", field.unit, field.bounds),
        };
        self.problems.push((format!("{source}: {} = {text:?}: {rule}", field.key), Some(cure)));
    }
}

/// The strongest source first.
const fn rank(source: &Source) -> u8 {
    match source {
        Source::Flag(_) => 0,
        Source::Environment(_) => 1,
        Source::File { .. } => 2,
        Source::Default => 3,
    }
}

fn read_file(path: &Path, text: &str) -> (FileValues, Vec<(String, Option<String>)>) {
    let name = path.display().to_string();
    let (document, mut notes) = match Notes::parse(&name, text) {
        Ok(parsed) => parsed,
        Err(problems) => return (Vec::new(), problems.each()),
    };
    let mut root = Section::root(&document);
    let mut values = Vec::new();
    for setting in &SETTINGS {
        let many = setting.many || setting.field.key == "worker_command";
        let texts = root.read(&mut notes, &setting.field, |found| texts_of(found, many));
        if let Some(texts) = texts {
            values.push((setting.field.key, notes.line_of(setting.field.key), texts));
        }
    }
    root.finish(&mut notes);
    let problems = notes.into_problems(&name);
    let each = |one: &Problem| (format!("{name}:{one}"), Some(one.cure.clone()));
    (values, problems.list.iter().map(each).collect())
}

fn texts_of(item: &Item, many: bool) -> Result<Vec<String>, String> {
    if let Some(text) = item.as_str() {
        return Ok(vec![text.to_owned()]);
    }
    if let Some(number) = item.as_integer() {
        return Ok(vec![number.to_string()]);
    }
    let rule = match many {
        true => "must be text in quotes or a list of texts",
        false => "must be text in quotes or a whole number",
    };
    match item.as_array().filter(|_| many) {
        Some(list) => list
            .iter()
            .map(|one| one.as_str().map(Into::into).ok_or_else(|| rule.to_owned()))
            .collect(),
        None => Err(rule.into()),
    }
}

fn default_values(setting: &Setting) -> Vec<String> {
    let text = format!("value = {}", setting.field.default);
    let document = toml_edit::Document::parse(text).ok();
    let item = document.as_ref().and_then(|document| document.get("value"));
    item.and_then(|item| texts_of(item, true).ok()).unwrap_or_default()
}

fn number(text: &str, least: u32, most: u32) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("must be a whole number from {least} to {most}"))
}

/// TCP over IP or DNS, with a peer id at the end where one is needed.
fn address(text: &str, with_peer: bool) -> Result<Address, String> {
    let rule = match with_peer {
        true => "must look like /ip4/203.0.113.7/tcp/7800/p2p/12D3Koo...",
        false => "must look like /ip4/203.0.113.7/tcp/7800 or /dns/node.example.org/tcp/7800",
    };
    let address: Multiaddr = text.parse().map_err(|error| format!("{rule}: {error}"))?;
    let parts: Vec<Protocol<'_>> = address.iter().collect();
    let fits = match &parts[..] {
        [host, Protocol::Tcp(_)] if !with_peer => is_host(host),
        [host, Protocol::Tcp(port), Protocol::P2p(_)] if with_peer => is_host(host) && *port != 0,
        _ => false,
    };
    if fits { Ok(Address(address.to_string())) } else { Err(rule.into()) }
}

const fn is_host(part: &Protocol<'_>) -> bool {
    use Protocol::{Dns, Dns4, Dns6, Ip4, Ip6};
    matches!(part, Ip4(_) | Ip6(_) | Dns(_) | Dns4(_) | Dns6(_))
}

/// Splits a command line as a POSIX shell splits words: quotes and backslashes, nothing else.
/// `None` for an open quote.
fn split_words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), close) if open == close => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().push(letters.next()?),
            (None, space) if space.is_whitespace() => words.extend(word.take()),
            (_, letter) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

fn flag_name(key: &str) -> String {
    if key == "bootnodes" { "bootnode".into() } else { key.replace('_', "-") }
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Case {
        dir: tempfile::TempDir,
        args: ConfigArgs,
        env: Vec<(&'static str, String)>,
    }

    impl Case {
        fn new(file: &str) -> Self {
            let dir = tempfile::tempdir().unwrap();
            if !file.is_empty() {
                std::fs::write(dir.path().join(FILE_NAME), file).unwrap();
            }
            let args = ConfigArgs { data_dir: Some(dir.path().into()), ..ConfigArgs::default() };
            Self { dir, args, env: Vec::new() }
        }

        fn resolve(&self) -> Result<Config, ConfigError> {
            let env = |name: &str| {
                self.env.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone())
            };
            resolve(&self.args, &Home::new(Some("/h".into())), &env)
        }

        fn problems(&self) -> Vec<String> {
            let dir = format!("{}/", self.dir.path().display());
            let problems = self.resolve().unwrap_err().each();
            problems.into_iter().map(|(sentence, _)| sentence.replace(&dir, "")).collect()
        }

        fn source(&self, key: &str) -> String {
            let config = self.resolve().unwrap();
            let shown = config.shown().iter().find(|shown| shown.key == key).unwrap();
            let dir = format!("{}/", self.dir.path().display());
            format!("{} from {}", shown.values.join(","), shown.source).replace(&dir, "")
        }
    }

    #[test]
    fn without_a_word_the_defaults_hold() {
        let case = Case::new("");
        let config = case.resolve().unwrap();
        assert_eq!(config.manifest, case.dir.path().join("subnet.toml"));
        assert_eq!(config.hotkey, Path::new("/h/keys/hotkeys/default.json"));
        assert_eq!(config.listen[0].as_str(), "/ip4/127.0.0.1/tcp/7800");
        assert_eq!(config.api, "127.0.0.1:7880".parse().unwrap());
        assert_eq!((config.max_connections, config.metrics_uids), (128, 256));
        assert_eq!((config.worker, config.log_format), (Worker::Auto, LogFormat::Pretty));
        assert_eq!(config.shown.len(), SETTINGS.len());
        assert!(config.shown.iter().all(|shown| shown.source == Source::Default));
    }

    #[test]
    fn flag_goes_before_environment_before_file_before_default() {
        let mut case = Case::new("\napi = \"127.0.0.1:1\"\n");
        assert_eq!(case.source("api"), "127.0.0.1:1 from node.toml:2");
        case.env.push(("GANGLION_API", "127.0.0.1:2".into()));
        assert_eq!(case.source("api"), "127.0.0.1:2 from environment GANGLION_API");
        case.args.api = Some("127.0.0.1:3".into());
        assert_eq!(case.source("api"), "127.0.0.1:3 from flag --api");
        assert_eq!(case.source("log_level"), "info from default");
    }

    #[test]
    fn paths_of_the_file_lie_in_the_data_directory() {
        let mut case = Case::new("manifest = \"m.toml\"\nhotkey = \"./k.json\"\n");
        let config = case.resolve().unwrap();
        assert_eq!(config.manifest, case.dir.path().join("m.toml"));
        assert_eq!(config.hotkey, case.dir.path().join("./k.json"));
        case.args.manifest = Some("m.toml".into());
        case.args.hotkey = Some("v1".into());
        let config = case.resolve().unwrap();
        assert_eq!(config.manifest, Path::new("m.toml"));
        assert_eq!(config.hotkey, Path::new("/h/keys/hotkeys/v1.json"));
    }

    #[test]
    fn every_wrong_setting_is_named_with_its_source() {
        let mut case = Case::new("bootnode = []\nmax_connections = 3\nlisten = [1]\n");
        case.args.api = Some("here".into());
        case.env.push(("GANGLION_LOG_FORMAT", "xml".into()));
        case.env.push(("GANGLION_BOOTNODES", "/ip4/1.2.3.4/tcp/1, x".into()));
        assert_eq!(
            case.problems(),
            [
                "node.toml:1: bootnode: is no field of this file",
                "node.toml:3: listen: must be text in quotes or a list of texts",
                "environment GANGLION_BOOTNODES: bootnodes = \"/ip4/1.2.3.4/tcp/1\": must look \
                 like /ip4/203.0.113.7/tcp/7800/p2p/12D3Koo...",
                "environment GANGLION_BOOTNODES: bootnodes = \"x\": must look like \
                 /ip4/203.0.113.7/tcp/7800/p2p/12D3Koo...: invalid multiaddr",
                "flag --api: api = \"here\": must be an IP address and a port",
                "environment GANGLION_LOG_FORMAT: log_format = \"xml\": must be pretty or json",
                "node.toml:2: max_connections = \"3\": must be a whole number from 4 to 4096",
            ]
        );
    }

    #[test]
    fn addresses_are_tcp_over_a_host() {
        let peer = "12D3KooWHdiAxVd8uMQR1hGWXccidmfCwLqcMpGwR6QcTP6QRMuD";
        for good in ["/ip4/0.0.0.0/tcp/0", "/ip6/::1/tcp/7800", "/dns/a.example/tcp/1"] {
            assert!(address(good, false).is_ok(), "{good}");
        }
        for bad in ["/ip4/1.2.3.4", "/ip4/1.2.3.4/udp/1", "/tcp/1", "1.2.3.4:5", "/unix/x"] {
            assert!(address(bad, false).is_err(), "{bad}");
        }
        assert!(address(&format!("/ip4/1.2.3.4/tcp/1/p2p/{peer}"), true).is_ok());
        assert!(address(&format!("/ip4/1.2.3.4/tcp/1/p2p/{peer}"), false).is_err());
        assert!(address(&format!("/ip4/1.2.3.4/tcp/0/p2p/{peer}"), true).is_err());
        assert!(address("/ip4/1.2.3.4/tcp/1", true).is_err());
    }

    #[test]
    fn a_worker_command_replaces_a_weaker_builtin_and_contradicts_an_equal_one() {
        let mut case = Case::new("worker = \"knn\"\n");
        assert_eq!(case.resolve().unwrap().worker, Worker::Builtin("knn".into()));
        case.args.worker_command = Some("python3 'my miner.py' --x=\"a b\"".into());
        let words = ["python3", "my miner.py", "--x=a b"].map(String::from).to_vec();
        assert_eq!(case.resolve().unwrap().worker, Worker::Command(words));

        let both = Case::new("worker = \"knn\"\nworker_command = [\"python3\", \"m.py\"]\n");
        assert_eq!(
            both.problems(),
            ["node.toml:1: worker = \"knn\": cannot stand beside worker_command"]
        );
        let mut flag = Case::new("worker_command = \"python3 m.py\"\n");
        flag.args.worker = Some("knn".into());
        assert_eq!(flag.resolve().unwrap().worker, Worker::Builtin("knn".into()));
    }

    #[test]
    fn words_split_as_in_a_shell() {
        for (line, words) in [
            ("", vec![]),
            ("  a  b ", vec!["a", "b"]),
            ("'a b' \"c d\"e ''", vec!["a b", "c de", ""]),
            (r"a\ b '\' \'", vec!["a b", r"\", "'"]),
        ] {
            assert_eq!(split_words(line).unwrap(), words, "{line}");
        }
        assert_eq!(split_words("'a"), None);
        assert_eq!(split_words("a\\"), None);
    }

    #[test]
    fn a_rendered_file_reads_back_and_sets_only_what_was_given() {
        let given = [
            ("hotkey", vec!["v1".to_owned()]),
            ("listen", vec!["/ip4/127.0.0.1/tcp/1".to_owned(), "/ip4/127.0.0.1/tcp/2".to_owned()]),
            ("metrics_uids", vec!["5".to_owned()]),
        ];
        let config = Case::new(&render(&given)).resolve().unwrap();
        assert_eq!((config.listen.len(), config.metrics_uids), (2, 5));
        let set = config.shown().iter().filter(|shown| shown.source != Source::Default);
        assert_eq!(
            set.map(|shown| shown.key).collect::<Vec<_>>(),
            ["hotkey", "listen", "metrics_uids"]
        );
        // The defaults in the comments are the defaults.
        let uncommented = render(&[])
            .lines()
            .filter_map(|line| line.strip_prefix("# ").filter(|line| line.contains(" = ")))
            .filter(|line| !line.contains("..."))
            .collect::<Vec<_>>()
            .join("\n");
        let spelled = Case::new(&uncommented).resolve().unwrap();
        assert_eq!(spelled.shown().iter().filter(|one| one.source != Source::Default).count(), 11);
    }
}
