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
//! A failure prints `error[code]: sentence` and `  help: cure` on standard error, once for every problem; with
//! `--json` one line of JSON instead. `docs/ERRORS.md` has every code.

use std::process::{ExitCode, Termination};

use serde_json::json;

use crate::fault::{Code, Curable, Fault, Told};

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

impl Exit {
    const fn number(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Input => 2,
            Self::Environment => 3,
            Self::Divergence => 4,
        }
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self.number())
    }
}

/// Why a command failed, in sentences for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    exit: Exit,
    problems: Vec<Told>,
}

impl Failure {
    /// One sentence, with the cure of its code.
    fn new(exit: Exit, code: Code, sentence: impl Into<String>) -> Self {
        Self { exit, problems: vec![Told::new(code, sentence)] }
    }

    /// Wrong input.
    #[must_use]
    pub fn input(code: Code, sentence: impl Into<String>) -> Self {
        Self::new(Exit::Input, code, sentence)
    }

    /// A check that does not hold.
    #[must_use]
    pub fn check(code: Code, sentence: impl Into<String>) -> Self {
        Self::new(Exit::Failed, code, sentence)
    }

    /// What the machine does not allow.
    #[must_use]
    pub fn environment(code: Code, sentence: impl Into<String>) -> Self {
        Self::new(Exit::Environment, code, sentence)
    }

    /// The same with a cure for this very case.
    #[must_use]
    pub fn cured(mut self, cure: impl Into<String>) -> Self {
        if let Some(last) = self.problems.last_mut() {
            last.cure = cure.into();
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
        for Told { code, sentence, cure } in &self.problems {
            text.push_str(&format!("error[{}]: {sentence}\n  help: {cure}\n", code.name()));
        }
        text
    }

    /// The line for standard error where a script reads it.
    #[must_use]
    pub fn json(&self) -> String {
        let error = |one: &Told| json!({"code": one.code.name(), "message": one.sentence, "cure": one.cure});
        let errors: Vec<_> = self.problems.iter().map(error).collect();
        format!("{}\n", json!({"errors": errors, "exit": self.exit.number()}))
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

/// What nobody foresaw is taken for the machine's fault.
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::environment(Code::UNEXPECTED, format!("{error:#}"))
    }
}

/// The failure of a command that the system gives no random bytes.
pub(super) fn no_randomness(error: getrandom::Error) -> Failure {
    let sentence = format!("the operating system gives no random bytes: {error}");
    Failure::environment(Code::NO_RANDOMNESS, sentence)
}
