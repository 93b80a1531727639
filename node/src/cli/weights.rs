//! `ganglion weights`.

use clap::Args;
use comfy_table::Cell;
use serde_json::json;

use super::api::{ApiArgs, Rows, cured, share, short};
use super::exit::Failure;
use super::{Global, output};
use crate::api::types::{EpochDetail, Status, WeightsRow};
use crate::fault::Code;

/// The weights that counted in an epoch, as shares of each validator's row.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ganglion weights
  ganglion weights --uid 0 --epoch 12")]
pub(super) struct WeightsArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// Only the row of this validator
    #[arg(long, value_name = "UID")]
    uid: Option<u16>,
    /// Which epoch [default: the last one]
    #[arg(long, value_name = "EPOCH")]
    epoch: Option<u64>,
}

pub(super) fn run(global: &Global, args: &WeightsArgs) -> Result<(), Failure> {
    let client = args.api.client(global)?;
    let epoch = match args.epoch {
        Some(epoch) => epoch,
        None => client.get::<Status>("/v1/status")?.epoch,
    };
    let detail = client.get::<EpochDetail>(&format!("/v1/epochs/{epoch}"));
    let detail =
        detail.map_err(|error| cured(error, 404, "List them with `ganglion epoch list`."))?;
    if !detail.items_kept {
        let sentence = format!("the weights of epoch {epoch} are no longer kept by this node");
        return Err(Failure::input(Code::WEIGHTS_PRUNED, sentence));
    }
    let wanted = |row: &&WeightsRow| args.uid.is_none_or(|uid| row.uid == uid);
    let rows: Vec<&WeightsRow> = detail.weights.iter().filter(wanted).collect();
    if global.json {
        let schema = "ganglion/weights/1";
        return output::print_json(&json!({"schema": schema, "epoch": epoch, "weights": rows}));
    }
    if rows.is_empty() {
        let who = args.uid.map_or_else(String::new, |uid| format!(" of uid {uid}"));
        output::note(&format!("No weights{who} counted in epoch {epoch}."));
        return Ok(());
    }
    output::print(&format!("Epoch {epoch}\n\n{}", table(&rows)))
}

/// A line per miner, a column per validator.
fn table(rows: &[&WeightsRow]) -> String {
    let heads: Vec<String> = rows.iter().map(|row| format!(">uid {}", row.uid)).collect();
    let heads = std::iter::once(">ON UID").chain(heads.iter().map(String::as_str));
    let mut table = Rows::new(&heads.collect::<Vec<_>>());
    table.add(
        std::iter::once(Cell::new("")).chain(rows.iter().map(|r| Cell::new(short(&r.hotkey)))),
    );
    let mut targets: Vec<u16> =
        rows.iter().flat_map(|row| row.weights.iter().map(|w| w.0)).collect();
    targets.sort_unstable();
    targets.dedup();
    for target in targets {
        let shares = rows.iter().map(|row| Cell::new(share_of(row, target)));
        table.add(std::iter::once(Cell::new(target)).chain(shares));
    }
    table.render()
}

fn share_of(row: &WeightsRow, target: u16) -> String {
    let all: u64 = row.weights.iter().map(|(_, weight)| u64::from(*weight)).sum();
    let weight = row.weights.iter().find(|(uid, _)| *uid == target);
    let Some((_, weight)) = weight else { return "-".into() };
    let part = u64::from(*weight) * u64::from(u16::MAX) / all.max(1);
    share(u16::try_from(part).unwrap_or(u16::MAX))
}
