//! `ganglion testnet keys`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::super::exit::Failure;
use super::super::{Global, output};
use crate::testnet::handout::{self, Handout};
use crate::testnet::spec::{self, Flags, Spec};
use crate::units;

#[derive(Debug, Args)]
pub(in crate::cli) struct KeysArgs {
    /// TOML file with nodes and rules; without one, the nodes of `testnet up`
    file: Option<PathBuf>,
    /// New directory for everything
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How many validators [default: 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=spec::VALIDATORS_MAX))]
    validators: Option<u64>,
    /// How many miners [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(0..=spec::MINERS_MAX))]
    miners: Option<u64>,
    /// Time from one epoch to the next, 2s to 24h [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = units::parse_ms)]
    epoch_length: Option<u64>,
    /// When the first epoch begins, from now; all validators should run by then
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = units::parse_ms)]
    genesis_in: u64,
    /// User who shall own the hotkeys, as which the nodes will run [default: you, or 65532 for root]
    #[arg(long, value_name = "UID")]
    uid: Option<u32>,
}

pub(super) fn run(global: &Global, args: KeysArgs) -> Result<(), Failure> {
    let flags = Flags {
        validators: args.validators,
        miners: args.miners,
        epoch_ms: args.epoch_length,
        learner: false,
    };
    let handout = Handout {
        spec: Spec::load(args.file.as_deref(), &flags)?,
        dir: args.out,
        genesis_ms: handout::genesis_in(args.genesis_in),
        uid: args.uid,
    };
    let handed = handout::hand_out(&handout)?;
    let dir = handout.dir.display().to_string();
    if global.json {
        let nodes = handed.nodes.iter().map(|(role, name)| json!({"name": name, "role": role}));
        return output::print_json(&json!({
            "schema": "ganglion/testnet-keys/1",
            "dir": dir,
            "subnet": handed.subnet,
            "genesis_ms": handout.genesis_ms,
            "nodes": nodes.collect::<Vec<_>>(),
            "bootnodes": handed.bootnodes,
            "uid": handed.uid,
        }));
    }
    output::print(&format!(
        "subnet     {}\ngenesis    {}\nmanifest   {dir}/subnet.toml\n\
         hotkeys    {dir}/keys/hotkeys, {} files of user {}; they have no password\nbootnodes  {}\n",
        handed.subnet,
        units::show_time(handout.genesis_ms),
        handed.nodes.len(),
        handed.uid,
        handed.bootnodes.join(","),
    ))
}
