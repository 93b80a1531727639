//! Reads lines of bounded length from a worker's pipes.

use tokio::io::{AsyncRead, AsyncReadExt};

/// Why no further line can be read.
#[derive(Debug)]
pub(crate) enum LineError {
    /// The line is longer than the reader's bound.
    TooLong,
    /// The pipe broke.
    Io(std::io::Error),
}

/// Splits a byte stream at newlines and holds at most one line and one read.
#[derive(Debug)]
pub(crate) struct LineReader<R> {
    source: R,
    held: Vec<u8>,
    /// Bytes of `held` known to hold no newline.
    scanned: usize,
    bytes_max: usize,
}

const READ_BYTES: usize = 16 * 1024;

impl<R: AsyncRead + Unpin> LineReader<R> {
    pub(crate) fn new(source: R, bytes_max: usize) -> Self {
        Self { source, held: Vec::new(), scanned: 0, bytes_max }
    }

    /// The next line without its newline, `None` at the end of the stream. A last line without a
    /// newline counts. Cancel safe: a dropped call loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, LineError> {
        loop {
            let newline = self.held[self.scanned..].iter().position(|b| *b == b'\n');
            if let Some(at) = newline.map(|at| at + self.scanned) {
                self.scanned = 0;
                if at > self.bytes_max {
                    return Err(LineError::TooLong);
                }
                let rest = self.held.split_off(at + 1);
                let mut line = std::mem::replace(&mut self.held, rest);
                line.pop();
                return Ok(Some(line));
            }
            self.scanned = self.held.len();
            if self.held.len() > self.bytes_max {
                return Err(LineError::TooLong);
            }
            self.held.reserve(READ_BYTES);
            let read = self.source.read_buf(&mut self.held).await.map_err(LineError::Io)?;
            if read == 0 {
                self.scanned = 0;
                let last = std::mem::take(&mut self.held);
                return Ok((!last.is_empty()).then_some(last));
            }
        }
    }

    /// Throws away the line that was too long up to here, so that reading can go on.
    pub(crate) fn discard(&mut self) -> Vec<u8> {
        self.scanned = 0;
        std::mem::take(&mut self.held)
    }
}

/// The text of a line for a log: lossy UTF-8 without control characters, cut at `chars_max`.
pub(crate) fn printable(line: &[u8], chars_max: usize) -> String {
    // Four bytes a character at most: a long line is not decoded in full.
    let head = &line[..line.len().min(chars_max.saturating_mul(4))];
    let text = String::from_utf8_lossy(head);
    let mut out: String =
        text.trim_end().chars().filter(|c| !c.is_control()).take(chars_max).collect();
    if head.len() < line.len() || text.trim_end().chars().count() > chars_max {
        out.push_str("...");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(bytes: &[u8], bytes_max: usize) -> (Vec<Vec<u8>>, bool) {
        let mut reader = LineReader::new(bytes, bytes_max);
        let mut lines = Vec::new();
        loop {
            match reader.next().await {
                Ok(Some(line)) => lines.push(line),
                Ok(None) => return (lines, true),
                Err(_) => return (lines, false),
            }
        }
    }

    #[tokio::test]
    async fn splits_at_newlines_and_keeps_the_last_piece() {
        let (lines, ended) = all(b"a\n\nbc\nd", 10).await;
        assert_eq!(lines, [b"a".to_vec(), vec![], b"bc".to_vec(), b"d".to_vec()]);
        assert!(ended);
    }

    #[tokio::test]
    async fn a_line_of_exactly_the_bound_passes_and_one_byte_more_does_not() {
        assert_eq!(all(b"12345\n", 5).await, (vec![b"12345".to_vec()], true));
        assert_eq!(all(b"123456\n", 5).await, (vec![], false));
        assert_eq!(all(b"1234567890", 5).await, (vec![], false), "no newline ever comes");
    }

    #[test]
    fn printable_text_has_no_control_characters_and_an_end() {
        assert_eq!(printable(b"a\x1b[31mb\r\n", 10), "a[31mb");
        assert_eq!(printable(b"abcdef", 3), "abc...");
        assert_eq!(printable(b"\xff", 3), "\u{fffd}");
    }
}
