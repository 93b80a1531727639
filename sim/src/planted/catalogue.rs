//! Where each bug sits, and where it was seen first.

use super::Bug;

/// Where a bug comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// File of the production code in which it is made.
    pub place: &'static str,
    /// Who had it, or one like it: a repository with the number of an issue, a change or an advisory, a commit of ours, or that
    /// it is our own invention.
    pub source: &'static str,
    /// A seed that found it.
    pub seed: u64,
}

const fn from(place: &'static str, source: &'static str, seed: u64) -> Origin {
    Origin { place, source, seed }
}

/// Where a bug comes from.
#[must_use]
pub const fn origin(bug: Bug) -> Origin {
    match bug {
        Bug::SimpleMajority
        | Bug::QuorumTwoThirds
        | Bug::SignerCountedTwice
        | Bug::VoteUnverified
        | Bug::SubnetUnsigned
        | Bug::LockIgnored
        | Bug::RoundTimerLost => agreement(bug),
        Bug::OwnVoteNotLogged
        | Bug::SentBeforeSync
        | Bug::LogNotReplayed
        | Bug::LogEndNotReplayed
        | Bug::LockNotRestored
        | Bug::NumbersFromZero
        | Bug::FirstHeightNotResumed
        | Bug::OwnVotesForeign
        | Bug::ItemsNotLogged => restart(bug),
        Bug::RecordNotSynced
        | Bug::NameNotSynced
        | Bug::SyncTriedAgain
        | Bug::CertificateNotSynced
        | Bug::TablesBeforeLog
        | Bug::TornTailKept
        | Bug::WatermarkOneSlot
        | Bug::SnapshotIncomplete => storage(bug),
        Bug::CutsUnverified | Bug::ChunkUnverified | Bug::PrunedBlamed => joining(bug),
        Bug::MemberCitedTwice
        | Bug::StaleListCounted
        | Bug::ThirdListRefused
        | Bug::OmissionUnseen
        | Bug::MandatoryCapped
        | Bug::TimeOfFastest
        | Bug::EvidenceUnverified
        | Bug::EvidenceOfNone
        | Bug::LateBlamed => cut(bug),
        Bug::SelfTransfer
        | Bug::UnbondedTwice
        | Bug::RemainderLost
        | Bug::BurnUncounted
        | Bug::SlashKept
        | Bug::ChurnUnbounded
        | Bug::BondsInherited
        | Bug::UnstableOrder
        | Bug::ShownEarly => ledger(bug),
        _ => following(bug),
    }
}

const OWN: &str = "own invention";

const fn agreement(bug: Bug) -> Origin {
    match bug {
        Bug::SimpleMajority => from(
            "consensus/src/certificate.rs",
            "celo-org/celo-blockchain#253: quorums that need not share an honest member",
            0,
        ),
        Bug::QuorumTwoThirds => from(
            "consensus/src/certificate.rs",
            "klaytn/klaytn#1403, Consensys/quorum#796: the size of a quorum is one off",
            4,
        ),
        Bug::SignerCountedTwice => from(
            "consensus/src/certificate.rs",
            "cometbft/tendermint-rs#335: a validator's power is added for each of its signatures",
            228,
        ),
        Bug::VoteUnverified => from(
            "consensus/src/agreement/effects.rs",
            "johnhenry/raijin#5: commit signatures are collected and never verified",
            5,
        ),
        Bug::SubnetUnsigned => from(
            "types/src/agreement.rs",
            "replay between chains, which EIP-155 ended: a signature names no chain",
            46,
        ),
        Bug::LockIgnored => from(
            "consensus/src/agreement/effects.rs",
            "tendermint/tendermint#6849, #6850: locks freed and votes cast outside the rules",
            6,
        ),
        _ => from(
            "consensus/src/agreement/effects.rs",
            "tendermint/tendermint#9229: a timeout acts on round 0 whatever round it is",
            1,
        ),
    }
}

const fn restart(bug: Bug) -> Origin {
    match bug {
        Bug::OwnVoteNotLogged => from(
            "consensus/src/agreement/effects.rs",
            "bnb-chain/bsc#2598: what was signed is not journaled, so a restart signs again",
            0,
        ),
        Bug::SentBeforeSync => from(
            "consensus/src/agreement/running.rs",
            "tendermint/tendermint#1775: votes must be synced before they are published",
            0,
        ),
        Bug::LogNotReplayed => from(
            "consensus/src/agreement/running.rs",
            "tendermint/tendermint#740: replay fails, and consensus is started anyway",
            1,
        ),
        Bug::LogEndNotReplayed => from(
            "consensus/src/agreement/running.rs",
            "jepsen.io/analyses/tendermint-0-10-2: a log cut short loses what it promised",
            139,
        ),
        Bug::LockNotRestored => from(
            "consensus/src/agreement/running.rs",
            "tendermint/tendermint#44: a restart right after a precommit unlocks",
            1,
        ),
        Bug::NumbersFromZero => from("persist/src/restart.rs", OWN, 5),
        Bug::FirstHeightNotResumed => {
            from("subnet/src/participant.rs", "this repository, 92d3e49: so it was before", 4)
        }
        Bug::OwnVotesForeign => from(
            "consensus/src/agreement/checks.rs",
            "this repository, cefe267 and 57b9a09: so it was before",
            20,
        ),
        _ => from("subnet/src/close/kept.rs", "this repository, 6207957: so it was before", 6),
    }
}

const fn storage(bug: Bug) -> Origin {
    match bug {
        Bug::RecordNotSynced => from(
            "storage/src/agreement_log.rs",
            "spacejam/sled#1452, #1351: a flush that is no sync",
            0,
        ),
        Bug::NameNotSynced => from(
            "storage/src/frame.rs",
            "etcd-io/etcd#6368: the directory is not synced after a rename",
            0,
        ),
        Bug::SyncTriedAgain => from(
            "storage/src/agreement_log.rs",
            "the fsync errors of PostgreSQL; tursodatabase/turso#3077, neondatabase/neon#8140",
            45,
        ),
        Bug::CertificateNotSynced => from(
            "storage/src/certificate_log/mod.rs",
            "komora-io/marble#12: appended, not synced, and then referred to",
            1,
        ),
        Bug::TablesBeforeLog => from(
            "storage/src/store.rs",
            "etcd-io/etcd#10508: applied to the database before it is in the log",
            3,
        ),
        Bug::TornTailKept => from(
            "storage/src/frame.rs",
            "tendermint/tendermint#3089, #3246: a write torn by a crash stays in the log",
            2,
        ),
        Bug::WatermarkOneSlot => from(
            "storage/src/watermark.rs",
            "tendermint/tendermint#10108: the last sign state is overwritten in place",
            1,
        ),
        _ => from("persist/src/snapshots/mod.rs", OWN, 7),
    }
}

const fn cut(bug: Bug) -> Origin {
    match bug {
        Bug::MemberCitedTwice => from(
            "consensus/src/agreement/inclusion/check.rs",
            "tendermint/tendermint#4316: two votes of one validator in a commit",
            7,
        ),
        Bug::StaleListCounted => from(
            "subnet/src/close/messages.rs",
            "CodeChain-io/codechain#898: a vote of the height before acts on this one",
            0,
        ),
        Bug::ThirdListRefused => {
            from("subnet/src/close/mod.rs", "this repository, e8cbd44: so it was before", 7)
        }
        Bug::OmissionUnseen => from("consensus/src/agreement/inclusion/check.rs", OWN, 22),
        Bug::MandatoryCapped => from("consensus/src/agreement/inclusion/mod.rs", OWN, 42),
        Bug::TimeOfFastest => from(
            "consensus/src/agreement/inclusion/mod.rs",
            "cometbft GHSA-c32p-wcqj-j677: a faulty process raises the time of a block at will",
            0,
        ),
        Bug::EvidenceUnverified => from(
            "types/src/evidence.rs",
            "cometbft/cometbft#1749: signatures that do not hold, in evidence that does",
            17,
        ),
        Bug::EvidenceOfNone => from(
            "types/src/evidence.rs",
            "category-labs/monad-bft#1607: evidence of what is no equivocation",
            10,
        ),
        _ => from(
            "subnet/src/close/messages.rs",
            "sigp/lighthouse#2902, #10078: peers are blamed for what may be honest lag",
            0,
        ),
    }
}

const fn ledger(bug: Bug) -> Origin {
    match bug {
        Bug::SelfTransfer => from(
            "consensus/src/ledger/execute/operations.rs",
            "category-labs/monad#202, a16z/halmos#493: a transfer to oneself",
            17,
        ),
        Bug::UnbondedTwice => from("consensus/src/ledger/execute/churn.rs", OWN, 0),
        Bug::RemainderLost => from(
            "consensus/src/ledger/split.rs",
            "RaoFoundation/subtensor#2610: parts that do not add up to the whole",
            0,
        ),
        Bug::BurnUncounted => from(
            "consensus/src/ledger/execute/registrations.rs",
            "RaoFoundation/subtensor#563, #254: burns without a change of the issuance",
            7,
        ),
        Bug::SlashKept => from(
            "consensus/src/ledger/execute/evidence.rs",
            "RaoFoundation/subtensor#495: the issuance falls, and the amount stays",
            0,
        ),
        Bug::ChurnUnbounded => from("consensus/src/ledger/execute/churn.rs", OWN, 6),
        Bug::BondsInherited => from(
            "consensus/src/ledger/state.rs",
            "RaoFoundation/subtensor#755, #2399: a newcomer inherits what stood about its uid",
            60,
        ),
        Bug::UnstableOrder => from(
            "consensus/src/ledger/split.rs",
            "cosmos/cosmos-sdk#2158, cosmos/gaia#3004: the order of a map decides",
            0,
        ),
        _ => from(
            "subnet/src/hidden.rs",
            "RaoFoundation/subtensor#1957: an interval of 0 between commit and reveal",
            5,
        ),
    }
}

const fn joining(bug: Bug) -> Origin {
    match bug {
        Bug::CutsUnverified => from(
            "persist/src/snapshots/join/way.rs",
            "solana-labs/solana#8305: whoever downloads a snapshot has to trust who gives it",
            47,
        ),
        Bug::ChunkUnverified => from(
            "persist/src/snapshots/join/chunks.rs",
            "tendermint/tendermint#4610: one false chunk, and the whole restoration fails",
            113,
        ),
        _ => from(
            "persist/src/snapshots/join/mod.rs",
            "nimiq/core-rs-albatross#2890: a peer is banned for what it can no longer prove",
            13,
        ),
    }
}

const fn following(bug: Bug) -> Origin {
    match bug {
        Bug::CertificateUnverified => from(
            "subnet/src/sync.rs",
            "cometbft/tendermint-rs#390, CVE-2020-15091: a commit is not checked beyond 2/3",
            82,
        ),
        Bug::CutUnbound => from(
            "subnet/src/sync.rs",
            "ava-labs/Simplex#555: checks are skipped for what only looks the same",
            32,
        ),
        Bug::LiarAskedForever => from(
            "subnet/src/sync.rs",
            "cometbft GHSA-22qq-3xwm-r5x4, FuelLabs/fuel-core#1969: a false height ends following",
            3,
        ),
        Bug::BodiesNotFetched => from("subnet/src/fetch.rs", OWN, 1),
        Bug::FetchedOnce => from("subnet/src/sync.rs", OWN, 10),
        Bug::SaidOnce => from(
            "subnet/src/close/messages.rs, differences.rs",
            "category-labs/monad-bft#1670, circlefin/malachite#922: what is lost is not said again",
            1,
        ),
        Bug::CommitteeKept => from(
            "subnet/src/participant.rs",
            "tendermint/tendermint#1620: epochs that a newer committee closed cannot be verified",
            3,
        ),
        _ => from(
            "subnet/src/close/mod.rs",
            "Consensys/quorum#305: agreement that no silent member may be missing from",
            0,
        ),
    }
}
