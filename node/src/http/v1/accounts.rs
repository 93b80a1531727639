//! `GET /v1/accounts/COLDKEY`.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use ganglion_types::Coldkey;

use super::metagraph;
use crate::api::types::{Account, Amount};
use crate::http::{ApiError, Shared};

pub(crate) async fn get(
    State(app): Shared,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Account>, ApiError> {
    let Path(text) = path?;
    let coldkey: Coldkey = text.parse().map_err(|error| {
        ApiError::bad_request(format!("a coldkey's address is wanted here: this is {error}"))
    })?;
    app.read(move |app| {
        let now = app.now();
        let state = &now.state;
        let result = metagraph::last_result(app, &now)?;
        let participants = metagraph::rows(state, &result, |one| one.coldkey == coldkey);
        let Some(account) = state.accounts().get(&coldkey).copied() else {
            return Err(ApiError::not_found(format!(
                "{coldkey} has no account in this subnet: it gets one by a transfer or a registration"
            )));
        };
        Ok(Json(Account {
            coldkey: coldkey.to_string(),
            balance_rao: Amount(account.balance.get()),
            nonce: account.nonce,
            participants,
        }))
    })
    .await
}
