//! When things happen within an epoch (`docs/spec/epoch.md`).
//!
//! ```text
//! window opens                commit   batches    weights          deadline
//!   │ tasks … answers …         │ margin │ scoring   │ … gossip …      │ lists, agreement, commit
//!   ├───────────────────────────┼────────┼───────────┼─────────────────┼──────────────► next window
//!   0                          .35      .40         .60         1 - agreement         (of the length)
//! ```

use ganglion_types::Phases;

/// A reading of both clocks, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Now {
    /// Since any fixed point; never goes back.
    pub mono: u64,
    /// Unix time; may jump.
    pub wall: u64,
}

/// Lengths of the phases of one subnet, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Epoch length.
    pub epoch: u64,
    /// From the opening of the window to the miners' commit, a margin before the deadline.
    pub commit: u64,
    /// From the opening to the last moment at which a commit counts.
    pub commit_deadline: u64,
    /// From the opening to the sending of answers.
    pub batches: u64,
    /// From the opening to the last moment at which answers count.
    pub score: u64,
    /// From the opening to the publication of weights.
    pub weights: u64,
    /// Shortest window.
    pub least_window: u64,
    /// Wait for further lists once enough are held.
    pub grace: u64,
    /// Proposal timeout of round 0.
    pub propose: u64,
    /// Vote timeouts of round 0.
    pub vote: u64,
    /// Growth of timeouts per round.
    pub delta: u64,
    /// Period of re-sending while undecided.
    pub resend: u64,
}

impl Schedule {
    /// The schedule of an epoch length and its phases. Every part is at least 10 ms.
    #[must_use]
    pub fn new(epoch_ms: u64, phases: &Phases) -> Self {
        let part = |thousandths: u16| {
            epoch_ms.saturating_mul(thousandths.into()).checked_div(1_000).unwrap_or(0).max(10)
        };
        let commit_deadline = part(phases.commit_deadline);
        let margin = part(phases.margin);
        let batches = commit_deadline.saturating_add(margin);
        let weights = part(phases.weights);
        Self {
            epoch: epoch_ms,
            commit: commit_deadline.saturating_sub(margin),
            commit_deadline,
            batches,
            score: batches.midpoint(weights),
            weights,
            least_window: part(phases.least_window),
            grace: part(phases.grace),
            propose: part(phases.propose),
            vote: part(phases.vote),
            delta: part(phases.delta),
            resend: part(50).max(100),
        }
    }

    /// The next deadline on the monotonic clock: one length after the moment at which lists of more
    /// than 1/3 of stake were held for the epoch just closed, but never sooner than the least window.
    #[must_use]
    pub fn next_deadline(&self, lists_held: Option<u64>, decided: u64) -> u64 {
        let least = decided.saturating_add(self.least_window);
        lists_held.map_or(least, |held| held.saturating_add(self.epoch).max(least))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_decision_still_leaves_the_least_window() {
        let schedule = Schedule::new(10_000, &Phases::default());
        assert_eq!(schedule.next_deadline(Some(1_000), 1_300), 11_000);
        assert_eq!(schedule.next_deadline(Some(1_000), 9_000), 15_500);
        assert_eq!(schedule.next_deadline(None, 9_000), 15_500);
    }

    #[test]
    fn phases_follow_each_other_at_the_shortest_epoch() {
        let s = Schedule::new(2_000, &Phases::default());
        let order =
            [s.commit, s.commit_deadline, s.batches, s.score, s.weights, s.least_window, s.epoch];
        assert!(order.is_sorted_by(|a, b| a < b), "{order:?}");
        assert!(s.least_window + s.grace + s.propose < s.epoch);
    }
}
