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
}

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
        Some(Self { averages: averages.collect::<Option<_>>()? })
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
