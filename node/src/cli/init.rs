//! `ganglion init`.

use std::path::PathBuf;

use clap::Args;
use ganglion_storage::{OpenError, Store};
use ganglion_types::{Hotkey, Manifest};
use serde_json::json;

use super::exit::Failure;
use super::{Global, output};
use crate::config::{self, Config, ConfigArgs, FILE_NAME, MANIFEST_NAME, Source};
use crate::fault::Code;
use crate::files::{self, Access};
use crate::keys::{KeyError, KeyFile, KeyKind};
use crate::node::NodeError;
use crate::{manifest, units};

/// Create a node's data directory.
#[derive(Debug, Args)]
#[command(after_help = "\
Checks the manifest and the hotkey, copies the manifest, and writes node.toml with the settings
given. The node's role is what the manifest, or later a registration, says of its hotkey.

Examples:
  ganglion init --manifest demo.toml --hotkey v1 --node v1
  ganglion init --manifest demo.toml --hotkey m1 --node m1 --worker digits-knn \\
    --bootnode /ip4/203.0.113.7/tcp/7800/p2p/12D3Koo...")]
pub(super) struct InitArgs {
    /// Replace node.toml and the manifest of an existing directory; its store stays
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

/// A data directory that is ready for its store.
#[derive(Debug)]
pub(super) struct Prepared {
    /// The settings as the node will read them.
    pub(super) config: Config,
    /// The subnet.
    pub(super) manifest: Manifest,
    /// The node's key.
    pub(super) hotkey: Hotkey,
}

pub(super) fn run(global: &Global, args: InitArgs) -> Result<(), Failure> {
    let prepared = prepare(global, &args)?;
    let subnet = prepared.manifest.subnet_id();
    match Store::init(&prepared.config.data_dir, *subnet.as_bytes()) {
        // Replacing the settings leaves the store as it is.
        Err(OpenError::AlreadyInitialised { .. }) if args.force => {}
        made => made.map_err(NodeError::from)?,
    }
    report(global, &prepared)
}

/// Checks everything first and writes afterwards, so that a failure leaves nothing half made.
fn prepare(global: &Global, args: &InitArgs) -> Result<Prepared, Failure> {
    let Some(manifest_path) = args.config.manifest.as_ref().map(PathBuf::from) else {
        return Err(Failure::input(Code::INIT_NO_MANIFEST, "init needs the subnet's manifest"));
    };
    let home = global.home();
    let env = |name: &str| std::env::var(name).ok();
    let config = config::resolve(&args.config, &home, &env)?;
    let manifest = manifest::load(&manifest_path)?;
    let hotkey = read_hotkey(&config, global)?;
    let data_dir = config.data_dir.clone();
    let file = data_dir.join(FILE_NAME);
    if file.exists() && !args.force {
        return Err(files::FileError::Exists { path: file }.into());
    }

    // Only what was said now is written: defaults stay defaults, the environment its own.
    let mut given = vec![("manifest", vec![MANIFEST_NAME.to_owned()])];
    for shown in config.shown() {
        let values = match shown.key {
            "manifest" => continue,
            "hotkey" => shown.values.iter().map(|value| key_path(value)).collect(),
            "password_file" => shown.values.iter().map(|value| absolute(value)).collect(),
            _ => shown.values.clone(),
        };
        let from_file = args.force && matches!(shown.source, Source::File { .. });
        if matches!(shown.source, Source::Flag(_)) || from_file {
            given.push((shown.key, values));
        }
    }
    files::create_private_dir(&data_dir)?;
    // Byte for byte as the user wrote it, comments included.
    let text = files::read_text(&manifest_path, u64::MAX)?;
    files::write_whole(&data_dir.join(MANIFEST_NAME), text.as_bytes(), Access::Shared, true)?;
    files::write_whole(&file, config::render(&given).as_bytes(), Access::Shared, args.force)?;

    // What `run` will find, to be sure that it finds it.
    let again = ConfigArgs {
        node: args.config.node.clone(),
        data_dir: args.config.data_dir.clone(),
        ..ConfigArgs::default()
    };
    let config = config::resolve(&again, &home, &env)?;
    Ok(Prepared { config, manifest, hotkey })
}

fn read_hotkey(config: &Config, global: &Global) -> Result<Hotkey, Failure> {
    let path = &config.hotkey;
    let file = KeyFile::read(path).map_err(|error| match error {
        KeyError::File(files::FileError::Missing { .. }) => KeyError::NoSuchKey {
            name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            keys: global.home().keys_of(KeyKind::Hotkey),
        },
        error => error,
    })?;
    if file.kind() != KeyKind::Hotkey {
        let (found, expected) = (file.kind(), KeyKind::Hotkey);
        return Err(KeyError::WrongKind { path: path.clone(), found, expected }.into());
    }
    file.public().map(Hotkey::new).ok_or_else(|| {
        Failure::input(Code::KEY_WITHOUT_ADDRESS, format!("{} has no public key", path.display()))
    })
}

/// A path that means the same from the data directory; a name stays a name.
fn key_path(value: &str) -> String {
    if value.contains('/') || value.ends_with(".json") { absolute(value) } else { value.to_owned() }
}

fn absolute(value: &str) -> String {
    std::path::absolute(value).map_or_else(|_| value.to_owned(), |path| path.display().to_string())
}

fn report(global: &Global, prepared: &Prepared) -> Result<(), Failure> {
    let Prepared { config, manifest, hotkey } = prepared;
    let participant = manifest.participants.iter().position(|one| one.hotkey == *hotkey);
    let role = participant.and_then(|uid| manifest.participants.get(uid)).map(|one| one.role);
    if global.json {
        return output::print_json(&json!({
            "schema": "ganglion/init/1",
            "data_dir": config.data_dir,
            "subnet": manifest.subnet_id().to_hex(),
            "hotkey": hotkey.to_string(),
            "uid": participant,
            "role": role.map(ganglion_types::Role::name),
        }));
    }
    let part = match (participant, role) {
        (Some(uid), Some(role)) => format!("uid {uid}, {} from genesis", role.name()),
        _ => "observer, until it is registered".into(),
    };
    output::print(&format!(
        "data dir   {}\nsubnet     {} {}\ngenesis    {}\nhotkey     {hotkey} ({part})\n",
        config.data_dir.display(),
        manifest.name,
        manifest.subnet_id(),
        units::show_time(manifest.genesis_time),
    ))
}
