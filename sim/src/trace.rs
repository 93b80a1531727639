//! What happened, as one hash, and as lines for people.

use std::fmt::Write as _;

/// Hash of everything that happened, in order; on demand the lines too.
#[derive(Debug)]
pub(crate) struct Trace {
    hasher: blake3::Hasher,
    lines: Option<Vec<String>>,
    began: u64,
}

impl Trace {
    /// An empty trace of a world whose time begins at `began`.
    #[must_use]
    pub(crate) fn new(began: u64, with_lines: bool) -> Self {
        Self { hasher: blake3::Hasher::new(), lines: with_lines.then(Vec::new), began }
    }

    /// Takes an event: when, where, and what by a name and bytes.
    pub(crate) fn note(&mut self, at: u64, node: usize, what: &'static str, bytes: &[u8]) {
        let mut head = [0; 24];
        head[..8].copy_from_slice(&at.to_be_bytes());
        head[8..16].copy_from_slice(&(node as u64).to_be_bytes());
        head[16..].copy_from_slice(&(bytes.len() as u64).to_be_bytes());
        self.hasher.update(&head).update(what.as_bytes()).update(bytes);
    }

    /// Adds a line for people, if anybody asked for lines.
    pub(crate) fn line(&mut self, at: u64, node: usize, text: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            let since = at.saturating_sub(self.began);
            let mut line = String::new();
            // Writing to a string never fails.
            let _ = write!(line, "{:>9.3}s  n{node:<2} {}", since as f64 / 1_000.0, text());
            lines.push(line);
        }
    }

    /// The hash.
    #[must_use]
    pub(crate) fn hash(&self) -> [u8; 32] {
        *self.hasher.finalize().as_bytes()
    }

    /// The lines.
    #[must_use]
    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}
