//! `GET /v1/revisions`.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use ganglion_consensus::ledger::{OWNER_DELAY, REVISION_EPOCHS, Revision, State as Ledger};
use ganglion_types::{Change, Coldkey, Parameter};

use super::status::stake_to_certify;
use crate::api::types::{Amount, Approver, ChangeRow, RevisionRow, Revisions};
use crate::http::Shared;
use crate::parameters;

/// Revisions that wait, with approvals and the stake behind them.
#[utoipa::path(
    get, path = "/revisions", operation_id = "revisions", tag = "subnet",
    responses((status = 200, description = "Each revision with who approves it.", body = Revisions))
)]
pub(crate) async fn get(State(app): Shared) -> Json<Revisions> {
    let state = app.now().state;
    let committee = state.committee_stake().get();
    let voices = voices(&state);
    let row = |(id, revision): (&u64, &Revision)| row(&state, &voices, *id, revision);
    Json(Revisions {
        epoch: state.next_epoch().get(),
        owner: state.manifest().owner.map(|owner| owner.to_string()),
        revision_delay: state.hyperparameters().revision_delay,
        owner_delay: OWNER_DELAY,
        committee_rao: Amount(committee),
        needed_rao: Amount(stake_to_certify(committee)),
        approvers: approvers(&voices, |_| true),
        revisions: state.revisions().iter().map(row).collect(),
    })
}

/// Coldkeys of members with the stake of these.
fn voices(state: &Ledger) -> BTreeMap<Coldkey, u64> {
    let mut voices = BTreeMap::new();
    for (_, one) in state.participants().filter(|(_, one)| one.is_member()) {
        let stake: &mut u64 = voices.entry(one.coldkey).or_default();
        *stake = stake.saturating_add(one.stake.get());
    }
    voices
}

/// Largest stake first.
fn approvers(voices: &BTreeMap<Coldkey, u64>, wanted: impl Fn(&Coldkey) -> bool) -> Vec<Approver> {
    let mut found: Vec<_> = voices.iter().filter(|(coldkey, _)| wanted(coldkey)).collect();
    found.sort_by_key(|(coldkey, stake)| (Reverse(**stake), **coldkey));
    let row = |(coldkey, stake): (&Coldkey, &u64)| Approver {
        coldkey: coldkey.to_string(),
        stake_rao: Amount(*stake),
    };
    found.into_iter().map(row).collect()
}

fn row(
    state: &Ledger,
    voices: &BTreeMap<Coldkey, u64>,
    id: u64,
    revision: &Revision,
) -> RevisionRow {
    RevisionRow {
        id,
        proposer: revision.proposer.to_string(),
        proposed_at: revision.proposed_at.get(),
        effective: revision.effective.get(),
        class: revision.class().name().into(),
        decided_at: revision.approved_at.map(|epoch| epoch.get()),
        lapses_at: revision.proposed_at.get().saturating_add(REVISION_EPOCHS),
        changes: revision.changes.iter().map(|change| changed(state, change)).collect(),
        approvals: approvers(voices, |coldkey| revision.approvals.contains(coldkey)),
        support_rao: Amount(state.support(revision).get()),
    }
}

fn changed(state: &Ledger, change: &Change) -> ChangeRow {
    let now = state.parameters().get(change.parameter).unwrap_or_default();
    let (name, show): (String, Box<dyn Fn(u64) -> String>) = match Parameter::of(change.parameter) {
        Some(one) => (one.name.into(), Box::new(|value| parameters::show(one, value))),
        None => (format!("parameter {}", change.parameter), Box::new(|value| value.to_string())),
    };
    ChangeRow { number: change.parameter, name, to: show(change.value), from: show(now) }
}
