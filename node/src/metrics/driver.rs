//! What the driver counts.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ganglion_consensus::agreement::TimerKind;
use ganglion_consensus::ledger::{EpochResult, ResultRow, State};
use ganglion_subnet::{Certified, Disagreement, Following, Rejection, Spoken};
use ganglion_types::{Epoch, Hotkey, Role};
use metrics::{counter, gauge, histogram};

use super::standing::weight_age;
use super::tally::{OFFENCES, REVEALS, Tally};
use super::{float, float64};

const ITEMS: &str = "ganglion_items_total";
const CLOSING: &str = "ganglion_epoch_closing";
const CERTIFIED: &str = "ganglion_epoch_certified";
const PHASE: &str = "ganglion_epoch_phase";
pub(super) const PHASE_SECONDS: &str = "ganglion_epoch_phase_seconds";
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
const TRUST: &str = "ganglion_uid_validator_trust";
const UID_STAKE: &str = "ganglion_uid_stake_rao";
const WEIGHT_AGE: &str = "ganglion_uid_weight_age_epochs";
const OWN_PAID: &str = "ganglion_own_paid_rao_total";
const SLASHED: &str = "ganglion_slashed_rao_total";
const EQUIVOCATIONS: &str = "ganglion_equivocations_total";
const REVEALED: &str = "ganglion_reveals_total";
const DISAGREEMENTS: &str = "ganglion_root_disagreements_total";
const CLOCK: &str = "ganglion_clock_offset_seconds";
const HEARD: &str = "ganglion_agreement_received_total";
const SAID: &str = "ganglion_agreement_signed_total";
const TIMEOUTS: &str = "ganglion_agreement_timeouts_total";
const UIDS_LEFT_OUT: &str = "ganglion_uids_left_out";
const SYNC_LEFT: &str = "ganglion_sync_epochs_left";
const SYNC_RATE: &str = "ganglion_sync_epochs_per_second";
const SYNC_ETA: &str = "ganglion_sync_eta_seconds";
const SYNC_VERIFIED: &str = "ganglion_sync_epochs_total";
const SCORED: &str = "ganglion_tasks_scored_total";
const VOID: &str = "ganglion_rounds_void_total";

/// Phases of an epoch, as the driver names them.
const PHASES: [&str; 5] = ["waiting", "window", "lists", "agreement", "catching_up"];
/// Uids with metrics of their own unless the configuration says otherwise.
pub const UIDS_MAX_DEFAULT: u32 = 256;

/// Shows what has not happened yet as 0.
pub(super) fn begin() {
    for name in [EPOCHS, MISSED, ROUNDS, SYNC_VERIFIED, SCORED, VOID, OWN_PAID] {
        counter!(name).increment(0);
    }
    for kind in OFFENCES {
        counter!(EQUIVOCATIONS, "kind" => kind).increment(0);
    }
    for result in REVEALS {
        counter!(REVEALED, "result" => result).increment(0);
    }
    for by in Disagreement::ALL.map(Disagreement::name) {
        counter!(DISAGREEMENTS, "by" => by).increment(0);
    }
    for step in SIGNED.map(Spoken::name) {
        counter!(SAID, "step" => step).increment(0);
    }
    for step in TIMERS.map(timer_name) {
        counter!(TIMEOUTS, "step" => step).increment(0);
    }
    gauge!(SYNC_LEFT).set(0.0);
}

/// What a node signs by itself; certificates are put together from what others signed.
const SIGNED: [Spoken; 4] = [Spoken::List, Spoken::Proposal, Spoken::Prevote, Spoken::Precommit];
const TIMERS: [TimerKind; 4] =
    [TimerKind::Propose, TimerKind::Prevote, TimerKind::Precommit, TimerKind::Rebroadcast];

const fn timer_name(timer: TimerKind) -> &'static str {
    match timer {
        TimerKind::Propose => "propose",
        TimerKind::Prevote => "prevote",
        TimerKind::Precommit => "precommit",
        TimerKind::Rebroadcast => "rebroadcast",
    }
}

/// What the driver counts.
#[derive(Debug)]
pub struct DriverMetrics {
    uids_max: u32,
    phase: Mutex<Option<(&'static str, Instant)>>,
    /// Uids that have metrics: one that is given back shows zeros, for no series can be taken back.
    shown: Mutex<BTreeSet<u16>>,
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
        Self { uids_max, phase: Mutex::new(None), shown: Mutex::new(BTreeSet::new()) }
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

    /// An epoch was decided, or fetched: it has no latency then. `me` is this node's hotkey, `wall` its clock in
    /// milliseconds.
    pub fn certified(&self, certified: &Certified, tally: &Tally, me: &Hotkey, wall: u64) {
        let Certified { cut, result, state, latency_ms, stake_seen, .. } = certified;
        counter!(EPOCHS).increment(1);
        gauge!(CERTIFIED).set(float64(cut.epoch.get()));
        gauge!(CLOSING).set(float64(state.next_epoch().get()));
        gauge!(CUT_ITEMS).set(float(cut.items.len()));
        gauge!(CUT_LISTS).set(float(cut.lists.len()));
        match latency_ms {
            Some(latency) => {
                histogram!(CERTIFY_SECONDS).record(Duration::from_millis(*latency));
                // What was done long ago is no alarm for who only fetches it.
                for (kind, count) in &tally.offences {
                    counter!(EQUIVOCATIONS, "kind" => *kind).increment(*count);
                }
                // Deadlines fall together, whatever clocks say: they follow from decisions.
                let own = float64(wall.saturating_sub(*latency));
                gauge!(CLOCK).set((own - float64(cut.time)) / 1_000.0);
            }
            None => counter!(SYNC_VERIFIED).increment(1),
        }
        for (result, count) in &tally.reveals {
            counter!(REVEALED, "result" => *result).increment(*count);
        }
        let (seen, all) = *stake_seen;
        if all > 0 {
            gauge!(STAKE_ONLINE).set(float64(seen) / float64(all));
        }
        self.paid(result, state, me);
    }

    /// What the state and the last result say of who takes part.
    fn paid(&self, result: &EpochResult, state: &State, me: &Hotkey) {
        counter!(EMISSION).absolute(state.chain().emitted.get());
        counter!(SLASHED).absolute(state.chain().slashed.get());
        for role in [Role::Validator, Role::Miner] {
            let many = state.participants().filter(|(_, one)| one.role == role).count();
            gauge!(PARTICIPANTS, "role" => role.name()).set(float(many));
        }
        let own = result.rows.iter().find(|row| row.hotkey == *me);
        counter!(OWN_PAID).increment(own.map_or(0, |row| row.paid.get()));
        self.rows(&result.rows);
        self.seats(state);
    }

    fn rows(&self, rows: &[ResultRow]) {
        let mut left_out = 0;
        for row in rows {
            if u32::from(row.uid.get()) >= self.uids_max {
                left_out += 1;
                continue;
            }
            let uid = row.uid.to_string();
            for (name, value) in [
                (INCENTIVE, row.incentive),
                (DIVIDENDS, row.dividends),
                (CONSENSUS, row.consensus),
                (TRUST, row.validator_trust),
            ] {
                gauge!(name, "uid" => uid.clone()).set(f64::from(value) / f64::from(u16::MAX));
            }
        }
        gauge!(UIDS_LEFT_OUT).set(float(left_out));
    }

    /// Stake and the age of weights, by uid.
    fn seats(&self, state: &State) {
        let mut now = BTreeSet::new();
        for (uid, one) in state.participants() {
            if u32::from(uid.get()) >= self.uids_max {
                continue;
            }
            now.insert(uid.get());
            let age = weight_age(one, state.epoch().get());
            let uid = uid.to_string();
            gauge!(UID_STAKE, "uid" => uid.clone()).set(float64(one.stake.get()));
            gauge!(WEIGHT_AGE, "uid" => uid).set(float64(age));
        }
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        for gone in shown.difference(&now) {
            for name in [INCENTIVE, DIVIDENDS, CONSENSUS, TRUST, UID_STAKE, WEIGHT_AGE] {
                gauge!(name, "uid" => gone.to_string()).set(0.0);
            }
        }
        *shown = now;
    }

    /// A message of agreement arrived.
    pub fn heard(&self, step: Spoken, rejected: Option<Rejection>) {
        let result = rejected.map_or("accepted", Rejection::name);
        counter!(HEARD, "step" => step.name(), "result" => result).increment(1);
    }

    /// This node signed something.
    pub fn said(&self, step: Spoken) {
        counter!(SAID, "step" => step.name()).increment(1);
    }

    /// A wait of agreement ran out.
    pub fn timed_out(&self, timer: TimerKind) {
        counter!(TIMEOUTS, "step" => timer_name(timer)).increment(1);
    }

    /// Another result than this node's was shown.
    pub fn disagreed(&self, by: Disagreement) {
        counter!(DISAGREEMENTS, "by" => by.name()).increment(1);
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

#[cfg(test)]
mod tests {
    use ganglion_types::{Coldkey, Hotkey, Rao, Uid};

    use super::*;
    use crate::metrics::builder;
    use crate::metrics::fixture::{certified, close, genesis, hotkey};

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
    fn an_epoch_tells_pay_stake_and_clock_and_a_fetched_one_no_clock_and_no_offence() {
        let recorder = builder().unwrap().build_recorder();
        let (state, me) = (genesis(true), hotkey(2));
        let closed = close(&state, Vec::new());
        let tally = Tally { offences: [("vote", 2)].into(), reveals: [("expired", 3)].into() };
        let wall = closed.bundle.cut.time + 1_500 + 250;
        let text = || recorder.handle().render();
        let shows = |lines: &[&str]| {
            let text = text();
            for line in lines {
                assert!(text.lines().any(|found| found == *line), "{line} in {text}");
            }
        };
        metrics::with_local_recorder(&recorder, || {
            begin();
            let driver = DriverMetrics::default();
            driver.certified(&certified(&closed, None), &tally, &me, wall);
            assert!(!text().contains("ganglion_clock_offset_seconds"));
            shows(&[
                "ganglion_equivocations_total{kind=\"vote\"} 0",
                "ganglion_reveals_total{result=\"expired\"} 3",
                "ganglion_sync_epochs_total 1",
            ]);
            driver.certified(&certified(&closed, Some(250)), &tally, &me, wall);
        });
        let paid = closed.result.rows.iter().find(|row| row.hotkey == me).unwrap().paid.get();
        shows(&[
            "ganglion_clock_offset_seconds 1.5",
            "ganglion_equivocations_total{kind=\"vote\"} 2",
            &format!("ganglion_own_paid_rao_total {}", 2 * paid),
            "ganglion_uid_stake_rao{uid=\"1\"} 40000000000",
            "ganglion_uid_weight_age_epochs{uid=\"0\"} 1",
            "ganglion_uid_weight_age_epochs{uid=\"2\"} 0",
            "ganglion_slashed_rao_total 0",
        ]);
    }

    #[test]
    fn a_uid_that_is_given_back_shows_zeros() {
        let recorder = builder().unwrap().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            let driver = DriverMetrics::default();
            driver.rows(&[row(2)]);
            driver.seats(&genesis(true));
            driver.seats(&genesis(false));
        });
        let text = recorder.handle().render();
        assert!(text.contains("ganglion_uid_incentive{uid=\"2\"} 0\n"), "{text}");
        assert!(text.contains("ganglion_uid_stake_rao{uid=\"1\"} 40000000000\n"), "{text}");
    }
}
