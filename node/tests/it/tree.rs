//! What is true of every file of the project.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Bytes a file may have.
const FILE_BYTES: u64 = 1024 * 1024;
/// Larger files, and why.
const LARGE: [(&str, &str); 1] =
    [("consensus/vectors/large.jsonl.gz", "public Yuma vectors of large subnets")];
/// Where every package comes from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";
/// The public vectors; that each is read to its end is a test of `ganglion-consensus`.
const VECTORS: [&str; 6] = ["edge", "fracstake", "large", "medium", "sequence", "small"];

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").to_owned()
}

/// Every file that belongs to the project, relative to its root: what git tracks, or, in a tree
/// without git, all but what a build or a testnet leaves behind.
fn files() -> Vec<PathBuf> {
    let root = root();
    let git = Command::new("git").arg("-C").arg(&root).args(["ls-files", "-z"]).output();
    let tracked: Vec<PathBuf> = match git {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout)
            .split('\0')
            .filter(|name| !name.is_empty())
            .map(PathBuf::from)
            // Removed, and not yet committed.
            .filter(|name| root.join(name).exists())
            .collect(),
        _ => Vec::new(),
    };
    let mut found = if tracked.is_empty() { walk(&root, Path::new("")) } else { tracked };
    found.sort();
    assert!(found.iter().any(|name| name == Path::new("Cargo.toml")), "no project at {root:?}");
    found
}

fn walk(root: &Path, dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join(dir)).expect("a readable directory") {
        let name = dir.join(entry.expect("an entry").file_name());
        let left_behind = [".git", "target", "testnet"].iter().any(|one| name == Path::new(one));
        if left_behind {
            continue;
        }
        if root.join(&name).is_dir() {
            found.extend(walk(root, &name));
        } else {
            found.push(name);
        }
    }
    found
}

/// The files that are text, with their content.
pub(crate) fn texts() -> Vec<(PathBuf, String)> {
    let root = root();
    let text = |name: PathBuf| fs::read_to_string(root.join(&name)).ok().map(|text| (name, text));
    files().into_iter().filter_map(text).collect()
}

#[test]
fn no_file_names_a_place_of_one_machine() {
    // Put together here, so that this file passes its own test.
    let places = ["/wo\u{72}k/", "/ro\u{6f}t/", "/ho\u{6d}e/", "/Use\u{72}s/"];
    for (name, text) in texts() {
        for (at, line) in text.lines().enumerate() {
            for place in places {
                assert!(!line.contains(place), "{}:{} names {place}", name.display(), at + 1);
            }
        }
    }
}

#[test]
fn packages_come_from_the_public_registry() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock");
    let sources: BTreeSet<&str> = lock
        .lines()
        .filter_map(|line| line.strip_prefix("source = "))
        .map(|source| source.trim_matches('"'))
        .collect();
    assert_eq!(sources.into_iter().collect::<Vec<_>>(), [REGISTRY]);
    let settings: Vec<PathBuf> =
        files().into_iter().filter(|name| name.starts_with(".cargo")).collect();
    assert!(settings.is_empty(), "cargo's settings are each user's own: {settings:?}");
    assert!(!root().join("rust-toolchain.toml").exists(), "rust-version says what is needed");
}

#[test]
fn files_are_small_or_listed() {
    let root = root();
    let mut large = Vec::new();
    for name in files() {
        if fs::metadata(root.join(&name)).expect("a file").len() > FILE_BYTES {
            large.push(name.display().to_string());
        }
    }
    assert_eq!(large, LARGE.map(|(name, _)| name.to_owned()), "files over {FILE_BYTES} bytes");
}

#[test]
fn the_public_vectors_are_there() {
    let found: Vec<String> = files()
        .iter()
        .filter(|name| name.starts_with("consensus/vectors"))
        .map(|name| name.display().to_string())
        .collect();
    let wanted = VECTORS.map(|name| format!("consensus/vectors/{name}.jsonl.gz"));
    assert_eq!(found, wanted);
}
