//! `ganglion status`.

use std::fmt::Write as _;

use clap::Args;

use super::api::{ApiArgs, about, short_hash};
use super::exit::Failure;
use super::{Global, output};
use crate::api::types::{JoinStatus, Ready, Status, SyncStatus};
use crate::units::show_ms;

/// What a node does and how its subnet is.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ganglion status
  ganglion status --api http://127.0.0.1:7881 --json")]
pub(super) struct StatusArgs {
    #[command(flatten)]
    api: ApiArgs,
}

pub(super) fn run(global: &Global, args: &StatusArgs) -> Result<(), Failure> {
    let client = args.api.client(global)?;
    let value = client.get_value("/v1/status")?;
    if global.json {
        return output::print_json(&value);
    }
    let status: Status = client.typed(value)?;
    let ready: Ready = client.readiness()?;
    output::print(&text(&status, &ready))
}

fn joining(join: &JoinStatus) -> String {
    let JoinStatus { cut, epoch, chunks, chunks_all, bytes, bytes_all, bytes_per_second, eta_s } =
        join;
    if *chunks_all == 0 {
        return format!("certified cuts followed up to epoch {cut} of {epoch}");
    }
    let rate = bytes_per_second.map_or_else(String::new, |rate| {
        let left = eta_s.map_or_else(String::new, |left| format!(", {left} s left"));
        format!(", {rate} bytes/s{left}")
    });
    format!(
        "state of epoch {epoch}: {chunks} of {chunks_all} chunks, {bytes} of {bytes_all} bytes{rate}"
    )
}

fn catching_up(sync: &SyncStatus) -> String {
    let SyncStatus { verified, left, epochs_per_second, eta_s } = sync;
    let speed = match (epochs_per_second, eta_s) {
        (Some(rate), Some(eta)) => format!("{rate:.0} a second, {eta} s to go"),
        _ => "no answer yet".into(),
    };
    format!("{left} epochs are missing, {verified} were fetched and verified; {speed}")
}

fn text(status: &Status, ready: &Ready) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:10} {value}");
    };
    let uid = status.uid.map_or_else(String::new, |uid| format!(" uid {uid}"));
    line(
        "subnet",
        format!("{} ({}), task {}", status.name, short_hash(&status.subnet), status.task),
    );
    line("node", format!("{}{uid}, {}", status.role, status.hotkey));
    line("version", status.version.clone());
    let cut = short_hash(&status.cut);
    line("epoch", format!("{} certified, cut {cut}; closing {}", status.epoch, status.closing));
    let left = match status.deadline_in_ms {
        0 => "the window has closed".into(),
        ms => format!(
            "the window closes in {:.1} s",
            std::time::Duration::from_millis(ms).as_secs_f64()
        ),
    };
    let round = status.round.map_or_else(String::new, |round| format!(", round {round}"));
    line(
        "phase",
        format!("{}{round}; {left}; epochs of {}", status.phase, show_ms(status.epoch_ms)),
    );
    if let Some(join) = &status.joining {
        line("joining", joining(join));
    }
    if let Some(sync) = &status.sync {
        line("behind", catching_up(sync));
    }
    let signing = if status.signing { "yes" } else { "no" };
    line("signing", format!("{signing}: {}", status.signing_reason));
    line("worker", status.worker.clone());
    line("peers", format!("{} connected", status.peers));
    line(
        "stake",
        format!(
            "{} units in the committee, lists of {} came last; {} to certify, {} away halt it",
            about(status.stake_total_rao),
            about(status.stake_seen_rao),
            about(status.stake_to_certify_rao),
            about(status.stake_to_halt_rao),
        ),
    );
    line("missed", format!("{} epochs since it started", status.missed));
    for fork in &status.forks {
        let cuts = fork.cuts.join(" and ");
        let cuts = if cuts.is_empty() { "the kept proof is damaged".into() } else { cuts };
        line("FORKED", format!("epoch {} has two certified cuts: {cuts}", fork.epoch));
    }
    for address in &status.listen {
        line("listens", address.clone());
    }
    for reason in &ready.reasons {
        line("NOT READY", reason.clone());
    }
    for warning in &ready.warnings {
        line("warning", warning.clone());
    }
    text
}
