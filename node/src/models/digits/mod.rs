//! Image recognition: handwritten digits of 8 by 8 pixels.
//!
//! Task input `{"pixels":[64 whole numbers from 0 to 16]}`, output and secret `{"label":7}`.
//! Validators draw images from rows no model trained on, shift and blur them by a seed, and score
//! 1 for the right digit. See [`data`] for the splits, [`draw`] for the drawing rule and
//! [`accuracy_probe`] for the measure no validator takes part in.

pub mod classify;
pub mod data;
pub mod draw;
pub mod learner;
mod mlp;
mod probe;
pub mod scorer;
pub mod workers;

pub use mlp::Mlp;
pub use probe::{Accuracy, DRAWS_PER_IMAGE, accuracy_probe};
pub use workers::{TASK, TaskInput, TaskLabel};
