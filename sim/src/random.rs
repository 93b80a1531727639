//! The one generator of a world: everything that could go either way is drawn from here.

/// `SplitMix64`: small, fast, and one number is its whole state.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// A generator for a seed.
    #[must_use]
    pub(crate) const fn new(seed: u64) -> Self {
        // Neighbouring seeds must not give neighbouring worlds.
        Self(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x9e37_79b9_7f4a_7c15)
    }

    /// The next 64 bits.
    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// Below `bound`; 0 for a bound of 0.
    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next() % bound }
    }

    /// From `low` to `high`, both included.
    pub(crate) const fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True so many times in a thousand.
    pub(crate) const fn permille(&mut self, times: u64) -> bool {
        times > 0 && self.below(1_000) < times
    }

    /// A place in a list of this length.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }

    /// One of a list; `None` of an empty one.
    pub(crate) fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        let at = self.index(list.len());
        list.get(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_stay_within_their_bounds_and_a_seed_gives_one_sequence() {
        let (mut one, mut two) = (Random::new(7), Random::new(7));
        for _ in 0..1_000 {
            let drawn = one.between(3, 9);
            assert!((3..=9).contains(&drawn));
            assert_eq!(drawn, two.between(3, 9));
        }
        assert_eq!(Random::new(1).below(0), 0);
        assert_ne!(Random::new(1).next(), Random::new(2).next());
    }
}
