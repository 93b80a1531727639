//! Arrival checks, cheapest first (`docs/spec/items.md`).
//!
//! ```text
//! size ► canonical form ► subnet ► kind ► epoch ► signer ► duplicate ► peer's rate ► signature ► signer's rate ► meaning
//! ```
//! Until the signature holds, only the sending peer can be to blame. Whether an item is admissible
//! never depends on anything here: what we refuse to forward may still be right in a cut.

use std::collections::BTreeMap;

use ganglion_types::{
    Body, Canonical as _, DecodeError, Hotkey, Item, Kind, Operation, RegistryOp, SubnetId, limits,
};

use crate::effect::Verdict;
use crate::input::Channel;

/// Why an item went no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rejection {
    /// Over its size limit.
    Oversize,
    /// Not the message expected, or a field out of range.
    Malformed,
    /// Not in canonical form.
    NonCanonical,
    /// For another subnet.
    WrongSubnet,
    /// Not of a kind that travels here.
    WrongKind,
    /// Of an epoch that is closed, or of a round that is long over.
    Stale,
    /// Of the epoch that opens next: kept until then.
    Early,
    /// Of an epoch beyond the next, or of a round far ahead.
    Future,
    /// Signed in the name of one who may not.
    NotPermitted,
    /// Held already.
    Duplicate,
    /// The sending peer sends too much.
    PeerRate,
    /// The signature does not hold.
    BadSignature,
    /// The signer says too much.
    SignerRate,
    /// It breaks a rule of the subnet in its present state.
    Inadmissible,
    /// A queue or table is full.
    Full,
}

impl Rejection {
    /// Every reason.
    pub const ALL: [Self; 15] = [
        Self::Oversize,
        Self::Malformed,
        Self::NonCanonical,
        Self::WrongSubnet,
        Self::WrongKind,
        Self::Stale,
        Self::Early,
        Self::Future,
        Self::NotPermitted,
        Self::Duplicate,
        Self::PeerRate,
        Self::BadSignature,
        Self::SignerRate,
        Self::Inadmissible,
        Self::Full,
    ];

    /// Name for logs and metric labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Oversize => "oversize",
            Self::Malformed => "malformed",
            Self::NonCanonical => "non_canonical",
            Self::WrongSubnet => "wrong_subnet",
            Self::WrongKind => "wrong_kind",
            Self::Stale => "stale",
            Self::Early => "early",
            Self::Future => "future",
            Self::NotPermitted => "not_permitted",
            Self::Duplicate => "duplicate",
            Self::PeerRate => "peer_rate",
            Self::BadSignature => "bad_signature",
            Self::SignerRate => "signer_rate",
            Self::Inadmissible => "inadmissible",
            Self::Full => "full",
        }
    }

    /// Whether the peer that sent it must have known better: these faults can be seen without any
    /// state, so an honest peer would not have forwarded it.
    #[must_use]
    pub const fn blames_sender(self) -> bool {
        matches!(
            self,
            Self::Oversize
                | Self::Malformed
                | Self::NonCanonical
                | Self::WrongSubnet
                | Self::WrongKind
                | Self::BadSignature
        )
    }

    /// What the network should do with the message.
    #[must_use]
    pub const fn verdict(self) -> Verdict {
        if self.blames_sender() { Verdict::Reject } else { Verdict::Ignore }
    }
}

impl From<&DecodeError> for Rejection {
    fn from(error: &DecodeError) -> Self {
        match error {
            DecodeError::TooLarge { .. } => Self::Oversize,
            DecodeError::NonCanonical => Self::NonCanonical,
            DecodeError::Protobuf | DecodeError::Field { .. } => Self::Malformed,
        }
    }
}

/// Most bytes an item of a kind may have: far below the general limit for the small ones.
#[must_use]
pub const fn size_max(kind: Kind) -> usize {
    match kind {
        // Two packed lists of at most 4096 varints of three bytes, and the head.
        Kind::Weights | Kind::WeightReveal => 26 * 1024,
        // Two rows of weights, and the pair around them.
        Kind::Evidence => 53 * 1024,
        Kind::TaskBatch | Kind::OutputBatch => limits::ITEM_BYTES,
        Kind::PeerRecord => 4 * 1024,
        Kind::RegistryOp
        | Kind::WeightCommit
        | Kind::OutputCommit
        | Kind::InclusionList
        | Kind::Vote
        | Kind::Proposal
        | Kind::Receipt => 1024,
    }
}

/// Form, subnet and kind: everything that needs no state.
///
/// # Errors
/// The first check that fails.
pub fn decode(bytes: &[u8], subnet: &SubnetId, channel: Channel) -> Result<Item, Rejection> {
    let item = Item::from_bytes(bytes, limits::ITEM_BYTES).map_err(|e| Rejection::from(&e))?;
    check_form(&item, bytes.len(), subnet, channel)?;
    Ok(item)
}

/// Size, subnet and kind of an item of so many bytes.
///
/// # Errors
/// The first check that fails.
pub fn check_form(
    item: &Item,
    bytes: usize,
    subnet: &SubnetId,
    channel: Channel,
) -> Result<(), Rejection> {
    let snapshot = matches!(
        item.body(),
        Body::RegistryOp(RegistryOp { operation: Operation::ProvideRegistry { .. }, .. })
    );
    // A snapshot of another chain's registry is the one operation that is large.
    let most = if snapshot { limits::ITEM_BYTES } else { size_max(item.kind()) };
    if bytes > most {
        return Err(Rejection::Oversize);
    }
    if item.subnet() != subnet {
        return Err(Rejection::WrongSubnet);
    }
    let fits = match channel {
        Channel::Agreement => item.kind() == Kind::InclusionList,
        channel => channel_of(item.kind()) == Some(channel),
    };
    if fits { Ok(()) } else { Err(Rejection::WrongKind) }
}

/// Where items of a kind travel by themselves; none for what travels inside something else.
#[must_use]
pub const fn channel_of(kind: Kind) -> Option<Channel> {
    match kind {
        Kind::TaskBatch => Some(Channel::Tasks),
        Kind::OutputCommit | Kind::OutputBatch => Some(Channel::Outputs),
        Kind::Weights | Kind::WeightCommit | Kind::WeightReveal => Some(Channel::Weights),
        Kind::RegistryOp | Kind::Evidence => Some(Channel::Ops),
        Kind::PeerRecord | Kind::InclusionList | Kind::Vote | Kind::Proposal | Kind::Receipt => {
            None
        }
    }
}

/// Token buckets by peer, on the monotonic clock.
#[derive(Clone, Debug)]
pub struct PeerRates {
    buckets: BTreeMap<Hotkey, Bucket>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Thousandths of a message.
    tokens: u64,
    at: u64,
}

impl PeerRates {
    /// Messages per second that one peer may send us, on average. In a subnet of 256 uids a peer
    /// forwards about 1,000 messages an epoch; at the shortest epoch that is 500 a second.
    pub const PER_SECOND: u64 = 500;
    /// Messages at once.
    pub const BURST: u64 = 2_000;
    /// Peers remembered; the network connects to fewer.
    pub const PEERS: usize = 1_024;

    /// No peer has sent anything.
    #[must_use]
    pub const fn new() -> Self {
        Self { buckets: BTreeMap::new() }
    }

    /// Whether one more message of this peer is welcome.
    pub fn take(&mut self, peer: Hotkey, mono: u64) -> bool {
        if !self.buckets.contains_key(&peer) && self.buckets.len() >= Self::PEERS {
            return false;
        }
        let full = Self::BURST.saturating_mul(1_000);
        let bucket = self.buckets.entry(peer).or_insert(Bucket { tokens: full, at: mono });
        // One thousandth of a message per millisecond for each message per second.
        let earned = mono.saturating_sub(bucket.at).saturating_mul(Self::PER_SECOND);
        bucket.tokens = bucket.tokens.saturating_add(earned).min(full);
        bucket.at = mono;
        match bucket.tokens.checked_sub(1_000) {
            Some(rest) => {
                bucket.tokens = rest;
                true
            }
            None => false,
        }
    }

    /// Forgets a peer that left.
    pub fn forget(&mut self, peer: &Hotkey) {
        self.buckets.remove(peer);
    }
}

impl Default for PeerRates {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_slowed_to_its_rate() {
        let mut rates = PeerRates::new();
        let peer = Hotkey::new([1; 32]);
        let burst = (0..10_000).take_while(|_| rates.take(peer, 0)).count();
        assert_eq!(burst, 2_000);
        let later = (0..10_000).take_while(|_| rates.take(peer, 1_000)).count();
        assert_eq!(later, 500);
    }

    #[test]
    fn the_table_of_peers_is_bounded() {
        let mut rates = PeerRates::new();
        let peer = |n: usize| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&n.to_be_bytes());
            Hotkey::new(bytes)
        };
        assert!((0..PeerRates::PEERS).all(|n| rates.take(peer(n), 0)));
        assert!(!rates.take(peer(PeerRates::PEERS), 0));
        rates.forget(&peer(0));
        assert!(rates.take(peer(PeerRates::PEERS), 0));
    }
}
