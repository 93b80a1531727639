//! The chain that a validator's task seeds come from.
//!
//! A validator registers the tail of a hash chain and shows one element per epoch, walking backwards:
//! ```text
//! start ──H──► … ──H──► x(e+1) ──H──► x(e) ──H──► … ──H──► tail
//! ```
//! `x(e)` hashes to the tail in `e - t` steps, `t` being the epoch of the cut that set the tail. The
//! seed of epoch `e` binds `x(e)` to the cut before it, so it is known to nobody early and checkable
//! by everyone afterwards.

use std::collections::VecDeque;

use crate::Digest;
use crate::ids::{CutId, Epoch};
use crate::sign::tagged_hash;

/// Steps one check may take: a longer absence needs a new tail.
pub const GAP_MAX: u64 = 1_000;
/// Elements of a chain after its tail: at 10 s per epoch about a week, at 20 min over two years.
pub const CHAIN_LENGTH: u64 = 65_536;

/// One step towards the tail.
#[must_use]
pub fn step(element: &Digest) -> Digest {
    tagged_hash("ganglion/seed-step", &[element.as_bytes()])
}

/// The element `distance` steps before the tail of the chain that starts at `start`; `None` past its
/// start. Distance 0 is the tail.
#[must_use]
pub fn element(start: &Digest, distance: u64) -> Option<Digest> {
    let steps = CHAIN_LENGTH.checked_sub(distance)?;
    #[cfg(feature = "simulation")]
    if crate::memo::is_on() {
        let from = |distance| walk(*start, CHAIN_LENGTH.saturating_sub(distance));
        return Some(crate::memo::element(start, distance, from));
    }
    Some(walk(*start, steps))
}

/// The element `steps` steps before `shown` in the chain that starts at `start`; `None` if `shown` is
/// not in it or too near its start, or for more than [`GAP_MAX`] steps. Walks the chain, some 10 ms.
#[must_use]
pub fn before(start: &Digest, shown: &Digest, steps: u64) -> Option<Digest> {
    if steps > GAP_MAX {
        return None;
    }
    #[cfg(feature = "simulation")]
    if let Some(distance) = crate::memo::distance(start, shown) {
        return element(start, distance.checked_add(steps)?);
    }
    let window = usize::try_from(steps).ok()?.saturating_add(1);
    // The last elements passed, the present one included.
    let mut passed = VecDeque::with_capacity(window);
    let mut element = *start;
    for _ in 0..=CHAIN_LENGTH {
        passed.push_back(element);
        if passed.len() > window {
            passed.pop_front();
        }
        if element == *shown {
            return passed.front().copied().filter(|_| passed.len() == window);
        }
        element = step(&element);
    }
    None
}

/// Whether `element` of `epoch` leads to `shown` of `shown_epoch`.
#[must_use]
pub fn leads_to(element: &Digest, epoch: Epoch, shown: &Digest, shown_epoch: Epoch) -> bool {
    match epoch.get().checked_sub(shown_epoch.get()) {
        Some(steps @ 1..=GAP_MAX) => walk(*element, steps) == *shown,
        _ => false,
    }
}

/// The task seed of one validator for one epoch.
#[must_use]
pub fn task_seed(previous: &CutId, element: &Digest) -> Digest {
    tagged_hash("ganglion/task-seed", &[previous.as_bytes(), element.as_bytes()])
}

fn walk(from: Digest, steps: u64) -> Digest {
    (0..steps).fold(from, |element, _| step(&element))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_lead_to_earlier_ones_and_to_nothing_else() {
        let start = Digest::new([3; 32]);
        let tail = element(&start, 0).unwrap();
        let third = element(&start, 3).unwrap();
        let fifth = element(&start, 5).unwrap();
        assert!(leads_to(&third, Epoch::new(13), &tail, Epoch::new(10)));
        assert!(leads_to(&fifth, Epoch::new(15), &third, Epoch::new(13)));
        assert!(!leads_to(&third, Epoch::new(14), &tail, Epoch::new(10)));
        assert!(!leads_to(&tail, Epoch::new(10), &tail, Epoch::new(10)));
        assert!(!leads_to(&third, Epoch::new(9), &tail, Epoch::new(10)));
    }

    #[test]
    fn the_way_goes_on_from_any_element_that_was_shown() {
        let start = Digest::new([3; 32]);
        let at = |distance| element(&start, distance).unwrap();
        assert_eq!(before(&start, &at(0), 1), Some(at(1)));
        assert_eq!(before(&start, &at(7), 5), Some(at(12)));
        assert_eq!(before(&start, &at(7), 0), Some(at(7)));
        assert_eq!(before(&start, &at(CHAIN_LENGTH - 1), 1), Some(start));
        assert_eq!(before(&start, &at(CHAIN_LENGTH - 1), 2), None);
        assert_eq!(before(&start, &at(7), GAP_MAX + 1), None);
        assert_eq!(before(&Digest::new([4; 32]), &at(7), 1), None);
    }

    #[test]
    fn a_chain_ends() {
        let start = Digest::new([3; 32]);
        assert_eq!(element(&start, CHAIN_LENGTH), Some(start));
        assert_eq!(element(&start, CHAIN_LENGTH + 1), None);
    }
}
