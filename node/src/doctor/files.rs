//! The manifest, the key, and the data directory.

use std::fs;
use std::io;
use std::path::Path;

use ganglion_storage::{Contents, Holder, OpenError, Standing, inspect};
use ganglion_types::{Hotkey, Manifest};

use super::{Known, Patient, Report};
use crate::config::Config;
use crate::fault::Code;
use crate::files;
use crate::keys::{KeyFile, KeyKind, PasswordSource};
use crate::manifest::{self, Committee};
use crate::node::NodeError;
use crate::units::show_bytes;

/// Free space below which the next epochs may not fit, in bytes.
const LITTLE_SPACE: u64 = 64 << 20;
/// Free space below which somebody should look soon, in bytes.
const LOW_SPACE: u64 = 1 << 30;
/// File systems over a network: locks and syncs there do not always mean what a node takes them for.
const NETWORK_DISKS: [&str; 8] =
    ["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "fuse.s3fs"];

pub(super) fn manifest(config: &Config, report: &mut Report) -> Option<Manifest> {
    match manifest::load(&config.manifest) {
        Ok(manifest) => {
            let id = manifest.subnet_id().to_hex();
            let (many, name) = (manifest.participants.len(), &manifest.name);
            let short = id.get(..8).unwrap_or(&id);
            report.good("manifest", format!("subnet {name} ({short}), {many} uids at genesis"));
            Some(manifest)
        }
        Err(error) => {
            report.failed(Code::MANIFEST, &error);
            None
        }
    }
}

/// The power at genesis; of a running node its own warnings say it better.
pub(super) fn stake(manifest: &Manifest, report: &mut Report) {
    let seats = manifest.hyperparameters.max_validators;
    let committee = Committee::of(&manifest.participants, seats);
    if let [(uid, most), _, ..] = committee.members[..]
        && most >= committee.to_halt()
    {
        report.warning_cured(Code::STAKE_CONCENTRATED, format!(
                "uid {uid} holds {} of the committee's stake at genesis: without it nothing is certified",
                committee.share(most)
            ), "More stake on others spreads this: `ganglion delegate`, or another manifest before genesis.");
    }
}

pub(super) fn key(
    config: &Config,
    manifest: Option<&Manifest>,
    report: &mut Report,
) -> Option<Known> {
    let path = &config.hotkey;
    let file = match KeyFile::read(path) {
        Ok(file) => file,
        Err(error) => {
            report.failed(Code::KEY, &error);
            return None;
        }
    };
    let asks = matches!(config.password, PasswordSource::Ask(_)) && file.is_encrypted();
    if asks {
        report.warning(
            Code::KEY_PASSWORD,
            "the hotkey is encrypted and no password_file is set: somebody has to type the password \
             at each start",
        );
    }
    let pair = match asks {
        true => None,
        false => match KeyFile::load(path, KeyKind::Hotkey, &config.password) {
            Ok(pair) => Some(pair),
            Err(error) => {
                report.failed(Code::KEY, &error);
                return None;
            }
        },
    };
    let hotkey = Hotkey::new(file.public()?);
    let seat =
        manifest.and_then(|one| one.participants.iter().position(|seat| seat.hotkey == hotkey));
    let place = match seat {
        Some(uid) => format!("uid {uid} at genesis"),
        None => "no uid at genesis: an observer until it is registered".into(),
    };
    report.good("key", format!("hotkey {hotkey}, {place}"));
    Some(Known { hotkey, pair })
}

/// All that can be said of the directory without the manifest.
pub(super) fn directory(config: &Config, report: &mut Report) -> bool {
    let dir = &config.data_dir;
    if !dir.is_dir() {
        report.error_cured(
            Code::NOT_INITIALISED,
            format!("{} is no data directory", dir.display()),
            "Create it with `ganglion init --manifest FILE --hotkey NAME`, or name another node with --node.",
        );
        return false;
    }
    medium(dir, report);
    space(dir, report);
    true
}

pub(super) fn data(patient: &mut Patient, report: &mut Report) {
    if !directory(&patient.config, report) {
        return;
    }
    let subnet = *patient.manifest.subnet_id().as_bytes();
    let seen = match inspect(&patient.config.data_dir, subnet, &[]) {
        Ok(seen) => seen,
        Err(error @ OpenError::OtherSubnet { .. }) => {
            return report.error(Code::OTHER_SUBNET, error.to_string());
        }
        Err(error @ OpenError::Damaged { .. }) => {
            return report.failed(Code::DAMAGED, &NodeError::from(error));
        }
        Err(error) => return report.failed(Code::DATA, &NodeError::from(error)),
    };
    if let Holder::Process(pid) = seen.holder {
        patient.held = Some(pid);
    } else {
        writable(&patient.config.data_dir, report);
    }
    patient.certified = seen.certificates.as_ref().ok().and_then(|range| range.map(|all| all.1));
    contents(patient, &seen, report);
}

fn contents(patient: &Patient, seen: &Contents, report: &mut Report) {
    let flag = patient.flag();
    let recover = format!(
        "`ganglion recover --dry-run {flag}` says what is damaged and what it would do; without --dry-run \
         it does that."
    );
    let before = report.findings.len();
    if let Err(error) = &seen.certificates {
        report.error_cured(
            Code::DAMAGED,
            format!("the certificate log: {error}"),
            recover.as_str(),
        );
    }
    match &seen.watermark {
        Err(error) => report.error_cured(Code::DAMAGED, format!("the watermark: {error}"), recover.as_str()),
        Ok(Some(mark)) if mark.retired => report.error_cured(
            Code::RETIRED,
            "the signing history of this node was exported, so it signs nothing: its key may sign elsewhere",
            format!(
                "Run the key where its history was imported. If it never was: `ganglion keys history \
                 reinstate --yes {flag}`."
            ),
        ),
        _ => mute(seen, report),
    }
    for (epoch, _) in &seen.forks {
        report.error(
            Code::FORKED,
            format!("epoch {epoch} has two certified cuts: the node is frozen"),
        );
    }
    for path in &seen.set_aside {
        report.note(
            "set-aside",
            format!(
                "{} was damaged and put aside; remove it once you need it no more",
                path.display()
            ),
        );
    }
    for path in &seen.strays {
        report.note("stray", format!("{} is not of this program", path.display()));
    }
    if report.findings.len() == before {
        let last = match patient.certified {
            Some(epoch) => format!("certified up to epoch {epoch}"),
            None => "no epoch yet".into(),
        };
        report.good("data", last);
    }
}

fn mute(seen: &Contents, report: &mut Report) {
    let until = match &seen.standing {
        Some(Standing::MuteThrough { epoch }) => format!("through epoch {epoch}"),
        Some(Standing::MuteUnknown) => "until one whole epoch has passed".into(),
        _ => return,
    };
    report.warning_cured(
        Code::MUTE,
        format!("the node signs nothing {until}: what it signed before is not all there"),
        "It ends by itself once epochs are certified without it. Never copy an older data directory over \
         this one to shorten it.",
    );
}

fn space(dir: &Path, report: &mut Report) {
    let Ok(free) = fs4::available_space(dir) else { return };
    let sentence = format!("{} are free for {}", show_bytes(free), dir.display());
    if free < LITTLE_SPACE {
        report.error(Code::DISK_FULL, sentence);
    } else if free < LOW_SPACE {
        report.warning(Code::DISK_LOW, sentence);
    } else {
        report.good("disk", sentence);
    }
}

/// What file system the directory is on, by the longest mount point above it.
fn medium(dir: &Path, report: &mut Report) {
    let Ok(dir) = dir.canonicalize() else { return };
    let Ok(mounts) = fs::read_to_string("/proc/self/mounts") else { return };
    let Some((kind, options)) = mount_of(&dir, &mounts) else { return };
    let options: Vec<&str> = options.split(',').collect();
    if options.contains(&"ro") {
        report.error(
            Code::READ_ONLY,
            format!("{} is on a file system that is mounted read-only", dir.display()),
        );
    }
    if NETWORK_DISKS.contains(&kind) {
        report.warning(
            Code::DISK_NETWORK,
            format!("{} is on a network file system ({kind})", dir.display()),
        );
    } else if ["tmpfs", "ramfs"].contains(&kind) {
        report.warning(
            Code::DISK_MEMORY,
            format!("{} is in memory ({kind}): a restart of the machine loses it", dir.display()),
        );
    } else if kind == "overlay" {
        report.warning(
            Code::DISK_CONTAINER,
            format!(
                "{} is in the writable layer of a container, which goes with it",
                dir.display()
            ),
        );
    }
}

/// Type and options of the mount that holds `dir`, of the lines of `/proc/self/mounts`. Of two with one place the later counts.
fn mount_of<'a>(dir: &Path, mounts: &'a str) -> Option<(&'a str, &'a str)> {
    let lines = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (_, place, kind, options) =
            (words.next()?, words.next()?, words.next()?, words.next()?);
        let place = place.replace("\\040", " ");
        dir.starts_with(&place).then_some((place.len(), kind, options))
    });
    lines.max_by_key(|(length, ..)| *length).map(|(_, kind, options)| (kind, options))
}

/// Whether files can be made there: only a try knows all rules of a system.
fn writable(dir: &Path, report: &mut Report) {
    let probe = dir.join(format!(".doctor-{}.tmp", std::process::id()));
    let tried = fs::write(&probe, b"written and removed by ganglion doctor\n");
    // Also after a failure: a full disk leaves an empty file.
    let removed = fs::remove_file(&probe);
    if let Err(error) = tried.and(removed)
        && error.kind() != io::ErrorKind::ReadOnlyFilesystem
    {
        report.error(Code::NOT_WRITABLE, format!("cannot write to {}: {error}", dir.display()));
    }
    #[cfg(unix)]
    if let Ok(meta) = fs::metadata(dir) {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = meta.permissions().mode() & 0o7777;
        if mode & 0o022 != 0 {
            let word = files::shell_word(&dir.display().to_string());
            report.warning_cured(
                Code::DIRECTORY_OPEN,
                format!("others may change files in {} (mode {mode:04o})", dir.display()),
                format!("Run: chmod go-w {word}"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_and_then_the_last_mount_counts() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /d tmpfs rw,size=1k 0 0\nx /data\\040x nfs4 ro 0 0\n\
                      /dev/b /d xfs rw 0 0\nbroken\n";
        assert_eq!(mount_of(Path::new("/d/node"), mounts), Some(("xfs", "rw")));
        assert_eq!(mount_of(Path::new("/data"), mounts), Some(("ext4", "rw")));
        assert_eq!(mount_of(Path::new("/data x/n"), mounts), Some(("nfs4", "ro")));
    }
}
