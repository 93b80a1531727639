//! What is known by name but not held, and whom to ask for it.

use std::collections::{BTreeMap, BTreeSet};

use ganglion_types::planted::{self, Bug};
use ganglion_types::{Digest, Hotkey, ItemId, limits, proto};

/// A thing known by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Want {
    /// An item named by a list or cut.
    Item(ItemId),
    /// A list body named by its header.
    Body(Digest),
}

/// Wanted things with the peers that named them. Each is asked of its peers in turn, one at a time.
#[derive(Clone, Debug, Default)]
pub struct Fetch {
    wanted: BTreeMap<Want, Source>,
    /// Whether a timer is set at which everything that is still missing is asked for again.
    armed: bool,
}

#[derive(Clone, Debug, Default)]
struct Source {
    /// Peers that should hold it, in the order they were heard of.
    peers: Vec<Hotkey>,
    /// How many times it was asked for.
    asked: usize,
}

/// Times that a thing is asked for before another may take its place.
const GIVE_UP: usize = 3;
/// Peers remembered per wanted thing.
const PEERS: usize = 8;
/// Things wanted at once: more than the largest cut names.
const WANTED: usize = limits::CUT_ITEMS + limits::COMMITTEE;

impl Fetch {
    /// Notes that `peer` should hold `want`. False if the table is full of what was hardly asked for yet.
    pub fn want(&mut self, want: Want, peer: Hotkey) -> bool {
        if matches!(want, Want::Body(_)) && planted::is(Bug::BodiesNotFetched) {
            return false;
        }
        if !self.wanted.contains_key(&want) && self.wanted.len() >= WANTED && !self.make_room() {
            return false;
        }
        let source = self.wanted.entry(want).or_default();
        if source.peers.len() < PEERS && !source.peers.contains(&peer) {
            source.peers.push(peer);
        }
        true
    }

    /// Gives up what was asked for most often, and in vain: a liar can name any number of things that there
    /// are not. What is missing after all is wanted again.
    fn make_room(&mut self) -> bool {
        let most = self.wanted.values().map(|source| source.asked).max().unwrap_or(0);
        if most >= GIVE_UP {
            self.wanted.retain(|_, source| source.asked < most);
        }
        self.wanted.len() < WANTED
    }

    /// It is held now.
    pub fn found(&mut self, want: &Want) {
        self.wanted.remove(want);
    }

    /// Whether it was asked for: an item that nobody named is not taken from a response.
    #[must_use]
    pub fn is_wanted(&self, want: &Want) -> bool {
        self.wanted.contains_key(want)
    }

    /// Whether nothing is missing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Keeps what is still wanted.
    pub fn retain(&mut self, wanted: impl Fn(&Want) -> bool) {
        self.wanted.retain(|want, _| wanted(want));
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether a timer is to be set: something is missing, and none is. The caller sets it.
    pub fn arm(&mut self) -> bool {
        let needed = !self.armed && !self.wanted.is_empty();
        self.armed |= needed;
        needed
    }

    /// The timer has fired.
    pub fn fired(&mut self) {
        self.armed = false;
    }

    /// The next requests: each wanted thing of the next of its peers that is connected, or of any
    /// connected peer once all of them have had their turn. Without `again`, only of what was never
    /// asked for. A turn with nobody to ask does not count.
    pub fn requests(
        &mut self,
        connected: &BTreeSet<Hotkey>,
        again: bool,
    ) -> Vec<(Hotkey, proto::Request)> {
        let mut items: BTreeMap<Hotkey, Vec<Vec<u8>>> = BTreeMap::new();
        let mut bodies: BTreeMap<Hotkey, Vec<Vec<u8>>> = BTreeMap::new();
        for (want, source) in &mut self.wanted {
            if source.asked > 0 && !again {
                continue;
            }
            let named: Vec<&Hotkey> =
                source.peers.iter().filter(|peer| connected.contains(*peer)).collect();
            let turn = source.asked;
            let rest = turn.checked_sub(named.len());
            let peer = match rest {
                None => named.get(turn).copied(),
                Some(rest) => {
                    let at = rest.checked_rem(connected.len()).unwrap_or(0);
                    connected.iter().nth(at)
                }
            };
            let Some(peer) = peer else { continue };
            source.asked = source.asked.saturating_add(1);
            match want {
                Want::Item(id) => items.entry(*peer).or_default().push(id.as_bytes().to_vec()),
                Want::Body(id) => bodies.entry(*peer).or_default().push(id.as_bytes().to_vec()),
            }
        }
        let items = items.into_iter().flat_map(|(peer, ids)| {
            chunks(ids, limits::REQUEST_IDS)
                .map(move |ids| (peer, proto::request::Request::Items(proto::ItemsRequest { ids })))
        });
        let bodies = bodies.into_iter().flat_map(|(peer, digests)| {
            chunks(digests, limits::REQUEST_BODIES).map(move |digests| {
                let request = proto::ListBodiesRequest { digests };
                (peer, proto::request::Request::ListBodies(request))
            })
        });
        bodies
            .chain(items)
            .map(|(peer, request)| (peer, proto::Request { request: Some(request) }))
            .collect()
    }
}

fn chunks(list: Vec<Vec<u8>>, size: usize) -> impl Iterator<Item = Vec<Vec<u8>>> {
    let mut rest = list.into_iter();
    std::iter::from_fn(move || {
        let chunk: Vec<Vec<u8>> = rest.by_ref().take(size).collect();
        (!chunk.is_empty()).then_some(chunk)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(byte: u8) -> Hotkey {
        Hotkey::new([byte; 32])
    }

    #[test]
    fn peers_take_turns_and_then_anybody_is_asked() {
        let mut fetch = Fetch::default();
        let want = Want::Item(ItemId::new([9; 32]));
        fetch.want(want, peer(1));
        fetch.want(want, peer(2));
        let connected = BTreeSet::from([peer(1), peer(2), peer(3)]);
        let asked: Vec<Hotkey> = (0..5).map(|_| fetch.requests(&connected, true)[0].0).collect();
        assert_eq!(asked, [peer(1), peer(2), peer(1), peer(2), peer(3)]);
        fetch.found(&want);
        assert!(fetch.requests(&connected, true).is_empty());
    }

    #[test]
    fn what_nobody_could_be_asked_for_is_asked_of_the_first_who_comes() {
        let mut fetch = Fetch::default();
        assert!(!fetch.arm(), "nothing is missing");
        fetch.want(Want::Body(Digest::new([9; 32])), peer(1));
        assert!(fetch.requests(&BTreeSet::new(), false).is_empty());
        assert!(fetch.arm(), "it is still missing");
        assert!(!fetch.arm(), "a timer is set");
        fetch.fired();
        assert_eq!(fetch.requests(&BTreeSet::from([peer(1)]), false).len(), 1);
        assert!(fetch.arm());
    }

    #[test]
    fn the_table_is_bounded_and_requests_are_chunked() {
        let mut fetch = Fetch::default();
        let id = |n: usize| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&n.to_be_bytes());
            Want::Item(ItemId::new(bytes))
        };
        let taken = (0..WANTED + 5).filter(|n| fetch.want(id(*n), peer(1))).count();
        assert_eq!(taken, WANTED);
        let requests = fetch.requests(&BTreeSet::from([peer(1)]), false);
        assert_eq!(requests.len(), WANTED.div_ceil(limits::REQUEST_IDS));
    }

    #[test]
    fn things_that_there_are_not_make_room_once_they_were_asked_for_in_vain() {
        let mut fetch = Fetch::default();
        let id = |n: usize| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&n.to_be_bytes());
            Want::Item(ItemId::new(bytes))
        };
        for n in 0..WANTED {
            fetch.want(id(n), peer(1));
        }
        let connected = BTreeSet::from([peer(1)]);
        for _ in 0..GIVE_UP {
            assert!(!fetch.want(id(WANTED), peer(1)));
            fetch.requests(&connected, true);
        }
        assert!(fetch.want(id(WANTED), peer(1)));
        assert!(fetch.is_wanted(&id(WANTED)));
        assert!(!fetch.is_wanted(&id(0)));
    }
}
