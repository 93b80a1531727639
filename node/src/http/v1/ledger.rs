//! `GET /v1/ledger`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use ganglion_consensus::ledger::{State as Ledger, Table};

use crate::api::Ledger as Shown;
use crate::api::types::Amount;
use crate::http::{ApiError, Shared};

/// Size of the state, and what all that is owned adds up to.
#[utoipa::path(
    get, path = "/ledger", operation_id = "ledger", tag = "subnet",
    responses((status = 200, description = "The sums at the last certified epoch.", body = Shown))
)]
pub(crate) async fn get(State(app): Shared) -> Result<Json<Shown>, ApiError> {
    app.read(|app| Ok(Json(show(&app.now().state)))).await
}

fn show(state: &Ledger) -> Shown {
    let mut tables: BTreeMap<String, u64> =
        Table::ALL.map(|table| (table.name().to_owned(), 0)).into();
    let (mut rows, mut bytes) = (0, 0);
    for ((table, key), value) in state.rows() {
        let name = Table::ALL.into_iter().find(|one| one.number() == table).map(Table::name);
        *tables.entry(name.unwrap_or_default().to_owned()).or_default() += 1;
        rows += 1;
        bytes += key.len() as u64 + value.len() as u64;
    }
    // The supply stays below 2^62.
    let amount = |part: u128| Amount(u64::try_from(part).unwrap_or(u64::MAX));
    let parts = state.supply_parts();
    let manifest = state.manifest();
    let stakes = manifest.participants.iter().map(|one| one.stake.get());
    let balances = manifest.accounts.iter().map(|(_, balance)| balance.get());
    let chain = state.chain();
    Shown {
        epoch: state.epoch().get(),
        cut: state.head().to_hex(),
        state_root: state.root().to_hex(),
        tables,
        rows,
        bytes,
        balances_rao: amount(parts.balances),
        stakes_rao: amount(parts.stakes),
        entering_rao: amount(parts.entering),
        unbonding_rao: amount(parts.unbonding),
        supply_rao: amount(parts.total()),
        genesis_rao: Amount(stakes.chain(balances).fold(0, u64::saturating_add)),
        emitted_rao: Amount(chain.emitted.get()),
        burned_rao: Amount(chain.burned.get()),
        slashed_rao: Amount(chain.slashed.get()),
    }
}
