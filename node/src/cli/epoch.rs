//! `ganglion epoch`.

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use comfy_table::{Cell, Color};

use super::api::{ApiArgs, Rows, about, cured, share, short, short_hash, units};
use super::exit::Failure;
use super::{Global, audit, output};
use crate::api::types::{EpochDetail, EpochSummary, Status};
use crate::api::{Client, Explanation};
use crate::audit::ASK_AN_ARCHIVE;
use crate::units::show_time;

/// Decided epochs.
#[derive(Debug, Subcommand)]
pub(super) enum EpochCommand {
    /// List the last epochs
    List(ListArgs),
    /// Show one epoch: its cut, its certificate and what it paid
    #[command(after_help = "\
Examples:
  ganglion epoch show               the last one
  ganglion epoch show 12 --explain  in plain words, how each reward came about")]
    Show(ShowArgs),
    /// Write a proof of one row, for anybody to check with `ganglion verify`
    #[command(after_help = "\
Examples:
  ganglion epoch prove 12 m1 > proof.json
  ganglion epoch prove 12 m1 --from-checkpoint 8 --dir ~/.ganglion/nodes/v1 > proof.json")]
    Prove(audit::ProveArgs),
    /// Execute an epoch again, and compare every stage with what is stored
    #[command(after_help = "\
Examples:
  ganglion epoch replay 12                              by a running node, beside its work
  ganglion epoch replay 12 --dir ~/.ganglion/nodes/v1   by this process, while the node is stopped")]
    Replay(audit::EpochArgs),
    /// Write all rows behind the roots of an epoch
    Export(audit::EpochArgs),
    /// Name the first stage and row in which an epoch differs from another node's
    #[command(after_help = "\
Examples:
  ganglion epoch diff 12 --with 10.0.0.2:7880
  ganglion epoch export 12 --api 10.0.0.2:7880 > theirs.json
  ganglion epoch diff 12 --with theirs.json --dir ~/.ganglion/nodes/v1")]
    Diff(audit::DiffArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// Rise from this epoch on, in place of the last ones
    #[arg(long, value_name = "EPOCH")]
    from: Option<u64>,
    /// How many, 1 to 100
    #[arg(long, value_name = "COUNT", default_value_t = 20,
        value_parser = clap::value_parser!(u64).range(1..=100))]
    limit: u64,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// Which epoch [default: the last one]
    epoch: Option<u64>,
    /// Say in plain words how each reward came about
    #[arg(long)]
    explain: bool,
}

pub(super) fn run(global: &Global, command: EpochCommand) -> Result<(), Failure> {
    match command {
        EpochCommand::List(args) => list(global, &args),
        EpochCommand::Show(args) => show(global, &args),
        EpochCommand::Prove(args) => audit::prove(global, &args),
        EpochCommand::Replay(args) => audit::replay(global, &args),
        EpochCommand::Export(args) => audit::export(global, &args),
        EpochCommand::Diff(args) => audit::diff(global, &args),
    }
}

fn list(global: &Global, args: &ListArgs) -> Result<(), Failure> {
    let client = args.api.client(global)?;
    let from = args.from.map_or_else(String::new, |from| format!("&from={from}"));
    let value = client.get_value(&format!("/v1/epochs?limit={}{from}", args.limit))?;
    if global.json {
        return output::print_json(&value);
    }
    let epochs: Vec<EpochSummary> = client.typed(value)?;
    let mut rows = Rows::new(&[
        ">EPOCH",
        "CUT",
        "TIME",
        ">ROUND",
        ">SIGNERS",
        ">LISTS",
        ">ITEMS",
        ">PAID OUT",
        ">LATENCY",
        "",
    ]);
    for epoch in &epochs {
        let latency = epoch.latency_ms.map_or_else(String::new, |ms| format!("{ms} ms"));
        let missed = match epoch.missed {
            true => Cell::new("missed").fg(Color::Red),
            false => Cell::new(""),
        };
        rows.add([
            Cell::new(epoch.epoch),
            Cell::new(short_hash(&epoch.cut)),
            Cell::new(show_time(epoch.time)),
            Cell::new(epoch.round),
            Cell::new(epoch.signers),
            Cell::new(epoch.lists),
            Cell::new(epoch.items),
            Cell::new(about(epoch.emitted_rao)),
            Cell::new(latency),
            missed,
        ]);
    }
    output::print(&rows.render())
}

fn show(global: &Global, args: &ShowArgs) -> Result<(), Failure> {
    let client = args.api.client(global)?;
    let epoch = match args.epoch {
        Some(epoch) => epoch,
        None => client.get::<Status>("/v1/status")?.epoch,
    };
    let (path, explain) = (format!("/v1/epochs/{epoch}"), args.explain);
    let path = if explain { format!("{path}/explain") } else { path };
    let value = client.get_value(&path).map_err(|error| match error.status() {
        Some(410) => cured(error, 410, ASK_AN_ARCHIVE),
        _ => cured(error, 404, "List the epochs with `ganglion epoch list`."),
    })?;
    if global.json {
        return output::print_json(&value);
    }
    if explain {
        let explanation: Explanation = client.typed(value)?;
        return output::print(&explanation_text(&explanation));
    }
    let detail: EpochDetail = typed_detail(&client, value)?;
    output::print(&detail_text(&detail))
}

fn typed_detail(client: &Client, value: serde_json::Value) -> Result<EpochDetail, Failure> {
    Ok(client.typed(value)?)
}

fn explanation_text(explanation: &Explanation) -> String {
    let rows = explanation.rows.iter().map(|row| &row.text);
    let mut text = String::new();
    for paragraph in explanation.summary.iter().chain(rows) {
        text.push_str(&wrapped(paragraph));
        text.push('\n');
    }
    text
}

/// Lines of at most 100 characters, the second and later ones indented.
fn wrapped(paragraph: &str) -> String {
    let (mut text, mut width) = (String::new(), 0);
    for word in paragraph.split(' ') {
        let long = word.chars().count();
        if width > 0 && width + 1 + long > 100 {
            text.push_str("\n  ");
            width = 2;
        } else if width > 0 {
            text.push(' ');
            width += 1;
        }
        text.push_str(word);
        width += long;
    }
    text.push('\n');
    text
}

fn detail_text(detail: &EpochDetail) -> String {
    let head = &detail.summary;
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:12} {value}");
    };
    line("epoch", head.epoch.to_string());
    line("cut", head.cut.clone());
    line("after", head.prev.clone());
    line("result root", head.result_root.clone());
    line("state root", head.state_root.clone());
    line("time", show_time(head.time));
    let latency =
        head.latency_ms.map_or_else(String::new, |ms| format!(", {ms} ms after the deadline"));
    let missed = if head.missed { ", MISSED: too late" } else { "" };
    line("decided", format!("in round {}{latency}{missed}", head.round));
    let signed = units(head.signed_rao);
    line("certificate", format!("{} signers with {signed} units of stake", head.signers));
    let kinds: Vec<String> =
        detail.item_kinds.iter().map(|(kind, many)| format!("{many} {kind}")).collect();
    let kinds = match kinds.is_empty() {
        _ if !detail.items_kept => format!("{}, no longer kept by this node", head.items),
        true => "none".into(),
        false => kinds.join(", "),
    };
    line("items", format!("{kinds}; named by {} lists", head.lists));
    line("paid out", format!("{} units", units(head.emitted_rao)));
    if !detail.rows.is_empty() {
        let mut rows = Rows::new(&[
            ">UID",
            "HOTKEY",
            ">CONSENSUS",
            ">TRUST",
            ">INCENTIVE",
            ">DIVIDENDS",
            ">PAID",
        ]);
        for row in &detail.rows {
            rows.add([
                Cell::new(row.uid),
                Cell::new(short(&row.hotkey)),
                Cell::new(share(row.consensus)),
                Cell::new(share(row.validator_trust)),
                Cell::new(share(row.incentive)),
                Cell::new(share(row.dividends)),
                Cell::new(about(row.paid_rao)),
            ]);
        }
        let _ = write!(text, "\n{}", rows.render());
    }
    if !detail.operations.is_empty() {
        let mut rows = Rows::new(&["OPERATION", "BY", "OUTCOME"]);
        for one in &detail.operations {
            let cells = [one.operation.clone(), short(&one.signer), one.outcome.clone()];
            rows.add(cells.map(Cell::new));
        }
        let _ = write!(text, "\n{}", rows.render());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_are_wrapped_at_words() {
        let text = wrapped(&"word ".repeat(50));
        assert!(text.lines().count() > 2);
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with("  word")), "{text}");
        assert_eq!(text.split_whitespace().count(), 50);
    }
}
