//! A token bucket in front of a log.

use std::time::{Duration, Instant};

/// Lets `burst` lines through at once and one more per `refill`, and counts the others.
#[derive(Debug)]
pub(crate) struct Bucket {
    burst: u32,
    refill: Duration,
    tokens: u32,
    filled_at: Instant,
    withheld: u64,
}

impl Bucket {
    pub(crate) fn new(burst: u32, refill: Duration, now: Instant) -> Self {
        Self { burst, refill, tokens: burst, filled_at: now, withheld: 0 }
    }

    /// Whether one more line may pass.
    pub(crate) fn admit(&mut self, now: Instant) -> bool {
        let earned =
            now.saturating_duration_since(self.filled_at).as_millis() / self.refill.as_millis();
        if let Ok(earned @ 1..) = u32::try_from(earned.min(u128::from(self.burst))) {
            self.tokens = self.tokens.saturating_add(earned).min(self.burst);
            self.filled_at = now;
        }
        if self.tokens == 0 {
            self.withheld = self.withheld.saturating_add(1);
            return false;
        }
        self.tokens -= 1;
        true
    }

    /// Lines that did not pass since this was asked last.
    pub(crate) fn take_withheld(&mut self) -> u64 {
        std::mem::take(&mut self.withheld)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_to_the_burst_and_counted() {
        const REFILL: Duration = Duration::from_millis(100);
        let start = Instant::now();
        let mut bucket = Bucket::new(20, REFILL, start);
        let passed = (0..1_000).filter(|_| bucket.admit(start)).count();
        assert_eq!((passed, bucket.take_withheld()), (20, 980));
        assert!(bucket.admit(start + REFILL));
        assert!(!bucket.admit(start + REFILL));
        assert!(bucket.admit(start + REFILL * 2));
        assert_eq!(bucket.take_withheld(), 1);
    }
}
