//! The work of a window: tasks and weights of a validator, answers of a miner, feedback to both.

use ganglion_consensus::ledger::EpochResult;
use ganglion_types::{
    Body, Digest, Epoch, Hotkey, ItemId, OutputBatch, OutputCommit, Payload, Role, TaskBatch,
    Weights, seed,
};

use crate::effect::{Effect, MinerScore, Report, Timer};
use crate::input::{Caller, Channel, Feedback, Job, JobId, Standing};
use crate::participant::{LOCAL_SCORES, Participant};
use crate::tasks::{Made, ROUND, mean_scores};

impl Participant {
    /// Sets the window's timers for our role and, as a validator, has tasks made.
    pub(crate) fn start_round(&mut self) {
        let Some((_, seat)) = self.seat() else { return };
        let (role, permit) = (seat.role, seat.permit);
        let at = |part: u64| self.window.saturating_add(part);
        let (commit, batches) = (at(self.schedule.commit), at(self.schedule.batches));
        let (score, weights) = (at(self.schedule.score), at(self.schedule.weights));
        match role {
            Role::Miner => {
                self.set_timer(Timer::Commit, commit);
                self.set_timer(Timer::Batches, batches);
            }
            Role::Validator if permit && self.may_sign() => {
                self.set_timer(Timer::Score, score);
                self.set_timer(Timer::Weights, weights);
                if self.now.mono < commit {
                    self.make_tasks();
                }
            }
            Role::Validator => {}
        }
    }

    fn make_tasks(&mut self) {
        let Some(element) = self.seed_element() else {
            let note = "no task-seed chain of this hotkey goes on from the element shown last: no \
                        tasks and no weights until it begins another with `ganglion serve`";
            return self.report(Report::Odd(note.into()));
        };
        let seed = seed::task_seed(&self.state.head(), &element);
        let job = self.new_job();
        let count = self.config.manifest.task.batch_size;
        self.send(Effect::Work(Job::MakeTasks { job, seed, round: ROUND, count }));
    }

    /// The element of our task-seed chain for the closing epoch, counted from the one shown last, in
    /// whichever of our chains that is.
    fn seed_element(&self) -> Option<Digest> {
        let (_, seat) = self.seat()?;
        let steps = self.closing().get().checked_sub(seat.seed_epoch.get())?;
        let mut chains = self.config.seed_chains.iter();
        chains.find_map(|start| seed::before(start, &seat.seed, steps))
    }

    pub(crate) fn on_tasks_made(&mut self, job: JobId, inputs: Vec<Payload>) {
        let Some(signer) = self.me else { return };
        let late = self.now.mono >= self.window.saturating_add(self.schedule.commit);
        if inputs.is_empty() || late || self.round.made.is_some() {
            self.report(Report::Odd("the worker made no tasks in time: no round".into()));
            return;
        }
        let count = inputs.len();
        let body = Body::TaskBatch(TaskBatch {
            signer,
            mechid: 0,
            epoch: self.closing(),
            seq: self.next_seq(),
            round: ROUND,
            task: self.config.manifest.task.task_type.clone(),
            inputs,
        });
        let at = self.now.mono;
        if let Some(item) = self.publish(Channel::Tasks, body) {
            self.round.made = Some(Made { job, batch: item.id(), count, at });
        }
    }

    pub(crate) fn on_task_batch(&mut self, id: ItemId, batch: &TaskBatch) {
        let miner = self.seat().is_some_and(|(_, seat)| seat.role == Role::Miner);
        let due = self.window.saturating_add(self.schedule.commit);
        if !miner || self.now.mono >= due {
            return;
        }
        let Some(uid) = self.state.uid_of(&batch.signer) else { return };
        let Some(seat) = self.state.participant(uid) else { return };
        let caller =
            Caller { hotkey: batch.signer, uid, stake: seat.stake.get(), permit: seat.permit };
        let job = self.new_job();
        if !self.round.ask(id, job, batch) {
            return;
        }
        if self.is_lazy() {
            self.on_forwarded(job, self.overheard_answers(batch).unwrap_or_default());
        } else {
            let deadline_ms = due.saturating_sub(self.now.mono);
            let inputs = batch.inputs.clone();
            self.send(Effect::Work(Job::Forward { job, caller, inputs, deadline_ms }));
        }
    }

    pub(crate) fn on_forwarded(&mut self, job: JobId, outputs: Vec<Payload>) {
        self.round.answered(job, outputs);
        let validators = self.state.participants();
        let validators =
            validators.filter(|(_, seat)| seat.permit && seat.role == Role::Validator).count();
        if self.round.is_complete(validators) {
            self.commit_answers();
        }
    }

    pub(crate) fn commit_answers(&mut self) {
        let Some(signer) = self.me else { return };
        let Some(root) = self.round.commit() else { return };
        let body = Body::OutputCommit(OutputCommit {
            signer,
            mechid: 0,
            epoch: self.closing(),
            seq: self.next_seq(),
            round: ROUND,
            root,
        });
        self.publish(Channel::Outputs, body);
    }

    pub(crate) fn send_answers(&mut self) {
        let Some(signer) = self.me else { return };
        let Some(batches) = self.round.committed().map(<[_]>::to_vec) else { return };
        let body = Body::OutputBatch(OutputBatch {
            signer,
            mechid: 0,
            epoch: self.closing(),
            seq: self.next_seq(),
            round: ROUND,
            batches,
        });
        self.publish(Channel::Outputs, body);
    }

    pub(crate) fn on_output_batch(&mut self, batch: &OutputBatch) {
        self.overhear(batch);
        // Before the deadline it exposes only its sender; it counts all the same.
        self.round.batch_from(batch);
        let opened = self.now.mono > self.window.saturating_add(self.schedule.batches);
        if opened && self.round.all_opened() {
            self.score_round();
        }
    }

    pub(crate) fn score_round(&mut self) {
        let Some(made) = self.round.made.clone() else { return };
        if self.round.scoring.is_some() {
            return;
        }
        let responses = self.round.responses(&self.miners());
        let job = self.new_job();
        self.round.scoring = Some(job);
        let due = self.window.saturating_add(self.schedule.weights);
        let deadline_ms = due.saturating_sub(self.now.mono);
        self.send(Effect::Work(Job::Score { job, made: made.job, responses, deadline_ms }));
    }

    pub(crate) fn on_scored(&mut self, job: JobId, scores: &[(Hotkey, Vec<Option<i64>>)]) {
        if self.round.scoring != Some(job) {
            return;
        }
        let asked = self.miners();
        let responses = self.round.responses(&asked);
        let task = &self.config.manifest.task;
        let (alpha, equal) = (task.alpha, task.equal_answers_expected);
        let means = mean_scores(&asked, &responses, scores, equal);
        let answered = responses.iter().map(|response| response.hotkey);
        let Some(means) = means.filter(|_| self.scores.counts(answered)) else {
            self.report(Report::Scored { miners: Vec::new(), void: true });
            return;
        };
        self.round.keep_scores(&responses, scores);
        let miners = means
            .into_iter()
            .map(|(hotkey, tasks, score)| {
                let average = self.scores.fold(hotkey, score, alpha);
                MinerScore { hotkey, tasks, score, average }
            })
            .collect();
        let value = self.scores.to_bytes();
        self.send(Effect::SaveLocal { key: LOCAL_SCORES, value });
        self.report(Report::Scored { miners, void: false });
    }

    pub(crate) fn publish_weights(&mut self) {
        let Some(signer) = self.me.filter(|_| self.may_sign()) else { return };
        let Some(task_preimage) = self.seed_element() else { return };
        let entries = self.row_to_publish();
        if entries.is_empty() {
            return;
        }
        if self.state.hyperparameters().commit_reveal_weights_enabled {
            return self.commit_to(entries, task_preimage);
        }
        let body = Body::Weights(Weights {
            signer,
            mechid: 0,
            epoch: self.closing(),
            seq: self.next_seq(),
            entries,
            task_preimage,
        });
        if let Some(item) = self.publish(Channel::Weights, body) {
            self.contradict_weights(&item);
            self.pool_own(item, "own weights");
        }
    }

    /// What the epoch brought, for the worker beside us; `None` if we hold no uid.
    pub(crate) fn feedback(&self, result: &EpochResult) -> Option<Feedback> {
        let (uid, _) = self.seat()?;
        let field = result
            .rows
            .iter()
            .map(|row| {
                let better = result.rows.iter().filter(|other| other.incentive > row.incentive);
                let rank = u16::try_from(better.count()).unwrap_or(u16::MAX).saturating_add(1);
                Standing {
                    uid: row.uid,
                    hotkey: row.hotkey,
                    incentive: row.incentive,
                    dividends: row.dividends,
                    consensus: row.consensus,
                    rank,
                }
            })
            .collect();
        let epoch: Epoch = result.header.epoch;
        Some(Feedback { epoch: epoch.get(), uid, field })
    }
}
