//! The `ganglion` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    ganglion::cli::main()
}
