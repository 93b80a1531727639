//! What can go wrong with a chain, sorted by who can mend it.

use std::time::Duration;

use crate::{AnchorPayload, limits};

/// Why a chain did not do what it was asked.
///
/// ```text
/// transient   time mends it                 retried with back-off, without end
/// held        the operator's money mends it tried again slowly, warned about
/// permanent   only the operator's hand      parked until `ganglion anchor retry`
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnchorError {
    /// No connection, a time limit, an answer that is none.
    #[error("the chain's node does not answer: {0}")]
    Unreachable(Reason),
    /// The chain or its node takes no more from us for now.
    #[error("the chain takes no more anchors from this account for now: {reason}")]
    RateLimited {
        /// How long it asked to wait.
        wait: Option<Duration>,
        /// In its words.
        reason: Reason,
    },
    /// The transaction can not be included as things stand on the chain: its nonce is used, its era is over, or another one
    /// stands in its place. Ask for the status.
    #[error("the transaction does not fit the chain's state any more: {0}")]
    Stale(Reason),
    /// A replacement that offers too little more than what it replaces.
    #[error("the chain's node wants a higher fee to replace a transaction: {0}")]
    Underpriced(Reason),
    /// The account can not pay.
    #[error("the account holds {have}, and a transaction may cost {need}")]
    Funds {
        /// Balance, in the chain's smallest unit.
        have: u128,
        /// Most that the transaction may cost, in the same unit.
        need: u128,
    },
    /// Fees are above what the operator allows.
    #[error("a transaction costs {need} per unit of gas now, above the limit of {cap}")]
    FeeCap {
        /// Price now, in the chain's smallest unit.
        need: u128,
        /// Limit of the settings, in the same unit.
        cap: u128,
    },
    /// This publisher anchored other cut ids for these epochs.
    #[error("this account anchored another cut for epoch {}", .0.last())]
    Conflict(Box<AnchorPayload>),
    /// The chain refuses for good: not registered there, a call it does not know, a contract that is none.
    #[error("the chain refuses: {0}")]
    Refused(Reason),
    /// The node speaks for another chain than the settings name.
    #[error("the chain's node is on {found}, the settings name {expected}")]
    WrongChain {
        /// As configured.
        expected: String,
        /// As answered.
        found: String,
    },
    /// What the chain holds is not what it was said to hold.
    #[error("{0}")]
    Mismatch(Reason),
}

impl AnchorError {
    /// Whether trying again later, with nothing else changed, may succeed.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_) | Self::RateLimited { .. } | Self::Stale(_) | Self::Underpriced(_)
        )
    }

    /// Whether only an operator's hand helps. What is neither this nor transient is held: money helps.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        matches!(
            self,
            Self::Conflict(_) | Self::Refused(_) | Self::WrongChain { .. } | Self::Mismatch(_)
        )
    }

    /// A word for metrics; one per kind.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::RateLimited { .. } => "rate_limited",
            Self::Stale(_) => "stale",
            Self::Underpriced(_) => "underpriced",
            Self::Funds { .. } => "funds",
            Self::FeeCap { .. } => "fee_cap",
            Self::Conflict(_) => "conflict",
            Self::Refused(_) => "refused",
            Self::WrongChain { .. } => "wrong_chain",
            Self::Mismatch(_) => "mismatch",
        }
    }
}

/// What somebody else said, cut to [`limits::REASON_BYTES`] and without control characters: it goes to logs and terminals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// Keeps what is printable of `text`.
    #[must_use]
    pub fn new(text: impl AsRef<str>) -> Self {
        let mut kept = String::new();
        for c in text.as_ref().chars() {
            if kept.len().saturating_add(c.len_utf8()) > limits::REASON_BYTES {
                break;
            }
            kept.push(if c.is_control() { ' ' } else { c });
        }
        Self(kept)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_error_is_both_transient_and_permanent_and_money_is_neither() {
        let reason = || Reason::new("x");
        let all = [
            AnchorError::Unreachable(reason()),
            AnchorError::RateLimited { wait: None, reason: reason() },
            AnchorError::Stale(reason()),
            AnchorError::Underpriced(reason()),
            AnchorError::Funds { have: 1, need: 2 },
            AnchorError::FeeCap { need: 2, cap: 1 },
            AnchorError::Refused(reason()),
            AnchorError::WrongChain { expected: "1".into(), found: "2".into() },
            AnchorError::Mismatch(reason()),
        ];
        let held: Vec<&str> = all
            .iter()
            .filter(|error| !error.is_transient() && !error.is_permanent())
            .map(AnchorError::kind)
            .collect();
        assert_eq!(held, ["funds", "fee_cap"]);
        assert!(all.iter().all(|error| !(error.is_transient() && error.is_permanent())));
    }

    #[test]
    fn a_reason_is_bounded_and_printable() {
        let long = Reason::new("ä\u{1b}[31m\n".repeat(1_000));
        assert!(long.as_str().len() <= limits::REASON_BYTES);
        assert!(!long.as_str().contains(char::is_control));
    }
}
