//! The code of an error: one stable name for each kind, with what it means and what to do.

use super::table::AREAS;

/// One kind of error that a user may meet. The table of all is in `table/`, one row for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    name: &'static str,
    meaning: &'static str,
    cure: &'static str,
}

/// Codes that belong together.
#[derive(Clone, Copy, Debug)]
pub struct Area {
    /// Heading of the area.
    pub title: &'static str,
    /// Its codes.
    pub codes: &'static [Code],
}

/// Rows of one area: the constant, its printed name, what it means, and the cure.
macro_rules! area {
    ($area:ident $title:literal $($code:ident $name:literal $meaning:literal $cure:literal;)+) => {
        impl Code {
            $(#[doc = $meaning] pub const $code: Self = Self::row($name, $meaning, $cure);)+
        }

        pub(super) const $area: Area = Area { title: $title, codes: &[$(Code::$code),+] };
    };
}
pub(super) use area;

impl Code {
    pub(super) const fn row(name: &'static str, meaning: &'static str, cure: &'static str) -> Self {
        Self { name, meaning, cure }
    }

    /// Every code, area by area.
    pub fn all() -> impl Iterator<Item = Self> {
        AREAS.iter().flat_map(|area| area.codes.iter().copied())
    }

    /// Every area with its codes.
    #[must_use]
    pub const fn areas() -> &'static [Area] {
        &AREAS
    }

    /// The code of a name, with hyphens or, as the API writes it, underscores.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name = name.replace('_', "-");
        Self::all().find(|code| code.name == name)
    }

    /// The code of a rule of the ledger by the rule's own name, such as `not_registered`.
    #[must_use]
    pub fn of_rule(rule: &str) -> Self {
        Self::named(&format!("rule-{rule}")).unwrap_or(Self::RULE_UNKNOWN)
    }

    /// Its printed name: stable, lower case, with hyphens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// What it means, in one sentence.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        self.meaning
    }

    /// What to do, where nothing more exact is known.
    #[must_use]
    pub const fn cure(self) -> &'static str {
        self.cure
    }
}
