//! What every error a user may meet must be able to say: its code, whose fault it is, and what cures it.

pub mod code;
pub mod page;
mod rules;
pub mod store;
mod table;
#[cfg(test)]
mod walk;

pub use code::Code;
pub use rules::{failed, inadmissible};

/// Who has to act. The process exit code follows from it, see [`crate::cli::exit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Something was checked and does not hold.
    Check,
    /// What the subnet certified cannot be reproduced on this machine.
    Divergence,
    /// What the user typed or wrote is wrong.
    Input,
    /// The machine does not allow it: a port, a lock, permissions, space.
    Environment,
}

/// One error as it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its kind.
    pub code: Code,
    /// What is wrong.
    pub sentence: String,
    /// What to do.
    pub cure: String,
}

impl Told {
    /// An error with the cure of its code.
    #[must_use]
    pub fn new(code: Code, sentence: impl Into<String>) -> Self {
        Self { code, sentence: sentence.into(), cure: code.cure().into() }
    }

    /// The same with a cure for this very case.
    #[must_use]
    pub fn cured(self, cure: impl Into<String>) -> Self {
        Self { cure: cure.into(), ..self }
    }
}

/// An error with a code, an addressee and a cure.
pub trait Curable: std::error::Error {
    /// Its kind.
    fn code(&self) -> Code;

    /// Who has to act.
    fn fault(&self) -> Fault;

    /// What to do about it: an imperative sentence, best with the exact command.
    fn cure(&self) -> String {
        self.code().cure().into()
    }

    /// It as one error.
    fn told(&self) -> Told {
        Told::new(self.code(), self.to_string()).cured(self.cure())
    }

    /// Every sentence with its code and cure; more than one only for errors that collect several.
    fn each(&self) -> Vec<Told> {
        vec![self.told()]
    }
}
