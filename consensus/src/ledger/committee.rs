//! Who closes an epoch.

use ganglion_types::{Digest, Hotkey, Rao};

use crate::certificate::{self, Committee};

/// One seat of the committee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// Signs lists, proposals and votes.
    pub hotkey: Hotkey,
    /// Its weight, never capped, above zero.
    pub stake: Rao,
}

/// The `next_committee_root` of a cut: [`Committee::digest`], whatever order the members are given in.
/// Zero for members that make no committee, which the state after an epoch never holds.
#[must_use]
pub fn committee_root(members: &[Member]) -> Digest {
    let members = members
        .iter()
        .map(|member| certificate::Member { hotkey: member.hotkey, stake: member.stake.get() });
    Committee::new(members).map_or(Digest::ZERO, |committee| committee.digest())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_binds_who_and_how_much_but_not_the_order() {
        let member = |key, stake| Member { hotkey: Hotkey::new([key; 32]), stake: Rao::new(stake) };
        let root = committee_root(&[member(1, 5), member(2, 6)]);
        assert_eq!(root, committee_root(&[member(2, 6), member(1, 5)]));
        assert_eq!(committee_root(&[]), Digest::ZERO);
        for other in
            [vec![member(1, 5)], vec![member(1, 6), member(2, 5)], vec![member(1, 5), member(3, 6)]]
        {
            assert_ne!(root, committee_root(&other));
        }
    }
}
