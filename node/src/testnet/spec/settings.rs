//! `[settings]`: how validators anchor.

use super::Settings;
use crate::config::SETTINGS;
use crate::document::{Notes, Section, take};

/// The settings of anchors, which are the same in `node.toml`. `{name}` in a value stands for the validator's name.
pub(super) fn read(notes: &mut Notes, root: &mut Section<'_>) -> Settings {
    let mut section = root.table(notes, "settings");
    let mut given = Vec::new();
    for setting in SETTINGS.iter().filter(|setting| setting.field.key.starts_with("anchor")) {
        let text = section.read(notes, &setting.field, take::text);
        given.extend(text.map(|text| (setting.field.key, text)));
    }
    section.finish(notes);
    given
}
