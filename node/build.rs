//! Tells the program which commit it was built from: what `GANGLION_COMMIT` says, else what git says for a release
//! build, else `unknown`. A debug build does not ask, or every commit would build it anew.

#![allow(clippy::print_stdout, reason = "that is how a build script speaks")]

use std::process::Command;

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}

/// The commit, and the file that changes with it.
fn of_git() -> Option<String> {
    if std::env::var("PROFILE").ok()? != "release" {
        return None;
    }
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    println!("cargo::rerun-if-changed={}", git(&["rev-parse", "--git-path", "logs/HEAD"])?);
    Some(commit)
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=GANGLION_COMMIT");
    let said = std::env::var("GANGLION_COMMIT").ok();
    // It becomes a label: nothing else than a commit's name may stand there.
    let name = |text: &String| text.len() <= 40 && text.chars().all(|c| c.is_ascii_alphanumeric());
    let commit = said.filter(|text| !text.is_empty()).or_else(of_git).filter(name);
    println!("cargo::rustc-env=GANGLION_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
}
