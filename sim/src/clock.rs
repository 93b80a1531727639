//! What time a node believes it is.

use ganglion_subnet::Now;

/// The clocks of one machine: both run too fast or too slow by the same rate, the wall clock is
/// wrong and may jump. All in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// True time at which this process began.
    began: u64,
    /// Its monotonic clock then: any number.
    origin: u64,
    /// Thousandths of a second that pass in a true second.
    rate: u64,
    /// By how much the wall clock is ahead.
    ahead: i64,
}

impl Clock {
    pub(crate) const fn new(began: u64, origin: u64, rate: u64, ahead: i64) -> Self {
        Self { began, origin, rate, ahead }
    }

    pub(crate) const fn now(&self, truth: u64) -> Now {
        let passed = truth.saturating_sub(self.began) * self.rate / 1_000;
        Now { mono: self.origin + passed, wall: truth.saturating_add_signed(self.ahead) }
    }

    /// The true time at which the monotonic clock shows `mono`, or now if it does already.
    pub(crate) const fn truth_of(&self, mono: u64, now: u64) -> u64 {
        let passed = (mono.saturating_sub(self.origin) * 1_000).div_ceil(self.rate);
        let at = self.began + passed;
        if at < now { now } else { at }
    }

    /// Moves the wall clock.
    pub(crate) const fn jump(&mut self, by: i64) {
        self.ahead = self.ahead.saturating_add(by);
    }

    /// Whether both run as they should.
    pub(crate) const fn mend(&mut self) {
        self.ahead = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_is_never_due_before_the_clock_shows_its_moment() {
        for rate in [900, 950, 1_000, 1_049, 1_100] {
            let clock = Clock::new(5_000, 77, rate, -3);
            for mono in 77..1_000 {
                let at = clock.truth_of(mono, 5_000);
                assert!(clock.now(at).mono >= mono, "{rate} {mono}");
                assert!(at == 5_000 || clock.now(at - 1).mono < mono, "{rate} {mono}");
            }
        }
    }
}
