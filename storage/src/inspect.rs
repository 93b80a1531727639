//! What is in a data directory, found without changing or locking it: also beside a running node.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    certificate_log::{CertificateLog, SEGMENT_EPOCHS},
    disk::{Disk, ReadOnlyDisk},
    error::OpenError,
    fork_file,
    lock::{DirectoryLock, Holder},
    open::judge,
    snapshots::SnapshotFiles,
    store::{Paths, Standing},
    watermark::{Watermark, WatermarkFile},
};

/// Files that belong together, and how much room they take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What they are, as in `docs/spec/storage.md`.
    pub name: &'static str,
    /// How many.
    pub files: u64,
    /// Bytes in them, those of sparse regions included.
    pub bytes: u64,
}

/// Every name that a [`Group`] may have.
pub const PARTS: [&str; 15] = [
    "certificate log",
    "tables",
    "snapshots",
    "agreement log",
    "watermark",
    "anchors",
    "worker",
    "log",
    "forks",
    "settings",
    "lock",
    "ballast",
    "set aside",
    "unfinished",
    "strays",
];

/// How much room the parts of a data directory take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// By part; parts without files are not listed.
    pub groups: Vec<Group>,
    /// Damaged parts that were put aside.
    pub set_aside: usize,
}

/// What is in a data directory.
#[derive(Debug)]
pub struct Contents {
    /// Who has its lock.
    pub holder: Holder,
    /// Sizes by part; parts without files are not listed.
    pub groups: Vec<Group>,
    /// First and last epoch in the certificate log and the first from which on all items are there, or what is wrong with it.
    pub certificates: Result<Option<(u64, u64, u64)>, OpenError>,
    /// How far the node signed; `None` if that is lost.
    pub watermark: Result<Option<Watermark>, OpenError>,
    /// What the node can vouch for, with no entries. Unknown for a log of a newer release.
    pub standing: Option<Standing>,
    /// Epochs with a snapshot.
    pub snapshots: Vec<u64>,
    /// Epochs with two certified cuts, and whether the proof holds.
    pub forks: Vec<(u64, bool)>,
    /// What was put aside as damaged.
    pub set_aside: Vec<PathBuf>,
    /// Files that no part of the node made.
    pub strays: Vec<PathBuf>,
}

/// What a name in the data directory stands for; `None` for a stray.
fn kind_of(name: &str) -> Option<&'static str> {
    let exact = match name {
        "lock" => "lock",
        "ballast" => "ballast",
        "watermark" => "watermark",
        "state" | "state.journal" => "tables",
        "snapshots" => "snapshots",
        "certificates.log" => "certificate log",
        "node.toml" | "subnet.toml" | "api.addr" | "api.token" | "testnet" => "settings",
        "anchors" => "anchors",
        "worker" => "worker",
        "log" => "log",
        _ => "",
    };
    if !exact.is_empty() {
        return Some(exact);
    }
    if name.contains(".corrupt-") {
        return Some("set aside");
    }
    if name.ends_with(".new") || (name.starts_with('.') && name.ends_with(".tmp")) {
        return Some("unfinished");
    }
    let numbered = |prefix: &str, suffix: &str| {
        let digits = name.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(suffix));
        digits
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    };
    match () {
        () if numbered("certificates-", ".log") => Some("certificate log"),
        () if numbered("agreement-", ".log") => Some("agreement log"),
        () if numbered("fork-", "") => Some("forks"),
        () => None,
    }
}

/// Files and bytes under a path.
fn size_of(path: &Path) -> io::Result<(u64, u64)> {
    let meta = match fs::symlink_metadata(path) {
        // It went while we looked.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((0, 0)),
        meta => meta?,
    };
    if !meta.is_dir() {
        return Ok((1, meta.len()));
    }
    let (mut files, mut bytes) = (0_u64, 0_u64);
    for entry in fs::read_dir(path)? {
        let (more, size) = size_of(&entry?.path())?;
        files = files.saturating_add(more);
        bytes = bytes.saturating_add(size);
    }
    Ok((files, bytes))
}

/// Looks at a data directory. `known` names what lies there besides the node's own files.
///
/// Reads the whole certificate log, as opening does. Beside a running node it may catch the log or the agreement log
/// between two writes; nothing is made of that: a half-written record counts as not there.
///
/// # Errors
/// [`OpenError::NotInitialised`] without a directory; [`OpenError::OtherSubnet`]; what the system says. What is damaged is no
/// error but part of the answer.
pub fn inspect(dir: &Path, subnet: [u8; 32], known: &[&str]) -> Result<Contents, OpenError> {
    if !dir.is_dir() {
        return Err(OpenError::NotInitialised { dir: dir.to_owned() });
    }
    let disk: Arc<dyn Disk> = Arc::new(ReadOnlyDisk);
    let paths = Paths::new(Arc::clone(&disk), dir, subnet);
    let (groups, set_aside, strays) = files(dir, known).map_err(OpenError::io(dir))?;
    let certificates = match CertificateLog::open(&disk, dir, &subnet, SEGMENT_EPOCHS, None) {
        Err(error @ (OpenError::OtherSubnet { .. } | OpenError::Io { .. })) => return Err(error),
        Err(error) => Err(error),
        Ok(log) => {
            let reader = log.reader();
            Ok(reader.range().map(|(a, b)| (a, b, reader.whole_from().unwrap_or(a))))
        }
    };
    let watermark = match WatermarkFile::open(disk.as_ref(), &paths.watermark()) {
        Err(error @ OpenError::Io { .. }) => return Err(error),
        other => other.map(|found| found.map(|(_, watermark)| watermark)),
    };
    let standing = match &watermark {
        Ok(found) => match judge(&paths, found.as_ref()) {
            Ok((Standing::Whole { .. }, ..)) => Some(Standing::Whole { entries: Vec::new() }),
            Ok((standing, ..)) => Some(standing),
            Err(error @ OpenError::Io { .. }) => return Err(error),
            Err(_) => None,
        },
        Err(_) => None,
    };
    let forks = fork_file::read_all(disk.as_ref(), dir, &subnet).map_err(OpenError::io(dir))?;
    let snapshots = SnapshotFiles::new(disk, dir).epochs();
    Ok(Contents {
        holder: DirectoryLock::holder(dir).map_err(OpenError::io(dir))?,
        groups,
        certificates,
        watermark,
        standing,
        snapshots: snapshots.map_err(|error| crate::open::from_store(dir, error))?,
        forks: forks.into_iter().map(|(epoch, proof)| (epoch, proof.is_some())).collect(),
        set_aside,
        strays,
    })
}

/// How much room the parts of a data directory take. Reads names and sizes only.
///
/// # Errors
/// What the system says.
pub fn sizes(dir: &Path) -> io::Result<Sizes> {
    let (groups, set_aside, _) = files(dir, &[])?;
    Ok(Sizes { groups, set_aside: set_aside.len() })
}

type Files = (Vec<Group>, Vec<PathBuf>, Vec<PathBuf>);

fn files(dir: &Path, known: &[&str]) -> io::Result<Files> {
    let (mut groups, mut set_aside, mut strays): Files = (Vec::new(), Vec::new(), Vec::new());
    for path in ReadOnlyDisk.list(dir)? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let kind = if known.contains(&name) { Some("settings") } else { kind_of(name) };
        let (files, bytes) = size_of(&path)?;
        match kind {
            Some("set aside") => set_aside.push(path.clone()),
            None => strays.push(path.clone()),
            Some(_) => {}
        }
        let name = kind.unwrap_or("strays");
        match groups.iter_mut().find(|group| group.name == name) {
            Some(group) => {
                group.files = group.files.saturating_add(files);
                group.bytes = group.bytes.saturating_add(bytes);
            }
            None => groups.push(Group { name, files, bytes }),
        }
    }
    Ok((groups, set_aside, strays))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{EpochCommit, Position, Store};

    const SUBNET: [u8; 32] = [7; 32];

    fn lived(dir: &Path) -> Store {
        Store::init(dir, SUBNET).unwrap();
        let (mut store, _) = Store::open(dir, SUBNET).unwrap();
        store.commit_genesis(b"genesis".to_vec(), Vec::new()).unwrap();
        for epoch in 1..=3 {
            store.begin_epoch(epoch).unwrap();
            store.record(0, b"vote").unwrap();
            store.persist(Position { round: 1, ..Position::default() }).unwrap();
            let bundle = b"bundle".to_vec();
            store.commit_epoch(EpochCommit { epoch, bundle, ..EpochCommit::default() }).unwrap();
        }
        store
    }

    fn every_file(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(every_file(&path));
            } else {
                found.push((path.clone(), fs::read(path).unwrap()));
            }
        }
        found.sort();
        found
    }

    #[test]
    fn a_running_node_is_seen_with_its_holder_and_a_stopped_one_stays_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let store = lived(dir.path());
        let seen = inspect(dir.path(), SUBNET, &[]).unwrap();
        assert_eq!(seen.holder, Holder::Process(Some(std::process::id())));
        assert_eq!(seen.certificates.unwrap(), Some((1, 3, 1)));
        assert_eq!(seen.watermark.unwrap().unwrap().position(), (3, 1, 0));
        drop(store);

        fs::write(dir.path().join("stray"), b"x").unwrap();
        fs::write(dir.path().join("node.toml"), b"x").unwrap();
        fs::create_dir(dir.path().join("state.corrupt-1")).unwrap();
        // A torn tail is what a start would cut; looking leaves it.
        let log = dir.path().join("certificates-00000000.log");
        let torn = [fs::read(&log).unwrap(), b"torn".to_vec()].concat();
        fs::write(&log, torn).unwrap();
        let before = every_file(dir.path());
        let seen = inspect(dir.path(), SUBNET, &[]).unwrap();
        assert_eq!(every_file(dir.path()), before);
        assert_eq!(seen.holder, Holder::Nobody);
        assert_eq!(seen.certificates.unwrap(), Some((1, 3, 1)));
        assert_eq!(seen.strays, [dir.path().join("stray")]);
        assert_eq!(seen.set_aside, [dir.path().join("state.corrupt-1")]);
        let sizes = sizes(dir.path()).unwrap();
        assert_eq!((&sizes.groups, sizes.set_aside), (&seen.groups, 1));
        assert!(sizes.groups.iter().all(|group| PARTS.contains(&group.name)), "{sizes:?}");
        assert!(matches!(seen.standing, Some(Standing::Whole { .. })));
        let log = seen.groups.iter().find(|group| group.name == "certificate log").unwrap();
        assert_eq!((log.files, log.bytes), (1, fs::metadata(before_log(&before)).unwrap().len()));
    }

    fn before_log(files: &[(PathBuf, Vec<u8>)]) -> &Path {
        let is_log = |path: &Path| path.to_string_lossy().contains("certificates-");
        &files.iter().find(|(path, _)| is_log(path)).unwrap().0
    }

    #[test]
    fn damage_is_part_of_the_answer() {
        let dir = tempfile::tempdir().unwrap();
        drop(lived(dir.path()));
        let log = dir.path().join("certificates-00000000.log");
        let mut bytes = fs::read(&log).unwrap();
        bytes[160] ^= 1;
        fs::write(&log, bytes).unwrap();
        fs::remove_file(dir.path().join("watermark")).unwrap();
        fs::write(dir.path().join("fork-00000000000000000002"), b"what was a proof").unwrap();
        let seen = inspect(dir.path(), SUBNET, &[]).unwrap();
        assert!(matches!(seen.certificates, Err(OpenError::Damaged { .. })));
        assert_eq!(seen.watermark.unwrap(), None);
        assert_eq!(seen.standing, Some(Standing::MuteUnknown));
        assert_eq!(seen.forks, [(2, false)]);
    }
}
