//! What a Substrate node's refusals mean for a transaction of ours.
//!
//! | from the node | meaning | what follows |
//! |---|---|---|
//! | 1013 | it holds these bytes already | as good as accepted |
//! | 1010 stale, ancient birth block, bad proof | nonce used, era over, or signed for a runtime that was replaced | ask the chain, prepare anew |
//! | 1010 future | the chain has gone back behind our nonce | ask the chain, prepare anew |
//! | 1010 payment | the account cannot pay | held until it is funded |
//! | 1010 exhausts resources, 1012 banned, 1016 pool full | not now | later |
//! | 1014 | another transaction has this nonce in the pool | prepare with a tip |
//! | 1011, any other code | unknown | later; the chain's state decides |
//! | 1010 call, custom error, mandatory, bad signer; 1002, 1015, 1018 | the runtime does not take it | parked |
//!
//! A real node says "Invalid Transaction" and puts the reason into `data` as a sentence; the node of the chain tests, which runs the
//! real runtime, gives the runtime's answer as JSON in the message. Both are read. Codes are those of `sc-rpc-api` of polkadot-sdk.

use subxt::error::{BackendError, DispatchError, RpcError as QuestionError, TokenError};
use subxt::rpcs::{Error as RpcError, UserError};

use crate::{AnchorError, Reason};

/// Code of the runtime's own "too often", the same in every version of subtensor.
const CUSTOM_RATE_LIMIT: u8 = 6;

/// A refused submission, by what is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The node has it already.
    Known,
    /// It can not be included as the chain stands.
    Stale,
    /// The account can not pay.
    Payment,
    /// Another transaction with this nonce offers as much.
    Underpriced,
    /// Not now.
    Later,
    /// The runtime does not take it.
    Never,
    /// The node does not say.
    Unknown,
}

impl Refusal {
    /// Reads a node's answer.
    pub(super) fn of(error: &UserError) -> Self {
        let data = error.data.as_ref().map_or("", |data| data.get());
        match error.code {
            1013 => Self::Known,
            1014 => Self::Underpriced,
            1012 | 1016 => Self::Later,
            // 1010 of a node, and of one that only reads the runtime's answer.
            1010 => Self::of_words(&error.message, data),
            // Bytes that are no extrinsic, a cycle of what it needs, one that may not be propagated.
            1002 | 1015 | 1018 => Self::Never,
            _ => Self::Unknown,
        }
    }

    /// The reason of an invalid transaction: a variant's name in JSON, or the sentence of a node.
    fn of_words(message: &str, data: &str) -> Self {
        const STALE: [&str; 7] = [
            "stale",
            "outdated",
            "ancientbirthblock",
            "ancient birth block",
            "badproof",
            "bad signature",
            "future",
        ];
        const PAYMENT: [&str; 2] = ["payment", "pay some fees"];
        const LATER: [&str; 2] = ["exhaustsresources", "exhaust the block limits"];
        const NEVER: [&str; 6] =
            ["\"call\"", "call is not expected", "custom", "mandatory", "badsigner", "bad signer"];
        let text = format!("{message} {data}").to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        match custom(&text) {
            Some(CUSTOM_RATE_LIMIT) => Self::Later,
            Some(_) => Self::Never,
            None if says(&PAYMENT) => Self::Payment,
            None if says(&STALE) => Self::Stale,
            None if says(&LATER) => Self::Later,
            None if says(&NEVER) => Self::Never,
            None => Self::Unknown,
        }
    }
}

/// The number of a custom error: `{"invalid":{"custom":6}}` or `Custom error: 6`.
fn custom(text: &str) -> Option<u8> {
    let (_, after) = text.split_once("custom")?;
    let digits = after.trim_start_matches(|c: char| !c.is_ascii_digit());
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits.get(..end)?.parse().ok()
}

/// What a failed submission is to the caller; `Ok` if the node holds the transaction.
///
/// # Errors
/// `Funds` says what the transaction costs and not what the account has: the caller asks for that.
pub(super) fn submission(error: RpcError, fee: u128) -> Result<(), AnchorError> {
    let RpcError::User(error) = error else { return Err(unreachable(&error)) };
    let reason = said(&error);
    Err(match Refusal::of(&error) {
        Refusal::Known => return Ok(()),
        Refusal::Stale => AnchorError::Stale(reason),
        Refusal::Payment => AnchorError::Funds { have: 0, need: fee },
        Refusal::Underpriced => AnchorError::Underpriced(reason),
        Refusal::Later => AnchorError::RateLimited { wait: None, reason },
        Refusal::Never => AnchorError::Refused(reason),
        Refusal::Unknown => AnchorError::Unreachable(reason),
    })
}

/// A node's words.
fn said(error: &UserError) -> Reason {
    match &error.data {
        Some(data) => Reason::new(format!("{} ({}): {}", error.message, error.code, data.get())),
        None => Reason::new(format!("{} ({})", error.message, error.code)),
    }
}

/// A question that got no usable answer.
pub(super) fn unreachable(error: &(dyn std::error::Error + 'static)) -> AnchorError {
    // The outer errors say what was asked, the innermost what went wrong.
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    AnchorError::Unreachable(Reason::new(text))
}

/// Whether the node answered, and said no: it has dropped a block's state, for example.
pub(super) const fn is_told(error: &BackendError) -> bool {
    matches!(error, BackendError::Rpc(QuestionError::ClientError(RpcError::User(_))))
}

/// What a call that was included and failed says.
pub(super) fn dispatch(error: &DispatchError, fee: u128) -> AnchorError {
    let reason = Reason::new(error.to_string());
    match error {
        DispatchError::Module(module) => named(&module.details_string(), reason),
        DispatchError::Token(TokenError::FundsUnavailable | TokenError::Frozen) => {
            AnchorError::Funds { have: 0, need: fee }
        }
        DispatchError::Exhausted | DispatchError::Unavailable => {
            AnchorError::RateLimited { wait: None, reason }
        }
        _ => AnchorError::Refused(reason),
    }
}

/// An error of a pallet, by name: numbers move between versions.
fn named(name: &str, reason: Reason) -> AnchorError {
    match name {
        "Commitments::SpaceLimitExceeded" | "Commitments::CommitmentSetRateLimitExceeded" => {
            AnchorError::RateLimited { wait: None, reason }
        }
        "Balances::InsufficientBalance" => AnchorError::Funds { have: 0, need: 1 },
        _ => AnchorError::Refused(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer as it comes over the wire.
    fn answer(json: &str) -> UserError {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn answers_of_nodes_are_known() {
        let cases = [
            // What the node of the chain tests says.
            (r#"{"code":1010,"message":"{\"invalid\":{\"stale\":null}}"}"#, Refusal::Stale),
            (r#"{"code":1010,"message":"{\"invalid\":{\"payment\":null}}"}"#, Refusal::Payment),
            (r#"{"code":1010,"message":"{\"invalid\":{\"badProof\":null}}"}"#, Refusal::Stale),
            (r#"{"code":1010,"message":"{\"invalid\":{\"custom\":6}}"}"#, Refusal::Later),
            (r#"{"code":1010,"message":"{\"invalid\":{\"custom\":10}}"}"#, Refusal::Never),
            (r#"{"code":1010,"message":"{\"invalid\":{\"call\":null}}"}"#, Refusal::Never),
            (
                r#"{"code":1010,"message":"{\"invalid\":{\"ancientBirthBlock\":null}}"}"#,
                Refusal::Stale,
            ),
            (
                r#"{"code":1010,"message":"{\"invalid\":{\"exhaustsResources\":null}}"}"#,
                Refusal::Later,
            ),
            (r#"{"code":1010,"message":"{\"invalid\":{\"future\":null}}"}"#, Refusal::Stale),
            // What polkadot-sdk says.
            (
                r#"{"code":1010,"message":"Invalid Transaction","data":"Transaction is outdated"}"#,
                Refusal::Stale,
            ),
            (
                r#"{"code":1010,"message":"Invalid Transaction","data":"Transaction has a bad signature"}"#,
                Refusal::Stale,
            ),
            (
                r#"{"code":1010,"message":"Invalid Transaction","data":"Transaction has an ancient birth block"}"#,
                Refusal::Stale,
            ),
            (
                r#"{"code":1010,"message":"Invalid Transaction","data":"Inability to pay some fees (e.g. account balance too low)"}"#,
                Refusal::Payment,
            ),
            (
                r#"{"code":1010,"message":"Invalid Transaction","data":"Custom error: 6"}"#,
                Refusal::Later,
            ),
            (
                r#"{"code":1010,"message":"Invalid Transaction","data":"Custom error: 1"}"#,
                Refusal::Never,
            ),
            (
                r#"{"code":1010,"message":"Invalid Transaction","data":"Transaction call is not expected"}"#,
                Refusal::Never,
            ),
            (r#"{"code":1010,"message":"Invalid Transaction"}"#, Refusal::Unknown),
            (r#"{"code":1011,"message":"Unknown Transaction Validity"}"#, Refusal::Unknown),
            (r#"{"code":1012,"message":"Transaction is temporarily banned"}"#, Refusal::Later),
            (r#"{"code":1013,"message":"Transaction Already Imported"}"#, Refusal::Known),
            (r#"{"code":1014,"message":"Priority is too low: (1 vs 1)"}"#, Refusal::Underpriced),
            (r#"{"code":1016,"message":"Immediately Dropped"}"#, Refusal::Later),
            (r#"{"code":1002,"message":"Verification Error"}"#, Refusal::Never),
            (r#"{"code":-32601,"message":"Method not found"}"#, Refusal::Unknown),
        ];
        for (json, meaning) in cases {
            assert_eq!(Refusal::of(&answer(json)), meaning, "{json}");
        }
    }

    #[test]
    fn what_the_node_holds_already_is_no_error() {
        let known = answer(r#"{"code":1013,"message":"Transaction Already Imported"}"#);
        assert_eq!(submission(RpcError::User(known), 7), Ok(()));
        let poor = answer(r#"{"code":1010,"message":"{\"invalid\":{\"payment\":null}}"}"#);
        let poor = submission(RpcError::User(poor), 7).unwrap_err();
        assert_eq!(poor, AnchorError::Funds { have: 0, need: 7 });
        assert!(!poor.is_transient() && !poor.is_permanent());
    }

    #[test]
    fn errors_of_pallets_are_told_by_name() {
        let kind = |name| named(name, Reason::new(name)).kind();
        assert_eq!(kind("Commitments::SpaceLimitExceeded"), "rate_limited");
        assert_eq!(kind("Commitments::CommitmentSetRateLimitExceeded"), "rate_limited");
        assert_eq!(kind("Commitments::AccountNotAllowedCommit"), "refused");
        assert_eq!(kind("Balances::InsufficientBalance"), "funds");
        let exhausted = dispatch(&DispatchError::Exhausted, 1);
        assert_eq!(exhausted.kind(), "rate_limited");
        assert_eq!(dispatch(&DispatchError::BadOrigin, 1).kind(), "refused");
        let token = DispatchError::Token(TokenError::FundsUnavailable);
        assert_eq!(dispatch(&token, 9), AnchorError::Funds { have: 0, need: 9 });
    }
}
