//! A token bucket.

use std::time::Instant;

/// Lets `burst` through at once and `per_second` in the long run.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    level: f64,
    at: Instant,
    burst: f64,
    per_second: f64,
}

impl Bucket {
    pub(crate) fn new(burst: f64, per_second: f64, now: Instant) -> Self {
        Self { level: burst, at: now, burst, per_second }
    }

    /// Takes `amount` if it is there.
    pub(crate) fn take(&mut self, amount: f64, now: Instant) -> bool {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * self.per_second;
        self.level = (self.level + gained).min(self.burst);
        self.at = self.at.max(now);
        let enough = self.level >= amount;
        if enough {
            self.level -= amount;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_passes_then_only_the_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(3.0, 2.0, start);
        assert!((0..3).all(|_| bucket.take(1.0, start)));
        assert!(!bucket.take(1.0, start));
        let later = start + Duration::from_millis(500);
        assert!(bucket.take(1.0, later));
        assert!(!bucket.take(1.0, later));
    }

    #[test]
    fn a_long_rest_gives_no_more_than_the_burst() {
        let start = Instant::now();
        let mut bucket = Bucket::new(3.0, 2.0, start);
        let later = start + Duration::from_secs(3600);
        assert!(!bucket.take(3.5, later));
        assert!(bucket.take(3.0, later));
    }
}
