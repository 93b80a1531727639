//! Following certified cuts without their items: who may certify the next cut is in each.
//!
//! ```text
//! checkpoint: Cut(e) ──next_committee_root──► committee ──certifies──► Cut(e+1) ──► …
//! ```
//! Safe only from a cut whose committee could still be punished for a second history: one younger
//! than half the unbonding time, from the user, or genesis while the subnet is young.

use ganglion_types::{Certificate, Cut, CutId, Digest, Epoch, SubnetId};

use crate::certificate::{CertificateError, Committee, verify_certificate};

/// A chain of certified cuts up to its last one.
#[derive(Clone, Debug)]
pub struct CutChain {
    subnet: SubnetId,
    epoch: Epoch,
    head: CutId,
    state_root: Digest,
    next_committee: Digest,
    committee: Option<Committee>,
}

/// Why a cut does not continue a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// Of another subnet or epoch, or not built on the last cut.
    #[error("the cut of epoch {found} does not follow epoch {last}")]
    NotNext {
        /// The last epoch of the chain.
        last: Epoch,
        /// The epoch of the cut.
        found: Epoch,
    },
    /// The certificate names another cut.
    #[error("the certificate of epoch {epoch} is for another cut")]
    OtherCut {
        /// The epoch.
        epoch: Epoch,
    },
    /// A committee that the cut before does not name, or none where it changes.
    #[error("the committee of epoch {epoch} is not the one that the cut before names")]
    Committee {
        /// The epoch.
        epoch: Epoch,
    },
    /// The certificate does not hold.
    #[error("the certificate of epoch {epoch}: {source}")]
    Certificate {
        /// The epoch.
        epoch: Epoch,
        /// Why.
        source: CertificateError,
    },
}

impl CutChain {
    /// A chain that begins with a trusted cut.
    #[must_use]
    pub fn new(cut: &Cut) -> Self {
        Self {
            subnet: cut.subnet,
            epoch: cut.epoch,
            head: cut.id(),
            state_root: cut.state_root,
            next_committee: cut.next_committee_root,
            committee: None,
        }
    }

    /// The last epoch.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The last cut.
    #[must_use]
    pub const fn head(&self) -> CutId {
        self.head
    }

    /// Its state root.
    #[must_use]
    pub const fn state_root(&self) -> Digest {
        self.state_root
    }

    /// Takes the next cut. `committee` closes its epoch; `None` if it is the one of the cut before.
    ///
    /// # Errors
    /// The first rule that is broken; the chain stays as it was.
    pub fn follow(
        &mut self,
        cut: &Cut,
        certificate: &Certificate,
        committee: Option<Committee>,
    ) -> Result<(), ChainError> {
        let epoch = cut.epoch;
        if cut.subnet != self.subnet || epoch != self.epoch.next() || cut.prev != self.head {
            return Err(ChainError::NotNext { last: self.epoch, found: epoch });
        }
        let id = cut.id();
        if certificate.cut != id {
            return Err(ChainError::OtherCut { epoch });
        }
        let committee = committee
            .or_else(|| self.committee.clone())
            .filter(|committee| committee.digest() == self.next_committee)
            .ok_or(ChainError::Committee { epoch })?;
        verify_certificate(certificate, &self.subnet, epoch, &committee)
            .map_err(|source| ChainError::Certificate { epoch, source })?;
        *self = Self { committee: Some(committee), ..Self::new(cut) };
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test")]
mod tests {
    use ed25519_dalek::SigningKey;
    use ganglion_types::agreement::vote_hash;
    use ganglion_types::{Round, VoteType, sign};

    use super::*;
    use crate::certificate::Member;

    const SUBNET: SubnetId = SubnetId::new([5; 32]);

    fn keys(from: u8) -> Vec<SigningKey> {
        (from..from + 4).map(|byte| SigningKey::from_bytes(&[byte; 32])).collect()
    }

    fn committee(from: u8) -> Committee {
        let members = keys(from);
        let members = members.iter().map(|key| Member { hotkey: sign::hotkey_of(key), stake: 10 });
        Committee::new(members).unwrap()
    }

    /// A cut after `last` that hands over to the committee of the keys from `next` on.
    fn cut(last: Option<&Cut>, next: u8) -> Cut {
        Cut {
            subnet: SUBNET,
            epoch: last.map_or(Epoch::new(7), |last| last.epoch.next()),
            prev: last.map_or_else(CutId::default, Cut::id),
            lists: Vec::new(),
            items: Vec::new(),
            time: 1,
            registry: Digest::ZERO,
            result_root: Digest::ZERO,
            state_root: Digest::new([next; 32]),
            next_committee_root: committee(next).digest(),
        }
    }

    fn certify(cut: &Cut, signers: &[SigningKey]) -> Certificate {
        let (epoch, round, id) = (cut.epoch, Round::new(0), cut.id());
        let hash = vote_hash(&SUBNET, VoteType::Precommit, epoch, round, Some(&id));
        let mut signatures: Vec<_> =
            signers.iter().map(|key| (sign::hotkey_of(key), sign::sign(key, &hash))).collect();
        signatures.sort_unstable_by_key(|(signer, _)| *signer);
        Certificate { epoch, round, cut: id, signatures }
    }

    #[test]
    fn a_chain_is_followed_through_a_change_of_committee() {
        let checkpoint = cut(None, 1);
        let first = cut(Some(&checkpoint), 1);
        let second = cut(Some(&first), 20);
        let third = cut(Some(&second), 20);
        let mut chain = CutChain::new(&checkpoint);
        chain.follow(&first, &certify(&first, &keys(1)), Some(committee(1))).unwrap();
        chain.follow(&second, &certify(&second, &keys(1)), None).unwrap();
        let certificate = certify(&third, &keys(20));
        let epoch = third.epoch;
        assert_eq!(chain.follow(&third, &certificate, None), Err(ChainError::Committee { epoch }));
        chain.follow(&third, &certificate, Some(committee(20))).unwrap();
        assert_eq!((chain.epoch(), chain.head()), (epoch, third.id()));
        assert_eq!(chain.state_root(), Digest::new([20; 32]));
    }

    #[test]
    fn a_forged_chain_is_not_followed() {
        let checkpoint = cut(None, 1);
        let next = cut(Some(&checkpoint), 1);
        let epoch = next.epoch;
        let chain = CutChain::new(&checkpoint);
        let follow = |cut: &Cut, certificate: &Certificate, committee: Option<Committee>| {
            chain.clone().follow(cut, certificate, committee).unwrap_err()
        };
        let good = certify(&next, &keys(1));
        // A committee of the forger's own.
        let forged = certify(&next, &keys(40));
        let error = follow(&next, &forged, Some(committee(40)));
        assert_eq!(error, ChainError::Committee { epoch });
        // Signers outside the right one, and too few of it.
        let error = follow(&next, &forged, Some(committee(1)));
        assert!(matches!(error, ChainError::Certificate { .. }), "{error}");
        let error = follow(&next, &certify(&next, &keys(1)[..2]), Some(committee(1)));
        assert!(matches!(error, ChainError::Certificate { .. }), "{error}");
        // Another cut, and one that does not follow.
        let other = Cut { time: 2, ..next.clone() };
        assert_eq!(follow(&other, &good, Some(committee(1))), ChainError::OtherCut { epoch });
        let loose = Cut { prev: CutId::new([9; 32]), ..next.clone() };
        let error = follow(&loose, &certify(&loose, &keys(1)), Some(committee(1)));
        assert_eq!(error, ChainError::NotNext { last: checkpoint.epoch, found: epoch });
        let far = Cut { epoch: epoch.next(), ..next };
        let error = follow(&far, &certify(&far, &keys(1)), Some(committee(1)));
        assert!(matches!(error, ChainError::NotNext { .. }), "{error}");
    }
}
