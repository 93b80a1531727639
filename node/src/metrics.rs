//! What this process counts, through the `metrics` facade; `docs/METRICS.md` tells what each means.
//!
//! Every name begins with `ganglion_`, units are base units, counters end in `_total`. No key and no
//! peer is ever a label: only names of fixed sets, and uids up to a bound.

use std::fs;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use ganglion_consensus::ledger::{EpochResult, ResultRow, State};
use ganglion_subnet::Following;
use ganglion_types::{Cut, Epoch, Role};
use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

const BUILD_INFO: &str = "ganglion_build_info";
const ITEMS: &str = "ganglion_items_total";
const MAIL_LOST: &str = "ganglion_driver_mail_lost_total";
const SUSPENDED: &str = "ganglion_store_suspended";
const SUSPENSIONS: &str = "ganglion_store_suspensions_total";
const CLOSING: &str = "ganglion_epoch_closing";
const CERTIFIED: &str = "ganglion_epoch_certified";
const PHASE: &str = "ganglion_epoch_phase";
const PHASE_SECONDS: &str = "ganglion_epoch_phase_seconds";
const CERTIFY_SECONDS: &str = "ganglion_epoch_certify_seconds";
const EPOCHS: &str = "ganglion_epochs_certified_total";
const MISSED: &str = "ganglion_epochs_missed_total";
const ROUND: &str = "ganglion_agreement_round";
const ROUNDS: &str = "ganglion_agreement_rounds_total";
const STAKE_ONLINE: &str = "ganglion_stake_online_ratio";
const CUT_ITEMS: &str = "ganglion_cut_items";
const CUT_LISTS: &str = "ganglion_cut_lists";
const EXECUTE: &str = "ganglion_execute_seconds";
const STORE_COMMIT: &str = "ganglion_store_commit_seconds";
const STORE_SYNC: &str = "ganglion_store_sync_seconds";
const EMISSION: &str = "ganglion_emission_rao_total";
const PARTICIPANTS: &str = "ganglion_participants";
const INCENTIVE: &str = "ganglion_uid_incentive";
const DIVIDENDS: &str = "ganglion_uid_dividends";
const CONSENSUS: &str = "ganglion_uid_consensus";
const UIDS_LEFT_OUT: &str = "ganglion_uids_left_out";
const SYNC_LEFT: &str = "ganglion_sync_epochs_left";
const SYNC_RATE: &str = "ganglion_sync_epochs_per_second";
const SYNC_ETA: &str = "ganglion_sync_eta_seconds";
const SYNC_VERIFIED: &str = "ganglion_sync_epochs_total";
const SCORED: &str = "ganglion_tasks_scored_total";
const VOID: &str = "ganglion_rounds_void_total";
const HTTP: &str = "ganglion_http_requests_total";
const MEMORY: &str = "ganglion_process_resident_memory_bytes";
const CPU: &str = "ganglion_process_cpu_seconds";
const FDS: &str = "ganglion_process_open_fds";
const UPTIME: &str = "ganglion_process_uptime_seconds";

/// From a disk's best to an epoch that barely closed.
const SECONDS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Phases follow the epoch length: 2 s to a day.
const PHASE_BUCKETS: [f64; 12] =
    [0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 300.0, 1_200.0, 86_400.0];
/// Phases of an epoch, as the driver names them.
const PHASES: [&str; 5] = ["waiting", "window", "lists", "agreement", "catching_up"];
/// Uids with metrics of their own unless the configuration says otherwise.
pub const UIDS_MAX_DEFAULT: u32 = 256;
/// Histograms hold what was observed until somebody drains them.
const UPKEEP: Duration = Duration::from_secs(5);

/// Installs the recorder of this process and describes its metrics.
///
/// # Errors
/// If the process has a recorder already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = builder()?.install_recorder()?;
    describe_all();
    // The clock of the uptime starts here.
    started();
    gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    begin_counters();
    Ok(handle)
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Full(PHASE_SECONDS.into()), &PHASE_BUCKETS)
}

/// Shows what has not happened yet as 0, so that the first time can raise an alarm.
fn begin_counters() {
    for name in [MAIL_LOST, EPOCHS, MISSED, ROUNDS, SYNC_VERIFIED, SCORED, VOID, SUSPENSIONS] {
        counter!(name).increment(0);
    }
    gauge!(SUSPENDED).set(0.0);
    gauge!(SYNC_LEFT).set(0.0);
    // What a node that cannot read its data, or is asked for too much, answers first.
    for status in ["500", "503"] {
        counter!(HTTP, "route" => "/v1/status", "status" => status).increment(0);
    }
}

/// Shows whether the disk takes no writes, so that nothing is signed.
pub fn suspended(now: bool) {
    gauge!(SUSPENDED).set(if now { 1.0 } else { 0.0 });
    if now {
        counter!(SUSPENSIONS).increment(1);
    }
}

/// Drains histograms, for as long as it is run.
pub async fn upkeep(handle: PrometheusHandle) {
    let mut ticks = tokio::time::interval(UPKEEP);
    loop {
        ticks.tick().await;
        handle.run_upkeep();
    }
}

/// Registers the help texts.
pub fn describe_all() {
    describe_gauge!(BUILD_INFO, "Always 1; the label is the program's version");
    describe_counter!(ITEMS, "Items that arrived, by kind and result of the arrival checks");
    describe_counter!(MAIL_LOST, "Events lost because the driver's mailbox was full");
    describe_gauge!(SUSPENDED, "1 while the disk takes no writes and nothing is signed");
    describe_counter!(SUSPENSIONS, "Times that the disk took no writes");
    describe_gauge!(CLOSING, "Epoch being closed");
    describe_gauge!(CERTIFIED, "Last certified epoch");
    describe_gauge!(PHASE, "1 for the phase the node is in, 0 for the others");
    describe_histogram!(PHASE_SECONDS, Unit::Seconds, "Time in each phase");
    describe_histogram!(CERTIFY_SECONDS, Unit::Seconds, "Time from deadline to decision");
    describe_counter!(EPOCHS, "Epochs certified or fetched since the start");
    describe_counter!(MISSED, "Epochs missed since the start");
    describe_gauge!(ROUND, "Round of agreement at the present height");
    describe_counter!(ROUNDS, "Rounds of agreement begun");
    describe_gauge!(
        STAKE_ONLINE,
        "Part of the committee's stake whose lists came in the last epoch"
    );
    describe_gauge!(CUT_ITEMS, "Items in the last cut");
    describe_gauge!(CUT_LISTS, "Inclusion lists cited by the last cut");
    describe_histogram!(EXECUTE, Unit::Seconds, "Time to execute a cut: Yuma and the ledger");
    describe_histogram!(STORE_COMMIT, Unit::Seconds, "Time to store an epoch durably");
    describe_histogram!(STORE_SYNC, Unit::Seconds, "Time to make signed statements durable");
    describe_counter!(EMISSION, "Paid out by the subnet since genesis, in rao");
    describe_gauge!(PARTICIPANTS, "Uids held, by role");
    describe_gauge!(INCENTIVE, "Incentive by uid, 0 to 1");
    describe_gauge!(DIVIDENDS, "Dividends by uid, 0 to 1");
    describe_gauge!(CONSENSUS, "Consensus weight by uid, 0 to 1");
    describe_gauge!(UIDS_LEFT_OUT, "Uids without metrics of their own, past the bound");
    describe_gauge!(SYNC_LEFT, "Epochs still to be fetched, as far as peers claim");
    describe_gauge!(SYNC_RATE, "Epochs verified per second while catching up; 0 otherwise");
    describe_gauge!(SYNC_ETA, Unit::Seconds, "Time until caught up at this rate; 0 otherwise");
    describe_counter!(SYNC_VERIFIED, "Epochs that were fetched and verified since the start");
    describe_counter!(SCORED, "Tasks that this validator scored");
    describe_counter!(VOID, "Rounds of tasks that were void: too few answers");
    describe_counter!(HTTP, "HTTP requests, by route and status");
    describe_gauge!(MEMORY, Unit::Bytes, "Resident memory");
    describe_gauge!(CPU, Unit::Seconds, "Processor time used");
    describe_gauge!(FDS, "Open file descriptors");
    describe_gauge!(UPTIME, Unit::Seconds, "Time since the process started");
}

/// Records the process's own figures. Cheap; called whenever metrics are read.
pub fn record_process() {
    gauge!(UPTIME).set(started().elapsed().as_secs_f64());
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(bytes) = resident_bytes(&status) {
        gauge!(MEMORY).set(bytes);
    }
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    if let Some(seconds) = cpu_seconds(&stat) {
        gauge!(CPU).set(seconds);
    }
    if let Ok(entries) = fs::read_dir("/proc/self/fd") {
        // The directory itself is open while it is read.
        gauge!(FDS).set(float(entries.count().saturating_sub(1)));
    }
}

/// Counts an answered HTTP request.
pub(crate) fn http_request(route: &str, status: u16) {
    counter!(HTTP, "route" => route.to_owned(), "status" => status.to_string()).increment(1);
}

fn started() -> Instant {
    static STARTED: OnceLock<Instant> = OnceLock::new();
    *STARTED.get_or_init(Instant::now)
}

/// The line `VmRSS:   1234 kB` of `/proc/self/status`.
fn resident_bytes(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u32 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(f64::from(kib) * 1_024.0)
}

/// User and system time of `/proc/self/stat`: fields 14 and 15, the second being a name in
/// parentheses that may hold anything. The kernel shows them in hundredths of a second.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok().map(f64::from);
    Some((ticks()? + ticks()?) / 100.0)
}

/// What the driver counts.
#[derive(Debug)]
pub struct DriverMetrics {
    uids_max: u32,
    phase: Mutex<Option<(&'static str, Instant)>>,
}

impl Default for DriverMetrics {
    fn default() -> Self {
        Self::new(UIDS_MAX_DEFAULT)
    }
}

impl DriverMetrics {
    /// At most `uids_max` uids, the lowest, get metrics of their own.
    #[must_use]
    pub const fn new(uids_max: u32) -> Self {
        Self { uids_max, phase: Mutex::new(None) }
    }

    /// An item arrived: its kind, if it could be read, and the reason for which it went no further.
    pub fn item(&self, kind: Option<&'static str>, rejected: Option<&'static str>) {
        let (kind, result) = (kind.unwrap_or("unknown"), rejected.unwrap_or("accepted"));
        counter!(ITEMS, "kind" => kind, "result" => result).increment(1);
    }

    /// A phase of the epoch that is being closed began.
    pub fn phase(&self, closing: Epoch, phase: &'static str) {
        gauge!(CLOSING).set(float64(closing.get()));
        let now = Instant::now();
        let mut last = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((name, since)) = last.replace((phase, now)) {
            histogram!(PHASE_SECONDS, "phase" => name).record(now.duration_since(since));
        }
        for name in PHASES {
            gauge!(PHASE, "phase" => name).set(if name == phase { 1.0 } else { 0.0 });
        }
        if phase == "window" {
            gauge!(ROUND).set(0.0);
        }
    }

    /// A round of agreement began.
    pub fn round(&self, round: u32) {
        gauge!(ROUND).set(f64::from(round));
        counter!(ROUNDS).increment(1);
    }

    /// An epoch was decided, or fetched: `latency_ms` then is none. `stake_seen` is the stake whose
    /// lists came, and all of it.
    pub fn certified(
        &self,
        cut: &Cut,
        result: &EpochResult,
        state: &State,
        latency_ms: Option<u64>,
        stake_seen: (u64, u64),
    ) {
        counter!(EPOCHS).increment(1);
        gauge!(CERTIFIED).set(float64(cut.epoch.get()));
        gauge!(CLOSING).set(float64(state.next_epoch().get()));
        gauge!(CUT_ITEMS).set(float(cut.items.len()));
        gauge!(CUT_LISTS).set(float(cut.lists.len()));
        match latency_ms {
            Some(latency) => {
                histogram!(CERTIFY_SECONDS).record(Duration::from_millis(latency));
            }
            None => counter!(SYNC_VERIFIED).increment(1),
        }
        let (seen, all) = stake_seen;
        if all > 0 {
            gauge!(STAKE_ONLINE).set(float64(seen) / float64(all));
        }
        counter!(EMISSION).absolute(state.chain().emitted.get());
        for role in [Role::Validator, Role::Miner] {
            let many = state.participants().filter(|(_, one)| one.role == role).count();
            gauge!(PARTICIPANTS, "role" => role.name()).set(float(many));
        }
        self.rows(&result.rows);
    }

    fn rows(&self, rows: &[ResultRow]) {
        let mut left_out = 0;
        for row in rows {
            if u32::from(row.uid.get()) >= self.uids_max {
                left_out += 1;
                continue;
            }
            let uid = row.uid.to_string();
            for (name, value) in
                [(INCENTIVE, row.incentive), (DIVIDENDS, row.dividends), (CONSENSUS, row.consensus)]
            {
                gauge!(name, "uid" => uid.clone()).set(f64::from(value) / f64::from(u16::MAX));
            }
        }
        gauge!(UIDS_LEFT_OUT).set(float(left_out));
    }

    /// An epoch was missed.
    pub fn missed(&self) {
        counter!(MISSED).increment(1);
    }

    /// Catching up has come this far.
    pub fn following(&self, following: &Following) {
        let left = following.left();
        gauge!(SYNC_LEFT).set(float64(left));
        let rate = following.per_kilosecond.filter(|_| left > 0).unwrap_or(0);
        gauge!(SYNC_RATE).set(float64(rate) / 1_000.0);
        gauge!(SYNC_ETA).set(float64(following.eta_ms().unwrap_or(0)) / 1_000.0);
    }

    /// A round of tasks was scored.
    pub fn scored(&self, tasks: u64, void: bool) {
        counter!(SCORED).increment(tasks);
        if void {
            counter!(VOID).increment(1);
        }
    }

    /// Executing a cut took this long.
    pub fn executed(&self, time: Duration) {
        histogram!(EXECUTE).record(time);
    }

    /// Storing an epoch took this long.
    pub fn store_commit(&self, time: Duration) {
        histogram!(STORE_COMMIT).record(time);
    }

    /// Making signed statements durable took this long.
    pub fn store_sync(&self, time: Duration) {
        histogram!(STORE_SYNC).record(time);
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
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use ganglion_types::{Coldkey, Hotkey, Rao, Uid};
    use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString};

    use super::*;

    /// Notes what is described.
    #[derive(Clone, Default)]
    struct Names(Arc<Mutex<BTreeSet<String>>>);

    impl Names {
        fn note(&self, name: &KeyName) {
            self.0.lock().unwrap().insert(name.as_str().to_owned());
        }
    }

    impl Recorder for Names {
        fn describe_counter(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
            assert!(name.as_str().ends_with("_total"), "{name:?}");
            self.note(&name);
        }
        fn describe_gauge(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
            self.note(&name);
        }
        fn describe_histogram(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
            self.note(&name);
        }
        fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
            Counter::noop()
        }
        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }
        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    /// First cells of the tables in the page.
    fn documented() -> BTreeSet<String> {
        let page = include_str!("../../docs/METRICS.md");
        let cells = page.lines().filter_map(|line| line.strip_prefix("| `ganglion_"));
        cells.map(|rest| format!("ganglion_{}", rest.split(['`', '{']).next().unwrap())).collect()
    }

    #[test]
    fn the_page_tells_every_metric_and_no_other() {
        let names = Names::default();
        metrics::with_local_recorder(&names, || {
            describe_all();
            ganglion_p2p::describe();
            crate::worker::describe_metrics();
            crate::anchors::describe();
        });
        let described = names.0.lock().unwrap().clone();
        assert_eq!(described, documented());
    }

    fn row(uid: u16) -> ResultRow {
        ResultRow {
            uid: Uid::new(uid),
            hotkey: Hotkey::new([1; 32]),
            coldkey: Coldkey::new([2; 32]),
            paid: Rao::ZERO,
            delegated: Rao::ZERO,
            consensus: 0,
            incentive: 65_535,
            dividends: 0,
            validator_trust: 0,
            stake_weight: 0,
            validator_permit: false,
            active: true,
            server_emission: 0,
            validator_emission: 0,
            emission: 0,
        }
    }

    #[test]
    fn uids_past_the_bound_are_counted_and_have_no_metrics() {
        let recorder = builder().unwrap().build_recorder();
        let rows: Vec<ResultRow> = (0..10).map(row).collect();
        metrics::with_local_recorder(&recorder, || DriverMetrics::new(3).rows(&rows));
        let text = recorder.handle().render();
        assert!(text.contains("ganglion_uid_incentive{uid=\"2\"} 1"), "{text}");
        assert!(!text.contains("uid=\"3\""), "{text}");
        assert!(text.contains("ganglion_uids_left_out 7"), "{text}");
    }

    #[test]
    fn what_has_not_happened_is_zero_and_not_absent() {
        let recorder = builder().unwrap().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            begin_counters();
            ganglion_p2p::begin();
            crate::worker::describe_metrics();
        });
        let text = recorder.handle().render();
        for line in [
            "ganglion_epochs_missed_total 0",
            "ganglion_p2p_bans_total 0",
            "ganglion_p2p_faults_total{fault=\"invalid\"} 0",
            "ganglion_p2p_gossip_published_total{topic=\"weights\",result=\"no_peers\"} 0",
            "ganglion_worker_restarts_total 0",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }

    #[test]
    fn one_phase_is_on_and_the_last_one_is_timed() {
        let recorder = builder().unwrap().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            let driver = DriverMetrics::default();
            driver.phase(Epoch::new(4), "window");
            driver.phase(Epoch::new(4), "lists");
            driver.item(Some("weights"), Some("stale"));
            driver.item(None, None);
        });
        let text = recorder.handle().render();
        for line in [
            "ganglion_epoch_closing 4",
            "ganglion_epoch_phase{phase=\"window\"} 0",
            "ganglion_epoch_phase{phase=\"lists\"} 1",
            "ganglion_epoch_phase_seconds_count{phase=\"window\"} 1",
            "ganglion_items_total{kind=\"weights\",result=\"stale\"} 1",
            "ganglion_items_total{kind=\"unknown\",result=\"accepted\"} 1",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(!text.contains("ganglion_epoch_phase_seconds_count{phase=\"lists\"}"));
    }

    #[test]
    fn the_kernel_s_figures_are_read() {
        assert_eq!(resident_bytes("VmPeak: 9 kB\nVmRSS:\t   1234 kB\n"), Some(1_263_616.0));
        assert_eq!(resident_bytes("VmRSS: many kB"), None);
        let stat = "12 (a ) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(cpu_seconds("12 (a) S 1 2"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_memory_and_files() {
        let recorder = builder().unwrap().build_recorder();
        metrics::with_local_recorder(&recorder, record_process);
        let text = recorder.handle().render();
        let value = |name: &str| -> f64 {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).expect(name);
            line.trim().parse().unwrap()
        };
        assert!(value("ganglion_process_resident_memory_bytes ") > 1e6);
        assert!(value("ganglion_process_open_fds ") >= 3.0);
        assert!(value("ganglion_process_cpu_seconds ") >= 0.0);
    }
}
