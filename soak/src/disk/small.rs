//! A file system of its own for one node: small, so that it can be filled, and broken at will.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use crate::cluster::Cluster;
use crate::namespaces::call;
use crate::{preload, reopen};

const BREAKER: &str = include_str!("failing.c");
/// Room for what is kept back and tried out, some 40 MiB, and for the epochs of a long trial.
const SIZE: &str = "size=160m,mode=0700";
/// Takes all room that is left.
const FILLER: &str = "filler";

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Full,
    /// Every path leads to a file system that takes no writes. Files that are open stay so, as the kernel demands of
    /// whoever remounts a file system in use.
    ReadOnly,
    /// Calls of this kind fail as those of a broken device do.
    Fails(&'static str),
}

/// See the module. This program must be in a mount namespace of its own, with which the file system goes.
#[derive(Debug)]
pub(super) struct SmallDisk {
    pub(super) dir: PathBuf,
    /// Makes calls fail in the process that it is loaded into.
    library: PathBuf,
    switch: PathBuf,
    /// Holds both.
    _scratch: tempfile::TempDir,
}

impl SmallDisk {
    /// Moves the directory of a node that does not run to a disk of its own. Its log is written elsewhere: to the file
    /// system of an operator's logs.
    pub(super) fn under(cluster: &Cluster, at: usize) -> anyhow::Result<Self> {
        let dir = cluster.layout.node(&cluster.nodes[at].record.name);
        let scratch = tempfile::Builder::new().prefix("ganglion-disk-").tempdir()?;
        let before = scratch.path().join("before");
        reopen::copy(&dir, &before)?;
        call("mount", &["-t", "tmpfs", "-o", SIZE, "tmpfs", &dir.display().to_string()])?;
        reopen::copy(&before, &dir)?;
        let log = dir.with_extension("log");
        File::create(&log)?;
        symlink(&log, dir.join("log"))?;
        let library = preload::build(scratch.path(), "failing", BREAKER)?;
        Ok(Self { dir, library, switch: scratch.path().join("fails"), _scratch: scratch })
    }

    /// Starts the node whose disk it is.
    pub(super) fn start(&self, cluster: &mut Cluster, at: usize) -> anyhow::Result<()> {
        cluster.start_with(at, |command| {
            command.env("LD_PRELOAD", &self.library);
            command.env("GANGLION_FAILING_DIR", &self.dir);
            command.env("GANGLION_FAILING_SWITCH", &self.switch);
        })
    }

    pub(super) fn strike(&self, fault: Fault) -> anyhow::Result<()> {
        let dir = self.dir.display().to_string();
        match fault {
            Fault::Full => self.fill(),
            Fault::ReadOnly => {
                call("mount", &["--bind", &dir, &dir])?;
                call("mount", &["-o", "remount,bind,ro", &dir])
            }
            Fault::Fails(kind) => Ok(fs::write(self.switch.with_extension(kind), "")?),
        }
    }

    pub(super) fn mend(&self, fault: Fault) -> anyhow::Result<()> {
        match fault {
            Fault::Full => Ok(fs::remove_file(self.dir.join(FILLER))?),
            Fault::ReadOnly => call("umount", &[&self.dir.display().to_string()]),
            Fault::Fails(kind) => Ok(fs::remove_file(self.switch.with_extension(kind))?),
        }
    }

    /// Takes all room that is left.
    fn fill(&self) -> anyhow::Result<()> {
        let mut file = File::create(self.dir.join(FILLER))?;
        for block in [1 << 16, 512] {
            while file.write_all(&vec![1; block]).is_ok() {}
        }
        Ok(())
    }

    /// Parts that were put aside as damaged.
    pub(super) fn aside(&self) -> anyhow::Result<usize> {
        let mut found = 0;
        for entry in fs::read_dir(&self.dir)? {
            found += usize::from(entry?.file_name().to_string_lossy().contains(".corrupt-"));
        }
        Ok(found)
    }

    /// Copies what is on it to where it stays when the namespace is gone.
    pub(super) fn keep(&self) -> anyhow::Result<()> {
        reopen::copy(&self.dir, &self.dir.with_extension("kept"))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Without it the directory above cannot be removed. The process on it may still run: the mount goes when that ends.
        let _ = call("umount", &["--lazy", &self.dir.display().to_string()]);
    }
}
