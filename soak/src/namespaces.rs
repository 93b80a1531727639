//! A network of namespaces: each node has an address of its own, and what it hears can be cut by rules.
//!
//! ```text
//!  parent namespace: bridge 10.77.0.254 ── veth ── node 1: 10.77.0.1, nft input
//!        this program                   └─ veth ── node 2: 10.77.0.2, nft input
//! ```
//! All of it lives in user, mount and network namespaces that this program enters before anything else
//! (`unshare`), so no root is needed, nothing of the machine's own network or file systems is touched, and everything is
//! gone with the last process. A trial that only mounts leaves the network as it is.

use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context as _, bail};

/// Set in the process that runs inside.
const INSIDE: &str = "GANGLION_SOAK_INSIDE";

/// Where the parent namespace, and so this program, is reached.
const PARENT: &str = "10.77.0.254/24";

/// The address of a node by its place.
pub(crate) fn address(at: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, u8::try_from(at + 1).unwrap_or(u8::MAX))
}

/// Name of a node's namespace.
pub(crate) fn name(at: usize) -> String {
    format!("n{at}")
}

/// What a trial has for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Own {
    /// Network and mounts.
    Network,
    /// Mounts alone.
    Mounts,
}

impl Own {
    const fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Network => &["unshare", "mount", "ip", "nft"],
            Self::Mounts => &["unshare", "mount", "umount"],
        }
    }

    const fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Network => &["--user", "--map-root-user", "--mount", "--net"],
            Self::Mounts => &["--user", "--map-root-user", "--mount"],
        }
    }

    /// What is done inside before this program goes on: `ip` keeps names of namespaces below `/run`.
    const fn first(self) -> &'static str {
        match self {
            Self::Network => "mount -t tmpfs tmpfs /run && exec \"$@\"",
            Self::Mounts => "exec \"$@\"",
        }
    }
}

/// Goes on inside: this process is replaced by one with the same arguments in namespaces of its own.
///
/// # Errors
/// When it is not inside afterwards: the programs are missing, or namespaces are forbidden here.
pub(crate) fn enter(own: Own) -> anyhow::Result<()> {
    if std::env::var_os(INSIDE).is_some() {
        return Ok(());
    }
    for program in own.programs() {
        if Command::new(program).env("PATH", path()).arg("--version").output().is_err() {
            bail!(
                "there is no program `{program}`, which this trial needs: install util-linux, and for networks \
                 iproute2 and nftables (on Debian: apt-get install iproute2 nftables)"
            );
        }
    }
    let error = Command::new("unshare")
        .args(own.flags())
        .args(["--", "sh", "-c", own.first(), "sh"])
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env(INSIDE, "1")
        .env("PATH", path())
        .exec();
    Err(error).context("cannot enter namespaces; does this system allow them to users?")
}

/// With the places where systems keep tools of the network out of the way of users.
fn path() -> String {
    format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default())
}

/// Makes the bridge and a namespace for each of so many nodes.
pub(crate) fn build(nodes: usize) -> anyhow::Result<()> {
    ip(&["link", "set", "lo", "up"])?;
    ip(&["link", "add", "bridge", "type", "bridge"])?;
    ip(&["address", "add", PARENT, "dev", "bridge"])?;
    ip(&["link", "set", "bridge", "up"])?;
    for at in 0..nodes {
        let (namespace, outer) = (name(at), format!("veth{at}"));
        ip(&["netns", "add", &namespace])?;
        ip(&["link", "add", &outer, "type", "veth", "peer", "name", "eth0", "netns", &namespace])?;
        ip(&["link", "set", &outer, "master", "bridge", "up"])?;
        let own = format!("{}/24", address(at));
        ip(&["-n", &namespace, "address", "add", &own, "dev", "eth0"])?;
        ip(&["-n", &namespace, "link", "set", "eth0", "up"])?;
        ip(&["-n", &namespace, "link", "set", "lo", "up"])?;
        nft(at, "add table ip cut; add chain ip cut in { type filter hook input priority 0; }")?;
    }
    Ok(())
}

/// From now on nothing of `from` reaches `to`.
pub(crate) fn cut(from: usize, to: usize) -> anyhow::Result<()> {
    nft(to, &format!("add rule ip cut in ip saddr {} drop", address(from)))
}

/// Everything reaches a node again.
pub(crate) fn mend(to: usize) -> anyhow::Result<()> {
    nft(to, "flush chain ip cut in")
}

/// Makes a command run where a node is.
pub(crate) fn inside(at: usize, command: &Command) -> Command {
    let mut inside = Command::new("ip");
    inside.args(["netns", "exec", &name(at)]).arg(command.get_program()).args(command.get_args());
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => inside.env(key, value),
            None => inside.env_remove(key),
        };
    }
    inside
}

fn nft(at: usize, rules: &str) -> anyhow::Result<()> {
    call("ip", &["netns", "exec", &name(at), "nft", rules])
}

pub(crate) fn ip(arguments: &[&str]) -> anyhow::Result<()> {
    call("ip", arguments)
}

/// Runs a program that says on standard error why it fails.
pub(crate) fn call(program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let output = Command::new(program).args(arguments).output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        bail!("`{program} {}` failed: {said}", arguments.join(" "));
    }
    Ok(())
}
