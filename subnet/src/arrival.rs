//! What arrives: the checks that an item passes, cheapest first, and where it goes from there.

use ganglion_consensus::ledger::admissible;
use ganglion_types::{Body, Hotkey, Item, ItemId, Role};

use crate::effect::{Effect, Report, Verdict};
use crate::input::{Channel, GossipToken, Ticket};
use crate::intake::{self, Rejection};
use crate::participant::Participant;

/// A message of the next epoch, kept until this one is decided.
#[derive(Debug)]
pub(crate) struct EarlyMessage {
    from: Hotkey,
    token: GossipToken,
    channel: Channel,
    bytes: Vec<u8>,
}

/// Messages of the next epoch kept.
const EARLY_MESSAGES: usize = 1_024;
/// Their bytes.
const EARLY_BYTES: usize = 8 * 1024 * 1024;

impl Participant {
    pub(crate) fn on_gossip(
        &mut self,
        from: Hotkey,
        token: GossipToken,
        channel: Channel,
        bytes: Vec<u8>,
    ) {
        if channel == Channel::Agreement {
            self.on_agreement_gossip(from, token, bytes);
            return;
        }
        match self.receive_item(from, channel, &bytes) {
            Ok(id) => {
                self.differences.came_by_gossip(*id.as_bytes(), self.now.mono);
                self.send(Effect::Verdict(token, Verdict::Accept));
            }
            Err(Rejection::Early) if self.keep_early(from, token, channel, bytes) => {}
            Err(rejection) => self.send(Effect::Verdict(token, rejection.verdict())),
        }
    }

    /// Keeps a message of the next epoch, with its verdict open; false if it is not kept.
    pub(crate) fn keep_early(
        &mut self,
        from: Hotkey,
        token: GossipToken,
        channel: Channel,
        bytes: Vec<u8>,
    ) -> bool {
        let size = self.early_bytes.saturating_add(bytes.len());
        if self.early.len() >= EARLY_MESSAGES || size > EARLY_BYTES {
            return false;
        }
        self.early_bytes = size;
        self.early.push_back(EarlyMessage { from, token, channel, bytes });
        true
    }

    pub(crate) fn replay_early(&mut self) {
        self.early_bytes = 0;
        for message in std::mem::take(&mut self.early) {
            let EarlyMessage { from, token, channel, bytes } = message;
            self.on_gossip(from, token, channel, bytes);
        }
    }

    /// The arrival checks for one item, then what it means.
    fn receive_item(
        &mut self,
        from: Hotkey,
        channel: Channel,
        bytes: &[u8],
    ) -> Result<ItemId, Rejection> {
        let decoded = intake::decode(bytes, &self.subnet, channel);
        let kind = decoded.as_ref().ok().map(Item::kind);
        let result = decoded.and_then(|item| {
            let id = item.id();
            self.check_item(Some(from), item).map(|()| id)
        });
        self.report(Report::Item { kind, rejected: result.as_ref().err().copied() });
        result
    }

    pub(crate) fn check_item(&mut self, from: Option<Hotkey>, item: Item) -> Result<(), Rejection> {
        self.check_epoch(&item)?;
        self.check_signer(&item)?;
        self.check_room(&item)?;
        if let Some(peer) = from
            && !self.rates.take(peer, self.now.mono)
        {
            return Err(Rejection::PeerRate);
        }
        if !self.verify(&item) {
            return Err(Rejection::BadSignature);
        }
        self.admit(item)
    }

    /// Checks a signature, and counts it.
    pub(crate) fn verify(&mut self, item: &Item) -> bool {
        self.signatures_checked = self.signatures_checked.saturating_add(1);
        item.verify()
    }

    pub(crate) fn peer_rate(&mut self, peer: Hotkey) -> bool {
        self.rates.take(peer, self.now.mono)
    }

    pub(crate) fn count_signature(&mut self) {
        self.signatures_checked = self.signatures_checked.saturating_add(1);
    }

    fn check_epoch(&self, item: &Item) -> Result<(), Rejection> {
        let closing = self.closing();
        // The epochs whose cuts may hold it, as far as the item itself says.
        let (first, last) = match item.body() {
            Body::RegistryOp(op) => (None, Some(op.valid_until)),
            Body::WeightReveal(reveal) => {
                // How late it may be is its meaning.
                (Some(reveal.epoch.next()), None)
            }
            Body::Evidence(evidence) => (Some(evidence.epoch()), None),
            body => (body.epoch(), body.epoch()),
        };
        if last.is_some_and(|last| last < closing) {
            return Err(Rejection::Stale);
        }
        match first {
            Some(first) if first == closing.next() => Err(Rejection::Early),
            // Not kept: we lag and catch up, or the sender makes numbers up.
            Some(first) if first > closing => Err(Rejection::Future),
            _ => Ok(()),
        }
    }

    /// Whether the signer may say this kind of thing at all. Cheap look-ups only.
    fn check_signer(&self, item: &Item) -> Result<(), Rejection> {
        let seat =
            |hotkey: &Hotkey| self.state.uid_of(hotkey).and_then(|uid| self.state.participant(uid));
        let may = match item.body() {
            Body::Weights(body) => seat(&body.signer).is_some_and(|seat| seat.permit),
            Body::WeightCommit(body) => seat(&body.signer).is_some_and(|seat| seat.permit),
            Body::WeightReveal(body) => seat(&body.signer).is_some(),
            Body::TaskBatch(body) => seat(&body.signer).is_some_and(|seat| seat.permit),
            Body::OutputCommit(body) => {
                seat(&body.signer).is_some_and(|seat| seat.role == Role::Miner)
            }
            Body::OutputBatch(body) => {
                seat(&body.signer).is_some_and(|seat| seat.role == Role::Miner)
            }
            Body::InclusionList(body) => self.committee.stake_of(&body.signer).is_some(),
            Body::RegistryOp(op) if op.operation.is_of_registry() => {
                self.committee.stake_of(&Hotkey::new(op.signer)).is_some()
            }
            Body::RegistryOp(op) if op.operation.is_of_hotkey() => {
                seat(&Hotkey::new(op.signer)).is_some()
            }
            // Whether an operation may be done is its meaning; anybody may register, or show an
            // offence.
            Body::RegistryOp(_) | Body::Evidence(_) => true,
            Body::PeerRecord(_) | Body::Receipt(_) => false,
        };
        if may { Ok(()) } else { Err(Rejection::NotPermitted) }
    }

    fn check_room(&self, item: &Item) -> Result<(), Rejection> {
        if item.kind().is_cut_kind() {
            return self.pool.room(item);
        }
        let Some(signer) = Hotkey::from_slice(item.body().signer()) else {
            return Err(Rejection::Malformed);
        };
        self.round.room(item.kind(), signer, item.id())
    }

    /// What an authentic item means.
    fn admit(&mut self, item: Item) -> Result<(), Rejection> {
        if item.kind().is_cut_kind() {
            admissible(&self.state, &item).map_err(|_| Rejection::Inadmissible)?;
            self.fetch.found(&crate::fetch::Want::Item(item.id()));
            self.note_contradiction(&item);
            self.pool.insert(item);
            self.pursue_agreement();
            return Ok(());
        }
        let id = item.id();
        let Some(signer) = Hotkey::from_slice(item.body().signer()) else {
            return Err(Rejection::Malformed);
        };
        self.check_round(item.body())?;
        self.round.note(signer, &item);
        match item.into_body() {
            Body::TaskBatch(batch) => self.on_task_batch(id, &batch),
            Body::OutputCommit(commit) => {
                let deadline = self.window.saturating_add(self.schedule.commit_deadline);
                self.round.committed_by(&commit, self.now.mono, deadline);
            }
            Body::OutputBatch(batch) => self.on_output_batch(&batch),
            _ => {}
        }
        Ok(())
    }

    fn check_round(&self, body: &Body) -> Result<(), Rejection> {
        let (mechid, round) = match body {
            Body::TaskBatch(body) => (body.mechid, body.round),
            Body::OutputCommit(body) => (body.mechid, body.round),
            Body::OutputBatch(body) => (body.mechid, body.round),
            _ => return Ok(()),
        };
        let task_fits = match body {
            Body::TaskBatch(body) => {
                let most = usize::try_from(self.config.manifest.task.batch_size).unwrap_or(0);
                body.task == self.config.manifest.task.task_type && body.inputs.len() <= most
            }
            _ => true,
        };
        if mechid == 0 && round == crate::tasks::ROUND && task_fits {
            Ok(())
        } else {
            Err(Rejection::Inadmissible)
        }
    }

    /// An operation of this node's own user.
    pub(crate) fn on_submit(&mut self, ticket: Ticket, bytes: &[u8]) {
        let result = intake::decode(bytes, &self.subnet, Channel::Ops)
            .map_err(|rejection| format!("the operation is {}", rejection.name()))
            .and_then(|item| {
                let id = item.id();
                match self.check_item(None, item.clone()) {
                    // Sent again by a careful client: it is on its way.
                    Ok(()) | Err(Rejection::Duplicate) => Ok(id),
                    Err(rejection) => Err(match admissible(&self.state, &item) {
                        Err(reason) => reason.to_string(),
                        Ok(()) => format!("the operation is refused: {}", rejection.name()),
                    }),
                }
            });
        if result.is_ok() {
            self.send(Effect::Publish(Channel::Ops, bytes.to_vec()));
            self.said_something();
        }
        self.send(Effect::Submitted(ticket, result));
    }
}
