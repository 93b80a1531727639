//! What is true of every file of the project.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
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

fn root() -> PathBuf {
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
fn texts() -> Vec<(PathBuf, String)> {
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

#[test]
fn links_between_documents_lead_somewhere() {
    let root = root();
    let mut broken = Vec::new();
    let mut seen = 0;
    for (name, text) in texts().into_iter().filter(|(name, _)| is_markdown(name)) {
        for link in links(&text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            seen += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => name.clone(),
                path => plain(&name.parent().unwrap_or(Path::new("")).join(path)),
            };
            let full = root.join(&target);
            let lands = full.exists()
                && (anchor.is_empty()
                    || fs::read_to_string(&full).is_ok_and(|text| anchors(&text).contains(anchor)));
            if !lands {
                broken.push(format!("{}: {link}", name.display()));
            }
        }
    }
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
    assert!(seen > 50, "only {seen} links found: are they still read?");
}

/// Code says where a rule is written by the path of the page from the root.
#[test]
fn pages_that_code_and_text_name_exist() {
    let root = root();
    let mut missing = Vec::new();
    let mut seen = 0;
    for (name, text) in texts() {
        for part in text.split("docs/").skip(1) {
            let page: String = part
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || "/-_.".contains(*c))
                .collect();
            let page = page.trim_end_matches('.');
            if !page.ends_with(".md") && !page.ends_with(".proto") {
                continue;
            }
            seen += 1;
            if !root.join("docs").join(page).exists() {
                missing.push(format!("{}: docs/{page}", name.display()));
            }
        }
    }
    assert!(missing.is_empty(), "pages that do not exist:\n{}", missing.join("\n"));
    assert!(seen > 20, "only {seen} mentions found: are they still read?");
}

fn is_markdown(name: &Path) -> bool {
    name.extension().is_some_and(|extension| extension == "md")
}

/// Lines outside code blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    })
}

/// Targets of `[text](target)` and `![text](target)`.
fn links(text: &str) -> Vec<&str> {
    prose(text)
        .flat_map(|line| line.split("](").skip(1))
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
        .collect()
}

/// What a heading can be linked by, as hosts of code make it.
fn anchors(text: &str) -> BTreeSet<String> {
    prose(text)
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            line.trim_start_matches('#')
                .trim()
                .to_lowercase()
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        })
        .collect()
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}
