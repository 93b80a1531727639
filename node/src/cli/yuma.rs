//! `ganglion yuma`: the epoch function on vector files.

use std::io::{self, BufWriter, Write as _};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::exit::Failure;
use super::{Global, output};
use crate::fault::Code;
use crate::yuma::{self, Report, VectorError};

/// What to do with vector files.
#[derive(Debug, Subcommand)]
pub(super) enum YumaCommand {
    /// Print what each case gives: one JSON line with its id and the result of every step
    #[command(after_help = "\
Each step begins with the bonds and permits that the step before it gave.

Examples:
  ganglion yuma run consensus/vectors/small.jsonl.gz > results.jsonl
  gzip -dc cases.jsonl.gz | ganglion yuma run -")]
    Run(Files),
    /// Compare every step with what the file expects; exit 1 on the first difference
    #[command(after_help = "\
Prints how much was equal and, if anything was not, the first difference.

Examples:
  ganglion yuma check consensus/vectors/*.jsonl.gz")]
    Check(Files),
}

/// Which files.
#[derive(Debug, Args)]
pub(super) struct Files {
    /// Vector files, one case per line, plain or gzip; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) fn run(global: &Global, command: YumaCommand) -> Result<(), Failure> {
    match command {
        YumaCommand::Run(Files { files }) => print_results(&files),
        YumaCommand::Check(Files { files }) => print_report(global, &yuma::check(&files)?),
    }
}

fn print_results(files: &[PathBuf]) -> Result<(), Failure> {
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let done = yuma::run(files, &mut out);
    // The results before a bad case are worth having.
    let done = done.and(out.flush().map_err(VectorError::Write));
    match done {
        Err(error) if !error.is_closed_pipe() => Err(error.into()),
        _ => Ok(()),
    }
}

fn print_report(global: &Global, report: &Report) -> Result<(), Failure> {
    let first = report.first_difference.as_ref();
    if global.json {
        output::print_json(&json!({
            "schema": "ganglion/yuma-check/1",
            "cases": report.cases,
            "epochs": report.epochs,
            "fields_equal": report.fields_equal,
            "cases_differing": report.cases_differing,
            "first_difference": first.map(|first| json!({
                "file": first.place.file,
                "line": first.place.line,
                "case": first.case,
                "step": first.step,
                "mismatch": first.mismatch,
            })),
        }))?;
    } else {
        output::print(&format!("{report}\n"))?;
    }
    first.map_or(Ok(()), |first| Err(Failure::check(Code::VECTORS_DIFFER, first.to_string())))
}
