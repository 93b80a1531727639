//! The parameters of a subnet as people write them: names and units of the manifest's file.

use ganglion_types::{Change, Parameter, Rao};

use crate::document::Field;
use crate::fault::{Code, Curable, Fault};
use crate::manifest::fields;
use crate::units;

/// Text that is no change of a parameter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// Not of the form `NAME=VALUE`.
    #[error("{text:?} is no change of a parameter")]
    Form {
        /// What was given.
        text: String,
    },
    /// A name that no parameter has.
    #[error("there is no parameter {name:?}")]
    Unknown {
        /// The name given.
        name: String,
    },
    /// A value that cannot be one of this parameter.
    #[error("{value:?} is no value of {name}")]
    Value {
        /// The parameter.
        name: &'static str,
        /// What was given.
        value: String,
        /// The parameter's unit.
        unit: &'static str,
        /// Its bounds.
        bounds: &'static str,
    },
    /// Two values for one parameter.
    #[error("{name} is given twice")]
    Twice {
        /// The parameter.
        name: &'static str,
    },
}

impl Curable for ChangeError {
    fn code(&self) -> Code {
        match self {
            Self::Form { .. } => Code::CHANGE_FORM,
            Self::Unknown { .. } => Code::CHANGE_UNKNOWN,
            Self::Value { .. } => Code::CHANGE_VALUE,
            Self::Twice { .. } => Code::CHANGE_TWICE,
        }
    }

    fn fault(&self) -> Fault {
        Fault::Input
    }

    fn cure(&self) -> String {
        match self {
            Self::Value { unit, bounds, .. } => format!("Its unit: {unit}. Allowed: {bounds}."),
            _ => self.code().cure().into(),
        }
    }
}

/// How a parameter's value is written.
enum Form {
    Units,
    Duration,
    Flag,
    Number,
}

/// What the manifest's file says of a parameter.
fn field(parameter: &Parameter) -> Option<&'static Field> {
    let (all, key): (&'static [Field], &str) = match parameter.name.strip_prefix("phases.") {
        Some(key) => (&fields::PHASES, key),
        None if fields::TOP.iter().any(|field| field.key == parameter.name) => {
            (&fields::TOP, parameter.name)
        }
        None => (&fields::HYPERPARAMETERS, parameter.name),
    };
    all.iter().find(|field| field.key == key)
}

fn form(parameter: &Parameter) -> Form {
    match unit(parameter) {
        "duration" => Form::Duration,
        "true or false" => Form::Flag,
        unit if unit.starts_with("units") => Form::Units,
        _ => Form::Number,
    }
}

/// The unit that the manifest gives a parameter.
#[must_use]
pub fn unit(parameter: &Parameter) -> &'static str {
    field(parameter).map_or("", |field| field.unit)
}

/// A value as the manifest's file writes it, without quotes.
#[must_use]
pub fn show(parameter: &Parameter, value: u64) -> String {
    match form(parameter) {
        Form::Units => Rao::new(value).to_string(),
        Form::Duration => units::show_ms(value),
        Form::Flag => (value != 0).to_string(),
        Form::Number => value.to_string(),
    }
}

/// Reads `NAME=VALUE` as the manifest's file would.
///
/// # Errors
/// What is wrong with it; whether the value keeps to the rules is the ledger's to say.
pub fn parse(text: &str) -> Result<Change, ChangeError> {
    let (name, value) =
        text.split_once('=').ok_or_else(|| ChangeError::Form { text: text.into() })?;
    let name = name.trim();
    let unknown = || ChangeError::Unknown { name: name.into() };
    let parameter = Parameter::named(name).ok_or_else(unknown)?;
    let value = value.trim().trim_matches('"');
    let read = match form(parameter) {
        Form::Units => value.parse::<Rao>().ok().map(Rao::get),
        Form::Duration => units::parse_ms(value).ok(),
        Form::Flag => value.parse::<bool>().ok().map(u64::from),
        Form::Number => value.replace('_', "").parse().ok(),
    };
    let field = field(parameter);
    let wrong = || ChangeError::Value {
        name: parameter.name,
        value: value.into(),
        unit: field.map_or("", |field| field.unit),
        bounds: field.map_or("", |field| field.bounds),
    };
    read.map(|value| Change { parameter: parameter.number, value }).ok_or_else(wrong)
}

/// Reads several, in any order; a revision holds them by number.
///
/// # Errors
/// What is wrong with the first bad one.
pub fn parse_all(texts: &[String]) -> Result<Vec<Change>, ChangeError> {
    let mut changes = Vec::new();
    for text in texts {
        changes.push(parse(text)?);
    }
    changes.sort_by_key(|change| change.parameter);
    let twice = changes.windows(2).find(|pair| pair[0].parameter == pair[1].parameter);
    match twice.and_then(|pair| Parameter::of(pair[0].parameter)) {
        Some(parameter) => Err(ChangeError::Twice { name: parameter.name }),
        None => Ok(changes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_is_a_field_of_the_manifest() {
        for parameter in Parameter::ALL {
            assert!(field(parameter).is_some(), "{parameter:?}");
        }
    }

    #[test]
    fn values_are_read_and_shown_in_the_units_of_the_manifest() {
        for (text, number, value, shown) in [
            ("emission=12.5", 1, 12_500_000_000, "12.5"),
            ("kappa=32_767", 2, 32_767, "32767"),
            ("yuma3_enabled=false", 3, 0, "false"),
            ("min_burn=0.000000001", 26, 1, "0.000000001"),
            ("epoch_length=\"1m30s\"", 100, 90_000, "1m30s"),
            (" phases.vote = 60", 107, 60, "60"),
        ] {
            let change = parse(text).unwrap();
            assert_eq!(change, Change { parameter: number, value }, "{text}");
            assert_eq!(show(Parameter::of(number).unwrap(), value), shown);
        }
    }

    #[test]
    fn what_is_no_change_is_refused_with_its_cure() {
        for (text, said, cure) in [
            ("kappa", "no change", "NAME=VALUE"),
            ("kapa=1", "no parameter \"kapa\"", "subnet parameters"),
            ("kappa=half", "no value of kappa", "u16 fraction"),
            ("emission=-1", "no value of emission", "units"),
            ("epoch_length=10", "no value of epoch_length", "2s to 24h"),
            ("yuma3_enabled=1", "no value of yuma3_enabled", "true or false"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
            assert!(error.cure().contains(cure), "{text}: {:?}", error.cure());
        }
        let all =
            |texts: &[&str]| parse_all(&texts.iter().map(|t| (*t).into()).collect::<Vec<_>>());
        assert!(all(&["kappa=1", "kappa=2"]).unwrap_err().to_string().contains("twice"));
        let numbers: Vec<u32> =
            all(&["max_burn=5", "kappa=1"]).unwrap().iter().map(|one| one.parameter).collect();
        assert_eq!(numbers, [2, 27]);
    }
}
