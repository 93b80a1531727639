//! One anchor on its way.

use ganglion_types::Epoch;

use super::Record;
use crate::{AnchorPayload, ChainPoint, Finality, Found, Prepared, Publisher};

/// Where an anchor stands, as far as the chain was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not asked since the start of this process.
    Unknown,
    /// Signed, and to be given to the chain's node.
    Absent,
    /// With the chain's node.
    Pending,
    /// In a block.
    Included(ChainPoint),
    /// In a block that stays.
    Final(ChainPoint),
}

/// An anchor between its first signature and finality: ours, or somebody else's that says the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flight {
    /// What it says.
    pub payload: AnchorPayload,
    /// Transactions made for it, oldest first; empty for somebody else's.
    pub attempts: Vec<Prepared>,
    /// Whose it is; `None` is ours.
    pub by: Option<Publisher>,
    /// Where it stands.
    pub standing: Standing,
    /// When the chain is asked next, milliseconds.
    pub(super) check_at: u64,
    /// When the newest transaction was first seen to wait.
    pub(super) pending_since: Option<u64>,
    /// Whether a transaction that bids more is wanted.
    pub(super) replace: bool,
    /// Whether it has to be looked at because another one's block is gone.
    pub(super) suspect: bool,
}

impl Flight {
    pub(super) fn own(payload: AnchorPayload, prepared: Prepared) -> Self {
        Self {
            payload,
            attempts: vec![prepared],
            by: None,
            standing: Standing::Absent,
            check_at: 0,
            pending_since: None,
            replace: false,
            suspect: false,
        }
    }

    pub(super) fn foreign(found: &Found, now: u64) -> Self {
        let standing = match found.finality {
            Finality::Final => Standing::Final(found.point),
            Finality::Confirmations(_) => Standing::Included(found.point),
        };
        Self {
            payload: found.payload,
            attempts: Vec::new(),
            by: Some(found.publisher.clone()),
            standing,
            check_at: now,
            pending_since: None,
            replace: false,
            suspect: false,
        }
    }

    /// Whether it is in a block.
    #[must_use]
    pub const fn is_included(&self) -> bool {
        matches!(self.standing, Standing::Included(_) | Standing::Final(_))
    }

    pub(super) const fn is_final(&self) -> bool {
        matches!(self.standing, Standing::Final(_))
    }

    pub(super) const fn last(&self) -> Epoch {
        self.payload.last()
    }

    /// What has to be known of it after a restart.
    pub(super) fn records(&self) -> Vec<Record> {
        let (payload, by) = (self.payload, self.by.clone());
        let prepared = |prepared: &Prepared| Record::Prepared {
            payload: self.payload,
            prepared: prepared.clone(),
        };
        let mut records: Vec<Record> = self.attempts.iter().map(prepared).collect();
        match self.standing {
            Standing::Included(point) => records.push(Record::Included { payload, point, by }),
            Standing::Final(point) => records.push(Record::Settled { payload, point, by }),
            Standing::Unknown | Standing::Absent | Standing::Pending => {}
        }
        records
    }
}
