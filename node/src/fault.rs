//! What every error a user may meet must be able to say: whose fault it is and what cures it.

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

/// An error with an addressee and, where one is known, a cure.
pub trait Curable: std::error::Error {
    /// Who has to act.
    fn fault(&self) -> Fault;

    /// What to do about it: one imperative sentence, best with the exact command.
    fn cure(&self) -> Option<String>;

    /// Every sentence with its cure; more than one only for errors that collect several.
    fn each(&self) -> Vec<(String, Option<String>)> {
        vec![(self.to_string(), self.cure())]
    }
}
