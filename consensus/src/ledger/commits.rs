//! Hidden rows of weights that wait to be shown (state table 6).

use ganglion_types::{Digest, Epoch, Hotkey, Uid};

use super::state::State;

/// Which row a commit hides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CommitKey {
    /// Who committed.
    pub uid: Uid,
    /// For which mechanism.
    pub mechid: u16,
    /// The epoch whose cut held the commit.
    pub epoch: Epoch,
}

/// A commit that is neither shown nor expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Who signed it: the hotkey of the uid then.
    pub hotkey: Hotkey,
    /// What the reveal must lead to.
    pub commitment: Digest,
    /// Its number among the signer's statements.
    pub seq: u64,
    /// The element of the signer's task-seed chain that was shown last when it was made: what the
    /// reveal shows leads here, whatever chain the signer has begun since.
    pub seed: Digest,
    /// Epoch that `seed` belongs to, before that of the commit.
    pub seed_epoch: Epoch,
}

impl State {
    /// An open commit.
    #[must_use]
    pub fn commit(&self, key: &CommitKey) -> Option<&Commit> {
        self.commits.get(key)
    }

    /// All open commits, by uid, mechanism and epoch.
    pub fn commits(&self) -> impl Iterator<Item = (&CommitKey, &Commit)> {
        self.commits.iter()
    }

    /// The open commits of a uid, by mechanism and epoch.
    pub fn commits_of(&self, uid: Uid) -> impl Iterator<Item = (&CommitKey, &Commit)> {
        let at = |mechid, epoch| CommitKey { uid, mechid, epoch };
        self.commits.range(at(0, Epoch::GENESIS)..=at(u16::MAX, Epoch::new(u64::MAX)))
    }

    /// Epoch of a uid's newest row or open commit, or of its registration if it has said nothing
    /// since. A commit that expired or was lost does not count.
    #[must_use]
    pub fn last_statement(&self, uid: Uid) -> Epoch {
        let row = self.participant(uid).map_or(Epoch::GENESIS, |one| one.last_update);
        self.commits_of(uid).map(|(key, _)| key.epoch).fold(row, Epoch::max)
    }
}
