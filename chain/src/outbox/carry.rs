//! Carries out what the outbox asks, with one chain and the node's own cuts.

use ganglion_types::{CutId, Epoch, SubnetId};

use super::{Judged, Reply, Request, Truth};
use crate::{Anchor, AnchorError, AnchorPayload, CutHead, Reason};

/// The certified cuts that a node holds.
pub trait Cuts: Send + Sync {
    /// What an anchor says of the cut of `epoch`; `None` if it is not held, or not certified.
    fn head(&self, epoch: Epoch) -> Option<CutHead>;
}

/// The payload of the epochs `first` to `last`.
///
/// # Errors
/// [`AnchorError::Refused`] if a cut is not held: nothing was wrong with the chain.
pub fn payload(cuts: &dyn Cuts, first: Epoch, last: Epoch) -> Result<AnchorPayload, AnchorError> {
    let missing = |epoch: u64| {
        AnchorError::Refused(Reason::new(format!(
            "this node does not hold the cut of epoch {epoch}"
        )))
    };
    let mut ids: Vec<CutId> = Vec::new();
    let mut newest = None;
    for epoch in first.get()..=last.get() {
        let head = cuts.head(Epoch::new(epoch)).ok_or_else(|| missing(epoch))?;
        ids.push(head.cut);
        newest = Some(head);
    }
    let newest = newest.ok_or_else(|| missing(first.get()))?;
    AnchorPayload::new(&ids, &newest)
        .map_err(|error| AnchorError::Refused(Reason::new(error.to_string())))
}

/// What a node's cuts say to an anchor. Only cut ids that differ make another one.
pub fn judge(cuts: &dyn Cuts, found: &AnchorPayload) -> Truth {
    let last = cuts.head(found.last());
    if last.is_some_and(|last| last.subnet == found.subnet() && last.cut != found.last_cut()) {
        return Truth::Other;
    }
    match payload(cuts, found.first(), found.last()) {
        Ok(ours) if ours == *found => Truth::Same,
        Ok(ours) if ours.contradicts(found) => Truth::Other,
        _ => Truth::Unknown,
    }
}

/// Asks the chain what the outbox wants to know.
pub async fn carry_out(
    anchor: &dyn Anchor,
    cuts: &dyn Cuts,
    subnet: SubnetId,
    request: Request,
) -> Reply {
    match request {
        Request::Find { first, last } => {
            let found = anchor.find(subnet, first..=last).await;
            Reply::Found(found.map(|found| {
                let judged = found.into_iter().map(|found| {
                    let truth = judge(cuts, &found.payload);
                    Judged { found, truth }
                });
                judged.collect()
            }))
        }
        Request::Prepare { first, last, replaces, used } => {
            let payload = match payload(cuts, first, last) {
                Ok(payload) => payload,
                Err(error) => return Reply::Prepared(Err(error)),
            };
            let prepared = anchor.prepare(&payload, &replaces, used).await;
            Reply::Prepared(prepared.map(|prepared| (payload, prepared)))
        }
        Request::Submit(prepared) => Reply::Submitted(anchor.submit(&prepared).await),
        Request::Cost { transactions } => Reply::Cost(anchor.cost(&transactions).await),
        Request::Status { payload, attempts } => {
            Reply::Status(anchor.status(&payload, &attempts).await)
        }
    }
}

#[cfg(test)]
mod tests {
    use ganglion_types::Digest;

    use super::*;

    /// Epochs 3 to 9.
    struct Held;

    impl Cuts for Held {
        fn head(&self, epoch: Epoch) -> Option<CutHead> {
            (3..=9).contains(&epoch.get()).then(|| CutHead {
                subnet: SubnetId::new([1; 32]),
                epoch,
                cut: CutId::new([u8::try_from(epoch.get()).unwrap(); 32]),
                result_root: Digest::new([2; 32]),
                next_committee_root: Digest::new([3; 32]),
            })
        }
    }

    fn claim(cuts: &[u8], last: u64, result: u8) -> AnchorPayload {
        let ids: Vec<CutId> = cuts.iter().map(|n| CutId::new([*n; 32])).collect();
        let head = CutHead {
            cut: *ids.last().unwrap(),
            epoch: Epoch::new(last),
            result_root: Digest::new([result; 32]),
            ..Held.head(Epoch::new(3)).unwrap()
        };
        AnchorPayload::new(&ids, &head).unwrap()
    }

    #[test]
    fn only_other_cut_ids_make_another_anchor() {
        assert_eq!(judge(&Held, &claim(&[4, 5, 6], 6, 2)), Truth::Same);
        assert_eq!(judge(&Held, &claim(&[6], 6, 2)), Truth::Same);
        assert_eq!(judge(&Held, &claim(&[4, 5, 77], 6, 2)), Truth::Other);
        assert_eq!(judge(&Held, &claim(&[77, 5, 6], 6, 2)), Truth::Other);
        assert_eq!(judge(&Held, &claim(&[2, 3], 3, 2)), Truth::Unknown, "2 is not held");
        assert_eq!(judge(&Held, &claim(&[2, 77], 3, 2)), Truth::Other, "3 is");
        assert_eq!(judge(&Held, &claim(&[10], 10, 2)), Truth::Unknown);
        assert_eq!(judge(&Held, &claim(&[6], 6, 9)), Truth::Unknown, "wrong roots, no other cuts");
    }

    #[test]
    fn what_is_not_held_is_not_anchored() {
        assert_eq!(payload(&Held, Epoch::new(3), Epoch::new(9)).unwrap().span(), 7);
        for (first, last) in [(2, 4), (8, 10), (5, 4)] {
            let refused = payload(&Held, Epoch::new(first), Epoch::new(last));
            assert!(matches!(refused, Err(AnchorError::Refused(_))), "{first} to {last}");
        }
    }
}
