//! Data goes to standard output, everything else to standard error.

use std::io::{self, Write as _};

use ganglion_types::Rao;
use serde_json::Value;

use super::exit::Failure;
use crate::fault::Code;

/// Writes text to standard output. A reader that went away is no failure: `ganglion ... | head`.
///
/// # Errors
/// When it cannot be written otherwise, such as to a full disk.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let sentence = format!("cannot write to standard output: {error}");
            Err(Failure::environment(Code::OUTPUT, sentence))
        }
        _ => Ok(()),
    }
}

/// Writes one JSON value and a newline.
///
/// # Errors
/// See [`print()`].
pub fn print_json(value: &Value) -> Result<(), Failure> {
    print(&format!("{value:#}\n"))
}

/// Writes a line for people to standard error. What cannot be written there is lost.
pub fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// An amount for JSON: a number while every reader holds it exactly, text above 2^53.
#[must_use]
pub fn rao_json(amount: Rao) -> Value {
    match amount.get() {
        exact @ 0..=0x20_0000_0000_0000 => exact.into(),
        large => large.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_above_two_to_the_53_are_text() {
        assert_eq!(rao_json(Rao::new(1 << 53)), Value::from(1_u64 << 53));
        assert_eq!(rao_json(Rao::new((1 << 53) + 1)), Value::from("9007199254740993"));
    }
}
