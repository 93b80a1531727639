//! C that is loaded into a node with `LD_PRELOAD`: what no command can do to a process from outside.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

/// Builds a library in `dir` with the system's C compiler.
///
/// # Errors
/// There is none, or it refuses.
pub(crate) fn build(dir: &Path, name: &str, source: &str) -> anyhow::Result<PathBuf> {
    let (from, to) = (dir.join(format!("{name}.c")), dir.join(format!("{name}.so")));
    fs::write(&from, source)?;
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O2", "-o"])
        .args([&to, &from])
        .arg("-lpthread")
        .output()
        .context("there is no C compiler `cc`, which this trial needs")?;
    ensure!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Ok(to)
}
