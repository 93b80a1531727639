//! A small perceptron, 64-48-10, trained by stochastic gradient descent.

use super::classify::{Classifier, ModelError};
use super::data::{self, CLASSES, Example, INK_MAX, Image, PIXELS};
use super::draw;

/// Hidden units.
const HIDDEN: usize = 48;
/// Numbers that make up a model.
const WEIGHTS: usize = HIDDEN * (PIXELS + 1) + CLASSES * (HIDDEN + 1);

/// Where the second layer begins.
const FIRST: usize = HIDDEN * (PIXELS + 1);
/// Passes over the training rows.
const PASSES: u8 = 20;
/// Step size of the first pass.
const RATE: f32 = 0.08;

/// Weights: per hidden unit 64 inputs and a bias, then per class 48 inputs and a bias.
#[derive(Clone, Debug, PartialEq)]
pub struct Mlp {
    weights: Vec<f32>,
}

struct Activations {
    input: [f32; PIXELS],
    hidden: [f32; HIDDEN],
    output: [f32; CLASSES],
}

fn dot(weights: &[f32], inputs: &[f32]) -> f32 {
    // The last weight is the bias. Indexed, as all inner loops here: without optimisation that is
    // several times as fast as iterators.
    let mut sum = weights[inputs.len()];
    let mut at = 0;
    while at < inputs.len() {
        sum += weights[at] * inputs[at];
        at += 1;
    }
    sum
}

impl Mlp {
    /// Small weights, the same each time.
    fn new() -> Self {
        let mut noise = draw::Stream::new(&[4; 32], draw::Domain::Weights, 0, 0);
        Self { weights: (0..WEIGHTS).map(|_| f32::from(noise.around_zero(100)) / 500.0).collect() }
    }

    /// Trains on the miners' rows, shifted and noisy anew in each pass, at a falling rate.
    pub fn train() -> Self {
        let mut model = Self::new();
        for pass in 0..PASSES {
            let examples = draw::augmented(data::train(), 1, &[64 + pass; 32]);
            let left = f32::from(PASSES - pass) / f32::from(PASSES);
            for example in &examples {
                model.step(example, RATE * left);
            }
        }
        model
    }

    fn run(&self, image: &Image) -> Activations {
        let mut input = [0.0; PIXELS];
        for (x, pixel) in input.iter_mut().zip(image) {
            *x = f32::from(*pixel) / f32::from(INK_MAX);
        }
        let (first, second) = self.weights.split_at(FIRST);
        let mut hidden = [0.0; HIDDEN];
        for (h, row) in hidden.iter_mut().zip(first.chunks_exact(PIXELS + 1)) {
            *h = dot(row, &input).max(0.0);
        }
        let mut output = [0.0; CLASSES];
        for (o, row) in output.iter_mut().zip(second.chunks_exact(HIDDEN + 1)) {
            *o = dot(row, &hidden);
        }
        Activations { input, hidden, output }
    }

    /// One step of gradient descent on the cross-entropy of `example`.
    fn step(&mut self, example: &Example, rate: f32) {
        let Activations { input, hidden, output } = self.run(&example.image);
        let top = output.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let powers = output.map(|o| (o - top).exp());
        let total: f32 = powers.iter().sum();
        let (first, second) = self.weights.split_at_mut(FIRST);

        let mut blame = [0.0; HIDDEN];
        for (class, row) in second.chunks_exact_mut(HIDDEN + 1).enumerate() {
            let target = f32::from(u8::from(class == usize::from(example.label)));
            let error = powers[class] / total - target;
            let mut at = 0;
            while at < HIDDEN {
                blame[at] += error * row[at];
                row[at] -= rate * error * hidden[at];
                at += 1;
            }
            row[HIDDEN] -= rate * error;
        }
        for ((row, h), b) in first.chunks_exact_mut(PIXELS + 1).zip(&hidden).zip(&blame) {
            if *h <= 0.0 {
                continue;
            }
            let slope = rate * b;
            let mut at = 0;
            while at < PIXELS {
                row[at] -= slope * input[at];
                at += 1;
            }
            row[PIXELS] -= slope;
        }
    }
}

impl Classifier for Mlp {
    fn label(&self, image: &Image) -> Result<u8, ModelError> {
        let output = self.run(image).output;
        let mut best = (f32::NEG_INFINITY, 0);
        for (label, value) in (0u8..).zip(output) {
            if value > best.0 {
                best = (value, label);
            }
        }
        Ok(best.1)
    }
}
