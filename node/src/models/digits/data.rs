//! The vendored handwritten digits and their fixed splits.
//!
//! | rows | used by |
//! |---|---|
//! | 0..1200 | miners, to train on |
//! | 1200..1500 | validators, to draw tasks from |
//! | 1500..1797 | the accuracy probe; no validator ever draws from them |
//!
//! The data set is public, so a miner could look a task up in rows 1200..1500. Shift and noise
//! make an exact lookup miss, and the probe rows tell a model that learned from one that
//! memorised. A subnet with money in it needs tasks nobody has seen.

use std::io::Read;
use std::ops::Range;
use std::sync::OnceLock;

use flate2::read::GzDecoder;

/// Pixels along one side of an image.
pub const SIDE: usize = 8;
/// Pixels in one image.
pub const PIXELS: usize = SIDE * SIDE;
/// The brightest pixel.
pub const INK_MAX: u8 = 16;
/// Number of classes: the digits 0 to 9.
pub const CLASSES: usize = 10;
/// Rows in the data set.
pub const ROWS: usize = 1797;

/// Rows miners train on.
pub const TRAIN: Range<usize> = 0..1200;
/// Rows validators draw tasks from.
pub const TASKS: Range<usize> = 1200..1500;
/// Rows that only the accuracy probe uses.
pub const PROBE: Range<usize> = 1500..ROWS;

/// One image, row by row from the top left; each pixel is 0 to [`INK_MAX`].
pub type Image = [u8; PIXELS];

/// An image and the digit it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    /// The picture.
    pub image: Image,
    /// 0 to 9.
    pub label: u8,
}

impl Example {
    /// `None` if a pixel or the label is out of range.
    pub fn checked(image: Image, label: u8) -> Option<Self> {
        let valid = usize::from(label) < CLASSES && image.iter().all(|pixel| *pixel <= INK_MAX);
        valid.then_some(Self { image, label })
    }
}

static PACKED: &[u8] = include_bytes!("../../../data/digits.csv.gz");

/// All [`ROWS`] examples in the order of the file, decoded once per process.
pub fn examples() -> &'static [Example] {
    static EXAMPLES: OnceLock<Vec<Example>> = OnceLock::new();
    EXAMPLES.get_or_init(|| decode(PACKED).expect("the embedded data set is checked by a test"))
}

/// The examples miners train on.
pub fn train() -> &'static [Example] {
    &examples()[TRAIN]
}

/// `None` if the bytes are not [`ROWS`] gzipped lines of 64 pixels and a label.
pub(crate) fn decode(packed: &[u8]) -> Option<Vec<Example>> {
    let mut text = String::new();
    GzDecoder::new(packed).read_to_string(&mut text).ok()?;
    let rows: Vec<Example> = text.lines().map(decode_line).collect::<Option<_>>()?;
    (rows.len() == ROWS).then_some(rows)
}

fn decode_line(line: &str) -> Option<Example> {
    let values: Vec<u8> = line.split(',').map(|v| v.trim().parse().ok()).collect::<Option<_>>()?;
    let (label, pixels) = values.split_last()?;
    let image = Image::try_from(pixels).ok()?;
    Example::checked(image, *label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_data_decodes_to_every_row_and_class() {
        let rows = examples();
        assert_eq!(rows.len(), ROWS);
        // The first row of the published file is a nought.
        assert_eq!(rows[0].label, 0);
        assert_eq!(&rows[0].image[..8], &[0, 0, 5, 13, 9, 1, 0, 0]);
        for split in [TRAIN, TASKS, PROBE] {
            for class in 0..10 {
                assert!(rows[split.clone()].iter().any(|r| r.label == class), "{split:?} {class}");
            }
        }
    }

    #[test]
    fn splits_cover_the_data_and_share_no_row() {
        assert_eq!(TRAIN.start, 0);
        assert_eq!(TRAIN.end, TASKS.start);
        assert_eq!(TASKS.end, PROBE.start);
        assert_eq!(PROBE.end, ROWS);
    }

    #[test]
    fn no_image_stands_in_two_splits() {
        let rows = examples();
        for probe in &rows[PROBE] {
            assert!(rows[..PROBE.start].iter().all(|other| other.image != probe.image));
        }
        for task in &rows[TASKS] {
            assert!(rows[TRAIN].iter().all(|other| other.image != task.image));
        }
    }

    #[test]
    fn damaged_data_is_refused() {
        assert_eq!(decode(b"not gzip"), None);
        assert_eq!(decode_line("1,2,3"), None);
        let mut line = vec!["0"; 64].join(",");
        line.push_str(",10");
        assert_eq!(decode_line(&line), None, "there is no digit ten");
        let bright = format!("17,{}", vec!["0"; 64].join(","));
        assert_eq!(decode_line(&bright), None, "17 is brighter than the brightest pixel");
    }
}
