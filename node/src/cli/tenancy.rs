//! `ganglion serve` and `deregister`: what a hotkey says of its own uid.

use clap::Args;
use ganglion_types::{Operation, Role};
use serde_json::json;

use super::exit::Failure;
use super::operation::{SendArgs, Sender};
use super::seat::{self, Seat, SeedArgs};
use super::{Global, standing};
use crate::keys::KeyPair;

/// Change what a hotkey does, or give a validator a new task-seed chain.
#[derive(Debug, Args)]
#[command(after_help = "\
A task-seed chain lasts 65,536 epochs; the next one has the next index. A validator that becomes a
miner keeps its stake, which counts for nothing then, and loses its permit, weights and bonds.
Restart its node with the worker that the new role needs.

Examples:
  ganglion serve --hotkey v1 --seed-index 1
  ganglion serve --hotkey m1 --role validator
  ganglion serve --hotkey v1 --role miner --dry-run")]
pub(super) struct ServeArgs {
    /// Hotkey that signs and holds a uid: a name here, or the path of its file
    #[arg(long, value_name = "NAME")]
    hotkey: String,
    /// What it will do [default: what it does now]
    #[arg(long, value_enum)]
    role: Option<Seat>,
    #[command(flatten)]
    seed: SeedArgs,
    #[command(flatten)]
    send: SendArgs,
}

/// Give a uid back. Its stake is released after the unbonding time.
#[derive(Debug, Args)]
#[command(after_help = "\
All stake behind the uid, its owner's and delegated, becomes balance unbonding_epochs later. Whoever
registers next may take the uid.

Examples:
  ganglion deregister --hotkey m1 --dry-run
  ganglion deregister --hotkey m1")]
pub(super) struct DeregisterArgs {
    /// Hotkey that signs and holds the uid: a name here, or the path of its file
    #[arg(long, value_name = "NAME")]
    hotkey: String,
    #[command(flatten)]
    send: SendArgs,
}

pub(super) fn serve(global: &Global, args: &ServeArgs) -> Result<(), Failure> {
    let sender = Sender::new(global, &args.send)?;
    let (signer, row) = sender.hotkey(&args.hotkey)?;
    let is_validator = row.role == Role::Validator.name();
    let now = if is_validator { Role::Validator } else { Role::Miner };
    let role = args.role.map_or(now, Role::from);
    let draft = Operation::Serve { role, seed_tail: seat::draft_tail(role) };
    let seal = |hotkey: &KeyPair, _| {
        Ok(Operation::Serve { role, seed_tail: args.seed.tail(role, hotkey) })
    };
    sender.send_sealed(&signer, draft, seal, |_| {
        let next = match role {
            Role::Validator => "Its tasks come from that chain from the next epoch on.",
            Role::Miner => "It may answer tasks from the next epoch on.",
        };
        Ok(standing::said(next, "role", json!(role.name())))
    })
}

pub(super) fn deregister(global: &Global, args: &DeregisterArgs) -> Result<(), Failure> {
    let sender = Sender::new(global, &args.send)?;
    let (signer, _) = sender.hotkey(&args.hotkey)?;
    let hotkey = signer.address();
    let ending = |sender: &Sender<'_>| standing::of(&sender.client, &signer.coldkey, Some(&hotkey));
    sender.send(&signer, Operation::Deregister, ending)
}
