//! Results of pure functions, remembered per thread: a simulator with a dozen nodes in one thread checks
//! each signature once instead of a dozen times.
//!
//! Nothing is remembered until [`begin`]. These functions give the same for the same arguments for
//! ever, so what is remembered can never be wrong, only forgotten ([`forget`]).

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::Digest;
use crate::ids::Signature;

/// Entries of each table; a full one is emptied.
pub const ENTRIES: usize = 200_000;
/// Elements kept of a chain at once: those of its first epochs.
const ELEMENTS: u64 = 1_024;

type Statement = ([u8; 32], [u8; 32]);

#[derive(Debug, Default)]
struct Memory {
    verdicts: BTreeMap<([u8; 64], Statement), bool>,
    signatures: BTreeMap<Statement, Signature>,
    keys: BTreeMap<[u8; 32], bool>,
    elements: BTreeMap<(Digest, u64), Digest>,
    distances: BTreeMap<(Digest, Digest), u64>,
}

thread_local! {
    static MEMORY: RefCell<Option<Memory>> = const { RefCell::new(None) };
}

/// From now on this thread remembers.
pub fn begin() {
    MEMORY.with_borrow_mut(|memory| {
        memory.get_or_insert_default();
    });
}

pub(crate) fn is_on() -> bool {
    MEMORY.with_borrow(Option::is_some)
}

/// Forgets signatures, which no other subnet has; seeds stay.
pub fn forget() {
    MEMORY.with_borrow_mut(|memory| {
        if let Some(memory) = memory {
            memory.verdicts.clear();
            memory.signatures.clear();
            memory.keys.clear();
        }
    });
}

fn remember<K: Ord, V: Copy>(
    table: impl Fn(&mut Memory) -> &mut BTreeMap<K, V>,
    key: K,
    compute: impl FnOnce() -> V,
) -> V {
    let known = MEMORY
        .with_borrow_mut(|memory| memory.as_mut().map(|memory| table(memory).get(&key).copied()));
    match known {
        None => compute(),
        Some(Some(value)) => value,
        Some(None) => {
            let value = compute();
            MEMORY.with_borrow_mut(|memory| {
                if let Some(memory) = memory {
                    let table = table(memory);
                    if table.len() >= ENTRIES {
                        table.clear();
                    }
                    table.insert(key, value);
                }
            });
            value
        }
    }
}

pub(crate) fn signature(
    key: &[u8; 32],
    hash: &[u8; 32],
    sign: impl FnOnce() -> Signature,
) -> Signature {
    remember(|memory| &mut memory.signatures, (*key, *hash), sign)
}

pub(crate) fn verdict(
    signer: &[u8; 32],
    hash: &[u8; 32],
    signature: &Signature,
    holds: impl FnOnce() -> bool,
) -> bool {
    let key = (*signature.as_bytes(), (*signer, *hash));
    remember(|memory| &mut memory.verdicts, key, holds)
}

pub(crate) fn soundness(key: &[u8; 32], is_sound: impl FnOnce() -> bool) -> bool {
    remember(|memory| &mut memory.keys, *key, is_sound)
}

/// The element of a chain; the first call for a chain walks it once and keeps its last elements.
pub(crate) fn element(start: &Digest, distance: u64, walk: impl Fn(u64) -> Digest) -> Digest {
    let whole = || {
        let first = distance.max(ELEMENTS);
        let mut element = walk(first);
        let mut wanted = element;
        for at in (0..=first).rev() {
            if at == distance {
                wanted = element;
            }
            MEMORY.with_borrow_mut(|memory| {
                if let Some(memory) = memory {
                    memory.elements.insert((*start, at), element);
                    memory.distances.insert((*start, element), at);
                }
            });
            element = crate::seed::step(&element);
        }
        wanted
    };
    remember(|memory| &mut memory.elements, (*start, distance), whole)
}

/// The distance from the tail at which an element was met; `None` if it never was.
pub(crate) fn distance(start: &Digest, element: &Digest) -> Option<u64> {
    MEMORY.with_borrow(|memory| memory.as_ref()?.distances.get(&(*start, *element)).copied())
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;
    use crate::sign;

    #[test]
    fn remembered_elements_are_those_that_are_walked_to() {
        use crate::seed;
        let start = Digest::new([5; 32]);
        let walked: Vec<_> = [0, 1, 300].map(|at| seed::element(&start, at)).into();
        begin();
        let remembered: Vec<_> = [0, 1, 300].map(|at| seed::element(&start, at)).into();
        assert_eq!(walked, remembered);
        let third = seed::element(&start, 3).unwrap();
        for _ in 0..2 {
            assert_eq!(seed::before(&start, &third, 297), walked[2]);
            assert_eq!(seed::before(&start, &Digest::ZERO, 1), None);
        }
    }

    #[test]
    fn a_remembered_verdict_is_of_its_signer_hash_and_signature_alone() {
        begin();
        let key = SigningKey::from_bytes(&[7; 32]);
        let (signer, hash) = (sign::hotkey_of(&key), [3; 32]);
        let signature = sign::sign(&key, &hash);
        for _ in 0..2 {
            assert!(sign::verify(signer.as_bytes(), &hash, &signature));
            assert!(!sign::verify(signer.as_bytes(), &[4; 32], &signature));
            assert!(!sign::verify(&[9; 32], &hash, &signature));
            assert!(!sign::verify(signer.as_bytes(), &hash, &Signature::new([1; 64])));
            assert_eq!(sign::sign(&key, &hash), signature);
        }
        forget();
        assert!(sign::verify(signer.as_bytes(), &hash, &signature));
    }
}
