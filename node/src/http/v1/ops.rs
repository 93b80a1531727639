//! `POST /v1/ops`, `POST /v1/ops/check` and `GET /v1/ops/ID`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use ganglion_consensus::ledger::{
    self, Failure, NONCE_WINDOW, Outcome, Preflight, State as Ledger,
};
use ganglion_types::{
    Body as ItemBody, Canonical as _, Cut, Epoch, Hotkey, Item, ItemId, Operation, RegistryOp,
    limits,
};

use crate::api::types::{OpCheck, OpStatus, SubmitOp, SubmittedOp};
use crate::fault::{self, Code};
use crate::http::guard::read_json;
use crate::http::{ApiError, App, BODY_BYTES_MAX, Shared, SubmitError};
use crate::view::Snapshot;

/// Operations submitted here that are remembered.
const SUBMITTED_MAX: usize = 4_096;
/// Cuts searched for an operation after the epoch that it is kept under.
const CUTS_SEARCHED: u64 = 128;
/// How a receipt begins that leaves an operation as if it had not come.
const GAP: &str = "it waits for";

/// What was submitted here; the oldest makes room.
#[derive(Debug, Default)]
pub(crate) struct Submitted(Mutex<(BTreeMap<ItemId, Sent>, VecDeque<ItemId>)>);

/// An operation that was submitted here.
#[derive(Clone, Copy, Debug)]
struct Sent {
    signer: [u8; 32],
    nonce: u64,
    valid_until: Epoch,
}

impl Sent {
    const fn of(op: &RegistryOp) -> Self {
        Self { signer: op.signer, nonce: op.nonce, valid_until: op.valid_until }
    }
}

impl Submitted {
    fn insert(&self, id: ItemId, sent: Sent) {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (by_id, order) = &mut *guard;
        if by_id.insert(id, sent).is_none() {
            order.push_back(id);
        }
        if order.len() > SUBMITTED_MAX
            && let Some(oldest) = order.pop_front()
        {
            by_id.remove(&oldest);
        }
    }

    fn valid_until(&self, id: &ItemId) -> Option<Epoch> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.get(id).map(|sent| sent.valid_until)
    }

    /// The first nonce from `next` on that nothing submitted here by this signer, and still valid in
    /// `epoch`, has taken; `None` if that takes the whole window of nonces.
    pub(crate) fn free_nonce(&self, signer: &[u8; 32], next: u64, epoch: Epoch) -> Option<u64> {
        let guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = guard.0.values();
        let waiting = waiting.filter(|sent| sent.signer == *signer && sent.valid_until >= epoch);
        let taken: BTreeSet<u64> = waiting.map(|sent| sent.nonce).collect();
        (next..next.saturating_add(NONCE_WINDOW)).find(|nonce| !taken.contains(nonce))
    }
}

/// The operation in a request, with its wire bytes.
async fn read_item(headers: &HeaderMap, body: Body) -> Result<(Vec<u8>, Item), ApiError> {
    let request: SubmitOp = read_json(headers, body, BODY_BYTES_MAX).await?;
    let bytes = hex::decode(request.item.trim_start_matches("0x"))
        .map_err(|_| ApiError::bad_request("`item` must be hexadecimal"))?;
    let item = Item::from_bytes(&bytes, limits::ITEM_BYTES)
        .map_err(|error| ApiError::bad_request(format!("`item` is no item: {error}")))?;
    Ok((bytes, item))
}

/// The operation that an item of this subnet holds.
fn operation<'a>(state: &Ledger, item: &'a Item) -> Result<&'a RegistryOp, ApiError> {
    let ItemBody::RegistryOp(op) = item.body() else {
        let kind = item.kind().name();
        return Err(ApiError::bad_request(format!("operations are taken here, this is a {kind}")));
    };
    if item.subnet() != state.subnet() {
        return Err(ApiError::refused(format!(
            "the operation is signed for subnet {}, this is {}",
            item.subnet(),
            state.subnet()
        )));
    }
    Ok(op)
}

fn unsound() -> ApiError {
    ApiError::refused("the signature, or the consent of the hotkey in it, does not hold")
}

/// Takes a signed operation and gossips it.
#[utoipa::path(
    post, path = "/ops", operation_id = "submit_operation", tag = "operations",
    request_body = SubmitOp,
    responses((status = 202, description = "Taken and gossiped, not yet decided.", body = SubmittedOp)),
    security(("token" = []))
)]
pub(crate) async fn submit(
    State(app): Shared,
    headers: HeaderMap,
    body: Body,
) -> Result<impl IntoResponse, ApiError> {
    let (bytes, item) = read_item(&headers, body).await?;
    let state = app.now().state;
    let sent = Sent::of(operation(&state, &item)?);
    if !item.verify() {
        return Err(unsound());
    }
    ledger::admissible(&state, &item).map_err(|rule| ApiError::against(&rule))?;
    let id = app.context.submit.submit(bytes).await.map_err(|error| match error {
        SubmitError::Refused(reason) => ApiError::refused(reason),
        SubmitError::Busy => ApiError::busy(error.to_string()),
    })?;
    app.submitted.insert(id, sent);
    let taken = SubmittedOp { id: id.to_hex(), epoch: state.next_epoch().get() };
    Ok((StatusCode::ACCEPTED, Json(taken)))
}

/// What would become of an operation. One that is not signed yet is checked without its signatures.
#[utoipa::path(
    post, path = "/ops/check", operation_id = "check_operation", tag = "operations",
    request_body = SubmitOp,
    responses((
        status = 200,
        description = "Whether the next cut would take it, and which rule fails if not.",
        body = OpCheck
    ))
)]
pub(crate) async fn check(
    State(app): Shared,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<OpCheck>, ApiError> {
    let (_, item) = read_item(&headers, body).await?;
    app.read(move |app| {
        let state = app.now().state;
        let op = operation(&state, &item)?;
        if item.is_signed() && !item.verify() {
            return Err(unsound());
        }
        Ok(Json(judged(&state, op)))
    })
    .await
}

fn judged(state: &Ledger, op: &RegistryOp) -> OpCheck {
    let epoch = state.next_epoch().get();
    let refused = |admissible, (rule, code): (&str, Code), message, from: Option<Epoch>| OpCheck {
        epoch,
        admissible,
        succeeds: false,
        rule: Some(rule.into()),
        message: Some(message),
        cure: Some(code.cure().into()),
        passes_from_epoch: from.map(Epoch::get),
    };
    match ledger::preflight(state, op) {
        Preflight::Inadmissible { reason, from } => {
            let rule = (reason.name(), fault::inadmissible(&reason));
            refused(false, rule, reason.to_string(), from)
        }
        Preflight::Fails { failure: failure @ Failure::Rules, from } => {
            let broken = broken_rules(state, &op.operation);
            let rule = (failure.name(), Code::RULE_RULES);
            refused(true, rule, format!("{failure}: {broken}"), from)
        }
        Preflight::Fails { failure, from } => {
            let rule = (failure.name(), fault::failed(&failure));
            refused(true, rule, failure.to_string(), from)
        }
        Preflight::Waits { next } => {
            refused(true, ("gap", Code::RULE_GAP), Outcome::Gap { next }.to_string(), None)
        }
        Preflight::Succeeds => OpCheck {
            epoch,
            admissible: true,
            succeeds: true,
            rule: None,
            message: None,
            cure: None,
            passes_from_epoch: None,
        },
    }
}

/// Which rules of the manifest a revision would break as things stand.
fn broken_rules(state: &Ledger, operation: &Operation) -> String {
    let Operation::Revise { changes, .. } = operation else { return String::new() };
    let mut parameters = *state.parameters();
    for change in changes {
        // What cannot be set is told as inadmissible before.
        let _ = parameters.set(change);
    }
    let violations = parameters.violations(state.manifest());
    let mut broken: Vec<String> =
        violations.iter().map(|one| format!("{} {}", one.field, one.rule)).collect();
    let (seats, held) = (parameters.hyperparameters.max_allowed_uids, state.uid_count());
    if seats < held {
        broken.push(format!("max_allowed_uids {seats} is below the {held} uids there are"));
    }
    broken.join("; ")
}

/// What became of an operation.
#[utoipa::path(
    get, path = "/ops/{id}", operation_id = "operation", tag = "operations",
    params(("id" = String, Path, description = "Item id, 64 hexadecimal digits.")),
    responses((
        status = 200,
        description = "`pending`, `decided` with its outcome, or `unknown`.",
        body = OpStatus
    ))
)]
pub(crate) async fn get(
    State(app): Shared,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<OpStatus>, ApiError> {
    let Path(text) = path?;
    let id = ItemId::from_hex(&text)
        .ok_or_else(|| ApiError::bad_request("an item id of 64 hexadecimal digits is wanted"))?;
    app.read(move |app| status(app, id).map(Json)).await
}

fn status(app: &App, id: ItemId) -> Result<OpStatus, ApiError> {
    let now = app.now();
    let tell = |state: &str, epoch: Option<Epoch>, outcome: Option<String>| OpStatus {
        id: id.to_hex(),
        state: state.into(),
        epoch: epoch.map(|epoch| epoch.get()),
        outcome,
    };
    let stored = match app.reader()?.item(id.as_bytes())? {
        Some((kept, bytes)) => {
            Item::from_bytes(&bytes, usize::MAX).ok().map(|item| (Epoch::new(kept), item))
        }
        None => None,
    };
    let valid_until = stored.as_ref().and_then(|(_, item)| valid_until(item));
    let valid_until = valid_until.or_else(|| app.submitted.valid_until(&id));
    let open = valid_until.is_some_and(|last| last >= now.state.next_epoch());

    let decided = match now.receipts.get(&id) {
        Some((epoch, outcome)) => Some((*epoch, outcome.clone())),
        None => match &stored {
            Some((kept, item)) => cut_of(app, &now, *kept, item)?,
            None => None,
        },
    };
    Ok(match (decided, valid_until) {
        // Behind a gap it did nothing, and may come again.
        (Some((_, outcome)), _) if open && outcome.starts_with(GAP) => {
            tell("pending", None, Some(outcome))
        }
        (Some((epoch, outcome)), _) => tell("decided", Some(epoch), Some(outcome)),
        (None, Some(_)) if open => tell("pending", None, None),
        (None, Some(last)) => {
            let outcome = format!("no cut holds it, and it was valid until epoch {last} only");
            tell("unknown", None, Some(outcome))
        }
        (None, None) => tell("unknown", None, None),
    })
}

fn valid_until(item: &Item) -> Option<Epoch> {
    match item.body() {
        ItemBody::RegistryOp(op) => Some(op.valid_until),
        _ => None,
    }
}

/// The epoch whose cut holds an item, for one that was decided before this process began. What became
/// of it is not stored, but a registration shows it.
fn cut_of(
    app: &App,
    now: &Snapshot,
    kept: Epoch,
    item: &Item,
) -> Result<Option<(Epoch, String)>, ApiError> {
    let last = kept.get().saturating_add(CUTS_SEARCHED).min(now.state.epoch().get());
    for epoch in kept.get().max(1)..=last {
        let Some(bytes) = app.reader()?.cut(epoch)? else { break };
        let cut = Cut::from_bytes(&bytes, usize::MAX).map_err(|e| ApiError::internal(&e))?;
        if cut.items.binary_search(&item.id()).is_ok() {
            return Ok(Some((cut.epoch, outcome_of(now, cut.epoch, item))));
        }
    }
    Ok(None)
}

/// What became of an item of a cut: as the driver saw it, or as the state shows it, else `unknown`.
pub(crate) fn outcome_of(now: &Snapshot, epoch: Epoch, item: &Item) -> String {
    if let Some((_, outcome)) = now.receipts.get(&item.id()) {
        return outcome.clone();
    }
    let ItemBody::RegistryOp(op) = item.body() else { return "unknown".into() };
    let newcomer = match &op.operation {
        Operation::Register { .. } => Hotkey::new(op.signer),
        Operation::BurnRegister { hotkey, .. } => *hotkey,
        _ => return "unknown".into(),
    };
    let seat = now.state.uid_of(&newcomer).and_then(|uid| now.state.participant(uid));
    match seat {
        Some(one) if one.registered_at == epoch => "done".into(),
        _ => "unknown".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_submission_makes_room() {
        let submitted = Submitted::default();
        let id = |n: usize| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&n.to_be_bytes());
            ItemId::new(bytes)
        };
        let sent = |nonce| Sent { signer: [1; 32], nonce, valid_until: Epoch::new(9) };
        for n in 0..=SUBMITTED_MAX {
            submitted.insert(id(n), sent(n as u64));
            submitted.insert(id(n), sent(n as u64));
        }
        assert_eq!(submitted.valid_until(&id(0)), None);
        assert_eq!(submitted.valid_until(&id(1)), Some(Epoch::new(9)));
        assert_eq!(submitted.0.lock().unwrap().1.len(), SUBMITTED_MAX);
    }

    #[test]
    fn the_next_free_nonce_leaves_out_what_waits() {
        let submitted = Submitted::default();
        let send = |byte: u8, nonce, valid_until| {
            let valid_until = Epoch::new(valid_until);
            submitted.insert(ItemId::new([byte; 32]), Sent { signer: [1; 32], nonce, valid_until });
        };
        let free = |next| submitted.free_nonce(&[1; 32], next, Epoch::new(7));
        assert_eq!(free(4), Some(4));
        send(1, 4, 9);
        send(2, 5, 9);
        send(3, 7, 9);
        assert_eq!(free(4), Some(6));
        assert_eq!(submitted.free_nonce(&[2; 32], 4, Epoch::new(7)), Some(4), "of another");
        // One that no cut may hold any more is in nobody's way.
        send(4, 6, 6);
        assert_eq!(free(4), Some(6));
        for nonce in 4..20 {
            send(10 + nonce as u8, nonce, 9);
        }
        assert_eq!((free(4), free(5)), (None, Some(20)));
    }

    #[test]
    fn a_gap_is_known_by_its_words() {
        assert!(Outcome::Gap { next: 3 }.to_string().starts_with(GAP));
        assert!(!Outcome::Applied.to_string().starts_with(GAP));
    }
}
