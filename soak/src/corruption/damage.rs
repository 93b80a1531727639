//! One thing done to one file of a data directory.

use std::fmt;
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::chance::Chance;

const PAGE: u64 = 4_096;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    BitFlip,
    ZeroedPage,
    Truncated,
    Emptied,
    Missing,
    Older,
    Stray,
}

impl Kind {
    pub(crate) const ALL: [Self; 7] = [
        Self::BitFlip,
        Self::ZeroedPage,
        Self::Truncated,
        Self::Emptied,
        Self::Missing,
        Self::Older,
        Self::Stray,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::BitFlip => "a bit flipped",
            Self::ZeroedPage => "a page zeroed",
            Self::Truncated => "truncated",
            Self::Emptied => "emptied",
            Self::Missing => "missing",
            Self::Older => "an older copy",
            Self::Stray => "a stray file",
        }
    }
}

/// What is done, and to what.
#[derive(Clone, Debug)]
pub(crate) struct Damage {
    pub(crate) kind: Kind,
    /// Relative to the data directory.
    pub(crate) file: PathBuf,
    /// The bit, byte or length.
    place: u64,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (at {})", self.file.display(), self.kind.name(), self.place)
    }
}

/// Files below a directory that may be damaged, by name: no log, no worker's state, nothing that was put aside.
pub(crate) fn files(root: &Path) -> std::io::Result<Vec<PathBuf>> {
    fn walk(root: &Path, below: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
        for entry in fs::read_dir(root.join(below))? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            let aside = path.to_string_lossy().contains(".corrupt-");
            if aside || path == Path::new("log") || path == Path::new("worker") {
                continue;
            }
            if entry.file_type()?.is_dir() {
                walk(root, &path, found)?;
            } else {
                found.push(path);
            }
        }
        Ok(())
    }
    let mut found = Vec::new();
    walk(root, Path::new(""), &mut found)?;
    found.sort();
    Ok(found)
}

impl Damage {
    /// Draws a file, what is done to it, and where. An older copy only where `older` has another one of the same name.
    pub(crate) fn draw(root: &Path, older: &Path, chance: &mut Chance) -> std::io::Result<Self> {
        let files = files(root)?;
        let file = files[chance.index(files.len())].clone();
        let length = fs::metadata(root.join(&file))?.len();
        let differs = || {
            let other = fs::read(older.join(&file)).ok();
            other.is_some() && other != fs::read(root.join(&file)).ok()
        };
        let kind = loop {
            let kind = Kind::ALL[chance.index(Kind::ALL.len())];
            let fits = match kind {
                Kind::Older => differs(),
                Kind::Missing | Kind::Stray => true,
                _ => length > 0,
            };
            if fits {
                break kind;
            }
        };
        let place = match kind {
            Kind::BitFlip => chance.below(length * 8),
            Kind::ZeroedPage => chance.below(length.div_ceil(PAGE)) * PAGE,
            Kind::Truncated => chance.below(length),
            Kind::Stray => chance.below(5),
            Kind::Emptied | Kind::Missing | Kind::Older => 0,
        };
        Ok(Self { kind, file, place })
    }

    /// The same to the file of this name in another directory, which may have another length.
    pub(crate) fn moved_to(self, root: &Path) -> std::io::Result<Self> {
        let length = fs::metadata(root.join(&self.file))?.len();
        let kind = if length == 0 { Kind::Missing } else { self.kind };
        let end = if kind == Kind::BitFlip { length * 8 } else { length };
        Ok(Self { kind, place: self.place.checked_rem(end).unwrap_or(0), ..self })
    }

    /// Does it.
    pub(crate) fn inflict(&self, root: &Path, older: &Path) -> std::io::Result<()> {
        let path = root.join(&self.file);
        let open = || fs::File::options().read(true).write(true).open(&path);
        match self.kind {
            Kind::BitFlip => {
                let (file, mut byte) = (open()?, [0]);
                file.read_exact_at(&mut byte, self.place / 8)?;
                byte[0] ^= 1 << (self.place % 8);
                file.write_all_at(&byte, self.place / 8)
            }
            Kind::ZeroedPage => {
                let file = open()?;
                let left = file.metadata()?.len().saturating_sub(self.place).min(PAGE);
                file.write_all_at(&vec![0; usize::try_from(left).unwrap_or(0)], self.place)
            }
            Kind::Truncated => open()?.set_len(self.place),
            Kind::Emptied => open()?.set_len(0),
            Kind::Missing => fs::remove_file(path),
            Kind::Older => fs::copy(older.join(&self.file), path).map(drop),
            Kind::Stray => fs::write(root.join(self.stray()), b"what no node wrote"),
        }
    }

    /// The stray file: of nothing, or of what the node might take for its own.
    pub(crate) fn stray(&self) -> PathBuf {
        let own = self.file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match self.place {
            0 => self.file.with_file_name("notes.txt"),
            1 => self.file.with_file_name(format!("{own}.new")),
            2 => "certificates-00000009.log".into(),
            3 => "agreement-00000000000000009999.log".into(),
            _ => "state/snap.0000000000000001.generating".into(),
        }
    }

    /// Whether a person wrote the file that is hit, or the process alone reads it.
    pub(crate) fn hits_settings(&self) -> bool {
        let names = [
            "node.toml",
            "subnet.toml",
            "testnet-node",
            "api.addr",
            "api.token",
            "lock",
            "ballast",
        ];
        self.kind != Kind::Stray && names.iter().any(|name| self.file == Path::new(name))
    }

    /// Whether it hits what the node knows of its own signatures.
    pub(crate) fn hits_signing(&self) -> bool {
        let file = if self.kind == Kind::Stray { self.stray() } else { self.file.clone() };
        let name = file.to_string_lossy().into_owned();
        ["watermark", "agreement"].iter().any(|part| name.starts_with(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_is_damaged_and_only_that() {
        let home = tempfile::tempdir().unwrap();
        let (root, older) = (home.path().join("now"), home.path().join("older"));
        for (dir, content) in [(&root, 7_u8), (&older, 9)] {
            fs::create_dir_all(dir.join("state")).unwrap();
            for name in ["a", "b", "state/db", "log"] {
                fs::write(dir.join(name), [content; 10_000]).unwrap();
            }
        }
        let mut kinds = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let damage = Damage::draw(&root, &older, &mut Chance::new(seed)).unwrap();
            damage.inflict(&root, &older).unwrap();
            kinds.insert(damage.kind);
            let stray = damage.kind == Kind::Stray;
            let mut hit = Vec::new();
            for name in ["a", "b", "state/db", "log"] {
                if fs::read(root.join(name)).ok() != Some(vec![7; 10_000]) {
                    hit.push(PathBuf::from(name));
                }
                fs::write(root.join(name), [7; 10_000]).unwrap();
            }
            assert_eq!(hit, if stray { vec![] } else { vec![damage.file.clone()] }, "{damage}");
            if stray {
                fs::remove_file(root.join(damage.stray())).unwrap();
            }
        }
        assert_eq!(kinds.len(), Kind::ALL.len());
    }
}
