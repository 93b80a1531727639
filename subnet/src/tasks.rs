//! One round of tasks: what a validator asked, what a miner answered, what counts.
//!
//! ```text
//! validator:  make tasks ► TaskBatch ► commits until the deadline ► batches ► score ► weights
//! miner:      TaskBatch … ► answers ► OutputCommit (before the deadline) ► OutputBatch (after it)
//! ```

use std::collections::{BTreeMap, BTreeSet};

use ganglion_types::weights::{SCORE_LEAF_BYTES, score_leaf};
use ganglion_types::{
    BatchOutputs, Canonical as _, Digest, Hotkey, Item, ItemId, Kind, OutputBatch, OutputCommit,
    Payload, TaskBatch, task,
};

use crate::input::{JobId, Response};
use crate::intake::Rejection;

/// The only round of an epoch.
pub const ROUND: u32 = 0;

/// Everything about one round, for either role.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// Statements seen by kind and signer: one each.
    seen: BTreeMap<(Kind, Hotkey), ItemId>,
    /// Those statements as they are handed on to peers that lack them.
    kept: BTreeMap<ItemId, Item>,
    kept_bytes: usize,
    /// Validator: own tasks.
    pub made: Option<Made>,
    /// Validator: commits that came in time, with their delay.
    commits: BTreeMap<Hotkey, (Digest, u64)>,
    /// Validator: answers to own tasks that open their commit.
    answers: BTreeMap<Hotkey, Vec<Payload>>,
    /// Validator: whose batch did not open its commit.
    broken: BTreeSet<Hotkey>,
    /// Validator: the job that scores.
    pub scoring: Option<JobId>,
    /// Validator: every single score of the round, as the leaves of a score root.
    pub scored: Vec<[u8; SCORE_LEAF_BYTES]>,
    /// Miner: batches to answer.
    asked: BTreeMap<ItemId, Asked>,
    /// Miner: what it has committed to.
    committed: Option<Vec<BatchOutputs>>,
}

/// A validator's own tasks.
#[derive(Clone, Debug)]
pub struct Made {
    /// The job that made them, whose secrets score them.
    pub job: JobId,
    /// Their batch.
    pub batch: ItemId,
    /// How many.
    pub count: usize,
    /// When they were published, on the monotonic clock.
    pub at: u64,
}

#[derive(Clone, Debug)]
struct Asked {
    job: JobId,
    count: usize,
    outputs: Option<Vec<Payload>>,
}

impl Round {
    /// Batches that one miner answers in a round.
    pub const ASKED: usize = ganglion_types::limits::ROUND_BATCHES;
    /// Bytes of statements kept for others: those of 64 validators and 192 miners at 64 KiB each.
    pub const KEPT_BYTES: usize = 16 * 1024 * 1024;

    /// An empty round.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            seen: BTreeMap::new(),
            kept: BTreeMap::new(),
            kept_bytes: 0,
            made: None,
            commits: BTreeMap::new(),
            answers: BTreeMap::new(),
            broken: BTreeSet::new(),
            scoring: None,
            scored: Vec::new(),
            asked: BTreeMap::new(),
            committed: None,
        }
    }

    /// Whether a statement of this kind and signer is new: each says one of a kind in a round.
    ///
    /// # Errors
    /// [`Rejection::Duplicate`] for the same one, [`Rejection::SignerRate`] for another.
    pub fn room(&self, kind: Kind, signer: Hotkey, id: ItemId) -> Result<(), Rejection> {
        match self.seen.get(&(kind, signer)) {
            None => Ok(()),
            Some(seen) if *seen == id => Err(Rejection::Duplicate),
            Some(_) => Err(Rejection::SignerRate),
        }
    }

    /// Notes an authentic statement, and keeps it for others while there is room.
    pub fn note(&mut self, signer: Hotkey, item: &Item) {
        let id = item.id();
        self.seen.insert((item.kind(), signer), id);
        let size = self.kept_bytes.saturating_add(item.to_bytes().len());
        if size <= Self::KEPT_BYTES {
            self.kept_bytes = size;
            self.kept.insert(id, item.clone());
        }
    }

    /// A statement of this round, if it is kept.
    #[must_use]
    pub fn kept(&self, id: &ItemId) -> Option<&Item> {
        self.kept.get(id)
    }

    /// Ids of all statements seen, kept or not.
    pub fn ids(&self) -> impl Iterator<Item = &ItemId> {
        self.seen.values()
    }

    /// Miner: a batch to answer; false once the answers are committed.
    pub fn ask(&mut self, batch: ItemId, job: JobId, tasks: &TaskBatch) -> bool {
        if self.committed.is_some() || self.asked.len() >= Self::ASKED {
            return false;
        }
        let count = tasks.inputs.len();
        self.asked.insert(batch, Asked { job, count, outputs: None });
        true
    }

    /// Miner: answers of the worker. A wrong number of them is no answer at all.
    pub fn answered(&mut self, job: JobId, outputs: Vec<Payload>) {
        if self.committed.is_some() {
            return;
        }
        if let Some(asked) = self.asked.values_mut().find(|asked| asked.job == job)
            && outputs.len() == asked.count
        {
            asked.outputs = Some(outputs);
        }
    }

    /// Miner: whether these validators have all asked and all were answered, so that waiting longer
    /// brings nothing.
    #[must_use]
    pub fn is_complete(&self, validators: usize) -> bool {
        self.asked.len() >= validators && self.asked.values().all(|asked| asked.outputs.is_some())
    }

    /// Miner: freezes the answers; the root to commit to, or `None` if there is nothing to say or it
    /// was said.
    pub fn commit(&mut self) -> Option<Digest> {
        if self.committed.is_some() {
            return None;
        }
        let batches: Vec<BatchOutputs> = self
            .asked
            .iter()
            .filter_map(|(batch, asked)| {
                let outputs = asked.outputs.clone()?;
                Some(BatchOutputs { batch: *batch, outputs })
            })
            .collect();
        if batches.is_empty() {
            return None;
        }
        let root = task::output_root(&batches);
        self.committed = Some(batches);
        Some(root)
    }

    /// Miner: the committed answers.
    #[must_use]
    pub fn committed(&self) -> Option<&[BatchOutputs]> {
        self.committed.as_deref()
    }

    /// Validator: a commit that came `now`; it counts until the deadline.
    pub fn committed_by(&mut self, commit: &OutputCommit, now: u64, deadline: u64) {
        let Some(made) = &self.made else { return };
        if now <= deadline {
            let delay = now.saturating_sub(made.at);
            self.commits.insert(commit.signer, (commit.root, delay));
        }
    }

    /// Validator: answers. They count if they open the sender's commit and answer every task of ours.
    pub fn batch_from(&mut self, batch: &OutputBatch) {
        let Some(made) = &self.made else { return };
        let Some((root, _)) = self.commits.get(&batch.signer) else { return };
        if task::output_root(&batch.batches) != *root {
            self.broken.insert(batch.signer);
            return;
        }
        let ours = batch.batches.iter().find(|answers| answers.batch == made.batch);
        if let Some(ours) = ours.filter(|answers| answers.outputs.len() == made.count) {
            self.answers.insert(batch.signer, ours.outputs.clone());
        }
    }

    /// Validator: whether every commit was opened, so that waiting longer brings nothing.
    #[must_use]
    pub fn all_opened(&self) -> bool {
        self.commits
            .keys()
            .all(|miner| self.answers.contains_key(miner) || self.broken.contains(miner))
    }

    /// Validator: what each answer got; one without a score is left out.
    pub fn keep_scores(&mut self, responses: &[Response], scores: &[(Hotkey, Vec<Option<i64>>)]) {
        let Some(batch) = self.made.as_ref().map(|made| made.batch) else { return };
        let scores: BTreeMap<&Hotkey, &Vec<Option<i64>>> =
            scores.iter().map(|(hotkey, scores)| (hotkey, scores)).collect();
        self.scored = responses
            .iter()
            .filter_map(|response| Some((response, scores.get(&response.hotkey)?)))
            .flat_map(|(response, scores)| {
                let each = (0..).zip(response.outputs.iter().zip(scores.iter()));
                each.filter_map(move |(index, (output, score))| {
                    Some(score_leaf(&batch, index, response.uid, &output.digest(), (*score)?))
                })
            })
            .collect();
    }

    /// Validator: the answers to score, of the miners asked.
    #[must_use]
    pub fn responses(&self, miners: &[(u16, Hotkey)]) -> Vec<Response> {
        miners
            .iter()
            .filter_map(|(uid, hotkey)| {
                let outputs = self.answers.get(hotkey)?.clone();
                let latency_ms = self.commits.get(hotkey).map_or(0, |commit| commit.1);
                let uid = ganglion_types::Uid::new(*uid);
                Some(Response { hotkey: *hotkey, uid, outputs, latency_ms })
            })
            .collect()
    }
}

/// Mean scores of a round in millionths, for the miners asked.
///
/// Silence and answers without a score count zero. `None` if nobody was asked or the scorer gave no
/// score at all: that says nothing of the miners. Where equal answers are not expected, those who gave
/// the same answer to a task share one score.
#[must_use]
pub fn mean_scores(
    asked: &[(u16, Hotkey)],
    responses: &[Response],
    scores: &[(Hotkey, Vec<Option<i64>>)],
    equal_answers_expected: bool,
) -> Option<Vec<(Hotkey, u32, i64)>> {
    let mut given = scores.iter().flat_map(|(_, each)| each);
    if asked.is_empty() || given.all(Option::is_none) {
        return None;
    }
    let answers: BTreeMap<Hotkey, &Response> =
        responses.iter().map(|response| (response.hotkey, response)).collect();
    let scores: BTreeMap<Hotkey, &Vec<Option<i64>>> =
        scores.iter().map(|(hotkey, scores)| (*hotkey, scores)).collect();
    let sharers = if equal_answers_expected { BTreeMap::new() } else { sharers(responses) };
    let mean = |hotkey: &Hotkey| -> (u32, i64) {
        let (Some(answer), Some(scores)) = (answers.get(hotkey), scores.get(hotkey)) else {
            return (0, 0);
        };
        let each = answer.outputs.iter().zip(scores.iter()).enumerate();
        let total = each.fold(0i64, |total, (at, (output, score))| {
            let score = score.unwrap_or(0).clamp(0, 1_000_000);
            let shared = sharers.get(&(at, output.digest())).copied().unwrap_or(1).max(1);
            total.saturating_add(score.checked_div(shared).unwrap_or(0))
        });
        let count = i64::try_from(answer.outputs.len()).unwrap_or(i64::MAX).max(1);
        let tasks = u32::try_from(answer.outputs.len()).unwrap_or(u32::MAX);
        (tasks, total.checked_div(count).unwrap_or(0))
    };
    Some(
        asked
            .iter()
            .map(|(_, hotkey)| {
                let (tasks, score) = mean(hotkey);
                (*hotkey, tasks, score)
            })
            .collect(),
    )
}

/// How many gave one answer to one task.
fn sharers(responses: &[Response]) -> BTreeMap<(usize, Digest), i64> {
    let mut counts: BTreeMap<(usize, Digest), i64> = BTreeMap::new();
    for response in responses {
        for (at, output) in response.outputs.iter().enumerate().filter(|(_, o)| !o.is_empty()) {
            let count = counts.entry((at, output.digest())).or_insert(0);
            *count = count.saturating_add(1);
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use ganglion_types::{Epoch, Uid};

    use super::*;

    fn hotkey(byte: u8) -> Hotkey {
        Hotkey::new([byte; 32])
    }

    fn response(byte: u8, outputs: &[&[u8]]) -> Response {
        Response {
            hotkey: hotkey(byte),
            uid: Uid::new(byte.into()),
            outputs: outputs.iter().map(|bytes| Payload::Inline(bytes.to_vec())).collect(),
            latency_ms: 1,
        }
    }

    fn asked(many: u8) -> Vec<(u16, Hotkey)> {
        (1..=many).map(|byte| (byte.into(), hotkey(byte))).collect()
    }

    #[test]
    fn silence_counts_zero_unless_nothing_was_scored() {
        let one = [response(1, &[b"a"])];
        let scores = [(hotkey(1), vec![Some(1_000_000)])];
        assert_eq!(
            mean_scores(&asked(2), &one, &scores, true),
            Some(vec![(hotkey(1), 1, 1_000_000), (hotkey(2), 0, 0)])
        );
        assert_eq!(mean_scores(&[], &one, &scores, true), None);
        assert_eq!(mean_scores(&asked(2), &[], &[], true), None);
        let mute = [(hotkey(1), vec![None])];
        assert_eq!(mean_scores(&asked(2), &one, &mute, true), None);
        assert_eq!(mean_scores(&asked(2), &one, &[], true), None);
    }

    #[test]
    fn equal_answers_share_one_score_where_none_are_expected() {
        let two = [response(1, &[b"a", b"b"]), response(2, &[b"a", b"c"])];
        let full = vec![Some(1_000_000), Some(1_000_000)];
        let scores = [(hotkey(1), full.clone()), (hotkey(2), full)];
        let shared = mean_scores(&asked(2), &two, &scores, false).unwrap();
        assert_eq!(shared, [(hotkey(1), 2, 750_000), (hotkey(2), 2, 750_000)]);
        let free = mean_scores(&asked(2), &two, &scores, true).unwrap();
        assert_eq!(free[0].2, 1_000_000);
    }

    #[test]
    fn an_answer_counts_only_if_it_opens_its_commit_in_time() {
        let mut round = Round::new();
        let batch = ItemId::new([7; 32]);
        round.made = Some(Made { job: JobId(1), batch, count: 1, at: 100 });
        let outputs =
            |byte: u8| vec![BatchOutputs { batch, outputs: vec![Payload::Inline(vec![byte])] }];
        let commit = |miner: u8, byte: u8| OutputCommit {
            signer: hotkey(miner),
            mechid: 0,
            epoch: Epoch::new(1),
            seq: 1,
            round: 0,
            root: task::output_root(&outputs(byte)),
        };
        let answer = |miner: u8, byte: u8| OutputBatch {
            signer: hotkey(miner),
            mechid: 0,
            epoch: Epoch::new(1),
            seq: 2,
            round: 0,
            batches: outputs(byte),
        };
        round.committed_by(&commit(1, 5), 300, 400);
        round.committed_by(&commit(2, 5), 400, 400);
        round.committed_by(&commit(3, 5), 401, 400);
        round.batch_from(&answer(1, 5));
        round.batch_from(&answer(2, 6));
        round.batch_from(&answer(3, 5));
        assert!(round.all_opened());
        let counted = round.responses(&asked(3));
        assert_eq!(counted.len(), 1);
        assert_eq!((counted[0].hotkey, counted[0].latency_ms), (hotkey(1), 200));
    }
}
