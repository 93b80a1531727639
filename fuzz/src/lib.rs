//! What is fed with arbitrary bytes: every decoder that a socket, a file or an HTTP body reaches, and
//! the pure functions that work on what they decode.
//!
//! A target is a function of bytes that panics when a property does not hold; [`run`] adds a bound on
//! memory. The same functions are fed by libFuzzer (`bin/any.rs`) and, with the inputs kept in
//! `corpus/`, by an ordinary test. `docs/FUZZING.md` says how to run them and how to add one.
#![allow(clippy::missing_panics_doc, reason = "a panic is how a target speaks")]

pub mod edit;
pub mod memory;
pub mod seeds;
pub mod targets;

pub use targets::TARGETS;

/// Bytes of an input, at most: more than any single message needs to show a fault of form.
pub const INPUT_BYTES_MAX: usize = 64 << 10;

/// One thing that is fed.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and its folder in `corpus/`.
    pub name: &'static str,
    /// Where such bytes come from.
    pub source: &'static str,
    /// Panics if a property does not hold.
    pub run: fn(&[u8]),
    /// Bytes that may be held at once while it runs, whatever the input.
    pub memory: usize,
}

/// The target of that name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Runs a target and holds it to its bound of memory.
pub fn run(target: &Target, bytes: &[u8]) {
    let held = memory::most_held(|| (target.run)(bytes));
    assert!(
        held <= target.memory,
        "{} held {held} bytes at once for an input of {}, at most {} are allowed",
        target.name,
        bytes.len(),
        target.memory
    );
}
