//! `ganglion subnet parameters` and `revisions`: what is in force, and what is to change.

use std::fmt::Write as _;

use clap::Args;
use comfy_table::Cell;
use serde_json::Value;

use super::api::{ApiArgs, Rows, short, units};
use super::exit::Failure;
use super::pace::Pace;
use super::{Global, output};
use crate::api::Client;
use crate::api::types::{InForce, RevisionRow, Revisions};

/// Show a running subnet's parameters.
#[derive(Debug, Args)]
pub(super) struct ParametersArgs {
    /// Show those only that are no longer what the subnet began with
    #[arg(long)]
    changed: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// Show the revisions that wait.
#[derive(Debug, Args)]
pub(super) struct RevisionsArgs {
    #[command(flatten)]
    api: ApiArgs,
}

pub(super) fn parameters(global: &Global, args: &ParametersArgs) -> Result<(), Failure> {
    let client = args.api.client(global)?;
    if global.json {
        return print(&client, "/v1/parameters", "ganglion/parameters/1");
    }
    let all: InForce = client.get("/v1/parameters")?;
    let mut rows = Rows::new(&["NAME", ">VALUE", "UNIT", "CHANGED BY", ">AT GENESIS"]);
    let shown = |row: &&crate::api::types::ParameterRow| !args.changed || row.text != row.genesis;
    for row in all.parameters.iter().filter(shown) {
        let genesis = if row.text == row.genesis { "" } else { &row.genesis };
        rows.add(
            [&row.name, &row.text, &row.unit, &row.class]
                .map(Cell::new)
                .into_iter()
                .chain([Cell::new(genesis)]),
        );
    }
    output::print(&format!("In force in epoch {}\n\n{}", all.epoch, rows.render()))
}

pub(super) fn revisions(global: &Global, args: &RevisionsArgs) -> Result<(), Failure> {
    let client = args.api.client(global)?;
    if global.json {
        return print(&client, "/v1/revisions", "ganglion/revisions/1");
    }
    let all: Revisions = client.get("/v1/revisions")?;
    let pace = Pace::now(&client)?;
    let mut text = String::new();
    for one in &all.revisions {
        describe(&mut text, one, &all, pace);
    }
    if all.revisions.is_empty() {
        text.push_str("No revision waits.\n");
    }
    let owner = all.owner.as_deref().unwrap_or("nobody");
    let _ = writeln!(
        text,
        "\nThe owner is {owner}. The committee decides with {} of its {} units:",
        units(all.needed_rao),
        units(all.committee_rao)
    );
    let mut rows = Rows::new(&["COLDKEY", ">STAKE"]);
    for one in &all.approvers {
        rows.add([Cell::new(&one.coldkey), Cell::new(units(one.stake_rao))]);
    }
    text.push_str(&rows.render());
    output::print(&text)
}

fn print(client: &Client, path: &str, schema: &str) -> Result<(), Failure> {
    let mut value = client.get_value(path)?;
    if let Value::Object(fields) = &mut value {
        fields.insert("schema".into(), schema.into());
    }
    output::print_json(&value)
}

fn describe(text: &mut String, one: &RevisionRow, all: &Revisions, pace: Pace) {
    let changes: Vec<String> = one
        .changes
        .iter()
        .map(|change| format!("{} {} -> {}", change.name, change.from, change.to))
        .collect();
    let _ = writeln!(text, "revision {}  {}", one.id, changes.join(", "));
    let proposer = short(&one.proposer);
    let _ = writeln!(text, "  proposed   by {proposer} in epoch {}", one.proposed_at);
    if let Some(epoch) = one.decided_at {
        let _ = writeln!(text, "  decided    in epoch {epoch}");
        let _ = writeln!(text, "  holds      from {}", pace.from(one.effective));
        return;
    }
    let _ = writeln!(text, "  meant for  epoch {} at the earliest", one.effective);
    let _ = writeln!(
        text,
        "  approved   with {} of the {} units it needs",
        units(one.support_rao),
        units(all.needed_rao)
    );
    for approver in &one.approvals {
        let _ = writeln!(
            text,
            "             {} with {} units",
            approver.coldkey,
            units(approver.stake_rao)
        );
    }
    let _ = writeln!(text, "  lapses     at the end of {}", pace.end_of(one.lapses_at));
}
