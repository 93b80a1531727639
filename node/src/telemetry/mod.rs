//! Logging of this process.

mod bucket;
mod limit;

use std::io::IsTerminal as _;
use std::time::Instant;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

pub(crate) use self::bucket::Bucket;
use self::limit::Limit;
pub use self::limit::Withheld;
pub(crate) use self::limit::begin_metrics;

use crate::config::{Config, LogFormat};

const BFT_CORE: &str = "arc_malachitebft_core_consensus";

/// Sends logs to standard error as the configuration says, and gives what tells of lines that are withheld. Only the first call of a process counts,
/// so that several nodes of a test share one log.
pub fn log(config: &Config) -> Withheld {
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
    let (limit, withheld) = Limit::new(Instant::now);
    // An error means that there is a log already.
    let _ = match config.log_format {
        LogFormat::Pretty => lines.finish().with(limit).try_init(),
        LogFormat::Json => lines.json().finish().with(limit).try_init(),
    };
    withheld
}
