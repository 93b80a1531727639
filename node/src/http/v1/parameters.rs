//! `GET /v1/parameters`.

use axum::Json;
use axum::extract::State;
use ganglion_types::{Parameter, Parameters};

use crate::api::types::{Amount, InForce, ParameterRow};
use crate::http::Shared;
use crate::parameters;

/// The parameters in force.
#[utoipa::path(
    get, path = "/parameters", operation_id = "parameters", tag = "subnet",
    responses((status = 200, description = "Each parameter with its value.", body = InForce))
)]
pub(crate) async fn get(State(app): Shared) -> Json<InForce> {
    let state = app.now().state;
    let genesis = Parameters::of(state.manifest());
    let row = |one: &Parameter| {
        let value = state.parameters().get(one.number).unwrap_or_default();
        let first = genesis.get(one.number).unwrap_or_default();
        ParameterRow {
            number: one.number,
            name: one.name.into(),
            value: Amount(value),
            text: parameters::show(one, value),
            unit: parameters::unit(one).into(),
            genesis: parameters::show(one, first),
            class: one.class.name().into(),
        }
    };
    Json(InForce {
        epoch: state.next_epoch().get(),
        parameters: Parameter::ALL.iter().map(row).collect(),
    })
}
