//! Draws tasks from a seed, so that every node that learns the seed redraws the same ones.
//!
//! ```text
//! stream(i) = blake3 XOF in key-derivation mode, context CONTEXT, of
//!             seed (32) | domain (1) | round (8, big endian) | i (8, big endian)
//! row, dx, dy, noise[64] = taken from stream(i) in this order
//! ```
//! Only integers take part and task `i` depends on nothing but the line above: tasks are audited
//! one by one, and on any machine.

use super::data::{self, Example, INK_MAX, Image, PIXELS, PROBE, SIDE, TASKS};

/// Largest change that noise makes to one pixel, of the range 0 to 16.
pub const NOISE_MAX: i16 = 3;
/// One image in this many moves left or up, and as many right or down, on each axis.
const SHIFT_ODDS: u32 = 16;

/// Every shift a task may show, but none at all.
pub const SHIFTS: [(i16, i16); 8] =
    [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)];

const CONTEXT: &str = "ganglion 2026-11 digits draw v1";

/// What a stream is for: equal seeds in two domains give unrelated draws.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(super) enum Domain {
    Task = 0,
    Probe = 1,
    Train = 2,
    Weights = 3,
}

/// Unbounded reproducible numbers.
pub(super) struct Stream {
    reader: blake3::OutputReader,
    block: [u8; 64],
    used: usize,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").finish_non_exhaustive()
    }
}

impl Stream {
    pub(super) fn new(seed: &[u8; 32], domain: Domain, round: u64, index: u64) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(seed);
        hasher.update(&[domain as u8]);
        hasher.update(&round.to_be_bytes());
        hasher.update(&index.to_be_bytes());
        Self { reader: hasher.finalize_xof(), block: [0; 64], used: 64 }
    }

    fn byte(&mut self) -> u8 {
        if self.used == self.block.len() {
            self.reader.fill(&mut self.block);
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }

    /// Uniform in `0..bound`, by rejection. `bound` is 1 to 65,536.
    fn below(&mut self, bound: u32) -> u32 {
        const RANGE: u32 = 1 << 16;
        let fair = RANGE - RANGE % bound;
        loop {
            let drawn = u32::from(u16::from_be_bytes([self.byte(), self.byte()]));
            if drawn < fair {
                return drawn % bound;
            }
        }
    }

    /// Minus or plus one pixel, each once in [`SHIFT_ODDS`], else nought.
    fn shift(&mut self) -> i16 {
        match self.below(SHIFT_ODDS) {
            0 => -1,
            1 => 1,
            _ => 0,
        }
    }

    /// Uniform in `-limit..=limit`. One byte is enough for the small limits used here.
    pub(super) fn around_zero(&mut self, limit: i16) -> i16 {
        let width = 2 * limit + 1;
        let fair = 256 - 256 % width;
        loop {
            let drawn = i16::from(self.byte());
            if drawn < fair {
                return drawn % width - limit;
            }
        }
    }
}

/// Moves the picture by `dx` right and `dy` down; what enters is blank.
pub fn shifted(image: &Image, dx: i16, dy: i16) -> Image {
    let mut out = [0; PIXELS];
    for (at, pixel) in out.iter_mut().enumerate() {
        let x = i16::try_from(at % SIDE).unwrap_or(0) - dx;
        let y = i16::try_from(at / SIDE).unwrap_or(0) - dy;
        if let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y))
            && x < SIDE
            && y < SIDE
        {
            *pixel = image[y * SIDE + x];
        }
    }
    out
}

impl Example {
    /// The same digit moved.
    pub fn shifted(&self, dx: i16, dy: i16) -> Self {
        Self { image: shifted(&self.image, dx, dy), label: self.label }
    }
}

fn perturbed(image: &Image, stream: &mut Stream) -> Image {
    let dx = stream.shift();
    let dy = stream.shift();
    let mut out = shifted(image, dx, dy);
    for pixel in &mut out {
        let noisy = i16::from(*pixel) + stream.around_zero(NOISE_MAX);
        *pixel = u8::try_from(noisy.clamp(0, i16::from(INK_MAX))).unwrap_or(0);
    }
    out
}

/// Task `index` of a round: an image from the validators' rows, shifted and noisy.
pub fn task(seed: &[u8; 32], round: u64, index: u64) -> Example {
    let mut stream = Stream::new(seed, Domain::Task, round, index);
    let rows = &data::examples()[TASKS];
    let at = stream.below(u32::try_from(rows.len()).unwrap_or(1));
    let row = &rows[usize::try_from(at).unwrap_or(0)];
    Example { image: perturbed(&row.image, &mut stream), label: row.label }
}

/// Every probe image `draws` times, with the shift and noise of tasks.
pub fn probe(seed: &[u8; 32], draws: u32) -> Vec<Example> {
    let rows = &data::examples()[PROBE];
    let mut out = Vec::new();
    for draw in 0..u64::from(draws) {
        for (index, row) in (0u64..).zip(rows) {
            let mut stream = Stream::new(seed, Domain::Probe, draw, index);
            out.push(Example { image: perturbed(&row.image, &mut stream), label: row.label });
        }
    }
    out
}

/// `copies` shifted and noisy versions of each example, for training.
pub fn augmented(examples: &[Example], copies: u32, seed: &[u8; 32]) -> Vec<Example> {
    let mut out = Vec::new();
    for copy in 0..u64::from(copies) {
        for (index, row) in (0u64..).zip(examples) {
            let mut stream = Stream::new(seed, Domain::Train, copy, index);
            out.push(Example { image: perturbed(&row.image, &mut stream), label: row.label });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: [u8; 32] = [7; 32];

    fn digest(examples: impl IntoIterator<Item = Example>) -> String {
        let mut hasher = blake3::Hasher::new();
        for example in examples {
            hasher.update(&example.image);
            hasher.update(&[example.label]);
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Nodes of different builds must redraw one another's tasks: this constant changes only
    /// together with the version in `CONTEXT`.
    #[test]
    fn draws_are_the_published_ones() {
        assert_eq!(
            digest((0..100).map(|index| task(&SEED, 3, index))),
            "2f2776121d780140a52e2eecbe768989de4b4aa51433baaa1d185e8f63fa5355"
        );
        assert_eq!(
            digest(probe(&SEED, 1)),
            "300453541af3c230b760584933956575306b3db7e80dfc612ad5fef837f64561"
        );
    }

    #[test]
    fn seed_round_and_index_each_change_the_task() {
        let base = task(&SEED, 3, 0);
        assert_eq!(base, task(&SEED, 3, 0));
        assert_ne!(base.image, task(&[8; 32], 3, 0).image);
        assert_ne!(base.image, task(&SEED, 4, 0).image);
        assert_ne!(base.image, task(&SEED, 3, 1).image);
    }

    #[test]
    fn tasks_stay_in_range_and_are_no_lookup() {
        let rows = data::examples();
        for index in 0..500 {
            let drawn = task(&SEED, 1, index);
            assert!(drawn.image.iter().all(|p| *p <= INK_MAX));
            assert!(rows.iter().all(|row| row.image != drawn.image), "task {index} is a raw row");
        }
    }

    #[test]
    fn tasks_reach_every_validator_row() {
        let rows = &data::examples()[TASKS];
        // Without shift and noise the row behind a draw is known from its first number.
        let mut seen = vec![false; rows.len()];
        for index in 0..6_000 {
            let at = Stream::new(&SEED, Domain::Task, 0, index).below(300);
            seen[usize::try_from(at).expect("small")] = true;
        }
        assert!(seen.iter().all(|s| *s));
    }

    #[test]
    fn numbers_are_uniform_within_their_bounds() {
        let mut stream = Stream::new(&SEED, Domain::Train, 0, 0);
        let mut counts = [0u32; 11];
        for _ in 0..11_000 {
            let value = stream.around_zero(5);
            counts[usize::try_from(value + 5).expect("at least -5")] += 1;
        }
        assert!(counts.iter().all(|n| (850..1150).contains(n)), "{counts:?}");
        assert!((0..1_000).all(|_| stream.below(300) < 300));
    }

    #[test]
    fn an_eighth_of_the_images_moves_along_an_axis() {
        let mut stream = Stream::new(&SEED, Domain::Train, 0, 0);
        let moved = (0..8_000).filter(|_| stream.shift() != 0).count();
        assert!((900..1_100).contains(&moved), "{moved}");
    }

    #[test]
    fn shifting_moves_ink_and_blanks_the_edge() {
        let mut image = [0; PIXELS];
        image[0] = 9;
        let moved = shifted(&image, 1, 1);
        assert_eq!(moved[SIDE + 1], 9);
        assert_eq!(moved.iter().filter(|p| **p > 0).count(), 1);
        assert_eq!(shifted(&image, -1, 0), [0; PIXELS]);
    }

    #[test]
    fn probe_holds_each_image_once_per_draw() {
        let drawn = probe(&SEED, 4);
        assert_eq!(drawn.len(), 4 * PROBE.len());
        assert_eq!(drawn[0].label, drawn[PROBE.len()].label);
        assert_ne!(drawn[0].image, drawn[PROBE.len()].image);
    }
}
