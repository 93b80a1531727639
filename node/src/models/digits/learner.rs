//! A miner that starts weak and learns from the rewards of each epoch.
//!
//! It answers by the nearest image in its memory, which holds one example of each digit at first.
//! After an epoch in which somebody scored better it takes a lesson: it looks at as many training
//! images as in all lessons before and remembers those it got wrong or was unsure of (condensed
//! nearest neighbours). The lesson is kept if it names images it never practises on no worse.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::classify::{Classifier, ModelError, correct};
use super::data::{self, Example, Image, PIXELS};
use super::draw;
use crate::worker::Feedback;

/// Set to `1`, a learner answers from its saved state and changes nothing.
pub const FROZEN_ENV: &str = "GANGLION_WORKER_FROZEN";

const FILE: &str = "digits-learner.json";
/// Training rows it practises on; the rest of them judge each lesson.
const PRACTICE_ROWS: usize = 1_000;
/// Images of the first lesson.
const LESSON_MIN: u64 = 40;
/// Images of the longest lesson: about half a second without optimisation, since tasks wait for it.
const LESSON_MAX: u64 = 600;
/// Images held at most, so that an answer stays a matter of about a millisecond.
const MEMORY_MAX: usize = 3_000;

/// What a learner knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    examples: Vec<Example>,
    /// Images practised on so far; also the place in the sequence of them.
    practised: u64,
}

impl Memory {
    /// One example of each digit.
    pub fn newborn() -> Self {
        // The first ten rows of the data set are the digits in order.
        Self { examples: data::train()[..10].to_vec(), practised: 0 }
    }

    /// Images practised on so far.
    pub fn practised(&self) -> u64 {
        self.practised
    }

    /// Practises once; keeps what helped. Returns whether it did.
    pub fn take_lesson(&mut self) -> bool {
        let judge = draw::augmented(&data::train()[PRACTICE_ROWS..], 1, &[7; 32]);
        let before = correct(self, &judge);
        let size = self.practised.clamp(LESSON_MIN, LESSON_MAX);
        let mut after = self.clone();
        for number in self.practised..self.practised + size {
            let example = exercise(number);
            if after.examples.len() < MEMORY_MAX && !after.is_sure_of(&example) {
                after.examples.push(example);
            }
        }
        after.practised = self.practised + size;
        let helped = correct(&after, &judge) >= before;
        if helped {
            *self = after;
        } else {
            self.practised = after.practised;
        }
        helped
    }

    /// Whether what looks most like `example` shows the same digit, and by a clear margin.
    fn is_sure_of(&self, example: &Example) -> bool {
        let (mut same, mut other) = (u32::MAX, u32::MAX);
        for known in &self.examples {
            let side = if known.label == example.label { &mut same } else { &mut other };
            *side = squared_distance(&example.image, &known.image).min(*side);
        }
        // Squared distances: the stranger must look about a third further away.
        same.saturating_mul(9) < other.saturating_mul(5)
    }

    fn nearest(&self, image: &Image) -> u8 {
        let mut best = (u32::MAX, 0);
        for example in &self.examples {
            let distance = squared_distance(image, &example.image);
            if distance < best.0 {
                best = (distance, example.label);
            }
        }
        best.1
    }
}

impl Classifier for Memory {
    fn label(&self, image: &Image) -> Result<u8, ModelError> {
        Ok(self.nearest(image))
    }
}

/// The endless sequence of practice images: every row in turn, each time shifted another way.
fn exercise(number: u64) -> Example {
    let rows = &data::train()[..PRACTICE_ROWS];
    let number = usize::try_from(number).unwrap_or(usize::MAX);
    let row = &rows[number % PRACTICE_ROWS];
    // No shift at all is as frequent as any other; offset by the round so that rows take turns.
    match (number + number / PRACTICE_ROWS) % 5 {
        0 => *row,
        turn => {
            let (dx, dy) = draw::SHIFTS[turn - 1];
            row.shifted(dx, dy)
        }
    }
}

fn squared_distance(a: &Image, b: &Image) -> u32 {
    let mut sum = 0;
    let mut at = 0;
    // Indexed for speed without optimisation, as in `classify`.
    while at < PIXELS {
        let gap = u32::from(a[at].abs_diff(b[at]));
        sum += gap * gap;
        at += 1;
    }
    sum
}

/// [`Memory`] with its file.
#[derive(Debug)]
pub struct Learner {
    memory: Memory,
    /// `None`: nothing is kept.
    file: Option<PathBuf>,
    frozen: bool,
}

/// The file as it is written.
#[derive(Serialize, Deserialize)]
struct Saved {
    version: u32,
    practised: u64,
    /// Pixels in hex, label.
    examples: Vec<(String, u8)>,
}

const SAVED_VERSION: u32 = 1;

impl Learner {
    /// Continues from the state in `dir`, or starts anew. A damaged file is left aside with a
    /// note on stderr.
    pub fn open(dir: Option<&Path>, frozen: bool) -> Self {
        let file = dir.map(|dir| dir.join(FILE));
        let memory = file.as_deref().and_then(load).unwrap_or_else(Memory::newborn);
        Self { memory, file, frozen }
    }

    /// What it knows.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Takes a lesson if somebody did better, and saves.
    ///
    /// # Errors
    /// The state could not be written; what was learned stays in memory.
    pub fn learn(&mut self, feedback: &Feedback) -> std::io::Result<()> {
        if self.frozen || !is_behind(feedback) {
            return Ok(());
        }
        self.memory.take_lesson();
        match &self.file {
            Some(file) => save(&self.memory, file),
            None => Ok(()),
        }
    }
}

/// Nobody's score being known counts as behind: there is nothing to rest on.
fn is_behind(feedback: &Feedback) -> bool {
    let others = feedback.field.iter().filter(|row| row.uid != feedback.uid);
    let best = others.filter_map(|row| row.score).fold(f64::NEG_INFINITY, f64::max);
    feedback.score.is_none_or(|own| own < best || best == f64::NEG_INFINITY)
}

fn load(file: &Path) -> Option<Memory> {
    let text = std::fs::read_to_string(file).ok()?;
    let memory = parse(&text);
    if memory.is_none() {
        eprintln!("{} is damaged: starting anew", file.display());
    }
    memory
}

pub(crate) fn parse(text: &str) -> Option<Memory> {
    let saved: Saved = serde_json::from_str(text).ok()?;
    let example = |(pixels, label): &(String, u8)| {
        let image = Image::try_from(hex::decode(pixels).ok()?).ok()?;
        Example::checked(image, *label)
    };
    let examples: Vec<Example> = saved.examples.iter().map(example).collect::<Option<_>>()?;
    let valid = saved.version == SAVED_VERSION && (10..=MEMORY_MAX).contains(&examples.len());
    valid.then_some(Memory { examples, practised: saved.practised })
}

/// Replaces the file as a whole: a reader or a crash sees the old or the new one.
fn save(memory: &Memory, file: &Path) -> std::io::Result<()> {
    let examples = memory.examples.iter().map(|e| (hex::encode(e.image), e.label)).collect();
    let saved = Saved { version: SAVED_VERSION, practised: memory.practised, examples };
    let next = file.with_extension("json.next");
    let mut out = std::fs::File::create(&next)?;
    serde_json::to_writer(&mut out, &saved)?;
    out.write_all(b"\n")?;
    out.sync_all()?;
    std::fs::rename(&next, file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::FieldRow;

    fn feedback(own: Option<f64>, best: Option<f64>) -> Feedback {
        let row =
            |uid, score| FieldRow { uid, hotkey: String::new(), score, incentive: 0.0, rank: 1 };
        Feedback {
            epoch: 1,
            uid: 7,
            incentive: 0.0,
            rank: 2,
            consensus_weight: 0.0,
            score: own,
            field: vec![row(7, own), row(8, best)],
        }
    }

    fn percent(memory: &Memory) -> usize {
        let probe = draw::probe(&[5; 32], 1);
        correct(memory, &probe) * 100 / probe.len()
    }

    #[test]
    fn ten_lessons_lead_from_weak_to_good() {
        let mut memory = Memory::newborn();
        let start = percent(&memory);
        let mut path = vec![start];
        for _ in 0..10 {
            memory.take_lesson();
            path.push(percent(&memory));
        }
        assert!((30..=65).contains(&start), "{path:?}");
        assert!(path[5] >= start + 15, "half way it has visibly improved: {path:?}");
        assert!(path[10] >= 88, "{path:?}");
    }

    #[test]
    fn only_one_who_is_behind_takes_a_lesson() {
        assert!(is_behind(&feedback(Some(0.5), Some(0.9))));
        assert!(is_behind(&feedback(None, Some(0.9))));
        assert!(is_behind(&feedback(Some(0.5), None)));
        assert!(!is_behind(&feedback(Some(0.9), Some(0.9))));
        let mut learner = Learner::open(None, false);
        learner.learn(&feedback(Some(0.9), Some(0.5))).expect("keeps no file");
        assert_eq!(learner.memory().practised(), 0);
        learner.learn(&feedback(Some(0.5), Some(0.9))).expect("keeps no file");
        assert_eq!(learner.memory().practised(), LESSON_MIN);
    }

    #[test]
    fn a_restart_continues_and_a_frozen_copy_changes_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut first = Learner::open(Some(dir.path()), false);
        for _ in 0..3 {
            first.learn(&feedback(Some(0.1), Some(0.9))).expect("saves");
        }
        let second = Learner::open(Some(dir.path()), false);
        assert_eq!(second.memory(), first.memory());
        let mut frozen = Learner::open(Some(dir.path()), true);
        frozen.learn(&feedback(Some(0.1), Some(0.9))).expect("does nothing");
        assert_eq!(frozen.memory(), first.memory());
        assert_eq!(Learner::open(Some(dir.path()), false).memory(), first.memory());
        assert_eq!(std::fs::read_dir(dir.path()).expect("lists").count(), 1, "no leftovers");
    }

    #[test]
    fn a_damaged_file_means_starting_anew() {
        let dir = tempfile::tempdir().expect("a folder");
        for text in ["", "{}", r#"{"version":1,"practised":5,"examples":[["00",1]]}"#] {
            std::fs::write(dir.path().join(FILE), text).expect("writes");
            let learner = Learner::open(Some(dir.path()), false);
            assert_eq!(learner.memory(), &Memory::newborn(), "{text}");
        }
    }
}
