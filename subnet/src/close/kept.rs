//! What must outlive everybody's restart.
//!
//! What more than 1/3 of stake listed must be in the cut, and a cut that was voted for may be decided. If
//! all who hold such an item, list or body in memory alone restart at once, the epoch could never close:
//! nobody could build a valid cut, nor execute the one that is locked. So they are in the agreement log,
//! synced with the list that names them or with the vote for the cut.

use std::collections::BTreeSet;

use ganglion_types::planted::{self, Bug};
use ganglion_types::{Canonical as _, Cut, Digest, Item, ItemId, Kind, ListBody, limits};

use crate::effect::Effect;
use crate::participant::Participant;

/// First byte of an agreement-log entry: an item, or a list's header.
pub(super) const ITEM: u8 = 2;
/// The same of a list's body.
pub(super) const BODY: u8 = 3;

impl Participant {
    /// Puts an item into the log. What a list names must be in the cut, and a cut that was voted for may
    /// be decided: if all who hold it in memory alone restart at once, the epoch could never close.
    pub(super) fn keep_item(&mut self, id: &ItemId) {
        if planted::is(Bug::ItemsNotLogged) {
            return;
        }
        let Some(item) = self.item(id) else { return };
        let record = record_of(ITEM, &item.to_bytes());
        if self.may_sign() && self.close.logged.insert(Digest::new(*id.as_bytes())) {
            self.send(Effect::Log(record));
        }
    }

    /// Puts all that a cut names into the log, before we vote for it.
    pub(super) fn keep_cut(&mut self, cut: &Cut) {
        if planted::is(Bug::ItemsNotLogged) {
            return;
        }
        for id in cut.items.iter().chain(&cut.lists) {
            self.keep_item(id);
        }
        let lists = cut.lists.iter().filter_map(|id| self.close.lists.get(id));
        let digests: BTreeSet<Digest> = lists.map(|(list, _)| list.body).collect();
        for digest in digests {
            let Some(body) = self.close.bodies.get(&digest) else { continue };
            let record = record_of(BODY, &body.to_bytes());
            if self.may_sign() && self.close.logged.insert(digest) {
                self.send(Effect::Log(record));
            }
        }
    }

    /// Holds again what the process before this one put into the log, whether or not we may sign.
    pub(crate) fn restore_kept(&mut self) {
        for entry in self.close.recovered_log.clone() {
            match entry.split_first() {
                Some((&ITEM, bytes)) => {
                    let Ok(item) = Item::from_bytes(bytes, limits::ITEM_BYTES) else { continue };
                    self.close.logged.insert(Digest::new(*item.id().as_bytes()));
                    if item.kind() == Kind::InclusionList {
                        // A cut that was voted for cites it.
                        self.hold_list(&item, true);
                    } else {
                        self.take_wanted(item);
                    }
                }
                Some((&BODY, bytes)) => {
                    let body = ListBody::from_bytes(bytes, limits::ITEM_BYTES);
                    let Ok(body) = body else { continue };
                    self.close.logged.insert(body.digest());
                    self.take_body(body);
                }
                _ => {}
            }
        }
    }
}

fn record_of(kind: u8, bytes: &[u8]) -> Vec<u8> {
    let mut record = vec![kind];
    record.extend_from_slice(bytes);
    record
}
