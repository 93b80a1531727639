//! What this process counts, through the `metrics` facade. The [`table`] tells what each metric means, and
//! `docs/METRICS.md` is made from it.
//!
//! Every name begins with `ganglion_`, units are base units, counters end in `_total`. No key and no
//! peer is ever a label: only names of fixed sets, and uids up to a bound.

mod disk;
mod driver;
#[cfg(test)]
pub(crate) mod fixture;
mod http;
pub mod page;
mod process;
mod standing;
pub mod table;
mod tally;
mod text;

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

pub(crate) use disk::{suspended, watch_disk};
pub use driver::{DriverMetrics, UIDS_MAX_DEFAULT};
pub(crate) use http::{Answering, Task, task_ended};
pub use tally::Tally;

use self::table::Kind;
use self::text::Text;
use crate::view::Snapshot;

const BUILD_INFO: &str = "ganglion_build_info";
const MAIL_LOST: &str = "ganglion_driver_mail_lost_total";

/// From a disk's best to an epoch that barely closed.
const SECONDS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Phases follow the epoch length: 2 s to a day.
const PHASE_BUCKETS: [f64; 12] =
    [0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 300.0, 1_200.0, 86_400.0];
/// A request reads a snapshot or a few rows; each route has its own histogram, so few have to do.
const HTTP_BUCKETS: [f64; 7] = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0];
/// Histograms hold what was observed until somebody drains them.
const UPKEEP: Duration = Duration::from_secs(5);

/// Installs the recorder of this process, describes its metrics and begins its counters.
///
/// # Errors
/// If the process has a recorder already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = builder()?.install_recorder()?;
    describe();
    // The clock of the uptime starts here.
    process::started();
    begin();
    Ok(handle)
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Full(driver::PHASE_SECONDS.into()), &PHASE_BUCKETS)?
        .set_buckets_for_metric(Matcher::Full(http::SECONDS.into()), &HTTP_BUCKETS)
}

/// Registers the help texts of the table.
fn describe() {
    for metric in table::all() {
        let (name, meaning) = (metric.name, metric.meaning);
        let unit = match metric.unit {
            table::Unit::Seconds | table::Unit::Time => Unit::Seconds,
            table::Unit::Bytes => Unit::Bytes,
            _ => Unit::Count,
        };
        match metric.kind {
            Kind::Counter => describe_counter!(name, unit, meaning),
            Kind::Gauge => describe_gauge!(name, unit, meaning),
            Kind::Histogram => describe_histogram!(name, unit, meaning),
        }
    }
}

/// Shows what has not happened yet as 0, so that the first time can raise an alarm: what comes into
/// being with its first event has no increase.
fn begin() {
    let commit = env!("GANGLION_COMMIT");
    gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION"), "commit" => commit).set(1.0);
    counter!(MAIL_LOST).increment(0);
    disk::begin();
    http::begin();
    driver::begin();
    ganglion_p2p::begin();
    crate::telemetry::begin_metrics();
    crate::worker::begin_metrics();
    crate::anchors::begin_metrics();
    crate::observer::begin_metrics();
}

/// All metrics in the text format, with what is only looked at when somebody asks: where the node stands, and what
/// libp2p counted by itself.
pub(crate) fn scrape(
    handle: &PrometheusHandle,
    (now, ready): (&Snapshot, bool),
    of_libp2p: &str,
) -> String {
    standing::record(now, ready);
    text_of(handle, of_libp2p)
}

fn text_of(handle: &PrometheusHandle, of_libp2p: &str) -> String {
    process::record();
    let mut text = Text::new(handle.render());
    process::write(&mut text);
    text.foreign(of_libp2p, table::of_libp2p());
    text.into_string()
}

/// Drains histograms, for as long as it is run.
pub async fn upkeep(handle: PrometheusHandle) {
    let mut ticks = tokio::time::interval(UPKEEP);
    loop {
        ticks.tick().await;
        handle.run_upkeep();
    }
}

fn float(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

/// Rounds above 2^53, where a gauge needs no more digits.
#[allow(clippy::cast_precision_loss, reason = "a gauge shows some 16 digits at most")]
fn float64(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests;
