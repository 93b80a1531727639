//! What a hotkey does, and whether it stays.

use ganglion_types::{Coldkey, Digest, Hotkey, Role, Uid};

use super::super::former::Former;
use super::super::receipt::Failure;
use super::Execution;

impl Execution {
    pub(super) fn deregister(&mut self, uid: Uid, hotkey: Hotkey) -> Result<(), Failure> {
        self.must_not_be_last(uid, hotkey)?;
        self.state.vacate(uid, self.epoch);
        Ok(())
    }

    /// A validator that becomes a miner keeps its stake, which counts for nothing then; what was
    /// entering goes back.
    pub(super) fn serve(
        &mut self,
        uid: Uid,
        hotkey: Hotkey,
        role: Role,
        seed_tail: Option<Digest>,
    ) -> Result<(), Failure> {
        let was = self.state.participant(uid).map(|one| one.role);
        if role == Role::Miner && was != Some(role) {
            self.must_not_be_last(uid, hotkey)?;
            self.state.silence(uid);
            self.state.return_entering(hotkey);
        }
        let epoch = self.epoch;
        if let Some(one) = self.state.participant_mut(uid) {
            one.role = role;
            one.seed = seed_tail.unwrap_or(Digest::ZERO);
            one.seed_epoch = epoch;
        }
        Ok(())
    }

    pub(super) fn rotate(
        &mut self,
        by: &Coldkey,
        from: &Hotkey,
        to: &Hotkey,
    ) -> Result<(), Failure> {
        let uid = self.owned(by, from)?;
        // Slashed, it keeps its seat only because nobody else has one.
        if self.state.was_slashed(from) {
            return Err(Failure::FormerHotkey { hotkey: *from, until: None });
        }
        self.must_be_new(to)?;
        if let Some(one) = self.state.participant_mut(uid) {
            one.hotkey = *to;
        }
        self.state.uids.remove(from);
        self.state.uids.insert(*to, uid);
        let waiting = std::mem::take(&mut self.state.entering);
        let moved = |((hotkey, coldkey), amount)| {
            ((if hotkey == *from { *to } else { hotkey }, coldkey), amount)
        };
        self.state.entering = waiting.into_iter().map(moved).collect();
        self.state.former.insert(*from, Former { successor: Some(*to), epoch: self.epoch });
        Ok(())
    }

    /// A hotkey may take a uid if it has none and was not rotated or slashed away lately.
    pub(super) fn must_be_new(&self, hotkey: &Hotkey) -> Result<(), Failure> {
        if let Some(uid) = self.state.uid_of(hotkey) {
            return Err(Failure::HotkeyTaken { hotkey: *hotkey, uid });
        }
        if self.state.former().contains_key(hotkey) {
            let until = self.state.former_until(hotkey);
            return Err(Failure::FormerHotkey { hotkey: *hotkey, until });
        }
        Ok(())
    }

    fn must_not_be_last(&self, uid: Uid, hotkey: Hotkey) -> Result<(), Failure> {
        let member = |uid| self.state.participant(uid).is_some_and(|one| one.is_member());
        let others =
            || self.state.participants().any(|(other, one)| other != uid && one.is_member());
        if member(uid) && !others() { Err(Failure::LastMember { hotkey }) } else { Ok(()) }
    }
}
