//! `ganglion db info`.

use std::fmt::Write as _;

use clap::Args;
use comfy_table::Cell;
use ganglion_storage::{
    Contents, Holder, OpenError, SCHEMA, Standing, Store, Watermark, certificate_log, inspect,
};
use serde_json::{Value, json};

use super::super::api::Rows;
use super::super::exit::Failure;
use super::super::stopped::NodeArgs;
use super::super::{Global, output};
use crate::api::types::Status;
use crate::api::{Client, reachable};
use crate::config::Config;
use crate::http;
use crate::node::NodeError;
use crate::units::show_bytes;

#[derive(Debug, Args)]
pub(in super::super) struct InfoArgs {
    #[command(flatten)]
    node: NodeArgs,
}

/// What only the tables know, from the tables of a stopped node or from a running one.
struct Applied {
    epoch: Option<u64>,
    signing: Option<String>,
    trouble: Option<String>,
}

pub(super) fn run(global: &Global, args: &InfoArgs) -> Result<(), Failure> {
    let (config, manifest) = args.node.resolve(global)?;
    let subnet = manifest.subnet_id();
    let seen = inspect(&config.data_dir, *subnet.as_bytes(), &[]).map_err(NodeError::from)?;
    let applied = match seen.holder {
        Holder::Process(_) => ask(&config),
        Holder::Nobody => open(&config, *subnet.as_bytes()),
    };
    if global.json {
        return output::print_json(&value(&config, &subnet.to_hex(), &seen, &applied));
    }
    output::print(&text(&config, &subnet.to_hex(), &seen, &applied))
}

fn open(config: &Config, subnet: [u8; 32]) -> Applied {
    let (epoch, trouble) = match Store::open(&config.data_dir, subnet) {
        Ok((_, found)) => (found.applied, None),
        // Nothing was ever kept here.
        Err(OpenError::NotInitialised { .. }) => (None, None),
        Err(error) => (None, Some(error.to_string())),
    };
    Applied { epoch, signing: None, trouble }
}

fn ask(config: &Config) -> Applied {
    let address = match config.api.port() {
        0 => http::announced(&config.data_dir),
        _ => Some(config.api),
    };
    let status = address.and_then(|address| {
        Client::new(&reachable(address).to_string()).ok()?.get::<Status>("/v1/status").ok()
    });
    match status {
        Some(status) => Applied {
            epoch: Some(status.epoch),
            signing: Some(status.signing_reason),
            trouble: None,
        },
        None => Applied {
            epoch: None,
            signing: None,
            trouble: Some("the running node does not answer, so its tables cannot be seen".into()),
        },
    }
}

fn standing(seen: &Contents) -> (&'static str, String) {
    let retired = |mark: &Watermark| mark.retired;
    if let Ok(Some(mark)) = &seen.watermark {
        if retired(mark) {
            return ("retired", "signs nothing: its history was exported".into());
        }
        if mark.ahead {
            let text = format!("mute through epoch {}: then it signs again by itself", mark.epoch);
            return ("mute", text);
        }
    }
    match &seen.standing {
        Some(Standing::Whole { .. }) => ("whole", "may sign".into()),
        Some(Standing::MuteThrough { epoch }) => (
            "mute",
            format!(
                "mute through epoch {epoch}: its own votes there are not whole; then it signs again"
            ),
        ),
        Some(Standing::MuteUnknown) => (
            "mute",
            "mute: its watermark is gone; it signs again once one whole epoch has passed".into(),
        ),
        None => ("unknown", "written by a newer release".into()),
    }
}

fn value(config: &Config, subnet: &str, seen: &Contents, applied: &Applied) -> Value {
    let (certified, log_error) = match &seen.certificates {
        Ok(range) => (*range, None),
        Err(error) => (None, Some(error.to_string())),
    };
    let (mark, mark_error) = match &seen.watermark {
        Ok(mark) => (*mark, None),
        Err(error) => (None, Some(error.to_string())),
    };
    let holder = match seen.holder {
        Holder::Nobody => Value::Null,
        Holder::Process(pid) => json!({"pid": pid, "signing": applied.signing}),
    };
    let round_cut = |value: Option<ganglion_storage::RoundCut>| {
        value.map(|one| json!({"round": one.round, "cut": hex::encode(one.cut)}))
    };
    let damage: Vec<String> =
        [log_error, mark_error, applied.trouble.clone()].into_iter().flatten().collect();
    json!({
        "schema": "ganglion/db-info/1",
        "data_dir": config.data_dir,
        "subnet": subnet,
        "running": holder,
        "formats": {"tables": SCHEMA, "certificate_log": certificate_log::FORMAT},
        "epochs": {
            "first": certified.map(|(first, ..)| first),
            "certified": certified.map(|(_, last, _)| last),
            "applied": applied.epoch,
            "items_from": certified.map(|(.., whole)| whole),
        },
        "sizes": seen.groups.iter().map(|group| json!({
            "part": group.name, "files": group.files, "bytes": group.bytes,
        })).collect::<Vec<_>>(),
        "bytes": total(seen),
        "watermark": mark.map(|mark| json!({
            "epoch": mark.epoch, "round": mark.round, "step": mark.step,
            "locked": round_cut(mark.locked), "valid": round_cut(mark.valid),
            "item_numbers_reserved": mark.item_seq_reserved,
        })),
        "standing": standing(seen).0,
        "standing_means": standing(seen).1,
        "snapshots": seen.snapshots,
        "set_aside": seen.set_aside,
        "forks": seen.forks.iter().map(|(epoch, proof)| json!({"epoch": epoch, "proof_holds": proof}))
            .collect::<Vec<_>>(),
        "strays": seen.strays,
        "damage": damage,
    })
}

fn total(seen: &Contents) -> u64 {
    seen.groups.iter().fold(0, |sum, group| sum.saturating_add(group.bytes))
}

fn text(config: &Config, subnet: &str, seen: &Contents, applied: &Applied) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:12} {value}");
    };
    line("data dir", config.data_dir.display().to_string());
    line("subnet", subnet.into());
    line(
        "node",
        match seen.holder {
            Holder::Nobody => "stopped".into(),
            Holder::Process(Some(pid)) => format!("running as process {pid}"),
            Holder::Process(None) => "running".into(),
        },
    );
    line("formats", format!("tables {SCHEMA}, certificate log {}", certificate_log::FORMAT));
    match &seen.certificates {
        Ok(None) => line("certified", "no epoch yet".into()),
        Ok(Some((first, last, whole))) => {
            let items = match (whole <= first, whole <= last) {
                (true, _) => "all with items".into(),
                (false, true) => format!("with items from {whole} on"),
                (false, false) => "none with items".into(),
            };
            line("certified", format!("epochs {first} to {last}, {items}"));
        }
        Err(error) => line("certified", format!("DAMAGED: {error}")),
    }
    match (applied.epoch, &applied.trouble) {
        (_, Some(trouble)) => line("applied", format!("unknown: {trouble}")),
        (Some(epoch), None) => line("applied", format!("epoch {epoch}")),
        (None, None) => line("applied", "nothing yet".into()),
    }
    match &seen.watermark {
        Ok(Some(mark)) => line(
            "signed",
            format!(
                "up to epoch {}, round {}; item numbers below {} are used",
                mark.epoch, mark.round, mark.item_seq_reserved
            ),
        ),
        Ok(None) => line("signed", "unknown: the watermark is gone".into()),
        Err(error) => line("signed", format!("unknown: {error}")),
    }
    let means = applied.signing.clone().unwrap_or_else(|| standing(seen).1);
    line("signing", means);
    let list =
        |epochs: Vec<String>| if epochs.is_empty() { "none".into() } else { epochs.join(", ") };
    line("snapshots", list(seen.snapshots.iter().map(u64::to_string).collect()));
    for (epoch, proof) in &seen.forks {
        let proof = if *proof { "the proof holds" } else { "the proof is damaged" };
        line("FORK", format!("epoch {epoch} has two certified cuts, {proof}: the node is frozen"));
    }
    for path in &seen.set_aside {
        line("put aside", format!("{}: remove it when you need it no more", path.display()));
    }
    for path in &seen.strays {
        line("stray", format!("{}: not of this program", path.display()));
    }
    let mut rows = Rows::new(&["PART", ">FILES", ">BYTES", ">"]);
    for group in &seen.groups {
        let cells = [group.name.into(), group.files.to_string(), group.bytes.to_string()];
        let [name, files, bytes] = cells.map(Cell::new);
        rows.add([name, files, bytes, Cell::new(show_bytes(group.bytes))]);
    }
    let _ = write!(text, "\n{}", rows.render());
    let _ = writeln!(text, "in all {}", show_bytes(total(seen)));
    text
}
