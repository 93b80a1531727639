//! Epochs as times, as far as their length tells.

use crate::api::Client;
use crate::api::types::Status;
use crate::cli::exit::Failure;
use crate::units::show_ms;

/// Where a subnet is and how fast it goes. An epoch may last longer than its length, so that times
/// are the earliest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    closing: u64,
    deadline_in_ms: u64,
    epoch_ms: u64,
}

impl Pace {
    pub(super) const fn of(status: &Status) -> Self {
        let Status { closing, deadline_in_ms, epoch_ms, .. } = status;
        Self { closing: *closing, deadline_in_ms: *deadline_in_ms, epoch_ms: *epoch_ms }
    }

    pub(super) fn now(client: &Client) -> Result<Self, Failure> {
        Ok(Self::of(&client.get("/v1/status")?))
    }

    /// `epoch 130 (in about 12m)`: when an epoch ends.
    pub(super) fn end_of(&self, epoch: u64) -> String {
        match epoch.checked_sub(self.closing) {
            Some(ahead) => {
                let ms = ahead.saturating_mul(self.epoch_ms).saturating_add(self.deadline_in_ms);
                format!("epoch {epoch} (in about {})", about_ms(ms))
            }
            None => format!("epoch {epoch} (past)"),
        }
    }

    /// `epoch 130 on (in about 12m)`: when an epoch begins.
    pub(super) fn from(&self, epoch: u64) -> String {
        match epoch.checked_sub(self.closing) {
            Some(ahead @ 1..) => {
                let whole = (ahead - 1).saturating_mul(self.epoch_ms);
                let ms = whole.saturating_add(self.deadline_in_ms);
                format!("epoch {epoch} on (in about {})", about_ms(ms))
            }
            _ => format!("epoch {epoch} on (now)"),
        }
    }
}

/// Two digits that matter, rounded up.
fn about_ms(ms: u64) -> String {
    const STEPS: [(u64, u64); 4] =
        [(120_000, 1_000), (7_200_000, 60_000), (172_800_000, 3_600_000), (u64::MAX, 86_400_000)];
    let step = STEPS.iter().find(|(below, _)| ms < *below).map_or(86_400_000, |(_, step)| *step);
    show_ms(ms.div_ceil(step).max(1).saturating_mul(step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_fine_as_they_can_be_known() {
        for (ms, text) in [
            (0, "1s"),
            (4_200, "5s"),
            (119_001, "2m"),
            (600_001, "11m"),
            (7_200_000, "2h"),
            (360_000_000, "5d"),
        ] {
            assert_eq!(about_ms(ms), text, "{ms}");
        }
    }

    #[test]
    fn an_epoch_is_told_by_what_is_left_of_this_one_and_those_between() {
        let pace = Pace { closing: 10, deadline_in_ms: 4_000, epoch_ms: 10_000 };
        assert_eq!(pace.end_of(9), "epoch 9 (past)");
        assert_eq!(pace.end_of(10), "epoch 10 (in about 4s)");
        assert_eq!(pace.end_of(12), "epoch 12 (in about 24s)");
        assert_eq!(pace.from(10), "epoch 10 on (now)");
        assert_eq!(pace.from(12), "epoch 12 on (in about 14s)");
    }
}
