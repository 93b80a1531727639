//! Puts the settings together.

use std::path::{Path, PathBuf};

use multiaddr::{Multiaddr, Protocol};
use toml_edit::Item;

use super::anchor::socket_url;
use super::settings::*;
use super::{Address, Config, ConfigError, FILE_NAME, LogFormat, Shown, Source, Worker, reach};
use crate::document::{Notes, Problems, Section};
use crate::fault::Curable as _;
use crate::files::{self, FileError};
use crate::home::Home;
use crate::keys::{KeyKind, PasswordSource, Prompt};

/// More than a file of all settings needs.
const BYTES_MAX: u64 = 256 * 1024;

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
    let nat = r.one(&NAT, reach::nat);
    let relay = r.one(&RELAY, reach::relay);
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
    let checkpoint = r.one(&CHECKPOINT, |text| text.parse().map_err(str::to_owned));
    let archive =
        r.one(&ARCHIVE, |text| text.parse().map_err(|_| "must be true or false".to_owned()));
    let snapshot_every = r.one(&SNAPSHOT_EVERY, |text| number(text, 0, 1_000_000));
    let registry_rpc = r.one(&REGISTRY_RPC, socket_url);
    let anchor = r.anchor();

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
        nat: nat.expect(unsaid),
        relay: relay.expect(unsaid),
        bootnodes,
        api: api.expect(unsaid),
        log_level: log_level.expect(unsaid),
        log_format: log_format.expect(unsaid),
        worker: worker.expect(unsaid),
        max_connections: max_connections.expect(unsaid),
        metrics_uids: metrics_uids.expect(unsaid),
        checkpoint,
        archive: archive.expect(unsaid),
        snapshot_every: snapshot_every.expect(unsaid).into(),
        registry_rpc,
        anchor: anchor.expect(unsaid),
        shown,
    })
}

/// The values of the file, by key.
type FileValues = Vec<(&'static str, usize, Vec<String>)>;

pub(super) struct Resolver<'a> {
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
    pub(super) fn texts(&mut self, setting: &Setting) -> (Vec<String>, Source) {
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

    pub(super) fn one<T>(
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
    pub(super) fn path(&mut self, setting: &Setting, text: Option<String>) -> Option<PathBuf> {
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

    /// Where a setting that was read came from.
    pub(super) fn source(&self, setting: &Setting) -> Source {
        let shown = self.shown.iter().rfind(|shown| shown.key == setting.field.key);
        shown.map_or(Source::Default, |shown| shown.source.clone())
    }

    pub(super) fn last_value(&self, setting: &Setting) -> String {
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

    pub(super) fn problem(&mut self, setting: &Setting, source: &Source, text: &str, rule: &str) {
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
        Err(problems) => return (Vec::new(), told(&problems)),
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
    (values, told(&notes.into_problems(&name)))
}

fn told(problems: &Problems) -> Vec<(String, Option<String>)> {
    problems.each().into_iter().map(|one| (one.sentence, Some(one.cure))).collect()
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

pub(super) fn number(text: &str, least: u32, most: u32) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("must be a whole number from {least} to {most}"))
}

/// TCP (or QUIC, where it is built in) over IP or DNS, with a peer id at the end where one is needed.
fn address(text: &str, with_peer: bool) -> Result<Address, String> {
    let rule = match with_peer {
        true => "must look like /ip4/203.0.113.7/tcp/7800/p2p/12D3Koo...",
        false => "must look like /ip4/203.0.113.7/tcp/7800 or /dns/node.example.org/tcp/7800",
    };
    let address: Multiaddr = text.parse().map_err(|error| format!("{rule}: {error}"))?;
    let parts: Vec<Protocol<'_>> = address.iter().collect();
    let (parts, has_peer) = match parts.split_last() {
        Some((Protocol::P2p(_), rest)) => (rest, true),
        _ => (&parts[..], false),
    };
    let fits = match parts {
        [host, Protocol::Tcp(port)] => is_host(host) && (!with_peer || *port != 0),
        [host, Protocol::Udp(port), Protocol::QuicV1] if cfg!(feature = "quic") => {
            is_host(host) && (!with_peer || *port != 0)
        }
        _ => false,
    } && has_peer == with_peer;
    if fits { Ok(Address(address.to_string())) } else { Err(rule.into()) }
}

const fn is_host(part: &Protocol<'_>) -> bool {
    use Protocol::{Dns, Dns4, Dns6, Ip4, Ip6};
    matches!(part, Ip4(_) | Ip6(_) | Dns(_) | Dns4(_) | Dns6(_))
}

/// Splits a command line as a POSIX shell splits words: quotes and backslashes, nothing else.
/// `None` for an open quote.
pub(crate) fn split_words(line: &str) -> Option<Vec<String>> {
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
            problems.into_iter().map(|one| one.sentence.replace(&dir, "")).collect()
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

    #[cfg(feature = "evm")]
    #[test]
    fn anchors_on_an_evm_chain_need_a_node_a_number_and_a_contract() {
        use crate::config::AnchorBackend;
        let case = Case::new("anchor = \"evm\"\nanchor_contract = \"0x12\"\n");
        assert_eq!(
            case.problems(),
            [
                "node.toml:2: anchor_contract = \"0x12\": must be 0x and 40 hexadecimal digits",
                "node.toml:1: anchor_rpc = \"\": is needed for anchor = \"evm\"",
                "node.toml:1: anchor_chain_id = \"\": is needed for anchor = \"evm\"",
            ]
        );
        let contract = "0x".to_owned() + &"ab".repeat(20);
        let case = Case::new(&format!(
            "anchor = \"evm\"\nanchor_rpc = \"http://127.0.0.1:1\"\nanchor_chain_id = 5\n\
             anchor_contract = \"{contract}\"\nanchor_key_file = \"k\"\nanchor_finality = \"12\"\n"
        ));
        let config = case.resolve().unwrap();
        let AnchorBackend::Evm(evm) = config.anchor.backend else { panic!("another chain") };
        assert_eq!((evm.chain_id, evm.contract, evm.final_after), (5, [0xab; 20], Some(12)));
        assert_eq!(evm.key_file, Some(case.dir.path().join("k")));
        assert_eq!(Case::new("anchor = \"else\"\n").problems().len(), 1);
    }

    #[cfg(feature = "substrate")]
    #[test]
    fn anchors_on_a_substrate_chain_need_a_node_a_first_block_and_a_netuid_for_commitments() {
        use crate::config::{AnchorBackend, SubstratePlace};
        let case = Case::new("anchor = \"substrate\"\nanchor_rpc = \"http://127.0.0.1:1\"\n");
        assert_eq!(
            case.problems(),
            [
                "node.toml:2: anchor_rpc = \"http://127.0.0.1:1\": must begin with ws:// or wss://",
                "node.toml:1: anchor_genesis = \"\": is needed for anchor = \"substrate\"",
            ]
        );
        let whole = format!(
            "anchor = \"substrate\"\nanchor_rpc = \"ws://127.0.0.1:1\"\nanchor_genesis = \"0x{}\"\n",
            "45".repeat(32)
        );
        let place = |more: &str| {
            let config = Case::new(&format!("{whole}{more}")).resolve().unwrap();
            let AnchorBackend::Substrate(chain) = config.anchor.backend else { panic!("another") };
            assert_eq!(chain.genesis, [0x45; 32]);
            chain.place
        };
        assert_eq!(place(""), SubstratePlace::Remark);
        let both = "anchor_place = \"both\"\nanchor_netuid = 11\n";
        assert_eq!(place(both), SubstratePlace::Both(11));
        let case = Case::new(&format!("{whole}anchor_place = \"commitment\"\n"));
        assert_eq!(
            case.problems(),
            ["node.toml:1: anchor_netuid = \"\": is needed for anchor = \"substrate\""]
        );
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
        let spelled = spelled.shown().iter().filter(|one| one.source != Source::Default).count();
        let with_default = SETTINGS.iter().filter(|one| !one.field.default.is_empty()).count();
        assert_eq!(spelled, with_default);
    }
}
