//! The room that a data directory takes, and how much is left.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ganglion_storage::{PARTS, sizes};
use metrics::{counter, gauge};
use tokio::time::MissedTickBehavior;

use super::{float, float64};

const PART: &str = "ganglion_store_bytes";
const FREE: &str = "ganglion_store_free_bytes";
const SET_ASIDE: &str = "ganglion_store_set_aside";
const SUSPENDED: &str = "ganglion_store_suspended";
const SUSPENSIONS: &str = "ganglion_store_suspensions_total";

/// How often names and sizes are read: a directory of a year has some thousand files.
const EVERY: Duration = Duration::from_secs(15);

/// Shows what has not happened yet as 0.
pub(super) fn begin() {
    counter!(SUSPENSIONS).increment(0);
    gauge!(SUSPENDED).set(0.0);
}

/// Shows whether the disk takes no writes, so that nothing is signed.
pub(crate) fn suspended(now: bool) {
    gauge!(SUSPENDED).set(if now { 1.0 } else { 0.0 });
    if now {
        counter!(SUSPENSIONS).increment(1);
    }
}

/// Looks at the data directory now and then, for as long as it is run.
pub(crate) async fn watch_disk(dir: PathBuf) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let dir = dir.clone();
        // It has nothing to say; if the runtime ends, so does this.
        let _ = tokio::task::spawn_blocking(move || measure(&dir)).await;
    }
}

/// A disk that cannot be read keeps its last figures.
fn measure(dir: &Path) {
    match sizes(dir) {
        Ok(sizes) => {
            for part in PARTS {
                let group = sizes.groups.iter().find(|group| group.name == part);
                let bytes = group.map_or(0, |group| group.bytes);
                gauge!(PART, "part" => part.replace(' ', "_")).set(float64(bytes));
            }
            gauge!(SET_ASIDE).set(float(sizes.set_aside));
        }
        Err(error) => tracing::debug!(%error, "the data directory cannot be measured"),
    }
    match fs4::available_space(dir) {
        Ok(bytes) => gauge!(FREE).set(float64(bytes)),
        Err(error) => tracing::debug!(%error, "the free room of the disk is not known"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::builder;

    fn shown(dir: &Path) -> String {
        let recorder = builder().unwrap().build_recorder();
        metrics::with_local_recorder(&recorder, || measure(dir));
        recorder.handle().render()
    }

    #[test]
    fn every_part_is_measured_and_what_is_put_aside_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("certificates-00000000.log"), [1; 300]).unwrap();
        std::fs::create_dir(dir.path().join("state.corrupt-1")).unwrap();
        let text = shown(dir.path());
        for line in [
            "ganglion_store_bytes{part=\"certificate_log\"} 300",
            "ganglion_store_bytes{part=\"tables\"} 0",
            "ganglion_store_set_aside 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
        let free = text.lines().find_map(|line| line.strip_prefix("ganglion_store_free_bytes "));
        assert!(free.unwrap().parse::<f64>().unwrap() > 0.0);
        // One that is gone has no room to tell of, and stops nobody.
        assert!(!shown(&dir.path().join("gone")).contains("ganglion_store_free_bytes"));
    }
}
