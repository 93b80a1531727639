//! One line of progress on standard error.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use super::output;

/// Pause between two lines in a log file.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// A line on a terminal that is written over; in a log file, a line now and then.
pub(super) struct ProgressLine {
    terminal: bool,
    logged: Option<(Instant, String)>,
    shown: bool,
}

impl ProgressLine {
    pub(super) fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), logged: None, shown: false }
    }

    pub(super) fn show(&mut self, text: &str) {
        if self.terminal {
            // What cannot be shown is lost.
            let _ = write!(std::io::stderr(), "\r\x1b[K{text}");
            self.shown = true;
        } else if self.is_news(text) {
            output::note(text);
            self.logged = Some((Instant::now(), text.to_owned()));
        }
    }

    fn is_news(&self, text: &str) -> bool {
        let news = |(at, last): &(Instant, String)| at.elapsed() >= LOG_EVERY && last != text;
        self.logged.as_ref().is_none_or(news)
    }

    /// Takes the line away, for what is written next.
    pub(super) fn clear(&mut self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
            self.shown = false;
        }
    }

    /// Leaves the line where it is.
    pub(super) fn end(&mut self) {
        if self.shown {
            let _ = writeln!(std::io::stderr());
            self.shown = false;
        }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.clear();
    }
}
