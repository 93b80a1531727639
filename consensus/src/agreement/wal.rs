//! One record of the agreement log.
//!
//! The log of an epoch is the list of what the BFT core was told, in order: fed to a fresh core it
//! leads to the same votes. Only five kinds of input are in it; what else reaches the core can be
//! repeated, or comes in as single votes.
//!
//! Records are protobuf and belong to this release alone: they live for one epoch. A verdict on a
//! proposal names its cut, which an earlier record holds; the verdict on a cut that this node built
//! brings the cut along.

use std::collections::BTreeMap;

use arc_malachitebft_core_consensus::{Input, ProposedValue};
use arc_malachitebft_core_types as bft;
use ganglion_types::codec::Canonical;
use ganglion_types::{Cut, CutId, DecodeError, Epoch, Hotkey, PolkaCertificate, Proposal, Vote};
use ganglion_types::{limits, proto};
use prost::Message;

use super::context::{Address, Ctx, Height, SharedCut};
use super::convert;

#[derive(Clone, PartialEq, Message)]
struct RecordProto {
    #[prost(oneof = "Record", tags = "1, 2, 3, 4, 5")]
    record: Option<Record>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Record {
    #[prost(message, tag = "1")]
    Vote(proto::Vote),
    #[prost(message, tag = "2")]
    Proposal(proto::Proposal),
    #[prost(message, tag = "3")]
    Polka(proto::PolkaCertificate),
    #[prost(message, tag = "4")]
    Timeout(TimeoutProto),
    #[prost(message, tag = "5")]
    Verdict(VerdictProto),
}

#[derive(Clone, PartialEq, Message)]
struct TimeoutProto {
    /// 1 propose, 2 prevote, 3 precommit.
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(uint32, tag = "2")]
    round: u32,
}

#[derive(Clone, PartialEq, Message)]
struct VerdictProto {
    #[prost(uint32, tag = "1")]
    round: u32,
    /// 0 for none, else round + 1.
    #[prost(uint32, tag = "2")]
    pol_round: u32,
    #[prost(bytes = "vec", tag = "3")]
    proposer: Vec<u8>,
    /// Id of a cut in an earlier proposal record, or empty.
    #[prost(bytes = "vec", tag = "4")]
    cut: Vec<u8>,
    /// The cut itself, where no proposal record holds it.
    #[prost(message, optional, tag = "5")]
    own_cut: Option<proto::Cut>,
    #[prost(bool, tag = "6")]
    valid: bool,
}

/// The record of an input; `None` for inputs that are never logged. `has_proposal` says whether a
/// proposal with this cut was logged before.
pub(super) fn encode(input: &Input<Ctx>, has_proposal: impl Fn(&CutId) -> bool) -> Option<Vec<u8>> {
    let record = match input {
        Input::Vote(vote) => Record::Vote(convert::vote_out(vote).to_proto()),
        Input::Proposal(proposal) => Record::Proposal(convert::proposal_out(proposal).to_proto()),
        Input::PolkaCertificate(polka) => Record::Polka(convert::polka_out(polka).to_proto()),
        Input::TimeoutElapsed(timeout) => Record::Timeout(TimeoutProto {
            kind: timeout_number(timeout.kind)?,
            round: timeout.round.as_u32()?,
        }),
        Input::ProposedValue(value, _) => {
            let id = value.value.cut_id();
            let known = has_proposal(&id);
            Record::Verdict(VerdictProto {
                round: value.round.as_u32()?,
                pol_round: value.valid_round.as_u32().map_or(0, |round| round.saturating_add(1)),
                proposer: value.proposer.0.as_bytes().to_vec(),
                cut: if known { id.as_bytes().to_vec() } else { Vec::new() },
                own_cut: (!known).then(|| value.value.cut().to_proto()),
                valid: value.validity.is_valid(),
            })
        }
        _ => return None,
    };
    Some(RecordProto { record: Some(record) }.encode_to_vec())
}

const fn timeout_number(kind: bft::TimeoutKind) -> Option<u32> {
    match kind {
        bft::TimeoutKind::Propose => Some(1),
        bft::TimeoutKind::Prevote => Some(2),
        bft::TimeoutKind::Precommit => Some(3),
        bft::TimeoutKind::Rebroadcast | bft::TimeoutKind::FinalizeHeight(_) => None,
    }
}

/// Reads the records of one epoch back.
#[derive(Debug)]
pub(super) struct Reader {
    epoch: Epoch,
    cuts: BTreeMap<CutId, SharedCut>,
}

impl Reader {
    pub(super) const fn new(epoch: Epoch) -> Self {
        Self { epoch, cuts: BTreeMap::new() }
    }

    /// The input behind the next record.
    pub(super) fn next(&mut self, bytes: &[u8]) -> Result<Input<Ctx>, DecodeError> {
        if bytes.len() > limits::AGREEMENT_BYTES {
            let (size, limit) = (bytes.len(), limits::AGREEMENT_BYTES);
            return Err(DecodeError::TooLarge { size, limit });
        }
        let decoded = RecordProto::decode(bytes).map_err(|_| DecodeError::Protobuf)?;
        let record = decoded.record.ok_or(DecodeError::field("record", "is missing"))?;
        Ok(match record {
            Record::Vote(vote) => {
                let vote = Vote::from_proto(vote)?;
                self.in_epoch(vote.epoch)?;
                Input::Vote(convert::vote_in(&vote))
            }
            Record::Proposal(proposal) => {
                let proposal = Proposal::from_proto(proposal)?;
                self.in_epoch(proposal.epoch)?;
                let cut = self.remember(proposal.cut.clone());
                Input::Proposal(convert::proposal_in(&proposal, cut))
            }
            Record::Polka(polka) => {
                let polka = PolkaCertificate::from_proto(polka)?;
                self.in_epoch(polka.epoch)?;
                Input::PolkaCertificate(convert::polka_in(&polka))
            }
            Record::Timeout(timeout) => {
                let kind = match timeout.kind {
                    1 => bft::TimeoutKind::Propose,
                    2 => bft::TimeoutKind::Prevote,
                    3 => bft::TimeoutKind::Precommit,
                    _ => return Err(DecodeError::field("kind", "must be 1, 2 or 3")),
                };
                Input::TimeoutElapsed(bft::Timeout::new(bft::Round::new(timeout.round), kind))
            }
            Record::Verdict(verdict) => self.verdict(verdict)?,
        })
    }

    fn verdict(&mut self, verdict: VerdictProto) -> Result<Input<Ctx>, DecodeError> {
        let value = match verdict.own_cut {
            Some(cut) => self.remember(Cut::from_proto(cut)?),
            None => CutId::from_slice(&verdict.cut)
                .and_then(|id| self.cuts.get(&id))
                .cloned()
                .ok_or(DecodeError::field("cut", "must be in an earlier record"))?,
        };
        let proposer = Hotkey::from_slice(&verdict.proposer)
            .ok_or(DecodeError::field("proposer", "must be 32 bytes"))?;
        let value = ProposedValue {
            height: Height(self.epoch),
            round: bft::Round::new(verdict.round),
            valid_round: verdict.pol_round.checked_sub(1).map_or(bft::Round::Nil, bft::Round::new),
            proposer: Address(proposer),
            value,
            validity: bft::Validity::from_bool(verdict.valid),
        };
        Ok(Input::ProposedValue(value, bft::ValueOrigin::Consensus))
    }

    fn remember(&mut self, cut: Cut) -> SharedCut {
        let cut = SharedCut::new(cut);
        self.cuts.insert(cut.cut_id(), cut.clone());
        cut
    }

    fn in_epoch(&self, epoch: Epoch) -> Result<(), DecodeError> {
        if epoch == self.epoch {
            Ok(())
        } else {
            Err(DecodeError::field("epoch", "must be the epoch of the log"))
        }
    }
}
