//! How others reach the node, as words.

use super::{Nat, Relay};

pub(super) fn nat(text: &str) -> Result<Nat, String> {
    match text {
        "auto" => Ok(Nat::Auto),
        "behind" => Ok(Nat::Behind),
        "none" => Ok(Nat::None),
        _ => Err("must be auto, behind or none".into()),
    }
}

pub(super) fn relay(text: &str) -> Result<Relay, String> {
    match text {
        "auto" => Ok(Relay::Auto),
        "on" => Ok(Relay::On),
        "off" => Ok(Relay::Off),
        _ => Err("must be auto, on or off".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SETTINGS;

    /// The words in the reference are those that are taken, and the default is one of them.
    #[test]
    fn the_reference_names_every_word() {
        for (key, takes) in [
            ("nat", (|text| nat(text).is_ok()) as fn(&str) -> bool),
            ("relay", |text| relay(text).is_ok()),
        ] {
            let setting = SETTINGS.iter().find(|setting| setting.field.key == key).unwrap();
            let words = setting.field.bounds.replace(" or ", ", ");
            assert_eq!(words.split(", ").filter(|word| takes(word)).count(), 3, "{words}");
            assert!(takes(setting.field.default.trim_matches('"')));
            assert!(!takes("yes") && !takes(""));
        }
    }
}
