//! Logging of this process.

use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat};

/// Sends logs to standard error as the configuration says. Only the first call of a process counts,
/// so that several nodes of a test share one log.
pub fn log(config: &Config) {
    let filter = EnvFilter::new(&config.log_level);
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // An error means that there is a log already.
    let _ = match config.log_format {
        LogFormat::Pretty => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
}
