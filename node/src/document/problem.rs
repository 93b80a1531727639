//! What is wrong with a file, as people are told.

use std::fmt;

use crate::fault::{Code, Curable, Fault, Told};

/// One thing wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Counted from 1.
    pub line: usize,
    /// The field's path, such as `hyperparameters.kappa`; empty for the file as a whole.
    pub field: String,
    /// The value as it is written, where there is one.
    pub found: Option<String>,
    /// The rule it breaks.
    pub rule: String,
    /// What to do.
    pub cure: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.line)?;
        match (&self.field[..], &self.found) {
            ("", _) => {}
            (field, None) => write!(f, "{field}: ")?,
            (field, Some(found)) => write!(f, "{field} = {found}: ")?,
        }
        f.write_str(&self.rule)
    }
}

/// Everything wrong with a file, at least one problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    /// The file as the user named it.
    pub file: String,
    /// In the order of the file.
    pub list: Vec<Problem>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.list.iter().enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            write!(f, "{newline}{}:{problem}", self.file)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl Curable for Problems {
    fn code(&self) -> Code {
        Code::FILE_RULES
    }

    fn fault(&self) -> Fault {
        Fault::Input
    }

    fn each(&self) -> Vec<Told> {
        let each =
            |one: &Problem| Told::new(self.code(), format!("{}:{one}", self.file)).cured(&one.cure);
        self.list.iter().map(each).collect()
    }
}
