//! Runs the binary in a home of its own.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ganglion::fault::Code;

/// A temporary home and the commands run in it.
pub(crate) struct Ganglion {
    dir: tempfile::TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ganglion {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file with the given permissions and gives its path.
    pub(crate) fn file(&self, name: &str, content: &str, mode: u32) -> String {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.display().to_string()
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        self.run_with(args, &[], "")
    }

    /// Runs in the temporary directory, without the caller's own GANGLION_ variables.
    pub(crate) fn run_with(&self, args: &[&str], env: &[(&str, &str)], stdin: &str) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ganglion"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GANGLION_")) {
            command.env_remove(name);
        }
        let mut child = command
            .args(args)
            .current_dir(self.dir.path())
            .env("GANGLION_HOME", self.path("home"))
            .envs(env.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that does not read its input may be gone already.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        let output = child.wait_with_output().unwrap();
        Ended {
            code: output.status.code().expect("not killed by a signal"),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs what must succeed and gives its standard output.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let ended = self.run(args);
        assert_eq!(ended.code, 0, "{args:?}: {ended:?}");
        ended.out
    }

    /// Runs what must succeed with `--json`.
    pub(crate) fn json(&self, args: &[&str]) -> serde_json::Value {
        let out = self.ok(&[args, &["--json"]].concat());
        serde_json::from_str(&out).expect("standard output is one JSON value")
    }

    /// Runs what must fail with `code`, one sentence and its cure, and nothing on standard output.
    pub(crate) fn refused(&self, args: &[&str], code: i32, sentence: &str, cure: &str) {
        let ended = self.run(args);
        let dir = format!("{}/", self.dir.path().display());
        let expected = format!("error: {sentence}\n  help: {cure}\n");
        assert_eq!((ended.code, &ended.out[..]), (code, ""), "{args:?}: {ended:?}");
        assert_eq!(uncoded(&ended.err).replace(&dir, ""), expected, "{args:?}");
    }
}

/// What a command says without the codes of its errors, each of which has to be a known one.
pub(crate) fn uncoded(err: &str) -> String {
    let line = |line: &str| match line.strip_prefix("error[").and_then(|rest| rest.split_once(']'))
    {
        Some((code, rest)) => {
            assert!(Code::named(code).is_some(), "no code: {line}");
            format!("error{rest}\n")
        }
        None => format!("{line}\n"),
    };
    err.lines().map(line).collect()
}

/// The permission bits of a file.
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}
