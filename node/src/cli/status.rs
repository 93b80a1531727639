//! `ganglion status`.

use std::fmt::Write as _;

use clap::Args;

use super::api::{ApiArgs, about, short_hash};
use super::exit::Failure;
use super::{Global, output};
use crate::api::types::{JoinStatus, Ready, Status, SyncStatus};
use crate::fault::Code;
use crate::units::show_ms;

/// What a node does and how its subnet is.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ganglion status
  ganglion status --api http://127.0.0.1:7881 --json
  ganglion status --ready                            exit code 0 if the node does its part, else 1
  ganglion status --live                             the same for: its process answers")]
pub(super) struct StatusArgs {
    /// Say only whether the node does its part; the exit code is 1 if not
    #[arg(long, conflicts_with = "live")]
    ready: bool,
    /// Say only whether the node's process answers; a restart mends it if not
    #[arg(long)]
    live: bool,
    #[command(flatten)]
    api: ApiArgs,
}

pub(super) fn run(global: &Global, args: &StatusArgs) -> Result<(), Failure> {
    let client = args.api.client(global)?;
    if args.live {
        client.get_text("/healthz")?;
        return output::print("live\n");
    }
    if args.ready {
        return ready(global, &client.readiness()?);
    }
    let value = client.get_value("/v1/status")?;
    if global.json {
        return output::print_json(&value);
    }
    let status: Status = client.typed(value)?;
    let ready: Ready = client.readiness()?;
    output::print(&text(&status, &ready))
}

/// For probes, which read the exit code, and for people, who read why.
fn ready(global: &Global, ready: &Ready) -> Result<(), Failure> {
    if global.json {
        output::print_json(&serde_json::to_value(ready).map_err(anyhow::Error::new)?)?;
    }
    match &ready.reasons[..] {
        _ if ready.ready && global.json => Ok(()),
        _ if ready.ready => output::print("ready\n"),
        reasons => {
            Err(Failure::check(Code::NOT_READY, format!("not ready: {}", reasons.join("; "))))
        }
    }
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
    if status.is_hidden() {
        line("hidden", "it is behind NAT, and no relay takes connections for it yet".into());
    }
    for reason in &ready.reasons {
        line("NOT READY", reason.clone());
    }
    for warning in &ready.warnings {
        line("warning", warning.clone());
    }
    text
}
