//! Logging of this process.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat};

const BFT_CORE: &str = "arc_malachitebft_core_consensus";

/// Sends logs to standard error as the configuration says. Only the first call of a process counts,
/// so that several nodes of a test share one log.
pub fn log(config: &Config) {
    // The BFT core speaks of every vote at `info`; what is said of it here goes last and counts only
    // if the setting does not name it.
    let mut directives = config.log_level.clone();
    if !directives.contains(BFT_CORE) {
        directives = format!("{directives},{BFT_CORE}=warn");
    }
    let filter = EnvFilter::new(&directives);
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // An error means that there is a log already.
    let _ = match config.log_format {
        LogFormat::Pretty => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
}
