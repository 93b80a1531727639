//! What the person who runs a testnet sees.

use std::io::{self, IsTerminal as _, Write};

/// Where things are said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// On a terminal: sentences above, a table redrawn in place below.
    Live,
    /// To a file or pipe: sentences only, progress on standard error.
    Lines,
    /// Everything on standard error, because standard output is for one JSON object.
    Quiet,
}

impl Show {
    /// What suits this process.
    #[must_use]
    pub fn choose(json: bool) -> Self {
        match (json, io::stdout().is_terminal()) {
            (true, _) => Self::Quiet,
            (false, true) => Self::Live,
            (false, false) => Self::Lines,
        }
    }
}

/// Draws. What cannot be written is lost: nobody is looking.
pub struct Screen {
    show: Show,
    data: Box<dyn Write + Send>,
    progress: Box<dyn Write + Send>,
    /// Lines of the table that stand below the cursor's start.
    drawn: usize,
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Screen({:?})", self.show)
    }
}

impl Screen {
    /// Standard output and error.
    #[must_use]
    pub fn new(show: Show) -> Self {
        Self { show, data: Box::new(io::stdout()), progress: Box::new(io::stderr()), drawn: 0 }
    }

    /// A step of progress or something odd.
    pub fn note(&mut self, line: &str) {
        match self.show {
            Show::Live => self.above(line),
            Show::Lines | Show::Quiet => drop(writeln!(self.progress, "{line}")),
        }
    }

    /// What happened in an epoch.
    pub fn sentence(&mut self, line: &str) {
        match self.show {
            Show::Live => self.above(line),
            Show::Lines => {
                let _ = writeln!(self.data, "{line}").and_then(|()| self.data.flush());
            }
            Show::Quiet => drop(writeln!(self.progress, "{line}")),
        }
    }

    /// The table as it is now, on a terminal.
    pub fn table(&mut self, text: &str) {
        if self.show != Show::Live {
            return;
        }
        let (width, height) = terminal_size::terminal_size()
            .map_or((120, 50), |(width, height)| (usize::from(width.0), usize::from(height.0)));
        // A line that wraps, or one that scrolls away, could not be redrawn in place.
        let lines: Vec<String> = text
            .lines()
            .take(height.saturating_sub(2).max(1))
            .map(|line| line.chars().take(width.saturating_sub(1)).collect())
            .collect();
        let up = self.back();
        let _ = writeln!(self.data, "{up}{}", lines.join("\n")).and_then(|()| self.data.flush());
        self.drawn = lines.len();
    }

    /// Leaves the last table standing; what follows comes below it.
    pub fn leave(&mut self) {
        self.drawn = 0;
    }

    fn above(&mut self, line: &str) {
        let up = self.back();
        let _ = writeln!(self.data, "{up}{line}").and_then(|()| self.data.flush());
        self.drawn = 0;
    }

    /// To the start of the table, which is erased.
    fn back(&self) -> String {
        match self.drawn {
            0 => String::new(),
            lines => format!("\x1b[{lines}A\x1b[J"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn shown(show: Show) -> (String, String) {
        let (data, progress) = (Buffer::default(), Buffer::default());
        let mut screen = Screen {
            show,
            data: Box::new(data.clone()),
            progress: Box::new(progress.clone()),
            drawn: 0,
        };
        screen.note("note");
        screen.table("a\nb\n");
        screen.sentence("sentence");
        screen.table("c\n");
        screen.leave();
        screen.note("end");
        let text = |buffer: Buffer| String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        (text(data), text(progress))
    }

    #[test]
    fn on_a_terminal_the_table_is_redrawn_below_the_sentences() {
        let (data, progress) = shown(Show::Live);
        assert_eq!(data, "note\na\nb\n\x1b[2A\x1b[Jsentence\nc\nend\n");
        assert_eq!(progress, "");
    }

    #[test]
    fn elsewhere_there_are_only_lines_and_with_json_none_on_standard_output() {
        assert_eq!(shown(Show::Lines), ("sentence\n".into(), "note\nend\n".into()));
        assert_eq!(shown(Show::Quiet), (String::new(), "note\nsentence\nend\n".into()));
    }
}
