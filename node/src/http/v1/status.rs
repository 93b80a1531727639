//! `GET /v1/status`.

use axum::Json;
use axum::extract::State;
use ganglion_types::{Canonical as _, Epoch, Fork, hex};

use ganglion_subnet::Following;

use crate::api::types::{Amount, ForkSeen, JoinStatus, Status, SyncStatus};
use crate::http::{App, Shared, until_ms};
use ganglion_persist::snapshots::join::Joining;

/// This node and its subnet: epoch, phase, stake, peers, worker.
#[utoipa::path(
    get, path = "/status", operation_id = "status", tag = "node",
    responses((status = 200, description = "The state at this moment.", body = Status))
)]
pub(crate) async fn get(State(app): Shared) -> Json<Status> {
    Json(status(&app))
}

fn status(app: &App) -> Status {
    let now = app.now();
    let network = &app.context.network;
    let manifest = now.state.manifest();
    let peer_id = network.peer_id();
    let committee = now.state.committee();
    let total = committee.iter().fold(0_u64, |sum, one| sum.saturating_add(one.stake.get()));
    let (epoch, cut) = now.head();
    let (signing, signing_reason) = if committee.iter().any(|one| one.hotkey == now.hotkey) {
        (now.signing, now.signing_reason)
    } else {
        (false, "no seat in the committee")
    };
    Status {
        version: env!("CARGO_PKG_VERSION").into(),
        subnet: now.state.subnet().to_hex(),
        name: manifest.name.clone(),
        hotkey: now.hotkey.to_string(),
        role: now.role().into(),
        uid: now.uid().map(|uid| uid.get()),
        listen: network.listen().iter().map(|at| format!("{at}/p2p/{peer_id}")).collect(),
        reach: network.reach().into(),
        peer_id,
        epoch: epoch.get(),
        cut: cut.to_hex(),
        closing: now.state.next_epoch().get(),
        phase: now.phase.into(),
        deadline_in_ms: until_ms(now.deadline),
        epoch_ms: now.state.timing().epoch_ms,
        genesis_time: manifest.genesis_time,
        round: now.round,
        signing,
        signing_reason: signing_reason.into(),
        peers: network.peers().iter().filter(|peer| peer.connected).count(),
        missed: u64::try_from(now.missed.len()).unwrap_or(u64::MAX),
        behind: now.behind.map(|epoch| epoch.get()),
        sync: now.following.as_ref().map(sync),
        joining: now.joining.as_ref().map(joining),
        stake_seen_rao: Amount(now.stake_seen.0),
        stake_total_rao: Amount(total),
        stake_to_halt_rao: Amount(stake_to_halt(total)),
        stake_to_certify_rao: Amount(stake_to_certify(total)),
        budget_rao: Amount(now.state.hyperparameters().emission.get()),
        difficulty: now.state.chain().difficulty,
        task: manifest.task.task_type.clone(),
        worker: (app.context.worker)().name().into(),
        forks: now.forks.iter().map(|(epoch, fork)| fork_seen(*epoch, fork.as_deref())).collect(),
        halted: now.halted,
    }
}

pub(super) fn fork_seen(epoch: Epoch, fork: Option<&Fork>) -> ForkSeen {
    let cuts = fork.iter().flat_map(|fork| [fork.first.0.id(), fork.second.0.id()]);
    ForkSeen {
        epoch: epoch.get(),
        cuts: cuts.map(|cut| cut.to_hex()).collect(),
        proof: fork.map_or_else(String::new, |fork| hex(&fork.to_bytes())),
    }
}

fn joining(now: &Joining) -> JoinStatus {
    let Joining { cut, epoch, chunks, chunks_all, bytes, bytes_all, bytes_per_second } = *now;
    let eta_s = now.eta_s();
    JoinStatus { cut, epoch, chunks, chunks_all, bytes, bytes_all, bytes_per_second, eta_s }
}

fn sync(following: &Following) -> SyncStatus {
    // Thousandths of an epoch per second: far below 2^32.
    let rate = following.per_kilosecond.map(|rate| u32::try_from(rate).unwrap_or(u32::MAX));
    SyncStatus {
        verified: following.verified,
        left: following.left(),
        epochs_per_second: rate.map(|rate| f64::from(rate) / 1_000.0),
        eta_s: following.eta_ms().map(|ms| ms.div_ceil(1_000)),
    }
}

/// The least stake whose absence leaves two thirds or less of `total`.
pub(crate) const fn stake_to_halt(total: u64) -> u64 {
    total.div_ceil(3)
}

/// The least stake that is more than two thirds of `total`.
pub(crate) fn stake_to_certify(total: u64) -> u64 {
    let quorum = u128::from(total) * 2 / 3 + 1;
    u64::try_from(quorum).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halting_and_certifying_stake_meet_the_quorum_rule() {
        let certifies = |held: u64, total: u64| 3 * held > 2 * total;
        for total in 1..200 {
            let (halt, certify) = (stake_to_halt(total), stake_to_certify(total));
            assert!(certifies(certify, total) && !certifies(certify - 1, total), "{total}");
            assert!(
                !certifies(total - halt, total) && certifies(total - halt + 1, total),
                "{total}"
            );
        }
        assert_eq!(stake_to_certify(u64::MAX), u64::MAX / 3 * 2 + 1);
    }
}
