//! Makes keys, manifest and data directories.

use ganglion_storage::Store;
use ganglion_types::{
    Coldkey, GenesisParticipant, Hotkey, Hyperparameters, Manifest, Phases, Rao, Role as Part,
    TaskSpec,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::behaviour::Behaviour;
use super::layout::Layout;
use super::ports::Ports;
use super::spec::{Model, NodeSpec, Role, Settings, Spec};
use crate::document::{Problem, Problems};
use crate::fault::{Code, Curable, Fault, Told};
use crate::files::{self, Access, FileError};
use crate::home::Home;
use crate::keys::{KeyError, KeyFile, KeyKind, KeyPair, Password, peer_id};
use crate::node::NodeError;
use crate::{config, manifest};

/// What stands in `testnet.json` of one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecord {
    /// Its name.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// A validator's stake at genesis.
    pub stake_rao: crate::api::types::Amount,
    /// What a miner runs.
    pub model: Option<Model>,
    /// What it does.
    #[serde(default)]
    pub behaviour: Behaviour,
    /// SS58.
    pub hotkey: String,
    /// SS58.
    pub coldkey: String,
    /// Port of libp2p on loopback.
    pub p2p_port: u16,
    /// Port of HTTP on loopback.
    pub api_port: u16,
    /// Whether it is in the manifest, or needs to be.
    pub from_genesis: bool,
    /// Process id while it runs.
    pub pid: Option<u32>,
}

impl NodeRecord {
    /// Whether a worker belongs to it: to a scorer, and to a miner that has a model.
    #[must_use]
    pub const fn has_worker(&self) -> bool {
        match self.role {
            Role::Validator => true,
            Role::Miner => self.model.is_some(),
            Role::Bootnode | Role::Observer => false,
        }
    }

    /// What it runs, and how it behaves if it is not honest; empty for most validators.
    #[must_use]
    pub fn does(&self) -> String {
        let model = self.model.as_ref().map(Model::name);
        let behaviour = Some(self.behaviour).filter(|one| *one != Behaviour::Honest);
        match (behaviour, model) {
            (None, model) => model.unwrap_or_default(),
            (Some(behaviour), None) => behaviour.name().into(),
            (Some(behaviour), Some(model)) => format!("{}, {model}", behaviour.name()),
        }
    }

    /// Where its HTTP interface is.
    #[must_use]
    pub fn api(&self) -> String {
        format!("http://127.0.0.1:{}", self.api_port)
    }
}

/// A file in the directory of a testnet's node. Without it no node misbehaves.
pub const MARKER: &str = "testnet-node";

/// Of the state file.
pub const STATE_SCHEMA: &str = "ganglion/testnet-state/1";

/// `testnet.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// `ganglion/testnet-state/1`.
    pub schema: String,
    /// Subnet id.
    pub subnet: String,
    /// The process that runs it, and owns the nodes.
    pub pid: u32,
    /// When it was started, unix milliseconds.
    pub started_ms: u64,
    /// First window, unix milliseconds.
    pub genesis_ms: u64,
    /// Epoch length in milliseconds.
    pub epoch_ms: u64,
    /// The nodes.
    pub nodes: Vec<NodeRecord>,
}

impl State {
    /// Of a testnet that has no nodes yet.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            schema: STATE_SCHEMA.into(),
            subnet: String::new(),
            pid: std::process::id(),
            started_ms: crate::units::now_ms(),
            genesis_ms: 0,
            epoch_ms: 0,
            nodes: Vec::new(),
        }
    }

    /// Reads it, `None` where no testnet was set up.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(layout: &Layout) -> Result<Option<Self>, SetupError> {
        let path = layout.state();
        match files::read_text(&path, 16 * 1024 * 1024) {
            Err(FileError::Missing { .. }) => Ok(None),
            text => serde_json::from_str(&text?)
                .map(Some)
                .map_err(|source| SetupError::State { path: path.display().to_string(), source }),
        }
    }

    /// Writes it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, layout: &Layout) -> Result<(), SetupError> {
        let text = serde_json::to_string_pretty(self).expect("plain data is JSON") + "\n";
        Ok(files::write_whole(&layout.state(), text.as_bytes(), Access::Shared, true)?)
    }
}

/// Why a testnet cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A file or directory.
    #[error(transparent)]
    File(#[from] FileError),
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The manifest that comes of the file.
    #[error(transparent)]
    Manifest(#[from] Problems),
    /// A node's store.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// No free port.
    #[error("this machine gives no free port: {0}")]
    Port(std::io::Error),
    /// The state file was edited or is of another version.
    #[error("{path} is no testnet's state: {source}")]
    State {
        /// The file.
        path: String,
        /// What is wrong.
        source: serde_json::Error,
    },
}

impl Curable for SetupError {
    fn code(&self) -> Code {
        match self {
            Self::File(error) => error.code(),
            Self::Key(error) => error.code(),
            Self::Manifest(error) => error.code(),
            Self::Node(error) => error.code(),
            Self::Port(_) => Code::TESTNET_PORTS,
            Self::State { .. } => Code::TESTNET_STATE,
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::File(error) => error.fault(),
            Self::Key(error) => error.fault(),
            Self::Manifest(error) => error.fault(),
            Self::Node(error) => error.fault(),
            Self::Port(_) => Fault::Environment,
            Self::State { .. } => Fault::Input,
        }
    }

    fn cure(&self) -> String {
        match self {
            Self::File(error) => error.cure(),
            Self::Key(error) => error.cure(),
            Self::Manifest(error) => error.cure(),
            Self::Node(error) => error.cure(),
            Self::Port(_) | Self::State { .. } => self.code().cure().into(),
        }
    }

    fn each(&self) -> Vec<Told> {
        match self {
            Self::Manifest(error) => error.each(),
            _ => vec![self.told()],
        }
    }
}

/// The manifest without participants: defaults and what the file changes.
///
/// # Errors
/// Every rule that the file's values break, with their lines.
pub fn base_manifest(spec: &Spec) -> Result<Manifest, SetupError> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| KeyError::Entropy { reason: error.to_string() })?;
    let stand_in = KeyPair::from_seed(&[1; 32]);
    let base = Manifest {
        name: "testnet".into(),
        salt,
        genesis_time: crate::units::now_ms(),
        epoch_ms: spec.epoch_ms,
        phases: Phases::default(),
        task: TaskSpec::default(),
        hyperparameters: Hyperparameters::default(),
        // Only so that it can be checked before keys are made.
        participants: vec![GenesisParticipant {
            hotkey: stand_in.hotkey(),
            coldkey: stand_in.coldkey(),
            role: Part::Validator,
            stake: Rao::new(Rao::PER_UNIT),
            seed_tail: Some(stand_in.seed_chain_start(0)),
        }],
        accounts: Vec::new(),
        owner: None,
        parent: None,
        registry: None,
    };
    let mut document: toml_edit::DocumentMut =
        manifest::render(&base).parse().expect("a rendered manifest is TOML");
    for one in &spec.overrides {
        document[one.table][one.key] = toml_edit::Item::Value(one.value.clone());
    }
    let file = spec.file.clone().unwrap_or_else(|| "testnet".into());
    manifest::parse(&file, &document.to_string()).map_err(|problems| {
        let list = problems.list.into_iter().map(|problem| as_written(spec, problem)).collect();
        SetupError::Manifest(Problems { file, list })
    })
}

/// A problem of the manifest at the line of the testnet's file that caused it.
fn as_written(spec: &Spec, problem: Problem) -> Problem {
    let field = problem.field.clone();
    let cause = spec.overrides.iter().find(|one| field == format!("{}.{}", one.table, one.key));
    let line = cause.map_or(1, |one| one.line);
    let field = if cause.is_some() { format!("manifest.{field}") } else { field };
    Problem { line, field, ..problem }
}

/// A node with its keys; files are written by [`write_node`].
#[derive(Debug)]
pub struct Made {
    /// For the state file.
    pub record: NodeRecord,
    /// For the manifest; `None` for nodes without a uid.
    pub participant: Option<GenesisParticipant>,
}

/// The public half of a node's keys.
#[derive(Debug)]
pub struct NodeKeys {
    /// What signs its work.
    pub hotkey: Hotkey,
    /// What owns its stake.
    pub coldkey: Coldkey,
    /// For the manifest; `None` for nodes without a uid.
    pub participant: Option<GenesisParticipant>,
}

/// The keys of one node, written below `home`, and its place in the manifest. Bootnodes and observers
/// are no participants and get no coldkey of use, but one all the same, so that they can be registered
/// by hand.
///
/// # Errors
/// When keys cannot be made or written.
pub fn make_keys(home: &Home, spec: &NodeSpec) -> Result<NodeKeys, SetupError> {
    let hotkey = new_pair()?;
    let coldkey = new_pair()?;
    for (kind, pair) in [(KeyKind::Hotkey, &hotkey), (KeyKind::Coldkey, &coldkey)] {
        files::create_private_dir(&home.keys_of(kind))?;
        KeyFile::seal(kind, pair, &Password::none())?
            .write(&home.key_file(kind, &spec.name)?, false)?;
    }
    let part = match spec.role {
        Role::Validator => Some(Part::Validator),
        Role::Miner => Some(Part::Miner),
        Role::Bootnode | Role::Observer => None,
    };
    let participant = part.map(|role| GenesisParticipant {
        hotkey: hotkey.hotkey(),
        coldkey: coldkey.coldkey(),
        role,
        stake: spec.stake,
        seed_tail: (role == Part::Validator).then(|| hotkey.seed_chain_tail(0)),
    });
    Ok(NodeKeys { hotkey: hotkey.hotkey(), coldkey: coldkey.coldkey(), participant })
}

/// Makes keys and takes ports for one node.
///
/// # Errors
/// When keys cannot be made or written, or there is no free port.
pub fn make_node(layout: &Layout, spec: &NodeSpec, ports: &mut Ports) -> Result<Made, SetupError> {
    let NodeKeys { hotkey, coldkey, participant } = make_keys(&layout.home(), spec)?;
    let record = NodeRecord {
        name: spec.name.clone(),
        role: spec.role,
        stake_rao: crate::api::types::Amount(spec.stake.get()),
        model: spec.model.clone(),
        behaviour: spec.behaviour,
        hotkey: hotkey.to_string(),
        coldkey: coldkey.to_string(),
        p2p_port: ports.take()?,
        api_port: ports.take()?,
        from_genesis: true,
        pid: None,
    };
    Ok(Made { record, participant })
}

fn new_pair() -> Result<KeyPair, KeyError> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut_slice())
        .map_err(|error| KeyError::Entropy { reason: error.to_string() })?;
    Ok(KeyPair::from_seed(&seed))
}

/// Writes a node's directory: settings and its copy of the manifest.
///
/// # Errors
/// When it cannot be written.
pub fn write_node(
    layout: &Layout,
    node: &NodeRecord,
    bootnodes: &[&NodeRecord],
    manifest: &str,
    settings: &Settings,
) -> Result<(), SetupError> {
    let dir = layout.node(&node.name);
    files::create_private_dir(&dir)?;
    let bootnodes = bootnodes.iter().filter(|one| one.name != node.name).map(|one| address(one));
    let mut given = vec![
        ("manifest", vec![config::MANIFEST_NAME.to_owned()]),
        ("hotkey", vec![format!("../../keys/hotkeys/{}.json", node.name)]),
        ("listen", vec![format!("/ip4/127.0.0.1/tcp/{}", node.p2p_port)]),
        ("bootnodes", bootnodes.collect()),
        ("api", vec![format!("127.0.0.1:{}", node.api_port)]),
    ];
    match &node.model {
        Some(Model::Builtin(name)) => given.push(("worker", vec![name.clone()])),
        // One text, split as a shell does: a setting takes one value in the file.
        Some(command @ Model::Command(_)) => given.push(("worker_command", vec![command.name()])),
        None => {}
    }
    if node.role == Role::Validator {
        let named = |text: &String| vec![text.replace("{name}", &node.name)];
        given.extend(settings.iter().map(|(key, text)| (*key, named(text))));
    }
    let files = [
        (config::MANIFEST_NAME, manifest),
        (config::FILE_NAME, &config::render(&given)),
        (MARKER, "A testnet made this directory: its node may be told to misbehave.\n"),
    ];
    for (name, text) in files {
        files::write_whole(&dir.join(name), text.as_bytes(), Access::Shared, true)?;
    }
    let subnet = manifest::parse("the testnet's manifest", manifest)?.subnet_id();
    Store::init(&dir, *subnet.as_bytes()).map_err(NodeError::from)?;
    Ok(())
}

/// The address by which others find a node first.
fn address(node: &NodeRecord) -> String {
    let hotkey = node.hotkey.parse().expect("a record's hotkey was made here");
    format!("/ip4/127.0.0.1/tcp/{}/p2p/{}", node.p2p_port, peer_id(&hotkey))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testnet::spec::Flags;

    #[test]
    fn what_is_written_is_what_a_node_reads() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path()).unwrap();
        let text =
            "[[node]]\nname = \"m\"\nrole = \"miner\"\ncommand = [\"python3\", \"my miner.py\"]\n";
        let spec = Spec::parse("t.toml", text, &Flags::default()).unwrap();
        let mut manifest = base_manifest(&spec).unwrap();
        let mut ports = Ports::default();
        let made: Vec<Made> =
            spec.nodes.iter().map(|node| make_node(&layout, node, &mut ports).unwrap()).collect();
        manifest.participants = made.iter().filter_map(|one| one.participant.clone()).collect();
        assert_eq!(manifest.violations(), []);
        let boot = &made[0].record;
        let miner = &made.iter().find(|one| one.record.name == "m").unwrap().record;
        let rendered = manifest::render(&manifest);
        for node in [boot, miner] {
            write_node(&layout, node, &[boot], &rendered, &Vec::new()).unwrap();
        }
        let read = |name: &str| {
            let args = config::ConfigArgs {
                data_dir: Some(layout.node(name)),
                ..config::ConfigArgs::default()
            };
            config::resolve(&args, &Home::new(None), &|_| None).unwrap()
        };
        let config = read("m");
        assert_eq!(
            config.worker,
            config::Worker::Command(vec!["python3".into(), "my miner.py".into()])
        );
        assert_eq!(config.bootnodes.len(), 1);
        assert_eq!(config.api.port(), miner.api_port);
        assert!(KeyFile::read(&config.hotkey).unwrap().address() == miner.hotkey);
        assert_eq!(manifest::load(&config.manifest).unwrap(), manifest);
        assert!(read("bootnode").bootnodes.is_empty());
    }

    #[test]
    fn a_bad_override_is_named_where_the_user_wrote_it() {
        let text = "[manifest.hyperparameters]\nkappa = 32767\nbonds_moving_avg = 980000\n";
        let spec = Spec::parse("t.toml", text, &Flags::default()).unwrap();
        let error = base_manifest(&spec).unwrap_err();
        let sentence = error.each().remove(0).sentence;
        assert!(
            sentence.starts_with("t.toml:3: manifest.hyperparameters.bonds_moving_avg = 980000"),
            "{sentence}"
        );
        let good = Spec::parse("t.toml", "[manifest.task]\nbatch_size = 32\n", &Flags::default());
        assert_eq!(base_manifest(&good.unwrap()).unwrap().task.batch_size, 32);
    }
}
