//! The codes of the ledger's rules. A rule without a code does not compile.

use ganglion_consensus::ledger::{Failure, Inadmissible};

use super::Code;

/// The code of a rule that keeps an item out of a cut.
#[must_use]
pub const fn inadmissible(rule: &Inadmissible) -> Code {
    match rule {
        Inadmissible::Subnet { .. } => Code::RULE_SUBNET,
        Inadmissible::Kind { .. } => Code::RULE_KIND,
        Inadmissible::Epoch { .. } => Code::RULE_EPOCH,
        Inadmissible::Mechanism { .. } => Code::RULE_MECHANISM,
        Inadmissible::NotRegistered { .. } => Code::RULE_NOT_REGISTERED,
        Inadmissible::NotValidator { .. } => Code::RULE_NOT_VALIDATOR,
        Inadmissible::NoPermit { .. } => Code::RULE_NO_PERMIT,
        Inadmissible::StakeThreshold { .. } => Code::RULE_STAKE_THRESHOLD,
        Inadmissible::TooFewWeights { .. } => Code::RULE_TOO_FEW_WEIGHTS,
        Inadmissible::NotRising => Code::RULE_NOT_RISING,
        Inadmissible::UidOutOfRange { .. } => Code::RULE_UID_OUT_OF_RANGE,
        Inadmissible::SelfWeight { .. } => Code::RULE_SELF_WEIGHT,
        Inadmissible::NotUpscaled { .. } => Code::RULE_NOT_UPSCALED,
        Inadmissible::MaxWeight { .. } => Code::RULE_MAX_WEIGHT,
        Inadmissible::Preimage { .. } => Code::RULE_PREIMAGE,
        Inadmissible::WeightsMode { .. } => Code::RULE_WEIGHTS_MODE,
        Inadmissible::RateLimit { .. } => Code::RULE_RATE_LIMIT,
        Inadmissible::NoCommit { .. } => Code::RULE_NO_COMMIT,
        Inadmissible::Committer { .. } => Code::RULE_COMMITTER,
        Inadmissible::Commitment { .. } => Code::RULE_COMMITMENT,
        Inadmissible::EvidenceEpoch { .. } => Code::RULE_EVIDENCE_EPOCH,
        Inadmissible::NotSlashable { .. } => Code::RULE_NOT_SLASHABLE,
        Inadmissible::AlreadySlashed { .. } => Code::RULE_ALREADY_SLASHED,
        Inadmissible::NothingToLose { .. } => Code::RULE_NOTHING_TO_LOSE,
        Inadmissible::Expired { .. } => Code::RULE_EXPIRED,
        Inadmissible::TooFarAhead { .. } => Code::RULE_TOO_FAR_AHEAD,
        Inadmissible::NoAccount { .. } => Code::RULE_NO_ACCOUNT,
        Inadmissible::Nonce { .. } => Code::RULE_NONCE,
        Inadmissible::MinBalance { .. } => Code::RULE_MIN_BALANCE,
        Inadmissible::RegistrationClosed => Code::RULE_REGISTRATION_CLOSED,
        Inadmissible::Full { .. } => Code::RULE_FULL,
        Inadmissible::AlreadyRegistered { .. } => Code::RULE_ALREADY_REGISTERED,
        Inadmissible::FormerHotkey { .. } => Code::RULE_FORMER_HOTKEY,
        Inadmissible::Take { .. } => Code::RULE_TAKE,
        Inadmissible::Change { .. } => Code::RULE_CHANGE,
        Inadmissible::Effective { .. } => Code::RULE_EFFECTIVE,
        Inadmissible::NoVoice { .. } => Code::RULE_NO_VOICE,
        Inadmissible::RegistrationNonce => Code::RULE_REGISTRATION_NONCE,
        Inadmissible::RegisteredElsewhere => Code::RULE_REGISTERED_ELSEWHERE,
        Inadmissible::NoRegistry => Code::RULE_NO_REGISTRY,
        Inadmissible::OtherRegistry { .. } => Code::RULE_OTHER_REGISTRY,
        Inadmissible::OldRegistry { .. } => Code::RULE_OLD_REGISTRY,
        Inadmissible::NoSeat { .. } => Code::RULE_NO_SEAT,
        Inadmissible::WeakKey { .. } => Code::RULE_WEAK_KEY,
        Inadmissible::SeedTail { .. } => Code::RULE_SEED_TAIL,
        Inadmissible::StaleWork { .. } => Code::RULE_STALE_WORK,
        Inadmissible::LittleWork { .. } => Code::RULE_LITTLE_WORK,
    }
}

/// The code of a rule that an operation of a cut breaks.
#[must_use]
pub const fn failed(rule: &Failure) -> Code {
    match rule {
        Failure::NotRegistered { .. } => Code::RULE_NOT_REGISTERED,
        Failure::NotOwned { .. } => Code::RULE_NOT_OWNED,
        Failure::NotValidator { .. } => Code::RULE_NOT_VALIDATOR,
        Failure::Balance { .. } => Code::RULE_BALANCE,
        Failure::Stake { .. } => Code::RULE_STAKE,
        Failure::Receiver { .. } => Code::RULE_RECEIVER,
        Failure::LastMember { .. } => Code::RULE_LAST_MEMBER,
        Failure::HotkeyTaken { .. } => Code::RULE_HOTKEY_TAKEN,
        Failure::FormerHotkey { .. } => Code::RULE_FORMER_HOTKEY,
        Failure::EpochLimit { .. } => Code::RULE_EPOCH_LIMIT,
        Failure::Full { .. } => Code::RULE_FULL,
        Failure::Price { .. } => Code::RULE_PRICE,
        Failure::Own { .. } => Code::RULE_OWN,
        Failure::SmallDelegation { .. } => Code::RULE_SMALL_DELEGATION,
        Failure::Delegators { .. } => Code::RULE_DELEGATORS,
        Failure::TakeRaise { .. } => Code::RULE_TAKE_RAISE,
        Failure::Rules => Code::RULE_RULES,
        Failure::OwnRevisions { .. } => Code::RULE_OWN_REVISIONS,
        Failure::Revisions { .. } => Code::RULE_REVISIONS,
        Failure::NoRevision { .. } => Code::RULE_NO_REVISION,
        Failure::Approved { .. } => Code::RULE_APPROVED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Variant and right side of the arms of a `match` that begin with `head`.
    fn arms<'a>(source: &'a str, head: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let lines = source.lines().filter_map(move |line| line.trim().strip_prefix(head));
        let arms = lines.filter_map(|line| line.split_once(" => "));
        arms.map(|(variant, right)| {
            (variant.trim_end_matches(" { .. }"), right.trim_matches(['"', ',']))
        })
    }

    #[test]
    fn a_rule_and_its_code_have_one_name() {
        let here = include_str!("rules.rs");
        let admission = include_str!("../../../consensus/src/ledger/admission/mod.rs");
        let receipt = include_str!("../../../consensus/src/ledger/receipt.rs");
        let mut seen = 0;
        for (source, head) in [(admission, "Inadmissible::"), (receipt, "Failure::")] {
            for (variant, constant) in arms(here, head) {
                let named = arms(source, "Self::").find(|arm| arm.0 == variant);
                let name = named.map(|arm| arm.1).unwrap_or_default();
                assert_eq!(constant, format!("Code::RULE_{}", name.to_uppercase()), "{variant}");
                assert_eq!(Code::of_rule(name).name(), format!("rule-{}", name.replace('_', "-")));
                seen += 1;
            }
        }
        assert!(seen > 60, "only {seen} rules found: are they still read?");
    }
}
