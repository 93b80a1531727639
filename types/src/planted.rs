//! Known mistakes that can be made on purpose, so that the simulator can show that it finds them.
//!
//! Production code asks `planted::is(Bug::...)` where the mistake would be. Without the feature `planted-bugs` the answer
//! is a constant no and nothing of it is compiled; no released binary has the feature (`node/tests/it/layers.rs`). With
//! it, the answer is yes for the one bug that the running thread has chosen. `docs/PLANTED.md` says where each comes from.

macro_rules! bugs {
    ($(#[doc = $what:literal] $bug:ident = $name:literal,)+) => {
        /// A mistake that can be planted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Bug {
            $(#[doc = $what] $bug,)+
        }

        impl Bug {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$bug,)+];

            /// A word for it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$bug => $name,)+
                }
            }

            /// What is done wrong, in a sentence.
            #[must_use]
            pub fn what(self) -> &'static str {
                match self {
                    $(Self::$bug => $what.trim_ascii(),)+
                }
            }
        }
    };
}

bugs! {
    /// A quorum is more than half.
    SimpleMajority = "simple-majority",
    /// A quorum is 2/3, not more than that.
    QuorumTwoThirds = "quorum-two-thirds",
    /// A signer that a certificate names twice counts twice.
    SignerCountedTwice = "signer-counted-twice",
    /// A vote counts whoever signed it.
    VoteUnverified = "vote-unverified",
    /// Signatures do not cover the subnet.
    SubnetUnsigned = "subnet-unsigned",
    /// A locked node prevotes for whatever valid cut is proposed.
    LockIgnored = "lock-ignored",
    /// From round 1 on timers are not set.
    RoundTimerLost = "round-timer-lost",
    /// Own votes are not written to the agreement log.
    OwnVoteNotLogged = "own-vote-not-logged",
    /// Votes leave before their records are synced.
    SentBeforeSync = "sent-before-sync",
    /// A restart begins the height without its log.
    LogNotReplayed = "log-not-replayed",
    /// A restart leaves out the last record of the log.
    LogEndNotReplayed = "log-end-not-replayed",
    /// A restart reads back own votes only, and so no lock.
    LockNotRestored = "lock-not-restored",
    /// Item numbers begin with 0 again after a restart.
    NumbersFromZero = "numbers-from-zero",
    /// In the first epoch the log is read and not kept to.
    FirstHeightNotResumed = "first-height-not-resumed",
    /// Own votes of before a restart are taken for those of another process.
    OwnVotesForeign = "own-votes-foreign",
    /// What a list or a voted cut names is held in memory alone.
    ItemsNotLogged = "items-not-logged",
    /// The agreement log is written and not synced.
    RecordNotSynced = "record-not-synced",
    /// A new file's name is not synced.
    NameNotSynced = "name-not-synced",
    /// A sync that failed is tried again, and then believed.
    SyncTriedAgain = "sync-tried-again",
    /// The certificate log is written and not synced.
    CertificateNotSynced = "certificate-not-synced",
    /// The tables are written before the certificate log.
    TablesBeforeLog = "tables-before-log",
    /// What a power loss tore off stays in the agreement log, and new records come behind it.
    TornTailKept = "torn-tail-kept",
    /// Both slots of the watermark are one.
    WatermarkOneSlot = "watermark-one-slot",
    /// A snapshot has no open commits in it.
    SnapshotIncomplete = "snapshot-incomplete",
    /// Whoever joins takes the certified cuts of a peer without a look at their certificates.
    CutsUnverified = "cuts-unverified",
    /// Chunks of a snapshot are not compared with what its header lists.
    ChunkUnverified = "chunk-unverified",
    /// A peer that no longer has what it offered is blamed.
    PrunedBlamed = "pruned-blamed",
    /// A cut may cite two lists of one member.
    MemberCitedTwice = "member-cited-twice",
    /// Lists of the epoch before count.
    StaleListCounted = "stale-list-counted",
    /// Of a member that signed more than two lists, what a proposal cites is not taken.
    ThirdListRefused = "third-list-refused",
    /// Nobody looks whether a cut leaves out what must be in.
    OmissionUnseen = "omission-unseen",
    /// Of what must be in, only the first few are looked at.
    MandatoryCapped = "mandatory-capped",
    /// A cut's time is the latest clock's.
    TimeOfFastest = "time-of-fastest",
    /// Evidence is taken without a look at its signatures.
    EvidenceUnverified = "evidence-unverified",
    /// Two statements with different numbers are taken for a contradiction.
    EvidenceOfNone = "evidence-of-none",
    /// Whoever forwards something old is blamed.
    LateBlamed = "late-blamed",
    /// A transfer to oneself credits what was read before the debit.
    SelfTransfer = "self-transfer",
    /// What unbonds is paid out and keeps waiting.
    UnbondedTwice = "unbonded-twice",
    /// What is left over when an amount is shared out is lost.
    RemainderLost = "remainder-lost",
    /// What registrations burn is not counted as burned.
    BurnUncounted = "burn-uncounted",
    /// What a slash takes is counted and stays.
    SlashKept = "slash-kept",
    /// All waiting stake enters and leaves at once.
    ChurnUnbounded = "churn-unbounded",
    /// Bonds on a uid outlive its holder.
    BondsInherited = "bonds-inherited",
    /// Remainders go to whoever a hash map names first.
    UnstableOrder = "unstable-order",
    /// A row is shown together with the commit that hides it.
    ShownEarly = "shown-early",
    /// A fetched epoch is taken without a look at its certificate.
    CertificateUnverified = "certificate-unverified",
    /// A fetched cut need not be the one that its certificate names.
    CutUnbound = "cut-unbound",
    /// A peer that cannot give what it claims is asked again for ever.
    LiarAskedForever = "liar-asked-forever",
    /// The bodies of lists that gossip lost are not asked for.
    BodiesNotFetched = "bodies-not-fetched",
    /// What is missing is asked for once.
    FetchedOnce = "fetched-once",
    /// What was said is pushed once, and never compared with what others hold.
    SaidOnce = "said-once",
    /// The committee stays that of genesis until a restart.
    CommitteeKept = "committee-kept",
    /// Agreement begins with the lists of all or not at all.
    WaitsForAll = "waits-for-all",
}

#[cfg(feature = "planted-bugs")]
mod chosen {
    use std::cell::Cell;

    use super::Bug;

    thread_local! {
        static CHOSEN: Cell<Option<Bug>> = const { Cell::new(None) };
        static DRAWN: Cell<u64> = const { Cell::new(0) };
    }

    /// From now on this thread makes this mistake, and no other.
    pub fn choose(bug: Option<Bug>) {
        CHOSEN.set(bug);
        DRAWN.set(0);
    }

    /// Whether this thread makes a mistake.
    #[must_use]
    pub fn is(bug: Bug) -> bool {
        CHOSEN.get() == Some(bug)
    }

    /// A number that is another one each time: what a hash map's order depends on.
    #[must_use]
    pub fn draw() -> u64 {
        let drawn = DRAWN.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        DRAWN.set(drawn);
        drawn ^ (drawn >> 29)
    }
}

#[cfg(feature = "planted-bugs")]
pub use chosen::{choose, draw, is};

/// No mistake is ever made.
#[cfg(not(feature = "planted-bugs"))]
#[inline]
#[must_use]
pub const fn is(_: Bug) -> bool {
    false
}

/// Without the feature nothing depends on it.
#[cfg(not(feature = "planted-bugs"))]
#[inline]
#[must_use]
pub const fn draw() -> u64 {
    0
}
