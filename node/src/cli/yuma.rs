//! `ganglion yuma`: the epoch function on vector files.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::yuma::{self, Report, VectorError};

/// Something did not equal what was expected.
const EXIT_DIFFERENT: u8 = 1;
/// The input cannot be run.
const EXIT_INPUT: u8 = 2;

/// What to do with vector files.
#[derive(Debug, Subcommand)]
pub enum YumaCommand {
    /// Print what each case gives: one JSON line with its id and the result of every step
    #[command(after_help = EXAMPLE_RUN)]
    Run(Files),
    /// Compare every step with what the file expects; exit 1 on the first difference
    #[command(after_help = EXAMPLE_CHECK)]
    Check(Files),
}

const EXAMPLE_RUN: &str = "\
Each step begins with the bonds and permits that the step before it gave.

  ganglion yuma run consensus/vectors/small.jsonl.gz > results.jsonl
  gzip -dc cases.jsonl.gz | ganglion yuma run -";

const EXAMPLE_CHECK: &str = "\
Prints how much was equal and, if anything was not, the first difference.
Exit codes: 0 all equal, 1 a difference, 2 a file that cannot be read or run.

  ganglion yuma check consensus/vectors/*.jsonl.gz";

/// Which files.
#[derive(Debug, Args)]
pub struct Files {
    /// Vector files, one case per line, plain or gzip; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl YumaCommand {
    /// Does it and gives the exit code.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
        let done = match self {
            Self::Run(Files { files }) => yuma::run(&files, &mut out).map(|()| ExitCode::SUCCESS),
            Self::Check(Files { files }) => {
                yuma::check(&files).and_then(|report| print(&report, &mut out))
            }
        };
        // What was computed before a failure is worth having.
        let done = done.and_then(|code| out.flush().map(|()| code).map_err(VectorError::Write));
        done.unwrap_or_else(|error| fail(&error))
    }
}

fn print(report: &Report, out: &mut impl Write) -> Result<ExitCode, VectorError> {
    if let Some(difference) = &report.first_difference {
        writeln!(out, "{difference}").map_err(VectorError::Write)?;
    }
    writeln!(out, "{report}").map_err(VectorError::Write)?;
    Ok(match report.first_difference {
        Some(_) => ExitCode::from(EXIT_DIFFERENT),
        None => ExitCode::SUCCESS,
    })
}

fn fail(error: &VectorError) -> ExitCode {
    if error.is_closed_pipe() {
        return ExitCode::SUCCESS;
    }
    let mut err = io::stderr().lock();
    // What cannot be written to standard error is lost.
    let _ = writeln!(err, "error: {error}");
    if let Some(cure) = error.cure() {
        let _ = writeln!(err, "  help: {cure}");
    }
    ExitCode::from(EXIT_INPUT)
}
