//! What `recorder.c` wrote down.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

const HEADER: usize = 40;

/// One call that changed something or made it durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// A name and the file behind it; `created` if the name was not there before, `cut` if its content went.
    Open {
        path: PathBuf,
        inode: u64,
        created: bool,
        cut: bool,
        directory: bool,
    },
    /// Bytes at a place.
    Write {
        inode: u64,
        at: u64,
        bytes: Vec<u8>,
    },
    /// A new length.
    Truncate {
        inode: u64,
        length: u64,
    },
    /// All of a file, or all names of a directory, are durable.
    Sync {
        inode: u64,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Unlink {
        path: PathBuf,
    },
    MakeDir {
        path: PathBuf,
    },
    RemoveDir {
        path: PathBuf,
    },
}

/// A call and when it returned, in nanoseconds since 1970.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) time: u64,
    pub(crate) call: Call,
}

/// Reads a trace. Paths become relative to `root`; a record that was cut off by the end of the process is left out.
pub(crate) fn read(bytes: &[u8], root: &Path) -> anyhow::Result<Vec<Recorded>> {
    let mut calls = Vec::new();
    let mut rest = bytes;
    while let Some((head, more)) = rest.split_at_checked(HEADER) {
        let word =
            |at: usize| u64::from_ne_bytes(head[at..at + 8].try_into().expect("eight bytes"));
        let half = |at: usize| u32::from_ne_bytes(head[at..at + 4].try_into().expect("four bytes"));
        let length = usize::try_from(word(24))?;
        let Some((payload, after)) = more.split_at_checked(length) else { break };
        rest = after;
        let (kind, flags, inode, offset) = (half(0), half(4), word(8), word(16));
        let path = |bytes: &[u8]| -> anyhow::Result<PathBuf> {
            let path = Path::new(OsStr::from_bytes(bytes));
            Ok(path
                .strip_prefix(root)
                .with_context(|| format!("{path:?} in the trace"))?
                .to_owned())
        };
        let call = match kind {
            1 => Call::Open {
                path: path(payload)?,
                inode,
                created: flags & 1 > 0,
                cut: flags & 2 > 0,
                directory: flags & 4 > 0,
            },
            2 => Call::Write { inode, at: offset, bytes: payload.to_vec() },
            3 => Call::Truncate { inode, length: offset },
            4 => Call::Sync { inode },
            5 => {
                let zero =
                    payload.iter().position(|byte| *byte == 0).context("a rename to nowhere")?;
                Call::Rename { from: path(&payload[..zero])?, to: path(&payload[zero + 1..])? }
            }
            6 => Call::Unlink { path: path(payload)? },
            7 => Call::MakeDir { path: path(payload)? },
            8 => Call::RemoveDir { path: path(payload)? },
            _ => bail!(
                "the node did what the recorder cannot follow: {:?}",
                OsStr::from_bytes(payload)
            ),
        };
        calls.push(Recorded { time: word(32), call });
    }
    Ok(calls)
}
