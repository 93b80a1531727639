//! From a cut that is trusted to the certified cuts of the epochs that peers offer.

use std::collections::{BTreeMap, BTreeSet};

use ganglion_consensus::certificate::Committee;
use ganglion_consensus::chain::CutChain;
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
        let told = certified.committee.as_ref().and_then(read_committee);
        let committee = told.or_else(|| self.committee.clone());
        match &mut self.chain {
            Some(chain) if planted::is(Bug::CutsUnverified) => *chain = CutChain::new(&cut),
            Some(chain) => chain.follow(&cut, &certificate, committee.clone())?,
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
