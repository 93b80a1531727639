//! `ganglion doctor`.

use std::fmt::Write as _;

use clap::Args;
use serde_json::json;

use super::exit::Failure;
use super::{Global, output};
use crate::config::ConfigArgs;
use crate::doctor::{self, Level, Report};
use crate::fault::Code;

/// Find what hinders a node, and how to mend it.
#[derive(Debug, Args)]
#[command(after_help = "\
Looks at settings, manifest, key, data directory, disk, memory, clock, ports, bootnodes, worker
and anchors, and at the node itself if it runs. Takes the flags of `ganglion run`. Nothing is
changed; the worker is started once, and bootnodes and the chain of anchors are asked.

Exit codes: 0 nothing hinders the node, 1 something does, or with --strict a warning.

Examples:
  ganglion doctor --node v1
  ganglion doctor --node v1 --offline --json | jq '.findings[] | select(.level == \"error\")'")]
pub(super) struct DoctorArgs {
    /// Ask no other machine
    #[arg(long)]
    offline: bool,
    /// Fail for warnings too
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(global: &Global, args: &DoctorArgs) -> Result<(), Failure> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(anyhow::Error::new)?;
    let env = |name: &str| std::env::var(name).ok();
    let home = global.home();
    let report = runtime.block_on(doctor::examine(&args.config, &home, &env, !args.offline));
    runtime.shutdown_background();
    let (errors, warnings) = (report.count(Level::Error), report.count(Level::Warning));
    if global.json {
        output::print_json(&json!({
            "schema": "ganglion/doctor/1",
            "errors": errors,
            "warnings": warnings,
            "findings": report.findings,
        }))?;
    } else {
        output::print(&text(&report))?;
    }
    if errors > 0 {
        let sentence = format!("{errors} of {} findings hinder the node", report.findings.len());
        return Err(Failure::check(Code::NODE_HINDERED, sentence));
    }
    if args.strict && warnings > 0 {
        return Err(Failure::check(Code::DOCTOR_WARNINGS, format!("{warnings} warnings")));
    }
    Ok(())
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    let width = report.findings.iter().map(|finding| finding.code.len()).max().unwrap_or_default();
    for finding in &report.findings {
        let mark = match finding.level {
            Level::Good => "ok",
            Level::Note => "note",
            Level::Warning => "WARNING",
            Level::Error => "ERROR",
        };
        let _ = writeln!(text, "{mark:<7}  {:<width$}  {}", finding.code, finding.sentence);
        if let Some(cure) = &finding.cure {
            let _ = writeln!(text, "{:<7}  {:<width$}  help: {cure}", "", "");
        }
    }
    text
}
