//! A validator's moving average of each miner's score, and the weights it gives.

use std::collections::BTreeMap;

use ganglion_types::weights::max_upscale;
use ganglion_types::{Hotkey, TaskSpec};

/// Moving averages in billionths, by hotkey.
///
/// `ema' = ema * (1 - alpha) + alpha * score`, each factor in millionths, rounded toward zero. A
/// hotkey that leaves its uid is forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scores {
    averages: BTreeMap<Hotkey, u64>,
    /// Void rounds since the last one that counted, in this process.
    void: u32,
}

/// Void rounds in a row: the next one counts, whoever answered it.
pub const VOID_ROUNDS: u32 = 8;

const MILLION: u64 = 1_000_000;
/// One in billionths.
const ONE: u64 = 1_000_000_000;

impl Scores {
    /// Folds one round's mean score, in millionths of `[0, 1]`, into a miner's average and gives the
    /// new average in billionths. Scores outside the range count as the nearest end.
    pub fn fold(&mut self, hotkey: Hotkey, score: i64, alpha: u32) -> u64 {
        let score = u64::try_from(score).unwrap_or(0).min(MILLION);
        let alpha = u64::from(alpha).min(MILLION);
        let average = self.averages.entry(hotkey).or_insert(0);
        let kept = average.saturating_mul(MILLION.saturating_sub(alpha)) / MILLION;
        // 10^6 * 10^6 / 10^3 = billionths.
        let added = alpha.saturating_mul(score) / 1_000;
        *average = kept.saturating_add(added).min(ONE);
        *average
    }

    /// A miner's average in billionths.
    #[must_use]
    pub fn get(&self, hotkey: &Hotkey) -> u64 {
        self.averages.get(hotkey).copied().unwrap_or(0)
    }

    /// Whether a round that these miners answered counts: whether they hold at least half of all
    /// averages. If not, and this is not the ninth such round in a row, it is void.
    ///
    /// So a validator that was cut off from the field punishes nobody, and hotkeys that were only
    /// registered, however many, keep nobody's work from counting. Call once per round, and only for
    /// one that was answered at all.
    pub fn counts(&mut self, answered: impl Iterator<Item = Hotkey>) -> bool {
        let held = answered.fold(0u64, |sum, hotkey| sum.saturating_add(self.get(&hotkey)));
        let all = self.averages.values().fold(0u64, |sum, average| sum.saturating_add(*average));
        let counts = held.saturating_mul(2) >= all || self.void >= VOID_ROUNDS;
        self.void = if counts { 0 } else { self.void.saturating_add(1) };
        counts
    }

    /// Forgets every hotkey that is not registered any more.
    pub fn retain(&mut self, registered: impl Fn(&Hotkey) -> bool) {
        self.averages.retain(|hotkey, _| registered(hotkey));
    }

    /// The row of weights for these miners: proportional to the average to the task's power,
    /// no larger than `limit` / 65535 of their sum, the largest scaled to 65535, zeros left out.
    #[must_use]
    pub fn weights(
        &self,
        miners: &[(u16, Hotkey)],
        task: &TaskSpec,
        limit: u16,
    ) -> Vec<(u16, u16)> {
        let mut row: Vec<(u16, u64)> = miners
            .iter()
            .map(|(uid, hotkey)| (*uid, power(self.get(hotkey), task.score_power)))
            .filter(|entry| entry.1 > 0)
            .collect();
        row.sort_unstable();
        cap(&mut row, limit);
        let mut row = max_upscale(&row);
        row.retain(|entry| entry.1 > 0);
        row
    }

    /// Rows for the store: hotkey 32 bytes, average u64 BE.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let rows = self.averages.iter();
        rows.flat_map(|(hotkey, average)| {
            hotkey.as_bytes().iter().copied().chain(average.to_be_bytes())
        })
        .collect()
    }

    /// Reads what [`Scores::to_bytes`] wrote; `None` if it did not.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len().checked_rem(40) != Some(0) {
            return None;
        }
        let averages = bytes.chunks_exact(40).map(|row| {
            let (hotkey, average) = row.split_at_checked(32)?;
            let average = u64::from_be_bytes(average.try_into().ok()?);
            Some((Hotkey::from_slice(hotkey)?, average.min(ONE)))
        });
        Some(Self { averages: averages.collect::<Option<_>>()?, void: 0 })
    }
}

/// `(average / 10^9) ^ power * 10^9`, rounded toward zero at each step.
fn power(average: u64, power: u32) -> u64 {
    (1..power).fold(average, |value, _| {
        let wide = u128::from(value).saturating_mul(average.into());
        let wide = wide.checked_div(ONE.into()).unwrap_or(0);
        u64::try_from(wide).unwrap_or(u64::MAX)
    })
}

/// Cuts weights down until none is over its share. Each pass lowers the sum, so the share falls with
/// it; the number of passes is bounded, and a row that cannot be brought under the limit (too few
/// entries) becomes even.
fn cap(row: &mut [(u16, u64)], limit: u16) {
    if limit == u16::MAX {
        return;
    }
    for _ in 0..64 {
        let sum = row.iter().fold(0u128, |sum, entry| sum.saturating_add(entry.1.into()));
        let most = sum.saturating_mul(limit.into()) / 65_535;
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        if row.iter().all(|entry| entry.1 <= most) {
            return;
        }
        for entry in row.iter_mut() {
            entry.1 = entry.1.min(most);
        }
    }
    for entry in row {
        entry.1 = 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hotkey(byte: u8) -> Hotkey {
        Hotkey::new([byte; 32])
    }

    fn task(score_power: u32) -> TaskSpec {
        TaskSpec {
            task_type: "t".into(),
            scorer: "s".into(),
            batch_size: 1,
            alpha: 100_000,
            score_power,
            equal_answers_expected: true,
        }
    }

    #[test]
    fn the_average_moves_a_tenth_of_the_way() {
        let mut scores = Scores::default();
        assert_eq!(scores.fold(hotkey(1), 1_000_000, 100_000), 100_000_000);
        assert_eq!(scores.fold(hotkey(1), 1_000_000, 100_000), 190_000_000);
        assert_eq!(scores.fold(hotkey(1), 0, 100_000), 171_000_000);
        assert_eq!(scores.fold(hotkey(1), -5, 1_000_000), 0);
        assert_eq!(scores.fold(hotkey(1), i64::MAX, 1_000_000), ONE);
    }

    #[test]
    fn weights_follow_the_power_and_leave_zeros_out() {
        let mut scores = Scores::default();
        scores.fold(hotkey(1), 1_000_000, 1_000_000);
        scores.fold(hotkey(2), 500_000, 1_000_000);
        let miners = [(4, hotkey(2)), (2, hotkey(1)), (3, hotkey(3))];
        assert_eq!(scores.weights(&miners, &task(1), u16::MAX), [(2, 65_535), (4, 32_768)]);
        assert_eq!(scores.weights(&miners, &task(2), u16::MAX), [(2, 65_535), (4, 16_384)]);
    }

    #[test]
    fn no_weight_is_over_its_limit() {
        let mut row = vec![(0, 1_000_000), (1, 10), (2, 10)];
        cap(&mut row, 32_767);
        let sum = row.iter().fold(0u64, |sum, entry| sum + entry.1);
        assert!(row.iter().all(|entry| entry.1 * 65_535 <= 32_767 * sum + 65_535), "{row:?}");
    }

    #[test]
    fn a_round_counts_if_half_of_what_was_earned_answered_it() {
        let mut scores = Scores::default();
        let one = |byte| [hotkey(byte)].into_iter();
        assert!(scores.counts(one(1)), "nobody has earned anything");
        scores.fold(hotkey(1), 900_000, 1_000_000);
        scores.fold(hotkey(2), 500_000, 1_000_000);
        scores.fold(hotkey(3), 400_000, 1_000_000);
        // However many never answered.
        for byte in 10..200 {
            scores.fold(hotkey(byte), 0, 1_000_000);
        }
        assert!(scores.counts(one(1)), "exactly half");
        assert!(!scores.counts([hotkey(2)].into_iter().chain((10..200).map(hotkey))));
        scores.fold(hotkey(3), 400_001, 1_000_000);
        assert!(!scores.counts(one(1)), "less than half");
    }

    #[test]
    fn those_who_left_for_good_void_eight_rounds_and_no_more() {
        let mut scores = Scores::default();
        scores.fold(hotkey(1), 900_000, 1_000_000);
        scores.fold(hotkey(2), 100_000, 1_000_000);
        let mut round = || scores.counts([hotkey(2)].into_iter());
        for _ in 0..2 {
            assert!((0..VOID_ROUNDS).all(|_| !round()));
            assert!(round());
        }
    }

    #[test]
    fn averages_survive_a_restart_and_damage_is_noticed() {
        let mut scores = Scores::default();
        scores.fold(hotkey(1), 700_000, 100_000);
        scores.fold(hotkey(2), 300_000, 100_000);
        assert_eq!(Scores::from_bytes(&scores.to_bytes()), Some(scores.clone()));
        assert_eq!(Scores::from_bytes(&scores.to_bytes()[1..]), None);
        scores.retain(|key| *key == hotkey(2));
        assert_eq!(scores.get(&hotkey(1)), 0);
    }
}
