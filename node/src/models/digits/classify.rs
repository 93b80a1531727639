//! The built-in digit classifiers, from useless to good.
//!
//! Each learns from the miners' rows only. They differ by method and by how much they train, so
//! their ranking is that of honest models. All training is seeded: a restart gives the same model.

use smartcore::algorithm::neighbour::KNNAlgorithmName;
use smartcore::error::Failed;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::linear::logistic_regression::{LogisticRegression, LogisticRegressionParameters};
use smartcore::metrics::distance::Distance;
use smartcore::neighbors::knn_classifier::{KNNClassifier, KNNClassifierParameters};

use super::data::{self, CLASSES, Example, INK_MAX, Image, PIXELS, SIDE};
use super::draw;

/// The library behind a model failed; with the embedded data that is a bug.
#[derive(Debug, thiserror::Error)]
#[error("the model failed")]
pub struct ModelError(#[from] Failed);

/// A trained model: image in, digit out.
pub trait Classifier: Send {
    /// The digit it sees, 0 to 9.
    ///
    /// # Errors
    /// Fails only inside the library that runs the model.
    fn label(&self, image: &Image) -> Result<u8, ModelError>;
}

/// Always answers the commonest digit of the training rows.
#[derive(Clone, Copy, Debug)]
pub struct Majority {
    label: u8,
}

impl Majority {
    /// Counts labels; a tie goes to the lower digit.
    pub fn train() -> Self {
        let mut counts = [0u32; CLASSES];
        for example in data::train() {
            counts[usize::from(example.label)] += 1;
        }
        let best = (0u8..10).rev().max_by_key(|label| counts[usize::from(*label)]);
        Self { label: best.unwrap_or(0) }
    }
}

impl Classifier for Majority {
    fn label(&self, _image: &Image) -> Result<u8, ModelError> {
        Ok(self.label)
    }
}

/// Answers the digit whose average picture is nearest.
#[derive(Clone, Debug)]
pub struct Centroid {
    /// Average pixels in units of 1/256.
    means: Vec<[i32; PIXELS]>,
}

impl Centroid {
    /// Twenty examples per digit: enough for a blurred idea of each.
    const EXAMPLES: usize = 200;

    /// Averages shifted and noisy images per digit.
    pub fn train() -> Self {
        let mut sums = vec![[0i32; PIXELS]; CLASSES];
        let mut counts = [0i32; CLASSES];
        for example in draw::augmented(&data::train()[..Self::EXAMPLES], 1, &[1; 32]) {
            let class = usize::from(example.label);
            counts[class] += 1;
            for (sum, pixel) in sums[class].iter_mut().zip(example.image) {
                *sum += i32::from(pixel) * 256;
            }
        }
        for (sum, count) in sums.iter_mut().zip(counts) {
            sum.iter_mut().for_each(|value| *value /= count.max(1));
        }
        Self { means: sums }
    }
}

impl Classifier for Centroid {
    fn label(&self, image: &Image) -> Result<u8, ModelError> {
        let mut best = (i64::MAX, 0);
        for (label, mean) in (0u8..).zip(&self.means) {
            let mut distance = 0i64;
            for (pixel, mean) in image.iter().zip(mean) {
                let gap = i64::from(i32::from(*pixel) * 256 - mean);
                distance += gap * gap;
            }
            best = best.min((distance, label));
        }
        Ok(best.1)
    }
}

type LinearModel = LogisticRegression<f32, u32, DenseMatrix<f32>, Vec<u32>>;

/// Multinomial logistic regression of `smartcore`.
#[derive(Debug)]
pub struct LogReg {
    model: LinearModel,
}

impl LogReg {
    /// As many as train in about a second without optimisation.
    const EXAMPLES: usize = 600;
    /// L2 penalty. A strong one also makes the optimiser converge in few steps.
    const PENALTY: f32 = 30.0;

    /// Fits on shifted and noisy images.
    ///
    /// # Errors
    /// Fails only inside the library.
    pub fn train() -> Result<Self, ModelError> {
        let examples = draw::augmented(&data::train()[..Self::EXAMPLES], 1, &[2; 32]);
        let images: Vec<Image> = examples.iter().map(|example| example.image).collect();
        let labels = examples.iter().map(|example| u32::from(example.label)).collect();
        let parameters = LogisticRegressionParameters::default().with_alpha(Self::PENALTY);
        let model = LogisticRegression::fit(&Self::matrix(&images)?, &labels, parameters)?;
        Ok(Self { model })
    }

    fn matrix(images: &[Image]) -> Result<DenseMatrix<f32>, ModelError> {
        let ink = |pixel: &u8| f32::from(*pixel) / f32::from(INK_MAX);
        let values = images.iter().flatten().map(ink).collect();
        Ok(DenseMatrix::new(images.len(), PIXELS, values, false)?)
    }
}

impl Classifier for LogReg {
    fn label(&self, image: &Image) -> Result<u8, ModelError> {
        first(&self.model.predict(&Self::matrix(std::slice::from_ref(image))?)?)
    }
}

/// Squared distance of pictures in whole ink steps: the neighbours are the Euclidean ones.
#[derive(Clone, Copy, Debug)]
struct InkDistance;

impl Distance<Vec<i32>> for InkDistance {
    fn distance(&self, a: &Vec<i32>, b: &Vec<i32>) -> f64 {
        let (Some(a), Some(b)) = (a.first_chunk::<PIXELS>(), b.first_chunk::<PIXELS>()) else {
            return f64::INFINITY;
        };
        let mut sum = 0;
        let mut at = 0;
        // Indexed on purpose: without optimisation this is five times as fast as iterators, and
        // it runs thousands of times per answer.
        while at < PIXELS {
            let gap = a[at] - b[at];
            sum += gap * gap;
            at += 1;
        }
        f64::from(sum)
    }
}

type Neighbours = KNNClassifier<i32, u32, DenseMatrix<i32>, Vec<u32>, InkDistance>;

/// k nearest neighbours of `smartcore` among the training rows and shifted copies of some.
pub struct Knn {
    model: Neighbours,
}

impl std::fmt::Debug for Knn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Knn").finish_non_exhaustive()
    }
}

impl Knn {
    const K: usize = 3;
    /// Rows that are also kept shifted by one pixel along one axis.
    const STRAIGHT: usize = 600;
    /// Rows that are also kept shifted along both.
    const DIAGONAL: usize = 100;

    /// Remembers 4,000 clean images.
    ///
    /// # Errors
    /// Fails only inside the library.
    pub fn train() -> Result<Self, ModelError> {
        let mut examples = data::train().to_vec();
        for (dx, dy) in draw::SHIFTS {
            let rows = if dx == 0 || dy == 0 { Self::STRAIGHT } else { Self::DIAGONAL };
            examples.extend(data::train()[..rows].iter().map(|row| row.shifted(dx, dy)));
        }
        let images: Vec<Image> = examples.iter().map(|example| example.image).collect();
        let labels = examples.iter().map(|example| u32::from(example.label)).collect();
        // In 64 dimensions a tree prunes too little to pay for itself.
        let parameters = KNNClassifierParameters::<i32, _>::default()
            .with_distance(InkDistance)
            .with_k(Self::K)
            .with_algorithm(KNNAlgorithmName::LinearSearch);
        let model = KNNClassifier::fit(&Self::matrix(&images)?, &labels, parameters)?;
        Ok(Self { model })
    }

    fn matrix(images: &[Image]) -> Result<DenseMatrix<i32>, ModelError> {
        let values = images.iter().flatten().map(|pixel| i32::from(*pixel)).collect();
        Ok(DenseMatrix::new(images.len(), PIXELS, values, false)?)
    }
}

impl Classifier for Knn {
    fn label(&self, image: &Image) -> Result<u8, ModelError> {
        first(&self.model.predict(&Self::matrix(std::slice::from_ref(image))?)?)
    }
}

fn first(labels: &[u32]) -> Result<u8, ModelError> {
    let label = labels.first().and_then(|label| u8::try_from(*label).ok());
    label.ok_or_else(|| ModelError(Failed::predict("the model gave no digit")))
}

/// Share of `examples` a model names rightly, for tests and for models that judge themselves.
pub(crate) fn correct(model: &dyn Classifier, examples: &[Example]) -> usize {
    examples.iter().filter(|e| model.label(&e.image).is_ok_and(|label| label == e.label)).count()
}

/// Draws an image with characters, darkest ink last, for a terminal.
pub fn ascii_art(image: &Image) -> String {
    const INKS: [char; 5] = [' ', '.', 'o', 'O', '@'];
    let mut out = String::new();
    for row in image.chunks_exact(SIDE) {
        for pixel in row {
            let ink = INKS[(usize::from(*pixel) / 4).min(INKS.len() - 1)];
            // Twice: a character cell is about half as wide as it is high.
            out.extend([ink, ink]);
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::mlp::Mlp;
    use super::*;

    /// Percent of the probe, one draw per image.
    fn accuracy(model: &dyn Classifier) -> usize {
        let probe = draw::probe(&[5; 32], 1);
        correct(model, &probe) * 100 / probe.len()
    }

    #[test]
    fn each_model_beats_the_weaker_ones_clearly() {
        let models: [(&str, Box<dyn Classifier>); 5] = [
            ("majority", Box::new(Majority::train())),
            ("centroid", Box::new(Centroid::train())),
            ("logreg", Box::new(LogReg::train().expect("trains"))),
            ("mlp", Box::new(Mlp::train())),
            ("knn", Box::new(Knn::train().expect("trains"))),
        ];
        let table: Vec<_> = models.iter().map(|(name, m)| (*name, accuracy(m.as_ref()))).collect();
        for pair in table.windows(2) {
            assert!(pair[1].1 >= pair[0].1 + 4, "{table:?}");
        }
        assert!(table[0].1 <= 15, "{table:?}");
        assert!(table[4].1 >= 90, "{table:?}");
    }

    #[test]
    fn training_twice_gives_one_model() {
        let probe = draw::probe(&[6; 32], 1);
        let labels = |m: &dyn Classifier| -> Vec<_> {
            probe.iter().take(50).map(|e| m.label(&e.image).expect("answers")).collect()
        };
        assert_eq!(labels(&Mlp::train()), labels(&Mlp::train()));
        assert_eq!(labels(&Centroid::train()), labels(&Centroid::train()));
    }

    #[test]
    fn art_is_eight_lines_of_sixteen_characters() {
        let art = ascii_art(&data::train()[0].image);
        assert_eq!(art.lines().count(), 8);
        assert!(art.lines().all(|line| line.chars().count() == 16));
    }
}
