//! `docs/ERRORS.md`, from the table.

use std::fmt::Write as _;

use super::Code;

const HEAD: &str = "\
# Errors

Every error that a user may meet has a code, a sentence and a cure. A command prints `error[code]: sentence` and
`  help: cure` on standard error, once for every problem, and with `--json` one line of JSON there instead:
`{\"errors\": [{\"code\", \"message\", \"cure\"}], \"exit\"}`. The sentence names the case; the code stays the same from release to
release. `ganglion explain CODE` prints what is said here, and `ganglion explain` lists all.

The [API](API.md#refusals) writes codes with `_` in place of `-`, and a rule of the ledger as `rule` without `rule-`.
A cure here is the general one: where more is known, the program names the file, the node or the number.

Made from the table in `node/src/fault/table` by `GANGLION_REFERENCE=1 cargo test -p ganglion --lib fault::page`; the same test compares both.
";

/// The whole page.
#[must_use]
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    for area in Code::areas() {
        let _ = write!(page, "\n## {}\n\n| code | meaning | cure |\n|---|---|---|\n", area.title);
        for code in area.codes {
            let _ = writeln!(page, "| `{}` | {} | {} |", code.name(), code.meaning(), code.cure());
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_what_the_table_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/ERRORS.md");
        let wanted = page();
        if std::env::var_os("GANGLION_REFERENCE").is_some() {
            std::fs::write(path, &wanted).unwrap();
        }
        let found = std::fs::read_to_string(path).unwrap_or_default();
        let differs = found.lines().zip(wanted.lines()).find(|(found, wanted)| found != wanted);
        assert!(
            found == wanted,
            "docs/ERRORS.md is not what the table says, first at {differs:?}; write it anew with\n\
             GANGLION_REFERENCE=1 cargo test -p ganglion --lib fault::page"
        );
    }
}
