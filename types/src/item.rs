//! The signed envelope of everything a participant says.

use ed25519_dalek::SigningKey;

use crate::codec::{self, Canonical, DecodeError};
use crate::ids::{Epoch, ItemId, Signature, SubnetId};
use crate::{
    Evidence, InclusionList, OutputBatch, OutputCommit, PROTOCOL_VERSION, PeerRecord, Receipt,
    RegistryOp, TaskBatch, WeightCommit, WeightReveal, Weights, limits, proto, sign,
};

/// What an item is about. The numbers are the wire's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A row of weights, plain.
    Weights,
    /// A row of weights, hidden.
    WeightCommit,
    /// What a commit of weights hid.
    WeightReveal,
    /// An operation on the registry or on stake.
    RegistryOp,
    /// Two statements of one signer where it may make one. Signed by nobody.
    Evidence,
    /// A validator's tasks of one round.
    TaskBatch,
    /// A miner's commitment to its answers.
    OutputCommit,
    /// A miner's answers.
    OutputBatch,
    /// Where a peer can be reached.
    PeerRecord,
    /// What a committee member holds at its deadline.
    InclusionList,
    /// A prevote or precommit; never an [`Item`].
    Vote,
    /// A proposed cut; never an [`Item`].
    Proposal,
    /// A signed answer to a task from outside.
    Receipt,
}

impl Kind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Self; 13] = [
        Self::Weights,
        Self::WeightCommit,
        Self::WeightReveal,
        Self::RegistryOp,
        Self::Evidence,
        Self::TaskBatch,
        Self::OutputCommit,
        Self::OutputBatch,
        Self::PeerRecord,
        Self::InclusionList,
        Self::Vote,
        Self::Proposal,
        Self::Receipt,
    ];

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Weights => 1,
            Self::WeightCommit => 2,
            Self::WeightReveal => 3,
            Self::RegistryOp => 4,
            Self::Evidence => 5,
            Self::TaskBatch => 16,
            Self::OutputCommit => 17,
            Self::OutputBatch => 18,
            Self::PeerRecord => 19,
            Self::InclusionList => 20,
            Self::Vote => 21,
            Self::Proposal => 22,
            Self::Receipt => 23,
        }
    }

    /// The kind of a number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// Name for logs and metric labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Weights => "weights",
            Self::WeightCommit => "weight_commit",
            Self::WeightReveal => "weight_reveal",
            Self::RegistryOp => "registry_op",
            Self::Evidence => "evidence",
            Self::TaskBatch => "task_batch",
            Self::OutputCommit => "output_commit",
            Self::OutputBatch => "output_batch",
            Self::PeerRecord => "peer_record",
            Self::InclusionList => "inclusion_list",
            Self::Vote => "vote",
            Self::Proposal => "proposal",
            Self::Receipt => "receipt",
        }
    }

    /// Whether lists and cuts may name it.
    #[must_use]
    pub const fn is_cut_kind(self) -> bool {
        matches!(
            self,
            Self::Weights
                | Self::WeightCommit
                | Self::WeightReveal
                | Self::RegistryOp
                | Self::Evidence
        )
    }
}

/// The body of an item, by kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant is named like the type it holds")]
pub enum Body {
    Weights(Weights),
    WeightCommit(WeightCommit),
    WeightReveal(WeightReveal),
    RegistryOp(RegistryOp),
    Evidence(Box<Evidence>),
    TaskBatch(TaskBatch),
    OutputCommit(OutputCommit),
    OutputBatch(OutputBatch),
    PeerRecord(PeerRecord),
    InclusionList(InclusionList),
    Receipt(Receipt),
}

impl Body {
    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Weights(_) => Kind::Weights,
            Self::WeightCommit(_) => Kind::WeightCommit,
            Self::WeightReveal(_) => Kind::WeightReveal,
            Self::RegistryOp(_) => Kind::RegistryOp,
            Self::Evidence(_) => Kind::Evidence,
            Self::TaskBatch(_) => Kind::TaskBatch,
            Self::OutputCommit(_) => Kind::OutputCommit,
            Self::OutputBatch(_) => Kind::OutputBatch,
            Self::PeerRecord(_) => Kind::PeerRecord,
            Self::InclusionList(_) => Kind::InclusionList,
            Self::Receipt(_) => Kind::Receipt,
        }
    }

    /// The key that must have signed: a hotkey, or a coldkey for operations on stake. Of evidence it
    /// is the offender, who signed what is inside.
    #[must_use]
    pub const fn signer(&self) -> &[u8; 32] {
        match self {
            Self::Weights(body) => body.signer.as_bytes(),
            Self::WeightCommit(body) => body.signer.as_bytes(),
            Self::WeightReveal(body) => body.signer.as_bytes(),
            Self::RegistryOp(body) => &body.signer,
            Self::Evidence(body) => body.offender().as_bytes(),
            Self::TaskBatch(body) => body.signer.as_bytes(),
            Self::OutputCommit(body) => body.signer.as_bytes(),
            Self::OutputBatch(body) => body.signer.as_bytes(),
            Self::PeerRecord(body) => body.signer.as_bytes(),
            Self::InclusionList(body) => body.signer.as_bytes(),
            Self::Receipt(body) => body.signer.as_bytes(),
        }
    }

    /// The epoch being closed when it may be said. Operations, reveals, evidence, peer records and
    /// receipts may be said in several, or at any time.
    #[must_use]
    pub const fn epoch(&self) -> Option<Epoch> {
        match self {
            Self::Weights(body) => Some(body.epoch),
            Self::WeightCommit(body) => Some(body.epoch),
            Self::TaskBatch(body) => Some(body.epoch),
            Self::OutputCommit(body) => Some(body.epoch),
            Self::OutputBatch(body) => Some(body.epoch),
            Self::InclusionList(body) => Some(body.epoch),
            Self::WeightReveal(_)
            | Self::RegistryOp(_)
            | Self::Evidence(_)
            | Self::PeerRecord(_)
            | Self::Receipt(_) => None,
        }
    }

    fn encode(&self) -> Vec<u8> {
        match self {
            Self::Weights(body) => body.to_bytes(),
            Self::WeightCommit(body) => body.to_bytes(),
            Self::WeightReveal(body) => body.to_bytes(),
            Self::RegistryOp(body) => body.to_bytes(),
            Self::Evidence(body) => body.to_bytes(),
            Self::TaskBatch(body) => body.to_bytes(),
            Self::OutputCommit(body) => body.to_bytes(),
            Self::OutputBatch(body) => body.to_bytes(),
            Self::PeerRecord(body) => body.to_bytes(),
            Self::InclusionList(body) => body.to_bytes(),
            Self::Receipt(body) => body.to_bytes(),
        }
    }

    fn decode(kind: u32, bytes: &[u8]) -> Result<Self, DecodeError> {
        let limit = limits::ITEM_BYTES;
        let kind =
            Kind::from_number(kind).ok_or(DecodeError::field("kind", "is not a known kind"))?;
        Ok(match kind {
            Kind::Weights => Self::Weights(Canonical::from_bytes(bytes, limit)?),
            Kind::WeightCommit => Self::WeightCommit(Canonical::from_bytes(bytes, limit)?),
            Kind::WeightReveal => Self::WeightReveal(Canonical::from_bytes(bytes, limit)?),
            Kind::RegistryOp => Self::RegistryOp(Canonical::from_bytes(bytes, limit)?),
            Kind::Evidence => Self::Evidence(Box::new(Canonical::from_bytes(bytes, limit)?)),
            Kind::TaskBatch => Self::TaskBatch(Canonical::from_bytes(bytes, limit)?),
            Kind::OutputCommit => Self::OutputCommit(Canonical::from_bytes(bytes, limit)?),
            Kind::OutputBatch => Self::OutputBatch(Canonical::from_bytes(bytes, limit)?),
            Kind::PeerRecord => Self::PeerRecord(Canonical::from_bytes(bytes, limit)?),
            Kind::InclusionList => Self::InclusionList(Canonical::from_bytes(bytes, limit)?),
            Kind::Receipt => Self::Receipt(Canonical::from_bytes(bytes, limit)?),
            Kind::Vote | Kind::Proposal => {
                return Err(DecodeError::field("kind", "is never sent as an item"));
            }
        })
    }
}

/// A signed statement in one subnet. Decoding checks form only; see [`Item::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    subnet: SubnetId,
    body: Body,
    signature: Signature,
    id: ItemId,
}

/// Stands for the signature that evidence does not have.
const UNSIGNED: Signature = Signature::new([0; 64]);

impl Item {
    /// Signs a body. The caller makes sure that `key` is the body's signer. Evidence is signed by
    /// nobody, whatever the key.
    #[must_use]
    pub fn sign(subnet: SubnetId, body: Body, key: &SigningKey) -> Self {
        if let Body::Evidence(evidence) = body {
            return Self::evidence(subnet, *evidence);
        }
        let hash = sign::preimage_hash(&subnet, body.kind(), &body.encode());
        Self { subnet, signature: sign::sign(key, &hash), id: ItemId::new(hash), body }
    }

    /// Evidence as an item: anybody may make it, it proves itself, and nobody is its reporter.
    #[must_use]
    pub fn evidence(subnet: SubnetId, evidence: Evidence) -> Self {
        let id = evidence.id(&subnet);
        Self { subnet, signature: UNSIGNED, id, body: Body::Evidence(Box::new(evidence)) }
    }

    /// An item that nobody signed yet, to ask what would become of it. It never verifies.
    #[must_use]
    pub fn unsigned(subnet: SubnetId, body: Body) -> Self {
        let hash = sign::preimage_hash(&subnet, body.kind(), &body.encode());
        Self { subnet, signature: UNSIGNED, id: ItemId::new(hash), body }
    }

    /// Whether it has a signature at all, sound or not.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.signature != UNSIGNED
    }

    /// The subnet it was signed for.
    #[must_use]
    pub const fn subnet(&self) -> &SubnetId {
        &self.subnet
    }

    /// What it says.
    #[must_use]
    pub const fn body(&self) -> &Body {
        &self.body
    }

    /// What it says, without the envelope.
    #[must_use]
    pub fn into_body(self) -> Body {
        self.body
    }

    /// The kind of its body.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.body.kind()
    }

    /// The signature, unchecked; zero for evidence.
    #[must_use]
    pub const fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Hash that the signature covers; of evidence that of the offence it proves, so that two proofs
    /// of one offence are one item.
    #[must_use]
    pub const fn id(&self) -> ItemId {
        self.id
    }

    /// Whether the signer named in the body signed it, and whoever else the body needs the consent
    /// of; of evidence whether the offender signed both statements. About 45 us per signature.
    #[must_use]
    pub fn verify(&self) -> bool {
        let signed = || sign::verify(self.body.signer(), self.id.as_bytes(), &self.signature);
        match &self.body {
            Body::Evidence(evidence) => evidence.verify(&self.subnet),
            Body::RegistryOp(op) => signed() && op.has_consent(&self.subnet),
            _ => signed(),
        }
    }
}

impl Canonical for Item {
    type Proto = proto::Item;

    fn to_proto(&self) -> proto::Item {
        proto::Item {
            version: PROTOCOL_VERSION,
            subnet: self.subnet.as_bytes().to_vec(),
            kind: self.kind().number(),
            body: self.body.encode(),
            signature: match self.body {
                Body::Evidence(_) => Vec::new(),
                _ => self.signature.as_bytes().to_vec(),
            },
        }
    }

    fn from_proto(proto: proto::Item) -> Result<Self, DecodeError> {
        if proto.version != PROTOCOL_VERSION {
            return Err(DecodeError::field("version", "must be 1"));
        }
        let subnet = codec::hash32("subnet", &proto.subnet, SubnetId::new)?;
        let body = Body::decode(proto.kind, &proto.body)?;
        if let Body::Evidence(evidence) = body {
            if !proto.signature.is_empty() {
                return Err(DecodeError::field(
                    "signature",
                    "must be empty: nobody signs evidence",
                ));
            }
            return Ok(Self::evidence(subnet, *evidence));
        }
        let signature = codec::signature(&proto.signature)?;
        let id = ItemId::new(sign::preimage_hash(&subnet, body.kind(), &proto.body));
        Ok(Self { subnet, body, signature, id })
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::ids::{Digest, Hotkey};

    fn item() -> Item {
        let key = SigningKey::from_bytes(&[5; 32]);
        let body = Body::Weights(Weights {
            signer: sign::hotkey_of(&key),
            mechid: 0,
            epoch: Epoch::new(3),
            seq: 1,
            entries: vec![(1, 65_535), (4, 9)],
            task_preimage: Digest::new([8; 32]),
        });
        Item::sign(SubnetId::new([1; 32]), body, &key)
    }

    #[test]
    fn an_item_round_trips_and_verifies() {
        let item = item();
        let decoded = Item::from_bytes(&item.to_bytes(), limits::ITEM_BYTES).unwrap();
        assert_eq!(decoded, item);
        assert!(decoded.verify());
    }

    #[test]
    fn an_unsigned_item_has_the_id_of_the_signed_one_and_never_verifies() {
        let signed = item();
        let draft = Item::unsigned(*signed.subnet(), signed.body().clone());
        assert_eq!((draft.id(), draft.is_signed(), draft.verify()), (signed.id(), false, false));
        assert!(signed.is_signed());
        assert_eq!(Item::from_bytes(&draft.to_bytes(), limits::ITEM_BYTES), Ok(draft));
    }

    #[test]
    fn any_flipped_bit_is_refused() {
        let bytes = item().to_bytes();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bytes = bytes.clone();
                bytes[at] ^= 1 << bit;
                let held = Item::from_bytes(&bytes, limits::ITEM_BYTES).is_ok_and(|i| i.verify());
                assert!(!held, "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn unknown_and_repeated_fields_are_not_canonical() {
        let bytes = item().to_bytes();
        let unknown = [bytes.clone(), vec![0x78, 1]].concat();
        assert_eq!(Item::from_bytes(&unknown, limits::ITEM_BYTES), Err(DecodeError::NonCanonical));
        let repeated = [bytes.clone(), bytes[..2].to_vec()].concat();
        assert_eq!(Item::from_bytes(&repeated, limits::ITEM_BYTES), Err(DecodeError::NonCanonical));
        let large = proto::Item { body: vec![0; limits::ITEM_BYTES], ..item().to_proto() };
        assert!(matches!(
            Item::from_bytes(&large.encode_to_vec(), limits::ITEM_BYTES),
            Err(DecodeError::TooLarge { .. })
        ));
    }

    #[test]
    fn a_body_signed_by_another_key_does_not_verify() {
        let Body::Weights(body) = item().into_body() else { unreachable!() };
        let body = Body::Weights(Weights { signer: Hotkey::new([9; 32]), ..body });
        let forged = Item::sign(SubnetId::new([1; 32]), body, &SigningKey::from_bytes(&[5; 32]));
        assert!(!forged.verify());
    }
}
