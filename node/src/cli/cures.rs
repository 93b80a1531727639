//! What to do about a rule that says no to an operation.

use super::exit::{Exit, Failure};
use super::pace::Pace;
use crate::api::types::OpCheck;

/// What a check says, as a failure with its next step.
pub(super) fn refusal(check: &OpCheck, pace: Pace) -> Failure {
    let would = if check.admissible { "it would fail" } else { "it would be refused" };
    let message = check.message.as_deref().unwrap_or("the node gives no reason");
    let cure = cure(check.rule.as_deref().unwrap_or_default());
    let cure = match check.passes_from_epoch {
        Some(epoch) => {
            format!("It passes from {}, if nothing else changes. {cure}", pace.from(epoch))
        }
        None => cure.to_owned(),
    };
    Failure::new(Exit::Failed, format!("{would}: {message}"), cure)
}

/// The next step after a rule of the ledger (`docs/spec/operations.md`) said no.
fn cure(rule: &str) -> &'static str {
    match rule {
        "balance" => {
            "Give a smaller amount; `ganglion wallet` shows what is there and what is on its way."
        }
        "stake" => "Give a smaller amount; `ganglion wallet` shows what may leave.",
        "not_registered" => {
            "`ganglion metagraph --long` lists the hotkeys; one joins with `ganglion register`."
        }
        "not_owned" => {
            "Name its owner with --coldkey, or stand behind it with `ganglion delegate`."
        }
        "own" => "Your own hotkeys take `ganglion stake` and `ganglion unstake`.",
        "not_validator" => {
            "Name a validator's hotkey; a miner becomes one with `ganglion serve --role validator`."
        }
        "receiver" => "Send at least that much, or check the address.",
        "last_member" => "Leave some stake, or wait until another validator has a permit.",
        "hotkey_taken" | "already_registered" => "Another uid takes another hotkey.",
        "former_hotkey" => "Take a fresh hotkey: `ganglion keys new --role hotkey --name NAME`.",
        "epoch_limit" => "Send it again in the next epoch.",
        "full" => "Wait until a uid falls vacant, or choose another subnet.",
        "registration_closed" => "Stand behind one that takes part: `ganglion delegate`.",
        "price" => "Raise --max-price, or wait: the price halves each epoch that nobody pays it.",
        "small_delegation" => "Delegate more.",
        "delegators" => "Choose another validator: `ganglion metagraph`.",
        "take_raise" => "A take may be lowered at any time.",
        "take" => "18 % is the most.",
        "rules" | "change" => {
            "`ganglion subnet parameters` shows names, units and what is in force now."
        }
        "effective" => "Name an earlier epoch with --effective.",
        "own_revisions" | "revisions" | "no_revision" | "approved" => {
            "`ganglion subnet revisions` shows those that wait."
        }
        "no_voice" => {
            "Sign with the coldkey of a committee member; `ganglion subnet revisions` lists them."
        }
        "nonce" => "Leave --nonce out: the next one is taken then.",
        "no_account" => "Let somebody send it a transfer, or register a hotkey for it.",
        "min_balance" => "Let somebody send it a transfer.",
        "expired" | "too_far_ahead" => "Run the command again.",
        "weak_key" => "Use a key that `ganglion keys new` made.",
        "little_work" | "stale_work" => "Run the command again: it works anew.",
        _ => "docs/spec/operations.md has the rule; --force sends it all the same.",
    }
}
