//! What becomes of a message on its way.

use crate::plan::{EPOCH_MS, Weather};
use crate::random::Random;

/// A wall between two sides, as sets of nodes by bit, until it falls.
#[derive(Clone, Copy, Debug)]
struct Wall {
    from: u64,
    to: u64,
    until: u64,
}

/// The network.
#[derive(Clone, Debug)]
pub(crate) struct Net {
    weather: Weather,
    walls: Vec<Wall>,
}

const fn bit(node: usize) -> u64 {
    1 << (node % 64)
}

impl Net {
    pub(crate) const fn new(weather: Weather) -> Self {
        Self { weather, walls: Vec::new() }
    }

    /// Cuts a set of nodes off from all others, both ways or only what it sends.
    pub(crate) fn part(&mut self, side: u64, both: bool, until: u64) {
        self.walls.push(Wall { from: side, to: !side, until });
        if both {
            self.walls.push(Wall { from: !side, to: side, until });
        }
    }

    /// Cuts two sets of nodes off from each other; others reach both.
    pub(crate) fn between(&mut self, one: u64, other: u64, until: u64) {
        self.walls.push(Wall { from: one, to: other, until });
        self.walls.push(Wall { from: other, to: one, until });
    }

    /// Everything passes again, and in time.
    pub(crate) fn mend(&mut self) {
        self.walls.clear();
        self.weather = Weather::FAIR;
    }

    pub(crate) fn passes(&mut self, from: usize, to: usize, now: u64) -> bool {
        self.walls.retain(|wall| wall.until > now);
        !self.walls.iter().any(|wall| wall.from & bit(from) != 0 && wall.to & bit(to) != 0)
    }

    /// After how many milliseconds a message arrives, once, twice or not at all.
    pub(crate) fn fate(
        &mut self,
        from: usize,
        to: usize,
        now: u64,
        random: &mut Random,
    ) -> [Option<u64>; 2] {
        if !self.passes(from, to, now) || random.permille(self.weather.loss) {
            return [None, None];
        }
        let first = self.delay(random);
        let again =
            random.permille(self.weather.replay).then(|| self.delay(random) + EPOCH_MS / 10);
        [Some(first), again]
    }

    fn delay(&self, random: &mut Random) -> u64 {
        let (low, high) = self.weather.delay;
        let high = if random.permille(self.weather.late) { EPOCH_MS / 2 } else { high };
        random.between(low, high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_one_way_wall_stops_one_way_and_falls() {
        let mut net = Net::new(Weather::FAIR);
        net.part(0b01, false, 100);
        assert!(!net.passes(0, 1, 99));
        assert!(net.passes(1, 0, 99));
        assert!(net.passes(0, 1, 100));
        net.between(0b001, 0b010, 300);
        assert!(!net.passes(0, 1, 200) && !net.passes(1, 0, 200) && net.passes(0, 2, 200));
        net.mend();
        assert!(net.passes(0, 1, 200));
    }
}
