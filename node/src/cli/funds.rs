//! `ganglion stake`, `unstake` and `transfer`: what a coldkey signs.

use clap::Args;
use ganglion_types::{Body, Change, Epoch, Item, Operation, Parameter, Rao, RegistryOp, SubnetId};
use serde_json::json;

use super::api::{ApiArgs, coldkey, cured, hotkey, units};
use super::decision::{require_done, submit, wait};
use super::exit::{Exit, Failure};
use super::keys::PasswordArgs;
use super::{Global, output};
use crate::api::Client;
use crate::api::types::{Account, Status};
use crate::keys::{KeyFile, KeyKind};

/// Epochs that an operation may wait: room for a few that are slow.
const VALID_EPOCHS: u64 = 16;

/// What all three share.
#[derive(Debug, Args)]
struct SignArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// Coldkey that signs: a name here, or the path of its file
    #[arg(long, value_name = "NAME", default_value = "default")]
    coldkey: String,
    /// Show what would be signed, and stop
    #[arg(long)]
    dry_run: bool,
    /// Do not wait for the cut
    #[arg(long)]
    no_wait: bool,
    /// Number of this operation of the account [default: the next one]
    #[arg(long, value_name = "NUMBER")]
    nonce: Option<u64>,
    #[command(flatten)]
    password: PasswordArgs,
}

/// Move balance of a coldkey to stake on one of its validators.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ganglion stake 12.5 --hotkey v1 --coldkey treasury
  ganglion stake 12.5 --hotkey v1 --coldkey treasury --dry-run")]
pub(super) struct StakeArgs {
    /// How much, in units
    amount: Rao,
    /// Validator hotkey: an address, or the name of a key here
    #[arg(long, value_name = "ADDRESS")]
    hotkey: String,
    #[command(flatten)]
    sign: SignArgs,
}

/// Move stake back to the balance of its coldkey.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ganglion unstake 2 --hotkey v1 --coldkey treasury")]
pub(super) struct UnstakeArgs {
    /// How much, in units
    amount: Rao,
    /// Hotkey that holds it: an address, or the name of a key here
    #[arg(long, value_name = "ADDRESS")]
    hotkey: String,
    #[command(flatten)]
    sign: SignArgs,
}

/// Move balance to another coldkey.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ganglion transfer 3 --to 5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu --coldkey treasury")]
pub(super) struct TransferArgs {
    /// How much, in units
    amount: Rao,
    /// Receiver: an address, or the name of a coldkey here
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    #[command(flatten)]
    sign: SignArgs,
}

pub(super) fn stake(global: &Global, args: &StakeArgs) -> Result<(), Failure> {
    let hotkey = hotkey(global, &args.hotkey)?;
    let operation = Operation::Stake { hotkey, amount: args.amount };
    run(global, &args.sign, operation)
}

pub(super) fn unstake(global: &Global, args: &UnstakeArgs) -> Result<(), Failure> {
    let hotkey = hotkey(global, &args.hotkey)?;
    let operation = Operation::Unstake { hotkey, amount: args.amount };
    run(global, &args.sign, operation)
}

pub(super) fn transfer(global: &Global, args: &TransferArgs) -> Result<(), Failure> {
    let to = coldkey(global, &args.to)?;
    let operation = Operation::Transfer { to, amount: args.amount };
    run(global, &args.sign, operation)
}

fn run(global: &Global, args: &SignArgs, operation: Operation) -> Result<(), Failure> {
    let client = args.api.client(global)?;
    let path = global.home().read_key(KeyKind::Coldkey, &args.coldkey)?.0;
    let signer = coldkey(global, &args.coldkey)?;
    let status: Status = client.get("/v1/status")?;
    let account = client.get::<Account>(&format!("/v1/accounts/{signer}")).map_err(|error| {
        cured(error, 404, "Name another key with --coldkey; `ganglion keys list` shows them.")
    })?;
    check(&operation, &account)?;
    let op = RegistryOp {
        signer: *signer.as_bytes(),
        nonce: args.nonce.unwrap_or(account.nonce),
        valid_until: Epoch::new(status.closing + VALID_EPOCHS),
        operation,
    };
    if args.dry_run {
        return show(global, &op, &account);
    }
    let pair = KeyFile::load(&path, KeyKind::Coldkey, &args.password.source())?;
    let subnet = SubnetId::from_hex(&status.subnet).ok_or_else(|| {
        Failure::new(Exit::Environment, "the node gave no subnet id", "Name another with --api.")
    })?;
    let (sentence, valid_until) = (sentence(&op.operation), op.valid_until.get());
    let item = Item::sign(subnet, Body::RegistryOp(op), pair.signing_key());
    let submitted = submit(&client, &item)?;
    let json = |epoch: Option<u64>, outcome: Option<&str>| {
        json!({
            "schema": "ganglion/operation/1",
            "id": submitted.id,
            "epoch": epoch,
            "outcome": outcome,
        })
    };
    if args.no_wait {
        return match global.json {
            true => output::print_json(&json(None, None)),
            false => output::print(&format!("{}\n", submitted.id)),
        };
    }
    let decided = wait(&client, &submitted, valid_until)?;
    if global.json {
        output::print_json(&json(decided.epoch, decided.outcome.as_deref()))?;
    }
    require_done(&decided)?;
    if global.json {
        return Ok(());
    }
    let balance = balance(&client, &account.coldkey)?;
    let epoch = decided.epoch.unwrap_or(submitted.epoch);
    output::print(&format!("{sentence}: done in epoch {epoch}. The balance is {balance} units\n"))
}

fn balance(client: &Client, coldkey: &str) -> Result<String, Failure> {
    let account: Account = client.get(&format!("/v1/accounts/{coldkey}"))?;
    Ok(units(account.balance_rao))
}

/// What would surely fail is told before it is signed and its nonce used up.
fn check(operation: &Operation, account: &Account) -> Result<(), Failure> {
    let too_little = |what: &str, held: u64, amount: Rao| {
        Failure::input(
            format!("{amount} units are more than the {what} of {} units", Rao::new(held)),
            "Give a smaller amount; `ganglion metagraph` and the account show what is there.",
        )
    };
    let seat = |hotkey: &ganglion_types::Hotkey| {
        let name = hotkey.to_string();
        account.participants.iter().find(|row| row.hotkey == name).ok_or_else(|| {
            Failure::input(
                format!("{hotkey} is no participant of coldkey {}", account.coldkey),
                "See `ganglion metagraph --long`; a hotkey joins with `ganglion register`.",
            )
        })
    };
    if let Operation::Stake { hotkey, .. } = operation
        && seat(hotkey)?.role != "validator"
    {
        let sentence = format!("{hotkey} is a miner: only validators hold stake");
        return Err(Failure::input(sentence, "Name a validator's hotkey."));
    }
    match operation {
        Operation::Stake { amount, .. }
        | Operation::Transfer { amount, .. }
        | Operation::Delegate { amount, .. } => match account.balance_rao.0 < amount.get() {
            true => Err(too_little("balance", account.balance_rao.0, *amount)),
            false => Ok(()),
        },
        Operation::Unstake { hotkey, amount } => {
            let held = seat(hotkey)?.stake_rao.0;
            if held < amount.get() { Err(too_little("stake", held, *amount)) } else { Ok(()) }
        }
        Operation::SetTake { hotkey, .. } | Operation::RotateHotkey { from: hotkey, .. } => {
            seat(hotkey).map(|_| ())
        }
        // These depend on more of the state than the account: the cut decides.
        Operation::Register { .. }
        | Operation::BurnRegister { .. }
        | Operation::Deregister
        | Operation::Serve { .. }
        | Operation::Undelegate { .. }
        | Operation::Revise { .. }
        | Operation::Approve { .. } => Ok(()),
    }
}

fn sentence(operation: &Operation) -> String {
    match operation {
        Operation::Stake { hotkey, amount } => format!("stake {amount} units on {hotkey}"),
        Operation::Unstake { hotkey, amount } => format!("unstake {amount} units from {hotkey}"),
        Operation::Transfer { to, amount } => format!("transfer {amount} units to {to}"),
        Operation::Register { role, .. } => format!("register a {} by work", role.name()),
        Operation::BurnRegister { hotkey, role, max_price, .. } => {
            format!("register {hotkey} as a {} for at most {max_price} units", role.name())
        }
        Operation::Deregister => "give the uid back".into(),
        Operation::Serve { role, .. } => format!("serve as a {}", role.name()),
        Operation::Delegate { hotkey, amount } => format!("delegate {amount} units to {hotkey}"),
        Operation::Undelegate { hotkey, amount } => {
            format!("take {amount} delegated units back from {hotkey}")
        }
        Operation::SetTake { hotkey, take } => format!("set the take of {hotkey} to {take}/65535"),
        Operation::RotateHotkey { from, to, .. } => format!("replace hotkey {from} by {to}"),
        Operation::Revise { effective, changes } => revision(*effective, changes),
        Operation::Approve { revision } => format!("approve revision {revision}"),
    }
}

/// Each change by the name it has in the manifest, amounts in rao.
fn revision(effective: Epoch, changes: &[Change]) -> String {
    let change = |one: &Change| match Parameter::of(one.parameter) {
        Some(parameter) => format!("{} = {}", parameter.name, one.value),
        None => format!("parameter {} = {}", one.parameter, one.value),
    };
    let changes: Vec<String> = changes.iter().map(change).collect();
    format!("propose {} from epoch {effective} on", changes.join(", "))
}

fn show(global: &Global, op: &RegistryOp, account: &Account) -> Result<(), Failure> {
    let sentence = sentence(&op.operation);
    if global.json {
        return output::print_json(&json!({
            "schema": "ganglion/dry-run/1",
            "operation": sentence,
            "coldkey": account.coldkey,
            "nonce": op.nonce,
            "valid_until": op.valid_until.get(),
            "balance_rao": account.balance_rao,
        }));
    }
    output::print(&format!(
        "would sign   {sentence}\nas           {}\nnonce        {}\nvalid until  epoch {}\n\
         balance      {} units\nNothing was signed.\n",
        account.coldkey,
        op.nonce,
        op.valid_until,
        units(account.balance_rao),
    ))
}
