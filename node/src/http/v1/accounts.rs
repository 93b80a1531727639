//! `GET /v1/accounts/COLDKEY`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use ganglion_consensus::ledger::{EpochResult, State as Ledger};
use ganglion_types::{Coldkey, Epoch, Rao, Uid};
use serde::Deserialize;
use utoipa::IntoParams;

use super::metagraph;
use crate::api::types::{Account, Amount, Delegation, Unbonding, Waiting};
use crate::http::{ApiError, Shared};

const LIMIT_MAX: usize = 1_000;
const LIMIT_DEFAULT: usize = 100;

/// Which of the amounts that unbond are shown.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// First release epoch.
    #[serde(default)]
    from: u64,
    /// How many, 1 to 1000, but for those of the last epoch, which all come; 100 if not given.
    #[param(minimum = 1, maximum = 1_000)]
    limit: Option<usize>,
}

/// All that a coldkey owns, and what it waits for.
#[utoipa::path(
    get, path = "/accounts/{coldkey}", operation_id = "account", tag = "subnet",
    params(
        ("coldkey" = String, Path, description = "SS58 address or 64 hexadecimal digits."),
        Page,
    ),
    responses((
        status = 200,
        description = "What it owns, by kind; positions are given page by page.",
        body = Account
    ))
)]
pub(crate) async fn get(
    State(app): Shared,
    path: Result<Path<String>, PathRejection>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Account>, ApiError> {
    let (Path(text), Query(page)) = (path?, page?);
    let coldkey: Coldkey = text.parse().map_err(|error| {
        ApiError::bad_request(format!("a coldkey's address is wanted here: this is {error}"))
    })?;
    let limit = page.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(ApiError::bad_request("`limit` must be 1 to 1000"));
    }
    app.read(move |app| {
        let now = app.now();
        let result = metagraph::last_result(app, &now)?;
        if !now.state.accounts().contains_key(&coldkey) {
            return Err(ApiError::not_found(format!(
                "{coldkey} has no account in this subnet: it gets one by a transfer or a registration"
            )));
        }
        let mut account = account(&now.state, &result, coldkey, page.from, limit);
        let (signer, epoch) = (coldkey.as_bytes(), now.state.next_epoch());
        account.next_nonce = app.submitted.free_nonce(signer, account.nonce, epoch);
        Ok(Json(account))
    })
    .await
}

fn account(
    state: &Ledger,
    result: &EpochResult,
    coldkey: Coldkey,
    from: u64,
    limit: usize,
) -> Account {
    let held = state.account(&coldkey);
    let (unbonding, unbonding_next) = unbonding(state, &coldkey, from, limit);
    let of_coldkey = |(key, amount): (&(Epoch, ganglion_types::Hotkey, Coldkey), &Rao)| {
        if key.2 == coldkey { amount.get() } else { 0 }
    };
    let unbonding_all = state.unbonding().iter().map(of_coldkey).fold(0, u64::saturating_add);
    Account {
        coldkey: coldkey.to_string(),
        epoch: state.epoch().get(),
        balance_rao: Amount(held.balance.get()),
        nonce: held.nonce,
        next_nonce: Some(held.nonce),
        total_rao: Amount(state.holding(&coldkey).get().saturating_add(unbonding_all)),
        participants: metagraph::rows(state, result, |one| one.coldkey == coldkey),
        delegations: delegations(state, &coldkey),
        entering: entering(state, &coldkey),
        leaving: leaving(state, &coldkey),
        unbonding,
        unbonding_rao: Amount(unbonding_all),
        unbonding_next,
    }
}

fn delegations(state: &Ledger, coldkey: &Coldkey) -> Vec<Delegation> {
    let others = state.participants().filter(|(_, one)| one.coldkey != *coldkey);
    let behind = others.map(|(uid, one)| (uid, one, state.staked_by(uid, coldkey)));
    behind
        .filter(|(_, _, amount)| !amount.is_zero())
        .map(|(uid, one, amount)| Delegation {
            uid: uid.get(),
            hotkey: one.hotkey.to_string(),
            amount_rao: Amount(amount.get()),
            take: one.take,
        })
        .collect()
}

fn entering(state: &Ledger, coldkey: &Coldkey) -> Vec<Waiting> {
    let moved_by = moved_by(state, state.entering());
    let own = state.entering().iter().filter(|((_, owner), _)| owner == coldkey);
    let seated = own.filter_map(|((hotkey, _), amount)| Some((state.uid_of(hotkey)?, amount)));
    by_uid(state, seated, moved_by)
}

fn leaving(state: &Ledger, coldkey: &Coldkey) -> Vec<Waiting> {
    let moved_by = moved_by(state, state.leaving());
    let own = state.leaving().iter().filter(|((_, owner), _)| owner == coldkey);
    by_uid(state, own.map(|((uid, _), amount)| (*uid, amount)), moved_by)
}

fn by_uid<'a>(
    state: &Ledger,
    amounts: impl Iterator<Item = (Uid, &'a Rao)>,
    moved_by: u64,
) -> Vec<Waiting> {
    let row = |(uid, amount): (Uid, &Rao)| {
        let hotkey = state.participant(uid)?.hotkey.to_string();
        Some(Waiting { uid: uid.get(), hotkey, amount_rao: Amount(amount.get()), moved_by })
    };
    let mut rows: Vec<Waiting> = amounts.filter_map(row).collect();
    rows.sort_by_key(|row| row.uid);
    rows
}

/// The epoch by whose end a queue is empty, if nobody else joins it and the committee's stake stays.
/// All amounts in it move in proportion, so the last rao of each moves about then.
fn moved_by<K>(state: &Ledger, queue: &BTreeMap<K, Rao>) -> u64 {
    let all = queue.values().fold(0_u64, |sum, amount| sum.saturating_add(amount.get()));
    let epochs = all.div_ceil(state.churn_capacity().get().max(1));
    state.epoch().get().saturating_add(epochs)
}

/// What unbonds from an epoch on, and where the next page begins.
fn unbonding(
    state: &Ledger,
    coldkey: &Coldkey,
    from: u64,
    limit: usize,
) -> (Vec<Unbonding>, Option<u64>) {
    let mut rows: Vec<Unbonding> = Vec::new();
    for ((release, hotkey, owner), amount) in state.unbonding() {
        if owner != coldkey || release.get() < from {
            continue;
        }
        let within = rows.last().is_some_and(|row| row.release_epoch == release.get());
        if rows.len() >= limit && !within {
            return (rows, Some(release.get()));
        }
        rows.push(Unbonding {
            hotkey: hotkey.to_string(),
            amount_rao: Amount(amount.get()),
            release_epoch: release.get(),
        });
    }
    (rows, None)
}
