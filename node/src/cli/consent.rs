//! The word of a hotkey that it belongs to a coldkey, given on this machine.

use std::path::PathBuf;

use clap::Args;
use ganglion_types::op::consent_hash;
use ganglion_types::{Coldkey, Hotkey, Signature, SubnetId, sign};

use super::Global;
use super::exit::Failure;
use super::keys::{PasswordArgs, find};
use crate::keys::{KeyFile, KeyKind, KeyPair};

/// Stands for a consent that is not given yet.
pub(super) const NOT_YET: Signature = Signature::new([0; 64]);

/// Where the password of a hotkey comes from that a coldkey's operation names.
#[derive(Clone, Debug, Args)]
pub(super) struct ConsentArgs {
    /// File with the hotkey's password, if it differs from the coldkey's
    #[arg(long, value_name = "FILE")]
    hotkey_password_file: Option<PathBuf>,
}

/// A hotkey of this machine, found but not unlocked.
pub(super) struct Consenter {
    path: PathBuf,
    password: PasswordArgs,
    pub(super) hotkey: Hotkey,
}

impl Consenter {
    pub(super) fn find(
        global: &Global,
        name: &str,
        args: &ConsentArgs,
        default: &PasswordArgs,
    ) -> Result<Self, Failure> {
        let (path, public) = find(global, KeyKind::Hotkey, name)?;
        let password = match &args.hotkey_password_file {
            Some(file) => PasswordArgs::of_file(file.clone()),
            None => default.clone(),
        };
        Ok(Self { path, password, hotkey: Hotkey::new(public) })
    }

    pub(super) fn unlock(&self) -> Result<KeyPair, Failure> {
        Ok(KeyFile::load(&self.path, KeyKind::Hotkey, &self.password.source())?)
    }
}

/// The consent of a hotkey.
pub(super) fn given(subnet: &SubnetId, coldkey: &Coldkey, hotkey: &KeyPair) -> Signature {
    let hash = consent_hash(subnet, coldkey, &hotkey.hotkey());
    sign::sign(hotkey.signing_key(), hash.as_bytes())
}
