//! `ganglion anchor`.

use std::fmt::Write as _;

use clap::Subcommand;
use comfy_table::Cell;

use super::api::{ApiArgs, Rows, short};
use super::exit::Failure;
use super::{Global, output};
use crate::anchors::{Board, FlightSeen};
use crate::api::types::{AnchorFound, ForkSeen, WitnessSeen};
use crate::fault::Code;
use crate::http::BODY_BYTES_MAX;

/// See the module's head.
#[derive(Debug, Subcommand)]
pub(super) enum AnchorCommand {
    /// How far anchors are, and what hinders them
    Status(ApiArgs),
    /// Anchors under way, and the last hundred that are final
    List(ApiArgs),
    /// Try everything again now, and go on after a refusal
    Retry(ApiArgs),
    /// Who anchored an epoch, compared with the cuts of a node
    Find {
        /// The epoch
        epoch: u64,
        #[command(flatten)]
        api: ApiArgs,
    },
    /// Other nodes' logs of anchors, as far as a node keeps copies
    Witnesses(ApiArgs),
    /// Show a node another certified cut of one of its epochs: if it holds, the node freezes
    #[command(after_help = "\
Somebody anchored other cuts than yours. Without a certificate that is a claim. Who stands behind
it can write a proof with `ganglion epoch prove`; if that holds a certificate by the committee
which closed the epoch here too, there are two histories, and this node must not choose: it keeps
both certificates, signs nothing more, and tells its peers.

Example:
  ganglion anchor accuse theirs.json")]
    Accuse {
        /// A proof file of the other history
        proof: std::path::PathBuf,
        #[command(flatten)]
        api: ApiArgs,
    },
    /// Make the contract for anchors on an EVM chain: once for all subnets and publishers
    #[command(after_help = "\
Example:
  ganglion anchor deploy --rpc http://127.0.0.1:8545 --chain-id 31337 --key-file anchor.key")]
    Deploy(DeployArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct DeployArgs {
    /// The chain's node
    #[arg(long, value_name = "URL")]
    rpc: String,
    /// Number of the chain
    #[arg(long, value_name = "NUMBER")]
    chain_id: u64,
    /// File with the secp256k1 key that pays, 64 hexadecimal digits, mode 0600
    #[arg(long, value_name = "FILE")]
    key_file: std::path::PathBuf,
    /// Most per unit of gas, gwei
    #[arg(long, value_name = "GWEI", default_value_t = 100)]
    fee_cap: u64,
}

pub(super) fn run(global: &Global, command: &AnchorCommand) -> Result<(), Failure> {
    match command {
        AnchorCommand::Status(api) => {
            let value = api.client(global)?.get_value("/v1/anchors")?;
            show(global, api, value, status)
        }
        AnchorCommand::List(api) => {
            let value = api.client(global)?.get_value("/v1/anchors")?;
            show(global, api, value, list)
        }
        AnchorCommand::Retry(api) => {
            let client = api.client(global)?;
            let value = client.post_value("/v1/anchors/retry", &serde_json::json!({}), None)?;
            if global.json {
                return output::print_json(&value);
            }
            output::note("Everything is tried again now; see `ganglion anchor status`.");
            Ok(())
        }
        AnchorCommand::Find { epoch, api } => find(global, *epoch, api),
        AnchorCommand::Witnesses(api) => witnesses(global, api),
        AnchorCommand::Accuse { proof, api } => accuse(global, proof, api),
        AnchorCommand::Deploy(args) => deploy(global, args),
    }
}

fn show(
    global: &Global,
    api: &ApiArgs,
    value: serde_json::Value,
    text: impl Fn(&Board) -> String,
) -> Result<(), Failure> {
    if global.json {
        return output::print_json(&value);
    }
    let board: Board = api.client(global)?.typed(value)?;
    output::print(&text(&board))
}

fn status(board: &Board) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:11} {value}");
    };
    line("chain", board.chain.clone());
    let only_read = || "none: anchors are looked for and not made".into();
    line("publisher", board.publisher.clone().unwrap_or_else(only_read));
    let lag = board.certified.saturating_sub(board.done);
    line("final", format!("up to epoch {} of {}, {lag} behind", board.done, board.certified));
    if let Some((first, last)) = board.queued {
        line("queued", format!("epochs {first} to {last}, rank {}", board.rank));
    }
    line("under way", board.under_way.len().to_string());
    if let (Some(height), Some(finalized)) = (board.height, board.finalized) {
        line("height", format!("{height}, final {finalized}"));
    }
    if let Some(balance) = &board.balance {
        let price = board.price.as_deref().unwrap_or("?");
        line("balance", format!("{balance}; an anchor costs {price} at most"));
    }
    if !matches!(board.spent.as_str(), "" | "0") {
        line("fees", format!("{} for anchors that are final", board.spent));
    }
    for (name, value) in [
        ("PARKED", &board.parked),
        ("failure", &board.failure),
        ("warning", &board.warning),
        ("stranger", &board.stranger),
    ] {
        if let Some(value) = value {
            line(name, value.clone());
        }
    }
    if board.parked.is_some() {
        line("help", "Mend it, then run `ganglion anchor retry`.".into());
    } else if board.held {
        line("help", "Fund the account, or raise anchor_fee_cap; it goes on by itself.".into());
    }
    text
}

fn list(board: &Board) -> String {
    let mut rows = Rows::new(&[">FIRST", ">LAST", "STATE", ">HEIGHT", "CUT", "TRANSACTION", "BY"]);
    for one in board.under_way.iter().rev().chain(&board.settled) {
        rows.add(cells(one));
    }
    rows.render()
}

fn cells(one: &FlightSeen) -> Vec<Cell> {
    vec![
        Cell::new(one.first),
        Cell::new(one.last),
        Cell::new(&one.state),
        Cell::new(one.height.map_or_else(String::new, |height| height.to_string())),
        Cell::new(short(&one.cut)),
        Cell::new(one.transaction.as_deref().unwrap_or("")),
        Cell::new(one.by.as_deref().unwrap_or("this node")),
    ]
}

fn find(global: &Global, epoch: u64, api: &ApiArgs) -> Result<(), Failure> {
    let client = api.client(global)?;
    let value = client.get_value(&format!("/v1/anchors/find/{epoch}"))?;
    if global.json {
        return output::print_json(&value);
    }
    let found: Vec<AnchorFound> = client.typed(value)?;
    if found.is_empty() {
        output::note("Nobody anchored this epoch on that chain.");
        return Ok(());
    }
    let mut rows = Rows::new(&[">FIRST", ">LAST", "CUTS", "FINALITY", ">HEIGHT", "PUBLISHER"]);
    for one in &found {
        rows.add(vec![
            Cell::new(one.first),
            Cell::new(one.last),
            Cell::new(&one.truth),
            Cell::new(&one.finality),
            Cell::new(one.height),
            Cell::new(&one.publisher),
        ]);
    }
    output::print(&rows.render())
}

fn witnesses(global: &Global, api: &ApiArgs) -> Result<(), Failure> {
    let client = api.client(global)?;
    let value = client.get_value("/v1/anchors/witnesses")?;
    if global.json {
        return output::print_json(&value);
    }
    let witnesses: Vec<WitnessSeen> = client.typed(value)?;
    if witnesses.is_empty() {
        output::note("No copy of another node's log is here yet.");
        return Ok(());
    }
    let mut rows = Rows::new(&["WITNESS", ">FROM", ">TO", ">EPOCH", "STANDING"]);
    for one in &witnesses {
        let standing = if one.rewrite.is_some() {
            "WRITTEN ANEW: --json shows the proof"
        } else {
            "as it was"
        };
        rows.add(vec![
            Cell::new(&one.hotkey),
            Cell::new(one.first),
            Cell::new(one.last),
            Cell::new(one.epoch),
            Cell::new(standing),
        ]);
    }
    output::print(&rows.render())
}

fn accuse(global: &Global, proof: &std::path::Path, api: &ApiArgs) -> Result<(), Failure> {
    let text = crate::files::read_text(proof, BODY_BYTES_MAX.try_into().unwrap_or(u64::MAX))?;
    let raw = serde_json::value::RawValue::from_string(text).map_err(|error| {
        let sentence = format!("{} is no proof file: {error}", proof.display());
        Failure::input(Code::PROOF_FORM, sentence)
            .cured("Write it with `ganglion epoch prove` on the other side.")
    })?;
    let value = api.client(global)?.post_value("/v1/forks", &raw, None)?;
    if global.json {
        return output::print_json(&value);
    }
    let fork: ForkSeen = api.client(global)?.typed(value)?;
    output::print(&format!(
        "epoch {} has two certified cuts: {}. The node keeps both and freezes.\n",
        fork.epoch,
        fork.cuts.join(" and ")
    ))
}

#[cfg(feature = "evm")]
fn deploy(global: &Global, args: &DeployArgs) -> Result<(), Failure> {
    use std::time::Duration;

    use crate::anchors::chains;
    use crate::config::AnchorBackend;
    let config = crate::config::EvmConfig {
        rpc: args.rpc.clone(),
        chain_id: args.chain_id,
        contract: [0; 20],
        key_file: Some(args.key_file.clone()),
        from_block: 0,
        fee_cap_gwei: args.fee_cap,
        final_after: None,
    };
    let failed = |error: &dyn std::fmt::Display| {
        Failure::environment(Code::DEPLOY_FAILED, error.to_string())
    };
    if let Some(warning) = chains::warning(&AnchorBackend::Evm(config.clone())) {
        output::note(warning);
    }
    let evm = chains::evm(&config).map_err(|error| failed(&error))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failed(&error))?;
    let made = runtime.block_on(evm.deploy(300, Duration::from_millis(500)));
    let (address, height) = made.map_err(|error| failed(&error))?;
    let address = format!("0x{}", ganglion_types::hex(&address));
    if global.json {
        return output::print_json(&serde_json::json!({
            "schema": "ganglion/anchor-deploy/1",
            "contract": address,
            "from_block": height,
        }));
    }
    output::print(&format!(
        "anchor = \"evm\"\nanchor_rpc = \"{}\"\nanchor_chain_id = \"{}\"\nanchor_contract = \
         \"{address}\"\nanchor_from_block = \"{height}\"\n",
        args.rpc, args.chain_id
    ))
}

#[cfg(not(feature = "evm"))]
fn deploy(_: &Global, _: &DeployArgs) -> Result<(), Failure> {
    Err(Failure::input(Code::FEATURE_MISSING, "this program was built without the feature evm"))
}
