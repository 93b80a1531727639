//! Walks all codes, and holds each to what every error promises.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::Code;

/// What a cure begins with, since it tells somebody to do something.
const VERBS: &str = "Add Answer Ask Build Check Choose Commit Compare Copy Correct Create Delegate Do Draw End \
    Export Fetch Find Forward Free Give Import Keep Leave Let List Listen Look Lower Make Mend Mount Name Put \
    Raise Read Register Remove Repeat Restart Restore Reveal Run Run: Scale Score See Send Serve Set Show Sign \
    Sort Spread Stand Start Stop Take Try Use Wait Weigh Write";

/// An imperative, maybe after a condition: `If it is this one, stop it.`
fn is_imperative(cure: &str) -> bool {
    let first = cure.split([' ', ',']).next().unwrap_or_default();
    first == "If" || VERBS.split(' ').any(|verb| verb == first)
}

#[test]
fn names_are_unique_and_well_formed() {
    let mut seen = BTreeSet::new();
    for code in Code::all() {
        let name = code.name();
        assert!(seen.insert(name), "{name} stands twice");
        let whole =
            |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
        assert!(name.len() <= 40 && name.split('-').all(whole), "{name}");
        assert_eq!(Code::named(&name.replace('-', "_")), Some(code));
    }
    assert!(seen.len() > 250, "{} codes: is the table still walked?", seen.len());
}

#[test]
fn every_code_says_what_it_means_and_what_to_do() {
    for code in Code::all() {
        let (name, meaning, cure) = (code.name(), code.meaning(), code.cure());
        let begins = meaning.starts_with(|first: char| first.is_ascii_uppercase());
        assert!(begins && meaning.ends_with('.') && meaning.len() > 15, "{name}: {meaning}");
        assert!(!meaning.contains(". "), "{name}: not one sentence: {meaning}");
        assert!(cure.ends_with('.') || cure.starts_with("Run: "), "{name}: {cure}");
        assert!(is_imperative(cure), "{name}: {cure}");
        for text in [meaning, cure] {
            assert!(!text.contains('|') && !text.contains("  "), "{name}: {text}");
        }
    }
}

/// A code that no error has would promise what never comes.
#[test]
fn every_code_is_one_of_some_error() {
    let mut sources = String::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut sources);
    for code in Code::all() {
        let constant = format!("Code::{}", code.name().to_uppercase().replace('-', "_"));
        let used = sources.match_indices(&constant).any(|(at, _)| {
            let after = sources[at + constant.len()..].chars().next();
            after.is_some_and(|next| !next.is_ascii_uppercase() && next != '_')
        });
        assert!(used, "no error has {constant}");
    }
}

/// The text of every source file but the table and this one.
fn read(dir: &Path, into: &mut String) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("fault/table") {
            read(&path, into);
        } else if path.extension().is_some_and(|end| end == "rs")
            && !path.ends_with("fault/walk.rs")
        {
            into.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}
