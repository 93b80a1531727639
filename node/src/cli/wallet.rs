//! `ganglion wallet`.

use clap::Args;
use comfy_table::Cell;
use serde_json::Value;

use super::api::{ApiArgs, Rows, coldkey, cured, short, units};
use super::exit::Failure;
use super::pace::Pace;
use super::sentence::percent;
use super::{Global, output};
use crate::api::types::{Account, Waiting};

/// All that a coldkey owns, and what it waits for.
#[derive(Debug, Args)]
#[command(after_help = "\
Amounts are units. Times follow from the length of an epoch, so they are the earliest: an epoch may
last longer. What enters or leaves stake moves in turn with everybody else's, at most a tenth of the
committee's stake an epoch.

Examples:
  ganglion wallet
  ganglion wallet treasury --json
  ganglion wallet 5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu")]
pub(super) struct WalletArgs {
    /// Coldkey: an address, or the name of a key here
    #[arg(default_value = "default")]
    coldkey: String,
    /// First release epoch to show of what unbonds
    #[arg(long, value_name = "EPOCH", default_value_t = 0)]
    from: u64,
    /// Show whole addresses
    #[arg(long)]
    long: bool,
    #[command(flatten)]
    api: ApiArgs,
}

pub(super) fn run(global: &Global, args: &WalletArgs) -> Result<(), Failure> {
    let client = args.api.client(global)?;
    let coldkey = coldkey(global, &args.coldkey)?;
    let path = format!("/v1/accounts/{coldkey}?from={}", args.from);
    let mut value = client.get_value(&path).map_err(|error| {
        cured(error, 404, "Let somebody send it a transfer, or register a hotkey for it.")
    })?;
    if global.json {
        if let Value::Object(fields) = &mut value {
            fields.insert("schema".into(), "ganglion/wallet/1".into());
        }
        return output::print_json(&value);
    }
    let account: Account = client.typed(value)?;
    output::print(&text(&account, Pace::now(&client)?, args.long))
}

fn text(account: &Account, pace: Pace, long: bool) -> String {
    let mut text = format!(
        "coldkey     {}\nbalance     {} units\nin all      {} units\nnext nonce  {}\nafter       \
         epoch {}\n",
        account.coldkey,
        units(account.balance_rao),
        units(account.total_rao),
        account.nonce,
        account.epoch,
    );
    let address = |text: &str| if long { text.to_owned() } else { short(text) };
    section(&mut text, "Its participants", participants(account, &address));
    section(&mut text, "Delegated to others", delegations(account, &address));
    section(&mut text, "On the way", on_the_way(account, pace, &address));
    if let Some(next) = account.unbonding_next {
        text.push_str(&format!(
            "More unbonds: {} units in all; `--from {next}` shows the next.\n",
            units(account.unbonding_rao)
        ));
    }
    text
}

fn section(text: &mut String, head: &str, rows: Option<Rows>) {
    if let Some(rows) = rows {
        text.push_str(&format!("\n{head}\n{}", rows.render()));
    }
}

fn participants(account: &Account, address: &dyn Fn(&str) -> String) -> Option<Rows> {
    let heads = [">UID", "ROLE", "HOTKEY", ">OWN STAKE", ">DELEGATED", ">TAKE", ">PAID LAST"];
    let mut rows = Rows::new(&heads);
    for row in &account.participants {
        let is_validator = row.role == "validator";
        let of_validators =
            |text: String| Cell::new(if is_validator { text } else { String::new() });
        rows.add([
            Cell::new(row.uid),
            Cell::new(&row.role),
            Cell::new(address(&row.hotkey)),
            of_validators(units(row.own_stake())),
            of_validators(units(row.delegated_rao)),
            of_validators(percent(row.take)),
            Cell::new(units(row.paid_rao)),
        ]);
    }
    (!account.participants.is_empty()).then_some(rows)
}

fn delegations(account: &Account, address: &dyn Fn(&str) -> String) -> Option<Rows> {
    let mut rows = Rows::new(&[">UID", "HOTKEY", ">AMOUNT", ">TAKE"]);
    for one in &account.delegations {
        rows.add([
            Cell::new(one.uid),
            Cell::new(address(&one.hotkey)),
            Cell::new(units(one.amount_rao)),
            Cell::new(percent(one.take)),
        ]);
    }
    (!account.delegations.is_empty()).then_some(rows)
}

fn on_the_way(account: &Account, pace: Pace, address: &dyn Fn(&str) -> String) -> Option<Rows> {
    let mut rows = Rows::new(&[">AMOUNT", "WHAT", "HOTKEY", "WHEN"]);
    let mut waiting = |what: &str, queue: &[Waiting]| {
        for one in queue {
            rows.add([
                Cell::new(units(one.amount_rao)),
                Cell::new(what),
                Cell::new(address(&one.hotkey)),
                Cell::new(format!("until the end of {}", pace.end_of(one.moved_by))),
            ]);
        }
    };
    waiting("enters stake", &account.entering);
    waiting("leaves stake", &account.leaving);
    for one in &account.unbonding {
        rows.add([
            Cell::new(units(one.amount_rao)),
            Cell::new("unbonds"),
            Cell::new(address(&one.hotkey)),
            Cell::new(format!("at the end of {}", pace.end_of(one.release_epoch))),
        ]);
    }
    let any = !(account.entering.is_empty()
        && account.leaving.is_empty()
        && account.unbonding.is_empty());
    any.then_some(rows)
}
