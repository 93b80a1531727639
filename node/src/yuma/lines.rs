//! Lines of a file that may be compressed, without ever holding more than one.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::error::{Place, VectorError};

/// First bytes of a gzip file.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

const BUFFER_BYTES: usize = 1 << 16;

/// A file being read.
pub(super) struct Lines {
    file: String,
    reader: Box<dyn BufRead>,
    line: u64,
    limit: u64,
    buffer: Vec<u8>,
}

/// What messages call a file.
pub(super) fn name_of(file: &Path) -> String {
    if is_stdin(file) { "standard input".to_owned() } else { file.display().to_string() }
}

fn is_stdin(file: &Path) -> bool {
    file.as_os_str() == "-"
}

impl Lines {
    /// Opens a file, or standard input for `-`. Lines longer than `limit` bytes are refused.
    pub(super) fn open(file: &Path, limit: u64) -> Result<Self, VectorError> {
        let name = name_of(file);
        let opened = if is_stdin(file) {
            Self::new(name.clone(), io::stdin(), limit)
        } else {
            File::open(file).and_then(|opened| Self::new(name.clone(), opened, limit))
        };
        opened.map_err(|source| VectorError::Open { file: name, source })
    }

    fn new(file: String, mut source: impl Read + 'static, limit: u64) -> io::Result<Self> {
        // A pipe may hand out one byte at a time, so the magic is read apart and put back.
        let mut start = Vec::with_capacity(GZIP_MAGIC.len());
        source.by_ref().take(2).read_to_end(&mut start)?;
        let compressed = start == GZIP_MAGIC;
        let whole = BufReader::with_capacity(BUFFER_BYTES, Cursor::new(start).chain(source));
        let reader: Box<dyn BufRead> = if compressed {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(whole)))
        } else {
            Box::new(whole)
        };
        Ok(Self { file, reader, line: 0, limit, buffer: Vec::new() })
    }

    /// The next line that is not blank, without its end.
    pub(super) fn next(&mut self) -> Result<Option<(Place, &[u8])>, VectorError> {
        loop {
            self.line += 1;
            self.buffer.clear();
            let place = Place { file: self.file.clone(), line: self.line };
            // One more than the limit tells a line that fits from one that does not.
            let mut bounded = self.reader.by_ref().take(self.limit.saturating_add(1));
            if let Err(source) = bounded.read_until(b'\n', &mut self.buffer) {
                return Err(VectorError::Read { place, source });
            }
            if self.buffer.is_empty() {
                return Ok(None);
            }
            let length = self.buffer.trim_ascii_end().len();
            if length as u64 > self.limit {
                return Err(VectorError::LineTooLong { place, limit: self.limit });
            }
            if length > 0 {
                return Ok(Some((place, &self.buffer[..length])));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn read(bytes: &[u8], limit: u64) -> Result<Vec<(u64, String)>, VectorError> {
        /// Hands out one byte at a time, as a pipe may.
        struct Slow(Cursor<Vec<u8>>);
        impl Read for Slow {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                let most = into.len().min(1);
                self.0.read(&mut into[..most])
            }
        }
        let source = Slow(Cursor::new(bytes.to_vec()));
        let mut lines = Lines::new("f".to_owned(), source, limit).unwrap();
        let mut all = Vec::new();
        while let Some((place, line)) = lines.next()? {
            all.push((place.line, String::from_utf8(line.to_vec()).unwrap()));
        }
        Ok(all)
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn line(number: u64, text: &str) -> (u64, String) {
        (number, text.to_owned())
    }

    #[test]
    fn blank_lines_count_but_are_passed_over() {
        let lines = read(b"a\r\n\n  \nbc", 2).unwrap();
        assert_eq!(lines, [line(1, "a"), line(4, "bc")]);
        assert_eq!(read(b"", 2).unwrap(), []);
        assert_eq!(read(b"x", 2).unwrap(), [line(1, "x")]);
    }

    #[test]
    fn gzip_is_told_by_its_first_bytes_and_may_have_several_members() {
        let bytes = [gzip("a\nb"), gzip("c\n")].concat();
        assert_eq!(read(&bytes, 2).unwrap(), [line(1, "a"), line(2, "bc")]);
    }

    #[test]
    fn a_truncated_file_is_an_error() {
        let whole = gzip("one line\nand another\n");
        let cut = read(&whole[..whole.len() - 6], 100);
        assert!(matches!(cut, Err(VectorError::Read { .. })), "{cut:?}");
    }

    #[test]
    fn a_line_over_the_limit_is_refused_whatever_follows() {
        for text in ["abcd", "abcd\n", "abcdefghijk"] {
            let long = read(text.as_bytes(), 3);
            assert!(matches!(long, Err(VectorError::LineTooLong { limit: 3, .. })), "{long:?}");
        }
        assert_eq!(read(b"abc\n", 3).unwrap(), [line(1, "abc")]);
    }
}
