//! Who closes an epoch.

use ganglion_types::sign::tagged_hash;
use ganglion_types::{Digest, Hotkey, Rao};

/// One seat of the committee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// Signs lists, proposals and votes.
    pub hotkey: Hotkey,
    /// Its weight, never capped, above zero.
    pub stake: Rao,
}

/// The `next_committee_root` of a cut: `tagged_hash("ganglion/committee", hotkey ‖ stake u64 BE, …)`
/// over the members in rising order of hotkey, whatever order they are given in.
///
/// Flat, because whoever checks a certificate needs the stake of every member to know the total.
#[must_use]
pub fn committee_root(members: &[Member]) -> Digest {
    let mut members = members.to_vec();
    members.sort_unstable_by_key(|member| member.hotkey);
    let seats: Vec<[u8; 40]> = members
        .iter()
        .map(|member| {
            let mut seat = [0; 40];
            let (hotkey, stake) = seat.split_at_mut(32);
            hotkey.copy_from_slice(member.hotkey.as_bytes());
            stake.copy_from_slice(&member.stake.get().to_be_bytes());
            seat
        })
        .collect();
    let parts: Vec<&[u8]> = seats.iter().map(<[u8; 40]>::as_slice).collect();
    tagged_hash("ganglion/committee", &parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_binds_who_and_how_much_but_not_the_order() {
        let member = |key, stake| Member { hotkey: Hotkey::new([key; 32]), stake: Rao::new(stake) };
        let root = committee_root(&[member(1, 5), member(2, 6)]);
        assert_eq!(root, committee_root(&[member(2, 6), member(1, 5)]));
        for other in [
            vec![],
            vec![member(1, 5)],
            vec![member(1, 6), member(2, 5)],
            vec![member(1, 5), member(3, 6)],
        ] {
            assert_ne!(root, committee_root(&other));
        }
    }
}
