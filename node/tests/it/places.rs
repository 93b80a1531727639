//! Nodes of a subnet in which no epoch is closed while a test runs.

use ganglion_types::{Hyperparameters, Manifest};

use crate::process::{Node, peer_of};
use crate::run::Ganglion;
use crate::world::{hot, manifest, secret};

/// A subnet whose epochs take an hour: while a test runs none is closed.
pub(crate) fn slow_subnet(validators: u8, miners: u8) -> Manifest {
    let stakes = vec![50; usize::from(validators)];
    let plain = manifest(&stakes, miners, Hyperparameters::default());
    Manifest { epoch_ms: 3_600_000, genesis_time: 1_700_000_000_000, ..plain }
}

/// A home with the keys of participants 0 to 8 as `h0` to `h8`, and the manifest as `s.toml`.
pub(crate) fn home(manifest: &Manifest) -> Ganglion {
    let home = Ganglion::new();
    for number in 0..9 {
        let name = format!("h{number}");
        let import = ["keys", "import", "--role", "hotkey", "--name", &name];
        let args = [&import[..], &["--mnemonic-file", "-", "--no-password"]].concat();
        let ended = home.run_with(&args, &[], &secret(&hot(number)));
        assert_eq!(ended.code, 0, "{ended:?}");
    }
    home.file("s.toml", &ganglion::manifest::render(manifest), 0o644);
    home
}

/// The address under which a node's process will be found, and that of its API.
pub(crate) struct Place {
    pub(crate) bootnode: String,
    pub(crate) api: String,
}

pub(crate) fn place(home: &Ganglion, hotkey: &str, more: &[&str]) -> Place {
    let (listen, api) = Node::init(home, hotkey, hotkey, more);
    Place { bootnode: format!("{listen}/p2p/{}", peer_of(home, hotkey)), api }
}

pub(crate) fn data(home: &Ganglion, hotkey: &str) -> std::path::PathBuf {
    home.path(&format!("home/nodes/{hotkey}"))
}
