//! Percentiles.

use std::time::Duration;

/// The smallest value that `percent` of a hundred values do not exceed (nearest rank); none of none.
pub(crate) fn percentile(values: &[u64], percent: u64) -> Option<u64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let count = u64::try_from(sorted.len()).ok()?;
    let rank = count.checked_mul(percent)?.div_ceil(100).max(1);
    sorted.get(usize::try_from(rank - 1).ok()?).copied()
}

/// Whole milliseconds.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Median, 95th and 99th percentile, and maximum of milliseconds, as a person reads them.
pub(crate) fn spread(values: &[u64]) -> String {
    let of = |percent| percentile(values, percent).unwrap_or(0);
    let (half, most, nearly_all, all) = (of(50), of(95), of(99), of(100));
    format!("p50 {half} ms, p95 {most} ms, p99 {nearly_all} ms, max {all} ms of {}", values.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_value_by_nearest_rank() {
        let values: Vec<u64> = (1..=200).rev().collect();
        assert_eq!(percentile(&values, 50), Some(100));
        assert_eq!(percentile(&values, 95), Some(190));
        assert_eq!(percentile(&values, 100), Some(200));
        assert_eq!(percentile(&[7], 1), Some(7));
        assert_eq!(percentile(&[], 50), None);
    }
}
