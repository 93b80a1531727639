//! `ganglion registry`.

use std::collections::BTreeSet;
use std::num::NonZeroU64;

use clap::Subcommand;
use comfy_table::Cell;
#[cfg(feature = "substrate")]
use ganglion_chain::AnchorError;
use ganglion_types::{ExternalRegistry, Hotkey, ListedMember, Standing};
use serde_json::{Value, json};

use super::api::{ApiArgs, Rows, hotkey, short};
use super::exit::Failure;
use super::{Global, output};
use crate::api::types::{RegistryPoint, RegistryView};
use crate::config;
use crate::fault::Code;
use crate::observer::Seen;

/// See the module's head.
#[derive(Debug, Subcommand)]
pub(super) enum RegistryCommand {
    /// Read the participants of a subnet of subtensor at a final block, with the digest of what was read
    #[command(after_help = "\
A subnet whose manifest has [registry] takes its participants from there (docs/spec/registry.md).
A member sets weights if the chain permits it, it has stake, and its hotkey signed for itself with
ed25519. Which did cannot be seen on the chain, so you name them with --proven.

Example:
  ganglion registry show --rpc wss://node.example.org --genesis 0x2f05... --netuid 11")]
    Show(ShowArgs),
    /// What a subnet took last of the registry that it follows, and what a node reads there itself
    #[command(after_help = "\
Example:
  ganglion registry status")]
    Status(ApiArgs),
}

/// Which chain, subnet and block.
#[derive(Debug, clap::Args)]
pub(super) struct ShowArgs {
    /// A node of the chain that you trust
    #[arg(long, value_name = "URL")]
    rpc: String,
    /// Hash of the chain's first block
    #[arg(long, value_name = "HASH")]
    genesis: String,
    /// Number of the subnet there
    #[arg(long, value_name = "NUMBER")]
    netuid: u16,
    /// Read the newest final block whose height is a multiple of this
    #[arg(long, value_name = "BLOCKS", default_value = "100")]
    every: NonZeroU64,
    /// Read the block of this height instead
    #[arg(long, value_name = "HEIGHT", conflicts_with = "every")]
    height: Option<u64>,
    /// A hotkey that signed for itself with ed25519: an address, or the name of a key file
    #[arg(long, value_name = "HOTKEY")]
    proven: Vec<String>,
}

pub(super) fn run(global: &Global, command: &RegistryCommand) -> Result<(), Failure> {
    match command {
        RegistryCommand::Show(args) => show(global, args),
        RegistryCommand::Status(api) => status(global, api),
    }
}

fn status(global: &Global, api: &ApiArgs) -> Result<(), Failure> {
    let client = api.client(global)?;
    let value = client.get_value("/v1/registry")?;
    if global.json {
        return output::print_json(&value);
    }
    output::print(&standing(&client.typed(value)?))
}

fn standing(view: &RegistryView) -> String {
    let taken = view.taken.as_ref().map_or_else(
        || "nothing yet: participants are those of genesis".into(),
        |taken| {
            let RegistryPoint { height, block, digest, permits } = taken;
            format!("block {height}, 0x{block}, {permits} permits\n          digest {digest}")
        },
    );
    let read = match &view.read {
        None => "nothing: set registry_rpc to a node of the chain".into(),
        Some(Seen { height: Some(height), digest: Some(digest), .. }) => {
            format!("block {height}\n          digest {digest}")
        }
        Some(_) => "nothing yet".into(),
    };
    let mut text = format!(
        "follows   netuid {} of the chain 0x{}, every {} blocks\ntaken     {taken}\nread here {read}\n",
        view.netuid, view.genesis, view.every
    );
    if let Some(error) = view.read.as_ref().and_then(|read| read.error.as_ref()) {
        text.push_str(&format!("failure   {error}\n"));
    }
    text
}

fn show(global: &Global, args: &ShowArgs) -> Result<(), Failure> {
    let genesis = config::genesis(&args.genesis).map_err(|rule| {
        let sentence = format!("{:?} is no hash of a block: it {rule}", args.genesis);
        Failure::input(Code::CHAIN_VALUE, sentence)
    })?;
    let proven = args.proven.iter().map(|text| hotkey(global, text));
    let proven = proven.collect::<Result<BTreeSet<Hotkey>, Failure>>()?;
    let registry = read(args, genesis)?;
    let listed = registry.listed(&proven);
    match global.json {
        true => output::print_json(&report(&registry, &listed)),
        false => output::print(&text(&registry, &listed)),
    }
}

#[cfg(not(feature = "substrate"))]
fn read(_: &ShowArgs, _: [u8; 32]) -> Result<ExternalRegistry, Failure> {
    let sentence = "this program was built without the feature substrate";
    Err(Failure::input(Code::FEATURE_MISSING, sentence))
}

#[cfg(feature = "substrate")]
fn read(args: &ShowArgs, genesis: [u8; 32]) -> Result<ExternalRegistry, Failure> {
    use ganglion_chain::substrate::RegistryReader;
    let reader = RegistryReader::new(&args.rpc, genesis, args.netuid, args.every)
        .map_err(|error| failed(&error))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::environment(Code::SYSTEM_REFUSED, error.to_string()))?;
    let registry = runtime.block_on(async {
        match args.height {
            Some(height) => reader.at(height).await,
            None => reader.newest().await,
        }
    });
    registry.map_err(|error| failed(&error))
}

#[cfg(feature = "substrate")]
fn failed(error: &AnchorError) -> Failure {
    let sentence = error.to_string();
    match error {
        AnchorError::Unreachable(_) => Failure::environment(Code::CHAIN_UNREACHABLE, sentence),
        AnchorError::WrongChain { .. } => Failure::input(Code::CHAIN_OTHER, sentence),
        AnchorError::Mismatch(_) => Failure::check(Code::CHAIN_MISMATCH, sentence),
        _ => Failure::input(Code::CHAIN_REFUSED, sentence),
    }
}

/// A word for what follows for a member.
const fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Permitted => "permitted",
        Standing::NotPermitted => "not permitted",
        Standing::KeyUnproven => "key unproven",
    }
}

fn text(registry: &ExternalRegistry, listed: &[ListedMember]) -> String {
    let mut rows = Rows::new(&[">UID", "HOTKEY", "COLDKEY", ">STAKE", "STANDING", ">REGISTERED"]);
    for one in listed {
        rows.add(vec![
            Cell::new(one.member.uid),
            Cell::new(one.member.hotkey),
            Cell::new(short(&one.member.coldkey.to_string())),
            Cell::new(one.member.stake),
            Cell::new(word(one.standing)),
            Cell::new(one.member.registered_at),
        ]);
    }
    format!(
        "netuid {} at block {}, 0x{}\ndigest {}\n\n{}",
        registry.netuid(),
        registry.height(),
        registry.block().to_hex(),
        registry.digest().to_hex(),
        rows.render()
    )
}

fn report(registry: &ExternalRegistry, listed: &[ListedMember]) -> Value {
    let members: Vec<Value> = listed
        .iter()
        .map(|one| {
            json!({
                "uid": one.member.uid.get(),
                "hotkey": one.member.hotkey.to_string(),
                "coldkey": one.member.coldkey.to_string(),
                "stake_rao": output::rao_json(one.member.stake),
                "permit": one.member.permit,
                "registered_at": one.member.registered_at,
                "standing": word(one.standing),
            })
        })
        .collect();
    json!({
        "schema": "ganglion/external-registry/1",
        "genesis": registry.genesis().to_hex(),
        "height": registry.height(),
        "block": registry.block().to_hex(),
        "netuid": registry.netuid(),
        "digest": registry.digest().to_hex(),
        "members": members,
    })
}

#[cfg(test)]
mod tests {
    use ganglion_types::{Coldkey, Digest, ExternalMember, Rao, Uid};

    use super::*;

    #[test]
    fn every_member_is_shown_with_what_follows_for_it() {
        let member = |uid: u16, key: u8, permit| ExternalMember {
            uid: Uid::new(uid),
            hotkey: Hotkey::new([key; 32]),
            coldkey: Coldkey::new([key + 100; 32]),
            stake: Rao::new(5_000_000_000),
            permit,
            registered_at: 77,
        };
        let members = vec![member(0, 1, true), member(1, 2, true), member(4, 3, false)];
        let place = (4_200, Digest::new([2; 32]));
        let registry = ExternalRegistry::new(Digest::new([1; 32]), place, 11, members).unwrap();
        let listed = registry.listed(&BTreeSet::from([Hotkey::new([1; 32])]));
        let report = report(&registry, &listed);
        let standings: Vec<&Value> =
            report["members"].as_array().unwrap().iter().map(|one| &one["standing"]).collect();
        assert_eq!(standings, ["permitted", "key unproven", "not permitted"]);
        assert_eq!(report["digest"], registry.digest().to_hex());
        let text = text(&registry, &listed);
        assert!(text.contains(&registry.digest().to_hex()), "{text}");
        for one in &listed {
            let line = text.lines().find(|line| line.contains(&one.member.hotkey.to_string()));
            assert!(line.is_some_and(|line| line.contains(word(one.standing))), "{text}");
        }
    }
}
