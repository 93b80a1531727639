//! What to do about a rule that says no to an operation.

use super::exit::Failure;
use super::pace::Pace;
use crate::api::types::OpCheck;
use crate::fault::Code;

/// What a check says, as a failure with its next step.
pub(super) fn refusal(check: &OpCheck, pace: Pace) -> Failure {
    let would = if check.admissible { "it would fail" } else { "it would be refused" };
    let message = check.message.as_deref().unwrap_or("the node gives no reason");
    let code = Code::of_rule(check.rule.as_deref().unwrap_or_default());
    // Of a rule that only the node knows, its word counts.
    let cure = match &check.cure {
        Some(cure) if code == Code::RULE_UNKNOWN => cure,
        _ => code.cure(),
    };
    let cure = match check.passes_from_epoch {
        Some(epoch) => {
            format!("It passes from {}, if nothing else changes. {cure}", pace.from(epoch))
        }
        None => cure.to_owned(),
    };
    Failure::check(code, format!("{would}: {message}")).cured(cure)
}
