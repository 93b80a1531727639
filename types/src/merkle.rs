//! Binary Merkle trees over byte strings.
//!
//! ```text
//! leaf(x)    = blake3( 0x00 ‖ x )
//! node(l, r) = blake3( 0x01 ‖ l ‖ r )
//! root       = blake3( 0x02 ‖ count u64 BE ‖ top )     top = 32 zero bytes for no leaves
//! ```
//! An odd node at the end of a level moves up unchanged. The count in the root makes the shape, and
//! so the length of every proof, unambiguous.

use crate::Digest;

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
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => node(left, right),
                [single] => *single,
                _ => Digest::ZERO,
            })
            .collect();
    }
    close(count, level.first().copied().unwrap_or(Digest::ZERO))
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
}
