//! `ganglion metagraph`.

use clap::Args;
use comfy_table::{Cell, Color};

use super::api::{ApiArgs, Rows, about, share, short, short_hash};
use super::exit::Failure;
use super::sentence::percent;
use super::{Global, output};
use crate::api::types::{Metagraph, MetagraphRow};

/// All participants with what they earned in the last epoch.
#[derive(Debug, Args)]
#[command(after_help = "\
Amounts are units; consensus, trust, incentive and dividends are shares of one, as Yuma gives them.
A * behind the permit marks a validator that set no weights within the activity cutoff. STAKE is all
that stands behind it, DELEGATED what others put there, TAKE what its owner keeps of their part.

Examples:
  ganglion metagraph
  ganglion metagraph --long --api http://127.0.0.1:7881")]
pub(super) struct MetagraphArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// Show whole addresses, coldkeys, delegation and immunity
    #[arg(long)]
    long: bool,
}

pub(super) fn run(global: &Global, args: &MetagraphArgs) -> Result<(), Failure> {
    let client = args.api.client(global)?;
    let value = client.get_value("/v1/metagraph")?;
    if global.json {
        return output::print_json(&value);
    }
    let graph: Metagraph = client.typed(value)?;
    output::print(&text(&graph, args.long))
}

fn text(graph: &Metagraph, long: bool) -> String {
    let mut heads = vec![">UID", "ROLE", "HOTKEY"];
    if long {
        heads.push("COLDKEY");
    }
    heads.extend([
        ">STAKE",
        "PERMIT",
        ">CONSENSUS",
        ">TRUST",
        ">INCENTIVE",
        ">DIVIDENDS",
        ">PAID",
        ">RANK",
        ">UPDATED",
    ]);
    if long {
        heads.extend([">DELEGATED", ">TAKE", ">IMMUNE UNTIL"]);
    }
    let mut rows = Rows::new(&heads);
    for row in &graph.rows {
        rows.add(cells(graph.epoch, row, long));
    }
    format!("After epoch {}, cut {}\n\n{}", graph.epoch, short_hash(&graph.cut), rows.render())
}

fn cells(epoch: u64, row: &MetagraphRow, long: bool) -> Vec<Cell> {
    let address = |text: &str| if long { text.to_owned() } else { short(text) };
    let is_validator = row.role == "validator";
    let permit = match (row.permit, row.active) {
        (true, true) => "yes",
        (true, false) => "yes*",
        (false, _) if is_validator => "no",
        (false, _) => "",
    };
    let paid = Cell::new(about(row.paid_rao));
    let paid = if row.paid_rao.0 > 0 { paid.fg(Color::Green) } else { paid };
    let mut cells = vec![Cell::new(row.uid), Cell::new(&row.role), Cell::new(address(&row.hotkey))];
    if long {
        cells.push(Cell::new(&row.coldkey));
    }
    let of_validators = |text: String| Cell::new(if is_validator { text } else { String::new() });
    cells.extend([
        of_validators(about(row.stake_rao)),
        Cell::new(permit),
        Cell::new(share(row.consensus)),
        of_validators(share(row.validator_trust)),
        Cell::new(share(row.incentive)),
        of_validators(share(row.dividends)),
        paid,
        Cell::new(row.rank.map_or_else(String::new, |rank| rank.to_string())),
        of_validators(match epoch.saturating_sub(row.last_update) {
            0 => "now".into(),
            ago => format!("-{ago}"),
        }),
    ]);
    if long {
        let immune =
            if row.immune_until > epoch { row.immune_until.to_string() } else { String::new() };
        cells.extend([
            of_validators(about(row.delegated_rao)),
            of_validators(percent(row.take)),
            Cell::new(immune),
        ]);
    }
    cells
}
