//! The nodes' processes.
//!
//! A node is started with `--exit-with-stdin` and holds the reading end of a pipe from us: when we
//! close it, it stops in order, and when we are killed, the system closes it for us. So no node ever
//! outlives its testnet, and none needs a signal.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, ChildStdin, Command};

use super::layout::Layout;

/// What a node gets to stop in order before it is killed.
const STOP: Duration = Duration::from_secs(5);

/// A running node.
#[derive(Debug)]
pub struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Process {
    /// Starts the node `name` of a testnet, honest if nothing else is said. Its output is added to its
    /// log.
    ///
    /// # Errors
    /// When the system cannot start it, or write its log.
    pub fn start(
        ganglion: &Path,
        layout: &Layout,
        name: &str,
        behaviour: Option<ganglion_subnet::Behaviour>,
    ) -> io::Result<Self> {
        let log = File::options().create(true).append(true).open(layout.log(name))?;
        let mut command = command(ganglion, layout);
        command
            .args(["run", "--exit-with-stdin", "--data-dir"])
            .arg(layout.node(name))
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C in the terminal is for the testnet, which then stops its nodes in order.
            .process_group(0)
            .kill_on_drop(true);
        if let Some(behaviour) = behaviour {
            command.args(["--behaviour", &behaviour.to_string()]);
        }
        let mut child = command.spawn()?;
        let stdin = child.stdin.take();
        Ok(Self { child, stdin })
    }

    /// Its id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Lets it stop in order, and kills it if that takes too long; `true` if it did not need to.
    pub async fn stop(mut self) -> bool {
        drop(self.stdin.take());
        let in_time = tokio::time::timeout(STOP, self.child.wait()).await.is_ok();
        if !in_time {
            self.kill().await;
        }
        in_time
    }

    /// Kills it at once, as a crash or a power cut would end it.
    pub async fn kill(mut self) {
        // It can only fail if the process has ended already.
        let _ = self.child.kill().await;
    }
}

/// `ganglion` with the testnet as its home and nothing of our environment's settings.
#[must_use]
pub fn command(ganglion: &Path, layout: &Layout) -> Command {
    let mut command = Command::new(ganglion);
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"GANGLION_") {
            command.env_remove(name);
        }
    }
    command.env("GANGLION_HOME", layout.dir());
    command
}

/// How a process ended, in words.
#[must_use]
pub fn how(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "for an unknown reason".into(),
    }
}

/// The last lines of a log, oldest first; none if there is none.
#[must_use]
pub fn tail(path: &Path, lines: usize) -> Vec<String> {
    const BYTES: u64 = 1 << 20;
    let read = || -> io::Result<String> {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        file.seek(io::SeekFrom::Start(size.saturating_sub(BYTES)))?;
        let mut bytes = Vec::new();
        file.take(BYTES).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    let from = all.len().saturating_sub(lines);
    all.into_iter().skip(from).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_the_last_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        assert!(tail(&path, 5).is_empty());
        std::fs::write(&path, "one\ntwo\nthree\n").unwrap();
        assert_eq!(tail(&path, 2), ["two", "three"]);
        assert_eq!(tail(&path, 9), ["one", "two", "three"]);
    }
}
