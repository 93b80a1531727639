//! What a testnet's nodes are given when something else starts them: containers, pods, units.
//!
//! ```text
//! DIR/                 mode 0700
//! ├── subnet.toml      the manifest, for every node
//! ├── keys/{hotkeys,coldkeys}/NAME.json    mode 0600: secrets, no password
//! ├── bootnodes.env    GANGLION_BOOTNODES, for every node but the bootnodes
//! └── compose.env      the same, DIR, and the user who owns the hotkeys
//! ```

use std::io;
use std::path::{Path, PathBuf};

use super::behaviour::Behaviour;
use super::setup::{self, SetupError};
use super::spec::{Role, Spec};
use crate::config::MANIFEST_NAME;
use crate::fault::{Code, Curable, Fault, Told};
use crate::files::{self, Access, FileError};
use crate::home::Home;
use crate::keys::{KeyKind, peer_id};
use crate::{manifest, units};

/// Where bootnodes listen, as the files in `deploy/` have it.
const PORT: u16 = 7_800;
/// Who runs a node in a container when nobody else is named: `nonroot` of the common base images.
pub const CONTAINER_UID: u32 = 65_532;

/// What to hand out.
#[derive(Debug)]
pub struct Handout {
    /// The nodes and the rules.
    pub spec: Spec,
    /// An empty or new directory.
    pub dir: PathBuf,
    /// When the first epoch begins, unix milliseconds.
    pub genesis_ms: u64,
    /// Who shall own the hotkeys; `None` for whoever runs this, and for [`CONTAINER_UID`] if that is
    /// root.
    pub uid: Option<u32>,
}

/// What was written.
#[derive(Debug)]
pub struct Handed {
    /// Subnet id.
    pub subnet: String,
    /// The nodes' names, by role.
    pub nodes: Vec<(Role, String)>,
    /// Where others find the subnet first.
    pub bootnodes: Vec<String>,
    /// Who owns the hotkeys.
    pub uid: u32,
}

/// Why nothing was handed out.
#[derive(Debug, thiserror::Error)]
pub enum HandoutError {
    /// Keys, manifest or a file.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// There is something already, and keys are never replaced.
    #[error("{} is not empty", dir.display())]
    NotEmpty {
        /// The directory.
        dir: PathBuf,
    },
    /// A node that breaks rules is told so by the process that starts it.
    #[error(
        "node {name:?} has the behaviour {}, and what is handed out is for honest nodes",
        behaviour.name()
    )]
    Dishonest {
        /// The node.
        name: String,
        /// What it would do.
        behaviour: Behaviour,
    },
    /// A file cannot be given to another user.
    #[error("cannot give {} to user {uid}: {source}", path.display())]
    Owner {
        /// The file.
        path: PathBuf,
        /// The user.
        uid: u32,
        /// What the system says.
        source: io::Error,
    },
}

impl From<FileError> for HandoutError {
    fn from(error: FileError) -> Self {
        Self::Setup(error.into())
    }
}

impl Curable for HandoutError {
    fn code(&self) -> Code {
        match self {
            Self::Setup(error) => error.code(),
            Self::NotEmpty { .. } => Code::HANDOUT_NOT_EMPTY,
            Self::Dishonest { .. } => Code::HANDOUT_DISHONEST,
            Self::Owner { .. } => Code::HANDOUT_OWNER,
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Setup(error) => error.fault(),
            Self::NotEmpty { .. } | Self::Dishonest { .. } => Fault::Input,
            Self::Owner { .. } => Fault::Environment,
        }
    }

    fn cure(&self) -> String {
        match self {
            Self::Setup(error) => error.cure(),
            _ => self.code().cure().into(),
        }
    }

    fn each(&self) -> Vec<Told> {
        match self {
            Self::Setup(error) => error.each(),
            _ => vec![self.told()],
        }
    }
}

/// Makes keys for every node and writes what they need to find each other.
///
/// # Errors
/// See [`HandoutError`]; whatever can be checked is checked before the first key is made.
pub fn hand_out(handout: &Handout) -> Result<Handed, HandoutError> {
    let Handout { spec, dir, genesis_ms, uid } = handout;
    if let Some(node) = spec.nodes.iter().find(|node| node.behaviour != Behaviour::Honest) {
        let (name, behaviour) = (node.name.clone(), node.behaviour);
        return Err(HandoutError::Dishonest { name, behaviour });
    }
    let mut manifest = setup::base_manifest(spec)?;
    let dir = empty_dir(dir)?;
    let home = Home::new(Some(dir.clone()));
    let mut bootnodes = Vec::new();
    manifest.participants.clear();
    for node in &spec.nodes {
        let keys = setup::make_keys(&home, node)?;
        if node.role == Role::Bootnode {
            bootnodes.push(address(&node.name, &keys.hotkey));
        }
        manifest.participants.extend(keys.participant);
    }
    manifest.genesis_time = *genesis_ms;
    let uid = owner(&dir, *uid)?;
    for name in home.key_names(KeyKind::Hotkey).map_err(SetupError::from)? {
        let path = home.key_file(KeyKind::Hotkey, &name).map_err(SetupError::from)?;
        give(&path, uid)?;
    }
    let shared = |name: &str, text: &str| {
        files::write_whole(&dir.join(name), text.as_bytes(), Access::Shared, false)
    };
    let told = format!("GANGLION_BOOTNODES={}\n", bootnodes.join(","));
    let compose = format!("GANGLION_NET={}\nGANGLION_UID={uid}\n{told}", dir.display());
    shared(MANIFEST_NAME, &manifest::render(&manifest))?;
    shared("bootnodes.env", &told)?;
    shared("compose.env", &compose)?;
    let nodes = spec.nodes.iter().map(|node| (node.role, node.name.clone())).collect();
    Ok(Handed { subnet: manifest.subnet_id().to_hex(), nodes, bootnodes, uid })
}

/// The name of a node is that of its host: of its service, of its container.
fn address(name: &str, hotkey: &ganglion_types::Hotkey) -> String {
    format!("/dns4/{name}/tcp/{PORT}/p2p/{}", peer_id(hotkey))
}

/// Creates the directory; the full path, because compose reads relative ones from elsewhere.
fn empty_dir(dir: &Path) -> Result<PathBuf, HandoutError> {
    let io = |source| FileError::Io { verb: "read", path: dir.into(), source };
    files::create_private_dir(dir)?;
    if std::fs::read_dir(dir).map_err(io)?.next().is_some() {
        return Err(HandoutError::NotEmpty { dir: dir.into() });
    }
    Ok(dir.canonicalize().map_err(io)?)
}

/// The user who shall own the hotkeys; `dir` was made by whoever runs this.
fn owner(dir: &Path, wanted: Option<u32>) -> Result<u32, HandoutError> {
    use std::os::unix::fs::MetadataExt as _;
    if let Some(uid) = wanted {
        return Ok(uid);
    }
    let io = |source| FileError::Io { verb: "read", path: dir.into(), source };
    Ok(match std::fs::metadata(dir).map_err(io)?.uid() {
        0 => CONTAINER_UID,
        uid => uid,
    })
}

fn give(path: &Path, uid: u32) -> Result<(), HandoutError> {
    use std::os::unix::fs::MetadataExt as _;
    let refused = |source| HandoutError::Owner { path: path.into(), uid, source };
    if std::fs::metadata(path).map_err(refused)?.uid() == uid {
        return Ok(());
    }
    std::os::unix::fs::chown(path, Some(uid), Some(uid)).map_err(refused)
}

/// A time from now on, in unix milliseconds.
#[must_use]
pub fn genesis_in(wait_ms: u64) -> u64 {
    units::now_ms().saturating_add(wait_ms)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::keys::{KeyFile, PasswordSource, Prompt};
    use crate::testnet::spec::Flags;

    fn handout(dir: &Path, text: &str) -> Handout {
        let spec = Spec::parse("t.toml", text, &Flags::default()).unwrap();
        Handout { spec, dir: dir.join("net"), genesis_ms: 1_900_000_000_000, uid: None }
    }

    #[test]
    fn every_node_gets_a_key_that_fits_the_manifest_and_the_address() {
        let dir = tempfile::tempdir().unwrap();
        let handout = handout(dir.path(), "");
        let handed = hand_out(&handout).unwrap();
        let manifest = manifest::load(&handout.dir.join(MANIFEST_NAME)).unwrap();
        assert_eq!(manifest.subnet_id().to_hex(), handed.subnet);
        assert_eq!(manifest.genesis_time, 1_900_000_000_000);
        let home = Home::new(Some(handout.dir.clone()));
        let hotkey = |name: &str| {
            let path = home.key_file(KeyKind::Hotkey, name).unwrap();
            let password = PasswordSource::Ask(Prompt::OnTerminal);
            KeyFile::load(&path, KeyKind::Hotkey, &password).unwrap().hotkey()
        };
        let of_nodes: BTreeSet<_> = handed
            .nodes
            .iter()
            .filter(|(role, _)| matches!(role, Role::Validator | Role::Miner))
            .map(|(_, name)| hotkey(name))
            .collect();
        assert_eq!(of_nodes.len(), 9);
        let of_manifest = manifest.participants.iter().map(|one| one.hotkey).collect();
        assert_eq!(of_nodes, of_manifest);
        let address = format!("/dns4/bootnode/tcp/7800/p2p/{}", peer_id(&hotkey("bootnode")));
        assert_eq!(handed.bootnodes, std::slice::from_ref(&address));
        let read = |name: &str| std::fs::read_to_string(handout.dir.join(name)).unwrap();
        assert_eq!(read("bootnodes.env"), format!("GANGLION_BOOTNODES={address}\n"));
        let compose = read("compose.env");
        assert!(compose.contains(&format!("GANGLION_UID={}\n", handed.uid)), "{compose}");
        assert!(compose.contains("GANGLION_NET=/"), "{compose}");
        assert!(handed.uid != 0, "nobody runs a node as root");
    }

    #[test]
    fn keys_are_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let handout = handout(dir.path(), "");
        hand_out(&handout).unwrap();
        let again = hand_out(&handout);
        assert!(matches!(again, Err(HandoutError::NotEmpty { .. })), "{again:?}");
    }

    #[test]
    fn who_breaks_rules_gets_no_keys() {
        let dir = tempfile::tempdir().unwrap();
        let text = "[[node]]\nname = \"m\"\nrole = \"miner\"\nbehaviour = \"lazy\"\n";
        let handout = handout(dir.path(), text);
        let refused = hand_out(&handout);
        assert!(matches!(refused, Err(HandoutError::Dishonest { .. })), "{refused:?}");
        assert!(!handout.dir.exists());
    }
}
