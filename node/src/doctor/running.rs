//! The node itself, if it runs: what it says of itself.

use super::{Patient, Report};
use crate::api::types::{Ready, Status};
use crate::api::{ApiError, Client, reachable};
use crate::fault::Code;
use crate::http;

/// Of this program.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Whether the node answered.
pub(super) fn node(patient: &Patient, report: &mut Report) -> bool {
    let config = &patient.config;
    let address = match config.api.port() {
        0 => http::announced(&config.data_dir),
        _ => Some(config.api),
    };
    let client = address.and_then(|address| Client::new(&reachable(address).to_string()).ok());
    let asked = client.map(|client| ask(&client));
    match (asked, patient.held) {
        (Some(Ok((status, ready))), held) => return judge(patient, &status, &ready, held, report),
        (Some(Err(error)), Some(pid)) => {
            let process = pid.map_or_else(|| "a process".into(), |pid| format!("process {pid}"));
            report.error_cured(
                Code::HELD,
                format!("{process} holds the data directory and does not answer at {}: {error}", config.api),
                "If it is this node, end it with SIGTERM, and with SIGKILL if it is still there after ten \
                 seconds: nothing that it signed is lost. If it is another program, end that one.",
            );
        }
        (None, Some(_)) => report.error_cured(
            Code::HELD,
            "a process holds the data directory, and where its API is was not written down",
            "End it with SIGTERM, and start the node again.",
        ),
        (_, None) => report.note("stopped", "the node does not run"),
    }
    false
}

fn ask(client: &Client) -> Result<(Status, Ready), ApiError> {
    Ok((client.get("/v1/status")?, client.readiness()?))
}

fn judge(
    patient: &Patient,
    status: &Status,
    ready: &Ready,
    held: Option<Option<u32>>,
    report: &mut Report,
) -> bool {
    let own = patient.hotkey().is_none_or(|hotkey| hotkey.to_string() == status.hotkey);
    let subnet = status.subnet == patient.manifest.subnet_id().to_hex();
    if !(own && subnet && held.is_some()) {
        report.error(
            Code::OTHER_NODE,
            format!(
                "another node answers at {}: hotkey {}, subnet {}",
                patient.config.api, status.hotkey, status.name
            ),
        );
        return false;
    }
    report.good(
        "running",
        format!("{} certified, closing {}; {}", status.epoch, status.closing, status.phase),
    );
    if status.version != VERSION {
        report.warning(
            Code::VERSION,
            format!("version {} runs, and this program is {}", status.version, VERSION),
        );
    }
    if status.is_hidden() {
        report.warning(
            Code::HIDDEN,
            "others cannot connect to this node, and no relay takes connections for it",
        );
    }
    for reason in &ready.reasons {
        report.error(Code::NOT_READY, reason.as_str());
    }
    for warning in &ready.warnings {
        report.warning(Code::NOT_WELL, warning.as_str());
    }
    true
}
