//! `ganglion subnet revise` and `approve`: how a subnet changes its own parameters.

use std::fmt::Write as _;

use clap::Args;
use ganglion_types::{Change, Epoch, Operation, Parameter, ParameterClass};
use serde_json::json;

use super::api::units;
use super::exit::Failure;
use super::operation::{ColdkeyArgs, Ending, Sender};
use super::{Global, output, standing};
use crate::api::types::{Amount, Approver, RevisionRow, Revisions};
use crate::parameters;

/// Propose new parameters of the subnet.
#[derive(Debug, Args)]
pub(super) struct ReviseArgs {
    /// What changes, with the names and units of the manifest, such as kappa=40000
    #[arg(required = true, value_name = "NAME=VALUE")]
    changes: Vec<String>,
    /// First epoch they hold in [default: the earliest there is]
    #[arg(long, value_name = "EPOCH")]
    effective: Option<u64>,
    #[command(flatten)]
    sign: ColdkeyArgs,
}

/// Approve a proposed revision.
#[derive(Debug, Args)]
pub(super) struct ApproveArgs {
    /// Its number, see `ganglion subnet revisions`
    id: u64,
    #[command(flatten)]
    sign: ColdkeyArgs,
}

pub(super) fn revise(global: &Global, args: &ReviseArgs) -> Result<(), Failure> {
    let changes = parameters::parse_all(&args.changes)?;
    let sender = Sender::new(global, &args.sign.send)?;
    let signer = sender.coldkey(&args.sign.coldkey)?;
    let before: Revisions = sender.client.get("/v1/revisions")?;
    let alone = class(&changes) == ParameterClass::Owner
        && before.owner.as_deref() == Some(signer.coldkey.as_str());
    let delay = if alone { before.owner_delay } else { before.revision_delay };
    let earliest = before.epoch.saturating_add(delay);
    let effective = args.effective.map_or(earliest, |epoch| epoch.max(earliest));
    if args.effective.is_some_and(|epoch| epoch < earliest) {
        output::note(&format!("Note: epoch {earliest} is the earliest; asking for that."));
    }
    output::note(&who_decides(&changes, &before, &signer.coldkey, alone));
    let operation = Operation::Revise { effective: Epoch::new(effective), changes };
    sender.send(&signer, operation, |sender| {
        let after: Revisions = sender.client.get("/v1/revisions")?;
        // The newest of this proposer that was not there before.
        let known = |id: u64| before.revisions.iter().any(|one| one.id == id);
        let mine = |one: &&RevisionRow| one.proposer == signer.coldkey && !known(one.id);
        Ok(told(after.revisions.iter().rfind(mine), &after))
    })
}

pub(super) fn approve(global: &Global, args: &ApproveArgs) -> Result<(), Failure> {
    let sender = Sender::new(global, &args.sign.send)?;
    let signer = sender.coldkey(&args.sign.coldkey)?;
    let operation = Operation::Approve { revision: args.id };
    sender.send(&signer, operation, |sender| {
        let after: Revisions = sender.client.get("/v1/revisions")?;
        Ok(told(after.revisions.iter().find(|one| one.id == args.id), &after))
    })
}

/// Who decides a revision: the committee, if that is asked for any of the changes.
fn class(changes: &[Change]) -> ParameterClass {
    let classes = changes.iter().filter_map(|one| Parameter::of(one.parameter));
    classes.map(|one| one.class).max().unwrap_or(ParameterClass::Committee)
}

fn who_decides(changes: &[Change], state: &Revisions, signer: &str, alone: bool) -> String {
    if alone {
        return "The owner alone decides this.".into();
    }
    let committee = changes.iter().filter_map(|one| Parameter::of(one.parameter));
    let names: Vec<&str> = committee
        .filter(|one| one.class == ParameterClass::Committee)
        .map(|one| one.name)
        .collect();
    let mut text = match names.is_empty() {
        true => "The owner would decide this alone; from anybody else it".to_owned(),
        false => format!("{} {} the committee's: this", names.join(", "), verb(names.len())),
    };
    let own = state.approvers.iter().find(|one| one.coldkey == signer);
    let own = own.map_or(Amount(0), |one| one.stake_rao);
    let _ = write!(
        text,
        " needs approvals with {} of the committee's {} units; yours has {}.",
        units(state.needed_rao),
        units(state.committee_rao),
        units(own)
    );
    let others: Vec<&Approver> =
        state.approvers.iter().filter(|one| one.coldkey != signer).take(8).collect();
    if own < state.needed_rao && !others.is_empty() {
        text.push_str(" Who else may approve:");
        for one in others {
            let _ = write!(text, "\n  {} with {} units", one.coldkey, units(one.stake_rao));
        }
    }
    text
}

const fn verb(names: usize) -> &'static str {
    if names == 1 { "is" } else { "are" }
}

/// How a revision stands.
fn told(revision: Option<&RevisionRow>, state: &Revisions) -> Ending {
    let Some(one) = revision else {
        return standing::said(
            "It no longer waits: `ganglion subnet parameters` shows what is in force.",
            "revision",
            json!(null),
        );
    };
    let text = match one.decided_at {
        Some(_) => {
            format!("Revision {} is decided and holds from epoch {} on.", one.id, one.effective)
        }
        None => format!(
            "Revision {} waits: {} of the {} units it needs stand behind it. Others approve it with \
             `ganglion subnet approve {} --coldkey NAME`, until epoch {}.",
            one.id,
            units(one.support_rao),
            units(state.needed_rao),
            one.id,
            one.lapses_at
        ),
    };
    standing::said(text, "revision", json!(one))
}
