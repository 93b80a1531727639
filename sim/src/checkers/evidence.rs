//! Checker: evidence names only who broke a rule.

use std::collections::BTreeSet;

use ganglion_types::proto;
use prost::Message as _;

use super::{Key, wire};

/// Evidence seen.
#[derive(Debug, Default)]
pub struct Evidence {
    /// Offenders named by honest nodes or in cuts.
    pub(crate) named: BTreeSet<Key>,
}

/// Kind of evidence among items.
const EVIDENCE: u32 = 5;

impl Evidence {
    /// An item that an honest node says or a cut holds.
    pub(crate) fn item(&mut self, bytes: &[u8], honest: &BTreeSet<Key>) -> Option<String> {
        let item = proto::Item::decode(bytes).ok()?;
        if item.kind != EVIDENCE {
            return None;
        }
        let evidence = proto::Evidence::decode(item.body.as_slice()).ok()?;
        let offender = wire::key(&evidence.offender);
        self.named.insert(offender);
        let (who, kind, epoch) = (wire::short(&offender), evidence.kind, evidence.epoch);
        honest
            .contains(&offender)
            .then(|| format!("honest {who} is named for kind {kind} in epoch {epoch}"))
    }
}
