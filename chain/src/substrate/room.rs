//! How often a hotkey may commit on subtensor.
//!
//! A runtime of today counts `max(100, bytes)` of every commitment against `MaxSpace` per hotkey and tempo; one of 2024 wanted a number of
//! blocks between two. When a tempo begins differs between versions, so commitments are spread evenly: in any window
//! of one tempo there are then at most as many as fit, wherever it begins.

use crate::PAYLOAD_BYTES;

/// What the runtime says of its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// Bytes that a hotkey may commit per tempo; `None` where the runtime has no such limit.
    pub(super) space: Option<u64>,
    /// Blocks of a tempo.
    pub(super) tempo: u64,
    /// Blocks that an older runtime wants between two commitments, 0 without such a rule.
    pub(super) pause: u64,
}

impl Room {
    /// Blocks from one commitment of an anchor to the next; `None` if not even one fits a tempo.
    pub(super) fn spacing(self) -> Option<u64> {
        let counted = u64::try_from(PAYLOAD_BYTES.max(100)).unwrap_or(u64::MAX);
        let even = match self.space {
            None => 1,
            Some(space) => {
                let fit = space / counted;
                if fit == 0 {
                    return None;
                }
                // The runtime's tempo of n blocks is n + 1 blocks long.
                self.tempo.saturating_add(1).div_ceil(fit)
            }
        };
        Some(even.max(self.pause))
    }

    /// Blocks to wait at `height` after a commitment at `last`; 0 if there is room now.
    pub(super) fn wait(self, last: Option<u64>, height: u64) -> Option<u64> {
        let spacing = self.spacing()?;
        // What is prepared now is in the next block at the earliest.
        let due = last.map_or(0, |last| last.saturating_add(spacing));
        Some(due.saturating_sub(height.saturating_add(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Room = Room { space: Some(3_100), tempo: 360, pause: 0 };

    #[test]
    fn sixteen_anchors_fit_a_tempo_of_the_main_network() {
        assert_eq!(TODAY.spacing(), Some(23));
        // Wherever a window of 361 blocks begins, no more than 16 heights 23 apart are in it.
        for begins in 0..23_u64 {
            let heights = (0..100_u64).map(|n| n * 23);
            let inside = heights.filter(|h| (begins..begins + 361).contains(h)).count();
            assert!(inside <= 16, "{inside} from {begins}");
            assert!(inside as u64 * 184 <= 3_100);
        }
    }

    #[test]
    fn one_waits_exactly_until_the_next_block_has_room() {
        assert_eq!(TODAY.wait(None, 5), Some(0));
        assert_eq!(TODAY.wait(Some(100), 100), Some(22));
        assert_eq!(TODAY.wait(Some(100), 121), Some(1));
        assert_eq!(TODAY.wait(Some(100), 122), Some(0));
        assert_eq!(TODAY.wait(Some(u64::MAX), 7), Some(u64::MAX - 8));
    }

    #[test]
    fn the_older_rule_and_no_room_at_all() {
        let older = Room { space: None, tempo: 99, pause: 100 };
        assert_eq!(older.wait(Some(10), 10), Some(99));
        assert_eq!(Room { space: Some(183), ..TODAY }.wait(None, 5), None);
        assert_eq!(Room { space: Some(184), ..TODAY }.spacing(), Some(361));
    }
}
