//! That nothing which decodes is without a target: `decoders.txt` names every place of the sources that reads a form, and
//! the targets that feed it. A place that it does not have makes this red.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ganglion_fuzz::{TARGETS, target};

const CRATES: [&str; 8] =
    ["types", "consensus", "subnet", "storage", "persist", "p2p", "chain", "node"];
/// A function of one of these names decodes, and so does one of them with more behind an underscore.
const NAMES: [&str; 6] = ["decode", "parse", "from_bytes", "from_hex", "from_rows", "from_text"];
/// A function that calls one of these decodes.
const CALLS: [&str; 11] = [
    "Multiaddr = text.parse",
    "::from_proto(",
    "serde_json::from_",
    "toml::from_",
    "::decode(",
    "from_be_bytes(",
    "from_le_bytes(",
    "Fields::new(",
    "read_text(",
    "read_bytes(",
    "read_to_end(",
];
/// Targets that feed what works on decoded values, or values that the target itself makes.
const NO_DECODER: [&str; 3] = ["yuma", "execute", "inclusion"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            out.push(path);
        }
    }
}

/// The word that begins here.
fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

fn after<'a>(line: &'a str, mark: &str) -> Option<&'a str> {
    let at = line.find(mark)?;
    let before = line[..at].chars().next_back();
    before.is_none_or(|c| !c.is_alphanumeric() && c != '_').then(|| word(&line[at + mark.len()..]))
}

/// The type of an `impl` block, without its parameters.
fn type_of(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("impl")?;
    let rest = match rest.strip_prefix('<') {
        Some(rest) => rest.split_once('>')?.1,
        None => rest,
    };
    let rest = rest.split_once(" for ").map_or(rest, |(_, rest)| rest).trim_start();
    Some(word(rest))
}

/// Every place in a source file that decodes: a type, or a function with its type in front.
fn places(text: &str) -> BTreeSet<String> {
    let (mut kind, mut function, mut derives, mut test) = ("", "", false, false);
    let mut found = BTreeSet::new();
    let full = |kind: &str, name: &str| match kind {
        "" => name.to_owned(),
        kind => format!("{kind}::{name}"),
    };
    for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        if let Some(found) = type_of(line) {
            kind = found;
        } else if line.starts_with('}') {
            (kind, test) = ("", false);
        }
        // Tests read what they have written.
        test |= line.starts_with("mod tests {");
        if test {
            continue;
        }
        let reads = ["Canonical for ", "FromStr for ", "Deserialize<'de> for "];
        let implements = line.starts_with("impl");
        if implements && reads.iter().any(|what| line.contains(what)) {
            found.insert(kind.to_owned());
        }
        let listed = line.contains("Deserialize,") || line.contains("Deserialize)");
        derives |= listed && !line.contains("use ");
        if derives && let Some(name) = after(line, "struct ").or_else(|| after(line, "enum ")) {
            found.insert(name.to_owned());
            derives = false;
        }
        if let Some(name) = after(line, "fn ") {
            function = name;
            let named = |one: &&str| {
                name.strip_prefix(*one).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
            };
            if NAMES.iter().any(named) {
                found.insert(full(kind, name));
            }
        }
        if CALLS.iter().any(|call| line.contains(call)) {
            found.insert(full(kind, function));
        }
    }
    found
}

type Table = BTreeMap<(String, String), Vec<String>>;

fn in_the_sources() -> BTreeSet<(String, String)> {
    let mut files = Vec::new();
    for name in CRATES {
        sources(&root().join(name).join("src"), &mut files);
    }
    let mut found = BTreeSet::new();
    for path in files {
        let name = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
        // Tests, and what exists for these targets only.
        if ["tests.rs", "/fuzzing.rs"].iter().any(|end| name.ends_with(end)) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        found.extend(places(&text).into_iter().map(|place| (name.clone(), place)));
    }
    found
}

/// Lines `TARGET… < FILE PLACE…`, or `- REASON < FILE PLACE…` for what no stranger's bytes reach.
fn in_the_table() -> Table {
    let text = std::fs::read_to_string(root().join("fuzz/decoders.txt")).unwrap();
    let mut table = Table::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (fed, places) = line.split_once(" < ").unwrap_or_else(|| panic!("no line: {line}"));
        let fed: Vec<String> = if fed.starts_with("- ") {
            Vec::new()
        } else {
            fed.split(' ').map(str::to_owned).collect()
        };
        let mut words = places.split(' ').map(str::to_owned);
        let file = words.next().unwrap();
        for place in words {
            let key = (file.clone(), place);
            assert!(table.insert(key.clone(), fed.clone()).is_none(), "{key:?} is there twice");
        }
    }
    table
}

#[test]
fn every_place_that_decodes_is_fed_by_a_target() {
    let (found, table) = (in_the_sources(), in_the_table());
    let listed: BTreeSet<_> = table.keys().cloned().collect();
    let show = |places: Vec<&(String, String)>| {
        places.iter().map(|(file, place)| format!("  {file} {place}\n")).collect::<String>()
    };
    let unfed = show(found.difference(&listed).collect());
    assert!(unfed.is_empty(), "decode, and have no line in fuzz/decoders.txt:\n{unfed}");
    let gone = show(listed.difference(&found).collect());
    assert!(gone.is_empty(), "have a line in fuzz/decoders.txt, and are not there:\n{gone}");
}

#[test]
fn every_target_of_the_table_is_one_and_every_target_feeds_something() {
    let fed: BTreeSet<String> = in_the_table().into_values().flatten().collect();
    for name in &fed {
        let known = target(name).is_some();
        assert!(known, "decoders.txt names {name}, which is no target");
    }
    for target in TARGETS.iter().filter(|target| !NO_DECODER.contains(&target.name)) {
        assert!(fed.contains(target.name), "decoders.txt does not say what {} feeds", target.name);
    }
}

#[test]
fn places_are_found_by_what_they_are_called_and_by_what_they_call() {
    let text = "
impl Canonical for Cut {
}
#[derive(Debug, Deserialize)]
pub struct Page {
    fn odd(bytes: &[u8]) -> u64 {
impl<T: Key> Table<T> {
    fn next(&self) {
        u64::from_be_bytes(bytes)
    }
    pub(crate) fn parse_row(text: &str) {}
    fn parser(text: &str) {}
}
#[cfg(test)]
mod tests {
    fn decode() {}
}
#[derive(
    Deserialize,
)]
enum Behind {
";
    let found: Vec<String> = places(text).into_iter().collect();
    assert_eq!(found, ["Behind", "Cut", "Page", "Table::next", "Table::parse_row"]);
}
