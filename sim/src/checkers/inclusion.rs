//! Checker: what more than 1/3 of stake listed is in the cut, and the cut cites a quorum.
//!
//! An item counts as admissible if an honest member lists it: honest members list nothing else, and
//! more than 1/3 of stake always includes one. So the rules of admission need not be restated here.

use std::collections::{BTreeMap, BTreeSet};

use ganglion_types::proto;
use prost::Message as _;

use super::{Key, Stakes, is_quorum, is_third, stake_of, wire};
use crate::host::Committed;

/// Kind of the header of a list.
pub(super) const LIST: u32 = 20;

/// What a list says of itself.
#[derive(Clone, Copy, Debug)]
struct Header {
    signer: Key,
    epoch: u64,
    /// The signer's clock.
    time: u64,
    /// Digest of the body.
    body: Key,
}

/// Lists and their bodies, as they were seen.
#[derive(Debug, Default)]
pub struct Inclusion {
    /// By item id.
    lists: BTreeMap<Key, Header>,
    /// Time of each cut.
    times: BTreeMap<u64, u64>,
    bodies: BTreeMap<Key, Vec<Key>>,
    checked: BTreeSet<u64>,
    /// Cited lists whose body was never seen.
    pub(crate) unseen: u64,
    /// Items that had to be in a cut.
    pub(crate) mandatory: u64,
}

impl Inclusion {
    pub(crate) fn list(&mut self, item: &proto::Item) {
        if let Ok(list) = proto::InclusionList::decode(item.body.as_slice()) {
            let (signer, body) = (wire::key(&list.signer), wire::key(&list.body));
            let header = Header { signer, epoch: list.epoch, time: list.time, body };
            self.lists.insert(wire::item_id(item), header);
        }
    }

    pub(crate) fn body(&mut self, body: &proto::ListBody) {
        let digest = wire::body_digest(&body.encode_to_vec());
        self.bodies
            .entry(digest)
            .or_insert_with(|| body.ids.iter().map(|id| wire::key(id)).collect());
    }

    /// A record of a node's own agreement log; if it is a list, its body is in it:
    /// `1 ‖ length u32 BE ‖ item ‖ body`.
    pub(crate) fn record(&mut self, record: &[u8]) {
        let Some((1, rest)) = record.split_first() else { return };
        let Some((length, rest)) = rest.split_first_chunk::<4>() else { return };
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let Some((item, body)) = rest.split_at_checked(length) else { return };
        if let (Ok(item), Ok(body)) = (proto::Item::decode(item), proto::ListBody::decode(body)) {
            self.list(&item);
            self.body(&body);
        }
    }

    pub(crate) fn committed(
        &mut self,
        committed: &Committed,
        stakes: &Stakes,
        honest: &BTreeSet<Key>,
    ) -> Vec<String> {
        let Ok(cut) = proto::Cut::decode(committed.cut.as_slice()) else { return Vec::new() };
        if !self.checked.insert(committed.epoch) {
            return Vec::new();
        }
        let epoch = committed.epoch;
        let total: u64 = stakes.values().sum();
        let mut facts = Vec::new();
        let mut signers = BTreeSet::new();
        let mut named: BTreeMap<Key, BTreeSet<Key>> = BTreeMap::new();
        let mut clocks = Vec::new();
        for id in &cut.lists {
            let Some(Header { signer, epoch: of, time, body }) = self.lists.get(&wire::key(id))
            else {
                facts
                    .push(format!("epoch {epoch} cites list {} that nobody sent", wire::short(id)));
                continue;
            };
            if !signers.insert(*signer) {
                facts.push(format!("epoch {epoch} cites two lists of {}", wire::short(signer)));
            }
            if *of != epoch {
                facts.push(format!("epoch {epoch} cites a list of epoch {of}"));
            }
            clocks.push((*time, stakes.get(signer).copied().unwrap_or(0)));
            match self.bodies.get(body) {
                Some(ids) => ids.iter().for_each(|id| {
                    named.entry(*id).or_default().insert(*signer);
                }),
                None => self.unseen += 1,
            }
        }
        let cited = stake_of(stakes, &signers);
        if !is_quorum(cited, total) {
            facts.push(format!("epoch {epoch} cites lists of {cited} of {total}"));
        }
        facts.extend(self.time(&cut, clocks));
        let inside: BTreeSet<Key> = cut.items.iter().map(|id| wire::key(id)).collect();
        for (id, by) in named {
            let mandatory = is_third(stake_of(stakes, &by), total)
                && by.iter().any(|signer| honest.contains(signer));
            self.mandatory += u64::from(mandatory);
            if mandatory && !inside.contains(&id) {
                let by = stake_of(stakes, &by);
                facts.push(format!(
                    "epoch {epoch} leaves out {}, listed by {by} of {total}",
                    wire::short(&id)
                ));
            }
        }
        facts
    }

    /// A cut's time is the lowest clock that members with at least half of the cited stake do not exceed,
    /// and later than the cut before.
    fn time(&mut self, cut: &proto::Cut, mut clocks: Vec<(u64, u64)>) -> Option<String> {
        self.times.insert(cut.epoch, cut.time);
        let before = *self.times.get(&cut.epoch.checked_sub(1)?)?;
        clocks.sort_unstable();
        let all: u128 = clocks.iter().map(|(_, stake)| u128::from(*stake)).sum();
        let mut passed = 0;
        let median = clocks.iter().find(|(_, stake)| {
            passed += u128::from(*stake);
            passed * 2 >= all
        });
        let expected = median?.0.max(before + 1);
        let (epoch, time) = (cut.epoch, cut.time);
        (time != expected).then(|| format!("the time of epoch {epoch} is {time}, not {expected}"))
    }
}
