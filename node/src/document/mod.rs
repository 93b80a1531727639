//! Reading TOML so that every problem is named at once, each with its line, the rule and the cure.
//!
//! A deserialiser stops at the first error and knows no ranges. This reader walks the document
//! instead, notes where each field stands, and goes on after a bad one; rules that are checked later
//! on the finished value find their line through [`Notes::at`].

mod problem;
pub mod take;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use toml_edit::{Document, Item, TableLike, Value};

pub use problem::{Problem, Problems};

/// A documented field of a file.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its key.
    pub key: &'static str,
    /// Unit of its value, for people.
    pub unit: &'static str,
    /// Allowed values, for people.
    pub bounds: &'static str,
    /// The value it has when left out, as TOML; empty if it must be given.
    pub default: &'static str,
    /// What it does, one or two sentences.
    pub about: &'static str,
    /// Its name and default in Bittensor, or where else it comes from; may be empty.
    pub origin: &'static str,
}

impl Field {
    fn cure(&self) -> String {
        match self.default {
            "" => format!("Write {}: {}.", self.unit, self.bounds),
            default => format!("Set it to {default}, the default."),
        }
    }
}

/// What was noted while reading: problems, and the line of every field.
#[derive(Debug)]
pub struct Notes {
    starts: Vec<usize>,
    text: String,
    lines: BTreeMap<String, Range<usize>>,
    problems: Vec<Problem>,
}

impl Notes {
    /// Parses a document. Text that is no TOML is the one problem after which nothing can be read.
    ///
    /// # Errors
    /// The problem, with its line.
    pub fn parse(file: &str, text: &str) -> Result<(Document<String>, Self), Problems> {
        let starts = std::iter::once(0)
            .chain(
                text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1),
            )
            .collect();
        let mut notes =
            Self { starts, text: text.into(), lines: BTreeMap::new(), problems: Vec::new() };
        match Document::parse(text.to_owned()) {
            Ok(document) => Ok((document, notes)),
            Err(error) => {
                let line = notes.line(error.span().map_or(0, |span| span.start));
                let rule = error.message().trim().replace('\n', "; ");
                let cure = "Mend the TOML syntax there.".into();
                notes.problem(line, "", None, rule, cure);
                Err(notes.into_problems(file))
            }
        }
    }

    /// Notes a problem.
    pub fn problem(
        &mut self,
        line: usize,
        field: &str,
        found: Option<String>,
        rule: String,
        cure: String,
    ) {
        self.problems.push(Problem { line, field: field.into(), found, rule, cure });
    }

    /// Notes a broken rule of a field that was read before. A field that was left out, or an element
    /// of a list, is reported where the nearest thing around it stands.
    pub fn broken(&mut self, field: &str, rule: String, cure: String) {
        let mut around = field;
        loop {
            if let Some(span) = self.lines.get(around).cloned() {
                let line = self.line(span.start);
                let found = (around == field).then(|| self.value(span)).flatten();
                return self.problem(line, field, found, rule, cure);
            }
            match around.rfind(['.', '[']) {
                Some(end) => around = &around[..end],
                None => return self.problem(1, field, None, rule, cure),
            }
        }
    }

    /// Remembers where a field stands.
    pub fn at(&mut self, field: impl Into<String>, span: Option<Range<usize>>) {
        if let Some(span) = span {
            self.lines.insert(field.into(), span);
        }
    }

    /// The line of a field that was read, 1 if it was not.
    #[must_use]
    pub fn line_of(&self, field: &str) -> usize {
        self.lines.get(field).map_or(1, |span| self.line(span.start))
    }

    /// Whether this very field was noted as wrong.
    #[must_use]
    pub fn has_problem(&self, field: &str) -> bool {
        self.problems.iter().any(|problem| problem.field == field)
    }

    /// Whether nothing is wrong so far.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// The problems in the order of the file.
    #[must_use]
    pub fn into_problems(mut self, file: &str) -> Problems {
        self.problems.sort_by_key(|problem| problem.line);
        Problems { file: file.into(), list: self.problems }
    }

    fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).max(1)
    }

    /// The value as written, shortened; tables have none.
    fn value(&self, span: Range<usize>) -> Option<String> {
        let text = self.text.get(span)?;
        if text.starts_with('[') || text.contains('\n') {
            return None;
        }
        let short: String = text.chars().take(72).collect();
        Some(if short.len() < text.len() { format!("{short}...") } else { short })
    }
}

/// A value and the text it was written as.
#[derive(Clone, Copy, Debug)]
pub struct Found<'d> {
    item: &'d Item,
    raw: &'d str,
}

impl std::ops::Deref for Found<'_> {
    type Target = Item;

    fn deref(&self) -> &Item {
        self.item
    }
}

/// An element of a list: where it stands, and the table that it is, if it is one.
type Place<'d> = (Option<Range<usize>>, Option<&'d dyn TableLike>);

/// One table being read.
pub struct Section<'d> {
    path: String,
    table: Option<&'d dyn TableLike>,
    line: usize,
    known: Vec<&'static str>,
    missing: Vec<Field>,
}

impl fmt::Debug for Section<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Section({:?}, line {})", self.path, self.line)
    }
}

impl<'d> Section<'d> {
    /// The table that is the whole document.
    #[must_use]
    pub fn root(document: &'d Document<String>) -> Self {
        let table: &dyn TableLike = document.as_table();
        Self {
            path: String::new(),
            table: Some(table),
            line: 1,
            known: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// The table `key`, empty where it is left out.
    pub fn table(&mut self, notes: &mut Notes, key: &'static str) -> Self {
        let path = self.path_of(key);
        let item = self.item(key);
        let mut section =
            Self { path, table: None, line: self.line, known: Vec::new(), missing: Vec::new() };
        if let Some(item) = item {
            notes.at(section.path.clone(), item.span());
            section.line = item.span().map_or(self.line, |span| notes.line(span.start));
            section.table = item.as_table_like();
            if section.table.is_none() {
                let rule = "must be a table".to_owned();
                let cure =
                    format!("Write [{}] on a line of its own, then its fields.", section.path);
                notes.broken(&section.path, rule, cure);
            }
        }
        section
    }

    /// Whether the document has this table.
    #[must_use]
    pub const fn is_there(&self) -> bool {
        self.table.is_some()
    }

    /// Every table of the list `key`, whether `[[key]]` or `key = [{...}]`, with its place in the
    /// file.
    pub fn tables(&mut self, notes: &mut Notes, key: &'static str) -> Vec<(usize, Self)> {
        let path = self.path_of(key);
        let Some(item) = self.item(key) else { return Vec::new() };
        notes.at(path.clone(), item.span());
        let found: Vec<Place<'d>> = match item {
            Item::ArrayOfTables(list) => {
                list.iter().map(|one| (one.span(), Some(one as &dyn TableLike))).collect()
            }
            Item::Value(Value::Array(list)) => list
                .iter()
                .map(|one| (one.span(), one.as_inline_table().map(|table| table as &dyn TableLike)))
                .collect(),
            _ => vec![(item.span(), None)],
        };
        let mut sections = Vec::new();
        for (index, (span, table)) in found.into_iter().enumerate() {
            let path = format!("{path}[{index}]");
            let start = span.as_ref().map_or(0, |span| span.start);
            notes.at(path.clone(), span);
            if table.is_none() {
                let cure = format!("Write [[{key}]] on a line of its own, then its fields.");
                notes.broken(&path, "must be a table".into(), cure);
            }
            let line = notes.line(start);
            sections
                .push((start, Self { path, table, line, known: Vec::new(), missing: Vec::new() }));
        }
        sections
    }

    /// Whether the field `key` is a table rather than a value.
    #[must_use]
    pub fn holds_table(&self, key: &str) -> bool {
        let item = self.table.and_then(|table| table.get(key));
        item.is_some_and(|item| item.as_table_like().is_some())
    }

    /// Whether the file has no such table.
    #[must_use]
    pub const fn is_absent(&self) -> bool {
        self.table.is_none()
    }

    /// Reads an optional field; a value that `take` refuses is noted and counts as left out.
    pub fn read<T>(
        &mut self,
        notes: &mut Notes,
        field: &Field,
        take: impl FnOnce(&Found<'_>) -> Result<T, String>,
    ) -> Option<T> {
        let path = self.path_of(field.key);
        let item = self.item(field.key)?;
        notes.at(path.clone(), item.span());
        let raw = item.span().and_then(|span| notes.text.get(span)).unwrap_or_default();
        match take(&Found { item, raw }) {
            Ok(value) => Some(value),
            Err(rule) => {
                notes.broken(&path, rule, field.cure());
                None
            }
        }
    }

    /// Reads a field that must be there.
    pub fn require<T>(
        &mut self,
        notes: &mut Notes,
        field: &Field,
        take: impl FnOnce(&Found<'_>) -> Result<T, String>,
    ) -> Option<T> {
        if self.table.is_some_and(|table| !table.contains_key(field.key)) {
            self.known.push(field.key);
            self.missing.push(*field);
            return None;
        }
        self.read(notes, field, take)
    }

    /// Notes every field that nobody asked for, with the known one it resembles, and every required
    /// one that is neither there nor resembled.
    pub fn finish(mut self, notes: &mut Notes) {
        let Some(table) = self.table else { return };
        for (key, _) in table.iter() {
            if self.known.contains(&key) {
                continue;
            }
            let span = table.get_key_value(key).and_then(|(key, _)| key.span());
            let line = span.map_or(self.line, |span| notes.line(span.start));
            let cure = match nearest(key, self.known.iter().copied()) {
                Some(meant) => {
                    self.missing.retain(|field| field.key != meant);
                    format!("Did you mean {meant}?")
                }
                None => format!("Remove it. Known here: {}.", self.known.join(", ")),
            };
            notes.problem(line, &self.path_of(key), None, "is no field of this file".into(), cure);
        }
        for field in &self.missing {
            let cure = match field.default {
                "" => format!("Add a line `{} = ...`: {}.", field.key, field.unit),
                default => format!("Add `{} = {default}`, the default.", field.key),
            };
            let path = self.path_of(field.key);
            notes.problem(self.line, &path, None, "is missing".into(), cure);
        }
    }

    fn item(&mut self, key: &'static str) -> Option<&'d Item> {
        self.known.push(key);
        self.table?.get(key)
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

/// The known word that a wrong one most likely stands for.
#[must_use]
pub fn nearest<'k>(wrong: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let likely = |word: &str| wrong.len().max(word.len()) / 3;
    known
        .map(|word| (strsim::levenshtein(wrong, word), word))
        .filter(|(edits, word)| *edits <= likely(word).max(1))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, word)| word)
}

/// Widest line of a file that is written for people.
const WIDTH: usize = 100;

/// Adds comment lines, wrapped between words; leading spaces indent the first one.
pub fn comment(text: &mut String, words: &str) {
    let indent = words.len() - words.trim_start().len();
    let mut column = 1 + indent;
    text.push('#');
    text.push_str(&" ".repeat(indent));
    for (index, word) in words.split_whitespace().enumerate() {
        if index > 0 && column + 1 + word.len() > WIDTH {
            text.push_str("\n#");
            column = 1;
        }
        text.push(' ');
        text.push_str(word);
        column += 1 + word.len();
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use ganglion_types::Rao;

    use super::*;

    const KAPPA: Field = Field {
        key: "kappa",
        unit: "u16 fraction",
        bounds: "0 to 65535",
        default: "32767",
        about: "",
        origin: "",
    };

    fn kappa(text: &str) -> (Option<u16>, Vec<String>) {
        let (document, mut notes) = Notes::parse("f.toml", text).unwrap();
        let mut root = Section::root(&document);
        let mut table = root.table(&mut notes, "rules");
        let value = table.read(&mut notes, &KAPPA, take::number(KAPPA.unit, 0, 65_535));
        table.finish(&mut notes);
        root.finish(&mut notes);
        let problems = notes.into_problems("f.toml");
        let list = problems.list.iter().map(|one| format!("{one} | {}", one.cure)).collect();
        (value, list)
    }

    #[test]
    fn a_good_field_is_read_and_a_missing_one_is_left_to_its_default() {
        assert_eq!(kappa("[rules]\nkappa = 5"), (Some(5), vec![]));
        assert_eq!(kappa("rules = {kappa = 5}"), (Some(5), vec![]));
        assert_eq!(kappa(""), (None, vec![]));
    }

    #[test]
    fn every_problem_is_named_in_the_order_of_the_file() {
        let (value, problems) = kappa("x = 1\n[rules]\n\nkapa = 3\nkappa = 70_000\n");
        assert_eq!(value, None);
        assert_eq!(
            problems,
            [
                "1: x: is no field of this file | Remove it. Known here: rules.",
                "4: rules.kapa: is no field of this file | Did you mean kappa?",
                "5: rules.kappa = 70_000: must be a whole number from 0 to 65535 (u16 fraction) | \
                 Set it to 32767, the default.",
            ]
        );
    }

    #[test]
    fn text_that_is_no_toml_is_reported_with_its_line() {
        let problems = Notes::parse("f.toml", "a = 1\nb = = 2\n").unwrap_err();
        assert!(problems.to_string().starts_with("f.toml:2: "), "{problems}");
        let problems = Notes::parse("f.toml", "a = 1\na = 2\n").unwrap_err();
        assert!(problems.to_string().starts_with("f.toml:2: duplicate key"), "{problems}");
    }

    #[test]
    fn amounts_are_exact_however_they_are_written() {
        let amount = |text: &str| {
            let document = Document::parse(format!("a = {text}")).unwrap();
            let item = document.get("a").unwrap();
            take::amount(&Found { item, raw: &document.raw()[item.span().unwrap()] }).map(Rao::get)
        };
        for text in ["28.5", "\"28.5\"", "28.500", "2_8.5"] {
            assert_eq!(amount(text), Ok(28_500_000_000), "{text}");
        }
        assert_eq!(amount("100"), Ok(100_000_000_000));
        // Not representable in a double: 2^53 + 1 rao and one more digit than it holds.
        assert_eq!(amount("9007199.254740993"), Ok(9_007_199_254_740_993));
        for bad in ["1e3", "-1", "inf", "true", "\"\"", "0.0000000001", "18446744074"] {
            assert!(amount(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn guesses_are_near_or_not_made() {
        let known = ["kappa", "yuma3_enabled", "min_difficulty", "max_difficulty"];
        for (wrong, meant) in [
            ("kapa", Some("kappa")),
            ("yuma3", None),
            ("yuma3_enable", Some("yuma3_enabled")),
            ("max_dificulty", Some("max_difficulty")),
            ("tempo", None),
        ] {
            assert_eq!(nearest(wrong, known.iter().copied()), meant, "{wrong}");
        }
    }
}
