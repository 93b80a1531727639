//! How a command ends: the exit codes and what is printed on failure.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | a check did not hold: a difference, a missed epoch, an answer that never came |
//! | 2 | wrong usage or input: a flag, a file's content, a password |
//! | 3 | the machine does not allow it: a port in use, a lock, permissions, space |
//! | 4 | what the subnet certified cannot be reproduced here: the node stopped and named the row |
//!
//! A failure prints `error: sentence` and `  help: cure` on standard error, once for every problem.

use std::process::{ExitCode, Termination};

use crate::fault::{Curable, Fault};

/// An exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Ok = 0,
    /// A check did not hold.
    Failed = 1,
    /// Wrong usage or input.
    Input = 2,
    /// The machine does not allow it.
    Environment = 3,
    /// What was certified cannot be reproduced.
    Divergence = 4,
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Input => 2,
            Self::Environment => 3,
            Self::Divergence => 4,
        })
    }
}

/// Why a command failed, in sentences for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    exit: Exit,
    problems: Vec<(String, Option<String>)>,
}

impl Failure {
    /// One sentence and its cure.
    #[must_use]
    pub fn new(exit: Exit, sentence: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { exit, problems: vec![(sentence.into(), Some(cure.into()))] }
    }

    /// Wrong input.
    #[must_use]
    pub fn input(sentence: impl Into<String>, cure: impl Into<String>) -> Self {
        Self::new(Exit::Input, sentence, cure)
    }

    /// A check that does not hold; the sentence says it all.
    #[must_use]
    pub fn check(sentence: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, problems: vec![(sentence.into(), None)] }
    }

    /// The same, with a cure for what has none.
    #[must_use]
    pub fn cured(mut self, cure: impl Into<String>) -> Self {
        if let Some((_, none @ None)) = self.problems.last_mut() {
            *none = Some(cure.into());
        }
        self
    }

    /// How the process ends.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        self.exit
    }

    /// The lines for standard error.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        for (sentence, cure) in &self.problems {
            text.push_str(&format!("error: {sentence}\n"));
            if let Some(cure) = cure {
                text.push_str(&format!("  help: {cure}\n"));
            }
        }
        text
    }
}

impl<E: Curable> From<E> for Failure {
    fn from(error: E) -> Self {
        let exit = match error.fault() {
            Fault::Check => Exit::Failed,
            Fault::Input => Exit::Input,
            Fault::Environment => Exit::Environment,
            Fault::Divergence => Exit::Divergence,
        };
        Self { exit, problems: error.each() }
    }
}

/// Failures that nobody gave a cure are the machine's.
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { exit: Exit::Environment, problems: vec![(format!("{error:#}"), None)] }
    }
}
