//! `ganglion delegate`, `undelegate` and `take`: stake behind somebody else's validator.

use clap::Args;
use ganglion_types::{Operation, Rao};
use serde_json::json;

use super::api::hotkey;
use super::exit::Failure;
use super::funds::StakeMove;
use super::operation::{ColdkeyArgs, Sender};
use super::sentence::percent;
use super::{Global, standing};

/// Put balance at stake behind somebody else's validator.
#[derive(Debug, Args)]
#[command(after_help = "\
Of what it earns by validating its owner keeps the take (`ganglion metagraph --long`); the rest is
paid by stake, yours to your balance, every epoch. It becomes stake at the end of an epoch, in
turn as with `ganglion stake`. If the validator is slashed, so is what stands behind it.

Examples:
  ganglion delegate 10 --hotkey 5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu --coldkey treasury
  ganglion delegate 10 --hotkey v1 --coldkey treasury --dry-run")]
pub(super) struct DelegateArgs {
    #[command(flatten)]
    stake: StakeMove,
}

/// Take delegated stake back.
#[derive(Debug, Args)]
#[command(after_help = "\
It leaves stake at the end of an epoch and becomes balance unbonding_epochs later. A rest below
min_balance leaves with it (`ganglion subnet parameters` shows both).

Examples:
  ganglion undelegate 4 --hotkey 5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu --coldkey treasury")]
pub(super) struct UndelegateArgs {
    #[command(flatten)]
    stake: StakeMove,
}

/// Set the share that a validator's owner keeps of what delegated stake earns.
#[derive(Debug, Args)]
#[command(after_help = "\
At most 18 %, which is also what a hotkey begins with. It may be lowered at any time, and raised
once in 600 epochs.

Examples:
  ganglion take 9% --hotkey v1 --coldkey treasury
  ganglion take 12.5% --hotkey v1 --coldkey treasury --dry-run")]
pub(super) struct TakeArgs {
    /// The share, in percent
    #[arg(value_name = "PERCENT", value_parser = parse_percent)]
    take: u16,
    /// A hotkey of the coldkey: an address, or the name of a key here
    #[arg(long, value_name = "ADDRESS")]
    hotkey: String,
    #[command(flatten)]
    sign: ColdkeyArgs,
}

pub(super) fn delegate(global: &Global, args: &DelegateArgs) -> Result<(), Failure> {
    args.stake.send(global, |hotkey, amount| Operation::Delegate { hotkey, amount })
}

pub(super) fn undelegate(global: &Global, args: &UndelegateArgs) -> Result<(), Failure> {
    args.stake.send(global, |hotkey, amount| Operation::Undelegate { hotkey, amount })
}

pub(super) fn take(global: &Global, args: &TakeArgs) -> Result<(), Failure> {
    let hotkey = hotkey(global, &args.hotkey)?;
    let sender = Sender::new(global, &args.sign.send)?;
    let signer = sender.coldkey(&args.sign.coldkey)?;
    let operation = Operation::SetTake { hotkey, take: args.take };
    sender.send(&signer, operation, |_| {
        let text = format!("Its owner keeps {} from the next epoch on.", percent(args.take));
        Ok(standing::said(text, "take", json!(args.take)))
    })
}

/// Reads `12.5%` as 65535ths, rounded down.
fn parse_percent(text: &str) -> Result<u16, String> {
    let wrong = || "must be a share in percent, such as 9% or 12.5%".to_owned();
    let number = text.trim().strip_suffix('%').ok_or_else(wrong)?.trim();
    // Nine decimals, as an amount has.
    let share: Rao = number.parse().map_err(|_| wrong())?;
    let whole = u128::from(Rao::PER_UNIT) * 100;
    let part = u128::from(share.get()) * 65_535 / whole;
    u16::try_from(part).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_is_read_as_it_is_told() {
        for (text, share) in
            [("0%", 0), ("18%", 11_796), ("100 %", u16::MAX), ("12.5%", 8_191), ("0.001%", 0)]
        {
            assert_eq!(parse_percent(text), Ok(share), "{text}");
        }
        for bad in ["18", "0.18", "%", "-1%", "101%", "x%"] {
            assert!(parse_percent(bad).is_err(), "{bad}");
        }
    }
}
