//! Our types as the BFT core wants to see them. Private: nothing here leaves the module.

use std::fmt;
use std::sync::Arc;

use arc_malachitebft_core_types as bft;
use ganglion_types::planted::{self, Bug};
use ganglion_types::{Cut, CutId, DecodeError, Epoch, Hotkey, Signature, SubnetId};

use super::proposer::proposer_order;
use crate::certificate::Committee;

/// A committee member's address is its hotkey: no second hash to keep track of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Address(pub(super) Hotkey);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl bft::Address for Address {}

/// The core's height is our epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Height(pub(super) Epoch);

impl fmt::Display for Height {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl bft::Height for Height {
    const ZERO: Self = Self(Epoch::GENESIS);
    const INITIAL: Self = Self(Epoch::new(1));

    fn increment_by(&self, n: u64) -> Self {
        Self(Epoch::new(self.0.get().saturating_add(n)))
    }

    fn decrement_by(&self, n: u64) -> Option<Self> {
        self.0.get().checked_sub(n).map(|epoch| Self(Epoch::new(epoch)))
    }

    fn as_u64(&self) -> u64 {
        self.0.get()
    }
}

/// A cut beside its id: the core clones values and asks for their ids all the time.
#[derive(Clone, Debug)]
pub(super) struct SharedCut {
    id: CutId,
    cut: Arc<Cut>,
}

impl SharedCut {
    pub(super) fn new(cut: Cut) -> Self {
        Self { id: cut.id(), cut: Arc::new(cut) }
    }

    pub(super) const fn cut_id(&self) -> CutId {
        self.id
    }

    pub(super) fn cut(&self) -> &Cut {
        &self.cut
    }
}

// The id is a hash of the whole cut, so it may stand for it in comparisons.
impl PartialEq for SharedCut {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for SharedCut {}

impl PartialOrd for SharedCut {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SharedCut {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.id.cmp(&other.id)
    }
}

impl bft::Value for SharedCut {
    type Id = CutId;

    fn id(&self) -> CutId {
        self.id
    }
}

/// A signature with the order that the core asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark(pub(super) Signature);

impl PartialOrd for Mark {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Mark {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.as_bytes().cmp(other.0.as_bytes())
    }
}

/// Names the types of a signature. The core never signs or verifies by itself: it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scheme;

impl bft::SigningScheme for Scheme {
    type DecodingError = DecodeError;
    type Signature = Mark;
    type PublicKey = Hotkey;
    type PrivateKey = ();

    fn decode_signature(bytes: &[u8]) -> Result<Mark, DecodeError> {
        let wrong = DecodeError::field("signature", "must be 64 bytes");
        Signature::from_slice(bytes).map(Mark).ok_or(wrong)
    }

    fn encode_signature(signature: &Mark) -> Vec<u8> {
        signature.0.as_bytes().to_vec()
    }

    fn decode_public_key(bytes: &[u8]) -> Result<Hotkey, DecodeError> {
        Hotkey::from_slice(bytes).ok_or(DecodeError::field("hotkey", "must be 32 bytes"))
    }

    fn encode_public_key(key: &Hotkey) -> Vec<u8> {
        key.as_bytes().to_vec()
    }
}

/// A committee member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seat {
    address: Address,
    stake: u64,
}

impl bft::Validator<Ctx> for Seat {
    fn address(&self) -> &Address {
        &self.address
    }

    fn public_key(&self) -> &Hotkey {
        &self.address.0
    }

    fn voting_power(&self) -> bft::VotingPower {
        self.stake
    }
}

/// The committee of one epoch and the order in which it proposes: the core asks for a proposer
/// with nothing but set, height and round in hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seats(Arc<Table>);

#[derive(Debug, PartialEq, Eq)]
struct Table {
    sorted: Vec<Seat>,
    total: u64,
    first: Seat,
    order: Vec<Seat>,
}

impl Seats {
    pub(super) fn new(
        subnet: &SubnetId,
        epoch: Epoch,
        previous: &CutId,
        committee: &Committee,
    ) -> Self {
        let seat = |hotkey: &Hotkey| Seat {
            address: Address(*hotkey),
            stake: committee.stake_of(hotkey).unwrap_or(0),
        };
        let order: Vec<Seat> =
            proposer_order(subnet, epoch, previous, committee).iter().map(seat).collect();
        let sorted = committee.members().iter().map(|member| seat(&member.hotkey)).collect();
        // A committee is never empty, so the zero key never proposes.
        let first = order.first().copied().unwrap_or_else(|| seat(&Hotkey::default()));
        Self(Arc::new(Table { sorted, total: committee.total_stake(), first, order }))
    }

    pub(super) fn proposer(&self, round: u32) -> Hotkey {
        self.seat(round).address.0
    }

    fn seat(&self, round: u32) -> &Seat {
        let table = &self.0;
        let members = u32::try_from(table.order.len()).unwrap_or(u32::MAX);
        let place = round.checked_rem(members).unwrap_or(0);
        usize::try_from(place).ok().and_then(|place| table.order.get(place)).unwrap_or(&table.first)
    }
}

impl bft::ValidatorSet<Ctx> for Seats {
    fn count(&self) -> usize {
        self.0.sorted.len()
    }

    fn total_voting_power(&self) -> bft::VotingPower {
        if planted::is(Bug::SimpleMajority) {
            return (self.0.total / 4).saturating_mul(3);
        }
        if planted::is(Bug::QuorumTwoThirds) {
            return self.0.total.saturating_sub(1);
        }
        self.0.total
    }

    fn get_by_address(&self, address: &Address) -> Option<&Seat> {
        let at = self.0.sorted.binary_search_by(|seat| seat.address.cmp(address)).ok()?;
        self.0.sorted.get(at)
    }

    fn get_by_index(&self, index: usize) -> Option<&Seat> {
        self.0.sorted.get(index)
    }
}

/// A proposal without its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Motion {
    pub(super) height: Height,
    pub(super) round: bft::Round,
    pub(super) cut: SharedCut,
    pub(super) pol_round: bft::Round,
    pub(super) proposer: Address,
}

impl bft::Proposal<Ctx> for Motion {
    fn height(&self) -> Height {
        self.height
    }

    fn round(&self) -> bft::Round {
        self.round
    }

    fn value(&self) -> &SharedCut {
        &self.cut
    }

    fn take_value(self) -> SharedCut {
        self.cut
    }

    fn pol_round(&self) -> bft::Round {
        self.pol_round
    }

    fn validator_address(&self) -> &Address {
        &self.proposer
    }
}

/// A vote without its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ballot {
    pub(super) kind: bft::VoteType,
    pub(super) height: Height,
    pub(super) round: bft::Round,
    pub(super) cut: bft::NilOrVal<CutId>,
    pub(super) voter: Address,
}

impl bft::Vote<Ctx> for Ballot {
    fn height(&self) -> Height {
        self.height
    }

    fn round(&self) -> bft::Round {
        self.round
    }

    fn value(&self) -> &bft::NilOrVal<CutId> {
        &self.cut
    }

    fn take_value(self) -> bft::NilOrVal<CutId> {
        self.cut
    }

    fn vote_type(&self) -> bft::VoteType {
        self.kind
    }

    fn validator_address(&self) -> &Address {
        &self.voter
    }

    // Vote extensions are not used.
    fn extension(&self) -> Option<&bft::SignedExtension<Ctx>> {
        None
    }

    fn take_extension(&mut self) -> Option<bft::SignedExtension<Ctx>> {
        None
    }

    fn extend(self, _: bft::SignedExtension<Ctx>) -> Self {
        self
    }
}

/// A cut travels inside its proposal, so there are no parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NoPart;

impl bft::ProposalPart<Ctx> for NoPart {
    fn is_first(&self) -> bool {
        true
    }

    fn is_last(&self) -> bool {
        true
    }
}

/// Ties the types together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ctx;

impl bft::Context for Ctx {
    type Address = Address;
    type Height = Height;
    type ProposalPart = NoPart;
    type Proposal = Motion;
    type Validator = Seat;
    type ValidatorSet = Seats;
    type Timeouts = bft::LinearTimeouts;
    type Value = SharedCut;
    type Vote = Ballot;
    type Extension = ();
    type SigningScheme = Scheme;

    fn select_proposer<'a>(&self, seats: &'a Seats, _: Height, round: bft::Round) -> &'a Seat {
        seats.seat(round.as_u32().unwrap_or(0))
    }

    fn new_proposal(
        &self,
        height: Height,
        round: bft::Round,
        cut: SharedCut,
        pol_round: bft::Round,
        proposer: Address,
    ) -> Motion {
        Motion { height, round, cut, pol_round, proposer }
    }

    fn new_prevote(
        &self,
        height: Height,
        round: bft::Round,
        cut: bft::NilOrVal<CutId>,
        voter: Address,
    ) -> Ballot {
        Ballot { kind: bft::VoteType::Prevote, height, round, cut, voter }
    }

    fn new_precommit(
        &self,
        height: Height,
        round: bft::Round,
        cut: bft::NilOrVal<CutId>,
        voter: Address,
    ) -> Ballot {
        Ballot { kind: bft::VoteType::Precommit, height, round, cut, voter }
    }
}
