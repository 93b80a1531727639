//! One process's world: production storage over a disk that fails, and a tray for what it sends.

use std::path::{Path, PathBuf};

use ganglion_consensus::agreement::Watermark;
use ganglion_persist::{Keeper, snapshots, stored_answer};
use ganglion_storage::StoreError;
use ganglion_storage::faulty::FaultyDisk;
use ganglion_subnet::runner::Host;
use ganglion_subnet::{
    AnswerToken, AskId, Certified, Channel, Commit, GossipToken, Job, Now, Rejection, Report,
    Ticket, Verdict,
};
use ganglion_types::{Canonical as _, Epoch, Fork, Hotkey, ItemId, proto};

use crate::checkers::medium::Medium;

/// Where a node keeps its files on its disk.
pub(crate) const HOME: &str = "/node";

/// A row of state that changes: table, key, value.
pub(crate) type RowChange = (u8, Vec<u8>, Option<Vec<u8>>);

/// What leaves a process.
#[derive(Debug)]
pub(crate) enum Out {
    Publish(Channel, Vec<u8>),
    Ask(AskId, Hotkey, proto::Request),
    Answer(AnswerToken, proto::Response),
    Work(Job),
}

/// What a process did that checkers look at, in order. Bytes and numbers, none of our types.
#[derive(Debug)]
pub(crate) enum Note {
    /// A record of the agreement log was written.
    Logged(Vec<u8>),
    /// An epoch was stored: the call returned.
    Committed(Box<Committed>),
    /// An epoch was to be stored, and the call failed: the next process tells whether it was.
    Attempted(Box<Committed>),
    /// The proof of two certified cuts was stored.
    Forked(u64),
    /// The sender of this message was blamed for it.
    Refused(u64, Vec<u8>),
    /// A peer was blamed.
    Blamed([u8; 32], &'static str),
    /// Something left the process that the medium does not hold.
    Early(String),
    /// Whether it signs.
    Signing(bool, &'static str),
    /// For people.
    Line(String),
    /// Something left the process.
    Out(Out),
}

/// An epoch as it was stored.
#[derive(Clone, Debug)]
pub(crate) struct Committed {
    pub(crate) epoch: u64,
    pub(crate) cut: Vec<u8>,
    pub(crate) certificate: Vec<u8>,
    pub(crate) items: Vec<Vec<u8>>,
    pub(crate) rows: Vec<RowChange>,
    pub(crate) header: Vec<u8>,
}

/// See the module's head.
#[derive(Debug)]
pub(crate) struct SimHost {
    keeper: Keeper,
    medium: Medium,
    pub(crate) notes: Vec<Note>,
    snapshot_every: u64,
    seen: Vec<(GossipToken, Vec<u8>)>,
}

impl SimHost {
    pub(crate) fn new(
        keeper: Keeper,
        disk: FaultyDisk,
        me: Option<Hotkey>,
        snapshot_every: u64,
    ) -> Self {
        let me = me.map(|hotkey| *hotkey.as_bytes());
        Self {
            keeper,
            medium: Medium::new(disk, home(), me),
            notes: Vec::new(),
            snapshot_every,
            seen: Vec::new(),
        }
    }

    /// The bytes behind a token, so that a refusal can be looked at.
    pub(crate) fn arrives(&mut self, token: GossipToken, bytes: &[u8]) {
        if self.seen.len() >= 64 {
            self.seen.remove(0);
        }
        self.seen.push((token, bytes.to_vec()));
    }

    fn certified(&mut self, certified: &Certified) {
        self.keeper.keep_committee(&certified.state);
        let Certified { cut, certificate, state, .. } = certified;
        if cut.epoch.get().is_multiple_of(self.snapshot_every) {
            snapshots::keep(self.keeper.reader().snapshots(), state, cut, certificate);
        }
        let (round, items) = (certificate.round.get(), cut.items.len());
        let line = format!("certified {} round {round}, {items} items, {:?}", cut.epoch, cut.id());
        self.notes.push(Note::Line(line));
    }
}

pub(crate) fn home() -> PathBuf {
    Path::new(HOME).to_owned()
}

impl Host for SimHost {
    type Error = StoreError;

    fn log(&mut self, record: &[u8]) -> Result<(), StoreError> {
        self.keeper.log(record)?;
        self.notes.push(Note::Logged(record.to_vec()));
        Ok(())
    }

    fn sync(&mut self, watermark: &Watermark) -> Result<(), StoreError> {
        self.keeper.sync(watermark)
    }

    fn reset_log(&mut self, epoch: Epoch) -> Result<(), StoreError> {
        self.keeper.reset_log(epoch)
    }

    fn reserve_seq(&mut self, end: u64) -> Result<(), StoreError> {
        self.keeper.reserve_seq(end)
    }

    fn commit(&mut self, commit: &Commit) -> Result<(), StoreError> {
        let committed = Box::new(Committed {
            epoch: commit.bundle.cut.epoch.get(),
            cut: commit.bundle.cut.to_bytes(),
            certificate: commit.bundle.certificate.to_bytes(),
            items: commit.bundle.items.iter().map(ganglion_types::Canonical::to_bytes).collect(),
            rows: commit.rows.clone(),
            header: commit.result.header.to_bytes(),
        });
        if let Err(error) = self.keeper.commit(commit) {
            self.notes.push(Note::Attempted(committed));
            return Err(error);
        }
        self.notes.push(Note::Committed(committed));
        self.keeper.prune(&commit.state)
    }

    fn save_local(&mut self, key: &'static str, value: &[u8]) -> Result<(), StoreError> {
        self.keeper.save_local(key, value)
    }

    fn keep_fork(&mut self, fork: &Fork) -> Result<(), StoreError> {
        self.keeper.keep_fork(fork)?;
        self.notes.push(Note::Forked(fork.first.0.epoch.get()));
        Ok(())
    }

    fn publish(&mut self, channel: Channel, bytes: Vec<u8>) {
        let early = match channel {
            Channel::Agreement => self.medium.vote_leaves(&bytes),
            _ => self.medium.item_leaves(&bytes),
        };
        self.notes.extend(early.map(Note::Early));
        self.notes.push(Note::Out(Out::Publish(channel, bytes)));
    }

    fn forward(&mut self, channel: Channel, bytes: Vec<u8>) {
        self.notes.push(Note::Out(Out::Publish(channel, bytes)));
    }

    fn verdict(&mut self, token: GossipToken, verdict: Verdict) {
        if verdict == Verdict::Reject {
            let known = self.seen.iter().find(|(seen, _)| *seen == token);
            let bytes = known.map(|(_, bytes)| bytes.clone()).unwrap_or_default();
            self.notes.push(Note::Refused(token.0, bytes));
        }
    }

    fn ask(&mut self, id: AskId, peer: Hotkey, request: proto::Request) {
        if let Some(proto::request::Request::Push(push)) = &request.request {
            let early = push.messages.iter().filter_map(|one| self.medium.message_leaves(one));
            self.notes.extend(early.map(Note::Early));
        }
        self.notes.push(Note::Out(Out::Ask(id, peer, request)));
    }

    fn answer(&mut self, token: AnswerToken, response: proto::Response) {
        if let Some(proto::response::Response::Trade(trade)) = &response.response {
            let early = trade.messages.iter().filter_map(|one| self.medium.message_leaves(one));
            self.notes.extend(early.map(Note::Early));
        }
        self.notes.push(Note::Out(Out::Answer(token, response)));
    }

    fn answer_from_store(&mut self, token: AnswerToken, request: proto::Request) {
        let response = stored_answer(self.keeper.reader(), request);
        self.notes
            .push(Note::Out(Out::Answer(token, proto::Response { response: Some(response) })));
    }

    fn penalize(&mut self, peer: Hotkey, rejection: Rejection) {
        self.notes.push(Note::Blamed(*peer.as_bytes(), rejection.name()));
    }

    fn work(&mut self, job: Job) {
        self.notes.push(Note::Out(Out::Work(job)));
    }

    fn submitted(&mut self, _: Ticket, result: Result<ItemId, String>) {
        self.notes.push(Note::Line(format!("submitted: {result:?}")));
    }

    fn report(&mut self, _: Now, report: Report) {
        match report {
            Report::Certified(certified) => self.certified(&certified),
            Report::Voting { active, reason } => self.notes.push(Note::Signing(active, reason)),
            Report::Odd(odd) => self.notes.push(Note::Line(format!("odd: {odd}"))),
            Report::Round { epoch, round, proposer } => {
                self.notes.push(Note::Line(format!("epoch {epoch} round {round} by {proposer}")));
            }
            Report::Phase { epoch, phase, .. } => {
                self.notes.push(Note::Line(format!("epoch {epoch} {}", phase.name())));
            }
            Report::Frozen(forks) => {
                self.notes.push(Note::Line(format!("frozen, {} forks known", forks.len())));
            }
            Report::Stranded(why) => self.notes.push(Note::Line(format!("stranded: {why:?}"))),
            Report::Item { .. }
            | Report::Heard { .. }
            | Report::Said(_)
            | Report::TimedOut(_)
            | Report::Disagreed(_)
            | Report::Executed
            | Report::Scored { .. }
            | Report::Following(_) => {}
        }
    }
}
