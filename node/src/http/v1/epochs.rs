//! `GET /v1/epochs` and `GET /v1/epochs/N`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use ganglion_consensus::ledger::{EpochResult, ResultRow as LedgerRow};
use ganglion_types::{Body, Epoch, Item, Uid};
use serde::Deserialize;
use utoipa::IntoParams;

use super::ops::outcome_of;
use crate::api::types::{
    Amount, EpochDetail, EpochSummary, Offence, OperationOutcome, ResultRow, WeightsRow,
};
use crate::http::epochs::{Decided, StandingRow, bundle, load, standing_rows};
use crate::http::{ApiError, App, Shared};
use crate::view::Snapshot;

const LIMIT_MAX: u64 = 100;
const LIMIT_DEFAULT: u64 = 20;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// First epoch.
    from: Option<u64>,
    /// How many, 1 to 100; 20 if not given.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u64>,
}

/// Newest first from the last one back; with `from`, rising from there.
#[utoipa::path(
    get, path = "/epochs", operation_id = "epochs", tag = "epochs",
    params(Page),
    responses((
        status = 200,
        description = "Summaries; none if there are no such epochs.",
        body = Vec<EpochSummary>
    ))
)]
pub(crate) async fn list(
    State(app): Shared,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Vec<EpochSummary>>, ApiError> {
    let Query(page) = page?;
    let limit = page.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(ApiError::bad_request("`limit` must be 1 to 100"));
    }
    app.read(move |app| {
        let now = app.now();
        let last = now.state.epoch().get();
        let epochs: Vec<u64> = match page.from {
            Some(from) => (from..=last).take(usize::try_from(limit).unwrap_or(0)).collect(),
            None => (last.saturating_sub(limit - 1)..=last).rev().collect(),
        };
        let mut summaries = Vec::new();
        for epoch in epochs {
            let decided = load(&app.reader()?, &now.state, Epoch::new(epoch))?;
            summaries.extend(decided.map(|decided| summary(&now, &decided)));
        }
        Ok(Json(summaries))
    })
    .await
}

/// One epoch with results, weights, operations, and the offences that its cut proves.
#[utoipa::path(
    get, path = "/epochs/{epoch}", operation_id = "epoch", tag = "epochs",
    params(("epoch" = u64, Path, description = "An epoch, 0 for genesis.")),
    responses((status = 200, description = "The epoch as it was certified.", body = EpochDetail))
)]
pub(crate) async fn show(
    State(app): Shared,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<EpochDetail>, ApiError> {
    let epoch = epoch_of(&path?.0)?;
    app.read(move |app| {
        let now = app.now();
        let whole = whole(app, &now, epoch)?;
        Ok(Json(detail(&now, &whole)))
    })
    .await
}

/// The epoch in a path.
pub(crate) fn epoch_of(text: &str) -> Result<Epoch, ApiError> {
    text.parse().map(Epoch::new).map_err(|_| ApiError::bad_request("an epoch is a whole number"))
}

/// A decided epoch with what it counted.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) decided: Decided,
    pub(crate) items: Vec<Item>,
    pub(crate) weights: BTreeMap<Uid, StandingRow>,
    /// Whether items and weights are known.
    pub(crate) items_kept: bool,
}

impl Whole {
    pub(crate) const fn result(&self) -> &EpochResult {
        &self.decided.result
    }
}

/// All that is known of a decided epoch.
pub(crate) fn whole(app: &App, now: &Snapshot, epoch: Epoch) -> Result<Whole, ApiError> {
    let reader = &app.reader()?;
    let Some(decided) = load(reader, &now.state, epoch)? else {
        let last = now.state.epoch();
        return Err(ApiError::not_found(format!(
            "epoch {epoch} is not decided here; the last one is {last}"
        )));
    };
    let Some(bundle) = bundle(reader, epoch)? else {
        let items_kept = epoch == Epoch::GENESIS;
        return Ok(Whole { decided, items: Vec::new(), weights: BTreeMap::new(), items_kept });
    };
    let weights = standing_rows(reader, &now.state, &decided.result, &bundle)?;
    Ok(Whole { decided, items: bundle.items, weights, items_kept: true })
}

fn summary(now: &Snapshot, decided: &Decided) -> EpochSummary {
    let Decided { cut, id, certificate, result } = decided;
    let epoch = cut.epoch;
    let signers: Vec<_> =
        certificate.iter().flat_map(|one| one.signatures.iter().map(|signed| signed.0)).collect();
    let stake_of = |hotkey| {
        let uid = now.state.uid_of(hotkey)?;
        now.state.participant(uid).map(|one| one.stake.get())
    };
    let signed = signers.iter().filter_map(stake_of).fold(0, u64::saturating_add);
    EpochSummary {
        epoch: epoch.get(),
        cut: id.to_hex(),
        prev: cut.prev.to_hex(),
        result_root: cut.result_root.to_hex(),
        state_root: cut.state_root.to_hex(),
        time: cut.time,
        round: certificate.as_ref().map_or(0, |one| one.round.get()),
        signers: signers.len(),
        signed_rao: Amount(signed),
        lists: cut.lists.len(),
        items: cut.items.len(),
        emitted_rao: Amount(result.header.emitted.get()),
        slashed_rao: Amount(result.header.slashed.get()),
        latency_ms: now.latencies.get(&epoch).copied(),
        missed: now.missed.contains(&epoch),
    }
}

fn detail(now: &Snapshot, whole: &Whole) -> EpochDetail {
    let decided = &whole.decided;
    let signatures = decided.certificate.iter().flat_map(|one| &one.signatures);
    let mut item_kinds = BTreeMap::new();
    for item in &whole.items {
        *item_kinds.entry(item.kind().name().to_owned()).or_insert(0) += 1;
    }
    let weights = whole.weights.iter().map(|(uid, row)| WeightsRow {
        uid: uid.get(),
        hotkey: whole.result().row(*uid).map_or_else(String::new, |row| row.hotkey.to_string()),
        weights: row.entries.clone(),
    });
    let operations = whole.items.iter().filter_map(|item| {
        let Body::RegistryOp(op) = item.body() else { return None };
        Some(OperationOutcome {
            id: item.id().to_hex(),
            operation: op.operation.name().into(),
            signer: ganglion_types::Coldkey::new(op.signer).to_string(),
            outcome: outcome_of(now, decided.cut.epoch, item),
        })
    });
    let evidence = whole.items.iter().filter_map(|item| {
        let Body::Evidence(evidence) = item.body() else { return None };
        Some(Offence {
            offender: evidence.offender().to_string(),
            kind: evidence.kind().name().into(),
            epoch: evidence.epoch().get(),
        })
    });
    EpochDetail {
        summary: summary(now, decided),
        signed_by: signatures.map(|(signer, _)| signer.to_string()).collect(),
        rows: whole.result().rows.iter().map(result_row).collect(),
        items_kept: whole.items_kept,
        item_kinds,
        weights: weights.collect(),
        operations: operations.collect(),
        evidence: evidence.collect(),
    }
}

fn result_row(row: &LedgerRow) -> ResultRow {
    ResultRow {
        uid: row.uid.get(),
        hotkey: row.hotkey.to_string(),
        coldkey: row.coldkey.to_string(),
        paid_rao: Amount(row.paid.get()),
        consensus: row.consensus,
        incentive: row.incentive,
        dividends: row.dividends,
        validator_trust: row.validator_trust,
        stake_weight: row.stake_weight,
        validator_permit: row.validator_permit,
        active: row.active,
    }
}
