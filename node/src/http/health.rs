//! `GET /healthz` and `GET /readyz`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use ganglion_subnet::Stranded;
use ganglion_types::{Coldkey, Rao};

use super::v1::status::stake_to_halt;
use super::{App, Shared, WorkerHealth};
use crate::api::types::Ready;
use crate::view::Snapshot;

/// The process answers: all that a restart could mend. Whether it does its part is `/readyz`.
#[utoipa::path(
    get, path = "/healthz", operation_id = "live", tag = "health",
    responses((status = 200, description = "The process runs.", body = String, content_type = "text/plain"))
)]
pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// Whether the node does its part.
#[utoipa::path(
    get, path = "/readyz", operation_id = "ready", tag = "health",
    responses(
        (status = 200, description = "It does.", body = Ready),
        (status = 503, description = "It does not, with the reasons.", body = Ready),
    )
)]
pub(super) async fn ready(State(app): Shared) -> impl IntoResponse {
    let ready = look(&app);
    let status = if ready.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(ready))
}

/// The same for metrics.
pub(super) fn is_ready(app: &App) -> bool {
    look(app).ready
}

fn look(app: &App) -> Ready {
    let peers = app.context.network.peers();
    let connected = peers.iter().filter(|peer| peer.connected).count();
    judge(&app.now(), connected, &(app.context.worker)())
}

/// Whether a node does its part.
fn judge(now: &Snapshot, connected: usize, worker: &WorkerHealth) -> Ready {
    let mut reasons = Vec::new();
    if let Some(reason) = &now.halted {
        reasons.push(format!(
            "the node has stopped: {reason}. Keep its data directory and its log, they show what \
             differed; then restart it, with a newer version if there is one"
        ));
    }
    if let Some(reason) = &now.storage {
        reasons.push(format!(
            "the disk takes no writes: {reason}. Nothing is signed meanwhile. Make room, or mount it to be \
             written; the node goes on by itself within seconds"
        ));
    }
    if now.phase == "joining" {
        reasons.push("joining by a snapshot: /v1/status says how far. It goes on by itself".into());
    } else if let Some(best) = now.behind {
        let epoch = now.state.epoch();
        reasons.push(format!(
            "catching up: epoch {epoch} of {best} is done here. It goes on by itself; if the number \
             stands still, see /v1/peers and the log"
        ));
    } else if now.phase == "catching_up" {
        reasons.push("catching up with its peers. It goes on by itself".into());
    }
    if let Some(stranded) = &now.stranded {
        reasons.push(stranded_text(stranded));
    }
    // A subnet of one needs nobody.
    let alone = now.state.participants().count() == 1 && now.uid().is_some();
    if connected == 0 && !alone {
        reasons.push(
            "no peer is connected. Check that the bootnodes of the configuration run and can be \
             reached, and that `listen` is not on loopback if they are elsewhere"
                .into(),
        );
    }
    if now.uid().is_some() && !now.signing && now.halted.is_none() && now.storage.is_none() {
        reasons.push(not_signing(now));
    }
    match worker {
        WorkerHealth::Failing { reason } => reasons.push(format!(
            "the worker fails: {reason}. It is started again with growing pauses; run its command \
             by hand to see what it says, and see the log"
        )),
        WorkerHealth::Starting if now.role() != "observer" => {
            reasons.push("the worker is starting: loading or training takes a while".into());
        }
        WorkerHealth::None if now.role() != "observer" => reasons.push(format!(
            "a {} without a worker earns nothing: set `worker` or `worker_command` in node.toml",
            now.role()
        )),
        _ => {}
    }
    Ready { ready: reasons.is_empty(), reasons, warnings: warnings(now) }
}

/// What is missing when no peer can give the next epoch, and the cure.
pub(crate) fn stranded_text(stranded: &Stranded) -> String {
    let Stranded { next, oldest } = stranded;
    format!(
        "no connected peer has the items of epoch {next} any more, the oldest that one has are of \
         epoch {oldest}. Connect to an archive node (`ganglion peers` shows which are), or begin \
         anew with a data directory of its own and --checkpoint EPOCH:CUTID, by a snapshot"
    )
}

fn not_signing(now: &Snapshot) -> String {
    let reason = now.signing_reason;
    let cure = if reason.starts_with("mute") || reason.starts_with("listening") {
        "This keeps it from contradicting what it signed before; it ends by itself once epochs are \
         certified without it"
    } else {
        "It begins by itself; if it does not, see the log"
    };
    format!("signs nothing: {reason}. {cure}")
}

fn warnings(now: &Snapshot) -> Vec<String> {
    let state = &now.state;
    let mut warnings = Vec::new();
    let members = state.participants().filter(|(_, one)| one.is_member());
    let members: Vec<_> = members.map(|(uid, one)| (uid, one.coldkey, one.stake.get())).collect();
    let total: u64 = members.iter().fold(0, |sum, member| sum.saturating_add(member.2));
    let halts = |stake: u64| members.len() > 1 && stake >= stake_to_halt(total);
    let percent = |stake: u64| u128::from(stake) * 100 / u128::from(total.max(1));
    for (uid, _, stake) in members.iter().filter(|member| halts(member.2)) {
        warnings.push(format!(
            "uid {uid} alone holds {} % of the committee's stake: without it nothing is certified. \
             More stake on others spreads this",
            percent(*stake)
        ));
    }
    let mut owners: BTreeMap<Coldkey, (usize, u64)> = BTreeMap::new();
    for (_, coldkey, stake) in &members {
        let owner = owners.entry(*coldkey).or_default();
        *owner = (owner.0 + 1, owner.1.saturating_add(*stake));
    }
    for (coldkey, (many, stake)) in owners {
        if many > 1 && halts(stake) {
            let percent = percent(stake);
            warnings.push(format!(
                "coldkey {coldkey} holds {percent} % of the committee's stake on {many} validators: \
                 together they can halt the subnet"
            ));
        }
    }
    let (seen, all) = now.stake_seen;
    if all > 0 && u128::from(seen) * 5 < u128::from(all) * 4 {
        let (seen, all) = (Rao::new(seen), Rao::new(all));
        warnings.push(format!(
            "in the last epoch lists of {seen} of {all} units of stake came: with two thirds or \
             less nothing is certified"
        ));
    }
    if let Some(last) = now.missed.last() {
        let many = now.missed.len();
        warnings
            .push(format!("{many} epochs were missed since the node started, the last was {last}"));
    }
    warnings
}
