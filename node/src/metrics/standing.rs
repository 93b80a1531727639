//! Where the node stands: looked at whenever somebody asks for metrics, so that it is never old.

use ganglion_consensus::ledger::Participant;
use ganglion_types::Role;
use metrics::gauge;

use super::{float, float64};
use crate::http::v1::status::{stake_to_certify, stake_to_halt};
use crate::view::Snapshot;

const READY: &str = "ganglion_ready";
const ROLE: &str = "ganglion_role";
const OWN_UID: &str = "ganglion_own_uid";
const OWN_STAKE: &str = "ganglion_own_stake_rao";
const OWN_AGE: &str = "ganglion_own_weight_age_epochs";
const SIGNING: &str = "ganglion_signing";
const LENGTH: &str = "ganglion_epoch_length_seconds";
const CERTIFIED_AT: &str = "ganglion_epoch_certified_timestamp_seconds";
const CUTOFF: &str = "ganglion_activity_cutoff_epochs";
const STAKE: &str = "ganglion_stake_total_rao";
const TO_HALT: &str = "ganglion_stake_to_halt_rao";
const TO_CERTIFY: &str = "ganglion_stake_to_certify_rao";
const FORKS: &str = "ganglion_forks";

/// Roles, as a snapshot names them.
const ROLES: [&str; 3] = ["validator", "miner", "observer"];

/// Shows a snapshot, and whether the node does its part.
pub(super) fn record(now: &Snapshot, ready: bool) {
    let flag = |holds: bool| if holds { 1.0 } else { 0.0 };
    let state = &now.state;
    let committee = state.committee();
    let total = committee.iter().fold(0_u64, |sum, one| sum.saturating_add(one.stake.get()));
    let seated = committee.iter().any(|one| one.hotkey == now.hotkey);
    gauge!(READY).set(flag(ready));
    gauge!(SIGNING).set(flag(seated && now.signing));
    for role in ROLES {
        gauge!(ROLE, "role" => role).set(flag(role == now.role()));
    }
    gauge!(OWN_UID).set(now.uid().map_or(-1.0, |uid| f64::from(uid.get())));
    let own = now.uid().and_then(|uid| state.participant(uid));
    gauge!(OWN_STAKE).set(own.map_or(0.0, |one| float64(one.stake.get())));
    gauge!(OWN_AGE).set(own.map_or(0.0, |one| float64(weight_age(one, state.epoch().get()))));
    gauge!(LENGTH).set(float64(state.timing().epoch_ms) / 1_000.0);
    gauge!(CERTIFIED_AT).set(float64(state.chain().time) / 1_000.0);
    gauge!(CUTOFF).set(float64(state.hyperparameters().activity_cutoff));
    gauge!(STAKE).set(float64(total));
    gauge!(TO_HALT).set(float64(stake_to_halt(total)));
    gauge!(TO_CERTIFY).set(float64(stake_to_certify(total)));
    gauge!(FORKS).set(float(now.forks.len()));
}

/// Epochs since a validator's last row of weights; 0 for a miner, who sets none.
pub(super) fn weight_age(one: &Participant, epoch: u64) -> u64 {
    if one.role == Role::Validator { epoch.saturating_sub(one.last_update.get()) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::builder;
    use crate::metrics::fixture::{genesis, hotkey};
    use crate::view::View;

    fn shown(number: u8, signing: bool, ready: bool) -> String {
        let view = View::new(hotkey(number), genesis(true));
        view.update(|view| view.signing = signing);
        let recorder = builder().unwrap().build_recorder();
        metrics::with_local_recorder(&recorder, || record(&view.now(), ready));
        recorder.handle().render()
    }

    #[test]
    fn a_validator_a_miner_and_an_observer_are_told_apart() {
        let validator = shown(2, true, true);
        for line in [
            "ganglion_ready 1",
            "ganglion_signing 1",
            "ganglion_role{role=\"validator\"} 1",
            "ganglion_role{role=\"observer\"} 0",
            "ganglion_own_uid 1",
            "ganglion_own_stake_rao 40000000000",
            "ganglion_epoch_length_seconds 12",
            "ganglion_stake_total_rao 90000000000",
            "ganglion_stake_to_halt_rao 30000000000",
            "ganglion_stake_to_certify_rao 60000000001",
            "ganglion_forks 0",
        ] {
            assert!(validator.lines().any(|found| found == line), "{line} in {validator}");
        }
        // A miner signs nothing that is voted on, whatever it may.
        let miner = shown(3, true, false);
        for line in ["ganglion_ready 0", "ganglion_signing 0", "ganglion_own_uid 2"] {
            assert!(miner.lines().any(|found| found == line), "{line} in {miner}");
        }
        let observer = shown(9, false, true);
        for line in ["ganglion_role{role=\"observer\"} 1", "ganglion_own_uid -1"] {
            assert!(observer.lines().any(|found| found == line), "{line} in {observer}");
        }
    }
}
