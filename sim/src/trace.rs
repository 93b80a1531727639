//! What happened, as one hash, and as lines for people.

use std::fmt::Write as _;

/// Bytes that are hashed at once.
const PENDING: usize = 64 * 1024;

/// Hash of everything that happened, in order; on demand the lines too.
#[derive(Debug)]
pub(crate) struct Trace {
    hasher: blake3::Hasher,
    /// Not yet hashed: many small pieces cost far more than one large one.
    pending: Vec<u8>,
    lines: Option<Vec<String>>,
    began: u64,
}

impl Trace {
    /// An empty trace of a world whose time begins at `began`.
    #[must_use]
    pub(crate) fn new(began: u64, with_lines: bool) -> Self {
        let pending = Vec::with_capacity(2 * PENDING);
        Self { hasher: blake3::Hasher::new(), pending, lines: with_lines.then(Vec::new), began }
    }

    /// Takes an event: when, where, and what by a name and bytes.
    pub(crate) fn note(&mut self, at: u64, node: usize, what: &'static str, bytes: &[u8]) {
        self.pending.extend_from_slice(&at.to_be_bytes());
        self.pending.extend_from_slice(&(node as u64).to_be_bytes());
        self.pending.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        self.pending.extend_from_slice(what.as_bytes());
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= PENDING {
            self.hasher.update(&self.pending);
            self.pending.clear();
        }
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
        let mut hasher = self.hasher.clone();
        *hasher.update(&self.pending).finalize().as_bytes()
    }

    /// The lines.
    #[must_use]
    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}
