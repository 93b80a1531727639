//! From a cut that is trusted to the certified cuts of the epochs that peers offer.

use std::collections::{BTreeMap, BTreeSet};

use ganglion_consensus::certificate::Committee;
use ganglion_consensus::chain::{ChainError, CutChain};
use ganglion_consensus::ledger::State;
use ganglion_types::planted::{self, Bug};
use ganglion_types::{Canonical as _, Certificate, Cut, CutId, Epoch, proto};

use super::BadOffer;
use crate::snapshots::{Checkpoint, read_committee};

/// A certified cut.
pub(super) type Certified = (Cut, Certificate);

/// The way from a checkpoint, as far as it is gone. What was taken has held, whoever told it.
pub(super) struct Way {
    /// The checkpoint, while its own cut is not here.
    wanted: Option<(Epoch, CutId)>,
    chain: Option<CutChain>,
    committee: Option<Committee>,
    /// Epochs whose cuts are kept.
    stops: BTreeSet<Epoch>,
    passed: BTreeMap<Epoch, Certified>,
}

impl Way {
    /// Begins at a checkpoint; `stops` are the epochs of which the cuts are wanted. `None` if the manifest has no genesis.
    pub(super) fn from(
        checkpoint: Checkpoint,
        genesis: &State,
        stops: BTreeSet<Epoch>,
    ) -> Option<Self> {
        let (wanted, chain, committee) = match checkpoint {
            Checkpoint::Genesis => {
                let chain = CutChain::new(&genesis.genesis_cut()?);
                (None, Some(chain), crate::committee_of(genesis))
            }
            Checkpoint::Cut(epoch, id) => (Some((epoch, id)), None, None),
        };
        Some(Self { wanted, chain, committee, stops, passed: BTreeMap::new() })
    }

    /// Whether the cuts of all these epochs are here or still ahead.
    pub(super) fn leads_to(&self, stops: &BTreeSet<Epoch>) -> bool {
        stops.iter().all(|stop| *stop >= self.next() || self.passed.contains_key(stop))
    }

    /// Wants the cuts of these epochs, and forgets others.
    pub(super) fn aim(&mut self, stops: BTreeSet<Epoch>) {
        self.passed.retain(|epoch, _| stops.contains(epoch));
        self.stops = stops;
    }

    /// The certified cut of an epoch that was wanted and passed.
    pub(super) fn at(&self, epoch: Epoch) -> Option<&Certified> {
        self.passed.get(&epoch)
    }

    /// The epoch whose cut is needed next.
    pub(super) fn next(&self) -> Epoch {
        match (&self.chain, self.wanted) {
            (Some(chain), _) => chain.epoch().next(),
            (None, Some((epoch, _))) => epoch,
            (None, None) => Epoch::GENESIS,
        }
    }

    /// Goes on by one cut if it holds.
    pub(super) fn take(&mut self, certified: proto::CertifiedCut) -> Result<(), BadOffer> {
        let cut = Cut::from_proto(certified.cut.ok_or(BadOffer::Empty)?)?;
        let certificate = Certificate::from_proto(certified.certificate.ok_or(BadOffer::Empty)?)?;
        let is_told = certified.committee.is_some();
        let told = certified.committee.as_ref().and_then(read_committee);
        let committee = told.or_else(|| self.committee.clone());
        match &mut self.chain {
            Some(chain) if planted::is(Bug::CutsUnverified) => *chain = CutChain::new(&cut),
            Some(chain) => {
                let followed = chain.follow(&cut, &certificate, committee.clone());
                followed.map_err(|error| match error {
                    ChainError::Committee { epoch } if !is_told => BadOffer::NoCommittee(epoch),
                    error => BadOffer::Chain(error),
                })?;
            }
            none => {
                let (_, expected) = self.wanted.ok_or(BadOffer::Empty)?;
                let found = cut.id();
                if found != expected {
                    return Err(BadOffer::OtherCheckpoint { expected, found });
                }
                // Trusted by the user: its certificate need not be checked.
                *none = Some(CutChain::new(&cut));
            }
        }
        self.committee = committee;
        if self.stops.contains(&cut.epoch) {
            self.passed.insert(cut.epoch, (cut, certificate));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use ganglion_consensus::certificate::Member;
    use ganglion_consensus::proof::members_of;
    use ganglion_types::agreement::vote_hash;
    use ganglion_types::{Digest, Hotkey, Round, SubnetId, VoteType, sign};

    use super::*;

    const SUBNET: SubnetId = SubnetId::new([5; 32]);

    fn key(of: u8) -> SigningKey {
        SigningKey::from_bytes(&[of; 32])
    }

    /// Of one member.
    fn committee(of: u8) -> Committee {
        let hotkey = sign::hotkey_of(&key(of));
        Committee::new([Member { hotkey, stake: 10 }]).unwrap()
    }

    /// A cut after `last`, which hands over to the committee of `next`.
    fn cut(last: Option<&Cut>, next: u8) -> Cut {
        Cut {
            subnet: SUBNET,
            epoch: last.map_or(Epoch::new(2), |last| last.epoch.next()),
            prev: last.map_or_else(CutId::default, Cut::id),
            lists: Vec::new(),
            items: Vec::new(),
            time: 1,
            registry: Digest::ZERO,
            result_root: Digest::ZERO,
            state_root: Digest::ZERO,
            next_committee_root: committee(next).digest(),
        }
    }

    /// Certified by one signer, and told with this committee.
    fn told(cut: &Cut, by: u8, committee: Option<Committee>) -> proto::CertifiedCut {
        let (epoch, round, id) = (cut.epoch, Round::new(0), cut.id());
        let hash = vote_hash(&SUBNET, VoteType::Precommit, epoch, round, Some(&id));
        let signatures: Vec<(Hotkey, _)> =
            vec![(sign::hotkey_of(&key(by)), sign::sign(&key(by), &hash))];
        let certificate = Certificate { epoch, round, cut: id, signatures };
        proto::CertifiedCut {
            cut: Some(cut.to_proto()),
            certificate: Some(certificate.to_proto()),
            committee: committee.map(|committee| members_of(&committee).to_proto()),
        }
    }

    #[test]
    fn a_peer_that_does_not_know_a_committee_is_not_to_blame_and_one_that_names_another_is() {
        let trusted = cut(None, 1);
        let next = cut(Some(&trusted), 1);
        let mut way = Way {
            wanted: Some((trusted.epoch, trusted.id())),
            chain: None,
            committee: None,
            stops: BTreeSet::from([next.epoch]),
            passed: BTreeMap::new(),
        };
        way.take(told(&trusted, 9, Some(committee(9)))).unwrap();
        let error = way.take(told(&next, 1, None)).unwrap_err();
        assert!(error.is_innocent() && matches!(error, BadOffer::NoCommittee(_)), "{error}");
        let error = way.take(told(&next, 4, Some(committee(4)))).unwrap_err();
        assert!(!error.is_innocent(), "{error}");
        assert!(way.at(next.epoch).is_none());
        way.take(told(&next, 1, Some(committee(1)))).unwrap();
        assert!(way.at(next.epoch).is_some());
    }
}
