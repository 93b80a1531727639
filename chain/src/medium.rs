//! The seam between this crate and a file.

use std::fmt;
use std::io;

/// One file that is appended to, owned by one writer.
///
/// A node gives a real file, the tests one that loses power between any two operations.
pub trait Medium: fmt::Debug + Send {
    /// Bytes in the file.
    ///
    /// # Errors
    /// What the medium says; the same below.
    fn size(&self) -> io::Result<u64>;

    /// Reads `length` bytes from `offset` on, fewer at the end of the file.
    fn read(&self, offset: u64, length: usize) -> io::Result<Vec<u8>>;

    /// Adds `bytes` at the end, and returns once they are on the medium. After an error any part of them may be there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file to `size` bytes, durably.
    fn truncate(&mut self, size: u64) -> io::Result<()>;

    /// Puts `content` in place of all there is: after a crash either the old or the new content is there, whole.
    fn replace(&mut self, content: &[u8]) -> io::Result<()>;
}
