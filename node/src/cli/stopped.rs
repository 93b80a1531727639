//! A node that does not run, for the commands that work on its files.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use ganglion_types::Manifest;

use super::Global;
use super::exit::Failure;
use crate::config::{Config, ConfigArgs};
use crate::manifest;

/// Which node's files.
#[derive(Clone, Debug, Args)]
pub(super) struct NodeArgs {
    /// Name of the node: its data is in HOME/nodes/NAME
    #[arg(long, value_name = "NAME", default_value = "default", env = "GANGLION_NODE")]
    node: String,
    /// Directory of the node's data, in place of HOME/nodes/NAME
    #[arg(long, value_name = "DIR", env = "GANGLION_DATA_DIR")]
    data_dir: Option<PathBuf>,
}

impl NodeArgs {
    /// The settings, and the manifest that they name.
    pub(super) fn resolve(&self, global: &Global) -> Result<(Config, Arc<Manifest>), Failure> {
        let config = super::config::resolve(global, &self.settings())?;
        let manifest = manifest::load(&config.manifest)?;
        Ok((config, Arc::new(manifest)))
    }

    fn settings(&self) -> ConfigArgs {
        let (node, data_dir) = (self.node.clone(), self.data_dir.clone());
        ConfigArgs { node, data_dir, ..ConfigArgs::default() }
    }

    /// The flag that names this node, for a command that is shown.
    pub(super) fn flag(&self) -> String {
        match &self.data_dir {
            Some(dir) => {
                format!("--data-dir {}", crate::files::shell_word(&dir.display().to_string()))
            }
            None => format!("--node {}", self.node),
        }
    }
}
