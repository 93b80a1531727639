//! `GET /v1/peers`.

use axum::Json;
use axum::extract::State;

use crate::api::types::Peer;
use crate::http::Shared;

/// Known nodes, connected ones first.
#[utoipa::path(
    get, path = "/peers", operation_id = "peers", tag = "node",
    responses((
        status = 200,
        description = "One entry for each node of the subnet that is known.",
        body = Vec<Peer>
    ))
)]
pub(crate) async fn get(State(app): Shared) -> Json<Vec<Peer>> {
    let state = app.now().state;
    let peers = app.context.network.peers().into_iter().map(|peer| {
        let uid = state.uid_of(&peer.hotkey);
        let role = uid.and_then(|uid| state.participant(uid)).map(|one| one.role.name());
        Peer {
            hotkey: peer.hotkey.to_string(),
            peer_id: peer.peer_id,
            uid: uid.map(|uid| uid.get()),
            role: role.unwrap_or("observer").into(),
            addresses: peer.addresses,
            connected: peer.connected,
            relayed: peer.relayed,
            score: peer.score,
            rtt_ms: peer.rtt.map(|rtt| rtt.as_secs_f64() * 1_000.0),
            agent: peer.agent,
            archive: peer.archive,
        }
    });
    Json(peers.collect())
}
