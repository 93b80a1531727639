//! Who may close an epoch, and the proof that they did.
//!
//! Weight is stake, never capped. A quorum is strictly more than 2/3 of it, compared without
//! dividing (`3 * held > 2 * total`), so there is no rounding rule to disagree on.

use std::collections::BTreeSet;
use std::sync::Arc;

use ganglion_types::agreement::vote_hash;
use ganglion_types::planted::{self, Bug};
use ganglion_types::sign::{self, tagged_hash};
use ganglion_types::{
    Certificate, Digest, Epoch, Hotkey, PolkaCertificate, RoundCertificate, Signature, SubnetId,
    VoteType, limits,
};

/// The stake of a committee is below this: the BFT core multiplies stakes by three in 64 bits.
pub const COMMITTEE_STAKE_MAX: u64 = 1 << 62;

/// One seat of a committee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// The key that votes.
    pub hotkey: Hotkey,
    /// Its weight in rao, above zero.
    pub stake: u64,
}

/// Why participants make no committee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitteeError {
    /// Nobody has stake.
    #[error("a committee needs at least one member with stake")]
    Empty,
    /// More than [`limits::COMMITTEE`].
    #[error("{members} members, at most {} fit", limits::COMMITTEE)]
    TooLarge {
        /// How many were given.
        members: usize,
    },
    /// One key twice.
    #[error("hotkey {hotkey} is in the committee twice")]
    Repeated {
        /// The key.
        hotkey: Hotkey,
    },
    /// The total reaches [`COMMITTEE_STAKE_MAX`].
    #[error("the stake of a committee must stay below {COMMITTEE_STAKE_MAX} rao")]
    TooMuchStake,
}

/// The members that close one epoch, sorted by hotkey. Cheap to clone.
///
/// Invariants: not empty, keys strictly rising, every stake above zero, the total below
/// [`COMMITTEE_STAKE_MAX`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committee {
    members: Arc<[Member]>,
    total: u64,
}

impl Committee {
    /// Sorts the members and leaves out those without stake.
    ///
    /// # Errors
    /// See [`CommitteeError`].
    pub fn new(members: impl IntoIterator<Item = Member>) -> Result<Self, CommitteeError> {
        let mut members: Vec<Member> =
            members.into_iter().filter(|member| member.stake > 0).collect();
        members.sort_unstable_by_key(|member| member.hotkey);
        if members.is_empty() {
            return Err(CommitteeError::Empty);
        }
        if members.len() > limits::COMMITTEE {
            return Err(CommitteeError::TooLarge { members: members.len() });
        }
        let twice = members.iter().zip(members.iter().skip(1)).find(|(a, b)| a.hotkey == b.hotkey);
        if let Some((member, _)) = twice {
            return Err(CommitteeError::Repeated { hotkey: member.hotkey });
        }
        let total = members
            .iter()
            .try_fold(0_u64, |total, member| total.checked_add(member.stake))
            .filter(|total| *total < COMMITTEE_STAKE_MAX)
            .ok_or(CommitteeError::TooMuchStake)?;
        Ok(Self { members: members.into(), total })
    }

    /// The members, strictly rising by hotkey.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Stake of all members in rao.
    #[must_use]
    pub const fn total_stake(&self) -> u64 {
        self.total
    }

    /// Stake of a member, `None` for anybody else.
    #[must_use]
    pub fn stake_of(&self, hotkey: &Hotkey) -> Option<u64> {
        let at = self.members.binary_search_by(|member| member.hotkey.cmp(hotkey)).ok()?;
        self.members.get(at).map(|member| member.stake)
    }

    /// Whether `held` rao are strictly more than 2/3.
    #[must_use]
    pub fn is_quorum(&self, held: u64) -> bool {
        if planted::is(Bug::SimpleMajority) {
            return held.saturating_mul(2) > self.total;
        }
        if planted::is(Bug::QuorumTwoThirds) {
            return u128::from(held).saturating_mul(3) >= u128::from(self.total).saturating_mul(2);
        }
        u128::from(held).saturating_mul(3) > u128::from(self.total).saturating_mul(2)
    }

    /// Whether `held` rao are strictly more than 1/3: at least one honest member is among them.
    #[must_use]
    pub fn exceeds_third(&self, held: u64) -> bool {
        u128::from(held).saturating_mul(3) > u128::from(self.total)
    }

    /// The least stake in rao that certifies.
    #[must_use]
    pub fn stake_to_certify(&self) -> u64 {
        // total < 2^62, so nothing saturates here or below.
        (self.total.saturating_mul(2) / 3).saturating_add(1)
    }

    /// The least stake in rao whose silence halts the subnet.
    #[must_use]
    pub const fn stake_to_halt(&self) -> u64 {
        self.total.div_ceil(3)
    }

    /// Stake of the distinct members among `signers`.
    #[must_use]
    pub fn stake_of_all<'a>(&self, signers: impl IntoIterator<Item = &'a Hotkey>) -> u64 {
        let distinct: BTreeSet<&Hotkey> = signers.into_iter().collect();
        distinct.into_iter().filter_map(|signer| self.stake_of(signer)).fold(0, u64::saturating_add)
    }

    /// What a cut names the next committee by: a hash over `hotkey ‖ stake u64 BE` of each member.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let rows: Vec<[u8; 40]> = self
            .members
            .iter()
            .map(|member| {
                let mut row = [0; 40];
                let (hotkey, stake) = row.split_at_mut(32);
                hotkey.copy_from_slice(member.hotkey.as_bytes());
                stake.copy_from_slice(&member.stake.to_be_bytes());
                row
            })
            .collect();
        let parts: Vec<&[u8]> = rows.iter().map(<[u8; 40]>::as_slice).collect();
        tagged_hash("ganglion/committee", &parts)
    }
}

/// Why signatures certify nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// About another epoch.
    #[error("it is for epoch {found}, not {expected}")]
    Epoch {
        /// The epoch asked about.
        expected: Epoch,
        /// The epoch it names.
        found: Epoch,
    },
    /// A signer outside the committee.
    #[error("{signer} is not in the committee")]
    UnknownSigner {
        /// The signer.
        signer: Hotkey,
    },
    /// A signer that is named twice.
    #[error("{signer} is named twice")]
    RepeatedSigner {
        /// The signer.
        signer: Hotkey,
    },
    /// A signature that does not hold.
    #[error("the signature of {signer} does not hold")]
    BadSignature {
        /// The signer.
        signer: Hotkey,
    },
    /// Not enough stake signed.
    #[error("{held} of {total} rao signed, which is too little")]
    TooLittleStake {
        /// Stake that signed, in rao.
        held: u64,
        /// Stake of the committee, in rao.
        total: u64,
    },
}

/// Whether precommits of more than 2/3 of `committee` stand behind the cut that `certificate`
/// names for `epoch`. That the cut at hand has this id is for the caller to compare.
///
/// Everything that needs no curve arithmetic is checked first; then about 45 us per signature.
///
/// # Errors
/// The first rule that is broken.
pub fn verify_certificate(
    certificate: &Certificate,
    subnet: &SubnetId,
    epoch: Epoch,
    committee: &Committee,
) -> Result<(), CertificateError> {
    if certificate.epoch != epoch {
        return Err(CertificateError::Epoch { expected: epoch, found: certificate.epoch });
    }
    let (round, cut) = (certificate.round, Some(&certificate.cut));
    let hash = vote_hash(subnet, VoteType::Precommit, epoch, round, cut);
    verify_quorum(committee, &hash, &certificate.signatures)
}

/// Whether prevotes of more than 2/3 of `committee` stand behind a polka.
///
/// # Errors
/// The first rule that is broken.
pub fn verify_polka(
    polka: &PolkaCertificate,
    subnet: &SubnetId,
    committee: &Committee,
) -> Result<(), CertificateError> {
    let cut = Some(&polka.cut);
    let hash = vote_hash(subnet, VoteType::Prevote, polka.epoch, polka.round, cut);
    verify_quorum(committee, &hash, &polka.signatures)
}

/// Whether a round certificate has the stake and the signatures that it needs: votes of more than 1/3
/// of `committee` to be in a round, precommits of more than 2/3 to leave it. That its votes are of its
/// round is for the caller to ask ([`RoundCertificate::is_of_one_round`]).
///
/// # Errors
/// The first rule that is broken.
pub fn verify_round_certificate(
    certificate: &RoundCertificate,
    subnet: &SubnetId,
    committee: &Committee,
) -> Result<(), CertificateError> {
    let held = tally(committee, certificate.votes.iter().map(|vote| &vote.signer))?;
    let enough =
        if certificate.skip { committee.exceeds_third(held) } else { committee.is_quorum(held) };
    if !enough {
        return Err(CertificateError::TooLittleStake { held, total: committee.total_stake() });
    }
    let bad = certificate.votes.iter().find(|vote| !vote.verify(subnet));
    bad.map_or(Ok(()), |vote| Err(CertificateError::BadSignature { signer: vote.signer }))
}

/// Whether more than 2/3 of `committee` signed `hash`.
pub(crate) fn verify_quorum(
    committee: &Committee,
    hash: &[u8; 32],
    signatures: &[(Hotkey, Signature)],
) -> Result<(), CertificateError> {
    let held = tally(committee, signatures.iter().map(|(signer, _)| signer))?;
    if !committee.is_quorum(held) {
        return Err(CertificateError::TooLittleStake { held, total: committee.total_stake() });
    }
    let bad = signatures.iter().find(|(signer, mark)| !sign::verify(signer.as_bytes(), hash, mark));
    bad.map_or(Ok(()), |(signer, _)| Err(CertificateError::BadSignature { signer: *signer }))
}

/// Stake of signers that must all be members and different.
pub(crate) fn tally<'a>(
    committee: &Committee,
    signers: impl Iterator<Item = &'a Hotkey>,
) -> Result<u64, CertificateError> {
    let mut seen = BTreeSet::new();
    let mut held = 0_u64;
    for signer in signers {
        let stake = committee
            .stake_of(signer)
            .ok_or(CertificateError::UnknownSigner { signer: *signer })?;
        if !seen.insert(signer) && !planted::is(Bug::SignerCountedTwice) {
            return Err(CertificateError::RepeatedSigner { signer: *signer });
        }
        held = held.saturating_add(stake);
    }
    Ok(held)
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use ganglion_types::{CutId, Round, Vote};

    use super::*;

    const SUBNET: SubnetId = SubnetId::new([1; 32]);
    const CUT: CutId = CutId::new([2; 32]);
    const EPOCH: Epoch = Epoch::new(5);

    fn key(number: u8) -> SigningKey {
        SigningKey::from_bytes(&[number; 32])
    }

    fn member(number: u8, stake: u64) -> Member {
        Member { hotkey: sign::hotkey_of(&key(number)), stake }
    }

    fn committee(stakes: &[u64]) -> Committee {
        Committee::new((1..).zip(stakes).map(|(number, stake)| member(number, *stake))).unwrap()
    }

    fn certificate(signers: &[u8]) -> Certificate {
        let mut signatures: Vec<(Hotkey, Signature)> = signers
            .iter()
            .map(|number| {
                let (kind, round) = (VoteType::Precommit, Round::new(3));
                let vote = Vote::sign(&SUBNET, kind, EPOCH, round, Some(CUT), &key(*number));
                (vote.signer, vote.signature)
            })
            .collect();
        signatures.sort_unstable_by_key(|(signer, _)| *signer);
        Certificate { epoch: EPOCH, round: Round::new(3), cut: CUT, signatures }
    }

    fn verify(certificate: &Certificate, committee: &Committee) -> Result<(), CertificateError> {
        verify_certificate(certificate, &SUBNET, EPOCH, committee)
    }

    #[test]
    fn exactly_two_thirds_is_not_a_quorum() {
        let committee = committee(&[1, 1, 1]);
        assert!(!committee.is_quorum(2));
        assert!(committee.is_quorum(3));
        assert_eq!(
            verify(&certificate(&[1, 2]), &committee),
            Err(CertificateError::TooLittleStake { held: 2, total: 3 })
        );
        assert_eq!(verify(&certificate(&[1, 2, 3]), &committee), Ok(()));
    }

    #[test]
    fn exactly_one_third_does_not_exceed_it() {
        let committee = committee(&[1, 1, 1]);
        assert!(!committee.exceeds_third(1));
        assert!(committee.exceeds_third(2));
    }

    #[test]
    fn the_published_thresholds_are_the_least_that_do() {
        for total in (1..200).chain([COMMITTEE_STAKE_MAX - 3, COMMITTEE_STAKE_MAX - 1]) {
            let committee = committee(&[total]);
            let certify = committee.stake_to_certify();
            assert!(committee.is_quorum(certify) && !committee.is_quorum(certify - 1), "{total}");
            let halt = committee.stake_to_halt();
            assert!(!committee.is_quorum(total - halt), "{total}");
            assert!(committee.is_quorum(total - halt + 1), "{total}");
        }
    }

    #[test]
    fn a_committee_sorts_and_leaves_out_the_stakeless() {
        let one = Committee::new([member(1, 5), member(2, 0), member(3, 7)]).unwrap();
        let two = Committee::new([member(3, 7), member(1, 5)]).unwrap();
        assert_eq!(one, two);
        assert_eq!(one.digest(), two.digest());
        assert!(one.members().is_sorted_by(|a, b| a.hotkey < b.hotkey));
        assert_eq!(one.stake_of(&member(3, 0).hotkey), Some(7));
        assert_eq!(one.stake_of(&member(2, 0).hotkey), None);
        assert_ne!(one.digest(), Committee::new([member(3, 7), member(1, 6)]).unwrap().digest());
    }

    #[test]
    fn impossible_committees_are_refused() {
        assert_eq!(Committee::new([member(1, 0)]), Err(CommitteeError::Empty));
        let hotkey = member(1, 1).hotkey;
        assert_eq!(
            Committee::new([member(1, 1), member(2, 1), member(1, 2)]),
            Err(CommitteeError::Repeated { hotkey })
        );
        for stakes in [[COMMITTEE_STAKE_MAX - 1, 1], [u64::MAX, u64::MAX]] {
            let members = (1..).zip(stakes).map(|(number, stake)| member(number, stake));
            assert_eq!(Committee::new(members), Err(CommitteeError::TooMuchStake));
        }
        let many = (0..=255).flat_map(|a| {
            (0..2).map(move |b| {
                let mut bytes = [a; 32];
                bytes[0] = b;
                Member { hotkey: Hotkey::new(bytes), stake: 1 }
            })
        });
        assert_eq!(Committee::new(many), Err(CommitteeError::TooLarge { members: 512 }));
    }

    #[test]
    fn each_broken_rule_has_its_name() {
        let committee = committee(&[10, 10, 10, 10]);
        let good = certificate(&[1, 2, 3]);
        assert_eq!(verify(&good, &committee), Ok(()));

        let epoch = Certificate { epoch: EPOCH.next(), ..good.clone() };
        assert!(matches!(verify(&epoch, &committee), Err(CertificateError::Epoch { .. })));
        let stranger = member(9, 0).hotkey;
        assert_eq!(
            verify(&certificate(&[1, 2, 9]), &committee),
            Err(CertificateError::UnknownSigner { signer: stranger })
        );
        let mut repeated = good.clone();
        repeated.signatures[1] = repeated.signatures[0];
        assert!(matches!(
            verify(&repeated, &committee),
            Err(CertificateError::RepeatedSigner { .. })
        ));
        for wrong in [
            Certificate { round: Round::new(4), ..good.clone() },
            Certificate { cut: CutId::new([3; 32]), ..good.clone() },
        ] {
            assert!(matches!(
                verify(&wrong, &committee),
                Err(CertificateError::BadSignature { .. })
            ));
        }
        let other = SubnetId::new([7; 32]);
        assert!(verify_certificate(&good, &other, EPOCH, &committee).is_err());
    }

    #[test]
    fn prevotes_certify_nothing() {
        let committee = committee(&[10]);
        let round = Round::new(0);
        let vote = Vote::sign(&SUBNET, VoteType::Prevote, EPOCH, round, Some(CUT), &key(1));
        let signatures = vec![(vote.signer, vote.signature)];
        let certificate = Certificate { epoch: EPOCH, round, cut: CUT, signatures };
        assert!(matches!(
            verify(&certificate, &committee),
            Err(CertificateError::BadSignature { .. })
        ));
    }
}
