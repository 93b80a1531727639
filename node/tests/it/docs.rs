//! Documents keep what they promise: links lead somewhere, pages that are named exist, and commands
//! that are shown are commands.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use crate::tree::{root, texts};

#[test]
fn the_two_commands_of_the_readme_are_what_ci_runs() {
    let read = |name: &str| fs::read_to_string(root().join(name)).expect("a file");
    let (readme, ci) = (read("README.md"), read(".ci/run"));
    for command in ["cargo run --release --bin ganglion -- testnet up", "cargo test --workspace"] {
        assert!(readme.contains(&format!("$ {command}\n")), "README.md lacks {command:?}");
        assert!(ci.contains(command), ".ci/run lacks {command:?}");
    }
}

/// With `--help` at its end a command line is parsed and nothing is done: an unknown command or flag
/// is still an error. What follows `--` is another program's, what follows `>` the shell's.
#[test]
fn commands_that_documents_show_exist() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (name, text) in texts().into_iter().filter(|(name, _)| is_markdown(name)) {
        for line in console_lines(&text) {
            let mut words = words(&line).into_iter();
            if words.next().as_deref() != Some("ganglion") {
                continue;
            }
            seen += 1;
            let ends = |word: &String| ["--", ">"].contains(&word.as_str());
            let words: Vec<String> = words.take_while(|word| !ends(word)).collect();
            let output = Command::new(env!("CARGO_BIN_EXE_ganglion"))
                .args(words)
                .arg("--help")
                .output()
                .expect("the program runs");
            if !output.status.success() {
                let error = String::from_utf8_lossy(&output.stderr).into_owned();
                wrong.push(format!("{}: {line}\n{error}", name.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "commands that do not exist:\n{}", wrong.join("\n"));
    assert!(seen > 15, "only {seen} commands found: are they still read?");
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

/// What follows the prompt in blocks marked `console`, continued lines joined, remarks cut off.
fn console_lines(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let (mut inside, mut continues) = (false, false);
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with("```") {
            inside = line == "```console";
            continues = false;
            continue;
        }
        let part = match line.strip_prefix("$ ") {
            Some(part) if inside => {
                found.push(String::new());
                part
            }
            _ if continues => line,
            _ => continue,
        };
        // What stands after two spaces explains the command.
        let part = part.split_once("  ").map_or(part, |(command, _)| command);
        continues = part.ends_with('\\');
        if let Some(last) = found.last_mut() {
            last.push_str(part.trim_end_matches('\\'));
            last.push(' ');
        }
    }
    found
}

/// Splits at spaces outside quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    for c in line.chars() {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (' ', None) => words.extend((!word.is_empty()).then(|| std::mem::take(&mut word))),
            (c, _) => word.push(c),
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}
