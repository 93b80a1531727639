//! Binary Merkle trees over byte strings.
//!
//! ```text
//! leaf(x)    = blake3( 0x00 ‖ x )
//! node(l, r) = blake3( 0x01 ‖ l ‖ r )
//! root       = blake3( 0x02 ‖ count u64 BE ‖ top )     top = 32 zero bytes for no leaves
//! ```
//! An odd node at the end of a level moves up unchanged. The count in the root makes the shape, and
//! so the length of every proof, unambiguous.
//!
//! A proof is the place of a leaf and the nodes beside its way up, lowest first. Where the node on the
//! way is the odd one at the end of its level, it has nothing beside it and the proof holds nothing.

use crate::codec::{self, Canonical, DecodeError};
use crate::{Digest, proto};

/// Nodes beside the way from a leaf to the root: one per bit of the count at most.
pub const PROOF_NODES_MAX: usize = 64;

/// That a leaf stands at one place of a tree, for whoever has the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerkleProof {
    /// Place of the leaf, from 0.
    pub index: u64,
    /// Leaves of the tree; above `index`.
    pub count: u64,
    /// The nodes beside the way up, lowest first.
    pub siblings: Vec<Digest>,
}

impl Canonical for MerkleProof {
    type Proto = proto::MerkleProof;

    fn to_proto(&self) -> proto::MerkleProof {
        proto::MerkleProof {
            index: self.index,
            count: self.count,
            siblings: self.siblings.iter().map(|node| node.as_bytes().to_vec()).collect(),
        }
    }

    fn from_proto(proto: proto::MerkleProof) -> Result<Self, DecodeError> {
        if proto.index >= proto.count {
            return Err(DecodeError::field("index", "must be below count"));
        }
        if proto.siblings.len() > PROOF_NODES_MAX {
            return Err(DecodeError::field("siblings", "has too many entries"));
        }
        let siblings = proto.siblings.iter();
        let siblings = siblings.map(|node| codec::hash32("siblings", node, Digest::new));
        Ok(Self {
            index: proto.index,
            count: proto.count,
            siblings: siblings.collect::<Result<_, _>>()?,
        })
    }
}

/// Proves the leaf at `index`; `None` if there are not so many leaves. Hashes the whole tree.
pub fn prove<T: AsRef<[u8]>>(
    leaves: impl IntoIterator<Item = T>,
    index: usize,
) -> Option<MerkleProof> {
    let mut level: Vec<Digest> = leaves.into_iter().map(|bytes| leaf(bytes.as_ref())).collect();
    let count = u64::try_from(level.len()).ok()?;
    level.get(index)?;
    let (mut at, mut siblings) = (index, Vec::new());
    while level.len() > 1 {
        // The partner of an even place is the next one, that of an odd place the one before.
        siblings.extend(level.get(at ^ 1).copied());
        at /= 2;
        level = above(&level);
    }
    Some(MerkleProof { index: u64::try_from(index).ok()?, count, siblings })
}

/// Whether `root` is that of a tree of `proof.count` leaves with `bytes` at `proof.index`.
#[must_use]
pub fn verify_proof(root: &Digest, bytes: &[u8], proof: &MerkleProof) -> bool {
    let (mut at, mut width) = (proof.index, proof.count);
    if at >= width {
        return false;
    }
    let mut siblings = proof.siblings.iter();
    let mut top = leaf(bytes);
    while width > 1 {
        let alone = at % 2 == 0 && at.saturating_add(1) == width;
        if !alone {
            let Some(sibling) = siblings.next() else { return false };
            top = if at % 2 == 0 { node(&top, sibling) } else { node(sibling, &top) };
        }
        (at, width) = (at / 2, width.div_ceil(2));
    }
    siblings.next().is_none() && hash(2, &[&proof.count.to_be_bytes(), top.as_bytes()]) == *root
}

/// Digest of one leaf.
#[must_use]
pub fn leaf(bytes: &[u8]) -> Digest {
    hash(0, &[bytes])
}

/// Root over leaves in order.
pub fn root<T: AsRef<[u8]>>(leaves: impl IntoIterator<Item = T>) -> Digest {
    let level: Vec<Digest> = leaves.into_iter().map(|bytes| leaf(bytes.as_ref())).collect();
    let count = level.len();
    let mut level = level;
    while level.len() > 1 {
        level = above(&level);
    }
    close(count, level.first().copied().unwrap_or(Digest::ZERO))
}

/// The level above one.
fn above(level: &[Digest]) -> Vec<Digest> {
    level
        .chunks(2)
        .map(|pair| match pair {
            [left, right] => node(left, right),
            [single] => *single,
            _ => Digest::ZERO,
        })
        .collect()
}

fn close(count: usize, top: Digest) -> Digest {
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    hash(2, &[&count.to_be_bytes(), top.as_bytes()])
}

fn node(left: &Digest, right: &Digest) -> Digest {
    hash(1, &[left.as_bytes(), right.as_bytes()])
}

fn hash(tag: u8, parts: &[&[u8]]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[tag]);
    for part in parts {
        hasher.update(part);
    }
    Digest::new(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_differ_by_content_order_and_count() {
        let roots = [
            root::<&[u8]>([]),
            root([b"a"]),
            root([b"a", b"b"]),
            root([b"b", b"a"]),
            root([b"a", b"b", b"b"]),
            root([b"a", b"b", b"b", b"b"]),
        ];
        for (at, one) in roots.iter().enumerate() {
            assert!(roots[at + 1..].iter().all(|other| other != one), "{at}");
        }
    }

    #[test]
    fn a_tree_of_three_is_built_as_specified() {
        let (a, b, c) = (leaf(b"a"), leaf(b"b"), leaf(b"c"));
        assert_eq!(root([b"a", b"b", b"c"]), close(3, node(&node(&a, &b), &c)));
    }

    fn leaves(count: usize) -> Vec<Vec<u8>> {
        (0..count).map(|n| n.to_be_bytes().to_vec()).collect()
    }

    #[test]
    fn every_leaf_of_every_small_tree_is_proven_and_nothing_else_is() {
        for count in 1..40 {
            let leaves = leaves(count);
            let root = root(&leaves);
            for index in 0..count {
                let proof = prove(&leaves, index).unwrap();
                assert!(verify_proof(&root, &leaves[index], &proof), "{index} of {count}");
                let bytes = proof.to_bytes();
                assert_eq!(MerkleProof::from_bytes(&bytes, 4_096), Ok(proof.clone()));
                assert!(!verify_proof(&root, b"another leaf", &proof));
                for other in (0..count).filter(|other| *other != index) {
                    assert!(!verify_proof(&root, &leaves[other], &proof));
                }
            }
            assert_eq!(prove(&leaves, count), None);
        }
    }

    #[test]
    fn a_proof_binds_index_count_and_every_node() {
        let leaves = leaves(11);
        let root = root(&leaves);
        let good = prove(&leaves, 6).unwrap();
        let refused = |change: &dyn Fn(&mut MerkleProof)| {
            let mut proof = good.clone();
            change(&mut proof);
            assert!(!verify_proof(&root, &leaves[6], &proof), "{proof:?}");
        };
        for index in (0..16).filter(|index| *index != 6) {
            refused(&|proof| proof.index = index);
        }
        for count in (0..40).filter(|count| *count != 11) {
            refused(&|proof| proof.count = count);
        }
        for at in 0..good.siblings.len() {
            refused(&|proof| proof.siblings[at] = Digest::ZERO);
            refused(&|proof| {
                proof.siblings.remove(at);
            });
            refused(&|proof| proof.siblings.insert(at, Digest::ZERO));
        }
        refused(&|proof| proof.siblings.push(Digest::ZERO));
        // A node taken for a leaf proves nothing, nor does the top taken for a root.
        let pair = [leaf(&leaves[6]).as_bytes().as_slice(), leaf(&leaves[7]).as_bytes()].concat();
        assert!(!verify_proof(&root, &pair, &prove(&leaves[..6], 3).unwrap()));
    }
}
