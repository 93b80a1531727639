//! Frozen encodings, shared by the crates that have any: one line per format, `name bytes digest`, in
//! `frozen/encodings.txt` of the crate.
//!
//! A line that changes is a change of the wire or the disk: it needs a new protocol version, or its reason in the
//! commit. `GANGLION_FREEZE=1 cargo test -p CRATE` makes the file anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

/// One format.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) name: String,
    /// Empty where only a digest is frozen.
    pub(crate) bytes: Vec<u8>,
    /// The id or hash that goes with the bytes; empty where there is none.
    pub(crate) digest: Vec<u8>,
}

impl Line {
    pub(crate) fn new(name: impl Into<String>, bytes: Vec<u8>, digest: &[u8]) -> Self {
        Self { name: name.into(), bytes, digest: digest.to_vec() }
    }
}

fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "-".into();
    }
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn text(lines: &[Line]) -> String {
    let head = "# Frozen encodings: name, bytes or -, id or hash or -. Made by the tests.\n";
    let row = |line: &Line| format!("{} {} {}\n", line.name, hex(&line.bytes), hex(&line.digest));
    head.to_owned() + &lines.iter().map(row).collect::<String>()
}

/// The formats in which a text differs from these lines, in the order of the lines; then those that
/// only the text has.
fn differing(text: &str, lines: &[Line]) -> Vec<String> {
    let split = |row: &str| Some((row.split_once(' ')?.0.to_owned(), row.to_owned()));
    let rows = |text: &str| -> BTreeMap<String, String> {
        text.lines().filter(|row| !row.starts_with('#')).filter_map(split).collect()
    };
    let (mut frozen, made) = (rows(text), rows(&self::text(lines)));
    let names = lines.iter().map(|line| line.name.clone());
    let mut differing: Vec<String> =
        names.filter(|name| frozen.remove(name).as_ref() != made.get(name)).collect();
    differing.extend(frozen.into_keys());
    differing
}

/// Fails with the names of all formats that are not as `frozen/encodings.txt` of the crate at
/// `directory` has them.
pub(crate) fn compare(directory: &str, lines: &[Line]) {
    let names: BTreeSet<&String> = lines.iter().map(|line| &line.name).collect();
    assert_eq!(names.len(), lines.len(), "a name stands for two formats");
    let path = PathBuf::from(directory).join("frozen/encodings.txt");
    if std::env::var_os("GANGLION_FREEZE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text(lines)).unwrap();
    }
    let frozen = std::fs::read_to_string(&path).unwrap();
    let differing = differing(&frozen, lines);
    let (shown, many) = (differing.iter().take(16).collect::<Vec<_>>(), differing.len());
    assert!(many == 0, "{many} formats are not the frozen ones, the first are {shown:?}");
}

/// Changes one byte of each line in turn; each time that line is named, and no other.
pub(crate) fn every_change_is_named(lines: &[Line]) {
    let frozen = text(lines);
    for (at, line) in lines.iter().enumerate() {
        let mut changed = lines.to_vec();
        let one = &mut changed[at];
        let byte = one.bytes.last_mut().or(one.digest.last_mut()).unwrap();
        *byte ^= 1;
        assert_eq!(differing(&frozen, &changed), std::slice::from_ref(&line.name));
    }
}
