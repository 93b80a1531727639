//! The host of one participant: its disk, and what it wants the world to do.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use ganglion_consensus::agreement::{TimerKind, Watermark};
use ganglion_consensus::ledger::EpochResult;
use ganglion_subnet::hidden::{LOCAL_SEALED, SealedRows};
use ganglion_subnet::runner::Host;
use ganglion_subnet::{
    AnswerToken, AskId, Channel, Commit, Disagreement, GossipToken, Job, Now, Rejection, Report,
    Ticket, Verdict,
};
use ganglion_types::{
    AgreementMessage, Body, Canonical as _, Epoch, EpochBundle, Fork, Hotkey, InclusionList, Item,
    ItemId, Kind, limits, proto,
};

use super::GENESIS;

/// What a host wants the world to do.
#[derive(Debug)]
pub(super) enum Out {
    Publish(Channel, Vec<u8>),
    Ask(AskId, Hotkey, proto::Request),
    Answer(AnswerToken, proto::Response),
    Work(Job),
}

/// What survives a restart, and a record of what was done in which order.
#[derive(Debug, Default)]
pub(crate) struct TestHost {
    pub(super) out: Vec<Out>,
    pub(crate) bundles: BTreeMap<u64, EpochBundle>,
    pub(crate) results: BTreeMap<u64, EpochResult>,
    pub(crate) rounds: BTreeMap<u64, u32>,
    pub(super) log: Vec<Vec<u8>>,
    pub(super) unsynced: usize,
    pub(super) signed: Option<Epoch>,
    pub(super) seq: u64,
    pub(super) local: BTreeMap<&'static str, Vec<u8>>,
    pub(crate) certified_at: BTreeMap<u64, u64>,
    pub(crate) odd: Vec<String>,
    pub(crate) rejected: BTreeMap<Rejection, usize>,
    pub(crate) submitted: Vec<Result<ItemId, String>>,
    pub(crate) signing: bool,
    pub(crate) last_item: Option<Result<(), Rejection>>,
    pub(crate) items_seen: usize,
    /// Epochs that this process has said something of agreement about.
    pub(crate) said: BTreeSet<u64>,
    /// Lists that all processes of this node have said of their own.
    pub(crate) lists_said: BTreeSet<ItemId>,
    /// The last one said.
    pub(crate) last_list: Option<InclusionList>,
    /// The disk has lost the agreement log.
    pub(crate) log_lost: bool,
    pub(crate) verdicts: BTreeMap<&'static str, usize>,
    /// Rows, commits and reveals that this process has published, by kind and epoch.
    pub(crate) weights_said: BTreeSet<(Kind, u64)>,
    /// Proofs of two certified cuts, on disk.
    pub(crate) forks: Vec<Fork>,
    /// Whether this process said that it is frozen.
    pub(crate) frozen: bool,
    /// What it reported to have signed, and to have heard and taken, by step.
    pub(crate) signed_steps: BTreeMap<&'static str, usize>,
    pub(crate) heard_steps: BTreeMap<&'static str, usize>,
    /// Waits of agreement that ran out.
    pub(crate) timeouts: BTreeMap<TimerKind, usize>,
    /// How often it said that it is behind, or that nobody can help it.
    pub(crate) behind: usize,
    /// Who showed it another result than its own.
    pub(crate) disagreed: Vec<Disagreement>,
}

impl TestHost {
    /// A commit is said once its row is durable, a reveal once the commit's epoch is certified.
    fn check_weights(&mut self, bytes: &[u8]) {
        let item = Item::from_bytes(bytes, limits::ITEM_BYTES).unwrap();
        let epoch = match item.body() {
            Body::WeightCommit(commit) => {
                let sealed = self.local.get(LOCAL_SEALED).expect("the row is not durable");
                assert!(SealedRows::from_bytes(sealed).unwrap().holds(commit.epoch));
                commit.epoch
            }
            Body::WeightReveal(reveal) => {
                assert!(self.bundles.contains_key(&reveal.epoch.get()), "revealed too early");
                reveal.epoch
            }
            body => body.epoch().unwrap(),
        };
        self.weights_said.insert((item.kind(), epoch.get()));
    }
}

impl Host for TestHost {
    type Error = Infallible;

    fn log(&mut self, record: &[u8]) -> Result<(), Infallible> {
        self.log.push(record.to_vec());
        self.unsynced += 1;
        Ok(())
    }

    fn sync(&mut self, watermark: &Watermark) -> Result<(), Infallible> {
        self.unsynced = 0;
        self.signed = Some(watermark.epoch);
        Ok(())
    }

    fn reset_log(&mut self, _: Epoch) -> Result<(), Infallible> {
        self.log.clear();
        self.unsynced = 0;
        Ok(())
    }

    fn reserve_seq(&mut self, end: u64) -> Result<(), Infallible> {
        self.seq = end;
        Ok(())
    }

    fn commit(&mut self, commit: &Commit) -> Result<(), Infallible> {
        let epoch = commit.bundle.cut.epoch.get();
        self.results.insert(epoch, commit.result.clone());
        self.bundles.insert(epoch, commit.bundle.clone());
        Ok(())
    }

    fn keep_fork(&mut self, fork: &Fork) -> Result<(), Infallible> {
        self.forks.push(fork.clone());
        Ok(())
    }

    fn save_local(&mut self, key: &'static str, value: &[u8]) -> Result<(), Infallible> {
        self.local.insert(key, value.to_vec());
        Ok(())
    }

    fn publish(&mut self, channel: Channel, bytes: Vec<u8>) {
        // I3: no vote, proposal or list is said before the flush that covers its record.
        if channel == Channel::Weights {
            self.check_weights(&bytes);
        }
        if channel == Channel::Agreement {
            assert_eq!(self.unsynced, 0, "published with records that are not durable");
            let message = AgreementMessage::from_bytes(&bytes, limits::AGREEMENT_BYTES).unwrap();
            self.said.insert(message.epoch().get());
            if let AgreementMessage::List(item) = message {
                self.lists_said.insert(item.id());
                if let Body::InclusionList(list) = item.body() {
                    self.last_list = Some(list.clone());
                }
            }
        }
        self.out.push(Out::Publish(channel, bytes));
    }

    fn forward(&mut self, channel: Channel, bytes: Vec<u8>) {
        self.out.push(Out::Publish(channel, bytes));
    }

    fn verdict(&mut self, _: GossipToken, verdict: Verdict) {
        let name = match verdict {
            Verdict::Accept => "accept",
            Verdict::Ignore => "ignore",
            Verdict::Reject => "reject",
        };
        *self.verdicts.entry(name).or_default() += 1;
    }

    fn ask(&mut self, id: AskId, peer: Hotkey, request: proto::Request) {
        self.out.push(Out::Ask(id, peer, request));
    }

    fn answer(&mut self, token: AnswerToken, response: proto::Response) {
        self.out.push(Out::Answer(token, response));
    }

    fn answer_from_store(&mut self, token: AnswerToken, request: proto::Request) {
        use proto::request::Request;
        let response = match request.request {
            Some(Request::Epochs(asked)) => {
                let epochs = (asked.from..).take(asked.max as usize);
                let epochs = epochs.map_while(|epoch| self.bundles.get(&epoch));
                let epochs = epochs.map(|bundle| bundle.to_proto()).collect();
                proto::response::Response::Epochs(proto::Epochs { epochs })
            }
            _ => proto::response::Response::Items(proto::Items { items: Vec::new() }),
        };
        self.out.push(Out::Answer(token, proto::Response { response: Some(response) }));
    }

    fn penalize(&mut self, peer: Hotkey, rejection: Rejection) {
        self.odd.push(format!("{peer} is to blame for {}", rejection.name()));
    }

    fn work(&mut self, job: Job) {
        self.out.push(Out::Work(job));
    }

    fn submitted(&mut self, _: Ticket, result: Result<ItemId, String>) {
        self.submitted.push(result);
    }

    fn report(&mut self, now: Now, report: Report) {
        match report {
            Report::Certified(certified) => {
                let epoch = certified.cut.epoch.get();
                self.rounds.insert(epoch, certified.certificate.round.get());
                self.certified_at.insert(epoch, now.wall.saturating_sub(GENESIS));
            }
            Report::Odd(note) => self.odd.push(note),
            Report::Frozen(_) => self.frozen = true,
            Report::Item { rejected, .. } => {
                self.items_seen += 1;
                self.last_item = Some(rejected.map_or(Ok(()), Err));
                if let Some(rejection) = rejected {
                    *self.rejected.entry(rejection).or_default() += 1;
                }
            }
            Report::Voting { active, .. } => self.signing = active,
            Report::Said(step) => *self.signed_steps.entry(step.name()).or_default() += 1,
            Report::Heard { step, rejected: None } => {
                *self.heard_steps.entry(step.name()).or_default() += 1;
            }
            Report::TimedOut(timer) => *self.timeouts.entry(timer).or_default() += 1,
            Report::Disagreed(by) => self.disagreed.push(by),
            Report::Following(following) if following.left() > 0 => self.behind += 1,
            Report::Stranded(Some(_)) => self.behind += 1,
            _ => {}
        }
    }
}

/// Takes the proposals out of what a node sends. False if nothing is left.
pub(super) fn lose_proposals(out: &mut Out) -> bool {
    use proto::{request::Request, response::Response};
    let messages = match out {
        Out::Publish(Channel::Agreement, bytes) => {
            let message = AgreementMessage::from_bytes(bytes, limits::AGREEMENT_BYTES).unwrap();
            return !matches!(message, AgreementMessage::Proposal(_));
        }
        Out::Ask(_, _, request) => match request.request.as_mut() {
            Some(Request::Push(push)) => &mut push.messages,
            Some(Request::Trade(trade)) => &mut trade.messages,
            _ => return true,
        },
        Out::Answer(_, proto::Response { response: Some(Response::Trade(trade)) }) => {
            &mut trade.messages
        }
        _ => return true,
    };
    let is_proposal = |message: &proto::AgreementMessage| {
        matches!(message.message, Some(proto::agreement_message::Message::Proposal(_)))
    };
    messages.retain(|message| !is_proposal(message));
    true
}
