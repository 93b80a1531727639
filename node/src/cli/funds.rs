//! `ganglion stake`, `unstake` and `transfer`: what an owner does with its units.

use clap::Args;
use ganglion_types::{Hotkey, Operation, Rao};

use super::api::{coldkey, hotkey};
use super::exit::Failure;
use super::operation::{ColdkeyArgs, Sender};
use super::{Global, standing};

/// How much stake moves, on which hotkey, and who signs for it.
#[derive(Debug, Args)]
pub(super) struct StakeMove {
    /// How much, in units
    pub(super) amount: Rao,
    /// Hotkey that holds the stake: an address, or the name of a key here
    #[arg(long, value_name = "ADDRESS")]
    pub(super) hotkey: String,
    #[command(flatten)]
    pub(super) sign: ColdkeyArgs,
}

/// Move balance of a coldkey to stake on one of its validators.
#[derive(Debug, Args)]
#[command(after_help = "\
What is staked leaves the balance at once and becomes stake at the end of an epoch. If more waits
than a tenth of the committee's stake, each epoch takes its part of everybody's.

Examples:
  ganglion stake 12.5 --hotkey v1 --coldkey treasury
  ganglion stake 12.5 --hotkey v1 --coldkey treasury --dry-run")]
pub(super) struct StakeArgs {
    #[command(flatten)]
    stake: StakeMove,
}

/// Move stake back to the balance of its coldkey.
#[derive(Debug, Args)]
#[command(after_help = "\
It leaves stake at the end of an epoch, in turn as with `ganglion stake`, and becomes balance
unbonding_epochs later (`ganglion subnet parameters`). `ganglion wallet` shows what waits.

Examples:
  ganglion unstake 2 --hotkey v1 --coldkey treasury")]
pub(super) struct UnstakeArgs {
    #[command(flatten)]
    stake: StakeMove,
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
    sign: ColdkeyArgs,
}

pub(super) fn stake(global: &Global, args: &StakeArgs) -> Result<(), Failure> {
    args.stake.send(global, |hotkey, amount| Operation::Stake { hotkey, amount })
}

pub(super) fn unstake(global: &Global, args: &UnstakeArgs) -> Result<(), Failure> {
    args.stake.send(global, |hotkey, amount| Operation::Unstake { hotkey, amount })
}

impl StakeMove {
    /// Sends the operation, and tells what its sender has then.
    pub(super) fn send(
        &self,
        global: &Global,
        operation: impl FnOnce(Hotkey, Rao) -> Operation,
    ) -> Result<(), Failure> {
        let hotkey = hotkey(global, &self.hotkey)?;
        run(global, &self.sign, operation(hotkey, self.amount), Some(&hotkey.to_string()))
    }
}

pub(super) fn transfer(global: &Global, args: &TransferArgs) -> Result<(), Failure> {
    let to = coldkey(global, &args.to)?;
    let operation = Operation::Transfer { to, amount: args.amount };
    run(global, &args.sign, operation, None)
}

/// Sends an operation of a coldkey that moves units, and tells what it has then.
fn run(
    global: &Global,
    args: &ColdkeyArgs,
    operation: Operation,
    hotkey: Option<&str>,
) -> Result<(), Failure> {
    let sender = Sender::new(global, &args.send)?;
    let signer = sender.coldkey(&args.coldkey)?;
    let ending = |sender: &Sender<'_>| standing::of(&sender.client, &signer.coldkey, hotkey);
    sender.send(&signer, operation, ending)
}
