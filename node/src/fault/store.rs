//! The codes of what storage says.

use std::io;

use ganglion_storage::disk::takes_no_writes;
use ganglion_storage::{OpenError, StoreError};

use super::Code;

/// What the system calls a device that fails.
const EIO: i32 = 5;

/// The code of a data directory that cannot be opened.
#[must_use]
pub fn of_opening(error: &OpenError) -> Code {
    match error {
        OpenError::NotInitialised { .. } => Code::NOT_INITIALISED,
        OpenError::AlreadyInitialised { .. } => Code::ALREADY_INITIALISED,
        OpenError::Locked { .. } => Code::DATA_LOCKED,
        OpenError::OtherSubnet { .. } => Code::OTHER_SUBNET,
        OpenError::Newer { .. } => Code::NEWER_FORMAT,
        OpenError::Damaged { .. } => Code::DAMAGED,
        OpenError::Io { source, .. } => of_the_system(source),
    }
}

/// The code of a store that failed.
#[must_use]
pub fn of_the_store(error: &StoreError) -> Code {
    match error {
        StoreError::Damaged { .. } => Code::DAMAGED,
        _ if error.is_full() => Code::NO_ROOM,
        StoreError::Io { source, .. } => of_the_system(source),
        // Writing has failed, and it was not for want of room.
        StoreError::Database { .. } | StoreError::Poisoned { .. } => Code::DISK_FAILING,
        _ => Code::STORE_FAILED,
    }
}

fn of_the_system(source: &io::Error) -> Code {
    if takes_no_writes(source) {
        Code::NO_ROOM
    } else if source.raw_os_error() == Some(EIO) {
        Code::DISK_FAILING
    } else {
        Code::SYSTEM_REFUSED
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Curable as _, Fault};
    use crate::node::NodeError;

    #[test]
    fn each_fault_of_a_disk_has_the_code_whose_cure_helps() {
        let io = |code| StoreError::Io {
            path: "/d/watermark".into(),
            source: io::Error::from_raw_os_error(code),
        };
        let database = |full| StoreError::Database { reason: "it says no".into(), full };
        for (error, code) in [
            (io(5), Code::DISK_FAILING),
            (io(28), Code::NO_ROOM),
            (io(30), Code::NO_ROOM),
            (io(13), Code::SYSTEM_REFUSED),
            (database(false), Code::DISK_FAILING),
            (database(true), Code::NO_ROOM),
            (StoreError::Poisoned { first: "fdatasync".into(), full: false }, Code::DISK_FAILING),
        ] {
            let error = NodeError::from(error);
            assert_eq!(error.code(), code, "{error}");
            assert!(matches!(error.fault(), Fault::Environment), "{error}");
        }
        let source = io::Error::from_raw_os_error(28);
        let open = OpenError::Io { path: "/d/state".into(), source };
        assert_eq!(NodeError::from(open).code(), Code::NO_ROOM);
    }
}
