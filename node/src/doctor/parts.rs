//! The worker, and the chain of anchors.

use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;

use super::machine::PATIENCE;
use super::{Patient, Report};
use crate::anchors::chains;
use crate::config::{AnchorBackend, Worker};
use crate::fault::Code;
use crate::models;
use crate::worker::{Role, WorkerHandle, WorkerSpec, WorkerState};

/// Longest wait for a chain's node, which asks several things.
const CHAIN_PATIENCE: Duration = PATIENCE.saturating_mul(3);

pub(super) async fn worker(patient: &Patient, report: &mut Report) {
    let task = &patient.manifest.task;
    match &patient.config.worker {
        Worker::Auto => match models::builtin(&task.scorer) {
            Ok(_) => report.good("worker", format!("{}, if the node is a validator", task.scorer)),
            Err(error) => report.warning_cured(
                Code::WORKER_UNKNOWN,
                format!("the manifest's scorer: {error}"),
                "A newer release may have it; else set worker_command to a program that scores these tasks.",
            ),
        },
        Worker::Builtin(name) => match models::builtin(name) {
            Err(error) => report.failed(Code::WORKER_UNKNOWN, &error),
            Ok(found) if found.task != task.task_type => report.error(
                Code::WORKER_TASK,
                format!(
                    "{name} answers tasks of type {}, the subnet's are {}",
                    found.task, task.task_type
                ),
            ),
            Ok(_) => report.good("worker", format!("{name}, which comes with the node")),
        },
        Worker::Command(command) => program(patient, command, report).await,
    }
}

async fn program(patient: &Patient, command: &[String], report: &mut Report) {
    let Some(word) = command.first() else { return };
    match find(word) {
        Found::Runs => {}
        Found::No => {
            return report
                .error(Code::WORKER_MISSING, format!("the worker's program {word} is not there"));
        }
        Found::Forbidden => {
            return report.error_cured(
                Code::WORKER_NOT_EXECUTABLE,
                format!("the worker's program {word} cannot be run"),
                format!("Run: chmod +x {}", crate::files::shell_word(word)),
            );
        }
    }
    let seat =
        patient.manifest.participants.iter().find(|one| Some(one.hotkey) == patient.hotkey());
    let role = match seat.map(|seat| seat.role) {
        Some(ganglion_types::Role::Validator) => Role::Validator,
        _ => Role::Miner,
    };
    let subnet = patient.manifest.subnet_id().to_hex();
    let spec = WorkerSpec::new(command.to_vec(), role, &subnet, &patient.manifest.task.task_type);
    let handle = WorkerHandle::spawn(spec);
    let mut state = handle.state();
    let settled = state.wait_for(|state| *state != WorkerState::Starting);
    let settled = timeout(handle.limits().hello * 2, settled).await;
    let reason = match settled {
        Ok(Ok(state)) => match &*state {
            WorkerState::Ready(info) => {
                report.good("worker", format!("{} {} answers", info.name, info.version));
                None
            }
            WorkerState::BackOff { reason, .. } => Some(reason.clone()),
            WorkerState::Starting | WorkerState::Stopped => Some("it is stopped".into()),
        },
        Ok(Err(_)) | Err(_) => Some("it does not answer".into()),
    };
    handle.stop().await;
    if let Some(reason) = reason {
        report.error_cured(
            Code::WORKER_SILENT,
            format!("the worker does not come up: {reason}"),
            "Run its command by hand to see what it says; `ganglion worker check -- COMMAND` measures it, and \
             docs/spec/worker.md has the few methods.",
        );
    }
}

enum Found {
    Runs,
    No,
    Forbidden,
}

/// The program as the system would look for it.
fn find(word: &str) -> Found {
    if word.contains('/') {
        return runs(Path::new(word));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = Found::No;
    for dir in std::env::split_paths(&path) {
        match runs(&dir.join(word)) {
            Found::Runs => return Found::Runs,
            Found::Forbidden => found = Found::Forbidden,
            Found::No => {}
        }
    }
    found
}

fn runs(path: &Path) -> Found {
    let Ok(meta) = path.metadata() else { return Found::No };
    if !meta.is_file() {
        return Found::No;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if meta.permissions().mode() & 0o111 == 0 {
            return Found::Forbidden;
        }
    }
    Found::Runs
}

pub(super) async fn anchor(patient: &Patient, report: &mut Report) {
    match &patient.config.anchor.backend {
        AnchorBackend::None => {
            report.note("anchor", "epochs are anchored nowhere, as the settings say")
        }
        AnchorBackend::Embedded => report.good("anchor", "epochs go to a signed log of this node"),
        outside => match chains::open(outside, patient.pair()) {
            Ok(chain) => ask(patient, chain.as_ref(), report).await,
            Err(error) => report.error(Code::ANCHOR_KEY, format!("anchors: {error}")),
        },
    }
}

/// Asks a chain the way the node does.
async fn ask(patient: &Patient, chain: &dyn ganglion_chain::Anchor, report: &mut Report) {
    if !patient.online {
        return;
    }
    let survey = match timeout(CHAIN_PATIENCE, chain.survey()).await {
        Ok(Ok(survey)) => survey,
        Ok(Err(error)) => {
            return report.error(Code::ANCHOR_CHAIN, format!("the chain of anchors: {error}"));
        }
        Err(_) => {
            return report.error_cured(
                Code::ANCHOR_CHAIN,
                "the chain of anchors does not answer",
                "Check that the node at anchor_rpc runs and can be reached from here.",
            );
        }
    };
    let price = survey.price;
    match survey.balance {
        None => {
            report.note("anchor", "there is no key that pays: anchors are looked for, and not made")
        }
        Some(balance) if balance < price => report.error(
            Code::ANCHOR_POOR,
            format!("the account that pays holds {balance}, and one anchor may cost {price}"),
        ),
        Some(balance) if balance / 20 < price => report.warning(
            Code::ANCHOR_POOR,
            format!(
                "the account that pays holds {balance}, enough for {} anchors",
                balance / price.max(1)
            ),
        ),
        Some(_) => report.good("anchor", format!("the chain answers at height {}", survey.height)),
    }
}
