//! `GET /v1/epochs/N/explain`: how each reward came about, in plain words.
//!
//! Everything said follows from the epoch's certified result and from the rows of weights that its
//! cut and those before it hold (`docs/spec/ledger.md`, and the Yuma specification 4.6 to 4.13). The
//! stake behind a sentence comes from the result's `stake_weight`, so percentages are right to about
//! 0.01 %; payments are exact.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use ganglion_consensus::ledger::{EpochResult, ResultRow, State as Ledger};
use ganglion_types::{Epoch, Hyperparameters, Rao, Role, Uid};
use serde::Deserialize;
use utoipa::IntoParams;

use super::epochs::{epoch_of, whole};
use crate::api::types::Amount;
use crate::api::{ExplainedRow, Explanation};
use crate::http::epochs::{StandingRow, result};
use crate::http::{ApiError, App, Shared};

/// Others named in one sentence.
const NAMED_MAX: usize = 3;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Form {
    /// `json` or `text`; else as `Accept` says.
    format: Option<String>,
}

/// How each reward of an epoch came about, in sentences.
#[utoipa::path(
    get, path = "/epochs/{epoch}/explain", operation_id = "explain_epoch", tag = "epochs",
    params(
        ("epoch" = u64, Path, description = "An epoch, 0 for genesis."),
        Form,
    ),
    responses((
        status = 200,
        description = "What holds for the epoch, and the reward of each uid in sentences.",
        content((Explanation = "application/json"), (String = "text/plain"))
    ))
)]
pub(crate) async fn get(
    State(app): Shared,
    path: Result<Path<String>, PathRejection>,
    form: Result<Query<Form>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let epoch = epoch_of(&path?.0)?;
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let as_text = match form?.0.format.as_deref() {
        Some("text") => true,
        Some("json") => false,
        Some(_) => return Err(ApiError::bad_request("`format` must be json or text")),
        None => accepted.is_some_and(|kinds| kinds.starts_with("text/plain")),
    };
    let explanation = app.read(move |app| explanation(app, epoch)).await?;
    Ok(if as_text {
        explanation.to_text().into_response()
    } else {
        Json(explanation).into_response()
    })
}

fn explanation(app: &App, epoch: Epoch) -> Result<Explanation, ApiError> {
    let now = app.now();
    let whole = whole(app, &now, epoch)?;
    let cut = whole.decided.id.to_hex();
    if epoch == Epoch::GENESIS {
        let summary =
            vec!["Epoch 0 is genesis: it follows from the manifest and pays nothing.".into()];
        return Ok(Explanation { epoch: 0, cut, summary, rows: Vec::new() });
    }
    if whole.result().rows.is_empty() {
        let message = format!("the result of epoch {epoch} is no longer kept by this node");
        return Err(ApiError::gone(message));
    }
    if !whole.items_kept {
        let message = format!("the weights of epoch {epoch} are no longer kept by this node");
        return Err(ApiError::gone(message));
    }
    let before = result(&app.reader()?, epoch.previous())?;
    let facts = Facts::new(&now.state, whole.result(), &before, &whole.weights);
    Ok(Explanation { epoch: epoch.get(), cut, summary: facts.summary(), rows: facts.rows() })
}

/// What the sentences are made from.
struct Facts<'a> {
    rules: &'a Hyperparameters,
    result: &'a EpochResult,
    weights: &'a BTreeMap<Uid, StandingRow>,
    roles: BTreeMap<Uid, Role>,
    /// Who could set weights in this epoch.
    permits: BTreeSet<Uid>,
    /// Stake of validators that counted, in 65535ths of all stake.
    stakes: BTreeMap<Uid, u64>,
}

impl<'a> Facts<'a> {
    fn new(
        state: &'a Ledger,
        result: &'a EpochResult,
        before: &EpochResult,
        weights: &'a BTreeMap<Uid, StandingRow>,
    ) -> Self {
        let seat = |row: &ResultRow| {
            let uid = state.uid_of(&row.hotkey)?;
            Some((row.uid, state.participant(uid)?.role))
        };
        let roles: BTreeMap<Uid, Role> = result.rows.iter().filter_map(seat).collect();
        let permitted = |row: &&ResultRow| match result.header.epoch.previous() {
            Epoch::GENESIS => roles.get(&row.uid) == Some(&Role::Validator),
            _ => before
                .row(row.uid)
                .is_some_and(|before| before.hotkey == row.hotkey && before.validator_permit),
        };
        let permits: BTreeSet<Uid> =
            result.rows.iter().filter(permitted).map(|row| row.uid).collect();
        let counts = |row: &&ResultRow| row.active && permits.contains(&row.uid);
        let stakes = result.rows.iter().filter(counts);
        let stakes = stakes.map(|row| (row.uid, u64::from(row.stake_weight)));
        let stakes = stakes.filter(|(_, stake)| *stake > 0).collect();
        Self { rules: state.hyperparameters(), result, weights, roles, permits, stakes }
    }

    fn all_stake(&self) -> u64 {
        self.stakes.values().sum::<u64>().max(1)
    }

    fn sum(&self, read: fn(&ResultRow) -> u64) -> u64 {
        self.result.rows.iter().map(read).fold(0, u64::saturating_add)
    }

    /// Whether anything but stake was paid for.
    fn by_merit(&self) -> bool {
        self.sum(|row| u64::from(row.incentive) + u64::from(row.dividends)) > 0
    }

    fn summary(&self) -> Vec<String> {
        let mut text = vec![self.paid_out()];
        if !self.by_merit() {
            return text;
        }
        text.push(format!(
            "Miners: each validator's weights are taken as shares of its row. A miner's consensus \
             weight is the highest share that validators with at least {} of the active stake \
             support; what a validator gave above it is cut off. Incentive is a miner's part of the \
             stake-weighted sum of what is left.",
            percent(u64::from(self.rules.kappa), 65_535)
        ));
        let new = 1_000_000_u64.saturating_sub(self.rules.bonds_moving_avg);
        let (times, liquid) = match (self.rules.yuma3_enabled, self.rules.liquid_alpha_enabled) {
            (true, true) => (" and counts times its stake", "part"),
            (true, false) => (" and counts times its stake", ""),
            (false, _) => (" by stake", ""),
        };
        let step = if liquid.is_empty() { percent(new, 1_000_000) } else { format!("a {liquid}") };
        text.push(format!(
            "Validators: in each epoch {step} of a validator's bonds is made anew from its weights as \
             consensus left them. A miner's incentive is shared by the bonds in it{times}; dividends \
             are a validator's part of that."
        ));
        text.push(self.who_weighed());
        text
    }

    fn paid_out(&self) -> String {
        let header = &self.result.header;
        let epoch = header.epoch;
        if header.emitted.is_zero() {
            let why = if header.budget.is_zero() {
                "the manifest's emission is 0"
            } else {
                "nobody had a claim, or the supply has reached its bound"
            };
            return format!("Epoch {epoch} paid nothing out: {why}.");
        }
        let shared = Rao::new(header.emitted.get().saturating_sub(header.owner_part.get()));
        let owner = match header.owner_part.is_zero() {
            true => String::new(),
            false => format!("; {} units of it went to the owner", header.owner_part),
        };
        if !self.by_merit() {
            return format!(
                "Epoch {epoch} paid out {} units{owner}. No weights counted and nobody had earned \
                 bonds, so all {shared} units went to validators by stake.",
                header.emitted
            );
        }
        let mining = self.sum(|row| u64::from(row.incentive));
        let all = mining + self.sum(|row| u64::from(row.dividends));
        format!(
            "Epoch {epoch} paid out {} units{owner}. Of {shared} units {} were shared by incentive \
             (mining) and {} by dividends (validating).",
            header.emitted,
            percent(mining, all),
            percent(all - mining, all),
        )
    }

    fn who_weighed(&self) -> String {
        let epoch = self.result.header.epoch;
        let counted =
            |uid: &&Uid| self.weights.get(*uid).is_some_and(|row| !row.entries.is_empty());
        let here = |uid: &&Uid| self.weights.get(*uid).is_some_and(|row| row.epoch == epoch);
        let with: Vec<&Uid> = self.stakes.keys().filter(counted).collect();
        let old: Vec<&&Uid> = with.iter().filter(|uid| !here(uid)).collect();
        let mut text =
            format!("Weights of {} of {} active validators counted", with.len(), self.stakes.len());
        if !old.is_empty() {
            let names = list(old.iter().map(|uid| format!("uid {uid}")), old.len());
            text.push_str(&format!("; {names} set none in this epoch, so earlier ones stood"));
        }
        text + "."
    }

    fn rows(&self) -> Vec<ExplainedRow> {
        let explained = |row: &ResultRow| ExplainedRow {
            uid: row.uid.get(),
            hotkey: row.hotkey.to_string(),
            paid_rao: Amount(row.paid.get()),
            text: self.explain(row),
        };
        self.result.rows.iter().map(explained).collect()
    }

    fn explain(&self, row: &ResultRow) -> String {
        let role = self.roles.get(&row.uid).copied();
        let name = role.map_or("participant", Role::name);
        let hotkey = row.hotkey.to_string();
        let short = hotkey.get(..6).unwrap_or(&hotkey);
        let paid = match row.paid.is_zero() {
            true => "earned nothing".into(),
            false => format!("earned {} units", row.paid),
        };
        let mut text = format!("uid {} ({name} {short}..) {paid}.", row.uid);
        if !row.delegated.is_zero() {
            let kept = Rao::new(row.paid.get().saturating_sub(row.delegated.get()));
            let part = percent(row.delegated.get(), row.paid.get());
            text.push_str(&format!(
                " {} units of it ({part}) went to those who delegated to it, {kept} to its owner.",
                row.delegated
            ));
        }
        if role != Some(Role::Validator) || row.incentive > 0 {
            text.push(' ');
            text.push_str(&self.mining(row));
        }
        if role == Some(Role::Validator) || row.dividends > 0 {
            text.push(' ');
            text.push_str(&self.validating(row));
        }
        text
    }

    /// The share that a validator's row gives a uid, as Yuma takes it, in 65535ths.
    fn share(&self, validator: Uid, target: Uid) -> u16 {
        let Some(row) = self.weights.get(&validator) else { return 0 };
        let all: u64 = row.entries.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let found = row.entries.binary_search_by_key(&target.get(), |entry| entry.0);
        let weight = found.ok().and_then(|at| row.entries.get(at)).map_or(0, |entry| entry.1);
        let raw = (u64::from(weight) << 32).checked_div(all).unwrap_or(0);
        u16::try_from((u128::from(raw) * 65_535) >> 32).unwrap_or(u16::MAX)
    }

    fn mining(&self, row: &ResultRow) -> String {
        let all = self.all_stake();
        let gave = |least: u16| -> u64 {
            let stakes = self.stakes.iter();
            stakes.filter(|(uid, _)| self.share(**uid, row.uid) >= least).map(|(_, s)| *s).sum()
        };
        let any = gave(1);
        if row.consensus == 0 && any == 0 {
            return "No validator that counts gave it weight.".into();
        }
        let kappa = percent(u64::from(self.rules.kappa), 65_535);
        if row.consensus == 0 {
            return format!(
                "Validators with {} of the active stake gave it weight, but no weight is supported \
                 by {kappa}, so its consensus weight is 0.",
                percent(any, all)
            );
        }
        let above: Vec<(Uid, u16)> = self
            .stakes
            .keys()
            .map(|uid| (*uid, self.share(*uid, row.uid)))
            .filter(|(_, share)| *share > row.consensus)
            .collect();
        let consensus = weight(row.consensus);
        let mut text = format!(
            "Its incentive is {} of the miners' part: validators with {} of the active stake gave it \
             {consensus} or more, which is therefore its consensus weight.",
            percent(u64::from(row.incentive), 65_535),
            percent(gave(row.consensus), all),
        );
        if !above.is_empty() {
            let names = above.iter().take(NAMED_MAX);
            let names = names.map(|(uid, share)| format!("uid {uid} ({})", weight(*share)));
            text.push_str(&format!(
                " {} gave more: the rest was cut off.",
                list(names, above.len())
            ));
        }
        text
    }

    fn validating(&self, row: &ResultRow) -> String {
        let standing = self.weights.get(&row.uid);
        let epoch = self.result.header.epoch;
        if standing.is_some_and(|standing| standing.equivocated && standing.epoch == epoch) {
            return "It signed two rows of weights with one number in this epoch: none of its rows \
                    counts, and it is paid nothing for validating."
                .into();
        }
        let stake = percent(u64::from(row.stake_weight), 65_535);
        if !self.by_merit() {
            return format!("It holds {stake} of the validators' stake.");
        }
        let mut text = format!(
            "Its dividends are {} of the validators' part, with {stake} of the stake.",
            percent(u64::from(row.dividends), 65_535)
        );
        if !self.permits.contains(&row.uid) {
            text.push_str(
                " It had no permit in this epoch, so its weights and stake did not count.",
            );
        } else if !row.active {
            text.push_str(&format!(
                " It set no weights for more than {} epochs: its stake did not count.",
                self.rules.activity_cutoff
            ));
        } else {
            text.push_str(&self.row_of(row, standing));
        }
        text
    }

    /// What a validator's row of weights was worth.
    fn row_of(&self, row: &ResultRow, standing: Option<&StandingRow>) -> String {
        let Some(standing) = standing.filter(|standing| !standing.entries.is_empty()) else {
            return " No weights of its stand: its dividends come from bonds of earlier epochs."
                .into();
        };
        let trust = percent(u64::from(row.validator_trust), 65_535);
        let mut text = match standing.epoch == self.result.header.epoch {
            true => format!(" Consensus kept {trust} of its weights (validator trust)"),
            false => format!(
                " Its weights are those of epoch {}; consensus kept {trust} of them (validator trust)",
                standing.epoch
            ),
        };
        let cut: Vec<String> = standing
            .entries
            .iter()
            .filter_map(|(target, _)| {
                let target = Uid::new(*target);
                let consensus = self.result.row(target)?.consensus;
                let gave = self.share(row.uid, target);
                let from_to =
                    format!("uid {target} from {} to {}", weight(gave), weight(consensus));
                (gave > consensus).then_some(from_to)
            })
            .collect();
        if !cut.is_empty() {
            let many = cut.len();
            text.push_str(&format!(
                ": it was cut on {}",
                list(cut.into_iter().take(NAMED_MAX), many)
            ));
        }
        text + "."
    }
}

/// `part` of `whole` to a tenth of a percent; what is not nothing is not shown as nothing.
fn percent(part: u64, whole: u64) -> String {
    let whole = u128::from(whole.max(1));
    // Rounded half up.
    let tenths = (u128::from(part) * 1_000 + whole / 2) / whole;
    match (part, tenths) {
        (1.., 0) => "less than 0.1 %".into(),
        _ => format!("{}.{} %", tenths / 10, tenths % 10),
    }
}

/// A 65535th as a share of one.
fn weight(share: u16) -> String {
    let thousandths = (u32::from(share) * 1_000 + 32_767) / 65_535;
    match (share, thousandths) {
        (1.., 0) => "less than 0.001".into(),
        (_, 1_000) => "1".into(),
        _ => format!("0.{thousandths:03}"),
    }
}

/// `a`, `a and b`, `a, b and c`, `a, b, c and 4 more`.
fn list(names: impl Iterator<Item = String>, all: usize) -> String {
    let mut names: Vec<String> = names.collect();
    if all > names.len() {
        names.push(format!("{} more", all - names.len()));
    }
    match names.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_parts_are_not_shown_as_nothing() {
        assert_eq!(percent(0, 65_535), "0.0 %");
        assert_eq!(percent(1, 65_535), "less than 0.1 %");
        assert_eq!(percent(32_767, 65_535), "50.0 %");
        assert_eq!(percent(65_535, 65_535), "100.0 %");
        assert_eq!(percent(5, 0), "500.0 %");
        assert_eq!(weight(0), "0.000");
        assert_eq!(weight(3), "less than 0.001");
        assert_eq!(weight(19_661), "0.300");
        assert_eq!(weight(65_535), "1");
    }

    #[test]
    fn lists_read_like_english() {
        let names = |many: usize| (0..many.min(3)).map(|n| format!("uid {n}"));
        assert_eq!(list(names(0), 0), "");
        assert_eq!(list(names(1), 1), "uid 0");
        assert_eq!(list(names(2), 2), "uid 0 and uid 1");
        assert_eq!(list(names(9), 9), "uid 0, uid 1, uid 2 and 6 more");
    }
}
