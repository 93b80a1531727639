//! What can be wrong with a vector file, in sentences with a cure.

use std::fmt;
use std::io;

use ganglion_consensus::yuma::YumaError;
use thiserror::Error;

use crate::fault::{Code, Curable, Fault};

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Name of the file as given.
    pub file: String,
    /// Line, counted from one.
    pub line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Why a file could not be run or checked.
#[derive(Debug, Error)]
pub enum VectorError {
    /// The file cannot be opened.
    #[error("cannot open {file}: {source}")]
    Open {
        /// Name of the file.
        file: String,
        /// What the system says.
        source: io::Error,
    },
    /// The file breaks off or is damaged.
    #[error("{place}: cannot read on: {source}")]
    Read {
        /// The line being read.
        place: Place,
        /// What the system or the decompressor says.
        source: io::Error,
    },
    /// A line is longer than any case has to be.
    #[error("{place}: the line is longer than {limit} bytes")]
    LineTooLong {
        /// The line.
        place: Place,
        /// Longest line allowed.
        limit: u64,
    },
    /// A line is not a case.
    #[error("{place}{}: {}{message}", column_of(*.column), case_of(.case.as_ref(), .path))]
    Malformed {
        /// The line.
        place: Place,
        /// Byte of the line, counted from one; zero if unknown.
        column: usize,
        /// Id of the case, if the line has one that can be read.
        case: Option<String>,
        /// Where in the object, such as `input.weights[3][0]`; empty at its top.
        path: String,
        /// What is wrong there.
        message: String,
    },
    /// A step breaks a rule of the format.
    #[error("{place}: case {case}, step {step}: {rule}")]
    Step {
        /// The line of the case.
        place: Place,
        /// Its id.
        case: String,
        /// The step, counted from zero.
        step: usize,
        /// The rule.
        rule: Rule,
    },
    /// The epoch refuses the state of a step.
    #[error("{place}: case {case}, step {step}: {source}")]
    Epoch {
        /// The line of the case.
        place: Place,
        /// Its id.
        case: String,
        /// The step, counted from zero.
        step: usize,
        /// Why.
        source: YumaError,
    },
    /// There is nothing in the file to check.
    #[error("{file} holds no case, so nothing was checked")]
    NoCase {
        /// Name of the file.
        file: String,
    },
    /// The result cannot be written.
    #[error("cannot write the result: {0}")]
    Write(#[source] io::Error),
}

fn column_of(column: usize) -> String {
    if column == 0 { String::new() } else { format!(":{column}") }
}

fn case_of(case: Option<&String>, path: &str) -> String {
    let case = case.map_or_else(String::new, |case| format!("case {case}: "));
    if path.is_empty() { case } else { format!("{case}`{path}`: ") }
}

/// A rule of the vector format that a step breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Rule {
    /// A whole matrix and rows of it at once.
    #[error("`set` has both `{0}` and `{0}_rows`")]
    Both(&'static str),
    /// A row for a uid that does not exist.
    #[error("`set.{field}_rows` names uid {uid}, but there are {rows} rows")]
    NoSuchRow {
        /// `weights` or `bonds`.
        field: &'static str,
        /// The uid named.
        uid: u16,
        /// Number of rows there are.
        rows: usize,
    },
    /// Commit-reveal without its blocks.
    #[error("`commit_reveal` is true, but there are no `commit_blocks`")]
    NoCommitBlocks,
    /// A step to be checked that expects nothing.
    #[error("there is nothing in `expected` to compare with")]
    NothingExpected,
}

impl VectorError {
    /// Whether standard output was closed by its reader, which is no failure: `... | head`.
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Write(source) if source.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl Curable for VectorError {
    fn code(&self) -> Code {
        match self {
            Self::Open { .. } => Code::VECTORS_OPEN,
            Self::Read { .. } => Code::VECTORS_CUT,
            Self::LineTooLong { .. } => Code::VECTORS_LINE,
            Self::Malformed { .. } => Code::VECTORS_FORM,
            Self::Step { .. } => Code::VECTORS_STEP,
            Self::Epoch { .. } => Code::VECTORS_STATE,
            Self::NoCase { .. } => Code::VECTORS_EMPTY,
            Self::Write(_) => Code::OUTPUT,
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Write(_) => Fault::Environment,
            _ => Fault::Input,
        }
    }

    fn cure(&self) -> String {
        let cure = match self {
            Self::Step { rule, .. } => match rule {
                Rule::Both(_) => "Keep one of the two.",
                Rule::NoSuchRow { .. } => "Name uids below `n`, or set the whole matrix with `n`.",
                Rule::NoCommitBlocks => "Add `commit_blocks` with one block for each uid.",
                Rule::NothingExpected => {
                    "Use `ganglion yuma run` to see what it gives, or add `expected`."
                }
            },
            Self::Epoch { source: YumaError::Length { .. }, .. } => {
                "Give every per-uid vector exactly `n` elements."
            }
            Self::Epoch { source: YumaError::DuplicateUid { .. }, .. } => {
                "Keep one entry for each uid in a row."
            }
            _ => self.code().cure(),
        };
        cure.to_owned()
    }
}
