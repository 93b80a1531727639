//! The workers that come with the node.
//!
//! They run as child processes like any other (`ganglion worker NAME`), so nothing a model does
//! in its own time or memory can hurt the node.

use std::io::{BufReader, stdin, stdout};
use std::path::Path;

use self::digits::classify::{Centroid, Knn, LogReg, Majority};
use self::digits::scorer::Scorer;
use self::digits::workers::{LearningMiner, Miner};
use self::digits::{Mlp, TASK};
use crate::fault::{Code, Curable, Fault};
use crate::worker::Role;
use crate::worker::serve::{Worker, serve};

pub mod digits;

/// A worker that comes with the node.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// As in `builtin = "NAME"` and `ganglion worker NAME`.
    pub name: &'static str,
    /// Which side it serves.
    pub role: Role,
    /// Task type it serves.
    pub task: &'static str,
    /// One line for people.
    pub about: &'static str,
    make: fn() -> Box<dyn Worker>,
}

/// All of them; miners from the weakest to the strongest.
pub const BUILTINS: [Builtin; 7] = [
    miner("digits-majority", "always the commonest digit: the floor", || {
        Box::new(Miner::new("digits-majority", || Ok(Box::new(Majority::train()))))
    }),
    miner("digits-centroid", "nearest average picture of 200 examples", || {
        Box::new(Miner::new("digits-centroid", || Ok(Box::new(Centroid::train()))))
    }),
    miner("digits-logreg", "multinomial logistic regression (smartcore)", || {
        Box::new(Miner::new("digits-logreg", || Ok(Box::new(LogReg::train()?))))
    }),
    miner("digits-mlp", "perceptron 64-48-10, trained by gradient descent", || {
        Box::new(Miner::new("digits-mlp", || Ok(Box::new(Mlp::train()))))
    }),
    miner("digits-knn", "3 nearest neighbours of 4,000 images (smartcore)", || {
        Box::new(Miner::new("digits-knn", || Ok(Box::new(Knn::train()?))))
    }),
    miner("digits-learner", "starts weak and learns from each epoch's rewards", || {
        Box::new(LearningMiner::default())
    }),
    Builtin {
        name: "digits-scorer",
        role: Role::Validator,
        task: TASK,
        about: "draws shifted, noisy digits and scores the right label",
        make: || Box::new(Scorer),
    },
];

const fn miner(name: &'static str, about: &'static str, make: fn() -> Box<dyn Worker>) -> Builtin {
    Builtin { name, role: Role::Miner, task: TASK, about, make }
}

/// No worker of this name comes with the node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no built-in worker {name:?}; there are {}", names())]
pub struct UnknownBuiltin {
    /// The name asked for.
    pub name: String,
}

fn names() -> String {
    BUILTINS.map(|builtin| builtin.name).join(", ")
}

/// The built-in worker of this name.
///
/// # Errors
/// [`UnknownBuiltin`], whose text lists the names.
pub fn builtin(name: &str) -> Result<&'static Builtin, UnknownBuiltin> {
    let found = BUILTINS.iter().find(|builtin| builtin.name == name);
    found.ok_or_else(|| UnknownBuiltin { name: name.to_owned() })
}

/// The command of a built-in worker, given the path of the `ganglion` binary.
///
/// # Errors
/// [`UnknownBuiltin`].
pub fn builtin_command(ganglion: &Path, name: &str) -> Result<Vec<String>, UnknownBuiltin> {
    let builtin = builtin(name)?;
    Ok(vec![ganglion.to_string_lossy().into_owned(), "worker".to_owned(), builtin.name.to_owned()])
}

impl Curable for UnknownBuiltin {
    fn code(&self) -> Code {
        Code::WORKER_UNKNOWN
    }

    fn fault(&self) -> Fault {
        Fault::Input
    }
}

/// Why a built-in worker ended before its stdin did.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No such worker.
    #[error(transparent)]
    Unknown(#[from] UnknownBuiltin),
    /// stdin or stdout broke.
    #[error("the connection to the node broke: {0}")]
    Io(#[from] std::io::Error),
}

impl Curable for RunError {
    fn code(&self) -> Code {
        match self {
            Self::Unknown(unknown) => unknown.code(),
            Self::Io(_) => Code::WORKER_PIPE,
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Unknown(unknown) => unknown.fault(),
            Self::Io(_) => Fault::Environment,
        }
    }
}

/// Is a built-in worker: answers calls on stdin and stdout until stdin ends.
///
/// Nothing else may write to stdout meanwhile.
///
/// # Errors
/// [`RunError`].
pub fn run(name: &str) -> Result<(), RunError> {
    let mut worker = (builtin(name)?.make)();
    serve(worker.as_mut(), BufReader::new(stdin().lock()), stdout().lock())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_unknown_ones_list_them() {
        let mut names = BUILTINS.map(|builtin| builtin.name).to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), BUILTINS.len());
        let error = builtin("digits-nope").expect_err("unknown").to_string();
        assert!(error.contains("digits-knn"), "{error}");
    }

    #[test]
    fn command_is_the_binary_and_its_subcommand() {
        let command = builtin_command(Path::new("/bin/ganglion"), "digits-mlp").expect("known");
        assert_eq!(command, ["/bin/ganglion", "worker", "digits-mlp"]);
    }
}
