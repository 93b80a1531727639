//! A disk as power loss leaves it.
//!
//! Nothing is assumed that POSIX does not promise. What was synced is there. Of what was not, any part may be: of a file any
//! of its writes, torn at sectors of 512 bytes; of a directory any beginning of the changes to its names.
//! `sync_file_range`, which sled uses, promises nothing.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::trace::Call;
use crate::chance::Chance;

const SECTOR: u64 = 512;

/// Something that a file underwent and that is not durable yet.
#[derive(Clone, Debug)]
enum Change {
    Write { at: u64, bytes: Vec<u8> },
    Truncate(u64),
}

#[derive(Clone, Debug, Default)]
struct File {
    durable: Vec<u8>,
    pending: Vec<Change>,
}

/// What is behind a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behind {
    Directory,
    /// Place in [`Drive::files`].
    File(usize),
}

/// A change of names in one directory.
#[derive(Clone, Debug)]
struct Naming {
    gone: Option<PathBuf>,
    new: Option<(PathBuf, Behind)>,
}

type Names = BTreeMap<PathBuf, Behind>;

/// See the module. Paths are relative to the directory that was traced.
#[derive(Debug, Default)]
pub(crate) struct Drive {
    files: Vec<File>,
    /// As a running process sees them.
    names: Names,
    durable: Names,
    /// By directory, in order.
    pending: BTreeMap<PathBuf, Vec<Naming>>,
    inodes: BTreeMap<u64, usize>,
    directories: BTreeMap<u64, PathBuf>,
}

/// How much of what was not synced is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unsynced {
    Nothing,
    All,
    Some,
}

impl Drive {
    /// What lies in a directory, all of it durable.
    pub(crate) fn of(dir: &Path) -> anyhow::Result<Self> {
        let mut drive = Self::default();
        drive.take(dir, Path::new(""))?;
        Ok(drive)
    }

    fn take(&mut self, root: &Path, below: &Path) -> anyhow::Result<()> {
        for entry in fs::read_dir(root.join(below))? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            let behind = if entry.file_type()?.is_dir() {
                self.take(root, &path)?;
                Behind::Directory
            } else {
                self.files.push(File { durable: fs::read(entry.path())?, pending: Vec::new() });
                Behind::File(self.files.len() - 1)
            };
            self.names.insert(path.clone(), behind);
            self.durable.insert(path, behind);
        }
        Ok(())
    }

    /// Carries a call out.
    pub(crate) fn apply(&mut self, call: &Call) -> anyhow::Result<()> {
        match call {
            Call::Open { path, inode, directory: true, .. } => {
                self.directories.insert(*inode, path.clone());
            }
            Call::Open { path, inode, created, cut, .. } => {
                self.open(path, *inode, *created, *cut)?
            }
            Call::Write { inode, at, bytes } => {
                self.change(*inode, Change::Write { at: *at, bytes: bytes.clone() })?;
            }
            Call::Truncate { inode, length } => self.change(*inode, Change::Truncate(*length))?,
            Call::Sync { inode } => self.sync(*inode)?,
            Call::Rename { from, to } => {
                let behind = self.names.remove(from).with_context(|| format!("no {from:?}"))?;
                if behind == Behind::Directory {
                    bail!("a directory was renamed: {from:?}");
                }
                self.name(Naming { gone: Some(from.clone()), new: Some((to.clone(), behind)) });
            }
            Call::Unlink { path } | Call::RemoveDir { path } => {
                self.name(Naming { gone: Some(path.clone()), new: None });
            }
            Call::MakeDir { path } => {
                self.name(Naming { gone: None, new: Some((path.clone(), Behind::Directory)) });
            }
        }
        Ok(())
    }

    fn open(&mut self, path: &Path, inode: u64, created: bool, cut: bool) -> anyhow::Result<()> {
        self.directories.remove(&inode);
        if created {
            self.files.push(File::default());
            let file = self.files.len() - 1;
            self.inodes.insert(inode, file);
            self.name(Naming { gone: None, new: Some((path.to_owned(), Behind::File(file))) });
            return Ok(());
        }
        match self.names.get(path) {
            Some(Behind::File(file)) => self.inodes.insert(inode, *file),
            other => bail!("{path:?} was opened and is {other:?} here"),
        };
        if cut { self.change(inode, Change::Truncate(0)) } else { Ok(()) }
    }

    fn change(&mut self, inode: u64, change: Change) -> anyhow::Result<()> {
        let file = self.inodes.get(&inode).context("a write to a file that nobody opened")?;
        self.files[*file].pending.push(change);
        Ok(())
    }

    fn sync(&mut self, inode: u64) -> anyhow::Result<()> {
        if let Some(dir) = self.directories.get(&inode) {
            for naming in self.pending.remove(dir).unwrap_or_default() {
                naming.carry_out(&mut self.durable);
            }
            return Ok(());
        }
        let file = self.inodes.get(&inode).context("a sync of a file that nobody opened")?;
        let file = &mut self.files[*file];
        for change in std::mem::take(&mut file.pending) {
            change.carry_out(&mut file.durable)?;
        }
        Ok(())
    }

    fn name(&mut self, naming: Naming) {
        let path = naming.new.as_ref().map(|(path, _)| path).or(naming.gone.as_ref());
        let dir = path.and_then(|path| path.parent()).unwrap_or(Path::new("")).to_owned();
        naming.clone().carry_out(&mut self.names);
        self.pending.entry(dir).or_default().push(naming);
    }

    /// The durable content of a file whose name is durable too.
    pub(crate) fn durable(&self, path: &Path) -> Option<&[u8]> {
        match self.durable.get(path)? {
            Behind::File(file) => Some(&self.files[*file].durable),
            Behind::Directory => None,
        }
    }

    /// Writes what is left after power was lost to `dir`, which is not there yet, without the names in `skip`.
    pub(crate) fn leave(
        &self,
        dir: &Path,
        unsynced: Unsynced,
        skip: &[&str],
        chance: &mut Chance,
    ) -> anyhow::Result<()> {
        let mut names = self.durable.clone();
        for pending in self.pending.values() {
            let kept = match unsynced {
                Unsynced::Nothing => 0,
                Unsynced::All => pending.len(),
                Unsynced::Some => chance.index(pending.len() + 1),
            };
            pending.iter().take(kept).for_each(|naming| naming.clone().carry_out(&mut names));
        }
        fs::create_dir_all(dir)?;
        for (path, behind) in &names {
            // A file in a directory whose own name is not durable is lost with it. Parents sort before their children.
            let whole = dir.join(path);
            if skip.iter().any(|name| path == Path::new(name))
                || !whole.parent().is_some_and(Path::is_dir)
            {
                continue;
            }
            match behind {
                Behind::Directory => fs::create_dir(&whole)?,
                Behind::File(file) => {
                    write_private(&whole, &self.files[*file].left(unsynced, chance)?)?;
                }
            }
        }
        Ok(())
    }
}

/// Modes are not in the trace. They come with the name, and what only the node's user may read must not open up.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::File::options().write(true).create_new(true).mode(0o600).open(path)?.write_all(bytes)
}

impl Naming {
    fn carry_out(self, names: &mut Names) {
        if let Some(gone) = self.gone {
            names.remove(&gone);
        }
        names.extend(self.new);
    }
}

impl File {
    fn left(&self, unsynced: Unsynced, chance: &mut Chance) -> anyhow::Result<Vec<u8>> {
        let mut bytes = self.durable.clone();
        // Half of the drives write in order, and lose the end.
        let kept = (chance.below(2) == 0).then(|| chance.index(self.pending.len() + 1));
        for (number, change) in self.pending.iter().enumerate() {
            let there = match unsynced {
                Unsynced::Nothing => false,
                Unsynced::All => true,
                Unsynced::Some => kept.map_or_else(|| chance.below(2) == 0, |kept| number < kept),
            };
            let last = unsynced == Unsynced::Some && Some(number) == kept;
            if there && (unsynced == Unsynced::All || chance.below(4) > 0) {
                change.carry_out(&mut bytes)?;
            } else if there || last {
                change.tear(&mut bytes, chance)?;
            }
        }
        Ok(bytes)
    }
}

impl Change {
    fn carry_out(&self, file: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Truncate(length) => file.resize(length_of(*length)?, 0),
            Self::Write { at, bytes } => {
                let (at, end) = (length_of(*at)?, length_of(*at)? + bytes.len());
                if file.len() < end {
                    file.resize(end, 0);
                }
                file[at..end].copy_from_slice(bytes);
            }
        }
        Ok(())
    }

    /// Some sectors of a write; the length may be there without what it spans.
    fn tear(&self, file: &mut Vec<u8>, chance: &mut Chance) -> io::Result<()> {
        let Self::Write { at, bytes } = self else { return self.carry_out(file) };
        let mut done = 0;
        while done < bytes.len() {
            let place = at + done as u64;
            let next = length_of(SECTOR - place % SECTOR)?.min(bytes.len() - done);
            if chance.below(2) == 0 {
                let part = Self::Write { at: place, bytes: bytes[done..done + next].to_vec() };
                part.carry_out(file)?;
            }
            done += next;
        }
        let end = length_of(*at)? + bytes.len();
        if file.len() < end && chance.below(2) == 0 {
            file.resize(end, 0);
        }
        Ok(())
    }
}

fn length_of(length: u64) -> io::Result<usize> {
    usize::try_from(length).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn open(name: &str, inode: u64, created: bool) -> Call {
        Call::Open { path: name.into(), inode, created, cut: false, directory: name.is_empty() }
    }

    fn write(inode: u64, at: u64, bytes: &[u8]) -> Call {
        Call::Write { inode, at, bytes: bytes.to_vec() }
    }

    fn left(drive: &Drive, unsynced: Unsynced, seed: u64) -> BTreeMap<String, Vec<u8>> {
        let home = tempfile::tempdir().unwrap();
        drive.leave(&home.path().join("d"), unsynced, &[], &mut Chance::new(seed)).unwrap();
        let entries = fs::read_dir(home.path().join("d")).unwrap().map(|entry| entry.unwrap());
        entries
            .map(|entry| {
                let mode = entry.metadata().unwrap().permissions().mode();
                assert_eq!(mode & 0o077, 0, "{entry:?} is open to others");
                (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
            })
            .collect()
    }

    #[test]
    fn only_what_was_synced_is_sure_to_be_there() {
        let mut drive = Drive::default();
        let calls = [
            open("", 1, false),
            open("a", 2, true),
            write(2, 0, &[1; 600]),
            Call::Sync { inode: 2 },
            write(2, 600, &[2; 1_000]),
        ];
        calls.iter().for_each(|call| drive.apply(call).unwrap());
        assert!(left(&drive, Unsynced::Nothing, 1).is_empty(), "the name was not synced");
        drive.apply(&Call::Sync { inode: 1 }).unwrap();
        assert_eq!(left(&drive, Unsynced::Nothing, 1)["a"], [1; 600]);
        assert_eq!(left(&drive, Unsynced::All, 1)["a"], [&[1; 600][..], &[2; 1_000]].concat());
        let some: std::collections::BTreeSet<Vec<u8>> =
            (0..200).map(|seed| left(&drive, Unsynced::Some, seed)["a"].clone()).collect();
        assert!(some.iter().all(|one| one.starts_with(&[1; 600]) && one.len() <= 1_600));
        let torn =
            |one: &&Vec<u8>| one.len() == 1_600 && one[600..].contains(&0) && one.contains(&2);
        assert!(some.len() > 4 && some.iter().any(|one| torn(&one)), "{}", some.len());
    }

    #[test]
    fn a_rename_leaves_the_old_file_or_the_new_one() {
        let mut drive = Drive::default();
        let calls = [
            open("", 1, false),
            open("a", 2, true),
            write(2, 0, b"old"),
            Call::Sync { inode: 2 },
            Call::Sync { inode: 1 },
            open("a.new", 3, true),
            write(3, 0, b"new"),
            Call::Sync { inode: 3 },
            Call::Rename { from: "a.new".into(), to: "a".into() },
        ];
        calls.iter().for_each(|call| drive.apply(call).unwrap());
        let seen: std::collections::BTreeSet<Vec<u8>> =
            (0..100).map(|seed| left(&drive, Unsynced::Some, seed)["a"].clone()).collect();
        assert_eq!(seen, [b"new".to_vec(), b"old".to_vec()].into());
    }
}
