//! What an account has after an operation.

use serde_json::{Map, Value, json};

use super::api::units;
use super::exit::Failure;
use super::operation::Ending;
use super::pace::Pace;
use crate::api::Client;
use crate::api::types::{Account, Amount, Waiting};

/// The new balance of a coldkey and, with a hotkey, what is at stake there or on its way.
pub(super) fn of(client: &Client, coldkey: &str, hotkey: Option<&str>) -> Result<Ending, Failure> {
    let account: Account = client.get(&format!("/v1/accounts/{coldkey}"))?;
    let pace = Pace::now(client)?;
    let mut text = format!("The balance is {} units.", units(account.balance_rao));
    let mut figures = json!({
        "coldkey": account.coldkey,
        "balance_rao": account.balance_rao,
        "nonce": account.nonce,
        "unbonding_rao": account.unbonding_rao,
    });
    if let Some(hotkey) = hotkey {
        let staked = account.staked(hotkey);
        text.push_str(&format!(" At stake there: {} units.", units(staked)));
        figures["staked_rao"] = json!(staked);
        for (name, verb, queue) in [
            ("entering_rao", "enters stake", &account.entering),
            ("leaving_rao", "leaves stake", &account.leaving),
        ] {
            let waiting = waiting(queue, hotkey);
            figures[name] = json!(waiting.map_or(Amount(0), |one| one.amount_rao));
            if let Some(one) = waiting {
                let (amount, when) = (units(one.amount_rao), pace.end_of(one.moved_by));
                text.push_str(&format!(" {amount} more {verb} until {when}."));
            }
        }
        if let Some(last) = account.unbonding.iter().rfind(|one| one.hotkey == hotkey) {
            let (amount, when) = (units(last.amount_rao), pace.end_of(last.release_epoch));
            text.push_str(&format!(" {amount} units are balance again after {when}."));
        }
    }
    let mut json = Map::new();
    json.insert("account".into(), figures);
    Ok(Ending { text, json })
}

fn waiting<'a>(queue: &'a [Waiting], hotkey: &str) -> Option<&'a Waiting> {
    queue.iter().find(|one| one.hotkey == hotkey)
}

/// An ending of one sentence.
pub(super) fn said(text: impl Into<String>, name: &str, value: Value) -> Ending {
    let mut json = Map::new();
    json.insert(name.into(), value);
    Ending { text: text.into(), json }
}
